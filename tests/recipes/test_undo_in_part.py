"""A change of several steps, one of which has no way back: the others are given back, and what stays is said before and after."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import pytest
from moto import mock_aws

from keyturn.core.ports import Captures
from keyturn.errors import UnavailableError
from keyturn.model.change import Change
from keyturn.model.execution import Answer, Backup, Call, Refused
from keyturn.runtime import asking
from keyturn.runtime.asking import Asker
from keyturn.stores.memory import MemoryStore
from keyturn.stores.vault import Vault
from tests.provider.moto_account import RIGHT, function_parameters, make_role, make_table
from tests.provider.provider_world import Account, drive
from tests.recipes.recipe_world import PROVIDER, Asked, assessed, backed_up, perform
from tests.recipes.test_undo_again import Book, Stopping

ALARM = {
    "AlarmName": "orders-late",
    "Namespace": "shop",
    "MetricName": "late",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 3.0,
    "ComparisonOperator": "GreaterThanThreshold",
}
TABLE = f"dynamodb:table/{RIGHT}"
RATE: Asked = ("ssm:PutParameter", {"Name": "/shop/rate", "Value": "9", "Overwrite": True})
DIES: Asked = (
    "dynamodb:UpdateTimeToLive",
    {"TableName": RIGHT, "TimeToLiveSpecification": {"Enabled": False, "AttributeName": "expires"}},
)
DROPS: Asked = ("dynamodb:DeleteTable", {"TableName": RIGHT})
QUIET: Asked = ("cloudwatch:DeleteAlarms", {"AlarmNames": ["orders-late"]})
PLAN = (RATE, DIES, DROPS, QUIET)

STAYS = (
    f"dynamodb:UpdateTimeToLive of {TABLE} stays: what stood as {TABLE} does not come back",
    f"dynamodb:DeleteTable of {TABLE} stays: there is no backup of {TABLE}",
)


@pytest.fixture(autouse=True)
def _reads_follow_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in does not lag behind."""
    monkeypatch.setattr(asking, "SPACING_FIRST_S", 0.001)
    monkeypatch.setattr(asking, "SPACING_MAX_S", 0.001)


@pytest.fixture
def account() -> Iterator[Account]:
    with mock_aws():
        made = Account()
        make_table(made)
        made.client("cloudwatch").put_metric_alarm(**ALARM)
        made.client("ssm").put_parameter(Name="/shop/rate", Value="4", Type="String")
        yield made


def done(
    account: Account, *asked: Asked, saved: tuple[Asked, ...] = (QUIET,)
) -> tuple[Change, Captures, tuple[Backup, ...]]:
    """The steps, made with a backup of nothing but the alarm, or of what these steps are about."""
    some, _, stood = assessed(account, *saved)
    backups = backed_up(account, some, stood)
    made, _, before = assessed(account, *asked)
    perform(account, *asked)
    return made, before, backups


def stands(account: Account) -> dict[str, Any]:
    return {
        "rate": account.client("ssm").get_parameter(Name="/shop/rate")["Parameter"]["Value"],
        "alarms": [
            one["AlarmName"] for one in account.client("cloudwatch").describe_alarms()["MetricAlarms"]
        ],
        "tables": account.client("dynamodb").list_tables()["TableNames"],
    }


def test_what_can_be_given_back_is_and_what_stays_is_said_before_and_after(account: Account) -> None:
    """The table has no backup: with it stays what was done to it before. The alarm and the parameter come back, last to first."""
    made, before, backups = done(account, *PLAN)
    plan = PROVIDER.plan_undo(made, before, backups)
    assert (plan.possible, plan.stays) == (True, STAYS)
    assert [one.name for one in plan.operations] == ["cloudwatch:PutMetricAlarm", "ssm:PutParameter"]
    told = drive(PROVIDER.undo(made, before, backups), account)
    assert told[: len(STAYS)] == STAYS
    assert stands(account) == {"rate": "4", "alarms": ["orders-late"], "tables": []}


def test_of_what_stays_as_a_whole_the_reason_is_said(account: Account) -> None:
    """Nothing is left to be done: that is no undo."""
    made, before, backups = done(account, DIES, DROPS)
    plan = PROVIDER.plan_undo(made, before, backups)
    assert (plan.possible, plan.operations) == (False, ())
    assert plan.why == f"there is no backup of {TABLE}"
    with pytest.raises(UnavailableError, match="there is no backup"):
        drive(PROVIDER.undo(made, before, backups), account)


def test_what_was_made_in_place_of_what_stays_gone_stays_too(account: Account) -> None:
    """Deleted first, to make room for nothing, it would be a second loss."""
    keys = {"KeySchema": [{"AttributeName": "other", "KeyType": "HASH"}]}
    kinds = {"AttributeDefinitions": [{"AttributeName": "other", "AttributeType": "S"}]}
    made, before, backups = done(
        account,
        DROPS,
        ("dynamodb:CreateTable", {"TableName": RIGHT, **keys, **kinds, "BillingMode": "PAY_PER_REQUEST"}),
        QUIET,
    )
    plan = PROVIDER.plan_undo(made, before, backups)
    assert [one.name for one in plan.operations] == ["cloudwatch:PutMetricAlarm"]
    assert plan.stays == (
        STAYS[1],
        f"dynamodb:CreateTable of {TABLE} stays: what stood as {TABLE} does not come back",
    )
    drive(PROVIDER.undo(made, before, backups), account)
    assert stands(account) == {"rate": "4", "alarms": ["orders-late"], "tables": [RIGHT]}


