"""A replace that is taken back, an undo that is, and an undo that stops at any of its steps: real recipes on a stand-in account."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import msgspec
import pytest
from moto import mock_aws

from keyturn.core.advance import advance
from keyturn.core.case import Case, Phase
from keyturn.core.ports import Captures
from keyturn.model import record as r
from keyturn.model.change import Change
from keyturn.model.execution import Answer, Backup, Call
from keyturn.runtime import asking
from keyturn.runtime.asking import Asker
from keyturn.stores.memory import MemoryStore
from keyturn.stores.vault import Vault
from keyturn.testing.standin_gaps import fill_restores
from tests.provider.moto_account import RIGHT, make_table
from tests.provider.provider_world import Account, drive
from tests.recipes.recipe_world import PROVIDER, Asked, assessed, backed_up, perform

DELETE: Asked = ("dynamodb:DeleteTable", {"TableName": RIGHT})
CREATE: Asked = (
    "dynamodb:CreateTable",
    {
        "TableName": RIGHT,
        "KeySchema": [{"AttributeName": "other", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "other", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    },
)


@pytest.fixture(autouse=True)
def _reads_follow_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in does not lag behind: what is read several times need not wait some twenty seconds in between."""
    monkeypatch.setattr(asking, "SPACING_FIRST_S", 0.001)
    monkeypatch.setattr(asking, "SPACING_MAX_S", 0.001)


@pytest.fixture
def account() -> Iterator[Account]:
    fill_restores()  # others fill it in this process, too: a copy is restored as AWS does it, with its billing mode
    with mock_aws():
        yield Account()


def _items(account: Account) -> int:
    return len(account.client("dynamodb").scan(TableName=RIGHT)["Items"])


def _replaced(account: Account) -> tuple[Change, Captures, tuple[Backup, ...]]:
    make_table(account)
    made, _, before = assessed(account, DELETE, CREATE)
    backups = backed_up(account, made, before)
    perform(account, DELETE, CREATE)
    return made, before, backups


def test_a_whole_replace_is_taken_back(account: Account) -> None:
    """What was made in its place goes, by the very call that deleted the first; then the first is restored, data and all."""
    made, before, backups = _replaced(account)
    assert _items(account) == 0
    plan = PROVIDER.plan_undo(made, before, backups)
    assert plan.possible, plan.why
    assert [one.action for one in plan.operations][:2] == ["DeleteTable", "RestoreTableFromBackup"]
    assert any("it is deleted first" in loss for loss in plan.loss)
    assert drive(PROVIDER.undo(made, before, backups), account) == ()
    assert _items(account) == 30
    keys = account.client("dynamodb").describe_table(TableName=RIGHT)["Table"]["KeySchema"]
    assert keys == [{"AttributeName": "id", "KeyType": "HASH"}]


def test_an_undo_of_a_delete_is_taken_back_by_the_delete_itself(account: Account) -> None:
    """What the undo made again goes; nothing else ever deletes what a change created."""
    make_table(account)
    made, _, before = assessed(account, DELETE)
    backups = backed_up(account, made, before)
    perform(account, DELETE)
    plan = PROVIDER.plan_undo(made, before, backups)
    undo = msgspec.structs.replace(made, operations=plan.operations, undoes="C-1")
    stood = drive(PROVIDER.assess(undo, (), at_ms=0), account).captures
    drive(PROVIDER.undo(made, before, backups), account)
    assert not PROVIDER.plan_undo(undo, stood, ()).possible, "without what it took back nothing is deleted"
    again = PROVIDER.plan_undo(undo, stood, (), again=made)
    assert [one.action for one in again.operations] == ["DeleteTable"]
    drive(PROVIDER.undo(undo, stood, (), again=made), account)
    assert account.client("dynamodb").list_tables()["TableNames"] == []


# --- a crash at each step --------------------------------------------------------------------------------------------


class Stopping:
    """An executor on the account whose process ends at the n-th step: before its call arrived (`lost`) or before its answer did."""

    def __init__(self, account: Account, stop: int, *, lost: bool) -> None:
        self.account, self.stop, self.lost = account, stop, lost
        self.made: list[str] = []

    async def ask(self, call: Call, *, tags: dict[str, str]) -> Answer:
        if call.mutates:
            if len(self.made) + 1 == self.stop:
                self.stop = 0
                if not self.lost:
                    self.made.append(call.operation)
                    self.account(call)
                raise asyncio.CancelledError
            self.made.append(call.operation)
        return self.account(call)


class Book:
    """As much of the runtime's book as the asker needs: the steps of one case."""

    def __init__(self) -> None:
        self.cases = {"C-2": Case(id="C-2", phase=Phase.EXECUTING)}

    async def record(self, case_id: str, event: r.CaseEvent) -> Case:
        self.cases[case_id], _ = advance(self.cases[case_id], event)
        return self.cases[case_id]

    def may_act(self) -> None:
        """It is this process's."""


@pytest.mark.parametrize("lost", [True, False], ids=["the call never arrived", "its answer was lost"])
@pytest.mark.parametrize("stop", range(1, 5))
async def test_an_undo_goes_on_where_it_stopped(stop: int, lost: bool, account: Account) -> None:
    """Of a replaced table: every step takes effect once, whatever was lost, and all is as it was in the end."""
    made, before, backups = _replaced(account)
    executor, book = Stopping(account, stop, lost=lost), Book()
    vault = Vault(MemoryStore(), b"k" * 32)
    asker = Asker(cast("Any", book), cast("Any", executor), vault, lambda: 0)

    async def undo() -> tuple[str, ...]:
        inquiry = PROVIDER.undo(made, before, backups)
        return await asker.drive(inquiry, tags={}, case_id="C-2", recipe="undo", settle=PROVIDER.took_effect)

    with pytest.raises(asyncio.CancelledError):
        await undo()
    assert await undo() == ()
    assert executor.made == [
        "dynamodb:DeleteTable",
        "dynamodb:RestoreTableFromBackup",
        "dynamodb:TagResource",
        "dynamodb:UpdateTimeToLive",
    ]
    assert _items(account) == 30
