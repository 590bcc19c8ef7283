"""Reads on in the log, with a place of its own that lasts: who tells others what happens is told everything once it is there, after a restart too."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from itertools import takewhile
from typing import ClassVar, Final

from keyturn.model.record import Entry
from keyturn.stores.interface import Store

log = logging.getLogger("keyturn")

READ_AT_ONCE: Final = 100
"""Where the place is kept by rounds, a crash tells at most as many again."""


class Following:
    """One reader. `name` is whose place it is; `mine` whether this node, of several, is the one that reads.

    `known` is the last entry that is read: one can be there before its case has moved, and what was made of it then would be wrong for
    ever. Without it all are read, where nobody is asked how a case stands.
    """

    cursors: ClassVar[str]  # the table with the places
    about: ClassVar[str]  # what the process's log calls it
    look_s: ClassVar[float]  # how often the log is looked at when there was nothing new
    keeps_each: ClassVar[bool]  # the place is kept after each entry; otherwise after a round

    def __init__(
        self,
        store: Store,
        name: str,
        *,
        mine: Callable[[], bool] = lambda: True,
        known: Callable[[], int] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store, self._name, self._mine, self._sleep = store, name, mine, sleep
        self._known = known

    async def tell(self, entry: Entry) -> None:
        """What is done with one entry; when it returns, the next one is due."""
        raise NotImplementedError

    async def told(self) -> None:
        """What is done when a round's entries were told, before their place is kept."""

    async def idle(self) -> None:
        """What is done when there was nothing new."""

    async def begin(self) -> None:
        """Who is new is told what comes from now on."""
        if self._store.get_row(self.cursors, self._name) is None:
            await self._keep(self._store.head[0])

    async def run(self) -> None:
        """Until it is cancelled."""
        await self.begin()
        while True:
            try:
                read = await self.round() if self._mine() else 0
            except Exception:
                log.exception("%s %s: a round failed; it is tried again", self.about, self._name)
                read = 0
            if not read:
                await self._sleep(self.look_s)

    async def round(self) -> int:
        """Tell what came since the last time; returns how many entries that were."""
        row = self._store.get_row(self.cursors, self._name)
        after = int(row.value) if row else 0
        known = self._known() if self._known is not None else math.inf
        read = self._store.entries(after=after, limit=READ_AT_ONCE)
        entries = tuple(takewhile(lambda entry: entry.seq <= known, read))
        for entry in entries:
            await self.tell(entry)
            if self.keeps_each:
                await self._keep(entry.seq)
        if not entries:
            await self.idle()
        else:
            await self.told()
            if not self.keeps_each:
                await self._keep(entries[-1].seq)
        return len(entries)

    async def _keep(self, seq: int) -> None:
        await self._store.put_row(self.cursors, self._name, str(seq).encode())
