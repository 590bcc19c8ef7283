"""Times as people type them at night: of a day the one that is meant, and none that is a guess."""

from __future__ import annotations

import datetime as dt

import click
import pytest

from keyturn.cli.undoing import moment_ms

DAY_MS = 86_400_000


@pytest.mark.parametrize("text", ["0:00", "07:30", "20:15", "23:59"])
def test_a_time_of_day_is_the_last_one_or_the_next(text: str) -> None:
    """What was done since 23:59 was done last night; a freeze until 07:30 ends in the morning."""
    last, coming = moment_ms(text, "--since"), moment_ms(text, "--until", ahead=True)
    now = int(dt.datetime.now(tz=dt.UTC).timestamp() * 1000)
    assert last is not None
    assert coming is not None
    assert now - DAY_MS - 3_600_000 <= last <= now <= coming + 60_000
    hour, minute = (int(part) for part in text.split(":"))
    for moment in (last, coming):
        local = dt.datetime.fromtimestamp(moment / 1000, tz=dt.UTC).astimezone()
        assert (local.hour, local.minute) == (hour, minute)


@pytest.mark.parametrize("text", ["25:00", "8", "yesterday", "20:30:77"])
def test_what_is_no_time_is_refused_with_how_to_write_one(text: str) -> None:
    """A time that was guessed would take back too much, or freeze too short."""
    with pytest.raises(click.BadParameter, match="write 20:30, or 2026-01-31T09:00Z"):
        moment_ms(text, "--since")
