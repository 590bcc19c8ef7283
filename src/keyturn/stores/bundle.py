"""The log as one file that a stranger can check: entries as they were hashed, signed checkpoints, the public key.

A bundle is a zip with ``log.jsonl`` (one entry a line: seq, writer, case, prev, hash, body as it was hashed), ``checkpoints.jsonl``
and ``about.json``. `verify_bundle` needs nothing else: no server, no database, no key of ours but the public one, which the
reader may pin (`public_key`). Both read and write in pieces: memory does not grow with the log.

What a bundle cannot show: that entries after the last checkpoint were not cut off together with the checkpoints over them.
Who keeps an earlier checkpoint, or its size and root, can see that its entries are still here.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Final

import msgspec

from keyturn.core.chain import GENESIS, Tree, broken_at, checkpoint_wrong
from keyturn.errors import OperatorError
from keyturn.model import record as r
from keyturn.model.record import Checkpoint, Entry
from keyturn.stores.interface import Store
from keyturn.stores.opinion import Opinion
from keyturn.stores.vault import signature_holds

FORMAT: Final = "keyturn-log-1"

CHUNK: Final = 10_000
"""Entries worked on at a time: some tens of MB."""

BLOCK_BYTES: Final = 1 << 20
"""Bytes unpacked at a time."""

LINE_BYTES_MAX: Final = 64 << 20
"""One line of a bundle: as large as the largest blob the vault takes. A stranger's zip may claim to hold anything."""

ABOUT_BYTES_MAX: Final = 1 << 20

_UNREADABLE: Final = (OSError, EOFError, ValueError, RuntimeError, zlib.error, zipfile.BadZipFile)
"""What `zipfile` and `msgspec` raise on damaged, encrypted or malformed members (RuntimeError: a password, or too deep)."""


class _Line(msgspec.Struct, frozen=True):
    seq: int
    writer: str
    case: str
    prev: str
    hash: str
    body: msgspec.Raw


class Check(msgspec.Struct, frozen=True):
    """One line of the report."""

    name: str
    passed: bool
    detail: str

    def __str__(self) -> str:
        return f"{'PASS' if self.passed else 'FAIL'}  {self.name}: {self.detail}"


class Report(msgspec.Struct, frozen=True):
    """All checks; `passed` only when there are some and every one did."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return bool(self.checks) and all(check.passed for check in self.checks)

    def __str__(self) -> str:
        return "\n".join(map(str, self.checks))


# --- writing ---------------------------------------------------------------------------------------------------------


def bundle(store: Store, *, public_key: str) -> bytes:
    """The whole log as a zip."""
    out = io.BytesIO()
    write_bundle(store, out, public_key=public_key)
    return out.getvalue()


def write_bundle(store: Store, file: IO[bytes], *, public_key: str) -> None:
    """The whole log as a zip into `file`, a piece at a time. `public_key` is hexadecimal."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        entries = store.entries()
        with archive.open("log.jsonl", "w", force_zip64=True) as log:
            while chunk := b"".join(map(_line, islice(entries, CHUNK))):
                log.write(chunk)
        archive.writestr(
            "checkpoints.jsonl",
            b"".join(msgspec.json.encode(checkpoint) + b"\n" for checkpoint in store.checkpoints()),
        )
        archive.writestr("about.json", msgspec.json.encode({"format": FORMAT, "public_key": public_key}))


def _line(entry: Entry) -> bytes:
    line = _Line(entry.seq, entry.writer, entry.case_id, entry.prev, entry.hash, msgspec.Raw(entry.body))
    return msgspec.json.encode(line) + b"\n"


# --- checking --------------------------------------------------------------------------------------------------------


def verify_bundle(path: Path, *, public_key: str = "") -> Report:
    """Check everything that can be checked without the plane. Raises `OperatorError` only when there is no bundle to read.

    `public_key` (hex) pins the key the checkpoints must be signed with; without it the bundle's own is used, and said.
    """
    try:
        archive = zipfile.ZipFile(path)
    except _UNREADABLE as error:
        raise _no_bundle(path, error) from error
    with archive:
        try:
            about = _about(archive)
            signed, log = archive.open("checkpoints.jsonl"), archive.open("log.jsonl")
        except (KeyError, *_UNREADABLE) as error:
            raise _no_bundle(path, error) from error
        with signed, log:
            try:
                checkpoints = [msgspec.json.decode(line, type=Checkpoint) for line in _lines(signed)]
                checks = _Checking(checkpoints, public_key or about["public_key"], pinned=bool(public_key))
                for chunk in _chunks(_lines(log)):
                    checks.take(chunk)
            except _UNREADABLE as error:
                return Report((Check("format", False, f"a line is not what was exported: {error}"),))
            return checks.report()


def _no_bundle(path: Path, error: BaseException) -> OperatorError:
    return OperatorError(
        "no-bundle", f"{path} is no exported log: {error}", help="make one with: keyturn export FILE"
    )


