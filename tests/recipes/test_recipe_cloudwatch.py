"""CloudWatch alarms: captured whole, made again, put back in place."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from moto import mock_aws

from keyturn.errors import UnavailableError
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Answer, Role, Succeeded, Unavailable
from keyturn.providers.aws.recipes import for_kind
from keyturn.providers.aws.recipes.base import State, call
from keyturn.providers.aws.recipes.cloudwatch import Alarm
from tests.provider.provider_world import ACCOUNT, REGION, Account, drive, scripted
from tests.recipes.recipe_world import assessed

RECIPE = Alarm()
REF = ResourceRef("aws", "aws", ACCOUNT, REGION, "cloudwatch:alarm", "errors")
COMPOSITE = msgspec.structs.replace(REF, id="anything")
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:on-call"
GIVEN: dict[str, Any] = {
    "AlarmName": "errors",
    "AlarmDescription": "too many",
    "MetricName": "Errors",
    "Namespace": "AWS/Lambda",
    "Statistic": "Sum",
    "Dimensions": [{"Name": "FunctionName", "Value": "report"}],
    "Period": 60,
    "EvaluationPeriods": 3,
    "DatapointsToAlarm": 2,
    "Threshold": 1.5,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "breaching",
    "AlarmActions": [TOPIC],
    "OKActions": [TOPIC],
}


@pytest.fixture
def account() -> Any:
    with mock_aws():
        made = Account()
        client = made.client("cloudwatch")
        client.put_metric_alarm(**GIVEN, Tags=[{"Key": "environment", "Value": "production"}])
        yield made


def captured(account: Account, ref: ResourceRef = REF) -> State:
    found = drive(RECIPE.capture(ref), account)
    assert found.unknowns == ()
    assert found.state is not None
    return found.state


def perform(account: Account, operation: str, parameters: dict[str, Any]) -> None:
    assert isinstance(account(call(REF, operation, parameters, Role.CHANGE)), Succeeded)


def test_an_alarm_is_captured_whole(account: Account) -> None:
    """Every setting that was given is there under the name it is changed by."""
    state = captured(account)
    assert state["type"] == "metric"
    assert (state["alarm_actions"], state["ok_actions"], state["insufficient_data_actions"]) == (
        [TOPIC],
        [TOPIC],
        [],
    )
    assert (state["threshold"], state["period"], state["treat_missing_data"]) == (1.5, 60, "breaching")
    assert state["tags"] == {"environment": "production"}


def test_a_composite_alarm_is_captured_and_made_again_by_its_own_call() -> None:
    """The stand-in has none, so the answers are scripted as the API reference gives them."""
    alarm = {
        "AlarmName": "anything",
        "AlarmArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:anything",
        "AlarmRule": 'ALARM("errors")',
        "AlarmActions": [TOPIC],
        "ActionsEnabled": True,
        "StateValue": "OK",
    }
    answers: dict[str, Answer | dict[str, Any]] = {
        "cloudwatch:DescribeAlarms": {"MetricAlarms": [], "CompositeAlarms": [alarm]},
        "cloudwatch:ListTagsForResource": {"Tags": []},
    }
    state = drive(RECIPE.capture(COMPOSITE), scripted(answers)).state
    assert state is not None
    assert (state["type"], state["alarm_rule"]) == ("composite", 'ALARM("errors")')
    (step,) = RECIPE.restore_plan(COMPOSITE, state, None)
    assert step.operation == "cloudwatch:PutCompositeAlarm"
    assert step.parameters["AlarmRule"] == 'ALARM("errors")'
    assert "Period" not in step.parameters


def test_what_is_not_there_is_absent_and_what_does_not_answer_is_not(account: Account) -> None:
    """Certain and uncertain are two things."""
    absent = drive(RECIPE.capture(msgspec.structs.replace(REF, id="nothing")), account)
    assert (absent.state, absent.unknowns) == (None, ())
    account.broken["cloudwatch:DescribeAlarms"] = Unavailable("throttled")
    assert drive(RECIPE.capture(REF), account).unknowns == ("DescribeAlarms: throttled",)


WITHOUT: list[tuple[str, dict[str, Any]]] = [
    ("cloudwatch:PutMetricAlarm", {**GIVEN, "Threshold": 99.0}),
    ("cloudwatch:PutMetricAlarm", {**GIVEN, "AlarmActions": []}),
    ("cloudwatch:PutMetricAlarm", {**GIVEN, "Dimensions": []}),
    ("cloudwatch:DisableAlarmActions", {"AlarmNames": ["errors"]}),
]


@pytest.mark.parametrize(
    ("operation", "parameters"), WITHOUT, ids=[f"{row[0]}-{n}" for n, row in enumerate(WITHOUT)]
)
def test_an_update_in_place_is_put_back(account: Account, operation: str, parameters: dict[str, Any]) -> None:
    """The fingerprint tells the change, and is as it was after the inverse."""
    before = captured(account)
    assert RECIPE.fingerprint(captured(account)) == RECIPE.fingerprint(before)
    perform(account, operation, parameters)
    assert RECIPE.fingerprint(captured(account)) != RECIPE.fingerprint(before)
    stored: State = msgspec.json.decode(msgspec.json.encode(before))
    for step in RECIPE.inverse(operation, parameters, REF, stored):
        perform(account, step.operation, step.parameters)
    assert RECIPE.fingerprint(captured(account)) == RECIPE.fingerprint(before)


def test_tags_are_put_back(account: Account) -> None:
    """What had another value gets it again, what is new is taken off."""
    before = captured(account)
    arn = before["arn"]
    given = {
        "ResourceARN": arn,
        "Tags": [{"Key": "environment", "Value": "dev"}, {"Key": "new", "Value": "1"}],
    }
    perform(account, "cloudwatch:TagResource", given)
    for step in RECIPE.inverse("cloudwatch:TagResource", given, REF, before):
        perform(account, step.operation, step.parameters)
    assert captured(account)["tags"] == before["tags"]


def test_reviewers_see_what_a_put_leaves_out(account: Account) -> None:
    """PutMetricAlarm replaces the alarm whole: what is not given goes, and stands on the page beside what is given."""
    given = {
        name: value
        for name, value in GIVEN.items()
        if name not in {"OKActions", "AlarmDescription", "TreatMissingData"}
    }
    _, assessment, _ = assessed(account, ("cloudwatch:PutMetricAlarm", {**given, "Threshold": 9.0}))
    assert {one.path: (one.before, one.after) for one in assessment.differences} == {
        "threshold": (1.5, 9),
        "ok_actions": ([TOPIC], []),
        "alarm_description": ("too many", None),
        "treat_missing_data": ("breaching", "missing"),
    }


def test_a_put_that_changes_nothing_shows_nothing(account: Account) -> None:
    """The same settings again, in another order and with the service's default said."""
    _, assessment, _ = assessed(account, ("cloudwatch:PutMetricAlarm", {**GIVEN, "ActionsEnabled": True}))
    assert assessment.differences == ()


