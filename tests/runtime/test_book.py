"""The book under load: what memory says, the log says, whoever leaves in the middle of it and whenever a snapshot is taken."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest

from keyturn.core.advance import fold
from keyturn.core.case import Case, Phase
from keyturn.errors import StoreError
from keyturn.model import record as r
from keyturn.model.change import Change, Principal
from keyturn.model.record import Draft, Entry
from keyturn.runtime import book as book_module
from keyturn.runtime.book import Book
from keyturn.stores.memory import MemoryStore
from keyturn.testing.simulation.clock import virtual_time
from keyturn.testing.simulation.knowledge import operation

COMMIT_S = 0.001
WAKE_S = 0.001
"""What is committed is in the log at once; who waits for it hears of it later, as from a writer thread."""


class SlowStore(MemoryStore):
    """A disk that takes its time, before the commit and after it."""

    async def append(self, drafts: Sequence[Draft]) -> tuple[Entry, ...]:
        return await asyncio.shield(asyncio.ensure_future(self._commit(drafts)))

    async def _commit(self, drafts: Sequence[Draft]) -> tuple[Entry, ...]:
        await asyncio.sleep(COMMIT_S)
        made = await super().append(drafts)
        await asyncio.sleep(WAKE_S)
        return made

    async def append_soon(self, drafts: Sequence[Draft]) -> None:
        await MemoryStore.append(self, drafts)


def received(name: str = "t1") -> r.Received:
    change = Change(
        principal=Principal(agent="kiro", session="S-1", operator="olga"),
        surface="sim",
        operations=(operation("Set", {"name": name}),),
        received_at_ms=1,
    )
    return r.Received(at_ms=1, change=change)


WITHDRAWN = r.Withdrawn(at_ms=2, by="olga", reason="")


def told(store: MemoryStore, case_id: str) -> Case:
    """The case as the log tells it."""
    return fold(case_id, [entry.event() for entry in store.entries(case_id=case_id)])


def reborn(store: MemoryStore) -> Book:
    """Another process over the same disk."""
    made = Book(store)
    made.load()
    return made


def run(story: Coroutine[Any, Any, None]) -> None:
    """In virtual time: what comes between what is the same each time, on a machine however busy."""
    with virtual_time() as loop:
        loop.run_until_complete(story)


def test_what_was_made_of_the_book_is_known_to_be_old() -> None:
    """The log's head moves before its entry is folded; a list that was made in between and kept by `folded` is made again.
    The book's own number moves with it: of what comes behind that nobody is told yet.
    """

    async def story() -> None:
        book = Book(SlowStore())
        case_id = await book.open_case(received)
        seen: dict[int, set[Phase]] = {}

        async def look() -> None:
            while True:
                seen.setdefault(book.folded, set()).add(book.cases[case_id].phase)
                known.setdefault(book.seq, set()).add(book.cases[case_id].phase)
                heads.setdefault(book.store.head[0], set()).add(book.cases[case_id].phase)
                await asyncio.sleep(COMMIT_S / 4)

        heads: dict[int, set[Phase]] = {}
        known: dict[int, set[Phase]] = {}
        looking = asyncio.create_task(look())
        await book.record(case_id, WITHDRAWN)
        await asyncio.sleep(COMMIT_S)
        looking.cancel()
        assert seen == known == {1: {Phase.RECEIVED}, 2: {Phase.WITHDRAWN}}
        assert heads[2] == {Phase.RECEIVED, Phase.WITHDRAWN}, (
            "this log does not move first: the test shows nothing"
        )

    run(story())


def test_a_snapshot_speaks_of_exactly_what_the_log_held_then() -> None:
    """An event that is on its way while the snapshot is taken is not lost by a start from it."""

    async def story() -> None:
        for late_s in (0, COMMIT_S / 2, COMMIT_S * 1.5, COMMIT_S * 2.5):
            store = SlowStore()
            book = Book(store)
            await book.record("C-1", received())
            saving = asyncio.ensure_future(book.save_snapshot())
            await asyncio.sleep(late_s)
            await book.record("C-1", WITHDRAWN)
            await saving
            assert told(store, "C-1").phase is Phase.WITHDRAWN
            assert reborn(store).cases["C-1"] == book.cases["C-1"], late_s

    run(story())


def test_a_snapshot_is_taken_while_many_write() -> None:
    """It waits for those on their way, they for it; nobody waits for ever, and nothing is lost or told twice."""

    async def story() -> None:
        store = SlowStore()
        book = Book(store)

        async def one(number: int) -> None:
            await asyncio.sleep(number * COMMIT_S / 3)
            await book.record(f"C-{number}", received(f"t{number}"))
            await book.record(f"C-{number}", WITHDRAWN)

        writers = [asyncio.ensure_future(one(number)) for number in range(1, 30)]
        for _ in range(4):
            await asyncio.sleep(COMMIT_S * 2)
            await book.save_snapshot()
            assert reborn(store).cases == {
                case_id: told(store, case_id) for case_id in {entry.case_id for entry in store.entries()}
            }
        await asyncio.gather(*writers)

    run(story())


def test_who_leaves_while_it_is_written_leaves_no_gap() -> None:
    """A client may go at any moment: what the log holds then, memory holds too, and what it owes is begun."""

    async def story() -> None:
        store = SlowStore()
        book = Book(store)
        await book.record("C-1", received())
        writing = asyncio.ensure_future(book.record("C-1", WITHDRAWN))
        await asyncio.sleep(COMMIT_S / 2)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        await asyncio.sleep((COMMIT_S + WAKE_S) * 3)
        assert told(store, "C-1").phase is Phase.WITHDRAWN
        assert book.cases["C-1"].phase is Phase.WITHDRAWN

    run(story())


def test_who_waits_for_a_case_hears_of_its_end_though_it_leaves_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The oldest case is the first to be forgotten, at the moment it ends; whoever waited for that is answered."""
    monkeypatch.setattr(book_module, "ENDED_IN_MEMORY_MAX", 2)

    async def story() -> None:
        book = Book(MemoryStore())
        await book.record("C-1", received())
        for number in range(2, 5):
            await book.record(f"C-{number}", received(f"t{number}"), WITHDRAWN)
        await book.record("C-5", received("t5"))
        ended = {Phase.WITHDRAWN}
        waiting = asyncio.ensure_future(book.until("C-1", lambda case: case.phase in ended, timeout_s=1))
        await asyncio.sleep(0)
        await book.record("C-1", WITHDRAWN)
        assert "C-1" not in book.cases
        assert (await waiting).phase is Phase.WITHDRAWN
        assert not book._waiting, "who has heard waits no more"

    run(story())


