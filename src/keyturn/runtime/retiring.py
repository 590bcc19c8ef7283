"""Backups that go: dropped by a person who says why, or retired by the plane when they were kept as long as was said.

Both are a case of its own, whose calls are steps like those of an undo: on record before and after, made at most once, looked up where
no answer came. A person's drop is decided by policy and reviewed like any other change; what retention does was decided when it was set.
"""

from __future__ import annotations

import asyncio
from typing import Final

from keyturn.core import dropping
from keyturn.core.case import Case, Phase
from keyturn.core.dropping import said_retired
from keyturn.core.keeping import is_kept
from keyturn.core.lifecycle import TERMINAL
from keyturn.core.ports import Assessing
from keyturn.core.retention import AGAIN_MS, Shelved, due_at_ms, removable, why_kept
from keyturn.errors import KeyturnError, ReviewError, UnavailableError
from keyturn.model import record as r
from keyturn.model.canonical import digest
from keyturn.model.change import Change, Principal
from keyturn.model.decision import Decision
from keyturn.model.execution import Backup, Outcome, OutcomeStatus
from keyturn.model.words import counted
from keyturn.runtime.exports import Exports
from keyturn.runtime.interface import OnShelf
from keyturn.runtime.work import Work, tags_of, why_of

AT_A_TIME_MAX: Final = 50
"""Cases of one sweep: each is a handful of calls; a plane that was off for a month catches up within the day."""

CASE_S_MAX: Final = 600.0
"""A removal that takes longer goes on without the sweep, which begins the next."""

RETENTION: Final = "retention"
"""Who attests the plane's own removals: nobody asked for them, the setting did."""

_GOING: Final = frozenset(
    {*(Phase.CLAIMED, Phase.PREPARED, Phase.PROVED, Phase.EXECUTING, Phase.UNCERTAIN), Phase.IN_PROGRESS}
)


