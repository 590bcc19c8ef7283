"""Backups of what a change would destroy, and taking a change back, from what stood before and what was saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from keyturn.core.ports import Captures, Inquiry, Seal, UndoPlan
from keyturn.errors import BugError, UnavailableError
from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Change, Operation, ResourceRef
from keyturn.model.execution import Backup, Call, Role, Succeeded, VaultAccount
from keyturn.providers.aws import items, live, recipes
from keyturn.providers.aws import moved as ids
from keyturn.providers.aws.absent import still_absent
from keyturn.providers.aws.capturing import together
from keyturn.providers.aws.operation import operation_from, request_from
from keyturn.providers.aws.put_back import own, put_back, read_again
from keyturn.providers.aws.recipes import holding, log_events
from keyturn.providers.aws.recipes.base import Recipe, State, Step
from keyturn.providers.aws.recipes.base import call as call_of
from keyturn.providers.aws.recipes.common import POLLS_MAX, differences, do, must, pause
from keyturn.providers.aws.recipes.runbook import Run, written
from keyturn.providers.aws.recipes.traces import TRACES, traced
from keyturn.providers.aws.resources import Home
from keyturn.providers.aws.rules import Context, rules_for, statements
from keyturn.providers.aws.staying import Staying, deletes, saved_of, staying
from keyturn.providers.aws.vault_account import copies

IN_PLACE: Final = "the same resource, put back in place"

SETTLE_READS: Final = 3
"""Further reads before an unanswered call is said not to have taken effect: it may have been late, not lost."""


def backup(change: Change, captures: Captures, *, case_id: str, at_ms: int) -> Inquiry[tuple[Backup, ...]]:
    """Undo material for every resource of the change that stands. Raises `UnavailableError` for what cannot be saved."""
    why = no_backup(change, captures)
    if why:
        raise UnavailableError("no-backup", why, help="deny it, or do it by hand")
    taken: dict[ResourceRef, Backup | None] = {}  # in the order of the change; None: still to be made
    for operation in change.operations:
        loses = _loses_data(operation, captures)
        wanted: list[_Known] = []
        for ref in operation.resources:
            recipe, state = recipes.for_kind(ref.kind), captures.states.get(str(ref))
            if ref in taken or recipe is None or state is None:
                continue  # certainly absent: `no_backup` lets nothing else pass
            inverse = recipe.inverse(operation.name, operation.parameters, ref, state)
            if inverse and not loses:
                taken[ref] = _capture_is_enough(recipe, ref, state, at_ms)
            else:
                taken[ref] = None
                wanted.append((ref, recipe, state))
        for group in _abreast(wanted):
            made = yield from together(
                [recipe.backup(ref, state, case_id=case_id, at_ms=at_ms) for ref, recipe, state in group]
            )
            for (ref, recipe, state), one in zip(group, made, strict=True):
                taken[ref] = _sized(one, recipe.size_bytes(state))
    every = tuple(saved for saved in taken.values() if saved is not None)
    return every or (yield from still_absent(change, at_ms))


_SAYS_WHAT: Final = {
    **dict.fromkeys(statements.OPERATIONS, "a statement"),
    **dict.fromkeys(
        ("ssm:SendCommand", "ssm:CreateAssociation", "ssm:UpdateAssociation", "ecs:ExecuteCommand"),
        "a script",
    ),
}
"""What destroys by what stands in its text: what that is about is no resource of the request."""

_Known = tuple[ResourceRef, Recipe, State]

ABREAST_BYTES_MAX: Final = 64 * 1024 * 1024
"""What is saved or given back side by side holds no more in memory than this, or than one thing."""


def _abreast(known: Sequence[_Known]) -> list[list[_Known]]:
    """In order, as many together as their recipe lets stand side by side, and as fit into memory."""
    groups: list[list[_Known]] = []
    weighs = 0
    for one in known:
        _, recipe, state = one
        weight = recipe.weight(state)
        last = groups[-1] if groups else []
        fits = len(last) < recipe.abreast and weighs + weight <= ABREAST_BYTES_MAX
        if last and last[0][1] is recipe and fits:
            last.append(one)
            weighs += weight
        else:
            groups.append([one])
            weighs = weight
    return groups


def no_backup(change: Change, captures: Captures) -> str:
    """Why no backup of the change's resources can be taken, as far as that is known before a call is made; empty otherwise."""
    seen: set[ResourceRef] = set()
    for operation in change.operations:
        loses = _loses_data(operation, captures)
        for ref in operation.resources:
            state = captures.states.get(str(ref))
            if ref in seen or (str(ref) in captures.states and state is None):
                continue
            seen.add(ref)
            why = _no_backup(operation, ref, state, loses=loses)
            if why:
                return why
    if seen or all(deletes(operation, ref) for operation in change.operations for ref in operation.resources):
        return ""  # what would be deleted does not stand: see `still_absent`
    return "nothing of what the change names stands, so nothing could be saved"


