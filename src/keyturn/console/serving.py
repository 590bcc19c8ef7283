"""The console's server: it is loaded by the first who comes, and ends without leaving anybody's connection behind.

Its libraries and pages are six megabytes, and a gateway whose reviewers sleep carries none of it. The socket listens from the start, so
nobody is turned away meanwhile: who comes first waits a third of a second longer.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import uvicorn

    from keyturn.console.web import Web

END_S: Final = 0.3
"""So long an answer that is under way may still take; pages come in a tenth of it, and a page's stream of events has no end."""

log = logging.getLogger("keyturn")


class Serving:
    """One listening socket, and what answers on it. `make` builds the application when it is first needed."""

    def __init__(self, listening: socket.socket, make: Callable[[], Awaitable[Web]]) -> None:
        self._listening, self._make = listening, make
        self._opening: asyncio.Task[None] | None = None
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None

    def wait(self) -> None:
        """Load the rest when somebody comes. What is wrong with it is said in the process's own log then, and the socket closes."""
        self._listening.setblocking(False)
        asyncio.get_running_loop().add_reader(self._listening, self._come)

    def _come(self) -> None:
        asyncio.get_running_loop().remove_reader(self._listening)
        self._opening = asyncio.create_task(self.open())
        self._opening.add_done_callback(self._opened)

    def _opened(self, opening: asyncio.Task[None]) -> None:
        if not opening.cancelled() and (error := opening.exception()) is not None:
            log.critical("the console cannot start, nobody can review there: %s", error, exc_info=error)
            self._listening.close()

    async def open(self) -> None:
        """Load it and serve. Raises what is wrong with it."""
        await asyncio.to_thread(_load)  # the gateway answers meanwhile
        import uvicorn  # noqa: PLC0415  # it comes with the first who does

        server = self._server = uvicorn.Server(
            uvicorn.Config(await self._make(), log_level="warning", lifespan="off", server_header=False)
        )
        server.install_signal_handlers = _nothing  # type: ignore[attr-defined]  # signals are ours
        self._serving = asyncio.create_task(server.serve(sockets=[self._listening]))
        while not server.started:
            if self._serving.done():
                await self._serving
                raise RuntimeError("the console did not start")
            await asyncio.sleep(0.01)

    async def stop(self, no_more: Callable[[asyncio.Server], Awaitable[None]]) -> None:
        """End it; nothing of it is left in the loop. `no_more` has a server accept nobody any longer."""
        if self._opening is not None:
            await asyncio.wait({self._opening})
        elif self._listening.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._listening)
        if self._server is not None and self._serving is not None:
            for listening in self._server.servers:
                await no_more(listening)
            await _end(self._server, self._serving)
        self._listening.close()


def _load() -> None:
    for module in ("uvicorn", "keyturn.console.web", "keyturn.console.templating"):
        importlib.import_module(module)


async def _end(server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    """Left to itself, uvicorn waits for a stream of events as long as its page is open; told not to wait, it leaves the connection open."""
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
    if not serving.cancelled():
        serving.result()


def _nothing() -> None:
    """Leave the signals alone."""
