"""Stacked bars, one a day: numbers for a template to draw, and each bar in words for who cannot see it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

HIGH: Final = 120
BAR, GAP = 18, 6
DAY_MS: Final = 86_400_000

Counts = Mapping[int, Mapping[str, int]]
"""By day since 1970, in UTC: how many of each name."""


def bars(days: Counts, names: Sequence[str], *, nothing: str, most: int = 0) -> dict[str, Any]:
    """`wide` and `high` in pixels, `most` that a bar can show (at least the given), `scale` in pixels for one, and the `bars`.

    From the first day to the last, those between too; `nothing` is what a day without any is said to have. Empty without days.
    """
    if not days:
        return {}
    first, last = min(days), max(days)
    most = max(1, most, *(sum(day.get(name, 0) for name in names) for day in days.values()))
    scale = HIGH / most
    return {
        "wide": (last - first + 1) * (BAR + GAP) + GAP,
        "high": HIGH,
        "most": most,
        "scale": scale,
        "bars": [
            _bar(days.get(day, {}), names, GAP + (day - first) * (BAR + GAP), scale, f"{date(day)}", nothing)
            for day in range(first, last + 1)
        ],
    }


def _bar(
    day: Mapping[str, int], names: Sequence[str], x: int, scale: float, called: str, nothing: str
) -> dict[str, Any]:
    parts, base = [], float(HIGH)
    for name in names:
        high = day.get(name, 0) * scale
        if high:
            base -= high
            parts.append({"of": name, "y": round(base, 1), "high": round(high, 1)})
    said = ", ".join(f"{day.get(name, 0)} {name}" for name in names) if parts else nothing
    return {"x": x, "wide": BAR, "parts": parts, "said": f"{called}: {said}"}


def date(day: int) -> str:
    return dt.datetime.fromtimestamp(day * 86_400, tz=dt.UTC).strftime("%Y-%m-%d")
