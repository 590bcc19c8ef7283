"""All commands at once: each prints JSON, each ends with the same codes for the same things, and tables fit a small terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import click
import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner

from keyturn.cli import diffing, text, watching
from keyturn.cli.main import _REFUSALS, main
from keyturn.cli.shared import exit_of_phase, exit_of_verdict
from keyturn.console.api import STATUS
from keyturn.core.case import Phase
from keyturn.model.decision import Verdict

NOBODY = "http://127.0.0.1:1"

PRINTS_NO_JSON = {
    "run": "what it prints is the agent's",
    "up": "it runs until it is ended, and says when it is ready",
    "tui": "it draws on a terminal",
    "completion": "it prints a script for a shell",
}
"""Commands that have no `-o json`, and why. Whatever is not in here has it."""


def leaves(
    command: click.Command = main, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        for name, inner in sorted(command.commands.items()):
            yield from leaves(inner, (*words, name))
    else:
        yield words, command


COMMANDS = dict(leaves())


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_prints_json(words: tuple[str, ...]) -> None:
    """-o json, everywhere; a command that cannot stands in the table, with its reason."""
    given = [
        option
        for option in COMMANDS[words].params
        if {"-o", "--output"} <= set(option.opts) and isinstance(option.type, click.Choice)
    ]
    prints = bool(given) and "json" in given[0].type.choices  # type: ignore[attr-defined]  # it is a choice
    assert prints == (words[0] not in PRINTS_NO_JSON)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_what_is_typed_wrongly_is_an_error(words: tuple[str, ...]) -> None:
    """1, and never the 2 of what is held: a pipeline that mistypes does not wait for a reviewer."""
    wrongly = {
        "run": ["--ttl", "soon"],
        "rehearse": ["--ttl", "soon"],
        "explain": ["--output", "loud"],
    }  # other words are their question's
    told = CliRunner().invoke(main, [*words, *wrongly.get(words[0], ["--no-such-option"])])
    assert (told.exit_code, "Usage:" in told.output) == (1, True), told.output


@pytest.mark.parametrize(
    "words",
    [
        *("inbox", "inbox -w", "watch", "show C-1", "diff C-1", "graph C-1", "claim C-1", "release C-1"),
        *("approve C-1", "approve --like C-1 --yes", "deny C-1 -m no", "undo C-1", "log", "log -f", "status"),
        *("execute C-1", "withdraw C-1", "halt", "resume", "user list", "team list", "session list"),
        *(
            "token list",
            "passkey list",
            "attention",
            "evidence sample",
            "evidence controls",
            "drill",
            "api /x",
        ),
    ],
)
def test_a_console_that_does_not_answer_is_an_error(words: str) -> None:
    """1 as well: that nobody was asked is no answer, least of all a yes."""
    told = CliRunner().invoke(main, ["--url", NOBODY, *words.split()])
    assert (told.exit_code, "[unreachable]" in told.output) == (1, True), told.output


def test_each_verdict_has_its_code() -> None:
    """What is only suggested is never sent: for who asked it is a no. A word that nobody knows is an error."""
    found = {verdict: exit_of_verdict(str(verdict)) for verdict in Verdict}
    assert found == {Verdict.ALLOW: 0, Verdict.HOLD: 2, Verdict.SUGGEST: 3, Verdict.DENY: 3}
    assert exit_of_verdict("perhaps") == 1


def test_each_phase_has_its_code() -> None:
    """Of what was asked for: 2 where people have to act first, 3 where the answer is no, 1 where it came to nothing."""
    found = {code: {phase for phase in Phase if exit_of_phase(str(phase)) == code} for code in (1, 2, 3)}
    assert found == {
        1: {
            *(Phase.FAILED, Phase.INCONCLUSIVE, Phase.UNCERTAIN, Phase.EXPIRED, Phase.WITHDRAWN),
            *(Phase.INVALIDATED, Phase.HALTED, Phase.RESTORED, Phase.RESTORE_FAILED),
        },
        2: {Phase.RECEIVED, Phase.ASSESSED, Phase.SUPERSEDED, Phase.HELD},
        3: {Phase.DENIED, Phase.REJECTED, Phase.SUGGESTED},
    }


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ("aws dynamodb list-tables", 0),
        ("aws dynamodb delete-table --table-name orders", 2),
        ("aws sqs purge-queue --queue-url https://sqs.eu-central-1.amazonaws.com/123456789012/q", 3),
        ("", 1),
    ],
)
def test_explain_ends_with_the_verdict(question: str, code: int) -> None:
    """So that a pipeline asks before it sends."""
    assert (
        CliRunner()
        .invoke(main, ["explain", *filter(None, [question]), "--pack", "seatbelt", "--pack", "way-back"])
        .exit_code
        == code
    )


# --- tables ----------------------------------------------------------------------------------------------------------

LONG = "arn:aws:cloudformation:eu-central-1:123456789012:stack/cost-explorer-production-blue/9f3a2b1c"


def case(**given: Any) -> dict[str, Any]:
    made = {
        "id": "C-10417",
        "phase": "held",
        "open": True,
        "symbol": "-/+",
        "effect": "replace",
        "environment": "production",
        "operations": ["elasticbeanstalk:RebuildEnvironment", "cloudformation:DeleteStack"],
        "resources": [f"cloudformation:stack/{LONG}", "rds:db/ledger"],
        "agent": "kiro-platform-refactoring",
        "operator": "alexandra.papadopoulou@example.com",
        "approvals": ["dana"],
        "quorum": 2,
        "deadline_ms": time.time() * 1000 + 9_000_000,
        "claimed_by": "maximiliane",
        "claimed_until_ms": 4_102_444_800_000,
        "escalated": False,
    }
    return made | given


def test_the_inbox_fits_eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the longest names that there are: each column is still there, and what was cut shows that it was."""
    monkeypatch.setenv("COLUMNS", "80")
    lines = text.inbox([case(), case(id="C-2", agent="", claimed_by="")]).splitlines()
    assert max(len(line) for line in lines) <= 80
    assert lines[0].split() == [
        "CASE",
        "PHASE",
        "OPERATION",
        "RESOURCE",
        "WHO",
        "ASKS",
        "YES",
        "ENDS",
        "LOOKS",
    ]
    assert lines[1].startswith("C-10417  held   -/+  ")
    assert [len(cell) for cell in lines[1].split("  ") if "…" in cell] == [9, 15, 9, 9], (
        "what, which, who, who looks"
    )


