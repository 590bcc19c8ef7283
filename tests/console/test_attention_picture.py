"""The picture of attention: the days, and the budget beside them where the days could still be read."""

from __future__ import annotations

import pytest

from keyturn.console.attention import picture
from keyturn.console.bars import HIGH
from keyturn.core.attention import Attention, Day, Reviewer


def one_day(held: int, *, budget: int = 15, people: int = 1) -> Attention:
    """A day on which so many were held and approved by these people."""
    reviewers = tuple(
        Reviewer(
            name=f"r{number}",
            reviews=1,
            approved=1,
            most_a_day=1,
            over=0,
            median_s=60.0,
            hasty=0,
            stamps=False,
        )
        for number in range(people)
    )
    return Attention(0, 1, budget, (Day(1, held, 0, 0, 0, held, 60.0),), reviewers, ())


@pytest.mark.parametrize(
    ("found", "line", "a_day", "most"),
    [
        (one_day(30), 60.0, 15, 30),  # over it: the line crosses the bar
        (one_day(15), 0.0, 15, 15),
        (one_day(5), 0.0, 15, 15),  # under it: the picture ends at the line
        (one_day(10, people=2), 0.0, 30, 30),
        (one_day(1), None, 15, 1),  # far under it: said, not drawn
    ],
    ids=["over", "at", "under", "of two", "far under"],
)
def test_the_budget_is_drawn_where_the_days_can_be_read(
    found: Attention, line: float | None, a_day: int, most: int
) -> None:
    """A load without the measure it is held against says nothing."""
    drawn = picture(found)
    assert (drawn["budget"], drawn["budget_a_day"], drawn["most"], drawn["high"]) == (line, a_day, most, HIGH)
