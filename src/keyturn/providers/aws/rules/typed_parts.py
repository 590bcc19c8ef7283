"""What making or changing a resource of a CloudFormation type is: the calls of its service that it amounts to.

A create is the type's own create, a change the call that sets those properties, with what stood beside it. Properties that the call does not have,
and types without one, are judged by their names. Custom resources, nested stacks and types of others' run what is not seen here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from keyturn.providers.aws import authority
from keyturn.providers.aws.kinds import makes, sets
from keyturn.providers.aws.languages.templates import Resource, Template
from keyturn.providers.aws.rules import Authority
from keyturn.providers.aws.rules.conditions import is_off
from keyturn.providers.aws.rules.identity_parts import document, identity
from keyturn.providers.aws.rules.parts import DECIDES, Part, members_of, named
from keyturn.providers.aws.rules.shapes import families
from keyturn.providers.aws.wire_shapes import kebab

_FOREIGN: Final = re.compile(
    r"^(?!AWS::|Alexa::)|^AWS::CloudFormation::(CustomResource|Macro|Stack|StackSet|ResourceVersion|HookVersion|LambdaHook|TypeActivation)$"
)
"""Types behind which code of somebody's runs, or another template stands."""

_EMPTY: Final = frozenset({"AWS::CDK::Metadata", "AWS::CloudFormation::WaitConditionHandle", "AWS::CloudFormation::WaitCondition"})  # fmt: skip
"""Types that are nothing on the account."""

_GUARDS: Final = re.compile(
    r"(?i)protect|encrypt|versioning|block|lock|backup|retention|recovery|mfa|logging|multiaz|firewall|waf|policy$|policies$"
)
"""Properties that guard, or decide who may: without them it is less guarded, or otherwise."""

_AROUND: Final = frozenset({"Tags", "Metadata"})
"""Properties that are said of every type, and change nothing that runs."""

_NOT_SEEN: Final = "what runs behind a resource of this type is not seen here"


def made(one: Resource, template: Template) -> Iterator[Part]:
    """What making a resource is."""
    label = f"{one.name} ({one.kind})"
    if one.kind in _EMPTY:
        return
    if _FOREIGN.search(one.kind):
        yield Part("", label=label, unknown=_NOT_SEEN)
        return
    if one.kind.startswith("AWS::IAM::"):
        yield from identity(one, label)
        return
    how: dict[str, Any] = {"authority": _power(one.properties, template), "role": _role(one.properties), "new": True}  # fmt: skip
    call = makes(one.kind)
    if not call:
        typed = {
            **one.properties,
            "TypeName": one.kind,
            "DesiredState": json.dumps(one.properties, default=str),
        }
        yield Part("cloudcontrol:CreateResource", typed, label, **how)
        return
    own, others = _split(call, _spelled(call, one.properties))
    yield Part(call, named(call, own, one.properties, one.name), label, **how)
    if others:
        yield Part("cloudcontrol:CreateResource", others, label, generic=True, **how)


def changed(
    name: str,
    kind: str,
    names: list[str],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    template: Template,
) -> Iterator[Part]:
    """What a change of properties is: the calls that set them, and for those that go, what guarded."""
    label = f"{name} ({kind})"
    names = [one for one in names if one not in _AROUND]
    if not names or kind in _EMPTY:
        return
    if _FOREIGN.search(kind):
        yield Part("", label=label, unknown=_NOT_SEEN)
        return
    if kind.startswith("AWS::IAM::"):
        yield from identity(Resource(name, kind, dict(after)), label, set(names), before)
        return
    if kind == "AWS::EC2::SecurityGroup":
        yield from _outbound(name, names, before, after, label)
    yield from _left_out(names, before, after, label)
    given = {one: after[one] for one in names if one in after}
    if not given:
        return
    how: dict[str, Any] = {"authority": _power(after, template), "role": _role(after)}
    for call, own in _by_property(kind, given):
        yield Part(call, named(call, own, after, name), label, **how)
    if not given:
        return
    stood = {one: before[one] for one in given if one in before}
    call = sets(kind)
    if not call:
        patch = [{"op": "replace", "path": f"/{one}", "value": value} for one, value in given.items()]
        typed = {**given, "TypeName": kind, "PatchDocument": json.dumps(patch, default=str)}
        yield Part("cloudcontrol:UpdateResource", typed, label, stood, **how)
        return
    own, others = _split(call, _spelled(call, given))
    if own:
        yield Part(call, named(call, own, after, name), label, stood, state=_captured(call, before), **how)
    if others:
        yield Part("cloudcontrol:UpdateResource", others, label, stood, generic=True, **how)


