"""A database that stands still, is killed, or has no room: nothing acknowledged is lost, nothing is written twice."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import tempfile
from collections.abc import Awaitable, Iterator
from pathlib import Path

import pytest

from keyturn.core.chain import broken_at
from keyturn.errors import OperatorError, StoreError
from keyturn.model.record import Entry
from keyturn.stores.migrate import migrate
from keyturn.stores.opening import open_store
from keyturn.stores.postgres import PostgresStore, upgrade
from keyturn.stores.sqlite import SqliteStore
from keyturn.testing import postgres
from keyturn.testing.suites import checkpoint, draft, intact, marks

pytestmark = pytest.mark.skipif(bool(postgres.available()), reason=postgres.available() or "-")

DISK_MB = 160
FULL_CODES = {"disk-full", "unreachable", "in-doubt"}
"""PostgreSQL says that the disk is full; or ends itself, when it is its own log that cannot grow."""


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    with postgres.Server() as made:
        yield made


@pytest.fixture
def url(server: postgres.Server, request: pytest.FixtureRequest) -> str:
    made = server.make(request.node.name.partition("[")[0][:50])
    assert upgrade(made) == ("", "0001")
    assert upgrade(made) == ("0001", "0001")
    return made


async def tried(work: Awaitable[tuple[Entry, ...]], wait_s: float = 60.0) -> tuple[Entry, ...] | StoreError:
    try:
        async with asyncio.timeout(wait_s):
            return await work
    except StoreError as error:
        return error


async def test_a_database_that_stands_still_is_waited_for(server: postgres.Server, url: str) -> None:
    """What waits is written when it wakes, once; reads are refused in bounded time meanwhile, and the loop goes on."""
    store = PostgresStore(url, writer="a")
    await store.append([draft("C-1", "before")])
    server.pause()
    try:
        waiting = [asyncio.ensure_future(tried(store.append([draft("C-1", f"{n}")]))) for n in range(5)]
        await asyncio.sleep(1.0)
        assert not any(task.done() for task in waiting)
    finally:
        server.wake()
    answers = await asyncio.gather(*waiting)
    assert not any(isinstance(answer, StoreError) for answer in answers)
    assert sorted(marks(store)) == sorted(["before", *map(str, range(5))])
    intact(store)
    await store.close()


async def test_a_database_that_is_killed_loses_nothing(server: postgres.Server, url: str) -> None:
    """Killed under load and started again, twice: what was acknowledged is there once, and the same store goes on."""
    store = PostgresStore(url, writer="a")
    said: list[str] = []
    over = asyncio.Event()

    async def write(task: int) -> None:
        number = 0
        while not over.is_set():
            number += 1
            name = f"{task}.{number}"
            answer = await tried(store.turn(lambda name=name: [draft("C-1", name)]))  # type: ignore[misc]  # mypy cannot infer a lambda's default
            if isinstance(answer, StoreError):
                await asyncio.sleep(0.05)
            else:
                said.append(name)

    writers = [asyncio.ensure_future(write(task)) for task in range(6)]
    for _ in range(2):
        before = len(said)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.start)
        async with asyncio.timeout(60):
            while len(said) < before + 30:  # noqa: ASYNC110  # a test waits
                await asyncio.sleep(0.05)
    over.set()
    await asyncio.gather(*writers)
    found = marks(store)
    assert len(found) == len(set(found)), "written twice"
    assert set(said) <= set(found), "acknowledged, and not there"
    intact(store)
    await store.close()


async def test_a_commit_in_doubt_is_looked_up(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection broke and the commit had been made, or had not: the caller hears which of the two."""
    store = PostgresStore(url, writer="a")
    commit = type(store.backend).commit
    cuts = ["after", "before"]

    def cut(self: object) -> None:
        when = cuts.pop(0) if cuts and self._inserted else ""  # type: ignore[attr-defined]  # only where there is something to lose
        if when == "before":
            store.backend._write.pgconn.finish()  # type: ignore[attr-defined]  # as if the cable were pulled
        commit(self)  # type: ignore[arg-type]  # the backend's own
        if when == "after":
            store.backend._write.pgconn.finish()  # type: ignore[attr-defined]  # as if the cable were pulled
            raise StoreError("in-doubt", "the answer never came")

    monkeypatch.setattr(type(store.backend), "commit", cut)
    first = await tried(store.append([draft("C-1", "made")]))
    second = await tried(store.append([draft("C-1", "not made")]))
    assert (isinstance(first, tuple), isinstance(second, StoreError)) == (True, True)
    third = await tried(store.append([draft("C-1", "later")]))
    assert isinstance(third, tuple)
    assert marks(store) == ["made", "later"]
    intact(store)
    await store.close()


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own with little room."""
    place = Path(tempfile.mkdtemp(prefix="kt-disk-", dir="/tmp"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"left out: a small disk needs the right to mount one ({mounted.stderr.strip()})")
    place.chmod(0o755)
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)
    place.rmdir()


async def test_a_full_disk_of_the_database_loses_nothing(small_disk: Path) -> None:
    """Refused by name while there is no room; what was acknowledged stands, and it goes on when there is room again."""
    with postgres.Server(small_disk / "data") as server:
        url = server.make("full")
        upgrade(url)
        store = PostgresStore(url, writer="a")
        said = [entry.hash for entry in await store.append([draft("C-1", "first")])]
        free = os.statvfs(small_disk)
        ballast = small_disk / "ballast"
        room = max(0, free.f_bavail * free.f_frsize - 3_000_000)
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, room)
        refusal: StoreError | None = None
        for number in range(400):
            answer = await tried(store.append([draft("C-1", f"{number}" + os.urandom(30_000).hex())] * 4))
            if isinstance(answer, StoreError):
                refusal = answer
                break
            said += [entry.hash for entry in answer]
        assert refusal is not None
        assert refusal.code in FULL_CODES
        ballast.unlink()
        with contextlib.suppress(RuntimeError):
            if not server.lives():
                server.start()
        async with asyncio.timeout(60):
            while isinstance(after := await tried(store.append([draft("C-1", "room again")])), StoreError):  # noqa: ASYNC110  # a test waits
                await asyncio.sleep(0.2)
        said += [entry.hash for entry in after]
        assert [entry.hash for entry in intact(store)] == said
        await store.close()


# --- the way from one file -------------------------------------------------------------------------------------------


async def test_a_store_moves_to_postgresql_whole(url: str, tmp_path: Path) -> None:
    """Entries, snapshot, checkpoints, blobs and rows are the same; the log goes on in the same chain; nothing is merged."""
    source = SqliteStore(tmp_path / "keyturn.db")
    for number in range(30):
        await source.append([draft("C-1", f"{number} \x00 \U0001f511"), draft("", "b")])
    await source.save_snapshot(2, {"C-1": b"one"}, b"plane")
    await source.add_checkpoint(checkpoint(2))
    await source.put_blob("vault:x:1", b"\x00sealed")
    await source.put_row("user", "ada", b"1")
    before = intact(source)
    await source.close()
    copied = await migrate(tmp_path / "keyturn.db", url, say=lambda _text: None)
    assert (copied.entries, copied.rows["blob"], copied.rows["small"]) == (60, 1, 1)
    store = PostgresStore(url, writer="a")
    assert intact(store) == before
    assert store.load_snapshot() == (2, {"C-1": b"one"}, b"plane")
    assert (store.checkpoints(), store.get_blob("vault:x:1")) == ((checkpoint(2),), b"\x00sealed")
    await store.append([draft("C-1", "and on")])
    assert broken_at(tuple(store.entries())) == ""
    await store.close()
    with pytest.raises(StoreError) as refused:
        await migrate(tmp_path / "keyturn.db", url, say=lambda _text: None)
    assert refused.value.code == "not-empty"


async def test_a_broken_log_is_not_copied(url: str, tmp_path: Path) -> None:
    """What is wrong before is said before, and the target stays empty."""
    source = SqliteStore(tmp_path / "keyturn.db")
    await source.append([draft("C-1", str(number)) for number in range(1_200)])
    await source.close()
    import sqlite3  # a hand in the file

    with sqlite3.connect(tmp_path / "keyturn.db") as connection:
        connection.execute("UPDATE entry SET body = body || ' ' WHERE seq = 3")
    with pytest.raises(StoreError) as refused:
        await migrate(tmp_path / "keyturn.db", url, say=lambda _text: None)
    assert (refused.value.code, "entry 3" in refused.value.message) == ("corrupt", True)
    store = PostgresStore(url, writer="a")
    assert tuple(store.entries()) == ()
    await store.close()


def test_what_cannot_be_used_is_named(server: postgres.Server, tmp_path: Path) -> None:
    """No tables, no server, no such database: a code, and what to do; never the password."""
    codes = {}
    for name, url in (
        ("tables", server.make("bare")),
        ("server", f"postgresql://keyturn@/postgres?host={tmp_path}"),
        ("database", server.url().replace("/postgres?", "/nowhere?")),
    ):
        with pytest.raises(OperatorError) as refused:
            open_store(tmp_path / "x.db", url, password="hunter2")
        codes[name] = refused.value.code
        assert refused.value.help
        assert "hunter2" not in str(refused.value)
    assert codes == {"tables": "schema", "server": "unreachable", "database": "no-database"}
