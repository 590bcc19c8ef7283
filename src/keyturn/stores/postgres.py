"""PostgreSQL, for nodes on several machines. Whose turn it is says an advisory lock; what others wrote is told by NOTIFY.

The lock is the transaction's (https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS): it is given back after the
commit can be seen, so whoever has it next reads everything before it. What waits for no disk is committed with
``synchronous_commit = off``: visible at once, flushed with the next commit that does wait, and lost by a crash of the server only as a
tail (https://www.postgresql.org/docs/current/wal-async-commit.html). A node that stands still in its turn is ended by the
server after `TURN_S_MAX`.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from pathlib import Path
from typing import Any, Final

import psycopg

from keyturn.core.chain import GENESIS, broken_at
from keyturn.errors import StoreError
from keyturn.model.record import Entry
from keyturn.stores.shared import LEASE_S, SharedTables

TURN_S_MAX: Final = 8
"""A turn is some milliseconds; a node that holds one for longer is stopped, and must not stop the others."""

LOCK_S_MAX: Final = 20
"""Longer than several nodes that stand still one after the other."""

STATEMENT_S_MAX: Final = 30
CONNECT_S_MAX: Final = 5
READ_S_MAX: Final = 5.0
"""A read is asked for by the loop, which stands still meanwhile: then it is refused, and others at once, until the database answers."""

CHANNEL: Final = "keyturn_log"
TURN_LOCK: Final = 0x6B657974
"""Any number that nobody else takes in this database: "keyt"."""

TAIL_CHECKED: Final = 1_000
"""Entries whose chain is checked at the start; all of them are by `keyturn verify`."""

_SETTINGS: Final = (
    f"SET idle_in_transaction_session_timeout = '{TURN_S_MAX}s'; SET lock_timeout = '{LOCK_S_MAX}s'; "
    f"SET statement_timeout = '{STATEMENT_S_MAX}s'; SET client_encoding = 'UTF8'"
)
_SELECT: Final = "SELECT seq, writer, case_id, prev, hash, body FROM entry"


class PostgresBackend:
    """See `keyturn.stores.turns.Backend`."""

    now_ms: str = "(extract(epoch from clock_timestamp()) * 1000)::bigint"
    pick: str = " FOR UPDATE"

    def __init__(self, url: str, *, password: str = "") -> None:
        self._url, self._password = url, password
        self._news = True
        self._inserted = False
        self._wakes, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        os.set_blocking(self._wakes, False)
        self._reader: psycopg.Connection[Any] | None = None
        self._reading = ThreadPoolExecutor(1, "keyturn-read")
        self._pending: Future[list[tuple[Any, ...]]] | None = None
        self._read_lock = threading.Lock()
        try:
            self._write = self._connect(listen=True)
            self._check_tail()
        except StoreError:
            self.close()
            raise

    # --- the thread that writes --------------------------------------------------------------------------------------

    def begin(self, *, ordered: bool, durable: bool) -> None:
        words = ["BEGIN"]
        if not durable:
            words.append("SET LOCAL synchronous_commit = off")
        if ordered:
            words.append(f"SELECT pg_advisory_xact_lock({TURN_LOCK})")
        self._inserted = False
        with _explained():
            self._write.execute("; ".join(words))

    def commit(self) -> None:
        words = f"NOTIFY {CHANNEL}; COMMIT" if self._inserted else "COMMIT"
        try:
            self._write.execute(words)
        except psycopg.Error as error:
            if self._write.broken or self._write.closed:
                raise StoreError(
                    "in-doubt",
                    "the connection to the database broke at a commit",
                    help="it is looked up as soon as the database can be reached",
                ) from error
            raise explain(error) from error

    def rollback(self) -> None:
        if not (self._write.broken or self._write.closed):
            with _explained():
                self._write.execute("ROLLBACK")

    def execute(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with _explained():
            return _rows(self._write, sql, values)

    def insert(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        self._inserted = True
        rows = [(one.seq, one.writer, one.case_id, one.prev, one.hash, one.body) for one in entries]
        with _explained(), self._write.cursor() as cursor:
            cursor.executemany("INSERT INTO entry VALUES (%s, %s, %s, %s, %s, %s)", rows)

    def idle(self, seconds: float) -> bool:
        if self._take_news():
            return True
        with _explained():
            talks = self._write.pgconn
            ready, _, _ = select.select([talks.socket, self._wakes], [], [], seconds)
            if self._wakes in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wakes, 4096)
            if talks.socket in ready:
                talks.consume_input()
                while notify := talks.notifies():
                    self._heard(notify.be_pid)
        return self._take_news() or not ready  # now and then also where nobody said anything

    def wake(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._waker, b"!")

    def recover(self) -> None:
        if self._write.broken or self._write.closed:
            with contextlib.suppress(psycopg.Error):
                self._write.close()
            self._write = self._connect(listen=True)
            self._news = True

    def _take_news(self) -> bool:
        news, self._news = self._news, False
        return news

    def _heard(self, pid: int) -> None:
        self._news = self._news or pid != self._write.info.backend_pid

    def _connect(self, *, listen: bool = False) -> psycopg.Connection[Any]:
        with _explained():
            made = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=CONNECT_S_MAX,
                application_name="keyturn",
                **_login(self._password),
            )
            made.execute(_SETTINGS)
            if listen:
                made.add_notify_handler(lambda notify: self._heard(notify.pid))
                made.execute(f"LISTEN {CHANNEL}")
            return made

    # --- any thread --------------------------------------------------------------------------------------------------

    def read(self, sql: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        with self._read_lock:
            if self._pending is not None and not self._pending.done():
                raise _away()
            self._pending = self._reading.submit(self._read, sql, values)
            pending = self._pending
        try:
            yield from pending.result(READ_S_MAX)
        except LateError:
            raise _away() from None

    def _read(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        for again in (True, False):
            if self._reader is None or self._reader.broken or self._reader.closed:
                self._reader = self._connect()
            try:
                return _rows(self._reader, sql, values)
            except psycopg.Error as error:
                if not (
                    again and (self._reader.broken or self._reader.closed)
                ):  # the server was started anew
                    raise explain(error) from error
        raise _away()

    def close(self) -> None:
        self._reading.shutdown(wait=False, cancel_futures=True)
        for connection in (getattr(self, "_write", None), self._reader):
            if connection is not None:
                with contextlib.suppress(psycopg.Error):
                    connection.close()
        for handle in (self._wakes, self._waker):
            with contextlib.suppress(OSError):
                os.close(handle)

    def _check_tail(self) -> None:
        last = self.execute("SELECT COALESCE(max(seq), 0) FROM entry")[0][0]
        after = max(0, last - TAIL_CHECKED)
        before = self.execute("SELECT hash FROM entry WHERE seq = ?", (after,))
        tail = [Entry(*row) for row in self.execute(f"{_SELECT} WHERE seq > ? ORDER BY seq", (after,))]
        wrong = (
            f"there is no entry {after}"
            if after and not before
            else broken_at(tail, seq=after, prev=before[0][0] if before else GENESIS)
        )
        if wrong:
            raise StoreError(
                "corrupt",
                f"the log is not intact: {wrong}",
                help="keep the database, restore a backup beside it, and run: keyturn verify",
            )


class PostgresStore(SharedTables):
    """See `keyturn.stores.interface.SharedStore`. Raises `StoreError` when the database cannot be used as it is, and says why."""

    def __init__(self, url: str, *, writer: str, password: str = "", lease_s: float = LEASE_S) -> None:
        super().__init__(PostgresBackend(url, password=password), writer=writer, lease_s=lease_s)


# --- tables ----------------------------------------------------------------------------------------------------------


def upgrade(url: str, *, password: str = "") -> tuple[str, str]:
    """Bring the tables to what this version needs; what they were and what they are. Raises `StoreError`."""
    import sqlalchemy  # noqa: PLC0415  # only Alembic needs it, and only here
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    with _explained(), _plain(url, password) as connection:
        before = version(connection)
        engine = sqlalchemy.create_engine(
            "postgresql+psycopg://", creator=lambda: connection, poolclass=sqlalchemy.pool.StaticPool
        )
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
        with engine.connect() as talks:
            talks.execute(sqlalchemy.text(f"SELECT pg_advisory_xact_lock({TURN_LOCK})"))
            config.attributes["connection"] = talks
            command.upgrade(config, "head")
            talks.commit()
        return before, version(connection)


def version(connection: psycopg.Connection[Any]) -> str:
    """The step at which the tables are; empty where there are none."""
    found = connection.execute("SELECT to_regclass('keyturn_version')").fetchone()
    if found is None or found[0] is None:
        return ""
    row = connection.execute("SELECT version_num FROM keyturn_version").fetchone()
    return str(row[0]) if row else ""


def _plain(url: str, password: str) -> psycopg.Connection[Any]:
    return psycopg.connect(url, connect_timeout=CONNECT_S_MAX, application_name="keyturn", **_login(password))


def _login(password: str) -> dict[str, Any]:
    """What is not in the URL; where it is empty, libpq looks into PGPASSWORD and PGPASSFILE."""
    return {"password": password} if password else {}


def _rows(connection: psycopg.Connection[Any], sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    cursor = connection.execute(sql.replace("?", "%s"), values)
    return cursor.fetchall() if cursor.description is not None else []


# --- what went wrong -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (psycopg.Error, OSError, ValueError) as error:
        raise explain(error) from error


def _away() -> StoreError:
    return StoreError(
        "unreachable",
        f"the database has not answered for {READ_S_MAX:g} s",
        help="nothing is forwarded until it does; see the database's own log",
    )


_BY_STATE: Final = {
    "53100": ("disk-full", "the disk of the database is full", "make room; what was recorded is intact"),
    "25P03": (
        "turn",
        "this node stood still in its turn, and the database ended it",
        "nothing was written; it is tried again",
    ),
    "55P03": (
        "turn",
        f"another node has stood in its turn for {LOCK_S_MAX} s",
        "see keyturn status for the nodes, and the database's pg_stat_activity",
    ),
    "42P01": (
        "schema",
        "the database has not the tables that this version needs",
        "make them: keyturn store upgrade",
    ),
    "42703": (
        "schema",
        "the database has not the columns that this version needs",
        "make them: keyturn store upgrade",
    ),
    "3D000": ("no-database", "there is no such database", "make it, and check store.url in keyturn.toml"),
    "42501": (
        "no-database",
        "the database does not let this user in or write",
        "grant the user its tables; check store.url",
    ),
}
"""By SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""


def explain(error: Exception) -> StoreError:
    """A `StoreError` that says what is wrong with the database and what to do; never with a password in it."""
    if isinstance(error, StoreError):
        return error
    state = getattr(error, "sqlstate", None) or ""
    if state in _BY_STATE:
        code, message, advice = _BY_STATE[state]
        return StoreError(code, message, help=advice)
    said = str(error).strip().split("\n")[0]
    if not state and 'database "' in said and "does not exist" in said:  # a login that fails has no state
        code, message, advice = _BY_STATE["3D000"]
        return StoreError(code, message, help=advice)
    if state.startswith("28") or (not state and "authentication failed" in said):
        return StoreError(
            "no-database",
            f"the database refuses the login: {said}",
            help="check store.url and store.password_file",
        )
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) and state[:2] in {
        "",
        "08",
        "57",
    }:
        return StoreError(
            "unreachable",
            f"the database cannot be reached: {said}",
            help="nothing is forwarded until it can; check store.url and the database",
        )
    return StoreError(
        "store", f"the database: {said}", help="see the error; nothing is forwarded until it can be written"
    )
