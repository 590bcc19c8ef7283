"""`keyturn freeze` at a plane that runs: set by one person, it counts for what an agent asks for; and who ends it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from keyturn.model import record as r
from tests.cli.test_command_line import Desk, at_work
from tests.console.running_plane import NUMBER

OTHER = "210987654321"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with at_work(tmp_path_factory) as made:
        yield made


def changed(desk: Desk, name: str) -> tuple[str, list[str]]:
    """What becomes of a small change that an agent makes to a queue of the test environment, and the rules that decided it."""
    mine = desk.plane.account("sqs")
    url = mine.create_queue(QueueName=name, tags={"environment": "test"})["QueueUrl"]
    with desk.plane.agent("kiro") as aws, contextlib.suppress(ClientError):  # held: the case says why
        aws("sqs").set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "45"})
    case = next(one for one in desk.plane.inbox() if name in json.dumps(one))
    found = desk.plane.case(case["id"])
    return found["phase"], [reason["policy"] for reason in found["decision"]["reasons"]]


def test_a_freeze_holds_what_would_have_gone_until_it_is_lifted(desk: Desk) -> None:
    """Set by who may only operate, said on the first screens, and over when a reviewer ends it."""
    assert changed(desk, "before")[0] != "held"
    told = desk.say("olga", "freeze", "set", "-e", "test", "--for", "3d", "-m", "the books are closed")
    assert told.exit_code == 0, told.output
    assert "F-1: test until" in told.output
    assert "by olga: the books are closed" in told.output
    phase, policies = changed(desk, "within")
    assert (phase, "seatbelt.frozen" in policies) == ("held", True)
    assert "FROZEN     F-1: test until" in desk.say("ada", "status").output
    (listed,) = desk.json("ada", "freeze", "list")
    assert (listed["id"], listed["by"], listed["environment"]) == ("F-1", "olga", "test")
    for path in ("/", "/policy"):
        with desk.plane.browser("ada") as browser:
            assert "the books are closed" in browser.get(path).text
    told = desk.say("dana", "freeze", "lift", "F-1", "-m", "closed")
    assert told.exit_code == 0, told.output
    assert desk.say("dana", "freeze", "list").output == "No freeze is set.\n"
    assert changed(desk, "after")[0] != "held"
    events = [entry.event() for entry in desk.plane.app.runtime.log(after=0, limit=10_000)]
    kept = [event for event in events if isinstance(event, r.FreezeSet | r.FreezeLifted)]
    assert [(event.by, event.freeze, event.reason) for event in kept] == [
        ("olga", "F-1", "the books are closed"),
        ("dana", "F-1", "closed"),
    ]


def test_another_account_and_another_time_are_not_frozen(desk: Desk) -> None:
    """What is typed in another spelling is the same environment."""
    for words in (
        ("--account", OTHER, "--for", "8h"),
        ("-e", "prod", "--for", "8h"),
        ("-e", "test", "--from", "2027-03-01T00:00Z", "--until", "2027-03-02T00:00Z"),
    ):
        told = desk.say("dana", "freeze", "set", *words, "-m", "elsewhere")
        assert told.exit_code == 0, told.output
    assert [one["environment"] for one in desk.json("ada", "freeze", "list")] == ["", "production", "test"]
    assert changed(desk, "elsewhere")[0] != "held"
    assert "to freeze" in desk.say("ada", "status").output
    for one in desk.json("ada", "freeze", "list"):
        assert desk.say("dana", "freeze", "lift", one["id"]).exit_code == 0


def test_who_ends_it(desk: Desk) -> None:
    """Its own author; another's only a reviewer or an administrator, and none of them while an agent of hers is at work."""
    (made,) = desk.json("dana", "freeze", "set", "--account", NUMBER, "--for", "8h", "-m", "audit")
    name = made["id"]
    told = desk.say("olga", "freeze", "lift", name)
    assert (told.exit_code, "needs the role administrator or reviewer" in told.output) == (3, True)
    assert desk.say("ada", "freeze", "set", "--for", "1h", "-m", "x").exit_code == 3, "she only reads"
    with desk.plane.agent("kiro", "bob"):
        told = desk.say("bob", "freeze", "lift", name)
        assert (told.exit_code, "[own-agent]" in told.output) == (3, True)
        assert "bob runs kiro now" in told.output
    assert desk.say("bob", "freeze", "lift", name).exit_code == 0
    told = desk.say("bob", "freeze", "lift", name)
    assert "there is no freeze" in told.output


def test_it_is_set_and_lifted_on_the_page_too(desk: Desk) -> None:
    """By a form, with the token that every form needs."""
    with desk.plane.browser("dana") as browser:
        page = browser.get("/policy").text
        csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
        form = {"csrf": csrf, "environment": "prod", "until": "2027-01-04T08:00", "reason": "year's end"}
        done = browser.post("/freeze", data=form)
        assert (done.status_code, done.headers["location"]) == (303, "/policy#freezes")
        (standing,) = desk.json("dana", "freeze", "list")
        assert (standing["environment"], standing["until_ms"]) == ("production", 1_799_049_600_000)
        assert browser.post("/freeze", data=form | {"until": "soon"}).status_code != 303
        done = browser.post(f"/freeze/{standing['id']}/lift", data={"csrf": csrf})
        assert done.status_code == 303
    assert desk.json("dana", "freeze", "list") == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-m", "x"), "say how long"),
        (("--for", "3d", "--until", "2027-01-01T00:00", "-m", "x"), "say how long"),
        (("--until", "2020-01-01T00:00Z", "-m", "x"), "not in the past"),
        (("--for", "900d", "-m", "x"), "within 400 days"),
        (("--for", "3d", "--account", "12", "-m", "x"), "12 digits"),
        (("--for", "3d", "-m", " "), "say why"),
    ],
)
def test_what_is_no_freeze_is_said(desk: Desk, words: tuple[str, ...], said: str) -> None:
    """At the terminal, in a sentence that says what to type."""
    told = desk.say("dana", "freeze", "set", *words)
    assert told.exit_code != 0
    assert said in told.output
