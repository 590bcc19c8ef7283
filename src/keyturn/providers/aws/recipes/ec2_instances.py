"""EC2 instances: what is declared of one, and its disks by an image.

A terminated instance is gone for good; another is made from the image, with the old private address where that is still free. Disks of
the instance store are in no image (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html, API_CreateImage.html).
"""

from __future__ import annotations

import base64
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
from keyturn.providers.aws.recipes.ec2_disks import snapshot_taken
from keyturn.providers.aws.recipes.filling import ID
from keyturn.providers.aws.recipes.reborn import (
    EC2_TAGS,
    IMAGES,
    SNAPSHOTS,
    Copied,
    await_state,
    copy_of,
    marked,
)

_METADATA: Final = (
    "HttpTokens",
    "HttpPutResponseHopLimit",
    "HttpEndpoint",
    "HttpProtocolIpv6",
    "InstanceMetadataTags",
)
_ATTRIBUTES: Final = {
    "user_data": ("userData", "UserData.Value"),
    "protected": ("disableApiTermination", "DisableApiTermination.Value"),
    "kept_running": ("disableApiStop", "DisableApiStop.Value"),
    "shutdown": ("instanceInitiatedShutdownBehavior", "InstanceInitiatedShutdownBehavior.Value"),
}
_SET_BY: Final = {
    "UserData.Value": "user_data",
    "DisableApiTermination.Value": "protected",
    "DisableApiStop.Value": "kept_running",
    "InstanceInitiatedShutdownBehavior.Value": "shutdown",
    "InstanceType.Value": "InstanceType",
    "SourceDestCheck.Value": "SourceDestCheck",
    "EbsOptimized.Value": "EbsOptimized",
    "Groups": "groups",
}
_MODIFY: Final = "ec2:ModifyInstanceAttribute"
_WORKS: Final = {"pending": "running", "stopping": "stopped"}
_MACHINE_S: Final = 900
"""Seconds to an instance from an image that is there: some minutes; its blocks are fetched when they are first read."""

_BORN_WITH: Final = ("HibernationOptions", "EnclaveOptions", "MaintenanceOptions")
"""Options that an instance is started with, and can be given at no other time (API_RunInstances)."""


