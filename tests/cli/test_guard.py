"""The documents that make Keyturn enforcing are asked, not believed: who can change what under them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from keyturn.cli.main import main
from keyturn.errors import OperatorError
from keyturn.providers.aws import catalogue
from keyturn.providers.aws.evaluator import evaluate
from keyturn.providers.aws.guard import (
    READ_SERVICES,
    SCP_CHARS_MAX,
    Guarded,
    backup_policy,
    boundary,
    change_policy,
    read_patterns,
    scp,
    template,
)

ACCOUNT = "123456789012"
PLANE = f"arn:aws:iam::{ACCOUNT}:role/keyturn-host"
GUARDED = Guarded(account=ACCOUNT, plane=PLANE, exempt=(f"arn:aws:iam::{ACCOUNT}:role/workload/*",))
TABLE = f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/costs"
ALLOW_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def under_the_fence(action: str, who: str, resource: str = "*") -> bool:
    """As an account evaluates it: somebody with every permission, under the service control policy."""
    document = scp(GUARDED).document
    everything = {**document, "Statement": [ALLOW_ALL, *document["Statement"]]}
    return evaluate(everything, action=action, resource=resource, context={"aws:PrincipalArn": who}).allowed


def role(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


CHANGES = [
    "dynamodb:DeleteTable",
    "dynamodb:PutItem",
    "s3:DeleteObject",
    "s3:PutBucketPolicy",
    "ec2:TerminateInstances",
    "iam:CreateUser",
    "iam:PutRolePolicy",
    "lambda:UpdateFunctionCode",
    "elasticbeanstalk:RebuildEnvironment",
    "organizations:LeaveOrganization",
    "somethingnew:DestroyIt",
]
READS = ["dynamodb:GetItem", "s3:ListBucket", "ec2:DescribeInstances", "iam:GetRole", "sts:AssumeRole"]


@pytest.mark.parametrize("action", CHANGES)
def test_nobody_changes_anything_beside_keyturn(action: str) -> None:
    """Neither an agent's role nor an administrator's, not even in a service nobody has heard of; the plane's role may."""
    for who in ("engineer", "agent", "AWSReservedSSO_AdministratorAccess_1", "keyturn-read-2"):
        assert not under_the_fence(action, role(who))
    for who in ("keyturn-change", "keyturn-backup", "keyturn-break-glass", "workload/orders"):
        assert under_the_fence(action, role(who))


@pytest.mark.parametrize("action", READS)
def test_reads_stay_open(action: str) -> None:
    """People look at things all day, and have to be able to break the glass."""
    assert under_the_fence(action, role("engineer"))


def test_no_pattern_of_a_read_lets_a_change_through() -> None:
    """Every operation of the catalogue that is known to change something, against every pattern of its service."""
    patterns = {service: list(read_patterns(service)) for service in READ_SERVICES}
    let_through = []
    for service, operation in catalogue.every():
        entry = catalogue.lookup(service, operation)
        if entry.effect in {"read", "list", "secret"} or entry.confidence == "low":
            continue
        fence = {"Statement": [{"Effect": "Allow", "Action": patterns.get(service, []), "Resource": "*"}]}
        if patterns.get(service) and evaluate(fence, action=entry.actions[0], resource="*").allowed:
            let_through.append(f"{entry.actions[0]} ({operation})")
    assert let_through == []


def test_the_policy_fits() -> None:
    """5,120 characters, and what was left out for it is said."""
    made = scp(GUARDED)
    assert made.chars <= SCP_CHARS_MAX
    assert made.left_out == ()
    crowd = msgspec.structs.replace(
        GUARDED, exempt=tuple(f"arn:aws:iam::{ACCOUNT}:role/team-{number}/*" for number in range(40))
    )
    smaller = scp(crowd)
    assert smaller.chars <= SCP_CHARS_MAX
    assert smaller.left_out


def test_too_many_exemptions_are_refused() -> None:
    """Rather than a fence that cannot be saved."""
    crowd = tuple(f"arn:aws:iam::{ACCOUNT}:role/{'x' * 60}-{number}/*" for number in range(60))
    with pytest.raises(OperatorError, match=r"5,120 are the limit"):
        scp(msgspec.structs.replace(GUARDED, exempt=crowd))


