"""What a rule is: one function that looks at one operation and says what matters about it.

A rule names its code, its operations, the class of trouble it speaks of and the page it rests on; its docstring says what
that page says. It sees the real parameters and what stands now, and may only raise: an effect, a doubt, a warning. The
exceptions are in `dryrun`. A generic detector looks at every operation; an exact rule may stand in its place (`instead_of`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from keyturn.model.assessment import Finding, Kind, Reversibility
from keyturn.model.change import Effect, Operation, ResourceRef
from keyturn.providers.aws.items import Items
from keyturn.providers.aws.recipes.base import State

EVERY: Final = ("*",)
"""A generic detector's operations."""


class Look(msgspec.Struct, frozen=True):
    """What a rule sees of one operation. `states` holds what was read (None: certainly absent); what is not in it is unknown."""

    operation: Operation
    parameters: dict[str, Any]
    states: dict[str, State | None] = {}
    items: Items = Items()

    @property
    def ref(self) -> ResourceRef:
        """The resource the operation is about."""
        return self.operation.resources[0]

    @property
    def known(self) -> bool:
        """Whether it was found out what stands."""
        return str(self.ref) in self.states

    @property
    def state(self) -> State:
        """What stands; empty when it is absent or unknown (`known` and `stands` tell which)."""
        return self.states.get(str(self.ref)) or {}

    @property
    def stands(self) -> bool:
        return self.states.get(str(self.ref)) is not None

    @property
    def absent(self) -> bool:
        """Certainly absent; not the same as unknown."""
        return self.known and not self.stands

    def state_of(self, kind: str, name: str) -> State | None:
        """What stands of another resource of the change or around it; None when absent or unknown."""
        return self.states.get(f"{kind}/{name}")


class Said(msgspec.Struct, frozen=True):
    """What a rule has to say; the rest of the finding is the rule's own."""

    message: str
    effect: Effect
    reversibility: Reversibility
    evidence: dict[str, Any] = {}
    kind: Kind | None = None  # where the rule's kind does not fit this case


class Rule(msgspec.Struct, frozen=True):
    """A rule with what is said about it in the docs."""

    code: str
    operations: tuple[str, ...]
    kind: Kind
    source: str
    says: str
    look: Callable[[Look], Iterator[Said]]
    instead_of: tuple[str, ...] = ()

    def applies(self, name: str) -> bool:
        return self.operations == EVERY or name in self.operations

    def findings(self, look: Look) -> Iterator[Finding]:
        for said in self.look(look):
            yield Finding(
                code=self.code,
                kind=said.kind or self.kind,
                message=said.message,
                effect=said.effect,
                reversibility=said.reversibility,
                resources=look.operation.resources[:1],
                source=self.source,
                evidence=said.evidence,
            )


RULES: Final[list[Rule]] = []
"""Every rule, in the order of the files that hold them."""


def rule(
    code: str, *operations: str, kind: Kind, source: str, instead_of: tuple[str, ...] = ()
) -> Callable[[Callable[[Look], Iterator[Said]]], Callable[[Look], Iterator[Said]]]:
    """Puts a function among the rules. Without operations it is a generic detector for all of them."""

    def put(look: Callable[[Look], Iterator[Said]]) -> Callable[[Look], Iterator[Said]]:
        RULES.append(
            Rule(
                code=code,
                operations=operations or EVERY,
                kind=kind,
                source=source,
                says=" ".join((look.__doc__ or "").split()),
                look=look,
                instead_of=instead_of,
            )
        )
        return look

    return put


def walk(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, str, Any]]:
    """(path, last name, value) of everything in parameters, containers included, to a depth no honest request passes."""
    if depth > 32:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            here = f"{path}.{name}" if path else str(name)
            yield here, str(name), inner
            yield from walk(inner, here, depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from walk(inner, f"{path}[{index}]", depth + 1)
