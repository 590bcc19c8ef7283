"""The life of a case is a table: it is walked here, and illegal events raise and change nothing."""

from __future__ import annotations

import pytest

from keyturn.core import advance as advance_module
from keyturn.core.advance import advance, fold, owed
from keyturn.core.case import Case, Phase
from keyturn.core.commands import Command
from keyturn.core.lifecycle import BEFORE_CALL, LIFECYCLE, TERMINAL, diagram
from keyturn.errors import BugError
from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.decision import Verdict
from keyturn.model.execution import OutcomeStatus, ProofStep
from keyturn.model.review import Review
from keyturn.runtime.work import PERFORM
from tests.core import core_world as w

EVENTS: tuple[type, ...] = r.CaseEvent.__args__


def _reachable() -> set[Phase]:
    seen, todo = {Phase.NEW}, [Phase.NEW]
    while todo:
        for targets in LIFECYCLE[todo.pop()].values():
            fresh = set(targets) - seen
            seen |= fresh
            todo += fresh
    return seen


def test_every_phase_is_a_row_and_can_be_reached() -> None:
    """No phase is forgotten, none is dead."""
    assert set(LIFECYCLE) == set(Phase)
    assert _reachable() == set(Phase)


def test_every_phase_that_is_not_an_end_can_be_left() -> None:
    """Nothing can be stuck by the table alone."""
    for phase in set(Phase) - TERMINAL:
        assert any(target is not phase for targets in LIFECYCLE[phase].values() for target in targets), phase


def test_a_case_ends_for_good() -> None:
    """From an end there is no way on; a client may still ask, and another case may undo or drop its backups."""
    for phase in TERMINAL:
        looking_back = {rv.GlassReviewed, rv.ReviewReleased}
        later = {r.Undone, r.BackupRetired}
        assert set(LIFECYCLE[phase]) == {r.Attached, r.Detached, r.ReviewRefused} | later | looking_back


def test_what_was_sent_never_comes_back_to_where_it_could_be_sent() -> None:
    """From a call that left, the only way to another is `Answered` or `Reconciled` with success, to the next operation."""
    after = {Phase.EXECUTING, Phase.IN_PROGRESS, Phase.UNCERTAIN, Phase.EXECUTED, Phase.VERIFYING}
    for phase in after:
        back = {
            event for event, targets in LIFECYCLE[phase].items() if set(targets) & (BEFORE_CALL | {Phase.NEW})
        }
        assert back <= {r.Answered, r.Reconciled}
    case = w.sent()  # one operation: success does not lead back
    assert advance(case, r.Answered(at_ms=30, outcome=w.outcome()))[0].phase is Phase.EXECUTED


def test_every_event_has_a_row_and_a_fold() -> None:
    """An event nobody handles would be an event nobody may write."""
    in_rows = {event for row in LIFECYCLE.values() for event in row}
    assert in_rows == set(EVENTS) == set(advance_module._FOLD)


def test_every_command_is_performed_and_every_working_phase_owes_one() -> None:
    """A phase in which the plane is at work always says what it owes, or it would wait for ever."""
    assert set(PERFORM) == set(Command)
    waits_for_people = {Phase.APPROVED, Phase.INCONCLUSIVE}
    for phase in set(Phase) - TERMINAL - waits_for_people - {Phase.NEW, Phase.EXECUTING}:
        assert owed(w.any_case(phase)), phase
    assert owed(w.any_case(Phase.EXECUTING)) == (Command.CALL,)
    assert owed(w.any_case(Phase.EXECUTING), resumed=True) == (Command.RECONCILE,)
    assert owed(w.any_case(Phase.PROVED), resumed=True) == (Command.PROVE,)


