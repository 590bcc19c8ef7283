"""The HTTP API, ``/api/v1``: what the CLI and the pages speak to. JSON in, JSON out; errors have code, message and help."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from keyturn.console import show
from keyturn.console.identity import Identity, User
from keyturn.errors import KeyturnError, OperatorError, ReviewError
from keyturn.runtime.interface import Desk

BODY_BYTES_MAX: Final = 64 * 1024
"""The largest honest body is a note."""

_STATUS: Final = {
    "login": 401,
    "too-many": 429,
    "no-case": 404,
    "no-user": 404,
    "own-agent": 403,
    "forbidden": 403,
    "stale": 409,
}

Handler = Callable[[Request, User], Awaitable[Response]]


class Api:
    """The routes, over a desk and the people who may use it."""

    def __init__(self, desk: Desk, identity: Identity) -> None:
        self._desk, self._identity = desk, identity

    def routes(self) -> list[Route]:
        """Every route; all but login need a token."""
        guarded: list[tuple[str, str, Handler]] = [
            ("GET", "/api/v1/whoami", self._whoami),
            ("GET", "/api/v1/status", self._status),
            ("GET", "/api/v1/cases", self._cases),
            ("GET", "/api/v1/cases/{id}", self._case),
            ("GET", "/api/v1/cases/{id}/fresh", self._fresh),
            ("POST", "/api/v1/cases/{id}/review", self._review),
            ("POST", "/api/v1/cases/{id}/execute", self._execute),
            ("POST", "/api/v1/cases/{id}/withdraw", self._withdraw),
            ("POST", "/api/v1/cases/{id}/settle", self._settle),
            ("POST", "/api/v1/cases/{id}/undo", self._undo),
            ("GET", "/api/v1/sessions", self._sessions),
            ("POST", "/api/v1/sessions", self._open_session),
            ("POST", "/api/v1/sessions/{id}/end", self._end_session),
            ("POST", "/api/v1/halt", self._halt),
            ("POST", "/api/v1/resume", self._resume),
            ("GET", "/api/v1/users", self._users),
            ("POST", "/api/v1/users", self._add_user),
            ("POST", "/api/v1/users/{name}/remove", self._remove_user),
            ("GET", "/api/v1/export", self._export),
            ("POST", "/api/v1/logout", self._logout),
        ]
        made = [Route(path, self._guard(handler), methods=[method]) for method, path, handler in guarded]
        return [Route("/api/v1/login", self._login, methods=["POST"]), *made]

    def _guard(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            user = self.user_of(request)
            if user is None:
                return _error(ReviewError("login", "log in first", help="keyturn login"))
            if request.method == "POST" and "json" not in request.headers.get("content-type", ""):
                return _error(
                    OperatorError("content-type", "send JSON"), 415
                )  # a form of another page cannot
            try:
                return await handler(request, user)
            except KeyturnError as error:
                return _error(error)

        return guarded

    def user_of(self, request: Request) -> User | None:
        """The authenticated user: a bearer token, or the console's cookie."""
        header = request.headers.get("authorization", "")
        token = (
            header.removeprefix("Bearer ")
            if header.startswith("Bearer ")
            else request.cookies.get("keyturn", "")
        )
        return self._identity.who(token) if token else None

    # --- people ------------------------------------------------------------------------------------------------------

    async def _login(self, request: Request) -> Response:
        try:
            return JSONResponse(
                {"token": await self._identity.login(str((await _body(request)).get("token", "")))}
            )
        except KeyturnError as error:
            return _error(error)

    async def _logout(self, request: Request, user: User) -> Response:
        await self._identity.logout(request.headers.get("authorization", "").removeprefix("Bearer "))
        return JSONResponse({"user": user.name})

    async def _whoami(self, request: Request, user: User) -> Response:
        return JSONResponse({"user": user.name, "roles": list(user.roles)})

    async def _users(self, request: Request, user: User) -> Response:
        return JSONResponse(
            {"users": [{"name": one.name, "roles": list(one.roles)} for one in self._identity.users()]}
        )

    async def _add_user(self, request: Request, user: User) -> Response:
        _needs(user, "administrator")
        body = await _body(request)
        token = await self._identity.add(
            str(body.get("name", "")), tuple(body.get("roles", ())), by=user.name
        )
        return JSONResponse({"user": body["name"], "token": token})

    async def _remove_user(self, request: Request, user: User) -> Response:
        _needs(user, "administrator")
        await self._identity.remove(request.path_params["name"], by=user.name)
        return JSONResponse({"user": request.path_params["name"]})

    # --- cases -------------------------------------------------------------------------------------------------------

    async def _cases(self, request: Request, user: User) -> Response:
        open_only = request.query_params.get("open", "") == "1"
        limit = min(1_000, int(request.query_params.get("limit", "200") or "200"))
        found = self._desk.cases(open_only=open_only, limit=limit)
        return JSONResponse(
            {"cases": [show.summary(case) | {"may_not": self._may(case, user)} for case in found]}
        )

    def _may(self, case: Any, user: User) -> str:
        if "reviewer" not in user.roles:
            return f"{user.name} is no reviewer"
        return self._desk.may_review(case, user.name)

    async def _case(self, request: Request, user: User) -> Response:
        case = self._desk.case(request.path_params["id"])
        if case is None:
            raise ReviewError(
                "no-case", f"there is no case {request.path_params['id']}", help="keyturn inbox lists them"
            )
        return JSONResponse(show.detail(case, self._desk.story(case.id)) | {"may_not": self._may(case, user)})

    async def _fresh(self, request: Request, user: User) -> Response:
        return JSONResponse(await self._desk.freshness(request.path_params["id"]))

    async def _review(self, request: Request, user: User) -> Response:
        _needs(user, "reviewer")
        body = await _body(request)
        if not isinstance(body.get("approve"), bool) or not isinstance(body.get("binding"), str):
            raise ReviewError("review", "a review says approve (true or false) and the binding it was shown")
        case = await self._desk.review(
            request.path_params["id"],
            by=user.name,
            approve=body["approve"],
            binding=body["binding"],
            note=str(body.get("note", ""))[:2_000],
            via=str(body.get("via", "api"))[:20],
        )
        return JSONResponse(show.summary(case))

    async def _execute(self, request: Request, user: User) -> Response:
        _needs(user, "reviewer")
        return JSONResponse(show.summary(await self._desk.execute(request.path_params["id"], by=user.name)))

    async def _withdraw(self, request: Request, user: User) -> Response:
        reason = str((await _body(request)).get("reason", ""))
        case = await self._desk.withdraw(request.path_params["id"], by=user.name, reason=reason)
        return JSONResponse(show.summary(case))

    async def _settle(self, request: Request, user: User) -> Response:
        _needs(user, "reviewer")
        body = await _body(request)
        case = await self._desk.settle(
            request.path_params["id"],
            by=user.name,
            succeeded=body.get("succeeded") is True,
            note=str(body.get("note", "")),
        )
        return JSONResponse(show.summary(case))

    async def _undo(self, request: Request, user: User) -> Response:
        _needs(user, "operator", "reviewer")
        return JSONResponse(show.summary(await self._desk.undo(request.path_params["id"], by=user.name)))

    # --- sessions and the plane --------------------------------------------------------------------------------------

    async def _sessions(self, request: Request, user: User) -> Response:
        found = [
            {
                "session": key.session,
                "agent": key.agent,
                "operator": key.operator,
                "expires_at_ms": key.expires_at_ms,
            }
            for key in self._desk.sessions()
        ]
        return JSONResponse({"sessions": found})

    async def _open_session(self, request: Request, user: User) -> Response:
        _needs(user, "operator")
        body = await _body(request)
        key = await self._desk.open_session(
            operator=user.name,
            agent=str(body.get("agent", ""))[:64] or "agent",
            ttl_s=int(body.get("ttl_s", 8 * 3600)),
            suggest_only=body.get("suggest_only") is True,
        )
        status = self._desk.status()
        return JSONResponse(
            {
                "session": key.session,
                "access_key_id": key.access_key_id,
                "secret_access_key": key.secret,
                "expires_at_ms": key.expires_at_ms,
                "endpoint_url": status.get("gateway_url", ""),
                "region": status.get("region", ""),
                "mode": status["mode"],
            }
        )

    async def _end_session(self, request: Request, user: User) -> Response:
        session = request.path_params["id"]
        mine = any(key.session == session and key.operator == user.name for key in self._desk.sessions())
        if not mine:
            _needs(user, "administrator", "reviewer")
        await self._desk.end_session(
            session, by=user.name, reason=str((await _body(request)).get("reason", ""))
        )
        return JSONResponse({"session": session})

    async def _halt(self, request: Request, user: User) -> Response:
        body = await _body(request)
        await self._desk.halt(
            by=user.name, reason=str(body.get("reason", "")), agent=str(body.get("agent", ""))
        )
        return JSONResponse(self._desk.status())

    async def _resume(self, request: Request, user: User) -> Response:
        _needs(user, "administrator", "reviewer")
        await self._desk.resume(by=user.name, agent=str((await _body(request)).get("agent", "")))
        return JSONResponse(self._desk.status())

    async def _status(self, request: Request, user: User) -> Response:
        return JSONResponse(self._desk.status())

    async def _export(self, request: Request, user: User) -> Response:
        _needs(user, "auditor", "administrator", "reviewer")
        return StreamingResponse(self._desk.export(), media_type="application/zip")


def _needs(user: User, *roles: str) -> None:
    if not set(roles) & set(user.roles):
        raise ReviewError("forbidden", f"{user.name} needs the role {' or '.join(roles)} for this")


async def _body(request: Request) -> dict[str, Any]:
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > BODY_BYTES_MAX:
            raise OperatorError("too-large", f"the body is over {BODY_BYTES_MAX:,} bytes")
    try:
        body = json.loads(raw or b"{}")
    except ValueError:
        raise OperatorError("bad-json", "the body is no JSON") from None
    if not isinstance(body, dict):
        raise OperatorError("bad-json", "the body is no JSON object")
    return body


def _error(error: KeyturnError, status: int = 0) -> JSONResponse:
    body = {"error": {"code": error.code, "message": error.message, "help": error.help}}
    return JSONResponse(body, status_code=status or _STATUS.get(error.code, 400))
