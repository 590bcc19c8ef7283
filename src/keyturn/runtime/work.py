"""What each command of a case does: one short method each, no decisions. `PERFORM` is the table."""

from __future__ import annotations

import asyncio
import secrets
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, Protocol

import msgspec

from keyturn import pipeline
from keyturn.core import review
from keyturn.core.advance import owed
from keyturn.core.case import Case, Phase
from keyturn.core.commands import Command
from keyturn.core.freezing import accounts_of
from keyturn.core.ports import Assessing, Captures, Facts, PolicyEngine, Provider
from keyturn.core.proof import ProofFacts, holds, prove, stricter
from keyturn.core.retention import promised, removable
from keyturn.core.routing import identity, operation_key
from keyturn.errors import BugError, KeyturnError, StoreError, UnavailableError
from keyturn.executors.interface import Credentials, Executor, Hearer, Minted, Sending
from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.assessment import Assessment
from keyturn.model.canonical import digest
from keyturn.model.change import Change, Request, ResourceRef
from keyturn.model.decision import Decision, Verdict
from keyturn.model.execution import Backup, Outcome, OutcomeStatus, ProofStep
from keyturn.model.radius import Radius
from keyturn.model.review import Review, ReviewRequest
from keyturn.runtime.asking import Asker
from keyturn.runtime.book import WAITING, Book
from keyturn.runtime.issued import Issued
from keyturn.runtime.policing import Policing
from keyturn.runtime.replaying import Replaying
from keyturn.runtime.settings import CLAIM_WAIT_S, FRESH_MS, RECONCILE_TRIES_MAX, Settings
from keyturn.runtime.vaulting import Vaulting
from keyturn.stores.vault import Vault

Body = AsyncIterator[bytes]

RADIUS_S_MAX: Final = 20.0
"""A client waits for the assessment; AWS's answers to a few hundred reads, sixteen at once, take some three seconds."""

WHY_CHARS_MAX: Final = 200

MOVED_MAX: Final = 1_000
"""Resources whose last call is remembered before those past `FRESH_MS` are forgotten."""


NOT_AS_SHOWN: Final = "not-as-shown"
"""Of an undo whose plan is another by now than the one that people saw."""


class Drops(Protocol):
    """Removals of backups: see `runtime.retiring`."""

    def assess(self, change: Change) -> Assessing: ...

    def state(self, change: Change) -> str: ...

    def decided(self, change: Change, policy_digest: str) -> Decision | None: ...

    async def perform(self, drop: Case) -> Outcome: ...


