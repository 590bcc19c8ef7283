"""The Cedar schema: entity types, action groups, and the one context every action takes.

A schema over all of AWS's actions takes seconds and hundreds of megabytes, so one is made per action when it is first
asked for: the action, the groups it is in, nothing else. Groups come from the operation's own values: its floor effect,
``reads`` or ``changes``, and ``provider:service``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from cedarpy import Schema

from keyturn.model.change import READ_EFFECTS, Effect
from keyturn.policy.facts import FACTS

READS: Final = "reads"
CHANGES: Final = "changes"
EFFECT_GROUPS: Final = (*(effect.value for effect in Effect), READS, CHANGES)

SERVICE_GROUP: Final = re.compile(r"[a-z][a-z0-9]*:[a-z0-9][a-z0-9.-]*")
ACTION_NAME: Final = re.compile(r"[a-z][a-z0-9]*:[a-z0-9][a-z0-9.-]*:[A-Za-z][A-Za-z0-9]*")

RESOURCE_ATTRIBUTES: Final = (
    ("provider", "who runs it: aws"),
    ("partition", "aws, aws-cn, aws-us-gov"),
    ("account", "twelve digits"),
    ("region", "as in us-east-1"),
    ("kind", "service:type, as in dynamodb:table"),
    ("id", "its name or id within account and region"),
)

_CEDAR_TYPES: Final[dict[str, dict[str, Any]]] = {
    "Bool": {"type": "Boolean"},
    "Long": {"type": "Long"},
    "String": {"type": "String"},
    "Set<String>": {"type": "Set", "element": {"type": "String"}},
}

_APPLIES_TO: Final = {
    "principalTypes": ["Agent", "Person"],
    "resourceTypes": ["Resource"],
    "context": {"type": "Record", "attributes": {fact.name: _CEDAR_TYPES[fact.type] for fact in FACTS}},
}

_ENTITY_TYPES: Final = {
    "Agent": {},
    "Person": {},
    "Resource": {
        "shape": {
            "type": "Record",
            "attributes": {name: {"type": "String"} for name, _ in RESOURCE_ATTRIBUTES},
        }
    },
}


UNNAMED: Final = "keyturn::unnamed"
"""Stands for every action that no policy names; no operation has a name like it."""


class Action(msgspec.Struct, frozen=True):
    """A Cedar action: ``provider:service:Operation`` and the groups it is in."""

    name: str
    groups: tuple[str, ...]


def action_of(provider: str, name: str, floor: Effect) -> Action:
    """The action of an operation ``service:Operation``. Raises ValueError for a name that is none: never guessed at."""
    full = f"{provider}:{name}"
    if ACTION_NAME.fullmatch(full) is None:
        raise ValueError(f"{full!r} is not a provider:service:Operation name")
    effect = Effect(floor)
    lane = READS if effect in READ_EFFECTS else CHANGES
    return Action(name=full, groups=(effect.value, lane, full.rpartition(":")[0]))


def schema_of(actions: Iterable[Action], groups: Iterable[str] = ()) -> Schema:
    """A schema that holds `actions`, the groups they are in, and further `groups`."""
    actions = tuple(actions)
    names = {group for action in actions for group in action.groups} | set(groups)
    declared: dict[str, Any] = {name: {} for name in sorted(names)}
    for action in actions:
        declared[action.name] = {
            "memberOf": [{"id": group} for group in action.groups],
            "appliesTo": _APPLIES_TO,
        }
    document = {"": {"entityTypes": _ENTITY_TYPES, "actions": declared}}
    return Schema.from_json_str(msgspec.json.encode(document).decode())
