"""How the services' own copies are shared, copied and read, kind by kind; and which kinds go to no other account, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec


class Copier(msgspec.Struct, frozen=True):
    """How the copies of a kind are shared, copied and read."""

    kind: str  # the resource in ARNs and records: "ec2:snapshot"
    share: str  # operation
    sharing: Callable[[str, str, bool], dict[str, Any]]  # (name, account, add) -> its parameters
    shared: str  # the operation that reads with whom
    shares: Callable[[str], dict[str, Any]]  # name -> its parameters
    with_whom: str  # path in its answer
    copy: str  # operation
    reads: str  # operation
    by: str  # its parameter
    found: str  # path of the entry
    status: str  # path in it
    ready: frozenset[str]
    failed: frozenset[str]
    made: str  # path of the id in the copy's answer; empty: it has the name that it was given
    why: str = ""  # path of what the service says of a failure
    many: bool = False  # `by` takes a list
    size: str = ""  # path of what has to be equal
    encrypted: str = "Encrypted"
    key: str = "KmsKeyId"


def _snapshot_share(name: str, account: str, add: bool) -> dict[str, Any]:  # a column of the table
    way = "add" if add else "remove"
    return {
        "SnapshotId": name,
        "Attribute": "createVolumePermission",
        "OperationType": way,
        "UserIds": [account],
    }


def _image_share(name: str, account: str, add: bool) -> dict[str, Any]:  # the same
    way = "add" if add else "remove"
    return {"ImageId": name, "Attribute": "launchPermission", "OperationType": way, "UserIds": [account]}


def _database_share(parameter: str) -> Callable[[str, str, bool], dict[str, Any]]:
    def share(name: str, account: str, add: bool) -> dict[str, Any]:  # the same
        way = "ValuesToAdd" if add else "ValuesToRemove"
        return {parameter: name, "AttributeName": "restore", way: [account]}

    return share


_DONE, _OVER = frozenset({"completed"}), frozenset({"error"})
_AVAILABLE: Final = frozenset({"available"})

SNAPSHOT: Final = Copier(
    "ec2:snapshot", "ec2:ModifySnapshotAttribute", _snapshot_share, "ec2:DescribeSnapshotAttribute",
    lambda name: {"SnapshotId": name, "Attribute": "createVolumePermission"}, "CreateVolumePermissions",
    "ec2:CopySnapshot", "ec2:DescribeSnapshots", "SnapshotIds", "Snapshots.0", "State", _DONE, _OVER,
    made="SnapshotId", why="StateMessage", many=True, size="VolumeSize",
)  # fmt: skip
IMAGE: Final = Copier(
    "ec2:image", "ec2:ModifyImageAttribute", _image_share, "ec2:DescribeImageAttribute",
    lambda name: {"ImageId": name, "Attribute": "launchPermission"}, "LaunchPermissions",
    "ec2:CopyImage", "ec2:DescribeImages", "ImageIds", "Images.0", "State", _AVAILABLE,
    frozenset({"failed", "error", "invalid"}), made="ImageId", why="StateReason.Message", many=True,
)  # fmt: skip


def _database(noun: str, kind: str, encrypted: str) -> Copier:
    named = f"{noun}Identifier"
    return Copier(
        kind, f"rds:Modify{noun}Attribute", _database_share(named), f"rds:Describe{noun}Attributes", lambda name: {named: name},
        f"{noun}AttributesResult.{noun}Attributes", f"rds:Copy{noun}", f"rds:Describe{noun}s", named, f"{noun}s.0", "Status",
        _AVAILABLE, frozenset({"failed"}), made="", size="AllocatedStorage", encrypted=encrypted,
    )  # fmt: skip


DATABASE: Final = _database("DBSnapshot", "rds:snapshot", "Encrypted")
CLUSTER: Final = _database("DBClusterSnapshot", "rds:cluster-snapshot", "StorageEncrypted")

COPIERS: Final[Mapping[str, Copier]] = {
    "ec2:volume": SNAPSHOT,
    "ec2:snapshot": SNAPSHOT,
    "ec2:instance": IMAGE,
    "rds:db": DATABASE,
    "rds:snapshot": DATABASE,
    "rds:cluster": CLUSTER,
    "rds:cluster-snapshot": CLUSTER,
}
"""By the kind of what the backup is of."""

CANNOT: Final[Mapping[str, str]] = {
    "dynamodb:table": "an on-demand backup of a table stays in its account: DynamoDB shares and copies none",
    "elasticache:cluster": "a snapshot of a cache is shared with no account",
    "elasticache:replicationgroup": "a snapshot of a cache is shared with no account",
    "redshift:cluster": "a snapshot of a warehouse can be shared, and restored by whom it is shared with; it is copied to no other account",
    "ssm:parameter": "the copy of a secure string is a parameter of the same account: nobody but Parameter Store reads its value",
}
"""Kinds whose backups stay in the account, and why. A test holds that every kind that has a backup in the account is here or above."""
