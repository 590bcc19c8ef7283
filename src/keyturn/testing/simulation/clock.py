"""Virtual time: an event loop without sockets, whose clock jumps to the next thing that is due."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import Context, copy_context
from typing import Any, Final

from keyturn.errors import BugError

START_MS: Final = 1_700_000_000_000
"""Where virtual time begins, in milliseconds since 1970; any number would do."""


class _Soon(asyncio.Handle):
    """A callback that is due, without what a debugger would like to know of it."""

    __slots__ = ()

    def __init__(self, callback: Callable[..., Any], args: tuple[Any, ...], context: Context) -> None:
        self._callback, self._args, self._context = callback, args, context
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled, self._args = True, ()

    def _run(self) -> None:
        self._context.run(self._callback, *self._args)


class _Timer(_Soon, asyncio.TimerHandle):
    """The same, for later. A cancelled one is dropped when its time comes."""

    __slots__ = ()

    def __init__(
        self, when: float, callback: Callable[..., Any], args: tuple[Any, ...], context: Context
    ) -> None:
        super().__init__(callback, args, context)
        self._when = when


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs tasks in the order they become due; the same program gives the same history.

    What `asyncio.BaseEventLoop` does once a turn is done here without a selector and without looking at a real clock: two
    thirds of a turn's cost, and a history has some five hundred of them.
    """

    _ready: deque[asyncio.Handle]

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self._due: list[tuple[float, int, _Timer]] = []
        self._made = 0
        self.set_exception_handler(
            lambda _loop, _context: None
        )  # what a crash tears is looked at by the checker

    def time(self) -> float:
        return self.now_s

    def now_ms(self) -> int:
        """Wall-clock time as the runtime sees it."""
        return START_MS + int(self.now_s * 1000)

    def _run_once(self) -> None:
        ready, due = self._ready, self._due
        if not ready:
            while due and due[0][2].cancelled():
                heapq.heappop(due)
            if not due:
                raise BugError("stuck", "nothing is due and nothing is ready: the history waits for ever")
            self.now_s = max(self.now_s, due[0][0])
            while due and due[0][0] <= self.now_s:
                ready.append(heapq.heappop(due)[2])
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()  # noqa: SLF001  # as the loop it stands for does

    def call_soon(  # type: ignore[override]  # the stubs tie args to the callback's
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = _Soon(callback, args, context or copy_context())
        self._ready.append(handle)
        return handle

    def call_at(  # type: ignore[override]  # the same
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = _Timer(when, callback, args, context or copy_context())
        self._made += 1
        heapq.heappush(self._due, (when, self._made, timer))
        return timer

    def call_later(  # type: ignore[override]  # the same
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.now_s + delay, callback, *args, context=context)

    def _process_events(self, event_list: list[Any]) -> None:
        """There are no files to watch."""

    def _write_to_self(self) -> None:
        """Nobody wakes this loop from another thread."""


@contextlib.contextmanager
def virtual_time() -> Iterator[VirtualLoop]:
    """A loop of its own for what is run in it; no task of it is left at the end."""
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    try:
        yield loop
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        asyncio.set_event_loop(None)
        loop.close()
