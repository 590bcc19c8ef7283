"""What is followed from a terminal, at a plane that runs: the inbox as it moves, what happens, and the codes that commands end with."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from click.shell_completion import BashComplete

from keyturn.cli.client import Api
from keyturn.cli.main import main
from keyturn.cli.watching import follow
from keyturn.errors import OperatorError
from tests.cli.test_command_line import Desk, at_work
from tests.console.running_plane import WAIT_S


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with at_work(tmp_path_factory) as made:
        yield made


def anything(line: dict[str, Any]) -> bool:
    return bool(line)


class Following:
    """A command that goes on, in a process of its own; its lines as they come."""

    def __init__(self, desk: Desk, person: str, *words: str) -> None:
        command = [sys.executable, "-u", "-m", "keyturn.cli.main", *words]
        given = desk.environment(person)
        self.process = subprocess.Popen(command, env=given, stdout=subprocess.PIPE, text=True)
        self._lines: queue.Queue[str] = queue.Queue()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def until(self, wanted: Callable[[Any], bool], *, wait_s: float = WAIT_S) -> Any:
        """The first line, as JSON, that is wanted."""
        while True:
            line = json.loads(self._lines.get(timeout=wait_s))
            if wanted(line):
                return line

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(WAIT_S)
        self._reading.join(WAIT_S)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def following(desk: Desk) -> Iterator[Callable[..., Following]]:
    begun: list[Following] = []

    def begin(person: str, *words: str) -> Following:
        begun.append(Following(desk, person, *words))
        return begun[-1]

    yield begin
    for one in begun:
        one.end()


def test_the_inbox_moves(desk: Desk, following: Callable[..., Following]) -> None:
    """What is held stands in it, what is claimed says by whom, what has ended leaves with its last line."""
    before = desk.plane.held_table()
    inbox = following("dana", "inbox", "-w", "-o", "json")
    assert inbox.until(lambda line: line["id"] == before)["phase"] == "held", "what waited already"
    case = desk.plane.held_table()
    assert inbox.until(lambda line: line["id"] == case and line["phase"] == "held")["open"]
    assert desk.say("erin", "claim", case).exit_code == 0
    assert inbox.until(lambda line: line["id"] == case and line["claimed_by"])["claimed_by"] == "erin"
    assert desk.say("erin", "deny", case, "-m", "no").exit_code == 0
    assert inbox.until(lambda line: line["id"] == case and not line["open"])["phase"] == "rejected"


def test_the_inbox_is_filtered_by_the_pages_words(desk: Desk, following: Callable[..., Following]) -> None:
    """Once and live: what the page's filter finds, and what leaves it is said a last time."""
    other, case = desk.plane.held_table(agent="other"), desk.plane.held_table(agent="sought")
    told = desk.say("dana", "inbox", "agent:sought", "effect:delete", "-o", "json")
    assert [one["id"] for one in json.loads(told.output)] == [case]
    assert other in desk.say("dana", "inbox", "--", "-agent:sought").output
    inbox = following("dana", "inbox", "-w", "-o", "json", "phase:held", "agent:sought")
    assert inbox.until(anything)["id"] == case
    desk.plane.held_table(agent="other")
    second = desk.plane.held_table(agent="sought")
    assert inbox.until(anything)["id"] == second, "nothing of the others comes between"
    assert desk.say("erin", "deny", case, "-m", "no").exit_code == 0
    assert inbox.until(lambda line: line["id"] == case)["phase"] == "rejected"


def test_what_happens_is_watched(desk: Desk, following: Callable[..., Following]) -> None:
    """Of one agent only, where only it is asked for; each line once, in the log's order."""
    marker = desk.plane.held_table(agent="marker")
    watching = following("ada", "watch", "--effect", "delete", "agent:watched", "-o", "json")
    seen: list[dict[str, Any]] = []
    while not seen:  # until it listens
        desk.plane.held_table(agent="watched")
        try:
            seen.append(watching.until(anything, wait_s=1))
        except queue.Empty:  # it had not begun
            continue
    desk.plane.held_table(agent="others")
    case = desk.plane.held_table(agent="watched")
    desk.plane.review("dana", case, approve=False, note="no")
    while seen[-1]["event"] != "reviewed":
        seen.append(watching.until(anything))
    assert {line["agent"] for line in seen} == {"watched"}
    assert {line["effect"] for line in seen} == {"delete"}
    numbers = [line["seq"] for line in seen]
    assert (numbers, marker in {line["case"] for line in seen}) == (sorted(set(numbers)), False)
    assert seen[-1]["said"] == "dana denies: no"