class Instance(Copied):
    """An instance's type, network, profile, metadata options, protections, user data, disks and tags."""

    kind: ClassVar[str] = "ec2:instance"
    title: ClassVar[str] = "EC2 instance"
    waits: ClassVar[tuple[str, ...]] = ("aws ec2 wait instance-running --instance-ids {id}",)
    fields: ClassVar[tuple[str, ...]] = (
        "InstanceType", "SubnetId", "PrivateIpAddress", "KeyName", "EbsOptimized", "SourceDestCheck", *_BORN_WITH, "CpuOptions", "groups", "profile",
        "monitored", "metadata", "placement", *_ATTRIBUTES, "disks", "running", "tags",
    )  # fmt: skip
    secret_fields: ClassVar[tuple[str, ...]] = ("user_data",)
    deletes: ClassVar[frozenset[str]] = frozenset({"ec2:TerminateInstances"})
    sets: ClassVar[frozenset[str]] = frozenset({"groups", "disks"})
    calls: ClassVar[tuple[str, ...]] = ("ec2:ModifyInstanceMetadataOptions",)
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "ec2:DescribeInstances",
            {"InstanceIds": [ID]},
            {
                **{name: name for name in fields if name[0].isupper()},
                "groups": "SecurityGroups",
                "profile": "IamInstanceProfile.Arn",
                "monitored": "Monitoring.State",
                "metadata": "MetadataOptions",
                "placement": "Placement",
                "disks": "BlockDeviceMappings",
                "interfaces": "NetworkInterfaces",
                "running": "State.Name",
                "tags": "Tags",
            },
            absent=("InvalidInstanceID.NotFound",),
            one_of="Reservations.0.Instances",
        ),
        *(
            Read("ec2:DescribeInstanceAttribute", {"InstanceId": ID, "Attribute": name}, {field: path})
            for field, (name, path) in _ATTRIBUTES.items()
        ),
        Read(
            "ec2:DescribeAddresses",
            {"Filters": [{"Name": "instance-id", "Values": [ID]}]},
            {"addresses": "Addresses"},
        ),
        Read(
            "autoscaling:DescribeAutoScalingInstances",
            {"InstanceIds": [ID]},
            {"group": "AutoScalingInstances.0.AutoScalingGroupName"},
        ),
    )
    changes: ClassVar[tuple[Change, ...]] = (
        Change(_MODIFY, {"InstanceId": ID}, _SET_BY),
        Change("ec2:StopInstances", {"InstanceIds": [ID]}, to={"running": "stopped"}),
        Change("ec2:StartInstances", {"InstanceIds": [ID]}, to={"running": "running"}),
        Change("ec2:MonitorInstances", {"InstanceIds": [ID]}, to={"monitored": "enabled"}),
        Change("ec2:UnmonitorInstances", {"InstanceIds": [ID]}, to={"monitored": "disabled"}),
    )
    born: ClassVar[str] = "Instances.0.InstanceId"
    ended: ClassVar[tuple[str, frozenset[str]]] = ("running", frozenset({"terminated"}))
    tagged: ClassVar[Tags] = EC2_TAGS
    recover_s: ClassVar[int] = _MACHINE_S
    loss: ClassVar[tuple[str, ...]] = (
        "its id, and those of its disks and network interfaces; a public address that is no Elastic IP",
        "what was in memory or in the instance store, and what was written after the image",
        "network interfaces beyond the first that go with it",
        "its place in target groups that it was put into by hand",
        "processor options and CPU credits that are not those of its type",
    )

    def tidy(self, ref: ResourceRef, state: State) -> State:
        for (
            name
        ) in _BORN_WITH:  # what is not otherwise than usual is not asked for: not every type knows the option
            usual = not any(value in (True, "disabled") for value in (state.get(name) or {}).values())
            state[name] = None if usual else state[name]
        disks = [
            {"device": one.get("DeviceName"), "goes": bool((one.get("Ebs") or {}).get("DeleteOnTermination"))}
            for one in state.get("disks") or []
            if one.get("Ebs")
        ]
        volumes = [(one.get("Ebs") or {}).get("VolumeId") for one in state.get("disks") or []]
        place, said = state.get("placement") or {}, str(state.get("running"))
        options = state.get("metadata") or {}
        return {
            **state,
            "groups": [one.get("GroupId") for one in state.get("groups") or []],
            "metadata": {name: options[name] for name in _METADATA if options.get(name) is not None},
            "placement": {name: value for name, value in place.items() if name in {"AvailabilityZone", "Tenancy", "GroupName"} and value},
            "monitored": "enabled" if state.get("monitored") in {"enabled", "pending"} else "disabled",
            "running": _WORKS.get(said, said),
            "disks": disks,
            "volumes": volumes,
            "kept": _kept(state.get("interfaces") or []),
            "addresses": [one.get("AllocationId") for one in state.get("addresses") or []],
        }  # fmt: skip

    def edges(self, ref: ResourceRef, state: State) -> tuple[Dependent, ...]:
        found = [("ec2:elastic-ip", name, "leads to") for name in state.get("addresses") or []]
        if state.get("group"):
            found.append(("autoscaling:autoScalingGroup", state["group"], "counts on"))
        return tuple(
            Dependent(msgspec.structs.replace(ref, kind=kind, id=name), relation, ref)
            for kind, name, relation in found
        )

    def at_risk(self, state: State) -> str:
        goes = sum(one["goes"] for one in state["disks"])
        return f"an instance with {counted(len(state['disks']), 'disk')}, {goes} of which go with it"

    def gone(self, state: State | None) -> bool | None:
        if state is not None and state.get("running") == "shutting-down":
            return None
        return state is None

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        if operation == "ec2:ModifyInstanceMetadataOptions":
            return (
                (Step(operation, {"InstanceId": ref.id, **state["metadata"]}),) if state["metadata"] else ()
            )
        if operation == _MODIFY and parameters.get("Attribute"):
            return _plain(self._attribute_back(parameters, ref, state))
        return _plain(super().inverse(operation, parameters, ref, state))

    def _attribute_back(self, parameters: dict[str, Any], ref: ResourceRef, state: State) -> tuple[Step, ...]:
        """The other way to ask for it: one attribute by its name, with a value."""
        name = str(parameters["Attribute"])
        path = f"{name[0].upper()}{name[1:]}.Value"
        field = _SET_BY.get(path)
        if field is None or state.get(field) is None:
            return ()
        return (Step(_MODIFY, {"InstanceId": ref.id, path.partition(".")[0]: {"Value": state[field]}}),)

    # --- image and back ----------------------------------------------------------------------------------------------

    def backup(self, ref: ResourceRef, state: State, *, case_id: str, at_ms: int) -> Inquiry[Backup]:
        given = {
            "InstanceId": ref.id,
            "Name": f"keyturn-{case_id}-{ref.id}",
            "NoReboot": True,
            "TagSpecifications": marked("image", case_id, ref),
        }
        made = yield from copy_of(ref, "ec2:CreateImage", given, case_id, IMAGES)
        name = str(made["ImageId"])
        answer = yield from await_state(
            ref,
            "ec2:DescribeImages",
            {"ImageIds": [name]},
            path="Images.0.State",
            ready=frozenset({"available"}),
            failed=frozenset({"failed", "error", "invalid"}),
        )
        disks = {
            one.get("DeviceName"): one.get("Ebs")
            for one in answer["Images"][0].get("BlockDeviceMappings") or []
        }
        missing = [
            one["device"] for one in state["disks"] if not (disks.get(one["device"]) or {}).get("SnapshotId")
        ]
        if missing:
            raise UnavailableError("backup", f"{name} of {ref.id} lacks the disks {', '.join(missing)}")
        snapshots = [str(disks[one["device"]]["SnapshotId"]) for one in state["disks"]]
        for one in snapshots:
            yield from snapshot_taken(ref, one)
        if snapshots:
            (told,) = marked("snapshot", case_id, ref)
            tags = {"Resources": snapshots, "Tags": told["Tags"]}
            yield from copy_of(ref, "ec2:CreateTags", tags, case_id, SNAPSHOTS)
        how = f"{name} is available, with a completed snapshot of each of {len(state['disks'])} disks; taken without a reboot"
        saved = self._saved(ref, state, name, how, at_ms)
        return msgspec.structs.replace(saved, also=tuple(snapshots))

    def _made_from(self, ref: ResourceRef, state: State, copy: str) -> Step:
        given: dict[str, Any] = {"ImageId": copy, "MinCount": 1, "MaxCount": 1}
        names = ("InstanceType", "SubnetId", "PrivateIpAddress", "KeyName", "EbsOptimized")
        given |= {name: state[name] for name in names if state.get(name)}
        said = {
            "SecurityGroupIds": state["groups"],
            "UserData": _text(state.get("user_data")),
            "DisableApiTermination": state.get("protected"),
            "DisableApiStop": state.get("kept_running"),
            "InstanceInitiatedShutdownBehavior": state.get("shutdown"),
            "MetadataOptions": state["metadata"],
            "Placement": state["placement"],
            **{name: state.get(name) for name in _BORN_WITH},
            "IamInstanceProfile": {"Arn": state["profile"]} if state.get("profile") else None,
            "Monitoring": {"Enabled": True} if state["monitored"] == "enabled" else None,
        }
        if any(one["DeviceIndex"] == 0 for one in state["kept"]):  # it stays, with its address and groups
            said |= {"NetworkInterfaces": state["kept"], "SecurityGroupIds": None}
            given = {
                name: value for name, value in given.items() if name not in {"SubnetId", "PrivateIpAddress"}
            }
        return Step("ec2:RunInstances", given | {name: value for name, value in said.items() if value})

    def _finish(self, made: ResourceRef, aim: State) -> Inquiry[None]:
        given = {"InstanceIds": [made.id]}
        path, ready = "Reservations.0.Instances.0.State.Name", frozenset({"running"})
        failed = frozenset({"terminated", "shutting-down", "stopped"})
        yield from await_state(made, "ec2:DescribeInstances", given, path=path, ready=ready, failed=failed)
        yield from super()._finish(made, aim)

    def _afterwards(self, ref: ResourceRef, state: State) -> list[Step]:
        steps = super()._afterwards(ref, state)
        disks = [
            {"DeviceName": one["device"], "Ebs": {"DeleteOnTermination": one["goes"]}}
            for one in state["disks"]
        ]
        if disks:
            steps.append(Step(_MODIFY, {"InstanceId": ref.id, "BlockDeviceMappings": disks}))
        if state.get("SourceDestCheck") is False:
            steps.append(Step(_MODIFY, {"InstanceId": ref.id, "SourceDestCheck": {"Value": False}}))
        steps += [
            Step(
                "ec2:AssociateAddress",
                {"AllocationId": name, "InstanceId": ref.id, "AllowReassociation": True},
            )
            for name in state.get("addresses") or []
        ]
        if all(one["DeviceIndex"] for one in state["kept"]):
            steps += [
                Step("ec2:AttachNetworkInterface", {"InstanceId": ref.id, **one}) for one in state["kept"]
            ]
        if state["running"] == "stopped":
            steps.append(Step("ec2:StopInstances", {"InstanceIds": [ref.id]}))
        return steps


def _kept(interfaces: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The interfaces that stay when the instance goes, as a request names them."""
    return [
        {"DeviceIndex": tied.get("DeviceIndex"), "NetworkInterfaceId": one.get("NetworkInterfaceId")}
        for one in interfaces
        if (tied := one.get("Attachment") or {}) and not tied.get("DeleteOnTermination")
    ]


def _text(user_data: str | None) -> str | None:
    """As RunInstances is given it: clients encode it themselves. What is no text is left out, and so said to be missing."""
    try:
        return base64.b64decode(user_data or "", validate=True).decode() or None
    except ValueError:
        return None


def _plain(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """User data as a call by name takes it; none of the steps where it is no text."""
    made = []
    for step in steps:
        given = dict(step.parameters)
        if "UserData" in given:
            text = _text(given["UserData"].get("Value"))
            if text is None:
                return ()
            given["UserData"] = {"Value": text}
        made.append(Step(step.operation, given, step.why))
    return tuple(made)
