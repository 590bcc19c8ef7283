"""Redshift clusters: warehouses whose data comes back from a snapshot, under the same name and address.

A restore has the network, groups and settings it is told, and the snapshot's master password
(https://docs.aws.amazon.com/redshift/latest/APIReference/API_RestoreFromClusterSnapshot.html). A snapshot is kept until it is deleted,
unless a retention is given (https://docs.aws.amazon.com/redshift/latest/APIReference/API_CreateClusterSnapshot.html).
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from keyturn.core.ports import Inquiry
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Backup
from keyturn.providers.aws.recipes.base import Leaves, Narrow, State, Step
from keyturn.providers.aws.recipes.common import do
from keyturn.providers.aws.recipes.filling import ARN, ID, fill
from keyturn.providers.aws.recipes.snapshots import Copying, Snapshotted
from keyturn.providers.aws.recipes.tables import Change, Make, Read, Tags

_CLUSTER: Final = {"ClusterIdentifier": ID}


def _same(names: str) -> dict[str, str]:
    return {name: name for name in names.split()}


_SET: Final = _same(
    "NodeType NumberOfNodes VpcSecurityGroupIds ClusterParameterGroupName AutomatedSnapshotRetentionPeriod "
    "ManualSnapshotRetentionPeriod PreferredMaintenanceWindow AllowVersionUpgrade PubliclyAccessible EnhancedVpcRouting "
    "MaintenanceTrackName Encrypted KmsKeyId Port IpAddressType MultiAZ"
)
"""What ModifyCluster sets."""

_SIZE: Final = frozenset({"NodeType", "NumberOfNodes", "ClusterType"})

_AT_RESTORE: Final = {
    **{name: field for name, field in _SET.items() if name != "Encrypted"},
    **_same("ClusterSubnetGroupName AvailabilityZone IamRoles DefaultIamRoleArn SnapshotScheduleIdentifier"),
    "ManageMasterPassword": "managed_password",
}
_AT_CREATION: Final = {
    **_SET,
    **_same("DBName MasterUsername ClusterType ClusterSubnetGroupName AvailabilityZone IamRoles DefaultIamRoleArn"),
}  # fmt: skip

_COSTS: Final = {
    "NodeType": "it resizes: reads only, or no connections, for minutes to hours",
    "NumberOfNodes": "it resizes: reads only, or no connections, for minutes to hours",
    "Port": "it restarts at once, and clients have to be told",
    "Encrypted": "its data is moved to another cluster: reads only, for hours",
    "KmsKeyId": "its data is moved to another cluster: reads only, for hours",
    "EnhancedVpcRouting": "it restarts at once",
    "ClusterParameterGroupName": "static parameters wait for a restart that somebody has to ask for",
}
"""What an update of a property costs (https://docs.aws.amazon.com/redshift/latest/APIReference/API_ModifyCluster.html)."""


class Cluster(Snapshotted):
    """A provisioned cluster: nodes, groups, windows, roles and tags; its data by snapshot, never its password."""

    kind: ClassVar[str] = "redshift:cluster"
    title: ClassVar[str] = "Redshift cluster"
    waits: ClassVar[tuple[str, ...]] = ("aws redshift wait cluster-restored --cluster-identifier {id}",)
    fields: ClassVar[tuple[str, ...]] = (
        *_SET, "DBName", "MasterUsername", "ClusterSubnetGroupName", "AvailabilityZone", "IamRoles", "DefaultIamRoleArn",
        "SnapshotScheduleIdentifier", "managed_password", "paused", "tags",
    )  # fmt: skip
    deletes: ClassVar[frozenset[str]] = frozenset({"redshift:DeleteCluster"})
    calls: ClassVar[tuple[str, ...]] = (
        "redshift:RebootCluster", "redshift:ResizeCluster", "redshift:ModifyClusterIamRoles", "redshift:RotateEncryptionKey",
        "redshift:FailoverPrimaryCompute",
    )  # fmt: skip
    sets: ClassVar[frozenset[str]] = frozenset({"VpcSecurityGroupIds", "IamRoles"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "redshift:DescribeClusters",
            _CLUSTER,
            {"status": "ClusterStatus", "tags": "Tags"},
            absent=("ClusterNotFound",),
            one_of="Clusters",
            every=True,
        ),
    )
    make: ClassVar[Make] = Make("redshift:CreateCluster", _CLUSTER, _AT_CREATION)
    makes_tags: ClassVar[str] = "Tags"
    back: ClassVar[Make] = Make(
        "redshift:RestoreFromClusterSnapshot", {**_CLUSTER, "SnapshotClusterIdentifier": ID}, _AT_RESTORE
    )
    back_from: ClassVar[str] = "SnapshotIdentifier"
    back_tags: ClassVar[str] = ""  # the restore takes none
    then: ClassVar[tuple[Make, ...]] = (Make("redshift:PauseCluster", _CLUSTER, when="paused"),)
    changes: ClassVar[tuple[Change, ...]] = (
        Change("redshift:ModifyCluster", _CLUSTER, _SET),
        Change("redshift:PauseCluster", _CLUSTER, to={"paused": True}),
        Change("redshift:ResumeCluster", _CLUSTER, to={"paused": False}),
    )
    tagged: ClassVar[Tags] = Tags("redshift:CreateTags", "redshift:DeleteTags", {"ResourceName": ARN})
    copying: ClassVar[Copying] = Copying(
        take="redshift:CreateClusterSnapshot",
        of="ClusterIdentifier",
        name="SnapshotIdentifier",
        read="redshift:DescribeClusterSnapshots",
        listed="Snapshots",
        same=("NodeType", "NodeType"),
    )
    ready: ClassVar[frozenset[str]] = frozenset({"available", "paused"})
    failed: ClassVar[frozenset[str]] = frozenset(
        {"hardware-failure", "incompatible-hsm", "incompatible-network", "incompatible-restore"}
    )
    proved_on: ClassVar[str] = "stand-in only (which does not know ModifyClusterIamRoles), never run on AWS"
    loss: ClassVar[tuple[str, ...]] = (
        "what was written after the snapshot, and queries that ran",
        "its namespace id, by which data shares name it, and the secret of a managed password; its address stays with its name",
        "its automated snapshots; manual ones stay",
        "audit logging, usage limits, copies to another Region, endpoints in other networks, integrations: they are not captured",
    )

    def tidy(self, ref: ResourceRef, state: State) -> State:
        groups = state.get("VpcSecurityGroups") or []
        parameters = state.get("ClusterParameterGroups") or []
        several = state.get("MultiAZ")
        return {
            **state,
            "VpcSecurityGroupIds": [one.get("VpcSecurityGroupId") for one in groups],
            "ClusterParameterGroupName": parameters[0].get("ParameterGroupName") if parameters else None,
            "IamRoles": [one.get("IamRoleArn") for one in state.get("IamRoles") or []],
            "Port": (state.get("Endpoint") or {}).get("Port"),
            # told as a word, given as a truth value
            "MultiAZ": str(several).lower() in {"enabled", "true"} if several is not None else None,
            "managed_password": True if state.get("MasterPasswordSecretArn") else None,
            "paused": state.get("status") in {"paused", "pausing"},
        }

    def at_risk(self, state: State) -> str:
        size = state.get("TotalStorageCapacityInMegaBytes")
        room = f" of up to {int(size) // 1024:,} GiB" if size else ""
        return f"a warehouse{room} ({state.get('NumberOfNodes')} nodes of {state.get('NodeType')})"

    # --- changing in place -------------------------------------------------------------------------------------------

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        match operation:
            case "redshift:ModifyCluster":
                return self._modified_back(parameters, ref, state)
            case "redshift:PauseCluster" | "redshift:ResumeCluster":
                pauses = operation == "redshift:PauseCluster"
                if state["paused"] is pauses:
                    return ()
                back = "redshift:ResumeCluster" if pauses else "redshift:PauseCluster"
                return (Step(back, {"ClusterIdentifier": ref.id}),)
            case "redshift:ModifyClusterIamRoles":
                return _roles_back(parameters, ref, state)
            case "redshift:CreateCluster":
                return ()  # it is refused where one stands: no put
        return super().inverse(operation, parameters, ref, state)

    def _modified_back(self, parameters: dict[str, Any], ref: ResourceRef, state: State) -> tuple[Step, ...]:
        if not set(parameters) <= {*_SET, *_CLUSTER, "ClusterType", "NewClusterIdentifier"}:
            return ()  # a password that nobody read, a version that cannot go back, what is not captured
        fields = {name: value for name, value in parameters.items() if name in _SET}
        back = super().inverse("redshift:ModifyCluster", fields, ref, state) if fields else ()
        if fields and not back:
            return ()
        given = dict(back[0].parameters) if back else {}
        if _SIZE & set(parameters):  # a size is given whole
            count = int(state.get("NumberOfNodes") or 1)
            given |= {
                "NodeType": state.get("NodeType"),
                "ClusterType": "multi-node" if count > 1 else "single-node",
            }
            given |= {"NumberOfNodes": count} if count > 1 else {}
        new = parameters.get("NewClusterIdentifier")
        if new and new != ref.id:
            given["NewClusterIdentifier"] = ref.id
        return (
            (Step("redshift:ModifyCluster", given | {"ClusterIdentifier": new or ref.id}),) if given else ()
        )

    def leaves(self, operation: str, parameters: dict[str, Any], ref: ResourceRef) -> Leaves:
        if parameters.get("NewClusterIdentifier") not in (None, "", ref.id):
            return Leaves.EITHER  # it goes on under another name
        return super().leaves(operation, parameters, ref)

    def narrow(self, ref: ResourceRef, state: State, desired: State) -> Narrow | None:
        found = super().narrow(ref, state, desired)
        if found is None:
            return None
        costs = tuple(f"{field}: {_COSTS[field]}" for field, _, _ in found.changed if field in _COSTS)
        unknown = (*found.unknown, "MasterUserPassword, which is never read")
        return Narrow(found.steps, found.changed, found.immutable, unknown, costs)

    # --- restore -----------------------------------------------------------------------------------------------------

    def final(self, parameters: dict[str, Any]) -> str:
        skipped = parameters.get("SkipFinalClusterSnapshot")
        return "" if skipped else str(parameters.get("FinalClusterSnapshotIdentifier") or "")

    def restore_plan(self, ref: ResourceRef, state: State, backup: Backup | None) -> tuple[Step, ...]:
        made, *after = super().restore_plan(ref, state, backup)
        return (made, *self._tag(ref, state, state.get("tags") or {}), *after)

    def _compared(self, ref: ResourceRef, state: State) -> Inquiry[list[str]]:
        """Without the tags by which the snapshot is known, where the cluster has taken them over from it."""
        found = yield from self.capture(ref)
        ours = [key for key in (found.state or {}).get("tags") or {} if key.startswith("keyturn:")]
        if new := [key for key in ours if key not in (state.get("tags") or {})]:
            arn = fill(ARN, ref, found.state or {})
            yield from do(ref, "redshift:DeleteTags", {"ResourceName": arn, "TagKeys": new})
        return (yield from super()._compared(ref, state))

    def askable(self, state: State) -> State:
        named = str(state.get("ClusterParameterGroupName") or "")
        return {**state, "ClusterParameterGroupName": None} if named.startswith("default.") else state


def _roles_back(parameters: dict[str, Any], ref: ResourceRef, state: State) -> tuple[Step, ...]:
    """The roles that were added are taken off, those taken off are added; () where nothing would be changed."""
    if not set(parameters) <= {*_CLUSTER, "AddIamRoles", "RemoveIamRoles"}:
        return ()
    had = state.get("IamRoles") or []
    off = [role for role in parameters.get("AddIamRoles") or [] if role not in had]
    on = [role for role in parameters.get("RemoveIamRoles") or [] if role in had]
    given = {name: roles for name, roles in (("AddIamRoles", on), ("RemoveIamRoles", off)) if roles}
    return (Step("redshift:ModifyClusterIamRoles", {"ClusterIdentifier": ref.id, **given}),) if given else ()
