"""What a definition calls once it runs: Step Functions (ASL), SSM documents, targets of EventBridge Scheduler. Total.

Only the SDK integrations and ``aws:executeAwsApi`` name an operation; functions, scripts and shells are opaque
(https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from keyturn.providers.aws import catalogue
from keyturn.providers.aws.languages.documents import NoDocumentError, read

VISITS_MAX: Final = 50_000
"""Members of one definition that are looked at; a definition is 1 MB at most (Step Functions quotas)."""

_SDK: Final = re.compile(r"arn:[a-z0-9-]+:(?:states|scheduler):::aws-sdk:([a-z0-9-]+):([A-Za-z0-9]+)")
_OTHER: Final = re.compile(r"arn:[a-z0-9-]+:(?:states|scheduler):::[a-z0-9:-]+|arn:[a-z0-9-]+:lambda:.+")
_NAMES: Final = {
    "sfn": "stepfunctions",
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
    "cognitoidentityprovider": "cognito-idp",
    "elasticloadbalancingv2": "elbv2",
    "databasemigration": "dms",
    "elasticsearch": "es",
}
"""How Step Functions calls services that botocore calls otherwise."""
UNREAD: Final = "?"
"""Stands for what cannot be read, or be known from it."""


def calls(definition: Any) -> list[str]:
    """``service:Operation`` of every call that it names, in order; what is opaque begins with ``?``."""
    try:
        found = read(definition) if isinstance(definition, str) else definition
    except NoDocumentError:
        return [UNREAD]
    if not isinstance(found, (dict, list)):
        return [UNREAD]
    return list(dict.fromkeys(_walk(found)))


def _walk(root: Any) -> Iterator[str]:
    waiting, visits = [root], 0
    while waiting:
        visits += 1
        if visits > VISITS_MAX:
            yield UNREAD
            return
        one = waiting.pop()
        if isinstance(one, dict):
            yield from _named(one)
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _named(one: dict[Any, Any]) -> Iterator[str]:
    for member in ("Resource", "Arn"):
        value = one.get(member)
        if isinstance(value, str):
            sdk = _SDK.match(value)
            if sdk is not None:
                yield operation_of(sdk[1], sdk[2])
            elif _OTHER.match(value) or (member == "Resource" and one.get("Type") == "Task"):
                yield f"{UNREAD} {value[:90]}"
    action = one.get("action")
    if action == "aws:executeAwsApi":
        inputs = one.get("inputs")
        given = inputs if isinstance(inputs, dict) else {}
        yield operation_of(str(given.get("Service", "")), str(given.get("Api", "")))
    elif isinstance(action, str) and re.match(r"aws:(run|execute|invoke)", action):
        yield f"{UNREAD} {action}"


def operation_of(service: str, name: str) -> str:
    """As botocore calls it; unknown where there is none."""
    known, action = _NAMES.get(service, service), name[:1].upper() + name[1:]
    for one in (action, action.replace("Db", "DB")):
        if catalogue.lookup(known, one).confidence != "unknown":
            return f"{known}:{one}"
    return f"{UNREAD} {service}:{name}"
