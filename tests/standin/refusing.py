"""A proxy that refuses what destroys, each in its protocol's own shape: what the agent meets when something stands in between.

It decides by names alone and knows nothing of Keyturn: the agent's habits are tested here, not the plane.
"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

DESTROYS = ("Delete", "Purge", "UpdateTable", "Create", "Put")
HOP_HEADERS = {"host", "connection", "transfer-encoding", "content-length", "expect"}


def operation(method: str, path: str, headers: Any, body: bytes) -> str:
    """The operation's name as far as its bytes tell; empty for reads of REST services."""
    if target := headers.get("X-Amz-Target"):
        return str(target).rpartition(".")[2]
    if "/operation/" in path:
        return path.rpartition("/")[2]
    if action := parse_qs(body.decode("latin-1")).get("Action"):
        return action[0]
    if path.startswith("/2015-03-31/functions"):
        named = {"DELETE": "DeleteFunction", "POST": "CreateFunction", "PUT": "UpdateFunctionConfiguration"}
        return named.get(method, "")
    return {"DELETE": "DeleteBucket", "POST": "DeleteObjects", "PUT": "PutBucket"}.get(method, "")


class Refusing:
    """Passes reads and updates of functions on to `upstream`; all else is refused with `message(operation)`."""

    def __init__(self, upstream: str, message: Callable[[str], str]) -> None:
        self.upstream, self.message = upstream, message
        self.refused: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_any(self) -> None:
                outer.handle(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_any  # noqa: N815  # http.server's own names

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its parent's name for it
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        name = operation(request.command, urlsplit(request.path).path, request.headers, body)
        if name.startswith(DESTROYS):
            self.refused.append(name)
            status, headers, answer = 403, *self._refusal(name, request)
        else:
            status, headers, answer = self._forward(request, body)
        request.send_response(status)
        for key, value in headers.items():
            request.send_header(key, value)
        request.send_header("Content-Length", str(len(answer)))
        request.end_headers()
        request.wfile.write(answer)

    def _refusal(self, name: str, request: BaseHTTPRequestHandler) -> tuple[dict[str, str], bytes]:
        message = self.message(name)
        if "/operation/" in request.path:  # a refusal without a word: some proxies are like that
            return {}, b""
        if "X-Amz-Target" in request.headers or request.path.startswith("/2015-03-31/"):
            said = json.dumps({"__type": "AccessDeniedException", "message": message}).encode()
            headers = {"Content-Type": "application/json", "x-amzn-ErrorType": "AccessDeniedException"}
            return headers, said
        error = f"<Code>AccessDenied</Code><Message>{escape(message)}</Message>"
        if request.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            error = f"<ErrorResponse><Error>{error}</Error></ErrorResponse>"
        else:
            error = f"<Error>{error}</Error>"
        return {"Content-Type": "text/xml"}, error.encode()

    def _forward(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, str], bytes]:
        headers = {key: value for key, value in request.headers.items() if key.lower() not in HOP_HEADERS}
        url = f"{self.upstream}{request.path}"
        asked = urllib.request.Request(url, body or None, headers, method=request.command)
        try:
            answer = urllib.request.urlopen(asked, timeout=20)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            kept = {key: value for key, value in answer.headers.items() if key.lower() not in HOP_HEADERS}
            return answer.status, kept, answer.read()
