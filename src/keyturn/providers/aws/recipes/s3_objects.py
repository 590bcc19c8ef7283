"""S3 objects, one by one: whether the key stands, and whether its bucket keeps the version that does.

In a bucket that keeps versions an overwrite adds one and a delete without a version adds a marker; a copy of the older version
puts the object back (https://docs.aws.amazon.com/AmazonS3/latest/userguide/RestoringPreviousVersions.html). Where versioning
was never on or is suspended both are final, and a small object is exported before; where a version is named, nothing is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

import msgspec

from keyturn.core.keeping import ITEM_BYTES_MAX, put_in, raw
from keyturn.core.ports import Inquiry
from keyturn.errors import UnavailableError
from keyturn.model.assessment import Recoverable
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Backup, Role, Succeeded
from keyturn.providers.aws.recipes.base import Captured, Leaves, Recipe, State, Step, call
from keyturn.providers.aws.recipes.common import (
    differences,
    human_bytes,
    must,
    read_call,
    tags_dict,
    tags_list,
    value_of,
)
from keyturn.providers.aws.recipes.export import backup_of, exported, in_vault, keep, kept
from keyturn.providers.aws.recipes.holding import was_refused
from keyturn.providers.aws.recipes.preconditions import Precondition
from keyturn.providers.aws.recipes.runbook import Run
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


_NOTHING_STANDS: Final = {"IfNoneMatch": "*"}
"""A write that makes the object, or none: a delete marker counts as nothing
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
"""


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
    holds: ClassVar[Mapping[str, Precondition]] = {
        "s3:PutObject": Precondition("IfMatch", "etag", absent=_NOTHING_STANDS),
        "s3:CopyObject": Precondition("IfMatch", "etag", absent=_NOTHING_STANDS),
        "s3:DeleteObject": Precondition("IfMatch", "etag", unless="VersionId"),
    }
    unheld: ClassVar[Mapping[str, str]] = {
        "s3:CompleteMultipartUpload": "the plane gives back what is small enough for one PutObject; it uploads nothing in parts",
        "s3:DeleteObjects": "the plane sends it only to take away what a change made in place of what that change deleted by the same call",
    }
    renews: ClassVar[tuple[str, ...]] = ("version",)
    restores: ClassVar[bool] = True
    exports: ClassVar[bool] = True
    abreast: ClassVar[int] = 64
    loss: ClassVar[tuple[str, ...]] = (
        "its content, metadata and tags, unless the bucket keeps the version that stands or it is small enough to be exported",
        "its grants (ACL), which are not captured",
        "the time it was last modified",
        "older versions, once the bucket's lifecycle expires them",
    )

    def capture(self, ref: ResourceRef) -> Inquiry[Captured]:
        unknowns: list[str] = []
        bucket, _ = _place(ref)
        head, versioning = yield (
            read_call(ref, "s3:HeadObject", **_ours(ref)),
            read_call(ref, "s3:GetBucketVersioning", Bucket=bucket, **_owner(ref)),
        )
        found = value_of(head, "HeadObject", unknowns, *_NONE)
        if found is None:
            return Captured(None, tuple(unknowns))
        kept = value_of(versioning, "GetBucketVersioning", unknowns) or {}
        tags = (yield from _tags(ref, unknowns)) if found.get("TagCount") else {}
        return Captured(
            {**_told(ref, found), "tags": tags, "versioning": kept.get("Status") or ""}, tuple(unknowns)
        )

    def absent(self, refs: tuple[ResourceRef, ...]) -> Inquiry[frozenset[ResourceRef]]:
        buckets: dict[tuple[str, str, str], list[ResourceRef]] = {}
        for ref in refs:
            buckets.setdefault((ref.account, ref.region, _place(ref)[0]), []).append(ref)
        found: set[ResourceRef] = set()
        for inside in buckets.values():
            found |= yield from _not_listed(inside)
        return frozenset(found)

    def at_risk(self, state: State) -> str:
        return f"object {state['arn'].rpartition(':::')[2]} ({human_bytes(state['bytes'])})"

    def weight(self, state: State) -> int:
        return int(state["bytes"])

    def recoverable(self, ref: ResourceRef, state: State | None) -> Recoverable:
        small = state is not None and not _not_exported(state)
        return Recoverable(
            resource=ref,
            backup=small,
            inverse=False,
            recover_s=RESTORE_S if small else None,
            loss=_LOST_THOUGH_EXPORTED if small else self.loss,
        )

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

    def settled(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State | None
    ) -> bool | None:
        """A write over what stood is told by what it was held to: while that stands, it did nothing. Without that nobody can tell."""
        if operation not in self.creates or state is None:
            return super().settled(operation, parameters, ref, state)
        if parameters.get("IfNoneMatch") == "*":
            return True  # there was none
        held = parameters.get("IfMatch")
        return None if held is None else plain(held) != state["etag"]

    def leaves(self, operation: str, parameters: dict[str, Any], ref: ResourceRef) -> Leaves:
        if operation in _OF_UPLOADS:
            return Leaves.EITHER  # there is no object before the upload is complete
        if operation not in self.deletes:
            return Leaves.STANDING
        return Leaves.EITHER if _names_version(parameters, _place(ref)[1]) else Leaves.GONE

    # --- export and restore ------------------------------------------------------------------------------------------

    def unrestorable(self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State) -> str:
        if operation not in self.creates | self.deletes:
            return f"{operation} has no inverse"
        if _names_version(parameters, _place(ref)[1]):
            return "it names one version, and what is exported is the object that stands"
        return _not_exported(state)

    def no_backup(self, ref: ResourceRef, state: State) -> str:
        why = _not_exported(state)
        return f"{ref} cannot be exported: {why}" if why else ""

    def backup(self, ref: ResourceRef, state: State, *, case_id: str, at_ms: int) -> Inquiry[Backup]:
        why = _not_exported(state)
        if why:
            raise UnavailableError("no-backup", f"{ref} cannot be exported: {why}")
        bucket, key = _place(ref)
        matching = {"IfMatch": state["etag"]} if state["etag"] else {}
        got = yield from exported(ref, "s3:GetObject", {"Bucket": bucket, "Key": key, **matching})
        content = raw(got["Body"])
        if len(content) != state["bytes"]:
            raise UnavailableError("backup", f"{ref} has {len(content):,} bytes; it was captured with others")
        made = yield from keep(ref, content)
        return backup_of(
            self, ref, state, made, at_ms=at_ms, restores_to="the same key", loss=_LOST_THOUGH_EXPORTED
        )

    def restore(self, ref: ResourceRef, state: State, backup: Backup | None) -> Inquiry[tuple[str, ...]]:
        saved = in_vault(backup, ref)
        bucket, key = _place(ref)
        here = {"Bucket": bucket, "Key": key}
        unknowns: list[str] = []
        (head,) = yield (read_call(ref, "s3:HeadObject", **_ours(ref)),)
        now = value_of(head, "HeadObject", unknowns, *_NONE)
        if unknowns:
            raise UnavailableError("restore", f"{ref} cannot be read: {'; '.join(unknowns)}")
        written = False
        if now is None or now.get("ETag") != state["etag"]:
            # nobody's write in between is lost: the precondition is the state just read
            stands = None if now is None else {"etag": now.get("ETag")}
            only = self.holds["s3:PutObject"].of_state(here, stands)
            given = {**here, **_put(state), **only, "Body": put_in(saved.reference)}
            asked = msgspec.structs.replace(call(ref, "s3:PutObject", given, Role.CHANGE), again=True)
            (answer,) = yield (asked,)
            if not was_refused(answer):
                must(answer, f"PutObject of {ref.id}")
                written = True  # else: an attempt before a crash, or somebody; see below
        again = yield from exported(ref, "s3:GetObject", _ours(ref))
        found = hashlib.sha256(raw(again["Body"])).hexdigest()
        if found != saved.watermark["sha256"]:
            return (
                f"{ref}: its content is not what was exported; somebody wrote it meanwhile, and it was left",
            )
        if written:  # its headers came with its content; who may not read tags is not told of any, so they are asked for
            tagged = state["tags"] or again.get("TagCount")
            tags = (yield from _tags(ref, unknowns)) if tagged else {}
            after = Captured({**_told(ref, again), "tags": tags}, tuple(unknowns))
        else:
            after = yield from self.capture(ref)
        fields = tuple(field for field in self.fields if field not in {"etag", "version"})
        honest = differences(state, after.state, fields, title=str(ref))
        return (*honest, *(f"could not be compared: {unknown}" for unknown in after.unknowns))

    def restore_plan(self, ref: ResourceRef, state: State, backup: Backup | None) -> tuple[Step, ...]:
        bucket, key = _place(ref)
        why = "its content is what was exported"
        return (Step("s3:PutObject", {"Bucket": bucket, "Key": key, **_put(state)}, why=why),)

    def runs(self, ref: ResourceRef, state: State, backup: Backup) -> tuple[Run, ...]:
        bucket, key = _place(ref)
        step = Step("s3:PutObject", {"Bucket": bucket, "Key": key, **_put(state)})
        return (Run(step, files={"--body": CONTENT}),)

    def files(self, ref: ResourceRef, state: State, backup: Backup) -> Inquiry[dict[str, bytes]]:
        return {CONTENT: (yield from kept(ref, in_vault(backup, ref).reference))}

    def by_hand(self, state: State, backup: Backup) -> str:
        return (
            f"its {backup.watermark.get('bytes', 0):,} bytes are sealed in the plane's vault under {backup.reference} "
            f"(SHA-256 {backup.watermark.get('sha256', '')}), and no command of AWS opens them. Put them into the file `{CONTENT}`."
        )


CONTENT: Final = "content"
"""The file that its runbook reads."""

RESTORE_S: Final = 30
"""Seconds to put an exported object back and compare it."""

_LOST_THOUGH_EXPORTED: Final = (
    "its grants (ACL), which are not captured",
    "the time it was last modified; what was written to the key since the export",
)

_GIVEN: Final = {
    name: field
    for field, name in _DECLARED.items()
    if field not in {"etag", "version", "lock_mode", "lock_until", "legal_hold"}
}


def _put(state: State) -> dict[str, Any]:
    """What PutObject takes to make it as it was, but for the content."""
    given = {name: state[field] for name, field in _GIVEN.items() if state.get(field)}
    if state["storage_class"] != "STANDARD":
        given["StorageClass"] = state["storage_class"]
    if state["metadata"]:
        given["Metadata"] = state["metadata"]
    if state["tags"]:
        given["Tagging"] = urlencode(sorted(state["tags"].items()))
    return given


def _not_exported(state: State) -> str:
    """Why the object has no export; empty where it can have one."""
    if "bytes" not in state:
        return "how large it is, is not known"
    if state["bytes"] > ITEM_BYTES_MAX:
        return f"it has {human_bytes(state['bytes'])}, and {human_bytes(ITEM_BYTES_MAX)} is the most that is exported"
    if state.get("storage_class") in _ARCHIVED:
        return f"it lies in {state['storage_class']} and has to be restored for hours before it can be read"
    return ""


_OF_UPLOADS: Final = (BELONG | {BEGINS}) - {"s3:CompleteMultipartUpload"}


def _place(ref: ResourceRef) -> tuple[str, str]:
    bucket, _, key = ref.id.partition("/")
    return bucket, key


LISTED_MIN: Final = 10
"""Of so many keys of one bucket a listing is asked first; of fewer each."""

LIST_KEYS: Final = 1_000
"""Keys of one page (API_ListObjectsV2)."""

_UNORDERED: Final = "--x-s3"
"""How names of directory buckets end, whose listings have no order (API_ListObjectsV2)."""


def _not_listed(refs: list[ResourceRef]) -> Inquiry[set[ResourceRef]]:
    """Which of these keys of one bucket its listing passes over. A listing shows every write before it
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel), so these do not stand. None, where it
    cannot be had, or where so much else lies between the keys that to ask for each is less.
    """
    wanted = {_place(ref)[1].encode(): ref for ref in refs}  # listed in the order of their UTF-8 bytes
    first, last = min(wanted), max(wanted)
    bucket = _place(refs[0])[0]
    if len(refs) < LISTED_MIN or bucket.endswith(_UNORDERED):
        return set()
    given: dict[str, Any] = {"Bucket": bucket, **_owner(refs[0])}
    start = first.decode()[:-1]  # comes before the first
    where = {"StartAfter": start} if start else {}
    for _ in range(2 + len(refs) // LIST_KEYS):
        (answer,) = yield (read_call(refs[0], "s3:ListObjectsV2", **given, **where),)
        page = answer.value if isinstance(answer, Succeeded) else {}
        if "IsTruncated" not in page or (page["IsTruncated"] and not page.get("NextContinuationToken")):
            return set()
        listed = [str(one["Key"]).encode() for one in page.get("Contents") or []]
        for key in listed:
            wanted.pop(key, None)
        if not page["IsTruncated"] or (listed and listed[-1] >= last):
            return set(wanted.values())
        where = {"ContinuationToken": page["NextContinuationToken"]}
    return set()


def _owner(ref: ResourceRef) -> dict[str, str]:
    return {"ExpectedBucketOwner": ref.account} if ref.account else {}


def _ours(ref: ResourceRef) -> dict[str, str]:
    """The object in a bucket that is the account's: nobody else's is read for it."""
    bucket, key = _place(ref)
    return {"Bucket": bucket, "Key": key, **_owner(ref)}


def _told(ref: ResourceRef, found: dict[str, Any]) -> State:
    """What HeadObject and GetObject say alike of an object: all of its state but for tags and its bucket's versioning."""
    return {
        "arn": f"arn:{ref.partition}:s3:::{ref.id}",
        **{field: plain(found.get(name)) for field, name in _DECLARED.items()},
        "bytes": int(found.get("ContentLength") or 0),
        "metadata": dict(sorted((found.get("Metadata") or {}).items())),
        "storage_class": found.get("StorageClass") or "STANDARD",
    }


def _tags(ref: ResourceRef, unknowns: list[str]) -> Inquiry[dict[str, str]]:
    (tagged,) = yield (read_call(ref, "s3:GetObjectTagging", **_ours(ref)),)
    return tags_dict((value_of(tagged, "GetObjectTagging", unknowns) or {}).get("TagSet"))


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
