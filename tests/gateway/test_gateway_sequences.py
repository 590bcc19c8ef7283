"""One session, two doors, and steps that are harmless one by one: judged together, whichever door each of them came through."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from keyturn import config as settings
from keyturn.model.assessment import Assessment
from keyturn.testing.standin import StandIn
from tests.gateway.gateway_world import NUMBER, REGION, Running, running
from tests.gateway.test_gateway_proxy import child_of, client, direct

TABLE = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


@pytest.fixture(scope="module")
def account() -> Iterator[StandIn]:
    with StandIn() as made:
        yield made


@pytest.fixture(scope="module")
def running_plane(account: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    gateway = settings.Gateway(port=0, proxy=True)
    with running(tmp_path_factory.mktemp("doors"), account.endpoint, gateway=gateway) as made:
        yield made


@pytest.fixture
def plane(running_plane: Running) -> Running:
    """A session of its own for each story: what a session did before is not another's."""
    running_plane.key = running_plane.session("kiro")
    return running_plane


@pytest.fixture
def proxied(plane: Running, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    environment = child_of(plane, tmp_path_factory.mktemp("trust"))
    return lambda service: client(plane, environment, service)


def asked(plane: Running, call: Callable[..., Any], **given: Any) -> tuple[str, Assessment]:
    """The case that a call is held by, and how it is assessed."""
    with pytest.raises(ClientError) as caught:
        call(**given)
    found = re.search(r"C-\d+", str(caught.value))
    assert found is not None, caught.value
    case = plane.app.runtime.case(found[0])
    assert case is not None
    assert case.assessment is not None
    return found[0], case.assessment


def codes(assessment: Assessment) -> set[str]:
    return {one.code for one in assessment.findings if one.code.startswith("SEQ")}


def approved(plane: Running, call: Callable[..., Any], **given: Any) -> None:
    """Held, approved by two, asked again, done."""
    case, _ = asked(plane, call, **given)
    plane.approve(case, "rita", "rolf")
    call(**given)


def test_delete_by_one_door_and_create_by_the_other_is_a_replace(
    plane: Running, proxied: Callable[[str], Any], account: StandIn
) -> None:
    """The create joins the held delete: one case, one replace, one answer for both."""
    with direct(account, "dynamodb") as dynamodb:
        dynamodb.create_table(TableName="orders", **TABLE)
    first, _ = asked(plane, plane.client("dynamodb").delete_table, TableName="orders")
    arn = f"arn:aws:dynamodb:{REGION}:{NUMBER}:table/orders"
    second, found = asked(plane, proxied("dynamodb").create_table, TableName=arn, **TABLE)
    assert (second, found.effect) == (first, "replace")


def test_create_before_delete_is_a_replace_too(
    plane: Running, proxied: Callable[[str], Any], account: StandIn
) -> None:
    """What is deleted by its type, and made by its service's own call."""
    with direct(account, "dynamodb") as dynamodb:
        dynamodb.create_table(TableName="carts", **TABLE)
    typed = plane.client("cloudcontrol").delete_resource
    asked(plane, typed, TypeName="AWS::DynamoDB::Table", Identifier="carts")
    _, found = asked(plane, proxied("dynamodb").create_table, TableName="carts", **TABLE)
    assert (codes(found), found.effect) == ({"SEQ001"}, "replace")


def test_protection_off_then_delete(plane: Running, proxied: Callable[[str], Any], account: StandIn) -> None:
    """The step before a delete is seen from the delete, in another spelling and by another door."""
    database = {"DBInstanceIdentifier": "shop", "Engine": "postgres", "DBInstanceClass": "db.t3.micro", "MasterUsername": "m", "MasterUserPassword": "passw0rd", "AllocatedStorage": 20, "DeletionProtection": True}  # fmt: skip
    with direct(account, "rds") as rds:
        rds.create_db_instance(**database)
    off = proxied("rds").modify_db_instance
    asked(plane, off, DBInstanceIdentifier="shop", DeletionProtection=False)
    gone = plane.client("rds").delete_db_instance
    _, found = asked(plane, gone, DBInstanceIdentifier="SHOP", SkipFinalSnapshot=True)
    assert "SEQ002" in codes(found)


def test_the_trail_is_stopped_and_then_something_is_done(
    plane: Running, proxied: Callable[[str], Any], account: StandIn
) -> None:
    """Once it is done, whatever follows would go unseen."""
    with direct(account, "s3") as s3, direct(account, "cloudtrail") as cloudtrail:
        s3.create_bucket(Bucket="audit", CreateBucketConfiguration={"LocationConstraint": REGION})
        cloudtrail.create_trail(Name="audit", S3BucketName="audit")
        cloudtrail.start_logging(Name="audit")
    approved(plane, plane.client("cloudtrail").stop_logging, Name="audit")
    with direct(account, "sqs") as sqs:
        queue = sqs.create_queue(QueueName="unseen")["QueueUrl"]
    _, found = asked(plane, proxied("sqs").delete_queue, QueueUrl=queue)
    assert "SEQ003" in codes(found)


def test_many_small_deletes_are_a_large_one(
    plane: Running, proxied: Callable[[str], Any], account: StandIn
) -> None:
    """Ten queues, five by each door."""
    with direct(account, "sqs") as sqs:
        queues = [sqs.create_queue(QueueName=f"many{n}")["QueueUrl"] for n in range(10)]
    doors = (plane.client("sqs"), proxied("sqs"))
    seen = [
        codes(asked(plane, doors[n % 2].delete_queue, QueueUrl=queue)[1]) for n, queue in enumerate(queues)
    ]
    assert [("SEQ004" in one) for one in seen] == [False] * 9 + [True]


def test_a_parent_is_taken_apart_member_by_member(
    plane: Running, proxied: Callable[[str], Any], account: StandIn
) -> None:
    """Services of one cluster, and then the cluster."""
    with direct(account, "ecs") as ecs:
        ecs.create_cluster(clusterName="apart")
        ecs.register_task_definition(family="t", containerDefinitions=[{"name": "a", "image": "i", "memory": 128}])  # fmt: skip
        for name in ("a", "b", "c"):
            ecs.create_service(cluster="apart", serviceName=name, taskDefinition="t", desiredCount=1)
    doors = (plane.client("ecs"), proxied("ecs"))
    seen = [
        codes(asked(plane, doors[n % 2].delete_service, cluster="apart", service=name, force=True)[1])
        for n, name in enumerate(("a", "b", "c"))
    ]
    assert ["SEQ005" in one for one in seen] == [False, False, True]
    _, found = asked(plane, doors[1].delete_cluster, cluster="apart")
    assert "SEQ005" in codes(found)
