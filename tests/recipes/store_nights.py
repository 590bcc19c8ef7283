"""Caches, search domains and warehouses, as a person would make them on the stand-in, and what is then done and taken back."""

from __future__ import annotations

import json

from tests.provider.provider_world import ACCOUNT, REGION, Account
from tests.recipes.database_nights import PASSWORD, PRODUCTION, Night
from tests.recipes.recipe_world import Asked

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:caches"
LOADS = f"arn:aws:iam::{ACCOUNT}:role/loads"
OPEN = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": LOADS}, "Action": "es:ESHttp*", "Resource": "*"}],
}  # fmt: skip


def network(account: Account, name: str) -> tuple[list[str], str]:
    """Two subnets and a security group of that name."""
    ec2 = account.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        str(ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=f"{REGION}{zone}")["Subnet"]["SubnetId"])
        for zone, block in (("a", "10.0.1.0/24"), ("b", "10.0.2.0/24"))
    ]  # fmt: skip
    group = ec2.create_security_group(GroupName=name, Description="of the stores", VpcId=vpc)
    return subnets, str(group["GroupId"])


def _caches(account: Account, name: str) -> str:
    subnets, group = network(account, name)
    account.client("elasticache").create_cache_subnet_group(
        CacheSubnetGroupName=name, CacheSubnetGroupDescription="of the caches", SubnetIds=subnets
    )
    return group


def replicated(account: Account, name: str) -> None:
    account.client("elasticache").create_replication_group(
        ReplicationGroupId=name, ReplicationGroupDescription="sessions", Engine="redis", EngineVersion="7.1",
        CacheNodeType="cache.r7g.large", NumCacheClusters=3, AutomaticFailoverEnabled=True, MultiAZEnabled=True,
        CacheSubnetGroupName=name, SecurityGroupIds=[_caches(account, name)], CacheParameterGroupName="sessions-7",
        SnapshotRetentionLimit=7, SnapshotWindow="03:00-04:00", PreferredMaintenanceWindow="sun:05:00-sun:06:00", Port=6380,
        AtRestEncryptionEnabled=True, TransitEncryptionEnabled=True, TransitEncryptionMode="required", UserGroupIds=["apps"],
        NotificationTopicArn=TOPIC, AutoMinorVersionUpgrade=True, Tags=PRODUCTION,
    )  # fmt: skip


def sharded(account: Account, name: str) -> None:
    account.client("elasticache").create_replication_group(
        ReplicationGroupId=name, ReplicationGroupDescription="carts", Engine="valkey", EngineVersion="8.0",
        CacheNodeType="cache.r7g.large", NumNodeGroups=3, ReplicasPerNodeGroup=2, ClusterMode="enabled",
        AutomaticFailoverEnabled=True, CacheSubnetGroupName=name, SecurityGroupIds=[_caches(account, name)], Tags=PRODUCTION,
    )  # fmt: skip


def single(account: Account, name: str) -> None:
    account.client("elasticache").create_cache_cluster(
        CacheClusterId=name, Engine="redis", EngineVersion="7.1", CacheNodeType="cache.t4g.small", NumCacheNodes=1,
        CacheSubnetGroupName=name, SecurityGroupIds=[_caches(account, name)], PreferredMaintenanceWindow="sun:05:00-sun:06:00",
        SnapshotRetentionLimit=3, SnapshotWindow="03:00-04:00", Port=6380, NotificationTopicArn=TOPIC, Tags=PRODUCTION,
    )  # fmt: skip


def memcached(account: Account, name: str) -> None:
    account.client("elasticache").create_cache_cluster(
        CacheClusterId=name, Engine="memcached", EngineVersion="1.6.22", CacheNodeType="cache.t4g.small", NumCacheNodes=3,
        CacheSubnetGroupName=name, SecurityGroupIds=[_caches(account, name)], Port=11211, Tags=PRODUCTION,
    )  # fmt: skip


def warehouse(account: Account, name: str) -> None:
    redshift, (subnets, group) = account.client("redshift"), network(account, name)
    redshift.create_cluster_subnet_group(
        ClusterSubnetGroupName=name, Description="of the warehouse", SubnetIds=subnets
    )
    redshift.create_cluster_parameter_group(
        ParameterGroupName=name, ParameterGroupFamily="redshift-1.0", Description="tuned"
    )
    redshift.create_cluster(
        ClusterIdentifier=name, NodeType="ra3.xlplus", NumberOfNodes=2, ClusterType="multi-node", DBName="events",
        MasterUsername="root", MasterUserPassword=PASSWORD, VpcSecurityGroupIds=[group], ClusterSubnetGroupName=name,
        ClusterParameterGroupName=name, AutomatedSnapshotRetentionPeriod=14, PreferredMaintenanceWindow="sun:05:00-sun:05:30",
        Port=5440, Encrypted=True, EnhancedVpcRouting=True, IamRoles=[LOADS], PubliclyAccessible=False, AllowVersionUpgrade=True,
        Tags=PRODUCTION,
    )  # fmt: skip


