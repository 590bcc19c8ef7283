"""A case's life as spans of one trace, made of the log alone: the same entries give the same spans with the same ids, after a restart too.

Attributes are OpenTelemetry's where it has them (https://opentelemetry.io/docs/specs/semconv/: rpc and aws for calls, http for their status,
gen_ai for the agent, cloud, user), ours begin with ``keyturn.``. No parameter of a request is in one, and no word that an agent or a person wrote.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from keyturn.core.advance import advance
from keyturn.core.case import Case, Phase
from keyturn.core.lifecycle import TERMINAL
from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.change import Change, Operation
from keyturn.model.execution import Call, Outcome, OutcomeStatus
from keyturn.model.record import Entry

Value = str | int | bool | tuple[str, ...]
Attributes = dict[str, Value]

NAMED_MAX: Final = 20
"""Resources, findings and policies named in one attribute: beyond it a trace is no place to read them."""

STAGES: Final = {
    Phase.RECEIVED: "assess",
    Phase.SUPERSEDED: "assess",
    Phase.ASSESSED: "decide",
    Phase.HELD: "review",
    Phase.ALLOWED: "claim",
    Phase.APPROVED: "claim",
    Phase.BREAK_GLASS: "claim",
    Phase.CLAIMED: "prepare",
    Phase.PREPARED: "prove",
    Phase.EXECUTING: "send",
    Phase.IN_PROGRESS: "await",
    Phase.UNCERTAIN: "reconcile",
    Phase.VERIFYING: "verify",
    Phase.RESTORING: "restore",
    Phase.INCONCLUSIVE: "settle",
}
"""Phase -> what goes on in it. The others are over as they begin: nothing lasts in them but a write to the log."""

_FAILED: Final = frozenset({Phase.FAILED, Phase.RESTORE_FAILED})
"""What is no success of anybody's; a no is one, and so is a hold that nobody answered."""


class Where(msgspec.Struct, frozen=True):
    """A span's place: the trace (32 hexadecimal digits) and its own id (16)."""

    trace: str
    span: str


class Mark(msgspec.Struct, frozen=True):
    """What happened within a span, at one moment."""

    name: str
    at_ms: int
    attributes: Attributes


class Span(msgspec.Struct, frozen=True):
    """`parent` is empty where there is none. `kind`: internal | server | client. `error` is what failed; empty: nothing did."""

    name: str
    where: Where
    parent: str
    begun_ms: int
    ended_ms: int
    attributes: Attributes
    kind: str = "internal"
    marks: tuple[Mark, ...] = ()
    links: tuple[str, ...] = ()  # cases that it is about
    error: str = ""


