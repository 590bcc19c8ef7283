"""Bugs planted in the runtime and its core, one at a time: a simulation that does not find them is worth nothing.

Where two layers guard one rule (the review that is judged, and the proof's second look) a bug is planted in both: what is
tested is the simulation, not the depth of the defence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import pytest

from keyturn import pipeline
from keyturn.core import advance, batch, plane, proof, proposing, quorum, review
from keyturn.core.case import Before, Case, Phase
from keyturn.core.commands import Command
from keyturn.core.people import People
from keyturn.core.review import judge
from keyturn.errors import BugError
from keyturn.model import record as r
from keyturn.model.change import Change
from keyturn.model.decision import Decision, Verdict
from keyturn.model.execution import Backup, Outcome, OutcomeStatus
from keyturn.model.record import Draft, Entry
from keyturn.model.review import Accepted, NotAccepted, Review, ReviewRequest
from keyturn.runtime import Runtime, asking, book, gate, on_its_way, reviewing, undoing, work
from keyturn.runtime.interface import Reply, ReplyKind
from keyturn.testing.simulation.disk import SimulatedStore

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]


def _lenient_second_look(patch: Patch) -> None:
    def reached(case: Case) -> tuple[bool, str]:
        return len(case.approvals) >= (case.request.quorum if case.request else 0), "as counted"

    patch.setattr(proof, "quorum_reached", reached)


def _judging(patch: Patch, **instead: Any) -> None:
    """Reviews are judged as if these fields of theirs were others."""

    def lenient(case: Case, review: Review, people: People) -> Accepted | NotAccepted:
        fields = dict(instead)
        if "binding" in fields and case.request is not None:
            fields["binding"] = case.request.digest
        return judge(case, msgspec.structs.replace(review, **fields), people)

    patch.setattr(reviewing, "judge", lenient)


def _asking(patch: Patch, change: Callable[[ReviewRequest], ReviewRequest]) -> None:
    ask = pipeline.ask_reviewers
    patch.setattr(pipeline, "ask_reviewers", lambda *args, **kwargs: change(ask(*args, **kwargs)))


def folding(patch: Patch, event: type, fold: Callable[[Case, Any], Case]) -> None:
    patch.setitem(advance._FOLD, event, fold)


def self_approval(patch: Patch) -> None:
    """The operator of the agent may review it."""
    _asking(patch, lambda request: msgspec.structs.replace(request, excluded=()))


def forged_binding(patch: Patch) -> None:
    """An approval counts whatever it was given for."""
    _judging(patch, binding="")
    _lenient_second_look(patch)


def quorum_off_by_one(patch: Patch) -> None:
    """One reviewer too few is asked for."""
    _asking(patch, lambda request: msgspec.structs.replace(request, quorum=max(1, request.quorum - 1)))


def late_review(patch: Patch) -> None:
    """A review counts after its deadline."""
    _judging(patch, at_ms=0)


def overlooked_no(patch: Patch) -> None:
    """A reviewer's no is noted and forgotten."""
    reviewed = advance._FOLD[r.Reviewed]
    folding(
        patch,
        r.Reviewed,
        lambda case, event: (
            reviewed(case, event)
            if event.review.approve
            else msgspec.structs.replace(case, reviews=(*case.reviews, event.review))
        ),
    )
    _lenient_second_look(patch)


def approvals_survive_joining(patch: Patch) -> None:
    """The second half of a replace joins, and the approvals of the first stay."""
    carried = review.carried

    def kept(before: Before, change: Change, *asked: Any) -> tuple[tuple[Review, ...], str]:
        if all(operation in before.change.operations for operation in change.operations):
            return carried(before, change, *asked)
        binding = asked[-1].digest
        return tuple(
            msgspec.structs.replace(one, binding=binding, carried_from=one.binding)
            for one in before.reviews
            if one.approve
        ), ""

    patch.setattr(review, "carried", kept)


