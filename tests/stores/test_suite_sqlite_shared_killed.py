"""Workers killed in the middle of their turns, again and again: one chain, nothing acknowledged lost, and the others go on."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from keyturn.stores.sqlite_shared import SharedSqliteStore
from keyturn.testing.suites import intact

CHILD: Final = """
import asyncio, os, sys
from pathlib import Path
from keyturn.stores.sqlite_shared import SharedSqliteStore
from keyturn.testing.suites import draft

async def main():
    store = SharedSqliteStore(Path(sys.argv[1]), writer=sys.argv[2])
    store.follow(store.head[0], lambda entries: None)

    async def write(task):
        number = 0
        while True:
            number += 1
            parts = [draft(f"C-{task}", f"{task}.{number}.{part}") for part in range(1 + number % 3)]
            for entry in await store.turn(lambda: parts, soon=number % 4 == 0):
                os.write(1, f"{entry.seq} {entry.hash}\\n".encode())

    await asyncio.gather(*(write(task) for task in range(3)))

asyncio.run(main())
"""
KILLS: Final = 4


def worker(database: Path, name: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", CHILD, str(database), name], stdout=subprocess.PIPE)


async def test_killed_workers_leave_one_chain(tmp_path: Path) -> None:
    """Two write; one after the other is killed under load and another one comes: what either was told is there, once."""
    database = tmp_path / "keyturn.db"
    running = [worker(database, f"w{number}") for number in range(2)]
    told: list[bytes] = []
    for number in range(2, 2 + KILLS):
        time.sleep(0.6)  # noqa: ASYNC251  # the workers' time, not this loop's
        oldest = running.pop(0)
        oldest.kill()
        told += oldest.communicate()[0].split(b"\n")[:-1]
        running.append(worker(database, f"w{number}"))
    time.sleep(0.6)  # noqa: ASYNC251  # as above
    for left in running:
        left.kill()
        told += left.communicate()[0].split(b"\n")[:-1]
    store = SharedSqliteStore(database, writer="reader")
    found = {f"{entry.seq} {entry.hash}".encode() for entry in intact(store)}
    assert len(told) > 50
    assert set(told) <= found
    assert len({entry.writer for entry in store.entries()}) > 2
    await store.close()
