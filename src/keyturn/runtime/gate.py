"""The plane as a surface sees it: sessions, the read lane, and a change from its arrival to its reply."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final
from weakref import WeakValueDictionary

import msgspec

from keyturn import pipeline
from keyturn.core.case import Case, Phase
from keyturn.core.lifecycle import TERMINAL
from keyturn.core.material import vault_in
from keyturn.core.ports import Facts
from keyturn.core.routing import (
    UNDECIDED,
    Attach,
    Await,
    Join,
    New,
    Refuse,
    Replay,
    Route,
    identity,
    operation_key,
)
from keyturn.errors import BugError
from keyturn.executors.interface import Hearer, Minted, Response
from keyturn.model import record as r
from keyturn.model.change import Change, Operation, Principal, Request, ResourceRef
from keyturn.model.decision import Decision
from keyturn.model.execution import Outcome, OutcomeStatus
from keyturn.runtime.book import WAITING
from keyturn.runtime.interface import Reply, ReplyKind, SessionKey, Upload
from keyturn.runtime.settings import READS_BATCH_MAX
from keyturn.runtime.uploads import Uploads
from keyturn.runtime.work import Work

READ_DECISIONS_MAX: Final = 10_000
"""Read-lane answers kept, by session, action and resources; they hold as long as the policies do."""

UNDECIDED_WAIT_S: Final = 60.0
"""How long a change waits for an equal one to be decided before it looks again."""

_ANSWERED: Final = frozenset(
    {Phase.EXECUTED, Phase.VERIFYING, Phase.CONFIRMED, Phase.INCONCLUSIVE, Phase.RESTORING}
)

_IN_DOUBT: Final = (ReplyKind.UNCERTAIN, "uncertain")

_ENDINGS: Final[dict[Phase, tuple[ReplyKind, str]]] = {
    Phase.SUGGESTED: (ReplyKind.SUGGESTED, "suggested"),
    Phase.DENIED: (ReplyKind.DENIED, "denied"),
    Phase.REJECTED: (ReplyKind.DENIED, "denied-by-reviewer"),
    Phase.EXPIRED: (ReplyKind.REFUSED, "expired"),
    Phase.WITHDRAWN: (ReplyKind.REFUSED, "withdrawn"),
    Phase.INVALIDATED: (ReplyKind.REFUSED, "invalidated"),
    Phase.HALTED: (ReplyKind.REFUSED, "halted"),
    Phase.FAILED: (ReplyKind.REFUSED, "not-executed"),
    Phase.RESTORED: (ReplyKind.REFUSED, "restored"),
}


class GateSide:
    """Implements `surfaces.interface.Gate`."""

    def __init__(self, work: Work, keys: dict[str, SessionKey]) -> None:
        self.work, self.book, self.vault, self.settings = work, work.book, work.vault, work.settings
        self.clock = work.clock
        self._keys = keys  # by access key id
        self._read_decisions: dict[tuple[str, str, tuple[ResourceRef, ...], str], Decision] = {}
        self._entering: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # by session
        self.uploads = Uploads(work, self.clock)
        self._reads: list[tuple[int, str, str, str, int]] = []
        self._reads_due = asyncio.Event()

    # --- sessions and reads ------------------------------------------------------------------------------------------

    def session(self, access_key_id: str) -> SessionKey | None:
        key = self._keys.get(access_key_id) or self._key_from_elsewhere(access_key_id)
        if key is None:
            return self._virtual(access_key_id)
        return key if self.book.plane.open_session(key.session, self.clock()) is not None else None

    def _virtual(self, access_key_id: str) -> SessionKey | None:
        """A virtual credential, as a key of the session it was handed out in: it ends with that, and with its own time."""
        minted = self.minted(access_key_id)
        session = self.book.plane.open_session(minted.session, self.clock()) if minted else None
        if minted is None or session is None:
            return None
        return SessionKey(
            session=session.session,
            agent=session.agent,
            operator=session.operator,
            access_key_id=access_key_id,
            secret=minted.secret,
            expires_at_ms=min(minted.expires_at_ms, session.expires_at_ms),
            suggest_only=session.suggest_only,
            token=minted.token,
            through=minted.identity or "unknown",
            account=minted.account,
            virtual=minted.origin,
        )

    def minted(self, access_key_id: str) -> Minted | None:
        return self.work.issued.find(access_key_id, self.clock())

    def _key_from_elsewhere(self, access_key_id: str) -> SessionKey | None:
        """Of a session that another node opened, a moment ago perhaps; None where this process is the only one."""
        return None

    def read(self, principal: Principal, operation: Operation) -> Decision:
        by = self.book.plane.halted_by(principal.agent)
        if by:
            return pipeline.internal_doubt(f"{by} has halted the plane", self.work.policy.digest)
        key = (principal.session, operation.name, operation.resources, self.work.policy.digest)
        found = self._read_decisions.get(key)
        if found is None:
            found = self._ask_read(principal, operation)
            if len(self._read_decisions) >= READ_DECISIONS_MAX:
                self._read_decisions.clear()
            self._read_decisions[key] = found
        return found

    def _ask_read(self, principal: Principal, operation: Operation) -> Decision:
        far = vault_in(msgspec.structs.replace(operation, parameters={}), self.settings.vault)
        if (
            far
        ):  # by what it is about: a read that lists others' is none of it, and is judged by its resources
            return pipeline.kept_out(far, self.work.policy.digest)
        change = Change(principal=principal, surface="read", operations=(operation,), received_at_ms=0)
        assessment = pipeline.read_assessment(operation).assessment
        try:
            return pipeline.decide(self.work.policy, change, assessment, Facts(observe=self.settings.observe))
        except Exception as error:  # noqa: BLE001  # fail closed
            return pipeline.internal_doubt(type(error).__name__, self.work.policy.digest)

    def note_read(self, principal: Principal, operation: Operation, status: int) -> None:
        self._reads.append(
            (self.clock(), principal.session, operation.name, str(operation.resources[0]), status)
        )
        if len(self._reads) >= READS_BATCH_MAX:
            self._reads_due.set()

    async def flush_reads(self) -> None:
        """Put the reads noted so far on record; they are durable with the next group."""
        self._reads_due.clear()
        if self._reads:
            reads, self._reads = tuple(self._reads), []
            await self.book.note(r.ReadsForwarded(at_ms=self.clock(), reads=reads), soon=True)
        for event in self.uploads.noted():
            await self.book.note(event, soon=True)

    async def refuse(self, session: str, code: str, reason: str, operation: str = "") -> None:
        await self.book.note(
            r.RequestRefused(
                at_ms=self.clock(), session=session, code=code, reason=reason, operation=operation
            ),
            soon=True,
        )

    def seal(self, secret: bytes) -> str:
        return self.vault.seal(secret)

    def upload(self, principal: Principal, operation: Operation, begins: str, mark: bytes) -> Upload | None:
        return self.uploads.find(principal, operation, begins, mark)

    async def send_part(
        self, change: Change, request: Request, body: AsyncIterator[bytes] | None = None
    ) -> Reply:
        reply = await self.uploads.send(change, request, body)
        if self.uploads.many:
            self._reads_due.set()
        return reply

    # --- changes -----------------------------------------------------------------------------------------------------

    async def submit(
        self,
        change: Change,
        requests: tuple[Request, ...],
        body: AsyncIterator[bytes] | None = None,
        hearer: Hearer | None = None,
    ) -> Reply:
        route = self._route(change)
        if isinstance(route, Refuse):  # unless a halt was lifted elsewhere a moment ago
            await self.book.abreast()
            route = self._route(change)
        if isinstance(route, Refuse):
            return await self._refused(change, route)
        if isinstance(route, Replay):
            return self._again(route)
        entered = await self._enter(await self._with_requests(change, requests))
        if isinstance(entered, Reply):
            return entered
        key = operation_key(change, change.operations[-1])
        if body is not None:
            self.work.bodies[entered] = body
        if hearer is not None:
            self.work.hearers.setdefault(
                (entered, key), hearer
            )  # of two that wait the first hears it as it comes
        try:
            return await self._wait(entered, change, hearer)
        finally:
            if self.work.bodies.get(entered) is body:
                self.work.bodies.pop(entered, None)
            if self.work.hearers.get((entered, key)) is hearer:
                self.work.hearers.pop((entered, key), None)

    def _route(self, change: Change) -> Route:
        return self.book.plane.route(
            change,
            at_ms=self.clock(),
            cooldown_s=self.settings.cooldown_s,
            replay_s=self.settings.replay_s,
            vault=self.settings.vault,
        )

    async def _enter(self, change: Change) -> str | Reply:
        """The case that this change is, or the answer that makes it none.

        One change of a session enters at a time: of two equal requests at the same moment the second sees the first.
        """
        entering = self._entering.setdefault(change.principal.session, asyncio.Lock())
        while True:
            async with entering:
                route = self._route(change)
                match route:
                    case Refuse():
                        return await self._refused(change, route)
                    case Replay():
                        return self._again(route)
                    case Attach():
                        return route.case_id
                    case New():
                        session = change.principal.session
                        case_id = await self.book.open_case(self._receiving(change), session=session)
                        if case_id:
                            return case_id
                        continue  # meanwhile it is a repeat of another one, or refused
                    case Join():
                        if await self._joined(change, route):
                            return route.case_id
                        continue  # meanwhile the case has moved, or the change is refused
                    case Await():
                        pass
            await self.book.until(
                route.case_id, lambda case: case.phase not in UNDECIDED, timeout_s=UNDECIDED_WAIT_S
            )

    def _receiving(self, change: Change) -> Callable[[], r.Received | None]:
        """Only while it still is a case of its own: meanwhile an equal one may have come in at another node."""

        def received() -> r.Received | None:
            new = isinstance(self._route(change), New)
            return r.Received(at_ms=self.clock(), change=change) if new else None

        return received

    async def _joined(self, change: Change, route: Join) -> bool:
        """Only while it still belongs there: meanwhile somebody may have approved it, or said no to the same in other words."""
        joins: list[Join] = []

        def joined(case: Case) -> tuple[r.CaseEvent, ...]:
            still = self._route(change)
            if case.phase is not Phase.HELD or not isinstance(still, Join) or still.case_id != case.id:
                return ()
            joins.append(still)
            return (r.Joined(at_ms=self.clock(), change=still.change),)

        await self.book.record_from(route.case_id, joined, session=change.principal.session)
        return bool(joins)

    async def _with_requests(self, change: Change, requests: tuple[Request, ...]) -> Change:
        """The change with its requests sealed; a request is on disk before anything speaks of it."""
        operations = []
        for operation, request in zip(change.operations, requests, strict=True):
            ref = await self.vault.put(msgspec.json.encode(request, enc_hook=str), "request")
            operations.append(msgspec.structs.replace(operation, request=ref))
        return msgspec.structs.replace(change, operations=tuple(operations))

    async def _refused(self, change: Change, refuse: Refuse) -> Reply:
        operation = change.operations[0]
        await self.book.note(
            r.RequestRefused(
                at_ms=self.clock(),
                session=change.principal.session,
                code=refuse.code,
                reason=refuse.reason,
                operation=operation.name,
                case_id=refuse.case_id,
            )
        )
        page = f": {self.work.url(refuse.case_id)}" if refuse.case_id else ""
        text = f"Keyturn refuses {operation.name} of {operation.resources[0]} ({refuse.reason}){page}. Nothing was executed."
        earlier = self.book.case(refuse.case_id) if refuse.case_id else None
        if earlier is not None and earlier.reason:
            text += f"\nIt was {pipeline.spoken(earlier.reason)}."
            text = "\n".join(line for line in (text, pipeline.in_their_words(earlier.reviews)) if line)
        kind = ReplyKind.DENIED if refuse.code == "denied-before" else ReplyKind.REFUSED
        return Reply(kind=kind, text=text, case_id=refuse.case_id, code=refuse.code)

    async def _wait(self, case_id: str, change: Change, hearer: Hearer | None) -> Reply:
        """Until there is something to say: at once for what is decided, after a while for what is held or in doubt."""
        case = await self.book.until(case_id, _has_news, timeout_s=None)
        if case.phase in WAITING:
            await self._while_held(case_id)
            await self.book.abreast()
            case = await self.book.until(case_id, _has_news, timeout_s=None)  # it may be on its way
        heard = hearer is not None and hearer.begun  # an answer that broke off is not kept hanging
        if case.phase is Phase.UNCERTAIN and not heard:
            await self.book.until(case_id, _may_reply, timeout_s=self.settings.hold_wait_s)
            await self.book.abreast()
            case = await self.book.until(case_id, _has_news, timeout_s=None)
        place = _place(case, change)
        return self._taken_out(case) if place is None else self._reply(case, place)

    async def _while_held(self, case_id: str) -> None:
        """On record as one who waits, so that an approval is used at once."""
        waiter = self.book.new_waiter()
        await self.book.record(case_id, r.Attached(at_ms=self.clock(), waiter=waiter))
        try:
            await self.book.until(case_id, _call_over, timeout_s=self.settings.hold_wait_s)
        finally:
            with_grace = asyncio.shield(self._detach(case_id, waiter))
            await with_grace

    async def _detach(self, case_id: str, waiter: str) -> None:
        def detached(case: Case) -> tuple[r.CaseEvent, ...]:
            gone = case.phase in TERMINAL or waiter not in case.waiters
            return () if gone else (r.Detached(at_ms=self.clock(), waiter=waiter),)

        await self.book.record_from(case_id, detached)

    def _again(self, replay: Replay) -> Reply:
        """What became of a request that was executed meanwhile: said again, never done again."""
        case = self.book.case(replay.case_id)
        if case is None:
            raise BugError("no-case", f"{replay.case_id} is known to the plane and not on record")
        return self._reply(case, replay.operation)

    def _reply(self, case: Case, place: int) -> Reply:
        """What there is to say of one operation of the case as it stands."""
        if case.phase in _HELD:
            text = self._said(case) or f"Keyturn holds this as case {case.id}: {self.work.url(case.id)}"
            return Reply(kind=ReplyKind.HELD, text=text, case_id=case.id, code="held")
        if place < len(case.outcomes) and case.phase is not Phase.RESTORED:
            return self._became(case, case.outcomes[place])
        kind, code = _ENDINGS.get(case.phase, _IN_DOUBT)
        said = self._said(case) if case.phase in {Phase.DENIED, Phase.SUGGESTED} else ""
        return Reply(kind=kind, text=said or self._ended_text(case), case_id=case.id, code=code)

    def _became(self, case: Case, outcome: Outcome) -> Reply:
        """The provider's own response, as it was recorded, where there is one to trust; else what is known without it."""
        known = outcome.status in {OutcomeStatus.SUCCEEDED, OutcomeStatus.FAILED}
        if known and outcome.response:
            response = msgspec.json.decode(self.vault.get(outcome.response), type=Response)
            if response.passed_bytes:
                return Reply(
                    ReplyKind.DONE, self._passed_text(case, response), case_id=case.id, code="answer-not-kept"
                )
            return Reply(kind=ReplyKind.SENT, text="", case_id=case.id, response=response)
        settled = not known and case.phase is Phase.CONFIRMED  # a person looked, and says so
        if outcome.status is OutcomeStatus.SUCCEEDED or settled:
            text = self._done_text(case, case.reason if settled else outcome.detail)
            return Reply(kind=ReplyKind.DONE, text=text, case_id=case.id, code="done")
        kind, code = _ENDINGS.get(case.phase, _IN_DOUBT)
        return Reply(kind=kind, text=self._ended_text(case), case_id=case.id, code=code)

    def _done_text(self, case: Case, how: str) -> str:
        return (
            f"Keyturn: this took effect as case {case.id} ({how}): {self.work.url(case.id)}. "
            "The provider's own answer was lost. Do not ask for it again: read the resource and go on."
        )

    def _passed_text(self, case: Case, response: Response) -> str:
        return (
            f"Keyturn: this was done as case {case.id}: {self.work.url(case.id)}. Its answer of {response.passed_bytes:,} bytes "
            f"(SHA-256 {response.sha256}) was given on as it came and is too long to be kept, so it cannot be given again. "
            "Do not ask for it again: what it did would be done twice."
        )

    def _ended_text(self, case: Case) -> str:
        if case.phase in {Phase.UNCERTAIN, Phase.INCONCLUSIVE}:
            left = "It may have taken effect: read the resource before you go on."
        else:
            left = "See the case for what was executed." if case.outcomes else "Nothing was executed."
        reason = pipeline.spoken(case.reason)
        text = f"Keyturn: case {case.id} is {case.phase} ({reason}): {self.work.url(case.id)}. {left}"
        return "\n".join(line for line in (text, pipeline.in_their_words(case.reviews)) if line)

    def _taken_out(self, case: Case) -> Reply:
        text = f"Keyturn: people took this out of case {case.id}, and nothing of it was sent: {self.work.url(case.id)}. The rest of it goes on."
        return Reply(kind=ReplyKind.REFUSED, text=text, case_id=case.id, code="taken-out")

    def _said(self, case: Case) -> str:
        return self.vault.get(case.said).decode() if case.said else ""


_HELD: Final = WAITING | {Phase.SUPERSEDED, Phase.ASSESSED}
"""A client that has waited is told that its case is held; it may just be on its way to being held again."""


def _place(case: Case, asked: Change) -> int | None:
    """Which of the case's operations the last of `asked` is; the last one when a later one took its place, None when people took it out."""
    if case.change is None:
        return -1
    mine, left = asked.operations[-1], case.change.operations
    keys = [operation_key(case.change, operation) for operation in left]
    key = operation_key(asked, mine)
    if key in keys:
        return keys.index(key)
    replaced = any(one.name == mine.name and identity(one) == identity(mine) for one in left)
    return len(keys) - 1 if replaced else None


def _may_reply(case: Case) -> bool:
    """Something can be said that will not change: the answer is here, or the case ended."""
    return case.phase in _ANSWERED or case.phase in TERMINAL


def _call_over(case: Case) -> bool:
    """For good, or in doubt until the world has been read."""
    return _may_reply(case) or case.phase is Phase.UNCERTAIN


def _has_news(case: Case) -> bool:
    """It is decided and waits for people, or there is no more to wait for."""
    return _call_over(case) or case.phase in WAITING
