"""Backups go to the vault account, are read there before the call leaves, and give back what the account and the database have lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
import pytest
from moto import mock_aws

from keyturn.core.ports import Captures
from keyturn.errors import UnavailableError
from keyturn.model.change import Change
from keyturn.model.execution import Answer, Backup, Call, Refused, Succeeded, Unavailable
from keyturn.providers.aws.recipes.retiring import REMOVALS
from keyturn.providers.aws.vault_account import AwsVault
from keyturn.providers.aws.vault_account.copiers import CANNOT, COPIERS
from tests.provider.provider_world import ACCOUNT, drive
from tests.recipes.cut_world import Cut, Told, Way, repeated
from tests.recipes.drawing import Draw
from tests.recipes.recipe_world import PROVIDER, Asked, assessed, backed_up
from tests.recipes.subject_table import HINTS, filled
from tests.recipes.subjects import Subject
from tests.recipes.vault_subjects import AWSS, COPIED, EXPORTED
from tests.recipes.vault_world import BUCKET, FAR, ROLE, Two, told_far

SEED: Final = 1


@pytest.mark.parametrize("subject", [*COPIED, *EXPORTED], ids=lambda subject: subject.make.__name__)
def test_what_the_account_has_lost_comes_back_from_the_vault_account(subject: Subject) -> None:
    """The plane's own snapshots are deleted by somebody with every right, and what is sealed in the database too."""
    found, _ = told_far(subject, SEED, Cut())
    assert {field: what for field, what in found.different.items() if field != "groups"} == {}, found.story


def holds(subject: Subject, found: Told) -> None:
    assert found.lives == 2, "the power was not cut"
    assert {field: what for field, what in found.different.items() if field != "groups"} == {}, found.story
    assert repeated(found) == {}, found.story


def cuts(subject: Subject) -> None:
    calm, _ = told_far(subject, SEED, Cut())
    for undo, ends in ((False, calm.begins_undo), (True, len(calm.calls) - calm.begins_undo)):
        for at in range(1, ends + 1):
            for way in Way:
                holds(subject, told_far(subject, SEED, Cut(at, way, undo=undo))[0])


@pytest.mark.parametrize("way", Way)
@pytest.mark.parametrize(
    ("subject", "at", "undo"),
    [
        (COPIED[1], 3, False),
        (COPIED[1], 2, True),
        (COPIED[4], 3, False),
        (COPIED[4], 2, True),
        (EXPORTED[0], 2, False),
    ],
    ids=[
        "a disk's copy",
        "a disk's copy back",
        "a database's copy",
        "a database's copy back",
        "an object's export",
    ],
)
def test_a_copy_goes_on_where_its_power_was_cut(subject: Subject, at: int, undo: bool, way: Way) -> None:
    """At the copy itself, there and back: it is made once, and what was deleted comes back."""
    holds(subject, told_far(subject, SEED, Cut(at, way, undo=undo))[0])


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("subject", [*COPIED, *EXPORTED], ids=lambda subject: subject.make.__name__)
def test_every_cut_on_the_way_to_the_vault_account_and_back(subject: Subject) -> None:
    """Each call of backup, copies, execution and undo, in each of the three ways: nothing is lost, and nothing is made twice."""
    cuts(subject)


# --- call by call ----------------------------------------------------------------------------------------------------


@pytest.fixture
def two() -> Iterator[Two]:
    """Both accounts, the vault account as it has to be."""
    filled()
    with mock_aws():
        made = Two()
        made.open()
        yield made


def made_of(two: Two, subject: Subject) -> tuple[Asked, Change, Captures]:
    found = subject.make(two, Draw("vault", HINTS))
    change, _, before = assessed(two, found.delete)
    return found.delete, change, before


def out(two: Two, change: Change, before: Captures) -> Backup:
    """Backed up and copied out, as the runtime does."""
    vault = AwsVault(two.vault_account)
    drive(vault.shareable(change, before), two)
    (backup,) = backed_up(two, change, before)
    return drive(vault.copied_out(backup, case_id="C-7"), two)


