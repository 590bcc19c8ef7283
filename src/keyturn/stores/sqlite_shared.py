"""SQLite for several processes of one machine: the file of `keyturn.stores.sqlite`, written in turns.

Whose turn it is says a lock of the kernel's (flock(2)): it goes with its process, and whoever waits for it looks again within two
milliseconds, where SQLite's own handler would sleep up to a hundred. That others have written shows in ``PRAGMA data_version``, which costs a microsecond
to ask (https://www.sqlite.org/pragma.html#pragma_data_version).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from keyturn.core.chain import GENESIS, broken_at
from keyturn.errors import StoreError
from keyturn.model.record import Entry
from keyturn.stores.shared import LEASE_S, SharedTables
from keyturn.stores.sqlite import TAIL_CHECKED, explain, lock, open_database

POLL_S: Final = 0.02
"""What another worker wrote is seen after this long; what waits for it is a person, or a client that came to another worker."""

TURN_S_MAX: Final = 15.0
"""A turn is some milliseconds. A worker that stands still in the middle of its own (SIGSTOP) stops the others for this long, and
then they say so."""

_NODES: Final = """
CREATE TABLE IF NOT EXISTS node (
    name TEXT PRIMARY KEY, since INTEGER NOT NULL, until_ms INTEGER NOT NULL, dead INTEGER NOT NULL, heard INTEGER NOT NULL, about TEXT NOT NULL
) WITHOUT ROWID;
"""


class SqliteBackend:
    """See `keyturn.stores.turns.Backend`."""

    now_ms: str = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
    pick: str = ""  # one writer at a time: nothing can be taken by two

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock_file = lock(path, shared=True)
        try:
            self._turn_file = os.open(path.with_name(path.name + ".turn"), os.O_RDWR | os.O_CREAT, 0o600)
            with self._one_at_a_time():
                self._write = open_database(path)
                self._write.executescript(_NODES)
            self._read = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._read.execute("PRAGMA query_only=ON")
            self._check_tail()
        except (sqlite3.Error, StoreError, OSError) as error:
            os.close(self._lock_file)
            raise explain(error, path) from error
        self._seen = self._version()
        self._woken = threading.Event()
        self._in_turn = False

    # --- the thread that writes --------------------------------------------------------------------------------------

    def begin(self, *, ordered: bool, durable: bool) -> None:
        self._take_turn()
        with self._explained():
            self._write.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._write.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        with self._explained():
            self._write.execute("COMMIT")
        self._give_turn()

    def rollback(self) -> None:
        try:
            with self._explained():
                if self._write.in_transaction:
                    self._write.execute("ROLLBACK")
        finally:
            self._give_turn()

    def execute(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._explained():
            return self._write.execute(sql, values).fetchall()

    def insert(self, entries: Sequence[Entry]) -> None:
        rows = [(one.seq, one.writer, one.case_id, one.prev, one.hash, one.body) for one in entries]
        with self._explained():
            self._write.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)", rows)

    def idle(self, seconds: float) -> bool:
        ends_s = time.monotonic() + seconds
        while time.monotonic() < ends_s:
            if self._woken.wait(POLL_S):
                self._woken.clear()
                return self._news()
            if self._news():
                return True
        return False

    def wake(self) -> None:
        self._woken.set()

    def recover(self) -> None:
        """The file is still open; whether it can be written again shows the next transaction."""

    def _news(self) -> bool:
        version = self._version()
        news, self._seen = version != self._seen, version
        return news

    def _version(self) -> int:
        with self._explained():
            version: int = self._write.execute("PRAGMA data_version").fetchone()[0]
        return version

    # --- any thread --------------------------------------------------------------------------------------------------

    def read(self, sql: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        with self._explained():
            yield from self._read.execute(sql, values)

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._read.close()
            self._write.close()
        for handle in (self._turn_file, self._lock_file):
            with contextlib.suppress(OSError):
                os.close(handle)

    # --- whose turn it is --------------------------------------------------------------------------------------------

    def _take_turn(self) -> None:
        ends_s, wait_s = time.monotonic() + TURN_S_MAX, 0.0002
        while not self._in_turn:
            try:
                fcntl.flock(self._turn_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._in_turn = True
            except BlockingIOError:
                if time.monotonic() > ends_s:
                    raise StoreError(
                        "turn",
                        f"another worker has stood in its turn for {TURN_S_MAX:g} s",
                        help="is one of them stopped? see keyturn status, and end it",
                    ) from None
                time.sleep(wait_s)
                wait_s = min(wait_s * 1.5, 0.002)

    def _give_turn(self) -> None:
        if self._in_turn:
            self._in_turn = False
            fcntl.flock(self._turn_file, fcntl.LOCK_UN)

    @contextlib.contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        self._in_turn = False
        self._take_turn()
        try:
            yield
        finally:
            self._give_turn()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise explain(error, self._path) from error

    def _check_tail(self) -> None:
        last = self._read.execute("SELECT max(seq) FROM entry").fetchone()[0] or 0
        after = max(0, last - TAIL_CHECKED)
        before = self._read.execute("SELECT hash FROM entry WHERE seq = ?", (after,)).fetchone()
        query = "SELECT seq, writer, case_id, prev, hash, body FROM entry WHERE seq > ? ORDER BY seq"
        tail = [Entry(*row) for row in self._read.execute(query, (after,))]
        wrong = (
            f"there is no entry {after}"
            if after and before is None
            else broken_at(tail, seq=after, prev=before[0] if before else GENESIS)
        )
        if wrong:
            raise StoreError(
                "corrupt",
                f"the log is not intact: {wrong}",
                help="keep the file, restore a backup, and run: keyturn verify",
            )


class SharedSqliteStore(SharedTables):
    """See `keyturn.stores.interface.SharedStore`: for the workers of one machine."""

    def __init__(self, path: Path, *, writer: str, lease_s: float = LEASE_S) -> None:
        super().__init__(SqliteBackend(path), writer=writer, lease_s=lease_s)
