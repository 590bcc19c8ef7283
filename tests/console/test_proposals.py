"""Two administrators and whom they let in: by the API, over real stores, through crashes and from two nodes at once."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import httpx
import msgspec
import pytest

from keyturn.console import forms
from keyturn.console.identity import Identity
from keyturn.console.web import Web, make_app
from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.people import Member
from keyturn.runtime import Runtime, now_ms
from keyturn.runtime.settings import Settings
from keyturn.stores.interface import Store
from keyturn.stores.sqlite import SqliteStore
from keyturn.stores.sqlite_shared import SharedSqliteStore
from keyturn.stores.vault import Signer, Vault
from keyturn.testing.simulation.account import Account, SimulatedExecutor
from keyturn.testing.simulation.crashes import Process
from keyturn.testing.simulation.knowledge import SimulatedPolicy, SimulatedProvider
from tests.runtime.calm import CALM

KEY = b"f" * 32
FAR_MS = 4_000_000_000_000
ALONE = "there was no second administrator"


class House:
    """One node with its console; nothing listens, requests go straight in."""

    def __init__(self, store: Store) -> None:
        account = Account((), now_ms)
        self.store = store
        self.runtime = Runtime(
            store=store,
            vault=Vault(store, b"\x01" * 32),
            signer=Signer(b"\x02" * 32),
            providers={"sim": SimulatedProvider()},
            policy=SimulatedPolicy(),
            executor=SimulatedExecutor(account, Process(Random(1), may_crash=False), CALM, Random(2)),
            settings=Settings(public_url="https://keyturn.test"),
        )
        self.identity = Identity(store, self.runtime.record_user, now_ms)
        self.app: Web = make_app(self.runtime, self.identity, form_key=KEY)

    async def start(self) -> None:
        await self.runtime.start(r.Started(at_ms=now_ms(), version="1", catalogue="sim", mode="advisory"))
        await self.app.settle()

    def client(self, token: str = "") -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url="http://127.0.0.1", headers=headers
        )

    async def post(self, who: str, path: str, **body: Any) -> tuple[int, dict[str, Any]]:
        async with self.client(who) as client:
            answer = await client.post(f"/api/v1{path}", json=body)
        return answer.status_code, answer.json()

    async def get(self, token: str, path: str) -> dict[str, Any]:
        async with self.client(token) as client:
            found: dict[str, Any] = (await client.get(f"/api/v1{path}")).json()
        return found

    async def login(self, token: str) -> str:
        """The login, or the code of the refusal."""
        status, said = await self.post("", "/login", token=token)
        return str(said["token"] if status == 200 else said["error"]["code"])

    async def member(self, name: str, *roles: str) -> str:
        return await self.login(await self.identity.add(name, roles, by="test"))

    def told(self) -> list[str]:
        """What the log says about people, after those that the test itself put there."""
        return [
            type(event).__name__
            for entry in self.store.entries()
            if isinstance(event := entry.event(), r.UserChanged | rv.PeopleEvent) and event.by != "test"
        ]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = House(SqliteStore(tmp_path / "keyturn.db"))
    await made.start()
    yield made
    with contextlib.suppress(Exception):
        await made.runtime.close()


async def test_alone_she_acts_and_it_is_said(house: House) -> None:
    """The first administrator lets the second in by herself; from then on the two look at each other."""
    anna = await house.member("anna", "administrator")
    status, ben = await house.post(anna, "/users", name="ben", roles=["administrator"])
    assert (status, ben["proposal"], ben["unreviewed"]) == (200, "", ALONE)
    assert house.told() == ["Proposed", "ProposalDecided", "UserChanged"]
    assert (await house.login(ben["token"])).startswith("kt_")
    _, eve = await house.post(anna, "/users", name="eve", roles=["reviewer"])
    assert (eve["proposal"], eve["unreviewed"]) == ("P-2", "")


async def test_a_reviewer_is_let_in_by_two(house: House) -> None:
    """Proposed, approved, and logged in with both halves: neither of the two could have gone in as her."""
    anna, ben = await house.member("anna", "administrator"), await house.member("ben", "administrator")
    _, eve = await house.post(anna, "/users", name="eve", roles=["reviewer"])
    assert [one["name"] for one in (await house.get(anna, "/users"))["users"]] == ["anna", "ben"]
    (open_,) = (await house.get(ben, "/proposals"))["proposals"]
    assert {key: open_[key] for key in ("id", "by", "kind", "name", "before", "after")} == {
        "id": "P-1",
        "by": "anna",
        "kind": "user",
        "name": "eve",
        "before": "nobody",
        "after": "reviewer",
    }
    assert (await house.post(anna, "/proposals/P-1/approve"))[1]["error"]["code"] == "own-proposal"
    status, done = await house.post(ben, "/proposals/P-1/approve", note="she rang me")
    assert (status, done["approved"]) == (200, True)
    halves = (eve["token"], done["token"])
    for wrong in (*halves, f"{halves[1]}.{halves[0]}", f"{halves[0]}.", f".{halves[1]}", "."):
        assert await house.login(wrong) == "login"
    login = await house.login(".".join(halves))
    assert (await house.get(login, "/whoami"))["roles"] == ["reviewer"]
    assert await house.login(".".join(halves)) == "login"
    assert (await house.post(ben, "/proposals/P-1/approve"))[1]["error"]["code"] == "decided"
    assert house.told() == [
        "Proposed",
        "ProposalRefused",
        "ProposalDecided",
        "UserChanged",
        "ProposalRefused",
    ]
    assert (await house.get(ben, "/proposals"))["proposals"] == []


async def test_a_no_opens_nothing(house: House) -> None:
    """The half that was handed out is worth nothing, and the next proposal has a number of its own."""
    anna, ben = await house.member("anna", "administrator"), await house.member("ben", "administrator")
    _, eve = await house.post(anna, "/users", name="eve", roles=["reviewer"])
    assert (await house.post(ben, "/proposals/P-1/deny", note="who?"))[1]["approved"] is False
    assert await house.login(eve["token"]) == "login"
    assert house.identity.user("eve") is None
    assert (await house.post(anna, "/users", name="eve", roles=["reviewer"]))[1]["proposal"] == "P-2"


async def test_a_token_proposes_and_never_decides(house: House) -> None:
    """What decides over people is a person."""
    anna, ben = await house.member("anna", "administrator"), await house.member("ben", "administrator")
    _, made = await house.post(ben, "/tokens", name="sync", scopes=["read", "administer"])
    _, eve = await house.post(anna, "/users", name="eve", roles=["reviewer"])
    for verb in ("approve", "deny"):
        status, said = await house.post(made["token"], f"/proposals/{eve['proposal']}/{verb}")
        assert (status, said["error"]["code"]) == (403, "forbidden")
    status, said = await house.post(made["token"], "/users", name="zoe", roles=["reviewer"])
    assert (status, said["proposal"]) == (200, "P-2")


async def test_what_takes_away_acts_at_once(house: House) -> None:
    """Fewer roles and no person at all need nobody; and no login comes of it."""
    anna, _ = await house.member("anna", "administrator"), await house.member("ben", "administrator")
    await house.member("dora", "operator", "reviewer")
    status, said = await house.post(anna, "/users", name="dora", roles=["operator"])
    assert (status, said) == (200, {"user": "dora", "token": "", "proposal": "", "unreviewed": ""})
    assert (await house.post(anna, "/users/dora/remove"))[0] == 200
    assert house.told() == ["UserChanged", "UserChanged"]


async def test_a_login_for_somebody_who_is_there_waits(house: House) -> None:
    """Nobody becomes another reviewer by inviting her anew; and with two administrators neither invites the other."""
    anna, ben = await house.member("anna", "administrator"), await house.member("ben", "administrator")
    await house.member("dora", "reviewer")
    _, first = await house.post(anna, "/users/dora/invite")
    _, second = await house.post(ben, f"/proposals/{first['proposal']}/approve")
    login = await house.login(f"{first['token']}.{second['token']}")
    assert (await house.get(login, "/whoami"))["user"] == "dora"
    assert (await house.post(anna, "/users/ben/invite"))[1]["error"]["code"] == "nobody-left"


async def test_teams_names_and_owners(house: House) -> None:
    """They have one door, and it is this one."""
    anna, ben = await house.member("anna", "administrator"), await house.member("ben", "administrator")
    await house.member("dora", "reviewer")
    await house.member("erin", "reviewer")
    await house.runtime.book.note(rv.TeamChanged(0, "test", "base", (Member("dora"),)))
    before = house.runtime.people
    for path, wish in DOORS:
        _, said = await house.post(anna, path, **wish)
        proposals, now = house.runtime.people.proposals, house.runtime.people
        assert (said["proposal"] in proposals.waiting, said["unreviewed"]) == (True, "")
        assert msgspec.structs.replace(now, proposals=before.proposals) == before, "nothing changed yet"
        assert (await house.post(anna, f"/proposals/{said['proposal']}/approve"))[0] == 403
        assert (await house.post(ben, f"/proposals/{said['proposal']}/deny"))[0] == 200
    for path, wish in DOORS:
        _, said = await house.post(anna, path, **wish)
        assert (await house.post(ben, f"/proposals/{said['proposal']}/approve"))[0] == 200, wish
    people = house.runtime.people
    assert {team: [one.person for one in members] for team, members in people.teams.items()} == {
        "base": ["dora"],
        "ops": ["dora"],
        "night": ["erin"],
    }
    assert (people.person("dora-bot"), people.person("dora-ci")) == ("dora", "dora")
    assert people.owners == {"kiro": ("dora",), "cline": ("erin",)}
    assert [(one.person, one.to) for one in people.delegations] == [("dora", "erin")]


DOORS: list[tuple[str, dict[str, Any]]] = [
    (
        "/proposals",
        {"kind": "team", "name": "ops", "members": [{"person": "dora", "environments": ["production"]}]},
    ),
    ("/teams/night", {"members": [{"person": "erin"}]}),
    ("/proposals", {"kind": "alias", "name": "dora-bot", "people": ["dora"]}),
    ("/aliases", {"name": "dora-ci", "person": "dora", "kind": "token"}),
    ("/proposals", {"kind": "owners", "name": "kiro", "people": ["dora"]}),
    ("/agents/cline/owners", {"owners": ["erin"]}),
    ("/delegations", {"person": "dora", "to": "erin", "until_ms": FAR_MS, "from_ms": FAR_MS - 60_000}),
]
"""Every way to give somebody more among people, beside users and logins."""


async def test_her_own_place_she_lends_herself(house: House) -> None:
    """It makes nobody more who can approve: a place that is lent counts once."""
    await house.member("anna", "administrator")
    await house.member("ben", "administrator")
    dora, _ = await house.member("dora", "reviewer"), await house.member("erin", "reviewer")
    await house.runtime.book.note(rv.TeamChanged(0, "test", "ops", (Member("dora"),)))
    status, said = await house.post(dora, "/delegations", to="erin", until_ms=now_ms() + 60_000)
    assert (status, said["proposal"], said["delegations"][0]["to"]) == (200, "", "erin")
    assert (await house.post(dora, "/delegations/end", to="erin"))[1]["delegations"] == []


async def test_leaving_a_team_needs_nobody(house: House) -> None:
    """To take a right away is one person's act, so that it can be done at night."""
    anna, _ = await house.member("anna", "administrator"), await house.member("ben", "administrator")
    await house.member("dora", "reviewer")
    await house.member("erin", "reviewer")
    await house.runtime.book.note(rv.TeamChanged(0, "test", "ops", (Member("dora"), Member("erin"))))
    status, said = await house.post(anna, "/teams/ops", members=[{"person": "erin"}])
    assert (status, said["proposal"], said["teams"]) == (200, "", {"ops": [{"person": "erin"}]})
    status, said = await house.post(anna, "/teams/ops/remove")
    assert (status, said["proposal"], said["teams"]) == (200, "", {})


