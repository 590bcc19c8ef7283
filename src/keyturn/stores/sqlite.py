"""The default store: one SQLite file in WAL mode, one writer thread, group commit.

Everything that waits to be written when the thread comes round goes into one transaction and one fsync
(``synchronous=FULL``: https://www.sqlite.org/pragma.html#pragma_synchronous). Reads use their own connection, which in WAL
mode never waits for the writer (https://www.sqlite.org/wal.html). One process writes: a lock file says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from keyturn.core.chain import GENESIS, Written, broken_at, make_entry, written
from keyturn.errors import StoreError
from keyturn.model.record import Checkpoint, Draft, Entry
from keyturn.stores.interface import Row

SCHEMA_VERSION: Final = 1
SOON_S: Final = 0.5
"""What rides along waits this long for a durable append to ride with; then it is written on its own."""

GROUP_MAX: Final = 512
"""Jobs in one transaction: bounds how long a waiting caller waits for others' work."""

TAIL_CHECKED: Final = 1_000
"""Entries whose chain is checked when the file is opened; all of them are by `keyturn verify`."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entry (
    seq INTEGER PRIMARY KEY, writer TEXT NOT NULL, case_id TEXT NOT NULL, prev TEXT NOT NULL, hash TEXT NOT NULL, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS entry_case ON entry (case_id, seq) WHERE case_id <> '';
CREATE TABLE IF NOT EXISTS snapshot_case (case_id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshot_plane (id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL, body BLOB NOT NULL, cases TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS checkpoint (size INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS blob (ref TEXT PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS small (name TEXT, key TEXT, value BLOB NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (name, key)) WITHOUT ROWID;
"""

Work = Callable[[sqlite3.Connection], Any]


class _Job:
    """Something to write, and who waits for it (nobody, for what rides along)."""

    __slots__ = ("drafts", "loop", "result", "waiter", "work")

    def __init__(
        self, drafts: Sequence[Written], work: Work | None, waiter: asyncio.Future[Any] | None
    ) -> None:
        self.drafts, self.work, self.waiter = drafts, work, waiter
        self.loop = waiter.get_loop() if waiter is not None else None
        self.result: Any = None


