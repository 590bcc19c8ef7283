"""Documents that are already trees: JSON and CBOR. Walked along the input shape; a member the shape lacks is unmodelled."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Any

from keyturn.providers.aws.protocols.values import DEPTH_MAX, NAMED_NUMBERS, refuse, timestamp
from keyturn.providers.aws.wire_table import Service, Shape

Where = str | tuple["Where", str | int]
"""A place in the document, spelled out only when something is wrong there."""


def walk(service: Service, shape: Shape, value: Any, where: Where, *, depth: int = 0) -> Any:
    """`value` as parameters of `shape`; members stand under their name on the wire. `where` names the place in errors."""
    if depth > DEPTH_MAX:
        refuse("too-deep", f"{spelled(where)} is nested deeper than {DEPTH_MAX}")
    if shape.document:
        return value
    match shape.kind:
        case "structure":
            return _structure(service, shape, value, where, depth=depth)
        case "list":
            if not isinstance(value, list) or shape.element is None:
                refuse("bad-value", f"{spelled(where)} is no list")
            element = service.shapes[shape.element.shape]
            return [
                None if item is None else walk(service, element, item, (where, place), depth=depth + 1)
                for place, item in enumerate(value)
            ]
        case "map":
            if not isinstance(value, dict) or shape.value is None:
                refuse("bad-value", f"{spelled(where)} is no map")
            inner = service.shapes[shape.value.shape]
            return {
                str(key): None
                if item is None
                else walk(service, inner, item, (where, str(key)), depth=depth + 1)
                for key, item in value.items()
            }
        case _:
            return _leaf(shape, value, where)


def spelled(where: Where) -> str:
    """``the body.Items[3].Name``."""
    parts: list[str] = []
    while not isinstance(where, str):
        where, step = where
        parts.append(f"[{step}]" if isinstance(step, int) else f".{step}")
    return where + "".join(reversed(parts))


def _structure(service: Service, shape: Shape, value: Any, where: Where, *, depth: int) -> dict[str, Any]:
    if not isinstance(value, dict):
        refuse("bad-value", f"{spelled(where)} is no structure")
    names = shape.wire_names
    made: dict[str, Any] = {}
    for key, item in value.items():
        found = names.get(key)
        if found is None:
            refuse("unmodelled", f"{spelled(where)} has no member {key!r}")
        if item is None:
            continue
        name, member = found
        inner = service.shapes[member.shape]
        if inner.kind == "string" and type(item) is str:  # most are; `_leaf` would say the same
            made[name] = item
        else:
            made[name] = walk(service, inner, item, (where, name), depth=depth + 1)
    return made


def _leaf(shape: Shape, value: Any, where: Where) -> Any:
    kind = shape.kind
    if kind == "blob":
        if isinstance(value, bytes):
            return value
        try:
            return base64.b64decode(value, validate=True)
        except (TypeError, ValueError, binascii.Error):
            refuse("bad-value", f"{spelled(where)} is no base64")
    if kind == "timestamp":
        return (
            value if isinstance(value, datetime) else timestamp(value, spelled(where), shape.timestamp_format)
        )
    if kind in {"integer", "long"}:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value // 1:
            refuse("bad-value", f"{spelled(where)} is no whole number")
        return int(value)
    if kind in {"float", "double"}:
        if value not in NAMED_NUMBERS and (isinstance(value, bool) or not isinstance(value, (int, float))):
            refuse("bad-value", f"{spelled(where)} is no number")
        return value
    if kind == "boolean":
        if not isinstance(value, bool):
            refuse("bad-value", f"{spelled(where)} is neither true nor false")
        return value
    if kind in {"string", "character"}:
        if not isinstance(value, str):
            refuse("bad-value", f"{spelled(where)} is no text")
        return value
    return value  # documents: any JSON
