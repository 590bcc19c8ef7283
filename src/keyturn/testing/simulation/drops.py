"""Backups that go: somebody drops one, while somebody else takes back what it was made for, or has just begun to."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING, Any

from keyturn.core.case import Case, Phase

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from keyturn.testing.simulation.history import Play


class Drops:
    """They have a chance of their own, so that a seed's other misfortunes stay what they were."""

    def __init__(self, play: Play, seed: int) -> None:
        self._play = play
        self.chance = Random(seed ^ 0xD09)  # noqa: S311  # repeatable, not unguessable
        self.there = self.chance.random() < 0.9

    def around(self) -> list[Coroutine[Any, Any, None]]:
        return [self._drops()] if self.there else []

    async def _drops(self) -> None:
        while not self._play.over:
            await asyncio.sleep(1.0 + self.chance.random() * 6)
            with_backups = self._shelved()
            if not with_backups:
                continue
            case = self.chance.choice(with_backups)
            first, second = self.chance.sample(("anna", "ben", "cleo"), 2)
            asked = [self._drop(case.id, first)]
            if self.chance.random() < 0.5:
                asked.append(self._take_back(case.id, second))
            self.chance.shuffle(asked)
            await asyncio.gather(*asked)

    def _shelved(self) -> list[Case]:
        """Not only what is over: the plane is to say no to the rest."""
        if not self._play.up.is_set():
            return []
        return [
            case
            for case in self._play.runtime.cases()
            if case.kept and (case.phase is Phase.CONFIRMED or self.chance.random() < 0.2)
        ]

    async def _drop(self, case_id: str, by: str) -> None:
        await self._play.do(
            lambda plane: plane.retiring.open(case_id, by=by, reason="the data has left its retention")
        )

    async def _take_back(self, case_id: str, by: str) -> None:
        await asyncio.sleep(self.chance.choice((0.0, 0.0, 0.5, 8.0)) * self.chance.random())
        await self._play.do(lambda plane: asyncio.wait_for(plane.undo(case_id, by=by), 60.0))
