"""What an auditor types: some cases exported, a sample drawn, the account's trail compared with the log."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from keyturn.cli.main import main
from tests.console.running_plane import WAIT_S, Plane, running


class Desk:
    """A filled plane, and command lines before it."""

    def __init__(self, plane: Plane) -> None:
        self.plane = plane

    def say(self, person: str, *words: str, url: str = "") -> Result:
        """What this person types, and what it answers; a stranger has no login."""
        token = self.plane.token(person) if person != "stranger" else ""
        given = {
            "KEYTURN_URL": url or self.plane.url,
            "KEYTURN_TOKEN": token,
            "KEYTURN_LOGIN_FILE": "/nowhere",
        }
        return CliRunner().invoke(main, words, env=given)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with running(tmp_path_factory.mktemp("plane")) as plane:
        yield Desk(plane)


def test_some_cases_are_exported_with_what_proves_them(desk: Desk, tmp_path: Path) -> None:
    """By case, agent, effect or time: the bundle says what was asked for, passes with the key pinned, and says the same to programs."""
    case = desk.plane.cases["undone"]
    file = tmp_path / "some.zip"
    told = desk.say("ada", "export", "--out", str(file), "--case", case, "--since", "2020-01-01T00:00Z")
    assert told.exit_code == 0, told.output
    key = json.loads(desk.say("ada", "status", "-o", "json").stdout)["public_key"]
    told = desk.say("stranger", "verify", str(file), "--key", key, "-o", "json", url="http://127.0.0.1:1")
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert (found["passed"], found["pinned"], found["key"]) == (True, True, key)
    said = {check["name"]: check["detail"] for check in found["checks"]}
    assert said["selection"].startswith("1 of ")
    assert said["selection"].endswith(
        f"cases, whole, as the plane says: since 2020-01-01T00:00:00Z, cases {case}"
    )
    assert said["verdicts"] == "1 calls left: 0 allowed by policy, 1 held"
    trusting = desk.say("stranger", "verify", str(file))
    assert f"The key was taken on trust: {key}" in trusting.output
    none = desk.say("ada", "export", str(file), "--agent", "nobody")
    assert none.exit_code == 0
    assert "selection: 0 of " in desk.say("stranger", "verify", str(file)).output


def test_a_sample_is_drawn_again_by_its_seed(desk: Desk) -> None:
    """Who asked, who approved, whether that was somebody else: the same cases for the same seed, others for another."""
    first, again = (desk.say("ada", "evidence", "sample", "-n", "2", "--seed", "audit-7") for _ in range(2))
    assert first.exit_code == 0, first.output
    assert first.output == again.output
    assert "kiro <- bob" in first.output
    assert "seed audit-7" in first.output.replace("\n", " ")
    found = json.loads(
        desk.say("ada", "evidence", "sample", "-n", "99", "--seed", "audit-7", "-o", "json").stdout
    )
    assert len(found["cases"]) == found["population"] < found["in_log"]
    ranked = sorted(
        (one["case"] for one in found["cases"]),
        key=lambda name: hashlib.sha256(f"audit-7:{name}".encode()).digest(),
    )
    assert [one["case"] for one in found["cases"]] == ranked, "anybody can do it"
    undone = next(one for one in found["cases"] if one["case"] == desk.plane.cases["undone"])
    checks = ("independent", "same_change", "state_read", "backup")
    assert (undone["approvers"], [undone[name]["holds"] for name in checks]) == (["dana", "erin"], [True] * 4)
    assert desk.say("olga", "evidence", "sample").exit_code == 3


def test_who_went_round_is_told_by_the_account_s_trail(desk: Desk, tmp_path: Path) -> None:
    """Delivered as S3 has it, gzip and digests beside it: our calls are found by their request ids, a stranger's is listed with
    his address and key; offline against a bundle the same; without his event all agree.
    """
    with desk.plane.api("ada") as api:
        told = api.get("/evidence/calls").json()
    calls = [call for call in told["calls"] if not call.get("step")]
    assert all(call["request_id"] for call in calls), "every answer names its request"
    begun = min(call["at_ms"] for call in told["calls"])
    records = [trail(call, "C-1-r1") for call in calls]
    records += [trail(call, "keyturn-backup") for call in told["calls"] if call.get("step")]
    stranger = trail(calls[0] | {"request_id": "OTHER", "operation": "dynamodb:DeleteTable"}, "mallory")
    end = trail(calls[0] | {"at_ms": begun + 7_200_000, "request_id": "END"}, "reader") | {"readOnly": True}
    folder = tmp_path / "AWSLogs" / "123456789012" / "CloudTrail" / "eu-central-1" / "2026" / "01" / "01"
    digests = tmp_path / "AWSLogs" / "123456789012" / "CloudTrail-Digest"
    for place in (folder, digests):
        place.mkdir(parents=True)
    (digests / "x.json.gz").write_bytes(b"not looked at")
    (folder / "a.json.gz").write_bytes(gzip.compress(json.dumps({"Records": [*records, stranger]}).encode()))
    (folder / "b.jsonl").write_text(json.dumps(end) + "\n")
    found = desk.say("ada", "reconcile", "--cloudtrail", str(tmp_path))
    assert found.exit_code == 2, found.output
    assert "WENT ROUND: no case tells of these (1)" in found.output
    assert "from 198.51.100.7, key ASIAX" in found.output
    (folder / "a.json.gz").write_bytes(gzip.compress(json.dumps({"Records": records}).encode()))
    agreed = desk.say("ada", "reconcile", "--cloudtrail", str(tmp_path))
    assert (agreed.exit_code, "Trail and log agree." in agreed.output) == (0, True), agreed.output
    bundle = tmp_path / "whole.zip"
    assert desk.say("ada", "export", str(bundle)).exit_code == 0
    words = ("reconcile", "--cloudtrail", str(folder), "--bundle", str(bundle), "-o", "json")
    offline = desk.say("stranger", *words, url="http://127.0.0.1:1")
    assert (offline.exit_code, json.loads(offline.stdout)["matched"]) == (0, len(calls)), offline.output
    (folder / "a.json.gz").write_bytes(gzip.compress(json.dumps({"Records": records[1:]}).encode()))
    lost = desk.say("ada", "reconcile", "--cloudtrail", str(tmp_path))
    assert (lost.exit_code, "NOT IN THE TRAIL" in lost.output) == (3, True), lost.output
    (folder / "a.json.gz").write_bytes(b"torn")
    assert (
        "a.json.gz is no file of a trail"
        in desk.say("ada", "reconcile", "--cloudtrail", str(tmp_path)).output
    )


def test_controls_are_evaluated_where_they_run(desk: Desk) -> None:
    """As text, as a table for a report, and for programs: what is missing here stands in capitals, and compliance is not claimed."""
    told = desk.say("ada", "evidence", "controls")
    assert told.exit_code == 0, told.output
    assert "SOC 2 (TSC 2017) CC8.1  present" in told.output
    assert "ISO/IEC 27001:2022 A.8.32  NOT CONFIGURED" in told.output, "this plane is advisory"
    assert "OWASP AISVS 1.01-dev 9.2.6  NO CLAIM" in told.output
    assert max(map(len, told.output.splitlines())) <= 80
    assert (
        "| OWASP AISVS 1.01-dev 9.6.3 |" in desk.say("ada", "evidence", "controls", "-o", "markdown").output
    )
    found = json.loads(desk.say("ada", "evidence", "controls", "-o", "json").stdout)
    assert {one["standing"] for one in found} == {"present", "not configured", "absent"}


def test_others_are_told_what_happens(desk: Desk) -> None:
    """A running plane tells its events as CloudEvents, in order, each once, the case's story among them."""
    case, file = desk.plane.cases["undone"], desk.plane.folder / "events.jsonl"
    end = time.monotonic() + WAIT_S
    while True:
        told = [json.loads(line) for line in file.read_text().splitlines()]
        mine = [one["type"] for one in told if one.get("subject") == case]
        if "keyturn.undone.v1" in mine or time.monotonic() > end:
            break
        time.sleep(0.1)
    assert mine[:4] == [
        "keyturn.received.v1",
        "keyturn.decided.v1",
        "keyturn.reviewed.v1",
        "keyturn.reviewed.v1",
    ]
    ids = [int(one["id"]) for one in told]
    assert ids == sorted(set(ids))


def trail(call: dict[str, Any], session: str) -> dict[str, Any]:
    """The event that CloudTrail has of a call."""
    service, _, name = call["operation"].partition(":")
    role = "keyturn-backup" if session == "keyturn-backup" else "keyturn-change"
    seconds = dt.datetime.fromtimestamp(call["at_ms"] / 1000, tz=dt.UTC)
    return {
        "eventTime": seconds.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": call["region"],
        "sourceIPAddress": "198.51.100.7",
        "userIdentity": {
            "type": "AssumedRole",
            "arn": f"arn:aws:sts::123456789012:assumed-role/{role}/{session}",
            "accountId": "123456789012",
            "accessKeyId": "ASIAX",
            "sessionContext": {"sessionIssuer": {"arn": f"arn:aws:iam::123456789012:role/{role}"}},
        },
        "requestID": call.get("request_id", ""),
        "eventID": "e",
        "readOnly": False,
        "eventType": "AwsApiCall",
        "recipientAccountId": call["account"],
    }
