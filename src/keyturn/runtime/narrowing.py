"""The narrower way sent in a case's place: a case of its own, asked for by a person, assessed, decided and reviewed like any other.

Its requests are written by the plane, kept and sent as an agent's are. The case it stands for is withdrawn by the same group of the
log that begins the new one, decided while nobody else can move it: an approval or a claim comes before, and nothing is sent instead,
or after, and finds it withdrawn. There is no moment at which both may happen.
"""

from __future__ import annotations

import asyncio

import msgspec

from keyturn.core.case import Case, Phase
from keyturn.core.material import named_in, vault_in
from keyturn.errors import ReviewError, UnavailableError
from keyturn.model import record as r
from keyturn.model.assessment import Alternative
from keyturn.model.change import Change, Operation, Principal
from keyturn.runtime.work import Work


class Narrowing:
    """Sends narrower ways; the desk asks."""

    def __init__(self, work: Work) -> None:
        self.work, self.book = work, work.book

    async def send(self, case_id: str, *, by: str, number: int, own: bool, shown: str = "") -> str:
        """The new case's id. `own`: only a case that her own agent asked for. `shown`: the digest of the way as she saw it, or
        empty. Raises `ReviewError`; at most one is ever sent.
        """
        seen = self._may(case_id, by=by, own=own)
        way = chosen(seen, number)
        if shown and shown != way.digest:
            raise ReviewError("not-as-shown", f"the narrower way of {case_id} is not what was shown any more")
        operations = await self._operations(seen, way)
        sent: list[str] = []

        def instead(standing: dict[str, Case]) -> dict[str, tuple[r.CaseEvent, ...]]:
            self._may(case_id, by=by, own=own)  # somebody may have decided, or asked elsewhere, meanwhile
            if standing[case_id].revision != seen.revision or chosen(standing[case_id], number) != way:
                raise ReviewError("not-as-shown", f"{case_id} has changed since it was looked at")
            change = Change(
                principal=Principal(agent="", session=f"person:{by}", operator=by, attested_by="login"),
                surface="desk",
                operations=operations,
                received_at_ms=self.work.clock(),
                intent=f"the narrower way of {case_id}",
                instead_of=case_id,
            )
            sent[:] = [self.book.new_case_id()]
            withdrawn = r.Withdrawn(
                at_ms=change.received_at_ms, by=by, reason=f"{sent[0]} was sent instead", instead=sent[0]
            )
            return {  # in this order: of a store that tore the group, the first half alone sends nothing
                case_id: (withdrawn,),
                sent[0]: (r.Received(at_ms=change.received_at_ms, change=change),),
            }

        await self.book.record_all((case_id,), instead)
        return sent[0]

    def _may(self, case_id: str, *, by: str, own: bool) -> Case:
        case = self.book.case(case_id)
        if case is None:
            raise ReviewError("no-case", f"there is no case {case_id}", help="keyturn inbox lists them")
        if case.sent_instead:
            sent = self.book.case(case.sent_instead)
            stands = f"; it is {sent.phase}" if sent is not None else ""
            raise ReviewError("sent-already", f"{case.sent_instead} was sent instead of {case_id}{stands}")
        if case.phase is not Phase.HELD or case.change is None:
            raise ReviewError("not-open", f"{case_id} is {case.phase}; a narrower way is sent of a held one")
        if own and not self.book.plane.people.is_one_of(by, (case.change.principal.operator,)):
            raise ReviewError("not-yours", f"{case_id} was asked for {case.change.principal.operator}")
        by_halt = self.book.plane.halted_by("")
        if by_halt:
            raise ReviewError("halted", f"{by_halt} has halted everything")
        return case

    async def _operations(self, case: Case, way: Alternative) -> tuple[Operation, ...]:
        """The way's operations, each with its request in the vault."""
        calls = self.work.assessing(case).narrow_calls
        if len(calls) != len(way.operations):
            raise ReviewError(
                "not-exact",
                f"the narrower way of {case.id} was not kept as calls",
                help="run its commands yourself, through the gateway",
            )
        made = []
        for operation, call in zip(way.operations, calls, strict=True):
            far = vault_in(operation, self.work.settings.vault)
            if far:
                raise ReviewError("vault-account", far)
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
