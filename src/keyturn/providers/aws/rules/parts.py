"""Parts: the operations that a call contains (a template's resources, a schedule's target, a script's lines), each judged as itself.

A part is judged by the rules of its own operation. What stands is read for the call, not for its parts: a rule that would have to know is in
doubt, and the doubt counts. A part whose parameters are not all known is not taken for harmless where one of those decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import READ_EFFECTS, Effect, Operation
from keyturn.providers.aws import catalogue
from keyturn.providers.aws.languages.intrinsics import unknown_in
from keyturn.providers.aws.operation import operation_from
from keyturn.providers.aws.resources import Home
from keyturn.providers.aws.rules import Authority, Context, Doubt, Rule, rules_for
from keyturn.providers.aws.rules.shapes import APPENDS, families, leaves
from keyturn.providers.aws.wire_table import Service, Shape, input_of

_CODE: Final = re.compile(r"^[A-Z0-9]+\d{3}: ")
PARTS_MAX: Final = 500
"""As many resources as a template may have; what has more parts is not read to its end, and that is said."""

DECIDES: Final = frozenset({"protection", "skip", "force", "backup", "capacity", "state", "flag", "public", "removal"})  # fmt: skip
_DECIDES_AT_CREATE: Final = frozenset({"public"})
"""Members by which a call does harm or none: where one of them is not known, neither is the part."""


class Found(msgspec.Struct, frozen=True):
    """What is found of one part."""

    kind: Kind
    effect: Effect
    reversibility: Reversibility
    message: str
    evidence: dict[str, Any] = {}


class Part(msgspec.Struct, frozen=True):
    """One operation that a call contains. `label` is how it is called there; `unknown` says why it cannot be read."""

    name: str
    parameters: dict[str, Any] = {}
    label: str = ""
    stood: dict[str, Any] | None = None  # what its members are now, where that is known
    given: bool = True  # its parameters stand in the call; otherwise only its name does
    unknown: str = ""
    authority: Authority | None = None
    new: bool = False  # nothing stands of it
    state: dict[str, Any] | None = None  # what stands, as a recipe would capture it
    generic: bool = False  # judged by what its members are called, not by the rules of the call
    role: str = ""  # the name of the role that it acts with, where that is a role of the account
    finds: tuple[Found, ...] = ()  # what is true of it beyond its call
    stays: bool = False  # what it reads stays where it runs
    says: str = ""  # what it takes a guard off by, where that is no call


class Inside(msgspec.Struct, frozen=True):
    """All parts of a call. `whole`: there is nothing in it but these, and nothing of them is unknown."""

    parts: tuple[Part, ...] = ()
    unknowns: tuple[str, ...] = ()
    whole: bool = False


def found(part: Part, context: Context) -> list[Found]:
    """What the rules of the part's operation say of it; what cannot be judged is opaque."""
    if part.says:
        return [Found(Kind.PROTECTION_STRIP, Effect.UPDATE, Reversibility.R1, f"{part.label}: {part.says}.")]
    if part.unknown or not part.name:
        return [_opaque(part, part.unknown or "it is not known which operation that is")]
    try:
        return [*part.finds, *_judged(part, context)]
    except Exception as error:  # noqa: BLE001  # a document of any shape: what cannot be judged is not harmless
        return [_opaque(part, f"it could not be judged ({type(error).__name__})")]


def _judged(part: Part, context: Context) -> Iterator[Found]:
    inner = context_of(part, context)
    floor = inner.operation.floor
    if floor in READ_EFFECTS or (floor is Effect.SECRET and part.stays):
        return
    undecided = _undecided(part, floor)
    if undecided:
        yield _opaque(part, f"{', '.join(undecided[:3])} is not known before it runs")
    said: list[Kind] = []
    exactly = False
    for rule in rules_for(inner.operation.name):
        if part.generic and rule.operations:
            continue
        if _again(rule, said, exactly=exactly):
            continue
        one = rule.answer(inner)
        if isinstance(one, Doubt):
            yield _opaque(part, f"{_CODE.sub('', one.about)}, is not known")
        elif one is not None and one.kind is not Kind.NOTE:
            said.append(one.kind)
            exactly = exactly or bool(rule.operations)
            effect = max(one.effect, floor, key=lambda each: each.severity) if floor in _HARD else one.effect
            message = one.message.replace(f"{inner.ref}: ", "")
            if inner.ref.id == "*" or inner.ref.kind == "cloudcontrol:type":
                message = message.replace(str(inner.ref), "it")
            yield Found(one.kind, effect, one.reversibility, f"{part.label}: {message}", one.evidence)
    if not said and floor in _HARD and part.name not in APPENDS:
        back = catalogue.lookup(*part.name.split(":", 1)).reversibility
        yield Found(_HARD[floor], floor, back, f"{part.label}: {_name(part)} is called.")


