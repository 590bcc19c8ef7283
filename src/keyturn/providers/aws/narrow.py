"""The narrow patch: what stands against what the agent wants, as in-place calls.

It is exact once it is known what the agent wants: from a create of the same identity, joined to a held delete or on its own.
Until then the answer names the in-place operations of the kind.
"""

from __future__ import annotations

from typing import Any

import msgspec

from keyturn.core.ports import Seal
from keyturn.model.assessment import Alternative, Difference, Finding, Kind, Reversibility
from keyturn.model.canonical import canonical
from keyturn.model.change import Change, Effect, Operation, ResourceRef
from keyturn.model.execution import Call, Role
from keyturn.providers.aws import advising, recipes
from keyturn.providers.aws.operation import operation_from
from keyturn.providers.aws.recipes.base import Narrow, Recipe, Step
from keyturn.providers.aws.recipes.holding import with_carried
from keyturn.providers.aws.resources import Home
from keyturn.providers.aws.rules import Context
from keyturn.providers.aws.wire_shapes import cli_command

SOURCE = "Keyturn: delete and create of one identity in one session is a replace"


class Ways(msgspec.Struct, frozen=True):
    """Alternatives for the log and for reviewers; `commands` and `calls` with the agent's own values: the ones for its eyes
    only, the others to be sent. No calls where a value is bytes, which do not come back from the vault as they were.
    """

    alternatives: tuple[Alternative, ...] = ()
    differences: tuple[Difference, ...] = ()
    commands: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    note: Finding | None = None


def replaced(change: Change) -> ResourceRef | None:
    """The identity that the change both deletes and creates; None where it does not. What takes something out of a resource
    (messages, an item, a setting) does not delete it.
    """
    deleted = {operation.resources[0] for operation in change.operations if _deletes(operation)}
    created = {operation.resources[0] for operation in change.operations if _creates(operation)}
    return min(deleted & created, default=None)


def _deletes(operation: Operation) -> bool:
    recipe = recipes.for_kind(operation.resources[0].kind)
    return operation.name in recipe.deletes if recipe else operation.floor is Effect.DELETE


def _creates(operation: Operation) -> bool:
    recipe = recipes.for_kind(operation.resources[0].kind)
    return operation.name in recipe.creates if recipe else operation.floor is not Effect.DELETE


def replace_finding(ref: ResourceRef) -> Finding:
    return Finding(
        code="REPLACE001",
        kind=Kind.REPLACE,
        message=f"{ref} would be deleted and made anew: its data and identity go, though it stands and can be changed in place.",
        effect=Effect.REPLACE,
        reversibility=Reversibility.R3,
        resources=(ref,),
        source=SOURCE,
    )


def alternatives(change: Change, contexts: list[Context], *, seal: Seal) -> Ways:
    """The narrower ways for a change; none for an undo."""
    if change.undoes:
        return Ways()
    for context in reversed(contexts):
        found, recipe = _patch_of(context), recipes.for_kind(context.ref.kind)
        if found is not None and recipe is not None:
            return _exact(context, recipe, found, seal=seal, stands=replaced(change) is None)
    return Ways(alternatives=_in_place(contexts))


def steps(change: Change, contexts: list[Context]) -> tuple[Step, ...]:
    """The calls of the exact narrower way, with the agent's own values; none where there is none."""
    for context in reversed(contexts):
        found = _patch_of(context)
        if found is not None:
            return () if found.immutable or found.uncalled or change.undoes else found.steps
    return ()


def _patch_of(context: Context) -> Narrow | None:
    recipe = recipes.for_kind(context.ref.kind)
    if recipe is None or context.state is None:
        return None
    desired = recipe.desired(context.operation.name, context.parameters)
    found = recipe.narrow(context.ref, context.state, desired) if desired is not None else None
    if found is None:
        return None
    held = msgspec.structs.replace(found, steps=with_carried(recipe, found.steps, context.state))
    return advising.accounted(recipe, context.ref, context.state, held)


def _in_place(contexts: list[Context]) -> tuple[Alternative, ...]:
    """What changes this kind where it stands; said while it is not known what the agent wants."""
    said = []
    for context in contexts:
        recipe = recipes.for_kind(context.ref.kind)
        if recipe is None or not recipe.in_place:
            by_schema = advising.by_schema(context.ref, context.operation.name)
            said += [by_schema] if by_schema is not None and context.operation.floor is Effect.DELETE else []
            continue
        if context.operation.name not in recipe.deletes and context.operation.floor is not Effect.REPLACE:
            continue
        why = f"These change the {recipe.title} where it stands; say what should be different."
        said.append(
            Alternative(
                operations=(),
                commands=recipe.in_place,
                why=why,
                lost="nothing",
                exact=False,
                verdict="maybe",
                because=("what is wanted is not known",),
            )
        )
    return tuple(said)


