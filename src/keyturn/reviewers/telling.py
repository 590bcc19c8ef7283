"""Reads on in the log and tells a channel what people should hear; a durable place in the log, so that a restart leaves nothing out.

What was not certain to arrive is told again: at least once, under the same id. Unlike a SIEM a person is better served by the next notice than
by an old one for ever: after some tries one is given up, aloud.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from keyturn.model.notice import Notice
from keyturn.model.record import Entry
from keyturn.reviewers.calm import Calm
from keyturn.stores.interface import Store

log = logging.getLogger("keyturn")

CURSORS: Final = "channel_cursor"
LOOK_S: Final = 1.0
"""How often the log is looked at when there was nothing new; a person does not notice a second."""

AT_ONCE: Final = 100
TRIES_MAX: Final = 6
FIRST_WAIT_S: Final = 1.0
"""Doubling between tries: a minute in all."""


class Telling:
    """One channel's. `notice_of` is what there is to say of an entry; `mine` whether this node, of several, is the one that tells."""

    def __init__(
        self,
        store: Store,
        channel: Calm,
        notice_of: Callable[[Entry], Notice | None],
        clock: Callable[[], int],
        *,
        mine: Callable[[], bool] = lambda: True,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store, self._channel, self._notice_of = store, channel, notice_of
        self._clock, self._mine, self._sleep = clock, mine, sleep

    async def begin(self) -> None:
        """A channel that is new is told what comes from now on."""
        if self._store.get_row(CURSORS, self._channel.name) is None:
            await self._keep(self._store.head[0])

    async def run(self) -> None:
        """Until it is cancelled."""
        await self.begin()
        while True:
            try:
                read = await self.round() if self._mine() else 0
            except Exception:
                log.exception("channel %s: a round failed; it is tried again", self._channel.name)
                read = 0
            if not read:
                await self._sleep(LOOK_S)

    async def round(self) -> int:
        """Tell what came since the last time, and a digest that is due; returns how many entries were read."""
        row = self._store.get_row(CURSORS, self._channel.name)
        after = int(row.value) if row else 0
        entries = tuple(self._store.entries(after=after, limit=AT_ONCE))
        for entry in entries:
            notice = self._notice_of(entry)
            if notice is not None:
                await self._tell(notice)
            await self._keep(entry.seq)
        if not entries:
            await self._channel.due(self._clock())
        return len(entries)

    async def _tell(self, notice: Notice) -> None:
        wait_s = FIRST_WAIT_S
        for attempt in range(1, TRIES_MAX + 1):
            try:
                await self._channel.tell(notice, at_ms=self._clock())
            except OSError as error:
                log.warning(
                    "notice %s to %s: %s (try %d of %d)",
                    notice.id,
                    self._channel.name,
                    error,
                    attempt,
                    TRIES_MAX,
                )
                if attempt < TRIES_MAX:
                    await self._sleep(wait_s)
                wait_s *= 2
            else:
                return
        log.error("notice %s never reached %s: %s", notice.id, self._channel.name, notice.title)

    async def _keep(self, seq: int) -> None:
        await self._store.put_row(CURSORS, self._channel.name, str(seq).encode())
