"""The account's own trail against the log: who went round, and which of our calls the trail does not have.

An event is one of ours when it carries the request id that a call was answered with; else by the role session name, which is the
case's (``C-17-r1``), with the operation; else by operation, resource and time. What the plane does for itself (backups, undo,
drills) it does under its own roles, and each such call is on the log as a step. The plane's roles alone prove nothing: a call under them
that no case tells of is listed like any other.

Names of fields: CloudTrail User Guide, "CloudTrail record contents" and "CloudTrail userIdentity element".
"""

from __future__ import annotations

import calendar
import json
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from keyturn.core.reconciling import Call
from keyturn.model.change import READ_EFFECTS
from keyturn.providers.aws import catalogue
from keyturn.providers.aws.cloudtrail import operation_of

DELIVERY_S: Final = 900
"""CloudTrail delivers within some five minutes on average and promises no time; three times that is waited for."""

CLOCKS_S: Final = 120
"""How far the trail's clock (seconds, of the service that was called) and ours may be apart."""

LONG_S: Final = 3_600
"""A step of a recipe may be answered this much later than it was written down."""

DRILL_S: Final = 900
"""A drill's backup is made before the log says that it begins."""

_DATA_EVENTS: Final[Mapping[str, frozenset[str] | None]] = {
    "dynamodb": frozenset(
        [
            "BatchExecuteStatement",
            "BatchWriteItem",
            "DeleteItem",
            "ExecuteStatement",
            "ExecuteTransaction",
            "PutItem",
            "TransactWriteItems",
            "UpdateItem",
        ]
    ),
    "lambda": frozenset(["Invoke", "InvokeAsync", "InvokeWithResponseStream"]),
    "s3": frozenset(
        [
            "AbortMultipartUpload",
            "CompleteMultipartUpload",
            "CopyObject",
            "CreateMultipartUpload",
            "DeleteObject",
            "DeleteObjects",
            "DeleteObjectTagging",
            "PutObject",
            "PutObjectAcl",
            "PutObjectLegalHold",
            "PutObjectRetention",
            "PutObjectTagging",
            "RestoreObject",
            "UploadPart",
            "UploadPartCopy",
        ]
    ),
    "sns": frozenset(["Publish", "PublishBatch"]),
    "sqs": frozenset(
        [
            "ChangeMessageVisibility",
            "ChangeMessageVisibilityBatch",
            "DeleteMessage",
            "DeleteMessageBatch",
            "SendMessage",
            "SendMessageBatch",
            "ReceiveMessage",
        ]
    ),
    "kinesis": frozenset(["PutRecord", "PutRecords"]),
    "bedrock-runtime": None,
    "rds-data": None,
    "ssmmessages": None,
}
"""Data events, which a trail has only where they are switched on (CloudTrail User Guide, "Logging data events"); None: all."""

_CALLS: Final = frozenset({"AwsApiCall", "AwsConsoleAction", "AwsVpceEvent"})
"""Kinds of events (``eventType``) that somebody's call made."""


class Seen(msgspec.Struct, frozen=True, omit_defaults=True):
    """One mutating event of the trail, as a person looks for it."""

    event_id: str
    at_ms: int
    operation: str
    account: str
    region: str
    who: str  # the identity's ARN, or what stands for it
    access_key: str = ""
    source_ip: str = ""
    user_agent: str = ""
    request_id: str = ""
    by_service: str = ""  # a service made it, on somebody's behalf
    error: str = ""  # it was refused: nothing happened
    why: str = ""  # what can be said about how it went round
    role: str = ""  # ARN of the role, where it was assumed
    session_name: str = ""
    text: str = ""  # its parameters and resources, to find names in; taken out of what is shown


class Reconciled(msgspec.Struct, frozen=True):
    """The trail and the log side by side."""

    from_ms: int
    to_ms: int
    events: int  # of the account that were read
    mutating: int  # of them, those that changed something, or tried to
    matched: int  # calls of cases
    own: int  # the plane's own steps
    around: tuple[Seen, ...]  # no case tells of them
    refused: tuple[Seen, ...]  # tried around, and refused
    services: tuple[Seen, ...]  # a service did it
    missing: tuple[Call, ...]  # of cases, in the trail's time, and not in the trail
    data: tuple[Call, ...]  # the same, and of a kind that trails leave out unless they are told
    late: int  # calls that the trail may not have yet
    unread: tuple[str, ...]  # records that could not be read: they can be anything


