"""Drawn states through everything that runs: an agent's boto3 at the gateway, people at the API, a stand-in account behind."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
from botocore.exceptions import ClientError

from demo.world import Account as Engineer
from keyturn.testing.standin import StandIn
from tests.console.running_plane import Plane
from tests.provider.provider_world import REGION
from tests.recipes.drawing import Draw, otherwise, perform, seen
from tests.recipes.recipe_world import Partly
from tests.recipes.subject_table import EVERYWHERE, HINTS, SUBJECTS, renamed
from tests.recipes.subjects import Subject

SEED: Final = 3
QUICK: Final = ("ssm:parameter", "cloudwatch:alarm", "secretsmanager:secret")
# not of HTTP APIs and budgets: over the wire the stand-in answers GetAuthorizers and DescribeSubscribersForNotification with an error
SLOW: Final = (
    "dynamodb:table",
    "sns:topic",
    "lambda:function",
    "ecs:service",
    "ecs:cluster",
    "states:stateMachine",
    "cloudwatch:dashboard",
    "kms:alias",
    "elasticloadbalancing:targetgroup",
    "rds:db",
    "ec2:elastic-ip",
    "s3:bucket",
    "ecr:repository",
)
_MOVED: Final = re.compile(r"id: it was (\S+) and is (\S+): ")
_DEFAULTS: Final = {r"\.(CreatedBy|Owner)": "means: by whose key it was made"}


class Remote(Partly):
    """The stand-in over the wire, by an engineer's key; or the gateway, by an agent's."""

    def __init__(self, endpoint: str, key: str, secret: str) -> None:
        super().__init__()
        self.endpoint, self.key, self.secret = endpoint, key, secret

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                region_name=REGION,
                endpoint_url=self.endpoint,
                aws_access_key_id=self.key,
                aws_secret_access_key=self.secret,
            )
        return self._clients[service]


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    with StandIn() as standin:
        made = Plane(tmp_path, Engineer(standin.endpoint, "AKIAENGINEER", "secret", region=REGION))
        made.start()
        try:
            yield made
        finally:
            made.stop()


def let(plane: Plane, case: str) -> dict[str, Any]:
    """Two people approve it, one of them lets it go without the agent; the case when it has ended."""
    for person in ("dana", "erin"):
        if plane.case(case)["phase"] == "held":
            plane.review(person, case, approve=True, note="drawn")
    if plane.case(case)["phase"] == "approved":  # an undo goes on by itself: a person asked for it
        with plane.api("erin") as api:
            said = api.post(f"/cases/{case}/execute", json={})
            assert said.is_success, (said.text, plane.case(case)["reason"])
    return plane.until(case, "confirmed", "failed", "inconclusive")


def asked(plane: Plane, agent: Remote, operation: str, parameters: dict[str, Any]) -> str:
    """What an agent asks, held, approved and executed: its case."""
    before = {case["id"] for case in plane.inbox()}
    with contextlib.suppress(ClientError):
        perform(agent, operation, parameters)
    (case,) = (one["id"] for one in plane.inbox() if one["id"] not in before)
    found = plane.case(case)
    if found["phase"] == "held":
        found = let(plane, case)
    assert found["phase"] == "confirmed", (found["phase"], found["reason"])
    return str(case)


def undone(plane: Plane, case: str) -> dict[str, Any]:
    """A person takes it back; where policy holds that too, two others approve."""
    with plane.api("bob") as api:
        undo = api.post(f"/cases/{case}/undo", json={}).raise_for_status().json()
    found = let(plane, undo["id"]) if undo["phase"] == "held" else plane.case(undo["id"])
    assert found["phase"] == "confirmed", (found["phase"], found["reason"])
    return found


def comes_back(plane: Plane, subject: Subject) -> None:
    account = Remote(plane.endpoint, "AKIAENGINEER", "secret")
    made = subject.make(account, Draw(f"{subject.kind} through the plane {SEED}", HINTS))
    before = seen(account, subject.services, made.keys, subject.skip)
    assert made.first == ()
    with plane.api("bob") as api:
        key = api.post("/sessions", json={"agent": "kiro"}).raise_for_status().json()
    gateway = f"http://127.0.0.1:{plane.app.gateway.port if plane.app.gateway else 0}"
    agent = Remote(gateway, key["access_key_id"], key["secret_access_key"])
    case = asked(plane, agent, *made.delete)
    gone = seen(account, subject.services, made.keys, subject.skip)
    assert gone != before, "it still stands"
    undo = undone(plane, case)
    ids = dict(_MOVED.findall(str(undo["reason"])))
    after = seen(account, subject.services, renamed(made.keys, ids), subject.skip)
    stated = {**EVERYWHERE, **_DEFAULTS, **subject.stated}
    assert otherwise(before, after, ids, stated) == {}


def _of(kind: str) -> Subject:
    return next(one for one in SUBJECTS if one.kind == kind)


@pytest.mark.parametrize("kind", QUICK)
def test_what_was_deleted_through_the_plane_is_given_back(plane: Plane, kind: str) -> None:
    """Held, approved by two, backed up, sent, undone: every read of the service answers as before, but for what was said."""
    comes_back(plane, _of(kind))


@pytest.mark.slow
@pytest.mark.parametrize("kind", SLOW)
def test_what_was_deleted_through_the_plane_is_given_back_of_many_kinds(plane: Plane, kind: str) -> None:
    """The same, of a dozen more."""
    comes_back(plane, _of(kind))


def test_the_undo_of_an_item_is_for_the_item_that_was_shown(plane: Plane) -> None:
    """Somebody writes to it while the undo waits: approved or not, nothing is sent, and it says which. Asked for again, it comes back."""
    account = Remote(plane.endpoint, "AKIAENGINEER", "secret")
    table = account.client("dynamodb")
    table.create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=[{"Key": "environment", "Value": "production"}],
    )
    with plane.api("bob") as api:
        key = api.post("/sessions", json={"agent": "kiro"}).raise_for_status().json()
    gateway = f"http://127.0.0.1:{plane.app.gateway.port if plane.app.gateway else 0}"
    agent = Remote(gateway, key["access_key_id"], key["secret_access_key"])
    agent.client("dynamodb").put_item(TableName="orders", Item={"id": {"S": "1"}, "total": {"N": "10"}})
    with plane.api("bob") as api:
        undo = api.post("/cases/C-1/undo", json={}).raise_for_status().json()
    assert undo["phase"] == "held"
    table.put_item(TableName="orders", Item={"id": {"S": "1"}, "total": {"N": "11"}})
    with plane.api("dana") as api:
        told = {"approve": True, "binding": plane.case(undo["id"])["binding"], "note": "ok"}
        assert api.post(f"/cases/{undo['id']}/review", json=told).is_client_error
    found = plane.case(undo["id"])
    assert found["phase"] == "invalidated"
    assert found["reason"].startswith("state changed: changed since it was assessed: dynamodb:item/orders/")
    undone(plane, "C-1")
    assert "Item" not in table.get_item(TableName="orders", Key={"id": {"S": "1"}})
