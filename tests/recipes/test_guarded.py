"""What the plane's roles may do by the documents that `keyturn guard aws` prints is enough for every call that it makes by them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from keyturn.model.change import ResourceRef
from keyturn.model.execution import Call, Role
from keyturn.providers.aws.evaluator import evaluate
from keyturn.providers.aws.guard import Guarded, backup_policy, change_policy
from keyturn.providers.aws.scope import scope
from keyturn.testing.standin_caches import fill_caches
from keyturn.testing.standin_gaps import fill_databases
from tests.provider.provider_world import ACCOUNT, REGION, Account, change, drive
from tests.recipes.database_nights import DATABASES, Night
from tests.recipes.recipe_world import PROVIDER, assessed, backed_up, perform, verified
from tests.recipes.store_nights import DOMAIN, STORES
from tests.recipes.test_drills import KINDS

GUARDED = Guarded(account=ACCOUNT, plane=f"arn:aws:iam::{ACCOUNT}:role/keyturn-host")
POLICIES: dict[Role, dict[str, Any]] = {
    Role.BACKUP: backup_policy(GUARDED),
    Role.CHANGE: change_policy(GUARDED),
}


@pytest.fixture(scope="module")
def region() -> Iterator[Account]:
    """One stand-in for all nights, each under names of its own."""
    fill_databases()
    fill_caches()
    with mock_aws():
        yield Account()


def refused(calls: list[Call]) -> list[tuple[str, str]]:
    """(action or ARN, why) of what the role's document does not allow; actions and ARNs as the session policy of the call has them.

    Which action is asked for on which of several ARNs (a backup and the table made of it) only the service knows: each has to be
    allowed with one of the other.
    """
    found: dict[tuple[str, str], None] = {}
    for call in calls:
        if call.role not in POLICIES or call.operation.startswith("keyturn:"):
            continue  # the last are the plane's own, of what GetFunction told and the vault keeps
        for statement in json.loads(scope(change((call.operation, call.parameters))).policy)["Statement"]:
            if "Condition" in statement:
                continue  # keys, through the service alone
            listed = [statement[name] for name in ("Action", "Resource")]
            actions, arns = (one if isinstance(one, list) else [one] for one in listed)
            allowed = {
                (action, arn)
                for action in actions
                for arn in arns
                if evaluate(POLICIES[call.role], action=action, resource=arn).allowed
            }
            missing = {*actions, *arns} - {one for pair in allowed for one in pair}
            found |= {(one, f"{call.role} {call.operation}"): None for one in sorted(missing)}
    return list(found)


NIGHTS = (*DATABASES, *STORES, DOMAIN)


@pytest.mark.parametrize("night", NIGHTS, ids=[f"{one.kind} {one.make.__name__}" for one in NIGHTS])
def test_a_delete_is_backed_up_and_taken_back_within_the_roles(night: Night, region: Account) -> None:
    """Backups by the backup role, the way back by the change role: each call, on each thing that it is asked for."""
    night.make(region, name := f"g{NIGHTS.index(night)}")
    asked = night.delete(name)
    made, assessment, states = assessed(region, asked)
    region.said.clear()
    backups = backed_up(region, made, states) if assessment.recoverable[0].backup else ()
    copies = list(region.said)
    perform(region, asked)
    assert verified(region, made, states, asked).status == "succeeded"
    region.said.clear()
    drive(PROVIDER.undo(made, states, backups), region)
    assert {call.role for call in copies if call.mutates} <= {Role.BACKUP}
    assert Role.CHANGE in {call.role for call in region.said}
    assert refused([*copies, *region.said]) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_drill_is_made_within_the_backup_role(kind: str) -> None:
    """From the backup to the removal of the scratch."""
    with mock_aws():
        account = Account()
        name, make = KINDS[kind]
        make(account)
        account.said.clear()
        ref = ResourceRef("aws", "aws", ACCOUNT, REGION, kind, name)
        drill = drive(PROVIDER.drill(ref, drill_id="0a1b", at_ms=7), account)
        drill = drive(PROVIDER.drill_save(drill, at_ms=8), account)
        drive(PROVIDER.drill_restore(drill), account)
        drive(PROVIDER.drill_clean(drill), account)
        assert {call.role for call in account.said if call.mutates} == {Role.BACKUP}
        assert refused(account.said) == []


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("sqs:DeleteQueue", f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs"),
        ("logs:DeleteLogGroup", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/app/web"),
        ("states:StartExecution", f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:keyturn-drill-0a1b"),
        ("events:EnableRule", f"arn:aws:events:{REGION}:{ACCOUNT}:rule/keyturn-drill-0a1b"),
        ("kms:DeleteAlias", f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/orders"),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/worker"),
        ("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/keyturn-drill-0a1b"),
        ("redshift:DeleteCluster", f"arn:aws:redshift:{REGION}:{ACCOUNT}:cluster:orders"),
    ],
)
def test_the_backup_role_can_do_no_more_than_that(action: str, resource: str) -> None:
    """Nothing that is no scratch, and nothing that makes a scratch act."""
    assert not evaluate(POLICIES[Role.BACKUP], action=action, resource=resource).allowed
