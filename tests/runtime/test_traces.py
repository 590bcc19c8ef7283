"""A case as a trace: spans with the ids that the log gives them, under the caller's own span, to one address, and no case waits for it."""

from __future__ import annotations

import asyncio
import gzip
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from botocore.exceptions import ClientError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Told

from keyturn import config as settings
from keyturn.errors import OperatorError
from keyturn.model import record as r
from keyturn.outward.otlp import CURSORS, Collector, Traces
from keyturn.outward.spans import STAGES, Life, Span
from keyturn.stores.memory import MemoryStore
from keyturn.testing.standin import StandIn
from tests.gateway.gateway_world import running
from tests.stores.exported_log import HELD, chained, change, review, story

PARENT: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
WAIT_S: Final = 90.0


class Receiver:
    """A collector as OTLP/HTTP has it: takes protobuf on /v1/traces, answers what it is told to, keeps what it took."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.spans: list[Told] = []
        self.resource: dict[str, Any] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer._take(self)

            do_GET = do_POST  # noqa: N815  # the names http.server looks for

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name there
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}/v1/traces"

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        body = handler.rfile.read(int(headers.get("content-length", "0")))
        self.asked.append((handler.path, headers))
        status, more = self.answers.pop(0) if self.answers else (200, {})
        if status == 200:
            request = ExportTraceServiceRequest.FromString(gzip.decompress(body))
            for one in request.resource_spans:
                self.resource = values(one.resource.attributes)
                self.spans += [span for scope in one.scope_spans for span in scope.spans]
        handler.send_response(status)
        for name, value in more.items():
            handler.send_header(name, value)
        answer = ExportTraceServiceResponse().SerializeToString()
        handler.send_header("content-length", str(len(answer)))
        handler.end_headers()
        handler.wfile.write(answer)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def values(attributes: Any) -> dict[str, Any]:
    found = {}
    for one in attributes:
        kind = one.value.WhichOneof("value")
        value = getattr(one.value, kind)
        found[one.key] = tuple(v.string_value for v in value.values) if kind == "array_value" else value
    return found


def tree(spans: Sequence[Told]) -> list[tuple[str, str, str]]:
    """Name, kind and the parent's name of each, in the order of their ends."""
    names = {span.span_id: span.name for span in spans}
    kinds = {
        Told.SPAN_KIND_INTERNAL: "internal",
        Told.SPAN_KIND_SERVER: "server",
        Told.SPAN_KIND_CLIENT: "client",
    }
    return [
        (span.name, kinds[span.kind], names.get(span.parent_span_id, span.parent_span_id.hex()))
        for span in spans
    ]


# --- a case, from an agent's request to its end ----------------------------------------------------------------------


