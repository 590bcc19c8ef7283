"""One upload, one change: what belongs to an upload of this session's goes on under the decision that let it begin.

An upload in parts begins with a call that is a case of its own, assessed as what its end would do. The parts that follow show
nobody anything until the upload is completed, which is assessed again. So they pass without a case each, under a credential of
the same scope, and stand in the log in batches. What belongs to nobody's upload here is a change like any other.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Final

import msgspec

from keyturn.core.case import Case, Phase
from keyturn.core.routing import operation_key
from keyturn.errors import KeyturnError
from keyturn.executors.interface import Credentials, NotSentError, Response, Sending
from keyturn.model import record as r
from keyturn.model.change import Change, Operation, Principal, Request
from keyturn.runtime.interface import Reply, ReplyKind, Upload
from keyturn.runtime.settings import READS_BATCH_MAX
from keyturn.runtime.work import Work

UPLOADS_KEPT_MAX: Final = 1_000
"""Uploads whose case and credential are at hand; of others they are looked up and made again."""

RENEW_MS: Final = 120_000
"""A part may take a while: its credential lives at least this long when it leaves."""

_BEGUN: Final = frozenset(
    {Phase.EXECUTED, Phase.VERIFYING, Phase.CONFIRMED, Phase.INCONCLUSIVE, Phase.UNCERTAIN}
)


class Uploads:
    """The uploads of all sessions, as the log has them."""

    def __init__(self, work: Work, clock: Callable[[], int]) -> None:
        self._work, self._clock = work, clock
        self._found: dict[tuple[str, str, bytes], Upload] = {}
        self._credentials: dict[str, Credentials] = {}
        self._parts: list[tuple[int, str, str, str, str, int]] = []

    def find(self, principal: Principal, operation: Operation, begins: str, mark: bytes) -> Upload | None:
        """The upload of this session on the same resource that was answered with `mark`; None where there is none."""
        key = (principal.session, str(operation.resources[0]), mark)
        found = self._found.get(key)
        if found is None:
            found = self._look_up(principal, operation, begins, mark)
            if found is not None:
                if len(self._found) >= UPLOADS_KEPT_MAX:
                    self._found.clear()
                self._found[key] = found
        return found

    def _look_up(self, principal: Principal, operation: Operation, begins: str, mark: bytes) -> Upload | None:
        book = self._work.book
        for case_id in book.plane.asked(principal.session, begins, operation.resources[0]):
            case = book.case(case_id)
            if case is not None and case.phase in _BEGUN and mark in self._answer(case):
                return Upload(case_id, _reviewed_on(case))
        return None

    def _answer(self, case: Case) -> bytes:
        outcome = case.outcome
        if outcome is None or not outcome.response:
            return b""
        return msgspec.json.decode(self._work.vault.get(outcome.response), type=Response).body

    async def send(self, change: Change, request: Request, body: AsyncIterator[bytes] | None) -> Reply:
        """Send one part under its upload's decision; never raises what is not the client's own leaving."""
        operation, case_id = change.operations[0], change.operations[0].within
        by = self._work.book.plane.halted_by(change.principal.agent)
        if by:
            return Reply(
                ReplyKind.REFUSED, f"Keyturn: {by} has halted the plane. Nothing was sent.", case_id, "halted"
            )
        try:
            credentials = await self._credential(change)
            sending = await self._work.executor.send(request, credentials, body)
        except NotSentError as error:
            sending = Sending(None, error.message)
        except KeyturnError as error:
            sending = Sending(None, error.message)
        status = sending.response.status if sending.response is not None else 0
        self._note(change, operation, status)
        if sending.response is None:
            text = f"Keyturn: this part of {case_id} was not stored for certain ({sending.uncertain}). Send it again."
            return Reply(ReplyKind.UNCERTAIN, text, case_id, "uncertain")
        return Reply(ReplyKind.SENT, "", case_id, response=sending.response)

    async def _credential(self, change: Change) -> Credentials:
        """As narrow as for a change: this key of this bucket. Kept for the next part."""
        key = operation_key(
            change, msgspec.structs.replace(change.operations[0], parameters={}, payload_sha256=None)
        )
        kept = self._credentials.get(key)
        if kept is not None and kept.expires_at_ms - self._clock() > RENEW_MS:
            return kept
        case_id = change.operations[0].within
        scope = self._work.provider(change).scope(change)
        principal = change.principal
        _, made = await self._work.executor.grant(
            change,
            policy=scope.policy,
            tags={
                "agent": principal.agent,
                "session": principal.session,
                "operator": principal.operator,
                "case": case_id,
            },
            lease=f"{case_id}-parts",
        )
        if len(self._credentials) >= UPLOADS_KEPT_MAX:
            self._credentials.clear()
        self._credentials[key] = made
        return made

    def _note(self, change: Change, operation: Operation, status: int) -> None:
        what = ", ".join(
            f"{name}={value}" for name, value in operation.parameters.items() if isinstance(value, int)
        )
        self._parts.append(
            (self._clock(), change.principal.session, operation.within, operation.name, what, status)
        )

    @property
    def many(self) -> bool:
        return len(self._parts) >= READS_BATCH_MAX

    def noted(self) -> tuple[r.PartsSent, ...]:
        """What was sent since the last time, for the log."""
        if not self._parts:
            return ()
        parts, self._parts = tuple(self._parts), []
        return (r.PartsSent(at_ms=self._clock(), parts=parts),)


def _reviewed_on(case: Case) -> str:
    """The state people saw when they let it begin; empty where nobody had to."""
    return case.assessment.state_digest if case.was_held and case.assessment is not None else ""
