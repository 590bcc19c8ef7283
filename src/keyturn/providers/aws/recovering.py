"""What could be given back of what an operation touches: by an inverse, by the service itself for a while, from a backup of ours."""

from __future__ import annotations

from typing import Final

import msgspec

from keyturn.model.assessment import Finding, Kind, Recoverable, Reversibility
from keyturn.model.change import Effect, ResourceRef
from keyturn.providers.aws import recipes
from keyturn.providers.aws.put_back import put_back
from keyturn.providers.aws.recipes.base import Recipe, State
from keyturn.providers.aws.rules import Context

DESTROYS: Final = frozenset({Effect.DELETE, Effect.REPLACE})

FROM_BACKUP: Final = "A backup by Keyturn, taken first, gives it back as something new."
"""Behind what a rule says of a loss, where a recipe backs up what would be lost."""


def with_backups(context: Context, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Rules say what the service gives back. What a backup of the plane's own gives back, once it is deleted, is R3 all the same."""
    refs = context.operation.resources
    saved = bool(refs) and all(_saved_first(context, ref) for ref in refs)
    if not saved:
        return findings
    return tuple(
        msgspec.structs.replace(one, reversibility=Reversibility.R3, message=f"{one.message} {FROM_BACKUP}")
        if one.kind is Kind.DATA_LOSS and one.reversibility is Reversibility.R4
        else one
        for one in findings
    )


def _saved_first(context: Context, ref: ResourceRef) -> bool:
    """Whether a recipe backs up what would be deleted, as it stands, and makes it again from that."""
    recipe, state, asked = recipes.for_kind(ref.kind), context.states.get(str(ref)), context.operation
    if recipe is None or state is None or asked.name not in recipe.deletes or not recipe.restores:
        return False
    try:
        return not (
            recipe.no_backup(ref, state) or recipe.unrestorable(asked.name, asked.parameters, ref, state)
        )
    except Exception:  # noqa: BLE001  # a request of any shape: no backup is the careful answer
        return False


def recoverable(context: Context, ref: ResourceRef, effect: Effect) -> Recoverable:
    recipe = recipes.for_kind(ref.kind)
    state = context.states.get(str(ref))
    if recipe is None:
        back = effect not in DESTROYS and put_back(context.operation, context.states) is not None
        return Recoverable(resource=ref, backup=False, inverse=back, recover_s=60 if back else None)
    if context.items.writes and context.items.captured:
        return Recoverable(resource=ref, backup=recipe.backs_up, inverse=True, recover_s=60)
    inverse = state is not None and (
        _has_inverse(recipe, context, ref, state)
        or (effect not in DESTROYS and put_back(context.operation, context.states) is not None)
    )
    by_itself = (
        context.operation.floor in DESTROYS or context.operation.name in recipe.gives_all_back
    )  # then the inverse is of all that goes, not of a side of it
    if (effect in DESTROYS or context.operation.name in recipe.deletes) and not (inverse and by_itself):
        found = recipe.recoverable(ref, state)
        asked = context.operation
        no_use = state is not None and recipe.unrestorable(asked.name, asked.parameters, ref, state)
        if recipe.exports and no_use:
            return msgspec.structs.replace(found, backup=False, recover_s=None)
        return found
    return Recoverable(
        resource=ref,
        backup=recipe.backs_up,
        inverse=inverse,
        recover_s=60 if inverse else None,
        window_s=_window(recipe, context, ref, state),
    )


def _window(recipe: Recipe, context: Context, ref: ResourceRef, state: State | None) -> int | None:
    """How long the service itself takes this back; a recipe that fails on this request promises nothing."""
    if state is None:
        return None
    try:
        return recipe.window(context.operation.name, context.parameters, ref, state)
    except Exception:  # noqa: BLE001  # a request of any shape: no window is the careful answer
        return None


def _has_inverse(recipe: Recipe, context: Context, ref: ResourceRef, state: State) -> bool:
    """Whether the recipe knows the way back; one that fails on this request does not."""
    try:
        return bool(recipe.inverse(context.operation.name, context.parameters, ref, state))
    except Exception:  # noqa: BLE001  # a request of any shape: no inverse is the careful answer
        return False


def data_goes(context: Context, parts: tuple[Recoverable, ...]) -> bool:
    """Whether something that holds data is deleted, and neither Keyturn nor its service has it afterwards."""
    return any(
        (recipe := recipes.for_kind(item.resource.kind)) is not None
        and recipe.data_bearing
        and context.operation.name in recipe.deletes
        and context.states.get(str(item.resource)) is not None
        and not item.possible
        for item in parts
    )
