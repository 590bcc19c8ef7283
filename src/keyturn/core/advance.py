"""``advance(case, event) -> (case, commands)``: one function owns a case's state and says what to do next.

It consults no knowledge and no clock: what a provider or policy answered stands in the events, so folding never reruns a
rule. What a phase still owes is said in one place, `owed`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, Final

import msgspec

from keyturn.core.case import Before, Case, Glass, Phase, Retired, StepState
from keyturn.core.commands import Command
from keyturn.core.lifecycle import LIFECYCLE, TERMINAL
from keyturn.core.review import met
from keyturn.errors import BugError
from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.change import Change
from keyturn.model.decision import Verdict
from keyturn.model.execution import Outcome, OutcomeStatus


def advance(case: Case, event: r.Event, *, seq: int = 0) -> tuple[Case, tuple[Command, ...]]:
    """Fold one event into the case and say what it now owes.

    Raises `BugError` when the event may not come in this phase; the case is then left as it was.
    """
    allowed = LIFECYCLE[case.phase].get(type(event))
    if allowed is None:
        raise BugError("illegal-event", f"{type(event).__name__} may not come while {case!r}")
    after = _FOLD[type(event)](case, event)
    if after.phase not in allowed:
        raise BugError("illegal-transition", f"{type(event).__name__} led {case!r} to {after.phase}")
    ended = event.at_ms if after.phase in TERMINAL and case.phase not in TERMINAL else after.ended_at_ms
    after = _but(after, seq=seq or case.seq + 1, changed_at_ms=event.at_ms, ended_at_ms=ended)
    moved = after.phase is not case.phase or after.revision != case.revision
    next_operation = after.next_operation != case.next_operation
    again = isinstance(
        event, r.Proved
    )  # proved anew after a restart: the phase is the same, the call is still to come
    newly = owed(after) if moved or next_operation or again or owed(after) != owed(case) else ()
    return after, newly


def fold(case_id: str, events: Iterable[r.Event]) -> Case:
    """The case that these events make."""
    case = Case(id=case_id)
    for event in events:
        case, _ = advance(case, event)
    return case


def owed(case: Case, *, resumed: bool = False) -> tuple[Command, ...]:
    """What this phase still owes. After a restart (`resumed`) a proof is made again and an unanswered call is reconciled."""
    if case.phase is Phase.APPROVED:
        return (Command.CLAIM,) if case.waiters or case.execute_asked_by else ()
    if resumed and case.phase is Phase.PROVED:
        return (Command.PROVE,)
    if resumed and case.phase is Phase.EXECUTING:
        return (Command.RECONCILE,)
    return _OWED.get(case.phase, ())


_OWED: Final[dict[Phase, tuple[Command, ...]]] = {
    Phase.RECEIVED: (Command.ASSESS,),
    Phase.SUPERSEDED: (Command.ASSESS,),
    Phase.ASSESSED: (Command.DECIDE,),
    Phase.HELD: (Command.ASK_REVIEWERS,),
    Phase.ALLOWED: (Command.CLAIM,),
    Phase.BREAK_GLASS: (Command.CLAIM,),
    Phase.CLAIMED: (Command.PREPARE,),
    Phase.PREPARED: (Command.PROVE,),
    Phase.PROVED: (Command.INTEND,),
    Phase.EXECUTING: (Command.CALL,),
    Phase.IN_PROGRESS: (Command.RECONCILE,),
    Phase.UNCERTAIN: (Command.RECONCILE,),
    Phase.EXECUTED: (Command.VERIFY,),
    Phase.VERIFYING: (Command.VERIFY,),
    Phase.RESTORING: (Command.RESTORE,),
}

_AFTER_VERDICT: Final = {
    Verdict.ALLOW: Phase.ALLOWED,
    Verdict.SUGGEST: Phase.SUGGESTED,
    Verdict.DENY: Phase.DENIED,
    Verdict.HOLD: Phase.HELD,
}


def _but(case: Case, **fields: Any) -> Case:
    return msgspec.structs.replace(case, **fields)


def _received(case: Case, event: r.Received) -> Case:
    """A person who takes something back, or sends a narrower way, has asked for it to be executed; an agent's change waits for the
    agent to be there.
    """
    asked = event.change.principal.operator if event.change.by_person else ""
    return _but(
        case,
        phase=Phase.RECEIVED,
        change=event.change,
        opened_at_ms=event.at_ms,
        execute_asked_by=asked,
    )


def _joined(case: Case, event: r.Joined) -> Case:
    return _new_revision(case, event.change)


def _narrowed(case: Case, event: rv.Narrowed) -> Case:
    return _new_revision(case, event.change)


def _new_revision(case: Case, change: Change) -> Case:
    """Approvals given to the old one are void, but for what carries over when it is decided (docs/concepts/rules.md, 2)."""
    before = None
    if case.change is not None and case.assessment is not None and case.request is not None:
        before = Before(case.change, case.assessment, case.request, case.reviews)
    return _but(
        case,
        phase=Phase.SUPERSEDED,
        revision=case.revision + 1,
        change=change,
        assessment=None,
        decision=None,
        request=None,
        reviews=(),
        before=before,
    )


def _assessed(case: Case, event: r.Assessed) -> Case:
    return _but(case, phase=Phase.ASSESSED, assessment=event.assessment)


def _decided(case: Case, event: r.Decided) -> Case:
    verdict = event.decision.verdict
    phase = _AFTER_VERDICT[verdict] if event.decision.enforced else Phase.ALLOWED
    if phase is Phase.HELD and event.request is None:
        raise BugError("hold-without-request", f"{case!r} is to be held, but nothing is asked of reviewers")
    carried = event.carried if phase is Phase.HELD else ()
    approved = phase is Phase.HELD and event.request is not None and met(event.request, carried).reached
    return _but(
        case,
        phase=Phase.APPROVED if approved else phase,
        reviews=carried,
        approved_at_ms=event.at_ms if approved else None,
        before=None,
        reminded_at_ms=None,
        escalated_at_ms=None,
        voided=(),
        decision=event.decision,
        request=event.request if phase is Phase.HELD else None,
        said=event.said,
        was_held=case.was_held or phase is Phase.HELD,
        reason="; ".join(reason.message for reason in event.decision.reasons)
        if phase is not Phase.ALLOWED
        else "",
    )


def _attached(case: Case, event: r.Attached) -> Case:
    return _but(case, waiters=(*case.waiters, event.waiter))


def _detached(case: Case, event: r.Detached) -> Case:
    return _but(case, waiters=tuple(waiter for waiter in case.waiters if waiter != event.waiter))


def _reviewed(case: Case, event: r.Reviewed) -> Case:
    if case.request is None:
        raise BugError("review-without-request", f"{case!r} asks nothing of reviewers")
    reviews = (*case.reviews, event.review)
    if not event.review.approve:
        note = f": {event.review.note}" if event.review.note else ""
        return _but(
            case, phase=Phase.REJECTED, reviews=reviews, reason=f"denied by {event.review.reviewer}{note}"
        )
    enough = met(case.request, reviews).reached
    return _but(
        case,
        phase=Phase.APPROVED if enough else Phase.HELD,
        reviews=reviews,
        approved_at_ms=event.at_ms if enough and case.approved_at_ms is None else case.approved_at_ms,
    )


def _voided(case: Case, event: rv.Voided) -> Case:
    """The approval is taken out; where the others are not enough, the case waits for people again."""
    if case.request is None:
        raise BugError("review-without-request", f"{case!r} asks nothing of reviewers")
    reviews = tuple(review for review in case.reviews if review.reviewer != event.reviewer)
    enough = case.phase is Phase.APPROVED and met(case.request, reviews).reached
    return _but(
        case,
        phase=Phase.APPROVED if enough else Phase.HELD,
        reviews=reviews,
        approved_at_ms=case.approved_at_ms if enough else None,
        voided=(*case.voided, f"the approval of {event.reviewer} is void: {event.why}"),
    )


def _glass_broken(case: Case, event: rv.GlassBroken) -> Case:
    glass = Glass(event.by, event.reason, event.at_ms, event.until_ms, event.told)
    return _but(case, phase=Phase.BREAK_GLASS, glass=glass, execute_asked_by=event.by)


def _glass_reviewed(case: Case, event: rv.GlassReviewed) -> Case:
    if case.glass is None:
        raise BugError("no-break-glass", f"{case!r} was not a break-glass")
    glass = msgspec.structs.replace(case.glass, reviewed_by=event.by, right=event.right, note=event.note)
    return _but(case, glass=glass)


def _review_claimed(case: Case, event: rv.ReviewClaimed) -> Case:
    return _but(case, claimed_by=event.by, claimed_until_ms=event.until_ms)


def _review_released(case: Case, event: rv.ReviewReleased) -> Case:
    mine = case.claimed_by == event.by
    return _but(case, claimed_by="", claimed_until_ms=0) if mine else case


def _execute_asked(case: Case, event: r.ExecuteAsked) -> Case:
    return _but(case, execute_asked_by=event.by)


def _ending(phase: Phase, say: Callable[[Any], str]) -> Callable[[Case, Any], Case]:
    return lambda case, event: _but(case, phase=phase, reason=say(event))


def _withdrawn(case: Case, event: r.Withdrawn) -> Case:
    reason = f"withdrawn by {event.by}: {event.reason}".rstrip(": ")
    return _but(case, phase=Phase.WITHDRAWN, reason=reason, sent_instead=event.instead)


def _claimed(case: Case, event: r.Claimed) -> Case:
    return _but(case, phase=Phase.CLAIMED, nonce=event.nonce)


def _step_intended(case: Case, event: r.StepIntended) -> Case:
    step = StepState(
        recipe=event.recipe,
        step=event.step,
        operation=event.call.operation,
        request=event.request,
        intended_at_ms=event.at_ms,
    )
    again = bool(case.steps) and case.steps[-1].recipe == step.recipe and case.steps[-1].step >= step.step
    place = _place(case.steps, step.recipe, step.step) if again else None
    if place is not None:  # it did nothing the first time, and is made now
        return _but(case, steps=(*case.steps[:place], step, *case.steps[place + 1 :]))
    return _but(case, steps=(*case.steps, step))


def _place(steps: tuple[StepState, ...], recipe: str, number: int) -> int | None:
    """Where a step stands. Steps of one recipe come in their order, so that it is nearly always where it is looked for first: of ten
    thousand nobody wants to read all for each.
    """
    if not steps:
        return None
    guess = len(steps) - 1 - (steps[-1].step - number)
    for place in chain((guess,), range(len(steps) - 1, -1, -1)):
        if 0 <= place < len(steps) and (steps[place].recipe, steps[place].step) == (recipe, number):
            return place
    return None


def _step_ended(case: Case, event: r.StepEnded) -> Case:
    place = _place(case.steps, event.recipe, event.step)
    if place is None:
        return case
    ended = msgspec.structs.replace(
        case.steps[place], status=event.status, detail=event.detail, answer_ref=event.answer_ref
    )
    return _but(case, steps=(*case.steps[:place], ended, *case.steps[place + 1 :]))


def _backed_up(case: Case, event: r.BackedUp) -> Case:
    return _but(case, phase=Phase.PREPARED, backups=event.backups)


def _proved(case: Case, event: r.Proved) -> Case:
    return _but(case, phase=Phase.PROVED, proof=event.steps, grant=event.grant)


def _proof_failed(case: Case, event: r.ProofFailed) -> Case:
    failed = "; ".join(
        f"({step.number}) {step.name}: {step.detail}" for step in event.steps if not step.holds
    )
    return _but(
        case, phase=Phase.FAILED, proof=event.steps, reason=f"the proof before the call failed: {failed}"
    )


def _sent(case: Case, event: r.Sent) -> Case:
    if event.nonce != case.nonce or event.operation != case.next_operation:
        raise BugError("not-as-claimed", f"{case!r} was claimed otherwise than it is sent")
    return _but(case, phase=Phase.EXECUTING)


_AFTER_OUTCOME: Final = {
    OutcomeStatus.SUCCEEDED: Phase.EXECUTED,
    OutcomeStatus.FAILED: Phase.FAILED,
    OutcomeStatus.UNCERTAIN: Phase.UNCERTAIN,
    OutcomeStatus.IN_PROGRESS: Phase.IN_PROGRESS,
}


def _with_outcome(case: Case, outcome: Outcome, operation: int) -> Case:
    """Take one operation's outcome in: an uncertain one is replaced when it becomes known; success leads to the next operation."""
    outcomes = (*case.outcomes[:operation], outcome)
    phase = _AFTER_OUTCOME[outcome.status]
    operations = len(case.change.operations) if case.change else 0
    if phase is Phase.EXECUTED and operation + 1 < operations and case.change and not case.change.own_steps:
        following = (
            Phase.PREPARED if case.change.rehearsed else Phase.PROVED
        )  # a plan's steps are proved one by one
        return _but(case, phase=following, outcomes=outcomes, next_operation=operation + 1)
    reason = outcome.detail if phase in {Phase.FAILED, Phase.UNCERTAIN} else case.reason
    return _but(case, phase=phase, outcomes=outcomes, reason=reason)


