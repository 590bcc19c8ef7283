"""EBS volumes and snapshots.

A volume comes back from a snapshot as another volume; size only ever grows, and encryption and zone never change
(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVolume.html, API_CreateVolume.html). Where a Recycle Bin rule was there
before, what was deleted comes back as itself (https://docs.aws.amazon.com/ebs/latest/userguide/recycle-bin.html).
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.errors import UnavailableError
from keyturn.model.assessment import Dependent
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Backup
from keyturn.model.words import counted
from keyturn.providers.aws.recipes.base import State, Step
from keyturn.providers.aws.recipes.declared import Change, Read, Tags
from keyturn.providers.aws.recipes.filling import ID
from keyturn.providers.aws.recipes.reborn import (
    EC2_TAGS,
    SNAPSHOTS,
    Bin,
    Copied,
    await_state,
    copy_of,
    marked,
)

_TAKES_IOPS: Final = frozenset({"gp3", "io1", "io2"})
"""Of the other types the number follows from the size, and is refused in a request (API_CreateVolume, Iops)."""

_SNAPSHOT_S: Final = 900
"""Seconds to a volume from a snapshot: some minutes; blocks are fetched when they are first read."""

_DONE, _FAILED = frozenset({"completed"}), frozenset({"error"})
_SETTINGS: Final = ("VolumeType", "Iops", "Throughput")
_UNDER_WAY: Final = frozenset({"deleting", "deleted"})


def snapshot_taken(ref: ResourceRef, snapshot: str) -> Inquiry[dict[str, Any]]:
    """The snapshot once it is completed: until then nothing can be made from it."""
    answer = yield from await_state(
        ref,
        "ec2:DescribeSnapshots",
        {"SnapshotIds": [snapshot]},
        path="Snapshots.0.State",
        ready=_DONE,
        failed=_FAILED,
    )
    found: dict[str, Any] = answer["Snapshots"][0]
    return found


class Volume(Copied):
    """A volume's size, type, speed, encryption, zone, attachments and tags; its blocks by snapshot."""

    kind: ClassVar[str] = "ec2:volume"
    gib: ClassVar[str] = "Size"
    title: ClassVar[str] = "EBS volume"
    waits: ClassVar[tuple[str, ...]] = ("aws ec2 wait volume-available --volume-ids {id}",)
    fields: ClassVar[tuple[str, ...]] = (
        "Size", "VolumeType", "Iops", "Throughput", "Encrypted", "KmsKeyId", "AvailabilityZone", "MultiAttachEnabled",
        "attachments", "tags",
    )  # fmt: skip
    deletes: ClassVar[frozenset[str]] = frozenset({"ec2:DeleteVolume"})
    calls: ClassVar[tuple[str, ...]] = ("ec2:AttachVolume", "ec2:DetachVolume")
    sets: ClassVar[frozenset[str]] = frozenset({"attachments"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "ec2:DescribeVolumes",
            {"VolumeIds": [ID]},
            {
                **{name: name for name in fields if name[0].isupper()},
                "state": "State",
                "attachments": "Attachments",
                "tags": "Tags",
            },
            absent=("InvalidVolume.NotFound",),
            one_of="Volumes",
        ),
    )
    changes: ClassVar[tuple[Change, ...]] = (
        Change("ec2:ModifyVolume", {"VolumeId": ID}, {name: name for name in ("Size", *_SETTINGS)}),
    )
    born: ClassVar[str] = "VolumeId"
    ended: ClassVar[tuple[str, frozenset[str]]] = ("state", _UNDER_WAY)
    bin: ClassVar[Bin | None] = Bin(
        "ec2:ListVolumesInRecycleBin", "VolumeIds", "Volumes", "ec2:RestoreVolumeFromRecycleBin", "VolumeId"
    )
    tagged: ClassVar[Tags] = EC2_TAGS
    recover_s: ClassVar[int] = _SNAPSHOT_S
    loss: ClassVar[tuple[str, ...]] = (
        "its id, unless it waits in the Recycle Bin: what attaches it by id has to be told",
        "what was written after the snapshot, and what a machine had not yet written to it",
    )

    def tidy(self, ref: ResourceRef, state: State) -> State:
        attached = [
            {name: one.get(name) for name in ("InstanceId", "Device", "DeleteOnTermination")}
            for one in state.get("attachments") or []
            if one.get("State") != "detached"
        ]
        return {**state, "attachments": attached}

    def edges(self, ref: ResourceRef, state: State) -> tuple[Dependent, ...]:
        return tuple(
            Dependent(
                msgspec.structs.replace(ref, kind="ec2:instance", id=str(one["InstanceId"])),
                f"has it as {one['Device']}",
                ref,
            )
            for one in state.get("attachments") or []
            if one["InstanceId"]
        )

    def at_risk(self, state: State) -> str:
        used = len(state.get("attachments") or [])
        return f"a volume of {state.get('Size')} GiB" + (
            f", attached to {counted(used, 'instance')}" if used else ""
        )

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        match operation:
            case "ec2:ModifyVolume":
                if parameters.get("Size") not in (None, state.get("Size")):
                    return ()  # it cannot be made smaller
                return (Step(operation, {"VolumeId": ref.id, **_speed(state)}),)
            case "ec2:AttachVolume":
                instance = parameters.get("InstanceId")
                if any(one["InstanceId"] == instance for one in state["attachments"]):
                    return ()
                return (Step("ec2:DetachVolume", {"VolumeId": ref.id, "InstanceId": instance}),)
            case "ec2:DetachVolume":
                instance = parameters.get("InstanceId")
                return tuple(
                    _attach(ref, one)
                    for one in state["attachments"]
                    if instance in (None, "", one["InstanceId"])
                )
        return super().inverse(operation, parameters, ref, state)

    def backup(self, ref: ResourceRef, state: State, *, case_id: str, at_ms: int) -> Inquiry[Backup]:
        what = f"Keyturn {case_id}: {ref.id}"
        given = {
            "VolumeId": ref.id,
            "Description": what,
            "TagSpecifications": marked("snapshot", case_id, ref),
        }
        made = yield from copy_of(ref, "ec2:CreateSnapshot", given, case_id, SNAPSHOTS)
        name = str(made["SnapshotId"])
        found = yield from snapshot_taken(ref, name)
        if found.get("VolumeSize") != state.get("Size"):
            raise UnavailableError(
                "backup", f"{name} has {found.get('VolumeSize')} GiB and {ref.id} has {state.get('Size')}"
            )
        how = f"{name} is completed, {found['VolumeSize']} GiB as the volume; its blocks were not read again"
        return self._saved(ref, state, name, how, at_ms)

    def _made_from(self, ref: ResourceRef, state: State, copy: str) -> Step:
        given: dict[str, Any] = {"SnapshotId": copy, **_speed(state)}
        names = ("Size", "AvailabilityZone", "Encrypted", "KmsKeyId", "MultiAttachEnabled")
        return Step("ec2:CreateVolume", given | {name: state[name] for name in names if state.get(name)})

    def _finish(self, made: ResourceRef, aim: State) -> Inquiry[None]:
        given = {"VolumeIds": [made.id]}
        ready, failed = frozenset({"available", "in-use"}), frozenset({"error"})
        yield from await_state(
            made, "ec2:DescribeVolumes", given, path="Volumes.0.State", ready=ready, failed=failed
        )
        yield from super()._finish(made, aim)

    def _afterwards(self, ref: ResourceRef, state: State) -> list[Step]:
        return [*super()._afterwards(ref, state), *(_attach(ref, one) for one in state["attachments"])]


