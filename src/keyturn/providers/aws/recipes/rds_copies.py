"""Snapshots of RDS instances and clusters: what is in one comes back by a copy of it.

A copy says neither when the original was taken nor that it was shared; the latter is said again
(https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CopyDBSnapshot.html, API_ModifyDBSnapshotAttribute.html).
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from keyturn.model.change import ResourceRef
from keyturn.providers.aws.recipes.base import State, Step
from keyturn.providers.aws.recipes.filling import ID, Field
from keyturn.providers.aws.recipes.rds import RDS_TAGS
from keyturn.providers.aws.recipes.snapshots import Copying, Snapshotted
from keyturn.providers.aws.recipes.tables import Make, Read, Tags

_LOSS: Final = (
    "when it was taken: a copy has a time of its own",
    "its incremental chain, and a setting by which another account had encrypted it",
)
_OF: Final = (
    "Engine", "EngineVersion", "AllocatedStorage", "KmsKeyId", "MasterUsername", "Port", "LicenseModel", "VpcId", "StorageType",
)  # fmt: skip


def _shared(noun: str) -> Read:
    """Whom the snapshot is shared with."""
    return Read(
        f"rds:Describe{noun}Attributes",
        {f"{noun}Identifier": ID},
        {"attributes": f"{noun}AttributesResult.{noun}Attributes"},
    )


class Snapshot(Snapshotted):
    """A snapshot of an instance: of which engine and size, who may restore it, and tags."""

    kind: ClassVar[str] = "rds:snapshot"
    title: ClassVar[str] = "RDS snapshot"
    waits: ClassVar[tuple[str, ...]] = ("aws rds wait db-snapshot-available --db-snapshot-identifier {id}",)
    noun: ClassVar[str] = "DBSnapshot"
    fields: ClassVar[tuple[str, ...]] = (*_OF, "Encrypted", "Iops", "OptionGroupName", "shared", "tags")
    deletes: ClassVar[frozenset[str]] = frozenset({"rds:DeleteDBSnapshot"})
    calls: ClassVar[tuple[str, ...]] = ("rds:ModifyDBSnapshotAttribute",)
    sets: ClassVar[frozenset[str]] = frozenset({"shared"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "rds:DescribeDBSnapshots",
            {"DBSnapshotIdentifier": ID},
            {
                **{name: name for name in fields if name[0].isupper()},
                "of": "DBInstanceIdentifier",
                "status": "Status",
                "arn": "DBSnapshotArn",
                "tags": "TagList",
            },
            absent=("DBSnapshotNotFound", "DBSnapshotNotFoundFault"),
            one_of="DBSnapshots",
        ),
        _shared("DBSnapshot"),
    )
    back: ClassVar[Make] = Make("rds:CopyDBSnapshot", {"TargetDBSnapshotIdentifier": ID})
    back_from: ClassVar[str] = "SourceDBSnapshotIdentifier"
    makes_tags: ClassVar[str] = "Tags"
    then: ClassVar[tuple[Make, ...]] = (
        Make(
            "rds:ModifyDBSnapshotAttribute",
            {"DBSnapshotIdentifier": ID, "AttributeName": "restore", "ValuesToAdd": Field("shared")},
            when="shared",
        ),
    )
    tagged: ClassVar[Tags] = RDS_TAGS
    copying: ClassVar[Copying] = Copying(
        take="rds:CopyDBSnapshot",
        of="SourceDBSnapshotIdentifier",
        name="TargetDBSnapshotIdentifier",
        read="rds:DescribeDBSnapshots",
        read_name="DBSnapshotIdentifier",
        listed="DBSnapshots",
        same=("AllocatedStorage", "AllocatedStorage"),
    )
    loss: ClassVar[tuple[str, ...]] = _LOSS

    def tidy(self, ref: ResourceRef, state: State) -> State:
        shared = [
            value
            for one in state.get("attributes") or []
            if one.get("AttributeName") == "restore"
            for value in one.get("AttributeValues") or []
        ]
        return {name: value for name, value in state.items() if name != "attributes"} | {"shared": shared}

    def at_risk(self, state: State) -> str:
        return f"a snapshot of {state.get('of')}"

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        if operation not in self.calls:
            return super().inverse(operation, parameters, ref, state)
        if parameters.get("AttributeName") != "restore":
            return ()
        had = state["shared"]
        again = [one for one in parameters.get("ValuesToRemove") or [] if one in had]
        off = [one for one in parameters.get("ValuesToAdd") or [] if one not in had]
        back = {name: values for name, values in (("ValuesToAdd", again), ("ValuesToRemove", off)) if values}
        which = {f"{self.noun}Identifier": ref.id, "AttributeName": "restore"}
        return (Step(operation, which | back),) if back else ()


class ClusterSnapshot(Snapshot):
    """The same of a cluster."""

    kind: ClassVar[str] = "rds:cluster-snapshot"
    title: ClassVar[str] = "RDS cluster snapshot"
    waits: ClassVar[tuple[str, ...]] = (
        "aws rds wait db-cluster-snapshot-available --db-cluster-snapshot-identifier {id}",
    )
    noun: ClassVar[str] = "DBClusterSnapshot"
    fields: ClassVar[tuple[str, ...]] = (*_OF, "StorageEncrypted", "shared", "tags")
    deletes: ClassVar[frozenset[str]] = frozenset({"rds:DeleteDBClusterSnapshot"})
    calls: ClassVar[tuple[str, ...]] = ("rds:ModifyDBClusterSnapshotAttribute",)
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "rds:DescribeDBClusterSnapshots",
            {"DBClusterSnapshotIdentifier": ID},
            {
                **{name: name for name in fields if name[0].isupper()},
                "of": "DBClusterIdentifier",
                "status": "Status",
                "arn": "DBClusterSnapshotArn",
                "tags": "TagList",
            },
            absent=("DBClusterSnapshotNotFoundFault",),
            one_of="DBClusterSnapshots",
        ),
        _shared("DBClusterSnapshot"),
    )
    back: ClassVar[Make] = Make("rds:CopyDBClusterSnapshot", {"TargetDBClusterSnapshotIdentifier": ID})
    back_from: ClassVar[str] = "SourceDBClusterSnapshotIdentifier"
    then: ClassVar[tuple[Make, ...]] = (
        Make(
            "rds:ModifyDBClusterSnapshotAttribute",
            {"DBClusterSnapshotIdentifier": ID, "AttributeName": "restore", "ValuesToAdd": Field("shared")},
            when="shared",
        ),
    )
    copying: ClassVar[Copying] = Copying(
        take="rds:CopyDBClusterSnapshot",
        of="SourceDBClusterSnapshotIdentifier",
        name="TargetDBClusterSnapshotIdentifier",
        read="rds:DescribeDBClusterSnapshots",
        read_name="DBClusterSnapshotIdentifier",
        listed="DBClusterSnapshots",
        same=("Engine", "Engine"),
    )
