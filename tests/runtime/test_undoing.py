"""Taking back several cases, a session, all since a time; an undo of an undo; and a crash at every step of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from keyturn.core.case import Case, Phase
from keyturn.core.ports import Captures, Inquiry, UndoPlan
from keyturn.errors import ReviewError, UnavailableError
from keyturn.model import record as r
from keyturn.model.change import Change
from keyturn.model.execution import Backup
from keyturn.testing.simulation.knowledge import operation
from tests.runtime.calm import Calm, talk


async def _three(world: Calm) -> None:
    """Two things set, one of them twice."""
    for name, value in (("t1", 7), ("t2", 8), ("t1", 9)):
        await world.ask(world.change("Set", name, value=value))
        await world.settle_down()


def test_several_cases_are_one_undo_in_the_reverse_of_their_execution() -> None:
    """One case, decided once; each of the cases says by which; the earliest state stands again."""

    async def story(world: Calm) -> None:
        await _three(world)
        undo = await world.plane.undo("C-1", "C-2", "C-3", by="anna")
        assert undo.change is not None
        assert undo.change.taken_back == ("C-3", "C-2", "C-1")
        assert (undo.phase, undo.outcome and undo.outcome.detail) == (
            Phase.CONFIRMED,
            "C-3: everything is as it was; C-2: everything is as it was; C-1: everything is as it was",
        )
        assert [world.case(f"C-{n}").undone_by for n in (1, 2, 3)] == [undo.id] * 3

    things = talk(story).account.things
    assert (things["t1"], things["t2"]) == (120, 130)


def test_a_session_is_taken_back_and_what_it_could_not_do_is_not_spoken_of() -> None:
    """Held and denied cases did nothing. Another session's stays."""

    async def story(world: Calm) -> None:
        await _three(world)
        await world.ask(world.change("Wipe", "t2"))
        session = world.key.session
        world.key = await world.plane.open_session(operator="olga", agent="other", ttl_s=3600)
        await world.ask(world.change("Set", "t2", value=77))
        await world.settle_down()
        plan = world.plane.plan_undo(session=session)
        assert [(part.case, part.possible) for part in plan.parts] == [
            ("C-3", True),
            ("C-2", True),
            ("C-1", True),
        ]
        assert world.story("C-1").count("Undone") == 0, "a plan does nothing"
        undo = await world.plane.undo(by="anna", session=session)
        assert undo.phase is Phase.CONFIRMED
        with pytest.raises(ReviewError, match="nothing that took effect"):
            await world.plane.undo(by="anna", session=session)

    assert talk(story).account.things["t1"] == 120


def test_to_a_point_in_time_of_one_agent() -> None:
    """What left before stays, and what another agent did."""

    async def story(world: Calm) -> None:
        await world.ask(world.change("Set", "t1", value=7))
        await world.settle_down()
        since = world.loop.now_ms()
        await world.ask(world.change("Set", "t1", value=9))
        await world.settle_down()
        undo = await world.plane.undo(by="anna", since_ms=since, agent="kiro")
        assert undo.change is not None
        assert undo.change.taken_back == ("C-2",)
        with pytest.raises(ReviewError, match="nothing that took effect"):
            await world.plane.undo(by="anna", since_ms=since, agent="somebody")

    assert talk(story).account.things["t1"] == 7


def test_an_undo_is_taken_back_and_that_again() -> None:
    """What stood before the undo stands again; the first case is as if nobody had taken it back, and can be."""

    async def story(world: Calm) -> None:
        await world.ask(world.change("Set", "t1", value=7))
        await world.settle_down()
        await world.plane.undo("C-1", by="anna")
        again = await world.plane.undo("C-2", by="anna")
        assert (again.id, again.phase) == ("C-3", Phase.CONFIRMED)
        assert world.account.things["t1"] == 7
        assert (world.case("C-1").undone_by, world.case("C-2").undone_by) == ("", "C-3")
        assert (await world.plane.undo("C-1", by="anna")).phase is Phase.CONFIRMED

    assert talk(story).account.things["t1"] == 120


def test_where_one_is_named_that_cannot_be_nothing_is_done() -> None:
    """Half of what somebody asked for by name is worse than an error."""

    async def story(world: Calm) -> None:
        await world.ask(world.change("Set", "t1", value=7))
        await world.ask(world.change("Wipe", "t2"))
        await world.settle_down()
        with pytest.raises(ReviewError, match="C-2 cannot be taken back: C-2 is denied"):
            await world.plane.undo("C-1", "C-2", by="anna")
        with pytest.raises(ReviewError, match="say what to take back"):
            await world.plane.undo(by="anna")
        plan = world.plane.plan_undo("C-1", "C-2")
        assert {part.case: part.possible for part in plan.parts} == {"C-1": True, "C-2": False}

    assert talk(story).account.things["t1"] == 7


