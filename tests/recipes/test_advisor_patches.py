"""No false *patch possible*: what the advisor calls a patch has a call for every difference, and no call is one of another service's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final

import botocore.session
import pytest
from moto import mock_aws

from keyturn.model.assessment import Alternative
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Role, Succeeded
from keyturn.providers.aws import advising, recipes
from keyturn.providers.aws.catalogue.replacements import properties
from keyturn.providers.aws.radius.tables import TYPES
from keyturn.providers.aws.recipes.base import Narrow, Recipe, State
from keyturn.providers.aws.recipes.base import call as call_of
from tests.provider.provider_world import ACCOUNT, REGION, drive
from tests.recipes import account_nights, app_nights, database_nights, declared_nights, store_nights
from tests.recipes.recipe_world import Partly

Make = Callable[[Partly], str]
MUTANTS_MAX: Final = 6


def _named(night: declared_nights.Night) -> Make:
    def make(account: Partly) -> str:
        night.make(account)
        return night.name

    return make


def _under(night: database_nights.Night) -> Make:
    def make(account: Partly) -> str:
        night.make(account, "orders")
        return "orders"

    return make


NIGHTS: tuple[tuple[str, Make], ...] = (
    *((night.kind, _named(night)) for night in declared_nights.NIGHTS),
    *((night.kind, night.make) for night in (*app_nights.APP_NIGHTS, *account_nights.ACCOUNT_NIGHTS)),
    *((night.kind, _under(night)) for night in (*database_nights.DATABASES, *store_nights.STORES)),
)


def others(value: Any) -> Iterator[Any]:
    """Values beside this one: what an agent might want in its place, of its own shape."""
    match value:
        case bool():
            yield not value
        case int() | float():
            yield value + 1
        case str():
            yield f"{value}x"
        case list():
            if value:
                yield value[:-1]
                yield from ([one, *value[1:]] for one in others(value[0]))
            yield [*value, value[0] if value else "x"]
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
def _members(operation: str) -> frozenset[str]:
    service, _, action = operation.partition(":")
    shape = botocore.session.get_session().get_service_model(service).operation_model(action).input_shape
    return frozenset(shape.members if shape is not None else ())


@pytest.mark.parametrize(("kind", "make"), NIGHTS, ids=[f"{n} {kind}" for n, (kind, _) in enumerate(NIGHTS)])
def test_a_patch_has_a_call_for_every_difference(kind: str, make: Make) -> None:
    """Never none, each call with parameters that its service knows; nothing that makes a new resource by its type's schema."""
    recipe = recipes.for_kind(kind)
    assert recipe is not None
    with mock_aws():
        account = Partly()
        ref = ResourceRef("aws", "aws", ACCOUNT, REGION, kind, make(account))
        state = drive(recipe.capture(ref), account).state
    assert state is not None
    anew = set(properties(TYPES[kind])[0]) if kind in TYPES else set()
    said: Counter[str] = Counter()
    for field, wanted in pairs(recipe, state):
        answer = asked(recipe, ref, state, wanted)
        if answer is None:
            continue
        found, way = answer
        said[way.verdict] += 1
        if way.verdict == "stands":
            assert not found.changed, (field, wanted)
        if way.verdict != "patch":
            continue
        assert found.steps, (field, wanted)
        assert found.changed, (field, wanted)
        for step in found.steps:
            assert set(step.parameters) <= _members(step.operation), (field, step)
        forbidden = {cost.path for cost in way.costs if cost.path[:1].upper() + cost.path[1:] in anew}
        assert not forbidden, (field, forbidden)


IDENTITY: Final = ("arn", "id", "unique_id", "created_at", "created", "creation_date")

GAPS: Final = {
    ("cognito-idp:userpool", "name", "name"): "the stand-in does not know the PoolName of UpdateUserPool",
}
"""(kind, what was wanted, what is otherwise): where the stand-in does not do what the service's model says."""


def applied(account: Partly, ref: ResourceRef, found: Narrow) -> bool:
    """Whether the service took every call. Many values are made up: it refuses those that cannot be."""
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
        if key == "tags":  # a patch only ever sets tags
            aim = {**(before.get(key) or {}), **(aim or {})}
        if now.get(key) != aim and key not in recipe.renews:
            yield field, key, now.get(key), aim
    for key in IDENTITY:
        if key not in recipe.fields and now.get(key) != before.get(key):
            yield field, key, now.get(key), before.get(key)


APPLIED: Final = tuple((kind, make) for kind, make in NIGHTS if kind != "rds:subgrp")
"""All but one: the stand-in forgets a subnet group that is modified."""


@pytest.mark.parametrize(
    ("kind", "make"), APPLIED, ids=[f"{n} {kind}" for n, (kind, _) in enumerate(APPLIED)]
)
def test_a_patch_gives_what_is_wanted_and_touches_nothing_else(kind: str, make: Make) -> None:
    """One after the other on the stand-in, each from what the one before left. What the service refuses changes nothing."""
    recipe = recipes.for_kind(kind)
    assert recipe is not None
    said: Counter[str] = Counter()
    wrong: list[tuple[str, str, Any, Any]] = []
    with mock_aws():
        account = Partly()
        ref = ResourceRef("aws", "aws", ACCOUNT, REGION, kind, make(account))
        state = drive(recipe.capture(ref), account).state
        assert state is not None
        for field, wanted in list(pairs(recipe, state)):
            if len(wanted) > 1 or state.get(field) is None:
                continue  # of what does not stand, nobody knows the shape
            answer = asked(recipe, ref, state, wanted)
            if answer is None or answer[1].verdict != "patch":
                continue
            took = applied(account, ref, answer[0])
            said["applied" if took else "refused"] += 1
            now = drive(recipe.capture(ref), account).state
            assert now is not None, f"{field}: it is gone"
            if took:
                wrong += list(otherwise(recipe, field, state, wanted, now))
            state = now
    assert [one for one in wrong if (kind, *one[:2]) not in GAPS] == [], dict(said)
