"""Caches of the stand-in, with the gaps of moto filled that a way back would meet.

Filled, and the sentence of AWS each follows:

  - A deleted cache is gone once it was described as being deleted; moto keeps it for ever, so that no other can have its name.
  - The clusters that a replication group is made of can be described (API_ReplicationGroup, member
    MemberClusters), with the group's network, engine, parameters and windows. moto has none.
  - NumCacheClusters is how many nodes a group has (API_CreateReplicationGroup); moto makes one.
  - Security groups, parameter group, topic and port of a cluster are told of; moto leaves them out.
  - What comes from a snapshot has what it was told, in moto as well. Nothing lies in either.
"""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

from moto.elasticache import models as caches


def fill_caches() -> None:
    """Once or more often: what is filled stays so."""
    backend = caches.ElastiCacheBackend
    if hasattr(backend, "standin_describe"):
        return
    describe = backend.standin_describe = backend.describe_cache_clusters
    describe_groups, make_group = backend.describe_replication_groups, caches.ReplicationGroup.__init__

    def describe_clusters(self: Any, cache_cluster_id: str | None = None) -> list[Any]:
        for group in self.replication_groups.values():
            if cache_cluster_id and cache_cluster_id in group.member_clusters:
                return [_member(group, cache_cluster_id)]
        return [_told(one) for one in _left(describe(self, cache_cluster_id), self.cache_clusters, "cache_cluster_status", "cache_cluster_id")]  # fmt: skip

    def describe_replication_groups(self: Any, replication_group_id: str | None = None) -> list[Any]:
        return _left(describe_groups(self, replication_group_id), self.replication_groups, "status", "replication_group_id")  # fmt: skip

    def init(self: Any, *given: Any, **named: Any) -> None:
        bound = inspect.signature(make_group).bind(self, *given, **named).arguments
        if bound.get("cluster_mode") != "enabled" and not bound.get("num_node_groups"):
            bound["replicas_per_node_group"] = (bound.get("num_cache_clusters") or 1) - 1
        bound.pop("self")
        make_group(self, **bound)

    backend.describe_cache_clusters = describe_clusters
    backend.describe_replication_groups = describe_replication_groups
    caches.ReplicationGroup.__init__ = init


def _left(found: list[Any], kept: dict[str, Any], status: str, name: str) -> list[Any]:
    """What was found; of it, what is being deleted is not there the next time."""
    for one in found:
        if getattr(one, status) == "deleting":
            kept.pop(getattr(one, name), None)
    return found


def _told(cluster: Any) -> Any:
    """The cluster with the members that moto leaves out."""
    groups = cluster.security_group_ids or []
    cluster.security_groups = [{"SecurityGroupId": one, "Status": "active"} for one in groups]
    cluster.cache_parameter_group = {"CacheParameterGroupName": cluster.cache_parameter_group_name}
    topic = cluster.notification_topic_arn
    cluster.notification_configuration = {"TopicArn": topic, "TopicStatus": "active"} if topic else None
    cluster.cache_nodes = [
        {
            "CacheNodeId": f"{number + 1:04}",
            "Endpoint": {"Address": f"{cluster.cache_cluster_id}.{number + 1:04}.cache.amazonaws.com", "Port": cluster.port},
            "CustomerAvailabilityZone": cluster.preferred_availability_zone,
        }
        for number in range(cluster.num_cache_nodes)
    ]  # fmt: skip
    return cluster


def _member(group: Any, name: str) -> Any:
    names = (
        "engine", "engine_version", "cache_node_type", "cache_parameter_group_name", "cache_subnet_group_name", "security_group_ids",
        "preferred_maintenance_window", "notification_topic_arn", "port", "replication_group_id", "auto_minor_version_upgrade",
    )  # fmt: skip
    made = SimpleNamespace(
        cache_cluster_id=name,
        cache_cluster_status=group.status,
        num_cache_nodes=1,
        preferred_availability_zone="us-east-1a",
        **{one: getattr(group, one) for one in names},
    )
    return _told(made)
