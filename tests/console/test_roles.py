"""Who may do what: every route of the console, asked by every role and by tokens of every scope, against the one table."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator
from typing import Any, cast

import httpx
import pytest
from starlette.routing import Mount, Route

from keyturn.console.identity import ROLES, SCOPES, Caller, Identity
from keyturn.console.roles import ACCESS, PUBLIC, access
from keyturn.console.tokens import Tokens
from keyturn.console.web import Web, make_app
from keyturn.core.people import People
from keyturn.errors import BugError, ReviewError
from keyturn.runtime.interface import Desk
from keyturn.stores.memory import MemoryStore


class Plane:
    """A desk that everything reaches and nothing comes of."""

    def __getattr__(self, name: str) -> Any:
        if name == "status":
            return lambda: {
                "mode": "enforcing",
                "standin": False,
                "halted_by": {},
                "freezes": [],
                "held_cases": 0,
                "log_entries": 0,
            }
        if name in {"sessions", "cases", "log", "proposals", "freezes"}:
            return lambda **_given: ()
        if name in {"head", "folded"}:
            return lambda: 0
        if name == "people":
            return People()
        if name == "case":
            return lambda _id: None

        def reached(*_given: Any, **_named: Any) -> Any:
            raise ReviewError("reached", "as far as the plane")

        return reached

    async def put_on_record(self, event: Any) -> None:
        """Nobody reads it here."""


class House:
    """The console with one person of every role."""

    def __init__(self) -> None:
        async def note(**_said: Any) -> None:
            """Nobody reads it here."""

        self.identity = Identity(MemoryStore(), note, lambda: 1_000)
        self.app: Web = make_app(cast("Desk", Plane()), self.identity, form_key=b"k" * 32)
        self.forms_key = b"k" * 32

    async def login(self, role: str) -> str:
        return await self.identity.login(await self.identity.add(f"the-{role}", (role,), by="test"))

    async def token(self, role: str, *scopes: str) -> str:
        async def record(_event: Any) -> None:
            """Nobody reads it here."""

        caller = Caller(f"the-{role}", (role,))
        await self.identity.add(caller.name, caller.roles, by="test")
        _, text = await Tokens(self.identity, record).add(caller, "-".join(scopes), scopes, 1)
        return text

    async def ask(self, route: str, token: str) -> str:
        """The code of the refusal, or *let in*."""
        method, _, path = route.partition(" ")
        path = path.replace("{id}", "C-1").replace("{name}", "nobody").replace("{verb}", "undo")
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            if path.startswith("/api/") or path == "/metrics":
                body: dict[str, Any] = {} if method == "GET" else {"json": {}}
                answer = await client.request(
                    method, path, headers={"authorization": f"Bearer {token}"}, **body
                )
            else:
                client.cookies.set("keyturn", token)
                csrf = hmac.new(self.forms_key, token.encode(), "sha256").hexdigest()
                form: dict[str, Any] = {} if method == "GET" else {"data": {"csrf": csrf}}
                answer = await client.request(method, path, **form)
        return _code(answer)


def _code(answer: httpx.Response) -> str:
    if answer.status_code == 303 and answer.headers["location"].startswith("/login"):
        return "login"
    if "application/json" in answer.headers.get("content-type", ""):
        return str(answer.json().get("error", {}).get("code", "let in"))
    if answer.status_code == 403 and re.search(
        r"is no (reviewer|operator)|needs the role|only reads here", answer.text
    ):
        return "forbidden"
    return "let in"


@pytest.fixture
def house() -> House:
    return House()


def routes(house: House) -> Iterator[str]:
    for route in house.app.routes:
        if isinstance(route, Mount):
            yield f"GET {route.path}"
        elif isinstance(route, Route):
            yield from (f"{method} {route.path}" for method in sorted((route.methods or set()) - {"HEAD"}))


def test_every_route_stands_in_the_table(house: House) -> None:
    """What is added without a row is no route; a row without its route goes."""
    assert set(routes(house)) == set(ACCESS) | set(PUBLIC)


def test_a_route_that_nobody_thought_about_does_not_start() -> None:
    """There is no default that lets everybody in."""
    with pytest.raises(BugError, match="no row"):
        access("POST", "/api/v1/everything")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", [route for route in ACCESS if route != "GET /events"])  # it never ends
async def test_who_is_let_in(house: House, route: str, role: str) -> None:
    """Somebody with this role alone gets as far as the table says, and no further."""
    found = await house.ask(route, await house.login(role))
    assert (found != "forbidden") == (role in ACCESS[route].roles), found
    assert found != "login"


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("route", [route for route in ACCESS if "/api/" in route])
async def test_what_a_token_is_good_for(house: House, route: str, scope: str) -> None:
    """A token of one scope, of somebody who may do all of it, does what its scope says."""
    given = ACCESS[route]
    found = await house.ask(route, await house.token(given.roles[0], scope))
    assert (found != "forbidden") == (scope == given.scope), found


@pytest.mark.parametrize(
    "route", [route for route in ACCESS if "/api/" not in route and route != "GET /metrics"]
)
async def test_a_token_in_a_cookie_is_no_login(house: House, route: str) -> None:
    """Pages are for people: a program's token opens none of them."""
    found = await house.ask(route, await house.token("administrator", *SCOPES))
    assert (
        found in {"login", "let in"}
        if route.endswith("/fresh") or route == "GET /events"
        else found == "login"
    )


async def test_a_token_never_does_more_than_its_owner(house: House) -> None:
    """All scopes, in the hand of an auditor: she still only reads."""
    token = await house.token("auditor", *SCOPES)
    assert await house.ask("POST /api/v1/halt", token) == "forbidden"
    assert await house.ask("GET /api/v1/log", token) == "let in"
