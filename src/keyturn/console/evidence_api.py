"""Evidence over the API: bundles, samples, the calls that left. For those who check: auditors, reviewers, administrators, as `console.roles` has it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from keyturn.console import story
from keyturn.console.identity import Identity, User
from keyturn.console.numbers import MS_MAX, number
from keyturn.core.attention import BUDGET, DAY_MS, Attention
from keyturn.core.evidence import SAMPLE_MAX, Filter
from keyturn.errors import OperatorError
from keyturn.runtime.interface import Desk

SAMPLE: Final = 25
"""Cases of a sample when nobody says how many: what auditors usually draw of a control that works daily."""

ATTENTION_DAYS: Final = 30
BUDGET_MAX: Final = 500
"""More reviews than this a day are no budget but its absence."""


LOG_MAX: Final = 1_000
"""Entries of the log in one answer."""

WRITTEN_S: Final = 0.02
"""An entry that is heard of is on the disk some milliseconds later."""

LOG_WAIT_S_MAX: Final = 10
"""A client that follows the log asks again after this; a plane that ends does not wait for it for longer."""


class EvidenceApi:
    """The handlers; `console.api` has their routes."""

    def __init__(self, desk: Desk, identity: Identity) -> None:
        self._desk, self._identity = desk, identity

    async def export(self, request: Request, user: User) -> Response:
        wanted = wanted_of(request)
        name = "keyturn-log.zip" if wanted.everything else "keyturn-evidence.zip"
        return StreamingResponse(
            self._desk.export(wanted),
            media_type="application/zip",
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )

    async def sample(self, request: Request, user: User) -> Response:
        count = number(request, "n", SAMPLE)
        if not 1 <= count <= SAMPLE_MAX:
            raise OperatorError("n", f"a sample has 1 to {SAMPLE_MAX:,} cases", help="export takes more")
        seed = request.query_params.get("seed", "")[:200]
        return _json(await self._desk.sample(wanted_of(request), count=count, seed=seed))

    async def calls(self, request: Request, user: User) -> Response:
        since_ms, until_ms = (
            number(request, "since_ms", 0, most=MS_MAX),
            number(request, "until_ms", None, most=MS_MAX),
        )
        status = self._desk.status()
        return _json(
            {
                "calls": await self._desk.calls(since_ms=since_ms or 0, until_ms=until_ms),
                "account": status.get("account", ""),
                "roles": status.get("roles", []),
            }
        )

    async def log(self, request: Request, user: User) -> Response:
        """Entries after a sequence number; without one the newest. With `wait_s` the first that comes is waited for, so long at most."""
        limit, wait_s = min(LOG_MAX, number(request, "limit", 200)), number(request, "wait_s", 0)
        if wait_s and "after" in request.query_params:
            await self._something_after(number(request, "after", 0), min(LOG_WAIT_S_MAX, wait_s))
        head = int(self._desk.status()["log_entries"])
        after = number(request, "after", max(0, head - limit))
        lines = [story.line(entry) for entry in self._desk.log(after=after, limit=limit)]
        return _json({"head": head, "lines": lines})

    async def _something_after(self, after: int, wait_s: int) -> None:
        """Until the log has an entry after this one; whoever writes to the store wakes who listens."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                if self._desk.head() <= after:
                    async for _ in self._desk.subscribe():
                        break
                while not self._desk.log(after=after, limit=1):  # noqa: ASYNC110  # it is on its way to the disk
                    await asyncio.sleep(WRITTEN_S)

    async def attention(self, request: Request, user: User) -> Response:
        return _json(await attention_of(self._desk, request))

    async def controls(self, request: Request, user: User) -> Response:
        roles = Counter(role for one in self._identity.users() for role in one.roles)
        found = await self._desk.controls(reviewers=roles["reviewer"], auditors=roles["auditor"])
        return _json({"controls": found})


async def attention_of(desk: Desk, request: Request) -> Attention:
    """For the span in the query; the last `ATTENTION_DAYS` without one. Raises `OperatorError`."""
    now_ms = time.time_ns() // 1_000_000
    until_ms = number(request, "until_ms", None, most=MS_MAX) or now_ms
    since_ms = number(request, "since_ms", None, most=MS_MAX)
    budget = number(request, "budget", BUDGET)
    if not 1 <= budget <= BUDGET_MAX:
        raise OperatorError("budget", f"a budget is 1 to {BUDGET_MAX} reviews a day")
    since_ms = until_ms - ATTENTION_DAYS * DAY_MS if since_ms is None else since_ms
    return await desk.attention(since_ms=since_ms, until_ms=until_ms, budget=budget)


def wanted_of(request: Request) -> Filter:
    """The filter in a query. Raises `OperatorError` that names what is wrong."""
    given = request.query_params
    return Filter(
        since_ms=number(request, "since_ms", None, most=MS_MAX),
        until_ms=number(request, "until_ms", None, most=MS_MAX),
        agent=given.get("agent", ""),
        verdict=given.get("verdict", ""),
        effect=given.get("effect", ""),
        account=given.get("account", ""),
        cases=tuple(given.getlist("case")),
    )


def _json(value: Any) -> Response:
    return JSONResponse(msgspec.to_builtins(value))
