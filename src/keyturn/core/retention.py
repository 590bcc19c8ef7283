"""How long backups are kept, and when they may go: a shelf of those that stand, folded from the log.

A backup that somebody may still need is never removed by the plane itself: that of a case which is not over, which is being taken
back, or whose undo broke off and nobody has settled.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from keyturn.core.case import Case, Phase
from keyturn.core.keeping import is_kept
from keyturn.core.lifecycle import TERMINAL
from keyturn.model import record as r
from keyturn.model.execution import Backup

DAY_MS: Final = 86_400_000

KEEP_DAYS: Final = 100
"""By default: what was deleted in January and is missed when the quarter is closed can still be given back."""

AGAIN_MS: Final = DAY_MS
"""What could not be removed is tried again after this long: once in the night, not once an hour."""

IN_CAPTURE: Final = "capture"
"""The reference of a backup that is the capture itself: it belongs to what is on record, and is never removed."""

_NEVER_BEGAN: Final = frozenset(
    {Phase.SUGGESTED, Phase.DENIED, Phase.REJECTED, Phase.EXPIRED, Phase.WITHDRAWN, Phase.INVALIDATED}
)


class Shelved(msgspec.Struct):
    """The backups of one case that stand."""

    case_id: str
    taken_at_ms: int
    keep_days: int | None  # as it was said when they were taken
    phase: Phase  # of the case
    exports: bool  # whether some of it lies in the plane's own vault
    undos: dict[str, Phase] = {}  # cases that take it back and began to, or may
    tried_at_ms: int = 0  # when their removal was asked for last


def removable(backup: Backup) -> bool:
    """Whether there is something to remove: in the account, or in the vault."""
    return backup.reference != IN_CAPTURE and bool(backup.reference)


def promised(asked: int | None, now: int) -> int:
    """Days that a backup which is taken now is kept: what reviewers were told, or what is set by now where that is longer. 0: no end."""
    if asked is None:
        return now
    return 0 if 0 in (asked, now) else max(asked, now)


def due_at_ms(shelved: Shelved, keep_days: int) -> int | None:
    """From when on the plane removes them, by what was promised and by what is set; None: never by itself."""
    days = promised(shelved.keep_days, keep_days)
    return shelved.taken_at_ms + days * DAY_MS if days else None


def why_kept(shelved: Shelved) -> str:
    """Why they are needed, whatever their age; empty where nothing speaks for it."""
    if shelved.phase not in TERMINAL:
        return f"{shelved.case_id} is {shelved.phase}"
    if shelved.phase is Phase.RESTORE_FAILED:
        return f"giving {shelved.case_id} back failed, and nobody has settled that"
    for undo, phase in shelved.undos.items():
        if phase not in TERMINAL:
            return f"{undo} takes {shelved.case_id} back, and is {phase}"
        if phase is not Phase.CONFIRMED:
            return f"{undo}, which takes {shelved.case_id} back, broke off ({phase})"
    return ""


class Shelf:
    """Every case with backups that stand, oldest first. Like the plane it is mutated in place, and holds nothing that is not in the log."""

    def __init__(self, shelved: list[Shelved] | None = None) -> None:
        self.by_case: dict[str, Shelved] = {one.case_id: one for one in shelved or ()}

    def apply(self, event: r.Event, case: Case) -> None:
        """Fold one event of a case; `case` is the case after it."""
        if isinstance(event, r.BackedUp):
            self._put(event, case)
        mine = self.by_case.get(case.id)
        if mine is not None:
            mine.phase = case.phase
        if isinstance(event, r.BackupRetired) and not any(map(removable, case.kept)):
            self.by_case.pop(case.id, None)
        change = case.change
        if change is None or not change.own_steps:
            return
        if isinstance(event, r.Received) and change.drops in self.by_case:
            self.by_case[change.drops].tried_at_ms = event.at_ms
        for taken_back in change.taken_back:
            if taken_back in self.by_case:
                self._undo(self.by_case[taken_back], case)

    def _put(self, event: r.BackedUp, case: Case) -> None:
        found = [backup for backup in event.backups if removable(backup)]
        if found:
            said = [backup.keep_days for backup in found]
            self.by_case[case.id] = Shelved(
                case_id=case.id,
                taken_at_ms=max(backup.taken_at_ms for backup in found) or event.at_ms,
                keep_days=None if None in said else 0 if 0 in said else max(days or 0 for days in said),
                phase=case.phase,
                exports=any(is_kept(backup.reference) for backup in found),
            )

    def _undo(self, mine: Shelved, undo: Case) -> None:
        """An undo that is over and did nothing is forgotten; one that gave everything back settles those that broke off before it."""
        if undo.phase is Phase.CONFIRMED:
            mine.undos = {undo.id: undo.phase}
        elif undo.phase in _NEVER_BEGAN or (undo.phase in TERMINAL and not undo.steps):
            mine.undos.pop(undo.id, None)
        else:
            mine.undos[undo.id] = undo.phase

    def __iter__(self) -> Iterator[Shelved]:
        return iter(tuple(self.by_case.values()))
