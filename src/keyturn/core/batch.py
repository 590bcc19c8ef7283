"""Several like cases under one review: what may be decided at one go, and the Merkle root that names it.

Each case keeps its own request and binding; the root over them (RFC 6962, leaves are the bindings, in the order of the cases'
numbers) says what else was decided with it. All or nothing: what one member stands against stands against all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from keyturn.core.case import Case, Phase
from keyturn.core.chain import Tree
from keyturn.model.assessment import Reversibility
from keyturn.model.change import Effect
from keyturn.model.review import NotAccepted

BATCH_MAX: Final = 20
"""More is not looked at one by one any more, and each of them is a change."""

_DESTROYS: Final = frozenset({Effect.DELETE, Effect.REPLACE})


def in_order(cases: Sequence[Case]) -> tuple[Case, ...]:
    """By their numbers; the order of the leaves."""
    return tuple(sorted(cases, key=lambda case: int(case.id.rpartition("-")[2])))


def root(cases: Sequence[Case]) -> str:
    """The Merkle root over the bindings of these cases, as ``sha256:`` and hex."""
    tree = Tree()
    for case in in_order(cases):
        binding = case.request.digest if case.request else ""
        tree.add(bytes.fromhex(binding.rpartition(":")[2]))
    return f"sha256:{tree.root().hex()}"


def no_batch(cases: Sequence[Case]) -> NotAccepted | None:
    """Why these cases are not to be decided at one go; None when they may be."""
    if len({case.id for case in cases}) != len(cases) or not 2 <= len(cases) <= BATCH_MAX:
        return NotAccepted("no-batch", f"a batch is 2 to {BATCH_MAX} different cases, not {len(cases)}")
    first = _alike(cases[0])
    for case in cases:
        alone = stands_alone(case)
        if alone:
            return NotAccepted("no-batch", f"{case.id} is decided by itself: {alone}")
        other = next((name for name, mine in _alike(case).items() if mine != first[name]), "")
        if other:
            return NotAccepted("no-batch", f"{case.id} is not like {cases[0].id}: it has another {other}")
    return None


def stands_alone(case: Case) -> str:
    """Why this case is in no batch; empty when it may be in one."""
    if case.phase is not Phase.HELD or case.request is None or case.assessment is None or case.change is None:
        return f"it is {case.phase}"
    if case.assessment.destructive or any(one.floor in _DESTROYS for one in case.change.operations):
        return "it takes something away"
    if case.assessment.reversibility > Reversibility.R2:
        return f"it is {case.assessment.reversibility}, hard to take back"
    if case.assessment.unknowns:
        return "not everything about it could be determined"
    if case.request.signed:
        return "its approval is signed by itself"
    return "it is the undo of another" if case.change.undoes else ""


def _alike(case: Case) -> dict[str, object]:
    """What all members share."""
    change, request, decision, assessment = case.change, case.request, case.decision, case.assessment
    return {
        "agent": change.principal.agent if change else "",
        "operator": change.principal.operator if change else "",
        "operation": tuple(one.name for one in change.operations) if change else (),
        "environment": assessment.environment if assessment else "",
        "effect": assessment.effect if assessment else None,
        "reason": tuple(reason.policy for reason in decision.reasons) if decision else (),
        "quorum": (request.quorum, request.needs) if request else (),
    }


def like(case: Case, others: Sequence[Case]) -> tuple[Case, ...]:
    """The case with those of `others` that may be decided with it, oldest first, as many as a batch takes; none: it stands alone."""
    if stands_alone(case):
        return ()
    alike = _alike(case)
    found = [
        other
        for other in in_order(
            [other for other in others if other.phase is Phase.HELD and other.id != case.id]
        )
        if not stands_alone(other) and _alike(other) == alike
    ]
    return in_order([case, *found[: BATCH_MAX - 1]]) if found else ()
