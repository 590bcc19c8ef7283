"""The book where several nodes write one store: it follows the log, and writes in turns (ADR 0008).

Whoever wrote an entry, it is folded when it is shown, in the order of the log; so every node has the same cases and the same
plane, some milliseconds apart, and none at all while it decides what to write. What a case asks for is done by one node, its
*worker*: who wrote the event that asks for it, or at whose door the client waits. Only the worker writes what comes of the work.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Final

import msgspec

from keyturn.core.advance import advance
from keyturn.core.case import Case, Phase
from keyturn.core.commands import Command
from keyturn.core.lifecycle import TERMINAL
from keyturn.core.plane import snapshot
from keyturn.errors import StoreError
from keyturn.model import record as r
from keyturn.model.record import Draft, Entry
from keyturn.runtime.book import Book, rides_along
from keyturn.runtime.on_its_way import EVERYBODY
from keyturn.runtime.outlasting import outlasting
from keyturn.stores.interface import SharedStore

OF_THE_WORK: Final = (
    r.Assessed,
    r.Decided,
    r.Claimed,
    r.StepIntended,
    r.StepEnded,
    r.BackedUp,
    r.PrepareFailed,
    r.Proved,
    r.ProofFailed,
    r.Sent,
    r.Answered,
    r.Reconciled,
    r.VerifyBegun,
    r.Verified,
    r.Restored,
)
"""Only the worker of a case writes these: one that was given up and wakes again finds that it is not the worker any more."""


def node_of(waiter: str) -> str:
    """The node at whose door this client waits."""
    return waiter.rpartition("/")[0]


class SharedBook(Book):
    """See `Book`; `saw` is told of every entry after it is folded, with its case."""

    def __init__(self, store: SharedStore) -> None:
        super().__init__(store)
        self.shared = store
        self._seq = 0
        self.saw: Callable[[Entry, r.Event, Case | None], None] = lambda _entry, _event, _case: None

    @property
    def seq(self) -> int:
        return self._seq

    @property
    def snapshot_due(self) -> int:
        """Entries folded since the last snapshot of this node's."""
        return self._since_snapshot

    # --- start, and what others write --------------------------------------------------------------------------------

    def load(self) -> tuple[Case, ...]:
        unfinished = super().load()
        self.shared.follow(self._seq, self._follow)
        return unfinished

    def _begins_behind(self, seq: int) -> None:
        self._seq = seq

    def _fold(self, entry: Entry) -> tuple[Command, ...]:
        self._seq = entry.seq
        return super()._fold(entry)

    def _as_of(self, seq: int, case_id: str) -> Case:
        """As in `Book`; but what a snapshot says may be newer than this moment: another node has saved one meanwhile."""
        if not seq:
            return Case(id=case_id)
        entries = [entry for entry in self.store.entries(case_id=case_id) if entry.seq <= seq]
        data = self.store.load_case(case_id)
        saved = msgspec.json.decode(data, type=Case) if data is not None else Case(id=case_id)
        case = saved if saved.seq <= len(entries) else Case(id=case_id)
        for entry in entries[case.seq :]:
            case, _ = self._advance(case, entry.event(), entry.writer)
        return case

    def _advance(self, case: Case, event: r.Event, writer: str) -> tuple[Case, tuple[Command, ...]]:
        after, commands = advance(case, event)
        worker = _worker(after, event, commands, writer)
        if worker != after.worker:
            after = msgspec.structs.replace(after, worker=worker)
        return after, commands

    def _follow(self, entries: Sequence[Entry]) -> None:
        """Fold what was written, by whomever, and begin what it asks of this node."""
        for entry in entries:
            if entry.seq <= self._seq:
                continue
            if entry.case_id and entry.case_id not in self.cases:
                self.cases[entry.case_id] = self._as_of(entry.seq - 1, entry.case_id)
            commands = self._fold(entry)
            self._number = max(self._number, self.plane.next_number)
            self._since_snapshot += 1
            event, case = entry.event(), self.cases.get(entry.case_id)
            self.saw(entry, event, case)
            self._wake(entry.case_id)
            self._publish(entry.case_id, event)
            if case is None:
                continue
            if case.phase in TERMINAL:
                self._forget_old()
            if self.works_on(case):
                for command in commands:
                    self.act(case, command)

    # --- writing -----------------------------------------------------------------------------------------------------

    def works_on(self, case: Case) -> bool:
        return case.worker == self.store.writer

    async def abreast(self) -> None:
        with contextlib.suppress(StoreError):  # then what is known here is said
            await self.shared.turn(lambda: ())

    def may_act(self) -> None:
        if self.shared.lease_left_s() <= 0:
            raise StoreError(
                "lease-lost",
                f"{self.store.writer} has not been heard of for so long that another node may have taken over",
                help="nothing left; the case goes on where the log says it stood",
            )

    def new_waiter(self) -> str:
        return f"{self.store.writer}/{super().new_waiter()}"

    async def record(self, case_id: str, *events: r.CaseEvent) -> Case:
        soon = all(rides_along(event) for event in events)
        return await outlasting(self._in_turn(case_id, lambda _case: events, soon=soon))

    async def _record(
        self, case_id: str, make: Callable[[Case], Sequence[r.CaseEvent]], session: str = ""
    ) -> Case:
        return await self._in_turn(case_id, make, soon=False, session=session)

    async def _turn(
        self, decide: Callable[[], Sequence[Draft]], *, of: frozenset[str] = EVERYBODY, soon: bool = False
    ) -> None:
        """A turn, decided when nothing is on its way that `of` has to know: what tasks of this node said before in the same turn
        is not folded yet, and is waited for.
        """
        earlier: asyncio.Event | None = None
        there = asyncio.Event()

        def decided() -> Sequence[Draft]:
            nonlocal earlier
            self._on_its_way.comes_to_nothing(there)  # the turn before this one, where it is asked again
            earlier = self._on_its_way.find(of)
            drafts = decide() if earlier is None else ()
            self._on_its_way.begins(there, drafts, self._standing)
            return drafts

        while True:
            try:
                await self.shared.turn(decided, soon=soon)
            finally:
                self._on_its_way.ends(there)
            if earlier is None:
                return
            await earlier.wait()
            there = asyncio.Event()

    async def _in_turn(
        self, case_id: str, make: Callable[[Case], Sequence[r.CaseEvent]], *, soon: bool, session: str = ""
    ) -> Case:
        def decide() -> Sequence[Draft]:
            trial = self._standing(case_id)
            events = make(trial)
            self._may_write(trial, events)
            for event in events:
                trial, _ = advance(trial, event)
            return [Draft(case_id=case_id, event=event) for event in events]

        async with self._lock(case_id):
            await self._turn(decide, of=EVERYBODY | {session}, soon=soon)
        return self._standing(case_id)

    async def _record_all(
        self, case_ids: Sequence[str], make: Callable[[dict[str, Case]], Mapping[str, Sequence[r.CaseEvent]]]
    ) -> tuple[Case, ...]:
        def decide() -> Sequence[Draft]:
            drafts = []
            for case_id, events in make({one: self._standing(one) for one in case_ids}).items():
                trial = self._standing(case_id)
                self._may_write(trial, events)
                for event in events:
                    trial, _ = advance(trial, event)
                    drafts.append(Draft(case_id=case_id, event=event))
            return drafts

        async with AsyncExitStack() as locks:
            for case_id in sorted(set(case_ids)):
                await locks.enter_async_context(self._lock(case_id))
            await self._turn(decide)
        return tuple(self._standing(case_id) for case_id in case_ids)

    def _may_write(self, case: Case, events: Sequence[r.CaseEvent]) -> None:
        mine = case.worker in {"", self.store.writer}
        if not mine and any(isinstance(event, OF_THE_WORK) for event in events):
            raise StoreError(
                "lease-lost",
                f"{case.id} is worked on by {case.worker} now, not by {self.store.writer} any more",
                help="nothing is to be done: the other one goes on where the log says it stood",
            )

    async def _open_case(self, make: Callable[[], r.Received | None], session: str) -> str:
        made: list[str] = []

        def decide() -> Sequence[Draft]:
            made.clear()
            event = make()
            if event is None:
                return ()
            made.append(self.new_case_id())
            return (Draft(case_id=made[0], event=event),)

        await self._turn(decide, of=EVERYBODY | {session}, soon=True)
        return made[0] if made else ""

    async def _note(self, events: Sequence[r.PlaneEvent], *, soon: bool) -> None:
        drafts = [Draft(case_id="", event=event) for event in events]
        await self._turn(lambda: drafts, of=frozenset(), soon=soon)

    async def _note_from(self, make: Callable[[], Sequence[r.PlaneEvent]]) -> None:
        async with self._among_people:
            await self._turn(lambda: [Draft(case_id="", event=event) for event in make()])

    async def save_snapshot(self) -> None:
        """Write the folded state down. Of the cases those that moved since this node's last one."""
        self._since_snapshot = 0
        seq, plane = self._seq, snapshot(self.plane)
        unsaved, self._unsaved = self._unsaved, {}
        try:
            cases = {case_id: msgspec.json.encode(self._standing(case_id)) for case_id in unsaved}
            await self.store.save_snapshot(seq, cases, plane)
        except BaseException:
            self._unsaved = unsaved | self._unsaved  # whether or not it was written
            raise


def _worker(case: Case, event: r.Event, commands: Sequence[Command], writer: str) -> str:
    """Who does what the case asks for now: a pure function of the log, so that every node says the same.

    Usually who wrote what asks for it. An approval is used by the node at which the client waits: it may hold the body.
    """
    if isinstance(event, r.TakenUp):
        return writer
    if not commands:
        return case.worker
    if case.phase is Phase.APPROVED and case.waiters:
        return node_of(case.waiters[-1]) or writer
    return writer


__all__ = ["SharedBook", "node_of"]
