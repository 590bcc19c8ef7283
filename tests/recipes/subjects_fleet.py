"""As `subjects`: clusters, machines, disks, networks."""

from __future__ import annotations

from typing import Any

from tests.provider.provider_world import ACCOUNT, REGION, Account
from tests.recipes.drawing import Draw, accepted, perform
from tests.recipes.reborn_nights import IMAGE, network
from tests.recipes.subjects import (
    ROLE,
    Made,
    label,
    must,
    some,
)


def cluster(account: Account, draw: Draw) -> Made:
    name = label(draw.chance)
    must(accepted(account, "ecs:CreateCluster", {"clusterName": name}, draw))
    arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{name}"
    keys = {
        "clusters": [name],
        "cluster": name,
        "include": ["SETTINGS", "TAGS", "CONFIGURATIONS", "STATISTICS"],
        "resourceArn": arn,
    }
    return Made(name, keys, ("ecs:DeleteCluster", {"cluster": name}))


def _definition(draw: Draw) -> dict[str, Any]:
    return {
        "family": label(draw.chance),
        "containerDefinitions": [
            {"name": "web", "image": "web:1", "memory": 128, "essential": True, "environment": [{"name": "B", "value": "ö"}, {"name": "A", "value": "1"}],
             "secrets": [{"name": "S", "valueFrom": f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/x"}], "command": ["b", "a"],
             "portMappings": [{"containerPort": 80, "hostPort": 0, "protocol": "tcp"}], "dockerLabels": {"z": "1", "a": "2"}},
            {"name": "side", "image": "side:1", "memory": 64, "essential": False, "dependsOn": [{"containerName": "web", "condition": "START"}]}],
    }  # fmt: skip


def task(account: Account, draw: Draw) -> Made:
    found = must(accepted(account, "ecs:RegisterTaskDefinition", _definition(draw), draw)).answer[
        "taskDefinition"
    ]
    name = f"{found['family']}:{found['revision']}"
    return Made(
        name,
        {"taskDefinition": name, "include": ["TAGS"]},
        ("ecs:DeregisterTaskDefinition", {"taskDefinition": name}),
    )


def service(account: Account, draw: Draw) -> Made:
    name = label(draw.chance)
    perform(account, "ecs:CreateCluster", {"clusterName": "shop"})
    definition = _definition(draw)
    perform(account, "ecs:RegisterTaskDefinition", definition)
    given = {
        "cluster": "shop",
        "serviceName": name,
        "taskDefinition": definition["family"],
        "desiredCount": draw.chance.randint(0, 3),
        "launchType": "EC2",
    }
    must(accepted(account, "ecs:CreateService", given, draw))
    arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/shop/{name}"
    keys = {"cluster": "shop", "services": [name], "service": name, "include": ["TAGS"], "resourceArn": arn}
    return Made(
        f"shop/{name}", keys, ("ecs:DeleteService", {"cluster": "shop", "service": name, "force": True})
    )


def volume(account: Account, draw: Draw) -> Made:
    given = {
        "AvailabilityZone": f"{REGION}a",
        "Size": draw.chance.randint(1, 90),
        "VolumeType": draw.chance.choice(["gp2", "gp3", "io1", "st1", "standard"]),
    }
    if given["VolumeType"] in {"io1", "gp3"}:
        given["Iops"] = 3100
    draw.hints = {
        **draw.hints,
        "^(DryRun|Iops|Throughput|OutpostArn|SnapshotId|VolumeInit|MultiAttach)": lambda _: None,
        "^KmsKeyId": lambda _: "alias/aws/ebs",
    }
    found = must(accepted(account, "ec2:CreateVolume", given | tagged("volume"), draw)).answer["VolumeId"]
    return Made(
        found,
        {"VolumeIds": [found], "VolumeId": found, "Attribute": "autoEnableIO"},
        ("ec2:DeleteVolume", {"VolumeId": found}),
    )


def tagged(kind: str) -> dict[str, Any]:
    tags = [{"Key": "größe", "Value": ""}, {"Key": "Name", "Value": "Ä b"}, {"Key": "a:b", "Value": "c=d"}]
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": tags}]}


def snapshot(account: Account, draw: Draw) -> Made:
    made = perform(
        account,
        "ec2:CreateVolume",
        {"AvailabilityZone": f"{REGION}a", "Size": 7, "Encrypted": draw.chance.random() < 0.5},
    )["VolumeId"]
    found = perform(
        account, "ec2:CreateSnapshot", {"VolumeId": made, "Description": "ö", **tagged("snapshot")}
    )["SnapshotId"]
    for user in draw.chance.sample(["111122223333", "444455556666"], draw.chance.randint(0, 2)):
        perform(
            account,
            "ec2:ModifySnapshotAttribute",
            {
                "SnapshotId": found,
                "Attribute": "createVolumePermission",
                "OperationType": "add",
                "UserIds": [user],
            },
        )
    keys = {"SnapshotIds": [found], "SnapshotId": found, "Attribute": "createVolumePermission"}
    return Made(found, keys, ("ec2:DeleteSnapshot", {"SnapshotId": found}))


def instance(account: Account, draw: Draw) -> Made:
    made, chance = network(account), draw.chance
    group = perform(
        account, "ec2:CreateSecurityGroup", {"GroupName": "one", "Description": "x", "VpcId": made["vpc"]}
    )["GroupId"]
    possible: dict[str, Any] = {
        "UserData": "#!/bin/sh\necho ö", "InstanceInitiatedShutdownBehavior": "terminate", "Monitoring": {"Enabled": True}, "EbsOptimized": True,
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 3}, "DisableApiTermination": False, "PrivateIpAddress": "10.0.1.55",
        # no further disks: the image that the stand-in makes has only the first
        "CreditSpecification": {"CpuCredits": "unlimited"}, "HibernationOptions": {"Configured": True}, "EnclaveOptions": {"Enabled": True},
        "Placement": {"Tenancy": "dedicated"}, "CpuOptions": {"CoreCount": 1, "ThreadsPerCore": 1}, "MaintenanceOptions": {"AutoRecovery": "disabled"},
        "KeyName": "own",
    }  # fmt: skip
    perform(account, "ec2:CreateKeyPair", {"KeyName": "own"})
    given = {key: value for key, value in possible.items() if chance.random() < 0.4}
    base = {
        "ImageId": IMAGE,
        "InstanceType": "t3.micro",
        "MinCount": 1,
        "MaxCount": 1,
        "SubnetId": made["subnet"],
        "SecurityGroupIds": [group],
    }
    found = perform(account, "ec2:RunInstances", {**base, **given, **tagged("instance")})["Instances"][0][
        "InstanceId"
    ]
    if chance.random() < 0.5:
        made["eip"] = perform(account, "ec2:AllocateAddress", {"Domain": "vpc"})["AllocationId"]
        perform(account, "ec2:AssociateAddress", {"AllocationId": made["eip"], "InstanceId": found})
    if chance.random() < 0.3:
        perform(account, "ec2:StopInstances", {"InstanceIds": [found]})
    return Made(
        found,
        {"InstanceIds": [found], "InstanceId": found},
        ("ec2:TerminateInstances", {"InstanceIds": [found]}),
    )


def security(account: Account, draw: Draw) -> Made:
    made, chance, name = network(account), draw.chance, label(draw.chance)
    perform(
        account,
        "ec2:CreateManagedPrefixList",
        {"PrefixListName": "x", "MaxEntries": 3, "AddressFamily": "IPv4"},
    )
    found = perform(
        account,
        "ec2:CreateSecurityGroup",
        {"GroupName": name, "Description": "a b", "VpcId": made["vpc"], **tagged("security-group")},
    )["GroupId"]
    other = perform(
        account, "ec2:CreateSecurityGroup", {"GroupName": "other", "Description": "x", "VpcId": made["vpc"]}
    )["GroupId"]
    rules: list[dict[str, Any]] = [
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 25, "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "a: b"}, {"CidrIp": "192.168.0.0/16"}]},
        {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": found, "Description": "own"}]}, {"IpProtocol": "udp", "FromPort": 1, "ToPort": 1, "UserIdGroupPairs": [{"GroupId": other}]},
        {"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "Ipv6Ranges": [{"CidrIpv6": "::/0", "Description": "six"}]},
        {"IpProtocol": "50", "FromPort": -1, "ToPort": -1, "IpRanges": [{"CidrIp": "10.1.0.0/16"}]},
    ]  # fmt: skip
    for way in ("Ingress", "Egress"):
        chosen = chance.sample(rules, chance.randint(0, len(rules)))
        if chosen:
            perform(account, f"ec2:AuthorizeSecurityGroup{way}", {"GroupId": found, "IpPermissions": chosen})
    if chance.random() < 0.5:
        perform(
            account,
            "ec2:RevokeSecurityGroupEgress",
            {
                "GroupId": found,
                "IpPermissions": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
            },
        )
    return Made(
        found, {"GroupIds": [found], "GroupId": found}, ("ec2:DeleteSecurityGroup", {"GroupId": found})
    )


def address(account: Account, draw: Draw) -> Made:
    found = perform(account, "ec2:AllocateAddress", {"Domain": "vpc", **tagged("elastic-ip")})["AllocationId"]
    return Made(found, {"AllocationIds": [found]}, ("ec2:ReleaseAddress", {"AllocationId": found}))


def interface(account: Account, draw: Draw) -> Made:
    made, chance = network(account), draw.chance
    group = perform(
        account, "ec2:CreateSecurityGroup", {"GroupName": "one", "Description": "x", "VpcId": made["vpc"]}
    )["GroupId"]
    possible: dict[str, Any] = {"Description": "ö", "PrivateIpAddress": "10.0.1.44", "Groups": [group], **tagged("network-interface"),
                                "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.1.45", "Primary": True}, {"PrivateIpAddress": "10.0.1.46", "Primary": False}]}  # fmt: skip
    given = {key: value for key, value in possible.items() if chance.random() < 0.6}
    if "PrivateIpAddresses" in given:
        given.pop("PrivateIpAddress", None)
    found = perform(account, "ec2:CreateNetworkInterface", {"SubnetId": made["subnet"], **given})[
        "NetworkInterface"
    ]["NetworkInterfaceId"]
    if chance.random() < 0.5:
        perform(
            account,
            "ec2:ModifyNetworkInterfaceAttribute",
            {"NetworkInterfaceId": found, "SourceDestCheck": {"Value": False}},
        )
    return Made(
        found, {"NetworkInterfaceIds": [found]}, ("ec2:DeleteNetworkInterface", {"NetworkInterfaceId": found})
    )


def template(account: Account, draw: Draw) -> Made:
    name = label(draw.chance)
    data: dict[str, Any] = {"ImageId": IMAGE, "InstanceType": "t3.micro", "UserData": "aGVsbG8=", "KeyName": "x", "EbsOptimized": True,
            "BlockDeviceMappings": [{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 9}}], **tagged("instance")}  # fmt: skip
    found = ""
    for number in range(draw.chance.randint(1, 4)):
        chosen = {key: value for key, value in data.items() if draw.chance.random() < 0.6} or {
            "InstanceType": "t3.micro"
        }
        if not number:
            found = perform(
                account,
                "ec2:CreateLaunchTemplate",
                {"LaunchTemplateName": name, "VersionDescription": "one", "LaunchTemplateData": chosen},
            )["LaunchTemplate"]["LaunchTemplateId"]
        else:
            perform(
                account,
                "ec2:CreateLaunchTemplateVersion",
                {"LaunchTemplateId": found, "LaunchTemplateData": chosen},
            )
        if number and draw.chance.random() < 0.4:
            perform(
                account,
                "ec2:ModifyLaunchTemplate",
                {"LaunchTemplateId": found, "DefaultVersion": str(number + 1)},
            )
    return Made(
        found,
        {"LaunchTemplateIds": [found], "LaunchTemplateId": found},
        ("ec2:DeleteLaunchTemplate", {"LaunchTemplateId": found}),
    )


