"""A narrower way that is sent instead: one of the two, whoever else decides, claims or asks at the same moment."""

from __future__ import annotations

import asyncio
from itertools import permutations

import pytest

from keyturn.core.case import Phase
from keyturn.errors import KeyturnError, ReviewError
from keyturn.model import record as r
from tests.runtime.calm import Calm, talk


def test_the_held_one_is_withdrawn_by_what_begins_the_other() -> None:
    """Two neighbouring entries of one group; the agent that waits is told, and its own request is asked for no more."""

    async def story(world: Calm) -> None:
        waiting = world.asking(world.change("Delete", "t1"))
        await world.settle_down()
        sent = await world.plane.send_narrower("C-1", by="ben")
        assert (sent.id, sent.phase) == ("C-2", Phase.EXECUTED) or sent.phase in {
            Phase.CONFIRMED,
            Phase.VERIFYING,
        }
        assert "C-2 was sent instead" in (await waiting).text
        assert (world.case().phase, world.case().sent_instead) == (Phase.WITHDRAWN, "C-2")
        lines = [(entry.case_id, entry.event()) for entry in world.plane.log(after=0, limit=1000)]
        (at,) = [place for place, (_, event) in enumerate(lines) if isinstance(event, r.Withdrawn)]
        withdrawn, begun = lines[at : at + 2]
        assert (withdrawn[0], begun[0]) == ("C-1", "C-2")
        assert isinstance(begun[1], r.Received)
        assert begun[1].change.instead_of == "C-1"

    world = talk(story)
    assert world.happened("left") == [("C-2", "t1")]
    assert world.account.things["t1"] is not None


@pytest.mark.parametrize("order", list(permutations(("yes", "narrow", "narrow too"))), ids=" then ".join)
@pytest.mark.parametrize("apart_s", [0.0, 0.001, 0.004, 0.012])
def test_an_approval_at_the_same_moment_lets_one_of_the_two_happen(
    order: tuple[str, ...], apart_s: float
) -> None:
    """The client waits, so an approval is claimed at once. Whoever is first decides; the other is told so."""

    async def story(world: Calm) -> None:
        world.asking(world.change("Delete", "t1"))
        await world.settle_down()
        deeds = {
            "yes": lambda: world.review("anna"),
            "narrow": lambda: world.plane.send_narrower("C-1", by="ben"),
            "narrow too": lambda: world.plane.send_narrower("C-1", by="cleo"),
        }
        doing = []
        for one in order:
            doing.append(asyncio.ensure_future(deeds[one]()))
            await asyncio.sleep(apart_s)
        came = dict(zip(order, await asyncio.gather(*doing, return_exceptions=True), strict=True))
        await world.settle_down(20)
        refused = {one for one, what in came.items() if isinstance(what, BaseException)}
        assert all(
            isinstance(what, KeyturnError) for what in came.values() if isinstance(what, BaseException)
        )
        assert len(refused) == 2, came
        assert ("yes" in refused) == (world.case().phase is Phase.WITHDRAWN)

    world = talk(story)
    assert len(world.happened("left")) == 1


def test_who_is_left_out_of_the_one_is_left_out_of_the_other() -> None:
    """Neither who sends it nor who runs the agent reviews what is sent instead, nor says how it ended."""

    async def story(world: Calm) -> None:
        await world.ask(world.change("Delete", "p1"))
        sent = await world.plane.send_narrower("C-1", by="ben")
        assert sent.phase is Phase.HELD
        assert sent.request is not None
        assert sent.request.excluded == ("ben", "olga")
        for own in ("ben", "olga"):
            with pytest.raises(ReviewError, match="runs or owns the agent"):
                await world.review(own, "C-2")
        await world.review("anna", "C-2")
        await world.settle_down()
        assert world.case("C-2").phase is Phase.CONFIRMED  # a person asked for it: nobody has to ask again

    assert talk(story).happened("left") == [("C-2", "p1")]


def test_what_was_shown_is_what_is_sent() -> None:
    """Something else than what stands now, a case that is none, one that is not held: each is said."""

    async def story(world: Calm) -> None:
        await world.ask(world.change("Delete", "p1"))
        assessed = world.case().assessment
        assert assessed is not None
        (way,) = assessed.alternatives
        for case, given, code in (
            ("C-1", {"shown": "sha256:" + "0" * 64}, "not-as-shown"),
            ("C-1", {"number": 2}, "narrow"),
            ("C-7", {}, "no-case"),
        ):
            with pytest.raises(ReviewError) as refused:
                await world.plane.send_narrower(case, by="ben", **given)
            assert refused.value.code == code
        with pytest.raises(ReviewError, match="was asked for olga"):
            await world.plane.send_narrower("C-1", by="ben", own=True)
        await world.plane.send_narrower("C-1", by="ben", shown=way.digest)
        with pytest.raises(ReviewError, match="C-2 was sent instead of C-1; it is held"):
            await world.plane.send_narrower("C-1", by="anna", shown=way.digest)
        await world.review("anna", "C-2", approve=False)
        with pytest.raises(ReviewError, match="C-2 was sent instead of C-1; it is rejected"):
            await world.plane.send_narrower("C-1", by="anna")

    assert not talk(story).happened("left")


def test_a_plane_that_stops_in_between_goes_on_with_it() -> None:
    """What was sent instead goes on without her after a restart: she asked for it, and the other one is withdrawn already."""

    async def story(world: Calm) -> None:
        await world.ask(world.change("Delete", "p1"))
        await world.plane.send_narrower("C-1", by="ben")
        await world.plane.close()
        await world.boot()
        assert world.case().phase is Phase.WITHDRAWN
        await world.review("anna", "C-2")
        await world.settle_down()
        assert world.case("C-2").phase is Phase.CONFIRMED

    assert talk(story).happened("left") == [("C-2", "p1")]
