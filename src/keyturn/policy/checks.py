"""What is checked before policies are in force. Whoever starts Keyturn learns of a mistake now, not on the night itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from cedarpy import Schema, pst, validate_policies

from keyturn.errors import PolicyError, nearest
from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.model.decision import Verdict
from keyturn.policy.cedar import CedarEngine
from keyturn.policy.example import Example
from keyturn.policy.facts import WORDS
from keyturn.policy.limits import POLICIES_MAX
from keyturn.policy.schema import ACTION_NAME, EFFECT_GROUPS, SERVICE_GROUP, Action, action_of, schema_of
from keyturn.policy.slices import actions_in, actors_in, handle, named_actions
from keyturn.policy.source import Policy, nodes

Operations = Mapping[str, Effect]
"""What the catalogue knows: the floor effect of every ``service:Operation``."""

VALIDATED_AT_ONCE: Final = 32
"""Policies in one call of the validator: enough to share a schema, few enough that they name few actions."""

CANARY: Final = "keyturncanary"
_COMPARING: Final = frozenset({"eq", "not_eq", "contains", "contains_all", "contains_any"})


def check(engine: CedarEngine, known: Operations | None) -> None:
    """Raises `PolicyError` for the first thing that is wrong: names, words, types, and at last the canary."""
    policies = tuple(engine.policies.values())
    if len(policies) > POLICIES_MAX:
        raise PolicyError(
            "too-many-policies",
            f"{len(policies)} policies are more than {POLICIES_MAX}",
            help="load fewer packs",
        )
    for policy in policies:
        _check_actions(policy, known)
        _check_words(policy)
    _check_types(policies)
    _check_canary(engine, policies, known)


def _check_actions(policy: Policy, known: Operations | None) -> None:
    for name in sorted(named_actions(policy)):
        if name in EFFECT_GROUPS:
            continue
        if not ACTION_NAME.fullmatch(name) and not SERVICE_GROUP.fullmatch(name):
            near = nearest(name, EFFECT_GROUPS)
            advice = f'did you mean Action::"{near[0]}"? ' if near else ""
            raise _wrong(
                policy,
                f'Action::"{name}" is neither a group nor provider:service:Operation',
                f"{advice}groups are: {', '.join(EFFECT_GROUPS)}, and a service as in aws:dynamodb",
            )
        if known is not None and name.startswith("aws:"):
            _check_known(policy, name, name.partition(":")[2], known)


def _check_known(policy: Policy, name: str, spelt: str, known: Operations) -> None:
    """A service or operation that AWS does not have matches nothing, and a forbid on it would guard nothing."""
    names = set(known) if ":" in spelt else {operation.partition(":")[0] for operation in known}
    if spelt not in names:
        near = nearest(spelt, names, cutoff=0.5)
        raise _wrong(
            policy,
            f'Action::"{name}" is nothing AWS has',
            f'did you mean Action::"aws:{near[0]}"?' if near else "write it as the SDK models name it",
        )


def _check_words(policy: Policy) -> None:
    for fact, word in _compared_words(policy.parsed.clauses):
        if word not in WORDS[fact]:
            near = nearest(word, WORDS[fact])
            advice = f'did you mean "{near[0]}"? ' if near else ""
            raise _wrong(
                policy, f'context.{fact} is never "{word}"', f"{advice}it can be: {', '.join(WORDS[fact])}"
            )


def _compared_words(root: object) -> Iterator[tuple[str, str]]:
    """Each literal that is compared with a fact whose words are known."""
    for node in nodes(root):
        if isinstance(node, pst.BinaryOp) and node.op in _COMPARING:
            for side, other in ((node.left, node.right), (node.right, node.left)):
                if isinstance(side, pst.GetAttr) and side.base == pst.Var("context") and side.attr in WORDS:
                    literals = (one for one in nodes(other) if isinstance(one, pst.StringLit))
                    yield from ((side.attr, literal.value) for literal in literals)


def _check_types(policies: tuple[Policy, ...]) -> None:
    """Cedar's own validator, over an action of every effect and whatever the policies name.

    Validation costs policies times actions, so it goes in batches that declare only the actions of their own policies.
    """
    for start in range(0, len(policies), VALIDATED_AT_ONCE):
        batch = policies[start : start + VALIDATED_AT_ONCE]
        result = validate_policies(str(handle(batch)), _schema_for(batch), release_gil=True)
        if not result.validation_passed:
            first = result.errors[0]
            name = result.id_annotations_by_policy_id.get(first.policy_id, "")
            culprit = next((policy for policy in batch if policy.id == name), batch[0])
            raise _wrong(
                culprit, first.error, "the facts a policy can use are listed in docs/guides/policy.md"
            )


def _schema_for(policies: Iterable[Policy]) -> Schema:
    names = {name for policy in policies for name in named_actions(policy)}
    groups = {name for name in names if not ACTION_NAME.fullmatch(name)}
    services = sorted(group for group in groups if group not in EFFECT_GROUPS)
    actions = [
        *(action_of("aws", f"{CANARY}:{effect.capitalize()}", effect) for effect in Effect),
        *(Action(name=f"{service}:Validated", groups=(service,)) for service in services),
        *(Action(name=name, groups=()) for name in sorted(names - groups)),
    ]
    return schema_of(actions, (*EFFECT_GROUPS, *groups))


def _check_canary(engine: CedarEngine, policies: tuple[Policy, ...], known: Operations | None) -> None:
    """An agent's irrecoverable delete of production data, under every name it could come by, must not be let through."""
    for canary in canaries(policies, known):
        decision = engine.answer(*canary.build())
        where = f"{canary.operation} (floor {canary.floor}, {canary.environment}, agent {canary.agent})"
        if decision.verdict is Verdict.ALLOW:
            raise PolicyError(
                "canary-allowed",
                f"an irrecoverable delete of production data would be allowed: {where}, by "
                + ", ".join(f"{reason.policy} ({reason.source})" for reason in decision.reasons),
                help='narrow that permit, or add a forbid with @outcome("hold") for context.effect == "delete"',
            )
        if decision.errors:
            raise PolicyError(
                "canary-errs",
                f"policies cannot be evaluated for {where}: {decision.errors[0]}",
                help="a policy that errs forbids; mend it so that it is evaluated for every request",
            )


