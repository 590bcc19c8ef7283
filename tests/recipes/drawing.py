"""States that nobody tuned to: parameters drawn by seed out of botocore's own shapes, and what any reader of the service sees of it.

The eye is another than that of the recipes: every read of the service whose required parameters are known is called, whole.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import random
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final

import botocore.session
import msgspec
from botocore.exceptions import ClientError
from botocore.model import OperationModel, Shape

from tests.provider.provider_world import Account

Hint = Callable[[random.Random], Any]
Hints = Mapping[str, Hint]  # regular expression over the path of a member -> what stands there
SKIP: Final = object()
DEPTH_MAX: Final = 5
TAG_KEYS: Final = ("owner:team", "cost center", "größe", "a/b=c", "Environment", "environment", "x" * 40)
TAG_VALUES: Final = ("", "production", "Ä b+c@d", "1", "true", "x" * 60)
_SESSION = botocore.session.get_session()


def operation(name: str) -> OperationModel:
    """The model of ``service:Operation``."""
    service, _, action = name.partition(":")
    return _SESSION.get_service_model(service).operation_model(action)


class Drawn(msgspec.Struct):
    """What was asked for in the end, and what the account answered."""

    parameters: dict[str, Any]
    answer: dict[str, Any]


class Draw:
    """Values of any shape, from one seed."""

    def __init__(self, seed: int | str, hints: Hints) -> None:
        self.chance, self.hints = random.Random(seed), hints  # a seed, not a secret

    def members(self, shape: Any, given: dict[str, Any], path: str = "") -> dict[str, Any]:
        """`given` and about half of what else the shape may have."""
        made = dict(given)
        for name, inner in shape.members.items():
            if name in made or (name not in shape.required_members and self.chance.random() < 0.5):
                continue
            value = self.value(inner, f"{path}.{name}" if path else name)
            if value is not SKIP:
                made[name] = value
        return made

    def value(self, shape: Shape, path: str) -> Any:
        for expression, hint in self.hints.items():
            if re.search(expression, path):
                found = hint(self.chance)
                return SKIP if found is None else found
        if path.count(".") >= DEPTH_MAX:
            return SKIP
        kind = getattr(self, f"_{shape.type_name}", None)
        return kind(shape, path) if kind else SKIP

    def _structure(self, shape: Any, path: str) -> Any:
        if set(shape.members) in ({"Key", "Value"}, {"key", "value"}, {"TagKey", "TagValue"}):
            key, value = sorted(shape.members, key=lambda name: "alue" in name)
            return {key: self.chance.choice(TAG_KEYS), value: self.chance.choice(TAG_VALUES)}
        made = self.members(shape, {}, path)
        missing = set(shape.required_members) - set(made)
        return SKIP if missing or not made else made

    def _list(self, shape: Any, path: str) -> Any:
        found = [self.value(shape.member, f"{path}[]") for _ in range(self.chance.choice((1, 1, 2, 3)))]
        kept: list[Any] = []
        for one in found:
            if one is not SKIP and not any(_same(one, other) for other in kept):
                kept.append(one)
        return kept or SKIP

    def _map(self, shape: Any, path: str) -> Any:
        if "tag" in path.lower():
            return {self.chance.choice(TAG_KEYS): self.chance.choice(TAG_VALUES) for _ in range(2)}
        made = {}
        for _ in range(self.chance.choice((1, 2))):
            key, value = self.value(shape.key, f"{path}<key>"), self.value(shape.value, f"{path}<value>")
            if key is not SKIP and value is not SKIP:
                made[key] = value
        return made or SKIP

    def _string(self, shape: Any, path: str) -> Any:
        if shape.enum:
            return self.chance.choice(shape.enum)
        least, most = int(shape.metadata.get("min", 0)), int(shape.metadata.get("max", 12))
        size = max(least, min(most, self.chance.randint(3, 12)))
        text = "".join(self.chance.choice("abcdefghkmnpqrstuvwxyz") for _ in range(size))
        pattern = shape.metadata.get("pattern")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # patterns are Java's
                fits = not pattern or re.fullmatch(pattern.replace(r"\p{", "["), text)
        except re.error:
            fits = True
        return text if fits else SKIP

    def _integer(self, shape: Any, path: str) -> Any:
        least = int(shape.metadata.get("min", 1))
        return self.chance.randint(
            least, max(least, min(int(shape.metadata.get("max", least + 20)), least + 20))
        )

    _long = _integer

    def _double(self, shape: Any, path: str) -> Any:
        return float(self._integer(shape, path))

    _float = _double

    def _boolean(self, shape: Any, path: str) -> Any:
        return self.chance.random() < 0.5

    def _blob(self, shape: Any, path: str) -> Any:
        return self.chance.randbytes(12)

    def _timestamp(self, shape: Any, path: str) -> Any:
        return SKIP


def _same(one: Any, other: Any) -> bool:
    """Equal, or under the same key: no service takes one tag twice."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in ("Key", "key", "TagKey", "Name", "name", "Id"):
            if key in one and one.get(key) == other.get(key):
                return True
    return bool(one == other)


