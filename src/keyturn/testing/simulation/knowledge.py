"""What is known and what is allowed in a simulated account: a provider and a policy, both as plain as they can be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from keyturn.core import quorum
from keyturn.core.ports import Assessing, Captures, Drill, Facts, Inquiry, Scope, UndoPlan, Vaults
from keyturn.errors import UnavailableError
from keyturn.model.assessment import Alternative, Assessment, Reversibility
from keyturn.model.canonical import digest
from keyturn.model.change import Change, Effect, Lane, Operation, Request, ResourceRef
from keyturn.model.decision import Decision, Obligations, Reason, Verdict
from keyturn.model.execution import (
    Backup,
    Call,
    Outcome,
    OutcomeStatus,
    Refused,
    Role,
    Succeeded,
    Unavailable,
    Upkeep,
)
from keyturn.model.quorum import Quorum
from keyturn.model.radius import Radius

FLOORS = {"Set": Effect.UPDATE, "Create": Effect.CREATE, "Delete": Effect.DELETE, "Wipe": Effect.DELETE}

TREE: Final = quorum.parse("1 of crew and 1 of guards")

SETTLE_READS = 8
"""Equal reads until an unanswered call counts as never having taken effect; the runtime spaces them over some seconds."""


def thing(name: str) -> ResourceRef:
    """The simulated account's only kind of resource. A name that begins with p is production."""
    return ResourceRef(provider="sim", partition="sim", account="1", region="here", kind="sim:thing", id=name)


def operation(action: str, parameters: dict[str, Any]) -> Operation:
    return Operation(
        provider="sim",
        name=f"sim:{action}",
        parameters=parameters,
        resources=(thing(parameters["name"]),),
        floor=FLOORS[action],
        partition="sim",
        account="1",
        region="here",
        payload_sha256="0" * 64,
    )


def request(action: str, parameters: dict[str, Any]) -> Request:
    return Request(
        operation=action,
        parameters=parameters,
        method="POST",
        target="/",
        headers=(),
        body=b"",
        protocol="sim",
        service="sim",
        signing_name="sim",
        region="here",
    )


def _call(name: str, parameters: dict[str, Any], role: Role = Role.READ) -> Call:
    return Call(operation=f"sim:{name}", parameters=parameters, account="1", region="here", role=role)


