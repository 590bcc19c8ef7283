"""A request as symbols: what policies can tell of one, for z3, so that something can be said of all requests at once.

The subset of Cedar that is understood is what policies over `FACTS` are written in: comparisons with literals, sets, and, or, not, if. What is outside of
it (patterns, arithmetic, dates, comparing two texts) makes its whole policy a free symbol that may be true or false whatever the request,
and may err: nothing is proved that would rest on it. Every constraint below holds of every real request, so what no symbol can do no request can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
import z3
from cedarpy import pst

from keyturn.core.ports import Facts
from keyturn.model.assessment import Assessment
from keyturn.model.change import READ_EFFECTS, Change, Effect, ResourceRef
from keyturn.policy.facts import FACTS, NEVER_S, NON_PRODUCTION, WORDS, Value, context_of, is_production
from keyturn.policy.schema import CHANGES, READS, RESOURCE_ATTRIBUTES, Action, action_of
from keyturn.policy.slices import Actor, named_actions
from keyturn.policy.source import Policy, nodes
from keyturn.policy.terms import (
    ORDER,
    Members,
    OutsideError,
    Text,
    Words,
    contains,
    contains_all,
    contains_any,
    same,
    word_for,
)

EFFECTS: Final = tuple(Effect)
OTHER: Final = "keyturn-other"
"""Stands for every text that no policy names: they cannot tell one from another."""

OTHER_NON_PRODUCTION: Final = "Staging "
"""An environment that no policy names, and that is no production."""

USUAL: Final = ("production", "staging")
"""Environments that examples are in where they may be."""

ELSEWHERE: Final = "aws:keyturnother"
LONG_MAX: Final = 2**63 - 1

_AS_EVER: Final = {
    "operations": 1,
    "resources_touched": 1,
    "recover_s": NEVER_S,
    "capacity_left": 100,
    "serving_left": NEVER_S,
}
"""Of a request in which nothing is remarkable; 0 for all other counts."""

_PERCENT: Final = frozenset({"share_of_kind", "capacity_left"})
_AT_MOST: Final = {"reversibility": 4, "reversibility_drilled": 4} | dict.fromkeys(_PERCENT, 100)


class Witness(msgspec.Struct, frozen=True):
    """One request, as policies are asked: nothing about it is symbolic any more."""

    action: Action
    actor: Actor
    resource: ResourceRef
    facts: dict[str, Value]


class Symbols:
    """The symbols of one request, over the words that these policies know. `known`: the floor of every ``service:Operation`` AWS has."""

    def __init__(self, policies: Iterable[Policy], known: Mapping[str, Effect] | None = None) -> None:
        policies = tuple(policies)
        self._words = self._all_words(policies)
        self._number = {word: number for number, word in enumerate(self._words)}
        self._free: dict[str, tuple[Any, Any]] = {}
        self.outside: dict[str, str] = {}  # policies that are free symbols -> why
        self._actions = self._all_actions(policies)
        self.action, self.floor = z3.Int("action"), z3.Int("floor")
        self.person, self.who = z3.Bool("person"), z3.Int("who")
        self.resource = {name: z3.Int(f"resource.{name}") for name, _ in RESOURCE_ATTRIBUTES}
        self.facts: dict[str, Any] = {}
        self.always: list[Any] = [
            z3.And(self.action >= 0, self.action < len(self._actions)),
            z3.And(self.floor >= 0, self.floor < len(EFFECTS)),
            self._some_word(self.who),
            *map(self._some_word, self.resource.values()),
        ]
        self._declare()
        self._relate(known or {})

    # --- what there is -----------------------------------------------------------------------------------------------

    @staticmethod
    def _all_words(policies: tuple[Policy, ...]) -> tuple[str, ...]:
        found = {
            OTHER,
            OTHER_NON_PRODUCTION,
            *USUAL,
            *NON_PRODUCTION,
            *(word for of in WORDS.values() for word in of),
        }
        for policy in policies:
            for node in nodes((policy.parsed.clauses, policy.parsed.principal)):
                if isinstance(node, pst.StringLit):
                    found.add(node.value)
                elif isinstance(node, pst.EntityUid) and str(node.type) in {"Agent", "Person"}:
                    found.add(node.id)
        for service in _services(policies):
            found.add(service.partition(":")[2])
        return tuple(sorted(found))

    @staticmethod
    def _all_actions(policies: tuple[Policy, ...]) -> tuple[str, ...]:
        """``provider:service:Operation``: each that is named, another one of each service that is named, and one of no such service."""
        named = {name for policy in policies for name in named_actions(policy) if name.count(":") == 2}
        others = {f"{service}:KeyturnOther" for service in (*_services(policies), ELSEWHERE)}
        return tuple(sorted(named | others))

    def _some_word(self, symbol: Any) -> Any:
        return z3.And(symbol >= 0, symbol < len(self._words))

    def _declare(self) -> None:
        for fact in FACTS:
            name = f"context.{fact.name}"
            if fact.type == "Bool":
                self.facts[fact.name] = z3.Bool(name)
            elif fact.type == "Long":
                symbol = self.facts[fact.name] = z3.Int(name)
                self.always.append(z3.And(symbol >= 0, symbol <= _AT_MOST.get(fact.name, LONG_MAX)))
            elif fact.type == "String":
                symbol = z3.Int(name)
                self.facts[fact.name] = Text(symbol, literal=False)
                allowed = [symbol == self._number[word] for word in fact.words]
                self.always.append(z3.Or(allowed) if allowed else self._some_word(symbol))
            else:
                words = fact.words or self._words
                self.facts[fact.name] = Members(
                    {self._number[word]: z3.Bool(f"{name}[{word}]") for word in words}
                )

    def _relate(self, known: Mapping[str, Effect]) -> None:
        """One thing that is told twice is told alike: each line is so of every request that the plane asks about."""
        facts, add = self.facts, self.always.append
        outside = [self._number[word] for word in self._words if not is_production(word)]
        environment = facts["environment"].number
        add(facts["production"] == z3.Not(z3.Or([environment == number for number in outside])))
        effect, members = facts["effect"].number, facts["effects"].of
        add(z3.And([z3.Implies(effect == number, symbol) for number, symbol in members.items()]))
        for worst in EFFECTS:
            worse = [members[self._number[one]] for one in EFFECTS if one.severity > worst.severity]
            add(z3.Implies(effect == self._number[worst], z3.Not(z3.Or(worse))))
        drilled, level = facts["reversibility_drilled"], facts["reversibility"]
        add(z3.Or(drilled == level, z3.And(level == 3, drilled == 4, z3.Not(facts["drilled"]))))
        add(z3.Implies(z3.Not(facts["recover_known"]), facts["recover_s"] == NEVER_S))
        add(facts["human"] == self.person)
        add(z3.Implies(self.person, facts["operator"].number == self.who))
        add(facts["operations"] >= 1)
        services = facts["services"].of
        for place, name in enumerate(self._actions):
            here = self.action == place
            provider, _, spelt = name.partition(":")
            service = self._number.get(spelt.partition(":")[0])
            if service is not None:
                add(z3.Implies(here, services[service]))
            if provider == "aws" and spelt in known:
                add(z3.Implies(here, self.floor == EFFECTS.index(Effect(known[spelt]))))

    # --- policies ----------------------------------------------------------------------------------------------------

    def matched(self, policy: Policy) -> tuple[Any, Any]:
        """Whether it is satisfied (for a forbid: or errs), and whether it errs; free symbols where it is outside of the subset."""
        try:
            parsed = policy.parsed
            parts = [self._actor(parsed.principal), self._scope(parsed.action), self._thing(parsed.resource)]
            for clause in parsed.clauses:
                met = self._bool(clause.expr)
                parts.append(met if isinstance(clause, pst.When) else z3.Not(met))
            return z3.And(parts), z3.BoolVal(False)
        except OutsideError as why:
            self.outside[policy.id] = str(why)
            return self._freely(policy)

    def _freely(self, policy: Policy) -> tuple[Any, Any]:
        """The same conditions are the same symbol, wherever they stand: they are met by the same requests."""
        parsed = policy.parsed
        key = repr((policy.permits, parsed.principal, parsed.action, parsed.resource, parsed.clauses))
        if key not in self._free:
            number = len(self._free)
            self._free[key] = z3.Bool(f"outside{number}"), z3.Bool(f"outside{number}.errs")
        met, errs = self._free[key]
        return (z3.And(met, z3.Not(errs)) if policy.permits else z3.Or(met, errs)), errs

    def _actor(self, scope: pst.PrincipalOrResourceConstraint) -> Any:
        match scope:
            case pst.ScopeAny():
                return z3.BoolVal(True)
            case pst.ScopeIs(kind):
                return self._is(str(kind))
            case pst.ScopeEq(pst.EntityUid() as uid) | pst.ScopeIn(pst.EntityUid() as uid):
                return self._is_who(uid)
            case pst.ScopeIsIn(kind, pst.EntityUid() as uid):
                return z3.And(self._is(str(kind)), self._is_who(uid))
        raise OutsideError("its principal is none that is known")

    def _is(self, kind: str) -> Any:
        return {"Person": self.person, "Agent": z3.Not(self.person)}.get(kind, z3.BoolVal(False))

    def _is_who(self, uid: pst.EntityUid) -> Any:
        return z3.And(self._is(str(uid.type)), self.who == self._number[uid.id])

    def _scope(self, scope: pst.ActionConstraint) -> Any:
        match scope:
            case pst.ActionEq(uid):
                return self._acts((uid,), within=False)
            case pst.ActionIn(uids):
                return self._acts(uids, within=True)
        return z3.BoolVal(True)

    def _acts(self, uids: Iterable[pst.EntityUid], *, within: bool) -> Any:
        ways = []
        for uid in uids:
            ways += [self.action == place for place, name in enumerate(self._actions) if name == uid.id]
            if within:
                ways += [
                    self.action == place
                    for place, name in enumerate(self._actions)
                    if name.rpartition(":")[0] == uid.id
                ]
                ways += [
                    self.floor == place
                    for place, effect in enumerate(EFFECTS)
                    if uid.id in (effect.value, READS if effect in READ_EFFECTS else CHANGES)
                ]
        return z3.Or(ways)

    @staticmethod
    def _thing(scope: pst.PrincipalOrResourceConstraint) -> Any:
        match scope:
            case pst.ScopeAny():
                return z3.BoolVal(True)
            case pst.ScopeIs(kind):
                return z3.BoolVal(str(kind) == "Resource")
        raise OutsideError("it names one resource in its scope")

    # --- expressions -------------------------------------------------------------------------------------------------

    def _bool(self, node: pst.Expr) -> Any:
        found = self._term(node)
        if z3.is_bool(found):
            return found
        raise OutsideError("a condition that is no yes or no")

    def _term(self, node: pst.Expr) -> Any:
        match node:
            case pst.BoolLit(value):
                return z3.BoolVal(value)
            case pst.LongLit(value):
                return z3.IntVal(value)
            case pst.StringLit(value):
                return Text(self._number[value], literal=True)
            case pst.Set(elements):
                return self._set(elements)
            case pst.GetAttr(pst.Var("context"), name) if name in self.facts:
                return self.facts[name]
            case pst.GetAttr(pst.Var("resource"), name) if name in self.resource:
                return Text(self.resource[name], literal=False)
            case pst.HasAttr(pst.Var("context"), names) if all(name in self.facts for name in names):
                return z3.BoolVal(True)
            case pst.UnaryOp("not", inner):
                return z3.Not(self._bool(inner))
            case pst.UnaryOp("is_empty", inner):
                return self._empty(self._term(inner))
            case pst.Is(pst.Var("principal"), kind, None):
                return self._is(str(kind))
            case pst.Is(pst.Var("resource"), kind, None):
                return z3.BoolVal(str(kind) == "Resource")
            case pst.IfThenElse(cond, yes, no):
                return z3.If(self._bool(cond), self._bool(yes), self._bool(no))
            case pst.BinaryOp():
                return self._binary(node)
        raise OutsideError(word_for(node))

    def _set(self, elements: tuple[pst.Expr, ...]) -> Words:
        terms = [self._term(element) for element in elements]
        if not all(isinstance(term, Text) and term.literal for term in terms):
            raise OutsideError("a set that is not of texts")
        return Words(frozenset(term.number for term in terms))

    @staticmethod
    def _empty(term: Any) -> Any:
        if isinstance(term, Members):
            return z3.Not(z3.Or(list(term.of.values())))
        raise OutsideError("isEmpty() of what is no fact")

    def _binary(self, node: pst.BinaryOp) -> Any:
        if isinstance(node.left, pst.Var):
            return self._of_entity(node)
        if node.op in {"and", "or"}:
            join: Callable[[Any, Any], Any] = z3.And if node.op == "and" else z3.Or
            return join(self._bool(node.left), self._bool(node.right))
        left, right = self._term(node.left), self._term(node.right)
        if node.op in {"eq", "not_eq"}:
            alike = same(left, right)
            return alike if node.op == "eq" else z3.Not(alike)
        if node.op in ORDER and z3.is_int(left) and z3.is_int(right):
            return ORDER[node.op](left, right)
        if node.op == "contains":
            return contains(left, right)
        if node.op == "contains_all":
            return contains_all(left, right)
        if node.op == "contains_any":
            return contains_any(left, right)
        raise OutsideError(word_for(node))

    def _of_entity(self, node: pst.BinaryOp) -> Any:
        """Principal or action, compared with what is written out."""
        variable = node.left.name if isinstance(node.left, pst.Var) else ""
        named = node.right.elements if isinstance(node.right, pst.Set) else (node.right,)
        uids = [one.value for one in named if isinstance(one, pst.EntityLit)]
        plain = node.op == "in" or (node.op in {"eq", "not_eq"} and not isinstance(node.right, pst.Set))
        if len(uids) != len(named) or not plain or variable not in {"action", "principal"}:
            raise OutsideError(word_for(node))
        if variable == "action":
            found = self._acts(uids, within=node.op == "in")
        else:
            found = z3.Or([self._is_who(uid) for uid in uids])
        return z3.Not(found) if node.op == "not_eq" else found

    def allows(self, change: Change, assessment: Assessment, facts: Facts) -> bool:
        """Whether what is taken to hold of every request holds of this one; for tests, which would find a request of which it does not."""
        values = msgspec.json.decode(context_of(change, assessment, facts))
        first = change.operations[0]
        name = f"{first.provider}:{first.name}"
        service = name.rpartition(":")[0]
        fixed = [
            self.action
            == self._actions.index(name if name in self._actions else _other(service, self._actions)),
            self.floor == EFFECTS.index(first.floor),
            self.person == facts.human,
        ]
        for fact in FACTS:
            symbol, value = self.facts[fact.name], values[fact.name]
            if isinstance(symbol, Text):
                fixed.append(symbol.number == self._number_of(value))
            elif isinstance(symbol, Members):
                there = {self._number_of(one) for one in value}
                fixed += [one == (number in there) for number, one in symbol.of.items()]
            else:
                fixed.append(symbol == value)
        solver = z3.Solver()
        solver.add(*self.always, *fixed)
        return bool(solver.check() == z3.sat)

    def _number_of(self, word: str) -> int:
        if word in self._number:
            return self._number[word]
        return self._number[OTHER if is_production(word) else OTHER_NON_PRODUCTION]

    # --- back --------------------------------------------------------------------------------------------------------

    def is_word(self, fact: str, word: str) -> Any:
        """That this fact, a text, is this word."""
        return self.facts[fact].number == self._number[word]

    def usual(self) -> list[Any]:
        """What an example should be like where it need not be otherwise: nothing was found, nothing relies on it, an agent asks."""
        facts = self.facts
        wanted = [z3.Not(self.person)]
        for fact in FACTS:
            symbol = facts[fact.name]
            if fact.type == "Bool" and fact.name != "production":
                wanted.append(z3.Not(symbol))
            elif fact.type == "Long":
                wanted.append(symbol == _AS_EVER.get(fact.name, 0))
            elif fact.type == "Set<String>":
                wanted += [z3.Not(one) for one in symbol.of.values()]
        wanted.append(z3.Or([self.is_word("environment", word) for word in USUAL]))
        other = self._number[OTHER]
        wanted += [
            symbol == other for symbol in (*self.resource.values(), facts["operator"].number, self.who)
        ]
        names = [place for place, name in enumerate(self._actions) if name == f"{ELSEWHERE}:KeyturnOther"]
        return [*wanted, *(self.action == place for place in names)]

    def witness(self, model: Any) -> Witness:
        """The request of a model of z3's."""

        def number(symbol: Any) -> int:
            return int(model.eval(symbol, model_completion=True).as_long())

        def yes(symbol: Any) -> bool:
            return bool(z3.is_true(model.eval(symbol, model_completion=True)))

        def value(symbol: Any) -> Value:
            if isinstance(symbol, Text):
                return self._words[number(symbol.number)]
            if isinstance(symbol, Members):
                return sorted(self._words[word] for word, there in symbol.of.items() if yes(there))
            return yes(symbol) if z3.is_bool(symbol) else number(symbol)

        provider, _, name = self._actions[number(self.action)].partition(":")
        action = action_of(provider, name, EFFECTS[number(self.floor)])
        resource = {name: self._words[number(symbol)] for name, symbol in self.resource.items()}
        return Witness(
            action=action,
            actor=Actor("Person" if yes(self.person) else "Agent", self._words[number(self.who)]),
            resource=ResourceRef(**resource),
            facts={name: value(symbol) for name, symbol in self.facts.items()},
        )


def _other(service: str, actions: tuple[str, ...]) -> str:
    """Another operation of the service, or one of a service that nobody names."""
    here = f"{service}:KeyturnOther"
    return here if here in actions else f"{ELSEWHERE}:KeyturnOther"


def remarkable(witness: Witness) -> dict[str, Value]:
    """The facts of it that are not as they mostly are: what makes it an example."""
    return {
        fact.name: value
        for fact in FACTS
        if (value := witness.facts[fact.name]) not in (False, [], OTHER)
        and not (fact.type == "Long" and value == _AS_EVER.get(fact.name, 0))
        and fact.name not in {"effect", "production", "services"}
    }


def _services(policies: Iterable[Policy]) -> frozenset[str]:
    """``provider:service`` of every action and service that is named."""
    names = {name for policy in policies for name in named_actions(policy) if ":" in name}
    return frozenset(":".join(name.split(":")[:2]) for name in names)