def test_what_was_given_back_before_a_failure_is_said_and_the_rest_can_be_asked_for_again() -> None:
    """The second of three fails: the first stands given back on its own log, the third was not begun."""

    async def story(world: Calm) -> None:
        await _three(world)
        sound = world.provider.undo

        def second_fails(
            change: Change,
            before: Captures,
            backups: tuple[Backup, ...],
            *,
            again: Change | None = None,
            moved: Mapping[str, str] = {},
            approved: Mapping[str, dict[str, Any] | None] = {},
        ) -> Inquiry[tuple[str, ...]]:
            if change.resources[0].id == "t2":
                raise UnavailableError("no-backup", "the backup is gone")
            return (yield from sound(change, before, backups, again=again, moved=moved, approved=approved))

        world.provider.undo = second_fails  # type: ignore[method-assign]
        undo = await world.plane.undo("C-1", "C-2", "C-3", by="anna")
        assert undo.phase is Phase.FAILED
        assert undo.reason == (
            "C-3: everything is as it was; C-2: not given back: the backup is gone; not begun: C-1"
        )
        assert [world.case(f"C-{n}").undone_by for n in (1, 2, 3)] == ["", "", undo.id]
        world.provider.undo = sound  # type: ignore[method-assign]
        assert (await world.plane.undo("C-1", "C-2", by="anna")).phase is Phase.CONFIRMED

    things = talk(story).account.things
    assert (things["t1"], things["t2"]) == (120, 130)


def _in_part(world: Calm, *stays: str) -> None:
    """From now on the recipe says so of everything that is taken back."""
    sound = world.provider.plan_undo

    def shorter(
        change: Change, before: Captures, backups: tuple[Backup, ...], *, again: Change | None = None
    ) -> UndoPlan:
        return msgspec.structs.replace(sound(change, before, backups, again=again), stays=stays)

    world.provider.plan_undo = shorter  # type: ignore[method-assign]


def test_what_comes_back_only_in_part_is_said_first_and_the_rest_given_back_where_that_is_wanted() -> None:
    """Named alone it is an error that says what stays. Wanted all the same, it stands on the case, and on what reviewers approve."""

    async def story(world: Calm) -> None:
        await world.ask(world.change("Set", "t1", value=7))
        await world.settle_down()
        _in_part(world, "sim:Wipe of t9 stays: there is no backup")
        assert world.plane.plan_undo("C-1").parts[0].stays == ("sim:Wipe of t9 stays: there is no backup",)
        with pytest.raises(ReviewError, match="C-1 comes back only in part: sim:Wipe of t9 stays") as said:
            await world.plane.undo("C-1", by="anna")
        assert (said.value.code, world.case("C-1").undone_by) == ("in-part", "")
        undo = await world.plane.undo("C-1", by="anna", partly=True)
        assert (undo.phase, undo.change and undo.change.stays) == (
            Phase.CONFIRMED,
            ("sim:Wipe of t9 stays: there is no backup",),
        )
        assert undo.change is not None
        assert undo.change.digest != msgspec.structs.replace(undo.change, stays=()).digest

    assert talk(story).account.things["t1"] == 120


def test_an_undo_of_which_less_comes_back_than_was_shown_is_not_sent() -> None:
    """Approved as a whole, and by now a part: nothing is sent, and it says what would be missing."""

    async def story(world: Calm) -> None:
        await _held_undo(world)
        await world.review("ben", "C-2")
        _in_part(world, "sim:Set of p9 stays: its backup was dropped")
        await world.settle_down()
        assert (world.case("C-2").phase, world.case("C-2").reason) == (
            Phase.INVALIDATED,
            "state changed: what does not come back is by now another: sim:Set of p9 stays: its backup was dropped",
        )

    assert talk(story).happened("step") == []


async def _held_undo(world: Calm) -> Case:
    """A production thing is set, and the undo of that waits for a person."""
    asking = world.asking(world.change("Set", "p1", value=7))
    await world.settle_down()
    await world.review("anna")
    await asking
    await world.settle_down()
    undo = await world.plane.undo("C-1", by="anna")
    assert (undo.id, undo.phase) == ("C-2", Phase.HELD)
    return undo


