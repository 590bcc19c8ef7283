"""What the API answers of rehearsals and their plans; see `shapes`."""

from __future__ import annotations

from typing import Any

import msgspec


class TakenFrom(msgspec.Struct, frozen=True):
    """An id that the twin made up: live it is what step `step` answers at `output`."""

    value: str
    output: str
    step: int


class PlanStep(msgspec.Struct, frozen=True):
    """One step of a plan; `became` is empty until it was made live."""

    number: int
    operation: str
    resources: tuple[str, ...]
    effect: str
    symbol: str
    takes_away: bool
    reversibility: str
    findings: tuple[dict[str, str], ...]
    differences: tuple[dict[str, Any], ...]
    unread: tuple[str, ...]
    parameters: dict[str, Any]
    takes: tuple[TakenFrom, ...]
    became: str


class PlanShown(msgspec.Struct, frozen=True):
    """The plan that a case is. `worst`: the steps to look at first; `done`: how many were made live."""

    id: str
    digest: str
    steps: tuple[PlanStep, ...]
    worst: tuple[int, ...]
    unseen: tuple[str, ...]
    done: int


class RehearsalOpened(msgspec.Struct, frozen=True):
    """What the command of a rehearsal speaks to."""

    session: str
    access_key_id: str
    secret_access_key: str
    expires_at_ms: int
    endpoint_url: str
    region: str
