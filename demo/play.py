"""The night, played: unguarded, through Keyturn, and taken back. Every claim is checked against the account.

python -m demo.play [--service cost-report] [--keep]
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from demo import world
from keyturn.testing.standin import StandIn

AGENT = Path(__file__).parent / "reckless_agent.py"
NUMBER, REGION = "123456789012", "eu-central-1"
UP_S_MAX = 20.0


class Stage:
    """A stand-in account with Keyturn in front of it, and people who use its command line."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self.folder, self.endpoint = folder, endpoint
        self.gateway, self.console = _port(), _port()
        self.process: subprocess.Popen[bytes] | None = None
        self.failed: list[str] = []

    def claim(self, says: str, holds: object) -> None:
        """Say it, with whether the account bears it out."""
        print(f"    {'ok ' if holds else 'NOT SO:'} {says}", flush=True)
        if not holds:
            self.failed.append(says)

    def environment(self, person: str) -> dict[str, str]:
        return {
            **os.environ,
            "KEYTURN_CONFIG": str(self.folder / "keyturn.toml"),
            "KEYTURN_LOGIN_FILE": str(self.folder / f"{person}.json"),
            "KEYTURN_URL": f"http://127.0.0.1:{self.console}",
        }

    def cli(self, person: str, *words: str) -> subprocess.CompletedProcess[str]:
        """One keyturn command in a person's own login."""
        command = [sys.executable, "-m", "keyturn.cli.main", *words]
        return subprocess.run(
            command, env=self.environment(person), capture_output=True, text=True, check=False, timeout=300
        )

    def cases(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.cli("bob", "inbox", "--all", "-o", "json").stdout)
        return found

    def open(self) -> None:
        """init, up, and three people: bob runs the agent, dana and erin review."""
        ports = ("--gateway-port", str(self.gateway), "--console-port", str(self.console))
        where = ("--account", NUMBER, "--region", REGION, "--data-dir", str(self.folder / "data"))
        made = self.cli("bob", "init", *where, *ports, "--admin", "bob").stdout
        path = self.folder / "keyturn.toml"
        roles = "".join(
            f'{role}_role = "arn:aws:iam::{NUMBER}:role/keyturn-{role}"\n'
            for role in ("read", "change", "backup")
        )
        standin = f'endpoint_url = "{self.endpoint}"\naccess_key_id = "AKIAPLANE"\nsecret_access_key = "plane"\n{roles}'
        text = path.read_text().replace(f'region = "{REGION}"\n', f'region = "{REGION}"\n{standin}')
        path.write_text(text + "\n[holds]\nwait_s = 0.2\n")
        with (self.folder / "up.log").open("wb") as log:
            command = [sys.executable, "-m", "keyturn.cli.main", "up"]
            self.process = subprocess.Popen(command, env=self.environment("bob"), stdout=log, stderr=log)
        deadline = time.monotonic() + UP_S_MAX
        token = next(word for word in made.split() if word.startswith("kt_"))
        while self.cli("bob", "login", "--token", token).returncode != 0:
            if time.monotonic() > deadline:
                sys.exit((self.folder / "up.log").read_text())
            time.sleep(0.2)
        for person in ("dana", "erin"):
            added = self.cli("bob", "user", "add", person, "--role", "reviewer").stdout
            self.cli(person, "login", "--token", added.split()[-1])

    def close(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=20)


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def act_one(service: str) -> list[str]:
    """The agent with the engineer's own key."""
    print("\nACT I  Unguarded: the agent has the engineer's key.", flush=True)
    with StandIn() as standin:
        account = world.Account(standin.endpoint, "AKIAENGINEER", "secret", region=REGION)
        world.build(account, service)
        before = world.capture(account, service)
        own = {
            "AWS_ACCESS_KEY_ID": "AKIAENGINEER",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": REGION,
        }
        environment = {**os.environ, **own, "AWS_ENDPOINT_URL": standin.endpoint}
        subprocess.run(_agent(service), env=environment, capture_output=True, check=False, timeout=200)
        stage = Stage(Path(), standin.endpoint)
        lost = world.losses(before, world.capture(account, service))
        stage.claim("the bug is fixed", not world.bug(account, service))
        stage.claim(
            "and gone are: " + ", ".join(f"{count:,} {what}" for what, count in lost.items()),
            all(lost.values()),
        )
        return stage.failed


def _agent(service: str) -> list[str]:
    wanted = f"TABLE_NAME={world.names(service)['table']}"
    return [sys.executable, str(AGENT), "--service", service, "--fix", wanted]


