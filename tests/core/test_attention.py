"""Where attention went, from the log alone: bounds that are facts, rubber-stamping told from haste, and the policies that ask for most."""

from __future__ import annotations

from typing import Any

import msgspec

from keyturn.core.attention import DAY_MS, STAMPS_MIN, Attention, Cause, Day, Reviewer, Watch
from keyturn.model import record as r
from keyturn.model.record import EntryBody
from keyturn.model.review import Review
from tests.core import core_world as w

HELD = w.held()
S = 1_000


def _log(*said: tuple[str, int, Any]) -> list[EntryBody]:
    return [
        EntryBody(seq=number, writer="w", case=case, event=msgspec.structs.replace(event, at_ms=at_ms))
        for number, (case, at_ms, event) in enumerate(said, 1)
    ]


def _held(quorum: int = 1) -> r.Decided:
    return r.Decided(at_ms=0, decision=w.decision(quorum=quorum), request=w.asked(HELD, quorum=quorum))


def _review(who: str, *, approve: bool = True, **fields: Any) -> r.Reviewed:
    return r.Reviewed(at_ms=0, review=Review(reviewer=who, approve=approve, binding="", at_ms=0, **fields))


CLAIMED = r.Claimed(at_ms=0, nonce="n", verdict=w.decision().verdict)


def _found(*said: tuple[str, int, Any], budget: int = 15, since_ms: int = 0) -> Attention:
    watch = Watch()
    for body in _log(*said):
        watch.see(body)
    return watch.found(since_ms, 100 * DAY_MS, budget)


def test_a_day_with_an_approval_a_denial_and_a_lapse() -> None:
    """A bound begins with the hold, or with her own review before; the day, the people and the policy say the same."""
    found = _found(
        ("C-1", 100 * S, _held()),
        ("C-2", 100 * S, _held()),
        ("C-1", 160 * S, _review("anna")),
        ("C-1", 161 * S, CLAIMED),
        ("C-2", 164 * S, _review("anna", approve=False)),
        ("C-3", 200 * S, _held()),
        ("C-3", DAY_MS + 1, r.Expired(at_ms=0, what="review")),
        ("C-4", DAY_MS + 2, _held()),
    )
    policy = "seatbelt.delete"
    assert found == Attention(
        since_ms=0,
        until_ms=100 * DAY_MS,
        budget=15,
        days=(
            Day(day=0, approved=1, denied=1, lapsed=1, open=0, reviews=2, median_s=32.0),
            Day(day=1, approved=0, denied=0, lapsed=0, open=1, reviews=0, median_s=None),
        ),
        reviewers=(Reviewer("anna", 2, 1, 2, 0, 32.0, 1, stamps=False),),
        causes=(Cause(policy, holds=4, approved=1, denied=1, lapsed=1, reviews=2, advice=""),),
    )


def _many(count: int, every_s: int, **fields: Any) -> list[tuple[str, int, Any]]:
    said: list[tuple[str, int, Any]] = [(f"C-{n}", 0, _held()) for n in range(count)]
    for n in range(count):
        at_ms = (n + 1) * every_s * S
        said += [(f"C-{n}", at_ms, _review("ben", **fields)), (f"C-{n}", at_ms + 1, CLAIMED)]
    return said


def test_yes_to_everything_in_a_hurry_is_said_aloud() -> None:
    """So many in so short a time; a policy that was never denied is asked about. With care, or with noes, nobody is suspected."""
    hasty = _found(*_many(STAMPS_MIN, 4))
    assert [(one.hasty, one.stamps) for one in hasty.reviewers] == [(STAMPS_MIN, True)]
    assert (
        hasty.causes[0].advice == f"all {STAMPS_MIN} were approved: would a narrower rule hold what matters?"
    )
    assert not _found(*_many(STAMPS_MIN, 40)).reviewers[0].stamps
    assert not _found(*_many(STAMPS_MIN - 1, 4)).reviewers[0].stamps
    noes = _found(*_many(STAMPS_MIN, 4, approve=False))
    assert not noes.reviewers[0].stamps


def test_more_than_a_person_has_care_for_is_counted_by_day() -> None:
    """Against the budget that is asked about."""
    found = _found(*_many(12, 60), budget=10)
    assert [(one.most_a_day, one.over) for one in found.reviewers] == [(12, 1)]
    assert _found(*_many(12, 60), budget=12).reviewers[0].over == 0


def test_what_lies_before_the_span_bounds_what_is_in_it_and_is_not_counted() -> None:
    """A review just before is where the next one began; an approval carried over cost nobody anything."""
    early = ("C-1", 0, _held()), ("C-2", 0, _held()), ("C-1", DAY_MS - 2 * S, _review("anna"))
    late = ("C-2", DAY_MS + 3 * S, _review("anna")), ("C-2", DAY_MS + 4 * S, _review("ben", carried_from="x"))
    found = _found(*early, *late, since_ms=DAY_MS)
    assert [(one.name, one.reviews, one.median_s) for one in found.reviewers] == [("anna", 1, 5.0)]
    assert found.causes == ()


def test_one_watch_answers_for_every_span() -> None:
    """It sees each entry once, and is asked again and again while the log goes on: days apart, and what came since."""
    said: list[tuple[str, int, Any]] = [
        ("C-1", 100 * S, _held()),
        ("C-1", 160 * S, _review("anna")),
        ("C-2", DAY_MS + 100 * S, _held()),
        ("C-2", DAY_MS + 150 * S, _review("bert", approve=False)),
    ]
    watch = Watch()
    for body in _log(*said[:2]):
        watch.see(body)
    assert [one.name for one in watch.found(0, 9 * DAY_MS).reviewers] == ["anna"]
    for body in _log(*said)[2:]:
        watch.see(body)
    spans = ((0, DAY_MS), (DAY_MS, 2 * DAY_MS), (0, 2 * DAY_MS), (2 * DAY_MS, 3 * DAY_MS))
    found = [[one.name for one in watch.found(*span).reviewers] for span in spans]
    assert found == [["anna"], ["bert"], ["anna", "bert"], []]
