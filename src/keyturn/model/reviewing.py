"""Events of people's part: who looks at a case, what was said late or in an emergency, who is in which team.

The rules at the top of `record` hold here too: they are for ever.
"""

from __future__ import annotations

import msgspec

from keyturn.model.change import Change
from keyturn.model.people import Delegation, Member, Wanted


class _Event(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="event"):
    at_ms: int


# --- of a case -------------------------------------------------------------------------------------------------------


class ReviewClaimed(_Event, frozen=True, tag="review_claimed"):
    """A reviewer looks at the case until then; it is no approval, and binds nobody. `word`: why she took it over from `taken_from`."""

    by: str
    until_ms: int
    word: str = ""
    taken_from: str = ""


class ReviewReleased(_Event, frozen=True, tag="review_released"):
    """She looks at it no more."""

    by: str


class Reminded(_Event, frozen=True, tag="reminded"):
    """The time to review it is nearly over; said once."""

    deadline_ms: int


class Escalated(_Event, frozen=True, tag="escalated"):
    """Nobody took it on in the time that policy gives; said once."""

    after_s: int


class Voided(_Event, frozen=True, tag="voided"):
    """An approval stands no more, because a team or a person's part in it changed; the case waits for another one."""

    reviewer: str
    why: str


class Narrowed(_Event, frozen=True, tag="narrowed"):
    """A person took operations out of a held case: `change` holds those that remain, a new revision to be assessed."""

    change: Change
    by: str
    dropped: tuple[str, ...]  # names of the operations taken out


class GlassBroken(_Event, frozen=True, tag="glass_broken"):
    """A person's own act around the review, in her own name: no approval. `told` are the people who were told at once."""

    by: str
    reason: str
    until_ms: int
    told: tuple[str, ...]
    binding: str  # the digest of the request that was shown to her


class GlassReviewed(_Event, frozen=True, tag="glass_reviewed"):
    """Another person looked at a break-glass afterwards, and says what she thinks of it."""

    by: str
    right: bool
    note: str = ""


ReviewingEvent = (
    ReviewClaimed | ReviewReleased | Reminded | Escalated | Voided | Narrowed | GlassBroken | GlassReviewed
)


# --- of the plane ----------------------------------------------------------------------------------------------------


class TeamChanged(_Event, frozen=True, tag="team_changed"):
    """The team as it is from now on; without members it is gone."""

    by: str
    team: str
    members: tuple[Member, ...]


class AliasChanged(_Event, frozen=True, tag="alias_changed"):
    """Another name of a person: a login, a token, an identity elsewhere. Without a person the name is nobody's any more."""

    by: str
    name: str
    person: str
    kind: str = ""  # login | token | identity | ...


class AgentOwned(_Event, frozen=True, tag="agent_owned"):
    """Who answers for an agent from now on; they do not review what it asks for."""

    by: str
    agent: str
    owners: tuple[str, ...]


class Delegated(_Event, frozen=True, tag="delegated"):
    """A reviewer lent her place to another person for a time."""

    by: str
    delegation: Delegation


class DelegationEnded(_Event, frozen=True, tag="delegation_ended"):
    """Before its time."""

    by: str
    person: str
    to: str


class Proposed(_Event, frozen=True, tag="proposed"):
    """A change among people, or of policy, waits for another administrator. `before` and `after` are as people read them; it takes effect
    only while things stand as `before` says. The same `id` again: she made it hers with her yes, and another one's is needed.
    """

    by: str
    id: str  # P-1, P-2, ...
    wanted: Wanted
    before: str
    after: str
    until_ms: int


class ProposalDecided(_Event, frozen=True, tag="proposal_decided"):
    """Another administrator decided; with a yes the change itself stands next in the log. `unreviewed`: nobody else did, and why."""

    by: str
    id: str
    approved: bool
    note: str = ""
    unreviewed: str = ""


class ProposalRefused(_Event, frozen=True, tag="proposal_refused"):
    """Somebody tried to decide who may not, or what was no longer as it was. It counts for nothing and is on record."""

    by: str
    id: str
    code: str
    message: str


PeopleEvent = (
    TeamChanged
    | AliasChanged
    | AgentOwned
    | Delegated
    | DelegationEnded
    | Proposed
    | ProposalDecided
    | ProposalRefused
)
