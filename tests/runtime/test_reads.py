"""The read lane's kept answers: each holds for exactly what it was given for."""

from __future__ import annotations

from typing import Any

import msgspec

from keyturn.model.change import Change, Principal
from keyturn.testing.simulation.knowledge import operation
from tests.runtime.calm import Calm, talk


def test_a_kept_answer_is_not_given_for_one_more_resource() -> None:
    """An allowed read of one table says nothing of a read of that table and another."""

    async def story(world: Calm) -> None:
        asked: list[tuple[str, ...]] = []
        answer = world.policy.answer

        def noted(change: Change, *rest: Any, **more: Any) -> Any:
            asked.append(tuple(ref.id for ref in change.resources))
            return answer(change, *rest, **more)

        world.policy.answer = noted  # type: ignore[method-assign]
        who = Principal(agent="kiro", session=world.key.session, operator="olga")
        one, other = operation("Set", {"name": "p1"}), operation("Set", {"name": "p2"})
        both = msgspec.structs.replace(one, resources=(*one.resources, *other.resources))
        for read in (one, one, both, both):
            world.plane.read(who, read)
        assert asked == [("p1",), ("p1", "p2")]

    talk(story)
