"""What a request itself says must still stand, in words: AWS refuses it where something else does by then.

An agent's request is sent as it was reviewed (ADR 0014); where it carries such a condition, people see it as one and not only among
the parameters.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Final

from keyturn.model.change import Operation

BY_NAME: Final = re.compile(
    r"(Source|Destination|CopySource)?If(None)?Match(Size|LastModifiedTime|InitiatedTime)?"
    r"|(Source|Destination|CopySource)?If(Unm|M)odifiedSince|ifMatch|ifNoneMatch|ConditionExpression|Expected"
    r"|[eE]xpected(Revision|Policy)?(Id|Version|RevisionId|Fingerprint|Status)|[cC]urrent(Application)?Version(Id)?"
    r"|(WebACL)?LockToken|LockVersion|previousPolicyHash|[pP]olicy(Hash|Exists|Existence)Condition|parentCommitId|versionToken|[pP]olicyRevision(Id)?|ConditionalToken"
)
"""Members whose names mean one thing in whatever service; read from botocore's models (docs/reference/preconditions.md)."""

NOT_ONE: Final = frozenset(
    {
        ("quicksight", "ConditionExpression"),  # which rows of a data set are kept
        ("pinpoint", "Version"),  # which version is written
        ("codepipeline", "currentRevision"),  # what a job worked on
        ("iotwireless", "CurrentVersion"),  # which gateways are updated
    }
)
"""(service, member) of a name that means something else there."""

IN_SERVICE: Final = frozenset({("lambda", "RevisionId")})
"""(service, member) of a name that elsewhere picks a thing, and here says which must still stand."""

DEPTH_MAX: Final = 6
"""So deep lies the condition of one write among those of a transaction, with the lists between."""

CHARS_MAX: Final = 200
"""An expression has 4 KB at most; more than two lines of it are read below."""

SAID_MAX: Final = 20
"""A transaction has a hundred writes at most; a reviewer is told how many more."""


def only_if(operation: Operation) -> tuple[str, ...]:
    """``only if its ETag is still "abc"``, each once; empty where the request asks for nothing of the kind. An item's
    attribute of such a name is data, and stands sealed: no condition is.
    """
    if operation.provider != "aws":
        return ()
    found = dict.fromkeys(f"only if {said}" for said in _said(operation.service, operation.parameters, 0))
    told = tuple(found)
    return (
        told if len(told) <= SAID_MAX else (*told[:SAID_MAX], f"and {len(told) - SAID_MAX} more conditions")
    )


def is_condition(service: str, member: str) -> bool:
    """Whether a member of this name, in this service, says what must still stand."""
    if (service, member) in NOT_ONE:
        return False
    return BY_NAME.fullmatch(member) is not None or (service, member) in IN_SERVICE


def _said(service: str, value: Any, depth: int) -> Iterator[str]:
    if depth > DEPTH_MAX:
        return
    if isinstance(value, list | tuple):
        for inner in value:
            yield from _said(service, inner, depth + 1)
    elif isinstance(value, Mapping) and "$sealed" not in value:
        if isinstance(value.get("ConditionExpression"), Mapping) and "TableName" in value:
            yield "a condition holds that is too long to be shown"
        for member, inner in value.items():
            if not is_condition(service, str(member)) or isinstance(inner, Mapping | list | tuple):
                yield from _said(service, inner, depth + 1)
            elif isinstance(inner, str | int) and inner not in {"", False}:
                yield _phrase(str(member), inner, value)


_PLAIN: Final = {
    "IfMatch": "its ETag is still {}",
    "IfMatchSize": "its size is still {}",
    "IfMatchLastModifiedTime": "it was last changed at {}",
    "IfMatchInitiatedTime": "it was begun at {}",
    "IfNoneMatch": "its ETag is not {}",
    "IfUnmodifiedSince": "it was not changed since {}",
    "IfModifiedSince": "it was changed since {}",
    "RevisionId": "its revision is still {}",
    "LockToken": "nobody changed it since it was read ({})",
    "LockVersion": "its version is still {}",
    "WebACLLockToken": "nobody changed it since it was read ({})",
    "parentCommitId": "the branch still ends with {}",
}
_PREFIXES: Final = {
    "CopySource": "of what is copied, ",
    "Source": "of the source, ",
    "Destination": "of the target, ",
}


def _phrase(member: str, value: Any, beside: Mapping[str, Any]) -> str:
    if member == "ConditionExpression":
        return _expression(str(value), beside.get("ExpressionAttributeNames"))
    for prefix, about in _PREFIXES.items():
        rest = member.removeprefix(prefix)
        if rest != member and rest.startswith("If"):
            return about + _phrase(rest, value, beside)
    name = member[0].upper() + member[1:] if member.startswith("if") else member
    if name == "IfNoneMatch" and value == "*":
        return "nothing stands there"
    said = _PLAIN.get(name)
    return said.format(value) if said else f"{member} is still {value}"


def _expression(text: str, names: Any) -> str:
    """With the attributes' own names; values stand sealed, and are named as the request names them."""
    own = names if isinstance(names, Mapping) else {}
    said = re.sub(r"#\w+", lambda found: str(own.get(found.group(), found.group())), text)
    return textwrap.shorten(said, CHARS_MAX, placeholder=" ... (all of it among the parameters)")
