"""CloudTrail events back into requests: which operation it was, and its parameters under the names that botocore gives them.

An event is no request: names begin small, lists of EC2 hang under ``items``, and what is secret or large is taken out. What is not
there, or redacted, is unknown, never absent (CloudTrail User Guide, "CloudTrail record contents").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from keyturn.providers.aws.resources import Home
from keyturn.providers.aws.wire_table import Entry, Service, Shape, load

DEPTH_MAX: Final = 32
"""As deep as parameters are followed; CloudTrail cuts larger ones itself."""

_VERSION: Final = re.compile(r"(?<=[a-z])_?20\d\d_?\d\d_?\d\d(?:v\d)?$")
"""Lambda and CloudFront put their API's version behind the name: UpdateFunctionCode20150331v2."""

_REDACTED: Final = re.compile(
    r"HIDDEN_DUE_TO_SECURITY_REASONS|Value hidden|\*{3,}|</?sensitiveData.*|\[?REDACTED\]?", re.IGNORECASE
)

_SOURCES: Final = {
    "monitoring": "cloudwatch",
    "states": "stepfunctions",
    "elasticmapreduce": "emr",
    "tagging": "resourcegroupstaggingapi",
    "cognito-idp": "cognito-idp",
    "deploy": "codedeploy",
}


class Event(msgspec.Struct, frozen=True):
    """What an event says was asked. `note` tells where it was refused: then it has not happened."""

    service: str
    operation: str
    parameters: dict[str, Any]
    unknown: tuple[str, ...]
    home: Home
    note: str = ""


class NoEventError(ValueError):
    """It is no event that is read here; the text says why."""


def read(event: dict[str, Any]) -> Event:
    """The request an event tells of. Raises `NoEventError`."""
    name, source = event.get("eventName"), event.get("eventSource")
    if not isinstance(name, str) or not isinstance(source, str):
        raise NoEventError("a CloudTrail event has eventName and eventSource")
    found = _operation(
        source.removesuffix(".amazonaws.com").lower(), name, str(event.get("apiVersion") or "")
    )
    if found is None:
        raise NoEventError(f"{source} has no operation {name} that is known here")
    service, operation = found
    given = event.get("requestParameters")
    unknown: list[str] = []
    known = load().service(service)
    shape = known.input(operation)
    parameters: dict[str, Any] = {}
    if isinstance(given, dict) and shape is not None:
        parameters = _structure(known, shape, given, unknown, "", 0)
    if shape is not None:
        lacking = [one for one in shape.required if one not in parameters and not shape.members[one].token]
        unknown += [f"{one} is not in the event" for one in lacking]
    account = event.get("recipientAccountId") or _account(event)
    home = Home("aws", str(account or ""), str(event.get("awsRegion") or ""))
    code = event.get("errorCode")
    note = f"it was refused with {code}: it did not happen" if isinstance(code, str) and code else ""
    return Event(service, operation, parameters, tuple(dict.fromkeys(unknown)), home, note)


def operation_of(event: Mapping[str, Any]) -> str:
    """``service:Operation`` under the names used everywhere here; of one that is not known, as the event has it. Raises `KeyError`."""
    source = str(event["eventSource"]).removesuffix(".amazonaws.com").lower()
    name = str(event["eventName"])
    found = _operation(source, name, str(event.get("apiVersion") or ""))
    return ":".join(found) if found else f"{source}:{name}"


def _account(event: dict[str, Any]) -> object:
    identity = event.get("userIdentity")
    return identity.get("accountId") if isinstance(identity, dict) else None


@lru_cache(maxsize=4_096)
def _operation(source: str, name: str, version: str) -> tuple[str, str] | None:
    """Service and operation; of services that share a source the one that has it, by the API's version where that tells."""
    bare = _VERSION.sub("", name)
    candidates = [entry for entry in load().entries.values() if source in _names(entry)]
    having = [
        (entry, operation)
        for entry in candidates
        for operation in (name, bare)
        if operation in load().service(entry.service).operations
    ]
    if not having:
        return None
    best = max(
        having, key=lambda pair: (_digits(pair[0].version) == _digits(version), pair[0].service == source)
    )
    return best[0].service, best[1]


def _names(entry: Entry) -> set[str]:
    own = {entry.service, entry.endpoint_prefix, entry.signing_name}
    return own | {source for source, service in _SOURCES.items() if service == entry.service}


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _structure(
    known: Service, shape: Shape, given: dict[str, Any], unknown: list[str], path: str, depth: int
) -> dict[str, Any]:
    names = _members(shape)
    found: dict[str, Any] = {}
    for key, value in given.items():
        name = _member(names, key)
        place = f"{path}.{name or key}".lstrip(".")
        if name is None:
            unknown.append(f"{place} is in the event and not in the request's model")
            continue
        if _redacted(value):
            unknown.append(f"{place} is taken out of the event")
            continue
        found[name] = _value(known, known.shape(shape.members[name].shape), value, unknown, place, depth + 1)
    return found


def _members(shape: Shape) -> dict[str, str]:
    """Member names by how an event may write them."""
    names: dict[str, str] = {}
    for name, member in shape.members.items():
        for spelled in (name, member.name, member.query_name):
            if spelled:
                names.setdefault(_plain(spelled), name)
    return names


def _member(names: dict[str, str], key: str) -> str | None:
    plain = _plain(key)
    if plain in names:
        return names[plain]
    stem = plain.removesuffix("set")  # EC2: instancesSet is InstanceIds, groupSet is Groups
    for spelled in (stem, stem + "s", stem.removesuffix("s") + "ids", stem.removesuffix("s") + "id"):
        if stem != plain and spelled in names:
            return names[spelled]
    return None


def _redacted(value: Any) -> bool:
    return isinstance(value, str) and _REDACTED.fullmatch(value.strip()) is not None


def _value(known: Service, shape: Shape, value: Any, unknown: list[str], path: str, depth: int) -> Any:
    if depth > DEPTH_MAX:
        unknown.append(f"{path} is too deep")
        return None
    if shape.kind == "structure" and isinstance(value, dict):
        return _structure(known, shape, value, unknown, path, depth)
    if shape.kind == "map" and shape.value is not None and isinstance(value, dict):
        inner = known.shape(shape.value.shape)
        return {
            key: _value(known, inner, one, unknown, f"{path}.{key}", depth + 1) for key, one in value.items()
        }
    if shape.kind == "list" and shape.element is not None:
        element = known.shape(shape.element.shape)
        listed = value.get("items") if isinstance(value, dict) and "items" in value else value
        many = listed if isinstance(listed, list) else [listed]
        return [
            _value(known, element, _single(element, one), unknown, f"{path}[]", depth + 1) for one in many
        ]
    return value


def _single(element: Shape, value: Any) -> Any:
    """``{"instanceId": "i-1"}`` where the request has the id alone."""
    if element.kind not in {"structure", "map", "list"} and isinstance(value, dict) and len(value) == 1:
        return next(iter(value.values()))
    return value
