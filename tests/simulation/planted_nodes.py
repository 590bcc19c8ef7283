"""Bugs of the kind that only several nodes have, planted one at a time (see `planted`)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

import pytest

from keyturn.core.case import Case
from keyturn.model import record as r
from keyturn.model.change import Change
from keyturn.model.decision import Verdict
from keyturn.model.record import Draft, Entry
from keyturn.runtime import gate, work
from keyturn.runtime.nodes import Nodes
from keyturn.runtime.shared_book import SharedBook
from keyturn.testing.simulation.shared_disk import SimulatedSharedStore

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]


def acts_after_its_lease(patch: Patch) -> None:
    """A node that was stopped past its lease wakes and goes on calling."""
    patch.setattr(SharedBook, "may_act", lambda _self: None)


def writes_what_is_not_its_work(patch: Patch) -> None:
    """A node that was declared gone goes on writing what comes of the work it had begun."""
    patch.setattr(SharedBook, "_may_write", lambda *_args: None)
    patch.setattr(SharedBook, "may_act", lambda _self: None)


def routed_on_old_news(patch: Patch) -> None:
    """A change is routed on what this node knew when it came in, not in its turn."""

    def received(self: gate.GateSide, change: Change) -> Callable[[], r.Received | None]:
        return lambda: r.Received(at_ms=self.clock(), change=change)

    patch.setattr(gate.GateSide, "_receiving", received)


def decided_before_its_turn(patch: Patch) -> None:
    """What is to be written is decided before the others' news are heard."""
    turn = SimulatedSharedStore.turn

    async def early(
        self: SimulatedSharedStore, decide: Callable[[], Sequence[Draft]], *, soon: bool = False
    ) -> tuple[Entry, ...]:
        drafts = decide()
        return await turn(self, lambda: drafts, soon=soon)

    patch.setattr(SimulatedSharedStore, "turn", early)


def taken_over_before_the_lease_ends(patch: Patch) -> None:
    """Who has been silent for a moment is declared gone, though its lease runs."""

    async def hasty(self: SimulatedSharedStore) -> tuple[str, ...]:
        await self._running()
        soon_s = self._loop.time() + 2.2
        seats = self._database.seats
        gone = [
            name
            for name, seat in seats.items()
            if not seat.dead and seat.until_s < soon_s and name != self.writer
        ]
        for name in gone:
            seats[name].dead = True
        return tuple(gone)

    patch.setattr(SimulatedSharedStore, "bury", hasty)


def two_take_one_case_up(patch: Patch) -> None:
    """Whoever sees that a node is gone goes on with its cases, without asking who else does."""

    async def take(_self: Nodes, _case: Case) -> bool:
        return True

    patch.setattr(Nodes, "take", take)
    patch.setattr(SharedBook, "_may_write", lambda *_args: None)


def nobody_takes_up(patch: Patch) -> None:
    """What a dead node had begun stays where it was."""

    async def take(_self: Nodes, _case: Case) -> bool:
        return False

    patch.setattr(Nodes, "take", take)


def two_claims(patch: Patch) -> None:
    """Of two cases on one thing, claimed at two nodes at the same moment, both are."""

    async def take(self: work.Work, case: Case) -> bool:
        nonce = case.request.nonce if case.request else secrets.token_hex(16)
        await self.book.record(case.id, r.Claimed(at_ms=self.clock(), nonce=nonce, verdict=Verdict.ALLOW))
        return True

    patch.setattr(work.Work, "_take", take)


def a_halt_is_not_waited_for(patch: Patch) -> None:
    """A halt is acknowledged before the other nodes have heard it."""

    async def heard(_self: Nodes) -> bool:
        return True

    patch.setattr(Nodes, "heard", heard)


def others_move_nothing(patch: Patch) -> None:
    """A state that was read a moment ago is taken for fresh, though another node's call left since."""
    saw = Nodes._saw

    def deaf(self: Nodes, entry: Entry, event: r.Event, case: Case | None) -> None:
        saw(self, entry, event, None)

    patch.setattr(Nodes, "_saw", deaf)


PLANTED: tuple[Plant, ...] = (
    acts_after_its_lease,
    writes_what_is_not_its_work,
    routed_on_old_news,
    decided_before_its_turn,
    taken_over_before_the_lease_ends,
    two_take_one_case_up,
    nobody_takes_up,
    two_claims,
    a_halt_is_not_waited_for,
    others_move_nothing,
)