def not_bound_to_state(patch: Patch) -> None:
    """The proof does not mind that the state is another one."""
    patch.setattr(proof, "_state", lambda _case, _facts: (True, "never mind"))


def no_reread(patch: Patch) -> None:
    """The state is taken to be what it was when it was assessed."""

    async def as_assessed(_self: work.Work, case: Case) -> tuple[str, str]:
        return case.assessment.state_digest if case.assessment else "", ""

    patch.setattr(work.Work, "_state_now", as_assessed)


def crash_repeats_the_call(patch: Patch) -> None:
    """After a restart a call that was on its way is made again."""
    owed = advance.owed

    def repeated(case: Case, *, resumed: bool = False) -> tuple[Command, ...]:
        if resumed and case.phase is Phase.EXECUTING:
            return (Command.CALL,)
        return owed(case, resumed=resumed)

    patch.setattr("keyturn.runtime.owed", repeated)


def lost_answer_repeats_the_call(patch: Patch) -> None:
    """A call without an answer is made again."""
    send = work.Work._send

    async def again(self: work.Work, case: Case, request: Any) -> Outcome:
        outcome = await send(self, case, request)
        return outcome if outcome.status is not OutcomeStatus.UNCERTAIN else await send(self, case, request)

    patch.setattr(work.Work, "_send", again)


def lost_answer_is_failure(patch: Patch) -> None:
    """A call without an answer is taken to have failed."""
    send = work.Work._send

    async def failed(self: work.Work, case: Case, request: Any) -> Outcome:
        outcome = await send(self, case, request)
        if outcome.status is OutcomeStatus.UNCERTAIN:
            return msgspec.structs.replace(outcome, status=OutcomeStatus.FAILED)
        return outcome

    patch.setattr(work.Work, "_send", failed)


def lost_answer_is_success(patch: Patch) -> None:
    """A call without an answer is taken to have been done."""
    send = work.Work._send

    async def done(self: work.Work, case: Case, request: Any) -> Outcome:
        outcome = await send(self, case, request)
        if outcome.status is OutcomeStatus.UNCERTAIN:
            return msgspec.structs.replace(outcome, status=OutcomeStatus.SUCCEEDED)
        return outcome

    patch.setattr(work.Work, "_send", done)


def never_resumed(patch: Patch) -> None:
    """After a restart nobody reconciles a call that was on its way."""
    owed = advance.owed

    def forgotten(case: Case, *, resumed: bool = False) -> tuple[Command, ...]:
        return () if resumed and case.phase is Phase.EXECUTING else owed(case, resumed=resumed)

    patch.setattr("keyturn.runtime.owed", forgotten)


def allowed_outlives_its_client(patch: Patch) -> None:
    """What was allowed and not sent goes on after a restart, and its client asks again."""
    patch.setattr("keyturn.runtime.BEFORE_CALL", frozenset[Phase]())


def deny_falls_through(patch: Patch) -> None:
    """Policy says no, and the case goes on."""
    patch.setitem(advance._AFTER_VERDICT, Verdict.DENY, Phase.ALLOWED)


def intent_not_durable(patch: Patch) -> None:
    """The call leaves before its intent is on the disk."""
    patch.setattr(book, "RIDES_ALONG", (*book.RIDES_ALONG, r.Sent))


def acknowledged_too_soon(patch: Patch) -> None:
    """The store says that an entry is durable, and it is not yet."""

    async def soon(self: SimulatedStore, drafts: Sequence[Draft]) -> tuple[Entry, ...]:
        await self.append_soon(drafts)
        return ()

    patch.setattr(SimulatedStore, "append", soon)


def halt_is_not_heard(patch: Patch) -> None:
    """Somebody halts everything, and new calls leave."""
    patch.setattr(plane.Plane, "halted_by", lambda _self, _agent: "")


