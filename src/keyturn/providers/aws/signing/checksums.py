"""Checksums that clients send behind a body (trailers).

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html. Those the standard library has are computed here;
the others are sent on, and the service, which stores them, verifies them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import zlib
from typing import Final, Protocol

PREFIX: Final = "x-amz-checksum-"

CHARS: Final = {
    "x-amz-checksum-crc32": 8,
    "x-amz-checksum-crc32c": 8,
    "x-amz-checksum-crc64nvme": 12,
    "x-amz-checksum-md5": 24,
    "x-amz-checksum-sha1": 28,
    "x-amz-checksum-sha256": 44,
    "x-amz-checksum-sha512": 88,
    "x-amz-checksum-xxhash3": 12,
    "x-amz-checksum-xxhash64": 12,
    "x-amz-checksum-xxhash128": 24,
}
"""How long each is in base64: known before it comes, so that the length of the whole is."""


class Running(Protocol):
    def update(self, data: bytes | memoryview, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes | memoryview, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


def running(name: str) -> Running | None:
    """A fresh checksum of this name; None where only the service computes it."""
    algorithm = name.removeprefix(PREFIX)
    if algorithm == "crc32":
        return _Crc32()
    if algorithm in {"md5", "sha1", "sha256", "sha512"}:
        return hashlib.new(algorithm, usedforsecurity=False)
    return None


def agrees(made: Running, value: str) -> str:
    """Empty when `value` is what was computed; else what is wrong."""
    expected = base64.b64encode(made.digest())
    return (
        ""
        if hmac.compare_digest(expected, value.encode("utf-8", "replace"))
        else "the checksum is not the body's"
    )