def _left_out(
    names: list[str], before: Mapping[str, Any], after: Mapping[str, Any], label: str
) -> Iterator[Part]:
    """What is said no more falls back to its default: a guard guards no more, a list is empty, and of the rest it is not known."""
    gone = [one for one in names if one not in after]
    guards = [one for one in gone if _GUARDS.search(one)]
    if guards:
        yield Part(
            "", label=label, says=f"{', '.join(guards[:3])} would be said no more, and guards it no more"
        )
    rest = {one: before.get(one) for one in gone if one not in guards and one != "SecurityGroupEgress"}
    emptied = {one: type(value)() for one, value in rest.items() if isinstance(value, (list, dict)) and value}
    if emptied:
        stood = {one: rest[one] for one in emptied}
        yield Part("cloudcontrol:UpdateResource", emptied, label, stood, generic=True)
    unsure = [one for one in rest if one not in emptied and set(families(one)) & DECIDES]
    if unsure:
        yield Part("", label=label, unknown=f"to what {', '.join(unsure[:3])} falls back is not known")


_EVERYTHING: Final = [
    {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
]


def _outbound(
    name: str, names: list[str], before: Mapping[str, Any], after: Mapping[str, Any], label: str
) -> Iterator[Part]:
    """A group that names no rule for what goes out lets everything out; one that names some lets out no more than these
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-securitygroup.html).
    """
    if "SecurityGroupEgress" not in names:
        return
    stood, wanted = before.get("SecurityGroupEgress"), after.get("SecurityGroupEgress")
    if stood and not wanted and not _lets_all_out(stood):
        opened = {"GroupId": name, "IpPermissions": _EVERYTHING}
        yield Part("ec2:AuthorizeSecurityGroupEgress", opened, label)
    elif wanted and not stood and not _lets_all_out(wanted):
        yield Part("ec2:RevokeSecurityGroupEgress", {"GroupId": name, "IpPermissions": _EVERYTHING}, label)


def _lets_all_out(rules: Any) -> bool:
    return any(
        isinstance(one, Mapping) and str(one.get("IpProtocol")) == "-1" and one.get("CidrIp") == "0.0.0.0/0"
        for one in (rules if isinstance(rules, list) else [rules])
    )


def _split(call: str, given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Members that the call has, and those that it has not."""
    there = {one.lower() for one in members_of(call)}
    own = {name: value for name, value in given.items() if name.lower() in there}
    return own, {name: value for name, value in given.items() if name not in own and name not in _AROUND}


def _captured(call: str, before: Mapping[str, Any]) -> dict[str, Any]:
    """What stood, as a recipe writes it: the same members in its own spelling."""
    state: dict[str, Any] = {kebab(name).replace("-", "_"): value for name, value in before.items()}
    variables = before.get("Environment")
    if call == "lambda:UpdateFunctionConfiguration" and isinstance(variables, Mapping):
        state["environment"] = variables.get("Variables") or {}
    if call == "sqs:SetQueueAttributes":
        state["attributes"] = {name: str(value) for name, value in before.items()}
    return state


_BY_PROPERTY: Final = {
    # type and property -> the call that sets it, and the member that says to what
    "AWS::CloudTrail::Trail/IsLogging": ("cloudtrail:StopLogging", ""),
    "AWS::ECR::Repository/LifecyclePolicy": ("ecr:PutLifecyclePolicy", "*"),
    "AWS::ECR::Repository/RepositoryPolicyText": ("ecr:SetRepositoryPolicy", "policyText"),
    "AWS::EKS::Cluster/Version": ("eks:UpdateClusterVersion", "version"),
    "AWS::EKS::Nodegroup/ReleaseVersion": ("eks:UpdateNodegroupVersion", "releaseVersion"),
    "AWS::EKS::Nodegroup/Version": ("eks:UpdateNodegroupVersion", "version"),
    "AWS::Events::Rule/State": ("events:DisableRule", ""),
    "AWS::Events::Rule/Targets": ("events:PutTargets", "Targets"),
    "AWS::KMS::Key/EnableKeyRotation": ("kms:DisableKeyRotation", ""),
    "AWS::KMS::Key/Enabled": ("kms:DisableKey", ""),
    "AWS::KMS::Key/KeyPolicy": ("kms:PutKeyPolicy", "Policy"),
    "AWS::Lambda::Function/Code": ("lambda:UpdateFunctionCode", "*"),
    "AWS::Lambda::Function/ReservedConcurrentExecutions": ("lambda:PutFunctionConcurrency", "ReservedConcurrentExecutions"),
    "AWS::S3::Bucket/AccessControl": ("s3:PutBucketAcl", "ACL"),
    "AWS::S3::Bucket/BucketEncryption": ("s3:PutBucketEncryption", "ServerSideEncryptionConfiguration"),
    "AWS::S3::Bucket/LifecycleConfiguration": ("s3:PutBucketLifecycleConfiguration", "LifecycleConfiguration"),
    "AWS::S3::Bucket/NotificationConfiguration": ("s3:PutBucketNotificationConfiguration", "NotificationConfiguration"),
    "AWS::S3::Bucket/PublicAccessBlockConfiguration": ("s3:PutPublicAccessBlock", "PublicAccessBlockConfiguration"),
    "AWS::S3::Bucket/ReplicationConfiguration": ("s3:PutBucketReplication", "ReplicationConfiguration"),
    "AWS::S3::Bucket/VersioningConfiguration": ("s3:PutBucketVersioning", "VersioningConfiguration"),
    "AWS::S3::Bucket/WebsiteConfiguration": ("s3:PutBucketWebsite", "WebsiteConfiguration"),
}  # fmt: skip
"""Properties with a call of their own. Without a member the call is made where the property says no; ``*``: its parts are the members."""


def _by_property(kind: str, given: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Calls that set one property each; what they set is taken out of `given`."""
    for name in list(given):
        call, member = _BY_PROPERTY.get(f"{kind}/{name}", ("", ""))
        if not call:
            continue
        value = given.pop(name)
        if member == "*":
            yield call, dict(value) if isinstance(value, Mapping) else {}
        elif member:
            yield (
                call,
                {member: _lifecycle(value) if name == "LifecycleConfiguration" else _policy(name, value)},
            )
        elif not (value is True or str(value).lower() in {"true", "enabled"}):
            yield call, {} if is_off(value) else {"Enabled": value}


def _policy(name: str, value: Any) -> Any:
    return document(value) if "Policy" in name else value


def _lifecycle(value: Any) -> Any:
    """Rules as S3's call has them: days in a structure of their own."""
    if not isinstance(value, Mapping):
        return value
    rules = [
        {**one, "Expiration": {"Days": one["ExpirationInDays"]}} if isinstance(one, Mapping) and "ExpirationInDays" in one else one
        for one in value.get("Rules") or ()
    ]  # fmt: skip
    return {**value, "Rules": rules}


def _spelled(call: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Properties as the call takes them, where it takes them otherwise."""
    match call:
        case "sqs:SetQueueAttributes" | "sqs:CreateQueue":
            named = {"PolicyDocument": "Policy"}
            return {"Attributes": {named.get(name, name): document(value) for name, value in given.items()}}
        case "sns:SetTopicAttributes" if "PolicyDocument" in given:
            return {"AttributeName": "Policy", "AttributeValue": document(given["PolicyDocument"])}
        case "s3:PutBucketPolicy":
            return {"Bucket": given.get("Bucket"), "Policy": document(given.get("PolicyDocument"))}
        case "secretsmanager:PutResourcePolicy":
            return {**given, "ResourcePolicy": document(given.get("ResourcePolicy"))}
        case "kms:CreateKey" if "KeyPolicy" in given:
            rest = {name: value for name, value in given.items() if name != "KeyPolicy"}
            return {**rest, "Policy": document(given["KeyPolicy"])}
        case "elbv2:ModifyLoadBalancerAttributes" if "LoadBalancerAttributes" in given:
            others = {name: value for name, value in given.items() if name != "LoadBalancerAttributes"}
            return {**others, "Attributes": given["LoadBalancerAttributes"]}
        case _:
            return dict(given)


def _power(properties: Mapping[str, Any], template: Template) -> Authority | None:
    """The authority of the role that a resource acts with, where the role stands in the same template with all of its policies."""
    value = properties.get("Role") or properties.get("RoleArn") or properties.get("TaskRoleArn")
    which = _refers_to(value)
    role = template.resources.get(which)
    if role is None or role.kind != "AWS::IAM::Role":
        return None
    others = any(
        one.kind.startswith("AWS::IAM::") and f'"{which}"' in json.dumps(one.properties, default=str)
        for one in template.resources.values()
    )
    if others or role.properties.get("ManagedPolicyArns"):
        return Authority(which, None, why=f"what else the role {which} may do is said elsewhere")
    policies = [one for one in role.properties.get("Policies") or () if isinstance(one, Mapping)]
    effect, words, changes_permissions = authority.worst([one.get("PolicyDocument") for one in policies])
    return Authority(which, effect, tuple(words), bounded=not changes_permissions)


def _refers_to(value: Any) -> str:
    if not isinstance(value, Mapping) or len(value) != 1:
        return ""
    ((name, inner),) = value.items()
    if name == "Ref":
        return str(inner)
    return str(inner[0]) if name == "Fn::GetAtt" and isinstance(inner, list) and inner else ""


def _role(properties: Mapping[str, Any]) -> str:
    """The role of the account that a resource acts with, by its ARN."""
    value = properties.get("Role") or properties.get("RoleArn") or properties.get("TaskRoleArn")
    return value.rpartition("/")[2] if isinstance(value, str) and ":role/" in value else ""
