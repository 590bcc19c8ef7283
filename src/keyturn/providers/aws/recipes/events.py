"""EventBridge rules with their targets. One on a bus of its own is named by both, as in its ARN: ``shop/nightly``.

A rule has to be without targets to be deleted; PutRule replaces the whole rule but for its tags and targets, PutTargets adds or replaces
targets by their id (https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html, API_PutTargets.html).
"""

from __future__ import annotations

from typing import ClassVar

from keyturn.providers.aws.recipes.declared import Change, Declared, Make, Part, Read, Rehearsed, Tags
from keyturn.providers.aws.recipes.filling import ARN, Above, Item, Piece

_SETTINGS = {name: name for name in ("ScheduleExpression", "EventPattern", "State", "Description", "RoleArn")}
_BUS = {"EventBusName": Above()}
_WHICH = {"Name": Piece(-1), **_BUS}
_RULE = {"Rule": Piece(-1), **_BUS}


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
            _WHICH,
            {**_SETTINGS, "arn": "Arn"},
            absent=("ResourceNotFoundException",),
        ),
        Read("events:ListTagsForResource", {"ResourceARN": ARN}, {"tags": "Tags"}),
        Read("events:ListTargetsByRule", _RULE, {"targets": "Targets"}, all_of="Targets"),
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
            Make("events:PutTargets", {**_RULE, "Targets": [Item()]}, each="targets"),
            "events:RemoveTargets",
            _RULE,
            "Ids",
            added="Targets",
        ),
    )  # fmt: skip
    tagged: ClassVar[Tags] = Tags("events:TagResource", "events:UntagResource", {"ResourceARN": ARN})
    rehearsed: ClassVar[Rehearsed] = Rehearsed(
        "events:DeleteRule", _WHICH, quiet={"State": "DISABLED"}, empties=True
    )
    loss: ClassVar[tuple[str, ...]] = ("events that came, and schedules that fell due, while it was gone",)
