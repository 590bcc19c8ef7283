"""Elastic IP addresses, network interfaces, and what ties them to instances.

A released address "might be allocated to another AWS account"; it can be asked for again by the address itself
(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReleaseAddress.html, API_AllocateAddress.html).
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import msgspec

from keyturn.model.assessment import Dependent
from keyturn.model.change import ResourceRef
from keyturn.providers.aws.recipes.base import State, Step
from keyturn.providers.aws.recipes.declared import Change, Make, Read, Tags
from keyturn.providers.aws.recipes.filling import ID, ordered
from keyturn.providers.aws.recipes.reborn import EC2_TAGS, Reborn

_TIED: Final = ("NetworkInterfaceId", "PrivateIpAddress")


class Address(Reborn):
    """An Elastic IP address: which one, what it is associated with, its tags."""

    kind: ClassVar[str] = "ec2:elastic-ip"
    title: ClassVar[str] = "Elastic IP address"
    fields: ClassVar[tuple[str, ...]] = (
        "PublicIp",
        "Domain",
        "NetworkBorderGroup",
        "pool",
        "association",
        "tags",
    )
    deletes: ClassVar[frozenset[str]] = frozenset({"ec2:ReleaseAddress"})
    calls: ClassVar[tuple[str, ...]] = ("ec2:AssociateAddress",)
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "ec2:DescribeAddresses",
            {"AllocationIds": [ID]},
            {
                **{name: name for name in ("PublicIp", "Domain", "NetworkBorderGroup", *_TIED)},
                "pool": "PublicIpv4Pool",
                "instance": "InstanceId",
                "tags": "Tags",
            },
            absent=("InvalidAllocationID.NotFound", "InvalidAddress.NotFound"),
            one_of="Addresses",
        ),
    )  # fmt: skip
    make: ClassVar[Make] = Make(
        "ec2:AllocateAddress",
        {"Domain": "vpc"},
        {"Address": "PublicIp", "NetworkBorderGroup": "NetworkBorderGroup", "PublicIpv4Pool": "pool"},
    )
    born: ClassVar[str] = "AllocationId"
    tagged: ClassVar[Tags] = EC2_TAGS
    loss: ClassVar[tuple[str, ...]] = (
        "its allocation id",
        "the address itself, for good, once another account has it: who relies on it has to be told a new one",
        "its reverse DNS name, which is not captured",
    )

    def tidy(self, ref: ResourceRef, state: State) -> State:
        tied = {name: state.pop(name, None) for name in _TIED}
        pool = state.get("pool") if state.get("pool") != "amazon" else None
        return {**state, "pool": pool, "association": tied if tied["NetworkInterfaceId"] else {}}

    def edges(self, ref: ResourceRef, state: State) -> tuple[Dependent, ...]:
        tied = state.get("association") or {}
        if not tied:
            return ()
        kind, name = ("ec2:network-interface", tied["NetworkInterfaceId"])
        if state.get("instance"):
            kind, name = "ec2:instance", state["instance"]
        return (Dependent(msgspec.structs.replace(ref, kind=kind, id=name), "is reached by", ref),)

    def at_risk(self, state: State) -> str:
        return f"the address {state.get('PublicIp')}"

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        if operation == "ec2:AssociateAddress":  # where there was none, its id is known only afterwards
            return tuple(self._tied(ref, state, again=True))
        return super().inverse(operation, parameters, ref, state)

    def _afterwards(self, ref: ResourceRef, state: State) -> list[Step]:
        return [*super()._afterwards(ref, state), *self._tied(ref, state)]

    def _tied(self, ref: ResourceRef, state: State, *, again: bool = False) -> list[Step]:
        if not state.get("association"):
            return []
        given = {"AllocationId": ref.id, **state["association"]}
        return [Step("ec2:AssociateAddress", given | ({"AllowReassociation": True} if again else {}))]


class Association(Reborn):
    """What an Elastic IP address leads to."""

    kind: ClassVar[str] = "ec2:eipassoc"
    title: ClassVar[str] = "association of an Elastic IP address"
    fields: ClassVar[tuple[str, ...]] = ("AllocationId", *_TIED)
    deletes: ClassVar[frozenset[str]] = frozenset({"ec2:DisassociateAddress"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "ec2:DescribeAddresses",
            {"Filters": [{"Name": "association-id", "Values": [ID]}]},
            {
                **{name: name for name in ("AllocationId", *_TIED)},
                "address": "PublicIp",
                "instance": "InstanceId",
            },
            one_of="Addresses",
        ),
    )
    make: ClassVar[Make] = Make("ec2:AssociateAddress", {}, {name: name for name in ("AllocationId", *_TIED)})
    born: ClassVar[str] = "AssociationId"
    loss: ClassVar[tuple[str, ...]] = ("connections to the address, from then until it leads there again",)

    def edges(self, ref: ResourceRef, state: State) -> tuple[Dependent, ...]:
        if not state.get("instance"):
            return ()
        instance = msgspec.structs.replace(ref, kind="ec2:instance", id=state["instance"])
        return (Dependent(instance, f"is reached at {state.get('address')} by", ref),)


class Interface(Reborn):
    """A network interface: subnet, addresses, security groups, attachment, tags."""

    kind: ClassVar[str] = "ec2:network-interface"
    title: ClassVar[str] = "EC2 network interface"
    fields: ClassVar[tuple[str, ...]] = (
        "SubnetId", "PrivateIpAddress", "others", "ipv6", "groups", "Description", "SourceDestCheck", "InterfaceType",
        "attachment", "tags",
    )  # fmt: skip
    deletes: ClassVar[frozenset[str]] = frozenset({"ec2:DeleteNetworkInterface"})
    calls: ClassVar[tuple[str, ...]] = ("ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses")
    sets: ClassVar[frozenset[str]] = frozenset({"groups", "others", "ipv6"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "ec2:DescribeNetworkInterfaces",
            {"NetworkInterfaceIds": [ID]},
            {
                **{name: name for name in fields if name[0].isupper()},
                "others": "PrivateIpAddresses",
                "ipv6": "Ipv6Addresses",
                "groups": "Groups",
                "attachment": "Attachment",
                "managed": "RequesterManaged",
                "public": "Association.PublicIp",
                "tags": "TagSet",
            },
            absent=("InvalidNetworkInterfaceID.NotFound",),
            one_of="NetworkInterfaces",
        ),
    )
    make: ClassVar[Make] = Make(
        "ec2:CreateNetworkInterface",
        {},
        {
            **{name: name for name in ("SubnetId", "PrivateIpAddress", "Description")},
            "Groups": "groups",
            "Ipv6Addresses": "ipv6",
        },
    )
    changes: ClassVar[tuple[Change, ...]] = (
        Change(
            "ec2:ModifyNetworkInterfaceAttribute",
            {"NetworkInterfaceId": ID},
            {
                "Groups": "groups",
                "Description.Value": "Description",
                "SourceDestCheck.Value": "SourceDestCheck",
            },
        ),
    )
    born: ClassVar[str] = "NetworkInterface.NetworkInterfaceId"
    tagged: ClassVar[Tags] = EC2_TAGS
    loss: ClassVar[tuple[str, ...]] = (
        "its id and its MAC address",
        "its private address, once another interface has taken it; a public one that was not an Elastic IP",
    )

    def tidy(self, ref: ResourceRef, state: State) -> State:
        others = [one.get("PrivateIpAddress") for one in state.get("others") or [] if not one.get("Primary")]
        tied = state.get("attachment") or {}
        attached = {
            name: tied.get(name) for name in ("InstanceId", "DeviceIndex") if tied.get(name) is not None
        }
        return {
            **state,
            "others": others,
            "ipv6": [{"Ipv6Address": one.get("Ipv6Address")} for one in state.get("ipv6") or []],
            "groups": [one.get("GroupId") for one in state.get("groups") or []],
            "attachment": attached if attached.get("InstanceId") else {},
        }

    def edges(self, ref: ResourceRef, state: State) -> tuple[Dependent, ...]:
        tied = state.get("attachment") or {}
        if not tied:
            return ()
        instance = msgspec.structs.replace(ref, kind="ec2:instance", id=str(tied["InstanceId"]))
        return (Dependent(instance, f"has it as interface {tied.get('DeviceIndex')}", ref),)

    def at_risk(self, state: State) -> str:
        others = len(state.get("others") or [])
        return f"the address {state.get('PrivateIpAddress')}" + (f" and {others} more" if others else "")

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        named = list(parameters.get("PrivateIpAddresses") or [])
        had = [one for one in named if one in state["others"]]
        match operation:
            case "ec2:AssignPrivateIpAddresses":  # a number of them is chosen by the service
                new = [one for one in named if one not in had]
                return (Step("ec2:UnassignPrivateIpAddresses", _addresses(ref, new)),) if new else ()
            case "ec2:UnassignPrivateIpAddresses":
                return (Step("ec2:AssignPrivateIpAddresses", _addresses(ref, had)),) if had else ()
        if operation == "ec2:ModifyNetworkInterfaceAttribute" and "Groups" in parameters:
            parameters = {**parameters, "Groups": ordered(list(parameters["Groups"]))}
        return super().inverse(operation, parameters, ref, state)

    def _afterwards(self, ref: ResourceRef, state: State) -> list[Step]:
        steps = super()._afterwards(ref, state)
        if state.get("others"):
            steps.append(Step("ec2:AssignPrivateIpAddresses", _addresses(ref, state["others"])))
        if state.get("SourceDestCheck") is False:
            steps.append(
                Step(
                    "ec2:ModifyNetworkInterfaceAttribute",
                    {"NetworkInterfaceId": ref.id, "SourceDestCheck": {"Value": False}},
                )
            )
        if state.get("attachment"):
            steps.append(
                Step("ec2:AttachNetworkInterface", {"NetworkInterfaceId": ref.id, **state["attachment"]})
            )
        return steps


def _addresses(ref: ResourceRef, addresses: list[str]) -> dict[str, Any]:
    return {"NetworkInterfaceId": ref.id, "PrivateIpAddresses": addresses}


class Attachment(Reborn):
    """Which instance a network interface is attached to."""

    kind: ClassVar[str] = "ec2:attachment"
    title: ClassVar[str] = "attachment of a network interface"
    fields: ClassVar[tuple[str, ...]] = ("NetworkInterfaceId", "InstanceId", "DeviceIndex")
    deletes: ClassVar[frozenset[str]] = frozenset({"ec2:DetachNetworkInterface"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "ec2:DescribeNetworkInterfaces",
            {"Filters": [{"Name": "attachment.attachment-id", "Values": [ID]}]},
            {
                "NetworkInterfaceId": "NetworkInterfaceId",
                "InstanceId": "Attachment.InstanceId",
                "DeviceIndex": "Attachment.DeviceIndex",
            },
            one_of="NetworkInterfaces",
        ),
    )
    make: ClassVar[Make] = Make("ec2:AttachNetworkInterface", {}, {name: name for name in fields})
    born: ClassVar[str] = "AttachmentId"
    loss: ClassVar[tuple[str, ...]] = (
        "connections through it, from then until it is attached again",
        "whether it goes when its instance is terminated, which is as the service sets it anew",
    )

    def edges(self, ref: ResourceRef, state: State) -> tuple[Dependent, ...]:
        instance = msgspec.structs.replace(ref, kind="ec2:instance", id=str(state.get("InstanceId")))
        return (Dependent(instance, f"has it as interface {state.get('DeviceIndex')}", ref),)
