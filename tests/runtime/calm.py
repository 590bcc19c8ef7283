"""A plane over the simulated account on a calm day: virtual time, nothing lost, nobody else about. Tests talk to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import msgspec

from keyturn.core.case import Case
from keyturn.model import record as r
from keyturn.model.change import Change, Principal
from keyturn.runtime import Runtime
from keyturn.runtime.interface import Reply, SessionKey
from keyturn.runtime.settings import Settings
from keyturn.testing.simulation.account import Account, SimulatedExecutor, World
from keyturn.testing.simulation.clock import VirtualLoop, virtual_time
from keyturn.testing.simulation.crashes import Process
from keyturn.testing.simulation.disk import PlainSigner, PlainVault, Platter, SimulatedStore
from keyturn.testing.simulation.knowledge import SimulatedPolicy, SimulatedProvider, operation, request

CALM = World(
    conditional=False,
    slow_s=0.02,
    disk_s=0.01,
    drift=0,
    lost=0,
    silent=0,
    crashes=False,
    halts=0,
    tightens=0,
    leaves=0,
)
SETTINGS = Settings(
    public_url="https://keyturn.test", hold_wait_s=5, review_deadline_s=60, approval_window_s=30
)


class Calm:
    """The plane, its account, and an agent's session. `p1` and `p2` are production, `t1` and `t2` are not."""

    def __init__(self, loop: VirtualLoop, settings: Settings, about: World) -> None:
        self.loop, self.settings, self.about = loop, settings, about
        self.account = Account(("p1", "p2", "t1", "t2"), loop.now_ms)
        self.platter = Platter()
        self.policy = SimulatedPolicy()
        self.provider = SimulatedProvider()
        self.tokens = 0

    async def boot(self) -> Runtime:
        """Start a process over the same disk."""
        process = Process(Random(1), may_crash=False)
        self.store = SimulatedStore(self.platter, process, Random(2), self.account.moment, self.about.disk_s)
        self.executor = SimulatedExecutor(self.account, process, self.about, Random(3))
        self.plane = Runtime(
            store=self.store,
            vault=PlainVault(self.store),
            signer=PlainSigner(),
            providers={"sim": self.provider},
            policy=self.policy,
            executor=self.executor,
            settings=self.settings,
            clock=self.loop.now_ms,
        )
        started = r.Started(at_ms=self.loop.now_ms(), version="1", catalogue="sim", mode="advisory")
        await self.plane.start(started)
        return self.plane

    async def begin(self, **session: Any) -> SessionKey:
        await self.boot()
        self.key = await self.plane.open_session(operator="olga", agent="kiro", ttl_s=3600, **session)
        return self.key

    def change(self, action: str, name: str, **parameters: Any) -> tuple[Change, Any]:
        self.tokens += 1
        given = {"name": name, "token": f"token-{self.tokens}", **parameters}
        change = Change(
            principal=Principal(agent="kiro", session=self.key.session, operator="olga"),
            surface="sim",
            operations=(operation(action, given),),
            received_at_ms=self.loop.now_ms(),
        )
        return change, request(action, given)

    async def ask(self, asked: tuple[Change, Any]) -> Reply:
        return await self.plane.submit(asked[0], (asked[1],))

    def asking(self, asked: tuple[Change, Any]) -> asyncio.Task[Reply]:
        """A client that waits meanwhile."""
        return asyncio.ensure_future(self.ask(asked))

    async def settle_down(self, seconds: float = 1.0) -> None:
        await asyncio.sleep(seconds)

    def case(self, case_id: str = "C-1") -> Case:
        case = self.plane.case(case_id)
        assert case is not None
        return case

    async def review(
        self, who: str, case_id: str = "C-1", *, approve: bool = True, note: str = "seen"
    ) -> Case:
        shown = self.case(case_id)
        binding = shown.request.digest if shown.request else ""
        return await self.plane.review(
            case_id, by=who, approve=approve, binding=binding, note=note, via="test"
        )

    def story(self, case_id: str = "C-1") -> list[str]:
        return [type(entry.event()).__name__ for entry in self.plane.story(case_id)]

    def happened(self, what: str) -> list[tuple[str, str]]:
        return [(one.case, one.thing) for one in self.account.journal if one.what == what]


def talk(
    story: Callable[[Calm], Awaitable[None]],
    *,
    settings: Settings = SETTINGS,
    session: dict[str, Any] | None = None,
    **about: Any,
) -> Calm:
    """Run a conversation in virtual time; minutes of waiting cost nothing."""
    with virtual_time() as loop:
        world = Calm(loop, settings, msgspec.structs.replace(CALM, **about))

        async def whole() -> None:
            await world.begin(**(session or {}))
            await story(world)
            await world.plane.close()

        loop.run_until_complete(whole())
    return world