def perform(account: Account, name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """The call as any client makes it."""
    service, _, action = name.partition(":")
    client = account.client(service)
    method = {made: python for python, made in client.meta.method_to_api_mapping.items()}[action]
    value: dict[str, Any] = getattr(client, method)(**parameters)
    value.pop("ResponseMetadata", None)
    return value


def accepted(
    account: Account,
    name: str,
    given: dict[str, Any],
    draw: Draw,
    away: tuple[str, dict[str, Any]] | None = None,
) -> Drawn | None:
    """What the account takes: a drawn member at a time is left out until it does. None where it does not even take `given`.

    `away` deletes what a refused call has left standing: the stand-in may make a thing before it fails on it.
    """
    parameters = draw.members(operation(name).input_shape, given)
    optional = [member for member in parameters if member not in given]
    draw.chance.shuffle(optional)
    while True:
        try:
            return Drawn(parameters, perform(account, name, parameters))
        except Exception as error:  # noqa: BLE001  # the stand-in fails in any way
            if away is not None:
                with contextlib.suppress(ClientError):
                    perform(account, *away)
            named = [member for member in optional if member.lower() in str(error).lower()]
            if not optional:
                return None
            gone = named[0] if named else optional[0]
            optional.remove(gone)
            parameters = {member: value for member, value in parameters.items() if member != gone}


# --- what any reader sees --------------------------------------------------------------------------------------------

_READS: Final = re.compile(r"(Describe|Get|List)[A-Z]")
_MOMENTS: Final = re.compile(
    r"(Date|Time|Timestamp|Timestamps|At|Etag|ETag|RequestId|RevisionId|[nN]extToken|LockToken|Since|Started|Stopped|LastWritten|StateTransitionReason)$"
)


def seen(
    account: Account, services: tuple[str, ...], keys: Mapping[str, Any], skip: str = ""
) -> dict[str, Any]:
    """Operation -> answer, of every read of the services that the known keys open."""
    found: dict[str, Any] = {}
    for service in services:
        model = _SESSION.get_service_model(service)
        for action in model.operation_names:
            if not _READS.match(action) or (skip and re.search(skip, action)):
                continue
            shape = model.operation_model(action).input_shape
            required = list(shape.required_members) if shape is not None else []
            known = {
                name: keys[name] for name in (shape.members if shape is not None else {}) if name in keys
            }
            if not known or not set(required) <= set(known):
                continue
            for given in (
                [known] if required else [known, *({name: known[name]} for name in known if len(known) > 1)]
            ):
                told = _told(account, f"{service}:{action}", given)
                if told:
                    found[f"{action}({','.join(sorted(given))})"] = told
    return found


def _told(account: Account, name: str, given: dict[str, Any]) -> Any:
    try:
        return _plain(perform(account, name, given))
    except ClientError as error:
        return {"refused": error.response["Error"]["Code"]}
    except Exception:  # noqa: BLE001  # the stand-in does not know it
        return {}


def _plain(value: Any) -> Any:
    """The answer without moments; JSON texts as what they mean."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items() if not _MOMENTS.search(str(name))}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if hasattr(value, "read"):
        return value.read()
    if isinstance(value, dt.datetime):
        return "a moment"
    if isinstance(value, str) and value[:1] in {"[", "{"}:
        try:
            return _plain(json.loads(value))
        except ValueError:
            return value
    return value


def _ordered(value: Any, path: str, ids: Mapping[str, str], stated: re.Pattern[str]) -> Any:
    """Under the new ids, without what was stated, lists in one order."""
    if isinstance(value, dict):
        made = {
            name: _ordered(inner, f"{path}.{name}", ids, stated)
            for name, inner in value.items()
            if not stated.search(f"{path}.{name}")
        }
        return {name: inner for name, inner in made.items() if inner not in (None, {}, [], "")}
    if isinstance(value, list):
        inside = [_ordered(inner, f"{path}[]", ids, stated) for inner in value]
        return sorted(inside, key=lambda one: json.dumps(one, sort_keys=True, default=str))
    if isinstance(value, str):
        for old, new in ids.items():
            value = value.replace(old, new)
    return value


def _leaves(value: Any, path: str) -> list[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        return [leaf for name, inner in value.items() for leaf in _leaves(inner, f"{path}.{name}")]
    if isinstance(value, list) and value:
        return [leaf for at, inner in enumerate(value) for leaf in _leaves(inner, f"{path}[{at}]")]
    return [(path, value)] if value not in (None, {}, [], "") else []


def otherwise(
    before: Mapping[str, Any], after: Mapping[str, Any], ids: Mapping[str, str], stated: Mapping[str, str]
) -> dict[str, tuple[Any, Any]]:
    """Path -> (before, after) of what reads otherwise; an old id under its new name is the same, `stated` is left out."""
    known = re.compile("|".join(f"(?:{one})" for one in stated) if stated else "(?!)")
    was = dict(_leaves(_ordered(dict(before), "", ids, known), ""))
    now = dict(_leaves(_ordered(dict(after), "", {}, known), ""))
    return {
        path: (was.get(path), now.get(path))
        for path in sorted({*was, *now})
        if was.get(path) != now.get(path)
    }
