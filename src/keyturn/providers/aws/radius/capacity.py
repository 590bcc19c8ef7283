"""How much of a population a change takes, and what would be left to serve.

The guard that Amazon S3 put into its own tools after an outage of 2017: capacity is taken out slowly, and never below the least that
a subsystem needs (https://aws.amazon.com/message/41926/).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

from keyturn.model.change import Change, Operation, ResourceRef
from keyturn.model.radius import Capacity, Coverage, Fate, Share
from keyturn.providers.aws.radius.listing import every
from keyturn.providers.aws.radius.survey import Item, Survey, key_of
from keyturn.providers.aws.resources import Home, from_arn, is_arn, name_or_arn

_TAKES: Final = frozenset(
    {
        "autoscaling:SetDesiredCapacity",
        "autoscaling:UpdateAutoScalingGroup",
        "autoscaling:TerminateInstanceInAutoScalingGroup",
        "autoscaling:DetachInstances",
        "autoscaling:EnterStandby",
        "ec2:StopInstances",
        "ec2:TerminateInstances",
        "ecs:UpdateService",
        "elbv2:DeregisterTargets",
    }
)
"""Operations that may leave less to serve, whatever their name says they do."""

_GROUPS: Final = {
    "ec2:instance": ("autoscaling:autoScalingGroup", "elasticloadbalancing:targetgroup"),
    "autoscaling:autoScalingGroup": ("elasticloadbalancing:targetgroup",),
    "ecs:service": ("elasticloadbalancing:targetgroup",),
    "elasticloadbalancing:targetgroup": ("elasticloadbalancing:targetgroup",),
    "elasticloadbalancing:loadbalancer": ("elasticloadbalancing:targetgroup",),
}
"""Kinds that serve -> the listings that say in which group."""

_MADE_SMALLER: Final = frozenset({"autoscaling:autoScalingGroup", "ecs:service"})
"""Kinds that serve with less and stand all the same, unless they are deleted."""

_HEALTHY: Final = "healthy"
_SERVES: Final = "InService"


def touches(operation: Operation) -> bool:
    return operation.name in _TAKES


def groups_of(gone: Iterable[ResourceRef]) -> set[str]:
    """Kinds of groups whose listings tell of what goes; those of the population itself included."""
    kinds = {ref.kind for ref in gone}
    return kinds | {group for kind in kinds for group in _GROUPS.get(kind, ())}


def taken_out(change: Change) -> set[str]:
    """Instances that an operation on their group takes out by name."""
    found: set[str] = set()
    for operation in change.operations:
        if operation.name in _TAKES and operation.service == "autoscaling":
            named = operation.parameters.get("InstanceIds") or [operation.parameters.get("InstanceId")]
            found |= {str(one) for one in named if one} if isinstance(named, list) else set()
    return found


def shares(change: Change, gone: Iterable[ResourceRef], survey: Survey) -> list[Share]:
    """Of each kind that goes: how many of the account's in this region, and of each Auto Scaling group that loses instances."""
    found = []
    whole = [ref for ref in gone if ref.kind not in _MADE_SMALLER or _deletes(change, ref)]
    for kind, taken in sorted(Counter(ref.kind for ref in whole).items()):
        items, looked = survey.items.get(kind), survey.looked.get(kind)
        known = items is not None and looked is not None and looked.coverage is Coverage.MAPPED
        found.append(
            Share(
                f"all {kind} of the account in {survey.home.region}",
                kind,
                taken,
                len(items or ()) if known else None,
            )
        )
    names = {ref.id for ref in gone if ref.kind == "ec2:instance"} | taken_out(change)
    for group in survey.items.get("autoscaling:autoScalingGroup", ()):
        members = [str(one.get("InstanceId")) for one in group.value.get("Instances") or []]
        lost = names & set(members)
        if lost:
            found.append(Share(f"the instances of {group.ref}", "ec2:instance", len(lost), len(members)))
    return found


def floors(change: Change, gone: dict[ResourceRef, Fate], survey: Survey) -> list[Capacity]:
    """What serves in each group the change takes from, now and then."""
    found = [
        *_not_read(gone, survey),
        *_of_groups(change, gone, survey),
        *_of_targets(change, gone, survey),
        *_of_services(change, survey),
    ]
    best: dict[str, Capacity] = {}
    for one in found:
        key = f"{key_of(one.of)}{one.unit}"
        if key not in best or one.percent < best[key].percent:
            best[key] = one
    return list(best.values())


def _not_read(gone: Iterable[ResourceRef], survey: Survey) -> Iterator[Capacity]:
    """What serves in groups that could not be read: nobody knows what would be left of it."""
    for ref in gone:
        for kind in (*_GROUPS.get(ref.kind, ()), *([ref.kind] if ref.kind == "ecs:service" else [])):
            looked = survey.looked.get(kind)
            if looked is None or looked.coverage is not Coverage.MAPPED:
                yield Capacity(ref, f"what serves in {kind}, which was not read whole", None, None)


