"""What a write sets off: functions that a bucket, a topic, a queue, a stream or a bus runs on what is written to it, and the roles they run with.

Asked where a write names the place (docs/concepts/rules.md, 5). What sets nothing off, as far as can be read, is no more than a write; what
cannot be read is not known to set anything off, and the remark that somebody may listen stays.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from keyturn.core.ports import Inquiry
from keyturn.model.change import Operation
from keyturn.model.execution import Answer, Call, Succeeded

FUNCTIONS_MAX: Final = 5
"""Functions of one write whose roles are read: each costs calls, and more of them say no more."""

RULES_MAX: Final = 10
"""Rules of a bus whose targets are read for one event."""

SPARED: Final = frozenset(
    {
        # what a function needs to take its input, to pass something on, and to stand in a network: no resource is at stake
        "dynamodb:deleteitem",
        "dynamodb:batchwriteitem",
        "dynamodb:transactwriteitems",
        "ec2:deletenetworkinterface",
        "events:putevents",
        "firehose:putrecord",
        "firehose:putrecordbatch",
        "kinesis:putrecord",
        "kinesis:putrecords",
        "lambda:invokefunction",
        "s3:deleteobject",
        "sns:publish",
        "sqs:changemessagevisibility",
        "sqs:deletemessage",
        "sqs:sendmessage",
        "states:startexecution",
    }
)
"""IAM actions, in lower case, that say nothing against a function that a write sets off."""


def functions(
    operation: Operation, parameters: Mapping[str, Any], state: Mapping[str, Any] | None
) -> Inquiry[tuple[str, ...]]:
    """ARNs of the functions that this write is known to run; empty where none is known."""
    look = _LOOKS.get(operation.name)
    if look is None:
        return ()
    found = yield from look(operation, parameters, state or {})
    return tuple(dict.fromkeys(found))[:FUNCTIONS_MAX]


def role_of(operation: Operation, function: str) -> Call:
    """The call that tells which role a function has."""
    return _ask(operation, "lambda:GetFunctionConfiguration", FunctionName=function)


def _ask(operation: Operation, name: str, **given: Any) -> Call:
    return Call(name, given, operation.account, operation.region, partition=operation.partition)


def _told(answer: Answer, name: str) -> list[Any]:
    value = answer.value.get(name) if isinstance(answer, Succeeded) else None
    return value if isinstance(value, list) else []


def _bucket(
    operation: Operation, parameters: Mapping[str, Any], _state: Mapping[str, Any]
) -> Inquiry[list[str]]:
    bucket, key = parameters.get("Bucket"), str(parameters.get("Key") or "")
    if not isinstance(bucket, str) or bucket.startswith("arn:"):
        return []  # an access point has no notifications of its own, and does not say whose it is
    (answer,) = yield (_ask(operation, "s3:GetBucketNotificationConfiguration", Bucket=bucket),)
    wanted = "s3:ObjectRemoved:" if operation.action.startswith("Delete") else "s3:ObjectCreated:"
    return [
        str(one.get("LambdaFunctionArn"))
        for one in _told(answer, "LambdaFunctionConfigurations")
        if any(str(event).startswith(wanted) for event in one.get("Events") or []) and _passes(one, key)
    ]


def _passes(configuration: Mapping[str, Any], key: str) -> bool:
    """Whether the filter lets this key through; the key of many objects is not one, and passes."""
    rules = (((configuration.get("Filter") or {}).get("Key") or {}).get("FilterRules")) or []
    return not key or all(
        key.startswith(str(rule.get("Value")))
        if str(rule.get("Name")).lower() == "prefix"
        else key.endswith(str(rule.get("Value")))
        for rule in rules
    )


def _topic(
    operation: Operation, parameters: Mapping[str, Any], _state: Mapping[str, Any]
) -> Inquiry[list[str]]:
    topic = parameters.get("TopicArn") or parameters.get("TargetArn")
    if not isinstance(topic, str) or ":sns:" not in topic:
        return []
    (answer,) = yield (_ask(operation, "sns:ListSubscriptionsByTopic", TopicArn=topic),)
    return [
        str(one.get("Endpoint"))
        for one in _told(answer, "Subscriptions")
        if one.get("Protocol") == "lambda" and ":function:" in str(one.get("Endpoint"))
    ]


def _mapped(operation: Operation, source: str) -> Inquiry[list[str]]:
    (answer,) = yield (_ask(operation, "lambda:ListEventSourceMappings", EventSourceArn=source),)
    return [
        str(one.get("FunctionArn"))
        for one in _told(answer, "EventSourceMappings")
        if str(one.get("State", "Enabled")).startswith("Enabl") and one.get("FunctionArn")
    ]


def _consumed(
    operation: Operation, _parameters: Mapping[str, Any], _state: Mapping[str, Any]
) -> Inquiry[list[str]]:
    ref = operation.resources[0]
    source = f"arn:{ref.partition}:{ref.kind.partition(':')[0]}:{ref.region}:{ref.account}:"
    name = f"stream/{ref.id}" if ref.kind == "kinesis:stream" else ref.id
    return (yield from _mapped(operation, source + name))


def _table(
    operation: Operation, _parameters: Mapping[str, Any], state: Mapping[str, Any]
) -> Inquiry[list[str]]:
    if not state.get("stream"):
        return []  # no stream, or it is not known
    (answer,) = yield (_ask(operation, "dynamodb:DescribeTable", TableName=operation.resources[0].id),)
    table = answer.value.get("Table") if isinstance(answer, Succeeded) else None
    stream = table.get("LatestStreamArn") if isinstance(table, Mapping) else None
    return (yield from _mapped(operation, stream)) if isinstance(stream, str) else []


def _bus(
    operation: Operation, parameters: Mapping[str, Any], _state: Mapping[str, Any]
) -> Inquiry[list[str]]:
    entries = [one for one in parameters.get("Entries") or [] if isinstance(one, Mapping)]
    buses = list(dict.fromkeys(str(one.get("EventBusName") or "default") for one in entries))[:FUNCTIONS_MAX]
    listed = yield tuple(_ask(operation, "events:ListRules", EventBusName=bus) for bus in buses)
    met = [
        (bus, str(rule.get("Name")))
        for bus, answer in zip(buses, listed, strict=True)
        for rule in _told(answer, "Rules")
        if rule.get("State") != "DISABLED"
        and any(
            _meets(rule.get("EventPattern"), one)
            for one in entries
            if str(one.get("EventBusName") or "default") == bus
        )
    ][:RULES_MAX]
    if not met:
        return []
    answers = yield tuple(
        _ask(operation, "events:ListTargetsByRule", Rule=rule, EventBusName=bus) for bus, rule in met
    )
    arns = [str(one.get("Arn")) for answer in answers for one in _told(answer, "Targets")]
    return [arn for arn in arns if ":lambda:" in arn and ":function:" in arn]


def _meets(pattern: Any, entry: Mapping[str, Any]) -> bool:
    """Whether an event may match a rule's pattern, by its source and type; what else a pattern asks is not decided here."""
    try:
        asked = json.loads(pattern)
    except (TypeError, ValueError):
        return False  # a rule without a pattern is for a schedule
    if not isinstance(asked, dict):
        return False
    return all(
        name not in asked or _matches(asked[name], str(entry.get(member) or ""))
        for name, member in (("source", "Source"), ("detail-type", "DetailType"))
    )


