"""CloudWatch alarms, on a metric and composite.

PutMetricAlarm and PutCompositeAlarm replace an alarm of the same name whole, its state staying as it is; a new alarm begins in
INSUFFICIENT_DATA (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html).
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.errors import UnavailableError
from keyturn.model.assessment import Recoverable
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Backup
from keyturn.providers.aws.recipes.base import Captured, Recipe, Scratch, State, Step
from keyturn.providers.aws.recipes.common import (
    differences,
    do,
    read_call,
    tags_back,
    tags_dict,
    tags_list,
    value_of,
)

_BOTH: Final = {
    "actions_enabled": "ActionsEnabled",
    "alarm_actions": "AlarmActions",
    "ok_actions": "OKActions",
    "insufficient_data_actions": "InsufficientDataActions",
    "alarm_description": "AlarmDescription",
}
_METRIC: Final = {
    "metric_name": "MetricName",
    "namespace": "Namespace",
    "statistic": "Statistic",
    "extended_statistic": "ExtendedStatistic",
    "dimensions": "Dimensions",
    "period": "Period",
    "unit": "Unit",
    "evaluation_periods": "EvaluationPeriods",
    "datapoints_to_alarm": "DatapointsToAlarm",
    "threshold": "Threshold",
    "comparison_operator": "ComparisonOperator",
    "treat_missing_data": "TreatMissingData",
    "evaluate_low_sample_count_percentile": "EvaluateLowSampleCountPercentile",
    "metrics": "Metrics",
    "threshold_metric_id": "ThresholdMetricId",
}
_COMPOSITE: Final = {
    "alarm_rule": "AlarmRule",
    "actions_suppressor": "ActionsSuppressor",
    "actions_suppressor_wait_period": "ActionsSuppressorWaitPeriod",
    "actions_suppressor_extension_period": "ActionsSuppressorExtensionPeriod",
}
_SETTINGS: Final = {**_BOTH, **_METRIC, **_COMPOSITE}
"""A capture's field and the parameter of PutMetricAlarm or PutCompositeAlarm that sets it."""

_LISTS: Final = frozenset({"alarm_actions", "ok_actions", "insufficient_data_actions"})


