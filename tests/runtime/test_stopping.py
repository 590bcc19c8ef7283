"""A plane that stops leaves nothing of its own behind in the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Generator

from keyturn.model.execution import Answer, Call
from tests.runtime.calm import Calm, talk


def test_a_read_that_several_share_ends_with_the_plane() -> None:
    """Whoever waits for it may leave, and it goes on for others; after the plane nobody is left to want it."""

    async def story(world: Calm) -> None:
        asked, before = asyncio.Event(), asyncio.all_tasks()

        async def never(call: Call, *, tags: dict[str, str]) -> Answer:
            asked.set()
            await asyncio.Event().wait()
            raise AssertionError

        def inquiry() -> Generator[tuple[Call, ...], tuple[Answer, ...], None]:
            yield (Call("sim:Get", {"name": "p1"}, account="1", region="here"),)

        world.executor.ask = never  # type: ignore[method-assign]
        waiting = asyncio.create_task(world.plane.work.asker.drive(inquiry(), tags={}, shared=True))
        await asked.wait()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert asyncio.all_tasks() > before
        await world.plane.close()
        assert asyncio.all_tasks() - before == set()

    talk(story)
