"""Backups that go: dropped by a person, retired by the plane; what somebody needs stays; a crash at any of it repeats nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from keyturn.core.case import Case, Phase
from keyturn.core.plane import from_snapshot, snapshot
from keyturn.core.ports import Inquiry
from keyturn.errors import ReviewError, UnavailableError
from keyturn.model import record as r
from keyturn.model.assessment import Reversibility
from keyturn.model.decision import Verdict
from keyturn.model.execution import Backup, Call, Role
from tests.runtime.calm import SETTINGS, Calm, talk
from tests.runtime.cutting import Cut, or_died

DAY_S = 86_400
KEEPS = msgspec.structs.replace(SETTINGS, keep_days=2)


async def _deleted(world: Calm) -> Case:
    """`p1` is deleted with two approvals, after its backup."""
    asking = world.asking(world.change("Delete", "p1"))
    await world.settle_down(0.5)
    await world.review("anna")
    await world.review("berta")
    await asking
    await world.settle_down()
    return world.case()


async def _later(world: Calm, days: float) -> None:
    """Days pass, as far as the plane's clock goes, and it looks what is due: a second of virtual time costs a tick each."""
    before = world.plane.work.clock
    world.plane.work.clock = world.account._clock = lambda: before() + int(days * DAY_S * 1000)
    await world.plane.retiring.sweep()
    await world.settle_down()


def _steps(world: Calm, what: str) -> list[str]:
    return [one.token for one in world.account.journal if one.what == "step" and one.token == what]


def test_a_person_drops_a_backup_and_the_undo_says_so_from_then_on() -> None:
    """It is a case of its own, held as policy says, executed when somebody else approves; the undo knows when, by whom and why."""

    async def story(world: Calm) -> None:
        deleted = await _deleted(world)
        assert (deleted.phase, [one.reference for one in deleted.kept]) == (Phase.CONFIRMED, ["C-1-p1"])
        drop = await world.plane.drop_backups("C-1", by="anna", reason="the data has left its retention")
        assert (drop.id, drop.phase, drop.change and drop.change.drops) == ("C-2", Phase.HELD, "C-1")
        assert drop.assessment is not None
        assert (drop.assessment.reversibility, drop.assessment.environment) == (
            Reversibility.R4,
            "production",
        )
        assert drop.assessment.findings[0].message == (
            "The backup of C-1 goes for good (sim:thing/p1). What C-1 took does not come back after that."
        )
        with pytest.raises(ReviewError, match="C-2 removes the backup of C-1 already"):
            await world.plane.drop_backups("C-1", by="berta", reason="I was first")
        await world.review("berta", "C-2")
        await world.review("carla", "C-2")
        await world.settle_down()
        assert (world.case("C-2").phase, world.account.backups) == (Phase.CONFIRMED, {})
        assert world.case().kept == ()
        (retired,) = world.case().retired
        assert (retired.by, retired.reason, retired.references, retired.by_case) == (
            "anna",
            "the data has left its retention",
            ("C-1-p1",),
            "C-2",
        )
        with pytest.raises(ReviewError, match=r"the backup of C-1 was retired on .* by anna in C-2"):
            await world.plane.drop_backups("C-1", by="anna", reason="again")
        with pytest.raises(ReviewError, match="C-2 removed a backup, which does not come back"):
            await world.plane.undo("C-2", by="anna")
        assert from_snapshot(snapshot(world.plane.book.plane)).material == {}
        assert world.plane.shelf() == ()

    talk(story)


def test_who_asked_does_not_approve_it_and_a_reason_is_asked_for() -> None:
    """As with every other change of a person's; without a word why nothing is opened."""

    async def story(world: Calm) -> None:
        await _deleted(world)
        with pytest.raises(ReviewError, match="say why"):
            await world.plane.drop_backups("C-1", by="anna", reason=" ")
        await world.plane.drop_backups("C-1", by="anna", reason="old")
        with pytest.raises(ReviewError):
            await world.review("anna", "C-2")
        assert world.case("C-2").approvals == ()

    talk(story)


def test_what_was_kept_as_long_as_was_said_is_retired_by_the_plane() -> None:
    """After two days, and not before; the case says by which setting; nobody has to approve what was set. Not while halted."""

    async def story(world: Calm) -> None:
        await _deleted(world)
        (shelved,) = world.plane.shelf()
        assert (shelved.case, shelved.needed, shelved.keeps_until_ms) == (
            "C-1",
            "",
            shelved.backup.taken_at_ms + 2 * DAY_S * 1000,
        )
        await _later(world, 1.9)
        assert list(world.account.backups) == ["C-1-p1"]
        await world.plane.halt(by="anna", reason="quiet")
        await _later(world, 1)
        assert list(world.account.backups) == ["C-1-p1"]
        await world.plane.resume(by="anna")
        await world.settle_down(3_700)  # by itself: it looks every hour
        assert world.account.backups == {}
        drop = world.case("C-2")
        assert drop.decision is not None
        assert (drop.phase, drop.decision.verdict, drop.decision.reasons[0].policy) == (
            Phase.CONFIRMED,
            Verdict.ALLOW,
            "keyturn.retention",
        )
        assert [one.by for one in world.case().retired] == ["keyturn"]
        await _later(world, 2)
        assert world.plane.case("C-3") is None, "nothing is left to retire"

    talk(story, settings=KEEPS)


