"""The plane at work: performs what cases ask for. It owns the clock, the ids and the keys, and decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

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
from keyturn.runtime.book import SNAPSHOT_EVERY, WAITING, Book
from keyturn.runtime.desk import DeskSide
from keyturn.runtime.gate import GateSide
from keyturn.runtime.interface import SessionKey
from keyturn.runtime.nodes import Nodes
from keyturn.runtime.policing import Policing, PolicyTexts
from keyturn.runtime.settings import (
    CHECKPOINT_BATCH,
    CHECKPOINT_S,
    DRILL_LOOK_S,
    READS_BATCH_S,
    RETIRE_LOOK_S,
    TICK_S,
    Settings,
)
from keyturn.runtime.shared_book import SharedBook, node_of
from keyturn.runtime.work import PERFORM, Work
from keyturn.stores.bundle import Author
from keyturn.stores.interface import Store, is_shared
from keyturn.stores.vault import Signer, Vault

log = logging.getLogger("keyturn")

_MAY_EXPIRE = WAITING | {Phase.BREAK_GLASS}


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
        texts: PolicyTexts | None = None,
    ) -> None:
        keys: dict[str, SessionKey] = {}
        self.shared = SharedBook(store) if is_shared(store) else None
        book = self.shared or Book(store)
        self._given = policy  # to load at the start
        policing = Policing(book, policy, texts, clock)
        work = Work(book, vault, providers, policing, executor, settings, clock, self._excluded)
        GateSide.__init__(self, work, keys)
        DeskSide.__init__(self, work, keys)
        self._signer = signer
        self._tree = Tree()
        self._signing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []
        self._closing = False
        self._at_work: Counter[str] = Counter()  # tasks under way, by case
        book.act = self._act
        self.nodes: Nodes | None = None
        if self.shared is not None:
            self.nodes = Nodes(
                self.shared,
                clock=clock,
                take_up=self._take_up,
                idle=lambda case_id: not self._at_work[case_id],
                moved=lambda case: work.mark_moved(case.change) if case.change else None,
                lifted=self.go_on,
                drop_work=self._drop_work,
            )

    def __repr__(self) -> str:
        return f"<Runtime {self.book.plane!r} {self.book.store!r}>"

    # --- life --------------------------------------------------------------------------------------------------------

    async def start(self, started: r.Started, loaded: r.PolicyLoaded | None = None) -> None:
        """Fold the log, open the sessions' keys, load the policies, take up what was left, and begin."""
        if self.nodes is not None:
            self.nodes.about |= {"pid": str(os.getpid()), "version": started.version}
            await self.nodes.join()
            self._loops = [asyncio.create_task(self.nodes.beat_for_ever(), name="keyturn-beats")]
        unfinished = self.book.load()
        for row in self.book.store.rows("session"):
            if row.key not in self.book.plane.sessions:
                if self.nodes is None:  # the process ended before it was on record: nobody has its key
                    await self.book.store.delete_row("session", row.key)
                continue
            key = msgspec.json.decode(self.vault.get(row.value.decode()), type=SessionKey)
            self._keys[key.access_key_id] = key
        await self.work.issued.tidy(
            {name for name in self.book.plane.sessions if self.book.plane.open_session(name, self.clock())},
            at_ms=self.clock(),
        )
        self.about |= {
            "version": started.version,
            "catalogue": started.catalogue,
            "public_key": self._signer.public.hex(),
        }
        await self.book.note(started)
        if loaded is not None:
            await self.work.policing.load(self._given, loaded)
        if self.nodes is None:
            for case in unfinished:
                await self._take_up(case, lambda _name: True)
        else:
            await _round(self.nodes.care)
        self._loops += [
            asyncio.create_task(self._ticking(), name="keyturn-deadlines"),
            asyncio.create_task(self._flushing(), name="keyturn-reads"),
            asyncio.create_task(self._checkpointing(), name="keyturn-checkpoints"),
            asyncio.create_task(self._drilling(), name="keyturn-drills"),
            asyncio.create_task(self._retiring(), name="keyturn-retention"),
        ]

    async def _take_up(self, case: Case, gone: Callable[[str], bool]) -> None:
        """What a phase still owes after its process has ended; that one's clients have left.

        What had been allowed and not been sent ends here: its client got no answer and asks again, and both would take effect.
        What was held goes on: asking again attaches to it. So does an undo: a person asked for it, and waits.
        """
        for waiter in case.waiters:
            if gone(node_of(waiter)):
                case = await self.book.record_from(case.id, self._left(waiter))
        person = case.change is not None and case.change.by_person
        died = gone(case.worker)
        if self.nodes is not None:
            mine = self.book.works_on(case)
            if mine and self._at_work[case.id]:
                return  # only a client of it has gone
            if not mine and not (died and await self.nodes.take(case)):
                return  # somebody else works on it
        if died and case.phase in BEFORE_CALL and not case.was_held and not person:
            detail = "the plane stopped before this was sent, and its client is gone; the client asks again"
            await self.book.record(case.id, r.Invalidated(at_ms=self.clock(), what="session", detail=detail))
            return
        for command in owed(case, resumed=True):
            self._act(case, command)

    def _left(self, waiter: str) -> Callable[[Case], tuple[r.CaseEvent, ...]]:
        def left(case: Case) -> tuple[r.CaseEvent, ...]:
            return (r.Detached(at_ms=self.clock(), waiter=waiter),) if waiter in case.waiters else ()

        return left

    def _drop_work(self) -> None:
        """Others do it now. What of it is at a wait ends there; what it would write is not taken any more."""
        for task in self._tasks:
            task.cancel()

    async def heard(self) -> None:
        if self.nodes is not None:
            await self.nodes.heard()

    async def close(self) -> None:
        """Finish what is on its way for a moment, then stop; nothing is lost by stopping sooner."""
        self._closing = True
        for loop in self._loops:
            loop.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2.0)
        left = tuple(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self.work.asker.close()
        await self.flush_reads()
        await self.book.save_snapshot()
        await self.checkpoint()
        if self.nodes is not None:
            await self.nodes.leave()
        await self.work.executor.close()
        await self.book.store.close()

    # --- performing --------------------------------------------------------------------------------------------------

    def _act(self, case: Case, command: Command) -> None:
        if self._closing:
            return
        task = asyncio.create_task(self._perform(case, command), name=f"{case.id}-{command}")
        self._tasks.add(task)
        self._at_work[case.id] += 1
        task.add_done_callback(lambda task: self._ended(task, case.id))

    def _ended(self, task: asyncio.Task[None], case_id: str) -> None:
        self._tasks.discard(task)
        self._at_work[case_id] -= 1
        if not self._at_work[case_id]:
            del self._at_work[case_id]

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

    async def reload(
        self, policy: PolicyEngine, settings: Settings, providers: dict[str, Provider], loaded: r.PolicyLoaded
    ) -> None:
        """From now on by these; by the policies only where they relax nothing (`Policing`). What is held keeps its quorum; at its claim the
        policy in force is asked (docs/concepts/rules.md, 3).
        """
        await self.work.policing.load(policy, loaded)
        self.work.settings, self.work.providers = settings, providers
        self.settings = settings

    def status(self) -> dict[str, Any]:
        found = super().status()
        if self.nodes is not None:
            found["node"] = self.book.store.writer
            found["nodes"] = [
                {
                    "name": node.name,
                    "lease_left_s": round(node.left_ms / 1000, 1),
                    "heard": node.heard,
                    **node.about,
                }
                for node in self.nodes.live
            ]
        return found

    def _excluded(self, change: Change) -> tuple[str, ...]:
        """Who may not review, under every name of theirs (docs/concepts/rules.md, 4): the operator, the session's owner, who lent it
        a credential, who answers for the agent. Of what is sent instead of a case, takes one back, or removes the backup of one: whoever was
        left out of that one, too. Who runs an agent would else decide what stays of its deed, and an undo of an undo is that deed again.
        """
        session, people = self.book.plane.sessions.get(change.principal.session), self.book.plane.people
        named = (change.instead_of, change.drops, *change.taken_back)
        about = [case for name in named if name and (case := self.book.case(name)) is not None]
        return people.excluded(
            (
                change.principal.operator,
                *(session.people if session else ()),
                *people.owners.get(change.principal.agent, ()),
                *(name for case in about if case.change for name in self._excluded(case.change)),
                *(name for case in about if case.request for name in case.request.excluded),
            )
        )

    # --- sessions of other nodes -------------------------------------------------------------------------------------

    def _key_from_elsewhere(self, access_key_id: str) -> SessionKey | None:
        if self.shared is None:
            return None
        named = [one for one in self.book.plane.sessions.values() if one.access_key_id == access_key_id]
        if not named:
            self.shared.shared.catch_up()  # before it is refused: it may have been opened a moment ago
            named = [one for one in self.book.plane.sessions.values() if one.access_key_id == access_key_id]
        return self._key_of(named[0].session) if named else None

    def _key_of(self, session: str) -> SessionKey | None:
        row = self.book.store.get_row("session", session)
        if row is None:
            return None
        key = msgspec.json.decode(self.vault.get(row.value.decode()), type=SessionKey)
        self._keys[key.access_key_id] = key
        return key

    def session_keys(self) -> tuple[SessionKey, ...]:
        if self.shared is None:
            return super().session_keys()
        here = {key.session for key in self._keys.values()}
        for session in list(self.book.plane.sessions.values()):
            if session.ended_at_ms is None and session.session not in here:
                self._key_of(session.session)
        return super().session_keys()

    # --- rhythms -----------------------------------------------------------------------------------------------------

    async def _ticking(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            await _round(self._tick)

    async def _tick(self) -> None:
        """Deadlines; among several nodes the oldest sees to them, and to snapshots, and each to what a dead one left."""
        if self.nodes is None:
            await self.expire()
            return
        await self.nodes.care()
        if self.nodes.leads:
            await self.expire()
            if self.shared is not None and self.shared.snapshot_due >= SNAPSHOT_EVERY:
                await self.book.save_snapshot()

    async def expire(self) -> None:
        """End what ran out of time: unanswered holds, unused approvals, sessions."""
        now = self.clock()
        for case in list(self.book.cases.values()):
            if case.phase in _MAY_EXPIRE and self._expired(case):
                await self.book.record_from(case.id, self._expired)
        await self.say_what_is_due()
        for session in list(self.book.plane.sessions.values()):
            if session.ended_at_ms is None and session.expires_at_ms <= now:
                await self.end_session(session.session, by="keyturn", reason="ran out of time")

    def _expired(self, case: Case) -> tuple[r.CaseEvent, ...]:
        now = self.clock()
        if case.phase is Phase.HELD and case.request is not None and now >= case.request.deadline_ms:
            return (r.Expired(at_ms=now, what="review"),)
        execute_by = self.work.execute_by_ms(case) if case.phase is Phase.APPROVED else None
        if execute_by is not None and now >= execute_by:
            return (r.Expired(at_ms=now, what="approval"),)
        if case.phase is Phase.BREAK_GLASS and case.glass is not None and now >= case.glass.until_ms:
            return (r.Expired(at_ms=now, what="break-glass"),)
        return ()

    async def _flushing(self) -> None:
        while True:
            try:
                async with asyncio.timeout(READS_BATCH_S):
                    await self._reads_due.wait()
            except TimeoutError:
                pass
            await _round(self.flush_reads)

    async def _drilling(self) -> None:
        await _round(self._sweeping)
        while True:
            await asyncio.sleep(DRILL_LOOK_S)
            await _round(self._sweeping)
            if self.settings.drill_every_s and (self.nodes is None or self.nodes.leads):
                await _round(self.drilling.drill_what_is_due)

    async def _sweeping(self) -> None:
        """What drills left behind: alone, whatever is on record and not under way; among nodes, what no drill takes as long as."""
        if self.nodes is None:
            await self.drilling.sweep(after_ms=0)
        elif self.nodes.leads:
            await self.drilling.sweep()

    async def _retiring(self) -> None:
        while True:
            await asyncio.sleep(RETIRE_LOOK_S)
            if self.nodes is not None and not self.nodes.leads:
                continue
            if self.settings.keep_days:
                await _round(self.retiring.sweep)
            await _round(self._collecting)

    async def _collecting(self) -> None:
        """Exports that nobody names."""
        await self.retiring.exports.collect(self.clock())

    async def _checkpointing(self) -> None:
        while True:
            await asyncio.sleep(CHECKPOINT_S)
            if self.nodes is None or self.nodes.leads:
                await _round(self.checkpoint)

    def author(self) -> Author:
        return Author(self.settings.origin, self._signer.public, self._signer.sign, self.clock())

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
