"""Quorum trees: read from a policy's words, filled with people, said as text. Pure counting; who is of which group is `people`'s.

People are counted by a matching: every place in the tree is taken by another person, so that nobody counts twice, and whoever
can take two places takes the one that leaves fewest empty.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import product
from math import prod
from typing import Final

import msgspec

from keyturn.model.quorum import OWNERS, REVIEWERS, Either, Every, Of, Quorum

PEOPLE_MAX: Final = 9
"""More people than this do not look at one change; `policy.limits.QUORUM_MAX` says the same of plain numbers."""

ALTERNATIVES_MAX: Final = 32
"""Ways a tree can be met in: a reviewer has to see what is still missing, and counting looks at each."""

DEPTH_MAX: Final = 8

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>[0-9]{1,6})|(?P<word>[A-Za-z][A-Za-z0-9._-]{0,62})|(?P<mark>[()]))"
)
_TAKEN: Final = frozenset({"of", "and", "or", "in", "outside"})


class QuorumTextError(ValueError):
    """The words are no quorum; the message says where and what was expected."""


class Filled(msgspec.Struct, frozen=True):
    """One leaf with the people who count for it."""

    of: Of
    people: tuple[str, ...]

    @property
    def missing(self) -> int:
        return self.of.count - len(self.people)

    def __str__(self) -> str:
        here = f"{len(self.people)} of {self.of.group} ({', '.join(self.people)})" if self.people else ""
        more = f"{self.missing} more of {self.of.group}" if self.missing else ""
        return ", ".join(part for part in (here, more) if part)


class Progress(msgspec.Struct, frozen=True):
    """How far a tree is filled, on the way that lacks fewest people."""

    leaves: tuple[Filled, ...]

    @property
    def missing(self) -> int:
        return sum(leaf.missing for leaf in self.leaves)

    @property
    def reached(self) -> bool:
        """Every place is taken, and there are places at all: an empty quorum asks for nothing and is met by nothing."""
        return bool(self.leaves) and self.missing == 0

    @property
    def text(self) -> str:
        """``1 of security (alice), 1 more of platform``."""
        return ", ".join(str(leaf) for leaf in self.leaves)


# --- counting --------------------------------------------------------------------------------------------------------


def alternatives(tree: Quorum) -> tuple[tuple[Of, ...], ...]:
    """Every way to meet the tree, as leaves that all must be filled; in the order of the text."""
    match tree:
        case Of():
            return ((tree,),)
        case Either():
            return tuple(way for part in tree.parts for way in alternatives(part))
        case Every():
            ways = product(*(alternatives(part) for part in tree.parts))
            return tuple(tuple(leaf for part in way for leaf in part) for way in ways)


def leaves(tree: Quorum) -> tuple[Of, ...]:
    """Every leaf, in the order of the text."""
    return (tree,) if isinstance(tree, Of) else tuple(leaf for part in tree.parts for leaf in leaves(part))


def least(tree: Quorum) -> int:
    """The fewest people that can meet it."""
    return min((sum(leaf.count for leaf in way) for way in alternatives(tree)), default=0)


def fill(tree: Quorum, people: Mapping[str, Collection[str]]) -> Progress:
    """The tree filled with `people`, each with the groups (`Of.group`) she is of."""
    filled = [_matched(way, people) for way in alternatives(tree)]
    return min(filled, key=lambda progress: progress.missing, default=Progress(()))


def _matched(way: tuple[Of, ...], people: Mapping[str, Collection[str]]) -> Progress:
    """A largest matching of people to places, by augmenting paths (Kuhn). Places are few: `PEOPLE_MAX` bounds them."""
    places = [index for index, leaf in enumerate(way) for _ in range(leaf.count)]
    taken: dict[int, str] = {}

    def seat(person: str, tried: set[int]) -> bool:
        for place, index in enumerate(places):
            if place in tried or way[index].group not in people[person]:
                continue
            tried.add(place)
            if place not in taken or seat(taken[place], tried):
                taken[place] = person
                return True
        return False

    for person in sorted(people):
        seat(person, set())
    return Progress(
        tuple(
            Filled(
                leaf,
                tuple(
                    sorted(taken[place] for place, at in enumerate(places) if at == index and place in taken)
                ),
            )
            for index, leaf in enumerate(way)
        )
    )


def resolved(tree: Quorum, owners: tuple[str, ...]) -> Quorum:
    """The tree with the teams of the agent's own people in the place of the word that stands for them."""
    match tree:
        case Of():
            return msgspec.structs.replace(
                tree, teams=_named(tree.teams, owners), outside=_named(tree.outside, owners)
            )
        case Every():
            return Every(tuple(resolved(part, owners) for part in tree.parts))
        case Either():
            return Either(tuple(resolved(part, owners) for part in tree.parts))


