"""Passkeys: who may make one and when, what they open, what a copied one is worth; logins that a browser brought along."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from keyturn.console.identity import ENROL_S
from keyturn.console.passkeys import PASSKEYS_MAX, Place
from keyturn.testing.passkey import SoftPasskey
from tests.console.running_plane import PLAIN, Plane
from tests.console.signing_world import SEE_OTHER, Person, signing

FORBIDDEN, UNAUTHORISED = 403, 401


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with signing(tmp_path_factory.mktemp("passkeys")) as made:
        yield made


@pytest.fixture
def people(plane: Plane) -> Iterator[Any]:
    """Makes people with browsers of their own."""
    made: list[Person] = []

    def person(name: str, *roles: str, **key: Any) -> Person:
        made.append(Person(plane, name, plane.invite(name, *(roles or ("reviewer",))), **key))
        return made[-1]

    yield person
    for one in made:
        one.browser.close()


def enter(plane: Plane, key: SoftPasskey, browser: httpx.Client | None = None) -> httpx.Response:
    """Log in with a passkey, in a browser that is new or given."""
    own = browser or httpx.Client(verify=PLAIN, base_url=plane.url)
    asked = own.post("/login/passkey/options", data={"nonce": ""}).json()
    answer = own.post(
        "/login/passkey",
        data={"nonce": asked["nonce"], "credential": json.dumps(key.get(asked["options"]))},
    )
    if browser is None:
        own.close()
    return answer


def said(answer: httpx.Response) -> str:
    return answer.text.partition('role="alert">')[2].partition("</p>")[0]


def on_record(plane: Plane, user: str) -> list[tuple[str, str]]:
    return [
        (event.what, event.name)  # type: ignore[union-attr]  # by its type's name
        for entry in plane.app.runtime.log(after=0, limit=1_000)
        if type(event := entry.event()).__name__ == "PasskeyChanged" and event.user == user  # type: ignore[union-attr]
    ]


def test_a_passkey_opens_the_console(plane: Plane, people: Any) -> None:
    """Made after an invite, it logs her in by itself, without her name; both are on record or shown."""
    una = people("una")
    assert una.enrol(name="my phone").status_code == SEE_OTHER
    assert "my phone" in una.browser.get("/me").text
    answer = enter(plane, una.key)
    assert answer.status_code == SEE_OTHER
    assert "keyturn=" in answer.headers["set-cookie"]
    assert on_record(plane, "una") == [("added", "my phone")]


def test_an_answer_opens_once(plane: Plane, people: Any) -> None:
    """Whoever saw the browser's answer go by cannot send it again."""
    vera = people("vera")
    vera.enrol()
    with httpx.Client(verify=PLAIN, base_url=plane.url) as browser:
        asked = browser.post("/login/passkey/options", data={"nonce": ""}).json()
        form = {"nonce": asked["nonce"], "credential": json.dumps(vera.key.get(asked["options"]))}
        assert browser.post("/login/passkey", data=form).status_code == SEE_OTHER
        again = browser.post("/login/passkey", data=form)
    assert (again.status_code, said(again)) == (UNAUTHORISED, "✖ this was answered already")


WRONG: dict[str, dict[str, Any]] = {
    "another page": {"origin": "https://evil.example"},
    "another site's passkey": {"rp_id": "evil.example"},
    "nobody asked who is there": {"verified": False},
}


@pytest.mark.parametrize("what", WRONG)
def test_what_opens_nothing(plane: Plane, people: Any, what: str) -> None:
    """Her own key, in an authenticator that does one thing wrong: neither made nor let in."""
    one = people(f"wrong{list(WRONG).index(what)}")
    bad = SoftPasskey(**({"origin": one.origin} | WRONG[what]))
    assert one.enrol(bad).status_code == FORBIDDEN
    one.enrol()
    bad.id, bad._key = one.key.id, one.key._key
    assert enter(plane, bad).status_code == UNAUTHORISED
    assert enter(plane, one.key).status_code == SEE_OTHER


