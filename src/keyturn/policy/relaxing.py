"""What a change of policy lets through, in lines for whoever has to agree to it: the worst first, each with an example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from keyturn.policy.facts import Value
from keyturn.policy.symbols import OTHER, Witness, remarkable

if TYPE_CHECKING:
    from keyturn.policy.proving import Area, Difference

LINES_MAX: Final = 40
"""More than anybody reads before she agrees; `keyturn policy diff` has them all."""

LINE_CHARS_MAX: Final = 400


def relaxed(found: Difference) -> tuple[str, ...]:
    """One line for each area; none where it is proved that nothing becomes more permissive."""
    lines = [_line(area) for area in found.areas]
    lines += [f"NOT PROVED: {what}: too much to look through" for what in found.unfinished]
    left = len(lines) - LINES_MAX
    shown = [line[:LINE_CHARS_MAX] for line in lines[:LINES_MAX]]
    return (*shown, f"and {left} more: keyturn policy diff lists them") if left > 0 else tuple(shown)


def _line(area: Area) -> str:
    said = f"{area.what}: {where(area)}, e.g. {example(area.witness)}"
    if not area.shown:
        return f"NOT PROVED: {said}"
    return f"{said}; it was {', '.join(area.before.policies) or 'no policy'}, it is {', '.join(area.after.policies) or 'no policy'}"


def where(area: Area) -> str:
    """Of which requests it is true."""
    return f"{area.effect} {'in' if area.production else 'outside'} production"


def example(witness: Witness) -> str:
    """One request, with the facts that are remarkable about it."""
    facts = [f"{name}={_value(value)}" for name, value in remarkable(witness).items()]
    name = witness.action.name.replace(":KeyturnOther", ":*").replace("aws:keyturnother:*", "any operation")
    who = f"{witness.actor.type.lower()} {witness.actor.id}".removesuffix(f" {OTHER}")
    return f"{name} by {'an' if who == 'agent' else 'a' if who == 'person' else ''} {who}: ".replace(
        "  ", " "
    ) + (" ".join(facts))


def _value(value: Value) -> str:
    if isinstance(value, list):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
