"""What lies in a thing and has settings of its own comes back with them: subscriptions of a topic, listeners of a load balancer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from keyturn.providers.aws.recipes.filling import document
from tests.provider.provider_world import ACCOUNT, REGION
from tests.recipes.recipe_world import Partly, undone

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:orders"
ENDS = {name: f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}" for name in ("paid", "all", "dead")}
PAID = {
    "FilterPolicy": json.dumps({"kind": ["paid"]}),
    "FilterPolicyScope": "MessageBody",
    "RawMessageDelivery": "true",
    "RedrivePolicy": json.dumps({"deadLetterTargetArn": ENDS["dead"]}),
}


@pytest.fixture
def account() -> Iterator[Partly]:
    with mock_aws():
        yield Partly()


def subscribed(account: Partly) -> dict[str, dict[str, Any]]:
    """Endpoint -> what its subscription is set to, read by a client of its own."""
    sns = account.client("sns")
    found = sns.list_subscriptions_by_topic(TopicArn=TOPIC)["Subscriptions"]
    told = {
        one["Endpoint"]: sns.get_subscription_attributes(SubscriptionArn=one["SubscriptionArn"])["Attributes"]
        for one in found
    }
    return {end: {name: document(value.get(name)) for name in PAID} for end, value in told.items()}


def test_a_subscription_is_sent_no_more_than_before(account: Partly) -> None:
    """Without its filter a consumer gets every message of the topic, and without its redrive policy it loses those that it cannot take."""
    sns = account.client("sns")
    sns.create_topic(Name="orders")
    sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=ENDS["paid"], Attributes=PAID)
    sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=ENDS["all"])
    before = subscribed(account)
    assert before[ENDS["paid"]]["FilterPolicyScope"] == "MessageBody"
    assert undone(account, ("sns:DeleteTopic", {"TopicArn": TOPIC})) == ()
    assert subscribed(account) == before


def balanced(account: Partly) -> str:
    """A load balancer whose listener says nothing of what serves it; its ARN."""
    ec2, elb = account.client("ec2"), account.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"{REGION}{zone}")[
            "Subnet"
        ]["SubnetId"]
        for n, zone in enumerate("ab")
    ]
    arn: str = elb.create_load_balancer(Name="shop", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    answer = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}
    made = elb.create_listener(LoadBalancerArn=arn, Port=80, Protocol="HTTP", DefaultActions=[answer])
    listener = made["Listeners"][0]["ListenerArn"]
    hides = [{"Key": "routing.http.response.server.enabled", "Value": "false"}]
    elb.modify_listener_attributes(ListenerArn=listener, Attributes=hides)
    return arn


def attributes(account: Partly) -> dict[str, str]:
    """Of the only listener there is."""
    elb = account.client("elbv2")
    (one,) = elb.describe_load_balancers(Names=["shop"])["LoadBalancers"]
    (listener,) = elb.describe_listeners(LoadBalancerArn=one["LoadBalancerArn"])["Listeners"]
    told = elb.describe_listener_attributes(ListenerArn=listener["ListenerArn"])["Attributes"]
    return {pair["Key"]: pair["Value"] for pair in told}


@pytest.mark.parametrize("what", ["LoadBalancer", "Listener"])
def test_a_listener_sets_the_headers_that_it_set(what: str, account: Partly) -> None:
    """With its load balancer, or alone."""
    arn = balanced(account)
    (listener,) = account.client("elbv2").describe_listeners(LoadBalancerArn=arn)["Listeners"]
    before = attributes(account)
    assert before["routing.http.response.server.enabled"] == "false"
    name = {"LoadBalancer": arn, "Listener": listener["ListenerArn"]}[what]
    honest = undone(account, (f"elbv2:Delete{what}", {f"{what}Arn": name}))
    assert [line for line in honest if not line.startswith("id: ")] == []
    assert attributes(account) == before


UNSET = {
    "DisplayName": "Orders",
    "DeliveryPolicy": json.dumps({"http": {"defaultHealthyRetryPolicy": {"numRetries": 5}}}),
    "KmsMasterKeyId": "alias/aws/sns",
    "TracingConfig": "Active",
    "SignatureVersion": "2",
}


@pytest.mark.parametrize("name", UNSET)
def test_what_nobody_had_set_of_a_topic_is_as_if_nobody_had(name: str, account: Partly) -> None:
    """There is a value for that; one setting without a way back would keep a whole plan from being taken back."""
    account.client("sns").create_topic(Name="orders")
    asked = {"TopicArn": TOPIC, "AttributeName": name, "AttributeValue": UNSET[name]}
    assert undone(account, ("sns:SetTopicAttributes", asked)) == ()
