"""The log as evidence: a hash chain of entries, a Merkle tree over it, signed checkpoints.

- Chain: each entry's hash covers the hash before it and its own body.
- Tree: RFC 6962 section 2.1, leaves are the entries' hashes (``sha256(0x00 || leaf)``), nodes ``sha256(0x01 || left || right)``.
- Checkpoint: C2SP tlog-checkpoint (origin, size, base64 root) in a C2SP signed note (Ed25519, algorithm byte 0x01).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from keyturn.errors import StoreError
from keyturn.model.record import Checkpoint, Draft, Entry

GENESIS: Final = "0" * 64
"""What stands before the first entry."""

_encode = msgspec.json.Encoder(order="sorted").encode


def entry_hash(prev: str, body: bytes) -> str:
    """``sha256(prev || body)`` in hex, with the previous hash as its 32 bytes."""
    return hashlib.sha256(bytes.fromhex(prev) + body).hexdigest()


class Written(msgspec.Struct, frozen=True):
    """A draft whose event is canonical JSON already: placing it in the chain cannot fail any more."""

    case_id: str
    event: bytes


class _Body(msgspec.Struct, frozen=True):
    """`model.record.EntryBody` with its event as written."""

    seq: int
    writer: str
    case: str
    event: msgspec.Raw


def written(draft: Draft) -> Written:
    """The draft as it will stand in the log. Raises `StoreError` `unwritable` for what JSON cannot say (half a surrogate pair)."""
    try:
        return Written(case_id=draft.case_id, event=_encode(draft.event))
    except (ValueError, TypeError, RecursionError) as error:
        raise StoreError(
            "unwritable",
            f"{type(draft.event).__name__} of {draft.case_id or 'the plane'} cannot be written as JSON: {error}",
            help="the request is refused; nothing of it is on record",
        ) from error


def make_entry(draft: Draft | Written, *, seq: int, writer: str, prev: str) -> Entry:
    """The next entry of the chain."""
    ready = draft if isinstance(draft, Written) else written(draft)
    body = _encode(_Body(seq=seq, writer=writer, case=ready.case_id, event=msgspec.Raw(ready.event)))
    return Entry(
        seq=seq, writer=writer, case_id=ready.case_id, prev=prev, hash=entry_hash(prev, body), body=body
    )


def broken_at(entries: Iterable[Entry], *, seq: int = 0, prev: str = GENESIS) -> str:
    """Empty when the entries follow on `seq` and `prev` in one unbroken chain; otherwise where and how it breaks."""
    fromhex, sha256 = bytes.fromhex, hashlib.sha256
    try:
        for entry in entries:
            if entry.seq != seq + 1:
                return f"after entry {seq} comes entry {entry.seq}"
            if entry.prev != prev:
                return f"entry {entry.seq} does not follow on the hash of entry {seq}"
            if sha256(fromhex(prev) + entry.body).hexdigest() != entry.hash:
                return f"entry {entry.seq} is not what was hashed"
            if not _filed_right(entry):
                return f"entry {entry.seq} is filed under another number, writer or case than was hashed"
            seq, prev = entry.seq, entry.hash
    except (TypeError, ValueError):  # a column changed by hand can hold anything, text where bytes were
        return f"entry {seq + 1} is not what was hashed"
    return ""


def _filed_right(entry: Entry) -> bool:
    before = b'{"case":%b,' % _encode(entry.case_id)
    after = b',"seq":%d,"writer":%b}' % (entry.seq, _encode(entry.writer))
    return entry.body.startswith(before) and entry.body.endswith(after)


def entry_wrong(entry: Entry) -> str:
    """Empty when the entry by itself is what was hashed; where it stands in the log is another question."""
    try:
        if entry_hash(entry.prev, entry.body) != entry.hash:
            return f"entry {entry.seq} is not what was hashed"
    except (TypeError, ValueError):
        return f"entry {entry.seq} is not what was hashed"
    return (
        ""
        if _filed_right(entry)
        else f"entry {entry.seq} is filed under another number, writer or case than was hashed"
    )


class Tree:
    """An RFC 6962 tree that only grows; keeps the roots of its complete subtrees, O(log n)."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[tuple[int, bytes]] = []  # (leaves, root) of complete subtrees, largest first

    def __repr__(self) -> str:
        return f"<Tree of {self.size} leaves, root {self.root().hex()[:12]}>"

    def add(self, leaf: bytes) -> None:
        """Append a leaf: an entry's hash as 32 bytes."""
        node, leaves = hashlib.sha256(b"\x00" + leaf).digest(), 1
        while self._peaks and self._peaks[-1][0] == leaves:
            _, left = self._peaks.pop()
            node, leaves = hashlib.sha256(b"\x01" + left + node).digest(), leaves * 2
        self._peaks.append((leaves, node))
        self.size += 1

    def root(self) -> bytes:
        """The root over all leaves so far; of the empty tree the hash of nothing."""
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        node = self._peaks[-1][1]
        for _, left in reversed(self._peaks[:-1]):
            node = hashlib.sha256(b"\x01" + left + node).digest()
        return node


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """The body of a C2SP tlog-checkpoint: three lines, each ended."""
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


def key_id(name: str, public_key: bytes) -> bytes:
    """The four bytes that name a key in a signed note: ``sha256(name || 0x0A || 0x01 || key)[:4]``."""
    return hashlib.sha256(name.encode() + b"\n\x01" + public_key).digest()[:4]


def sign_checkpoint(
    origin: str, tree: Tree, *, at_ms: int, public_key: bytes, sign: Callable[[bytes], bytes]
) -> Checkpoint:
    """A signed note over the tree as it stands; `sign` is Ed25519 over bytes."""
    text = checkpoint_text(origin, tree.size, tree.root())
    signature = base64.b64encode(key_id(origin, public_key) + sign(text.encode())).decode()
    note = f"{text}\n— {origin} {signature}\n"
    return Checkpoint(origin=origin, size=tree.size, root=tree.root().hex(), at_ms=at_ms, note=note)


def checkpoint_wrong(
    checkpoint: Checkpoint, *, public_key: bytes, verify: Callable[[bytes, bytes], bool]
) -> str:
    """Empty when the note says what the checkpoint says and its signature holds; otherwise what is wrong.

    `verify` is ``(signature, message) -> bool`` for Ed25519 under `public_key`.
    """
    text, separator, signatures = checkpoint.note.partition("\n\n")
    text += "\n"
    if not separator:
        return "the note has no signature part"
    if text != checkpoint_text(checkpoint.origin, checkpoint.size, bytes.fromhex(checkpoint.root)):
        return "the note speaks of another log, size or root"
    wanted = key_id(checkpoint.origin, public_key)
    for line in signatures.splitlines():
        mark, _, rest = line.partition(" ")
        name, _, encoded = rest.rpartition(" ")
        if mark != "—" or name != checkpoint.origin:
            continue
        try:
            blob = base64.b64decode(encoded, validate=True)
        except ValueError:
            return "the signature is not base64"
        if blob[:4] == wanted and verify(blob[4:], text.encode()):
            return ""
    return "no signature of this key holds"
