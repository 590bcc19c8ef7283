"""Somebody writes between the plane's last read and its call: the service refuses the call, and nobody's write is lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from moto import mock_aws
from moto.awslambda import models as functions

import keyturn.providers.aws
from keyturn.core.ports import Captures
from keyturn.errors import UnavailableError
from keyturn.model.assessment import Reversibility
from keyturn.model.canonical import canonical
from keyturn.model.change import Change, Request
from keyturn.model.execution import Answer, Backup, Call, Unavailable
from keyturn.providers.aws import items, recipes
from keyturn.providers.aws.recipes.base import Recipe, Step
from keyturn.providers.aws.recipes.holding import carried, with_carried
from keyturn.testing.standin_gaps import fill_lambda
from keyturn.testing.standin_preconditions import fill_preconditions
from tests.provider.moto_account import RIGHT, function_parameters, make_role, make_table
from tests.provider.provider_world import Account, drive
from tests.recipes.recipe_world import PROVIDER, Asked, assessed, backed_up, perform
from tools.docs.preconditions import census


class Raced(Account):
    """An account in which somebody else writes at the very moment before one call of the plane arrives; once."""

    def __init__(self) -> None:
        super().__init__()
        self.before: dict[str, Callable[[], object]] = {}
        self.twice: frozenset[str] = frozenset()  # what the client sends again, as its first answer was lost

    def __call__(self, call: Call) -> Answer:
        write = self.before.pop(call.operation, None) if call.mutates else None
        if write is not None:
            write()
        answer = super().__call__(call)
        return super().__call__(call) if call.operation in self.twice and call.mutates else answer


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Raced]:
    """A bucket that keeps versions, a table, a function with a policy and an alias, whose revisions are enforced."""
    fill_preconditions()
    for holder, names in _REVISED.items():
        for name in names:
            monkeypatch.setattr(holder, name, getattr(holder, name))
    fill_lambda(0)
    with mock_aws():
        made = Raced()
        s3, function = made.client("s3"), made.client("lambda")
        s3.create_bucket(Bucket="reports", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        s3.put_bucket_versioning(Bucket="reports", VersioningConfiguration={"Status": "Enabled"})
        s3.put_object(Bucket="reports", Key="a", Body=b"first")
        make_table(made)
        function.create_function(**function_parameters(make_role(made)))
        function.publish_version(FunctionName="report")
        function.create_alias(FunctionName="report", Name="live", FunctionVersion="1")
        function.add_permission(FunctionName="report", **STATEMENT)
        yield made


_REVISED: Final[Mapping[Any, tuple[str, ...]]] = {
    functions.LambdaFunction: ("__init__", "get_configuration", "get_code"),
    functions.LambdaBackend: ("update_function_configuration", "update_function_code"),
}
"""What is filled for these tests alone: elsewhere moto's own is asked."""

STATEMENT: Final = {
    "StatementId": "bucket",
    "Action": "lambda:InvokeFunction",
    "Principal": "s3.amazonaws.com",
    "SourceArn": "arn:aws:s3:::uploads",
}
OBJECT: Final = {"Bucket": "reports", "Key": "a"}
KEY: Final = {"id": {"S": "i1"}}
ITEM: Final = {**KEY, "amount": {"N": "99"}}


def content(account: Account) -> bytes:
    body: bytes = account.client("s3").get_object(**OBJECT)["Body"].read()
    return body


def item(account: Account) -> Any:
    return account.client("dynamodb").get_item(TableName=RIGHT, Key=KEY).get("Item")


def statements(account: Account) -> str:
    return str(account.client("lambda").get_policy(FunctionName="report")["Policy"])


def alias(account: Account) -> Any:
    return account.client("lambda").get_alias(FunctionName="report", Name="live")["Description"]


def write_object(account: Account) -> object:
    return account.client("s3").put_object(**OBJECT, Body=b"somebody's")


def write_item(account: Account) -> object:
    given = {**KEY, "amount": {"N": "7"}}
    return account.client("dynamodb").put_item(TableName=RIGHT, Item=given)


def write_statement(account: Account) -> object:
    return account.client("lambda").add_permission(
        FunctionName="report", **{**STATEMENT, "StatementId": "theirs"}
    )


def write_alias(account: Account) -> object:
    return account.client("lambda").update_alias(FunctionName="report", Name="live", Description="theirs")


def timeout(account: Account) -> Any:
    told = account.client("lambda").get_function_configuration(FunctionName="report")
    return told["Timeout"], told["Description"]


def write_description(account: Account) -> object:
    return account.client("lambda").update_function_configuration(FunctionName="report", Description="theirs")


