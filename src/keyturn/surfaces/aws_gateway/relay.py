"""An answer on its way from the service to the client: how it is framed, and reads that pass without a task of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Protocol

from keyturn.executors.aws import WRITTEN_ANEW
from keyturn.executors.http import Connection

_REASONS: Final = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found"}


def head_of(status: int, headers: Iterable[tuple[str, str]], last: str) -> bytes:
    """The head of an answer; the `last` line says where its body ends."""
    return _head(status, [f"{name}: {value}\r\n" for name, value in headers], last)


def _head(status: int, written: list[str], last: str) -> bytes:
    lines = "".join(written)
    text = f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}\r\n{lines}{last}\r\n"
    return text.encode("latin-1", "replace")


class Framing:
    """How one answer is written: `head` first, each `piece` of its body, `end` last."""

    __slots__ = ("_chunked", "end", "head")

    def __init__(self, method: str, status: int, headers: list[tuple[str, str]]) -> None:
        length: str | None = None
        kept = []
        for name, value in headers:
            if name not in WRITTEN_ANEW:
                kept.append(f"{name}: {value}\r\n")
            elif name == "content-length":
                length = value
        bodiless = method == "HEAD" or status in {204, 304}
        self._chunked = length is None and not bodiless
        last = "transfer-encoding: chunked\r\n" if self._chunked else ""
        self.head = _head(status, kept, last if length is None else f"content-length: {length}\r\n")
        self.end = b"0\r\n\r\n" if self._chunked else b""

    def piece(self, data: bytes) -> bytes:
        return b"%x\r\n%s\r\n" % (len(data), data) if self._chunked else data


class Client(Protocol):
    """The client's connection, as a relay needs it."""

    def write_now(self, data: bytes) -> None: ...

    def relayed(self, *, whole: bool) -> None:
        """The answer was given to its end, or broke off in its middle."""
        ...

    def not_relayed(self) -> None:
        """No byte of an answer came: the read may be asked again."""
        ...


class Relay:
    """Passes one read's answer on as it comes: what came off the wire together is written together."""

    __slots__ = (
        "_client",
        "_connection",
        "_framing",
        "_give_back",
        "_left",
        "_method",
        "_note",
        "_out",
        "_paused",
    )

    def __init__(self, method: str, client: Client, note: Callable[[int], None]) -> None:
        self._method, self._client, self._note = method, client, note
        self._framing: Framing | None = None
        self._out: list[bytes] = []
        self._paused = self._left = False
        self._connection: Connection | None = None
        self._give_back: Callable[..., None] | None = None

    def over(self, connection: Connection, give_back: Callable[..., None]) -> None:
        """The connection the answer comes over, and how it is given back."""
        self._connection, self._give_back = connection, give_back

    # --- the service's side (executors.http.Receiver) ----------------------------------------------------------------

    def head(self, status: int, headers: list[tuple[str, str]]) -> None:
        self._framing = Framing(self._method, status, headers)
        self._note(status)
        self._out.append(self._framing.head)

    def body(self, data: bytes) -> None:
        if self._framing is not None:
            self._out.append(self._framing.piece(data))

    def fed(self, *, ended: bool) -> None:
        if self._left or self._framing is None:
            return
        if ended and self._framing.end:
            self._out.append(self._framing.end)
        out, self._out = self._out, []
        self._client.write_now(out[0] if len(out) == 1 else b"".join(out))
        if ended:
            self._release(ended=True)
            self._client.relayed(whole=True)

    def fail(self, error: Exception) -> None:
        if self._left:
            return
        self._release(ended=False)
        if self._framing is None and not isinstance(error, TimeoutError):
            self._client.not_relayed()
        else:
            self._client.relayed(whole=False)

    def hungry(self) -> bool:
        return not self._paused

    @property
    def begun(self) -> bool:
        """Whether something of the answer has come."""
        return self._framing is not None

    # --- the client's side -------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """The client does not take more for now."""
        self._paused = True
        if self._connection is not None:
            self._connection.pause()

    def resume(self) -> None:
        self._paused = False
        if self._connection is not None:
            self._connection.resume()

    def leave(self) -> None:
        """The client has left: nobody hears the rest."""
        self._left = True
        self._release(ended=False)

    def _release(self, *, ended: bool) -> None:
        give_back, self._give_back, self._connection = self._give_back, None, None
        if give_back is not None:
            give_back(ended=ended)
