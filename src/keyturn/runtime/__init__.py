"""The plane at work: performs what cases ask for. It owns the clock, the ids and the keys, and decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable

import msgspec

from keyturn.core.advance import owed
from keyturn.core.case import Case, Phase
from keyturn.core.chain import Tree, sign_checkpoint
from keyturn.core.commands import Command
from keyturn.core.lifecycle import BEFORE_CALL, TERMINAL
from keyturn.core.ports import PolicyEngine, Provider
from keyturn.errors import BugError, StoreError
from keyturn.executors.interface import Executor
from keyturn.model import record as r
from keyturn.model.change import Change
from keyturn.runtime.book import WAITING, Book
from keyturn.runtime.desk import DeskSide
from keyturn.runtime.gate import GateSide
from keyturn.runtime.interface import SessionKey
from keyturn.runtime.settings import CHECKPOINT_BATCH, CHECKPOINT_S, READS_BATCH_S, TICK_S, Settings
from keyturn.runtime.work import PERFORM, Work
from keyturn.stores.interface import Store
from keyturn.stores.vault import Signer, Vault

log = logging.getLogger("keyturn")


def now_ms() -> int:
    """Wall-clock time, milliseconds since 1970; the only place that reads it."""
    return time.time_ns() // 1_000_000


class Runtime(GateSide, DeskSide):
    """The gate for surfaces and the desk for people, over one book. `start` before use, `close` at the end."""

    def __init__(
        self,
        *,
        store: Store,
        vault: Vault,
        signer: Signer,
        providers: dict[str, Provider],
        policy: PolicyEngine,
        executor: Executor,
        settings: Settings,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        keys: dict[str, SessionKey] = {}
        book = Book(store)
        work = Work(book, vault, providers, policy, executor, settings, clock, self._excluded)
        GateSide.__init__(self, work, keys)
        DeskSide.__init__(self, work, keys)
        self._signer = signer
        self._tree = Tree()
        self._signing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []
        self._closing = False
        book.act = self._act

    def __repr__(self) -> str:
        return f"<Runtime {self.book.plane!r} {self.book.store!r}>"

    # --- life --------------------------------------------------------------------------------------------------------

    async def start(self, started: r.Started) -> None:
        """Fold the log, open the sessions' keys, take up what was left, and begin."""
        unfinished = self.book.load()
        for row in self.book.store.rows("session"):
            if (
                row.key not in self.book.plane.sessions
            ):  # the process ended before it was on record: nobody has its key
                await self.book.store.delete_row("session", row.key)
                continue
            key = msgspec.json.decode(self.vault.get(row.value.decode()), type=SessionKey)
            self._keys[key.access_key_id] = key
        self.about |= {
            "version": started.version,
            "catalogue": started.catalogue,
            "public_key": self._signer.public.hex(),
        }
        await self.book.note(started)
        for case in unfinished:
            await self._take_up(case)
        self._loops = [
            asyncio.create_task(self._ticking(), name="keyturn-deadlines"),
            asyncio.create_task(self._flushing(), name="keyturn-reads"),
            asyncio.create_task(self._checkpointing(), name="keyturn-checkpoints"),
        ]

    async def _take_up(self, case: Case) -> None:
        """What a phase still owes after a restart; clients of the old process have left.

        What had been allowed and not been sent ends here: its client got no answer and asks again, and both would take effect.
        What was held goes on: asking again attaches to it. So does an undo: a person asked for it, and waits.
        """
        for waiter in case.waiters:
            case = await self.book.record(case.id, r.Detached(at_ms=self.clock(), waiter=waiter))
        person = case.change is not None and case.change.undoes is not None
        if case.phase in BEFORE_CALL and not case.was_held and not person:
            detail = "the plane stopped before this was sent, and its client is gone; the client asks again"
            await self.book.record(case.id, r.Invalidated(at_ms=self.clock(), what="session", detail=detail))
            return
        for command in owed(case, resumed=True):
            self._act(case, command)

    async def close(self) -> None:
        """Finish what is on its way for a moment, then stop; nothing is lost by stopping sooner."""
        self._closing = True
        for loop in self._loops:
            loop.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2.0)
        for task in self._tasks:
            task.cancel()
        await self.flush_reads()
        await self.book.save_snapshot()
        await self.checkpoint()
        await self.work.executor.close()
        await self.book.store.close()

    # --- performing --------------------------------------------------------------------------------------------------

    def _act(self, case: Case, command: Command) -> None:
        if self._closing:
            return
        task = asyncio.create_task(self._perform(case, command), name=f"{case.id}-{command}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _perform(self, case: Case, command: Command) -> None:
        try:
            await PERFORM[command](self.work, case)
        except BugError as error:
            now = self.book.cases.get(case.id, case)
            if error.code == "illegal-event" and now.phase in {Phase.HALTED, Phase.REJECTED, *TERMINAL}:
                return  # it was stopped while this was on its way; nothing of it leaves
            log.exception("case %s: %s", case.id, error.message)
            await self._give_up(case, command, error)
        except StoreError as error:
            log.exception("the store failed; nothing is forwarded: %s", error.message)
        except Exception as error:
            log.exception("case %s: %s failed", case.id, command)
            await self._give_up(case, command, error)

    async def _give_up(self, case: Case, command: Command, error: Exception) -> None:
        """An error of ours before the call ends the case: who waits is told, and what it locked is free."""
        by = f"an error of Keyturn's own, {command}: {type(error).__name__}"

        def ended(now: Case) -> tuple[r.CaseEvent, ...]:
            stuck = now.phase in BEFORE_CALL - {Phase.HELD} and command in owed(now)
            return (r.Halted(at_ms=self.clock(), by=by),) if stuck else ()

        with contextlib.suppress(StoreError):  # then it stands there after a restart, and is taken up
            await self.book.record_from(case.id, ended)

    def _excluded(self, change: Change) -> tuple[str, ...]:
        """Who may not review: the operator, the session's owner (docs/concepts/rules.md, 4)."""
        session = self.book.plane.sessions.get(change.principal.session)
        return tuple(
            sorted({change.principal.operator, *([session.owner, session.operator] if session else [])})
        )

    # --- rhythms -----------------------------------------------------------------------------------------------------

    async def _ticking(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            await _round(self.expire)

    async def expire(self) -> None:
        """End what ran out of time: unanswered holds, unused approvals, sessions."""
        now = self.clock()
        for case in list(self.book.cases.values()):
            if case.phase in WAITING:
                await self.book.record_from(case.id, self._expired)
        for key in list(self._keys.values()):
            if key.expires_at_ms <= now:
                await self.end_session(key.session, by="keyturn", reason="ran out of time")

    def _expired(self, case: Case) -> tuple[r.CaseEvent, ...]:
        now = self.clock()
        if case.phase is Phase.HELD and case.request is not None and now >= case.request.deadline_ms:
            return (r.Expired(at_ms=now, what="review"),)
        execute_by = self.work.execute_by_ms(case) if case.phase is Phase.APPROVED else None
        if execute_by is not None and now >= execute_by:
            return (r.Expired(at_ms=now, what="approval"),)
        return ()

    async def _flushing(self) -> None:
        while True:
            try:
                async with asyncio.timeout(READS_BATCH_S):
                    await self._reads_due.wait()
            except TimeoutError:
                pass
            await _round(self.flush_reads)

    async def _checkpointing(self) -> None:
        while True:
            await asyncio.sleep(CHECKPOINT_S)
            await _round(self.checkpoint)

    async def checkpoint(self) -> None:
        """Sign the log as it stands, when it has grown since the last time."""
        async with self._signing:
            before = self._tree.size
            while batch := tuple(self.book.store.entries(after=self._tree.size, limit=CHECKPOINT_BATCH)):
                for entry in batch:
                    self._tree.add(bytes.fromhex(entry.hash))
                await asyncio.sleep(0)
            if self._tree.size == before:
                return
            made = sign_checkpoint(
                self.settings.origin,
                self._tree,
                at_ms=self.clock(),
                public_key=self._signer.public,
                sign=self._signer.sign,
            )
            await self.book.store.add_checkpoint(made)


async def _round(work: Callable[[], Awaitable[None]]) -> None:
    """One round of a rhythm. One that fails is said and the next is tried: a plane whose deadlines stand still looks alive."""
    try:
        await work()
    except Exception:
        log.exception("%s failed; it is tried again", work.__name__)


__all__ = ["Runtime", "Settings", "now_ms"]
