"""Whether anybody uses it: what a service counts by itself, and whose it is by its tags. No evidence of use is not evidence of none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Call, Succeeded
from keyturn.model.radius import Node
from keyturn.providers.aws import environment
from keyturn.providers.aws.radius.survey import Item, Survey, key_of
from keyturn.providers.aws.resources import arn_of

SPAN_DAYS: Final = 7
"""A week holds every weekday's job; a month would be a page of points for each."""

ASKED_MAX: Final = 200
"""Resources whose metrics are asked for, nearest first; CloudWatch takes 500 in one GetMetricData and is paid for each."""

TAGS_MAX: Final = 200
"""Resources whose tags are asked for, nearest first, a hundred a call (API_GetResources, ResourceARNList)."""

OWNERS: Final = ("owner", "team", "squad", "contact", "maintainer", "service-owner", "managed-by", "project")
"""Tag keys that say whose a resource is, the surest first, in lower case."""

_WORD_CHARS_MAX: Final = 64


class Metric(msgspec.Struct, frozen=True):
    """What a service counts of one resource. `value` is the dimension's, ``{Path}`` of its listing or its id."""

    namespace: str
    name: str
    dimension: str
    stat: str
    words: str


METRICS: Final[dict[str, Metric]] = {
    "lambda:function": Metric("AWS/Lambda", "Invocations", "FunctionName", "Sum", "calls"),
    "sqs:queue": Metric("AWS/SQS", "NumberOfMessagesReceived", "QueueName", "Sum", "messages taken"),
    "sns:topic": Metric("AWS/SNS", "NumberOfMessagesPublished", "TopicName", "Sum", "messages published"),
    "dynamodb:table": Metric("AWS/DynamoDB", "ConsumedReadCapacityUnits", "TableName", "Sum", "read units"),
    "rds:db": Metric("AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", "Maximum", "connections at most"),
    "rds:cluster": Metric("AWS/RDS", "DatabaseConnections", "DBClusterIdentifier", "Maximum", "connections at most"),
    "kinesis:stream": Metric("AWS/Kinesis", "IncomingRecords", "StreamName", "Sum", "records put"),
    "firehose:deliverystream": Metric("AWS/Firehose", "IncomingRecords", "DeliveryStreamName", "Sum", "records put"),
    "states:stateMachine": Metric("AWS/States", "ExecutionsStarted", "StateMachineArn", "Sum", "executions"),
    "events:rule": Metric("AWS/Events", "Invocations", "RuleName", "Sum", "calls"),
    "logs:log-group": Metric("AWS/Logs", "IncomingLogEvents", "LogGroupName", "Sum", "lines written"),
    "apigateway:apis": Metric("AWS/ApiGateway", "Count", "ApiId", "Sum", "requests"),
    "elasticloadbalancing:loadbalancer": Metric("AWS/ApplicationELB", "RequestCount", "LoadBalancer", "Sum", "requests"),
    "ec2:natgateway": Metric("AWS/NATGateway", "BytesOutToDestination", "NatGatewayId", "Sum", "bytes sent on"),
    "ec2:instance": Metric("AWS/EC2", "NetworkPacketsIn", "InstanceId", "Sum", "packets received"),
}  # fmt: skip


def told(nodes: list[Node], survey: Survey, *, at_ms: int) -> Inquiry[list[Node]]:
    """The nodes with evidence of use, environment and owner, as far as they are told."""
    nodes = sorted(nodes, key=lambda node: node.depth)
    items = {key_of(one.ref): one for listed in survey.items.values() for one in listed}
    bare = [node.resource for node in nodes if not _own_tags(items.get(key_of(node.resource)))][:TAGS_MAX]
    counted = [node.resource for node in nodes if node.resource.kind in METRICS][:ASKED_MAX]
    calls = [*_tag_calls(bare, survey)]
    metric = _metric_call(counted, survey, at_ms) if counted and survey.budget.take() else None
    answers = (yield (*calls, *([metric] if metric else []))) if calls or metric else ()
    tags = _tags(answers[: len(calls)], bare)
    values = _values(answers[-1], counted) if metric is not None else {}
    found = []
    for node in nodes:
        key = key_of(node.resource)
        item = items.get(key)
        own = _own_tags(item) or tags.get(key, {})
        use, used = _use(node.resource, item, values.get(key))
        found.append(
            msgspec.structs.replace(
                node, use=use, used=used, environment=_environment(own), owner=owner_of(own)
            )
        )
    return found


def owner_of(tags: dict[str, str]) -> str:
    """Whose it is by its tags; empty where none says."""
    small = {key.lower().rpartition(":")[2].replace("_", "-"): value for key, value in tags.items()}
    return next((small[key][:_WORD_CHARS_MAX] for key in OWNERS if small.get(key)), "")


def _environment(tags: dict[str, str]) -> str:
    words = environment.of_tags(tags)
    return environment.strictest(words)[:_WORD_CHARS_MAX] if words else ""


