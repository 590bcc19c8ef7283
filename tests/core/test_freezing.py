"""Freezes as they are asked for: what is no freeze is refused with the reason, and who may end one."""

from __future__ import annotations

from typing import Any

import pytest

from keyturn.core import freezing
from keyturn.core.freezing import AHEAD_DAYS_MAX, AT_ONCE_MAX, DAY_MS, Freeze, Freezes
from keyturn.errors import KeyturnError
from keyturn.model import record as r

AT = 1_000_000
ASKED: dict[str, Any] = {
    "by": "anna",
    "environment": "production",
    "account": "",
    "from_ms": 0,
    "until_ms": AT + DAY_MS,
    "reason": "year's end",
    "at_ms": AT,
}


def test_one_is_set_as_it_was_asked_for() -> None:
    """Its name is the next; a beginning that is over is at once."""
    asked = ASKED | {"account": "123456789012", "from_ms": AT - 5, "reason": " year's end "}
    assert freezing.set_by(Freezes(next_number=7), **asked) == r.FreezeSet(
        at_ms=AT,
        by="anna",
        until_ms=AT + DAY_MS,
        environment="production",
        reason="year's end",
        freeze="F-7",
        account="123456789012",
    )


NONSENSE: dict[str, tuple[dict[str, Any], str]] = {
    "without a reason": ({"reason": "  "}, "no-reason"),
    "with a novel": ({"reason": "x" * 201}, "reason"),
    "of something that is no account": ({"account": "prod"}, "account"),
    "that is over": ({"until_ms": AT}, "until"),
    "that ends before it begins": ({"from_ms": AT + 2 * DAY_MS}, "until"),
    "for ever": ({"until_ms": AT + (AHEAD_DAYS_MAX + 1) * DAY_MS}, "until"),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_what_says_nothing_is_refused(name: str) -> None:
    """With the reason, before anything is written."""
    more, code = NONSENSE[name]
    with pytest.raises(KeyturnError) as refused:
        freezing.set_by(Freezes(), **ASKED | more)
    assert refused.value.code == code


def test_there_are_not_more_than_anybody_can_tell_apart() -> None:
    """Those that have ended do not count."""
    full = Freezes(tuple(Freeze("anna", AT + 1, "", id=f"F-{n}") for n in range(AT_ONCE_MAX)))
    with pytest.raises(KeyturnError) as refused:
        freezing.set_by(full, **ASKED)
    assert refused.value.code == "too-many"
    ended = Freezes(tuple(Freeze("anna", AT, "", id=f"F-{n}") for n in range(AT_ONCE_MAX)))
    assert freezing.set_by(ended, **ASKED).freeze == "F-1"


STANDING = Freezes((Freeze("anna", AT + 9, "", id="F-1"),), 2)


@pytest.mark.parametrize(("mine", "runs"), [(True, ""), (True, "kiro"), (False, "")])
def test_who_ends_a_freeze(mine: bool, runs: str) -> None:  # a row of the table
    """Who set it, whatever runs; and who runs nothing."""
    lifted = freezing.lifted_by(STANDING, "F-1", by="anna", mine=mine, runs=runs, reason="", at_ms=AT)
    assert lifted == r.FreezeLifted(at_ms=AT, by="anna", freeze="F-1")


def test_nobody_ends_anothers_freeze_for_an_agent_of_hers() -> None:
    """Without it her agent's changes would need fewer people: that is not hers to decide (docs/concepts/rules.md, 4)."""
    with pytest.raises(KeyturnError) as refused:
        freezing.lifted_by(STANDING, "F-1", by="dana", mine=False, runs="kiro", reason="", at_ms=AT)
    assert refused.value.code == "own-agent"


@pytest.mark.parametrize("name", ["", "F-2", "F-1 "])
def test_what_is_not_there_is_not_lifted(name: str) -> None:
    """One of an earlier version has no name, and ends by itself."""
    standing = Freezes((Freeze("anna", AT + 9, ""), Freeze("anna", AT, "", id="F-2")))
    with pytest.raises(KeyturnError, match="there is no freeze"):
        freezing.lifted_by(standing, name, by="anna", mine=True, runs="", reason="", at_ms=AT)