class SqliteStore:
    """See `keyturn.stores.interface.Store`. Raises `StoreError` at opening when the file cannot be used, and says why."""

    def __init__(self, path: Path, *, writer: str = "w1", soon_s: float = SOON_S) -> None:
        self.writer = writer
        self._path = path
        self._soon_s = soon_s
        self._lock_file = lock(path)
        try:
            self._write = open_database(path)
            self._read = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._read.execute("PRAGMA query_only=ON")
            self._head = self._check_tail()
        except (sqlite3.Error, StoreError) as error:
            os.close(self._lock_file)
            raise explain(error, path) from error
        self._failed: StoreError | None = None
        self._jobs: deque[_Job] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="keyturn-store", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"<SqliteStore {self._path.name} {self.writer} [{self._head[0]} entries]{' FAILED' if self._failed else ''}>"

    # --- the log -----------------------------------------------------------------------------------------------------

    async def append(self, drafts: Sequence[Draft]) -> tuple[Entry, ...]:
        made: tuple[Entry, ...] = await self._submit([written(draft) for draft in drafts], None)
        return made

    async def append_soon(self, drafts: Sequence[Draft]) -> None:
        self._must_be_open()
        ready = [written(draft) for draft in drafts]
        with self._wake:
            self._jobs.append(_Job(ready, None, None))
            if len(self._jobs) == 1:
                self._wake.notify()

    def entries(
        self, *, after: int = 0, limit: int | None = None, case_id: str | None = None
    ) -> Iterator[Entry]:
        query = "SELECT seq, writer, case_id, prev, hash, body FROM entry WHERE seq > ?"
        values: list[Any] = [after]
        if case_id is not None:
            query += " AND case_id = ? AND case_id <> ''" if case_id else " AND case_id = ?"
            values.append(case_id)
        query += " ORDER BY seq"
        if limit is not None:
            query += " LIMIT ?"
            values.append(limit)
        for row in self._select(query, values):
            yield Entry(*row)

    def _select(self, query: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Rows of a query; a file that cannot be read is said to be damaged, whichever page it was."""
        try:
            yield from self._read.execute(query, values)
        except sqlite3.Error as error:
            raise explain(error, self._path) from error

    def _one(self, query: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        return next(self._select(query, values), None)

    @property
    def head(self) -> tuple[int, str]:
        return self._head

    # --- snapshots, checkpoints, blobs, rows -------------------------------------------------------------------------

    async def save_snapshot(self, seq: int, cases: dict[str, bytes], plane: bytes) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT OR REPLACE INTO snapshot_case VALUES (?, ?)", list(cases.items()))
            listed = msgspec.json.encode(list(cases)).decode()
            connection.execute(
                "INSERT OR REPLACE INTO snapshot_plane VALUES (1, ?, ?, ?)", (seq, plane, listed)
            )

        await self._submit((), work)

    def load_snapshot(self) -> tuple[int, dict[str, bytes], bytes] | None:
        row = self._one("SELECT seq, body, cases FROM snapshot_plane")
        if row is None:
            return None
        listed = set(msgspec.json.decode(row[2]))
        cases = {
            case_id: body
            for case_id, body in self._select("SELECT case_id, body FROM snapshot_case")
            if case_id in listed
        }
        return row[0], cases, row[1]

    def load_case(self, case_id: str) -> bytes | None:
        row = self._one("SELECT body FROM snapshot_case WHERE case_id = ?", (case_id,))
        return row[0] if row else None

    async def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        body = msgspec.json.encode(checkpoint)
        await self._submit(
            (),
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO checkpoint VALUES (?, ?)", (checkpoint.size, body)
            ),
        )

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        rows = self._select("SELECT body FROM checkpoint ORDER BY size")
        return tuple(msgspec.json.decode(body, type=Checkpoint) for (body,) in rows)

    def last_checkpoint(self) -> Checkpoint | None:
        row = next(iter(self._select("SELECT body FROM checkpoint ORDER BY size DESC LIMIT 1")), None)
        return msgspec.json.decode(row[0], type=Checkpoint) if row else None

    async def put_blob(self, ref: str, sealed: bytes, *, anew: bool = False) -> None:
        once, always = "INSERT OR IGNORE INTO blob VALUES (?, ?)", "INSERT OR REPLACE INTO blob VALUES (?, ?)"
        await self._submit((), lambda connection: connection.execute(always if anew else once, (ref, sealed)))

    async def delete_blob(self, ref: str, *, begins: bytes = b"") -> None:
        sql = "DELETE FROM blob WHERE ref = ? AND substr(sealed, 1, ?) = ?"
        await self._submit((), lambda connection: connection.execute(sql, (ref, len(begins), begins)))

    def get_blob(self, ref: str) -> bytes | None:
        row = self._one("SELECT sealed FROM blob WHERE ref = ?", (ref,))
        return row[0] if row else None

    def blobs(self, prefix: str) -> tuple[str, ...]:
        sql = "SELECT ref FROM blob WHERE substr(ref, 1, ?) = ? ORDER BY ref"
        return tuple(ref for (ref,) in self._select(sql, (len(prefix), prefix)))

    def get_row(self, table: str, key: str) -> Row | None:
        row = self._one(
            "SELECT name, key, value, version FROM small WHERE name = ? AND key = ?", (table, key)
        )
        return Row(*row) if row else None

    def rows(self, table: str) -> tuple[Row, ...]:
        found = self._select(
            "SELECT name, key, value, version FROM small WHERE name = ? ORDER BY key", (table,)
        )
        return tuple(Row(*row) for row in found)

    async def put_row(self, table: str, key: str, value: bytes, *, expect: int | None = None) -> Row:
        def work(connection: sqlite3.Connection) -> Row:
            found = connection.execute(
                "SELECT version FROM small WHERE name = ? AND key = ?", (table, key)
            ).fetchone()
            version = found[0] if found else 0
            if expect is not None and expect != version:
                raise StoreError(
                    "conflict", f"{table}/{key} has version {version}, not {expect}", help="read it again"
                )
            connection.execute(
                "INSERT OR REPLACE INTO small VALUES (?, ?, ?, ?)", (table, key, value, version + 1)
            )
            return Row(table=table, key=key, value=value, version=version + 1)

        row: Row = await self._submit((), work)
        return row

    async def delete_row(self, table: str, key: str) -> None:
        await self._submit(
            (),
            lambda connection: connection.execute(
                "DELETE FROM small WHERE name = ? AND key = ?", (table, key)
            ),
        )

    async def close(self) -> None:
        """Write what waits, then close. Safe to call twice."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(self._thread.join)
        with contextlib.suppress(sqlite3.Error):
            self._read.close()
            self._write.close()
        with contextlib.suppress(OSError):
            os.close(self._lock_file)

    def table(self, name: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Every row of one of the tables, for copying them elsewhere."""
        yield from self._select(f"SELECT {', '.join(columns)} FROM {name}")  # noqa: S608  # names of our own

    # --- the writer thread -------------------------------------------------------------------------------------------

    def _must_be_open(self) -> None:
        if self._failed:
            raise self._failed
        if self._closing:
            raise StoreError("closed", "the store is closed")

    async def _submit(self, drafts: Sequence[Written], work: Work | None) -> Any:
        self._must_be_open()
        waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        with self._wake:
            self._jobs.append(_Job(drafts, work, waiter))
            self._wake.notify()
        return await waiter

    def _run(self) -> None:
        while True:
            group = self._next_group()
            if not group:
                return
            failure: StoreError | None = None
            try:
                head = self._commit(group)
            except (sqlite3.Error, OSError, StoreError) as error:
                failure = explain(error, self._path)
                with contextlib.suppress(sqlite3.Error):
                    self._write.rollback()
                if any(job.waiter is None for job in group):
                    self._failed = failure  # events that rode along are lost: go no further on a state that is not in the log
            else:
                self._head = head
            _settle(group, failure)

    def _next_group(self) -> list[_Job]:
        with self._wake:
            while not self._jobs and not self._closing:
                self._wake.wait()
            if self._jobs and all(job.waiter is None for job in self._jobs) and not self._closing:
                self._wake.wait(self._soon_s)
            return [self._jobs.popleft() for _ in range(min(len(self._jobs), GROUP_MAX))]

    def _commit(self, group: list[_Job]) -> tuple[int, str]:
        seq, prev = self._head
        rows: list[tuple[Any, ...]] = []
        self._write.execute("BEGIN IMMEDIATE")
        for job in group:
            made = []
            for draft in job.drafts:
                entry = make_entry(draft, seq=seq + 1, writer=self.writer, prev=prev)
                seq, prev = entry.seq, entry.hash
                made.append(entry)
                rows.append((entry.seq, entry.writer, entry.case_id, entry.prev, entry.hash, entry.body))
            job.result = tuple(made)
            if job.work is not None:
                try:
                    job.result = job.work(self._write)
                except StoreError as refused:  # a conflict concerns this job alone
                    job.result = refused
        self._write.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)", rows)
        self._write.execute("COMMIT")
        return seq, prev

    def _check_tail(self) -> tuple[int, str]:
        last = self._read.execute("SELECT max(seq) FROM entry").fetchone()[0] or 0
        if not last:
            return 0, GENESIS
        after = max(0, last - TAIL_CHECKED)
        before = self._read.execute("SELECT hash FROM entry WHERE seq = ?", (after,)).fetchone()
        if after and before is None:
            raise StoreError(
                "corrupt", f"the log has no entry {after}", help="restore the file from a backup"
            )
        tail = list(self.entries(after=after))
        wrong = broken_at(tail, seq=after, prev=before[0] if before else GENESIS)
        if wrong:
            raise StoreError(
                "corrupt",
                f"the log is not intact: {wrong}",
                help="keep the file, restore a backup, and run: keyturn verify",
            )
        return tail[-1].seq, tail[-1].hash


def _settle(group: list[_Job], failure: StoreError | None) -> None:
    """Tell everyone who waits, one call into each loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in group:
        if job.loop is not None:
            by_loop.setdefault(job.loop, []).append(job)

    def tell(jobs: list[_Job]) -> None:
        for job in jobs:
            if job.waiter is None or job.waiter.done():
                continue
            error = failure or (job.result if isinstance(job.result, StoreError) else None)
            if error is not None:
                job.waiter.set_exception(error)
            else:
                job.waiter.set_result(job.result)

    for loop, jobs in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(tell, jobs)


def lock(path: Path, *, shared: bool = False) -> int:
    """One writer a file, or several that have agreed to take turns: the lock goes with the process."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreError(
            "no-file",
            f"{path.parent} cannot be written: {error.strerror}",
            help="check data_dir in keyturn.toml",
        ) from error
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise StoreError(
            "in-use",
            f"another Keyturn writes to {path}",
            help="stop it first, or give this one a data_dir of its own; several share a file only as workers of one "
            "start: keyturn up --workers N",
        ) from None
    return handle


def open_database(path: Path) -> sqlite3.Connection:
    new = not path.exists()
    if new:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    elif path.stat().st_size == 0:  # a file that SQLite has ever used holds a page: this one was cut
        raise StoreError(
            "empty",
            f"{path} is there and empty: it was cut, and what it held is not in it",
            help="restore it from a backup; if nothing was ever recorded here, delete it and start again",
        )
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    if connection.execute("PRAGMA journal_mode=WAL").fetchone()[0] != "wal":
        raise StoreError(
            "no-wal", f"{path} is on a file system without shared memory", help="put data_dir on a local disk"
        )
    connection.execute("PRAGMA synchronous=FULL")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version not in {0, SCHEMA_VERSION}:
        raise StoreError(
            "schema",
            f"{path} was written by another version of Keyturn (schema {version})",
            help="run that version, or a newer one",
        )
    connection.executescript(_SCHEMA)
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    return connection


def explain(error: Exception, path: Path) -> StoreError:
    """A `StoreError` that says what is wrong with the file and what to do."""
    if isinstance(error, StoreError):
        return error
    code = (
        getattr(error, "sqlite_errorcode", 0) & 0xFF
    )  # the low byte is the class: https://www.sqlite.org/rescode.html
    if code == sqlite3.SQLITE_FULL:
        return StoreError(
            "disk-full", f"the disk of {path} is full", help="make room; what was recorded is intact"
        )
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN}:
        return StoreError(
            "no-file", f"{path} cannot be written: {error}", help="check data_dir and its owner"
        )
    not_text = isinstance(error, sqlite3.OperationalError) and "decode to UTF-8" in str(error)
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB} or not_text:
        return StoreError(
            "corrupt",
            f"{path} is damaged: {error}",
            help="keep the file, restore a backup, and run: keyturn verify",
        )
    return StoreError(
        "store", f"{path}: {error}", help="see the error; nothing is forwarded until the store can be written"
    )
