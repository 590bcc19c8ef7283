"""A request while it comes: its head in pieces, its body whole or passing by."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

from keyturn.executors.http import header_name
from keyturn.executors.interface import NotSentError
from keyturn.providers.aws.signing.rechunk import Rechunker
from keyturn.providers.aws.signing.values import Chunks, Refused
from keyturn.providers.aws.wire import WireRequest
from keyturn.surfaces.aws_gateway import limits

NAME_KEPT_BYTES_MAX: Final = 128
"""Longer names of headers are not remembered: a stranger's would stay."""


class TooLargeError(Exception):
    """Over a limit of this gateway."""


class Incoming:
    """One request as it arrives. `body` grows while it is read whole; `stream` is there when it is not."""

    __slots__ = (
        "body",
        "complete",
        "head_bytes",
        "headed",
        "headers",
        "keep_alive",
        "lines",
        "lost",
        "method",
        "stream",
        "target",
    )

    def __init__(self) -> None:
        self.target = b""
        self.lines: list[tuple[bytes, bytes]] = []  # headers, as they come
        self.headers: list[tuple[str, str]] = []
        self.method = ""
        self.headed = False  # its head is here
        self.head_bytes = 0  # of a head that comes in several pieces, so far
        self.body: bytes | bytearray = b""
        self.stream: Stream | None = None
        self.complete = self.lost = False
        self.keep_alive = True

    def take_lines(self) -> None:
        """What came as headers, or behind a chunked body as trailers: one is judged like the other."""
        self.headers += [
            (
                header_name(name) if len(name) <= NAME_KEPT_BYTES_MAX else header_name.__wrapped__(name),
                value.decode("latin-1").strip(),
            )
            for name, value in self.lines
        ]
        self.lines = []

    def weigh(self, *, came_bytes: int = 0) -> None:
        """The limit of a head: when it is here, and while it comes in pieces; of trailers too."""
        known = len(self.target) + sum([len(name) + len(value) for name, value in self.lines])
        if not self.headed:
            known = self.head_bytes = max(known, self.head_bytes + came_bytes if self.head_bytes else 1)
        if known > limits.HEAD_BYTES_MAX:
            raise TooLargeError(f"its head is over {limits.HEAD_BYTES_MAX:,} bytes")

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    @property
    def unheard(self) -> bool:
        """Whether its body was still to come when it was answered."""
        return self.stream is not None and not self.complete


class Stream:
    """A body that passes by."""

    def __init__(self) -> None:
        self.chunks: deque[bytes] = deque()
        self.held_bytes = 0
        self.wake = asyncio.Event()


async def unwrapped(body: AsyncIterator[bytes], chunks: Chunks) -> AsyncIterator[bytes]:
    """A body that came in chunks, verified and as it leaves. Where it is refused its last byte has not left: the service, which
    was told the length, has no whole request and does nothing (RFC 9112, 8).
    """
    rechunker = Rechunker(chunks)
    async for piece in body:
        made = rechunker.feed(piece)
        if isinstance(made, Refused):
            raise NotSentError("body-refused", f"the body was refused before its end: {made.reason}")
        if made:
            yield made
    last = rechunker.end()
    if isinstance(last, Refused):
        raise NotSentError("body-refused", f"the body was refused before its end: {last.reason}")
    if last:
        yield last


def decodes_to_nothing(request: WireRequest) -> bool:
    """An empty object in chunks: the service would have all of it with the head, before its chunks are verified."""
    length = request.by_name.get("x-amz-decoded-content-length", "")
    return bool(length) and not length.strip("0")
