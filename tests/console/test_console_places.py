"""Inbox, activity, agents, policy and evidence in a real browser: what a person does on each, with hand and keyboard."""

from __future__ import annotations

import re
import zipfile
from typing import Any

from tests.console.browsing import ARMING_MS, PHONE, Open, needs_a_browser, overflow, stay, stayed
from tests.console.running_plane import Plane

pytestmark = needs_a_browser


def ids(page: Any) -> list[str]:
    return [str(one.get_attribute("data-id")) for one in page.locator("#rows .row").all()]


def approve(page: Any) -> None:
    page.wait_for_timeout(ARMING_MS)
    page.get_by_label("I have read").check()
    page.get_by_role("button", name="Approve, as").click()


def test_the_whole_way_of_a_change(plane: Plane, browse: Open) -> None:
    """An agent is held; the case comes into two open inboxes by itself; two people read and approve it; the agent asks again
    and it is done; one of them takes it back. Nobody reloads a page.
    """
    dana, erin = browse("dana", "/?q=agent:walk-in"), browse("erin", "/?q=agent:walk-in")
    stay(dana)
    dana.get_by_text("No case here matches").wait_for()
    case = plane.held_table(agent="walk-in")
    table = plane.case(case)["resources"][0].partition("/")[2]
    for page in (dana, erin):
        page.locator(f"#case-{case}").wait_for()
    assert stayed(dana)
    dana.keyboard.press("j")
    dana.keyboard.press("Enter")
    dana.wait_for_url(f"**/c/{case}")
    approve(dana)
    erin.locator(f"#case-{case}").get_by_text("1 of 2").wait_for()
    erin.locator(f"#case-{case} a").click()
    approve(erin)
    dana.get_by_text("approved, not executed yet", exact=True).wait_for()
    dana.wait_for_timeout(ARMING_MS)
    dana.get_by_role("button", name="without the agent").click()
    for page in (dana, erin):
        page.get_by_text("executed, and read back", exact=True).wait_for()
    assert table not in plane.account("dynamodb").list_tables()["TableNames"]
    erin.wait_for_timeout(ARMING_MS)
    erin.get_by_role("button", name=f"Take {case} back").click()
    erin.get_by_text("Takes back").wait_for()
    dana.locator(".outcome").get_by_text("Taken back by").wait_for()
    assert plane.account("dynamodb").scan(TableName=table)["Count"] == 3


# --- inbox -----------------------------------------------------------------------------------------------------------


def test_a_filter_is_an_address(plane: Plane, browse: Open) -> None:
    """What is typed finds, stands in the address, holds for what arrives later, and can be taken away again."""
    page = browse("dana")
    page.keyboard.press("/")
    page.keyboard.type("effect:replace env:prod -agent:nobody")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?tab=needs&q=effect*")
    assert ids(page) == [plane.cases["replace"]]
    before = int(page.locator("[data-count=needs]").first.inner_text())
    other = plane.held_table()
    page.locator(f"[data-count=needs]:text-is('{before + 1}')").first.wait_for()
    assert ids(page) == [plane.cases["replace"]], "a delete is no replace"
    page.goto(f"{plane.url}/?q=nothing-of-this-name")
    page.get_by_text("No case here matches").wait_for()
    page.get_by_role("link", name="Clear the filter").click()
    page.locator(f"#case-{other}").wait_for(state="attached")  # like cases are folded


def test_what_is_alike_stands_together(plane: Plane, browse: Open) -> None:
    """Five tables of one agent are one line that opens; a sixth joins it while the page is open; a decided one leaves."""
    tables = [plane.held_table(agent="sweeper") for _ in range(5)]
    page = browse("dana", "/?q=agent:sweeper")
    stay(page)
    group = page.locator(".group")
    assert group.locator(".size").inner_text() == "5"
    group.locator("summary").click()
    assert sorted(ids(page)) == sorted(tables)
    sixth = plane.held_table(agent="sweeper")
    group.locator(f"#case-{sixth}").wait_for()
    assert group.locator(".size").inner_text() == "6"
    plane.review("erin", sixth, approve=False, note="no")
    group.locator(f"#case-{sixth}").wait_for(state="detached")
    assert group.locator(".size").inner_text() == "5"
    assert stayed(page)


def test_several_are_denied_at_once_and_none_approved(plane: Plane, browse: Open) -> None:
    """Selected by x on the keyboard, denied for one reason, inert for a second like every decision; there is no such yes."""
    tables = [plane.held_table(agent="picky") for _ in range(2)]
    page = browse("dana", "/?q=agent:picky")
    for _ in tables:
        page.keyboard.press("j")
        page.keyboard.press("x")
    bar = page.locator("#several")
    bar.get_by_text("2 selected").wait_for()
    shown = [one.inner_text() for one in bar.get_by_role("button").all() if one.is_visible()]
    assert shown == ["Deny them"], "each takes a table away"
    bar.get_by_label("Reason").fill("use the archive flag")
    page.wait_for_timeout(ARMING_MS)
    bar.get_by_role("button", name="Deny them").click()
    page.wait_for_url(f"{plane.url}/")
    assert [plane.case(table)["reason"] for table in tables] == ["denied by dana: use the archive flag"] * 2


