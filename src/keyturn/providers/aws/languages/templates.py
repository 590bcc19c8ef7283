"""CloudFormation templates: the resources in them, and what becomes of each from one template to the next. Total.

An intrinsic function is compared as it is written. What hangs on a parameter or condition that changes, or on a resource that is replaced,
*may* change with it; macros and modules make of a template what is not seen here
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from keyturn.providers.aws.catalogue.replacements import Replaces, replacement
from keyturn.providers.aws.languages.documents import NoDocumentError, read_object
from keyturn.providers.aws.languages.intrinsics import applied

RESOURCES_MAX: Final = 500
"""A template has no more (CloudFormation quotas)."""
DEPTH_MAX: Final = 12
"""How deep properties are compared part by part; below it, whole."""
ROUNDS_MAX: Final = 8
"""How far it is followed what hangs on what is replaced, which hangs on what is replaced."""


class NoTemplateError(ValueError):
    """It is no template that can be read; in words why."""


class Resource(msgspec.Struct, frozen=True):
    """One resource of a template. The policies are what they are if nothing is said: ``Delete``."""

    name: str
    kind: str
    properties: dict[str, Any]
    deletion: str = "Delete"
    replaced: str = "Delete"
    conditional: bool = False

    @property
    def kept(self) -> bool:
        """Whether it stays, or is backed up, when it leaves the template."""
        return self.deletion in {"Retain", "Snapshot"}


class Change(msgspec.Struct, frozen=True):
    """What becomes of one resource."""

    resource: Resource
    paths: tuple[str, ...] = ()
    sure: bool = True  # otherwise it may
    weaker: bool = False  # its DeletionPolicy guards it no more


class Plan(msgspec.Struct, frozen=True):
    """What becomes of all of them."""

    added: tuple[Resource, ...] = ()
    removed: tuple[Resource, ...] = ()
    replaced: tuple[Change, ...] = ()
    changed: tuple[Change, ...] = ()
    unguarded: tuple[Resource, ...] = ()
    unknown: str = ""  # why it may be otherwise
    after: Template | None = None  # what it would be then


class Template(msgspec.Struct, frozen=True):
    """A template that was read."""

    resources: dict[str, Resource]
    transforms: bool
    rest: str  # its mappings and conditions, to be compared
    defaults: dict[str, Any] = {}  # of its parameters
    looked_up: frozenset[str] = frozenset()  # parameters whose value is only a name in the Parameter Store


def read(given: Any, values: Mapping[str, Any] | None = None) -> Template:
    """A template, as text or as a value; with the values of its parameters, its functions worked out. Raises `NoTemplateError`."""
    try:
        found = read_object(given) if isinstance(given, str) else given
    except NoDocumentError as error:
        raise NoTemplateError(str(error)) from None
    if values is not None and isinstance(found, Mapping):
        found = applied(found, values)
    listed = found.get("Resources") if isinstance(found, Mapping) else None
    if not isinstance(listed, Mapping) or not all(isinstance(one, Mapping) for one in listed.values()):
        raise NoTemplateError("it has no resources")
    if len(listed) > RESOURCES_MAX:
        raise NoTemplateError(f"it has more than {RESOURCES_MAX} resources")
    resources = {str(name): _resource(str(name), one) for name, one in listed.items()}
    looped = any("::MODULE" in one.kind or name.startswith("Fn::ForEach") for name, one in resources.items())
    parameters = found.get("Parameters")
    declared = {
        str(name): one
        for name, one in (parameters.items() if isinstance(parameters, Mapping) else ())
        if isinstance(one, Mapping)
    }
    defaults = {name: one.get("Default") for name, one in declared.items()}
    looked_up = frozenset(
        name for name, one in declared.items() if str(one.get("Type", "")).startswith("AWS::SSM::")
    )
    rest = _text([found.get("Mappings"), found.get("Conditions")])
    return Template(resources, bool(found.get("Transform")) or looped, rest, defaults, looked_up)


def _resource(name: str, given: Mapping[str, Any]) -> Resource:
    properties = given.get("Properties")
    return Resource(
        name,
        str(given.get("Type", "")),
        dict(properties) if isinstance(properties, Mapping) else {},
        _word(given.get("DeletionPolicy")),
        _word(given.get("UpdateReplacePolicy")),
        conditional="Condition" in given,
    )


def _word(value: Any) -> str:
    """A policy; what is said by a function is not known, and guards nothing for certain. RetainExceptOnCreate deletes only what a failed
    create made (AWS::CloudFormation, DeletionPolicy): of what stands it is Retain.
    """
    return "Retain" if value == "RetainExceptOnCreate" else value if isinstance(value, str) else "Delete"


def _text(value: Any) -> str:
    try:
        return json.dumps(value, sort_keys=True, default=str)
    except (ValueError, RecursionError, TypeError):
        return repr(type(value))


def compare(before: Template, after: Template, changed: frozenset[str] | None = frozenset()) -> Plan:
    """What becomes of each resource. `changed`: parameters that get another value; None: any of them may."""
    try:
        return _compared(before, after, changed)
    except RecursionError:
        return Plan(unknown="its properties are nested too deep to be compared")


def _compared(before: Template, after: Template, changed: frozenset[str] | None) -> Plan:
    names = set(after.defaults) if changed is None else set(changed)
    names |= {name for name, value in after.defaults.items() if before.defaults.get(name, value) != value}
    tainted = {one for one in names | after.looked_up if one}
    conditions = bool(tainted) or before.rest != after.rest
    replaced: dict[str, Change] = {}
    deep = ""
    altered: dict[str, Change] = {}
    for _ in range(ROUNDS_MAX):
        size = len(replaced)
        for name, one in after.resources.items():
            stood = before.resources.get(name)
            if stood is None or name in replaced:
                continue
            found = _changed(stood, one, tainted, set(replaced))
            (replaced if found is not None and found[1] else altered)[name] = (
                found[0] if found else Change(one)
            )
        if len(replaced) == size:
            break
    else:
        deep = "what hangs on what is replaced goes on further than is followed"
    both = set(before.resources) & set(after.resources)
    return Plan(
        added=tuple(one for name, one in after.resources.items() if name not in before.resources),
        removed=tuple(one for name, one in before.resources.items() if name not in after.resources),
        replaced=tuple(replaced.values()),
        changed=tuple(one for name, one in altered.items() if one.paths and name not in replaced),
        unguarded=tuple(
            after.resources[name]
            for name in sorted(both)
            if before.resources[name].kept and not after.resources[name].kept
        ),
        unknown=_unknown(before, after, conditions=conditions) or deep,
    )


def _unknown(before: Template, after: Template, *, conditions: bool) -> str:
    if before.transforms or after.transforms:
        return "macros make resources of it that are not seen here"
    if conditions and any(one.conditional for one in (*before.resources.values(), *after.resources.values())):
        return "conditions decide which of its resources are there"
    return ""


def _changed(
    stood: Resource, one: Resource, tainted: set[str], replaced: set[str]
) -> tuple[Change, bool] | None:
    """The change of one resource, and whether it replaces; None where nothing changes."""
    if stood.kind != one.kind:
        return Change(stood, ("Type",)), True
    certain: list[str] = []
    maybe: list[str] = []
    other: list[str] = []
    for path, sure in _differing(stood.properties, one.properties, tainted, replaced):
        answer = replacement(one.kind, path).replaces
        if answer is Replaces.YES and sure:
            certain.append(path)
        elif answer is Replaces.NO:
            other.append(path)
        else:
            maybe.append(path)
    if certain or maybe:
        return Change(stood, tuple(certain or maybe), sure=bool(certain)), True
    return (Change(stood, tuple(other)), False) if other else None


def _differing(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    tainted: set[str],
    replaced: set[str],
    depth: int = 0,
) -> Iterator[tuple[str, bool]]:
    """Paths that differ, and whether for certain."""
    for name in sorted({str(key) for key in before} | {str(key) for key in after}):
        left, right = before.get(name), after.get(name)
        if left == right:
            if _hangs_on(right, tainted | replaced):
                yield name, False
            continue
        sure = not (_function(left) or _function(right))
        if isinstance(left, Mapping) and isinstance(right, Mapping) and sure and depth < DEPTH_MAX:
            inner = _differing(left, right, tainted, replaced, depth + 1)
            yield from ((f"{name}/{path}", certain) for path, certain in inner)
        else:
            yield name, sure


def _function(value: Any) -> bool:
    """Whether it is only known when it runs, what it is."""
    return '"Fn::' in (text := _text(value)) or '"Ref"' in text


_NAMED: Final = re.compile(r'"Ref": "([^"]+)"|"Fn::GetAtt": \[?"([^".]+)|\$\{([^}.!]+)')


def _hangs_on(value: Any, names: set[str]) -> bool:
    """Whether it refers to one of these parameters or resources."""
    if not names or not isinstance(value, (dict, list)):
        return False
    return any((one or two or three) in names for one, two, three in _NAMED.findall(_text(value)))


def made(given: Any, parameters: Any, *, stands: Mapping[str, Any] | None = None) -> Template:
    """A template with the parameters of a request, as when it is made; `stands`: values that may be kept. Raises `NoTemplateError`."""
    template = read(given)
    kept = stands or {}
    values = dict(template.defaults)
    for one in _listed(parameters):
        name = str(one.get("ParameterKey"))
        if one.get("UsePreviousValue"):
            values[name] = kept.get(name)
        else:
            values[name] = one.get("ParameterValue")
    known = {
        name: _said(value)
        for name, value in values.items()
        if value not in (None, MASKED) and name not in template.looked_up
    }
    return read(given, known)


def _said(value: Any) -> Any:
    """A value as a stack's description has it: text, also of a number or a flag."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else value


