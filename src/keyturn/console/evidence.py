"""Evidence: what is on record, by time, agent and verdict; a sample of it; and the bundle that a stranger can check."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from keyturn.console.identity import User
from keyturn.console.listing import Filter
from keyturn.console.site import Site, wants_json
from keyturn.core.case import Case, Phase

SHOWN: Final = 100
CASES_MAX: Final = 100_000
SAMPLE_MAX: Final = 100
"""More than this is no sample."""

VERDICTS: Final = ("allow", "hold", "suggest", "deny")
MAY_EXPORT: Final = ("auditor", "administrator", "reviewer")


class Asked(msgspec.Struct, frozen=True):
    """What of the record is wanted; days are UTC, both included. With `sample`, so many at random, the same for a `seed`."""

    since: str = ""
    until: str = ""
    verdict: str = ""
    q: str = ""
    sample: int = 0
    seed: str = ""


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
        self._site.needs_role(user, *MAY_EXPORT, "operator", to="read the evidence")
        asked = _asked(request)
        cases = list(chosen(self._desk.cases(limit=CASES_MAX), asked, self._site))
        total = len(cases)
        if asked.sample:
            cases = sorted(cases, key=lambda case: drawn(asked.seed, case.id))[: asked.sample]
        rows = [
            _row(self._site.listing.row(case), case) for case in cases[: SHOWN if not asked.sample else None]
        ]
        status = self._desk.status()
        found = {
            "asked": msgspec.to_builtins(asked),
            "total": total,
            "cases": rows,
            "entries": status["log_entries"],
            "head": status["log_head"],
            "checkpoint": status["checkpoint"],
        }
        if wants_json(request):
            return JSONResponse(found)
        return self._site.show(
            "evidence.html",
            request,
            user,
            title="Evidence",
            may_export=bool(set(MAY_EXPORT) & set(user.roles)),
            fresh_seed=secrets.token_hex(4),
            verdicts=VERDICTS,
            **found,
        )

    async def _export(self, request: Request, user: User) -> Response:
        self._site.needs_role(user, *MAY_EXPORT, to="export the log")
        headers = {"content-disposition": 'attachment; filename="keyturn-log.zip"'}
        return StreamingResponse(self._desk.export(), media_type="application/zip", headers=headers)


def chosen(cases: Iterable[Case], asked: Asked, site: Site) -> Iterable[Case]:
    """Cases that were opened on these days, with this verdict, and that the filter finds; newest first."""
    first, last = _day_ms(asked.since), _day_ms(asked.until, end=True)
    wanted = Filter(asked.q)
    for case in cases:
        verdict = str(case.decision.verdict) if case.decision else ""
        if first is not None and case.opened_at_ms < first:
            continue
        if last is not None and case.opened_at_ms >= last:
            continue
        if asked.verdict in {"", verdict} and wanted(site.listing.row(case)):
            yield case


def drawn(seed: str, case_id: str) -> str:
    """The lot of a case. The seed stands in the address: whoever doubts the sample draws it again."""
    return hashlib.sha256(f"{seed} {case_id}".encode()).hexdigest()


def _row(row: dict[str, Any], case: Case) -> dict[str, Any]:
    """What an auditor asks of each: who asked, who approved, that they are not the same, what became of it."""
    excluded = set(case.request.excluded) if case.request else set()
    left = case.next_operation > 0 or bool(case.outcomes)
    if not case.approvals:
        apart = "no approval was needed" if left and not case.was_held else ""
    else:
        apart = "approver asked for it" if excluded & set(case.approvals) else "approver is not the requester"
    kept = ("id", "effect", "symbol", "resources", "operations", "agent", "operator", "environment", "phase")
    return {
        **{key: row[key] for key in kept},
        "verdict": str(case.decision.verdict) if case.decision else "",
        "opened_at_ms": case.opened_at_ms,
        "approvals": list(case.approvals),
        "denied": case.phase in {Phase.REJECTED, Phase.DENIED},
        "apart": apart,
    }


def _asked(request: Request) -> Asked:
    given = request.query_params
    sample = given.get("sample", "")
    verdict = given.get("verdict", "")
    return Asked(
        since=_day(given.get("since", "")),
        until=_day(given.get("until", "")),
        verdict=verdict if verdict in VERDICTS else "",
        q=Filter(given.get("q", "")).text,
        sample=min(SAMPLE_MAX, int(sample))
        if sample.isascii() and sample.isdigit() and len(sample) < 5
        else 0,
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
