"""The environment read back, compared and counted, with nothing but boto3: how the demonstration checks its own claims."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from demo.account import Account, names

ABSENT = frozenset(
    {
        "ResourceNotFoundException",
        "NoSuchBucket",
        "NoSuchTagSet",
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
        "NoSuchEntity",
        "ParameterNotFound",
    }
)
"""Errors that say "it is not there". Any other error ends a capture: what could not be read is not absent."""

IDENTITIES = frozenset({"stream ARN", "unique id"})
"""Fields that AWS chooses and others rely on: made again, a resource never has them again."""

HELD = "held"
"""A field of a capture with one digest for each thing a resource holds; compared as a set."""


def capture(account: Account, service: str) -> dict[str, Any]:
    """Everything that stands; what does not exist is None. Raises `ClientError` for what could not be read."""
    name = names(service)
    readers: dict[str, Callable[[Account, str], dict[str, Any] | None]] = {
        "table": _table,
        "archive": _table,
        "reports": _bucket,
        "scratch": _bucket,
        "queue": _queue,
        "function": _function,
        "role": _role,
        "parameter": _parameter,
        "secret": _parameter,
        "alarm": _alarm,
    }
    return {place: _or_none(read, account, name[place]) for place, read in readers.items()}


def _or_none(read: Callable[..., Any], *given: Any, **named: Any) -> Any:
    try:
        return read(*given, **named)
    except ClientError as error:
        if error.response["Error"]["Code"] in ABSENT:
            return None
        raise


def _pages(account: Account, service: str, operation: str, **given: Any) -> Iterator[dict[str, Any]]:
    yield from account(service).get_paginator(operation).paginate(**given)


def _as_dict(pairs: list[dict[str, str]]) -> dict[str, str]:
    return {pair["Key"]: pair["Value"] for pair in pairs}


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=repr).encode()).hexdigest()[:24]


def table_config(account: Account, table: str) -> dict[str, Any] | None:
    """A table's declared configuration, without its items; None where there is no such table."""
    dynamodb = account("dynamodb")
    described = _or_none(dynamodb.describe_table, TableName=table)
    if described is None:
        return None
    described = described["Table"]
    ttl = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    recovery = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    tagged = dynamodb.list_tags_of_resource(ResourceArn=described["TableArn"])["Tags"]
    stream = described.get("StreamSpecification", {})
    billing = described.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    provisioned = billing == "PROVISIONED"
    return {
        "keys": described["KeySchema"],
        "attributes": {a["AttributeName"]: a["AttributeType"] for a in described["AttributeDefinitions"]},
        "indexes": _indexes(described.get("GlobalSecondaryIndexes", []), provisioned=provisioned),
        "local indexes": _indexes(described.get("LocalSecondaryIndexes", []), provisioned=False),
        "billing mode": billing,
        "capacity": _capacity(described) if provisioned else None,
        "tags": _as_dict(tagged),
        "time to live": ttl.get("AttributeName")
        if ttl.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}
        else None,
        "stream": stream.get("StreamViewType") if stream.get("StreamEnabled") else None,
        "deletion protection": described.get("DeletionProtectionEnabled", False),
        "point-in-time recovery": recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"],
        "encryption": described.get("SSEDescription", {}).get("SSEType"),
        "stream ARN": described.get("LatestStreamArn"),
    }


def _capacity(described: dict[str, Any]) -> list[int]:
    capacity = described["ProvisionedThroughput"]
    return [capacity["ReadCapacityUnits"], capacity["WriteCapacityUnits"]]


def _indexes(described: list[dict[str, Any]], *, provisioned: bool) -> dict[str, Any]:
    return {
        index["IndexName"]: {
            "keys": index["KeySchema"],
            "projection": index["Projection"],
            "capacity": _capacity(index) if provisioned else None,
        }
        for index in described
    }


def _table(account: Account, table: str) -> dict[str, Any] | None:
    config = table_config(account, table)
    if config is None:
        return None
    items = [
        _digest(item)
        for page in _pages(account, "dynamodb", "scan", TableName=table)
        for item in page["Items"]
    ]
    return {
        **config,
        "items": len(items),
        "content": _digest(sorted(items)),
        HELD: {"items": sorted(items)},
    }


def _bucket(account: Account, bucket: str) -> dict[str, Any]:
    s3 = account("s3")
    versions = [
        version
        for page in _pages(account, "s3", "list_object_versions", Bucket=bucket)
        for version in page.get("Versions", [])
    ]
    current = [version for version in versions if version["IsLatest"]]
    return {
        "objects": len(current),
        "versions": len(versions),
        "versioning": s3.get_bucket_versioning(Bucket=bucket).get("Status", "never switched on"),
        "tags": _as_dict((_or_none(s3.get_bucket_tagging, Bucket=bucket) or {"TagSet": []})["TagSet"]),
        HELD: {
            "objects": sorted(f"{version['Key']} {version['ETag']}" for version in current),
            "object versions": sorted(
                f"{version['Key']} {version['VersionId']} {version['ETag']}" for version in versions
            ),
        },
    }


