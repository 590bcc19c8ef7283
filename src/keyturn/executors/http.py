"""A small HTTP/1.1 client for the data plane: keep-alive connections, streams in both directions, one try.

A request of which a byte may have left is never sent again. A kept connection that turns out to be dead before anything was
written is replaced once. Bodies flow with back-pressure; memory does not grow with their size.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from functools import lru_cache
from typing import Final, Protocol
from urllib.parse import urlsplit

import httptools

from keyturn.executors.interface import NotSentError, nothing

CONNECT_S_MAX: Final = 5.0
"""A loopback or regional endpoint answers in milliseconds; longer is down."""

ANSWER_S_MAX: Final = 120.0
"""Between bytes of an answer: AWS's slowest synchronous calls are under two minutes, but for those that stream (`passing`)."""

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


@lru_cache(maxsize=512)
def header_name(raw: bytes) -> str:
    """A header's name as text in lower case. The few that there are come again and again."""
    return raw.decode("latin-1").lower()


class Receiver(Protocol):
    """Who hears an answer as it comes. After each piece that came off the wire `fed` is called, once."""

    def head(self, status: int, headers: list[tuple[str, str]]) -> None: ...

    def body(self, data: bytes) -> None: ...

    def fed(self, *, ended: bool) -> None:
        """What came is given out; `ended`: that was all of the answer."""
        ...

    def fail(self, error: Exception) -> None:
        """The answer will not come, or not to its end."""
        ...

    def hungry(self) -> bool:
        """Whether more could be taken now: then silence is the other side's."""
        ...


