"""The other process of the tests that kill one, or fill its disk: appends to a SQLite store and says what was acknowledged.

python suite_child.py append FOLDER          a line on stdout for each acknowledgement, until killed
python suite_child.py fill FOLDER [BALLAST]  appends until refused, deletes BALLAST, goes on; a JSON report on stdout
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
from pathlib import Path
from typing import Final

from keyturn.errors import StoreError
from keyturn.stores.sqlite import SqliteStore
from keyturn.testing.suites import draft

WRITERS: Final = 8
FILE_BYTES_MAX: Final = 1_500_000
"""The file size limit of `fill`: room for some hundreds of entries."""


def tell(line: str) -> None:
    """One write, so that a kill never leaves half of what another writer said."""
    os.write(1, line.encode() + b"\n")


async def append_for_ever(folder: Path) -> None:
    store = SqliteStore(folder / "keyturn.db", soon_s=0.01)

    async def write(writer: int) -> None:
        number = 0
        while True:
            number += 1
            await store.append_soon([draft(f"C-{writer}", f"{writer}.{number} soon")])
            parts = [draft(f"C-{writer}", f"{writer}.{number}.{part}") for part in range(1 + number % 3)]
            for entry in await store.append(parts):
                tell(f"entry {entry.seq} {entry.hash}")
            if number % 5 == 0:
                ref = f"vault:{os.getpid()}:{writer}:{number}"
                await store.put_blob(ref, ref.encode() * 50)
                tell(f"blob {ref}")
                row = await store.put_row("row", str(writer), str(number).encode())
                tell(f"row {writer} {row.version}")

    await asyncio.gather(*(write(number) for number in range(WRITERS)))


async def count(folder: Path) -> None:
    store = SqliteStore(folder / "keyturn.db")
    for number in range(20):
        (entry,) = await store.append([draft("C-1", str(number))])
        tell(f"entry {entry.seq} {entry.hash}")
    await store.close()


async def fill(folder: Path, ballast: Path | None) -> None:
    store = SqliteStore(folder / "keyturn.db")
    acknowledged: list[str] = []
    refusal: StoreError | None = None
    if ballast is None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES_MAX, resource.RLIM_INFINITY))
    while refusal is None and len(acknowledged) < 20_000:
        try:
            made = await store.append([draft("C-1", "x" * 500)] * 4)
        except StoreError as error:
            refusal = error
        else:
            acknowledged += [entry.hash for entry in made]
    if ballast is None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    else:
        os.unlink(ballast)  # noqa: PTH108  # nothing else runs in this process
    after = [entry.hash for entry in await store.append([draft("C-1", "there is room again")])]
    await store.close()
    again = SqliteStore(folder / "keyturn.db")
    found = [entry.hash for entry in again.entries()]
    await again.close()
    report = {
        "code": refusal.code if refusal else "",
        "help": refusal.help if refusal else "",
        "acknowledged": len(acknowledged),
        "kept": found == acknowledged + after,
    }
    tell(json.dumps(report))


if __name__ == "__main__":
    folder = Path(sys.argv[2])
    if sys.argv[1] == "append":
        asyncio.run(append_for_ever(folder))
    elif sys.argv[1] == "count":
        asyncio.run(count(folder))
    else:
        asyncio.run(fill(folder, Path(sys.argv[3]) if len(sys.argv) > 3 else None))
