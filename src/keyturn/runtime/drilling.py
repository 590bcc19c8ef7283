"""Drills: the way back is tried on a scratch resource, measured, and put on the log. What they find counts from then on."""

from __future__ import annotations

import secrets
from typing import Final

import msgspec

from keyturn.core.ports import Drill
from keyturn.errors import OperatorError, UnavailableError
from keyturn.model import record as r
from keyturn.model.change import ResourceRef
from keyturn.runtime.work import Work, why_of

DRILLS_AT_A_TIME_MAX: Final = 50
"""Resources of one drill: each makes a backup and a scratch resource that cost something while they stand."""

SWEPT_AFTER_MS: Final = 3_600_000
"""A scratch that is older, and that no drill has said to be removed, was left behind: no drill takes as long."""

SWEPT_AT_A_TIME_MAX: Final = 20

_CANNOT: Final = frozenset({"no-recipe", "no-restore", "no-scratch"})
"""Why a kind is not drilled at all."""


class Drilling:
    """Drills resources that cases have spoken of; one of a kind, unless they are named."""

    def __init__(self, work: Work) -> None:
        self.work, self.book, self.clock = work, work.book, work.clock

    def chosen(self, kinds: tuple[str, ...], resources: tuple[str, ...]) -> tuple[ResourceRef, ...]:
        """`resources` as `kind/id`, as they stand in cases; of `kinds` (none: of all) the one that was spoken of last."""
        known = {
            ref: None
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
            named = list({ref.kind: ref for ref in known if not kinds or ref.kind in kinds}.values())
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
        """One resource: never raises; what went wrong is the result."""
        provider = self.work.providers[ref.provider]
        tags = {"agent": "person", "session": "drill", "operator": by, "case": "drill"}
        drill_id = secrets.token_hex(4)
        asker = self.work.asker
        prepared: Drill | None = None
        found = r.Drilled(at_ms=self.clock(), resource=ref, by=by, result="failed", on=self._where())
        try:
            inquiry = provider.drill(ref, drill_id=drill_id, at_ms=self.clock())
            prepared = await asker.drive(inquiry, tags=tags, scratch=True)
            begun = self.clock()
            await self.book.note(r.DrillBegun(at_ms=begun, resource=ref, scratch=prepared.scratch, by=by))
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
            if isinstance(error, UnavailableError) and error.code in _CANNOT:
                return msgspec.structs.replace(
                    found, result="cannot"
                )  # nothing was tried: nothing to put on record
        found = await self._cleaned(found, prepared, tags)
        found = await self._swept(found, tags)
        await self.book.note(found)
        return found

    async def _swept(self, found: r.Drilled, tags: dict[str, str]) -> r.Drilled:
        """The result, and which scratches of earlier drills were removed with it; what cannot be removed stays on the list."""
        begun = [
            one
            for one in self.book.plane.scratches.values()
            if self.clock() - one.at_ms > SWEPT_AFTER_MS and one.scratch not in found.removed
        ]
        gone: list[ResourceRef] = []
        for one in begun[:SWEPT_AT_A_TIME_MAX]:
            left = Drill(one.resource, one.scratch, {}, None, {})
            try:
                inquiry = self.work.providers[one.resource.provider].drill_clean(left)
                await self.work.asker.drive(inquiry, tags=tags, scratch=True)
            except Exception as error:  # noqa: BLE001  # said, and tried again by the next drill
                why = f"{one.scratch.id} of an earlier drill is left behind: {why_of(error)}"
                detail = "; ".join(part for part in (found.detail, why) if part)
                found = msgspec.structs.replace(found, detail=detail)
                continue
            gone.append(one.scratch)
        return msgspec.structs.replace(found, removed=(*found.removed, *gone))

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
