"""Keyturn in front of a stand-in account, and people at its command line: nothing here but processes and their words."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

NUMBER: Final = "123456789012"
REGION: Final = "eu-central-1"
UP_S_MAX: Final = 30.0
COMMAND_S_MAX: Final = 300.0
AGENT: Final = Path(__file__).parent / "reckless_agent.py"
AWS: Final = Path(sys.executable).parent / "aws"

Told = dict[str, Any]


class StageError(Exception):
    """The play cannot go on; says where it stopped."""


class Stage:
    """One installation of Keyturn: bob administers it and runs the agents, dana and erin review."""

    def __init__(self, folder: Path, endpoint: str, *, observe: bool = False) -> None:
        self.folder, self.endpoint, self.observe = folder, endpoint, observe
        self.gateway, self.console = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.console}"

    def open(self) -> None:
        """init, up, and three people. Raises `StageError` with what `keyturn up` said when it does not start."""
        ports = ("--gateway-port", str(self.gateway), "--console-port", str(self.console))
        where = ("--account", NUMBER, "--region", REGION, "--data-dir", str(self.folder / "data"))
        made = self.cli("bob", "init", *where, *ports, "--admin", "bob")
        if made.returncode:
            raise StageError(made.stderr)
        self._configure()
        token = next(word for word in made.stdout.split() if word.startswith("kt_"))
        self.up("login", "--token", token)
        for person in ("dana", "erin"):
            self.cli(person, "login", "--token", self.invite(person))

    def up(self, *words: str) -> None:
        """Start it; returns once `keyturn WORDS` in bob's login is answered well. Raises `StageError` with what it said when it is not."""
        with (self.folder / "up.log").open("ab") as log:
            command = [*_keyturn(), "up", *(["--observe"] if self.observe else [])]
            self._process = subprocess.Popen(command, env=self.environment("bob"), stdout=log, stderr=log)
        deadline = time.monotonic() + UP_S_MAX
        while self.cli("bob", *words).returncode != 0:
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise StageError(f"keyturn up did not start:\n{self.log()}")
            time.sleep(0.1)

    def _configure(self) -> None:
        """The stand-in's endpoint and roles; and no client is kept waiting, since nobody reviews while the agent runs."""
        path = self.folder / "keyturn.toml"
        roles = "".join(
            f'{role}_role = "arn:aws:iam::{NUMBER}:role/keyturn-{role}"\n'
            for role in ("read", "change", "backup")
        )
        standin = (
            f'endpoint_url = "{self.endpoint}"\naccess_key_id = "AKIAPLANE"\nsecret_access_key = "plane"\n'
        )
        region = f'region = "{REGION}"\n'
        text = path.read_text(encoding="utf-8").replace(region, region + standin + roles)
        path.write_text(text + "\n[holds]\nwait_s = 0.2\n", encoding="utf-8")

    def log(self) -> str:
        """The end of what `keyturn up` said."""
        return (self.folder / "up.log").read_text(encoding="utf-8", errors="replace")[-3_000:]

    def close(self) -> None:
        """Stop it; nothing that was recorded is lost."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    # --- people ------------------------------------------------------------------------------------------------------

    def environment(self, person: str) -> dict[str, str]:
        """A person's own login."""
        return {
            **os.environ,
            "KEYTURN_CONFIG": str(self.folder / "keyturn.toml"),
            "KEYTURN_LOGIN_FILE": str(self.folder / f"{person}.json"),
            "KEYTURN_URL": self.url,
        }

    def cli(self, person: str, *words: str) -> subprocess.CompletedProcess[str]:
        """One keyturn command in a person's own login."""
        return subprocess.run(
            [*_keyturn(), *words],
            env=self.environment(person),
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_S_MAX,
        )

    def json(self, person: str, *words: str) -> Any:
        """As `cli`, its answer as data. Raises `StageError` when it is none."""
        done = self.cli(person, *words, "-o", "json")
        try:
            return json.loads(done.stdout)
        except ValueError:
            raise StageError(f"keyturn {shlex.join(words)}: {done.stderr or done.stdout}") from None

    def invite(self, person: str) -> str:
        """A token for one login as a reviewer; who is there already gets another."""
        commands = (("add", person, "--role", "reviewer"), ("invite", person))
        told = [word for words in commands for word in self.cli("bob", "user", *words).stdout.split()]
        return next(word for word in told if word.startswith("kt_"))

    def cases(self) -> list[Told]:
        """Every case, newest first."""
        found: list[Told] = self.json("bob", "inbox", "--all")
        return found

    def held(self) -> list[Told]:
        return [case for case in self.cases() if case["phase"] == "held"]

    def show(self, case: str) -> Told:
        found: Told = self.json("dana", "show", case)
        return found

    def until(self, case: str, phases: set[str]) -> Told:
        """The case once it is in one of these phases; after two minutes as it is."""
        deadline = time.monotonic() + 120
        while True:
            found = self.show(case)
            if found["phase"] in phases or time.monotonic() > deadline:
                return found
            time.sleep(0.2)

    def run(self, agent: str, command: list[str], heard: Callable[[str], None] = lambda _line: None) -> int:
        """``keyturn run``: bob's agent in a session of its own; `heard` gets each line that it says."""
        return listen([*_keyturn(), "run", "--agent", agent, "--", *command], self.environment("bob"), heard)


def reckless(service: str, setting: str, value: str, events: Path) -> list[str]:
    """The agent's command line."""
    wanted = f"{setting}={value}"
    return [sys.executable, str(AGENT), "--service", service, "--fix", wanted, "--events", str(events)]


def listen(command: list[str], environment: dict[str, str], heard: Callable[[str], None]) -> int:
    """Run it, pass on each line; its exit code. A child that outlives us is ended."""
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        for line in process.stdout or ():
            heard(line.rstrip("\n"))
        return process.wait(timeout=COMMAND_S_MAX)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=20)


def steps(events: Path) -> list[Told]:
    """What the agent did, step by step, as it wrote it down itself."""
    return [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _keyturn() -> list[str]:
    return [sys.executable, "-m", "keyturn.cli.main"]
