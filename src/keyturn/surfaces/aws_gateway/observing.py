"""What the gateway tells its operators: counters and histograms for Prometheus, and one JSON line a request.

Labels are of small sets (lane, outcome, service); names of agents, sessions and resources stand in the lines alone. Nothing of a
request's content is in either.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from keyturn.errors import OperatorError
from keyturn.model.change import ResourceRef
from keyturn.surfaces.aws_gateway.beside import WRITE_S, Beside, Counts

FLUSH_S: Final = 0.5
"""Lines of the access log reach the file within this time."""

LINES_MAX: Final = 1_000
"""Lines kept until then; more are written at once."""

RESOURCES_NAMED_MAX: Final = 5
"""Of a request about many resources this many stand in its line."""

BUCKETS_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600)
"""From a read that passes in half a millisecond to a call that was held for ten minutes."""

TRACE_HEADERS: Final = ("traceparent", "x-amzn-trace-id")
_TRACE: Final = re.compile(r"[\w=;:.-]{1,256}\Z")
"""W3C Trace Context and X-Ray; both go on to the service as they came."""

_W3C: Final = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?\Z", re.ASCII)
"""https://www.w3.org/TR/trace-context/#traceparent-header: a version that is not known may say more at its end."""

_XRAY: Final = {
    "Root": re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})\Z"),
    "Parent": re.compile(r"([0-9a-f]{16})\Z"),
}
"""https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader"""


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request in the access log. `us` is microseconds from its last byte to the first of its answer."""

    at: str
    request: str
    lane: str
    outcome: str
    status: int
    us: int
    operation: str = ""
    resources: tuple[str, ...] = ()
    session: str = ""
    agent: str = ""
    case: str = ""
    code: str = ""
    trace: str = ""


class AccessLog:
    """Lines appended to a file, in the order of the answers. Rotate it by copying and truncating."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise OperatorError(
                "access-log",
                f"the access log {path} cannot be written: {error.strerror}",
                help="see gateway.access_log",
            ) from error
        self._lines: list[bytes] = []
        self.lost = 0  # lines that could not be written
        self._due: asyncio.TimerHandle | None = None

    def write(self, line: Line) -> None:
        self._lines.append(msgspec.json.encode(line))
        if len(self._lines) >= LINES_MAX:
            self.flush()
        elif self._due is None:
            self._due = asyncio.get_running_loop().call_later(FLUSH_S, self.flush)

    def flush(self) -> None:
        """What cannot be written (a full disk) is lost here and nowhere else: the record is the log, not this."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        lines, self._lines = self._lines, []
        left = memoryview(b"".join(line + b"\n" for line in lines))
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError:
            self.lost += bytes(left).count(b"\n")

    def close(self) -> None:
        self.flush()
        os.close(self._file)


class _Timed:
    """Requests of one lane by how long they took: plain numbers, since only the loop's thread counts."""

    __slots__ = ("seconds", "within")

    def __init__(self) -> None:
        self.within = [0] * (len(BUCKETS_S) + 1)  # the last: longer than all of them
        self.seconds = 0.0


class Observer:
    """Counts what was answered, and writes it down where a file was asked for.

    Counting is a matter of two dictionaries; what Prometheus wants of it is made when the page is asked for (`counted.Counted`).
    """

    def __init__(self, access_log: AccessLog | None = None, beside: Beside | None = None) -> None:
        self._requests: dict[tuple[str, str, str], int] = {}
        self._timed: dict[str, _Timed] = {}
        self._tunnels: dict[str, int] = {}
        self.access_log, self._beside = access_log, beside
        self._due: asyncio.TimerHandle | None = None
        if beside is not None:
            self._add(beside.kept())

    def _counts(self) -> Counts:
        return Counts(
            requests=[(*labels, count) for labels, count in self._requests.items()],
            timed={lane: (timed.within, timed.seconds) for lane, timed in self._timed.items()},
            tunnels=self._tunnels,
        )

    def _add(self, counts: Counts) -> None:
        for lane, outcome, service, count in counts.requests:
            labels = (lane, outcome, service)
            self._requests[labels] = self._requests.get(labels, 0) + count
        for lane, (within, seconds) in counts.timed.items():
            timed = self._timed.setdefault(lane, _Timed())
            timed.within = [a + b for a, b in zip(timed.within, within, strict=True)]
            timed.seconds += seconds
        for outcome, count in counts.tunnels.items():
            self._tunnels[outcome] = self._tunnels.get(outcome, 0) + count

    def share(self) -> None:
        """Write down what was counted, for the workers beside this one."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if self._beside is not None:
            self._beside.write(self._counts())

    def counts(self) -> Counts:
        """As they stand, those of the workers beside this one among them."""
        if self._beside is None:
            return self._counts()
        every = Observer()
        for counts in (self._counts(), *self._beside.others()):
            every._add(counts)
        return every._counts()

    def answered(
        self,
        lane: str,
        outcome: str,
        status: int,
        begun_s: float,
        *,
        request_id: str,
        operation: str = "",
        resources: Sequence[ResourceRef] = (),
        session: str = "",
        agent: str = "",
        case_id: str = "",
        code: str = "",
        trace: str = "",
    ) -> None:
        """A request got its answer. `begun_s` is `time.perf_counter` at its last byte."""
        took_s = time.perf_counter() - begun_s
        labels = (lane, outcome, operation.partition(":")[0])
        self._requests[labels] = self._requests.get(labels, 0) + 1
        timed = self._timed.get(lane)
        if timed is None:
            timed = self._timed[lane] = _Timed()
        timed.within[bisect_left(BUCKETS_S, took_s)] += 1
        timed.seconds += took_s
        self._changed()
        if self.access_log is None:
            return
        now_ms = time.time_ns() // 1_000_000
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now_ms // 1000))
        self.access_log.write(
            Line(
                at=f"{seconds}.{now_ms % 1000:03d}Z",
                request=request_id,
                lane=lane,
                outcome=outcome,
                status=status,
                us=int(took_s * 1_000_000),
                operation=operation,
                resources=tuple(str(ref) for ref in resources[:RESOURCES_NAMED_MAX]),
                session=session,
                agent=agent,
                case=case_id,
                code=code,
                trace=trace,
            )
        )

    def tunnel(self, outcome: str) -> None:
        """A CONNECT was taken up, passed through or refused."""
        self._tunnels[outcome] = self._tunnels.get(outcome, 0) + 1
        self._changed()

    def _changed(self) -> None:
        if self._beside is not None and self._due is None:
            self._due = asyncio.get_running_loop().call_later(WRITE_S, self.share)


def trace_of(headers: dict[str, str]) -> str:
    """The trace this request says it belongs to; empty when it says none, or nothing that could be one."""
    for name in TRACE_HEADERS:
        found = headers.get(name, "")
        if found and _TRACE.match(found):
            return found
    return ""


def span_of(headers: dict[str, str]) -> str:
    """The caller's span that this request is made in, as a traceparent of version 00; empty when it names none."""
    found = _W3C.match(headers.get("traceparent", ""))
    if found is not None:
        return _span(found[1], found[2])
    said = dict(
        part.strip().partition("=")[::2] for part in headers.get("x-amzn-trace-id", "")[:256].split(";")
    )
    root, parent = (pattern.match(said.get(name, "")) for name, pattern in _XRAY.items())
    return _span(root[1] + root[2], parent[1]) if root is not None and parent is not None else ""


def _span(trace: str, span: str) -> str:
    """None is named by zeros alone. Whether the caller keeps its own spans is its own business: the flag is ours."""
    return f"00-{trace}-{span}-01" if int(trace, 16) and int(span, 16) else ""
