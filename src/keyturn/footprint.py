"""What a process that has started may give back: memory that starting took, and nobody uses afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import mmap
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

COLLECT_AFTER: Final = 20_000
"""Objects that stay before the collector looks for circles: a read leaves a handful in the next batch of the log, no circle."""

EVERY_S: Final = 15.0
"""It takes three milliseconds."""

USED_TIMES: Final = 4
"""What was given back and is back at the next look is in use, and reading it again costs more than it takes: each time, growth has to last
so many times as long before it is given back, up to `EVERY_S`. A while without growth, and the next is given back at once again.
"""

LOOK_S: Final = 0.25
GROWN_MB: Final = 4.0
"""More pages of files than after the last time are given back at once: a first decision of its kind reads seven megabytes of Cedar's
library, those after it none or few.
"""

_UNTOUCHED: Final = re.compile(
    r"^([0-9a-f]+)-([0-9a-f]+) [^w ]+p [0-9a-f]+ \S+ (?!0\b)[0-9]+\b.*\n(?:[A-Z]\w*:.*\n)*?Anonymous: +0 kB$",
    re.MULTILINE,
)
"""Private, not to be written, of a file (an inode), nothing in it a copy."""

_DONTNEED: Final = 4
"""MADV_DONTNEED of madvise(2), on Linux."""

_ARENA_MAX: Final = -8
"""M_ARENA_MAX of mallopt(3), with glibc."""


@contextlib.asynccontextmanager
async def kept_small() -> AsyncIterator[None]:
    """Around what a process does once everything is loaded: the collector is spared what stays as long as the process (catalogue, wire
    table, policies), and what was needed for a moment goes back to the system, at once and every `EVERY_S`.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 20)
    give_back()

    async def again() -> None:
        left_mb, given_s, patience_s = pages_of_files_mb(), 0.0, LOOK_S
        while True:
            await asyncio.sleep(LOOK_S)
            given_s += LOOK_S
            grown = pages_of_files_mb() > left_mb + GROWN_MB
            if given_s >= EVERY_S or (grown and given_s >= patience_s):
                give_back()
                patience_s = min(patience_s * USED_TIMES, EVERY_S) if grown else LOOK_S
                left_mb, given_s = pages_of_files_mb(), 0.0

    giving = asyncio.create_task(again())
    try:
        yield
    finally:
        giving.cancel()


def one_arena() -> None:
    """Before any thread is: glibc would keep what each of them has freed for itself, some three megabytes after a first change, and
    threads that hold Python's lock have nothing to wait for at malloc's. Where there is no such knob nothing happens.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


def pages_of_files_mb() -> float:
    """Resident pages that are the kernel's copy of a file, by proc_pid_statm(5); 0 where nobody says."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[2]) * mmap.PAGESIZE / 1024**2
    except (OSError, IndexError, ValueError):
        return 0.0


def give_back() -> None:
    """It changes nothing but numbers; what a system cannot do is left out."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.malloc_trim(0)  # glibc keeps what was freed
        libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        for start, size in untouched(Path("/proc/self/smaps").read_text()):
            libc.madvise(start, size, _DONTNEED)


def untouched(smaps: str) -> Iterator[tuple[int, int]]:
    """(address, bytes) of the mappings that are a file's own pages: read or run, never written, none of them a copy of ours.

    The kernel has them in its cache whoever maps them, and brings back those that are used: of the libraries a process has loaded, it
    runs a fifth once it has started. `smaps` is as proc_pid_smaps(5) has it.
    """
    for start, end in _UNTOUCHED.findall(smaps):
        yield int(start, 16), int(end, 16) - int(start, 16)