class Work:
    """Performs commands for cases. The book is told first, always."""

    def __init__(
        self,
        book: Book,
        vault: Vault,
        providers: dict[str, Provider],
        policing: Policing,
        executor: Executor,
        settings: Settings,
        clock: Callable[[], int],
        excluded: Callable[[Change], tuple[str, ...]],
    ) -> None:
        self.book, self.vault, self.providers, self.policing = book, vault, providers, policing
        self.executor, self.settings, self.clock, self.excluded = executor, settings, clock, excluded
        self.issued = Issued(vault, book.store)
        self.asker = Asker(book, executor, vault, clock)
        self.replaying = Replaying(self)
        self.vaulting = Vaulting(self.asker, vault, tags_of)
        self.bodies: dict[str, Body] = {}  # streamed bodies of waiting clients, by case
        self.hearers: dict[
            tuple[str, str], Hearer
        ] = {}  # who waits for an answer as it comes, by case and operation
        self.tell: Callable[[Case], Awaitable[None]] = _tell_nobody
        self.take_back: Callable[[Case], Awaitable[Outcome]] = _take_nothing_back
        self.planned: Callable[[Change], tuple[Request, ...]] = _nothing_planned
        self.mark_undone: Callable[[str, str], Awaitable[None]] = _mark_nothing
        self.drops: Drops  # set by the desk
        self._claiming = asyncio.Lock()
        self._credentials: dict[str, Credentials] = {}
        self._assessed_at_ms: dict[str, int] = {}
        self._proved_on: dict[str, tuple[str, Facts] | None] = {}
        self._moved_at_ms: dict[ResourceRef, int] = {}  # when a call of ours left for it, or was answered

    @property
    def policy(self) -> PolicyEngine:
        """Those in force as of now."""
        return self.policing.engine()

    # --- before people -----------------------------------------------------------------------------------------------

    async def assess(self, case: Case) -> None:
        change, begun_at_ms = _change(case), self.clock()
        try:
            if change.drops:
                await self._assessed(case, self.drops.assess(change), begun_at_ms)
                return
            inquiry = self.provider(change).assess(change, self._asked(case), at_ms=self.clock())
            assessing = await self.asker.drive(inquiry, tags=tags_of(case))
            earlier = self.book.plane.earlier(change.principal.session, but=case.id)
            assessing = pipeline.in_sequence(change, assessing, earlier)
            assessing = pipeline.with_drills(assessing, self.book.plane.drills)
            if change.rehearsed:
                assessing = pipeline.with_rehearsal(assessing, self.replaying.record(change))
            assessing = await self._with_radius(case, assessing)
        except Exception as error:  # noqa: BLE001  # fail closed: whatever went wrong becomes the worst assessment
            assessing = pipeline.empty_assessment(change, why_of(error))
        await self._assessed(case, assessing, begun_at_ms)

    async def _assessed(self, case: Case, assessing: Assessing, begun_at_ms: int) -> None:
        captures = await self.vault.put(msgspec.json.encode(assessing, enc_hook=str), "assessing")
        assessment = msgspec.structs.replace(assessing.assessment, captures=captures)
        self._assessed_at_ms[case.id] = begun_at_ms
        await self.book.record(case.id, r.Assessed(at_ms=self.clock(), assessment=assessment))

    async def _with_radius(self, case: Case, assessing: Assessing) -> Assessing:
        """With who relies on what goes. A walk that fails is a radius that is not known, never an empty one."""
        change = _change(case)
        try:
            inquiry = self.provider(change).radius(change, assessing, at_ms=self.clock())
            if inquiry is None:
                return assessing
            async with asyncio.timeout(RADIUS_S_MAX):
                radius = await self.asker.drive(inquiry, tags=tags_of(case), recent=True)
        except Exception as error:  # noqa: BLE001  # whatever went wrong, it was not looked
            radius = Radius(cut=(f"nobody could look: {why_of(error)}",))
        return pipeline.with_radius(assessing, radius)

    async def decide(self, case: Case) -> None:
        change, assessment = _change(case), case.assessment
        if assessment is None:
            raise BugError("not-assessed", f"{case!r} is to be decided without an assessment")
        decision = self._answer(case)
        now = self.clock()
        request: ReviewRequest | None = None
        carried: tuple[Review, ...] = ()
        if decision.verdict is Verdict.HOLD and decision.enforced:
            request = pipeline.ask_reviewers(
                case.id,
                case.revision,
                change,
                assessment,
                decision,
                requesters=(change.principal.operator, change.principal.agent, change.principal.session),
                excluded=self.excluded(change),
                at_ms=now,
                deadline_ms=now + self.settings.review_deadline_s * 1000,
                nonce=secrets.token_hex(16),
                remind_s=self.settings.remind_s,
                people=self.book.plane.people,
                no_backup=self._no_backup(case, decision),
                keep_days=self.settings.keep_days,
            )
            if case.before is not None:
                carried, _ = review.carried(case.before, change, assessment, decision, request)
        said = ""
        if decision.verdict is not Verdict.ALLOW:
            text = pipeline.say(case.id, self.url(case.id), change, self.assessing(case), decision, request)
            said = await self.vault.put(text.encode(), "said")
        decided = r.Decided(at_ms=now, decision=decision, request=request, said=said, carried=carried)

        def in_force(_now: Case) -> tuple[r.CaseEvent, ...]:
            return (decided,) if self.policy.digest == decision.policy_digest else ()

        after = await self.book.record_from(case.id, in_force)
        if Command.DECIDE in owed(after):
            await self.decide(after)  # other policies came into force meanwhile

    def _answer(self, case: Case) -> Decision:
        change, assessment = _change(case), case.assessment
        if assessment is None:
            return pipeline.internal_doubt("there is no assessment", self.policy.digest)
        own = self.drops.decided(change, self.policy.digest) if change.drops else None
        if own is not None:
            return own
        streamed = not change.own_steps and any(
            request.streamed and operation.payload_sha256 is None
            for operation, request in zip(change.operations, self.requests(change), strict=True)
        )
        try:
            return pipeline.decide(
                self.policy,
                change,
                assessment,
                self._facts(change, assessment),
                streamed_unhashed=streamed,
            )
        except Exception as error:  # noqa: BLE001  # fail closed
            return pipeline.internal_doubt(why_of(error), self.policy.digest)

    def _facts(self, change: Change, assessment: Assessment) -> Facts:
        session = self.book.plane.sessions.get(change.principal.session)
        now = self.clock()
        return Facts(
            human=change.principal.attested_by == "login",
            suggest_only=session.suggest_only if session else False,
            session_minutes=(now - session.opened_at_ms) // 60_000 if session else 0,
            frozen=bool(self.book.plane.frozen(assessment.environment, accounts_of(change), now)),
            reviewed=all(one.reviewed_on == assessment.state_digest != "" for one in change.operations),
            undo=change.undoes is not None,
            observe=self.settings.observe,
        )

    def _asked_on(self, case: Case) -> tuple[str, Facts] | None:
        """What policy's answer depends on and a moment may change: the policies in force, and the plane's facts but for the time."""
        if case.change is None or case.assessment is None:
            return None
        facts = self._facts(case.change, case.assessment)
        return self.policy.digest, msgspec.structs.replace(facts, session_minutes=0)

    def _no_backup(self, case: Case, decision: Decision) -> str:
        """Said before anybody approves what could not be prepared; a provider that fails here is found out at the backup itself."""
        change = _change(case)
        if not decision.obligations.backup:
            return ""
        try:
            far = self.vaulting.no_copy(case, decision, self.provider(change))
            return far or self.provider(change).no_backup(change, self.assessing(case).captures)
        except Exception as error:  # noqa: BLE001  # of a request of any shape
            return why_of(error)

    async def ask_reviewers(self, case: Case) -> None:
        await self.tell(case)

    # --- from the claim to the call ----------------------------------------------------------------------------------

    async def claim(self, case: Case) -> None:
        """Take the single use: not halted, nobody else at work on it, and policy no stricter than it was."""
        change = _change(case)
        deadline = self.clock() + int(CLAIM_WAIT_S * 1000)
        while True:
            async with self._claiming:
                standing = self.book.cases.get(case.id, case)
                if Command.CLAIM not in owed(standing):
                    return  # it was claimed or has ended meanwhile, or nobody waits for it any more
                by = self.book.plane.halted_by(change.principal.agent)
                if by:
                    if standing.phase is Phase.ALLOWED:
                        await self.book.record(case.id, r.Halted(at_ms=self.clock(), by=by))
                    return  # an approved case waits for the plane to be resumed
                holder = self.book.plane.locked_by(case)
                if not holder and await self._take(standing):
                    return
            if self.clock() > deadline:
                detail = f"{holder} works on the same resource"
                await self.book.record(
                    case.id, r.Invalidated(at_ms=self.clock(), what="state", detail=detail)
                )
                return
            holder = holder or self.book.plane.locked_by(case) or case.id
            await self.book.until(
                holder, lambda other: self.book.plane.locked_by(case) != other.id, timeout_s=1.0
            )

    async def _take(self, case: Case) -> bool:
        """False when another node was faster: it works on the same resource, or has halted everything."""
        asked_on = self._asked_on(case)
        decision = self._answer(case)
        standing = case.decision
        if standing is None:
            raise BugError("not-decided", f"{case!r} is claimed without a decision")
        asks_more = stricter(standing, decision)
        if asks_more:
            await self.book.record(
                case.id, r.Invalidated(at_ms=self.clock(), what="policy", detail=asks_more)
            )
            return True
        nonce = case.request.nonce if case.request else secrets.token_hex(16)

        def taken(now: Case) -> tuple[r.CaseEvent, ...]:
            plane = self.book.plane
            if Command.CLAIM not in owed(now) or now.revision != case.revision:
                return ()
            if self._asked_on(now) != asked_on:
                return ()  # other policies came into force meanwhile, or a freeze, and policy is asked again
            if plane.halted_by(_change(now).principal.agent) or plane.locked_by(now):
                return ()
            void = self.void(now)
            if void:
                return void
            if nonce in plane.nonces:
                raise BugError("nonce-reused", f"{case!r} was claimed before")
            return (r.Claimed(at_ms=self.clock(), nonce=nonce, verdict=decision.verdict),)

        after = await self.book.record_from(case.id, taken)
        return after.nonce == nonce or Command.CLAIM not in owed(after)

    def void(self, case: Case) -> tuple[r.CaseEvent, ...]:
        """What is to be recorded of approvals that stand no more, because a team or a person's part in it changed."""
        if case.phase not in WAITING:
            return ()
        return tuple(
            rv.Voided(at_ms=self.clock(), reviewer=one.reviewer, why=why)
            for one, why in review.fallen(case, self.book.plane.people)
        )

    async def prepare(self, case: Case) -> None:
        """See that the state is captured, take and prove the backups, as the decision obliges."""
        decision, assessment = case.decision, case.assessment
        if decision is None or assessment is None:
            raise BugError("not-decided", f"{case!r} is prepared without a decision")
        missing = self._not_captured(case) if decision.obligations.capture and decision.enforced else ()
        if missing:
            detail = f"policy wants the state captured first, and it is not known: {', '.join(missing)}"
            await self.book.record(case.id, r.PrepareFailed(at_ms=self.clock(), detail=detail))
            return
        backups: tuple[Backup, ...] = ()
        if decision.obligations.backup and decision.enforced:
            try:
                backups = await self._back_up(case)
            except Exception as error:  # noqa: BLE001  # no backup, no call
                await self.book.record(case.id, r.PrepareFailed(at_ms=self.clock(), detail=why_of(error)))
                return
        await self.book.record(
            case.id, r.BackedUp(at_ms=self.clock(), backups=backups, captures=assessment.captures)
        )

    def _not_captured(self, case: Case) -> tuple[str, ...]:
        """What the operations are about and the assessment has no capture of; certainly absent is a capture too."""
        states = self.assessing(case).captures.states
        about = (str(identity(operation)) for operation in _change(case).operations)
        return tuple(name for name in about if name not in states)

    async def _back_up(self, case: Case) -> tuple[Backup, ...]:
        change = _change(case)
        captures = self.assessing(case).captures
        provider = self.provider(change)
        await self.vaulting.ready(case, provider, change, captures)
        inquiry = provider.backup(change, captures, case_id=case.id, at_ms=self._claimed_at_ms(case))
        taken = await self.asker.drive(inquiry, tags=tags_of(case), case_id=case.id, recipe="backup")
        taken = await self.vaulting.copied_out(case, provider, taken)
        asked = case.request.keep_days if case.request is not None else None
        keep_days = promised(asked, self.settings.keep_days)
        taken = tuple(
            [
                msgspec.structs.replace(
                    backup,
                    keep_days=keep_days if removable(backup) else None,
                    manifest=await self.vault.put(
                        provider.manifest(change, backup, captures).encode(), "manifest"
                    ),
                )
                for backup in taken
            ]
        )
        return await self.vaulting.written(self.book.cases.get(case.id, case), provider, taken)

    def _claimed_at_ms(self, case: Case) -> int:
        """By the log, so that it is the same after a restart: names of snapshots hold it, and what was asked for is looked for by its name."""
        claims = (entry.event() for entry in self.book.store.entries(case_id=case.id))
        return max((event.at_ms for event in claims if isinstance(event, r.Claimed)), default=self.clock())

    async def prove(self, case: Case) -> None:
        """Re-read the state, scope the credential, number the proof."""
        change = _change(case)
        asked_on = self._asked_on(case)
        state_digest, state_detail = await self._state_now(case)
        grant, credentials = None, None
        scope_doubt = ""
        try:
            scope = self.provider(change).scope(self.replaying.now(case) if change.rehearsed else change)
            lease = f"{case.id}-r{case.revision}" + (f"-s{case.next_operation}" if change.rehearsed else "")
            minted = self._minted(change)
            if minted is None:
                grant, credentials = await self.executor.grant(
                    change, policy=scope.policy, tags=tags_of(case), lease=lease
                )
            else:
                grant, credentials = await self.executor.grant_through(
                    minted, change, policy=scope.policy, tags=tags_of(case), lease=lease
                )
            grant = msgspec.structs.replace(
                grant,
                actions=scope.actions,
                resources=scope.resources,
                narrowed=scope.narrowed and grant.narrowed,
                why="; ".join(why for why in (grant.why, scope.why) if why),
            )
        except KeyturnError as error:
            scope_doubt = why_of(error)
        now = self.clock()
        execute_by = None
        if case.approved_at_ms is not None and case.decision is not None:
            execute_by = case.approved_at_ms + self._window_ms(case.decision)
        if case.glass is not None:
            execute_by = case.glass.until_ms
        facts = ProofFacts(
            decision=self._answer(case),
            state_digest=state_digest,
            state_detail=state_detail,
            grant=grant,
            halted_by=self.book.plane.halted_by(change.principal.agent),
            at_ms=now,
            execute_by_ms=execute_by,
            people=self.book.plane.people,
        )
        steps = prove(case, facts)
        if scope_doubt:
            steps = tuple(
                msgspec.structs.replace(step, detail=scope_doubt) if step.name == "grant scoped" else step
                for step in steps
            )
        steps = (*steps, *self._body_step(case, len(steps) + 1))
        if holds(steps):
            if credentials is not None:
                self._credentials[case.id] = credentials
            self._proved_on[case.id] = asked_on
            await self.book.record(case.id, r.Proved(at_ms=now, steps=steps, grant=grant))
            return
        await self._not_proved(case, steps, now)

    def _minted(self, change: Change) -> Minted | None:
        """The credential this change acts through; None for the session's own key.

        Raises `UnavailableError` where it has ended, or where the operations act through different ones.
        """
        if change.own_steps:
            return None
        keys = {request.credential for request in self.requests(change)}
        if keys == {""}:
            return None
        found = self.issued.find(min(keys), self.clock()) if len(keys) == 1 else None
        if found is None:
            raise UnavailableError(
                "credential-ended",
                "the credential it acts through has ended, or is not one",
                help="have the agent assume the role again, and ask again",
            )
        return found

    async def _not_proved(self, case: Case, steps: tuple[ProofStep, ...], now: int) -> None:
        failed = {step.name: step.detail for step in steps if not step.holds}
        if case.next_operation:  # of a plan that has begun: what was done is done
            await self.book.record(case.id, r.ProofFailed(at_ms=now, steps=steps))
        elif "state unchanged" in failed:
            detail = failed["state unchanged"]
            await self.book.record(case.id, r.Invalidated(at_ms=now, what="state", detail=detail))
        elif review.fallen(case, self.book.plane.people):
            detail = failed.get("quorum on this digest", "")
            await self.book.record(case.id, r.Invalidated(at_ms=now, what="team", detail=detail))
        else:
            await self.book.record(case.id, r.ProofFailed(at_ms=now, steps=steps))

    def _body_step(self, case: Case, number: int) -> tuple[ProofStep, ...]:
        """A streamed body is not kept: it must be here now, with the client that sends it."""
        change = _change(case)
        if change.own_steps or change.rehearsed or not self.requests(change)[case.next_operation].streamed:
            return ()
        here = case.id in self.bodies
        detail = (
            "the client that sends it waits"
            if here
            else "the client has left with the body; it has to send it again"
        )
        return (ProofStep(number=number, name="body at hand", holds=here, detail=detail),)

    async def _state_now(self, case: Case) -> tuple[str, str]:
        """The state digest read now, and what is to be said about it."""
        assessment = case.assessment
        read_at = self._assessed_at_ms.get(case.id)
        if assessment is not None and _change(case).rehearsed:
            return await self._as_rehearsed(case, assessment)
        if assessment is None or case.next_operation:
            return "", "not read"
        fresh = not case.was_held and read_at is not None and self.clock() - read_at <= FRESH_MS
        if fresh and not self._moved_since(case, read_at or 0):
            return assessment.state_digest, ""
        try:
            return await self.state_digest(case)
        except Exception as error:  # noqa: BLE001  # could not read is not unchanged
            return "", why_of(error)

    async def _as_rehearsed(self, case: Case, assessment: Assessment) -> tuple[str, str]:
        """Of a plan: all of it as it was assessed, before its first step; before each, what that one is about as it was rehearsed."""
        try:
            if not case.next_operation:
                state_digest, detail = await self.state_digest(case)
                if state_digest != assessment.state_digest:
                    return state_digest, detail
            holds, detail = await self.replaying.state(case)
        except Exception as error:  # noqa: BLE001  # could not read is not unchanged
            return "", why_of(error)
        return (assessment.state_digest if holds else "otherwise"), detail

    def _moved_since(self, case: Case, at_ms: int) -> bool:
        """Whether another case of ours has worked on one of the resources since then."""
        return any(self._moved_at_ms.get(resource, -1) >= at_ms for resource in _change(case).resources)

    def mark_moved(self, change: Change) -> None:
        """A call of ours, or of another node's, is on its way to these resources or was answered."""
        now = self.clock()
        if len(self._moved_at_ms) > MOVED_MAX:
            self._moved_at_ms = {
                ref: at_ms for ref, at_ms in self._moved_at_ms.items() if now - at_ms <= FRESH_MS
            }
        self._moved_at_ms |= dict.fromkeys(change.resources, now)

    async def state_digest(self, case: Case, *, shared: bool = False) -> tuple[str, str]:
        """Re-read what the approval is bound to; says what changed when it did. May raise what the account answers.

        `shared` is for pages: it may be answered by an equal read under way.
        """
        change = _change(case)
        if change.drops:
            return self.drops.state(change), "its backups, or who needs them, are not as they were"
        try:
            asked = self._asked(case)
        except UnavailableError as error:
            if error.code == NOT_AS_SHOWN:
                return error.code, error.message
            raise
        captures = await self.asker.drive(
            self.provider(change).recapture(change, asked), tags=tags_of(case), shared=shared
        )
        before = self.assessing(case).captures
        if captures.unknowns and captures.unknowns != before.unknowns:
            return "", "; ".join(captures.unknowns)
        changed = [
            name
            for name, state in captures.states.items()
            if digest(state) != digest(before.states.get(name))
        ]
        return captures.digest, f"changed since it was assessed: {', '.join(changed) or 'a declared field'}"

    async def intend(self, case: Case) -> None:
        """The intent is durable before the call leaves. Where other policies came into force since the proof, or a freeze, it is made again;
        what has begun goes on under the proof that it began with.
        """
        begun = case.next_operation > 0 and not _change(case).rehearsed

        def intent(now: Case) -> tuple[r.CaseEvent, ...]:
            if Command.INTEND not in owed(now):
                return ()  # it was halted meanwhile
            by = self.book.plane.halted_by(_change(case).principal.agent)
            if by:
                return (r.Halted(at_ms=self.clock(), by=by),)
            if not begun and self._asked_on(now) != self._proved_on.get(case.id):
                return ()
            return (r.Sent(at_ms=self.clock(), nonce=case.nonce, operation=case.next_operation),)

        after = await self.book.record_from(case.id, intent)
        self._proved_on.pop(case.id, None)
        if Command.INTEND in owed(after):
            await self.prove(after)

    async def call(self, case: Case) -> None:
        """One call leaves; whatever is in doubt afterwards is uncertain, never failed."""
        change = _change(case)
        by = self.book.plane.halted_by(change.principal.agent)
        if by:
            outcome = Outcome(status=OutcomeStatus.FAILED, detail=f"halted by {by} before the call left")
        else:
            self.book.may_act()
            self.mark_moved(change)
            outcome = await (self._steps(case) if change.own_steps else self._send_next(case))
            self.mark_moved(change)
        after = await self.book.record(
            case.id, r.Answered(at_ms=self.clock(), outcome=outcome, operation=case.next_operation)
        )
        if after.phase in {Phase.EXECUTED, Phase.FAILED}:  # nothing of it is sent any more
            self._credentials.pop(case.id, None)
            self._assessed_at_ms.pop(case.id, None)

    async def _steps(self, case: Case) -> Outcome:
        """What the plane does step by step: take cases back, or remove backups."""
        return await (self.drops.perform(case) if _change(case).drops else self.take_back(case))

    async def _send_next(self, case: Case) -> Outcome:
        if not _change(case).rehearsed:
            return await self._send(case, self.requests(_change(case))[case.next_operation])
        try:
            request, body = self.replaying.request(case)
        except KeyturnError as error:
            return Outcome(status=OutcomeStatus.FAILED, detail=f"nothing was sent: {error.message}")
        if body is not None:
            self.bodies[case.id] = body
        return await self._send(case, request)

    async def _send(self, case: Case, request: Request) -> Outcome:
        credentials = self._credentials.get(case.id)
        if credentials is None:
            return Outcome(
                status=OutcomeStatus.FAILED, detail="the scoped credential is gone; nothing was sent"
            )
        try:
            parent = self._minted(_change(case))
            change = _change(case)
            key = operation_key(change, change.operations[case.next_operation])
            sending = await self.executor.send(
                request,
                credentials,
                self.bodies.pop(case.id, None),
                hearer=self.hearers.pop((case.id, key), None),
                last_look=self.book.may_act,
            )
        except StoreError:  # the last look: nothing left, and the case is somebody else's by now
            raise
        except UnavailableError as error:  # `NotSentError`, or the credential ended: before anything left
            return Outcome(
                status=OutcomeStatus.FAILED,
                detail=f"nothing was sent: {error.message}",
                error_code=error.code,
            )
        except Exception as error:  # noqa: BLE001  # in doubt whether it left
            return Outcome(status=OutcomeStatus.UNCERTAIN, detail=why_of(error))
        for minted in sending.minted:  # kept before anybody has its virtual key
            await self.issued.keep(minted, _change(case).principal.session, parent, at_ms=self.clock())
        return await self._outcome(sending)

    async def _outcome(self, sending: Sending) -> Outcome:
        response = sending.response
        if response is None:
            return Outcome(status=OutcomeStatus.UNCERTAIN, detail=sending.uncertain)
        ref = await self.vault.put(msgspec.json.encode(response), "response")
        if response.status < 400 or sending.withheld:
            return Outcome(
                status=OutcomeStatus.SUCCEEDED,
                http_status=response.status,
                response=ref,
                detail=sending.withheld or sending.note,
                request_id=response.request_id,
            )
        status = OutcomeStatus.UNCERTAIN if response.status >= 500 else OutcomeStatus.FAILED
        return Outcome(
            status=status,
            http_status=response.status,
            response=ref,
            detail=f"the service answered {response.status}",
            request_id=response.request_id,
        )

    # --- after the call ----------------------------------------------------------------------------------------------

    async def reconcile(self, case: Case) -> None:
        """Read the world until it says what became of the call; what stays unclear is for a person."""
        change = _change(case)
        before = self.assessing(case).captures
        outcome = Outcome(status=OutcomeStatus.UNCERTAIN, detail="the world could not be read")
        for attempt in range(RECONCILE_TRIES_MAX):
            try:
                if change.own_steps:
                    outcome = await self._steps(self.book.cases.get(case.id, case))
                elif change.rehearsed:
                    outcome = await self.replaying.reconcile(self.book.cases.get(case.id, case))
                else:
                    inquiry = self.provider(change).reconcile(change, before)
                    outcome = await self.asker.drive(inquiry, tags=tags_of(case))
            except Exception as error:  # noqa: BLE001  # unclear stays unclear
                outcome = Outcome(status=OutcomeStatus.UNCERTAIN, detail=why_of(error))
            if outcome.status in {OutcomeStatus.SUCCEEDED, OutcomeStatus.FAILED}:
                break
            await asyncio.sleep(min(0.1 * 2**attempt, 5.0))
        if outcome.status is OutcomeStatus.IN_PROGRESS:
            outcome = msgspec.structs.replace(outcome, status=OutcomeStatus.UNCERTAIN)
        await self.book.record(
            case.id,
            r.Reconciled(
                at_ms=self.clock(), outcome=outcome, evidence=outcome.detail, operation=case.next_operation
            ),
        )

    async def verify(self, case: Case) -> None:
        change = _change(case)
        if case.phase is Phase.EXECUTED:
            await self.book.record(case.id, r.VerifyBegun(at_ms=self.clock()))
            return
        if change.own_steps:
            outcome = case.outcome or Outcome(status=OutcomeStatus.UNCERTAIN)
        else:
            before = self.assessing(case).captures
            try:
                if change.rehearsed:
                    outcome = await self.replaying.verify(case)
                else:
                    looking = self.provider(change).verify(change, self.requests(change), before)
                    outcome = await self.asker.drive(looking, tags=tags_of(case))
            except Exception as error:  # noqa: BLE001  # a person looks
                outcome = Outcome(status=OutcomeStatus.UNCERTAIN, detail=why_of(error))
        result = _VERIFIED.get(outcome.status, "inconclusive")
        if change.undoes and result == "confirmed":
            for part in (
                change.taken_back
            ):  # before it is confirmed, so that nobody who saw that can undo a second time
                await self.mark_undone(part, case.id)
        await self.book.record(case.id, r.Verified(at_ms=self.clock(), result=result, detail=outcome.detail))
        await self._void_what_moved(case, change)

    async def _void_what_moved(self, case: Case, change: Change) -> None:
        """Held and approved cases that speak of what this one changed are no longer what was shown."""
        for case_id in self.book.plane.touching(change, but=case.id):
            other = self.book.cases.get(case_id)
            if other is None or other.assessment is None:
                continue
            try:
                now, _ = await self.state_digest(other)
            except Exception:  # noqa: BLE001, S112  # it is read again before anything happens on it
                continue
            if now and now != other.assessment.state_digest:
                detail = f"{case.id} changed {', '.join(str(resource) for resource in change.resources)}"
                await self.book.record_from(case_id, self.moved(other, detail))

    def moved(self, seen: Case, detail: str) -> Callable[[Case], tuple[r.CaseEvent, ...]]:
        """Voids the case that was `seen`, unless it is another revision by now, or on its way: then it is proved again anyway."""

        def void(case: Case) -> tuple[r.CaseEvent, ...]:
            if case.phase not in WAITING or case.revision != seen.revision:
                return ()
            return (r.Invalidated(at_ms=self.clock(), what="state", detail=detail),)

        return void

    async def restore(self, case: Case) -> None:
        """Give back at once, where the decision obliged it."""
        change = _change(case)
        provider, captures = self.provider(change), self.assessing(case).captures
        stays = provider.plan_undo(change, captures, case.kept).stays
        inquiry = provider.undo(change, captures, case.kept)
        self.mark_moved(change)
        try:
            different = await self.asker.drive(inquiry, tags=tags_of(case), case_id=case.id, recipe="restore")
        except Exception as error:  # noqa: BLE001  # said, and left to a person
            self.mark_moved(change)
            await self.book.record(
                case.id, r.Restored(at_ms=self.clock(), succeeded=False, detail=why_of(error))
            )
            return
        self.mark_moved(change)
        detail = "; ".join(different) or "everything is as it was"
        await self.book.record(
            case.id,
            r.Restored(at_ms=self.clock(), succeeded=not stays, detail=detail, differences=different),
        )

    # --- look-ups ----------------------------------------------------------------------------------------------------

    def provider(self, change: Change) -> Provider:
        return self.providers[change.operations[0].provider]

    def requests(self, change: Change) -> tuple[Request, ...]:
        """The requests as they came, opened from the vault."""
        return tuple(
            msgspec.json.decode(self.vault.get(operation.request), type=Request)
            for operation in change.operations
        )

    def _asked(self, case: Case) -> tuple[Request, ...]:
        """What the change asks for, opened: as it came, or as the plan of an undo says by now. Raises `UnavailableError` where that is not
        the plan any more that is on record.
        """
        change = _change(case)
        if change.undoes:
            return self.planned(change)
        return () if change.drops else self.requests(change)

    def assessing(self, case: Case) -> Assessing:
        """The assessment with its captures, opened from the vault."""
        if case.assessment is None or not case.assessment.captures:
            raise UnavailableError("not-assessed", f"{case.id} has no captures")
        return msgspec.json.decode(self.vault.get(case.assessment.captures), type=Assessing)

    def captures(self, case: Case) -> Captures:
        return self.assessing(case).captures

    def url(self, case_id: str) -> str:
        return f"{self.settings.public_url}/c/{case_id}"

    def _window_ms(self, decision: Decision) -> int:
        return (decision.obligations.window_s or self.settings.approval_window_s) * 1000

    def execute_by_ms(self, case: Case) -> int | None:
        """Until when the approval may be used; None when the case is not approved."""
        if case.approved_at_ms is None or case.decision is None:
            return None
        return case.approved_at_ms + self._window_ms(case.decision)


