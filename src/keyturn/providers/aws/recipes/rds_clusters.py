"""Aurora and Multi-AZ clusters of RDS, and those of DocumentDB and Neptune: the data is the cluster's, the instances only serve it.

A cluster that comes back from a snapshot has no instances: those that were deleted before it are given back after it, each by its own
case (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBClusterFromSnapshot.html).
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import msgspec

from keyturn.model.assessment import Dependent
from keyturn.model.change import ResourceRef
from keyturn.providers.aws.recipes.base import Narrow, State, Step
from keyturn.providers.aws.recipes.filling import ID, Item
from keyturn.providers.aws.recipes.rds import (
    BOTH,
    FLAGS,
    RDS_TAGS,
    Alike,
    log_exports_back,
    priced,
    role_back,
    roles_of,
    without_defaults,
)
from keyturn.providers.aws.recipes.snapshots import Copying
from keyturn.providers.aws.recipes.tables import Change, Make, Read, Tags

_CLUSTER: Final = {"DBClusterIdentifier": ID}

_SET: Final = {
    **BOTH,
    "Port": "Port",
    "EngineVersion": "EngineVersion",
    "BacktrackWindow": "BacktrackWindow",
    "ServerlessV2ScalingConfiguration": "ServerlessV2ScalingConfiguration",
    "ScalingConfiguration": "ScalingConfiguration",
    "DBClusterInstanceClass": "DBClusterInstanceClass",
    "AllocatedStorage": "AllocatedStorage",
    "DBClusterParameterGroupName": "DBClusterParameterGroup",
    "EnableHttpEndpoint": "HttpEndpointEnabled",
}
"""What ModifyDBCluster sets, and the field it is in a capture."""

_LATER: Final = (
    "BackupRetentionPeriod",
    "PreferredBackupWindow",
    "PreferredMaintenanceWindow",
    "EnableHttpEndpoint",
)
_AFTER: Final = {**{name: _SET[name] for name in _LATER}, "ManageMasterUserPassword": "managed_password"}
"""What the restore does not take (or not everywhere), and ModifyDBCluster does."""

_IDENTITY: Final = {
    "DBSubnetGroupName": "DBSubnetGroup",
    "EnableCloudwatchLogsExports": "EnabledCloudwatchLogsExports",
    "Engine": "Engine",
    "EngineMode": "EngineMode",
    "KmsKeyId": "KmsKeyId",
}
_AT_RESTORE: Final = {
    **{name: field for name, field in _SET.items() if name not in {*_LATER, "AllocatedStorage"}},
    **_IDENTITY,
}
_AT_CREATION: Final = {
    **_SET,
    **_IDENTITY,
    "DatabaseName": "DatabaseName",
    "MasterUsername": "MasterUsername",
    "StorageEncrypted": "StorageEncrypted",
}


class Cluster(Alike):
    """An Aurora (or Multi-AZ) cluster: engine, groups, windows, capacity, exports, roles and tags; its data by snapshot."""

    kind: ClassVar[str] = "rds:cluster"
    title: ClassVar[str] = "RDS cluster"
    waits: ClassVar[tuple[str, ...]] = ("aws rds wait db-cluster-available --db-cluster-identifier {id}",)
    fields: ClassVar[tuple[str, ...]] = (
        *dict.fromkeys(_SET.values()), "EnabledCloudwatchLogsExports", "managed_password", "Engine", "EngineMode", "DatabaseName",
        "MasterUsername", "StorageEncrypted", "KmsKeyId", "DBSubnetGroup", "AssociatedRoles", "stopped", "tags",
    )  # fmt: skip
    deletes: ClassVar[frozenset[str]] = frozenset({"rds:DeleteDBCluster"})
    calls: ClassVar[tuple[str, ...]] = (
        "rds:RebootDBCluster", "rds:FailoverDBCluster", "rds:PromoteReadReplicaDBCluster", "rds:AddRoleToDBCluster",
        "rds:RemoveRoleFromDBCluster",
    )  # fmt: skip
    sets: ClassVar[frozenset[str]] = frozenset(
        {"VpcSecurityGroupIds", "EnabledCloudwatchLogsExports", "AssociatedRoles"}
    )
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "rds:DescribeDBClusters",
            _CLUSTER,
            {"status": "Status", "arn": "DBClusterArn", "tags": "TagList"},
            absent=("DBClusterNotFoundFault",),
            one_of="DBClusters",
            every=True,
        ),
    )
    make: ClassVar[Make] = Make("rds:CreateDBCluster", _CLUSTER, _AT_CREATION)
    makes_tags: ClassVar[str] = "Tags"
    back: ClassVar[Make] = Make("rds:RestoreDBClusterFromSnapshot", _CLUSTER, _AT_RESTORE)
    back_from: ClassVar[str] = "SnapshotIdentifier"
    then: ClassVar[tuple[Make, ...]] = (
        Make("rds:ModifyDBCluster", {**_CLUSTER, "ApplyImmediately": True}, _AFTER),
        Make(
            "rds:AddRoleToDBCluster",
            {**_CLUSTER, "RoleArn": Item("RoleArn"), "FeatureName": Item("FeatureName")},
            each="AssociatedRoles",
        ),
        Make("rds:StopDBCluster", _CLUSTER, when="stopped"),
    )
    changes: ClassVar[tuple[Change, ...]] = (
        Change("rds:ModifyDBCluster", {**_CLUSTER, "ApplyImmediately": True}, _SET),
        Change("rds:StopDBCluster", _CLUSTER, to={"stopped": True}),
        Change("rds:StartDBCluster", _CLUSTER, to={"stopped": False}),
    )
    tagged: ClassVar[Tags] = RDS_TAGS
    copying: ClassVar[Copying] = Copying(
        take="rds:CreateDBClusterSnapshot",
        of="DBClusterIdentifier",
        name="DBClusterSnapshotIdentifier",
        read="rds:DescribeDBClusterSnapshots",
        listed="DBClusterSnapshots",
        same=("Engine", "Engine"),
    )
    ready: ClassVar[frozenset[str]] = frozenset({"available", "stopped"})
    loss: ClassVar[tuple[str, ...]] = (
        "what was written after the snapshot",
        "its resource id (cluster-…), and the secret of a password that the service manages; its addresses stay with its name",
        "its automated backups, unless the delete says to keep them, and with them every point in time and backtrack",
        "its instances, which were deleted before it: each is given back by its own case",
        "custom endpoints, and its place in a global database",
    )

    def tidy(self, ref: ResourceRef, state: State) -> State:
        capacity = state.get("ServerlessV2ScalingConfiguration") or None
        groups = state.get("VpcSecurityGroups") or []
        engine = str(state.get("Engine") or "")
        return {
            **state,
            # an Aurora cluster's storage grows by itself: what it has is no setting
            "AllocatedStorage": None if engine.startswith("aurora") else state.get("AllocatedStorage"),
            "ScalingConfiguration": state.get("ScalingConfigurationInfo") or None,
            "ServerlessV2ScalingConfiguration": capacity,
            "VpcSecurityGroupIds": [one.get("VpcSecurityGroupId") for one in groups],
            "AssociatedRoles": roles_of(state),
            "managed_password": True if state.get("MasterUserSecret") else None,
            "stopped": state.get("status") in {"stopped", "stopping"},
            "members": [one.get("DBInstanceIdentifier") for one in state.get("DBClusterMembers") or []],
        }

    def edges(self, ref: ResourceRef, state: State) -> tuple[Dependent, ...]:
        return tuple(
            Dependent(msgspec.structs.replace(ref, kind="rds:db", id=str(one)), "is an instance of", ref)
            for one in state.get("members") or []
        )

    def at_risk(self, state: State) -> str:
        count = len(state.get("members") or [])
        return f"a cluster with all its data ({state.get('Engine')}, {count} instances)"

    def taken_back(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        match operation:
            case "rds:ModifyDBCluster":
                return self._modified_back(parameters, ref, state)
            case "rds:StopDBCluster" | "rds:StartDBCluster":
                stops = operation == "rds:StopDBCluster"
                if state["stopped"] is stops:
                    return ()
                back = "rds:StartDBCluster" if stops else "rds:StopDBCluster"
                return (Step(back, {"DBClusterIdentifier": ref.id}),)
            case "rds:AddRoleToDBCluster" | "rds:RemoveRoleFromDBCluster":
                return role_back(operation, "DBCluster", parameters, ref, state)
            case "rds:CreateDBCluster":
                return ()
        return super().taken_back(operation, parameters, ref, state)

    def _modified_back(self, parameters: dict[str, Any], ref: ResourceRef, state: State) -> tuple[Step, ...]:
        known = {*_SET, *FLAGS, *_CLUSTER, "CloudwatchLogsExportConfiguration"}
        newer = parameters.get("EngineVersion") not in (None, state.get("EngineVersion"))
        if not set(parameters) <= known or newer:
            return ()
        fields = {name: value for name, value in parameters.items() if name in _SET}
        back = super().taken_back("rds:ModifyDBCluster", fields, ref, state) if fields else ()
        logs = log_exports_back(parameters, state)
        given = {**(back[0].parameters if back else {}), **(logs or {})}
        if (fields and not back) or logs is None or not given:
            return ()
        return (
            Step("rds:ModifyDBCluster", given | {"DBClusterIdentifier": ref.id, "ApplyImmediately": True}),
        )

    def narrow(self, ref: ResourceRef, state: State, desired: State) -> Narrow | None:
        return priced(super().narrow(ref, state, desired), "rds:ModifyDBCluster")

    def final(self, parameters: dict[str, Any]) -> str:
        skipped = parameters.get("SkipFinalSnapshot")
        return "" if skipped else str(parameters.get("FinalDBSnapshotIdentifier") or "")

    def askable(self, state: State) -> State:
        return without_defaults(state)
