"""What an agent has earned. Autonomy rests on evidence, per agent and class of effect."""

from __future__ import annotations

import msgspec


class Standing(msgspec.Struct, frozen=True):
    """What the log shows of one agent in one class: counts, never a score."""

    agent: str
    effect: str
    asked: int = 0
    alone: int = 0  # let through by policy, with no person
    confirmed: int = 0
    failed: int = 0
    rejected: int = 0
    undone: int = 0
