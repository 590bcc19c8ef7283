"""What could be read in two ways is refused, and no bytes whatever make the parser raise."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyturn.providers.aws.wire import CredentialScope, Identified, Unidentified, WireRequest, identify
from tests.wire import oracle

JSON = (("content-type", "application/x-amz-json-1.0"),)
FORM = (("content-type", "application/x-www-form-urlencoded"),)


def scope(name: str) -> CredentialScope:
    return CredentialScope("AKID", "20260220", "us-east-1", name)


def dynamodb(body: bytes, target: str = "DynamoDB_20120810.DeleteTable") -> WireRequest:
    return WireRequest("POST", "/", (*JSON, ("x-amz-target", target)), body)


def at(**given: str) -> WireRequest:
    """A delete of a table, sent otherwise."""
    return msgspec.structs.replace(dynamodb(b'{"TableName":"a"}'), **given)


def iam(body: bytes, target: str = "/") -> WireRequest:
    return WireRequest("POST", target, FORM, body)


def s3(method: str, target: str, *headers: tuple[str, str], body: bytes = b"") -> WireRequest:
    return WireRequest(method, target, headers, body)


REFUSED: list[tuple[str, WireRequest, str, str]] = [
    ("a JSON key twice", dynamodb(b'{"TableName":"a","TableName":"b"}'), "dynamodb", "twice"),
    (
        "a key twice, deep",
        dynamodb(b'{"Key":{"a":{"S":"1"},"a":{"S":"2"}}}', "DynamoDB_20120810.DeleteItem"),
        "dynamodb",
        "",
    ),
    ("no JSON", dynamodb(b"{"), "dynamodb", ""),
    ("JSON with something behind it", dynamodb(b"{}{}"), "dynamodb", ""),
    ("a list where an object belongs", dynamodb(b"[]"), "dynamodb", ""),
    ("a number that is none", dynamodb(b'{"Limit":NaN}', "DynamoDB_20120810.ListTables"), "dynamodb", ""),
    ("a member nobody knows", dynamodb(b'{"TableName":"a","Force":true}'), "dynamodb", "Force"),
    ("a target nobody knows", dynamodb(b"{}", "DynamoDB_20120810.DropTable"), "dynamodb", "DropTable"),
    ("another version", dynamodb(b"{}", "DynamoDB_20111205.DeleteTable"), "dynamodb", ""),
    ("a path", at(target="/x"), "dynamodb", ""),
    ("a query", at(target="/?Action=ListTables"), "dynamodb", ""),
    ("another method", at(method="GET"), "dynamodb", ""),
    ("an action twice", iam(b"Action=ListUsers&Action=DeleteUser&UserName=a&Version=2010-05-08"), "iam", ""),
    (
        "an action in both places",
        iam(b"Action=ListUsers&Version=2010-05-08", "/?Action=DeleteUser"),
        "iam",
        "",
    ),
    ("an action in another case", iam(b"action=DeleteUser&Version=2010-05-08"), "iam", ""),
    ("an action nobody knows", iam(b"Action=DropUser&Version=2010-05-08"), "iam", "DropUser"),
    ("another version of a query", iam(b"Action=ListUsers&Version=1999-01-01"), "iam", ""),
    (
        "a parameter nobody knows",
        iam(b"Action=DeleteUser&UserName=a&Force=1&Version=2010-05-08"),
        "iam",
        "Force",
    ),
    ("a parameter twice", iam(b"Action=DeleteUser&UserName=a&UserName=b&Version=2010-05-08"), "iam", ""),
    ("nothing at all", iam(b""), "iam", ""),
    ("a query parameter nobody knows", s3("DELETE", "/bucket?frobnicate"), "s3", "frobnicate"),
    ("two operations in one query", s3("DELETE", "/bucket?policy&lifecycle"), "s3", ""),
    ("a bucket with a slash in its name", s3("PUT", "/bucket%2Fkey"), "s3", "bucket"),
    ("a bucket with a query in its name", s3("DELETE", "/bucket%3Fpolicy"), "s3", "bucket"),
    ("a way out of the bucket", s3("DELETE", "/b%2F..%2Fc/key"), "s3", "bucket"),
    ("a fragment", s3("DELETE", "/bucket#/key"), "s3", "target"),
    ("a path from nowhere", s3("DELETE", "bucket/key"), "s3", "target"),
    ("a URL as the target", s3("DELETE", "http://elsewhere.test/bucket/key"), "s3", "target"),
    ("a space in the target", s3("DELETE", "/bucket/a b"), "s3", "target"),
    ("a letter that is not ASCII", s3("DELETE", "/bucket/ü"), "s3", "target"),
    ("a percent sign alone", s3("DELETE", "/bucket/100%"), "s3", "target"),
    ("a percent sign with no number", s3("DELETE", "/bucket/%zz"), "s3", "target"),
    ("bytes that are no letters", s3("DELETE", "/bucket/%ff"), "s3", ""),
    ("a prefix that names nothing", s3("DELETE", "/~/bucket"), "s3", "''"),
    ("a prefix in another case", s3("DELETE", "/~S3/bucket"), "s3", "'S3'"),
    ("an x-id of another operation", s3("DELETE", "/bucket/key?x-id=GetObject"), "s3", ""),
    ("a version twice", s3("DELETE", "/bucket/key?versionId=1&versionId=2"), "s3", "twice"),
    ("a path in another case", s3("DELETE", "/2015-03-31/Functions/f"), "lambda", ""),
    ("a path with a slash more", s3("DELETE", "/2015-03-31//functions/f"), "lambda", ""),
    ("a path with a slash behind", s3("DELETE", "/2015-03-31/functions/f/"), "lambda", ""),
    ("a name that leads up", s3("DELETE", "/2015-03-31/functions/%2e%2e"), "lambda", ""),
    (
        "a form where none was ever taken",
        iam(b"Action=ListTables&Version=2012-08-10"),
        "dynamodb",
        "older SDKs",
    ),
    ("a method S3 has not", s3("PATCH", "/bucket/key"), "s3", ""),
    ("a service nobody knows", dynamodb(b"{}"), "nosuch", "nosuch"),
    ("a service that is not the signed one", at(target="/~iam/"), "dynamodb", ""),
]


@pytest.mark.parametrize(("what", "request_", "signing", "says"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_could_be_read_otherwise_is_refused(
    what: str, request_: WireRequest, signing: str, says: str
) -> None:
    """With a code, and a reason that names what was wrong."""
    found = identify(request_, scope(signing))
    assert isinstance(found, Unidentified), found
    assert found.code
    assert says in found.reason


KEPT: list[tuple[str, str, str]] = [
    ("/bucket/..", "GetObject", ".."),
    ("/bucket/a/../b", "GetObject", "a/../b"),
    ("/bucket/a//b", "GetObject", "a//b"),
    ("/bucket//a", "GetObject", "/a"),
    ("/bucket/a%2Fb", "GetObject", "a/b"),
    ("/bucket/%2e%2e", "GetObject", ".."),
    ("/bucket/a%20b", "GetObject", "a b"),
    ("/bucket/a+b", "GetObject", "a+b"),
]


@pytest.mark.parametrize(("target", "operation", "key"), KEPT)
def test_an_objects_name_is_never_tidied(target: str, operation: str, key: str) -> None:
    """S3 takes names as they are; so do we, or another object would be judged than is touched."""
    found = identify(s3("GET", target), scope("s3"))
    assert isinstance(found, Identified)
    assert (found.operation, found.parameters["Key"]) == (operation, key)


def test_a_greedy_name_that_matches_nothing_is_the_bucket() -> None:
    """DELETE /bucket/ deletes the bucket, not an object without a name (the SDK for JavaScript asks so); it is sent on without the slash."""
    found = identify(s3("DELETE", "/bucket/"), scope("s3"))
    assert isinstance(found, Identified)
    assert (found.operation, found.parameters, found.target) == (
        "DeleteBucket",
        {"Bucket": "bucket"},
        "/bucket",
    )
    found = identify(s3("GET", "/bucket/?list-type=2&prefix=a%2F"), scope("s3"))
    assert isinstance(found, Identified)
    assert (found.operation, found.target) == ("ListObjectsV2", "/bucket?list-type=2&prefix=a%2F")
    found = identify(s3("DELETE", "/bucket//"), scope("s3"))
    assert isinstance(found, Identified)
    assert found.parameters["Key"] == "/", "a name that objects can have"


SCOPES = st.sampled_from(["dynamodb", "iam", "s3", "ec2", "lambda", "monitoring", "sqs", "nosuch", ""])
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            ["content-type", "x-amz-target", "smithy-protocol", "x-amz-copy-source", "content-encoding", "x"]
        ),
        st.one_of(
            st.text(max_size=30),
            st.sampled_from(
                [
                    "application/x-amz-json-1.0",
                    "application/x-www-form-urlencoded",
                    "application/cbor",
                    "rpc-v2-cbor",
                    "DynamoDB_20120810.PutItem",
                    "gzip",
                ]
            ),
        ),
    ),
    max_size=5,
)


@settings(max_examples=400, deadline=None)
@given(
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", ""]),
    target=st.one_of(
        st.text(max_size=60), st.text("/~?&=%.+abc2019-03", max_size=40).map(lambda text: "/" + text)
    ),
    headers=HEADERS,
    body=st.one_of(st.none(), st.binary(max_size=200), st.text(max_size=60).map(str.encode)),
    name=SCOPES,
)
def test_any_bytes_are_identified_or_refused(
    method: str, target: str, headers: list[tuple[str, str]], body: bytes | None, name: str
) -> None:
    """Total: an answer with a reason, never an exception."""
    found = identify(WireRequest(method, target, tuple(headers), body), scope(name))
    assert isinstance(found, Identified) or (found.code and found.reason)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_request_with_a_flipped_byte_is_read_or_refused(data: st.DataObject) -> None:
    """From real requests, one byte changed: still no exception, and never another service."""
    service, operation = data.draw(
        st.sampled_from(
            [
                ("dynamodb", "PutItem"),
                ("iam", "CreateRole"),
                ("ec2", "RunInstances"),
                ("s3", "PutBucketAcl"),
                ("cloudwatch", "PutMetricAlarm"),
            ]
        )
    )
    given_ = oracle.parameters(oracle.model(service).operation_model(operation).input_shape, full=True)
    made, signed = oracle.request(service, operation, given_)
    body = bytearray(made.body or b"")
    if body:
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    found = identify(msgspec.structs.replace(made, body=bytes(body)), signed)
    assert isinstance(found, Unidentified) or found.service in {service, "cloudwatch", "monitoring"}
