"""The pages: inbox and review, rendered here from the same data as the API. No inline script, no third party."""

from __future__ import annotations

import datetime as dt
import hmac
import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from keyturn.console import show
from keyturn.console.api import Api
from keyturn.console.identity import LOGIN_S, Identity, User
from keyturn.errors import KeyturnError
from keyturn.runtime.interface import Desk

HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}

STATIC: Final = Path(__file__).parent / "static"


class _SecureHeaders:
    """The smallest middleware: the same headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    *((k.encode(), v.encode()) for k, v in HEADERS.items()),
                ]
            await send(message)

        await self._app(scope, receive, with_headers)


def make_app(desk: Desk, identity: Identity) -> Starlette:
    """The console as an ASGI application: API, pages, live notices."""
    api = Api(desk, identity)
    pages = Pages(desk, identity, api)
    routes = [*api.routes(), *pages.routes(), Mount("/static", StaticFiles(directory=STATIC))]
    return Starlette(routes=routes, middleware=[Middleware(_SecureHeaders)])


class Pages:
    """Every page has a ``.json`` twin."""

    def __init__(self, desk: Desk, identity: Identity, api: Api) -> None:
        self._desk, self._identity, self._api = desk, identity, api
        self._secret = secrets.token_bytes(32)  # forms made before a restart are asked for again
        self._templates = Environment(
            loader=PackageLoader("keyturn.console"),
            autoescape=select_autoescape(default=True),
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["when"] = _when
        self._templates.filters["short"] = _short

    def routes(self) -> list[Route]:
        return [
            Route("/", self._inbox),
            Route("/index.json", self._inbox),
            Route("/c/{id}.json", self._case),
            Route("/c/{id}", self._case),
            Route("/c/{id}/{verb:str}", self._decide, methods=["POST"]),
            Route("/login", self._login, methods=["GET", "POST"]),
            Route("/logout", self._logout, methods=["POST"]),
            Route("/halt", self._halt, methods=["POST"]),
            Route("/events", self._events),
        ]

    # --- pages -------------------------------------------------------------------------------------------------------

    async def _inbox(self, request: Request) -> Response:
        user = self._api.user_of(request)
        if user is None:
            return RedirectResponse("/login", 303)
        cases = [show.summary(case) | {"may_not": self._may(case, user)} for case in self._desk.cases()]
        needs = [case for case in cases if case["phase"] == "held" and not case["may_not"]]
        waiting = [case for case in cases if case["open"] and case not in needs]
        decided = [case for case in cases if not case["open"]][:100]
        if request.url.path.endswith(".json"):
            return JSONResponse({"needs_you": needs, "waiting": waiting, "decided": decided})
        return self._page("inbox.html", user, needs=needs, waiting=waiting, decided=decided)

    async def _case(self, request: Request) -> Response:
        user = self._api.user_of(request)
        if user is None:
            return RedirectResponse("/login", 303)
        case = self._desk.case(request.path_params["id"])
        if case is None:
            return self._page(
                "message.html",
                user,
                status=404,
                title="No such case",
                text="There is no case of this number.",
            )
        found = show.detail(case, self._desk.story(case.id)) | {"may_not": self._may(case, user)}
        found["fresh"] = (
            await self._desk.freshness(case.id) if found["phase"] in {"held", "approved"} else None
        )
        if request.url.path.endswith(".json"):
            return JSONResponse(found)
        return self._page("case.html", user, case=found, title=f"{case.id} {found['effect']}")

    def _may(self, case: Any, user: User) -> str:
        if "reviewer" not in user.roles:
            return f"{user.name} is no reviewer"
        return self._desk.may_review(case, user.name)

    # --- deeds -------------------------------------------------------------------------------------------------------

    async def _decide(self, request: Request) -> Response:
        user, form = await self._form(request)
        if user is None:
            return RedirectResponse("/login", 303)
        case_id, verb = request.path_params["id"], request.path_params["verb"]
        try:
            if verb in {"approve", "deny"} and "reviewer" in user.roles:
                await self._desk.review(
                    case_id,
                    by=user.name,
                    approve=verb == "approve",
                    binding=form.get("binding", ""),
                    note=form.get("note", "")[:2_000],
                    via="console",
                )
            elif verb == "execute" and "reviewer" in user.roles:
                await self._desk.execute(case_id, by=user.name)
            elif verb == "undo" and {"reviewer", "operator"} & set(user.roles):
                done = await self._desk.undo(case_id, by=user.name)
                return RedirectResponse(f"/c/{done.id}", 303)
            else:
                return self._page(
                    "message.html", user, status=403, title="Not yours", text=f"{user.name} may not {verb}."
                )
        except KeyturnError as error:
            return self._page(
                "message.html",
                user,
                status=403,
                title="Refused",
                text=error.message,
                help=error.help,
                back=f"/c/{case_id}",
            )
        return RedirectResponse(f"/c/{case_id}", 303)

    async def _halt(self, request: Request) -> Response:
        user, form = await self._form(request)
        if user is None:
            return RedirectResponse("/login", 303)
        if form.get("lift"):
            if {"reviewer", "administrator"} & set(user.roles):
                await self._desk.resume(by=user.name)
        else:
            await self._desk.halt(by=user.name, reason="from the console")
        return RedirectResponse("/", 303)

    async def _login(self, request: Request) -> Response:
        if request.method == "GET":
            return self._page("login.html", None, title="Log in")
        form = await request.form()
        try:
            token = await self._identity.login(str(form.get("token", "")).strip())
        except KeyturnError as error:
            return self._page("login.html", None, status=401, title="Log in", error=error.message)
        answer = RedirectResponse("/", 303)
        secure = request.url.scheme == "https"
        answer.set_cookie("keyturn", token, max_age=LOGIN_S, httponly=True, samesite="strict", secure=secure)
        return answer

    async def _logout(self, request: Request) -> Response:
        user, _ = await self._form(request)
        if user is not None:
            await self._identity.logout(request.cookies.get("keyturn", ""))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie("keyturn")
        return answer

    async def _events(self, request: Request) -> Response:
        if self._api.user_of(request) is None:
            return Response(status_code=401)
        last = request.headers.get("last-event-id", "0")

        async def stream() -> AsyncIterator[str]:
            yield "retry: 2000\n\n"
            async for notice in self._desk.subscribe(after=int(last) if last.isdigit() else 0):
                yield f"id: {notice.seq}\ndata: {json.dumps({'case': notice.case_id, 'event': notice.event})}\n\n"

        return StreamingResponse(stream(), media_type="text/event-stream")

    # --- small things ------------------------------------------------------------------------------------------------

    async def _form(self, request: Request) -> tuple[User | None, dict[str, str]]:
        """The user and her form; nobody when the form was not made by a page of this user."""
        user = self._api.user_of(request)
        form = {key: str(value) for key, value in (await request.form()).items()}
        if user is None or not hmac.compare_digest(form.get("csrf", ""), self._csrf(user)):
            return None, form
        return user, form

    def _csrf(self, user: User) -> str:
        return hmac.new(self._secret, user.name.encode(), "sha256").hexdigest()

    def _page(self, name: str, user: User | None, *, status: int = 200, **given: Any) -> Response:
        page = self._templates.get_template(name)
        csrf = self._csrf(user) if user else ""
        html = page.render(user=user, csrf=csrf, plane=self._desk.status() if user else None, **given)
        return HTMLResponse(html, status_code=status)


def _when(at_ms: int | None) -> str:
    if not at_ms:
        return "-"
    return dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _short(value: Any) -> str:
    if isinstance(value, dict) and set(value) == {"$sealed"}:
        return "sealed " + str(value["$sealed"])[-8:]
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_short(inner)}" for key, inner in value.items()) + "}"
    return value if isinstance(value, str) else json.dumps(value)
