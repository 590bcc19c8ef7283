"""What an agent might want in place of what stands, what the advisor says to it, and what its calls give."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import botocore.session
import msgspec

from keyturn.model.assessment import Alternative
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Role, Succeeded
from keyturn.providers.aws import advising
from keyturn.providers.aws.recipes.base import Narrow, Recipe, State
from keyturn.providers.aws.recipes.base import call as call_of
from tests.provider.provider_world import drive
from tests.recipes.recipe_world import Partly

MUTANTS_MAX: Final = 6


def others(value: Any) -> Iterator[Any]:
    """Values beside this one: what an agent might want in its place, of its own shape."""
    match value:
        case bool():
            yield not value
        case int() | float():
            yield value + 1
        case "true" | "false":
            yield "false" if value == "true" else "true"
        case str():
            yield f"{value}x"
        case list():
            if value:
                yield value[:-1]
                yield from ([one, *value[1:]] for one in others(value[0]))
            yield [*value, next((one for one in others(value[0]) if one not in value), "x") if value else "x"]
        case dict():
            yield {**value, "added": "b"}
            for key, inner in value.items():
                yield {name: kept for name, kept in value.items() if name != key}
                yield from ({**value, key: one} for one in others(inner))
        case None:
            yield from ("x", {"a": "b"}, [{"a": "b"}], True, 7)


def pairs(recipe: Recipe, state: State) -> Iterator[tuple[str, State]]:
    """(the field, what is wanted): each field otherwise, alone and beside all that stands."""
    stands = {field: state.get(field) for field in recipe.fields}
    for field in recipe.fields:
        for _, other in zip(range(MUTANTS_MAX), others(stands[field]), strict=False):
            yield field, {field: other}
            yield field, {**stands, field: other}


def asked(recipe: Recipe, ref: ResourceRef, state: State, wanted: State) -> tuple[Narrow, Alternative] | None:
    try:
        found = recipe.narrow(ref, state, wanted)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None  # no state of that shape exists: there is no answer, and so no patch
    if found is None:
        return None
    found = advising.accounted(recipe, ref, state, found)
    return found, advising.advised(Alternative((), (), "", "", exact=True), recipe, ref, found)


@cache
def input_of(operation: str) -> Any:
    """The shape of what the service takes, by its model."""
    service, _, action = operation.partition(":")
    return botocore.session.get_session().get_service_model(service).operation_model(action).input_shape


def cannot_be(shape: Any, value: Any) -> bool:
    """Whether the service's own model rules the value out: no such name, not of that pattern, beyond what it says at most.

    AWS refuses these; the stand-in takes many of them, and what it makes of them says nothing.
    """
    match shape.type_name, value:
        case "structure", dict():
            return any(
                name not in shape.members or cannot_be(shape.members[name], one)
                for name, one in value.items()
            )
        case "list", list():
            return any(cannot_be(shape.member, one) for one in value)
        case "map", dict():
            return any(
                cannot_be(shape.key, name) or cannot_be(shape.value, one) for name, one in value.items()
            )
        case "string", str():
            pattern = shape.metadata.get("pattern")
            return (bool(shape.enum) and value not in shape.enum) or (
                bool(pattern) and not _matches(pattern, value)
            )
        case "integer" | "long", int():
            return value > int(shape.metadata.get("max", value))
    return False


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:
        return True  # it is written for another language


ONE_BY_ONE: Final = frozenset({("sqs:queue", "attributes")})
"""Maps of which a call sets what it is given, and leaves the rest (API_SetQueueAttributes)."""

IDENTITY: Final = ("arn", "id", "unique_id", "created_at", "created", "creation_date")


def applied(account: Partly, ref: ResourceRef, found: Narrow) -> bool:
    """Whether the service took every call. Many values are made up: it refuses those that cannot be."""
    if any(cannot_be(input_of(step.operation), step.parameters) for step in found.steps):
        return False
    try:
        answers = [
            account(call_of(ref, step.operation, step.parameters, Role.CHANGE)) for step in found.steps
        ]
    except Exception:  # noqa: BLE001  # what the SDK or the stand-in makes of a value that cannot be
        return False
    return all(isinstance(one, Succeeded) for one in answers)


def otherwise(
    recipe: Recipe, field: str, before: State, wanted: State, now: State
) -> Iterator[tuple[str, str, Any, Any]]:
    """(what was wanted, what is otherwise than it should be, how it is, how it should be)."""
    for key in recipe.fields:
        aim = wanted.get(key, before.get(key))
        if key == "tags" or (recipe.kind, key) in ONE_BY_ONE:  # a patch only ever sets tags
            aim = {**(before.get(key) or {}), **(aim or {})}
        if now.get(key) != aim and key not in recipe.renews:
            yield field, key, now.get(key), aim
    for key in IDENTITY:
        if key not in recipe.fields and now.get(key) != before.get(key):
            yield field, key, now.get(key), before.get(key)


class Given(msgspec.Struct):
    """What the calls of patches gave, one patch after the other: how often each verdict fell, and what is otherwise than it should be."""

    said: Counter[str]
    wrong: list[tuple[str, str, Any, Any]]


def given(account: Partly, recipe: Recipe, ref: ResourceRef, skip: frozenset[str] = frozenset()) -> Given:
    """Each field wanted otherwise, alone, from what the one before left. What the service refuses changes nothing."""
    found = Given(Counter(), [])
    state = drive(recipe.capture(ref), account).state
    assert state is not None
    for field, wanted in list(pairs(recipe, state)):
        if len(wanted) > 1 or field in skip or state.get(field) is None:
            continue  # of what does not stand, nobody knows the shape
        answer = asked(recipe, ref, state, wanted)
        if answer is None or answer[1].verdict != "patch":
            found.said[answer[1].verdict if answer else "no answer"] += 1
            continue
        took = applied(account, ref, answer[0])
        found.said["applied" if took else "refused"] += 1
        now = drive(recipe.capture(ref), account).state
        assert now is not None, f"{field}: it is gone"
        if took:
            found.wrong += list(otherwise(recipe, field, state, wanted, now))
        state = now
    return found