def test_the_keys_lead_and_decide_nothing(plane: Plane, browse: Open) -> None:
    """J and k move, Enter opens, a and d go to the panels, n to the narrower change, g to the places; nothing is decided."""
    case = plane.cases["replace"]
    page = browse("dana", "/?q=effect:replace")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/c/{case}")
    page.wait_for_timeout(ARMING_MS)
    page.keyboard.press("a")
    assert page.evaluate("document.activeElement.id") == "note-approve"
    page.keyboard.press("Escape")
    page.keyboard.press("d")
    assert page.evaluate("document.activeElement.id") == "note-deny"
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    assert page.evaluate("document.activeElement.dataset.panel") == "claim"
    page.keyboard.press("d")
    page.keyboard.type("aaa")
    assert page.get_by_label("Reason; the agent reads it").input_value() == "aaa", (
        "what is written is written"
    )
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    assert page.locator("#narrower").evaluate("(e) => e.contains(document.activeElement)")
    for key, place in (
        ("a", "/activity"),
        ("t", "/agents"),
        ("p", "/policy"),
        ("e", "/evidence"),
        ("i", "/"),
    ):
        page.keyboard.press("g")
        page.keyboard.press(key)
        page.wait_for_url(plane.url + place)
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys").wait_for()
    assert (plane.case(case)["phase"], plane.case(case)["approvals"]) == ("held", [])


def test_the_narrower_change_has_its_button(plane: Plane, browse: Open) -> None:
    """One button has it sent instead, and beside it stand the verdict and what each property costs."""
    page = browse("dana", f"/c/{plane.cases['replace']}")
    page.get_by_role("button", name="Send this instead").wait_for()
    told = page.locator("#narrower").inner_text()
    assert "aws lambda update-function-configuration --function-name " in told
    assert ("Patch" in told or "Maybe" in told, "new environments start with it" in told) == (True, True)


def test_no_place_is_wider_than_a_phone(plane: Plane, browse: Open) -> None:
    """Every page, hostile names included, without scrolling sideways."""
    page = browse("dana", size=PHONE)
    paths = (
        "/",
        "/?tab=decided",
        "/activity",
        "/agents",
        "/policy",
        "/evidence",
        f"/c/{plane.cases['hostile']}/raw",
    )
    wide = {}
    for path in paths:
        page.goto(plane.url + path)
        wide[path] = overflow(page)
    assert wide == dict.fromkeys(paths, 0)


# --- activity --------------------------------------------------------------------------------------------------------


def test_activity_follows_and_pauses(plane: Plane, browse: Open) -> None:
    """Lines arrive on top; while it is paused they wait, and are counted; the filter holds for them too."""
    page = browse("dana", "/activity?q=agent:walker")
    stay(page)
    page.get_by_text("● live").wait_for()
    first = plane.held_table(agent="walker")
    page.locator("#lines").get_by_text("policy decided").first.wait_for()
    page.get_by_role("button", name="Pause").click()
    second = plane.held_table(agent="walker")
    page.get_by_role("button", name=re.compile("new")).wait_for()
    assert page.locator("#lines").get_by_role("link", name=second).count() == 0
    plane.held_table(agent="runner")
    page.get_by_role("button", name="Go on").click()
    page.locator("#lines").get_by_role("link", name=second).first.wait_for()
    shown = set(page.locator("#lines .of a").all_inner_texts())
    assert shown == {first, second}
    assert stayed(page)


def test_a_change_is_one_story(plane: Plane, browse: Open) -> None:
    """The stations of a case that was approved and executed stand in their order, each with the time since the one before."""
    page = browse("dana", f"/c/{plane.cases['undone']}#story")
    names = page.locator(".stations b").all_inner_texts()
    assert names[:5] == ["asked", "assessed", "decided", "reviewed", "reviewed"]
    assert [
        name
        for name in names
        if name in {"claimed", "backed up", "proved anew", "sent", "answered", "verified"}
    ] == [
        "claimed",
        "backed up",
        "proved anew",
        "sent",
        "answered",
        "verified",
    ]
    times = page.locator(".stations .dim").all_inner_texts()
    assert all(re.fullmatch(r"(after\s+)?\+[\d.]+ (ms|s|min)", one) for one in times[1:]), times


# --- agents ----------------------------------------------------------------------------------------------------------


