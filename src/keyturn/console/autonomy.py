"""Autonomy over time: how much of what an agent asked for went through with no person, and what it was worth. Counts, never a score."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

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


def autonomy(cases: Iterable[Case], *, now_ms: int) -> dict[str, Any]:
    """Of one agent: `days` of the last thirty that had any ({day, one count for each of `WAYS`}), and what it earned by effect."""
    listed = list(cases)
    first = now_ms // DAY_MS - DAYS + 1
    days: dict[int, dict[str, int]] = {}
    for case in listed:
        day = case.opened_at_ms // DAY_MS
        if day >= first:
            counts = days.setdefault(day, dict.fromkeys(WAYS, 0))
            counts[way_of(case)] += 1
    return {
        "days": [{"day": day, **counts} for day, counts in sorted(days.items())],
        "standing": [msgspec.to_builtins(one) for one in standing(listed)],
    }


def picture(days: Iterable[dict[str, int]]) -> dict[str, Any]:
    """The `days` of `autonomy` as bars."""
    return bars({day["day"]: day for day in days}, WAYS, nothing="nothing was asked for")


def standing(cases: Iterable[Case]) -> tuple[Standing, ...]:
    """By agent and effect, those asked for most first."""
    rows: dict[tuple[str, str], dict[str, int]] = {}
    for case in cases:
        if case.change is None:
            continue
        effect = str(case.assessment.effect) if case.assessment else "unknown"
        row = rows.setdefault((case.change.principal.agent, effect), dict.fromkeys(_COUNTS, 0))
        row["asked"] += 1
        row["alone"] += way_of(case) == "alone"
        row["confirmed"] += case.phase is Phase.CONFIRMED
        row["failed"] += case.phase in _REGRETTED
        row["rejected"] += case.phase in {Phase.DENIED, Phase.REJECTED}
        row["undone"] += bool(case.undone_by)
    made = [Standing(agent=agent, effect=effect, **counts) for (agent, effect), counts in rows.items()]
    return tuple(sorted(made, key=lambda one: (one.agent, -one.asked, one.effect)))


_COUNTS: Final = ("asked", "alone", "confirmed", "failed", "rejected", "undone")
