"""Recipes of applications on the stand-in: changed in place and taken back equal; deleted and given back, and the honest list says
exactly what is not as it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from moto import mock_aws

from keyturn.model.change import ResourceRef
from keyturn.model.execution import Unavailable
from keyturn.providers.aws.recipes.again import renamed
from keyturn.providers.aws.recipes.base import State
from keyturn.providers.aws.resources import GLOBAL_REGION
from tests.provider.provider_world import ACCOUNT, REGION, Account, drive
from tests.recipes.account_nights import ACCOUNT_NIGHTS
from tests.recipes.app_nights import APP_NIGHTS, AppNight
from tests.recipes.recipe_world import (
    PROVIDER,
    Asked,
    assessed,
    backed_up,
    fields_of,
    perform,
    recipe,
    verified,
)

_GLOBAL = ("route53:", "iam:")
NIGHTS = (*APP_NIGHTS, *ACCOUNT_NIGHTS)
IDS = [night.name or night.kind for night in NIGHTS]


@pytest.fixture
def account() -> Iterator[Account]:
    with mock_aws():
        yield Account()


def ref(night: AppNight, name: str) -> ResourceRef:
    region = GLOBAL_REGION["aws"] if night.kind.startswith(_GLOBAL) else REGION
    return ResourceRef("aws", "aws", ACCOUNT, region, night.kind, name)


def made_by(night: AppNight, account: Account) -> str:
    name = night.make(account)
    account.broken.update(night.gaps)
    return name


def captured(night: AppNight, name: str, account: Account) -> State:
    return fields_of(night, drive(recipe(night).capture(ref(night, name)), account))


@pytest.mark.parametrize("night", NIGHTS, ids=IDS)
def test_absent_is_absent_and_unreadable_is_unknown(night: AppNight, account: Account) -> None:
    """Before it is made the service says that there is none; when the service does not answer, nothing is said to be gone."""
    name = made_by(night, account)
    how = recipe(night)
    account.said.clear()
    drive(how.capture(ref(night, name)), account)
    first = account.said[0].operation
    nothing = re.sub(r"[a-z0-9]", "z", name) if ":" not in name else "nothing:1"
    absent = drive(how.capture(ref(night, nothing)), account)
    assert (absent.state, absent.unknowns) == (None, ())
    account.broken[first] = Unavailable("throttled")
    silent = drive(how.capture(ref(night, name)), account)
    assert silent.state is None
    assert "throttled" in silent.unknowns[0]


CHANGES = [
    pytest.param(night, place, id=f"{night.name or night.kind} {asked[0].partition(':')[2]} {place}")
    for night in NIGHTS
    for place, asked in enumerate(night.changes("x"))
]


@pytest.mark.parametrize(("night", "place"), CHANGES)
def test_a_change_in_place_is_taken_back(night: AppNight, place: int, account: Account) -> None:
    """By the inverse, from what was captured: nothing of it is left."""
    name = made_by(night, account)
    operation, parameters = night.changes(name)[place]
    asked: Asked = (operation, renamed(parameters, night.inner(account, name)))
    before = captured(night, name, account)
    made, assessment, states = assessed(account, asked)
    assert made.operations[0].resources[0].kind == night.kind
    assert assessment.recoverable[0].inverse, assessment
    perform(account, asked)
    assert captured(night, name, account) != before
    assert verified(account, made, states, asked).status == "succeeded"
    plan = PROVIDER.plan_undo(made, states, ())
    assert plan.possible, plan.why
    assert drive(PROVIDER.undo(made, states, ()), account) == ()
    assert captured(night, name, account) == before


DELETED = [night for night in NIGHTS if night.delete is not None]


@pytest.mark.parametrize("night", DELETED, ids=[night.name or night.kind for night in DELETED])
def test_a_delete_is_taken_back(night: AppNight, account: Account) -> None:
    """The same values again, under a new id where the service gives it, and everything that is otherwise is said."""
    assert night.delete is not None
    name = made_by(night, account)
    before = captured(night, name, account)
    asked = night.delete(name)
    made, assessment, states = assessed(account, asked)
    assert made.operations[0].resources == (ref(night, name),)
    assert night.at_risk in assessment.data_at_risk
    assert assessment.recoverable[0].loss == recipe(night).loss
    backups = backed_up(account, made, states) if recipe(night).backs_up else ()
    perform(account, *night.first(name), asked)
    assert verified(account, made, states, asked).status == "succeeded"
    plan = PROVIDER.plan_undo(made, states, backups)
    assert plan.possible, plan.why
    honest = drive(PROVIDER.undo(made, states, backups), account)
    assert len(honest) == len(night.honest), honest
    for said, meant in zip(honest, night.honest, strict=True):
        assert said.startswith(meant), honest
    renamed = next(
        (found[1] for said in honest if (found := re.match(r"id: it was \S+ and is (\S+):", said))), name
    )
    after = captured(night, renamed, account)
    assert {field for field in before if after[field] != before[field]} == set(night.differs)
