"""Policies that relax something, loaded on real stores by one node and by two: what decides, what is said, who puts them in force."""

from __future__ import annotations

import asyncio
import hmac
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

import msgspec
import pytest

from keyturn.app import said_of_policy
from keyturn.cli import text
from keyturn.console import forms
from keyturn.console.identity import Identity
from keyturn.console.web import make_app
from keyturn.core.people import People
from keyturn.errors import PolicyError
from keyturn.explaining.loaded import Loaded
from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.policy import CedarEngine, Source, load_sources
from keyturn.policy_texts import NO_PROVER, StoredTexts
from keyturn.runtime import Runtime, now_ms
from keyturn.runtime.settings import Settings
from keyturn.stores.bundle import POLICIES
from keyturn.stores.interface import Store
from keyturn.stores.sqlite import SqliteStore
from keyturn.stores.sqlite_shared import SharedSqliteStore
from keyturn.stores.vault import Signer, Vault
from keyturn.testing.simulation.account import Account, SimulatedExecutor
from keyturn.testing.simulation.crashes import Process
from keyturn.testing.simulation.knowledge import SimulatedProvider
from tests.console.test_proposals import KEY, House
from tests.runtime.calm import CALM

PERMIT: Final = '@id("base.all") permit (principal, action, resource);\n'
HOLD: Final = '@id("base.lasting") @outcome("hold") @quorum("{quorum}") forbid (principal, action, resource) when {{ {when} }};\n'


def policies(when: str = "context.production", quorum: int = 2) -> CedarEngine:
    return load_sources([Source("base/base.cedar", PERMIT + HOLD.format(when=when, quorum=quorum))])


STRICT, LOOSE = policies(), policies(quorum=1)
TIGHTER = policies('context.production || context.effect == "delete"')


class Ruled(House):
    """One node that loads these policies when it starts."""

    def __init__(self, store: Store, engine: CedarEngine) -> None:
        account = Account((), now_ms)
        self.store, self.given = store, engine
        self.runtime = Runtime(
            store=store,
            vault=Vault(store, b"\x01" * 32),
            signer=Signer(b"\x02" * 32),
            providers={"sim": SimulatedProvider()},
            policy=engine,
            executor=SimulatedExecutor(account, Process(Random(1), may_crash=False), CALM, Random(2)),
            settings=Settings(public_url="https://keyturn.test"),
            texts=StoredTexts(store, lambda: 3_600),
        )
        self.identity = Identity(store, self.runtime.record_user, now_ms)
        rules = Loaded(lambda: self.engine, lambda: (), dict)
        self.app = make_app(self.runtime, self.identity, form_key=KEY, policies=rules)

    @property
    def engine(self) -> CedarEngine:
        found = self.runtime.work.policy
        assert isinstance(found, CedarEngine)
        return found

    def loading(self, engine: CedarEngine) -> r.PolicyLoaded:
        return r.PolicyLoaded(now_ms(), engine.digest, ("base",), enforcing=True)

    async def start(self) -> None:
        started = r.Started(at_ms=now_ms(), version="1", catalogue="sim", mode="advisory")
        await self.runtime.start(started, self.loading(self.given))
        await self.app.settle()

    async def reload(self, engine: CedarEngine) -> None:
        settings = self.runtime.settings
        await self.runtime.reload(engine, settings, {"sim": SimulatedProvider()}, self.loading(engine))

    def on_log(self) -> list[str]:
        """What the log says of policy, and of who agreed to it."""
        kinds = (r.PolicyLoaded, rv.Proposed, rv.ProposalDecided, rv.ProposalRefused)
        return [
            type(event).__name__
            for entry in self.store.entries()
            if isinstance(event := entry.event(), kinds)
        ]


async def begun(path: Path, engine: CedarEngine = STRICT) -> tuple[Ruled, str, str]:
    """A node with two administrators, under what it was given first."""
    house = Ruled(SqliteStore(path / "keyturn.db"), engine)
    await house.start()
    return (
        house,
        await house.member("anna", "administrator"),
        await house.member("ben", "administrator"),
    )


async def again(house: Ruled, path: Path, engine: CedarEngine) -> Ruled:
    """The next start of the same installation."""
    await house.runtime.close()
    made = Ruled(SqliteStore(path / "keyturn.db"), engine)
    await made.start()
    return made


