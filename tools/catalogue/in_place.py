"""Which properties of a CloudFormation type the service's own calls set after it is made: the third voice where the two others disagree."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from botocore.loaders import Loader

from tools.catalogue.sources import services

DEPTH: Final = 2
"""A property stands in the request itself, in the structure of settings that it carries, or in what is below: no call that was looked at
has it deeper.
"""

_NOT_UPDATES: Final = ("create", "describe", "get", "list", "delete", "run", "allocate")
"""Update handlers read, and make and delete parts too: what these calls take says nothing of what stands."""


class Calls:
    """What the operations take, by IAM action in small letters: schemas name the calls of their handlers so."""

    def __init__(self) -> None:
        self._takes: dict[str, set[str]] = defaultdict(set)
        for service, model, _, prefixes in services(Loader()):
            for name, operation in model["operations"].items():
                if "input" in operation:
                    members = _members(model["shapes"], operation["input"]["shape"], DEPTH)
                    for prefix in {service, *prefixes}:
                        self._takes[f"{prefix}:{name}".lower()] |= members

    def sets(self, schema: dict[str, Any], name: str) -> bool:
        """Whether a call of the type's update handler takes a property of this name."""
        handler = schema.get("handlers", {}).get("update", {})
        calls = [one.lower() for one in handler.get("permissions", [])]
        if name.startswith("Tag"):
            labels = schema.get("tagging", {}).get("tagUpdatable", True)
            return bool(labels) and any("tag" in one.partition(":")[2] for one in calls)
        changing = (one for one in calls if not one.partition(":")[2].startswith(_NOT_UPDATES))
        mine = name.lower()
        spelled = {mine, f"{mine}update", f"new{mine}", schema["typeName"].rpartition(":")[2].lower() + mine}
        return any(not spelled.isdisjoint(self._takes[one]) for one in changing)


def _members(shapes: dict[str, Any], name: str, depth: int) -> set[str]:
    shape, found = shapes[name], set()
    if shape["type"] == "structure":
        for member, below in shape["members"].items():
            found.add(member.lower())
            if depth:
                found |= _members(shapes, below["shape"], depth - 1)
    elif shape["type"] == "list" and depth:
        found |= _members(shapes, shape["member"]["shape"], depth - 1)
    return found
