"""Exact rules, one file a service; importing them puts their rules into the registry."""

from __future__ import annotations

from keyturn.providers.aws.rules import (
    cloudwatch,
    dynamodb,
    iam,
    inside,
    lambda_,
    machines,
    policies,
    s3,
    s3_uploads,
    sqs,
    ssm,
    stacks,
    statements,
    windows,
)
from keyturn.providers.aws.rules.tables import every

__all__ = [
    "cloudwatch",
    "dynamodb",
    "every",
    "iam",
    "inside",
    "lambda_",
    "machines",
    "policies",
    "s3",
    "s3_uploads",
    "sqs",
    "ssm",
    "stacks",
    "statements",
    "windows",
]
