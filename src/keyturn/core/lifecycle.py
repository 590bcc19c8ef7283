"""A case's life as a table: in which phase which event may come, and where it may lead. Terminal phases are rows too.

The diagram in the docs is drawn from this table (`diagram`), and a test walks it: every phase can be reached, every phase
that is not terminal can be left, and nothing leads from an execution back to where it could be sent a second time.
"""

from __future__ import annotations

from typing import Final

from keyturn.core.case import Phase as P  # noqa: N817  # the table is read by its columns
from keyturn.model import record as r
from keyturn.model import reviewing as rv

Row = dict[type, tuple[P, ...]]

# What may happen to a case that still can be stopped before anything is prepared.
_STOPPABLE: Final[Row] = {
    r.Expired: (P.EXPIRED,),
    r.Withdrawn: (P.WITHDRAWN,),
    r.Invalidated: (P.INVALIDATED,),
    r.Halted: (P.HALTED,),
}


def _staying(phase: P) -> Row:
    """Events that may come at any time and change no phase."""
    return {
        r.Attached: (phase,),
        r.Detached: (phase,),
        r.ReviewRefused: (phase,),
        rv.ReviewReleased: (phase,),
        rv.GlassReviewed: (phase,),
    }


def _open(phase: P) -> Row:
    """Where something is still to come, another node may take the case up."""
    return _staying(phase) | {r.TakenUp: (phase,)}


def _terminal(phase: P) -> Row:
    """Nothing leads out of here; a client may still ask, and another case may undo what this one did or drop its backups."""
    return _staying(phase) | {r.Undone: (phase,), r.BackupRetired: (phase,)}


