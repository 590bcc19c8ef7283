"""S3: what is overwritten or deleted, whether a version of it remains, and who may read it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.model.words import counted
from keyturn.providers.aws.rules import Context, Doubt, Fired, Said, rule

R1, R4 = Reversibility.R1, Reversibility.R4
S3: Final = "https://docs.aws.amazon.com/AmazonS3/latest/API/"


def _may_stand(context: Context, item: Mapping[str, Any]) -> bool:
    """Whether there is something of this key to lose: false only where it was looked for and is not there."""
    name = f"s3:object/{context.parameters.get('Bucket')}/{item.get('Key')}"
    return bool(item.get("VersionId")) or name not in context.states or context.states[name] is not None


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
    objects = _named(context)
    versioned = _versioned(context)
    if objects is None:  # by a command that deletes whatever it finds
        if versioned:
            return None
        return "Objects would be deleted for good (the bucket keeps no versions); which ones is not said.", {}
    versions = sum(1 for item in objects if item.get("VersionId"))
    if versioned and not versions:
        return None
    final = versions if versioned else sum(1 for item in objects if _may_stand(context, item))
    if not final:
        return None  # none of the keys stands
    why = "versions named one by one" if versioned else "the bucket keeps no versions"
    return f"{_counted(final)} would be deleted for good ({why}).", {
        "objects": final,
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
    objects = _named(context)
    if not _versioned(context) or any(item.get("VersionId") for item in objects or ()):
        return None
    many = "Objects" if objects is None else _counted(len(objects))
    return f"{many} would be hidden behind delete markers; they can be taken off again.", {}


def _named(context: Context) -> list[dict[str, Any]] | None:
    """The objects that a delete names; None where it names none."""
    if context.operation.action == "DeleteObject":
        return [context.parameters]
    return (context.parameters.get("Delete") or {}).get("Objects") or None


def _counted(number: int) -> str:
    return f"{number} object{'' if number == 1 else 's'}"


@rule(
    "S3004",
    ["s3:PutObject", "s3:CopyObject", "s3:CreateMultipartUpload", "s3:CompleteMultipartUpload"],
    Kind.OVERWRITE,
    Effect.UPDATE,
    R4,
    S3 + "API_PutObject.html",
)
def overwrite_object(context: Context) -> Fired:
    """An object of a bucket that keeps no versions is replaced for good; an upload in parts does so at its end."""
    if _versioned(context) or context.parameters.get("IfNoneMatch") == "*":
        return None
    if str(context.ref) in context.states and context.state is None:
        return None  # there is no such object: this adds one
    if _versioned(context) is None and str(context.ref) not in context.states:
        if context.ref.kind == "s3:bucket":
            return Doubt("whether objects stand there, and the bucket keeps versions")
        return Doubt(f"whether an object {context.ref.id} stands there, and the bucket keeps versions")
    known = "keeps no versions" if _versioned(context) is False else "may keep no versions"
    if context.ref.kind == "s3:bucket":  # a command that writes whatever it finds
        return f"Objects of {context.ref.id} may be replaced, and the bucket {known}.", {}
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
    """Suspended versioning makes every later overwrite and delete final; without MFA delete a key alone deletes versions."""
    wanted = context.parameters.get("VersioningConfiguration") or {}
    if wanted.get("Status") == "Suspended":
        return f"Versioning of {context.ref.id} would be suspended: later deletes are final.", {}
    if wanted.get("MFADelete") == "Disabled":
        return f"Versions of {context.ref.id} could be deleted without a second factor.", {}
    return None


_ARCHIVES: Final = re.compile(r"GLACIER(?!_IR)|DEEP_ARCHIVE")
"""Storage classes that are not read at once (https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-class-intro.html)."""


@rule(
    "S3006",
    ["s3:PutBucketLifecycleConfiguration", "s3:PutBucketLifecycle"],
    Kind.DATA_LOSS,
    Effect.DELETE,
    R4,
    S3 + "API_PutBucketLifecycleConfiguration.html",
)
def lifecycle_expires(context: Context) -> Fired:
    """A lifecycle rule deletes objects later, or moves them to another storage class, by itself; the document replaces the one before."""
    rules = (context.parameters.get("LifecycleConfiguration") or {}).get("Rules", [])
    expiring = [
        entry
        for entry in rules
        if entry.get("Status") == "Enabled"
        and (
            (entry.get("Expiration") or {}).keys() - {"ExpiredObjectDeleteMarker"}
            or entry.get("NoncurrentVersionExpiration")
        )
    ]
    if expiring:
        return f"{counted(len(expiring), 'rule')} would delete objects of {context.ref.id} by themselves.", {}
    moving = [
        entry
        for entry in rules
        if entry.get("Status") == "Enabled"
        and any(entry.get(name) for name in ("Transition", "Transitions", "NoncurrentVersionTransitions"))
    ]
    if not moving:
        return None
    if not any(_ARCHIVES.search(json.dumps(entry, default=str)) for entry in moving):
        return Said(
            f"{counted(len(moving), 'rule')} would move objects of {context.ref.id} to storage that costs by the read.",
            kind=Kind.NOTE,
            effect=Effect.UPDATE,
            reversibility=Reversibility.R1,
        )
    return Said(
        f"{counted(len(moving), 'rule')} would move objects of {context.ref.id} to storage that may take hours and money to read.",
        kind=Kind.OUTAGE,
        effect=Effect.UPDATE,
        reversibility=Reversibility.R3,
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
    if context.state is not None and not context.state.get("notification"):
        return None  # nobody was told before
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


@rule(
    "S3010",
    ["s3:PutBucketEncryption"],
    Kind.PROTECTION_STRIP,
    Effect.UPDATE,
    R1,
    S3 + "API_PutBucketEncryption.html",
)
def encryption_weakened(context: Context) -> Fired:
    """Every object is encrypted with S3's own keys (AES256) unless a KMS key says who may read what is written from now on."""
    standing = None if context.state is None else context.state.get("encryption")
    if context.state is not None and not any(_kms(entry) for entry in standing or []):
        return None
    wanted = (context.parameters.get("ServerSideEncryptionConfiguration") or {}).get("Rules") or []
    if any(_kms(entry) for entry in wanted) and (not standing or _keys(standing) == _keys(wanted)):
        return None
    if (
        context.state is None
        and wanted
        and all(_default(entry).get("SSEAlgorithm") == "AES256" for entry in wanted)
    ):
        return Doubt("whether objects are encrypted under a key of yours now")
    return (
        f"New objects of {context.ref.id} would be encrypted under another key, or under none of yours.",
        {},
    )


