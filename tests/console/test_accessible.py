"""Every page for everybody: axe-core finds nothing on any of them, at two widths, in light and dark."""

from __future__ import annotations

import itertools
import random
import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from keyturn.console.roles import ACCESS
from tests.console.browsing import PHONE, Open, needs_a_browser, overflow
from tests.console.running_plane import Plane

pytestmark = needs_a_browser

WIDE = (1_440, 900)
FADING_MS = 300
"""Buttons that were inert come back in two tenths of a second; meanwhile they are paler than they will be."""

PAGES = [
    *("/", "/?tab=waiting", "/?tab=decided", "/?q=nothing-of-this-name", "/activity", "/agents"),
    *("/agents?agent=kiro", "/policy", "/evidence", "/evidence?sample=3&seed=1"),
    *(
        f"/c/{{{about}}}"
        for about in ("replace", "half", "approved", "undone", "denied", "hostile", "secret")
    ),
    *("/c/{half}/raw", "/me", "/attention"),
]
PARTS = 3
"""Shared out among the workers of a run."""


def violations(page: Any) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['target']} {node['html'][:120]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(
    ("size", "scheme"),
    [
        pytest.param(WIDE, "light", id="desk-light"),
        pytest.param(PHONE, "dark", id="phone-dark", marks=pytest.mark.slow),
        pytest.param(WIDE, "dark", id="desk-dark", marks=pytest.mark.slow),
        pytest.param(PHONE, "light", id="phone-light", marks=pytest.mark.slow),
    ],
)
def test_axe_finds_nothing(plane: Plane, browse: Open, size: tuple[int, int], scheme: str, part: int) -> None:
    """Names, roles, landmarks, order of headings, contrast, focus: what a program can see of WCAG 2.2."""
    page = browse("dana", size=size, color_scheme=scheme)
    found = {}
    for path in PAGES[part::PARTS]:
        page.goto(plane.url + path.format(**plane.cases))
        page.locator("html:not([data-arming])").wait_for()
        page.wait_for_timeout(FADING_MS)
        found[path] = violations(page)
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing_on_what_opens(plane: Plane, browse: Open, size: tuple[int, int]) -> None:
    """The login, the question of the halt, the keys, an explained command, a refusal and a page that is not there."""
    page = browse("", "/login", size=size)
    assert violations(page) == []
    page = browse("dana", "/policy", size=size)
    page.get_by_label("A command").fill("aws dynamodb delete-table --table-name costs")
    page.get_by_role("button", name="Explain").click()
    page.locator(".answer").wait_for()
    assert violations(page) == []
    page.goto(f"{plane.url}/")
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys").wait_for()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("dialog", name="Stop everything?").wait_for()
    assert violations(page) == []


# --- as each of those who work with it --------------------------------------------------------------------------------

PEOPLE = {"operator": "olga", "reviewer": "dana", "auditor": "ada", "administrator": "rita"}
VIEWS = [(WIDE, "light"), (PHONE, "dark"), (WIDE, "dark"), (PHONE, "light")]
DRAWN = 4
"""Pages of a usual run, drawn by the seed; all of them are looked at by the long one."""


@pytest.fixture(scope="module")
def administrator(plane: Plane) -> None:
    """One who is nothing else."""
    plane.admit("rita", "administrator")


def open_to(role: str) -> list[str]:
    """The pages that somebody of this role sees, by the table that guards them."""
    found = []
    for path in PAGES:
        route = re.sub(r"/\{\w+\}", "/{id}", path.partition("?")[0])
        if role in ACCESS[f"GET {route}"].roles and not (role == "operator" and "sample=" in path):
            found.append(path)
    return found


def looked_at(plane: Plane, browse: Open, one: tuple[str, tuple[tuple[int, int], str], list[str]]) -> Any:
    role, (size, scheme), paths = one
    page = browse(PEOPLE[role], size=size, color_scheme=scheme)
    found = {}
    for path in paths:
        page.goto(plane.url + path.format(**plane.cases))
        page.locator("html:not([data-arming])").wait_for()
        page.wait_for_timeout(FADING_MS)
        wide = overflow(page)
        found[path] = violations(page) + [f"wider than its window by {wide} px"] * bool(wide)
    return {f"{role}, {size[0]} px, {scheme}: {path}": wrong for path, wrong in found.items() if wrong}


@pytest.mark.usefixtures("administrator")
def test_axe_finds_nothing_on_some_pages_of_everybody(plane: Plane, browse: Open) -> None:
    """Other buttons, other words, other empty places for each role; a few of all that there are, the same few by a seed."""
    every = [
        (role, view, [path]) for role, view in itertools.product(PEOPLE, VIEWS) for path in open_to(role)
    ]
    for one in random.Random(20_261_130).sample(every, DRAWN):
        assert looked_at(plane, browse, one) == {}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("administrator")
@pytest.mark.parametrize("role", PEOPLE)
@pytest.mark.parametrize("view", VIEWS, ids=["desk-light", "phone-dark", "desk-dark", "phone-light"])
def test_axe_finds_nothing_on_any_page_of_anybody(
    plane: Plane, browse: Open, role: str, view: tuple[tuple[int, int], str]
) -> None:
    """Every page that this role is let in to."""
    assert looked_at(plane, browse, (role, view, open_to(role))) == {}