def test_a_promise_is_kept_though_the_setting_was_made_shorter() -> None:
    """Reviewers approved a backup that is kept ten days; that it is two by now is true of those that are taken from now on."""

    async def story(world: Calm) -> None:
        deleted = await _deleted(world)
        assert deleted.request is not None
        assert (deleted.request.keep_days, deleted.backups[0].keep_days) == (10, 10)
        world.plane.work.settings = world.plane.settings = KEEPS
        await _later(world, 9)
        assert list(world.account.backups) == ["C-1-p1"]
        await _later(world, 1.1)
        assert world.account.backups == {}

    talk(story, settings=msgspec.structs.replace(SETTINGS, keep_days=10))


def test_without_an_end_nothing_is_retired() -> None:
    """0 is until a person drops it."""

    async def story(world: Calm) -> None:
        await _deleted(world)
        await _later(world, 400)
        assert list(world.account.backups) == ["C-1-p1"]
        assert [one.keeps_until_ms for one in world.plane.shelf()] == [None]

    talk(story, settings=msgspec.structs.replace(SETTINGS, keep_days=0))


def _needed(world: Calm) -> str:
    return world.plane.shelf()[0].needed


def test_a_backup_that_somebody_needs_stays_whatever_its_age() -> None:
    """While an undo waits for people, and after one that broke off; once everything is given back it may go."""

    async def story(world: Calm) -> None:
        await _deleted(world)
        undo = await world.plane.undo("C-1", by="anna")
        assert undo.phase is Phase.HELD
        assert _needed(world) == "C-2 takes C-1 back, and is held"
        with pytest.raises(ReviewError, match="the backup of C-1 stays: C-2 takes C-1 back"):
            await world.plane.drop_backups("C-1", by="berta", reason="old")
        provider: Any = world.provider
        real = provider.undo

        def breaks_off(*_args: Any, **_more: Any) -> Inquiry[tuple[str, ...]]:
            yield (
                Call("sim:Restore", {"name": "t2", "value": 5}, "1", "here", Role.CHANGE),
            )  # something was done
            raise UnavailableError("refused", "the key is gone")

        provider.undo = breaks_off
        await world.review("berta", "C-2")
        await world.settle_down()
        assert world.case("C-2").phase is Phase.FAILED
        await _later(world, 5)
        assert _needed(world) == "C-2, which takes C-1 back, broke off (failed)"
        assert list(world.account.backups) == ["C-1-p1"]
        provider.undo = real
        await world.plane.undo("C-1", by="anna")
        await world.review("berta", "C-3")
        await world.settle_down()
        assert (world.case("C-3").phase, _needed(world)) == (Phase.CONFIRMED, "")
        await _later(world, 1)
        assert world.account.backups == {}

    talk(story, settings=KEEPS)


def test_an_undo_that_is_asked_for_while_the_drop_waits_voids_it() -> None:
    """What reviewers approved was a backup that nobody needs."""

    async def story(world: Calm) -> None:
        await _deleted(world)
        await world.plane.drop_backups("C-1", by="anna", reason="old")
        await world.plane.undo("C-1", by="berta")
        with pytest.raises(ReviewError, match="C-2 is invalidated"):
            await world.review("carla", "C-2")
        assert world.case("C-2").phase is Phase.INVALIDATED
        assert list(world.account.backups) == ["C-1-p1"]

    talk(story)


def test_a_removal_that_failed_is_tried_again_a_day_later() -> None:
    """Not every hour; what failed stands on the case."""

    async def story(world: Calm) -> None:
        await _deleted(world)
        provider: Any = world.provider
        real, asked = provider.retire, []

        def fails(backup: Backup) -> Inquiry[None]:
            asked.append(backup.reference)
            raise UnavailableError("refused", "AccessDenied")
            yield ()

        provider.retire = fails
        await _later(world, 2.5)
        await _later(world, 0.1)
        assert asked == ["C-1-p1"]
        assert world.case("C-2").reason == "the backup of sim:thing/p1 was not removed: AccessDenied"
        provider.retire = real
        await _later(world, 1)
        assert world.account.backups == {}

    talk(story, settings=KEEPS)