def _named(teams: tuple[str, ...], owners: tuple[str, ...]) -> tuple[str, ...]:
    """Where nobody knows their teams the word stays: no team has that name, so nobody is of it."""
    if OWNERS not in teams or not owners:
        return teams
    return tuple(dict.fromkeys(name for team in teams for name in (owners if team == OWNERS else (team,))))


# --- reading ---------------------------------------------------------------------------------------------------------


def parse(text: str) -> Quorum:
    """The tree that `text` says; ``and`` binds closer than ``or``. Raises `QuorumTextError`.

    ``2``, ``2 of platform-oncall``, ``1 of security and 1 of platform in production``,
    ``2 of platform or (1 of owners and 1 of reviewers outside owners)``.
    """
    reading = _Reading(text)
    tree = reading.either(0)
    if reading.here:
        raise reading.wrong("and, or, or the end")
    if _ways(tree) > ALTERNATIVES_MAX:
        raise QuorumTextError(f"it can be met in more than {ALTERNATIVES_MAX} ways, which nobody can oversee")
    most = max(sum(leaf.count for leaf in way) for way in alternatives(tree))
    if most > PEOPLE_MAX:
        raise QuorumTextError(f"it asks for {most} people; {PEOPLE_MAX} is the most")
    return tree


def _ways(tree: Quorum) -> int:
    """How many alternatives there are, counted without writing them out."""
    match tree:
        case Of():
            return 1
        case Either():
            return sum(_ways(part) for part in tree.parts)
        case Every():
            return prod(_ways(part) for part in tree.parts)


def _tokens(text: str) -> Iterator[tuple[int, str]]:
    place = 0
    while text[place:].strip():
        found = _TOKEN.match(text, place)
        if found is None:
            begin = len(text) - len(text[place:].lstrip())
            raise QuorumTextError(
                f"at character {begin + 1}, {text[begin : begin + 12]!r} is neither number, name nor bracket"
            )
        yield found.start(str(found.lastgroup)), found[str(found.lastgroup)]
        place = found.end()


class _Reading:
    """Recursive descent over the tokens; `here` is the next one, empty at the end."""

    def __init__(self, text: str) -> None:
        self._tokens = [*_tokens(text), (len(text), "")]
        self._at = 0

    @property
    def here(self) -> str:
        return self._tokens[self._at][1]

    def take(self) -> str:
        token = self.here
        self._at += 1
        return token

    def wrong(self, expected: str) -> QuorumTextError:
        place, token = self._tokens[self._at]
        found = repr(token) if token else "the end"
        return QuorumTextError(f"at character {place + 1} stands {found}, where {expected} was expected")

    def either(self, depth: int) -> Quorum:
        parts = self._several("or", lambda: self._every(depth))
        return parts[0] if len(parts) == 1 else Either(parts)

    def _every(self, depth: int) -> Quorum:
        parts = self._several("and", lambda: self._part(depth))
        return parts[0] if len(parts) == 1 else Every(parts)

    def _several(self, word: str, read: Callable[[], Quorum]) -> tuple[Quorum, ...]:
        parts = [read()]
        while self.here == word:
            self.take()
            parts.append(read())
        return tuple(parts)

    def _part(self, depth: int) -> Quorum:
        if self.here != "(":
            return self._of()
        if depth >= DEPTH_MAX:
            raise QuorumTextError(f"brackets go more than {DEPTH_MAX} deep")
        self.take()
        inner = self.either(depth + 1)
        if self.here != ")":
            raise self.wrong(")")
        self.take()
        return inner

    def _of(self) -> Of:
        if not self.here.isdigit() or not 1 <= int(self.here) <= PEOPLE_MAX:
            raise self.wrong(f"a number of people from 1 to {PEOPLE_MAX}")
        count = int(self.take())
        if self.here != "of":
            return Of(count)
        self.take()
        group = self._name("a team, reviewers or owners")
        teams: tuple[str, ...] = () if group == REVIEWERS else (group,)
        environment = ""
        outside: list[str] = []
        while self.here in {"in", "outside"}:
            if self.take() == "in":
                if environment:
                    raise QuorumTextError("one group has one environment: it says in twice")
                environment = self._name("an environment")
            else:
                outside.append(self._name("a team or owners"))
        return Of(count, teams, environment, tuple(dict.fromkeys(outside)))

    def _name(self, expected: str) -> str:
        if not self.here or not self.here[0].isalpha() or self.here in _TAKEN:
            raise self.wrong(expected)
        return self.take()
