"""Step Functions state machines.

Executions under way go on with the definition they began with; UpdateStateMachine sets what is given and leaves the rest
(https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateStateMachine.html).
"""

from __future__ import annotations

from typing import ClassVar

from keyturn.providers.aws.recipes.declared import Change, Declared, Make, Read, Rehearsed, Tags
from keyturn.providers.aws.recipes.filling import ARN, ID

_UPDATED = {
    name: name
    for name in ("definition", "roleArn", "loggingConfiguration", "tracingConfiguration", "encryptionConfiguration")
}  # fmt: skip


class StateMachine(Declared):
    """Definition, role, logging, tracing, encryption and tags."""

    kind: ClassVar[str] = "states:stateMachine"
    title: ClassVar[str] = "state machine"
    fields: ClassVar[tuple[str, ...]] = (*_UPDATED, "type", "tags")
    deletes: ClassVar[frozenset[str]] = frozenset({"stepfunctions:DeleteStateMachine"})
    documents: ClassVar[frozenset[str]] = frozenset({"definition"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "stepfunctions:DescribeStateMachine",
            {"stateMachineArn": ARN},
            {**_UPDATED, "type": "type", "arn": "stateMachineArn", "revision": "revisionId"},
            absent=("StateMachineDoesNotExist",),
        ),
        Read("stepfunctions:ListTagsForResource", {"resourceArn": ARN}, {"tags": "tags"}),
    )
    make: ClassVar[Make] = Make(
        "stepfunctions:CreateStateMachine", {"name": ID}, {**_UPDATED, "type": "type"}
    )
    makes_tags: ClassVar[str] = "tags"
    changes: ClassVar[tuple[Change, ...]] = (
        Change("stepfunctions:UpdateStateMachine", {"stateMachineArn": ARN}, _UPDATED),
    )
    tagged: ClassVar[Tags] = Tags(
        "stepfunctions:TagResource",
        "stepfunctions:UntagResource",
        {"resourceArn": ARN},
        "tags",
        "tagKeys",
        pair=("key", "value"),
    )
    rehearsed: ClassVar[Rehearsed] = Rehearsed("stepfunctions:DeleteStateMachine", {"stateMachineArn": ARN})
    loss: ClassVar[tuple[str, ...]] = (
        "executions under way (they are stopped) and the history of those that ended",
        "its published versions and aliases",
    )