def no_backup(patch: Patch) -> None:
    """An obliged backup is not taken, and the proof does not miss it."""

    async def none(_self: work.Work, _case: Case) -> tuple[Backup, ...]:
        return ()

    patch.setattr(work.Work, "_back_up", none)
    patch.setattr(proof, "_backup", lambda _case, _facts=None: (True, "surely"))


def steps_are_repeated(patch: Patch) -> None:
    """After a restart a recipe's steps are performed again."""
    begin = asking._Steps.__init__

    def forgetful(self: asking._Steps, *args: Any) -> None:
        begin(self, *args)
        self._earlier = {}

    patch.setattr(asking._Steps, "__init__", forgetful)


def policy_is_not_asked_again(patch: Patch) -> None:
    """What policy said once is what it says for ever."""
    answer = work.Work._answer

    def once(self: work.Work, case: Case) -> Decision:
        if case.decision is None:
            return answer(self, case)
        return msgspec.structs.replace(
            case.decision, policy_digest=self.policy.digest
        )  # not even by its name

    patch.setattr(work.Work, "_answer", once)


def equal_requests_are_two_cases(patch: Patch) -> None:
    """A request that is held and comes again is held again, and both may be approved."""
    patch.setattr(plane, "repeat", lambda *_args, **_kwargs: None)


def two_at_work_on_one_thing(patch: Patch) -> None:
    """Nobody looks whether another case works on the same thing."""
    patch.setattr(plane.Plane, "locked_by", lambda _self, _case: "")


def told_of_a_doubt_that_is_over(patch: Patch) -> None:
    """A call in doubt stays in doubt for its client, whatever the world said since."""
    became = gate.GateSide._became
    patch.setattr(
        gate.GateSide,
        "_became",
        lambda self, case, outcome: (
            became(self, case, outcome)
            if outcome.response
            else Reply(kind=ReplyKind.UNCERTAIN, text="", case_id=case.id, code="uncertain")
        ),
    )


def what_stood_still_is_lost(patch: Patch) -> None:
    """A start from a snapshot knows only the cases that moved since the one before."""
    patch.setattr(plane.Plane, "known", lambda _self, **_limits: ())


def unlocked_before_it_is_given_back(patch: Patch) -> None:
    """Another case begins on a thing that the one before may still give back."""
    patch.setattr(plane, "_MAY_RESTORE", frozenset[Phase]())
    patch.setattr(plane, "_AT_WORK", plane._AT_WORK - {Phase.RESTORING})


def asks_again_after_a_no(patch: Patch) -> None:
    """A denied change is asked again in other words at once."""
    patch.setattr(plane, "variant_of_denied", lambda *_args, **_kwargs: None)


def stale_review_races(patch: Patch) -> None:
    """Reviews are judged on the case as it was a moment ago."""
    seen = book.Book.record_from

    async def as_it_was(self: book.Book, case_id: str, make: Callable[[Case], Sequence[r.CaseEvent]]) -> Case:
        events = make(self.cases.get(case_id, Case(id=case_id)))
        return await seen(self, case_id, lambda _case: events)

    patch.setattr(book.Book, "record_from", as_it_was)


def judged_on_what_was_known(patch: Patch) -> None:
    """Nobody waits for what is being written before she judges."""
    patch.setattr(on_its_way.OnItsWay, "find", lambda _self, _concerned: None)


def self_approval_by_another_name(patch: Patch) -> None:
    """The operator may review her own agent under another name of hers."""
    patch.setattr(People, "person", lambda _self, name: name)


def counted_in_two_places(patch: Patch) -> None:
    """One person fills every place of a tree that she could take."""

    def lenient(request: ReviewRequest, people: Mapping[str, tuple[str, ...]]) -> review.Met:
        groups = {group for of in people.values() for group in of}
        lacking = [leaf for tree in request.needs for leaf in quorum.leaves(tree) if leaf.group not in groups]
        return review.Met(reached=not lacking, text="as counted", missing=len(lacking))

    patch.setattr(review, "_filled", lenient)


