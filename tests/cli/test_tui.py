"""The desk in a terminal, driven key by key before a plane that runs: what it shows, what it asks, and what decides nothing."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from demo import world
from keyturn.cli.client import Api
from keyturn.cli.tui import shown
from keyturn.cli.tui.app import Desk
from keyturn.cli.tui.asking import ARM_S, Question
from keyturn.cli.tui.batch import Batch
from keyturn.cli.tui.inbox import Inbox
from keyturn.cli.tui.review import Review
from keyturn.testing.standin import StandIn
from tests.console.running_plane import HOSTILE_KEY, REGION, WAIT_S, Plane

TRUST = '{"Version":"2012-10-17","Statement":[]}'
GRANT = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::x/*"}]}'
)
PICTURES = Path(__file__).parents[2] / "docs" / "pictures"


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with StandIn() as standin:
        account = world.Account(standin.endpoint, "AKIAENGINEER", "secret", region=REGION)
        made = Plane(tmp_path_factory.mktemp("plane"), account)
        made.start()
        try:
            yield made
        finally:
            made.stop()


class Person:
    """At her terminal."""

    def __init__(self, plane: Plane, desk: Desk, pilot: Pilot[None]) -> None:
        self.plane, self.desk, self.pilot = plane, desk, pilot

    async def until(self, holds: Callable[[], Any]) -> None:
        end = asyncio.get_running_loop().time() + WAIT_S
        while not holds():
            assert asyncio.get_running_loop().time() < end, self.text()
            await self.pilot.pause(0.05)

    def text(self) -> str:
        """All that stands on the screen, and what was said in passing."""
        parts = [str(one.render()) for one in self.desk.screen.query(Static)]
        return "\n".join([*parts, *(note.message for note in self.desk._notifications)])

    def rows(self) -> list[str]:
        found = self.desk.screen.query_one("#rows", OptionList)
        return [str(found.get_option_at_index(place).id) for place in range(found.option_count)]

    async def open(self, case: str) -> None:
        await self.until(lambda: isinstance(self.desk.screen, Inbox) and case in self.rows())
        rows = self.desk.screen.query_one("#rows", OptionList)
        while rows.highlighted_option is None or rows.highlighted_option.id != case:
            await self.pilot.press("j")
        await self.pilot.press("enter")
        await self.until(lambda: isinstance(self.desk.screen, Review) and "WHO AND WHY" in self.text())

    async def armed(self) -> None:
        await self.pilot.pause(ARM_S + 0.05)

    async def asked(self) -> None:
        await self.until(lambda: isinstance(self.desk.screen, Question))

    def write(self, name: str, text: str) -> None:
        self.desk.screen.query_one(f"#{name}", Input).value = text


@asynccontextmanager
async def sits(plane: Plane, name: str, opens: Callable[[str], bool] = bool) -> AsyncIterator[Person]:
    desk = Desk(Api(plane.url, plane.token(name)), opens=opens)
    async with desk.run_test(size=(110, 40)) as pilot:
        yield Person(plane, desk, pilot)


async def make(plane: Plane, **given: str) -> str:
    return await asyncio.to_thread(lambda: plane.held_table(**given))


async def test_a_case_is_read_and_approved_by_its_name(plane: Plane) -> None:
    """What destroys stands first; the five answers come first; a asks, and only the case's own name, typed, approves it."""
    case = await make(plane)
    async with sits(plane, "dana") as dana:
        await dana.open(case)
        text = dana.text()
        order = ["What happens", "What breaks", "Can it come back", "The narrow way", "Who decides"]
        order += [
            "BEFORE AND AFTER",
            "WHO RELIES ON IT",
            "UNDO",
            "WHO AND WHY",
            "THE RULE",
            "AS IT WAS ASKED",
        ]
        assert [text.find(one) for one in order] == sorted(text.find(one) for one in order)
        assert -1 not in [text.find(one) for one in order]
        await dana.armed()
        await dana.pilot.press("a")
        await dana.asked()
        await dana.armed()
        dana.write("confirm", "yes")
        await dana.pilot.press("enter")
        await dana.until(lambda: f"It has to say {case}." in dana.text())
        assert plane.case(case)["approvals"] == []
        dana.write("confirm", case)
        dana.write("note", "agreed")
        await dana.pilot.press("enter")
        await dana.until(lambda: plane.case(case)["approvals"] == ["dana"])
        (review,) = plane.case(case)["reviews"]
        assert (review["via"], review["note"]) == ("tui", "agreed")


