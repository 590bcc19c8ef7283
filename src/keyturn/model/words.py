"""How sentences of every part say a number of things."""

from __future__ import annotations


def counted(count: int, what: str) -> str:
    """``1 alarm``, ``0 alarms``, ``2,000 alarms``: of what takes an s."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
