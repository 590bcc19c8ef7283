"""What voids an approval and what does not, on a plane that runs: data that moves leaves it standing, a setting that moves does not."""

from __future__ import annotations

import msgspec

from tests.console.running_plane import Plane


def table_of(plane: Plane, case: str) -> str:
    """The table that a case is about."""
    found: str = plane.case(case)["resources"][0]
    return found.rpartition("/")[2]


def test_data_that_moves_voids_no_approval(plane: Plane) -> None:
    """One has approved; items are written; the other approves, and it is sent: the state that was shown is that of the settings, and
    what was written is in the backup.
    """
    case = plane.held_table(agent="carrying")
    plane.review("dana", case, approve=True)
    shown = plane.case(case)["binding"]
    for number in range(3, 8):
        item = {"id": {"S": str(number)}}
        plane.account("dynamodb").put_item(TableName=table_of(plane, case), Item=item)
    after = plane.review("erin", case, approve=True)
    assert (after["approvals"], after["binding"]) == (["dana", "erin"], shown)
    with plane.api("erin") as api:
        api.post(f"/cases/{case}/execute", json={}).raise_for_status()
    done = plane.until(case, "confirmed")
    proof = {step["name"]: (step["holds"], step["detail"]) for step in done["proof"]}
    assert proof["state unchanged"] == (True, "re-read just now, as assessed")
    assert proof["quorum on this digest"] == (True, "2 of 2: dana, erin")
    assert "8 items" in proof["backup verified"][1]


def test_a_setting_that_moves_voids_it_and_says_which(plane: Plane) -> None:
    """The same with a setting: the second approval finds it, the first is void, nothing left, and asked again it is another case."""
    case = plane.held_table(agent="carrying")
    plane.review("dana", case, approve=True)
    name = table_of(plane, case)
    plane.account("dynamodb").update_table(TableName=name, DeletionProtectionEnabled=True)
    with plane.api("erin") as api:
        body = {"approve": True, "binding": plane.case(case)["binding"]}
        told = api.post(f"/cases/{case}/review", json=body).json()
    after = plane.case(case)
    assert after["phase"] == "invalidated", msgspec.json.encode(told)
    assert after["reason"] == f"state changed: changed since it was assessed: dynamodb:table/{name}"
    plane.account("dynamodb").update_table(TableName=name, DeletionProtectionEnabled=False)
    assert plane.account("dynamodb").describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE"
    with plane.agent("carrying") as aws:
        again = plane.held("again", lambda: aws("dynamodb").delete_table(TableName=name))
    assert (again != case, plane.case(again)["approvals"]) == (True, [])
    plane.review("erin", again, approve=False, note="the test is over")
