"""Keyturn in processes of their own over one store, an account that answers late where it is asked to, and clients of both."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
from botocore.config import Config as BotoConfig
from botocore.exceptions import BotoCoreError, ClientError

from keyturn.testing.standin import StandIn
from tests.gateway.gateway_world import NUMBER, REGION, Seen, Upstream
from tests.ports import free_port

WAIT_S: Final = 60.0
ENDED: Final = {"confirmed", "failed", "inconclusive", "invalidated", "rejected", "expired", "denied"}


def until(done: Callable[[], object], *, wait_s: float = WAIT_S, what: str = "") -> None:
    """Look again and again."""
    end_s = time.monotonic() + wait_s
    while not done():
        assert time.monotonic() < end_s, f"it did not come: {what}"
        time.sleep(0.05)


def account_behind(account: StandIn, late_s: float) -> Upstream:
    """Passes everything on to the account; what creates a table takes effect at once and is answered late."""
    made = Upstream()
    place = urlsplit(account.endpoint)

    def forward(seen: Seen) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
        kept = {name: value for name, value in seen.headers.items() if name != "host"}
        connection.request(seen.method, seen.path, seen.body, kept)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if "CreateTable" in seen.headers.get("x-amz-target", ""):
            time.sleep(late_s)
        return answer.status, {"content-type": answer.getheader("content-type", "")}, body

    made.answer = forward
    return made


class Installation:
    """One installation; its nodes are started and killed by the test. All share keys and configuration but for their ports."""

    def __init__(self, home: Path, upstream: Upstream, *, store_url: str = "") -> None:
        self.home = home
        self.nodes: list[Running] = []
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "KEYTURN_CONFIG": str(home / "keyturn.toml"),
        }
        store = ("--store-url", store_url) if store_url else ()
        told = self.run(
            *("init", "--account", NUMBER, "--region", REGION, "--data-dir", str(home / "data")),
            *("--gateway-port", "0", "--console-port", "0", *store),
        )
        self.invite = told.partition(" login --token ")[2].split()[0]
        extra = f'[aws]\nendpoint_url = "{upstream.endpoint}"\naccess_key_id = "AKIAPLANE"\nsecret_access_key = "plane"\n'
        self.configure(lambda text: text.replace("[aws]\n", extra))

    def configure(self, change: Callable[[str], str]) -> None:
        path = self.home / "keyturn.toml"
        path.write_text(change(path.read_text()))

    def run(self, *arguments: str, url: str = "", fails: bool = False) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "keyturn.cli.main", *arguments],
            env=self.environment | ({"KEYTURN_URL": url} if url else {}),
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stderr + done.stdout
        return done.stderr if fails else done.stdout

    def up(self, *arguments: str) -> Running:
        """One more start, with a console port of its own."""
        text = (self.home / "keyturn.toml").read_text()
        mine = self.home / f"node-{len(self.nodes)}.toml"
        head, _, tail = text.partition("[console]")
        mine.write_text(f"{head}[console]{tail.replace('port = 0', f'port = {free_port()}', 1)}")
        running = Running(self.environment | {"KEYTURN_CONFIG": str(mine)}, arguments, mine)
        self.nodes.append(running)
        self.environment["KEYTURN_URL"] = running.console
        return running

    def login(self) -> None:
        """At one console; every other takes the same login."""
        self.run("login", "--token", self.invite)
        kept = json.loads((self.home / ".config" / "keyturn" / "login.json").read_text())
        self.environment["KEYTURN_TOKEN"] = kept["tokens"][self.environment["KEYTURN_URL"]]

    def session(self) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(self.run("session", "new", "--agent", "kiro", "-o", "json"))
        return made

    def case(self, case_id: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("show", case_id, "-o", "json"))
        return found

    def ended(self, case_id: str) -> dict[str, Any]:
        """The case when it has come to its end."""
        until(lambda: self.case(case_id)["phase"] in ENDED, what=f"{case_id} to end")
        return self.case(case_id)

    def verified(self) -> str:
        bundle = self.home / "log.zip"
        self.run("export", str(bundle))
        told = self.run("verify", str(bundle))
        assert "FAIL" not in told, told
        return told

    def stop(self) -> None:
        for node in self.nodes:
            node.end()


class Running:
    """One ``keyturn up``."""

    def __init__(self, environment: dict[str, str], arguments: tuple[str, ...], config: Path) -> None:
        self.config = config
        self.errors = config.with_suffix(".err")
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "keyturn.cli.main", "up", *arguments],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        words = [word for word in line.replace(",", " ").split() if word.startswith("http")]
        assert len(words) == 2, line + self.errors.read_text()
        self.gateway, self.console = words

    def workers(self) -> list[int]:
        pid = self.process.pid
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send this signal, wait, and give the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
            try:
                self.process.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise
        if self.process.stdout is not None:
            self.process.stdout.close()
        return self.process.returncode

    def said(self) -> str:
        return self.errors.read_text()


class Agent:
    """A client of one gateway."""

    def __init__(self, gateway: str, key: dict[str, Any]) -> None:
        self.client = boto3.client(
            "dynamodb",
            region_name=REGION,
            endpoint_url=gateway,
            aws_access_key_id=key["access_key_id"],
            aws_secret_access_key=key["secret_access_key"],
            config=BotoConfig(retries={"max_attempts": 0}, read_timeout=50, max_pool_connections=20),
        )

    def create(self, name: str, environment: str = "test") -> str:
        """What became of it: ``ok``, the error's code, or ``broken``."""
        return self._tried(
            lambda: self.client.create_table(
                TableName=name,
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
                Tags=[{"Key": "environment", "Value": environment}],
            )
        )

    def delete(self, name: str) -> str:
        return self._tried(lambda: self.client.delete_table(TableName=name))

    def tables(self) -> str:
        return self._tried(self.client.list_tables)

    def _tried(self, call: Callable[[], object]) -> str:
        try:
            call()
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        except BotoCoreError:
            return "broken"
        return "ok"


class Asking(threading.Thread):
    """A client that waits in a thread of its own; `said` is what it was told."""

    def __init__(self, call: Callable[[], str]) -> None:
        super().__init__(daemon=True)
        self._call = call
        self.said = ""
        self.start()

    def run(self) -> None:
        self.said = self._call()


def creates(upstream: Upstream, table: str = "") -> list[Seen]:
    """Calls that created a table, as the account saw them."""
    return [
        seen
        for seen in upstream.seen
        if "CreateTable" in seen.headers.get("x-amz-target", "") and table.encode() in seen.body
    ]
