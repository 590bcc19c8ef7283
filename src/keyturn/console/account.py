"""A person's own page: her passkeys and her tokens, and what waits for her as an administrator."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from keyturn.console.forms import Forms, credential_of, refused
from keyturn.console.identity import SCOPES, Caller, Identity
from keyturn.console.numbers import whole
from keyturn.console.passkeys import Passkeys
from keyturn.console.people_api import shown_passkey, shown_token
from keyturn.console.proposals import Proposing, shown
from keyturn.console.roles import access, scopes_of
from keyturn.console.site import Site
from keyturn.console.text import seen
from keyturn.console.tokens import Tokens
from keyturn.errors import KeyturnError, OperatorError, ReviewError

Deed = Callable[[Request, Caller, dict[str, str]], Awaitable[Response]]

HERE = "/me"
LASTS = (7, 30, 90, 366)
"""Days; the page offers these, the command line any number."""


class Account:
    """Every change by a form of this login; making a passkey besides only a moment after she has shown who she is."""

    def __init__(
        self,
        identity: Identity,
        forms: Forms,
        site: Site,
        passkeys: Passkeys,
        tokens: Tokens,
        proposing: Proposing,
    ) -> None:
        self._identity, self._forms, self._site, self._proposing = identity, forms, site, proposing
        self._passkeys, self._tokens = passkeys, tokens

    def routes(self) -> list[Route]:
        deeds: tuple[tuple[str, Deed], ...] = (
            ("/me/passkeys/options", self._asked),
            ("/me/passkeys", self._add),
            ("/me/passkeys/{id}/{verb}", self._change),
            ("/me/proposals/{id}/{verb}", self._decide),
            ("/me/tokens", self._add_token),
            ("/me/tokens/{id}/revoke", self._revoke),
        )
        made = [Route(path, self._guard(path, deed), methods=["POST"]) for path, deed in deeds]
        return [Route(HERE, self._page, methods=["GET"]), *made]

    def _guard(self, path: str, deed: Deed) -> Callable[[Request], Awaitable[Response]]:
        given = access("POST", path)

        async def guarded(request: Request) -> Response:
            user = self._forms.user(request)
            if user is None:
                return RedirectResponse(f"/login?next={HERE}", 303)
            script = path.endswith("/options")
            form, why = await self._forms.read(request)
            try:
                if why:
                    raise ReviewError("form", why)
                given.check(user)
                return await deed(request, user, form)
            except KeyturnError as error:
                if script:
                    return refused(error)
                return self._site.refused(request, user, error.message, advice=error.help, back=HERE)

        return guarded

    async def _page(self, request: Request) -> Response:
        user = self._forms.user(request)
        if user is None:
            return RedirectResponse(f"/login?next={HERE}", 303)
        return self._show(request, user)

    def _show(
        self, request: Request, user: Caller, *, made: str = "", decided: dict[str, Any] | None = None
    ) -> Response:
        waiting = self._proposing.waiting() if "administrator" in user.roles else ()
        return self._site.show(
            "account.html",
            request,
            user,
            title="Your keys",
            passkeys=seen([shown_passkey(key, kept) for key, kept in self._passkeys.of(user.name)]),
            tokens=seen([shown_token(one) for one in self._tokens.of(user.name)]),
            may_not_enrol=self._identity.may_enrol(user),
            passkey_origin=self._passkeys.origin,
            scopes=scopes_of(user.roles),
            lasts=LASTS,
            made=made,
            proposals=seen([shown(one) for one in waiting]),
            decided=seen(decided) if decided else None,
        )

    async def _asked(self, request: Request, user: Caller, form: dict[str, str]) -> Response:
        self._may_enrol(user)
        return JSONResponse(self._passkeys.asked_to_add(user.name))

    async def _add(self, request: Request, user: Caller, form: dict[str, str]) -> Response:
        self._may_enrol(user)
        name, nonce = form.get("name", ""), form.get("nonce", "")
        await self._passkeys.add(user.name, name, nonce, credential_of(form))
        return RedirectResponse(HERE, 303)

    def _may_enrol(self, user: Caller) -> None:
        if why := self._identity.may_enrol(user):
            raise ReviewError("show-yourself", why[0].upper() + why[1:] + ".")

    async def _change(self, request: Request, user: Caller, form: dict[str, str]) -> Response:
        key, verb = request.path_params["id"], request.path_params["verb"]
        if verb == "remove":
            await self._passkeys.remove(user.name, key, by=user.name)
        elif verb == "rename":
            await self._passkeys.rename(user.name, key, form.get("name", ""))
        else:
            raise ReviewError("no-page", "There is no such deed.")
        return RedirectResponse(HERE, 303)

    async def _decide(self, request: Request, user: Caller, form: dict[str, str]) -> Response:
        id_, verb = request.path_params["id"], request.path_params["verb"]
        if verb not in {"approve", "deny"}:
            raise ReviewError("no-page", "There is no such deed.")
        if why := self._forms.too_soon(request, form):
            raise ReviewError("form", why)
        decided = await self._proposing.decide(id_, by=user.name, approve=verb == "approve")
        return self._show(request, user, decided=decided) if decided["token"] else RedirectResponse(HERE, 303)

    async def _add_token(self, request: Request, user: Caller, form: dict[str, str]) -> Response:
        scopes = tuple(scope for scope in SCOPES if form.get(f"scope-{scope}"))
        days = whole(form.get("days", ""), most=9_999)
        if days is None:
            raise OperatorError("token-days", "a token lasts a number of days")
        environments = tuple(form.get("environments", "").replace(",", " ").split())
        _, text = await self._tokens.add(user, form.get("name", ""), scopes, days, environments)
        return self._show(request, user, made=text)

    async def _revoke(self, request: Request, user: Caller, form: dict[str, str]) -> Response:
        await self._tokens.revoke(user, request.path_params["id"])
        return RedirectResponse(HERE, 303)
