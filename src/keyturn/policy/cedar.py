"""The policy engine: model values in, a decision with its reasons out, by way of Cedar.

A **permit** lets something through: at once, or with ``@outcome("hold")`` once people agree. A **forbid** overrules it:
``deny`` (the default), ``suggest`` or ``hold``. The verdict is the worse of what the best permit gives and what the worst
forbid takes, so that adding a forbid can never make anything easier; without a permit it is DENY.

Cedar's own default is to skip a policy that errs, and a forbid that is skipped lets through. Here any error, and any
answer that is none, is never ALLOW: a forbid that errs counts as though it had matched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

import msgspec
from cedarpy import AuthzResult, Entities, PolicySet, is_authorized
from cedarpy import Decision as CedarDecision

from keyturn.core.ports import Facts
from keyturn.model.assessment import Assessment
from keyturn.model.canonical import canonical, digest_bytes
from keyturn.model.change import Change, Effect, ResourceRef
from keyturn.model.decision import Decision, Obligations, Reason, Verdict
from keyturn.model.quorum import Of, Quorum
from keyturn.policy.facts import Asked, Value, context_of, table
from keyturn.policy.kept import KnownFacts, Seen, Votes, seen_by
from keyturn.policy.limits import ERROR_CHARS_MAX, HANDLES_MAX, RESOURCES_ASKED_MAX, SCOPES_MAX, SLICES_MAX
from keyturn.policy.schema import RESOURCE_ATTRIBUTES, UNNAMED, Action, action_of, schema_of
from keyturn.policy.slices import Actor, Handles, Slice, applies, handles_of, named_actions, named_actors
from keyturn.policy.source import Policy, Source
from keyturn.policy.weigh import TOO_MANY, UNANSWERED, Vote, combine, weigh

_NOWHERE: Final = ResourceRef(provider="", partition="", account="", region="", kind="", id="")


class CedarEngine:
    """A `PolicyEngine` over parsed policies. Use `keyturn.policy.load`, which checks them first.

    `slicing` false asks the whole set every time: slow, obvious, for comparison in tests. `text` is what `digest` is the hash of: the
    policies as written, and the facts they can see.
    """

    def __init__(
        self, policies: Iterable[Policy], sources: Iterable[Source] = (), *, slicing: bool = True
    ) -> None:
        self.policies = {policy.id: policy for policy in policies}
        self.sources = tuple(sources)
        self.text = canonical(
            {"sources": [[source.name, source.text] for source in self.sources], "facts": table()}
        )
        self._digest = digest_bytes(self.text)
        self._named = named_actors(self.policies.values())
        self._slicing = slicing
        self._words = frozenset(word for policy in self.policies.values() for word in named_actions(policy))
        self._plain = slicing and UNNAMED not in self._words and not seen_by(self.policies.values()).action
        self._action = lru_cache(maxsize=SCOPES_MAX)(self._as_seen)
        self._scopes = lru_cache(maxsize=SCOPES_MAX)(self._seen_from)
        self._seen = lru_cache(maxsize=HANDLES_MAX)(self._seen_by)
        self._votes = Votes()
        self._slices = lru_cache(maxsize=SLICES_MAX)(self._cut)
        self._handles = lru_cache(maxsize=HANDLES_MAX)(self._parsed)

    def __repr__(self) -> str:
        return f"<CedarEngine {len(self.policies)} policies, {self._slices.cache_info().currsize} slices>"

    @property
    def digest(self) -> str:
        """Over the policies' text and the facts they can see; names the policies in force."""
        return self._digest

    def trees(self) -> tuple[Quorum, ...]:
        """Of every ``@quorum``."""
        asked = (policy.obligations for policy in self.policies.values())
        trees = (tree for one in asked for tree in one.needs or ((Of(one.quorum),) if one.quorum else ()))
        return tuple(dict.fromkeys(trees))

    def forget(self) -> None:
        """Drop the slices built so far; they are built again when they are asked for."""
        self._action.cache_clear()
        self._scopes.cache_clear()
        self._seen.cache_clear()
        self._votes.clear()
        self._slices.cache_clear()
        self._handles.cache_clear()

    def answer(self, change: Change, assessment: Assessment, facts: Facts) -> Decision:
        """The strictest answer over all operations and resources. Never raises: an error is a DENY that says so."""
        try:
            return self._answer(change, assessment, facts)
        except Exception as error:  # noqa: BLE001  # fail closed, whatever it was
            return self._doubt(error)
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # a panic inside the engine is no Exception
                raise
            return self._doubt(error)

    def _answer(self, change: Change, assessment: Assessment, facts: Facts) -> Decision:
        actor = (
            Actor("Person", change.principal.operator)
            if facts.human
            else Actor("Agent", change.principal.agent)
        )
        known = KnownFacts(Asked(change, assessment, facts))
        votes = [self._vote(*question, actor, known) for question in self._questions(change, actor)]
        if len(change.resources) > RESOURCES_ASKED_MAX:
            votes.append(Vote(verdict=Verdict.HOLD, reasons=(TOO_MANY,), errors=(TOO_MANY.message,)))
        return combine(votes, self._digest)

    def _questions(self, change: Change, actor: Actor) -> Iterator[tuple[Action, ResourceRef]]:
        """Each operation on each of its resources, each once; one resource stands for all where no policy looks at it."""
        asked: set[tuple[Action, ResourceRef]] = set()
        shared = actor if actor in self._named else Actor(actor.type, "")
        for operation in change.operations:
            action = self._action(operation.provider, operation.name, operation.floor)
            resources = operation.resources or (_NOWHERE,)
            for resource in (
                resources[:RESOURCES_ASKED_MAX] if self._scopes(action, shared).resource else resources[:1]
            ):
                if (action, resource) not in asked:
                    asked.add((action, resource))
                    yield action, resource

    def _as_seen(self, provider: str, name: str, floor: Effect) -> Action:
        """The action, of which only what a policy names is told: those that no policy tells apart share what is worked out for one."""
        action = action_of(provider, name, floor)
        if not self._plain:
            return action
        return Action(
            name=action.name if action.name in self._words else UNNAMED,
            groups=tuple(group for group in action.groups if group in self._words),
        )

    def _seen_from(self, action: Action, actor: Actor) -> Seen:
        """What the policies look at whose scope can match this action and actor."""
        chosen = self.policies.values()
        return self._seen(
            tuple(policy.id for policy in chosen if not self._slicing or applies(policy, action, actor))
        )

    def _seen_by(self, names: tuple[str, ...]) -> Seen:
        return seen_by(self.policies[name] for name in names)

    def _cut(self, action: Action, actor: Actor) -> Slice:
        schema = schema_of([action])
        return Slice(
            action=action,
            schema=schema,
            handles=self._handles(self._scopes(action, actor).names),
            nowhere=Entities.from_json_str(_entity(_NOWHERE), schema),
        )

    def _parsed(self, names: tuple[str, ...]) -> Handles:
        return handles_of(self.policies[name] for name in names)

    def _vote(self, action: Action, resource: ResourceRef, actor: Actor, known: KnownFacts) -> Vote:
        """The vote, kept from a request that looked the same to these policies, or Cedar's."""
        shared = actor if actor in self._named else Actor(actor.type, "")
        seen = self._scopes(action, shared)
        key = (
            seen.names,
            known.of(seen.facts),
            seen.of_action(action),
            actor if seen.principal else actor.type,
            resource if seen.resource else None,
        )
        found = self._votes.get(key) if self._slicing else None
        if found is None:
            asked = known.asked
            context = context_of(asked.change, asked.assessment, asked.facts)
            found = self._asked(self._slices(action, shared), resource, actor, context)
            self._votes.keep(key, found)
        return found

    def vote(self, action: Action, actor: Actor, resource: ResourceRef, facts: Mapping[str, Value]) -> Vote:
        """What these policies say to one action on one resource with these facts, as Cedar answers it; for what has no change, as a proof."""
        shared = actor if actor in self._named else Actor(actor.type, "")
        context = msgspec.json.encode(facts).decode()
        return self._asked(self._slices(action, shared), resource, actor, context)

    def _asked(self, cutting: Slice, resource: ResourceRef, actor: Actor, context: str) -> Vote:
        if cutting.handles.sees_resource:
            entities = Entities.from_json_str(_entity(resource), cutting.schema)
        else:
            resource, entities = _NOWHERE, cutting.nowhere
        request = {
            "principal": {"type": actor.type, "id": actor.id},
            "action": {"type": "Action", "id": cutting.action.name},
            "resource": {"type": "Resource", "id": uid(resource)},
            "context": context,
        }

        def ask(policies: PolicySet) -> AuthzResult:
            return is_authorized(request, policies, entities, cutting.schema)

        first = ask(cutting.handles.whole)
        errors = tuple(first.diagnostics.errors)
        if first.decision is CedarDecision.NoDecision:
            return Vote(verdict=Verdict.DENY, reasons=(UNANSWERED,), errors=errors or (UNANSWERED.message,))
        determined = self._by_id(first.diagnostics.reasons)
        if first.decision is CedarDecision.Allow:
            return weigh(determined, self._erring(cutting, errors), errors)
        # Cedar names only the forbids of a Deny. What would have permitted it is asked for apart.
        permits = self._by_id(ask(cutting.handles.permits).diagnostics.reasons) if determined else ()
        erring = (policy for policy in self._erring(cutting, errors) if policy not in determined)
        return weigh(permits, (*determined, *erring), errors)

    def _by_id(self, ids: Iterable[str]) -> tuple[Policy, ...]:
        return tuple(self.policies[name] for name in sorted(ids))

    def _erring(self, cutting: Slice, errors: tuple[str, ...]) -> tuple[Policy, ...]:
        """Forbids that an error names, in Cedar's own quoting: each counts as though it had matched."""
        named = {name for name in cutting.handles.names if any(f"`{name}`" in error for error in errors)}
        return tuple(policy for policy in self._by_id(named) if not policy.permits)

    def _doubt(self, error: BaseException) -> Decision:
        detail = f"{type(error).__name__}: {error}"[:ERROR_CHARS_MAX]
        message = f"policy could not be asked, and Keyturn fails closed: {detail}"
        return Decision(
            verdict=Verdict.DENY,
            reasons=(Reason(policy="keyturn.policy-error", message=message),),
            obligations=Obligations(),
            policy_digest=self._digest,
            errors=(detail,),
        )


def uid(resource: ResourceRef) -> str:
    """The resource's entity id; policies look at its attributes instead."""
    return f"{resource.partition}:{resource.account}:{resource.region}:{resource.kind}/{resource.id}"


def _entity(resource: ResourceRef) -> str:
    attributes = {name: getattr(resource, name) for name, _ in RESOURCE_ATTRIBUTES}
    entity = {"uid": {"type": "Resource", "id": uid(resource)}, "attrs": attributes, "parents": []}
    return msgspec.json.encode([entity]).decode()
