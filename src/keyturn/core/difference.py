"""A difference between two values, taken apart into the single settings that differ: what a page and a terminal show."""

from __future__ import annotations

import json
from typing import Any


def short(value: Any) -> str:
    """A value in one line; what is sealed says so, with the end of its digest, so that equal values look equal."""
    if is_sealed(value):
        to = f", to {value['$to']}" if "$to" in value else ""
        return f"sealed …{str(value['$sealed'])[-6:]}{to}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {short(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(short(inner) for inner in value) + "]"
    return value if isinstance(value, str) else json.dumps(value)


def leaves(difference: dict[str, Any]) -> list[dict[str, Any]]:
    """One difference as the single values that differ: a map of forty settings, of which one changed, is one row.

    Each is ``path``, ``before``, ``after``, ``symbol`` (``+ ~ -``).
    """
    found: list[dict[str, Any]] = []
    _compare(difference.get("path", ""), difference.get("before"), difference.get("after"), found)
    return found


def is_sealed(value: Any) -> bool:
    """Whether it is the digest of a secret, in its place; with where it goes, if it is an address."""
    return isinstance(value, dict) and set(value) in ({"$sealed"}, {"$sealed", "$to"})


def _compare(path: str, before: Any, after: Any, into: list[dict[str, Any]]) -> None:
    both = isinstance(before, dict) and isinstance(after, dict)
    if both and not is_sealed(before) and not is_sealed(after):
        for key in sorted({*before, *after}):
            if before.get(key) != after.get(key):
                _compare(f"{path}.{key}" if path else str(key), before.get(key), after.get(key), into)
        return
    symbol = "+" if before is None else "-" if after is None else "~"
    into.append({"path": path, "before": before, "after": after, "symbol": symbol})
