"""The cost-report service: a real little environment, built, captured and compared with nothing but boto3.

Nothing here knows of Keyturn: it is how the demonstration checks its own claims.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ITEMS = 10_000
ARCHIVE_ITEMS = 2_000
OBJECTS = 40
MESSAGES = 25

HANDLER = """
import os

def handler(event, context):
    return {"table": os.environ["TABLE_NAME"]}
"""


class Account:
    """boto3 clients of one account, one region, one key."""

    def __init__(self, endpoint: str, key: str, secret: str, region: str = "eu-central-1") -> None:
        self.endpoint, self.region = endpoint, region
        self._session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=region)
        self._clients: dict[str, Any] = {}

    def __call__(self, service: str) -> Any:
        if service not in self._clients:
            config = Config(retries={"max_attempts": 2}, s3={"addressing_style": "path"})
            self._clients[service] = self._session.client(service, endpoint_url=self.endpoint, config=config)
        return self._clients[service]


def names(service: str) -> dict[str, str]:
    """Every name of the environment, from the service's."""
    return {
        "table": f"{service}-items",
        "archive": f"{service}-archive",
        "reports": f"{service}-reports",
        "scratch": f"{service}-exports",
        "queue": f"{service}-jobs",
        "function": f"{service}-api",
        "role": f"{service}-role",
        "parameter": f"/{service}/endpoint",
        "secret": f"/{service}/token",
        "alarm": f"{service}-errors",
        "wrong_table": f"{service}-itmes",
    }


def tags(service: str) -> dict[str, str]:
    return {"environment": "production", "service": service}


