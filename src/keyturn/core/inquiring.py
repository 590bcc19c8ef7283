"""One step of an inquiry, for whoever drives it (ADR 0006): the plane, a twin, a drill, an explanation."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.model.execution import Answer, Call

T = TypeVar("T")


class Done(msgspec.Struct, Generic[T], frozen=True):
    """The inquiry is over, with this result."""

    result: T


def go_on(inquiry: Inquiry[T], answers: tuple[Answer, ...] | None) -> tuple[Call, ...] | Done[T]:
    """What the inquiry asks next, or its result. `answers` are those to what it asked last; None begins it. What it raises is raised."""
    try:
        return next(inquiry) if answers is None else inquiry.send(answers)
    except StopIteration as stop:
        return Done(stop.value)
