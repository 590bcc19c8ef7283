"""Activity: the log as it is written, newest first; filtered, live, and pausable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keyturn.console import show, story
from keyturn.console.identity import User
from keyturn.console.listing import Filter
from keyturn.console.numbers import whole
from keyturn.console.site import Site, wants_json
from keyturn.console.text import visible
from keyturn.core.case import Case
from keyturn.model import record as r
from keyturn.model.record import Entry

LINES: Final = 100
"""Of one page."""

SCANNED_MAX: Final = 5_000
"""Entries looked at for one page; a filter that finds nothing in so many says how far it looked."""

STRIDE: Final = 200
"""Entries read from the store before others get their turn: some 10 ms."""


class Activity:
    """``/activity?q=agent:kiro effect:delete``; ``before`` is the entry where the next page begins."""

    def __init__(self, site: Site) -> None:
        self._site, self._desk = site, site.desk

    def routes(self) -> list[Route]:
        return self._site.page("/activity", self._activity, twin="/activity.json")

    async def _activity(self, request: Request, user: User) -> Response:
        wanted = Filter(request.query_params.get("q", ""))
        head = self._desk.head()
        asked = whole(request.query_params.get("before", ""))
        before = head + 1 if asked is None else asked
        lines, reached = await self._lines(wanted, before)
        if wants_json(request):
            shown = [{key: line[key] for key in line if key != "text"} for line in lines]
            return JSONResponse({"query": wanted.text, "head": head, "lines": shown, "before": reached})
        return self._site.show(
            "activity.html",
            request,
            user,
            title="Activity",
            lines=lines,
            wanted=wanted.text,
            first=before > head,
            reached=reached,
        )

    async def _lines(self, wanted: Filter, before: int) -> tuple[list[dict[str, Any]], int]:
        """Matching lines before an entry, newest first, and the entry down to which it looked (0: the beginning)."""
        lines: list[dict[str, Any]] = []
        floor = max(0, before - 1 - SCANNED_MAX)
        top = before - 1
        while top > floor:
            start = max(floor, top - STRIDE)
            for entry in reversed(self._desk.log(after=start, limit=top - start)):
                line = told(entry, self._desk.case, self._site.listing.row)
                if line["event"] not in QUIET and wanted(line):
                    lines.append(line)
                if len(lines) >= LINES:
                    return lines, entry.seq
            top = start
            await asyncio.sleep(0)  # others get their turn
        return lines, top + 1 if top else 0


QUIET: Final = frozenset({"attached", "detached"})
"""That a client waits or has left is in a case's story; between all cases it is noise."""


def told(
    entry: Entry,
    case_of: Callable[[str], Case | None],
    row_of: Callable[[Case], dict[str, Any]] = show.summary,
) -> dict[str, Any]:
    """One entry as a line: when, what, the words that matter, and of whose case. `row_of` may know the case's summary already."""
    case = case_of(entry.case_id) if entry.case_id else None
    row = row_of(case) if case is not None else {}
    event = entry.event()
    line = story.line(entry)
    agent = row.get("agent", "") or visible(getattr(event, "agent", ""))
    made = {
        **line,
        "id": entry.case_id,
        "agent": agent,
        "operator": row.get("operator", "") or visible(getattr(event, "operator", "")),
        "effect": row.get("effect", ""),
        "symbol": row.get("symbol", ""),
        "environment": row.get("environment", ""),
        "phase": row.get("phase", ""),
        "resources": row.get("resources", []),
        "operations": row.get("operations", []),
        "verdict": str(event.decision.verdict) if isinstance(event, r.Decided) else "",
    }
    words = (line["event"], line["said"], entry.case_id, agent, made["operator"], made["effect"])
    made["text"] = " ".join([*map(str, words), *made["resources"], *made["operations"]]).lower()
    return made
