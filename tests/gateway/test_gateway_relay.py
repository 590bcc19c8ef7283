"""Reads that pass without a task of their own: what happens to them when either side does not behave."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.gateway.gateway_world import Running, raw, running, signed

BODY = b'{"TableName":"t","Key":{"id":{"S":"1"}}}'
ITEM = b'{"Item":{"id":{"S":"1"}}}'


def whole(body: bytes = ITEM) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body


class Scripted:
    """An upstream at socket level: the n-th request it sees is answered by the n-th act, whichever connection it comes over."""

    def __init__(self) -> None:
        self.acts: list[Callable[[socket.socket], None]] = []
        self.seen = self.connections = 0
        self.left = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                self.connections += 1
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        heard = b""
        with contextlib.suppress(OSError), connection:
            while data := connection.recv(65_536):
                heard += data
                while BODY in heard:
                    heard = heard.partition(BODY)[2]
                    self.seen += 1
                    self.acts[min(self.seen, len(self.acts)) - 1](connection)
        self.left.set()

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def upstream() -> Iterator[Scripted]:
    made = Scripted()
    yield made
    made.close()


@pytest.fixture
def plane(upstream: Scripted, tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path, f"http://127.0.0.1:{upstream.port}") as made:
        yield made


def answers(body: bytes = ITEM) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(whole(body))


def hangs_up(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def read(plane: Running) -> bytes:
    return signed(plane.key, plane.port, BODY, target="DynamoDB_20120810.GetItem")


def test_a_kept_connection_that_died_is_replaced_and_the_read_asked_again(
    plane: Running, upstream: Scripted
) -> None:
    """A read may be asked twice, so its client does not notice: the upstream hangs up on the second, and answers its repeat."""
    upstream.acts = [answers(), hangs_up, answers()]
    for _ in range(2):
        assert raw(plane.port, read(plane)).endswith(ITEM)
    assert (upstream.seen, upstream.connections) == (3, 2)


def test_an_answer_that_breaks_off_in_its_middle_is_not_taken_for_whole(
    plane: Running, upstream: Scripted
) -> None:
    """What was promised and did not come ends the connection, so that no client takes half an item for an item."""

    def half(connection: socket.socket) -> None:
        connection.sendall(whole()[:-5])
        time.sleep(0.05)
        hangs_up(connection)

    upstream.acts = [answers(), half]
    raw(plane.port, read(plane))
    broken = raw(plane.port, read(plane))
    assert broken.startswith(b"HTTP/1.1 200")
    assert broken.endswith(ITEM[:-5])
    assert upstream.seen == 2, "begun is not asked again"


def test_an_answer_behind_an_answer_is_heard_by_nobody(plane: Running, upstream: Scripted) -> None:
    """Two answers to one request: the second could be anybody's, so the connection is not used again."""
    upstream.acts = [
        answers(),
        lambda connection: connection.sendall(whole() + whole(b'{"evil":1}')),
        answers(b'{"Item":{"id":{"S":"2"}}}'),
    ]
    got = [raw(plane.port, read(plane)) for _ in range(3)]
    assert got[1].endswith(ITEM)
    assert b"evil" not in b"".join(got)
    assert got[2].endswith(b'{"S":"2"}}}')
    assert upstream.connections == 2


def test_pipelined_reads_come_back_in_order(plane: Running, upstream: Scripted) -> None:
    """Each answer belongs to its request, however many are sent at once."""
    items = [b'{"Item":{"id":{"S":"%d"}}}' % number for number in range(6)]
    upstream.acts = [answers(), *(answers(item) for item in items)]
    raw(plane.port, read(plane))
    with socket.create_connection(("127.0.0.1", plane.port), 5) as client:
        client.sendall(read(plane) * len(items))
        heard = b""
        while heard.count(b'"Item"') < len(items):
            heard += client.recv(65_536)
    assert [heard.index(item) for item in items] == sorted(heard.index(item) for item in items)


@pytest.mark.parametrize("piece_bytes", [1, 7, 1_000])
def test_requests_in_pieces_are_read_like_whole_ones(
    plane: Running, upstream: Scripted, piece_bytes: int
) -> None:
    """However a network cuts them: a head of 50 KB in small pieces, the next behind it in the piece that ends it."""
    upstream.acts = [answers()]
    padded = signed(
        plane.key,
        plane.port,
        BODY,
        target="DynamoDB_20120810.GetItem",
        headers={"x-padding": "a" * (50_000 if piece_bytes == 1_000 else 100)},
    )
    data = padded + read(plane) + padded
    with socket.create_connection(("127.0.0.1", plane.port), 5) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for place in range(0, len(data), piece_bytes):
            client.sendall(data[place : place + piece_bytes])
        heard = b""
        while heard.count(b'"Item"') < 3:
            heard += client.recv(65_536)
    assert (heard.count(b"HTTP/1.1 200"), upstream.seen) == (3, 3)


def test_a_reader_that_takes_nothing_stops_the_service(plane: Running, upstream: Scripted) -> None:
    """Back-pressure goes all the way: what the client does not take, the service cannot send."""
    large, sent = 64 * 1024 * 1024, 0
    stopped = threading.Event()

    def pour(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % large)
        connection.settimeout(1.0)
        try:
            while sent < large:
                sent += connection.send(b"x" * 65_536)
        except TimeoutError:
            stopped.set()
            connection.settimeout(30)
            while sent < large:
                sent += connection.send(b"x" * min(65_536, large - sent))

    upstream.acts = [answers(), pour]
    raw(plane.port, read(plane))
    with socket.create_connection(("127.0.0.1", plane.port), 5) as client:
        client.sendall(read(plane))
        assert stopped.wait(20), "the service could send everything to a client that reads nothing"
        assert sent < large
        heard = 0
        while heard < large:
            heard += len(client.recv(1 << 20))
    assert sent == large


def test_a_client_that_leaves_ends_the_read(plane: Running, upstream: Scripted) -> None:
    """Nobody hears the rest: the connection to the service is closed, not left to fill up."""
    upstream.acts = [
        answers(),
        lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nxx"),
    ]
    raw(plane.port, read(plane))
    with socket.create_connection(("127.0.0.1", plane.port), 5) as client:
        client.sendall(read(plane))
        assert client.recv(65_536).endswith(b"xx")
    assert upstream.left.wait(5)
