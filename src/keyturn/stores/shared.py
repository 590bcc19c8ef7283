"""A store that several nodes write, each in its turn: the part that is the same whichever database lies below.

One thread owns the connection that writes. When it comes round, everything that waits goes into one transaction: it takes the
database's one lock, reads what others wrote since, has the loop fold that and say what it wants to write (`turn`), appends it,
and commits. So every decision is made on the whole log, and the log stays one chain whoever writes it. Between turns the same
thread listens for what others write. `Backend` is what a database has to know; SQL that all of them understand is here.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol

import msgspec

from keyturn.core.chain import GENESIS, Written, make_entry, written
from keyturn.errors import StoreError
from keyturn.model.record import Checkpoint, Draft, Entry
from keyturn.stores.interface import Node, Row

GROUP_MAX: Final = 512
"""Jobs in one transaction: bounds how long a waiting caller waits for others' work."""

DECIDE_S_MAX: Final = 5.0
"""A loop that does not answer for this long gives its turn back, so that one node that hangs does not stop the others."""

IDLE_S: Final = 0.5
"""The thread looks for what others wrote at least this often, also where nobody says so."""

STUCK_S: Final = 20.0
"""While one transaction has taken longer than this, nothing new is taken in: callers hear at once that the database is away."""

CATCH_UP_S_MAX: Final = 2.0
"""How long `catch_up` may block the loop."""

LEASE_S: Final = 10.0
"""A node that is not heard of for this long has lost its lease; beats come three in this time."""

_ENTRIES: Final = "SELECT seq, writer, case_id, prev, hash, body FROM entry WHERE seq > ?"

_FLUSH: Final = (
    "INSERT INTO small VALUES ('keyturn', 'flush', '', 1) "
    "ON CONFLICT (name, key) DO UPDATE SET version = small.version + 1"
)
"""Something to write: a transaction without it waits for no disk."""

Fold = Callable[[Sequence[Entry]], None]
Work = Callable[["Backend"], Any]


