"""Slices: for one action and one principal, the policies whose scope can match, parsed once.

Cedar walks a policy set from end to end, so a thousand policies cost a hundred times what ten cost. Only the scope decides
what is left out: a policy whose scope cannot match could not have been satisfied, so the answer is that of the whole set.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import msgspec
from cedarpy import PolicySet, Schema, pst

from keyturn.policy.schema import Action, schema_of
from keyturn.policy.source import Policy


class Actor(msgspec.Struct, frozen=True):
    """The Cedar principal: ``Agent`` or ``Person`` and an id."""

    type: str
    id: str


class Slice(msgspec.Struct, frozen=True):
    """Handles for one action and actor. `schema` is the one every request and every entity must carry."""

    action: Action
    whole: PolicySet
    permits: PolicySet
    schema: Schema
    sees_resource: bool  # a policy here looks at the resource, so that each resource has to be asked about
    policies: frozenset[str]


def cut(policies: Iterable[Policy], action: Action, actor: Actor | None) -> Slice:
    """The slice of `policies` for `action`, asked by `actor`; no actor: the whole set, uncut (for comparison)."""
    chosen = [policy for policy in policies if actor is None or applies(policy, action, actor)]
    return Slice(
        action=action,
        whole=_handle(chosen),
        permits=_handle([policy for policy in chosen if policy.permits]),
        schema=schema_of([action]),
        sees_resource=any(sees_resource(policy) for policy in chosen),
        policies=frozenset(policy.id for policy in chosen),
    )


def applies(policy: Policy, action: Action, actor: Actor) -> bool:
    """Whether the scope of `policy` can match this action and actor. The resource is left to Cedar."""
    return _action_matches(policy.parsed.action, action) and _actor_matches(policy.parsed.principal, actor)


def _action_matches(scope: pst.ActionConstraint, action: Action) -> bool:
    match scope:
        case pst.ActionEq(entity):
            return entity.id == action.name
        case pst.ActionIn(entities):
            return any(entity.id == action.name or entity.id in action.groups for entity in entities)
        case _:
            return True


def _actor_matches(scope: pst.PrincipalOrResourceConstraint, actor: Actor) -> bool:
    match scope:
        case pst.ScopeIs(entity_type):
            return str(entity_type) == actor.type
        case pst.ScopeEq(pst.EntityUid(kind, name)) | pst.ScopeIn(pst.EntityUid(kind, name)):
            return (str(kind), name) == (actor.type, actor.id)
        case pst.ScopeIsIn(entity_type, pst.EntityUid(kind, name)):
            return str(entity_type) == actor.type and (str(kind), name) == (actor.type, actor.id)
        case _:
            return True


def named_actors(policies: Iterable[Policy]) -> frozenset[Actor]:
    """Agents and people that a policy names anywhere; all others share their type's slice."""
    return frozenset(
        Actor(str(uid.type), uid.id)
        for policy in policies
        for uid in pst.entity_uids(policy.parsed)
        if str(uid.type) in {"Agent", "Person"}
    )


def named_actions(policy: Policy) -> frozenset[str]:
    """Actions and action groups that the policy names, in its scope or its conditions."""
    return frozenset(uid.id for uid in pst.entity_uids(policy.parsed) if str(uid.type) == "Action")


def sees_resource(policy: Policy) -> bool:
    """Whether the policy's answer can depend on which resource is asked about."""
    if not isinstance(policy.parsed.resource, pst.ScopeAny):
        return True
    return any(isinstance(node, pst.Var) and node.name == "resource" for node in nodes(policy.parsed.clauses))


def nodes(root: object) -> Iterator[object]:
    """Every node of a parsed policy, the root included."""
    stack: list[Any] = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, tuple):
            stack.extend(node)
        elif isinstance(node, dict):
            stack.extend(node.values())
        elif is_dataclass(node):
            yield node
            stack.extend(getattr(node, field.name) for field in fields(node))


def _handle(policies: Iterable[Policy]) -> PolicySet:
    """A handle in which Cedar knows each policy by its own @id, so that its diagnostics name it."""
    named = {policy.id: replace(policy.parsed, id=policy.id) for policy in policies}
    return PolicySet.from_pst(pst.PolicySet(templates={}, static_policies=named, template_links=()))
