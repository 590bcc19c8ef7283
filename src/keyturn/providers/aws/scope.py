"""The narrowest credential that still lets exactly one change through: an IAM session policy.

A session policy is at most 2,048 characters (STS AssumeRole, Policy), and what it allows is the intersection with the role's
own policies. Where it does not fit it is widened in a stated order, and that is said.
"""

from __future__ import annotations

import json
from typing import Any, Final

from keyturn.core.ports import Scope
from keyturn.model.change import Change, Operation, ResourceRef
from keyturn.providers.aws import catalogue
from keyturn.providers.aws.resources import arn_of

POLICY_CHARS_MAX: Final = 2_048

_BELOW: Final[dict[str, tuple[str, ...]]] = {
    "dynamodb:table": ("{}", "{}/*"),
    "lambda:function": ("{}", "{}:*"),
    "s3:bucket": ("{}",),
}
"""A resource and what belongs to it, in ARNs."""

_ANYWHERE: Final = frozenset({"lambda:GetLayerVersion"})
"""Dependent actions on resources that the request does not name."""


def scope(change: Change, roles: tuple[str, ...] = ()) -> Scope:
    """Actions and resources of every operation; `roles` are the ARNs of roles that it passes on."""
    actions: dict[str, None] = {}
    resources: dict[str, None] = {}
    for operation in change.operations:
        actions |= dict.fromkeys(catalogue.iam_actions(operation.service, operation.action))
        resources |= dict.fromkeys(arn for ref in operation.resources for arn in arns_of(ref, operation))
    passes = "iam:PassRole" in actions
    actions.pop("iam:PassRole", None)
    anywhere = [action for action in actions if action in _ANYWHERE]
    here = [action for action in actions if action not in _ANYWHERE]
    statements = [_allow(here, list(resources))]
    if anywhere:
        statements.append(_allow(anywhere, ["*"]))
    if passes and roles:
        statements.append(_allow(["iam:PassRole"], list(roles)))
    every = (*here, *anywhere, *(("iam:PassRole",) if passes and roles else ()))
    policy = _policy(statements)
    if len(policy) <= POLICY_CHARS_MAX and "*" not in resources:
        return Scope(actions=every, resources=tuple(resources), policy=policy, narrowed=True)
    return _widened(here, anywhere, list(resources), every)


def arns_of(ref: ResourceRef, operation: Operation) -> tuple[str, ...]:
    """The ARNs a call on this resource touches."""
    if ref.kind.endswith(":account"):
        return ("*",)
    if ref.kind == "s3:objects":
        return (f"arn:{ref.partition}:s3:::{ref.id.partition('/')[0]}/*",)
    arn = arn_of(ref)
    if ref.kind == "s3:bucket" and operation.action == "DeleteObjects":
        return (arn, f"{arn}/*")
    return tuple(form.format(arn) for form in _BELOW.get(ref.kind, ("{}",)))


def _widened(here: list[str], anywhere: list[str], resources: list[str], every: tuple[str, ...]) -> Scope:
    """First any resource of the named actions, then the actions alone; never more than the operation's own actions."""
    why = (
        "its resource cannot be named in a policy"
        if "*" in resources
        else f"{len(resources)} resources do not fit into a session policy"
    )
    wide = _policy([_allow([*here, *anywhere], ["*"])])
    return Scope(actions=every, resources=("*",), policy=wide, narrowed=False, why=why)


def _allow(actions: list[str], resources: list[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


def _policy(statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
