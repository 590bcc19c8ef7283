"""People, folded from the log: who is in which team and when on duty, who stands in for whom, who is who under several names.

`People` answers what a review asks of them. It is a value: `after` gives the next one. Times come in as data.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from keyturn.core.proposals import Proposals
from keyturn.errors import OperatorError
from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.people import DAYS, Delegation, Member, Window
from keyturn.model.quorum import OWNERS, REVIEWERS, Of
from keyturn.model.review import Review

DELEGATION_S_MAX: Final = 31 * 24 * 3600
"""Standing in for somebody is for a leave; longer than a month it is a change of the team."""

MEMBERS_MAX: Final = 200
WINDOWS_MAX: Final = 20
"""A team that takes turns has a window or two a person and day."""

_NAME: Final = re.compile(r"[a-z][a-z0-9._-]{0,62}")
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_RESERVED: Final = frozenset({OWNERS, REVIEWERS, "of", "and", "or", "in", "outside"})


class Entitled(msgspec.Struct, frozen=True):
    """What a person may review as: groups of the request's quorum, and whose place she takes in them."""

    person: str
    groups: tuple[str, ...] = ()
    behalf: tuple[str, ...] = ()


class People(msgspec.Struct, frozen=True):
    """Everything is by a person's own name; what came in under another one of hers is looked up first (`person`)."""

    roles: dict[str, tuple[str, ...]] = {}  # of everybody ever on record; none left: removed
    teams: dict[str, tuple[Member, ...]] = {}
    aliases: dict[str, str] = {}  # another name, a token's or an identity's -> whose it is
    owners: dict[str, tuple[str, ...]] = {}  # agent -> who answers for it
    delegations: tuple[Delegation, ...] = ()
    proposals: Proposals = Proposals()
    mapped: dict[
        str, tuple[str, ...]
    ] = {}  # whom the company's provider vouches for -> teams its groups give

    # --- folding -----------------------------------------------------------------------------------------------------

    def after(self, event: r.Event) -> People:
        """People after this event of the plane."""
        proposals = self.proposals.after(event)
        folded = self._after(event)
        return folded if proposals is self.proposals else msgspec.structs.replace(folded, proposals=proposals)

    def _after(self, event: r.Event) -> People:
        but = msgspec.structs.replace
        match event:
            case r.UserChanged():
                return but(self, roles={**self.roles, event.user: event.roles})
            case r.IdentityMapped():
                mapped = {**self.mapped, event.user: event.teams}
                return but(self, roles={**self.roles, event.user: event.roles}, mapped=mapped)
            case rv.TeamChanged():
                teams = {name: members for name, members in self.teams.items() if name != event.team}
                return but(self, teams=teams | ({event.team: event.members} if event.members else {}))
            case rv.AliasChanged():
                aliases = {name: person for name, person in self.aliases.items() if name != event.name}
                return but(self, aliases=aliases | ({event.name: event.person} if event.person else {}))
            case rv.AgentOwned():
                return but(self, owners={**self.owners, event.agent: event.owners})
            case rv.Delegated():
                running = tuple(one for one in self.delegations if one.until_ms > event.at_ms)
                return but(self, delegations=(*running, event.delegation))
            case rv.DelegationEnded():
                kept = tuple(
                    one for one in self.delegations if (one.person, one.to) != (event.person, event.to)
                )
                return but(self, delegations=kept)
        return self

    def members(self, team: str) -> tuple[Member, ...]:
        """As it was put together here, and whom the provider's groups put there."""
        of_groups = (
            member
            for person, teams in self.mapped.items()
            for name, member in (_mapped(person, one) for one in teams)
            if name == team
        )
        return (*self.teams.get(team, ()), *of_groups)

    def all_teams(self) -> tuple[str, ...]:
        """Every team that has a member, by whomever."""
        of_groups = {one.partition(":")[0] for teams in self.mapped.values() for one in teams}
        return tuple(sorted({*self.teams, *of_groups}))

    # --- who is who --------------------------------------------------------------------------------------------------

    def person(self, name: str) -> str:
        """Whose name this is; a name that nobody is known by is a person's own. Aliases of aliases lead to the person."""
        seen = {name}
        while (whose := self.aliases.get(name)) is not None and whose not in seen:
            seen.add(whose)
            name = whose
        return name

    def names(self, person: str) -> tuple[str, ...]:
        """Every name of this person, her own first."""
        own = self.person(person)
        return (own, *sorted(name for name in self.aliases if name != own and self.person(name) == own))

    def is_one_of(self, name: str, others: Iterable[str]) -> bool:
        """Whether any of `others` is this person, under whatever name."""
        return self.person(name) in {self.person(other) for other in others}

    def excluded(self, names: Iterable[str]) -> tuple[str, ...]:
        """Everybody behind these names, with every name she has: whom the requests to reviewers leave out."""
        return tuple(sorted({name for one in names if one for name in self.names(one)}))

    def teams_of(self, names: Iterable[str]) -> tuple[str, ...]:
        """The teams that any of these people are in."""
        people = {self.person(name) for name in names}
        return tuple(
            sorted(
                team
                for team in self.all_teams()
                if any(self.person(member.person) in people for member in self.members(team))
            )
        )

    def removed(self, person: str) -> bool:
        """Somebody who was on record and may review no more. Who never was on record is vouched for by whoever let her in."""
        roles = self.roles.get(self.person(person))
        return roles is not None and "reviewer" not in roles

    # --- who may take which place ------------------------------------------------------------------------------------

    def entitled(
        self, name: str, leaves: Iterable[Of], environment: str, at_ms: int, *, spent: Collection[str] = ()
    ) -> Entitled:
        """The groups among `leaves` that this person is of now, herself or in the place of somebody who lent her his.

        `spent` are people whose place has been taken in this case already: it is not taken twice.
        """
        person = self.person(name)
        if self.removed(person):
            return Entitled(person)
        lenders = tuple(lender for lender in self.lenders(person, at_ms) if lender not in spent)
        groups: list[str] = []
        behalf: list[str] = []
        for leaf in dict.fromkeys(leaves):
            if any(self._in(person, team, "", None) for team in leaf.outside):
                continue
            if self._of(person, leaf, environment, at_ms):
                groups.append(leaf.group)
                continue
            for lender in lenders:
                if self._lends(lender, leaf, environment, at_ms):
                    groups.append(leaf.group)
                    behalf.append(lender)
                    break
        return Entitled(person, tuple(dict.fromkeys(groups)), tuple(dict.fromkeys(behalf)))

    def lenders(self, person: str, at_ms: int) -> tuple[str, ...]:
        """Who has lent this person his place now. What she was lent she does not lend on: only one step is looked at."""
        return tuple(
            sorted(
                {
                    self.person(one.person)
                    for one in self.delegations
                    if self.person(one.to) == person
                    and one.covers(at_ms)
                    and self.person(one.person) != person
                }
            )
        )

    def _lends(self, lender: str, leaf: Of, environment: str, at_ms: int) -> bool:
        """A place in a team can be lent; to be a reviewer at all cannot."""
        if not leaf.teams or self.removed(lender):
            return False
        outside = any(self._in(lender, team, "", None) for team in leaf.outside)
        return not outside and self._of(lender, leaf, environment, at_ms)

    def _of(self, person: str, leaf: Of, environment: str, at_ms: int | None) -> bool:
        place = leaf.environment or environment
        if leaf.teams:
            return any(self._in(person, team, place, at_ms) for team in leaf.teams)
        if not leaf.environment:
            return True
        return any(self._in(person, team, place, at_ms) for team in self.all_teams())

    def _in(self, person: str, team: str, environment: str, at_ms: int | None) -> bool:
        """In the team, for this environment (empty: any), on duty at this time (None: whenever)."""
        return any(
            self.person(member.person) == person
            and (not environment or not member.environments or _covers(member.environments, environment))
            and (at_ms is None or not member.windows or any(on_duty(one, at_ms) for one in member.windows))
            for member in self.members(team)
        )

    def place(self, name: str, at_ms: int) -> tuple[object, ...]:
        """All that a review asks of this person beyond her name: two for whom it is equal are judged alike by every case that names
        neither (`core.review.named`).
        """
        person = self.person(name)
        lent = tuple(
            (lender, self.removed(lender), self._memberships(lender, at_ms))
            for lender in self.lenders(person, at_ms)
        )
        return (self.removed(person), self._memberships(person, at_ms), lent)

    def _memberships(self, person: str, at_ms: int) -> tuple[tuple[str, tuple[str, ...], bool], ...]:
        """Team, where, and whether she is on duty."""
        return tuple(
            (team, one.environments, not one.windows or any(on_duty(window, at_ms) for window in one.windows))
            for team in self.all_teams()
            for one in self.members(team)
            if self.person(one.person) == person
        )

    @property
    def by_the_clock(self) -> bool:
        """Whether anybody's place depends on the time."""
        return bool(self.delegations) or any(
            one.windows for members in self.teams.values() for one in members
        )

    def eligible(
        self,
        leaves: tuple[Of, ...],
        environment: str,
        excluded: Collection[str],
        *,
        at_ms: int,
        until_ms: int,
    ) -> dict[str, tuple[str, ...]] | None:
        """Who could take which places between these times, by what is known now; None where nobody is known at all.

        A place that is lent counts once, with the one whose it is.
        """
        if not self.roles:
            return None
        out = {self.person(name) for name in excluded}
        found = {}
        for person, roles in self.roles.items():
            if "reviewer" not in roles or self.person(person) != person or person in out:
                continue
            groups = tuple(
                dict.fromkeys(
                    leaf.group
                    for leaf in leaves
                    if not any(self._in(person, team, "", None) for team in leaf.outside)
                    and any(
                        self._of(person, leaf, environment, at)
                        for at in self._moments(person, at_ms, until_ms)
                    )
                )
            )
            if groups:
                found[person] = groups
        return found

    def _moments(self, person: str, at_ms: int, until_ms: int) -> Iterator[int]:
        """The times between which nothing about her duty changes: now, and whenever a window of hers opens."""
        yield at_ms
        for members in self.teams.values():
            for member in members:
                if self.person(member.person) == person:
                    for window in member.windows:
                        yield from openings(window, at_ms, until_ms)

    # --- whether a review still stands -------------------------------------------------------------------------------

    def fallen(
        self, review: Review, leaves: Iterable[Of], environment: str, excluded: Collection[str]
    ) -> str:
        """Why an approval that was given stands no more, by what is known now; empty when it does.

        Hours do not matter here: who was on duty when she approved need not stay up.
        """
        person = self.person(review.person or review.reviewer)
        if self.removed(person):
            return f"{person} may review no more"
        if any(self.is_one_of(one, excluded) for one in (person, *review.behalf)):
            return f"{person} is known now as one who may not review this"
        stands_for = (person, *(self.person(one) for one in review.behalf))
        for leaf in leaves:
            if leaf.group not in review.groups:
                continue
            if any(self._in(person, team, "", None) for team in leaf.outside):
                return f"{person} is now in {'/'.join(leaf.outside)}"
            if not any(
                self._of(one, leaf, environment, None) and not self.removed(one) for one in stands_for
            ):
                return f"{' and '.join(stands_for)} {'is' if len(stands_for) == 1 else 'are'} no longer of {leaf.group}"
        return ""