def test_what_moved_between_the_approval_and_the_sending_invalidates_the_undo_by_its_name() -> None:
    """Somebody sets the thing right after the approval: nothing is sent, and the case says what is otherwise. Asked for again it is
    an undo of what stands by then.
    """

    async def story(world: Calm) -> None:
        await _held_undo(world)
        await world.review("ben", "C-2")
        world.account.drift_to("p1", 55)
        await world.settle_down()
        assert (world.case("C-2").phase, world.case("C-2").reason) == (
            Phase.INVALIDATED,
            "state changed: changed since it was assessed: sim:thing/p1",
        )
        assert world.case("C-1").undone_by == ""
        again = await world.plane.undo("C-1", by="anna")  # on what stands now
        await world.review("ben", again.id)
        await world.settle_down()
        assert world.case(again.id).phase is Phase.CONFIRMED

    world = talk(story)
    assert (world.account.things["p1"], len(world.happened("step"))) == (100, 1)


def test_an_undo_is_sent_as_its_plan_was_shown_or_not_at_all() -> None:
    """Its recipe would by now make another call than the one that people saw, as after an upgrade: nothing is sent, and it says which
    step that is.
    """

    async def story(world: Calm) -> None:
        await _held_undo(world)
        sound = world.provider.plan_undo

        def otherwise(
            change: Change, before: Captures, backups: tuple[Backup, ...], *, again: Change | None = None
        ) -> UndoPlan:
            plan = sound(change, before, backups, again=again)
            return msgspec.structs.replace(
                plan, operations=(operation("Set", {"name": "p1", "value": 1, "token": "other"}),)
            )

        await world.review("ben", "C-2")
        world.provider.plan_undo = otherwise  # type: ignore[method-assign]
        await world.settle_down()
        assert (world.case("C-2").phase, world.case("C-2").reason) == (
            Phase.INVALIDATED,
            "state changed: step 1 of the plan is by now sim:Set with other parameters: what was taken back has changed since",
        )

    assert talk(story).happened("step") == []


def test_an_undo_of_what_turned_out_not_to_have_been_done_is_not_sent() -> None:
    """In doubt whether it took effect somebody asks for the undo; while that waits another finds that it did not."""

    async def story(world: Calm) -> None:
        asking = world.asking(world.change("Set", "p1", value=7))
        await world.settle_down()
        await world.review("anna")
        await asking
        world.account.drift_to("p1", 55)  # before it is verified
        await world.settle_down()
        assert world.case().phase is Phase.INCONCLUSIVE
        await world.plane.undo("C-1", by="anna")
        await world.plane.settle("C-1", by="ben", succeeded=False, note="it never arrived")
        with pytest.raises(ReviewError, match="C-2 is invalidated"):
            await world.review("ben", "C-2")
        assert world.case("C-2").phase is Phase.INVALIDATED
        assert "step 1 of the plan is by now nothing, not sim:Set" in world.case("C-2").reason

    assert talk(story).happened("step") == []


@pytest.mark.parametrize("stop", range(1, 7))
def test_a_crash_at_each_step_neither_loses_nor_repeats_one(stop: int) -> None:
    """The process stops when the n-th step is intended or ended. Its successor goes on there: each thing is restored once, all of
    them are, and nobody has to look.
    """

    async def story(world: Calm) -> None:
        await _three(world)
        record, seen = world.plane.book.record, 0

        async def stopping(case_id: str, *events: r.CaseEvent) -> Case:
            nonlocal seen
            after = await record(case_id, *events)
            if any(isinstance(event, r.StepIntended | r.StepEnded) for event in events):
                seen += 1
                if seen == stop:
                    await asyncio.sleep(10_000)  # nothing of it goes on
            return after

        world.plane.book.record = stopping  # type: ignore[method-assign]
        asked = asyncio.ensure_future(world.plane.undo("C-1", "C-2", "C-3", by="anna"))
        await world.settle_down(30)
        assert not asked.done()
        asked.cancel()
        await world.plane.close()
        await world.boot()
        await world.settle_down(120)
        assert world.case("C-4").phase is Phase.CONFIRMED, world.case("C-4").reason
        assert [world.case(f"C-{n}").undone_by for n in (1, 2, 3)] == ["C-4"] * 3

    world = talk(story)
    assert (world.account.things["t1"], world.account.things["t2"]) == (120, 130)
    assert [thing for _, thing in world.happened("step")] == ["t1", "t2", "t1"]
