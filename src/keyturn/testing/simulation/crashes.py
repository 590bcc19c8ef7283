"""Where a process may end: at any write, before it is durable or just after, torn between the log and the act."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Final

WRITES_UNTIL_CRASH_MAX: Final = 60
"""A crash comes within this many writes of a process's life; a history of eight changes makes some hundred."""


STEP_CRASHES: Final = 0.1
CALL_CRASHES: Final = 0.04
"""Effects are few beside writes, and what a crash leaves half done there is the hardest to take up again; steps are fewest."""


class Died(BaseException):
    """The process is gone. No handler of the runtime may catch it: it stands for the power being cut."""


class Process:
    """One life of the plane's process: counts its writes and dies at the one the seed has chosen."""

    def __init__(self, chance: Random, *, may_crash: bool) -> None:
        self._left = chance.randint(1, WRITES_UNTIL_CRASH_MAX * 2) if may_crash else -1
        self.chance = chance
        self.dead = False
        self.wakes: asyncio.Event | None = None  # while it is stopped (SIGSTOP, a machine that is moved)
        self.stops_at_call = 0.0  # how likely just before a call leaves
        self.over: asyncio.Future[None] = asyncio.get_event_loop().create_future()

    def check(self) -> None:
        """Nothing a dead process does has an effect."""
        if self.dead:
            raise Died

    @property
    def stopped(self) -> bool:
        """Whether it stands still: what it would do next it does when it wakes, and knows nothing of the time between."""
        return self.wakes is not None

    def stop(self, seconds: float) -> None:
        """Stand still for so long."""
        if self.wakes is None and not self.dead:
            self.wakes = asyncio.Event()
            asyncio.get_running_loop().call_later(seconds, self._wake)

    def _wake(self) -> None:
        wakes, self.wakes = self.wakes, None
        if wakes is not None:
            wakes.set()

    async def awake(self) -> None:
        """Stand still where a stopped process does."""
        if self.wakes is not None:
            await self.wakes.wait()
        self.check()

    async def awake_or_dead(self) -> None:
        """For who waits outside for an answer of it."""
        if self.wakes is not None:
            await self.wakes.wait()

    def at_a_write(self) -> None:
        """Two chances to die at each write: called before it is durable, and after."""
        self.check()
        self._left -= 1
        if self._left == 0:
            self.die()

    def at_an_effect(self, crashes: float) -> None:
        """Something took effect and nobody has written it down yet: in a life that may crash, a likely moment for it."""
        self.at_a_write()
        if self._left > 0 and self.chance.random() < crashes:
            self.die()

    def die(self) -> None:
        """End here, now."""
        self.dead = True
        self._wake()
        if not self.over.done():
            self.over.set_result(None)
        raise Died
