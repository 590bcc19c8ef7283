"""Parameters as data: what stands in a call for the id, the ARN or a field of the resource it is about, and paths into values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any

import msgspec

from keyturn.model.change import ResourceRef
from keyturn.providers.aws.recipes.base import State
from keyturn.providers.aws.resources import arn_of


class Of(Enum):
    """What a template's place stands for."""

    ID = "id"
    ARN = "arn"  # as the service says it, where it was read; else as it is made from the id
    ACCOUNT = "account"
    REGION = "region"


ID, ARN, ACCOUNT, REGION = Of.ID, Of.ARN, Of.ACCOUNT, Of.REGION


class Field(msgspec.Struct, frozen=True):
    """A field of the capture, by its path (``subnets.0``)."""

    path: str


class Item(msgspec.Struct, frozen=True):
    """Of a call made once for each entry of a list or map: a member of that entry; of a map also its ``key`` (empty: all of it)."""

    path: str = ""


class Piece(msgspec.Struct, frozen=True):
    """A part of an id that names its container too: of ``cluster/service`` the first or the second; -1 the last."""

    position: int


class Above(msgspec.Struct, frozen=True):
    """What stands before the last part of an id that names its container too; nothing where it names none."""


class Text(msgspec.Struct, frozen=True):
    """A text with places: ``alias/{id}``."""

    form: str


Template = Mapping[str, Any]


def fill(template: Any, ref: ResourceRef, state: State, item: Any = None) -> Any:
    """The template with its places filled; members whose place is empty are left out."""
    match template:
        case Of.ID:
            return ref.id
        case Of.ARN:
            return state.get("arn") or arn_of(ref)
        case Of.ACCOUNT:
            return ref.account
        case Of.REGION:
            return ref.region
        case Field():
            return at(state, template.path)
        case Item():
            return at(item, template.path)
        case Piece():
            return ref.id.split("/")[template.position]
        case Above():
            return ref.id.rpartition("/")[0] or None
        case Text():
            return template.form.format(id=ref.id, account=ref.account, region=ref.region)
        case Mapping():
            made = {name: fill(inner, ref, state, item) for name, inner in template.items()}
            return {name: value for name, value in made.items() if value is not None}
        case list() | tuple():
            return [fill(inner, ref, state, item) for inner in template]
    return template


def at(value: Any, path: str) -> Any:
    """What stands at a path of members and positions; None where there is nothing."""
    for part in path.split(".") if path else ():
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def put(target: dict[str, Any], path: str, value: Any) -> None:
    """Set what stands at a path, making the members on the way."""
    *way, last = path.split(".")
    for part in way:
        target = target.setdefault(part, {})
    target[last] = value


def document(value: Any) -> Any:
    """A JSON text in one spelling, so that only what it means is compared; anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.dumps(json.loads(value), sort_keys=True, separators=(",", ":"))
    except ValueError:
        return value


def ordered(value: Any) -> Any:
    """Lists that are sets, in one order, whatever they hold."""
    if not isinstance(value, list):
        return value
    return sorted(value, key=lambda one: json.dumps(one, sort_keys=True, default=str))


def empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def own_name(value: Any, ref: ResourceRef, made: ResourceRef) -> Any:
    """The value with the ARN of `made` in the place of that of `ref`: a policy names what it stands on."""
    old, new = arn_of(ref), arn_of(made)
    if isinstance(value, Mapping):
        return {name: own_name(inner, ref, made) for name, inner in value.items()}
    if isinstance(value, list):
        return [own_name(inner, ref, made) for inner in value]
    if not isinstance(value, str):
        return value
    return re.sub(rf"{re.escape(old)}(?![\w-])", lambda _: new, value)
