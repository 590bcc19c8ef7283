"""Which reviews count, and what is proved again before a call leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
import pytest

from keyturn.core.case import Case
from keyturn.core.proof import ProofFacts, holds, prove
from keyturn.core.review import irrecoverable, judge, quorum_reached
from keyturn.model.assessment import Finding, Kind, Recoverable, Reversibility
from keyturn.model.change import Effect, ResourceRef
from keyturn.model.decision import Verdict
from keyturn.model.execution import Vaulted
from keyturn.model.quorum import Of
from keyturn.model.review import Accepted, NotAccepted
from tests.core import core_world as w

REFUSED: list[tuple[str, Callable[[Case], Case], dict[str, Any], str]] = [
    ("the operator herself", lambda case: case, {"who": "olga"}, "own-agent"),
    ("what was shown was something else", lambda case: case, {"binding": "sha256:other"}, "stale"),
    ("after the deadline", lambda case: case, {"at_ms": 1_000_000}, "late"),
    ("twice", lambda case: w.told(case, w.yes(case, "anna")), {}, "twice"),
    ("already approved", lambda case: w.told(case, w.yes(case, "ben"), w.yes(case, "cleo")), {}, "enough"),
    ("already denied", lambda case: w.told(case, w.no(case, "ben")), {}, "not-open"),
    ("nothing is asked", lambda _case: w.received(), {}, "not-open"),
]


@pytest.mark.parametrize(("what", "make", "given", "code"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_review_that_does_not_count_says_why(
    what: str, make: Callable[[Case], Case], given: dict[str, Any], code: str
) -> None:
    """Each with a code for programs and a sentence for the person."""
    shown = w.held()
    case = make(shown)
    review = w.review(shown, given.pop("who", "anna"), **given)
    judged = judge(case, review)
    assert isinstance(judged, NotAccepted)
    assert judged.code == code
    assert judged.message


def test_a_review_that_counts_says_how_many_there_are_now() -> None:
    """One of two, two of two; a no counts too."""
    case = w.held()
    assert judge(case, w.review(case, "anna")) == Accepted(approvals=1, quorum=2)
    case = w.told(case, w.yes(case, "anna"))
    assert judge(case, w.review(case, "ben")) == Accepted(approvals=2, quorum=2)
    assert judge(case, w.review(case, "ben", approve=False)) == Accepted(approvals=1, quorum=2)
    assert judge(w.approved(), w.review(w.approved(), "cleo", approve=False)) == Accepted(2, 2)


def test_an_approval_is_for_one_revision() -> None:
    """The request's digest covers change, state, assessment, policy, quorum and nonce: any other is another."""
    request = w.held().request
    assert request is not None
    for name in request.__struct_fields__:
        value = getattr(request, name)
        other = (
            not value
            if isinstance(value, bool)
            else value + 1
            if isinstance(value, int)
            else 1
            if value is None
            else (*value, Of(9) if name == "needs" else "x")
            if isinstance(value, tuple)
            else value + "x"
        )
        assert msgspec.structs.replace(request, **{name: other}).digest != request.digest, name


def test_the_second_look_counts_people() -> None:
    """Distinct, not excluded, bound to this request; one no undoes them all."""
    case = w.approved()
    assert quorum_reached(case) == (True, "2 of 2: anna, ben")
    forged = tuple(msgspec.structs.replace(one, binding="sha256:other") for one in case.reviews)
    assert not quorum_reached(msgspec.structs.replace(case, reviews=forged))[0]
    twice = (case.reviews[0], case.reviews[0])
    assert quorum_reached(msgspec.structs.replace(case, reviews=twice)) == (False, "1 of 2: anna")
    own = (case.reviews[0], msgspec.structs.replace(case.reviews[1], reviewer="olga"))
    assert not quorum_reached(msgspec.structs.replace(case, reviews=own))[0]
    against = (*case.reviews, w.review(case, "cleo", approve=False))
    assert quorum_reached(msgspec.structs.replace(case, reviews=against)) == (False, "a reviewer said no")


def _facts(case: Case, **fields: Any) -> ProofFacts:
    given = ProofFacts(
        decision=w.decision(backup=True),
        state_digest="sha256:state",
        state_detail="",
        grant=w.grant(case),
        halted_by="",
        at_ms=100,
        execute_by_ms=1_000,
    )
    return msgspec.structs.replace(given, **fields)


def _case(**fields: Any) -> Case:
    case = w.proved(backups=(w.backup(),), backup=True)
    return msgspec.structs.replace(case, **fields)


def test_the_proof_has_seven_numbered_steps_and_all_hold() -> None:
    """The good case, read as a reviewer reads it."""
    case = _case()
    steps = prove(case, _facts(case))
    assert [step.number for step in steps] == [1, 2, 3, 4, 5, 6, 7]
    assert holds(steps)
    assert [step.detail for step in steps] == [
        "policy says hold, as when it was decided",
        "2 of 2: anna, ben",
        "re-read just now, as assessed",
        "dynamodb:table/orders: restored into a scratch table and compared",
        "dynamodb:DeleteTable",
        "no halt",
        "within the approval's window",
    ]


