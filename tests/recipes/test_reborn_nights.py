"""What the service names anew keeps the promises of a recipe: it comes back as it was under a new id, and that is said beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from keyturn.model.execution import Succeeded, Unavailable
from keyturn.providers.aws import recipes
from keyturn.providers.aws.recipes.base import State
from keyturn.providers.aws.recipes.reborn import Reborn, renamed
from tests.provider.provider_world import Account, drive
from tests.recipes import reborn_nights
from tests.recipes.fleet_nights import FLEET, FLEET_IN_USE
from tests.recipes.reborn_nights import Night
from tests.recipes.recipe_world import (
    PROVIDER,
    Asked,
    Partly,
    assessed,
    backed_up,
    captured,
    fields_of,
    perform,
    recipe,
    ref,
    verified,
)

NIGHTS = (*reborn_nights.NIGHTS, *FLEET)
IN_USE = (*reborn_nights.IN_USE, *FLEET_IN_USE)


@pytest.fixture(scope="module")
def region() -> Iterator[Partly]:
    """One stand-in for all nights: to make its EC2 takes seconds. Each night has a network of its own."""
    with mock_aws():
        yield Partly()


@pytest.fixture
def account(region: Partly) -> Partly:
    region.said.clear()
    region.broken.clear()
    return region


def declared(night: Night, name: str, account: Account) -> State:
    return fields_of(night, captured(night, name, account))


def of(asked: Asked, ids: dict[str, str]) -> Asked:
    """The call with ids where names stand."""

    def put(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: put(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [put(inner) for inner in value]
        return ids.get(value, value) if isinstance(value, str) else value

    return asked[0], put(asked[1])


def test_every_kind_that_is_made_anew_has_a_night() -> None:
    """A table that is never run is a guess."""
    assert {one.kind for one in recipes.all_recipes() if isinstance(one, Reborn)} == {
        one.kind for one in NIGHTS if not one.same
    }


@pytest.mark.parametrize("night", NIGHTS, ids=[night.kind for night in NIGHTS])
def test_absent_is_absent_and_unread_is_unknown(night: Night, account: Account) -> None:
    """The service says in its own way that there is none; whatever else keeps an answer away is an unknown."""
    asked = captured(night, night.missing, account)
    assert (asked.state, asked.unknowns) == (None, ())
    first = account.said[0].operation
    account.broken[first] = Unavailable("throttled")
    kept = captured(night, night.missing, account)
    assert kept.state is None
    assert kept.unknowns == (f"{first.partition(':')[2]}: throttled",)


CHANGES = [(night, asked) for night in (*NIGHTS, *IN_USE) for asked in night.changes]


@pytest.mark.parametrize(
    ("night", "asked"), CHANGES, ids=[f"{n.kind} {a[0].partition(':')[2]} {','.join(a[1])}" for n, a in CHANGES]
)  # fmt: skip
def test_a_change_in_place_is_taken_back(night: Night, asked: Asked, account: Account) -> None:
    """By the inverse, from what was captured: nothing of it is left."""
    ids = night.make(account)
    before = declared(night, ids["id"], account)
    asked = of(asked, ids)
    made, assessment, states = assessed(account, asked)
    assert made.operations[0].resources[0] == ref(night, ids["id"])
    assert assessment.recoverable[0].inverse, assessment
    perform(account, asked)
    assert declared(night, ids["id"], account) != before
    assert verified(account, made, states, asked).status == "succeeded"
    plan = PROVIDER.plan_undo(made, states, ())
    assert plan.possible, plan.why
    assert drive(PROVIDER.undo(made, states, ()), account) == ()
    assert declared(night, ids["id"], account) == before


DELETED = [night for night in NIGHTS if night.delete is not None]


@pytest.mark.parametrize("night", DELETED, ids=[night.kind for night in DELETED])
def test_a_delete_is_taken_back_under_a_new_id(night: Night, account: Account) -> None:
    """What came back equals what was, the honest list names the new id and nothing else, and both were said beforehand."""
    assert night.delete is not None
    ids = night.make(account)
    before = declared(night, ids["id"], account)
    asked = of(night.delete, ids)
    made, assessment, states = assessed(account, asked)
    assert made.operations[0].resources == (ref(night, ids["id"]),)
    (promise,) = assessment.recoverable
    assert promise.backup
    assert promise.recover_s
    assert promise.loss == recipe(night).loss
    backups = backed_up(account, made, states)
    assert [call for call in account.mutations() if "Tags" not in call] == (
        [night.backup] if night.backup else []
    )
    perform(account, asked)
    assert verified(account, made, states, asked).status == "succeeded"
    plan = PROVIDER.plan_undo(made, states, backups)
    assert plan.possible, plan.why
    told = drive(PROVIDER.undo(made, states, backups), account)
    new = ids["id"]
    if not night.same:
        assert told[0].startswith(f"id: it was {ids['id']} and is ")
        new = told[0].removeprefix(f"id: it was {ids['id']} and is ").partition(":")[0]
        assert new != ids["id"]
        told = told[1:]
    after, missing = declared(night, new, account), dict.fromkeys(night.gaps)
    assert {line.partition(":")[0] for line in told} == set(night.gaps)
    assert after | missing == renamed(before, ids["id"], new) | missing


@pytest.mark.parametrize("night", [*NIGHTS, *IN_USE], ids=lambda night: f"{night.kind} {night.make.__name__}")
def test_who_relies_on_it_is_met_on_the_way(night: Night, account: Account) -> None:
    """As edges that end at it, and with what is at risk in words."""
    ids = night.make(account)
    found = captured(night, ids["id"], account)
    assert {(one.resource.kind, one.resource.id) for one in found.dependents} == {
        (kind, ids[name]) for kind, name in night.dependents
    }
    assert {one.on for one in found.dependents} <= {ref(night, ids["id"])}
    assert found.state is not None
    if night.risk:
        assert recipe(night).at_risk(found.state) == night.risk


BINNED = [one for one in NIGHTS if getattr(recipe(one), "bin", None) is not None]


@pytest.mark.parametrize("night", BINNED, ids=lambda night: night.kind)
def test_a_recycle_bin_gives_back_the_old_id(night: Night, account: Account) -> None:
    """Where it waits there it is taken out as itself, and nothing is made; the stand-in has none, so its answers are given."""
    ids = night.make(account)
    kept = recipe(night)
    assert isinstance(kept, Reborn)
    assert kept.bin is not None
    account.broken[kept.bin.listing] = Succeeded({kept.bin.found: [{kept.bin.one: ids["id"]}]})
    account.broken[kept.bin.restore] = Succeeded({})
    state = captured(night, ids["id"], account).state
    assert state is not None
    assert drive(kept.restore(ref(night, ids["id"]), state, None), account) == ()
    assert account.mutations() == [kept.bin.restore]


@pytest.mark.parametrize(
    ("stood", "value"), [("IyEvYmluL3No", "#!/bin/sh"), ("H4sIAAAA/w==", None)], ids=["text", "no text"]
)
def test_user_data_is_put_back_as_clients_take_it(stood: str, value: str | None) -> None:
    """They encode it themselves, so that the captured text would be encoded twice; the stand-in changes none, so it is asked here."""
    kept = recipe(FLEET[0])
    asked: dict[str, Any] = {"InstanceId": "i-1", "UserData": {"Value": "eA=="}}
    steps = kept.inverse("ec2:ModifyInstanceAttribute", asked, ref(FLEET[0], "i-1"), {"user_data": stood})
    assert [step.parameters["UserData"]["Value"] for step in steps] == ([value] if value else [])
