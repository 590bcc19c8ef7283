"""The narrower way, looked at and sent instead: by the command line's own API, against a stand-in account."""

from __future__ import annotations

import contextlib
from typing import Any

from botocore.exceptions import ClientError

from tests.console.running_plane import Plane

TABLE = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "Tags": [{"Key": "environment", "Value": "production"}],
}


def asked_anew(plane: Plane) -> tuple[str, str]:
    """(case, table) once it is known what the agent wants."""
    table = f"narrow-{len(plane.inbox())}"
    plane.account("dynamodb").create_table(TableName=table, BillingMode="PAY_PER_REQUEST", **TABLE)
    with plane.agent("kiro") as aws:
        case = plane.held(table, lambda: aws("dynamodb").delete_table(TableName=table))
        with contextlib.suppress(ClientError):
            aws("dynamodb").create_table(
                TableName=table,
                BillingMode="PROVISIONED",
                ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
                **TABLE,
            )
    return case, table


def code(answer: Any) -> str:
    return str(answer.json()["error"]["code"])


def test_what_is_not_known_exactly_is_not_sent(plane: Plane) -> None:
    """A delete alone does not say what is wanted: the ways are shown, and none of them goes."""
    case = plane.held_table()
    with plane.api("dana") as api:
        ways = api.get(f"/cases/{case}/narrow").json()["ways"]
        assert [(way["verdict"], way["exact"], way["sendable"]) for way in ways] == [("maybe", False, False)]
        assert code(api.post(f"/cases/{case}/narrow", json={})) == "not-exact"
        assert code(api.post(f"/cases/{case}/narrow", json={"number": 7})) == "narrow"
        assert code(api.post("/cases/C-999999/narrow", json={})) == "no-case"
    assert plane.case(case)["phase"] == "held"


def test_the_narrower_way_is_sent_instead_once(plane: Plane) -> None:
    """A case of its own in the sender's name; the table keeps its items, and what was held is withdrawn."""
    case, table = asked_anew(plane)
    with plane.api("olga") as api:  # she only runs agents, and this one is bob's
        assert code(api.post(f"/cases/{case}/narrow", json={})) == "not-yours"
    with plane.api("ada") as api:
        assert code(api.post(f"/cases/{case}/narrow", json={})) == "forbidden"
    with plane.api("dana") as api:
        (way,) = api.get(f"/cases/{case}/narrow").json()["ways"]
        assert (way["verdict"], way["exact"], way["sendable"]) == ("patch", True, True)
        assert {cost["call"] for cost in way["costs"]} == {"dynamodb:UpdateTable"}
        sent = api.post(f"/cases/{case}/narrow", json={"number": 1}).raise_for_status().json()
        assert (sent["instead_of"], sent["operator"], sent["agent"]) == (case, "dana", "")
        assert sent["operations"] == ["dynamodb:UpdateTable"]
        again = api.post(f"/cases/{case}/narrow", json={})
        assert (code(again), sent["id"] in again.json()["error"]["message"]) == ("sent-already", True)
    before = plane.case(case)
    assert (before["phase"], before["reason"]) == (
        "withdrawn",
        f"withdrawn by dana: {sent['id']} was sent instead",
    )
    if sent["phase"] == "held":
        with plane.api("dana") as api:  # it is her own now
            own = api.post(
                f"/cases/{sent['id']}/review", json={"approve": True, "binding": sent["binding"], "note": ""}
            )
            assert own.is_error
        for name in ("erin", "bob")[: max(1, sent["quorum"])]:
            plane.review(name, sent["id"], approve=True)
    plane.until(sent["id"], "confirmed")
    stands = plane.account("dynamodb").describe_table(TableName=table)["Table"]
    assert stands["ProvisionedThroughput"]["ReadCapacityUnits"] == 5


def test_an_operation_is_taken_out_and_the_rest_is_decided_anew(plane: Plane) -> None:
    """Of a replace the create goes: what is left is the delete, which nobody has approved."""
    case, table = asked_anew(plane)
    assert plane.case(case)["operations"] == [
        "dynamodb:DeleteTable",
        "dynamodb:CreateTable",
    ]
    plane.review("dana", case, approve=True)
    with plane.api("olga") as api:
        assert code(api.post(f"/cases/{case}/narrow", json={"without": [2]})) == "not-yours"
    with plane.api("ada") as api:
        assert code(api.post(f"/cases/{case}/narrow", json={"without": [2]})) == "forbidden"
    with plane.api("erin") as api:
        for nonsense in ([1, 2], [3], [0]):
            assert code(api.post(f"/cases/{case}/narrow", json={"without": nonsense})) == "narrow"
        left = api.post(f"/cases/{case}/narrow", json={"without": [2]})
        assert left.status_code == 200, left.text
        found = plane.until(case, "held")
        assert found["operations"] == ["dynamodb:DeleteTable"]
        assert found["approvals"] == []
        assert code(api.post(f"/cases/{case}/narrow", json={"without": [1]})) == "narrow"
    assert plane.account("dynamodb").describe_table(TableName=table)["Table"]["TableStatus"] == "ACTIVE"