class Life:
    """One case. `take` is told every entry of it once, in order, and says which spans have ended by it."""

    def __init__(self, first: Entry) -> None:
        """`first` is the case's first entry; every id is derived from its hash, which no other log has."""
        event = first.event()
        if not isinstance(event, r.Received):
            raise TypeError(f"{first.case_id} does not begin with entry {first.seq}")
        self._seed, self._case = first.hash, Case(id=first.case_id)
        self._parent = event.change.trace.split("-")[2] if event.change.trace else ""
        self.root = root_of(first)
        self._opened_ms = event.at_ms
        self._begun_ms, self._since = event.at_ms, first.seq  # of the present phase
        self._marks: list[Mark] = []
        self._step: r.StepIntended | None = None

    @property
    def ended(self) -> bool:
        return self._case.phase in TERMINAL

    def take(self, entry: Entry) -> tuple[Span, ...]:
        event, before = entry.event(), self._case
        after, _ = advance(before, event, seq=entry.seq)
        self._case = after
        found = []
        if isinstance(event, r.Received):
            found.append(self._identified(event, entry))
        if isinstance(event, r.StepIntended):
            self._step = event
        if isinstance(event, r.StepEnded) and self._step is not None:
            found.append(self._stepped(self._step, event, entry))
            self._step = None
        mark = _mark(event)
        if mark is not None:
            self._marks.append(mark)
        moved = after.phase is not before.phase or after.revision != before.revision
        if moved:
            if before.phase in STAGES:
                found.append(self._stage(before, after, event))
            self._begun_ms, self._since = event.at_ms, entry.seq
            self._marks.clear()
        if self.ended and before.phase not in TERMINAL:
            found.append(self._whole(event.at_ms))
        return tuple(found)

    # --- the spans ---------------------------------------------------------------------------------------------------

    def _identified(self, event: r.Received, entry: Entry) -> Span:
        """From the request's last byte until it is on the log as a case."""
        begun_ms = min(event.change.received_at_ms or event.at_ms, event.at_ms)
        self._opened_ms = begun_ms
        return self._span("identify", entry.seq, begun_ms, event.at_ms, _of_change(event.change))

    def _stage(self, before: Case, after: Case, event: r.Event) -> Span:
        """What went on since the phase began, and how this event ended it."""
        name, change = STAGES[before.phase], before.change
        made = self._span(name, self._since, self._begun_ms, event.at_ms, _said(event, before, after))
        outcome = getattr(event, "outcome", None)
        if name == "send" and change is not None and not change.own_steps:
            operation = change.operations[min(before.next_operation, len(change.operations) - 1)]
            made = msgspec.structs.replace(
                made,
                name=f"{operation.service}.{operation.action}",
                kind="client",
                attributes=_of_operation(operation) | made.attributes,
            )
        failed = str(outcome.status) if isinstance(outcome, Outcome) and _is_bad(outcome) else ""
        if isinstance(event, r.PrepareFailed | r.ProofFailed) or (
            isinstance(event, r.Restored) and not event.succeeded
        ):
            failed = str(after.phase)
        return msgspec.structs.replace(made, marks=tuple(self._marks), error=failed)

    def _stepped(self, step: r.StepIntended, ended: r.StepEnded, entry: Entry) -> Span:
        """One mutating call of the plane's own, within the stage that makes it."""
        attributes: Attributes = {
            "keyturn.stage": step.recipe,
            "keyturn.step": step.step,
            "keyturn.outcome": ended.status,
        }
        made = self._span(
            step.call.operation.replace(":", ".", 1),
            entry.seq,
            step.at_ms,
            ended.at_ms,
            _of_call(step.call) | attributes,
        )
        stage = STAGES.get(self._case.phase)
        within = self._id(stage, self._since) if stage else self.root.span
        return msgspec.structs.replace(
            made, kind="client", parent=within, error="" if ended.status == "succeeded" else ended.status
        )

    def _whole(self, ended_ms: int) -> Span:
        """The case itself: it is there when it has ended, and all the others are within it."""
        case, change = self._case, self._case.change
        assert change is not None  # noqa: S101  # the first event brings it
        attributes = _of_change(change) | {
            "keyturn.case": case.id,
            "keyturn.revision": case.revision,
            "keyturn.phase": str(case.phase),
            "keyturn.held": case.was_held,
        }
        if case.decision is not None:
            attributes["keyturn.verdict"] = str(case.decision.verdict)
        about = (*change.taken_back, change.instead_of, change.drops)
        return Span(
            name=f"change {change.operations[0].name}" if change.operations else "change",
            where=self.root,
            parent=self._parent,
            begun_ms=self._opened_ms,
            ended_ms=ended_ms,
            attributes=attributes,
            kind="server",
            links=tuple(one for one in about if one),
            error=str(case.phase) if case.phase in _FAILED else "",
        )

    def _span(self, name: str, since: int, begun_ms: int, ended_ms: int, attributes: Attributes) -> Span:
        """One within the whole; clocks of several nodes never make one end before it began."""
        return Span(
            name=name,
            where=Where(self.root.trace, self._id(name, since)),
            parent=self.root.span,
            begun_ms=begun_ms,
            ended_ms=max(begun_ms, ended_ms),
            attributes={"keyturn.case": self._case.id, "keyturn.stage": name, **attributes},
        )

    def _id(self, name: str, since: int) -> str:
        return _derived(self._seed, f"{name} {since}", 16)


def root_of(first: Entry) -> Where:
    """The span of the case that begins with this entry: within the caller's trace, or in one of its own."""
    event = first.event()
    trace = event.change.trace if isinstance(event, r.Received) else ""
    return Where(
        trace.split("-")[1] if trace else _derived(first.hash, "trace", 32),
        _derived(first.hash, "case", 16),
    )


def _derived(seed: str, what: str, digits: int) -> str:
    """An id of W3C Trace Context: as good as random, and never all zeros."""
    return hashlib.sha256(f"keyturn span {seed} {what}".encode()).hexdigest()[:digits]


def _of_change(change: Change) -> Attributes:
    found: Attributes = {
        "keyturn.change.digest": change.digest,
        "keyturn.surface": change.surface,
        "keyturn.operations": len(change.operations),
        "keyturn.resources": _some(f"{ref.kind}/{ref.id}" for ref in change.resources),
        "gen_ai.agent.name": change.principal.agent,
        "gen_ai.conversation.id": change.principal.session,
        "user.name": change.principal.operator,
    }
    if change.operations:
        found |= _of_operation(change.operations[0])
    return {name: value for name, value in found.items() if value != ""}