class SimulatedProvider:
    """See `keyturn.core.ports.Provider`."""

    name = "sim"

    def lane(self, operation: Operation) -> Lane:
        return Lane.CHANGE

    def _take(self, change: Change) -> Inquiry[Captures]:
        refs = change.resources
        answers = yield tuple(_call("Get", {"name": ref.id}) for ref in refs)
        states: dict[str, dict[str, Any] | None] = {}
        unknowns = []
        for ref, answer in zip(refs, answers, strict=True):
            match answer:
                case Succeeded():
                    states[str(ref)] = answer.value
                case Refused(code="NotFound"):
                    states[str(ref)] = None
                case _:
                    unknowns.append(f"{ref} could not be read")
        return Captures(states=states, unknowns=tuple(unknowns), digest="" if unknowns else digest(states))

    def assess(self, change: Change, requests: tuple[Request, ...], *, at_ms: int) -> Inquiry[Assessing]:
        captures = yield from self._take(change)
        effects = tuple(one.floor for one in change.operations)
        worst = max(effects, key=lambda effect: effect.severity)
        production = any(ref.id.startswith("p") for ref in change.resources)
        ways, calls = _narrower(change, captures, at_ms)
        return Assessing(
            assessment=Assessment(
                effect=Effect.REPLACE if {Effect.DELETE, Effect.CREATE} <= set(effects) else worst,
                effects=effects,
                reversibility=Reversibility.R4 if _lost(change) else Reversibility.R2,
                environment="production" if production else "test",
                state_digest=captures.digest,
                unknowns=captures.unknowns,
                alternatives=ways,
            ),
            captures=captures,
            narrow_calls=calls,
        )

    def radius(self, change: Change, assessing: Assessing, *, at_ms: int) -> Inquiry[Radius] | None:
        return None

    def recapture(self, change: Change, requests: tuple[Request, ...]) -> Inquiry[Captures]:
        return (yield from self._take(change))

    def backup(
        self, change: Change, captures: Captures, *, case_id: str, at_ms: int
    ) -> Inquiry[tuple[Backup, ...]]:
        made = []
        for ref in change.resources:
            if captures.states.get(str(ref)) is None:
                continue
            backup_id = f"{case_id}-{ref.id}"
            yield (_call("Backup", {"name": ref.id, "id": backup_id}, Role.BACKUP),)
            (proof,) = yield (_call("GetBackup", {"name": ref.id, "id": backup_id}),)
            if not isinstance(proof, Succeeded) or proof.value != captures.states[str(ref)]:
                raise UnavailableError("unproved", f"the backup of {ref} is not what was captured")
            made.append(
                Backup(
                    resource=ref,
                    state_digest=captures.digest,
                    watermark={},
                    reference=backup_id,
                    manifest="",
                    taken_at_ms=at_ms,
                    verified_at_ms=at_ms,
                    verified_by="read back",
                )
            )
        return tuple(made)

    def no_backup(self, change: Change, captures: Captures) -> str:
        return ""  # it is found out in the middle of it

    def manifest(self, change: Change, backup: Backup, captures: Captures) -> str:
        return backup.reference

    def scope(self, change: Change) -> Scope:
        names = ",".join(ref.id for ref in change.resources)
        return Scope(actions=(), resources=(), policy=names, narrowed=True)

    def reconcile(self, change: Change, before: Captures) -> Inquiry[Outcome]:
        if len(change.operations) > 1 or change.undoes:
            return Outcome(OutcomeStatus.UNCERTAIN, "which step took effect cannot be told")
        wanted = _target(change.operations[0])
        for _ in range(SETTLE_READS):
            now = yield from self._take(change)
            if now.unknowns:
                return Outcome(OutcomeStatus.UNCERTAIN, now.unknowns[0])
            (standing,) = now.states.values()
            (earlier,) = before.states.values() if before.states else (None,)
            if standing == wanted and earlier == wanted:
                return Outcome(OutcomeStatus.UNCERTAIN, "it was so before")
            if standing == wanted:
                return Outcome(OutcomeStatus.SUCCEEDED, "read back")
            if standing != earlier:
                return Outcome(OutcomeStatus.UNCERTAIN, "it is neither as before nor as asked")
        return Outcome(OutcomeStatus.FAILED, "nothing changed")

    def verify(self, change: Change, requests: tuple[Request, ...], before: Captures) -> Inquiry[Outcome]:
        now = yield from self._take(change)
        if now.unknowns:
            return Outcome(OutcomeStatus.UNCERTAIN, now.unknowns[0])
        last = {str(one.resources[0]): _target(one) for one in change.operations}
        if now.states == last:
            return Outcome(OutcomeStatus.SUCCEEDED, "read back")
        if now.states == before.states:
            return Outcome(OutcomeStatus.FAILED, "it is as it was before")
        return Outcome(OutcomeStatus.UNCERTAIN, "somebody else has changed it since")

    def plan_undo(
        self, change: Change, before: Captures, backups: tuple[Backup, ...], *, again: Change | None = None
    ) -> UndoPlan:
        operations = tuple(
            operation("Set", {"name": ref.id, "value": state["value"], "token": f"undo-{ref.id}"})
            for ref in change.resources
            if (state := before.states.get(str(ref))) is not None
        )
        gone = _needs_backup(change, before) - {backup.resource for backup in backups}
        if gone:
            why = f"there is no backup of {', '.join(sorted(map(str, gone)))}"
            return UndoPlan((), (), possible=False, why=why)
        return UndoPlan(operations=operations, loss=(), possible=bool(operations), why="nothing stood")

    def upkeep(self, backup: Backup) -> Upkeep:
        return Upkeep(size_bytes=None, usd_month=0.0, says="simulated")

    def files(self, change: Change, backup: Backup, captures: Captures) -> Inquiry[Mapping[str, bytes]]:
        return {}
        yield ()

    @property
    def vaults(self) -> Vaults | None:
        return None

    def plan_retire(self, backups: tuple[Backup, ...]) -> tuple[Operation, ...]:
        return tuple(
            msgspec.structs.replace(
                operation("Delete", {"name": backup.resource.id, "id": backup.reference}),
                name="sim:DropBackup",
            )
            for backup in backups
        )

    def retire(self, backup: Backup) -> Inquiry[None]:
        given = {"name": backup.resource.id, "id": backup.reference}
        (answer,) = yield (_call("DropBackup", given, Role.BACKUP),)
        if not isinstance(answer, Succeeded):  # in doubt: it is looked up before anything is said of it
            raise UnavailableError("unavailable", f"whether {backup.reference} was removed is not known")

    def drill(self, ref: ResourceRef, *, drill_id: str, at_ms: int) -> Inquiry[Drill]:
        raise UnavailableError("no-scratch", "a sim:thing cannot be restored under another name")
        yield ()

    def drill_save(self, drill: Drill, *, at_ms: int) -> Inquiry[Drill]:
        return drill
        yield ()

    def drill_restore(self, drill: Drill) -> Inquiry[tuple[str, ...]]:
        raise UnavailableError("no-scratch", "a sim:thing cannot be restored under another name")
        yield ()

    def drill_clean(self, drill: Drill) -> Inquiry[None]:
        return
        yield ()

    def unlike(
        self,
        ref: ResourceRef,
        expected: dict[str, Any] | None,
        now: dict[str, Any] | None,
        *,
        made: bool = False,
    ) -> tuple[str, ...]:
        return () if expected == now else (f"{ref} is otherwise",)

    def took_effect(self, call: Call, since_ms: int) -> Inquiry[Succeeded | bool | None]:
        if call.operation == "sim:DropBackup":
            (found,) = yield (_call("GetBackup", call.parameters),)
            return isinstance(found, Refused) if not isinstance(found, Unavailable) else None
        wanted = {"value": call.parameters["value"]}
        for _ in range(SETTLE_READS):
            (now,) = yield (_call("Get", {"name": call.parameters["name"]}),)
            if isinstance(now, Unavailable):
                return None
            if now == Succeeded(wanted):
                return True
        return False

    def moved(self, told: tuple[str, ...]) -> dict[str, str]:
        return {}  # what comes back here has the name it had

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
        for ref in change.resources:
            state = before.states.get(str(ref))
            if state is None:
                continue
            saved = next((backup for backup in backups if backup.resource == ref), None)
            if saved is not None:
                (found,) = yield (_call("GetBackup", {"name": ref.id, "id": saved.reference}),)
                if isinstance(found, Refused):
                    raise UnavailableError("no-backup", f"{saved.reference} is gone")
            call = _call("Restore", {"name": ref.id, "value": state["value"]}, Role.CHANGE)
            (answer,) = yield (call,)
            if isinstance(answer, Unavailable):  # in doubt: the world says whether it was restored
                (now,) = yield (_call("Get", {"name": ref.id}),)
                if now != Succeeded(state):
                    raise TimeoutError(f"whether {ref} was restored is not known")
        return ()

    def render(self, operation: Operation, parameters: dict[str, Any]) -> str:
        return f"sim {operation.action} {parameters}"


