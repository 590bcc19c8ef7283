"""Rules: what is true of an operation beyond its name, exact (`exact`) and by the shape of the request (`generic`).

A rule is one function that looks at a `Context` and says what matters, or nothing. It names its code, its operations, the
class of trouble, how bad that is, and the page it rests on; its docstring says what that page says. A rule without operations
is a generic detector: it looks at what no exact rule looks at. Most exact rules are rows of a table (`table`, `tables`);
functions are for what needs code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, Final, Protocol, SupportsIndex, TypeVar

import msgspec

from keyturn.model.assessment import Finding, Kind, Reversibility
from keyturn.model.change import Effect, Operation, ResourceRef
from keyturn.providers.aws.items import Items
from keyturn.providers.aws.unread_value import unread_in


class Authority(msgspec.Struct, frozen=True):
    """What a role may do at worst, as its policies say. `effect` None: they could not be read."""

    role: str
    effect: Effect | None
    worst: tuple[str, ...] = ()  # some of the actions that are the worst
    bounded: bool = False  # it can change nobody's permissions, its own included
    why: str = ""  # why it is not known


class Context(msgspec.Struct, frozen=True):
    """What a rule sees: the operation, its real parameters, and what stands (None: certainly absent; missing: unknown)."""

    operation: Operation
    parameters: dict[str, Any]
    states: dict[str, dict[str, Any] | None]
    items: Items = Items()  # what stands where DynamoDB writes go
    live: Mapping[str, Any] = MappingProxyType({})  # what was read for its rows, by the reading's name
    authority: Authority | None = None  # what the role may do that the operation gives something to run
    ours: tuple[str, ...] = ()  # names of the roles that the plane itself works with, as it is configured
    memo: dict[str, Any] = {}  # what several rules work out alike, once a request

    @property
    def unread(self) -> frozenset[str]:
        """Members of the request that are given and could not be read."""
        found: frozenset[str] | None = self.memo.get("unread")
        if found is None:
            found = self.memo["unread"] = unread_in(self.parameters)
        return found

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


class Doubt(msgspec.Struct, frozen=True):
    """A rule cannot say, since a fact it depends on was not read: an unknown of the assessment, in words."""

    about: str
    unread: str = ""  # the rule's code, where all that it looks at could not be read of the request


Fired = tuple[str, dict[str, Any]] | Said | Doubt | None
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
    last: bool = False  # a generic detector that says something only where no exact rule does
    looks_at: frozenset[str] | None = None  # its paths; None: it knows its operations whole

    def ask(self, context: Context) -> Finding | None:
        """The finding, when the rule has one; a doubt is none."""
        found = self.answer(context)
        return None if isinstance(found, Doubt) else found

    def answer(self, context: Context) -> Finding | Doubt | None:
        """The finding, or what it would take to know. A rule that fails has found that it cannot be judged: never raises."""
        try:
            fired = self.look(context)
        except Exception as error:  # noqa: BLE001  # fail closed: what a rule cannot read is not harmless
            return _opaque(self.code, context, error)
        if fired is None:
            if self.operations and self.looks_at is None and context.unread:
                return Doubt(f"what {', '.join(sorted(context.unread))} says", unread=self.code)
            return None
        if isinstance(fired, Doubt):
            return fired
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


class Registry(list[Rule]):
    """Every rule. What belongs to an operation is worked out once, and anew when a rule is put in or taken out."""

    def append(self, rule: Rule) -> None:
        super().append(rule)
        _anew()

    def remove(self, rule: Rule) -> None:
        super().remove(rule)
        _anew()

    def pop(self, index: SupportsIndex = -1) -> Rule:
        _anew()
        return super().pop(index)


REGISTRY: Final = Registry()
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
    last: bool = False,
    looks_at: frozenset[str] | None = None,
) -> Callable[[Callable[[Context], Fired]], Callable[[Context], Fired]]:
    """Puts a function among the rules; without operations it is a generic detector. With `looks_at` it knows of its operations
    only these paths.
    """

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
                last=last,
                looks_at=looks_at,
            )
        )
        return look

    return put


def rules_for(name: str) -> tuple[Rule, ...]:
    """The exact rules of an operation, then the generic detectors; where a function knows the operation whole, only those
    that are for everywhere.
    """
    return _belonging(name)


class Speaking(Protocol):
    """What speaks of some operations, by name: a rule, a row."""

    @property
    def operations(self) -> Iterable[str]: ...


SpeakingT = TypeVar("SpeakingT", bound=Speaking)


def by_operation(speaking: Iterable[SpeakingT]) -> dict[str, list[SpeakingT]]:
    """Those that speak of each operation, in their order."""
    found: dict[str, list[SpeakingT]] = {}
    for one in speaking:
        for name in one.operations:
            found.setdefault(name, []).append(one)
    return found


@cache
def _own() -> dict[str, list[Rule]]:
    """The exact rules by operation."""
    return by_operation(REGISTRY)


def _anew() -> None:
    """What was worked out of the rules is worked out again."""
    _own.cache_clear()
    _belonging.cache_clear()
    _generic.cache_clear()
    looked_at.cache_clear()


@lru_cache(maxsize=32_768)  # more than there are operations
def _belonging(name: str) -> tuple[Rule, ...]:
    own = _own().get(name, ())
    return (*own, *_generic(whole=any(rule.looks_at is None for rule in own)))


@cache
def _generic(*, whole: bool) -> tuple[Rule, ...]:
    """The generic detectors; where a function knows an operation whole, those that are for everywhere."""
    return tuple(rule for rule in REGISTRY if not rule.operations and (rule.everywhere or not whole))


@lru_cache(maxsize=32_768)
def looked_at(name: str) -> frozenset[str]:
    """The paths of an operation that rows look at, and what holds them: generic detectors do not say it again."""
    paths = frozenset().union(*(rule.looks_at or () for rule in _own().get(name, ())))
    held = {path[:place] for path in paths for place, letter in enumerate(path) if letter in ".[{"}
    return paths | {path.removesuffix("[]") for path in held}


from keyturn.providers.aws.rules import (  # noqa: E402, F401  # they put their rules into the registry
    delegation_supplied,
    exact,
    exposure,
    generic,
    generic_doings,
    handing_out,
    pointing,
    takings,
    unsaid,
    words,
)