_ANY: dict[type, r.CaseEvent] = {
    r.Received: r.Received(at_ms=1, change=w.change()),
    r.Joined: r.Joined(at_ms=1, change=w.change()),
    r.Assessed: r.Assessed(at_ms=1, assessment=w.assessment()),
    r.Decided: r.Decided(at_ms=1, decision=w.decision(Verdict.DENY)),
    r.Attached: r.Attached(at_ms=1, waiter="w"),
    r.Detached: r.Detached(at_ms=1, waiter="w"),
    r.Reviewed: r.Reviewed(at_ms=1, review=Review(reviewer="anna", approve=True, binding="", at_ms=1)),
    r.ReviewRefused: r.ReviewRefused(at_ms=1, reviewer="x", approve=True, code="late", message="late"),
    r.ExecuteAsked: r.ExecuteAsked(at_ms=1, by="anna"),
    r.Withdrawn: r.Withdrawn(at_ms=1, by="olga"),
    r.Expired: r.Expired(at_ms=1, what="review"),
    r.Invalidated: r.Invalidated(at_ms=1, what="state", detail="moved"),
    r.Halted: r.Halted(at_ms=1, by="anna"),
    r.Claimed: r.Claimed(at_ms=1, nonce="n", verdict=Verdict.HOLD),
    r.StepEnded: r.StepEnded(at_ms=1, recipe="backup", step=1, status="succeeded"),
    r.BackedUp: r.BackedUp(at_ms=1, backups=()),
    r.PrepareFailed: r.PrepareFailed(at_ms=1, detail="no"),
    r.Proved: r.Proved(at_ms=1, steps=()),
    r.ProofFailed: r.ProofFailed(at_ms=1, steps=()),
    r.Sent: r.Sent(at_ms=1, nonce="another"),
    r.Answered: r.Answered(at_ms=1, outcome=w.outcome()),
    r.Reconciled: r.Reconciled(at_ms=1, outcome=w.outcome()),
    r.VerifyBegun: r.VerifyBegun(at_ms=1),
    r.Verified: r.Verified(at_ms=1, result="confirmed"),
    r.Restored: r.Restored(at_ms=1, succeeded=True),
    r.Settled: r.Settled(at_ms=1, by="anna", succeeded=True),
    r.Undone: r.Undone(at_ms=1, by_case="C-9"),
    r.TakenUp: r.TakenUp(at_ms=1, by="node-b", from_node="node-a"),
    rv.ReviewClaimed: rv.ReviewClaimed(at_ms=1, by="anna", until_ms=2),
    rv.Reminded: rv.Reminded(at_ms=1, deadline_ms=2),
    rv.Escalated: rv.Escalated(at_ms=1, after_s=1),
    rv.Voided: rv.Voided(at_ms=1, reviewer="anna", why="she left"),
    rv.Narrowed: rv.Narrowed(at_ms=1, change=w.change(), by="anna", dropped=("dynamodb:DeleteTable",)),
    rv.GlassBroken: rv.GlassBroken(at_ms=1, by="olga", reason="down", until_ms=2, told=("anna",), binding=""),
}


@pytest.mark.parametrize("phase", Phase)
def test_what_the_table_does_not_allow_raises_and_changes_nothing(phase: Phase) -> None:
    """Every event in every phase in which it may not come."""
    case = w.any_case(phase)
    for kind, event in _ANY.items():
        if kind in LIFECYCLE[phase]:
            continue
        before = repr(case)
        with pytest.raises(BugError, match="may not come"):
            advance(case, event)
        assert repr(case) == before


def test_a_call_leaves_only_as_it_was_claimed() -> None:
    """The nonce of the claim and the operation's turn are asked for again at the last moment."""
    case = w.proved()
    with pytest.raises(BugError, match="claimed otherwise"):
        advance(case, r.Sent(at_ms=1, nonce="another"))
    with pytest.raises(BugError, match="claimed otherwise"):
        advance(case, r.Sent(at_ms=1, nonce=case.nonce, operation=1))
    assert advance(case, r.Sent(at_ms=1, nonce=case.nonce))[0].phase is Phase.EXECUTING


def test_one_approval_of_two_does_not_suffice_and_a_no_ends_it() -> None:
    """The conversation of a hold, with what the agent is told at its end."""
    case = w.held()
    case, commands = advance(case, w.yes(case, "anna"))
    assert (case.phase, commands, case.approvals) == (Phase.HELD, (), ("anna",))
    case, commands = advance(case, w.yes(case, "anna"))  # once more, herself
    assert case.phase is Phase.HELD
    after, commands = advance(case, w.yes(case, "ben"))
    assert (after.phase, commands) == (
        Phase.APPROVED,
        (),
    )  # nobody waits: it is not executed behind the agent's back
    denied = w.told(case, w.no(case, "ben", note="use the narrow patch"))
    assert (denied.phase, denied.reason) == (Phase.REJECTED, "denied by ben: use the narrow patch")


def test_an_approval_executes_once_somebody_is_there() -> None:
    """The client that waits, the client that comes back, or a reviewer who executes without it."""
    case = w.approved()
    assert advance(case, r.Attached(at_ms=1, waiter="w"))[1] == (Command.CLAIM,)
    assert advance(case, r.ExecuteAsked(at_ms=1, by="anna"))[1] == (Command.CLAIM,)
    waiting = w.told(w.held(), r.Attached(at_ms=1, waiter="w"))
    waiting = w.told(waiting, w.yes(waiting, "anna"))
    assert advance(waiting, w.yes(waiting, "ben"))[1] == (Command.CLAIM,)


