"""What a listing is: one call that tells of every resource of a kind, and what its answer says of other resources.

An account has no call that says who uses a table. It has calls that tell of every function with its environment, every role with its
policies, every rule with its targets: who names the table is in their answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

import msgspec


class Flow(StrEnum):
    """Of something that leads from one resource to another (a rule, a subscription, a listener): which end a property names."""

    FROM = "from"
    TO = "to"
    NONE = ""


class Names(msgspec.Struct, frozen=True):
    """A property that names another resource. `kind` is for bare names: an ARN or an EC2 id says itself what it names.

    `back` is said of the named one where it relies on this: a function that only a rule calls does nothing once the rule is gone.
    """

    path: str  # "Targets.*.Arn"
    relation: str
    kind: str = ""
    back: str = ""
    flow: Flow = Flow.NONE
    along: bool = False  # it goes with what it names: a listener with its balancer
    ends: bool = False  # it is worth saying, and what relies on this does not rely on that


class Detail(msgspec.Struct, frozen=True):
    """A further call for each resource; what it answers at `take` stands under `under`. `absent`: refusals that mean there is none."""

    operation: str
    given: dict[str, Any]
    under: str
    take: str = ""
    absent: tuple[str, ...] = ()


class Listing(msgspec.Struct, frozen=True):
    """How all resources of one kind are read. `name` is the id in the terms of `ResourceRef`, ``{Path}`` filled from the resource."""

    kind: str
    operation: str
    items: (
        str  # path of the resources in the answer; an entry that is a plain text is read as ``{"@": text}``
    )
    name: str
    type: str = ""  # as CloudFormation calls it
    given: dict[str, Any] = {}
    tokens: tuple[str, str] = ("NextToken", "NextToken")
    per: str = ""  # asked once for each resource of this kind, whose properties fill `given`
    details: tuple[Detail, ...] = ()
    ids: tuple[str, ...] = ()  # paths of what else it is called by: a DNS name, a URL
    names: tuple[Names, ...] = ()
    anything: tuple[
        str, ...
    ] = ()  # paths of texts in which anything may be named: environments, policies, definitions
    arn: str = ""  # path of an ARN that says what the resource is; `name` is not looked at then

    @property
    def points_at(self) -> frozenset[str]:
        """Kinds that its properties name for certain."""
        return frozenset(one.kind for one in self.names if one.kind)


_FILL = re.compile(r"\{([^{}]*)\}")


def every(value: Any, path: str) -> Iterator[Any]:
    """All values at a path; a star is every entry of a list or value of an object, an empty path the value itself."""
    if not path:
        yield value
        return
    head, _, rest = path.partition(".")
    if head == "*":
        inner = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
        for one in inner:
            yield from every(one, rest)
    elif isinstance(value, Mapping) and head in value:
        yield from every(value[head], rest)


def first(value: Any, path: str) -> Any:
    """The first value at a path, or None."""
    return next(every(value, path), None)


def filled(template: Any, item: Any) -> Any:
    """A parameter for one resource: ``{Path}`` alone is the value itself, inside a text its words. Raises `KeyError` for what it lacks."""
    if isinstance(template, dict):
        return {name: filled(inner, item) for name, inner in template.items()}
    if isinstance(template, list):
        return [filled(inner, item) for inner in template]
    if not isinstance(template, str):
        return template
    whole = _FILL.fullmatch(template)
    if whole:
        return _value(item, whole[1])
    return _FILL.sub(lambda found: str(_value(item, found[1])), template)


def _value(item: Any, path: str) -> Any:
    """``-Path`` is what stands after the last slash of it, ``:Path`` what stands after its last colon."""
    mark, way = (path[0], path[1:]) if path[:1] in {"-", ":"} else ("", path)
    found = first(item, way)
    if found is None or found == "":
        raise KeyError(path)
    return str(found).rpartition("/" if mark == "-" else ":")[2] if mark else found