async def test_nothing_counts_within_a_second(plane: Plane) -> None:
    """Not on a case that has just come up, not in a question that has, not when the terminal has just been given the focus."""
    case = await make(plane)
    async with sits(plane, "dana") as dana:
        await dana.open(case)
        dana.desk.screen._armed_at = asyncio.get_running_loop().time() + 1e9  # type: ignore[attr-defined]
        await dana.pilot.press("a")
        await dana.until(lambda: "less than a second" in dana.text())
        dana.desk.screen._armed_at = 0.0  # type: ignore[attr-defined]
        await dana.pilot.press("a")
        await dana.asked()
        dana.write("confirm", case)
        dana.desk.screen._armed_at = asyncio.get_running_loop().time() + 1e9  # type: ignore[attr-defined]
        await dana.pilot.press("enter")
        assert isinstance(dana.desk.screen, Question), "it had just come up"
        await dana.pilot.press("escape")
        await dana.until(lambda: isinstance(dana.desk.screen, Review))
    assert plane.case(case)["approvals"] == []


async def test_a_denial_guides_the_agent(plane: Plane) -> None:
    """What it should do instead is enough; it leaves the inbox of whoever is looking."""
    case = await make(plane)
    async with sits(plane, "erin") as erin:
        await erin.open(case)
        await erin.armed()
        await erin.pilot.press("d")
        await erin.asked()
        await erin.armed()
        erin.write("note", "in use")
        erin.write("guide", "archive it first")
        await erin.pilot.press("enter")
        await erin.until(lambda: plane.case(case)["phase"] == "rejected")
        await erin.pilot.press("escape")
        await erin.until(lambda: isinstance(erin.desk.screen, Inbox) and case not in erin.rows())
    (review,) = plane.case(case)["reviews"]
    assert (review["approve"], review["note"], review["guidance"]) == (False, "in use", "archive it first")


async def test_it_follows_and_claims(plane: Plane) -> None:
    """A case that is held arrives by itself; c says who looks at it, and others see that at once."""
    async with sits(plane, "dana") as dana:
        await dana.until(lambda: isinstance(dana.desk.screen, Inbox))
        await dana.pilot.pause(0.3)
        case = await make(plane)
        await dana.open(case)
        await dana.pilot.press("c")
        await dana.until(lambda: "dana looks at it" in dana.text())
    assert plane.case(case)["claimed_by"] == "dana"


async def test_what_moves_does_not_take_the_question_away(plane: Plane) -> None:
    """Somebody else looks at it too while she writes: the case is drawn anew, what it binds to is the same, and her answer counts."""
    case = await make(plane)
    async with sits(plane, "dana") as dana:
        await dana.open(case)
        await dana.armed()
        await dana.pilot.press("a")
        await dana.asked()
        with plane.api("erin") as api:
            await asyncio.to_thread(
                lambda: api.post(f"/cases/{case}/claim", json={"word": ""}).raise_for_status()
            )
        await dana.until(
            lambda: "erin looks at it" in str(dana.desk.screen_stack[-2].query_one("#head", Static).render())
        )
        await dana.armed()
        dana.write("confirm", case)
        await dana.pilot.press("enter")
        await dana.until(lambda: plane.case(case)["approvals"] == ["dana"])


async def test_who_may_not_is_told_why(plane: Plane) -> None:
    """The agent's own operator reads everything, and is asked nothing."""
    case = await make(plane)
    async with sits(plane, "bob") as bob:
        await bob.until(lambda: "Nothing waits for you" in str(rows_of(bob)))
        await bob.pilot.press("2")
        await bob.open(case)
        await bob.armed()
        await bob.pilot.press("a")
        await bob.until(lambda: "runs or owns the agent" in bob.text())
        assert isinstance(bob.desk.screen, Review)


