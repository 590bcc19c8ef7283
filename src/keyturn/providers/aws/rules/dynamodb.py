"""DynamoDB: tables, what guards them, and the items that writes meet."""

from __future__ import annotations

import re
from typing import Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws.items import writes_of
from keyturn.providers.aws.rules import Context, Doubt, Fired, Said, rule

R1, R3, R4 = Reversibility.R1, Reversibility.R3, Reversibility.R4
DYNAMODB: Final = "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/"


@rule(
    "DDB001", ["dynamodb:DeleteTable"], Kind.DATA_LOSS, Effect.DELETE, R3, DYNAMODB + "API_DeleteTable.html"
)
def delete_table(context: Context) -> Fired:
    """Deleting a table deletes all of its items."""
    if context.state is None and str(context.ref) in context.states:
        return None  # it does not exist: the call will fail
    items = (context.state or {}).get("items")
    counted = f"{items:,} items" if items is not None else "all of its items"
    return f"The table {context.ref.id} would be deleted with {counted}.", {"items": items}


@rule(
    "DDB002",
    ["dynamodb:UpdateTable"],
    Kind.PROTECTION_STRIP,
    Effect.UPDATE,
    R1,
    DYNAMODB + "API_UpdateTable.html",
)
def protection_off(context: Context) -> Fired:
    """DeletionProtectionEnabled=false takes off what keeps a table from being deleted."""
    if (
        context.parameters.get("DeletionProtectionEnabled") is not False
        or (context.state or {}).get("protection") is False
    ):
        return None
    return (
        f"Deletion protection of the table {context.ref.id} would be taken off: the step before a delete.",
        {},
    )


@rule(
    "DDB003", ["dynamodb:UpdateTable"], Kind.DATA_LOSS, Effect.DELETE, R3, DYNAMODB + "API_UpdateTable.html"
)
def index_or_replica_deleted(context: Context) -> Fired:
    """UpdateTable can delete an index or a replica: its copy of the data goes with it."""
    deletes = [
        what
        for key in ("GlobalSecondaryIndexUpdates", "ReplicaUpdates")
        for update in context.parameters.get(key, [])
        for what in [update.get("Delete")]
        if what
    ]
    return (
        (f"{len(deletes)} index or replica of {context.ref.id} would be deleted.", {"count": len(deletes)})
        if deletes
        else None
    )


@rule("DDB004", ["dynamodb:UpdateTable"], Kind.OUTAGE, Effect.UPDATE, R1, DYNAMODB + "API_UpdateTable.html")
def capacity_lowered(context: Context) -> Fired:
    """Capacity below what is provisioned throttles; a stream switched off stops its consumers."""
    wanted, standing = (
        context.parameters.get("ProvisionedThroughput"),
        (context.state or {}).get("throughput"),
    )
    if (context.parameters.get("StreamSpecification") or {}).get("StreamEnabled") is False:
        return f"The stream of {context.ref.id} would be switched off; its consumers stop.", {}
    if (
        wanted
        and standing
        and any(wanted[key] < standing[key] for key in ("ReadCapacityUnits", "WriteCapacityUnits"))
    ):
        return f"Capacity of {context.ref.id} would fall below what is provisioned now.", {
            "from": standing,
            "to": wanted,
        }
    return None


@rule(
    "DDB005",
    ["dynamodb:UpdateTimeToLive"],
    Kind.DATA_LOSS,
    Effect.DELETE,
    R4,
    DYNAMODB + "API_UpdateTimeToLive.html",
)
def ttl_on(context: Context) -> Fired:
    """Time to live deletes items whose attribute lies in the past, without a trace in the table."""
    wanted = context.parameters.get("TimeToLiveSpecification") or {}
    if not wanted.get("Enabled") or (context.state or {}).get("ttl") == wanted.get("AttributeName"):
        return None
    return f"Items of {context.ref.id} would be deleted once {wanted.get('AttributeName')} has passed.", {}


