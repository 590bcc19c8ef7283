"""The plane's own HTTP client against servers that misbehave: what is in doubt is said to be in doubt, nothing waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from keyturn.executors import http
from keyturn.executors.http import Client, Connection
from keyturn.executors.interface import NotSentError

Serving = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HEADERS = (("host", "x"), ("content-length", "0"))


@asynccontextmanager
async def served(serve: Serving) -> AsyncIterator[tuple[Client, str]]:
    """A client, and the address of a server that does this with each connection."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    client = Client()
    try:
        yield client, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        client.close()
        server.close()
        await asyncio.sleep(0.05)


def answering(*parts: bytes, then_s: float = 0.0, requests: int = 1) -> Serving:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(requests):
            await reader.readuntil(b"\r\n\r\n")
            for part in parts:
                writer.write(part)
            await writer.drain()
        await asyncio.sleep(then_s)

    return serve


async def asked(client: Client, base: str, method: str = "GET") -> tuple[int, bytes]:
    answer = await client.request(base, method, "/", HEADERS)
    body = await answer.read(1_000)
    client.release(base, answer)
    return answer.status, body


async def test_an_answer_is_read_whole_and_its_connection_kept() -> None:
    """Two requests, one connection; chunked or with a length."""
    whole = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    async with served(answering(whole, requests=2)) as (client, base):
        assert await asked(client, base) == (200, b"ok")
        assert "1 idle connections" in repr(client)
        assert await asked(client, base) == (200, b"ok")
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    async with served(answering(chunked)) as (client, base):
        assert await asked(client, base) == (200, b"ok")


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 304), ("DELETE", 204)])
async def test_an_answer_without_a_body_is_over_at_its_head(method: str, status: int) -> None:
    """Whatever length it names; the connection is good for the next one."""
    head = f"HTTP/1.1 {status} X\r\ncontent-length: 1000\r\n\r\n".encode()
    if status == 204:
        head = b"HTTP/1.1 204 X\r\n\r\n"
    async with served(answering(head, requests=2)) as (client, base):
        assert await asked(client, base, method) == (status, b"")
        assert await asked(client, base, method) == (status, b"")


async def test_a_body_that_ends_early_is_an_error() -> None:
    """Never taken for whole."""
    async with served(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")) as (client, base):
        with pytest.raises(ConnectionError):
            await asked(client, base)


async def test_what_is_no_http_is_an_error() -> None:
    """In doubt, not unsent: the request had left."""
    async with served(answering(b"hello\r\n\r\n")) as (client, base):
        with pytest.raises(ConnectionError):
            await asked(client, base)


async def test_a_body_over_its_limit_is_refused() -> None:
    """A provider cannot fill the memory."""
    large = b"HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n" + b"x" * 2000
    async with served(answering(large)) as (client, base):
        with pytest.raises(ValueError, match="larger than 1,000 bytes"):
            await asked(client, base)


async def test_nobody_there_is_certainly_not_sent() -> None:
    """That alone may be called a failure."""
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()
    client = Client()
    with pytest.raises(NotSentError, match="cannot be reached"):
        await asked(client, base)
    client.close()


@pytest.mark.parametrize("part", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"])
async def test_silence_comes_to_an_end(part: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the head, or in the middle of the body."""
    monkeypatch.setattr(http, "ANSWER_S_MAX", 0.2)
    monkeypatch.setattr(http, "WATCH_S", 0.05)
    async with served(answering(part, then_s=5)) as (client, base):
        async with asyncio.timeout(3):
            with pytest.raises((TimeoutError, ConnectionError)):
                await asked(client, base)


async def test_a_slow_body_is_not_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """An upload that takes longer than the limit, and never stops for so long."""
    monkeypatch.setattr(http, "ANSWER_S_MAX", 0.3)
    monkeypatch.setattr(http, "WATCH_S", 0.05)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(10)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()

    async def body() -> AsyncIterator[bytes]:
        for _ in range(10):
            await asyncio.sleep(0.1)
            yield b"x"

    async with served(serve) as (client, base):
        answer = await client.request(base, "PUT", "/", (("host", "x"), ("content-length", "10")), body())
        assert answer.status == 200
        client.release(base, answer)


async def test_an_old_connection_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host may be closing it just now, and a change sent into that would be uncertain for nothing."""
    monkeypatch.setattr(http, "KEPT_S_MAX", 0.05)
    whole = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
    seen = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(1)
        await answering(whole, then_s=1)(reader, writer)

    async with served(serve) as (client, base):
        await asked(client, base)
        await asyncio.sleep(0.1)
        await asked(client, base)
    assert len(seen) == 2


class Heard:
    """A receiver that keeps what it hears."""

    def __init__(self) -> None:
        self.over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._body = b""

    def head(self, status: int, headers: list[tuple[str, str]]) -> None:
        assert status == 200

    def body(self, data: bytes) -> None:
        self._body += data

    def fed(self, *, ended: bool) -> None:
        if ended:
            self.over.set_result(self._body.decode())

    def fail(self, error: Exception) -> None:
        self.over.set_result(type(error).__name__)

    def hungry(self) -> bool:
        return True


class Echo:
    """Answers each request with its path, and keeps the paths."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            path = head.split(b" ")[1]
            self.paths.append(path.decode())
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(path), path))


@asynccontextmanager
async def three_kept() -> AsyncIterator[tuple[Client, str, Echo]]:
    """A client with three idle connections to a server that echoes."""
    echo = Echo()
    async with served(echo) as (client, base):
        answers = await asyncio.gather(*[client.request(base, "GET", "/before", HEADERS) for _ in range(3)])
        for answer in answers:
            await answer.read(100)
            client.release(base, answer)
        assert "3 idle connections" in repr(client)
        echo.paths.clear()
        yield client, base, echo


def relayed(client: Client, base: str, path: str) -> tuple[Heard, Connection]:
    heard = Heard()
    head = http.head_bytes("GET", path, HEADERS)
    connection = client.relay(base, head, b"", heard, bodiless=False)
    assert connection is not None
    return heard, connection


async def test_reads_of_one_turn_leave_together_and_each_hears_its_own_answer() -> None:
    """The first leaves at once, those that come while it is under way at the end of the turn; with none kept there is none to be had."""
    async with three_kept() as (client, base, echo):
        asked = [relayed(client, base, f"/{number}") for number in range(3)]
        assert client.relay(base, b"", b"", Heard(), bodiless=False) is None
        assert await asyncio.gather(*[heard.over for heard, _ in asked]) == ["/0", "/1", "/2"]
        assert sorted(echo.paths) == ["/0", "/1", "/2"]


async def test_a_read_whose_client_leaves_in_the_same_turn_never_leaves() -> None:
    """What waits for the end of the turn is not sent for nobody; the others are."""
    async with three_kept() as (client, base, echo):
        (first, _), (_, left), (last, _) = [relayed(client, base, f"/{number}") for number in range(3)]
        client.give_back(base, left, ended=False)
        assert [await first.over, await last.over] == ["/0", "/2"]
        await asyncio.sleep(0.05)
        assert sorted(echo.paths) == ["/0", "/2"]


async def test_nothing_leaves_a_client_that_is_closed_in_the_same_turn() -> None:
    """Who waits is told that its connection has ended."""
    async with three_kept() as (client, base, echo):
        asked = [relayed(client, base, f"/{number}") for number in range(3)]
        client.close()
        assert await asyncio.gather(*[heard.over for heard, _ in asked]) == ["ConnectionError"] * 3
        await asyncio.sleep(0.05)
        assert "/1" not in echo.paths
        assert "/2" not in echo.paths