def _of_groups(change: Change, gone: dict[ResourceRef, Fate], survey: Survey) -> Iterator[Capacity]:
    """Auto Scaling groups: instances that go, or a smaller number that is wanted from now on."""
    keys = {key_of(ref) for ref in gone}
    names = {ref.id for ref in gone if ref.kind == "ec2:instance"} | taken_out(change)
    wanted = {ref.id: _desired(operation) for operation in change.operations for ref in operation.resources}
    for group in survey.items.get("autoscaling:autoScalingGroup", ()):
        serving = [
            str(one.get("InstanceId"))
            for one in group.value.get("Instances") or []
            if one.get("LifecycleState") == _SERVES
        ]
        left = len(set(serving) - names)
        target = wanted.get(group.ref.id)
        if key_of(group.ref) in keys and target is None:
            left = 0 if _deletes(change, group.ref) else left
        elif key_of(group.ref) in keys and target is not None:
            left = min(left, target)
        elif left == len(serving):
            continue
        yield Capacity(group.ref, "instances in service", len(serving), left)


def _desired(operation: Operation) -> int | None:
    found = operation.parameters.get("DesiredCapacity", operation.parameters.get("MaxSize"))
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _deletes(change: Change, ref: ResourceRef) -> bool:
    return any(
        ref.id in {one.id for one in operation.resources} and operation.floor == "delete"
        for operation in change.operations
    )


def _of_targets(change: Change, gone: dict[ResourceRef, Fate], survey: Survey) -> Iterator[Capacity]:
    """Target groups: healthy targets that go with instances, groups and services, or are taken out by name."""
    away = _targets_away(change, gone, survey)
    keys = {key_of(ref) for ref in gone}
    balancers = {key_of(ref) for ref in gone if ref.kind == "elasticloadbalancing:loadbalancer"}
    for group in survey.items.get("elasticloadbalancing:targetgroup", ()):
        told = group.value.get("health")
        behind = {
            key_of(from_arn(arn, survey.home))
            for arn in group.value.get("LoadBalancerArns") or []
            if is_arn(arn)
        }
        named = away.get(key_of(group.ref), set()) | away[""]
        all_of_it = (key_of(group.ref) in keys and _deletes(change, group.ref)) or bool(behind & balancers)
        if not isinstance(told, list):
            if all_of_it or named:
                yield Capacity(group.ref, "healthy targets", None, None)
            continue
        healthy = {
            str((one.get("Target") or {}).get("Id"))
            for one in told
            if (one.get("TargetHealth") or {}).get("State") == _HEALTHY
        }
        known = {str((one.get("Target") or {}).get("Id")) for one in told}
        if all_of_it or known & named:
            yield Capacity(
                group.ref, "healthy targets", len(healthy), 0 if all_of_it else len(healthy - named)
            )


def _targets_away(change: Change, gone: dict[ResourceRef, Fate], survey: Survey) -> dict[str, set[str]]:
    """By target group, whose targets go; under "" what goes wherever it is registered."""
    away: dict[str, set[str]] = {
        "": {ref.id for ref in gone if ref.kind == "ec2:instance"} | taken_out(change)
    }
    keys = {key_of(ref) for ref in gone if _deletes(change, ref)}
    for group in survey.items.get("autoscaling:autoScalingGroup", ()):
        if key_of(group.ref) in keys:
            away[""] |= {str(one.get("InstanceId")) for one in group.value.get("Instances") or []}
    for operation in change.operations:
        if operation.name == "elbv2:DeregisterTargets":
            for ref in operation.resources:
                away.setdefault(key_of(ref), set()).update(
                    str(one.get("Id"))
                    for one in operation.parameters.get("Targets") or []
                    if isinstance(one, dict)
                )
    return away


def _of_services(change: Change, survey: Survey) -> Iterator[Capacity]:
    """ECS services: running tasks, and the number that is wanted from now on."""
    for item in survey.items.get("ecs:service", ()):
        operation = _about(change, item, survey.home)
        if operation is None:
            continue
        running = _number(item.value, "service.runningCount")
        wanted = operation.parameters.get("desiredCount")
        if operation.floor == "delete":
            yield Capacity(item.ref, "running tasks", running, 0 if running is not None else None)
        elif isinstance(wanted, int):
            yield Capacity(
                item.ref, "running tasks", running, min(running, wanted) if running is not None else None
            )


def _about(change: Change, item: Item, home: Home) -> Operation | None:
    for operation in change.operations:
        for ref in operation.resources:
            if ref.kind == item.kind and key_of(name_or_arn(ref.kind, ref.id, home)) == key_of(item.ref):
                return operation
    return None


def _number(value: Any, path: str) -> int | None:
    return next((one for one in every(value, path) if isinstance(one, int)), None)
