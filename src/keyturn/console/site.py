"""What all pages share: who asks, the frame around what is shown, and how a page says no."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from keyturn.console.forms import Forms
from keyturn.console.forms import refused as refusal
from keyturn.console.identity import Identity, User
from keyturn.console.listing import Listing, Tab
from keyturn.console.roles import Access, access, may
from keyturn.console.text import seen
from keyturn.errors import KeyturnError, ReviewError
from keyturn.runtime.interface import Desk

if TYPE_CHECKING:
    from jinja2 import Environment

NOTE_CHARS_MAX: Final = 2_000
"""A reason is read by people and by an agent; a longer one belongs into a ticket."""

Page = Callable[[Request, User], Awaitable[Response]]
Deed = Callable[[Request, User, dict[str, str]], Awaitable[str]]


class Site:
    """The frame of every page. All but the login need one; every deed needs a form that a page of this login made."""

    def __init__(self, desk: Desk, identity: Identity, forms: Forms) -> None:
        self.desk, self.identity, self.forms = desk, identity, forms
        self.listing = Listing(desk)

    @cached_property
    def templates(self) -> Environment:
        """Jinja, once the first page is drawn: whoever asks by the API alone does without."""
        from keyturn.console.templating import make_environment  # noqa: PLC0415  # see above

        return make_environment()

    # --- routes ------------------------------------------------------------------------------------------------------

    def page(self, path: str, page: Page, *, twin: str = "") -> list[Route]:
        """A page, and its twin as JSON where it has one."""
        routes = [Route(path, self.guarded(page, access("GET", path)))]
        return [Route(twin, self.guarded(page, access("GET", twin))), *routes] if twin else routes

    def guarded(self, page: Page, given: Access) -> Callable[[Request], Awaitable[Response]]:
        """Who is not logged in is asked to, and comes back to where she wanted to go."""

        async def guarded(request: Request) -> Response:
            user = self.forms.user(request)
            if user is not None:
                try:
                    given.check(user)
                    return await page(request, user)
                except KeyturnError as error:
                    if wants_json(request):
                        return refusal(error)
                    return self.refused(request, user, error.message, advice=error.help)
            if wants_json(request):
                return JSONResponse({"error": {"code": "login", "message": "log in first"}}, 401)
            if request.url.path.endswith("/fresh"):
                return Response(status_code=401)  # a piece of a page, which asks for the login as a whole
            asked = request.url.path
            return RedirectResponse(f"/login?next={quote(asked)}" if asked != "/" else "/login", 303)

        return guarded

    def deed(
        self, path: str, deed: Deed, *, roles: tuple[str, ...] = (), back: str = "/", timed: bool = False
    ) -> Route:
        """A form's address. `deed` returns where to go afterwards; what it raises is shown as a refusal.

        With `timed` its page must have been there for as long as it takes to read anything.
        """
        given = access("POST", path)

        async def done(request: Request) -> Response:
            user = self.forms.user(request)
            if user is None:
                return RedirectResponse("/login", 303)
            form, why = await self.forms.read(request)
            if not why and roles and not set(roles) & set(user.roles):
                why = f"{user.name} is no {' or '.join(roles)}."
            if why := why or (self.forms.too_soon(request, form) if timed else ""):
                return self.refused(request, user, why, back=back)
            try:
                given.check(user)
                return RedirectResponse(await deed(request, user, form), 303)
            except KeyturnError as error:
                return self.refused(request, user, error.message, advice=error.help, back=back)

        return Route(path, done, methods=["POST"])

    def needs_role(self, user: User, *roles: str, to: str) -> None:
        """Raises `ReviewError` when this person has none of them."""
        if not set(roles) & set(user.roles):
            raise ReviewError("forbidden", f"{user.name} is no {' or '.join(roles)} and cannot {to}.")

    # --- answers -----------------------------------------------------------------------------------------------------

    def show(
        self, name: str, request: Request, user: User | None, *, status: int = 200, **given: Any
    ) -> Response:
        """A template as a page."""
        html = self.templates.get_template(name).render(
            user=user,
            csrf=self.forms.token(request) if user else "",
            shown=self.forms.shown(request) if user else "",
            plane=seen(self.desk.status()) if user else None,
            needs=self.listing.needs(user) if user else 0,
            may_halt=may(user, "POST", "/api/v1/halt"),
            may_lift=may(user, "POST", "/api/v1/resume"),
            may_freeze=may(user, "POST", "/api/v1/freezes"),
            path=request.url.path,
            now_ms=time.time_ns() // 1_000_000,
            **given,
        )
        return HTMLResponse(html, status_code=status)

    def row_html(self, row: dict[str, Any], tab: Tab) -> str:
        """One line of the inbox, the same for everybody who sees it in this tab."""
        return str(self._parts().row(row, str(tab), time.time_ns() // 1_000_000))

    def line_html(self, line: dict[str, Any]) -> str:
        """One line of the log."""
        return str(self._parts().line(line))

    def _parts(self) -> Any:
        return self.templates.get_template("parts.html").module

    def nothing_here(self, request: Request, user: User | None) -> Response:
        return self.message(request, user, "Nothing here", "There is no page or case of this name.", 404)

    def refused(
        self, request: Request, user: User, text: str, *, advice: str = "", back: str = "/"
    ) -> Response:  # as in errors.py
        return self.message(request, user, "Refused", text, 403, advice=advice, back=back)

    def message(
        self, request: Request, user: User | None, title: str, text: str, status: int, **more: str
    ) -> Response:
        if wants_json(request) or request.url.path.startswith("/api/"):
            return JSONResponse({"error": {"code": title.lower().replace(" ", "-"), "message": text}}, status)
        return self.show("message.html", request, user, status=status, title=title, text=text, **more)


def wants_json(request: Request) -> bool:
    """Whether the page's twin is asked for."""
    return request.url.path.endswith(".json")
