"""As `subjects`: tables, queues, topics, parameters, functions."""

from __future__ import annotations

import io
import json
import random
import zipfile
from typing import Any

from tests.provider.provider_world import ACCOUNT, REGION, Account
from tests.recipes.drawing import Draw, accepted, perform
from tests.recipes.subjects import (
    QUEUE,
    ROLE,
    Made,
    label,
    must,
    roles,
    some,
)


def _sides(account: Account, chance: random.Random, name: str) -> None:
    """What a table is given once it stands."""
    if chance.random() < 0.5:
        perform(
            account,
            "dynamodb:UpdateTimeToLive",
            {"TableName": name, "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "ends"}},
        )
    if chance.random() < 0.5:
        perform(
            account,
            "dynamodb:UpdateContinuousBackups",
            {"TableName": name, "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}},
        )
    if chance.random() < 0.5:
        perform(
            account,
            "dynamodb:PutResourcePolicy",
            {
                "ResourceArn": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}",
                "Policy": json.dumps(
                    {
                        "Version": "2012-10-17",
                        "Statement": [
                            {
                                "Effect": "Allow",
                                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                                "Action": "dynamodb:GetItem",
                                "Resource": "*",
                            }
                        ],
                    }
                ),
            },
        )


def _items(account: Account, chance: random.Random, name: str) -> None:
    """Items of every type that there is."""
    for number in range(chance.randint(0, 30)):
        item: dict[str, Any] = {
            "id": {"S": f"i{number}"},
            "at": {"N": str(number * 10**20)},
            "owner": {"S": "ö"},
            "b": {"B": chance.randbytes(5)},
        }
        more: list[tuple[str, Any]] = [
            ("null", {"NULL": True}), ("yes", {"BOOL": False}), ("set", {"SS": ["a", "ß"]}), ("ns", {"NS": ["1", "-2.5"]}),
            ("bs", {"BS": [b"1", b"\xff"]}), ("m", {"M": {"a": {"M": {"b": {"N": "1e-10"}, "c": {"S": ""}}}}}), ("l", {"L": [{"N": "7"}, {"S": ""}, {"NULL": True}]}), ("long", {"S": "x" * 3000}),
            ("small", {"N": "0.00000000000000000000000000012345678901234567"}),
        ]  # fmt: skip
        item |= dict(chance.sample(more, chance.randint(0, len(more))))
        perform(account, "dynamodb:PutItem", {"TableName": name, "Item": item})


def table(account: Account, draw: Draw) -> Made:
    name, chance = label(draw.chance), draw.chance
    attributes = {"id": "S", "at": "N", "b": "B", "owner": "S"}
    key = [{"AttributeName": "id", "KeyType": "HASH"}]
    if chance.random() < 0.5:
        key.append({"AttributeName": "at", "KeyType": "RANGE"})
    given: dict[str, Any] = {"TableName": name, "KeySchema": key}
    indices: dict[str, list[dict[str, Any]]] = {}
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        if chance.random() < 0.6 and (kind[0] == "G" or len(key) == 2):
            schema = [
                {"AttributeName": "owner", "KeyType": "HASH"},
                {"AttributeName": "b", "KeyType": "RANGE"},
            ]
            if kind[0] == "L":
                schema = [key[0], {"AttributeName": "owner", "KeyType": "RANGE"}]
            project = chance.choice(
                [{"ProjectionType": "ALL"}, {"ProjectionType": "KEYS_ONLY"},
                 {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["x", "y"]}]
            )  # fmt: skip
            indices[kind] = [{"IndexName": f"by-{kind[0]}", "KeySchema": schema, "Projection": project}]
    if chance.random() < 0.5:
        given["BillingMode"] = "PAY_PER_REQUEST"
    else:
        given["ProvisionedThroughput"] = {"ReadCapacityUnits": 7, "WriteCapacityUnits": 3}
        for one in indices.get("GlobalSecondaryIndexes", []):
            one["ProvisionedThroughput"] = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 2}
    if chance.random() < 0.5:
        given["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    if chance.random() < 0.5:
        given["SSESpecification"] = {"Enabled": True, "SSEType": "KMS"}
    named = {
        one["AttributeName"]
        for schema in (key, *(index["KeySchema"] for listed in indices.values() for index in listed))
        for one in schema
    }
    given["AttributeDefinitions"] = [
        {"AttributeName": n, "AttributeType": attributes[n]} for n in sorted(named)
    ]
    draw.hints = {
        **draw.hints,
        "BillingMode|Throughput|GlobalSec|LocalSec|StreamSp|DeletionProt|SSESp|Policy|GlobalTable|OnDemand|Warm": lambda _: (
            None
        ),
    }
    perform(
        account,
        "dynamodb:CreateTable",
        {
            **given,
            **indices,
            "Tags": [{"Key": "größe", "Value": ""}],
            "TableClass": chance.choice(["STANDARD", "STANDARD_INFREQUENT_ACCESS"]),
        },
    )
    _sides(account, chance, name)
    _items(account, chance, name)
    arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"
    return Made(name, {"TableName": name, "ResourceArn": arn}, ("dynamodb:DeleteTable", {"TableName": name}))


def queue(account: Account, draw: Draw) -> Made:
    chance = draw.chance
    name = label(chance) + (fifo := chance.choice(["", ".fifo"]))
    perform(
        account,
        "sqs:CreateQueue",
        {"QueueName": "dead" + fifo, "Attributes": {"FifoQueue": "true"} if fifo else {}},
    )
    possible: dict[str, str] = {
        "DelaySeconds": "17", "MaximumMessageSize": "2048", "MessageRetentionPeriod": "3600", "ReceiveMessageWaitTimeSeconds": "3",
        "VisibilityTimeout": "77", "KmsMasterKeyId": "alias/aws/sqs", "KmsDataKeyReusePeriodSeconds": "600", "SqsManagedSseEnabled": "false",
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead{fifo}", "maxReceiveCount": 4}),
        "RedriveAllowPolicy": json.dumps({"redrivePermission": "denyAll"}),
        "Policy": json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": "x", "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}]}),
    }  # fmt: skip
    if fifo:
        possible |= {
            "ContentBasedDeduplication": "true",
            "DeduplicationScope": "messageGroup",
            "FifoThroughputLimit": "perMessageGroupId",
        }
    attributes = {key: value for key, value in possible.items() if chance.random() < 0.5} | (
        {"FifoQueue": "true"} if fifo else {}
    )
    found = must(accepted(account, "sqs:CreateQueue", {"QueueName": name, "Attributes": attributes}, draw))
    url = found.answer["QueueUrl"]
    for number in range(chance.randint(0, 12)):
        more = {"MessageGroupId": f"g{number % 3}", "MessageDeduplicationId": str(number)} if fifo else {}
        marks = {
            "n": {"DataType": "Number", "StringValue": str(number)},
            "b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        }
        perform(
            account,
            "sqs:SendMessage",
            {
                "QueueUrl": url,
                "MessageBody": f"ö {number}",
                "MessageAttributes": marks if number % 2 else {},
                **more,
            },
        )
    return Made(name, {"QueueUrl": url, "AttributeNames": ["All"]}, ("sqs:DeleteQueue", {"QueueUrl": url}))


def topic(account: Account, draw: Draw) -> Made:
    chance = draw.chance
    name = label(chance) + (fifo := chance.choice(["", ".fifo"]))
    possible = {
        "DisplayName": "Größe", "KmsMasterKeyId": "alias/aws/sns", "SignatureVersion": "2", "TracingConfig": "Active",
        "DeliveryPolicy": json.dumps({"http": {"defaultHealthyRetryPolicy": {"numRetries": 5}}}),
        "Policy": json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": "x", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sns:Publish", "Resource": "*"}]}),
        "HTTPSuccessFeedbackRoleArn": ROLE, "SQSFailureFeedbackRoleArn": ROLE, "LambdaSuccessFeedbackSampleRate": "10",
    }  # fmt: skip
    attributes = {key: value for key, value in possible.items() if chance.random() < 0.5}
    attributes |= {"FifoTopic": "true", "ContentBasedDeduplication": "true"} if fifo else {}
    found = must(accepted(account, "sns:CreateTopic", {"Name": name, "Attributes": attributes}, draw))
    arn = found.answer["TopicArn"]
    perform(account, "sqs:CreateQueue", {"QueueName": "jobs"})
    ends = [("sqs", QUEUE), ("email", "on-call@example.com"), ("https", "https://example.com/hook"), ("sms", "+491701234567"),
            ("lambda", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f")]  # fmt: skip
    for protocol, end in chance.sample(ends, chance.randint(0, 5)):
        marks = {"RawMessageDelivery": "true", "FilterPolicy": json.dumps({"store": ["x"], "price": [{"numeric": [">", 3]}]}),
                 "FilterPolicyScope": "MessageAttributes", "RedrivePolicy": json.dumps({"deadLetterTargetArn": QUEUE}),
                 "DeliveryPolicy": json.dumps({"healthyRetryPolicy": {"numRetries": 5}})}  # fmt: skip
        given = {key: value for key, value in marks.items() if chance.random() < 0.5}
        if "FilterPolicyScope" in given:
            given["FilterPolicy"] = marks["FilterPolicy"]
        perform(
            account,
            "sns:Subscribe",
            {
                "TopicArn": arn,
                "Protocol": protocol,
                "Endpoint": end,
                "Attributes": given,
                "ReturnSubscriptionArn": True,
            },
        )
    some(
        draw,
        account,
        "sns:PutDataProtectionPolicy",
        {"ResourceArn": arn, "DataProtectionPolicy": '{"Name": "x"}'},
    )
    return Made(name, {"TopicArn": arn, "ResourceArn": arn}, ("sns:DeleteTopic", {"TopicArn": arn}))


def parameter(account: Account, draw: Draw) -> Made:
    chance = draw.chance
    name = chance.choice(["", "/deep/er/"]) + label(chance)
    kind = chance.choice(["String", "StringList", "SecureString"])
    for number in range(chance.randint(1, 5)):
        given: dict[str, Any] = {
            "Name": name,
            "Value": f"ö,{number}\n",
            "Type": kind,
            "Description": f"v{number}",
            "Tier": chance.choice(["Standard", "Advanced", "Intelligent-Tiering"]),
        }
        given |= {"AllowedPattern": ".*"} if chance.random() < 0.3 and kind != "SecureString" else {}
        given |= (
            {"Overwrite": True}
            if number
            else {"Tags": [{"Key": "größe", "Value": ""}, {"Key": "a", "Value": "b"}]}
        )
        perform(account, "ssm:PutParameter", given)
        if chance.random() < 0.4:
            perform(account, "ssm:LabelParameterVersion", {"Name": name, "Labels": [f"l{number}"]})
    keys = {
        "Name": name,
        "Names": [name],
        "ResourceType": "Parameter",
        "ResourceId": name,
        "WithDecryption": True,
    }
    return Made(name, keys, ("ssm:DeleteParameter", {"Name": name}))


def code() -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as packed:
        packed.writestr(zipfile.ZipInfo("app.py"), "def handler(event, context): return 'ö'")
    return kept.getvalue()


def function(account: Account, draw: Draw) -> Made:
    roles(account)
    chance, name = draw.chance, label(draw.chance)
    given = {
        "FunctionName": name,
        "Role": ROLE,
        "Code": {"ZipFile": code()},
        "Runtime": "python3.13",
        "Handler": "app.handler",
        "PackageType": "Zip",
    }
    here = {"FunctionName": name}
    must(accepted(account, "lambda:CreateFunction", given, draw, away=("lambda:DeleteFunction", here)))
    for number in range(chance.randint(0, 3)):
        perform(account, "lambda:PublishVersion", {**here, "Description": f"v{number}"})
        perform(account, "lambda:UpdateFunctionCode", {**here, "ZipFile": code() + bytes([number])})
        some(
            draw,
            account,
            "lambda:CreateAlias",
            {**here, "Name": f"a{number}", "FunctionVersion": str(number + 1)},
        )
    some(draw, account, "lambda:PutFunctionConcurrency", {**here, "ReservedConcurrentExecutions": 5})
    some(draw, account, "lambda:PutFunctionEventInvokeConfig", {**here})
    some(draw, account, "lambda:CreateFunctionUrlConfig", {**here, "AuthType": "AWS_IAM"})
    some(
        draw,
        account,
        "lambda:AddPermission",
        {
            **here,
            "StatementId": "one",
            "Action": "lambda:InvokeFunction",
            "Principal": "s3.amazonaws.com",
            "SourceArn": "arn:aws:s3:::uploads",
        },
    )
    some(
        draw,
        account,
        "lambda:AddPermission",
        {**here, "StatementId": "two", "Action": "lambda:InvokeFunction", "Principal": ACCOUNT},
    )
    some(draw, account, "lambda:CreateEventSourceMapping", {**here, "EventSourceArn": QUEUE})
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    return Made(name, {**here, "Resource": arn, "ResourceArn": arn}, ("lambda:DeleteFunction", here))


def mapping(account: Account, draw: Draw) -> Made:
    roles(account)
    perform(
        account,
        "lambda:CreateFunction",
        {
            "FunctionName": "report",
            "Role": ROLE,
            "Code": {"ZipFile": code()},
            "Runtime": "python3.13",
            "Handler": "a.b",
        },
    )
    found = must(
        accepted(
            account,
            "lambda:CreateEventSourceMapping",
            {"FunctionName": "report", "EventSourceArn": QUEUE},
            draw,
        )
    )
    uuid = found.answer["UUID"]
    return Made(uuid, {"UUID": uuid}, ("lambda:DeleteEventSourceMapping", {"UUID": uuid}))
