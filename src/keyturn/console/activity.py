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
"""Entries read from the store before others get their turn: some 5 ms."""

KEPT_MAX: Final = 2 * SCANNED_MAX
"""Entries that are kept as they were read, half a kilobyte each: who filters tries one word and then another. What is written stays as it
is, so that only its case has to be looked at again.
"""


class Activity:
    """``/activity?q=agent:kiro effect:delete``; ``before`` is the entry where the next page begins."""

    def __init__(self, site: Site) -> None:
        self._site, self._desk = site, site.desk
        self._read: dict[int, _Read] = {}  # by entry

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

        rows: dict[str, tuple[dict[str, Any], str]] = {}  # of the cases that are met, each with its words

        def case_of(one: _Read) -> tuple[dict[str, Any], str]:
            case_id = one.line["case"]
            if case_id not in rows:
                case = self._desk.case(case_id) if case_id else None
                row = self._site.listing.row(case) if case is not None else {}
                if not (row.get("agent") and row.get("operator")):
                    return row, one.of_case(row)  # the next entry may say others
                rows[case_id] = row, one.of_case(row)
            return rows[case_id]

        while top > floor:
            start = max(floor, top - STRIDE)
            for one in self._stretch(start, top):
                row, of_case = case_of(one)
                if one.line["event"] in QUIET or not wanted.words_in(one.text(of_case)):
                    continue
                line = one.told(row)
                if wanted(line):
                    lines.append(line)
                if len(lines) >= LINES:
                    return lines, one.line["seq"]
            top = start
            await asyncio.sleep(0)  # others get their turn
        return lines, top + 1 if top else 0

    def _stretch(self, start: int, top: int) -> list[_Read]:
        """The entries after `start` and up to `top`, newest first."""
        if any(seq not in self._read for seq in range(start + 1, top + 1)):
            if len(self._read) + STRIDE > KEPT_MAX:
                self._read.clear()
            for entry in self._desk.log(after=start, limit=top - start):
                if entry.seq not in self._read:
                    self._read[entry.seq] = _Read(entry)
        return [self._read[seq] for seq in range(top, start, -1) if seq in self._read]


class _Read:
    """What one entry says by itself."""

    __slots__ = ("agent", "line", "operator", "verdict")

    def __init__(self, entry: Entry) -> None:
        event = entry.event()
        self.line = story.line(entry, event)
        self.agent, self.operator = (visible(getattr(event, name, "")) for name in ("agent", "operator"))
        self.verdict = str(event.decision.verdict) if isinstance(event, r.Decided) else ""

    def text(self, of_case: str) -> str:
        """What a word may be found in: of it, and of its case as it is now."""
        return f"{self.line['event']} {self.line['said'].lower()} {self.line['case'].lower()} {of_case}"

    def of_case(self, row: dict[str, Any]) -> str:
        words = (row.get("agent") or self.agent, row.get("operator") or self.operator, row.get("effect", ""))
        return " ".join((*words, *row.get("resources", ()), *row.get("operations", ()))).lower()

    def told(self, row: dict[str, Any]) -> dict[str, Any]:
        """The line: when, what, the words that matter, and of whose case."""
        return {
            **self.line,
            "id": self.line["case"],
            "agent": row.get("agent", "") or self.agent,
            "operator": row.get("operator", "") or self.operator,
            "effect": row.get("effect", ""),
            "symbol": row.get("symbol", ""),
            "environment": row.get("environment", ""),
            "phase": row.get("phase", ""),
            "resources": row.get("resources", []),
            "operations": row.get("operations", []),
            "verdict": self.verdict,
            "text": self.text(self.of_case(row)),
        }


QUIET: Final = frozenset({"attached", "detached"})
"""That a client waits or has left is in a case's story; between all cases it is noise."""


def told(
    entry: Entry,
    case_of: Callable[[str], Case | None],
    row_of: Callable[[Case], dict[str, Any]] = show.summary,
) -> dict[str, Any]:
    """One entry as a line. `row_of` may know the case's summary already."""
    case = case_of(entry.case_id) if entry.case_id else None
    return _Read(entry).told(row_of(case) if case is not None else {})
