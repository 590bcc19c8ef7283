"""A history as a person reads it: journal and log in one order, what went wrong at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from keyturn.model.change import Change
from keyturn.model.decision import Decision
from keyturn.model.execution import Outcome
from keyturn.model.record import Entry
from keyturn.model.review import Review, ReviewRequest
from keyturn.testing.simulation.account import Happening
from keyturn.testing.simulation.clock import START_MS
from keyturn.testing.simulation.history import History

_TOO_LONG: Final = frozenset({"assessment", "grant", "backups", "said", "captures", "nonce", "at_ms"})


def tell(history: History, *, case_id: str = "") -> Iterator[str]:
    """Lines of the story; with `case_id` only what concerns that case."""
    yield f"seed {history.seed}: {history.about}"
    entries = iter(zip(history.entries, history.moments, strict=True))
    waiting = next(entries, None)
    for moment in range(len(history.journal) + 1):
        while waiting is not None and waiting[1] <= moment:
            if not case_id or waiting[0].case_id == case_id:
                yield f"{'':>10}  log      {_logged(waiting[0])}"
            waiting = next(entries, None)
        if moment < len(history.journal):
            happening = history.journal[moment]
            if not case_id or happening.case in {"", case_id}:
                yield _happened(happening)


def _happened(one: Happening) -> str:
    value = "gone" if one.value is None else one.value
    known = f"{one.thing}={value}" if one.thing else ""
    return f"{(one.at_ms - START_MS) / 1000:>9.3f}s  account  {one.case:5} {one.what} {known} {one.token}".rstrip()


def _logged(entry: Entry) -> str:
    event = entry.event()
    fields = {name: _short(getattr(event, name)) for name in event.__struct_fields__ if name not in _TOO_LONG}
    said = " ".join(f"{name}={value}" for name, value in fields.items() if value not in {"", "None"})
    return f"{entry.case_id:5} {type(event).__name__} {said}"


def _short(value: Any) -> str:
    match value:
        case Change():
            return " then ".join(f"{one.name}({one.parameters})" for one in value.operations)
        case Decision():
            return f"{value.verdict} quorum={value.obligations.quorum}"
        case ReviewRequest():
            return f"{value.quorum} of anybody but {', '.join(value.excluded)}"
        case Review():
            return f"{value.reviewer} {'yes' if value.approve else 'no'}"
        case Outcome():
            return f"{value.status} ({value.detail})"
        case tuple():
            return "; ".join(f"({step.number}) {step.detail}" for step in value if hasattr(step, "number"))
        case _:
            return str(value)