def _answered(case: Case, event: r.Answered) -> Case:
    return _with_outcome(case, event.outcome, event.operation)


def _reconciled(case: Case, event: r.Reconciled) -> Case:
    """What is still uncertain after the world was read is for a person."""
    if event.outcome.status is OutcomeStatus.UNCERTAIN:
        outcomes = (*case.outcomes[: event.operation], event.outcome)
        return _but(case, phase=Phase.INCONCLUSIVE, outcomes=outcomes, reason=event.outcome.detail)
    return _with_outcome(case, event.outcome, event.operation)


def _verified(case: Case, event: r.Verified) -> Case:
    if event.result == "confirmed":
        return _but(case, phase=Phase.CONFIRMED, reason=event.detail)
    obliged = case.decision is not None and case.decision.obligations.restore_on_failure
    if event.result == "failed" and obliged:
        return _but(case, phase=Phase.RESTORING, reason=event.detail)
    return _but(case, phase=Phase.INCONCLUSIVE, reason=event.detail)


def _restored(case: Case, event: r.Restored) -> Case:
    return _but(case, phase=Phase.RESTORED if event.succeeded else Phase.RESTORE_FAILED, reason=event.detail)


def _settled(case: Case, event: r.Settled) -> Case:
    phase = Phase.CONFIRMED if event.succeeded else Phase.FAILED
    return _but(case, phase=phase, reason=f"settled by {event.by}: {event.note}")


