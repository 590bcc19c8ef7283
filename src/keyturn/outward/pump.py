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
from keyturn.outward.ocsf import encode, envelope
from keyturn.outward.sinks import Sink
from keyturn.stores.interface import Store

log = logging.getLogger("keyturn")

CURSORS: Final = "events_cursor"
LOOK_S: Final = 0.5
"""How often the log is looked at when there was nothing new."""

READ_AT_ONCE: Final = 100
"""After so many the cursor is kept: a crash tells at most as many again."""

FIRST_WAIT_S: Final = 0.5
WAIT_S_MAX: Final = 60.0


class Pump:
    """One sink's. `change_of` gives the change of a case; `mine` is whether this node, of several, is the one that tells."""

    def __init__(
        self,
        store: Store,
        sink: Sink,
        change_of: Callable[[str], Change | None],
        *,
        source: str,
        version: str,
        mine: Callable[[], bool] = lambda: True,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store, self._sink, self._change_of = store, sink, change_of
        self._source, self._version, self._mine, self._sleep = source, version, mine, sleep

    async def begin(self) -> None:
        """A sink that is new is told what comes from now on."""
        if self._store.get_row(CURSORS, self._sink.name) is None:
            await self._keep(self._store.head[0])

    async def run(self) -> None:
        """Until it is cancelled."""
        await self.begin()
        while True:
            try:
                told = await self.round() if self._mine() else 0
            except Exception:
                log.exception("events to %s: a round failed; it is tried again", self._sink.name)
                told = 0
            if not told:
                await self._sleep(LOOK_S)

    async def round(self) -> int:
        """Tell what came since the last time; returns how many entries that were."""
        row = self._store.get_row(CURSORS, self._sink.name)
        after = int(row.value) if row else 0
        entries = tuple(self._store.entries(after=after, limit=READ_AT_ONCE))
        for entry in entries:
            change = self._change_of(entry.case_id) if entry.case_id else None
            told = envelope(entry, change, source=self._source, version=self._version)
            if told is not None:
                await self._deliver(told["id"], encode(told))
        if entries:
            await self._keep(entries[-1].seq)
        return len(entries)

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

    async def _keep(self, seq: int) -> None:
        await self._store.put_row(CURSORS, self._sink.name, str(seq).encode())
