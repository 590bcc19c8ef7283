"""An approval is carried over where destructive operations were taken out and nothing else changed; else people look again (rule 2)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from keyturn.core.case import Phase
from keyturn.errors import ReviewError
from keyturn.model.change import Change
from tests.runtime.calm import Calm, talk


def several(world: Calm, *asked: tuple[str, str]) -> tuple[Change, tuple[Any, ...]]:
    """One change of several operations, each an action on a thing."""
    parts = [
        world.change(action, name, **({"value": 5} if action == "Set" else {})) for action, name in asked
    ]
    operations = tuple(change.operations[0] for change, _ in parts)
    return msgspec.structs.replace(parts[0][0], operations=operations), tuple(request for _, request in parts)


def test_without_one_of_its_deletes_the_first_approval_stands() -> None:
    """One has approved three deletes; one of them is taken out; the other approves the two that are left, and only these are sent.

    The carried approval is bound to what the case is now, and says what it was given for.
    """

    async def story(world: Calm) -> None:
        change, requests = several(world, ("Delete", "p1"), ("Delete", "p2"), ("Delete", "t1"))
        await world.plane.submit(change, requests)
        shown = world.case().request
        assert shown is not None
        await world.review("anna")
        await world.plane.take_out("C-1", by="ben", drop=(1,))
        await world.settle_down()
        case = world.case()
        assert case.request is not None
        assert (case.phase, case.revision, case.approvals) == (Phase.HELD, 2, ("anna",))
        assert case.request.digest != shown.digest
        assert [(one.reviewer, one.binding, one.carried_from) for one in case.reviews] == [
            ("anna", case.request.digest, shown.digest)
        ]
        await world.review("ben")
        await world.plane.execute("C-1", by="ben")
        await world.settle_down()
        assert world.case().phase is Phase.CONFIRMED, world.case().reason

    world = talk(story)
    assert world.happened("left") == [("C-1", "p1"), ("C-1", "t1")]
    assert world.account.things["p2"] is not None


def test_who_approved_before_is_no_second_person_now() -> None:
    """Her approval was carried over: she gives no other one for what is left."""

    async def story(world: Calm) -> None:
        change, requests = several(world, ("Delete", "p1"), ("Delete", "p2"))
        await world.plane.submit(change, requests)
        await world.review("anna")
        await world.plane.take_out("C-1", by="ben", drop=(0,))
        await world.settle_down()
        with pytest.raises(ReviewError, match="anna has reviewed C-1 already"):
            await world.review("anna")
        assert world.case().approvals == ("anna",)

    assert not talk(story).happened("left")


@pytest.mark.parametrize(
    ("asked", "drop"),
    [
        ((("Set", "p1"), ("Delete", "p2")), 0),  # what remains may have rested on it
        ((("Delete", "p1"), ("Set", "p1")), 0),  # what remains touches what it was about
    ],
    ids=["it destroyed nothing", "what remains touches the same"],
)
def test_else_people_look_again(asked: tuple[tuple[str, str], ...], drop: int) -> None:
    """Approvals of the revision before count for nothing."""

    async def story(world: Calm) -> None:
        change, requests = several(world, *asked)
        await world.plane.submit(change, requests)
        await world.review("anna")
        await world.plane.take_out("C-1", by="ben", drop=(drop,))
        await world.settle_down()
        case = world.case()
        assert (case.revision, case.approvals, case.reviews) == (2, (), ())

    assert not talk(story).happened("left")


def test_it_is_not_carried_over_what_moved_meanwhile() -> None:
    """A thing that is left is another one by now: what is found anew was not approved."""

    async def story(world: Calm) -> None:
        change, requests = several(world, ("Delete", "p1"), ("Delete", "p2"))
        await world.plane.submit(change, requests)
        await world.review("anna")
        await world.plane.take_out("C-1", by="ben", drop=(0,))
        await world.settle_down()
        world.account.things["p2"] = 99
        with pytest.raises(ReviewError, match="C-1 is invalidated"):
            await world.review("ben")
        assert (world.case().phase, world.case().reason) == (
            Phase.INVALIDATED,
            "state changed: changed since it was assessed: sim:thing/p2",
        )

    assert not talk(story).happened("left")
