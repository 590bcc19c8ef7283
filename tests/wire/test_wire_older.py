"""Clients live long: what SDKs of the last eight years send is read as what it means today, or refused by name."""

from __future__ import annotations

from importlib.resources import files

import msgspec
import pytest

from keyturn.providers.aws.wire import CredentialScope, Identified, Unidentified, WireRequest, identify
from keyturn.providers.aws.wire_shapes import mask
from keyturn.providers.aws.wire_table import load
from tests.wire import older_corpus, oracle

RETYPED = "the member has another type today; a value that only the older type allows is refused"
RENAMED = "the same method and path under a newer name: read as that"

OTHERWISE = {
    ("connect", "ListTestCaseExecutions"): RETYPED,
    ("health", "DescribeAffectedEntities"): RETYPED,
    ("health", "DescribeEventAggregates"): RETYPED,
    ("health", "DescribeEvents"): RETYPED,
    ("s3", "CopyObject"): RETYPED,
    ("s3", "CreateMultipartUpload"): RETYPED,
    ("s3", "GetObject"): RETYPED,
    ("s3", "PutObject"): RETYPED,
    ("s3", "WriteGetObjectResponse"): RETYPED,
    ("securitylake", "UpdateDatalake"): RETYPED,
    ("securitylake", "CreateDatalake"): RENAMED,
    ("securitylake", "CreateDatalakeExceptionsSubscription"): RENAMED,
    ("securitylake", "DeleteDatalakeExceptionsSubscription"): RENAMED,
    ("securitylake", "GetDatalakeExceptionsSubscription"): RENAMED,
    ("securitylake", "GetSubscriber"): RENAMED,
    ("securitylake", "ListDatalakeExceptions"): RENAMED,
    ("securitylake", "UpdateDatalakeExceptionsSubscription"): RENAMED,
    ("ec2", "CreateCustomerGateway"): "PublicIp is IpAddress today, under the same name on the wire",
}


def test_what_older_clients_send_is_read_as_they_mean_it() -> None:
    """Operation and parameters of every request that the newest model alone would not read; the table holds nothing needless."""
    wrong, seen, otherwise = [], 0, set()
    for line, request, scope in older_corpus.read():
        seen += 1
        name = (line["service"], line["operation"])
        found = identify(msgspec.structs.replace(request, target=f"/~{name[0]}{request.target}"), scope)
        if isinstance(found, Identified) and (found.service, found.operation) == name:
            got = {key: value for key, value in found.parameters.items() if key != found.streamed}
            if oracle.plain(got) == line["given"]:
                continue
        if name in OTHERWISE:
            otherwise.add(name)
        else:
            wrong.append(f"{name} of {line['release']}: {found}")
    assert seen > 3_000
    assert wrong == []
    assert otherwise == set(OTHERWISE), "an exception that is none any more"


def sqs(form: str) -> Identified | Unidentified:
    request = WireRequest(
        "POST",
        "/",
        (("content-type", "application/x-www-form-urlencoded; charset=utf-8"),),
        f"{form}&Version=2012-11-05".encode(),
    )
    return identify(request, CredentialScope("K", "20260220", "eu-central-1", "sqs"))


@pytest.mark.parametrize(
    ("form", "operation", "parameters"),
    [
        ("Action=ListQueues", "ListQueues", {}),
        (
            "Action=CreateQueue&QueueName=q&Attribute.1.Name=DelaySeconds&Attribute.1.Value=5",
            "CreateQueue",
            {"QueueName": "q", "Attributes": {"DelaySeconds": "5"}},
        ),
        (
            "Action=TagQueue&QueueUrl=u&Tag.1.Key=a&Tag.1.Value=b",
            "TagQueue",
            {"QueueUrl": "u", "Tags": {"a": "b"}},
        ),
        ("Action=PurgeQueue&QueueUrl=u", "PurgeQueue", {"QueueUrl": "u"}),
    ],
)
def test_sqs_is_asked_by_form(form: str, operation: str, parameters: dict[str, object]) -> None:
    """AWS CLI 2.9 and everything before botocore 1.31.81 do; errors are answered in that protocol."""
    found = sqs(form)
    assert isinstance(found, Identified)
    assert (found.service, found.operation, found.protocol) == ("sqs", operation, "query")
    assert found.parameters == parameters


def test_what_no_release_knows_is_refused_in_the_clients_protocol() -> None:
    """An older form does not make the parser lenient."""
    found = sqs("Action=PurgeQueue&QueueUrl=u&Force=true")
    assert isinstance(found, Unidentified)
    assert (found.code, found.protocol) == ("old-protocol", "query")


def test_a_member_that_todays_model_has_not_is_sealed_not_lost() -> None:
    """It is under the digest, and it is not shown."""
    shown = mask("sqs", "CreateQueue", {"QueueName": "q", "Forgotten": {"a": 1}}, lambda data: data.decode())
    assert shown == {"QueueName": "q", "Forgotten": {"$sealed": '{"a":1}'}}


def test_the_table_stays_small() -> None:
    """Nine releases beside the newest, in two megabytes at most."""
    releases = {entry.key.partition("@")[2] for entry in load().by_key.values()} - {""}
    assert len(releases) == 9
    assert len(files("keyturn.providers.aws.catalogue").joinpath("wire.bin").read_bytes()) <= 2_000_000
