"""What left the plane, as the log has it: what an account's own trail is compared with."""

from __future__ import annotations

import msgspec

from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.change import Change, ResourceRef
from keyturn.model.execution import Outcome, OutcomeStatus
from keyturn.model.record import EntryBody


class Call(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call that left: an operation of a case, or a step of a recipe (`step`: backup, undo, restore ...), which the plane makes itself."""

    case: str
    operation: str
    account: str
    region: str
    at_ms: int
    number: int = 0  # of the operation in its change, or of the step in its recipe
    ended_ms: int | None = None
    resources: tuple[ResourceRef, ...] = ()
    request_id: str = ""  # as the service answered; empty where no answer came
    lease: str = ""  # the role session name it was made under
    agent: str = ""
    operator: str = ""
    session: str = ""
    status: str = ""
    step: str = ""


class _Open(msgspec.Struct):
    change: Change
    lease: str = ""


class Departures:
    """Where in the log to look for calls: between which times each case sent some, and the drills. Give it every entry, in order."""

    def __init__(self) -> None:
        self._sent: dict[str, tuple[int, int]] = {}
        self.drills: list[EntryBody] = []

    def see(self, body: EntryBody) -> None:
        """The next entry."""
        event = body.event
        if isinstance(event, r.DrillBegun | r.Drilled):
            self.drills.append(body)
        elif isinstance(event, r.Sent | r.StepIntended):
            first, _ = self._sent.get(body.case, (event.at_ms, 0))
            self._sent[body.case] = (first, event.at_ms)

    def cases(self, *, since_ms: int, until_ms: int | None) -> tuple[str, ...]:
        """The cases of which a call may have left from then until before then."""
        return tuple(
            case
            for case, (first, last) in self._sent.items()
            if last >= since_ms and (until_ms is None or first < until_ms)
        )


class Calls:
    """Folds every call that left out of the log. Give it every entry of the cases that matter, in order, and of the drills."""

    def __init__(self) -> None:
        self._cases: dict[str, _Open] = {}
        self._calls: dict[tuple[str, str, int], Call] = {}
        self._places: dict[tuple[str, str, int], int] = {}  # where in the log each began

    def see(self, body: EntryBody) -> None:
        """The next entry."""
        event = body.event
        if isinstance(event, r.DrillBegun | r.Drilled):
            self._drill(event, body)
            return
        if isinstance(event, r.Received | r.Joined | rv.Narrowed):
            self._cases[body.case] = _Open(event.change)
            return
        case = self._cases.get(body.case)
        if case is None:
            return
        match event:
            case r.Proved(grant=grant):
                case.lease = grant.lease if grant is not None else ""
            case r.Sent() if event.operation < len(case.change.operations) and not case.change.own_steps:
                self._begin((body.case, "", event.operation), self._sent(body.case, case, event), body)
            case r.Answered(outcome=outcome) | r.Reconciled(outcome=outcome):
                self._answered((body.case, "", event.operation), outcome, event.at_ms)
            case r.StepIntended() if event.call.mutates:
                made = Call(
                    case=body.case,
                    operation=event.call.operation,
                    account=event.call.account,
                    region=event.call.region,
                    at_ms=event.at_ms,
                    number=event.step,
                    operator=case.change.principal.operator,
                    step=event.recipe,
                )
                self._begin((body.case, event.recipe, event.step), made, body)
            case r.StepEnded():
                key = (body.case, event.recipe, event.step)
                if key in self._calls:
                    self._calls[key] = msgspec.structs.replace(
                        self._calls[key], ended_ms=event.at_ms, status=event.status
                    )

    def _begin(self, key: tuple[str, str, int], call: Call, body: EntryBody) -> None:
        self._calls[key] = call
        self._places.setdefault(key, body.seq)

    def _drill(self, event: r.DrillBegun | r.Drilled, body: EntryBody) -> None:
        ref = event.resource
        key = (
            "",
            f"drill {ref}",
            max((key[2] for key in self._calls if key[1] == f"drill {ref}"), default=0),
        )
        if isinstance(event, r.Drilled):
            if key in self._calls:
                self._calls[key] = msgspec.structs.replace(
                    self._calls[key], ended_ms=event.at_ms, status=event.result
                )
            return
        key = (*key[:2], key[2] + 1)
        made = Call(
            case="",
            operation="",
            account=ref.account,
            region=ref.region,
            at_ms=event.at_ms,
            number=key[2],
            resources=(ref, event.scratch),
            operator=event.by,
            step="drill",
        )
        self._begin(key, made, body)

    def _sent(self, case_id: str, case: _Open, event: r.Sent) -> Call:
        operation, principal = case.change.operations[event.operation], case.change.principal
        return Call(
            case=case_id,
            operation=operation.name,
            account=operation.account,
            region=operation.region,
            at_ms=event.at_ms,
            number=event.operation,
            resources=operation.resources,
            lease=case.lease,
            agent=principal.agent,
            operator=principal.operator,
            session=principal.session,
        )

    def _answered(self, key: tuple[str, str, int], outcome: Outcome, at_ms: int) -> None:
        call = self._calls.get(key)
        if call is None:
            return
        never_left = (
            outcome.status is OutcomeStatus.FAILED and outcome.http_status is None and not call.status
        )
        self._calls[key] = msgspec.structs.replace(
            call,
            ended_ms=at_ms,
            request_id=outcome.request_id or call.request_id,
            status="never left" if never_left else str(outcome.status),
        )

    def found(self, *, since_ms: int = 0, until_ms: int | None = None) -> tuple[Call, ...]:
        """The calls that left from then until before then, in the log's order; without those of which it is certain that nothing left."""
        return tuple(
            call
            for key, call in sorted(self._calls.items(), key=lambda one: self._places[one[0]])
            if call.at_ms >= since_ms
            and (until_ms is None or call.at_ms < until_ms)
            and call.status != "never left"
        )
