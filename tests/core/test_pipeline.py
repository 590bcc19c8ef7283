"""Where assessment and policy meet: the decision made safe, what reviewers are asked, and what an agent is told."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from keyturn import pipeline
from keyturn.core.ports import Assessing, Captures, Facts
from keyturn.model.assessment import Alternative, Assessment, Cost, Finding, Kind, Reversibility
from keyturn.model.change import Change, Effect
from keyturn.model.decision import Decision, Verdict
from keyturn.model.quorum import Quorum
from tests.core import core_world as w


class Says:
    """A policy engine with one answer."""

    digest = "sha256:policy"

    def __init__(self, decision: Decision) -> None:
        self.decision = decision

    def answer(self, change: Change, assessment: Assessment, facts: Facts) -> Decision:
        return self.decision

    def trees(self) -> tuple[Quorum, ...]:
        return ()


def _assessing(**fields: Any) -> Assessing:
    reply = fields.pop("reply_commands", ())
    return Assessing(assessment=w.assessment(**fields), captures=Captures(states={}), reply_commands=reply)


def _finding(kind: Kind, message: str) -> Finding:
    return Finding(
        code="X001", kind=kind, message=message, effect=Effect.DELETE, reversibility=Reversibility.R3
    )


COSTS = tuple(
    Cost(path, "x:Update", cost)
    for path, cost in (("BillingMode", "none: in place"), ("Class", "a restart"), ("Tags", "none: in place"))
)
NARROW = Alternative(
    operations=(w.operation("dynamodb:UpdateTable", Effect.UPDATE),),
    commands=("aws dynamodb update-table --table-name orders --billing-mode •••",),
    why="Only billing mode differs.",
    lost="nothing",
    exact=True,
)


def test_the_agent_is_told_the_exact_narrow_patch_last() -> None:
    """Case and page, effect with what is at risk, the rule, the narrower way, and a line a program can run."""
    told = pipeline.say(
        "C-7",
        "https://keyturn.test/c/C-7",
        w.change(w.operation(), w.operation("dynamodb:CreateTable")),
        _assessing(
            effect=Effect.REPLACE,
            data_at_risk="10,000 items",
            findings=(
                _finding(Kind.NOTE, "a note."),
                _finding(Kind.REPLACE, "This deletes and recreates it."),
            ),
            alternatives=(
                msgspec.structs.replace(NARROW, verdict="maybe", because=("Key: not compared",), costs=COSTS),
            ),
            reply_commands=("aws dynamodb update-table --table-name orders --billing-mode PAY_PER_REQUEST",),
        ),
        w.decision(),
    )
    headline = (
        "Keyturn holds this as case C-7 for 2 reviewers who do not run this agent: https://keyturn.test/c/C-7 "
        "(nothing was executed; send the same request again after approval; variants get the same answer)"
    )
    effect = (
        "Effect: replace of dynamodb:table/orders in production by dynamodb:DeleteTable then dynamodb:CreateTable; "
        "at risk: 10,000 items. This deletes and recreates it."
    )
    assert told.splitlines() == [
        headline,
        effect,
        "Policy: deletes in production need two reviewers [seatbelt.delete]",
        "Narrower (maybe, Key: not compared), and lost on it: nothing. Only billing mode differs.",
        "Costs: BillingMode, Tags (none: in place); Class (a restart)",
        "try: aws dynamodb update-table --table-name orders --billing-mode PAY_PER_REQUEST",
    ]


def test_the_commands_of_a_reply_are_the_agents_own_and_never_the_masked_ones() -> None:
    """What reviewers see is masked; an agent gets only values it sent itself."""
    told = pipeline.say("C-7", "u", w.change(), _assessing(alternatives=(NARROW,)), w.decision())
    assert "•••" not in told
    assert "try:" not in told
    assert "Only billing mode differs." in told


def test_without_an_exact_patch_the_in_place_operations_are_named() -> None:
    """Three at most; and what could not be determined is said."""
    shape = msgspec.structs.replace(
        NARROW, exact=False, commands=("update-table", "tag-resource"), why="They keep it."
    )
    told = pipeline.say(
        "C-7",
        "u",
        w.change(),
        _assessing(alternatives=(shape,), unknowns=("the table could not be read",)),
        w.decision(quorum=1),
    )
    assert "1 reviewer who does not run this agent" in told
    assert "In place instead: update-table, tag-resource. They keep it." in told
    assert told.endswith("Could not be determined: the table could not be read")


def test_many_one_by_one_are_asked_for_at_once() -> None:
    """Forty deletes are forty reviews, or one; and a place that is not known is said to count as production."""
    many = msgspec.structs.replace(_finding(Kind.DATA_LOSS, "many."), code="SEQ004")
    told = pipeline.say(
        "C-7", "u", w.change(), _assessing(findings=(many,), environment="unknown"), w.decision()
    )
    assert "in an unknown environment (counts as production) by" in told
    assert "send one: it is one review" in told


@pytest.mark.parametrize(
    ("verdict", "begins"),
    [
        (Verdict.DENY, "Keyturn denies this, case C-7: u (nothing was executed; do not ask again"),
        (Verdict.SUGGEST, "Keyturn recorded this as proposal C-7 for people to act on: u"),
    ],
)
def test_each_verdict_has_its_headline(verdict: Verdict, begins: str) -> None:
    """An agent knows at once whether to wait, to leave it, or to stop."""
    assert pipeline.say("C-7", "u", w.change(), _assessing(), w.decision(verdict)).startswith(begins)


def test_what_is_said_has_an_end() -> None:
    """A thousand findings do not fill an agent's context window."""
    long = _assessing(findings=(_finding(Kind.DATA_LOSS, "x" * 9_000),))
    assert len(pipeline.say("C-7", "u", w.change(), long, w.decision())) == pipeline.SAID_CHARS_MAX