def _no_backup(operation: Operation, ref: ResourceRef, state: State | None, *, loses: bool) -> str:
    recipe = recipes.for_kind(ref.kind)
    if recipe is None and operation.name in _SAYS_WHAT:
        return f"{_SAYS_WHAT[operation.name]} can destroy anything where it runs, and names nothing that could be saved"
    if recipe is None:
        return f"there is no recipe to back up {ref}"
    if state is None:
        return f"what stands of {ref} could not be read"
    inverse = recipe.inverse(operation.name, operation.parameters, ref, state)
    if inverse and not loses:
        return ""
    no_use = recipe.exports and recipe.unrestorable(operation.name, operation.parameters, ref, state)
    if no_use and not inverse:
        return f"no export of {ref} would be of use: {no_use}"
    return recipe.no_backup(ref, state)


def _sized(made: Backup, size_bytes: int | None) -> Backup:
    """With its size in the watermark, where the recipe knows it and the backup itself does not say: for what keeping it costs."""
    if size_bytes is None or "bytes" in made.watermark:
        return made
    return msgspec.structs.replace(made, watermark={**made.watermark, "bytes": size_bytes})


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
        restores_to=IN_PLACE,
    )


def manifest(change: Change, backup: Backup, captures: Captures) -> str:
    """The runbook of a backup: what is put back in place by the inverses of the change, last to first, or the resource made again."""
    ref = backup.resource
    recipe, state = recipes.for_kind(ref.kind), captures.states.get(str(ref))
    if recipe is None or state is None:
        return ""
    if backup.restores_to != IN_PLACE:
        return recipe.manifest(ref, state, backup)
    steps = [
        step
        for operation in reversed(change.operations)
        if ref in operation.resources
        for step in recipe.inverse(operation.name, operation.parameters, ref, state)
    ]
    return written(recipe.title, ref, backup, tuple(map(Run, steps))) if steps else ""


def files(backup: Backup, captures: Captures) -> Inquiry[Mapping[str, bytes]]:
    """What its runbook reads; nothing where the change is put back in place."""
    ref = backup.resource
    recipe, state = recipes.for_kind(ref.kind), captures.states.get(str(ref))
    if recipe is None or state is None or backup.restores_to == IN_PLACE:
        return {}
    return (yield from recipe.files(ref, state, backup))


def plan(
    change: Change,
    before: Captures,
    backups: tuple[Backup, ...],
    *,
    seal: Seal,
    again: Change | None = None,
) -> UndoPlan:
    """The calls that would take `change` back, last operation first."""
    stays = staying(change, before, backups, again=again)
    steps: list[Step] = list(stays.away.values())
    loss: list[str] = [
        f"what was done to the {ref} that stands now: it is deleted first" for ref in stays.away
    ]
    loss += [f"{ref} may be refused by the service: {why}" for ref, why in _leaning(change, stays)]
    tables = _tables(change, stays)
    for place, operation in reversed(list(enumerate(change.operations))):
        if operation.name in items.WRITES:
            if place == min(tables, default=None):
                steps += items.inverse(_items(before, tables))
                loss.append("what else was written to these items until this is approved")
            continue
        if (step := put_back(operation, before.states)) is not None:
            steps += [step] if stays.comes(place, operation.resources[0]) else []
            continue
        loses = _loses_data(operation, before)
        for ref, recipe, state in _known(place, operation, before, stays):
            back = recipe.inverse(operation.name, operation.parameters, ref, state)
            steps += back or recipe.restore_plan(ref, state, _saved((ref, recipe, state), operation, backups))
            loss += () if back else recipe.loss
            if back and loses:
                loss.append(f"what {ref} lost because of it: only the setting is put back")
    if not steps and stays.why:
        return UndoPlan((), (), possible=False, why=stays.reason)
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
    requests = tuple(
        request_from(step.service, step.action, step.parameters, region=base.region) for step in steps
    )
    return UndoPlan(operations, tuple(loss), possible=True, requests=requests, stays=stays.told)


def _leaning(change: Change, stays: Staying) -> list[tuple[ResourceRef, str]]:
    """What is made again although it relies on something that stays gone."""
    made = {
        ref
        for place, operation in enumerate(change.operations)
        for ref in own(operation)
        if deletes(operation, ref) and stays.comes(place, ref)
    }
    return [(ref, why) for ref, why in stays.leaning.items() if ref in made]