def _narrower(
    change: Change, captures: Captures, at_ms: int
) -> tuple[tuple[Alternative, ...], tuple[Call, ...]]:
    """Instead of a thing's delete: it is set to something else, and stays."""
    first = change.operations[0]
    standing = captures.states.get(str(first.resources[0]))
    if first.action != "Delete" or standing is None or change.by_person:
        return (), ()
    parameters = {
        "name": first.parameters["name"],
        "token": f"{first.parameters['token']}-narrow-{at_ms}",
        "value": standing["value"] + 500_000,
    }
    way = Alternative((operation("Set", parameters),), (), "it can be set in place", "nothing", exact=True)
    return (way,), (_call("Set", parameters, Role.CHANGE),)


def _lost(change: Change) -> bool:
    """What is deleted of this one does not come back."""
    return any(one.floor is Effect.DELETE and one.resources[0].id == "p2" for one in change.operations)


def _needs_backup(change: Change, before: Captures) -> set[ResourceRef]:
    """What was deleted of production, and stood: its value is in nothing but the backup."""
    return {
        ref
        for one in change.operations
        for ref in one.resources
        if one.action == "Delete" and ref.id.startswith("p") and before.states.get(str(ref)) is not None
    }


def _target(one: Operation) -> dict[str, Any] | None:
    return None if one.action in {"Delete", "Wipe"} else {"value": one.parameters["value"]}


class SimulatedPolicy:
    """See `keyturn.core.ports.PolicyEngine`. `strict` is the same with one notch more; `people`: teams are asked for, and break-glass is allowed."""

    def __init__(self, *, people: bool = False) -> None:
        self.strict, self.people = False, people

    @property
    def digest(self) -> str:
        return "policy:strict" if self.strict else "policy:usual"

    def trees(self) -> tuple[Quorum, ...]:
        return (TREE,) if self.people else ()

    def answer(self, change: Change, assessment: Assessment, facts: Facts) -> Decision:
        verdict, obligations = self._usual(change, assessment, facts)
        if self.people and verdict is Verdict.HOLD and not change.undoes:
            needs = (TREE,) if obligations.quorum == 2 else ()
            obligations = msgspec.structs.replace(obligations, needs=needs, break_glass=True, escalate_s=12)
        if self.strict and verdict is Verdict.ALLOW:
            verdict, obligations = Verdict.HOLD, Obligations(quorum=1)
        elif self.strict and assessment.effect is Effect.DELETE and not change.undoes:
            verdict = Verdict.DENY
        return Decision(
            verdict=verdict,
            reasons=(Reason(policy="sim", message=f"{assessment.effect} in {assessment.environment}"),),
            obligations=obligations,
            policy_digest=self.digest,
        )

    def _usual(self, change: Change, assessment: Assessment, facts: Facts) -> tuple[Verdict, Obligations]:
        production = assessment.environment == "production"
        if any(one.action == "Wipe" for one in change.operations):
            return Verdict.DENY, Obligations()
        if facts.suggest_only:
            return Verdict.SUGGEST, Obligations()
        if facts.frozen:
            return Verdict.HOLD, Obligations(quorum=3)
        if change.undoes:
            return (Verdict.HOLD, Obligations(quorum=1)) if production else (Verdict.ALLOW, Obligations())
        if assessment.unknowns:
            return Verdict.HOLD, Obligations(quorum=2)
        if assessment.effect in {Effect.DELETE, Effect.REPLACE}:
            return Verdict.HOLD, Obligations(quorum=2 if production else 1, backup=production)
        if assessment.effect is Effect.UPDATE and production:
            return Verdict.HOLD, Obligations(quorum=1, restore_on_failure=True)
        return Verdict.ALLOW, Obligations()
