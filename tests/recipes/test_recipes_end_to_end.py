"""S3 and SQS through everything that ships: an agent's SDK, the gateway, the shipped policy, `keyturn undo`, a stand-in account."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.account import names
from demo.stage import Stage
from demo.world import Account, build
from keyturn.testing.standin import StandIn

SERVICE = "whole-way"
NAMES = names(SERVICE)
KEY = "2026/001.csv"

AGENT = """
import json, sys, boto3
for service, method, parameters in json.load(sys.stdin):
    try:
        getattr(boto3.client(service), method)(**parameters)
        print("done", flush=True)
    except Exception as error:
        print(error.response["Error"]["Code"], flush=True)
"""
"""Makes the calls it is given, and says of each how it went."""


def asked(queue: str) -> list[tuple[str, str, dict[str, Any], str]]:
    """(service, method, parameters, what the agent hears)."""
    reports, scratch = {"Bucket": NAMES["reports"]}, {"Bucket": NAMES["scratch"]}
    tags = [{"Key": "environment", "Value": "production"}, {"Key": "team", "Value": "x"}]
    suspended = {"VersioningConfiguration": {"Status": "Suspended"}}
    return [
        ("s3", "put_bucket_tagging", {**reports, "Tagging": {"TagSet": tags}}, "done"),
        (
            "sqs",
            "set_queue_attributes",
            {"QueueUrl": queue, "Attributes": {"VisibilityTimeout": "99"}},
            "done",
        ),
        ("s3", "put_object", {**reports, "Key": KEY, "Body": "overwritten"}, "done"),
        ("s3", "put_object", {**scratch, "Key": "raw/001.json", "Body": "overwritten"}, "AccessDenied"),
        ("s3", "put_bucket_versioning", {**reports, **suspended}, "AccessDenied"),
        ("s3", "delete_objects", {**reports, "Delete": {"Objects": [{"Key": KEY}]}}, "AccessDenied"),
        ("sqs", "purge_queue", {"QueueUrl": queue}, "AccessDeniedException"),
    ]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    with StandIn() as running:
        made = Account(running.endpoint, "AKIAENGINEER", "secret")
        build(made, SERVICE, items=5)
        yield made


def look(account: Account, queue: str) -> dict[str, Any]:
    """What the engineer sees of everything the agent tries to change."""
    s3 = account("s3")
    held = account("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    return {
        "tags": s3.get_bucket_tagging(Bucket=NAMES["reports"])["TagSet"],
        "versioning": s3.get_bucket_versioning(Bucket=NAMES["reports"])["Status"],
        "report": s3.get_object(Bucket=NAMES["reports"], Key=KEY)["Body"].read(),
        "export": s3.get_object(Bucket=NAMES["scratch"], Key="raw/001.json")["Body"].read(),
        "timeout": held["VisibilityTimeout"],
        "messages": held["ApproximateNumberOfMessages"],
    }


def test_what_went_through_is_taken_back_and_what_is_final_was_held(account: Account, tmp_path: Path) -> None:
    """The agent does its work; what cannot be had again waits; and a person gets back all that was done, by one word each."""
    queue = account("sqs").get_queue_url(QueueName=NAMES["queue"])["QueueUrl"]
    before = look(account, queue)
    steps = asked(queue)
    (tmp_path / "steps.json").write_text(json.dumps([step[:3] for step in steps]))
    (tmp_path / "agent.py").write_text(AGENT.replace("sys.stdin", f"open({str(tmp_path / 'steps.json')!r})"))
    stage = Stage(tmp_path, account.endpoint)
    try:
        stage.open()
        heard = stage.cli(
            "bob", "run", "--agent", "worker", "--", sys.executable, str(tmp_path / "agent.py")
        ).stdout
        assert heard.split() == [step[3] for step in steps]
        changed = {name for name, value in look(account, queue).items() if value != before[name]}
        assert changed == {"tags", "timeout", "report"}
        done = [case for case in stage.cases() if case["phase"] == "confirmed"]
        assert len(done) == len(changed)
        for case in done:
            said = stage.cli("bob", "undo", case["id"])
            assert said.returncode == 0, said.stderr
            assert "confirmed" in said.stdout
    finally:
        stage.close()
    assert look(account, queue) == before
