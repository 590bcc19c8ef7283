"""In and out: the login by passkey, by invite or by a login of hers from elsewhere, and the end of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from keyturn.console.forms import Forms, back_to, credential_of, refused
from keyturn.console.identity import Identity
from keyturn.console.passkeys import Passkeys
from keyturn.console.site import Site
from keyturn.errors import KeyturnError, ReviewError

if TYPE_CHECKING:
    from keyturn.console.oidc import Oidc


class Entry:
    """The only pages that nobody has to be logged in for. Whoever comes in gets a new login; the one her browser had ends."""

    def __init__(
        self,
        identity: Identity,
        forms: Forms,
        site: Site,
        passkeys: Passkeys,
        provider: Oidc | None = None,
    ) -> None:
        self._identity, self._forms, self._site, self._passkeys = identity, forms, site, passkeys
        self._provider = provider

    def routes(self) -> list[Route]:
        return [
            Route("/login", self._login, methods=["GET", "POST"]),
            Route("/login/passkey/options", self._asked, methods=["POST"]),
            Route("/login/passkey", self._passkey, methods=["POST"]),
            Route("/login/oidc", self._there, methods=["GET"]),
            Route("/login/oidc/back", self._back, methods=["GET"]),
            Route("/logout", self._logout, methods=["POST"]),
        ]

    async def _login(self, request: Request) -> Response:
        if request.method == "GET":
            return self._page(request)
        form, why = await self._forms.read(request, login=True)
        if why:
            return self._page(request, why)
        try:
            token = await self._identity.login(form.get("token", "").strip(), page=True)
        except KeyturnError as refused:
            return self._page(request, refused.message)
        return await self.let_in(request, token)

    async def _asked(self, request: Request) -> Response:
        _, why = await self._forms.read(request, login=True)
        if why:
            return refused(ReviewError("foreign", why))
        try:
            return JSONResponse(self._passkeys.asked_to_enter())
        except KeyturnError as error:
            return refused(error)

    async def _passkey(self, request: Request) -> Response:
        form, why = await self._forms.read(request, login=True)
        if why:
            return self._page(request, why)
        try:
            name = await self._passkeys.entered(form.get("nonce", ""), credential_of(form))
            token = await self._identity.enter(name, "passkey")
        except KeyturnError as error:
            return self._page(request, error.message)
        return await self.let_in(request, token)

    async def _there(self, request: Request) -> Response:
        """To the company's provider, with a secret in a cookie that its answer has to find here again."""
        if self._provider is None:
            return self._site.nothing_here(request, None)
        try:
            asked = await self._provider.ask()
        except KeyturnError as error:
            return self._page(request, error.message)
        answer = RedirectResponse(asked.url, 303)
        self._forms.keep(request, answer, f"{asked.kept} {back_to(request.query_params.get('next', '/'))}")
        return answer

    async def _back(self, request: Request) -> Response:
        """From the provider. A page, and no redirect: a browser sends a strict cookie only where a page of ours leads."""
        if self._provider is None:
            return self._site.nothing_here(request, None)
        kept, _, to = self._forms.kept(request).partition(" ")
        try:
            name = await self._provider.answered(kept, dict(request.query_params))
            token = await self._identity.enter(name, "oidc")
        except KeyturnError as error:
            return self._page(request, error.message)
        await self._forms.forget(request)
        answer = self._site.show("entered.html", request, None, title="Welcome", to=back_to(to), who=name)
        self._forms.let_in(request, answer, token)
        self._forms.keep(request, answer, "")
        return answer

    async def let_in(self, request: Request, token: str) -> Response:
        """To where she wanted to go, in a new login: what a browser brought along opens nothing afterwards (session fixation)."""
        user = self._identity.who(token)
        to = back_to(request.query_params.get("next", "/"))
        new = user is not None and not self._passkeys.of(user.name) and not self._identity.may_enrol(user)
        if new and to == "/" and self._passkeys.origin:
            to = "/me"  # now she may make her first one
        answer = RedirectResponse(to, 303)
        await self._forms.forget(request)
        self._forms.let_in(request, answer, token)
        return answer

    def _page(self, request: Request, error: str = "") -> Response:
        more = {"error": error} if error else {}
        return self._site.show(
            "login.html",
            request,
            None,
            status=401 if error else 200,
            title="Log in",
            passkey_origin=self._passkeys.origin,
            provider=self._provider.title if self._provider else "",
            next=back_to(request.query_params.get("next", "/")),
            **more,
        )

    async def _logout(self, request: Request) -> Response:
        answer = RedirectResponse("/login", 303)
        user = self._forms.user(request)
        if user is not None:
            _, why = await self._forms.read(request)
            if why:
                return self._site.refused(request, user, why)
            await self._forms.forget(request)
        self._forms.let_out(request, answer)
        return answer