def test_the_worst_is_said_first() -> None:
    """Of any findings in any order."""
    kinds = [Kind.NOTE, Kind.SECRET, Kind.EXPOSURE, Kind.PROTECTION_STRIP, Kind.DATA_LOSS, Kind.REPLACE]
    for upto in range(1, len(kinds) + 1):
        findings = tuple(_finding(kind, kind) for kind in kinds[:upto])
        assert pipeline.worst_finding(w.assessment(findings=findings)) == kinds[upto - 1]
    assert pipeline.worst_finding(w.assessment()) == ""
    assert set(pipeline._WORST_FIRST) == set(Kind)


def _decide(decision: Decision, **fields: Any) -> Decision:
    streamed = fields.pop("streamed_unhashed", False)
    return pipeline.decide(
        Says(decision), w.change(), w.assessment(), Facts(**fields), streamed_unhashed=streamed
    )


def test_a_hold_of_what_nobody_can_see_is_a_no_with_advice() -> None:
    """An approval binds to a digest; without one there is nothing to approve. An allowed upload needs none."""
    denied = _decide(w.decision(), streamed_unhashed=True)
    assert denied.verdict is Verdict.DENY
    assert denied.reasons[-1].policy == "keyturn.unhashed-body"
    assert "x-amz-content-sha256" in denied.reasons[-1].message
    assert _decide(w.decision(Verdict.ALLOW), streamed_unhashed=True).verdict is Verdict.ALLOW


def test_observing_is_marked_in_every_decision() -> None:
    """Whatever the verdict."""
    for verdict in Verdict:
        assert _decide(w.decision(verdict)).enforced
        assert not _decide(w.decision(verdict), observe=True).enforced


def test_our_own_doubt_is_never_permission() -> None:
    """It denies, and the detail is in the record."""
    doubt = pipeline.internal_doubt("KeyError: x", "sha256:policy")
    assert (doubt.verdict, doubt.errors) == (Verdict.DENY, ("KeyError: x",))


def test_what_could_not_be_assessed_is_the_worst() -> None:
    """R4, an unknown environment, opaque; never less than its floor."""
    assessing = pipeline.empty_assessment(w.change(), "the account is silent")
    assessment = assessing.assessment
    assert (assessment.reversibility, assessment.environment) == (Reversibility.R4, "unknown")
    assert assessment.kinds == {Kind.OPAQUE}
    assert assessment.effect.severity >= Effect.DELETE.severity
    assert assessing.captures.unknowns == ("the account is silent",)


@pytest.mark.parametrize("backup", [True, False])
def test_what_could_not_be_prepared_is_said_with_the_hold(backup: bool) -> None:
    """To the agent and under what reviewers bind to; where policy asks for no backup it is nobody's concern."""
    asked = pipeline.ask_reviewers(
        "C-7", 1, w.change(), w.assessment(), w.decision(backup=backup), requesters=("olga",), excluded=("olga",),
        at_ms=1, deadline_ms=5, nonce="n", no_backup="there is no recipe to back up orders",
    )  # fmt: skip
    told = pipeline.say("C-7", "https://k/c/C-7", w.change(), _assessing(), w.decision(backup=backup), asked)
    line = (
        "Policy requires a verified backup first, and none can be taken: there is no recipe to back up orders. "
        "Even approved, the call would not leave."
    )
    assert (line in told.splitlines()) is backup
    assert (asked.no_backup != "") is backup
    assert (asked.digest != msgspec.structs.replace(asked, no_backup="").digest) is backup


def test_a_hold_asks_for_somebody() -> None:
    """A hold without a quorum still needs one reviewer; the request freezes what they see."""
    asked = pipeline.ask_reviewers(
        "C-7",
        2,
        w.change(),
        w.assessment(),
        w.decision(quorum=0),
        requesters=("olga",),
        excluded=("olga",),
        at_ms=1,
        deadline_ms=5,
        nonce="n",
    )
    assert asked.quorum == 1
    assert (asked.change_digest, asked.assessment_digest) == (w.change().digest, w.assessment().digest)
