"""What a stack call contains: each resource of its template, or each change of its change set, as the operation that it causes.

What each is by its type stands in `typed_parts`. What leaves a template, or is replaced, is said by the rules of `stacks`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from keyturn.providers.aws.languages.templates import (
    NoTemplateError,
    Plan,
    Resource,
    Template,
    foreseen,
    made,
    parameters_of,
)
from keyturn.providers.aws.rules import Context, typed_parts
from keyturn.providers.aws.rules.parts import Inside, Part


def inside(context: Context) -> Inside | None:
    """The parts of a stack call; None of any other operation."""
    reader = _READERS.get(context.operation.name)
    return reader(context) if reader is not None else None


def _created(context: Context) -> Inside:
    """CreateStack, and a change set that would make one."""
    given = context.parameters
    if not given.get("TemplateBody"):
        return _unread("the template is not in the request")
    try:
        template = made(given["TemplateBody"], given.get("Parameters") or ())
    except NoTemplateError as error:
        return _unread(f"the template cannot be read: {error}")
    parts = [part for one in template.resources.values() for part in typed_parts.made(one, template)]
    return _together(
        parts, "macros make resources of it that are not seen here" if template.transforms else ""
    )


def _updated(context: Context) -> Inside:
    """UpdateStack, and a change set that would be one."""
    plan = plan_of(context)
    if plan is None:
        return _unread("what stands, or what is to stand, could not be read")
    return _together(list(_planned(plan)), plan.unknown)


def _change_set(context: Context) -> Inside:
    """CreateChangeSet, by its type; without one it is an update."""
    kind = context.parameters.get("ChangeSetType", "UPDATE")
    return _created(context) if kind == "CREATE" else _updated(context)


def plan_of(context: Context) -> Plan | None:
    """What becomes of each resource; worked out once."""
    kept = context.memo.get("plan")
    if kept is None:
        kept = context.memo["plan"] = (foreseen(context.parameters, context.live),)
    (plan,) = kept
    return plan if isinstance(plan, Plan) else None


def _planned(plan: Plan) -> Iterator[Part]:
    template = plan.after or _NO_TEMPLATE
    for one in plan.added:
        yield from typed_parts.made(one, template)
    for change in plan.replaced:  # the old one's going is said by CFN012
        if change.sure:
            yield from typed_parts.made(
                template.resources.get(change.resource.name, change.resource), template
            )
    for change in (*plan.changed, *(one for one in plan.replaced if not one.sure)):
        after = template.resources[change.resource.name]
        names = dict.fromkeys(path.partition("/")[0] for path in change.paths)
        yield from typed_parts.changed(after.name, after.kind, list(names), change.resource.properties, after.properties, template)  # fmt: skip


def _executed(context: Context) -> Inside:
    """ExecuteChangeSet: what DescribeChangeSet says; values as it shows them, or as the change set's template has them."""
    described = context.live.get("")
    changes = described.get("Changes") if isinstance(described, Mapping) else None
    if not isinstance(described, Mapping) or not isinstance(changes, list):
        return _unread("the change set could not be read")
    stack = context.live.get("stack")
    sides = (
        _side(context.live.get("template"), parameters_of(stack)),
        _side(context.live.get("after"), parameters_of(described)),
    )
    parts = [part for one in changes for part in _of_change(one, sides)]
    more = "the change set has more changes than were read" if described.get("NextToken") else ""
    return _together(parts, more)


def _side(template: Any, values: Mapping[str, Any]) -> Template:
    """One of the two templates with its parameters; empty where it is not known."""
    try:
        return made(template, [{"ParameterKey": name, "ParameterValue": one} for name, one in values.items()])
    except NoTemplateError:
        return _NO_TEMPLATE


_NO_TEMPLATE: Final = Template({}, transforms=False, rest="")


def _of_change(given: Any, sides: tuple[Template, Template]) -> Iterator[Part]:
    one = given.get("ResourceChange") if isinstance(given, Mapping) else None
    if not isinstance(one, Mapping):
        yield Part("", label="a change", unknown="it is of no kind that is known")
        return
    name, kind, action = (str(one.get(key, "")) for key in ("LogicalResourceId", "ResourceType", "Action"))
    label = f"{name} ({kind})"
    before = _shown(one.get("BeforeContext"), name, kind, sides[0])
    after = _shown(one.get("AfterContext"), name, kind, sides[1])
    if action == "Add" or (action == "Modify" and one.get("Replacement") == "True"):
        if after is None:
            yield Part("", label=label, unknown="with what properties it would be made is not shown")
        else:
            yield from typed_parts.made(Resource(name, kind, after), sides[1])
    elif action == "Modify" and not set(map(str, one.get("Scope") or ["?"])) <= {"Tags", "Metadata"}:
        names = [key for key in sorted({*(before or {}), *(after or {})}) if (before or {}).get(key) != (after or {}).get(key)]  # fmt: skip
        if before is None or after is None or not names:
            yield Part("", label=label, unknown="to what its properties are set is not shown")
        else:
            yield from typed_parts.changed(name, kind, names, before, after, sides[1])
    elif action not in {"Modify", "Remove", "Import"}:
        yield Part("", label=label, unknown="what becomes of it is only known when it runs")


def _shown(context: Any, name: str, kind: str, side: Template) -> dict[str, Any] | None:
    """The properties of a resource on one side: as the change set shows them, else by the template."""
    found = _value(context)
    if isinstance(found, Mapping):
        properties = found.get("Properties") or {}
        return dict(properties) if isinstance(properties, Mapping) else None
    one = side.resources.get(name)
    return one.properties if one is not None and one.kind == kind and not side.transforms else None


def _value(text: Any) -> Any:
    """A value as a change set shows it: JSON where it is more than a word."""
    try:
        return json.loads(text) if isinstance(text, str) and text[:1] in {"{", "["} else text
    except (ValueError, RecursionError):
        return text


def _unread(why: str) -> Inside:
    return Inside(unknowns=(why,))


def _together(parts: list[Part], unknown: str) -> Inside:
    return Inside(tuple(parts), (unknown,) if unknown else (), whole=not unknown)


_READERS: Final = {
    "cloudformation:CreateStack": _created,
    "cloudformation:UpdateStack": _updated,
    "cloudformation:CreateChangeSet": _change_set,
    "cloudformation:ExecuteChangeSet": _executed,
}
