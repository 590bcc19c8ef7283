"""Resources of applications (functions' sources, zones, services, APIs, identities) as a person would make them on the stand-in, and
what is then done to them and taken back. Where the service gives the id, `make` returns it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

from keyturn.model.execution import Answer
from tests.provider.moto_account import function_parameters, make_role
from tests.provider.provider_world import ACCOUNT, REGION, Account
from tests.recipes.recipe_world import Asked

Changes = Callable[[str], tuple[Asked, ...]]


class AppNight(msgspec.Struct, frozen=True):
    """One resource: how it is made, the changes in place that are taken back, the delete that is."""

    kind: str
    make: Callable[[Account], str]  # returns the id
    changes: Changes = lambda _: ()
    delete: Callable[[str], Asked] | None = None
    first: Changes = lambda _: ()  # what a person has to do before the service lets it be deleted
    honest: tuple[str, ...] = ()  # beginnings of what is said not to be as it was
    differs: tuple[str, ...] = ()  # fields that these speak of
    at_risk: str = ""
    name: str = ""
    inner: Callable[[Account, str], dict[str, str]] = (
        lambda _, __: {}
    )  # ids of members, by what stands for them
    gaps: dict[str, Answer] = {}  # what the stand-in does not have, answered as the service does


def _function(account: Account) -> str:
    account.client("lambda").create_function(**function_parameters(make_role(account)))
    client = account.client("lambda")
    client.publish_version(FunctionName="report")
    client.create_alias(FunctionName="report", Name="live", FunctionVersion="1", Description="what users see")
    client.add_permission(
        FunctionName="report",
        StatementId="bucket",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn="arn:aws:s3:::uploads",
    )
    return "report"


def _mapping(account: Account) -> str:
    _function(account)
    account.client("sqs").create_queue(QueueName="jobs")
    made = account.client("lambda").create_event_source_mapping(
        EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs",
        FunctionName="report",
        BatchSize=5,
        Enabled=True,
    )
    return str(made["UUID"])


BODY = {"widgets": [{"type": "text", "x": 0, "y": 0, "width": 3, "height": 3, "properties": {"markdown": "hello"}}]}  # fmt: skip


def _dashboard(account: Account) -> str:
    account.client("cloudwatch").put_dashboard(DashboardName="front", DashboardBody=json.dumps(BODY))
    return "front"


def record(name: str, value: str, kind: str = "A", ttl: int = 60) -> dict[str, Any]:
    return {"Name": name, "Type": kind, "TTL": ttl, "ResourceRecords": [{"Value": value}]}


WEIGHTED = [
    {**record("api.example.com.", f"192.0.2.{number}"), "SetIdentifier": str(number), "Weight": 10 * number}
    for number in (1, 2)
]


def batch(zone: str, *changes: tuple[str, dict[str, Any]]) -> Asked:
    said = [{"Action": action, "ResourceRecordSet": one} for action, one in changes]
    return "route53:ChangeResourceRecordSets", {"HostedZoneId": zone, "ChangeBatch": {"Changes": said}}


WWW, STAR = record("www.example.com.", "192.0.2.10"), record("*.example.com.", "www.example.com.", "CNAME")


def _zone(account: Account) -> str:
    client = account.client("route53")
    made = client.create_hosted_zone(
        Name="example.com", CallerReference="first", HostedZoneConfig={"Comment": "the shop"}
    )
    zone = str(made["HostedZone"]["Id"]).rpartition("/")[2]
    name, parameters = batch(zone, *(("CREATE", one) for one in (WWW, STAR, *WEIGHTED)))
    assert name
    client.change_resource_record_sets(**parameters)
    client.change_tags_for_resource(
        ResourceType="hostedzone", ResourceId=zone, AddTags=[{"Key": "environment", "Value": "production"}]
    )
    return zone


def _tagged_zone(zone: str) -> dict[str, Any]:
    return {"ResourceType": "hostedzone", "ResourceId": zone}


TASK = {
    "family": "web",
    "containerDefinitions": [{"name": "web", "image": "web:1", "memory": 128, "essential": True}],
    "tags": [{"key": "environment", "value": "production"}],
}


def _cluster(account: Account) -> str:
    account.client("ecs").create_cluster(
        clusterName="shop",
        settings=[{"name": "containerInsights", "value": "enabled"}],
        tags=[{"key": "environment", "value": "production"}],
    )
    return "shop"


def _task(account: Account) -> str:
    account.client("ecs").register_task_definition(**TASK)
    return "web:1"


def _service(account: Account) -> str:
    _cluster(account)
    _task(account)
    account.client("ecs").register_task_definition(**TASK)
    account.client("ecs").create_service(
        cluster="shop",
        serviceName="web",
        taskDefinition="web:1",
        desiredCount=2,
        launchType="EC2",
        tags=[{"key": "environment", "value": "production"}],
    )
    return "shop/web"


SHOP = {"cluster": "shop", "service": "web"}
SERVICE = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/shop/web"


APP_NIGHTS: tuple[AppNight, ...] = (
    AppNight(
        "lambda:function",
        _function,
        lambda name: (
            ("lambda:UpdateAlias", {"FunctionName": name, "Name": "live", "FunctionVersion": "$LATEST"}),
            ("lambda:DeleteAlias", {"FunctionName": name, "Name": "live"}),
            ("lambda:CreateAlias", {"FunctionName": name, "Name": "next", "FunctionVersion": "1"}),
            ("lambda:RemovePermission", {"FunctionName": name, "StatementId": "bucket"}),
            ("lambda:AddPermission",
             {"FunctionName": name, "StatementId": "x", "Action": "lambda:InvokeFunction", "Principal": "sns.amazonaws.com"}),
        ),
    ),
    AppNight(
        "lambda:event-source-mapping",
        _mapping,
        lambda uuid: (
            ("lambda:UpdateEventSourceMapping", {"UUID": uuid, "Enabled": False}),
            ("lambda:UpdateEventSourceMapping", {"UUID": uuid, "BatchSize": 10}),
        ),
        lambda uuid: ("lambda:DeleteEventSourceMapping", {"UUID": uuid}),
        honest=("id: it was",),
    ),
    AppNight(
        "cloudwatch:dashboard",
        _dashboard,
        lambda name: (("cloudwatch:PutDashboard", {"DashboardName": name, "DashboardBody": '{"widgets": []}'}),),
        lambda name: ("cloudwatch:DeleteDashboards", {"DashboardNames": [name]}),
    ),
    AppNight(
        "route53:hostedzone",
        _zone,
        lambda zone: (
            batch(zone, ("DELETE", WWW)),
            batch(zone, ("UPSERT", record("www.example.com", "198.51.100.1"))),
            batch(zone, ("CREATE", record("new.example.com.", "198.51.100.1")), ("DELETE", WEIGHTED[0])),
            batch(zone, ("DELETE", WWW), ("CREATE", record("www.example.com.", "198.51.100.2"))),
            ("route53:UpdateHostedZoneComment", {"Id": zone, "Comment": "other"}),
            ("route53:ChangeTagsForResource",
             {**_tagged_zone(zone), "RemoveTagKeys": ["environment"], "AddTags": [{"Key": "a", "Value": "b"}]}),
        ),
        lambda zone: ("route53:DeleteHostedZone", {"Id": zone}),
        first=lambda zone: (batch(zone, *(("DELETE", one) for one in (WWW, STAR, *WEIGHTED))),),
        honest=("id: it was",),
        at_risk="4 records of example.com.",
    ),
    AppNight(
        "ecs:cluster",
        _cluster,
        lambda name: (
            ("ecs:UpdateCluster", {"cluster": name, "settings": [{"name": "containerInsights", "value": "disabled"}]}),
            ("ecs:TagResource",
             {"resourceArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{name}", "tags": [{"key": "environment", "value": "dev"}]}),
        ),
        lambda name: ("ecs:DeleteCluster", {"cluster": name}),
    ),
    AppNight(
        "ecs:service",
        _service,
        lambda _: (
            ("ecs:UpdateService", {**SHOP, "taskDefinition": f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/web:2"}),
            ("ecs:UpdateService", {**SHOP, "desiredCount": 0}),
            ("ecs:UntagResource", {"resourceArn": SERVICE, "tagKeys": ["environment"]}),
        ),
        lambda _: ("ecs:DeleteService", {**SHOP, "force": True}),
    ),
    AppNight(
        "ecs:task-definition",
        _task,
        delete=lambda name: ("ecs:DeregisterTaskDefinition", {"taskDefinition": name}),
        honest=("id: it was web:1 and is web:2",),
    ),
)  # fmt: skip
