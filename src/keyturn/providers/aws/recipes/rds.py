"""RDS instances and Aurora clusters.

A restore makes another instance, with default groups and settings unless it is told others, and the same master password, which is in
the snapshot and is never read here (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBInstanceFromDBSnapshot.html).
Instances of an Aurora cluster hold no data: it is the cluster's
(https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBClusterFromSnapshot.html).
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.model.assessment import Dependent
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Backup
from keyturn.providers.aws.recipes.base import Leaves, Narrow, State, Step
from keyturn.providers.aws.recipes.common import do
from keyturn.providers.aws.recipes.filling import ARN, ID, Item
from keyturn.providers.aws.recipes.snapshots import Copying, Snapshotted
from keyturn.providers.aws.recipes.tables import Change, Make, Read, Tags

RDS_TAGS: Final = Tags("rds:AddTagsToResource", "rds:RemoveTagsFromResource", {"ResourceName": ARN})

_INSTANCE: Final = {"DBInstanceIdentifier": ID}
_GIB_S: Final = 3
"""Seconds a GiB, for the figure that reviewers are told: blocks come from the snapshot as they are first read."""

_BASE_GP3: Final = (3_000, 125)
"""What every gp3 volume has. Of a small one no other number is taken, nor may this one be said
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html).
"""

FLAGS: Final = frozenset({"ApplyImmediately", "AllowMajorVersionUpgrade", "CertificateRotationRestart"})
"""Parameters that say how, and set nothing."""

RESTARTS: Final = {
    "DBInstanceClass": "it restarts (or fails over)",
    "EngineVersion": "it restarts in the new version, and cannot go back",
    "Port": "it restarts at once, whatever ApplyImmediately says, and clients have to be told",
    "DBSubnetGroupName": "it moves into another network and restarts",
    "StorageType": "it may restart, and is slow while its storage is converted",
    "OptionGroupName": "it may restart, as the option says",
    "DBParameterGroupName": "static parameters wait for a restart that somebody has to ask for",
    "DBClusterParameterGroupName": "static parameters wait for a restart that somebody has to ask for",
    "CACertificateIdentifier": "some engines restart for it",
}
"""What an update of a property costs (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ModifyInstance.Settings.html)."""


def _same(names: str) -> dict[str, str]:
    """Parameters that are called as the field is."""
    return {name: name for name in names.split()}


BOTH: Final = {
    **_same(
        "BackupRetentionPeriod PreferredBackupWindow PreferredMaintenanceWindow DeletionProtection CopyTagsToSnapshot StorageType "
        "Iops VpcSecurityGroupIds NetworkType"
    ),
    "EnableIAMDatabaseAuthentication": "IAMDatabaseAuthenticationEnabled",
}
"""What updates of instances and of clusters set."""

_SET: Final = {
    **BOTH,
    **_same(
        "DBInstanceClass AllocatedStorage StorageThroughput MaxAllocatedStorage EngineVersion LicenseModel MultiAZ "
        "PubliclyAccessible AutoMinorVersionUpgrade CACertificateIdentifier MonitoringInterval MonitoringRoleArn PromotionTier "
        "DBSubnetGroupName DBParameterGroupName OptionGroupName DedicatedLogVolume PerformanceInsightsKMSKeyId "
        "PerformanceInsightsRetentionPeriod"
    ),
    "EnablePerformanceInsights": "PerformanceInsightsEnabled",
    "DBPortNumber": "Port",
}
"""What ModifyDBInstance sets, and the field it is in a capture."""

_AT_RESTORE: Final = {
    **_same(
        "DBInstanceClass Port AvailabilityZone DBSubnetGroupName MultiAZ PubliclyAccessible AutoMinorVersionUpgrade Iops "
        "StorageThroughput StorageType OptionGroupName VpcSecurityGroupIds CopyTagsToSnapshot DBParameterGroupName "
        "DeletionProtection NetworkType CACertificateIdentifier DedicatedLogVolume"
    ),
    "EnableIAMDatabaseAuthentication": "IAMDatabaseAuthenticationEnabled",
    "EnableCloudwatchLogsExports": "EnabledCloudwatchLogsExports",
    "ManageMasterUserPassword": "managed_password",
}

_AFTER: Final = {
    name: _SET[name]
    for name in [
        "BackupRetentionPeriod",
        "PreferredBackupWindow",
        "PreferredMaintenanceWindow",
        "MaxAllocatedStorage",
        "MonitoringInterval",
        "MonitoringRoleArn",
        "EnablePerformanceInsights",
        "PerformanceInsightsKMSKeyId",
        "PerformanceInsightsRetentionPeriod",
    ]
}
"""What the restore does not take (or not everywhere), and ModifyDBInstance does."""

_AT_CREATION: Final = {
    **{name: field for name, field in _SET.items() if name != "DBPortNumber"},
    **_same(
        "Port AvailabilityZone Engine DBName MasterUsername StorageEncrypted KmsKeyId DBClusterIdentifier"
    ),
    "EnableCloudwatchLogsExports": "EnabledCloudwatchLogsExports",
}

_OF_MEMBERS: Final = frozenset(
    [
        "DBInstanceClass",
        "Engine",
        "EngineVersion",
        "DBClusterIdentifier",
        "DBParameterGroupName",
        "AvailabilityZone",
        "PubliclyAccessible",
        "AutoMinorVersionUpgrade",
        "PromotionTier",
        "CopyTagsToSnapshot",
        "CACertificateIdentifier",
        "MonitoringInterval",
        "MonitoringRoleArn",
        "EnablePerformanceInsights",
        "PerformanceInsightsKMSKeyId",
        "PerformanceInsightsRetentionPeriod",
        "PreferredMaintenanceWindow",
    ]
)
"""Of an instance in an Aurora cluster; what else there is, is the cluster's (API_CreateDBInstance)."""

