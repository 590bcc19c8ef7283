"""DynamoDB tables: captured, saved, proved restorable, given back and compared; changed in place and put back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import botocore.session
import msgspec
import pytest
from botocore import xform_name
from moto import mock_aws

from keyturn.errors import UnavailableError
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Answer, Backup, Call, Role, Succeeded, Unavailable
from keyturn.providers.aws.recipes.base import State
from keyturn.providers.aws.recipes.dynamodb import COUNT_ITEMS_MAX, REHEARSE_ITEMS_MAX, Table
from tests.provider.provider_world import ACCOUNT, REGION, Account, drive
from tests.recipes.recipe_world import Asked, assessed, backed_up, perform, undone

TABLE = Table()
REF = ResourceRef("aws", "aws", ACCOUNT, REGION, "dynamodb:table", "costs")
ARN: Final = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/costs"
NAMED: Final = {"TableName": "costs"}
UNITS: Final = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 4}
BY_DAY: Final = {
    "IndexName": "by-day",
    "KeySchema": [{"AttributeName": "day", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["team"]},
    "ProvisionedThroughput": {"ReadCapacityUnits": 3, "WriteCapacityUnits": 2},
}
INDEX_FASTER: Final = [{"Update": {"IndexName": "by-day", "ProvisionedThroughput": UNITS}}]
CREATE: Final[dict[str, Any]] = {
    **NAMED,
    "KeySchema": [
        {"AttributeName": "account", "KeyType": "HASH"},
        {"AttributeName": "day", "KeyType": "RANGE"},
    ],
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": kind}
        for name, kind in (("account", "S"), ("day", "S"), ("cents", "N"))
    ],
    "BillingMode": "PROVISIONED",
    "ProvisionedThroughput": UNITS,
    "GlobalSecondaryIndexes": [BY_DAY],
    "LocalSecondaryIndexes": [
        {
            "IndexName": "by-cost",
            "KeySchema": [
                {"AttributeName": "account", "KeyType": "HASH"},
                {"AttributeName": "cents", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ],
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    "DeletionProtectionEnabled": True,
    "Tags": [{"Key": "environment", "Value": "production"}, {"Key": "owner", "Value": "finance"}],
}
ITEMS: Final = 40
DELETE: Final[Asked] = ("dynamodb:DeleteTable", NAMED)


def item(number: int) -> dict[str, Any]:
    return {
        "account": {"S": f"a{number % 3}"},
        "day": {"S": f"d{number}"},
        "cents": {"N": str(number)},
        "raw": {"B": bytes([number])},
        "inner": {"M": {"list": {"L": [{"NULL": True}, {"BOOL": False}, {"SS": ["x", "y"]}]}}},
    }


@pytest.fixture
def account() -> Iterator[Account]:
    """The richest table there is: both kinds of index, stream, time to live, protection, recovery, tags, 40 items."""
    with mock_aws():
        made = Account()
        client = made.client("dynamodb")
        client.create_table(**CREATE)
        ttl = {"Enabled": True, "AttributeName": "expires"}
        client.update_time_to_live(**NAMED, TimeToLiveSpecification=ttl)
        recovery = {"PointInTimeRecoveryEnabled": True}
        client.update_continuous_backups(**NAMED, PointInTimeRecoverySpecification=recovery)
        for number in range(ITEMS):
            client.put_item(**NAMED, Item=item(number))
        yield made


def captured(account: Account) -> State:
    found = drive(TABLE.capture(REF), account)
    assert found.unknowns == ()
    assert found.state is not None
    return found.state


def content(account: Account) -> list[str]:
    found = account.client("dynamodb").scan(**NAMED, ConsistentRead=True)["Items"]
    return sorted(json.dumps(one, sort_keys=True, default=repr) for one in found)


def unguarded(account: Account) -> None:
    account.client("dynamodb").update_table(**NAMED, DeletionProtectionEnabled=False)


# --- capture -----------------------------------------------------------------------------------------------------------


def test_a_table_is_captured_whole(account: Account) -> None:
    """Every declared field has a value, in canonical order; a small table is counted exactly."""
    state = captured(account)
    assert set(TABLE.fields) <= set(state)
    empty = {field for field in TABLE.fields if not state[field]}
    assert empty <= {"encryption"}, "everything of this table is set"
    assert (state["items"], state["items_exact"]) == (ITEMS, True)
    assert [entry["AttributeName"] for entry in state["attributes"]] == ["account", "cents", "day"]
    assert TABLE.at_risk(state).startswith("40 items, ")
    assert json.loads(json.dumps(state)) == state, "plain data: it is kept in the vault"


def test_items_are_no_declaration(account: Account) -> None:
    """Items come and go: the fingerprint stands, the number does not."""
    before = captured(account)
    account.client("dynamodb").put_item(**NAMED, Item=item(ITEMS))
    after = captured(account)
    assert TABLE.fingerprint(after) == TABLE.fingerprint(before)
    assert after["items"] == ITEMS + 1


UPDATES: Final[dict[str, tuple[Asked, set[str]]]] = {
    "protection": (("dynamodb:UpdateTable", {**NAMED, "DeletionProtectionEnabled": False}), {"protection"}),
    "throughput": (
        ("dynamodb:UpdateTable", {**NAMED, "ProvisionedThroughput": {**UNITS, "ReadCapacityUnits": 9}}),
        {"throughput"},
    ),
    "capacity of an index": (
        ("dynamodb:UpdateTable", {**NAMED, "GlobalSecondaryIndexUpdates": INDEX_FASTER}),
        {"global_indexes"},
    ),
    "billing by request": (
        ("dynamodb:UpdateTable", {**NAMED, "BillingMode": "PAY_PER_REQUEST"}),
        {"billing", "throughput", "global_indexes"},
    ),
    "one more tag": (
        ("dynamodb:TagResource", {"ResourceArn": ARN, "Tags": [{"Key": "team", "Value": "x"}]}),
        {"tags"},
    ),
    "a tag over a tag": (
        ("dynamodb:TagResource", {"ResourceArn": ARN, "Tags": [{"Key": "owner", "Value": "x"}]}),
        {"tags"},
    ),
    "a tag taken off": (("dynamodb:UntagResource", {"ResourceArn": ARN, "TagKeys": ["owner"]}), {"tags"}),
}
"""In-place updates with an inverse, and the fields they change."""

FURTHER: Final[dict[str, tuple[Asked, set[str]]]] = {
    "no time to live": (
        ("dynamodb:UpdateTimeToLive", {**NAMED, "TimeToLiveSpecification": {"Enabled": False, "AttributeName": "expires"}}),
        {"ttl"},
    ),
    "no recovery": (
        ("dynamodb:UpdateContinuousBackups", {**NAMED, "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": False}}),
        {"recovery"},
    ),
    "no stream": (
        ("dynamodb:UpdateTable", {**NAMED, "StreamSpecification": {"StreamEnabled": False}}),
        {"stream"},
    ),
    "an index goes": (
        ("dynamodb:UpdateTable", {**NAMED, "GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "by-day"}}]}),
        {"global_indexes"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", sorted(UPDATES | FURTHER))
def test_every_change_is_seen_in_its_own_field(account: Account, what: str) -> None:
    """The fingerprint stands while nothing changes, and is another one after each of these."""
    asked, fields = (UPDATES | FURTHER)[what]
    before = captured(account)
    assert TABLE.fingerprint(captured(account)) == TABLE.fingerprint(before)
    perform(account, asked)
    after = captured(account)
    assert {field for field in TABLE.fields if before[field] != after[field]} == fields
    assert TABLE.fingerprint(after) != TABLE.fingerprint(before)


def test_no_table_is_certainly_absent_and_a_throttled_one_is_not(account: Account) -> None:
    """Could not read is not absent."""
    account.broken = {"dynamodb:DescribeTable": Unavailable("throttled")}
    assert drive(TABLE.capture(REF), account).unknowns == ("DescribeTable: throttled",)
    account.broken = {}
    found = drive(TABLE.capture(msgspec.structs.replace(REF, id="nothing")), account)
    assert (found.state, found.unknowns) == (None, ())


@pytest.mark.parametrize(
    "operation", ["DescribeTimeToLive", "DescribeContinuousBackups", "ListTagsOfResource"]
)
def test_a_part_that_could_not_be_read_is_said(account: Account, operation: str) -> None:
    """A table without its tags is not a table without tags."""
    account.broken = {f"dynamodb:{operation}": Unavailable("throttled")}
    assert drive(TABLE.capture(REF), account).unknowns == (f"{operation}: throttled",)


def test_a_large_table_is_not_scanned_to_be_counted(account: Account) -> None:
    """Beyond a thousand items the described number has to do, and is said to be about so many."""

    def large(call: Call) -> Answer:
        answer = account(call)
        if call.operation == "dynamodb:DescribeTable" and isinstance(answer, Succeeded):
            answer.value["Table"]["ItemCount"] = COUNT_ITEMS_MAX + 1
        return answer

    account.said.clear()
    state = drive(TABLE.capture(REF), large).state
    assert state is not None
    assert "dynamodb:Scan" not in {call.operation for call in account.said}
    assert TABLE.at_risk(state).startswith("about 1,001 items")


def test_items_need_only_a_glance_at_their_table(account: Account) -> None:
    """Writing one item does not cost a scan of the table; what the approval is bound to is the same."""
    account.said.clear()
    _, assessment, before = assessed(account, ("dynamodb:PutItem", {**NAMED, "Item": item(1)}))
    assert "dynamodb:Scan" not in {call.operation for call in account.said}
    assert (assessment.environment, assessment.unknowns) == ("production", ())
    assert TABLE.fingerprint(before.states[str(REF)]) == TABLE.fingerprint(captured(account))


# --- the whole way and back ----------------------------------------------------------------------------------------------


def test_a_table_goes_and_comes_back_equal(account: Account) -> None:
    """Backup, proof, delete, restore: every declared field and every item is as it was, and what cannot be is said."""
    unguarded(account)
    before, items = captured(account), content(account)
    said = undone(account, DELETE)
    after = captured(account)
    assert {field: after[field] for field in TABLE.fields} == {field: before[field] for field in TABLE.fields}
    assert content(account) == items
    assert said == ("stream: the same view type under a new ARN; its old records are gone",)
    assert account.client("dynamodb").list_tables()["TableNames"] == ["costs"], "no scratch table stays"


def saved(account: Account) -> tuple[State, Backup]:
    made, _, before = assessed(account, DELETE)
    (backup,) = backed_up(account, made, before)
    state = before.states[str(REF)]
    assert state is not None
    return state, backup


def test_protection_stands_again_after_a_restore(account: Account) -> None:
    """What was guarded is guarded again: last, so that an interrupted restore can be taken up."""
    state, backup = saved(account)
    unguarded(account)
    perform(account, DELETE)
    account.said.clear()
    drive(TABLE.restore(REF, state, backup), account)
    assert captured(account)["protection"]
    assert account.mutations()[-1] == "dynamodb:UpdateTable"
    with pytest.raises(AssertionError, match="ValidationException"):
        perform(account, DELETE)


def test_a_restore_that_was_cut_off_is_taken_up(account: Account) -> None:
    """The plane died after the table was made: the second attempt goes on from there, and makes no second one."""
    state, backup = saved(account)
    unguarded(account)
    perform(account, DELETE)
    perform(
        account,
        ("dynamodb:RestoreTableFromBackup", {"TargetTableName": "costs", "BackupArn": backup.reference}),
    )
    account.said.clear()
    drive(TABLE.restore(REF, state, backup), account)
    assert "dynamodb:RestoreTableFromBackup" not in account.mutations()
    after = captured(account)
    assert [field for field in TABLE.fields if after[field] != state[field]] == []


def test_what_came_back_otherwise_is_said(account: Account) -> None:
    """An item that somebody wrote meanwhile, a table that was made anew by hand: the list is honest."""
    state, backup = saved(account)
    unguarded(account)
    account.client("dynamodb").put_item(**NAMED, Item=item(99))
    perform(
        account,
        (
            "dynamodb:UpdateTable",
            {**NAMED, "GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "by-day"}}]},
        ),
    )
    said = drive(TABLE.restore(REF, state, backup), account)
    assert any(line.startswith("global_indexes:") for line in said)
    assert "items: 41 came back, 40 were backed up, contents differ" in said


@pytest.mark.parametrize("wrong", ["an item is missing", "an item is another", "an index is missing"])
def test_a_backup_that_does_not_give_back_what_stands_stops_the_call(account: Account, wrong: str) -> None:
    """The rehearsal compares; whatever it finds, no scratch table stays behind."""

    def lossy(call: Call) -> Answer:
        answer = account(call)
        scratch = str(call.parameters.get("TableName", "")).startswith("keyturn-drill-")
        if scratch and isinstance(answer, Succeeded):
            if call.operation == "dynamodb:Scan" and wrong == "an item is missing":
                answer.value["Items"].pop()
            elif call.operation == "dynamodb:Scan" and wrong == "an item is another":
                answer.value["Items"][0]["cents"] = {"N": "-1"}
            elif call.operation == "dynamodb:DescribeTable" and wrong == "an index is missing":
                answer.value["Table"]["GlobalSecondaryIndexes"] = []
        return answer

    made, _, before = assessed(account, DELETE)
    state = before.states[str(REF)]
    assert made.operations
    assert state is not None
    with pytest.raises(UnavailableError, match="does not give back what stands"):
        drive(TABLE.backup(REF, state, case_id="C-7", at_ms=1_000), lossy)
    assert account.client("dynamodb").list_tables()["TableNames"] == ["costs"]


def test_a_table_too_large_to_rehearse_is_saved_and_that_is_said(account: Account) -> None:
    """No scratch table is made; the proof is the service's word, and no more is claimed."""
    state = {**captured(account), "items": REHEARSE_ITEMS_MAX + 1}
    account.said.clear()
    backup = drive(TABLE.backup(REF, state, case_id="C-7", at_ms=1_000), account)
    assert account.mutations() == ["dynamodb:CreateBackup"]
    assert "not rehearsed" in backup.verified_by
    assert "content" not in backup.watermark


