"""S3 buckets: every document they are configured by, and how much they hold.

A deleted bucket's name is free for any account to take
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/delete-bucket.html). Bucket names are everybody's, so every read says
whose bucket is expected: facts of somebody else's bucket (its tags, its versioning) are no facts of ours.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.model.assessment import Dependent, Recoverable
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Backup, Call, Refused, Role, Succeeded
from keyturn.model.words import counted
from keyturn.providers.aws.recipes.base import Captured, Narrow, Recipe, State, Step, call
from keyturn.providers.aws.recipes.common import (
    changed,
    differences,
    do,
    human_bytes,
    must,
    read_call,
    value_of,
)
from keyturn.providers.aws.recipes.s3_documents import DOCUMENTS, WRITES, Document

LIST_PAGES_MAX: Final = 5
"""Pages of a listing (1,000 versions each): a bucket that holds more is said to hold at least so much."""

GLANCED: Final = frozenset({"versioning", "tags"})
"""What decides about the objects of a bucket."""

_NONE: Final = ("404", "NoSuchBucket", "NotFound")


SETTINGS_S: Final = 30
"""Seconds to make a bucket again with its documents: a dozen calls."""


class Bucket(Recipe):
    """A bucket: its documents by name, its region, the number and bytes of objects, versions and delete markers."""

    kind: ClassVar[str] = "s3:bucket"
    title: ClassVar[str] = "S3 bucket"
    fields: ClassVar[tuple[str, ...]] = (
        "region",
        "mfa_delete",
        *(document.field for document in DOCUMENTS),
    )
    data_bearing: ClassVar[bool] = True
    restores: ClassVar[bool] = True  # the bucket with its documents, empty: it had to be empty to be deleted
    creates: ClassVar[frozenset[str]] = frozenset({"s3:CreateBucket"})
    deletes: ClassVar[frozenset[str]] = frozenset({"s3:DeleteBucket"})
    updates: ClassVar[frozenset[str]] = frozenset(WRITES)
    in_place: ClassVar[tuple[str, ...]] = (
        "s3:PutBucketLifecycleConfiguration",
        "s3:PutBucketEncryption",
        "s3:PutBucketTagging",
        "s3:PutBucketPolicy",
    )
    loss: ClassVar[tuple[str, ...]] = (
        "the name: once the bucket is deleted, any account can take it and receive what is still sent there",
        "all objects, versions and delete markers (a bucket has to be empty to be deleted)",
        "multipart uploads under way",
        "inventory, analytics, metrics, tiering, acceleration and payment settings: they are not captured",
    )

    # --- capture -----------------------------------------------------------------------------------------------------

    def capture(self, ref: ResourceRef) -> Inquiry[Captured]:
        captured = yield from self._documents(ref, DOCUMENTS)
        if captured.state is None:
            return captured
        unknowns = list(captured.unknowns)
        counted = yield from _count(ref, unknowns)
        state = captured.state | counted
        return Captured(state, tuple(unknowns), _dependents(ref, state))

    def glance(self, ref: ResourceRef) -> Inquiry[Captured]:
        return self._documents(ref, tuple(document for document in DOCUMENTS if document.field in GLANCED))

    def _documents(self, ref: ResourceRef, documents: tuple[Document, ...]) -> Inquiry[Captured]:
        unknowns: list[str] = []
        head, *answers = yield (
            _read(ref, "HeadBucket"),
            *(_read(ref, document.read) for document in documents),
        )
        stands = value_of(head, "HeadBucket", unknowns, *_NONE)
        if stands is None:
            return Captured(None, tuple(unknowns))
        state: State = {
            "arn": f"arn:{ref.partition}:s3:::{ref.id}",
            "region": stands.get("BucketRegion") or ref.region,
        }
        for document, answer in zip(documents, answers, strict=True):
            before = len(unknowns)
            value = value_of(answer, document.read, unknowns, *document.absent)
            if len(unknowns) > before:
                continue  # could not be read: the field is missing, it is not empty
            state[document.field] = document.empty if value is None else document.value(value)
            if document.field == "versioning":
                state["mfa_delete"] = (value or {}).get("MFADelete") or ""
        return Captured(state, tuple(unknowns))

    def at_risk(self, state: State) -> str:
        if "objects" not in state:
            return ""
        least = "" if state.get("counted") else "at least "
        older = state["versions"] - state["objects"]
        said = [counted(state["objects"], "object")]
        if older:
            said.append(counted(older, "older version"))
        if state["markers"]:
            said.append(counted(state["markers"], "delete marker"))
        return f"{least}{', '.join(said)}, {human_bytes(state['bytes'])}"

    def recoverable(self, ref: ResourceRef, state: State | None) -> Recoverable:
        empty = state is not None and self.is_empty(state)
        seconds = SETTINGS_S if empty else None
        return Recoverable(resource=ref, backup=empty, inverse=False, recover_s=seconds, loss=self.loss)

    def is_empty(self, state: State) -> bool:
        return bool(state.get("counted")) and all(
            state.get(kind) == 0 for kind in ("objects", "versions", "markers")
        )

    def backup(self, ref: ResourceRef, state: State, *, case_id: str, at_ms: int) -> Inquiry[Backup]:
        """Of an empty bucket its documents: of one that is not, none; it could not be deleted."""
        if not self.is_empty(state):
            return (yield from super().backup(ref, state, case_id=case_id, at_ms=at_ms))
        return (yield from self.settings_twice(ref, state, at_ms=at_ms))

    # --- the narrow way ----------------------------------------------------------------------------------------------

    def desired(self, operation: str, parameters: dict[str, Any]) -> State | None:
        if operation != "s3:CreateBucket":
            return None
        given = parameters.get("CreateBucketConfiguration") or {}
        wanted: State = {}
        if given.get("LocationConstraint"):
            wanted["region"] = {"EU": "eu-west-1"}.get(
                given["LocationConstraint"], given["LocationConstraint"]
            )
        if given.get("Tags"):
            wanted["tags"] = {tag["Key"]: tag.get("Value", "") for tag in given["Tags"]}
        if parameters.get("ObjectOwnership"):
            wanted["ownership"] = parameters["ObjectOwnership"]
        if parameters.get("ObjectLockEnabledForBucket"):
            wanted["object_lock"] = {"ObjectLockEnabled": "Enabled"}
        if parameters.get("ACL") or any(name.startswith("Grant") for name in parameters):
            wanted["canned"] = parameters.get("ACL") or "grants"
        return wanted

    def narrow(self, ref: ResourceRef, state: State, desired: State) -> Narrow | None:
        wanted = dict(desired)
        if "tags" in wanted:  # the tags are written as a whole: what stands beside those asked for stays
            wanted["tags"] = {**state.get("tags", {}), **wanted["tags"]}
        if (state.get("object_lock") or {}).get("ObjectLockEnabled") == "Enabled":
            wanted.pop("object_lock", None)  # what is locked by more than asked for is locked as asked for
        found = changed(state, wanted, self.fields)
        documents = {document.field: document for document in DOCUMENTS}
        steps = [
            Step(f"s3:{documents[field].put}", {"Bucket": ref.id, **documents[field].given(after)})
            for field, _, after in found
            if field in documents
        ]
        unknown = ("acl: it is given by a canned name or by grants",) if "canned" in desired else ()
        return Narrow(tuple(steps), found, tuple(f for f, _, _ in found if f == "region"), unknown)

    def wanted(self, operation: str, parameters: dict[str, Any]) -> State | None:
        document = WRITES.get(operation)
        if document is None:
            return None
        return {document.field: document.after(operation.partition(":")[2], parameters)}

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        document = WRITES.get(operation)
        if document is None or document.field not in state:
            return ()
        if "MFADelete" in (parameters.get("VersioningConfiguration") or {}):
            return ()  # only the root user's device can put that back
        back = document.back(ref.id, state[document.field])
        return (Step(f"s3:{back[0]}", back[1]),) if back else ()

    # --- giving back the bucket --------------------------------------------------------------------------------------

    def restore_plan(self, ref: ResourceRef, state: State, backup: Backup | None) -> tuple[Step, ...]:
        given: dict[str, Any] = {"Bucket": ref.id}
        if state["region"] != "us-east-1":  # the one region that is not named (API_CreateBucket)
            given["CreateBucketConfiguration"] = {"LocationConstraint": state["region"]}
        if state.get("object_lock"):
            given["ObjectLockEnabledForBucket"] = True
        if state.get("ownership"):
            given["ObjectOwnership"] = state["ownership"]
        return (Step("s3:CreateBucket", given), *_documents_back(ref, state))

    def restore(self, ref: ResourceRef, state: State, backup: Backup | None) -> Inquiry[tuple[str, ...]]:
        first, *others = self.restore_plan(ref, state, backup)
        asked = msgspec.structs.replace(call(ref, first.operation, first.parameters, Role.CHANGE), again=True)
        (answer,) = yield (asked,)
        if not (isinstance(answer, Refused) and answer.code == "BucketAlreadyOwnedByYou"):
            must(answer, f"CreateBucket of {ref.id} (its name may have been taken by another account)")
        for step in others:
            yield from do(ref, step.operation, step.parameters)
        after = yield from self.capture(ref)
        honest = differences(state, after.state, self.fields, title=f"bucket {ref.id}")
        return (*honest, *(f"could not be compared: {unknown}" for unknown in after.unknowns))


_AT_CREATION: Final = frozenset({"ownership"})
_LAST: Final = ("policy", "public_access")
"""A policy is put before the block that would refuse it; everything else before either."""


def _documents_back(ref: ResourceRef, state: State) -> list[Step]:
    """One call for each document that stood and that a new bucket does not have by itself."""
    steps = []
    for document in sorted(
        DOCUMENTS, key=lambda one: _LAST.index(one.field) + 1 if one.field in _LAST else 0
    ):
        standing = state.get(document.field)
        if document.field in _AT_CREATION or standing in (None, document.empty):
            continue
        if document.field == "acl" and _owners_alone(standing):
            continue
        steps.append(Step(f"s3:{document.put}", {"Bucket": ref.id, **document.given(standing)}))
    return steps


def _owners_alone(acl: Any) -> bool:
    """Whether the list is what every bucket is made with: its owner, and nobody else."""
    owner = {"Grantee": {"ID": acl["Owner"]["ID"], "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}
    return bool(acl["Grants"] == [owner])


def _read(ref: ResourceRef, operation: str, **parameters: Any) -> Call:
    expected = {"ExpectedBucketOwner": ref.account} if ref.account else {}
    return read_call(ref, f"s3:{operation}", Bucket=ref.id, **parameters, **expected)


def _count(ref: ResourceRef, unknowns: list[str]) -> Inquiry[State]:
    """What the bucket holds, as far as `LIST_PAGES_MAX` pages show it; `counted` says whether that was all."""
    found = {"objects": 0, "versions": 0, "markers": 0, "bytes": 0}
    given: dict[str, Any] = {}
    for _ in range(LIST_PAGES_MAX):
        (answer,) = yield (_read(ref, "ListObjectVersions", **given),)
        if not isinstance(answer, Succeeded):
            value_of(answer, "ListObjectVersions", unknowns)
            return {}
        page = answer.value
        versions = page.get("Versions") or []
        found["versions"] += len(versions)
        found["objects"] += sum(1 for version in versions if version.get("IsLatest"))
        found["bytes"] += sum(int(version.get("Size") or 0) for version in versions)
        found["markers"] += len(page.get("DeleteMarkers") or [])
        if not page.get("IsTruncated"):
            return {**found, "counted": True}
        given = {
            "KeyMarker": page.get("NextKeyMarker", ""),
            "VersionIdMarker": page.get("NextVersionIdMarker", ""),
        }
    return {**found, "counted": False}


def _dependents(ref: ResourceRef, state: State) -> tuple[Dependent, ...]:
    """Who is told what is written here, and who gets a copy of it."""
    told = [
        (arn, "is told what is written to")
        for entries in (state.get("notification") or {}).values()
        for entry in (entries if isinstance(entries, list) else [])
        for name, arn in entry.items()
        if name in {"LambdaFunctionArn", "QueueArn", "TopicArn"}
    ]
    copied = [
        (rule["Destination"]["Bucket"], "gets a copy of what is written to")
        for rule in (state.get("replication") or {}).get("Rules", [])
        if rule.get("Destination", {}).get("Bucket")
    ]
    return tuple(
        Dependent(resource=_named(ref, arn), relation=relation, on=ref)
        for arn, relation in sorted({*told, *copied})
    )


_KINDS: Final = {
    "lambda": "lambda:function",
    "sqs": "sqs:queue",
    "sns": "sns:topic",
    "s3": "s3:bucket",
}


def _named(ref: ResourceRef, arn: str) -> ResourceRef:
    """The resource an ARN names, as far as notifications and replication name any."""
    _, partition, service, region, account, rest = arn.split(":", 5)
    name = rest.removeprefix("function:").partition(":")[0]
    kind = _KINDS.get(service, f"{service}:resource")
    return ResourceRef(ref.provider, partition, account or ref.account, region or ref.region, kind, name)
