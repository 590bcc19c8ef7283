"""How a backup that the plane made in the account is removed again: by which call, and how it is read whether it stands.

Only what the plane itself has made goes: what is read before the call has to bear its name or its tag. The call is of the role that
made the backup; whether one that was not answered took effect is read, as with every other step.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from keyturn.core.keeping import is_kept
from keyturn.core.ports import Inquiry
from keyturn.core.retention import removable
from keyturn.errors import UnavailableError
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Backup, Call, Refused, Role, Succeeded
from keyturn.providers.aws.recipes.base import Step, call
from keyturn.providers.aws.recipes.common import POLLS_MAX, do, pause
from keyturn.providers.aws.recipes.filling import at

OURS: Final = ("keyturn-", "/keyturn/backup/")
"""What the names of the plane's own backups begin with."""

CASE_TAG: Final = "keyturn:case"
"""The tag of those that have no name of their own."""

SETTLE_READS: Final = 3
"""Reads before an unanswered removal is said not to have taken effect: it may have been late, not lost."""


class Removal(msgspec.Struct, frozen=True):
    """One kind of thing that backups are, by the calls that remove and read it."""

    removes: str  # operation
    takes: str  # its parameter that names it
    reads: str  # operation
    by: str  # its parameter that names it
    found: str  # path of it in the answer
    absent: tuple[str, ...]  # codes that say it is not there
    mark: str  # path of its name in what was found, or of its tags
    many: bool = False  # `by` takes a list
    status: str = ""  # path of its status in what was found
    gone: frozenset[str] = frozenset({"deleted", "DELETED", "deregistered"})

    def read(self, ref: ResourceRef, name: str, role: Role = Role.READ) -> Call:
        return call(ref, self.reads, {self.by: [name] if self.many else name}, role)


SNAPSHOT: Final = Removal(
    removes="ec2:DeleteSnapshot", takes="SnapshotId", reads="ec2:DescribeSnapshots", by="SnapshotIds", many=True,
    found="Snapshots.0", absent=("InvalidSnapshot.NotFound",), mark="Tags",
)  # fmt: skip
IMAGE: Final = Removal(
    removes="ec2:DeregisterImage", takes="ImageId", reads="ec2:DescribeImages", by="ImageIds", many=True,
    found="Images.0", absent=("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"), mark="Tags", status="State",
)  # fmt: skip
DYNAMODB: Final = Removal(
    removes="dynamodb:DeleteBackup", takes="BackupArn", reads="dynamodb:DescribeBackup", by="BackupArn",
    found="BackupDescription", absent=("BackupNotFoundException",), mark="BackupDetails.BackupName", status="BackupDetails.BackupStatus",
)  # fmt: skip
RDS: Final = Removal(
    removes="rds:DeleteDBSnapshot", takes="DBSnapshotIdentifier", reads="rds:DescribeDBSnapshots", by="DBSnapshotIdentifier",
    found="DBSnapshots.0", absent=("DBSnapshotNotFound", "DBSnapshotNotFoundFault"), mark="DBSnapshotIdentifier",
)  # fmt: skip
RDS_CLUSTER: Final = Removal(
    removes="rds:DeleteDBClusterSnapshot", takes="DBClusterSnapshotIdentifier",
    reads="rds:DescribeDBClusterSnapshots", by="DBClusterSnapshotIdentifier",
    found="DBClusterSnapshots.0", absent=("DBClusterSnapshotNotFoundFault",), mark="DBClusterSnapshotIdentifier",
)  # fmt: skip
ELASTICACHE: Final = Removal(
    removes="elasticache:DeleteSnapshot", takes="SnapshotName", reads="elasticache:DescribeSnapshots", by="SnapshotName",
    found="Snapshots.0", absent=("SnapshotNotFoundFault",), mark="SnapshotName",
)  # fmt: skip
REDSHIFT: Final = Removal(
    removes="redshift:DeleteClusterSnapshot", takes="SnapshotIdentifier", reads="redshift:DescribeClusterSnapshots", by="SnapshotIdentifier",
    found="Snapshots.0", absent=("ClusterSnapshotNotFound", "ClusterSnapshotNotFoundFault"), mark="SnapshotIdentifier",
)  # fmt: skip
PARAMETER: Final = Removal(
    removes="ssm:DeleteParameter", takes="Name", reads="ssm:GetParameter", by="Name",
    found="Parameter", absent=("ParameterNotFound",), mark="Name",
)  # fmt: skip

REMOVALS: Final[dict[str, Removal]] = {
    "dynamodb:table": DYNAMODB,
    "ec2:volume": SNAPSHOT,
    "ec2:snapshot": SNAPSHOT,
    "ec2:instance": IMAGE,
    "rds:db": RDS,
    "rds:snapshot": RDS,
    "rds:cluster": RDS_CLUSTER,
    "rds:cluster-snapshot": RDS_CLUSTER,
    "elasticache:cluster": ELASTICACHE,
    "elasticache:replicationgroup": ELASTICACHE,
    "redshift:cluster": REDSHIFT,
    "ssm:parameter": PARAMETER,
}
"""By the kind of what the backup is of. A test holds that every recipe that makes something in the account has its row."""

