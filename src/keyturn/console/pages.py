"""The pages, rendered here from the same data as the API, each with a ``.json`` twin; and the halt."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from keyturn.console.activity import Activity
from keyturn.console.agents import Agents
from keyturn.console.attention import AttentionPage
from keyturn.console.batches import Batches
from keyturn.console.cases import Cases
from keyturn.console.evidence import Evidence
from keyturn.console.forms import Forms
from keyturn.console.freezes import FreezePages
from keyturn.console.identity import Identity, User
from keyturn.console.inbox import Inbox
from keyturn.console.passkeys import Passkeys
from keyturn.console.policies import Policies, PolicyPages
from keyturn.console.signing import Signing
from keyturn.console.site import NOTE_CHARS_MAX, Site
from keyturn.runtime.interface import Desk


class Pages:
    """All of them. Every page needs a login; every deed a form that a page of this login made."""

    def __init__(
        self,
        desk: Desk,
        identity: Identity,
        forms: Forms,
        signing: Signing,
        passkeys: Passkeys,
        policies: Policies | None = None,
    ) -> None:
        self._desk, self._forms, self._policies = desk, forms, policies
        self._signing, self._passkeys = signing, passkeys
        self.site = Site(desk, identity, forms)

    def routes(self) -> list[Route]:
        site = self.site
        return [
            *Inbox(site).routes(),
            *Batches(site).routes(),
            *Cases(site, self._signing, self._passkeys).routes(),
            *Activity(site).routes(),
            *Agents(site).routes(),
            *PolicyPages(site, self._policies).routes(),
            *Evidence(site).routes(),
            *AttentionPage(site).routes(),
            *FreezePages(site).routes(),
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

    # --- what went wrong ---------------------------------------------------------------------------------------------

    async def not_found(self, request: Request, error: Exception) -> Response:
        return self.site.nothing_here(request, self._forms.user(request))

    async def broken(self, request: Request, error: Exception) -> Response:
        """Nothing of the error is shown: it might quote what nobody may read. The log has it."""
        said = "Something broke in Keyturn. Nothing was decided by it; the server's log says what it was."
        return self.site.message(request, None, "Broken", said, 500)
