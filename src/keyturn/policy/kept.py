"""Votes kept: policies see a few facts of a request, and requests that are alike in those get the same vote.

What a slice looks at is read from its parsed policies. Only what it cannot see is left out of the key, so that a kept vote is
the one that Cedar would give; votes with errors are not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Final

import msgspec
from cedarpy import pst

from keyturn.policy.facts import FACTS, Asked, Value
from keyturn.policy.schema import Action
from keyturn.policy.source import Policy, nodes
from keyturn.policy.weigh import Vote

VOTES_MAX: Final = 16_384
"""Votes kept, some 500 bytes each: as many as there are ways in which the facts that policies see come together on a busy day."""


class Seen(msgspec.Struct, frozen=True):
    """What some policies look at, beyond whether their scope matches."""

    names: tuple[str, ...]  # of the policies
    facts: tuple[str, ...]
    action: bool  # otherwise than by asking whether it is one of `actions`, or in one of them
    principal: bool
    resource: bool
    actions: tuple[str, ...] = ()  # actions and groups that it is compared with

    def of_action(self, action: Action) -> Hashable:
        """All that these policies can tell of an action: itself, or what it is and is in of what they compare it with."""
        if self.action:
            return action
        return tuple(
            (name, name == action.name) for name in self.actions if name in (action.name, *action.groups)
        )


def seen_by(policies: Iterable[Policy]) -> Seen:
    """What these policies look at; all facts where one takes the context as a whole."""
    policies = tuple(policies)
    facts: set[str] = set()
    actions: set[str] = set()
    variables: dict[str, int] = {}
    read = compared = 0
    for policy in policies:
        for node in nodes(policy.parsed.clauses):
            if isinstance(node, pst.Var):
                variables[node.name] = variables.get(node.name, 0) + 1
            elif isinstance(node, pst.GetAttr | pst.HasAttr) and _of_context(node):
                facts.add(node.attr if isinstance(node, pst.GetAttr) else next(iter(node.attrs)))
                read += 1
            elif isinstance(node, pst.BinaryOp) and (names := _compared(node)):
                actions |= names
                compared += 1
    known = [fact.name for fact in FACTS]
    whole = variables.get("context", 0) != read or not facts <= set(known)
    return Seen(
        names=tuple(policy.id for policy in policies),
        facts=tuple(name for name in known if whole or name in facts),
        action=variables.get("action", 0) != compared,
        principal="principal" in variables,
        resource=any(policy.sees_resource for policy in policies),
        actions=tuple(sorted(actions)),
    )


def _compared(node: pst.BinaryOp) -> frozenset[str]:
    """The actions and groups in ``action == Action::"..."`` and ``action in [...]``; none where it is another expression."""
    if node.op not in {"eq", "not_eq", "in"} or not (
        isinstance(node.left, pst.Var) and node.left.name == "action"
    ):
        return frozenset()
    named = node.right.elements if isinstance(node.right, pst.Set) and node.op == "in" else (node.right,)
    literal = [one.value for one in named if isinstance(one, pst.EntityLit)]
    plain = len(literal) == len(named) and all(str(uid.type) == "Action" for uid in literal)
    return frozenset(uid.id for uid in literal) if plain else frozenset()


def _of_context(node: pst.GetAttr | pst.HasAttr) -> bool:
    return isinstance(node.base, pst.Var) and node.base.name == "context"


_OF: Final[dict[str, Callable[[Asked], Value]]] = {fact.name: fact.of for fact in FACTS}


class KnownFacts:
    """The facts of one request, each worked out when a policy looks at it first."""

    def __init__(self, asked: Asked) -> None:
        self.asked, self._known = asked, dict[str, Hashable]()

    def of(self, names: tuple[str, ...]) -> tuple[Hashable, ...]:
        known = self._known
        return tuple([known[name] if name in known else self._work_out(name) for name in names])

    def _work_out(self, name: str) -> Hashable:
        value = _OF[name](self.asked)
        found: Hashable = tuple(value) if isinstance(value, list) else value
        self._known[name] = found
        return found


class Votes:
    """Votes by what was seen for them; emptied when it is full, for what is asked for comes again at once."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Vote] = {}

    def get(self, key: Hashable) -> Vote | None:
        return self._kept.get(key)

    def keep(self, key: Hashable, vote: Vote) -> None:
        if vote.errors:
            return
        if len(self._kept) >= VOTES_MAX:
            self._kept.clear()
        self._kept[key] = vote

    def clear(self) -> None:
        self._kept.clear()
