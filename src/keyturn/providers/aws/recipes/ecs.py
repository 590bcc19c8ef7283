"""ECS clusters, services and task definitions.

A service's own words about what it runs stand in DescribeServices and are set again by UpdateService; deregistering a task
definition leaves what runs on it running, and its number is never given again
(https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html, API_DeregisterTaskDefinition.html).
"""

from __future__ import annotations

from typing import Any, ClassVar

from keyturn.model.assessment import Dependent
from keyturn.model.change import ResourceRef
from keyturn.providers.aws.recipes.base import State
from keyturn.providers.aws.recipes.declared import Change, Declared, Make, Read, Rehearsed, Tags
from keyturn.providers.aws.recipes.filling import ARN, ID, Piece
from keyturn.providers.aws.resources import Home, from_arn, is_arn

_TAGS = Tags("ecs:TagResource", "ecs:UntagResource", {"resourceArn": ARN}, "tags", "tagKeys", pair=("key", "value"))  # fmt: skip


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


_CLUSTER = _same("settings", "configuration", "serviceConnectDefaults")
_CAPACITY = _same("capacityProviders", "defaultCapacityProviderStrategy")


class Cluster(Declared):
    """Settings, capacity providers and tags of a cluster, and how much runs in it."""

    kind: ClassVar[str] = "ecs:cluster"
    title: ClassVar[str] = "ECS cluster"
    fields: ClassVar[tuple[str, ...]] = (*_CLUSTER, *_CAPACITY, "tags")
    deletes: ClassVar[frozenset[str]] = frozenset({"ecs:DeleteCluster"})
    sets: ClassVar[frozenset[str]] = frozenset({"settings", "capacityProviders"})
    ended: ClassVar[tuple[str, frozenset[str]]] = ("status", frozenset({"INACTIVE", "DEPROVISIONING"}))
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "ecs:DescribeClusters",
            {"clusters": [ID], "include": ["TAGS", "SETTINGS", "CONFIGURATIONS"]},
            {
                **_CLUSTER,
                **_CAPACITY,
                "arn": "clusterArn",
                "status": "status",
                "tags": "tags",
                "services": "activeServicesCount",
                "tasks": "runningTasksCount",
                "instances": "registeredContainerInstancesCount",
            },
            one_of="clusters",
        ),
    )
    make: ClassVar[Make] = Make("ecs:CreateCluster", {"clusterName": ID}, {**_CLUSTER, **_CAPACITY})
    makes_tags: ClassVar[str] = "tags"
    changes: ClassVar[tuple[Change, ...]] = (
        Change("ecs:UpdateCluster", {"cluster": ID}, _CLUSTER),
        Change("ecs:UpdateClusterSettings", {"cluster": ID}, _same("settings")),
        Change("ecs:PutClusterCapacityProviders", {"cluster": ID}, _CAPACITY),
    )
    tagged: ClassVar[Tags] = _TAGS
    rehearsed: ClassVar[Rehearsed] = Rehearsed("ecs:DeleteCluster", {"cluster": ID})
    loss: ClassVar[tuple[str, ...]] = (
        "container instances that were registered with it have to register again; services and tasks are not made again with it",
    )

    def at_risk(self, state: State) -> str:
        counted = [
            f"{state.get(name) or 0} {name}" for name in ("services", "tasks", "instances") if state.get(name)
        ]
        return ", ".join(counted)  # fmt: skip


_CHANGED = _same(
    "taskDefinition", "desiredCount", "capacityProviderStrategy", "deploymentConfiguration", "networkConfiguration",
    "placementConstraints", "placementStrategy", "platformVersion", "healthCheckGracePeriodSeconds", "enableExecuteCommand",
    "enableECSManagedTags", "loadBalancers", "propagateTags", "serviceRegistries", "availabilityZoneRebalancing",
)  # fmt: skip
_BORN = _same("launchType", "schedulingStrategy", "deploymentController")
_WHICH = {"cluster": Piece(0), "service": Piece(1)}