def test_a_held_delete_is_one_trace_under_the_agents_span(receiver: Receiver, tmp_path: Path) -> None:
    """Identified, assessed, decided, reviewed, backed up, proved, sent, verified: by real clients, to a real receiver."""
    headers = tmp_path / "headers"
    headers.write_text("# for the collector\nX-Api-Key: k3y\n")
    traces = settings.Traces(endpoint=receiver.endpoint, headers_file=str(headers))
    with StandIn() as account, running(tmp_path / "data", account.endpoint, traces=traces) as plane:
        dynamodb = plane.client("dynamodb")
        dynamodb.create_table(
            TableName="traced",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            Tags=[{"Key": "environment", "Value": "production"}, {"Key": "note", "Value": "t0p-secret"}],
        )
        dynamodb.meta.events.register(
            "before-send", lambda request, **_: request.headers.__setitem__("traceparent", PARENT)
        )
        with pytest.raises(ClientError, match="holds this as case C-2"):
            dynamodb.delete_table(TableName="traced")
        plane.approve("C-2", "grace", "edsger")
        dynamodb.delete_table(TableName="traced")
        plane.until("C-2", "confirmed")
        ours = bytes.fromhex(PARENT[3:35])
        until(
            lambda: [
                span
                for span in receiver.spans
                if span.trace_id == ours and span.kind == Told.SPAN_KIND_SERVER
            ]
        )
        spans = [span for span in receiver.spans if span.trace_id == ours]
    whole = "change dynamodb:DeleteTable"
    seen = tree(spans)
    stages = [one for one in seen if one[1] != "client"]
    assert stages == [
        ("identify", "internal", whole),
        ("assess", "internal", whole),
        ("decide", "internal", whole),
        ("review", "internal", whole),
        ("claim", "internal", whole),
        ("prepare", "internal", whole),
        ("prove", "internal", whole),
        ("verify", "internal", whole),
        (whole, "server", PARENT[36:52]),
    ]
    calls = [one for one in seen if one[1] == "client"]
    assert ("dynamodb.CreateBackup", "client", "prepare") in calls
    assert calls[-1] == ("dynamodb.DeleteTable", "client", whole)
    sent = [span for span in spans if span.name == "dynamodb.DeleteTable"][-1]
    found = values(sent.attributes)
    assert found.pop("aws.request_id")
    assert found == {
        "rpc.system": "aws-api",
        "rpc.service": "dynamodb",
        "rpc.method": "DeleteTable",
        "cloud.provider": "aws",
        "cloud.account.id": "123456789012",
        "cloud.region": "eu-central-1",
        "http.response.status_code": 200,
        "keyturn.case": "C-2",
        "keyturn.stage": "send",
        "keyturn.outcome": "succeeded",
        "keyturn.phase": "executed",
    }
    assert [mark.name for span in spans if span.name == "review" for mark in span.events] == [
        "approved",
        "approved",
    ]
    root = values(next(span for span in spans if span.name == whole).attributes)
    assert (root["gen_ai.agent.name"], root["user.name"], root["keyturn.verdict"]) == ("kiro", "olga", "hold")
    assert root["keyturn.resources"] == ("dynamodb:table/traced",)
    assert receiver.resource["service.name"] == "keyturn"
    assert {headers["x-api-key"] for _, headers in receiver.asked} == {"k3y"}
    assert not [span for span in receiver.spans if b"t0p-secret" in span.SerializeToString()]


def until(done: Any) -> None:
    end = time.monotonic() + WAIT_S
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


# --- ids, restarts ---------------------------------------------------------------------------------------------------


def lived(entries: Sequence[r.Entry], case_id: str) -> list[Span]:
    ours = [entry for entry in entries if entry.case_id == case_id]
    life = Life(ours[0])
    return [span for entry in ours for span in life.take(entry)]


def test_the_log_alone_gives_the_spans() -> None:
    """The same each time, each id once, each within the case's own; a trace of its own where the caller named none."""
    entries = chained(story())
    for case_id in ("C-1", "C-2", "C-3"):
        spans = lived(entries, case_id)
        assert spans == lived(entries, case_id)
        assert len({span.where.span for span in spans}) == len(spans)
        assert len({span.where.trace for span in spans}) == 1
        assert all(span.begun_ms <= span.ended_ms for span in spans)
        known = {span.where.span for span in spans} | {
            Life(next(e for e in entries if e.case_id == case_id)).root.span
        }
        assert {span.parent for span in spans} <= known | {""}
    assert len({lived(entries, case_id)[0].where.trace for case_id in ("C-1", "C-2", "C-3")}) == 3


def test_every_phase_that_lasts_has_a_stage() -> None:
    """A new phase is either a stage of a trace, or over as it begins, or an end."""
    from keyturn.core.case import Phase
    from keyturn.core.lifecycle import TERMINAL

    assert set(Phase) - set(STAGES) - TERMINAL == {Phase.NEW, Phase.PROVED, Phase.EXECUTED}


@pytest.mark.parametrize("stop_at", range(1, len(HELD)))
async def test_a_restart_goes_on_in_the_same_trace(stop_at: int, receiver: Receiver) -> None:
    """Wherever the process ends: what was told stays, what comes is told with the ids it would have had, and nothing is missing."""
    store = MemoryStore()
    traced = msgspec.structs.replace(change("DeleteTable"), trace=PARENT)
    events = (
        r.Received(at_ms=1, change=traced),
        *HELD[1:],
        r.VerifyBegun(at_ms=62),
        r.Verified(at_ms=63, result="confirmed"),
    )
    await store.put_row(CURSORS, f"otlp:{receiver.endpoint}", b"0")
    for part in (events[:stop_at], events[stop_at:]):
        collector = Collector(receiver.endpoint, {}, version="1", instance="log")
        await store.append([r.Draft("C-2", event) for event in part])
        traces = Traces(store, collector)
        while await traces.round():
            pass
        collector.close()
    whole = lived(tuple(store.entries()), "C-2")
    told = [
        (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(), span.name)
        for span in receiver.spans
    ]
    assert told == [(one.where.trace, one.where.span, one.parent, one.name) for one in whole]
    assert {one.where.trace for one in whole} == {PARENT[3:35]}


