"""China and GovCloud: endpoints, names, policies and the guard are of the plane's own partition, everywhere."""

from __future__ import annotations

import asyncio
import json

import pytest

from keyturn.executors.aws import AwsExecutor
from keyturn.executors.aws_config import AwsConfig
from keyturn.model.change import Change, Principal
from keyturn.providers.aws import guard
from keyturn.providers.aws.hosts import is_aws
from keyturn.providers.aws.operation import operation_from
from keyturn.providers.aws.resources import Home, arn_of
from keyturn.providers.aws.scope import scope

ACCOUNT = "123456789012"
PARTITIONS = [
    ("aws", "eu-central-1", "amazonaws.com"),
    ("aws-cn", "cn-north-1", "amazonaws.com.cn"),
    ("aws-cn", "cn-northwest-1", "amazonaws.com.cn"),
    ("aws-us-gov", "us-gov-west-1", "amazonaws.com"),
    ("aws-us-gov", "us-gov-east-1", "amazonaws.com"),
]


@pytest.mark.parametrize(("partition", "region", "suffix"), PARTITIONS)
@pytest.mark.parametrize("service", ["dynamodb", "s3", "sqs", "sts", "rds"])
def test_the_plane_goes_to_the_partitions_own_endpoint(
    partition: str, region: str, suffix: str, service: str
) -> None:
    """And the proxy knows it for one of AWS's names."""
    executor = AwsExecutor(AwsConfig(region=region, account=ACCOUNT, partition=partition))
    host = executor.endpoint(service, region).removeprefix("https://")
    asyncio.run(executor.close())
    assert host == f"{service}.{region}.{suffix}"
    assert is_aws(host)


@pytest.mark.parametrize(("partition", "region", "suffix"), PARTITIONS)
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("dynamodb:DeleteTable", {"TableName": "t"}),
        ("s3:PutObject", {"Bucket": "b", "Key": "k"}),
        ("sqs:SendMessage", {"QueueUrl": "https://a.b/123456789012/q", "MessageBody": "m"}),
        ("iam:DeleteRole", {"RoleName": "r"}),
        ("lambda:UpdateFunctionCode", {"FunctionName": "f"}),
    ],
)
def test_what_a_change_touches_is_named_in_its_partition(
    partition: str, region: str, suffix: str, name: str, parameters: dict[str, str]
) -> None:
    """A policy with another partition's ARNs permits nothing there: the call would fail, after its backup."""
    service, _, action = name.partition(":")
    home = Home(partition, ACCOUNT, region)
    made = operation_from(service, action, dict(parameters), home=home, seal=lambda _: "hmac:0")
    change = Change(Principal("a", "S-1", "o"), "test", (made,), 0)
    said = scope(change)
    arns = [*said.resources, *(arn_of(ref) for ref in change.resources)]
    assert arns
    assert all(arn.startswith(f"arn:{partition}:") for arn in arns)
    for statement in json.loads(said.policy)["Statement"]:
        for via in statement.get("Condition", {}).get("StringLike", {}).get("kms:ViaService", []):
            assert f"{service}.{region}.{suffix}".startswith(via.rstrip("*"))


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_the_guard_is_of_its_partition(partition: str) -> None:
    """Not an ARN of another one in anything that it prints."""
    guarded = guard.Guarded(
        account=ACCOUNT, plane=f"arn:{partition}:iam::{ACCOUNT}:role/plane", partition=partition
    )
    printed = json.dumps([guard.template(guarded), guard.scp(guarded).document, guard.boundary(guarded)])
    others = {"aws", "aws-cn", "aws-us-gov"} - {partition}
    assert f"arn:{partition}:" in printed
    assert not [other for other in others if f"arn:{other}:" in printed]