async def test_relaxed_by_two(tmp_path: Path) -> None:
    """Loaded, said everywhere with an example, approved by one and by another: then, and not before, it decides."""
    house, anna, ben = await begun(tmp_path)
    await house.reload(LOOSE)
    assert house.engine.digest == STRICT.digest
    (waits,) = house.runtime.status()["policy_waits"]
    assert (waits["id"], waits["by"], waits["packs"]) == ("P-1", "the configuration", ["base"])
    assert all(line.startswith("fewer reviewers are asked for: ") for line in waits["relaxes"])
    assert "in production, e.g. " in waits["relaxes"][0]
    assert said_of_policy(house.runtime.status())[0].startswith("NOT IN FORCE: base lets more through")
    assert "POLICY     P-1 waits: base would let more through" in text.status(house.runtime.status())
    (listed,) = (await house.get(anna, "/proposals"))["proposals"]
    assert (listed["kind"], listed["before"], listed["after"]) == ("policy", STRICT.digest, LOOSE.digest)
    assert listed["relaxes"][: len(waits["relaxes"])] == waits["relaxes"]

    status, hers = await house.post(anna, "/proposals/P-1/approve")
    assert (status, hers["approved"], hers["waits"], house.engine.digest) == (200, False, True, STRICT.digest)
    assert (await house.post(anna, "/proposals/P-1/approve"))[1]["error"]["code"] == "own-proposal"
    status, done = await house.post(ben, "/proposals/P-1/approve", note="we talked")
    assert (status, done["approved"], done["waits"]) == (200, True, False)
    assert house.engine.digest == LOOSE.digest == house.runtime.status()["policy_digest"]
    assert house.on_log() == [
        "PolicyLoaded",
        *("Proposed", "Proposed", "ProposalRefused", "ProposalDecided", "PolicyLoaded"),
    ]
    assert said_of_policy(house.runtime.status()) == []
    await house.runtime.close()


async def test_tightened_by_whoever_loads_it(tmp_path: Path) -> None:
    """It is proved to relax nothing, and needs nobody."""
    house, _, _ = await begun(tmp_path)
    await house.reload(TIGHTER)
    assert (house.engine.digest, house.on_log()) == (TIGHTER.digest, ["PolicyLoaded", "PolicyLoaded"])
    await house.runtime.close()


async def test_a_start_with_relaxed_files_keeps_what_was_in_force(tmp_path: Path) -> None:
    """Editing a file and starting anew is no way round; nor is starting twice; and approved it is still there after the next start."""
    house, anna, ben = await begun(tmp_path)
    house = await again(house, tmp_path, LOOSE)
    assert house.engine.digest == STRICT.digest
    assert (await house.post(anna, "/proposals/P-1/approve"))[0] == 200
    house = await again(house, tmp_path, LOOSE)
    assert (house.engine.digest, house.on_log().count("Proposed")) == (STRICT.digest, 2)
    assert (await house.post(ben, "/proposals/P-1/approve"))[1]["approved"] is True
    house = await again(house, tmp_path, LOOSE)
    assert (house.engine.digest, house.runtime.status()["policy_waits"]) == (LOOSE.digest, [])
    await house.runtime.close()


async def test_denied_it_stays_out_and_that_is_said(tmp_path: Path) -> None:
    """What is on disk is not in force; nobody has to guess why."""
    house, _, ben = await begun(tmp_path)
    await house.reload(LOOSE)
    assert (await house.post(ben, "/proposals/P-1/deny"))[0] == 200
    status = house.runtime.status()
    assert (house.engine.digest, status["policy_configured"]) == (STRICT.digest, LOOSE.digest)
    assert said_of_policy(status)[0].startswith("NOT IN FORCE: the policies on disk were denied")
    assert "NOT IN FORCE: denied" in text.status(status)
    await house.runtime.close()


async def test_alone_it_is_in_force_and_unreviewed(tmp_path: Path) -> None:
    """As for people: on the log, and in what attention says of who acted alone."""
    house = Ruled(SqliteStore(tmp_path / "keyturn.db"), STRICT)
    await house.start()
    await house.member("anna", "administrator")
    await house.reload(LOOSE)
    assert house.engine.digest == LOOSE.digest
    assert house.on_log() == ["PolicyLoaded", "Proposed", "ProposalDecided", "PolicyLoaded"]
    (alone,) = (await house.runtime.attention(since_ms=0, until_ms=now_ms() + 1, budget=10)).alone
    assert (alone.by, alone.what.split(":")[0]) == ("the configuration", "policy base")
    await house.runtime.close()


