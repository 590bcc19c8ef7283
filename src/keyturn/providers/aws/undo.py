"""Backups of what a change would destroy, and taking a change back, from what stood before and what was saved."""

from __future__ import annotations

from collections.abc import Mapping

from keyturn.core.ports import Captures, Inquiry, Seal, UndoPlan
from keyturn.errors import BugError, UnavailableError
from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Change, Operation, ResourceRef
from keyturn.model.execution import Backup
from keyturn.providers.aws import items, live, recipes
from keyturn.providers.aws.operation import operation_from
from keyturn.providers.aws.recipes.base import Recipe, State, Step
from keyturn.providers.aws.recipes.common import differences, do, pause
from keyturn.providers.aws.resources import Home
from keyturn.providers.aws.rules import Context, rules_for


def backup(change: Change, captures: Captures, *, case_id: str, at_ms: int) -> Inquiry[tuple[Backup, ...]]:
    """Undo material for every resource of the change that stands. Raises `UnavailableError` for what cannot be saved."""
    taken: dict[ResourceRef, Backup] = {}
    for operation in change.operations:
        for ref in operation.resources:
            state = captures.states.get(str(ref))
            if ref in taken or (str(ref) in captures.states and state is None):
                continue
            recipe = recipes.for_kind(ref.kind)
            if recipe is None or state is None:
                raise UnavailableError(
                    "no-backup", f"there is no recipe to back up {ref}", help="deny it, or do it by hand"
                )
            inverse = recipe.inverse(operation.name, operation.parameters, ref, state)
            if inverse and not _loses_data(operation, captures):
                taken[ref] = _capture_is_enough(recipe, ref, state, at_ms)
            else:
                taken[ref] = yield from recipe.backup(ref, state, case_id=case_id, at_ms=at_ms)
    if not taken:
        raise UnavailableError(
            "no-backup", "nothing of what the change names stands, so nothing could be saved"
        )
    return tuple(taken.values())


def own(operation: Operation) -> tuple[ResourceRef, ...]:
    """The resources an operation is about, as against those it only names: all of the first one's kind."""
    return tuple(ref for ref in operation.resources if ref.kind == operation.resources[0].kind)


def _loses_data(operation: Operation, captures: Captures) -> bool:
    """Whether data goes that putting the setting back does not bring back: what a time to live or a lifecycle has deleted."""
    context = Context(
        operation,
        dict(operation.parameters),
        captures.states,
        live={"": captures.states.get(live.key(operation))},
    )
    found = (rule.ask(context) for rule in rules_for(operation.name))
    return any(
        finding.kind is Kind.DATA_LOSS and finding.reversibility >= Reversibility.R3
        for finding in found
        if finding is not None
    )


def _capture_is_enough(recipe: Recipe, ref: ResourceRef, state: State, at_ms: int) -> Backup:
    return Backup(
        resource=ref,
        state_digest=recipe.fingerprint(state),
        watermark={"at_ms": at_ms},
        reference="capture",
        manifest="",
        taken_at_ms=at_ms,
        verified_at_ms=at_ms,
        verified_by=recipe.keeps(state),
        restores_to="the same resource, put back in place",
    )


def obstacle(change: Change, before: Captures, backups: tuple[Backup, ...]) -> str:
    """Why the change cannot be taken back, in words; empty when it can. Asked before anything is touched: half an undo is worse."""
    for operation in change.operations:
        if operation.name in items.WRITES:
            if not items.complete(change, before.states):
                return "not every item that was written was captured before"
            continue
        if put_back(operation, before.states) is not None:
            continue
        for ref in own(operation):
            why = _obstacle(operation, ref, before, backups)
            if why:
                return why
    return ""


def put_back(operation: Operation, states: Mapping[str, State | None]) -> Step | None:
    """For a kind without a recipe: the same call with the values that were read before; None where they were not."""
    if len(own(operation)) != 1 or recipes.for_kind(operation.resources[0].kind) is not None:
        return None
    return live.put_back(operation, {"": states.get(live.key(operation))})


def _read_again(operation: Operation, step: Step) -> Inquiry[list[str]]:
    """What is not as `step` has set it, once it is done."""
    (reading,) = yield from live.read([operation])
    if not reading.whole:
        return [f"could not be compared: {unknown}" for unknown in reading.unknowns]
    now = live.put_back(operation, reading.live)
    if now is not None and now.parameters == step.parameters:
        return []
    return [f"{operation.resources[0]} does not read as it did before (it may still be applying the change)"]


