"""Where reviewers' attention goes: how much is asked of whom, how long it gets at most, and which rules ask for most of it.

Attention is what a hold spends, so it is measured like money. What is known from the log is an upper bound: a review took no longer than from when the case
was held, or from the same person's review before, whichever was later. Short bounds are facts; long ones say nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from keyturn.core.proposals import said
from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.decision import Verdict
from keyturn.model.record import EntryBody

DAY_MS: Final = 24 * 3_600_000
BUDGET: Final = 15
"""Reviews a person can do with care in a day beside her work; a team sets its own."""

HASTY_S: Final = 10
"""Nobody reads what would be destroyed and what depends on it in less."""

STAMPS_SHARE: Final = 0.95
STAMPS_MIN: Final = 10
"""Rubber-stamping is told from so many reviews on: nearly all approved, and half of them in a hurry."""

OUTCOMES: Final = ("approved", "denied", "lapsed", "open")


class Day(msgspec.Struct, frozen=True):
    """Holds that began on one day (UTC), by what became of them. `median_s` bounds the time that the reviews of that day got."""

    day: int  # days since 1970
    approved: int
    denied: int
    lapsed: int  # expired, withdrawn, invalidated, joined
    open: int
    reviews: int
    median_s: float | None


class Reviewer(msgspec.Struct, frozen=True):
    """One person's part. `most_a_day` against `over`: days on which she gave more reviews than the budget."""

    name: str
    reviews: int
    approved: int
    most_a_day: int
    over: int
    median_s: float | None
    hasty: int  # reviews that certainly took less than `HASTY_S`
    stamps: bool


class Cause(msgspec.Struct, frozen=True):
    """A policy that held, by what became of its holds. `reviews` were asked of people for it: what they would have been spared."""

    policy: str
    holds: int
    approved: int
    denied: int
    lapsed: int
    reviews: int
    advice: str


class Alone(msgspec.Struct, frozen=True):
    """A change among people that one administrator made without another, and why nobody else had to approve it."""

    at_ms: int
    by: str
    what: str
    why: str


class Attention(msgspec.Struct, frozen=True):
    """All of it, over a span of time. `alone` is for somebody to look at afterwards."""

    since_ms: int
    until_ms: int
    budget: int
    days: tuple[Day, ...]
    reviewers: tuple[Reviewer, ...]
    causes: tuple[Cause, ...]
    alone: tuple[Alone, ...] = ()


class _Hold(msgspec.Struct):
    at_ms: int
    policies: tuple[str, ...]
    became: str = "open"
    reviews: int = 0


def median(values: Iterable[float]) -> float:
    """The middle one, or the mean of the two in the middle."""
    ranked = sorted(values)
    half = len(ranked) // 2
    return ranked[half] if len(ranked) % 2 else (ranked[half - 1] + ranked[half]) / 2


_LAPSES: Final = (r.Expired, r.Withdrawn, r.Invalidated, r.Joined)


