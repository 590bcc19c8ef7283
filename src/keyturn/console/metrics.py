"""``/metrics`` in Prometheus' text format: what the gateway counted, and how the plane stands.

The standing is the whole plane's, whoever is asked. What was counted is that of one start: with ``--workers`` a scrape reaches one of them,
which answers for all (`surfaces.aws_gateway.beside`); ``keyturn_worker`` says which it was.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from keyturn.console.tally import Tally
from keyturn.core.case import Phase
from keyturn.runtime.interface import Desk


class Metrics:
    """One page, made when it is asked for."""

    kind = CONTENT_TYPE_LATEST

    def __init__(
        self,
        desk: Desk,
        requests: Collector,
        *,
        named: bool = True,
        since: int,
    ) -> None:
        """`requests` tells what the gateway counted; what the log tells of is counted from the entry `since`."""
        self._registry = CollectorRegistry()
        self._registry.register(requests)
        self._registry.register(_Standing(desk, Tally(desk, named=named, since=since)))

    def page(self) -> bytes:
        return generate_latest(self._registry)


class _Standing(Collector):
    """What is true now; nothing of it is kept."""

    def __init__(self, desk: Desk, tally: Tally) -> None:
        self._desk, self._tally = desk, tally

    def describe(self) -> list[GaugeMetricFamily]:
        return []  # not asked when it is registered: the plane may not have started

    def collect(self) -> Iterator[Metric]:
        yield from self._tally.collect()
        status = self._desk.status()
        phases = Counter(str(case.phase) for case in self._desk.cases(open_only=True, limit=10_000))
        cases = GaugeMetricFamily(
            "keyturn_open_cases", "Cases that have not ended, by phase.", labels=["phase"]
        )
        for phase, count in sorted(phases.items()):
            cases.add_metric([phase], count)
        yield cases
        yield GaugeMetricFamily(
            "keyturn_review_queue", "Cases that wait for people.", phases[str(Phase.HELD)]
        )
        yield GaugeMetricFamily("keyturn_sessions", "Open sessions of agents.", len(self._desk.sessions()))
        yield GaugeMetricFamily("keyturn_log_entries", "Entries of the log.", status["log_entries"])
        yield GaugeMetricFamily(
            "keyturn_halted", "1 while anything is halted.", int(bool(status["halted_by"]))
        )
        now_ms = time.time_ns() // 1_000_000
        yield GaugeMetricFamily(
            "keyturn_freezes",
            "Freezes that are on.",
            sum(freeze.from_ms <= now_ms < freeze.until_ms for freeze in self._desk.freezes()),
        )
        worker = GaugeMetricFamily(
            "keyturn_worker",
            "1 for the process that answers this scrape. What is counted is all workers'.",
            labels=["pid"],
        )
        worker.add_metric([str(os.getpid())], 1)
        yield worker
        mode = GaugeMetricFamily("keyturn_mode", "1 for the mode it runs in.", labels=["mode"])
        mode.add_metric([status["mode"]], 1)
        yield mode
