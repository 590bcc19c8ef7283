"""A gateway that runs, before an upstream that records what reaches it. All on loopback, on ports of their own."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import http.client
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import boto3
from botocore.config import Config as BotoConfig

from keyturn import config as settings
from keyturn.app import App
from keyturn.runtime.interface import SessionKey

NUMBER, REGION, WAIT_S = "123456789012", "eu-central-1", 30.0
T = TypeVar("T")


class Seen(NamedTuple):
    """One request as the upstream got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Answering = Callable[[Seen], tuple[int, dict[str, str], bytes]]


class Upstream:
    """Stands where the account would: it answers what it is told to, and keeps everything it saw."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.answer: Answering = lambda _seen: (200, {"content-type": "application/x-amz-json-1.0"}, b"{}")
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length)
                headers = {name.lower(): value for name, value in self.headers.items()}
                seen = Seen(self.command, self.path, headers, body)
                upstream.seen.append(seen)
                status, given, answer = upstream.answer(seen)
                self.send_response(status)
                for name, value in given.items():
                    self.send_header(name, value)
                if "content-length" not in given:
                    self.send_header("content-length", str(len(answer)))
                self.end_headers()
                if self.command != "HEAD":
                    with contextlib.suppress(ConnectionError):
                        self.wfile.write(answer)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _any  # noqa: N815  # the names http.server looks for

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name there
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Watched(Upstream):
    """Before an account that answers: it passes everything on, and keeps it."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self._there = urlsplit(endpoint).netloc
        self.answer = self._pass_on

    def _pass_on(self, seen: Seen) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self._there, timeout=60)
        try:
            connection.request(seen.method, seen.path, seen.body, seen.headers)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        return answer.status, {"content-type": answer.getheader("content-type") or ""}, body

    def of(self, target: str) -> list[Seen]:
        """What came of this JSON operation."""
        return [seen for seen in self.seen if seen.headers.get("x-amz-target", "").endswith(f".{target}")]


class Running:
    """Keyturn in a thread of its own, with one open session."""

    def __init__(
        self,
        folder: Path,
        endpoint: str,
        *,
        gateway: settings.Gateway | None = None,
        console: settings.Console | None = None,
        packs: tuple[str, ...] = ("seatbelt",),
        environments: dict[str, str] | None = None,
        traces: settings.Traces | None = None,
        **holds: Any,
    ) -> None:
        self.clients: list[Any] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.config = settings.Config(
            data_dir=str(folder),
            gateway=gateway or settings.Gateway(port=0),
            console=console or settings.Console(port=0),
            aws=settings.Aws(
                account=NUMBER,
                region=REGION,
                endpoint_url=endpoint,
                access_key_id="AKIAPLANE",
                secret_access_key="plane",
            ),
            holds=settings.Holds(**{"wait_s": 0.1, "cooldown_s": 1, **holds}),
            packs=packs,
            environments=environments or {},
            traces=traces or settings.Traces(),
        )
        self.app = self.do(self._begin())
        self.key = self.session("kiro")

    async def _begin(self) -> App:
        app = App(self.config)
        await app.start()
        return app

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """In the plane's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WAIT_S)

    def session(self, agent: str) -> SessionKey:
        return self.do(self.app.runtime.open_session(operator="olga", agent=agent, ttl_s=12 * 3600))

    @property
    def port(self) -> int:
        assert self.app.gateway is not None
        return self.app.gateway.port

    @property
    def console_url(self) -> str:
        return str(self.app.runtime.about["console_url"])

    def client(self, service: str, **config: Any) -> Any:
        """boto3 as an agent has it: the gateway and the session's key. Closed with the plane."""
        made = boto3.client(
            service,
            region_name=REGION,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id=self.key.access_key_id,
            aws_secret_access_key=self.key.secret,
            config=BotoConfig(
                retries={"max_attempts": 0}, s3={"addressing_style": "path"}, read_timeout=60, **config
            ),
        )
        self.clients.append(made)
        return made

    def refused(self) -> list[str]:
        """Codes of what was refused before it became a case, as the log has them."""
        self.do(self.app.store.append(()))
        events = [entry.event() for entry in self.app.store.entries()]
        return [getattr(event, "code", "") for event in events if type(event).__name__ == "RequestRefused"]

    def approve(self, case_id: str, *people: str) -> None:
        for who in people:
            case = self.app.runtime.case(case_id)
            assert case is not None
            assert case.request is not None
            self.do(
                self.app.runtime.review(
                    case_id, by=who, approve=True, binding=case.request.digest, note="", via="test"
                )
            )

    def until(self, case_id: str, *phases: str) -> str:
        end = time.monotonic() + WAIT_S
        while (case := self.app.runtime.case(case_id)) is None or case.phase not in phases:
            assert time.monotonic() < end, f"{case!r}"
            time.sleep(0.02)
        return case.phase

    def stop(self) -> None:
        for client in self.clients:
            client.close()
        self.do(self.app.stop())
        self.do(asyncio.sleep(0.1))  # transports close in the loop's next turns
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT_S)
        self._loop.close()


@contextlib.contextmanager
def running(folder: Path, endpoint: str, **holds: Any) -> Iterator[Running]:
    plane = Running(folder, endpoint, **holds)
    try:
        yield plane
    finally:
        plane.stop()


def raw(port: int, data: bytes, *, wait_s: float = 5.0) -> bytes:
    """What a socket hears after these bytes, until it is closed or quiet."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait_s) as connection:
        connection.sendall(data)
        heard = b""
        try:
            while chunk := connection.recv(65_536):
                heard += chunk
                if _whole(heard):
                    break
        except TimeoutError:
            pass
        return heard


def _whole(heard: bytes) -> bool:
    head, end, body = heard.partition(b"\r\n\r\n")
    if not end:
        return False
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.partition(b":")[2])
    return False


def signed(
    key: SessionKey,
    port: int,
    body: bytes = b"{}",
    *,
    service: str = "dynamodb",
    target: str = "DynamoDB_20120810.ListTables",
    path: str = "/",
    method: str = "POST",
    headers: dict[str, str] | None = None,
    secret: str = "",
) -> bytes:
    """A signed JSON request as bytes, by hand (SigV4, AWS General Reference): what botocore would not send can be sent."""
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    sha = hashlib.sha256(body).hexdigest()
    given = {
        "content-type": "application/x-amz-json-1.0",
        "host": f"127.0.0.1:{port}",
        "x-amz-content-sha256": sha,
        "x-amz-date": now,
        "x-amz-target": target,
        **(headers or {}),
    }
    if not target:
        del given["x-amz-target"]
    names = ";".join(sorted(given))
    canonical = "\n".join(
        [method, path, "", *(f"{name}:{given[name]}" for name in sorted(given)), "", names, sha]
    )
    scope = f"{now[:8]}/{REGION}/{service}/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    derived = f"AWS4{secret or key.secret}".encode()
    for part in (now[:8], REGION, service, "aws4_request"):
        derived = hmac.new(derived, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(derived, to_sign.encode(), hashlib.sha256).hexdigest()
    credential = f"{key.access_key_id}/{scope}"
    given["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    )
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