def test_items_of_a_table_that_stays_gone_stay_and_those_of_another_come_back(account: Account) -> None:
    """Two writes and the end of one of the tables."""
    make_table(account, "carts", 1)
    old, new = {"id": {"S": "i0"}, "amount": {"N": "0"}}, {"id": {"S": "i0"}, "amount": {"N": "7"}}
    made, before, backups = done(
        account,
        ("dynamodb:PutItem", {"TableName": RIGHT, "Item": new}),
        ("dynamodb:PutItem", {"TableName": "carts", "Item": new}),
        DROPS,
    )
    plan = PROVIDER.plan_undo(made, before, backups)
    assert [(one.name, one.resources[0].id) for one in plan.operations] == [("dynamodb:PutItem", "carts")]
    assert plan.stays == (
        f"dynamodb:PutItem of {TABLE} stays: what stood as {TABLE} does not come back",
        STAYS[1],
    )
    drive(PROVIDER.undo(made, before, backups), account)
    assert account.client("dynamodb").scan(TableName="carts")["Items"] == [old]


def test_of_what_still_stands_the_settings_come_back_though_what_lay_in_it_does_not(account: Account) -> None:
    """A purge takes the messages for good, and leaves a queue whose attributes can be put back."""
    queue = account.client("sqs").create_queue(QueueName="jobs")["QueueUrl"]
    made, before, backups = done(
        account,
        ("sqs:PurgeQueue", {"QueueUrl": queue}),
        ("sqs:SetQueueAttributes", {"QueueUrl": queue, "Attributes": {"VisibilityTimeout": "77"}}),
    )
    plan = PROVIDER.plan_undo(made, before, backups)
    assert [one.name for one in plan.operations] == ["sqs:SetQueueAttributes"]
    assert plan.stays == ("sqs:PurgeQueue of sqs:queue/jobs stays: sqs:PurgeQueue has no inverse",)
    drive(PROVIDER.undo(made, before, backups), account)
    told = account.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])
    assert told["Attributes"] == {"VisibilityTimeout": "30"}


def test_what_relies_on_something_that_stays_gone_is_tried_and_its_refusal_ends_nothing(
    account: Account,
) -> None:
    """A mapping without its function: the service refuses it, which is said, and the alarm comes back all the same."""
    account.client("lambda").create_function(**function_parameters(make_role(account)))
    queue = account.client("sqs").create_queue(QueueName="jobs")["QueueUrl"]
    arn = account.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])[
        "Attributes"
    ]
    mapping = account.client("lambda").create_event_source_mapping(
        EventSourceArn=arn["QueueArn"], FunctionName="report"
    )["UUID"]
    unmapped: Asked = ("lambda:DeleteEventSourceMapping", {"UUID": mapping})
    made, before, backups = done(
        account,
        QUIET,
        unmapped,
        ("lambda:DeleteFunction", {"FunctionName": "report"}),
        saved=(QUIET, unmapped),
    )
    plan = PROVIDER.plan_undo(made, before, backups)
    leans = "it names lambda:function/report, which stays gone"
    assert f"lambda:event-source-mapping/{mapping} may be refused by the service: {leans}" in plan.loss
    told = drive(PROVIDER.undo(made, before, backups), account)
    (refused,) = (line for line in told if line.startswith("lambda:DeleteEventSourceMapping"))
    assert refused.startswith(
        f"lambda:DeleteEventSourceMapping of lambda:event-source-mapping/{mapping} stays: "
    )
    assert refused.endswith(leans)
    assert stands(account)["alarms"] == ["orders-late"]


def test_a_failure_says_what_was_given_back_before_it(account: Account) -> None:
    """The alarm stands again when the parameter is refused: that is in the error, and nothing is hidden."""
    made, before, backups = done(account, *PLAN)

    def refusing(call: Call) -> Answer:
        if call.operation == "ssm:PutParameter":
            return Refused("AccessDeniedException", "not today")
        return account(call)

    with pytest.raises(
        UnavailableError, match="not today; given back before it: cloudwatch:alarm/orders-late"
    ):
        drive(PROVIDER.undo(made, before, backups), refusing)


@pytest.mark.parametrize("lost", [True, False], ids=["the call never arrived", "its answer was lost"])
@pytest.mark.parametrize("stop", [1, 2])
async def test_its_power_is_cut_at_each_step(stop: int, lost: bool, account: Account) -> None:
    """Every step that can be made takes effect once, and what stays is said by whoever goes on."""
    made, before, backups = done(account, *PLAN)
    executor, book = Stopping(account, stop, lost=lost), Book()
    asker = Asker(cast("Any", book), cast("Any", executor), Vault(MemoryStore(), b"k" * 32), lambda: 0)

    async def undo() -> tuple[str, ...]:
        inquiry = PROVIDER.undo(made, before, backups)
        return await asker.drive(inquiry, tags={}, case_id="C-2", recipe="undo", settle=PROVIDER.took_effect)

    with pytest.raises(asyncio.CancelledError):
        await undo()
    assert (await undo())[: len(STAYS)] == STAYS
    assert executor.made == ["cloudwatch:PutMetricAlarm", "ssm:PutParameter"]
    assert stands(account) == {"rate": "4", "alarms": ["orders-late"], "tables": []}
