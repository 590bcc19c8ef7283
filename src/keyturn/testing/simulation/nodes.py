"""Histories of several nodes over one store: they crash, stop past their lease and wake again, and hear the log late.

Agents and people come to any node that is up, as through a load balancer. The checker is the same: how many nodes there were is
nothing that anybody outside may notice.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, Final, TypeVar

import msgspec

from keyturn.core.lifecycle import TERMINAL
from keyturn.errors import StoreError
from keyturn.model import record as r
from keyturn.runtime import Runtime
from keyturn.testing.simulation import history
from keyturn.testing.simulation.account import SimulatedExecutor
from keyturn.testing.simulation.clock import VirtualLoop
from keyturn.testing.simulation.crashes import Died, Process
from keyturn.testing.simulation.disk import PlainSigner, PlainVault
from keyturn.testing.simulation.history import LIVES_MAX, SETTINGS, History, Play
from keyturn.testing.simulation.knowledge import SimulatedProvider
from keyturn.testing.simulation.shared_disk import LEASE_S, Database, SimulatedSharedStore

T = TypeVar("T")

STOPS_MAX: Final = 2
"""A node is stopped this often at most, so that a history comes to an end."""


class NodesWorld(msgspec.Struct, frozen=True):
    """What is different from seed to seed beside `World`."""

    nodes: int
    late_s: float  # the longest until a node hears what another wrote
    stops: float  # how likely a node is stopped once


class _NodeRuntime(Runtime):
    """The runtime with the rhythm of the simulated leases."""

    async def _ticking(self) -> None:
        while True:
            await asyncio.sleep(LEASE_S / 3)
            with contextlib.suppress(Exception):
                await self._tick()

    async def _flushing(self) -> None:
        return

    async def _checkpointing(self) -> None:
        return


class _Host:
    """A machine on which a node is started again whenever it dies."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lives = 0
        self.runtime: Runtime | None = None
        self.process: Process | None = None
        self.calls: set[asyncio.Task[Any]] = set()
        self.up = False


class NodesPlay(Play):
    """See `Play`; the process is several. `open_store` makes a node's store."""

    def __init__(
        self,
        seed: int,
        loop: VirtualLoop,
        open_store: Callable[..., SimulatedSharedStore] = SimulatedSharedStore,
    ) -> None:
        super().__init__(seed, loop)
        self.open_store = open_store
        self.database = Database()
        self.platter = self.database.platter
        self.history.entries, self.history.moments = self.platter.entries, self.platter.moments
        self.history.trouble = self.database.trouble
        self.world = NodesWorld(
            nodes=self.chance.choice((2, 2, 3)),
            late_s=self.chance.choice((0.02, 0.5, 4.0)),
            stops=self.chance.choice((0.0, 0.5, 0.9)),
        )
        self.hosts = [_Host(f"n{number}") for number in range(1, self.world.nodes + 1)]
        self.luck = Random(seed + 1)  # noqa: S311  # a history is to be repeatable, not unguessable

    @property
    def runtime(self) -> Runtime:
        """Any node that is up, as a load balancer chooses."""
        up = [host.runtime for host in self.hosts if host.up and host.runtime is not None]
        known = up or [host.runtime for host in self.hosts if host.runtime is not None]
        return self.luck.choice(known)

    async def keep_up(self) -> None:
        await asyncio.gather(*(self._keep_up(host) for host in self.hosts))

    async def _keep_up(self, host: _Host) -> None:
        while True:
            try:
                process = await self._boot(host)
                await process.over
            except Died:
                pass
            except StoreError:  # the process ends with an error, and is started again
                if host.process is not None:
                    host.process.dead = True
            host.up = False
            if not any(other.up for other in self.hosts):
                self.up.clear()
            await self._bury_host(host)
            await asyncio.sleep(self.luck.choice((0.5, LEASE_S / 2, LEASE_S * 2)))

    async def _boot(self, host: _Host) -> Process:
        host.lives += 1
        self.history.lives += 1
        process = host.process = Process(self.chance, may_crash=self.about.crashes and host.lives < LIVES_MAX)
        process.stops_at_call = self.world.stops / 6
        store = self.open_store(
            self.database,
            process,
            self.chance,
            self.account.moment,
            writer=f"{host.name}-{host.lives}",
            slow_s=self.about.disk_s,
            late_s=self.world.late_s,
        )
        host.runtime = _NodeRuntime(
            store=store,
            vault=PlainVault(store),  # type: ignore[arg-type]  # it asks for blobs only
            signer=PlainSigner(),
            providers={"sim": SimulatedProvider()},
            policy=self.policies.on_disk,
            texts=self.policies.texts,
            executor=SimulatedExecutor(self.account, process, self.about, self.chance),
            settings=SETTINGS,
            clock=self.loop.now_ms,
        )
        await host.runtime.start(
            r.Started(at_ms=self.loop.now_ms(), version="sim", catalogue="sim", mode="sim"),
            self.policies.loading(),
        )
        host.up = True
        self.up.set()
        return process

    async def _bury_host(self, host: _Host) -> None:
        runtime = host.runtime
        mine = set(host.calls)
        if runtime is not None:
            mine |= runtime._tasks | set(runtime._loops)  # noqa: SLF001  # the process is torn down
            if runtime.nodes is not None:
                mine |= runtime.nodes._errands  # noqa: SLF001  # the process is torn down
        for task in sorted(mine - {asyncio.current_task()}, key=lambda task: task.get_name()):
            task.cancel()
        await asyncio.sleep(0)

    async def _bury(self, spared: set[asyncio.Task[Any] | None]) -> None:
        for host in self.hosts:
            await self._bury_host(host)

    async def ask(
        self, make: Callable[[Runtime], Coroutine[Any, Any, T]], *, patience_s: float | None = None
    ) -> T:
        await self.up.wait()
        host = self.luck.choice([host for host in self.hosts if host.up])
        self.calls = host.calls
        if host.runtime is None or host.process is None:
            raise history.CrashedError
        if host.process.stopped:
            await host.process.awake_or_dead()
        return await self.ask_one(host.runtime, host.calls, make, patience_s=patience_s)

    # --- misfortune --------------------------------------------------------------------------------------------------

    async def stopper(self, host: _Host) -> None:
        """The node stands still, sometimes for longer than its lease, and goes on as if nothing had been."""
        for _ in range(STOPS_MAX):
            await asyncio.sleep(self.luck.random() * 25)
            process = host.process
            if self.luck.random() >= self.world.stops or process is None or process.dead or not host.up:
                continue
            stands_s = self.luck.choice((LEASE_S / 2, LEASE_S * 1.3, LEASE_S * 4))
            process.stop(stands_s)
            await asyncio.sleep(stands_s)

    def around(self) -> list[Coroutine[Any, Any, None]]:
        return [*super().around(), *(self.stopper(host) for host in self.hosts)]

    def is_quiet(self) -> bool:
        return all(
            host.up
            and host.runtime is not None
            and all(case.phase in TERMINAL for case in host.runtime.cases(limit=10_000))
            for host in self.hosts
        )


def play_nodes(seed: int, open_store: Callable[..., SimulatedSharedStore] = SimulatedSharedStore) -> History:
    """The history of several nodes that this seed stands for."""
    return history.played(lambda loop: NodesPlay(seed, loop, open_store))
