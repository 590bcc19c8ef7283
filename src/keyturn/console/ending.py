"""The orderly end of the console's server: answers that are under way are given, open pages are let go, no connection stays."""

from __future__ import annotations

import asyncio
from typing import Final

import uvicorn

END_S: Final = 0.3
"""So long an answer that is under way may still take; pages come in a tenth of it, and a page's stream of events has no end."""


async def end(server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    """Stop `server`, whose `serving` is its task; nothing of it is left in the loop.

    Left to itself, uvicorn waits for a stream of events as long as its page is open; told not to wait, it leaves the connection open.
    """
    server.should_exit = True
    await asyncio.wait({serving}, timeout=END_S)
    for connection in tuple(server.server_state.connections):
        if connection.transport is not None:
            connection.transport.abort()
    server.force_exit = True
    await asyncio.wait({serving, *server.server_state.tasks}, timeout=END_S)  # they hear that nobody listens
    for task in tuple(server.server_state.tasks):
        task.cancel()
    await asyncio.wait({serving, *server.server_state.tasks})
    serving.result()
