"""A bundle (`keyturn.stores.bundle`), checked by somebody who trusts neither its sender nor this plane.

`verify_bundle` needs nothing else: no server, no database, no key of ours but the public one, which the reader may pin. It reads in
pieces: memory does not grow with a whole log. Every line of the report is one question; what rests on an answer that failed is
not asked, so that what was done to a bundle is the line that fails.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import IO, Final, TypeVar

import msgspec

from keyturn.core.chain import GENESIS, Tree, broken_at, checkpoint_wrong, entry_wrong
from keyturn.core.merkle import grown, included
from keyturn.errors import OperatorError
from keyturn.model import record as r
from keyturn.model.record import Checkpoint, Entry
from keyturn.stores.bundle import FORMAT, Grown, Included, Line
from keyturn.stores.opinion import Opinion
from keyturn.stores.selection import SignedSelection, selection_wrong
from keyturn.stores.signatures import Signatures as Passkeys
from keyturn.stores.vault import signature_holds

CHUNK: Final = 10_000
"""Entries worked on at a time: some tens of MB."""

BLOCK_BYTES: Final = 1 << 20
"""Bytes unpacked at a time."""

LINE_BYTES_MAX: Final = 64 << 20
"""One line of a bundle: as large as the largest blob the vault takes. A stranger's zip may claim to hold anything."""

ABOUT_BYTES_MAX: Final = 1 << 20
SELECTION_BYTES_MAX: Final = 64 << 20
"""It names every selected case: a million of them are some 20 MB."""

POLICY_BYTES_MAX: Final = 16 << 20

NAMED_MAX: Final = 3
"""Things named in one line of the report; how many there are is said."""

_UNREADABLE: Final = (OSError, EOFError, ValueError, RuntimeError, zlib.error, zipfile.BadZipFile)
"""What `zipfile` and `msgspec` raise on damaged, encrypted or malformed members (RuntimeError: a password, or too deep)."""

T = TypeVar("T")


class Check(msgspec.Struct, frozen=True):
    """One line of the report."""

    name: str
    passed: bool
    detail: str

    def __str__(self) -> str:
        return f"{'PASS' if self.passed else 'FAIL'}  {self.name}: {self.detail}"


class Report(msgspec.Struct, frozen=True):
    """All checks; `passed` only when there are some and every one did. `key` is the public key they were checked with."""

    checks: tuple[Check, ...]
    key: str = ""
    pinned: bool = False

    @property
    def passed(self) -> bool:
        return bool(self.checks) and all(check.passed for check in self.checks)

    def __str__(self) -> str:
        return "\n".join(map(str, self.checks))


def verify_bundle(path: Path, *, public_key: str = "") -> Report:
    """Check everything that can be checked without the plane. Raises `OperatorError` only when there is no bundle to read.

    `public_key` (hex) pins the key everything must be signed with; without it the bundle's own is used, and said.
    """
    try:
        archive = zipfile.ZipFile(path)
    except _UNREADABLE as error:
        raise _no_bundle(path, error) from error
    with archive:
        try:
            about = _about(archive)
            for name in ("selection.json", "checkpoints.jsonl", "log.jsonl"):
                archive.getinfo(name)
        except (KeyError, *_UNREADABLE) as error:
            raise _no_bundle(path, error) from error
        key = public_key or about["public_key"]
        try:
            checks = _checked(archive, key, pinned=bool(public_key))
        except (KeyError, *_UNREADABLE) as error:
            checks = (Check("format", False, f"something is not what was exported: {error}"),)
        return Report(checks, key, bool(public_key))