def test_a_copied_passkey_is_worth_nothing(plane: Plane, people: Any) -> None:
    """Its counter went back: the one who holds the copy and the one who was copied are both out, and it is on record."""
    wren = people("wren", count=5)
    wren.enrol()
    assert enter(plane, wren.key).status_code == SEE_OTHER
    wren.key.count = 3
    copied = enter(plane, wren.key)
    assert (copied.status_code, "was copied" in said(copied)) == (UNAUTHORISED, True)
    wren.key.count = 50
    assert enter(plane, wren.key).status_code == UNAUTHORISED, "neither of the two any more"
    assert on_record(plane, "wren") == [("added", "phone"), ("cloned", "phone")]


def test_what_was_removed_opens_nothing(plane: Plane, people: Any) -> None:
    """One of two is removed and renamed; the other stays. Removing the person removes them all."""
    xena = people("xena")
    xena.enrol(name="old phone")
    other = SoftPasskey(xena.origin)
    xena.enrol(other, name="key")
    ids = {one["name"]: one["id"] for one in _listed(plane, "xena")}
    assert xena.post(f"/me/passkeys/{ids['key']}/rename", name="yubikey").status_code == SEE_OTHER
    assert xena.post(f"/me/passkeys/{ids['old phone']}/remove").status_code == SEE_OTHER
    assert enter(plane, xena.key).status_code == UNAUTHORISED
    assert enter(plane, other).status_code == SEE_OTHER
    with plane.api("bob") as bob:
        bob.post("/users/xena/remove", json={}).raise_for_status()
    assert enter(plane, other).status_code == UNAUTHORISED
    changes = ["added", "added", "renamed", "removed", "removed"]
    assert [what for what, _ in on_record(plane, "xena")] == changes


def _listed(plane: Plane, user: str) -> list[dict[str, Any]]:
    with plane.api("bob") as bob:
        found: list[dict[str, Any]] = bob.get(f"/users/{user}/passkeys").raise_for_status().json()["passkeys"]
    return found


def test_nobody_removes_anothers(plane: Plane, people: Any) -> None:
    """Her page changes her own passkeys, whatever id it is sent."""
    yara, zoe = people("yara"), people("zoe")
    yara.enrol()
    (one,) = _listed(plane, "yara")
    assert zoe.post(f"/me/passkeys/{one['id']}/remove").status_code == FORBIDDEN
    with plane.api("dana") as dana:
        assert dana.get("/users/yara/passkeys").status_code == FORBIDDEN
        assert dana.post(f"/users/yara/passkeys/{one['id']}/remove", json={}).status_code == FORBIDDEN
    assert len(_listed(plane, "yara")) == 1


def test_one_registers_for_herself_only(plane: Plane, people: Any) -> None:
    """What was asked of one person is answered by nobody else, and a passkey that is known is not taken twice."""
    abel, cleo = people("abel"), people("cleo")
    asked = abel.post("/me/passkeys/options", name="x").json()
    made = json.dumps(abel.key.create(asked["options"]))
    assert cleo.post("/me/passkeys", name="x", nonce=asked["nonce"], credential=made).status_code == FORBIDDEN
    assert abel.enrol().status_code == SEE_OTHER
    assert cleo.enrol(abel.key).status_code == FORBIDDEN, "it is registered already"


def test_there_is_an_end_to_passkeys(plane: Plane, people: Any) -> None:
    """Ten of one person, then one has to go."""
    drew = people("drew")
    answers = [drew.enrol(SoftPasskey(drew.origin)).status_code for _ in range(PASSKEYS_MAX + 1)]
    assert answers == [SEE_OTHER] * PASSKEYS_MAX + [FORBIDDEN]


