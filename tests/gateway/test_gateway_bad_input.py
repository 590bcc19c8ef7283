"""What cannot be read in exactly one way, or is not who it says it is, is refused by name; the upstream sees nothing of it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from keyturn.errors import OperatorError
from tests.gateway.gateway_world import NUMBER, Running, Upstream, raw, running, signed


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    made = Upstream()
    yield made
    made.close()


@pytest.fixture(scope="module")
def plane(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("plane"), upstream.endpoint) as made:
        yield made


@pytest.fixture(autouse=True)
def nothing_seen(upstream: Upstream) -> Iterator[None]:
    """Every test here: the upstream sees nothing, unless the test takes it away itself."""
    upstream.seen.clear()
    yield
    assert upstream.seen == []


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


CHUNKED = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"

MALFORMED: list[tuple[str, bytes]] = [
    ("no request at all", b"hello\r\n\r\n"),
    ("a bad request line", b"GET\r\n\r\n"),
    ("a method nobody knows", b"FROB / HTTP/1.1\r\nhost: a\r\n\r\n"),
    ("a wrong version", b"GET / HTTP/9.9\r\nhost: a\r\n\r\n"),
    ("two lengths", b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}x"),
    (
        "a length and chunks",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    ("a length that is none", b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: two\r\n\r\n{}"),
    ("a NUL in a header", b"GET / HTTP/1.1\r\nhost: a\r\nx: a\x00b\r\n\r\n"),
    ("a header without a name", b"GET / HTTP/1.1\r\nhost: a\r\n: x\r\n\r\n"),
    ("a space before the colon", b"GET / HTTP/1.1\r\nhost : a\r\n\r\n"),
    ("a chunk without a size", b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nxx\r\n\r\n"),
    ("a head without end", b"GET / HTTP/1.1\r\nx: " + b"a" * 70_000 + b"\r\n\r\n"),
    ("a header that never ends", b"GET / HTTP/1.1\r\nx: " + b"a" * 500_000),
    ("a target that never ends", b"GET /" + b"a" * 500_000),
    ("more headers than a head holds", b"GET / HTTP/1.1\r\n" + b"name: value\r\n" * 10_000 + b"\r\n"),
    ("trailers without end", CHUNKED + b"0\r\n" + b"name: value\r\n" * 10_000 + b"\r\n"),
]


@pytest.mark.parametrize(("what", "data"), MALFORMED, ids=[row[0] for row in MALFORMED])
def test_malformed_http_is_refused_and_the_connection_closed(plane: Running, what: str, data: bytes) -> None:
    """One 400 that says it is no request that can be read, then the end; never half a request taken for a whole one."""
    heard = raw(plane.port, data)
    assert status_of(heard) == 400, heard
    assert b"connection: close" in heard.lower()
    assert json.loads(heard.partition(b"\r\n\r\n")[2])["__type"] == "MalformedRequest"


def test_an_upgrade_is_refused(plane: Running) -> None:
    """There is one protocol here."""
    data = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
    assert status_of(raw(plane.port, data)) in {400, 403}


def test_a_folded_header_is_not_read_two_ways(plane: Running) -> None:
    """Obsolete line folding is refused, or read as one value: it never makes a header of its own."""
    data = b"GET / HTTP/1.1\r\nhost: a\r\nx-one: a\r\n authorization: b\r\n\r\n"
    assert status_of(raw(plane.port, data)) in {400, 403}


def test_a_body_that_never_comes_leaves_nothing_behind(plane: Running) -> None:
    """A client that promises a body and leaves is forgotten."""
    with socket.create_connection(("127.0.0.1", plane.port)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{}")
    time.sleep(0.1)
    assert "[0 clients]" in repr(plane.app.gateway)


def said(heard: bytes) -> tuple[int, str, str]:
    """(status, the code of the error, its message) of a JSON answer."""
    body = json.loads(heard.partition(b"\r\n\r\n")[2])
    return status_of(heard), body["__type"].rpartition("#")[2], body.get("message") or body.get("Message")


def test_who_signs_wrongly_is_told_so(plane: Running) -> None:
    """A wrong secret, a changed body, an unknown key, none at all: each by its name, in the service's own shape."""
    wrong = said(raw(plane.port, signed(plane.key, plane.port, secret="guess")))
    assert wrong[:2] == (403, "SignatureDoesNotMatch")
    changed = signed(plane.key, plane.port, b'{"Limit":1}').replace(b'"Limit":1', b'"Limit":2')
    assert said(raw(plane.port, changed))[:2][0] == 403
    nobody = msgspec.structs.replace(plane.key, access_key_id="AKIANOBODY")
    status, code, message = said(raw(plane.port, signed(nobody, plane.port)))
    assert (status, code) == (403, "InvalidClientTokenId")
    assert "keyturn run --agent" in message
    bare = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}"
    assert said(raw(plane.port, bare))[:2] == (403, "IncompleteSignature")
    assert {"signature", "no-session"} <= set(plane.refused())


