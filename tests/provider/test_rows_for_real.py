"""Rows asked on a stand-in account: what is read for them is what the service says, and what stands decides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest
from moto import mock_aws

from tests.provider.ordinary_work import judge, make_shop
from tests.provider.provider_world import Account

HARM: Final[list[tuple[str, str, dict[str, Any], str]]] = [
    # what, asked, with what, the row that speaks of it since it knows what stands
    ("retention below what is kept", "logs:PutRetentionPolicy", {"logGroupName": "/aws/lambda/report", "retentionInDays": 7}, "LOG001"),
    ("fewer instances than run", "autoscaling:SetDesiredCapacity", {"AutoScalingGroupName": "web", "DesiredCapacity": 1}, "AS002"),
    ("no instances", "autoscaling:UpdateAutoScalingGroup", {"AutoScalingGroupName": "web", "MinSize": 0, "MaxSize": 0}, "AS001"),
    ("fewer tasks than run", "ecs:UpdateService", {"cluster": "shop", "service": "web", "desiredCount": 1}, "ECS002"),
    ("a service with tasks", "ecs:DeleteService", {"cluster": "shop", "service": "web"}, "ECS004"),
    ("shorter backups", "rds:ModifyDBInstance", {"DBInstanceIdentifier": "shop", "BackupRetentionPeriod": 1}, "RDS003"),
    ("no backups", "rds:ModifyDBInstance", {"DBInstanceIdentifier": "shop", "BackupRetentionPeriod": 0}, "RDS002"),
    ("another schedule", "events:PutRule", {"Name": "nightly", "ScheduleExpression": "rate(1 minute)"}, "EVB002"),
    ("a rule that is on", "events:DisableRule", {"Name": "nightly"}, "EVB003"),
    ("another target", "events:PutTargets", {"Rule": "nightly", "Targets": [{"Id": "1", "Arn": "arn:aws:lambda:eu-west-1:123456789012:function:x"}]}, "EVB004"),
]  # fmt: skip
QUIET: Final[list[tuple[str, str, dict[str, Any]]]] = [
    ("longer retention", "logs:PutRetentionPolicy", {"logGroupName": "/aws/lambda/report", "retentionInDays": 90}),
    ("more instances", "autoscaling:SetDesiredCapacity", {"AutoScalingGroupName": "web", "DesiredCapacity": 3}),
    ("more tasks", "ecs:UpdateService", {"cluster": "shop", "service": "web", "desiredCount": 4}),
    ("longer backups", "rds:ModifyDBInstance", {"DBInstanceIdentifier": "shop", "BackupRetentionPeriod": 14}),
    ("the same schedule", "events:PutRule", {"Name": "nightly", "ScheduleExpression": "rate(1 day)"}),
]  # fmt: skip


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        yield Account()


@pytest.mark.slow
def test_what_stands_decides(account: Account) -> None:
    """The same call is harm or none by what the account answers; nothing is left unknown that a rule has asked."""
    make_shop(account)
    for what, name, parameters, code in HARM:
        found = judge(account, name, parameters)
        assert code in {finding.code for finding in found.findings}, what
        assert found.destructive or found.effect == "execute", what
    for what, name, parameters in QUIET:
        found = judge(account, name, parameters)
        assert not found.destructive, (what, found.findings)
        assert found.unknowns == (), what


def test_what_merely_begins_alike_does_not_stand(account: Account) -> None:
    """The service lists by a prefix: a new filter `err` changes nothing of `errors`, and a change of that is one."""
    logs = account.client("logs")
    logs.create_log_group(logGroupName="web")
    metric = {"metricName": "errors", "metricNamespace": "web", "metricValue": "1"}
    given = {"logGroupName": "web", "filterPattern": "ERROR", "metricTransformations": [metric]}
    logs.put_metric_filter(filterName="errors", **given)
    for name, pattern, codes in (
        ("err", "WARN", set()),
        ("errors", "WARN", {"LOG006"}),
        ("errors", "ERROR", set()),
    ):
        asked = given | {"filterName": name, "filterPattern": pattern}
        found = judge(account, "logs:PutMetricFilter", asked)
        assert {one.code for one in found.findings if one.code.startswith("LOG")} == codes, (name, pattern)
