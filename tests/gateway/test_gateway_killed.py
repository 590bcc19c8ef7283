"""The whole process killed while a change is on its way: started again, it looks what became of it, and sends nothing twice."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config as BotoConfig
from botocore.exceptions import BotoCoreError, ClientError

from keyturn.testing.standin import StandIn
from tests.gateway.gateway_world import NUMBER, REGION, Seen, Upstream
from tests.ports import free_port

WAIT_S = 90.0


@pytest.fixture
def account() -> Iterator[StandIn]:
    with StandIn() as made:
        yield made


@pytest.fixture
def upstream(account: StandIn) -> Iterator[Upstream]:
    """Passes everything on to the account; a create takes effect at once and is answered much too late."""
    made = Upstream()
    place = urlsplit(account.endpoint)

    def forward(seen: Seen) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=20)
        kept = {name: value for name, value in seen.headers.items() if name != "host"}
        connection.request(seen.method, seen.path, seen.body, kept)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if "CreateTable" in seen.headers.get("x-amz-target", ""):
            time.sleep(3)
        return answer.status, {"content-type": answer.getheader("content-type", "")}, body

    made.answer = forward
    yield made
    made.close()


class Child:
    """``keyturn`` in processes of its own, with a home of its own."""

    def __init__(self, home: Path, upstream: Upstream) -> None:
        self.home = home
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "KEYTURN_CONFIG": str(home / "keyturn.toml"),
        }
        self.process: subprocess.Popen[str] | None = None
        told = self.run(
            "init",
            "--account",
            NUMBER,
            "--region",
            REGION,
            "--data-dir",
            str(home / "data"),
            "--gateway-port",
            "0",
            "--console-port",
            str(free_port()),
        )
        self.invite = told.partition(" login --token ")[2].split()[0]
        config = (home / "keyturn.toml").read_text()
        extra = f'[aws]\nendpoint_url = "{upstream.endpoint}"\naccess_key_id = "AKIAPLANE"\nsecret_access_key = "plane"\n'
        (home / "keyturn.toml").write_text(config.replace("[aws]\n", extra))

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "keyturn.cli.main", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def up(self) -> str:
        """Start it; returns the gateway's URL."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "keyturn.cli.main", "up"],
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        words = line.replace(",", " ").split()
        gateway, console = [word for word in words if word.startswith("http")]
        self.environment["KEYTURN_URL"] = console
        return gateway

    def kill(self, number: int = signal.SIGKILL) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(WAIT_S)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def case(self, case_id: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("show", case_id, "-o", "json"))
        return found


def test_a_kill_in_the_middle_of_a_call_repeats_nothing(upstream: Upstream, tmp_path: Path) -> None:
    """The intent was durable, the call left, the answer never came: after the restart the account is read, not asked again."""
    keyturn = Child(tmp_path, upstream)
    gateway = keyturn.up()
    keyturn.run("login", "--token", keyturn.invite)
    key = json.loads(keyturn.run("session", "new", "--agent", "kiro", "-o", "json"))
    client = boto3.client(
        "dynamodb",
        region_name=REGION,
        endpoint_url=gateway,
        aws_access_key_id=key["access_key_id"],
        aws_secret_access_key=key["secret_access_key"],
        config=BotoConfig(retries={"max_attempts": 0}),
    )

    def create() -> None:
        with pytest.raises((BotoCoreError, ClientError)):
            client.create_table(
                TableName="orders",
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
                Tags=[{"Key": "environment", "Value": "test"}],
            )

    asking = threading.Thread(target=create)
    asking.start()
    end = time.monotonic() + WAIT_S
    while not _creates(upstream):
        assert time.monotonic() < end
        time.sleep(0.02)
    keyturn.kill()
    asking.join(WAIT_S)
    client.close()
    keyturn.up()
    try:
        end = time.monotonic() + WAIT_S
        while (case := keyturn.case("C-1"))["phase"] not in {"confirmed", "failed", "inconclusive"}:
            assert time.monotonic() < end, case["phase"]
            time.sleep(0.3)
        assert case["phase"] == "confirmed"
        events = [line["event"] for line in case["story"]]
        assert events.count("sent") == 1
        assert "reconciled" in events
        assert len(_creates(upstream)) == 1
        bundle = tmp_path / "log.zip"
        keyturn.run("export", str(bundle))
        assert "FAIL" not in keyturn.run("verify", str(bundle))
    finally:
        keyturn.kill(signal.SIGTERM)


def _creates(upstream: Upstream) -> list[Seen]:
    return [seen for seen in upstream.seen if "CreateTable" in seen.headers.get("x-amz-target", "")]
