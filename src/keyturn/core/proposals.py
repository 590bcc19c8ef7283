"""Changes among people and of policy that wait for another administrator, folded from the log; who holds which role, and what is in force.

A value like `People`, of which it is a part. What it is asked stands in `core.proposing`, which knows who is who.
"""

from __future__ import annotations

from itertools import islice
from typing import Final, TypeVar

import msgspec

from keyturn.model import record as r
from keyturn.model import reviewing as rv

T = TypeVar("T")

COOLING_S: Final = 24 * 3600
"""Who was removed from the administrators by another one counts among them for this long: nobody makes herself the only one at once."""

DIGEST_CHARS: Final = 19
"""Of a digest where people read it: ``sha256:`` and twelve."""

DECIDED_MAX: Final = 100
"""Proposals remembered after they were decided: who comes late is told by whom."""


class Proposals(msgspec.Struct, frozen=True):
    """As of the last event."""

    waiting: dict[str, rv.Proposed] = {}  # expired ones too, until the next is proposed
    decided: dict[str, rv.ProposalDecided] = {}
    roles: dict[str, tuple[str, ...]] = {}  # of everybody, also of whom the company's provider vouches for
    lost: dict[str, int] = {}  # who was an administrator, and when another one ended that
    next_number: int = 1
    policy: r.PolicyLoaded | None = None  # what is in force; none: nothing was loaded yet

    def after(self, event: r.Event) -> Proposals:
        """Proposals after this event of the plane."""
        but = msgspec.structs.replace
        match event:
            case r.UserChanged():
                return self._held(event.user, event.roles, event.by, event.at_ms)
            case r.IdentityMapped():
                return self._held(event.user, event.roles, "", event.at_ms)
            case r.PolicyLoaded():
                return but(self, policy=event)
            case rv.Proposed():
                waiting = {id_: one for id_, one in self.waiting.items() if one.until_ms > event.at_ms}
                number = max(self.next_number, int(event.id.rpartition("-")[2]) + 1)
                return but(self, waiting={**waiting, event.id: event}, next_number=number)
            case rv.ProposalDecided():
                waiting = {id_: one for id_, one in self.waiting.items() if id_ != event.id}
                return but(self, waiting=waiting, decided=_last({**self.decided, event.id: event}))
        return self

    def _held(self, user: str, roles: tuple[str, ...], by: str, at_ms: int) -> Proposals:
        lost = {name: at for name, at in self.lost.items() if at > at_ms - COOLING_S * 1000 and name != user}
        if "administrator" in roles:
            pass
        elif by != user and "administrator" in self.roles.get(user, ()):
            lost[user] = at_ms
        elif user in self.lost:
            lost[user] = self.lost[user]
        return msgspec.structs.replace(self, roles={**self.roles, user: roles}, lost=lost)


def said(one: rv.Proposed) -> str:
    """What it changes, in a line: ``user eve: nobody -> reviewer``."""
    if one.wanted.kind == "policy":
        return (
            f"policy {', '.join(one.wanted.packs)}: {one.before[:DIGEST_CHARS]} -> {one.after[:DIGEST_CHARS]}"
        )
    return f"{one.wanted.kind} {one.wanted.name}: {one.before} -> {one.after}"


def _last(found: dict[str, T]) -> dict[str, T]:
    return dict(islice(found.items(), max(0, len(found) - DECIDED_MAX), None))
