"""A small HTTP/1.1 client for the data plane: keep-alive connections, streams in both directions, one try.

A request of which a byte may have left is never sent again. A kept connection that turns out to be dead before anything was
written is replaced once. Bodies flow with back-pressure; memory does not grow with their size.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import urlsplit

import httptools

from keyturn.executors.interface import NotSentError

CONNECT_S_MAX: Final = 5.0
"""A loopback or regional endpoint answers in milliseconds; longer is down."""

ANSWER_S_MAX: Final = 120.0
"""Between bytes of an answer: AWS's slowest synchronous calls are under two minutes."""

WATCH_S: Final = 5.0
"""How often silent answers are looked for."""

IDLE_MAX: Final = 64
"""Kept connections a host."""

KEPT_S_MAX: Final = 5.0
"""A kept connection is used again within this time: later the host may be closing it just now, and a change sent into that would
be uncertain for nothing."""

HIGH_WATER_BYTES: Final = 512 * 1024
"""Bytes of an answer held until the reader takes them; then the socket is paused."""

HEAD_BYTES_MAX: Final = 64 * 1024


class Answer:
    """A response whose head is here; iterate it for the body."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.done = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            chunk = await self._connection.next_chunk()
            if chunk is None:
                return
            yield chunk

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises `ValueError` when it is larger than `limit` bytes."""
        parts, size = [], 0
        async for chunk in self:
            parts.append(chunk)
            size += len(chunk)
            if size > limit:
                self._connection.close()
                raise ValueError(f"the answer is larger than {limit:,} bytes")
        return b"".join(parts)


