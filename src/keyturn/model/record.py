"""What is written down: events, entries of the log, checkpoints. Events are for ever.

Rules for this file (ADR 0005). An event's tag never changes. Fields are never removed, renamed or reordered; a new field
stands at the end and has a default. What cannot be said that way is a new event with a new tag. `tests/record/corpus`
holds one line of every event ever written and must always decode.
"""

from __future__ import annotations

import msgspec

from keyturn.model.assessment import Assessment
from keyturn.model.canonical import canonical
from keyturn.model.change import Change
from keyturn.model.decision import Decision, Verdict
from keyturn.model.execution import Backup, Call, Grant, Outcome, ProofStep
from keyturn.model.plane_events import (
    AuthorityMade,
    BackupExported,
    DrillBegun,
    Drilled,
    DrillSwept,
    FreezeLifted,
    FreezeSet,
    HaltLifted,
    HaltRaised,
    IdentityMapped,
    PartsSent,
    PasskeyChanged,
    PolicyLoaded,
    ReadsForwarded,
    RequestRefused,
    SessionEnded,
    SessionOpened,
    Started,
    TokenChanged,
    UserChanged,
)
from keyturn.model.review import Review, ReviewRequest
from keyturn.model.reviewing import PeopleEvent, ReviewingEvent


class _Event(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="event"):
    at_ms: int


# --- a case comes in -------------------------------------------------------------------------------------------------


class Received(_Event, frozen=True, tag="received"):
    """A change came in and is a case of its own."""

    change: Change


class Joined(_Event, frozen=True, tag="joined"):
    """An operation joined a held case (the second half of a replace): `change` holds all operations; approvals are void."""

    change: Change


class Assessed(_Event, frozen=True, tag="assessed"):
    assessment: Assessment


class Decided(_Event, frozen=True, tag="decided"):
    """Policy's answer; with a HOLD the frozen request to reviewers. `said` is the vault reference of what the agent is told."""

    decision: Decision
    request: ReviewRequest | None = None
    said: str = ""
    carried: tuple[Review, ...] = ()  # approvals of the revision before that hold for this one (rule 2)


class Attached(_Event, frozen=True, tag="attached"):
    """A client waits for this case (first, or asking again)."""

    waiter: str


class Detached(_Event, frozen=True, tag="detached"):
    """The client left or was answered; an approval now waits for it to ask again."""

    waiter: str


# --- people ----------------------------------------------------------------------------------------------------------


class Reviewed(_Event, frozen=True, tag="reviewed"):
    review: Review


class ReviewRefused(_Event, frozen=True, tag="review_refused"):
    """Somebody tried to review who may not, or something that is not what was shown. It counts for nothing and is on record."""

    reviewer: str
    approve: bool
    code: str
    message: str


class ExecuteAsked(_Event, frozen=True, tag="execute_asked"):
    """A reviewer chose to execute without the agent."""

    by: str


class Withdrawn(_Event, frozen=True, tag="withdrawn"):
    by: str
    reason: str = ""
    instead: str = ""  # the case that was sent in its place, begun by the same group of the log


class Expired(_Event, frozen=True, tag="expired"):
    what: str  # "review" | "approval"


class Invalidated(_Event, frozen=True, tag="invalidated"):
    """What was approved is no longer what is there. `what`: state | policy | team | session | stricter."""

    what: str
    detail: str


class Halted(_Event, frozen=True, tag="halted"):
    """The global halt met this case before its call left."""

    by: str


# --- execution -------------------------------------------------------------------------------------------------------


class Claimed(_Event, frozen=True, tag="claimed"):
    """The single use of the approval is taken; `verdict` is policy's answer when asked again at the claim."""

    nonce: str
    verdict: Verdict


class StepIntended(_Event, frozen=True, tag="step_intended"):
    """A mutating step of a recipe is about to be performed. Parameters are masked; `request` is their vault reference."""

    recipe: str  # "backup" | "restore" | "verify" | "undo"
    step: int
    call: Call
    request: str = ""


class StepEnded(_Event, frozen=True, tag="step_ended"):
    """Its answer; `answer_ref` is the vault reference where the answer itself may hold secrets."""

    recipe: str
    step: int
    status: str  # "succeeded" | "refused" | "unavailable"
    detail: str = ""
    answer_ref: str = ""


class BackedUp(_Event, frozen=True, tag="backed_up"):
    """Backups taken and verified (none, where none was obliged)."""

    backups: tuple[Backup, ...]
    captures: str = ""


class PrepareFailed(_Event, frozen=True, tag="prepare_failed"):
    """The backup could not be taken or not be proved; nothing left the plane."""

    detail: str


class Proved(_Event, frozen=True, tag="proved"):
    """Every numbered step held; the grant is scoped."""

    steps: tuple[ProofStep, ...]
    grant: Grant | None = None


class ProofFailed(_Event, frozen=True, tag="proof_failed"):
    steps: tuple[ProofStep, ...]


class Sent(_Event, frozen=True, tag="sent"):
    """The intent: durable before the call leaves. After it an unanswered call is reconciled, never repeated blindly."""

    nonce: str
    operation: int = 0  # index into the change's operations


class Answered(_Event, frozen=True, tag="answered"):
    outcome: Outcome
    operation: int = 0