def test_a_copy_is_shared_made_looked_at_and_the_share_taken_back(two: Two) -> None:
    """Each call in its order, in which account, by which role."""
    _, change, before = made_of(two, COPIED[1])
    two.said.clear()
    backup = out(two, change, before)
    told = [
        (call.operation.partition(":")[2], call.account, str(call.role)) for call in two.said if call.mutates
    ]
    assert told == [
        ("CreateSnapshot", ACCOUNT, "backup"),
        ("ModifySnapshotAttribute", ACCOUNT, "backup"),
        ("CopySnapshot", FAR, "vault"),
        ("ModifySnapshotAttribute", ACCOUNT, "backup"),
    ]
    (copy,) = backup.vaulted
    (there,) = two.far("ec2").describe_snapshots(SnapshotIds=[copy.reference])["Snapshots"]
    assert (copy.account, copy.kind, there["OwnerId"]) == (FAR, "ec2:snapshot", FAR)
    assert (there["Encrypted"], there["VolumeSize"]) == (True, 7)
    assert copy.verified_by == (
        f"{copy.reference} in account {FAR} is done, 7 GiB as the original, encrypted under {two.kms_key}"
    )
    shared = two.client("ec2").describe_snapshot_attribute(
        SnapshotId=backup.reference, Attribute="createVolumePermission"
    )
    assert shared["CreateVolumePermissions"] == []


def test_what_is_under_awss_own_key_is_not_sent_away_and_nothing_is_made(two: Two) -> None:
    """It cannot be shared: said before a snapshot is made, with what to do."""
    _, change, before = made_of(two, AWSS)
    two.said.clear()
    with pytest.raises(
        UnavailableError, match=r"AWS's own key .* cannot be shared .* Move it to a key of your own"
    ):
        drive(AwsVault(two.vault_account).shareable(change, before), two)
    assert two.mutations() == []


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("", "names no kms_key"),
        (f"arn:aws:kms:us-east-1:{FAR}:key/1", "a key encrypts in its own region alone"),
    ],
)
def test_what_is_encrypted_needs_a_key_there(two: Two, key: str, said: str) -> None:
    """In the same region; without one nothing is made."""
    _, change, before = made_of(two, COPIED[1])
    vault = msgspec.structs.replace(two.vault_account, kms_key=key)
    with pytest.raises(UnavailableError, match=said):
        drive(AwsVault(vault).shareable(change, before), two)


def test_a_copy_that_fails_takes_the_share_back(two: Two) -> None:
    """The service refuses: the change does not go on, and nobody is left with access."""
    _, change, before = made_of(two, COPIED[1])
    two.broken = {"ec2:CopySnapshot": Refused("ResourceLimitExceeded", "too many copies")}
    with pytest.raises(UnavailableError, match="too many copies"):
        out(two, change, before)
    for one in two.client("ec2").describe_snapshots(OwnerIds=[ACCOUNT])["Snapshots"]:
        shared = two.client("ec2").describe_snapshot_attribute(
            SnapshotId=one["SnapshotId"], Attribute="createVolumePermission"
        )
        assert shared["CreateVolumePermissions"] == []


def test_a_copy_under_another_key_is_no_copy(two: Two) -> None:
    """What the vault's account could not give back is found out before the change, not after."""
    _, change, before = made_of(two, COPIED[1])
    answer = two.__call__

    def other(call: Call) -> Answer:
        given = {name: value for name, value in call.parameters.items() if name != "KmsKeyId"}
        return answer(
            msgspec.structs.replace(call, parameters=given) if call.operation == "ec2:CopySnapshot" else call
        )

    vault = AwsVault(two.vault_account)
    (backup,) = backed_up(two, change, before)
    with pytest.raises(UnavailableError, match=r"is encrypted under .* not under"):
        drive(vault.copied_out(backup, case_id="C-7"), other)


def test_a_backup_is_removed_from_both_accounts(two: Two) -> None:
    """Shown beforehand with the account of each call; made by the role of each; and gone."""
    for subject in COPIED:
        _, change, before = made_of(two, subject)
        backup = out(two, change, before)
        shown = [(one.action, one.account) for one in PROVIDER.plan_retire((backup,))]
        assert {account for _, account in shown} == {ACCOUNT, FAR}
        two.said.clear()
        drive(PROVIDER.retire(backup), two)
        assert [
            (call.operation.partition(":")[2], call.account) for call in two.said if call.mutates
        ] == shown
        for account in (two.client, two.far):
            left = account("ec2").describe_snapshots(
                Filters=[{"Name": "tag:keyturn:case", "Values": ["C-7"]}]
            )
            assert left["Snapshots"] == []
        for kind, of in (
            ("db_instance", "DBInstance"),
            ("db_cluster", "DBCluster"),
        ):  # its name is to be free for the next
            for one in getattr(two.client("rds"), f"describe_{kind}s")()[f"{of}s"]:
                named = {f"{of}Identifier": one[f"{of}Identifier"], "SkipFinalSnapshot": True}
                getattr(two.client("rds"), f"delete_{kind}")(**named)


