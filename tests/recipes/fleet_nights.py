"""Instances, what keeps them running and what spreads requests over them: nights as those of `reborn_nights`."""

from __future__ import annotations

from tests.provider.provider_world import Account
from tests.recipes.reborn_nights import IMAGE, PRODUCTION, Night, network


def _short(made: dict[str, str]) -> str:
    """A name of its own for each night."""
    return f"web-{made['vpc'][-8:]}"


def instance(account: Account) -> dict[str, str]:
    ec2, made = account.client("ec2"), network(account)
    for name in ("one", "two"):
        made[name] = ec2.create_security_group(GroupName=name, Description="x", VpcId=made["vpc"])["GroupId"]
    run = ec2.run_instances(
        ImageId=IMAGE,
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=1,
        SubnetId=made["subnet"],
        SecurityGroupIds=[made["one"]],
        PrivateIpAddress="10.0.1.77",
        UserData="#!/bin/sh",
        InstanceInitiatedShutdownBehavior="terminate",
        Monitoring={"Enabled": True},
        MetadataOptions={"HttpTokens": "required"},
        TagSpecifications=[{"ResourceType": "instance", "Tags": PRODUCTION}],
    )
    made["id"] = run["Instances"][0]["InstanceId"]
    made["eip"] = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.associate_address(AllocationId=made["eip"], InstanceId=made["id"])
    return made


def stopped(account: Account) -> dict[str, str]:
    made = instance(account)
    account.client("ec2").stop_instances(InstanceIds=[made["id"]])
    return made


def targets(account: Account) -> dict[str, str]:
    made = instance(account)
    elb, made["name"] = account.client("elbv2"), _short(made)
    made["arn"] = elb.create_target_group(
        Name=made["name"], Protocol="HTTP", Port=80, VpcId=made["vpc"], TargetType="instance", Tags=PRODUCTION,
        HealthCheckPath="/health",
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    elb.modify_target_group_attributes(
        TargetGroupArn=made["arn"],
        Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "30"}],
    )
    elb.register_targets(TargetGroupArn=made["arn"], Targets=[{"Id": made["id"]}])
    return made | {"machine": made["id"], "id": made["arn"].partition(":targetgroup/")[2]}


def balancer(account: Account) -> dict[str, str]:
    made = targets(account)
    elb, made["targets"] = account.client("elbv2"), made["arn"]
    made["arn"] = elb.create_load_balancer(
        Name=made["name"], Subnets=[made["subnet"], made["subnet2"]], SecurityGroups=[made["one"]], Tags=PRODUCTION
    )["LoadBalancers"][0]["LoadBalancerArn"]  # fmt: skip
    forward = [{"Type": "forward", "TargetGroupArn": made["targets"]}]
    made["listener"] = elb.create_listener(
        LoadBalancerArn=made["arn"], Protocol="HTTP", Port=80, DefaultActions=forward, Tags=PRODUCTION
    )["Listeners"][0]["ListenerArn"]
    path = [{"Field": "path-pattern", "Values": ["/api/*"]}]
    made["rule"] = elb.create_rule(
        ListenerArn=made["listener"], Priority=5, Conditions=path, Actions=forward, Tags=PRODUCTION
    )["Rules"][0]["RuleArn"]
    group, made["id"] = made["id"], made["arn"].partition(":loadbalancer/")[2]
    return made | {"group": group}


def listener(account: Account) -> dict[str, str]:
    made = balancer(account)
    return made | {"balancer": made["id"], "id": made["listener"].partition(":listener/")[2]}


def rule(account: Account) -> dict[str, str]:
    made = listener(account)
    return made | {"above": made["id"], "id": made["rule"].partition(":listener-rule/")[2]}


def group(account: Account) -> dict[str, str]:
    made, scaling = network(account), account.client("autoscaling")
    made["id"] = name = _short(made)
    account.client("ec2").create_launch_template(
        LaunchTemplateName=name, LaunchTemplateData={"ImageId": IMAGE, "InstanceType": "t3.micro"}
    )
    made["targets"] = account.client("elbv2").create_target_group(
        Name=name, Protocol="HTTP", Port=80, VpcId=made["vpc"], TargetType="instance"
    )["TargetGroups"][0]["TargetGroupArn"]
    scaling.create_auto_scaling_group(
        AutoScalingGroupName=name, MinSize=1, MaxSize=3, DesiredCapacity=2, VPCZoneIdentifier=made["subnet"],
        LaunchTemplate={"LaunchTemplateName": name, "Version": "$Latest"}, TargetGroupARNs=[made["targets"]],
        Tags=[{"Key": "environment", "Value": "production", "PropagateAtLaunch": True}],
    )  # fmt: skip
    scaling.put_scaling_policy(
        AutoScalingGroupName=name,
        PolicyName="half",
        PolicyType="TargetTrackingScaling",
        TargetTrackingConfiguration={
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"},
            "TargetValue": 50.0,
        },
    )
    scaling.put_lifecycle_hook(
        AutoScalingGroupName=name,
        LifecycleHookName="drain",
        LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
    )
    scaling.put_scheduled_update_group_action(
        AutoScalingGroupName=name, ScheduledActionName="night", Recurrence="0 0 * * *", MinSize=1
    )
    scaling.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=["AZRebalance"])
    running = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]
    for place, one in enumerate(running["Instances"]):
        made[f"machine{place}"] = one["InstanceId"]
    return made


_WHO = {"InstanceId": "id"}
_MODIFY = "ec2:ModifyInstanceAttribute"
_GROUP = {"AutoScalingGroupName": "id"}
_LABEL = {"ResourceId": "id", "ResourceType": "auto-scaling-group"}
_FIXED = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}