def _about(archive: zipfile.ZipFile) -> dict[str, str]:
    with archive.open("about.json") as file:
        about = msgspec.json.decode(file.read(ABOUT_BYTES_MAX), type=dict[str, str])
    if about.get("format") != FORMAT:
        raise ValueError(f"its format is {about.get('format', 'not named')}, not {FORMAT}")
    return {"public_key": "", **about}


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Lines of a member, unpacked block by block; one without an end is refused before it fills the memory."""
    rest = b""
    while block := file.read(BLOCK_BYTES):
        *whole, rest = (rest + block).split(b"\n")
        yield from whole
        if len(rest) > LINE_BYTES_MAX:
            raise ValueError(f"a line is longer than {LINE_BYTES_MAX:,} bytes")
    if rest:
        yield rest


def _chunks(lines: Iterator[bytes]) -> Iterator[list[Entry]]:
    decode = msgspec.json.Decoder(_Line).decode
    while chunk := [
        Entry(line.seq, line.writer, line.case, line.prev, line.hash, bytes(line.body))
        for line in map(decode, islice(lines, CHUNK))
    ]:
        yield chunk


class _Checking:
    """All checks side by side, in one pass over the log. Each stops at its first problem, but for the cases'."""

    def __init__(self, checkpoints: list[Checkpoint], key: str, *, pinned: bool) -> None:
        self._seq, self._prev = 0, GENESIS
        self._broken, self._undecoded = "", ""
        self._tree = Tree()
        self._checkpoints = sorted(checkpoints, key=lambda checkpoint: checkpoint.size)
        self._checked = 0  # checkpoints whose root was compared
        self._next_root_at = 0  # the size of the first that was not
        self._unsigned = _signatures(self._checkpoints, key)
        self._whose = "the key you gave" if pinned else "the bundle's own key (give --key to pin it)"
        self._decode = msgspec.json.Decoder(r.EntryBody).decode
        self._opinion = Opinion()

    def take(self, entries: list[Entry]) -> None:
        """The next entries of the log."""
        if not self._broken:
            self._broken = broken_at(entries, seq=self._seq, prev=self._prev)
        if self._broken:
            return  # what follows rests on the chain
        for entry in entries:
            if self._tree.size == self._next_root_at:
                self._compare_roots()
            self._tree.add(bytes.fromhex(entry.hash))
        self._compare_roots()
        self._seq, self._prev = entries[-1].seq, entries[-1].hash
        if not self._undecoded:
            self._undecoded = self._read(entries)

    def _compare_roots(self) -> None:
        for checkpoint in self._checkpoints[self._checked :]:
            if checkpoint.size > self._tree.size:
                self._next_root_at = checkpoint.size
                return
            if checkpoint.size != self._tree.size or self._tree.root().hex() != checkpoint.root:
                self._unsigned.append((checkpoint.size, "the log's root at this size is another one"))
            self._checked += 1

    def _read(self, entries: list[Entry]) -> str:
        for entry in entries:
            try:
                body = self._decode(entry.body)
            except (ValueError, RecursionError) as error:
                return f"entry {entry.seq} is no event we know: {error}"
            if (body.seq, body.writer, body.case) != (entry.seq, entry.writer, entry.case_id):
                return f"entry {entry.seq} is filed under another number, writer or case than was hashed"
            self._opinion.see(body, entry.body)
        return ""

    def report(self) -> Report:
        """What was found, from the ground up."""
        self._compare_roots()
        size = self._tree.size
        checks = [
            Check(
                "chain",
                not self._broken,
                self._broken or f"{size:,} entries, each on the hash of the one before",
            ),
            *self._signed(size),
        ]
        if not self._broken:
            checks.append(Check("events", not self._undecoded, self._undecoded or f"{size:,} decode"))
        if not self._broken and not self._undecoded:
            checks += [Check(*line) for line in self._opinion.lines()]
        return Report(tuple(checks))

    def _signed(self, size: int) -> list[Check]:
        if not self._checkpoints:
            return [Check("checkpoints", False, "there is none: nothing says that the end was not cut off")]
        bad = [Check(f"checkpoint {at}", False, why) for at, why in sorted(self._unsigned)]
        last = self._checkpoints[-1].size
        if last > size:
            rest = f"{last:,} entries were signed, {size:,} {'hold' if self._broken else 'are here'}"
        elif last < size:
            rest = f"{size - last:,} entries came after the last checkpoint"
        else:
            rest = "every entry is under a signature"
        good = Check("checkpoints", True, f"{len(self._checkpoints):,} signed by {self._whose}")
        return [*(bad or [good]), Check("signed to the end", last <= size, rest)]


def _signatures(checkpoints: list[Checkpoint], key: str) -> list[tuple[int, str]]:
    """(size, what is wrong) of every checkpoint that was not signed by `key` for the log that the first one names."""
    try:
        public = bytes.fromhex(key)
    except ValueError:
        return [(checkpoint.size, "the public key is not hexadecimal") for checkpoint in checkpoints]

    def holds(signature: bytes, message: bytes) -> bool:
        return signature_holds(public, signature, message)

    return [
        (checkpoint.size, wrong)
        for checkpoint in checkpoints
        if (wrong := _checkpoint_wrong(checkpoint, checkpoints[0].origin, public, holds))
    ]


def _checkpoint_wrong(
    checkpoint: Checkpoint, origin: str, public: bytes, holds: Callable[[bytes, bytes], bool]
) -> str:
    if checkpoint.origin != origin:
        return f"it speaks of the log {checkpoint.origin}, the first one of {origin}"
    try:
        return checkpoint_wrong(checkpoint, public_key=public, verify=holds)
    except ValueError as error:
        return f"it is not one: {error}"
