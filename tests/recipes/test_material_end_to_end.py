"""The agent goes for the backup of what it was let delete: through everything that ships, with a real SDK and a stand-in account."""

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

SERVICE = "material"
TABLE = names(SERVICE)["archive"]

AGENT = """
import json, sys, boto3
for service, method, parameters in json.loads(sys.argv[1]):
    try:
        getattr(boto3.client(service), method)(**parameters)
        print("done", flush=True)
    except Exception as error:
        print(str(error).replace(chr(10), " "), flush=True)
"""
"""Makes the calls it is given, and says of each what it heard."""


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    with StandIn() as running:
        made = Account(running.endpoint, "AKIAENGINEER", "secret")
        build(made, SERVICE, items=5)
        yield made


def heard(stage: Stage, *calls: tuple[str, str, dict[str, Any]]) -> list[str]:
    words = [sys.executable, "-c", AGENT, json.dumps(calls)]
    return stage.cli("bob", "run", "--agent", "worker", "--", *words).stdout.splitlines()


def test_the_backup_of_an_approved_delete_cannot_be_deleted_and_gives_the_table_back(
    account: Account, tmp_path: Path
) -> None:
    """Held, approved by two, executed; then the backup is asked away, and read; then all is undone from it."""
    dynamodb = account("dynamodb")
    items = dynamodb.scan(TableName=TABLE)["Count"]
    stage = Stage(tmp_path, account.endpoint)
    try:
        stage.open()
        heard(stage, ("dynamodb", "delete_table", {"TableName": TABLE}))
        (case,) = [found["id"] for found in stage.held()]
        for reviewer in ("dana", "erin"):
            assert stage.cli(reviewer, "approve", case).returncode == 0
        executed = stage.cli("dana", "execute", case)
        assert executed.returncode == 0, executed.stderr
        (backup,) = stage.until(case, {"confirmed"})["backups"]
        named = {"BackupArn": backup["reference"]}
        refused, read = heard(
            stage, ("dynamodb", "delete_backup", named), ("dynamodb", "describe_backup", named)
        )
        assert f"is the backup that {case} is given back from" in refused
        assert "Nothing was executed" in refused
        assert read == "done"
        assert stage.cli("erin", "undo", case).returncode == 0
    finally:
        stage.close()
    assert dynamodb.scan(TableName=TABLE)["Count"] == items > 0
