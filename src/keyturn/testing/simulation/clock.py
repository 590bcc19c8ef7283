"""Virtual time: an event loop without sockets, whose clock jumps to the next thing that is due."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from keyturn.errors import BugError

START_MS: Final = 1_700_000_000_000
"""Where virtual time begins, in milliseconds since 1970; any number would do."""


class _Jump:
    """Stands where a selector would: waiting is moving the clock."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise BugError("stuck", "nothing is due and nothing is ready: the history waits for ever")
        self._loop.now_s += max(0.0, timeout)
        return []

    def close(self) -> None:
        """Nothing to close."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs tasks in the order they become due; the same program gives the same history."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self._selector = _Jump(self)
        self._clock_resolution = 1e-9
        self.set_exception_handler(
            lambda _loop, _context: None
        )  # what a crash tears is looked at by the checker

    def time(self) -> float:
        return self.now_s

    def now_ms(self) -> int:
        """Wall-clock time as the runtime sees it."""
        return START_MS + int(self.now_s * 1000)

    def _process_events(self, event_list: list[Any]) -> None:
        """There are no files to watch."""

    def _write_to_self(self) -> None:
        """Nobody wakes this loop from another thread."""
