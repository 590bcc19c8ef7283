"""A drill: one resource is captured, saved, restored under a scratch name, compared and the scratch removed. The original is only read.

What a drill makes bears its id: in the name, and in a tag (`MARK`) where the kind has tags. What is removed afterwards has to be on
record under that name and to bear the mark: somebody else's that is called so stays, and is said.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec

from keyturn.core.inquiring import Done, go_on
from keyturn.core.ports import Drill, Inquiry, Seal
from keyturn.errors import UnavailableError
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Answer, Backup, Call, Role
from keyturn.providers.aws import recipes
from keyturn.providers.aws.operation import operation_from
from keyturn.providers.aws.recipes import retiring
from keyturn.providers.aws.recipes.base import Recipe, Scratch, State
from keyturn.providers.aws.recipes.common import POLLS_MAX, differences, do
from keyturn.providers.aws.resources import Home

T = TypeVar("T")

PREFIX: Final = "keyturn-drill-"
"""What scratch resources are called by: the backup role may change nothing else."""

MARK: Final = "keyturn:drill"
"""The tag that says for which drill it was made."""


def prepare(ref: ResourceRef, *, drill_id: str, at_ms: int) -> Inquiry[Drill]:
    """Capture the resource. Raises `UnavailableError` where its kind cannot be drilled, with the reason."""
    _, scratch, state = yield from _known(ref, drill_id)
    return Drill(ref, scratch.ref, state, None, {"at_ms": at_ms}, drill_id)


def save(drill: Drill, *, at_ms: int) -> Inquiry[Drill]:
    """Take its backup, where its kind has one."""
    recipe = recipes.for_kind(drill.resource.kind)
    if recipe is None or not (recipe.backs_up or recipe.drills_exported):
        return drill
    backup = yield from recipe.backup(drill.resource, drill.state, case_id=drill.id, at_ms=at_ms)
    return msgspec.structs.replace(drill, backup=backup, watermark=backup.watermark)


def restore(drill: Drill, *, seal: Seal) -> Inquiry[tuple[str, ...]]:
    """Restore it under the scratch name; what is not as it was, in declared fields."""
    recipe, scratch = _scratch(drill.resource, drill.scratch.id, drill.state)
    marked = _marked(scratch.state, drill.id)
    yield from _only(scratch, recipe.restore(scratch.ref, marked, drill.backup), seal, drill.backup)
    after = yield from recipe.capture(scratch.ref)
    found = differences(marked, after.state, scratch.fields, title=str(scratch.ref))
    return (*found, *(f"could not be compared: {unknown}" for unknown in after.unknowns))


def clean(drill: Drill, *, seal: Seal) -> Inquiry[None]:
    """Remove what was made for it: the scratch, and the backup with what it was proved on. Told by what stands."""
    if not drill.scratch.id.removeprefix("/").startswith(PREFIX):
        raise UnavailableError("not-scratch", f"{drill.scratch} is no scratch resource")
    recipe = recipes.for_kind(drill.resource.kind)
    yield from _cleaned(drill, drill.scratch, seal)
    if recipe is not None and drill.id:
        for proof in recipe.proofs(drill.resource, drill.id):
            yield from _cleaned(drill, proof, seal)
    backups = (drill.backup,) if drill.backup is not None else (yield from _saved(drill, recipe))
    for backup in backups:
        yield from retiring.retire(backup)


def _cleaned(drill: Drill, standing_as: ResourceRef, seal: Seal) -> Inquiry[None]:
    recipe = recipes.for_kind(standing_as.kind)
    if recipe is None:
        raise UnavailableError("no-recipe", f"there is no recipe for {standing_as.kind}")
    standing = yield from recipe.capture(standing_as)
    if standing.state is None:
        if standing.unknowns:
            raise UnavailableError("not-captured", f"{standing_as}: {'; '.join(standing.unknowns)}")
        return
    if recipe.gone(standing.state) is None:  # it is on its way already
        return
    if not (yield from _is_ours(drill, recipe, standing_as, standing.state)):
        raise UnavailableError(
            "not-ours",
            f"{standing_as} does not bear the mark of a drill: it is not removed",
            help="look who made it",
        )
    recipe, scratch = _scratch(drill.resource, standing_as.id, standing.state)
    for step in (*scratch.first, scratch.removal):
        yield from _only(scratch, do(scratch.ref, step.operation, step.parameters, Role.BACKUP), seal)
    for _ in range(POLLS_MAX):
        now = yield from recipe.capture(scratch.ref)
        if not now.unknowns and recipe.gone(now.state):
            return
        yield ()


def _is_ours(drill: Drill, recipe: Recipe, standing_as: ResourceRef, standing: State) -> Inquiry[bool]:
    """Whether what stands there was made for this drill: it says so itself, by its tag, or in its kind's own way; what has no tags by
    being what the original is, in all that is declared.
    """
    if not drill.id:
        return False
    if _mark_of(standing) == drill.id:
        return True
    told = yield from recipe.made_for(drill.resource, standing_as, drill.id)
    if told is not None:
        return told
    if _tags_in(standing) is not None:
        return False
    if drill.state:
        state = drill.state
    else:
        _, _, state = yield from _known(drill.resource, drill.id)
    _, scratch = _scratch(drill.resource, standing_as.id, state)
    return not differences(scratch.state, standing, scratch.fields, title="")


def _saved(drill: Drill, recipe: Recipe | None) -> Inquiry[tuple[Backup, ...]]:
    """The backups that were made for a drill whose process ended."""
    if recipe is None or not drill.id:
        return ()
    found = yield from recipe.saved_for(drill.resource, drill.id)
    return tuple(Backup(drill.resource, "", {}, reference, "", 0, None, "") for reference in found)


# --- the mark --------------------------------------------------------------------------------------------------------


def _tags_in(state: State) -> tuple[str, Any] | None:
    """Under which field a capture has tags, and they; None where its kind has none."""
    return next(((field, state[field]) for field in ("tags", "Tags") if field in state), None)


def _marked(state: State, drill_id: str) -> State:
    """The state with the mark among its tags, where it has some or could have."""
    found = _tags_in(state)
    if found is None or not drill_id:
        return state
    field, tags = found
    if isinstance(tags, list):
        key, value = ("key", "value") if tags and "key" in tags[0] else ("Key", "Value")
        return {**state, field: sorted([*tags, {key: MARK, value: drill_id}], key=lambda one: str(one[key]))}
    return {**state, field: {**(tags or {}), MARK: drill_id}}


def _mark_of(state: State) -> str:
    """The drill that it says it was made for; empty where it says nothing."""
    found = _tags_in(state)
    tags = found[1] if found is not None else None
    if isinstance(tags, list):
        said = {str(one.get("Key", one.get("key"))): one.get("Value", one.get("value")) for one in tags}
        return str(said.get(MARK, ""))
    return str(tags.get(MARK, "")) if isinstance(tags, dict) else ""


_BY_NAME: Final = "it cannot be restored under another name"


def _known(ref: ResourceRef, drill_id: str) -> Inquiry[tuple[Recipe, Scratch, State]]:
    recipe = recipes.for_kind(ref.kind)
    if recipe is None:
        raise UnavailableError("no-recipe", f"there is no recipe for {ref.kind}")
    if not recipe.restores:
        raise UnavailableError("no-restore", f"{recipe.title}s are not restored by a recipe")
    found = yield from recipe.capture(ref)
    if found.state is None:
        why = "; ".join(found.unknowns) or "it does not stand"
        raise UnavailableError("not-captured", f"{ref} could not be captured: {why}")
    recipe, scratch = _scratch(ref, f"{PREFIX}{drill_id}", found.state)
    return recipe, scratch, found.state


def _scratch(ref: ResourceRef, name: str, state: State) -> tuple[Recipe, Scratch]:
    recipe = recipes.for_kind(ref.kind)
    scratch = recipe.scratch(ref, name, state) if recipe is not None else None
    if recipe is None or scratch is None:
        why = recipe.no_drill if recipe is not None else ""
        raise UnavailableError("no-scratch", f"no {ref.kind} is drilled: {why or _BY_NAME}")
    return recipe, scratch


def _only(scratch: Scratch, inquiry: Inquiry[T], seal: Seal, backup: Backup | None = None) -> Inquiry[T]:
    """The inquiry under the backup role; a step that changes anything but the scratch resource is not made, whatever the recipe says."""
    answers: tuple[Answer, ...] | None = None
    while True:
        calls = go_on(inquiry, answers)
        if isinstance(calls, Done):
            return calls.result
        for one in calls:
            if one.mutates and not _reads_backup(one, backup) and not _is_of(scratch.ref, one, seal):
                inquiry.close()
                raise UnavailableError(
                    "not-scratch", f"{one.operation} would not be of {scratch.ref} alone; it was not made"
                )
        answers = yield tuple(
            msgspec.structs.replace(one, role=Role.BACKUP) if one.mutates else one for one in calls
        )


def _reads_backup(call: Call, backup: Backup | None) -> bool:
    """A secret value is read by the backup role, out of the very copy that it is restored from: that changes nothing."""
    read = call.is_export and call.operation.partition(":")[2].startswith("Get")
    return read and backup is not None and backup.reference in call.parameters.values()


def _is_of(scratch: ResourceRef, call: Call, seal: Seal) -> bool:
    service, _, action = call.operation.partition(":")
    home = Home(call.partition, call.account, call.region)
    resources = operation_from(service, action, call.parameters, home=home, seal=seal).resources
    mine = [ref for ref in resources if ref.kind == scratch.kind]
    return bool(mine) and all(ref.id == scratch.id for ref in mine)
