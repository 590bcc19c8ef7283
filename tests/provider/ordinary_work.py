"""Ordinary work of agents, judged on a stand-in account as it stands at that moment, and then done there."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import yaml

from keyturn.core.ports import Facts
from keyturn.model.assessment import Assessment
from keyturn.policy import CedarEngine, load
from keyturn.providers.aws import assess
from tests.provider.provider_world import ACCOUNT, Account, change, drive, request, seal

HERE: Final = Path(__file__).parent / "corpus"
NARROW: Final = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:PutItem", "logs:PutLogEvents", "s3:GetObject"], "Resource": "*"}]}  # fmt: skip


class Judged(NamedTuple):
    """One mutation with what was decided of it where, and how it was assessed."""

    session: str
    name: str
    development: str
    production: str
    assessment: Assessment


@cache
def engine() -> CedarEngine:
    return load(["seatbelt"])


def archive() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr(zipfile.ZipInfo("app.py"), "def handler(event, context): return 1\n")
    return made.getvalue()


def perform(account: Account, name: str, parameters: dict[str, Any]) -> Any:
    """The call as an SDK makes it."""
    service, _, action = name.partition(":")
    client = account.client(service)
    method = {made: python for python, made in client.meta.method_to_api_mapping.items()}[action]
    return getattr(client, method)(**parameters)


def make_shop(account: Account) -> dict[str, str]:
    """What stands before the first session; returns what only the account can name."""
    trust = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]})  # fmt: skip

    def do(name: str, **given: Any) -> Any:
        return perform(account, name, given)

    do("iam:CreateRole", RoleName="reader", AssumeRolePolicyDocument=trust)
    do("iam:PutRolePolicy", RoleName="reader", PolicyName="p", PolicyDocument=json.dumps(NARROW))
    do("dynamodb:CreateTable", TableName="orders", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST")  # fmt: skip
    for name in ("shop-data", "shop-site"):
        do("s3:CreateBucket", Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        do("s3:PutBucketVersioning", Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    do("sqs:CreateQueue", QueueName="jobs")
    do("sns:CreateTopic", Name="news")
    role = f"arn:aws:iam::{ACCOUNT}:role/reader"
    do("lambda:CreateFunction", FunctionName="report", Runtime="python3.12", Role=role, Handler="app.handler", Code={"ZipFile": archive()}, Environment={"Variables": {"TABLE": "orders", "LEVEL": "INFO"}}, Timeout=30)  # fmt: skip
    do("logs:CreateLogGroup", logGroupName="/aws/lambda/report")
    do("logs:PutRetentionPolicy", logGroupName="/aws/lambda/report", retentionInDays=30)
    do("ssm:PutParameter", Name="/shop/timeout", Value="30", Type="String")
    do("kinesis:CreateStream", StreamName="clicks", ShardCount=1)
    do("ecr:CreateRepository", repositoryName="web")
    do("ecs:CreateCluster", clusterName="shop")
    do("ecs:RegisterTaskDefinition", family="web", containerDefinitions=[{"name": "web", "image": "web:v1", "memory": 128}], taskRoleArn=role)  # fmt: skip
    do("ecs:CreateService", cluster="shop", serviceName="web", taskDefinition="web:1", desiredCount=2)
    do("events:PutRule", Name="nightly", ScheduleExpression="rate(1 day)")
    do("events:PutTargets", Rule="nightly", Targets=[{"Id": "1", "Arn": f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:report"}])  # fmt: skip
    do("rds:CreateDBInstance", DBInstanceIdentifier="shop", Engine="postgres", DBInstanceClass="db.t3.micro", MasterUsername="m", MasterUserPassword="passw0rd", AllocatedStorage=20, BackupRetentionPeriod=7)  # fmt: skip
    image = do("ec2:DescribeImages", Owners=["amazon"])["Images"][0]["ImageId"]
    do("autoscaling:CreateLaunchConfiguration", LaunchConfigurationName="web", ImageId=image, InstanceType="t3.micro")  # fmt: skip
    do("autoscaling:CreateAutoScalingGroup", AutoScalingGroupName="web", LaunchConfigurationName="web", MinSize=1, MaxSize=4, DesiredCapacity=2, AvailabilityZones=["eu-west-1a"])  # fmt: skip
    do("cloudwatch:PutMetricAlarm", AlarmName="errors", MetricName="errors", Namespace="shop", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1.0, ComparisonOperator="GreaterThanThreshold", AlarmActions=[f"arn:aws:sns:eu-west-1:{ACCOUNT}:news"])  # fmt: skip
    made = do("ec2:RunInstances", ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1)
    vpc = do("ec2:CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    group = do("elbv2:CreateTargetGroup", Name="web", Protocol="HTTP", Port=80, VpcId=vpc)
    return {
        "@tg": group["TargetGroups"][0]["TargetGroupArn"],
        "@instance": made["Instances"][0]["InstanceId"],
    }


def lines(names: dict[str, str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(session, operation, parameters) of the whole corpus, one after the other."""
    session = ""
    for line in (HERE / "ordinary_work.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("== "):
            session = line.removeprefix("== ")
        elif line and not line.startswith("#"):
            count, text = _times(line)
            for number in range(count):
                name, _, given = text.replace("{n}", str(number)).partition(" ")
                yield session, name, _filled(yaml.safe_load(given), names)


def _times(text: str) -> tuple[int, str]:
    found = re.fullmatch(r"\*(\d+) (.+)", text, re.DOTALL)
    return (int(found[1]), found[2]) if found else (1, text)


def _filled(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(inner, names) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, names) for inner in value]
    if value == "@zip":
        return archive()
    return names.get(value, value) if isinstance(value, str) else value


def judge(account: Account, name: str, parameters: dict[str, Any]) -> Assessment:
    asked = request(name, parameters)
    made = change((name, parameters))
    return drive(
        assess.assess(made, (asked,), seal=seal, accounts={ACCOUNT: "production"}), account
    ).assessment


def work(account: Account) -> list[Judged]:
    """The whole corpus: each mutation judged where it is development and where it is production, then done."""
    names = make_shop(account) | {"@env": "production"}
    done = []
    for session, name, parameters in lines(names):
        found = judge(account, name, parameters)
        made = change((name, parameters))
        verdicts = [
            str(engine().answer(made, msgspec.structs.replace(found, environment=where), Facts()).verdict)
            for where in ("development", "production")
        ]
        done.append(Judged(session, name, verdicts[0], verdicts[1], found))
        with suppress(NotImplementedError):  # the stand-in has no bus that schedules listen to
            perform(account, name, parameters)
    return done
