"""A fast upstream on loopback: answers reads with 1 KB, writes at once, streams as many megabytes as are asked for. Run: ``python -m bench.upstream``

It prints its port. It stands where the account would, so that what is measured is what stands in front of it.
"""

from __future__ import annotations

import asyncio
import json
from typing import Final

import httptools
import uvloop

LARGE_MB: Final = 64
CHUNK: Final = b"x" * 65_536
ITEM: Final = json.dumps({"Item": {"id": {"S": "1"}, "text": {"S": "a" * 950}}}).encode()
ABSENT: Final = b'{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no"}'
CREATED: Final = b'{"TableDescription":{"TableName":"t","TableStatus":"ACTIVE"}}'


def answer(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


READ: Final = answer("200 OK", ITEM)
GONE: Final = answer("400 Bad Request", ABSENT)
MADE: Final = answer("200 OK", CREATED)


class Client(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._parser = httptools.HttpRequestParser(self)
        self._target, self._path, self._range = b"", b"", b""
        self._left = self._came = 0

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._target, self._path, self._range = b"", b"", b""
        self._came = 0

    def on_body(self, body: bytes) -> None:
        self._came += len(body)

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"x-amz-target":
            self._target = value
        elif name.lower() == b"range":
            self._range = value

    def on_message_complete(self) -> None:
        if self._target.endswith(b"GetItem"):
            self._transport.write(READ)
        elif self._target.endswith(b"CreateTable"):
            self._transport.write(MADE)
        elif self._target:
            self._transport.write(GONE)
        elif self._path.endswith(
            b"/invocations"
        ):  # a function, whose name says how many megabytes it answers
            self._left = int(self._path.split(b"/")[-2]) * 1024 * 1024
            self._transport.write(f"HTTP/1.1 200 OK\r\ncontent-length: {self._left}\r\n\r\n".encode())
            self.resume_writing()
        elif b"/functions/" in self._path:  # and is not there when it is looked for
            self._transport.write(GONE)
        elif self._parser.get_method() == b"GET" and self._path.startswith(b"/large/"):
            whole = int(self._path.partition(b"?")[0].rpartition(b"/")[2]) * 1024 * 1024
            status, self._left = "200 OK", whole
            if self._range:
                first, _, last = self._range.removeprefix(b"bytes=").partition(b"-")
                status, self._left = "206 Partial Content", int(last) + 1 - int(first)
            self._transport.write(f"HTTP/1.1 {status}\r\ncontent-length: {self._left}\r\n\r\n".encode())
            self.resume_writing()
        else:  # what was stored says how large it was
            self._transport.write(
                f'HTTP/1.1 200 OK\r\netag: "{self._came}"\r\ncontent-length: 0\r\n\r\n'.encode()
            )

    def resume_writing(self) -> None:
        """More of the large object, as long as the reader takes it."""
        self._paused = False
        while self._left > 0 and not self._paused:
            piece = CHUNK[: self._left]
            self._left -= len(piece)
            self._transport.write(piece)

    def pause_writing(self) -> None:
        self._paused = True


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Client, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
