"""Nothing is judged on what was known, while what changes the judgement is being written: it waits for that, and is judged then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, cast

import pytest

from keyturn.core.case import Phase
from keyturn.core.plane import Plane
from keyturn.core.routing import New
from keyturn.errors import ReviewError
from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.notice import NoticeKind
from keyturn.model.people import Wanted
from keyturn.model.record import Draft, Entry
from keyturn.runtime.book import Book
from keyturn.runtime.interface import ReplyKind
from keyturn.runtime.notices import notice_of
from keyturn.runtime.shared_book import SharedBook
from keyturn.stores.interface import SharedStore
from keyturn.stores.memory import MemoryStore
from tests.core import core_world as w
from tests.runtime.calm import Calm, talk

# --- one process -----------------------------------------------------------------------------------------------------


async def being_written(world: Calm, kind: type[r.Event], writing: asyncio.Future[Any]) -> None:
    """Until an event of this kind is the last of the log, and nobody has heard of it yet."""
    while not isinstance(list(world.store.entries())[-1].event(), kind):  # noqa: ASYNC110  # a test waits
        await asyncio.sleep(0.001)
    assert not writing.done()


def test_the_next_words_do_not_overtake_a_no() -> None:
    """While the no to a change is being written the same is asked for in other words, and refused."""

    async def story(world: Calm) -> None:
        waiting = world.asking(world.change("Delete", "p1"))
        await world.settle_down(3.0)
        no = asyncio.ensure_future(world.review("anna", approve=False))
        await being_written(world, r.Reviewed, no)
        assert world.case().phase is Phase.HELD
        variant = await world.ask(world.change("Delete", "p1", force=True))
        assert (variant.kind, variant.case_id, variant.code) == (ReplyKind.DENIED, "C-1", "denied-before")
        assert (await no).phase is Phase.REJECTED
        await waiting
        assert [case.id for case in world.plane.cases()] == ["C-1"]

    talk(story, disk_s=0.5)


def test_nor_do_they_by_joining_another_case() -> None:
    """The create that is just denied would be the second half of a replace, too."""

    async def story(world: Calm) -> None:
        world.policy.strict = True
        create = world.asking(world.change("Create", "p1", value=7))
        await world.settle_down(3.0)
        world.policy.strict = False
        delete = world.asking(world.change("Delete", "p1"))
        await world.settle_down(3.0)
        assert [world.case(one).phase for one in ("C-1", "C-2")] == [Phase.HELD, Phase.HELD]
        no = asyncio.ensure_future(world.review("anna", approve=False))
        await being_written(world, r.Reviewed, no)
        again = await world.ask(world.change("Create", "p1", value=8))
        assert (again.kind, again.case_id, again.code) == (ReplyKind.DENIED, "C-1", "denied-before")
        assert "Joined" not in world.story("C-2")
        await asyncio.gather(no, create, delete)

    talk(story, disk_s=0.5)


def test_a_name_that_is_being_found_out_approves_nothing() -> None:
    """Olly is a reviewer; that he is olga, who runs the agent, is being written when his yes comes."""

    async def story(world: Calm) -> None:
        for user, roles in (("anna", ("administrator",)), ("olga", ("operator",)), ("olly", ("reviewer",))):
            await world.plane.record_user(by="anna", user=user, roles=roles, what="added")
        waiting = world.asking(world.change("Delete", "p1"))
        await world.settle_down(3.0)
        alias = Wanted("alias", "olly", people=("olga",), sort="login")
        proposing = asyncio.ensure_future(world.plane.propose(alias, by="anna"))
        await being_written(world, rv.AliasChanged, proposing)
        assert world.plane.people.person("olly") == "olly"
        with pytest.raises(ReviewError, match="cannot review C-1") as refused:
            await world.review("olly")
        assert refused.value.code == "own-agent"
        await asyncio.gather(proposing, waiting)
        assert "Reviewed" not in world.story()

    talk(story, disk_s=0.5)


def test_a_halt_that_is_being_written_is_a_halt() -> None:
    """What comes in meanwhile is no case."""

    async def story(world: Calm) -> None:
        halting = asyncio.ensure_future(world.plane.halt(by="anna", reason="looks odd"))
        await being_written(world, r.HaltRaised, halting)
        reply = await world.ask(world.change("Set", "t1", value=7))
        assert (reply.kind, reply.code) == (ReplyKind.REFUSED, "halted")
        await halting
        assert world.plane.cases() == ()

    talk(story, disk_s=0.5)


def test_who_reads_of_a_case_in_the_log_waits_until_it_has_moved() -> None:
    """People are told that it waits for them once it does: read a moment earlier, there was nothing to tell, and nobody looked again."""

    async def story(world: Calm) -> None:
        waiting = world.asking(world.change("Delete", "p1"))
        await being_written(world, r.Decided, waiting)
        decided = list(world.store.entries())[-1]
        assert notice_of(decided, world.case(), str) is None
        while world.plane.book.seq < decided.seq:  # noqa: ASYNC110  # a test waits
            await asyncio.sleep(0.001)
        told = notice_of(decided, world.case(), str)
        assert told is not None
        assert (told.kind, told.case_id) == (NoticeKind.HELD, "C-1")
        await world.review("anna", approve=False)
        await waiting

    talk(story, disk_s=0.5)


# --- whatever the order ----------------------------------------------------------------------------------------------


class Uneven(MemoryStore):
    """Orders at once; who waits hears when the disk has answered, sooner or later than others."""

    def __init__(self, chance: Random) -> None:
        super().__init__()
        self._chance = chance

    async def append(self, drafts: Sequence[Draft]) -> tuple[Entry, ...]:
        made = await super().append(drafts)
        await asyncio.sleep(self._chance.random() * 0.002)
        return made

    async def append_soon(self, drafts: Sequence[Draft]) -> None:
        await MemoryStore.append(self, drafts)


class OneTurn(MemoryStore):
    """What several tasks want to write is asked of all of them, then shown to them: a turn of `keyturn.stores.turns`."""

    writer = "a"

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[Callable[[], Sequence[Draft]], asyncio.Future[tuple[Entry, ...]]]] = []
        self.largest = 0

    def follow(self, after: int, fold: Callable[[Sequence[Entry]], None]) -> None:
        self._fold = fold

    async def turn(self, decide: Callable[[], Sequence[Draft]], *, soon: bool = False) -> tuple[Entry, ...]:
        waiting: asyncio.Future[tuple[Entry, ...]] = asyncio.get_running_loop().create_future()
        self.asked.append((decide, waiting))
        if len(self.asked) == 1:
            asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(self._serve()))
        return await waiting

    async def _serve(self) -> None:
        asked, self.asked = self.asked, []
        self.largest = max(self.largest, len(asked))
        made = [await self.append(drafts) for drafts in [decide() for decide, _ in asked]]
        self._fold([entry for entries in made for entry in entries])
        for (_, waiting), entries in zip(asked, made, strict=True):
            waiting.set_result(entries)


def shared() -> tuple[OneTurn, SharedBook]:
    store = OneTurn()
    book = SharedBook(cast("SharedStore", store))
    book.load()
    return store, book


def halted(plane: Plane) -> str:
    return plane.halted_by("kiro") or "nobody"


async def everybody_at_once(book: Book, chance: Random) -> None:
    """Cases are judged by whether everything is halted, and say so, while it is halted, resumed, and snapshots are taken."""

    def judged(_case: object) -> tuple[r.ReviewRefused]:
        said = halted(book.plane)
        return (r.ReviewRefused(at_ms=1, reviewer="anna", approve=True, code="seen", message=said),)

    async def judge(case_id: str) -> None:
        await book.record(case_id, r.Received(at_ms=1, change=w.change()))
        for _ in range(20):
            await asyncio.sleep(chance.random() * 0.002)
            await book.record_from(case_id, judged)

    async def halt() -> None:
        for _ in range(20):
            await book.note(r.HaltRaised(at_ms=1, by="anna", reason=""))
            await asyncio.sleep(chance.random() * 0.002)
            await book.note(r.HaltLifted(at_ms=1, by="anna"))

    async def save() -> None:
        for _ in range(5):
            await asyncio.sleep(chance.random() * 0.01)
            await book.save_snapshot()

    async with asyncio.timeout(20):
        await asyncio.gather(halt(), save(), *(judge(f"C-{number}") for number in range(1, 6)))


def judged_wrongly(store: MemoryStore) -> list[tuple[int, str, str]]:
    """Where what was judged is not what stands before it in the log: its number, what was said, and what was so."""
    plane, found, seen = Plane(), [], set()
    for entry in store.entries():
        event = entry.event()
        if isinstance(event, r.ReviewRefused):
            seen.add(event.message)
            if event.message != halted(plane):
                found.append((entry.seq, event.message, halted(plane)))
        if not entry.case_id:
            plane.apply(event)
    assert seen == {"anna", "nobody"}
    return found


@pytest.mark.parametrize("seed", range(5))
async def test_what_was_judged_is_what_the_log_says_before_it(seed: int) -> None:
    """However unevenly the disk answers, and whenever a snapshot is taken; and nobody waits for ever."""
    chance = Random(seed)
    store = Uneven(chance)
    await everybody_at_once(Book(store), chance)
    assert judged_wrongly(store) == []


@pytest.mark.parametrize("seed", range(5))
async def test_and_so_it_is_where_tasks_share_a_turn(seed: int) -> None:
    """Of one node: what another node wrote is folded before the turn, what another task of its own says is not."""
    store, book = shared()
    await everybody_at_once(book, Random(seed))
    assert judged_wrongly(store) == []
    assert store.largest > 1


async def test_a_no_and_the_next_words_in_one_turn() -> None:
    """The no is first: the same in other words is no case."""
    store, book = shared()
    case = w.held()
    assert case.change is not None
    assert case.assessment is not None
    assert case.decision is not None
    await book.record("C-1", r.Received(at_ms=1, change=case.change))
    await book.record("C-1", r.Assessed(at_ms=2, assessment=case.assessment))
    await book.record("C-1", r.Decided(at_ms=3, decision=case.decision, request=case.request))
    variant = w.change(w.operation(Force=True))

    def received() -> r.Received | None:
        new = isinstance(book.plane.route(variant, at_ms=11), New)
        return r.Received(at_ms=11, change=variant) if new else None

    no = book.record_from("C-1", lambda held: (w.no(held, "anna"),))
    after, opened = await asyncio.gather(no, book.open_case(received, session=variant.principal.session))
    assert (after.phase, opened, store.largest) == (Phase.REJECTED, "", 2)
