"""Whose turn a held case is, for hundreds of people over thousands of cases.

Most people are judged alike by most cases: who is neither named in a case nor in another place than her neighbour gets her neighbour's
answer. What is remembered holds for a case as it stands, for people as they are, and for who is on duty now.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Hashable
from typing import Final

import msgspec

from keyturn.console.identity import User
from keyturn.core.case import Case, Phase
from keyturn.core.people import People
from keyturn.core.review import named
from keyturn.runtime.interface import Desk

CASES_MAX: Final = 20_000
"""Cases whose answers are remembered, some 500 bytes each; all are forgotten together, and asked again."""

DUTY_S: Final = 10.0
"""Windows open and close by the minute, and delegations begin and end: that a case is hers, somebody sees so much later at most."""


class Place(msgspec.Struct, frozen=True):
    """What a review asks of one person, at one time."""

    names: frozenset[str]  # hers: what names her is judged by itself
    kind: int  # the same for all who are judged alike; another one when her duty begins
    until_s: float


class _Asked:
    """Of one case as it stood: whom it names, and what came out for whom."""

    __slots__ = ("found", "names", "seq")

    def __init__(self, seq: int, names: frozenset[str]) -> None:
        self.seq, self.names = seq, names
        self.found: dict[int | str, bool] = {}


class Turns:
    """`clock` counts seconds; where it stands at the start does not matter."""

    def __init__(self, desk: Desk, clock: Callable[[], float] = time.monotonic) -> None:
        self._desk, self._clock = desk, clock
        self._people: People | None = None
        self._by_the_clock = False
        self._cases: dict[str, _Asked] = {}
        self._places: dict[str, Place] = {}
        self._kinds: dict[Hashable, int] = {}
        self._numbers = (
            itertools.count()
        )  # never given twice: what somebody holds of before is of no kind now
        self._sets: dict[frozenset[str], frozenset[str]] = {}  # cases of one agent name the same people

    def forget(self) -> None:
        """People are others than they were."""
        for kept in (self._cases, self._places, self._kinds, self._sets):
            kept.clear()

    def place(self, user: User) -> Place:
        """Where this person stands now."""
        people = self._desk.people
        if people is not self._people:
            self.forget()
            self._people, self._by_the_clock = people, people.by_the_clock
        kept = self._places.get(user.name)
        if kept is None or (self._by_the_clock and self._clock() >= kept.until_s):
            asked = people.place(user.name, time.time_ns() // 1_000_000)
            kind = self._kinds.setdefault(asked, next(self._numbers))
            names = frozenset({user.name, people.person(user.name)})
            kept = self._places[user.name] = Place(names, kind, self._clock() + DUTY_S)
        return kept

    def is_hers(self, case: Case, user: User) -> bool:
        """Whether the case is held and waits for this person among others."""
        if case.phase is not Phase.HELD or "reviewer" not in user.roles:
            return False
        place, asked = self.place(user), self._asked(case)
        key = place.kind if asked.names.isdisjoint(place.names) else user.name
        found = asked.found.get(key)
        if found is None:
            found = asked.found[key] = not self._desk.may_review(case, user.name)
        return found

    def names(self, case: Case, names: frozenset[str]) -> bool:
        """Whether a held case names any of these, so that it is judged by who they are."""
        return case.phase is Phase.HELD and not self._asked(case).names.isdisjoint(names)

    def _asked(self, case: Case) -> _Asked:
        asked = self._cases.get(case.id)
        if asked is None or asked.seq != case.seq:
            if len(self._cases) >= CASES_MAX:
                self._cases.clear()
            names = named(case, self._desk.people)
            asked = self._cases[case.id] = _Asked(case.seq, self._sets.setdefault(names, names))
        return asked
