"""What the plane says under its key about an export: how much of the log it is, and of which case how many entries.

From a whole log nothing can be left out unseen, since every entry is on the hash of the one before. From a part it can, and no
Merkle proof shows it: each proves that something is in the log, none that something is not. So the plane states the selection and
signs it (a C2SP signed note, as its checkpoints are); what is missing afterwards was taken out by somebody else.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Final

import msgspec

from keyturn.core.chain import key_id
from keyturn.model.canonical import digest

KIND: Final = "keyturn selection v1"
"""The first line of the note: it can be taken neither for a checkpoint, whose first line is an origin, nor for anything else."""


class Selection(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an export holds. `cases` says of each selected case how many entries it had; of the whole log it is empty."""

    origin: str
    whole: bool
    at_ms: int
    size: int  # entries of the log
    root: str  # of its Merkle tree, hexadecimal
    entries: int  # of them here
    filter: dict[str, str] = {}  # as it was asked for
    cases: dict[str, int] = {}
    in_log: int = 0  # cases of the whole log
    policies: tuple[str, ...] = ()  # digests of the policies whose texts are here
    untexted: tuple[
        str, ...
    ] = ()  # digests of policies that decided something here, and whose texts the plane does not have


class SignedSelection(msgspec.Struct, frozen=True):
    """A selection with the note that signs it."""

    selection: Selection
    note: str


def _text(selection: Selection) -> str:
    return f"{KIND}\n{selection.origin}\n{digest(selection)}\n"


def sign_selection(
    selection: Selection, *, public_key: bytes, sign: Callable[[bytes], bytes]
) -> SignedSelection:
    """`sign` is Ed25519 over bytes."""
    text = _text(selection)
    signature = key_id(selection.origin, public_key) + sign(text.encode())
    note = f"{text}\n— {selection.origin} {base64.b64encode(signature).decode()}\n"
    return SignedSelection(selection, note)


def selection_wrong(
    signed: SignedSelection, *, public_key: bytes, verify: Callable[[bytes, bytes], bool]
) -> str:
    """Empty when the note says what the selection says, signed by this key; otherwise what is wrong."""
    text, _, signature = signed.note.partition("\n\n")
    if text + "\n" != _text(signed.selection):
        return "it is not the one that was signed"
    start = f"— {signed.selection.origin} "
    if not signature.startswith(start):
        return "it is not signed"
    try:
        blob = base64.b64decode(signature.removeprefix(start).rstrip("\n"), validate=True)
    except ValueError:
        return "its signature is not base64"
    good = blob[:4] == key_id(signed.selection.origin, public_key) and verify(blob[4:], text.encode() + b"\n")
    return "" if good else "it is not signed by this key"
