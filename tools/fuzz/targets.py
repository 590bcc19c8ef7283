"""What is fuzzed: each takes any bytes, and raises where a promise is broken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

from keyturn.providers.aws.protocols import cbor
from keyturn.providers.aws.protocols.values import UnmodelledError, strict_json
from keyturn.providers.aws.signing import front
from keyturn.providers.aws.signing.rechunk import decode_whole
from keyturn.providers.aws.signing.values import Authentic, Chunks, ChunkSigning, Refused, Secret
from keyturn.providers.aws.wire import CredentialScope, Identified, WireRequest, identify
from keyturn.surfaces.aws_gateway.connection import ClientConnection
from keyturn.surfaces.aws_gateway.draining import Connections
from keyturn.surfaces.aws_gateway.exchange import Exchange

SCOPES: Final = ("dynamodb", "iam", "ec2", "s3", "lambda", "monitoring", "sqs", "route53", "rds", "nosuch")
METHODS: Final = ("POST", "GET", "PUT", "DELETE", "HEAD", "PATCH")
NOW_S: Final = 1_771_000_000.0


def request_of(data: bytes) -> tuple[WireRequest, str]:
    """A request made of bytes: two choose scope and method, then lines: the target, headers, an empty one, the body."""
    scope, method = SCOPES[data[0] % len(SCOPES)], METHODS[data[1] % len(METHODS)]
    head, _, body = data[2:].partition(b"\n\n")
    target, *lines = head.decode("latin-1").split("\n")
    headers = tuple(
        (name.lower(), value) for name, mark, value in (line.partition(":") for line in lines) if mark
    )
    return WireRequest(method, target, headers, body), scope


def reads(data: bytes) -> None:
    """The six parsers: identified, or refused with a code and a reason; never an exception."""
    if len(data) < 2:
        return
    request, name = request_of(data)
    found = identify(request, CredentialScope("AKID", "20260220", "us-east-1", name))
    if not isinstance(found, Identified) and not (found.code and found.reason):
        raise AssertionError(f"refused without a reason: {found}")


def signs(data: bytes) -> None:
    """SigV4 in all its forms: nobody who does not know the secret is taken for its owner."""
    if len(data) < 2:
        return
    request, _ = request_of(data)
    signed = front.authenticate(
        request, lambda _: Secret("a secret that no fuzzer knows"), region="us-east-1", now_s=NOW_S
    )
    if isinstance(signed, Authentic):
        raise AssertionError(f"taken for signed: {request}")  # noqa: TRY004  # a promise broken, no type
    if not (signed.code and signed.reason):
        raise AssertionError(f"refused without a reason: {signed}")


def chunks(data: bytes) -> None:
    """Bodies in chunks: decoded to the length that was promised, or refused."""
    found = decode_whole(data[1:], Chunks(ChunkSigning.NONE, data[0] if data else 0))
    if not isinstance(found, Refused) and len(found) != data[0]:
        raise AssertionError("decoded to another length than was promised")


def documents(data: bytes) -> None:
    """CBOR and JSON: a value, or a refusal."""
    for read in (cbor.decode, lambda body: strict_json(body, "the body")):
        try:
            read(data)
        except UnmodelledError:
            continue
        except RecursionError:
            raise AssertionError("deeper than it should have been read") from None


class _Nobody:
    """A gate that knows no session."""

    def session(self, _key: str) -> None:
        return None

    async def refuse(self, *_: str) -> None:
        return None


class _Never:
    """An executor that must not be asked."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"something was to be forwarded: {name}")


class _Transport:
    """Keeps what is answered."""

    def __init__(self) -> None:
        self.heard, self.closed = b"", False

    def write(self, data: bytes) -> None:
        self.heard += data

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return False

    def pause_reading(self) -> None:
        return None

    resume_reading = pause_reading


async def _talk(data: bytes) -> bytes:
    exchange = Exchange(cast("Any", _Nobody()), cast("Any", _Never()), account="1", partition="aws")
    client, transport = ClientConnection(exchange, Connections()), _Transport()
    client.connection_made(cast("Any", transport))
    cut = data[0] if data else 0
    for piece in (data[1:cut], data[max(1, cut) :]):
        if piece and not transport.closed:
            client.data_received(piece)
    for _ in range(8):
        await asyncio.sleep(0)
    client.connection_lost(None)
    await asyncio.sleep(0)
    return transport.heard


_LOOP: list[asyncio.AbstractEventLoop] = []


def http(data: bytes) -> None:
    """The socket: whatever comes is answered by refusals or not at all, and nothing is forwarded."""
    if not _LOOP:
        _LOOP.append(asyncio.new_event_loop())
    heard = _LOOP[0].run_until_complete(_talk(data))
    for line in heard.split(b"\r\n"):
        if line.startswith(b"HTTP/1.1 ") and line[9:12] not in {b"100", b"400", b"403", b"405"}:
            raise AssertionError(f"answered {line!r}")
        if b"KeyturnInternal" in line:
            raise AssertionError("an error of ours")


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "reads": reads,
    "signs": signs,
    "chunks": chunks,
    "documents": documents,
    "http": http,
}
