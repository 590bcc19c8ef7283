"""Kinesis data streams.

A deleted stream takes "all of its shards and data" with it, and applications that read it fail at once
(https://docs.aws.amazon.com/kinesis/latest/APIReference/API_DeleteStream.html).
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from keyturn.model.change import ResourceRef
from keyturn.providers.aws.recipes.base import State, Step
from keyturn.providers.aws.recipes.declared import Change, Declared, Make, Read, Rehearsed, Tags
from keyturn.providers.aws.recipes.filling import ARN, ID, Item

HOURS_AT_BIRTH: Final = 24
"""What a new stream keeps its records for (API_IncreaseStreamRetentionPeriod)."""

_WHICH = {"StreamName": ID}


class Stream(Declared):
    """Mode, shards, retention, encryption and tags; records are gone with it."""

    kind: ClassVar[str] = "kinesis:stream"
    title: ClassVar[str] = "Kinesis stream"
    waits: ClassVar[tuple[str, ...]] = ("aws kinesis wait stream-exists --stream-name {id}",)
    fields: ClassVar[tuple[str, ...]] = (
        "shards",
        "mode",
        "hours",
        "encryption",
        "key",
        "metrics",
        "consumers",
        "tags",
    )
    data_bearing: ClassVar[bool] = True
    deletes: ClassVar[frozenset[str]] = frozenset({"kinesis:DeleteStream"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "kinesis:DescribeStreamSummary",
            _WHICH,
            {
                "arn": "StreamDescriptionSummary.StreamARN",
                "status": "StreamDescriptionSummary.StreamStatus",
                "shards": "StreamDescriptionSummary.OpenShardCount",
                "mode": "StreamDescriptionSummary.StreamModeDetails.StreamMode",
                "hours": "StreamDescriptionSummary.RetentionPeriodHours",
                "encryption": "StreamDescriptionSummary.EncryptionType",
                "key": "StreamDescriptionSummary.KeyId",
                "metrics": "StreamDescriptionSummary.EnhancedMonitoring.0.ShardLevelMetrics",
            },
            absent=("ResourceNotFoundException",),
        ),
        Read("kinesis:ListTagsForStream", _WHICH, {"tags": "Tags"}),
        Read(
            "kinesis:ListStreamConsumers", {"StreamARN": ARN}, {"consumers": "Consumers"}, all_of="Consumers"
        ),
    )
    make: ClassVar[Make] = Make(
        "kinesis:CreateStream", _WHICH, {"ShardCount": "shards", "StreamModeDetails.StreamMode": "mode"}
    )
    makes_tags: ClassVar[str] = (
        "Tags"  # with the create: there is no moment in which nobody can say whose it is
    )
    sets: ClassVar[frozenset[str]] = frozenset({"metrics", "consumers"})
    then: ClassVar[tuple[Make, ...]] = (
        Make("kinesis:RegisterStreamConsumer", {"StreamARN": ARN, "ConsumerName": Item()}, each="consumers"),
        Make("kinesis:EnableEnhancedMonitoring", _WHICH, {"ShardLevelMetrics": "metrics"}, when="metrics"),
    )
    changes: ClassVar[tuple[Change, ...]] = (
        Change("kinesis:UpdateShardCount", {**_WHICH, "ScalingType": "UNIFORM_SCALING"}, {"TargetShardCount": "shards"}),
        Change("kinesis:UpdateStreamMode", {"StreamARN": ARN}, {"StreamModeDetails.StreamMode": "mode"}),
        Change("kinesis:IncreaseStreamRetentionPeriod", _WHICH, {"RetentionPeriodHours": "hours"}),
        Change("kinesis:DecreaseStreamRetentionPeriod", _WHICH, {"RetentionPeriodHours": "hours"}),
        Change("kinesis:StartStreamEncryption", _WHICH, {"EncryptionType": "encryption", "KeyId": "key"}),
        Change("kinesis:StopStreamEncryption", _WHICH, {"EncryptionType": "encryption", "KeyId": "key"}),
    )  # fmt: skip
    tagged: ClassVar[Tags] = Tags(
        "kinesis:AddTagsToStream", "kinesis:RemoveTagsFromStream", _WHICH, pair=None
    )
    settles: ClassVar[int] = 12
    rehearsed: ClassVar[Rehearsed] = Rehearsed("kinesis:DeleteStream", _WHICH)
    loss: ClassVar[tuple[str, ...]] = (
        "every record in it, and the place each consumer had come to",
        "its shard ids, and the ARNs of its registered consumers, which are registered again",
    )

    def tidy(self, ref: ResourceRef, state: State) -> State:
        if state.get("mode") == "ON_DEMAND":
            state["shards"] = None  # the service's own business
        if state.get("encryption") in (None, "NONE"):
            state |= {"encryption": None, "key": None}
        state["consumers"] = [one["ConsumerName"] for one in state.get("consumers") or []]
        return {**state, "mode": state.get("mode") or "PROVISIONED"}

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        which = {"StreamName": ref.id}
        match operation:
            case "kinesis:IncreaseStreamRetentionPeriod":
                hours = {"RetentionPeriodHours": state["hours"]}
                return (Step("kinesis:DecreaseStreamRetentionPeriod", which | hours),)
            case "kinesis:DecreaseStreamRetentionPeriod":  # the setting; records that have left are gone
                hours = {"RetentionPeriodHours": state["hours"]}
                return (Step("kinesis:IncreaseStreamRetentionPeriod", which | hours),)
            case "kinesis:StopStreamEncryption" if state.get("encryption"):
                return (Step("kinesis:StartStreamEncryption", which | _encryption(state)),)
            case "kinesis:StartStreamEncryption":
                had = _encryption(state)
                again = {"EncryptionType": parameters.get("EncryptionType"), "KeyId": parameters.get("KeyId")}
                verb = "Start" if state.get("encryption") else "Stop"
                return (Step(f"kinesis:{verb}StreamEncryption", which | (had if verb == "Start" else again)),)
        return super().inverse(operation, parameters, ref, state)

    def _afterwards(self, ref: ResourceRef, state: State) -> list[Step]:
        which, steps = {"StreamName": ref.id}, super()._afterwards(ref, state)
        if int(state.get("hours") or HOURS_AT_BIRTH) > HOURS_AT_BIRTH:
            hours = {"RetentionPeriodHours": state["hours"]}
            steps.append(Step("kinesis:IncreaseStreamRetentionPeriod", which | hours))
        if state.get("encryption"):
            steps.append(Step("kinesis:StartStreamEncryption", which | _encryption(state)))
        return steps


def _encryption(state: State) -> dict[str, Any]:
    return {"EncryptionType": state.get("encryption"), "KeyId": state.get("key")}