def _undone(case: Case, event: r.Undone) -> Case:
    return _but(case, undone_by=event.by_case)


def _backup_retired(case: Case, event: r.BackupRetired) -> Case:
    gone = Retired(event.at_ms, event.by, event.reason, event.references, event.by_case)
    return _but(case, retired=(*case.retired, gone))


_FOLD: Final[dict[type, Callable[[Case, Any], Case]]] = {
    r.Received: _received,
    r.Joined: _joined,
    r.Assessed: _assessed,
    r.Decided: _decided,
    r.Attached: _attached,
    r.Detached: _detached,
    r.Reviewed: _reviewed,
    r.ReviewRefused: lambda case, _event: case,
    r.ExecuteAsked: _execute_asked,
    r.Withdrawn: _withdrawn,
    r.Expired: _ending(Phase.EXPIRED, lambda event: f"the {event.what} ran out of time"),
    r.Invalidated: _ending(Phase.INVALIDATED, lambda event: f"{event.what} changed: {event.detail}"),
    r.Halted: _ending(Phase.HALTED, lambda event: f"halted by {event.by}"),
    r.Claimed: _claimed,
    r.StepIntended: _step_intended,
    r.StepEnded: _step_ended,
    r.BackedUp: _backed_up,
    r.PrepareFailed: _ending(Phase.FAILED, lambda event: f"could not be prepared: {event.detail}"),
    r.Proved: _proved,
    r.ProofFailed: _proof_failed,
    r.Sent: _sent,
    r.Answered: _answered,
    r.Reconciled: _reconciled,
    r.VerifyBegun: lambda case, _event: _but(case, phase=Phase.VERIFYING),
    r.Verified: _verified,
    r.Restored: _restored,
    r.Settled: _settled,
    r.Undone: _undone,
    r.BackupRetired: _backup_retired,
    r.TakenUp: lambda case, _event: case,  # who works on it now is said by whoever wrote it, see `Book`
    rv.ReviewClaimed: _review_claimed,
    rv.ReviewReleased: _review_released,
    rv.Reminded: lambda case, event: _but(case, reminded_at_ms=event.at_ms),
    rv.Escalated: lambda case, event: _but(case, escalated_at_ms=event.at_ms),
    rv.Voided: _voided,
    rv.Narrowed: _narrowed,
    rv.GlassBroken: _glass_broken,
    rv.GlassReviewed: _glass_reviewed,
}