_ALIKE: Final = ("docdb", "neptune")
"""Services whose instances and clusters are named and called as RDS's are."""


class Alike(Snapshotted):
    """What is asked of DocumentDB and Neptune by the same calls under their own names."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.creates, cls.deletes, cls.updates = (
            names | {f"{service}:{name.partition(':')[2]}" for name in names for service in _ALIKE}
            for names in (cls.creates, cls.deletes, cls.updates)
        )

    def wanted(self, operation: str, parameters: dict[str, Any]) -> State | None:
        return super().wanted(by_rds(operation), parameters)

    def desired(self, operation: str, parameters: dict[str, Any]) -> State | None:
        return super().desired(by_rds(operation), parameters)

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        return self.taken_back(by_rds(operation), parameters, ref, state)

    def taken_back(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        """`inverse`, with the operation by its name in RDS."""
        return super().inverse(operation, parameters, ref, state)


def by_rds(operation: str) -> str:
    service, _, action = operation.partition(":")
    return f"rds:{action}" if service in _ALIKE else operation


class Instance(Alike):
    """What an instance is made of, its groups, windows, exports, roles and tags; its data by snapshot, never its password."""

    kind: ClassVar[str] = "rds:db"
    gib: ClassVar[str] = "AllocatedStorage"
    title: ClassVar[str] = "RDS instance"
    waits: ClassVar[tuple[str, ...]] = ("aws rds wait db-instance-available --db-instance-identifier {id}",)
    fields: ClassVar[tuple[str, ...]] = (
        *dict.fromkeys(_SET.values()), "EnabledCloudwatchLogsExports", "managed_password", "Engine", "DBName", "MasterUsername",
        "StorageEncrypted", "KmsKeyId", "DBClusterIdentifier", "AvailabilityZone", "AssociatedRoles", "stopped", "tags",
    )  # fmt: skip
    deletes: ClassVar[frozenset[str]] = frozenset({"rds:DeleteDBInstance"})
    calls: ClassVar[tuple[str, ...]] = (
        "rds:RebootDBInstance", "rds:PromoteReadReplica", "rds:AddRoleToDBInstance", "rds:RemoveRoleFromDBInstance",
    )  # fmt: skip
    sets: ClassVar[frozenset[str]] = frozenset(
        {"VpcSecurityGroupIds", "EnabledCloudwatchLogsExports", "AssociatedRoles"}
    )
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "rds:DescribeDBInstances",
            _INSTANCE,
            {"status": "DBInstanceStatus", "arn": "DBInstanceArn", "tags": "TagList"},
            absent=("DBInstanceNotFound",),
            one_of="DBInstances",
            every=True,
        ),
    )
    make: ClassVar[Make] = Make("rds:CreateDBInstance", _INSTANCE, _AT_CREATION)
    makes_tags: ClassVar[str] = "Tags"
    back: ClassVar[Make] = Make("rds:RestoreDBInstanceFromDBSnapshot", _INSTANCE, _AT_RESTORE)
    back_from: ClassVar[str] = "DBSnapshotIdentifier"
    then: ClassVar[tuple[Make, ...]] = (
        Make("rds:ModifyDBInstance", {**_INSTANCE, "ApplyImmediately": True}, _AFTER),
        Make(
            "rds:AddRoleToDBInstance",
            {**_INSTANCE, "RoleArn": Item("RoleArn"), "FeatureName": Item("FeatureName")},
            each="AssociatedRoles",
        ),
        Make("rds:StopDBInstance", _INSTANCE, when="stopped"),
    )
    changes: ClassVar[tuple[Change, ...]] = (
        Change("rds:ModifyDBInstance", {**_INSTANCE, "ApplyImmediately": True}, _SET),
        Change("rds:StopDBInstance", _INSTANCE, to={"stopped": True}),
        Change("rds:StartDBInstance", _INSTANCE, to={"stopped": False}),
    )
    tagged: ClassVar[Tags] = RDS_TAGS
    copying: ClassVar[Copying] = Copying(
        take="rds:CreateDBSnapshot",
        of="DBInstanceIdentifier",
        name="DBSnapshotIdentifier",
        read="rds:DescribeDBSnapshots",
        listed="DBSnapshots",
        same=("AllocatedStorage", "AllocatedStorage"),
    )
    ready: ClassVar[frozenset[str]] = frozenset({"available", "stopped", "storage-optimization"})
    loss: ClassVar[tuple[str, ...]] = (
        "what was written after the snapshot",
        "its resource id (dbi-… or db-…), and the secret of a password that the service manages; its address stays with its name",
        "its automated backups, unless the delete says to keep them, and with them every point in time",
        "replication: a read replica comes back as an instance of its own, and replicas of it are on their own",
        "the history of Performance Insights and of its logs; its place in proxies",
    )

    def tidy(self, ref: ResourceRef, state: State) -> State:
        pending = state.get("PendingModifiedValues") or {}
        groups = state.get("VpcSecurityGroups") or []
        made = {
            **state,
            "Port": (state.get("Endpoint") or {}).get("Port") or state.get("DbInstancePort") or None,
            "DBSubnetGroupName": (state.get("DBSubnetGroup") or {}).get("DBSubnetGroupName"),
            "DBParameterGroupName": _first(state.get("DBParameterGroups"), "DBParameterGroupName"),
            "OptionGroupName": _first(state.get("OptionGroupMemberships"), "OptionGroupName"),
            "VpcSecurityGroupIds": [one.get("VpcSecurityGroupId") for one in groups],
            "AssociatedRoles": roles_of(state),
            "managed_password": True if state.get("MasterUserSecret") else None,
            "stopped": state.get("status") in {"stopped", "stopping"},
            "pending": sorted(pending),
        }
        # what is asked for and waits for its window is what is declared; a password that waits is never looked at
        made |= {name: value for name, value in pending.items() if name in self.fields}
        if made.get("MultiAZ"):
            made["AvailabilityZone"] = None  # the service chooses it, and moves it when it fails over
        return made

    def edges(self, ref: ResourceRef, state: State) -> tuple[Dependent, ...]:
        replicas = state.get("ReadReplicaDBInstanceIdentifiers") or []
        return tuple(
            Dependent(
                msgspec.structs.replace(ref, id=str(one).rpartition(":")[2]), "replicates its data from", ref
            )
            for one in replicas
        )

    def at_risk(self, state: State) -> str:
        if _member(state):
            return ""
        return f"a database of up to {state.get('AllocatedStorage')} GiB ({state.get('Engine')})"

    def recover_of(self, state: State | None) -> int:
        return self.recover_s + _GIB_S * int((state or {}).get("AllocatedStorage") or 0)

    # --- changing in place -------------------------------------------------------------------------------------------

    def taken_back(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        match operation:
            case "rds:ModifyDBInstance":
                return self._modified_back(parameters, ref, state)
            case "rds:StopDBInstance" | "rds:StartDBInstance":
                stops = operation == "rds:StopDBInstance"
                if state["stopped"] is stops:
                    return ()
                back = "rds:StartDBInstance" if stops else "rds:StopDBInstance"
                return (Step(back, {"DBInstanceIdentifier": ref.id}),)
            case "rds:AddRoleToDBInstance" | "rds:RemoveRoleFromDBInstance":
                return role_back(operation, "DBInstance", parameters, ref, state)
            case "rds:CreateDBInstance":
                return ()  # it is refused where one stands: no put
        return super().taken_back(operation, parameters, ref, state)

    def _modified_back(self, parameters: dict[str, Any], ref: ResourceRef, state: State) -> tuple[Step, ...]:
        known = {*_SET, *FLAGS, *_INSTANCE, "NewDBInstanceIdentifier", "CloudwatchLogsExportConfiguration"}
        grown = parameters.get("AllocatedStorage") not in (None, state.get("AllocatedStorage"))
        newer = parameters.get("EngineVersion") not in (None, state.get("EngineVersion"))
        if not set(parameters) <= known or grown or newer:
            return ()  # a password that nobody read, a disk that cannot shrink, a version that cannot go back
        fields = {name: value for name, value in parameters.items() if name in _SET}
        back = super().taken_back("rds:ModifyDBInstance", fields, ref, state) if fields else ()
        logs = log_exports_back(parameters, state)
        new = parameters.get("NewDBInstanceIdentifier")
        if (fields and not back) or logs is None:
            return ()
        given = {**(back[0].parameters if back else {}), **logs}
        if new and new != ref.id:
            given["NewDBInstanceIdentifier"] = ref.id
        if not given:
            return ()
        given |= {"DBInstanceIdentifier": new or ref.id, "ApplyImmediately": True}
        return (Step("rds:ModifyDBInstance", given),)

    def leaves(self, operation: str, parameters: dict[str, Any], ref: ResourceRef) -> Leaves:
        if parameters.get("NewDBInstanceIdentifier") not in (None, "", ref.id):
            return Leaves.EITHER  # it goes on under another name
        return super().leaves(operation, parameters, ref)

    def narrow(self, ref: ResourceRef, state: State, desired: State) -> Narrow | None:
        return priced(super().narrow(ref, state, desired), "rds:ModifyDBInstance")

    # --- backup and restore ------------------------------------------------------------------------------------------

    def backup(self, ref: ResourceRef, state: State, *, case_id: str, at_ms: int) -> Inquiry[Backup]:
        """Of an instance in a cluster: what it is; the data is the cluster's, and stays."""
        if not _member(state):
            return (yield from super().backup(ref, state, case_id=case_id, at_ms=at_ms))
        return (
            yield from self.read_twice(
                ref,
                state,
                at_ms=at_ms,
                made_by="CreateDBInstance makes it again in its cluster, which has the data",
                restores_to=f"{self.title} {ref.id}, in cluster {state['DBClusterIdentifier']}",
            )
        )

    def final(self, parameters: dict[str, Any]) -> str:
        skipped = parameters.get("SkipFinalSnapshot")
        return "" if skipped else str(parameters.get("FinalDBSnapshotIdentifier") or "")

    def restore_plan(self, ref: ResourceRef, state: State, backup: Backup | None) -> tuple[Step, ...]:
        if not _member(state):
            return super().restore_plan(ref, state, backup)
        sets = {name: field for name, field in _AT_CREATION.items() if name in _OF_MEMBERS}
        made = self._make(Make("rds:CreateDBInstance", _INSTANCE, sets), ref, without_defaults(state))
        if state.get("tags"):
            made.parameters["Tags"] = self._tag_list(state["tags"])
        return (
            made,
            *(step for step in self._afterwards(ref, state) if step.operation == "rds:AddRoleToDBInstance"),
        )

    def askable(self, state: State) -> State:
        return speedless(without_defaults(state))

    def restore(self, ref: ResourceRef, state: State, backup: Backup | None) -> Inquiry[tuple[str, ...]]:
        if backup is None and _member(state):
            for step in self.restore_plan(ref, state, None):
                yield from do(ref, step.operation, step.parameters)
                yield from self.steady(ref)
            return tuple((yield from self._compared(ref, state)))
        return (yield from super().restore(ref, state, backup))


