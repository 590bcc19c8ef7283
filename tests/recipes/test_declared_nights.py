"""Every declared kind keeps the promises of a recipe on the stand-in: what is changed or deleted and taken back is as it was,
but for what was said beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from keyturn.model.assessment import Reversibility
from keyturn.model.change import ResourceRef
from keyturn.providers.aws import recipes
from keyturn.providers.aws.recipes.base import State
from keyturn.providers.aws.recipes.declared import Declared
from keyturn.providers.aws.recipes.reborn import Reborn
from tests.provider.provider_world import ACCOUNT, REGION, Account, change, drive
from tests.recipes.account_nights import ACCOUNT_NIGHTS
from tests.recipes.app_nights import APP_NIGHTS
from tests.recipes.database_nights import DATABASES
from tests.recipes.declared_nights import NIGHTS, Night
from tests.recipes.fleet_nights import FLEET
from tests.recipes.recipe_world import PROVIDER, Asked, assessed, perform, undone, verified
from tests.recipes.store_nights import DOMAIN, STORES


@pytest.fixture
def account() -> Iterator[Account]:
    with mock_aws():
        yield Account()


def ref(night: Night) -> ResourceRef:
    return ResourceRef("aws", "aws", ACCOUNT, REGION, night.kind, night.name)


def captured(night: Night, account: Account) -> State:
    recipe = recipes.for_kind(night.kind)
    assert recipe is not None
    found = drive(recipe.capture(ref(night)), account)
    assert found.unknowns == ()
    assert found.state is not None
    return {field: found.state.get(field) for field in recipe.fields}


NAMED = {night.kind: night for night in NIGHTS}
CHANGES = [(night, asked) for night in NIGHTS for asked in night.changes]


def test_every_declared_kind_has_a_night() -> None:
    """A table that is never run is a guess."""
    declared = {
        recipe.kind
        for recipe in recipes.all_recipes()
        if isinstance(recipe, Declared) and not isinstance(recipe, Reborn)
    }
    elsewhere = {night.kind for night in (*APP_NIGHTS, *ACCOUNT_NIGHTS)} | {night.kind for night in FLEET}
    elsewhere |= {night.kind for night in (*DATABASES, *STORES, DOMAIN)}
    own = {"kms:key", "elasticbeanstalk:environment"}
    assert declared - set(NAMED) - elsewhere == own, "they have tests of their own"


@pytest.mark.parametrize("night", NIGHTS, ids=[night.kind for night in NIGHTS])
def test_what_is_not_there_is_absent(night: Night, account: Account) -> None:
    """The service says so in its own code; it is never an unknown, nor an unknown an absence."""
    recipe = recipes.for_kind(night.kind)
    assert recipe is not None
    found = drive(recipe.capture(ref(night)), account)
    assert (found.state, found.unknowns) == (None, ())


@pytest.mark.parametrize(
    ("night", "asked"), CHANGES, ids=[f"{n.kind} {a[0].partition(':')[2]}" for n, a in CHANGES]
)
def test_a_change_in_place_is_taken_back(night: Night, asked: Asked, account: Account) -> None:
    """By the inverse, from what was captured: nothing of it is left."""
    night.make(account)
    before = captured(night, account)
    made, assessment, states = assessed(account, asked)
    assert made.operations[0].resources == (ref(night),)
    assert assessment.recoverable[0].inverse, assessment
    perform(account, asked)
    assert captured(night, account) != before
    assert verified(account, made, states, asked).status == "succeeded"
    plan = PROVIDER.plan_undo(made, states, ())
    assert plan.possible, plan.why
    assert drive(PROVIDER.undo(made, states, ()), account) == ()
    assert captured(night, account) == before


DELETED = [night for night in NIGHTS if night.delete is not None]


@pytest.mark.parametrize("night", DELETED, ids=[night.kind for night in DELETED])
def test_a_delete_is_taken_back(night: Night, account: Account) -> None:
    """The same resource again, and the honest list says everything that is not as it was."""
    assert night.delete is not None
    night.make(account)
    before = captured(night, account)
    recipe = recipes.for_kind(night.kind)
    assert recipe is not None
    if recipe.backs_up or recipe.exports:
        assert undone(account, night.delete) == night.honest
    else:
        made, _, states = assessed(account, night.delete)
        perform(account, night.delete)
        assert verified(account, made, states, night.delete).status == "succeeded"
        plan = PROVIDER.plan_undo(made, states, ())
        assert plan.possible, plan.why
        assert drive(PROVIDER.undo(made, states, ()), account) == night.honest
    assert captured(night, account) == before


REPLACED = [night for night in NIGHTS if night.replace is not None]


@pytest.mark.parametrize("night", REPLACED, ids=[night.kind for night in REPLACED])
def test_the_narrow_way_leads_to_what_is_wanted(night: Night, account: Account) -> None:
    """A create of what stands is answered with the calls in place; made, they leave just what was asked for."""
    assert night.replace is not None
    night.make(account)
    recipe = recipes.for_kind(night.kind)
    assert recipe is not None
    wanted = recipe.desired(*night.replace)
    assert wanted
    _, assessment, states = assessed(account, night.replace)
    (way,) = assessment.alternatives
    assert way.exact, way
    state = states.states[str(ref(night))]
    assert state is not None
    narrow = recipe.narrow(ref(night), state, wanted)
    assert narrow is not None
    assert len(narrow.steps) == len(way.operations)
    perform(account, *narrow.steps)
    after = captured(night, account)
    assert {field: after[field] for field in wanted} == wanted
    assert change(night.replace).operations[0].resources == (ref(night),)


def test_a_key_that_waits_to_be_deleted_is_taken_back(account: Account) -> None:
    """Cancelled within its waiting period, and enabled again: a key comes back disabled."""
    kms = account.client("kms")
    key = kms.create_key(Description="orders")["KeyMetadata"]["KeyId"]
    asked: Asked = ("kms:ScheduleKeyDeletion", {"KeyId": key, "PendingWindowInDays": 7})
    made, assessment, states = assessed(account, asked)
    assert [(item.inverse, item.window_s) for item in assessment.recoverable] == [(True, 7 * 86_400)]
    assert assessment.reversibility is Reversibility.R2
    perform(account, asked)
    assert verified(account, made, states, asked).status == "succeeded"
    assert drive(PROVIDER.undo(made, states, ()), account) == ()
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"


@pytest.mark.parametrize(
    ("asked", "back"),
    [
        (("kms:DisableKey", {}), ["kms:EnableKey"]),
        (("kms:UpdateKeyDescription", {"Description": "x"}), ["kms:UpdateKeyDescription"]),
        (("kms:EnableKeyRotation", {}), ["kms:DisableKeyRotation"]),
        (("kms:TagResource", {"Tags": [{"TagKey": "a", "TagValue": "b"}]}), ["kms:UntagResource"]),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_key_is_changed_and_changed_back(asked: Asked, back: list[str], account: Account) -> None:
    """Each by the call that puts that one property back."""
    key = account.client("kms").create_key(Description="orders")["KeyMetadata"]["KeyId"]
    asked = (asked[0], {"KeyId": key, **asked[1]})
    made, _, states = assessed(account, asked)
    perform(account, asked)
    plan = PROVIDER.plan_undo(made, states, ())
    assert [one.name for one in plan.operations] == back
    assert drive(PROVIDER.undo(made, states, ()), account) == ()


def test_a_secret_deleted_by_force_comes_back_from_a_backup_alone(account: Account) -> None:
    """Without one nobody here has its value, so nobody can make it again."""
    account.client("secretsmanager").create_secret(Name="db-password", SecretString="s3cret")
    asked: Asked = (
        "secretsmanager:DeleteSecret",
        {"SecretId": "db-password", "ForceDeleteWithoutRecovery": True},
    )
    made, assessment, states = assessed(account, asked)
    promised = [(item.backup, item.inverse, item.window_s) for item in assessment.recoverable]
    assert promised == [(True, False, None)]
    assert assessment.reversibility is Reversibility.R3
    assert not PROVIDER.plan_undo(made, states, ()).possible


def test_a_secret_that_waits_to_be_deleted_is_restored(account: Account) -> None:
    """Thirty days where the request does not say; the class is the service's window, not a promise of Keyturn's."""
    account.client("secretsmanager").create_secret(Name="db-password", SecretString="s3cret")
    asked: Asked = ("secretsmanager:DeleteSecret", {"SecretId": "db-password"})
    made, assessment, states = assessed(account, asked)
    assert [(item.inverse, item.window_s) for item in assessment.recoverable] == [(True, 30 * 86_400)]
    assert assessment.reversibility is Reversibility.R2
    perform(account, asked)
    assert drive(PROVIDER.undo(made, states, ()), account) == ()
