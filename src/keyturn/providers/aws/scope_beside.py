"""What a cache or a warehouse is made with, and is asked for as well when it is made
(Service Authorization Reference, Amazon ElastiCache and Amazon Redshift, resource types of each action).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from keyturn.model.change import Operation

_CACHES: Final = {
    "CacheClusterId": "cluster",
    "ReplicationGroupId": "replicationgroup",
    "CacheParameterGroupName": "parametergroup",
    "CacheSubnetGroupName": "subnetgroup",
    "SnapshotName": "snapshot",
    "UserGroupIds": "usergroup",
    "FinalSnapshotIdentifier": "snapshot",
}
_WAREHOUSES: Final = {
    "ClusterParameterGroupName": "parametergroup",
    "ClusterSubnetGroupName": "subnetgroup",
}
_MAKES: Final = ("Create", "Modify", "Restore", "Delete")


def beside(operation: Operation, literal: Callable[[str], str]) -> list[str]:
    """ARNs of what the request names beside its resource; `literal` writes a name as it stands."""
    if operation.service not in {"elasticache", "redshift"} or not operation.action.startswith(_MAKES):
        return []
    start = f"arn:{operation.partition}:{operation.service}:{operation.region}:{operation.account}"
    caches = operation.service == "elasticache"
    listed = _CACHES if caches else _WAREHOUSES
    found = [
        f"{start}:{kind}:{literal(name)}"
        for parameter, kind in listed.items()
        for name in _names(operation.parameters.get(parameter))
    ]
    if caches and operation.action in {"CreateReplicationGroup", "CreateCacheCluster"}:
        return [*found, f"{start}:parametergroup:default*"]
    cluster = operation.parameters.get("ClusterIdentifier")
    if operation.action in {"RestoreFromClusterSnapshot", "CreateClusterSnapshot"} and cluster:
        snapshot = operation.parameters.get("SnapshotIdentifier") or "*"
        of = literal(str(operation.parameters.get("SnapshotClusterIdentifier") or cluster))
        found += [
            f"{start}:cluster:{literal(str(cluster))}",
            f"{start}:snapshot:{of}/{literal(str(snapshot))}",
        ]
    last = operation.parameters.get("FinalClusterSnapshotIdentifier")
    if operation.action == "DeleteCluster" and cluster and last:
        found.append(f"{start}:snapshot:{literal(str(cluster))}/{literal(str(last))}")
    return found


def _names(given: Any) -> Iterator[str]:
    for one in given if isinstance(given, list) else [given]:
        if isinstance(one, str) and one and not one.startswith("arn:"):
            yield one
