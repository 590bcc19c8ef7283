"""Streams of events as they pass: where a message ends, and whether the service ended in an error of its own.

Only a message's first twelve bytes and its headers are looked at; its payload passes unread and is not kept
(https://smithy.io/2.0/aws/amazon-eventstream.html).
"""

from __future__ import annotations

import binascii
import struct
from typing import Final

PRELUDE_BYTES: Final = 12
HEADERS_BYTES_MAX: Final = 128 * 1024
"""A message's headers are no longer ("The maximum size of all headers is 128 KB")."""

_PRELUDE: Final = struct.Struct(">III")  # of the whole message, of its headers, and their checksum
_TEXT: Final = 7
_FIXED_BYTES: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""How long a header's value is, by its type; texts and bytes (7, 6) say their length."""


class Messages:
    """The messages of one stream, counted off as their bytes come. Total: bytes that are no such stream are passed over."""

    def __init__(self) -> None:
        self._kept = bytearray()  # prelude and headers of the message that is coming
        self._left = 0  # bytes of it that are still to come, once its headers were read
        self._readable = True
        self.ended_in = ""  # the last error or exception that the service put into the stream

    @property
    def between(self) -> bool:
        """Whether the last message has come whole, and none is begun: another one may stand here."""
        return self._readable and not self._left and not self._kept

    def feed(self, data: bytes) -> None:
        """Bytes that pass."""
        rest = memoryview(data)
        while rest and self._readable:
            if self._left:
                step = min(self._left, len(rest))
                self._left, rest = self._left - step, rest[step:]
                continue
            step = min(self._wanted() - len(self._kept), len(rest))
            self._kept += rest[:step]
            rest = rest[step:]
            if len(self._kept) >= PRELUDE_BYTES and len(self._kept) == self._wanted():
                self._headed()

    def _wanted(self) -> int:
        if len(self._kept) < PRELUDE_BYTES:
            return PRELUDE_BYTES
        total, headers, checksum = _PRELUDE.unpack_from(self._kept)
        sound = binascii.crc32(self._kept[: PRELUDE_BYTES - 4]) == checksum
        if not sound or headers > HEADERS_BYTES_MAX or total < PRELUDE_BYTES + headers + 4:
            self._readable = False
        return PRELUDE_BYTES + (headers if self._readable else 0)

    def _headed(self) -> None:
        if not self._readable:
            return
        total, headers, _ = _PRELUDE.unpack_from(self._kept)
        said = _texts(bytes(self._kept[PRELUDE_BYTES:]))
        if said.get(":message-type") in {"error", "exception"}:
            self.ended_in = said.get(":exception-type") or said.get(":error-code") or "an error"
        self._left = total - PRELUDE_BYTES - headers
        self._kept.clear()


def _texts(headers: bytes) -> dict[str, str]:
    """The headers that are texts; as many as can be read."""
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(headers):
            name = headers[at + 1 : at + 1 + headers[at]].decode("utf-8", "replace")
            at += 1 + headers[at]
            kind, at = headers[at], at + 1
            if kind in {6, _TEXT}:
                length = int.from_bytes(headers[at : at + 2], "big")
                if kind == _TEXT:
                    found[name] = headers[at + 2 : at + 2 + length].decode("utf-8", "replace")
                at += 2 + length
            else:
                at += _FIXED_BYTES[kind]
    except (IndexError, KeyError):
        return found
    return found


def error_message(code: str, text: str) -> bytes:
    """A message that SDKs raise as an error of this code."""
    headers = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value
        for name, value in (
            (":error-code", code.encode()),
            (":error-message", text.encode()[:32_767]),
            (":message-type", b"error"),
        )
    )
    head = struct.pack(">II", PRELUDE_BYTES + len(headers) + 4, len(headers))
    message = head + struct.pack(">I", binascii.crc32(head)) + headers
    return message + struct.pack(">I", binascii.crc32(message))
