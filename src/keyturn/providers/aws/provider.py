"""`AwsProvider`: the port's face of this package. Every method is a line or two; what it means stands in the modules beside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from keyturn.core.ports import Assessing, Captures, Drill, Inquiry, Scope, Seal, UndoPlan, Vaults
from keyturn.model.canonical import canonical
from keyturn.model.change import READ_EFFECTS, Change, Lane, Operation, Request, ResourceRef
from keyturn.model.execution import Backup, Call, Outcome, OutcomeStatus, Succeeded, Upkeep, VaultAccount
from keyturn.model.radius import Radius
from keyturn.providers.aws import copying, drilling, dropping, recipes, undo
from keyturn.providers.aws import moved as ids
from keyturn.providers.aws import upkeep as costs
from keyturn.providers.aws.assess import assess
from keyturn.providers.aws.capturing import recapture, take
from keyturn.providers.aws.put_back import own
from keyturn.providers.aws.radius import reach, walk
from keyturn.providers.aws.recipes import retiring
from keyturn.providers.aws.recipes.base import Leaves, Recipe
from keyturn.providers.aws.recipes.common import pause, without_nothing
from keyturn.providers.aws.scope import passed_roles, scope
from keyturn.providers.aws.vault_account import AwsVault, copies, told_of_vault
from keyturn.providers.aws.wire_shapes import cli_command

GONE_READS_MAX: Final = 120
"""Reads until a deleted resource is gone; the runtime spaces them up to five seconds: ten minutes."""


class AwsProvider:
    """See `core.ports.Provider`. `accounts` maps account ids to the environment their resources are in by default; `roles` are those
    that the plane itself works with, by their ARNs; `vault` is the vault account, where there is one.
    """

    name = "aws"

    def __init__(
        self,
        seal: Seal,
        accounts: Mapping[str, str] | None = None,
        roles: tuple[str, ...] = (),
        vault: VaultAccount | None = None,
    ) -> None:
        self._seal, self._vault = seal, vault
        self._ours = tuple(dict.fromkeys(role.rpartition("/")[2] for role in roles if role))
        self._accounts = dict(accounts or {})

    def __repr__(self) -> str:
        return f"<AwsProvider [{len(recipes.all_recipes())} recipes]>"

    def lane(self, operation: Operation) -> Lane:
        return Lane.READ if operation.floor in READ_EFFECTS else Lane.CHANGE

    def assess(self, change: Change, requests: tuple[Request, ...], *, at_ms: int) -> Inquiry[Assessing]:
        asked = assess(change, requests, seal=self._seal, accounts=self._accounts, ours=self._ours)
        return asked if self._vault is None else told_of_vault(asked)

    def radius(self, change: Change, assessing: Assessing, *, at_ms: int) -> Inquiry[Radius] | None:
        if not walk.walks(change, assessing.assessment):
            return None
        return reach.with_reach(self.scope(change), walk.walk(change, assessing, at_ms=at_ms))

    def recapture(self, change: Change, requests: tuple[Request, ...]) -> Inquiry[Captures]:
        return recapture(change, requests)

    def backup(
        self, change: Change, captures: Captures, *, case_id: str, at_ms: int
    ) -> Inquiry[tuple[Backup, ...]]:
        return undo.backup(change, captures, case_id=case_id, at_ms=at_ms)

    def no_backup(self, change: Change, captures: Captures) -> str:
        return undo.no_backup(change, captures)

    def manifest(self, change: Change, backup: Backup, captures: Captures) -> str:
        return undo.manifest(change, backup, captures)

    def scope(self, change: Change) -> Scope:
        return scope(change, passed_roles(change))

    def reconcile(self, change: Change, before: Captures) -> Inquiry[Outcome]:
        """Did an unanswered call take effect? Only a difference that it alone explains counts as yes."""
        if len(change.operations) > 1:
            return Outcome(OutcomeStatus.UNCERTAIN, "which of several operations took effect cannot be told")
        taken = yield from take(change)
        outcome = _read_back(change, before, taken.captures)
        for _ in range(undo.SETTLE_READS + _settles(change)):
            # an answer that got lost may belong to a call that is still on its way
            if outcome.status is not OutcomeStatus.FAILED:
                break
            if _settles(change):
                yield from pause()
            taken = yield from take(change)
            outcome = _read_back(change, before, taken.captures)
        return outcome

    def verify(self, change: Change, requests: tuple[Request, ...], before: Captures) -> Inquiry[Outcome]:
        """After the call: gone what was to go, standing what was to stand. Kinds without a recipe rest on the answer."""
        taken = yield from take(change, gone=True)
        for _ in range(GONE_READS_MAX):
            if not _waiting(change, taken.captures):
                break
            taken = yield from take(change, gone=True)
        outcome = _verified(change, taken.captures)
        for _ in range(_settles(change)):
            if outcome.status is not OutcomeStatus.FAILED:
                break
            yield from pause()
            taken = yield from take(change, gone=True)
            outcome = _verified(change, taken.captures)
        return outcome

    def plan_undo(
        self, change: Change, before: Captures, backups: tuple[Backup, ...], *, again: Change | None = None
    ) -> UndoPlan:
        return undo.plan(change, before, backups, seal=self._seal, again=again)

    def undo(
        self,
        change: Change,
        before: Captures,
        backups: tuple[Backup, ...],
        *,
        again: Change | None = None,
        moved: Mapping[str, str] = {},
        approved: Mapping[str, dict[str, Any] | None] = {},
    ) -> Inquiry[tuple[str, ...]]:
        return undo.perform(
            change, before, backups, again=again, moved=moved, approved=approved, vault=self._vault
        )

    def upkeep(self, backup: Backup) -> Upkeep:
        return costs.upkeep(backup)

    def files(self, change: Change, backup: Backup, captures: Captures) -> Inquiry[Mapping[str, bytes]]:
        return undo.files(backup, captures)

    @property
    def vaults(self) -> Vaults | None:
        return AwsVault(self._vault) if self._vault is not None else None

    def plan_retire(self, backups: tuple[Backup, ...]) -> tuple[Operation, ...]:
        return dropping.plan(backups, seal=self._seal)

    def retire(self, backup: Backup) -> Inquiry[None]:
        return retiring.retire(backup)

    def moved(self, told: tuple[str, ...]) -> dict[str, str]:
        return ids.heard(told)

    def drill(self, ref: ResourceRef, *, drill_id: str, at_ms: int) -> Inquiry[Drill]:
        return drilling.prepare(ref, drill_id=drill_id, at_ms=at_ms)

    def drill_save(self, drill: Drill, *, at_ms: int) -> Inquiry[Drill]:
        return drilling.save(drill, at_ms=at_ms)

    def drill_restore(self, drill: Drill) -> Inquiry[tuple[str, ...]]:
        return drilling.restore(drill, seal=self._seal)

    def drill_clean(self, drill: Drill) -> Inquiry[None]:
        return drilling.clean(drill, seal=self._seal)

    def unlike(
        self,
        ref: ResourceRef,
        expected: dict[str, Any] | None,
        now: dict[str, Any] | None,
        *,
        made: bool = False,
    ) -> tuple[str, ...]:
        return copying.otherwise(ref, expected, now, made=made)

    def took_effect(self, call: Call, since_ms: int) -> Inquiry[Succeeded | bool | None]:
        ours = retiring.removed(call) or copies.took_effect(call)
        return ours or undo.took_effect(call, since_ms, seal=self._seal)

    def render(self, operation: Operation, parameters: dict[str, Any]) -> str:
        return cli_command(operation.service, operation.action, parameters)


def _known(operation: Operation) -> list[tuple[ResourceRef, Recipe]]:
    """The resources an operation is about that can be read back."""
    return [(ref, recipe) for ref in own(operation) if (recipe := recipes.for_kind(ref.kind)) is not None]


def _settles(change: Change) -> int:
    """How many pauses the slowest kind of the change needs until its reads show what was done."""
    return max((recipe.settles for one in change.operations for _, recipe in _known(one)), default=0)


def _waiting(change: Change, now: Captures) -> bool:
    """Whether the service still works on something that is to go."""
    return any(
        operation.name in recipe.deletes and recipe.gone(now.states.get(str(ref))) is None
        for operation in change.operations
        for ref, recipe in _known(operation)
    )


def _read_back(change: Change, before: Captures, now: Captures) -> Outcome:
    """One reading of the world after an unanswered call, against what stood before it; of several resources all have to agree."""
    operation = change.operations[0]
    found = [_one_read_back(operation, ref, before, now) for ref in own(operation)]
    if len({outcome.status for outcome in found}) == 1:
        return Outcome(found[0].status, "; ".join(outcome.detail for outcome in found))
    if any(outcome.status is OutcomeStatus.IN_PROGRESS for outcome in found):
        return Outcome(OutcomeStatus.IN_PROGRESS, "; ".join(outcome.detail for outcome in found))
    return Outcome(OutcomeStatus.UNCERTAIN, "; ".join(outcome.detail for outcome in found))


def _one_read_back(operation: Operation, ref: ResourceRef, before: Captures, now: Captures) -> Outcome:
    recipe = recipes.for_kind(ref.kind)
    if recipe is None or str(ref) not in now.states or str(ref) not in before.states:
        return Outcome(OutcomeStatus.UNCERTAIN, f"{ref} cannot be read back")
    stood, stands = before.states[str(ref)], now.states[str(ref)]
    if recipe.leaves(operation.name, operation.parameters, ref) is Leaves.GONE:
        gone = recipe.gone(stands)
        if gone is None:
            return Outcome(OutcomeStatus.IN_PROGRESS, f"{ref} is being deleted")
        if stood is None:
            return Outcome(OutcomeStatus.FAILED, f"{ref} did not stand before the call")
        status = OutcomeStatus.SUCCEEDED if gone else OutcomeStatus.FAILED
        return Outcome(status, f"{ref} {'is gone' if gone else 'still stands'}")
    if recipe.fingerprint(stood) != recipe.fingerprint(stands):
        return Outcome(OutcomeStatus.SUCCEEDED, f"{ref} has changed as it was asked to")
    if stood is None:
        return Outcome(OutcomeStatus.FAILED, f"{ref} does not stand")
    if _would_differ(recipe, operation, stood):
        return Outcome(
            OutcomeStatus.FAILED, f"{ref} is as it was before the call, which would have changed it"
        )
    # what it declares is as it was: data may have changed, or the call may have asked for what stood already
    return Outcome(
        OutcomeStatus.UNCERTAIN, f"{ref} is as it was before the call, as far as its configuration goes"
    )


def _would_differ(recipe: Recipe, operation: Operation, stood: dict[str, Any]) -> bool:
    """Whether the recipe knows what the operation leaves, and that is not what stood. Of what is sealed nothing is known."""
    try:
        wanted = recipe.written(operation.name, operation.parameters, stood)
    except Exception:  # noqa: BLE001  # a request of any shape
        return False
    if wanted is None or b'"$sealed"' in canonical(wanted):
        return False
    return any(without_nothing(stood.get(field)) != without_nothing(value) for field, value in wanted.items())


def _verified(change: Change, now: Captures) -> Outcome:
    """Whether each resource stands as the last operation on it leaves it: a role is emptied, and then deleted."""
    said: list[str] = []
    last = {ref: operation for operation in change.operations for ref in own(operation)}
    for ref, operation in last.items():
        recipe = recipes.for_kind(ref.kind)
        if recipe is None:
            said.append(f"{ref}: the service said so; there is no recipe to read it back")
            continue
        if str(ref) not in now.states:
            why = "; ".join(now.unknowns)
            return Outcome(OutcomeStatus.UNCERTAIN, f"{ref} cannot be read back: {why}")
        stands = now.states[str(ref)] is not None
        left = recipe.leaves(operation.name, operation.parameters, ref)
        if left is Leaves.GONE and len(change.operations) == 1 and stands:
            return Outcome(OutcomeStatus.FAILED, f"{ref} still stands")
        if left is Leaves.STANDING and not stands:
            return Outcome(OutcomeStatus.FAILED, f"{ref} does not stand")
        said.append(f"{ref} {'is gone' if not stands else 'stands'}, read back")
    return Outcome(OutcomeStatus.SUCCEEDED, "; ".join(said))
