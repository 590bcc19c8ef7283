"""One plane with cases in every phase for all tests of this folder; what a test decides, it makes a case of its own for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.console.browsing import CHROMIUM, DESK, WATCH, Open
from tests.console.running_plane import Plane, running


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with running(tmp_path_factory.mktemp("plane")) as filled:
        yield filled


@pytest.fixture(
    scope="module"
)  # its loop runs in this thread meanwhile: no test with a loop of its own can run beside it
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def browse(plane: Plane, chromium: Any) -> Iterator[Open]:
    """Opens a person's own browser at a path; what went wrong on any of its pages fails the test."""
    contexts: list[Any] = []
    wrong: list[str] = []

    def open_(person: str, path: str = "/", size: tuple[int, int] = DESK, **options: Any) -> Any:
        context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, **options)
        contexts.append(context)
        context.set_default_timeout(30_000)
        page = context.new_page()
        page.add_init_script(WATCH)
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("console", lambda said: wrong.extend([said.text] * (said.type in {"error", "warning"})))
        page.on("response", lambda got: wrong.extend([f"{got.status} {got.url}"] * (got.status >= 400)))
        if person:
            login = {"name": "keyturn", "value": plane.token(person), "url": plane.url, "httpOnly": True}
            context.add_cookies([login])
        page.goto(plane.url + path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not wrong