FLEET: tuple[Night, ...] = (
    Night(
        "ec2:instance",
        instance,
        (
            ("ec2:StopInstances", {"InstanceIds": ["id"]}),
            # no UnmonitorInstances: the stand-in has none
            (_MODIFY, {**_WHO, "Groups": ["one", "two"]}),
            (_MODIFY, {**_WHO, "DisableApiTermination": {"Value": True}}),
            (_MODIFY, {**_WHO, "Attribute": "disableApiTermination", "Value": "true"}),
            (_MODIFY, {**_WHO, "SourceDestCheck": {"Value": False}}),
            ("ec2:ModifyInstanceMetadataOptions", {**_WHO, "HttpTokens": "optional"}),
            ("ec2:CreateTags", {"Resources": ["id"], "Tags": [{"Key": "environment", "Value": "dev"}]}),
        ),
        ("ec2:TerminateInstances", {"InstanceIds": ["id"]}),
        "i-0123456789abcdef0",
        dependents=(("ec2:elastic-ip", "eip"),),
        risk="an instance with 1 disk, 1 of which go with it",
        backup="ec2:CreateImage",
        gaps=("groups",),  # of an instance on an interface that stayed it shows none
    ),
    Night(
        "autoscaling:autoScalingGroup",
        group,
        (
            ("autoscaling:UpdateAutoScalingGroup", {**_GROUP, "MinSize": 0, "MaxSize": 9}),
            ("autoscaling:SetDesiredCapacity", {**_GROUP, "DesiredCapacity": 1}),
            ("autoscaling:SuspendProcesses", {**_GROUP, "ScalingProcesses": ["Launch"]}),
            ("autoscaling:ResumeProcesses", {**_GROUP}),
            ("autoscaling:DetachLoadBalancerTargetGroups", {**_GROUP, "TargetGroupARNs": ["targets"]}),
            ("autoscaling:CreateOrUpdateTags", {"Tags": [{**_LABEL, "Key": "a", "Value": "b", "PropagateAtLaunch": False}]}),
            ("autoscaling:DeleteTags", {"Tags": [{**_LABEL, "Key": "environment"}]}),
        ),
        ("autoscaling:DeleteAutoScalingGroup", {**_GROUP, "ForceDelete": True}),
        "nobody",
        dependents=(("ec2:instance", "machine0"), ("ec2:instance", "machine1")),
        risk="2 instances",
        same=True,
    ),
    Night(
        "elasticloadbalancing:targetgroup",
        targets,
        (
            ("elbv2:ModifyTargetGroup", {"TargetGroupArn": "arn", "HealthCheckPath": "/", "HealthyThresholdCount": 2}),
            ("elbv2:ModifyTargetGroupAttributes", {"TargetGroupArn": "arn", "Attributes": [{"Key": "stickiness.enabled", "Value": "true"}]}),
            ("elbv2:DeregisterTargets", {"TargetGroupArn": "arn", "Targets": [{"Id": "machine"}]}),
            ("elbv2:AddTags", {"ResourceArns": ["arn"], "Tags": [{"Key": "environment", "Value": "dev"}]}),
            ("elbv2:RemoveTags", {"ResourceArns": ["arn"], "TagKeys": ["environment"]}),
        ),
        ("elbv2:DeleteTargetGroup", {"TargetGroupArn": "arn"}),
        "web/0123456789abcdef",
        risk="1 target",
    ),
    Night(
        "elasticloadbalancing:loadbalancer",
        balancer,
        (
            ("elbv2:ModifyLoadBalancerAttributes", {"LoadBalancerArn": "arn", "Attributes": [{"Key": "deletion_protection.enabled", "Value": "true"}]}),
            ("elbv2:SetSecurityGroups", {"LoadBalancerArn": "arn", "SecurityGroups": ["one", "two"]}),
            ("elbv2:RemoveTags", {"ResourceArns": ["arn"], "TagKeys": ["environment"]}),
        ),
        ("elbv2:DeleteLoadBalancer", {"LoadBalancerArn": "arn"}),
        "app/web/0123456789abcdef",
    ),
    Night(
        "elasticloadbalancing:listener",
        listener,
        (
            ("elbv2:ModifyListener", {"ListenerArn": "listener", "Port": 8080}),
            ("elbv2:ModifyListener", {"ListenerArn": "listener", "DefaultActions": [_FIXED]}),
        ),
        ("elbv2:DeleteListener", {"ListenerArn": "listener"}),
        "app/web/0123456789abcdef/0123456789abcdef",
        dependents=(("elasticloadbalancing:loadbalancer", "balancer"),),
        risk="port 80 with 1 rule",
    ),
    Night(
        "elasticloadbalancing:listener-rule",
        rule,
        (
            ("elbv2:ModifyRule", {"RuleArn": "rule", "Conditions": [{"Field": "path-pattern", "Values": ["/v2/*"]}]}),
            ("elbv2:SetRulePriorities", {"RulePriorities": [{"RuleArn": "rule", "Priority": 9}]}),
        ),
        ("elbv2:DeleteRule", {"RuleArn": "rule"}),
        "app/web/0123456789abcdef/0123456789abcdef/0123456789abcdef",
        dependents=(("elasticloadbalancing:listener", "above"),),
    ),
)  # fmt: skip

FLEET_IN_USE: tuple[Night, ...] = (
    Night("ec2:instance", stopped, (("ec2:StartInstances", {"InstanceIds": ["id"]}),), None, "",
          dependents=(("ec2:elastic-ip", "eip"),)),
)  # fmt: skip
