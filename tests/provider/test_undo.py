"""After the decision: backup, the call, what became of it, and taking it back, on an account that answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from keyturn.core.ports import Captures
from keyturn.errors import UnavailableError
from keyturn.model.change import Change
from keyturn.model.execution import Backup, OutcomeStatus, Role, Unavailable
from keyturn.providers.aws.provider import AwsProvider
from tests.provider.moto_account import RIGHT, SECRET, WRONG, make_function, make_table
from tests.provider.provider_world import Account, change, drive, requests, scripted, seal

Asked = tuple[str, dict[str, Any]]
DELETE_TABLE: Asked = ("dynamodb:DeleteTable", {"TableName": RIGHT})
DELETE_FUNCTION: Asked = ("lambda:DeleteFunction", {"FunctionName": "report"})
SET_TABLE: Asked = (
    "lambda:UpdateFunctionConfiguration",
    {"FunctionName": "report", "Environment": {"Variables": {"TABLE": RIGHT, "KEY": SECRET}}},
)
TABLE_ARN = f"arn:aws:dynamodb:eu-west-1:123456789012:table/{RIGHT}"
PROVIDER = AwsProvider(seal, {})


@pytest.fixture
def account() -> Iterator[Account]:
    with mock_aws():
        yield Account()


def captures(account: Account, *asked: Asked) -> tuple[Change, Captures]:
    made = change(*asked)
    return made, drive(PROVIDER.assess(made, requests(*asked), at_ms=0), account).captures


def back_up(account: Account, made: Change, before: Captures) -> tuple[Backup, ...]:
    return drive(PROVIDER.backup(made, before, case_id="C-7", at_ms=1_000), account)


# --- backup ----------------------------------------------------------------------------------------------------------


def test_a_table_is_saved_and_proved_before_it_goes(account: Account) -> None:
    """The backup says how far data had come and how it was verified; everything that mutates runs as the backup role."""
    make_table(account)
    made, before = captures(account, DELETE_TABLE)
    account.said.clear()
    (backup,) = back_up(account, made, before)
    assert backup.verified_at_ms is not None
    assert backup.verified_by
    assert backup.watermark["items"] == 30
    assert backup.loss
    roles = {call.role for call in account.said if call.mutates}
    assert roles == {Role.BACKUP}
    tables = account.client("dynamodb").list_tables()["TableNames"]
    assert tables == [RIGHT], "no scratch table is left behind"


def test_a_manifest_restores_with_keyturn_gone(account: Account) -> None:
    """Plain commands, and nothing that is secret."""
    make_table(account)
    made, before = captures(account, DELETE_TABLE)
    (backup,) = back_up(account, made, before)
    text = PROVIDER.manifest(made, backup, before)
    assert f"aws dynamodb restore-table-from-backup --target-table-name {RIGHT}" in text
    assert backup.reference in text


def test_what_cannot_be_saved_stops_the_call(account: Account) -> None:
    """What has no recipe has no backup, and that is an error, not an empty list."""
    made, before = captures(account, ("mq:DeleteBroker", {"BrokerId": "b-1"}))
    with pytest.raises(UnavailableError):
        back_up(account, made, before)


def test_the_backup_of_what_does_not_stand_says_so_and_is_none_where_it_came_to_stand(
    account: Account,
) -> None:
    """A delete of nothing can be approved: that nothing stands was read twice. What was made meanwhile is not saved by that."""
    made, before = captures(account, ("dynamodb:DeleteTable", {"TableName": RIGHT}))
    (nothing,) = back_up(account, made, before)
    assert (nothing.reference, nothing.restores_to) == ("capture", "nothing: it did not stand")
    assert nothing.verified_by == "read a second time: it does not stand, so there is nothing to save"
    make_table(account)
    with pytest.raises(UnavailableError, match="did not stand when it was assessed, and may by now"):
        back_up(account, made, before)


@pytest.mark.parametrize(
    ("asked", "known"),
    [
        (DELETE_TABLE, ""),
        (DELETE_FUNCTION, ""),
        (("mq:DeleteBroker", {"BrokerId": "b-1"}), "there is no recipe to back up mq:broker/b-1"),
        (("lambda:PutFunctionConcurrency", {"FunctionName": "report", "ReservedConcurrentExecutions": 1}), ""),
        (("sqs:DeleteQueue", {"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs"}),
         "there is no recipe to back up SQS queue jobs"),
        (("dynamodb:DeleteTable", {"TableName": "nowhere"}), ""),
        (("dynamodb:UpdateTable", {"TableName": "nowhere", "BillingMode": "PAY_PER_REQUEST"}),
         "nothing of what the change names stands, so nothing could be saved"),
        (("athena:StartQueryExecution", {"QueryString": "DROP TABLE o"}),
         "a statement can destroy anything where it runs, and names nothing that could be saved"),
        (("ssm:SendCommand", {"DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["rm -rf /var/lib"]}}),
         "a script can destroy anything where it runs, and names nothing that could be saved"),
    ],
    ids=["a table", "a function", "no recipe", "it has an inverse", "a queue's messages", "it is gone", "what is set is gone", "a statement", "a script"],
)  # fmt: skip
def test_what_cannot_be_saved_is_known_before_anybody_is_asked(
    account: Account, asked: Asked, known: str
) -> None:
    """What is said of it beforehand is what the backup itself would say, without a call; and where nothing is said it is taken."""
    make_table(account)
    make_function(account)
    account.client("sqs").create_queue(QueueName="jobs")
    made, before = captures(account, asked)
    account.said.clear()
    assert PROVIDER.no_backup(made, before) == known
    if known:
        with pytest.raises(UnavailableError, match=re.escape(known)):
            back_up(account, made, before)
        assert account.said == []
    else:
        assert back_up(account, made, before)


def test_what_could_not_be_read_cannot_be_saved(account: Account) -> None:
    """Nobody knows what there is: nothing is pretended."""
    make_table(account)
    account.broken = {"dynamodb:DescribeTable": Unavailable("throttled")}
    made, before = captures(account, DELETE_TABLE)
    with pytest.raises(UnavailableError):
        back_up(account, made, before)


# --- what became of the call -----------------------------------------------------------------------------------------


def reconcile(account: Account, made: Change, before: Captures) -> OutcomeStatus:
    return drive(PROVIDER.reconcile(made, before), account).status


def test_a_lost_answer_is_found_out_by_reading(account: Account) -> None:
    """Gone is yes, still there is no, unreadable is nobody knows."""
    make_table(account)
    made, before = captures(account, DELETE_TABLE)
    assert reconcile(account, made, before) is OutcomeStatus.FAILED
    account.broken = {"dynamodb:DescribeTable": Unavailable("throttled")}
    assert reconcile(account, made, before) is OutcomeStatus.UNCERTAIN
    account.broken = {}
    account.client("dynamodb").delete_table(TableName=RIGHT)
    assert reconcile(account, made, before) is OutcomeStatus.SUCCEEDED


def test_a_late_call_is_not_taken_for_a_lost_one(account: Account) -> None:
    """The table goes between the first reading and the last: one look would have recorded a failure that was none."""
    make_table(account)
    made, before = captures(account, DELETE_TABLE)
    seen = 0

    def late(call: Any) -> Any:
        nonlocal seen
        if call.operation == "dynamodb:DescribeTable":
            seen += 1
            if seen == 3:
                account.client("dynamodb").delete_table(TableName=RIGHT)
        return account(call)

    assert drive(PROVIDER.reconcile(made, before), late).status is OutcomeStatus.SUCCEEDED


def test_an_update_is_found_by_its_difference(account: Account) -> None:
    """Unchanged says nothing: the call may have asked for what stood already; only a difference is a yes."""
    make_function(account)
    made, before = captures(account, SET_TABLE)
    assert reconcile(account, made, before) is OutcomeStatus.UNCERTAIN
    account.client("lambda").update_function_configuration(
        FunctionName="report", Environment=SET_TABLE[1]["Environment"]
    )
    assert reconcile(account, made, before) is OutcomeStatus.SUCCEEDED


@pytest.mark.parametrize(
    "asked",
    [
        ("dynamodb:DeleteItem", {"TableName": RIGHT, "Key": {"id": {"S": "i1"}}}),
        (
            "dynamodb:UntagResource",
            {"ResourceArn": TABLE_ARN, "TagKeys": ["nothing"]},
        ),
    ],
)
def test_a_delete_of_something_of_a_table_is_not_a_delete_of_the_table(
    account: Account, asked: Asked
) -> None:
    """That the table still stands says nothing of whether the item is gone."""
    make_table(account)
    made, before = captures(account, asked)
    assert reconcile(account, made, before) is OutcomeStatus.UNCERTAIN


def test_of_several_operations_nobody_can_tell_which_took_effect(account: Account) -> None:
    """A replace that broke in the middle is for a person."""
    parameters = make_function(account)
    made, before = captures(account, DELETE_FUNCTION, ("lambda:CreateFunction", parameters))
    assert reconcile(account, made, before) is OutcomeStatus.UNCERTAIN


def test_an_unanswering_account_stays_uncertain() -> None:
    """Unclear stays unclear, for every kind."""
    for asked in (DELETE_TABLE, DELETE_FUNCTION, ("rds:DeleteDBInstance", {"DBInstanceIdentifier": "d"})):
        outcome = drive(PROVIDER.reconcile(change(asked), Captures(states={})), scripted({}))
        assert outcome.status is OutcomeStatus.UNCERTAIN


def verify(account: Account, made: Change, asked: Asked, before: Captures) -> OutcomeStatus:
    return drive(PROVIDER.verify(made, requests(asked), before), account).status


def test_after_the_call_the_world_is_looked_at(account: Account) -> None:
    """What was to go is gone, what was to stand stands, and what cannot be read is for a person."""
    make_table(account)
    made, before = captures(account, DELETE_TABLE)
    assert verify(account, made, DELETE_TABLE, before) is OutcomeStatus.FAILED
    account.broken = {"dynamodb:DescribeTable": Unavailable("throttled")}
    assert verify(account, made, DELETE_TABLE, before) is OutcomeStatus.UNCERTAIN
    account.broken = {}
    account.client("dynamodb").delete_table(TableName=RIGHT)
    assert verify(account, made, DELETE_TABLE, before) is OutcomeStatus.SUCCEEDED
    again: Asked = ("dynamodb:UpdateTable", {"TableName": RIGHT, "DeletionProtectionEnabled": True})
    assert verify(account, change(again), again, before) is OutcomeStatus.FAILED


def test_of_several_operations_the_last_says_what_is_left(account: Account) -> None:
    """A table is changed and then deleted: that it is gone is what was asked for."""
    make_table(account)
    protect: Asked = ("dynamodb:UpdateTable", {"TableName": RIGHT, "DeletionProtectionEnabled": False})
    made, before = captures(account, protect, DELETE_TABLE)
    account.client("dynamodb").delete_table(TableName=RIGHT)
    outcome = drive(PROVIDER.verify(made, requests(protect, DELETE_TABLE), before), account)
    assert outcome.status is OutcomeStatus.SUCCEEDED
    back, before = captures(account, DELETE_TABLE, protect)
    assert (
        drive(PROVIDER.verify(back, requests(DELETE_TABLE, protect), before), account).status
        is OutcomeStatus.FAILED
    )


# --- taking it back --------------------------------------------------------------------------------------------------


def test_a_deleted_table_comes_back_as_it_was(account: Account) -> None:
    """Items, tags, time to live; and the list of what is not as it was is honest."""
    make_table(account)
    made, before = captures(account, DELETE_TABLE)
    backups = back_up(account, made, before)
    account.client("dynamodb").delete_table(TableName=RIGHT)
    plan = PROVIDER.plan_undo(made, before, backups)
    assert plan.possible, plan.why
    assert plan.operations[0].name == "dynamodb:RestoreTableFromBackup"
    assert plan.loss
    account.said.clear()
    drive(PROVIDER.undo(made, before, backups), account)
    assert {call.role for call in account.said if call.mutates} == {Role.CHANGE}
    found = account.client("dynamodb").scan(TableName=RIGHT)
    assert found["Count"] == 30
    arn = account.client("dynamodb").describe_table(TableName=RIGHT)["Table"]["TableArn"]
    tags = account.client("dynamodb").list_tags_of_resource(ResourceArn=arn)["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags}["environment"] == "production"
    ttl = account.client("dynamodb").describe_time_to_live(TableName=RIGHT)["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}


def test_a_changed_configuration_is_put_back(account: Account) -> None:
    """The inverse has the values of before, from the sealed capture; nothing of them is in the plan that is logged."""
    make_function(account)
    made, before = captures(account, SET_TABLE)
    client = account.client("lambda")
    client.update_function_configuration(FunctionName="report", Environment=SET_TABLE[1]["Environment"])
    plan = PROVIDER.plan_undo(made, before, ())
    assert plan.possible, plan.why
    assert SECRET not in repr(plan)
    assert drive(PROVIDER.undo(made, before, ()), account) == ()
    now = client.get_function_configuration(FunctionName="report")["Environment"]["Variables"]
    assert now == {"TABLE": WRONG, "KEY": SECRET}


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (DELETE_FUNCTION, "backup"),
        (("dynamodb:CreateTable", {"TableName": "fresh"}), "did not stand"),
        (("mq:DeleteBroker", {"BrokerId": "b-1"}), "no recipe"),
        (DELETE_TABLE, "backup"),
        (("dynamodb:DeleteResourcePolicy", {"ResourceArn": TABLE_ARN}), "no inverse"),
    ],
)
def test_what_cannot_be_taken_back_says_why(account: Account, asked: Asked, why: str) -> None:
    """Before anybody tries; and trying all the same raises before anything is touched."""
    make_table(account)
    make_function(account)
    made, before = captures(account, asked)
    plan = PROVIDER.plan_undo(made, before, ())
    assert not plan.possible
    assert why in plan.why
    account.said.clear()
    with pytest.raises(UnavailableError):
        drive(PROVIDER.undo(made, before, ()), account)
    assert account.mutations() == []
