"""The command line through a plane that runs: people log in, an agent asks, reviewers decide, the record is taken out and checked."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import textwrap
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from demo import world
from keyturn.cli.main import main
from keyturn.testing.standin import StandIn
from tests.console.running_plane import REGION, WAIT_S, Plane


class Desk:
    """A terminal for each person, at one plane."""

    def __init__(self, plane: Plane, folder: Path) -> None:
        self.plane, self._folder = plane, folder

    def environment(self, person: str) -> dict[str, str]:
        home = self._folder / person
        home.mkdir(exist_ok=True)
        return {
            "HOME": str(home),
            "KEYTURN_URL": self.plane.url,
            "KEYTURN_LOGIN_FILE": str(home / "login.json"),
            "KEYTURN_CONFIG": str(home / "none.toml"),
            "KEYTURN_TOKEN": "",
        }

    def say(self, person: str, *words: str, url: str = "") -> Result:
        """What this person types, and what it answers."""
        given = self.environment(person) | ({"KEYTURN_URL": url} if url else {})
        return CliRunner().invoke(main, words, env=given)

    def json(self, person: str, *words: str) -> Any:
        told = self.say(person, *words, "-o", "json")
        assert told.exit_code == 0, told.output
        return json.loads(told.stdout)

    def run(self, person: str, *words: str) -> subprocess.CompletedProcess[str]:
        """In a process of its own, as a shell would."""
        command = [sys.executable, "-m", "keyturn.cli.main", *words]
        given = {"PATH": os.environ["PATH"], **self.environment(person)}
        given |= {"AWS_PROFILE": "admin", "AWS_ACCESS_KEY_ID": "AKIAREAL", "AWS_SECRET_ACCESS_KEY": "real"}
        return subprocess.run(command, env=given, capture_output=True, text=True, timeout=WAIT_S, check=False)


@contextlib.contextmanager
def at_work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Bob has every role and runs agents, dana and erin review, olga operates, ada audits. Each logs in by command."""
    with StandIn() as standin:
        account = world.Account(standin.endpoint, "AKIAENGINEER", "secret", region=REGION)
        plane = Plane(tmp_path_factory.mktemp("plane"), account)
        plane.start()
        made = Desk(plane, tmp_path_factory.mktemp("people"))
        try:
            for name in ("bob", "dana", "erin", "olga", "ada"):
                told = made.say(name, "login", "--token", plane.token(name))
                assert told.exit_code == 0, told.output
            yield made
        finally:
            plane.stop()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with at_work(tmp_path_factory) as made:
        yield made


# --- people ----------------------------------------------------------------------------------------------------------


def test_a_new_reviewer_comes_and_goes(desk: Desk) -> None:
    """Added with a token for one login; the token is used up by it; removed, she is nobody at once."""
    told = desk.say("bob", "user", "add", "fay", "--role", "reviewer")
    assert "On record as unreviewed: there was no second administrator." in told.output
    token = next(word for word in told.output.split() if word.startswith("kt_"))
    assert desk.say("fay", "inbox").exit_code == 3, "nobody yet"
    first = desk.say("fay", "login", "--token", token)
    assert "You are fay (reviewer)" in first.output
    kept = Path(desk.environment("fay")["KEYTURN_LOGIN_FILE"])
    assert kept.stat().st_mode & 0o077 == 0
    assert token not in kept.read_text(), "what is kept is the day's token, not the invitation"
    again = desk.say("gil", "login", "--token", token)
    assert (again.exit_code, "[login]" in again.output) == (3, True)
    assert "fay" in desk.say("ada", "user", "list").output
    assert desk.say("bob", "user", "remove", "fay").exit_code == 0
    gone = desk.say("fay", "inbox")
    assert (gone.exit_code, "keyturn login" in gone.output) == (3, True)


@pytest.mark.parametrize(
    ("person", "words", "needs"),
    [
        ("dana", ("user", "add", "eve", "--role", "administrator"), "administrator"),
        ("dana", ("user", "remove", "bob"), "administrator"),
        ("olga", ("resume",), "administrator or reviewer"),
        ("olga", ("export", "out.zip"), "auditor or administrator or reviewer"),
        ("ada", ("session", "new", "--agent", "x"), "operator"),
        ("ada", ("run", "--agent", "x", "--", "true"), "operator"),
        ("ada", ("undo", "C-1"), "operator or reviewer"),
        ("ada", ("execute", "C-1"), "reviewer"),
    ],
)
def test_who_may_not_is_told_what_is_missing(
    desk: Desk, person: str, words: tuple[str, ...], needs: str, tmp_path: Path
) -> None:
    """Exit code 3, and the role it takes; nothing is written."""
    told = desk.say(person, *(str(tmp_path / word) if word == "out.zip" else word for word in words))
    assert told.exit_code == 3
    assert f"needs the role {needs} for this [forbidden]" in told.output
    assert not (tmp_path / "out.zip").exists()


