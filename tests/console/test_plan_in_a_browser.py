"""The page of a plan in a browser: for everybody, at a desk and on a telephone, and what a reviewer sees of it first."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.console.browsing import ARMING_MS, PHONE, PICTURE, Open, needs_a_browser, overflow
from tests.console.plan_world import hold_plan
from tests.console.running_plane import Plane
from tests.console.test_accessible import FADING_MS, WIDE, violations

pytestmark = needs_a_browser

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"


@pytest.fixture(scope="module")
def plan(plane: Plane) -> str:
    return hold_plan(plane)


@pytest.mark.parametrize(
    ("size", "scheme"),
    [(WIDE, "light"), (PHONE, "dark"), (PHONE, "light")],
    ids=["desk", "phone-dark", "phone"],
)
def test_the_plan_is_read_by_everybody(
    plane: Plane, plan: str, browse: Open, size: tuple[int, int], scheme: str
) -> None:
    """axe-core finds nothing, nothing is wider than the window, and every step's parameters open by the keyboard."""
    page = browse("dana", f"/c/{plan}", size=size, color_scheme=scheme)
    page.locator("html:not([data-arming])").wait_for()
    page.wait_for_timeout(FADING_MS)
    assert overflow(page) <= 0
    assert violations(page) == []
    asked = page.locator("#plan li.step summary")
    assert asked.count() == 3
    for place in range(3):
        asked.nth(place).focus()
        page.keyboard.press("Enter")
    assert page.locator("#plan li.step details[open]").count() == 3
    assert overflow(page) <= 0
    assert violations(page) == []


def test_what_lets_somebody_in_is_met_first(plane: Plane, plan: str, browse: Open) -> None:
    """The second step stands above the first; its link leads to the one whose answer it needs."""
    page = browse("dana", f"/c/{plan}", size=WIDE)
    tops = [page.locator(f"#step-{number}").bounding_box()["y"] for number in (2, 1, 3)]
    assert tops == sorted(tops)
    page.locator("#step-2").get_by_role("link", name="step 1").click()
    page.wait_for_url("**#step-1")
    assert page.get_by_text("without its items").is_visible()


@pytest.mark.skipif(not os.environ.get("KEYTURN_PICTURES"), reason="KEYTURN_PICTURES=1 writes docs/pictures")
@pytest.mark.parametrize(("name", "size"), [("plan", PICTURE), ("plan-phone", PHONE)])
def test_its_pictures(plane: Plane, plan: str, browse: Open, name: str, size: tuple[int, int]) -> None:
    """As a reviewer meets it, from the plan's headline on."""
    page = browse("dana", f"/c/{plan}", size=size)
    page.wait_for_timeout(ARMING_MS + 400)
    page.locator("#plan").evaluate("one => one.scrollIntoView()")
    page.screenshot(path=PICTURES / f"{name}.png")
    assert (PICTURES / f"{name}.png").stat().st_size <= 200 * 1024
