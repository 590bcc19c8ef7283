"""What a write sets off: what a bucket, a topic, a queue, a stream or a bus runs on what is written to it, and the roles that it runs with.

Functions, state machines, tasks, automations and builds, by notifications, mappings, pipes and rules, over one queue or topic in between. Asked
where a write names the place (docs/concepts/rules.md, 5). What sets nothing off, as far as can be read, is no more than a write; what cannot be
read is not known to set anything off, and the remark that somebody may listen stays. These facts may be a minute old (`Call.recent`): what is
made to listen is judged when it is made, by facts of that moment.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

from keyturn.core.ports import Inquiry
from keyturn.model.change import Operation
from keyturn.model.execution import Answer, Call, Succeeded

FUNCTIONS_MAX: Final = 5
"""Things that one write runs whose roles are read: each costs calls, and more of them say no more."""

BETWEEN_MAX: Final = 5
"""Queues and topics that a write is passed on to, and whose own listeners are read."""

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


class Runs(NamedTuple):
    """Something that runs: its ARN; where its role is not its own, the task it runs as, or the role it is given."""

    arn: str
    task: str = ""
    role: str = ""


def listeners(
    operation: Operation, parameters: Mapping[str, Any], state: Mapping[str, Any] | None
) -> Inquiry[tuple[Runs, ...]]:
    """What this write is known to run; empty where nothing is known."""
    look = _LOOKS.get(operation.name)
    if look is None:
        return ()
    found = yield from look(operation, parameters, state or {})
    return tuple(dict.fromkeys(one for one in found if _runs(one)))[:FUNCTIONS_MAX]


def _runs(one: Runs) -> bool:
    return bool(one.role or one.task) or any(mark in one.arn for mark in _ROLES)


def roles_of(operation: Operation, found: tuple[Runs, ...]) -> Inquiry[list[str | None]]:
    """The roles of what runs, by name, in its order; None where one could not be read."""
    asked = [_role_call(operation, one) for one in found]
    answers = iter(
        (yield tuple(call for call, _ in asked if call is not None)) if any(call for call, _ in asked) else ()
    )
    held: list[str | None] = []
    for one, (call, path) in zip(found, asked, strict=True):
        role = one.role if call is None else _at(next(answers), path)
        held.append(role.rpartition("/")[2] if isinstance(role, str) and role else None)
    return held


_ROLES: Final = {
    ":function:": ("lambda:GetFunctionConfiguration", "FunctionName", ("Role",)),
    ":stateMachine:": ("stepfunctions:DescribeStateMachine", "stateMachineArn", ("roleArn",)),
    ":project/": ("codebuild:BatchGetProjects", "names", ("projects", "serviceRole")),
}
"""By what stands in an ARN: the call that tells which role the thing has, by what it is named, and where the answer says so."""


def _role_call(operation: Operation, one: Runs) -> tuple[Call | None, tuple[str, ...]]:
    if one.role:
        return None, ()
    if one.task:
        return _ask(operation, "ecs:DescribeTaskDefinition", taskDefinition=one.task), (
            "taskDefinition",
            "taskRoleArn",
        )
    name, member, path = next(how for mark, how in _ROLES.items() if mark in one.arn)
    named: Any = [one.arn.rpartition("/")[2]] if member == "names" else one.arn
    return _ask(operation, name, **{member: named}), path


def _at(answer: Answer, path: tuple[str, ...]) -> Any:
    value: Any = answer.value if isinstance(answer, Succeeded) else None
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
        value = value[0] if isinstance(value, list) and value else value
    return value


def _ask(operation: Operation, name: str, **given: Any) -> Call:
    return Call(name, given, operation.account, operation.region, partition=operation.partition, recent=True)


def _told(answer: Answer, name: str) -> list[Any]:
    value = answer.value.get(name) if isinstance(answer, Succeeded) else None
    return value if isinstance(value, list) else []


def _bucket(
    operation: Operation, parameters: Mapping[str, Any], _state: Mapping[str, Any]
) -> Inquiry[list[Runs]]:
    bucket, key = parameters.get("Bucket"), str(parameters.get("Key") or "")
    if not isinstance(bucket, str) or bucket.startswith("arn:"):
        return []  # an access point has no notifications of its own, and does not say whose it is
    (answer,) = yield (_ask(operation, "s3:GetBucketNotificationConfiguration", Bucket=bucket),)
    deletes = operation.action.startswith("Delete")
    wanted = "s3:ObjectRemoved:" if deletes else "s3:ObjectCreated:"

    def told(member: str, arn: str) -> list[str]:
        return [
            str(one.get(arn))
            for one in _told(answer, member)
            if any(str(event).startswith(wanted) for event in one.get("Events") or []) and _passes(one, key)
        ]

    found = [Runs(arn) for arn in told("LambdaFunctionConfigurations", "LambdaFunctionArn")]
    for queue in told("QueueConfigurations", "QueueArn")[:BETWEEN_MAX]:
        found += yield from _mapped(operation, queue)
    for topic in told("TopicConfigurations", "TopicArn")[:BETWEEN_MAX]:
        found += yield from _subscribed(operation, topic)
    if isinstance(answer, Succeeded) and answer.value.get("EventBridgeConfiguration") is not None:
        said = {"Source": "aws.s3", "DetailType": "Object Deleted" if deletes else "Object Created"}
        detail = {"bucket": {"name": bucket}, **({"object": {"key": key}} if key else {})}
        found += yield from _ruled(operation, [{**said, "Detail": json.dumps(detail)}])
    return found


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
) -> Inquiry[list[Runs]]:
    topic = parameters.get("TopicArn") or parameters.get("TargetArn")
    if not isinstance(topic, str) or ":sns:" not in topic:
        return []
    return (yield from _subscribed(operation, topic))


def _subscribed(operation: Operation, topic: str) -> Inquiry[list[Runs]]:
    """Functions that subscribe to a topic, and those that read a queue that does."""
    (answer,) = yield (_ask(operation, "sns:ListSubscriptionsByTopic", TopicArn=topic),)
    by = [(one.get("Protocol"), str(one.get("Endpoint"))) for one in _told(answer, "Subscriptions")]
    found = [Runs(endpoint) for protocol, endpoint in by if protocol == "lambda" and ":function:" in endpoint]
    for queue in [endpoint for protocol, endpoint in by if protocol == "sqs"][:BETWEEN_MAX]:
        found += yield from _mapped(operation, queue)
    return found


def _mapped(operation: Operation, source: str) -> Inquiry[list[Runs]]:
    """Functions that are mapped to a source, and what its pipes pass it through and on to."""
    mapped, piped = yield (
        _ask(operation, "lambda:ListEventSourceMappings", EventSourceArn=source),
        _ask(operation, "pipes:ListPipes", SourcePrefix=source),
    )
    found = [
        Runs(str(one.get("FunctionArn")))
        for one in _told(mapped, "EventSourceMappings")
        if str(one.get("State", "Enabled")).startswith("Enabl") and one.get("FunctionArn")
    ]
    pipes = [
        one
        for one in _told(piped, "Pipes")
        if one.get("Source") == source and one.get("CurrentState") not in _STILL
    ][:BETWEEN_MAX]
    found += [Runs(str(one.get(side))) for one in pipes for side in ("Enrichment", "Target") if one.get(side)]
    tasks = [str(one.get("Name")) for one in pipes if ":ecs:" in str(one.get("Target"))]
    told = (yield tuple(_ask(operation, "pipes:DescribePipe", Name=name) for name in tasks)) if tasks else ()
    for name, answer in zip(tasks, told, strict=True):
        task = _at(answer, ("TargetParameters", "EcsTaskParameters", "TaskDefinitionArn"))
        found.append(Runs(name, task=task if isinstance(task, str) else name))
    return found


_STILL: Final = frozenset({"STOPPED", "STOPPING", "DELETING", "CREATE_FAILED", "DELETE_FAILED"})
"""States in which a pipe passes nothing on."""


def _consumed(
    operation: Operation, _parameters: Mapping[str, Any], _state: Mapping[str, Any]
) -> Inquiry[list[Runs]]:
    ref = operation.resources[0]
    source = f"arn:{ref.partition}:{ref.kind.partition(':')[0]}:{ref.region}:{ref.account}:"
    name = f"stream/{ref.id}" if ref.kind == "kinesis:stream" else ref.id
    return (yield from _mapped(operation, source + name))


def _table(
    operation: Operation, _parameters: Mapping[str, Any], state: Mapping[str, Any]
) -> Inquiry[list[Runs]]:
    if not state.get("stream"):
        return []  # no stream, or it is not known
    (answer,) = yield (_ask(operation, "dynamodb:DescribeTable", TableName=operation.resources[0].id),)
    stream = _at(answer, ("Table", "LatestStreamArn"))
    return (yield from _mapped(operation, stream)) if isinstance(stream, str) else []


def _bus(
    operation: Operation, parameters: Mapping[str, Any], _state: Mapping[str, Any]
) -> Inquiry[list[Runs]]:
    entries = [one for one in parameters.get("Entries") or [] if isinstance(one, Mapping)]
    return (yield from _ruled(operation, entries))


def _ruled(operation: Operation, entries: list[Mapping[str, Any]]) -> Inquiry[list[Runs]]:
    """The targets of the rules that such events may meet."""
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
    targets = [one for answer in answers for one in _told(answer, "Targets") if isinstance(one, Mapping)]
    found = [_target(one) for one in targets]
    for queue in [one.arn for one in found if ":sqs:" in one.arn][:BETWEEN_MAX]:
        found += yield from _mapped(operation, queue)
    for topic in [one.arn for one in found if ":sns:" in one.arn][:BETWEEN_MAX]:
        found += yield from _subscribed(operation, topic)
    return found


def _target(one: Mapping[str, Any]) -> Runs:
    """A rule's target: a task acts with its definition's role, an automation with the one the rule gives it."""
    arn = str(one.get("Arn"))
    task = (one.get("EcsParameters") or {}).get("TaskDefinitionArn")
    automation = ":automation-definition/" in arn or (":ssm:" in arn and ":document/" in arn)
    role = str(one.get("RoleArn") or "") if automation else ""
    return Runs(arn, task=str(task or ""), role=role)


def _meets(pattern: Any, entry: Mapping[str, Any]) -> bool:
    """Whether an event may match a rule's pattern, by its source and type, and of S3 by bucket and key; what else a pattern asks is not decided here."""
    try:
        asked = json.loads(pattern)
    except (TypeError, ValueError):
        return False  # a rule without a pattern is for a schedule
    if not isinstance(asked, dict):
        return False
    plainly = all(
        name not in asked or _matches(asked[name], str(entry.get(member) or ""))
        for name, member in (("source", "Source"), ("detail-type", "DetailType"))
    )
    return plainly and (entry.get("Source") != "aws.s3" or _of_object(asked.get("detail"), entry))


def _of_object(asked: Any, entry: Mapping[str, Any]) -> bool:
    """Whether the pattern may mean this bucket and key: both are known of a write to S3."""
    detail = json.loads(str(entry["Detail"]))
    for part, name in (("bucket", "name"), ("object", "key")):
        wanted = asked.get(part) if isinstance(asked, dict) else None
        wanted = wanted.get(name) if isinstance(wanted, dict) else None
        value = detail.get(part, {}).get(name)
        if wanted is not None and value is not None and not _matches(wanted, value):
            return False
    return True


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


Look = Callable[[Operation, Mapping[str, Any], Mapping[str, Any]], Inquiry[list[Runs]]]

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


def names(found: tuple[Runs, ...]) -> Iterator[str]:
    """What it is called, for people."""
    for one in found:
        said = one.task or one.arn
        yield (
            said.partition(":function:")[2].partition(":")[0]
            or said.rpartition("/")[2].rpartition(":")[2]
            or said
        )