@pytest.mark.parametrize(
    ("given", "says", "opened"),
    [
        ({"whole": "the change is too long"}, "Nobody can approve this: the change is too long.", 0),
        ({"signed": True}, "Policy wants this approval signed", 1),
    ],
)
async def test_what_is_not_approved_here(plane: Plane, given: dict[str, Any], says: str, opened: int) -> None:
    """What cannot be shown in full is not approved; what has to be signed opens the page, where the passkey is."""
    case, pages = await make(plane), list[str]()
    async with sits(plane, "dana", lambda page: not pages.append(page)) as dana:  # type: ignore[func-returns-value]
        await dana.open(case)
        await dana.armed()
        assert isinstance(dana.desk.screen, Review)
        dana.desk.screen.found |= given
        await dana.pilot.press("a")
        await dana.until(lambda: says in dana.text())
        assert isinstance(dana.desk.screen, Review)
    assert [page.endswith(f"/c/{case}") for page in pages] == [True] * opened
    assert plane.case(case)["approvals"] == []


async def test_everything_is_stopped(plane: Plane) -> None:
    """S asks for a reason, and then nothing leaves the plane."""
    async with sits(plane, "dana") as dana:
        await dana.until(lambda: isinstance(dana.desk.screen, Inbox))
        await dana.pilot.press("s")
        await dana.asked()
        await dana.armed()
        dana.write("reason", "something is wrong")
        await dana.pilot.press("enter")
        await dana.until(lambda: "Halted" in dana.text())
    with plane.api("dana") as api:
        assert api.get("/status").json()["halted_by"] == {"": "dana"}
        api.post("/resume", json={"agent": ""}).raise_for_status()


async def test_what_an_agent_writes_draws_nothing(plane: Plane) -> None:
    """Markup is text, and what is not seen stands as its code point, set apart."""
    plane.account("s3").create_bucket(
        Bucket="hostile-bucket", CreateBucketConfiguration={"LocationConstraint": REGION}
    )

    def ask() -> str:
        with plane.agent("[bold red]good[/] kiro", "olga") as aws:
            delete = aws("s3").delete_object
            return plane.held("hostile", lambda: delete(Bucket="hostile-bucket", Key=HOSTILE_KEY + "[blink]"))

    case = await asyncio.to_thread(ask)
    found = await asyncio.to_thread(plane.case, case)
    line = shown.line(found)
    assert "[bold red]good[/] kiro <- olga" in line.plain
    assert "⟨U+202E⟩gnp.exe⟨U+200B⟩⟨U+0007⟩[blink]" in line.plain
    odd = {line.plain[span.start : span.end] for span in line.spans if span.style == "reverse yellow"}
    assert odd == {"⟨U+202E⟩", "⟨U+200B⟩", "⟨U+0007⟩"}
    async with sits(plane, "dana") as dana:
        await dana.open(case)
        assert "[blink]" in dana.text()


# --- lists, a filter, several at one go, an undo -----------------------------------------------------------------------


async def widened(plane: Plane, *names: str) -> list[str]:
    """Like cases that take nothing away: what a role may do, widened."""

    def ask() -> list[str]:
        found = []
        for name in names:
            plane.account("iam").create_role(
                RoleName=name,
                AssumeRolePolicyDocument=TRUST,
                Tags=[{"Key": "environment", "Value": "production"}],
            )
            with plane.agent("granting") as aws:
                put = partial(
                    aws("iam").put_role_policy, RoleName=name, PolicyName="read", PolicyDocument=GRANT
                )
                found.append(plane.held(name, put))
        return found

    return await asyncio.to_thread(ask)


