"""Passkeys in a real browser, with Chromium's virtual authenticator: made, used to log in, used to sign; on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.console.browsing import ARMING_MS, CONTRAST, PHONE, WATCH, needs_a_browser, overflow
from tests.console.running_plane import Plane
from tests.console.signing_world import signing

DESK = (1_440, 900)
pytestmark = needs_a_browser

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with signing(tmp_path_factory.mktemp("pages"), least_ms=1_000) as made:
        yield made


@pytest.fixture
def browse(plane: Plane, chromium: Any) -> Iterator[Open]:
    """A browser with an authenticator of its own, at the console's name."""
    contexts: list[Any] = []
    wrong: list[str] = []

    def open_(path: str, size: tuple[int, int] = DESK, *, verified: bool = True) -> Any:
        context = chromium.new_context(viewport={"width": size[0], "height": size[1]})
        contexts.append(context)
        context.set_default_timeout(20_000)
        page = context.new_page()
        page.add_init_script(WATCH)
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("console", lambda said: wrong.extend([said.text] * ("CSP" in said.text)))
        devtools = context.new_cdp_session(page)
        devtools.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": verified,
            "automaticPresenceSimulation": True,
        }
        page.authenticator = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        page.devtools = devtools
        page.goto(plane.url.replace("127.0.0.1", "localhost") + path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not wrong


def enter(page: Any, invite: str) -> None:
    page.get_by_label("Token").fill(invite)
    page.get_by_role("button", name="Log in with a token").click()
    page.get_by_role("heading", name="Your keys").wait_for()


def make(page: Any, name: str) -> None:
    page.get_by_label("Name").first.fill(name)
    page.get_by_role("button", name="Make a passkey").click()
    page.get_by_role("cell", name=name, exact=True).wait_for()


def log_out(page: Any) -> None:
    page.locator("button.who").click()
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("button", name="Log in with a passkey").wait_for()


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_from_the_invite_to_a_signed_approval(plane: Plane, browse: Open, size: tuple[int, int]) -> None:
    """An invite, a passkey, out, in with the passkey alone, and an approval that carries her signature."""
    name = "gina" if size == PHONE else "hana"
    case = plane.held_table()
    page = browse("/login", size)
    assert not overflow(page)
    assert page.evaluate(CONTRAST) == []
    enter(page, plane.invite(name, "reviewer"))
    make(page, "my phone")
    assert not overflow(page)
    assert page.evaluate(CONTRAST) == []
    log_out(page)
    page.get_by_role("button", name="Log in with a passkey").click()
    page.locator("button.who").wait_for()
    page.goto(f"{page.url.partition('/login')[0].rstrip('/')}/c/{case}")
    page.get_by_text("You sign it with your passkey").wait_for()
    assert not overflow(page)
    page.locator("#note-approve").fill("read it twice")
    page.wait_for_timeout(ARMING_MS)
    page.get_by_label("I have read").check()
    page.get_by_role("button", name="Sign and approve").click()
    page.get_by_text(f"✓ {name} approves, signed with a passkey").wait_for()
    assert plane.case(case)["approvals"] == [name]


def test_a_passkey_that_asks_nobody_signs_nothing(plane: Plane, browse: Open) -> None:
    """A key that is touched and asks for no PIN is refused by the browser itself; the page says so, and stays."""
    page = browse("/login")
    enter(page, plane.invite("iris", "reviewer"))
    make(page, "key")
    case = plane.held_table()
    page.goto(f"{page.url.partition('/me')[0]}/c/{case}")
    page.devtools.send("WebAuthn.setUserVerified", {**page.authenticator, "isUserVerified": False})
    page.wait_for_timeout(ARMING_MS)
    page.get_by_label("I have read").check()
    page.get_by_role("button", name="Sign and approve").click()
    page.get_by_text("✖ The passkey was not used").wait_for()
    assert plane.case(case)["approvals"] == []


def test_at_a_number_the_page_says_where_passkeys_work(plane: Plane, browse: Open) -> None:
    """Opened as 127.0.0.1 the login offers no button that cannot work, and names the address that does."""
    page = browse("/login")
    page.goto(f"{plane.url}/login")
    page.get_by_text("Passkeys work at").wait_for()
    assert not page.get_by_role("button", name="Log in with a passkey").is_visible()


def test_who_has_no_passkey_is_told_to_make_one(plane: Plane, browse: Open) -> None:
    """Instead of a button that would be refused there is the way to her own page."""
    case = plane.held_table()
    page = browse("/login")
    enter(page, plane.invite("joan", "reviewer"))
    page.goto(f"{page.url.partition('/me')[0]}/c/{case}")
    page.get_by_text("you have no passkey").wait_for()
    assert not page.get_by_role("button", name="Sign and approve").is_visible()
