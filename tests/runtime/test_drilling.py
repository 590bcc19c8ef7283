"""Drills as the plane makes them: on the log, by itself when due, and in what reviewers and policy are told from then on."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from keyturn import pipeline
from keyturn.core.case import Phase
from keyturn.core.plane import Plane, from_snapshot, snapshot
from keyturn.core.ports import Assessing, Captures, Drill, Inquiry
from keyturn.errors import OperatorError, UnavailableError
from keyturn.model import record as r
from keyturn.model.assessment import Assessment, Recoverable, Reversibility
from keyturn.model.change import Effect, ResourceRef
from keyturn.model.execution import Call, Role
from keyturn.policy.example import Example
from keyturn.policy.facts import drilled, reversibility_drilled
from tests.runtime.calm import SETTINGS, Calm, talk


def _able(world: Calm, *, fails: str = "", different: tuple[str, ...] = ()) -> list[str]:
    """The simulated provider with a drill of its own; returns what it was asked, in order."""
    said: list[str] = []

    def drill(ref: ResourceRef, *, drill_id: str, at_ms: int) -> Inquiry[Drill]:
        said.append(f"drill {ref.id}")
        yield (Call("sim:Get", {"name": ref.id}, "1", "here"),)
        scratch = msgspec.structs.replace(ref, id=f"keyturn-drill-{drill_id}")
        return Drill(ref, scratch, {}, None, {"at_ms": at_ms}, drill_id)

    def save(drill: Drill, *, at_ms: int) -> Inquiry[Drill]:
        given = {"name": drill.resource.id, "id": drill.id}
        yield (Call("sim:Backup", given, "1", "here", Role.BACKUP),)
        return drill

    def restore(drill: Drill) -> Inquiry[tuple[str, ...]]:
        said.append("restore")
        for _ in range(3):
            yield (Call("sim:Get", {"name": drill.resource.id}, "1", "here"),)
        if fails:
            raise UnavailableError("refused", fails)
        return different

    def clean(_drill: Drill) -> Inquiry[None]:
        said.append("clean")
        return
        yield ()

    provider: Any = world.provider
    provider.drill, provider.drill_save = drill, save
    provider.drill_restore, provider.drill_clean = restore, clean
    return said


def test_a_drill_is_measured_and_stands_on_the_log() -> None:
    """Begun, before anything stands under the scratch name; then what it found. The scratch is removed."""

    async def story(world: Calm) -> None:
        said = _able(world)
        await world.ask(world.change("Set", "t1", value=7))
        await world.settle_down()
        (found,) = await world.plane.drill(by="olga")
        assert (found.result, found.resource.id, found.by) == ("equal", "t1", "olga")
        assert found.restore_ms is not None
        assert 0 < found.restore_ms < 10_000
        assert said == ["drill t1", "restore", "clean"]
        events = [entry.event() for entry in world.plane.log(after=0, limit=1_000) if not entry.case_id]
        assert [type(one) for one in events if isinstance(one, r.DrillBegun | r.Drilled)] == [
            r.DrillBegun,
            r.Drilled,
        ]
        again = from_snapshot(snapshot(world.plane.book.plane))
        assert again.drills == {"sim:thing": found}

    talk(story)


def test_what_a_case_has_left_gone_is_not_drilled_until_it_stands_again() -> None:
    """Of a kind another is taken, or none: a drill of nothing would fail and count against the way back."""

    async def story(world: Calm) -> None:
        _able(world)
        await world.ask(world.change("Set", "t1", value=7))
        await world.settle_down()
        asking = world.asking(world.change("Delete", "t2"))
        await world.settle_down()
        if world.case("C-2").phase is Phase.HELD:
            await world.review("anna", "C-2")
            await world.settle_down()
        await asking
        await world.settle_down()
        assert world.case("C-2").phase is Phase.CONFIRMED
        assert [ref.id for ref in world.plane.drilling.chosen((), ())] == ["t1"]
        assert [ref.id for ref in world.plane.drilling.chosen((), ("sim:thing/t2",))] == ["t2"], (
            "it was named"
        )

    talk(story)


def test_a_way_back_that_does_not_work_is_the_result_and_the_scratch_goes() -> None:
    """A drill never raises for what it is to find out; what cannot be tried is said and is not put on the log."""

    async def story(world: Calm) -> None:
        await world.ask(world.change("Set", "t1", value=7))
        await world.settle_down()
        (cannot,) = await world.plane.drill(by="olga")
        assert (cannot.result, cannot.detail) == (
            "cannot",
            "a sim:thing cannot be restored under another name",
        )
        assert world.plane.book.plane.drills == {}
        said = _able(world, fails="the key is gone")
        (failed,) = await world.plane.drill(by="olga", kinds=("sim:thing",))
        assert (failed.result, failed.detail, said[-1]) == ("failed", "the key is gone", "clean")
        assert await world.plane.drill(by="olga", kinds=("sim:other",)) == ()
        with pytest.raises(OperatorError, match="no case has spoken of sim:thing/t9"):
            await world.plane.drill(by="olga", resources=("sim:thing/t9",))

    talk(story)


def test_the_plane_drills_by_itself_as_often_as_it_is_told_and_not_while_halted() -> None:
    """Once an hour, of each kind one; a halt stops this too."""

    async def story(world: Calm) -> None:
        said = _able(world)
        await world.ask(world.change("Set", "t1", value=7))
        await world.settle_down(3_000)
        assert said.count("restore") == 1
        await world.settle_down(3_600)
        assert said.count("restore") == 2
        await world.plane.halt(by="anna", reason="quiet")
        await world.settle_down(7_200)
        assert said.count("restore") == 2

    talk(story, settings=msgspec.structs.replace(SETTINGS, drill_every_s=3_600))


def swept(world: Calm) -> tuple[ResourceRef, ...]:
    """What was removed by itself, as the log has it."""
    events = [entry.event() for entry in world.plane.book.store.entries()]
    return tuple(ref for event in events if isinstance(event, r.DrillSwept) for ref in event.removed)


def test_what_an_earlier_drill_left_behind_goes_by_itself() -> None:
    """It is on the log, so that it is known after a crash too; one that another drill may still use is not touched."""

    async def story(world: Calm) -> None:
        said = _able(world)
        await world.ask(world.change("Set", "t1", value=7))
        await world.settle_down()
        (ref,) = world.plane.drilling.chosen((), ())
        left = msgspec.structs.replace(ref, id="keyturn-drill-00c0ffee")
        now = world.plane.drilling.clock()
        await world.plane.book.note(r.DrillBegun(at_ms=now, resource=ref, scratch=left, by="olga"))
        (young,) = await world.plane.drill(by="olga")
        assert left not in young.removed
        assert said.count("clean") == 1
        await world.settle_down(2 * 3_600)
        assert swept(world) == (left,)
        assert said.count("clean") == 2
        assert from_snapshot(snapshot(world.plane.book.plane)).scratches == {}

    talk(story)


def test_what_cannot_be_swept_is_said_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """The result of the drill stays what it is."""

    async def story(world: Calm) -> None:
        _able(world)
        await world.ask(world.change("Set", "t1", value=7))
        await world.settle_down()
        provider: Any = world.provider

        def refused(_drill: Drill) -> Inquiry[None]:
            raise UnavailableError("refused", "AccessDenied")
            yield ()

        cleans, provider.drill_clean = provider.drill_clean, refused
        (first,) = await world.plane.drill(by="olga")
        assert (first.result, first.removed) == ("equal", ())
        assert first.detail.endswith("was left behind: AccessDenied")
        await world.settle_down(2 * 3_600)
        (second,) = await world.plane.drill(by="olga")
        assert (second.result, second.removed) == ("equal", ())
        assert "of an earlier drill is left behind: AccessDenied" in caplog.text
        left = {one.scratch for one in world.plane.book.plane.scratches.values()}
        assert (len(left), swept(world)) == (2, ())
        provider.drill_clean = cleans
        await world.settle_down(2 * 3_600)
        (third,) = await world.plane.drill(by="olga")
        assert (third.detail, len(third.removed)) == ("", 1)
        assert set(swept(world)) == left
        assert world.plane.book.plane.scratches == {}

    talk(story)


def _assessing() -> Assessing:
    _, assessment, _ = Example(
        effect=Effect.DELETE, reversibility=Reversibility.R3, backup=True, recover_s=600
    ).build()
    return Assessing(assessment=assessment, captures=Captures(states={}))


@pytest.mark.parametrize(
    ("result", "counts", "seconds"), [("equal", 3, 5), ("different", 4, 600), ("failed", 4, 600)]
)
def test_what_was_measured_stands_for_what_was_estimated(result: str, counts: int, seconds: int) -> None:
    """Only an equal one counts, and a failure since takes it away; what is put back in place is not spoken of."""
    change, _, _ = Example(effect=Effect.DELETE).build()
    ref = change.resources[0]
    plane = Plane()
    plane.apply(r.Drilled(at_ms=1, resource=ref, by="olga", result="equal", restore_ms=60_000))
    plane.apply(r.Drilled(at_ms=2, resource=ref, by="olga", result=result, restore_ms=4_200))
    told: Assessment = pipeline.with_drills(_assessing(), plane.drills).assessment
    assert told.recover_s == seconds
    assert drilled(change, told) is (result == "equal")
    assert reversibility_drilled(change, told) == counts
    inverse = Recoverable(resource=ref, backup=True, inverse=True, recover_s=60)
    in_place = msgspec.structs.replace(
        _assessing(),
        assessment=msgspec.structs.replace(_assessing().assessment, recoverable=(inverse,), recover_s=60),
    )
    assert pipeline.with_drills(in_place, plane.drills) == in_place