class Service(Declared):
    """What a service runs, how many, where, and behind what."""

    kind: ClassVar[str] = "ecs:service"
    title: ClassVar[str] = "ECS service"
    fields: ClassVar[tuple[str, ...]] = (*_CHANGED, *_BORN, "role", "tags")
    deletes: ClassVar[frozenset[str]] = frozenset({"ecs:DeleteService"})
    sets: ClassVar[frozenset[str]] = frozenset({"placementConstraints"})
    ended: ClassVar[tuple[str, frozenset[str]]] = ("status", frozenset({"INACTIVE", "DRAINING"}))
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "ecs:DescribeServices",
            {"cluster": Piece(0), "services": [Piece(1)], "include": ["TAGS"]},
            {
                **_CHANGED,
                **_BORN,
                "role": "roleArn",
                "arn": "serviceArn",
                "status": "status",
                "tags": "tags",
                "running": "runningCount",
            },
            absent=("ClusterNotFoundException", "ServiceNotFoundException"),
            one_of="services",
        ),
    )
    make: ClassVar[Make] = Make(
        "ecs:CreateService",
        {"cluster": Piece(0), "serviceName": Piece(1)},
        {**_CHANGED, **_BORN, "role": "role"},
    )
    makes_tags: ClassVar[str] = "tags"
    changes: ClassVar[tuple[Change, ...]] = (Change("ecs:UpdateService", _WHICH, _CHANGED),)
    tagged: ClassVar[Tags] = _TAGS
    loss: ClassVar[tuple[str, ...]] = (
        "tasks that ran: they are started anew, with other addresses and without what was kept in them",
        "scaling by Application Auto Scaling, volumes and Service Connect of the deployment, which are not captured",
        "requests that came while it was gone",
    )

    def tidy(self, ref: ResourceRef, state: State) -> State:
        if state.get("capacityProviderStrategy"):
            state.pop("launchType", None)  # one excludes the other in CreateService
        if state.get("networkConfiguration") or "AWSServiceRoleForECS" in str(state.get("role")):
            state["role"] = None  # the service's own, which no request may name (API_CreateService, role)
        return state

    def at_risk(self, state: State) -> str:
        running = state.get("running") or 0
        return f"{running} running tasks" if running else ""

    def edges(self, ref: ResourceRef, state: State) -> tuple[Dependent, ...]:
        """The target groups that send to it, and its cluster's name in them."""
        home = Home(ref.partition, ref.account, ref.region)
        groups = [one.get("targetGroupArn") for one in state.get("loadBalancers") or []]
        return tuple(
            Dependent(resource=from_arn(arn, home), relation="sends requests to", on=ref) for arn in groups if is_arn(arn)
        )  # fmt: skip


_SAID = _same(
    "family", "taskRoleArn", "executionRoleArn", "networkMode", "containerDefinitions", "volumes", "placementConstraints", "cpu",
    "memory", "pidMode", "ipcMode", "proxyConfiguration", "inferenceAccelerators", "ephemeralStorage", "runtimePlatform",
    "enableFaultInjection", "requiresCompatibilities",
)  # fmt: skip


class TaskDefinition(Declared):
    """One revision of what a task is made of."""

    kind: ClassVar[str] = "ecs:task-definition"
    title: ClassVar[str] = "ECS task definition"
    fields: ClassVar[tuple[str, ...]] = (*_SAID, "tags")
    secret_fields: ClassVar[tuple[str, ...]] = ("containerDefinitions",)
    deletes: ClassVar[frozenset[str]] = frozenset(
        {"ecs:DeregisterTaskDefinition", "ecs:DeleteTaskDefinitions"}
    )
    ended: ClassVar[tuple[str, frozenset[str]]] = ("status", frozenset({"INACTIVE", "DELETE_IN_PROGRESS"}))
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "ecs:DescribeTaskDefinition",
            {"taskDefinition": ID, "include": ["TAGS"]},
            {
                **{field: f"taskDefinition.{field}" for field in _SAID},
                "arn": "taskDefinition.taskDefinitionArn",
                "status": "taskDefinition.status",
                "tags": "tags",
            },
            absent=(
                "ClientException",
            ),  # the service has no code of its own for a revision that there is not
        ),
    )
    make: ClassVar[Make] = Make("ecs:RegisterTaskDefinition", {}, _SAID)
    born: ClassVar[str] = "taskDefinition.taskDefinitionArn"
    born_after: ClassVar[str] = "/"
    makes_tags: ClassVar[str] = "tags"
    tagged: ClassVar[Tags] = _TAGS
    loss: ClassVar[tuple[str, ...]] = (
        "its number: the same content is registered as a new revision; services go on with the old one until they are updated",
    )

    def named(self, ref: ResourceRef, answer: dict[str, Any]) -> str:
        return super().named(ref, answer).rpartition("/")[2]