async def test_a_crash_before_the_tables_followed(tmp_path: Path) -> None:
    """The log decides: what it says of roles and of who was removed is so after the next start, whatever the tables said."""
    house = House(SqliteStore(tmp_path / "keyturn.db"))
    await house.start()
    anna, ben = await house.member("anna", "administrator"), await house.member("ben", "administrator")
    gone = await house.member("gone", "reviewer")
    await house.post(anna, "/users", name="eve", roles=["reviewer"])
    await house.runtime.decide_proposal("P-1", by="ben", approve=True)  # and the process dies here
    await house.runtime.record_user(by="anna", user="gone", roles=(), what="removed")  # and another one here
    await house.runtime.close()
    again = House(SqliteStore(tmp_path / "keyturn.db"))
    await again.start()
    eve = again.identity.user("eve")
    assert eve is not None
    assert eve.roles == ("reviewer",)
    assert again.identity.user("gone") is None
    assert again.identity.who(gone) is None
    assert (await again.post(ben, "/proposals/P-1/approve"))[1]["error"]["code"] == "decided"
    await again.runtime.close()


async def test_two_nodes_decide_once(tmp_path: Path) -> None:
    """Approved at two consoles in the same moment: one yes stands in the log, with one effect; the other is told."""
    path = tmp_path / "keyturn.db"
    one = House(SharedSqliteStore(path, writer="a", lease_s=2.0))
    await one.start()
    other = House(SharedSqliteStore(path, writer="b", lease_s=2.0))
    await other.start()
    anna = await one.member("anna", "administrator")
    ben, cleo = await one.member("ben", "administrator"), await one.member("cleo", "administrator")
    _, eve = await one.post(anna, "/users", name="eve", roles=["reviewer"])
    await other.runtime.book.abreast()
    said = await asyncio.gather(
        one.post(ben, "/proposals/P-1/approve"), other.post(cleo, "/proposals/P-1/approve")
    )
    assert sorted(status for status, _ in said) == [200, 409]
    second = next(done["token"] for status, done in said if status == 200)
    assert (await other.login(f"{eve['token']}.{second}")).startswith("kt_")
    await one.runtime.book.abreast()
    assert sorted(one.told()) == ["ProposalDecided", "ProposalRefused", "Proposed", "UserChanged"]
    for house in (one, other):
        await house.runtime.close()


async def test_on_her_page(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """An administrator sees what waits and decides it there; who is none sees nothing of it."""
    monkeypatch.setattr(forms, "SHOWN_MS_MIN", -1)
    anna, ben = await house.member("anna", "administrator"), await house.member("ben", "administrator")
    dora = await house.member("dora", "reviewer")
    await house.post(anna, "/users", name="eve", roles=["reviewer"])
    async with house.client() as browser:
        browser.cookies.set("keyturn", dora)
        assert "P-1" not in (await browser.get("/me")).text
        browser.cookies.clear()
        browser.cookies.set("keyturn", ben)
        page = (await browser.get("/me")).text
        assert "P-1" in page
        shown = page.partition('name="shown" value="')[2].partition('"')[0]
        csrf = hmac.new(KEY, ben.encode(), "sha256").hexdigest()
        done = await browser.post("/me/proposals/P-1/approve", data={"csrf": csrf, "shown": shown})
    assert (done.status_code, "P-1 is approved" in done.text) == (200, True)
    assert house.identity.user("eve") is not None
