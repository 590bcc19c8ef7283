"""The plane as people use it: reviews, undo, sessions, halt, export. Every `by` is an authenticated person."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec

from keyturn.core.advance import owed
from keyturn.core.attention import Attention
from keyturn.core.case import Case, Phase
from keyturn.core.controls import Claimed, Facts, claims
from keyturn.core.evidence import ALL, Filter, Sample
from keyturn.core.freezing import Freeze
from keyturn.core.lifecycle import TERMINAL
from keyturn.core.reconciling import Call
from keyturn.core.review import unfilled
from keyturn.errors import OperatorError, ReviewError
from keyturn.model import record as r
from keyturn.model.execution import Backup, Upkeep
from keyturn.model.record import Drilled, Entry
from keyturn.model.rehearsal import Plan, Record
from keyturn.runtime.drilling import Drilling
from keyturn.runtime.evidence import Evidence
from keyturn.runtime.exporting import Exporting
from keyturn.runtime.freezing import Freezing
from keyturn.runtime.interface import Notice, OnShelf, SessionKey, Undoing, VaultLooked
from keyturn.runtime.narrowing import Narrowing
from keyturn.runtime.proposing import ProposingSide
from keyturn.runtime.retiring import Retiring
from keyturn.runtime.undoing import TakingBack
from keyturn.runtime.work import Work
from keyturn.stores.bundle import Author

log = logging.getLogger("keyturn")

SESSION_S_MAX: Final = 12 * 3600
"""A session ends with the working day: a key that is forgotten is worth nothing tomorrow."""

_STOPPED_BY_HALT: Final = frozenset(
    {Phase.ALLOWED, Phase.BREAK_GLASS, Phase.CLAIMED, Phase.PREPARED, Phase.PROVED}
)


class DeskSide(ProposingSide):
    """Implements `surfaces.interface.Desk`."""

    def __init__(self, work: Work, keys: dict[str, SessionKey]) -> None:
        self.work, self.book, self.vault, self.settings = work, work.book, work.vault, work.settings
        self.clock = work.clock
        self._keys = keys
        self._undoing = asyncio.Lock()
        self.retiring = Retiring(work)
        self.taking_back = TakingBack(work, self.retiring)
        self.narrowing = Narrowing(work)
        self.drilling = Drilling(work)
        self.exporting = Exporting(work)
        self.freezing = Freezing(self.book, self.clock, self.heard)
        self.evidence = Evidence(self.book, self.author, self.checkpoint)
        work.take_back, work.mark_undone = self.taking_back.perform, self.taking_back.mark
        work.planned = self.taking_back.as_shown
        self.about: dict[str, Any] = {}  # versions and hashes, set by app

    # --- looking -----------------------------------------------------------------------------------------------------

    def cases(self, *, open_only: bool = False, limit: int = 200) -> tuple[Case, ...]:
        found = (
            case for case in reversed(self.book.cases.values()) if not open_only or case.phase not in TERMINAL
        )
        return tuple(case for case, _ in zip(found, range(limit), strict=False))

    def case(self, case_id: str) -> Case | None:
        return self.book.case(case_id)

    def story(self, case_id: str) -> tuple[Entry, ...]:
        return tuple(self.book.store.entries(case_id=case_id))

    def log(self, *, after: int, limit: int) -> tuple[Entry, ...]:
        """Entries of the log, of cases and of the plane, after this sequence number."""
        return tuple(self.book.store.entries(after=after, limit=limit))

    def head(self) -> int:
        return self.book.seq

    def folded(self) -> int:
        return self.book.folded

    async def freshness(self, case_id: str) -> dict[str, Any]:
        case = self._known(case_id)
        now = self.clock()
        if case.assessment is None or not case.assessment.state_digest:
            return {
                "unchanged": None,
                "checked_at_ms": now,
                "detail": "there are no live facts for this kind",
            }
        try:
            state, detail = await self.work.state_digest(case, shared=True)
        except Exception as error:  # noqa: BLE001  # said to the reviewer, decides nothing
            return {"unchanged": None, "checked_at_ms": now, "detail": f"could not be read: {error}"}
        if not state:
            return {"unchanged": None, "checked_at_ms": now, "detail": detail}
        captures = self.work.captures(case)
        if not captures.states:
            detail = "; ".join(captures.unknowns) or "there are no live facts for this kind"
            return {"unchanged": None, "checked_at_ms": now, "detail": detail}
        unchanged = state == case.assessment.state_digest
        return {"unchanged": unchanged, "checked_at_ms": now, "detail": "" if unchanged else detail}

    def manifest(self, reference: str) -> str:
        """A backup's runbook, opened from the vault."""
        return self.vault.get(reference).decode()

    # --- deciding, the rest of which is in `ReviewingSide` ------------------------------------------------------------

    async def execute(self, case_id: str, *, by: str) -> Case:
        self._known(case_id)

        def asked(case: Case) -> tuple[r.CaseEvent]:
            if case.phase is not Phase.APPROVED:
                raise ReviewError(
                    "not-approved", f"{case_id} is {case.phase}; only an approved case can be executed"
                )
            if case.request is not None and self.people.is_one_of(by, case.request.excluded):
                raise ReviewError(
                    "own-agent", f"{by} runs the agent that asked and cannot execute {case_id} without it"
                )
            return (r.ExecuteAsked(at_ms=self.clock(), by=by),)

        return await self.book.record_from(case_id, asked)

    async def withdraw(self, case_id: str, *, by: str, reason: str) -> Case:
        self._known(case_id)

        def withdrawn(case: Case) -> tuple[r.CaseEvent]:
            if case.phase not in {Phase.HELD, Phase.APPROVED}:
                raise ReviewError("not-open", f"{case_id} is {case.phase}; there is nothing to withdraw")
            if case.change is not None and not self.people.is_one_of(by, (case.change.principal.operator,)):
                raise ReviewError(
                    "not-yours", f"{case_id} was asked for {case.change.principal.operator}; deny it instead"
                )
            return (r.Withdrawn(at_ms=self.clock(), by=by, reason=reason),)

        return await self.book.record_from(case_id, withdrawn)

    async def settle(self, case_id: str, *, by: str, succeeded: bool, note: str) -> Case:
        self._known(case_id)

        def settled(case: Case) -> tuple[r.CaseEvent]:
            if case.phase is not Phase.INCONCLUSIVE:
                raise ReviewError(
                    "not-open", f"{case_id} is {case.phase}; only an inconclusive case is settled by a person"
                )
            change = case.change
            if change is not None and self.people.is_one_of(by, self.work.excluded(change)):
                raise ReviewError("own-agent", f"{by} runs the agent that asked and cannot settle {case_id}")
            return (r.Settled(at_ms=self.clock(), by=by, succeeded=succeeded, note=note),)

        return await self.book.record_from(case_id, settled)

    async def undo(
        self,
        *cases: str,
        by: str,
        session: str = "",
        since_ms: int | None = None,
        agent: str = "",
        partly: bool = False,
    ) -> Case:
        async with self._undoing:
            chosen = self.taking_back.chosen(cases, session=session, since_ms=since_ms, agent=agent)
            await self.at_hand(*chosen)
            undo_id = await self._open_undo(chosen, by, named=bool(cases), partly=partly)
        done = TERMINAL | {Phase.HELD, Phase.INCONCLUSIVE}
        return await self.book.until(undo_id, lambda case: case.phase in done, timeout_s=UNDO_WAIT_S)

    async def send_narrower(
        self, case_id: str, *, by: str, number: int = 0, own: bool = False, shown: str = ""
    ) -> Case:
        sent = await self.narrowing.send(case_id, by=by, number=number, own=own, shown=shown)
        done = TERMINAL | {Phase.HELD, Phase.INCONCLUSIVE}
        return await self.book.until(sent, lambda case: case.phase in done, timeout_s=UNDO_WAIT_S)

    async def hold_rehearsed(self, plan: Plan, record: Record, *, intent: str) -> str:
        """A rehearsal's plan as a case, which waits for people; its id. Raises `ReviewError` where it cannot be one."""
        return await self.work.replaying.hold(plan, record, intent=intent)

    def plan_undo(
        self, *cases: str, session: str = "", since_ms: int | None = None, agent: str = ""
    ) -> Undoing:
        chosen = self.taking_back.chosen(cases, session=session, since_ms=since_ms, agent=agent)
        return self.taking_back.plan(chosen)

    async def _open_undo(self, chosen: tuple[str, ...], by: str, *, named: bool, partly: bool) -> str:
        now = self.clock()
        if len(chosen) == 1:
            self.taking_back.may_be_undone(self._known(chosen[0]))
        plan = self.taking_back.plan(chosen)
        change = self.taking_back.change(plan, by=by, at_ms=now, named=named, partly=partly)

        def received() -> r.Received:
            for case_id in change.taken_back:  # somebody may have asked elsewhere meanwhile
                self.taking_back.may_be_undone(self._known(case_id))
            return r.Received(at_ms=now, change=change)

        return await self.book.open_case(received)

    async def drop_backups(self, case_id: str, *, by: str, reason: str) -> Case:
        drop = await self.retiring.open(case_id, by=by, reason=reason)
        done = TERMINAL | {Phase.HELD, Phase.INCONCLUSIVE}
        return await self.book.until(drop, lambda case: case.phase in done, timeout_s=UNDO_WAIT_S)

    async def look_at_vault(self) -> VaultLooked | None:
        """It stands in the status from then on."""
        vaults = next((one.vaults for one in self.work.providers.values() if one.vaults is not None), None)
        named = self.work.settings.vault
        if vaults is None or named is None:
            return None
        troubles = await self.work.vaulting.troubles(vaults)
        looked = VaultLooked(named.account, named.bucket, self.clock(), troubles)
        for trouble in troubles:
            log.warning("%s", trouble)
        self.about["vault"] = msgspec.to_builtins(looked)
        return looked

    async def at_hand(self, *cases: str) -> None:
        for case_id in cases:
            case = self.book.case(case_id)
            if case is not None and case.change is not None and case.kept:
                await self.work.vaulting.at_hand(case, self.work.provider(case.change))

    async def export_backups(self, case_id: str, *, by: str) -> AsyncIterator[bytes]:
        await self.at_hand(case_id)
        return await self.exporting.export(case_id, by=by)

    def shelf(self) -> tuple[OnShelf, ...]:
        return self.retiring.listed()

    def upkeep(self, backup: Backup) -> Upkeep:
        return self.work.providers[backup.resource.provider].upkeep(backup)

    async def drill(
        self, *, by: str, kinds: tuple[str, ...] = (), resources: tuple[str, ...] = ()
    ) -> tuple[Drilled, ...]:
        """One after the other, so that the load on the account stays small."""
        return tuple(
            [await self.drilling.drill(ref, by=by) for ref in self.drilling.chosen(kinds, resources)]
        )

    # --- sessions ----------------------------------------------------------------------------------------------------

    async def open_session(
        self,
        *,
        operator: str,
        agent: str,
        ttl_s: int,
        suggest_only: bool = False,
        lenders: tuple[str, ...] = (),
    ) -> SessionKey:
        if not 60 <= ttl_s <= SESSION_S_MAX:
            raise OperatorError("session-ttl", f"a session lasts 60 to {SESSION_S_MAX} seconds, not {ttl_s}")
        key = SessionKey(
            session=f"S-{secrets.token_hex(6)}",
            agent=agent,
            operator=operator,
            access_key_id="KTSESS" + secrets.token_hex(7).upper(),
            secret=secrets.token_urlsafe(30),
            expires_at_ms=self.clock() + ttl_s * 1000,
            suggest_only=suggest_only,
        )
        ref = await self.vault.put(msgspec.json.encode(key), "session")
        await self.book.store.put_row("session", key.session, ref.encode())
        await self.book.note(
            r.SessionOpened(
                at_ms=self.clock(),
                session=key.session,
                agent=agent,
                operator=operator,
                owner=operator,
                access_key_id=key.access_key_id,
                expires_at_ms=key.expires_at_ms,
                suggest_only=suggest_only,
                lenders=lenders,
            )
        )
        self._keys[key.access_key_id] = key
        return key

    def session_keys(self) -> tuple[SessionKey, ...]:
        """Of the sessions that did not end, those included whose time is over."""
        return tuple(self._keys.values())

    async def end_session(self, session: str, *, by: str, reason: str) -> None:
        found = self.book.plane.sessions.get(session)
        if found is None:
            raise OperatorError("no-session", f"there is no session {session}")
        self._keys.pop(found.access_key_id, None)
        await self.work.issued.forget(session)
        await self.book.store.delete_row("session", session)
        if found.ended_at_ms is None:
            await self.book.note(
                r.SessionEnded(at_ms=self.clock(), session=session, reason=f"{by}: {reason}")
            )

    def sessions(self) -> tuple[SessionKey, ...]:
        now = self.clock()
        return tuple(
            key for key in self.session_keys() if self.book.plane.open_session(key.session, now) is not None
        )

    # --- the plane ---------------------------------------------------------------------------------------------------

    async def halt(self, *, by: str, reason: str, agent: str = "") -> None:
        """Nothing leaves from now on; what was on its way to its call stops."""
        await self.book.note(r.HaltRaised(at_ms=self.clock(), by=by, reason=reason, agent=agent))
        await self.heard()
        for case in list(self.book.cases.values()):
            mine = not agent or (case.change is not None and case.change.principal.agent == agent)
            if mine and case.phase in _STOPPED_BY_HALT:
                await self.book.record_from(case.id, lambda now: self._stopped(now, by))
        stopped = [key for key, session in self.book.plane.sessions.items() if agent in {"", session.agent}]
        await self.work.issued.forget(*stopped)

    def _stopped(self, case: Case, by: str) -> tuple[r.CaseEvent, ...]:
        return (r.Halted(at_ms=self.clock(), by=by),) if case.phase in _STOPPED_BY_HALT else ()

    async def heard(self) -> None:
        """Until every other node that could act has heard what is on the log by now; at once where there is none."""

    async def resume(self, *, by: str, agent: str = "") -> None:
        """Go on; what was approved and asked for meanwhile, and waits, is taken up."""
        await self.book.note(r.HaltLifted(at_ms=self.clock(), by=by, agent=agent))
        self.go_on()

    def freezes(self) -> tuple[Freeze, ...]:
        return self.freezing.standing()

    async def set_freeze(
        self,
        *,
        by: str,
        reason: str,
        until_ms: int,
        environment: str = "",
        account: str = "",
        from_ms: int = 0,
    ) -> Freeze:
        return await self.freezing.set(
            by=by, environment=environment, account=account, from_ms=from_ms, until_ms=until_ms, reason=reason
        )

    async def lift_freeze(self, freeze: str, *, by: str, reason: str = "") -> None:
        await self.freezing.lift(freeze, by=by, reason=reason)

    def go_on(self) -> None:
        """Take up what was approved and is asked for, of this node's."""
        for case in list(self.book.cases.values()):
            if case.phase in {Phase.APPROVED, Phase.BREAK_GLASS} and self.book.works_on(case):
                for command in owed(case):
                    self.book.act(case, command)

    def status(self) -> dict[str, Any]:
        seq, head = self.book.store.head
        signed = self.book.store.last_checkpoint()
        open_cases = [case for case in self.book.cases.values() if case.phase not in TERMINAL]
        phases = Counter(str(case.phase) for case in open_cases)
        mode = (
            "observe" if self.settings.observe else ("enforcing" if self.settings.enforcing else "advisory")
        )
        return {
            "mode": mode,
            "standin": self.settings.standin,
            "halted_by": self.book.plane.halts,
            "freezes": msgspec.to_builtins(self.freezes()),
            "open_cases": len(open_cases),
            "held_cases": phases[str(Phase.HELD)],
            "phases": dict(sorted(phases.items())),
            "sessions": len(self.sessions()),
            "log_entries": seq,
            "log_head": head,
            "checkpoint": {"entries": signed.size, "at_ms": signed.at_ms, "root": signed.root}
            if signed
            else None,
            **self.work.policing.status(),
            **self.about,
        }

    def subscribe(self, *, after: int = 0) -> AsyncIterator[Notice]:
        return self.book.subscribe(after=after)

    def export(self, wanted: Filter = ALL) -> AsyncIterator[bytes]:
        return self.evidence.export(wanted)

    async def sample(self, wanted: Filter, *, count: int, seed: str = "") -> Sample:
        return await self.evidence.sample(wanted, count, seed)

    async def calls(self, *, since_ms: int = 0, until_ms: int | None = None) -> tuple[Call, ...]:
        return await self.evidence.calls(since_ms=since_ms, until_ms=until_ms)

    async def attention(self, *, since_ms: int, until_ms: int, budget: int) -> Attention:
        return await self.evidence.attention(since_ms=since_ms, until_ms=until_ms, budget=budget)

    async def controls(self, *, reviewers: int, auditors: int) -> tuple[Claimed, ...]:
        counts = await self.evidence.counts()
        status = self.status()
        signed = status["checkpoint"]
        return claims(
            Facts(
                mode=status["mode"],
                events=counts,
                reviewers=reviewers,
                auditors=auditors,
                signed_entries=signed["entries"] if signed else 0,
                log_entries=status["log_entries"],
                drill_every_s=self.settings.drill_every_s,
                review_deadline_s=self.settings.review_deadline_s,
                policy_digest=status["policy_digest"],
                unfilled=unfilled(self.work.policy.trees(), self.people, "production", self.work.clock()),
            )
        )

    def author(self) -> Author:
        """Who signs what is exported; the runtime holds the key."""
        raise NotImplementedError

    async def checkpoint(self) -> None:
        """Sign the log as it stands; the runtime holds the key."""
        raise NotImplementedError

    async def record_authority(self, *, by: str, fingerprint: str) -> None:
        await self.book.note(r.AuthorityMade(at_ms=self.clock(), by=by, fingerprint=fingerprint))

    async def put_on_record(self, event: r.PlaneEvent) -> None:
        await self.book.note(event)
        if isinstance(event, r.IdentityMapped):  # who left a group left its teams
            await self.void_what_fell()


UNDO_WAIT_S: Final = 600.0
"""A person waits for her undo; a restore of a large table takes longer and goes on without her."""
