"""What the gateway counted, as Prometheus reads it. It is loaded with the page that asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from keyturn.surfaces.aws_gateway.beside import Counts
from keyturn.surfaces.aws_gateway.observing import BUCKETS_S


class Counted(Collector):
    """Requests, their times and tunnels, as `counts` has them when it is asked."""

    def __init__(self, counts: Callable[[], Counts]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        counts = self._counts()
        requests = CounterMetricFamily(
            "keyturn_requests",
            "Requests answered, by lane, outcome and service; by all workers of one start.",
            labels=("lane", "outcome", "service"),
        )
        for lane, outcome, service, count in sorted(counts.requests):
            requests.add_metric((lane, outcome, service), count)
        yield requests
        seconds = HistogramMetricFamily(
            "keyturn_request_seconds",
            "Seconds from a request's last byte to the first of its answer, holds included.",
            labels=("lane",),
        )
        bounds = [*map(floatToGoString, BUCKETS_S), "+Inf"]
        for lane, (within, took_s) in sorted(counts.timed.items()):
            seconds.add_metric((lane,), list(zip(bounds, accumulate(within), strict=True)), took_s)
        yield seconds
        tunnels = CounterMetricFamily(
            "keyturn_tunnels", "CONNECTs to the proxy, by what became of them.", labels=("outcome",)
        )
        for outcome, count in sorted(counts.tunnels.items()):
            tunnels.add_metric((outcome,), count)
        yield tunnels
