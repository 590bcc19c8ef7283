"""The pages, rendered here from the same data as the API, each with a ``.json`` twin; in and out, and the halt."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from keyturn.console.activity import Activity
from keyturn.console.agents import Agents
from keyturn.console.cases import Cases
from keyturn.console.evidence import Evidence
from keyturn.console.forms import Forms, back_to
from keyturn.console.identity import Identity, User
from keyturn.console.inbox import Inbox
from keyturn.console.policies import Policies, PolicyPages
from keyturn.console.site import NOTE_CHARS_MAX, Site
from keyturn.errors import KeyturnError
from keyturn.runtime.interface import Desk


class Pages:
    """All of them. Every page needs a login; every deed a form that a page of this login made."""

    def __init__(
        self, desk: Desk, identity: Identity, forms: Forms, policies: Policies | None = None
    ) -> None:
        self._desk, self._identity, self._forms, self._policies = desk, identity, forms, policies
        self.site = Site(desk, identity, forms)

    def routes(self) -> list[Route]:
        site = self.site
        return [
            *Inbox(site).routes(),
            *Cases(site).routes(),
            *Activity(site).routes(),
            *Agents(site).routes(),
            *PolicyPages(site, self._policies).routes(),
            *Evidence(site).routes(),
            Route("/login", self._login, methods=["GET", "POST"]),
            Route("/logout", self._logout, methods=["POST"]),
            site.deed("/halt", self._halt),
        ]

    async def _halt(self, request: Request, user: User, form: dict[str, str]) -> str:
        site = self.site
        agent = form.get("agent", "")[:64]
        if form.get("lift"):
            site.needs_role(user, "reviewer", "administrator", to="lift a halt")
            await self._desk.resume(by=user.name, agent=agent)
        else:
            reason = form.get("reason", "").strip()[:NOTE_CHARS_MAX] or "from the console"
            await self._desk.halt(by=user.name, reason=reason, agent=agent)
        return "/agents" if agent else "/"

    # --- in and out --------------------------------------------------------------------------------------------------

    async def _login(self, request: Request) -> Response:
        to = back_to(request.query_params.get("next", "/"))
        if request.method == "GET":
            return self.site.show("login.html", request, None, title="Log in")
        form, why = await self._forms.read(request, login=True)
        error = why
        if not why:
            try:
                token = await self._identity.login(form.get("token", "").strip())
            except KeyturnError as refused:
                error = refused.message
            else:
                answer = RedirectResponse(to, 303)
                self._forms.let_in(request, answer, token)
                return answer
        return self.site.show("login.html", request, None, status=401, title="Log in", error=error)

    async def _logout(self, request: Request) -> Response:
        answer = RedirectResponse("/login", 303)
        user = self._forms.user(request)
        if user is not None:
            _, why = await self._forms.read(request)
            if why:
                return self.site.refused(request, user, why)
            await self._forms.forget(request)
        self._forms.let_out(request, answer)
        return answer

    # --- what went wrong ---------------------------------------------------------------------------------------------

    async def not_found(self, request: Request, error: Exception) -> Response:
        return self.site.nothing_here(request, self._forms.user(request))

    async def broken(self, request: Request, error: Exception) -> Response:
        """Nothing of the error is shown: it might quote what nobody may read. The log has it."""
        said = "Something broke in Keyturn. Nothing was decided by it; the server's log says what it was."
        return self.site.message(request, None, "Broken", said, 500)