def _mapped(person: str, said: str) -> tuple[str, Member]:
    """``payments``, or ``payments:staging,production``: the team, and her place in it."""
    team, _, where = said.partition(":")
    return team, Member(person, tuple(where.split(",")) if where else ())


# --- hours -----------------------------------------------------------------------------------------------------------


def on_duty(window: Window, at_ms: int) -> bool:
    """Whether the window is open. A zone that is not known here opens nothing."""
    return any(begin <= at_ms < end for begin, end in _spans(window, at_ms - 2 * _DAY_MS, at_ms))


def openings(window: Window, from_ms: int, until_ms: int) -> Iterator[int]:
    """When it opens between these times; as many as fit, a week at most, after which they come again."""
    last = min(until_ms, from_ms + 8 * _DAY_MS)
    return (begin for begin, _ in _spans(window, from_ms, last) if from_ms <= begin < until_ms)


_DAY_MS: Final = 24 * 3600 * 1000


def _spans(window: Window, from_ms: int, until_ms: int) -> Iterator[tuple[int, int]]:
    """(open, closed) of each day that begins between these times, give or take one. By the wall clock of the zone, so that a day on
    which clocks are changed has its hours as people there read them.
    """
    try:
        zone = ZoneInfo(window.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return
    day = datetime.fromtimestamp(from_ms / 1000, tz=UTC).astimezone(zone).date() - timedelta(days=1)
    last = datetime.fromtimestamp(until_ms / 1000, tz=UTC).astimezone(zone).date()
    start, end = time.fromisoformat(window.start), time.fromisoformat(window.end)
    while day <= last:
        if DAYS[day.weekday()] in window.days:
            closes = day + timedelta(days=0 if end > start else 1)
            yield (
                _ms(datetime.combine(day, start, tzinfo=zone)),
                _ms(datetime.combine(closes, end, tzinfo=zone)),
            )
        day += timedelta(days=1)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _covers(environments: tuple[str, ...], environment: str) -> bool:
    """What is unknown counts as production, here as everywhere."""
    return environment in environments or (environment == "unknown" and "production" in environments)


# --- what may be written down ----------------------------------------------------------------------------------------


def checked_mapping(text: str) -> tuple[str, ...]:
    """``payments security:production`` as teams, each with where. Raises `OperatorError`."""
    teams = tuple(dict.fromkeys(text.split()))
    for one in teams:
        name, colon, where = one.partition(":")
        if not _NAME.fullmatch(name) or name in _RESERVED or (colon and not all(where.split(","))):
            raise OperatorError(
                "team-name",
                f"{one!r} is no team",
                help="write payments, or payments:staging,production; several with a space between",
            )
    return teams


def check_team(people: People, team: str, members: tuple[Member, ...]) -> None:
    """Raises `OperatorError` for a team that could not work."""
    if not _NAME.fullmatch(team) or team in _RESERVED:
        raise OperatorError(
            "team-name",
            f"{team!r} is no name for a team",
            help="small letters, digits, dot, dash, underscore",
        )
    if len(members) > MEMBERS_MAX:
        raise OperatorError("team-size", f"{team} has {len(members)} members; {MEMBERS_MAX} is the most")
    for member in members:
        _known(people, member.person)
        if len(member.windows) > WINDOWS_MAX:
            raise OperatorError(
                "team-window", f"{member.person} has more than {WINDOWS_MAX} windows in {team}"
            )
        for window in member.windows:
            check_window(window)


def check_window(window: Window) -> None:
    """Raises `OperatorError` where the window says no hours."""
    unknown = [day for day in window.days if day not in DAYS]
    if unknown or not window.days:
        raise OperatorError("team-window", f"{', '.join(unknown) or 'no day'} is no day", help=" ".join(DAYS))
    for clock in (window.start, window.end):
        if not _CLOCK.fullmatch(clock):
            raise OperatorError("team-window", f"{clock!r} is no time of day", help="HH:MM, 00:00 to 23:59")
    try:
        ZoneInfo(window.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise OperatorError(
            "team-window", f"{window.zone!r} is no time zone known here", help="such as Europe/Berlin, or UTC"
        ) from None


def check_alias(people: People, name: str, person: str) -> None:
    """Raises `OperatorError`: nobody is her own alias, nor two each other's."""
    _known(people, person)
    if not name or len(name) > 200 or people.person(person) == name:
        raise OperatorError("alias", f"{name!r} cannot stand for {person}")


def check_delegation(people: People, one: Delegation, at_ms: int) -> None:
    """Raises `OperatorError`. A place is lent once at a time, to somebody who is there herself, and is not lent on."""
    person, to = people.person(one.person), people.person(one.to)
    _known(people, to)
    if person == to:
        raise OperatorError("delegation", f"{person} cannot stand in for herself")
    if people.removed(to):
        raise OperatorError("delegation", f"{to} is no reviewer and cannot stand in for one")
    if not one.from_ms < one.until_ms or one.until_ms <= at_ms:
        raise OperatorError("delegation", "a delegation ends after it begins, and later than now")
    if one.until_ms - one.from_ms > DELEGATION_S_MAX * 1000:
        raise OperatorError(
            "delegation",
            f"it lasts longer than {DELEGATION_S_MAX // 86_400} days",
            help="change the team instead",
        )
    if not people.teams_of((person,)):
        raise OperatorError("delegation", f"{person} is in no team: there is no place to lend")
    for other in people.delegations:
        if not (other.from_ms < one.until_ms and one.from_ms < other.until_ms):
            continue
        if people.person(other.person) == person:
            raise OperatorError("delegation", f"{other.to} stands in for {person} in that time already")
        if people.person(other.person) == to:
            raise OperatorError("delegation", f"{to} is away herself: {other.to} stands in for her")


def _known(people: People, name: str) -> None:
    if not people.roles.get(people.person(name)):
        raise OperatorError("no-user", f"there is no user {name}", help="keyturn user list")
