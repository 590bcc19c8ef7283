"""A killed process, a torn or damaged file, a full disk: nothing acknowledged is lost, nothing wrong is passed for right."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keyturn.core.chain import broken_at
from keyturn.errors import StoreError
from keyturn.model.record import Entry
from keyturn.stores.sqlite import SqliteStore
from keyturn.testing.suites import draft, intact, refused

CHILD = [sys.executable, str(Path(__file__).with_name("suite_child.py"))]
DB, WAL = "keyturn.db", "keyturn.db-wal"


def killed_while_appending(folder: Path, *, after_s: float) -> list[list[str]]:
    """What a child acknowledged before SIGKILL met it, `after_s` after its first word."""
    with subprocess.Popen([*CHILD, "append", str(folder)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(after_s)
        os.kill(child.pid, signal.SIGKILL)
        rest = child.stdout.read()
    assert child.returncode == -signal.SIGKILL, "it was to be killed at work, not to end by itself"
    return [line.split() for line in (first + rest).decode().splitlines()]


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(folder / DB)
    try:
        yield store
    finally:
        asyncio.run(store.close())


def log_of(folder: Path) -> tuple[Entry, ...]:
    """The log as it reads now: opened, checked to be one chain, closed."""
    with opened(folder) as store:
        return intact(store)


# --- kill -9 ---------------------------------------------------------------------------------------------------------


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    """Promises 1 and 3, six times over on one store: after SIGKILL every acknowledged entry, blob and row is there.

    The log is one chain without a gap, and what rode along before an acknowledged entry is there too.
    """
    after_s = random.Random(7)
    acknowledged: dict[int, str] = {}
    for _ in range(6):
        said = killed_while_appending(tmp_path, after_s=after_s.uniform(0.0, 0.4))
        acknowledged |= {int(seq): entry_hash for kind, seq, entry_hash in _of(said, "entry", 3)}
        with opened(tmp_path) as store:
            log = intact(store)
            assert {seq: log[seq - 1].hash for seq in acknowledged} == acknowledged
            for _, ref in _of(said, "blob", 2):
                assert store.get_blob(ref) == ref.encode() * 50
            for _, key, version in _of(said, "row", 3):
                row = store.get_row("row", key)
                assert row is not None
                assert row.version >= int(version)
        _each_writer_in_its_order(log)
    assert len(acknowledged) > 100, "too little was written for the test to mean anything"


def _of(said: list[list[str]], kind: str, words: int) -> list[list[str]]:
    return [line for line in said if line[0] == kind and len(line) == words]


def _each_writer_in_its_order(log: tuple[Entry, ...]) -> None:
    """A call's entries are all there or none, after what its writer let ride along before it."""
    names = [getattr(entry.event(), "by", "") for entry in log]
    for place, name in enumerate(names):
        number = name.partition(" ")[0].split(".")
        if len(number) == 3 and number[2] == "0":
            writer, count = int(number[0]), int(number[1])
            call = [f"{writer}.{count}.{part}" for part in range(1 + count % 3)]
            assert names[place : place + len(call)] == call
            assert f"{writer}.{count} soon" in names[:place]


async def test_the_database_is_asked_for_durable_commits(tmp_path: Path) -> None:
    """Promise 1, as SQLite is told it: a write-ahead log, synchronised at every commit (synchronous=FULL is 2)."""
    store = SqliteStore(tmp_path / DB)
    try:
        assert store._write.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert store._write.execute("PRAGMA synchronous").fetchone() == (2,)
    finally:
        await store.close()


def test_an_acknowledgement_comes_after_the_disk_has_it(tmp_path: Path) -> None:
    """Promise 1, as the kernel sees it: before every word of success there is an fdatasync, and no write after that."""
    strace = [
        "strace",
        "-f",
        "-qq",
        "-e",
        "trace=pwrite64,fdatasync,fsync,write",
        "-o",
        str(tmp_path / "calls"),
    ]
    if shutil.which("strace") is None or subprocess.run([*strace, "true"], check=False).returncode:
        pytest.skip("this machine lets nobody trace system calls")
    subprocess.run([*strace, *CHILD, "count", str(tmp_path)], check=True, capture_output=True, timeout=60)
    begun = [line.split(maxsplit=1)[1] for line in (tmp_path / "calls").read_text().splitlines()]
    calls = [
        call.partition("(")[0] for call in begun if call.startswith(("pwrite64", "fdatasync", "write(1, "))
    ]
    acknowledged = [place for place, name in enumerate(calls) if name == "write"]
    assert len(acknowledged) == 20
    assert {calls[place - 1] for place in acknowledged} == {"fdatasync"}