def _matches(wanted: Any, value: str) -> bool:
    for one in wanted if isinstance(wanted, list) else [wanted]:
        if not isinstance(one, dict):
            if one == value:
                return True
        elif "prefix" in one and isinstance(one["prefix"], str):
            if value.startswith(one["prefix"]):
                return True
        elif "wildcard" in one and isinstance(one["wildcard"], str):
            if fnmatchcase(value, one["wildcard"].replace("[", "[[]").replace("?", "[?]")):
                return True
        else:
            return True  # another way of matching: it may
    return False


Look = Callable[[Operation, Mapping[str, Any], Mapping[str, Any]], Inquiry[list[str]]]

_LOOKS: Final[dict[str, Look]] = {
    "s3:PutObject": _bucket,
    "s3:CopyObject": _bucket,
    "s3:CreateMultipartUpload": _bucket,
    "s3:CompleteMultipartUpload": _bucket,
    "s3:DeleteObject": _bucket,
    "s3:DeleteObjects": _bucket,
    "sns:Publish": _topic,
    "sns:PublishBatch": _topic,
    "sqs:SendMessage": _consumed,
    "sqs:SendMessageBatch": _consumed,
    "kinesis:PutRecord": _consumed,
    "kinesis:PutRecords": _consumed,
    "dynamodb:PutItem": _table,
    "dynamodb:UpdateItem": _table,
    "dynamodb:DeleteItem": _table,
    "dynamodb:BatchWriteItem": _table,
    "dynamodb:TransactWriteItems": _table,
    "events:PutEvents": _bus,
}

WRITES: Final = frozenset(_LOOKS)
"""Operations that may set something off by what they write."""


def names(found: tuple[str, ...]) -> Iterator[str]:
    """The functions' names, for people."""
    for arn in found:
        yield arn.partition(":function:")[2].partition(":")[0] or arn
