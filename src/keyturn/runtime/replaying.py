"""The plan of a rehearsal made live: one case, whose operations leave one after the other, each proved by itself.

Before a step is sent, what it is about is read once more and has to be what the rehearsal says: what stood when it was copied, with
the differences of the steps before it. A difference ends the case there; what was done stands on record and can be taken back. Ids
that the twin made up are looked up in the live answers of the steps that they come from.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

import msgspec

from keyturn.core import rehearsing
from keyturn.core.case import Case
from keyturn.core.material import named_in, vault_in
from keyturn.core.ports import Captures
from keyturn.errors import ReviewError, UnavailableError
from keyturn.executors.interface import Response
from keyturn.model import record as r
from keyturn.model.canonical import digest_bytes
from keyturn.model.change import Change, Operation, Principal, Rehearsed, Request
from keyturn.model.execution import Outcome, OutcomeStatus
from keyturn.model.rehearsal import Plan, Record, States

if TYPE_CHECKING:
    from keyturn.runtime.work import Work

SETTLE_READS_MAX: Final = 8
"""Reads until what an earlier step did is seen, doubling from a fifth of a second: some fifty seconds."""


class Replaying:
    """Opens a plan as a case, and says of each step what it is, whether it may be made, and what became of it."""

    def __init__(self, work: Work) -> None:
        self.work, self.book = work, work.book

    # --- a case of it ------------------------------------------------------------------------------------------------

    async def hold(self, plan: Plan, record: Record, *, intent: str) -> str:
        """The case. Raises `ReviewError` where it cannot be one: nothing is held, or it touches what undo needs."""
        if self.work.settings.observe:
            raise ReviewError("observe", "in observe mode nothing is held, so the plan is not kept")
        by = self.book.plane.halted_by(plan.agent)
        if by:
            raise ReviewError("halted", f"{by} has halted everything")
        await self._still_so(plan, record)
        data, digest = record.sealed()
        kept = await self.work.vault.put(data, "rehearsal")
        change = Change(
            principal=Principal(agent=plan.agent, session=plan.id, operator=plan.operator),
            surface="rehearsal",
            operations=tuple(
                [
                    await self._kept(operation, made.request)
                    for operation, made in zip(plan.operations, record.steps, strict=True)
                ]
            ),
            received_at_ms=self.work.clock(),
            intent=intent,
            rehearsed=Rehearsed(plan.id, kept, digest, plan.bindings, plan.unseen),
        )
        return await self.book.open_case(lambda: r.Received(at_ms=change.received_at_ms, change=change))

    async def _kept(self, operation: Operation, request: Request) -> Operation:
        far = vault_in(operation, self.work.settings.vault)
        if far:
            raise ReviewError("vault-account", far)
        found = named_in(operation, self.book.plane.material)
        if found is not None:
            raise ReviewError("undo-material", f"{found[0]} is the backup that {found[1]} is given back from")
        kept = await self.work.vault.put(msgspec.json.encode(request, enc_hook=str), "request")
        return msgspec.structs.replace(operation, request=kept)

    async def _still_so(self, plan: Plan, record: Record) -> None:
        """What the plan is about stands live as when it was copied."""
        about = Change(
            principal=Principal(agent=plan.agent, session=plan.id, operator=plan.operator),
            surface="rehearsal",
            operations=plan.operations,
            received_at_ms=0,
        )
        tags = {"agent": plan.agent, "session": plan.id, "operator": plan.operator, "case": "rehearsal"}
        provider = self.work.provider(about)
        now = await self.work.asker.drive(
            provider.recapture(about, tuple(made.request for made in record.steps)), tags=tags
        )
        told = self._unlike(about, record, record.base, now.states)
        if told:
            raise ReviewError(
                "moved", f"meanwhile it is otherwise live: {'; '.join(told)}", help="rehearse again"
            )

    def _unlike(self, about: Change, record: Record, expected: States, now: States) -> list[str]:
        """What stands otherwise than it has to, in words; of what nothing is expected nothing is said."""
        provider, told = self.work.provider(about), list[str]()
        refs = {**record.refs, **{str(ref): ref for ref in about.resources}}
        for name in rehearsing.about(record.steps):
            ref = refs.get(name)
            if ref is None or name not in expected or name not in now:
                continue
            made = name not in record.base or record.base[name] is None  # by a step of the plan
            told += provider.unlike(ref, expected[name], now[name], made=made)
        return told

    # --- one step ----------------------------------------------------------------------------------------------------

    def record(self, change: Change) -> Record:
        """As it was rehearsed. Raises `UnavailableError` where it is not what was approved."""
        if change.rehearsed is None:
            raise UnavailableError("no-rehearsal", "this is no plan of a rehearsal")
        data = self.work.vault.get(change.rehearsed.record)
        if digest_bytes(data) != change.rehearsed.digest:
            raise UnavailableError("not-as-rehearsed", "the record of the rehearsal is not what was approved")
        return msgspec.json.decode(data, type=Record)

    def ids(self, case: Case, record: Record, before: int) -> dict[str, str]:
        """Ids of the twin's by what they are live, as far as the steps before this one were answered. Raises `UnavailableError`."""
        change, found = _change(case), dict[str, str]()
        for one in change.rehearsed.bindings if change.rehearsed else ():
            if one.by >= before or one.value in found:
                continue
            request = rehearsing.bound_request(record, one.by)
            outcome = case.outcomes[one.by] if one.by < len(case.outcomes) else None
            live = ""
            if outcome is not None and outcome.response:
                response = msgspec.json.decode(self.work.vault.get(outcome.response), type=Response)
                answer = self.work.executor.answered(request, response)
                live = rehearsing.taken(one, record.steps[one.by].answer, answer)
            if not live:
                raise UnavailableError(
                    "not-bound",
                    f"step {one.step + 1} needs the {one.output} that step {one.by + 1} answers, and its answer does not give it",
                )
            found[one.value] = live
        return found

    def now(self, case: Case) -> Change:
        """The change as the step that comes next, with its live ids: what is scoped, read and reconciled. Raises `UnavailableError`."""
        change = _change(case)
        record, step = self.record(change), case.next_operation
        ids = self.ids(case, record, step)
        operation = msgspec.structs.replace(change.operations[step], resources=record.steps[step].named)
        return msgspec.structs.replace(change, operations=(rehearsing.bound(operation, ids),))

    def request(self, case: Case) -> tuple[Request, AsyncIterator[bytes] | None]:
        """What is sent, with what streams to it. Raises `UnavailableError`."""
        record, step = self.record(_change(case)), case.next_operation
        made = record.steps[step]
        request = self.work.executor.rewritten(made.request, self.ids(case, record, step))
        return request, _once(made.body) if made.body is not None else None

    async def state(self, case: Case) -> tuple[bool, str]:
        """Whether what the next step is about stands as it was rehearsed, read now; and what is to be said of it."""
        change, step = _change(case), case.next_operation
        record = self.record(change)
        ids = self.ids(case, record, step)
        now, expected = self.now(case), rehearsing.expected(record, step, ids)
        named = {str(ref) for ref in now.resources}
        touched = {rehearsing.renamed(name, ids) for name in rehearsing.about(record.steps[:step])}
        renamed = rehearsing.renamed_record(record, ids)
        told: list[str] = []
        for attempt in range(SETTLE_READS_MAX):
            captures = await self._read(now, case)
            unread = [name for name in named if name in expected and name not in captures.states]
            if unread:
                return False, f"could not be read: {', '.join(sorted(unread))}"
            told = self._unlike(
                now, renamed, {name: expected[name] for name in named if name in expected}, captures.states
            )
            if not told or not touched & named:
                break
            await asyncio.sleep(0.2 * 2**attempt)  # what the step before did may not be seen at once
        return not told, "; ".join(told) or f"step {step + 1}: read just now, as it was rehearsed"

    async def _read(self, now: Change, case: Case) -> Captures:
        provider = self.work.provider(now)
        return await self.work.asker.drive(provider.recapture(now, ()), tags=_tags(case))

    # --- afterwards --------------------------------------------------------------------------------------------------

    async def reconcile(self, case: Case) -> Outcome:
        """Whether the step that was not answered took effect, from what stands."""
        change, step = _change(case), case.next_operation
        record = self.record(change)
        ids = self.ids(case, record, step)
        now, expected = self.now(case), rehearsing.expected(record, step, ids)
        before = Captures({str(ref): expected[str(ref)] for ref in now.resources if str(ref) in expected})
        return await self.work.asker.drive(self.work.provider(now).reconcile(now, before), tags=_tags(case))

    async def verify(self, case: Case) -> Outcome:
        """Whether the whole stands as it stood in the twin at the end."""
        change = _change(case)
        record, steps = self.record(change), len(change.operations)
        ids = self.ids(case, record, steps)
        whole = msgspec.structs.replace(
            change, operations=tuple(rehearsing.bound(one, ids) for one in change.operations)
        )
        before = self.work.assessing(case).captures
        provider = self.work.provider(whole)
        outcome = await self.work.asker.drive(provider.verify(whole, (), before), tags=_tags(case))
        if outcome.status is not OutcomeStatus.SUCCEEDED:
            return outcome
        expected, told = rehearsing.expected(record, steps, ids), list[str]()
        for attempt in range(SETTLE_READS_MAX):
            captures = await self._read(whole, case)
            told = self._unlike(whole, rehearsing.renamed_record(record, ids), expected, captures.states)
            if not told:
                return msgspec.structs.replace(
                    outcome, detail=f"{steps} steps, and all stands as it was rehearsed"
                )
            await asyncio.sleep(0.2 * 2**attempt)
        return Outcome(OutcomeStatus.UNCERTAIN, f"not as it was rehearsed: {'; '.join(told)}")

    def undoable(self, case: Case, done: Change) -> tuple[Change, tuple[str, ...]]:
        """What of a plan that was made is taken back, with the live ids; and what stays, because the plan itself made it.

        Raises `UnavailableError` where nothing would be left, or an id is not known.
        """
        stood = self.work.captures(case).states
        ids = self.ids(case, self.record(done), len(done.operations))
        kept, stays = list[Operation](), dict[str, None]()
        for operation in done.operations:
            bound = rehearsing.bound(operation, ids)
            if operation.resources and all(stood.get(str(ref), ref) is None for ref in operation.resources):
                stays |= dict.fromkeys(f"{ref} was made by it and stays" for ref in bound.resources)
            else:
                kept.append(bound)
        if not kept:
            raise UnavailableError(
                "nothing-stood", f"all that {case.id} did is to what it made: {'; '.join(stays)}"
            )
        return msgspec.structs.replace(done, operations=tuple(kept)), tuple(stays)


def _change(case: Case) -> Change:
    if case.change is None:
        raise UnavailableError("no-change", f"{case.id} has no change")
    return case.change


def _tags(case: Case) -> dict[str, str]:
    principal = _change(case).principal
    return {
        "agent": principal.agent or "person",
        "session": principal.session,
        "operator": principal.operator,
        "case": case.id,
    }


async def _once(data: bytes) -> AsyncIterator[bytes]:
    if data:
        yield data
