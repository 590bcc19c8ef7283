"""Evidence: what is on record, by time, agent, verdict and effect; a sample of it; and the bundle that a stranger can check."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from keyturn.console.evidence_api import wanted_of
from keyturn.console.identity import User
from keyturn.console.numbers import whole
from keyturn.console.roles import access
from keyturn.console.site import Site, wants_json
from keyturn.console.text import seen
from keyturn.core.case import Case
from keyturn.core.evidence import Filter, looked_at
from keyturn.model.change import READ_EFFECTS, Effect
from keyturn.model.decision import Verdict

SHOWN: Final = 100
CASES_MAX: Final = 100_000
SAMPLE_MAX: Final = 100
"""A larger sample is drawn by `keyturn evidence sample`."""

MAY_CHECK: Final = access("GET", "/evidence/bundle").roles
"""Whoever may have the bundle may draw a sample."""
WORDS_CHARS_MAX: Final = 200

EFFECTS: Final = tuple(str(effect) for effect in Effect if effect not in READ_EFFECTS)
VERDICTS: Final = tuple(str(verdict) for verdict in Verdict)

CHECKS: Final = {
    "independent": "approver is not the requester",
    "same_change": "what was approved was sent",
    "state_read": "state was read again",
    "backup": "backup was proved",
}
"""What an auditor asks of a call that left, and the words for it."""


class Asked(msgspec.Struct, frozen=True):
    """What of the record is wanted; days are UTC, both included. With `sample`, so many at random, the same for a `seed`."""

    since: str = ""
    until: str = ""
    agent: str = ""
    verdict: str = ""
    effect: str = ""
    sample: int = 0
    seed: str = ""

    @property
    def filter(self) -> Filter:
        return Filter(
            since_ms=_day_ms(self.since),
            until_ms=_day_ms(self.until, end=True),
            agent=self.agent,
            verdict=self.verdict,
            effect=self.effect,
        )


class Evidence:
    """``/evidence?since=2026-11-01&verdict=hold&sample=25&seed=…``: the address is the sample, and can be given to an auditor."""

    def __init__(self, site: Site) -> None:
        self._site, self._desk = site, site.desk

    def routes(self) -> list[Route]:
        return [
            *self._site.page("/evidence", self._evidence, twin="/evidence.json"),
            *self._site.page("/evidence/bundle", self._export),
        ]

    async def _evidence(self, request: Request, user: User) -> Response:
        asked, status = _asked(request), self._desk.status()
        found: dict[str, Any] = {
            "asked": msgspec.to_builtins(asked),
            "entries": status["log_entries"],
            "head": status["log_head"],
            "checkpoint": status["checkpoint"],
            **(await self._sampled(asked, user) if asked.sample else self._listed(asked)),
        }
        found = seen(found)
        if wants_json(request):
            return JSONResponse(found)
        given = {name: value for name, value in msgspec.to_builtins(asked.filter).items() if value}
        return self._site.show(
            "evidence.html",
            request,
            user,
            title="Evidence",
            may_check=bool(set(MAY_CHECK) & set(user.roles)),
            fresh_seed=secrets.token_hex(4),
            verdicts=VERDICTS,
            effects=EFFECTS,
            checks=CHECKS,
            bundle=urlencode(given),
            **found,
        )

    def _listed(self, asked: Asked) -> dict[str, Any]:
        """Of the cases at hand those that were asked for, newest first."""
        found = [case for case in self._desk.cases(limit=CASES_MAX) if _takes(asked.filter, case)]
        rows = [self._row(case) for case in found[:SHOWN]]
        return {"total": len(found), "cases": rows, "drawn": None}

    async def _sampled(self, asked: Asked, user: User) -> dict[str, Any]:
        """Of all cases on the log of which a call left, some by lot, with what is asked of each."""
        self._site.needs_role(user, *MAY_CHECK, to="draw a sample")
        drawn = await self._desk.sample(asked.filter, count=asked.sample, seed=asked.seed)
        cases = [self._desk.case(one.case) for one in drawn.cases]
        made = {
            "seed": drawn.seed,
            "population": drawn.population,
            "population_digest": drawn.population_digest,
            "in_log": drawn.in_log,
        }
        rows = [self._row(case) for case in cases if case is not None]
        return {"total": drawn.population, "cases": rows, "drawn": made}

    def _row(self, case: Case) -> dict[str, Any]:
        """What an auditor asks of each: who asked, who approved, whether it held, what became of it."""
        row, looked = self._site.listing.row(case), msgspec.to_builtins(looked_at(case))
        kept = (
            "id",
            "effect",
            "symbol",
            "resources",
            "operations",
            "agent",
            "operator",
            "environment",
            "phase",
        )
        return {
            **{key: row[key] for key in kept},
            "verdict": looked["verdict"],
            "opened_at_ms": case.opened_at_ms,
            "approvals": looked["approvers"],
            "left": case.next_operation > 0 or bool(case.outcomes),
            "checks": {name: looked[name] for name in CHECKS},
        }

    async def _export(self, request: Request, user: User) -> Response:
        wanted = wanted_of(request)
        name = "keyturn-log.zip" if wanted.everything else "keyturn-evidence.zip"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(self._desk.export(wanted), media_type="application/zip", headers=headers)


def _takes(wanted: Filter, case: Case) -> bool:
    return (
        (wanted.since_ms is None or case.opened_at_ms >= wanted.since_ms)
        and (wanted.until_ms is None or case.opened_at_ms < wanted.until_ms)
        and wanted.agent in {"", case.change.principal.agent if case.change else None}
        and wanted.verdict in {"", str(case.decision.verdict) if case.decision else None}
        and wanted.effect in {"", str(case.assessment.effect) if case.assessment else None}
    )


def _asked(request: Request) -> Asked:
    given = request.query_params
    verdict, effect = given.get("verdict", ""), given.get("effect", "")
    return Asked(
        since=_day(given.get("since", "")),
        until=_day(given.get("until", "")),
        agent=given.get("agent", "")[:WORDS_CHARS_MAX],
        verdict=verdict if verdict in VERDICTS else "",
        effect=effect if effect in EFFECTS else "",
        sample=min(SAMPLE_MAX, whole(given.get("sample", "")) or 0),
        seed=given.get("seed", "")[:64],
    )


def _day(text: str) -> str:
    """The day, as it was given; empty where it is none."""
    return text if len(text) == 10 and _day_ms(text) is not None else ""


def _day_ms(text: str, *, end: bool = False) -> int | None:
    if not text:
        return None
    try:
        day = dt.date.fromisoformat(text)
        moment = dt.datetime.combine(day + dt.timedelta(days=int(end)), dt.time(), dt.UTC)
    except (ValueError, OverflowError):
        return None
    return int(moment.timestamp() * 1000)