def test_the_boundary_allows_reads_alone() -> None:
    """For an account without an organization."""
    document = boundary(GUARDED)
    assert evaluate(document, action="dynamodb:GetItem", resource=TABLE).allowed
    for action in [*CHANGES, "iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary"]:
        assert not evaluate(document, action=action, resource="*").allowed


def test_the_change_role_cannot_reach_the_planes_own_ground() -> None:
    """Its own roles, undo material, copies of secrets, the fence itself."""
    document = change_policy(GUARDED)
    assert evaluate(document, action="dynamodb:DeleteTable", resource=TABLE).allowed
    copy = f"arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter/keyturn/backup/C-1/abc"
    for action, resource in [
        ("iam:UpdateAssumeRolePolicy", role("keyturn-change")),
        ("iam:DeleteRole", role("keyturn-break-glass")),
        ("dynamodb:DeleteBackup", f"{TABLE}/backup/1"),
        ("ssm:DeleteParameter", copy),
        ("ssm:GetParameter", copy),
        ("organizations:DetachPolicy", "*"),
        ("cloudtrail:StopLogging", "*"),
    ]:
        assert not evaluate(document, action=action, resource=resource).allowed, action


def test_the_backup_role_can_destroy_nothing_but_its_own_scratch() -> None:
    """It reads, backs up, and rehearses in tables of its own name."""
    document = backup_policy(GUARDED)
    scratch = f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/keyturn-drill-C-1-abc"
    assert evaluate(document, action="dynamodb:CreateBackup", resource=TABLE).allowed
    assert evaluate(document, action="dynamodb:DeleteTable", resource=scratch).allowed
    assert not evaluate(document, action="dynamodb:DeleteTable", resource=TABLE).allowed
    assert not evaluate(document, action="dynamodb:PutItem", resource=TABLE).allowed
    parameter = f"arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter/cost/token"
    assert not evaluate(document, action="ssm:PutParameter", resource=parameter).allowed
    assert not evaluate(document, action="kms:Decrypt", resource="*").allowed


def test_the_template_has_the_roles_the_alarm_and_no_open_trust() -> None:
    """Every role trusts a named principal; the way around needs a second factor and tells people."""
    resources: dict[str, Any] = template(GUARDED)["Resources"]
    for name in ("KeyturnRead", "KeyturnChange", "KeyturnBackup"):
        (statement,) = resources[name]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"AWS": PLANE}
        assert "sts:SetSourceIdentity" in statement["Action"]
    (glass,) = resources["BreakGlass"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert glass["Condition"] == {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    pattern = resources["BreakGlassAlarm"]["Properties"]["EventPattern"]
    assert pattern["detail"]["requestParameters"]["roleArn"] == [role("keyturn-break-glass")]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"account": "12"}, "no AWS account id"),
        ({"plane": "keyturn-host"}, "no ARN of a principal"),
        ({"people": "everybody"}, "no ARN of a principal"),
        ({"exempt": (f"arn:aws:iam::{ACCOUNT}:role/*",)}, "guards nothing"),
        ({"exempt": ("*",)}, "no ARN of a principal"),
    ],
)
def test_what_would_not_guard_is_refused(wrong: dict[str, Any], says: str) -> None:
    """By name."""
    with pytest.raises(OperatorError, match=says):
        scp(msgspec.structs.replace(GUARDED, **wrong))


def test_the_command_prints_and_writes(tmp_path: Path) -> None:
    """Text for people with the steps in order; each document by itself; all of them to a folder."""
    base = ["guard", "aws", "--account", ACCOUNT, "--plane", PLANE]
    told = CliRunner().invoke(main, base)
    assert told.exit_code == 0, told.output
    assert "Nobody is exempt" in told.output
    assert "aws cloudformation deploy" in told.output
    one = CliRunner().invoke(main, [*base, "--format", "scp"])
    assert json.loads(one.output)["Statement"][0]["Effect"] == "Deny"
    CliRunner().invoke(main, [*base, "--out", str(tmp_path)])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "keyturn-boundary.json",
        "keyturn-cloudformation.json",
        "keyturn-scp.json",
    ]
    unknown = CliRunner().invoke(
        main, ["--config", str(tmp_path / "none.toml"), "guard", "aws", "--plane", PLANE]
    )
    assert unknown.exit_code == 1
    assert "which account is not known" in unknown.output
