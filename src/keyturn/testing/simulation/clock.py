"""Virtual time: an event loop without sockets, whose clock jumps to the next thing that is due."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any, Final

from keyturn.errors import BugError

START_MS: Final = 1_700_000_000_000
"""Where virtual time begins, in milliseconds since 1970; any number would do."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs tasks in the order they become due; the same program gives the same history.

    What `asyncio.BaseEventLoop` does once a turn is done here without a selector and without looking at a real clock: two
    thirds of a turn's cost, and a history has some five hundred of them.
    """

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.set_exception_handler(
            lambda _loop, _context: None
        )  # what a crash tears is looked at by the checker

    def time(self) -> float:
        return self.now_s

    def now_ms(self) -> int:
        """Wall-clock time as the runtime sees it."""
        return START_MS + int(self.now_s * 1000)

    def _run_once(self) -> None:
        ready, scheduled = self._ready, self._scheduled
        if not ready:
            while scheduled and scheduled[0].cancelled():
                heapq.heappop(scheduled)
            if not scheduled:
                raise BugError("stuck", "nothing is due and nothing is ready: the history waits for ever")
            self.now_s = max(self.now_s, scheduled[0].when())
            while scheduled and scheduled[0].when() <= self.now_s:
                ready.append(heapq.heappop(scheduled))
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()  # noqa: SLF001  # as the loop it stands for does

    def call_soon(  # type: ignore[override]  # the stubs tie args to the callback's
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(  # type: ignore[override]  # the same
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Cancelled timers are dropped when their time comes."""

    def _process_events(self, event_list: list[Any]) -> None:
        """There are no files to watch."""

    def _write_to_self(self) -> None:
        """Nobody wakes this loop from another thread."""
