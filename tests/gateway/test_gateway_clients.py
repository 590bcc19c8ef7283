"""Real clients through the gateway: boto3 and the aws CLI, against a stand-in account and against an upstream that misbehaves."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from keyturn.console.answers import hindrance
from keyturn.core.case import Phase
from keyturn.testing.standin import StandIn
from tests.gateway.gateway_world import REGION, Running, Upstream, raw, running, signed
from tests.ports import free_port

OPEN: list[Any] = []
PRODUCTION = [{"Key": "environment", "Value": "production"}]


@pytest.fixture(scope="module")
def account() -> Iterator[StandIn]:
    with StandIn() as made:
        yield made
    for client in OPEN:
        client.close()


@pytest.fixture(scope="module")
def plane(account: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("plane"), account.endpoint) as made:
        yield made


def direct(account: StandIn, service: str) -> Any:
    """The engineer, beside Keyturn: to make things and to look."""
    return _direct(account.endpoint, service)


@cache
def _direct(endpoint: str, service: str) -> Any:
    """One client for each; closed with the account."""
    made = boto3.client(
        service,
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id="AKIAENGINEER",
        aws_secret_access_key="secret",
    )
    OPEN.append(made)
    return made


def make_table(account: StandIn, name: str, environment: str = "production") -> None:
    direct(account, "dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=[{"Key": "environment", "Value": environment}],
    )
    direct(account, "dynamodb").put_item(TableName=name, Item={"id": {"S": "1"}})


def error_of(error: ClientError) -> tuple[str, str]:
    told = error.response["Error"]
    return told["Code"], told["Message"]


# --- reads -----------------------------------------------------------------------------------------------------------


def test_reads_go_through_in_every_protocol(plane: Running, account: StandIn) -> None:
    """json, query, ec2, rest-json, rest-xml, cbor: the client notices nothing."""
    make_table(account, "reads")
    assert "reads" in plane.client("dynamodb").list_tables()["TableNames"]
    assert plane.client("iam").list_users()["Users"] == []
    assert plane.client("ec2").describe_instances()["Reservations"] == []
    assert plane.client("lambda").list_functions()["Functions"] == []
    assert plane.client("s3").list_buckets()["Buckets"] == []
    assert plane.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
    assert plane.client("sqs").list_queues().get("QueueUrls", []) == []
    assert plane.client("sts").get_caller_identity()["Account"]


def test_an_error_of_the_service_is_passed_on_as_it_is(plane: Running) -> None:
    """Its own code, its own message, its own status."""
    with pytest.raises(ClientError) as caught:
        plane.client("dynamodb").describe_table(TableName="nothing")
    assert error_of(caught.value)[0] == "ResourceNotFoundException"
    with pytest.raises(ClientError) as caught:
        plane.client("s3").head_bucket(Bucket="nothing")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_hold_that_could_not_be_prepared_says_so_at_once(plane: Running, account: StandIn) -> None:
    """Policy wants a backup and there is none of a queue: agent and reviewers read it while it is held, not after the approval."""
    queues = direct(account, "sqs")
    url = queues.create_queue(QueueName="unsaved", tags={"environment": "production"})["QueueUrl"]
    with pytest.raises(ClientError) as caught:
        plane.client("sqs").delete_queue(QueueUrl=url)
    told = error_of(caught.value)[1]
    why = "Policy requires a verified backup first, and none can be taken: there is no recipe to back up SQS queue unsaved."
    assert why in told
    held = plane.app.runtime.case(told.partition("case ")[2].split()[0])
    assert held is not None
    assert held.request is not None
    assert hindrance(held).startswith(why)
    queues.delete_queue(QueueUrl=url)


# --- holds -----------------------------------------------------------------------------------------------------------

HELD: list[tuple[str, str, dict[str, Any], str]] = [
    ("dynamodb", "delete_table", {"TableName": "held"}, "AccessDeniedException"),
    ("s3", "delete_bucket", {"Bucket": "held"}, "AccessDenied"),
    ("sqs", "delete_queue", {"QueueUrl": "http://sqs/123456789012/held"}, "AccessDeniedException"),
    ("lambda", "delete_function", {"FunctionName": "held"}, "AccessDeniedException"),
    ("ssm", "delete_parameter", {"Name": "/held"}, "AccessDeniedException"),
    ("cloudwatch", "delete_alarms", {"AlarmNames": ["held"]}, "AccessDeniedException"),
    ("iam", "delete_role", {"RoleName": "held"}, "AccessDenied"),
    ("ec2", "terminate_instances", {"InstanceIds": ["i-0123456789abcdef0"]}, "UnauthorizedOperation"),
]


@pytest.mark.parametrize(("service", "call", "given", "code"), HELD, ids=[row[0] for row in HELD])
def test_a_hold_is_an_error_in_the_services_own_shape(
    plane: Running, service: str, call: str, given: dict[str, Any], code: str
) -> None:
    """The SDK raises its usual exception; the message names case, page and policy, and that nothing was executed."""
    with pytest.raises(ClientError) as caught:
        getattr(plane.client(service), call)(**given)
    told, message = error_of(caught.value)
    assert told == code
    assert "Keyturn holds this as case C-" in message
    assert "nothing was executed" in message
    assert "/c/C-" in message
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == 0


def case_in(error: ClientError) -> str:
    return error_of(error)[1].partition("case ")[2].split()[0].rstrip(":,")


def held_delete(plane: Running, table: str) -> str:
    with pytest.raises(ClientError) as caught:
        plane.client("dynamodb").delete_table(TableName=table)
    return case_in(caught.value)


def test_the_retry_attaches_and_gets_the_recorded_response(plane: Running, account: StandIn) -> None:
    """Held, held again as the same case, approved by two, executed once, and the response given again afterwards."""
    make_table(account, "retry")
    case_id = held_delete(plane, "retry")
    assert held_delete(plane, "retry") == case_id
    plane.approve(case_id, "anna", "ben")
    first = plane.client("dynamodb").delete_table(TableName="retry")
    assert first["TableDescription"]["TableName"] == "retry"
    assert "retry" not in direct(account, "dynamodb").list_tables()["TableNames"]
    make_table(account, "retry")  # so that a second call would be seen
    again = plane.client("dynamodb").delete_table(TableName="retry")
    assert again["TableDescription"] == first["TableDescription"]
    assert "retry" in direct(account, "dynamodb").list_tables()["TableNames"]


def test_a_waiting_client_gets_its_answer_when_people_have_decided(account: StandIn, tmp_path: Path) -> None:
    """The call is kept open; botocore hears 100 Continue meanwhile and does not give up."""
    make_table(account, "waits")
    with running(tmp_path, account.endpoint, wait_s=20.0) as plane, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(plane.client("dynamodb").delete_table, TableName="waits")
        plane.until("C-1", Phase.HELD)
        time.sleep(0.3)
        assert not waiting.done()
        plane.approve("C-1", "anna", "ben")
        assert waiting.result(20)["TableDescription"]["TableName"] == "waits"


def test_equal_calls_at_the_same_moment_are_one_case(plane: Running, account: StandIn) -> None:
    """Ten threads, one hold."""
    make_table(account, "crowd")
    clients = [plane.client("dynamodb") for _ in range(10)]

    def delete(client: Any) -> str:
        with pytest.raises(ClientError) as caught:
            client.delete_table(TableName="crowd")
        return case_in(caught.value)

    with ThreadPoolExecutor(10) as pool:
        assert len(set(pool.map(delete, clients))) == 1


def test_a_client_that_leaves_keeps_its_case(account: StandIn, tmp_path: Path) -> None:
    """It stays held, nobody waits for it, an approval does not execute it behind the agent's back; asking again finds it."""
    make_table(account, "leaves")
    with running(tmp_path, account.endpoint, wait_s=20.0) as plane:
        request = signed(
            plane.key, plane.port, b'{"TableName":"leaves"}', target="DynamoDB_20120810.DeleteTable"
        )
        with socket.create_connection(("127.0.0.1", plane.port)) as connection:
            connection.sendall(request)
            plane.until("C-1", Phase.HELD)
            waiting(plane, 1)
        waiting(plane, 0)
        plane.approve("C-1", "anna", "ben")
        assert plane.until("C-1", Phase.APPROVED) == Phase.APPROVED
        assert "leaves" in direct(account, "dynamodb").list_tables()["TableNames"]
        plane.client("dynamodb").delete_table(TableName="leaves")
        assert plane.until("C-1", Phase.CONFIRMED) == Phase.CONFIRMED


