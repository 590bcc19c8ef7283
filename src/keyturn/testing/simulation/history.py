"""One history: agents, reviewers, an operator and misfortune, around the runtime that ships."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable, Coroutine, Iterator
from random import Random
from typing import Any, Final, TypeVar

import msgspec

from keyturn.core.case import Case, Phase
from keyturn.core.lifecycle import TERMINAL
from keyturn.errors import KeyturnError
from keyturn.model import record as r
from keyturn.model.change import Change, Principal
from keyturn.model.record import Entry
from keyturn.runtime import Runtime
from keyturn.runtime.book import WAITING
from keyturn.runtime.interface import Reply, ReplyKind
from keyturn.runtime.settings import Settings
from keyturn.testing.simulation.account import Account, Happening, SimulatedExecutor, World, world
from keyturn.testing.simulation.clock import VirtualLoop, virtual_time
from keyturn.testing.simulation.crashes import Died, Process
from keyturn.testing.simulation.disk import PlainSigner, PlainVault, Platter, SimulatedStore
from keyturn.testing.simulation.knowledge import SimulatedProvider, operation, request
from keyturn.testing.simulation.people import People
from keyturn.testing.simulation.policies import Policies

T = TypeVar("T")

THINGS: Final = ("p1", "p2", "t1", "t2")
REVIEWERS: Final = ("anna", "ben", "cleo")
OPERATOR: Final = "olga"
CHANGES_MIN, CHANGES_MAX = 2, 4
LIVES_MAX: Final = 3
"""A process crashes at most twice in a history, so that it comes to an end."""

LAST_WAIT_S: Final = 900
"""How long a history may go on after everybody has gone: review deadlines, reconciliation."""

SETTINGS: Final = Settings(
    public_url="sim:", hold_wait_s=5.0, review_deadline_s=60, approval_window_s=30, cooldown_s=20, replay_s=60
)


class Told(msgspec.Struct, frozen=True):
    """What somebody was told, and when (the journal's length): the plane may not forget it."""

    token: str
    reply: Reply
    moment: int
    written: int  # entries of the log that were durable then


class History(msgspec.Struct):
    """What a history leaves behind: the journal of the account, the log as it was durable, and what people were told."""

    seed: int
    about: World
    journal: list[Happening]
    entries: list[Entry]
    moments: list[int]
    told: list[Told]
    submitted: dict[str, int]
    reviews: list[tuple[str, str, bool]]  # accepted: case, reviewer, approve
    things: dict[str, int | None]
    lives: int = 0
    trouble: list[str] = []
    rehearsed: dict[
        str, int | None
    ] = {}  # what stood in a twin before each step of a plan, by the step's token


class _SimulatedRuntime(Runtime):
    """The runtime with slow rhythms: deadlines and snapshots. Reads and checkpoints have tests of their own."""

    snapshot_s = 0.0

    async def _ticking(self) -> None:
        while True:
            await asyncio.sleep(8.0)
            await self.expire()

    async def _flushing(self) -> None:
        return

    async def _checkpointing(self) -> None:
        while self.snapshot_s:
            await asyncio.sleep(self.snapshot_s)
            await self.book.save_snapshot()


class CrashedError(Exception):
    """The plane went down while it was asked."""


class Play:
    """One seed's plane, its account, and everybody around."""

    def __init__(self, seed: int, loop: VirtualLoop) -> None:
        self.chance = Random(seed)  # noqa: S311  # a history is to be repeatable, not unguessable
        self.about = world(self.chance)
        self.seed, self.loop = seed, loop
        self.account = Account(THINGS, loop.now_ms)
        self.platter = Platter()
        self.people = People(self, seed)
        self.policies = Policies(self, seed, SETTINGS, people=self.people.there)
        self.history = History(
            seed=seed,
            about=self.about,
            journal=self.account.journal,
            entries=self.platter.entries,
            moments=self.platter.moments,
            told=[],
            submitted={},
            reviews=[],
            things=self.account.things,
        )
        self.calls: set[asyncio.Task[Any]] = set()
        self.asked = 0
        self.over = False  # the agents have gone
        self.up = asyncio.Event()
        self.values = 1000
        self.started_s = 0.0

    # --- the process -------------------------------------------------------------------------------------------------

    async def boot(self) -> None:
        self.history.lives += 1
        may_crash = self.about.crashes and self.history.lives < LIVES_MAX
        self.process = Process(self.chance, may_crash=may_crash)
        store = SimulatedStore(
            self.platter, self.process, self.chance, self.account.moment, self.about.disk_s
        )
        runtime = _SimulatedRuntime(
            store=store,
            vault=PlainVault(store),
            signer=PlainSigner(),
            providers={"sim": SimulatedProvider()},
            policy=self.policies.on_disk,
            texts=self.policies.texts,
            executor=SimulatedExecutor(self.account, self.process, self.about, self.chance),
            settings=SETTINGS,
            clock=self.loop.now_ms,
        )
        runtime.snapshot_s = self.about.snapshot_s
        self._runtime = runtime
        started = r.Started(at_ms=self.loop.now_ms(), version="sim", catalogue="sim", mode="sim")
        await runtime.start(started, self.policies.loading())
        self.up.set()

    async def keep_up(self) -> None:
        """Start the process again whenever it dies."""
        before = {asyncio.current_task()}
        while True:
            try:
                await self.boot()
                await self.process.over
            except Died:
                pass
            self.up.clear()
            await self._bury(before)
            await asyncio.sleep(1.0)

    async def _bury(self, spared: set[asyncio.Task[Any] | None]) -> None:
        mine = self.calls | self.runtime._tasks | set(self.runtime._loops)  # noqa: SLF001  # the process is torn down
        for task in sorted(mine - spared, key=lambda task: task.get_name() if task else ""):
            if task is not None:
                task.cancel()
        await asyncio.sleep(0)

    async def ask(
        self, make: Callable[[Runtime], Coroutine[Any, Any, T]], *, patience_s: float | None = None
    ) -> T:
        """Ask the plane as a client does: it may be down, go down, or the client leaves (`TimeoutError`)."""
        await self.up.wait()
        return await self.ask_one(self.runtime, self.calls, make, patience_s=patience_s)

    async def ask_one(
        self,
        plane: Runtime,
        calls: set[asyncio.Task[Any]],
        make: Callable[[Runtime], Coroutine[Any, Any, T]],
        *,
        patience_s: float | None,
    ) -> T:
        """Ask this process."""
        self.asked += 1
        task = self.loop.create_task(make(plane), name=f"asked-{self.asked:06}")
        calls.add(task)
        try:
            done, _ = await asyncio.wait({task}, timeout=patience_s)
            if not done:
                task.cancel()
                raise TimeoutError
            if task.cancelled() or isinstance(task.exception(), Died):
                raise CrashedError
            return task.result()
        finally:
            calls.discard(task)

    @property
    def runtime(self) -> Runtime:
        """The plane as somebody sees it who comes now."""
        return self._runtime

    # --- people and agents -------------------------------------------------------------------------------------------

    async def agent(self, name: str) -> None:
        chance = self.chance
        session = await self.session(name)
        for number in range(chance.randint(CHANGES_MIN, CHANGES_MAX)):
            await asyncio.sleep(chance.random() * 8)
            action = chance.choice(("Set", "Set", "Delete", "Delete", "Create", "Wipe"))
            thing = chance.choice(THINGS)
            token = f"{name}-{number}"
            parameters: dict[str, Any] = {"name": thing, "token": token}
            if action in {"Set", "Create"}:
                parameters["value"] = self._value()
            if self.about.conditional and action != "Create":
                parameters["expect"] = self.account.things[thing]
            change = Change(
                principal=Principal(agent=name, session=session, operator=OPERATOR),
                surface="sim",
                operations=(operation(action, parameters),),
                received_at_ms=self.loop.now_ms(),
            )
            tries = [self._try(change, action, parameters)]
            if chance.random() < 0.15:
                tries.append(self._try(change, action, parameters))  # a duplicate on the wire
            if action == "Delete" and chance.random() < 0.5:  # and then creates it anew, as agents do
                again = {"name": thing, "token": f"{token}-anew", "value": self._value()}
                second = msgspec.structs.replace(change, operations=(operation("Create", again),))
                tries.append(self._later(self._try(second, "Create", again)))
            if (
                action == "Set" and chance.random() < self.about.reverts
            ):  # and, seeing it put back, another way
                other = {"name": thing, "token": f"{token}-other", "value": self._value()}
                third = msgspec.structs.replace(change, operations=(operation("Set", other),))
                tries.append(self._later(self._try(third, "Set", other)))
            await asyncio.gather(*tries)

    async def _later(self, what: Coroutine[Any, Any, None]) -> None:
        await asyncio.sleep(self.chance.random() * 8)
        await what

    async def session(self, name: str) -> str:
        while True:
            try:
                key = await self.ask(
                    lambda plane: plane.open_session(operator=OPERATOR, agent=name, ttl_s=3600)
                )
            except CrashedError:
                continue
            return key.session

    def _value(self) -> int:
        self.values += 1
        return self.values

    async def _try(self, change: Change, action: str, parameters: dict[str, Any]) -> None:
        """As an SDK does: again after a broken connection, again after a hold, not for ever."""
        token = parameters["token"]
        for _ in range(4):
            patience_s = 2.0 if self.chance.random() < self.about.leaves else None
            self.history.submitted[token] = self.history.submitted.get(token, 0) + 1
            try:
                reply = await self.ask(
                    lambda plane: plane.submit(change, (request(action, parameters),)), patience_s=patience_s
                )
            except (CrashedError, TimeoutError):
                await asyncio.sleep(self.chance.random() * 6)
                continue
            except KeyturnError as error:
                self.history.trouble.append(f"submit raised {error}")
                return
            self.history.told.append(Told(token, reply, self.account.moment[0], len(self.platter.entries)))
            if reply.kind is not ReplyKind.HELD:
                return
            await asyncio.sleep(self.chance.random() * 10)

    async def reviewer(self, name: str) -> None:
        """Reads a case, thinks for a while, and says something; now and then what she must not."""
        chance = self.chance
        answered: set[str] = set()
        while True:
            await asyncio.sleep(1.0 + chance.random() * 5)
            if not self.up.is_set():
                continue
            seen = [
                case
                for case in self.runtime.cases(open_only=True)
                if case.phase in WAITING and (case.id not in answered or chance.random() < 0.05)
            ]
            if not seen:
                await asyncio.sleep(6.0)
                continue
            case = chance.choice(seen)
            if name == OPERATOR and chance.random() < 0.2:
                await self._withdraw(case.id)
                continue
            answered.add(case.id)
            await asyncio.sleep(chance.choice((0.1, 1.0, 4.0, 20.0)) * chance.random())
            late = chance.random() < self.about.late
            if late and case.request is not None:  # and comes back when the time is just over
                left_s = (case.request.deadline_ms - self.loop.now_ms()) / 1000
                await asyncio.sleep(max(0.0, left_s) + chance.random())
            await self._review(case, name, executes=0.9 if late else 0.3)
            if chance.random() < self.about.reverts:  # and what else there is about the same thing, at one go
                for other in seen:
                    if other is not case and _things(other) & _things(case):
                        answered.add(other.id)
                        await self._review(other, name, executes=0.9)

    async def _review(self, case: Case, name: str, *, executes: float) -> None:
        binding = case.request.digest if case.request else ""
        approve = self.chance.random() > 0.12
        if self.chance.random() < 0.08:
            binding = "sha256:" + "0" * 64
        for _ in range(self.chance.choice((1, 1, 1, 2))):
            done = await self.do(
                lambda plane: plane.review(
                    case.id, by=name, approve=approve, binding=binding, note="seen", via="sim"
                )
            )
            if done:
                self.reviewed(case.id, name, approve=approve)
        if approve and self.chance.random() < executes:
            await self.do(lambda plane: plane.execute(case.id, by=name))

    def reviewed(self, case_id: str, name: str, *, approve: bool) -> None:
        self.history.reviews.append((case_id, name, approve))
        self.account.note("yes" if approve else "no", case=case_id, detail=name)

    async def do(self, make: Callable[[Runtime], Coroutine[Any, Any, object]]) -> bool:
        """A person's request; refused is an answer, a bug of ours is trouble."""
        try:
            await self.ask(make)
        except CrashedError:
            return False
        except KeyturnError as error:
            if error.who == "us":
                self.history.trouble.append(f"a person met a bug: {error}")
            return False
        return True

    async def tidier(self) -> None:
        """Settles what is inconclusive, and now and then takes back what was done."""
        while True:
            await asyncio.sleep(10.0)
            if not self.up.is_set():
                continue
            for case in self.runtime.cases():
                if case.phase is Phase.INCONCLUSIVE:
                    hers = case.change is not None and case.change.principal.operator == "anna"
                    await self._settle(case.id, "ben" if hers else "anna")
                elif case.phase is Phase.CONFIRMED and self._may_undo(case):
                    await self._undo(case.id)

    def _may_undo(self, case: Case) -> bool:
        """Not at the end: a history has to come to one."""
        return not case.undone_by and not self.over and self.chance.random() < 0.02

    async def _withdraw(self, case_id: str) -> None:
        await self.do(lambda plane: plane.withdraw(case_id, by=OPERATOR, reason="no need"))

    async def _settle(self, case_id: str, by: str) -> None:
        await self.do(lambda plane: plane.settle(case_id, by=by, succeeded=True, note="I looked"))

    async def _undo(self, case_id: str) -> None:
        await self.do(lambda plane: plane.undo(case_id, by="ben"))

    # --- misfortune --------------------------------------------------------------------------------------------------

    async def drift(self) -> None:
        """Somebody else changes a thing, and sometimes puts it back."""
        if not self.about.drift:
            return
        while True:
            await asyncio.sleep(self.chance.expovariate(self.about.drift))
            name = self.chance.choice(THINGS)
            before = self.account.things[name]
            self.account.drift_to(
                name, None if before is not None and self.chance.random() < 0.2 else self._value()
            )
            if self.chance.random() < 0.5:
                await asyncio.sleep(self.chance.random() * 5)
                self.account.drift_to(name, before)

    async def halter(self) -> None:
        if self.chance.random() >= self.about.halts:
            return
        await asyncio.sleep(self.chance.random() * 30)
        if await self.do(lambda plane: plane.halt(by="anna", reason="looks odd")):
            self.account.note("halted")
            await asyncio.sleep(self.chance.random() * 20)
            self.account.note("lifted")
        while not await self.do(lambda plane: plane.resume(by="anna")):  # noqa: ASYNC110  # it may be down
            await asyncio.sleep(1.0)

    async def tightener(self) -> None:
        if self.chance.random() >= self.about.tightens or self.policies.there:
            return
        await asyncio.sleep(self.chance.random() * 30)
        self.policies.tighten()
        self.account.note("tightened")

    # --- the whole ---------------------------------------------------------------------------------------------------

    def around(self) -> list[Coroutine[Any, Any, None]]:
        """Who and what is there beside the agents."""
        from keyturn.testing.simulation import drops, plans, rehearsals  # noqa: PLC0415  # they play in a history

        return [
            *(self.reviewer(name) for name in (*REVIEWERS, OPERATOR)),
            self.tidier(),
            self.drift(),
            self.tightener(),
            *self.people.around(),
            *self.policies.around(),
            *plans.Plans(self, self.seed).around(),
            *rehearsals.Rehearsals(self, self.seed).around(),
            *drops.Drops(self, self.seed).around(),
        ]

    def is_quiet(self) -> bool:
        """Whether nothing is to come any more."""
        return self.up.is_set() and all(case.phase in TERMINAL for case in self.runtime.cases(limit=10_000))

    async def run(self) -> None:
        self.account.note("begun")
        keeper = asyncio.ensure_future(self.keep_up())
        await self.up.wait()
        around = [asyncio.ensure_future(one) for one in self.around()]
        halter = asyncio.ensure_future(self.halter())
        agents = [self.agent(name) for name in ("kiro", "q")[: self.chance.choice((1, 1, 1, 2))]]
        working = [asyncio.ensure_future(agent) for agent in agents]
        _, waiting = await asyncio.wait({*working, halter}, timeout=LAST_WAIT_S)
        if waiting:
            self.history.trouble.append("stuck: somebody is still waiting for an answer")
            for task in waiting:
                task.cancel()
        for task in working:
            task.exception() if task.done() and not task.cancelled() else None
        self.over = True
        await self._until_quiet()
        for task in (*around, keeper):
            task.cancel()
        await asyncio.wait({*around, keeper})
        await self._bury(set())
        self.history.entries = list(self.platter.entries)

    async def _until_quiet(self) -> None:
        for _ in range(LAST_WAIT_S // 15):
            await asyncio.sleep(15.0)
            if self.is_quiet() and await self.do(lambda plane: plane.book.store.append(())):
                return
        stuck = [repr(case) for case in self.runtime.cases(open_only=True)]
        self.history.trouble.append(f"stuck: {', '.join(stuck)}")


def _things(case: Case) -> set[str]:
    return {ref.id for ref in case.change.resources} if case.change else set()


def play(seed: int) -> History:
    """The history of this seed. The same seed gives the same history, but for the names of sessions and claims."""
    return played(lambda loop: Play(seed, loop))


def played(make: Callable[[VirtualLoop], Play]) -> History:
    """The history that comes of what `make` sets up."""
    with _seldom_collected():
        return _played(make)


@contextlib.contextmanager
def _seldom_collected() -> Iterator[None]:
    """A history makes some ten thousand objects that go by themselves; looking for circles among them costs a tenth of it."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _played(make: Callable[[VirtualLoop], Play]) -> History:
    with virtual_time() as loop:
        one = make(loop)
        loop.run_until_complete(one.run())
    return one.history
