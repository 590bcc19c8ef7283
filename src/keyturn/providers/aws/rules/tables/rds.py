"""RDS, and what is built like it: DocumentDB and Neptune."""

from __future__ import annotations

from typing import Final

from keyturn.providers.aws.rules.conditions import (
    ALWAYS,
    changed,
    given,
    higher,
    lower,
    off,
    on,
    says,
    stands,
    zero,
)
from keyturn.providers.aws.rules.table import (
    BACKUPS,
    BACKUPS_OFF,
    EXPOSES,
    LEAKS,
    LOSS,
    OUTAGE,
    OUTAGE_ANOTHER,
    OUTAGE_ONE_WAY,
    OVERWRITES,
    REMARK,
    ROTATES,
    STRIP,
    Read,
    Table,
)

# fmt: off
T: Final = Table("rds", "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_{}.html")
_INSTANCE: Final = Read("rds:DescribeDBInstances", {"DBInstanceIdentifier": "DBInstanceIdentifier"}, "DBInstances[0]")
_CLUSTER: Final = Read("rds:DescribeDBClusters", {"DBClusterIdentifier": "DBClusterIdentifier"}, "DBClusters[0]")
T.read("ModifyDBInstance DeleteDBInstance RebootDBInstance StopDBInstance PromoteReadReplica", _INSTANCE)
T.read("ModifyDBCluster DeleteDBCluster FailoverDBCluster StopDBCluster BacktrackDBCluster RebootDBCluster", _CLUSTER)
T.read("ModifyGlobalCluster", Read("rds:DescribeGlobalClusters", {"GlobalClusterIdentifier": "GlobalClusterIdentifier"}, "GlobalClusters[0]"))
T.read("ModifyDBParameterGroup ResetDBParameterGroup", Read("rds:DescribeDBParameters", {"DBParameterGroupName": "DBParameterGroupName", "Source": "=user"}))
T.row("RDS001", "ModifyDBInstance ModifyDBCluster ModifyGlobalCluster", off("DeletionProtection"), STRIP, "Deletion protection would be taken off: the step before a delete")
T.row("RDS002", "ModifyDBInstance ModifyDBCluster", zero("BackupRetentionPeriod"), BACKUPS, "A retention of zero disables automated backups and deletes those there are")
T.row("RDS003", "ModifyDBInstance ModifyDBCluster", lower("BackupRetentionPeriod", least=1) & ~zero("BackupRetentionPeriod"), BACKUPS, "Automated backups older than the shorter retention would be deleted")
T.row("RDS004", "ModifyDBInstance", on("ApplyImmediately", "") & (changed("DBInstanceClass") | changed("EngineVersion") | given("DBParameterGroupName", "OptionGroupName", "StorageType")), OUTAGE, "The instance would restart at once, outside its maintenance window")
T.row("RDS005", "ModifyDBInstance ModifyDBCluster", given("NewDBInstanceIdentifier", "NewDBClusterIdentifier", "DBPortNumber", "Port"), OUTAGE, "Its endpoint would change, and clients find it no longer")
T.row("RDS006", "ModifyDBInstance ModifyDBCluster", given("MasterUserPassword", "RotateMasterUserPassword"), ROTATES, "The master password would be another one: whoever uses the one before fails, whoever chose it is administrator")
T.row("RDS007", "ModifyDBInstance ModifyDBCluster", on("AllowMajorVersionUpgrade", "") & given("EngineVersion"), OUTAGE_ONE_WAY, "A major version upgrade has no way back but a snapshot")
T.row("RDS008", "ModifyDBInstance", on("PubliclyAccessible"), EXPOSES, "The instance would have a public address")
T.row("RDS009", "ModifyDBInstance", off("MultiAZ"), STRIP, "The standby in another availability zone would be given up")
T.row("RDS010", "DeleteDBInstance DeleteDBCluster docdb:DeleteDBCluster neptune:DeleteDBCluster", says("SkipFinalSnapshot", True), LOSS, "It would be deleted without a final snapshot: its data is lost for good")
T.row("RDS011", "DeleteDBInstance DeleteDBCluster", ~says("DeleteAutomatedBackups", False), BACKUPS, "Its automated backups would be deleted with it, as they are unless the request says otherwise")
T.row("RDS012", "RebootDBInstance RebootDBCluster FailoverDBCluster SwitchoverBlueGreenDeployment SwitchoverGlobalCluster FailoverGlobalCluster StopDBInstance StopDBCluster", ALWAYS, OUTAGE, "Connections are dropped while it restarts, stops or moves")
T.row("RDS013", "ModifyDBSnapshotAttribute ModifyDBClusterSnapshotAttribute docdb:ModifyDBClusterSnapshotAttribute neptune:ModifyDBClusterSnapshotAttribute", given("ValuesToAdd"), LEAKS, "Other accounts, or everybody, could copy the snapshot with all its data")
T.row("RDS014", "BacktrackDBCluster", ALWAYS, LOSS, "Everything that was written since that time is undone")
T.row("RDS015", "CreateDBInstance CreateDBCluster RestoreDBInstanceFromDBSnapshot RestoreDBInstanceToPointInTime RestoreDBClusterFromSnapshot RestoreDBClusterToPointInTime docdb:CreateDBCluster neptune:CreateDBCluster", ~says("DeletionProtection", True), REMARK, "It would stand without deletion protection")
T.row("RDS016", "CreateDBInstance CreateDBCluster docdb:CreateDBCluster neptune:CreateDBCluster", says("BackupRetentionPeriod", 0), BACKUPS_OFF, "It would be made without automated backups")
T.row("RDS017", "CreateDBInstance RestoreDBInstanceFromDBSnapshot RestoreDBInstanceToPointInTime", says("PubliclyAccessible", True), EXPOSES, "It would have a public address")
T.row("RDS018", "docdb:ModifyDBCluster neptune:ModifyDBCluster docdb:ModifyGlobalCluster neptune:ModifyGlobalCluster", off("DeletionProtection", ""), STRIP, "Deletion protection would be taken off: the step before a delete", "https://docs.aws.amazon.com/documentdb/latest/developerguide/API_ModifyDBCluster.html")
T.row("RDS019", "docdb:ModifyDBCluster neptune:ModifyDBCluster", given("MasterUserPassword", "NewDBClusterIdentifier", "Port"), OUTAGE, "Clients find it no longer, or are turned away", "https://docs.aws.amazon.com/documentdb/latest/developerguide/API_ModifyDBCluster.html")
T.row("RDS020", "PromoteReadReplica PromoteReadReplicaDBCluster RemoveFromGlobalCluster", ALWAYS, OUTAGE_ONE_WAY, "Replication ends, and cannot be taken up again")
T.row("RDS021", "ModifyDBParameterGroup ModifyDBClusterParameterGroup", says("Parameters[].ApplyMethod", "pending-reboot", "immediate") & says("Parameters[].ParameterName", "rds.force_ssl", "require_secure_transport", "log_statement", "rds.logical_replication", "max_connections", "innodb_flush_log_at_trx_commit", "fsync", "synchronous_commit"), STRIP, "A parameter that guards connections, durability or logs would be set")
T.row("RDS022", "ResetDBParameterGroup ResetDBClusterParameterGroup", says("ResetAllParameters", True) | given("Parameters"), OUTAGE, "Parameters would fall back to the engine's defaults")
T.row("RDS023", "ModifyDBInstance", higher("AllocatedStorage"), OUTAGE_ANOTHER, "Storage can be enlarged, never made smaller: less of it takes another instance")
T.row("RDS024", "ModifyDBInstance ModifyDBCluster", given("VpcSecurityGroupIds") & changed("VpcSecurityGroupIds", "VpcSecurityGroups[].VpcSecurityGroupId", unread=None), OUTAGE, "The whole list of its security groups is replaced: who reaches it now may reach it no more")
T.row("RDS025", "ModifyDBInstance", off("EnableIAMDatabaseAuthentication", "IAMDatabaseAuthenticationEnabled") | off("EnablePerformanceInsights", "PerformanceInsightsEnabled"), STRIP, "Sign-in by IAM, or the view of what it does, would be switched off")
T.row("RDS026", "RestoreDBInstanceToPointInTime RestoreDBInstanceFromDBSnapshot RestoreDBClusterToPointInTime RestoreDBClusterFromSnapshot", ALWAYS, REMARK, "A restore makes another instance with default security and parameter groups", "RestoreDBInstanceToPointInTime")
T.row("RDS027", "DeleteDBInstance", stands("ReadReplicaDBInstanceIdentifiers"), OUTAGE_ONE_WAY, "Read replicas hang on it; they would be promoted or left behind")
T.row("RDS028", "ApplyPendingMaintenanceAction", says("OptInType", "immediate"), OUTAGE, "Maintenance would begin at once, with the restart it may need")
T.row("RDS029", "ModifyDBProxyTargetGroup ModifyDBProxy", off("RequireTLS", ""), STRIP, "Clients could connect without TLS", "ModifyDBProxy")
T.row("RDS030", "ModifyOptionGroup", given("OptionsToRemove"), OVERWRITES, "Options would be removed from every database of the group")