async def test_the_filter_is_the_pages(plane: Plane) -> None:
    """/ asks for words as on the page; what it finds stays while it follows, and an empty line gives all of it back."""
    case = await make(plane)
    (role,) = await widened(plane, "filtered")
    async with sits(plane, "dana") as dana:
        await dana.until(lambda: {case, role} <= set(dana.rows()))
        await dana.pilot.press("slash", *"effect:permission", "enter")
        await dana.until(lambda: role in dana.rows() and case not in dana.rows())
        other, another = await make(plane), (await widened(plane, "found-too"))[0]
        await dana.until(lambda: another in dana.rows())
        assert other not in dana.rows()
        await dana.pilot.press("slash", "home", *([*"xajk"]), "escape")
        assert dana.desk.screen.query_one("#filter", Input).value == "xajkeffect:permission", (
            "letters are text there"
        )
        await dana.pilot.press("slash", "ctrl+u", "enter")
        dana.desk.screen.query_one("#filter", Input).value = ""
        await dana.pilot.press("slash", "enter")
        await dana.until(lambda: {case, role, other, another} <= set(dana.rows()))
        await dana.pilot.press("2")
        await dana.until(lambda: case not in dana.rows())
    async with sits(plane, "bob") as bob:
        await bob.until(lambda: isinstance(bob.desk.screen, Inbox))
        await bob.pilot.press("2")
        await bob.until(lambda: case in bob.rows())


async def test_several_are_read_whole_and_approved_together(plane: Plane) -> None:
    """X selects, a reads them together; their number, typed, approves all of them under one root."""
    cases = await widened(plane, "batch-a", "batch-b", "batch-c")
    async with sits(plane, "dana") as dana:
        await dana.until(lambda: set(cases) <= set(dana.rows()))
        for case in cases:
            await choose(dana, case)
            await dana.pilot.press("x")
        await dana.until(lambda: "3 selected" in dana.text())
        await dana.pilot.press("a")
        await dana.until(lambda: isinstance(dana.desk.screen, Batch) and "batch-c" in dana.text())
        assert all(f"iam:role/{name}" in dana.text() for name in ("batch-a", "batch-b", "batch-c"))
        await dana.armed()
        await dana.pilot.press("a")
        await dana.asked()
        await dana.armed()
        dana.write("confirm", "approve 2")
        await dana.pilot.press("enter")
        await dana.until(lambda: "It has to say approve 3." in dana.text())
        dana.write("confirm", "approve 3")
        dana.write("note", "the new report needs it")
        await dana.pilot.press("enter")
        await dana.until(lambda: all(plane.case(case)["approvals"] == ["dana"] for case in cases))
    reviews = [plane.case(case)["reviews"][0] for case in cases]
    assert {one["via"] for one in reviews} == {"tui"}
    assert len({one["batch"] for one in reviews}) == 1


async def test_a_batch_that_moves_is_read_again(plane: Plane) -> None:
    """One of them is denied by somebody else while it is read: nothing is approved, and it says why."""
    cases = await widened(plane, "moving-a", "moving-b")
    async with sits(plane, "dana") as dana:
        await dana.until(lambda: set(cases) <= set(dana.rows()))
        for case in cases:
            await choose(dana, case)
            await dana.pilot.press("x")
        await dana.pilot.press("a")
        await dana.until(lambda: isinstance(dana.desk.screen, Batch) and "moving-b" in dana.text())
        await dana.armed()
        await dana.pilot.press("a")
        await dana.asked()
        await asyncio.to_thread(lambda: plane.review("erin", cases[0], approve=False, note="no"))
        await dana.until(lambda: isinstance(dana.desk.screen, Inbox))
        await dana.until(lambda: f"{cases[0]} is decided by itself" in dana.text())
    assert plane.case(cases[1])["approvals"] == []


