"""A drill: one resource is captured, saved, restored under a scratch name, compared and the scratch removed. The original is only read."""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from keyturn.core.inquiring import Done, go_on
from keyturn.core.ports import Drill, Inquiry, Seal
from keyturn.errors import UnavailableError
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Answer, Call, Role
from keyturn.providers.aws import recipes
from keyturn.providers.aws.operation import operation_from
from keyturn.providers.aws.recipes.base import Recipe, Scratch, State
from keyturn.providers.aws.recipes.common import POLLS_MAX, differences, do
from keyturn.providers.aws.resources import Home

T = TypeVar("T")

PREFIX: Final = "keyturn-drill-"
"""What scratch resources are called by: the backup role may change nothing else."""


def prepare(ref: ResourceRef, *, drill_id: str, at_ms: int) -> Inquiry[Drill]:
    """Capture the resource and take its backup. Raises `UnavailableError` where its kind cannot be drilled, with the reason."""
    recipe, scratch, state = yield from _known(ref, drill_id)
    backup = None
    if recipe.backs_up:
        backup = yield from recipe.backup(ref, state, case_id=drill_id, at_ms=at_ms)
    watermark = backup.watermark if backup is not None else {"at_ms": at_ms}
    return Drill(resource=ref, scratch=scratch.ref, state=state, backup=backup, watermark=watermark)


def restore(drill: Drill, *, seal: Seal) -> Inquiry[tuple[str, ...]]:
    """Restore it under the scratch name; what is not as it was, in declared fields."""
    recipe, scratch = _scratch(drill.resource, drill.scratch.id, drill.state)
    yield from _only(scratch, recipe.restore(scratch.ref, scratch.state, drill.backup), seal)
    after = yield from recipe.capture(scratch.ref)
    found = differences(scratch.state, after.state, scratch.fields, title=str(scratch.ref))
    return (*found, *(f"could not be compared: {unknown}" for unknown in after.unknowns))


def clean(drill: Drill, *, seal: Seal) -> Inquiry[None]:
    """Remove the scratch resource, where there is one: whatever stands under its name, told by what stands."""
    if not drill.scratch.id.removeprefix("/").startswith(PREFIX):
        raise UnavailableError("not-scratch", f"{drill.scratch} is no scratch resource")
    recipe = recipes.for_kind(drill.scratch.kind)
    if recipe is None:
        raise UnavailableError("no-recipe", f"there is no recipe for {drill.scratch.kind}")
    standing = yield from recipe.capture(drill.scratch)
    if standing.state is None:
        if standing.unknowns:
            raise UnavailableError("not-captured", f"{drill.scratch}: {'; '.join(standing.unknowns)}")
        return
    recipe, scratch = _scratch(drill.resource, drill.scratch.id, standing.state)
    for step in (*scratch.first, scratch.removal):
        yield from _only(scratch, do(scratch.ref, step.operation, step.parameters, Role.BACKUP), seal)
    for _ in range(POLLS_MAX):
        now = yield from recipe.capture(scratch.ref)
        if not now.unknowns and recipe.gone(now.state):
            return
        yield ()


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
        raise UnavailableError("no-scratch", f"a {ref.kind} cannot be restored under another name")
    return recipe, scratch


def _only(scratch: Scratch, inquiry: Inquiry[T], seal: Seal) -> Inquiry[T]:
    """The inquiry under the backup role; a step on anything but the scratch resource is not made, whatever the recipe says."""
    answers: tuple[Answer, ...] | None = None
    while True:
        calls = go_on(inquiry, answers)
        if isinstance(calls, Done):
            return calls.result
        for one in calls:
            if one.mutates and not _is_of(scratch.ref, one, seal):
                inquiry.close()
                raise UnavailableError(
                    "not-scratch", f"{one.operation} would not be of {scratch.ref} alone; it was not made"
                )
        answers = yield tuple(
            msgspec.structs.replace(one, role=Role.BACKUP) if one.mutates else one for one in calls
        )


def _is_of(scratch: ResourceRef, call: Call, seal: Seal) -> bool:
    service, _, action = call.operation.partition(":")
    home = Home(call.partition, call.account, call.region)
    resources = operation_from(service, action, call.parameters, home=home, seal=seal).resources
    mine = [ref for ref in resources if ref.kind == scratch.kind]
    return bool(mine) and all(ref.id == scratch.id for ref in mine)
