"""Resources of every declared kind, as a person would make them on the stand-in, and what is then done to them and taken back."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec

from tests.provider.provider_world import ACCOUNT, REGION, Account
from tests.recipes.recipe_world import Asked

ROLE = f"arn:aws:iam::{ACCOUNT}:role/worker"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs"
DEFINITION = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)  # fmt: skip


class Night(msgspec.Struct, frozen=True):
    """One resource: how it is made, the in-place changes that are taken back, the delete that is taken back (None: it cannot be)."""

    kind: str
    name: str
    make: Callable[[Account], None]
    changes: tuple[Asked, ...]
    delete: Asked | None = None
    honest: tuple[str, ...] = ()  # what is said not to be as it was, after the delete is taken back
    replace: Asked | None = None  # a create of the same identity that wants something else in place


def _topic(account: Account) -> None:
    sns = account.client("sns")
    arn = sns.create_topic(
        Name="alerts",
        Attributes={"DisplayName": "Alerts"},
        Tags=[{"Key": "environment", "Value": "production"}],
    )["TopicArn"]
    account.client("sqs").create_queue(QueueName="jobs")
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=QUEUE)
    sns.subscribe(TopicArn=arn, Protocol="email", Endpoint="on-call@example.com")


TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"


def _group(account: Account) -> None:
    logs = account.client("logs")
    logs.create_log_group(logGroupName="/app/web", tags={"environment": "production"})
    logs.create_log_group(logGroupName="/app/web-2")
    logs.put_retention_policy(logGroupName="/app/web", retentionInDays=90)
    # no metric filters: the stand-in keeps those of a group that is gone


def _rule(account: Account) -> None:
    events = account.client("events")
    events.put_rule(
        Name="nightly",
        ScheduleExpression="rate(1 day)",
        Description="the nightly job",
        State="ENABLED",
        Tags=[{"Key": "environment", "Value": "production"}],
    )
    events.put_targets(Rule="nightly", Targets=[{"Id": "1", "Arn": QUEUE}, {"Id": "2", "Arn": TOPIC}])


def _machine(account: Account) -> None:
    account.client("iam").create_role(RoleName="worker", AssumeRolePolicyDocument=TRUST)
    account.client("stepfunctions").create_state_machine(
        name="pipeline",
        definition=DEFINITION,
        roleArn=ROLE,
        tags=[{"key": "environment", "value": "production"}],
    )


MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:pipeline"


def _stream(account: Account) -> None:
    kinesis = account.client("kinesis")
    kinesis.create_stream(StreamName="clicks", ShardCount=2)
    kinesis.increase_stream_retention_period(StreamName="clicks", RetentionPeriodHours=48)
    kinesis.add_tags_to_stream(StreamName="clicks", Tags={"environment": "production"})


def _repository(account: Account) -> None:
    ecr = account.client("ecr")
    ecr.create_repository(
        repositoryName="web",
        imageTagMutability="IMMUTABLE",
        tags=[{"Key": "environment", "Value": "production"}],
    )
    ecr.put_lifecycle_policy(
        repositoryName="web",
        lifecyclePolicyText=json.dumps(
            {
                "rules": [
                    {
                        "rulePriority": 1,
                        "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 5},
                        "action": {"type": "expire"},
                    }
                ]
            }
        ),
    )  # fmt: skip


KEY = "11111111-2222-3333-4444-555555555555"


def _key(account: Account) -> None:
    kms = account.client("kms")
    made = kms.create_key(Description="orders", Tags=[{"TagKey": "environment", "TagValue": "production"}])
    kms.create_alias(AliasName="alias/orders", TargetKeyId=made["KeyMetadata"]["KeyId"])


def _secret(account: Account) -> None:
    account.client("secretsmanager").create_secret(
        Name="db-password",
        Description="of orders",
        SecretString="s3cret",
        Tags=[{"Key": "environment", "Value": "production"}],
    )


NIGHTS: tuple[Night, ...] = (
    Night(
        "sns:topic",
        "alerts",
        _topic,
        (
            ("sns:SetTopicAttributes", {"TopicArn": TOPIC, "AttributeName": "DisplayName", "AttributeValue": "X"}),
            ("sns:TagResource", {"ResourceArn": TOPIC, "Tags": [{"Key": "environment", "Value": "dev"}, {"Key": "a", "Value": "b"}]}),
            ("sns:UntagResource", {"ResourceArn": TOPIC, "TagKeys": ["environment"]}),
        ),
        ("sns:DeleteTopic", {"TopicArn": TOPIC}),
        replace=("sns:CreateTopic", {"Name": "alerts", "Attributes": {"DisplayName": "New"}}),
    ),
    Night(
        "logs:log-group",
        "/app/web",
        _group,
        (
            ("logs:PutRetentionPolicy", {"logGroupName": "/app/web", "retentionInDays": 365}),
            ("logs:DeleteRetentionPolicy", {"logGroupName": "/app/web"}),
        ),
        ("logs:DeleteLogGroup", {"logGroupName": "/app/web"}),
    ),
    Night(
        "events:rule",
        "nightly",
        _rule,
        (
            ("events:DisableRule", {"Name": "nightly"}),
            ("events:PutRule", {"Name": "nightly", "ScheduleExpression": "rate(2 days)"}),
            ("events:RemoveTargets", {"Rule": "nightly", "Ids": ["1"]}),
            ("events:PutTargets", {"Rule": "nightly", "Targets": [{"Id": "2", "Arn": QUEUE}, {"Id": "3", "Arn": QUEUE}]}),
        ),
        replace=("events:PutRule", {"Name": "nightly", "ScheduleExpression": "rate(3 days)"}),
    ),
    Night(
        "states:stateMachine",
        "pipeline",
        _machine,
        (
            (
                "stepfunctions:UpdateStateMachine",
                {"stateMachineArn": MACHINE, "definition": DEFINITION.replace("Pass", "Succeed").replace(', "End": true', "")},
            ),
            ("stepfunctions:TagResource", {"resourceArn": MACHINE, "tags": [{"key": "environment", "value": "dev"}]}),
        ),
        ("stepfunctions:DeleteStateMachine", {"stateMachineArn": MACHINE}),
        replace=(
            "stepfunctions:CreateStateMachine",
            {"name": "pipeline", "definition": DEFINITION.replace("A", "B"), "roleArn": ROLE},
        ),
    ),
    Night(
        "kinesis:stream",
        "clicks",
        _stream,
        (
            ("kinesis:IncreaseStreamRetentionPeriod", {"StreamName": "clicks", "RetentionPeriodHours": 72}),
            ("kinesis:UpdateShardCount", {"StreamName": "clicks", "TargetShardCount": 4, "ScalingType": "UNIFORM_SCALING"}),
            ("kinesis:RemoveTagsFromStream", {"StreamName": "clicks", "TagKeys": ["environment"]}),
        ),
        ("kinesis:DeleteStream", {"StreamName": "clicks"}),
    ),
    Night(
        "ecr:repository",
        "web",
        _repository,
        (
            ("ecr:PutImageTagMutability", {"repositoryName": "web", "imageTagMutability": "MUTABLE"}),
            ("ecr:DeleteLifecyclePolicy", {"repositoryName": "web"}),
        ),
        ("ecr:DeleteRepository", {"repositoryName": "web"}),
    ),
    Night(
        "kms:alias",
        "orders",
        _key,
        (),
        ("kms:DeleteAlias", {"AliasName": "alias/orders"}),
    ),
    Night(
        "secretsmanager:secret",
        "db-password",
        _secret,
        (
            ("secretsmanager:UpdateSecret", {"SecretId": "db-password", "Description": "other"}),
            ("secretsmanager:TagResource", {"SecretId": "db-password", "Tags": [{"Key": "environment", "Value": "dev"}]}),
        ),
        ("secretsmanager:DeleteSecret", {"SecretId": "db-password"}),
    ),
)  # fmt: skip