def scaling(account: Account, draw: Draw) -> Made:
    made, chance, name = network(account), draw.chance, label(draw.chance)
    perform(
        account,
        "ec2:CreateLaunchTemplate",
        {"LaunchTemplateName": name, "LaunchTemplateData": {"ImageId": IMAGE, "InstanceType": "t3.micro"}},
    )
    draw.hints = {
        **draw.hints,
        "^(InstanceId|LaunchConfigurationName|MixedInst|LoadBalancer|TargetGroup|Traffic|AvailabilityZone|PlacementGroup|LifecycleHook|CapacityRes|InstanceLifecycle|DeletionProt)": lambda _: (
            None
        ),
        "ServiceLinkedRole": lambda _: ROLE,
        "TerminationPolicies": lambda c: c.sample(["OldestInstance", "NewestInstance", "Default"], 2),
    }
    given = {"AutoScalingGroupName": name, "MinSize": 0, "MaxSize": 5, "DesiredCapacity": chance.randint(0, 2), "VPCZoneIdentifier": f"{made['subnet2']},{made['subnet']}",
             "LaunchTemplate": {"LaunchTemplateName": name, "Version": chance.choice(["1", "$Latest", "$Default"])},
             "Tags": [{"Key": "größe", "Value": "", "PropagateAtLaunch": chance.random() < 0.5}, {"Key": "a", "Value": "b", "PropagateAtLaunch": True}]}  # fmt: skip
    must(accepted(account, "autoscaling:CreateAutoScalingGroup", given, draw))
    here = {"AutoScalingGroupName": name}
    some(draw, account, "autoscaling:PutScalingPolicy", {**here, "PolicyName": "step", "PolicyType": "StepScaling", "AdjustmentType": "ChangeInCapacity",
         "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}], "MetricAggregationType": "Average"})  # fmt: skip
    some(
        draw,
        account,
        "autoscaling:PutScalingPolicy",
        {
            **here,
            "PolicyName": "simple",
            "PolicyType": "SimpleScaling",
            "AdjustmentType": "PercentChangeInCapacity",
            "ScalingAdjustment": 10,
            "Cooldown": 60,
            "MinAdjustmentMagnitude": 2,
        },
    )
    some(
        draw,
        account,
        "autoscaling:PutLifecycleHook",
        {
            **here,
            "LifecycleHookName": "drain",
            "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
            "HeartbeatTimeout": 99,
        },
    )
    some(
        draw,
        account,
        "autoscaling:PutScheduledUpdateGroupAction",
        {
            **here,
            "ScheduledActionName": "night",
            "Recurrence": "0 0 * * *",
            "MinSize": 0,
            "TimeZone": "Europe/Berlin",
        },
    )
    some(
        draw, account, "autoscaling:SuspendProcesses", {**here, "ScalingProcesses": ["AZRebalance", "Launch"]}
    )
    some(draw, account, "autoscaling:PutWarmPool", {**here, "MinSize": 1, "PoolState": "Stopped"})
    some(
        draw,
        account,
        "autoscaling:EnableMetricsCollection",
        {**here, "Granularity": "1Minute", "Metrics": ["GroupMinSize", "GroupMaxSize"]},
    )
    return Made(
        name,
        {**here, "AutoScalingGroupNames": [name]},
        ("autoscaling:DeleteAutoScalingGroup", {**here, "ForceDelete": True}),
    )
