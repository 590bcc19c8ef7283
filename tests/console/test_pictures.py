"""The pictures of the docs, made of the pages as they are: ``KEYTURN_PICTURES=1`` writes docs/pictures."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.console.browsing import ARMING_MS, DESK, PHONE, Open, needs_a_browser
from tests.console.running_plane import Plane
from tests.console.test_first_screen import batch as several
from tests.console.test_first_screen import broken

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
PICTURE_BYTES_MAX = 200 * 1024
WIDE, PICTURE = (1_440, 900), (1_280, 800)


def claimed(plane: Plane) -> str:
    """A case that erin looks at."""
    case = plane.held_table(agent="sweeps")
    with plane.api("erin") as erin:
        erin.post(f"/cases/{case}/claim", json={}).raise_for_status()
    return case


MADE: dict[str, tuple[str, Callable[[Plane], str]]] = {
    "batch": ("several", lambda plane: "/" + several(plane)),
    "claimed": ("claimed", claimed),
    "break-glass": ("broken", broken),
}
"""What a picture shows that no other test needs: under which name its path finds it, and who makes it."""

pytestmark = [
    needs_a_browser,
    pytest.mark.skipif(
        not os.environ.get("KEYTURN_PICTURES"), reason="KEYTURN_PICTURES=1 writes docs/pictures"
    ),
]


@pytest.mark.parametrize(
    ("name", "path", "size", "scheme", "clip"),
    [
        ("inbox", "/?q=cost-report", PICTURE, "light", ""),
        ("inbox-phone", "/", PHONE, "dark", ""),
        ("review", "/c/{replace}", PICTURE, "light", ""),
        ("review-dark", "/c/{half}", WIDE, "dark", ""),
        ("review-phone", "/c/{replace}", PHONE, "light", ""),
        ("batch", "{several}", PICTURE, "light", ""),
        ("decide", "/c/{half}", DESK, "light", "#decide"),
        ("claimed", "/c/{claimed}", (1_280, 1_000), "light", "#decide"),
        ("break-glass", "/c/{broken}", PICTURE, "light", ""),
        ("story", "/c/{undone}", DESK, "light", "#story"),
        ("activity", "/activity", PICTURE, "light", ""),
        ("agents", "/agents?agent=kiro", PICTURE, "light", ""),
        ("policy", "/policy", PICTURE, "light", ""),
        ("evidence", "/evidence?verdict=hold", PICTURE, "light", ""),
    ],
)
def test_pictures(
    plane: Plane, browse: Open, name: str, path: str, size: tuple[int, int], scheme: str, clip: str
) -> None:
    """Each page as a reviewer meets it; a picture that is too large to load on a train fails."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    if name in MADE:
        plane.cases[MADE[name][0]] = MADE[name][1](plane)
    page = browse("dana", "/login", size=size, color_scheme=scheme)
    page.goto(plane.url + path.format(**plane.cases))
    page.wait_for_timeout(ARMING_MS + 400)
    target = page.locator(clip) if clip else page
    target.screenshot(path=PICTURES / f"{name}.png")
    assert (PICTURES / f"{name}.png").stat().st_size <= PICTURE_BYTES_MAX