@pytest.mark.parametrize(
    ("url", "code", "says"),
    [
        ("http://127.0.0.1:1", 1, "start one: keyturn up"),
        ("127.0.0.1:8421", 1, "write it like http://127.0.0.1:8421"),
        ("http://127.0.0.1:port", 1, "write it like http://127.0.0.1:8421"),
        ("http://[::1", 1, "write it like http://127.0.0.1:8421"),
    ],
)
def test_a_console_that_is_none(desk: Desk, url: str, code: int, says: str) -> None:
    """What cannot be reached is an error; what is no address is said to be none."""
    told = desk.say("dana", "inbox", url=url)
    assert (told.exit_code, says in told.output) == (code, True), told.output


def test_something_else_that_answers_is_no_console(desk: Desk) -> None:
    """An account's endpoint speaks HTTP too; it is not believed to be ours."""
    told = desk.say("dana", "inbox", url=desk.plane.endpoint)
    assert told.exit_code == 1
    assert "is no Keyturn console" in told.output


# --- review ----------------------------------------------------------------------------------------------------------


def test_a_case_from_the_inbox_to_its_undo(desk: Desk) -> None:
    """One yes is not enough, the operator's is none, two are; executed, shown with its proof, taken back."""
    case = desk.plane.held_table()
    (line,) = [line for line in desk.say("dana", "inbox").output.splitlines() if line.startswith(case)]
    assert "DeleteTable" in line
    assert "kiro <- bob" in line
    assert "0/2" in line
    assert "you cannot review this: bob runs" in desk.say("bob", "show", case).output
    own = desk.say("bob", "approve", case)
    assert (own.exit_code, "[own-agent]" in own.output) == (3, True)
    first = desk.say("dana", "approve", case, "-m", "cold since June")
    assert f"{case} is held (1 of 2; 1 more must approve)." in first.output
    early = desk.say("dana", "execute", case)
    assert (early.exit_code, "[not-approved]" in early.output) == (3, True)
    twice = desk.say("dana", "approve", case)
    assert (twice.exit_code, "[twice]" in twice.output) == (3, True)
    assert f"{case} is approved (2 of 2)." in desk.say("erin", "approve", case).output
    assert desk.say("erin", "execute", case).exit_code == 0
    desk.plane.until(case, "confirmed")
    shown = desk.say("ada", "show", case).output
    for part in ("CONFIRMED", "AT RISK", "UNDO", "POLICY", "2 of 2 approvals: dana, erin", "PROOF", "STORY"):
        assert part in shown
    told = desk.say("erin", "undo", case)
    assert told.exit_code == 0
    assert f"undoes {case}: confirmed" in told.output
    again = desk.say("erin", "undo", case)
    assert (again.exit_code, "[undone]" in again.output) == (3, True)


def test_a_case_is_readable_by_programs(desk: Desk) -> None:
    """`-o json` on what is read and on what is decided."""
    case = desk.plane.held_table()
    assert case in [one["id"] for one in desk.json("dana", "inbox")]
    assert desk.json("dana", "show", case)["binding"]
    assert desk.json("dana", "deny", case, "-m", "no")["phase"] == "rejected"
    assert case not in [one["id"] for one in desk.json("dana", "inbox")]
    assert case in [one["id"] for one in desk.json("dana", "inbox", "--all")]
    assert desk.json("ada", "status")["mode"] == "advisory"


def test_a_denial_needs_a_reason(desk: Desk) -> None:
    """The agent reads it; without one the command is used wrongly, and nothing is decided."""
    case = desk.plane.held_table()
    assert desk.say("dana", "deny", case).exit_code == 1
    empty = desk.say("dana", "deny", case, "-m", "")
    assert (empty.exit_code, "[no-reason]" in empty.output) == (3, True)
    assert desk.plane.case(case)["phase"] == "held"
    told = desk.say("dana", "deny", case, "-m", "patch it in place")
    assert f"{case} is rejected" in told.output
    assert "patch it in place" in desk.say("ada", "show", case).output


