"""What of a change an undo does not give back, operation by operation and why: the rest of it comes back without that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from keyturn.core.ports import Captures
from keyturn.model.change import Change, Effect, Operation, ResourceRef
from keyturn.model.execution import Backup
from keyturn.providers.aws import items, recipes
from keyturn.providers.aws import moved as ids
from keyturn.providers.aws.put_back import own, put_back
from keyturn.providers.aws.recipes.base import Leaves, Recipe, State, Step

_TAKES: Final = frozenset({Effect.DELETE, Effect.REPLACE})


class Staying(msgspec.Struct, frozen=True):
    """`why`: what stays, by place of its operation and resource. `away`: what is deleted before anything is given back, by which call.

    `leaning`: what is given back although it relies on something that stays gone, and on what; the service may refuse it.
    """

    why: Mapping[tuple[int, ResourceRef], str]
    away: Mapping[ResourceRef, Step]
    leaning: Mapping[ResourceRef, str]
    operations: tuple[Operation, ...]
    reason: str  # the first of them that does not rest on another; empty where everything comes back

    @property
    def told(self) -> tuple[str, ...]:
        """All of it, for people, in the order of the change."""
        return tuple(
            f"{self.operations[place].name} of {ref} stays: {why}" for (place, ref), why in self.why.items()
        )

    def comes(self, place: int, ref: ResourceRef) -> bool:
        """Whether something is done to give this one back: neither does it stay, nor does it go with what goes first."""
        goes = ref in self.away and not deletes(self.operations[place], ref)
        return not goes and (place, ref) not in self.why


def staying(
    change: Change, before: Captures, backups: tuple[Backup, ...], *, again: Change | None = None
) -> Staying:
    """Known before anything is touched. With what stays gone stays all that was done to it, and what was made in its place."""
    away = _away(change, before, again)
    why = _obstacles(change, before, backups, away)
    reason = next(iter(why.values()), "")
    gone = {ref for place, ref in why if _takes(change.operations[place], ref)}
    for place, operation in enumerate(change.operations):
        for ref in own(operation):
            if ref in gone:
                why.setdefault((place, ref), f"what stood as {ref} does not come back")
    return Staying(
        dict(sorted(why.items(), key=lambda one: one[0])),
        {ref: step for ref, step in away.items() if ref not in gone},
        _leaning(gone, change, before),
        change.operations,
        reason,
    )


def _obstacles(
    change: Change, before: Captures, backups: tuple[Backup, ...], away: Mapping[ResourceRef, Step]
) -> dict[tuple[int, ResourceRef], str]:
    found: dict[tuple[int, ResourceRef], str] = {}
    whole = items.complete(items.writing(change), before.states)
    for place, operation in enumerate(change.operations):
        if operation.name in items.WRITES:
            if not whole:
                unread = "not every item that was written was captured before"
                found |= {(place, ref): unread for ref in own(operation)}
            continue
        if put_back(operation, before.states) is not None:
            continue
        for ref in own(operation):
            if ref in away and not deletes(operation, ref):
                continue  # it goes, with all that was done to it
            why = _obstacle(operation, ref, before, backups)
            if why:
                found[place, ref] = why
    return found


def _takes(operation: Operation, ref: ResourceRef) -> bool:
    """Whether the resource itself is gone by it. A purge takes what lies in a queue, and the queue stands."""
    if operation.name in items.WRITES:
        return False
    recipe = recipes.for_kind(ref.kind)
    if recipe is None:
        return operation.floor in _TAKES
    return recipe.leaves(operation.name, operation.parameters, ref) is not Leaves.STANDING


def _leaning(gone: set[ResourceRef], change: Change, before: Captures) -> dict[ResourceRef, str]:
    """What names one of them in what stood of it: by its id, or by an ARN or a path that ends with it."""
    found: dict[ResourceRef, str] = {}
    for ref in sorted({one for operation in change.operations for one in own(operation)} - gone):
        state = before.states.get(str(ref))
        for other in sorted(gone):
            if ids.renamed(state, {other.id: ""}) != state:
                found.setdefault(ref, f"it names {other}, which stays gone")
    return found


def deletes(operation: Operation, ref: ResourceRef) -> bool:
    """Whether the recipe of the resource says that the operation deletes one of its kind."""
    recipe = recipes.for_kind(ref.kind)
    return recipe is not None and operation.name in recipe.deletes


def _away(change: Change, before: Captures, again: Change | None) -> dict[ResourceRef, Step]:
    """What has to be deleted before the change is taken back, and by which call: the second half of a replace, which stands where
    the first has to be restored; and, of an undo that is itself taken back, what it made again.

    The call is the one that deleted it then: nothing is deleted that was not deleted before, by a change that was decided.
    """
    found: dict[ResourceRef, Step] = {}
    for earlier in again.operations if again is not None else change.operations:
        for ref in own(earlier):
            if not deletes(earlier, ref):
                continue
            if again is None and not _made_after(change, earlier, ref):
                continue
            if again is not None and not (
                str(ref) in before.states and before.states[str(ref)] is None and ref in change.resources
            ):
                continue
            found[ref] = Step(
                earlier.name, dict(earlier.parameters), why="what was made in its place goes first"
            )
    return found


def _made_after(change: Change, deleted: Operation, ref: ResourceRef) -> bool:
    place = change.operations.index(deleted)
    return any(
        ref in own(one) and not deletes(one, ref) and one.floor is Effect.CREATE
        for one in change.operations[place + 1 :]
    )


def _obstacle(operation: Operation, ref: ResourceRef, before: Captures, backups: tuple[Backup, ...]) -> str:
    recipe, state = recipes.for_kind(ref.kind), before.states.get(str(ref))
    if recipe is None:
        return f"there is no recipe for {ref}"
    if state is None:
        return f"{ref} did not stand before; what was created is not deleted by an undo"
    if recipe.inverse(operation.name, operation.parameters, ref, state):
        return ""
    why = recipe.unrestorable(operation.name, operation.parameters, ref, state)
    if why:
        return why
    saved = saved_of(ref, recipe, state, operation, backups)
    if not recipe.restores or ((recipe.backs_up or recipe.exports) and saved is None):
        return f"there is no backup of {ref}"
    return ""


def saved_of(
    ref: ResourceRef, recipe: Recipe, state: State, operation: Operation, backups: tuple[Backup, ...]
) -> Backup | None:
    """The plane's own backup; where there is none, the copy that the operation itself had made."""
    own_copy = recipe.own_copy(operation.name, operation.parameters, ref, state)
    return next((saved for saved in backups if saved.resource == ref), own_copy)
