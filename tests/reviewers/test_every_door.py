"""Every way to approve against every way to cheat: none of them counts, whichever door it comes through."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from textual.widgets import Input

from keyturn.cli.client import Api
from keyturn.cli.tui.app import Desk
from keyturn.cli.tui.asking import Question
from keyturn.cli.tui.review import Review
from keyturn.console import forms
from keyturn.core import shown
from tests.cli.test_command_line import Desk as People
from tests.console.running_plane import REGION, Plane, ask
from tests.console.test_page_safety import field
from tests.reviewers.test_slack import (
    SECRET,
    Mailbox,
    Said,
    buttons,
    held_update,
    mailbox,
    plane,
    press,
    slack,
)

__all__ = [
    "mailbox",
    "plane",
    "slack",
]  # fixtures: a plane that holds every update for one person, and tells Slack and a mailbox

FRESH = itertools.count(1)
HELD: Final = 2
OTHER_BINDING: Final = "sha256:" + "0" * 64


class Case:
    """A mild held case that each door can decide, with what a reviewer was shown of it."""

    def __init__(self, world: World) -> None:
        self.id = held_update(world.plane, f"door-{next(FRESH)}")
        self.binding = str(world.plane.case(self.id)["binding"])
        self.button = self._button(world.slack)

    def _button(self, told: Said) -> dict[str, Any]:
        """That of its message, once Slack has it."""
        for heard in itertools.count(1):
            _, message = told.until(heard)[heard - 1]
            if message.get("text", "").startswith(f"{self.id} waits"):
                return buttons(message)["keyturn_approve"]
        raise AssertionError


class World:
    def __init__(self, running: Plane, told: Said, mailbox: Mailbox, folder: Path) -> None:
        self.plane, self.slack, self.mailbox, self.desk = running, told, mailbox, People(running, folder)
        self.tokens: dict[str, str] = {}
        self.made: dict[str, str] = {}  # after the fact: of a drop, and of a deed that is to be done again
        for name in ("dana", "bob"):
            assert self.desk.say(name, "login", "--token", running.token(name)).exit_code == 0
            with running.api(name) as api:
                made = api.post("/tokens", json={"name": "door", "scopes": ["read", "review"]})
            self.tokens[name] = str(made.raise_for_status().json()["token"])

    def after_the_fact(self, what: str, like: Case) -> Case:
        """A held case about what bob's agent did before, through whichever door: `like` lends its button, where one is pressed."""
        if not self.made:
            self._happen()
        case = object.__new__(Case)
        case.id, case.binding = self.made[what], self.binding(what)
        value = like.button["value"].replace(like.binding, case.binding).replace(like.id, case.id)
        case.button = like.button | {"value": value}
        assert case.button != like.button
        return case

    def binding(self, what: str) -> str:
        return str(self.plane.case(self.made[what])["binding"])

    def _happen(self) -> None:
        """Bob's agent deletes two objects; of one the backup is to be dropped, the other is given back, and that is to be taken back."""
        s3 = self.plane.account("s3")
        s3.create_bucket(Bucket="diaries", CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_tagging(Bucket="diaries", Tagging={"TagSet": [{"Key": "env", "Value": "production"}]})
        gone = {}
        for key in ("drop", "again"):
            s3.put_object(Bucket="diaries", Key=key, Body=b"day by day")
            with self.plane.agent("kiro", "bob") as aws:
                gone[key] = self.plane.held(key, lambda: aws("s3").delete_object(Bucket="diaries", Key=key))  # noqa: B023
            for reviewer in ("dana", "erin"):
                self.plane.review(reviewer, gone[key], approve=True)
            self._confirmed(gone[key])
        with self.plane.api("dana") as api:
            back = api.post(f"/cases/{gone['again']}/undo", json={}).raise_for_status().json()["id"]
            self.plane.review("erin", back, approve=True)
            self._confirmed(back)
            again = api.post(f"/cases/{back}/undo", json={}).raise_for_status().json()["id"]
        assert (
            self.desk.say("dana", "backup", "drop", gone["drop"], "--reason", "nobody misses it").exit_code
            == HELD
        )
        (drop,) = [one["id"] for one in self.plane.inbox() if one["drops"] == gone["drop"]]
        self.made = {"drop": drop, "again": again}

    def _confirmed(self, case: str) -> None:
        with self.plane.api("dana") as api:
            api.post(f"/cases/{case}/execute", json={})
        self.plane.until(case, "confirmed")

    def post(self, token: str, path: str, body: dict[str, Any]) -> bool:
        headers = {"authorization": f"Bearer {token}"}
        return ask("POST", f"{self.plane.url}/api/v1{path}", json=body, headers=headers).is_success


# Each door: approve `case` as `who`, with `binding` in the place of what was shown; `forged`: with a credential that nobody was given.
Door = Callable[[World, Case, str, str, bool], bool]


def by_api(world: World, case: Case, who: str, binding: str, forged: bool) -> bool:
    token = "kt_" + "f" * 43 if forged else world.plane.token(who)
    return world.post(token, f"/cases/{case.id}/review", {"approve": True, "binding": binding, "note": ""})


def by_token(world: World, case: Case, who: str, binding: str, forged: bool) -> bool:
    token = world.tokens[who]
    token = token[:-1] + ("A" if token[-1] != "A" else "B") if forged else token
    return world.post(token, f"/cases/{case.id}/review", {"approve": True, "binding": binding, "note": ""})


def by_cli(world: World, case: Case, who: str, binding: str, forged: bool) -> bool:
    """What it sends is what it was answered; here somebody on the way has a hand in it."""
    if forged:
        login = Path(world.desk.environment("mallory")["KEYTURN_LOGIN_FILE"])
        hers = Path(world.desk.environment(who)["KEYTURN_LOGIN_FILE"]).read_text()
        login.write_text(re.sub(r"kt_[\w-]+", "kt_" + "f" * 43, hers))
        login.chmod(0o600)
    sends = Api.post

    def altered(self: Api, path: str, body: dict[str, Any] | None = None) -> Any:
        return sends(self, path, (body or {}) | ({"binding": binding} if path.endswith("/review") else {}))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Api, "post", altered)
        return world.desk.say("mallory" if forged else who, "approve", case.id).exit_code == 0


