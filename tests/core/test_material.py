"""What the plane keeps to give things back from is out of every agent's reach."""

from __future__ import annotations

import msgspec
import pytest

from keyturn.core.case import Case
from keyturn.core.material import names_of
from keyturn.core.plane import Plane, from_snapshot, snapshot
from keyturn.core.routing import New, Refuse
from keyturn.model import record as r
from keyturn.model.change import Effect, Operation
from keyturn.model.execution import VaultAccount
from tests.core import core_world as w

ARN = "arn:aws:dynamodb:eu-west-1:1:table/orders/backup/01-abc"
IMAGE, DISK = "ami-0a", "snap-0b"


def _plane() -> Plane:
    """A plane that took three backups for C-1: one by ARN, one with parts, one that lies in its own vault."""
    taken = w.backup()
    made = r.BackedUp(
        at_ms=21,
        backups=(
            msgspec.structs.replace(taken, reference=ARN),
            msgspec.structs.replace(taken, reference=IMAGE, also=(DISK,)),
            msgspec.structs.replace(taken, reference="vault:export:77"),
            msgspec.structs.replace(taken, reference="capture"),
        ),
    )
    case: Case = w.told(w.claimed(), made)
    plane = Plane()
    plane.apply(made, case)
    return plane


NAMED: list[tuple[str, Operation]] = [
    ("by its ARN", w.operation("dynamodb:DeleteBackup", BackupArn=ARN)),
    ("by the end of it", w.operation("dynamodb:DeleteBackup", BackupArn="01-abc")),
    ("by another partition's ARN", w.operation("x:Delete", Arn="arn:aws-cn:x:r:1:backup/01-abc")),
    ("in a list", w.operation("ec2:DeleteTags", Effect.TAG, Resources=["i-1", DISK])),
    ("deep inside", w.operation("ec2:RegisterImage", Effect.CREATE, A=[{"Ebs": {"SnapshotId": DISK}}])),
    ("given away", w.operation("ec2:ModifyImageAttribute", Effect.PERMISSION, ImageId=IMAGE)),
    (
        "as a resource",
        msgspec.structs.replace(w.operation(), resources=(msgspec.structs.replace(w.TABLE, id=IMAGE),)),
    ),
]


@pytest.mark.parametrize("operation", [row[1] for row in NAMED], ids=[row[0] for row in NAMED])
def test_who_names_undo_material_goes_no_further(operation: Operation) -> None:
    """Whatever the call would do to it, however it is named, in the plane and in one that came back from its snapshot."""
    for plane in (_plane(), from_snapshot(snapshot(_plane()))):
        route = plane.route(w.change(operation), at_ms=100)
        assert isinstance(route, Refuse)
        assert route.code == "undo-material"
        assert route.reason.endswith("is the backup that C-1 is given back from")


FAR = VaultAccount(
    "222222222222",
    "eu-west-1",
    "arn:aws:iam::222222222222:role/keyturn-vault",
    "keyturn-far",
    "arn:aws:kms:eu-west-1:222222222222:key/0a1b-2c3d",
)

TOUCHES: list[tuple[str, Operation]] = [
    ("its bucket", w.operation("s3:PutObject", Effect.UPDATE, Bucket="keyturn-far", Key="x")),
    ("a copy from it", w.operation("s3:CopyObject", Effect.UPDATE, CopySource="keyturn-far/x")),
    (
        "its bucket's ARN",
        w.operation("s3:PutBucketReplication", Bucket="mine", To="arn:aws:s3:::keyturn-far"),
    ),
    ("its role", w.operation("sts:AssumeRole", Effect.SECRET, RoleArn=FAR.role)),
    ("its role in a policy", w.operation("iam:PutRolePolicy", PolicyDocument=f'{{"Resource":"{FAR.role}"}}')),
    ("its key by its id", w.operation("kms:ScheduleKeyDeletion", KeyId="0a1b-2c3d")),
    ("its number in a list", w.operation("ec2:ModifySnapshotAttribute", UserIds=["222222222222"])),
    ("another bucket of it", w.operation("x:Do", Arn="arn:aws:dynamodb:eu-west-1:222222222222:table/x")),
]


@pytest.mark.parametrize("operation", [row[1] for row in TOUCHES], ids=[row[0] for row in TOUCHES])
def test_who_names_the_vault_account_goes_no_further(operation: Operation) -> None:
    """In whatever place of a call; where there is no such account it is a case like any other."""
    found = Plane().route(w.change(operation), at_ms=30, vault=FAR)
    assert isinstance(found, Refuse)
    assert found.code == "vault-account"
    assert isinstance(Plane().route(w.change(operation), at_ms=30), New)


@pytest.mark.parametrize("text", ["keyturn-far2", "my-keyturn-farm", "2222222222220", "0a1b-2c3de"])
def test_what_only_begins_like_it_is_something_else(text: str) -> None:
    """A name is one word: no customer's number is taken for an account."""
    assert isinstance(Plane().route(w.change(w.operation("x:Do", Name=text)), at_ms=30, vault=FAR), New)


def test_one_of_several_operations_is_enough() -> None:
    """The chain is what its worst member is."""
    change = w.change(w.operation(), w.operation("ec2:DeleteSnapshot", SnapshotId=DISK))
    assert isinstance(_plane().route(change, at_ms=100), Refuse)


LEFT_ALONE: list[tuple[str, Operation]] = [
    ("a neighbour", w.operation("ec2:DeleteSnapshot", SnapshotId="snap-0c")),
    ("a name that begins alike", w.operation("ec2:DeleteSnapshot", SnapshotId=f"{DISK}d")),
    ("the word for no copy", w.operation("x:Delete", Name="capture")),
    ("the table itself", w.operation("dynamodb:UpdateTable", Effect.UPDATE)),
]


@pytest.mark.parametrize("operation", [row[1] for row in LEFT_ALONE], ids=[row[0] for row in LEFT_ALONE])
def test_what_is_no_undo_material_is_a_case_like_any_other(operation: Operation) -> None:
    """Nothing is refused for looking like it."""
    change = w.change(operation, principal=msgspec.structs.replace(w.KIRO, session="S-2"))
    assert _plane().route(change, at_ms=100) == New()


def test_the_planes_own_undo_reads_from_it() -> None:
    """An undo is asked for by a person and names what it gives back from."""
    change = w.change(
        w.operation("dynamodb:RestoreTableFromBackup", Effect.CREATE, BackupArn=ARN), undoes="C-1"
    )
    assert _plane().route(change, at_ms=100) == New()


def test_what_lies_in_the_vault_has_no_name_in_the_account() -> None:
    """No call could reach it, so there is nothing to look for."""
    assert names_of(msgspec.structs.replace(w.backup(), reference="vault:export:77")) == frozenset()
