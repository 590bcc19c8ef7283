"""Masking keeps secrets out of sight, and never where something goes: AWS marks addresses as sensitive, too."""

from __future__ import annotations

from typing import Any, Final

import pytest

from keyturn.providers.aws.wire_shapes import mask

KEY: Final = "arn:aws:kms:eu-central-1:123456789012:key/1"


def shown(service: str, operation: str, **given: Any) -> Any:
    return mask(service, operation, given, lambda _data: "hmac:1")


def http(url: str) -> Any:
    """What is shown of where a delivery stream sends to, and of the key that it sends with."""
    destination = {"EndpointConfiguration": {"Url": url, "AccessKey": "https://not.shown"}}
    told = shown("firehose", "CreateDeliveryStream", HttpEndpointDestinationConfiguration=destination)
    return told["HttpEndpointDestinationConfiguration"]["EndpointConfiguration"]


ADDRESSES: Final = [
    ("https://in.example.com/v1?key=t0p", "https://in.example.com"),
    ("https://in.example.com:8443", "https://in.example.com:8443"),
    ("https://user:t0p@in.example.com/x", "https://in.example.com"),
    ("https://good.example@evil.example/", "https://evil.example"),
    ("https://evil.example\\@good.example/", ""),
    ("https://evil.example#@good.example", "https://evil.example"),
    ("https://evil.example?@good.example", "https://evil.example"),
    ("https://a b.example/", ""),
    ("in.example.com/t0p", ""),
]


@pytest.mark.parametrize(("url", "to"), ADDRESSES)
def test_an_address_says_its_host(url: str, to: str) -> None:
    """The host that a client would connect to, and nothing of what may be a secret; what is no plain address is sealed whole."""
    assert http(url) == {
        "Url": {"$sealed": "hmac:1"} | ({"$to": to} if to else {}),
        "AccessKey": {"$sealed": "hmac:1"},
    }


def test_what_is_named_by_its_arn_is_named() -> None:
    """Which key a bucket is encrypted with decides who can read it; who is told of a budget, by domain."""
    rule = {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY},
    }
    told = shown("s3", "PutBucketEncryption", Bucket="b", ServerSideEncryptionConfiguration={"Rules": [rule]})
    key = told["ServerSideEncryptionConfiguration"]["Rules"][0]["ApplyServerSideEncryptionByDefault"]
    assert key["KMSMasterKeyID"] == KEY
    put = {"Bucket": "b", "Key": "k", "SSEKMSKeyId": "alias/ours", "SSECustomerKey": "t0p"}
    assert shown("s3", "PutObject", **put) == put | {"SSECustomerKey": {"$sealed": "hmac:1"}}
    assert shown("ebs", "StartSnapshot", VolumeSize=1, KmsKeyArn=KEY)["KmsKeyArn"] == KEY
    assert shown("ebs", "StartSnapshot", VolumeSize=1, KmsKeyArn="t0p")["KmsKeyArn"] == {"$sealed": "hmac:1"}
    budget = shown(
        "budgets",
        "DeleteSubscriber",
        AccountId="1",
        BudgetName="b",
        Notification={},
        Subscriber={"SubscriptionType": "EMAIL", "Address": "dana@example.com"},
    )
    assert budget["Subscriber"]["Address"] == {"$sealed": "hmac:1", "$to": "@example.com"}


def test_names_of_an_agents_own_say_nothing() -> None:
    """A function's settings are secrets whatever they are called."""
    told = shown(
        "lambda",
        "UpdateFunctionConfiguration",
        FunctionName="f",
        Environment={"Variables": {"URL": "https://user:t0p@in.example.com", "ARN": KEY}},
    )
    assert told["Environment"]["Variables"] == {"URL": {"$sealed": "hmac:1"}, "ARN": {"$sealed": "hmac:1"}}
