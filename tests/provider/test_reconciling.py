"""The account's trail against the log: what no case tells of went round, whoever did it and under whatever name."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest

from keyturn.core.reconciling import Call
from keyturn.model.change import ResourceRef
from keyturn.providers.aws.reconciling import Reconciled, reconciled

ACCOUNT: Final = "123456789012"
ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role/keyturn-"
ROLES: Final = frozenset({f"{ROLE}read", f"{ROLE}change", f"{ROLE}backup"})
AT: Final = 1_767_225_600_000  # 2026-01-01T00:00:00Z
TABLE = ResourceRef("aws", "aws", ACCOUNT, "eu-central-1", "dynamodb:table", "costs")

DELETE = Call(
    case="C-1",
    operation="dynamodb:DeleteTable",
    account=ACCOUNT,
    region="eu-central-1",
    at_ms=AT,
    ended_ms=AT + 900,
    resources=(TABLE,),
    request_id="REQ-1",
    lease="C-1-r1",
    agent="kiro",
    operator="bob",
    status="succeeded",
)
BACKUP = Call(
    case="C-1",
    operation="dynamodb:CreateBackup",
    account=ACCOUNT,
    region="eu-central-1",
    at_ms=AT - 5_000,
    ended_ms=AT - 4_000,
    step="backup",
)
DRILL = Call(
    case="",
    operation="",
    account=ACCOUNT,
    region="eu-central-1",
    at_ms=AT - 60_000,
    ended_ms=AT - 30_000,
    resources=(TABLE, msgspec.structs.replace(TABLE, id="keyturn-drill-1")),
    step="drill",
)


def moment(at_ms: int) -> str:
    return f"2026-01-01T{at_ms // 3_600_000:02d}:{at_ms // 60_000 % 60:02d}:{at_ms // 1000 % 60:02d}Z"


def event(
    name: str = "DeleteTable", *, role: str = "", session: str = "", after_s: int = 0, **more: Any
) -> dict[str, Any]:
    """A record of CloudTrail's; under a role where one is named, else by an engineer's own user."""
    identity: dict[str, Any] = {
        "type": "IAMUser",
        "arn": f"arn:aws:iam::{ACCOUNT}:user/bob",
        "accountId": ACCOUNT,
        "accessKeyId": "AKIABOB",
    }
    if session:
        identity = {
            "type": "AssumedRole",
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/{session}",
            "accountId": ACCOUNT,
            "accessKeyId": "ASIA1",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role}},
        }
    return {
        "eventVersion": "1.09",
        "eventTime": moment(3_600_000 * 0 + after_s * 1000) if after_s >= 0 else "2025-12-31T23:59:50Z",
        "eventSource": "dynamodb.amazonaws.com",
        "eventName": name,
        "awsRegion": "eu-central-1",
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-cli/2",
        "userIdentity": identity,
        "requestParameters": {"tableName": "costs"},
        "requestID": "REQ-1",
        "eventID": "e-1",
        "readOnly": False,
        "eventType": "AwsApiCall",
        "recipientAccountId": ACCOUNT,
    } | more


LATER = event("DescribeTable", after_s=7_200, readOnly=True, requestID="REQ-9")
"""Something that shows how far the trail goes."""


def compared(*events: dict[str, Any], calls: tuple[Call, ...] = (DELETE, BACKUP, DRILL)) -> Reconciled:
    return reconciled([*events, LATER], calls, accounts=frozenset({ACCOUNT}), roles=ROLES)


OURS: Final = {
    "by its request id": event(role=f"{ROLE}change", session="C-1-r1"),
    "by its request id, through a credential that was handed out": event(
        role=f"arn:aws:iam::{ACCOUNT}:role/app", session="app"
    ),
    "by the case's session name, without a request id": event(
        role=f"{ROLE}change", session="C-1-r1", requestID=None
    ),
}


@pytest.mark.parametrize("name", OURS)
def test_a_call_of_a_case_is_its_event(name: str) -> None:
    """One event for one call, and nothing is left over."""
    found = compared(OURS[name])
    assert (found.matched, found.around, found.missing) == (1, (), ())


def test_a_call_without_an_answer_is_found_by_resource_and_time() -> None:
    """No request id came back: operation, resource, time, and a session's credential."""
    unanswered = msgspec.structs.replace(DELETE, request_id="", lease="")
    found = compared(event(role=f"arn:aws:iam::{ACCOUNT}:role/app", session="app"), calls=(unanswered,))
    assert (found.matched, found.around, found.missing) == (1, (), ())
    other = event(
        role=f"arn:aws:iam::{ACCOUNT}:role/app", session="app", requestParameters={"tableName": "other"}
    )
    assert [one.operation for one in compared(other, calls=(unanswered,)).around] == ["dynamodb:DeleteTable"]


