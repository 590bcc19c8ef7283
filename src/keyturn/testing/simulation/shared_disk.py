"""The simulated database that several nodes write: turns, leases, and news that come late, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Final

import msgspec

from keyturn.core.chain import GENESIS, make_entry
from keyturn.errors import BugError, StoreError
from keyturn.model.record import Checkpoint, Draft, Entry
from keyturn.stores.interface import Node, Row
from keyturn.testing.simulation.crashes import Process
from keyturn.testing.simulation.disk import Platter

LEASE_S: Final = 3.0
"""Shorter than in earnest, so that a history sees many of them end."""


class _Seat(msgspec.Struct):
    """A node's row."""

    since: int
    until_s: float
    dead: bool = False
    heard: int = 0
    about: dict[str, str] = {}


class Database:
    """What outlives every node, and whose turn it is."""

    def __init__(self) -> None:
        self.platter = Platter()
        self.turn = asyncio.Lock()
        self.seats: dict[str, _Seat] = {}
        self.listeners: list[SimulatedSharedStore] = []
        self.trouble: list[str] = []

    @property
    def head(self) -> tuple[int, str]:
        entries = self.platter.entries
        return (entries[-1].seq, entries[-1].hash) if entries else (0, GENESIS)


class SimulatedSharedStore:
    """See `keyturn.stores.interface.SharedStore`; one node's."""

    def __init__(
        self,
        database: Database,
        process: Process,
        chance: Random,
        moment: list[int],
        *,
        writer: str,
        slow_s: float,
        late_s: float,
    ) -> None:
        self.writer = writer
        self._first_name, self._lives = writer, 1
        self._database, self._process, self._chance, self._moment = database, process, chance, moment
        self._slow_s, self._late_s = slow_s, late_s
        self._at = 0
        self._fold: Callable[[Sequence[Entry]], None] | None = None
        self._lease_ends_s = 0.0
        self._loop = asyncio.get_event_loop()
        database.listeners.append(self)

    def __repr__(self) -> str:
        return f"<SimulatedSharedStore {self.writer} [{self.head[0]} entries]>"

    # --- the log -----------------------------------------------------------------------------------------------------

    def follow(self, after: int, fold: Callable[[Sequence[Entry]], None]) -> None:
        self._at, self._fold = after, fold

    def catch_up(self) -> None:
        self._process.check()
        entries = list(self.entries(after=self._at))
        if entries and self._fold is not None:
            self._at = entries[-1].seq
            try:
                self._fold(entries)
            except BugError as error:
                self._database.trouble.append(f"the log cannot be folded: {error.message}")
                raise

    def _news(self) -> None:
        """What others wrote comes by; nobody is there to hear it in a dead process, and nobody awake in a stopped one."""
        if self._process.dead:
            return
        if self._process.stopped:
            self._loop.call_later(0.2, self._news)
            return
        with contextlib.suppress(BugError):
            self.catch_up()

    async def turn(self, decide: Callable[[], Sequence[Draft]], *, soon: bool = False) -> tuple[Entry, ...]:
        await self._running()
        async with self._database.turn:
            self._process.check()
            made = await self._written(decide, soon=soon)
            self._database.platter.moments.extend([self._moment[0]] * len(made))
            self._process.at_a_write()
            self.catch_up()
        for other in self._database.listeners if made else ():
            if other is not self and not other._process.dead:  # noqa: SLF001  # one class
                self._loop.call_later(self._chance.random() * self._late_s, other._news)  # noqa: SLF001  # one class
        return made

    async def _written(self, decide: Callable[[], Sequence[Draft]], *, soon: bool) -> tuple[Entry, ...]:
        """The transaction: all of it, or where the process dies nothing."""
        self.catch_up()
        made = self.place(decide())
        await self.disk(soon=soon)
        self._database.platter.entries.extend(made)
        return made

    async def disk(self, *, soon: bool) -> None:
        """As long as a commit takes; the process may die before, and meanwhile."""
        self._process.at_a_write()
        await asyncio.sleep(self._chance.random() * self._slow_s * (0.1 if soon else 1))
        self._process.check()

    def place(self, drafts: Sequence[Draft]) -> tuple[Entry, ...]:
        seq, prev = self.head
        made = []
        for draft in drafts:
            entry = make_entry(draft, seq=seq + 1, writer=self.writer, prev=prev)
            seq, prev = entry.seq, entry.hash
            made.append(entry)
        return tuple(made)

    async def append(self, drafts: Sequence[Draft]) -> tuple[Entry, ...]:
        return await self.turn(lambda: drafts)

    async def append_soon(self, drafts: Sequence[Draft]) -> None:
        await self.turn(lambda: drafts, soon=True)

    def entries(
        self, *, after: int = 0, limit: int | None = None, case_id: str | None = None
    ) -> Iterator[Entry]:
        self._process.check()
        entries = self._database.platter.entries[after:]
        found = (entry for entry in entries if case_id is None or entry.case_id == case_id)
        for count, entry in enumerate(found):
            if limit is not None and count >= limit:
                return
            yield entry

    @property
    def head(self) -> tuple[int, str]:
        return self._database.head

    async def _running(self) -> None:
        self._process.check()
        if self._process.stopped:
            await self._process.awake()

    # --- the small tables --------------------------------------------------------------------------------------------

    async def save_snapshot(self, seq: int, cases: dict[str, bytes], plane: bytes) -> None:
        await self._running()
        self._process.at_a_write()
        platter = self._database.platter
        if platter.snapshot is None or platter.snapshot[0] <= seq:
            platter.snapshot = (seq, dict(cases), plane)
            platter.cases.update(cases)
        self._process.at_a_write()

    def load_snapshot(self) -> tuple[int, dict[str, bytes], bytes] | None:
        return self._database.platter.snapshot

    def load_case(self, case_id: str) -> bytes | None:
        return self._database.platter.cases.get(case_id)

    async def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Checkpoints have tests of their own."""

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        return ()

    def last_checkpoint(self) -> Checkpoint | None:
        return None

    async def put_blob(self, ref: str, sealed: bytes, *, anew: bool = False) -> None:
        await self._running()
        if anew or ref not in self._database.platter.blobs:
            self._database.platter.blobs[ref] = sealed

    async def delete_blob(self, ref: str, *, begins: bytes = b"") -> None:
        await self._running()
        if self._database.platter.blobs.get(ref, b"").startswith(begins):
            self._database.platter.blobs.pop(ref, None)

    def get_blob(self, ref: str) -> bytes | None:
        return self._database.platter.blobs.get(ref)

    def blobs(self, prefix: str) -> tuple[str, ...]:
        return tuple(sorted(ref for ref in self._database.platter.blobs if ref.startswith(prefix)))

    def get_row(self, table: str, key: str) -> Row | None:
        return self._database.platter.rows.get((table, key))

    def rows(self, table: str) -> tuple[Row, ...]:
        return tuple(row for (name, _), row in sorted(self._database.platter.rows.items()) if name == table)

    async def put_row(self, table: str, key: str, value: bytes, *, expect: int | None = None) -> Row:
        await self._running()
        standing = self.get_row(table, key)
        version = standing.version if standing else 0
        if expect is not None and expect != version:
            raise StoreError("conflict", f"{table}/{key} has version {version}, not {expect}")
        row = Row(table=table, key=key, value=value, version=version + 1)
        self._database.platter.rows[table, key] = row
        return row

    async def delete_row(self, table: str, key: str) -> None:
        await self._running()
        self._database.platter.rows.pop((table, key), None)

    async def close(self) -> None:
        return None

    # --- leases ------------------------------------------------------------------------------------------------------

    async def beat(self, heard: int, about: dict[str, str] | None = None) -> bool:
        await self._running()
        begun_s = self._loop.time()
        await asyncio.sleep(self._chance.random() * self._slow_s)
        await self._running()
        seat = self._database.seats.get(self.writer)
        if seat is None:
            seat = self._database.seats[self.writer] = _Seat(len(self._database.seats), 0.0)
        if seat.dead:
            return False
        seat.until_s, seat.heard = self._loop.time() + LEASE_S, heard
        self._lease_ends_s = begun_s + LEASE_S
        return True

    def lease_left_s(self) -> float:
        return self._lease_ends_s - self._loop.time()

    async def nodes(self) -> tuple[Node, ...]:
        await self._running()
        now_s = self._loop.time()
        seats = sorted(self._database.seats.items(), key=lambda item: item[1].since)
        return tuple(
            Node(name, seat.since, int((seat.until_s - now_s) * 1000), seat.heard)
            for name, seat in seats
            if not seat.dead
        )

    async def bury(self) -> tuple[str, ...]:
        await self._running()
        now_s = self._loop.time()
        gone = [
            (name, seat)
            for name, seat in self._database.seats.items()
            if not seat.dead and seat.until_s < now_s
        ]
        for _, seat in gone:
            seat.dead = True
        return tuple(sorted(name for name, _ in gone))

    async def leave(self) -> None:
        self._lease_ends_s = 0.0
        if self.writer in self._database.seats:
            self._database.seats[self.writer].dead = True

    def rename(self) -> None:
        self._lives += 1
        self.writer = f"{self._first_name}.{self._lives}"