def by_page(world: World, case: Case, who: str, binding: str, forged: bool) -> bool:
    return _by_form(world, f"/c/{case.id}", case, who, binding, forged)


def by_message(world: World, case: Case, who: str, binding: str, forged: bool) -> bool:
    """A mail or a page has a link and nothing else: it decides nothing itself, with whatever is added to it; the page that it opens does."""
    found = re.search(rf"(http\S+)(/c/{case.id})\b", world.mailbox.of(case.id))
    assert found is not None
    before = world.plane.case(case.id)["approvals"]
    with world.plane.browser(who) as browser:
        for link in (
            "",
            "/approve",
            f"?approve=1&binding={case.binding}&note=",
            f"/approve?binding={case.binding}",
        ):
            browser.get(found[2] + link)
    assert world.plane.case(case.id)["approvals"] == before, "a link was followed"
    return _by_form(world, found[2], case, who, binding, forged)


def _by_form(
    world: World, path: str, case: Case, who: str, binding: str, forged: bool
) -> bool:  # a door, and its page
    with world.plane.browser(who) as browser:
        page = browser.get(path).text
        form = {"csrf": "f" * 64, "shown": "", "binding": binding, "note": ""}
        if 'name="shown"' in page:
            form |= {"csrf": field(page, "csrf"), "shown": field(page, "shown")}
        else:  # she is shown no buttons; she sends the form of a page that has some
            other = Case(world)
            shown = browser.get(f"/c/{other.id}").text
            form |= {name: field(shown, name) for name in ("csrf", "shown") if f'name="{name}"' in shown}
        if forged:  # another site's form, sent by her browser
            form["csrf"] = "f" * 64
        return browser.post(f"/c/{case.id}/approve", data=form).status_code == 303


class Terminal(Desk):
    """Somebody's own, who made it send what she likes, and show no reason why not."""

    def __init__(self, console: Any, binding: str) -> None:
        super().__init__(console, opens=bool)
        self.binding, self.counted = binding, list[bool]()

    async def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        review = body is not None and path.endswith("/review")
        found = await super().ask(path, (body or {}) | {"binding": self.binding} if review else body)
        if review or (path.startswith("/cases/") and found is None):
            self.counted.append(review and found is not None)
        return found


def by_terminal(world: World, case: Case, who: str, binding: str, forged: bool) -> bool:
    token = "kt_" + "f" * 43 if forged else world.plane.token(who)
    return asyncio.run(_typed(Terminal(Api(world.plane.url, token), binding), case.id))


async def _typed(terminal: Terminal, case: str) -> bool:
    """The case opened, approved, its name typed: whether the console took it."""

    async def until(holds: Callable[[], object]) -> None:
        for _ in range(600):
            if holds():
                return
            await pilot.pause(0.05)
        raise AssertionError(f"{terminal.screen}: {terminal.counted}")

    async with terminal.run_test(size=(110, 40)) as pilot:
        review = Review(case)
        terminal.push_screen(review)
        await until(lambda: review.found or terminal.counted)
        if not review.found:
            return False
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Review, "_why_not", lambda _self: "")
            await pilot.press("a")
            await until(lambda: isinstance(terminal.screen, Question))
        question = terminal.screen
        assert isinstance(question, Question)
        question._armed_at = 0.0
        question.query_one("#confirm", Input).value = case
        await pilot.press("enter")
        await until(lambda: terminal.counted)
    return terminal.counted[0]


