"""Writes of items: counted by what they meet, put back from what was captured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from keyturn.core.ports import Assessing
from keyturn.errors import UnavailableError
from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.canonical import canonical
from keyturn.model.change import Effect
from keyturn.model.execution import Unavailable
from keyturn.providers.aws.provider import AwsProvider
from tests.provider.moto_account import RIGHT, make_table
from tests.provider.provider_world import Account, change, drive, requests, seal

Asked = tuple[str, dict[str, Any]]


@pytest.fixture
def account() -> Iterator[Account]:
    with mock_aws():
        made = Account()
        make_table(made, items=10)
        yield made


def key(text: str) -> dict[str, Any]:
    return {"id": {"S": text}}


def put(text: str, **more: Any) -> Asked:
    return ("dynamodb:PutItem", {"TableName": RIGHT, "Item": {**key(text), "amount": {"N": "99"}}, **more})


def assess(account: Account, asked: Asked) -> Assessing:
    return drive(AwsProvider(seal, {}).assess(change(asked), requests(asked), at_ms=0), account)


def content(account: Account) -> dict[str, Any]:
    items = account.client("dynamodb").scan(TableName=RIGHT, ConsistentRead=True)["Items"]
    return {item["id"]["S"]: item for item in items}


def batch(*, puts: tuple[str, ...] = (), deletes: tuple[str, ...] = ()) -> Asked:
    writes = [{"PutRequest": {"Item": {**key(text), "amount": {"N": "99"}}}} for text in puts]
    writes += [{"DeleteRequest": {"Key": key(text)}} for text in deletes]
    return ("dynamodb:BatchWriteItem", {"RequestItems": {RIGHT: writes}})


REACHES: list[tuple[str, Asked, Effect, Reversibility, set[Kind]]] = [
    ("a new item", put("new"), Effect.UPDATE, Reversibility.R1, set()),
    ("an item that stands", put("i1"), Effect.UPDATE, Reversibility.R1, {Kind.OVERWRITE}),
    (
        "a put that the service refuses",
        put("i1", ConditionExpression="attribute_not_exists(id)"),
        Effect.UPDATE,
        Reversibility.R1,
        set(),
    ),
    (
        "a condition that may let it through",
        put("i1", ConditionExpression="attribute_not_exists(id) OR amount > :x"),
        Effect.UPDATE,
        Reversibility.R1,
        {Kind.OVERWRITE},
    ),
    (
        "a put that the service refuses, by an alias",
        put("i1", ConditionExpression="attribute_not_exists(#k)", ExpressionAttributeNames={"#k": "id"}),
        Effect.UPDATE,
        Reversibility.R1,
        set(),
    ),
    (
        "a condition on what is not the key",
        put("i1", ConditionExpression="attribute_not_exists(nonsense)"),
        Effect.UPDATE,
        Reversibility.R1,
        {Kind.OVERWRITE},
    ),
    (
        "an update of an item that stands",
        ("dynamodb:UpdateItem", {"TableName": RIGHT, "Key": key("i2"), "UpdateExpression": "SET a = :b"}),
        Effect.UPDATE,
        Reversibility.R1,
        {Kind.OVERWRITE},
    ),
    (
        "a delete of an item that stands",
        ("dynamodb:DeleteItem", {"TableName": RIGHT, "Key": key("i3")}),
        Effect.DELETE,
        Reversibility.R1,
        {Kind.DATA_LOSS},
    ),
    ("a batch of new items", batch(puts=("a", "b")), Effect.UPDATE, Reversibility.R1, set()),
    (
        "a batch that empties",
        batch(deletes=tuple(f"i{n}" for n in range(10))),
        Effect.DELETE,
        Reversibility.R1,
        {Kind.DATA_LOSS},
    ),
    (
        "a transaction of both",
        (
            "dynamodb:TransactWriteItems",
            {
                "TransactItems": [
                    {"Put": {"TableName": RIGHT, "Item": key("i4")}},
                    {"Delete": {"TableName": RIGHT, "Key": key("i5")}},
                    {
                        "ConditionCheck": {
                            "TableName": RIGHT,
                            "Key": key("i6"),
                            "ConditionExpression": "attribute_exists(id)",
                        }
                    },
                ]
            },
        ),
        Effect.DELETE,
        Reversibility.R1,
        {Kind.DATA_LOSS, Kind.OVERWRITE},
    ),
]


@pytest.mark.parametrize(
    ("what", "asked", "effect", "reversibility", "kinds"), REACHES, ids=[case[0] for case in REACHES]
)
def test_a_write_counts_by_what_it_meets(
    account: Account, what: str, asked: Asked, effect: Effect, reversibility: Reversibility, kinds: set[Kind]
) -> None:
    """A new item loses nothing; one that stands is overwritten, and captured first; a delete is a delete."""
    found = assess(account, asked).assessment
    assert (found.effect, found.reversibility) == (effect, reversibility), what
    assert found.kinds == kinds, what
    assert not found.unknowns


def test_the_number_of_items_is_said(account: Account) -> None:
    """Ten of twelve stand: ten are lost, and reviewers read ten."""
    found = assess(account, batch(deletes=tuple(f"i{n}" for n in range(12)))).assessment
    said = next(finding for finding in found.findings if finding.kind is Kind.DATA_LOSS)
    assert said.message.startswith("10 items")
    assert said.evidence["deletes"] == 12


@pytest.mark.parametrize(
    "asked",
    [put("new"), batch(deletes=("i1",)), ("dynamodb:DeleteItem", {"TableName": RIGHT, "Key": key("i3")})],
)
def test_what_could_not_be_read_is_taken_for_lost(account: Account, asked: Asked) -> None:
    """The plane's read role may not read items at all: then every write may destroy something, for good."""
    account.broken = {"dynamodb:BatchGetItem": Unavailable("not permitted to read")}
    found = assess(account, asked).assessment
    assert found.unknowns
    assert found.reversibility is Reversibility.R4
    assert found.kinds & {Kind.OVERWRITE, Kind.DATA_LOSS}


