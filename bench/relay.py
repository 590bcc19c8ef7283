"""A relay that reads nothing: bytes from a client to the upstream and back, one connection for each. Run: ``python -m bench.relay PORT``

It prints its port. What it costs is what this machine's sockets and event loop cost anything that stands between two others: the floor
below which no gateway gets, and the unit in which one can be compared between machines.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop


class End(asyncio.Protocol):
    """One side of a pair. What comes in goes out at the other."""

    def __init__(self, other: End | None = None) -> None:
        self.other = other
        self.waiting: list[bytes] = []
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        if self.other is None:
            self._connecting = asyncio.ensure_future(self._connect())
        for piece in self.waiting:
            self.write(piece)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        _, self.other = await loop.create_connection(lambda: End(self), "127.0.0.1", int(sys.argv[1]))
        for piece in self.waiting:
            self.other.write(piece)

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self.waiting.append(data)
        else:
            self.other.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()

    def write(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(End, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