COPY: Final = Vaulted("222222222222", "eu-west-1", "s3:object", "s3://far/C-1/", "read back equal")
FAR: Final = w.decision(backup=True, vaulted=True)
"""Policy wants a copy in the vault account."""


def test_a_copy_in_the_vault_account_proves_it() -> None:
    """Where policy asks for one, and its data lies there."""
    steps = prove(_case(decision=FAR, backups=(w.backup(vaulted=(COPY,)),)), _facts(_case(), decision=FAR))
    assert holds(steps), steps
    assert steps[3].detail.endswith("; in the vault account: read back equal")


BROKEN: list[tuple[int, str, dict[str, Any], dict[str, Any]]] = [
    (1, "policy says deny now", {}, {"decision": w.decision(Verdict.DENY)}),
    (1, "policy asks 3 reviewers now", {}, {"decision": w.decision(quorum=3, backup=True)}),
    (2, "1 of 2: anna", {"reviews": w.approved().reviews[:1]}, {}),
    (2, "the change is not the one that was approved", {"change": w.change(w.operation(Other=1))}, {}),
    (2, "the assessment is not the one", {"assessment": w.assessment(environment="test")}, {}),
    (3, "changed since", {}, {"state_digest": "sha256:other", "state_detail": "changed since"}),
    (3, "the state could not be read: throttled", {}, {"state_digest": "", "state_detail": "throttled"}),
    (4, "there is none", {"backups": ()}, {}),
    (4, "is not verified", {"backups": (w.backup(verified_by=""),)}, {}),
    (4, "is not verified", {"backups": (w.backup(verified_at_ms=None),)}, {}),
    (4, "in the vault account: there is no vault account", {"decision": FAR}, {"decision": FAR}),
    (
        4,
        "in the vault account: its service copies none",
        {"decision": FAR, "backups": (w.backup(vaulted=(COPY,), not_vaulted="its service copies none"),)},
        {"decision": FAR},
    ),
    (1, "a copy in the vault account now", {}, {"decision": FAR}),
    (5, "no credential could be scoped", {}, {"grant": None}),
    (5, "for another change", {}, {"grant": w.grant(w.held(), change_digest="sha256:other")}),
    (5, "has expired", {}, {"grant": w.grant(w.held(), expires_at_ms=100)}),
    (6, "halted by anna", {}, {"halted_by": "anna"}),
    (7, "ran out of time", {}, {"execute_by_ms": 100}),
]


@pytest.mark.parametrize(("number", "says", "case", "facts"), BROKEN, ids=[row[1] for row in BROKEN])
def test_one_thing_amiss_and_nothing_leaves(
    number: int, says: str, case: dict[str, Any], facts: dict[str, Any]
) -> None:
    """Each step is asked by itself, and says what is amiss."""
    broken = _case(**case)
    steps = prove(broken, _facts(_case(), **facts))
    assert not holds(steps)
    assert not steps[number - 1].holds
    assert says in steps[number - 1].detail


def test_an_empty_proof_proves_nothing() -> None:
    """Empty is not permission."""
    assert not holds(())


def test_observe_mode_is_recorded_and_not_enforced() -> None:
    """Neither quorum nor backup stops what is only observed, and the proof says so; a halt does."""
    case = _case(
        decision=msgspec.structs.replace(w.decision(backup=True), enforced=False), reviews=(), backups=()
    )
    steps = prove(case, _facts(case, state_digest=""))
    assert steps[1].detail == "observe mode: recorded, not enforced"
    assert holds(steps)
    assert not holds(prove(case, _facts(case, halted_by="anna")))


TABLE = ResourceRef("aws", "aws", "1", "r", "dynamodb:table", "orders")
LOST = Finding("T1", Kind.DATA_LOSS, "gone", Effect.DELETE, Reversibility.R3, (TABLE,))


def part(**given: Any) -> Recoverable:
    return Recoverable(TABLE, **({"backup": False, "inverse": False, "recover_s": None} | given))


@pytest.mark.parametrize(
    ("found", "for_good"),
    [
        ({"reversibility": Reversibility.R4}, True),
        ({"findings": (msgspec.structs.replace(LOST, reversibility=Reversibility.R4),)}, True),
        ({"findings": (LOST,), "recoverable": (part(),)}, True),
        ({"findings": (LOST,), "recoverable": (part(backup=True), part())}, True),
        ({"findings": (LOST,), "recoverable": (part(backup=True),)}, False),
        ({"findings": (LOST,), "recoverable": (part(inverse=True),)}, False),
        ({"findings": (LOST,), "recoverable": (part(window_s=604_800),)}, False),
        ({"recoverable": (part(),)}, False),
    ],
)
def test_what_no_emergency_is_worth(found: dict[str, Any], for_good: bool) -> None:
    """No glass is broken for a loss that is final, nor for one that a finding calls R3 where nobody has a way back of it."""
    assert irrecoverable(w.assessment(**found)) is for_good
