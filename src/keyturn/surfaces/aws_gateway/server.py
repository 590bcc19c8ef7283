"""The listening side: one socket, everybody who is connected to it, and its orderly end."""

from __future__ import annotations

import asyncio

import msgspec

from keyturn.executors.aws import AwsExecutor
from keyturn.runtime.interface import Gate
from keyturn.surfaces.aws_gateway import limits
from keyturn.surfaces.aws_gateway.connection import ClientConnection
from keyturn.surfaces.aws_gateway.draining import Connections, cut, drained, no_more
from keyturn.surfaces.aws_gateway.exchange import Exchange
from keyturn.surfaces.aws_gateway.observing import Observer
from keyturn.surfaces.aws_gateway.proxy import Authority


class GatewayConfig(msgspec.Struct, frozen=True):
    host: str
    port: int
    account: str
    partition: str = "aws"
    tunnels: tuple[str, ...] = ()  # hosts that pass through the proxy unread
    shared: bool = False  # other processes listen on the same port: the kernel shares clients out (socket(7), SO_REUSEPORT)


class Gateway:
    """A listening gateway."""

    def __init__(self, server: asyncio.Server, connections: Connections) -> None:
        self._server, self._connections = server, connections
        self._sweep: asyncio.TimerHandle | None = None
        self._look()

    @property
    def port(self) -> int:
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def __repr__(self) -> str:
        return f"<Gateway :{self.port} [{len(self._connections)} clients]>"

    def _look(self) -> None:
        """Let go of clients that have been silent too long: one timer for all of them, not two for each request."""
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        for client in tuple(self._connections):
            if now_s > client.deadline_s:
                client.abort()  # it may not take what is still to be sent to it
        self._sweep = loop.call_later(limits.SWEEP_S, self._look)

    async def drain(self, seconds: float) -> int:
        """Stop listening and wait until nobody asks any more; how many still do after so long."""
        await no_more(self._server)
        return await drained(self._connections, seconds)

    async def close(self) -> None:
        """Stop listening; clients that wait are let go, their cases stay."""
        if self._sweep is not None:
            self._sweep.cancel()
        await no_more(self._server)
        self._connections.closed = True
        await cut(self._connections, limits.CLOSE_S)


async def serve(
    gate: Gate,
    executor: AwsExecutor,
    config: GatewayConfig,
    authority: Authority | None = None,
    observer: Observer | None = None,
) -> Gateway:
    """Listen. Port 0 takes a free one. With an `authority` the same port is an HTTPS proxy too."""
    exchange = Exchange(
        gate,
        executor,
        account=config.account,
        partition=config.partition,
        authority=authority,
        tunnels=config.tunnels,
        observer=observer,
    )
    connections = Connections()
    server = await asyncio.get_running_loop().create_server(
        lambda: ClientConnection(exchange, connections),
        config.host,
        config.port,
        backlog=512,
        reuse_port=config.shared or None,
    )
    return Gateway(server, connections)
