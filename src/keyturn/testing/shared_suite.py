# ruff: noqa: S101  # a suite is tests: assertions are what it is made of
"""The suite of stores that several nodes write (`keyturn.stores.interface.SharedStore`): promises 5 to 7, beside all others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from keyturn.errors import ReviewError
from keyturn.model import record as r
from keyturn.model.record import Draft, Entry
from keyturn.stores.interface import SharedStore, Store
from keyturn.testing.suites import WAIT_S, DurableStoreSuite, draft, intact, marks

SHORT_LEASE_S = 0.4


class Node:
    """One node's store and what it was shown."""

    def __init__(self, store: SharedStore) -> None:
        self.store = store
        self.shown: list[Entry] = []
        store.follow(store.head[0], self.shown.extend)

    def by(self) -> list[str]:
        events = [entry.event() for entry in self.shown]
        return [event.by for event in events if isinstance(event, r.Withdrawn | r.HaltRaised)]

    async def until(self, done: Callable[[], object]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not done():  # noqa: ASYNC110  # a test waits
                await asyncio.sleep(0.005)


class SharedStoreSuite(DurableStoreSuite):
    """Every promise, by several nodes over one store."""

    def node(self, folder: Path, name: str, *, lease_s: float = 10.0) -> SharedStore:
        """One more node over the store in this folder."""
        raise NotImplementedError

    def open(self, folder: Path) -> Store:
        return self.node(folder, "w1")

    @contextlib.asynccontextmanager
    async def nodes(self, folder: Path, *names: str, lease_s: float = 10.0) -> AsyncIterator[list[Node]]:
        made = [Node(self.node(folder, name, lease_s=lease_s)) for name in names]
        try:
            yield made
        finally:
            for one in made:
                await one.store.close()

    async def test_many_nodes_make_one_chain(self, tmp_path: Path) -> None:
        """Promises 1 and 5: whoever writes, the log is one chain, and each call's entries stand together."""
        async with self.nodes(tmp_path, "a", "b", "c") as nodes:

            async def write(node: Node, task: int) -> None:
                for number in range(6):
                    name = f"{node.store.writer}.{task}.{number}"
                    parts = [draft("C-1", f"{name}.{part}") for part in range(2)]
                    made = await node.store.turn(lambda parts=parts: parts, soon=number % 2 == 1)  # type: ignore[misc]  # mypy cannot infer a lambda's default
                    assert made[1].seq == made[0].seq + 1

            await asyncio.gather(*(write(node, task) for node in nodes for task in range(3)))
            log = intact(nodes[0].store)
            assert len(log) == 3 * 3 * 6 * 2
            assert {entry.writer for entry in log} == {"a", "b", "c"}

    async def test_everybody_is_shown_everything_once_in_order(self, tmp_path: Path) -> None:
        """Promise 6: own entries and others', whether or not a node writes anything itself."""
        async with self.nodes(tmp_path, "a", "b", "idle") as nodes:
            for number in range(10):
                await nodes[number % 2].store.turn(lambda number=number: [draft("C-1", str(number))])  # type: ignore[misc]  # mypy cannot infer a lambda's default
            for node in nodes:
                await node.until(lambda node=node: len(node.shown) >= 10)  # type: ignore[misc]  # mypy cannot infer a lambda's default
                assert node.by() == [str(number) for number in range(10)]
                assert [entry.seq for entry in node.shown] == list(range(1, 11))

    async def test_a_turn_knows_all_that_stands_before_it(self, tmp_path: Path) -> None:
        """Promise 5: of many who each want to be the only one, exactly one is; the others see it and write nothing."""
        async with self.nodes(tmp_path, "a", "b", "c", "d", "e") as nodes:

            async def only_one(node: Node) -> tuple[Entry, ...]:
                def decide() -> Sequence[Draft]:
                    return [] if "only" in node.by() else [draft("C-1", "only")]

                return await node.store.turn(decide)

            answers = await asyncio.gather(*(only_one(node) for node in nodes))
            assert marks(nodes[0].store) == ["only"]
            assert sum(len(answer) for answer in answers) == 1

    async def test_its_own_entries_are_folded_when_a_turn_ends(self, tmp_path: Path) -> None:
        """Who wrote sees it at once; a count that every turn reads and raises misses none."""
        async with self.nodes(tmp_path, "a", "b") as nodes:

            async def count(node: Node) -> None:
                for _ in range(10):
                    made = await node.store.turn(lambda: [draft("C-1", str(len(node.shown)))])
                    assert made[0] in node.shown

            await asyncio.gather(*(count(node) for node in nodes))
            assert marks(nodes[0].store) == [str(number) for number in range(20)]

    async def test_what_decide_raises_is_the_callers_alone(self, tmp_path: Path) -> None:
        """A refusal in a turn writes nothing; others in the same turn are served."""
        async with self.nodes(tmp_path, "a") as (node,):

            def refuse() -> Sequence[Draft]:
                raise ReviewError("twice", "this was said before")

            async def refused() -> str:
                try:
                    await node.store.turn(refuse)
                except ReviewError as error:
                    return error.code
                return "it was not refused"

            answers = await asyncio.gather(
                refused(), node.store.turn(lambda: [draft("C-1", "good")]), refused()
            )
            assert answers[0] == answers[2] == "twice"
            assert marks(node.store) == ["good"]

    async def test_catching_up_takes_no_await(self, tmp_path: Path) -> None:
        """What another node wrote a moment ago is folded when `catch_up` returns: a session opened there is known here."""
        async with self.nodes(tmp_path, "a", "b") as (one, other):
            for number in range(5):
                await one.store.turn(lambda number=number: [draft("C-1", str(number))])  # type: ignore[misc]  # mypy cannot infer a lambda's default
                other.store.catch_up()
                assert other.by()[-1] == str(number)

    async def test_rows_and_blobs_are_everybodys(self, tmp_path: Path) -> None:
        """Compare-and-set holds between nodes: of those who expect the same version one is served."""
        async with self.nodes(tmp_path, "a", "b") as (one, other):
            await one.store.put_blob("vault:x:1", b"sealed")
            assert other.store.get_blob("vault:x:1") == b"sealed"
            answers = await asyncio.gather(
                *(
                    node.store.put_row("user", "ada", b"1", expect=0)
                    for node in (one, other)
                    for _ in range(3)
                ),
                return_exceptions=True,
            )
            assert sum(not isinstance(answer, BaseException) for answer in answers) == 1

    async def test_an_older_snapshot_replaces_nothing(self, tmp_path: Path) -> None:
        """Two nodes may save at the same moment; the later state stands."""
        async with self.nodes(tmp_path, "a", "b") as (one, other):
            await one.store.save_snapshot(9, {"C-1": b"nine"}, b"plane nine")
            await other.store.save_snapshot(7, {"C-1": b"seven"}, b"plane seven")
            assert other.store.load_snapshot() == (9, {"C-1": b"nine"}, b"plane nine")

    async def test_who_follows_late_writes_after_what_it_has_read(self, tmp_path: Path) -> None:
        """A node that opened the store, read the log while others wrote it, and then writes itself: one chain all the same."""
        async with self.nodes(tmp_path, "a") as (one,):
            late = self.node(tmp_path, "late")
            await one.store.turn(lambda: [draft("C-1", "before it followed")])
            shown: list[Entry] = []
            late.follow(late.head[0], shown.extend)
            await late.turn(lambda: [draft("C-1", "after")])
            assert marks(late) == ["before it followed", "after"]
            assert [entry.seq for entry in shown] == [2]
            intact(late)
            await late.close()

    # --- leases ------------------------------------------------------------------------------------------------------

    async def test_who_beats_lives(self, tmp_path: Path) -> None:
        """Promise 7: nodes are listed as they came, with what they say of themselves and how far they have heard."""
        async with self.nodes(tmp_path, "a", "b") as (one, other):
            assert await one.store.beat(0, {"pid": "1"})
            assert await other.store.beat(5)
            assert await one.store.beat(7)
            listed = await other.store.nodes()
            assert [(node.name, node.heard, node.about) for node in listed] == [
                ("a", 7, {"pid": "1"}),
                ("b", 5, {}),
            ]
            assert all(0 < node.left_ms <= 10_000 for node in listed)
            assert one.store.lease_left_s() > 5
            assert await other.store.bury() == ()

    async def test_a_lease_ends_for_its_holder_first(self, tmp_path: Path) -> None:
        """Whoever can be declared gone knows it already by its own clock; once declared it is never let back in."""
        async with self.nodes(tmp_path, "a", "b", lease_s=SHORT_LEASE_S) as (one, other):
            await one.store.beat(0)
            buried: tuple[str, ...] = ()
            async with asyncio.timeout(WAIT_S):
                while not buried:
                    await asyncio.sleep(0.02)
                    await other.store.beat(0)
                    left_s = one.store.lease_left_s()
                    buried = await other.store.bury()
                    assert not buried or left_s <= 0.05
            assert buried == ("a",)
            assert one.store.lease_left_s() <= 0
            assert not await one.store.beat(0)
            assert [node.name for node in await other.store.nodes()] == ["b"]
            one.store.rename()
            assert await one.store.beat(0)
            assert one.store.writer != "a"

    async def test_one_of_many_buries(self, tmp_path: Path) -> None:
        """A node that is gone is told to one of those who look at the same moment."""
        async with self.nodes(tmp_path, "a", "b", "c", lease_s=SHORT_LEASE_S) as nodes:
            await nodes[0].store.beat(0)
            await asyncio.sleep(SHORT_LEASE_S * 1.3)
            told = await asyncio.gather(*(node.store.bury() for node in nodes[1:] for _ in range(3)))
            assert sorted(name for names in told for name in names) == ["a"]

    async def test_leaving_is_told_at_once(self, tmp_path: Path) -> None:
        """Nobody waits for the lease of a node that has said goodbye."""
        async with self.nodes(tmp_path, "a", "b") as (one, other):
            await one.store.beat(0)
            await one.store.leave()
            assert await other.store.nodes() == ()
            assert one.store.lease_left_s() <= 0


__all__ = ["Node", "SharedStoreSuite"]