def domain(account: Account, name: str) -> None:
    account.client("opensearch").create_domain(
        DomainName=name, EngineVersion="OpenSearch_2.11", AccessPolicies=json.dumps(OPEN),
        ClusterConfig={"InstanceType": "r6g.large.search", "InstanceCount": 3, "DedicatedMasterEnabled": True, "DedicatedMasterType": "m6g.large.search", "DedicatedMasterCount": 3, "ZoneAwarenessEnabled": True},
        EBSOptions={"EBSEnabled": True, "VolumeType": "gp3", "VolumeSize": 200}, EncryptionAtRestOptions={"Enabled": True},
        NodeToNodeEncryptionOptions={"Enabled": True}, SnapshotOptions={"AutomatedSnapshotStartHour": 3},
        DomainEndpointOptions={"EnforceHTTPS": True, "TLSSecurityPolicy": "Policy-Min-TLS-1-2-2019-07"},
        AutoTuneOptions={"DesiredState": "ENABLED"}, TagList=PRODUCTION,
    )  # fmt: skip


def _tags(service: str, kind: str, name: str) -> tuple[Asked, ...]:
    arn = f"arn:aws:{service}:{REGION}:{ACCOUNT}:{kind}:{name}"
    add, remove = (
        ("CreateTags", "DeleteTags")
        if service == "redshift"
        else ("AddTagsToResource", "RemoveTagsFromResource")
    )
    return (
        (f"{service}:{add}", {"ResourceName": arn, "Tags": [{"Key": "a", "Value": "b"}]}),
        (f"{service}:{remove}", {"ResourceName": arn, "TagKeys": ["environment"]}),
    )


def _of_group(name: str) -> tuple[Asked, ...]:
    here = {"ReplicationGroupId": name}
    return (
        ("elasticache:ModifyReplicationGroup", {**here, "SnapshotRetentionLimit": 1, "ApplyImmediately": True}),
        ("elasticache:ModifyReplicationGroup", {**here, "CacheNodeType": "cache.r7g.xlarge"}),
        ("elasticache:ModifyReplicationGroup", {**here, "ReplicationGroupDescription": "x", "AutomaticFailoverEnabled": False}),
        *_tags("elasticache", "replicationgroup", name),
    )  # fmt: skip


def _of_warehouse(name: str) -> tuple[Asked, ...]:
    here = {"ClusterIdentifier": name}
    return (
        ("redshift:ModifyCluster", {**here, "AutomatedSnapshotRetentionPeriod": 21}),
        ("redshift:ModifyCluster", {**here, "NodeType": "ra3.4xlarge", "NumberOfNodes": 4, "ClusterType": "multi-node"}),
        ("redshift:ModifyCluster", {**here, "NewClusterIdentifier": f"{name}-old"}),
        ("redshift:PauseCluster", here),
        *_tags("redshift", "cluster", name),
    )  # fmt: skip


def _of_domain(name: str) -> tuple[Asked, ...]:
    here, arn = {"DomainName": name}, f"arn:aws:es:{REGION}:{ACCOUNT}:domain/{name}"
    return (
        ("opensearch:UpdateDomainConfig", {**here, "EBSOptions": {"EBSEnabled": True, "VolumeType": "gp3", "VolumeSize": 300}}),
        ("opensearch:UpdateDomainConfig", {**here, "AccessPolicies": "{}", "SnapshotOptions": {"AutomatedSnapshotStartHour": 5}}),
        ("opensearch:AddTags", {"ARN": arn, "TagList": [{"Key": "a", "Value": "b"}]}),
        ("opensearch:RemoveTags", {"ARN": arn, "TagKeys": ["environment"]}),
    )  # fmt: skip


STORES: tuple[Night, ...] = (
    Night("elasticache:replicationgroup", replicated, _of_group,
          lambda name: ("elasticache:DeleteReplicationGroup", {"ReplicationGroupId": name}),
          "elasticache:CreateSnapshot", "what lies in 3 nodes (cache.r7g.large)"),
    Night("elasticache:replicationgroup", sharded, lambda name: _of_group(name)[:1],
          lambda name: ("elasticache:DeleteReplicationGroup", {"ReplicationGroupId": name}),
          "elasticache:CreateSnapshot", "what lies in 9 nodes (cache.r7g.large)"),
    # no change of a cluster but its tags: the stand-in does not know ModifyCacheCluster
    Night("elasticache:cluster", single, lambda name: _tags("elasticache", "cluster", name),
          lambda name: ("elasticache:DeleteCacheCluster", {"CacheClusterId": name}),
          "elasticache:CreateSnapshot", "what lies in 1 nodes (redis on cache.t4g.small)"),
    Night("elasticache:cluster", memcached, lambda _: (),
          lambda name: ("elasticache:DeleteCacheCluster", {"CacheClusterId": name}),
          "", "what lies in 3 nodes (memcached on cache.t4g.small)"),
    Night("redshift:cluster", warehouse, _of_warehouse,
          lambda name: ("redshift:DeleteCluster", {"ClusterIdentifier": name, "SkipFinalClusterSnapshot": True}),
          "redshift:CreateClusterSnapshot", "a warehouse (2 nodes of ra3.xlplus)"),
)  # fmt: skip

DOMAIN = Night(
    "es:domain", domain, _of_domain, lambda name: ("opensearch:DeleteDomain", {"DomainName": name}),
    "", "everything indexed in a domain of 3 nodes, up to 600 GiB",
)  # fmt: skip
