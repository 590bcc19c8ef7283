"""Holds that are longer than any SDK's own minute: who waits gets the answer, who left gets it when it asks again, one call leaves."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from keyturn.testing.standin import StandIn
from tests.clients.clients_world import ENDPOINT, Client, Told, World, left_out, npm_folder
from tests.gateway.gateway_world import Watched, raw, signed

HELD_S = 65.0
"""Longer than the 60 s after which botocore would give up on a silent server."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Held calls are kept open for two minutes and a half."""
    with StandIn() as account:
        watched = Watched(account.endpoint)
        made = World(cast("Any", watched), tmp_path_factory.mktemp("holds"), wait_s=150.0)
        yield made
        made.plane.stop()
        watched.close()


def deletes(world: World, table: str) -> int:
    """How often the account was told to delete this table."""
    told = cast("Watched", world.account).of("DeleteTable")
    return sum(json.loads(seen.body) == {"TableName": table} for seen in told)


def case_of(world: World, table: str) -> str:
    """The case that is held for this table, when it is."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for case in world.plane.app.runtime.cases(open_only=True):
            about = [str(one) for one in case.change.resources] if case.change else []
            if case.phase == "held" and any(one.endswith(f"/{table}") for one in about):
                return case.id
        time.sleep(0.1)
    raise AssertionError(f"nothing is held for {table}")


def by_hand(world: World, table: str) -> bytes:
    body = json.dumps({"TableName": table}).encode()
    return signed(world.plane.key, world.plane.port, body, target="DynamoDB_20120810.DeleteTable")


def ask(world: World, kind: str, table: str) -> Told:
    if kind != "socket":
        return Client(kind).ask(world, ENDPOINT, "dynamodb", "DeleteTable", TableName=table)
    heard = raw(world.plane.port, by_hand(world, table), wait_s=100.0)
    return Told(0 if heard.startswith(b"HTTP/1.1 200") else 1, heard.decode(), "")


def test_who_waits_longer_than_a_minute_gets_the_answer(world: World) -> None:
    """boto3, the AWS CLI, the SDK for JavaScript and a bare socket, all held at the same time, approved after 65 s."""
    there = ["boto3", "aws-cli-1", "socket", *(["js"] if npm_folder() else [])]
    for kind in there:
        world.table(f"waits-{kind}")
    with ThreadPoolExecutor(len(there)) as pool:
        asked = {kind: pool.submit(ask, world, kind, f"waits-{kind}") for kind in there}
        cases = {kind: case_of(world, f"waits-{kind}") for kind in there}
        time.sleep(HELD_S)
        assert [kind for kind in there if asked[kind].done()] == [], "all of them still wait"
        assert [deletes(world, f"waits-{kind}") for kind in there] == [0] * len(there)
        for case in cases.values():
            world.plane.approve(case, "anna", "ben")
        for kind in there:
            told = asked[kind].result(90)
            assert told.code == 0, (kind, told)
            assert f'"waits-{kind}"' in told.out
    assert {kind: deletes(world, f"waits-{kind}") for kind in there} == dict.fromkeys(there, 1)
    if "js" not in there:
        left_out("the SDK for JavaScript: Node, and `make clients`, which fetches it from npm")


def test_who_left_gets_it_when_it_asks_again(world: World) -> None:
    """The case outlives its client; the retry attaches to it, and one more gets the recorded response. One call leaves."""
    world.table("left")
    with socket.create_connection(("127.0.0.1", world.plane.port), 10) as leaving:
        leaving.sendall(by_hand(world, "left"))
        case = case_of(world, "left")
    with ThreadPoolExecutor(1) as pool:
        again = pool.submit(ask, world, "boto3", "left")
        time.sleep(HELD_S)
        assert not again.done()
        assert case_of(world, "left") == case, "the same one"
        world.plane.approve(case, "anna", "ben")
        told = again.result(90)
    assert (told.code, deletes(world, "left")) == (0, 1)
    recorded = ask(world, "boto3", "left")
    assert (recorded.code, json.loads(recorded.out)) == (0, json.loads(told.out))
    assert deletes(world, "left") == 1
    assert world.calls("dynamodb:DeleteTable")[-2:] == ["sent", "sent"]
