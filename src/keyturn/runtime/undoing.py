"""Taking cases back: which, in which order, as one case that is assessed, decided and reviewed like any other, and step by step.

What is given back is said on the log at once, case by case, so that a crash, a halt or a failure in the middle hides nothing: what
was not given back can be asked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import zip_longest
from typing import Any, Final

import msgspec

from keyturn.core.case import Case, Phase
from keyturn.core.dropping import said_retired
from keyturn.core.lifecycle import TERMINAL
from keyturn.core.ports import UndoPlan
from keyturn.core.undoing import in_order
from keyturn.errors import BugError, ReviewError, UnavailableError
from keyturn.model import record as r
from keyturn.model.canonical import digest
from keyturn.model.change import READ_EFFECTS, Change, Principal, Request
from keyturn.model.execution import Outcome, OutcomeStatus
from keyturn.runtime.interface import Undoing, UndoPart
from keyturn.runtime.retiring import Retiring
from keyturn.runtime.work import NOT_AS_SHOWN, Work, tags_of, why_of

CASES_MAX: Final = 200
"""Cases that one undo takes back: a working day of one agent; more than a reviewer reads is no review."""

UNDOABLE: Final = frozenset(
    {Phase.CONFIRMED, Phase.INCONCLUSIVE, Phase.EXECUTED, Phase.VERIFYING, Phase.FAILED, Phase.HALTED}
)
"""Of the last two only what was done before it broke off: see `Case.done`."""


class TakingBack:
    """Plans undos and performs them; the desk asks for the one, the work for the other."""

    def __init__(self, work: Work, retiring: Retiring) -> None:
        self.work, self.book, self.retiring = work, work.book, retiring

    # --- which -------------------------------------------------------------------------------------------------------

    def chosen(
        self, cases: tuple[str, ...], *, session: str = "", since_ms: int | None = None, agent: str = ""
    ) -> tuple[str, ...]:
        """The cases that are meant, each once: those named, and those of a session or since a time that took effect."""
        if not (cases or session or since_ms is not None):
            raise ReviewError("nothing-chosen", "say what to take back: cases, --session or --since")
        found = dict.fromkeys(cases)
        if session or since_ms is not None:
            found |= dict.fromkeys(
                case.id
                for case in self.book.cases.values()
                if case.change is not None
                and not case.change.own_steps
                and (not session or case.change.principal.session == session)
                and (not agent or case.change.principal.agent == agent)
                and (since_ms is None or case.changed_at_ms >= since_ms)
                and self._acted(case, since_ms)
            )
        if len(found) > CASES_MAX:
            raise ReviewError(
                "too-many",
                f"{len(found)} cases are meant; one undo takes back {CASES_MAX}",
                help="name fewer",
            )
        return tuple(found)

    def _acted(self, case: Case, since_ms: int | None) -> bool:
        """Whether something of it left (since then), and it was no read."""
        if case.phase not in UNDOABLE or case.assessment is None or case.undone_by:
            return False
        if case.change is None or all(one.floor in READ_EFFECTS for one in case.change.operations):
            return False
        sent = self._sent(case.id)
        return sent is not None and (since_ms is None or sent.at_ms >= since_ms)

    def _sent(self, case_id: str) -> r.Sent | None:
        found = self._sent_entry(case_id)
        return found[1] if found else None

    def _sent_entry(self, case_id: str) -> tuple[int, r.Sent] | None:
        for entry in self.book.store.entries(case_id=case_id):
            event = entry.event()
            if isinstance(event, r.Sent):
                return entry.seq, event
        return None

    # --- planned -----------------------------------------------------------------------------------------------------

    def plan(self, chosen: tuple[str, ...]) -> Undoing:
        """All that would be done, in its order; what cannot be taken back says why. Looks at nothing but the log and the vault."""
        known = tuple(self.known(case_id) for case_id in chosen)
        sent = {case.id: found[0] for case in known if (found := self._sent_entry(case.id)) is not None}
        parts = []
        for case in in_order(known, sent):
            try:
                plan = self._plan_of(case, self.may_be_undone(case))
            except ReviewError as error:
                plan = UndoPlan((), (), possible=False, why=error.message)
            except UnavailableError as error:
                plan = UndoPlan((), (), possible=False, why=f"{case.id}: {error.message}")
            parts.append(
                UndoPart(
                    case=case.id,
                    possible=plan.possible and bool(plan.operations),
                    why=plan.why,
                    operations=plan.operations,
                    loss=plan.loss,
                    stays=plan.stays,
                )
            )
        return Undoing(parts=tuple(parts))

    def _plan_of(self, case: Case, done: Change) -> UndoPlan:
        provider, stays = self.work.provider(done), tuple[str, ...]()
        if done.rehearsed:
            done, stays = self.work.replaying.undoable(case, done)
        plan = provider.plan_undo(done, self.work.captures(case), case.kept, again=self._again(done))
        gone = "" if plan.possible else said_retired(case)
        why = f"{plan.why}: {gone}" if gone else plan.why
        return msgspec.structs.replace(plan, why=why, loss=(*plan.loss, *stays))

    def as_shown(self, undo: Change) -> tuple[Request, ...]:
        """What the undo asks for, planned again from the log and the vault. Raises `UnavailableError` where that is not, call for call,
        what stands on record and was shown: what was approved is then not what would be done.
        """
        plans = [self._planned_again(part) for part in undo.taken_back]
        operations = tuple(operation for plan in plans for operation in plan.operations)
        for place, (was, now) in enumerate(zip_longest(undo.operations, operations), start=1):
            if was is None or now is None or digest(was.meaning()) != digest(now.meaning()):
                shown, stands = (one.name if one is not None else "nothing" for one in (was, now))
                named = f"{shown} with other parameters" if shown == stands else f"{stands}, not {shown}"
                raise UnavailableError(
                    NOT_AS_SHOWN,
                    f"step {place} of the plan is by now {named}: what was taken back has changed since",
                    help="ask for the undo again, and look at its plan",
                )
        stays = _stays(plans)
        if stays != undo.stays:
            otherwise = min({*stays} ^ {*undo.stays})
            raise UnavailableError(
                NOT_AS_SHOWN,
                f"what does not come back is by now another: {otherwise}",
                help="ask for the undo again, and look at its plan",
            )
        return tuple(request for plan in plans for request in plan.requests)

    def _planned_again(self, part: str) -> UndoPlan:
        case = self.book.case(part)
        if case is None or case.done is None:
            phase = case.phase if case is not None else "unknown"
            return UndoPlan((), (), possible=False, why=f"{part} is {phase}")
        return self._plan_of(case, case.done)

    def _again(self, done: Change) -> Change | None:
        """Of an undo that is itself taken back: what it took back, which is done again."""
        if not done.undoes:
            return None
        changes = [
            found.done
            for case_id in reversed(done.taken_back)
            if (found := self.book.case(case_id)) is not None and found.done is not None
        ]
        if not changes:
            return None
        operations = tuple(operation for change in changes for operation in change.operations)
        return msgspec.structs.replace(changes[0], operations=operations)

    def change(self, undoing: Undoing, *, by: str, at_ms: int, named: bool, partly: bool = False) -> Change:
        """The case of its own that takes them back. Where cases were named, one that cannot be is an error before anything is asked, and
        so is one that comes back without some of its steps, unless that is wanted (`partly`).
        """
        able = [part for part in undoing.parts if part.possible]
        unable = [part for part in undoing.parts if not part.possible]
        if unable and (named or not able):
            part = unable[0]
            raise ReviewError(
                "cannot-undo", f"{part.case} cannot be taken back: {part.why}", help="; ".join(part.loss)
            )
        short = next((part for part in able if part.stays), None)
        if short is not None and named and not partly:
            raise ReviewError(
                "in-part",
                f"{short.case} comes back only in part: {'; '.join(short.stays)}",
                help="keyturn undo --plan shows what comes back; with --partly that is given back, and the rest stays as it is",
            )
        if not able:
            raise ReviewError("nothing-to-undo", "nothing that took effect is among what was meant")
        intent = f"undo of {', '.join(part.case for part in able)}"
        if unable:
            intent += "; left as it is: " + "; ".join(f"{part.case} ({part.why})" for part in unable)
        return Change(
            principal=Principal(agent="", session=f"person:{by}", operator=by, attested_by="login"),
            surface="desk",
            operations=tuple(operation for part in able for operation in part.operations),
            received_at_ms=at_ms,
            intent=intent,
            undoes=able[0].case,
            undoes_also=tuple(part.case for part in able[1:]),
            stays=_stays(able),
        )

    def known(self, case_id: str) -> Case:
        case = self.book.case(case_id)
        if case is None:
            raise ReviewError("no-case", f"there is no case {case_id}", help="keyturn inbox lists them")
        return case

    def may_be_undone(self, original: Case) -> Change:
        """What of the case can be taken back. Raises `ReviewError` when nothing can, or somebody does or did it already."""
        done = original.done
        if done is not None and done.drops:
            raise ReviewError("nothing-to-undo", f"{original.id} removed a backup, which does not come back")
        if original.phase not in UNDOABLE or done is None:
            raise ReviewError(
                "nothing-to-undo", f"{original.id} is {original.phase}; there is nothing to take back"
            )
        other = self._undo_of(original.id)
        if other is not None and other.phase not in TERMINAL:
            raise ReviewError("undo-open", f"{other.id} takes {original.id} back; it is {other.phase}")
        if other is not None or original.undone_by:
            by = other.id if other else original.undone_by
            raise ReviewError("undone", f"{original.id} was taken back already, by {by}")
        going = self.retiring.going(original.id)
        if going:
            raise ReviewError("backup-goes", f"{going} is removing the backup of {original.id}")
        return done

    def _undo_of(self, case_id: str) -> Case | None:
        """The case that takes this one back, or has; one that was denied or failed does not count, nor one taken back itself."""
        return next(
            (
                case
                for case in self.book.cases.values()
                if case.change is not None
                and case_id in case.change.taken_back
                and (case.phase not in TERMINAL or case.phase is Phase.CONFIRMED)
                and not case.undone_by
            ),
            None,
        )

    # --- performed ---------------------------------------------------------------------------------------------------

    async def perform(self, case: Case) -> Outcome:
        """Take back one case after the other, and go on where an attempt before this one stopped. Stops at the first that fails:
        those after it were judged on a state that is not there.
        """
        change = case.change
        if change is None or case.assessment is None:
            raise BugError("not-assessed", f"{case!r} is performed without an assessment")
        try:
            self.as_shown(change)
        except UnavailableError as error:
            return Outcome(status=OutcomeStatus.FAILED, detail=error.message, error_code=error.code)
        parts = change.taken_back
        told: list[str] = []
        moved: dict[str, str] = {}  # what has a new id by now: what is given back after it names that
        approved = dict(self.work.captures(case).states)
        for place, part in enumerate(parts):
            label = f"{part}: " if len(parts) > 1 else ""
            try:
                different, new = await self._one(case, part, moved, approved, several=len(parts) > 1)
            except Exception as error:  # noqa: BLE001  # steps are on record; what they did is read from the world
                known = isinstance(error, UnavailableError) and error.code != "unavailable"
                said = [*told, f"{label}not given back: {why_of(error)}"]
                if parts[place + 1 :]:
                    said.append(f"not begun: {', '.join(parts[place + 1 :])}")
                status = OutcomeStatus.FAILED if known else OutcomeStatus.UNCERTAIN
                code = error.code if isinstance(error, UnavailableError) else ""
                detail = "; ".join(said) if len(parts) > 1 else why_of(error)
                return Outcome(status=status, detail=detail, error_code=code)
            moved |= new
            for name in self._spoken_of(part):  # it is this undo's own doing by now
                approved.pop(name, None)
            told.append(
                label + ("not as it was: " + "; ".join(different) if different else "everything is as it was")
            )
        return Outcome(status=OutcomeStatus.SUCCEEDED, detail="; ".join(told))

    async def _one(
        self,
        case: Case,
        part: str,
        moved: dict[str, str],
        approved: dict[str, dict[str, Any] | None],
        *,
        several: bool,
    ) -> tuple[tuple[str, ...], dict[str, str]]:
        original = self.book.case(part)
        if original is None or original.done is None:
            raise UnavailableError("no-case", f"there is no case {part}")
        by = self.book.plane.halted_by("")
        if by:
            raise UnavailableError("halted", f"halted by {by}")
        done, stays = original.done, tuple[str, ...]()
        if done.rehearsed:
            done, stays = self.work.replaying.undoable(original, done)
        provider = self.work.provider(done)
        inquiry = provider.undo(
            done,
            self.work.captures(original),
            original.kept,
            again=self._again(done),
            moved=moved,
            approved=approved,
        )
        different = await self.work.asker.drive(
            inquiry,
            tags=tags_of(case),
            case_id=case.id,
            recipe=f"undo {part}" if several else "undo",
            settle=provider.took_effect,
        )
        if several:
            await self.mark(part, case.id)
        return (*different, *stays), provider.moved(different)

    def _spoken_of(self, part: str) -> frozenset[str]:
        """The names of what a case has changed, and so its undo."""
        original = self.book.case(part)
        return frozenset(self.work.captures(original).states) if original is not None else frozenset()

    async def mark(self, original: str, by_case: str) -> None:
        """On the log of what was taken back: by which case; once, also after a crash."""
        await self.book.record_from(original, self._undone(by_case))
        taken_back = self.book.case(original)
        if taken_back is not None and taken_back.change is not None:
            for before in taken_back.change.taken_back:  # what that had taken back stands again
                await self.book.record_from(before, self._stands_again(original))

    def _undone(self, by_case: str) -> Callable[[Case], tuple[r.CaseEvent, ...]]:
        def undone(original: Case) -> tuple[r.CaseEvent, ...]:
            return (
                () if original.undone_by == by_case else (r.Undone(at_ms=self.work.clock(), by_case=by_case),)
            )

        return undone

    def _stands_again(self, undo: str) -> Callable[[Case], tuple[r.CaseEvent, ...]]:
        def again(original: Case) -> tuple[r.CaseEvent, ...]:
            return (r.Undone(at_ms=self.work.clock(), by_case=""),) if original.undone_by == undo else ()

        return again


def _stays(plans: Iterable[UndoPlan | UndoPart]) -> tuple[str, ...]:
    """What stays of all of them, each line once."""
    return tuple(dict.fromkeys(line for plan in plans for line in plan.stays))
