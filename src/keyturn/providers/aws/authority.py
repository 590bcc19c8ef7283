"""Delegated authority, computed: the role that is passed to something, or that it holds already, and the worst that its policies allow.

What gets code, a target, a schedule or an input acts later as that role (docs/concepts/rules.md, 5). Denies, boundaries and the
resources in a policy are not counted: they could only make the role weaker than it is said to be here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.model.change import Effect, Operation
from keyturn.model.execution import Answer, Call, Succeeded
from keyturn.providers.aws import permitted, triggers
from keyturn.providers.aws.resources import GLOBAL_REGION
from keyturn.providers.aws.rules import Authority
from keyturn.providers.aws.rules.conditions import standing
from keyturn.providers.aws.rules.shapes import ROLE, leaves

POLICIES_MAX: Final = 40
"""Policies of one role that are read; IAM allows 20 managed ones and some inline (IAM quotas)."""

HELD: Final[dict[str, tuple[str, ...]]] = {
    # operation -> where the role stands that acts later: in what was read for it, or ("=") in the recipe's capture
    "lambda:UpdateFunctionCode": ("=role",),
    "lambda:UpdateFunctionConfiguration": ("=role",),
    "lambda:PublishVersion": ("=role",),
    "lambda:UpdateAlias": ("=role",),
    "ecs:UpdateService": ("task/taskRoleArn",),
    "ecs:RunTask": ("taskRoleArn",),
    "stepfunctions:UpdateStateMachine": ("roleArn",),
    "stepfunctions:StartExecution": ("roleArn",),
    "codebuild:StartBuild": ("serviceRole",),
    "codebuild:UpdateProject": ("serviceRole",),
    "glue:StartJobRun": ("Role",),
    "glue:UpdateJob": ("Role",),
    "codepipeline:UpdatePipeline": ("roleArn",),
    "codepipeline:StartPipelineExecution": ("roleArn",),
    "scheduler:UpdateSchedule": ("Target.RoleArn",),
    "cloudformation:UpdateStack": ("RoleARN",),
    "cloudformation:CreateChangeSet": ("RoleARN",),
    "cloudformation:ExecuteChangeSet": ("stack/RoleARN",),
    "imagebuilder:StartImagePipelineExecution": (),
}
"""Operations that set code, target or input for what has a role already."""

_NOT_PASSED: Final = frozenset({"iam", "sts", "organizations", "sso-admin", "lakeformation"})
"""There a role's name says which resource is meant, or who is granted something."""


def roles(operation: Operation, live: Mapping[str, Any], states: Mapping[str, Any]) -> list[str]:
    """Names of the roles that will act: those in the request; where there is none, the one that is held already."""
    service, floor = operation.service, operation.floor
    if service in _NOT_PASSED or floor in {Effect.DELETE, Effect.READ, Effect.LIST, Effect.TAG}:
        return []
    found = [
        value
        for name, _, value in leaves(operation.parameters)
        if ROLE.search(name)
        and isinstance(value, str)
        and (":role/" in value or name.lower() in {"role", "rolename"})
    ]
    if not found:
        for path in HELD.get(operation.name, ()):
            if path.startswith("="):
                state = states.get(str(operation.resources[0])) or {}
                held = [state.get(path[1:])]
            else:
                held = standing(live, path) or []
            found += [value for value in held if isinstance(value, str)]
    return list(dict.fromkeys(value.rpartition("/")[2] for value in found))[:5]


def of(operation: Operation, live: Mapping[str, Any], states: Mapping[str, Any]) -> Inquiry[Authority | None]:
    """The authority that the operation gives something to act with; None where it gives none that can be named."""
    if operation.name in triggers.WRITES:
        return (yield from _set_off(operation, states.get(str(operation.resources[0]))))
    named = roles(operation, live, states)
    held = profiles(operation)
    if held:
        answers = yield tuple(
            _ask(operation, "GetInstanceProfile", InstanceProfileName=name) for name in held
        )
        for name, answer in zip(held, answers, strict=True):
            listed = _at(answer, "InstanceProfile", "Roles")
            if not isinstance(listed, list):
                return Authority(name, None, why=f"the role of the instance profile {name} could not be read")
            named += [str(role.get("RoleName")) for role in listed]
        if not named:
            return Authority(
                ", ".join(held), Effect.READ, bounded=True
            )  # a profile without a role gives none
    if not named:
        return None
    return (yield from of_roles(operation, list(dict.fromkeys(named))))


def _set_off(operation: Operation, state: Mapping[str, Any] | None) -> Inquiry[Authority | None]:
    """The authority of what a write is known to run; None where nothing is known."""
    found = yield from triggers.listeners(operation, operation.parameters, state)
    if not found:
        return None
    named = ", ".join(triggers.names(found))
    held = yield from triggers.roles_of(operation, found)
    known = [role for role in held if role is not None]
    if len(known) < len(held):
        return Authority(named, None, why=f"the role of {named} could not be read")
    roles_held = list(dict.fromkeys(known))
    power = yield from of_roles(operation, roles_held, spared=triggers.SPARED, recent=True)
    return msgspec.structs.replace(power, role=f"{named} (by the role {power.role})")


