"""Detectors for what a request puts in the place of something that stands: another thing that is referred to, another text as a whole,
another key. What only says which resource is meant is none of it: members of the address, and those that an operation must be given.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws.rules import Context, Fired, looked_at, rule
from keyturn.providers.aws.rules.generic import TAGGING, makes, paths, where
from keyturn.providers.aws.rules.one_use import put_to_one_use
from keyturn.providers.aws.rules.shapes import APPENDS, Leaf, means, members, replaces_nothing
from keyturn.providers.aws.wire_table import input_of

R3: Final = Reversibility.R3

_EDITS: Final = re.compile(r"^(Batch|Bulk|Admin)?(Update|Modify|Change|Replace|Edit|Set)")
_REFERS: Final = re.compile(r"(?i)(arns?|ids?|identifiers?|version(id|number)?|(kms|encryption)\w*key)$")
_REFERS_INSIDE: Final = re.compile(r"(?i)(arn|[a-z]version)$")
_SAYS_WHICH: Final = re.compile(
    r"(?i)^(finding(ids?|identifiers?)|standards(control)?arn|securitycontrolid)$|^(id|arn|ids|arns|identifier|version)$|(client|request|idempoten|revision|lock|update|next|trace|correlation|session|change)\w*(token|id)$"
    r"|^(account|awsaccount|aws|catalog|owner|user|contact|instance|caller\w*|expected\w*|current\w*|parent\w*|trace|resource|origin\w*|space|hub)(ids?|arns?|versions?|identifiers?|versionid)$"
    r"|(schema|api|platformapi|protocol|policy|format|message|document)version$|externalid$|callerreference$|etag|revision|timezone|provided|loggroup|dashboard|finding|standards"
)
"""Names that say which resource, whose, or which state of it is meant: none is what it refers to."""


@lru_cache(maxsize=4_096)
def _told(name: str) -> frozenset[str]:
    """The members that say which resource an operation means: where its address tells (REST), all others are content."""
    service, _, action = name.partition(":")
    taken = input_of(service, action)
    if taken is None:
        return frozenset()
    _, shape = taken
    placed = frozenset(
        one for one, member in shape.members.items() if member.location in {"uri", "querystring"}
    )
    if placed:
        return placed | _told_elsewhere(service, _VERB.sub("", action))
    noun = _VERB.sub("", action).lower()
    if shape.required:  # its own name, where it may be given another one
        own = frozenset(one for one in shape.members if _NAMES.sub("", one).lower() == noun)
        return own.union(shape.required)
    return frozenset(
        one for one in shape.members if (stem := _NAMES.sub("", one)) != one and stem.lower() in noun
    )


def _told_elsewhere(service: str, noun: str) -> frozenset[str]:
    """What the address tells where the same thing is read or deleted: the member of a network, which an update takes in its body."""
    found = (input_of(service, f"{verb}{noun}") for verb in ("Get", "Describe", "Delete"))
    return frozenset(
        name
        for taken in found
        if taken is not None
        for name, member in taken[1].members.items()
        if member.location in {"uri", "querystring"}
    )


_VERB: Final = re.compile(r"^(Batch|Bulk|Admin)?[A-Z][a-z]+")
_NAMES: Final = re.compile(r"(?i)(ids?|arns?|names?|identifiers?)$")


def _texts(value: object) -> bool:
    """Whether a member refers to something: a text, or texts."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(one, str) and one for one in value)
    return isinstance(value, str) and bool(value)


_KEPT_AT: Final = re.compile(r"(?i)out|dest|result|location|storage|path|target|backup|log")


def _points(leaf: Leaf) -> bool:
    """Whether a member refers to something by an ARN, an id, a version or a place in a bucket."""
    if isinstance(leaf.value, str) and leaf.value.startswith("s3://"):
        return _KEPT_AT.search(leaf.name) is not None
    refers = _REFERS_INSIDE if "." in leaf.path or "[" in leaf.path else _REFERS
    if not refers.search(leaf.name):
        return False
    return _texts(leaf.value) or (isinstance(leaf.value, int) and leaf.name.lower().endswith("version"))


@rule(
    "GEN030",
    [],
    Kind.OUTAGE,
    Effect.UPDATE,
    R3,
    "Keyturn: another thing that is referred to, by the shape of the request",
)
def refers_otherwise(context: Context) -> Fired:
    """What an update refers to by an ARN, an id or a version is what it relies on from then on, in the place of what stood."""
    if makes(context) or not _EDITS.match(context.operation.action) or context.operation.service in _TESTS:
        return None
    which = _told(context.operation.name)
    seen = looked_at(context.operation.name)
    found = [
        leaf
        for leaf in members(context)
        if _points(leaf)
        and leaf.path not in which
        and leaf.path not in seen
        and not _is_meant(leaf, context, which)
        and not _SAYS_WHICH.search(leaf.name)
        and not TAGGING.search(leaf.path)
        and not (_PASSED.search(leaf.name) and not _is_role(leaf, context))
        and not replaces_nothing(leaf)
        and not _ADDS_EYES.search(leaf.name)
        and not (_TO_LOG.search(context.operation.action) and _KEPT_AT.search(leaf.path))
    ]
    return (
        (f"{context.ref} would refer to something else than now ({where(found)}).", paths(found))
        if found
        else None
    )


_ADDS_EYES: Final = re.compile(r"(?i)(logging|recording|restriction)\w*(arns?|identifiers?)$")
"""What records or restricts is put there; what stands of the kind is seldom another one."""

_TESTS: Final = frozenset({"devicefarm", "iotdeviceadvisor"})
"""Services that try things out: nothing relies on what they refer to."""

