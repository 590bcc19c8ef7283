"""A change's answer that reaches its client while it comes; its end is given only when what became of the call is on record.

Who has heard the end of an answer may go on as if the call was done. So the end waits for the log: the empty chunk that closes a body
without a length, the last piece of one that has a length. Everything before it passes at once.
"""

from __future__ import annotations

import time
from typing import Protocol

from keyturn.executors.interface import Hearer
from keyturn.providers.aws.protocols.eventstream import error_message
from keyturn.runtime.interface import Reply, ReplyKind
from keyturn.surfaces.aws_gateway.relay import Framing


class Taking(Protocol):
    """The client's connection. Raises `ConnectionError` once it has left."""

    async def write(self, data: bytes) -> None: ...


class Hearing(Hearer):
    """One client and the answer it hears."""

    def __init__(self, client: Taking, method: str) -> None:
        self._client, self._method = client, method
        self._framing: Framing | None = None
        self._left_bytes: int | None = None  # of a body whose length was said
        self._held = b""
        self._between = False
        self._first_s = 0.0
        self.status = 0

    @property
    def begun(self) -> bool:
        """Whether the client has heard something: then no other answer can be given."""
        return self._framing is not None

    @property
    def lasted_s(self) -> float:
        """Since the client heard the first of it."""
        return time.perf_counter() - self._first_s if self.begun else 0.0

    # --- what the service says ---------------------------------------------------------------------------------------

    async def head(self, status: int, headers: list[tuple[str, str]]) -> None:
        self._framing, self.status, self._first_s = (
            Framing(self._method, status, headers),
            status,
            time.perf_counter(),
        )
        length = dict(headers).get("content-length", "")
        self._left_bytes = int(length) if length.isdecimal() else None
        await self._client.write(self._framing.head)

    async def body(self, piece: bytes, *, between: bool) -> None:
        if self._framing is None:
            return
        self._between = between
        if self._left_bytes is not None:
            self._left_bytes -= len(piece)
            if self._left_bytes <= 0:
                self._held += piece
                return
        await self._client.write(self._framing.piece(piece))

    # --- what the plane says -----------------------------------------------------------------------------------------

    async def end(self, reply: Reply, code: str) -> None:
        """Close the answer as what is on record has it: to its end, or in an error that SDKs raise where the service broke off.

        Raises `ConnectionError` where neither can be said any more: the client sees the answer end in its middle.
        """
        if self._framing is None:
            return
        if reply.kind in {ReplyKind.SENT, ReplyKind.DONE}:
            await self._client.write(self._held + self._framing.end)
        elif self._between and self._framing.end:
            await self._client.write(self._framing.piece(error_message(code, reply.text)) + self._framing.end)
        else:
            raise ConnectionError(f"the answer broke off: {reply.text}")
