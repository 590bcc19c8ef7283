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
from keyturn.stores.following import Following
from keyturn.stores.interface import Store

log = logging.getLogger("keyturn")

CURSORS: Final = "channel_cursor"
TRIES_MAX: Final = 6
FIRST_WAIT_S: Final = 1.0
"""Doubling between tries: half a minute in all."""


class Telling(Following):
    """One channel's. `notice_of` is what there is to say of an entry. A digest that is due is told when nothing is new."""

    cursors, about, look_s, keeps_each = CURSORS, "channel", 1.0, True

    def __init__(
        self,
        store: Store,
        channel: Calm,
        notice_of: Callable[[Entry], Notice | None],
        clock: Callable[[], int],
        *,
        mine: Callable[[], bool] = lambda: True,
        known: Callable[[], int] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(store, channel.name, mine=mine, known=known, sleep=sleep)
        self._channel, self._notice_of, self._clock = channel, notice_of, clock

    async def tell(self, entry: Entry) -> None:
        notice = self._notice_of(entry)
        if notice is not None:
            await self._deliver(notice)

    async def idle(self) -> None:
        await self._channel.due(self._clock())

    async def _deliver(self, notice: Notice) -> None:
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