def test_a_login_in_a_file_makes_no_passkey(plane: Plane, people: Any) -> None:
    """What an agent on the same machine can read opens pages, and makes no passkey that it could sign with."""
    with plane.browser("dana") as browser:
        page = browser.get("/me").text
        assert 'action="/me/passkeys"' not in page
        csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
        answer = browser.post("/me/passkeys/options", data={"csrf": csrf, "name": "soft"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (FORBIDDEN, "show-yourself")


def test_a_quarter_of_an_hour_later_she_shows_herself_again(plane: Plane, people: Any) -> None:
    """A page that was left open makes no passkey; a login with the passkey she has may make another."""
    ezra = people("ezra")
    ezra.enrol()
    identity = plane.app.identity
    clock = identity.clock
    identity._clock = lambda: clock() + ENROL_S * 1000
    try:
        assert ezra.post("/me/passkeys/options", name="later").status_code == FORBIDDEN
    finally:
        identity._clock = clock
    assert enter(plane, ezra.key, ezra.browser).status_code == SEE_OTHER
    assert ezra.enrol(SoftPasskey(ezra.origin), name="second").status_code == SEE_OTHER


def test_the_command_lines_invite_leads_to_a_passkey(plane: Plane) -> None:
    """Who logged in on the command line gets a second token, good in a browser only, for a quarter of an hour."""
    with httpx.Client(verify=PLAIN, base_url=plane.url) as client:
        found = client.post("/api/v1/login", json={"token": plane.invite("faye", "reviewer")}).json()
        refused = client.post("/api/v1/login", json={"token": found["passkey"]})
        again = client.post("/api/v1/login", json={"token": found["token"]}).json()
    assert refused.json()["error"]["code"] == "login"
    assert again["passkey"] == "", "a login is no invite"
    faye = Person(plane, "faye", found["passkey"])
    assert faye.enrol().status_code == SEE_OTHER
    faye.browser.close()


def test_a_login_that_was_brought_along_ends(plane: Plane, people: Any) -> None:
    """Session fixation: who planted a cookie of her own in another's browser is not in that person's login afterwards."""
    gwen = people("gwen")
    gwen.enrol()
    planted = plane.login(plane.invite("mallory", "auditor"))
    with httpx.Client(verify=PLAIN, base_url=plane.url, cookies={"keyturn": planted}) as victim:
        answer = enter(plane, gwen.key, victim)
        given = answer.headers["set-cookie"]
    assert planted not in given
    assert "HttpOnly" in given
    assert "SameSite=strict" in given
    assert plane.app.identity.who(planted) is None, "worth nothing any more, to mallory neither"


@pytest.mark.parametrize("path", ["/login/passkey/options", "/login/passkey"])
def test_another_site_asks_for_nothing(plane: Plane, path: str) -> None:
    """A page elsewhere can neither ask in our name nor send an answer."""
    with httpx.Client(verify=PLAIN, base_url=plane.url) as client:
        answer = client.post(path, data={"nonce": ""}, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code in {FORBIDDEN, UNAUTHORISED}
    assert "sent from another site" in answer.text


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://keyturn.example.com", Place("keyturn.example.com", "https://keyturn.example.com")),
        (
            "https://keyturn.example.com:8443/",
            Place("keyturn.example.com", "https://keyturn.example.com:8443"),
        ),
        ("http://127.0.0.1:8421", Place("localhost", "http://localhost:8421")),
        ("http://[::1]:8421", Place("localhost", "http://localhost:8421")),
        ("http://localhost:8421", Place("localhost", "http://localhost:8421")),
        ("http://keyturn.example.com", None),
        ("https://10.0.0.7", None),
        ("http://0.0.0.0:8421", None),
        ("", None),
    ],
)
def test_where_browsers_give_passkeys(url: str, site: Place | None) -> None:
    """By a name over TLS, or on the machine itself (WebAuthn Level 3, 5.1.3; W3C Secure Contexts, 3.1)."""
    assert Place.of(url) == site