def test_who_reviews_is_marked_and_what_they_write_is_not() -> None:
    """A note, guidance, a reason may hold anything."""
    said = review("grace", note="the s3cret is x", guidance="use the s3cret")
    spans = lived(chained(story((*HELD[:3], said, *HELD[4:]))), "C-2")
    marks = [mark for span in spans for mark in span.marks]
    assert [(mark.name, mark.attributes["user.name"]) for mark in marks] == [
        ("approved", "grace"),
        ("approved", "edsger"),
    ]
    assert b"s3cret" not in msgspec.json.encode(spans)


# --- a collector that does not take them -----------------------------------------------------------------------------


async def tracing(receiver: Receiver, waits: list[float]) -> Traces:
    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    store = MemoryStore()
    await store.append(story())
    await store.put_row(CURSORS, f"otlp:{receiver.endpoint}", b"0")
    collector = Collector(receiver.endpoint, {}, version="1", instance="log")
    return Traces(store, collector, sleep=sleep)


async def test_what_is_not_taken_is_told_again_and_then_left_out(receiver: Receiver) -> None:
    """A wait that doubles, for an hour; then the reader goes on, so that what comes later is seen."""
    waits: list[float] = []
    traces = await tracing(receiver, waits)
    receiver.answers = [(400, {})] * 3
    assert await traces.round() == len(story())
    assert waits == [1.0, 2.0, 4.0]
    assert {span.name for span in receiver.spans} >= {"identify", "change dynamodb:DeleteBackup"}
    waits.clear()
    again = await tracing(receiver, waits)
    receiver.answers = [(400, {})] * 1_000
    receiver.spans.clear()
    assert await again.round() == len(story())
    assert (sum(waits) >= 3_600, receiver.spans, await again.round()) == (True, [], 0)


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    """Traces name people and resources: they go to the address in the configuration, and to no other that it names."""
    waits: list[float] = []
    traces = await tracing(receiver, waits)
    receiver.answers = [(status, {"location": "/elsewhere"}) for status in (301, 302, 307, 308)]
    assert await traces.round() == len(story())
    assert len(waits) == 4
    assert {path for path, _ in receiver.asked} == {"/v1/traces"}


def test_no_case_waits_for_a_collector(tmp_path: Path) -> None:
    """One that takes connections and never answers: changes are answered, and the plane ends, without it."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as deaf:
        traces = settings.Traces(endpoint=f"http://127.0.0.1:{deaf.getsockname()[1]}/v1/traces")
        with StandIn() as account, running(tmp_path, account.endpoint, traces=traces) as plane:
            queue = plane.client("sqs")
            names = [
                queue.create_queue(QueueName=f"q{number}")["QueueUrl"].rpartition("/")[2]
                for number in range(5)
            ]
        assert names == [f"q{number}" for number in range(5)]


# --- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://collector.example/v1/traces",
        "collector:4318",
        "ftp://127.0.0.1/",
        "https://user:pw@collector.example/",
    ],
)
def test_an_address_that_would_show_them_to_others_stops_the_start(endpoint: str) -> None:
    """No TLS to another host, no password in a file that is copied; the error repeats no password."""
    with pytest.raises(OperatorError) as caught:
        Collector(endpoint, {}, version="1", instance="log")
    assert caught.value.code == "traces-endpoint"
    assert "pw" not in str(caught.value)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever configures it and has not installed it reads what to install."""
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)
    with pytest.raises(OperatorError) as caught:
        Collector("http://127.0.0.1:1/v1/traces", {}, version="1", instance="log")
    assert (caught.value.code, caught.value.help) == ("no-extra", "pip install 'keyturn[otel]'")


def test_who_does_not_trace_loads_nothing_of_it() -> None:
    """Neither the libraries nor ours: the plane's memory is counted."""
    code = (
        "import sys, keyturn.app, keyturn.messengers\n"
        "print(sorted(m for m in sys.modules if m.startswith(('opentelemetry', 'requests', 'keyturn.outward.otlp'))))"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout == "[]\n"