AROUND: Final = {
    "an engineer's own key": (event(requestID="REQ-2"), ""),
    "the plane's change role, without a case": (
        event(role=f"{ROLE}change", session="mine", requestID="REQ-2"),
        "under one of Keyturn's own roles, and no case or step tells of it",
    ),
    "the case's name, for something else": (
        event("UpdateTable", role=f"{ROLE}change", session="C-1-r1", requestID="REQ-2"),
        "under one of Keyturn's own roles",
    ),
    "the case's name, hours later": (
        event(role=f"{ROLE}change", session="C-1-r1", requestID=None, after_s=7_000),
        "under one of Keyturn's own roles",
    ),
    "the case's name under another role": (
        event(role=f"arn:aws:iam::{ACCOUNT}:role/admin", session="C-1-r1", requestID="REQ-2"),
        "under the name of a case that did something else",
    ),
    "a backup by somebody else": (event("CreateBackup", requestID="REQ-2", after_s=-1), ""),
    "a delete under the backup role": (
        event(
            "DeleteBackup", role=f"{ROLE}backup", session="keyturn-backup", requestID="REQ-2", after_s=3_000
        ),
        "under one of Keyturn's own roles",
    ),
    "an operation nobody knows": (event("ExplodeTable", requestID="REQ-2"), ""),
    "one that does not say whether it reads": (
        {key: value for key, value in event(requestID="REQ-2").items() if key != "readOnly"},
        "",
    ),
}


@pytest.mark.parametrize("name", AROUND)
def test_what_no_case_tells_of_went_round(name: str) -> None:
    """Whoever did it is named: identity, address, key, event."""
    seen, why = AROUND[name]
    found = compared(OURS["by its request id"], seen)
    assert found.matched == 1
    [one] = found.around
    assert one.why.startswith(why) if why else not one.why
    assert (one.source_ip, one.event_id) == ("198.51.100.7", "e-1")
    assert one.who.startswith("arn:aws:")
    assert not one.text, "parameters may hold secrets, and are not shown"


def test_the_same_event_twice_is_two_calls() -> None:
    """A call left once: a second event under its name is somebody else's."""
    again = OURS["by the case's session name, without a request id"]
    assert len(compared(again, again).around) == 1


def test_what_the_plane_does_for_itself_is_known_by_its_steps() -> None:
    """Backups and drills, under its roles, when the log says so."""
    backup = event("CreateBackup", role=f"{ROLE}backup", session="keyturn-backup", requestID="B", after_s=-1)
    scratch = event(
        "RestoreTableFromBackup",
        role=f"{ROLE}backup",
        session="keyturn-backup",
        requestID="D",
        after_s=-1,
        requestParameters={"targetTableName": "keyturn-drill-1"},
    )
    found = compared(OURS["by its request id"], backup, scratch)
    assert (found.matched, found.own, found.around) == (1, 2, ())


def test_services_and_refusals_are_said_apart() -> None:
    """CloudFormation on somebody's behalf is no attack; a refused attempt is no change, and worth knowing."""
    service = event(requestID="S")
    service["userIdentity"] = service["userIdentity"] | {"invokedBy": "cloudformation.amazonaws.com"}
    refused = event(requestID="R", errorCode="AccessDenied")
    found = compared(OURS["by its request id"], service, refused)
    assert found.around == ()
    assert [one.by_service for one in found.services] == ["cloudformation.amazonaws.com"]
    assert [one.error for one in found.refused] == ["AccessDenied"]


def test_a_call_that_the_trail_should_have_is_missed() -> None:
    """In the trail's time and older than delivery takes; a data event is said apart, a young one only counted."""
    item = msgspec.structs.replace(DELETE, case="C-2", operation="dynamodb:DeleteItem", request_id="I")
    young = msgspec.structs.replace(DELETE, case="C-3", at_ms=AT + 7_000_000, request_id="Y")
    before = msgspec.structs.replace(DELETE, case="C-0", at_ms=AT - 86_400_000, request_id="Z")
    found = compared(event("DescribeTable", readOnly=True), calls=(before, DELETE, item, young))
    assert [one.case for one in found.missing] == ["C-1"]
    assert [one.case for one in found.data] == ["C-2"]
    assert found.late == 1


def test_what_cannot_be_read_is_not_passed_over() -> None:
    """A record without a time or a name may be anything; one of another account is not ours to judge."""
    broken = {key: value for key, value in event().items() if key != "eventName"}
    found = compared(
        OURS["by its request id"],
        broken,
        {"eventTime": "yesterday"},
        event(recipientAccountId="999999999999"),
    )
    assert len(found.unread) == 2
    assert len(reconciled([broken, {}], ()).unread) == 2