def _tables(change: Change, stays: Staying) -> dict[int, set[str]]:
    """Of each operation that writes items the tables whose items are put back, by its place; none where a table itself goes or stays gone."""
    found = {
        place: {ref.id for ref in own(operation) if stays.comes(place, ref)}
        for place, operation in enumerate(change.operations)
        if operation.name in items.WRITES
    }
    return {place: names for place, names in found.items() if names}


def _items(before: Captures, tables: Mapping[int, set[str]]) -> dict[str, State]:
    """The items of these tables, as they were captured."""
    named = {name for names in tables.values() for name in names}
    return {
        name: state
        for name, state in before.states.items()
        if name.startswith(items.KIND + "/") and state is not None and state["table"] in named
    }


def perform(
    change: Change,
    before: Captures,
    backups: tuple[Backup, ...],
    *,
    again: Change | None = None,
    moved: Mapping[str, str] = {},
    approved: Mapping[str, State | None] = {},
    vault: VaultAccount | None = None,
) -> Inquiry[tuple[str, ...]]:
    """Take `change` back and compare; returns what is not as it was, what stays included. Raises `UnavailableError` before the first
    step, where nothing can be given back, or in one: then it says what was given back before.

    `moved`: ids that are new since an earlier part of the same undo, by the old ones. `approved`: what stood when this undo was
    decided on, by the names of captures, without what an earlier part of it has changed since.
    """
    stays = staying(change, before, backups, again=again)
    if stays.why and not any(
        stays.comes(place, ref) for place, one in enumerate(change.operations) for ref in own(one)
    ):
        raise UnavailableError("cannot-undo", stays.reason)
    honest, back = list(stays.told), list[str]()
    try:
        yield from _performed(change, before, backups, stays, moved, approved, honest, back, vault)
    except UnavailableError as error:
        if not back:
            raise
        said = f"given back before it: {', '.join(dict.fromkeys(back))}"
        raise UnavailableError(error.code, f"{error.message}; {said}", help=error.help) from error
    return tuple(honest)


def _performed(
    change: Change,
    before: Captures,
    backups: tuple[Backup, ...],
    stays: Staying,
    moved: Mapping[str, str],
    approved: Mapping[str, State | None],
    honest: list[str],
    back: list[str],
    vault: VaultAccount | None,
) -> Inquiry[None]:
    """`honest` hears what is not as it was, `back` what was given back."""
    for ref, step in stays.away.items():
        yield from _take_away(ref, step, approved)
    touched, tables = {str(ref) for ref in stays.away}, _tables(change, stays)
    for place, operation in reversed(list(enumerate(change.operations))):
        if operation.name in items.WRITES:
            if place == min(tables, default=None):
                mine = _items(before, tables)
                yield from items.put_back(change.resources, mine, approved)
                honest += yield from items.differences(change.resources, mine)
                back += [str(ref) for ref in own(operation)]
            continue
        if (one := put_back(operation, before.states)) is not None:
            if stays.comes(place, operation.resources[0]):
                yield from do(operation.resources[0], one.operation, one.parameters)
                honest += yield from read_again(operation, one)
                back.append(str(operation.resources[0]))
            continue
        said: list[str] = []
        for group in _abreast(_known(place, operation, before, stays)):
            new = {**moved, **ids.heard((*honest, *said))}
            still = {name: state for name, state in approved.items() if name not in touched}
            told = yield from together(
                [
                    _tried(operation, one, _saved(one, operation, backups), new, still, stays, vault)
                    for one in group
                ]
            )
            touched |= {str(ref) for ref, _, _ in group}
            back += [str(ref) for ref, _, _ in group]
            said += [line for lines in told for line in lines]
        honest += _fewer(said, operation)


def _tried(
    operation: Operation,
    one: _Known,
    saved: Backup | None,
    moved: Mapping[str, str],
    approved: Mapping[str, State | None],
    stays: Staying,
    vault: VaultAccount | None,
) -> Inquiry[list[str]]:
    """What relies on something that stays gone may be refused; that is said, and no end of what has nothing to do with it."""
    try:
        return (yield from _given_back(operation, one, saved, moved, approved, vault))
    except UnavailableError as error:
        if error.code != "refused" or one[0] not in stays.leaning:
            raise
        return [f"{operation.name} of {one[0]} stays: {error.message}; {stays.leaning[one[0]]}"]


