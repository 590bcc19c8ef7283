"""A person's part: what is asked of reviewers and what they answer."""

from __future__ import annotations

import msgspec

from keyturn.model.canonical import digest


class ReviewRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an approval binds to (docs/concepts/rules.md, 2), frozen when the case is held."""

    case_id: str
    revision: int
    change_digest: str
    state_digest: str
    assessment_digest: str
    policy_digest: str
    requesters: tuple[str, ...]  # the chain: operator, agent, session, owner
    excluded: tuple[
        str, ...
    ]  # users who may not review: operator, owner, anyone whose credential the session reaches
    quorum: int
    deadline_ms: int
    nonce: str

    @property
    def digest(self) -> str:
        """The binding: a review names this digest or it counts for nothing."""
        return digest(self)


class Review(msgspec.Struct, frozen=True, omit_defaults=True):
    """A reviewer's answer to exactly one `ReviewRequest` (`binding` is its digest)."""

    reviewer: str
    approve: bool
    binding: str
    at_ms: int
    note: str = ""
    via: str = "api"
    signature: str = ""


class Accepted(msgspec.Struct, frozen=True, omit_defaults=True):
    """The review counts; `approvals` of `quorum` are there now."""

    approvals: int
    quorum: int


class NotAccepted(msgspec.Struct, frozen=True, omit_defaults=True):
    """The review does not count, and why. `code` is stable; `message` is for the person."""

    code: str
    message: str
    help: str = ""
