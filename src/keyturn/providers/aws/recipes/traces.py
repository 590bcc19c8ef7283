"""What an unanswered create has made, by what it was given: the id that its answer would have told.

A create whose answer is lost may have been late, may never have arrived, and must not be made twice. What it made is looked for by a
name that is unique where it stands, or by what only the plane gave it (the plane's own copy that it is made from); where neither is
there, by its properties and the time of its making: what stood before the call was on record is somebody else's. What more than one
thing could be is known by nobody, and left to a person.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.model.execution import Call, Refused, Role, Succeeded
from keyturn.providers.aws.recipes.common import pause
from keyturn.providers.aws.recipes.filling import at

Parameters = Mapping[str, Any]

READS_MAX: Final = 4
"""Looks before it is said that nothing was made: it may have been late, not lost."""

SKEW_MS: Final = 120_000
"""The service's clock and the plane's may differ by so much; both are kept by NTP, and a minute is far."""

PAGES_MAX: Final = 40
"""Pages of a listing that is looked through; of a longer one it is said that nobody knows."""


class Trace(msgspec.Struct, frozen=True):
    """How one create is found again."""

    reads: str  # operation
    given: Callable[[Parameters], dict[str, Any]]
    listed: str  # where its entries stand; `*` for each of a list
    same: Mapping[str, str] = {}  # path in an entry -> path in the parameters
    made_at: str = ""  # path in an entry; empty: by the rest it is the only one
    answer: str = (
        ""  # where the entry stands in the create's answer; `*` for a list of one; empty: it is the answer
    )
    absent: tuple[str, ...] = ()  # codes that say there is none
    tokens: tuple[str, str] = ("", "")  # of pages: parameter, member
    but: Callable[[dict[str, Any]], bool] = lambda _: False  # entries that are not meant


def _which(*names: str) -> Callable[[Parameters], dict[str, Any]]:
    return lambda given: {name: given[name] for name in names if name in given}


def _filters(**names: str) -> Callable[[Parameters], dict[str, Any]]:
    return lambda given: {
        "Filters": [
            {"Name": name.replace("_", "-"), "Values": [str(at(given, path))]}
            for name, path in names.items()
            if at(given, path) is not None
        ]
    }


def _ours(entry: dict[str, Any]) -> bool:
    """Whether it is undo material of the plane, and not what is given back from it."""
    return any(str(tag.get("Key")).startswith("keyturn:") for tag in entry.get("Tags") or [])


def _going(entry: dict[str, Any]) -> bool:
    state = entry.get("State")
    name = state.get("Name") if isinstance(state, dict) else state
    return str(name).lower() in {"deleting", "deleted", "terminated", "shutting-down"}


TRACES: Final[Mapping[str, Trace]] = {
    "ec2:CreateVolume": Trace("ec2:DescribeVolumes", _filters(snapshot_id="SnapshotId"), "Volumes", but=_going),
    "ec2:CopySnapshot": Trace(
        "ec2:DescribeSnapshots",
        lambda given: {"OwnerIds": ["self"], **_filters(description="Description")(given)},
        "Snapshots",
        made_at="StartTime",
        tokens=("NextToken", "NextToken"),
        but=_ours,
    ),
    "ec2:RunInstances": Trace(
        "ec2:DescribeInstances", _filters(image_id="ImageId"), "Reservations.*.Instances", answer="Instances.*", but=_going
    ),
    "ec2:CreateSecurityGroup": Trace(
        "ec2:DescribeSecurityGroups", _filters(group_name="GroupName", vpc_id="VpcId"), "SecurityGroups"
    ),
    "ec2:AllocateAddress": Trace("ec2:DescribeAddresses", _filters(public_ip="Address"), "Addresses"),
    "ec2:CreateNetworkInterface": Trace(
        "ec2:DescribeNetworkInterfaces",
        _filters(subnet_id="SubnetId", private_ip_address="PrivateIpAddress"),
        "NetworkInterfaces",
        same={"SubnetId": "SubnetId", "PrivateIpAddress": "PrivateIpAddress"},
        answer="NetworkInterface",
    ),
    "ec2:CreateLaunchTemplate": Trace(
        "ec2:DescribeLaunchTemplates",
        lambda given: {"LaunchTemplateNames": [given["LaunchTemplateName"]]},
        "LaunchTemplates",
        answer="LaunchTemplate",
        absent=("InvalidLaunchTemplateName.NotFoundException",),
    ),
    "route53:CreateHostedZone": Trace(
        "route53:ListHostedZonesByName",
        lambda given: {"DNSName": given["Name"]},
        "HostedZones",
        {"CallerReference": "CallerReference", "Name": "Name"},
        answer="HostedZone",
    ),
    "lambda:CreateEventSourceMapping": Trace(
        "lambda:ListEventSourceMappings",
        _which("FunctionName", "EventSourceArn"),
        "EventSourceMappings",
        {"EventSourceArn": "EventSourceArn", "SelfManagedEventSource": "SelfManagedEventSource"},
        absent=("ResourceNotFoundException",),
        tokens=("Marker", "NextMarker"),
        but=_going,
    ),
    "sns:Subscribe": Trace(
        "sns:ListSubscriptionsByTopic",
        _which("TopicArn"),
        "Subscriptions",
        {"Protocol": "Protocol", "Endpoint": "Endpoint"},
        tokens=("NextToken", "NextToken"),
    ),
    "kinesis:RegisterStreamConsumer": Trace(
        "kinesis:ListStreamConsumers",
        _which("StreamARN"),
        "Consumers",
        {"ConsumerName": "ConsumerName"},
        answer="Consumer",
        tokens=("NextToken", "NextToken"),
    ),
    "ec2:CreateLaunchTemplateVersion": Trace(
        "ec2:DescribeLaunchTemplateVersions",
        _which("LaunchTemplateId"),
        "LaunchTemplateVersions",
        {"LaunchTemplateData": "LaunchTemplateData", "VersionDescription": "VersionDescription"},
        made_at="CreateTime",
        answer="LaunchTemplateVersion",
        tokens=("NextToken", "NextToken"),
    ),
    "ecs:RegisterTaskDefinition": Trace(
        "ecs:DescribeTaskDefinition",
        lambda given: {"taskDefinition": given["family"]},
        "taskDefinition",
        made_at="registeredAt",
        answer="taskDefinition",
        absent=("ClientException",),
        but=lambda entry: entry.get("status") == "INACTIVE",
    ),
    "elbv2:CreateLoadBalancer": Trace(
        "elbv2:DescribeLoadBalancers",
        lambda given: {"Names": [given["Name"]]},
        "LoadBalancers",
        answer="LoadBalancers.*",
        absent=("LoadBalancerNotFound", "LoadBalancerNotFoundException"),
    ),
    "elbv2:CreateTargetGroup": Trace(
        "elbv2:DescribeTargetGroups",
        lambda given: {"Names": [given["Name"]]},
        "TargetGroups",
        answer="TargetGroups.*",
        absent=("TargetGroupNotFound", "TargetGroupNotFoundException"),
    ),
    "elbv2:CreateListener": Trace(
        "elbv2:DescribeListeners",
        _which("LoadBalancerArn"),
        "Listeners",
        {"Port": "Port"},
        answer="Listeners.*",
        absent=("ListenerNotFound", "ListenerNotFoundException"),
        tokens=("Marker", "NextMarker"),
    ),
    "elbv2:CreateRule": Trace(
        "elbv2:DescribeRules",
        _which("ListenerArn"),
        "Rules",
        {"Priority": "Priority"},
        answer="Rules.*",
        tokens=("Marker", "NextMarker"),
    ),
    "apigateway:CreateRestApi": Trace(
        "apigateway:GetRestApis",
        lambda _: {},
        "items",
        {"name": "name", "description": "description"},
        made_at="createdDate",
        tokens=("position", "position"),
    ),
    "apigateway:CreateResource": Trace(
        "apigateway:GetResources",
        _which("restApiId"),
        "items",
        {"parentId": "parentId", "pathPart": "pathPart"},
        tokens=("position", "position"),
    ),
    **{
        f"apigateway:Create{noun}": Trace(
            f"apigateway:Get{noun}s",
            _which("restApiId"),
            "items",
            {"name": "name"},
            tokens=("position", "position"),
        )
        for noun in ("Authorizer", "RequestValidator", "Model")
    },
    "apigateway:CreateDeployment": Trace(
        "apigateway:GetDeployments",
        _which("restApiId"),
        "items",
        {"description": "description"},
        made_at="createdDate",
        tokens=("position", "position"),
    ),
    "apigateway:CreateStage": Trace(
        "apigateway:GetStages", _which("restApiId"), "item", {"stageName": "stageName"}
    ),
    "apigatewayv2:CreateApi": Trace(
        "apigatewayv2:GetApis",
        lambda _: {},
        "Items",
        {"Name": "Name", "ProtocolType": "ProtocolType"},
        made_at="CreatedDate",
        tokens=("NextToken", "NextToken"),
    ),
    **{
        f"apigatewayv2:Create{noun}": Trace(
            f"apigatewayv2:Get{noun}s",
            _which("ApiId"),
            "Items",
            {name: name for name in names},
            tokens=("NextToken", "NextToken"),
        )
        for noun, names in {
            "Integration": ("IntegrationType", "IntegrationUri", "IntegrationMethod", "IntegrationSubtype", "ConnectionId"),
            "Route": ("RouteKey",),
            "Authorizer": ("Name",),
            "Stage": ("StageName",),
        }.items()
    },
    "cognito-idp:CreateUserPool": Trace(
        "cognito-idp:ListUserPools",
        lambda _: {"MaxResults": 60},
        "UserPools",
        {"Name": "PoolName"},
        made_at="CreationDate",
        answer="UserPool",
        tokens=("NextToken", "NextToken"),
    ),
}  # fmt: skip


def traced(call: Call, since_ms: int) -> Inquiry[Succeeded | bool | None]:
    """The answer of the create, where what it made stands; False where it made nothing; None where that cannot be told."""
    trace = TRACES[call.operation]
    for left in range(READS_MAX, -1, -1):
        found = yield from _listed(trace, call)
        if found is None:
            return None
        mine = [one for one in found if _is_it(trace, one, call.parameters, since_ms)]
        if len(mine) > 1 or (mine and trace.made_at and _ms(at(mine[0], trace.made_at)) is None):
            return None
        if mine:
            return Succeeded(_answer(trace.answer, mine[0]))
        if left:
            yield from pause()
    return False


def _listed(trace: Trace, call: Call) -> Inquiry[list[dict[str, Any]] | None]:
    entries: list[dict[str, Any]] = []
    token_in, token_out = trace.tokens
    given = trace.given(call.parameters)
    for _ in range(PAGES_MAX):
        reading = msgspec.structs.replace(
            call, operation=trace.reads, parameters=given, role=Role.READ, again=False
        )
        (answer,) = yield (reading,)
        if isinstance(answer, Refused) and answer.code in trace.absent:
            return entries
        if not isinstance(answer, Succeeded):
            return None
        entries += _entries(answer.value, trace.listed.split("."))
        token = answer.value.get(token_out) if token_out else None
        if not token:
            return entries
        given = {**trace.given(call.parameters), token_in: token}
    return None


def _entries(value: Any, path: list[str]) -> Iterator[dict[str, Any]]:
    """What stands at the path; each of it, where it is a list."""
    if isinstance(value, list):
        for one in value:
            yield from _entries(one, path[1:] if path[:1] == ["*"] else path)
    elif path and isinstance(value, dict):
        if path[0] in value:
            yield from _entries(value[path[0]], path[1:])
    elif isinstance(value, dict):
        yield value


def _is_it(trace: Trace, entry: dict[str, Any], parameters: Parameters, since_ms: int) -> bool:
    if trace.but(entry):
        return False
    for path, wanted in trace.same.items():
        asked = at(parameters, wanted)
        found = at(entry, path)
        if asked is not None and found != asked and str(found) != str(asked):
            return False
    if not trace.made_at:
        return True
    made_ms = _ms(at(entry, trace.made_at))
    return made_ms is None or made_ms >= since_ms - SKEW_MS


def _ms(value: Any) -> int | None:
    """Milliseconds since 1970 of a moment as the services tell it; None where it is none."""
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, dt.datetime):
        value = (value if value.tzinfo else value.replace(tzinfo=dt.UTC)).timestamp()
    return int(value * 1000) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _answer(path: str, entry: dict[str, Any]) -> dict[str, Any]:
    """As the create would have answered."""
    if not path:
        return entry
    name, star = path.removesuffix(".*"), path.endswith(".*")
    return {name: [entry] if star else entry}
