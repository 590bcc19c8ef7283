"""Who must approve, as a small tree: so many of a group, all of several parts, or any one of them.

What a policy writes (``2 of platform and 1 of security``) is read by `core.quorum.parse`; a request to reviewers holds the tree
as it stood when the case was held.
"""

from __future__ import annotations

import msgspec

OWNERS = "owners"
"""In a policy: the teams of the people who run or own the agent. In a request their names stand instead."""

REVIEWERS = "reviewers"
"""Everybody who may review at all."""


class Of(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="quorum", tag="of"):
    """So many different people of a group: members of any of `teams` (none: every reviewer) who may review in `environment`
    (empty: where the change is), and none who is in a team of `outside`.
    """

    count: int
    teams: tuple[str, ...] = ()
    environment: str = ""
    outside: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """The group in the words a policy uses; equal groups have equal words."""
        place = f" in {self.environment}" if self.environment else ""
        apart = f" outside {'/'.join(self.outside)}" if self.outside else ""
        return f"{'/'.join(self.teams) or REVIEWERS}{place}{apart}"

    def __str__(self) -> str:
        return f"{self.count} of {self.group}"


class Every(msgspec.Struct, frozen=True, tag_field="quorum", tag="every"):
    """All parts, by different people: who counts for one counts for no other."""

    parts: tuple[Quorum, ...]

    def __str__(self) -> str:
        return " and ".join(f"({part})" if isinstance(part, Either) else str(part) for part in self.parts)


class Either(msgspec.Struct, frozen=True, tag_field="quorum", tag="either"):
    """One part of these is enough."""

    parts: tuple[Quorum, ...]

    def __str__(self) -> str:
        return " or ".join(str(part) for part in self.parts)


Quorum = Of | Every | Either
