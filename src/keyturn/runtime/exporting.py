"""Backups taken out of the vault, for the day on which Keyturn is not there: a tar file of runbooks and the files that they read.

What is in it is no longer sealed. It is given to a person where that is allowed ([backups] export), and that she took it is on the log
before the first byte leaves. The list with the checksums comes last: a file without it was cut.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec

from keyturn.core.case import Case
from keyturn.core.dropping import said_retired
from keyturn.errors import ReviewError
from keyturn.model import record as r
from keyturn.model.change import Change
from keyturn.model.execution import Backup
from keyturn.runtime.work import Work, tags_of, why_of

MANIFEST: Final = "manifest.json"
SUMS: Final = "SHA256SUMS"
RUNBOOK: Final = "runbook.md"
NAME_CHARS_MAX: Final = 60
BLOCK: Final = 512
"""Bytes of a tar that go together (POSIX.1-2001, pax)."""


class _File(msgspec.Struct, frozen=True):
    name: str
    bytes: int
    sha256: str


class Exporting:
    """Which case, by whom, and the bytes."""

    def __init__(self, work: Work) -> None:
        self.work, self.book = work, work.book

    async def export(self, case_id: str, *, by: str) -> AsyncIterator[bytes]:
        """The file in pieces. Raises `ReviewError` before any of it where it may not leave, or there is nothing to take."""
        case = self._may(case_id)
        await self.book.note(
            r.BackupExported(
                at_ms=self.work.clock(),
                by=by,
                case=case_id,
                references=tuple(backup.reference for backup in case.kept),
            )
        )
        return self._pieces(case, by)

    def _may(self, case_id: str) -> Case:
        case = self.book.case(case_id)
        if case is None:
            raise ReviewError("no-case", f"there is no case {case_id}", help="keyturn backup list names them")
        if not self.work.settings.backup_export:
            raise ReviewError(
                "export-off",
                "what is sealed in the vault does not leave it here",
                help="whoever runs the plane allows it: export = true under [backups]",
            )
        if not case.kept or case.change is None:
            raise ReviewError("no-backup", said_retired(case) or f"{case_id} has no backup")
        return case

    async def _pieces(self, case: Case, by: str) -> AsyncIterator[bytes]:
        at_ms = self.work.clock()
        told: list[dict[str, Any]] = []
        sums: list[_File] = []

        def member(name: str, data: bytes) -> bytes:
            sums.append(_File(name, len(data), hashlib.sha256(data).hexdigest()))
            return _member(name, data, at_ms)

        for place, backup in enumerate(case.kept, 1):
            folder = f"{place:03}-{_plain(f'{backup.resource.kind}-{backup.resource.id}')}"
            files, without = await self._files(case, backup)
            begun = len(sums)
            if backup.manifest:
                yield member(f"{folder}/{RUNBOOK}", self.work.vault.get(backup.manifest))
            for name, data in files.items():
                yield member(f"{folder}/{_plain(name)}", data)
            told.append(
                {
                    "folder": folder,
                    "backup": msgspec.to_builtins(backup),
                    "files": msgspec.to_builtins(sums[begun:]),
                    "without": without,
                }
            )
        manifest = {"case": case.id, "by": by, "at_ms": at_ms, "backups": told}
        yield member(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2))
        yield _member(SUMS, "".join(f"{one.sha256}  {one.name}\n" for one in sums).encode(), at_ms)
        yield bytes(2 * BLOCK)

    async def _files(self, case: Case, backup: Backup) -> tuple[dict[str, bytes], str]:
        """What its runbook reads; where that cannot be had, why: the rest is worth having all the same."""
        change: Change | None = case.done or case.change
        if change is None:
            return {}, "there is no change"
        inquiry = self.work.provider(change).files(change, backup, self.work.captures(case))
        try:
            found = await self.work.asker.drive(inquiry, tags=tags_of(case), case_id=case.id, recipe="export")
        except Exception as error:  # noqa: BLE001  # said in the list, beside what could be had
            return {}, why_of(error)
        return dict(found), ""


def _plain(name: str) -> str:
    """A name that is one on every disk, and leads nowhere else."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:NAME_CHARS_MAX] or "file"


def _member(name: str, data: bytes, at_ms: int) -> bytes:
    """One file of a tar (POSIX.1-2001, pax), for its owner alone."""
    import tarfile  # noqa: PLC0415  # comes with the first who takes something out

    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = len(data), 0o600, at_ms // 1000
    padding = bytes(-len(data) % BLOCK)
    whole = io.BytesIO()
    for part in (info.tobuf(tarfile.PAX_FORMAT), data, padding):
        whole.write(part)
    return whole.getvalue()
