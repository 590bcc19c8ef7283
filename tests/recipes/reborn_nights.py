"""What comes back under a new id: resources as a person would make them on the stand-in, and what is then done and taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from tests.provider.provider_world import REGION, Account
from tests.recipes.recipe_world import Asked

IMAGE = "ami-12c6146b"
"""One that the stand-in knows by itself."""

PRODUCTION = [{"Key": "environment", "Value": "production"}]


class Night(msgspec.Struct, frozen=True):
    """One kind. `make` gives ids by name, under `id` the one it is about; texts in calls that are a name stand for that id."""

    kind: str
    make: Callable[[Account], dict[str, str]]
    changes: tuple[Asked, ...]
    delete: Asked | None
    missing: str  # an id that is not there
    gaps: tuple[str, ...] = ()  # fields that the stand-in does not give back, though it is asked to
    same: bool = False  # it comes back under the name it had
    dependents: tuple[tuple[str, str], ...] = ()  # kind and name
    risk: str = ""
    backup: str = ""  # the call that makes one; empty: the capture is all there is of it


def network(account: Account) -> dict[str, str]:
    ec2 = account.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    made = {"vpc": vpc}
    for name, zone, block in (("subnet", "a", "10.0.1.0/24"), ("subnet2", "b", "10.0.2.0/24")):
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=f"{REGION}{zone}")
        made[name] = subnet["Subnet"]["SubnetId"]
    return made


def group(account: Account) -> dict[str, str]:
    ec2, made = account.client("ec2"), network(account)
    for name, key in (("web", "id"), ("db", "db")):
        made[key] = ec2.create_security_group(GroupName=name, Description=f"of {name}", VpcId=made["vpc"])[
            "GroupId"
        ]
    anyone = {"CidrIp": "0.0.0.0/0", "Description": "anyone"}
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    ec2.authorize_security_group_ingress(
        GroupId=made["id"],
        IpPermissions=[{**https, "IpRanges": [anyone], "UserIdGroupPairs": [{"GroupId": made["id"]}]}],
    )
    ec2.revoke_security_group_egress(
        GroupId=made["id"], IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    )
    ec2.authorize_security_group_egress(
        GroupId=made["id"], IpPermissions=[{**https, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]
    )
    ec2.create_tags(Resources=[made["id"]], Tags=PRODUCTION)
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [made["id"]]}])
    made["rule"] = next(
        one["SecurityGroupRuleId"]
        for one in rules["SecurityGroupRules"]
        if one.get("CidrIpv4") == "0.0.0.0/0"
    )
    made["eni"] = ec2.create_network_interface(SubnetId=made["subnet"], Groups=[made["db"]])[
        "NetworkInterface"
    ]["NetworkInterfaceId"]
    return made


def group_in_use(account: Account) -> dict[str, str]:
    made = group(account)
    account.client("ec2").modify_network_interface_attribute(
        NetworkInterfaceId=made["eni"], Groups=[made["id"]]
    )
    return made


def machine(account: Account) -> dict[str, str]:
    """An instance, as others are attached to it."""
    ec2, made = account.client("ec2"), network(account)
    run = ec2.run_instances(
        ImageId=IMAGE, InstanceType="t3.micro", MinCount=1, MaxCount=1, SubnetId=made["subnet"]
    )
    return made | {"instance": run["Instances"][0]["InstanceId"]}


def volume(account: Account) -> dict[str, str]:
    made = machine(account)
    made["id"] = account.client("ec2").create_volume(
        Size=10,
        VolumeType="gp3",
        Iops=4000,
        Throughput=250,
        AvailabilityZone=f"{REGION}a",
        TagSpecifications=[{"ResourceType": "volume", "Tags": PRODUCTION}],
    )["VolumeId"]
    return made


def volume_in_use(account: Account) -> dict[str, str]:
    made = volume(account)
    account.client("ec2").attach_volume(VolumeId=made["id"], InstanceId=made["instance"], Device="/dev/sdh")
    return made


def snapshot(account: Account) -> dict[str, str]:
    ec2, made = account.client("ec2"), volume(account)
    made["id"] = ec2.create_snapshot(VolumeId=made["id"], Description="before the move")["SnapshotId"]
    ec2.create_tags(Resources=[made["id"]], Tags=PRODUCTION)
    ec2.modify_snapshot_attribute(
        SnapshotId=made["id"],
        Attribute="createVolumePermission",
        OperationType="add",
        UserIds=["111122223333"],
    )
    return made


def address(account: Account) -> dict[str, str]:
    ec2, made = account.client("ec2"), machine(account)
    made["id"] = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.create_tags(Resources=[made["id"]], Tags=PRODUCTION)
    return made


def address_in_use(account: Account) -> dict[str, str]:
    made = address(account)
    tied = account.client("ec2").associate_address(AllocationId=made["id"], InstanceId=made["instance"])
    return made | {"association": tied["AssociationId"]}


def association(account: Account) -> dict[str, str]:
    made = address_in_use(account)
    return made | {"id": made["association"]}


def interface(account: Account) -> dict[str, str]:
    ec2, made = account.client("ec2"), machine(account)
    for name in ("one", "two"):
        made[name] = ec2.create_security_group(GroupName=name, Description="x", VpcId=made["vpc"])["GroupId"]
    made["id"] = ec2.create_network_interface(
        SubnetId=made["subnet"], Groups=[made["one"]], PrivateIpAddress="10.0.1.99", Description="of the db"
    )["NetworkInterface"]["NetworkInterfaceId"]
    ec2.create_tags(Resources=[made["id"]], Tags=PRODUCTION)
    ec2.modify_network_interface_attribute(NetworkInterfaceId=made["id"], SourceDestCheck={"Value": False})
    return made


def attachment(account: Account) -> dict[str, str]:
    made = interface(account)
    tied = account.client("ec2").attach_network_interface(
        NetworkInterfaceId=made["id"], InstanceId=made["instance"], DeviceIndex=1
    )
    return made | {"id": tied["AttachmentId"]}


def template(account: Account) -> dict[str, str]:
    ec2, made = account.client("ec2"), network(account)
    data = {"ImageId": IMAGE, "InstanceType": "t3.micro", "UserData": "aGVsbG8="}
    made["id"] = ec2.create_launch_template(
        LaunchTemplateName=f"web-{made['vpc']}",
        VersionDescription="one",
        LaunchTemplateData=data,
    )["LaunchTemplate"]["LaunchTemplateId"]
    ec2.create_launch_template_version(
        LaunchTemplateId=made["id"], LaunchTemplateData={**data, "InstanceType": "t3.small"}
    )
    ec2.modify_launch_template(LaunchTemplateId=made["id"], DefaultVersion="2")
    return made


def _ssh(source: str) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": source}]}


_HTTPS = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
_TAG = {"Tags": [{"Key": "environment", "Value": "dev"}, {"Key": "a", "Value": "b"}]}
_UNTAG = {"Tags": [{"Key": "environment"}]}

NIGHTS: tuple[Night, ...] = (
    Night(
        "ec2:security-group",
        group,
        (
            ("ec2:AuthorizeSecurityGroupIngress", {"GroupId": "id", "IpPermissions": [_ssh("10.0.0.0/8"), _ssh("192.168.0.0/16")]}),
            ("ec2:AuthorizeSecurityGroupIngress", {"GroupId": "id", "IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "CidrIp": "10.0.0.0/8"}),
            ("ec2:RevokeSecurityGroupIngress", {"GroupId": "id", "IpPermissions": [{**_HTTPS, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}),
            ("ec2:RevokeSecurityGroupIngress", {"GroupId": "id", "SecurityGroupRuleIds": ["rule"]}),
            ("ec2:AuthorizeSecurityGroupEgress", {"GroupId": "id", "IpPermissions": [_ssh("10.0.0.0/8")]}),
            ("ec2:RevokeSecurityGroupEgress", {"GroupId": "id", "IpPermissions": [{**_HTTPS, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]}),
            ("ec2:UpdateSecurityGroupRuleDescriptionsIngress", {"GroupId": "id", "IpPermissions": [{**_HTTPS, "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "x"}]}]}),
            ("ec2:ModifySecurityGroupRules", {"GroupId": "id", "SecurityGroupRules": [{"SecurityGroupRuleId": "rule", "SecurityGroupRule": {**_HTTPS, "CidrIpv4": "10.9.0.0/16"}}]}),
            ("ec2:CreateTags", {"Resources": ["id"], **_TAG}),
            ("ec2:DeleteTags", {"Resources": ["id"], **_UNTAG}),
        ),
        ("ec2:DeleteSecurityGroup", {"GroupId": "id"}),
        "sg-0123456789abcdef0",
        risk="3 rules",
    ),
    Night(
        "ec2:volume",
        volume,
        (
            ("ec2:ModifyVolume", {"VolumeId": "id", "VolumeType": "io1", "Iops": 8000}),
            ("ec2:AttachVolume", {"VolumeId": "id", "InstanceId": "instance", "Device": "/dev/sdh"}),
            ("ec2:DeleteTags", {"Resources": ["id"], **_UNTAG}),
        ),
        ("ec2:DeleteVolume", {"VolumeId": "id"}),
        "vol-0123456789abcdef0",
        risk="a volume of 10 GiB",
        backup="ec2:CreateSnapshot",
    ),
    Night(
        "ec2:snapshot",
        snapshot,
        (
            ("ec2:ModifySnapshotAttribute", {"SnapshotId": "id", "Attribute": "createVolumePermission", "OperationType": "remove", "UserIds": ["111122223333"]}),
            ("ec2:ModifySnapshotAttribute", {"SnapshotId": "id", "Attribute": "createVolumePermission", "OperationType": "add", "UserIds": ["444455556666"]}),
            ("ec2:CreateTags", {"Resources": ["id"], **_TAG}),
        ),
        ("ec2:DeleteSnapshot", {"SnapshotId": "id"}),
        "snap-0123456789abcdef0",
        risk="a snapshot of 10 GiB",
        backup="ec2:CopySnapshot",
    ),
    Night(
        "ec2:elastic-ip",
        address,
        (("ec2:CreateTags", {"Resources": ["id"], **_TAG}),),
        ("ec2:ReleaseAddress", {"AllocationId": "id"}),
        "eipalloc-0123456789abcdef0",
    ),
    Night(
        "ec2:eipassoc",
        association,
        (),
        ("ec2:DisassociateAddress", {"AssociationId": "id"}),
        "eipassoc-0123456789abcdef0",
        dependents=(("ec2:instance", "instance"),),
    ),
    Night(
        "ec2:network-interface",
        interface,
        (
            ("ec2:ModifyNetworkInterfaceAttribute", {"NetworkInterfaceId": "id", "Groups": ["one", "two"]}),
            ("ec2:ModifyNetworkInterfaceAttribute", {"NetworkInterfaceId": "id", "SourceDestCheck": {"Value": True}}),
            ("ec2:ModifyNetworkInterfaceAttribute", {"NetworkInterfaceId": "id", "Description": {"Value": "x"}}),
            ("ec2:AssignPrivateIpAddresses", {"NetworkInterfaceId": "id", "PrivateIpAddresses": ["10.0.1.88"]}),
        ),
        ("ec2:DeleteNetworkInterface", {"NetworkInterfaceId": "id"}),
        "eni-0123456789abcdef0",
        risk="the address 10.0.1.99",
    ),
    Night(
        "ec2:attachment",
        attachment,
        (),
        ("ec2:DetachNetworkInterface", {"AttachmentId": "id"}),
        "eni-attach-0123456789abcdef0",
        dependents=(("ec2:instance", "instance"),),
    ),
    Night(
        "ec2:launch-template",
        template,
        (
            ("ec2:ModifyLaunchTemplate", {"LaunchTemplateId": "id", "DefaultVersion": "1"}),
            # no tags: the stand-in puts those a template is made with into its first version, and shows no others
        ),
        ("ec2:DeleteLaunchTemplate", {"LaunchTemplateId": "id"}),
        "lt-0123456789abcdef0",
        risk="2 versions",
    ),
)  # fmt: skip

IN_USE: tuple[Night, ...] = (
    Night("ec2:security-group", group_in_use, (), None, "", dependents=(("ec2:network-interface", "eni"),),
          risk="3 rules, 1 network interfaces behind it"),
    Night("ec2:volume", volume_in_use,
          (("ec2:DetachVolume", {"VolumeId": "id", "InstanceId": "instance"}),),
          None, "", dependents=(("ec2:instance", "instance"),), risk="a volume of 10 GiB, attached to 1 instance"),
    Night("ec2:elastic-ip", address_in_use, (), None, "", dependents=(("ec2:instance", "instance"),)),
)  # fmt: skip