def entries_of(path: Path) -> Iterator[Entry]:
    """The entries of a bundle as they stand in it; nothing is checked. Raises `OperatorError` where there is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            _about(archive)
            with archive.open("log.jsonl") as log:
                for chunk in _chunks(_lines(log)):
                    yield from chunk
    except (KeyError, *_UNREADABLE) as error:
        raise _no_bundle(path, error) from error


def _checked(archive: zipfile.ZipFile, key: str, *, pinned: bool) -> tuple[Check, ...]:
    signed = msgspec.json.decode(
        _member(archive, "selection.json", SELECTION_BYTES_MAX), type=SignedSelection
    )
    checkpoints = Signatures(list(_decoded(archive, "checkpoints.jsonl", Checkpoint)), key, pinned=pinned)
    kind = _Whole if signed.selection.whole else _Part
    reading = kind(archive, signed, checkpoints)
    with archive.open("log.jsonl") as log:
        for chunk in _chunks(_lines(log)):
            reading.take(chunk)
    return tuple(reading.report())


def _no_bundle(path: Path, error: BaseException) -> OperatorError:
    return OperatorError(
        "no-bundle", f"{path} is no exported log: {error}", help="make one with: keyturn export FILE"
    )


# --- reading ---------------------------------------------------------------------------------------------------------


def _about(archive: zipfile.ZipFile) -> dict[str, str]:
    about = msgspec.json.decode(_member(archive, "about.json", ABOUT_BYTES_MAX), type=dict[str, str])
    if about.get("format") != FORMAT:
        raise ValueError(f"its format is {about.get('format', 'not named')}, not {FORMAT}")
    return {"public_key": "", **about}


def _member(archive: zipfile.ZipFile, name: str, bytes_max: int) -> bytes:
    with archive.open(name) as file:
        data = file.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise ValueError(f"{name} is longer than {bytes_max:,} bytes")
    return data


def _decoded(archive: zipfile.ZipFile, name: str, kind: type[T]) -> Iterator[T]:
    decode = msgspec.json.Decoder(kind).decode
    with archive.open(name) as file:
        yield from map(decode, _lines(file))


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
    decode = msgspec.json.Decoder(Line).decode
    while chunk := [
        Entry(line.seq, line.writer, line.case, line.prev, line.hash, bytes(line.body))
        for line in map(decode, islice(lines, CHUNK))
    ]:
        yield chunk


def some(names: list[str]) -> str:
    """The first few, and how many more."""
    more = len(names) - NAMED_MAX
    return ", ".join(names[:NAMED_MAX]) + (f" and {more:,} more" if more > 0 else "")


# --- signatures ------------------------------------------------------------------------------------------------------


class Signatures:
    """The checkpoints by size, and what is wrong with which."""

    def __init__(self, checkpoints: list[Checkpoint], key: str, *, pinned: bool) -> None:
        self.all = sorted(checkpoints, key=lambda checkpoint: checkpoint.size)
        self.whose = "the key you gave" if pinned else "the bundle's own key (give --key to pin it)"
        try:
            self.key = bytes.fromhex(key)
            no_key = ""
        except ValueError:
            self.key, no_key = b"", "the public key is not hexadecimal"
        self.wrong: list[tuple[int, str]] = []
        self.good: list[Checkpoint] = []
        for checkpoint in self.all:
            why = no_key or self._wrong(checkpoint, checkpoints[0].origin)
            if why:
                self.wrong.append((checkpoint.size, why))
            else:
                self.good.append(checkpoint)

    def holds(self, signature: bytes, message: bytes) -> bool:
        return signature_holds(self.key, signature, message)

    def _wrong(self, checkpoint: Checkpoint, origin: str) -> str:
        if checkpoint.origin != origin:
            return f"it speaks of the log {checkpoint.origin}, the first one of {origin}"
        try:
            return checkpoint_wrong(checkpoint, public_key=self.key, verify=self.holds)
        except ValueError as error:
            return f"it is not one: {error}"

    def report(self) -> list[Check]:
        if not self.all:
            return [Check("checkpoints", False, "there is none: nothing says that the end was not cut off")]
        bad = [Check(f"checkpoint {at}", False, why) for at, why in sorted(self.wrong)]
        return bad or [Check("checkpoints", True, f"{len(self.all):,} signed by {self.whose}")]


# --- what a whole log and a part have in common ----------------------------------------------------------------------


class _Reading:
    """All checks side by side, in one pass over the log. Each stops at its first problem, but for the cases'."""

    def __init__(self, archive: zipfile.ZipFile, signed: SignedSelection, checkpoints: Signatures) -> None:
        self.archive, self.signed, self.selection, self.checkpoints = (
            archive,
            signed,
            signed.selection,
            checkpoints,
        )
        self.unsigned = selection_wrong(signed, public_key=checkpoints.key, verify=checkpoints.holds)
        self.broken = self.undecoded = ""
        self.incomplete = False
        self.count = 0
        self.deciding: Counter[str] = Counter()  # decisions by the digest of their policies
        self._decode = msgspec.json.Decoder(r.EntryBody).decode
        self._opinion = Opinion()
        self._passkeys = Passkeys()

    def take(self, entries: list[Entry]) -> None:
        """The next entries of the bundle."""
        raise NotImplementedError

    def ground(self) -> list[Check]:
        """The lines that everything else rests on."""
        raise NotImplementedError

    def read(self, entries: list[Entry]) -> None:
        for entry in entries:
            try:
                body = self._decode(entry.body)
            except (ValueError, RecursionError) as error:
                self.undecoded = f"entry {entry.seq} is no event we know: {error}"
                return
            if isinstance(body.event, r.Decided):
                self.deciding[body.event.decision.policy_digest] += 1
            self._opinion.see(body, entry.body)
            self._passkeys.see(body)

    def report(self) -> list[Check]:
        """What was found, from the ground up."""
        checks = self.ground()
        if self.broken or self.incomplete:
            return checks  # cases of which something is missing are not judged
        checks.append(Check("events", not self.undecoded, self.undecoded or f"{self.count:,} decode"))
        if not self.undecoded:
            checks += [Check(*line) for line in self._opinion.lines()]
            checks += [Check("receipts", *self._passkeys.line()), self._policies()]
        return checks

    def _policies(self) -> Check:
        """The texts are what their digests say, and none that decided is missing, but for those the plane said it lacks."""
        here: set[str] = set()
        for name in self.archive.namelist():
            if name.startswith("policies/") and not name.endswith("/"):
                text = _member(self.archive, name, POLICY_BYTES_MAX)
                found = "sha256:" + hashlib.sha256(text).hexdigest()
                if name != f"policies/{found.removeprefix('sha256:')}.json":
                    return Check("policies", False, f"{name} is not the text that its name is the digest of")
                here.add(found)
        untexted = set() if self.unsigned else set(self.selection.untexted)
        missing = sorted((set(self.deciding) | set(self.selection.policies)) - here - untexted)
        if missing:
            return Check("policies", False, f"the text of {some(missing)} is missing")
        lacking = sum(self.deciding[name] for name in untexted)
        said = f"{self.deciding.total() - lacking:,} decisions by {len(here):,} sets of policies, whose texts are here"
        return Check("policies", True, said + (f"; of {lacking:,} the plane has no text" if lacking else ""))