MASKED: Final = "****"
"""What stands for a NoEcho parameter's value (API_Parameter)."""


def foreseen(request: Mapping[str, Any], live: Mapping[str, Any]) -> Plan | None:
    """What an UpdateStack makes of what stands (`live`: the reading ``template``, and the stack itself under ""); None where one of the
    two templates is not known.
    """
    stood = live.get("template")
    given = request.get("TemplateBody")
    if stood is None or request.get("TemplateURL") or not (given or request.get("UsePreviousTemplate")):
        return None
    stack = live.get("")
    had = parameters_of(stack)
    try:
        if isinstance(stack, Mapping):
            before = made(
                stood, [{"ParameterKey": name, "ParameterValue": value} for name, value in had.items()]
            )
            after = made(given or stood, request.get("Parameters"), stands=had)
        else:
            before = read(stood)
            after = read(given) if given else before
    except NoTemplateError:
        return None
    return msgspec.structs.replace(compare(before, after, _changed_parameters(request, live)), after=after)


def parameters_of(stack: Any) -> dict[str, Any]:
    """The values that a stack's parameters have, as it is described."""
    listed = stack.get("Parameters") if isinstance(stack, Mapping) else None
    return {str(one.get("ParameterKey")): one.get("ParameterValue") for one in _listed(listed)}


def _listed(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, (list, tuple)) else []


def _changed_parameters(request: Mapping[str, Any], live: Mapping[str, Any]) -> frozenset[str] | None:
    """Those that get another value than they have; what they have may not be known."""
    stack = live.get("")
    had = parameters_of(stack)
    given = _listed(request.get("Parameters"))
    kept = {one.get("ParameterKey") for one in given if one.get("UsePreviousValue")}
    if not isinstance(stack, Mapping) and not request.get("UsePreviousTemplate") and not given:
        return frozenset()
    set_now = {
        one.get("ParameterKey"): one.get("ParameterValue") for one in given if not one.get("UsePreviousValue")
    }
    dropped = set(had) - set(set_now) - kept
    return frozenset(str(name) for name, value in set_now.items() if had.get(str(name)) != value) | frozenset(
        map(str, dropped)
    )