def test_a_lost_answer_is_looked_up_and_nothing_is_removed_twice() -> None:
    """The step took effect, and its answer did not come: the world says so."""

    async def story(world: Calm) -> None:
        await _deleted(world)
        ask = world.executor.ask
        lost: list[Call] = []

        async def loses(call: Call, *, tags: dict[str, str]) -> Any:
            answer = await ask(call, tags=tags)
            if call.operation == "sim:DropBackup" and not lost:
                lost.append(call)
                raise TimeoutError("nobody answered")
            return answer

        world.executor.ask = loses  # type: ignore[method-assign]
        await _later(world, 3)
        assert (world.account.backups, len(_steps(world, "sim:DropBackup"))) == ({}, 1)
        assert world.case("C-2").phase is Phase.CONFIRMED
        assert [one.references for one in world.case().retired] == [("C-1-p1",)]

    talk(story, settings=KEEPS)


async def _two_deleted(world: Calm) -> None:
    """One change that deletes both things of production, each after its backup."""
    change, asked = world.change("Delete", "p1")
    other, also = world.change("Delete", "p2")
    both = msgspec.structs.replace(change, operations=(*change.operations, *other.operations))
    asking = asyncio.ensure_future(world.plane.submit(both, (asked, also)))
    await world.settle_down(0.5)
    for who in ("anna", "berta"):
        await world.review(who)
    await asking
    await world.settle_down(5)
    assert world.case().phase is Phase.CONFIRMED


@pytest.mark.parametrize("at", range(1, 20))
def test_the_power_is_cut_at_each_moment_of_a_drop(at: int) -> None:
    """Just after each write and each removal: its successor goes on, each backup is removed once, and each stands on the log as gone."""

    async def story(world: Calm) -> None:
        await _two_deleted(world)
        await world.plane.drop_backups("C-1", by="anna", reason="no longer needed")
        await world.review("berta", "C-2")
        cut = Cut(world, at)
        approving = asyncio.ensure_future(or_died(world.review("carla", "C-2")))
        await world.settle_down(10)
        if not cut.came:
            assert cut.seen < at
        else:
            approving.cancel()
            await cut.start_again()
            if len(world.case("C-2").approvals) < 2:
                await world.review("carla", "C-2")
            await world.settle_down(120)
        assert world.case("C-2").phase is Phase.CONFIRMED, world.case("C-2").reason
        gone = [reference for one in world.case().retired for reference in one.references]
        assert (gone, world.case().kept) == (["C-1-p1", "C-1-p2"], ())

    world = talk(story)
    assert (world.account.backups, _steps(world, "sim:DropBackup")) == ({}, ["sim:DropBackup"] * 2)


def test_a_halt_between_two_removals_keeps_the_second() -> None:
    """What has gone stands on record, the other stays, and can be asked for again."""

    async def story(world: Calm) -> None:
        await _two_deleted(world)
        await world.plane.drop_backups("C-1", by="anna", reason="no longer needed")
        await world.review("berta", "C-2")
        ask = world.executor.ask

        async def halted(call: Call, *, tags: dict[str, str]) -> Any:
            answer = await ask(call, tags=tags)
            if call.operation == "sim:DropBackup":
                await world.plane.halt(by="dora", reason="wait")
            return answer

        world.executor.ask = halted  # type: ignore[method-assign]
        await world.review("carla", "C-2")
        await world.settle_down(5)
        assert (world.case("C-2").phase, world.case("C-2").reason) == (
            Phase.FAILED,
            "1 removed; the backup of sim:thing/p2 was not removed: halted by dora",
        )
        assert [backup.reference for backup in world.case().kept] == ["C-1-p2"]

    assert talk(story).account.backups.keys() == {"C-1-p2"}


def test_a_store_of_an_earlier_version_knows_its_backups() -> None:
    """Its snapshot says nothing of a shelf: it is learned from the log, once."""

    async def story(world: Calm) -> None:
        await _deleted(world)
        await world.plane.book.save_snapshot()
        seq, cases, plane = world.platter.snapshot  # type: ignore[misc]
        old = {name: value for name, value in msgspec.json.decode(plane).items() if name != "shelf"}
        world.platter.snapshot = (seq, cases, msgspec.json.encode(old))
        await world.plane.close()
        await world.boot()
        assert [one.case for one in world.plane.shelf()] == ["C-1"]

    talk(story)


def test_the_log_tells_it_in_order() -> None:
    """On the case whose backup it was stands one event; the calls are steps of the case that removed it."""

    async def story(world: Calm) -> None:
        await _deleted(world)
        await _later(world, 3)
        assert world.story("C-1")[-1] == "BackupRetired"
        steps = [one for one in world.story("C-2") if one.startswith("Step")]
        assert steps == ["StepIntended", "StepEnded"]
        events = [entry.event() for entry in world.plane.story("C-2")]
        assert [one.recipe for one in events if isinstance(one, r.StepIntended)] == ["drop 1"]

    talk(story, settings=KEEPS)
