"""Cloud Control's calls as what they are by their type: a desired state makes a resource, a patch (RFC 6902) sets some of its properties.

What stands is what was captured of the resource. A patch that cannot be put on it, or what was not read, is unknown, never little.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

import msgspec

from keyturn.providers.aws.languages.templates import Resource, Template
from keyturn.providers.aws.rules import Context, typed_parts
from keyturn.providers.aws.rules.parts import Inside, Part

OPERATIONS: Final = ("cloudcontrol:CreateResource", "cloudcontrol:UpdateResource")

_ALONE: Final = Template({}, transforms=False, rest="")
_UNREAD: Final = "to what its properties are set cannot be read"


def inside(context: Context) -> Inside:
    """The calls that it amounts to."""
    made = [
        # a type without a call of its own is judged by its members' names: the rules of this call know the rest
        msgspec.structs.replace(part, generic=part.generic or part.name.startswith("cloudcontrol:"))
        for part in _parts(context)
    ]
    return Inside(tuple(made))


def _parts(context: Context) -> Iterator[Part]:
    given = context.parameters
    kind, name = str(given.get("TypeName")), str(given.get("Identifier") or "it")
    label = f"{name} ({kind})"
    if context.operation.name == "cloudcontrol:CreateResource":
        wanted = _json(given.get("DesiredState"))
        if not isinstance(wanted, Mapping):
            yield Part("", label=label, unknown=_UNREAD)
            return
        yield from typed_parts.made(Resource(name, kind, dict(wanted)), _ALONE)
        return
    stood = (context.state or {}).get("properties")
    before = dict(stood) if isinstance(stood, Mapping) else {}
    patch = _json(given.get("PatchDocument"))
    try:
        after, names = put_on(before, patch, known=isinstance(stood, Mapping))
    except (KeyError, IndexError, TypeError, ValueError):
        yield Part("", label=label, unknown=_UNREAD)
        return
    for one in names:
        if one not in after:
            before.setdefault(one, "?")  # it is taken off, whatever it was
    yield from typed_parts.changed(name, kind, names, before, after, _ALONE)


def _json(text: Any) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return None


def put_on(before: Mapping[str, Any], patch: Any, *, known: bool) -> tuple[dict[str, Any], list[str]]:
    """The properties after a patch, and the names of those that it touches. Where what stands is not `known`, what the patch names on its
    way is made up. Raises `KeyError`, `IndexError`, `TypeError` or `ValueError` where it cannot be put on it.
    """
    after: dict[str, Any] = copy.deepcopy(dict(before))
    names: list[str] = []
    if not isinstance(patch, list) or not patch:
        raise ValueError("no patch")
    for one in patch:
        path, action = _path(one["path"]), one["op"]
        if action == "test":
            continue
        if action in {"move", "copy"}:
            source = _path(one["from"])
            value = copy.deepcopy(_value(after, source))
            if action == "move":
                _set(after, source, None, "remove", known=known)
                names.append(source[0])
        elif action in {"add", "replace"}:
            value = one["value"]
        elif action == "remove":
            value = None
        else:
            raise ValueError("no operation of a patch")
        _set(after, path, value, "remove" if action == "remove" else "add", known=known)
        names.append(path[0])
    return after, list(dict.fromkeys(names))


def _path(text: Any) -> list[str]:
    """A JSON pointer (RFC 6901); the whole document is not one that is read here."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in str(text).split("/")[1:]]
    if not parts or not parts[0]:
        raise ValueError("the whole document")
    return parts


def _value(root: Any, path: list[str]) -> Any:
    for part in path:
        root = root[int(part)] if isinstance(root, list) else root[part]
    return root


def _set(root: dict[str, Any], path: list[str], value: Any, action: str, *, known: bool) -> None:
    place: Any = root
    for part, following in pairwise(path):
        if isinstance(place, list):
            place = place[int(part)]
            continue
        if part not in place and not known:
            place[part] = [] if following == "-" or following.isdigit() else {}
        place = place[part]
    last = path[-1]
    if isinstance(place, list):
        _of_list(place, last, value, action, known=known)
    elif action == "remove":
        if known:
            del place[last]
        else:
            place.pop(last, None)
    else:
        place[last] = value


def _of_list(place: list[Any], last: str, value: Any, action: str, *, known: bool) -> None:
    if action == "remove":
        if known:
            del place[int(last)]
    elif last == "-" or not known:
        place.append(value)
    else:
        place[int(last) : int(last) + 1] = [value]
