"""Upstream TLS: verified by name and authority, its connections kept; and the last look before a call leaves."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from operator import attrgetter
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from keyturn.errors import StoreError
from keyturn.executors.http import Client
from keyturn.executors.interface import NotSentError

HEADERS = (("host", "x"), ("content-length", "0"))
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def certificate(folder: Path, name: x509.GeneralName) -> Path:
    """A self-signed one for this name, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "upstream")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "upstream.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


@asynccontextmanager
async def served(certified: Path) -> AsyncIterator[tuple[str, list[int]]]:
    """An HTTPS server; its address, and the requests of each of its connections."""
    connections: list[int] = []

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(0)
        mine = len(connections) - 1
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                connections[mine] += 1
                writer.write(WHOLE)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certified)
    server = await asyncio.start_server(one, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", connections
    finally:
        server.close()
        connected = attrgetter("_active_count")  # a handshake that failed and a goodbye end in their own time
        while connected(server):  # noqa: ASYNC110  # once, at the end
            await asyncio.sleep(0.01)


async def asked(client: Client, base: str) -> bytes:
    answer = await client.request(base, "GET", "/", HEADERS)
    body = await answer.read(1_000)
    client.release(base, answer)
    return body


async def test_a_handshake_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five requests, one after the other: one connection, one handshake; two at once: a second one."""
    certified = certificate(tmp_path, x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    monkeypatch.setenv("SSL_CERT_FILE", str(certified))
    async with served(certified) as (base, connections):
        client = Client()
        assert [await asked(client, base) for _ in range(5)] == [b"ok"] * 5
        assert connections == [5]
        assert list(await asyncio.gather(asked(client, base), asked(client, base))) == [b"ok", b"ok"]
        assert connections == [6, 1]
        client.close()


@pytest.mark.parametrize("wrong", ["authority", "name"])
async def test_an_upstream_that_is_not_who_it_says_gets_nothing(
    wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger's authority, another name: certainly nothing was sent."""
    name = (
        x509.DNSName("elsewhere.test")
        if wrong == "name"
        else x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    )
    certified = certificate(tmp_path, name)
    if wrong == "name":
        monkeypatch.setenv("SSL_CERT_FILE", str(certified))
    async with served(certified) as (base, connections):
        client = Client()
        with pytest.raises(NotSentError) as refused:
            await asked(client, base)
        assert refused.value.code == "no-connection"
        assert sum(connections) == 0
        client.close()


async def test_the_last_look_is_before_the_first_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the connection stands, a node that has lost its lease is told so; the server sees no request."""
    certified = certificate(tmp_path, x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    monkeypatch.setenv("SSL_CERT_FILE", str(certified))

    def lost() -> None:
        raise StoreError("lease-lost", "somebody else works on it now")

    async with served(certified) as (base, connections):
        client = Client()
        with pytest.raises(StoreError):
            await client.request(base, "POST", "/", HEADERS, b"", lost)
        assert await asked(client, base) == b"ok"
        assert sum(connections) == 1
        client.close()
