"""Rehearsals over the API: a twin is opened for a command, and ended with its plan."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from keyturn.console import rehearsal, show
from keyturn.console.bodies import NOTE_CHARS_MAX, read_body
from keyturn.console.identity import Caller
from keyturn.console.text import seen
from keyturn.errors import OperatorError
from keyturn.runtime.interface import Desk, Rehearser


class RehearsalBody(msgspec.Struct, frozen=True):
    """Whose command it is, and what is copied into the twin before it begins; the rest is copied when it is first named."""

    agent: str = "agent"
    ttl_s: int = 3600
    scope: tuple[str, ...] = ()


class EndBody(msgspec.Struct, frozen=True):
    """`hold`: the plan becomes a case, which waits for people. `intent` is shown to them as the agent's own words."""

    hold: bool = True
    intent: str = ""


class RehearsalApi:
    """The handlers; `console.api` has their routes."""

    def __init__(self, desk: Desk, rehearser: Rehearser | None) -> None:
        self._desk, self._rehearser = desk, rehearser

    def _must(self) -> Rehearser:
        if self._rehearser is None:
            raise OperatorError("no-rehearsals", "no rehearsals are held here")
        return self._rehearser

    async def open(self, request: Request, user: Caller) -> Response:
        body = await read_body(request, RehearsalBody)
        opened = await self._must().open(
            by=user.name, agent=body.agent[:64] or "agent", ttl_s=body.ttl_s, scope=body.scope
        )
        return JSONResponse(
            {
                "session": opened.id,
                "access_key_id": opened.access_key_id,
                "secret_access_key": opened.secret_access_key,
                "expires_at_ms": opened.expires_at_ms,
                "endpoint_url": opened.endpoint_url,
                "region": opened.region,
            }
        )

    async def end(self, request: Request, user: Caller) -> Response:
        """The plan, and the case that it is, decided."""
        body = await read_body(request, EndBody)
        ended = await self._must().end(
            request.path_params["id"], by=user.name, hold=body.hold, intent=body.intent[:NOTE_CHARS_MAX]
        )
        case = self._desk.case(ended.case) if ended.case else None
        told = rehearsal.of_plan(ended.plan) | {
            "case": show.summary(case) if case is not None else None,
            "not_held": ended.not_held,
        }
        return JSONResponse(seen(told))