PERFORM: Final[dict[Command, Callable[[Work, Case], Awaitable[None]]]] = {
    Command.ASSESS: Work.assess,
    Command.DECIDE: Work.decide,
    Command.ASK_REVIEWERS: Work.ask_reviewers,
    Command.CLAIM: Work.claim,
    Command.PREPARE: Work.prepare,
    Command.PROVE: Work.prove,
    Command.INTEND: Work.intend,
    Command.CALL: Work.call,
    Command.RECONCILE: Work.reconcile,
    Command.VERIFY: Work.verify,
    Command.RESTORE: Work.restore,
}

_VERIFIED: Final = {OutcomeStatus.SUCCEEDED: "confirmed", OutcomeStatus.FAILED: "failed"}


def _change(case: Case) -> Change:
    if case.change is None:
        raise BugError("no-change", f"{case!r} has no change")
    return case.change


def tags_of(case: Case) -> dict[str, str]:
    """What rides on every credential, so that the account's own trail names who and why."""
    change = _change(case)
    return {
        "agent": change.principal.agent or "person",
        "session": change.principal.session,
        "operator": change.principal.operator,
        "case": case.id,
    }


def why_of(error: BaseException) -> str:
    """For people and for the agent: ours whole, anybody else's on one short line, since it may quote what it was given."""
    if isinstance(error, KeyturnError):
        return error.message
    return textwrap.shorten(f"{type(error).__name__}: {error}", WHY_CHARS_MAX, placeholder=" ...")


async def _take_nothing_back(case: Case) -> Outcome:
    """Nothing is wired that could: it is not done, and said so."""
    return Outcome(status=OutcomeStatus.FAILED, detail=f"{case.id}: nothing here takes cases back")


def _nothing_planned(_change: Change) -> tuple[Request, ...]:
    """Nothing is wired that plans undos."""
    return ()


async def _mark_nothing(original: str, by_case: str) -> None:
    """Nothing is wired that takes cases back."""


async def _tell_nobody(case: Case) -> None:
    """Nobody is to be told: the console shows it."""


__all__ = ["PERFORM", "Body", "Work", "tags_of", "why_of"]
