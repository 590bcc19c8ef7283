"""Rules: what is true of an operation beyond its name, exact (`exact`) and by the shape of the request (`generic`).

A rule is one function that looks at a `Context` and says what matters, or nothing. It names its code, its operations, the
class of trouble, how bad that is, and the page it rests on; its docstring says what that page says. A rule without operations
is a generic detector: it looks at what has no exact rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from keyturn.model.assessment import Finding, Kind, Reversibility
from keyturn.model.change import Effect, Operation, ResourceRef


class Context(msgspec.Struct, frozen=True):
    """What a rule sees: the operation, its real parameters, and what stands (None: certainly absent; missing: unknown)."""

    operation: Operation
    parameters: dict[str, Any]
    states: dict[str, dict[str, Any] | None]

    @property
    def ref(self) -> ResourceRef:
        """The resource the operation is about."""
        return self.operation.resources[0]

    @property
    def state(self) -> dict[str, Any] | None:
        """What stands of it; None when it is absent, and when it is not known (`states` tells which)."""
        return self.states.get(str(self.ref))

    def state_of(self, kind: str, name: str) -> dict[str, Any] | None:
        """What stands of another resource that was read beside it."""
        return self.states.get(f"{kind}/{name}")


Fired = tuple[str, dict[str, Any]] | None
"""The message and its evidence, or nothing."""


class Rule(msgspec.Struct, frozen=True):
    """A rule with what the docs say of it."""

    code: str
    operations: frozenset[str]
    kind: Kind
    effect: Effect
    reversibility: Reversibility
    source: str
    says: str
    look: Callable[[Context], Fired]

    def ask(self, context: Context) -> Finding | None:
        """The finding, when the rule has one; whatever the rule raises is for the caller to take as a doubt."""
        fired = self.look(context)
        if fired is None:
            return None
        message, evidence = fired
        return Finding(
            code=self.code,
            kind=self.kind,
            message=message,
            effect=self.effect,
            reversibility=self.reversibility,
            resources=context.operation.resources,
            source=self.source,
            evidence=evidence,
        )


REGISTRY: Final[list[Rule]] = []
"""Every rule, exact ones first."""


def rule(
    code: str,
    operations: Sequence[str],
    kind: Kind,
    effect: Effect,
    reversibility: Reversibility,
    source: str,
) -> Callable[[Callable[[Context], Fired]], Callable[[Context], Fired]]:
    """Puts a function among the rules; without operations it is a generic detector."""

    def put(look: Callable[[Context], Fired]) -> Callable[[Context], Fired]:
        REGISTRY.append(
            Rule(
                code=code,
                operations=frozenset(operations),
                kind=kind,
                effect=effect,
                reversibility=reversibility,
                source=source,
                says=" ".join((look.__doc__ or "").split()),
                look=look,
            )
        )
        return look

    return put


from keyturn.providers.aws.rules import exact, generic  # noqa: E402, F401  # they put their rules into the registry
