"""ElastiCache replication groups, and clusters that stand by themselves: Valkey and Redis come back from a snapshot, Memcached empty.

What comes back from a snapshot is seeded with what lay in it
(https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html). AUTH tokens are never read, so that
they do not come back. Memcached has no snapshots (https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateSnapshot.html).
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.model.assessment import Dependent
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Backup
from keyturn.providers.aws.recipes.base import Narrow, State, Step
from keyturn.providers.aws.recipes.filling import ARN, ID, Field
from keyturn.providers.aws.recipes.snapshots import Copying, Snapshotted
from keyturn.providers.aws.recipes.tables import Change, Make, Read, Tags

_GROUP: Final = {"ReplicationGroupId": ID}
_CLUSTER: Final = {"CacheClusterId": ID}
_TAGS: Final = Tags(
    "elasticache:AddTagsToResource", "elasticache:RemoveTagsFromResource", {"ResourceName": ARN}
)
_HOW: Final = frozenset({"ApplyImmediately"})
"""Parameters that say how, and set nothing."""


def _same(names: str) -> dict[str, str]:
    return {name: name for name in names.split()}


_BOTH: Final = {
    **_same(
        "SecurityGroupIds PreferredMaintenanceWindow NotificationTopicArn CacheParameterGroupName Engine EngineVersion "
        "AutoMinorVersionUpgrade SnapshotRetentionLimit SnapshotWindow CacheNodeType LogDeliveryConfigurations IpDiscovery"
    )
}
_SET_GROUP: Final = {
    **_BOTH,
    **_same(
        "AutomaticFailoverEnabled MultiAZEnabled TransitEncryptionEnabled TransitEncryptionMode ClusterMode"
    ),
    "ReplicationGroupDescription": "Description",
}
"""What ModifyReplicationGroup sets, and the field it is in a capture."""

_MAKE_GROUP: Final = {
    **_SET_GROUP,
    **_same(
        "NumCacheClusters NumNodeGroups ReplicasPerNodeGroup CacheSubnetGroupName Port AtRestEncryptionEnabled KmsKeyId "
        "UserGroupIds DataTieringEnabled NetworkType"
    ),
}
_SET_CLUSTER: Final = {**_BOTH, **_same("NumCacheNodes AZMode")}
_MAKE_CLUSTER: Final = {
    **_SET_CLUSTER,
    **_same("PreferredAvailabilityZone CacheSubnetGroupName Port TransitEncryptionEnabled NetworkType"),
}
_OF_MEMBERS: Final = frozenset({"PreferredAvailabilityZone"})
"""What a member of a replication group has of its own; all else is the group's (API_CreateCacheCluster)."""

_COSTS: Final = {
    "CacheNodeType": "its nodes are replaced: connections drop once",
    "EngineVersion": "its nodes are replaced in the new version, and an older one is not gone back to",
    "Engine": "its nodes are replaced by another engine's",
    "CacheParameterGroupName": "some parameters wait for a restart that somebody has to ask for",
    "TransitEncryptionEnabled": "clients have to speak TLS",
    "NumCacheNodes": "what a removed node held is gone",
}


class Cached(Snapshotted):
    """What groups and clusters have in common."""

    ready: ClassVar[frozenset[str]] = frozenset({"available", "snapshotting"})
    failed: ClassVar[frozenset[str]] = frozenset({"create-failed", "restore-failed", "incompatible-network"})
    makes_tags: ClassVar[str] = "Tags"
    back_from: ClassVar[str] = "SnapshotName"
    tagged: ClassVar[Tags] = _TAGS
    sets: ClassVar[frozenset[str]] = frozenset({"SecurityGroupIds", "UserGroupIds"})
    recover_s: ClassVar[int] = 1_200
    modifies: ClassVar[str]
    modified: ClassVar[frozenset[str]]  # parameters of it that are captured

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        if operation in self.creates:
            return ()  # it is refused where one stands: no put
        if operation != self.modifies:
            return super().inverse(operation, parameters, ref, state)
        versions = [name for name in ("Engine", "EngineVersion") if name in parameters]
        newer = any(parameters[name] != state.get(name) for name in versions)
        if newer or not set(parameters) <= self.modified:
            return ()  # a token that nobody read, an engine that is not gone back to, what is not captured
        fields = {name: value for name, value in parameters.items() if name not in {*versions, *_HOW}}
        return super().inverse(operation, fields, ref, state)

    def narrow(self, ref: ResourceRef, state: State, desired: State) -> Narrow | None:
        """What replaces nodes waits for the maintenance window; everything else is applied at once."""
        found = super().narrow(ref, state, desired)
        if found is None:
            return None
        costs = tuple(f"{field}: {_COSTS[field]}" for field, _, _ in found.changed if field in _COSTS)
        steps = tuple(
            msgspec.structs.replace(step, parameters={**step.parameters, "ApplyImmediately": not costs})
            if step.operation == self.modifies
            else step
            for step in found.steps
        )
        return Narrow(
            steps, found.changed, found.immutable, (*found.unknown, "AuthToken, which is never read"), costs
        )

    def final(self, parameters: dict[str, Any]) -> str:
        return str(parameters.get("FinalSnapshotIdentifier") or "")

    def askable(self, state: State) -> State:
        return _askable(state)


