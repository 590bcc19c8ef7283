"""One node among those that share a store: it says that it lives, takes up what a dead one left, and hears what counts at once.

What is dead is decided by the store alone (`SharedStore.bury`). A case is then taken up by whoever writes `TakenUp` first, in a turn,
so by one; from there it goes on as after a restart.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from keyturn.core.advance import owed
from keyturn.core.case import Case
from keyturn.core.commands import Command
from keyturn.core.lifecycle import TERMINAL
from keyturn.errors import StoreError
from keyturn.model import record as r
from keyturn.model.record import Entry
from keyturn.runtime.shared_book import SharedBook, node_of
from keyturn.stores.interface import Node

log = logging.getLogger("keyturn")

BEATS_A_LEASE: Final = 3
"""Two beats may be lost before a lease is."""

HEARD_S_MAX: Final = 20.0
"""A halt is acknowledged when every node has heard it or lost its lease, which is sooner than this; later, that is said."""

HEARD_LOOK_S: Final = 0.02

COUNTS_AT_ONCE: Final = (r.HaltRaised, r.SessionEnded, r.FreezeSet, r.FreezeLifted)
"""Plane events that somebody may wait for all nodes to have heard."""

MOVES: Final = (r.Sent, r.Answered, r.Reconciled, r.StepIntended, r.StepEnded)
"""Events after which a resource may be another than it was: a state read before them is read again."""


class Nodes:
    """What one node does for its part. `take_up` goes on with a case as after a restart; `idle` says whether nothing is being done for it."""

    def __init__(
        self,
        book: SharedBook,
        *,
        clock: Callable[[], int],
        take_up: Callable[[Case, Callable[[str], bool]], Awaitable[None]],
        idle: Callable[[str], bool],
        moved: Callable[[Case], None],
        lifted: Callable[[], None],
        drop_work: Callable[[], None],
    ) -> None:
        self.book, self.store = book, book.shared
        self.about: dict[str, str] = {}
        self.leads = False
        self.live: tuple[Node, ...] = ()  # as of the last look
        self.lease_s = 0.0
        self._clock, self._take_up, self._idle = clock, take_up, idle
        self._moved, self._lifted, self._drop_work = moved, lifted, drop_work
        self._stood_still: dict[
            str, int
        ] = {}  # own cases without a task, and at which of their events that was seen
        self._errands: set[asyncio.Task[Any]] = set()
        self._beating = asyncio.Lock()
        book.saw = self._saw

    async def join(self) -> None:
        """Before anything is written: whoever is on the log was a node before."""
        await self.store.beat(0, self.about)
        self.lease_s = self.store.lease_left_s()

    async def leave(self) -> None:
        for errand in self._errands:
            errand.cancel()
        await self.store.leave()

    # --- living ------------------------------------------------------------------------------------------------------

    async def beat_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self.lease_s / BEATS_A_LEASE)
            try:
                await self.beat()
            except StoreError as error:
                log.warning("this node could not say that it lives: %s", error.message)

    async def beat(self) -> None:
        """Renew the lease; where it was given to others meanwhile, drop what was begun and come back as somebody new."""
        async with self._beating:
            if await self.store.beat(self.book.seq, self.about):
                return
            log.error("%s was declared gone: others take up what it had begun", self.store.writer)
            self._drop_work()
            self.store.rename()
            await self.store.beat(self.book.seq, self.about)

    # --- taking up what others left ----------------------------------------------------------------------------------

    async def care(self) -> None:
        """Declare gone who is, take up what nobody does, and go on with what stands still here."""
        buried = await self.store.bury()
        if buried:
            log.warning("gone: %s", ", ".join(buried))
        open_cases = [case for case in self.book.cases.values() if case.phase not in TERMINAL]
        live = (
            await self.store.nodes()
        )  # asked for after: who is on record for a case and not here now is gone
        self.live = live
        self.leads = bool(live) and live[0].name == self.store.writer
        names = {node.name for node in live}
        for case in open_cases:
            if any(name not in names for name in _who(case)):
                await self._take_up(self.book.cases.get(case.id, case), lambda name: name not in names)
        await self._go_on()

    async def _go_on(self) -> None:
        """What is this node's to do and nobody does: its task ended with an error of the store's."""
        stands_still = {
            case.id: case.seq
            for case in self.book.cases.values()
            if self.book.works_on(case) and _asks(case) and self._idle(case.id)
        }
        before, self._stood_still = self._stood_still, stands_still
        for case_id, seq in stands_still.items():
            if before.get(case_id) == seq:
                await self._take_up(self.book.cases[case_id], lambda _name: False)

    async def take(self, case: Case) -> bool:
        """Whether the case is this node's now; of those who try one succeeds."""
        gone = case.worker
        if gone == self.store.writer:
            return True

        def taken(now: Case) -> tuple[r.CaseEvent, ...]:
            if now.worker != gone or not _asks(now):
                return ()
            return (r.TakenUp(at_ms=self._clock(), by=self.store.writer, from_node=gone),)

        after = await self.book.record_from(case.id, taken)
        return after.worker == self.store.writer

    # --- hearing -----------------------------------------------------------------------------------------------------

    def _saw(self, entry: Entry, event: r.Event, case: Case | None) -> None:
        if entry.writer == self.store.writer:
            return
        if case is not None and isinstance(event, MOVES):
            self._moved(case)
        if isinstance(event, r.HaltLifted):
            self._lifted()
        if isinstance(event, COUNTS_AT_ONCE):
            self._soon(self.beat())

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        errand = asyncio.create_task(_logged(work))
        self._errands.add(errand)
        errand.add_done_callback(self._errands.discard)

    async def heard(self) -> bool:
        """Until every node that could act has folded what stands in the log now, or has lost its lease."""
        seq = self.book.seq
        ends_s = asyncio.get_running_loop().time() + HEARD_S_MAX
        while asyncio.get_running_loop().time() < ends_s:
            if not any(self._could_act(node, seq) for node in await self.store.nodes()):
                return True
            await asyncio.sleep(HEARD_LOOK_S)
        log.error("not every node has said that it heard entry %d", seq)
        return False

    def _could_act(self, node: Node, seq: int) -> bool:
        return node.name != self.store.writer and node.left_ms > 0 and node.heard < seq


def _asks(case: Case) -> bool:
    """Whether something is to be done for the case that nobody would do otherwise. Reviewers were asked once."""
    return bool(set(owed(case, resumed=True)) - {Command.ASK_REVIEWERS})


def _who(case: Case) -> set[str]:
    """Nodes on which something of the case rests."""
    return {node_of(waiter) for waiter in case.waiters} | ({case.worker} if _asks(case) else set())


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except StoreError as error:
        log.warning("this node could not say what it has heard: %s", error.message)