def break_glass_for_ever(patch: Patch) -> None:
    """A person acts around the review on what does not come back."""
    patch.setattr(review, "irrecoverable", lambda _assessment: False)


def batch_of_anything(patch: Patch) -> None:
    """Whatever is held is decided at one go."""
    patch.setattr(batch, "no_batch", lambda _cases: None)


def one_makes_a_reviewer(patch: Patch) -> None:
    """What gives somebody more acts at once, like what takes away."""
    patch.setattr(proposing, "needs_review", lambda *_args: False)


def sent_before_it_is_withdrawn(patch: Patch) -> None:
    """The narrower way is on its way, and what it stands for is withdrawn a moment later, where it still can be."""
    record_all = book.Book.record_all

    async def one_by_one(
        self: book.Book,
        case_ids: Sequence[str],
        make: Callable[[dict[str, Case]], Mapping[str, Sequence[r.CaseEvent]]],
    ) -> tuple[Case, ...]:
        chosen = make({one: self.cases[one] for one in case_ids})
        if not any(isinstance(event, r.Withdrawn) for events in chosen.values() for event in events):
            return await record_all(self, case_ids, lambda _standing: chosen)
        for case_id, events in chosen.items():
            try:
                await self.record(case_id, *events)
            except BugError:
                continue
            await asyncio.sleep(1.0)
        return ()

    patch.setattr(book.Book, "record_all", one_by_one)


def excluded_from_the_first_only(patch: Patch) -> None:
    """Who runs the agent may approve what somebody else sends in its place."""
    patch.setattr(Runtime, "_excluded", lambda _self, change: (change.principal.operator,))


def undone_on_what_moved(patch: Patch) -> None:
    """Of an undo nobody looks whether what it puts back still stands as when it was approved."""
    now = work.Work.state_digest

    async def as_assessed(self: work.Work, case: Case, *, shared: bool = False) -> tuple[str, str]:
        if case.change is not None and case.change.undoes and case.assessment is not None:
            return case.assessment.state_digest, ""
        return await now(self, case, shared=shared)

    patch.setattr(work.Work, "state_digest", as_assessed)


def undone_from_what_stands(patch: Patch) -> None:
    """An undo puts back what was captured for itself, not what its plan was made from."""
    one = undoing.TakingBack._one

    async def own(self: undoing.TakingBack, case: Case, *args: Any, **given: Any) -> Any:
        captures = self.work.captures
        patch.setattr(self.work, "captures", lambda _original: captures(case))
        try:
            return await one(self, case, *args, **given)
        finally:
            patch.delattr(self.work, "captures")

    patch.setattr(undoing.TakingBack, "_one", own)


PLANTED: tuple[Plant, ...] = (
    self_approval,
    forged_binding,
    quorum_off_by_one,
    late_review,
    overlooked_no,
    approvals_survive_joining,
    not_bound_to_state,
    no_reread,
    crash_repeats_the_call,
    lost_answer_repeats_the_call,
    lost_answer_is_failure,
    lost_answer_is_success,
    never_resumed,
    allowed_outlives_its_client,
    deny_falls_through,
    intent_not_durable,
    acknowledged_too_soon,
    halt_is_not_heard,
    no_backup,
    steps_are_repeated,
    policy_is_not_asked_again,
    equal_requests_are_two_cases,
    two_at_work_on_one_thing,
    told_of_a_doubt_that_is_over,
    what_stood_still_is_lost,
    unlocked_before_it_is_given_back,
    asks_again_after_a_no,
    stale_review_races,
    judged_on_what_was_known,
    self_approval_by_another_name,
    counted_in_two_places,
    break_glass_for_ever,
    batch_of_anything,
    one_makes_a_reviewer,
    sent_before_it_is_withdrawn,
    excluded_from_the_first_only,
    undone_on_what_moved,
    undone_from_what_stands,
)
