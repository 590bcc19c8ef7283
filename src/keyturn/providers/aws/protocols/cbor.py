"""CBOR (RFC 8949) as far as smithy-rpc-v2-cbor needs it: definite and indefinite lengths, tag 1 for moments.

Strict where two readings would be possible: no duplicate keys, no trailing bytes, no other tags.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from keyturn.providers.aws.protocols.values import DEPTH_MAX, finite, refuse

_BREAK: Final = object()


def decode(data: bytes) -> Any:
    """The one value that `data` holds."""
    reader = _Reader(data)
    value = reader.value(0)
    if value is _BREAK or reader.place != len(data):
        refuse("bad-cbor", "the body has bytes after its value")
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def _take(self, count: int) -> bytes:
        if count > len(self.data) - self.place:
            refuse("bad-cbor", "the body ends in the middle of a value")
        taken = self.data[self.place : self.place + count]
        self.place += count
        return taken

    def _argument(self, info: int) -> int | None:
        """The number in the head; None for an indefinite length."""
        if info < 24:
            return info
        if info <= 27:
            return int.from_bytes(self._take(1 << (info - 24)), "big")
        if info == 31:
            return None
        refuse("bad-cbor", f"a head with the reserved length {info}")

    def value(self, depth: int) -> Any:
        if depth > DEPTH_MAX:
            refuse("too-deep", f"the body is nested deeper than {DEPTH_MAX}")
        head = self._take(1)[0]
        major, info = head >> 5, head & 31
        if major == 7:
            return self._simple(info)
        argument = self._argument(info)
        match major:
            case 0 | 1 if argument is not None:
                return argument if major == 0 else -1 - argument
            case 2 | 3:
                return self._text(major, argument, depth)
            case 4:
                return self._list(argument, depth)
            case 5:
                return self._map(argument, depth)
            case 6 if argument == 1:
                return self._moment(depth)
        refuse("bad-cbor", f"a value of type {major} that has no place here")

    def _simple(self, info: int) -> Any:
        match info:
            case 20 | 21:
                return info == 21
            case 22 | 23:
                return None
            case 25:
                return self._float(">e", 2)
            case 26:
                return self._float(">f", 4)
            case 27:
                return self._float(">d", 8)
            case 31:
                return _BREAK
        refuse("bad-cbor", f"the simple value {info} has no place here")

    def _float(self, form: str, size: int) -> float:
        number: float = struct.unpack(form, self._take(size))[0]
        return finite(number, "a number of the body")

    def _text(self, major: int, length: int | None, depth: int) -> Any:
        raw = self._take(length) if length is not None else b"".join(self._parts(major))
        if major == 2:
            return raw
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            refuse("bad-cbor", "a text is not UTF-8")

    def _parts(self, major: int) -> Iterator[bytes]:
        """The pieces of a text of indefinite length: each of a definite one and of the same kind (RFC 8949, 3.2.3)."""
        while (head := self._take(1)[0]) != 0xFF:
            length = self._argument(head & 31)
            if head >> 5 != major or length is None:
                refuse("bad-cbor", "a text holds a piece that is none")
            yield self._take(length)

    def _list(self, length: int | None, depth: int) -> list[Any]:
        made: list[Any] = []
        while length is None or len(made) < length:
            item = self.value(depth + 1)
            if item is _BREAK:
                if length is None:
                    break
                refuse("bad-cbor", "a list ends early")
            made.append(item)
        return made

    def _map(self, length: int | None, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        while length is None or len(made) < length:
            key = self.value(depth + 1)
            if key is _BREAK:
                if length is None:
                    break
                refuse("bad-cbor", "a map ends early")
            if not isinstance(key, str):
                refuse("bad-cbor", "a key is no text")
            if key in made:
                refuse("duplicate-key", f"the body has the key {key!r} twice")
            made[key] = self.value(depth + 1)
            if made[key] is _BREAK:
                refuse("bad-cbor", "a map ends early")
        return made

    def _moment(self, depth: int) -> datetime:
        seconds = self.value(depth + 1)
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
            refuse("bad-cbor", "a moment is no number")
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (ValueError, OverflowError, OSError):
            refuse("bad-cbor", "a moment out of range")


def encode(value: Any) -> bytes:
    """`value` (maps, lists, texts, bytes, numbers, booleans, moments, None) in definite lengths; for what we write."""
    if value is None:
        return b"\xf6"
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, datetime):
        return _head(6, 1) + encode(value.timestamp())
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        raw = value.encode()
        return _head(3, len(raw)) + raw
    if isinstance(value, (list, tuple)):
        return _head(4, len(value)) + b"".join(encode(item) for item in value)
    return _head(5, len(value)) + b"".join(encode(key) + encode(item) for key, item in value.items())


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes([major << 5 | argument])
    for info, size in ((24, 1), (25, 2), (26, 4)):
        if argument < 1 << (8 * size):
            return bytes([major << 5 | info]) + argument.to_bytes(size, "big")
    return bytes([major << 5 | 27]) + argument.to_bytes(8, "big")
