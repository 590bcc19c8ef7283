"""What the log has told since this process began, counted for Prometheus: decisions, holds, approvals."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.utils import floatToGoString

from keyturn.model import record as r
from keyturn.model.record import Entry
from keyturn.runtime.interface import Desk

READ_AT_ONCE: Final = 1_000
READ_MAX: Final = 20_000
"""Entries looked at for one page, some half a second; the rest is for the next."""

HOLD_BUCKETS_S: Final = (1, 5, 15, 60, 300, 900, 1_800, 3_600, 4 * 3_600, 8 * 3_600, 86_400)
"""From a reviewer who waited for it to a day, after which holds expire by default."""

DECISION_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""From a change that reads nothing of the account to one whose facts are throttled."""

_ENDS_A_HOLD: Final[dict[type, str]] = {
    r.Withdrawn: "withdrawn",
    r.Expired: "expired",
    r.Invalidated: "invalidated",
    r.Halted: "halted",
    r.Joined: "joined",
    r.Claimed: "approved",  # by whatever quorum there is
}


class _Timed:
    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds, self._within, self._seconds = bounds, [0] * (len(bounds) + 1), 0.0

    def add(self, took_ms: int) -> None:
        took_s = max(0, took_ms) / 1000
        self._within[bisect_left(self._bounds, took_s)] += 1
        self._seconds += took_s

    def metric(self, metric: HistogramMetricFamily, labels: tuple[str, ...]) -> None:
        bounds = [*map(floatToGoString, self._bounds), "+Inf"]
        metric.add_metric(labels, list(zip(bounds, accumulate(self._within), strict=True)), self._seconds)


class Tally:
    """Reads on in the log whenever the page is asked for; a node of several counts what all of them wrote.

    `named` is whether approvals are told by reviewer: not where the page is for anybody. It counts what comes after the
    entry `since`: the workers of one start count from the same.
    """

    def __init__(self, desk: Desk, *, named: bool, since: int) -> None:
        self._desk, self._named = desk, named
        self._seq = since  # of the last entry that was looked at
        self._decisions: Counter[tuple[str, str]] = Counter()
        self._approvals: Counter[str] = Counter()
        self._effects: dict[str, str] = {}  # of cases that wait to be decided
        self._received: dict[str, int] = {}
        self._held: dict[str, tuple[int, int]] = {}  # since when, and how many have to say yes
        self._yes: dict[str, set[str]] = {}
        self._holds: dict[str, _Timed] = {}
        self._deciding = _Timed(DECISION_BUCKETS_S)

    def read(self) -> None:
        """What came since the last time."""
        for _ in range(READ_MAX // READ_AT_ONCE):
            entries = self._desk.log(after=self._seq, limit=READ_AT_ONCE)
            for entry in entries:
                self._see(entry)
                self._seq = entry.seq
            if len(entries) < READ_AT_ONCE:
                return

    def _see(self, entry: Entry) -> None:
        if not entry.case_id:
            return
        case_id, event = entry.case_id, entry.event()
        match event:
            case r.Received():
                self._received[case_id] = event.at_ms
            case r.Assessed(assessment=assessment):
                self._effects[case_id] = str(assessment.effect)
            case r.Decided(decision=decision):
                effect = self._effects.pop(case_id, "unknown")
                self._decisions[str(decision.verdict), effect] += 1
                if case_id in self._received:
                    self._deciding.add(event.at_ms - self._received.pop(case_id))
                if event.request is not None:
                    self._held[case_id] = (event.at_ms, event.request.quorum)
            case r.Reviewed(review=review):
                if review.approve:
                    self._approvals[review.reviewer if self._named else ""] += 1
                    yes = self._yes.setdefault(case_id, set())
                    yes.add(review.reviewer)
                    if case_id in self._held and len(yes) >= self._held[case_id][1]:
                        self._ended(case_id, "approved", event.at_ms)
                else:
                    self._ended(case_id, "denied", event.at_ms)
        how = _ENDS_A_HOLD.get(type(event))
        if how is not None:
            self._ended(case_id, how, event.at_ms)

    def _ended(self, case_id: str, how: str, at_ms: int) -> None:
        held = self._held.pop(case_id, None)
        self._yes.pop(case_id, None)
        if held is not None:
            self._holds.setdefault(how, _Timed(HOLD_BUCKETS_S)).add(at_ms - held[0])

    def collect(self) -> Iterator[Metric]:
        """The counts as they stand, after reading on."""
        self.read()
        decisions = CounterMetricFamily(
            "keyturn_decisions", "Decisions of policy, by verdict and effect.", labels=("verdict", "effect")
        )
        for labels, count in sorted(self._decisions.items()):
            decisions.add_metric(labels, count)
        yield decisions
        approvals = CounterMetricFamily(
            "keyturn_approvals", "Approvals that counted, by reviewer.", labels=("reviewer",)
        )
        for reviewer, count in sorted(self._approvals.items()):
            approvals.add_metric((reviewer,), count)
        yield approvals
        holds = HistogramMetricFamily(
            "keyturn_hold_seconds", "Seconds from a hold to its end, by how it ended.", labels=("outcome",)
        )
        for how, timed in sorted(self._holds.items()):
            timed.metric(holds, (how,))
        yield holds
        deciding = HistogramMetricFamily(
            "keyturn_decision_duration_seconds",
            "Seconds from a change's arrival to policy's decision, facts included.",
        )
        self._deciding.metric(deciding, ())
        yield deciding
