"""A case: a change and all that happened to it, folded from its events."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from keyturn.model.assessment import Assessment
from keyturn.model.change import Change
from keyturn.model.decision import Decision
from keyturn.model.execution import Backup, Grant, Outcome, ProofStep
from keyturn.model.review import Review, ReviewRequest


class Phase(StrEnum):
    """Where a case stands. What may follow is the table in `lifecycle`."""

    NEW = "new"  # before its first event
    RECEIVED = "received"
    ASSESSED = "assessed"
    ALLOWED = "allowed"
    SUGGESTED = "suggested"
    DENIED = "denied"
    HELD = "held"
    SUPERSEDED = "superseded"  # an operation joined: the new revision waits for its assessment
    APPROVED = "approved"
    BREAK_GLASS = "break_glass"  # a person acts around the review, in her own name
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    INVALIDATED = "invalidated"
    HALTED = "halted"
    CLAIMED = "claimed"
    PREPARED = "prepared"
    PROVED = "proved"
    EXECUTING = "executing"
    IN_PROGRESS = "in_progress"
    UNCERTAIN = "uncertain"
    EXECUTED = "executed"
    FAILED = "failed"
    VERIFYING = "verifying"
    CONFIRMED = "confirmed"
    INCONCLUSIVE = "inconclusive"
    RESTORING = "restoring"
    RESTORED = "restored"
    RESTORE_FAILED = "restore_failed"


class StepState(msgspec.Struct, frozen=True):
    """One mutating step of a recipe: intended, and how it ended (empty while unanswered)."""

    recipe: str
    step: int
    operation: str
    request: str = ""
    status: str = ""
    detail: str = ""
    answer_ref: str = ""
    intended_at_ms: int = 0


class Glass(msgspec.Struct, frozen=True):
    """A break-glass: whose act, why, until when, who was told; and what another person said of it afterwards."""

    by: str
    reason: str
    at_ms: int
    until_ms: int
    told: tuple[str, ...]
    reviewed_by: str = ""  # empty: it waits for somebody to look at it afterwards
    right: bool = False
    note: str = ""


class Retired(msgspec.Struct, frozen=True):
    """Backups that are no more: since when, by whom and why, and through which case."""

    at_ms: int
    by: str
    reason: str
    references: tuple[str, ...]
    by_case: str


class Before(msgspec.Struct, frozen=True):
    """The revision before, while it is not decided what of its approvals holds for this one."""

    change: Change
    assessment: Assessment
    request: ReviewRequest
    reviews: tuple[Review, ...]


class Case(msgspec.Struct, frozen=True):
    """Folded state. Everything here comes from the log; nothing is looked up."""

    id: str
    phase: Phase = Phase.NEW
    revision: int = 1
    change: Change | None = None
    assessment: Assessment | None = None
    decision: Decision | None = None
    request: ReviewRequest | None = None
    said: str = ""  # vault reference of what the agent is told
    reviews: tuple[Review, ...] = ()  # of the present revision
    waiters: tuple[str, ...] = ()
    execute_asked_by: str = ""
    nonce: str = ""  # of the claim
    steps: tuple[StepState, ...] = ()
    backups: tuple[Backup, ...] = ()
    proof: tuple[ProofStep, ...] = ()
    grant: Grant | None = None
    outcomes: tuple[Outcome, ...] = ()  # one per operation answered, in order
    next_operation: int = 0  # the one that is sent next, or is on its way
    was_held: bool = False
    reason: str = ""  # why it ended as it did, in one sentence
    undone_by: str = ""
    sent_instead: str = ""  # the case of its narrower way, for which it was withdrawn
    opened_at_ms: int = 0
    changed_at_ms: int = 0
    approved_at_ms: int | None = None
    ended_at_ms: int | None = None
    seq: int = 0  # of the last event folded
    worker: str = ""  # the node that owes what the case asks for, where several share a store
    claimed_by: str = ""  # the reviewer who looks at it, until `claimed_until_ms`
    claimed_until_ms: int = 0
    reminded_at_ms: int | None = None  # of the present request
    escalated_at_ms: int | None = None
    voided: tuple[str, ...] = ()  # approvals of the present request that stand no more, in a sentence each
    before: Before | None = None
    glass: Glass | None = None
    retired: tuple[Retired, ...] = ()

    @property
    def kept(self) -> tuple[Backup, ...]:
        """The backups that stand: those that were taken, without those that were retired."""
        gone = {reference for one in self.retired for reference in one.references}
        return tuple(backup for backup in self.backups if backup.reference not in gone)

    @property
    def outcome(self) -> Outcome | None:
        """The last operation's outcome; None before any answer."""
        return self.outcomes[-1] if self.outcomes else None

    @property
    def done(self) -> Change | None:
        """The change as far as it took effect or may have; where it broke off, the operations before. None: nothing did."""
        if self.change is None or self.phase not in {Phase.FAILED, Phase.HALTED}:
            return self.change
        operations = self.change.operations[: self.next_operation]
        return msgspec.structs.replace(self.change, operations=operations) if operations else None

    @property
    def approvals(self) -> tuple[str, ...]:
        """Reviewers who approved this revision."""
        return tuple(review.reviewer for review in self.reviews if review.approve)

    def __repr__(self) -> str:
        operations = ", ".join(operation.name for operation in self.change.operations) if self.change else "-"
        quorum = f" {len(self.approvals)}/{self.request.quorum}" if self.request else ""
        return f"<Case {self.id} r{self.revision} {self.phase}{quorum} [{operations}]>"
