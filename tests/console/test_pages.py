"""The review page in a real browser: people decide on it, see what others do without reloading, on a desk and on a phone.

Every page that a test opened must have ended without an error on its console, without a request that failed and without a
violation of the content security policy.
"""

from __future__ import annotations

import contextlib
import os

import pytest
from botocore.exceptions import ClientError

from keyturn.console import live
from tests.console.browsing import (
    ARMING_MS,
    CONTRAST,
    PHONE,
    Open,
    approve,
    needs_a_browser,
    overflow,
    stay,
    stayed,
)
from tests.console.running_plane import Plane, function

pytestmark = needs_a_browser


# --- deciding --------------------------------------------------------------------------------------------------------


def test_two_reviewers_decide_and_one_takes_it_back(plane: Plane, browse: Open) -> None:
    """Dana approves, erin approves and executes, the outcome arrives by itself, and erin takes it back; all on pages."""
    case = plane.held_table()
    dana, erin = browse("dana", f"/c/{case}"), browse("erin", f"/c/{case}")
    stay(dana)
    approve(dana)
    dana.get_by_text("✓ dana approves").wait_for()
    assert plane.case(case)["phase"] == "held", "one does not suffice"
    erin.get_by_text("You are the last one needed").wait_for()
    erin.get_by_role("button", name="Approve, as 2 of 2").wait_for()
    approve(erin)
    erin.get_by_text("approved, not executed yet", exact=True).wait_for()
    erin.wait_for_timeout(ARMING_MS)
    erin.get_by_role("button", name="without the agent").click()
    erin.get_by_text("executed, and read back", exact=True).wait_for()
    assert plane.until(case, "confirmed")["approvals"] == ["dana", "erin"]
    erin.get_by_role("button", name=f"Take {case} back").wait_for()
    erin.wait_for_timeout(ARMING_MS)
    erin.get_by_role("button", name=f"Take {case} back").click()
    erin.get_by_text("Takes back").wait_for()
    table = plane.case(case)["resources"][0].partition("/")[2]
    assert plane.account("dynamodb").scan(TableName=table)["Count"] == 3


def test_a_link_leads_through_the_login_to_the_case(plane: Plane, browse: Open) -> None:
    """A reviewer follows the link that the agent was given, logs in once, and stands before the case."""
    page = browse("", f"/c/{plane.cases['half']}")
    page.get_by_label("Token").fill(plane.invite("fay", "reviewer"))
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"**/c/{plane.cases['half']}")
    page.get_by_role("button", name="Approve, as 2 of 2").wait_for()


def test_a_denial_tells_the_agent_why(plane: Plane, browse: Open) -> None:
    """Without a reason the browser does not send it; with one the case is closed and the reason stands in it."""
    case = plane.held_table()
    page = browse("dana", f"/c/{case}")
    page.wait_for_timeout(ARMING_MS)
    page.get_by_role("button", name=f"Deny {case}").click()
    assert plane.case(case)["phase"] == "held"
    page.get_by_label("Reason; the agent reads it").fill("use the archive flag")
    page.get_by_role("button", name=f"Deny {case}").click()
    page.get_by_text("denied by a reviewer").first.wait_for()
    assert plane.case(case)["reason"] == "denied by dana: use the archive flag"


def test_buttons_are_inert_for_a_second(plane: Plane, browse: Open) -> None:
    """A click or an Enter that was meant for what stood there before decides nothing; a second later it does."""
    case = plane.held_table()
    page = browse("dana", f"/c/{case}")
    page.get_by_label("I have read").check()
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    button = page.get_by_role("button", name="Approve, as")
    button.click(force=True)
    button.press("Enter")
    page.evaluate("document.querySelector('form[action$=approve]').requestSubmit()")
    page.wait_for_timeout(300)
    assert plane.case(case)["approvals"] == []
    page.wait_for_timeout(ARMING_MS)
    button.press("Enter")
    page.get_by_text("✓ dana approves").wait_for()


def test_no_frame_shows_it(plane: Plane, browse: Open) -> None:
    """A page of somebody else cannot lay the buttons under a click that is meant for something of its own."""
    case = plane.held_table()
    elsewhere = browse("dana", f"/c/{case}").context.new_page()
    elsewhere.set_content(f'<h1>You have won</h1><iframe src="{plane.url}/c/{case}"></iframe>')
    elsewhere.wait_for_timeout(500)
    (framed,) = elsewhere.frames[1:]
    assert (framed.url, framed.locator("button").count()) == ("chrome-error://chromewebdata/", 0)
    elsewhere.close()


def test_a_double_click_is_one_decision(plane: Plane, browse: Open) -> None:
    """The second click finds a button that is spent, and the page that comes says what was decided, not that it was twice."""
    case = plane.held_table()
    page = browse("dana", f"/c/{case}")
    sent: list[str] = []
    page.on("request", lambda request: sent.extend([request.url] * (request.method == "POST")))
    page.wait_for_timeout(ARMING_MS)
    page.get_by_label("I have read").check()
    page.get_by_role("button", name="Approve, as").dblclick()
    page.get_by_text("✓ dana approves").wait_for()
    assert len(sent) == 1
    assert plane.case(case)["approvals"] == ["dana"]


