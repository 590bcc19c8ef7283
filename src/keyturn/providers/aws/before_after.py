"""Before and after of an update in place, as reviewers see it: what the request sets against what was captured.

Only what the request names is shown. Values that are secrets stand sealed on both sides, so that it can still be seen whether
they differ. What a recipe calls otherwise than the API stands in a table; the rest is matched by name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from keyturn.core.ports import Seal
from keyturn.model.assessment import Difference
from keyturn.model.canonical import canonical
from keyturn.model.change import ResourceRef
from keyturn.providers.aws import recipes
from keyturn.providers.aws.recipes.base import Recipe, State
from keyturn.providers.aws.rules import Context

DIFFERENCES_MAX: Final = 200
"""More than this nobody reads; a page that long hides what matters."""

_IDENTITY: Final = frozenset(
    {"FunctionName", "TableName", "QueueUrl", "Bucket", "Key", "Name", "AlarmName", "RoleName", "UserName", "ResourceArn",
     "Resource", "RevisionId", "DryRun"}
)  # fmt: skip


def _ttl(given: Any) -> Any:
    return given.get("AttributeName") if isinstance(given, dict) and given.get("Enabled") else None


def _recovery(given: Any) -> Any:
    return bool(given.get("PointInTimeRecoveryEnabled")) if isinstance(given, dict) else given


def _same(given: Any) -> Any:
    return given


_SPELLED: Final[dict[str, dict[str, tuple[str, Callable[[Any], Any]]]]] = {
    "dynamodb:table": {
        "DeletionProtectionEnabled": ("protection", _same),
        "BillingMode": ("billing", _same),
        "ProvisionedThroughput": ("throughput", _same),
        "StreamSpecification": (
            "stream",
            lambda given: given if (given or {}).get("StreamEnabled") else None,
        ),
        "TableClass": ("class", _same),
        "TimeToLiveSpecification": ("ttl", _ttl),
        "PointInTimeRecoverySpecification": ("recovery", _recovery),
    },
    "lambda:function": {"ReservedConcurrentExecutions": ("concurrency", _same)},
}
"""Kind -> parameter -> the capture's field, and the parameter's value in the capture's terms."""


def differences(context: Context, *, seal: Seal) -> tuple[Difference, ...]:
    """What the operation would change of what stands; empty for what is absent, unknown, or without a recipe."""
    recipe, state = recipes.for_kind(context.ref.kind), context.state
    if recipe is None or state is None:
        return ()
    found = []
    for field, before, after in _pairs(context, recipe, state):
        if canonical(_plain(before)) != canonical(_plain(after)):
            shown = _shown(context.ref, field, before, after, recipe, seal)
            if before is None and (stands := recipe.unread(field, state)):
                shown = msgspec.structs.replace(shown, before=stands)
            found.append(shown)
    return tuple(sorted(found, key=lambda difference: difference.path)[:DIFFERENCES_MAX])


def _pairs(context: Context, recipe: Recipe, state: State) -> Iterator[tuple[str, Any, Any]]:
    """(path, before, after) of everything the request names that the capture knows."""
    given = dict(context.parameters)
    written = recipe.written(context.operation.name, given, state)
    if written is not None:
        yield from _written(state, written)
        return
    yield from _tags(given, state)
    spelled = _SPELLED.get(recipe.kind, {})
    wanted = _as_made(recipe, given)
    fields = {_folded(field): field for field in state}
    for name, value in given.items():
        if name in _IDENTITY:
            continue
        if name in spelled:
            field, translate = spelled[name]
            yield field, state.get(field), translate(value)
        elif wanted is None and _folded(name) in fields and _folded(name) != "tags":
            field = fields[_folded(name)]
            yield from _inside(field, state[field], value)
    for field, after in (wanted or {}).items():
        if field in state and field not in {"tags", *(field for field, _ in spelled.values())}:
            yield field, state[field], after


def _written(state: State, written: State) -> Iterator[tuple[str, Any, Any]]:
    """What is written as a whole: a member that is not there any more goes."""
    for field, after in written.items():
        before = state.get(field)
        if field not in state:
            continue  # it could not be read, and that stands among the unknowns
        if not (isinstance(before, dict) and isinstance(after, dict)):
            yield field, before, after
            continue
        for key in sorted({*before, *after}):
            yield f"{field}.{key}", before.get(key), after.get(key)


def _as_made(recipe: Recipe, given: dict[str, Any]) -> State | None:
    """The request in the capture's terms, where updates are spelled like the create and say only what changes: Lambda."""
    if recipe.kind != "lambda:function":
        return None
    return recipe.desired("lambda:CreateFunction", given)


def _inside(field: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    """A map is shown key by key where both sides are one."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in after.items():
            yield f"{field}.{key}", before.get(key), value
    else:
        yield field, before, after


def _tags(given: dict[str, Any], state: State) -> Iterator[tuple[str, Any, Any]]:
    """Tags set and taken off, each by its key."""
    standing = state.get("tags") or {}
    tags = given.get("Tags") or given.get("tags") or {}
    if isinstance(tags, list):
        tags = {
            tag.get("Key", tag.get("key")): tag.get("Value", tag.get("value"))
            for tag in tags
            if isinstance(tag, dict)
        }
    for key, value in tags.items() if isinstance(tags, dict) else ():
        yield f"tags.{key}", standing.get(key), value
    for key in given.get("TagKeys") or given.get("tagKeys") or ():
        yield f"tags.{key}", standing.get(key), None


def _folded(name: str) -> str:
    return name.replace("_", "").lower()


def _plain(value: Any) -> Any:
    """JSON in a text equals the same JSON written otherwise."""
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _shown(ref: ResourceRef, path: str, before: Any, after: Any, recipe: Recipe, seal: Seal) -> Difference:
    if path.partition(".")[0] not in recipe.secret_fields:
        return Difference(ref, path, before, after)
    return Difference(ref, path, _sealed(before, seal), _sealed(after, seal))


def _sealed(value: Any, seal: Seal) -> Any:
    """Names stay, values do not."""
    if value is None:
        return None
    if isinstance(value, dict):
        return {key: {"$sealed": seal(canonical(inner))} for key, inner in value.items()}
    return {"$sealed": seal(canonical(value))}
