"""Spans to an OpenTelemetry collector, by OTLP over HTTP (https://opentelemetry.io/docs/specs/otlp/): read on in the log, beside everything else.

No case waits for it. What a collector does not take is kept for `KEPT_S`, then left out and said in the process's log: a trace is for looking,
the record is the log. The libraries are an extra, and are loaded where an address is configured.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from keyturn.errors import OperatorError
from keyturn.model.record import Entry
from keyturn.outward.sinks import is_guarded
from keyturn.outward.spans import Life, Span, Where, root_of
from keyturn.stores.following import Following
from keyturn.stores.interface import Store

log = logging.getLogger("keyturn")

CURSORS: Final = "traces_cursor"
LIVES_MAX: Final = 1_000
"""Cases whose life is kept in memory between two of their entries; of others it is read again."""

FIRST_WAIT_S: Final = 1.0
WAIT_S_MAX: Final = 60.0
KEPT_S: Final = 3_600.0
"""A collector may be away for an hour before anything is left out of its traces."""

TIMEOUT_S: Final = 10.0


class Collector:
    """One address. `name` is what its place in the log is kept under."""

    def __init__(self, endpoint: str, headers: Mapping[str, str], *, version: str, instance: str) -> None:
        parts = urlsplit(endpoint)
        if not is_guarded(parts) or parts.username:
            raise OperatorError(
                "traces-endpoint",
                f"traces.endpoint {parts.scheme}://{parts.hostname or ''} is no https address",
                help="https://collector.example/v1/traces; http only on this host; keys go into traces.headers_file",
            )
        self.name = f"otlp:{endpoint}"
        self._tracing = _Tracing(endpoint, headers, version, instance)

    async def take(self, spans: Sequence[Span], where_of: Callable[[str], Where | None]) -> None:
        """Deliver them. Raises `OSError` when they did not arrive for certain."""
        made = [self._tracing.made(span, where_of) for span in spans]
        if not await asyncio.to_thread(self._tracing.export, made):
            raise OSError("they were not taken")

    def close(self) -> None:
        """Give up what is on its way: a thread that waits for a collector would hold up the end of the process."""
        self._tracing.close()


class _Tracing:
    """The libraries: spans with given ids and times by way of a tracer, to be exported when we say so."""

    def __init__(self, endpoint: str, headers: Mapping[str, str], version: str, instance: str) -> None:
        try:
            import requests  # noqa: PLC0415  # extras; with them come some ten megabytes
            from opentelemetry import trace  # noqa: PLC0415
            from opentelemetry.exporter.otlp.proto.http import Compression  # noqa: PLC0415
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
            from opentelemetry.sdk import trace as sdk  # noqa: PLC0415
            from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
            from opentelemetry.sdk.trace.export import SpanExportResult  # noqa: PLC0415
            from opentelemetry.sdk.trace.sampling import ALWAYS_ON  # noqa: PLC0415
        except ModuleNotFoundError:
            raise OperatorError(
                "no-extra",
                "traces need the OpenTelemetry SDK, which is not installed",
                help="pip install 'keyturn[otel]'",
            ) from None
        self._trace, self._succeeded = trace, SpanExportResult.SUCCESS
        self._ids = ids = _ids(sdk)
        about = {"service.name": "keyturn", "service.version": version, "service.instance.id": instance}
        provider = sdk.TracerProvider(
            sampler=ALWAYS_ON, resource=Resource.create(about), id_generator=ids, shutdown_on_exit=False
        )
        self._tracer = provider.get_tracer("keyturn", version)
        session = requests.Session()
        session.max_redirects = 0  # what is for this address goes to no other
        self._exporter = OTLPSpanExporter(
            endpoint,
            headers=dict(headers),
            timeout=TIMEOUT_S,
            compression=Compression.Gzip,
            session=session,
        )

    def made(self, span: Span, where_of: Callable[[str], Where | None]) -> Any:
        trace = self._trace
        self._ids.given = span.where
        parent = self._context(Where(span.where.trace, span.parent)) if span.parent else None
        links = [trace.Link(self._context(one)) for case in span.links if (one := where_of(case)) is not None]
        made = self._tracer.start_span(
            span.name,
            context=trace.set_span_in_context(trace.NonRecordingSpan(parent)) if parent else _nothing(),
            kind=trace.SpanKind[span.kind.upper()],
            attributes=span.attributes,
            links=links,
            start_time=span.begun_ms * 1_000_000,
        )
        for mark in span.marks:
            made.add_event(mark.name, mark.attributes, timestamp=mark.at_ms * 1_000_000)
        if span.error:
            made.set_status(trace.Status(trace.StatusCode.ERROR, span.error))
        made.end(end_time=span.ended_ms * 1_000_000)
        return made

    def export(self, made: Sequence[Any]) -> bool:
        return bool(self._exporter.export(made) is self._succeeded)

    def close(self) -> None:
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # the library says no types of it

    def _context(self, where: Where) -> Any:
        trace = self._trace
        return trace.SpanContext(
            int(where.trace, 16), int(where.span, 16), is_remote=True, trace_flags=trace.TraceFlags(1)
        )


def _ids(sdk: Any) -> Any:
    """A generator of ids that gives those that were derived."""

    class Given(sdk.id_generator.IdGenerator):  # type: ignore[misc]  # an extra's class, known when it is loaded
        given = Where("", "")

        def generate_span_id(self) -> int:
            return int(self.given.span, 16)

        def generate_trace_id(self) -> int:
            return int(self.given.trace, 16)

    return Given()


def _nothing() -> Any:
    """A context without a span, whatever the process around us is tracing."""
    from opentelemetry.context import Context  # noqa: PLC0415  # it is loaded by now

    return Context()


class Traces(Following):
    """One collector's reader."""

    cursors, about, look_s, keeps_each = CURSORS, "traces to", 1.0, False

    def __init__(
        self,
        store: Store,
        collector: Collector,
        *,
        mine: Callable[[], bool] = lambda: True,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(store, collector.name, mine=mine, sleep=sleep)
        self._collector = collector
        self._lives: OrderedDict[str, Life] = OrderedDict()
        self._due: list[Span] = []

    async def round(self) -> int:
        try:
            return await super().round()
        except BaseException:  # the round comes again, and finds no case half told
            self._lives.clear()
            raise
        finally:
            self._due.clear()

    async def tell(self, entry: Entry) -> None:
        if not entry.case_id:
            return
        life = self._lives.pop(entry.case_id, None) or self._read(entry)
        self._due += life.take(entry)
        if not life.ended:
            self._lives[entry.case_id] = life
            if len(self._lives) > LIVES_MAX:
                self._lives.popitem(last=False)

    async def told(self) -> None:
        """Hand over what ended; wait where it is not taken, and leave it out when that has lasted too long."""
        wait_s, waited_s = FIRST_WAIT_S, 0.0
        while self._due:
            try:
                await self._collector.take(self._due, self._where)
            except OSError as error:
                if waited_s >= KEPT_S:
                    log.warning("%s: %d spans are left out: %s", self._name, len(self._due), error)
                    return
                log.warning("%d spans to %s: %s; again in %.0f s", len(self._due), self._name, error, wait_s)
                await self._sleep(wait_s)
                waited_s, wait_s = waited_s + wait_s, min(wait_s * 2, WAIT_S_MAX)
            else:
                return

    def _read(self, entry: Entry) -> Life:
        """The case's life up to this entry, as the log has it; its spans until then were told."""
        life = None
        for earlier in self._store.entries(case_id=entry.case_id):
            life = life or Life(earlier)
            if earlier.seq >= entry.seq:
                break
            life.take(earlier)
        return life or Life(entry)

    def _where(self, case_id: str) -> Where | None:
        first = next(iter(self._store.entries(case_id=case_id, limit=1)), None)
        return root_of(first) if first is not None else None