Race = tuple[Asked, str, Callable[[Account], object], Callable[[Account], Any]]
RACES: Final[dict[str, Race]] = {
    # what the change did, which call takes it back, what somebody writes, what is looked at
    "an object was overwritten": (
        ("s3:PutObject", {**OBJECT, "Body": b"second"}), "s3:CopyObject", write_object, content,
    ),
    "an object was deleted": (("s3:DeleteObject", OBJECT), "s3:CopyObject", write_object, content),
    "an item was overwritten": (
        ("dynamodb:PutItem", {"TableName": RIGHT, "Item": ITEM}), "dynamodb:PutItem", write_item, item,
    ),
    "an item was deleted": (
        ("dynamodb:DeleteItem", {"TableName": RIGHT, "Key": KEY}), "dynamodb:PutItem", write_item, item,
    ),
    "a statement was removed": (
        ("lambda:RemovePermission", {"FunctionName": "report", "StatementId": "bucket"}),
        "lambda:AddPermission", write_statement, statements,
    ),
    "a setting was changed": (
        ("lambda:UpdateFunctionConfiguration", {"FunctionName": "report", "Timeout": 77}),
        "lambda:UpdateFunctionConfiguration", write_description, timeout,
    ),
    "an alias was changed": (
        ("lambda:UpdateAlias", {"FunctionName": "report", "Name": "live", "Description": "ours"}),
        "lambda:UpdateAlias", write_alias, alias,
    ),
}  # fmt: skip


def done(account: Account, asked: Asked) -> tuple[Change, Captures, tuple[Backup, ...]]:
    """The change is assessed, saved and made."""
    made, _, before = assessed(account, asked)
    backups = backed_up(account, made, before)
    perform(account, asked)
    account.said.clear()
    return made, before, backups


def approved(
    account: Account, made: Change, before: Captures, backups: tuple[Backup, ...], again: Change | None = None
) -> Captures:
    """What stands when the undo is decided on."""
    undo, requests = _undo(made, before, backups, again)
    captures = drive(PROVIDER.assess(undo, requests, at_ms=0), account).captures
    assert captures.digest == drive(PROVIDER.recapture(undo, requests), account).digest
    account.said.clear()
    return captures


def _undo(
    made: Change, before: Captures, backups: tuple[Backup, ...], again: Change | None = None
) -> tuple[Change, tuple[Request, ...]]:
    plan = PROVIDER.plan_undo(made, before, backups, again=again)
    undo = msgspec.structs.replace(made, operations=plan.operations, undoes="C-1", surface="desk")
    return undo, plan.requests


@pytest.mark.parametrize("name", RACES)
def test_a_write_between_the_last_read_and_the_call_wins(account: Raced, name: str) -> None:
    """The service refuses, what somebody wrote stands, it is said plainly, and the call is made once."""
    asked, sent, write, look = RACES[name]
    if name == "a statement was removed":  # a policy without a statement has no revision
        account.client("lambda").add_permission(
            FunctionName="report", **{**STATEMENT, "StatementId": "other"}
        )
    made, before, backups = done(account, asked)
    seen: list[Any] = []

    def race() -> None:
        write(account)
        seen.append(look(account))

    account.before = {sent: race}
    with pytest.raises(UnavailableError) as told:
        drive(PROVIDER.undo(made, before, backups), account)
    assert told.value.code == "moved"
    assert f"between the last read and {sent}" in told.value.message
    assert [look(account)] == seen
    assert account.mutations() == [sent]


@pytest.mark.parametrize("name", RACES)
def test_a_write_since_the_approval_is_found_by_the_last_read(account: Raced, name: str) -> None:
    """Nothing is sent: what stands is not what the undo was approved on."""
    asked, _, write, look = RACES[name]
    made, before, backups = done(account, asked)
    stood = approved(account, made, before, backups)
    write(account)
    seen = look(account)
    with pytest.raises(UnavailableError) as told:
        drive(PROVIDER.undo(made, before, backups, approved=stood.states), account)
    assert told.value.code == "moved"
    assert "after it was read for the proof" in told.value.message
    assert (look(account), account.mutations()) == (seen, [])


@pytest.mark.parametrize("name", RACES)
def test_without_a_race_it_comes_back(account: Raced, name: str) -> None:
    """The same, with nobody in between; and asked again, as after a crash, nothing is sent a second time."""
    asked, sent, _, look = RACES[name]
    seen = look(account)
    made, before, backups = done(account, asked)
    stood = approved(account, made, before, backups)
    drive(PROVIDER.undo(made, before, backups, approved=stood.states), account)
    drive(PROVIDER.undo(made, before, backups, approved=stood.states), account)
    assert look(account) == seen
    assert account.mutations() == [sent]


