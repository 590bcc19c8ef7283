"""As many things as an outage is made of: what is deleted through the recipes comes back whole, and nothing is lost.

Two hundred in the ordinary set; ten thousand in the long one, whose figures it prints.
"""

from __future__ import annotations

import hashlib
import resource
import time
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from keyturn.core.ports import Captures
from keyturn.model.change import Change
from keyturn.model.execution import Backup
from tests.provider import provider_world
from tests.provider.provider_world import Account, drive
from tests.recipes.recipe_world import PROVIDER, Asked, assessed, backed_up, perform, verified

BUCKET, TABLE = "many-objects", "many-items"
KEYS_OF_ONE_CALL = 1_000
MANY = [
    pytest.param(200, id="200"),
    pytest.param(10_000, id="10,000", marks=[pytest.mark.slow, pytest.mark.timeout(7_200)]),
]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setattr(provider_world, "ROUNDS_MAX", 1_000_000)
    with mock_aws():
        yield Account()


def objects(account: Account, count: int, *, versioned: bool) -> None:
    s3 = account.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    if versioned:
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for number in range(count):
        s3.put_object(
            Bucket=BUCKET,
            Key=f"2026/{number:05}.csv",
            Body=f"row {number}".encode() * (number % 7 + 1),
            ContentType="text/csv",
            Metadata={"number": str(number)},
        )


def held(account: Account) -> dict[str, tuple[str, str, str]]:
    """Key -> digest of its content, type, metadata."""
    s3, found = account.client("s3"), {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for one in page.get("Contents", []):
            got = s3.get_object(Bucket=BUCKET, Key=one["Key"])
            digest = hashlib.sha256(got["Body"].read()).hexdigest()
            found[one["Key"]] = (digest, got["ContentType"], str(got["Metadata"]))
    return found


def deletes(count: int) -> list[Asked]:
    """As a client empties a bucket: a thousand keys a call."""
    keys = [{"Key": f"2026/{number:05}.csv"} for number in range(count)]
    return [
        ("s3:DeleteObjects", {"Bucket": BUCKET, "Delete": {"Objects": keys[at : at + KEYS_OF_ONE_CALL]}})
        for at in range(0, count, KEYS_OF_ONE_CALL)
    ]


class Watch:
    """Prints what took how long."""

    def __init__(self, what: str) -> None:
        self.what, self.began = what, time.monotonic()

    def says(self, step: str) -> None:
        now = time.monotonic()
        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"{self.what}: {step} {now - self.began:.1f} s, {size} MB")  # figures are what it is for
        self.began = now


@pytest.mark.parametrize("count", MANY)
@pytest.mark.parametrize("versioned", [True, False], ids=["kept as versions", "exported"])
def test_objects_by_the_thousand_come_back(versioned: bool, count: int, account: Account) -> None:
    """Where the bucket keeps versions nothing is copied; where it does not, every object is exported before the call."""
    objects(account, count, versioned=versioned)
    before = held(account)
    assert len(before) == count
    watch = Watch(f"{count:,} objects, {'versioned' if versioned else 'unversioned'}")
    done: list[tuple[Change, Captures, tuple[Backup, ...]]] = []
    for asked in deletes(count):
        made, assessment, states = assessed(account, asked)
        assert len(made.operations[0].resources) == len(asked[1]["Delete"]["Objects"])
        assert {(one.backup, one.inverse) for one in assessment.recoverable} == {(not versioned, versioned)}
        backups = backed_up(account, made, states)
        perform(account, asked)
        assert verified(account, made, states, asked).status == "succeeded"
        done.append((made, states, backups))
    watch.says("assessed, saved, deleted, verified")
    assert held(account) == {}
    assert len(account.vault) == (0 if versioned else len({digest for digest, _, _ in before.values()}))
    honest: list[str] = []
    for made, states, backups in reversed(done):
        honest += drive(PROVIDER.undo(made, states, backups), account)
    watch.says("taken back and compared")
    said = "of {:,} S3 objects it is another, as each call gives one"
    sizes = [len(made.operations[0].resources) for made, _, _ in reversed(done)]
    assert honest == ([f"version: {said.format(size)}" for size in sizes] if versioned else [])
    assert held(account) == before


@pytest.mark.parametrize("count", MANY)
def test_a_table_of_as_many_items_comes_back(count: int, account: Account) -> None:
    """Deleted with its items and restored from the plane's own backup: not one is lost, not one is otherwise."""
    client = account.client("dynamodb")
    client.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for at in range(0, count, 25):
        puts = [
            {"PutRequest": {"Item": {"id": {"S": f"i{number}"}, "amount": {"N": str(number)}}}}
            for number in range(at, min(at + 25, count))
        ]
        client.batch_write_item(RequestItems={TABLE: puts})
    before = items(account)
    assert len(before) == count
    watch, asked = Watch(f"{count:,} items"), ("dynamodb:DeleteTable", {"TableName": TABLE})
    made, _, states = assessed(account, asked)
    backups = backed_up(account, made, states)
    perform(account, asked)
    assert verified(account, made, states, asked).status == "succeeded"
    watch.says("assessed, saved, deleted, verified")
    assert drive(PROVIDER.undo(made, states, backups), account) == ()
    watch.says("taken back and compared")
    assert items(account) == before


def items(account: Account) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for page in account.client("dynamodb").get_paginator("scan").paginate(TableName=TABLE):
        found |= {one["id"]["S"]: one for one in page["Items"]}
    return found


@pytest.mark.parametrize("count", [pytest.param(25, id="25 items in one BatchWriteItem")])
def test_a_batch_of_deletes_is_taken_back_item_by_item(count: int, account: Account) -> None:
    """Every item of the largest batch there is was read before, and is put back as it was."""
    client = account.client("dynamodb")
    client.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for number in range(count):
        client.put_item(TableName=TABLE, Item={"id": {"S": f"i{number}"}, "amount": {"N": str(number)}})
    before = items(account)
    gone = [{"DeleteRequest": {"Key": {"id": {"S": f"i{number}"}}}} for number in range(count)]
    asked: Asked = ("dynamodb:BatchWriteItem", {"RequestItems": {TABLE: gone}})
    made, _, states = assessed(account, asked)
    perform(account, asked)
    assert items(account) == {}
    assert drive(PROVIDER.undo(made, states, ()), account) == ()
    assert items(account) == before