class Reconciled(_Event, frozen=True, tag="reconciled"):
    """What reading the world showed of an uncertain call."""

    outcome: Outcome
    evidence: str = ""
    operation: int = 0


class VerifyBegun(_Event, frozen=True, tag="verify_begun"):
    pass


class Verified(_Event, frozen=True, tag="verified"):
    """`result`: confirmed | inconclusive | failed."""

    result: str
    detail: str = ""


class Restored(_Event, frozen=True, tag="restored"):
    succeeded: bool
    detail: str = ""
    differences: tuple[str, ...] = ()


class Settled(_Event, frozen=True, tag="settled"):
    """A person looked at an inconclusive case and says what became of it."""

    by: str
    succeeded: bool
    note: str = ""


class Undone(_Event, frozen=True, tag="undone"):
    """Another case gave back what this one took. Empty: that undo was itself taken back, and this one's effect stands again."""

    by_case: str


class BackupRetired(_Event, frozen=True, tag="backup_retired"):
    """Backups of this case are no more, by their references: `by` a person or the plane's retention, through the case `by_case`."""

    by: str
    reason: str
    references: tuple[str, ...]
    by_case: str


class TakenUp(_Event, frozen=True, tag="taken_up"):
    """The node that worked on the case is gone; `by`, another one over the same store, goes on where the log says it stood."""

    by: str
    from_node: str = ""


CaseEvent = (
    Received
    | Joined
    | Assessed
    | Decided
    | Attached
    | Detached
    | Reviewed
    | ReviewRefused
    | ExecuteAsked
    | Withdrawn
    | Expired
    | Invalidated
    | Halted
    | Claimed
    | StepIntended
    | StepEnded
    | BackedUp
    | PrepareFailed
    | Proved
    | ProofFailed
    | Sent
    | Answered
    | Reconciled
    | VerifyBegun
    | Verified
    | Restored
    | Settled
    | Undone
    | BackupRetired
    | TakenUp
    | ReviewingEvent
)


# --- the plane -------------------------------------------------------------------------------------------------------


PlaneEvent = (
    SessionOpened
    | SessionEnded
    | HaltRaised
    | HaltLifted
    | FreezeSet
    | FreezeLifted
    | ReadsForwarded
    | PartsSent
    | RequestRefused
    | UserChanged
    | PasskeyChanged
    | TokenChanged
    | IdentityMapped
    | PolicyLoaded
    | AuthorityMade
    | DrillBegun
    | Drilled
    | DrillSwept
    | BackupExported
    | Started
    | PeopleEvent
)

Event = CaseEvent | PlaneEvent

_decoder = msgspec.json.Decoder(Event)


def encode_event(event: Event) -> bytes:
    """The event's canonical JSON; what is stored is exactly this."""
    return canonical(event)


def decode_event(data: bytes) -> Event:
    """The event that `encode_event` wrote, by any version; raises `msgspec.ValidationError` on anything else."""
    try:
        event: Event = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise msgspec.ValidationError(f"not an event: {error}") from error
    return event


class Draft(msgspec.Struct, frozen=True):
    """An event to be appended. `case_id` is empty for events of the plane."""

    case_id: str
    event: Event


class Entry(msgspec.Struct, frozen=True):
    """One line of the log. `hash` is ``sha256(prev || body)``; its 32 bytes are the leaf of the RFC 6962 tree.

    `body` is the canonical JSON of ``{"seq", "writer", "case", "event"}``; `prev` the hash of the entry before, 64 zeros at first.
    """

    seq: int
    writer: str
    case_id: str
    prev: str
    hash: str
    body: bytes

    def event(self) -> Event:
        return msgspec.json.decode(self.body, type=EntryBody).event


class EntryBody(msgspec.Struct, frozen=True):
    seq: int
    writer: str
    case: str
    event: Event


class Checkpoint(msgspec.Struct, frozen=True):
    """A signed statement of how the log stood: a C2SP signed note over origin, size and Merkle root (RFC 6962)."""

    origin: str
    size: int
    root: str
    at_ms: int
    note: str  # the whole signed note, signatures included


__all__ = [
    "Answered",
    "Assessed",
    "Attached",
    "AuthorityMade",
    "BackedUp",
    "BackupExported",
    "BackupRetired",
    "CaseEvent",
    "Checkpoint",
    "Claimed",
    "Decided",
    "Detached",
    "Draft",
    "DrillBegun",
    "DrillSwept",
    "Drilled",
    "Entry",
    "EntryBody",
    "Event",
    "ExecuteAsked",
    "Expired",
    "FreezeLifted",
    "FreezeSet",
    "HaltLifted",
    "HaltRaised",
    "Halted",
    "IdentityMapped",
    "Invalidated",
    "Joined",
    "PartsSent",
    "PasskeyChanged",
    "PlaneEvent",
    "PolicyLoaded",
    "PrepareFailed",
    "ProofFailed",
    "Proved",
    "ReadsForwarded",
    "Received",
    "Reconciled",
    "RequestRefused",
    "Restored",
    "ReviewRefused",
    "Reviewed",
    "Sent",
    "SessionEnded",
    "SessionOpened",
    "Settled",
    "Started",
    "StepEnded",
    "StepIntended",
    "TakenUp",
    "TokenChanged",
    "Undone",
    "UserChanged",
    "Verified",
    "VerifyBegun",
    "Withdrawn",
    "decode_event",
    "encode_event",
]
