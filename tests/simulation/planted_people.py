"""Bugs planted in people's part of the runtime and its core: who agrees to what, who looks at it, and what an approval is worth elsewhere."""

from __future__ import annotations

from typing import Any

import msgspec

from keyturn.core import advance, proposing, review
from keyturn.core.case import Case
from keyturn.core.people import People
from keyturn.model import record as r
from keyturn.model.review import NotAccepted, Review
from keyturn.model.reviewing import Proposed, ReviewClaimed
from keyturn.runtime import gate, policing, reviewing
from keyturn.testing.simulation.policies import SimulatedTexts
from tests.simulation.planted import Patch, Plant, folding


def what_stands_on_the_disk_decides(patch: Patch) -> None:
    """A node asks the policies that it was given to load, whatever is in force."""
    patch.setattr(policing.Policing, "engine", lambda self: self._configured)


def one_administrator_relaxes_policy(patch: Patch) -> None:
    """The first yes puts in force what the configuration wants."""
    decide = proposing.decide

    def hasty(
        people: People, judged: Proposed, by: str, at_ms: int, **given: Any
    ) -> tuple[r.PlaneEvent, ...]:
        return decide(people, msgspec.structs.replace(judged, by="a file"), by, at_ms, **given)

    patch.setattr(proposing, "decide", hasty)


def nobody_compares_policies(patch: Patch) -> None:
    """What is loaded is in force."""

    async def nothing(*_: object) -> tuple[str, ...]:
        return ()

    patch.setattr(SimulatedTexts, "compare", nothing)


def carries_whatever_was_taken_out(patch: Patch) -> None:
    """Approvals of the whole are approvals of any part of it."""
    patch.setattr(review, "worse", lambda *_: "")


def carries_what_was_given_for_something_older(patch: Patch) -> None:
    """Whoever approved anything of the case before has approved what is left."""
    carried = review.carried

    def all_of_them(before: Any, *given: Any) -> tuple[tuple[Review, ...], str]:
        kept, why = carried(before, *given)
        if why:
            return kept, why
        request = given[-1]
        everybody = [one for one in before.reviews if one.approve]
        return tuple(
            msgspec.structs.replace(one, binding=request.digest, carried_from="sha256:older")
            for one in everybody
        ), ""

    patch.setattr(review, "carried", all_of_them)


def who_was_taken_out_is_told_of_the_rest(patch: Patch) -> None:
    """A client whose operation people took out gets the answer of another one."""
    place = gate._place
    patch.setattr(gate, "_place", lambda case, asked: place(case, asked) or 0)


def reminded_again_and_again(patch: Patch) -> None:
    """That its time is nearly over is said at every look."""
    due = reviewing.ReviewingSide.due

    def forgetful(self: reviewing.ReviewingSide, case: Case) -> tuple[r.CaseEvent, ...]:
        return due(self, msgspec.structs.replace(case, reminded_at_ms=None))

    patch.setattr(reviewing.ReviewingSide, "due", forgetful)


def escalated_while_somebody_looks(patch: Patch) -> None:
    """A claim does not keep a case from being escalated."""
    due = reviewing.ReviewingSide.due

    def blind(self: reviewing.ReviewingSide, case: Case) -> tuple[r.CaseEvent, ...]:
        return due(self, msgspec.structs.replace(case, claimed_until_ms=0))

    patch.setattr(reviewing.ReviewingSide, "due", blind)


def claimed_by_her_own(patch: Patch) -> None:
    """Who runs the agent may take its case on."""
    patch.setattr(People, "is_one_of", lambda *_: False)


def taken_over_without_a_word(patch: Patch) -> None:
    """Whoever comes takes a case from who looks at it."""
    claimed = advance._FOLD[ReviewClaimed]
    folding(
        patch,
        ReviewClaimed,
        lambda case, event: msgspec.structs.replace(claimed(case, event), claimed_until_ms=0),
    )


def nobody_falls_with_her_team(patch: Patch) -> None:
    """Who left the team keeps the place that she approved in."""
    patch.setattr(review, "fallen", lambda *_: ())


def she_approves_what_she_proposed(patch: Patch) -> None:
    """An administrator decides her own proposal."""
    judge = proposing.judge

    def lenient(people: People, id_: str, by: str, at_ms: int, *, approve: bool) -> Proposed | NotAccepted:
        judged = judge(people, id_, by, at_ms, approve=approve)
        own = isinstance(judged, NotAccepted) and judged.code == "own-proposal"
        return people.proposals.waiting[id_] if own else judged

    patch.setattr(proposing, "judge", lenient)


PLANTED: tuple[Plant, ...] = (
    what_stands_on_the_disk_decides,
    one_administrator_relaxes_policy,
    nobody_compares_policies,
    carries_whatever_was_taken_out,
    carries_what_was_given_for_something_older,
    who_was_taken_out_is_told_of_the_rest,
    reminded_again_and_again,
    escalated_while_somebody_looks,
    claimed_by_her_own,
    taken_over_without_a_word,
    nobody_falls_with_her_team,
    she_approves_what_she_proposed,
)
