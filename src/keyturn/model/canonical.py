"""One way to write a value down, so that one digest stands for one meaning.

Canonical form: JSON with sorted keys, UTF-8, no spaces (what msgspec writes with ``order="sorted"``).
Floats do not belong in anything that is digested: amounts are integers with their unit in the name.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(order="sorted")


def canonical(value: Any) -> bytes:
    """The canonical JSON bytes of ``value`` (a Struct, or plain JSON data)."""
    return _encoder.encode(value)


def digest(value: Any) -> str:
    """``sha256:<hex>`` over the canonical bytes of ``value``."""
    return digest_bytes(canonical(value))


def digest_bytes(data: bytes) -> str:
    """``sha256:<hex>`` over ``data`` itself."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def short(digest_text: str) -> str:
    """The first twelve hex digits, for people; never compared by a program."""
    return digest_text.removeprefix("sha256:")[:12]
