"""How it went before: cases like this one in the last thirty days, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from keyturn.core.case import Case, Phase
from keyturn.core.lifecycle import TERMINAL

WINDOW_MS: Final = 30 * 24 * 3_600_000
"""Older ones were decided by other people on another system."""

NAMED_MAX: Final = 5


def precedents(case: Case, others: Iterable[Case]) -> dict[str, Any]:
    """Counts of earlier cases with the same operations on the same kinds of resources, and the last few of them.

    `ours` are those of the same agent. An approval that led nowhere is counted as approved, and what was taken back as undone.
    """
    mine = _like(case)
    found = [
        other
        for other in others
        if other.id != case.id
        and other.seq
        and case.opened_at_ms - WINDOW_MS <= other.opened_at_ms <= case.opened_at_ms
        and _like(other) == mine
    ]
    agent = _agent(case)
    return {
        "days": WINDOW_MS // 86_400_000,
        "count": len(found),
        "ours": sum(_agent(other) == agent for other in found),
        "approved": sum(other.approved_at_ms is not None for other in found),
        "allowed": sum(bool(other.decision and other.decision.verdict == "allow") for other in found),
        "denied": sum(other.phase in {Phase.REJECTED, Phase.DENIED} for other in found),
        "undone": sum(bool(other.undone_by) for other in found),
        "failed": sum(other.phase in {Phase.FAILED, Phase.RESTORE_FAILED} for other in found),
        "open": sum(other.phase not in TERMINAL for other in found),
        "last": [
            {"id": other.id, "phase": str(other.phase), "agent": _agent(other), "at_ms": other.opened_at_ms}
            for other in sorted(found, key=lambda one: -one.opened_at_ms)[:NAMED_MAX]
        ],
    }


def _like(case: Case) -> tuple[frozenset[str], frozenset[str], bool]:
    if case.change is None:
        return frozenset(), frozenset(), False
    names = frozenset(operation.name for operation in case.change.operations)
    return names, frozenset(one.kind for one in case.change.resources), bool(case.change.undoes)


def _agent(case: Case) -> str:
    return case.change.principal.agent if case.change else ""