def reconciled(
    records: Iterable[Mapping[str, Any]],
    calls: Iterable[Call],
    *,
    accounts: frozenset[str] = frozenset(),
    roles: frozenset[str] = frozenset(),
) -> Reconciled:
    """Compare a trail with the calls that left. `accounts` limits it to these; `roles` are ARNs of the plane's own."""
    found, unread, events, first, last = [], [], 0, 0, 0
    for record in records:
        try:
            at_ms = _moment(record)
            account = str(record.get("recipientAccountId") or _identity(record).get("accountId") or "")
            if accounts and account not in accounts:
                continue
            events += 1
            first, last = min(first or at_ms, at_ms), max(last, at_ms)
            if record.get("eventType", "AwsApiCall") in _CALLS and _mutates(record):
                found.append(_seen(record, at_ms, account))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            unread.append(f"{str(record)[:120]}: {type(error).__name__}")
    return _Matching(tuple(calls), roles).over(
        sorted(found, key=lambda one: one.at_ms), events, (first, last), tuple(unread)
    )


def _moment(record: Mapping[str, Any]) -> int:
    return calendar.timegm(time.strptime(str(record["eventTime"])[:19], "%Y-%m-%dT%H:%M:%S")) * 1000


def _identity(record: Mapping[str, Any]) -> Mapping[str, Any]:
    identity = record.get("userIdentity")
    return identity if isinstance(identity, Mapping) else {}


def _mutates(record: Mapping[str, Any]) -> bool:
    """By the event's own word where it gives one; else by the catalogue, where what is not known changes something."""
    said = record.get("readOnly")
    if isinstance(said, bool) or str(said).lower() in {"true", "false"}:
        return str(said).lower() != "true"
    service, _, name = operation_of(record).partition(":")
    return catalogue.lookup(service, name).effect not in READ_EFFECTS


def _seen(record: Mapping[str, Any], at_ms: int, account: str) -> Seen:
    identity = _identity(record)
    issuer = (identity.get("sessionContext") or {}).get("sessionIssuer") or {}
    arn = str(
        identity.get("arn")
        or identity.get("principalId")
        or identity.get("userName")
        or identity.get("type")
        or "?"
    )
    shown = {"requestParameters": record.get("requestParameters"), "resources": record.get("resources")}
    return Seen(
        event_id=str(record.get("eventID") or ""),
        at_ms=at_ms,
        operation=operation_of(record),
        account=account,
        region=str(record.get("awsRegion") or ""),
        who=arn,
        access_key=str(identity.get("accessKeyId") or ""),
        source_ip=str(record.get("sourceIPAddress") or ""),
        user_agent=str(record.get("userAgent") or "")[:120],
        request_id=str(record.get("requestID") or ""),
        by_service=str(identity.get("invokedBy") or "") or _service_of(identity),
        error=str(record.get("errorCode") or ""),
        role=str(issuer.get("arn") or ""),
        session_name=arn.rpartition("/")[2] if ":assumed-role/" in arn else "",
        text=json.dumps(shown, default=str),
    )


def _service_of(identity: Mapping[str, Any]) -> str:
    return "a service" if identity.get("type") == "AWSService" else ""