def test_the_operator_sees_no_way_to_approve(plane: Plane, browse: Open) -> None:
    """Bob has every role and runs the agent: he reads why not, and may take back what his agent asked."""
    page = browse("bob", f"/c/{plane.cases['replace']}")
    assert page.get_by_role("button", name="Approve").count() == 0
    assert page.get_by_role("button", name="Deny").count() == 0
    page.locator("#decide").get_by_text("bob runs or owns the agent that asked").wait_for()
    assert page.get_by_role("button", name="Withdraw").is_visible()


def test_it_works_without_scripts(plane: Plane, browse: Open) -> None:
    """Scripts blocked or broken: a reviewer can still read and deny. Nothing of the safety is in the script alone."""
    case = plane.held_table()
    page = browse("dana", f"/c/{case}", java_script_enabled=False)
    page.get_by_label("Reason; the agent reads it").fill("no")
    page.wait_for_timeout(ARMING_MS)
    page.get_by_role("button", name=f"Deny {case}").click()
    page.get_by_text("denied by a reviewer").first.wait_for()


# --- live ------------------------------------------------------------------------------------------------------------


def test_the_inbox_follows(plane: Plane, browse: Open) -> None:
    """A case that is held now stands in an inbox that was open before; when somebody denies it, it moves down."""
    page = browse("dana")
    stay(page)
    page.get_by_role("searchbox").fill("half a wo")
    case = plane.held_table(agent="followed")
    decided = browse("dana", "/?tab=decided")
    stay(decided)
    needs = page.get_by_role("region", name="Needs you")
    needs.get_by_text(case, exact=True).wait_for()
    count = int(page.locator(".tabs [data-count=needs]").inner_text())
    plane.review("erin", case, approve=False, note="no")
    decided.get_by_role("region", name="Decided").get_by_text(case, exact=True).wait_for()
    needs.get_by_text(case, exact=True).wait_for(state="detached")
    assert int(page.locator(".tabs [data-count=needs]").inner_text()) == count - 1
    assert stayed(page)
    assert stayed(decided)
    assert page.get_by_role("searchbox").input_value() == "half a wo"


def test_the_page_follows_and_keeps_what_is_written(plane: Plane, browse: Open) -> None:
    """Erin approves elsewhere: dana's page says so, and her half-written reason and its cursor are where they were."""
    case = plane.held_table()
    page = browse("dana", f"/c/{case}")
    stay(page)
    page.get_by_text("State unchanged, read at").wait_for()
    read: list[str] = []
    page.on("request", lambda request: read.extend([request.url] * request.url.endswith("/fresh")))
    reason = page.get_by_label("Reason; the agent reads it")
    reason.fill("I am still wri")
    reason.focus()
    plane.review("erin", case, approve=True)
    page.get_by_text("✓ erin approves").wait_for()
    assert page.get_by_role("button", name="Approve, as 2 of 2").is_visible()
    page.keyboard.type("ting")
    assert reason.input_value() == "I am still writing"
    assert stayed(page)
    assert page.locator("#changed").is_hidden(), "the case itself has not changed"
    assert page.get_by_text("State unchanged, read at").is_visible()
    assert read == [], "what others do is no reason to read the account again"


def test_a_case_that_changes_under_the_eyes_says_so(plane: Plane, browse: Open) -> None:
    """A second operation joins: the notice stands there, the tick is gone, the buttons are inert, the page shows a replace."""
    name = f"api-{os.urandom(3).hex()}"
    plane.account("lambda").create_function(**function(name, "itmes"))
    with plane.agent() as aws:
        case = plane.held(name, lambda: aws("lambda").delete_function(FunctionName=name))
        page = browse("dana", f"/c/{case}")
        page.wait_for_timeout(ARMING_MS)
        page.get_by_label("I have read").check()
        with contextlib.suppress(ClientError):
            aws("lambda").create_function(**function(name, "items"))
    page.get_by_text("This case changed while you were reading").wait_for()
    assert page.locator("html[data-arming]").count() == 1
    assert not page.get_by_label("I have read").is_checked()
    assert "Replace" in page.get_by_role("heading", level=1).inner_text()
    assert plane.case(case)["approvals"] == []


def test_between_two_revisions_nothing_is_forgotten(plane: Plane, browse: Open) -> None:
    """The page is refreshed just while there is nothing to bind to, and again with the next revision: it still says so."""
    page = browse("dana", f"/c/{plane.cases['half']}")
    for binding in ("", "sha256:another"):
        page.evaluate(
            """(binding) => {
              document.getElementById("page").dataset.binding = binding;
              document.dispatchEvent(new Event("htmx:after:swap"));
            }""",
            binding,
        )
    page.get_by_text("This case changed while you were reading").wait_for()


