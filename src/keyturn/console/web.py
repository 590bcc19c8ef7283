"""The console as one ASGI application: API, pages, live notices, and the headers that every answer carries."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from keyturn.console.account import Account
from keyturn.console.api import Api, Authority
from keyturn.console.entry import Entry
from keyturn.console.forms import Forms
from keyturn.console.graph import STYLE_HASH
from keyturn.console.identity import Caller, Identity
from keyturn.console.live import Live
from keyturn.console.metrics import Metrics
from keyturn.console.nonces import Nonces
from keyturn.console.oidc_settings import OidcSettings
from keyturn.console.pages import Pages
from keyturn.console.passkeys import Passkeys, Place
from keyturn.console.people_api import PeopleApi
from keyturn.console.policies import Policies
from keyturn.console.proposals import Proposing
from keyturn.console.reviewing_api import ReviewingApi
from keyturn.console.roles import access
from keyturn.console.signing import Signing
from keyturn.console.slack import SlackActions
from keyturn.console.slack_settings import SlackSettings
from keyturn.console.tokens import Tokens
from keyturn.errors import ReviewError
from keyturn.model.record import PlaneEvent
from keyturn.runtime.interface import Desk, Rehearser

HEADERS: Final = {
    # Nothing inline, nothing from elsewhere, no frame around us: what an agent wrote can be text on this page and no more.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}

STATIC: Final = Path(__file__).parent / "static"
STATIC_CACHE: Final = "private, max-age=3600"
"""Scripts and styles are the same for everybody and change with a release."""


class Web:
    """The console's routes, with the same headers on every answer, whoever made it."""

    def __init__(self, app: Starlette, settle: Callable[[], Awaitable[None]]) -> None:
        self._app = app
        self.settle = settle  # to be called before anybody is let in: the tables follow the log

    @property
    def routes(self) -> list[BaseRoute]:
        return self._app.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        own = HEADERS
        if scope.get("path", "").startswith("/static/"):
            own = HEADERS | {"cache-control": STATIC_CACHE}
        if scope.get("path", "").endswith("/graph.svg"):  # a picture has its own style, and nothing else
            own = HEADERS | {
                "content-security-policy": f"default-src 'none'; style-src '{STYLE_HASH}'; frame-ancestors 'none'"
            }
        if scope.get("scheme") == "https":
            own = own | {"strict-transport-security": "max-age=31536000"}

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(key.encode(), value.encode()) for key, value in own.items()]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await self._app(scope, receive, with_headers)


def make_app(
    desk: Desk,
    identity: Identity,
    authority: Authority | None = None,
    *,
    metrics: Metrics | None = None,
    open_metrics: bool = False,
    form_key: bytes = b"",
    policies: Policies | None = None,
    url: str = "",
    oidc: OidcSettings | None = None,
    slack: SlackSettings | None = None,
    rehearser: Rehearser | None = None,
) -> Web:
    """The console over a desk and the people who may use it; with the proxy's certificate authority, where there is one.

    `url` is where people open it: passkeys are bound to its name.
    """
    forms = Forms(identity, form_key)
    nonces = Nonces(identity.store, form_key or secrets.token_bytes(32), identity.clock)

    async def record(event: PlaneEvent) -> None:
        await desk.put_on_record(event)

    passkeys = Passkeys(identity.store, record, identity.clock, nonces, Place.of(url))
    provider = None
    if oidc is not None:
        from keyturn.console.oidc import Oidc  # noqa: PLC0415  # its libraries are an extra

        provider = Oidc(oidc, identity, desk, nonces, passkeys.origin or url)
    signing, tokens = Signing(desk, passkeys), Tokens(identity, record)
    proposing = Proposing(desk, identity, passkeys)
    people = PeopleApi(identity, passkeys, tokens, proposing)
    pages = Pages(desk, identity, forms, signing, passkeys, policies)
    api = Api(
        desk,
        identity,
        authority,
        people=people,
        reviewing=ReviewingApi(desk, proposing, identity.clock),
        signing=signing,
        tokens=tokens,
        metrics=metrics,
        open_metrics=open_metrics,
        rehearser=rehearser,
        listing=pages.site.listing,
    )
    routes = [
        *api.routes(),
        *pages.routes(),
        *Entry(identity, forms, pages.site, passkeys, provider).routes(),
        *Account(identity, forms, pages.site, passkeys, tokens, proposing).routes(),
        *SlackActions(slack, desk, identity, f"{url}/c/").routes(),
        Route("/events", Live(pages.site, lambda request: _listener(request, forms, api)).listen),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    app = Starlette(routes=routes, exception_handlers={404: pages.not_found, 500: pages.broken})
    return Web(
        app, proposing.settle
    )  # around everything: Starlette's own middleware would leave errors without


def _listener(request: Request, forms: Forms, api: Api) -> Caller | None:
    """Who may hear what happens: a browser by its cookie, a program by its token. What they hear decides nothing."""
    found = forms.user(request) or api.user_of(request)
    if found is None:
        return None
    try:
        access("GET", "/events").check(found)
    except ReviewError:
        return None
    return found
