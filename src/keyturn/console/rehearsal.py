"""The plan of a rehearsal as plain data: its steps with before and after, what they hand on to each other, what was not seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from keyturn.core.case import Case
from keyturn.model.assessment import TAKES_AWAY, RehearsedStep
from keyturn.model.change import Binding, Effect, Operation
from keyturn.model.execution import OutcomeStatus
from keyturn.model.rehearsal import Plan

_GOES: Final = frozenset({Effect.DELETE, Effect.REPLACE})
_SYMBOLS: Final = {Effect.CREATE: "+", Effect.DELETE: "-", Effect.REPLACE: "-/+"}


def of_case(case: Case) -> dict[str, Any] | None:
    """The plan that a case is; None where it is none."""
    change, assessment = case.change, case.assessment
    if change is None or change.rehearsed is None or assessment is None or not assessment.rehearsed:
        return None
    found = steps(assessment.rehearsed, change.operations, change.rehearsed.bindings)
    for one, outcome in zip(found, case.outcomes, strict=False):
        one["became"] = "done" if outcome.status is OutcomeStatus.SUCCEEDED else str(outcome.status)
    return {
        "id": change.rehearsed.id,
        "digest": change.rehearsed.digest,
        "steps": found,
        "worst": [one["number"] for one in found if one["takes_away"]],
        "unseen": list(change.rehearsed.unseen),
        "done": sum(one["became"] == "done" for one in found),
    }


def of_plan(plan: Plan) -> dict[str, Any]:
    """What a rehearsal came to, before it is a case."""
    return {
        "id": plan.id,
        "agent": plan.agent,
        "operator": plan.operator,
        "steps": steps(plan.steps, plan.operations, plan.bindings),
        "worst": str(plan.worst),
        "copied": [str(one.resource) for one in plan.copied if one.made],
        "refused": list(plan.refused),
        "unseen": list(plan.unseen),
        "obstacles": list(plan.obstacles),
    }


def steps(
    rehearsed: Sequence[RehearsedStep], operations: Sequence[Operation], bindings: Sequence[Binding]
) -> list[dict[str, Any]]:
    """Each step, in its order."""
    return [
        {
            "number": number,
            "operation": step.operation,
            "resources": [str(ref) for ref in step.resources],
            "effect": str(step.effect),
            "symbol": _SYMBOLS.get(step.effect, "~"),
            "takes_away": step.effect in _GOES or any(one.kind in TAKES_AWAY for one in step.findings),
            "reversibility": str(step.reversibility),
            "findings": [{"code": one.code, "message": one.message} for one in step.findings],
            "differences": msgspec.to_builtins(step.differences),
            "unread": list(step.unread),
            "parameters": msgspec.to_builtins(operation.parameters),
            "takes": [
                {"value": one.value, "output": one.output, "step": one.by + 1}
                for one in bindings
                if one.step == number - 1 != one.by
            ],
            "became": "",
        }
        for number, (step, operation) in enumerate(zip(rehearsed, operations, strict=True), 1)
    ]