def _speed(state: State) -> dict[str, Any]:
    """Type with what that type takes: iops go with it, or the service's default would."""
    kind = state.get("VolumeType")
    names = [
        "VolumeType",
        *(["Iops"] if kind in _TAKES_IOPS else []),
        *(["Throughput"] if kind == "gp3" else []),
    ]
    return {name: state[name] for name in names if state.get(name)}


def _attach(ref: ResourceRef, one: dict[str, Any]) -> Step:
    return Step(
        "ec2:AttachVolume", {"VolumeId": ref.id, "InstanceId": one["InstanceId"], "Device": one["Device"]}
    )


class Snapshot(Copied):
    """A snapshot's description, who may make volumes of it, and tags; its blocks by a copy."""

    kind: ClassVar[str] = "ec2:snapshot"
    gib: ClassVar[str] = "VolumeSize"
    title: ClassVar[str] = "EBS snapshot"
    waits: ClassVar[tuple[str, ...]] = ("aws ec2 wait snapshot-completed --snapshot-ids {id}",)
    fields: ClassVar[tuple[str, ...]] = (
        "VolumeSize", "Encrypted", "KmsKeyId", "Description", "StorageTier", "shared", "tags",
    )  # fmt: skip
    deletes: ClassVar[frozenset[str]] = frozenset({"ec2:DeleteSnapshot"})
    calls: ClassVar[tuple[str, ...]] = ("ec2:ModifySnapshotAttribute",)
    sets: ClassVar[frozenset[str]] = frozenset({"shared"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "ec2:DescribeSnapshots",
            {"SnapshotIds": [ID]},
            {**{name: name for name in fields if name[0].isupper()}, "volume": "VolumeId", "tags": "Tags"},
            absent=("InvalidSnapshot.NotFound",),
            one_of="Snapshots",
        ),
        Read(
            "ec2:DescribeSnapshotAttribute",
            {"SnapshotId": ID, "Attribute": "createVolumePermission"},
            {"shared": "CreateVolumePermissions"},
        ),
        Read("ec2:DescribeImages", {"Owners": ["self"]}, {"images": "Images"}, all_of="Images"),
    )
    born: ClassVar[str] = "SnapshotId"
    bin: ClassVar[Bin | None] = Bin(
        "ec2:ListSnapshotsInRecycleBin",
        "SnapshotIds",
        "Snapshots",
        "ec2:RestoreSnapshotFromRecycleBin",
        "SnapshotId",
    )
    tagged: ClassVar[Tags] = EC2_TAGS
    recover_s: ClassVar[int] = _SNAPSHOT_S
    loss: ClassVar[tuple[str, ...]] = (
        "its id, unless it waits in the Recycle Bin: images and scripts that name it have to be told",
        "when it was taken, and of which volume: a copy says neither",
    )

    def tidy(self, ref: ResourceRef, state: State) -> State:
        images = [
            one.get("ImageId")
            for one in state.get("images") or []
            if any(
                (disk.get("Ebs") or {}).get("SnapshotId") == ref.id
                for disk in one.get("BlockDeviceMappings") or []
            )
        ]
        return {**state, "images": images}

    def edges(self, ref: ResourceRef, state: State) -> tuple[Dependent, ...]:
        return tuple(
            Dependent(msgspec.structs.replace(ref, kind="ec2:image", id=str(one)), "is made of", ref)
            for one in state.get("images") or []
        )

    def at_risk(self, state: State) -> str:
        used = len(state.get("images") or [])
        return f"a snapshot of {state.get('VolumeSize')} GiB" + (f", in {used} images" if used else "")

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        if operation != "ec2:ModifySnapshotAttribute":
            return super().inverse(operation, parameters, ref, state)
        added, removed = _shares(parameters)
        had = state["shared"]
        again, off = [one for one in removed if one in had], [one for one in added if one not in had]
        return tuple(_share(ref, way, shares) for way, shares in (("add", again), ("remove", off)) if shares)

    def backup(self, ref: ResourceRef, state: State, *, case_id: str, at_ms: int) -> Inquiry[Backup]:
        given = {**self._copying(ref, state, ref.id), "TagSpecifications": marked("snapshot", case_id, ref)}
        given["Description"] = f"Keyturn {case_id}: {ref.id}"
        made = yield from copy_of(ref, "ec2:CopySnapshot", given, case_id, SNAPSHOTS)
        name = str(made["SnapshotId"])
        yield from snapshot_taken(ref, name)
        how = f"the copy {name} is completed; its blocks were not read again"
        return self._saved(ref, state, name, how, at_ms)

    def _made_from(self, ref: ResourceRef, state: State, copy: str) -> Step:
        return Step("ec2:CopySnapshot", self._copying(ref, state, copy))

    def _copying(self, ref: ResourceRef, state: State, source: str) -> dict[str, Any]:
        made = {"SourceRegion": ref.region, "SourceSnapshotId": source}
        return made | {
            name: state[name] for name in ("Description", "Encrypted", "KmsKeyId") if state.get(name)
        }

    def _finish(self, made: ResourceRef, aim: State) -> Inquiry[None]:
        yield from snapshot_taken(made, made.id)
        yield from super()._finish(made, aim)

    def _afterwards(self, ref: ResourceRef, state: State) -> list[Step]:
        shared = [_share(ref, "add", state["shared"])] if state.get("shared") else []
        return [*super()._afterwards(ref, state), *shared]


def _shares(parameters: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Whom a request lets in and whom it takes out, in whichever of two ways it says so."""
    wanted = parameters.get("CreateVolumePermission") or {}
    listed = [{"UserId": one} for one in parameters.get("UserIds") or []]
    listed += [{"Group": one} for one in parameters.get("GroupNames") or []]
    kind = parameters.get("OperationType")
    added = [*(wanted.get("Add") or []), *(listed if kind == "add" else [])]
    removed = [*(wanted.get("Remove") or []), *(listed if kind == "remove" else [])]
    return added, removed


def _share(ref: ResourceRef, way: str, shares: list[dict[str, Any]]) -> Step:
    users = [one["UserId"] for one in shares if one.get("UserId")]
    groups = [one["Group"] for one in shares if one.get("Group")]
    told = {name: value for name, value in (("UserIds", users), ("GroupNames", groups)) if value}
    given = {"SnapshotId": ref.id, "Attribute": "createVolumePermission", "OperationType": way}
    return Step("ec2:ModifySnapshotAttribute", given | told)
