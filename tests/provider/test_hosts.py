"""What AWS's host names say: whose they are, and what they hold that a path would say otherwise."""

from __future__ import annotations

import pytest

from keyturn.providers.aws.hosts import host_prefix, is_aws, settled
from keyturn.providers.aws.protocols.values import UnmodelledError
from keyturn.providers.aws.wire import CredentialScope, Identified, Unidentified, WireRequest, identify


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("dynamodb.eu-central-1.amazonaws.com", True),
        ("sqs.cn-north-1.amazonaws.com.cn", True),
        ("s3.us-gov-west-1.amazonaws.com", True),
        ("my.bucket.s3.amazonaws.com", True),
        ("lambda.eu-central-1.api.aws", True),
        ("amazonaws.com", False),
        ("evilamazonaws.com", False),
        ("amazonaws.com.evil.example", False),
        ("a..amazonaws.com", False),
        ("-a.amazonaws.com", False),
        ("a/b.amazonaws.com", False),
        ("169.254.169.254", False),
        ("", False),
    ],
)
def test_which_names_are_aws_s(host: str, *, ours: bool) -> None:
    """Under AWS's suffixes, label by label; nothing that only looks like it."""
    assert is_aws(host) is ours


@pytest.mark.parametrize(
    ("host", "method", "target", "operation", "parameters"),
    [
        ("b.s3.eu-central-1.amazonaws.com", "GET", "/k/1", "GetObject", {"Bucket": "b", "Key": "k/1"}),
        ("my.b.s3.amazonaws.com", "DELETE", "/", "DeleteBucket", {"Bucket": "my.b"}),
        ("b.s3.eu-central-1.amazonaws.com", "GET", "/?list-type=2", "ListObjectsV2", {"Bucket": "b"}),
        ("b.s3.dualstack.eu-west-1.amazonaws.com", "HEAD", "/", "HeadBucket", {"Bucket": "b"}),
        ("b.s3-us-west-2.amazonaws.com", "DELETE", "/k", "DeleteObject", {"Bucket": "b", "Key": "k"}),
        ("b.s3-accelerate.amazonaws.com", "GET", "/k", "GetObject", {"Bucket": "b", "Key": "k"}),
        ("b.s3-fips.us-east-1.amazonaws.com", "GET", "/k", "GetObject", {"Bucket": "b", "Key": "k"}),
        ("b.s3.cn-north-1.amazonaws.com.cn", "DELETE", "/?policy", "DeleteBucketPolicy", {"Bucket": "b"}),
        ("s3.eu-central-1.amazonaws.com", "DELETE", "/b/k", "DeleteObject", {"Bucket": "b", "Key": "k"}),
        ("s3.amazonaws.com", "GET", "/", "ListBuckets", {}),
        ("b.s3.eu-central-1.amazonaws.com", "DELETE", "//", "DeleteObject", {"Bucket": "b", "Key": "/"}),
    ],
)
def test_the_bucket_of_a_virtual_host(
    host: str, method: str, target: str, operation: str, parameters: dict[str, str]
) -> None:
    """Read as the same request with the bucket in its path: deleting a bucket is not deleting the key that is empty."""
    scope = CredentialScope("K", "20260220", "eu-central-1", "s3")
    there = settled(WireRequest(method, target, (("host", host),), b""), scope, host)
    assert isinstance(there, WireRequest)
    found = identify(there, scope)
    assert isinstance(found, Identified), found
    assert (found.operation, found.parameters) == (operation, parameters)


@pytest.mark.parametrize(
    "host",
    [
        "ap-123456789012.s3-accesspoint.eu-central-1.amazonaws.com",
        "x.s3-outposts.eu-central-1.amazonaws.com",
        "b.s3.eu-central-1.amazonaws.com.evil.amazonaws.com",
        "dynamodb.eu-central-1.amazonaws.com",
    ],
)
def test_a_host_s3_does_not_answer_at(host: str) -> None:
    """Refused by name: what the bucket is cannot be said."""
    scope = CredentialScope("K", "20260220", "eu-central-1", "s3")
    found = settled(WireRequest("DELETE", "/k", (("host", host),), b""), scope, host)
    assert isinstance(found, Unidentified)
    assert found.code == "unsupported-host"


@pytest.mark.parametrize(
    ("host", "signing", "target"),
    [
        ("bedrock-agent.eu-central-1.amazonaws.com", "bedrock", "/~bedrock-agent/"),
        ("docdb.eu-central-1.amazonaws.com", "rds", "/"),  # its endpoint is rds's own: no name for it alone
        ("dynamodb.eu-central-1.amazonaws.com", "dynamodb", "/~dynamodb/"),
        ("streams.dynamodb.eu-central-1.amazonaws.com", "dynamodb", "/~dynamodbstreams/"),
        ("sts.eu-central-1.amazonaws.com", "sts", "/"),
        ("chatbot.eu-central-1.amazonaws.com", "nosuch", "/"),
    ],
)
def test_a_host_tells_services_of_one_signing_name_apart(host: str, signing: str, target: str) -> None:
    """Where the name is of one service alone, the target says so; else it stays as it is."""
    scope = CredentialScope("K", "20260220", "eu-central-1", signing)
    there = settled(WireRequest("POST", "/", (("host", host),), b""), scope, host)
    assert isinstance(there, WireRequest)
    assert there.target == target


def test_what_stands_before_an_endpoint() -> None:
    """Literals and labels of the input; a label that is none is refused before anything is sent there."""
    assert host_prefix("s3control", "GetPublicAccessBlock", {"AccountId": "123456789012"}) == "123456789012."
    assert host_prefix("stepfunctions", "StartSyncExecution", {}) == "sync-"
    assert host_prefix("dynamodb", "GetItem", {}) == ""
    assert host_prefix("nosuch", "Any", {}) == ""
    for account in ("", "evil.example/", "a b", "-"):
        with pytest.raises(UnmodelledError):
            host_prefix("s3control", "GetPublicAccessBlock", {"AccountId": account})