async def test_what_cannot_be_proved_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without z3, or where it gives up, nobody knows that nothing is relaxed."""
    monkeypatch.setitem(sys.modules, "keyturn.policy.proving", None)
    house, _, _ = await begun(tmp_path)
    await house.reload(TIGHTER)
    (waits,) = house.runtime.status()["policy_waits"]
    assert (house.engine.digest, waits["relaxes"]) == (STRICT.digest, [NO_PROVER])
    await house.runtime.close()


async def test_a_policy_whose_text_is_lost(tmp_path: Path) -> None:
    """It can neither stay in force nor be compared with: the start refuses, and what it is given first is not taken for granted."""
    house, _, _ = await begun(tmp_path)
    await house.store.delete_row(POLICIES, STRICT.digest)
    await house.runtime.close()
    lost = Ruled(SqliteStore(tmp_path / "keyturn.db"), LOOSE)
    with pytest.raises(PolicyError) as refused:
        await lost.start()
    assert refused.value.code == "no-text"
    await lost.store.close()
    back = Ruled(SqliteStore(tmp_path / "keyturn.db"), STRICT)
    await back.start()
    assert back.engine.digest == STRICT.digest
    await back.runtime.close()


async def test_two_nodes_follow_the_log(tmp_path: Path) -> None:
    """Loaded at one and approved at the other, it decides at both, and before that at neither; also where both load it at once."""
    path = tmp_path / "keyturn.db"
    one = Ruled(SharedSqliteStore(path, writer="a", lease_s=2.0), STRICT)
    await one.start()
    other = Ruled(SharedSqliteStore(path, writer="b", lease_s=2.0), STRICT)
    await other.start()
    anna, ben = await one.member("anna", "administrator"), await one.member("ben", "administrator")
    await other.runtime.book.abreast()
    await asyncio.gather(one.reload(LOOSE), other.reload(LOOSE))
    assert one.on_log().count("Proposed") == 1
    assert {one.engine.digest, other.engine.digest} == {STRICT.digest}
    assert (await one.post(anna, "/proposals/P-1/approve"))[1]["waits"] is True
    await other.runtime.book.abreast()
    assert (await other.post(ben, "/proposals/P-1/approve"))[1]["approved"] is True
    await one.runtime.book.abreast()
    assert {one.engine.digest, other.engine.digest} == {LOOSE.digest}
    await other.reload(TIGHTER)
    await one.runtime.book.abreast()
    assert {one.engine.digest, other.engine.digest} == {TIGHTER.digest}, "who did not load it follows, too"
    for house in (one, other):
        await house.runtime.close()


async def test_on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody reads what waits and why; an administrator has its buttons there."""
    monkeypatch.setattr(forms, "SHOWN_MS_MIN", -1)
    house, anna, ben = await begun(tmp_path)
    dora = await house.member("dora", "reviewer")
    await house.reload(LOOSE)
    await house.post(anna, "/proposals/P-1/approve")
    async with house.client() as browser:
        browser.cookies.set("keyturn", dora)
        hers = (await browser.get("/policy")).text
        assert ("Not in force: base" in hers, "Approve P-1" in hers) == (True, False)
        assert "fewer reviewers are asked for: " in hers
        browser.cookies.clear()
        browser.cookies.set("keyturn", ben)
        page = (await browser.get("/policy")).text
        assert "Approve P-1" in page
        shown = page.partition('name="shown" value="')[2].partition('"')[0]
        csrf = hmac.new(KEY, ben.encode(), "sha256").hexdigest()
        done = await browser.post("/me/proposals/P-1/approve", data={"csrf": csrf, "shown": shown})
        assert (done.status_code, house.engine.digest) == (303, LOOSE.digest)
        assert "Not in force" not in (await browser.get("/policy")).text
    await house.runtime.close()


async def test_an_older_snapshot_does_not_forget_it(tmp_path: Path) -> None:
    """One that was written before this was folded says nothing of policy; the log does."""
    house, _, _ = await begun(tmp_path)
    proposals = house.runtime.people.proposals
    house.runtime.book.plane.people = _without_policy(house.runtime.people)
    await house.runtime.book.save_snapshot()
    await house.store.close()
    made = Ruled(SqliteStore(tmp_path / "keyturn.db"), LOOSE)
    await made.start()
    assert proposals.policy is not None
    assert made.engine.digest == proposals.policy.policy_digest == STRICT.digest
    await made.runtime.close()


def _without_policy(people: People) -> People:
    proposals = msgspec.structs.replace(people.proposals, policy=None)
    return msgspec.structs.replace(people, proposals=proposals)


@pytest.fixture(autouse=True)
def _no_engine_is_shared() -> Iterator[None]:
    """Engines are of the module; their handles are dropped after each test."""
    yield
    for engine in (STRICT, LOOSE, TIGHTER):
        engine.forget()
