"""Bugs planted in what makes plans live and in what removes backups, one at a time: see `planted`."""

from __future__ import annotations

from typing import Any

from keyturn.core import plane
from keyturn.core.case import Case
from keyturn.model.execution import Outcome, OutcomeStatus
from keyturn.runtime import work
from keyturn.runtime.replaying import Replaying
from keyturn.runtime.retiring import Retiring
from tests.simulation.planted import Patch, Plant


def steps_are_not_proved(patch: Patch) -> None:
    """A plan is proved as a whole before its first step, and the others leave whatever stands by then."""

    async def surely(_self: Replaying, _case: Case) -> tuple[bool, str]:
        return True, "as it was rehearsed"

    patch.setattr(Replaying, "state", surely)


def a_step_in_doubt_was_made(patch: Patch) -> None:
    """A step without an answer is taken to be done, and the next one leaves."""

    async def done(_self: Replaying, _case: Case) -> Outcome:
        return Outcome(OutcomeStatus.SUCCEEDED, "surely")

    patch.setattr(Replaying, "reconcile", done)


def a_step_without_an_answer_is_sent_again(patch: Patch) -> None:
    """Of a plan nobody looks what became of a step: it is made again at once."""
    send = work.Work._send_next

    async def again(self: work.Work, case: Case) -> Outcome:
        outcome = await send(self, case)
        plan = case.change is not None and case.change.rehearsed is not None
        in_doubt = outcome.status is OutcomeStatus.UNCERTAIN
        return await send(self, case) if plan and in_doubt else outcome

    patch.setattr(work.Work, "_send_next", again)


def dropped_though_it_is_needed(patch: Patch) -> None:
    """A backup goes while somebody gives back from it: nobody asks who needs it, and it waits for no lock."""
    patch.setattr(Retiring, "why_kept", lambda _self, _case_id: "")
    patch.setattr(Retiring, "going", lambda _self, _case_id: "")
    locked_by = plane.Plane.locked_by

    def unlocked(self: plane.Plane, case: Case) -> str:
        drops = case.change is not None and case.change.drops is not None
        return "" if drops else locked_by(self, case)

    patch.setattr(plane.Plane, "locked_by", unlocked)


def dropped_and_not_said(patch: Patch) -> None:
    """What was removed is not written down."""

    async def nothing(_self: Retiring, *_args: Any) -> None:
        return None

    patch.setattr(Retiring, "_retired", nothing)


def said_before_it_is_dropped(patch: Patch) -> None:
    """A backup is on record as gone, whatever became of its removal."""
    perform, retired = Retiring.perform, Retiring._retired

    async def first(self: Retiring, drop: Case) -> Outcome:
        original = self.book.case(drop.change.drops or "") if drop.change else None
        if original is not None:
            await retired(self, original.id, drop, tuple(one.reference for one in original.kept))
        return await perform(self, drop)

    patch.setattr(Retiring, "perform", first)


PLANTED: tuple[Plant, ...] = (
    steps_are_not_proved,
    a_step_in_doubt_was_made,
    a_step_without_an_answer_is_sent_again,
    dropped_though_it_is_needed,
    dropped_and_not_said,
    said_before_it_is_dropped,
)
