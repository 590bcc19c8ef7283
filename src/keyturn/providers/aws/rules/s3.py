"""S3: what is overwritten or deleted, whether a version of it remains, and who may read it."""

from __future__ import annotations

from typing import Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws.rules import Context, Fired, Said, rule

R1, R4 = Reversibility.R1, Reversibility.R4
S3: Final = "https://docs.aws.amazon.com/AmazonS3/latest/API/"


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


@rule(
    "S3008",
    ["s3:PutBucketNotificationConfiguration", "s3:PutBucketNotification"],
    Kind.DELEGATED_AUTHORITY,
    Effect.EXECUTE,
    R1,
    S3 + "API_PutBucketNotificationConfiguration.html",
)
def notifications(context: Context) -> Fired:
    """The functions, queues and topics of a notification configuration are called for what others write; it replaces the one before."""
    wanted = context.parameters.get("NotificationConfiguration") or {}
    named = sorted(name for name, value in wanted.items() if value or name == "EventBridgeConfiguration")
    if named:
        return f"What others write into {context.ref.id} would set off {', '.join(named)}.", {"named": named}
    return Said(
        f"Nobody would be told any more what is written into {context.ref.id}.",
        kind=Kind.OUTAGE,
        effect=Effect.UPDATE,
    )


@rule(
    "S3009",
    [
        "s3:DeleteObject",
        "s3:DeleteObjects",
        "s3:PutObjectRetention",
        "s3:PutObjectLegalHold",
        "s3:PutObjectLockConfiguration",
    ],
    Kind.PROTECTION_STRIP,
    Effect.UPDATE,
    R4,
    "https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html",
)
def lock_bypassed(context: Context) -> Fired:
    """Who may bypass governance mode can delete or unlock a locked version when the request says so; a legal hold protects it until it is lifted."""
    given = context.parameters
    if given.get("BypassGovernanceRetention") is True:
        return f"Object Lock of {context.ref.id} would be bypassed.", {}
    if (given.get("LegalHold") or {}).get("Status") == "OFF":
        return Said(f"The legal hold of {context.ref.id} would be lifted.", reversibility=R1)
    if context.operation.action == "PutObjectLockConfiguration" and "Rule" not in (
        given.get("ObjectLockConfiguration") or {}
    ):
        return Said(f"New objects of {context.ref.id} would no longer be locked.", reversibility=R1)
    return None
