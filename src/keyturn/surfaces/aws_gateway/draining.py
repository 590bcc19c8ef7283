"""An orderly end: nobody new, and those who have asked are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final, Protocol

LOOK_S: Final = 0.02


class Open(Protocol):
    """A connection."""

    deadline_s: float  # by the loop's clock; then it is cut

    @property
    def idle(self) -> bool:
        """Nothing was asked that is not answered."""
        ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


class Connections(set[Open]):
    """Who is connected. Once `closed`, whoever had been accepted just before and comes only now is cut."""

    closed = False


async def no_more(server: asyncio.Server) -> None:
    """Stop listening. Nobody is let in from now on; who was let in just before has a turn to become a connection of the server's.

    asyncio makes one in the turn after its accept; a server closed in between fails in the middle of that, and leaves it half made
    and open until it is collected (`Server._attach` in asyncio/base_events.py).
    """
    loop = asyncio.get_running_loop()
    for listening in server.sockets:
        loop.remove_reader(listening.fileno())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    server.close()


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
