"""What changes name: every one asked with what it must be given, or with all that it may be where that names nothing (an id or a name,
whichever); and whether an ARN comes of it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from keyturn.model.change import READ_EFFECTS
from keyturn.providers.aws import catalogue
from keyturn.providers.aws.resources import Home, resources_of
from keyturn.providers.aws.told_arns import told_arn
from keyturn.providers.aws.wire_table import Service, Shape, load

HOME = Home("aws", "123456789012", "eu-west-1")
DEPTH_MAX = 4


def named() -> Counter[str]:
    """How many changes name an ARN, an id for which there is none to tell, or the account."""
    table, found = load(), Counter[str]()
    for service, name in catalogue.every():
        if service not in table.entries or catalogue.lookup(service, name).effect in READ_EFFECTS:
            continue
        known = table.service(service)
        shape = known.input(name)
        for whole in (False, True):
            asked = given(known, shape, whole=whole) if shape else {}
            first = resources_of(service, name, asked, HOME)[0]
            if first.id != "*":
                break
        if first.id == "*":
            found["account"] += 1
        else:
            found["arn" if told_arn(first, service, name, asked) else "id"] += 1
    return found


def given(service: Service, shape: Shape, *, whole: bool) -> dict[str, Any]:
    """A request: what must be given, or all that may be."""
    made: dict[str, Any] = _given(service, shape, "", 0, whole=whole)
    return made


def _given(service: Service, shape: Shape, name: str, depth: int, *, whole: bool) -> Any:
    """Something for every member that is required, or for all; texts that are called ARNs look like one."""
    if depth > DEPTH_MAX:
        return None
    if shape.kind == "structure":
        return {
            member: _given(service, service.shape(reference.shape), member, depth + 1, whole=whole)
            for member, reference in shape.members.items()
            if whole or member in shape.required
        }
    if shape.kind == "list" and shape.element is not None:
        return [_given(service, service.shape(shape.element.shape), name, depth + 1, whole=whole)]
    if shape.kind == "string":
        return (
            f"arn:aws:any:eu-west-1:123456789012:thing/{name}"
            if name.lower().rstrip("s").endswith("arn")
            else f"{name}-1"
        )
    return {"boolean": True, "map": {"k": "v"}}.get(shape.kind, 1)