# --- torn and damaged files ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Entry, ...]]:
    """A store killed at work, with its write-ahead log unmerged; and the log that it holds."""
    folder = tmp_path_factory.mktemp("crashed")
    killed_while_appending(folder, after_s=0.3)
    whole = folder / "whole"
    _copy(folder, whole)
    return folder, log_of(whole)


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Entry, ...]]:
    """A store closed in order, everything in the one file: more entries than are checked when it is opened."""
    folder = tmp_path_factory.mktemp("settled")

    async def write() -> None:
        store = SqliteStore(folder / DB)
        for number in range(40):
            await store.append([draft(f"C-{number}", f"{number}.{part}" * 10) for part in range(100)])
        await store.close()

    asyncio.run(write())
    return folder, log_of(folder)


def _copy(source: Path, target: Path) -> None:
    target.mkdir()
    for name in (DB, WAL):
        if (source / name).exists():
            shutil.copy(source / name, target / name)


def test_a_torn_write_ahead_log_is_a_shorter_log(
    crashed: tuple[Path, tuple[Entry, ...]], tmp_path: Path
) -> None:
    """Promise 3: wherever the write-ahead log is cut off, what opens is a prefix: no gap, no half entry."""
    folder, whole = crashed
    size = (folder / WAL).stat().st_size
    lengths = set()
    for number in range(40):
        torn = tmp_path / str(number)
        _copy(folder, torn)
        os.truncate(torn / WAL, random.Random(number).randrange(size) if number else 0)
        log = log_of(torn)
        assert log == whole[: len(log)]
        lengths.add(len(log))
    assert len(lengths) > 5, "the cuts were to fall at different places"


def test_a_flipped_bit_in_the_write_ahead_log_is_a_shorter_log(
    crashed: tuple[Path, tuple[Entry, ...]], tmp_path: Path
) -> None:
    """Promise 3: a damaged frame ends the log before it (https://www.sqlite.org/fileformat2.html#walformat)."""
    folder, whole = crashed
    for number in range(25):
        damaged = tmp_path / str(number)
        _copy(folder, damaged)
        _flip(damaged / WAL, random.Random(number))
        log = log_of(damaged)
        assert log == whole[: len(log)]


