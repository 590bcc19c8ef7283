"""A case's narrower ways over the API: looked at, and sent instead; and the case itself with fewer operations."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from keyturn.console import show
from keyturn.console.bodies import read_body
from keyturn.console.identity import User
from keyturn.errors import OperatorError
from keyturn.runtime.interface import Desk


class NarrowBody(msgspec.Struct, frozen=True):
    """Which of a case's narrower ways, from 1; 0 is the one that is exact. `digest`: of the way as it was shown; empty for as it stands.
    Or `without`: the case itself without these of its operations, from 1.
    """

    number: int = 0
    digest: str = ""
    without: tuple[int, ...] = ()


class NarrowApi:
    """The handlers; `console.api` has their routes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def ways(self, request: Request, user: User) -> Response:
        case_id = request.path_params["id"]
        case = self._desk.case(case_id)
        if case is None:
            raise OperatorError("no-case", f"there is no case {case_id}")
        return JSONResponse(show.narrower(case))

    async def send(self, request: Request, user: User) -> Response:
        """Who reviews may send any; who only runs agents, what her own asked for."""
        body = await read_body(request, NarrowBody)
        own = "reviewer" not in user.roles
        if body.without:
            drop = tuple(place - 1 for place in body.without)
            case = await self._desk.take_out(request.path_params["id"], by=user.name, drop=drop, own=own)
            return JSONResponse(show.summary(case))
        case = await self._desk.send_narrower(
            request.path_params["id"], by=user.name, number=body.number, own=own, shown=body.digest
        )
        return JSONResponse(show.summary(case))
