"""What a pattern of IAM actions reaches, by the catalogue's effects, and which actions lead to further rights."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Final

from keyturn.model.change import Effect
from keyturn.providers.aws import catalogue
from keyturn.providers.aws.languages.policies import wider

_BECOMES: Final = re.compile(r"^(iam:passrole|sts:assumerole.*|iam:createservicelinkedrole)$")

ESCALATES: Final = frozenset(
    [
        "iam:addusertogroup",
        "iam:attachgrouppolicy",
        "iam:attachrolepolicy",
        "iam:attachuserpolicy",
        "iam:createaccesskey",
        "iam:createloginprofile",
        "iam:createpolicyversion",
        "iam:deleterolepermissionsboundary",
        "iam:deleteuserpermissionsboundary",
        "iam:passrole",
        "iam:putgrouppolicy",
        "iam:putrolepermissionsboundary",
        "iam:putrolepolicy",
        "iam:putuserpermissionsboundary",
        "iam:putuserpolicy",
        "iam:setdefaultpolicyversion",
        "iam:updateassumerolepolicy",
        "iam:updateloginprofile",
        "sts:assumerole",
        "sts:assumerolewithsaml",
        "sts:assumerolewithwebidentity",
        "cloudformation:createstack",
        "cloudformation:setstackpolicy",
        "codebuild:startbuild",
        "ec2:modifyinstanceattribute",
        "ec2-instance-connect:sendsshpublickey",
        "glue:updatedevendpoint",
        "kms:creategrant",
        "kms:putkeypolicy",
        "lambda:addpermission",
        "lambda:updatefunctioncode",
        "lambda:updatefunctionconfiguration",
        "s3:putbucketpolicy",
        "sagemaker:createpresignednotebookinstanceurl",
        "secretsmanager:putresourcepolicy",
        "ssm:sendcommand",
        "ssm:startsession",
        "sso:attachmanagedpolicytopermissionset",
        "sso:createaccountassignment",
        "sso:putinlinepolicytopermissionset",
    ]
)
"""Actions by which whoever has them may come to have others: permissions written, roles passed or become, code put on what has a role
that the caller does not have.
"""

STARS_MAX: Final = 3
"""Patterns with more wildcards are not tried on every action there is: they are taken for everything."""


def escalates(pattern: str) -> bool:
    """Whether a pattern of actions reaches one that leads to further rights. Negated ones are the caller's."""
    lowered = pattern.lower()
    return lowered in ESCALATES or ("*" in lowered and any(wider(lowered, one) for one in ESCALATES))


@cache
def _actions() -> dict[str, Effect]:
    """IAM action, in lower case -> the worst of the operations that it is for."""
    found: dict[str, Effect] = {}
    actions = catalogue.own_actions()
    for name, effect in catalogue.floors().items():
        action = actions[name].lower()
        if action not in found or effect.severity > found[action].severity:
            found[action] = effect
    return found


@lru_cache(maxsize=4_096)  # patterns come from requests too
def meant(pattern: str) -> dict[str, Effect]:
    """The mutating actions that a pattern reaches, as some of each effect."""
    lowered = pattern.lower()
    if lowered in {"*", "*:*"} or lowered.count("*") > STARS_MAX:
        return {"*": Effect.DELETE, "iam:*": Effect.PERMISSION}
    if _BECOMES.match(lowered):
        return {pattern: Effect.PERMISSION}
    if "*" not in lowered and "?" not in lowered:
        return {pattern: _actions().get(lowered, Effect.EXECUTE)}
    matches = re.compile(re.escape(lowered).replace(r"\*", ".*").replace(r"\?", ".")).fullmatch
    found: dict[Effect, str] = {}
    for action, effect in _actions().items():
        if matches(action):
            found.setdefault(effect, action)
    if matches("iam:passrole") or matches("sts:assumerole"):
        found[Effect.PERMISSION] = pattern
    return {action: effect for effect, action in found.items()} or {pattern: Effect.EXECUTE}
