"""The book: every event is written here first, folded second, acted on third.

`Book` owns the folded state (cases and plane) and the order of things: an event is checked against the table, appended to
the store, and only then visible. What has an effect outside (a step, a call, an answer to a person) waits until its event
is durable; an event that only leads to more thinking rides with the next group and is made durable by it (ADR 0007).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from itertools import islice
from typing import Final

import msgspec

from keyturn.core.advance import advance
from keyturn.core.case import Case, Phase
from keyturn.core.commands import Command
from keyturn.core.lifecycle import TERMINAL
from keyturn.core.plane import Plane, from_snapshot, snapshot
from keyturn.model import record as r
from keyturn.model.record import Entry
from keyturn.runtime.interface import Notice
from keyturn.runtime.on_its_way import EVERYBODY, OnItsWay
from keyturn.runtime.outlasting import outlasting
from keyturn.stores.interface import Store

SNAPSHOT_EVERY: Final = 2_000
"""Entries between snapshots of the folded state: a start folds at most about this many (some 20 ms)."""

ENDED_IN_MEMORY_MAX: Final = 2_000
"""Ended cases kept folded in memory for the console; older ones come from the snapshot or their entries."""

NOTICES_MAX: Final = 1_000
"""A subscriber that lags further behind than this is dropped and has to ask again from its last sequence number."""

RIDES_ALONG: Final = (
    r.Received,
    r.Assessed,
    r.Claimed,
    r.Proved,
    r.BackedUp,
    r.VerifyBegun,
    r.Attached,
    r.Detached,
)
"""Events that lead only to more thinking. If a crash loses them, nothing had left the plane and nobody had been told."""

Act = Callable[[Case, Command], None]


class Book:
    """Cases and plane, as of the last event; the only writer of the store (of a shared one: `SharedBook`)."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.plane = Plane()
        self.cases: dict[str, Case] = {}
        self.act: Act = lambda _case, _command: None  # set by the runtime
        self._locks: dict[str, asyncio.Lock] = {}
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}  # for the case to move
        self._subscribers: set[asyncio.Queue[Notice]] = set()
        self.folded = 0  # events since the start: what was made of the book is right while this stands
        self._since_snapshot = 0
        self._unsaved: dict[str, None] = {}  # cases that moved since the last snapshot
        self._snapshotting = asyncio.Lock()
        self._open = asyncio.Event()  # closed while a snapshot is taken
        self._open.set()
        self._appending: dict[
            asyncio.Event, int
        ] = {}  # where the log ended when each began: theirs come later
        self._quiet = asyncio.Event()  # nothing is on its way to the log
        self._quiet.set()
        self._on_its_way = OnItsWay()
        self._number = 1
        self._among_people = asyncio.Lock()

    # --- start -------------------------------------------------------------------------------------------------------

    def load(self) -> tuple[Case, ...]:
        """Fold the snapshot and what came after it; returns the cases that are not ended, oldest first."""
        after = 0
        found = self.store.load_snapshot()
        if found is not None:
            after, written, plane = found
            self._begins_behind(after)
            self.plane = from_snapshot(plane)
            self._learn_people(after)
            self._learn_policy(after)
            self._learn_shelf(after)
            known = self.plane.known(ended_max=ENDED_IN_MEMORY_MAX)
            older = written.keys() - set(known)
            self.cases = {case_id: self._as_of(after, case_id) for case_id in (*sorted(older), *known)}
        for entry in self.store.entries(after=after):
            if entry.case_id and entry.case_id not in self.cases:
                self.cases[entry.case_id] = self._as_of(after, entry.case_id)
            self._fold(entry)
        self._number = self.plane.next_number
        return tuple(case for case in self.cases.values() if case.phase not in TERMINAL)

    def _begins_behind(self, seq: int) -> None:
        """All up to this entry is known from the snapshot."""

    def _learn_people(self, upto: int) -> None:
        """Once, where an earlier version wrote the snapshot: from the log itself."""
        if self.plane.knows_people:
            return
        for entry in self.store.entries():
            if entry.seq > upto:
                break
            if not entry.case_id:
                self.plane.people = self.plane.people.after(entry.event())
        self.plane.knows_people = True

    def _learn_policy(self, upto: int) -> None:
        """The same of what is in force, which was not folded either."""
        people = self.plane.people
        if people.proposals.policy is not None:
            return
        for entry in self.store.entries():
            if entry.seq > upto:
                break
            if not entry.case_id and b'"policy_loaded"' in entry.body:
                people = people.after(entry.event())
        self.plane.people = people

    def _learn_shelf(self, upto: int) -> None:
        """Likewise: which backups stand, and who gives something back from them."""
        if self.plane.knows_shelf:
            return
        for entry in self.store.entries():
            if entry.seq > upto:
                break
            if b'"backed_up"' in entry.body or b'"undoes"' in entry.body:
                event = entry.event()
                if isinstance(event, r.BackedUp | r.Received):
                    self.plane.shelf.apply(event, self._as_of(upto, entry.case_id))
        self.plane.knows_shelf = True

    def _as_of(self, seq: int, case_id: str) -> Case:
        """The case as the log had it then: as the last snapshot that knew it wrote it, and what came between."""
        if not seq:
            return Case(id=case_id)
        data = self.store.load_case(case_id)
        case = msgspec.json.decode(data, type=Case) if data is not None else Case(id=case_id)
        for entry in islice(self.store.entries(case_id=case_id), case.seq, None):
            if entry.seq > seq:
                break
            case, _ = self._advance(case, entry.event(), entry.writer)
        return case

    def _fold(self, entry: Entry) -> tuple[Command, ...]:
        if entry.case_id:
            return self._fold_event(entry.case_id, entry.event(), entry.writer)
        self._apply(entry.event())
        return ()

    def _fold_event(self, case_id: str, event: r.Event, writer: str = "") -> tuple[Command, ...]:
        case, commands = self._advance(self.cases.get(case_id, Case(id=case_id)), event, writer)
        self._keep(case, event)
        return commands

    def _keep(self, case: Case, event: r.Event) -> None:
        self.cases[case.id] = case
        self._unsaved[case.id] = None
        self._apply(event, case)

    def _apply(self, event: r.Event, case: Case | None = None) -> None:
        self.plane.apply(event, case)
        self.folded += 1

    def _advance(self, case: Case, event: r.Event, writer: str) -> tuple[Case, tuple[Command, ...]]:
        return advance(case, event)

    # --- writing -----------------------------------------------------------------------------------------------------

    def new_case_id(self) -> str:
        """The next number, reserved at once: two changes at the same moment never share one."""
        case_id = f"C-{self._number}"
        self._number += 1
        return case_id

    async def open_case(self, make: Callable[[], r.Received | None], *, session: str = "") -> str:
        """A case of its own with what `make` says it begins with; empty when `make` sees that it is none, and says None.

        `session`: as in `record_from`.
        """
        return await outlasting(self._open_case(make, session))

    async def _open_case(self, make: Callable[[], r.Received | None], session: str) -> str:
        await self._known_by_now(session)
        event = make()
        if event is None:
            return ""
        case_id = self.new_case_id()
        await self._record(case_id, lambda _case: (event,))
        return case_id

    def works_on(self, case: Case) -> bool:
        """Whether what the case asks for is this process's to do."""
        return True

    async def abreast(self) -> None:
        """Before somebody is told how a case stands: all that is on the log by now is folded."""

    def may_act(self) -> None:
        """Raises `StoreError` when this process may not act on the world any more."""

    def new_waiter(self) -> str:
        """A name for a client that waits."""
        return secrets.token_hex(4)

    async def record(self, case_id: str, *events: r.CaseEvent) -> Case:
        """Append events of one case, in order; durable before it returns unless all of them ride along.

        Raises `BugError` (and writes nothing) when the table does not allow one of them.
        """
        return await self.record_from(case_id, lambda _case: events)

    async def record_from(
        self, case_id: str, make: Callable[[Case], Sequence[r.CaseEvent]], *, session: str = ""
    ) -> Case:
        """As `record`, with the events that `make` chooses for the case as it stands, while nobody else can move it.

        What `make` sees of the plane (people, policy, halts) is all that stands before its events in the log; with `session`,
        so is every no to another case of that session. What `make` raises is raised, and nothing is written; nor is anything
        when it returns no events. Whoever waits may be cancelled: what the log holds is folded all the same, and what it
        leads to is begun.
        """
        return await outlasting(self._record(case_id, make, session))

    async def _record(
        self, case_id: str, make: Callable[[Case], Sequence[r.CaseEvent]], session: str = ""
    ) -> Case:
        async with self._lock(case_id):
            await self._known_by_now(session)
            case = self._standing(case_id)
            events = make(case)
            if not events:
                return case
            commands: tuple[Command, ...] = ()
            folded = []  # nobody else moves the case meanwhile: what is tried here is what is kept
            for event in events:
                case, commands = self._advance(case, event, "")
                folded.append((event, case))
            drafts = [r.Draft(case_id=case_id, event=event) for event in events]
            await self._append(drafts, soon=all(rides_along(event) for event in events))
            for event, after in folded:
                self._keep(after, event)
        await self._after(case, events)
        for command in commands:
            self.act(case, command)
        return case

    async def record_all(
        self, case_ids: Sequence[str], make: Callable[[dict[str, Case]], Mapping[str, Sequence[r.CaseEvent]]]
    ) -> tuple[Case, ...]:
        """As `record_from`, for several cases at once: what `make` chooses for them all is on the log together, or not at all."""
        return await outlasting(self._record_all(case_ids, make))

    async def _record_all(
        self, case_ids: Sequence[str], make: Callable[[dict[str, Case]], Mapping[str, Sequence[r.CaseEvent]]]
    ) -> tuple[Case, ...]:
        async with AsyncExitStack() as locks:
            for case_id in sorted(
                set(case_ids)
            ):  # in one order, so that two batches do not wait for each other
                await locks.enter_async_context(self._lock(case_id))
            await self._known_by_now()
            chosen = make({case_id: self._standing(case_id) for case_id in case_ids})
            folded: list[tuple[r.CaseEvent, Case]] = []
            owed: list[tuple[Case, Command]] = []
            for case_id, events in chosen.items():
                case = self._standing(case_id)
                commands: tuple[Command, ...] = ()
                for event in events:
                    case, commands = self._advance(case, event, "")
                    folded.append((event, case))
                owed += [(case, command) for command in commands]
            drafts = [r.Draft(case_id=case.id, event=event) for event, case in folded]
            await self._append(drafts, soon=False)
            for event, case in folded:
                self._keep(case, event)
        for event, case in folded:
            await self._after(case, (event,))
        for case, command in owed:
            self.act(case, command)
        return tuple(self._standing(case_id) for case_id in case_ids)

    async def note(self, *events: r.PlaneEvent, soon: bool = False) -> None:
        """Append events of the plane itself; whoever waits may be cancelled, as in `record_from`."""
        await outlasting(self._note(events, soon=soon))

    async def note_from(self, make: Callable[[], Sequence[r.PlaneEvent]]) -> None:
        """As `note`, with the events that `make` chooses for people as they stand, while nobody else changes them."""
        await outlasting(self._note_from(make))

    async def _note_from(self, make: Callable[[], Sequence[r.PlaneEvent]]) -> None:
        async with self._among_people:
            await self._known_by_now()
            events = make()
            if events:
                await self._note(events, soon=False)

    async def _note(self, events: Sequence[r.PlaneEvent], *, soon: bool) -> None:
        await self._append([r.Draft(case_id="", event=event) for event in events], soon=soon)
        for event in events:
            self._apply(event)
            self._publish("", event)
        await self._maybe_snapshot(len(events))

    async def _known_by_now(self, session: str = "") -> None:
        """Until the log is open, and nothing is on its way to it that a judgement of a case, or of a change of this session, has
        to know: it would stand before what is written of that judgement. Judge and append at once when it returns.
        """
        while True:
            earlier = self._on_its_way.find(EVERYBODY | {session})
            if earlier is not None:
                await earlier.wait()
            elif not self._open.is_set():
                await self._open.wait()
            else:
                return

    async def _append(self, drafts: Sequence[r.Draft], *, soon: bool) -> None:
        """Into the log, but not while a snapshot is taken. Fold at once when it returns: nothing may come in between."""
        while not self._open.is_set():
            await self._open.wait()  # and look again: the next snapshot may have begun before this woke
        there = asyncio.Event()
        self._appending[there] = self.store.head[0]
        self._quiet.clear()
        self._on_its_way.begins(there, drafts, self._standing)
        try:
            await (self.store.append_soon(drafts) if soon else self.store.append(drafts))
        finally:
            self._on_its_way.ends(there)
            del self._appending[there]
            if not self._appending:
                self._quiet.set()

    async def _after(self, case: Case, events: Iterable[r.CaseEvent]) -> None:
        self._wake(case.id)
        count = 0
        for event in events:
            self._publish(case.id, event)
            count += 1
        if case.phase in TERMINAL:
            self._forget_old()
        await self._maybe_snapshot(count)

    def _wake(self, case_id: str) -> None:
        for waiting in self._waiting.pop(case_id, ()):
            if not waiting.done():
                waiting.set_result(None)

    def _forget_old(self) -> None:
        if len(self.cases) <= ENDED_IN_MEMORY_MAX * 2:
            return
        ended = [case_id for case_id, case in self.cases.items() if case.phase in TERMINAL]
        for case_id in ended[: len(ended) - ENDED_IN_MEMORY_MAX]:
            del self.cases[case_id]
            self._locks.pop(case_id, None)

    async def _maybe_snapshot(self, count: int) -> None:
        self._since_snapshot += count
        if self._since_snapshot >= SNAPSHOT_EVERY:
            await self.save_snapshot()

    async def save_snapshot(self) -> None:
        """Write the folded state down: exactly what the log held at one moment, so nobody appends while it is taken.

        Of the cases those that moved since the last one; the others stand in the store as they are.
        """
        self._since_snapshot = 0
        async with self._snapshotting:
            self._open.clear()
            try:
                await self._quiet.wait()
                await self.store.append(())  # what rides along is in the log before the snapshot speaks of it
                seq, plane = self.store.head[0], snapshot(self.plane)
                unsaved, self._unsaved = self._unsaved, {}
                cases = {case_id: msgspec.json.encode(self._standing(case_id)) for case_id in unsaved}
            finally:
                self._open.set()
            try:
                await self.store.save_snapshot(seq, cases, plane)
            except BaseException:
                self._unsaved = unsaved | self._unsaved  # whether or not it was written
                raise

    @property
    def seq(self) -> int:
        """Of the last entry that is folded, with all before it. The log can be read further: how a case stands that an entry there is of
        nobody knows yet.
        """
        return min(self._appending.values(), default=self.store.head[0])

    # --- reading and waiting -----------------------------------------------------------------------------------------

    def case(self, case_id: str) -> Case | None:
        """The case, folded; from its entries when it is no longer in memory."""
        found = self.cases.get(case_id)
        if found is not None:
            return found
        data = self.store.load_case(case_id)
        case = msgspec.json.decode(data, type=Case) if data is not None else Case(id=case_id)
        for entry in islice(self.store.entries(case_id=case_id), case.seq, None):  # what it has seen since
            case, _ = self._advance(case, entry.event(), entry.writer)
        return case if case.seq else None

    def _standing(self, case_id: str) -> Case:
        """The case as it stands, or a new one; one that has left memory is the one it was."""
        return self.case(case_id) or Case(id=case_id)

    async def until(self, case_id: str, done: Callable[[Case], object], *, timeout_s: float | None) -> Case:
        """Wait until `done(case)` is true, or the time is over; returns the case as it is then."""
        ends_s = None if timeout_s is None else asyncio.get_running_loop().time() + timeout_s
        while not done(case := self._standing(case_id)):
            try:
                await self._moved(case_id, ends_s)
            except TimeoutError:
                return self._standing(case_id)
        return case

    async def _moved(self, case_id: str, ends_s: float | None) -> None:
        """Until the case has moved. Raises `TimeoutError` at that time, by the loop's clock."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        others = self._waiting.setdefault(case_id, set())
        others.add(waiting)
        try:
            if ends_s is None:
                await waiting
            else:
                async with asyncio.timeout_at(ends_s):
                    await waiting
        finally:
            others.discard(waiting)
            if not others and self._waiting.get(case_id) is others:
                del self._waiting[case_id]

    def _lock(self, case_id: str) -> asyncio.Lock:
        return self._locks.setdefault(case_id, asyncio.Lock())

    def _publish(self, case_id: str, event: r.Event) -> None:
        if not self._subscribers:
            return
        tag = type(event).__struct_config__.tag
        notice = Notice(seq=self.seq, case_id=case_id, event=str(tag))
        for queue in tuple(self._subscribers):
            if queue.full():
                self._subscribers.discard(queue)
            else:
                queue.put_nowait(notice)

    async def subscribe(self, *, after: int = 0) -> AsyncIterator[Notice]:
        """Notices as they come; with `after`, first those that the log holds since then."""
        queue: asyncio.Queue[Notice] = asyncio.Queue(maxsize=NOTICES_MAX)
        self._subscribers.add(queue)
        try:
            if after:
                for entry in self.store.entries(after=after, limit=NOTICES_MAX):
                    event = entry.event()
                    yield Notice(
                        seq=entry.seq, case_id=entry.case_id, event=str(type(event).__struct_config__.tag)
                    )
            while queue in self._subscribers or not queue.empty():
                yield await queue.get()
        finally:
            self._subscribers.discard(queue)


def rides_along(event: r.CaseEvent) -> bool:
    """A decision to hold or refuse is told to somebody, so it is durable first; one to allow leads only to the claim."""
    if isinstance(event, r.Decided):
        return event.decision.verdict == "allow"
    if isinstance(event, r.BackedUp):
        return not event.backups
    return isinstance(event, RIDES_ALONG)


WAITING: Final = frozenset({Phase.HELD, Phase.APPROVED})
