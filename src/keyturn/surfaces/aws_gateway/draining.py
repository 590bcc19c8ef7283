"""An orderly end: nobody new, and those who have asked are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final, Protocol

LOOK_S: Final = 0.02


class Open(Protocol):
    """A connection."""

    @property
    def idle(self) -> bool:
        """Nothing was asked that is not answered."""
        ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


async def drained(connections: Collection[Open], seconds: float) -> int:
    """Close what is idle, or becomes it within this time; how many are left."""
    loop = asyncio.get_running_loop()
    ends_s = loop.time() + seconds
    while True:
        for one in tuple(connections):
            if one.idle:
                one.close()
        if not connections or loop.time() >= ends_s:
            return len(connections)
        await asyncio.sleep(LOOK_S)


async def cut(connections: Collection[Open], seconds: float) -> None:
    """Close them; what has not taken its answer by then is ended at once, so that nothing stays open."""
    for one in tuple(connections):
        one.close()
    ends_s = asyncio.get_running_loop().time() + seconds
    while connections and asyncio.get_running_loop().time() < ends_s:  # noqa: ASYNC110  # once, at the end
        await asyncio.sleep(LOOK_S)
    for one in tuple(connections):
        one.abort()
