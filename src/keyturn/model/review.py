"""A person's part: what is asked of reviewers and what they answer."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from keyturn.model.canonical import digest
from keyturn.model.quorum import Of, Quorum


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
    quorum: int  # so many different people at least
    deadline_ms: int
    nonce: str
    signed: bool = False  # an approval needs a receipt
    needs: tuple[Quorum, ...] = ()  # each to be met by itself; none: `quorum` of everybody who may review
    environment: str = ""  # where the change is, for reviewers who may look at some environments only
    unmet: str = (
        ""  # why too few people could approve it, as things stood when it was held; empty: enough could
    )
    escalate_at_ms: int = 0  # when it is said aloud that nobody took it on; 0: never
    remind_at_ms: int = 0  # when it is said aloud that its time is nearly over; 0: never
    break_glass: bool = False  # policy lets a person act without approval, in an emergency
    no_backup: str = (
        ""  # why the backup that policy asks for first cannot be taken; empty: nothing is known against it
    )
    keep_days: int | None = (
        None  # days the backup that policy asks for is kept at least; 0: no end; None: nothing is promised
    )

    @property
    def trees(self) -> tuple[Quorum, ...]:
        """What must be met, a plain number included."""
        return self.needs or (Of(self.quorum),)

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
    person: str = ""  # whose name `reviewer` is, where it is not her own
    groups: tuple[str, ...] = ()  # of the request's quorum, that she was of when she said so
    behalf: tuple[str, ...] = ()  # whose place she took in them
    guidance: str = ""  # what the agent should do instead, in the reviewer's words
    batch: str = ""  # the Merkle root over all that was decided with this, at one go
    carried_from: str = ""  # the binding it was given for, where it was carried over to this one

    @property
    def who(self) -> str:
        """The person behind the name."""
        return self.person or self.reviewer


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
