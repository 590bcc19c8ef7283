"""Where events go: a file, standard output, a webhook. Each takes one event at a time and raises `OSError` when it was not taken."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import http.client
import os
import sys
import time
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import SplitResult, urlsplit

from keyturn.errors import OperatorError

POST_S_MAX: Final = 10.0
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def is_guarded(parts: SplitResult) -> bool:
    """Whether nobody on the way reads what is sent there: https, or http that does not leave this host."""
    plain = parts.scheme == "http" and parts.hostname in LOOPBACK
    return bool(parts.hostname) and (parts.scheme == "https" or plain)


class Sink(Protocol):
    """`name` is what its cursor is kept under: the same place has the same."""

    name: str

    async def take(self, event_id: str, body: bytes) -> None:
        """Deliver one CloudEvent in JSON. Raises `OSError` when it did not arrive for certain."""
        ...


class FileSink:
    """One event a line, appended and flushed; rotate it by copying and truncating. The empty path is standard output."""

    def __init__(self, path: str) -> None:
        self.name = f"file:{path}" if path else "stdout"
        self._path = Path(path).expanduser() if path else None

    async def take(self, event_id: str, body: bytes) -> None:
        line = body + b"\n"
        handle = (
            sys.stdout.fileno()
            if self._path is None
            else os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        )
        try:
            while line:
                line = line[os.write(handle, line) :]
        finally:
            if self._path is not None:
                os.close(handle)


class Webhook:
    """POST, signed as Standard Webhooks has it (https://www.standardwebhooks.com): HMAC-SHA256 over id, time and body."""

    def __init__(self, url: str, secret: bytes) -> None:
        parts = urlsplit(url)
        if not is_guarded(parts):
            raise OperatorError(
                "events-webhook", f"events.webhook {url!r} is no https address", help="http only on this host"
            )
        if not secret:
            raise OperatorError(
                "events-secret",
                "events.webhook has no secret to sign with",
                help="set events.secret_file to a file with one",
            )
        self.name, self._parts, self._secret = f"webhook:{url}", parts, secret

    async def take(self, event_id: str, body: bytes) -> None:
        await asyncio.to_thread(self._post, event_id, body)

    def _post(self, event_id: str, body: bytes) -> None:
        parts, at_s = self._parts, int(time.time())
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=POST_S_MAX)
        headers = {
            "content-type": "application/cloudevents+json",
            "webhook-id": event_id,
            "webhook-timestamp": str(at_s),
            "webhook-signature": signature(self._secret, event_id, at_s, body),
        }
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", target, body, headers)
            status = connection.getresponse().status
        except http.client.HTTPException as error:
            raise OSError(f"no answer: {type(error).__name__}") from error
        finally:
            connection.close()
        if not 200 <= status < 300:
            raise OSError(f"it answered {status}")


def signature(secret: bytes, event_id: str, at_s: int, body: bytes) -> str:
    """``v1,`` and the base64 of HMAC-SHA256 over ``id.timestamp.body``."""
    mac = hmac.new(secret, f"{event_id}.{at_s}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(mac).decode()
