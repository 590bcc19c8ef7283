"""One reading of a number for every page and every route: ASCII digits, bounded, and nothing else."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from keyturn.console.numbers import COUNT_MAX, MS_MAX, number, whole
from keyturn.errors import OperatorError

READ = [
    ("a number", "25", 25),
    ("nothing of it", "0", 0),
    ("the last that counts something", str(COUNT_MAX), COUNT_MAX),
    ("one more", str(COUNT_MAX + 1), None),
    ("as long as a page can be sent", "9" * 5_000, None),
    ("not there", "", None),
    ("negative", "-1", None),
    ("with a sign", "+1", None),
    ("with a blank", " 1", None),
    ("in another script's digits", "٣", None),  # ARABIC-INDIC DIGIT THREE
    ("raised, which is a digit to Python and no number", "²", None),
    ("with an underscore, as Python's source has it", "1_000", None),
    ("half", "1.5", None),
]


@pytest.mark.parametrize(("text", "found"), [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_a_number_is_read(text: str, found: int | None) -> None:
    """What `int` would take beside them is no number here."""
    assert whole(text) == found


def asked(query: str) -> Request:
    return Request({"type": "http", "query_string": query.encode(), "headers": []})


def test_what_is_not_asked_for_is_as_it_is_without() -> None:
    """Each route has its own default; nothing at all may be one."""
    assert (number(asked(""), "limit", 200), number(asked("limit=7"), "limit", None)) == (200, 7)
    assert number(asked(f"since_ms={MS_MAX}"), "since_ms", None, most=MS_MAX) == MS_MAX


@pytest.mark.parametrize("query", ["limit=", "limit=all", "limit=1000000000"])
def test_what_is_none_is_said_by_its_name(query: str) -> None:
    """The API turns it away; a page shows what it shows without."""
    with pytest.raises(OperatorError, match="limit is a whole number up to 999,999,999, not"):
        number(asked(query), "limit", 200)