@pytest.mark.parametrize(
    "name", ["an object was overwritten", "an item was overwritten", "an alias was changed"]
)
def test_a_client_that_sends_twice_is_not_somebody_else(account: Raced, name: str) -> None:
    """The first answer was lost and the second is a refusal: what stands is what the call makes, so that it was made."""
    asked, sent, _, look = RACES[name]
    seen = look(account)
    made, before, backups = done(account, asked)
    account.twice = frozenset({sent})
    drive(PROVIDER.undo(made, before, backups), account)
    assert look(account) == seen


def test_of_several_items_those_before_the_one_that_moved_are_counted(account: Raced) -> None:
    """What was put back before it is said, and what comes after it is left."""
    batch = {RIGHT: [{"DeleteRequest": {"Key": {"id": {"S": key}}}} for key in ("i0", "i1", "i2")]}
    made, before, backups = done(account, ("dynamodb:BatchWriteItem", {"RequestItems": batch}))
    account.before = {
        "dynamodb:PutItem": lambda: write_item(account)
    }  # as the first arrives, the second is written
    with pytest.raises(UnavailableError, match="1 of 3 items were put back before it"):
        drive(PROVIDER.undo(made, before, backups), account)
    assert (item(account)["amount"], account.mutations()) == ({"N": "7"}, ["dynamodb:PutItem"] * 2)


def test_an_approval_of_an_undo_is_bound_to_the_items_that_it_puts_back(account: Raced) -> None:
    """Somebody writes to one of three: read again, the state is not what was approved, by that item's name; the values stand nowhere.
    What is written beside them does not matter.
    """
    batch = {RIGHT: [{"DeleteRequest": {"Key": {"id": {"S": key}}}} for key in ("i0", "i1", "i2")]}
    made, before, backups = done(account, ("dynamodb:BatchWriteItem", {"RequestItems": batch}))
    undo, requests = _undo(made, before, backups)
    seen = drive(PROVIDER.assess(undo, requests, at_ms=0), account)
    names = sorted(name for name in seen.captures.states if name.startswith(items.KIND))
    assert (len(names), seen.assessment.reversibility) == (3, Reversibility.R1)
    assert sum(call.operation == "dynamodb:BatchGetItem" for call in account.said) == 1
    client = account.client("dynamodb")
    client.put_item(TableName=RIGHT, Item={"id": {"S": "beside"}})
    beside = drive(PROVIDER.recapture(undo, requests), account)
    assert beside.digest == seen.assessment.state_digest
    write_item(account)
    now = drive(PROVIDER.recapture(undo, requests), account)
    assert now.digest != seen.assessment.state_digest
    moved = [name for name in names if now.states[name] != seen.captures.states[name]]
    assert [now.states[name] for name in moved] == [
        {"table": RIGHT, "key": KEY, "item": {**KEY, "amount": {"N": "7"}}}
    ]
    assert b'"N"' not in canonical(undo.operations)


def test_items_that_cannot_be_read_again_are_not_unchanged(account: Raced) -> None:
    """The read is refused: it is said, and the state is not the one that was approved."""
    made, before, backups = done(account, RACES["an item was overwritten"][0])
    undo, requests = _undo(made, before, backups)
    seen = drive(PROVIDER.assess(undo, requests, at_ms=0), account)
    account.broken = {"dynamodb:BatchGetItem": Unavailable("throttled")}
    now = drive(PROVIDER.recapture(undo, requests), account)
    assert (now.unknowns, now.digest != seen.captures.digest) == ((f"items of {RIGHT}: throttled",), True)


def test_an_undo_of_many_items_is_taken_back_too(account: Raced) -> None:
    """What its writes met was captured with what it was approved on: what the undo had overwritten stands again, and what was absent is gone."""
    batch = {
        RIGHT: [
            {"DeleteRequest": {"Key": KEY}},
            {"PutRequest": {"Item": {"id": {"S": "new"}, "amount": {"N": "5"}}}},
        ]
    }
    made, before, backups = done(account, ("dynamodb:BatchWriteItem", {"RequestItems": batch}))
    undo, _ = _undo(made, before, backups)
    stood = approved(account, made, before, backups)
    assert drive(PROVIDER.undo(made, before, backups, approved=stood.states), account) == ()
    account.said.clear()
    again = approved(account, undo, stood, (), again=made)
    assert drive(PROVIDER.undo(undo, stood, (), again=made, approved=again.states), account) == ()
    assert account.mutations() == ["dynamodb:DeleteItem", "dynamodb:PutItem"]
    new = account.client("dynamodb").get_item(TableName=RIGHT, Key={"id": {"S": "new"}})["Item"]
    assert (item(account), new) == (None, {"id": {"S": "new"}, "amount": {"N": "5"}})


