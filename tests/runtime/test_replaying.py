"""The plan of a rehearsal made live: every step once, on what it was rehearsed on, or not at all."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from keyturn.core.case import Case, Phase
from keyturn.errors import ReviewError
from keyturn.executors.interface import Sending
from keyturn.model.assessment import Reversibility
from keyturn.model.change import Binding, Effect
from keyturn.model.execution import OutcomeStatus
from keyturn.model.rehearsal import Plan, Record
from keyturn.testing.simulation import rehearsals
from keyturn.testing.simulation.rehearsals import Step
from tests.runtime.calm import SETTINGS, Calm, talk
from tests.runtime.cutting import Cut, or_died


def rehearsed(world: Calm, *steps: Step, bindings: tuple[Binding, ...] = ()) -> tuple[Plan, Record]:
    """The plan that these steps are, on what stands now."""
    return rehearsals.rehearsed(
        world.account.things, steps, session=world.key.session, agent="kiro", bindings=bindings
    )


async def held(world: Calm, *steps: Step) -> Case:
    plan, record = rehearsed(world, *steps)
    case_id = await world.plane.hold_rehearsed(plan, record, intent="tidy up")
    await world.settle_down()
    return world.case(case_id)


THREE: tuple[Step, ...] = (("Set", "t1", 5), ("Set", "t2", 6), ("Set", "t1", 7))


def test_every_step_is_proved_by_itself_and_made_once() -> None:
    """One approval, three steps in their order, a proof before each; the case is confirmed when all stands as rehearsed."""

    async def story(world: Calm) -> None:
        case = await held(world, *THREE)
        assert (case.phase, case.change and case.change.surface) == (Phase.HELD, "rehearsal")
        await world.review("anna")
        await world.settle_down(5)
        assert (world.case().phase, world.case().reason) == (
            Phase.CONFIRMED,
            "3 steps, and all stands as it was rehearsed",
        )
        told = [name for name in world.story() if name in {"Proved", "Sent", "Answered"}]
        assert told == ["Proved", "Sent", "Answered"] * 3

    world = talk(story)
    assert world.happened("left") == [("C-1", "t1"), ("C-1", "t2"), ("C-1", "t1")]
    assert (world.account.things["t1"], world.account.things["t2"]) == (7, 6)


def test_what_policy_would_allow_waits_for_a_person_all_the_same() -> None:
    """Nothing of a plan leaves because a rehearsal ended."""

    async def story(world: Calm) -> None:
        case = await held(world, ("Set", "t1", 5))
        assert case.phase is Phase.HELD
        assert case.decision is not None
        assert case.decision.reasons[-1].policy == "keyturn.rehearsed"
        await world.settle_down(10)

    assert not talk(story).happened("left")


def test_who_runs_the_agent_does_not_approve_its_plan() -> None:
    """Rule 4 holds for a plan as for a call."""

    async def story(world: Calm) -> None:
        await held(world, *THREE)
        with pytest.raises(ReviewError, match="runs or owns the agent"):
            await world.review("olga")
        assert world.case().phase is Phase.HELD

    assert not talk(story).happened("left")


def test_what_moved_between_rehearsal_and_approval_is_not_made() -> None:
    """It is read again before a yes counts, and again before the first step: neither finds what was rehearsed."""

    async def story(world: Calm) -> None:
        await held(world, *THREE)
        world.account.drift_to("t2", 99)
        with pytest.raises(ReviewError, match="C-1 is invalidated"):
            await world.review("anna")
        assert world.case().phase is Phase.INVALIDATED
        assert "t2" in world.case().reason

    assert not talk(story).happened("left")


def test_what_moved_before_it_is_a_case_is_said_at_once() -> None:
    """Nobody is asked to look at a plan whose ground has moved already."""

    async def story(world: Calm) -> None:
        plan, record = rehearsed(world, *THREE)
        world.account.drift_to("t1", 99)
        with pytest.raises(ReviewError, match="meanwhile it is otherwise live: sim:thing/t1 is otherwise"):
            await world.plane.hold_rehearsed(plan, record, intent="")

    assert not talk(story).happened("left")


def test_a_difference_in_the_middle_ends_it_there() -> None:
    """The first step is done and on record, the second was to stand on something else: it does not leave, nor does the third."""

    async def story(world: Calm) -> None:
        await held(world, *THREE)
        send = world.executor.send

        async def meanwhile(*given: Any, **named: Any) -> Sending:
            sending = await send(*given, **named)
            world.account.drift_to("t2", 99)
            return sending

        world.executor.send = meanwhile  # type: ignore[method-assign]
        await world.review("anna")
        await world.settle_down(120)
        case = world.case()
        assert case.phase is Phase.FAILED
        assert "sim:thing/t2 is otherwise" in case.reason
        assert [outcome.status for outcome in case.outcomes] == [OutcomeStatus.SUCCEEDED]
        assert case.done is not None
        assert [one.parameters["name"] for one in case.done.operations] == ["t1"]

    world = talk(story)
    assert world.happened("left") == [("C-1", "t1")]
    assert world.account.things["t2"] == 99


@pytest.mark.parametrize("at_s", [one / 100 for one in range(1, 46, 2)])
def test_a_plane_that_stops_anywhere_makes_nothing_twice(at_s: float) -> None:
    """Stopped at any moment of the replay and started again: each step left at most once, and what is known to be done goes on."""

    async def story(world: Calm) -> None:
        await held(world, *THREE)
        approving = asyncio.ensure_future(world.review("anna"))
        await asyncio.sleep(at_s)
        await world.plane.close()
        await asyncio.gather(approving, return_exceptions=True)
        await world.boot()
        if not world.case().approvals:  # it stopped before her word was on record
            await world.review("anna")
        await world.settle_down(120)
        assert world.case().phase in {Phase.CONFIRMED, Phase.INCONCLUSIVE}

    world = talk(story)
    tokens = [one.token for one in world.account.journal if one.what == "left"]
    assert len(tokens) == len(set(tokens))
    assert tokens == ["step-0", "step-1", "step-2"][: len(tokens)]


AS_REHEARSED = "3 steps, and all stands as it was rehearsed"
BEFORE_THE_CALL = {2: 0, 5: 1, 8: 2}
"""Moments at which an intent was just written down and nothing had left yet, by how many steps had been made."""


@pytest.mark.parametrize("at", range(1, 16))
def test_the_power_is_cut_at_each_moment_of_a_plan(at: int) -> None:
    """Just after each write and each effect: its successor goes on, and each step is made once, in order. Where a call was intended and did
    not leave, the account says that nothing changed: it ends there, with what was made on record, since nothing is sent in doubt.
    """

    async def story(world: Calm) -> None:
        await held(world, *THREE)
        cut = Cut(world, at)
        approving = asyncio.ensure_future(or_died(world.review("anna")))
        await world.settle_down(10)
        if not cut.came:
            assert world.case().phase is Phase.CONFIRMED, "and there was no such moment"
            assert cut.seen < at
            return
        approving.cancel()
        await cut.start_again()
        if not world.case().approvals:
            await world.review("anna")
        await world.settle_down(120)
        why = (Phase.FAILED, "nothing changed") if at in BEFORE_THE_CALL else (Phase.CONFIRMED, AS_REHEARSED)
        assert (world.case().phase, world.case().reason) == why
        succeeded = [one.status for one in world.case().outcomes].count(OutcomeStatus.SUCCEEDED)
        assert succeeded == BEFORE_THE_CALL.get(at, 3)

    world = talk(story)
    left = [one.token for one in world.account.journal if one.what == "left"]
    assert left == ["step-0", "step-1", "step-2"][: BEFORE_THE_CALL.get(at, 3)]


def test_an_answer_that_got_lost_is_looked_up_and_it_goes_on() -> None:
    """The second step took effect and nobody heard: the world says so, and the third is made."""

    async def story(world: Calm) -> None:
        await held(world, *THREE)
        send = world.executor.send

        async def unheard(*given: Any, **named: Any) -> Sending:
            sending = await send(*given, **named)
            return Sending(None, "no answer") if given[0].parameters["name"] == "t2" else sending

        world.executor.send = unheard  # type: ignore[method-assign]
        await world.review("anna")
        await world.settle_down(120)
        assert world.case().phase is Phase.CONFIRMED

    assert [name for _, name in talk(story).happened("left")] == ["t1", "t2", "t1"]


def test_an_id_that_an_answer_does_not_give_stops_what_needs_it() -> None:
    """Step 2 names what step 1 was answered; that answer is lost, so that nobody knows what to name."""
    bindings = (Binding(step=1, value="i-0123456789abcdef0", by=0, output="InstanceId"),)

    async def story(world: Calm) -> None:
        plan, record = rehearsed(world, ("Set", "t1", 5), ("Set", "t2", 6), bindings=bindings)
        await world.plane.hold_rehearsed(plan, record, intent="")
        await world.settle_down()
        await world.review("anna")
        await world.settle_down(60)
        assert world.case().phase is Phase.FAILED
        assert "needs the InstanceId that step 1 answers" in world.case().reason

    assert talk(story).happened("left") == [("C-1", "t1")]


def test_a_record_that_is_not_what_was_approved_sends_nothing() -> None:
    """The vault gives something else than the digest in the change names."""

    async def story(world: Calm) -> None:
        case = await held(world, *THREE)
        assert case.change is not None
        assert case.change.rehearsed is not None
        _, other = rehearsed(world, ("Set", "t1", 6))
        reference, vault = case.change.rehearsed.record, world.plane.work.vault
        get = vault.get
        vault.get = lambda ref: other.sealed()[0] if ref == reference else get(ref)  # type: ignore[method-assign]
        await world.review("anna")
        await world.settle_down(5)
        assert world.case().phase in {Phase.FAILED, Phase.INVALIDATED}
        assert "not what was approved" in world.case().reason

    assert not talk(story).happened("left")


def test_nothing_is_kept_where_nothing_is_held() -> None:
    """In observe mode everything is let through: a plan that was kept there would be made at once."""

    async def story(world: Calm) -> None:
        plan, record = rehearsed(world, *THREE)
        with pytest.raises(ReviewError, match="observe mode"):
            await world.plane.hold_rehearsed(plan, record, intent="")

    assert not talk(story, settings=msgspec.structs.replace(SETTINGS, observe=True)).happened("left")


def test_a_halt_in_the_middle_leaves_what_was_done_on_record() -> None:
    """The step that is done is known to be done; the next does not leave."""

    async def story(world: Calm) -> None:
        await held(world, *THREE)
        send = world.executor.send

        async def halting(*given: Any, **named: Any) -> Sending:
            sending = await send(*given, **named)
            await world.plane.halt(by="ben", reason="wait")
            return sending

        world.executor.send = halting  # type: ignore[method-assign]
        await world.review("anna")
        await world.settle_down(60)
        case = world.case()
        assert case.phase in {Phase.HALTED, Phase.FAILED}
        assert case.done is not None
        assert len(case.done.operations) == 1

    assert talk(story).happened("left") == [("C-1", "t1")]


def test_the_worst_of_a_step_is_the_worst_of_the_plan() -> None:
    """Live, a later step cannot be seen: what it was found to be in the twin counts for the whole."""

    async def story(world: Calm) -> None:
        plan, record = rehearsed(world, ("Set", "t1", 5), ("Set", "t2", 6))
        worst = msgspec.structs.replace(
            record.steps[1].shown, effect=Effect.DELETE, reversibility=Reversibility.R4
        )
        steps = (record.steps[0], msgspec.structs.replace(record.steps[1], shown=worst))
        await world.plane.hold_rehearsed(plan, msgspec.structs.replace(record, steps=steps), intent="")
        await world.settle_down()
        assessment = world.case().assessment
        assert assessment is not None
        assert (assessment.effect, assessment.reversibility) == (Effect.DELETE, Reversibility.R4)
        assert assessment.rehearsed == tuple(one.shown for one in steps)

    talk(story)
