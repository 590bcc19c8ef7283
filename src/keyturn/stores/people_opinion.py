"""A second opinion on who approved: from the events of the log alone, on purpose without `keyturn.core`.

People are counted by trying: every way in which different people can take the places of the quorum is written out. Hours of
duty are not looked at again; who was in which team and for which environments, stood in for whom, and was whom, is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations, product

import msgspec

from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.people import Delegation
from keyturn.model.quorum import Either, Of, Quorum
from keyturn.model.review import Review, ReviewRequest


class Given(msgspec.Struct, frozen=True):
    """A review with what the log knew of people when it was given: her places' teams, herself and those she stood in for."""

    review: Review
    person: str
    teams: frozenset[str]
    places: frozenset[tuple[str, str]]  # of these teams, each with an environment; "" is everywhere
    lent: str = ""  # what is wrong with the places she took for others; empty when nothing is


class PeopleOpinion:
    """Teams, aliases and delegations as the log tells them."""

    def __init__(self) -> None:
        self._aliases: dict[str, str] = {}
        self._teams: dict[str, frozenset[tuple[str, str]]] = {}  # (person, environment)
        self._groups: dict[str, tuple[str, ...]] = {}  # whom the company's provider puts into which teams
        self._lent: list[Delegation] = []

    def see(self, event: r.Event) -> None:
        match event:
            case rv.AliasChanged():
                self._aliases[event.name] = event.person
            case rv.TeamChanged():
                self._teams[event.team] = frozenset(
                    (member.person, where)
                    for member in event.members
                    for where in (member.environments or ("",))
                )
            case r.IdentityMapped():
                self._groups[event.user] = event.teams
            case rv.Delegated():
                self._lent.append(event.delegation)
            case rv.DelegationEnded():
                self._lent = [one for one in self._lent if (one.person, one.to) != (event.person, event.to)]

    def person(self, name: str) -> str:
        for _ in self._aliases:
            name = self._aliases.get(name) or name
        return name

    def given(self, review: Review) -> Given:
        person = self.person(review.who)
        behalf = {self.person(one) for one in review.behalf}
        lenders = {
            self.person(one.person)
            for one in self._lent
            if self.person(one.to) == person and one.from_ms <= review.at_ms < one.until_ms
        }
        wrong = (
            f"{person} stood in for {', '.join(sorted(behalf - lenders))}, unasked"
            if behalf - lenders
            else ""
        )
        places = frozenset(self._places_of({person, *behalf}))
        return Given(review, person, frozenset(team for team, _ in places), places, wrong)

    def _places_of(self, people: set[str]) -> Iterable[tuple[str, str]]:
        for team, members in self._teams.items():
            yield from ((team, where) for one, where in members if self.person(one) in people)
        for user, teams in self._groups.items():
            if self.person(user) in people:
                for team, _, where in (one.partition(":") for one in teams):
                    yield from ((team, one) for one in where.split(","))

    def too_few(self, reviews: list[Given], request: ReviewRequest, excluded: Iterable[str]) -> str:
        """What is wrong with these approvals as the answer to `request`; empty when they are enough."""
        out = {self.person(name) for name in excluded}
        counting = {one.person: one for one in reviews if self.person(one.review.reviewer) not in out}
        counting = {person: one for person, one in counting.items() if person not in out}
        if len(counting) < request.quorum:
            return f"was sent with {len(counting)} of {request.quorum} approvals that count"
        stood_in = [self.person(one) for given in counting.values() for one in given.review.behalf]
        if out.intersection(stood_in):
            return "was sent with an approval in the place of somebody who may not review it"
        if len(set(stood_in)) < len(stood_in) or counting.keys() & set(stood_in):
            return "was sent with an approval for somebody whose place was taken twice"
        wrong = next((one.lent for one in counting.values() if one.lent), "")
        if wrong:
            return f"was sent with an approval that does not count: {wrong}"
        for tree in request.needs:
            if not any(True for _ in _ways(tree, counting, request.environment)):
                return f"was sent without the approvals of {tree}"
        return ""


def _ways(tree: Quorum, people: Mapping[str, Given], environment: str) -> Iterable[frozenset[str]]:
    """Every set of different people that meets the tree."""
    if isinstance(tree, Of):
        able = sorted(person for person, given in people.items() if _is_of(given, tree, environment))
        yield from (frozenset(some) for some in combinations(able, tree.count))
    elif isinstance(tree, Either):
        for part in tree.parts:
            yield from _ways(part, people, environment)
    else:
        for some in product(*(tuple(_ways(part, people, environment)) for part in tree.parts)):
            together = frozenset().union(*some)
            if len(together) == sum(map(len, some)):
                yield together


def _is_of(given: Given, leaf: Of, environment: str) -> bool:
    place = leaf.environment or environment
    here = {"", place, *(("production",) if place == "unknown" else ())} if place else set[str]()
    teams = {team for team, where in given.places if not here or where in here}
    known = bool(teams.intersection(leaf.teams)) if leaf.teams else not leaf.environment or bool(teams)
    return known and leaf.group in given.review.groups and not given.teams.intersection(leaf.outside)