def _of_operation(operation: Operation) -> Attributes:
    return _of_api(operation.service, operation.action, operation.account, operation.region)


def _of_call(call: Call) -> Attributes:
    service, _, action = call.operation.partition(":")
    return _of_api(service, action, call.account, call.region)


def _of_api(service: str, action: str, account: str, region: str) -> Attributes:
    """https://opentelemetry.io/docs/specs/semconv/cloud-providers/aws-sdk/; the service goes by botocore's name."""
    return {
        "rpc.system": "aws-api",
        "rpc.service": service,
        "rpc.method": action,
        "cloud.provider": "aws",
        "cloud.account.id": account,
        "cloud.region": region,
    }


def _said(event: r.Event, before: Case, after: Case) -> Attributes:
    """What the event that ended a stage says of it."""
    found: Attributes = {"keyturn.phase": str(after.phase)}
    match event:
        case r.Assessed(assessment=it):
            found |= {
                "keyturn.effect": str(it.effect),
                "keyturn.reversibility": str(it.reversibility),
                "keyturn.findings": _some(finding.code for finding in it.findings),
                "keyturn.unknowns": len(it.unknowns),
                "keyturn.blast_radius": len(it.blast_radius),
            }
        case r.Decided(decision=it):
            found |= {
                "keyturn.verdict": str(it.verdict),
                "keyturn.enforced": it.enforced,
                "keyturn.policies": _some(reason.policy for reason in it.reasons),
                "keyturn.policy.digest": it.policy_digest,
            }
        case r.Answered(outcome=outcome) | r.Reconciled(outcome=outcome):
            found |= _of_outcome(outcome)
        case r.BackedUp(backups=backups):
            found["keyturn.backups"] = len(backups)
        case r.ProofFailed(steps=steps):
            found["keyturn.proof.failed"] = _some(step.name for step in steps if not step.holds)
        case r.Verified(result=result):
            found["keyturn.result"] = result
        case r.Invalidated(what=what) | r.Expired(what=what):
            found["keyturn.what"] = what
    if before.phase is Phase.HELD and before.request is not None:
        found["keyturn.quorum"] = before.request.quorum
        found["keyturn.approvals"] = len({review.who for review in after.reviews if review.approve})
    return found


def _of_outcome(outcome: Outcome) -> Attributes:
    found: Attributes = {"keyturn.outcome": str(outcome.status)}
    if outcome.http_status:
        found["http.response.status_code"] = outcome.http_status
    if outcome.request_id:
        found["aws.request_id"] = outcome.request_id
    if outcome.error_code or _is_bad(outcome):
        found["error.type"] = outcome.error_code or str(outcome.status)
    return found


def _is_bad(outcome: Outcome) -> bool:
    return outcome.status in {OutcomeStatus.FAILED, OutcomeStatus.UNCERTAIN}


def _mark(event: Any) -> Mark | None:
    """What people did meanwhile, and what the plane did about them."""
    attributes: Attributes
    match event:
        case r.Reviewed(review=it):
            name = "approved" if it.approve else "denied"
            attributes = {
                "keyturn.signed": it.receipt is not None,
                "keyturn.via": it.via,
                "user.name": it.who,
            }
        case r.ReviewRefused(reviewer=who, code=code):
            name, attributes = "review refused", {"user.name": who, "keyturn.code": code}
        case rv.ReviewClaimed(by=by) | rv.ReviewReleased(by=by) | rv.GlassBroken(by=by):
            name, attributes = _MARKS[type(event)], {"user.name": by}
        case rv.Reminded() | rv.Escalated():
            name, attributes = _MARKS[type(event)], {}
        case rv.Voided(reviewer=who):
            name, attributes = "approval void", {"user.name": who}
        case r.TakenUp(by=node):
            name, attributes = "taken up", {"keyturn.node": node}
        case _:
            return None
    return Mark(name, event.at_ms, attributes)


_MARKS: Final[dict[type, str]] = {
    rv.ReviewClaimed: "claimed",
    rv.ReviewReleased: "released",
    rv.GlassBroken: "glass broken",
    rv.Reminded: "reminded",
    rv.Escalated: "escalated",
}


def _some(names: Any) -> tuple[str, ...]:
    """Each once, as many as are worth reading, and how many more there are."""
    found = tuple(dict.fromkeys(names))
    more = len(found) - NAMED_MAX
    return found if more <= 0 else (*found[:NAMED_MAX], f"and {more} more")
