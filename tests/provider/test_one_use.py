"""A role that a service puts to one use of its own is no alarm outside production; one that runs what somebody wrote is."""

from __future__ import annotations

import pytest

from keyturn.explaining import Explainer, asked_of
from tests.provider.ordinary_work import engine

ROLE = "arn:aws:iam::123456789012:role/uses"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:f"
BACKUP = "aws backup start-backup-job --backup-vault-name v --resource-arn arn:aws:ec2:eu-west-1:123456789012:volume/vol-1"
COPY = "aws backup start-copy-job --recovery-point-arn arn:aws:ec2:eu-west-1::snapshot/snap-1 --source-backup-vault-name v"
STREAM = "aws cloudwatch put-metric-stream --name m --output-format json --firehose-arn arn:aws:firehose:eu-west-1:123456789012:deliverystream/d"
MACHINE = "aws stepfunctions create-state-machine --name s --definition"
IDLE = '\'{"StartAt":"a","States":{"a":{"Type":"Wait","Seconds":5,"End":true}}}\''
BUSY = f'\'{{"StartAt":"a","States":{{"a":{{"Type":"Task","Resource":"{FUNCTION}","End":true}}}}}}\''

CASES = {
    "a backup": (f"{BACKUP} --iam-role-arn {ROLE}", "allow", "hold"),
    "a backup with a role that may do everything, as its name says": (
        f"{BACKUP} --iam-role-arn arn:aws:iam::123456789012:role/Admin",
        "hold",
        "hold",
    ),
    "a copy that stays in the account": (
        f"{COPY} --destination-backup-vault-arn arn:aws:backup:eu-central-1:123456789012:backup-vault:v --iam-role-arn {ROLE}",
        "allow",
        "hold",
    ),
    "a copy to another account": (
        f"{COPY} --destination-backup-vault-arn arn:aws:backup:eu-central-1:999999999999:backup-vault:v --iam-role-arn {ROLE}",
        "hold",
        "hold",
    ),
    "measures are streamed": (f"{STREAM} --role-arn {ROLE}", "allow", "hold"),
    "a state machine that calls nothing": (f"{MACHINE} {IDLE} --role-arn {ROLE}", "allow", "hold"),
    "a state machine that calls a function": (f"{MACHINE} {BUSY} --role-arn {ROLE}", "hold", "hold"),
    "code of one's own": (
        f"aws glue create-job --name j --role {ROLE} --command Name=glueetl,ScriptLocation=s3://b/j.py",
        "hold",
        "hold",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_done_with_the_role_decides(name: str) -> None:
    """The role's policies were not read: production looks at every one of them, elsewhere only at what others could be made to do."""
    command, development, production = CASES[name]
    explainer = Explainer(engine())
    seen = [
        explainer.explain(asked_of({"command": command, "environment": where})).decision.verdict
        for where in ("development", "production")
    ]
    assert seen == [development, production]