def test_a_number_is_the_same_however_it_is_written(account: Account) -> None:
    """The service takes 1.0 and 01 for 1: a write with another spelling overwrites all the same."""
    account.client("dynamodb").create_table(
        TableName="numbers",
        KeySchema=[{"AttributeName": "n", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "n", "AttributeType": "N"}],
        BillingMode="PAY_PER_REQUEST",
    )
    account.client("dynamodb").put_item(TableName="numbers", Item={"n": {"N": "1"}, "v": {"S": "old"}})
    from keyturn.providers.aws.items import _name

    assert (
        _name("numbers", {"n": {"N": "1"}})
        == _name("numbers", {"n": {"N": "1.0"}})
        == _name("numbers", {"n": {"N": "01"}})
    )
    assert _name("numbers", {"n": {"N": "1"}}) != _name("numbers", {"n": {"N": "10"}})
    assert _name("numbers", {"n": {"N": "1"}}) != _name("numbers", {"n": {"S": "1"}})


@pytest.mark.parametrize(
    "asked",
    [
        put("i1"),
        put("new"),
        ("dynamodb:DeleteItem", {"TableName": RIGHT, "Key": key("i3")}),
        batch(puts=("i1", "new"), deletes=("i2", "i3")),
    ],
)
def test_what_was_written_is_put_back(account: Account, asked: Asked) -> None:
    """Capture, write, undo: every item is as it was, and what was new is gone again."""
    before = content(account)
    provider, made = AwsProvider(seal, {}), assess(account, asked)
    account.client("dynamodb")
    service, _, name = asked[0].partition(":")
    python = {"PutItem": "put_item", "DeleteItem": "delete_item", "BatchWriteItem": "batch_write_item"}[name]
    getattr(account.client(service), python)(**asked[1])
    assert content(account) != before
    plan = provider.plan_undo(change(asked), made.captures, ())
    assert plan.possible, plan.why
    assert plan.loss
    assert b'"99"' not in canonical(plan.operations), "items are data: the plan shows them sealed"
    different = drive(provider.undo(change(asked), made.captures, ()), account)
    assert different == ()
    assert content(account) == before


def test_an_undo_without_captures_is_refused(account: Account) -> None:
    """Half an undo would be worse than none: it is not begun, and the reason is said."""
    account.broken = {"dynamodb:BatchGetItem": Unavailable("throttled")}
    asked = batch(deletes=("i1", "i2"))
    provider, made = AwsProvider(seal, {}), assess(account, asked)
    plan = provider.plan_undo(change(asked), made.captures, ())
    assert not plan.possible
    assert "captured" in plan.why
    account.broken = {}
    account.said.clear()
    with pytest.raises(UnavailableError):
        drive(provider.undo(change(asked), made.captures, ()), account)
    assert account.mutations() == []


def test_binary_keys_survive_the_vault(account: Account) -> None:
    """Requests and captures come back from the vault as JSON: blobs as base64 text."""
    client = account.client("dynamodb")
    client.create_table(
        TableName="blobs",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "B"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.put_item(TableName="blobs", Item={"k": {"B": b"\x00\x01"}, "v": {"S": "old"}})
    asked = ("dynamodb:PutItem", {"TableName": "blobs", "Item": {"k": {"B": b"\x00\x01"}, "v": {"S": "new"}}})
    found = assess(account, asked).assessment
    assert found.kinds == {Kind.OVERWRITE}
    assert not found.unknowns
