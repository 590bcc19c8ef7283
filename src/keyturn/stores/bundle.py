"""The log, or some cases of it, as one file that a stranger can check: `keyturn.stores.verifying` reads it with nothing else at hand.

A bundle is a zip:

- ``README.md``: what this is, and how it is checked, for somebody who has never heard of Keyturn.
- ``about.json``: the format and the public key.
- ``selection.json``: what the plane says is in here, signed (`keyturn.stores.selection`).
- ``log.jsonl``: one entry a line: seq, writer, case, prev, hash, body as it was hashed.
- ``checkpoints.jsonl``: signed notes over size and Merkle root.
- ``policies/``: the policies that decided, each under its own digest.
- of a part of the log also ``inclusion.jsonl`` (that each entry is in the tree) and ``consistency.jsonl`` (that each checkpoint's tree grew
  out of the one before).

It is written in pieces: memory does not grow with a whole log, and for a part by some 150 bytes for each entry of it.

What a bundle cannot show: that entries after the last checkpoint were not cut off together with the checkpoints over them.
Who keeps an earlier checkpoint, or its size and root, can see that its entries are still here.
"""

from __future__ import annotations

import io
import itertools
import zipfile
from collections.abc import Callable, Iterator
from typing import IO, Final

import msgspec

from keyturn.core.merkle import Leaves
from keyturn.model import record as r
from keyturn.model.record import Checkpoint, Entry
from keyturn.stores.interface import Store
from keyturn.stores.selection import Selection, sign_selection
from keyturn.stores.stranger import README

FORMAT: Final = "keyturn-log-2"

CHUNK: Final = 1_000
"""Entries worked on at a time: a few MB, and some 50 ms in which nothing else is done."""

DAY_MS: Final = 86_400_000

POLICIES: Final = "policy"
"""The small table that keeps the text of every policy set that was ever in force, under its digest."""


class Line(msgspec.Struct, frozen=True):
    """One line of ``log.jsonl``."""

    seq: int
    writer: str
    case: str
    prev: str
    hash: str
    body: msgspec.Raw


class Included(msgspec.Struct, frozen=True):
    """One line of ``inclusion.jsonl``: RFC 6962's PATH(seq - 1, D[size]), hexadecimal."""

    seq: int
    size: int
    path: tuple[str, ...]


class Grown(msgspec.Struct, frozen=True):
    """One line of ``consistency.jsonl``: RFC 6962's PROOF(old, D[size]), hexadecimal."""

    old: int
    size: int
    path: tuple[str, ...]


class _Decision(msgspec.Struct, frozen=True):
    policy_digest: str = ""


class _Event(msgspec.Struct, frozen=True):
    """As much of any event as decides whether it is exported, and with which policies: whatever else later versions put there."""

    event: str
    session: str = ""
    policy_digest: str = ""
    decision: _Decision = _Decision()


class _Body(msgspec.Struct, frozen=True):
    event: _Event


