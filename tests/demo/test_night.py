"""The demonstration is computed, not scripted: other names and another bug, and it still ends well; and it can fail."""

from __future__ import annotations

import io
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import play
from demo.screen import Screen

ROOT = Path(__file__).parents[2]
NIGHT_S_MAX = 110
SMALL = ("--items", "60", "--skip-unguarded")


def played(*words: str) -> subprocess.CompletedProcess[str]:
    """The demonstration as a person starts it, with something in her environment that it must not use."""
    environment = {
        **os.environ,
        "AWS_PROFILE": "nobody",
        "NO_COLOR": "1",
        "PYTHONUTF8": "1",
        "COLUMNS": "100",
    }
    return subprocess.run(
        [sys.executable, "-m", "demo.play", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=NIGHT_S_MAX,
    )


def claims(text: str) -> list[str]:
    return re.findall(r"^    ✓ (.*)", text, re.MULTILINE)


@pytest.mark.slow
def test_another_service_with_another_bug_still_ends_well() -> None:
    """Names and the bug are given; that the create is half of a replace, and the exact patch, are found out."""
    done = played(*SMALL, "--service", "ledger-eu", "--bug", "CURRENCY=EURO", "--fix", "CURRENCY=EUR")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert "This is a stand-in account (moto's server), not AWS." in done.stdout
    said = re.sub(r"[\s│]+", " ", done.stdout)  # lines are broken as wide as the place it is played in
    assert "try: aws lambda update-function-configuration --function-name ledger-eu-api" in said
    assert '"CURRENCY":"EUR"' in re.sub(r"\s*│\s*", "", done.stdout)
    assert "the bug is fixed, by one call in place" in claims(done.stdout)
    assert "ledger-eu-archive is to go" in done.stdout
    assert len(claims(done.stdout)) >= 12
    assert "cost-report" not in done.stdout


def test_a_plane_that_only_watches_is_found_out() -> None:
    """Planted: `keyturn up --observe` holds nothing. What was claimed of the night is then not so, and it says so."""
    done = played(*SMALL, "--observe")
    assert done.returncode == 1
    assert "NOT SO: nothing is lost:" in done.stdout
    assert "NOT borne out" in done.stdout
    assert "the exported log verifies offline" not in claims(done.stdout), "it stops where it cannot go on"


def test_with_keep_a_person_can_log_in_and_decide(kept: subprocess.Popen[str]) -> None:
    """The console is up, cases are held, and the token that was printed opens it."""
    text = _until(kept, "ends it and removes everything")
    url = re.findall(r"The console: (http://127\.0\.0\.1:\d+)", text)[0]
    assert int(re.findall(r"\((\d+) cases are held\)", text)[0]) >= 3
    token = re.findall(r"log in as dana, a reviewer, with the token (\S+)", text)[0]
    login = subprocess.run(
        [sys.executable, "-m", "keyturn.cli.main", "--url", url, "login", "--token", token],
        env={**os.environ, "KEYTURN_LOGIN_FILE": os.devnull},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert "You are dana (reviewer)" in login.stdout, login.stderr
    kept.send_signal(signal.SIGTERM)
    assert kept.wait(timeout=30) == 0
    folder = Path(re.findall(r"KEYTURN_LOGIN_FILE=(\S+)/dana\.json", text)[0])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=30)
    assert not folder.exists(), "nothing of it is left"


@pytest.fixture
def kept() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "demo.play", *SMALL, "--stage", "--keep"]  # the acts are played above
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    yield process
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
    if process.stdout:
        process.stdout.close()


def _until(process: subprocess.Popen[str], word: str) -> str:
    deadline, said = time.monotonic() + NIGHT_S_MAX, ""
    for line in process.stdout or ():
        said += line
        if word in line or time.monotonic() > deadline:
            return said
    raise AssertionError(f"it ended before it was kept:\n{said}")


def test_what_it_is_told_wrongly_it_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    """A bug needs its fix, of the same setting."""
    for words in (["--bug", "A=1"], ["--bug", "A=1", "--fix", "B=2"], ["--bug", "A=1", "--fix", "A=1"]):
        with pytest.raises(SystemExit) as ended:
            play.main(words)
        assert ended.value.code == 2
        assert "name the same setting" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        play.main(["--service", "Cost Report"])
    assert "as the names of buckets have to be" in capsys.readouterr().err


def test_a_claim_that_does_not_hold_is_remembered_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Plain where nobody looks: no escape codes in a file, whatever the claim."""
    screen = Screen()
    assert screen.claim("this holds", [1])
    assert not screen.claim("this does not", [])
    with screen.working("something slow") as work:
        work.step("unseen")
    said = capsys.readouterr().out
    assert screen.failed == ["this does not"]
    assert "NOT SO: this does not" in said
    assert "\x1b" not in said
    assert "unseen" not in said
    assert "something slow (0 s)" in said


class Terminal(io.StringIO):
    """Something that a person looks at."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("given", "moving", "coloured"),
    [
        ({}, True, True),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),  # set and empty is not set, says no-color.org
        ({"TERM": "dumb"}, False, False),
    ],
)
def test_colour_is_for_terminals_that_want_it(
    given: dict[str, str], moving: bool, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A moving line and colours on a terminal, unless its owner says otherwise."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    out = Terminal()
    screen = Screen(out)
    screen.claim("it holds", holds=True)
    with screen.working("slowly") as work:
        work.step("step by step")
    assert (screen.moving, screen.coloured) == (moving, coloured)
    assert ("\x1b[32m" in out.getvalue()) is coloured
    assert ("\r\x1b[2K" in out.getvalue()) is moving
    assert "slowly (0 s)" in out.getvalue()
