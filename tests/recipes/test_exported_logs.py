"""The events of a log group are exported before it goes, and put back where the service takes them; what it does not take is said."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest
from moto import mock_aws
from moto.logs.models import logs_backends

from keyturn.errors import UnavailableError
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Answer, Call, Role, Succeeded, Unavailable
from keyturn.providers.aws.recipes import for_kind, log_events
from keyturn.providers.aws.recipes.base import call as call_of
from tests.provider.provider_world import ACCOUNT, REGION, Account, drive
from tests.recipes.recipe_world import PROVIDER, Asked, assessed, backed_up, perform, undone

GROUP: Final = "/app/web"
DELETE: Final[Asked] = ("logs:DeleteLogGroup", {"logGroupName": GROUP})
REF: Final = ResourceRef("aws", "aws", ACCOUNT, REGION, "logs:log-group", GROUP)
DAY_MS: Final = 24 * 60 * 60 * 1_000
HOUR_MS: Final = 60 * 60 * 1_000

Stands = list[tuple[str, int, str]]


@pytest.fixture
def account() -> Iterator[Account]:
    with mock_aws():
        made = Account()
        made.client("logs").create_log_group(logGroupName=GROUP, tags={"environment": "production"})
        yield made


def put(stream: str, *events: tuple[int, str]) -> None:
    """As they stand in the group, whatever their age: each so many milliseconds ago."""
    group = logs_backends[ACCOUNT][REGION].groups[GROUP]
    if stream not in group.streams:
        group.create_log_stream(stream)
    now = int(time.time() * 1_000)
    group.put_log_events(stream, [{"timestamp": now - ago, "message": text} for ago, text in events])


def stands(account: Account) -> Stands:
    found: Stands = []
    for page in account.client("logs").get_paginator("filter_log_events").paginate(logGroupName=GROUP):
        found += [(one["logStreamName"], one["timestamp"], one["message"]) for one in page["events"]]
    return sorted(found)


def test_events_come_back(account: Account) -> None:
    """Of two streams, in any order, one text twice, one that is no ASCII; the group's filters see none of them a second time."""
    put("b", (3_000, "größe"), (2_000, "same"), (2_000, "same"))
    put("a", (DAY_MS * 3, "three days ago"), (5, "{}"))
    before = stands(account)
    assert len(before) == 5
    filtered: dict[str, Any] = {"logGroupName": GROUP, "filterName": "errors", "filterPattern": "ERROR"}
    told = [{"metricName": "m", "metricNamespace": "n", "metricValue": "1"}]
    account.client("logs").put_metric_filter(**filtered, metricTransformations=told)
    (twice,) = undone(account, DELETE)
    assert twice.startswith(
        "metric_filters: "
    )  # the stand-in keeps those of a group that goes: see `excuses`
    assert stands(account) == before
    made = account.mutations()
    assert made.index("logs:PutMetricFilter") > max(
        n for n, one in enumerate(made) if one == "logs:PutLogEvents"
    )


def test_reviewers_are_told_beforehand(account: Account) -> None:
    """That there will be a backup, what of it would not be taken again, and what it holds once it is taken."""
    put("a", (5, "one"), (4, "two"))
    made, assessment, before = assessed(account, DELETE)
    (item,) = assessment.recoverable
    assert (item.backup, item.loss[0][:30]) == (True, "log events older than 14 days,")
    (saved,) = backed_up(account, made, before)
    assert (saved.watermark["events"], saved.watermark["bytes"]) == (2, 2 * (3 + 26))
    assert saved.verified_by.startswith("2 log events (58 B) exported by the backup role")


