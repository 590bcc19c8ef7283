"""Exact rules for the services with recipes."""

from __future__ import annotations

from typing import Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws.rules import Context, Fired, Said, rule

R1, R2, R3, R4 = Reversibility.R1, Reversibility.R2, Reversibility.R3, Reversibility.R4
DYNAMODB: Final = "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/"
S3: Final = "https://docs.aws.amazon.com/AmazonS3/latest/API/"
LAMBDA: Final = "https://docs.aws.amazon.com/lambda/latest/api/"
SQS: Final = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/"
SSM: Final = "https://docs.aws.amazon.com/systems-manager/latest/APIReference/"
CLOUDWATCH: Final = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/"
IAM: Final = "https://docs.aws.amazon.com/IAM/latest/APIReference/"


# --- DynamoDB --------------------------------------------------------------------------------------------------------


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
        return (
            f"Up to {writes} items of {context.ref.id} would be written over, and what they are could not be read.",
            evidence,
        )
    return Said(
        f"{met.overwritten} of {writes} items of {context.ref.id} stand and would be written over; they are captured.",
        evidence,
        reversibility=R1,
    )


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


# --- S3 --------------------------------------------------------------------------------------------------------------


def _versioned(context: Context) -> bool | None:
    bucket = str(context.parameters.get("Bucket", ""))
    state = context.state_of("s3:bucket", bucket)
    return None if state is None else state.get("versioning") == "Enabled"


@rule("S3001", ["s3:DeleteBucket"], Kind.DATA_LOSS, Effect.DELETE, R4, S3 + "API_DeleteBucket.html")
def delete_bucket(context: Context) -> Fired:
    """A deleted bucket's name can be taken by any account; its settings go with it."""
    return f"The bucket {context.ref.id} would be deleted; its name is then free for any account to take.", {}


@rule(
    "S3002",
    ["s3:DeleteObject", "s3:DeleteObjects"],
    Kind.DATA_LOSS,
    Effect.DELETE,
    R4,
    S3 + "API_DeleteObjects.html",
)
def delete_objects(context: Context) -> Fired:
    """Deleting a version, or any object of a bucket that keeps no versions, is final; else a delete marker hides it."""
    objects = (context.parameters.get("Delete") or {}).get("Objects") or [context.parameters]
    versions = sum(1 for item in objects if item.get("VersionId"))
    versioned = _versioned(context)
    if versioned and not versions:
        return None
    final = versions if versioned else len(objects)
    why = "versions named one by one" if versioned else "the bucket keeps no versions"
    return f"{final} objects would be deleted for good ({why}).", {
        "objects": len(objects),
        "versions": versions,
    }


@rule(
    "S3003",
    ["s3:DeleteObject", "s3:DeleteObjects"],
    Kind.NOTE,
    Effect.DELETE,
    R1,
    S3 + "API_DeleteObjects.html",
)
def delete_markers(context: Context) -> Fired:
    """In a versioned bucket a delete without a version is a marker that can be taken off again."""
    objects = (context.parameters.get("Delete") or {}).get("Objects") or [context.parameters]
    if not _versioned(context) or any(item.get("VersionId") for item in objects):
        return None
    return f"{len(objects)} objects would be hidden behind delete markers; they can be taken off again.", {}


@rule(
    "S3004",
    ["s3:PutObject", "s3:CopyObject", "s3:CompleteMultipartUpload"],
    Kind.OVERWRITE,
    Effect.UPDATE,
    R4,
    S3 + "API_PutObject.html",
)
def overwrite_object(context: Context) -> Fired:
    """An object of a bucket that keeps no versions is replaced for good."""
    if _versioned(context) or context.parameters.get("IfNoneMatch") == "*":
        return None
    if str(context.ref) in context.states and context.state is None:
        return None  # there is no such object: this adds one
    known = "keeps no versions" if _versioned(context) is False else "may keep no versions"
    return f"The object {context.ref.id} would be replaced, and the bucket {known}.", {}


@rule(
    "S3005",
    ["s3:PutBucketVersioning"],
    Kind.PROTECTION_STRIP,
    Effect.UPDATE,
    R1,
    S3 + "API_PutBucketVersioning.html",
)
def versioning_off(context: Context) -> Fired:
    """Suspended versioning makes every later overwrite and delete final."""
    wanted = (context.parameters.get("VersioningConfiguration") or {}).get("Status")
    return (
        (f"Versioning of {context.ref.id} would be suspended: later deletes are final.", {})
        if wanted == "Suspended"
        else None
    )


@rule(
    "S3006",
    ["s3:PutBucketLifecycleConfiguration", "s3:PutBucketLifecycle"],
    Kind.DATA_LOSS,
    Effect.DELETE,
    R4,
    S3 + "API_PutBucketLifecycleConfiguration.html",
)
def lifecycle_expires(context: Context) -> Fired:
    """A lifecycle rule deletes objects later, by itself; the document replaces the one before."""
    rules = (context.parameters.get("LifecycleConfiguration") or {}).get("Rules", [])
    expiring = [
        entry
        for entry in rules
        if entry.get("Status") == "Enabled"
        and (entry.get("Expiration") or entry.get("NoncurrentVersionExpiration"))
    ]
    return (
        (f"{len(expiring)} rules would delete objects of {context.ref.id} by themselves.", {})
        if expiring
        else None
    )