def test_a_time_to_live_is_preceded_by_a_backup_of_the_items(account: Account) -> None:
    """The setting could be put back from the capture; the items that expire meanwhile could not."""
    by_day = {**NAMED, "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "day"}}
    made, _, before = assessed(account, ("dynamodb:UpdateTimeToLive", by_day))
    (backup,) = backed_up(account, made, before)
    assert backup.reference != "capture"
    assert backup.watermark["items"] == ITEMS


def test_a_backup_is_the_planes_own(account: Account) -> None:
    """Everything it does runs as the backup role, and the delete of the table leaves it standing."""
    unguarded(account)
    account.said.clear()
    _, backup = saved(account)
    assert {call.role for call in account.said if call.mutates} == {Role.BACKUP}
    perform(account, DELETE)
    described = account.client("dynamodb").describe_backup(BackupArn=backup.reference)
    assert described["BackupDescription"]["BackupDetails"]["BackupStatus"] == "AVAILABLE"


def test_without_a_backup_nothing_is_restored(account: Account) -> None:
    """It is said before anything is touched."""
    state = captured(account)
    account.said.clear()
    with pytest.raises(UnavailableError):
        drive(TABLE.restore(REF, state, None), account)
    assert account.said == []


def test_what_reviewers_see_is_what_is_done(account: Account) -> None:
    """The plan names the same operations as the restore that is carried out, in its order."""
    state, backup = saved(account)
    unguarded(account)
    perform(account, DELETE)
    planned = [step.operation for step in TABLE.restore_plan(REF, state, backup)]
    account.said.clear()
    drive(TABLE.restore(REF, state, backup), account)
    assert account.mutations() == planned
    assert planned[0] == "dynamodb:RestoreTableFromBackup"


def test_the_commands_of_the_manifest_exist(account: Account) -> None:
    """A person with the aws command and no Keyturn: every line is an operation of the service or one of its waiters."""
    state, backup = saved(account)
    text = TABLE.manifest(REF, state, backup)
    lines = [line.split() for line in text.splitlines() if line.startswith("aws ")]
    assert len(lines) >= 6
    model = botocore.session.get_session().get_service_model("dynamodb")
    known = {xform_name(name, "-"): name for name in model.operation_names}
    for words in lines:
        assert words[:2] == ["aws", "dynamodb"]
        if words[2] == "wait":
            assert words[3] == "table-exists"
            continue
        shape = model.operation_model(known[words[2]]).input_shape
        members = {"--" + xform_name(name, "-") for name in shape.members} if shape else set()
        flags = {word for word in words if word.startswith("--")}
        assert flags <= members, words


def test_a_delete_takes_time() -> None:
    """Deleting is neither gone nor standing."""
    assert TABLE.gone(None) is True
    assert TABLE.gone({"status": "DELETING"}) is None
    assert TABLE.gone({"status": "ACTIVE"}) is False


# --- in place, and back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", sorted(UPDATES))
def test_what_is_changed_in_place_is_put_back(account: Account, what: str) -> None:
    """Through the whole way, from the capture alone."""
    before = captured(account)
    assert undone(account, UPDATES[what][0]) == ()
    assert captured(account) == before


@pytest.mark.parametrize("what", ["an index goes", "no stream"])
def test_no_inverse_is_promised_that_would_not_be_one(account: Account, what: str) -> None:
    """An index is built anew and a stream begins anew: neither is put back as it was."""
    asked, _ = FURTHER[what]
    assert TABLE.inverse(*asked, REF, captured(account)) == ()


NARROW: Final[dict[str, tuple[dict[str, Any], tuple[str, ...], dict[str, Any]]]] = {
    # what is created otherwise -> the operations, and the parameters of the first
    "nothing": ({}, (), {}),
    "capacity": (
        {"ProvisionedThroughput": {**UNITS, "WriteCapacityUnits": 8}},
        ("dynamodb:UpdateTable",),
        {**NAMED, "ProvisionedThroughput": {**UNITS, "WriteCapacityUnits": 8}},
    ),
    "billing": (
        {
            "BillingMode": "PAY_PER_REQUEST",
            "ProvisionedThroughput": None,
            "GlobalSecondaryIndexes": [
                {name: value for name, value in BY_DAY.items() if name != "ProvisionedThroughput"}
            ],
        },
        ("dynamodb:UpdateTable",),
        {**NAMED, "BillingMode": "PAY_PER_REQUEST"},
    ),
    "capacity of an index": (
        {"GlobalSecondaryIndexes": [{**BY_DAY, "ProvisionedThroughput": UNITS}]},
        ("dynamodb:UpdateTable",),
        {**NAMED, "GlobalSecondaryIndexUpdates": INDEX_FASTER},
    ),
    "protection": (
        {"DeletionProtectionEnabled": False},
        ("dynamodb:UpdateTable",),
        {**NAMED, "DeletionProtectionEnabled": False},
    ),
    "a tag": (
        {"Tags": [{"Key": "owner", "Value": "sales"}]},
        ("dynamodb:TagResource",),
        {"ResourceArn": ARN, "Tags": [{"Key": "owner", "Value": "sales"}]},
    ),
}


@pytest.mark.parametrize("what", sorted(NARROW))
def test_a_create_with_one_difference_is_one_call(account: Account, what: str) -> None:
    """What stands and what is asked for differ in one thing: the call that changes it, and no other."""
    otherwise, operations, parameters = NARROW[what]
    asked = {name: value for name, value in {**CREATE, **otherwise}.items() if value is not None}
    wanted = TABLE.desired("dynamodb:CreateTable", asked)
    assert wanted is not None
    found = TABLE.narrow(REF, captured(account), wanted)
    assert found is not None
    assert tuple(step.operation for step in found.steps) == operations
    assert found.immutable == ()
    if parameters:
        assert found.steps[0].parameters == parameters


def test_keys_cannot_be_changed_in_place(account: Account) -> None:
    """Another key schema is another table: it is said, and no command is made up."""
    wanted = TABLE.desired("dynamodb:CreateTable", {**CREATE, "KeySchema": CREATE["KeySchema"][:1]})
    found = TABLE.narrow(REF, captured(account), wanted or {})
    assert found is not None
    assert found.immutable == ("keys",)