class Alarm(Recipe):
    """An alarm's settings, actions and tags; its history is the service's own."""

    kind: ClassVar[str] = "cloudwatch:alarm"
    title: ClassVar[str] = "CloudWatch alarm"
    fields: ClassVar[tuple[str, ...]] = ("type", *_SETTINGS, "tags")
    creates: ClassVar[frozenset[str]] = frozenset(
        {"cloudwatch:PutMetricAlarm", "cloudwatch:PutCompositeAlarm"}
    )
    deletes: ClassVar[frozenset[str]] = frozenset({"cloudwatch:DeleteAlarms"})
    updates: ClassVar[frozenset[str]] = creates | {
        "cloudwatch:EnableAlarmActions",
        "cloudwatch:DisableAlarmActions",
        "cloudwatch:TagResource",
        "cloudwatch:UntagResource",
    }
    in_place: ClassVar[tuple[str, ...]] = (
        "cloudwatch:PutMetricAlarm (the same name, every setting given)",
        "cloudwatch:DisableAlarmActions",
    )
    drills: ClassVar[bool] = True
    backs_up: ClassVar[bool] = True
    restores: ClassVar[bool] = True
    loss: ClassVar[tuple[str, ...]] = (
        "its state: it begins in INSUFFICIENT_DATA and may call its actions as it settles",
    )

    def capture(self, ref: ResourceRef) -> Inquiry[Captured]:
        unknowns: list[str] = []
        kinds = ["MetricAlarm", "CompositeAlarm"]
        (answer,) = yield (
            read_call(ref, "cloudwatch:DescribeAlarms", AlarmNames=[ref.id], AlarmTypes=kinds),
        )
        found = value_of(answer, "DescribeAlarms", unknowns)
        if found is None:
            return Captured(None, tuple(unknowns))
        standing = [
            (kind, one)
            for kind, listed in (("metric", "MetricAlarms"), ("composite", "CompositeAlarms"))
            for one in found.get(listed) or []
            if one.get("AlarmName") == ref.id
        ]
        if not standing:
            return Captured(None)
        kind, alarm = standing[0]
        (answer,) = yield (read_call(ref, "cloudwatch:ListTagsForResource", ResourceARN=alarm["AlarmArn"]),)
        tags = (value_of(answer, "ListTagsForResource", unknowns) or {}).get("Tags")
        state: State = {
            "type": kind,
            "arn": alarm["AlarmArn"],
            "alarm_state": alarm.get("StateValue", ""),
            "tags": tags_dict(tags),
            **{field: _given(field, alarm) for field in _SETTINGS},
        }
        return Captured(state, tuple(unknowns))

    def recoverable(self, ref: ResourceRef, state: State | None) -> Recoverable:
        return Recoverable(resource=ref, backup=True, inverse=False, recover_s=10, loss=self.loss)

    def wanted(self, operation: str, parameters: dict[str, Any]) -> State | None:
        """The whole alarm: a setting that is not given is not kept but gone. Tags of an alarm that stands are left alone."""
        if operation not in self.creates:
            return None
        return {field: _given(field, parameters) for field in _SETTINGS}

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        if operation in self.creates:
            return (_put(ref, state),)
        names = {"AlarmNames": [ref.id]}
        if operation in {"cloudwatch:DisableAlarmActions", "cloudwatch:EnableAlarmActions"}:
            verb = "Enable" if state["actions_enabled"] else "Disable"
            return (Step(f"cloudwatch:{verb}AlarmActions", names),)
        if operation == "cloudwatch:TagResource":
            keys = [tag["Key"] for tag in parameters.get("Tags", [])]
        elif operation == "cloudwatch:UntagResource":
            keys = list(parameters.get("TagKeys", []))
        else:
            return ()
        which = {"ResourceARN": state["arn"]}
        return tags_back("cloudwatch:TagResource", "cloudwatch:UntagResource", which, state["tags"], keys)

    def backup(self, ref: ResourceRef, state: State, *, case_id: str, at_ms: int) -> Inquiry[Backup]:
        again = yield from self.capture(ref)
        if self.fingerprint(again.state) != self.fingerprint(state):
            raise UnavailableError("backup", f"{ref.id} changed while it was captured")
        return Backup(
            resource=ref,
            state_digest=self.fingerprint(state),
            watermark={"at_ms": at_ms},
            reference="capture",
            manifest="",
            taken_at_ms=at_ms,
            verified_at_ms=at_ms,
            verified_by=f"read a second time, equal; {_put(ref, state).action} makes it again",
            restores_to="an alarm of the same name and ARN",
            loss=self.loss,
        )

    def restore(self, ref: ResourceRef, state: State, backup: Backup | None) -> Inquiry[tuple[str, ...]]:
        step = _put(ref, state)
        yield from do(ref, step.operation, {**step.parameters, "Tags": tags_list(state["tags"])})
        after = yield from self.capture(ref)
        honest = differences(state, after.state, self.fields, title=f"alarm {ref.id}")
        honest += [f"could not be compared: {unknown}" for unknown in after.unknowns]
        was, now = state["alarm_state"], (after.state or {}).get("alarm_state")
        if was != now:
            honest.append(f"state: it was {was} and begins in {now}")
        return tuple(honest)

    def scratch(self, ref: ResourceRef, name: str, state: State) -> Scratch:
        """With its actions off: a drill wakes nobody."""
        return Scratch(
            ref=msgspec.structs.replace(ref, id=name),
            state={**state, "actions_enabled": False},
            removal=Step("cloudwatch:DeleteAlarms", {"AlarmNames": [name]}),
            fields=self.fields,
        )

    def restore_plan(self, ref: ResourceRef, state: State, backup: Backup | None) -> tuple[Step, ...]:
        step = _put(ref, state)
        return (Step(step.operation, {**step.parameters, "Tags": tags_list(state["tags"])}),)


def _given(field: str, source: dict[str, Any]) -> Any:
    """A setting as it was declared, in one order; whole numbers as such, whatever the wire made of them."""
    value = source.get(_SETTINGS[field])
    match field:
        case _ if field in _LISTS:
            return sorted(value or [])
        case "dimensions":
            return sorted(value or [], key=lambda one: str(one.get("Name")))
        case "actions_enabled":
            return True if value is None else bool(value)
        case "metrics":
            return sorted(value or [], key=lambda one: str(one.get("Id")))
        case "treat_missing_data" if "AlarmRule" not in source:
            return value or "missing"
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _put(ref: ResourceRef, state: State) -> Step:
    """The call that makes the alarm as it was captured."""
    settings = {**_BOTH, **(_METRIC if state["type"] == "metric" else _COMPOSITE)}
    said = {
        name: state[field]
        for field, name in settings.items()
        if state.get(field) not in (None, "", []) or field in _LISTS
    }
    operation = "cloudwatch:PutMetricAlarm" if state["type"] == "metric" else "cloudwatch:PutCompositeAlarm"
    return Step(operation, {"AlarmName": ref.id, **said})