def _flip(path: Path, choice: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[choice.randrange(len(data))] ^= 1 << choice.randrange(8)
    path.write_bytes(data)


def _damage(path: Path, choice: random.Random) -> None:
    """Half the file cut off, a page of zeros, a page of noise, or one flipped bit."""
    size = path.stat().st_size
    match choice.randrange(4):
        case 0:
            os.truncate(path, choice.randrange(size))
        case 1:
            with path.open("r+b") as file:
                file.seek(choice.randrange(size // 4096) * 4096)
                file.write(bytes(4096))
        case 2:
            with path.open("r+b") as file:
                file.seek(choice.randrange(size // 4096) * 4096)
                file.write(choice.randbytes(4096))
        case _:
            _flip(path, choice)


def test_a_damaged_file_is_never_taken_for_the_log(
    settled: tuple[Path, tuple[Entry, ...]], tmp_path: Path
) -> None:
    """Promise 4: whatever is done to the file, reading it ends in a `StoreError` that says what to do, in a broken chain
    that `verify` names, in an older end of the same log, or in the log as it was. Never in another log.
    """
    folder, whole = settled
    said = set()
    for number in range(60):
        damaged = tmp_path / str(number)
        _copy(folder, damaged)
        _damage(damaged / DB, random.Random(number))
        try:
            with opened(damaged) as store:
                log = tuple(store.entries())
        except StoreError as error:
            said.add(error.code if error.help else "no advice")
            continue
        said.add("broken chain" if broken_at(log) else "intact")
        assert broken_at(log) or log == whole[: len(log)]
    assert said == {"corrupt", "broken chain", "intact"}


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    """Promise 4: the first thing an operator reads names the file and what to do; the file is left as it is."""
    (tmp_path / DB).write_text("these are my notes, not a database\n" * 200)
    before = (tmp_path / DB).read_bytes()
    with pytest.raises(StoreError, match=r"keyturn\.db") as caught:
        SqliteStore(tmp_path / DB)
    assert caught.value.code == "corrupt"
    assert caught.value.help
    assert (tmp_path / DB).read_bytes() == before


def test_a_file_cut_to_nothing_is_not_an_empty_log(tmp_path: Path) -> None:
    """Starting from nothing would forget every hold, every no and every number given out."""
    with opened(tmp_path) as store:
        asyncio.run(store.append([draft("C-1")]))
    (tmp_path / DB).write_bytes(b"")
    for beside in (WAL, DB + "-shm"):
        (tmp_path / beside).unlink(missing_ok=True)
    with pytest.raises(StoreError, match="there and empty") as caught:
        SqliteStore(tmp_path / DB)
    assert "restore it from a backup" in caught.value.help


def test_an_entry_changed_by_hand_is_found_at_the_door(
    settled: tuple[Path, tuple[Entry, ...]], tmp_path: Path
) -> None:
    """An UPDATE of a recent entry with SQLite's own tools: the store does not open, and names the entry."""
    folder, whole = settled
    _copy(folder, tmp_path / "changed")
    connection = sqlite3.connect(tmp_path / "changed" / DB)
    with contextlib.closing(connection), connection:
        connection.execute(
            "UPDATE entry SET body = replace(body, '39.', '38.') WHERE seq = ?", (len(whole) - 5,)
        )
    with pytest.raises(StoreError, match=f"entry {len(whole) - 5}") as caught:
        SqliteStore(tmp_path / "changed" / DB)
    assert caught.value.code == "corrupt"


# --- a full disk -----------------------------------------------------------------------------------------------------


async def test_a_full_database_says_so_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """Promise 4: SQLite's own page limit stands in for the disk: refused by name, nothing lost, and then it goes on."""
    store = SqliteStore(tmp_path / DB)
    await store.append([draft("C-1", "before")])
    pages = store._write.execute("PRAGMA page_count").fetchone()[0]
    store._write.execute(f"PRAGMA max_page_count = {pages + 2}")
    error = await refused(store.append([draft("C-1", "x" * 100_000)]))
    assert error.code == "disk-full"
    assert "intact" in error.help
    store._write.execute("PRAGMA max_page_count = 1000000")
    await store.append([draft("C-1", "after")])
    assert [getattr(entry.event(), "by", "") for entry in intact(store)] == ["before", "after"]
    await store.close()


async def test_a_ride_along_lost_to_a_full_disk_stops_the_store(tmp_path: Path) -> None:
    """Nobody waits for what rides along, and the plane has folded it already: the store fails for good until restarted,
    so that nothing is decided on a state that is not in the log.
    """
    store = SqliteStore(tmp_path / DB)
    await store.append([draft("C-1", "before")])
    pages = store._write.execute("PRAGMA page_count").fetchone()[0]
    store._write.execute(f"PRAGMA max_page_count = {pages + 2}")
    await store.append_soon([draft("C-1", "x" * 100_000)])
    assert (await refused(store.append(()))).code == "disk-full"
    store._write.execute("PRAGMA max_page_count = 1000000")
    assert (await refused(store.append([draft("C-1", "after")]))).code == "disk-full"
    await store.close()
    store = SqliteStore(tmp_path / DB)
    assert [getattr(entry.event(), "by", "") for entry in intact(store)] == ["before"]
    await store.append([draft("C-1", "after the restart")])
    await store.close()


def test_a_file_that_may_not_grow_loses_nothing(tmp_path: Path) -> None:
    """Promise 4 in another process, whose files may not grow over a limit (RLIMIT_FSIZE): the write itself fails.

    Every acknowledged entry is there, the refused call left nothing, and the same store goes on when the limit is lifted.
    """
    report = _filled(CHILD, tmp_path)
    assert report["code"]
    assert report["help"]
    assert report["acknowledged"] > 100
    assert report["kept"] is True


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """Promise 4 on a real file system of 2 MB that is full: `disk-full` by name, every acknowledged entry kept."""
    small = tmp_path / "small"
    small.mkdir()
    inside = f'mount -t tmpfs -o size=2m none "{small}" && head -c 400000 /dev/zero > "{small}/ballast" && exec "$@"'
    namespace = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", inside, "sh"]
    if shutil.which("unshare") is None or subprocess.run([*namespace, "true"], check=False).returncode:
        pytest.skip("this machine lets nobody mount a small file system")
    report = _filled([*namespace, *CHILD], small, str(small / "ballast"))
    assert report["code"] == "disk-full"
    assert report["acknowledged"] > 100
    assert report["kept"] is True


def _filled(command: list[str], folder: Path, *more: str) -> dict[str, Any]:
    done = subprocess.run([*command, "fill", str(folder), *more], check=True, capture_output=True, timeout=60)
    report: dict[str, Any] = json.loads(done.stdout)
    return report