async def test_what_takes_away_is_in_no_batch_and_denied_together(plane: Plane) -> None:
    """Two deletes are not approved at one go; one reason denies them both."""
    cases = [await make(plane), await make(plane)]
    async with sits(plane, "dana") as dana:
        await dana.until(lambda: set(cases) <= set(dana.rows()))
        for case in cases:
            await choose(dana, case)
            await dana.pilot.press("x")
        await dana.until(lambda: "2 selected" in dana.text())
        await dana.pilot.press("a")
        await dana.until(
            lambda: "it takes something away" in dana.text() and isinstance(dana.desk.screen, Inbox)
        )
        await dana.pilot.press("d")
        await dana.asked()
        await dana.armed()
        dana.write("note", "both are in use")
        await dana.pilot.press("enter")
        await dana.until(lambda: all(plane.case(case)["phase"] == "rejected" for case in cases))
        await dana.until(lambda: not set(cases) & set(dana.rows()))
    assert [plane.case(case)["reviews"][0]["note"] for case in cases] == ["both are in use"] * 2


async def test_who_may_not_selects_nothing(plane: Plane) -> None:
    """The agent's own operator is told why."""
    case = await make(plane)
    async with sits(plane, "bob") as bob:
        await bob.until(lambda: isinstance(bob.desk.screen, Inbox))
        await bob.pilot.press("2")
        await bob.until(lambda: case in bob.rows())
        await choose(bob, case)
        await bob.pilot.press("x")
        await bob.until(lambda: "runs or owns the agent" in bob.text())
        assert "selected" not in bob.text()


async def test_an_undo_is_planned_before_it_is_asked_for(plane: Plane) -> None:
    """What was executed is found under 3; u says what would be done, and the case's name asks for it: a case of its own."""
    (done,) = await widened(plane, "taken-back")
    for who in ("dana", "erin"):
        await asyncio.to_thread(lambda who=who: plane.review(who, done, approve=True, note="ok"))  # type: ignore[misc]  # bound at once
    with plane.api("dana") as api:
        api.post(f"/cases/{done}/execute", json={}).raise_for_status()
    await asyncio.to_thread(lambda: plane.until(done, "confirmed"))
    async with sits(plane, "dana") as dana:
        await dana.until(lambda: isinstance(dana.desk.screen, Inbox))
        await dana.pilot.press("3")
        await dana.until(lambda: done in dana.rows())
        await choose(dana, done)
        await dana.pilot.press("u")
        await dana.until(lambda: isinstance(dana.desk.screen, Review) and "WHO AND WHY" in dana.text())
        await dana.pilot.press("u")
        await dana.asked()
        assert "iam:DeleteRolePolicy" in dana.text()
        await dana.armed()
        dana.write("confirm", done)
        await dana.pilot.press("enter")
        await dana.until(lambda: f"takes {done} back" in dana.text())
    undo = next(one for one in plane.inbox() if one["undoes"] == done)
    assert undo["operations"] == ["iam:DeleteRolePolicy"]


def rows_of(person: Person) -> list[str]:
    found = person.desk.screen.query_one("#rows", OptionList)
    return [str(found.get_option_at_index(place).prompt) for place in range(found.option_count)]


async def choose(person: Person, case: str) -> None:
    rows = person.desk.screen.query_one("#rows", OptionList)
    rows.highlighted = rows.get_option_index(case)
    await person.pilot.pause()


@pytest.mark.skipif(not os.environ.get("KEYTURN_PICTURES"), reason="KEYTURN_PICTURES=1 writes docs/pictures")
async def test_pictures(plane: Plane) -> None:
    """The inbox and a case, as the docs show them."""
    for agent in ("kiro", "codex"):
        case = await make(plane, agent=agent)
    async with sits(plane, "dana") as dana:
        await dana.until(lambda: isinstance(dana.desk.screen, Inbox) and case in dana.rows())
        await dana.pilot.press("x")
        await dana.pilot.pause(0.5)
        (PICTURES / "tui-inbox.svg").write_text(_picture(dana.desk))
        await dana.open(case)
        await dana.armed()
        (PICTURES / "tui-case.svg").write_text(_picture(dana.desk))


def _picture(desk: Desk) -> str:
    """Without the fonts that it would fetch from elsewhere."""
    return re.sub(r"@font-face \{.*?\}\s*", "", desk.export_screenshot(title="keyturn tui"), flags=re.DOTALL)