class Backend(Protocol):
    """A database as one node has it. All but `read` and `wake` are called by the thread that writes, and by no other.

    SQL is given with ``?`` for values. Whatever fails raises `StoreError` that says what to do.
    """

    now_ms: str  # SQL for the database's clock, milliseconds since 1970
    pick: str  # how a row that another node is just taking is left to it

    def begin(self, *, ordered: bool, durable: bool) -> None:
        """A transaction; `ordered` when no other node may write entries until it ends."""
        ...

    def commit(self) -> None:
        """Raises `StoreError` `in-doubt` when it cannot be said whether it was."""
        ...

    def rollback(self) -> None: ...

    def execute(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...

    def insert(self, entries: Sequence[Entry]) -> None: ...

    def idle(self, seconds: float) -> bool:
        """Wait until `wake`, or others have written (True), or the time is over."""
        ...

    def wake(self) -> None:
        """End `idle`; from any thread."""
        ...

    def recover(self) -> None:
        """After a failure: a connection that can be used, or `StoreError`."""
        ...

    def read(self, sql: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Rows as they are now; from any thread."""
        ...

    def close(self) -> None: ...


class _Job:
    """Something to write, and who waits for it. `decide` is asked in the turn; `work` concerns the small tables."""

    __slots__ = ("decide", "done", "drafts", "result", "soon", "waiter", "work")

    def __init__(
        self,
        *,
        drafts: Sequence[Written] = (),
        decide: Callable[[], Sequence[Draft]] | None = None,
        work: Work | None = None,
        waiter: asyncio.Future[Any] | None = None,
        soon: bool = False,
    ) -> None:
        self.drafts, self.decide, self.work, self.waiter, self.soon = drafts, decide, work, waiter, soon
        self.result: Any = None
        self.done = threading.Event()

    @property
    def ordered(self) -> bool:
        return bool(self.drafts) or self.decide is not None


class _Mail:
    """What the thread tells the loop: entries to fold; then jobs to decide, or jobs that are done."""

    __slots__ = ("answered", "decide", "done", "entries", "failure", "void")

    def __init__(
        self, entries: Sequence[Entry] = (), decide: Sequence[_Job] = (), done: Sequence[_Job] = ()
    ) -> None:
        self.entries, self.decide, self.done = entries, decide, done
        self.failure: StoreError | None = None
        self.answered = threading.Event()
        self.void = False


class Turns:
    """See `keyturn.stores.interface.SharedStore`. `backend` is open and its tables are there."""

    def __init__(self, backend: Backend, *, writer: str, lease_s: float = LEASE_S) -> None:
        self.writer = writer
        self._first_name, self._lives = writer, 1
        self._backend = backend
        self._lease_s = lease_s
        self._lease_ends_s = 0.0
        self._head = self._last()
        self._at = 0  # what the loop was shown, or is about to be
        self._fold: Fold | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._mail: queue.SimpleQueue[_Mail] = queue.SimpleQueue()
        self._jobs: deque[_Job] = deque()
        self._jobs_lock = threading.Lock()
        self._busy_since_s = 0.0
        self._closing = False
        self._broken: StoreError | None = None
        self._thread = threading.Thread(target=self._run, name="keyturn-store", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.writer} [{self._head[0]} entries]{' AWAY' if self._broken else ''}>"

    # --- the log -----------------------------------------------------------------------------------------------------

    def follow(self, after: int, fold: Fold) -> None:
        self._loop = asyncio.get_running_loop()
        self._at, self._fold = after, fold
        self._backend.wake()

    async def turn(self, decide: Callable[[], Sequence[Draft]], *, soon: bool = False) -> tuple[Entry, ...]:
        made: tuple[Entry, ...] = await self._submit(_Job(decide=decide, soon=soon))
        return made

    async def append(self, drafts: Sequence[Draft]) -> tuple[Entry, ...]:
        if not drafts:  # what came before is made durable
            await self._run_sql(_FLUSH)
            return ()
        made: tuple[Entry, ...] = await self._submit(_Job(drafts=[written(draft) for draft in drafts]))
        return made

    async def append_soon(self, drafts: Sequence[Draft]) -> None:
        await self._submit(_Job(drafts=[written(draft) for draft in drafts], soon=True))

    def catch_up(self) -> None:
        self._must_be_open()
        if self._fold is None:
            return
        marker = _Job()
        self._put(marker)
        ends_s = time.monotonic() + CATCH_UP_S_MAX
        while not marker.done.is_set() and time.monotonic() < ends_s:
            with contextlib.suppress(queue.Empty):
                self._read_mail(self._mail.get(timeout=0.01))
        self._drain()

    def entries(
        self, *, after: int = 0, limit: int | None = None, case_id: str | None = None
    ) -> Iterator[Entry]:
        query, values = _ENTRIES, [after]
        if case_id is not None:
            query += " AND case_id = ? AND case_id <> ''" if case_id else " AND case_id = ?"
            values.append(case_id)  # type: ignore[arg-type]  # of both kinds
        query += " ORDER BY seq"
        if limit is not None:
            query += " LIMIT ?"
            values.append(limit)
        for row in self._backend.read(query, values):
            yield Entry(*row)

    @property
    def head(self) -> tuple[int, str]:
        return self._last()

    def _last(self) -> tuple[int, str]:
        row = next(self._backend.read("SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1"), None)
        return (row[0], row[1]) if row else (0, GENESIS)

    # --- snapshots, checkpoints, blobs, rows -------------------------------------------------------------------------

    async def save_snapshot(self, seq: int, cases: dict[str, bytes], plane: bytes) -> None:
        """An older one than is there changes nothing: another node was faster."""

        def work(backend: Backend) -> None:
            if backend.execute("SELECT 1 FROM snapshot_plane WHERE seq > ?", (seq,)):
                return
            for case_id, body in cases.items():
                backend.execute(
                    "INSERT INTO snapshot_case VALUES (?, ?) ON CONFLICT (case_id) DO UPDATE SET body = excluded.body",
                    (case_id, body),
                )
            listed = msgspec.json.encode(list(cases)).decode()
            backend.execute(
                "INSERT INTO snapshot_plane VALUES (1, ?, ?, ?) ON CONFLICT (id) DO UPDATE "
                "SET seq = excluded.seq, body = excluded.body, cases = excluded.cases",
                (seq, plane, listed),
            )

        await self._submit(_Job(work=work))

    def load_snapshot(self) -> tuple[int, dict[str, bytes], bytes] | None:
        row = self._one("SELECT seq, body, cases FROM snapshot_plane")
        if row is None:
            return None
        listed = set(msgspec.json.decode(row[2]))
        rows = self._backend.read("SELECT case_id, body FROM snapshot_case")
        return row[0], {case_id: bytes(body) for case_id, body in rows if case_id in listed}, bytes(row[1])

    def load_case(self, case_id: str) -> bytes | None:
        row = self._one("SELECT body FROM snapshot_case WHERE case_id = ?", (case_id,))
        return bytes(row[0]) if row else None

    async def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        await self._run_sql(
            "INSERT INTO checkpoint VALUES (?, ?) ON CONFLICT (size) DO UPDATE SET body = excluded.body",
            (checkpoint.size, msgspec.json.encode(checkpoint)),
        )

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        rows = self._backend.read("SELECT body FROM checkpoint ORDER BY size")
        return tuple(msgspec.json.decode(body, type=Checkpoint) for (body,) in rows)

    async def put_blob(self, ref: str, sealed: bytes) -> None:
        await self._run_sql("INSERT INTO blob VALUES (?, ?) ON CONFLICT DO NOTHING", (ref, sealed))

    def get_blob(self, ref: str) -> bytes | None:
        row = self._one("SELECT sealed FROM blob WHERE ref = ?", (ref,))
        return bytes(row[0]) if row else None

    def get_row(self, table: str, key: str) -> Row | None:
        row = self._one(
            "SELECT name, key, value, version FROM small WHERE name = ? AND key = ?", (table, key)
        )
        return Row(row[0], row[1], bytes(row[2]), row[3]) if row else None

    def rows(self, table: str) -> tuple[Row, ...]:
        found = self._backend.read("SELECT name, key, value, version FROM small WHERE name = ?", (table,))
        made = (Row(name, key, bytes(value), version) for name, key, value, version in found)
        return tuple(sorted(made, key=lambda row: row.key))

    async def put_row(self, table: str, key: str, value: bytes, *, expect: int | None = None) -> Row:
        def work(backend: Backend) -> Row:
            found = backend.execute(
                f"SELECT version FROM small WHERE name = ? AND key = ?{backend.pick}",  # noqa: S608  # a word of our own
                (table, key),
            )
            version = found[0][0] if found else 0
            if expect is not None and expect != version:
                raise _conflict(table, key, version, expect)
            if found:
                done = backend.execute(
                    "UPDATE small SET value = ?, version = version + 1 WHERE name = ? AND key = ? RETURNING version",
                    (value, table, key),
                )
            else:
                done = backend.execute(
                    "INSERT INTO small VALUES (?, ?, ?, 1) ON CONFLICT DO NOTHING RETURNING version",
                    (table, key, value),
                )
            if not done:
                raise _conflict(table, key, 1, expect or 0)
            return Row(table=table, key=key, value=value, version=done[0][0])

        row: Row = await self._submit(_Job(work=work))
        return row

    async def delete_row(self, table: str, key: str) -> None:
        await self._run_sql("DELETE FROM small WHERE name = ? AND key = ?", (table, key))

    def _one(self, query: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        return next(self._backend.read(query, values), None)

    async def _run_sql(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = await self._submit(
            _Job(work=lambda backend: backend.execute(sql, values))
        )
        return found

    # --- leases ------------------------------------------------------------------------------------------------------

    async def beat(self, heard: int, about: dict[str, str] | None = None) -> bool:
        begun_s = _own_clock()
        lease_ms = int(self._lease_s * 1000)
        said = None if about is None else msgspec.json.encode(about).decode()

        def work(backend: Backend) -> bool:
            now = backend.now_ms
            renewed = backend.execute(
                f"UPDATE node SET until_ms = {now} + ?, heard = ?, about = COALESCE(?, about) "  # noqa: S608  # a word of our own
                "WHERE name = ? AND dead = 0 RETURNING name",
                (lease_ms, heard, said, self.writer),
            )
            if renewed or backend.execute("SELECT 1 FROM node WHERE name = ?", (self.writer,)):
                return bool(renewed)
            backend.execute(
                "INSERT INTO node (name, since, until_ms, dead, heard, about) SELECT ?, COALESCE(MAX(since), 0) + 1, "  # noqa: S608  # a word of our own
                f"{now} + ?, 0, ?, ? FROM node",
                (self.writer, lease_ms, heard, said or "{}"),
            )
            return True

        held: bool = await self._submit(_Job(work=work))
        if held:
            self._lease_ends_s = begun_s + self._lease_s
        return held

    def lease_left_s(self) -> float:
        return self._lease_ends_s - _own_clock()

    async def nodes(self) -> tuple[Node, ...]:
        rows = await self._run_sql(
            f"SELECT name, since, until_ms - {self._backend.now_ms}, heard, about FROM node WHERE dead = 0 ORDER BY since"  # noqa: S608  # a word of our own
        )
        return tuple(
            Node(name, since, int(left), heard, msgspec.json.decode(about))
            for name, since, left, heard, about in rows
        )

    async def bury(self) -> tuple[str, ...]:
        now, pick = self._backend.now_ms, self._backend.pick.replace("UPDATE", "UPDATE SKIP LOCKED")
        rows = await self._run_sql(
            f"UPDATE node SET dead = 1 WHERE name IN (SELECT name FROM node WHERE dead = 0 AND until_ms < {now}{pick}) RETURNING name"  # noqa: S608  # words of our own
        )
        return tuple(sorted(name for (name,) in rows))

    async def leave(self) -> None:
        self._lease_ends_s = 0.0
        await self._run_sql("UPDATE node SET dead = 1 WHERE name = ?", (self.writer,))

    def rename(self) -> None:
        self._lives += 1
        self.writer = f"{self._first_name}.{self._lives}"

    # --- the loop's side ---------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Write what waits, then close. Safe to call twice."""
        self._closing = True
        self._backend.wake()
        while self._thread.is_alive():  # noqa: ASYNC110  # it may still have something to ask of this loop
            await asyncio.sleep(0.005)
        self._backend.close()

    def _must_be_open(self) -> None:
        if self._closing:
            raise StoreError("closed", "the store is closed")
        if self._broken is not None:
            raise self._broken
        busy_s = self._busy_since_s
        if busy_s and time.monotonic() - busy_s > STUCK_S:
            raise StoreError(
                "unreachable",
                f"the database has not answered for {STUCK_S:g} s",
                help="nothing is forwarded until it does; see the database's own log",
            )

    async def _submit(self, job: _Job) -> Any:
        self._must_be_open()
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        job.waiter = loop.create_future()
        self._put(job)
        return await job.waiter

    def _put(self, job: _Job) -> None:
        with self._jobs_lock:
            self._jobs.append(job)
        self._backend.wake()

    def _post(self, mail: _Mail) -> None:
        self._mail.put(mail)
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._read_mail(self._mail.get_nowait())

    def _read_mail(self, mail: _Mail) -> None:
        if mail.entries and self._fold is not None:
            self._fold(mail.entries)
        if not mail.void:
            for job in mail.decide:
                job.result = None
                try:
                    job.drafts = [written(draft) for draft in job.decide()] if job.decide else ()
                except Exception as error:  # noqa: BLE001  # it is the caller's
                    job.drafts, job.result = (), error
        mail.answered.set()
        for job in mail.done:
            job.done.set()
            if job.waiter is None or job.waiter.done():
                continue
            failure = job.result if isinstance(job.result, Exception) else mail.failure
            if failure is not None:
                job.waiter.set_exception(failure)
            else:
                job.waiter.set_result(job.result)

    # --- the thread's side -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._jobs_lock:
                group = [self._jobs.popleft() for _ in range(min(len(self._jobs), GROUP_MAX))]
            if not group:
                if self._closing:
                    return
                self._listen()
                continue
            self._busy_since_s = time.monotonic()
            try:
                self._serve(group)
            finally:
                self._busy_since_s = 0.0

    def _listen(self) -> None:
        """Until something is to be written, or others wrote and the loop has to be shown."""
        try:
            if self._broken is not None:
                self._backend.recover()
                self._broken = None
            if self._backend.idle(IDLE_S):
                self._show()
        except StoreError as error:
            self._broken = self._broken or error
            time.sleep(IDLE_S)

    def _show(self) -> None:
        if self._fold is None:
            return
        fresh = [Entry(*row) for row in self._backend.execute(f"{_ENTRIES} ORDER BY seq", (self._at,))]
        if fresh:
            self._at, self._head = fresh[-1].seq, (fresh[-1].seq, fresh[-1].hash)
            self._post(_Mail(fresh))

    def _serve(self, group: list[_Job]) -> None:
        failure: StoreError | None = None
        made: list[Entry] = []
        try:
            made = self._commit(group)
        except _NotDecidedError:
            with self._jobs_lock:
                self._jobs.extendleft(reversed(group))
            return
        except StoreError as error:
            failure = error
        except Exception as error:  # noqa: BLE001  # whatever it is, nobody may wait for ever
            failure = StoreError("store", f"the store failed: {type(error).__name__}: {error}")
        mail = _Mail(made, done=group)
        mail.failure = failure
        if made:
            self._at, self._head = made[-1].seq, (made[-1].seq, made[-1].hash)
        if failure is not None:
            for job in group:
                job.result = None
            with contextlib.suppress(StoreError):
                self._backend.rollback()
            try:
                self._backend.recover()
            except StoreError as error:
                self._broken = error
        self._post(mail)

    def _commit(self, group: list[_Job]) -> list[Entry]:
        """One transaction. What it appended; raises when nothing of it was."""
        backend = self._backend
        if not any(job.ordered or job.work for job in group):  # somebody waits to be shown what there is
            self._show()
            return []
        ordered = any(job.ordered for job in group)
        backend.begin(ordered=ordered, durable=not all(job.soon for job in group if job.ordered or job.work))
        made: list[Entry] = []
        if ordered:
            self._decide([job for job in group if job.decide is not None])
            made = self._place(group)
            backend.insert(made)
        for job in group:
            if job.work is not None:
                try:
                    job.result = job.work(backend)
                except StoreError as refused:
                    if refused.code != "conflict":
                        raise
                    job.result = refused  # it concerns this job alone
        try:
            backend.commit()
        except StoreError as error:
            if error.code != "in-doubt" or not self._was_committed(made):
                raise
        return made

    def _decide(self, jobs: Sequence[_Job]) -> None:
        """Show the loop what stands in the log, then have it say what it wants to write."""
        backend = self._backend
        if self._fold is None:
            rows = backend.execute("SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1")
            self._head = (rows[0][0], rows[0][1]) if rows else (0, GENESIS)
            fresh: list[Entry] = []
        else:
            fresh = [Entry(*row) for row in backend.execute(f"{_ENTRIES} ORDER BY seq", (self._at,))]
            if fresh:
                self._at, self._head = fresh[-1].seq, (fresh[-1].seq, fresh[-1].hash)
        if not (fresh or jobs):
            return
        mail = _Mail(fresh, decide=jobs)
        self._post(mail)
        if jobs and not mail.answered.wait(DECIDE_S_MAX):
            mail.void = True
            if not mail.answered.wait(0.01):
                backend.rollback()
                raise _NotDecidedError

    def _place(self, group: list[_Job]) -> list[Entry]:
        """Number and chain what was decided."""
        seq, prev = self._head
        made: list[Entry] = []
        for job in group:
            if not job.ordered or isinstance(job.result, Exception):
                continue
            mine = []
            for draft in job.drafts:
                entry = make_entry(draft, seq=seq + 1, writer=self.writer, prev=prev)
                seq, prev = entry.seq, entry.hash
                mine.append(entry)
            job.result = tuple(mine)
            made += mine
        return made

    def _was_committed(self, made: Sequence[Entry]) -> bool:
        """The answer to a commit was lost: its entries are there, or they never will be, once the lock can be had."""
        backend = self._backend
        backend.recover()
        backend.begin(ordered=True, durable=False)
        found = bool(made) and backend.execute(
            "SELECT 1 FROM entry WHERE seq = ? AND hash = ?", (made[-1].seq, made[-1].hash)
        )
        backend.commit()
        return bool(found)


class _NotDecidedError(Exception):
    """The loop did not say in time what it wants to write; the turn is given back and tried again."""


def _conflict(table: str, key: str, version: int, expect: int) -> StoreError:
    return StoreError("conflict", f"{table}/{key} has version {version}, not {expect}", help="read it again")


def _own_clock() -> float:
    """Seconds that go on while the machine sleeps: a lease ends then, too (clock_gettime(2), CLOCK_BOOTTIME)."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
