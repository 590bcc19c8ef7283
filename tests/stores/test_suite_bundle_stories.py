"""A log that is whole and well signed, and tells of a call that should not have left: the one line of the report that fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from keyturn.core.chain import entry_hash
from keyturn.core.lifecycle import LIFECYCLE, TERMINAL
from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.decision import Verdict
from keyturn.model.execution import Outcome, OutcomeStatus
from keyturn.model.record import Draft
from keyturn.stores.opinion import ACTS
from tests.stores.exported_log import (
    ALLOWED,
    ASSESSMENT,
    BACKUP,
    HELD,
    HOLDS,
    REQUEST,
    chained,
    change,
    checked,
    decision,
    failures,
    review,
    sent,
    story,
)

# --- the second opinion ----------------------------------------------------------------------------------------------


def held(change_at: dict[int, r.CaseEvent | None], *more: r.CaseEvent) -> list[Draft]:
    """The held case with some of its events replaced, or left out; and events after it."""
    events = [change_at.get(index, event) for index, event in enumerate(HELD)]
    return story([event for event in events if event is not None] + list(more))


def asked(**fields: Any) -> dict[int, r.CaseEvent | None]:
    """Something else asked of reviewers, who answer exactly that."""
    request = msgspec.structs.replace(REQUEST, **fields)
    return {
        2: r.Decided(at_ms=3, decision=decision(Verdict.HOLD), request=request),
        3: review("grace", binding=request.digest),
        4: review("edsger", binding=request.digest),
    }


STORIES: Final[dict[str, tuple[list[Draft], str]]] = {
    "one approval of two": (held({4: None}), "was sent with 1 of 2 approvals that count"),
    "one person twice": (held({4: review("grace")}), "was sent with 1 of 2 approvals that count"),
    "the operator's own": (held({4: review("ada")}), "was sent with 1 of 2 approvals that count"),
    "the owner's, whom the request forgot": (
        held({4: review("linus")}),
        "was sent with 1 of 2 approvals that count",
    ),
    "one who was excluded": (held({4: review("mallory")}), "was sent with 1 of 2 approvals that count"),
    "of something else": (held({4: review("edsger", binding="sha256:00")}), "was sent with 1 of 2 approvals"),
    "too late": (held({4: review("edsger", at_ms=100)}), "was sent with 1 of 2 approvals that count"),
    "a no overlooked": (held({4: review("edsger", approve=False)}), "was sent though a reviewer said no"),
    "nobody was asked": (
        held({2: r.Decided(at_ms=3, decision=decision(Verdict.HOLD))}),
        "nothing was asked of reviewers",
    ),
    "fewer asked than policy said": (held(asked(quorum=1)), "fewer reviewers were asked than policy said"),
    "another change shown": (
        held(asked(change_digest="sha256:00")),
        "the change that was sent is not the one",
    ),
    "another assessment shown": (
        held(asked(assessment_digest="sha256:00")),
        "the assessment that was shown is not",
    ),
    "never decided": (held({2: None}), "was sent without a decision on it"),
    "grown after the decision": (
        held({5: r.Joined(at_ms=51, change=change("DeleteTable")), 6: HELD[5]}),
        "was sent without a decision on it",
    ),
    "assessed anew after the decision": (
        held({4: r.Assessed(at_ms=4, assessment=ASSESSMENT)}),
        "was sent without a decision on it",
    ),
    "decided anew, approvals kept": (
        held({5: HELD[2], 6: HELD[5]}),
        "was sent with 0 of 2 approvals that count",
    ),
    "denied": (
        held({2: r.Decided(at_ms=3, decision=decision(Verdict.DENY), request=REQUEST)}),
        "was sent though policy said deny",
    ),
    "only suggested": (
        held({2: r.Decided(at_ms=3, decision=decision(Verdict.SUGGEST), request=REQUEST)}),
        "was sent though policy said suggest",
    ),
    "allowed in doubt": (
        story(
            allowed=[
                *ALLOWED[:2],
                r.Decided(at_ms=3, decision=decision(Verdict.ALLOW, errors=("x",))),
                *ALLOWED[3:],
            ]
        ),
        "was allowed though policy could not be evaluated",
    ),
    "of no case at all": (
        [*story(), Draft(case_id="", event=r.Sent(at_ms=70, nonce="n-2"))],
        "no case: was sent without its claim",
    ),
    "never claimed": (held({5: None, 6: None}), "was sent without its claim"),
    "claimed as another": (held({10: r.Sent(at_ms=60, nonce="n-9")}), "was sent without its claim"),
    "claimed with a used nonce": (
        held({5: r.Claimed(at_ms=51, nonce="n-1", verdict=Verdict.HOLD)}),
        "used twice",
    ),
    "a step before the claim": (
        held({5: HELD[6], 6: HELD[5]}),
        "step 1 of its backup was taken before the claim",
    ),
    "no backup": (held({8: r.BackedUp(at_ms=54, backups=())}), "without the verified backup"),
    "a backup nobody verified": (
        held({8: r.BackedUp(at_ms=54, backups=(msgspec.structs.replace(BACKUP, verified_by=""),))}),
        "without the verified backup",
    ),
    "no proof": (held({9: None}), "was sent without its proof"),
    "an empty proof": (held({9: r.Proved(at_ms=55, steps=())}), "was sent without its proof"),
    "a proof that does not hold": (
        held({9: r.Proved(at_ms=55, steps=(msgspec.structs.replace(HOLDS[0], holds=False),))}),
        "was sent without its proof",
    ),
    "halted before": (held({7: r.Halted(at_ms=53, by="grace")}), "was sent after it was halted"),
    "invalidated before": (
        held({7: r.Invalidated(at_ms=53, what="state", detail="")}),
        "after it was invalidated",
    ),
    "sent twice": (held({}, *sent("n-2")), "operation 0 was sent twice"),
    "answered, never sent": (
        held({}, r.Answered(at_ms=70, outcome=Outcome(OutcomeStatus.FAILED), operation=1)),
        "was never sent",
    ),
    "claimed again after it was confirmed": (
        held(
            {},
            r.Verified(at_ms=70, result="confirmed"),
            r.Claimed(at_ms=71, nonce="n-3", verdict=Verdict.HOLD),
        ),
        "claimed came after it was confirmed",
    ),
    "sent on after a call of it failed": (
        held(
            {11: r.Answered(at_ms=61, outcome=Outcome(OutcomeStatus.FAILED))},
            r.Sent(at_ms=70, nonce="n-2", operation=1),
        ),
        "was sent after it was failed",
    ),
    "reviewed after it was withdrawn": (
        [*story(HELD[:3]), *(Draft("C-2", event) for event in (r.Withdrawn(at_ms=40, by="ada"), HELD[3]))],
        "reviewed came after it was withdrawn",
    ),
}

FAILS: Final = {
    name: line
    for line, names in {
        "approvals": (
            *("one approval of two", "one person twice", "the operator's own"),
            *(
                "the owner's, whom the request forgot",
                "one who was excluded",
                "of something else",
                "too late",
            ),
            *("a no overlooked", "nobody was asked", "fewer asked than policy said"),
            "decided anew, approvals kept",
        ),
        "same change": ("another change shown", "another assessment shown"),
        "verdicts": (
            *("never decided", "grown after the decision", "assessed anew after the decision", "denied"),
            *("only suggested", "allowed in doubt"),
        ),
        "sent once": (
            *("of no case at all", "never claimed", "claimed as another", "claimed with a used nonce"),
            *("sent twice", "answered, never sent"),
        ),
        "backups": ("no backup", "a backup nobody verified"),
        "proofs": ("no proof", "an empty proof", "a proof that does not hold"),
        "order": (
            *("a step before the claim", "halted before", "invalidated before"),
            *("claimed again after it was confirmed", "sent on after a call of it failed"),
            "reviewed after it was withdrawn",
        ),
    }.items()
    for name in names
}
"""What was done -> the one line of the report that fails."""


@pytest.mark.parametrize("name", STORIES)
def test_a_call_that_should_not_have_left_is_found_out(name: str, tmp_path: Path) -> None:
    """The chain is whole and well signed, so it is the plane itself that did wrong: the events alone show it."""
    drafts, said = STORIES[name]
    report = checked(tmp_path, chained(drafts))
    assert [check.name for check in report.checks if not check.passed] == [FAILS[name]]
    assert said in failures(report)


def test_what_may_come_after_the_end_is_what_the_life_of_a_case_says() -> None:
    """The second opinion shares no code with the core, so that this compares two lists: what moves a case on, and what a case that
    has ended still takes.
    """
    after = {event for phase in TERMINAL for event in LIFECYCLE[phase]}
    said = {
        rv.ReviewClaimed,
        rv.ReviewReleased,
        rv.Reminded,
        rv.Escalated,
    }  # of a case that waits: they move nothing
    moving = {event for row in LIFECYCLE.values() for event in row} - after - {r.TakenUp, r.Received, r.Sent}
    assert moving - said == set(ACTS)


def test_of_many_problems_some_are_named_and_all_are_counted(tmp_path: Path) -> None:
    """A report is read by a person."""
    drafts = [
        Draft(case_id=f"C-{number}", event=event) for number in range(9) for event in sent(f"n-{number}")[:1]
    ]
    assert "C-4: was sent without its claim; and 4 more" in failures(checked(tmp_path, chained(drafts)))


def test_an_event_from_the_future_is_not_passed_over(tmp_path: Path) -> None:
    """What this version cannot read it cannot vouch for."""
    entries = chained(story())
    body = entries[-1].body.replace(b'"event":"decided"', b'"event":"teleported"')
    entries[-1] = msgspec.structs.replace(entries[-1], body=body, hash=entry_hash(entries[-1].prev, body))
    assert "entry 24 is no event we know: Invalid value 'teleported'" in failures(checked(tmp_path, entries))