def _default(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    return entry.get("ApplyServerSideEncryptionByDefault") or {}


def _kms(entry: Mapping[str, Any]) -> bool:
    return str(_default(entry).get("SSEAlgorithm", "")).startswith("aws:kms")


def _keys(rules: list[Mapping[str, Any]]) -> list[str]:
    return sorted(str(_default(entry).get("KMSMasterKeyID", "")) for entry in rules)


@rule(
    "S3011",
    ["s3:PutBucketOwnershipControls"],
    Kind.EXPOSURE,
    Effect.PERMISSION,
    R1,
    "https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html",
)
def acls_count_again(context: Context) -> Fired:
    """BucketOwnerEnforced switches every ACL off; with any other setting the grants of bucket and objects count again."""
    rules = (context.parameters.get("OwnershipControls") or {}).get("Rules") or []
    if rules and all(entry.get("ObjectOwnership") == "BucketOwnerEnforced" for entry in rules):
        return None
    return f"ACLs of {context.ref.id} and its objects would count, whoever they let in.", {}


@rule("S3012", ["s3:PutBucketCors"], Kind.EXPOSURE, Effect.UPDATE, R1, S3 + "API_PutBucketCors.html")
def every_origin(context: Context) -> Fired:
    """An allowed origin of ``*`` lets the scripts of every site read with what their visitors may read."""
    rules = (context.parameters.get("CORSConfiguration") or {}).get("CORSRules") or []
    standing = [
        origin for entry in (context.state or {}).get("cors") or [] for origin in entry["AllowedOrigins"]
    ]
    wide = any("*" in (entry.get("AllowedOrigins") or []) for entry in rules)
    return (
        (f"Every web site could use {context.ref.id} from its scripts.", {})
        if wide and "*" not in standing
        else None
    )


@rule("S3013", ["s3:PutBucketLogging"], Kind.BLIND, Effect.UPDATE, R1, S3 + "API_PutBucketLogging.html")
def access_log_moved(context: Context) -> Fired:
    """Access logs go to one bucket; an empty status switches them off."""
    wanted = (context.parameters.get("BucketLoggingStatus") or {}).get("LoggingEnabled") or {}
    if context.state is not None and not context.state.get("logging"):
        return None  # nothing is logged
    standing = (context.state or {}).get("logging") or {}
    if wanted.get("TargetBucket") and wanted["TargetBucket"] == standing.get("TargetBucket"):
        return None
    where = f"go to {wanted['TargetBucket']}" if wanted.get("TargetBucket") else "be written no more"
    return f"The access log of {context.ref.id} would {where}.", {}


@rule("S3014", ["s3:PutBucketWebsite"], Kind.OUTAGE, Effect.UPDATE, R1, S3 + "API_PutBucketWebsite.html")
def visitors_sent_away(context: Context) -> Fired:
    """RedirectAllRequestsTo, or a routing rule with a host name, sends who asks the web site for something to another host."""
    wanted = context.parameters.get("WebsiteConfiguration") or {}
    hosts = [(wanted.get("RedirectAllRequestsTo") or {}).get("HostName")]
    hosts += [(entry.get("Redirect") or {}).get("HostName") for entry in wanted.get("RoutingRules") or []]
    named = sorted({str(host) for host in hosts if host})
    return (
        (f"Visitors of {context.ref.id} would be sent to {', '.join(named)}.", {"hosts": named})
        if named
        else None
    )


@rule(
    "S3015",
    [
        "s3:PutObject",
        "s3:CopyObject",
        "s3:CreateMultipartUpload",
        "s3:PutObjectRetention",
        "s3:PutObjectLockConfiguration",
    ],
    Kind.OUTAGE,
    Effect.UPDATE,
    R4,
    "https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html",
)
def locked_for_good(context: Context) -> Fired:
    """In compliance mode nobody, the root user included, can delete a version or shorten its retention before its time."""
    given = context.parameters
    rule_of_bucket = ((given.get("ObjectLockConfiguration") or {}).get("Rule") or {}).get(
        "DefaultRetention"
    ) or {}
    modes = {
        given.get("ObjectLockMode"),
        (given.get("Retention") or {}).get("Mode"),
        rule_of_bucket.get("Mode"),
    }
    if "COMPLIANCE" not in modes:
        return None
    return f"What is locked in {context.ref.id} could be deleted by nobody until its time is over.", {}


@rule(
    "S3016",
    ["s3:PutObject", "s3:CopyObject", "s3:CreateMultipartUpload"],
    Kind.EXPOSURE,
    Effect.PERMISSION,
    R1,
    S3 + "API_PutObject.html",
)
def granted_to_others(context: Context) -> Fired:
    """Grants in a request let other accounts read or change the object; canned ACLs do that by name."""
    grants = sorted(name for name, value in context.parameters.items() if name.startswith("Grant") and value)
    acl = context.parameters.get("ACL")
    wide = acl if acl in {"authenticated-read", "aws-exec-read", "public-read", "public-read-write"} else None
    if not grants and not wide:
        return None
    return f"The object {context.ref.id} would be opened to others ({wide or ', '.join(grants)}).", {}
