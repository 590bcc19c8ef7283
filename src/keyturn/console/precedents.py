"""How it went before: cases like this one in the last thirty days, and what became of them; and names that are alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from keyturn.core.case import Case

WINDOW_MS: Final = 30 * 24 * 3_600_000
"""Older ones were decided by other people on another system."""

NAMED_MAX: Final = 5

Like = tuple[frozenset[str], frozenset[str], bool]


def like_of(case: Case) -> Like:
    """Equal for cases that are precedents of each other: the same operations, on the same kinds of resources."""
    if case.change is None:
        return frozenset(), frozenset(), False
    names = frozenset(operation.name for operation in case.change.operations)
    return names, frozenset(one.kind for one in case.change.resources), bool(case.change.undoes)


def precedents(mine: dict[str, Any], rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Counts of the cases before this one that are like it, and the last few of them; `ours` are those of the same agent.

    An approval that led nowhere is counted as approved, and what was taken back as undone.
    """
    last, first = mine["opened_at_ms"], mine["opened_at_ms"] - WINDOW_MS
    found = [
        row
        for row in rows
        if row["precedent"] == mine["precedent"]
        and row["id"] != mine["id"]
        and first <= row["opened_at_ms"] <= last
    ]
    return {
        "days": WINDOW_MS // 86_400_000,
        "count": len(found),
        "ours": sum(row["agent"] == mine["agent"] for row in found),
        "approved": sum(row["approved"] for row in found),
        "allowed": sum(row["verdict"] == "allow" for row in found),
        "denied": sum(row["phase"] in {"rejected", "denied"} for row in found),
        "undone": sum(bool(row["undone_by"]) for row in found),
        "failed": sum(row["phase"] in {"failed", "restore_failed"} for row in found),
        "open": sum(row["open"] for row in found),
        "last": [
            {"id": row["id"], "phase": row["phase"], "agent": row["agent"], "at_ms": row["opened_at_ms"]}
            for row in sorted(found, key=lambda one: -one["opened_at_ms"])[:NAMED_MAX]
        ],
    }


def resembling(mine: dict[str, Any], rows: Iterable[dict[str, Any]]) -> list[str]:
    """For each name of the case that looks like a name in another case, and is another: which."""
    own, names = mine["skeletons"], set(mine["resources"])
    found = {
        f"{own[bones]} looks like {name}, which is another"
        for row in rows
        for bones, name in row["skeletons"].items()
        if bones in own and name not in names
    }
    return sorted(found)
