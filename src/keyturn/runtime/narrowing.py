"""The narrower way sent in a case's place: a case of its own, asked for by a person, assessed, decided and reviewed like any other.

Its requests are written by the plane, kept and sent as an agent's are. The case it stands for is withdrawn once it is on the log.
"""

from __future__ import annotations

import asyncio

import msgspec

from keyturn.core.case import Case, Phase
from keyturn.core.material import named_in
from keyturn.errors import ReviewError, UnavailableError
from keyturn.model import record as r
from keyturn.model.assessment import Alternative
from keyturn.model.change import Change, Operation, Principal
from keyturn.runtime.work import Work


class Narrowing:
    """Sends narrower ways; the desk asks."""

    def __init__(self, work: Work) -> None:
        self.work, self.book = work, work.book

    async def send(self, case_id: str, *, by: str, number: int, own: bool) -> str:
        """The new case's id. `own`: only a case that her own agent asked for. Raises `ReviewError`; at most one is ever sent."""
        self._may(case_id, by=by, own=own)
        operations = await self._operations(case_id, number)

        def received() -> r.Received:
            case = self._may(case_id, by=by, own=own)  # somebody may have asked elsewhere meanwhile
            change = Change(
                principal=Principal(agent="", session=f"person:{by}", operator=by, attested_by="login"),
                surface="desk",
                operations=operations,
                received_at_ms=self.work.clock(),
                intent=f"the narrower way of {case.id}",
                instead_of=case.id,
            )
            return r.Received(at_ms=change.received_at_ms, change=change)

        sent = await self.book.open_case(received)
        await self.withdraw(case_id, sent=sent, by=by)
        return sent

    async def withdraw(self, original: str, *, sent: str, by: str) -> None:
        """What was asked for is asked for no more; nothing where it has ended already."""

        def withdrawn(case: Case) -> tuple[r.CaseEvent, ...]:
            if case.phase not in {Phase.HELD, Phase.APPROVED, Phase.SUPERSEDED}:
                return ()
            return (r.Withdrawn(at_ms=self.work.clock(), by=by, reason=f"{sent} was sent instead"),)

        await self.book.record_from(original, withdrawn)

    def _may(self, case_id: str, *, by: str, own: bool) -> Case:
        case = self.book.case(case_id)
        if case is None:
            raise ReviewError("no-case", f"there is no case {case_id}", help="keyturn inbox lists them")
        sent = self.sent_for(case_id)
        if sent is not None:
            raise ReviewError("sent-already", f"{sent.id} was sent instead of {case_id}; it is {sent.phase}")
        if case.phase is not Phase.HELD or case.change is None:
            raise ReviewError("not-open", f"{case_id} is {case.phase}; a narrower way is sent of a held one")
        if own and not self.book.plane.people.is_one_of(by, (case.change.principal.operator,)):
            raise ReviewError("not-yours", f"{case_id} was asked for {case.change.principal.operator}")
        by_halt = self.book.plane.halted_by("")
        if by_halt:
            raise ReviewError("halted", f"{by_halt} has halted everything")
        return case

    def sent_for(self, case_id: str) -> Case | None:
        """The case that was sent instead of this one, whatever became of it."""
        return next(
            (
                case
                for case in self.book.cases.values()
                if case.change is not None and case.change.instead_of == case_id
            ),
            None,
        )

    async def _operations(self, case_id: str, number: int) -> tuple[Operation, ...]:
        """The way's operations, each with its request in the vault."""
        case = self.book.case(case_id)
        if case is None or case.assessment is None:
            raise ReviewError("not-exact", f"{case_id} has not been assessed")
        way = chosen(case, number)
        calls = self.work.assessing(case).narrow_calls
        if len(calls) != len(way.operations):
            raise ReviewError(
                "not-exact",
                f"the narrower way of {case_id} was not kept as calls",
                help="run its commands yourself, through the gateway",
            )
        made = []
        for operation, call in zip(way.operations, calls, strict=True):
            found = named_in(operation, self.book.plane.material)
            if found is not None:
                raise ReviewError(
                    "undo-material", f"{found[0]} is the backup that {found[1]} is given back from"
                )
            try:
                request = await asyncio.to_thread(self.work.executor.written, call)
            except UnavailableError as error:
                raise ReviewError("cannot-send", error.message) from error
            kept = await self.work.vault.put(msgspec.json.encode(request, enc_hook=str), "request")
            made.append(msgspec.structs.replace(operation, request=kept))
        return tuple(made)


def chosen(case: Case, number: int) -> Alternative:
    """The alternative at this place, from 1; 0 is the exact one. Raises `ReviewError` where it cannot be sent."""
    ways = case.assessment.alternatives if case.assessment is not None else ()
    if not 0 <= number <= len(ways):
        raise ReviewError("narrow", f"{case.id} has {len(ways)} narrower ways; there is no number {number}")
    way = ways[number - 1] if number else next((one for one in ways if one.exact), None)
    if way is None or not way.exact or not way.operations:
        why = "; ".join(way.because) if way is not None and way.because else "there is nothing to send"
        raise ReviewError("not-exact", f"the narrower way of {case.id} is not known exactly: {why}")
    return way