LIFECYCLE: Final[dict[P, Row]] = {
    P.NEW: {r.Received: (P.RECEIVED,)},
    P.RECEIVED: {
        r.Assessed: (P.ASSESSED,),
        r.Withdrawn: (P.WITHDRAWN,),
        r.Invalidated: (P.INVALIDATED,),
        r.Halted: (P.HALTED,),
    }
    | _open(P.RECEIVED),
    P.ASSESSED: {
        r.Decided: (
            P.ALLOWED,
            P.SUGGESTED,
            P.DENIED,
            P.HELD,
            P.APPROVED,
        ),  # APPROVED: by what was carried over
        r.Invalidated: (P.INVALIDATED,),
        r.Halted: (P.HALTED,),
    }
    | _open(P.ASSESSED),
    P.HELD: {
        r.Reviewed: (P.HELD, P.APPROVED, P.REJECTED),
        r.Joined: (P.SUPERSEDED,),
        rv.Narrowed: (P.SUPERSEDED,),
        rv.ReviewClaimed: (P.HELD,),
        rv.Reminded: (P.HELD,),
        rv.Escalated: (P.HELD,),
        rv.Voided: (P.HELD,),
        rv.GlassBroken: (P.BREAK_GLASS,),
        **_STOPPABLE,
        **_open(P.HELD),
    },
    P.SUPERSEDED: {r.Assessed: (P.ASSESSED,), r.Withdrawn: (P.WITHDRAWN,), r.Halted: (P.HALTED,)}
    | _open(P.SUPERSEDED),
    P.ALLOWED: {r.Claimed: (P.CLAIMED,), **_STOPPABLE, **_open(P.ALLOWED)},
    P.APPROVED: {
        r.Reviewed: (P.APPROVED, P.REJECTED),  # a "no" counts until the claim
        r.ExecuteAsked: (P.APPROVED,),
        r.Claimed: (P.CLAIMED,),
        rv.Voided: (P.APPROVED, P.HELD),
        **_STOPPABLE,
        **_open(P.APPROVED),
    },
    P.BREAK_GLASS: {r.Claimed: (P.CLAIMED,), **_STOPPABLE, **_open(P.BREAK_GLASS)},
    P.CLAIMED: {
        r.StepIntended: (P.CLAIMED,),
        r.StepEnded: (P.CLAIMED,),
        r.BackedUp: (P.PREPARED,),
        r.PrepareFailed: (P.FAILED,),
        r.Invalidated: (P.INVALIDATED,),
        r.Halted: (P.HALTED,),
    }
    | _open(P.CLAIMED),
    P.PREPARED: {
        r.Proved: (P.PROVED,),
        r.ProofFailed: (P.FAILED,),
        r.Invalidated: (P.INVALIDATED,),
        r.Halted: (P.HALTED,),
    }
    | _open(P.PREPARED),
    P.PROVED: {
        r.Proved: (P.PROVED,),  # after a crash the proof is made again: nothing has left
        r.ProofFailed: (P.FAILED,),
        r.Sent: (P.EXECUTING,),
        r.Invalidated: (P.INVALIDATED,),
        r.Halted: (P.HALTED,),
    }
    | _open(P.PROVED),
    P.EXECUTING: {
        r.StepIntended: (P.EXECUTING,),
        r.StepEnded: (P.EXECUTING,),
        r.Answered: (
            P.PREPARED,
            P.PROVED,
            P.IN_PROGRESS,
            P.EXECUTED,
            P.FAILED,
            P.UNCERTAIN,
        ),  # PROVED: the next operation of the change; PREPARED: the next step of a plan, which is proved by itself
        r.Reconciled: (P.PREPARED, P.PROVED, P.EXECUTED, P.FAILED, P.UNCERTAIN, P.INCONCLUSIVE),
    }
    | _open(P.EXECUTING),
    P.IN_PROGRESS: {
        r.Reconciled: (
            P.IN_PROGRESS,
            P.PREPARED,
            P.PROVED,
            P.EXECUTED,
            P.FAILED,
            P.UNCERTAIN,
            P.INCONCLUSIVE,
        )
    }
    | _open(P.IN_PROGRESS),
    P.UNCERTAIN: {
        r.StepIntended: (P.UNCERTAIN,),  # an undo is taken up where it stopped
        r.StepEnded: (P.UNCERTAIN,),
        r.Reconciled: (P.PREPARED, P.PROVED, P.EXECUTED, P.FAILED, P.UNCERTAIN, P.INCONCLUSIVE),
    }
    | _open(P.UNCERTAIN),
    P.EXECUTED: {r.VerifyBegun: (P.VERIFYING,)} | _open(P.EXECUTED),
    P.VERIFYING: {r.Verified: (P.CONFIRMED, P.INCONCLUSIVE, P.RESTORING), r.VerifyBegun: (P.VERIFYING,)}
    | _open(P.VERIFYING),
    P.RESTORING: {
        r.StepIntended: (P.RESTORING,),
        r.StepEnded: (P.RESTORING,),
        r.Restored: (P.RESTORED, P.RESTORE_FAILED),
    }
    | _open(P.RESTORING),
    P.INCONCLUSIVE: {r.Settled: (P.CONFIRMED, P.FAILED), r.Undone: (P.INCONCLUSIVE,)} | _open(P.INCONCLUSIVE),
    **{
        phase: _terminal(phase)
        for phase in (
            P.SUGGESTED,
            P.DENIED,
            P.REJECTED,
            P.EXPIRED,
            P.WITHDRAWN,
            P.INVALIDATED,
            P.HALTED,
            P.FAILED,
            P.CONFIRMED,
            P.RESTORED,
            P.RESTORE_FAILED,
        )
    },
}

TERMINAL: Final = frozenset(
    phase for phase, row in LIFECYCLE.items() if all(targets == (phase,) for targets in row.values())
)

BEFORE_CALL: Final = frozenset(
    {
        *(P.RECEIVED, P.ASSESSED, P.ALLOWED, P.HELD, P.SUPERSEDED, P.APPROVED, P.BREAK_GLASS),
        *(P.CLAIMED, P.PREPARED, P.PROVED),
    }
)
"""Nothing has left the plane (but for earlier operations of the same change, see `Case.next_operation`)."""


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> received: Received"]
    for phase, row in LIFECYCLE.items():
        if phase is P.NEW:
            continue
        lines += [
            f"    {phase} --> {target}: {event.__name__}"
            for event, targets in row.items()
            for target in targets
            if target is not phase
        ]
        if phase in TERMINAL:
            lines.append(f"    {phase} --> [*]")
    return "\n".join(lines) + "\n"
