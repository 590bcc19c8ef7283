"""Agents: who is at work under whose login, what each did, and the switches for one of them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keyturn.console.autonomy import WAYS, autonomy, picture
from keyturn.console.identity import User
from keyturn.console.numbers import whole
from keyturn.console.site import NOTE_CHARS_MAX, Site, wants_json
from keyturn.console.text import seen
from keyturn.core.case import Case, Phase
from keyturn.core.lifecycle import TERMINAL
from keyturn.errors import ReviewError
from keyturn.runtime.interface import SessionKey

CASES_MAX: Final = 10_000
"""The recent ones; older are in the log."""

RECENT: Final = 12

AGENTS: Final = 25
"""Of one page: each is a table, a picture and a list."""

SESSIONS: Final = 20
"""Of one agent on a page; all of them: keyturn session list."""

_DENIED: Final = frozenset({Phase.DENIED, Phase.REJECTED})


class Agents:
    """``/agents``, and ``/agents?agent=kiro`` for one of them."""

    def __init__(self, site: Site) -> None:
        self._site, self._desk = site, site.desk

    def routes(self) -> list[Route]:
        return [
            *self._site.page("/agents", self._agents, twin="/agents.json"),
            self._site.deed("/sessions/{id}/end", self._end, back="/agents"),
        ]

    async def _agents(self, request: Request, user: User) -> Response:
        one = request.query_params.get("agent", "")[:200]
        halts = self._desk.status()["halted_by"]
        sessions = self._desk.sessions()
        now_ms = time.time_ns() // 1_000_000
        cases = self._desk.cases(limit=CASES_MAX)
        found = seen(agents(cases, sessions, halts, now_ms=now_ms, only=one))
        if one and not found:
            return self._site.nothing_here(request, user)
        start = whole(request.query_params.get("from", "")) or 0
        total, found = len(found), found[start : start + AGENTS]
        following = start + AGENTS if start + AGENTS < total else None
        if wants_json(request):
            return JSONResponse({"agents": found, "total": total, "following": following})
        return self._site.show(
            "agents.html",
            request,
            user,
            title=one or "Agents",
            agents=found,
            one=one,
            start=start,
            total=total,
            following=following,
            sessions_max=SESSIONS,
            ways=WAYS,
            pictures={agent["name"]: picture(agent["days"]) for agent in found},
            may_end=_may_end(user),
        )

    async def _end(self, request: Request, user: User, form: dict[str, str]) -> str:
        session = request.path_params["id"]
        mine = any(key.session == session and key.operator == user.name for key in self._desk.sessions())
        if not mine and not _may_end(user):
            raise ReviewError("forbidden", f"{user.name} runs no session {session} and cannot end it.")
        reason = form.get("reason", "").strip()[:NOTE_CHARS_MAX] or "from the console"
        await self._desk.end_session(session, by=user.name, reason=reason)
        return "/agents"


def agents(
    cases: Iterable[Case],
    sessions: Iterable[SessionKey],
    halts: dict[str, str],
    *,
    now_ms: int,
    only: str = "",
) -> list[dict[str, Any]]:
    """One row for each agent, or `only` for this one, that has a session or asked for something lately; those at work first."""
    rows: dict[str, dict[str, Any]] = {}

    def row(name: str) -> dict[str, Any]:
        return rows.setdefault(
            name,
            {
                "name": name,
                "operators": [],
                "sessions": [],
                "halted_by": halts.get(name, ""),
                "asked": 0,
                "allowed": 0,
                "held": 0,
                "approved": 0,
                "denied": 0,
                "undone": 0,
                "failed": 0,
                "open": 0,
                "last_ms": 0,
                "recent": [],
            },
        )

    for key in (key for key in sessions if only in {"", key.agent}):
        row(key.agent)["sessions"].append(
            {
                "id": key.session,
                "operator": key.operator,
                "expires_at_ms": key.expires_at_ms,
                "suggest_only": key.suggest_only,
            }
        )
    asked: defaultdict[str, list[Case]] = defaultdict(list)
    for case in cases:  # newest first
        if (
            case.change is not None
            and case.change.principal.agent
            and only in {"", case.change.principal.agent}
        ):
            _count(row(case.change.principal.agent), case)
            asked[case.change.principal.agent].append(case)
    for name in halts:
        if name and only in {"", name}:
            row(name)
    for one in rows.values():
        people = [*(session["operator"] for session in one["sessions"]), *one["operators"]]
        one["operators"] = list(dict.fromkeys(people))
        one.update(autonomy(asked[one["name"]], now_ms=now_ms))
    return sorted(rows.values(), key=lambda one: (not one["sessions"], -one["last_ms"], one["name"]))


def _count(row: dict[str, Any], case: Case) -> None:
    assert case.change is not None  # noqa: S101  # the caller has looked
    row["operators"].append(case.change.principal.operator)
    row["asked"] += 1
    row["allowed"] += bool(case.decision and case.decision.verdict == "allow")
    row["held"] += case.was_held or case.phase is Phase.HELD
    row["approved"] += case.approved_at_ms is not None
    row["denied"] += case.phase in _DENIED
    row["undone"] += bool(case.undone_by)
    row["failed"] += case.phase in {Phase.FAILED, Phase.RESTORE_FAILED}
    row["open"] += case.phase not in TERMINAL
    row["last_ms"] = max(row["last_ms"], case.changed_at_ms)
    if len(row["recent"]) < RECENT:
        row["recent"].append(
            {
                "id": case.id,
                "phase": str(case.phase),
                "operations": [operation.name for operation in case.change.operations],
                "resources": [str(resource) for resource in case.change.resources],
                "at_ms": case.opened_at_ms,
            }
        )


def _may_end(user: User) -> bool:
    return bool({"administrator", "reviewer"} & set(user.roles))
