"""Agents: who is at work under whose login, what each did, and the switches for one of them."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keyturn.console.autonomy import WAYS, Counted, Fact, autonomy, fact, picture
from keyturn.console.identity import User
from keyturn.console.numbers import whole
from keyturn.console.site import NOTE_CHARS_MAX, Site, wants_json
from keyturn.console.text import seen
from keyturn.core.case import Case, Phase
from keyturn.core.lifecycle import TERMINAL
from keyturn.errors import ReviewError
from keyturn.runtime.interface import Desk, SessionKey

CASES_MAX: Final = 10_000
"""The recent ones; older are in the log."""

RECENT: Final = 12

AGENTS: Final = 25
"""Of one page: each is a table, a picture and a list."""

SESSIONS: Final = 20
"""Of one agent on a page; all of them: keyturn session list."""

KEPT_MAX: Final = 2 * CASES_MAX
"""Cases that are remembered; all are forgotten together, and looked at again."""

_DENIED: Final = frozenset({Phase.DENIED, Phase.REJECTED})
_FAILED: Final = frozenset({Phase.FAILED, Phase.RESTORE_FAILED})


class Agents:
    """``/agents``, and ``/agents?agent=kiro`` for one of them."""

    def __init__(self, site: Site) -> None:
        self._site, self._desk, self._tallies = site, site.desk, Tallies()

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
        found = agents(self._tallies.of(self._desk), sessions, halts, now_ms=now_ms, only=one)
        if one and not found:
            return self._site.nothing_here(request, user)
        start = whole(request.query_params.get("from", "")) or 0
        total, found = len(found), seen(found[start : start + AGENTS])
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


class Tally:
    """What one agent asked for lately."""

    def __init__(self) -> None:
        self.counts: Counter[Fact] = Counter()
        self.recent: list[dict[str, Any]] = []
        self.last_ms = 0

    def add(self, one: Fact, case: Case) -> None:
        self.counts[one] += 1
        self.last_ms = max(self.last_ms, case.changed_at_ms)
        if len(self.recent) < RECENT and case.change is not None:
            operations = [operation.name for operation in case.change.operations]
            resources = [str(resource) for resource in case.change.resources]
            self.recent.append(
                {
                    "id": case.id,
                    "phase": str(case.phase),
                    "operations": operations,
                    "resources": resources,
                    "at_ms": case.opened_at_ms,
                }
            )


class Tallies:
    """By agent. A case is looked at anew when it has changed, and all of them are gone through when another event was folded."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Case, Fact | None]] = {}
        self._equal: dict[Fact, Fact] = {}  # one object for all that are equal
        self._made: tuple[int, dict[str, Tally]] | None = None

    def of(self, desk: Desk) -> dict[str, Tally]:
        folded = desk.folded()
        if self._made is None or self._made[0] != folded:
            self._made = folded, self.count(desk.cases(limit=CASES_MAX))
        return self._made[1]

    def count(self, cases: Iterable[Case]) -> dict[str, Tally]:
        """These cases, newest first."""
        made: dict[str, Tally] = {}
        for case in cases:
            one = self._fact(case)
            if one is None:
                continue
            found = made.get(one.agent)
            if found is None:
                found = made[one.agent] = Tally()
            found.add(one, case)
        return made

    def _fact(self, case: Case) -> Fact | None:
        kept = self._kept.get(case.id)
        if kept is None or kept[0] is not case:
            if len(self._kept) >= KEPT_MAX:
                self._kept.clear()
                self._equal.clear()
            found = fact(case)
            kept = self._kept[case.id] = (case, found and self._equal.setdefault(found, found))
        return kept[1]


def agents(
    tallies: dict[str, Tally],
    sessions: Iterable[SessionKey],
    halts: dict[str, str],
    *,
    now_ms: int,
    only: str = "",
) -> list[dict[str, Any]]:
    """One row for each agent, or `only` for this one, that has a session or asked for something lately; those at work first."""
    held: defaultdict[str, list[SessionKey]] = defaultdict(list)
    for key in sessions:
        held[key.agent].append(key)
    rows = [
        _row(name, tallies.get(name) or Tally(), held[name], halts.get(name, ""), now_ms=now_ms)
        for name in dict.fromkeys((*tallies, *held, *halts))
        if name and only in {"", name}
    ]
    return sorted(rows, key=lambda one: (not one["sessions"], -one["last_ms"], one["name"]))


def _row(name: str, found: Tally, keys: list[SessionKey], halted_by: str, *, now_ms: int) -> dict[str, Any]:
    counts = found.counts
    return {
        "name": name,
        "operators": list(
            dict.fromkeys((*(key.operator for key in keys), *(one.operator for one in counts)))
        ),
        "sessions": [
            {
                "id": key.session,
                "operator": key.operator,
                "expires_at_ms": key.expires_at_ms,
                "suggest_only": key.suggest_only,
            }
            for key in keys
        ],
        "halted_by": halted_by,
        "asked": counts.total(),
        "allowed": _sum(counts, lambda one: one.allowed),
        "held": _sum(counts, lambda one: one.held),
        "approved": _sum(counts, lambda one: one.approved),
        "denied": _sum(counts, lambda one: one.phase in _DENIED),
        "undone": _sum(counts, lambda one: one.undone),
        "failed": _sum(counts, lambda one: one.phase in _FAILED),
        "open": _sum(counts, lambda one: one.phase not in TERMINAL),
        "last_ms": found.last_ms,
        "recent": found.recent,
        **autonomy(counts, now_ms=now_ms),
    }


def _sum(counts: Counted, counts_in: Callable[[Fact], bool]) -> int:
    return sum(count for one, count in counts.items() if counts_in(one))


def _may_end(user: User) -> bool:
    return bool({"administrator", "reviewer"} & set(user.roles))
