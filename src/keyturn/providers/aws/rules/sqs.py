"""SQS: messages are data that nothing gives back."""

from __future__ import annotations

import json
from typing import Any, Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws.rules import Context, Fired, rule

R1, R4 = Reversibility.R1, Reversibility.R4
SQS: Final = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/"
RETENTION_S_MAX: Final = 1_209_600
"""The longest that a queue keeps a message (SetQueueAttributes): nothing that stands is longer."""


@rule("SQS001", ["sqs:PurgeQueue"], Kind.DATA_LOSS, Effect.DELETE, R4, SQS + "API_PurgeQueue.html")
def purge(context: Context) -> Fired:
    """Purged messages cannot be retrieved."""
    count = (context.state or {}).get("messages")
    return (
        f"{'All' if count is None else f'{count:,}'} messages of {context.ref.id} would be deleted for good.",
        {"messages": count},
    )


@rule("SQS002", ["sqs:DeleteQueue"], Kind.DATA_LOSS, Effect.DELETE, R4, SQS + "API_DeleteQueue.html")
def delete_queue(context: Context) -> Fired:
    """A queue is deleted with whatever it holds; its name is free again only after a minute."""
    count = (context.state or {}).get("messages")
    return (
        f"The queue {context.ref.id} would be deleted with {'its' if count is None else f'{count:,}'} messages.",
        {"messages": count},
    )


@rule(
    "SQS003",
    ["sqs:SetQueueAttributes"],
    Kind.DATA_LOSS,
    Effect.DELETE,
    R4,
    SQS + "API_SetQueueAttributes.html",
)
def retention_shortened(context: Context) -> Fired:
    """Messages older than the new retention period are deleted."""
    wanted = (context.parameters.get("Attributes") or {}).get("MessageRetentionPeriod")
    standing = ((context.state or {}).get("attributes") or {}).get("MessageRetentionPeriod")
    if wanted is None or int(wanted) >= (RETENTION_S_MAX if standing is None else int(standing)):
        return None
    return f"Messages of {context.ref.id} older than {wanted} s would be deleted.", {
        "from": standing,
        "to": wanted,
    }


@rule(
    "SQS005",
    ["sqs:SetQueueAttributes"],
    Kind.PROTECTION_STRIP,
    Effect.UPDATE,
    R1,
    "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html",
)
def dead_letters(context: Context) -> Fired:
    """A dead-letter queue keeps messages that were not processed; without it they are lost when they expire."""
    given = context.parameters.get("Attributes") or {}
    if "RedrivePolicy" not in given:
        return None
    standing = ((context.state or {}).get("attributes") or {}).get("RedrivePolicy")
    if _meant(standing) == _meant(given["RedrivePolicy"]) or (context.state is not None and not standing):
        return None
    return f"{context.ref.id} would no longer hand messages that failed to the queue it does now.", {}


@rule(
    "SQS006",
    ["sqs:DeleteMessage", "sqs:DeleteMessageBatch"],
    Kind.DATA_LOSS,
    Effect.DELETE,
    R4,
    SQS + "API_DeleteMessage.html",
)
def messages_deleted(context: Context) -> Fired:
    """A deleted message is in no queue any more."""
    if context.operation.action == "DeleteMessage":
        count = 1 if context.parameters.get("ReceiptHandle") else 0
    else:
        count = len(context.parameters.get("Entries") or [])
    return (
        (f"{count} messages of {context.ref.id} would be deleted for good.", {"messages": count})
        if count
        else None
    )


def _meant(text: Any) -> Any:
    """JSON however it is spelled; what is no JSON is what it says."""
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text


@rule(
    "SQS007",
    ["sqs:SetQueueAttributes"],
    Kind.PROTECTION_STRIP,
    Effect.UPDATE,
    R1,
    "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-server-side-encryption.html",
)
def encryption_changed(context: Context) -> Fired:
    """Who can use the KMS key of a queue reads its messages; another key, or none, changes who that is, and may stop senders."""
    given = context.parameters.get("Attributes") or {}
    standing = (context.state or {}).get("attributes") or {}
    own = str(given.get("SqsManagedSseEnabled", standing.get("SqsManagedSseEnabled"))).lower()
    off = "SqsManagedSseEnabled" in given and own != str(standing.get("SqsManagedSseEnabled")).lower()
    off = off and (own == "false" or "KmsMasterKeyId" in standing) and not given.get("KmsMasterKeyId")
    other = "KmsMasterKeyId" in given and (
        context.state is None or given["KmsMasterKeyId"] != standing.get("KmsMasterKeyId", "")
    )
    if not off and not other:
        return None
    how = "under another key" if given.get("KmsMasterKeyId") else "under no key of yours"
    return f"Messages of {context.ref.id} would be kept {how}.", {}


@rule(
    "SQS008",
    ["sqs:SetQueueAttributes"],
    Kind.OUTAGE,
    Effect.UPDATE,
    R1,
    SQS + "API_SetQueueAttributes.html",
)
def consumers_troubled(context: Context) -> Fired:
    """A message is given out again at once with no visibility timeout; a message over the maximum size is refused."""
    given = context.parameters.get("Attributes") or {}
    standing = (context.state or {}).get("attributes") or {}
    if str(given.get("VisibilityTimeout")) == "0" and standing.get("VisibilityTimeout") != "0":
        return f"Messages of {context.ref.id} would be given out again while they are worked on.", {}
    size, now = given.get("MaximumMessageSize"), standing.get("MaximumMessageSize")
    if size is not None and (now is None or int(size) < int(now)):
        return f"Messages of {context.ref.id} over {size} bytes would be refused.", {"from": now, "to": size}
    return None
