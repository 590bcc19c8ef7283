"""Work that outlasts whoever waits for it."""

from __future__ import annotations

import asyncio

import pytest

from keyturn.runtime.outlasting import outlasting


def test_what_never_waits_is_done_at_once() -> None:
    """No turn of the loop passes, no task is made: the value is there, and so is an error."""

    async def story() -> None:
        async def value() -> int:
            return 7

        async def error() -> int:
            raise ValueError("no")

        tasks = len(asyncio.all_tasks())
        assert await outlasting(value()) == 7
        with pytest.raises(ValueError, match="no"):
            await outlasting(error())
        assert len(asyncio.all_tasks()) == tasks

    asyncio.run(story())


def test_who_leaves_takes_nothing_with_her() -> None:
    """Cancelled at each of its waits, the work goes on to its end; what it waits for answers it, errors too."""

    async def story(leaves_at: int) -> list[str]:
        steps: list[str] = []
        gates = [asyncio.get_running_loop().create_future() for _ in range(3)]

        async def work() -> str:
            for place, gate in enumerate(gates):
                steps.append(f"waits {place}")
                try:
                    steps.append(await gate)
                except OSError as error:
                    steps.append(f"error {error}")
            await asyncio.sleep(0)
            return "done"

        who = asyncio.ensure_future(outlasting(work()))
        await asyncio.sleep(0)
        for place, gate in enumerate(gates):
            if place == leaves_at:
                who.cancel()
                await asyncio.sleep(0)
            if place == 1:
                gate.set_exception(OSError("broken"))
            else:
                gate.set_result(f"heard {place}")
            for _ in range(3):
                await asyncio.sleep(0)
        if leaves_at < len(gates):
            with pytest.raises(asyncio.CancelledError):
                await who
        else:
            assert await who == "done"
        return steps

    whole = ["waits 0", "heard 0", "waits 1", "error broken", "waits 2", "heard 2"]
    for leaves_at in range(4):
        assert asyncio.run(story(leaves_at)) == whole, f"left at {leaves_at}"


def test_locks_and_time_outs_work_inside() -> None:
    """What was begun outside a task may wait for a lock and for time, as anything may."""

    async def story() -> list[int]:
        lock, order = asyncio.Lock(), []

        async def work(number: int) -> None:
            async with lock:
                await asyncio.sleep(0.001 * (3 - number))
                order.append(number)

        await asyncio.gather(*(outlasting(work(number)) for number in range(3)))
        return order

    assert asyncio.run(story()) == [0, 1, 2]
