"""What a case asks of the runtime. A command names work, never how it is done; the case carries everything else."""

from __future__ import annotations

from enum import StrEnum


class Command(StrEnum):
    ASSESS = "assess"  # ask the provider -> Assessed
    DECIDE = "decide"  # ask policy -> Decided
    ASK_REVIEWERS = "ask_reviewers"  # tell people that the case is held
    CLAIM = "claim"  # take the single use, locks, policy again -> Claimed | Invalidated | Halted
    PREPARE = "prepare"  # capture, back up, prove the backup -> BackedUp | PrepareFailed
    PROVE = (
        "prove"  # re-read the state, scope the grant, number the proof -> Proved | ProofFailed | Invalidated
    )
    INTEND = "intend"  # write the intent down, durably -> Sent
    CALL = "call"  # one call leaves -> Answered
    RECONCILE = "reconcile"  # read the world, never repeat blindly -> Reconciled
    VERIFY = "verify"  # is the world as it should be -> VerifyBegun, Verified
    RESTORE = "restore"  # give back at once, where the decision obliged it -> Restored