class _Whole(_Reading):
    """The log from its first entry on."""

    def __init__(self, archive: zipfile.ZipFile, signed: SignedSelection, checkpoints: Signatures) -> None:
        super().__init__(archive, signed, checkpoints)
        self._prev = GENESIS
        self._tree = Tree()
        self._checked = 0  # checkpoints whose root was compared
        self._next_root_at = 0  # the size of the first that was not

    def take(self, entries: list[Entry]) -> None:
        if not self.broken:
            self.broken = broken_at(entries, seq=self.count, prev=self._prev)
        if self.broken:
            return  # what follows rests on the chain
        for entry in entries:
            if self._tree.size == self._next_root_at:
                self._compare_roots()
            self._tree.add(bytes.fromhex(entry.hash))
        self._compare_roots()
        self.count, self._prev = entries[-1].seq, entries[-1].hash
        if not self.undecoded:
            self.read(entries)

    def _compare_roots(self) -> None:
        checkpoints = self.checkpoints
        for checkpoint in checkpoints.all[self._checked :]:
            if checkpoint.size > self._tree.size:
                self._next_root_at = checkpoint.size
                return
            if checkpoint.size != self._tree.size or self._tree.root().hex() != checkpoint.root:
                checkpoints.wrong.append((checkpoint.size, "the log's root at this size is another one"))
            self._checked += 1

    def ground(self) -> list[Check]:
        if self.broken:
            return [Check("chain", False, self.broken), *self.checkpoints.report()]
        self._compare_roots()
        said = f"{self.count:,} entries, each on the hash of the one before"
        checks = [Check("chain", True, said), *self.checkpoints.report()]
        if self.checkpoints.all:
            checks.append(self._signed_to_the_end(self.checkpoints.all[-1].size))
        told = "the plane says that this is the whole log"
        return [*checks, Check("selection", not self.unsigned, self.unsigned or told)]

    def _signed_to_the_end(self, last: int) -> Check:
        if last > self.count:
            rest = f"{last:,} entries were signed, {self.count:,} are here"
        elif last < self.count:
            rest = f"{self.count - last:,} entries came after the last checkpoint"
        else:
            rest = "every entry is under a signature"
        return Check("signed to the end", last <= self.count, rest)