class ReplicationGroup(Cached):
    """Nodes, shards and replicas, groups, windows, encryption and tags; what lies in it by snapshot, its AUTH token never."""

    kind: ClassVar[str] = "elasticache:replicationgroup"
    title: ClassVar[str] = "ElastiCache replication group"
    waits: ClassVar[tuple[str, ...]] = (
        "aws elasticache wait replication-group-available --replication-group-id {id}",
    )
    fields: ClassVar[tuple[str, ...]] = (
        *dict.fromkeys(_MAKE_GROUP.values()), "AuthTokenEnabled", "tags",
    )  # fmt: skip
    deletes: ClassVar[frozenset[str]] = frozenset({"elasticache:DeleteReplicationGroup"})
    calls: ClassVar[tuple[str, ...]] = (
        "elasticache:IncreaseReplicaCount", "elasticache:DecreaseReplicaCount", "elasticache:TestFailover",
        "elasticache:ModifyReplicationGroupShardConfiguration",
    )  # fmt: skip
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "elasticache:DescribeReplicationGroups",
            _GROUP,
            {"status": "Status", "arn": "ARN"},
            absent=("ReplicationGroupNotFoundFault",),
            one_of="ReplicationGroups",
            every=True,
        ),
        Read("elasticache:ListTagsForResource", {"ResourceName": ARN}, {"tags": "TagList"}),
        Read(  # the group says of its network, engine and parameters nothing; each of its members does
            "elasticache:DescribeCacheClusters",
            {"CacheClusterId": Field("MemberClusters.0"), "ShowCacheNodeInfo": True},
            {
                "EngineVersion": "EngineVersion",
                "CacheParameterGroupName": "CacheParameterGroup.CacheParameterGroupName",
                "CacheSubnetGroupName": "CacheSubnetGroupName",
                "SecurityGroups": "SecurityGroups",
                "PreferredMaintenanceWindow": "PreferredMaintenanceWindow",
                "NotificationTopicArn": "NotificationConfiguration.TopicArn",
                "CacheNodes": "CacheNodes",
            },
            one_of="CacheClusters",
            when="MemberClusters",
        ),
    )
    make: ClassVar[Make] = Make("elasticache:CreateReplicationGroup", _GROUP, _MAKE_GROUP)
    back: ClassVar[Make] = make
    modifies: ClassVar[str] = "elasticache:ModifyReplicationGroup"
    modified: ClassVar[frozenset[str]] = frozenset({*_SET_GROUP, *_GROUP, *_HOW})
    changes: ClassVar[tuple[Change, ...]] = (
        Change(modifies, {**_GROUP, "ApplyImmediately": True}, _SET_GROUP),
    )
    copying: ClassVar[Copying] = Copying(
        take="elasticache:CreateSnapshot",
        of="ReplicationGroupId",
        name="SnapshotName",
        read="elasticache:DescribeSnapshots",
        listed="Snapshots",
        status="SnapshotStatus",
        same=("CacheNodeType", "CacheNodeType"),
    )
    loss: ClassVar[tuple[str, ...]] = (
        "what was written after the snapshot, and what expired meanwhile",
        "its addresses: what connects to it has to be told the new ones",
        "its AUTH token, which nobody can read: it comes back without one, so that one has to be set at once; user groups come back",
        "how slots were divided, and which zone each of its nodes stood in; its place in a global datastore; its automatic snapshots",
    )

    def tidy(self, ref: ResourceRef, state: State) -> State:
        shards = state.get("NodeGroups") or []
        members = state.get("MemberClusters") or []
        sharded = bool(state.get("ClusterEnabled"))
        replicas = [len(one.get("NodeGroupMembers") or []) - 1 for one in shards]
        nodes = state.get("CacheNodes") or []
        return {
            **state,
            "SecurityGroupIds": [one.get("SecurityGroupId") for one in state.get("SecurityGroups") or []],
            "AutomaticFailoverEnabled": _on(state.get("AutomaticFailover")),
            "MultiAZEnabled": _on(state.get("MultiAZ")),
            "DataTieringEnabled": _on(state.get("DataTiering")),
            "Port": _port(state.get("ConfigurationEndpoint"), *(one.get("PrimaryEndpoint") for one in shards), *(one.get("Endpoint") for one in nodes)),
            "NumCacheClusters": None if sharded else len(members),
            "NumNodeGroups": len(shards) if sharded else None,
            "ReplicasPerNodeGroup": max(replicas, default=0) if sharded else None,
            "LogDeliveryConfigurations": _logs(state),
        }  # fmt: skip

    def edges(self, ref: ResourceRef, state: State) -> tuple[Dependent, ...]:
        return tuple(
            Dependent(msgspec.structs.replace(ref, kind="elasticache:cluster", id=str(one)), "is a node of", ref)
            for one in state.get("MemberClusters") or []
        )  # fmt: skip

    def at_risk(self, state: State) -> str:
        count = len(state.get("MemberClusters") or [])
        return f"what lies in {count} nodes ({state.get('CacheNodeType')})"