@pytest.mark.parametrize(("days", "left"), [(None, 1), (7, 2)])
def test_what_is_too_old_stays_in_the_backup(days: int | None, left: int, account: Account) -> None:
    """Older than 14 days, or than the retention: said with its number, and written out with all others for who reads them."""
    put("a", (DAY_MS * 20, "old"), (DAY_MS * 10, "older than a week"), (5, "new"))
    if days:
        account.client("logs").put_retention_policy(logGroupName=GROUP, retentionInDays=days)
    made, _, before = assessed(account, DELETE)
    (saved,) = backed_up(account, made, before)
    perform(account, DELETE)
    told = drive(PROVIDER.undo(made, before, (saved,)), account)
    assert told == (f"log events: {left} of 3 are older than {days or 14} days, and stay in the backup",)
    assert [text for _, _, text in stands(account)] == ["older than a week", "new"][left - 1 :]
    written = drive(PROVIDER.files(made, saved, before), account)
    texts = [
        one["message"]
        for name, data in written.items()
        if name.startswith("events")
        for one in json.loads(data)["logEvents"]
    ]
    assert sorted(texts) == ["new", "old", "older than a week"]


def test_more_than_a_batch_comes_back(account: Account) -> None:
    """Events of a day and more, and more than 1,048,576 bytes of them: several requests, nothing lost, nothing twice."""
    put("a", *((number * 3_600_000, f"{number}:" + "x" * 60_000) for number in range(72, 0, -1)))
    before = stands(account)
    assert undone(account, DELETE) == ()
    assert stands(account) == before
    assert account.mutations().count("logs:PutLogEvents") == 5


def test_what_is_too_much_or_cannot_be_read_has_no_backup(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said when it is held, where the service tells the size; else when it is found to be."""
    put("a", (5, "x" * 100))
    made, _, before = assessed(account, DELETE)
    monkeypatch.setattr(log_events, "EVENTS_BYTES_MAX", 100)
    with pytest.raises(UnavailableError, match="are exported at most"):
        backed_up(account, made, before)
    recipe, state = for_kind("logs:log-group"), before.states[str(REF)]
    assert recipe is not None
    assert state is not None
    assert "are exported at most" in recipe.no_backup(REF, {**state, "storedBytes": 101})
    assert "can be queried" in recipe.no_backup(REF, {**state, "logGroupClass": "INFREQUENT_ACCESS"})
    assert not recipe.recoverable(REF, {**state, "logGroupClass": "INFREQUENT_ACCESS"}).backup


class Kept(Account):
    """What was put, and whether its answer came."""

    def __call__(self, call: Call) -> Answer:
        answer = super().__call__(call)
        return Unavailable("the connection broke") if call.operation == log_events.PUT else answer


@pytest.mark.parametrize("arrived", [True, False])
def test_a_put_without_answer_is_looked_up(arrived: bool, account: Account) -> None:
    """By the time and text of its events: it is made again only where none of them stands."""
    put("a", (14 * DAY_MS + HOUR_MS, "old"), (14 * DAY_MS - HOUR_MS, "one"), (13 * DAY_MS + HOUR_MS, "two"))
    made, _, before = assessed(account, DELETE)
    (saved,) = backed_up(account, made, before)
    perform(account, DELETE)
    lost = Kept()
    lost.vault = account.vault
    with pytest.raises(UnavailableError):
        drive(PROVIDER.undo(made, before, (saved,)), lost)
    put_again = next(call for call in lost.said if call.operation == log_events.PUT)
    if not arrived:
        account.client("logs").delete_log_stream(logGroupName=GROUP, logStreamName="a")
        account.client("logs").create_log_stream(logGroupName=GROUP, logStreamName="a")
    found = drive(PROVIDER.took_effect(put_again, 0), account)
    assert found == (
        Succeeded({"rejectedLogEventsInfo": {"tooOldLogEventEndIndex": 1}}) if arrived else False
    )


def test_of_what_is_not_the_planes_own_nobody_says(account: Account) -> None:
    """An agent's PutLogEvents whose answer was lost: a person looks."""
    given = {"logGroupName": GROUP, "logStreamName": "a", "logEvents": [{"timestamp": 1, "message": "x"}]}
    assert drive(PROVIDER.took_effect(call_of(REF, log_events.PUT, given, Role.CHANGE), 0), account) is None
