"""Backups that the plane made in the account are removed again, of every kind that it makes them of, and nothing that is not its own."""

from __future__ import annotations

import msgspec
import pytest
from moto import mock_aws

from keyturn.core.keeping import is_kept
from keyturn.core.retention import removable
from keyturn.errors import UnavailableError
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Backup, Call, Role
from keyturn.providers.aws.evaluator import evaluate
from keyturn.providers.aws.guard import Guarded, backup_policy
from keyturn.providers.aws.recipes import retiring
from keyturn.testing.standin_caches import fill_caches
from keyturn.testing.standin_gaps import fill_databases
from tests.provider.provider_world import ACCOUNT, REGION, drive, seal
from tests.recipes.drawing import Draw
from tests.recipes.recipe_world import PROVIDER, assessed, backed_up, perform
from tests.recipes.subject_table import HINTS, SUBJECTS, Gapless
from tests.recipes.subjects import Subject

COPIED = [one for one in SUBJECTS if one.kind in retiring.REMOVALS]
POLICY = backup_policy(Guarded(account=ACCOUNT, plane=f"arn:aws:iam::{ACCOUNT}:role/keyturn-host"))


@pytest.fixture(scope="module", autouse=True)
def _filled() -> None:
    fill_caches()
    fill_databases()


def _backups(subject: Subject, account: Gapless) -> tuple[Backup, ...]:
    made = subject.make(account, Draw(f"{subject.kind} {subject.make.__name__} 0", HINTS))
    perform(account, *made.first)
    change, _, states = assessed(account, made.delete)
    try:
        return backed_up(account, change, states)
    except UnavailableError:
        return ()


def _steps(account: Gapless) -> list[Call]:
    return [call for call in account.said if call.mutates]


@pytest.mark.parametrize("subject", COPIED, ids=[f"{one.kind} {one.make.__name__}" for one in COPIED])
def test_a_backup_is_removed_by_its_calls_and_is_gone(subject: Subject) -> None:
    """By the role that made it, each piece once; a second time nothing is left to do. What was shown is what was done."""
    with mock_aws():
        account = Gapless()
        for backup in filter(removable, _backups(subject, account)):
            account.said.clear()
            drive(PROVIDER.retire(backup), account)
            steps = _steps(account)
            shown = PROVIDER.plan_retire((backup,))
            assert [(call.operation, call.role) for call in steps] == [
                (one.name, Role.BACKUP) for one in shown
            ]
            assert [drive(PROVIDER.took_effect(step, 0), account) for step in steps] == [True] * len(steps)
            account.said.clear()
            drive(PROVIDER.retire(backup), account)
            assert _steps(account) == []


@pytest.mark.slow
def test_every_kind_that_is_copied_in_the_account_has_its_removal() -> None:
    """A backup that nobody could remove again would be kept, and paid, for ever."""
    without = set()
    for subject in SUBJECTS:
        with mock_aws():
            for backup in filter(removable, _backups(subject, Gapless())):
                if not is_kept(backup.reference) and backup.resource.kind not in retiring.REMOVALS:
                    without.add(backup.resource.kind)
    assert without == set()


SNAPSHOT = ResourceRef("aws", "aws", ACCOUNT, REGION, "ec2:volume", "vol-1")


def _backup(ref: ResourceRef, reference: str) -> Backup:
    return Backup(ref, "", {}, reference, "", 1, 1, "seen")


def test_what_does_not_bear_the_planes_mark_is_not_removed() -> None:
    """Whatever the log says of it: a name that was taken by somebody else since, a snapshot without the tag."""
    with mock_aws():
        account = Gapless()
        ec2 = account.client("ec2")
        volume = ec2.create_volume(Size=1, AvailabilityZone=f"{REGION}a")["VolumeId"]
        theirs = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
        with pytest.raises(UnavailableError, match="does not bear the plane's mark"):
            drive(PROVIDER.retire(_backup(SNAPSHOT, theirs)), account)
        table = msgspec.structs.replace(SNAPSHOT, kind="dynamodb:table", id="orders")
        account.client("dynamodb").create_table(
            TableName="orders",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )
        made = account.client("dynamodb").create_backup(TableName="orders", BackupName="by-hand")
        with pytest.raises(UnavailableError, match="does not bear the plane's mark"):
            drive(PROVIDER.retire(_backup(table, made["BackupDetails"]["BackupArn"])), account)
        assert _steps(account) == []


def test_what_cannot_be_read_is_not_removed_and_not_taken_for_gone() -> None:
    """Could not read is not absent: nothing is sent, and an unanswered step stays in doubt."""
    from keyturn.model.execution import Unavailable

    with mock_aws():
        account = Gapless()
        account.broken["ec2:DescribeSnapshots"] = Unavailable("throttled")
        with pytest.raises(UnavailableError, match="throttled"):
            drive(PROVIDER.retire(_backup(SNAPSHOT, "snap-1")), account)
        step = Call("ec2:DeleteSnapshot", {"SnapshotId": "snap-1"}, ACCOUNT, REGION, Role.BACKUP)
        assert drive(PROVIDER.took_effect(step, 0), account) is None
        assert _steps(account) == []


def test_what_lies_in_the_vault_is_shown_as_what_it_is() -> None:
    """No call of AWS removes it, and policy can name it all the same."""
    one = _backup(msgspec.structs.replace(SNAPSHOT, kind="s3:object", id="reports/a"), "vault:kept:1")
    (shown,) = PROVIDER.plan_retire((msgspec.structs.replace(one, watermark={"bytes": 7}),))
    assert (shown.name, shown.parameters, shown.resources) == (
        "keyturn:DropExport",
        {"Exports": 1, "Bytes": 7},
        (one.resource,),
    )
    account = Gapless()
    drive(PROVIDER.retire(one), account)
    assert account.said == []
    assert PROVIDER.plan_retire((_backup(SNAPSHOT, "capture"),)) == ()
    assert seal(b"x")


@pytest.mark.parametrize(
    ("action", "resource", "allowed"),
    [
        ("rds:DeleteDBSnapshot", f"arn:aws:rds:{REGION}:{ACCOUNT}:snapshot:keyturn-c-1-orders-1a", True),
        ("rds:DeleteDBSnapshot", f"arn:aws:rds:{REGION}:{ACCOUNT}:snapshot:monthly", False),
        ("rds:DeleteDBInstance", f"arn:aws:rds:{REGION}:{ACCOUNT}:db:orders", False),
        ("redshift:DeleteClusterSnapshot", f"arn:aws:redshift:{REGION}:{ACCOUNT}:snapshot:dw/keyturn-c-1", True),
        ("redshift:DeleteClusterSnapshot", f"arn:aws:redshift:{REGION}:{ACCOUNT}:snapshot:dw/monthly", False),
        ("ssm:DeleteParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/keyturn/backup/C-1/ab", True),
        ("ssm:DeleteParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/shop/token", False),
        ("dynamodb:DeleteBackup", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders/backup/01", True),
        ("dynamodb:DeleteTable", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders", False),
    ],
)  # fmt: skip
def test_the_backup_role_removes_what_bears_the_planes_name(
    action: str, resource: str, allowed: bool
) -> None:
    """By the document that `keyturn guard aws` prints."""
    assert evaluate(POLICY, action=action, resource=resource).allowed is allowed
