"""Autonomy over time: how much of what an agent asked for went through with no person, and what it was worth. Counts, never a score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from keyturn.console.bars import DAY_MS, bars
from keyturn.core.case import Case, Phase
from keyturn.model.standing import Standing

WAYS: Final = ("alone", "with people", "refused", "regretted", "open")
"""What became of a change: policy let it through; people did; policy or people did not, or nobody answered; it failed or was taken
back; it is not settled yet."""

DAYS: Final = 30

_REFUSED: Final = frozenset(
    {
        Phase.DENIED,
        Phase.REJECTED,
        Phase.EXPIRED,
        Phase.WITHDRAWN,
        Phase.INVALIDATED,
        Phase.HALTED,
        Phase.SUGGESTED,
    }
)
_REGRETTED: Final = frozenset({Phase.FAILED, Phase.RESTORED, Phase.RESTORE_FAILED, Phase.INCONCLUSIVE})


def way_of(case: Case) -> str:
    """One of `WAYS`."""
    if case.undone_by or case.phase in _REGRETTED:
        return "regretted"
    if case.phase in _REFUSED:
        return "refused"
    if case.phase is not Phase.CONFIRMED:
        return "open"
    return "with people" if case.approved_at_ms is not None or case.glass is not None else "alone"


class Fact(NamedTuple):
    """What a case counts as. Few of them differ: ten thousand cases are some hundreds of these."""

    agent: str
    operator: str
    effect: str
    phase: Phase
    way: str
    day: int
    allowed: bool
    held: bool
    approved: bool
    undone: bool


Counted = Mapping[Fact, int]


def fact(case: Case) -> Fact | None:
    """None where nothing was asked for yet, or by nobody's agent."""
    if case.change is None or not case.change.principal.agent:
        return None
    return Fact(
        agent=case.change.principal.agent,
        operator=case.change.principal.operator,
        effect=str(case.assessment.effect) if case.assessment else "unknown",
        phase=case.phase,
        way=way_of(case),
        day=case.opened_at_ms // DAY_MS,
        allowed=case.decision is not None and case.decision.verdict == "allow",
        held=case.was_held or case.phase is Phase.HELD,
        approved=case.approved_at_ms is not None,
        undone=bool(case.undone_by),
    )


def autonomy(counts: Counted, *, now_ms: int) -> dict[str, Any]:
    """Of one agent: `days` of the last thirty that had any ({day, one count for each of `WAYS`}), and what it earned by effect."""
    first = now_ms // DAY_MS - DAYS + 1
    days: dict[int, dict[str, int]] = {}
    for one, count in counts.items():
        if one.day >= first:
            days.setdefault(one.day, dict.fromkeys(WAYS, 0))[one.way] += count
    return {
        "days": [{"day": day, **of_day} for day, of_day in sorted(days.items())],
        "standing": [msgspec.to_builtins(one) for one in standing(counts)],
    }


def picture(days: Iterable[dict[str, int]]) -> dict[str, Any]:
    """The `days` of `autonomy` as bars."""
    return bars({day["day"]: day for day in days}, WAYS, nothing="nothing was asked for")


def standing(counts: Counted) -> tuple[Standing, ...]:
    """By agent and effect, those asked for most first."""
    rows: dict[tuple[str, str], dict[str, int]] = {}
    for one, count in counts.items():
        row = rows.setdefault((one.agent, one.effect), dict.fromkeys(_COUNTS, 0))
        row["asked"] += count
        row["alone"] += count * (one.way == "alone")
        row["confirmed"] += count * (one.phase is Phase.CONFIRMED)
        row["failed"] += count * (one.phase in _REGRETTED)
        row["rejected"] += count * (one.phase in {Phase.DENIED, Phase.REJECTED})
        row["undone"] += count * one.undone
    made = [Standing(agent=agent, effect=effect, **row) for (agent, effect), row in rows.items()]
    return tuple(sorted(made, key=lambda one: (one.agent, -one.asked, one.effect)))


_COUNTS: Final = ("asked", "alone", "confirmed", "failed", "rejected", "undone")
