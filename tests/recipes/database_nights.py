"""Databases and what they are set by, as a person would make them on the stand-in, and what is then done and taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from tests.provider.provider_world import ACCOUNT, REGION, Account
from tests.recipes.recipe_world import Asked

PRODUCTION = [{"Key": "environment", "Value": "production"}]
IMPORTS = f"arn:aws:iam::{ACCOUNT}:role/imports"
MONITORS = f"arn:aws:iam::{ACCOUNT}:role/monitors"


class Night(msgspec.Struct, frozen=True):
    """One resource under the name that `make` is given, the changes in place and the delete; `copy`: the call that backs it up."""

    kind: str
    make: Callable[[Account, str], None]
    changes: Callable[[str], tuple[Asked, ...]]
    delete: Callable[[str], Asked]
    copy: str = ""
    risk: str = ""
    gaps: tuple[str, ...] = ()  # operations that the stand-in does not know


def network(account: Account, name: str) -> str:
    """A subnet group of that name; returns a security group beside it."""
    ec2, rds = account.client("ec2"), account.client("rds")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=f"{REGION}{zone}")["Subnet"][
            "SubnetId"
        ]
        for zone, block in (("a", "10.0.1.0/24"), ("b", "10.0.2.0/24"))
    ]
    rds.create_db_subnet_group(
        DBSubnetGroupName=name,
        DBSubnetGroupDescription="of the databases",
        SubnetIds=subnets,
        Tags=PRODUCTION,
    )
    made = ec2.create_security_group(GroupName=name, Description="of the databases", VpcId=vpc)
    return str(made["GroupId"])


def subnets(account: Account, name: str) -> None:
    network(account, name)


def parameters(account: Account, name: str) -> None:
    rds = account.client("rds")
    rds.create_db_parameter_group(
        DBParameterGroupName=name, DBParameterGroupFamily="postgres16", Description="tuned", Tags=PRODUCTION
    )
    rds.modify_db_parameter_group(
        DBParameterGroupName=name,
        Parameters=[
            {"ParameterName": f"set_{number}", "ParameterValue": str(number), "ApplyMethod": "immediate"}
            for number in range(19)
        ],
    )
    rds.modify_db_parameter_group(
        DBParameterGroupName=name,
        Parameters=[
            {"ParameterName": "max_connections", "ParameterValue": "200", "ApplyMethod": "pending-reboot"},
            {"ParameterName": "work_mem", "ParameterValue": "8192", "ApplyMethod": "immediate"},
        ],
    )


def cluster_parameters(account: Account, name: str) -> None:
    rds = account.client("rds")
    rds.create_db_cluster_parameter_group(
        DBClusterParameterGroupName=name,
        DBParameterGroupFamily="aurora-postgresql16",
        Description="tuned",
        Tags=PRODUCTION,
    )
    rds.modify_db_cluster_parameter_group(
        DBClusterParameterGroupName=name,
        Parameters=[
            {"ParameterName": "rds.force_ssl", "ParameterValue": "1", "ApplyMethod": "pending-reboot"}
        ],
    )


def options(account: Account, name: str) -> None:
    rds = account.client("rds")
    rds.create_option_group(
        OptionGroupName=name,
        EngineName="mysql",
        MajorEngineVersion="8.0",
        OptionGroupDescription="of orders",
        Tags=PRODUCTION,
    )
    rds.modify_option_group(
        OptionGroupName=name,
        OptionsToInclude=[{"OptionName": "MEMCACHED", "Port": 11211, "OptionSettings": [{"Name": "CHUNK_SIZE", "Value": "48"}]}],
        ApplyImmediately=True,
    )  # fmt: skip


PASSWORD = "hunter2hunter2"  # a stand-in's


def instance(account: Account, name: str, **more: Any) -> None:
    rds, group = account.client("rds"), network(account, name)
    rds.create_db_parameter_group(
        DBParameterGroupName=name, DBParameterGroupFamily="postgres16", Description="tuned"
    )
    rds.create_db_instance(
        DBInstanceIdentifier=name, Engine="postgres", EngineVersion="16.3", DBInstanceClass="db.t3.medium",
        AllocatedStorage=500, StorageType="gp3", Iops=13_000, StorageThroughput=600, MasterUsername="root",
        MasterUserPassword=PASSWORD, DBName="orders", DBSubnetGroupName=name, VpcSecurityGroupIds=[group],
        DBParameterGroupName=name, BackupRetentionPeriod=14, MultiAZ=True, EnableIAMDatabaseAuthentication=True,
        EnableCloudwatchLogsExports=["postgresql"], CopyTagsToSnapshot=True, StorageEncrypted=True, MaxAllocatedStorage=900,
        Port=5433, PreferredBackupWindow="03:00-03:30", PreferredMaintenanceWindow="sun:05:00-sun:05:30",
        MonitoringInterval=60, MonitoringRoleArn=MONITORS, AutoMinorVersionUpgrade=False, Tags=PRODUCTION, **more,
    )  # fmt: skip
    rds.add_role_to_db_instance(DBInstanceIdentifier=name, RoleArn=IMPORTS, FeatureName="s3Import")


def cluster(account: Account, name: str) -> None:
    rds, group = account.client("rds"), network(account, name)
    rds.create_db_cluster(
        DBClusterIdentifier=name, Engine="aurora-postgresql", EngineVersion="16.3", MasterUsername="root",
        MasterUserPassword=PASSWORD, DatabaseName="orders", DBSubnetGroupName=name, VpcSecurityGroupIds=[group],
        BackupRetentionPeriod=7, EnableCloudwatchLogsExports=["postgresql"], StorageEncrypted=True, Tags=PRODUCTION,
        ServerlessV2ScalingConfiguration={"MinCapacity": 1, "MaxCapacity": 4}, CopyTagsToSnapshot=True, Port=5433,
        EnableIAMDatabaseAuthentication=True, PreferredBackupWindow="03:00-03:30",
        PreferredMaintenanceWindow="sun:05:00-sun:05:30",
    )  # fmt: skip
    rds.describe_db_clusters(
        DBClusterIdentifier=name
    )  # the stand-in's is being created until it was read once
    rds.add_role_to_db_cluster(DBClusterIdentifier=name, RoleArn=IMPORTS)


def member(account: Account, name: str) -> None:
    cluster(account, f"{name}-cluster")
    account.client("rds").create_db_instance(
        DBInstanceIdentifier=name,
        Engine="aurora-postgresql",
        EngineVersion="16.3",
        DBInstanceClass="db.r6g.large",
        DBClusterIdentifier=f"{name}-cluster",
        PromotionTier=2,
        PreferredMaintenanceWindow="sun:05:00-sun:05:30",
        Tags=PRODUCTION,
    )


def snapshot(account: Account, name: str) -> None:
    rds = account.client("rds")
    instance(account, f"{name}-db")
    rds.create_db_snapshot(
        DBInstanceIdentifier=f"{name}-db",
        DBSnapshotIdentifier=name,
        Tags=[{"Key": "before", "Value": "move"}],
    )
    rds.modify_db_snapshot_attribute(
        DBSnapshotIdentifier=name, AttributeName="restore", ValuesToAdd=["111122223333"]
    )


def cluster_snapshot(account: Account, name: str) -> None:
    rds = account.client("rds")
    cluster(account, f"{name}-db")
    rds.create_db_cluster_snapshot(
        DBClusterIdentifier=f"{name}-db",
        DBClusterSnapshotIdentifier=name,
        Tags=[{"Key": "before", "Value": "move"}],
    )
    rds.modify_db_cluster_snapshot_attribute(
        DBClusterSnapshotIdentifier=name, AttributeName="restore", ValuesToAdd=["111122223333"]
    )


def _tags(kind: str, name: str) -> tuple[Asked, ...]:
    arn = f"arn:aws:rds:{REGION}:{ACCOUNT}:{kind}:{name}"
    return (
        ("rds:AddTagsToResource", {"ResourceName": arn, "Tags": [{"Key": "a", "Value": "b"}]}),
        ("rds:RemoveTagsFromResource", {"ResourceName": arn, "TagKeys": ["environment", "before"]}),
    )


def _of_instance(name: str) -> tuple[Asked, ...]:
    here = {"DBInstanceIdentifier": name}
    return (
        ("rds:ModifyDBInstance", {**here, "DBInstanceClass": "db.t3.small", "BackupRetentionPeriod": 21, "ApplyImmediately": True}),
        ("rds:ModifyDBInstance", {**here, "DeletionProtection": True, "DBPortNumber": 5434}),
        ("rds:ModifyDBInstance", {**here, "CloudwatchLogsExportConfiguration": {"DisableLogTypes": ["postgresql"], "EnableLogTypes": ["upgrade"]}}),
        ("rds:ModifyDBInstance", {**here, "NewDBInstanceIdentifier": f"{name}-old"}),
        ("rds:StopDBInstance", here),
        # no role given or taken: the stand-in takes none off
        *_tags("db", name),
    )  # fmt: skip


def _of_cluster(name: str) -> tuple[Asked, ...]:
    here = {"DBClusterIdentifier": name}
    return (
        ("rds:ModifyDBCluster", {**here, "BackupRetentionPeriod": 21, "Port": 5434, "ApplyImmediately": True}),
        # no change of exported logs: the stand-in takes none for a cluster
        ("rds:StopDBCluster", here),
        *_tags("cluster", name),
    )  # fmt: skip


def _of_copy(noun: str, kind: str, name: str) -> tuple[Asked, ...]:
    which = {f"{noun}Identifier": name, "AttributeName": "restore"}
    return (
        (f"rds:Modify{noun}Attribute", {**which, "ValuesToRemove": ["111122223333"]}),
        (f"rds:Modify{noun}Attribute", {**which, "ValuesToAdd": ["444455556666"]}),
        *_tags(kind, name),
    )


DATABASES: tuple[Night, ...] = (
    Night("rds:db", instance, _of_instance, lambda name: ("rds:DeleteDBInstance", {"DBInstanceIdentifier": name, "SkipFinalSnapshot": True}),
          "rds:CreateDBSnapshot", "a database of up to 500 GiB (postgres)"),
    Night("rds:cluster", cluster, _of_cluster, lambda name: ("rds:DeleteDBCluster", {"DBClusterIdentifier": name, "SkipFinalSnapshot": True}),
          "rds:CreateDBClusterSnapshot", "a cluster with all its data (aurora-postgresql, 0 instances)"),
    Night("rds:db", member, lambda name: (("rds:ModifyDBInstance", {"DBInstanceIdentifier": name, "PromotionTier": 0}),),
          lambda name: ("rds:DeleteDBInstance", {"DBInstanceIdentifier": name})),
    Night("rds:snapshot", snapshot, lambda name: _of_copy("DBSnapshot", "snapshot", name),
          lambda name: ("rds:DeleteDBSnapshot", {"DBSnapshotIdentifier": name}), "rds:CopyDBSnapshot"),
    Night("rds:cluster-snapshot", cluster_snapshot, lambda name: _of_copy("DBClusterSnapshot", "cluster-snapshot", name),
          lambda name: ("rds:DeleteDBClusterSnapshot", {"DBClusterSnapshotIdentifier": name}), "rds:CopyDBClusterSnapshot"),
    Night("rds:pg", parameters, lambda name: (
              ("rds:ModifyDBParameterGroup", {"DBParameterGroupName": name, "Parameters": [
                  {"ParameterName": "work_mem", "ParameterValue": "1", "ApplyMethod": "immediate"}]}),
              *_tags("pg", name)),
          lambda name: ("rds:DeleteDBParameterGroup", {"DBParameterGroupName": name})),
    Night("rds:cluster-pg", cluster_parameters, lambda name: (
              ("rds:ModifyDBClusterParameterGroup", {"DBClusterParameterGroupName": name, "Parameters": [
                  {"ParameterName": "rds.force_ssl", "ParameterValue": "0", "ApplyMethod": "pending-reboot"}]}),
              *_tags("cluster-pg", name)),
          lambda name: ("rds:DeleteDBClusterParameterGroup", {"DBClusterParameterGroupName": name})),
    Night("rds:subgrp", subnets, lambda name: (
              ("rds:ModifyDBSubnetGroup", {"DBSubnetGroupName": name, "SubnetIds": ["subnet"]}),
              *_tags("subgrp", name)),
          lambda name: ("rds:DeleteDBSubnetGroup", {"DBSubnetGroupName": name})),
    Night("rds:og", options, lambda name: (
              ("rds:ModifyOptionGroup", {"OptionGroupName": name, "ApplyImmediately": True, "OptionsToRemove": ["MEMCACHED"]}),
              *_tags("og", name)),
          lambda name: ("rds:DeleteOptionGroup", {"OptionGroupName": name})),
)  # fmt: skip
