# ruff: noqa: S101  # a suite is tests: assertions are what it is made of
"""Suites for adapters: the promises of an interface as tests. A new adapter subclasses its suite and has to pass it.

    class TestMyStore(DurableStoreSuite):
        def open(self, folder: Path) -> Store:
            return MyStore(folder / "log")

Run by pytest with asyncio support; `tmp_path` is pytest's own fixture. Call
``pytest.register_assert_rewrite("keyturn.testing.suites")`` in a conftest.py to see values when an assertion fails.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Final

from keyturn.core.chain import GENESIS, broken_at
from keyturn.errors import StoreError
from keyturn.model import record as r
from keyturn.model.record import Checkpoint, Draft, Entry
from keyturn.stores.interface import Row, Store

WAIT_S: Final = 10.0
"""Nothing a suite asks of a store takes this long; what does is stuck."""


def draft(case_id: str, by: str = "", *, at_ms: int = 0) -> Draft:
    """A small event to append: `by` is what a test recognises it by."""
    if not case_id:
        return Draft(case_id="", event=r.HaltRaised(at_ms=at_ms, by=by))
    return Draft(case_id=case_id, event=r.Withdrawn(at_ms=at_ms, by=by))


def marks(store: Store, case_id: str | None = None) -> list[str]:
    """Who is named by the entries of `draft`, in the order of the log."""
    events = [entry.event() for entry in store.entries(case_id=case_id)]
    return [event.by for event in events if isinstance(event, r.Withdrawn | r.HaltRaised)]


def checkpoint(size: int, root: str = "ab" * 32) -> Checkpoint:
    """A checkpoint for storing; its signature is nobody's."""
    return Checkpoint(origin="suite", size=size, root=root, at_ms=size, note=f"suite\n{size}\n")


async def refused(work: Awaitable[object]) -> StoreError:
    """The `StoreError` that `work` must end in, within `WAIT_S`. It says what it is about."""
    try:
        async with asyncio.timeout(WAIT_S):
            result = await work
    except StoreError as error:
        if error.code and error.message:
            return error
        raise AssertionError("a refusal says nothing") from error
    raise AssertionError(f"it was to be refused, and answered {result!r}")


def intact(store: Store) -> tuple[Entry, ...]:
    """Every entry of the store, after checking that they are one unbroken chain which ends at `head`."""
    entries = tuple(store.entries())
    assert broken_at(entries) == ""
    assert store.head == ((entries[-1].seq, entries[-1].hash) if entries else (0, GENESIS))
    return entries