def test_a_case_that_left_memory_is_still_the_same_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """However old a snapshot speaks of it, it is as the log says; and an undo of it is put on its own record."""
    monkeypatch.setattr(book_module, "ENDED_IN_MEMORY_MAX", 2)

    async def story() -> None:
        store = MemoryStore()
        book = Book(store)
        await book.record("C-1", received())
        await book.save_snapshot()
        await book.record("C-1", WITHDRAWN)
        for number in range(2, 9):
            await book.record(f"C-{number}", received(f"t{number}"), WITHDRAWN)
        assert "C-1" not in book.cases
        found = book.case("C-1")
        assert found is not None
        assert found == told(store, "C-1")
        after = await book.record("C-1", r.Undone(at_ms=9, by_case="C-9"))
        assert (after.phase, after.undone_by) == (Phase.WITHDRAWN, "C-9")
        assert told(store, "C-1") == after == book.cases["C-1"]

    run(story())


class CountingStore(MemoryStore):
    """Says what each snapshot wrote; one that is told to fails."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[set[str]] = []
        self.failing = False

    async def save_snapshot(self, seq: int, cases: dict[str, bytes], plane: bytes) -> None:
        if self.failing:
            raise StoreError("full", "the disk is full")
        await super().save_snapshot(seq, cases, plane)
        self.written.append(set(cases))


def test_a_snapshot_writes_only_what_moved_since_the_last() -> None:
    """What stood still stands in the store already; a start knows it all, in the order it came."""

    async def story() -> None:
        store = CountingStore()
        book = Book(store)
        for number in range(1, 13):
            await book.record(f"C-{number}", received(f"t{number}"))
        await book.save_snapshot()
        await book.record("C-2", WITHDRAWN)
        await book.record("C-13", received("t13"))
        await book.save_snapshot()
        await book.save_snapshot()
        assert store.written == [{f"C-{number}" for number in range(1, 13)}, {"C-2", "C-13"}, set()]
        await book.record("C-3", WITHDRAWN)
        again = reborn(store)
        assert list(again.cases.items()) == list(book.cases.items())
        await again.save_snapshot()
        assert store.written[-1] == {"C-3"}
        assert list(reborn(store).cases.items()) == list(book.cases.items())

    run(story())


def test_a_snapshot_that_failed_is_written_with_the_next() -> None:
    """Whatever it was to say is said then."""

    async def story() -> None:
        store = CountingStore()
        book = Book(store)
        await book.record("C-1", received())
        store.failing = True
        with pytest.raises(StoreError, match="full"):
            await book.save_snapshot()
        store.failing = False
        await book.record("C-2", received("t2"))
        await book.save_snapshot()
        assert store.written == [{"C-1", "C-2"}]

    run(story())


def test_a_case_that_moved_and_left_memory_is_in_the_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that left it before the snapshot can go on after: a start folds it from where it stood."""
    monkeypatch.setattr(book_module, "ENDED_IN_MEMORY_MAX", 2)

    async def story() -> None:
        store = CountingStore()
        book = Book(store)
        for number in range(1, 9):
            await book.record(f"C-{number}", received(f"t{number}"), WITHDRAWN)
        assert "C-1" not in book.cases
        await book.save_snapshot()
        assert "C-1" in store.written[-1]
        await book.save_snapshot()
        await book.record("C-1", r.Undone(at_ms=9, by_case="C-9"))
        again = reborn(store)
        assert list(again.cases) == ["C-7", "C-8", "C-1"]
        assert again.cases["C-1"] == told(store, "C-1") == book.cases["C-1"]

    run(story())