_BY_CALL: Final = {
    one.removes: one
    for one in (SNAPSHOT, IMAGE, DYNAMODB, RDS, RDS_CLUSTER, ELASTICACHE, REDSHIFT, PARAMETER)
}


class Piece(msgspec.Struct, frozen=True):
    """One thing that a backup is made of, and where it stands."""

    ref: ResourceRef
    removal: Removal
    name: str
    role: Role  # that removes it

    @property
    def reading(self) -> Role:
        return Role.VAULT_READ if self.role is Role.VAULT else Role.READ


def pieces(backup: Backup) -> tuple[Piece, ...]:
    """What it is made of in the account and in the vault account, in the order in which it goes: an image before its snapshots, which are
    in use by it.

    Nothing for what lies in the vault. Raises `UnavailableError` for a kind of which nobody knows how.
    """
    if not removable(backup) or is_kept(backup.reference):
        return ()
    removal = REMOVALS.get(backup.resource.kind)
    if removal is None:
        raise UnavailableError("no-retire", f"nobody knows how a backup of {backup.resource} is removed")
    named = ((removal, backup.reference), *((SNAPSHOT, name) for name in backup.also))
    found = [Piece(backup.resource, one, name, Role.BACKUP) for one, name in named]
    for copy in backup.vaulted:
        if copy.kind.startswith("s3:"):
            continue
        there = msgspec.structs.replace(backup.resource, account=copy.account, region=copy.region)
        lies = ((removal, copy.reference), *((SNAPSHOT, name) for name in copy.also))
        found += [Piece(there, one, name, Role.VAULT) for one, name in lies]
    return tuple(found)


def steps(backup: Backup) -> tuple[tuple[ResourceRef, Step], ...]:
    """The calls that remove it, as reviewers see them, and in which account and region each is made."""
    return tuple(
        (one.ref, Step(one.removal.removes, {one.removal.takes: one.name})) for one in pieces(backup)
    )


def retire(backup: Backup) -> Inquiry[None]:
    """Remove what the account has of it, piece by piece, and see each gone. Raises `UnavailableError`."""
    for piece in pieces(backup):
        ref, removal, name = piece.ref, piece.removal, piece.name
        found = yield from _found(ref, removal, name, piece.reading)
        if found is None:
            continue
        if not _is_ours(found, removal):
            raise UnavailableError(
                "not-ours",
                f"{name} does not bear the plane's mark: it is not removed",
                help="look who made it",
            )
        yield from do(ref, removal.removes, {removal.takes: name}, piece.role)
        for _ in range(POLLS_MAX):
            if (yield from _found(ref, removal, name, piece.reading)) is None:
                break
            yield ()
        else:
            raise UnavailableError("still-stands", f"{name} was removed and still stands")


def removed(asked: Call) -> Inquiry[bool | None] | None:
    """Whether a removal that was not answered took effect; None where the call is no removal."""
    removal = _BY_CALL.get(asked.operation)
    if removal is None or asked.role not in {Role.BACKUP, Role.VAULT}:
        return None
    return _removed(asked, removal)


def _removed(asked: Call, removal: Removal) -> Inquiry[bool | None]:
    ref = ResourceRef("aws", asked.partition, asked.account, asked.region, "", "")
    for left in range(SETTLE_READS, -1, -1):
        try:
            reading = Role.VAULT_READ if asked.role is Role.VAULT else Role.READ
            found = yield from _found(ref, removal, str(asked.parameters[removal.takes]), reading)
        except UnavailableError:
            return None
        if found is None or not left:
            return found is None
        yield from pause()
    return None


def _found(ref: ResourceRef, removal: Removal, name: str, role: Role) -> Inquiry[dict[str, Any] | None]:
    """What stands of it; None where the service says that it does not. Raises `UnavailableError` where that cannot be read."""
    (answer,) = yield (removal.read(ref, name, role),)
    match answer:
        case Succeeded():
            found = at(answer.value, removal.found)
            over = removal.status and at(found, removal.status) in removal.gone
            return found if found and not over else None
        case Refused() if answer.code in removal.absent:
            return None
        case Refused():
            raise UnavailableError("refused", f"{removal.reads} of {name}: {answer.code}: {answer.message}")
        case _:
            raise UnavailableError("unavailable", f"{removal.reads} of {name}: {answer.why}")


def _is_ours(found: dict[str, Any], removal: Removal) -> bool:
    mark = at(found, removal.mark)
    if isinstance(mark, str):
        return mark.startswith(OURS)
    return any(tag.get("Key") == CASE_TAG for tag in mark or [])