class Answer:
    """A response whose head is here; iterate it for the body."""

    def __init__(self, connection: Connection, waiting: asyncio.Future[Answer]) -> None:
        self.connection = connection
        self._waiting = waiting
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._wake = asyncio.Event()
        self._broken: Exception | None = None
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.done = False

    # --- Receiver ----------------------------------------------------------------------------------------------------

    def head(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.status, self.headers = status, headers
        if not self._waiting.done():
            self._waiting.set_result(self)

    def body(self, data: bytes) -> None:
        self._chunks.append(data)
        self._size += len(data)
        if self._size > HIGH_WATER_BYTES:
            self.connection.pause()

    def fed(self, *, ended: bool) -> None:
        self.done = self.done or ended
        self._wake.set()

    def fail(self, error: Exception) -> None:
        self._broken = error
        if not self._waiting.done():
            self._waiting.set_exception(error)
        self._wake.set()

    def hungry(self) -> bool:
        return not self._chunks

    # --- use ---------------------------------------------------------------------------------------------------------

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (chunk := await self._next()) is not None:
            yield chunk

    async def _next(self) -> bytes | None:
        """The next piece of the body; None at its end. Raises what broke it off."""
        while not self._chunks:
            if self.done:
                return None
            if self._broken is not None:
                raise self._broken
            self._wake.clear()
            await self._wake.wait()
        chunk = self._chunks.popleft()
        self._size -= len(chunk)
        if self._size < HIGH_WATER_BYTES // 2:
            self.connection.resume()
        return chunk

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises `ValueError` when it is larger than `limit` bytes."""
        parts, size = [], 0
        async for chunk in self:
            parts.append(chunk)
            size += len(chunk)
            if size > limit:
                self.connection.close()
                raise ValueError(f"the answer is larger than {limit:,} bytes")
        return b"".join(parts)


class Connection(asyncio.Protocol):
    """One connection: one request at a time."""

    def __init__(self, base: str = "") -> None:
        self.base = base  # where it leads
        self._transport: asyncio.Transport | None = None
        self._drained = asyncio.Event()
        self._drained.set()
        self._paused = self._lost = False
        self._parser: httptools.HttpResponseParser | None = None
        self._receiver: Receiver | None = None
        self._headers: list[tuple[str, str]] = []
        self._answered = self._ended = False
        self._bodiless = self._cut = False
        self.reusable = False
        self.idle_since_s = 0.0
        self.heard_s = 0.0  # when something last came, by the loop's clock
        self._silence_s_max = ANSWER_S_MAX
        self._loop = asyncio.get_running_loop()

    # --- asyncio -----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a TCP connection has a full transport

    def pause_writing(self) -> None:
        self._drained.clear()

    def resume_writing(self) -> None:
        self._drained.set()

    def data_received(self, data: bytes) -> None:
        receiver = self._receiver
        if self._parser is None or receiver is None:
            self.close()  # bytes that nobody asked for
            return
        self.heard_s = self._loop.time()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionError(f"the answer is no HTTP: {error}"))
            return
        if self._ended:
            self._receiver = None
        if self._answered:
            receiver.fed(ended=self._ended)

    def connection_lost(self, exc: Exception | None) -> None:
        self._drained.set()
        self._fail(exc or ConnectionError("the connection ended in the middle of an answer"))

    # --- httptools ---------------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._ended:
            self._cut, self.reusable = True, False  # a second answer to one request: nobody hears it

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((header_name(name), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        if self._ended or self._receiver is None or self._parser is None:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            self._headers = []
            return
        self._answered = True
        self.reusable = self._parser.should_keep_alive()
        self._receiver.head(status, self._headers)
        if self._bodiless or status in {204, 304}:
            self._cut = self._ended = True  # whatever its length says (RFC 9110, 6.4.1 and 9.3.2)

    def on_body(self, body: bytes) -> None:
        if not self._ended and self._receiver is not None:
            self._receiver.body(body)

    def on_message_complete(self) -> None:
        if self._answered:
            self._ended = True

    # --- use ---------------------------------------------------------------------------------------------------------

    @property
    def usable(self) -> bool:
        return not self._lost and self._transport is not None and not self._transport.is_closing()

    def usable_since(self, seconds: float) -> bool:
        """Whether it is usable and was used within this time."""
        return self.usable and self._loop.time() - self.idle_since_s <= seconds

    def begin(self, receiver: Receiver, *, bodiless: bool, silence_s_max: float | None = None) -> None:
        """Ready for the next answer; one to a HEAD has no body."""
        fresh = self._parser is None or self._cut  # its parser waits for a body that never comes
        self._bodiless, self._cut = bodiless, False
        self._answered = self._ended = False
        if fresh:
            self._parser = httptools.HttpResponseParser(self)
        self._headers = []
        self._receiver, self._silence_s_max = receiver, silence_s_max or ANSWER_S_MAX
        self.heard_s = self._loop.time()

    def write_now(self, data: bytes) -> None:
        """Raises `ConnectionError` when nothing can leave any more."""
        if self._transport is None or self._lost:
            raise ConnectionError("the connection is gone")
        self._transport.write(data)

    async def write(self, data: bytes) -> None:
        self.write_now(data)
        await self._drained.wait()
        self.heard_s = self._loop.time()  # a body that flows is not silence

    def pause(self) -> None:
        """Nothing more of the answer for now."""
        if not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    def silent(self, now_s: float) -> bool:
        """Whether nothing has come for too long, though somebody waits for it: then it is over."""
        patient = now_s - self.heard_s < self._silence_s_max
        if patient or self._paused or not (self._receiver and self._receiver.hungry()):
            return False
        self._fail(TimeoutError(f"no answer for {self._silence_s_max:g} s"))
        return True

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End it at once, whatever has not left yet."""
        if self._transport is not None:
            self._transport.abort()

    def _fail(self, error: Exception) -> None:
        self._lost = True
        self.abort()
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.fail(error)


def head_bytes(method: str, target: str, headers: tuple[tuple[str, str], ...]) -> bytes:
    """The head of a request as it goes over the wire."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")


class Client:
    """Connections to whatever hosts the plane chooses; TLS is verified by the system's authorities."""

    def __init__(self) -> None:
        self._idle: dict[str, deque[Connection]] = {}
        self._tls: ssl.SSLContext | None = None
        self._busy: set[Connection] = set()
        self._watch: asyncio.TimerHandle | None = None
        self._leaving: list[tuple[Connection, bytes]] = []  # at the end of this turn of the loop
        self._closed = False

    def __repr__(self) -> str:
        return f"<Client [{sum(map(len, self._idle.values()))} idle connections to {len(self._idle)} hosts]>"

    async def request(
        self,
        base: str,
        method: str,
        target: str,
        headers: tuple[tuple[str, str], ...],
        body: bytes | AsyncIterator[bytes] = b"",
        last_look: Callable[[], None] = nothing,
        *,
        silence_s_max: float | None = None,
    ) -> Answer:
        """Send once and return when the head of the answer is here. The body must be read to its end, or `release` called.

        `last_look` is called before the first byte is written; what it raises is raised, and nothing has left.

        Raises `NotSentError` when certainly nothing left, `ConnectionError` or `TimeoutError` when something may have.
        """
        raw = head_bytes(method, target, headers)
        connection = self._kept(base) or await self._connect(base)
        if self._closed:
            connection.abort()
            raise NotSentError("closed", "the plane is stopping: nothing leaves it any more")
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        connection.begin(Answer(connection, waiting), bodiless=method == "HEAD", silence_s_max=silence_s_max)
        self._watched(connection)
        try:
            last_look()
            if isinstance(body, bytes):
                await connection.write(raw + body)
            else:
                await connection.write(raw)
                async for chunk in body:
                    await connection.write(chunk)
            answer = await waiting
        except BaseException:
            self._busy.discard(connection)
            connection.abort()  # what the other side has not taken would keep it open
            if not waiting.done():
                waiting.cancel()
            raise
        return answer

    def release(self, base: str, answer: Answer) -> None:
        """Give the connection back; it is kept when its answer was read to the end."""
        self.give_back(base, answer.connection, ended=answer.done)

    def relay(
        self, base: str, head: bytes, body: bytes, receiver: Receiver, *, bodiless: bool
    ) -> Connection | None:
        """Send over a kept connection, at once or with whatever else leaves in this turn of the loop, and let `receiver` hear the answer;
        None when there is none to be had.

        No task and no future: the way of reads. `give_back` belongs to it. Requests that leave one behind the other wake who is on the
        other side once, not each anew: of sixteen that came together, a fifth of what a read costs.
        """
        connection = self._kept(base)
        if connection is None:
            return None
        connection.begin(receiver, bodiless=bodiless)
        self._watched(connection)
        data = head + body if body else head
        if len(self._busy) == 1:  # nothing else is under way: nothing to wait for
            connection.write_now(data)
            return connection
        if not self._leaving:
            asyncio.get_running_loop().call_soon(self._leave)
        self._leaving.append((connection, data))
        return connection

    def _leave(self) -> None:
        """Of a connection that has ended meanwhile nothing leaves: its receiver was told, or has left itself."""
        leaving, self._leaving = self._leaving, []
        for connection, data in leaving:
            if connection.usable:
                connection.write_now(data)

    def give_back(self, base: str, connection: Connection, *, ended: bool) -> None:
        """Keep the connection for the next request when its answer came to its end."""
        self._busy.discard(connection)
        idle = self._idle.get(base)
        if idle is None:
            idle = self._idle[base] = deque()
        room = not self._closed and len(idle) < IDLE_MAX
        if ended and connection.reusable and connection.usable and room:
            connection.resume()
            connection.idle_since_s = connection.heard_s
            idle.append(connection)
        else:
            connection.abort()  # what the other side has not taken would keep it open

    def _watched(self, connection: Connection) -> None:
        self._busy.add(connection)
        if self._watch is None:
            self._look()

    def _look(self) -> None:
        """End what has been silent too long: one timer for all, not two for each request."""
        loop = asyncio.get_running_loop()
        for connection in tuple(self._busy):
            if connection.silent(loop.time()):
                self._busy.discard(connection)
        self._watch = loop.call_later(WATCH_S, self._look)

    def _kept(self, base: str) -> Connection | None:
        """A connection that was used a moment ago."""
        idle = self._idle.get(base)
        while idle:
            kept = idle.pop()
            if kept.usable_since(KEPT_S_MAX):
                return kept
            kept.close()
        return None

    async def _connect(self, base: str) -> Connection:
        parts = urlsplit(base)
        secure = parts.scheme == "https"
        if secure and self._tls is None:
            self._tls = ssl.create_default_context()
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: Connection(base),
                    parts.hostname or "",
                    parts.port or (443 if secure else 80),
                    ssl=self._tls if secure else None,
                )
        except (OSError, TimeoutError) as error:
            raise NotSentError("no-connection", f"{base} cannot be reached: {error or 'time-out'}") from error
        return connection

    def close(self) -> None:
        """Close what is kept, and what is asked; nothing leaves after this."""
        self._closed = True
        if self._watch is not None:
            self._watch.cancel()
        for connection in self._busy:
            connection.abort()
        for idle in self._idle.values():
            for connection in idle:
                connection.abort()  # over TLS a close waits for the other side's, and nothing is under way
        self._idle.clear()
