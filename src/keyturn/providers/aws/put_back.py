"""The same call with the values that were read before: the way back where no recipe knows one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from keyturn.core.ports import Inquiry
from keyturn.model.change import Effect, Operation, ResourceRef
from keyturn.providers.aws import live, recipes
from keyturn.providers.aws.recipes.base import Recipe, State, Step


def own(operation: Operation) -> tuple[ResourceRef, ...]:
    """The resources an operation is about, as against those it only names: all of the first one's kind."""
    return tuple(ref for ref in operation.resources if ref.kind == operation.resources[0].kind)


def put_back(operation: Operation, states: Mapping[str, State | None]) -> Step | None:
    """The same call with the values that were read before, where no recipe knows the way back; None where they were not read."""
    if len(own(operation)) != 1:
        return None
    ref = operation.resources[0]
    recipe = recipes.for_kind(ref.kind)
    if recipe is not None and (
        operation.floor in _GOES or _knows(recipe, operation, ref, states.get(str(ref)))
    ):
        return None
    return live.put_back(operation, {"": states.get(live.key(operation))})


_GOES: Final = frozenset({Effect.DELETE, Effect.REPLACE, Effect.CREATE})


def _knows(recipe: Recipe, operation: Operation, ref: ResourceRef, state: State | None) -> bool:
    """Whether the recipe itself speaks of the operation, or takes it back; one that fails on this request says neither."""
    if operation.name in recipe.deletes | recipe.creates | recipe.updates:
        return True
    try:
        return state is not None and bool(recipe.inverse(operation.name, operation.parameters, ref, state))
    except Exception:  # noqa: BLE001  # a request of any shape
        return True


def read_again(operation: Operation, step: Step) -> Inquiry[list[str]]:
    """What is not as `step` has set it, once it is done."""
    (reading,) = yield from live.read([operation])
    if not reading.whole:
        return [f"could not be compared: {unknown}" for unknown in reading.unknowns]
    now = live.put_back(operation, reading.live)
    if now is not None and now.parameters == step.parameters:
        return []
    return [f"{operation.resources[0]} does not read as it did before (it may still be applying the change)"]
