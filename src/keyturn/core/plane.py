"""What all cases share: sessions, halts, freezes, locks, and where a new change belongs. Folded from the same log.

`Plane` keeps indexes, so it is mutated in place by `apply`; like a case it holds nothing that is not in the log. `route` says
what a change is to the plane: a case of its own, a repeat, the second half of a replace, or nothing that may go on.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice, product
from typing import Any, Final

import msgspec

from keyturn.core import freezing
from keyturn.core.case import Case, Phase
from keyturn.core.freezing import Freeze, Freezes, covers
from keyturn.core.lifecycle import TERMINAL
from keyturn.core.material import named_in, names_of, vault_in
from keyturn.core.people import People
from keyturn.core.retention import Shelf, Shelved
from keyturn.core.routing import (
    EXECUTED,
    UNDECIDED,
    Known,
    New,
    Refuse,
    Route,
    operation_key,
    repeat,
    second_half,
    variant_of_denied,
)
from keyturn.core.sequences import REMEMBERED_MAX, Earlier
from keyturn.core.steps import Step
from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.change import Change, Effect, ResourceRef
from keyturn.model.execution import VaultAccount

COOLDOWN_S: Final = 900
"""A denied change and its variants get the same answer for this long: denied means denied for the goal, not for the wording."""

REPLAY_S: Final = 300
"""Within this time the one who was held may fetch the recorded response of what was executed meanwhile."""

RECENT_CASES_MAX: Final = 10_000
"""Ended cases remembered for repeats and cool-downs; older ones are past both windows at any sane rate."""

SESSION_KEPT_S: Final = COOLDOWN_S
"""An ended session is remembered for this long, and while a case of it is open: what came in before its end is still decided."""

NONCE_KEPT_S: Final = 7 * 24 * 3600
"""The nonce of an approval is remembered for this long after its review's deadline; the window to use one in is hours."""

_FOR_GOOD_MS: Final = 1 << 53
"""Until when an old snapshot's nonces are kept, which does not say when they were used. They are few and become no more."""

_OPEN_TO_PEOPLE: Final = frozenset({Phase.HELD, Phase.APPROVED, Phase.BREAK_GLASS})

_AT_WORK: Final = frozenset(
    {
        *(Phase.CLAIMED, Phase.PREPARED, Phase.PROVED, Phase.EXECUTING),
        *(Phase.IN_PROGRESS, Phase.UNCERTAIN, Phase.RESTORING),
    }
)

_MAY_RESTORE: Final = frozenset({Phase.EXECUTED, Phase.VERIFYING})
"""What is found not to be as it should is given back from here, where the decision obliged it: nobody may build on it yet."""

_NO_STEP: Final = frozenset(
    {
        *(Phase.DENIED, Phase.SUGGESTED, Phase.REJECTED, Phase.EXPIRED, Phase.WITHDRAWN),
        *(Phase.INVALIDATED, Phase.HALTED, Phase.FAILED, Phase.RESTORED),
    }
)
"""What ended here did nothing, or was given back: it is no step of a sequence."""


class Session(msgspec.Struct, frozen=True):
    session: str
    agent: str
    operator: str
    owner: str
    access_key_id: str
    expires_at_ms: int
    suggest_only: bool = False
    opened_at_ms: int = 0
    ended_at_ms: int | None = None
    lenders: tuple[str, ...] = ()

    @property
    def people(self) -> tuple[str, ...]:
        """Whose session it is, in any way."""
        return (self.owner, self.operator, *self.lenders)


