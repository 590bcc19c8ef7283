"""People as reviews need to know them: teams with their hours, who stands in for whom, and who is who under several names."""

from __future__ import annotations

from typing import Final

import msgspec

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Window(msgspec.Struct, frozen=True, omit_defaults=True):
    """Hours of the week, by the clock on the wall of `zone`: from `start` to `end` of each of `days`, both ``HH:MM``.

    An `end` that is not after `start` is the next day's; both equal is a whole day.
    """

    days: tuple[str, ...]  # mon ... sun
    start: str
    end: str
    zone: str = "UTC"  # a name of the IANA time zone database

    def __str__(self) -> str:
        return f"{' '.join(self.days)} {self.start}-{self.end} {self.zone}"


class Member(msgspec.Struct, frozen=True, omit_defaults=True):
    """One person in a team: where she may review for it (nowhere named: everywhere), and when (no window: always)."""

    person: str
    environments: tuple[str, ...] = ()
    windows: tuple[Window, ...] = ()


class Delegation(msgspec.Struct, frozen=True, omit_defaults=True):
    """`to` may review in the place of `person` for a time. What was lent is not lent on."""

    person: str
    to: str
    from_ms: int
    until_ms: int
    reason: str = ""

    def covers(self, at_ms: int) -> bool:
        return self.from_ms <= at_ms < self.until_ms


class Wanted(msgspec.Struct, frozen=True, omit_defaults=True):
    """A change among people, or of what policy lets through, as somebody wants it. `kind`: user | invite | team | alias | owners |
    delegation | policy; the last one only a start or a reload can want.

    `name` is the user, the team, the other name, the agent, whose place is lent, or the digest of the policies; `people` whose name it
    is, or the agent's owners. `relaxes`: what these policies let through that those in force do not, in lines, with an example of each.
    """

    kind: str
    name: str
    roles: tuple[str, ...] = ()
    members: tuple[Member, ...] = ()
    people: tuple[str, ...] = ()
    sort: str = ""  # of another name: login, token, identity
    delegation: Delegation | None = None
    packs: tuple[str, ...] = ()  # of policies
    relaxes: tuple[str, ...] = ()