class _Connection(asyncio.Protocol):
    """One connection: one request at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._wake = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._paused = False
        self._lost = False
        self._parser: httptools.HttpResponseParser | None = None
        self.answer: Answer | None = None
        self._head: asyncio.Future[Answer] | None = None
        self.reusable = False
        self._bodiless = self._cut = False
        self.idle_since_s = 0.0
        self.heard_s = 0.0  # when something last came, by the loop's clock
        self._loop = asyncio.get_running_loop()

    # --- asyncio -----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # a TCP connection has a full transport

    def pause_writing(self) -> None:
        self._drained.clear()

    def resume_writing(self) -> None:
        self._drained.set()

    def data_received(self, data: bytes) -> None:
        if self._parser is None:
            self.close()  # bytes that nobody asked for
            return
        self.heard_s = self._loop.time()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionError(f"the answer is no HTTP: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._drained.set()
        if self.answer is not None and not self.answer.done:
            self._fail(exc or ConnectionError("the connection ended in the middle of an answer"))
        self._wake.set()

    # --- httptools ---------------------------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.answer is not None:
            self.answer.headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        if self.answer is None or self._parser is None:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            self.answer.headers.clear()
            return
        self.answer.status = status
        if self._bodiless or status in {204, 304}:
            self._cut = True
            self.answer.done = True  # whatever its length says (RFC 9110, 6.4.1 and 9.3.2); each answer has a parser of its own
        self.reusable = self._parser.should_keep_alive()
        if self._head is not None and not self._head.done():
            self._head.set_result(self.answer)

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)
        self._size += len(body)
        if self._size > HIGH_WATER_BYTES and not self._paused and self.transport is not None:
            self._paused = True
            self.transport.pause_reading()
        self._wake.set()

    def on_message_complete(self) -> None:
        if self.answer is not None and self.answer.status:
            self.answer.done = True
            self._wake.set()

    # --- use ---------------------------------------------------------------------------------------------------------

    @property
    def usable(self) -> bool:
        return not self._lost and self.transport is not None and not self.transport.is_closing()

    def begin(self, *, bodiless: bool) -> asyncio.Future[Answer]:
        """Ready for the next answer; one to a HEAD has no body."""
        fresh = (
            self._parser is None or self._bodiless or self._cut
        )  # its parser waits for a body that never comes
        self._bodiless, self._cut = bodiless, False
        if fresh:
            self._parser = httptools.HttpResponseParser(self)
        self._chunks.clear()
        self._size = 0
        self.answer = Answer(self)
        self._head = self._loop.create_future()
        self.heard_s = self._loop.time()
        return self._head

    async def write(self, data: bytes) -> None:
        if self.transport is None or self._lost:
            raise ConnectionError("the connection is gone")
        self.transport.write(data)
        await self._drained.wait()
        self.heard_s = self._loop.time()  # a body that flows is not silence

    async def next_chunk(self) -> bytes | None:
        """The next piece of the body; None at its end. Raises `ConnectionError` when it ends early."""
        while not self._chunks:
            if self.answer is not None and self.answer.done:
                return None
            if self._lost:
                raise ConnectionError("the connection ended in the middle of an answer")
            self._wake.clear()
            await self._wake.wait()
        chunk = self._chunks.popleft()
        self._size -= len(chunk)
        if self._paused and self._size < HIGH_WATER_BYTES // 2 and self.transport is not None:
            self._paused = False
            self.transport.resume_reading()
        return chunk

    def silent(self, since_s: float) -> bool:
        """Whether nothing has come since then, though somebody waits for it: then it is over."""
        if self.heard_s > since_s or self._paused or self._chunks:
            return False
        self._fail(TimeoutError(f"no answer for {ANSWER_S_MAX:g} s"))
        return True

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def _fail(self, error: Exception) -> None:
        self._lost = True
        self.close()
        if self._head is not None and not self._head.done():
            self._head.set_exception(error)
        self._wake.set()


class Client:
    """Connections to whatever hosts the plane chooses; TLS is verified by the system's authorities."""

    def __init__(self) -> None:
        self._idle: dict[str, deque[_Connection]] = {}
        self._tls: ssl.SSLContext | None = None
        self._busy: set[_Connection] = set()
        self._watch: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Client [{sum(map(len, self._idle.values()))} idle connections to {len(self._idle)} hosts]>"

    async def request(
        self,
        base: str,
        method: str,
        target: str,
        headers: tuple[tuple[str, str], ...],
        body: bytes | AsyncIterator[bytes] = b"",
    ) -> Answer:
        """Send once and return when the head of the answer is here. The body must be read to its end, or `release` called.

        Raises `NotSentError` when certainly nothing left, `ConnectionError` or `TimeoutError` when something may have.
        """
        head = (
            f"{method} {target} HTTP/1.1\r\n"
            + "".join(f"{name}: {value}\r\n" for name, value in headers)
            + "\r\n"
        )
        raw = head.encode("latin-1")
        connection = await self._connect(base)
        waiting = connection.begin(bodiless=method == "HEAD")
        self._busy.add(connection)
        if self._watch is None:
            self._look()
        try:
            if isinstance(body, bytes):
                await connection.write(raw + body)
            else:
                await connection.write(raw)
                async for chunk in body:
                    await connection.write(chunk)
            answer = await waiting
        except BaseException:
            self._busy.discard(connection)
            connection.close()
            if not waiting.done():
                waiting.cancel()
            raise
        return answer

    def release(self, base: str, answer: Answer) -> None:
        """Give the connection back; it is kept when its answer was read to the end."""
        connection = answer._connection  # noqa: SLF001  # one module
        self._busy.discard(connection)
        idle = self._idle.setdefault(base, deque())
        if answer.done and connection.reusable and connection.usable and len(idle) < IDLE_MAX:
            connection.idle_since_s = asyncio.get_running_loop().time()
            idle.append(connection)
        else:
            connection.close()

    def _look(self) -> None:
        """End what has been silent too long: one timer for all, not two for each request."""
        loop = asyncio.get_running_loop()
        silent_since_s = loop.time() - ANSWER_S_MAX
        for connection in tuple(self._busy):
            if connection.silent(silent_since_s):
                self._busy.discard(connection)
        self._watch = loop.call_later(WATCH_S, self._look)

    async def _connect(self, base: str) -> _Connection:
        idle = self._idle.get(base)
        while idle:
            kept = idle.pop()
            if kept.usable and asyncio.get_running_loop().time() - kept.idle_since_s <= KEPT_S_MAX:
                return kept
            kept.close()
        parts = urlsplit(base)
        secure = parts.scheme == "https"
        if secure and self._tls is None:
            self._tls = ssl.create_default_context()
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                _, connection = await asyncio.get_running_loop().create_connection(
                    _Connection,
                    parts.hostname or "",
                    parts.port or (443 if secure else 80),
                    ssl=self._tls if secure else None,
                )
        except (OSError, TimeoutError) as error:
            raise NotSentError("no-connection", f"{base} cannot be reached: {error or 'time-out'}") from error
        return connection

    def close(self) -> None:
        """Close what is kept."""
        if self._watch is not None:
            self._watch.cancel()
        for connection in self._busy:
            connection.close()
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        self._idle.clear()
