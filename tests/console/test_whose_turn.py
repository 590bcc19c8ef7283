"""An inbox follows who is in a team and who stands in for whom, while it is open and when nobody has it open."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.console.browsing import Open, needs_a_browser, stay, stayed
from tests.console.running_plane import NUMBER, Plane, guarded, written_pack

pytestmark = needs_a_browser

PACK = """
@id("night.looks-at-updates")
@outcome("hold")
@quorum("1 of night")
@message("the night shift looks at every update")
forbid (principal, action, resource)
when { context.effect == "update" };
"""
PACK_TESTS = """
[[case]]
name = "an update is held for the night shift"
given = { effect = "update", environment = "test" }
expect = { verdict = "hold" }
"""


NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """A plane on which only the night shift may approve, and erin is all of it."""
    folder = tmp_path_factory.mktemp("night")
    with guarded(folder, written_pack(folder, "night", PACK, PACK_TESTS)) as running:
        running.admit("erin", "reviewer", "operator")
        running.admit("gus", "reviewer")
        with running.api("bob") as bob:
            bob.post("/teams/night", json={"members": [{"person": "erin"}]}).raise_for_status()
        yield running


def held(plane: Plane, name: str, operator: str = "olga") -> str:
    """An update that waits for the night shift."""
    plane.account("sqs").create_queue(QueueName=name)
    with plane.agent("kiro", operator) as aws:
        url = f"{plane.endpoint}/{NUMBER}/{name}"
        return plane.held(
            name,
            lambda: aws("sqs").set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "45"}),
        )


def needed(plane: Plane, who: str) -> list[str]:
    """What waits for her, as her command line asks it."""
    with plane.api(who) as api:
        return [
            one["id"] for one in api.get("/cases", params={"tab": "needs"}).raise_for_status().json()["cases"]
        ]


def test_a_place_that_is_lent_brings_its_cases(plane: Plane, browse: Open) -> None:
    """Erin lends dana her place: dana's open list has the case without a reload, and its page the button; when it ends they are gone."""
    case = held(plane, "lent")
    assert (case in needed(plane, "dana"), case in needed(plane, "erin")) == (False, True)
    page = browse("dana")
    line: Any = page.get_by_role("region", name="Needs you").locator(f"#case-{case}")  # like cases are folded
    stay(page)
    with plane.api("erin") as erin:
        until_ms = (time.time_ns() // 1_000_000) + 3_600_000
        erin.post("/delegations", json={"to": "dana", "until_ms": until_ms}).raise_for_status()
        line.wait_for(state="attached")
        assert case in needed(plane, "dana")
        review = browse("dana", f"/c/{case}")
        review.get_by_role("button", name="Approve, as").wait_for()
        erin.post("/delegations/end", json={"to": "dana"}).raise_for_status()
    line.wait_for(state="detached")
    review.get_by_role("button", name="Approve, as").wait_for(state="detached")
    assert (case in needed(plane, "dana"), stayed(page)) == (False, True)


def test_her_place_begins_by_the_clock(plane: Plane, browse: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing happens but that a delegation begins."""
    monkeypatch.setattr("keyturn.console.live.DUTY_S", 0.2)
    monkeypatch.setattr("keyturn.console.turns.DUTY_S", 0.2)
    case = held(plane, "later")
    now_ms = time.time_ns() // 1_000_000
    with plane.api("erin") as erin:
        given = {"to": "dana", "from_ms": now_ms + 6_000, "until_ms": now_ms + 3_600_000}
        erin.post("/delegations", json=given).raise_for_status()
        assert case not in needed(plane, "dana")
        page = browse("dana")
        page.get_by_role("region", name="Needs you").locator(f"#case-{case}").wait_for(state="attached")
        assert case in needed(plane, "dana")
        erin.post("/delegations/end", json={"to": "dana"}).raise_for_status()


# --- what a lent place lets nobody do --------------------------------------------------------------------------------


class Lent:
    """Erin's place with dana for an hour, and a case that waits for it."""

    def __init__(self, plane: Plane, operator: str = "olga") -> None:
        self.plane = plane
        self.case = held(plane, f"place-{next(NUMBERS)}", operator)
        self.binding = str(plane.case(self.case)["binding"])
        until_ms = time.time_ns() // 1_000_000 + 3_600_000
        with plane.api("erin") as api:
            api.post("/delegations", json={"to": "dana", "until_ms": until_ms}).raise_for_status()

    def end(self) -> None:
        with self.plane.api("erin") as erin:
            erin.post("/delegations/end", json={"to": "dana"}).raise_for_status()

    def approve(self, who: str, binding: str = "") -> str:
        """What it was refused for; empty where it counted."""
        body = {"approve": True, "binding": binding or self.binding, "note": ""}
        with self.plane.api(who) as api:
            answer = api.post(f"/cases/{self.case}/review", json=body)
        return "" if answer.is_success else str(answer.json()["error"]["code"])


def by_the_book(one: Lent) -> list[str]:
    return [one.approve("dana")]


def forged(one: Lent) -> list[str]:
    """By somebody whom nobody lent anything; a place is not lent on either."""
    with one.plane.api("dana") as dana:
        on = dana.post(
            "/delegations", json={"to": "gus", "until_ms": time.time_ns() // 1_000_000 + 3_600_000}
        )
        assert on.status_code != httpx.codes.OK
    return [one.approve("gus")]


def altered(one: Lent) -> list[str]:
    return [one.approve("dana", "sha256:" + "0" * 64)]


def replayed(one: Lent) -> list[str]:
    """What was meant for a case just like it."""
    other = held(one.plane, f"place-{next(NUMBERS)}")
    return [one.approve("dana", str(one.plane.case(other)["binding"]))]


def late(one: Lent) -> list[str]:
    """After it was taken back; and what was given in time falls with it only where she who lent it is out, not by the hour."""
    one.end()
    return [one.approve("dana")]


def twice(one: Lent) -> list[str]:
    """By both for the one place."""
    return [one.approve("dana"), one.approve("erin")]


@pytest.mark.parametrize(
    ("attack", "refused"),
    [
        (by_the_book, [""]),
        (forged, ["not-asked"]),
        (altered, ["stale"]),
        (replayed, ["stale"]),
        (late, ["not-asked"]),
        (twice, ["", "enough"]),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_lent_place_is_one_place(
    plane: Plane, attack: Callable[[Lent], list[str]], refused: list[str]
) -> None:
    """The same attacks as on every door (tests/reviewers/test_every_door.py), on somebody who stands in for another."""
    one = Lent(plane)
    try:
        assert attack(one) == refused
        assert plane.case(one.case)["approvals"] == (["dana"] if "" in refused else [])
    finally:
        if attack is not late:
            one.end()


def test_who_runs_the_agent_lends_nobody_her_place(plane: Plane) -> None:
    """Erin's own agent asks: dana in her place is erin once more."""
    one = Lent(plane, operator="erin")
    try:
        assert (one.approve("dana"), one.approve("erin")) == ("not-asked", "own-agent")
        assert plane.case(one.case)["approvals"] == []
    finally:
        one.end()
