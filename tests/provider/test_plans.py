"""Plans: from the parameters of any operation to the ARN of what it is about; containers and members."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from keyturn.model.change import READ_EFFECTS, ResourceRef
from keyturn.providers.aws import catalogue, plans
from keyturn.providers.aws.resources import Home, arn_of, container_of, contains, resources_of

HOME = Home("aws", "123456789012", "eu-west-1")
LINES = [
    json.loads(line)
    for line in Path(__file__).with_name("derivations.jsonl").read_text(encoding="utf-8").splitlines()
]
"""A random sample of what changes something, each looked at by hand; those that were wrong were mended, or left out and counted."""


@pytest.mark.parametrize("line", LINES, ids=[line["operation"] for line in LINES])
def test_the_resource_of_any_operation(line: dict[str, Any]) -> None:
    """What the operation is about comes first, as an ARN; where nothing names it, everything of the service here."""
    service, _, name = line["operation"].partition(":")
    first = resources_of(service, name, line["parameters"], HOME)[0]
    assert arn_of(first) == line["resource"]


@pytest.mark.parametrize(
    ("name", "parameters", "arn"),
    [
        (
            "ecs:DeleteService",
            {"cluster": "c", "service": "web"},
            "arn:aws:ecs:eu-west-1:123456789012:service/c/web",
        ),
        (
            "ecs:DeleteService",
            {"cluster": "arn:aws:ecs:eu-west-1:123456789012:cluster/c", "service": "web"},
            "arn:aws:ecs:eu-west-1:123456789012:service/c/web",
        ),
        (
            "apigateway:DeleteRestApi",
            {"restApiId": "a1"},
            "arn:aws:apigateway:eu-west-1::/restapis/a1",
        ),
        ("route53:DeleteHostedZone", {"Id": "Z1"}, "arn:aws:route53:::hostedzone/Z1"),
        ("eks:DeleteCluster", {"name": "c"}, "arn:aws:eks:eu-west-1:123456789012:cluster/c"),
        (
            "elbv2:DeleteLoadBalancer",
            {"LoadBalancerArn": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/w/1"},
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/w/1",
        ),
        ("codepipeline:DeletePipeline", {"name": "p"}, "arn:aws:codepipeline:eu-west-1:123456789012:p"),
        (
            "glue:DeleteTable",
            {"DatabaseName": "d", "Name": "t"},
            "arn:aws:glue:eu-west-1:123456789012:table/d/t",
        ),
    ],
)
def test_names_that_agents_use_every_day(name: str, parameters: dict[str, Any], arn: str) -> None:
    """One by one: these are what goes wrong at night."""
    service, _, action = name.partition(":")
    assert arn_of(resources_of(service, action, parameters, HOME)[0]) == arn


@pytest.mark.parametrize(("partition", "region"), [("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")])
def test_other_partitions(partition: str, region: str) -> None:
    """China and GovCloud have ARNs of their own."""
    home = Home(partition, "123456789012", region)
    found = arn_of(resources_of("eks", "DeleteCluster", {"name": "c"}, home)[0])
    assert found == f"arn:{partition}:eks:{region}:123456789012:cluster/c"


def test_nearly_everything_is_named() -> None:
    """At least nine of ten operations that change something: an ARN, an id, the parent of what is made, or the account on purpose."""
    changing = [
        (service, name)
        for service, name in catalogue.every()
        if catalogue.lookup(service, name).effect not in READ_EFFECTS
    ]
    named = sum(bool(plans.known(service, name)) for service, name in changing)
    exactly = sum(plans.known(service, name) in {"arn", "form", "id", "parent"} for service, name in changing)
    assert named / len(changing) >= 0.97
    assert exactly / len(changing) >= 0.85


def test_too_many_names_are_the_account() -> None:
    """A list without end is judged as one about all."""
    names = [f"c-{n}" for n in range(plans.NAMES_MAX + 1)]
    found = resources_of("memorydb", "BatchUpdateCluster", {"ClusterNames": names}, HOME)
    assert len(resources_of("memorydb", "BatchUpdateCluster", {"ClusterNames": names[:3]}, HOME)) == 3
    assert plans.named("memorydb", "BatchUpdateCluster", {"ClusterNames": names}, {}) == ()
    assert found


def ref(kind: str, name: str) -> ResourceRef:
    return HOME.ref(kind, name)


@pytest.mark.parametrize(
    ("member", "container"),
    [
        (ref("s3:object", "reports/a/b.csv"), ref("s3:bucket", "reports")),
        (ref("ecs:service", "c/web"), ref("ecs:cluster", "c")),
        (ref("glue:table", "d/t"), ref("glue:database", "d")),
        (ref("eks:cluster", "c"), None),
        (ref("s3:bucket", "reports"), None),
        (ref("ecs:service", "web"), None),
    ],
)
def test_a_member_knows_its_container(member: ResourceRef, container: ResourceRef | None) -> None:
    """Whose tags speak for it, and whose deletion takes it along."""
    assert container_of(member) == container


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("s3:bucket", "objects and their versions"),
        ("route53:hostedzone", "record sets"),
        ("ecs:cluster", "services and tasks"),
        ("elasticfilesystem:file-system", "mount targets and access points"),
        ("s3:object", ""),
        ("sqs:queue", "messages"),
    ],
)
def test_a_container_knows_what_goes_along(kind: str, members: str) -> None:
    """In words, for people."""
    assert contains(kind) == members
