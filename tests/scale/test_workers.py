"""``keyturn up --workers N``: several processes over one SQLite file, killed, reloaded, ended."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from keyturn.testing.standin import StandIn
from tests.gateway.gateway_world import Upstream
from tests.scale.scale_world import Agent, Asking, Installation, account_behind, creates, until


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with StandIn() as account:
        made = account_behind(account, late_s=3.0)
        yield made
        made.close()


@pytest.fixture
def keyturn(upstream: Upstream, tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path, upstream)
    yield made
    made.stop()


def test_workers_share_everything_and_any_may_die(keyturn: Installation, upstream: Upstream) -> None:
    """A session is known to every worker at once; one killed in the middle of a call repeats nothing; all end in order."""
    running = keyturn.up("--workers", "3")
    keyturn.login()
    key = keyturn.session()
    agents = [Agent(running.gateway, key) for _ in range(6)]
    assert {agent.tables() for agent in agents} == {"ok"}
    asking = [Asking(lambda agent=agent, n=n: agent.create(f"orders{n}")) for n, agent in enumerate(agents)]  # type: ignore[misc]  # mypy cannot infer a lambda's default
    until(lambda: len(creates(upstream)) == len(agents), what="all calls to leave")
    before = running.workers()
    os.kill(before[0], signal.SIGKILL)
    for one in asking:
        one.join()
    until(lambda: len(running.workers()) == 3 and before[0] not in running.workers(), what="another worker")
    cases = [keyturn.ended(f"C-{number}") for number in range(1, len(agents) + 1)]
    assert {case["phase"] for case in cases} == {"confirmed"}
    assert [len(creates(upstream, f"orders{n}")) for n in range(len(agents))] == [1] * len(agents)
    assert {agent.tables() for agent in agents} == {"ok"}
    keyturn.verified()
    assert "ended by signal 9" in running.said()
    assert running.end() == 0
