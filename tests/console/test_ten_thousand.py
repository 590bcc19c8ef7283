"""Ten thousand cases: every page stays as long as a page, whatever is behind it. Times are `bench.console`'s."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import pytest_asyncio

from bench.console import MANY, hold
from keyturn.console import activity, agents, evidence
from keyturn.console.listing import GROUP_ROWS_MAX, PAGE_ROWS
from keyturn.model import record as r
from keyturn.stores.memory import MemoryStore
from tests.console.test_proposals import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT_ONCE: Final = 500
PAGE_BYTES_MAX: Final = 256 * 1024
"""Before compression: what a phone takes over a bad line in a second or two."""

ROWS: Final = {
    "/": (r'class="row', PAGE_ROWS + GROUP_ROWS_MAX),
    "/?tab=waiting": (r'class="row', PAGE_ROWS + GROUP_ROWS_MAX),
    "/?tab=decided": (r'class="row', PAGE_ROWS + GROUP_ROWS_MAX),
    "/?q=env:production": (r'class="row', PAGE_ROWS + GROUP_ROWS_MAX),
    "/?q=agent:agent-7": (r'class="row', PAGE_ROWS + GROUP_ROWS_MAX),
    "/activity": (r'<li class="line', activity.LINES),
    "/activity?q=agent:agent-7": (r'<li class="line', activity.LINES),
    "/activity?q=nothing-of-this-name": (r'<li class="line', 0),
    "/evidence": (r'href="/c/C-\d+"', evidence.SHOWN),
    "/evidence?sample=100": (r'href="/c/C-\d+"', 2 * evidence.SAMPLE_MAX),
    "/agents": (r'<section class="agent"', agents.AGENTS),
    "/policy": (r"<li", 400),
    "/attention": (r"<tr", 200),
    "/c/C-77": (r"<li", 100),
}
"""A page -> what is a row of it, and how many it has at most."""

TWINS: Final = {
    "/index.json": ("cases", PAGE_ROWS + GROUP_ROWS_MAX),
    "/activity.json": ("lines", activity.LINES),
    "/evidence.json": ("cases", evidence.SHOWN),
    "/agents.json": ("agents", agents.AGENTS),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    made = House(MemoryStore())
    await made.start()
    made.runtime.book.act = lambda _case, _command: None  # what is held waits for people
    for first in range(0, MANY, AT_ONCE):
        found = await asyncio.gather(
            *(hold(made.runtime.book, number) for number in range(first, first + AT_ONCE))
        )
        if (first // AT_ONCE) % 2:
            await asyncio.gather(
                *(made.runtime.book.record(one, r.Expired(at_ms=1, what="review")) for one in found)
            )
    yield made
    await made.runtime.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def token(house: House) -> str:
    return await house.member("dana", "reviewer")


async def page(house: House, token: str, path: str) -> Any:
    async with house.client() as client:
        answer = await client.get(path, headers={"cookie": f"keyturn={token}"})
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("path", ROWS)
async def test_a_page_stays_a_page(path: str, house: House, token: str) -> None:
    """So many rows, and so many bytes, over five thousand open cases and five thousand that have ended."""
    answer = await page(house, token, path)
    row, most = ROWS[path]
    rows = len(re.findall(row, answer.text))
    assert (rows <= most, len(answer.content) <= PAGE_BYTES_MAX) == (True, True), (rows, len(answer.content))


@pytest.mark.parametrize("path", TWINS)
async def test_its_twin_too(path: str, house: House, token: str) -> None:
    """What a program reads of a page is that page, and it says where the next begins."""
    answer = await page(house, token, path)
    name, most = TWINS[path]
    told = answer.json()
    assert 0 < len(told[name]) <= most
    assert len(answer.content) <= PAGE_BYTES_MAX


async def test_the_pages_together_have_every_case_once(house: House, token: str) -> None:
    """From page to page by what each gives: all that wait, in reading order, none twice and none left out."""
    seen: list[str] = []
    after = ""
    while True:
        told = (await page(house, token, f"/index.json?q=env:production+-like:none&after={after}")).json()
        seen += [one["id"] for one in told["cases"]]
        after = told["following"]
        if not after:
            break
    assert (len(seen), len(set(seen))) == (MANY // 4, MANY // 4)