def test_every_kind_that_has_a_backup_in_the_account_goes_or_says_why_not() -> None:
    """So that a new kind is not forgotten; and none does both."""
    assert set(REMOVALS) == set(COPIERS) | set(CANNOT)
    assert not set(COPIERS) & set(CANNOT)


# --- looked at -------------------------------------------------------------------------------------------------------


def test_a_vault_account_as_it_has_to_be_has_no_troubles(two: Two) -> None:
    """Role, bucket and key: nothing is said of them."""
    assert drive(AwsVault(two.vault_account).troubles(), two) == ()


OPEN: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{BUCKET}/*",
        }
    ],
}


def _unversioned(two: Two) -> None:
    two.far("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})


def _unblocked(two: Two) -> None:
    two.far("s3").delete_public_access_block(Bucket=BUCKET)


def _public(two: Two) -> None:
    _unblocked(two)
    two.far("s3").put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(OPEN))


def _going(two: Two) -> None:
    two.far("kms").schedule_key_deletion(KeyId=two.kms_key.rpartition("/")[2])


def _elsewhere(two: Two) -> None:
    two.broken = {"s3:HeadBucket": Refused("403", "Forbidden", 403)}


def _not_assumed(two: Two) -> None:
    two.broken = {"sts:GetCallerIdentity": Unavailable(f"the role {ROLE} cannot be assumed: AccessDenied")}


def _awss_key(two: Two) -> None:
    two.broken = {"kms:DescribeKey": Succeeded({"KeyMetadata": {"KeyState": "Enabled", "KeyManager": "AWS"}})}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (_unversioned, "keeps no versions"),
        (_unblocked, "could be made public"),
        (_public, "makes it public"),
        (_going, "PendingDeletion"),
        (_elsewhere, "cannot be read as one of account"),
        (_not_assumed, "cannot be used"),
        (_awss_key, "is AWS's own"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_what_is_wrong_with_it_is_said_with_what_to_do(
    two: Two, wrong: Callable[[Two], None], said: str
) -> None:
    """One thing at a time: one sentence, which names it and ends with the remedy."""
    wrong(two)
    (trouble,) = drive(AwsVault(two.vault_account).troubles(), two)
    assert said in trouble
    assert trouble.endswith((".", ").")), "a sentence"


# --- forgotten -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("captures", "stay"), [(True, []), (False, ["C-7/assessing-3"])])
def test_every_version_of_a_cases_objects_goes_and_no_other_cases(
    two: Two, captures: bool, stay: list[str]
) -> None:
    """What was deleted there by hand, too: its versions lie under a marker. C-70 is not C-7."""
    s3 = two.far("s3")
    for name in ("C-7/kept-1", "C-7/kept-1", "C-7/manifest-2", "C-7/assessing-3", "C-70/kept-1"):
        s3.put_object(Bucket=BUCKET, Key=f"keyturn-test/{name}", Body=b"sealed")
    s3.delete_object(Bucket=BUCKET, Key="keyturn-test/C-7/manifest-2")
    gone = drive(AwsVault(two.vault_account).forget("C-7", captures=captures), two)
    listed = s3.list_object_versions(Bucket=BUCKET)
    left = [one["Key"] for one in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ()))]
    assert sorted(left) == [f"keyturn-test/{name}" for name in (*stay, "C-70/kept-1")]
    assert gone == 5 - len(stay)
    assert drive(AwsVault(two.vault_account).forget("C-7", captures=captures), two) == 0


def test_what_the_bucket_does_not_let_go_is_said(two: Two) -> None:
    """Under Object Lock, for instance: the drop is not said to be done."""
    two.far("s3").put_object(Bucket=BUCKET, Key="keyturn-test/C-7/kept-1", Body=b"sealed")
    two.broken = {"s3:DeleteObjects": Succeeded({"Errors": [{"Key": "C-7/kept-1", "Code": "AccessDenied"}]})}
    with pytest.raises(UnavailableError, match=r"1 object left in keyturn-vault-.*AccessDenied"):
        drive(AwsVault(two.vault_account).forget("C-7", captures=True), two)