def test_a_no_counts_until_the_claim() -> None:
    """Approved is not executed yet."""
    case = w.approved()
    assert w.told(case, w.no(case, "cleo")).phase is Phase.REJECTED
    with pytest.raises(BugError):
        advance(w.claimed(), w.no(case, "cleo"))


def test_joining_voids_what_was_approved() -> None:
    """The create joins the held delete: another change, nobody has approved it, and it is assessed anew."""
    case = w.held()
    case = w.told(case, w.yes(case, "anna"))
    both = w.change(w.operation(), w.operation("dynamodb:CreateTable"))
    case, commands = advance(case, r.Joined(at_ms=11, change=both))
    assert (case.phase, case.revision, case.reviews, commands) == (
        Phase.SUPERSEDED,
        2,
        (),
        (Command.ASSESS,),
    )


def test_the_second_operation_waits_for_the_first() -> None:
    """A replace: delete answered, then create under the same proof; a failed first leaves the second unsent."""
    case = w.sent(w.operation(), w.operation("dynamodb:CreateTable"))
    after, commands = advance(case, r.Answered(at_ms=30, outcome=w.outcome()))
    assert (after.phase, after.next_operation, commands) == (Phase.PROVED, 1, (Command.INTEND,))
    failed = w.told(case, r.Answered(at_ms=30, outcome=w.outcome(OutcomeStatus.FAILED, "no")))
    assert (failed.phase, failed.next_operation, len(failed.outcomes)) == (Phase.FAILED, 0, 1)


def test_a_proof_made_again_after_a_restart_goes_on() -> None:
    """The phase stays, the call is still to come."""
    step = ProofStep(number=1, name="decision in force", holds=True, detail="")
    _, commands = advance(w.proved(), r.Proved(at_ms=30, steps=(step,)))
    assert commands == (Command.INTEND,)


@pytest.mark.parametrize(
    ("status", "phase", "owes"),
    [
        (OutcomeStatus.SUCCEEDED, Phase.EXECUTED, Command.VERIFY),
        (OutcomeStatus.FAILED, Phase.FAILED, None),
        (OutcomeStatus.UNCERTAIN, Phase.UNCERTAIN, Command.RECONCILE),
        (OutcomeStatus.IN_PROGRESS, Phase.IN_PROGRESS, Command.RECONCILE),
    ],
)
def test_what_follows_an_answer(status: OutcomeStatus, phase: Phase, owes: Command | None) -> None:
    """No answer is never a failure."""
    case, commands = advance(w.sent(), r.Answered(at_ms=30, outcome=w.outcome(status)))
    assert (case.phase, commands) == (phase, (owes,) if owes else ())


def test_what_stays_unclear_is_for_a_person() -> None:
    """Reconciliation that cannot tell ends in INCONCLUSIVE, which a person settles in her own name."""
    case = w.told(w.sent(), r.Answered(at_ms=30, outcome=w.outcome(OutcomeStatus.UNCERTAIN)))
    case = w.told(case, r.Reconciled(at_ms=40, outcome=w.outcome(OutcomeStatus.UNCERTAIN, "neither")))
    assert (case.phase, case.reason) == (Phase.INCONCLUSIVE, "neither")
    case = w.told(case, r.Settled(at_ms=50, by="anna", succeeded=False, note="it stands"))
    assert (case.phase, case.reason) == (Phase.FAILED, "settled by anna: it stands")


def test_who_takes_something_back_waits_for_it() -> None:
    """An undo that was approved is executed: the person asked for it when she opened it."""
    undo = w.change(w.operation(), undoes="C-1")
    assert w.told(Case(id="C-2"), r.Received(at_ms=1, change=undo)).execute_asked_by == "olga"
    assert w.received().execute_asked_by == ""


def test_folding_is_advancing() -> None:
    """A case is what its events make, and nothing else."""
    case = w.held()
    events = (
        r.Received(at_ms=1, change=w.change()),
        r.Assessed(at_ms=2, assessment=w.assessment()),
        r.Decided(at_ms=3, decision=w.decision(), request=case.request),
    )
    assert fold("C-1", events) == case


def test_the_diagram_is_drawn_from_the_table() -> None:
    """Every phase stands in it, every end ends."""
    drawn = diagram()
    for phase in set(Phase) - {Phase.NEW}:
        assert f"    {phase} -->" in drawn or f"--> {phase}:" in drawn
    for phase in TERMINAL:
        assert f"    {phase} --> [*]" in drawn