def test_the_state_is_read_again_for_the_reader(plane: Plane, browse: Open) -> None:
    """The page says that nothing moved since the assessment; after somebody changed the table it says that."""
    case = plane.held_table()
    page = browse("dana", f"/c/{case}")
    page.get_by_text("State unchanged, read at").wait_for()
    table = plane.case(case)["resources"][0].partition("/")[2]
    plane.account("dynamodb").update_table(TableName=table, DeletionProtectionEnabled=True)
    page.reload()
    page.get_by_text("State has changed").wait_for()


def test_stop_is_seen_by_everybody(plane: Plane, browse: Open) -> None:
    """One click and one more: the halt stands on every open page at once; lifting it does too."""
    dana, erin = browse("dana"), browse("erin", f"/c/{plane.cases['half']}")
    dana.get_by_role("button", name="Stop all").click()
    dana.get_by_label("Reason", exact=True).fill("something is odd")
    meanwhile = plane.held_table()  # the page behind it moves on, and the question stays open
    dana.get_by_role("region", name="Needs you").get_by_text(meanwhile, exact=True).wait_for(state="attached")
    assert dana.get_by_label("Reason", exact=True).input_value() == "something is odd"
    dana.locator("#stop").get_by_role("button", name="Stop all").click()
    try:
        erin.get_by_text("Nothing leaves the plane.").wait_for()
        assert plane.app.runtime.status()["halted_by"]
    finally:
        dana.get_by_role("button", name="Lift the halt").click()
    erin.get_by_text("Nothing leaves the plane.").wait_for(state="detached")
    assert not plane.app.runtime.status()["halted_by"]


def test_a_page_says_whether_it_follows(plane: Plane, browse: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Live while its stream is open; when the login ends, the page asks for another by itself."""
    monkeypatch.setattr(live, "BEAT_S", 0.2)
    page = browse("", "/login")
    page.get_by_label("Token").fill(plane.invite("brief", "reviewer"))
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="Your keys").wait_for()  # who is new makes a passkey first
    page.goto(plane.url)
    page.get_by_text("● live").wait_for()
    with plane.api("bob") as bob:
        bob.post("/users/brief/remove", json={}).raise_for_status()
    page.wait_for_url("**/login")


# --- reading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [PHONE, (1_440, 900)], ids=["phone", "desk"])
def test_five_answers_stand_on_the_first_screen(plane: Plane, browse: Open, size: tuple[int, int]) -> None:
    """What happens, what breaks, does it come back, the narrow way, who decides: without scrolling."""
    page = browse("dana", f"/c/{plane.cases['replace']}", size=size)
    questions = page.locator(".answers dd")
    assert questions.count() == 5
    for number in range(5):
        box = questions.nth(number).bounding_box()
        assert box["y"] + box["height"] <= size[1], questions.nth(number).inner_text()


def test_nothing_is_wider_than_a_phone(plane: Plane, browse: Open) -> None:
    """Login, inbox and every kind of case, long and hostile names included, without scrolling sideways."""
    login = browse("", "/login", size=PHONE)
    assert overflow(login) == 0
    page = browse("dana", size=PHONE)
    assert overflow(page) == 0
    for about in ("undone", "undo", "denied", "approved", "half", "table", "replace", "secret", "hostile"):
        page.goto(f"{plane.url}/c/{plane.cases[about]}")
        assert overflow(page) == 0, about


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_can_be_read(plane: Plane, browse: Open, scheme: str) -> None:
    """Text against its background at 4.5 to 1 or better (WCAG 2.2, 1.4.3), in both schemes."""
    page = browse("dana", color_scheme=scheme)
    assert page.evaluate(CONTRAST) == []
    for about in ("replace", "half", "undone", "hostile", "denied"):
        page.goto(f"{plane.url}/c/{plane.cases[about]}")
        if about in {"replace", "half"}:
            page.get_by_text("read at").wait_for()
        assert page.evaluate(CONTRAST) == [], about


def test_the_keyboard_suffices(plane: Plane, browse: Open) -> None:
    """From the top by Tab: past the header by the skip link, to a case, to its reason and its two buttons; focus is seen."""
    page = browse("dana")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.locator(".case").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/c/*")
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.getAttribute('name') || document.activeElement.textContent")
        )
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", reached[-1]
        if reached[-1].startswith("Approve"):
            break
    assert "note" in reached
    assert any(name.startswith("Deny") for name in reached)
    assert reached[-1].startswith("Approve"), reached


def test_what_is_hidden_in_a_name_is_drawn(plane: Plane, browse: Open) -> None:
    """The page of a hostile name shows it letter by letter, and runs none of it."""
    page = browse("dana", f"/c/{plane.cases['hostile']}")
    title = page.get_by_role("heading", level=1).inner_text()
    assert "<img src=x onerror=alert(1)>/⟨U+202E⟩gnp.exe⟨U+200B⟩⟨U+0007⟩" in title
    assert page.locator("img").count() == 0
    page.get_by_text("<script>alert(2)</script>").first.wait_for()
