"""Sign-in at the company's provider, against one that speaks the protocol on loopback: what is let in, and what is not."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from keyturn.console.identity import Identity
from keyturn.console.oidc_settings import OidcSettings, checked_issuer
from keyturn.console.web import make_app
from keyturn.core.people import People, checked_mapping
from keyturn.errors import OperatorError
from keyturn.model.people import Member
from keyturn.model.record import IdentityMapped
from keyturn.runtime.interface import Desk
from keyturn.stores.memory import MemoryStore

CLIENT, SECRET, HERE = "keyturn", "between-us", "http://localhost:8421"


class Provider:
    """A small OpenID provider. `wrong` is what it does otherwise than it should, `claims` what it says of who comes."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.claims: dict[str, Any] = {}
        self.signed_with: Any = self.key
        self.algorithm = "RS256"
        self.down = False
        self.asked: dict[str, dict[str, str]] = {}
        self.tokens: list[dict[str, Any]] = []
        routes = [
            Route("/.well-known/openid-configuration", self._discovery),
            Route("/authorize", self._authorize),
            Route("/token", self._token, methods=["POST"]),
            Route("/keys", self._keys),
        ]
        config = uvicorn.Config(Starlette(routes=routes), port=0, log_level="error", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve()), daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.issuer = f"http://127.0.0.1:{port}"

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    async def _discovery(self, request: Request) -> Response:
        if self.down:
            return Response(status_code=503)
        ways = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return JSONResponse(
            {"issuer": self.issuer} | {name: f"{self.issuer}/{path}" for name, path in ways.items()}
        )

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT)
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self.asked)}"
        self.asked[code] = asked
        back = urlencode({"code": code, "state": asked["state"], "iss": self.issuer})
        return RedirectResponse(f"{asked['redirect_uri']}?{back}", 303)

    async def _token(self, request: Request) -> Response:
        given = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        asked = self.asked.pop(given["code"])
        proof = hashlib.sha256(given["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(proof).rstrip(b"=").decode() == asked["code_challenge"]
        assert (
            request.headers["authorization"]
            == "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        )
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "00u1",
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "preferred_username": "Grace",
            "groups": ["sre"],
        } | self.claims
        if self.algorithm == "none":
            parts = ({"alg": "none"}, claims)
            text = ".".join(
                base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode() for one in parts
            )
            text += "."
        else:
            header = {"alg": self.algorithm, "kid": "one"}
            text = jwt.encode(header, claims, self.signed_with, algorithms=[self.algorithm])
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": text})

    async def _keys(self, request: Request) -> Response:
        return JSONResponse(KeySet([self.key]).as_dict(private=False))


class Desk_:  # noqa: N801  # the plane, as far as a login needs it
    def __init__(self) -> None:
        self.events: list[Any] = []
        self.people = People()

    async def put_on_record(self, event: Any) -> None:
        self.events.append(event)
        self.people = self.people.after(event)

    def status(self) -> dict[str, Any]:
        return {
            "mode": "enforcing",
            "standin": False,
            "halted_by": {},
            "freezes": [],
            "held_cases": 0,
            "log_entries": 0,
        }


class House:
    """A console that sends people to this provider."""

    def __init__(self, provider: Provider, **settings: Any) -> None:
        async def note(**_said: Any) -> None:
            """Nobody reads it here."""

        self.provider, self.desk = provider, Desk_()
        self.identity = Identity(MemoryStore(), note, lambda: time.time_ns() // 1_000_000)
        known = OidcSettings(
            issuer=provider.issuer,
            client_id=CLIENT,
            secret=SECRET,
            roles={"sre": ("reviewer", "operator"), "audit": ("auditor",)},
            **settings,
        )
        self.app = make_app(cast("Desk", self.desk), self.identity, url=HERE, oidc=known)
        transport = httpx.ASGITransport(self.app)
        self.browser = httpx.AsyncClient(transport=transport, base_url=HERE)

    async def there(self) -> str:
        """To the provider; the address it sends the browser back to."""
        asked = await self.browser.get("/login/oidc?next=/me")
        if asked.status_code != 303:
            return said(asked)
        async with httpx.AsyncClient() as out:
            answer = await out.get(asked.headers["location"])
        return str(answer.headers["location"])

    async def come_in(self) -> str:
        """The name she has, or why she was not let in."""
        return await self.back(await self.there())

    async def back(self, address: str) -> str:
        if not address.startswith(HERE):
            return address
        parts = urlsplit(address)
        answer = await self.browser.get(f"{parts.path}?{parts.query}")
        if answer.status_code != 200:
            return said(answer)
        user = self.identity.who(self.browser.cookies["keyturn"])
        assert user is not None
        assert 'content="0; url=/me"' in answer.text
        return f"{user.name}: {', '.join(user.roles)}"


def said(answer: httpx.Response) -> str:
    return answer.text.partition('role="alert">✖ ')[2].partition("</p>")[0].replace("&#39;", "'")


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.stop()


@pytest.fixture
def house(provider: Provider) -> House:
    provider.claims, provider.signed_with, provider.algorithm, provider.down = (
        {},
        provider.key,
        "RS256",
        False,
    )
    return House(provider)


async def test_who_is_in_a_group_comes_in_with_its_roles(house: House) -> None:
    """By code and PKCE; the first time puts on record who she is there and here, the second nothing new."""
    assert await house.come_in() == "grace: operator, reviewer"
    assert await house.come_in() == "grace: operator, reviewer"
    (mapped,) = house.desk.events
    assert isinstance(mapped, IdentityMapped)
    assert (mapped.subject, mapped.user, mapped.groups) == ("00u1", "grace", ("sre",))


async def test_roles_are_what_the_groups_say_now(house: House) -> None:
    """Who left a group has its roles no more, in logins that are open too."""
    await house.come_in()
    before = house.browser.cookies["keyturn"]
    house.provider.claims = {"groups": ["audit"]}
    house.browser.cookies.clear()
    assert await house.come_in() == "grace: auditor"
    older = house.identity.who(before)
    assert older is not None
    assert older.roles == ("auditor",)


async def test_groups_give_teams(provider: Provider, house: House) -> None:
    """In the environments that the configuration says; who left a group is in its team no more, and that is on record."""
    teams = {"sre": ("payments", "security:production"), "audit": ("security:staging",)}
    mapped = House(provider, teams=teams)
    await mapped.come_in()
    people = mapped.desk.people
    assert people.members("payments") == (Member("grace"),)
    assert people.members("security") == (Member("grace", ("production",)),)
    assert (people.all_teams(), people.teams_of(("grace",))) == (("payments", "security"),) * 2
    provider.claims = {"groups": ["audit"]}
    mapped.browser.cookies.clear()
    await mapped.come_in()
    people = mapped.desk.people
    assert people.members("payments") == ()
    assert people.members("security") == (Member("grace", ("staging",)),)
    assert [event.teams for event in mapped.desk.events] == [teams["sre"], teams["audit"]]
    provider.claims = {"groups": ["audit", "sales"]}
    await mapped.come_in()
    assert len(mapped.desk.events) == 2, "nothing changed"


@pytest.mark.parametrize("text", ["Payments", "owners", "payments:", "a b:,", "-x", "payments:a,,b"])
def test_a_mapping_that_is_none(text: str) -> None:
    """Said at the start, not at somebody's first login."""
    with pytest.raises(OperatorError):
        checked_mapping(text)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another nonce": ({"nonce": "x"}, "it answers another question"),
    "another audience": ({"aud": "payroll"}, "it is meant for another application"),
    "several audiences, none of them named": ({"aud": [CLIENT, "payroll"]}, "given to another application"),
    "another's token": ({"azp": "payroll"}, "given to another application"),
    "another issuer": ({"iss": "https://evil.example"}, "issued by somebody else"),
    "expired": ({"exp": 1_000_000}, "it has expired"),
    "no end": ({"exp": None}, "it has expired"),
    "from the future": ({"iat": 4_000_000_000}, "it is not from now"),
    "nobody": ({"sub": ""}, "it names nobody"),
    "no group that counts": ({"groups": ["sales"]}, "groups give no role here"),
    "groups that are no list": ({"groups": "sre"}, "groups give no role here"),
    "no name": ({"preferred_username": "../grace"}, "gives no user's name here"),
}


@pytest.mark.parametrize("what", WRONG)
async def test_a_token_that_is_not_for_this_login(house: House, what: str) -> None:
    """Each claim that OpenID Connect Core 1.0, 3.1.3.7 asks for, and whom the groups do not map."""
    house.provider.claims, why = WRONG[what]
    assert why in await house.come_in()
    assert house.identity.users() == ()


@pytest.mark.parametrize("what", ["unknown key", "none", "client's secret", "another kind of key"])
async def test_a_token_that_the_provider_did_not_sign(house: House, what: str) -> None:
    """A key that it does not publish, no signature at all, a symmetric one: nobody."""
    keys: dict[str, tuple[Any, str]] = {
        "unknown key": (RSAKey.generate_key(2048, {"kid": "one"}), "RS256"),
        "none": (None, "none"),
        "client's secret": (OctKey.import_key(SECRET * 4), "HS256"),
        "another kind of key": (ECKey.generate_key("P-256"), "ES256"),
    }
    house.provider.signed_with, house.provider.algorithm = keys[what]
    assert "not signed by a key of the provider" in await house.come_in()


async def test_a_new_key_of_the_providers_is_taken(house: House) -> None:
    """Keys are turned: one that is not known yet is asked for once before it is refused."""
    await house.come_in()
    old = house.provider.key
    house.provider.key = house.provider.signed_with = RSAKey.generate_key(2048, {"kid": "one"})
    try:
        assert await house.come_in() == "grace: operator, reviewer"
    finally:
        house.provider.key = old


async def test_an_answer_is_good_in_the_browser_that_asked_once(house: House) -> None:
    """Another's answer, put into her browser, does not log her in as him; nor is one taken twice (RFC 9700, 4.7)."""
    address = await house.there()
    other = House(house.provider)
    await other.there()
    assert "not asked by this console" in await other.back(address)
    bare = House(house.provider)
    assert "not asked by this console" in await bare.back(address)
    assert await house.back(address) == "grace: operator, reviewer"
    address = await house.there()
    kept = dict(house.browser.cookies)
    await house.back(address)
    house.browser.cookies.update(kept)
    assert "answered already" in await house.back(address)


async def test_another_providers_answer_is_none(house: House) -> None:
    """The issuer that the answer names is the one that was asked (RFC 9207)."""
    address = (await house.there()).partition("&iss=")[0]
    assert "another provider's" in await house.back(f"{address}&iss=https%3A%2F%2Fevil.example")


async def test_a_name_that_was_given_to_somebody_else(house: House) -> None:
    """The same name by another subject is another person: not hers here, until an administrator says so."""
    await house.come_in()
    house.provider.claims = {"sub": "00u2"}
    assert "somebody else at the provider" in await house.come_in()


async def test_a_provider_that_is_down(house: House) -> None:
    """She is told so, and how else she may log in; nothing else happens."""
    house.provider.down = True
    assert "does not answer as it should" in await house.come_in()


async def test_names_of_one_domain(provider: Provider, house: House) -> None:
    """A name of another domain is nobody, whatever stands before its @; an address that nobody verified neither."""
    ours = House(provider, name="email", domain="example.com")
    provider.claims = {"email": "grace@example.com", "email_verified": True}
    assert await ours.come_in() == "grace: operator, reviewer"
    provider.claims = {"email": "grace@evil.example", "email_verified": True}
    assert "only people of example.com" in await ours.come_in()
    provider.claims = {"email": "grace@example.com"}
    assert "has not verified" in await ours.come_in()


@pytest.mark.parametrize("issuer", ["http://login.example.com", "ftp://x", "", "https://", "localhost"])
def test_an_issuer_anybody_could_answer_for(issuer: str) -> None:
    """Without TLS only on the machine itself."""
    with pytest.raises(OperatorError, match="no issuer"):
        checked_issuer(issuer)
