"""The census of preconditions that AWS itself checks: every mutating operation whose request can name what must still stand.

Read from botocore's models: by name where the name alone says it, else by name and by what the documentation of the member says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import botocore
import botocore.session
import msgspec


class Found(msgspec.Struct, frozen=True, order=True):
    """One member of one request. `path` is dotted where it lies deeper; `told`: its documentation, in one line."""

    service: str
    operation: str
    path: str
    required: bool
    told: str

    @property
    def name(self) -> str:
        return f"{self.service}:{self.operation}"


DEPTH_MAX: Final = 4
"""So deep lies the condition of one write among those of a transaction."""

BY_NAME: Final = re.compile(
    r"(Source|Destination|CopySource)?If(None)?Match(Size|LastModifiedTime|InitiatedTime)?"
    r"|(Source|Destination|CopySource)?If(Unm|M)odifiedSince|ifMatch|ifNoneMatch|ConditionExpression|Expected"
    r"|[eE]xpected(Revision|Policy)?(Id|Version|RevisionId|Fingerprint|Status)|[cC]urrent(Application)?Version(Id)?"
    r"|(WebACL)?LockToken|LockVersion|previousPolicyHash|[pP]olicy(Hash|Exists|Existence)Condition|parentCommitId|versionToken|[pP]olicyRevision(Id)?|ConditionalToken"
)
"""Names that mean one thing in whatever service."""

CANDIDATE: Final = re.compile(
    r"\w*(revision|revisionid|etag|updatetoken|currentversion|applicationversion|applicationversionid|recordversion|versionnumber"
    r"|lastmodified\w*|lastupdated\w*|associationversion|codesha256|parentcommitid|recordversion)|version",
    re.IGNORECASE,
)
"""Names that mean it in some services, and elsewhere pick a thing or tell of one."""

SAYS: Final = re.compile(
    r"optimistic|concurren|only .{0,90}\bmatch|(doesn.t|does not|don.t|do not) match the (latest|current)|must match"
    r"|changed since|(correct|expected) (current )?(version|revision|entity tag)|prevent submitting|prevents? (over|conflict)"
    r"|is an optimistic|atomic|must specify the latest|current (profile )?revision|current version of the (grant|application)"
    r"|revision of the (resource-based )?policy (from which|you are|to)|revision ID of the policy\.",
    re.IGNORECASE,
)
"""What the documentation of such a member says where it is one."""

NOT_ONE: Final = frozenset(
    {
        ("quicksight", "ConditionExpression"),  # which rows of a data set are kept
        ("pinpoint", "Version"),  # which version is written
        ("codepipeline", "currentRevision"),  # what a job worked on
        ("iotwireless", "CurrentVersion"),  # which gateways are updated
    }
)
"""(service, member) of a name that means something else there."""

READS: Final = re.compile(
    r"^(BatchGet|Describe|Get|Head|List|Lookup|Query|Scan|Search|Select|Preview|Retrieve)(?![a-z])"
)
"""Verbs of operations that change nothing."""


@cache
def census() -> tuple[Found, ...]:
    """Every one, sorted."""
    session = botocore.session.get_session()
    found: list[Found] = []
    for service in session.get_available_services():
        model = session.get_service_model(service)
        for name in model.operation_names:
            operation = model.operation_model(name)
            if READS.match(name) or operation.input_shape is None:
                continue
            found += (
                Found(service, name, path, required, told)
                for path, required, told in _members(service, operation.input_shape)
            )
    return tuple(sorted(found))


def _members(
    service: str, shape: Any, path: str = "", above: tuple[str, ...] = ()
) -> Iterator[tuple[str, bool, str]]:
    if shape.type_name == "list":
        shape, path = shape.member, f"{path}[]"
    elif shape.type_name == "map":
        shape, path = shape.value, f"{path}{{}}"
        if shape.type_name == "list":
            shape, path = shape.member, f"{path}[]"
    if shape.type_name != "structure" or len(above) >= DEPTH_MAX or shape.name in above:
        return
    for name, member in shape.members.items():
        here = f"{path}.{name}" if path else name
        told = " ".join(re.sub(r"<[^>]+>", " ", member.documentation).split())
        if is_one(service, name, told, top=not above):
            yield here, name in shape.required_members, told
        elif member.type_name in {"structure", "list", "map"}:
            yield from _members(service, member, here, (*above, shape.name))


def is_one(service: str, name: str, told: str, *, top: bool = True) -> bool:
    """Whether a member is a precondition; deeper than the top only where the name alone says it."""
    if (service, name) in NOT_ONE:
        return False
    if "makes the request method conditional on" in told or "the objects are deleted only if" in told:
        return True
    if BY_NAME.fullmatch(name):
        return True
    return bool(top and CANDIDATE.fullmatch(name) and SAYS.search(told))
