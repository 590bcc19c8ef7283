"""Exports in the plane's own vault: which a case needs, and what goes that nobody needs any more.

They are shared by content, so that what somebody else's backup needs stays (`unneeded`). A backup that failed, or whose process ended,
leaves what it had sealed by then; that is found by looking what lies there and who names it (`Exports.collect`).

What is about to go is marked first and counted second. Who keeps the same bytes in between has said so on the log before, and is
counted, or seals them anew after, and then the mark is another: that sealing is not touched.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from keyturn.core.case import Case
from keyturn.core.keeping import KEEP, KIND, is_kept
from keyturn.core.lifecycle import TERMINAL
from keyturn.errors import StoreError
from keyturn.runtime.book import Book
from keyturn.stores.vault import Vault

log = logging.getLogger("keyturn")

GRACE_MS: Final = 3_600_000
"""What nobody names is taken out when it was found so this long ago already: a case that is at work names what it keeps within minutes."""


class _Answer(msgspec.Struct, frozen=True):
    """The part of a step's recorded answer that names what was kept."""

    value: dict[str, Any] = {}


class _About(msgspec.Struct, frozen=True):
    sha256: str = ""


class Needs(msgspec.Struct, frozen=True):
    """Exports in the vault that a case needs: reference -> SHA-256 of the content; and contents that it is about to seal."""

    references: dict[str, str]
    contents: frozenset[str] = frozenset()


class Exports:
    """Takes out of the vault what no backup needs; who asks is retention, or a person's drop."""

    def __init__(self, book: Book, vault: Vault) -> None:
        self._book, self._vault = book, vault
        # reference -> its sealing, and since when nobody names it
        self._nobodys: dict[str, tuple[bytes, int]] = {}

    async def free(self, case_id: str) -> int:
        """Take out what only this case's exports needed. Returns how many blobs that were."""
        case = self._book.case(case_id)
        if case is None or any(is_kept(backup.reference) for backup in case.kept):
            return 0
        mine = self._needs(case)
        marks = self._marks(mine.references)
        if not marks:
            return 0
        await self._book.abreast()
        others = [self._needs(other) for other in self._others(case_id)]
        free = unneeded(mine, others)
        for reference in sorted(free & marks.keys()):
            await self._vault.drop(reference, mark=marks[reference])
        return len(free & marks.keys())

    async def collect(self, now_ms: int) -> int:
        """Take out what no case names, and none did an hour ago. Returns how many blobs that were.

        A mark is read with its blob: only of what nobody names as it is.
        """
        kept = self._vault.kept(KIND)
        named = await self._named() if kept else Needs({})
        marks = self._marks(reference for reference in kept if reference not in named.references)
        if not marks:
            self._nobodys.clear()
            return 0
        needs = await self._named()
        self._nobodys = {
            reference: before
            if (before := self._nobodys.get(reference)) and before[0] == mark
            else (mark, now_ms)
            for reference, mark in marks.items()
            if reference not in needs.references
        }
        gone = 0
        for reference, (mark, since_ms) in tuple(self._nobodys.items()):
            if now_ms - since_ms < GRACE_MS or self._may_be(reference, needs.contents):
                continue
            await self._vault.drop(reference, mark=mark)
            del self._nobodys[reference]
            gone += 1
        if gone:
            log.info("%d exports of backups that did not come about were taken out of the vault", gone)
        return gone

    async def _named(self) -> Needs:
        """What all cases need."""
        await self._book.abreast()
        references: dict[str, str] = {}
        contents: set[str] = set()
        for case in self._others(""):
            needs = self._needs(case)
            references |= needs.references
            contents |= needs.contents
            await asyncio.sleep(0)  # who is counted late has sealed anew what it kept meanwhile: see above
        return Needs(references, frozenset(contents))

    def _marks(self, references: Iterable[str]) -> dict[str, bytes]:
        return {reference: mark for reference in references if (mark := self._vault.mark(reference))}

    def _may_be(self, reference: str, contents: frozenset[str]) -> bool:
        """Whether it is what somebody is about to seal; yes, too, where it cannot be read: not to be told is not to be nobody's."""
        try:
            return hashlib.sha256(self._vault.get(reference)).hexdigest() in contents
        except StoreError:
            return True

    def _others(self, case_id: str) -> Iterable[Case]:
        """Every other case that may need an export: those whose backups stand, and those that are at work on one."""
        named = {one.case_id for one in self._book.plane.shelf if one.exports and one.case_id != case_id}
        named |= {
            case.id
            for case in self._book.cases.values()
            if case.phase not in TERMINAL and case.steps and case.id != case_id
        }
        return [case for name in sorted(named) if (case := self._book.case(name)) is not None]

    def _needs(self, case: Case) -> Needs:
        """See `needs_of`."""
        return needs_of(case, self._vault)


def needs_of(case: Case, vault: Vault) -> Needs:
    """What the case has sealed in the vault, by its steps: by reference where it was answered, by content where it was not yet."""
    references: dict[str, str] = {}
    contents: set[str] = set()
    for step in case.steps:
        if step.operation != KEEP:
            continue
        if step.answer_ref:
            value = msgspec.json.decode(vault.get(step.answer_ref), type=_Answer).value
            if "reference" in value:
                references[str(value["reference"])] = str(value.get("sha256", ""))
        if step.request:
            contents.add(msgspec.json.decode(vault.get(step.request), type=_About).sha256)
    return Needs(references, frozenset(contents))


def unneeded(mine: Needs, others: Iterable[Needs]) -> frozenset[str]:
    """Of what one case needs, the references that nobody else does."""
    free = dict(mine.references)
    for other in others:
        for reference, content in tuple(free.items()):
            if reference in other.references or content in other.contents:
                del free[reference]
    return frozenset(free)