class _Matching:
    """Each event takes at most one call, and each call at most one event; a step that was retried takes as many as there are."""

    def __init__(self, calls: tuple[Call, ...], roles: frozenset[str]) -> None:
        self._roles = roles
        self._calls = [call for call in calls if not call.step]
        self._steps = [call for call in calls if call.step]
        self._by_id = {call.request_id: call for call in self._calls if call.request_id}
        self._found: set[tuple[str, int]] = set()  # (case, number) of calls that the trail has

    def over(
        self, events: list[Seen], read: int, span: tuple[int, int], unread: tuple[str, ...]
    ) -> Reconciled:
        matched = own = 0
        around: list[Seen] = []
        rest = [event for event in events if not self._answered(event)]
        matched = len(events) - len(rest)
        left = []
        for event in rest:
            if self._named(event) or self._alike(event):
                matched += 1
            elif self._step(event):
                own += 1
            else:
                left.append(event)
        services = tuple(_shown(event) for event in left if event.by_service)
        around = [_shown(event, self._why(event)) for event in left if not event.by_service]
        ready = [call for call in self._calls if _key(call) not in self._found and call.at_ms >= span[0]]
        due = [call for call in ready if call.at_ms <= span[1] - DELIVERY_S * 1000]
        return Reconciled(
            from_ms=span[0],
            to_ms=span[1],
            events=read,
            mutating=len(events),
            matched=matched,
            own=own,
            around=tuple(event for event in around if not event.error),
            refused=tuple(event for event in around if event.error),
            services=services,
            missing=tuple(call for call in due if not _is_data(call.operation)),
            data=tuple(call for call in due if _is_data(call.operation)),
            late=len(ready) - len(due),
            unread=unread,
        )

    def _answered(self, event: Seen) -> bool:
        call = self._by_id.get(event.request_id) if event.request_id else None
        return call is not None and call.operation == event.operation and self._take(call)

    def _named(self, event: Seen) -> bool:
        """By the role session name, which a case's own credential has."""
        if not event.session_name or (self._roles and event.role not in self._roles):
            return False
        return self._take_first(event, [call for call in self._calls if call.lease == event.session_name])

    def _alike(self, event: Seen) -> bool:
        """A call through a credential that was handed out has that credential's session name; one without an answer no request id."""
        about = [
            call
            for call in self._calls
            if not call.request_id
            and call.resources
            and any(json.dumps(one.id)[1:-1] in event.text for one in call.resources)
        ]
        return bool(event.session_name) and self._take_first(event, about)

    def _take_first(self, event: Seen, calls: list[Call]) -> bool:
        for call in calls:
            same = (call.operation, call.account, call.region) == (
                event.operation,
                event.account,
                event.region,
            )
            at_home = same or (call.operation, call.account) == (event.operation, event.account)
            if (
                at_home
                and _key(call) not in self._found
                and _within(event, call, 0)
                and not _other_id(event, call)
            ):
                return self._take(call)
        return False

    def _take(self, call: Call) -> bool:
        self._found.add(_key(call))
        return True

    def _step(self, event: Seen) -> bool:
        if not event.session_name.startswith("keyturn-") or (self._roles and event.role not in self._roles):
            return False  # its own work it does under these names, a case's under the case's
        for step in self._steps:
            if step.step == "drill":
                named = any(json.dumps(one.id)[1:-1] in event.text for one in step.resources)
                if named and _within(event, step, DRILL_S):
                    return True
            elif (step.operation, step.account) == (event.operation, event.account) and _within(
                event, step, 0
            ):
                return True
        return False

    def _why(self, event: Seen) -> str:
        if event.role in self._roles:
            return (
                "under one of Keyturn's own roles, and no case or step tells of it: who can assume that role?"
            )
        if any(call.lease and call.lease == event.session_name for call in self._calls):
            return "under the name of a case that did something else, or did it once already"
        return ""


def _key(call: Call) -> tuple[str, int]:
    return call.case, call.number


def _within(event: Seen, call: Call, before_s: int) -> bool:
    ends_ms = call.ended_ms if call.ended_ms is not None else call.at_ms + LONG_S * 1000
    return call.at_ms - (CLOCKS_S + before_s) * 1000 <= event.at_ms <= ends_ms + CLOCKS_S * 1000


def _other_id(event: Seen, call: Call) -> bool:
    """Both say which request it was, and mean different ones."""
    return bool(event.request_id and call.request_id and event.request_id != call.request_id)


def _is_data(operation: str) -> bool:
    service, _, name = operation.partition(":")
    named = _DATA_EVENTS.get(service, frozenset())
    return named is None or name in named


def _shown(event: Seen, why: str = "") -> Seen:
    return msgspec.structs.replace(event, text="", why=why)