def test_setting_its_state_has_no_inverse(account: Account) -> None:
    """What the alarm set off has happened."""
    assert RECIPE.inverse("cloudwatch:SetAlarmState", {}, REF, captured(account)) == ()


def test_backup_delete_restore(account: Account) -> None:
    """Made again by one call, equal in every setting."""
    state = captured(account)
    backup = drive(RECIPE.backup(REF, state, case_id="C-7", at_ms=1), account)
    assert "read a second time, equal" in backup.verified_by
    perform(account, "cloudwatch:DeleteAlarms", {"AlarmNames": [REF.id]})
    stored: State = msgspec.json.decode(msgspec.json.encode(state))
    honest = drive(RECIPE.restore(REF, stored, backup), account)
    assert [line for line in honest if not line.startswith("state:")] == []
    assert RECIPE.fingerprint(captured(account)) == RECIPE.fingerprint(state)


def test_a_backup_of_what_changed_meanwhile_is_none(account: Account) -> None:
    """What is saved is what was captured, or nothing is."""
    state = captured(account)
    perform(account, "cloudwatch:DisableAlarmActions", {"AlarmNames": ["errors"]})
    with pytest.raises(UnavailableError, match="changed while it was captured"):
        drive(RECIPE.backup(REF, state, case_id="C-7", at_ms=1), account)


def test_the_runbook_needs_no_keyturn(account: Account) -> None:
    """One command."""
    state = captured(account)
    backup = drive(RECIPE.backup(REF, state, case_id="C-7", at_ms=1), account)
    text = RECIPE.manifest(REF, state, backup)
    assert "aws cloudwatch put-metric-alarm --alarm-name errors " in text
    assert " --threshold 1.5 " in text


def test_it_is_registered() -> None:
    """By its kind."""
    assert isinstance(for_kind("cloudwatch:alarm"), Alarm)
