"""Reads on in the log and hands each event to a sink, in order; a durable cursor says how far it came, so that none is left out.

An event whose delivery was not certain is told again, after a wait that doubles: at least once, under the same id. One that a receiver never
takes holds back those after it, and is said in the process's log: order and completeness are what a SIEM lives by.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from keyturn.model.change import Change
from keyturn.model.record import Entry
from keyturn.outward.ocsf import encode, envelope
from keyturn.outward.sinks import Sink
from keyturn.stores.following import Following
from keyturn.stores.interface import Store

log = logging.getLogger("keyturn")

CURSORS: Final = "events_cursor"
FIRST_WAIT_S: Final = 0.5
WAIT_S_MAX: Final = 60.0


class Pump(Following):
    """One sink's. `change_of` gives the change of a case."""

    cursors, about, look_s, keeps_each = CURSORS, "events to", 0.5, False

    def __init__(
        self,
        store: Store,
        sink: Sink,
        change_of: Callable[[str], Change | None],
        *,
        source: str,
        version: str,
        mine: Callable[[], bool] = lambda: True,
        known: Callable[[], int] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(store, sink.name, mine=mine, known=known, sleep=sleep)
        self._sink, self._change_of = sink, change_of
        self._source, self._version = source, version

    async def tell(self, entry: Entry) -> None:
        change = self._change_of(entry.case_id) if entry.case_id else None
        told = envelope(entry, change, source=self._source, version=self._version)
        if told is not None:
            await self._deliver(told["id"], encode(told))

    async def _deliver(self, event_id: str, body: bytes) -> None:
        wait_s = FIRST_WAIT_S
        while True:
            try:
                await self._sink.take(event_id, body)
            except OSError as error:
                log.warning("event %s to %s: %s; again in %.1f s", event_id, self._sink.name, error, wait_s)
                await self._sleep(wait_s)
                wait_s = min(wait_s * 2, WAIT_S_MAX)
            else:
                return
