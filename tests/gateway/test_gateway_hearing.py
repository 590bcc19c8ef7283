"""A change whose answer is a stream: it reaches the agent while the service still speaks, and its end only once it is on record."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EventStreamError
from urllib3.exceptions import ProtocolError

from keyturn.executors import passing
from keyturn.model import record as r
from keyturn.model.execution import Outcome
from tests.gateway.gateway_world import NUMBER, Running, running
from tests.gateway.slow_upstream import BREAKS, Slow, frame

EVERYTHING = str(Path(__file__).parents[1] / "clients" / "packs" / "everything")
FUNCTION = f"arn:aws:lambda:eu-central-1:{NUMBER}:function:f"


@pytest.fixture
def upstream() -> Iterator[Slow]:
    made = Slow()
    yield made
    made.go.release(10_000)
    made.close()


@pytest.fixture
def plane(upstream: Slow, tmp_path: Path) -> Iterator[Running]:
    with running(
        tmp_path, upstream.endpoint, packs=(EVERYTHING,), environments={NUMBER: "test"}, replay_s=60
    ) as made:
        yield made


def function(plane: Running) -> Iterator[bytes]:
    answer = plane.client("lambda").invoke_with_response_stream(FunctionName="f", Payload=b"{}")
    with contextlib.closing(answer["EventStream"]) as events:
        for event in events:
            yield json.dumps(event, default=bytes.decode).encode()


def agent(plane: Running) -> Iterator[bytes]:
    answer = plane.client("bedrock-agent-runtime").invoke_agent(
        agentId="AGENT12345", agentAliasId="ALIAS12345", sessionId="s1", inputText="go"
    )
    with contextlib.closing(answer["completion"]) as events:
        for event in events:
            yield event["chunk"]["bytes"]


def endpoint(plane: Running) -> Iterator[bytes]:
    answer = plane.client("sagemaker-runtime").invoke_endpoint_with_response_stream(
        EndpointName="e", Body=b"{}"
    )
    with contextlib.closing(answer["Body"]) as events:
        for event in events:
            yield event["PayloadPart"]["Bytes"]


def whole_function(plane: Running) -> Iterator[bytes]:
    answer = plane.client("lambda").invoke(FunctionName="f", Payload=b"{}")
    while piece := answer["Payload"].read(5):
        yield piece


def plain(kind: str) -> list[bytes]:
    return [frame(kind, b"%d" % number) for number in range(3)]


def in_json(kind: str) -> list[bytes]:
    return [frame(kind, b'{"bytes":"MTIz","n":%d}' % number) for number in range(3)]


STREAMS: list[tuple[str, Callable[[Running], Iterator[bytes]], bytes, list[bytes], bool]] = [
    ("a function's", function, b"response-streaming-invocations", plain("PayloadChunk"), False),
    ("an agent's", agent, b"/agents/", in_json("chunk"), False),
    ("an endpoint's", endpoint, b"/invocations-response-stream", plain("PayloadPart"), False),
    ("bytes", whole_function, b"/invocations", [b"11111", b"22222", b"33333"], False),
    ("bytes of a known length", whole_function, b"/invocations", [b"11111", b"22222", b"33333"], True),
]


def answered(plane: Running, case_id: str = "C-1") -> list[Outcome]:
    """What the log says came of the calls of a case."""
    plane.do(plane.app.store.append(()))
    events = [entry.event() for entry in plane.app.store.entries() if entry.case_id == case_id]
    return [event.outcome for event in events if isinstance(event, r.Answered)]


def settled(plane: Running, case_id: str = "C-1") -> Outcome:
    end = time.monotonic() + 60
    while not (found := answered(plane, case_id)):
        assert time.monotonic() < end, f"{plane.app.runtime.case(case_id)!r}"
        time.sleep(0.02)
    return found[-1]


@pytest.mark.parametrize(
    ("what", "asked", "path", "pieces", "length"), STREAMS, ids=[row[0] for row in STREAMS]
)
def test_each_piece_reaches_the_agent_before_the_next_is_said(
    plane: Running,
    upstream: Slow,
    what: str,
    asked: Callable[[Running], Iterator[bytes]],
    path: bytes,
    pieces: list[bytes],
    length: bool,
) -> None:
    """The service says a piece when it is let, and is let when the one before was heard. The end is heard when the call is on record, once."""
    upstream.only, upstream.pieces, upstream.length = path, pieces, length
    upstream.go.release()
    hearing = asked(plane)
    heard = [next(hearing)]
    assert answered(plane) == []
    upstream.go.release()
    heard.append(next(hearing))
    assert answered(plane) == []
    upstream.go.release()
    heard += list(hearing)
    assert len(heard) == 3
    assert [outcome.status for outcome in answered(plane)] == ["succeeded"]
    assert len(upstream.heads) == 1


def test_who_asks_again_hears_what_was_recorded(upstream: Slow, tmp_path: Path) -> None:
    """A held call, approved and made: the agent that lost its answer gets the same one, and nothing is called twice."""
    upstream.only, upstream.pieces = b"response-streaming-invocations", plain("PayloadChunk")
    upstream.go.release(3)
    with running(tmp_path, upstream.endpoint, environments={NUMBER: "production"}, replay_s=60) as plane:
        with pytest.raises(ClientError, match="C-1"):
            list(function(plane))
        plane.approve("C-1", "ada", "bo")
        first = list(function(plane))
        assert list(function(plane)) == first
    assert len(first) == 3
    assert len(upstream.heads) == 1


def test_an_answer_too_long_to_be_kept_passes_once_and_is_named(
    upstream: Slow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it reaches the first client; whoever asks again is told that it was done, how long it was, and not to repeat it."""
    monkeypatch.setattr(passing, "KEPT_BYTES_MAX", 1_000)
    upstream.only = b"response-streaming-invocations"
    upstream.pieces = [frame("PayloadChunk", b"x" * 600)] * 3
    upstream.go.release(3)
    with running(tmp_path, upstream.endpoint, environments={NUMBER: "production"}, replay_s=60) as plane:
        with pytest.raises(ClientError, match="C-1"):
            list(function(plane))
        plane.approve("C-1", "ada", "bo")
        assert len(list(function(plane))) == 3
        with pytest.raises(
            ClientError, match=r"done as case C-1.*1,995 bytes.*SHA-256 [0-9a-f]{64}"
        ) as again:
            list(function(plane))
        assert again.value.response["Error"]["Code"] == "KeyturnAnswerNotKept"
        outcome = settled(plane)
    assert outcome.status == "succeeded"
    assert "1,995 bytes passed to the client" in outcome.detail
    assert len(upstream.heads) == 1