def test_who_does_not_sign_hears_it_in_the_shape_it_reads(plane: Running) -> None:
    """A query service's form, S3's link, a target: each refused as its SDK reads it; found by parsers that met JSON for XML."""
    form = b"content-type: application/x-www-form-urlencoded\r\ncontent-length: 51\r\n\r\n"
    asked = b"Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
    heard = raw(plane.port, b"POST / HTTP/1.1\r\nhost: a\r\n" + form + asked)
    assert b"<ErrorResponse><Error><Type>Sender</Type><Code>IncompleteSignature</Code>" in heard
    heard = raw(plane.port, b"GET /bucket/key HTTP/1.1\r\nhost: a\r\n\r\n")
    assert b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>IncompleteSignature</Code>' in heard
    target = b"x-amz-target: DynamoDB_20120810.ListTables\r\ncontent-length: 2\r\n\r\n{}"
    assert said(raw(plane.port, b"POST / HTTP/1.1\r\nhost: a\r\n" + target))[1] == "IncompleteSignature"
    wrong = signed(
        plane.key, plane.port, b"", service="s3", target="", path="/bucket", method="GET", secret="guess"
    )
    assert b"<Error><Code>SignatureDoesNotMatch</Code>" in raw(plane.port, wrong)


def test_a_session_that_ended_signs_nothing_any_more(plane: Running) -> None:
    """Its key is worth nothing, at once."""
    key = plane.session("short")
    plane.do(plane.app.runtime.end_session(key.session, by="olga", reason="done"))
    assert said(raw(plane.port, signed(key, plane.port)))[:2] == (403, "InvalidClientTokenId")


UNREADABLE: list[tuple[str, dict[str, object], str]] = [
    ("an operation that does not exist", {"target": "DynamoDB_20120810.DropTable"}, "DropTable"),
    ("a service that does not exist", {"service": "nosuchservice"}, "nosuchservice"),
    ("no operation at all", {"target": ""}, ""),
    (
        "a key twice",
        {"body": b'{"TableName":"a","TableName":"b"}', "target": "DynamoDB_20120810.DeleteTable"},
        "twice",
    ),
    ("no JSON", {"body": b"{not json"}, "JSON"),
    ("a member nobody knows", {"body": b'{"Surprise":1}'}, "Surprise"),
    ("a list for a text", {"body": b'{"TableName":["a"]}', "target": "DynamoDB_20120810.DescribeTable"}, ""),
    ("another service's operation", {"target": "AWSLambda.DeleteFunction"}, ""),
    ("a path where none belongs", {"path": "/somewhere"}, ""),
]


@pytest.mark.parametrize(("what", "given", "says"), UNREADABLE, ids=[row[0] for row in UNREADABLE])
def test_what_cannot_be_read_in_one_way_is_not_forwarded(
    plane: Running, what: str, given: dict[str, object], says: str
) -> None:
    """Signed well by an open session, and still refused: what is not identified is never forwarded."""
    body = given.pop("body", b"{}")
    assert isinstance(body, bytes)
    status, code, message = said(raw(plane.port, signed(plane.key, plane.port, body, **given)))  # type: ignore[arg-type]
    assert (status, code) == (403, "AccessDeniedException")
    assert "does not forward it" in message
    assert says in message


def test_a_malformed_second_request_does_not_answer_for_the_first(upstream: Upstream, tmp_path: Path) -> None:
    """While one is being served, garbage behind it ends the connection; its answer is never taken for the first one's."""
    with running(tmp_path, upstream.endpoint) as plane:
        held = signed(
            plane.key, plane.port, b'{"TableName":"orders"}', target="DynamoDB_20120810.DeleteTable"
        )
        heard = raw(plane.port, held + b"garbage\r\n\r\n", wait_s=2)
    assert b"MalformedRequest" not in heard
    _only_read(upstream)


def test_the_account_is_the_configured_one(upstream: Upstream, tmp_path: Path) -> None:
    """What is judged is judged for this account, whatever the client says of itself."""
    with running(tmp_path, upstream.endpoint) as plane:
        heard = raw(
            plane.port,
            signed(plane.key, plane.port, b'{"TableName":"orders"}', target="DynamoDB_20120810.DeleteTable"),
        )
        cases = plane.app.runtime.cases()
    assert status_of(heard) == 403
    assert {ref.account for case in cases if case.change for ref in case.change.resources} == {NUMBER}
    _only_read(upstream)


def _only_read(upstream: Upstream) -> None:
    """A case is judged, and who relies on it looked for, for as long as its plane runs: one that reads is stopped before this is asked."""
    assert not any("DeleteTable" in seen.headers.get("x-amz-target", "") for seen in upstream.seen)
    upstream.seen.clear()


def test_a_start_on_a_used_port_says_so(plane: Running, tmp_path: Path) -> None:
    """The console's or the gateway's: an error, not silence."""
    config = msgspec.structs.replace(
        plane.config,
        data_dir=str(tmp_path),
        gateway=msgspec.structs.replace(plane.config.gateway, port=plane.port),
    )
    from keyturn.app import App

    async def begin() -> None:
        app = App(config)
        try:
            await app.start()
        finally:
            await app.runtime.close()

    with pytest.raises(OperatorError, match="cannot be listened on") as caught:
        plane.do(begin())
    assert "set gateway.port to another one" in caught.value.help


def test_a_silent_client_is_let_go(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that begins a request and does not finish it, and one that says nothing at all."""
    from keyturn.surfaces.aws_gateway import limits

    for name in ("HEAD_S_MAX", "IDLE_S"):
        monkeypatch.setattr(limits, name, 0.2)
    monkeypatch.setattr(limits, "SWEEP_S", 0.05)
    with running(tmp_path, upstream.endpoint) as quick:
        for data in (b"", b"POST / HTTP/1.1\r\nhost: a\r\n"):
            with socket.create_connection(("127.0.0.1", quick.port), timeout=30) as connection:
                connection.sendall(data)
                assert connection.recv(10) == b""
