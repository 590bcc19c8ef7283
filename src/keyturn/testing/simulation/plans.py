"""Several deletes asked for at one go, as a plan does, and reviewers who take some of them out while others approve the whole."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING, Any, Final

from keyturn.core.case import Phase
from keyturn.errors import KeyturnError
from keyturn.model.change import Change, Principal
from keyturn.testing.simulation.history import OPERATOR, REVIEWERS, THINGS, CrashedError, Told
from keyturn.testing.simulation.knowledge import operation, request

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from keyturn.testing.simulation.history import Play

AGENT: Final = "planner"


class Plans:
    """They have a chance of their own, so that a seed's other misfortunes stay what they were."""

    def __init__(self, play: Play, seed: int) -> None:
        self._play = play
        self.chance = Random(seed ^ 0x9AC)  # noqa: S311  # repeatable, not unguessable
        self.there = self.chance.random() < 0.2

    def around(self) -> list[Coroutine[Any, Any, None]]:
        return [self._asks(), self._narrows()] if self.there else []

    async def _asks(self) -> None:
        session = await self._play.session(AGENT)
        for number in range(self.chance.choice((1, 2))):
            await asyncio.sleep(self.chance.random() * 10)
            names = self.chance.sample(THINGS, self.chance.choice((2, 2, 3)))
            if self.chance.random() < 0.2:
                names.insert(0, names[0])  # and what was taken out may be touched by what is left
            action = self.chance.choice(("Delete", "Delete", "Delete", "Set"))
            given = [
                (
                    "Delete" if place else action,
                    {"name": name, "token": f"{AGENT}-{number}-{place}", "value": 7_000 + number},
                )
                for place, name in enumerate(names)
            ]
            await self._try(session, given)

    async def _try(self, session: str, given: list[tuple[str, dict[str, Any]]]) -> None:
        """Once: where a part of it was taken out, all of it again would be another plan."""
        play = self._play
        change = Change(
            principal=Principal(agent=AGENT, session=session, operator=OPERATOR),
            surface="sim",
            operations=tuple(operation(action, parameters) for action, parameters in given),
            received_at_ms=play.loop.now_ms(),
        )
        requests = tuple(request(action, parameters) for action, parameters in given)
        for _, parameters in given:
            play.history.submitted[parameters["token"]] = 1
        try:
            reply = await play.ask(lambda plane: plane.submit(change, requests))
        except CrashedError:
            return
        except KeyturnError as error:
            play.history.trouble.append(f"submit raised {error}")
            return
        token = given[-1][1]["token"]
        play.history.told.append(Told(token, reply, play.account.moment[0], len(play.platter.entries)))

    async def _narrows(self) -> None:
        """Somebody approves all of it, and then takes something out; what remains may be what she has approved already."""
        while True:
            await asyncio.sleep(0.5 + self.chance.random() * 4)
            for case in self._play.runtime.cases(open_only=True) if self._play.up.is_set() else ():
                count = len(case.change.operations) if case.change else 0
                if case.phase is not Phase.HELD or count < 2 or self.chance.random() < 0.5:
                    continue
                by, binding = self.chance.choice(REVIEWERS), case.request.digest if case.request else ""
                if self.chance.random() < 0.6:
                    done = await self._play.do(
                        lambda plane, case=case, by=by, binding=binding: plane.review(  # type: ignore[misc]  # mypy cannot infer a lambda's default
                            case.id, by=by, approve=True, binding=binding, note="seen", via="sim"
                        )
                    )
                    if done:
                        self._play.reviewed(case.id, by, approve=True)
                drop = (self.chance.randrange(count),)
                await self._play.do(
                    lambda plane, case=case, by=by, drop=drop: plane.take_out(case.id, by=by, drop=drop)  # type: ignore[misc]  # mypy cannot infer a lambda's default
                )
