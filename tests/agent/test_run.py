"""``keyturn run``: what the child has and what it has not, signals, exit codes, and a session that ends with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from keyturn.agent.run import child_environment, run_agent, session_environment
from keyturn.errors import OperatorError

SESSION = {
    "session": "S-1",
    "endpoint_url": "http://127.0.0.1:8420",
    "access_key_id": "KTSESSAAA",
    "secret_access_key": "s3cret",
    "region": "eu-central-1",
    "mode": "enforcing",
}


class Console:
    """Opens and ends sessions, and remembers."""

    def __init__(self, *, mode: str = "enforcing", ends: bool = True) -> None:
        self.asked: list[tuple[str, Any]] = []
        self._mode, self._ends = mode, ends

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        self.asked.append((path, body))
        if path == "/sessions":
            return {**SESSION, "mode": self._mode}
        if not self._ends:
            raise OperatorError("unreachable", "the console is gone")
        return {}

    @property
    def ended(self) -> bool:
        return self.asked[-1][0] == "/sessions/S-1/end"


AMBIENT = {
    "PATH": "/usr/bin",
    "HOME": "/home/erin",
    "LANG": "C.UTF-8",
    "AWS_PROFILE": "admin",
    "AWS_ACCESS_KEY_ID": "AKIAREAL",
    "AWS_SECRET_ACCESS_KEY": "erins-own",
    "AWS_SESSION_TOKEN": "erins-own",
    "AWS_CONFIG_FILE": "/home/erin/.aws/config",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/token",
    "AWS_ROLE_ARN": "arn:aws:iam::1:role/admin",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.2/x",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": "erins-own",
    "AWS_ENDPOINT_URL_S3": "https://s3.amazonaws.com",
    "KEYTURN_TOKEN": "kt_erins-own",
    "KEYTURN_LOGIN_FILE": "/home/erin/login.json",
}


def test_the_child_has_the_sessions_key_and_nothing_of_yours(tmp_path: Path) -> None:
    """Every AWS variable is gone but the session's; so are Keyturn's tokens; the rest of the shell stays."""
    empty = tmp_path / "empty"
    made = child_environment(SESSION, AMBIENT, empty.parent)
    assert made == {
        "PATH": "/usr/bin",
        "HOME": "/home/erin",
        "LANG": "C.UTF-8",
        **session_environment(SESSION),
        "AWS_CONFIG_FILE": str(empty),
        "AWS_SHARED_CREDENTIALS_FILE": str(empty),
        "KEYTURN_SESSION": "S-1",
    }
    assert "erins-own" not in json.dumps(made)


def python(text: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", textwrap.dedent(text), *arguments)


def test_the_exit_code_comes_through_and_the_session_ends() -> None:
    """Whatever it is."""
    for code in (0, 3, 77):
        console = Console()
        assert (
            run_agent(console, "kiro", python(f"raise SystemExit({code})"), ttl_s=60, suggest_only=False)
            == code
        )
        assert console.ended


def test_a_child_that_is_killed_ends_its_session_too() -> None:
    """128 and the signal's number, as a shell says it."""
    console = Console()
    command = python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert run_agent(console, "kiro", command, ttl_s=60, suggest_only=False) == 128 + signal.SIGKILL
    assert console.ended


def test_a_command_that_is_none_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """As a shell would, and no session is left open."""
    console = Console()
    assert run_agent(console, "kiro", ("/no/such/agent",), ttl_s=60, suggest_only=False) == 127
    assert "/no/such/agent cannot be run" in capsys.readouterr().err
    assert console.ended


def test_a_console_that_has_gone_does_not_hide_the_exit_code() -> None:
    """The session ends by itself when its time is over."""
    console = Console(ends=False)
    assert run_agent(console, "kiro", python("raise SystemExit(5)"), ttl_s=60, suggest_only=False) == 5


@pytest.mark.parametrize(
    ("mode", "says"), [("advisory", "ADVISORY"), ("observe", "OBSERVE"), ("enforcing", "")]
)
def test_what_is_not_enforced_is_said(mode: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, at every start."""
    run_agent(Console(mode=mode), "kiro", python("pass"), ttl_s=60, suggest_only=False)
    told = capsys.readouterr().err
    assert says in told
    assert bool(told) == bool(says)


def test_it_asks_for_the_session_that_was_wanted() -> None:
    """Agent, time, and whether it may only suggest."""
    console = Console()
    run_agent(console, "codex", python("pass"), ttl_s=120, suggest_only=True)
    assert console.asked[0] == ("/sessions", {"agent": "codex", "ttl_s": 120, "suggest_only": True})


def test_signals_reach_the_child(tmp_path: Path) -> None:
    """An interrupt is the agent's to handle; its own exit code comes back."""
    program = tmp_path / "parent.py"
    program.write_text(
        textwrap.dedent(
            """
            import sys
            from keyturn.agent.run import run_agent
            from tests.agent.test_run import Console, python

            child = python('''
                import signal, sys, time
                signal.signal(signal.SIGTERM, lambda *_: sys.exit(42))
                print("ready", flush=True)
                time.sleep(30)
            ''')
            console = Console()
            code = run_agent(console, "kiro", child, ttl_s=60, suggest_only=False)
            print("ended" if console.ended else "left open", flush=True)
            sys.exit(code)
            """
        )
    )
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, str(program)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        time.sleep(0.2)
        parent.send_signal(signal.SIGTERM)
        assert parent.stdout.readline() == "ended\n"
        assert parent.wait(10) == 42