def test_a_stream_that_breaks_off_is_in_doubt_and_says_so(plane: Running, upstream: Slow) -> None:
    """Between two messages the agent gets an error of its SDK's own kind, with the case; the call is on record as uncertain."""
    upstream.only = b"response-streaming-invocations"
    upstream.pieces = [*plain("PayloadChunk")[:2], BREAKS]
    upstream.go.release(1)
    hearing = function(plane)
    next(hearing)
    upstream.go.release(2)
    next(hearing)
    with pytest.raises(EventStreamError, match=r"KeyturnUncertain.*C-1.*It may have taken effect"):
        next(hearing)
    outcome = settled(plane)
    assert (outcome.status, len(upstream.heads)) == ("uncertain", 1)
    assert re.match(r"its answer \(200\) broke off after \d+ bytes", outcome.detail)


def test_a_stream_that_breaks_off_within_a_message_ends_there(plane: Running, upstream: Slow) -> None:
    """No message of ours could stand there: the client sees its connection end, and nothing that looks whole."""
    first, second, _ = plain("PayloadChunk")
    upstream.only, upstream.pieces = b"response-streaming-invocations", [first, second[:7], BREAKS]
    upstream.go.release(3)
    with pytest.raises(ProtocolError):
        list(function(plane))
    assert settled(plane).status == "uncertain"


def test_an_agent_that_leaves_loses_the_answer_and_not_the_call(plane: Running, upstream: Slow) -> None:
    """The answer is read to its end and recorded, though nobody hears it."""
    upstream.only, upstream.pieces = b"response-streaming-invocations", plain("PayloadChunk")
    upstream.go.release(1)
    client = plane.client("lambda")
    answer = client.invoke_with_response_stream(FunctionName="f", Payload=b"{}")
    next(iter(answer["EventStream"]))
    answer["EventStream"].close()
    client.close()
    end = time.monotonic() + 60
    while "[0 clients]" not in repr(plane.app.gateway):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert answered(plane) == []
    upstream.go.release(2)
    outcome = settled(plane)
    assert (outcome.status, outcome.http_status, len(upstream.heads)) == ("succeeded", 200, 1)


def test_an_error_that_the_service_puts_into_its_stream_is_on_record(plane: Running, upstream: Slow) -> None:
    """It was answered with 200 before it failed: what it had done by then stays done."""
    error = frame("throttlingException", b'{"message":"slow down"}', exception=True)
    upstream.only, upstream.pieces = b"/agents/", [*in_json("chunk")[:1], error]
    upstream.go.release(2)
    hearing = agent(plane)
    next(hearing)
    with pytest.raises(EventStreamError, match="throttlingException"):
        next(hearing)
    outcome = settled(plane)
    assert outcome.status == "succeeded"
    assert "throttlingException: it may be done in part" in outcome.detail