def _queue(account: Account, queue: str) -> dict[str, Any]:
    sqs = account("sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    got = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return {
        "messages": sum(
            int(got[f"ApproximateNumberOfMessages{state}"]) for state in ("", "NotVisible", "Delayed")
        ),
        "visibility timeout": got["VisibilityTimeout"],
        "retention": got["MessageRetentionPeriod"],
        "tags": sqs.list_queue_tags(QueueUrl=url).get("Tags", {}),
    }


def _function(account: Account, function: str) -> dict[str, Any]:
    got = account("lambda").get_function(FunctionName=function)
    configuration = got["Configuration"]
    return {
        "code": configuration["CodeSha256"],
        "environment": configuration.get("Environment", {}).get("Variables", {}),
        "runtime": configuration["Runtime"],
        "handler": configuration["Handler"],
        "role": configuration["Role"],
        "timeout": configuration["Timeout"],
        "memory": configuration["MemorySize"],
        "tags": got.get("Tags", {}),
    }


def _role(account: Account, role: str) -> dict[str, Any]:
    iam = account("iam")
    got = iam.get_role(RoleName=role)["Role"]
    policies = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return {
        "unique id": got["RoleId"],
        "trust": got["AssumeRolePolicyDocument"],
        "policies": {
            policy: iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
            for policy in policies
        },
        "tags": _as_dict(got.get("Tags", [])),
    }


def _parameter(account: Account, parameter: str) -> dict[str, Any]:
    got = account("ssm").get_parameter(Name=parameter, WithDecryption=True)["Parameter"]
    tagged = account("ssm").list_tags_for_resource(ResourceType="Parameter", ResourceId=parameter)["TagList"]
    return {
        "type": got["Type"],
        "value": _digest(got["Value"]),
        "version": got["Version"],
        "tags": _as_dict(tagged),
    }


def _alarm(account: Account, alarm: str) -> dict[str, Any] | None:
    cloudwatch = account("cloudwatch")
    found = cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
    if not found:
        return None
    tagged = cloudwatch.list_tags_for_resource(ResourceARN=found[0]["AlarmArn"])["Tags"]
    return {
        "metric": [found[0]["Namespace"], found[0]["MetricName"], found[0]["Dimensions"]],
        "threshold": [found[0]["ComparisonOperator"], found[0]["Threshold"], found[0]["Statistic"]],
        "period": [found[0]["Period"], found[0]["EvaluationPeriods"]],
        "actions": found[0]["AlarmActions"],
        "tags": _as_dict(tagged),
    }


# --- comparing -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """Something that is not as it was: where (`archive: stream ARN`), and both values."""

    place: str
    field: str
    before: Any
    after: Any

    @property
    def identity(self) -> bool:
        """Is it one that AWS chose, which nothing could have brought back?"""
        return self.field in IDENTITIES

    def __str__(self) -> str:
        return f"{self.place}: {self.field} was {_short(self.before)}, is {_short(self.after)}"


def _short(value: Any) -> str:
    text = "absent" if value is None else value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 120 else f"{text[:117]}..."


def compare(before: dict[str, Any], after: dict[str, Any]) -> list[Difference]:
    """Every difference of two captures, or of one place of them each, in the order of the capture."""
    found: list[Difference] = []
    for place, was in before.items():
        now = after.get(place)
        if was is None or now is None:
            if was is not now:
                found.append(Difference(place, "exists", was is not None, now is not None))
            continue
        found += [
            Difference(place, field, was[field], now.get(field))
            for field in was
            if field != HELD and was[field] != now.get(field)
        ]
    return found


def losses(before: dict[str, Any], after: dict[str, Any]) -> dict[str, int]:
    """What is gone, counted: things whose content is nowhere any more, and identities that others relied on.

    A table with as many items as before, and other ones in it, has lost the old ones.
    """
    gone = dict.fromkeys(
        ("items", "objects", "object versions", "messages", "parameter versions", "identities"), 0
    )
    for place, was in before.items():
        now = after.get(place) or {}
        for what, digests in (was or {}).get(HELD, {}).items():
            gone[what] += len(set(digests) - set(now.get(HELD, {}).get(what, [])))
        for what, field in (("messages", "messages"), ("parameter versions", "version")):
            gone[what] += max(0, (was or {}).get(field, 0) - now.get(field, 0))
        for field in IDENTITIES & set(was or {}):
            gone["identities"] += int(was[field] is not None and was[field] != now.get(field))
    return gone


def setting(account: Account, service: str, name: str) -> str:
    """What the function's environment says; empty where it does not, or where there is no function."""
    function = _or_none(_function, account, names(service)["function"])
    return str(function["environment"].get(name, "")) if function else ""


def bug(account: Account, service: str) -> str:
    """The table that the function looks for and that does not exist; empty when it finds its table."""
    function = _or_none(_function, account, names(service)["function"])
    if function is None:
        return "there is no function"
    wanted: str = function["environment"].get("TABLE_NAME", "")
    if not wanted:
        return "TABLE_NAME is not set"
    return "" if table_config(account, wanted) is not None else wanted
