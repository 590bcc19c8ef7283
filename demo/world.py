"""The cost-report service: a real little environment, built, captured and compared with nothing but boto3.

Nothing here knows of Keyturn. `demo.reading` reads it back.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from demo.account import Account, names, tags
from demo.reading import IDENTITIES, Difference, bug, capture, compare, losses, setting, table_config

__all__ = [
    "IDENTITIES",
    "Account",
    "Bug",
    "Difference",
    "bug",
    "build",
    "capture",
    "compare",
    "losses",
    "names",
    "setting",
    "table_config",
    "tags",
    "usual_bug",
]

ITEMS = 10_000
ARCHIVE_ITEMS = 2_000
OBJECTS = 40
MESSAGES = 25
EXPIRES_S = 1_924_992_000  # 2031: no item of ours is ever old enough to expire by itself
WRITERS = 4  # the client's work and the account's overlap

HANDLER = """
import os

def handler(event, context):
    return {"table": os.environ["TABLE_NAME"]}
"""


@dataclass(frozen=True)
class Bug:
    """What is wrong with the function: one setting of its environment."""

    setting: str
    wrong: str
    right: str

    def __str__(self) -> str:
        return f"{self.setting}={self.wrong} should be {self.setting}={self.right}"

    def fixed(self, account: Account, service: str) -> bool:
        """Whether the function has the right value now, and a table that it names exists."""
        return setting(account, service, self.setting) == self.right and not bug(account, service)


def usual_bug(service: str) -> Bug:
    """The function looks for a table whose name is misspelt."""
    return Bug("TABLE_NAME", names(service)["wrong_table"], names(service)["table"])


def build(account: Account, service: str, *, wrong: Bug | None = None, items: int = ITEMS) -> None:
    """Make the environment, with a bug in the function's settings: the usual one unless another is given."""
    name, tagged = names(service), tags(service)
    pairs = [{"Key": key, "Value": value} for key, value in tagged.items()]
    _tables(account, name, pairs, items)
    _buckets(account, name, pairs)
    _messages(account, name, tagged)
    _compute(account, name, tagged, pairs, wrong or usual_bug(service))
    ssm = account("ssm")
    ssm.put_parameter(Name=name["parameter"], Value="https://old.example.internal", Type="String", Tags=pairs)
    ssm.put_parameter(Name=name["parameter"], Value="https://costs.example.internal", Overwrite=True)
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
        AlarmActions=[f"arn:aws:sns:{account.region}:123456789012:on-call"],
        Tags=pairs,
    )


def _messages(account: Account, name: dict[str, str], tagged: dict[str, str]) -> None:
    queue = account("sqs").create_queue(
        QueueName=name["queue"],
        Attributes={"VisibilityTimeout": "45", "MessageRetentionPeriod": "1209600"},
        tags=tagged,
    )["QueueUrl"]
    for start in range(0, MESSAGES, 10):
        entries = [
            {"Id": str(n), "MessageBody": json.dumps({"report": n})}
            for n in range(start, min(start + 10, MESSAGES))
        ]
        account("sqs").send_message_batch(QueueUrl=queue, Entries=entries)


def _compute(
    account: Account, name: dict[str, str], tagged: dict[str, str], pairs: list[dict[str, str]], wrong: Bug
) -> None:
    """The role, and the function that has it."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = account("iam").create_role(
        RoleName=name["role"],
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        Tags=pairs,
    )["Role"]["Arn"]
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
        Role=role,
        Code={"ZipFile": _archive()},
        Timeout=20,
        MemorySize=256,
        Environment={"Variables": {**settings(name), wrong.setting: wrong.wrong}},
        Tags=tagged,
    )


def settings(name: dict[str, str]) -> dict[str, str]:
    """The function's environment without a bug."""
    return {"TABLE_NAME": name["table"], "CURRENCY": "EUR", "LOG_LEVEL": "info"}


def _tables(account: Account, name: dict[str, str], pairs: list[dict[str, str]], items: int) -> None:
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
    by_cost = {
        "IndexName": "by-cost",
        "KeySchema": [keys[0], {"AttributeName": "cents", "KeyType": "RANGE"}],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }
    dynamodb.create_table(
        TableName=name["archive"],
        KeySchema=keys,
        AttributeDefinitions=[*attributes, {"AttributeName": "cents", "AttributeType": "N"}],
        GlobalSecondaryIndexes=[index | {"ProvisionedThroughput": capacity}],
        LocalSecondaryIndexes=[by_cost],
        BillingMode="PROVISIONED",
        ProvisionedThroughput=capacity,
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        Tags=pairs,
    )
    for table in (name["table"], name["archive"]):
        dynamodb.update_time_to_live(
            TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
        )
    _fill(account, name["table"], items)
    _fill(account, name["archive"], min(items, ARCHIVE_ITEMS))


def _fill(account: Account, table: str, count: int) -> None:
    dynamodb = account("dynamodb")

    def put(start: int) -> None:
        left = {table: [{"PutRequest": {"Item": _item(n)}} for n in range(start, min(start + 25, count))]}
        while left:
            left = dynamodb.batch_write_item(RequestItems=left).get("UnprocessedItems", {})

    with ThreadPoolExecutor(WRITERS) as writers:
        deque(writers.map(put, range(0, count, 25)), maxlen=0)  # raises what a writer raised


def _item(number: int) -> dict[str, Any]:
    return {
        "account": {"S": f"{100_000_000_000 + number % 97}"},
        "day": {"S": f"2026-{number // 97:05d}"},
        "team": {"S": f"team-{number % 7}"},
        "cents": {"N": str(number * 37 % 100_000)},
        "expires": {"N": str(EXPIRES_S + number)},
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