def _given_back(
    operation: Operation,
    one: _Known,
    saved: Backup | None,
    moved: Mapping[str, str],
    approved: Mapping[str, State | None],
    vault: VaultAccount | None,
) -> Inquiry[list[str]]:
    """One resource, by the inverse of what was done or from its backup, with the ids that are new by now."""
    ref, recipe, state = one
    parameters, as_is = ids.renamed(operation.parameters, moved), state
    ref, state = ids.ref_of(ref, moved), ids.renamed(state, moved)
    honest = ids.told(ref, as_is, state, moved)
    back = recipe.inverse(operation.name, parameters, ref, state)
    if not back:
        return [*(yield from copies.restored(vault, recipe, ref, state, saved)), *honest]
    for place, step in enumerate(back):
        yield from holding.back(recipe, ref, step, state, {} if place else approved)
    return [*(yield from _compared(recipe, ref, state)), *honest]


SAID_MAX: Final = 5
"""A field that every call gives anew is said for each of so many resources, of more in one line."""


def _fewer(said: list[str], operation: Operation) -> list[str]:
    recipe = recipes.for_kind(operation.resources[0].kind)
    for field in recipe.renews if recipe is not None else ():
        mine = [line for line in said if line.startswith(f"{field}: ")]
        if len(mine) > SAID_MAX and recipe is not None:
            said = [line for line in said if not line.startswith(f"{field}: ")]
            said.append(f"{field}: of {len(mine):,} {recipe.title}s it is another, as each call gives one")
    return said


def _take_away(ref: ResourceRef, step: Step, approved: Mapping[str, State | None]) -> Inquiry[None]:
    """Delete it, as it was approved where the service can be held to that, and wait until it says that it is gone: its name has to be
    free.
    """
    recipe = recipes.for_kind(ref.kind)
    if recipe is None:
        raise BugError("no-recipe", f"{ref} is to be deleted without a recipe")
    stood = approved.get(
        str(ref)
    )  # after a crash the same call, or it would delete what was restored: not read anew
    given = {} if stood is None else holding.carried(recipe, step, stood)
    (answer,) = yield (call_of(ref, step.operation, {**step.parameters, **given}, Role.CHANGE),)
    if holding.was_refused(answer):
        raise holding.moved(str(ref), f"between the last read and {step.operation}")
    must(answer, f"{step.operation} of {ref.id}")
    made_since = (
        isinstance(answer, Succeeded) and answer.again
    )  # then what stands may be what was restored after it
    for reads in range(POLLS_MAX):
        now = yield from recipe.capture(ref)
        gone = None if now.unknowns else recipe.gone(now.state)
        if gone or (made_since and gone is False and reads >= SETTLE_READS):
            return
        yield ()
    raise UnavailableError("still-stands", f"{ref} was deleted and still stands")


def took_effect(call: Call, since_ms: int, *, seal: Seal) -> Inquiry[Succeeded | bool | None]:
    """See `core.ports.Provider`. A no is read several times: what was late is not lost."""
    if call.operation == log_events.PUT:
        return (yield from log_events.took(call))
    if call.operation in TRACES:
        return (yield from traced(call, since_ms))
    service, _, action = call.operation.partition(":")
    operation = operation_from(
        service, action, call.parameters, home=Home(call.partition, call.account, call.region), seal=seal
    )
    ref = operation.resources[0]
    recipe = recipes.for_kind(ref.kind)
    if recipe is None:
        return None
    for left in range(SETTLE_READS + recipe.settles, -1, -1):
        now = yield from recipe.capture(ref)
        if now.unknowns:
            return None
        found = recipe.settled(call.operation, call.parameters, ref, now.state)
        if found is not False or not left:
            return found
        yield from pause()
    return None


def _compared(recipe: Recipe, ref: ResourceRef, state: State) -> Inquiry[list[str]]:
    """What is not as it was; where reads lag behind, only what stays so is a difference."""
    for left in range(recipe.settles, -1, -1):
        after = yield from recipe.capture(ref)
        found = differences(state, after.state, recipe.fields, title=str(ref))
        if not found or not left:
            break
        yield from pause()
    return [*found, *(f"could not be compared: {unknown}" for unknown in after.unknowns)]


def _known(place: int, operation: Operation, before: Captures, stays: Staying) -> list[_Known]:
    """What comes back of an operation; `staying` has found that it was captured."""
    found = []
    for ref in own(operation):
        if not stays.comes(place, ref):
            continue
        recipe, state = recipes.for_kind(ref.kind), before.states.get(str(ref))
        if recipe is None or state is None:
            raise BugError("not-captured", f"{ref} is to be put back without a capture")
        found.append((ref, recipe, state))
    return found


def _saved(one: _Known, operation: Operation, backups: tuple[Backup, ...]) -> Backup | None:
    ref, recipe, state = one
    return saved_of(ref, recipe, state, operation, backups)
