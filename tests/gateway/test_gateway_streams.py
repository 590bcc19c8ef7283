"""Answers that are streams of events pass as they come; clients that are slow have their time and no more."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from keyturn.providers.aws import answers
from keyturn.surfaces.aws_gateway import limits
from tests.gateway.gateway_world import Running, raw, running, signed
from tests.gateway.slow_upstream import Slow, frame


@pytest.fixture
def upstream() -> Iterator[Slow]:
    made = Slow()
    yield made
    made.close()


@pytest.fixture
def plane(upstream: Slow, tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path, upstream.endpoint) as made:
        yield made


def subscribed(plane: Running) -> Iterator[Any]:
    answer = plane.client("kinesis").subscribe_to_shard(
        ConsumerARN="arn:aws:kinesis:eu-central-1:123456789012:stream/s/consumer/c:1",
        ShardId="shardId-000000000000",
        StartingPosition={"Type": "LATEST"},
    )
    return iter(answer["EventStream"])


def selected(plane: Running) -> Iterator[Any]:
    answer = plane.client("s3").select_object_content(
        Bucket="b-1",
        Key="k",
        Expression="select * from s3object",
        ExpressionType="SQL",
        InputSerialization={"CSV": {}},
        OutputSerialization={"CSV": {}},
    )
    return iter(answer["Payload"])


RECORD = b'{"Records":[],"ContinuationSequenceNumber":"%d","MillisBehindLatest":0}'

STREAMS: list[tuple[str, Callable[[Running], Iterator[Any]], list[bytes]]] = [
    (
        "Kinesis SubscribeToShard",
        subscribed,
        [frame("initial-response", b"{}"), *(frame("SubscribeToShardEvent", RECORD % n) for n in range(3))],
    ),
    ("S3 SelectObjectContent", selected, [frame("Records", b"%d,a\n" % number) for number in range(3)]),
]


@pytest.mark.parametrize(("what", "asked", "frames"), STREAMS, ids=[row[0] for row in STREAMS])
def test_events_pass_as_they_come(
    plane: Running, upstream: Slow, what: str, asked: Callable[[Running], Iterator[Any]], frames: list[bytes]
) -> None:
    """The client has each event before the service says the next: nothing is kept back until the end."""
    upstream.pieces = frames
    upstream.go.release(2 if what.startswith("Kinesis") else 1)
    events = asked(plane)
    heard = [next(events)]
    for _ in range(2):
        upstream.go.release()
        heard.append(next(events))
    assert len({str(event) for event in heard}) == 3
    assert list(events) == []


def test_a_request_that_is_an_event_stream_is_refused_by_name(plane: Running, upstream: Slow) -> None:
    """It could not be judged before it is over; the service hears nothing of it."""
    body = frame("AudioEvent", b"\x00" * 64)
    headers = {"content-type": "application/vnd.amazon.eventstream"}
    data = signed(
        plane.key,
        plane.port,
        body,
        service="bedrock",
        target="",
        path="/model/m/invoke-with-bidirectional-stream",
        headers=headers,
    )
    heard = raw(plane.port, data)
    assert heard.startswith(b"HTTP/1.1 403")
    assert b"event stream" in heard
    assert upstream.heads == []


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_requests_that_stream_are_named() -> None:
    """The guide says of every operation that asks in events that it is refused; every other that answers in events passes as it comes."""
    told = (
        (Path(__file__).parents[2] / "docs/guides/agents.md")
        .read_text()
        .partition("### Answers that stream")[2]
    )
    session = botocore.session.get_session()
    unnamed, whole = [], []
    for service in session.get_available_services():
        model = session.get_service_model(service)
        for name in model.operation_names:
            operation = model.operation_model(name)
            if operation.has_event_stream_input and f"`{service}:{name}`" not in told:
                unnamed.append(f"{service}:{name}")
            if operation.has_event_stream_output and answers.streamed(f"{service}:{name}") != "events":
                whole.append(f"{service}:{name}")
    assert (unnamed, whole) == ([], [])


# --- slow clients ----------------------------------------------------------------------------------------------------


def ended(connection: socket.socket, wait_s: float = 6.0) -> bool:
    """Whether the other side ends it by itself."""
    connection.settimeout(wait_s)
    try:
        while connection.recv(65_536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


@pytest.mark.parametrize(
    ("limit", "head"),
    [
        ("HEAD_S_MAX", b"POST / HTTP/1.1\r\nhost: a\r\nx-slow: "),
        ("BODY_S_MAX", b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n"),
    ],
    ids=["head", "body"],
)
def test_who_sends_a_byte_now_and_then_is_not_waited_for(
    plane: Running, monkeypatch: pytest.MonkeyPatch, limit: str, head: bytes
) -> None:
    """Slowloris: each byte begins no time anew."""
    monkeypatch.setattr(limits, limit, 1.0)
    with socket.create_connection(("127.0.0.1", plane.port), 60) as connection:
        connection.sendall(head)
        begun_s = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - begun_s < 4:
                connection.sendall(b"a")
                time.sleep(0.2)
        assert ended(connection, 1.0)
    assert "[0 clients]" in repr(plane.app.gateway)


def test_who_takes_nothing_of_an_answer_is_cut(
    plane: Running, upstream: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer would stay in memory, and the service would wait for ever."""
    monkeypatch.setattr(limits, "TAKE_S_MAX", 1.0)
    upstream.pieces = [frame("Records", b"x" * 60_000)] * 400
    upstream.go.release(400)
    path = "/2013-04-01/hostedzone"
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.connect(("127.0.0.1", plane.port))
        connection.sendall(
            signed(plane.key, plane.port, b"", service="route53", target="", path=path, method="GET")
        )
        end = time.monotonic() + 60
        while not upstream.heads:  # else nobody has come yet
            assert time.monotonic() < end, repr(plane.app.gateway)
            time.sleep(0.02)
        while "[0 clients]" not in repr(plane.app.gateway):
            assert time.monotonic() < end, repr(plane.app.gateway)
            time.sleep(0.1)


def test_who_stops_sending_its_object_leaves_no_half_of_it(
    plane: Running, upstream: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A streamed upload that stops is ended here; what had left is no whole request to the service (RFC 9112, 8)."""
    monkeypatch.setattr(limits, "PIECE_S_MAX", 1.0)
    monkeypatch.setattr(limits, "HEAD_S_MAX", 1.0)
    data = signed(plane.key, plane.port, b"x" * 50_000, service="s3", target="", path="/b-1/k", method="PUT")
    with socket.create_connection(("127.0.0.1", plane.port), 60) as connection:
        connection.sendall(data[:-10_000])
        assert ended(connection)
    end = time.monotonic() + 8
    while plane.app.runtime.cases(open_only=True) and time.monotonic() < end:
        time.sleep(0.05)
    assert all(not head.endswith(b"x" * 50_000) for head in upstream.heads)


def test_a_half_closed_client_still_hears_its_answer(plane: Running, upstream: Slow) -> None:
    """Who has said all may close its side (RFC 9112, 9.6)."""
    upstream.pieces = [b"[]"]
    upstream.go.release()
    with socket.create_connection(("127.0.0.1", plane.port), 60) as connection:
        connection.sendall(signed(plane.key, plane.port, b"{}"))
        connection.shutdown(socket.SHUT_WR)
        heard = b""
        with contextlib.suppress(TimeoutError):
            while piece := connection.recv(65_536):
                heard += piece
    assert heard.startswith(b"HTTP/1.1 200")
