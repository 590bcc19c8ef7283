"""An entry of the log as others read it: a CloudEvents 1.0 envelope around an OCSF API Activity (class 6003).

CloudEvents: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md, the JSON format. OCSF: https://schema.ocsf.io/1.6.0/classes/api_activity.
What Keyturn knows beyond OCSF's attributes stands under ``unmapped``, as OCSF asks. No parameter of a request is in it.
"""

from __future__ import annotations

import time
from typing import Any, Final

import msgspec

from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.change import READ_EFFECTS, Change, Effect
from keyturn.model.decision import Verdict
from keyturn.model.execution import Outcome, OutcomeStatus
from keyturn.model.record import Entry

OCSF: Final = "1.6.0"
CLASS_UID: Final = 6003
CATEGORY_UID: Final = 6  # Application Activity

_ACTIVITIES: Final = {
    Effect.CREATE: 1,
    Effect.UPDATE: 3,
    Effect.PERMISSION: 3,
    Effect.TAG: 3,
    Effect.DELETE: 4,
    Effect.REPLACE: 4,
}
"""activity_id: 1 Create, 2 Read, 3 Update, 4 Delete, 99 Other."""

_TOLD: Final = (
    r.Received,
    r.Decided,
    r.Reviewed,
    r.ReviewRefused,
    r.Withdrawn,
    r.Expired,
    r.Invalidated,
    r.Halted,
    r.PrepareFailed,
    r.ProofFailed,
    r.Sent,
    r.Answered,
    r.Reconciled,
    r.Verified,
    r.Restored,
    r.Settled,
    r.Undone,
    r.BackupRetired,
    r.BackupExported,
    r.SessionOpened,
    r.SessionEnded,
    r.HaltRaised,
    r.HaltLifted,
    r.FreezeSet,
    r.FreezeLifted,
    r.UserChanged,
    r.PasskeyChanged,
    r.PolicyLoaded,
    rv.Proposed,
    rv.ProposalDecided,
    r.RequestRefused,
    r.Started,
)
"""Events that are told: what somebody did or decided, and how it ended; not how the plane got there, nor reads."""

_INFORMATIONAL, _LOW, _MEDIUM, _HIGH = 1, 2, 3, 4
_SUCCESS, _FAILURE = 1, 2


def envelope(entry: Entry, change: Change | None, *, source: str, version: str) -> dict[str, Any] | None:
    """The CloudEvent of an entry; None where it is not told. `change` is its case's, `source` the log's name.

    `id` is the entry's number: with `source` it is the same each time it is told, so that a receiver can leave out what it has.
    """
    event = entry.event()
    if not isinstance(event, _TOLD):
        return None
    tag = str(type(event).__struct_config__.tag)
    told = {
        "specversion": "1.0",
        "id": str(entry.seq),
        "source": source,
        "type": f"keyturn.{tag}.v1",
        "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(event.at_ms // 1000))}.{event.at_ms % 1000:03d}Z",
        "datacontenttype": "application/json",
        "dataschema": f"https://schema.ocsf.io/{OCSF}/classes/api_activity",
        "data": _activity(entry, event, tag, change, version),
    }
    return told | ({"subject": entry.case_id} if entry.case_id else {})


def _activity(entry: Entry, event: Any, tag: str, change: Change | None, version: str) -> dict[str, Any]:
    operations = change.operations if change is not None else ()
    floor = max(
        (operation.floor for operation in operations), key=lambda effect: effect.severity, default=None
    )
    activity = 99 if floor is None else 2 if floor in READ_EFFECTS else _ACTIVITIES.get(floor, 99)
    severity, status, said = _how(event)
    by = _person(event)
    principal = change.principal if change is not None else None
    user = by or (principal.operator if principal else "") or "keyturn"
    data: dict[str, Any] = {
        "activity_id": activity,
        "category_uid": CATEGORY_UID,
        "class_uid": CLASS_UID,
        "type_uid": CLASS_UID * 100 + activity,
        "severity_id": severity,
        "time": event.at_ms,
        "metadata": {
            "version": OCSF,
            "uid": entry.hash,
            "sequence": entry.seq,
            "product": {"name": "Keyturn", "vendor_name": "Keyturn", "version": version},
        },
        "actor": {"user": {"name": user}}
        | ({"app_name": principal.agent} if principal and principal.agent else {}),
        "api": _api(event, change, tag),
        "src_endpoint": {"name": principal.session if principal and principal.session else "console"},
        "status_id": status,
        "unmapped": {"event": tag, "case": entry.case_id, "chain": {"prev": entry.prev, "hash": entry.hash}}
        | said,
    }
    if operations:
        first = operations[0]
        data["cloud"] = {"provider": "AWS", "region": first.region, "account": {"uid": first.account}}
        assert change is not None  # noqa: S101  # operations are a change's
        data["resources"] = [{"uid": ref.id, "type": ref.kind} for ref in change.resources]
    return data