class Watch:
    """Sees the log from its beginning, each entry once, and says where attention went in any span of time."""

    def __init__(self) -> None:
        self._holds: list[_Hold] = []
        self._proposed: dict[str, rv.Proposed] = {}
        self._alone: list[Alone] = []
        self._now: dict[str, _Hold] = {}  # the present hold of a case
        self._last: dict[str, int] = {}  # reviewer -> her last review
        self._bounds: dict[str, list[tuple[int, float, bool]]] = defaultdict(
            list
        )  # (at, at most s, approved)

    def see(self, body: EntryBody) -> None:
        event: Any = body.event
        if not body.case:
            self._among_people(event)
            return
        hold = self._now.get(body.case)
        match event:
            case r.Decided(decision=decision, request=request) if (
                decision.verdict is Verdict.HOLD and request
            ):
                made = _Hold(event.at_ms, tuple(sorted({reason.policy for reason in decision.reasons})))
                self._now[body.case] = made
                self._holds.append(made)
            case r.Reviewed(review=review) if hold is not None and not review.carried_from:
                hold.reviews += 1
                self._review(review.who, event.at_ms, hold, approved=review.approve)
                if not review.approve:
                    hold.became = "denied"
            case r.Claimed() if hold is not None:
                hold.became = "approved"
            case _ if isinstance(event, _LAPSES) and hold is not None and hold.became == "open":
                hold.became = "lapsed"

    def _among_people(self, event: r.Event) -> None:
        if isinstance(event, rv.Proposed):
            self._proposed[event.id] = event
        elif isinstance(event, rv.ProposalDecided):
            wanted = self._proposed.pop(event.id, None)
            if wanted and event.unreviewed:
                self._alone.append(Alone(event.at_ms, event.by, said(wanted), event.unreviewed))

    def _review(self, who: str, at_ms: int, hold: _Hold, *, approved: bool) -> None:
        begun = max(hold.at_ms, self._last.get(who, 0))
        self._last[who] = at_ms
        self._bounds[who].append((at_ms, max(0, at_ms - begun) / 1000, approved))

    def found(self, since_ms: int, until_ms: int, budget: int = BUDGET) -> Attention:
        """Of holds and reviews from `since_ms` until before `until_ms`, as of the last entry that was seen."""
        holds = [hold for hold in self._holds if since_ms <= hold.at_ms < until_ms]
        bounds = {
            name: within
            for name, given in sorted(self._bounds.items())
            if (within := [one for one in given if since_ms <= one[0] < until_ms])
        }
        return Attention(
            since_ms=since_ms,
            until_ms=until_ms,
            budget=budget,
            days=_days(holds, bounds),
            reviewers=tuple(_reviewer(name, found, budget) for name, found in bounds.items()),
            causes=_causes(holds),
            alone=tuple(one for one in self._alone if since_ms <= one.at_ms < until_ms),
        )


def _days(holds: list[_Hold], bounds: dict[str, list[tuple[int, float, bool]]]) -> tuple[Day, ...]:
    became: dict[int, Counter[str]] = defaultdict(Counter)
    took: dict[int, list[float]] = defaultdict(list)
    for hold in holds:
        became[hold.at_ms // DAY_MS][hold.became] += 1
    for found in bounds.values():
        for at_ms, bound_s, _ in found:
            took[at_ms // DAY_MS].append(bound_s)
    return tuple(
        Day(
            day=day,
            **{name: became[day][name] for name in OUTCOMES},
            reviews=len(took[day]),
            median_s=median(took[day]) if took[day] else None,
        )
        for day in sorted({*became, *took})
    )


def _causes(holds: list[_Hold]) -> tuple[Cause, ...]:
    by: dict[str, list[_Hold]] = defaultdict(list)
    for hold in holds:
        for policy in hold.policies:
            by[policy].append(hold)
    causes = [_cause(policy, held) for policy, held in by.items()]
    return tuple(sorted(causes, key=lambda cause: (-cause.reviews, -cause.holds, cause.policy)))


def _reviewer(name: str, found: list[tuple[int, float, bool]], budget: int) -> Reviewer:
    a_day = Counter(at_ms // DAY_MS for at_ms, _, _ in found)
    approved = sum(yes for _, _, yes in found)
    hasty = sum(bound_s < HASTY_S for _, bound_s, _ in found)
    stamps = len(found) >= STAMPS_MIN and approved >= STAMPS_SHARE * len(found) and 2 * hasty >= len(found)
    return Reviewer(
        name=name,
        reviews=len(found),
        approved=approved,
        most_a_day=max(a_day.values()),
        over=sum(count > budget for count in a_day.values()),
        median_s=median(bound_s for _, bound_s, _ in found),
        hasty=hasty,
        stamps=stamps,
    )


def _cause(policy: str, holds: list[_Hold]) -> Cause:
    became = Counter(hold.became for hold in holds)
    decided = became["approved"] + became["denied"]
    advice = ""
    if decided >= STAMPS_MIN and not became["denied"]:
        advice = f"all {decided} were approved: would a narrower rule hold what matters?"
    elif became["lapsed"] > decided and became["lapsed"] >= STAMPS_MIN:
        advice = f"{became['lapsed']} lapsed unread: who should have been asked?"
    return Cause(
        policy=policy,
        holds=len(holds),
        approved=became["approved"],
        denied=became["denied"],
        lapsed=became["lapsed"],
        reviews=sum(hold.reviews for hold in holds),
        advice=advice,
    )