@rule(
    "S3007",
    ["s3:PutPublicAccessBlock", "s3:DeletePublicAccessBlock"],
    Kind.EXPOSURE,
    Effect.PERMISSION,
    R1,
    S3 + "API_PutPublicAccessBlock.html",
)
def public_access(context: Context) -> Fired:
    """Without the block, a policy or ACL can open the bucket to everybody."""
    wanted = context.parameters.get("PublicAccessBlockConfiguration") or {}
    if context.operation.action == "PutPublicAccessBlock" and all(wanted.values()) and len(wanted) == 4:
        return None
    return f"The bucket {context.ref.id} could be opened to the public.", {}


# --- SQS -------------------------------------------------------------------------------------------------------------


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
    if wanted is None or (standing is not None and int(wanted) >= int(standing)):
        return None
    return f"Messages of {context.ref.id} older than {wanted} s would be deleted.", {
        "from": standing,
        "to": wanted,
    }


@rule(
    "SQS004",
    ["sqs:SetQueueAttributes"],
    Kind.EXPOSURE,
    Effect.PERMISSION,
    R1,
    SQS + "API_SetQueueAttributes.html",
)
def queue_policy(context: Context) -> Fired:
    """A queue's policy says who may send and receive."""
    given = context.parameters.get("Attributes") or {}
    return (f"The policy of {context.ref.id} would be replaced.", {}) if "Policy" in given else None


# --- Lambda ----------------------------------------------------------------------------------------------------------


@rule(
    "LAM001", ["lambda:DeleteFunction"], Kind.DATA_LOSS, Effect.DELETE, R4, LAMBDA + "API_DeleteFunction.html"
)
def delete_function(context: Context) -> Fired:
    """Without a qualifier all versions and aliases go; a deleted function cannot be recovered."""
    what = "a version" if context.parameters.get("Qualifier") else "all versions and aliases"
    return f"The function {context.ref.id} would be deleted for good ({what}).", {}


@rule(
    "LAM002",
    ["lambda:CreateFunction"],
    Kind.DELEGATED_AUTHORITY,
    Effect.EXECUTE,
    R1,
    LAMBDA + "API_CreateFunction.html",
)
def create_function(context: Context) -> Fired:
    """A function acts later with its role's authority, on code that came with the request."""
    if context.state is not None:
        return None  # it stands: the call fails, or the other half of a replace is judged as that
    return (
        f"New code would run with the authority of {str(context.parameters.get('Role', 'a role')).rpartition('/')[2]}.",
        {},
    )


@rule(
    "LAM003",
    ["lambda:UpdateFunctionCode"],
    Kind.DELEGATED_AUTHORITY,
    Effect.EXECUTE,
    R4,
    LAMBDA + "API_UpdateFunctionCode.html",
)
def update_code(context: Context) -> Fired:
    """New code acts with the function's role; the code before is kept only where a version was published."""
    if context.parameters.get("DryRun") is True:
        return None
    return f"Other code would run as {context.ref.id}, with its role's authority.", {}


@rule(
    "LAM004",
    ["lambda:UpdateFunctionConfiguration"],
    Kind.DELEGATED_AUTHORITY,
    Effect.PERMISSION,
    R1,
    LAMBDA + "API_UpdateFunctionConfiguration.html",
)
def role_or_layers(context: Context) -> Fired:
    """Another role or other layers change what the function may do, or what it runs."""
    state = context.state or {}
    role, layers = context.parameters.get("Role"), context.parameters.get("Layers")
    if role and role != state.get("role"):
        return f"{context.ref.id} would act with another role: {role.rpartition('/')[2]}.", {}
    if layers and layers != state.get("layers"):
        return f"{context.ref.id} would load other layers.", {}
    return None


@rule(
    "LAM005",
    ["lambda:UpdateFunctionConfiguration"],
    Kind.OUTAGE,
    Effect.UPDATE,
    R1,
    LAMBDA + "API_UpdateFunctionConfiguration.html",
)
def variables_dropped(context: Context) -> Fired:
    """The environment is replaced as a whole: a variable that is not given is gone."""
    given = context.parameters.get("Environment")
    standing = (context.state or {}).get("environment") or {}
    if given is None or context.state is None:
        return None
    dropped = sorted(set(standing) - set(given.get("Variables") or {}))
    return (
        (f"{context.ref.id} would lose the variables {', '.join(dropped)}.", {"dropped": dropped})
        if dropped
        else None
    )


@rule(
    "LAM006",
    ["lambda:PutFunctionConcurrency"],
    Kind.OUTAGE,
    Effect.UPDATE,
    R1,
    LAMBDA + "API_PutFunctionConcurrency.html",
)
def concurrency_zero(context: Context) -> Fired:
    """Reserved concurrency of zero stops the function."""
    return (
        (f"{context.ref.id} would be stopped.", {})
        if context.parameters.get("ReservedConcurrentExecutions") == 0
        else None
    )