def _tags(*events: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(str(event.__struct_config__.tag) for event in events)


_glance = msgspec.json.Decoder(_Body).decode
_OF_A_SESSION: Final = _tags(r.SessionOpened, r.SessionEnded)
_OF_ALL: Final = _tags(
    r.PolicyLoaded, r.HaltRaised, r.HaltLifted, r.FreezeSet, r.FreezeLifted, r.UserChanged, r.PasskeyChanged
)
_DECIDED: Final = _tags(r.Decided)
_LOADED: Final = _tags(r.PolicyLoaded)


class Part(msgspec.Struct, frozen=True):
    """Some cases, with the number of entries each has, and the sessions they were asked for in."""

    cases: dict[str, int]
    sessions: frozenset[str]
    filter: dict[str, str]

    def takes(self, entry: Entry) -> bool:
        """Their entries, and what of the plane one has to know to judge them."""
        if entry.case_id:
            return entry.case_id in self.cases
        event = _glance(entry.body).event
        return event.event in _OF_ALL or (event.event in _OF_A_SESSION and event.session in self.sessions)


class Author(msgspec.Struct, frozen=True):
    """Who writes the bundle: the log's name, and the plane's key. `sign` is Ed25519 over bytes."""

    origin: str
    public_key: bytes
    sign: Callable[[bytes], bytes]
    at_ms: int


def write_bundle(store: Store, file: IO[bytes], author: Author, part: Part | None = None) -> None:
    """The whole log, or a part, as a zip into `file`."""
    for piece in pieces(store, author, part):
        file.write(piece)


def pieces(store: Store, author: Author, part: Part | None = None, *, in_log: int = 0) -> Iterator[bytes]:
    """The zip piece by piece; an empty piece is a moment to do something else in. A part goes as far as the last checkpoint.

    `in_log` is how many cases the whole log has, where that was counted.
    """
    return _Writing(store, author, part, in_log).pieces()


class _Buffer:
    """A file that cannot be rewound, for `zipfile` to write to: what was written is taken out and sent."""

    def __init__(self) -> None:
        self._held = io.BytesIO()

    def write(self, data: bytes) -> int:
        return self._held.write(data)

    def flush(self) -> None:
        """Everything is here already."""

    def close(self) -> None:
        """There is nothing to close."""

    def take(self) -> bytes:
        held, self._held = self._held.getvalue(), io.BytesIO()
        return held


class _Writing:
    def __init__(self, store: Store, author: Author, part: Part | None, in_log: int) -> None:
        self._store, self._author, self._part, self._in_log = store, author, part, in_log
        checkpoints = store.checkpoints()
        self._last = max(checkpoints, key=lambda one: one.size, default=None)
        self._size = self._last.size if self._last and part is not None else store.head[0]
        self._checkpoints = checkpoints if part is None else _one_a_day(checkpoints)
        self._leaves = Leaves()
        self._kept: list[int] = []  # of a part, the entries' numbers
        self._entries = 0
        self._named: set[str] = set()  # policies that decided, or were in force
        self._deciding: set[str] = set()

    def pieces(self) -> Iterator[bytes]:
        out = _Buffer()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("README.md", README)
            about = {"format": FORMAT, "public_key": self._author.public_key.hex()}
            archive.writestr("about.json", msgspec.json.encode(about))
            with archive.open("log.jsonl", "w", force_zip64=True) as log:
                for chunk in self._chunks():
                    log.write(b"".join(map(self._line, chunk)))
                    yield out.take()
            archive.writestr("checkpoints.jsonl", _lines(self._checkpoints))
            if self._part is not None:
                with archive.open("inclusion.jsonl", "w", force_zip64=True) as proofs:
                    for first in range(0, len(self._kept), CHUNK):
                        proofs.write(
                            _lines([self._included(seq) for seq in self._kept[first : first + CHUNK]])
                        )
                        yield out.take()
                archive.writestr("consistency.jsonl", _lines(self._grown()))
            texts = {
                name: row.value
                for name in sorted(self._named)
                if (row := self._store.get_row(POLICIES, name))
            }
            for name, text in texts.items():
                archive.writestr(f"policies/{name.removeprefix('sha256:')}.json", text)
            archive.writestr("selection.json", msgspec.json.encode(self._selection(tuple(texts))))
        yield out.take()

    def _chunks(self) -> Iterator[list[Entry]]:
        """The entries of the bundle, some at a time; none of a chunk in which there is nothing of the part."""
        after = 0
        while after < self._size:
            read = list(self._store.entries(after=after, limit=min(CHUNK, self._size - after)))
            if not read:
                return
            after = max(read[-1].seq, after + 1)  # it goes on, whatever a damaged store says
            if self._part is not None:
                for entry in read:
                    self._leaves.add(bytes.fromhex(entry.hash))
                read = [entry for entry in read if self._part.takes(entry)]
                self._kept += [entry.seq for entry in read]
            self._entries += len(read)
            yield read

    def _line(self, entry: Entry) -> bytes:
        if b'"policy_digest":' in entry.body:  # most entries have none, and are not taken apart
            event = _glance(entry.body).event
            if event.event in _DECIDED:
                self._deciding.add(event.decision.policy_digest)
                self._named.add(event.decision.policy_digest)
            elif event.event in _LOADED:
                self._named.add(event.policy_digest)
        line = Line(entry.seq, entry.writer, entry.case_id, entry.prev, entry.hash, msgspec.Raw(entry.body))
        return msgspec.json.encode(line) + b"\n"

    def _included(self, seq: int) -> Included:
        path = self._leaves.inclusion(seq - 1, self._size)
        return Included(seq, self._size, tuple(node.hex() for node in path))

    def _grown(self) -> list[Grown]:
        sizes = sorted({checkpoint.size for checkpoint in self._checkpoints if checkpoint.size})
        return [
            Grown(old, size, tuple(node.hex() for node in self._leaves.consistency(old, size)))
            for old, size in itertools.pairwise(sizes)
        ]

    def _selection(self, texted: tuple[str, ...]) -> object:
        part = self._part
        selection = Selection(
            origin=self._author.origin,
            whole=part is None,
            at_ms=self._author.at_ms,
            size=self._size,
            root=self._last.root if self._last and self._last.size == self._size else "",
            entries=self._entries,
            filter=part.filter if part else {},
            cases=part.cases if part else {},
            in_log=self._in_log,
            policies=texted,
            untexted=tuple(sorted(self._deciding - set(texted))),
        )
        return sign_selection(selection, public_key=self._author.public_key, sign=self._author.sign)


def _lines(values: list[Included] | list[Grown] | tuple[Checkpoint, ...]) -> bytes:
    return b"".join(msgspec.json.encode(value) + b"\n" for value in values)


def _one_a_day(checkpoints: tuple[Checkpoint, ...]) -> tuple[Checkpoint, ...]:
    """The last of each day (UTC): a part of the log is no place for one a minute."""
    by_day = {
        checkpoint.at_ms // DAY_MS: checkpoint for checkpoint in sorted(checkpoints, key=lambda one: one.size)
    }
    return tuple(sorted(by_day.values(), key=lambda one: one.size))