def by_slack(world: World, case: Case, who: str, binding: str, forged: bool) -> bool:
    button = case.button | {"value": case.button["value"].replace(case.binding, binding)}
    assert (button == case.button) == (binding == case.binding)
    secret = "somebody-elses" if forged else SECRET
    answer = press(world.plane, {"dana": "UDANA", "bob": "UBOB"}[who], button, secret=secret)
    return answer.is_success and answer.json().get("text", "").startswith(f"{who} approved")


def by_batch(world: World, case: Case, who: str, binding: str, forged: bool) -> bool:
    """With another of its kind, under the root of the two."""
    other = Case(world)
    with world.plane.api("dana") as api:
        found = api.get("/batch", params={"case": [case.id, other.id]}).json()
    root = found.get("root", OTHER_BINDING) if binding == case.binding else binding
    token = "kt_" + "f" * 43 if forged else world.plane.token(who)
    return world.post(token, "/batch/review", {"cases": [case.id, other.id], "approve": True, "root": root})


DOORS: Final[dict[str, Door]] = {
    "API": by_api,
    "token": by_token,
    "command line": by_cli,
    "page": by_page,
    "link in a message": by_message,
    "terminal's desk": by_terminal,
    "Slack": by_slack,
    "batch": by_batch,
}

# Each attack is played through a door, and returns whether it counted.
Attack = Callable[[World, Door, Case], bool]


def forged(world: World, door: Door, case: Case) -> bool:
    """With a credential that nobody was given, or from another site."""
    return door(world, case, "dana", case.binding, True)


def altered(world: World, door: Door, case: Case) -> bool:
    """For something else than what was shown."""
    return door(world, case, "dana", OTHER_BINDING, False)


def replayed(world: World, door: Door, case: Case) -> bool:
    """What was meant for one case, sent for another that is just like it."""
    return door(world, case, "dana", Case(world).binding, False)


def late(world: World, door: Door, case: Case) -> bool:
    """After it was withdrawn."""
    with world.plane.api("bob") as api:
        api.post(f"/cases/{case.id}/withdraw", json={"reason": "never mind"}).raise_for_status()
    return door(world, case, "dana", case.binding, False)


def own(world: World, door: Door, case: Case) -> bool:
    """By who runs the agent."""
    return door(world, case, "bob", case.binding, False)


def own_drop(world: World, door: Door, case: Case) -> bool:
    """By who runs the agent, of what is left of its deed: dana asks that the backup of what it deleted be dropped."""
    return door(world, world.after_the_fact("drop", case), "bob", world.binding("drop"), False)


def own_again(world: World, door: Door, case: Case) -> bool:
    """The same of the deed done once more: an undo of what gave it back."""
    return door(world, world.after_the_fact("again", case), "bob", world.binding("again"), False)


def twice(world: World, door: Door, case: Case) -> bool:
    """Again, after it counted."""
    assert by_api(world, case, "dana", case.binding, False), "the first counts"
    return door(world, case, "dana", case.binding, False)


def unseen(world: World, door: Door, case: Case) -> bool:
    """Of more than can be shown in full: nobody can have read it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shown, "SHOWN_BYTES_MAX", 64)
        return door(world, case, "dana", case.binding, False)


ATTACKS: Final = (forged, altered, replayed, late, own, own_drop, own_again, twice, unseen)


@pytest.fixture(scope="module")
def world(
    plane: Plane, slack: Said, mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:  # the fixtures
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forms, "SHOWN_MS_MIN", -1)  # nobody reads here
        yield World(plane, slack, mailbox, tmp_path_factory.mktemp("people"))


@pytest.mark.parametrize("door", DOORS)
def test_an_approval_by_the_book_counts(world: World, door: str) -> None:
    """Through every door: else the table below would be true of doors that are shut."""
    case = Case(world)
    assert DOORS[door](world, case, "dana", case.binding, False)
    assert world.plane.case(case.id)["approvals"] == ["dana"]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
@pytest.mark.parametrize("door", DOORS)
def test_no_attack_counts_through_any_door(world: World, door: str, attack: Attack) -> None:
    """Eight doors, nine attacks. What is signed by passkey, and places that are lent, have tables of their own
    (tests/console/test_signing.py, tests/console/test_whose_turn.py).
    """
    case = Case(world)
    assert not attack(world, DOORS[door], case)
    assert world.plane.case(case.id)["approvals"] == (["dana"] if attack is twice else [])
    for other in world.made.values():
        found = world.plane.case(other)
        assert (found["phase"], found["approvals"]) == ("held", [])
