"""A call as the request an SDK would send: made by botocore, read as the gateway reads it."""

from __future__ import annotations

from typing import Any

import pytest

from keyturn.executors import lean
from keyturn.executors.interface import NotSentError
from keyturn.executors.writing import written
from keyturn.model.execution import Call, Role

CALLS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("dynamodb:UpdateTable", {"TableName": "t", "BillingMode": "PAY_PER_REQUEST"}, "POST /"),
    (
        "lambda:UpdateFunctionConfiguration",
        {"FunctionName": "f", "MemorySize": 512},
        "PUT /2015-03-31/functions/f/configuration",
    ),
    (
        "s3:PutBucketVersioning",
        {"Bucket": "b", "VersioningConfiguration": {"Status": "Enabled"}},
        "PUT /b?versioning",
    ),
    ("rds:ModifyDBInstance", {"DBInstanceIdentifier": "d", "AllocatedStorage": 40}, "POST /"),
    ("sqs:SetQueueAttributes", {"QueueUrl": "http://q/1/q", "Attributes": {"DelaySeconds": "5"}}, "POST /"),
    ("iam:UpdateRole", {"RoleName": "r", "MaxSessionDuration": 7200}, "POST /"),
    ("ec2:CreateTags", {"Resources": ["i-1"], "Tags": [{"Key": "a", "Value": "b"}]}, "POST /"),
    ("elbv2:ModifyListener", {"ListenerArn": "arn:x", "Port": 81}, "POST /"),
)


def call(name: str, parameters: dict[str, Any]) -> Call:
    return Call(name, parameters, "123456789012", "eu-west-1", Role.CHANGE)


@pytest.mark.parametrize(("name", "parameters", "line"), CALLS, ids=[name for name, _, _ in CALLS])
def test_what_is_written_is_read_as_what_was_meant(name: str, parameters: dict[str, Any], line: str) -> None:
    """Same operation, same parameters; the service's prefix is none of the path, and no signature is on it.
    S3's SDK says by which sum the body is checked, whoever calls it.
    """
    made = written(lean.session(""), call(name, parameters))
    meant = {key: value for key, value in made.parameters.items() if key != "ChecksumAlgorithm"}
    assert (made.operation, meant, f"{made.method} {made.target}") == (name, parameters, line)
    assert "authorization" not in dict(made.headers)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("dynamodb:UpdateTable", {}),
        ("dynamodb:NoSuchThing", {}),
    ],
)
def test_what_cannot_be_written_is_not_sent(name: str, parameters: dict[str, Any]) -> None:
    """A parameter is missing; there is no such operation."""
    with pytest.raises(NotSentError):
        written(lean.session(""), call(name, parameters))
