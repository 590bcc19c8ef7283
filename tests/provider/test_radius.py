"""The blast radius, walked in a shop that nobody tuned it to: who relies on what goes, in which words, and what was not looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from moto import mock_aws

from keyturn import pipeline
from keyturn.model.change import Effect
from keyturn.model.execution import Refused, Unavailable
from keyturn.model.radius import Coverage, Fate, Radius
from keyturn.providers.aws.provider import AwsProvider
from keyturn.providers.aws.radius import evidence, tables
from keyturn.providers.aws.radius.survey import READS_MAX
from tests.provider.provider_world import ACCOUNT, REGION, Account, change, drive, requests, seal
from tests.provider.shop_world import shop

Asked = tuple[str, dict[str, Any]]
PROVIDER = AwsProvider(seal, {})
NOW_MS = 1_700_000_000_000


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[Account, dict[str, str]]]:
    with mock_aws():
        account = Account()
        yield account, shop(account)


def walked(account: Account, *asked: Asked) -> Radius | None:
    made = change(*asked)
    assessing = drive(PROVIDER.assess(made, requests(*asked), at_ms=NOW_MS), account)
    inquiry = PROVIDER.radius(made, assessing, at_ms=NOW_MS)
    return drive(inquiry, account) if inquiry is not None else None


def said(radius: Radius | None, *, kinds: tuple[str, ...] = ()) -> set[str]:
    """Every link in words, ids that differ from run to run left out."""
    assert radius is not None
    short = {"elasticloadbalancing", "lambda:event-source-mapping", "sns:subscription", "route53", "ec2"}

    def name(kind: str, text: str) -> str:
        return kind if kind in short or kind.partition(":")[0] in short else f"{kind}/{text}"

    return {
        f"{name(link.resource.kind, link.resource.id)} {link.relation} {name(link.on.kind, link.on.id)}"
        for link in radius.links
        if not kinds or link.resource.kind in kinds
    }


def test_who_relies_on_a_queue(world: tuple[Account, dict[str, str]]) -> None:
    """The worker has its URL, an alarm watches it, a topic delivers to it; and whoever calls the worker relies on the worker."""
    account, made = world
    assert said(walked(account, ("sqs:DeleteQueue", {"QueueUrl": made["jobs"]}))) == {
        "lambda:function/worker has it in its environment as QUEUE_URL sqs:queue/jobs",
        "cloudwatch:alarm/jobs-wait watches sqs:queue/jobs",
        "sns:subscription delivers to sqs:queue/jobs",
        "lambda:event-source-mapping reads from sqs:queue/jobs",
        "lambda:event-source-mapping calls lambda:function/worker",
        "events:rule/nightly calls lambda:function/worker",
        "s3:bucket/shop-uploads calls lambda:function/worker",
        "states:stateMachine/checkout uses it in its definition lambda:function/worker",
    }


def test_a_table_is_named_in_a_policy_and_in_an_environment(world: tuple[Account, dict[str, str]]) -> None:
    """By its ARN in one, by its bare name in the other; the index behind it is the same table."""
    found = said(
        walked(world[0], ("dynamodb:DeleteTable", {"TableName": "orders"})),
        kinds=("iam:role", "lambda:function"),
    )
    assert found == {
        "iam:role/worker is permitted by its policy to use dynamodb:table/orders",
        "lambda:function/worker has it in its environment as ORDERS dynamodb:table/orders",
        "lambda:function/worker runs as iam:role/worker",
    }


def test_a_database_is_found_by_its_host_name(world: tuple[Account, dict[str, str]]) -> None:
    """In the middle of a connection string, whose password goes nowhere."""
    radius = walked(
        world[0], ("rds:DeleteDBInstance", {"DBInstanceIdentifier": "shop", "SkipFinalSnapshot": True})
    )
    assert "lambda:function/worker has it in its environment as DATABASE_URL rds:db/shop" in said(radius)
    assert b"hunter2" not in msgspec.json.encode(radius)


def test_what_goes_along_is_no_dependent(world: tuple[Account, dict[str, str]]) -> None:
    """Listeners and their rules go with the balancer; the record that points to it, and the group behind it, are left."""
    account, made = world
    radius = walked(account, ("elbv2:DeleteLoadBalancer", {"LoadBalancerArn": made["balancer"]}))
    assert radius is not None
    fates = {(node.resource.kind, node.fate, node.depth) for node in radius.nodes}
    assert fates == {
        ("elasticloadbalancing:loadbalancer", Fate.GOES, 0),
        ("elasticloadbalancing:listener", Fate.ALONG, 0),
        ("elasticloadbalancing:listener-rule", Fate.ALONG, 0),
        ("elasticloadbalancing:targetgroup", Fate.RELIES, 1),
        ("route53:record", Fate.RELIES, 1),
    }
    assert [(one.unit, one.serving, one.left) for one in radius.capacities] == [("healthy targets", 4, 0)]


def test_a_rule_that_goes_starves_what_it_calls_and_nobody_else(
    world: tuple[Account, dict[str, str]],
) -> None:
    """The worker still answers the state machine and the bucket: they do not rely on the rule."""
    radius = walked(world[0], ("events:DeleteRule", {"Name": "nightly"}))
    assert said(radius) == {"lambda:function/worker is called by events:rule/nightly"}


def test_a_key_is_followed_through_its_alias(world: tuple[Account, dict[str, str]]) -> None:
    """Who names a key by its alias relies on the key."""
    account, made = world
    radius = walked(account, ("kms:ScheduleKeyDeletion", {"KeyId": made["key"]}))
    key = made["key"].rpartition("/")[2]
    assert said(radius, kinds=("kms:alias", "rds:db", "secretsmanager:secret")) == {
        f"kms:alias/shop names kms:key/{key}",
        f"rds:db/shop encrypts with kms:key/{key}",
        "secretsmanager:secret/shop/db encrypts with kms:alias/shop",
    }


def test_a_role_is_followed_to_the_group_whose_instances_run_as_it(
    world: tuple[Account, dict[str, str]],
) -> None:
    """By the profile that hands it out, and the template that starts instances with it."""
    radius = walked(world[0], ("iam:DeleteRole", {"RoleName": "web"}))
    assert {
        "iam:instance-profile/web hands out iam:role/web",
        "ec2:launch-template starts instances as iam:instance-profile/web",
        "autoscaling:autoScalingGroup/web starts instances by ec2:launch-template",
    } == said(radius)


def test_three_of_the_four_instances_of_a_group(world: tuple[Account, dict[str, str]]) -> None:
    """Its share of the group and of the account, and what would be left: in the group, and healthy behind the balancer."""
    account, _ = world
    group = account.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]
    names = [one["InstanceId"] for one in group["Instances"][:3]]
    radius = walked(account, ("ec2:TerminateInstances", {"InstanceIds": names}))
    assert radius is not None
    assert [(one.of, one.taken, one.population, one.percent) for one in radius.shares] == [
        (f"all ec2:instance of the account in {REGION}", 3, 4, 75),
        ("the instances of autoscaling:autoScalingGroup/web", 3, 4, 75),
    ]
    assert [(one.of.kind, one.unit, one.serving, one.left, one.percent) for one in radius.capacities] == [
        ("autoscaling:autoScalingGroup", "instances in service", 4, 1, 25),
        ("elasticloadbalancing:targetgroup", "healthy targets", 4, 1, 25),
    ]


def test_a_group_that_is_made_smaller_is_looked_at(world: tuple[Account, dict[str, str]]) -> None:
    """An update is walked for what would be left, though it deletes nothing by its name."""
    radius = walked(
        world[0], ("autoscaling:SetDesiredCapacity", {"AutoScalingGroupName": "web", "DesiredCapacity": 1})
    )
    assert radius is not None
    assert [(one.unit, one.serving, one.left) for one in radius.capacities] == [
        ("instances in service", 4, 1)
    ]
    assert radius.shares == ()


def test_what_takes_nothing_away_is_not_walked(world: tuple[Account, dict[str, str]]) -> None:
    """Neither a setting nor an item in a table is worth forty reads."""
    account, _ = world
    assert (
        walked(account, ("lambda:UpdateFunctionConfiguration", {"FunctionName": "worker", "Timeout": 5}))
        is None
    )
    assert (
        walked(account, ("dynamodb:DeleteItem", {"TableName": "orders", "Key": {"id": {"S": "1"}}})) is None
    )


def test_environments_and_owners_are_counted(world: tuple[Account, dict[str, str]]) -> None:
    """By their tags, from listings or asked for by ARN; nobody's word is nobody's word."""
    radius = walked(world[0], ("kms:ScheduleKeyDeletion", {"KeyId": world[1]["key"]}))
    assert radius is not None
    assert radius.by_environment()["production"] == 3
    assert {name: count for name, count in radius.by_owner().items() if name != "not said"} == {
        "shop": 2,
        "data": 1,
    }


def test_evidence_of_use_is_said_with_its_span(world: tuple[Account, dict[str, str]]) -> None:
    """What CloudWatch counted, and what the service itself counts; no number is not a zero."""
    account, made = world
    account.client("cloudwatch").put_metric_data(
        Namespace="AWS/SQS",
        MetricData=[
            {
                "MetricName": "NumberOfMessagesReceived",
                "Dimensions": [{"Name": "QueueName", "Value": "jobs"}],
                "Timestamp": NOW_MS / 1000 - 86_400,
                "Value": 1_204.0,
            }
        ],
    )
    radius = walked(account, ("sqs:DeleteQueue", {"QueueUrl": made["jobs"]}))
    assert radius is not None
    told = {node.resource.kind: (node.use, node.used) for node in radius.nodes}
    span = f"in the last {evidence.SPAN_DAYS} days"
    assert told["sqs:queue"] == (f"1,204 messages taken {span}; 0 messages wait", True)
    assert told["lambda:function"] == ("", None)


def test_the_credential_reaches_no_further_than_the_change(world: tuple[Account, dict[str, str]]) -> None:
    """The scoped credential is drawn beside what the change touches: here both are the queue."""
    account, made = world
    radius = walked(account, ("sqs:DeleteQueue", {"QueueUrl": made["jobs"]}))
    assert radius is not None
    assert radius.reach is not None
    assert radius.reach.actions == ("sqs:DeleteQueue",)
    assert radius.reach.resources == (f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs",)
    assert [str(node.resource) for node in radius.nodes if node.reached] == ["sqs:queue/jobs"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Unavailable("throttled"), "lambda:ListFunctions: throttled"),
        (Refused("AccessDeniedException", "no"), "lambda:ListFunctions: AccessDeniedException"),
    ],
)
def test_what_could_not_be_read_is_not_said_to_be_mapped(
    world: tuple[Account, dict[str, str]], answer: Any, why: str
) -> None:
    """Unread is not absent: the kind stands as *not enough information*, and the radius is not whole."""
    account, made = world
    account.broken["lambda:ListFunctions"] = answer
    try:
        radius = walked(account, ("sqs:DeleteQueue", {"QueueUrl": made["jobs"]}))
    finally:
        account.broken.clear()
    assert radius is not None
    (looked,) = [one for one in radius.looked if one.kind == "lambda:function"]
    assert (looked.coverage, looked.why) == (Coverage.NOT_ENOUGH, why)
    assert not radius.whole


def test_a_group_that_could_not_be_read_leaves_nothing(world: tuple[Account, dict[str, str]]) -> None:
    """A floor that nobody can see is not kept."""
    account, _ = world
    name = account.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]["Instances"][
        0
    ]["InstanceId"]
    account.broken["autoscaling:DescribeAutoScalingGroups"] = Unavailable("throttled")
    try:
        radius = walked(account, ("ec2:TerminateInstances", {"InstanceIds": [name]}))
    finally:
        account.broken.clear()
    assert radius is not None
    assert min(one.percent for one in radius.capacities) == 0


def test_types_that_nothing_reads_are_said_by_name(world: tuple[Account, dict[str, str]]) -> None:
    """cfn-lint knows which types can name a topic; those that have no listing stand as *unsupported*."""
    radius = walked(world[0], ("sns:DeleteTopic", {"TopicArn": world[1]["topic"]}))
    assert radius is not None
    others = [one for one in radius.looked if one.coverage is Coverage.UNSUPPORTED]
    assert [one.count for one in others] == [len(tables.unsupported("sns:topic"))]
    assert "AWS::Backup::BackupVault" in others[0].why


def test_a_walk_stays_within_its_budget(world: tuple[Account, dict[str, str]]) -> None:
    """The widest of them, too."""
    account, made = world
    radius = walked(account, ("kms:ScheduleKeyDeletion", {"KeyId": made["key"]}))
    assert radius is not None
    assert 0 < radius.reads <= READS_MAX


def test_the_assessment_says_who_relies_directly(world: tuple[Account, dict[str, str]]) -> None:
    """What captures met stays, what listings met is added, and each pair is said once."""
    account, made = world
    asked = ("sqs:DeleteQueue", {"QueueUrl": made["jobs"]})
    assessing = drive(PROVIDER.assess(change(asked), requests(asked), at_ms=0), account)
    radius = walked(account, asked)
    assert radius is not None
    known = pipeline.with_radius(assessing, radius).assessment
    pairs = [(str(edge.resource), str(edge.on)) for edge in known.blast_radius]
    assert len(pairs) == len(set(pairs)) == 4
    assert known.effect is Effect.DELETE
    assert known.state_digest == assessing.assessment.state_digest


def test_every_listing_names_an_operation_that_exists_and_a_type() -> None:
    """Each call of the tables is one that botocore has, and each is a read of the catalogue."""
    import botocore.session

    from keyturn.model.change import READ_EFFECTS
    from keyturn.providers.aws import catalogue

    session = botocore.session.get_session()
    for listing in tables.LISTINGS.values():
        for operation in (listing.operation, *(one.operation for one in listing.details)):
            service, _, name = operation.partition(":")
            model = session.get_service_model(service)
            assert name in model.operation_names, operation
            assert catalogue.lookup(service, name).effect in READ_EFFECTS, operation
        assert not listing.per or listing.per in tables.LISTINGS, listing.kind
        model = session.get_service_model(listing.operation.partition(":")[0]).operation_model(
            listing.operation.partition(":")[2]
        )
        members = set(model.input_shape.members) if model.input_shape else set()
        assert set(listing.given) <= members, (listing.kind, set(listing.given) - members)