def canaries(policies: Iterable[Policy], known: Operations | None = None) -> Iterator[Example]:
    """The canary under every effect group, and under every service, action and agent by which something could get easier.

    That is whatever a permit names, and what a forbid names in its conditions; a forbid's scope can only make it harder.
    """
    easing = [(policy.parsed if policy.permits else policy.parsed.clauses) for policy in policies]
    names = sorted(name.partition(":")[2] for name in actions_in(easing) if name.startswith("aws:"))
    agents = sorted(actor.id for actor in actors_in(easing) if actor.type == "Agent")
    for floor in Effect:
        for operation in (f"{CANARY}:Canary", *(f"{name}:Canary" for name in names if ":" not in name)):
            yield _canary(operation, floor)
        yield from (_canary(f"{CANARY}:Canary", floor, agent=agent) for agent in agents)
        yield _canary(f"{CANARY}:Canary", floor, environment="unknown")
    for operation in (name for name in names if ":" in name):
        yield _canary(operation, (known or {}).get(operation, Effect.DELETE))


def _canary(
    operation: str, floor: Effect, *, environment: str = "production", agent: str = CANARY
) -> Example:
    return Example(
        effect=Effect.DELETE,
        floor=floor,
        operation=operation,
        environment=environment,
        agent=agent,
        reversibility=Reversibility.R4,
        findings=(Kind.DATA_LOSS,),
        data_bearing=True,
        resource="keyturncanary:thing/canary",
    )


def _wrong(policy: Policy, what: str, advice: str) -> PolicyError:
    return PolicyError("policy-wrong", f"{policy.source}: policy {policy.id}: {what}", help=advice)