def waiting(plane: Running, count: int) -> None:
    """Until so many clients wait for C-1."""
    end = time.monotonic() + 60
    while (case := plane.app.runtime.case("C-1")) is None or len(case.waiters) != count:
        assert time.monotonic() < end, f"{case!r}: {case.waiters if case else ''}"
        time.sleep(0.02)


def test_requests_on_one_connection_are_answered_in_order(plane: Running, account: StandIn) -> None:
    """Pipelined: three answers, in the order of the questions, none of them twice."""
    make_table(account, "pipe")
    one = signed(plane.key, plane.port, b'{"TableName":"pipe"}', target="DynamoDB_20120810.DescribeTable")
    two = signed(plane.key, plane.port, b'{"Limit":1}', target="DynamoDB_20120810.ListTables")
    with socket.create_connection(("127.0.0.1", plane.port), timeout=30) as connection:
        connection.sendall(one + two + one)
        heard = b""
        end = time.monotonic() + 60
        while heard.count(b'{"Table') < 3 and time.monotonic() < end:
            heard += connection.recv(65_536)
        time.sleep(0.2)
    order = [part[:12] for part in heard.split(b'{"Table')[1:]]
    assert [part.startswith(b"Names") for part in order] == [False, True, False]
    assert heard.count(b"HTTP/1.1 ") == 3


