"""Documents that are already trees: JSON and CBOR. Walked along the input shape; a member the shape lacks is unmodelled."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Any

from keyturn.providers.aws.protocols.values import DEPTH_MAX, NAMED_NUMBERS, refuse, timestamp
from keyturn.providers.aws.wire_table import Service, Shape


def walk(service: Service, shape: Shape, value: Any, where: str, *, depth: int = 0) -> Any:
    """`value` as parameters of `shape`; members stand under their name on the wire. `where` names the place in errors."""
    if depth > DEPTH_MAX:
        refuse("too-deep", f"{where} is nested deeper than {DEPTH_MAX}")
    if shape.document:
        return value
    match shape.kind:
        case "structure":
            return _structure(service, shape, value, where, depth=depth)
        case "list":
            if not isinstance(value, list) or shape.element is None:
                refuse("bad-value", f"{where} is no list")
            element = service.shape(shape.element.shape)
            return [
                None if item is None else walk(service, element, item, f"{where}[{place}]", depth=depth + 1)
                for place, item in enumerate(value)
            ]
        case "map":
            if not isinstance(value, dict) or shape.value is None:
                refuse("bad-value", f"{where} is no map")
            inner = service.shape(shape.value.shape)
            return {
                str(key): None
                if item is None
                else walk(service, inner, item, f"{where}.{key}", depth=depth + 1)
                for key, item in value.items()
            }
        case _:
            return _leaf(shape, value, where)


def _structure(service: Service, shape: Shape, value: Any, where: str, *, depth: int) -> dict[str, Any]:
    if not isinstance(value, dict):
        refuse("bad-value", f"{where} is no structure")
    names = shape.wire_names
    made: dict[str, Any] = {}
    for key, item in value.items():
        found = names.get(key)
        if found is None:
            refuse("unmodelled", f"{where} has no member {key!r}")
        name, member = found
        if item is not None:
            made[name] = walk(service, service.shape(member.shape), item, f"{where}.{name}", depth=depth + 1)
    return made


def _leaf(shape: Shape, value: Any, where: str) -> Any:
    kind = shape.kind
    if kind == "blob":
        if isinstance(value, bytes):
            return value
        try:
            return base64.b64decode(value, validate=True)
        except (TypeError, ValueError, binascii.Error):
            refuse("bad-value", f"{where} is no base64")
    if kind == "timestamp":
        return value if isinstance(value, datetime) else timestamp(value, where, shape.timestamp_format)
    if kind in {"integer", "long"}:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value // 1:
            refuse("bad-value", f"{where} is no whole number")
        return int(value)
    if kind in {"float", "double"}:
        if value not in NAMED_NUMBERS and (isinstance(value, bool) or not isinstance(value, (int, float))):
            refuse("bad-value", f"{where} is no number")
        return value
    if kind == "boolean":
        if not isinstance(value, bool):
            refuse("bad-value", f"{where} is neither true nor false")
        return value
    if kind in {"string", "character"}:
        if not isinstance(value, str):
            refuse("bad-value", f"{where} is no text")
        return value
    return value  # documents: any JSON