def test_what_is_alike_shares_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three deletes of one agent and another's update: two lines, the longer list on demand."""
    monkeypatch.setenv("COLUMNS", "120")
    like = [case(id=f"C-{number}", resources=[f"s3:object/b/{number}"]) for number in (9, 8, 7)]
    lines = text.inbox([*like, case(id="C-6", effect="update")]).splitlines()
    assert [line.split()[:2] for line in lines[1:3]] == [["C-9", "+2"], ["C-6", "held"]]
    assert lines[3:] == [
        "+n: as many more are alike. Each: keyturn inbox --each",
        "    None of them: keyturn deny C-9 --alike",
    ]
    assert len(text.inbox([*like, case(id="C-6", effect="update")], each=True).splitlines()) == 5
    assert len(text.inbox(like[:2]).splitlines()) == 3, "two are two lines"


def test_a_pipe_cuts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who greps for a name finds it."""
    monkeypatch.delenv("COLUMNS", raising=False)
    assert LONG in text.inbox([case()])


def test_a_line_of_the_log_fits_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an agent named over several lines is one line."""
    monkeypatch.setenv("COLUMNS", "80")
    line = {
        "seq": 9,
        "at_ms": 1_764_500_000_000,
        "event": "reviewed",
        "said": "dana denies:\nno " * 20,
        "case": "C-10417",
        "symbol": "-/+",
        "agent": "kiro",
        "operator": "olga",
        "resources": [LONG],
    }
    told = watching.told(line)
    assert (len(told), "\n" in told, "C-10417" in told) == (80, False, True)


@pytest.mark.parametrize(
    ("given", "looks"),
    [
        ({}, "maximiliane"),
        ({"claimed_until_ms": 1_000}, "-"),
        ({"claimed_until_ms": 1_000, "escalated": True}, "nobody!"),
        ({"claimed_by": "", "claimed_until_ms": None}, "-"),
    ],
)
def test_a_claim_that_ended_names_nobody(given: dict[str, Any], looks: str) -> None:
    """It ends by itself, and no event says so: whoever reads looks at the time."""
    assert text.looks(case(**given)) == looks


# --- before and after ------------------------------------------------------------------------------------------------


