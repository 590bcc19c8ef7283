"""How hard a delete is to take back agrees with what is said of the way back, for every first-class kind, on a drawn state."""

from __future__ import annotations

from typing import Any

import pytest
from moto import mock_aws

from keyturn.model.assessment import Kind, Reversibility
from keyturn.providers.aws.recovering import FROM_BACKUP
from tests.recipes.drawing import Draw
from tests.recipes.recipe_world import Asked, Partly, assessed, perform
from tests.recipes.subject_table import HINTS, SUBJECTS, Gapless, filled
from tests.recipes.subjects import Subject

BACKUPS_GO = {"rds:db", "rds:cluster"}
"""Their automated backups go with them unless the request says otherwise: no backup of ours has those."""


@pytest.mark.parametrize("subject", SUBJECTS, ids=[subject.kind for subject in SUBJECTS])
def test_what_a_backup_gives_back_is_not_called_final_and_nothing_else_is_called_less(
    subject: Subject,
) -> None:
    """R4 stands for what neither the service nor Keyturn gives back, and for nothing else."""
    filled()
    with mock_aws():
        account = Gapless()
        made = subject.make(account, Draw(f"{subject.kind} {subject.make.__name__} 1", HINTS))
        perform(account, *made.first)
        _, assessment, _ = assessed(account, made.delete)
    back = all(one.possible for one in assessment.recoverable)
    final = assessment.reversibility is Reversibility.R4
    assert final is (not back or subject.kind in BACKUPS_GO), [str(one) for one in assessment.findings]
    lost = [one for one in assessment.findings if one.kind is Kind.DATA_LOSS]
    assert [one.message for one in lost if "no recipe" in one.message] == []
    assert all(one.reversibility is not Reversibility.R4 for one in lost) or not back


SWALLOWED: tuple[tuple[str, Asked, Reversibility], ...] = (
    ("records", ("kinesis:DeleteStream", {"StreamName": "clicks"}), Reversibility.R4),
    ("and consumers", ("kinesis:DeleteStream", {"StreamName": "clicks", "EnforceConsumerDeletion": True}), Reversibility.R4),
)  # fmt: skip


@pytest.mark.parametrize(("_what", "asked", "said"), SWALLOWED, ids=[what for what, _, _ in SWALLOWED])
def test_a_request_that_takes_more_is_not_called_milder(
    _what: str, asked: Asked, said: Reversibility
) -> None:
    """What a stream holds comes back from nowhere, whatever else a rule says of the request."""
    with mock_aws():
        account = Partly()
        account.client("kinesis").create_stream(StreamName="clicks", ShardCount=1)
        _, assessment, _ = assessed(account, asked)
    assert assessment.reversibility is said


def test_a_backup_is_named_where_it_is_what_gives_it_back() -> None:
    """The sentence of the rule stays, and what Keyturn does about it follows."""
    body: dict[str, Any] = {"DashboardName": "shop", "DashboardBody": '{"widgets":[]}'}
    with mock_aws():
        account = Partly()
        account.client("cloudwatch").put_dashboard(**body)
        _, assessment, _ = assessed(account, ("cloudwatch:DeleteDashboards", {"DashboardNames": ["shop"]}))
    (one,) = assessment.findings
    assert (one.code, one.reversibility, one.message) == (
        "GEN012",
        Reversibility.R3,
        f"DeleteDashboards removes cloudwatch:dashboard/shop, or something of it. {FROM_BACKUP}",
    )
