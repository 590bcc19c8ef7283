"""Work that outlasts whoever waits for it: a client that leaves takes nothing with it that is half written."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def outlasting(work: Coroutine[Any, Any, T]) -> T:
    """Do `work` to its end, also when who waits for it is cancelled meanwhile.

    It begins at once. What never waits needs no task; what does goes on in one of its own from its first wait.
    """
    try:
        waits_for = work.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    return await asyncio.shield(asyncio.ensure_future(_rest(work, waits_for)))


@coroutine
def _rest(work: Coroutine[Any, Any, T], waits_for: Any) -> Generator[Any, Any, T]:
    """Go on with what has begun elsewhere: what it waits for is handed to the task, as `await` would."""
    try:
        while True:
            try:
                given = yield waits_for
            except BaseException as error:  # noqa: BLE001  # the task's to throw, the work's to catch
                waits_for = work.throw(error)
            else:
                waits_for = work.send(given)
    except StopIteration as done:
        value: T = done.value
        return value
