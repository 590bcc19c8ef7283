"""Where the stand-in does not do with a patch what the service would: each is shown by calls with nothing of ours in between.

`gap: …`   the name of a gap in `GAPS`
`means: …` it means the same, or follows from what was asked for by the service's own words
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from tests.provider.provider_world import REGION, Account
from tests.recipes.drawing import perform
from tests.recipes.excuses import GAPS as UNTUNED
from tests.recipes.excuses import Gap
from tests.recipes.reborn_nights import IMAGE, network


def _machine(account: Account) -> str:
    run = {"ImageId": IMAGE, "MinCount": 1, "MaxCount": 1}
    return str(perform(account, "ec2:RunInstances", run)["Instances"][0]["InstanceId"])


def _shutdown(account: Account) -> bool:
    which = {"InstanceId": _machine(account)}
    name, read = "InstanceInitiatedShutdownBehavior", "instanceInitiatedShutdownBehavior"
    perform(account, "ec2:ModifyInstanceAttribute", {**which, name: {"Value": "terminate"}})
    told = perform(account, "ec2:DescribeInstanceAttribute", {**which, "Attribute": read})
    (run,) = perform(account, "ec2:DescribeInstances", {"InstanceIds": [which["InstanceId"]]})["Reservations"]
    return bool(told[name]["Value"] == "stop" and not run["Instances"][0]["SecurityGroups"])


def _no_such_group(account: Account) -> bool:
    made = network(account)
    interface = perform(account, "ec2:CreateNetworkInterface", {"SubnetId": made["subnet"]})
    which = {"NetworkInterfaceId": interface["NetworkInterface"]["NetworkInterfaceId"]}
    groups = {"Groups": ["sg-0123456789abcdef0"]}
    perform(account, "ec2:ModifyNetworkInterfaceAttribute", {**which, **groups})
    perform(account, "ec2:ModifyInstanceAttribute", {"InstanceId": _machine(account), **groups})
    return True  # both were taken


def _queue_policy(account: Account) -> bool:
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "x", "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage"}],
    }
    given = {"QueueName": "jobs", "Attributes": {"Policy": json.dumps(policy)}}
    url = {"QueueUrl": perform(account, "sqs:CreateQueue", given)["QueueUrl"]}
    perform(account, "sqs:SetQueueAttributes", {**url, "Attributes": {"DelaySeconds": "3"}})
    told = perform(account, "sqs:GetQueueAttributes", {**url, "AttributeNames": ["All"]})["Attributes"]
    return "Policy" not in told


def _template_tags(account: Account) -> bool:
    given = {"LaunchTemplateName": "web", "LaunchTemplateData": {"ImageId": IMAGE}}
    made = perform(account, "ec2:CreateLaunchTemplate", given)["LaunchTemplate"]["LaunchTemplateId"]
    perform(account, "ec2:CreateTags", {"Resources": [made], "Tags": [{"Key": "a", "Value": "b"}]})
    (told,) = perform(account, "ec2:DescribeLaunchTemplates", {"LaunchTemplateIds": [made]})[
        "LaunchTemplates"
    ]
    return not told.get("Tags")


def _group_settings(account: Account) -> bool:
    which = {"AutoScalingGroupName": "web"}
    given = {"LaunchTemplateName": "web", "LaunchTemplateData": {"ImageId": IMAGE}}
    perform(account, "ec2:CreateLaunchTemplate", given)
    launched = {"LaunchTemplate": {"LaunchTemplateName": "web", "Version": "$Latest"}}
    here = {"MinSize": 0, "MaxSize": 0, "AvailabilityZones": [f"{REGION}a"]}
    perform(account, "autoscaling:CreateAutoScalingGroup", {**which, **here, **launched})
    set_to: dict[str, Any] = {
        "DefaultCooldown": 77,
        "TerminationPolicies": ["OldestInstance"],
        "CapacityRebalance": True,
    }
    perform(account, "autoscaling:UpdateAutoScalingGroup", {**which, **launched, **set_to})
    found = perform(account, "autoscaling:DescribeAutoScalingGroups", {"AutoScalingGroupNames": ["web"]})
    (told,) = found["AutoScalingGroups"]
    return all(told.get(name) != value for name, value in set_to.items())


def _protocols(account: Account) -> bool:
    made = network(account)
    wanted = {"Name": "web", "Type": "network", "Subnets": [made["subnet"]]}
    balancer = perform(account, "elbv2:CreateLoadBalancer", wanted)["LoadBalancers"][0]["LoadBalancerArn"]
    group = {"Name": "web", "Protocol": "TLS", "Port": 443, "VpcId": made["vpc"]}
    targets = perform(account, "elbv2:CreateTargetGroup", group)["TargetGroups"][0]["TargetGroupArn"]
    given = {"LoadBalancerArn": balancer, "Protocol": "TCP", "Port": 443,
             "DefaultActions": [{"Type": "forward", "TargetGroupArn": targets}]}  # fmt: skip
    which = {"ListenerArn": perform(account, "elbv2:CreateListener", given)["Listeners"][0]["ListenerArn"]}
    (told,) = perform(account, "elbv2:ModifyListener", {**which, "AlpnPolicy": ["HTTP2Only"]})["Listeners"]
    return bool(told.get("AlpnPolicy") != ["HTTP2Only"])


def _pool(account: Account) -> tuple[dict[str, Any], dict[str, Any]]:
    """A pool as it was made, and as it is once another name was asked for."""
    given = {
        "PoolName": "people",
        "AliasAttributes": ["preferred_username"],
        "UsernameConfiguration": {"CaseSensitive": True},
    }
    made = perform(account, "cognito-idp:CreateUserPool", given)["UserPool"]
    which = {"UserPoolId": made["Id"]}
    perform(account, "cognito-idp:UpdateUserPool", {**which, "PoolName": "others"})
    return made, perform(account, "cognito-idp:DescribeUserPool", which)["UserPool"]


def _pool_name(account: Account) -> bool:
    return bool(_pool(account)[1]["Name"] == "people")


def _pool_forgets(account: Account) -> bool:
    before, after = _pool(account)
    return "AliasAttributes" in before and "AliasAttributes" not in after


def _nobody_granted(account: Account) -> bool:
    which = {"Bucket": "reports"}
    here = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
    perform(account, "s3:CreateBucket", {**which, **here})
    owner = perform(account, "s3:GetBucketAcl", which)["Owner"]
    try:
        perform(account, "s3:PutBucketAcl", {**which, "AccessControlPolicy": {"Owner": owner, "Grants": []}})
        perform(account, "s3:GetBucketAcl", which)
    except (ClientError, AttributeError):
        return True
    return False


GAPS: Final[Mapping[str, Gap]] = {
    "auto tune": UNTUNED["auto tune"],
    "queue policy": Gap("SetQueueAttributes leaves what it is not given (API_SetQueueAttributes); here the policy goes", _queue_policy),
    "shutdown": Gap(
        "InstanceInitiatedShutdownBehavior is set (API_ModifyInstanceAttribute); here it stays, and the groups are taken off", _shutdown
    ),
    "no such group": Gap("a group that is not there is refused: InvalidGroup.NotFound (EC2 error codes)", _no_such_group),
    "template tags": Gap("Tags of a launch template are told of (API_LaunchTemplate)", _template_tags),
    "group settings": Gap(
        "DefaultCooldown, TerminationPolicies and CapacityRebalance are set (API_UpdateAutoScalingGroup)", _group_settings
    ),
    "protocols": Gap("AlpnPolicy is set, of a TLS listener only (API_ModifyListener)", _protocols),
    "pool name": Gap("PoolName is set (API_UpdateUserPool)", _pool_name),
    "pool forgets": Gap(
        "what a pool is made with once, UpdateUserPool does not take and leaves as it is (API_UpdateUserPool)", _pool_forgets
    ),
    "nobody granted": Gap("an access control list may be empty (API_PutBucketAcl)", _nobody_granted),
}  # fmt: skip

_MADE_WITH: Final = ("AliasAttributes", "UsernameAttributes", "UsernameConfiguration")

EXCUSED: Final[Mapping[tuple[str, str, str], str]] = {
    ("ec2:instance", "shutdown", "shutdown"): "gap: shutdown",
    ("ec2:instance", "shutdown", "groups"): "gap: shutdown",
    ("ec2:instance", "groups", "groups"): "gap: no such group",
    ("ec2:network-interface", "groups", "groups"): "gap: no such group",
    ("ec2:launch-template", "tags", "tags"): "gap: template tags",
    **{
        ("autoscaling:autoScalingGroup", name, name): "gap: group settings"
        for name in ("DefaultCooldown", "TerminationPolicies", "CapacityRebalance")
    },
    ("elasticloadbalancing:listener", "AlpnPolicy", "AlpnPolicy"): "gap: protocols",
    ("cognito-idp:userpool", "name", "name"): "gap: pool name",
    **{("cognito-idp:userpool", "name", name): "gap: pool forgets" for name in _MADE_WITH},
    ("sqs:queue", "attributes", "attributes"): "gap: queue policy",
    ("es:domain", "AutoTuneOptions", "AutoTuneOptions"): "gap: auto tune",
    (
        "s3:bucket",
        "public_access",
        "public_access",
    ): "means: what is not given is off (API_PublicAccessBlockConfiguration)",
    ("autoscaling:autoScalingGroup", "MinSize", "DesiredCapacity"): (
        "means: a group is at least as large as its smallest size (API_UpdateAutoScalingGroup)"
    ),
}
"""(kind, what was wanted, what is otherwise than it should be): why."""

CRASHES: Final[Mapping[str, frozenset[str]]] = {"s3:bucket": frozenset({"acl"})}
"""Fields that are not asked for: the stand-in ends in an error of its own over some of their values (gap: nobody granted)."""
