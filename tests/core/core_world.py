"""Small values for tests of the core: a change, an assessment, a decision, a case in any phase."""

from __future__ import annotations

from typing import Any

import msgspec

from keyturn.core.advance import advance
from keyturn.core.case import Case, Phase
from keyturn.model import record as r
from keyturn.model.assessment import Assessment, Reversibility
from keyturn.model.change import Change, Effect, Operation, Principal, ResourceRef
from keyturn.model.decision import Decision, Obligations, Reason, Verdict
from keyturn.model.execution import Backup, Grant, Outcome, OutcomeStatus, ProofStep
from keyturn.model.review import Review, ReviewRequest

TABLE = ResourceRef(
    provider="aws", partition="aws", account="1", region="eu-west-1", kind="dynamodb:table", id="orders"
)
KIRO = Principal(agent="kiro", session="S-1", operator="olga")


def operation(
    name: str = "dynamodb:DeleteTable", floor: Effect = Effect.DELETE, **parameters: Any
) -> Operation:
    return Operation(
        provider="aws",
        name=name,
        parameters={"TableName": "orders", **parameters},
        resources=(TABLE,),
        floor=floor,
        partition="aws",
        account="1",
        region="eu-west-1",
        request="vault:request:1",
    )


def change(*operations: Operation, **fields: Any) -> Change:
    return Change(
        principal=fields.pop("principal", KIRO),
        surface="aws",
        operations=operations or (operation(),),
        received_at_ms=0,
        **fields,
    )


def assessment(**fields: Any) -> Assessment:
    given = Assessment(
        effect=Effect.DELETE,
        effects=(Effect.DELETE,),
        reversibility=Reversibility.R3,
        environment="production",
        state_digest="sha256:state",
    )
    return msgspec.structs.replace(given, **fields)


def decision(verdict: Verdict = Verdict.HOLD, quorum: int = 2, **obliged: Any) -> Decision:
    return Decision(
        verdict=verdict,
        reasons=(Reason(policy="seatbelt.delete", message="deletes in production need two reviewers"),),
        obligations=Obligations(quorum=quorum, **obliged),
        policy_digest="sha256:policy",
    )


def asked(case: Case, *, quorum: int = 2, deadline_ms: int = 1_000_000) -> ReviewRequest:
    assert case.change is not None
    assert case.assessment is not None
    return ReviewRequest(
        case_id=case.id,
        revision=case.revision,
        change_digest=case.change.digest,
        state_digest=case.assessment.state_digest,
        assessment_digest=case.assessment.digest,
        policy_digest="sha256:policy",
        requesters=("olga", "kiro", "S-1"),
        excluded=("olga",),
        quorum=quorum,
        deadline_ms=deadline_ms,
        nonce=f"nonce-{case.revision}",
    )


def told(case: Case, *events: r.CaseEvent) -> Case:
    """The case after these events."""
    for event in events:
        case, _ = advance(case, event)
    return case


def received(*operations: Operation, case_id: str = "C-1") -> Case:
    return told(Case(id=case_id), r.Received(at_ms=1, change=change(*operations)))


def held(*operations: Operation, case_id: str = "C-1", quorum: int = 2, **obliged: Any) -> Case:
    case = told(received(*operations, case_id=case_id), r.Assessed(at_ms=2, assessment=assessment()))
    decided = r.Decided(
        at_ms=3, decision=decision(quorum=quorum, **obliged), request=asked(case, quorum=quorum)
    )
    return told(case, decided)


def review(case: Case, who: str, *, approve: bool = True, at_ms: int = 10, **fields: Any) -> Review:
    binding = case.request.digest if case.request else ""
    return Review(
        reviewer=who, approve=approve, binding=fields.pop("binding", binding), at_ms=at_ms, **fields
    )


def yes(case: Case, who: str) -> r.Reviewed:
    return r.Reviewed(at_ms=10, review=review(case, who))


def no(case: Case, who: str, note: str = "") -> r.Reviewed:
    return r.Reviewed(at_ms=10, review=review(case, who, approve=False, note=note))


def approved(*operations: Operation, **obliged: Any) -> Case:
    case = held(*operations, **obliged)
    return told(case, yes(case, "anna"), yes(case, "ben"))


def claimed(*operations: Operation, **obliged: Any) -> Case:
    case = approved(*operations, **obliged)
    assert case.request is not None
    return told(case, r.Claimed(at_ms=20, nonce=case.request.nonce, verdict=Verdict.HOLD))


def proved(*operations: Operation, backups: tuple[Backup, ...] = (), **obliged: Any) -> Case:
    case = told(claimed(*operations, **obliged), r.BackedUp(at_ms=21, backups=backups))
    step = ProofStep(number=1, name="decision in force", holds=True, detail="as decided")
    return told(case, r.Proved(at_ms=22, steps=(step,), grant=grant(case)))


def sent(*operations: Operation) -> Case:
    case = proved(*operations)
    return told(case, r.Sent(at_ms=23, nonce=case.nonce))


def grant(case: Case, **fields: Any) -> Grant:
    assert case.change is not None
    given = Grant(
        change_digest=case.change.digest,
        actions=("dynamodb:DeleteTable",),
        resources=("arn:aws:dynamodb:eu-west-1:1:table/orders",),
        policy="{}",
        expires_at_ms=900_000,
        lease="C-1-r1",
    )
    return msgspec.structs.replace(given, **fields)


def backup(**fields: Any) -> Backup:
    given = Backup(
        resource=TABLE,
        state_digest="sha256:state",
        watermark={"items": 3},
        reference="arn:backup",
        manifest="vault:manifest:1",
        taken_at_ms=20,
        verified_at_ms=21,
        verified_by="restored into a scratch table and compared",
    )
    return msgspec.structs.replace(given, **fields)


def outcome(status: OutcomeStatus = OutcomeStatus.SUCCEEDED, detail: str = "") -> Outcome:
    return Outcome(status=status, detail=detail)


def any_case(phase: Phase) -> Case:
    """A case that stands in this phase, made as the table makes it where that is short, else by force."""
    return msgspec.structs.replace(sent(), phase=phase)
