"""What reads the log reads each entry once: evidence, counts and attention; and who follows it is woken, and does not ask again and again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from keyturn.console.agents import Tallies, agents
from keyturn.core.evidence import ALL, Filter
from keyturn.core.reconciling import Calls
from keyturn.model import record as r
from keyturn.model.execution import Outcome, OutcomeStatus
from keyturn.model.record import Draft, Entry, EntryBody
from keyturn.stores.sqlite import SqliteStore
from tests.console.test_proposals import House
from tests.core import core_world as w


class Counting(SqliteStore):
    """Counts the entries that are read one by one, but those of a single case."""

    read = 0

    def entries(self, **asked: Any) -> Iterator[Entry]:
        for entry in super().entries(**asked):
            self.read += not asked.get("case_id")
            yield entry


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = House(Counting(tmp_path / "keyturn.db"))
    await made.start()
    made.runtime.book.act = lambda _case, _command: None  # cases of a log, which nobody works on
    yield made
    await made.runtime.close()


async def _cases(house: House, first: int, last: int) -> None:
    for number in range(first, last):
        await house.runtime.book.record(f"C-{number}", r.Received(at_ms=number, change=w.change()))
    await house.store.append(())


async def test_each_entry_is_read_once(house: House) -> None:
    """A second look at evidence, counts or attention reads what came since, and says what a first look at all of it would say."""
    runtime, store = house.runtime, house.store
    assert isinstance(store, Counting)
    await _cases(house, 1, 40)
    assert (await runtime.evidence.counts())["received"] == 39
    before = store.read
    await _cases(house, 40, 43)
    assert (await runtime.evidence.counts())["received"] == 42
    assert len((await runtime.evidence.index()).cases) == 42
    await runtime.attention(since_ms=0, until_ms=100, budget=10)
    assert (await runtime.sample(ALL, count=5, seed="s")).in_log == 42
    assert store.read - before == 3
    chosen = (await runtime.evidence.index()).chosen(Filter(since_ms=41, until_ms=42))
    assert list(chosen) == ["C-41"]


async def test_calls_are_read_of_the_cases_that_sent_some(house: House) -> None:
    """Of three cases in two hundred, of that time alone; and what is said is what a fold over the whole log would say, in its order."""
    store = house.store
    assert isinstance(store, Counting)
    await _cases(house, 1, 200)
    sent = [r.Sent(at_ms=at, nonce="n") for at in (300, 310, 320)]
    drill = r.DrillBegun(at_ms=305, resource=w.TABLE, scratch=w.TABLE, by="ada")
    await store.append(
        [
            Draft("C-9", sent[0]),
            Draft("", drill),
            Draft("C-7", sent[1]),
            Draft("C-9", r.Answered(at_ms=311, outcome=Outcome(status=OutcomeStatus.SUCCEEDED))),
            Draft("C-8", sent[2]),
        ]
    )
    whole = Calls()
    for entry in store.entries():
        whole.see(msgspec.json.decode(entry.body, type=EntryBody))
    evidence = house.runtime.evidence
    await evidence.counts()
    before = store.read
    for since_ms, until_ms, cases in (
        (0, None, ["C-9", "", "C-7", "C-8"]),
        (310, 320, ["C-7"]),
        (400, None, []),
    ):
        found = await evidence.calls(since_ms=since_ms, until_ms=until_ms)
        assert found == whole.found(since_ms=since_ms, until_ms=until_ms)
        assert [call.case for call in found] == cases
    assert store.read == before
    assert evidence._departures.cases(since_ms=312, until_ms=None) == ("C-8",)


async def test_as_of_an_earlier_entry(house: House) -> None:
    """Who reads as far as a checkpoint gets that, also where others have read on; and nobody's reading is spoilt by it."""
    await _cases(house, 1, 10)
    upto = house.runtime.book.seq
    await _cases(house, 10, 20)
    evidence = house.runtime.evidence
    assert len((await evidence.index()).cases) == 19
    assert len((await evidence.index(until=upto)).cases) == 9
    assert len((await evidence.index()).cases) == 19


async def test_who_follows_the_log_is_woken(house: House) -> None:
    """The answer comes with the entry; what is there already is given at once, and nothing comes of nothing."""
    anna = await house.member("anna", "auditor")
    head = house.runtime.head()
    waiting = asyncio.create_task(house.get(anna, f"/log?after={head}&wait_s=10"))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await _cases(house, 1, 2)
    assert [line["event"] for line in (await waiting)["lines"]] == ["received"]
    assert len((await house.get(anna, f"/log?after={head}&wait_s=10"))["lines"]) == 1
    nothing = await house.get(anna, f"/log?after={house.runtime.head()}&wait_s=1")
    assert nothing == {"head": house.runtime.head(), "lines": []}
    assert not house.runtime.book._subscribers, "who has left is not told any more"
    for wrong in ("after=x", "wait_s=-1", "after=1234567890"):
        async with house.client(anna) as client:
            assert (await client.get(f"/api/v1/log?{wrong}")).status_code == 400


async def test_one_agent_is_worked_out_alone(house: House) -> None:
    """Asked about one, the figures of one are made: the same as among all."""
    await _cases(house, 1, 4)
    tallies = Tallies().of(house.runtime)
    every = agents(tallies, (), {"": "anna", "cline": "anna"}, now_ms=10)
    assert [one["name"] for one in every] == ["kiro", "cline"]
    for one in every:
        assert agents(tallies, (), {"": "anna", "cline": "anna"}, now_ms=10, only=one["name"]) == [one]


async def test_what_is_kept_of_cases_is_what_they_are_now(house: House) -> None:
    """Kept until another event is folded; then what changed is looked at, and the figures are those of a page made anew."""
    kept = Tallies()
    await _cases(house, 1, 4)
    first = kept.of(house.runtime)
    assert kept.of(house.runtime) is first
    await house.runtime.book.record("C-2", r.Halted(at_ms=9, by="olga"))
    await _cases(house, 4, 6)
    now = agents(kept.of(house.runtime), (), {}, now_ms=10)
    assert now == agents(Tallies().of(house.runtime), (), {}, now_ms=10)
    assert [(one["asked"], one["open"]) for one in agents(first, (), {}, now_ms=10)] == [(3, 3)]
    assert [(one["asked"], one["open"]) for one in now] == [(5, 4)]
