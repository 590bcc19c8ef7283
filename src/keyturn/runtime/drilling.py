"""Drills: the way back is tried on a scratch resource, measured, and put on the log. What they find counts from then on."""

from __future__ import annotations

import logging
import secrets
from typing import Final

import msgspec

from keyturn.core.case import Case, Phase
from keyturn.core.ports import Drill
from keyturn.errors import OperatorError, UnavailableError
from keyturn.model import record as r
from keyturn.model.assessment import Reversibility
from keyturn.model.change import Effect, ResourceRef
from keyturn.runtime.work import Work, why_of

log = logging.getLogger("keyturn")

DRILLS_AT_A_TIME_MAX: Final = 50
"""Resources of one drill: each makes a backup and a scratch resource that cost something while they stand."""

SWEPT_AFTER_MS: Final = 3_600_000
"""A scratch that is older, and that no drill has said to be removed, was left behind: no drill takes as long. Of a process of its own
that has just started, whatever is on record was."""

SWEPT_AT_A_TIME_MAX: Final = 20

_CANNOT: Final = frozenset({"no-recipe", "no-restore", "no-scratch"})
"""Why a kind is not drilled at all."""


class Drilling:
    """Drills resources that cases have spoken of; one of a kind, unless they are named."""

    def __init__(self, work: Work) -> None:
        self.work, self.book, self.clock = work, work.book, work.clock
        self._under_way: set[str] = set()  # scratches of this process's own drills
        self._tried_at_ms: dict[str, int] = {}  # when the removal of what was left behind failed last

    def chosen(self, kinds: tuple[str, ...], resources: tuple[str, ...]) -> tuple[ResourceRef, ...]:
        """`resources` as `kind/id`, as they stand in cases; of `kinds` (none: of all) the one that was spoken of last, without what a
        case has left gone or found not to stand.
        """
        known = {
            ref: _gone(case)
            for case in self.book.cases.values()
            if case.change is not None and not case.change.own_steps
            for ref in case.change.resources
            if ref.id != "*"
        }
        if resources:
            named = [ref for ref in known if str(ref) in resources]
            missing = set(resources) - {str(ref) for ref in named}
            if missing:
                raise OperatorError(
                    "no-resource",
                    f"no case has spoken of {', '.join(sorted(missing))}",
                    help="name it as cases do: keyturn show C-n",
                )
        else:
            standing = (ref for ref, gone in known.items() if not gone)
            named = list({ref.kind: ref for ref in standing if not kinds or ref.kind in kinds}.values())
        return tuple(named[:DRILLS_AT_A_TIME_MAX])

    async def drill_what_is_due(self) -> None:
        """One of each kind whose last drill is too long ago; nothing while everything is halted."""
        every_ms = self.work.settings.drill_every_s * 1000
        for ref in self.chosen((), ()):
            last = self.book.plane.drills.get(ref.kind)
            if last is not None and self.clock() - last.at_ms < every_ms:
                continue
            if self.book.plane.halted_by(""):
                return
            await self.drill(ref, by="the plane's schedule")

    async def drill(self, ref: ResourceRef, *, by: str) -> r.Drilled:
        """One resource: never raises; what went wrong is the result. That it begins is on record before anything is made."""
        provider = self.work.providers[ref.provider]
        tags = _tags(by)
        drill_id = secrets.token_hex(4)
        asker = self.work.asker
        prepared: Drill | None = None
        found = r.Drilled(at_ms=self.clock(), resource=ref, by=by, result="failed", on=self._where())
        try:
            inquiry = provider.drill(ref, drill_id=drill_id, at_ms=self.clock())
            prepared = await asker.drive(inquiry, tags=tags)
            self._under_way.add(str(prepared.scratch))
            await self.book.note(
                r.DrillBegun(
                    at_ms=self.clock(), resource=ref, scratch=prepared.scratch, by=by, drill=drill_id
                )
            )
            saving = provider.drill_save(prepared, at_ms=self.clock())
            prepared = await asker.drive(saving, tags=tags, scratch=True)
            begun = self.clock()
            different = await asker.drive(provider.drill_restore(prepared), tags=tags, scratch=True)
            found = r.Drilled(
                at_ms=self.clock(),
                resource=ref,
                by=by,
                result="different" if different else "equal",
                differences=different,
                restore_ms=self.clock() - begun,
                watermark=prepared.watermark,
                on=self._where(),
            )
        except Exception as error:  # noqa: BLE001  # a way back that does not work is what a drill is to find
            found = r.Drilled(
                at_ms=self.clock(),
                resource=ref,
                by=by,
                result="failed",
                detail=why_of(error),
                on=self._where(),
            )
            if prepared is None and isinstance(error, UnavailableError) and error.code in _CANNOT:
                return msgspec.structs.replace(
                    found, result="cannot"
                )  # nothing was tried: nothing to put on record
        found = await self._cleaned(found, prepared, tags)
        if prepared is not None:
            self._under_way.discard(str(prepared.scratch))
        found = await self._swept(found)
        await self.book.note(found)
        return found

    async def sweep(self, *, after_ms: int = SWEPT_AFTER_MS) -> None:
        """Remove what drills left behind that begun longer ago and are not over; not while everything is halted. On record."""
        if self.book.plane.halted_by(""):
            return
        gone, left = await self._left_behind(after_ms)
        for why in left:
            log.warning("%s", why)
        if gone:
            await self.book.note(r.DrillSwept(at_ms=self.clock(), removed=gone))

    async def _swept(self, found: r.Drilled) -> r.Drilled:
        """The result, and which scratches of earlier drills were removed with it; what cannot be removed stays on the list."""
        gone, left = await self._left_behind(SWEPT_AFTER_MS, but=found.removed)
        detail = "; ".join(part for part in (found.detail, *left) if part)
        return msgspec.structs.replace(found, detail=detail, removed=(*found.removed, *gone))

    async def _left_behind(
        self, after_ms: int, *, but: tuple[ResourceRef, ...] = ()
    ) -> tuple[tuple[ResourceRef, ...], tuple[str, ...]]:
        """Scratches that are gone now with all that was made beside them; and why others are not. Each is tried once an hour."""
        now = self.clock()
        begun = [
            one
            for name, one in self.book.plane.scratches.items()
            if now - one.at_ms >= after_ms
            and one.scratch not in but
            and name not in self._under_way
            and now - self._tried_at_ms.get(name, 0) >= SWEPT_AFTER_MS
        ]
        gone: list[ResourceRef] = []
        left: list[str] = []
        for one in begun[:SWEPT_AT_A_TIME_MAX]:
            drill = Drill(one.resource, one.scratch, {}, None, {}, one.drill)
            try:
                inquiry = self.work.providers[one.resource.provider].drill_clean(drill)
                await self.work.asker.drive(inquiry, tags=_tags(one.by), scratch=True)
            except Exception as error:  # noqa: BLE001  # said, and tried again
                left.append(f"{one.scratch.id} of an earlier drill is left behind: {why_of(error)}")
                self._tried_at_ms[str(one.scratch)] = now
                continue
            gone.append(one.scratch)
        return tuple(gone), tuple(left)

    async def _cleaned(self, found: r.Drilled, prepared: Drill | None, tags: dict[str, str]) -> r.Drilled:
        """The result, and whether something was left behind."""
        if prepared is None:
            return found
        try:
            provider = self.work.providers[found.resource.provider]
            await self.work.asker.drive(provider.drill_clean(prepared), tags=tags, scratch=True)
        except Exception as error:  # noqa: BLE001  # said: somebody has to remove it
            left = f"{prepared.scratch.id} was left behind: {why_of(error)}"
            return msgspec.structs.replace(
                found, detail="; ".join(part for part in (found.detail, left) if part)
            )
        return msgspec.structs.replace(found, removed=(prepared.scratch,))

    def _where(self) -> str:
        return "stand-in" if self.work.settings.standin else "account"


def _tags(by: str) -> dict[str, str]:
    return {"agent": "person", "session": "drill", "operator": by, "case": "drill"}


def _gone(case: Case) -> bool:
    """Whether nothing stands of what a case is about, as far as it tells: deleted and not taken back, or it never stood."""
    found = case.assessment
    if found is None or set(found.effects) != {Effect.DELETE}:
        return False
    never = found.reversibility is Reversibility.R1 and not (found.findings or found.unknowns)
    return never or (case.phase is Phase.CONFIRMED and not case.undone_by)