class Plane:
    """Sessions, halts, freezes, locks and known cases, as of the last event applied."""

    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}
        self.halts: dict[str, str] = {}  # agent ("" is everybody) -> by whom
        self.freezes = Freezes()
        self.nonces: dict[str, int] = {}  # of approvals that were claimed, and until when that can matter, ms
        self.locks: dict[ResourceRef, str] = {}
        self.drills: dict[str, r.Drilled] = {}  # kind -> the last drill of one of its kind
        self.scratches: dict[str, r.DrillBegun] = {}  # what no drill has said to be removed
        self.material: dict[str, str] = {}  # made in the account for a backup -> the case it was made for
        self.shelf = Shelf()  # backups that stand
        self.knows_shelf = True  # as with people
        self.people = People()
        self.knows_people = True  # False: from a snapshot that was written before they were folded
        self.afterwards: dict[str, str] = {}  # break-glass that nobody has looked at yet: case -> by whom
        self.next_number: int = 1
        self._known: dict[str, Known] = {}
        self._by_session: dict[str, dict[str, Known]] = {}

    def __repr__(self) -> str:
        halted = f" HALTED by {', '.join(sorted(set(self.halts.values())))}" if self.halts else ""
        open_count = sum(known.phase not in TERMINAL for known in self._known.values())
        return f"<Plane [{open_count} open of {len(self._known)} known cases, {len(self.sessions)} sessions]{halted}>"

    # --- folding -----------------------------------------------------------------------------------------------------

    def apply(self, event: r.Event, case: Case | None = None) -> None:
        """Fold one event; `case` is the case after the event, for events of a case."""
        if case is not None:
            self._apply_case(event, case)
            return
        match event:
            case r.SessionOpened():
                self._forget_sessions(event.at_ms)
                self.sessions[event.session] = Session(
                    session=event.session,
                    agent=event.agent,
                    operator=event.operator,
                    owner=event.owner,
                    access_key_id=event.access_key_id,
                    expires_at_ms=event.expires_at_ms,
                    suggest_only=event.suggest_only,
                    lenders=event.lenders,
                    opened_at_ms=event.at_ms,
                )
            case r.SessionEnded() if event.session in self.sessions:
                ended = msgspec.structs.replace(self.sessions[event.session], ended_at_ms=event.at_ms)
                self.sessions[event.session] = ended
            case r.HaltRaised():
                self.halts[event.agent] = event.by
            case r.DrillBegun():
                self.scratches[str(event.scratch)] = event
            case r.Drilled():
                self.drills[event.resource.kind] = event
                for ref in event.removed:
                    self.scratches.pop(str(ref), None)
            case r.DrillSwept():
                for ref in event.removed:
                    self.scratches.pop(str(ref), None)
            case r.HaltLifted():
                self.halts.pop(event.agent, None)
            case r.FreezeSet() | r.FreezeLifted():
                self.freezes = freezing.after(self.freezes, event)
            case _:
                self.people = self.people.after(event)

    def _apply_case(self, event: r.Event, case: Case) -> None:
        if isinstance(event, r.Received):
            number = int(case.id.rpartition("-")[2])
            self.next_number = max(self.next_number, number + 1)
            self._forget_old()
        if isinstance(event, r.Claimed) and case.request is not None:
            self._used(event, case.request.deadline_ms)
        if isinstance(event, r.BackedUp):
            self.material |= {name: case.id for backup in event.backups for name in names_of(backup)}
        if isinstance(event, r.BackupRetired):
            still = {name for backup in case.kept for name in names_of(backup)}
            self.material = {
                name: owner for name, owner in self.material.items() if owner != case.id or name in still
            }
        self.shelf.apply(event, case)
        if isinstance(event, rv.GlassBroken):
            self.afterwards[case.id] = event.by
        if isinstance(event, rv.GlassReviewed):
            self.afterwards.pop(case.id, None)
        change = case.change
        if change is None:
            return
        known, ended = self._known.get(case.id), case.phase in TERMINAL
        if known is None or (known.change is not change and not ended):
            operations = tuple(
                (operation_key(change, operation), operation.name, operation.floor, operation.resources)
                for operation in change.operations
            )
            known = Known(case.id, change.principal.session, case.phase, False, operations, change, None)
            self._remember(known)
        known.phase, known.was_held, known.ended_at_ms = case.phase, case.was_held, case.ended_at_ms
        known.change = None if ended else change
        if case.assessment is not None and isinstance(event, r.Assessed):
            known.kinds, known.makes = tuple(sorted(case.assessment.kinds)), case.assessment.makes
        self._apply_locks(case, change)

    def _remember(self, known: Known) -> None:
        self._known[known.case_id] = known
        self._by_session.setdefault(known.session, {})[known.case_id] = known

    def _apply_locks(self, case: Case, change: Change) -> None:
        if _holds_locks(case):
            for resource in change.resources:
                self.locks[resource] = case.id
        else:
            for resource in [held for held, holder in self.locks.items() if holder == case.id]:
                del self.locks[resource]

    def _used(self, event: r.Claimed, deadline_ms: int) -> None:
        """An approval is used once. Those that nobody could use any more need not be remembered."""
        self.nonces = {nonce: until for nonce, until in self.nonces.items() if until > event.at_ms}
        self.nonces[event.nonce] = max(event.at_ms, deadline_ms) + NONCE_KEPT_S * 1000

    def _forget_sessions(self, at_ms: int) -> None:
        """Those that ended a while ago, unless something of theirs is still to be decided."""
        for session in tuple(self.sessions.values()):
            if session.ended_at_ms is None or at_ms - session.ended_at_ms <= SESSION_KEPT_S * 1000:
                continue
            theirs = self._by_session.get(session.session, {}).values()
            if all(known.phase in TERMINAL for known in theirs):
                del self.sessions[session.session]

    def _forget_old(self) -> None:
        if len(self._known) <= RECENT_CASES_MAX:
            return
        ended = [case_id for case_id, known in self._known.items() if known.phase in TERMINAL]
        for case_id in ended[: len(self._known) - RECENT_CASES_MAX]:
            known = self._known.pop(case_id)
            theirs = self._by_session[known.session]
            del theirs[case_id]
            if not theirs:
                del self._by_session[known.session]

    # --- questions ---------------------------------------------------------------------------------------------------

    def halted_by(self, agent: str) -> str:
        """Who halted everything or this agent; empty when nobody did."""
        return self.halts.get("") or self.halts.get(agent, "")

    def frozen(self, environment: str, accounts: Collection[str], at_ms: int) -> tuple[Freeze, ...]:
        """The freezes that cover what is in this environment of these accounts now."""
        return tuple(one for one in self.freezes.on if covers(one, environment, accounts, at_ms))

    def known(self, *, ended_max: int) -> tuple[str, ...]:
        """Cases in the order they came in: all that are open, and of those that ended the last so many."""
        ended = [case_id for case_id, known in self._known.items() if known.phase in TERMINAL]
        left_out = set(ended[: max(0, len(ended) - ended_max)])
        return tuple(case_id for case_id in self._known if case_id not in left_out)

    def open_session(self, session: str, at_ms: int) -> Session | None:
        """The session while it is open; None when it ended or ran out."""
        found = self.sessions.get(session)
        if found is None or found.ended_at_ms is not None or found.expires_at_ms <= at_ms:
            return None
        return found

    def asked(self, session: str, name: str, resource: ResourceRef) -> tuple[str, ...]:
        """Cases of the session that asked for this operation on this resource, newest first."""
        return tuple(
            known.case_id
            for known in reversed([*self._by_session.get(session, {}).values()])
            if any(one == name and resource in resources for _, one, _, resources in known.operations)
        )

    def earlier(self, session: str, *, but: str) -> tuple[Earlier, ...]:
        """The last changes of a session that took effect or still may, oldest first: what a change of it is judged beside."""
        recent = list(islice(reversed(self._by_session.get(session, {}).values()), REMEMBERED_MAX))
        return tuple(
            Earlier(
                case_id=known.case_id,
                steps=tuple(Step(name, floor, resources) for _, name, floor, resources in known.operations),
                kinds=frozenset(known.kinds),
                makes=known.makes,
                waits=known.phase in UNDECIDED or known.phase in _OPEN_TO_PEOPLE,
                done=known.phase in EXECUTED or known.phase in _MAY_RESTORE,
                reviewed=known.was_held and (known.phase is Phase.CONFIRMED or known.phase in _MAY_RESTORE),
            )
            for known in reversed(recent)
            if known.case_id != but and known.phase not in _NO_STEP
        )

    def locked_by(self, case: Case) -> str:
        """The case that works on one of these resources now; empty when none does."""
        if case.change is None:
            return ""
        held = {self.locks.get(resource, case.id) for resource in case.change.resources}
        holders = held - {case.id}
        return min(holders, default="")

    def touching(self, change: Change, *, but: str) -> tuple[str, ...]:
        """Open held or approved cases that name one of the resources of `change`."""
        mine = set(change.resources)
        return tuple(
            known.case_id
            for known in self._known.values()
            if known.case_id != but
            and known.phase in _OPEN_TO_PEOPLE
            and any(mine.intersection(resources) for _, _, _, resources in known.operations)
        )

    # --- routing -----------------------------------------------------------------------------------------------------

    def route(
        self,
        change: Change,
        *,
        at_ms: int,
        cooldown_s: int = COOLDOWN_S,
        replay_s: int = REPLAY_S,
        vault: VaultAccount | None = None,
    ) -> Route:
        """Where a change of one operation belongs (docs/concepts/rules.md, 3). Undos are cases of their own."""
        by = self.halted_by(change.principal.agent)
        if by:
            return Refuse(
                "halted", f"{by} has halted {'this agent' if by != self.halts.get('') else 'everything'}"
            )
        if change.undoes:
            return New()
        for operation in change.operations:
            far = vault_in(operation, vault)
            if far:
                return Refuse("vault-account", far)
            found = named_in(operation, self.material)
            if found is not None:
                return Refuse("undo-material", f"{found[0]} is the backup that {found[1]} is given back from")
        operation = change.operations[0]
        key = operation_key(change, operation)
        mine = [*self._by_session.get(change.principal.session, {}).values()]
        for known in reversed(mine):
            again = repeat(known, key, at_ms=at_ms, replay_s=replay_s)
            if again is not None:
                return again
        for known, part in product(reversed(mine), change.operations):
            refused = variant_of_denied(known, part, at_ms=at_ms, cooldown_s=cooldown_s)
            if refused is not None:
                return refused
        if operation.floor is Effect.CREATE or operation.action.startswith("Create"):
            for known in reversed(mine):
                joined = second_half(known, change)
                if joined is not None:
                    return joined
        return New()


