"""Answers are rewritten in every protocol, so that botocore's own parser reads the virtual credentials and nobody reads AWS's."""

from __future__ import annotations

import json
from typing import Any

import botocore.parsers
import botocore.session
import pytest

from keyturn.providers.aws import answers, selfhosts
from keyturn.providers.aws.protocols import cbor
from keyturn.providers.aws.protocols.values import UnmodelledError
from keyturn.providers.aws.rewriting import Rewritten, Triple, rewrite
from keyturn.providers.aws.wire import CredentialScope, WireRequest

REAL = ("ASIAREAL", "real-secret", "real-token")
AT_S = 1_893_456_000
ISO = "2030-01-01T00:00:00Z"

XML_TRIPLE = (
    "<AccessKeyId>ASIAREAL</AccessKeyId><SecretAccessKey>real-secret</SecretAccessKey>"
    f"<SessionToken>real-token</SessionToken><Expiration>{ISO}</Expiration>"
)
CAMEL = {"accessKeyId": REAL[0], "secretAccessKey": REAL[1], "sessionToken": REAL[2]}

ANSWERS: dict[str, tuple[str, str, str | bytes, list[Any]]] = {
    "sts, query": (
        "sts:AssumeRole",
        "query",
        (
            '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>'
            f"{XML_TRIPLE}</Credentials><PackedPolicySize>6</PackedPolicySize></AssumeRoleResult>"
            "<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></AssumeRoleResponse>"
        ),
        ["Credentials"],
    ),
    "s3 express, rest-xml": (
        "s3:CreateSession",
        "rest-xml",
        f'<?xml version="1.0"?><CreateSessionResult><Credentials>{XML_TRIPLE}</Credentials></CreateSessionResult>',
        ["Credentials"],
    ),
    "identity center, rest-json, in milliseconds": (
        "sso:GetRoleCredentials",
        "rest-json",
        json.dumps({"roleCredentials": {**CAMEL, "expiration": AT_S * 1000}}),
        ["roleCredentials"],
    ),
    "cognito, json, the secret by another name": (
        "cognito-identity:GetCredentialsForIdentity",
        "json",
        json.dumps(
            {
                "IdentityId": "i",
                "Credentials": {
                    "AccessKeyId": REAL[0],
                    "SecretKey": REAL[1],
                    "SessionToken": REAL[2],
                    "Expiration": float(AT_S),
                },
            }
        ),
        ["Credentials"],
    ),
    "codepipeline, json, in a list": (
        "codepipeline:PollForJobs",
        "json",
        json.dumps({"jobs": [{"id": "j", "data": {"artifactCredentials": {**CAMEL}}}]}),
        ["jobs", 0, "data", "artifactCredentials"],
    ),
    "codepipeline, cbor": (
        "codepipeline:PollForJobs",
        "smithy-rpc-v2-cbor",
        cbor.encode({"jobs": [{"id": "j", "data": {"artifactCredentials": {**CAMEL}}}]}),
        ["jobs", 0, "data", "artifactCredentials"],
    ),
}


def virtual(real: Triple) -> Triple:
    return Triple("KTTEMP", f"virtual & <{len(real.secret)}>", "virtual-token", real.expires_at_ms)


def rewritten(name: str, protocol: str, body: bytes) -> Rewritten:
    return rewrite(protocol, body, answers.of(name), virtual)


@pytest.mark.parametrize("case", sorted(ANSWERS))
def test_botocore_reads_the_virtual_credential_and_the_plane_has_the_real_one(case: str) -> None:
    """In each protocol: three values exchanged, the rest of the answer as it was, AWS's triple handed to the plane."""
    name, protocol, given, place = ANSWERS[case]
    body = given.encode() if isinstance(given, str) else given
    made = rewritten(name, protocol, body)
    service, _, operation = name.partition(":")
    model = botocore.session.get_session().get_service_model(service).operation_model(operation)
    read: Any = botocore.parsers.create_parser(protocol).parse(
        {"body": made.body, "headers": {}, "status_code": 200}, model.output_shape
    )
    for step in place:
        read = read[step]
    assert sorted(value for value in read.values() if isinstance(value, str)) == [
        "KTTEMP",
        "virtual & <11>",
        "virtual-token",
    ]
    ((real, _),) = made.kept
    assert (real.access_key_id, real.secret, real.token) == REAL
    assert real.expires_at_ms == (None if case.startswith("codepipeline") else AT_S * 1000)
    for secret in REAL:
        assert secret.encode() not in made.body


