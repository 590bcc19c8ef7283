"""Real clients, each in a process of its own with the environment of `keyturn run`, by each door.

What is allowed works; what is held is the client's own access-denied error after exactly one call; after approval the same call gets its
answer. Which client comes in by which door is one table (`doors.py`), which docs/guides/agents.md shows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keyturn.testing.standin import StandIn
from tests.clients.clients_world import ENDPOINT, PROXY, REGION, Client, World
from tests.clients.doors import DOORS, SLOW, table

BY_DOOR = [
    pytest.param(Client(row.kind), door, id=f"{row.kind}-{door}", marks=[pytest.mark.slow] if row.kind in SLOW else [])
    for row in DOORS
    for door in (ENDPOINT, PROXY)
    if row.asked
]  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with StandIn() as account:
        made = World(account, tmp_path_factory.mktemp("clients"))
        yield made
        made.plane.stop()


@pytest.mark.parametrize(("client", "door"), BY_DOOR)
def test_allowed_held_approved_answered(world: World, client: Client, door: str) -> None:
    """The whole conversation of an agent that wants to delete a table of production."""
    name = f"orders-{client}-{door}"
    world.table(name)
    since = len(world.asked())
    listed = client.ask(world, door, "dynamodb", "ListTables")
    assert listed.code == 0, listed.err
    assert name in listed.out
    held = client.ask(world, door, "dynamodb", "DeleteTable", TableName=name)
    said = held.out + held.err
    assert held.code != 0
    assert "AccessDeniedException" in said
    assert "Keyturn holds this as case C-" in said
    assert "nothing was executed" in said
    assert world.calls("dynamodb:DeleteTable", since) == ["held"], (
        "one call: nothing is asked again by itself"
    )
    assert name in world.tables()
    world.approve(said)
    again = client.ask(world, door, "dynamodb", "DeleteTable", TableName=name)
    assert again.code == 0, again.err + again.out
    assert '"TableName"' in again.out
    assert name not in world.tables()
    assert world.calls("dynamodb:DeleteTable", since) == ["held", "sent"]


SHAPES: list[tuple[str, str, dict[str, Any], str]] = [
    ("s3", "DeleteBucket", {"Bucket": "orders"}, "AccessDenied"),
    ("iam", "DeleteRole", {"RoleName": "orders"}, "AccessDenied"),
    ("ec2", "TerminateInstances", {"InstanceIds": ["i-0123456789abcdef0"]}, "UnauthorizedOperation"),
    ("lambda", "DeleteFunction", {"FunctionName": "orders"}, "AccessDeniedException"),
    ("cloudwatch", "DeleteAlarms", {"AlarmNames": ["orders"]}, "AccessDeniedException"),
]
"""One of each protocol but DynamoDB's, which has its own conversation."""


@pytest.mark.parametrize(("service", "operation", "given", "code"), SHAPES, ids=[row[0] for row in SHAPES])
@pytest.mark.parametrize(
    "client",
    [Client("js"), pytest.param(Client("aws-cli-2"), marks=pytest.mark.slow)],
    ids=repr,
)
def test_a_hold_in_every_protocol(
    world: World, client: Client, service: str, operation: str, given: dict[str, Any], code: str
) -> None:
    """Another language's parsers than botocore's, and an older botocore's: the code of the service, the message whole, one call."""
    since = len(world.asked())
    held = client.ask(world, ENDPOINT, service, operation, **given)
    said = held.out + held.err
    assert held.code != 0
    assert code in said or (code == "AccessDeniedException" and "AccessDenied" in said)
    assert "Keyturn holds this as case C-" in said
    assert world.calls(f"{service}:{operation}", since) == ["held"]


@pytest.mark.parametrize(("client", "door"), BY_DOOR)
def test_objects_up_and_down(world: World, client: Client, door: str) -> None:
    """S3 by path and by host name, with the checksums and trailers that each client sends by itself."""
    if client.kind.startswith("aws-cli"):
        pytest.skip("the CLI's own way with objects is tried below")
    bucket = f"up-and-down-{client}-{door}"
    world.direct("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    put = client.ask(world, door, "s3", "PutObject", Bucket=bucket, Key="a/b c+d", Body="grün " * 5000)
    assert put.code == 0, put.out + put.err
    assert (
        world.direct("s3").get_object(Bucket=bucket, Key="a/b c+d")["Body"].read().decode() == "grün " * 5000
    )
    got = client.ask(world, door, "s3", "GetObject", Bucket=bucket, Key="a/b c+d")
    assert got.code == 0, got.err
    listed = client.ask(world, door, "s3", "ListObjectsV2", Bucket=bucket)
    assert "a/b c+d" in listed.out


def test_a_queues_url_leads_back(world: World) -> None:
    """The SDK for JavaScript sends to the host that stands in a queue's URL: it is the gateway's, whatever the account had written."""
    client = Client("js")
    world.direct("sqs").create_queue(QueueName="jobs")
    told = client.ask(world, ENDPOINT, "sqs", "GetQueueUrl", QueueName="jobs")
    assert told.code == 0, told.out
    url = json.loads(told.out)["answer"]["QueueUrl"]
    since = len(world.asked())
    sent = client.ask(world, ENDPOINT, "sqs", "SendMessage", QueueUrl=url, MessageBody="one")
    assert sent.code == 0, sent.out
    assert world.calls("sqs:SendMessage", since) == ["sent"]


@pytest.mark.parametrize(
    "client", [Client("boto3"), pytest.param(Client("aws-cli-1"), marks=pytest.mark.slow)], ids=repr
)
def test_a_word_before_the_host_name(world: World, client: Client) -> None:
    """StartSyncExecution goes to ``sync-`` and the endpoint: by endpoint it is left out, and the call is held as any other."""
    machine = "arn:aws:states:eu-central-1:123456789012:stateMachine:orders"
    for door in (ENDPOINT, PROXY):
        held = client.ask(world, door, "stepfunctions", "StartSyncExecution", stateMachineArn=machine)
        assert "Keyturn holds this as case C-" in held.out + held.err


def test_the_guide_shows_this_table() -> None:
    """docs/guides/agents.md says of each client what these tests have seen."""
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "agents.md").read_text()
    assert table() in guide, f"put this into docs/guides/agents.md:\n{table()}"
