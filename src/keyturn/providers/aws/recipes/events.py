"""EventBridge rules with their targets.

A rule has to be without targets to be deleted; PutRule replaces the whole rule but for its tags and targets, PutTargets adds or replaces
targets by their id (https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html, API_PutTargets.html).
"""

from __future__ import annotations

from typing import ClassVar

from keyturn.model.change import ResourceRef
from keyturn.providers.aws.recipes.base import State
from keyturn.providers.aws.recipes.declared import Change, Declared, Make, Part, Read, Rehearsed, Tags
from keyturn.providers.aws.recipes.filling import ARN, ID, Field, Item

_SETTINGS = {name: name for name in ("ScheduleExpression", "EventPattern", "State", "Description", "RoleArn")}
_WHICH = {"Name": ID, "EventBusName": Field("bus")}


class Rule(Declared):
    """A rule's pattern or schedule, its state, its targets and tags."""

    kind: ClassVar[str] = "events:rule"
    title: ClassVar[str] = "EventBridge rule"
    fields: ClassVar[tuple[str, ...]] = (*_SETTINGS, "targets", "tags")
    deletes: ClassVar[frozenset[str]] = frozenset({"events:DeleteRule"})
    documents: ClassVar[frozenset[str]] = frozenset({"EventPattern"})
    sets: ClassVar[frozenset[str]] = frozenset({"targets"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "events:DescribeRule",
            {"Name": ID},
            {**_SETTINGS, "arn": "Arn", "bus": "EventBusName"},
            absent=("ResourceNotFoundException",),
        ),
        Read("events:ListTagsForResource", {"ResourceARN": ARN}, {"tags": "Tags"}),
        Read("events:ListTargetsByRule", {"Rule": ID}, {"targets": "Targets"}, all_of="Targets"),
    )
    make: ClassVar[Make] = Make("events:PutRule", _WHICH, _SETTINGS)
    makes_tags: ClassVar[str] = "Tags"
    changes: ClassVar[tuple[Change, ...]] = (
        Change("events:PutRule", _WHICH, _SETTINGS, whole=True),
        Change("events:EnableRule", _WHICH, to={"State": "ENABLED"}),
        Change("events:DisableRule", _WHICH, to={"State": "DISABLED"}),
    )
    parts: ClassVar[tuple[Part, ...]] = (
        Part(
            "targets",
            "Id",
            Make("events:PutTargets", {"Rule": ID, "EventBusName": Field("bus"), "Targets": [Item()]}, each="targets"),
            "events:RemoveTargets",
            {"Rule": ID, "EventBusName": Field("bus")},
            "Ids",
            added="Targets",
        ),
    )  # fmt: skip
    tagged: ClassVar[Tags] = Tags("events:TagResource", "events:UntagResource", {"ResourceARN": ARN})
    rehearsed: ClassVar[Rehearsed] = Rehearsed(
        "events:DeleteRule", _WHICH, quiet={"State": "DISABLED"}, empties=True
    )
    loss: ClassVar[tuple[str, ...]] = ("events that came, and schedules that fell due, while it was gone",)

    def tidy(self, ref: ResourceRef, state: State) -> State:
        return {**state, "bus": state.get("bus") if state.get("bus") != "default" else None}
