"""Policies of a history: what stands on the disk is changed while the plane works, and is in force when the log says so."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING, Any, Final

from keyturn.core.ports import PolicyEngine, Provider
from keyturn.model import record as r
from keyturn.testing.simulation.knowledge import SimulatedPolicy, SimulatedProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from keyturn.runtime import Runtime
    from keyturn.runtime.settings import Settings
    from keyturn.testing.simulation.history import Play

    Deed = Callable[[Runtime], Coroutine[Any, Any, object]]

ADMINISTRATORS: Final = ("anna", "ben", "ada")
"""Who says yes to what is proposed, in this order; ben is none and tries."""


class SimulatedTexts:
    """See `keyturn.runtime.policing.PolicyTexts`. The usual policy is the strict one, relaxed."""

    def __init__(self, *, people: bool) -> None:
        self._people = people

    async def keep(self, policy: PolicyEngine) -> None:
        """Both are known to everybody."""

    def open(self, digest: str) -> SimulatedPolicy:
        made = SimulatedPolicy(people=self._people)
        made.strict = digest == "policy:strict"
        return made

    async def compare(self, before: PolicyEngine, after: PolicyEngine) -> tuple[str, ...]:
        """The proof takes a while."""
        await asyncio.sleep(0.5)
        return ("deletes are held again",) if before.digest != after.digest == "policy:usual" else ()


class Policies:
    """They have a chance of their own, so that a seed's other misfortunes stay what they were."""

    def __init__(self, play: Play, seed: int, settings: Settings, *, people: bool) -> None:
        self._play, self._settings = play, settings
        self.chance = Random(seed ^ 0xB11)  # noqa: S311  # repeatable, not unguessable
        self.there = people and self.chance.random() < 0.4
        """Whether files change in this history at all; in the others what was given first is in force, for as long as it lasts."""
        self.texts = SimulatedTexts(people=people) if self.there else None
        self.on_disk = SimulatedPolicy(people=people)
        self.on_disk.strict = self.there and self.chance.random() < 0.7

    def loading(self) -> r.PolicyLoaded | None:
        """What a start is given to load."""
        return self._loaded(self.on_disk) if self.there else None

    def _loaded(self, policy: SimulatedPolicy) -> r.PolicyLoaded:
        return r.PolicyLoaded(self._play.loop.now_ms(), policy.digest, ("sim",), enforcing=True)

    def tighten(self) -> None:
        """The policy that is in force is another one in the middle of things; only where none is loaded from a disk."""
        self.on_disk.strict = True

    def around(self) -> list[Coroutine[Any, Any, None]]:
        return [self._edits(), self._agrees()] if self.there else []

    async def _edits(self) -> None:
        """Somebody writes other files, and has them read at once, or by the next start."""
        while True:
            await asyncio.sleep(3.0 + self.chance.random() * 15)
            other = SimulatedPolicy(people=True)
            other.strict = not self.on_disk.strict
            self.on_disk = other
            if self.chance.random() < 0.8:
                await self._play.do(self._reloads(other))

    def _reloads(self, policy: SimulatedPolicy) -> Deed:
        providers: dict[str, Provider] = {"sim": SimulatedProvider()}
        return lambda plane: plane.reload(policy, self._settings, providers, self._loaded(policy))

    async def _agrees(self) -> None:
        """Administrators say yes to it, one of them twice; now and then one says no."""
        while True:
            await asyncio.sleep(1.0 + self.chance.random() * 6)
            for by in (*ADMINISTRATORS, "anna")[self.chance.randrange(3) :]:
                for one in self._play.runtime.proposals() if self._play.up.is_set() else ():
                    if one.wanted.kind == "policy":
                        await self._play.do(_decides(one.id, by, approve=self.chance.random() < 0.9))


def _decides(id_: str, by: str, *, approve: bool) -> Deed:
    return lambda plane: plane.decide_proposal(id_, by=by, approve=approve)