def act_two(stage: Stage, account: Any, service: str) -> None:
    """The same agent through Keyturn; a second person denies what is held."""
    print(
        "\nACT II  Through Keyturn: the agent has a session's key that is worth nothing elsewhere.",
        flush=True,
    )
    before = world.capture(account, service)
    ran = stage.cli("bob", "run", "--agent", "reckless", "--", *_agent(service))
    for line in ran.stdout.splitlines():
        if "update-function-configuration" in line or "create function" in line or "delete table" in line:
            print(f"      {line[:150]}", flush=True)
    lost = world.losses(before, world.capture(account, service))
    stage.claim(
        "the bug is fixed, by one call in place", not world.bug(account, service) and ran.returncode == 0
    )
    stage.claim(
        "nothing is lost: " + ", ".join(f"{count} {what}" for what, count in lost.items()),
        not any(lost.values()),
    )
    cases = stage.cases()
    held = [case for case in cases if case["phase"] == "held"]
    stage.claim(f"{len(held)} cases are held, none of them executed", held)
    stage.claim(
        "delete and create of one identity was seen as a replace", any(c["symbol"] == "-/+" for c in cases)
    )
    denied = [
        stage.cli("dana", "deny", case["id"], "-m", "the narrow patch was enough").returncode for case in held
    ]
    stage.claim("dana, who does not run the agent, denies them", not any(denied))


def act_three(stage: Stage, account: Any, service: str) -> None:
    """One table is to go after all, and is taken back."""
    table = world.names(service)["archive"]
    print(f"\nACT III  After all, {table} is to go.", flush=True)
    before = world.capture(account, service)["archive"]
    aws = [str(Path(sys.executable).parent / "aws"), "dynamodb", "delete-table", "--table-name", table]
    stage.cli("bob", "run", "--agent", "careful", "--", *aws)
    case = next(case["id"] for case in stage.cases() if case["phase"] == "held")
    one = json.loads(stage.cli("dana", "approve", case, "-o", "json").stdout)
    stage.claim(
        "one approval does not suffice", one["phase"] == "held" and world.table_config(account, table)
    )
    refused = stage.cli("bob", "approve", case)
    stage.claim(
        "bob, who runs the agent, is refused", refused.returncode == 3 and world.table_config(account, table)
    )
    stage.cli("erin", "approve", case)
    stage.cli("erin", "execute", case)
    done = _until(stage, case, {"confirmed", "failed", "invalidated"})
    stage.claim(f"with two approvals it was executed: {done['phase']}", done["phase"] == "confirmed")
    stage.claim("the table is gone", world.table_config(account, table) is None)
    proved = [backup["verified_by"] for backup in done["backups"]]
    stage.claim(f"a backup was proved first: {'; '.join(proved)}", all(proved) and proved)
    undone = stage.cli("erin", "undo", case)
    print(f"      {undone.stdout.strip()}", flush=True)
    after = world.capture(account, service)["archive"] or {}
    other = {key for key in (before or {}) if (before or {})[key] != after.get(key)}
    stage.claim(
        "the table is back: items, keys, indexes, billing mode, tags, TTL, stream, protection equal",
        not other - {"stream ARN"},
    )
    stage.claim(f"and honestly not the same: {', '.join(sorted(other)) or 'nothing'}", True)
    bundle = stage.folder / "log.zip"
    stage.cli("erin", "export", str(bundle))
    checked = stage.cli("erin", "verify", str(bundle))
    stage.claim("the exported log verifies offline", checked.returncode == 0)
    if checked.returncode:
        print(checked.stdout, flush=True)


def _until(stage: Stage, case: str, phases: set[str]) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while True:
        found: dict[str, Any] = json.loads(stage.cli("erin", "show", case, "-o", "json").stdout)
        if found["phase"] in phases or time.monotonic() > deadline:
            return found
        time.sleep(0.3)


def main() -> int:
    """Play it; 0 only when every claim was borne out."""
    parser = argparse.ArgumentParser(
        description="The night, played on a stand-in account (moto), not on AWS."
    )
    parser.add_argument("--service", default="cost-report")
    parser.add_argument("--keep", action="store_true", help="leave everything running at the end")
    given = parser.parse_args()
    print("This is a stand-in account (moto's server), not AWS.", flush=True)
    failed = act_one(given.service)
    with StandIn() as standin, tempfile.TemporaryDirectory(prefix="keyturn-demo-") as folder:
        account = world.Account(standin.endpoint, "AKIAENGINEER", "secret", region=REGION)
        world.build(account, given.service)
        stage = Stage(Path(folder), standin.endpoint)
        stage.open()
        try:
            act_two(stage, account, given.service)
            act_three(stage, account, given.service)
            if given.keep:
                print(
                    f"\nThe console is at http://127.0.0.1:{stage.console} (logins in {folder}); Enter ends it.",
                    flush=True,
                )
                input()
        finally:
            stage.close()
        failed += stage.failed
    print(
        f"\n{'Every claim was checked against the account.' if not failed else f'NOT borne out: {failed}'}",
        flush=True,
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