def _api(event: Any, change: Change | None, tag: str) -> dict[str, Any]:
    """The operation it is about; of what people and the plane do, that."""
    if change is None or not change.operations:
        return {"operation": tag, "service": {"name": "keyturn"}}
    number = event.operation if isinstance(event, r.Sent | r.Answered | r.Reconciled) else 0
    operation = change.operations[min(number, len(change.operations) - 1)]
    api: dict[str, Any] = {"operation": operation.action, "service": {"name": operation.service}}
    outcome = getattr(event, "outcome", None)
    if isinstance(outcome, Outcome):
        api["response"] = {
            "code": outcome.http_status or 0,
            "error": outcome.error_code,
            "message": outcome.detail[:500],
        }
        if outcome.request_id:
            api["request"] = {"uid": outcome.request_id}
    return api


def _person(event: Any) -> str:
    if isinstance(event, r.Reviewed):
        return event.review.reviewer
    if isinstance(event, r.ReviewRefused):
        return event.reviewer
    if isinstance(event, r.SessionOpened):
        return event.operator
    return str(getattr(event, "by", ""))


def _how(event: Any) -> tuple[int, int, dict[str, Any]]:
    """Severity, status, and what only Keyturn knows."""
    match event:
        case r.Decided(decision=decision):
            severity = {Verdict.DENY: _HIGH, Verdict.SUGGEST: _MEDIUM, Verdict.HOLD: _MEDIUM}.get(
                decision.verdict, _INFORMATIONAL
            )
            status = _SUCCESS if decision.verdict is Verdict.ALLOW else _FAILURE
            reasons = [reason.policy for reason in decision.reasons]
            told = {
                "verdict": str(decision.verdict),
                "policies": reasons,
                "policy_digest": decision.policy_digest,
            }
            return severity, status, told | {"enforced": decision.enforced}
        case r.Reviewed(review=review):
            return _LOW, _SUCCESS, {"approve": review.approve, "signed": review.receipt is not None}
        case r.ReviewRefused(code=code) | r.RequestRefused(code=code):
            return _HIGH, _FAILURE, {"code": code}
        case r.Answered(outcome=outcome) | r.Reconciled(outcome=outcome):
            failed = outcome.status in {OutcomeStatus.FAILED, OutcomeStatus.UNCERTAIN}
            return (
                (_MEDIUM if failed else _LOW),
                (_FAILURE if failed else _SUCCESS),
                {"outcome": str(outcome.status)},
            )
        case r.HaltRaised() | r.Halted():
            return _HIGH, _SUCCESS, {}
        case r.Invalidated(what=what) | r.Expired(what=what):
            return _LOW, _FAILURE, {"what": what}
        case r.PrepareFailed() | r.ProofFailed():
            return _MEDIUM, _FAILURE, {}
        case r.Verified(result=result):
            return (
                (_LOW if result == "confirmed" else _HIGH),
                (_SUCCESS if result == "confirmed" else _FAILURE),
                {"result": result},
            )
        case r.BackupRetired(references=references, by_case=by_case):
            return _MEDIUM, _SUCCESS, {"references": references, "by_case": by_case}
        case r.BackupExported(case=case, references=references):  # it is sealed no more
            return _HIGH, _SUCCESS, {"of_case": case, "references": references}
        case r.Restored(succeeded=succeeded):
            return _HIGH, (_SUCCESS if succeeded else _FAILURE), {}
        case r.UserChanged(user=user, what=what) | r.PasskeyChanged(user=user, what=what):
            return _MEDIUM, _SUCCESS, {"user": user, "what": what}
        case rv.Proposed(id=id_, wanted=wanted):
            return _MEDIUM, _SUCCESS, {"proposal": id_, "kind": wanted.kind, "name": wanted.name}
        case rv.ProposalDecided(id=id_, approved=approved, unreviewed=unreviewed):
            found = {"proposal": id_, "approved": approved, "unreviewed": unreviewed}
            return (_HIGH if unreviewed else _MEDIUM), _SUCCESS, found
        case r.PolicyLoaded(policy_digest=digest):
            return _MEDIUM, _SUCCESS, {"policy_digest": digest}
    return _INFORMATIONAL, _SUCCESS, {}


encode: Final = msgspec.json.Encoder(order="sorted").encode
