"""What a write sets off, on a stand-in account: the functions that listen, the roles they run with, and the worst that these may do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from keyturn.core.ports import Facts
from keyturn.model.assessment import Assessment, Kind
from keyturn.model.change import Effect
from keyturn.model.execution import Answer, Call, Unavailable
from keyturn.providers.aws.provider import AwsProvider
from tests.provider.moto_account import archive
from tests.provider.ordinary_work import engine
from tests.provider.provider_world import ACCOUNT, REGION, Account, change, drive, requests, seal

Asked = tuple[str, dict[str, Any]]

MODEST = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "dynamodb:PutItem", "dynamodb:DeleteItem", "sns:Publish"]
STRONG = ["dynamodb:DeleteTable"]
ANY = ["iam:PassRole", "lambda:CreateFunction"]


@pytest.fixture
def account() -> Iterator[Account]:
    with mock_aws():
        yield Account()


def listening(account: Account, actions: list[str]) -> str:
    """A function whose role may do this; returns its ARN."""
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}  # fmt: skip
    allowed = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}],
    }
    iam = account.client("iam")
    role = iam.create_role(RoleName="runner", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="runner", PolicyName="p", PolicyDocument=json.dumps(allowed))
    made = account.client("lambda").create_function(
        FunctionName="work",
        Runtime="python3.12",
        Role=role,
        Handler="app.handler",
        Code={"ZipFile": archive()},
    )
    return str(made["FunctionArn"])


def bucket(account: Account, function: str) -> Asked:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="inbox", CreateBucketConfiguration={"LocationConstraint": REGION})
    rules = [{"Name": "prefix", "Value": "orders/"}, {"Name": "suffix", "Value": ".csv"}]
    s3.put_bucket_notification_configuration(
        Bucket="inbox",
        NotificationConfiguration={"LambdaFunctionConfigurations": [
            {"LambdaFunctionArn": function, "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": rules}}}
        ]},
    )  # fmt: skip
    return ("s3:PutObject", {"Bucket": "inbox", "Key": "orders/1.csv", "Body": b"x"})


def topic(account: Account, function: str) -> Asked:
    arn = account.client("sns").create_topic(Name="t")["TopicArn"]
    account.client("sns").subscribe(TopicArn=arn, Protocol="lambda", Endpoint=function)
    return ("sns:Publish", {"TopicArn": arn, "Message": "m"})


def queue(account: Account, function: str) -> Asked:
    url = account.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    source = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
    account.client("lambda").create_event_source_mapping(EventSourceArn=source, FunctionName=function)
    return ("sqs:SendMessage", {"QueueUrl": url, "MessageBody": "m"})


def stream(account: Account, function: str) -> Asked:
    account.client("kinesis").create_stream(StreamName="s", ShardCount=1)
    source = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/s"
    account.client("lambda").create_event_source_mapping(
        EventSourceArn=source, FunctionName=function, StartingPosition="LATEST"
    )
    return ("kinesis:PutRecord", {"StreamName": "s", "Data": b"x", "PartitionKey": "p"})


def table(account: Account, function: str) -> Asked:
    made = account.client("dynamodb").create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    source = made["TableDescription"]["LatestStreamArn"]
    account.client("lambda").create_event_source_mapping(
        EventSourceArn=source, FunctionName=function, StartingPosition="LATEST"
    )
    return ("dynamodb:PutItem", {"TableName": "orders", "Item": {"id": {"S": "new"}}})


def bus(account: Account, function: str) -> Asked:
    events = account.client("events")
    events.put_rule(
        Name="r", EventPattern=json.dumps({"source": [{"prefix": "sh"}], "detail-type": ["order"]})
    )
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": function}])
    return ("events:PutEvents", {"Entries": [{"Source": "shop", "DetailType": "order", "Detail": "{}"}]})


PLACES = {made.__name__: made for made in (bucket, topic, queue, stream, table, bus)}


def judged(account: Account, asked: Asked, environment: str) -> tuple[Assessment, str]:
    made = change(asked)
    provider = AwsProvider(seal, {ACCOUNT: environment})
    found = drive(provider.assess(made, requests(asked), at_ms=0), account).assessment
    return found, str(engine().answer(made, found, Facts()).verdict)


def kinds(found: Assessment) -> set[Kind]:
    return {one.kind for one in found.findings if one.code == "TRG001"}


@pytest.mark.parametrize("place", sorted(PLACES))
def test_a_write_takes_the_worst_that_what_it_sets_off_may_do(account: Account, place: str) -> None:
    """In production two people see it; what may change permissions is held anywhere."""
    asked = PLACES[place](account, listening(account, STRONG))
    found, verdict = judged(account, asked, "production")
    assert (kinds(found), verdict) == ({Kind.DELEGATED_AUTHORITY}, "hold")
    assert any("work (by the role runner) may dynamodb:DeleteTable" in one.message for one in found.findings)
    assert not found.destructive  # the write itself takes nothing away
    assert judged(account, asked, "development")[1] == "allow"
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ANY, "Resource": "*"}]}
    account.client("iam").put_role_policy(
        RoleName="runner", PolicyName="p", PolicyDocument=json.dumps(policy)
    )
    found, verdict = judged(account, asked, "development")
    said = [one.effect for one in found.findings if one.code == "TRG001"]
    assert (said, verdict) == ([Effect.PERMISSION], "hold")


@pytest.mark.parametrize("place", sorted(PLACES))
def test_a_modest_function_holds_nothing_up(account: Account, place: str) -> None:
    """It takes its input, writes items and passes something on: the write is as it was without it."""
    asked = PLACES[place](account, listening(account, MODEST))
    found, verdict = judged(account, asked, "production")
    assert (kinds(found), verdict) == ({Kind.NOTE}, "allow")


def test_what_passes_no_filter_sets_nothing_off(account: Account) -> None:
    """Another key, another source: nothing listens."""
    function = listening(account, STRONG)
    name, given = bucket(account, function)
    assert kinds(judged(account, (name, {**given, "Key": "orders/1.txt"}), "production")[0]) == set()
    name, given = bus(account, function)
    other = {**given["Entries"][0], "Source": "other"}
    assert kinds(judged(account, (name, {"Entries": [other]}), "production")[0]) == set()


def test_who_listens_and_could_not_be_read_is_only_remarked(account: Account) -> None:
    """The write is not known to set anything off; of a function that is known and whose role is not, the worst is assumed."""
    asked = topic(account, listening(account, STRONG))

    def but(name: str) -> Any:
        def answer(call: Call) -> Answer:
            return Unavailable("throttled") if call.operation == name else account(call)

        return answer

    for name, expected in (("sns:ListSubscriptionsByTopic", set()), ("lambda:GetFunctionConfiguration", {Kind.DELEGATED_AUTHORITY})):  # fmt: skip
        provider = AwsProvider(seal, {ACCOUNT: "production"})
        found = drive(provider.assess(change(asked), requests(asked), at_ms=0), but(name)).assessment
        assert kinds(found) == expected
