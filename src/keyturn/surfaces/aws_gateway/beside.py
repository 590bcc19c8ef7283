"""What the workers of one start count, for all of them: a small file for each, added up by whoever is asked for the page.

A worker that is started again takes up the counts of the one before, so that no count goes back; of one that was killed the last second
may be missing. The folder is the start's own, and ends with it.
"""

from __future__ import annotations

import contextlib
import fcntl
from pathlib import Path
from typing import Final

import msgspec

WRITE_S: Final = 1.0
"""How old another worker's counts may be in a scrape; scrapes come every fifteen seconds or so."""


class Counts(msgspec.Struct):
    """As `Observer` keeps them: requests by (lane, outcome, service), times by lane, tunnels by outcome."""

    requests: list[tuple[str, str, str, int]] = []
    timed: dict[str, tuple[list[int], float]] = {}
    tunnels: dict[str, int] = {}


class Beside:
    """One worker's place among those beside it. `number` stays the same when it is started again."""

    def __init__(self, folder: Path, number: int) -> None:
        self._folder, self._own = folder, folder / f"{number}.json"

    def kept(self) -> Counts:
        """What stood in this worker's file: its own counts from before it was started again."""
        return _read(self._own)

    def others(self) -> list[Counts]:
        """Everybody else's, as they last wrote them."""
        return [_read(path) for path in sorted(self._folder.glob("*.json")) if path != self._own]

    def write(self, counts: Counts) -> None:
        """Whole or not at all. A disk that is full costs the page, nothing else."""
        new = self._own.with_suffix(".new")
        with contextlib.suppress(OSError):
            new.write_bytes(msgspec.json.encode(counts))
            new.replace(self._own)

    def began_at(self, seq: int) -> int:
        """From which entry of the log all of them count: where it ended when the first of them asked."""
        with (self._folder / "began").open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            said = file.read()
            if not said:
                file.write(str(seq))
            return int(said or seq)


def _read(path: Path) -> Counts:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Counts)
    except (OSError, msgspec.DecodeError):
        return Counts()