def _obstacle(operation: Operation, ref: ResourceRef, before: Captures, backups: tuple[Backup, ...]) -> str:
    recipe, state = recipes.for_kind(ref.kind), before.states.get(str(ref))
    if recipe is None:
        return f"there is no recipe for {ref}"
    if state is None:
        return f"{ref} did not stand before; what was created is not deleted by an undo"
    if recipe.inverse(operation.name, operation.parameters, ref, state):
        return ""
    if operation.name not in recipe.deletes:
        return f"{operation.name} has no inverse"
    if not recipe.restores or (recipe.backs_up and _backup_of(ref, backups) is None):
        return f"there is no backup of {ref}"
    return ""


def plan(change: Change, before: Captures, backups: tuple[Backup, ...], *, seal: Seal) -> UndoPlan:
    """The calls that would take `change` back, last operation first."""
    why = obstacle(change, before, backups)
    if why:
        return UndoPlan((), (), possible=False, why=why)
    steps: list[Step] = []
    loss: list[str] = []
    for operation in reversed(change.operations):
        if operation.name in items.WRITES:
            steps += items.inverse(before.states)
            loss.append("what else was written to these items since")
            continue
        if (step := put_back(operation, before.states)) is not None:
            steps.append(step)
            continue
        for ref, recipe, state in _known(operation, before):
            back = recipe.inverse(operation.name, operation.parameters, ref, state)
            steps += back or recipe.restore_plan(ref, state, _backup_of(ref, backups))
            loss += () if back else recipe.loss
            if back and _loses_data(operation, before):
                loss.append(f"what {ref} lost because of it: only the setting is put back")
    base = change.operations[0]
    operations = tuple(
        operation_from(
            step.service,
            step.action,
            step.parameters,
            home=Home(base.partition, base.account, base.region),
            seal=seal,
        )
        for step in steps
    )
    return UndoPlan(operations, tuple(loss), possible=True)


def perform(change: Change, before: Captures, backups: tuple[Backup, ...]) -> Inquiry[tuple[str, ...]]:
    """Take `change` back and compare; returns what is not as it was. Raises `UnavailableError` before the first step or in one."""
    why = obstacle(change, before, backups)
    if why:
        raise UnavailableError("cannot-undo", why)
    honest: list[str] = []
    for operation in reversed(change.operations):
        if operation.name in items.WRITES:
            for step in items.inverse(before.states):
                yield from do(operation.resources[0], step.operation, step.parameters)
            honest += yield from items.differences(operation.resources, before.states)
            continue
        if (one := put_back(operation, before.states)) is not None:
            yield from do(operation.resources[0], one.operation, one.parameters)
            honest += yield from _read_again(operation, one)
            continue
        for ref, recipe, state in _known(operation, before):
            back = recipe.inverse(operation.name, operation.parameters, ref, state)
            if not back:
                honest += yield from recipe.restore(ref, state, _backup_of(ref, backups))
                continue
            for step in back:
                yield from do(ref, step.operation, step.parameters)
            honest += yield from _compared(recipe, ref, state)
    return tuple(honest)


def _compared(recipe: Recipe, ref: ResourceRef, state: State) -> Inquiry[list[str]]:
    """What is not as it was; where reads lag behind, only what stays so is a difference."""
    for left in range(recipe.settles, -1, -1):
        after = yield from recipe.capture(ref)
        found = differences(state, after.state, recipe.fields, title=str(ref))
        if not found or not left:
            break
        yield from pause()
    return [*found, *(f"could not be compared: {unknown}" for unknown in after.unknowns)]


def _known(operation: Operation, before: Captures) -> list[tuple[ResourceRef, Recipe, State]]:
    """What `obstacle` has found to be there."""
    found = []
    for ref in own(operation):
        recipe, state = recipes.for_kind(ref.kind), before.states.get(str(ref))
        if recipe is None or state is None:
            raise BugError("not-captured", f"{ref} is to be put back without a capture")
        found.append((ref, recipe, state))
    return found


def _backup_of(ref: ResourceRef, backups: tuple[Backup, ...]) -> Backup | None:
    return next((saved for saved in backups if saved.resource == ref), None)