# --- what both share -------------------------------------------------------------------------------------------------


def _first(listed: list[dict[str, Any]] | None, member: str) -> Any:
    return listed[0].get(member) if listed else None


def _member(state: State) -> bool:
    return bool(state.get("DBClusterIdentifier"))


def roles_of(state: State) -> list[dict[str, Any]]:
    return [
        {name: one[name] for name in ("RoleArn", "FeatureName") if one.get(name)}
        for one in state.get("AssociatedRoles") or []
    ]


def without_defaults(state: State) -> State:
    """Without the groups that the service gives by itself, which not every call lets one name."""
    names = ("DBParameterGroupName", "OptionGroupName", "DBClusterParameterGroup")
    return {
        field: None if field in names and str(value).startswith(("default.", "default:")) else value
        for field, value in state.items()
    }


def speedless(state: State) -> State:
    """Without the speed that every gp3 volume has."""
    if (
        state.get("StorageType") != "gp3"
        or (state.get("Iops"), state.get("StorageThroughput") or 125) != _BASE_GP3
    ):
        return state
    return {**state, "Iops": None, "StorageThroughput": None}


def log_exports_back(parameters: dict[str, Any], state: State) -> dict[str, Any] | None:
    """The reverse of a change of exported logs; {} where none is asked for, None where nothing would be changed."""
    asked = parameters.get("CloudwatchLogsExportConfiguration")
    if asked is None:
        return {}
    had = state.get("EnabledCloudwatchLogsExports") or []
    on = [one for one in asked.get("DisableLogTypes") or [] if one in had]
    off = [one for one in asked.get("EnableLogTypes") or [] if one not in had]
    back = {name: types for name, types in (("EnableLogTypes", on), ("DisableLogTypes", off)) if types}
    return {"CloudwatchLogsExportConfiguration": back} if back else None


