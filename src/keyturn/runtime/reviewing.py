"""People's part of the desk: reviews, who looks at a case, batches, break-glass, and what changes among people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from keyturn import pipeline
from keyturn.core import batch as batches
from keyturn.core import people as among
from keyturn.core.advance import advance
from keyturn.core.case import Case, Phase
from keyturn.core.people import People
from keyturn.core.review import as_person, judge, may_break_glass, may_sign_off
from keyturn.errors import OperatorError, ReviewError
from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.people import Delegation
from keyturn.model.review import NotAccepted, Receipt, Review
from keyturn.model.words import counted
from keyturn.runtime.book import WAITING
from keyturn.runtime.work import Work

WORD_CHARS_MAX: Final = 500
"""A word in passing: why a case is taken over, what was seen afterwards."""


_STILL_HERS: Final = frozenset({"unsigned", "not-whole"})
"""It is hers to decide all the same: she signs when she does; and what cannot be shown in full she can deny."""


class ReviewingSide:
    """The part of `runtime.interface.Desk` that people decide with."""

    work: Work

    @property
    def people(self) -> People:
        """As of the last event."""
        return self.work.book.plane.people

    # --- deciding ----------------------------------------------------------------------------------------------------

    def may_review(self, case: Case, user: str) -> str:
        binding = case.request.digest if case.request else ""
        review = Review(reviewer=user, approve=True, binding=binding, at_ms=self.work.clock())
        judged = judge(case, as_person(case, review, self.people), self.people)
        if not isinstance(judged, NotAccepted) or judged.code in _STILL_HERS:
            return ""
        return judged.message

    async def review(
        self,
        case_id: str,
        *,
        by: str,
        approve: bool,
        binding: str,
        note: str,
        via: str,
        receipt: Receipt | None = None,
        guidance: str = "",
    ) -> Case:
        case = self._known(case_id)
        said = note.strip() or guidance.strip()
        if approve:
            case = await self._still_as_shown(case)
        elif not said:
            raise ReviewError("no-reason", "A denial needs a reason: the agent reads it, and does better.")
        review = Review(
            reviewer=by,
            approve=approve,
            binding=binding,
            at_ms=self.work.clock(),
            note=note,
            via=via,
            guidance=pipeline.spoken(guidance),
            receipt=receipt,
        )
        refused: list[NotAccepted] = []

        def judged(case: Case) -> tuple[r.CaseEvent, ...]:
            refused.clear()
            events, answer = self._judged(case, review)
            refused.extend([answer] if answer else [])
            return events

        case = await self.work.book.record_from(case_id, judged)
        for answer in refused:
            raise ReviewError(answer.code, answer.message, help=answer.help)
        return case

    def _judged(self, case: Case, review: Review) -> tuple[tuple[r.CaseEvent, ...], NotAccepted | None]:
        """What goes on record of this review: itself, or that it does not count. Approvals that stand no more go first."""
        void = self.work.void(case)
        for event in void:
            case, _ = advance(case, event)
        given = as_person(case, review, self.people)
        answer = judge(case, given, self.people)
        if not isinstance(answer, NotAccepted):
            return (*void, r.Reviewed(at_ms=review.at_ms, review=given)), None
        told = r.ReviewRefused(
            at_ms=review.at_ms,
            reviewer=review.reviewer,
            approve=review.approve,
            code=answer.code,
            message=answer.message,
        )
        return (*void, told), answer

    async def refuse_review(self, case_id: str, *, by: str, approve: bool, code: str, message: str) -> None:
        self._known(case_id)
        refused = r.ReviewRefused(
            at_ms=self.work.clock(), reviewer=by, approve=approve, code=code, message=message
        )
        await self.work.book.record_from(case_id, lambda _case: (refused,))

    async def _still_as_shown(self, case: Case) -> Case:
        """Before a yes counts the state is read again; what moved voids the case instead of being approved."""
        if case.phase is not Phase.HELD or case.assessment is None or not case.assessment.state_digest:
            return case
        try:
            state, detail = await self.work.state_digest(case)
        except Exception:  # noqa: BLE001  # it is read again before the call; a yes may be given meanwhile
            return case
        if state and state != case.assessment.state_digest:
            return await self.work.book.record_from(case.id, self.work.moved(case, detail))
        return case

    # --- several at one go -------------------------------------------------------------------------------------------

    def batch(self, cases: Sequence[str], *, like: str = "") -> tuple[tuple[Case, ...], str]:
        """The cases of a batch in their order, and the root that names it: those named, or all that are like one."""
        if like:
            open_cases = [case for case in self.work.book.cases.values() if case.phase is Phase.HELD]
            found = batches.like(self._known(like), open_cases)
            if not found:
                alone = batches.stands_alone(self._known(like)) or "no other held case is like it"
                raise ReviewError("no-batch", f"{like} is decided by itself: {alone}")
        else:
            found = tuple(self._known(case_id) for case_id in cases)
        why = batches.no_batch(found)
        if why is not None:
            raise ReviewError(why.code, why.message, help="decide them one by one")
        return batches.in_order(found), batches.root(found)

    async def review_batch(
        self,
        cases: Sequence[str],
        *,
        by: str,
        approve: bool,
        root: str,
        note: str,
        via: str,
    ) -> tuple[Case, ...]:
        """One review of them all, as `root` names them; every member keeps its own binding. All of them, or none."""
        found, _ = self.batch(cases)
        if not approve and not note.strip():
            raise ReviewError("no-reason", "A denial needs a reason: the agent reads it, and does better.")
        if approve:
            for case in found:
                await self._still_as_shown(case)
        now = self.work.clock()

        def judged(standing: dict[str, Case]) -> dict[str, Sequence[r.CaseEvent]]:
            members = tuple(standing.values())
            why = batches.no_batch(members)
            if why is not None:
                raise ReviewError(why.code, why.message, help="decide them one by one")
            if batches.root(members) != root:
                raise ReviewError(
                    "stale", "the batch is no longer what was shown to you", help="read it again, then decide"
                )
            made: dict[str, Sequence[r.CaseEvent]] = {}
            for case in members:
                binding = case.request.digest if case.request else ""
                one = Review(by, approve, binding, now, note=note, via=via, batch=root)
                events, answer = self._judged(case, one)
                if answer is not None:
                    raise ReviewError(
                        answer.code, f"{answer.message}; so none of the batch is decided", help=answer.help
                    )
                made[case.id] = events
            return made

        return await self.work.book.record_all([case.id for case in found], judged)

    # --- who looks at it ---------------------------------------------------------------------------------------------

    async def claim(self, case_id: str, *, by: str, word: str = "") -> Case:
        """A reviewer looks at the case, for a while; others see it. Somebody else's is taken over with a word why."""
        self._known(case_id)
        word = pipeline.spoken(word)[:WORD_CHARS_MAX]

        def claimed(case: Case) -> tuple[r.CaseEvent, ...]:
            now, request = self.work.clock(), case.request
            if case.phase is not Phase.HELD or request is None:
                raise ReviewError("not-open", f"{case_id} is {case.phase}; there is nothing to look at")
            if self.people.is_one_of(by, request.excluded):
                raise ReviewError("own-agent", f"{by} runs or owns the agent that asked")
            if self.people.removed(by):
                raise ReviewError("no-reviewer", f"{by} is no reviewer")
            others = case.claimed_by if case.claimed_until_ms > now else ""
            if others and self.people.is_one_of(by, (others,)):
                others = ""
            if others and not word:
                raise ReviewError(
                    "claimed",
                    f"{others} looks at {case_id}",
                    help="take it over with a word why: --word TEXT",
                )
            until_ms = min(now + self.work.settings.claim_s * 1000, request.deadline_ms)
            return (rv.ReviewClaimed(at_ms=now, by=by, until_ms=until_ms, word=word, taken_from=others),)

        return await self.work.book.record_from(case_id, claimed)

    async def release(self, case_id: str, *, by: str) -> Case:
        self._known(case_id)

        def released(case: Case) -> tuple[r.CaseEvent, ...]:
            if not case.claimed_by or not self.people.is_one_of(by, (case.claimed_by,)):
                raise ReviewError("not-yours", f"{by} has not claimed {case_id}")
            return (rv.ReviewReleased(at_ms=self.work.clock(), by=case.claimed_by),)

        return await self.work.book.record_from(case_id, released)

    # --- fewer operations --------------------------------------------------------------------------------------------

    async def take_out(self, case_id: str, *, by: str, drop: tuple[int, ...], own: bool = False) -> Case:
        """Take operations (by their place, from 0) out of a held case. What remains is assessed and decided anew."""
        self._known(case_id)

        def narrowed(case: Case) -> tuple[r.CaseEvent, ...]:
            change = case.change
            if case.phase is not Phase.HELD or change is None or change.own_steps:
                raise ReviewError("not-open", f"{case_id} is {case.phase}; nothing is taken out of it")
            if own and not self.people.is_one_of(by, (change.principal.operator,)):
                raise ReviewError("not-yours", f"{case_id} was asked for {change.principal.operator}")
            if change.rehearsed is not None:  # each step was rehearsed on what the ones before it leave
                raise ReviewError(
                    "rehearsed", f"{case_id} is a plan: it is made as it was rehearsed", help="rehearse less"
                )
            places = range(len(change.operations))
            if not drop or not set(drop) < set(places):
                count = counted(len(places), "operation")
                raise ReviewError("narrow", f"{case_id} has {count}: say which go, and leave one at least")
            left = tuple(change.operations[place] for place in places if place not in drop)
            gone = tuple(change.operations[place].name for place in sorted(set(drop)))
            remaining = msgspec.structs.replace(change, operations=left)
            return (rv.Narrowed(at_ms=self.work.clock(), change=remaining, by=by, dropped=gone),)

        return await self.work.book.record_from(case_id, narrowed)

    # --- break-glass -------------------------------------------------------------------------------------------------

    async def break_glass(self, case_id: str, *, by: str, reason: str, binding: str) -> Case:
        """Act around the review, in her own name; somebody is told at once, and another person looks at it afterwards."""
        case = self._known(case_id)
        reason = pipeline.spoken(reason)
        if not reason:
            raise ReviewError(
                "no-reason", "A break-glass needs a reason: others read it at once, and afterwards."
            )
        await self._still_as_shown(case)
        refused: list[NotAccepted] = []

        def broken(case: Case) -> tuple[r.CaseEvent, ...]:
            refused.clear()
            now = self.work.clock()
            told = may_break_glass(case, by, binding, self.people, at_ms=now)
            if isinstance(told, NotAccepted):
                refused.append(told)
                return (
                    r.ReviewRefused(
                        at_ms=now, reviewer=by, approve=False, code=told.code, message=told.message
                    ),
                )
            until_ms = now + self.work.settings.break_glass_s * 1000
            person = self.people.person(by)
            return (
                rv.GlassBroken(
                    at_ms=now, by=person, reason=reason, until_ms=until_ms, told=told, binding=binding
                ),
            )

        case = await self.work.book.record_from(case_id, broken)
        for answer in refused:
            raise ReviewError(answer.code, answer.message, help=answer.help)
        return case

    async def sign_off(self, case_id: str, *, by: str, right: bool, note: str) -> Case:
        """Another person has looked at a break-glass afterwards."""
        self._known(case_id)
        if not right and not note.strip():
            raise ReviewError("no-reason", "Say what was not right about it.")

        def signed(case: Case) -> tuple[r.CaseEvent, ...]:
            why = may_sign_off(case, by, self.people)
            if why is not None:
                raise ReviewError(why.code, why.message, help=why.help)
            return (
                rv.GlassReviewed(at_ms=self.work.clock(), by=by, right=right, note=pipeline.spoken(note)),
            )

        return await self.work.book.record_from(case_id, signed)

    def afterwards(self) -> tuple[Case, ...]:
        """Every break-glass that nobody else has looked at yet, oldest first."""
        return tuple(self._known(case_id) for case_id in self.work.book.plane.afterwards)

    # --- people ------------------------------------------------------------------------------------------------------

    async def delegate(self, to: str, *, by: str, from_ms: int, until_ms: int, reason: str) -> None:
        """`to` may review in her place, from then until then. It makes no place more: one that is lent counts once."""
        one = Delegation(
            self.people.person(by), self.people.person(to), from_ms, until_ms, pipeline.spoken(reason)
        )

        def lent() -> tuple[r.PlaneEvent, ...]:
            among.check_delegation(self.people, one, self.work.clock())
            return (rv.Delegated(at_ms=self.work.clock(), by=by, delegation=one),)

        await self.work.book.note_from(lent)
        await self.void_what_fell()

    async def end_delegation(self, person: str, to: str, *, by: str) -> None:
        person, to = self.people.person(person), self.people.person(to)
        if not any((one.person, one.to) == (person, to) for one in self.people.delegations):
            raise OperatorError("delegation", f"{to} does not stand in for {person}")
        await self._among_people(rv.DelegationEnded(at_ms=self.work.clock(), by=by, person=person, to=to))

    async def record_user(self, *, by: str, user: str, roles: tuple[str, ...], what: str) -> None:
        await self._among_people(
            r.UserChanged(at_ms=self.work.clock(), by=by, user=user, roles=roles, what=what)
        )

    async def _among_people(self, event: r.PlaneEvent) -> None:
        await self.work.book.note_from(lambda: (event,))
        await self.void_what_fell()

    async def void_what_fell(self) -> None:
        """Approvals that stand no more are taken out of their cases, which wait for people again."""
        for case in list(self.work.book.cases.values()):
            if self.work.void(case):
                await self.work.book.record_from(case.id, self.work.void)

    # --- time --------------------------------------------------------------------------------------------------------

    def due(self, case: Case) -> tuple[r.CaseEvent, ...]:
        """What there is to say of a held case at this time, each once: its time is nearly over, nobody has taken it on."""
        request, now = case.request, self.work.clock()
        if case.phase is not Phase.HELD or request is None:
            return ()
        said: list[r.CaseEvent] = []
        if case.reminded_at_ms is None and 0 < request.remind_at_ms <= now:
            said.append(rv.Reminded(at_ms=now, deadline_ms=request.deadline_ms))
        idle = case.claimed_until_ms <= now and not case.approvals
        if case.escalated_at_ms is None and 0 < request.escalate_at_ms <= now and idle:
            after_s = (request.escalate_at_ms - case.changed_at_ms) // 1000
            said.append(rv.Escalated(at_ms=now, after_s=max(0, after_s)))
        return tuple(said)

    async def say_what_is_due(self) -> None:
        """Reminders, escalations, and approvals that fell while nobody looked (a process died between two events)."""
        looks: tuple[Callable[[Case], tuple[r.CaseEvent, ...]], ...] = (self.due, self.work.void)
        for case in list(self.work.book.cases.values()):
            for look in looks if case.phase in WAITING else ():
                if look(case):
                    await self.work.book.record_from(case.id, look)

    def _known(self, case_id: str) -> Case:
        case = self.work.book.case(case_id)
        if case is None:
            raise ReviewError("no-case", f"there is no case {case_id}", help="keyturn inbox lists them")
        return case