def test_a_console_that_comes_back_is_asked_for_what_was_missed(desk: Desk) -> None:
    """The stream is cut: it goes on from the line that was heard last, each once. One that was never there is an error."""
    console = Api(desk.plane.url, desk.plane.token("ada"))
    head = console.get("/log?limit=1")["head"]
    first = desk.plane.held_table()
    cuts: list[float] = []

    class Cut:
        """Ends each stream after three lines."""

        def stream(self, path: str) -> Iterator[tuple[str, int, Any]]:
            told = 0
            for name, seq, data in console.stream(path):
                yield name, seq, data
                told += name == "line"
                if told == 3:
                    return

    found: list[dict[str, Any]] = []
    for name, line in follow(Cut(), "view=activity", after=head, pause=cuts.append):
        if name == "line":
            found.append(line)
        if len(found) == 3:
            second = desk.plane.held_table()
        if len(found) > 3 and found[-1]["event"] == "decided" and found[-1]["case"] == second:
            break
    logged = [
        line["seq"]
        for line in console.get(f"/log?after={head}&limit=1000")["lines"]
        if line["seq"] <= found[-1]["seq"] and line["event"] not in {"attached", "detached"}
    ]
    assert [line["seq"] for line in found] == logged
    assert cuts, "it was cut, and came back"
    assert first in {line["case"] for line in found}
    with pytest.raises(OperatorError, match="no Keyturn console answers"):
        next(follow(Api("http://127.0.0.1:1", "x"), "view=activity", after=1))


def test_events_are_for_who_is_logged_in(desk: Desk) -> None:
    """A token with the scope to read hears them; without one, and for one that may not read, there is nothing."""
    made = desk.json("bob", "token", "add", "ci", "--scope", "read")["token"]
    assert next(Api(desk.plane.url, made).stream("/events?view=activity&as=json&after=1"))[0] in {
        "moved",
        "line",
    }
    blind = desk.json("bob", "token", "add", "blind", "--scope", "operate")["token"]
    for token in ("", blind, "kt_wrong"):
        with pytest.raises(Exception, match="log in first"):
            next(Api(desk.plane.url, token or "none").stream("/events?view=activity"))


def test_a_difference_of_a_real_case(desk: Desk) -> None:
    """A protection that goes is one setting, from what stands to what was asked."""
    dynamodb = desk.plane.account("dynamodb")
    dynamodb.create_table(
        TableName="guarded",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        DeletionProtectionEnabled=True,
        Tags=[{"Key": "environment", "Value": "production"}],
    )
    with desk.plane.agent() as aws:
        case = desk.plane.held(
            "guarded",
            lambda: aws("dynamodb").update_table(TableName="guarded", DeletionProtectionEnabled=False),
        )
    found = desk.json("dana", "diff", case)
    changed = [(one["path"], one["before"], one["after"]) for one in found["changed"]]
    assert changed == [("protection", True, False)]
    assert "protection: true -> false" in desk.say("dana", "diff", case).output
    assert desk.say("dana", "diff", "C-999").exit_code == 1


def test_what_an_undo_ends_with(desk: Desk) -> None:
    """It waits for people: 2. It was taken back already: 3."""
    case = desk.plane.held_table()
    for person in ("dana", "erin"):
        desk.plane.review(person, case, approve=True)
    done = desk.say("erin", "execute", case)
    assert done.exit_code == 0, done.output
    desk.plane.until(case, "confirmed")
    told = desk.say("dana", "undo", case)
    phase = desk.plane.inbox()[0]["phase"]
    assert told.exit_code == (2 if phase == "held" else 0), told.output
    assert desk.say("dana", "undo", case).exit_code == 3


def test_open_cases_are_completed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what each would do, as the shell shows it beside."""
    case = desk.plane.held_table()
    for name, value in desk.environment("dana").items():
        monkeypatch.setenv(name, value)
    found = BashComplete(main, {}, "keyturn", "_KEYTURN_COMPLETE").get_completions(["show"], "c-")
    (ours,) = [one for one in found if one.value == case]
    assert ours.help is not None
    assert ours.help.startswith("held: delete dynamodb:table/scratch-")


def test_the_picture_of_the_page_is_drawn(desk: Desk) -> None:
    """Who relies on it, as an SVG of its own: to be kept, sent, or opened."""
    case = desk.plane.held_table()
    told = desk.say("ada", "graph", case, "-o", "svg")
    assert told.exit_code == 0, told.output
    drawn = ET.fromstring(told.output)  # noqa: S314  # our own
    assert drawn.tag == "{http://www.w3.org/2000/svg}svg"
    table = desk.plane.case(case)["resources"][0].rpartition("/")[2]
    assert any(table in (text or "") for text in drawn.itertext())