def role_back(
    operation: str, noun: str, parameters: dict[str, Any], ref: ResourceRef, state: State
) -> tuple[Step, ...]:
    """Takes a role off again, or gives it again, as it stood."""
    had = any(one.get("RoleArn") == parameters.get("RoleArn") for one in state.get("AssociatedRoles") or [])
    adds = operation.startswith("rds:Add")
    if had is adds:
        return ()
    given = {name: parameters[name] for name in ("RoleArn", "FeatureName") if parameters.get(name)}
    back = f"rds:RemoveRoleFrom{noun}" if adds else f"rds:AddRoleTo{noun}"
    return (Step(back, {f"{noun}Identifier": ref.id, **given}),)


def priced(found: Narrow | None, operation: str) -> Narrow | None:
    """The patch with what it costs: what restarts waits for the maintenance window; everything else is applied at once."""
    if found is None:
        return None
    costs = tuple(f"{field}: {RESTARTS[field]}" for field, _, _ in found.changed if field in RESTARTS)
    one_way = tuple(
        field
        for field, before, after in found.changed
        if (field == "AllocatedStorage" and int(after) < int(before or 0))
        or (field == "EngineVersion" and _version(after) < _version(before))
    )
    steps = tuple(
        msgspec.structs.replace(step, parameters={**step.parameters, "ApplyImmediately": not costs})
        if step.operation == operation
        else step
        for step in found.steps
    )
    return Narrow(
        steps,
        found.changed,
        (*found.immutable, *one_way),
        (*found.unknown, "MasterUserPassword, which is never read"),
        costs,
    )


def _version(text: Any) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", str(text or "")))
