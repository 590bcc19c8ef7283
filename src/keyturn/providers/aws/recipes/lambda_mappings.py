"""Event source mappings: what a function reads from.

A mapping made again has another UUID, and reads a stream from its starting position, not from where the old one had come to
(https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html).
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from keyturn.model.assessment import Dependent
from keyturn.model.change import ResourceRef
from keyturn.providers.aws.recipes.base import State
from keyturn.providers.aws.recipes.declared import Change, Declared, Make, Read, Tags
from keyturn.providers.aws.recipes.filling import ARN, ID

_UPDATED = {
    name: name
    for name in (
        "BatchSize", "FilterCriteria", "MaximumBatchingWindowInSeconds", "DestinationConfig", "MaximumRecordAgeInSeconds",
        "BisectBatchOnFunctionError", "MaximumRetryAttempts", "ParallelizationFactor", "SourceAccessConfigurations",
        "TumblingWindowInSeconds", "FunctionResponseTypes", "ScalingConfig", "DocumentDBEventSourceConfig", "KMSKeyArn",
        "MetricsConfig", "ProvisionedPollerConfig",
    )
}  # fmt: skip
_AT_BIRTH = {
    name: name
    for name in (
        "EventSourceArn", "StartingPosition", "StartingPositionTimestamp", "Topics", "Queues", "SelfManagedEventSource",
        "AmazonManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig",
    )
}  # fmt: skip
_ON = frozenset({"Enabled", "Enabling", "Creating", "Updating"})


class EventSourceMapping(Declared):
    """Source, function, batches, filters, failures; whether it is on."""

    kind: ClassVar[str] = "lambda:event-source-mapping"
    title: ClassVar[str] = "event source mapping"
    fields: ClassVar[tuple[str, ...]] = ("function", "Enabled", *_AT_BIRTH, *_UPDATED, "tags")
    deletes: ClassVar[frozenset[str]] = frozenset({"lambda:DeleteEventSourceMapping"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "lambda:GetEventSourceMapping",
            {"UUID": ID},
            {**_AT_BIRTH, **_UPDATED, "function": "FunctionArn", "state": "State", "arn": "EventSourceMappingArn"},
            absent=("ResourceNotFoundException",),
        ),
        Read("lambda:ListTags", {"Resource": ARN}, {"tags": "Tags"}, when="arn"),
    )  # fmt: skip
    make: ClassVar[Make] = Make(
        "lambda:CreateEventSourceMapping",
        {},
        {"FunctionName": "function", "Enabled": "Enabled", **_AT_BIRTH, **_UPDATED},
    )
    born: ClassVar[str] = "UUID"
    makes_tags: ClassVar[str] = "Tags"
    changes: ClassVar[tuple[Change, ...]] = (
        Change(
            "lambda:UpdateEventSourceMapping",
            {"UUID": ID},
            {"FunctionName": "function", "Enabled": "Enabled", **_UPDATED},
            clear={
                "FilterCriteria": Make("lambda:UpdateEventSourceMapping", {"UUID": ID, "FilterCriteria": {}}),
                "FunctionResponseTypes": Make(
                    "lambda:UpdateEventSourceMapping", {"UUID": ID, "FunctionResponseTypes": []}
                ),
            },
        ),
    )
    tagged: ClassVar[Tags] = Tags("lambda:TagResource", "lambda:UntagResource", {"Resource": ARN}, pair=None)
    loss: ClassVar[tuple[str, ...]] = (
        "its UUID",
        "where it had come to in a stream: it begins at its starting position again, so that records come twice or not at all",
    )

    def tidy(self, ref: ResourceRef, state: State) -> State:
        return {**state, "Enabled": state.get("state") in _ON}

    def gone(self, state: State | None) -> bool | None:
        if state is not None and state.get("state") == "Deleting":
            return None
        return state is None

    def edges(self, ref: ResourceRef, state: State) -> tuple[Dependent, ...]:
        """The function, which is not called any more when this is gone."""
        name = str(state.get("function", "")).partition(":function:")[2].partition(":")[0]
        function = msgspec.structs.replace(ref, kind="lambda:function", id=name)
        return (Dependent(resource=function, relation="is fed by", on=ref),) if name else ()