class Cluster(Cached):
    """A cluster by itself, or a node of a replication group, whose data is the group's."""

    kind: ClassVar[str] = "elasticache:cluster"
    title: ClassVar[str] = "ElastiCache cluster"
    waits: ClassVar[tuple[str, ...]] = (
        "aws elasticache wait cache-cluster-available --cache-cluster-id {id}",
    )
    fields: ClassVar[tuple[str, ...]] = (
        *dict.fromkeys(_MAKE_CLUSTER.values()), "ReplicationGroupId", "AuthTokenEnabled", "tags",
    )  # fmt: skip
    deletes: ClassVar[frozenset[str]] = frozenset({"elasticache:DeleteCacheCluster"})
    calls: ClassVar[tuple[str, ...]] = ("elasticache:RebootCacheCluster",)
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "elasticache:DescribeCacheClusters",
            {**_CLUSTER, "ShowCacheNodeInfo": True},
            {"status": "CacheClusterStatus", "arn": "ARN"},
            absent=("CacheClusterNotFound",),
            one_of="CacheClusters",
            every=True,
        ),
        Read("elasticache:ListTagsForResource", {"ResourceName": ARN}, {"tags": "TagList"}),
    )
    make: ClassVar[Make] = Make("elasticache:CreateCacheCluster", _CLUSTER, _MAKE_CLUSTER)
    back: ClassVar[Make] = make
    modifies: ClassVar[str] = "elasticache:ModifyCacheCluster"
    modified: ClassVar[frozenset[str]] = frozenset({*_SET_CLUSTER, *_CLUSTER, *_HOW} - {"NumCacheNodes"})
    changes: ClassVar[tuple[Change, ...]] = (
        Change(modifies, {**_CLUSTER, "ApplyImmediately": True}, _SET_CLUSTER),
    )
    proved_on: ClassVar[str] = "stand-in only (which does not know ModifyCacheCluster), never run on AWS"
    copying: ClassVar[Copying] = msgspec.structs.replace(ReplicationGroup.copying, of="CacheClusterId")
    loss: ClassVar[tuple[str, ...]] = (
        "everything that lies in it, where its engine is Memcached: it comes back empty; else what was written after the snapshot",
        "its addresses: what connects to it has to be told the new ones",
        "its AUTH token, which nobody can read: it comes back without one, so that one has to be set at once",
    )

    def tidy(self, ref: ResourceRef, state: State) -> State:
        nodes = state.get("CacheNodes") or []
        zones = {one.get("CustomerAvailabilityZone") for one in nodes} - {None}
        several = int(state.get("NumCacheNodes") or 1) > 1
        return {
            **state,
            "SecurityGroupIds": [one.get("SecurityGroupId") for one in state.get("SecurityGroups") or []],
            "CacheParameterGroupName": (state.get("CacheParameterGroup") or {}).get("CacheParameterGroupName"),
            "NotificationTopicArn": (state.get("NotificationConfiguration") or {}).get("TopicArn"),
            "Port": _port(state.get("ConfigurationEndpoint"), *(one.get("Endpoint") for one in nodes)),
            "AZMode": ("cross-az" if len(zones) > 1 else "single-az") if several else None,
            "PreferredAvailabilityZone": None if len(zones) > 1 else state.get("PreferredAvailabilityZone"),
            "LogDeliveryConfigurations": _logs(state),
        }  # fmt: skip

    def at_risk(self, state: State) -> str:
        if state.get("ReplicationGroupId"):
            return ""
        return f"what lies in {state.get('NumCacheNodes') or 1} nodes ({state.get('Engine')} on {state.get('CacheNodeType')})"

    def backup(self, ref: ResourceRef, state: State, *, case_id: str, at_ms: int) -> Inquiry[Backup]:
        """A snapshot, where its engine has such; of a node of a group and of Memcached what it is, and no data."""
        if _copied(state):
            return (yield from super().backup(ref, state, case_id=case_id, at_ms=at_ms))
        group = state.get("ReplicationGroupId")
        where = f"CreateCacheCluster makes it again in {group}, which has the data" if group else (
            "CreateCacheCluster makes it again, empty: Memcached has no snapshots"
        )  # fmt: skip
        restores_to = f"{self.title} {ref.id}, " + (f"in {group}" if group else "empty")
        return (yield from self.read_twice(ref, state, at_ms=at_ms, made_by=where, restores_to=restores_to))

    def made_from(self, ref: ResourceRef, state: State, copy: str) -> Step:
        if _copied(state):
            return super().made_from(ref, state, copy)
        group = state.get("ReplicationGroupId")
        sets = {name: field for name, field in _MAKE_CLUSTER.items() if not group or name in _OF_MEMBERS}
        given = {**_CLUSTER, "ReplicationGroupId": Field("ReplicationGroupId")}
        step = self._make(Make("elasticache:CreateCacheCluster", given, sets), ref, _askable(state))
        if state.get("tags"):
            step.parameters["Tags"] = self._tag_list(state["tags"])
        return step

    def own_copy(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> Backup | None:
        return super().own_copy(operation, parameters, ref, state) if _copied(state) else None


def _copied(state: State) -> bool:
    return state.get("Engine") != "memcached" and not state.get("ReplicationGroupId")


def _on(told: Any) -> bool:
    return told in {"enabled", "enabling"}


def _port(*endpoints: dict[str, Any] | None) -> Any:
    return next((one["Port"] for one in endpoints if one and one.get("Port")), None)


def _logs(state: State) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in one.items() if name not in {"Status", "Message"}}
        for one in state.get("LogDeliveryConfigurations") or []
    ]


def _askable(state: State) -> State:
    """Without what a create does not take as it is told: defaults of the service, a mode that says nothing, a version too exact."""
    made = dict(state)
    if str(made.get("CacheParameterGroupName") or "").startswith("default."):
        made["CacheParameterGroupName"] = None
    if not made.get("TransitEncryptionEnabled"):
        made["TransitEncryptionMode"] = None
    if made.get("Engine") == "memcached":
        made |= {"SnapshotRetentionLimit": None, "SnapshotWindow": None}
    if not made.get("DataTieringEnabled"):
        made["DataTieringEnabled"] = None
    version = str(made.get("EngineVersion") or "")
    if (
        made.get("Engine") in {"redis", "valkey"}
        and version.count(".") == 2
        and int(version.split(".", maxsplit=1)[0]) >= 6
    ):
        made["EngineVersion"] = version.rpartition(".")[0]  # from 6 on the last part is the service's own
    return made
