"""The power is cut at one moment of a conversation: something has just become durable, or has just taken effect."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from keyturn.model.execution import Answer, Call
from keyturn.model.record import Draft, Entry
from keyturn.testing.simulation.crashes import Died
from tests.runtime.calm import Calm


class Cut:
    """Counts such moments from now on, and ends the process at the one that is given."""

    def __init__(self, world: Calm, at: int) -> None:
        self.world, self.at, self.seen = world, at, 0
        self._append, self._ask, self._send = world.store.append, world.executor.ask, world.executor.send
        world.store.append = self._appended  # type: ignore[method-assign]
        world.executor.ask = self._asked  # type: ignore[method-assign]
        world.executor.send = self._sent  # type: ignore[method-assign]

    @property
    def came(self) -> bool:
        """Whether there was such a moment at all."""
        return self.world.executor.process.dead

    def _moment(self) -> None:
        self.seen += 1
        if self.seen == self.at:
            self.world.executor.process.die()

    async def _appended(self, drafts: Sequence[Draft]) -> tuple[Entry, ...]:
        made = await self._append(drafts)
        if drafts:
            self._moment()
        return made

    async def _asked(self, call: Call, *, tags: dict[str, str]) -> Answer:
        answer = await self._ask(call, tags=tags)
        if call.mutates:
            self._moment()
        return answer

    async def _sent(self, *given: Any, **named: Any) -> Any:
        sending = await self._send(*given, **named)
        self._moment()
        return sending

    async def start_again(self) -> None:
        """Another process over the same disk."""
        plane = self.world.plane
        mine = plane._tasks | set(plane._loops)
        for task in mine:
            task.cancel()
        await asyncio.gather(*mine, return_exceptions=True)
        await self.world.boot()


async def or_died(work: Any) -> None:
    """Whoever asked is told nothing any more."""
    try:
        await work
    except (Died, asyncio.CancelledError):
        return
