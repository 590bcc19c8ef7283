"""CloudFormation's functions, worked out as far as parameters tell them: what stands there when the template is made. Total.

`Ref` of a parameter, `Fn::Sub`, `Fn::Join`, `Fn::Select`, `Fn::Split`, `Fn::FindInMap`, `Fn::If` and conditions; what hangs on another resource, another
stack, the account or a macro stays as it is written
(https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

DEPTH_MAX: Final = 60
"""Functions and structures inside each other; what is deeper stays as it is written."""
TEXT_CHARS_MAX: Final = 100_000
"""As long a text as functions may make; a longer one stays as it is written."""

_DROPPED: Final = object()
"""Stands for ``AWS::NoValue``: the property is as if it were not written."""

_SECRET: Final = re.compile(r"\{\{resolve:(secretsmanager|ssm-secure):.+\}\}\Z", re.DOTALL)
"""A dynamic reference to a secret: what stands there is the account's own already."""

_PLACE: Final = re.compile(r"\$\{(!?)([^}]*)\}")


class Scope(msgspec.Struct, frozen=True):
    """What is known where a template is read: values of parameters, its mappings and conditions."""

    values: dict[str, Any] = {}
    mappings: dict[str, Any] = {}
    conditions: dict[str, Any] = {}


def applied(template: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The template with these values of its parameters: functions worked out, resources left out whose condition is not met."""
    scope = Scope(
        {name: _typed(template, name, value) for name, value in values.items()},
        _mapping(template.get("Mappings")),
        _mapping(template.get("Conditions")),
    )
    resources = {}
    for name, one in _mapping(template.get("Resources")).items():
        if not isinstance(one, Mapping):
            resources[name] = one
            continue
        met = _condition(one.get("Condition"), scope, 0) if "Condition" in one else True
        if met is False:
            continue
        made = {key: inner for key, inner in one.items() if key != "Condition" or met is None}
        resources[name] = {key: value for key, inner in made.items() if (value := _worked(inner, scope, 0)) is not _DROPPED}  # fmt: skip
    return {**template, "Resources": resources}


def _mapping(value: Any) -> dict[str, Any]:
    return {str(key): inner for key, inner in value.items()} if isinstance(value, Mapping) else {}


def _typed(template: Mapping[str, Any], name: str, value: Any) -> Any:
    """A list where the parameter is one."""
    told = _mapping(template.get("Parameters")).get(name)
    kind = str(told.get("Type", "")) if isinstance(told, Mapping) else ""
    if isinstance(value, str) and (kind == "CommaDelimitedList" or kind.startswith("List<")):
        return [one.strip() for one in value.split(",")]
    return value


def _worked(value: Any, scope: Scope, depth: int) -> Any:
    """The value with its functions worked out, where they can be."""
    if depth > DEPTH_MAX:
        return value
    if isinstance(value, list):
        made = [_worked(one, scope, depth + 1) for one in value]
        return [one for one in made if one is not _DROPPED]
    if isinstance(value, str):
        return _DROPPED if _SECRET.match(value) else value
    if not isinstance(value, Mapping):
        return value
    if len(value) == 1:
        ((name, given),) = value.items()
        if name in {"Ref", "Condition"} or str(name).startswith("Fn::"):
            return _function(str(name), given, scope, depth)
    made_ = {str(name): _worked(one, scope, depth + 1) for name, one in value.items()}
    return {name: one for name, one in made_.items() if one is not _DROPPED}


def _function(name: str, given: Any, scope: Scope, depth: int) -> Any:
    if name == "Ref":
        if given == "AWS::NoValue":
            return _DROPPED
        return scope.values[given] if isinstance(given, str) and given in scope.values else {name: given}
    if name == "Fn::If" and isinstance(given, list) and len(given) == 3:
        met = _condition(given[0], scope, depth + 1)
        if met is not None:
            return _worked(given[1 if met else 2], scope, depth + 1)
    inner = _worked(given, scope, depth + 1)
    if inner is _DROPPED:
        return {name: given}
    found = _made(name, inner, scope)
    return {name: inner} if found is None else found


def _made(name: str, given: Any, scope: Scope) -> Any:
    """What the function makes of arguments that are known; None where they are not."""
    match name, given:
        case "Fn::Sub", str():
            return _substituted(given, {}, scope)
        case "Fn::Sub", [str() as text, {**more}]:
            return _substituted(text, _mapping(more), scope)
        case "Fn::Join", [str() as between, [*parts]] if all(_plain(one) for one in parts):
            return _short(between.join(map(_text, parts)))
        case "Fn::Split", [str() as between, str() as text] if between:
            return text.split(between)
        case "Fn::Select", [place, [*parts]] if str(place).isdigit() and int(place) < len(parts):
            return parts[int(place)]
        case "Fn::FindInMap", [str() as table, key, inner] if _plain(key) and _plain(inner):
            rows = scope.mappings.get(table)
            row = rows.get(str(key)) if isinstance(rows, Mapping) else None
            return row.get(str(inner)) if isinstance(row, Mapping) else None
    return None


def _substituted(text: str, more: Mapping[str, Any], scope: Scope) -> str | None:
    """The text with its places filled; None where one of them is not known."""
    parts, end = [], 0
    for found in _PLACE.finditer(text):
        parts.append(text[end : found.start()])
        end = found.end()
        name = found[2].strip()
        if found[1]:
            parts.append(f"${{{found[2]}}}")
            continue
        value = more.get(name, scope.values.get(name))
        if not _plain(value):
            return None
        parts.append(_text(value))
    return _short("".join([*parts, text[end:]]))


def _short(text: str) -> str | None:
    return text if len(text) <= TEXT_CHARS_MAX else None


def _plain(value: Any) -> bool:
    return isinstance(value, (str, bool, int, float))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _condition(given: Any, scope: Scope, depth: int) -> bool | None:
    """Whether a condition is met; None where it cannot be told."""
    if depth > DEPTH_MAX:
        return None
    if isinstance(given, str):
        return _condition(scope.conditions.get(given), scope, depth + 1)
    if not isinstance(given, Mapping) or len(given) != 1:
        return None
    ((name, inner),) = given.items()
    if name == "Condition":
        return _condition(inner, scope, depth + 1)
    if name == "Fn::Equals" and isinstance(inner, list) and len(inner) == 2:
        left, right = (_worked(one, scope, depth + 1) for one in inner)
        return _text(left) == _text(right) if _plain(left) and _plain(right) else None
    if name in {"Fn::Not", "Fn::And", "Fn::Or"} and isinstance(inner, list) and inner:
        met = [_condition(one, scope, depth + 1) for one in inner]
        if name == "Fn::Not":
            return None if met[0] is None else not met[0]
        decides = name == "Fn::Or"
        return decides if decides in met else None if None in met else not decides
    return None


def unknown_in(value: Any, depth: int = 0) -> bool:
    """Whether it is only known when it is made, what it is."""
    if depth > DEPTH_MAX:
        return True
    if isinstance(value, Mapping):
        return any(
            str(name) == "Ref" or str(name).startswith("Fn::") or unknown_in(one, depth + 1)
            for name, one in value.items()
        )
    if isinstance(value, list):
        return any(unknown_in(one, depth + 1) for one in value)
    return isinstance(value, str) and "{{resolve:" in value
