"""One client's connection: requests in order, bodies whole or streamed, a leaving client noticed."""

from __future__ import annotations

import asyncio
import logging
import math
import ssl
from collections import deque
from collections.abc import AsyncIterator

import httptools

from keyturn.providers.aws.hosts import settled
from keyturn.providers.aws.signing import front
from keyturn.providers.aws.signing.values import Refused
from keyturn.providers.aws.wire import Unidentified, WireRequest, may_stream
from keyturn.surfaces.aws_gateway import limits
from keyturn.surfaces.aws_gateway.draining import Connections
from keyturn.surfaces.aws_gateway.exchange import Exchange, Judged, Reading
from keyturn.surfaces.aws_gateway.incoming import Incoming, Stream, TooLargeError, decodes_to_nothing
from keyturn.surfaces.aws_gateway.proxy import (
    ESTABLISHED,
    IN_THE_MIDDLE,
    Intercept,
    NotHere,
    PassThrough,
    Tunnel,
)
from keyturn.surfaces.aws_gateway.relay import Relay
from keyturn.surfaces.aws_gateway.saying import Sender

log = logging.getLogger("keyturn.gateway")


class ClientConnection(asyncio.Protocol, Sender):
    """One connection."""

    def __init__(self, exchange: Exchange, connections: Connections, *, origin: str = "") -> None:
        self._exchange, self._connections, self._origin = exchange, connections, origin
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._incoming: Incoming | None = None
        self._queue: deque[Incoming] = deque()
        self._task: asyncio.Task[None] | None = None
        self._relay: Relay | None = None
        self._judged: Judged | None = None
        self._connecting: Incoming | None = None
        self._early = b""
        self._came_bytes = 0  # in this piece
        self._drained = asyncio.Event()
        self._drained.set()
        self._reading = True
        self._lingering_bytes: int | None = None  # thrown away since the last answer of this connection
        self._loop = asyncio.get_running_loop()
        self.deadline_s = math.inf  # by the loop's clock; then the connection is closed

    @property
    def idle(self) -> bool:
        return not self._queue and self._incoming is None and self._task is None and self._relay is None

    # --- asyncio -----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a TCP connection has a full transport
        self._connections.add(self)
        if self._connections.closed:
            self.abort()  # nobody listens any more: what it asks would begin behind the end
            return
        self._rest()
        if self._early:
            early, self._early = self._early, b""
            self.data_received(early)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._drained.set()
        for incoming in (*self._queue, *([self._incoming] if self._incoming else [])):
            incoming.lost = True
            if incoming.stream is not None:
                incoming.stream.wake.set()
        if self._relay is not None:
            self._relay.leave()
        if self._task is not None:
            self._task.cancel()  # the client has left: its case stays, nobody waits for it

    def eof_received(self) -> bool:
        """A client that has said all still hears what it reads. Of a change it counts as leaving: nobody would wait any more."""
        begun = self._relay is not None and self._relay.begun  # who goes in the middle of an answer has left
        reading = isinstance(self._judged, Reading) and not self.idle and not begun
        if not reading or self._incoming is not None or self._transport is None:
            return False
        self._queue[-1].keep_alive = False
        return self._transport.can_write_eof()

    def pause_writing(self) -> None:
        self._drained.clear()
        self.deadline_s = self._loop.time() + limits.TAKE_S_MAX
        if self._relay is not None:
            self._relay.pause()

    def resume_writing(self) -> None:
        self._drained.set()
        if self._task is not None or self._relay is not None:
            self.deadline_s = math.inf
        else:
            self._rest()
        if self._relay is not None:
            self._relay.resume()

    def data_received(self, data: bytes) -> None:
        if self._transport is None:  # between the end of a handshake and its news
            self._early += data
            return
        self._came_bytes = len(data)
        try:
            self._parser.feed_data(data)
            if self._incoming is not None and (self._incoming.lines or not self._incoming.headed):
                self._incoming.weigh(came_bytes=len(data))
        except (
            httptools.HttpParserUpgrade
        ):  # not taken up (RFC 9110, 7.8): the request is answered, then it ends
            self._pause()
            if self._connecting is not None:
                self._task = self._loop.create_task(self._connect(self._connecting))
            elif self._queue:
                self._queue[-1].keep_alive = False
            else:
                self._refuse(400, "UpgradeNotSupported", "this connection cannot be upgraded")
        except (httptools.HttpParserError, TooLargeError) as error:
            self._refuse(400, "MalformedRequest", f"this is no request that can be read: {error}")

    # --- httptools ---------------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._incoming = Incoming()
        self.deadline_s = self._loop.time() + limits.HEAD_S_MAX

    def on_url(self, url: bytes) -> None:
        if self._incoming is not None:
            self._incoming.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._incoming is not None:
            self._incoming.lines.append((name, value))

    def on_headers_complete(self) -> None:
        incoming = self._incoming
        if incoming is None:
            return
        incoming.headed = True
        if (
            incoming.head_bytes or self._came_bytes > limits.HEAD_BYTES_MAX
        ):  # else it is smaller than its piece
            incoming.weigh()
        incoming.take_lines()
        self.deadline_s = self._loop.time() + limits.BODY_S_MAX
        incoming.method = self._parser.get_method().decode()
        incoming.keep_alive = self._parser.should_keep_alive()
        if incoming.method == "PUT" and self._streams(incoming):
            incoming.stream = Stream()
            self.deadline_s = math.inf
            self._enqueue(incoming)
        elif [1 for name, value in incoming.headers if name == "expect" and value.lower() == "100-continue"]:
            self.write_now(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _streams(self, incoming: Incoming) -> bool:
        """Whether its body may flow past unread: an object's, that is signed for."""
        has_body = (
            incoming.header("content-length") not in {"", "0"} or incoming.header("transfer-encoding") != ""
        )
        claim = front.claim(self._wire(incoming, body=None), region="", origin=self._origin)
        if not has_body or isinstance(claim, Refused) or decodes_to_nothing(claim.request):
            return False
        there = settled(claim.request, claim.scope, self._origin) if self._origin else claim.request
        return not isinstance(there, Unidentified) and may_stream(there, claim.scope)

    def on_body(self, body: bytes) -> None:
        incoming = self._incoming
        if incoming is None:
            return
        stream = incoming.stream
        if self._lingering_bytes is not None:
            self._lingering_bytes += len(body)
            if self._lingering_bytes > limits.LINGER_BYTES_MAX:
                self.close()
            return
        if stream is None:
            if not incoming.body:
                incoming.body = body
            else:
                if isinstance(incoming.body, bytes):
                    incoming.body = bytearray(incoming.body)
                incoming.body += body
            if len(incoming.body) > limits.BODY_BYTES_MAX:
                raise TooLargeError(f"its body is over {limits.BODY_BYTES_MAX:,} bytes")
            return
        stream.chunks.append(body)
        stream.held_bytes += len(body)
        stream.wake.set()
        if stream.held_bytes > limits.STREAM_HIGH_BYTES:
            self._pause()

    def on_message_complete(self) -> None:
        incoming, self._incoming = self._incoming, None
        if incoming is None:
            return
        if self._lingering_bytes is not None:
            self.close()
            return
        incoming.complete = True
        if incoming.lines and incoming.stream is None:
            incoming.take_lines()
        self.deadline_s = math.inf
        if incoming.stream is not None:
            incoming.stream.wake.set()
        elif incoming.method == "CONNECT":
            self._connecting = incoming
        else:
            self._enqueue(incoming)

    # --- one after the other -----------------------------------------------------------------------------------------

    def _enqueue(self, incoming: Incoming) -> None:
        self._queue.append(incoming)
        if len(self._queue) > limits.PIPELINE_MAX:
            self._pause()
        self._next()

    def _next(self) -> None:
        """Begin the next request that has come: reads pass as they are, all else has a task of its own."""
        if self._task is not None or self._relay is not None or not self._queue:
            return
        incoming = self._queue[0]
        streamed = incoming.stream is not None
        judged = self._exchange.judge(
            self._wire(incoming, body=None if streamed else bytes(incoming.body)), self._origin
        )
        if not streamed:
            self._relay = self._exchange.relay(judged, self)
        self._judged = judged
        if self._relay is None:
            self._task = self._loop.create_task(self._work(incoming, judged))

    async def _work(self, incoming: Incoming, judged: Judged) -> None:
        """Serve one request."""
        try:
            body = self._stream(incoming, incoming.stream) if incoming.stream is not None else None
            await self._exchange.serve(judged, body, self)
        except asyncio.CancelledError:
            return
        except ConnectionError:
            self.close()
            return
        except Exception:
            log.exception("a connection failed; nothing of it was forwarded after this")
            self.close()
            return
        finally:
            self._task = None
        self._answered(incoming)

    def _answered(self, incoming: Incoming) -> None:
        """Go on with the next, unless this connection ends here."""
        self._queue.popleft()
        if incoming.stream is not None and incoming.unheard:
            self._linger(incoming.stream)
            return
        if not incoming.keep_alive:
            self.close()
            return
        self._rest()
        self._resume()
        self._next()

    def ends(self) -> bool:
        incoming = self._queue[0] if self._queue else None
        return incoming is None or not incoming.keep_alive or incoming.unheard

    def _linger(self, stream: Stream) -> None:
        """It is answered, and still sends a body that nobody wants: hear it out for a moment, so that the answer reaches it."""
        self._lingering_bytes = 0
        stream.chunks.clear()
        self.deadline_s = self._loop.time() + limits.LINGER_S
        if self._transport is not None and self._transport.can_write_eof():
            self._transport.write_eof()
        self._resume()

    # --- as a proxy --------------------------------------------------------------------------------------------------

    async def _connect(self, incoming: Incoming) -> None:
        """Take up a CONNECT: AWS's names are answered here, over TLS; others pass where the settings let them."""
        try:
            place = self._exchange.connects(
                incoming.target.decode("latin-1"), incoming.header("proxy-authorization")
            )
            if isinstance(place, NotHere) or self._queue or self._transport is None:
                why = place if isinstance(place, NotHere) else IN_THE_MIDDLE
                self._task = None
                self._refuse(why.status, why.code, why.message)
            elif isinstance(place, Intercept):
                await self._intercept(place.host, self._transport)
            else:
                await self._pass_through(place, self._transport)
        except (OSError, TimeoutError, ssl.SSLError) as error:
            log.info("a tunnel could not be made: %s", error)
            self.close()
        finally:
            self._task = None

    async def _intercept(self, host: str, transport: asyncio.Transport) -> None:
        """The tunnel ends here: a client of its own, whose requests were meant for this host."""
        context = self._exchange.certificate_for(host)
        self.write_now(ESTABLISHED)
        inner = ClientConnection(self._exchange, self._connections, origin=host)
        try:  # this one stands for the handshake: whoever ends the gateway in the middle of it ends this too
            secured = await self._loop.start_tls(
                transport, inner, context, server_side=True, ssl_handshake_timeout=limits.HEAD_S_MAX
            )
        finally:
            self._connections.discard(self)
        if secured is None:
            raise ConnectionError("the client left during the handshake")
        inner.connection_made(secured)

    async def _pass_through(self, place: PassThrough, transport: asyncio.Transport) -> None:
        ours, theirs = Tunnel(self._connections), Tunnel(self._connections)
        async with asyncio.timeout(limits.CONNECT_S_MAX):
            there, _ = await self._loop.create_connection(lambda: theirs, place.host, place.port)
        self.write_now(ESTABLISHED)
        self._connections.discard(self)
        ours.join(theirs, transport, there)
        transport.set_protocol(ours)
        self._resume()

    # --- what a relay says -------------------------------------------------------------------------------------------

    def relayed(self, *, whole: bool) -> None:
        self._relay = None
        if whole:
            self._answered(self._queue[0])
        else:
            self.close()

    def not_relayed(self) -> None:
        """The kept connection had died: a read may be asked a second time, over a new one."""
        self._relay = None
        if self._judged is not None and self._transport is not None and not self._transport.is_closing():
            self._task = self._loop.create_task(self._work(self._queue[0], self._judged))

    async def _stream(self, incoming: Incoming, stream: Stream) -> AsyncIterator[bytes]:
        """The body as it comes; the client is told to go on only when somebody takes it."""
        if incoming.header("expect").lower() == "100-continue":
            self.write_now(b"HTTP/1.1 100 Continue\r\n\r\n")
        while True:
            while stream.chunks:
                chunk = stream.chunks.popleft()
                stream.held_bytes -= len(chunk)
                if stream.held_bytes < limits.STREAM_HIGH_BYTES // 2:
                    self._resume()
                yield chunk
            if incoming.complete:
                return
            if incoming.lost:
                raise ConnectionError("the client left in the middle of its body")
            stream.wake.clear()
            self.deadline_s = self._loop.time() + limits.PIECE_S_MAX
            await stream.wake.wait()
            self.deadline_s = math.inf

    def _wire(self, incoming: Incoming, *, body: bytes | None) -> WireRequest:
        return WireRequest(incoming.method, incoming.target.decode("latin-1"), tuple(incoming.headers), body)

    # --- Sender ------------------------------------------------------------------------------------------------------

    def write_now(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    async def write(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            raise ConnectionError("the client has left")
        self._transport.write(data)
        await self._drained.wait()

    def still_holding(self) -> None:
        self.write_now(b"HTTP/1.1 100 Continue\r\n\r\n")

    # --- small things ------------------------------------------------------------------------------------------------

    def _pause(self) -> None:
        if self._reading and self._transport is not None:
            self._reading = False
            self._transport.pause_reading()

    def _resume(self) -> None:
        if not self._reading and self._transport is not None and not self._transport.is_closing():
            self._reading = True
            self._transport.resume_reading()

    def _rest(self) -> None:
        self.deadline_s = self._loop.time() + limits.IDLE_S

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Say what was wrong, unless an earlier request of this connection is still to be answered: then just close."""
        if self._task is not None or self._relay is not None:
            self.close()
            return
        message = message.replace("\\", "/").replace('"', "'")
        body = f'{{"__type":"{code}","message":"{message}"}}'.encode()
        head = f"HTTP/1.1 {status} Bad Request\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.write_now(head.encode() + body)
        self.close()

    def close(self) -> None:
        # Once: over TLS a second close makes asyncio forget what there would be to abort (asyncio/sslproto.py).
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()

    def abort(self) -> None:
        """End it at once, whatever is still to be sent."""
        if self._transport is not None:
            self._transport.abort()