@rule(
    "DDB006",
    ["dynamodb:UpdateContinuousBackups"],
    Kind.BACKUP_STRIP,
    Effect.DELETE,
    R4,
    DYNAMODB + "API_UpdateContinuousBackups.html",
)
def recovery_off(context: Context) -> Fired:
    """Switching point-in-time recovery off discards its history."""
    wanted = (context.parameters.get("PointInTimeRecoverySpecification") or {}).get(
        "PointInTimeRecoveryEnabled"
    )
    return (
        (f"Point-in-time recovery of {context.ref.id} would be switched off and its history lost.", {})
        if wanted is False
        else None
    )


@rule(
    "DDB007",
    ["dynamodb:DeleteBackup"],
    Kind.BACKUP_STRIP,
    Effect.DELETE,
    R4,
    DYNAMODB + "API_DeleteBackup.html",
)
def delete_backup(context: Context) -> Fired:
    """A backup is undo material."""
    return f"The backup {context.ref.id} would be deleted; what it could give back is gone with it.", {}


@rule(
    "DDB008",
    ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:BatchWriteItem", "dynamodb:TransactWriteItems"],
    Kind.OVERWRITE,
    Effect.UPDATE,
    R4,
    DYNAMODB + "API_PutItem.html",
)
def items_overwritten(context: Context) -> Fired:
    """If an item that has the same primary key already exists, the new item completely replaces the existing item."""
    met = context.items
    writes = met.puts + met.updates
    if not writes or (met.captured and not met.overwritten):
        return None
    evidence = {"writes": writes, "overwritten": met.overwritten, "unknown": met.unknown}
    if not met.captured:
        made = [write for write in writes_of(context.operation, context.parameters) if write.verb != "delete"]
        if all(write.absent in write.given for write in made):
            return Doubt(f"DDB008: whether {made[0].absent} is of the key, so that nothing is written over")
        if not met.puts and not _takes_off(
            context
        ):  # the item stays, and so does what the update does not name
            return Doubt("DDB008: whether the items stand, and what the attributes hold that are set anew")
        return (
            f"Up to {writes} items of {context.ref.id} would be written over, and what they are could not be read.",
            evidence,
        )
    return Said(
        f"{met.overwritten} of {writes} items of {context.ref.id} stand and would be written over; they are captured.",
        evidence,
        reversibility=R1,
    )


def _takes_off(context: Context) -> bool:
    """Whether an update takes attributes, or elements of sets, off its item (API_UpdateItem, UpdateExpression and AttributeUpdates)."""
    given = context.parameters
    listed = given.get("TransactItems") or [{"Update": given}]
    updates = [one.get("Update") for one in listed if isinstance(one, dict)]
    return any(
        _OFF.search(str(one.get("UpdateExpression") or ""))
        or any(
            isinstance(of, dict) and of.get("Action") == "DELETE"
            for of in (one.get("AttributeUpdates") or {}).values()
        )
        for one in updates
        if isinstance(one, dict)
    )


_OFF: Final = re.compile(r"(?i)(?<![\w#:.])(REMOVE|DELETE)\s")


@rule(
    "DDB009",
    ["dynamodb:DeleteItem", "dynamodb:BatchWriteItem", "dynamodb:TransactWriteItems"],
    Kind.DATA_LOSS,
    Effect.DELETE,
    R4,
    DYNAMODB + "API_BatchWriteItem.html",
)
def items_deleted(context: Context) -> Fired:
    """BatchWriteItem puts or deletes multiple items in one or more tables; a deleted item is kept nowhere."""
    met = context.items
    if not met.deletes or (met.captured and not met.deleted):
        return None
    evidence = {"deletes": met.deletes, "deleted": met.deleted, "unknown": met.unknown}
    if not met.captured:
        return f"Up to {met.deletes} items of {context.ref.id} would be deleted for good.", evidence
    return Said(
        f"{met.deleted} items of {context.ref.id} would be deleted; they are captured.",
        evidence,
        reversibility=R1,
    )
