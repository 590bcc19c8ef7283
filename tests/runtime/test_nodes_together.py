"""Two nodes over one SQLite file, in one loop and real time: what one records holds at the other, and how soon."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from keyturn.core.case import Case, Phase
from keyturn.errors import ReviewError
from keyturn.model import record as r
from keyturn.model.change import Change, Principal
from keyturn.runtime import Runtime, now_ms
from keyturn.runtime.interface import ReplyKind, SessionKey
from keyturn.runtime.settings import Settings
from keyturn.stores.sqlite_shared import SharedSqliteStore
from keyturn.stores.vault import Signer, Vault
from keyturn.testing.simulation.account import Account, SimulatedExecutor
from keyturn.testing.simulation.crashes import Process
from keyturn.testing.simulation.knowledge import SimulatedPolicy, SimulatedProvider, operation, request
from tests.runtime.calm import CALM

HEARD_S = 0.5
"""Twenty-five looks of a worker at the file: what is not heard by then is not heard."""

SETTINGS = Settings(public_url="https://keyturn.test", hold_wait_s=1.0)


class Together:
    """An account and the nodes before it. `p1` and `p2` are production, `t1` and `t2` are not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.account = Account(("p1", "p2", "t1", "t2"), now_ms)
        self.tokens = 0
        self.nodes: list[Runtime] = []

    async def node(self, name: str) -> Runtime:
        store = SharedSqliteStore(self.folder / "keyturn.db", writer=name, lease_s=2.0)
        made = Runtime(
            store=store,
            vault=Vault(store, b"\x01" * 32),
            signer=Signer(b"\x02" * 32),
            providers={"sim": SimulatedProvider()},
            policy=SimulatedPolicy(),
            executor=SimulatedExecutor(
                self.account, Process(Random(1), may_crash=False), CALM, Random(len(self.nodes))
            ),
            settings=SETTINGS,
        )
        await made.start(r.Started(at_ms=now_ms(), version="1", catalogue="sim", mode="advisory"))
        self.nodes.append(made)
        return made

    def asking(
        self, node: Runtime, key: SessionKey, action: str, name: str, **parameters: Any
    ) -> asyncio.Task[Any]:
        self.tokens += 1
        given = {"name": name, "token": f"token-{self.tokens}", **parameters}
        change = Change(
            principal=Principal(agent="kiro", session=key.session, operator="olga"),
            surface="sim",
            operations=(operation(action, given),),
            received_at_ms=now_ms(),
        )
        return asyncio.ensure_future(node.submit(change, (request(action, given),)))

    def left(self) -> list[str]:
        return [one.thing for one in self.account.journal if one.what == "left"]


@pytest.fixture
async def together(tmp_path: Path) -> AsyncIterator[Together]:
    made = Together(tmp_path)
    yield made
    for node in made.nodes:
        with contextlib.suppress(Exception):
            await node.close()


async def until(node: Runtime, case_id: str, *phases: Phase) -> Case:
    return await node.book.until(case_id, lambda case: case.phase in phases, timeout_s=10.0)


async def approve(node: Runtime, who: str, case_id: str) -> Case:
    case = node.case(case_id)
    assert case is not None
    assert case.request is not None
    return await node.review(
        case_id, by=who, approve=True, binding=case.request.digest, note="seen", via="test"
    )


async def test_a_session_is_known_everywhere_at_once(together: Together) -> None:
    """Opened at one console, it is asked for at another gateway before that has heard anything; ended, it is soon gone."""
    one, other = await together.node("a"), await together.node("b")
    key = await one.open_session(operator="olga", agent="kiro", ttl_s=600)
    assert other.session(key.access_key_id) == key
    assert other.session("KTSESS" + "0" * 14) is None
    assert [found.session for found in other.sessions()] == [key.session]
    await one.end_session(key.session, by="olga", reason="done")
    assert one.session(key.access_key_id) is None
    async with asyncio.timeout(HEARD_S):
        while other.session(key.access_key_id) is not None:  # noqa: ASYNC110  # a test waits
            await asyncio.sleep(0.005)


async def test_a_halt_holds_everywhere_when_it_is_acknowledged(together: Together) -> None:
    """Nothing waits in between: the other node refuses the very next change, and a case on its way there is stopped."""
    one, other = await together.node("a"), await together.node("b")
    key = await one.open_session(operator="olga", agent="kiro", ttl_s=600)
    await one.halt(by="anna", reason="looks odd")
    assert other.book.plane.halted_by("kiro") == "anna"
    reply = await together.asking(other, key, "Set", "t1", value=7)
    assert (reply.kind, reply.code, together.left()) == (ReplyKind.REFUSED, "halted", [])
    await other.resume(by="anna")
    assert (await together.asking(one, key, "Set", "t1", value=7)).kind is ReplyKind.SENT


async def test_what_is_held_here_is_approved_there_and_executed_here(together: Together) -> None:
    """The client waits at one gateway, the reviewers come to another console; the node at which the client waits does the work."""
    one, other = await together.node("a"), await together.node("b")
    key = await other.open_session(operator="olga", agent="kiro", ttl_s=600)
    waiting = together.asking(one, key, "Delete", "p1")
    await until(one, "C-1", Phase.HELD)
    again = together.asking(other, key, "Set", "t2", value=1)
    assert (await again).kind is ReplyKind.SENT
    await until(other, "C-1", Phase.HELD)
    for who in ("anna", "ben"):
        await approve(other, who, "C-1")
    with pytest.raises(ReviewError):
        await approve(one, "anna", "C-1")
    assert (await waiting).kind is ReplyKind.SENT
    assert (await until(other, "C-1", Phase.CONFIRMED)).worker == "a"
    assert together.left().count("p1") == 1
    writers = {type(entry.event()).__name__: entry.writer for entry in one.story("C-1")}
    assert (writers["Reviewed"], writers["Claimed"], writers["Sent"]) == ("b", "a", "a")