class StoreSuite:
    """What every store promises (`keyturn.stores.interface`), whether or not it outlives its process."""

    def open(self, folder: Path) -> Store:
        """The adapter under test, on `folder`; the second time on the same folder it finds what was there."""
        raise NotImplementedError

    @contextlib.asynccontextmanager
    async def opened(self, folder: Path) -> AsyncIterator[Store]:
        """`open`, and closed at the end."""
        store = self.open(folder)
        try:
            async with asyncio.timeout(WAIT_S):
                yield store
        finally:
            await store.close()

    # --- the log -----------------------------------------------------------------------------------------------------

    async def test_an_empty_log_stands_at_zero(self, tmp_path: Path) -> None:
        """Nothing is invented: a new log has no entry, and its head is (0, 64 zeros)."""
        async with self.opened(tmp_path) as store:
            assert store.head == (0, GENESIS)
            assert intact(store) == ()

    async def test_entries_are_one_chain_in_the_order_given(self, tmp_path: Path) -> None:
        """Promise 1: `append` answers with its entries, numbered from 1, each on the hash of the one before."""
        async with self.opened(tmp_path) as store:
            first = await store.append([draft("C-1", "a"), draft("C-2", "b")])
            second = await store.append([draft("", "c")])
            assert [entry.seq for entry in (*first, *second)] == [1, 2, 3]
            assert [entry.case_id for entry in (*first, *second)] == ["C-1", "C-2", ""]
            assert {entry.writer for entry in first} == {store.writer}
            assert first[0].prev == GENESIS
            assert intact(store) == (*first, *second)

    async def test_what_is_read_is_what_was_written(self, tmp_path: Path) -> None:
        """An entry's event is the draft's, any text included."""
        drafts = [draft("C-1", "Zoë \u2028 \x00 \U0001f511", at_ms=2**53), draft("", "")]
        async with self.opened(tmp_path) as store:
            await store.append(drafts)
            assert [entry.event() for entry in store.entries()] == [item.event for item in drafts]

    async def test_an_append_of_nothing_waits_for_what_rides_along(self, tmp_path: Path) -> None:
        """Promise 2: `append(())` writes no entry, and whatever came before it is in the log when it returns."""
        async with self.opened(tmp_path) as store:
            await store.append_soon([draft("C-1", "soon")])
            assert await store.append(()) == ()
            assert marks(store) == ["soon"]

    async def test_soon_keeps_its_place(self, tmp_path: Path) -> None:
        """Promise 2: what rides along stands before what was appended after it, and never after."""
        async with self.opened(tmp_path) as store:
            for number in range(20):
                await store.append_soon([draft("C-1", f"soon {number}")])
                if number % 3 == 2:
                    await store.append([draft("C-1", f"now {number}")])
            await store.append(())
            expected = []
            for number in range(20):
                expected.append(f"soon {number}")
                expected += [f"now {number}"] if number % 3 == 2 else []
            assert marks(store) == expected
            intact(store)

    async def test_soon_comes_by_itself(self, tmp_path: Path) -> None:
        """Promise 2: with nobody else writing, what rides along is in the log soon all the same."""
        async with self.opened(tmp_path) as store:
            await store.append_soon([draft("C-1", "alone")])
            for _ in range(500):
                if marks(store) and store.head[0]:
                    break
                await asyncio.sleep(0.01)
            assert marks(store) == ["alone"]
            intact(store)

    async def test_concurrent_writers_make_one_chain(self, tmp_path: Path) -> None:
        """Promise 1: 32 writers at once: no gap, no double number, each one's entries together and in its order."""
        async with self.opened(tmp_path) as store:

            async def write(name: str) -> list[tuple[Entry, ...]]:
                answers = []
                for number in range(8):
                    await store.append_soon([draft("C-2", f"{name}.{number} soon")])
                    answers.append(
                        await store.append([draft("C-1", f"{name}.{number}.{part}") for part in range(3)])
                    )
                return answers

            written = await asyncio.gather(*(write(f"w{number}") for number in range(32)))
            log = intact(store)
            assert len(log) == 32 * 8 * 4
            for answers in written:
                for answer in answers:
                    seq = answer[0].seq
                    assert log[seq - 1 : seq + 2] == answer
                assert [answer[0].seq for answer in answers] == sorted(answer[0].seq for answer in answers)

    async def test_a_draft_that_cannot_be_written_fails_alone(self, tmp_path: Path) -> None:
        """Promise 1, all or none: half of a surrogate pair has no UTF-8 (RFC 3629 section 3); an agent can send one.

        Its own call is refused whole; others at the same moment and later are served, and the chain has no trace of it.
        """
        async with self.opened(tmp_path) as store:
            good, bad = draft("C-1", "good"), draft("C-1", "\ud800")
            answers = await asyncio.gather(
                store.append([good]), refused(store.append([good, bad])), store.append([good])
            )
            assert isinstance(answers[1], StoreError)
            await store.append([draft("C-1", "after")])
            assert marks(store) == ["good", "good", "after"]
            intact(store)

    async def test_a_caller_who_leaves_breaks_nothing(self, tmp_path: Path) -> None:
        """A cancelled `append` is written or not, whole; the others and the chain do not notice."""
        async with self.opened(tmp_path) as store:
            tasks = [
                asyncio.ensure_future(store.append([draft("C-1", f"{number}.{part}") for part in range(2)]))
                for number in range(40)
            ]
            await asyncio.sleep(0)
            for task in tasks[::2]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await store.append([draft("C-1", "last")])
            found = marks(store)
            assert {f"{number}.0" for number in range(1, 40, 2)} < set(found)
            for number in range(40):
                assert (f"{number}.0" in found) == (f"{number}.1" in found)
            intact(store)

    async def test_reading_a_part(self, tmp_path: Path) -> None:
        """`after`, `limit` and `case_id` each narrow, alone and together; the plane's own events have the empty case."""
        async with self.opened(tmp_path) as store:
            await store.append([draft(f"C-{number % 3}" if number % 3 else "") for number in range(1, 13)])

            def seqs(*, after: int = 0, limit: int | None = None, case_id: str | None = None) -> list[int]:
                return [entry.seq for entry in store.entries(after=after, limit=limit, case_id=case_id)]

            assert seqs() == list(range(1, 13))
            assert seqs(after=10) == [11, 12]
            assert seqs(after=12) == seqs(after=99) == seqs(limit=0) == seqs(case_id="C-9") == []
            assert seqs(limit=2) == [1, 2]
            assert seqs(after=3, limit=2) == [4, 5]
            assert seqs(case_id="C-1") == [1, 4, 7, 10]
            assert seqs(case_id="") == [3, 6, 9, 12]
            assert seqs(after=4, limit=1, case_id="C-1") == [7]

    async def test_reading_while_others_write(self, tmp_path: Path) -> None:
        """A reader who takes her time sees whole entries in one chain, however much is written meanwhile."""
        async with self.opened(tmp_path) as store:
            await store.append([draft("C-1", str(number)) for number in range(50)])
            seen = []
            for entry in store.entries():
                seen.append(entry)
                if entry.seq <= 50:
                    await store.append([draft("C-1", f"more {entry.seq}")])
            assert broken_at(seen) == ""
            assert len(seen) >= 50
            assert len(intact(store)) == 100

    # --- snapshots, checkpoints, blobs, rows -------------------------------------------------------------------------

    async def test_a_snapshot_is_what_was_saved_last(self, tmp_path: Path) -> None:
        """`load_snapshot` gives the last one and nothing of those before; `load_case` still finds a case that left it."""
        async with self.opened(tmp_path) as store:
            assert store.load_snapshot() is None
            assert store.load_case("C-1") is None
            await store.save_snapshot(3, {"C-1": b"one", "C-2": b"two"}, b"plane")
            assert store.load_snapshot() == (3, {"C-1": b"one", "C-2": b"two"}, b"plane")
            await store.save_snapshot(9, {"C-2": b"two, later", "C-3": b"\x00\xff"}, b"plane, later")
            assert store.load_snapshot() == (9, {"C-2": b"two, later", "C-3": b"\x00\xff"}, b"plane, later")
            assert [store.load_case(name) for name in ("C-1", "C-2", "C-3", "C-4")] == [
                b"one",
                b"two, later",
                b"\x00\xff",
                None,
            ]

    async def test_checkpoints_come_in_order(self, tmp_path: Path) -> None:
        """By size, each size once: signing the same log again replaces nothing that was said of another."""
        async with self.opened(tmp_path) as store:
            assert store.checkpoints() == ()
            assert store.last_checkpoint() is None
            for size in (3, 7, 7):
                await store.add_checkpoint(checkpoint(size))
            assert store.checkpoints() == (checkpoint(3), checkpoint(7))
            assert store.last_checkpoint() == checkpoint(7)

    async def test_a_blob_is_kept_as_it_first_was(self, tmp_path: Path) -> None:
        """The same ref twice is a no-op: what a digest in the log speaks of cannot be replaced."""
        sealed = bytes(range(256)) * 4096
        async with self.opened(tmp_path) as store:
            assert store.get_blob("vault:x:1") is None
            await store.put_blob("vault:x:1", sealed)
            await store.put_blob("vault:x:1", b"another")
            await store.put_blob("vault:x:2", b"")
            assert store.get_blob("vault:x:1") == sealed
            assert store.get_blob("vault:x:2") == b""

    async def test_a_blob_that_was_put_anew_is_not_taken_away_for_the_one_before(
        self, tmp_path: Path
    ) -> None:
        """Who looked at it, and deletes what it saw, does not delete what somebody has put there meanwhile."""
        async with self.opened(tmp_path) as store:
            await store.put_blob("vault:x:1", b"one sealed")
            await store.put_blob("vault:x:1", b"two sealed", anew=True)
            await store.delete_blob("vault:x:1", begins=b"one")
            assert store.get_blob("vault:x:1") == b"two sealed"
            await store.delete_blob("vault:x:1", begins=b"two")
            await store.delete_blob("vault:x:1", begins=b"two")
            assert store.get_blob("vault:x:1") is None

    async def test_a_blob_can_be_taken_away(self, tmp_path: Path) -> None:
        """A credential whose time is over; what never was there is no error."""
        async with self.opened(tmp_path) as store:
            await store.put_blob("vault:x:1", b"sealed")
            await store.put_blob("vault:x:2", b"stays")
            await store.delete_blob("vault:x:1")
            await store.delete_blob("vault:x:1")
            assert [store.get_blob("vault:x:1"), store.get_blob("vault:x:2")] == [None, b"stays"]

    async def test_blobs_are_found_by_how_their_names_begin(self, tmp_path: Path) -> None:
        """What nobody names any more is found so; a name with a wildcard of SQL in it is no wildcard."""
        async with self.opened(tmp_path) as store:
            for ref in ("vault:kept:2", "vault:kept:1", "vault:keep:1", "vault:k%:1", "Vault:kept:9"):
                await store.put_blob(ref, b"sealed")
            await store.delete_blob("vault:kept:2")
            await store.put_blob("vault:kept:3", b"sealed")
            assert store.blobs("vault:kept:") == ("vault:kept:1", "vault:kept:3")
            assert store.blobs("vault:k%:") == ("vault:k%:1",)
            assert store.blobs("vault:none:") == ()

    async def test_rows_compare_before_they_set(self, tmp_path: Path) -> None:
        """`expect` is the version that must stand; a conflict changes nothing and says so."""
        async with self.opened(tmp_path) as store:
            assert store.get_row("user", "ada") is None
            assert await store.put_row("user", "ada", b"1", expect=0) == Row("user", "ada", b"1", 1)
            assert (await refused(store.put_row("user", "ada", b"2", expect=0))).code == "conflict"
            assert (await refused(store.put_row("user", "bob", b"1", expect=4))).code == "conflict"
            assert await store.put_row("user", "ada", b"2", expect=1) == Row("user", "ada", b"2", 2)
            assert await store.put_row("user", "ada", b"3") == Row("user", "ada", b"3", 3)
            assert store.get_row("user", "ada") == Row("user", "ada", b"3", 3)
            assert store.get_row("user", "bob") is None

    async def test_one_of_many_wins_a_row(self, tmp_path: Path) -> None:
        """Of callers who expect the same version at the same moment exactly one is served."""
        async with self.opened(tmp_path) as store:
            answers = await asyncio.gather(
                *(store.put_row("lease", "x", str(number).encode(), expect=0) for number in range(16)),
                return_exceptions=True,
            )
            won = [answer for answer in answers if isinstance(answer, Row)]
            lost = [answer for answer in answers if isinstance(answer, StoreError)]
            assert (len(won), {error.code for error in lost}, len(lost)) == (1, {"conflict"}, 15)
            assert store.get_row("lease", "x") == won[0]

    async def test_tables_are_apart_and_sorted(self, tmp_path: Path) -> None:
        """`rows` gives one table by key; a deleted row is gone, may be deleted again, and may be made anew."""
        async with self.opened(tmp_path) as store:
            for table, key in (("user", "b"), ("user", "a"), ("token", "a")):
                await store.put_row(table, key, table.encode())
            assert [(row.table, row.key) for row in store.rows("user")] == [("user", "a"), ("user", "b")]
            await store.delete_row("user", "a")
            await store.delete_row("user", "a")
            assert [row.key for row in store.rows("user")] == ["b"]
            assert [row.key for row in store.rows("token")] == ["a"]
            assert (await store.put_row("user", "a", b"again", expect=0)).value == b"again"

    # --- the end -----------------------------------------------------------------------------------------------------

    async def test_closing_twice_is_closing_once(self, tmp_path: Path) -> None:
        """Who closes need not know who else did."""
        store = self.open(tmp_path)
        await store.append([draft("C-1", "a")])
        await store.close()
        await store.close()


