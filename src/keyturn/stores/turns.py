"""A store that several nodes write, each in its turn: the part that is the same whichever database lies below.

One thread owns the connection that writes. When it comes round, everything that waits goes into one transaction: it takes the
database's one lock, reads what others wrote since, has the loop fold that and say what it wants to write (`turn`), appends it,
and commits. So every decision is made on the whole log, and the log stays one chain whoever writes it. Between turns the same
thread listens for what others write. `Backend` is what a database has to know; SQL that all of them understand is here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol

from keyturn.core.chain import GENESIS, Written, make_entry, written
from keyturn.errors import StoreError
from keyturn.model.record import Draft, Entry

log = logging.getLogger("keyturn")

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


PAGE: Final = 2_000
"""Entries read at a time: some MB."""

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


class Job:
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
        self, entries: Sequence[Entry] = (), decide: Sequence[Job] = (), done: Sequence[Job] = ()
    ) -> None:
        self.entries, self.decide, self.done = entries, decide, done
        self.failure: StoreError | None = None
        self.answered = threading.Event()
        self.void = False


class Turns:
    """The log of a `keyturn.stores.interface.SharedStore`. `backend` is open and its tables are there."""

    def __init__(self, backend: Backend, *, writer: str) -> None:
        self.writer = writer
        self.backend = backend
        self._head = self._last()
        self._at = 0  # what the loop was shown, or is about to be
        self._fold: Fold | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._mail: queue.SimpleQueue[_Mail] = queue.SimpleQueue()
        self._jobs: deque[Job] = deque()
        self._jobs_lock = threading.Lock()
        self._busy_since_s = 0.0
        self._closing = False
        self._broken: StoreError | None = None
        self._unfoldable: StoreError | None = None  # then this node knows less than the log says, for good
        self._thread = threading.Thread(target=self._run, name="keyturn-store", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.writer} [{self._head[0]} entries]{' AWAY' if self._broken else ''}>"

    # --- the log -----------------------------------------------------------------------------------------------------

    def follow(self, after: int, fold: Fold) -> None:
        self._loop = asyncio.get_running_loop()
        self._at, self._fold = after, fold
        self.backend.wake()

    async def turn(self, decide: Callable[[], Sequence[Draft]], *, soon: bool = False) -> tuple[Entry, ...]:
        made: tuple[Entry, ...] = await self.submit(Job(decide=decide, soon=soon))
        return made

    async def append(self, drafts: Sequence[Draft]) -> tuple[Entry, ...]:
        if not drafts:  # what came before is made durable
            await self.run_sql(_FLUSH)
            return ()
        made: tuple[Entry, ...] = await self.submit(Job(drafts=[written(draft) for draft in drafts]))
        return made

    async def append_soon(self, drafts: Sequence[Draft]) -> None:
        await self.submit(Job(drafts=[written(draft) for draft in drafts], soon=True))

    def catch_up(self) -> None:
        self._must_be_open()
        if self._fold is None:
            return
        marker = Job()
        self._put(marker)
        ends_s = time.monotonic() + CATCH_UP_S_MAX
        while not marker.done.is_set() and time.monotonic() < ends_s:
            with contextlib.suppress(queue.Empty):
                self._read_mail(self._mail.get(timeout=0.01))
        self._drain()

    def entries(
        self, *, after: int = 0, limit: int | None = None, case_id: str | None = None
    ) -> Iterator[Entry]:
        query = _ENTRIES
        if case_id is not None:
            query += " AND case_id = ? AND case_id <> ''" if case_id else " AND case_id = ?"
        query += " ORDER BY seq LIMIT ?"
        while limit is None or limit > 0:
            page = PAGE if limit is None else min(PAGE, limit)
            values = (after, page) if case_id is None else (after, case_id, page)
            rows = list(self.backend.read(query, values))
            for row in rows:
                yield Entry(*row)
            if len(rows) < page:
                return
            after, limit = rows[-1][0], None if limit is None else limit - page

    @property
    def head(self) -> tuple[int, str]:
        return self._last()

    def _last(self) -> tuple[int, str]:
        row = next(self.backend.read("SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1"), None)
        return (row[0], row[1]) if row else (0, GENESIS)

    def one(self, query: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        return next(self.backend.read(query, values), None)

    async def run_sql(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = await self.submit(
            Job(work=lambda backend: backend.execute(sql, values))
        )
        return found

    # --- the loop's side ---------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Write what waits, then close. Safe to call twice."""
        self._closing = True
        self.backend.wake()
        while self._thread.is_alive():  # noqa: ASYNC110  # it may still have something to ask of this loop
            await asyncio.sleep(0.005)
        self.backend.close()

    def _must_be_open(self) -> None:
        if self._closing:
            raise StoreError("closed", "the store is closed")
        if self._unfoldable is not None:
            raise self._unfoldable
        if self._broken is not None:
            raise self._broken
        busy_s = self._busy_since_s
        if busy_s and time.monotonic() - busy_s > STUCK_S:
            raise StoreError(
                "unreachable",
                f"the database has not answered for {STUCK_S:g} s",
                help="nothing is forwarded until it does; see the database's own log",
            )

    async def submit(self, job: Job) -> Any:
        self._must_be_open()
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        job.waiter = loop.create_future()
        self._put(job)
        return await job.waiter

    def _put(self, job: Job) -> None:
        with self._jobs_lock:
            self._jobs.append(job)
        self.backend.wake()

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
        if mail.entries and self._fold is not None and self._unfoldable is None:
            try:
                self._fold(mail.entries)
            except Exception as error:
                log.exception("entries from %d on cannot be folded", mail.entries[0].seq)
                self._unfoldable = StoreError(
                    "unfoldable",
                    f"this node cannot read what another one wrote: {error}",
                    help="do all nodes run the same version of Keyturn? nothing is forwarded by this one",
                )
        if self._unfoldable is not None:
            for job in mail.decide:
                job.drafts, job.result = (), self._unfoldable
        elif not mail.void:
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
                self.backend.recover()
                self._broken = None
            if self.backend.idle(IDLE_S):
                self._show()
        except StoreError as error:
            self._broken = self._broken or error
            time.sleep(IDLE_S)

    def _show(self) -> None:
        if self._fold is None:
            return
        fresh = [Entry(*row) for row in self.backend.execute(f"{_ENTRIES} ORDER BY seq", (self._at,))]
        if fresh:
            self._at, self._head = fresh[-1].seq, (fresh[-1].seq, fresh[-1].hash)
            self._post(_Mail(fresh))

    def _serve(self, group: list[Job]) -> None:
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
                self.backend.rollback()
            try:
                self.backend.recover()
            except StoreError as error:
                self._broken = error
        self._post(mail)

    def _commit(self, group: list[Job]) -> list[Entry]:
        """One transaction. What it appended; raises when nothing of it was."""
        backend = self.backend
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

    def _decide(self, jobs: Sequence[Job]) -> None:
        """Show the loop what stands in the log, then have it say what it wants to write."""
        backend = self.backend
        if self._fold is None:
            rows = backend.execute("SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1")
            self._head = (rows[0][0], rows[0][1]) if rows else (0, GENESIS)
            fresh: list[Entry] = []
        else:
            fresh = [Entry(*row) for row in backend.execute(f"{_ENTRIES} ORDER BY seq", (self._at,))]
            if fresh:
                self._at, self._head = fresh[-1].seq, (fresh[-1].seq, fresh[-1].hash)
            elif self._head[0] != self._at:  # the loop has read further for itself, before it followed
                rows = backend.execute("SELECT seq, hash FROM entry WHERE seq = ?", (self._at,))
                self._head = (rows[0][0], rows[0][1]) if rows else (0, GENESIS)
        if not (fresh or jobs):
            return
        mail = _Mail(fresh, decide=jobs)
        self._post(mail)
        if jobs and not mail.answered.wait(DECIDE_S_MAX):
            mail.void = True
            if not mail.answered.wait(0.01):
                backend.rollback()
                raise _NotDecidedError

    def _place(self, group: list[Job]) -> list[Entry]:
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
        backend = self.backend
        backend.recover()
        backend.begin(ordered=True, durable=False)
        found = bool(made) and backend.execute(
            "SELECT 1 FROM entry WHERE seq = ? AND hash = ?", (made[-1].seq, made[-1].hash)
        )
        backend.commit()
        return bool(found)


class _NotDecidedError(Exception):
    """The loop did not say in time what it wants to write; the turn is given back and tried again."""
