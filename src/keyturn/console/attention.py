"""Attention: how much is asked of whom, how long it gets at most, and which policies ask for most of it, with a picture of the days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keyturn.console.evidence_api import attention_of
from keyturn.console.identity import User
from keyturn.console.site import Site, wants_json
from keyturn.console.text import seen
from keyturn.core.attention import OUTCOMES, Attention, Day

HIGH: Final = 120
BAR, GAP = 18, 6


class AttentionPage:
    """``/attention``"""

    def __init__(self, site: Site) -> None:
        self._site, self._desk = site, site.desk

    def routes(self) -> list[Route]:
        return self._site.page("/attention", self._attention, twin="/attention.json")

    async def _attention(self, request: Request, user: User) -> Response:
        found = await attention_of(self._desk, request)
        told: dict[str, Any] = seen(msgspec.to_builtins(found))
        if wants_json(request):
            return JSONResponse(told)
        return self._site.show(
            "attention.html",
            request,
            user,
            title="Attention",
            found=told,
            picture=picture(found),
            outcomes=OUTCOMES,
        )


def picture(found: Attention) -> dict[str, Any]:
    """Stacked bars, one a day of the span, and the budget of all who reviewed as a line: numbers for the template to draw."""
    if not found.days:
        return {}
    first, last = found.days[0].day, found.days[-1].day
    days = {day.day: day for day in found.days}
    budget = found.budget * max(1, len(found.reviewers))
    most = max(1, *(_asked(day) for day in found.days), *(day.reviews for day in found.days))
    scale = HIGH / most
    return {
        "wide": (last - first + 1) * (BAR + GAP) + GAP,
        "high": HIGH,
        "most": most,
        "budget": round(HIGH - budget * scale, 1) if budget <= most else None,
        "bars": [
            _bar(days.get(number), number - first, scale, _date(number)) for number in range(first, last + 1)
        ],
    }


def _bar(day: Day | None, place: int, scale: float, date: str) -> dict[str, Any]:
    parts, base = [], float(HIGH)
    for name in OUTCOMES if day is not None else ():
        high = getattr(day, name) * scale
        if high:
            base -= high
            parts.append({"of": name, "y": round(base, 1), "high": round(high, 1)})
    said = (
        ", ".join(f"{getattr(day, name)} {name}" for name in OUTCOMES)
        if day is not None
        else "nothing was held"
    )
    return {"x": GAP + place * (BAR + GAP), "wide": BAR, "parts": parts, "said": f"{date}: {said}"}


def _asked(day: Day) -> int:
    return sum(_numbers(day))


def _numbers(day: Day) -> Iterable[int]:
    return (getattr(day, name) for name in OUTCOMES)


def _date(day: int) -> str:
    return dt.datetime.fromtimestamp(day * 86_400, tz=dt.UTC).strftime("%Y-%m-%d")
