"""Three nodes and their workers over one PostgreSQL: killed, stopped and woken in the middle of held and executing cases."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from keyturn.testing import postgres
from keyturn.testing.standin import StandIn
from tests.gateway.gateway_world import REGION, Upstream
from tests.scale.scale_world import Agent, Asking, Installation, account_behind, creates, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(postgres.available()), reason=postgres.available() or "-"),
]


@pytest.fixture
def server() -> Iterator[postgres.Server]:
    with postgres.Server() as made:
        yield made


@pytest.fixture
def account() -> Iterator[StandIn]:
    with StandIn() as made:
        yield made


@pytest.fixture
def upstream(account: StandIn) -> Iterator[Upstream]:
    made = account_behind(account, late_s=4.0)
    yield made
    made.close()


@pytest.fixture
def keyturn(upstream: Upstream, server: postgres.Server, tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path, upstream, store_url=server.url())
    made.configure(lambda text: text + "\n[holds]\nwait_s = 2.0\n")
    yield made
    made.stop()


def production_table(account: StandIn, name: str) -> None:
    """One that nobody deletes without being asked about it."""
    boto3.client(
        "dynamodb",
        region_name=REGION,
        endpoint_url=account.endpoint,
        aws_access_key_id="AKIAX",
        aws_secret_access_key="x",
    ).create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=[{"Key": "environment", "Value": "production"}],
    )


def test_a_gateway_and_a_worker_killed_lose_and_repeat_nothing(
    keyturn: Installation, upstream: Upstream, account: StandIn
) -> None:
    """Held stays held, executing is looked up, everything is verified; what is asked again elsewhere joins its case."""
    production_table(account, "payments")
    first, second, third = keyturn.up(), keyturn.up(), keyturn.up("--workers", "2")
    keyturn.login()
    key = keyturn.session()
    agents = [Agent(node.gateway, key) for node in (first, second, third)]
    assert [agent.tables() for agent in agents] == ["ok", "ok", "ok"]

    held = agents[1].delete("payments")
    assert held == "AccessDeniedException"
    assert keyturn.case("C-1")["phase"] == "held"

    tables = [f"orders{number}" for number in range(6)]
    asking = [Asking(lambda n=n, name=name: agents[n % 3].create(name)) for n, name in enumerate(tables)]  # type: ignore[misc]  # mypy cannot infer a lambda's default
    until(lambda: len(creates(upstream)) == len(tables), what="all calls to leave")
    second.end(signal.SIGKILL)
    os.kill(third.workers()[0], signal.SIGKILL)
    for one in asking:
        one.join()
    keyturn.environment["KEYTURN_URL"] = first.console
    cases = [keyturn.ended(f"C-{number}") for number in range(2, 2 + len(tables))]
    assert {case["phase"] for case in cases} == {"confirmed"}
    assert [len(creates(upstream, name)) for name in tables] == [1] * len(tables)
    events = [[line["event"] for line in case["story"]] for case in cases]
    assert sum("taken_up" in story for story in events) >= 2
    assert all(story.count("sent") == 1 for story in events)

    assert agents[0].delete("payments") == "AccessDeniedException"
    assert keyturn.case("C-1")["phase"] == "held"
    keyturn.run("withdraw", "C-1", "-m", "no need")
    assert agents[2].tables() == "ok"
    keyturn.verified()
    assert [first.end(), third.end()] == [0, 0]


def test_a_node_that_stood_still_wakes_as_somebody_else(keyturn: Installation, upstream: Upstream) -> None:
    """Stopped past its lease with a call on its way: the other one looks it up; woken, it sends nothing and serves on."""
    first, second = keyturn.up(), keyturn.up()
    keyturn.login()
    key = keyturn.session()
    stopped, other = Agent(second.gateway, key), Agent(first.gateway, key)
    asking = Asking(lambda: stopped.create("orders"))
    until(lambda: creates(upstream, "orders"), what="the call to leave")
    second.send(signal.SIGSTOP)
    keyturn.environment["KEYTURN_URL"] = first.console
    case = keyturn.ended("C-1")
    assert case["phase"] == "confirmed"
    assert "taken_up" in [line["event"] for line in case["story"]]
    assert other.create("more") == "ok"
    second.send(signal.SIGCONT)
    asking.join()
    until(lambda: "was declared gone" in second.said(), what="it to notice")
    until(lambda: stopped.tables() == "ok", what="it to serve on")
    assert len(creates(upstream, "orders")) == 1
    keyturn.verified()
    assert second.end() == 0


def test_a_database_that_stands_still_stops_everything_and_loses_nothing(
    keyturn: Installation, upstream: Upstream, server: postgres.Server
) -> None:
    """While it is away nothing leaves; what waited is decided when it is back, once."""
    first, second = keyturn.up(), keyturn.up()
    keyturn.login()
    key = keyturn.session()
    agents = [Agent(first.gateway, key), Agent(second.gateway, key)]
    assert [agent.tables() for agent in agents] == ["ok", "ok"]
    server.pause()
    asking = [Asking(lambda n=n: agents[n % 2].create(f"orders{n}")) for n in range(4)]  # type: ignore[misc]  # mypy cannot infer a lambda's default
    time.sleep(3.0)
    assert creates(upstream) == []
    server.wake()
    for one in asking:
        one.join()
    said = [one.said for one in asking]
    until(lambda: len(creates(upstream)) >= said.count("ok"), what="calls")
    for number in range(1, 1 + len(creates(upstream))):
        assert keyturn.ended(f"C-{number}")["phase"] in {"confirmed", "invalidated"}
    assert [len(creates(upstream, f"orders{n}")) <= 1 for n in range(4)] == [True] * 4
    keyturn.verified()


def test_an_installation_moves_into_a_database_and_is_stopped_and_started_there(
    upstream: Upstream, server: postgres.Server, tmp_path: Path
) -> None:
    """What one process had in its file: the session, the case, the login. Nodes end and others begin, and the log is one."""
    keyturn = Installation(tmp_path, upstream)
    running = keyturn.up()
    keyturn.login()
    key = keyturn.session()
    assert Agent(running.gateway, key).create("orders") == "ok"
    keyturn.ended("C-1")
    assert running.end() == 0
    keyturn.run("store", "migrate", f"sqlite:{tmp_path / 'data' / 'keyturn.db'}", server.url())
    keyturn.configure(lambda text: f'{text}\n[store]\nurl = "{server.url()}"\n')
    for number, name in enumerate(("invoices", "letters", "offers"), 2):
        running = keyturn.up()
        assert Agent(running.gateway, key).create(name) == "ok"
        assert keyturn.ended(f"C-{number}")["phase"] == "confirmed"
        assert running.end() == 0
    running = keyturn.up()
    keyturn.verified()
    assert running.end() == 0