def test_one_agent_is_halted_and_others_go_on(plane: Plane, browse: Open) -> None:
    """Halted with a reason; the banner says whom; another agent is still held for people and not stopped; the halt is lifted."""
    plane.held_table(agent="wild")
    page = browse("dana", "/agents?agent=wild")
    page.get_by_role("button", name="Halt wild").click()
    page.get_by_label("Reason", exact=True).last.fill("it loops")
    page.get_by_role("dialog", name="Halt wild").get_by_role("button", name="■ Halt").click()
    try:
        page.get_by_text("agent wild by dana").wait_for()
        assert plane.app.runtime.status()["halted_by"] == {"wild": "dana"}
    finally:
        page.goto(f"{plane.url}/agents?agent=wild")
        page.get_by_role("button", name="Lift its halt").click()
    page.get_by_text("halted by").wait_for(state="detached")
    assert plane.app.runtime.status()["halted_by"] == {}


def test_what_an_agent_earned_is_seen(plane: Plane, browse: Open) -> None:
    """What became of what it asked for, by day as bars and by effect in numbers; in words too, and without the drawing in JSON."""
    plane.held_table(agent="earner")
    page = browse("dana", "/agents?agent=earner")
    summary = page.locator(".autonomy summary")
    assert summary.inner_text() == "Autonomy: 0 of 1 went through with no person and stood"
    assert page.locator(".autonomy rect.o-open").count() == 2, "one in the legend, one drawn"
    assert page.locator(".autonomy tbody tr").inner_text().split() == ["delete", "1", "0", "0", "0", "0", "0"]
    with plane.browser("dana") as client:
        (told,) = client.get("/agents.json?agent=earner").json()["agents"]
    assert (told["standing"][0]["asked"], told["days"][0]["open"], "picture" in told) == (1, 1, False)


def test_a_session_is_ended(plane: Plane, browse: Open) -> None:
    """A reviewer ends a session from the page of its agent; its key is worth nothing afterwards."""
    with plane.agent("guest"):
        page = browse("dana", "/agents?agent=guest")
        page.get_by_text("● at work").wait_for()
        session = page.locator("td code").first.inner_text()
        page.get_by_role("button", name=f"End session {session}").click()
        page.wait_for_url("**/agents")
        assert session not in [key.session for key in plane.app.runtime.sessions()]


# --- policy ----------------------------------------------------------------------------------------------------------


def test_policy_answers_a_command(plane: Plane, browse: Open) -> None:
    """A pasted command is explained with verdict and rule; the rule stands on the page with its text, tests and count."""
    page = browse("dana", "/policy")
    page.get_by_label("A command").fill("aws dynamodb delete-table --table-name costs")
    page.get_by_role("button", name="Explain").click()
    answer = page.locator(".answer")
    answer.get_by_text("hold", exact=True).wait_for()
    rule = answer.get_by_role("link").first.inner_text()
    assert page.locator(f"[id='{rule}']").count() == 1
    page.get_by_text("✓ seatbelt: all").wait_for()
    destroys = page.locator("[id='seatbelt.destroys-in-production']")
    assert int(destroys.locator(".hits").evaluate("(e) => e.firstChild.textContent")) > 0
    destroys.get_by_text("seatbelt/production.cedar:").click()
    destroys.get_by_text("context.production &&").wait_for()


# --- evidence --------------------------------------------------------------------------------------------------------


def test_a_sample_can_be_drawn_again(plane: Plane, browse: Open) -> None:
    """The address is the sample: opened by another person it shows the same cases, each with who approved it."""
    path = "/evidence?verdict=hold&sample=3&seed=audit"
    first = browse("dana", path)
    drawn = first.locator("tbody tr td:first-child a").all_inner_texts()
    again = browse("ada", path).locator("tbody tr td:first-child a").all_inner_texts()
    assert (drawn, plane.cases["undone"] in drawn) == (again, True), "of what left there are few"
    case = first.get_by_role("row").filter(
        has=first.get_by_role("link", name=plane.cases["undone"], exact=True)
    )
    assert case.locator(".checks li").all_inner_texts() == [
        "✓ approver is not the requester",
        "✓ what was approved was sent",
        "✓ state was read again",
        "✓ backup was proved",
    ]


def test_the_log_is_exported(plane: Plane, browse: Open) -> None:
    """An auditor has the bundle by one click; an operator is offered none."""
    page = browse("ada", "/evidence")
    with page.expect_download() as coming:
        page.get_by_role("link", name="Export the log").click()
    names = zipfile.ZipFile(coming.value.path()).namelist()
    assert any(name.startswith("entries") or name.endswith(".jsonl") for name in names), names
    assert browse("olga", "/evidence").get_by_role("link", name="Export the log").count() == 0
