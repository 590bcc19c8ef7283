"""The end of a gateway leaves no connection behind, whoever came at the last moment."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import socket
import ssl
from pathlib import Path
from typing import Any, cast

import pytest

from keyturn import config as settings
from keyturn.executors.http import Client
from keyturn.executors.interface import NotSentError
from keyturn.surfaces.aws_gateway.server import GatewayConfig, serve
from tests.gateway.gateway_world import NUMBER, Upstream, running

HEADERS = (("host", "x"), ("content-length", "0"))


def open_transports() -> list[str]:
    """Of all loops: what a later collection of garbage would complain of."""
    gc.collect()
    kinds = ("_SelectorSocketTransport",)
    return [repr(one) for one in gc.get_objects() if type(one).__name__ in kinds and one._sock is not None]


@pytest.mark.parametrize("turns", range(6))
async def test_who_is_just_being_accepted_is_cut_too(turns: int) -> None:
    """Between accept and the first word of it the loop takes some turns; the gateway may end in any of them."""
    stands = open_transports()
    gate = cast("Any", None)  # nobody is asked: nothing is requested
    gateway = await serve(gate, gate, GatewayConfig("127.0.0.1", 0, NUMBER))
    with socket.create_connection(("127.0.0.1", gateway.port), 5) as client:
        for _ in range(turns):
            await asyncio.sleep(0)
        await gateway.close()
        await asyncio.sleep(0.05)
        assert [one for one in open_transports() if one not in stands] == []
        client.settimeout(1)
        with contextlib.suppress(ConnectionError):
            assert client.recv(1) == b""


async def test_a_stopped_plane_calls_nobody() -> None:
    """A call that comes behind the end is certainly not sent, and its connection is not left open."""
    stands = open_transports()
    heard: list[bytes] = []

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1_000))
        writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    client = Client()
    late = asyncio.create_task(client.request(base, "GET", "/", HEADERS))
    await asyncio.sleep(0)  # it is connecting
    client.close()
    with pytest.raises(NotSentError, match="stopping"):
        await late
    await asyncio.sleep(0.05)
    server.close()
    assert b"".join(heard) == b""
    assert [one for one in open_transports() if one not in stands] == []


async def test_what_nobody_takes_does_not_keep_a_connection_open() -> None:
    """An answer before the end of a body, by a service that reads no more: given back, it is gone, though bytes are unsent."""
    stands = open_transports()
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client = Client()
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    asked = asyncio.create_task(client.request(base, "PUT", "/", HEADERS, b"x" * 30_000_000))
    await asyncio.sleep(0.05)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    client.close()
    listening.close()
    await asyncio.sleep(0.05)
    assert [one for one in open_transports() if one not in stands] == []


@pytest.mark.parametrize("open_page", [True, False], ids=["a page is open", "a page is just being opened"])
def test_the_console_leaves_no_connection_either(tmp_path: Path, open_page: bool) -> None:
    """A page's stream of events has no end of its own; a browser's connection may be accepted at the very end."""
    stands = open_transports()
    upstream = Upstream()
    with socket.socket() as client:
        with running(tmp_path, upstream.endpoint) as plane:
            host, _, port = plane.console_url.removeprefix("http://").partition(":")
            token = plane.do(
                plane.app.identity.login(plane.do(plane.app.identity.add("ada", ("auditor",), by="test")))
            )
            client.settimeout(10)
            client.connect((host, int(port)))
            if open_page:
                lines = [
                    "GET /events HTTP/1.1",
                    f"host: {host}:{port}",
                    f"cookie: keyturn={token}",
                    "",
                    "",
                ]
                client.sendall("\r\n".join(lines).encode())
                assert client.recv(65_536).startswith(b"HTTP/1.1 200")
        assert [one for one in open_transports() if one not in stands] == []
    upstream.close()


def test_who_has_a_tunnel_and_says_nothing_in_it_is_cut(tmp_path: Path) -> None:
    """A CONNECT was answered, and the handshake does not come: the connection belongs to no request, and ends with the others."""
    stands = open_transports()
    upstream = Upstream()
    with socket.socket() as client:
        with running(tmp_path, upstream.endpoint, gateway=settings.Gateway(port=0, proxy=True)) as plane:
            client.settimeout(10)
            client.connect(("127.0.0.1", plane.port))
            who = base64.b64encode(f"{plane.key.access_key_id}:{plane.key.secret}".encode()).decode()
            client.sendall(
                f"CONNECT sts.amazonaws.com:443 HTTP/1.1\r\nhost: sts.amazonaws.com:443\r\nproxy-authorization: Basic {who}\r\n\r\n".encode()
            )
            assert client.recv(65_536).startswith(b"HTTP/1.1 200")
        assert [one for one in open_transports() if one not in stands] == []
        with contextlib.suppress(ConnectionError):
            assert client.recv(1) == b""
    upstream.close()


def test_who_keeps_a_tunnel_open_and_asks_nothing_is_cut_too(tmp_path: Path) -> None:
    """TLS wants a goodbye of both sides, and a client that is doing something else says none."""
    stands = open_transports()
    upstream = Upstream()
    with running(tmp_path, upstream.endpoint, gateway=settings.Gateway(port=0, proxy=True)) as plane:
        authority = plane.config.data / "ca" / "ca.pem"
        with socket.create_connection(("127.0.0.1", plane.port), 10) as client:
            who = base64.b64encode(f"{plane.key.access_key_id}:{plane.key.secret}".encode()).decode()
            client.sendall(
                f"CONNECT sts.amazonaws.com:443 HTTP/1.1\r\nhost: sts.amazonaws.com:443\r\nproxy-authorization: Basic {who}\r\n\r\n".encode()
            )
            assert client.recv(65_536).startswith(b"HTTP/1.1 200")
            context = ssl.create_default_context(cafile=str(authority))
            with context.wrap_socket(client, server_hostname="sts.amazonaws.com"):
                assert plane.app.gateway is not None
                assert plane.do(plane.app.gateway.drain(0.1)) == 1
                plane.do(plane.app.gateway.close())
                plane.do(asyncio.sleep(0.1))
                assert [one for one in open_transports() if one not in stands] == []
    upstream.close()
