"""What a process gives back of the files it has mapped: their own pages, and never a page that is a copy of ours."""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import ssl
import sys
from pathlib import Path

import pytest

from keyturn import footprint
from keyturn.footprint import give_back, untouched


def _mapping(rights: str, inode: int, anonymous: int, name: str = "/usr/lib/libx.so") -> str:
    return (
        f"7f0000000000-7f0000003000 {rights} 00000000 fe:00 {inode}      {name}\n"
        f"Size:                 12 kB\nRss:                  12 kB\nAnonymous:             {anonymous} kB\n"
        "VmFlags: rd ex mr mw me sd\n"
    )


@pytest.mark.parametrize(
    ("what", "mapping", "given"),
    [
        ("code", _mapping("r-xp", 7, 0), True),
        ("constants", _mapping("r--p", 7, 0), True),
        ("relocated constants: copies of ours", _mapping("r--p", 7, 8), False),
        ("variables", _mapping("rw-p", 7, 0), False),
        ("a file that is shared with others", _mapping("r--s", 7, 0), False),
        ("no file", _mapping("r--p", 0, 0, ""), False),
        ("the kernel's", _mapping("r-xp", 0, 0, "[vdso]"), False),
        ("a name with blanks", _mapping("r-xp", 7, 0, "/usr/my lib/x: 1.so"), True),
    ],
)
def test_what_may_go(what: str, mapping: str, given: bool) -> None:
    """A mapping as proc_pid_smaps(5) shows it."""
    assert what
    assert list(untouched(mapping)) == ([(0x7F0000000000, 0x3000)] if given else [])


def test_the_next_mapping_is_another() -> None:
    """What was said of one is not taken for the next."""
    assert len(list(untouched(_mapping("r-xp", 7, 0) + _mapping("rw-p", 7, 0) + _mapping("r--p", 7, 0)))) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux")
def test_everything_works_afterwards() -> None:
    """Libraries are read again from their files, what was written in memory stays."""
    held = {n: hashlib.sha256(str(n).encode()).hexdigest() for n in range(1_000)}
    give_back()
    assert held == {n: hashlib.sha256(str(n).encode()).hexdigest() for n in range(1_000)}
    assert ssl.create_default_context().cert_store_stats()
    assert ctypes.CDLL(None).getpid() > 0
    assert list(untouched(Path("/proc/self/smaps").read_text()))


def test_what_was_read_of_files_goes_when_it_has_grown(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the first look after it grew; where it has not grown, when its time has come."""
    mapped_mb, given = [10.0], list[float]()
    monkeypatch.setattr(footprint, "LOOK_S", 0.001)
    monkeypatch.setattr(footprint, "EVERY_S", 0.003)
    monkeypatch.setattr(footprint, "pages_of_files_mb", lambda: mapped_mb[0])
    monkeypatch.setattr(footprint, "give_back", lambda: given.append(mapped_mb[0]))

    async def until(count: int) -> None:
        while len(given) < count:  # noqa: ASYNC110  # what is waited for is another task's number
            await asyncio.sleep(0.001)

    async def story() -> None:
        async with footprint.kept_small():
            await until(2)  # as it starts, and by the time
            monkeypatch.setattr(footprint, "EVERY_S", 3600.0)
            mapped_mb[0] += footprint.GROWN_MB
            await asyncio.sleep(0.02)
            quiet = len(given)
            mapped_mb[0] += 1
            await until(quiet + 1)
            assert given[-1] == 10.0 + footprint.GROWN_MB + 1

    asyncio.run(story())
    assert given[0] == 10.0


def test_what_comes_back_at_once_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy plane reads the same pages again within a moment: they are let be for longer each time, and at once after a quiet while."""
    mapped_mb, looked, given = [10.0], [0], list[int]()
    monkeypatch.setattr(footprint, "pages_of_files_mb", lambda: mapped_mb[0])

    def give_back() -> None:
        given.append(looked[0])
        mapped_mb[0] = 10.0

    busy = range(1, 120)

    async def slept(_seconds: float) -> None:
        looked[0] += 1
        if looked[0] > 200:  # enough was seen
            raise asyncio.CancelledError
        if looked[0] in busy or looked[0] == 190:  # and once after it was quiet
            mapped_mb[0] = 20.0

    monkeypatch.setattr(footprint, "give_back", give_back)
    monkeypatch.setattr(footprint, "LOOK_S", 1.0)
    monkeypatch.setattr(footprint, "EVERY_S", 20.0)

    async def story() -> None:
        sleep = asyncio.sleep
        async with footprint.kept_small():
            monkeypatch.setattr(asyncio, "sleep", slept)
            await sleep(0.05)
            monkeypatch.setattr(asyncio, "sleep", sleep)

    asyncio.run(story())
    assert given == [0, 1, 5, 21, 41, 61, 81, 101, 121, 141, 161, 181, 190]


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux")
def test_pages_of_files_are_counted() -> None:
    """Python itself is such a file."""
    assert 1 < footprint.pages_of_files_mb() < 4_096