def profiles(operation: Operation) -> list[str]:
    """Names of the instance profiles in the request: what runs on an instance acts with the role that is in one."""
    if operation.service in _NOT_PASSED or operation.floor in {Effect.DELETE, Effect.READ, Effect.LIST}:
        return []
    found: list[str] = []
    for name, _, value in leaves(operation.parameters):
        if name.lower() not in {"iaminstanceprofile", "iaminstanceprofilename", "iaminstanceprofilearn"}:
            continue
        one = (value.get("Arn") or value.get("Name")) if isinstance(value, Mapping) else value
        if isinstance(one, str) and one:
            found.append(one.rpartition("/")[2])
    return list(dict.fromkeys(found))[:5]


def of_roles(
    operation: Operation, named: list[str], *, spared: frozenset[str] = frozenset(), recent: bool = False
) -> Inquiry[Authority]:
    """What roles may do at worst, taken together; `operation` says in which account they are. Actions in `spared` do not count.
    With `recent` their policies may be a minute old.
    """
    documents: list[Any] = []
    for role in named:
        read = yield from _documents(operation, role, recent=recent)
        if isinstance(read, str):
            return Authority(role, None, why=read)
        documents += read
    if not documents:  # what others' policies let it do is not known
        return Authority(", ".join(named), None, why=f"no policy says what {named[0]} may do")
    effect, words, changes_permissions = worst(documents, spared)
    return Authority(", ".join(named), effect, tuple(words), bounded=not changes_permissions)


def _documents(operation: Operation, role: str, *, recent: bool = False) -> Inquiry[list[Any] | str]:
    """Every policy document of a role; in words why they could not be read."""

    def ask(name: str, **given: str) -> Call:
        return msgspec.structs.replace(_ask(operation, name, **given), recent=recent)

    attached, inline = yield (
        ask("ListAttachedRolePolicies", RoleName=role),
        ask("ListRolePolicies", RoleName=role),
    )
    if not (isinstance(attached, Succeeded) and isinstance(inline, Succeeded)):
        return f"the policies of the role {role} could not be read"
    if attached.value.get("IsTruncated") or inline.value.get("IsTruncated"):
        return f"the role {role} has more policies than were read"
    arns = [str(policy["PolicyArn"]) for policy in attached.value.get("AttachedPolicies") or []]
    names = [str(name) for name in inline.value.get("PolicyNames") or []]
    if len(arns) + len(names) > POLICIES_MAX:
        return f"the role {role} has more than {POLICIES_MAX} policies"
    if not arns and not names:
        return []
    answers = yield (
        *(ask("GetPolicy", PolicyArn=arn) for arn in arns),
        *(ask("GetRolePolicy", RoleName=role, PolicyName=name) for name in names),
    )
    versions = [_at(answer, "Policy", "DefaultVersionId") for answer in answers[: len(arns)]]
    documents = [_at(answer, "PolicyDocument") for answer in answers[len(arns) :]]
    if arns and None not in versions:
        told = yield tuple(
            ask("GetPolicyVersion", PolicyArn=arn, VersionId=str(version))
            for arn, version in zip(arns, versions, strict=True)
        )
        documents += [_at(answer, "PolicyVersion", "Document") for answer in told]
    if None in documents or None in versions:
        return f"a policy of the role {role} could not be read"
    return documents


def _ask(operation: Operation, name: str, **given: str) -> Call:
    region = GLOBAL_REGION.get(operation.partition, operation.region)
    return Call(f"iam:{name}", given, operation.account, region, partition=operation.partition)


def _at(answer: Answer, *path: str) -> Any:
    value: Any = answer.value if isinstance(answer, Succeeded) else None
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def worst(documents: list[Any], spared: frozenset[str] = frozenset()) -> tuple[Effect, list[str], bool]:
    """The worst effect that these policies allow, some actions of that effect, and whether they could change permissions."""
    found: dict[str, Effect] = {}
    for action in _allowed(documents):
        if action.lower() not in spared:
            found |= permitted.meant(action)
    if not found:
        return Effect.READ, [], False
    effect = max(found.values(), key=lambda one: one.severity)
    permissions = Effect.PERMISSION in found.values()
    shown = [name for name, one in found.items() if one is (Effect.PERMISSION if permissions else effect)]
    return effect, sorted(shown, key=lambda name: (len(name), name))[:3], permissions


def _allowed(documents: list[Any]) -> Iterator[str]:
    """Every action pattern that a statement allows; what cannot be read allows everything."""
    for document in documents:
        try:
            parsed = json.loads(unquote(document)) if isinstance(document, str) else document
            statements = parsed["Statement"]
        except (ValueError, KeyError, TypeError):
            yield "*"
            continue
        for statement in statements if isinstance(statements, list) else [statements]:
            if not isinstance(statement, Mapping) or statement.get("Effect") == "Deny":
                continue
            actions = statement.get("Action", "*" if "NotAction" in statement else [])
            yield from map(str, actions if isinstance(actions, list) else [actions])