REFUSED = {
    "a secret whose id is missing": ("sso:GetRoleCredentials", "rest-json", b'{"x":{"secretAccessKey":"s"}}'),
    "a secret whose id is missing, in XML": (
        "sts:AssumeRole",
        "query",
        b"<A><SecretAccessKey>s</SecretAccessKey></A>",
    ),
    "no JSON": ("sso:GetRoleCredentials", "rest-json", b"{"),
    "no XML": ("sts:AssumeRole", "query", b"<A>"),
    "a declaration": ("sts:AssumeRole", "query", b"<!DOCTYPE a [<!ENTITY b 'c'>]><A>&b;</A>"),
    "a literal section": (
        "sts:AssumeRole",
        "query",
        b"<A><SecretAccessKey><![CDATA[s]]></SecretAccessKey></A>",
    ),
    "no CBOR": ("codepipeline:PollForJobs", "smithy-rpc-v2-cbor", b"\xff"),
    "an id that is no text": (
        "sso:GetRoleCredentials",
        "rest-json",
        b'{"accessKeyId":1,"secretAccessKey":"s"}',
    ),
    "an expiry that is no moment": (
        "sso:GetRoleCredentials",
        "rest-json",
        b'{"accessKeyId":"a","secretAccessKey":"s","expiration":[1]}',
    ),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_what_cannot_be_exchanged_is_withheld(case: str) -> None:
    """An answer that may hold a secret, and in which it was not found, is not given on."""
    with pytest.raises(UnmodelledError):
        rewritten(*REFUSED[case])


def test_a_secret_among_what_a_read_shows_is_covered() -> None:
    """In JSON and in XML; what stands beside it is shown."""
    shown = rewritten("amplify:GetApp", "rest-json", b'{"app":{"name":"a","basicAuthCredentials":"dTpw"}}')
    assert json.loads(shown.body) == {"app": {"name": "a", "basicAuthCredentials": "****"}}
    body = b"<R><DefaultActions><member><AuthenticateOidcConfig><ClientId>i</ClientId><ClientSecret>s</ClientSecret></AuthenticateOidcConfig></member></DefaultActions></R>"
    assert rewritten("elbv2:DescribeRules", "query", body).body == body.replace(b">s<", b">****<")


BASE = "http://127.0.0.1:8420"


@pytest.mark.parametrize(
    ("name", "protocol", "body", "after"),
    [
        ("sqs:GetQueueUrl", "json", b'{"QueueUrl":"https://sqs.eu-central-1.amazonaws.com/1/q"}', f'{{"QueueUrl":"{BASE}/1/q"}}'),
        ("sqs:ListQueues", "json", b'{"QueueUrls":["https://a.b/1/q","https://a.b/1/r"]}', f'{{"QueueUrls":["{BASE}/1/q","{BASE}/1/r"]}}'),
        ("sqs:ListQueues", "query", b"<R><QueueUrl>https://a.b/1/q</QueueUrl><X>https://a.b/</X></R>", f"<R><QueueUrl>{BASE}/1/q</QueueUrl><X>https://a.b/</X></R>"),
        ("mediaconvert:DescribeEndpoints", "rest-json", b'{"endpoints":[{"url":"https://a.b"}]}', f'{{"endpoints":[{{"url":"{BASE}"}}]}}'),
        ("sqs:ReceiveMessage", "json", b'{"Messages":[{"Body":"https://a.b/1/q"}]}', '{"Messages":[{"Body":"https://a.b/1/q"}]}'),
    ],
)  # fmt: skip
def test_a_services_own_address_leads_back_to_the_gateway(
    name: str, protocol: str, body: bytes, after: str
) -> None:
    """Where clients use it as an endpoint, and nowhere else."""
    assert selfhosts.outward(name, protocol, body, BASE) == after.encode()


SQS = CredentialScope("k", "20260101", "eu-central-1", "sqs")
FORM = (("content-type", "application/x-www-form-urlencoded"),)
OWN = "https://sqs.eu-central-1.amazonaws.com"


@pytest.mark.parametrize(
    ("headers", "body", "after"),
    [
        ((), b'{"QueueUrl":"http://127.0.0.1:8420/1/q","MessageBody":"http://127.0.0.1:8420/1/q"}', f'{{"QueueUrl":"{OWN}/1/q","MessageBody":"http://127.0.0.1:8420/1/q"}}'),
        (FORM, b"Action=SendMessage&QueueUrl=http%3A%2F%2F127.0.0.1%3A8420%2F1%2Fq&MessageBody=m", "Action=SendMessage&QueueUrl=https%3A%2F%2Fsqs.eu-central-1.amazonaws.com%2F1%2Fq&MessageBody=m"),
        ((), b'{"QueueUrl":"https://sqs.eu-central-1.amazonaws.com/1/q"}', '{"QueueUrl":"https://sqs.eu-central-1.amazonaws.com/1/q"}'),
        ((), b'{"QueueUrl":"http://127.0.0.1:84200/1/q"}', '{"QueueUrl":"http://127.0.0.1:84200/1/q"}'),
        ((), b'{"QueueUrl":"http://127.0.0.1:8420/1/q","QueueUrl":"x"}', '{"QueueUrl":"http://127.0.0.1:8420/1/q","QueueUrl":"x"}'),
    ],
)  # fmt: skip
def test_the_gateways_address_is_the_services_again_on_its_way_in(
    headers: tuple[tuple[str, str], ...], body: bytes, after: str
) -> None:
    """In the one parameter that names the queue; what has two readings is left as it is, and refused by who reads it."""
    request = WireRequest("POST", "/", headers, body)
    mended = selfhosts.inward(request, SQS, "127.0.0.1:8420", lambda: OWN)
    assert (mended.body or b"").decode() == after
    assert selfhosts.inward(request, SQS, "", lambda: OWN).body == body  # a client of the proxy
