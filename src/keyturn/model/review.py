"""A person's part: what is asked of reviewers and what they answer."""

from __future__ import annotations

from functools import lru_cache

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
    signed: bool = False  # an approval needs a receipt

    @property
    def digest(self) -> str:
        """The binding: a review names this digest or it counts for nothing."""
        return _digest(self)


class Statement(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a reviewer signs: the challenge of her passkey is SHA-256 of these canonical bytes, so no word of it can be changed afterwards."""

    case_id: str
    revision: int
    change_digest: str
    state_digest: str
    assessment_digest: str  # of the assessment as it was shown
    binding: str  # digest of the whole `ReviewRequest`: policy, quorum, requesters and deadline stand in it
    decision: str  # "approve"
    reviewer: str
    note_digest: str
    nonce: str  # from the server, good once
    expires_at_ms: int
    rp_id: str  # the console's name, as the passkey knows it (WebAuthn, 4: relying party identifier)
    origin: str  # where the page was that showed it


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """A passkey's signature under a statement, with all it takes to check it years later with nothing of ours running.

    Bytes are base64url without padding. `public_key` is a SubjectPublicKeyInfo (RFC 5280), the rest as the browser gave it
    (WebAuthn Level 3, 5.2.2: AuthenticatorAssertionResponse).
    """

    statement: Statement
    credential: str
    public_key: str
    authenticator_data: str
    client_data: str
    signature: str


class Review(msgspec.Struct, frozen=True, omit_defaults=True):
    """A reviewer's answer to exactly one `ReviewRequest` (`binding` is its digest)."""

    reviewer: str
    approve: bool
    binding: str
    at_ms: int
    note: str = ""
    via: str = "api"
    signature: str = ""
    receipt: Receipt | None = None


class Accepted(msgspec.Struct, frozen=True, omit_defaults=True):
    """The review counts; `approvals` of `quorum` are there now."""

    approvals: int
    quorum: int


class NotAccepted(msgspec.Struct, frozen=True, omit_defaults=True):
    """The review does not count, and why. `code` is stable; `message` is for the person."""

    code: str
    message: str
    help: str = ""


@lru_cache(maxsize=4_096)
def _digest(request: ReviewRequest) -> str:
    """Made once for each: every open inbox asks, for every case in it, whose turn it is."""
    return digest(request)
