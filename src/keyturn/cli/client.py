"""The API as the CLI uses it: standard library only, so that every command starts at once."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from keyturn.errors import KeyturnError, OperatorError

TIMEOUT_S: Final = 700.0
"""An undo of a table takes minutes, and the server answers when it is done."""

SILENT_S: Final = 45.0
"""Three beats of a console that has nothing to tell; one that is silent for longer is not there any more."""

PIECE_BYTES: Final = 1 << 18
"""What is downloaded is written in pieces of this size."""

CONSOLE_PORT: Final = 8421
DEFAULT_URL: Final = f"http://127.0.0.1:{CONSOLE_PORT}"


class ApiError(KeyturnError):
    """What the console answered."""

    who = "operator"


class Api:
    """One console, one login."""

    def __init__(self, url: str = "", token: str = "", *, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self.url = _url(url or os.environ.get("KEYTURN_URL") or _saved_url() or DEFAULT_URL)
        self._token = token or os.environ.get("KEYTURN_TOKEN") or _saved(self.url)

    def get(self, path: str) -> Any:
        return self._ask("GET", path, None)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self._ask("POST", path, body or {})

    def download(self, path: str) -> bytes:
        """The bytes of an answer that is no JSON. Raises `ApiError` when it is refused: no file is better than one of an error."""
        status, raw = self._raw("GET", path, None)
        if status >= 400:
            self._answer(status, raw)
        return raw

    def save(self, path: str, target: Path, body: dict[str, Any] | None = None) -> int:
        """As `download`, into a file, piece by piece; returns how many bytes it was. Of an answer that was cut nothing stays. With a
        `body` it is posted.
        """
        connection, answer = self._open("GET" if body is None else "POST", path, body)
        try:
            if answer.status >= 400:
                self._answer(answer.status, answer.read())
            with target.open("wb") as file:
                while piece := answer.read(PIECE_BYTES):
                    file.write(piece)
                return file.tell()
        except http.client.HTTPException as error:
            target.unlink()
            raise ApiError(
                "cut", f"{self.url} stopped in the middle: {type(error).__name__}", help="ask again"
            ) from error
        finally:
            answer.close()
            connection.close()

    def stream(self, path: str) -> Iterator[tuple[str, int, Any]]:
        """Server-sent events of the console (WHATWG HTML, 9.2) as (name, number in the log or 0, data), until it stops sending.

        A stream that is silent for longer than its beats is taken for dead. Raises `ApiError` when it is refused, `OperatorError`
        when nobody answers.
        """
        connection, answer = self._open("GET", path, None, base="", timeout_s=SILENT_S)
        try:
            if answer.status == http.client.UNAUTHORIZED:
                raise ApiError("login", "log in first", help="keyturn login")
            if answer.status >= 400:
                raise ApiError(
                    str(answer.status), f"{self.url} gives no events (it answered {answer.status})"
                )
            name, seq, data = "", 0, ""
            for raw in answer:
                line = raw.decode("utf-8", "replace").rstrip("\r\n")
                key, _, value = line.partition(": ")
                if not line and data:
                    yield name, seq, _data(data)
                    name, seq, data = "", 0, ""
                elif key == "event":
                    name = value
                elif key == "id" and value.isdigit():
                    seq = int(value)
                elif key == "data":
                    data += value
        except (OSError, http.client.HTTPException):
            return  # cut: whoever listens comes back
        finally:
            connection.close()

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        return self._answer(*self._raw(method, path, body))

    def _answer(self, status: int, raw: bytes) -> Any:
        try:
            answer = json.loads(raw)
        except ValueError:
            raise ApiError(
                "no-json",
                f"{self.url} is no Keyturn console (it answered {status})",
                help="check KEYTURN_URL",
            ) from None
        if status >= 400:
            error = answer.get("error", {})
            raise ApiError(
                error.get("code", str(status)), error.get("message", "refused"), help=error.get("help", "")
            )
        return answer

    def _raw(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[int, bytes]:
        connection, answer = self._open(method, path, body)
        try:
            return answer.status, answer.read()
        except OSError as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()

    def _unreachable(self, error: OSError) -> OperatorError:
        return OperatorError(
            "unreachable",
            f"no Keyturn console answers at {self.url}: {error}",
            help="start one: keyturn up; or say where it is, with --url or KEYTURN_URL",
        )

    def _open(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        *,
        base: str = "/api/v1",
        timeout_s: float | None = None,
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=timeout_s or self._timeout_s)
        headers = {"content-type": "application/json"}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        try:
            connection.request(
                method,
                base + quote(path, safe="/?=&%"),
                json.dumps(body) if body is not None else None,
                headers,
            )
            return connection, connection.getresponse()
        except OSError as error:
            connection.close()
            raise self._unreachable(error) from error


def _data(text: str) -> Any:
    """What an event carries; words where it is no JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _url(given: str) -> str:
    """As it was given, when it is one that can be asked."""
    try:
        parts = urlsplit(given)
        right = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    if not right:
        raise OperatorError(
            "url", f"{given!r} is no address of a console", help=f"write it like {DEFAULT_URL}"
        )
    return given.rstrip("/")


def save(url: str, token: str) -> Path:
    """Keep a login for this console, readable by its owner only."""
    path = _file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = _kept()
    kept["last"] = url
    kept.setdefault("tokens", {})[url] = token
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(kept, file)
    return path


def _file() -> Path:
    return Path(os.environ.get("KEYTURN_LOGIN_FILE") or "~/.config/keyturn/login.json").expanduser()


def _kept() -> dict[str, Any]:
    try:
        kept: dict[str, Any] = json.loads(_file().read_text())
    except (OSError, ValueError):
        return {}
    return kept


def _saved(url: str) -> str:
    return str(_kept().get("tokens", {}).get(url, ""))


def _saved_url() -> str:
    return str(_kept().get("last", ""))