def _holds_locks(case: Case) -> bool:
    """From the claim until its outcome is known, and on for as long as it may still give back what it changed."""
    if case.phase in _MAY_RESTORE:
        return case.decision is not None and case.decision.obligations.restore_on_failure
    return case.phase in _AT_WORK


def snapshot(plane: Plane) -> bytes:
    """The plane as bytes, so that start-up need not fold the whole log."""
    names = "halts freezes nonces next_number drills scratches material people afterwards"
    alike = names.split()
    body: dict[str, Any] = {name: getattr(plane, name) for name in alike} | {
        "sessions": list(plane.sessions.values()),
        "locks": list(plane.locks.items()),
        "shelf": list(plane.shelf),
        "known": list(plane._known.values()),  # noqa: SLF001  # the plane's own other half
    }
    return msgspec.json.encode(body)


class _Snapshot(msgspec.Struct):
    sessions: list[Session]
    halts: dict[str, str]
    freezes: Freezes | list[Freeze]  # a list in snapshots of earlier versions
    nonces: dict[str, int] | list[str]  # a list in snapshots of earlier versions
    locks: list[tuple[ResourceRef, str]]
    next_number: int
    known: list[Known]
    drills: dict[str, r.Drilled] = {}
    scratches: dict[str, r.DrillBegun] = {}
    material: dict[str, str] = {}
    people: People | None = None  # none in snapshots of earlier versions
    afterwards: dict[str, str] = {}
    shelf: list[Shelved] | None = None  # none in snapshots of earlier versions


def from_snapshot(data: bytes) -> Plane:
    """The plane that `snapshot` wrote."""
    body = msgspec.json.decode(data, type=_Snapshot)
    plane = Plane()
    plane.sessions = {session.session: session for session in body.sessions}
    plane.halts = body.halts
    plane.freezes = Freezes(tuple(body.freezes)) if isinstance(body.freezes, list) else body.freezes
    plane.nonces = body.nonces if isinstance(body.nonces, dict) else dict.fromkeys(body.nonces, _FOR_GOOD_MS)
    plane.locks, plane.scratches = dict(body.locks), body.scratches
    plane.next_number, plane.drills, plane.material = body.next_number, body.drills, body.material
    plane.afterwards, plane.knows_people = body.afterwards, body.people is not None
    plane.people = body.people or People()
    plane.shelf, plane.knows_shelf = Shelf(body.shelf), body.shelf is not None
    for known in body.known:
        plane._remember(known)  # noqa: SLF001  # the plane's own other half
    return plane
