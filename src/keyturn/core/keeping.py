"""What a recipe asks of the plane's own vault: keep this, give it back, put it into that call.

Exports of small data are no call to the provider. A recipe yields them all the same, so that they are driven, recorded and replayed
like every other step (ADR 0006); whoever drives the inquiry answers them from the vault. Nothing that an agent can send becomes
one of these calls, and nothing but what was kept by one can be had by another.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

KEEP: Final = "keyturn:Keep"
"""``{"bytes"}`` -> ``{"reference", "sha256", "length"}``. A step; the same bytes have the same reference, so that it may be repeated."""

KEPT: Final = "keyturn:Kept"
"""``{"reference"}`` -> ``{"bytes"}``. A read."""

KIND: Final = "kept"
"""What such blobs are called in the vault; a reference of another kind (a request, a session's key) is not given out."""

ITEM_BYTES_MAX: Final = 16 * 1024 * 1024
"""One exported thing, held in memory whole while it is sealed and while it is sent back."""

BACKUP_BYTES_MAX: Final = 256 * 1024 * 1024
"""Everything exported for one backup: it lies in the plane's database, which is not made for bulk; a service's snapshots are."""

_KEY: Final = "$kept"
_SEALED: Final = "$vault"


LOOK: Final = "keyturn:VaultLook"
"""``{"reference", "Bucket", "Key", "owner"}`` -> ``{"sha256", "length"}`` of what is sealed there, opened. A read."""

FETCH: Final = "keyturn:VaultFetch"
"""As `LOOK`; and what the plane's own store has lost of it is put back there, as it was sealed."""


def put_in(reference: str, *, text: bool = False, part: int | None = None) -> dict[str, Any]:
    """A parameter whose value is what was kept: filled in when the call leaves, so that it is in no record of the call. With `part` it is
    that entry of a list which was kept as MessagePack.
    """
    return {_KEY: reference, "text": text} | ({} if part is None else {"part": part})


def put_in_sealed(reference: str) -> dict[str, Any]:
    """A parameter whose value is what lies in the vault under this reference, as it is sealed: what nobody can read without the key."""
    return {_SEALED: reference}


def sealed_in(value: Any) -> tuple[str, int] | None:
    """Reference and part of such a parameter; None where it is none, or is no part."""
    return (str(value[_KEY]), int(value["part"])) if isinstance(value, dict) and "part" in value else None


def filled(value: Any, opened: Callable[[str], bytes], sealed: Callable[[str], bytes] | None = None) -> Any:
    """`value` with what was kept in the place of each `put_in`, and what is sealed in that of each `put_in_sealed`."""
    if isinstance(value, Mapping):
        if _SEALED in value and sealed is not None:
            return sealed(str(value[_SEALED]))
        if _KEY in value:
            data = opened(str(value[_KEY]))
            if "part" in value:
                return msgspec.msgpack.decode(data)[value["part"]]
            return data.decode() if value.get("text") else data
        return {key: filled(inner, opened, sealed) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, opened, sealed) for inner in value]
    return value


def is_kept(reference: str) -> bool:
    """Whether the reference is to something exported."""
    return reference.startswith(f"vault:{KIND}:")


def raw(value: bytes | str) -> bytes:
    """Bytes of an answer; one that was on record comes back as base64, as JSON has it."""
    return base64.b64decode(value) if isinstance(value, str) else value