async def test_equal_requests_at_two_gateways_are_one_case(together: Together) -> None:
    """At the very same moment: one is received, the other waits for what becomes of it and joins."""
    one, other = await together.node("a"), await together.node("b")
    key = await one.open_session(operator="olga", agent="kiro", ttl_s=600)
    other.session(key.access_key_id)
    asked = together.asking(one, key, "Delete", "p1")
    together.tokens -= 1
    twice = together.asking(other, key, "Delete", "p1")
    replies = await asyncio.gather(asked, twice)
    assert [(reply.kind, reply.case_id) for reply in replies] == [(ReplyKind.HELD, "C-1")] * 2
    assert other.case("C-2") is None


async def test_two_nodes_do_not_work_on_one_thing(together: Together) -> None:
    """Two changes of one thing at two gateways: one after the other, or the second is void; never both at once."""
    one, other = await together.node("a"), await together.node("b")
    key = await one.open_session(operator="olga", agent="kiro", ttl_s=600)
    other.session(key.access_key_id)
    asked = [
        together.asking(node, key, "Set", "t1", value=number) for number, node in enumerate((one, other) * 3)
    ]
    await asyncio.gather(*asked)
    at_work: set[str] = set()
    for entry in one.log(after=0, limit=1_000):
        match entry.event():
            case r.Claimed():
                at_work.add(entry.case_id)
            case r.Answered() | r.Invalidated() | r.ProofFailed():
                at_work.discard(entry.case_id)
        assert len(at_work) <= 1


async def test_what_a_node_leaves_is_taken_up(together: Together) -> None:
    """A node says goodbye with a held case and its client: the client is detached, the case stands, and goes on elsewhere."""
    one, other = await together.node("a"), await together.node("b")
    key = await one.open_session(operator="olga", agent="kiro", ttl_s=600)
    waiting = together.asking(one, key, "Delete", "p1")
    await until(other, "C-1", Phase.HELD)
    await other.book.until("C-1", lambda case: bool(case.waiters), timeout_s=5.0)
    waiting.cancel()
    for task in (*one._loops, *one._tasks):  # as a kill would
        task.cancel()
    assert one.shared is not None
    await one.shared.shared.leave()
    case = await other.book.until("C-1", lambda case: not case.waiters, timeout_s=10.0)
    assert (case.phase, case.waiters) == (Phase.HELD, ())
    for who in ("anna", "ben"):
        await approve(other, who, "C-1")
    await other.execute("C-1", by="anna")
    assert (await until(other, "C-1", Phase.CONFIRMED)).phase is Phase.CONFIRMED
    assert together.left() == ["p1"]


async def test_a_client_that_dies_elsewhere_takes_nothing_along(together: Together) -> None:
    """A node dies at which a second client waited: that one is detached; the first stays, and so does who works on the case."""
    one, other = await together.node("a"), await together.node("b")
    key = await one.open_session(operator="olga", agent="kiro", ttl_s=600)
    other.session(key.access_key_id)
    waiting = together.asking(one, key, "Delete", "p1")
    await one.book.until("C-1", lambda case: bool(case.waiters), timeout_s=5.0)
    together.tokens -= 1
    second = together.asking(other, key, "Delete", "p1")
    await one.book.until("C-1", lambda case: len(case.waiters) == 2, timeout_s=5.0)
    second.cancel()
    for task in (*other._loops, *other._tasks):  # as a kill would
        task.cancel()
    assert other.shared is not None
    await other.shared.shared.leave()
    case = await one.book.until("C-1", lambda case: len(case.waiters) < 2, timeout_s=10.0)
    assert case.worker == "a"
    for who in ("anna", "ben"):
        await approve(one, who, "C-1")
    assert (await until(one, "C-1", Phase.CONFIRMED)).worker == "a"
    assert "TakenUp" not in [type(entry.event()).__name__ for entry in one.story("C-1")]
    assert together.left() == ["p1"]
    waiting.cancel()


async def test_a_start_from_a_snapshot_folds_nothing_twice(together: Together) -> None:
    """The last node to leave writes down all there is; who comes next begins behind it, and what it knows is what the log says."""
    one = await together.node("a")
    key = await one.open_session(operator="olga", agent="kiro", ttl_s=600)
    waiting = together.asking(one, key, "Delete", "p1")
    await until(one, "C-1", Phase.HELD)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await one.close()
    again = await together.node("b")
    assert again.book.seq == again.book.store.head[0]
    left, found = one.case("C-1"), again.case("C-1")
    assert left is not None
    assert found is not None
    assert (found.request, found.phase) == (left.request, Phase.HELD)
    assert [one.session for one in again.sessions()] == [key.session]
    for who in ("anna", "ben"):
        await approve(again, who, "C-1")
    assert (await until(again, "C-1", Phase.APPROVED)).approvals == ("anna", "ben")
