"""Auto Scaling groups with their policies, hooks, schedules and suspended processes.

Deleted by force, a group takes its instances with it; those that come are others. Capacity that is set anew ends instances or starts new
ones (https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DeleteAutoScalingGroup.html, API_SetDesiredCapacity.html).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

import msgspec

from keyturn.model.assessment import Dependent
from keyturn.model.change import ResourceRef
from keyturn.providers.aws.recipes.base import Narrow, State, Step
from keyturn.providers.aws.recipes.common import changed
from keyturn.providers.aws.recipes.declared import Change, Declared, Make, Read
from keyturn.providers.aws.recipes.filling import ID, Field, ordered

_WHICH: Final = {"AutoScalingGroupName": ID}
_CAPACITY: Final = ("MinSize", "MaxSize", "DesiredCapacity")
_SETTINGS: Final = (
    *_CAPACITY, "LaunchTemplate", "LaunchConfigurationName", "MixedInstancesPolicy", "VPCZoneIdentifier", "DefaultCooldown",
    "HealthCheckType", "HealthCheckGracePeriod", "PlacementGroup", "TerminationPolicies", "NewInstancesProtectedFromScaleIn",
    "MaxInstanceLifetime", "CapacityRebalance", "DefaultInstanceWarmup", "DesiredCapacityType",
)  # fmt: skip
_SET: Final = {name: name for name in _SETTINGS}
_NEVER_SAID: Final = {
    "policies": frozenset({"PolicyARN", "Alarms"}),
    "hooks": frozenset({"GlobalTimeout"}),
    "schedules": frozenset({"ScheduledActionARN", "Time"}),
}
_WARM: Final = {
    name: Field(f"warm.{name}")
    for name in ("MinSize", "PoolState", "MaxGroupPreparedCapacity", "InstanceReusePolicy")
}
_ATTACH: Final = "autoscaling:AttachLoadBalancerTargetGroups"
_DETACH: Final = "autoscaling:DetachLoadBalancerTargetGroups"


class Group(Declared):
    """How many instances, of which template, where; what scales it and when; its target groups and tags."""

    kind: ClassVar[str] = "autoscaling:autoScalingGroup"
    title: ClassVar[str] = "Auto Scaling group"
    fields: ClassVar[tuple[str, ...]] = (
        *_SETTINGS,
        "target_groups",
        "balancers",
        "policies",
        "hooks",
        "schedules",
        "suspended",
        "metrics",
        "warm",
        "labels",
    )
    deletes: ClassVar[frozenset[str]] = frozenset({"autoscaling:DeleteAutoScalingGroup"})
    sets: ClassVar[frozenset[str]] = frozenset(
        {"target_groups", "policies", "hooks", "schedules", "suspended", "metrics", "labels"}
    )
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "autoscaling:DescribeAutoScalingGroups",
            {"AutoScalingGroupNames": [ID]},
            {
                **_SET,
                "arn": "AutoScalingGroupARN",
                "target_groups": "TargetGroupARNs",
                "balancers": "LoadBalancerNames",
                "instances": "Instances",
                "suspended": "SuspendedProcesses",
                "metrics": "EnabledMetrics",
                "warm": "WarmPoolConfiguration",
                "status": "Status",
                "labels": "Tags",
            },
            one_of="AutoScalingGroups",
        ),
        Read(
            "autoscaling:DescribePolicies", _WHICH, {"policies": "ScalingPolicies"}, all_of="ScalingPolicies"
        ),
        Read("autoscaling:DescribeLifecycleHooks", _WHICH, {"hooks": "LifecycleHooks"}),
        Read(
            "autoscaling:DescribeScheduledActions",
            _WHICH,
            {"schedules": "ScheduledUpdateGroupActions"},
            all_of="ScheduledUpdateGroupActions",
        ),
    )
    make: ClassVar[Make] = Make(
        "autoscaling:CreateAutoScalingGroup",
        _WHICH,
        {**_SET, "TargetGroupARNs": "target_groups", "LoadBalancerNames": "balancers", "Tags": "labels"},
    )
    then: ClassVar[tuple[Make, ...]] = (
        Make(
            "autoscaling:SuspendProcesses",
            {**_WHICH, "ScalingProcesses": Field("suspended")},
            when="suspended",
        ),
        Make(
            "autoscaling:EnableMetricsCollection",
            {**_WHICH, "Granularity": "1Minute"},
            {"Metrics": "metrics"},
            when="metrics",
        ),
        Make("autoscaling:PutWarmPool", {**_WHICH, **_WARM}, when="warm"),
    )
    changes: ClassVar[tuple[Change, ...]] = (
        Change("autoscaling:UpdateAutoScalingGroup", _WHICH, _SET),
        Change("autoscaling:SetDesiredCapacity", _WHICH, {"DesiredCapacity": "DesiredCapacity"}),
    )
    calls: ClassVar[tuple[str, ...]] = (
        _ATTACH,
        _DETACH,
        "autoscaling:SuspendProcesses",
        "autoscaling:ResumeProcesses",
        "autoscaling:CreateOrUpdateTags",
        "autoscaling:DeleteTags",
    )
    recover_s: ClassVar[int] = 600
    loss: ClassVar[tuple[str, ...]] = (
        "its instances, with what was on them: others are started",
        "the ARNs of its scaling policies, which alarms name; its notifications, which are not captured",
    )

    def tidy(self, ref: ResourceRef, state: State) -> State:
        named = {
            field: [{name: value for name, value in one.items() if name not in never and value not in (None, "", [], {})} for one in state.get(field) or []]
            for field, never in _NEVER_SAID.items()
        }  # fmt: skip
        template = dict(state.get("LaunchTemplate") or {})
        if template.get("LaunchTemplateId"):
            template.pop("LaunchTemplateName", None)  # a request may say only one of them
        return {
            **state,
            **msgspec.to_builtins(named),
            "LaunchTemplate": template,
            "instances": [one.get("InstanceId") for one in state.get("instances") or []],
            "suspended": [one.get("ProcessName") for one in state.get("suspended") or []],
            "metrics": [one.get("Metric") for one in state.get("metrics") or []],
            "warm": {name: value for name, value in (state.get("warm") or {}).items() if name in _WARM},
            "labels": [
                one for one in state.get("labels") or [] if not str(one.get("Key")).startswith("aws:")
            ],
        }

    def narrow(self, ref: ResourceRef, state: State, desired: State) -> Narrow | None:
        """Target groups are attached and detached, labels set; a limit that its capacity is beyond moves the capacity, which is said."""
        apart = {field: desired[field] for field in _APART if desired.get(field) is not None}
        rest = {field: value for field, value in desired.items() if field not in apart}
        found = super().narrow(ref, state, _within(state, rest))
        if found is None:
            return None
        if "labels" in apart:
            apart["labels"] = _with_labels(ref, state.get("labels") or [], apart["labels"])
        other = changed(state, apart, tuple(apart))
        steps = [step for field, before, after in other for step in _APART[field](ref, before or [], after)]
        return msgspec.structs.replace(found, steps=(*found.steps, *steps), changed=(*found.changed, *other))

    def edges(self, ref: ResourceRef, state: State) -> tuple[Dependent, ...]:
        return tuple(
            Dependent(
                msgspec.structs.replace(ref, kind="ec2:instance", id=str(name)), "is kept running by", ref
            )
            for name in state.get("instances") or []
        )

    def at_risk(self, state: State) -> str:
        return f"{len(state.get('instances') or [])} instances"

    def gone(self, state: State | None) -> bool | None:
        return None if state is not None and state.get("status") else state is None

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        which = {"AutoScalingGroupName": ref.id}
        match operation.partition(":")[2]:
            case "AttachLoadBalancerTargetGroups":
                new = [
                    one
                    for one in parameters.get("TargetGroupARNs") or []
                    if one not in state["target_groups"]
                ]
                return (Step(_DETACH, which | {"TargetGroupARNs": new}),) if new else ()
            case "DetachLoadBalancerTargetGroups":
                had = [
                    one for one in parameters.get("TargetGroupARNs") or [] if one in state["target_groups"]
                ]
                return (Step(_ATTACH, which | {"TargetGroupARNs": had}),) if had else ()
            case "SuspendProcesses" | "ResumeProcesses":
                return _processes(which, state)
            case "CreateOrUpdateTags" | "DeleteTags":
                return _labels(parameters, ref, state)
        return super().inverse(operation, parameters, ref, state)

    def _afterwards(self, ref: ResourceRef, state: State) -> list[Step]:
        each = {
            "policies": "PutScalingPolicy",
            "hooks": "PutLifecycleHook",
            "schedules": "PutScheduledUpdateGroupAction",
        }
        parts = [
            Step(f"autoscaling:{name}", dict(one)) for field, name in each.items() for one in state[field]
        ]
        return [*parts, *super()._afterwards(ref, state)]


def _within(state: State, wanted: State) -> State:
    """With the capacity that new limits lead to where none is asked for: "if a new value for MinSize is specified without setting
    DesiredCapacity, and the new MinSize is larger than the current size of the group, this sets the group's DesiredCapacity to the new
    MinSize value", and likewise for MaxSize (API_UpdateAutoScalingGroup).
    """
    stands = state.get("DesiredCapacity")
    if wanted.get("DesiredCapacity") is not None or not isinstance(stands, int):
        return wanted
    least, most = (wanted.get(name, state.get(name)) for name in ("MinSize", "MaxSize"))
    moved = max(stands, least) if isinstance(least, int) else stands
    moved = min(moved, most) if isinstance(most, int) else moved
    return wanted if moved == stands else {**wanted, "DesiredCapacity": moved}


def _targets_other(ref: ResourceRef, before: list[str], after: list[str]) -> list[Step]:
    which = {"AutoScalingGroupName": ref.id}
    new, old = ([one for one in a if one not in b] for a, b in ((after, before), (before, after)))
    attach = [Step(_ATTACH, {**which, "TargetGroupARNs": new})] if new else []
    return attach + ([Step(_DETACH, {**which, "TargetGroupARNs": old})] if old else [])


def _with_labels(ref: ResourceRef, had: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> Any:
    """The labels that stand, with those that are wanted: a patch takes none off."""
    own = {"ResourceId": ref.id, "ResourceType": "auto-scaling-group"}
    given = [{"Value": "", "PropagateAtLaunch": False, **one, **own} for one in wanted]
    named = {one.get("Key") for one in given}
    return ordered([*(one for one in had if one.get("Key") not in named), *given])


def _labels_other(_: ResourceRef, before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[Step]:
    new = [one for one in after if one not in before]
    return [Step("autoscaling:CreateOrUpdateTags", {"Tags": new})] if new else []


_APART: Final[Mapping[str, Callable[[ResourceRef, Any, Any], list[Step]]]] = {
    "target_groups": _targets_other,
    "labels": _labels_other,
}
"""Fields that have calls of their own."""


def _processes(which: dict[str, Any], state: State) -> tuple[Step, ...]:
    """All resumed, then those suspended that were: a request without names is about all."""
    resume = Step("autoscaling:ResumeProcesses", which)
    if not state["suspended"]:
        return (resume,)
    return (resume, Step("autoscaling:SuspendProcesses", which | {"ScalingProcesses": state["suspended"]}))


def _labels(parameters: dict[str, Any], ref: ResourceRef, state: State) -> tuple[Step, ...]:
    keys = [one.get("Key") for one in parameters.get("Tags") or [] if one.get("ResourceId") == ref.id]
    had = [one for one in state["labels"] if one.get("Key") in keys]
    stood = {one.get("Key") for one in had}
    new = [
        {"ResourceId": ref.id, "ResourceType": "auto-scaling-group", "Key": key}
        for key in keys
        if key not in stood
    ]
    steps = [Step("autoscaling:CreateOrUpdateTags", {"Tags": had})] if had else []
    return (*steps, *((Step("autoscaling:DeleteTags", {"Tags": new}),) if new else ()))
