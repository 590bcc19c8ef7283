"""What an agent earned: one word for what became of each case, days as bars, and counts by effect that add up."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from keyturn.console.autonomy import WAYS, Counted, autonomy, fact, picture, standing, way_of
from keyturn.console.bars import DAY_MS
from keyturn.core.case import Case, Phase
from keyturn.model.change import Effect
from keyturn.model.standing import Standing
from tests.core import core_world as w

NOW_MS = 20_000 * DAY_MS + 1


def case(
    phase: Phase, *, effect: Effect = Effect.UPDATE, day: int = 0, approved: bool = False, undone: str = ""
) -> Case:
    return Case(
        id="C-1",
        phase=phase,
        change=w.change(),
        assessment=w.assessment(effect=effect),
        opened_at_ms=NOW_MS - day * DAY_MS,
        approved_at_ms=1 if approved else None,
        undone_by=undone,
    )


@pytest.mark.parametrize(
    ("of", "way"),
    [
        (case(Phase.CONFIRMED), "alone"),
        (case(Phase.CONFIRMED, approved=True), "with people"),
        (case(Phase.CONFIRMED, undone="C-9"), "regretted"),
        (case(Phase.FAILED, approved=True), "regretted"),
        (case(Phase.INCONCLUSIVE), "regretted"),
        (case(Phase.REJECTED), "refused"),
        (case(Phase.EXPIRED), "refused"),
        (case(Phase.HELD), "open"),
        (case(Phase.EXECUTING, approved=True), "open"),
    ],
)
def test_a_case_counts_once(of: Case, way: str) -> None:
    """What was taken back is no success, whoever let it through."""
    assert way_of(of) == way
    assert way in WAYS


def test_every_phase_has_its_way() -> None:
    """A phase that is added is looked at here: what has ended is never *open*."""
    ended = {phase for phase in Phase if way_of(case(phase)) != "open"}
    assert {Phase.CONFIRMED, Phase.DENIED, Phase.RESTORED, Phase.WITHDRAWN} <= ended
    assert not ended & {Phase.HELD, Phase.CLAIMED, Phase.UNCERTAIN, Phase.BREAK_GLASS}


def counted(cases: list[Case]) -> Counted:
    """How many cases count as each."""
    return Counter(found for one in cases if (found := fact(one)) is not None)


def test_the_days_are_bars_and_words() -> None:
    """From the first day that had any to the last; older than thirty days is counted in what it earned, and not drawn."""
    listed = [
        case(Phase.CONFIRMED),
        case(Phase.CONFIRMED, day=2),
        case(Phase.REJECTED, day=2),
        case(Phase.FAILED, day=40),
    ]
    told = autonomy(counted(listed), now_ms=NOW_MS)
    none = dict.fromkeys(WAYS, 0)
    assert told["days"] == [
        {"day": 19_998, **none, "alone": 1, "refused": 1},
        {"day": 20_000, **none, "alone": 1},
    ]
    assert [bar["said"].partition(": ")[2] for bar in picture(told["days"])["bars"]] == [
        "1 alone, 0 with people, 1 refused, 0 regretted, 0 open",
        "nothing was asked for",
        "1 alone, 0 with people, 0 refused, 0 regretted, 0 open",
    ]
    assert told["standing"][0]["asked"] == 4
    assert autonomy({}, now_ms=NOW_MS) == {"days": [], "standing": []}
    assert picture([]) == {}


def test_standing_is_counted_by_effect() -> None:
    """Deletes say nothing of updates."""
    agent = w.change().principal.agent
    listed = [
        case(Phase.CONFIRMED),
        case(Phase.CONFIRMED, undone="C-9"),
        case(Phase.REJECTED, effect=Effect.DELETE),
        msgspec.structs.replace(case(Phase.FAILED), assessment=None),
    ]
    assert standing(counted(listed)) == (
        Standing(agent, "update", asked=2, alone=1, confirmed=2, undone=1),
        Standing(agent, "delete", asked=1, rejected=1),
        Standing(agent, "unknown", asked=1, failed=1),
    )
