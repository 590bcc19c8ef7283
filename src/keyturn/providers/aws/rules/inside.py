"""What a call contains counts as what it does: the parts of templates, change sets, targets, definitions and scripts, a rule for each kind of trouble.

Where everything in a stack call was read, and nothing of it is unknown, its effect is the worst of its parts; otherwise it is what its name says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws.rules import Context, Fired, Said, later, patched, rule, stack_parts
from keyturn.providers.aws.rules.parts import PARTS_MAX, Found, Inside, found

R1, R3, R4 = Reversibility.R1, Reversibility.R3, Reversibility.R4
SOURCE: Final = "Keyturn: what a call contains is judged as the operations that it causes"
STACKS: Final = frozenset({"cloudformation:CreateStack", "cloudformation:UpdateStack", "cloudformation:ExecuteChangeSet"})  # fmt: skip
"""Calls that are the worst of their parts where these are known."""

ROLES_MAX: Final = 5
"""Roles of one call that are read; what the others may do is not known."""

READERS: Final[dict[str, Callable[[Context], Inside | None]]] = {
    **dict.fromkeys(STACKS, stack_parts.inside),
    **dict.fromkeys(later.OPERATIONS, later.inside),
    **dict.fromkeys(patched.OPERATIONS, patched.inside),
}
"""Operation -> what reads its parts."""


def inside(context: Context) -> Inside | None:
    """The parts of a call; None where it contains none that are read. Worked out once a request."""
    if "inside" not in context.memo:
        reader = READERS.get(context.operation.name)
        context.memo["inside"] = reader(context) if reader is not None else None
    made = context.memo["inside"]
    return made if isinstance(made, Inside) else None


def by_kind(context: Context) -> Mapping[Kind, list[Found]]:
    """What is found of the parts, the worst first."""
    if "found" not in context.memo:
        context.memo["found"] = by_kind_of(inside(context) or Inside(), context)
    kept: Mapping[Kind, list[Found]] = context.memo["found"]
    return kept


def by_kind_of(contained: Inside, context: Context) -> dict[Kind, list[Found]]:
    """The same of parts that were read already."""
    made: dict[Kind, list[Found]] = {}
    for part in contained.parts[:PARTS_MAX]:
        worst = {one.kind: one for one in sorted(found(part, context), key=_worst_first, reverse=True)}
        for one in worst.values():
            made.setdefault(one.kind, []).append(one)
    if len(contained.parts) > PARTS_MAX:
        why = f"the call: it has more than {PARTS_MAX} parts, which are not all read."
        made.setdefault(Kind.OPAQUE, []).append(Found(Kind.OPAQUE, Effect.EXECUTE, R3, why))
    return {kind: sorted(each, key=_worst_first) for kind, each in made.items()}


def roles(context: Context) -> list[str]:
    """Roles of the account that parts act with: what they may do is read before the parts are judged."""
    try:
        contained = inside(context)
    except Exception:  # noqa: BLE001  # a document of any shape: the rules say that it cannot be judged
        return []
    named = [one.role for one in contained.parts if one.role] if contained is not None else []
    return list(dict.fromkeys(named))[:ROLES_MAX]


def _worst_first(one: Found) -> tuple[int, bool, str]:
    """Of the same effect what says more than its name stands first."""
    return -one.effect.severity, one.message.endswith(" is called."), one.message


def floor(context: Context) -> Effect | None:
    """What a stack call is where all of it is known; None where it is what its name says."""
    if context.operation.name not in STACKS:
        return None
    try:
        contained = inside(context)
        if contained is None or not contained.whole or contained.unknowns or Kind.OPAQUE in by_kind(context):
            return None
    except Exception:  # noqa: BLE001  # a template of any shape: what fails is not known
        return None
    return Effect.CREATE if context.operation.name == "cloudformation:CreateStack" else Effect.UPDATE


_SAYS: Final[dict[Kind, tuple[str, Effect, Reversibility, str]]] = {
    Kind.DATA_LOSS: ("PRT001", Effect.DELETE, R4, "A part of the call deletes what holds data, or data in it."),
    Kind.REPLACE: ("PRT002", Effect.REPLACE, R3, "A part of the call takes something away and makes it anew."),
    Kind.OUTAGE: ("PRT003", Effect.UPDATE, R3, "A part of the call stops something, or leaves less of it."),
    Kind.PROTECTION_STRIP: ("PRT004", Effect.UPDATE, R1, "A part of the call takes a guard off something."),
    Kind.BACKUP_STRIP: ("PRT005", Effect.DELETE, R4, "A part of the call takes away the means of getting something back."),
    Kind.DELEGATED_AUTHORITY: ("PRT006", Effect.EXECUTE, R1, "A part of the call gives authority to somebody, or to something that acts later."),
    Kind.EXPOSURE: ("PRT007", Effect.PERMISSION, R1, "A part of the call opens something to people outside."),
    Kind.BLIND: ("PRT008", Effect.UPDATE, R1, "A part of the call switches off what watches."),
    Kind.SECRET: ("PRT009", Effect.SECRET, R4, "A part of the call hands out a secret."),
    Kind.OVERWRITE: ("PRT010", Effect.UPDATE, R3, "A part of the call writes over what stands."),
    Kind.OPAQUE: ("PRT011", Effect.EXECUTE, R3, "A part of the call cannot be read, or does what cannot be judged."),
}  # fmt: skip
"""A rule for each kind: code, effect and reversibility at worst, sentence."""


def _asks(kind: Kind) -> Callable[[Context], Fired]:
    def look(context: Context) -> Fired:
        listed = by_kind(context).get(kind)
        if not listed:
            return None
        more = f" And {len(listed) - 1} more like it." if len(listed) > 1 else ""
        told = {"parts": [one.message for one in listed[:10]], "count": len(listed)}
        bounded = all(one.evidence.get("bounded") is True for one in listed)
        return Said(
            f"In it, {listed[0].message}{more}",
            {**told, "bounded": True} if bounded else told,
            effect=max((one.effect for one in listed), key=lambda each: each.severity),
            reversibility=max(one.reversibility for one in listed),
        )

    look.__doc__ = _SAYS[kind][3]
    return look


for _kind, (_code, _effect, _reversibility, _says) in _SAYS.items():
    rule(_code, tuple(READERS), _kind, _effect, _reversibility, SOURCE, looks_at=frozenset())(_asks(_kind))
