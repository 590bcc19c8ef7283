"""The ARN of what a request is about, where it is known and not guessed."""

from __future__ import annotations

from typing import Any, Final

from keyturn.model.change import ResourceRef
from keyturn.providers.aws import plans
from keyturn.providers.aws.resources import Home, arn_of, from_arn, is_arn, sure

_MANAGED: Final = "/aws."
"""Before what AWS itself provides under an account of its own: ``aws.codeinterpreter.v1`` (Bedrock AgentCore, managed tools)."""

_NUMBERED: Final = frozenset(
    {"application-autoscaling:scalable-target", "cloudformation:type", "frauddetector:rule"}
)
"""Kinds whose ARNs end in an id of the service's, which no request says (API_DescribeScalableTargets, ScalableTargetARN), in a name
that is spelled otherwise (API_RegisterType, TypeArn), or in more than the id (a rule's detector and version).
"""


def told_arn(ref: ResourceRef, service: str, operation: str, given: dict[str, Any]) -> str:
    """The ARN where it is known: as the request spells it, or in the form that AWS documents for its kind; "" rather than a guess."""
    if ref.kind.endswith(":account"):  # the account itself, which is no resource of the service
        return ""
    home = Home(ref.partition, ref.account, ref.region)
    for value in given.values():
        for text in value if isinstance(value, list) else [value]:
            if is_arn(text) and from_arn(text, home) == ref:
                return str(text)
    if ref.kind in _NUMBERED:
        return ""
    if not sure(ref):
        for one in plans.named(service, operation, given, home.places):
            if not one.kind and is_arn(one.text) and from_arn(one.text, home) == ref:
                return "" if _managed(one.text) else one.text
    if not plans.whole(ref.kind, ref.id):
        return ""
    if sure(ref):
        return arn_of(ref)
    filled = ref.kind.endswith(":resource") and plans.known(service, operation) == "form"
    if plans.by_name_only(service, operation) or not (filled or plans.prefix(ref.kind)):
        return ""
    return arn_of(ref)


def container_arn(ref: ResourceRef, service: str, operation: str, given: dict[str, Any]) -> str:
    """The ARN of what it is made in or belongs to, where it has none of its own that is known: what AWS authorizes the call on;
    "" where nothing tells it.
    """
    if ref.kind.endswith(":account"):
        return ""
    home = Home(ref.partition, ref.account, ref.region)
    return next((one for one in plans.within(service, operation, given, home.places) if is_arn(one)), "")


def _managed(arn: str) -> bool:
    return _MANAGED in arn