def test_what_is_alike_is_denied_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty deletes, one by one, are one line and one no; a case that has ended meanwhile is named, and hinders none of the others."""
    monkeypatch.setenv("COLUMNS", "120")
    first, second, third = (desk.plane.held_table() for _ in range(3))
    assert f"keyturn deny {third} --alike" in desk.say("dana", "inbox").output
    assert f"keyturn deny {third} --alike" not in desk.say("dana", "inbox", "--each").output
    told = desk.say("dana", "deny", second, "--alike", "-m", "one change, not forty")
    assert told.exit_code == 0
    assert {desk.plane.case(case)["phase"] for case in (first, second, third)} == {"rejected"}
    fourth = desk.plane.held_table()
    partly = desk.say("dana", "deny", first, fourth, "-m", "no")
    assert (partly.exit_code, desk.plane.case(fourth)["phase"]) == (3, "rejected")
    assert f"keyturn: {first}:" in partly.output


def test_only_its_operator_withdraws(desk: Desk) -> None:
    """Another one is told to deny it instead."""
    case = desk.plane.held_table()
    other = desk.say("dana", "withdraw", case)
    assert (other.exit_code, "deny it instead" in other.output) == (3, True)
    assert f"{case} is withdrawn." in desk.say("bob", "withdraw", case, "-m", "not needed").output


def test_a_case_that_is_none(desk: Desk) -> None:
    """Named, for every command that takes one."""
    for words in (("show",), ("approve",), ("undo",), ("execute",), ("log",)):
        told = desk.say("dana", *words, "C-99999")
        assert told.exit_code == 1, words
        assert "there is no case C-99999" in told.output


# --- stopping --------------------------------------------------------------------------------------------------------


def test_the_state_is_one_screen(desk: Desk) -> None:
    """What is open and by whom it is halted, where everything listens, what the log's end is: at a glance, and for programs."""
    case = desk.plane.held_table()
    desk.say("olga", "halt", "--agent", "kiro", "-m", "odd")
    try:
        told, found = desk.say("ada", "status").output, desk.json("ada", "status")
    finally:
        desk.say("dana", "resume", "--agent", "kiro")
    assert all(len(line) <= 100 for line in told.splitlines())
    assert len(told.splitlines()) <= 16
    for part in (
        f"Keyturn {found['version']}  ADVISORY",
        "THE ACCOUNT IS A STAND-IN",
        "HALTED     kiro, by olga",
        f"gateway    {found['gateway_url']}",
        "proxy      off",
        f"console    {found['console_url']}",
        f"sessions   {found['sessions']} open",
        f"{found['phases']['held']} held",
        found["log_head"],
        found["policy_digest"],
        found["catalogue"],
    ):
        assert part in told, part
    assert found["console_url"] == desk.plane.url
    assert found["open_cases"] == sum(found["phases"].values())
    assert desk.say("dana", "deny", case, "-m", "done").exit_code == 0
    assert "halted     by nobody" in desk.say("ada", "status").output


def test_a_halt_stops_what_is_approved(desk: Desk) -> None:
    """Anybody may pull it; nothing leaves until one who may lift it does."""
    case = desk.plane.held_table()
    for reviewer in ("dana", "erin"):
        assert desk.say(reviewer, "approve", case).exit_code == 0
    assert "Resume with: keyturn resume" in desk.say("olga", "halt", "-m", "something is odd").output
    try:
        assert desk.json("ada", "status")["halted_by"]
        told = desk.say("erin", "execute", case)
        assert desk.plane.case(case)["phase"] not in {"executing", "confirmed"}, told.output
    finally:
        assert desk.say("dana", "resume").output == "Resumed.\n"
    assert not desk.json("ada", "status")["halted_by"]


# --- sessions --------------------------------------------------------------------------------------------------------

CHILD = """
    import json, os, sys
    import boto3
    named = {name: value for name, value in os.environ.items() if name.startswith(("AWS_", "KEYTURN_"))}
    json.dump(named, open(sys.argv[1], "w"))
    boto3.client("dynamodb").list_tables()
    raise SystemExit(7)
"""


