"""Slices: for one action and one principal, the policies whose scope can match, parsed once.

Cedar walks a policy set from end to end, so a thousand policies cost a hundred times what ten cost. Only the scope decides
what is left out: a policy whose scope cannot match could not have been satisfied, so the answer is that of the whole set.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import msgspec
from cedarpy import Entities, PolicySet, Schema, pst

from keyturn.policy.schema import Action
from keyturn.policy.source import Policy

Part = pst.Template | tuple[pst.Clause, ...]


class Actor(msgspec.Struct, frozen=True):
    """The Cedar principal: ``Agent`` or ``Person`` and an id."""

    type: str
    id: str


class Handles(msgspec.Struct, frozen=True):
    """Policies as Cedar keeps them, parsed once: all of a slice, and its permits alone. Slices of like policies share them."""

    whole: PolicySet
    permits: PolicySet
    names: frozenset[str]
    sees_resource: bool  # a policy here looks at the resource, so that each resource has to be asked about


class Slice(msgspec.Struct, frozen=True):
    """What one action and actor are asked with. `schema` is the one every request and every entity must carry."""

    action: Action
    schema: Schema
    handles: Handles
    nowhere: Entities  # the resource, where no policy looks at it


def handles_of(policies: Iterable[Policy]) -> Handles:
    policies = tuple(policies)
    return Handles(
        whole=handle(policies),
        permits=handle(policy for policy in policies if policy.permits),
        names=frozenset(policy.id for policy in policies),
        sees_resource=any(policy.sees_resource for policy in policies),
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
    return actors_in(policy.parsed for policy in policies)


def named_actions(policy: Policy) -> frozenset[str]:
    """Actions and action groups that the policy names, in its scope or its conditions."""
    return actions_in([policy.parsed])


def actors_in(parts: Iterable[Part]) -> frozenset[Actor]:
    """Agents and people named anywhere in these parts of policies."""
    return frozenset(
        Actor(str(uid.type), uid.id) for uid in _uids(parts) if str(uid.type) in {"Agent", "Person"}
    )


def actions_in(parts: Iterable[Part]) -> frozenset[str]:
    """Actions and action groups named anywhere in these parts of policies."""
    return frozenset(uid.id for uid in _uids(parts) if str(uid.type) == "Action")


def _uids(parts: Iterable[Part]) -> Iterator[pst.EntityUid]:
    return (uid for part in parts for uid in pst.entity_uids(part))


def handle(policies: Iterable[Policy]) -> PolicySet:
    """A handle in which Cedar knows each policy by its own @id, so that its diagnostics name it."""
    named = {policy.id: replace(policy.parsed, id=policy.id) for policy in policies}
    return PolicySet.from_pst(pst.PolicySet(templates={}, static_policies=named, template_links=()))
