"""The gateway as HTTPS proxy (RFC 9110, 9.3.6): AWS's names are answered here, others are passed through only where settings say so."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import fnmatch
import hmac
import math
import ssl
from typing import Any, Final, Protocol

import msgspec

from keyturn.providers.aws.hosts import DOCUMENTS, is_aws
from keyturn.runtime.interface import Gate

ESTABLISHED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Authority(Protocol):
    """Who signs the certificates we answer with."""

    def context(self, host: str) -> ssl.SSLContext: ...


class Intercept(msgspec.Struct, frozen=True):
    """An endpoint of AWS's: the tunnel ends here."""

    host: str


class PassThrough(msgspec.Struct, frozen=True):
    """A host that the settings let through unread."""

    host: str
    port: int


class NotHere(msgspec.Struct, frozen=True):
    """Why there is no tunnel."""

    status: int
    code: str
    message: str


IN_THE_MIDDLE: Final = NotHere(400, "ConnectInTheMiddle", "a CONNECT comes first, not behind other requests")


def where(
    target: str, authorization: str, gate: Gate, *, tunnels: tuple[str, ...]
) -> Intercept | PassThrough | NotHere:
    """Where a CONNECT leads. Only port 443; passing through takes a session's key, since it reaches out from where the gateway stands.

    Of the names below AWS's own only those pass that serve documents, and stand in the settings as they are, without a pattern.
    """
    host, _, port = target.lower().rpartition(":")
    host = host.rstrip(".")
    if port != "443":
        return NotHere(403, "ConnectPort", f"only port 443 is connected to, not {port[:10] or 'none'}")
    if is_aws(host) and not (host in DOCUMENTS and host in tunnels):
        return Intercept(host)
    if not any(fnmatch.fnmatchcase(host, pattern.lower()) for pattern in tunnels):
        text = f"{host[:100]} is no endpoint of AWS's; name it in NO_PROXY of the agent, or in gateway.tunnels of keyturn.toml"
        return NotHere(403, "ConnectHost", text)
    if not _has_session(authorization, gate):
        return NotHere(
            407, "ConnectSession", "passing through takes a session's key and secret in the proxy's URL"
        )
    return PassThrough(host, 443)


def _has_session(authorization: str, gate: Gate) -> bool:
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        name, _, secret = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return False
    key = gate.session(name)
    return key is not None and not key.token and hmac.compare_digest(key.secret, secret)


class Tunnel(asyncio.Protocol):
    """One end of a connection that passes through: what comes goes out at the other, which says when it is too much."""

    def __init__(self, open_ends: set[Any]) -> None:
        self._open_ends = open_ends  # of the gateway, so that its end is theirs
        self.deadline_s = math.inf
        self.other: asyncio.Transport | None = None
        self.peer: Tunnel | None = None
        self._own: asyncio.Transport | None = None
        self._ended = False

    @property
    def idle(self) -> bool:
        """Nobody here knows: what passes through is not read."""
        return False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._own = transport  # type: ignore[assignment]  # a TCP connection has a full transport
        self._open_ends.add(self)

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.write(data)

    def join(self, peer: Tunnel, own: asyncio.Transport, other: asyncio.Transport) -> None:
        """From now on what comes here goes there, and the other way about."""
        self.peer, self._own, self.other = peer, own, other
        peer.peer, peer._own, peer.other = self, other, own  # one class
        self._open_ends.add(self)

    def eof_received(self) -> bool:
        self._ended = True
        if self.peer is None or self.peer._ended:  # noqa: SLF001  # one class
            return False  # both have said all: closed, and the other with it
        if self.other is not None and self.other.can_write_eof():
            with contextlib.suppress(OSError):
                self.other.write_eof()
        return True  # the other direction may have more

    def close(self) -> None:
        if self._own is not None:
            self._own.close()

    def abort(self) -> None:
        if self._own is not None:
            self._own.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._open_ends.discard(self)
        if self.other is not None:
            self.other.close()

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and not self.other.is_closing():
            self.other.resume_reading()