# --- Systems Manager -------------------------------------------------------------------------------------------------


@rule(
    "SSM001",
    ["ssm:DeleteParameter", "ssm:DeleteParameters"],
    Kind.DATA_LOSS,
    Effect.DELETE,
    R3,
    SSM + "API_DeleteParameter.html",
)
def delete_parameter(context: Context) -> Fired:
    """A parameter is deleted with its history."""
    names = context.parameters.get("Names") or [context.ref.id]
    return f"{', '.join(names)} would be deleted with every earlier version.", {"count": len(names)}


@rule(
    "SSM002",
    ["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath", "ssm:GetParameterHistory"],
    Kind.SECRET,
    Effect.SECRET,
    R4,
    SSM + "API_GetParameter.html",
)
def decrypt(context: Context) -> Fired:
    """WithDecryption hands out the plaintext of secure strings."""
    return (
        ("The plaintext of secure parameters would be handed out.", {})
        if context.parameters.get("WithDecryption")
        else None
    )


# --- CloudWatch ------------------------------------------------------------------------------------------------------


@rule(
    "CW001", ["cloudwatch:DeleteAlarms"], Kind.BLIND, Effect.DELETE, R3, CLOUDWATCH + "API_DeleteAlarms.html"
)
def delete_alarms(context: Context) -> Fired:
    """Without its alarm nobody is called."""
    names = context.parameters.get("AlarmNames") or [context.ref.id]
    return f"{len(names)} alarms would be deleted: {', '.join(names[:3])}.", {"count": len(names)}


@rule(
    "CW002",
    ["cloudwatch:DisableAlarmActions"],
    Kind.BLIND,
    Effect.UPDATE,
    R1,
    CLOUDWATCH + "API_DisableAlarmActions.html",
)
def actions_off(context: Context) -> Fired:
    """An alarm without actions tells nobody."""
    return f"The actions of {context.ref.id} would be switched off.", {}


@rule(
    "CW003",
    ["cloudwatch:PutMetricAlarm"],
    Kind.BLIND,
    Effect.UPDATE,
    R1,
    CLOUDWATCH + "API_PutMetricAlarm.html",
)
def alarm_weakened(context: Context) -> Fired:
    """PutMetricAlarm replaces the whole alarm: actions that are not given are gone."""
    if context.state is None:
        return None
    if context.parameters.get("ActionsEnabled") is False:
        return f"The actions of {context.ref.id} would be switched off.", {}
    gone = set(context.state.get("alarm_actions") or []) - set(context.parameters.get("AlarmActions") or [])
    return (f"{context.ref.id} would no longer call {len(gone)} of its actions.", {}) if gone else None


# --- IAM -------------------------------------------------------------------------------------------------------------


@rule(
    "IAM001",
    ["iam:DeleteRole", "iam:DeleteUser"],
    Kind.OUTAGE,
    Effect.DELETE,
    R3,
    IAM + "API_DeleteRole.html",
)
def delete_identity(context: Context) -> Fired:
    """A recreated role or user has another unique id: policies that trust the old one do not match it."""
    return (
        f"{context.ref} would be deleted; one of the same name has another unique id and is trusted by nobody.",
        {},
    )


@rule(
    "IAM002",
    [
        "iam:PutRolePolicy",
        "iam:PutUserPolicy",
        "iam:AttachRolePolicy",
        "iam:AttachUserPolicy",
        "iam:CreatePolicyVersion",
    ],
    Kind.DELEGATED_AUTHORITY,
    Effect.PERMISSION,
    R1,
    IAM + "API_PutRolePolicy.html",
)
def grants(context: Context) -> Fired:
    """What is granted here is used later, by others."""
    return f"{context.ref} would be given other permissions.", {}


@rule(
    "IAM003",
    ["iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:DeleteUserPolicy", "iam:DetachUserPolicy"],
    Kind.OUTAGE,
    Effect.PERMISSION,
    R1,
    IAM + "API_DeleteRolePolicy.html",
)
def takes_away(context: Context) -> Fired:
    """Whoever acts with this role loses a permission at once."""
    return f"{context.ref} would lose permissions that something may be using now.", {}


@rule(
    "IAM004",
    ["iam:UpdateAssumeRolePolicy", "iam:CreateRole"],
    Kind.DELEGATED_AUTHORITY,
    Effect.PERMISSION,
    R1,
    IAM + "API_UpdateAssumeRolePolicy.html",
)
def trust(context: Context) -> Fired:
    """A trust policy says who may become this role."""
    return f"Who may become {context.ref} would be decided by the request.", {}


@rule(
    "IAM005",
    [
        "iam:CreateLoginProfile",
        "iam:UpdateLoginProfile",
        "iam:CreateAccessKey",
        "iam:UploadSSHPublicKey",
        "iam:CreateOpenIDConnectProvider",
    ],
    Kind.DELEGATED_AUTHORITY,
    Effect.PERMISSION,
    R3,
    IAM + "API_CreateLoginProfile.html",
)
def credential(context: Context) -> Fired:
    """A password, key or trust anchor of the request's own is authority for whoever chose it."""
    return f"A new way to act as {context.ref} would exist.", {}
