"""Small data as a backup: read by the backup role, sealed in the plane's vault, read back, compared.

What lies in the vault can be reached by no credential of the account. Limits are the vault's (`core.keeping`): what is larger has no
backup of this kind, and its recipe says so before anything is decided.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from keyturn.core.keeping import ITEM_BYTES_MAX, KEEP, KEPT, is_kept, raw
from keyturn.core.ports import Inquiry
from keyturn.errors import UnavailableError
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Backup, Role
from keyturn.providers.aws.recipes.base import Recipe, State, call
from keyturn.providers.aws.recipes.common import human_bytes, must


class Kept(msgspec.Struct, frozen=True):
    """What the vault says of an export."""

    reference: str
    sha256: str
    length: int

    @property
    def proof(self) -> str:
        return f"{human_bytes(self.length)} sealed in the plane's vault and read back, SHA-256 {self.sha256[:16]}…"


def keep(ref: ResourceRef, data: bytes) -> Inquiry[Kept]:
    """Seal `data` and see that it can be had again. Raises `UnavailableError` where it is over a limit."""
    (answer,) = yield (call(ref, KEEP, {"bytes": data}, Role.BACKUP),)
    made = msgspec.convert(must(answer, f"keeping the export of {ref.id}"), Kept)
    if made.sha256 != hashlib.sha256(data).hexdigest() or (yield from kept(ref, made.reference)) != data:
        raise UnavailableError("backup", f"the export of {ref.id} does not read back as it was sealed")
    return made


def kept(ref: ResourceRef, reference: str) -> Inquiry[bytes]:
    """What was sealed. Raises `UnavailableError` where the vault does not have it."""
    (answer,) = yield (call(ref, KEPT, {"reference": reference}),)
    return raw(must(answer, f"opening the export of {ref.id}")["bytes"])


def exported(ref: ResourceRef, operation: str, parameters: dict[str, Any]) -> Inquiry[dict[str, Any]]:
    """One read of the data itself, by the backup role: that it was read is on record, the answer is not."""
    asked = msgspec.structs.replace(call(ref, operation, parameters, Role.BACKUP), again=True)
    (answer,) = yield (asked,)
    return must(answer, f"{operation} of {ref.id}")


def packed(ref: ResourceRef, entries: list[Any]) -> Inquiry[Kept]:
    """Many small things as one export."""
    return (yield from keep(ref, msgspec.msgpack.encode(entries)))


def unpacked(ref: ResourceRef, reference: str) -> Inquiry[list[Any]]:
    found: list[Any] = msgspec.msgpack.decode((yield from kept(ref, reference)))
    return found


def backup_of(
    recipe: Recipe,
    ref: ResourceRef,
    state: State,
    made: Kept,
    *,
    at_ms: int,
    restores_to: str,
    loss: tuple[str, ...],
    about: str = "",
    **watermark: Any,
) -> Backup:
    """A backup that lies in the vault, with its size and checksum."""
    return Backup(
        resource=ref,
        state_digest=recipe.fingerprint(state),
        watermark={"at_ms": at_ms, "bytes": made.length, "sha256": made.sha256, **watermark},
        reference=made.reference,
        manifest="",
        taken_at_ms=at_ms,
        verified_at_ms=at_ms,
        verified_by=about + made.proof,
        restores_to=restores_to,
        loss=loss,
    )


def in_vault(backup: Backup | None, ref: ResourceRef) -> Backup:
    """The backup, where it is an export. Raises `UnavailableError` where it is none."""
    if backup is None or not is_kept(backup.reference):
        raise UnavailableError("no-backup", f"there is no export of {ref} to restore")
    return backup


__all__ = [
    "ITEM_BYTES_MAX",
    "Kept",
    "backup_of",
    "exported",
    "in_vault",
    "keep",
    "kept",
    "packed",
    "unpacked",
]
