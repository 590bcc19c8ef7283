"""What a write sets off, on a stand-in account: the functions that listen, the roles they run with, and the worst that these may do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto import mock_aws

from keyturn.core.ports import Facts
from keyturn.model.assessment import Assessment, Kind
from keyturn.model.change import Effect
from keyturn.model.execution import Answer, Call, Succeeded, Unavailable
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


def pipe(account: Account, function: str) -> Asked:
    """A queue whose messages a pipe passes on."""
    url = account.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    source = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
    role = f"arn:aws:iam::{ACCOUNT}:role/runner"
    account.client("pipes").create_pipe(Name="p", RoleArn=role, Source=source, Target=function)
    return ("sqs:SendMessage", {"QueueUrl": url, "MessageBody": "m"})


def bucket_by_events(account: Account, function: str) -> Asked:
    """A bucket that tells EventBridge, and a rule for its keys."""
    s3, events = account.client("s3"), account.client("events")
    s3.create_bucket(Bucket="inbox", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_notification_configuration(
        Bucket="inbox", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    detail = {"bucket": {"name": ["inbox"]}, "object": {"key": [{"prefix": "orders/"}]}}
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": detail}
    events.put_rule(Name="r", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": function}])
    return ("s3:PutObject", {"Bucket": "inbox", "Key": "orders/1.csv", "Body": b"x"})


def bucket_by_queue(account: Account, function: str) -> Asked:
    """A bucket that tells a queue, which a function reads."""
    s3 = account.client("s3")
    s3.create_bucket(Bucket="inbox", CreateBucketConfiguration={"LocationConstraint": REGION})
    told = {"QueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q", "Events": ["s3:ObjectCreated:Put"]}
    s3.put_bucket_notification_configuration(
        Bucket="inbox", NotificationConfiguration={"QueueConfigurations": [told]}
    )
    queue(account, function)  # after it: the stand-in tells a queue at once, and would run the function
    return ("s3:PutObject", {"Bucket": "inbox", "Key": "orders/1.csv", "Body": b"x"})


def topic_by_queue(account: Account, function: str) -> Asked:
    """A topic that a queue subscribes to, which a function reads."""
    queue(account, function)
    arn = account.client("sns").create_topic(Name="t")["TopicArn"]
    account.client("sns").subscribe(
        TopicArn=arn, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
    )
    return ("sns:Publish", {"TopicArn": arn, "Message": "m"})


PLACES = {
    made.__name__: made
    for made in (
        bucket,
        bucket_by_events,
        bucket_by_queue,
        topic,
        topic_by_queue,
        queue,
        pipe,
        stream,
        table,
        bus,
    )
}


def told(account: Account) -> Callable[[Call], Answer]:
    """The account; moto takes a bucket's word that it tells EventBridge, and does not give it back."""

    def answer(call: Call) -> Answer:
        found = account(call)
        rules = account.client("events").list_rules()["Rules"]
        if call.operation == "s3:GetBucketNotificationConfiguration" and rules:
            assert isinstance(found, Succeeded)
            return Succeeded({**found.value, "EventBridgeConfiguration": {}})
        return found

    return answer


def judged(account: Account, asked: Asked, environment: str) -> tuple[Assessment, str]:
    made = change(asked)
    provider = AwsProvider(seal, {ACCOUNT: environment})
    found = drive(provider.assess(made, requests(asked), at_ms=0), told(account)).assessment
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
    account.client("s3").delete_bucket(Bucket="inbox")
    by_events, put = bucket_by_events(account, function)
    assert kinds(judged(account, (by_events, {**put, "Key": "other/1"}), "production")[0]) == set()
    assert kinds(judged(account, (name, {"Entries": [other]}), "production")[0]) == set()


def machine(account: Account, role: str) -> dict[str, Any]:
    text = '{"StartAt":"a","States":{"a":{"Type":"Succeed"}}}'
    made = account.client("stepfunctions").create_state_machine(name="work", definition=text, roleArn=role)
    return {"Arn": made["stateMachineArn"], "RoleArn": role}


def task(account: Account, role: str) -> dict[str, Any]:
    ecs = account.client("ecs")
    cluster = ecs.create_cluster(clusterName="c")["cluster"]["clusterArn"]
    made = ecs.register_task_definition(
        family="work", taskRoleArn=role, containerDefinitions=[{"name": "a", "image": "i", "memory": 128}]
    )
    return {
        "Arn": cluster,
        "RoleArn": role,
        "EcsParameters": {"TaskDefinitionArn": made["taskDefinition"]["taskDefinitionArn"]},
    }


def automation(_account: Account, role: str) -> dict[str, Any]:
    return {"Arn": f"arn:aws:ssm:{REGION}:{ACCOUNT}:automation-definition/work", "RoleArn": role}


def build(account: Account, role: str) -> dict[str, Any]:
    made = account.client("codebuild").create_project(
        name="work",
        source={"type": "S3", "location": "b/k"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole=role,
    )
    return {"Arn": made["project"]["arn"], "RoleArn": role}


@pytest.mark.parametrize("target", [machine, task, automation, build])
def test_whatever_a_rule_runs_acts_with_a_role(account: Account, target: Any) -> None:
    """State machines, tasks, automations and builds are no less than functions."""
    listening(account, STRONG)
    events = account.client("events")
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["shop"]}))
    named = target(account, f"arn:aws:iam::{ACCOUNT}:role/runner")
    events.put_targets(Rule="r", Targets=[{"Id": "1", **named}])
    asked = ("events:PutEvents", {"Entries": [{"Source": "shop", "DetailType": "order", "Detail": "{}"}]})
    found, verdict = judged(account, asked, "production")
    said = [one.message for one in found.findings if one.code == "TRG001"]
    assert len(said) == 1
    assert "(by the role runner) may dynamodb:DeleteTable" in said[0]
    assert verdict == "hold"


def test_facts_of_what_listens_may_be_a_minute_old_and_no_others(account: Account) -> None:
    """Calls for what a write sets off say so of themselves; what decides on a change of a listener is read anew."""
    asked = topic(account, listening(account, STRONG))
    account.said.clear()
    judged(account, asked, "production")
    assert {call.operation for call in account.said if call.recent} == {
        "sns:ListSubscriptionsByTopic",
        "lambda:GetFunctionConfiguration",
        "iam:ListAttachedRolePolicies",
        "iam:ListRolePolicies",
        "iam:GetRolePolicy",
    }
    account.said.clear()
    judged(account, ("events:PutTargets", {"Rule": "r", "Targets": []}), "production")
    assert not [call for call in account.said if call.recent]


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