def _own_tags(item: Item | None) -> dict[str, str]:
    """Tags that came with its listing."""
    if item is None:
        return {}
    value: Any = item.value
    for inner in (value, value.get("service"), value.get("attributes")):
        if not isinstance(inner, dict):
            continue
        for name in ("Tags", "tags", "TagList", "TagSet"):
            given = inner.get(name)
            if isinstance(given, dict):
                return {str(key): str(text) for key, text in given.items()}
            if isinstance(given, list) and given:
                return {
                    str(one.get("Key", one.get("key"))): str(one.get("Value", one.get("value")) or "")
                    for one in given
                    if isinstance(one, dict)
                }
    return {}


def _tag_calls(refs: list[ResourceRef], survey: Survey) -> Iterator[Call]:
    """A hundred ARNs a call."""
    arns = [arn_of(ref) for ref in refs if ref.kind.partition(":")[0] not in {"iam", "route53"}]
    for start in range(0, len(arns), 100):
        if survey.budget.take():
            yield Call(
                "resourcegroupstaggingapi:GetResources",
                {"ResourceARNList": arns[start : start + 100]},
                account=survey.home.account,
                region=survey.home.region,
                partition=survey.home.partition,
            )


def _tags(answers: tuple[Any, ...], refs: list[ResourceRef]) -> dict[str, dict[str, str]]:
    by_arn = {arn_of(ref): key_of(ref) for ref in refs}
    return {
        by_arn[str(one.get("ResourceARN"))]: {
            str(tag["Key"]): str(tag["Value"]) for tag in one.get("Tags") or ()
        }
        for answer in answers
        if isinstance(answer, Succeeded)
        for one in answer.value.get("ResourceTagMappingList") or ()
        if str(one.get("ResourceARN")) in by_arn
    }


def _metric_call(refs: list[ResourceRef], survey: Survey, at_ms: int) -> Call:
    """One GetMetricData for all of them, one point each, up to the last whole hour: equal for everybody who asks in that hour."""
    end = dt.datetime.fromtimestamp(at_ms // 3_600_000 * 3_600, dt.UTC)
    queries = []
    for number, ref in enumerate(refs):
        metric = METRICS[ref.kind]
        value = arn_of(ref) if metric.dimension.endswith("Arn") else ref.id
        network = ref.kind == "elasticloadbalancing:loadbalancer" and ref.id.startswith("net/")
        queries.append(
            {
                "Id": f"m{number}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/NetworkELB" if network else metric.namespace,
                        "MetricName": "NewFlowCount" if network else metric.name,
                        "Dimensions": [{"Name": metric.dimension, "Value": value}],
                    },
                    "Period": SPAN_DAYS * 86_400,
                    "Stat": metric.stat,
                },
            }
        )
    return Call(
        "cloudwatch:GetMetricData",
        {
            "MetricDataQueries": queries,
            "StartTime": (end - dt.timedelta(days=SPAN_DAYS)).isoformat(),
            "EndTime": end.isoformat(),
        },
        account=survey.home.account,
        region=survey.home.region,
        partition=survey.home.partition,
    )


def _values(answer: Any, refs: list[ResourceRef]) -> dict[str, float | None]:
    """By resource, the number; None where the service has counted nothing. What was not answered is not in it."""
    if not isinstance(answer, Succeeded):
        return {}
    found: dict[str, float | None] = {}
    for one in answer.value.get("MetricDataResults") or ():
        number = str(one.get("Id", "")).removeprefix("m")
        if number.isdigit() and int(number) < len(refs):
            ref = refs[int(number)]
            points = [float(point) for point in one.get("Values") or ()]
            total = max(points, default=None) if METRICS[ref.kind].stat == "Maximum" else sum(points)
            found[key_of(ref)] = total if points else None
    return found


def _use(ref: ResourceRef, item: Item | None, value: float | str | None = "") -> tuple[str, bool | None]:
    """Evidence in words, and whether it says that it is used."""
    said, used = [], None
    if isinstance(value, (int, float)):
        used = value > 0
        said.append(f"{value:,.0f} {METRICS[ref.kind].words} in the last {SPAN_DAYS} days")
    told, of_itself = _of_itself(ref, item)
    if told:
        said.append(told)
        used = of_itself if used is None else used or bool(of_itself)
    return "; ".join(said), used


def _of_itself(ref: ResourceRef, item: Item | None) -> tuple[str, bool | None]:
    """What its own listing tells of its use."""
    value = item.value if item is not None else {}
    match ref.kind:
        case "iam:role":
            used = (value.get("RoleLastUsed") or {}).get("LastUsedDate")
            return (f"last used {str(used)[:10]}", True) if used else ("", None)
        case "secretsmanager:secret":
            used = value.get("LastAccessedDate")
            return (f"last read {str(used)[:10]}", True) if used else ("", None)
        case "sqs:queue":
            waiting = str((value.get("attributes") or {}).get("ApproximateNumberOfMessages", ""))
            return (
                (f"{int(waiting):,} messages wait", int(waiting) > 0 or None)
                if waiting.isdigit()
                else ("", None)
            )
        case "elasticloadbalancing:targetgroup":
            told = value.get("health")
            if isinstance(told, list):
                healthy = sum(1 for one in told if (one.get("TargetHealth") or {}).get("State") == "healthy")
                return f"{healthy} of {len(told)} targets healthy", bool(healthy) or None
    return "", None
