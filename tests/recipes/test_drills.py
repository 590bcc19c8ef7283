"""Drills on a stand-in account: what comes back, what is measured, and that the original is only read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from keyturn.core.ports import Drill, Inquiry
from keyturn.errors import UnavailableError
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Backup, Role
from keyturn.providers.aws import recipes
from keyturn.providers.aws.recipes.base import Recipe, State
from keyturn.providers.aws.recipes.common import do
from tests.provider.moto_account import RIGHT, make_table
from tests.provider.provider_world import ACCOUNT, REGION, Account, drive
from tests.recipes.recipe_world import PROVIDER


@pytest.fixture
def account() -> Iterator[Account]:
    with mock_aws():
        yield Account()


def ref(kind: str, name: str) -> ResourceRef:
    return ResourceRef("aws", "aws", ACCOUNT, REGION, kind, name)


def _table(account: Account) -> None:
    make_table(account)
    account.client("dynamodb").update_table(TableName=RIGHT, DeletionProtectionEnabled=True)


def _parameter(account: Account) -> None:
    ssm = account.client("ssm")
    for value in ("first", "second"):
        ssm.put_parameter(Name="limit", Value=value, Type="String", Overwrite=value == "second")


def _alarm(account: Account) -> None:
    account.client("cloudwatch").put_metric_alarm(
        AlarmName="late",
        MetricName="Age",
        Namespace="N",
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=["arn:aws:sns:eu-west-1:123456789012:pager"],
    )


KINDS = {
    "dynamodb:table": (RIGHT, _table),
    "ssm:parameter": ("limit", _parameter),
    "cloudwatch:alarm": ("late", _alarm),
}


def test_every_kind_with_a_scratch_is_drilled_here() -> None:
    """A kind whose drill nobody ran is not said to be drillable."""
    able = {one.kind for one in recipes.all_recipes() if type(one).scratch is not Recipe.scratch}
    assert able == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_it_comes_back_under_another_name_and_nothing_is_left_behind(kind: str, account: Account) -> None:
    """Equal in every declared field; the original is as it was, no call but reads was about it, all under the backup role."""
    name, make = KINDS[kind]
    make(account)
    recipe = recipes.for_kind(kind)
    assert recipe is not None
    before = drive(recipe.capture(ref(kind, name)), account)
    account.said.clear()
    drill = drive(PROVIDER.drill(ref(kind, name), drill_id="0a1b", at_ms=7), account)
    assert drill.scratch.id == "keyturn-drill-0a1b"
    assert drive(PROVIDER.drill_restore(drill), account) == ()
    assert drive(recipe.capture(drill.scratch), account).state is not None
    drive(PROVIDER.drill_clean(drill), account)
    assert drive(recipe.capture(drill.scratch), account).state is None
    assert drive(recipe.capture(ref(kind, name)), account) == before
    assert {call.role for call in account.said if call.mutates} == {Role.BACKUP}
    drive(PROVIDER.drill_clean(drill), account)  # once more changes nothing


def test_a_recipe_that_would_touch_the_original_is_stopped(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a recipe says, a step on anything but the scratch is not made."""
    make_table(account)
    drill = drive(PROVIDER.drill(ref("dynamodb:table", RIGHT), drill_id="0a1b", at_ms=7), account)
    recipe = recipes.for_kind("dynamodb:table")

    def wrong(_ref: ResourceRef, _state: State, _backup: Backup | None) -> Inquiry[tuple[str, ...]]:
        yield from do(drill.resource, "dynamodb:DeleteTable", {"TableName": RIGHT})
        return ()

    monkeypatch.setattr(recipe, "restore", wrong)
    with pytest.raises(UnavailableError, match="it was not made"):
        drive(PROVIDER.drill_restore(drill), account)
    assert account.client("dynamodb").list_tables()["TableNames"] == [RIGHT]


def test_a_difference_is_found(account: Account) -> None:
    """What does not come back as it was is said, field by field."""
    _parameter(account)
    drill = drive(PROVIDER.drill(ref("ssm:parameter", "limit"), drill_id="0a1b", at_ms=7), account)
    other = Drill(drill.resource, drill.scratch, drill.state, drill.backup, drill.watermark)
    account.client("ssm").put_parameter(Name=drill.scratch.id, Value="wrong", Type="String")
    assert any("value" in one for one in drive(PROVIDER.drill_restore(other), account))


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("kms:key", "not restored by a recipe"),
        ("ec2:thing", "there is no recipe"),
        ("dynamodb:table", "it does not stand"),
    ],
)
def test_what_cannot_be_drilled_says_so(kind: str, why: str, account: Account) -> None:
    """Never a silent skip."""
    with pytest.raises(UnavailableError, match=why):
        drive(PROVIDER.drill(ref(kind, "gone"), drill_id="0a1b", at_ms=7), account)