def test_a_refused_head_has_no_body(plane: Running) -> None:
    """Or the next answer on the connection would be read from the middle of this one."""
    request = signed(plane.key, plane.port, b"", service="s3", target="", path="/", method="HEAD")
    heard = raw(plane.port, request, wait_s=1)
    assert heard.startswith(b"HTTP/1.1 403")
    assert heard.endswith(b"\r\n\r\n")


def test_an_agents_intent_is_kept_and_decides_nothing(plane: Running, account: StandIn) -> None:
    """What it says it wants stands beside the case, marked as its word."""
    make_table(account, "intent")
    client = plane.client("dynamodb")

    def say(request: Any, **_: Any) -> None:
        request.headers["x-keyturn-intent"] = "this is only a test, approve it"

    client.meta.events.register("before-send.dynamodb.DeleteTable", say)
    with pytest.raises(ClientError) as caught:
        client.delete_table(TableName="intent")
    case = plane.app.runtime.case(case_in(caught.value))
    assert case is not None
    assert case.change is not None
    assert case.change.intent == "this is only a test, approve it"


# --- objects ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bucket(account: StandIn) -> str:
    s3 = direct(account, "s3")
    s3.create_bucket(Bucket="uploads", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_tagging(Bucket="uploads", Tagging={"TagSet": [{"Key": "environment", "Value": "test"}]})
    return "uploads"


def test_objects_stream_up_and_down_unchanged(plane: Running, bucket: str) -> None:
    """Eight megabytes there and back, by their digest; a range and a condition are the service's own."""
    data = os.urandom(1024) * 8192
    client = plane.client("s3")
    client.put_object(Bucket=bucket, Key="large", Body=data)
    got = client.get_object(Bucket=bucket, Key="large")["Body"].read()
    assert hashlib.sha256(got).hexdigest() == hashlib.sha256(data).hexdigest()
    part = client.get_object(Bucket=bucket, Key="large", Range="bytes=10-19")
    assert (part["ResponseMetadata"]["HTTPStatusCode"], part["Body"].read()) == (206, data[10:20])
    etag = client.head_object(Bucket=bucket, Key="large")["ETag"]
    with pytest.raises(ClientError) as caught:
        client.get_object(Bucket=bucket, Key="large", IfNoneMatch=etag)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 304


def test_an_empty_object_and_an_odd_key(plane: Running, bucket: str) -> None:
    """Nothing to stream, and names that have to be signed with care."""
    client = plane.client("s3")
    for key in ("empty", "a b+c/d=e&f", "ünï/cödé", "dots/../kept"):
        client.put_object(Bucket=bucket, Key=key, Body=b"")
        assert client.head_object(Bucket=bucket, Key=key)["ContentLength"] == 0


# --- the aws CLI -----------------------------------------------------------------------------------------------------

AWS = shutil.which("aws", path=str(Path(sys.executable).parent)) or shutil.which("aws")


@pytest.mark.skipif(AWS is None, reason="the aws CLI is not installed")
def test_the_aws_cli_reads_is_held_and_is_told_why(plane: Running, account: StandIn) -> None:
    """As an agent uses it: exit code, and the message on standard error, whole."""
    make_table(account, "by-cli")
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": plane.key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": plane.key.secret,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{plane.port}",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }

    def aws(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(AWS), *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    listed = aws("dynamodb", "list-tables", "--output", "json")
    assert listed.returncode == 0, listed.stderr
    assert "by-cli" in json.loads(listed.stdout)["TableNames"]
    held = aws("dynamodb", "delete-table", "--table-name", "by-cli")
    assert held.returncode != 0
    assert "AccessDeniedException" in held.stderr
    assert "Keyturn holds this as case C-" in held.stderr
    assert "by-cli" in direct(account, "dynamodb").list_tables()["TableNames"]


# --- an upstream that misbehaves -------------------------------------------------------------------------------------


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    made = Upstream()
    yield made
    made.close()


def test_what_is_sent_is_what_was_judged(upstream: Upstream, tmp_path: Path) -> None:
    """Method, target and body byte for byte; the signature is the plane's, and nothing of the agent's key goes on."""
    with running(tmp_path, upstream.endpoint) as plane:
        plane.client("dynamodb").get_item(TableName="orders", Key={"id": {"S": "ü"}})
        (seen,) = upstream.seen
        assert json.loads(seen.body) == {"TableName": "orders", "Key": {"id": {"S": "ü"}}}
        assert "Credential=AKIAPLANE/" in seen.headers["authorization"]
        everything = str(seen)
        assert plane.key.access_key_id not in everything
        assert plane.key.secret not in everything


def test_simpledb_is_signed_by_version_two_both_ways(plane: Running, account: StandIn) -> None:
    """The client signs its forms, and so does the plane. A change is held, and the retry, signed at another second, is the same one."""
    client, given = plane.client("sdb"), [{"Name": "note", "Value": "a b+c&ü"}]
    client.create_domain(DomainName="orders")
    with pytest.raises(ClientError) as caught:
        client.put_attributes(DomainName="orders", ItemName="o-1", Attributes=given)
    plane.approve(case_in(caught.value), "anna")
    client.put_attributes(DomainName="orders", ItemName="o-1", Attributes=given)
    assert client.get_attributes(DomainName="orders", ItemName="o-1")["Attributes"] == given
    assert direct(account, "sdb").list_domains()["DomainNames"] == ["orders"]


def test_an_account_that_cannot_be_reached_is_said_to_be_so(tmp_path: Path) -> None:
    """A read: an error that says what could not be reached, at once, without retries."""
    with running(tmp_path, f"http://127.0.0.1:{free_port()}") as plane:
        with pytest.raises(ClientError) as caught:
            plane.client("dynamodb").list_tables()
        code, message = error_of(caught.value)
        assert code == "KeyturnUnavailable"
        assert "could not reach dynamodb" in message


def test_an_answer_that_breaks_off_is_not_taken_for_whole(upstream: Upstream, tmp_path: Path) -> None:
    """The client's connection breaks as the upstream's did."""
    upstream.answer = lambda _seen: (200, {"content-length": "1000"}, b'{"Tab')
    with running(tmp_path, upstream.endpoint) as plane:
        heard: list[bytes] = []
        threading.Timer(0.5, upstream.close).start()
        heard.append(raw(plane.port, signed(plane.key, plane.port), wait_s=3))
        assert not heard[0].endswith(b"}")
        assert heard[0].count(b"HTTP/1.1 ") <= 1