def test_a_difference_names_what_goes_first() -> None:
    """Then what is made anew, then each setting; what is sealed stays so, and nothing is cut."""
    resource = {"kind": "lambda:function", "id": "api"}
    found = case(
        resources=["lambda:function/api"],
        forcing=["lambda:function/api: Runtime"],
        assessment={
            "differences": [
                {
                    "resource": resource,
                    "path": "Environment",
                    "before": {"A": "1", "B": {"$sealed": "x" * 64}},
                    "after": {"A": "2", "B": {"$sealed": "x" * 58 + "yyyyyy"}},
                },
                {"resource": resource, "path": "", "before": "120 lines of code", "after": None},
            ],
            "unknowns": ["the layers could not be read"],
        },
    )
    assert diffing.text(found) == (
        "C-10417  -/+ replace of lambda:function/api\n"
        "\n"
        "-    lambda:function/api: 120 lines of code -> gone\n"
        "-/+  lambda:function/api: Runtime  (forces replacement)\n"
        "~    lambda:function/api\n"
        "  ~  Environment.A: 1 -> 2\n"
        "  ~  Environment.B: sealed …xxxxxx -> sealed …yyyyyy\n"
        "?    the layers could not be read\n"
        "\n"
        "1 gone; settings: +0 ~2 -0"
    )


# --- a shell ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_how_to_complete(shell: str) -> None:
    """The script names the variable by which it asks for words."""
    told = CliRunner().invoke(main, ["completion", shell])
    assert (told.exit_code, f"_KEYTURN_COMPLETE={shell}_complete" in told.output) == (0, True)


def test_what_is_completed() -> None:
    """Commands and options; cases where a console answers, and no error where none does."""
    complete = BashComplete(main, {}, "keyturn", "_KEYTURN_COMPLETE").get_completions
    assert {one.value for one in complete([], "wi")} == {"withdraw"}
    assert "--guide" in {one.value for one in complete(["deny"], "--g")}
    assert complete(["--url", NOBODY, "show"], "C-") == []


def test_whoever_may_not_ends_with_three() -> None:
    """What the console forbids, and each way in which a review does not count, is a refusal and no error."""
    forbidden = {code for code, status in STATUS.items() if status == 403}
    uncounted = {
        "not-open",
        "own-agent",
        "no-reviewer",
        "stale",
        "late",
        "not-whole",
        "enough",
        "twice",
        "not-asked",
    }
    signatures = {"unsigned", "altered", "wrong-user", "wrong-origin", "not-verified", "forged", "replayed"}
    assert (forbidden | uncounted | signatures) - _REFUSALS == set()


REVIEWED: dict[str, Any] = {
    "id": "C-1",
    "phase": "held",
    "open": True,
    "approvals": [],
    "quorum": 2,
    "needs": [],
    "met": "",
    "unmet": "",
    "glass": None,
}


@pytest.mark.parametrize(
    ("but", "said"),
    [
        ({}, ["REVIEW     0 of 2 approvals: nobody yet"]),
        (
            {
                "approvals": ["erin"],
                "needs": ["1 of security and 1 of platform"],
                "met": "1 of security (erin), 1 more of platform",
            },
            [
                "REVIEW     1 of 2 approvals: erin",
                "           it takes 1 of security and 1 of platform: 1 of security (erin), 1 more of platform",
            ],
        ),
        (
            {"unmet": "too few people may approve this"},
            [
                "REVIEW     0 of 2 approvals: nobody yet",
                "           as things stood when it was held, too few people may approve this",
            ],
        ),
        (
            {
                "glass": {
                    "by": "ada",
                    "reason": "the api is down",
                    "reviewed_by": "",
                    "right": False,
                    "note": "",
                }
            },
            [
                "REVIEW     none: ada broke the glass: the api is down",
                "           nobody has signed it off: keyturn sign-off C-1",
            ],
        ),
        (
            {
                "glass": {
                    "by": "ada",
                    "reason": "now",
                    "reviewed_by": "dana",
                    "right": False,
                    "note": "it could wait",
                }
            },
            ["REVIEW     none: ada broke the glass: now", "           not right, says dana (it could wait)"],
        ),
    ],
    ids=["nobody yet", "places", "nobody could", "glass, not looked at", "glass, looked at"],
)
def test_who_reviewed_it_in_a_line_or_two(but: dict[str, Any], said: list[str]) -> None:
    """A break-glass is no review with nobody in it, and a number does not say which places are open."""
    assert [line.lstrip("\n") for line in text.review_lines({**REVIEWED, **but})] == said
