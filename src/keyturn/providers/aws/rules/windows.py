"""Deletes with an undo window of the service's own: how long it lasts, and what closes it."""

from __future__ import annotations

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws.rules import Context, Fired, Said, rule


@rule(
    "SEC001",
    ["secretsmanager:DeleteSecret"],
    Kind.DATA_LOSS,
    Effect.DELETE,
    Reversibility.R2,
    "https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html",
)
def secret_deleted(context: Context) -> Fired:
    """Secrets Manager waits 7 to 30 days (30 by default) and RestoreSecret cancels it; ForceDeleteWithoutRecovery has no window."""
    if context.parameters.get("ForceDeleteWithoutRecovery") is True:
        return Said(f"{context.ref} would be deleted at once and for good.", reversibility=Reversibility.R4)
    days = context.parameters.get("RecoveryWindowInDays", 30)
    return f"{context.ref} would be unreadable at once and gone in {days} days.", {"days": days}


@rule(
    "KMS001",
    ["kms:ScheduleKeyDeletion"],
    Kind.DATA_LOSS,
    Effect.DELETE,
    Reversibility.R2,
    "https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html",
)
def key_deletion_scheduled(context: Context) -> Fired:
    """After the waiting period of 7 to 30 days (30 by default) all data encrypted under the key is unrecoverable; CancelKeyDeletion ends it, and leaves the key disabled."""
    days = context.parameters.get("PendingWindowInDays", 30)
    return f"{context.ref} is unusable at once; in {days} days all it has encrypted is lost.", {"days": days}