def _exact(context: Context, recipe: Recipe, found: Narrow, *, seal: Seal, stands: bool) -> Ways:
    ref = context.ref
    differences = tuple(
        Difference(ref, path, _shown(before, path, recipe, seal), _shown(after, path, recipe, seal))
        for path, before, after in found.changed
    )
    note = _stands_already(ref) if stands else None
    if found.immutable:
        why = f"No update changes {', '.join(found.immutable)} of the {recipe.title}: that needs a replace, decided by people."
        said = Alternative(operations=(), commands=(), why=why, lost="", exact=False)
        return Ways((advising.advised(said, recipe, ref, found),), differences, note=note)
    if found.uncalled:
        why = f"Keyturn knows no call that changes {', '.join(found.uncalled)} of the {recipe.title} where it stands."
        said = Alternative(operations=(), commands=(), why=why, lost="", exact=False)
        return Ways((advising.advised(said, recipe, ref, found),), differences, note=note)
    unknown = f" Not compared: {'; '.join(found.unknown)}." if found.unknown else ""
    costs = f" What it costs: {'; '.join(found.costs)}." if found.costs else ""
    if not found.steps:
        why = f"{ref} stands and already is what you ask for: nothing needs to be done."
        if unknown:
            why = f"What could be compared of {ref} already is as you ask for.{unknown}"
        said = Alternative(operations=(), commands=(), why=why, lost="nothing", exact=not unknown)
        return Ways((advising.advised(said, recipe, ref, found),), differences, note=note)
    operations = tuple(_operation(step, context, seal) for step in found.steps)
    paths = ", ".join(path for path, _, _ in found.changed)
    count = "one call" if len(found.steps) == 1 else f"{len(found.steps)} calls"
    said = Alternative(
        operations=operations,
        commands=tuple(
            cli_command(operation.service, operation.action, _without_seals(operation.parameters))
            for operation in operations
        ),
        why=f"What you want differs from what stands in {paths}; {count} in place will do.{costs}{unknown}",
        lost=_dropped(found),
        exact=True,
    )
    said = advising.advised(said, recipe, ref, found)
    commands = tuple(cli_command(step.service, step.action, step.parameters) for step in found.steps)
    calls = tuple(_call(step, context) for step in found.steps)
    whole = not any(_has_bytes(call.parameters) for call in calls)
    return Ways((said,), differences, commands, calls if whole else (), note)


def _call(step: Step, context: Context) -> Call:
    base = context.operation
    return Call(step.operation, step.parameters, base.account, base.region, Role.CHANGE, base.partition)


def _has_bytes(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_bytes, value.values()))
    return any(map(_has_bytes, value)) if isinstance(value, list | tuple) else isinstance(value, bytes)


def _dropped(found: Narrow) -> str:
    """What stands and is not in what is asked for, by name: the patch does as it is told, and says what goes."""
    gone = [
        f"{path}.{key}"
        for path, before, after in found.changed
        if isinstance(before, dict) and isinstance(after, dict)
        for key in before
        if key not in after and path != "tags"  # a patch only ever sets tags
    ]
    return ", ".join(gone) or "nothing"


def _operation(step: Step, context: Context, seal: Seal) -> Operation:
    base = context.operation
    return operation_from(
        step.service,
        step.action,
        step.parameters,
        home=Home(base.partition, base.account, base.region),
        seal=seal,
    )


def _stands_already(ref: ResourceRef) -> Finding:
    return Finding(
        code="NARROW001",
        kind=Kind.NOTE,
        message=f"{ref} stands already; a create of the same name would fail or replace it.",
        effect=Effect.CREATE,
        reversibility=Reversibility.R1,
        resources=(ref,),
        source=SOURCE,
    )


def _shown(value: Any, path: str, recipe: Recipe, seal: Seal) -> Any:
    """A value for reviewers; of a secret field only its names, its values sealed."""
    if path not in recipe.secret_fields or value is None:
        return value
    if isinstance(value, dict):
        return {key: {"$sealed": seal(canonical(inner))} for key, inner in value.items()}
    return {"$sealed": seal(canonical(value))}


def _without_seals(value: Any) -> Any:
    """Sealed values as a mark a person understands."""
    if isinstance(value, dict):
        return (
            "<sealed>"
            if set(value) in ({"$sealed"}, {"$sealed", "$to"})
            else {key: _without_seals(inner) for key, inner in value.items()}
        )
    return [_without_seals(inner) for inner in value] if isinstance(value, list) else value