class DurableStoreSuite(StoreSuite):
    """What a store promises that outlives its process."""

    async def test_everything_is_there_again(self, tmp_path: Path) -> None:
        """Closed and opened again: log, head, snapshot, checkpoints, blobs and rows are as they were, and go on."""
        async with self.opened(tmp_path) as store:
            await store.append([draft("C-1", "a"), draft("", "b")])
            await store.save_snapshot(2, {"C-1": b"one"}, b"plane")
            await store.add_checkpoint(checkpoint(2))
            await store.put_blob("vault:x:1", b"sealed")
            await store.put_row("user", "ada", b"1")
            before = intact(store)
        async with self.opened(tmp_path) as store:
            assert intact(store) == before
            assert store.load_snapshot() == (2, {"C-1": b"one"}, b"plane")
            assert store.load_case("C-1") == b"one"
            assert store.checkpoints() == (checkpoint(2),)
            assert store.get_blob("vault:x:1") == b"sealed"
            assert store.get_row("user", "ada") == Row("user", "ada", b"1", 1)
            (entry,) = await store.append([draft("C-1", "c")])
            assert (entry.seq, entry.prev) == (3, before[-1].hash)

    async def test_closing_writes_what_waits(self, tmp_path: Path) -> None:
        """What rides along is not lost by an orderly end."""
        async with self.opened(tmp_path) as store:
            for number in range(100):
                await store.append_soon([draft("C-1", str(number))])
        async with self.opened(tmp_path) as store:
            assert marks(store) == [str(number) for number in range(100)]

    async def test_after_the_end_nothing_is_taken(self, tmp_path: Path) -> None:
        """A closed store refuses aloud: an event that nobody writes must not look written."""
        store = self.open(tmp_path)
        await store.close()
        assert (await refused(store.append([draft("C-1", "a")]))).code == "closed"
        assert (await refused(store.append_soon([draft("C-1", "a")]))).code == "closed"


class OneWriterSuite(DurableStoreSuite):
    """What a store promises that belongs to one process."""

    async def test_a_second_writer_is_turned_away(self, tmp_path: Path) -> None:
        """Promise 4: two writers would make two chains; the first goes on undisturbed, and after it the next may."""
        async with self.opened(tmp_path) as store:
            await store.append([draft("C-1", "first")])
            try:
                second = self.open(tmp_path)
            except StoreError as error:
                advice = error.help
            else:
                await second.close()
                advice = "a second writer was let in"
            assert "stop it first" in advice
            await store.append([draft("C-1", "first again")])
        async with self.opened(tmp_path) as store:
            assert marks(store) == ["first", "first again"]