class Retiring:
    """What may go is decided here and in `core.retention`; the desk asks for drops, the runtime's rhythm for what is due."""

    def __init__(self, work: Work) -> None:
        self.work, self.book = work, work.book
        self.exports = Exports(work.book, work.vault)
        work.drops = self

    # --- what stands -------------------------------------------------------------------------------------------------

    def shelved(self) -> tuple[Shelved, ...]:
        """Cases with backups that stand, oldest first."""
        return tuple(sorted(self.book.plane.shelf, key=lambda one: one.taken_at_ms))

    def listed(self) -> tuple[OnShelf, ...]:
        """Every backup that stands, with what keeping it costs and how long that is."""
        now = self.work.clock()
        return tuple(
            OnShelf(
                case=shelved.case_id,
                backup=backup,
                upkeep=self.work.providers[backup.resource.provider].upkeep(backup),
                age_ms=now - backup.taken_at_ms,
                keeps_until_ms=self.due_at_ms(shelved),
                needed=why_kept(shelved),
            )
            for shelved in self.shelved()
            if (case := self.book.case(shelved.case_id)) is not None
            for backup in case.kept
            if removable(backup)
        )

    def due_at_ms(self, shelved: Shelved) -> int | None:
        return due_at_ms(shelved, self.work.settings.keep_days)

    def why_kept(self, case_id: str) -> str:
        """Why the backups of a case may not go, whoever asks."""
        shelved = self.book.plane.shelf.by_case.get(case_id)
        return why_kept(shelved) if shelved is not None else ""

    def going(self, case_id: str) -> str:
        """The case that removes the backups of this one now; empty where none does."""
        return next(
            (
                case.id
                for case in self.book.cases.values()
                if case.change is not None and case.change.drops == case_id and case.phase in _GOING
            ),
            "",
        )

    # --- asked for ---------------------------------------------------------------------------------------------------

    async def open(self, case_id: str, *, by: str, reason: str, attested_by: str = "login") -> str:
        """A case of its own that removes them. Raises `ReviewError` where there is nothing to remove, or somebody needs it."""
        change = self._change(case_id, by=by, reason=reason, attested_by=attested_by)

        def received() -> r.Received:
            self._may(case_id, reason)  # somebody may have begun to take it back meanwhile
            return r.Received(at_ms=self.work.clock(), change=change)

        return await self.book.open_case(received)

    def _may(self, case_id: str, reason: str) -> tuple[Backup, ...]:
        case = self.book.case(case_id)
        if case is None:
            raise ReviewError("no-case", f"there is no case {case_id}", help="keyturn backup list names them")
        if not reason.strip():
            raise ReviewError(
                "no-reason", "say why it is no longer needed: it stands on record with your name"
            )
        found = tuple(filter(removable, case.kept))
        if not found:
            gone = said_retired(case)
            raise ReviewError("no-backup", gone or f"{case_id} has no backup that could be removed")
        why = self.why_kept(case_id)
        if why:
            raise ReviewError("backup-needed", f"the backup of {case_id} stays: {why}")
        other = self._open_drop(case_id)
        if other:
            raise ReviewError("drop-open", f"{other} removes the backup of {case_id} already")
        return found

    def _open_drop(self, case_id: str) -> str:
        return next(
            (
                case.id
                for case in self.book.cases.values()
                if case.change is not None and case.change.drops == case_id and case.phase not in TERMINAL
            ),
            "",
        )

    def _change(self, case_id: str, *, by: str, reason: str, attested_by: str) -> Change:
        found = self._may(case_id, reason)
        try:
            operations = self.work.providers[found[0].resource.provider].plan_retire(found)
        except UnavailableError as error:
            raise ReviewError(error.code, error.message) from error
        return Change(
            principal=Principal(agent="", session=f"person:{by}", operator=by, attested_by=attested_by),
            surface=RETENTION if attested_by == RETENTION else "desk",
            operations=operations,
            received_at_ms=self.work.clock(),
            intent=f"remove the backup of {case_id}: {reason}",
            drops=case_id,
        )

    # --- judged ------------------------------------------------------------------------------------------------------

    def assess(self, change: Change) -> Assessing:
        """What is lost with them; nothing is read for it but the log."""
        case = self.book.case(change.drops or "")
        return dropping.assessed(change, case, self.state(change))

    def state(self, change: Change) -> str:
        """Digest of what the approval is bound to: which backups stand, and that nobody needs them."""
        case_id = change.drops or ""
        case = self.book.case(case_id)
        kept = [backup.reference for backup in case.kept] if case is not None else []
        return digest({"case": case_id, "kept": kept, "needed": self.why_kept(case_id)})

    def decided(self, change: Change, policy_digest: str) -> Decision | None:
        """What the plane says to its own removal; None where a person asked, so that policy is asked."""
        if change.principal.attested_by != RETENTION:
            return None
        return dropping.retention(self._not_due(change), policy_digest)

    def _not_due(self, change: Change) -> str:
        """Why retention may not remove them now; empty where it may."""
        shelved = self.book.plane.shelf.by_case.get(change.drops or "")
        if shelved is None:
            return ""  # the last of it went, and only the end is still to be written
        due = self.due_at_ms(shelved)
        if due is None or due > self.work.clock():
            return f"the backup of {shelved.case_id} is kept longer than until now"
        return why_kept(shelved)

    # --- performed ---------------------------------------------------------------------------------------------------

    async def perform(self, drop: Case) -> Outcome:
        """One backup after the other, and on from where an attempt before this one stopped; each is on record when it is gone."""
        change = drop.change
        original = self.book.case(change.drops or "") if change is not None else None
        if change is None or original is None:
            return Outcome(status=OutcomeStatus.FAILED, detail="there is no such case")
        why = self.why_kept(original.id)
        if why:
            return Outcome(status=OutcomeStatus.FAILED, detail=f"nothing was removed: {why}")
        try:  # first: what is left after that is still on the shelf, and tried again
            far = await self.work.vaulting.forget(drop, original, self.work.provider(change))
        except KeyturnError as error:
            left = f"what lies of {original.id} in the vault account was not removed: {error.message}"
            return Outcome(status=OutcomeStatus.FAILED, detail=left)
        gone = 0
        for place, backup in enumerate(original.backups):
            if backup not in original.kept or not removable(backup) or is_kept(backup.reference):
                continue
            inquiry = self.work.provider(change).retire(backup)
            settle = self.work.provider(change).took_effect
            try:
                self._not_halted()
                await self.work.asker.drive(
                    inquiry, tags=tags_of(drop), case_id=drop.id, recipe=f"drop {place + 1}", settle=settle
                )
            except Exception as error:  # noqa: BLE001  # steps are on record; what they did is read from the world
                known = isinstance(error, UnavailableError) and error.code != "unavailable"
                status = OutcomeStatus.FAILED if known else OutcomeStatus.UNCERTAIN
                left = f"the backup of {backup.resource} was not removed: {why_of(error)}"
                return Outcome(status=status, detail=f"{gone} removed; {left}" if gone else left)
            await self._retired(original.id, drop, (backup.reference,))
            gone += 1
        exports = tuple(backup.reference for backup in original.kept if is_kept(backup.reference))
        await self._retired(original.id, drop, exports)
        freed = await self.exports.free(original.id)
        said = f"the backup of {original.id} is removed"
        return Outcome(
            status=OutcomeStatus.SUCCEEDED,
            detail=said
            + (f"; {counted(freed, 'sealed blob')} freed" if freed else "")
            + (f"; {counted(far, 'object')} removed from the vault account" if far else ""),
        )

    def _not_halted(self) -> None:
        by = self.book.plane.halted_by("")
        if by:
            raise UnavailableError("halted", f"halted by {by}")

    async def _retired(self, case_id: str, drop: Case, references: tuple[str, ...]) -> None:
        """On the log of the case whose backup it was; once, also after a crash."""

        def retired(case: Case) -> tuple[r.CaseEvent, ...]:
            standing = {backup.reference for backup in case.kept}
            gone = tuple(reference for reference in references if reference in standing)
            change = drop.change
            if not gone or change is None:
                return ()
            return (
                r.BackupRetired(
                    at_ms=self.work.clock(),
                    by=change.principal.operator,
                    reason=change.intent.partition(": ")[2],
                    references=gone,
                    by_case=drop.id,
                ),
            )

        await self.book.record_from(case_id, retired)

    # --- by the plane itself -----------------------------------------------------------------------------------------

    async def sweep(self) -> None:
        """Retire what was kept as long as was said; nothing while everything is halted."""
        now, opened = self.work.clock(), 0
        for shelved in self.shelved():
            due = self.due_at_ms(shelved)
            if due is None or due > now or why_kept(shelved) or now - shelved.tried_at_ms < AGAIN_MS:
                continue
            if self.book.plane.halted_by("") or opened >= AT_A_TIME_MAX:
                return
            days = self.work.settings.keep_days
            reason = f"kept since it was taken for as long as was said ([backups] keep_days = {days})"
            try:
                case_id = await self.open(shelved.case_id, by="keyturn", reason=reason, attested_by=RETENTION)
            except KeyturnError:
                continue  # somebody else is about it
            opened += 1
            await self.book.until(case_id, lambda case: case.phase in TERMINAL, timeout_s=CASE_S_MAX)
            await asyncio.sleep(0)
