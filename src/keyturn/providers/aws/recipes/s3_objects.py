"""S3 objects, one by one: whether the key stands, and whether its bucket keeps the version that does.

In a bucket that keeps versions an overwrite adds one and a delete without a version adds a marker; a copy of the older version
puts the object back (https://docs.aws.amazon.com/AmazonS3/latest/userguide/RestoringPreviousVersions.html). Where versioning
was never on or is suspended, and where a version is named, both are final.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from keyturn.core.ports import Inquiry
from keyturn.model.assessment import Recoverable
from keyturn.model.change import ResourceRef
from keyturn.providers.aws.recipes.base import Captured, Leaves, Recipe, State, Step
from keyturn.providers.aws.recipes.common import human_bytes, read_call, tags_dict, tags_list, value_of
from keyturn.providers.aws.recipes.s3_documents import plain
from keyturn.providers.aws.uploads import BEGINS, BELONG

COPY_BYTES_MAX: Final = 5 * 1024**3
"""The largest object that one CopyObject copies (API_CopyObject)."""

_ARCHIVED: Final = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Storage classes that have to be restored for hours before they can be copied."""

_NONE: Final = ("404", "NoSuchKey", "NoSuchBucket", "NotFound")

_DECLARED: Final = {
    "etag": "ETag",
    "content_type": "ContentType",
    "content_encoding": "ContentEncoding",
    "content_language": "ContentLanguage",
    "content_disposition": "ContentDisposition",
    "cache_control": "CacheControl",
    "redirect": "WebsiteRedirectLocation",
    "encryption": "ServerSideEncryption",
    "kms_key": "SSEKMSKeyId",
    "lock_mode": "ObjectLockMode",
    "lock_until": "ObjectLockRetainUntilDate",
    "legal_hold": "ObjectLockLegalHoldStatus",
    "version": "VersionId",
}
"""A capture's field and what HeadObject calls it."""


class Object(Recipe):
    """An object as it stands: the digest the service gives it, its size, headers, metadata, lock, tags and version."""

    kind: ClassVar[str] = "s3:object"
    title: ClassVar[str] = "S3 object"
    fields: ClassVar[tuple[str, ...]] = (*_DECLARED, "bytes", "metadata", "storage_class", "tags")
    data_bearing: ClassVar[bool] = True
    creates: ClassVar[frozenset[str]] = frozenset(
        {"s3:PutObject", "s3:CopyObject", "s3:CompleteMultipartUpload"}
    )
    deletes: ClassVar[frozenset[str]] = frozenset({"s3:DeleteObject", "s3:DeleteObjects"})
    updates: ClassVar[frozenset[str]] = frozenset(
        {"s3:PutObjectTagging", "s3:DeleteObjectTagging", "s3:PutObjectLegalHold"}
    )
    in_place: ClassVar[tuple[str, ...]] = ("s3:PutObject", "s3:PutObjectTagging")
    loss: ClassVar[tuple[str, ...]] = (
        "its content, metadata and tags, unless the bucket keeps the version that stands",
        "its grants (ACL), which are not captured",
        "older versions, once the bucket's lifecycle expires them",
    )

    def capture(self, ref: ResourceRef) -> Inquiry[Captured]:
        unknowns: list[str] = []
        bucket, key = _place(ref)
        owner = {"ExpectedBucketOwner": ref.account} if ref.account else {}
        head, versioning = yield (
            read_call(ref, "s3:HeadObject", Bucket=bucket, Key=key, **owner),
            read_call(ref, "s3:GetBucketVersioning", Bucket=bucket, **owner),
        )
        found = value_of(head, "HeadObject", unknowns, *_NONE)
        if found is None:
            return Captured(None, tuple(unknowns))
        kept = value_of(versioning, "GetBucketVersioning", unknowns) or {}
        tags: dict[str, str] = {}
        if found.get("TagCount"):
            (tagged,) = yield (read_call(ref, "s3:GetObjectTagging", Bucket=bucket, Key=key, **owner),)
            tags = tags_dict((value_of(tagged, "GetObjectTagging", unknowns) or {}).get("TagSet"))
        state: State = {
            "arn": f"arn:{ref.partition}:s3:::{ref.id}",
            **{field: plain(found.get(name)) for field, name in _DECLARED.items()},
            "bytes": int(found.get("ContentLength") or 0),
            "metadata": dict(sorted((found.get("Metadata") or {}).items())),
            "storage_class": found.get("StorageClass") or "STANDARD",
            "tags": tags,
            "versioning": kept.get("Status") or "",
        }
        return Captured(state, tuple(unknowns))

    def at_risk(self, state: State) -> str:
        return f"object {state['arn'].rpartition(':::')[2]} ({human_bytes(state['bytes'])})"

    def recoverable(self, ref: ResourceRef, state: State | None) -> Recoverable:
        return Recoverable(resource=ref, backup=False, inverse=False, recover_s=None, loss=self.loss)

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        bucket, key = _place(ref)
        here = {"Bucket": bucket, "Key": key}
        if _names_version(parameters, key):
            return ()  # that version goes, or is written to, whatever stands now
        if operation in self.creates | self.deletes:
            return _copied_back(here, state)
        if operation in {"s3:PutObjectTagging", "s3:DeleteObjectTagging"}:
            if not state["tags"]:
                return (Step("s3:DeleteObjectTagging", here),)
            return (Step("s3:PutObjectTagging", {**here, "Tagging": {"TagSet": tags_list(state["tags"])}}),)
        if operation == "s3:PutObjectLegalHold":
            return (Step(operation, {**here, "LegalHold": {"Status": state["legal_hold"] or "OFF"}}),)
        return ()

    def keeps(self, state: State) -> str:
        return f"the bucket keeps versions; {state['version'] or 'this one'} stands and is not touched"

    def leaves(self, operation: str, parameters: dict[str, Any], ref: ResourceRef) -> Leaves:
        if operation in _OF_UPLOADS:
            return Leaves.EITHER  # there is no object before the upload is complete
        if operation not in self.deletes:
            return Leaves.STANDING
        return Leaves.EITHER if _names_version(parameters, _place(ref)[1]) else Leaves.GONE


_OF_UPLOADS: Final = (BELONG | {BEGINS}) - {"s3:CompleteMultipartUpload"}


def _place(ref: ResourceRef) -> tuple[str, str]:
    bucket, _, key = ref.id.partition("/")
    return bucket, key


def _names_version(parameters: dict[str, Any], key: str) -> bool:
    """Whether the request means one version of this key, not the key."""
    named = [
        entry for entry in (parameters.get("Delete") or {}).get("Objects") or [] if entry.get("Key") == key
    ]
    return any(entry.get("VersionId") for entry in [parameters, *named])


def _copied_back(here: dict[str, Any], state: State) -> tuple[Step, ...]:
    """A copy of the version that stands, over whatever comes after it; none where nothing keeps that version."""
    kept = state["versioning"] == "Enabled" and state["version"]
    if not kept or state["bytes"] > COPY_BYTES_MAX or state["storage_class"] in _ARCHIVED:
        return ()
    source = f"{here['Bucket']}/{here['Key']}?versionId={state['version']}"
    given = {
        "StorageClass": state["storage_class"],
        "ServerSideEncryption": state["encryption"],
        "SSEKMSKeyId": state["kms_key"],
    }
    return (
        Step(
            "s3:CopyObject",
            {**here, "CopySource": source, **{name: value for name, value in given.items() if value}},
        ),
    )