def test_run_gives_the_child_the_gateway_and_takes_yours(desk: Desk, tmp_path: Path) -> None:
    """boto3 in the child reaches the account through the session's key; the exit code is the child's; the session is over."""
    told = desk.run(
        "bob",
        "run",
        "--agent",
        "kiro",
        "--",
        sys.executable,
        "-c",
        textwrap.dedent(CHILD),
        str(tmp_path / "e"),
    )
    assert told.returncode == 7, told.stderr
    assert "ADVISORY" in told.stderr
    had = json.loads((tmp_path / "e").read_text())
    assert had["AWS_ACCESS_KEY_ID"].startswith("KTSESS")
    assert had["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert not {"AWS_PROFILE", "KEYTURN_TOKEN", "KEYTURN_LOGIN_FILE", "KEYTURN_URL"} & set(had)
    assert "real" not in had.values()
    assert had["KEYTURN_SESSION"] not in desk.say("ada", "session", "list").output


def test_the_doctor_in_the_child_sees_what_it_could_read(desk: Desk) -> None:
    """Bob's login is a file that a child of his can read: said, and exit code 1. In the child it asks no console."""
    login = Path(desk.environment("bob")["HOME"]) / ".config" / "keyturn" / "login.json"
    login.parent.mkdir(parents=True, exist_ok=True)
    login.write_text("{}")
    told = desk.run("bob", "doctor")
    assert told.returncode == 1, told.stderr
    assert f"REACHABLE  {login}" in told.stdout
    assert "AWS_ACCESS_KEY_ID" not in told.stdout, "the session's key is no way around"


def test_a_session_for_other_ways_of_launching(desk: Desk) -> None:
    """Its environment as a shell reads it; listed without its key; ended by its operator, worth nothing then."""
    told = desk.say("olga", "session", "new", "--agent", "cursor")
    lines = dict(line[7:].split("=", 1) for line in told.output.splitlines() if line.startswith("export "))
    name = told.output.split()[2].rstrip(";")
    listed = desk.say("olga", "session", "list").output
    assert name in listed
    assert "cursor" in listed
    assert lines["AWS_SECRET_ACCESS_KEY"] not in listed
    other = desk.say("bob", "session", "end", "S-none")
    assert other.exit_code in {0, 1}, "bob administers: it is the name that is wrong"
    assert desk.say("olga", "session", "end", name).output == f"Ended {name}.\n"
    aws = world.Account(
        lines["AWS_ENDPOINT_URL"], lines["AWS_ACCESS_KEY_ID"], lines["AWS_SECRET_ACCESS_KEY"], region=REGION
    )
    with pytest.raises(Exception, match=r"UnrecognizedClient|InvalidClientTokenId|session"):
        aws("dynamodb").list_tables()


# --- the record ------------------------------------------------------------------------------------------------------


def test_the_record_is_read_by_people_and_by_programs(desk: Desk) -> None:
    """Of one case from its beginning, of everything from its end; one object a line as JSON."""
    case = desk.plane.held_table()
    desk.say("dana", "deny", case, "-m", "seen")
    story = desk.say("ada", "log", case).output.splitlines()
    assert "dana" in story[-1]
    assert "seen" in story[-1]
    lines = [json.loads(line) for line in desk.say("ada", "log", "-n", "5", "-o", "json").stdout.splitlines()]
    assert len(lines) == 5
    assert [line["seq"] for line in lines] == sorted(line["seq"] for line in lines)
    assert all(
        json.loads(line)["case"] == case
        for line in desk.say("ada", "log", case, "-o", "json").stdout.splitlines()
    )


def test_the_record_goes_on(desk: Desk) -> None:
    """`-f` shows what comes after it was asked for."""
    command = [sys.executable, "-m", "keyturn.cli.main", "log", "-n", "1", "-f", "-o", "json"]
    given = {"PATH": os.environ["PATH"], **desk.environment("ada"), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, env=given, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        case = desk.plane.held_table()
        end = time.monotonic() + WAIT_S
        seen = json.loads(process.stdout.readline())
        assert seen["seq"] == first["seq"] + 1, "nothing is left out in between"
        while seen.get("case") != case:
            assert time.monotonic() < end
            seen = json.loads(process.stdout.readline())
        process.terminate()


def test_what_is_exported_is_checked_by_a_stranger(desk: Desk, tmp_path: Path) -> None:
    """Whole it passes; with a byte of the log changed it fails, with another key too, and what is no log is said to be none."""
    file = tmp_path / "log.zip"
    assert "keyturn verify" in desk.say("ada", "export", str(file)).output
    told = desk.say("stranger", "verify", str(file), url="http://127.0.0.1:1")
    assert told.exit_code == 0, told.output
    assert "PASS" in told.output
    assert "FAIL" not in told.output
    other = desk.say("stranger", "verify", str(file), "--key", "00" * 32)
    assert (other.exit_code, "FAIL" in other.output) == (3, True)
    tampered = tmp_path / "tampered.zip"
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(tampered, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name).replace(b"dana", b"erin"))
    wrong = desk.say("stranger", "verify", str(tampered))
    assert (wrong.exit_code, "FAIL" in wrong.output) == (3, True)
    (tmp_path / "none.zip").write_text("hello")
    none = desk.say("stranger", "verify", str(tmp_path / "none.zip"))
    assert (none.exit_code, "is no exported log" in none.output) == (1, True)


def test_a_file_that_cannot_be_written_is_named(desk: Desk, tmp_path: Path) -> None:
    """Not a traceback."""
    told = desk.say("ada", "export", str(tmp_path / "no" / "log.zip"))
    assert told.exit_code == 1
    assert "no/log.zip: No such file or directory [file]" in told.output