def test_an_item_is_held_to_every_attribute_that_was_read(account: Raced) -> None:
    """Maps, lists, sets, numbers and bytes; any of them otherwise, and the service refuses."""
    rich = {
        **KEY,
        "m": {"M": {"x": {"L": [{"N": "1"}]}}},
        "s": {"SS": ["a", "b"]},
        "b": {"B": b"\x00"},
        "n": {"N": "1"},
    }
    client = account.client("dynamodb")
    client.put_item(TableName=RIGHT, Item=rich)
    client.put_item(TableName=RIGHT, Item=rich, **items.as_it_stands(rich, KEY))
    for name, other in (("m", {"M": {}}), ("s", {"SS": ["a"]}), ("b", {"B": b"\x01"}), ("n", {"N": "2"})):
        with pytest.raises(client.exceptions.ConditionalCheckFailedException):
            client.put_item(TableName=RIGHT, Item=rich, **items.as_it_stands({**rich, name: other}, KEY))
    with pytest.raises(client.exceptions.ConditionalCheckFailedException):
        client.put_item(TableName=RIGHT, Item=rich, **items.as_it_stands(None, KEY))


def test_what_an_undo_made_goes_again_only_as_it_was_approved(account: Raced) -> None:
    """An undo taken back deletes what it had restored: that object, and not what somebody has written since."""
    original, before, backups = done(account, ("s3:DeleteObject", OBJECT))
    plan = PROVIDER.plan_undo(original, before, backups)
    copied = [(one.name, dict(one.parameters)) for one in plan.operations]
    undo, _, hidden = assessed(account, *copied)
    perform(account, *copied)
    stood = approved(account, undo, hidden, backups, again=original)
    account.before = {"s3:DeleteObject": lambda: write_object(account)}
    with pytest.raises(UnavailableError) as told:
        drive(PROVIDER.undo(undo, hidden, backups, again=original, approved=stood.states), account)
    assert (told.value.code, content(account)) == ("moved", b"somebody's")
    version = Step("s3:DeleteObject", {**OBJECT, "VersionId": "v"})
    assert carried(_of("s3:object"), version, {"etag": "x"}) == {}, "that version goes, whatever stands"


def test_a_narrower_way_is_held_to_what_it_was_worked_out_from() -> None:
    """The first call that can carry it does; those after it find what it has made."""
    steps = (
        Step("lambda:UpdateFunctionConfiguration", {"FunctionName": "report", "Timeout": 9}),
        Step("lambda:TagResource", {"Resource": "arn", "Tags": {}}),
    )
    made = with_carried(_of("lambda:function"), steps, {"revision": "r-1"})
    assert [one.parameters.get("RevisionId") for one in made] == ["r-1", None]
    assert with_carried(_of("lambda:function"), steps, {"revision": ""}) == steps, "the service told none"


# --- all of them -----------------------------------------------------------------------------------------------------


def _of(kind: str) -> Recipe:
    found = recipes.for_kind(kind)
    assert found is not None
    return found


ITEMS: Final = {
    "dynamodb:PutItem": "filled by items.as_it_stands",
    "dynamodb:DeleteItem": "filled by items.as_it_stands",
    "dynamodb:UpdateItem": "the plane reads it in a request; it puts or deletes whole items",
    "dynamodb:TransactWriteItems": "as UpdateItem",
}
"""Items have no recipe of their own."""

_SOURCE: Final = Path(keyturn.providers.aws.__file__).parent


def test_every_call_that_could_carry_a_precondition_does_or_says_why_not() -> None:
    """By botocore's own models: no recipe names an operation with one that is neither filled nor excused, and no excuse is left over."""
    written = [*(_SOURCE / "recipes").glob("*.py"), _SOURCE / "items.py"]
    named = {
        one for path in written for one in re.findall(r'"([a-z0-9-]+:[A-Z]\w+)"', path.read_text("utf-8"))
    }
    able = {one.name for one in census()} & named
    filled = {one for recipe in recipes.all_recipes() for one in recipe.holds}
    excused = {one: why for recipe in recipes.all_recipes() for one, why in recipe.unheld.items()}
    assert able == filled | set(excused) | set(ITEMS)
    assert not filled & set(excused)
    assert all(excused.values())


def test_what_a_recipe_fills_is_a_member_that_botocore_shows() -> None:
    """A member by another name would be refused by the client before it left."""
    known = {(one.name, one.path) for one in census()}
    given = {
        (operation, member)
        for recipe in recipes.all_recipes()
        for operation, held in recipe.holds.items()
        for member in (held.member, *held.absent)
    }
    assert given <= known
