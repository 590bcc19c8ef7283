"""Attention: how much is asked of whom, how long it gets at most, and which policies ask for most of it, with a picture of the days."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keyturn.console.bars import HIGH, bars
from keyturn.console.evidence_api import attention_of
from keyturn.console.identity import User
from keyturn.console.site import Site, wants_json
from keyturn.console.text import seen
from keyturn.core.attention import OUTCOMES, Attention

BUDGET_TIMES_MAX: Final = 4
"""The budget of all is drawn up to so many times the busiest day; above that the days would be too low to be read."""


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
    """Stacked bars, one a day of the span, and the budget of all who reviewed as a line."""
    days = {day.day: {name: getattr(day, name) for name in OUTCOMES} for day in found.days}
    budget = found.budget * max(1, len(found.reviewers))
    most = max(
        (max(day.reviews, sum(getattr(day, name) for name in OUTCOMES)) for day in found.days), default=0
    )
    fits = budget <= most * BUDGET_TIMES_MAX
    drawn = bars(days, OUTCOMES, nothing="nothing was held", most=max(most, budget if fits else 0))
    if not drawn:
        return {}
    line = {"budget": round(HIGH - budget * drawn["scale"], 1) if fits else None, "budget_a_day": budget}
    return drawn | line
