"""Plans of rehearsals: made on what stands, held as one case, and made live while others change what they stand on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Any, Final

from keyturn.errors import KeyturnError
from keyturn.model.assessment import RehearsedStep, Reversibility
from keyturn.model.change import Binding
from keyturn.model.rehearsal import Made, Plan, Record, States
from keyturn.testing.simulation.history import OPERATOR, THINGS, CrashedError
from keyturn.testing.simulation.knowledge import operation, request, thing

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from keyturn.testing.simulation.history import Play

AGENT: Final = "rehearser"

Step = tuple[str, str, int | None]
"""Action, thing, and the value it is set to; None: it goes."""


def rehearsed(
    stood: Mapping[str, int | None],
    steps: Sequence[Step],
    *,
    session: str,
    agent: str = AGENT,
    named: str = "step",
    bindings: tuple[Binding, ...] = (),
) -> tuple[Plan, Record]:
    """The plan that these steps are on what `stood`, as a twin would have shown it."""
    stands = {name: stood.get(name) for _, name, _ in steps}
    base: States = {str(thing(name)): _state(value) for name, value in stands.items()}
    made, operations = [], []
    for number, (action, name, value) in enumerate(steps):
        given: dict[str, Any] = {"name": name, "token": f"{named}-{number}"}
        given |= {} if value is None else {"value": value}
        one = operation(action, given)
        before, after = {str(thing(name)): _state(stands[name])}, {str(thing(name)): _state(value)}
        stands[name] = value
        shown = RehearsedStep(one.name, one.resources, one.floor, Reversibility.R2)
        made.append(Made(request(action, given), before, after, dict(given), shown, one.resources))
        operations.append(one)
    plan = Plan(
        id=session,
        agent=agent,
        operator=OPERATOR,
        steps=tuple(one.shown for one in made),
        operations=tuple(operations),
        bindings=bindings,
    )
    refs = {str(thing(name)): thing(name) for name in stands}
    return plan, Record(base=base, refs=refs, steps=tuple(made))


def _state(value: int | None) -> dict[str, Any] | None:
    return None if value is None else {"value": value}


class Rehearsals:
    """They have a chance of their own, so that a seed's other misfortunes stay what they were."""

    def __init__(self, play: Play, seed: int) -> None:
        self._play = play
        self.chance = Random(seed ^ 0x7E4)  # noqa: S311  # repeatable, not unguessable
        self.there = self.chance.random() < 0.2

    def around(self) -> list[Coroutine[Any, Any, None]]:
        return [self._plans()] if self.there else []

    async def _plans(self) -> None:
        session = await self._play.session(AGENT)
        for number in range(self.chance.choice((1, 2, 2))):
            await asyncio.sleep(self.chance.random() * 15)
            stood = dict(self._play.account.things)
            steps = self._steps(dict(stood), number)
            await asyncio.sleep(self.chance.random() * 2)  # while the command runs in its twin
            await self._hold(stood, steps, session, f"{AGENT}-{number}")

    def _steps(self, stands: dict[str, int | None], number: int) -> list[Step]:
        """Two or three, each possible on what the ones before leave; what the plan itself makes stays."""
        steps: list[Step] = []
        made: set[str] = set()
        for place in range(self.chance.choice((2, 2, 3))):
            name = self.chance.choice(THINGS)
            value: int | None = 8_000 + number * 10 + place
            if stands[name] is None:
                action = "Create"
                made.add(name)
            elif name not in made and self.chance.random() < 0.25:
                action, value = "Delete", None
            else:
                action = "Set"
            stands[name] = value
            steps.append((action, name, value))
        return steps

    async def _hold(
        self, stood: Mapping[str, int | None], steps: list[Step], session: str, named: str
    ) -> None:
        """Once: what moved meanwhile, or was halted, is another rehearsal."""
        play = self._play
        plan, record = rehearsed(stood, steps, session=session, named=named)
        for made in record.steps:
            sent = made.request.parameters["token"]
            play.history.submitted[sent] = 1
            ((_, before),) = rehearsed_before(record, sent).items()
            play.history.rehearsed[sent] = None if before is None else before["value"]
        try:
            await play.ask(lambda plane: plane.hold_rehearsed(plan, record, intent="tidy up"))
        except CrashedError:
            return
        except KeyturnError as error:
            if error.who == "us":
                play.history.trouble.append(f"a plan met a bug: {error}")


def rehearsed_before(record: Record, token: str) -> States:
    """What stood in the twin before the step that bears this token."""
    return next(made.before for made in record.steps if made.request.parameters["token"] == token)