_HARD: Final = {
    Effect.DELETE: Kind.DATA_LOSS,
    Effect.REPLACE: Kind.REPLACE,
    Effect.EXECUTE: Kind.OPAQUE,
    Effect.PERMISSION: Kind.DELEGATED_AUTHORITY,
    Effect.SECRET: Kind.SECRET,
}
"""Floors that are a finding by themselves, where no rule has one."""


def _name(part: Part) -> str:
    return part.name.partition(":")[2]


def _again(rule: Rule, said: list[Kind], *, exactly: bool) -> bool:
    """As `assess` has it: what an exact rule has found, a generic one does not find again."""
    if rule.operations or rule.everywhere:
        return False
    return (rule.last and exactly) or rule.kind in said


def context_of(part: Part, context: Context) -> Context:
    """The part as a context of its own."""
    service, _, action = part.name.partition(":")
    parameters = cased(service, action, part.parameters)
    live: dict[str, Any] = {} if part.stood is None else {"": cased(service, action, part.stood)}
    operation = operation_of(part.name, parameters, context.operation)
    states: dict[str, dict[str, Any] | None] = {}
    if part.new or part.state is not None:
        states[str(operation.resources[0])] = part.state
        live = live or {"": None}
    power = part.authority or context.memo.get("powers", {}).get(part.role)
    return Context(operation, parameters, states, live=live, authority=power)


def operation_of(name: str, parameters: dict[str, Any], beside: Operation) -> Operation:
    """The operation, in the account and region of another one."""
    service, _, action = name.partition(":")
    home = Home(beside.partition, beside.account, beside.region)
    return operation_from(service, action, parameters, home=home, seal=lambda _value: "inside")


def _undecided(part: Part, floor: Effect) -> list[str]:
    """Members by which it does harm or none, and which are not known."""
    if not part.given:
        return [] if floor in _HARD else ["what it is called with"]
    decides = _DECIDES_AT_CREATE if floor is Effect.CREATE else DECIDES
    return [
        leaf.path
        for leaf in leaves(part.parameters)
        if set(families(leaf.name)) & decides and unknown_in(leaf.value)
    ]


def _opaque(part: Part, why: str) -> Found:
    return Found(Kind.OPAQUE, Effect.EXECUTE, Reversibility.R3, f"{part.label}: {why}.")


def named(call: str, given: Mapping[str, Any], after: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The members with those that say what is meant: by what stands beside them, or by the name that it has where it is contained."""
    service, _, action = call.partition(":")
    taken = input_of(service, action)
    if taken is None:
        return dict(given)
    known, shape = taken
    said = {str(one).lower(): value for one, value in after.items() if isinstance(value, str)}
    there = {str(one).lower() for one in given}
    missing = [
        one
        for one in shape.required
        if one.lower() not in there and known.shape(shape.members[one].shape).kind == "string"
    ]
    return {**{one: said.get(one.lower(), name) for one in missing}, **given}


def members_of(call: str) -> frozenset[str]:
    """The members of a call's input."""
    service, _, action = call.partition(":")
    taken = input_of(service, action)
    return frozenset(taken[1].members) if taken is not None else frozenset()


def cased(service: str, action: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Members as the operation spells them, flags and numbers as what they are: templates and definitions write them otherwise."""
    taken = input_of(service, action)
    if taken is None:
        return {str(name): value for name, value in given.items()}
    known, shape = taken
    made: dict[str, Any] = _cased(known, shape, given, 0)
    return made


def _cased(known: Service, shape: Shape, value: Any, depth: int) -> Any:
    if depth > 12:
        return value
    if shape.kind == "structure" and isinstance(value, Mapping):
        spelled = {name.lower(): name for name in shape.members}
        made = {}
        for name, inner in value.items():
            member = spelled.get(str(name).lower())
            made[member or str(name)] = (
                _cased(known, known.shape(shape.members[member].shape), inner, depth + 1) if member else inner
            )
        return made
    if shape.kind == "list" and isinstance(value, list) and shape.element is not None:
        element = known.shape(shape.element.shape)
        return [_cased(known, element, one, depth + 1) for one in value]
    if shape.kind == "boolean" and isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    if shape.kind in {"integer", "long"} and isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    return value