_TO_LOG: Final = re.compile(r"Logging|LogDelivery")
_PASSED: Final = re.compile(r"(?i)(role|snscaller)arn$")
"""What it acts with is delegated authority, and said as that (GEN004)."""


def _is_role(leaf: Leaf, context: Context) -> bool:
    """Whether it acts with a role of its own, which is another one from then on: what only that before it may do fails."""
    return "." not in leaf.path and ":role/" in str(leaf.value) and not put_to_one_use(context, [leaf])


def _is_meant(leaf: Leaf, context: Context, which: frozenset[str]) -> bool:
    """Whether it only says which resource is meant: its id or ARN, or in a batch the id of the item that the rest of it is about."""
    if means(leaf, context.ref.id, which):
        return True
    stem = _NAMES.sub("", leaf.name).lower()
    action = context.operation.action
    return action.startswith("Batch") and "[]." in leaf.path and bool(stem) and stem in action.lower()


_WHOLE: Final = re.compile(
    r"(?i)^(data|payload|blob|schema|template|pattern|eventpattern|rules|dashboardbody|templatestring|new\w*content|\w+blob|\w*mappingtemplate"
    r"|\w+settings|tablemappings|\w*handlers|scrapeconfiguration|accessstring)$"
)
"""Members that hold a text as a whole: a configuration, a template, rules."""


@rule(
    "GEN031",
    [],
    Kind.OVERWRITE,
    Effect.UPDATE,
    R3,
    "Keyturn: a text that is replaced as a whole, by the shape of the request",
)
def written_over(context: Context) -> Fired:
    """A configuration, a template or rules that are given as one text take the place of those that stood: nothing of them is kept."""
    action = context.operation.action
    if makes(context) or not _EDITS.match(action) or context.operation.name in APPENDS:
        return None
    seen = looked_at(context.operation.name)
    found = [
        leaf
        for leaf in members(context)
        if isinstance(leaf.value, str)
        and leaf.value
        and _WHOLE.search(leaf.name)
        and leaf.path not in seen
        and not (action.endswith("Template") and leaf.name.lower() == "body")  # a message that people read
    ]
    return (
        (f"What {context.ref} says would be written over as a whole ({where(found)}).", paths(found))
        if found
        else None
    )


_OPENS: Final = re.compile(
    r"(?i)^((api|app|access|auth|refresh|bearer|wallet|signing|personal\w*|private|consumer|secret|idpclient|client|master|basicauth)?(secret|key|token)(value|string)?"
    r"|\w*(api|secret|access)keys?(value)?|\w*clientsecret|\w*credentials?(arn)?|authcode|\w*secret(arn|id|identifier)|\w*(?<!onetime)password|ckn|cak)$"
)
_NO_SECRET: Final = re.compile(
    r"(?i)^(key|token|clienttoken|client(request)?token|accesstoken|continuationtoken|sessiontoken)$"
)


@rule(
    "GEN032",
    [],
    Kind.OUTAGE,
    Effect.PERMISSION,
    R3,
    "Keyturn: a key or secret that takes the place of another, by the names of members",
)
def opens_with_another(context: Context) -> Fired:
    """A key, token or secret that an update brings takes the place of the one that stood: who relies on that one is shut out, who gave this one is in."""
    if makes(context) or not _EDITS.match(context.operation.action):
        return None
    which = _told(context.operation.name)
    seen = looked_at(context.operation.name)
    found: list[Leaf] = [
        leaf
        for leaf in members(context)
        if _OPENS.search(leaf.name)
        and not _NO_SECRET.search(leaf.name)
        and _texts(leaf.value)
        and leaf.path not in which
        and leaf.path not in seen
        and not TAGGING.search(leaf.path)
    ]
    return (
        (f"Another key or secret would stand there than now ({where(found)}).", paths(found))
        if found
        else None
    )


_SET_BY_PATCH: Final = re.compile(
    r"(?i)(arns?|uri|id|schema|pathpart|types?|credentials|policy|certificate\w*|templates?/.*|version|identitysource|stage|scopes|statuscode|mode)$"
)
_FEW: Final = re.compile(r"(?i)(limit|remaining|percent\w*|concurrency|timeout\w*)$")
_SERVED: Final = re.compile(r"alidate|(?i:enabled)$")
_FEW_MAX: Final = 100
"""Milliseconds within which nothing answers, and requests that are used up at once."""


@rule(
    "GEN033",
    [],
    Kind.OUTAGE,
    Effect.UPDATE,
    R3,
    "https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html",
    everywhere=True,
)
def patched(context: Context) -> Fired:
    """A patch sets by its path what an update sets by a member: another target, key, schema or type, or next to nothing of what serves."""
    held = context.parameters.get("patchOperations")
    if not isinstance(held, list):
        return None
    found = [
        str(one["path"])
        for one in held
        if isinstance(one, dict)
        and one.get("op") in {"add", "replace", "copy", "move"}
        and isinstance(one.get("path"), str)
        and not (one["op"] == "add" and _NAMED_PARAMETER.match(one["path"]))
        and _patches(one["path"], one.get("value"))
    ]
    return (
        (f"{context.ref} would be set otherwise than now ({', '.join(found[:3])}).", {"paths": found[:10]})
        if found
        else None
    )


_NAMED_PARAMETER: Final = re.compile(r"/(response|request)Parameters/")
"""What is added there is one more name, whatever it ends with."""


def _patches(path: str, value: object) -> bool:
    if _FEW.search(path):
        return (
            isinstance(value, str) and value.isdigit() and int(value) <= (_FEW_MAX if "imeout" in path else 1)
        )
    return _SET_BY_PATCH.search(path) is not None or (
        str(value).lower() == "false" and _SERVED.search(path) is not None
    )
