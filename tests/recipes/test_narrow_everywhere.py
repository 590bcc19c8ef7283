"""No false *patch*: for every kind that says how it is changed in place, each property is wanted otherwise, the offered calls are made on the
stand-in, and what stands afterwards is compared with what was wanted.

What the stand-in refuses was no patch that anybody took for done. What it accepts has to have done it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from moto import mock_aws

from keyturn.model.assessment import Alternative
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Role, Succeeded
from keyturn.providers.aws import advising, recipes
from keyturn.providers.aws.recipes.base import Recipe, State
from keyturn.providers.aws.recipes.base import call as call_of
from keyturn.providers.aws.resources import GLOBAL_REGION
from tests.provider.provider_world import ACCOUNT, REGION, Account, drive
from tests.recipes import declared_nights, fleet_nights, reborn_nights
from tests.recipes.account_nights import ACCOUNT_NIGHTS
from tests.recipes.app_nights import APP_NIGHTS
from tests.recipes.database_nights import DATABASES

OTHER: dict[str, Any] = {"tags": {"environment": "production", "new": "label"}}
"""Values for fields where nothing made from what stands would be wanted by anybody."""

WORDS = {
    "PAY_PER_REQUEST": "PROVISIONED",
    "ENABLED": "DISABLED",
    "DISABLED": "ENABLED",
    "Enabled": "Disabled",
    "Disabled": "Enabled",
    "MUTABLE": "IMMUTABLE",
    "Active": "PassThrough",
    "PassThrough": "Active",
    "30": "60",
}


class Made(msgspec.Struct, frozen=True):
    """One resource, however the nights make it."""

    kind: str
    make: Any  # returns the id


def _all() -> Iterator[Made]:
    for night in declared_nights.NIGHTS:
        yield Made(night.kind, lambda account, night=night: (night.make(account), night.name)[1])
    for app in (*APP_NIGHTS, *ACCOUNT_NIGHTS):
        yield Made(app.kind, lambda account, app=app: (app.make(account), account.broken.update(app.gaps))[0])
    for reborn in (*reborn_nights.NIGHTS, *fleet_nights.FLEET):
        yield Made(reborn.kind, lambda account, reborn=reborn: reborn.make(account)["id"])
    for database in DATABASES:
        yield Made(
            database.kind, lambda account, database=database: (database.make(account, "orders"), "orders")[1]
        )


def _narrows(kind: str) -> bool:
    recipe = recipes.for_kind(kind)
    return recipe is not None and type(recipe).narrow is not Recipe.narrow


MADE = {one.kind: one for one in _all() if _narrows(one.kind)}


def other(field: str, value: Any) -> list[Any]:
    """Values that somebody could want in place of this one."""
    if field in OTHER:
        return [OTHER[field]]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value * 2] if value else [1]
    if isinstance(value, str):
        return [WORDS.get(value, f"{value}x")]
    if isinstance(value, dict):
        return [
            {**value, key: made} for key, inner in list(value.items())[:4] for made in other("", inner)[:1]
        ]
    if isinstance(value, list) and value:
        return [[*value[:-1], made] for made in other("", value[-1])[:1]] + (
            [value[:-1]] if len(value) > 1 else []
        )
    return []


def ref_of(kind: str, name: str) -> ResourceRef:
    region = GLOBAL_REGION["aws"] if kind.startswith(("route53:", "iam:")) else REGION
    return ResourceRef("aws", "aws", ACCOUNT, region, kind, name)


def stood(recipe: Recipe, ref: ResourceRef, account: Account) -> State:
    found = drive(recipe.capture(ref), account)
    assert found.state is not None, found.unknowns
    return found.state


WAY = Alternative(operations=(), commands=(), why="", lost="nothing", exact=True)


def tried(made: Made, field: str, number: int) -> str:
    """One wish on one fresh resource: no wish | replace | maybe | refused | did it | or, in words, what is false."""
    recipe = recipes.for_kind(made.kind)
    assert recipe is not None
    with mock_aws():
        account = Account()
        ref = ref_of(made.kind, made.make(account))
        state = stood(recipe, ref, account)
        wishes = other(field, state.get(field))
        if len(wishes) <= number:
            return "no wish"
        desired = {field: wishes[number]}
        found = recipe.narrow(ref, state, desired)
        if found is None or not found.changed:
            return "no wish"
        verdict = advising.advised(WAY, recipe, ref, found).verdict
        if verdict != "patch":
            return verdict
        for step in found.steps:
            answer = account(call_of(ref, step.operation, step.parameters, Role.CHANGE))
            if not isinstance(answer, Succeeded):
                return "refused"
        after = stood(recipe, ref, account)
        left = recipe.narrow(ref, after, desired)
        if left is not None and not left.changed:
            return "did it"
        return f"FALSE: {field}: wanted {desired[field]!r}, and {after.get(field)!r} stands after {[s.operation for s in found.steps]}"


@pytest.mark.parametrize("kind", sorted(MADE))
def test_what_is_called_a_patch_does_it(kind: str) -> None:
    """Each declared field, one after the other, each on a resource of its own."""
    recipe = recipes.for_kind(kind)
    assert recipe is not None
    seen = {
        f"{field} {number}": _safely(MADE[kind], field, number)
        for field in recipe.fields
        for number in (0, 1)
    }
    assert {wish: told for wish, told in seen.items() if told.startswith("FALSE")} == {}


def _safely(made: Made, field: str, number: int) -> str:
    """What is no value of the property at all is refused before anything is sent: by the SDK, or by the stand-in's own parser."""
    try:
        return tried(made, field, number)
    except AssertionError:
        raise
    except Exception as error:  # noqa: BLE001  # a wish of any shape
        return f"refused: {type(error).__name__}"
