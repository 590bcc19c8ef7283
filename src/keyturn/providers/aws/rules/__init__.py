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
from keyturn.providers.aws.items import Items


class Context(msgspec.Struct, frozen=True):
    """What a rule sees: the operation, its real parameters, and what stands (None: certainly absent; missing: unknown)."""

    operation: Operation
    parameters: dict[str, Any]
    states: dict[str, dict[str, Any] | None]
    items: Items = Items()  # what stands where DynamoDB writes go

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


class Said(msgspec.Struct, frozen=True):
    """What a rule says where its effect, reversibility or kind is not always the same; None takes the rule's own."""

    message: str
    evidence: dict[str, Any] = {}
    effect: Effect | None = None
    reversibility: Reversibility | None = None
    kind: Kind | None = None


Fired = tuple[str, dict[str, Any]] | Said | None
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
    everywhere: bool = False  # a generic detector that is asked even where there are exact rules

    def ask(self, context: Context) -> Finding | None:
        """The finding, when the rule has one. A rule that fails has found that it cannot be judged: never raises."""
        try:
            fired = self.look(context)
        except Exception as error:  # noqa: BLE001  # fail closed: what a rule cannot read is not harmless
            return _opaque(self.code, context, error)
        if fired is None:
            return None
        said = fired if isinstance(fired, Said) else Said(*fired)
        return Finding(
            code=self.code,
            kind=said.kind or self.kind,
            message=said.message,
            effect=said.effect or self.effect,
            reversibility=said.reversibility or self.reversibility,
            resources=context.operation.resources,
            source=self.source,
            evidence=said.evidence,
        )


def _opaque(code: str, context: Context, error: Exception) -> Finding:
    return Finding(
        code="KEYTURN002",
        kind=Kind.OPAQUE,
        message=f"Rule {code} could not judge this request ({type(error).__name__}).",
        effect=Effect.EXECUTE,
        reversibility=Reversibility.R4,
        resources=context.operation.resources,
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
    *,
    everywhere: bool = False,
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
                everywhere=everywhere,
            )
        )
        return look

    return put


def rules_for(name: str) -> list[Rule]:
    """The exact rules of an operation; where there is none, the generic detectors; those that are for everywhere, always."""
    own = [rule for rule in REGISTRY if name in rule.operations]
    return [*own, *(rule for rule in REGISTRY if not rule.operations and (rule.everywhere or not own))]


from keyturn.providers.aws.rules import exact, exposure, generic  # noqa: E402, F401  # they put their rules into the registry
