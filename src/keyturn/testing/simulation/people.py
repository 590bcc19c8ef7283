"""People of a history beside its reviewers: teams that change, another name of the operator, claims, batches, break-glass."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING, Any, Final, cast

from keyturn.core import batch
from keyturn.core.case import Case, Phase
from keyturn.model.people import Member, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from keyturn.runtime import Runtime
    from keyturn.testing.simulation.history import Play

OTHER_NAME: Final = "olly"
"""Another name of the operator: a reviewer's, by which she must not decide either."""

ROLES: Final = {
    "anna": ("administrator", "reviewer"),
    "ben": ("reviewer",),
    "cleo": ("reviewer",),
    "olga": ("break-glass", "operator"),
    OTHER_NAME: ("reviewer",),
    "ada": ("administrator",),  # the last: until then anna has nobody to ask
}
CREW: Final = (("anna", "ben"), ("anna", "ben", "cleo"), ("ben", "cleo"))
GUARDS: Final = (("ben", "cleo"), ("cleo",), ("anna", "cleo"))


def _asks(deed: str, *args: Any, **given: Any) -> Callable[[Runtime], Coroutine[Any, Any, object]]:
    """The deed of a person at whatever process is there when it is done."""
    return lambda plane: cast("Coroutine[Any, Any, object]", getattr(plane, deed)(*args, **given))


class People:
    """They have a chance of their own, so that a seed's other misfortunes stay what they were."""

    def __init__(self, play: Play, seed: int) -> None:
        self._play = play
        self._narrowing = Random(seed ^ 0xA11)  # noqa: S311  # its own again: most histories stay what they were
        self.chance = Random(seed ^ 0x5EED)  # noqa: S311  # repeatable, not unguessable
        self.there = self.chance.random() < 0.4
        """Whether this history knows people at all; in the others whoever comes is taken at her word."""

    def around(self) -> list[Coroutine[Any, Any, None]]:
        narrowing = [self._narrows()] if self._narrowing.random() < 0.35 else []
        if not self.there:
            return narrowing
        return [*narrowing, self._teams(), self._looks(), self._acts(), self._batches()]

    async def _narrows(self) -> None:
        """Somebody sends a narrower way instead, just when others approve, claim or act; two of them try at once."""
        chance = self._narrowing
        while chance.random() < 0.97:
            await asyncio.sleep(1.0 + chance.random() * 6)
            ways = [case for case in self._held() if case.assessment and case.assessment.alternatives]
            if not ways or chance.random() < 0.6:
                continue
            case = chance.choice(ways)
            (way,) = case.assessment.alternatives if case.assessment else ()
            self._play.history.submitted[way.operations[0].parameters["token"]] = 1
            people = chance.sample(("anna", "ben", "cleo", "olga"), chance.choice((1, 1, 2)))
            sending = [
                self._play.do(_asks("send_narrower", case.id, by=by, shown=way.digest)) for by in people
            ]
            if chance.random() < 0.5:
                by = chance.choice(("anna", "ben", "cleo"))
                sending.append(self._approves(case, by, executes=True))
            chance.shuffle(sending)
            await asyncio.gather(*sending)

    async def _approves(self, case: Case, by: str, *, executes: bool = False) -> bool:
        binding = case.request.digest if case.request else ""
        review = _asks("review", case.id, by=by, approve=True, binding=binding, note="", via="sim")
        done = await self._play.do(review)
        if done:
            self._play.reviewed(case.id, by, approve=True)
        if done and executes:
            await self._play.do(_asks("execute", case.id, by=by))
        return done

    async def _teams(self) -> None:
        """Who is there, and who is in which team; it changes while cases are held. Anna would like to do all of it by herself."""
        first = ROLES["anna"]
        await self._until_done(_asks("record_user", by="anna", user="anna", roles=first, what="added"))
        for name, roles in ROLES.items():
            if name != "anna":
                await self._want(Wanted("user", name, roles=roles))
        await self._want(Wanted("alias", OTHER_NAME, people=("olga",), sort="login"))
        while True:
            for team, choices in (("crew", CREW), ("guards", GUARDS)):
                members = tuple(Member(name) for name in self.chance.choice(choices))
                await self._want(Wanted("team", team, members=members))
            if self.chance.random() < 0.2:
                await self._play.do(
                    _asks("propose", Wanted("user", "mallory", roles=("reviewer",)), by="anna")
                )
                await self._decide("anna", "ben")
            await asyncio.sleep(4.0 + self.chance.random() * 25)

    async def _want(self, wanted: Wanted) -> None:
        """Anna proposes it, tries to approve it, and ada does."""
        await self._until_done(_asks("propose", wanted, by="anna"))
        await self._decide("anna", "ben", "ada")

    async def _decide(self, *people: str) -> None:
        for by in people:
            for one in self._play.runtime.proposals() if self._play.up.is_set() else ():
                if one.wanted.name != "mallory" or by != "ada":
                    await self._play.do(_asks("decide_proposal", one.id, by=by, approve=True))

    async def _until_done(self, make: Any) -> None:
        while not await self._play.do(make):  # noqa: ASYNC110  # the plane may be down
            await asyncio.sleep(1.0)

    def _held(self) -> list[Case]:
        if not self._play.up.is_set():
            return []
        return [case for case in self._play.runtime.cases(open_only=True) if case.phase is Phase.HELD]

    async def _looks(self) -> None:
        """Somebody says that she looks at a case, takes another's over, or looks no more; the operator tries under her other name."""
        while True:
            await asyncio.sleep(2.0 + self.chance.random() * 8)
            for case in self._held()[:1]:
                by = self.chance.choice(("anna", "ben", "cleo"))
                word = "she is away" if self.chance.random() < 0.5 else ""
                await self._play.do(_asks("claim", case.id, by=by, word=word))
                if self.chance.random() < 0.4:
                    await self._play.do(_asks("release", case.id, by=by))
            for case in self._held():
                if self.chance.random() < 0.3:
                    await self._approves(case, OTHER_NAME)

    async def _acts(self) -> None:
        """The operator acts around the review, on whatever is held; others look at it afterwards, or she herself tries."""
        while True:
            await asyncio.sleep(3.0 + self.chance.random() * 12)
            for case in self._held():
                if self.chance.random() < 0.25:
                    binding = case.request.digest if case.request else ""
                    await self._play.do(
                        _asks("break_glass", case.id, by="olga", reason="it burns", binding=binding)
                    )
                    await self._play.do(_asks("execute", case.id, by="olga"))
            if self._play.up.is_set():
                for case in self._play.runtime.afterwards():
                    by = self.chance.choice(("anna", "ben", OTHER_NAME))
                    right = self.chance.random() < 0.7
                    await self._play.do(_asks("sign_off", case.id, by=by, right=right, note="I looked"))

    async def _batches(self) -> None:
        """Any two that are held, at one go: like ones and others, harmless ones and others."""
        while True:
            await asyncio.sleep(2.0 + self.chance.random() * 6)
            held = self._held()
            if len(held) < 2 or self.chance.random() < 0.3:
                continue
            some = batch.in_order(self.chance.sample(held, 2))
            by = self.chance.choice(("anna", "ben", "cleo"))
            done = await self._play.do(
                _asks(
                    "review_batch",
                    [case.id for case in some],
                    by=by,
                    approve=True,
                    root=batch.root(some),
                    note="",
                    via="sim",
                )
            )
            for case in some if done else ():
                self._play.reviewed(case.id, by, approve=True)