class _Part(_Reading):
    """Some cases: each entry is proved to be in the log, and the plane's word says that they are all of theirs."""

    def __init__(self, archive: zipfile.ZipFile, signed: SignedSelection, checkpoints: Signatures) -> None:
        super().__init__(archive, signed, checkpoints)
        under = [checkpoint for checkpoint in checkpoints.good if checkpoint.size == signed.selection.size]
        self._under = under[0] if under else None
        self._proofs = {proof.seq: proof for proof in _decoded(archive, "inclusion.jsonl", Included)}
        self._outside = ""
        self._seq = 0
        self._of_case: Counter[str] = Counter()

    def take(self, entries: list[Entry]) -> None:
        for entry in entries:
            if self.broken:
                return
            if entry.seq <= self._seq:
                self.broken = f"after entry {self._seq} comes entry {entry.seq}"
            else:
                self.broken = entry_wrong(entry)
            self._seq = entry.seq
            self.count += 1
            self._of_case[entry.case_id] += 1
            if not self.broken and self._under is not None and not self._outside:
                self._outside = self._not_included(entry, self._under)
        if not self.broken and not self.undecoded:
            self.read(entries)

    def _not_included(self, entry: Entry, under: Checkpoint) -> str:
        proof = self._proofs.get(entry.seq)
        if proof is None:
            return f"entry {entry.seq} has no proof that it is in the log"
        path = [bytes.fromhex(node) for node in proof.path]
        leaf, root = bytes.fromhex(entry.hash), bytes.fromhex(under.root)
        if proof.size == under.size and included(leaf, entry.seq - 1, under.size, path, root):
            return ""
        return f"entry {entry.seq} is not under the checkpoint of {under.size:,} entries"

    def ground(self) -> list[Check]:
        said = f"{self.count:,}, each of them what was hashed"
        checks = [Check("entries", not self.broken, self.broken or said), *self.checkpoints.report()]
        if self.broken:
            return checks
        if self._under is not None:
            proved = f"each entry is in the log of {self._under.size:,} that was signed last"
            checks.append(Check("inclusion", not self._outside, self._outside or proved))
        apart = self._not_grown()
        checks.append(
            Check("consistency", not apart, apart or "each checkpoint's log begins with the one before")
        )
        selected = self._selected()
        self.incomplete = not selected.passed
        return [*checks, selected]

    def _not_grown(self) -> str:
        proofs = {(one.old, one.size): one for one in _decoded(self.archive, "consistency.jsonl", Grown)}
        good = [checkpoint for checkpoint in self.checkpoints.good if checkpoint.size]
        wrong = {at for at, _ in self.checkpoints.wrong}
        for before, after in pairwise(good):
            proof = proofs.get((before.size, after.size))
            if proof is None:
                if any(before.size <= at <= after.size for at in wrong):
                    continue  # the one in between is named already
                return f"nothing shows that the log of {after.size:,} grew out of the one of {before.size:,}"
            path = [bytes.fromhex(node) for node in proof.path]
            roots = bytes.fromhex(before.root), bytes.fromhex(after.root)
            if not grown(before.size, roots[0], after.size, roots[1], path):
                return f"the log of {after.size:,} did not grow out of the one of {before.size:,}"
        return ""

    def _selected(self) -> Check:
        told = self.selection
        wrong = self.unsigned
        if not wrong and self._under is None and not self.checkpoints.wrong:
            wrong = f"there is no checkpoint of the {told.size:,} entries it speaks of"
        if not wrong:
            counts = {name: count for name, count in self._of_case.items() if name}
            names = sorted(set(counts) | set(told.cases))
            off = [
                f"{name} (of {told.cases.get(name, 0):,} entries {counts.get(name, 0):,})"
                for name in names
                if counts.get(name, 0) != told.cases.get(name, 0)
            ]
            if off:
                wrong = f"not all of these is here, or too much: {some(off)}"
            elif self.count != told.entries:
                wrong = f"{told.entries:,} entries were exported, {self.count:,} are here"
        asked = ", ".join(f"{key} {value}" for key, value in told.filter.items()) or "everything"
        said = f"{len(told.cases):,} of {told.in_log:,} cases, whole, as the plane says: {asked}"
        return Check("selection", not wrong, wrong or said)
