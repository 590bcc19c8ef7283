"""An answer that passes to the client as it comes, and what is kept of it for whoever asks again.

The body is kept whole up to `KEPT_BYTES_MAX`; of a longer one its head, its length and its digest are. Nothing of it waits for its
end but the record. A client that leaves in the middle of it loses the answer, not the call: it is read on, so that its end is on record.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable
from typing import Final

from keyturn.executors.http import Answer
from keyturn.executors.interface import Hearer, Response
from keyturn.providers.aws.protocols.eventstream import Messages

KEPT_BYTES_MAX: Final = 16 * 1024 * 1024
"""A recorded answer is held in memory while it is sealed; AWS's control-plane answers are under six megabytes."""

SILENCE_S_MAX: Final = 900.0
"""Between two pieces of such an answer, and before its first: a Lambda function may work for fifteen minutes before it says a word."""

UNHEARD_S_MAX: Final = 900.0
"""An answer that nobody hears any more is read on for so long: none of these calls takes longer, and a tail has no end."""


class Passing:
    """One answer on its way through."""

    def __init__(self, answer: Answer, headers: tuple[tuple[str, str], ...], streamed: str) -> None:
        self._answer, self._headers = answer, headers
        self._messages = Messages() if streamed == "events" else None
        self._digest = hashlib.sha256()
        self._kept: list[bytes] | None = []
        self.came_bytes = 0

    async def through(self, hearer: Hearer | None) -> Response:
        """Give it to `hearer` as it comes; what is to be recorded. Raises `OSError` (a time-out is one) where it breaks off."""
        loop = asyncio.get_running_loop()
        if hearer is not None:
            hearer = await _given(hearer.head(self._answer.status, self._answer.headers), hearer)
        async with asyncio.timeout(None if hearer is not None else UNHEARD_S_MAX) as limit:
            async for piece in self._answer:
                self._keep(piece)
                if hearer is None:
                    continue
                between = self._messages is not None and self._messages.between
                hearer = await _given(hearer.body(piece, between=between), hearer)
                if hearer is None:
                    limit.reschedule(loop.time() + UNHEARD_S_MAX)
        status, body = self._answer.status, self._kept
        if body is None:
            return Response(
                status, self._headers, b"", passed_bytes=self.came_bytes, sha256=self._digest.hexdigest()
            )
        return Response(status, self._headers, b"".join(body))

    def _keep(self, piece: bytes) -> None:
        self.came_bytes += len(piece)
        self._digest.update(piece)
        if self._messages is not None:
            self._messages.feed(piece)
        if self.came_bytes > KEPT_BYTES_MAX:
            self._kept = None
        elif self._kept is not None:
            self._kept.append(piece)

    @property
    def note(self) -> str:
        """What is to be said of it in the log; empty where there is nothing."""
        said = []
        if self._messages is not None and self._messages.ended_in:
            said.append(
                f"its stream holds the service's error {self._messages.ended_in[:100]}: it may be done in part"
            )
        if self._kept is None:
            said.append(
                f"its answer of {self.came_bytes:,} bytes passed to the client, and is too long to be kept"
            )
        return "; ".join(said)


async def _given(telling: Awaitable[None], hearer: Hearer) -> Hearer | None:
    """Who still hears after this was told: nobody, where the client has left."""
    try:
        await telling
    except ConnectionError:
        return None
    return hearer