def build(account: Account, service: str) -> None:
    """Make the environment. The function's TABLE_NAME is misspelt: that is the bug."""
    name, tagged = names(service), tags(service)
    pairs = [{"Key": key, "Value": value} for key, value in tagged.items()]
    _tables(account, name, pairs)
    _buckets(account, name, pairs)
    queue = account("sqs").create_queue(QueueName=name["queue"], tags=tagged)["QueueUrl"]
    for start in range(0, MESSAGES, 10):
        entries = [
            {"Id": str(n), "MessageBody": json.dumps({"report": n})}
            for n in range(start, min(start + 10, MESSAGES))
        ]
        account("sqs").send_message_batch(QueueUrl=queue, Entries=entries)
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    account("iam").create_role(
        RoleName=name["role"],
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        Tags=pairs,
    )
    may = {
        "Effect": "Allow",
        "Action": "dynamodb:*Item",
        "Resource": f"arn:aws:dynamodb:*:*:table/{name['table']}",
    }
    account("iam").put_role_policy(
        RoleName=name["role"],
        PolicyName="items",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [may]}),
    )
    account("lambda").create_function(
        FunctionName=name["function"],
        Runtime="python3.12",
        Handler="app.handler",
        Role=account("iam").get_role(RoleName=name["role"])["Role"]["Arn"],
        Code={"ZipFile": _archive()},
        Timeout=20,
        MemorySize=256,
        Environment={
            "Variables": {"TABLE_NAME": name["wrong_table"], "CURRENCY": "EUR", "LOG_LEVEL": "info"}
        },
        Tags=tagged,
    )
    ssm = account("ssm")
    ssm.put_parameter(
        Name=name["parameter"], Value="https://costs.example.internal", Type="String", Tags=pairs
    )
    ssm.put_parameter(Name=name["secret"], Value="t0p-secret-token", Type="SecureString", Tags=pairs)
    account("cloudwatch").put_metric_alarm(
        AlarmName=name["alarm"],
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Dimensions=[{"Name": "FunctionName", "Value": name["function"]}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=5,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=["arn:aws:sns:eu-central-1:123456789012:on-call"],
        Tags=pairs,
    )


def _tables(account: Account, name: dict[str, str], pairs: list[dict[str, str]]) -> None:
    dynamodb = account("dynamodb")
    keys = [{"AttributeName": "account", "KeyType": "HASH"}, {"AttributeName": "day", "KeyType": "RANGE"}]
    attributes = [
        {"AttributeName": attribute, "AttributeType": "S"} for attribute in ("account", "day", "team")
    ]
    index = {
        "IndexName": "by-team",
        "KeySchema": [
            {"AttributeName": "team", "KeyType": "HASH"},
            {"AttributeName": "day", "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": "ALL"},
    }
    dynamodb.create_table(
        TableName=name["table"],
        KeySchema=keys,
        AttributeDefinitions=attributes,
        GlobalSecondaryIndexes=[index],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        DeletionProtectionEnabled=True,
        Tags=pairs,
    )
    capacity = {"ReadCapacityUnits": 10, "WriteCapacityUnits": 5}
    dynamodb.create_table(
        TableName=name["archive"],
        KeySchema=keys,
        AttributeDefinitions=attributes,
        GlobalSecondaryIndexes=[index | {"ProvisionedThroughput": capacity}],
        BillingMode="PROVISIONED",
        ProvisionedThroughput=capacity,
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        Tags=pairs,
    )
    for table in (name["table"], name["archive"]):
        dynamodb.update_time_to_live(
            TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
        )
    _fill(account, name["table"], ITEMS)
    _fill(account, name["archive"], ARCHIVE_ITEMS)


def _fill(account: Account, table: str, count: int) -> None:
    for start in range(0, count, 25):
        puts = [{"PutRequest": {"Item": _item(n)}} for n in range(start, min(start + 25, count))]
        account("dynamodb").batch_write_item(RequestItems={table: puts})


def _item(number: int) -> dict[str, Any]:
    return {
        "account": {"S": f"{100_000_000_000 + number % 97}"},
        "day": {"S": f"2026-{number // 97:05d}"},
        "team": {"S": f"team-{number % 7}"},
        "cents": {"N": str(number * 37 % 100_000)},
    }


def _buckets(account: Account, name: dict[str, str], pairs: list[dict[str, str]]) -> None:
    s3 = account("s3")
    for bucket in (name["reports"], name["scratch"]):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": account.region})
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": pairs})
    s3.put_bucket_versioning(Bucket=name["reports"], VersioningConfiguration={"Status": "Enabled"})
    for number in range(OBJECTS):
        s3.put_object(Bucket=name["reports"], Key=f"2026/{number:03d}.csv", Body=f"first,{number}".encode())
        s3.put_object(Bucket=name["scratch"], Key=f"raw/{number:03d}.json", Body=f"{{{number}}}".encode())
    for number in range(0, OBJECTS, 2):
        s3.put_object(Bucket=name["reports"], Key=f"2026/{number:03d}.csv", Body=f"second,{number}".encode())


def _archive() -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr(zipfile.ZipInfo("app.py", (2026, 2, 20, 0, 0, 0)), HANDLER)
    return raw.getvalue()


# --- reading it all back ---------------------------------------------------------------------------------------------


def capture(account: Account, service: str) -> dict[str, Any]:
    """Everything that stands; what does not exist is None."""
    name = names(service)
    return {
        **{key: _table(account, name[key]) for key in ("table", "archive")},
        **{key: _bucket(account, name[key]) for key in ("reports", "scratch")},
        "queue": _or_none(lambda: _queue(account, name["queue"])),
        "function": _or_none(lambda: _function(account, name["function"])),
        "role": _or_none(lambda: _role(account, name["role"])),
        **{key: _or_none(lambda key=key: _parameter(account, name[key])) for key in ("parameter", "secret")},
        "alarm": _alarm(account, name["alarm"]),
    }


def _or_none(read: Any) -> Any:
    try:
        return read()
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in {400, 404}:
            return None
        raise


def _pages(account: Account, service: str, operation: str, **given: Any) -> Iterator[dict[str, Any]]:
    yield from account(service).get_paginator(operation).paginate(**given)


def table_config(account: Account, table: str) -> dict[str, Any] | None:
    """A table's declared configuration, without its items."""
    dynamodb = account("dynamodb")
    described = _or_none(lambda: dynamodb.describe_table(TableName=table)["Table"])
    if described is None:
        return None
    ttl = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    tagged = dynamodb.list_tags_of_resource(ResourceArn=described["TableArn"])["Tags"]
    stream = described.get("StreamSpecification", {})
    billing = described.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    capacity = described.get("ProvisionedThroughput", {})
    return {
        "keys": described["KeySchema"],
        "indexes": sorted(
            (i["IndexName"], json.dumps(i["KeySchema"])) for i in described.get("GlobalSecondaryIndexes", [])
        ),
        "billing mode": billing,
        "capacity": [capacity.get("ReadCapacityUnits"), capacity.get("WriteCapacityUnits")]
        if billing == "PROVISIONED"
        else None,
        "tags": {tag["Key"]: tag["Value"] for tag in tagged},
        "time to live": ttl.get("AttributeName")
        if ttl.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}
        else None,
        "stream": stream.get("StreamViewType") if stream.get("StreamEnabled") else None,
        "deletion protection": described.get("DeletionProtectionEnabled", False),
        "stream ARN": described.get("LatestStreamArn"),
    }


def _table(account: Account, table: str) -> dict[str, Any] | None:
    config = table_config(account, table)
    if config is None:
        return None
    count, content = 0, 0
    for page in _pages(account, "dynamodb", "scan", TableName=table):
        for item in page["Items"]:
            count += 1
            content ^= int.from_bytes(
                hashlib.sha256(json.dumps(item, sort_keys=True).encode()).digest(), "big"
            )
    return {**config, "items": count, "content": f"{content:064x}"}


def _bucket(account: Account, bucket: str) -> dict[str, Any] | None:
    try:
        versions = [
            version
            for page in _pages(account, "s3", "list_object_versions", Bucket=bucket)
            for version in page.get("Versions", [])
        ]
    except ClientError:
        return None
    current = [version for version in versions if version["IsLatest"]]
    return {"objects": len(current), "versions": len(versions)}


def _queue(account: Account, queue: str) -> dict[str, Any]:
    url = account("sqs").get_queue_url(QueueName=queue)["QueueUrl"]
    got = account("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    return {"messages": int(got["Attributes"]["ApproximateNumberOfMessages"])}


def _function(account: Account, function: str) -> dict[str, Any]:
    got = account("lambda").get_function(FunctionName=function)["Configuration"]
    return {
        "code": got["CodeSha256"],
        "environment": got.get("Environment", {}).get("Variables", {}),
        "timeout": got["Timeout"],
        "memory": got["MemorySize"],
    }


def _role(account: Account, role: str) -> dict[str, Any]:
    return {"unique id": account("iam").get_role(RoleName=role)["Role"]["RoleId"]}


def _parameter(account: Account, parameter: str) -> dict[str, Any]:
    got = account("ssm").get_parameter(Name=parameter, WithDecryption=True)["Parameter"]
    return {"value": hashlib.sha256(got["Value"].encode()).hexdigest(), "version": got["Version"]}


def _alarm(account: Account, alarm: str) -> dict[str, Any] | None:
    found = account("cloudwatch").describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
    return {"threshold": found[0]["Threshold"], "actions": found[0]["AlarmActions"]} if found else None


def losses(before: dict[str, Any], after: dict[str, Any]) -> dict[str, int]:
    """What is gone, counted: data by how many, and identities that are not the ones that were trusted."""

    def fewer(place: str, what: str) -> int:
        was = (before.get(place) or {}).get(what, 0)
        now = (after.get(place) or {}).get(what, 0)
        return max(0, int(was - now))

    role_before, role_after = before.get("role") or {}, after.get("role") or {}
    return {
        "items": fewer("table", "items") + fewer("archive", "items"),
        "objects": fewer("reports", "objects") + fewer("scratch", "objects"),
        "object versions": fewer("reports", "versions") + fewer("scratch", "versions"),
        "messages": fewer("queue", "messages"),
        "identities": int(bool(role_before) and role_before.get("unique id") != role_after.get("unique id")),
    }


def bug(account: Account, service: str) -> str:
    """The table that the function looks for and that does not exist; empty when it finds its table."""
    function = _or_none(lambda: _function(account, names(service)["function"]))
    if function is None:
        return "there is no function"
    wanted = function["environment"].get("TABLE_NAME", "")
    return "" if table_config(account, wanted) is not None else wanted
