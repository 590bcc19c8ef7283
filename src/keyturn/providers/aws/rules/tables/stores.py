"""Where data is: caches, warehouses, search, file systems, buckets' other settings, backups, catalogues."""

from __future__ import annotations

from typing import Any, Final

from keyturn.providers.aws.rules.conditions import (
    ALWAYS,
    Live,
    Request,
    below,
    changed,
    check,
    drops,
    given,
    lower,
    number,
    off,
    on,
    says,
    standing,
    stands,
    values,
    zero,
)
from keyturn.providers.aws.rules.table import (
    BACKUPS,
    BACKUPS_OFF,
    BLINDS,
    EXPOSES,
    LEAKS,
    LOSS,
    OUTAGE,
    OUTAGE_DELETE,
    OUTAGE_ONE_WAY,
    OVERWRITES,
    REMARK,
    ROTATES,
    RUNS,
    STRIP,
    STRIP_FOR_GOOD,
    Read,
    Table,
)

# fmt: off
C: Final = Table("elasticache", "https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_{}.html")
_GROUP: Final = Read("elasticache:DescribeReplicationGroups", {"ReplicationGroupId": "ReplicationGroupId"}, "ReplicationGroups[0]")
C.read("DeleteReplicationGroup DecreaseReplicaCount ModifyReplicationGroup ModifyReplicationGroupShardConfiguration TestFailover", _GROUP)
C.read("ModifyCacheCluster DeleteCacheCluster RebootCacheCluster", Read("elasticache:DescribeCacheClusters", {"CacheClusterId": "CacheClusterId"}, "CacheClusters[0]"))
C.row("ELA001", "DeleteReplicationGroup DeleteCacheCluster DeleteServerlessCache", ~given("FinalSnapshotIdentifier", "FinalSnapshotName"), LOSS, "It would be deleted without a final snapshot")
C.row("ELA002", "DecreaseReplicaCount", zero("NewReplicaCount", live=""), STRIP, "No replica would be left to fail over to")
C.row("ELA003", "ModifyReplicationGroupShardConfiguration", given("NodeGroupsToRemove"), OUTAGE, "Shards would be removed, and their data moved to others")
C.row("ELA004", "ModifyReplicationGroup ModifyCacheCluster", zero("SnapshotRetentionLimit"), BACKUPS, "No snapshots would be made, and those there are expire")
C.row("ELA005", "ModifyReplicationGroup", off("AutomaticFailoverEnabled", "AutomaticFailover") | off("MultiAZEnabled", "MultiAZ") | off("TransitEncryptionEnabled"), STRIP, "Failover, the second zone or encryption would be switched off")
C.row("ELA006", "ModifyReplicationGroup ModifyCacheCluster", given("AuthToken") | says("AuthTokenUpdateStrategy", "DELETE"), ROTATES, "Clients with the token before are turned away")
C.row("ELA007", "RebootCacheCluster TestFailover", ALWAYS, OUTAGE, "What is in memory is lost, or connections are dropped", "RebootCacheCluster")
C.row("ELA008", "ModifyCacheCluster", lower("NumCacheNodes", least=1), LOSS, "Nodes would be removed with what they hold")
C.row("ELA009", "ModifyReplicationGroup ModifyCacheCluster", on("ApplyImmediately", "") & (changed("CacheNodeType") | changed("EngineVersion")), OUTAGE, "Nodes would be replaced at once")
M: Final = Table("memorydb", "https://docs.aws.amazon.com/memorydb/latest/APIReference/API_{}.html")
M.read("UpdateCluster DeleteCluster", Read("memorydb:DescribeClusters", {"ClusterName": "ClusterName"}, "Clusters[0]"))
M.row("MEM001", "DeleteCluster", ~given("FinalSnapshotName"), LOSS, "It would be deleted without a final snapshot")
M.row("MEM002", "UpdateCluster", zero("SnapshotRetentionLimit"), BACKUPS, "No snapshots would be made, and those there are expire")
M.row("MEM003", "UpdateCluster", zero("ReplicaConfiguration.ReplicaCount", live="") | lower("ShardConfiguration.ShardCount", "NumberOfShards"), OUTAGE, "Replicas or shards would be removed")
R: Final = Table("redshift", "https://docs.aws.amazon.com/redshift/latest/APIReference/API_{}.html")
R.read("DeleteCluster ResizeCluster ModifyCluster PauseCluster RebootCluster", Read("redshift:DescribeClusters", {"ClusterIdentifier": "ClusterIdentifier"}, "Clusters[0]"))
R.row("RS001", "DeleteCluster", says("SkipFinalClusterSnapshot", True), LOSS, "It would be deleted without a final snapshot: its data is lost for good")
R.row("RS002", "ResizeCluster ModifyCluster", lower("NumberOfNodes") | says("Classic", True), OUTAGE, "It would have fewer nodes, or take no writes for hours")
R.row("RS003", "ModifyCluster", zero("AutomatedSnapshotRetentionPeriod"), BACKUPS, "Automated snapshots would be disabled, and those there are deleted")
R.row("RS004", "ModifyCluster", given("MasterUserPassword", "NewClusterIdentifier", "Port"), ROTATES, "Clients are turned away, or find it no longer")
R.row("RS005", "ModifyCluster", on("PubliclyAccessible"), EXPOSES, "The cluster would have a public address")
R.row("RS006", "PauseCluster RebootCluster FailoverPrimaryCompute", ALWAYS, OUTAGE, "Queries fail until it is back", "PauseCluster")
R.row("RS007", "AuthorizeSnapshotAccess AuthorizeDataShare", ALWAYS, LEAKS, "Another account could read all of it", "AuthorizeSnapshotAccess")
R.row("RS008", "ModifyCluster", off("Encrypted"), STRIP, "Data would no longer be encrypted at rest")
R.row("RS009", "DisableSnapshotCopy", ALWAYS, BACKUPS_OFF, "Copies of its snapshots elsewhere would be made no more")
R.row("RS011", "DisableLogging", ALWAYS, BLINDS, "Who connects and what is asked would be written down no more")
R.row("RS010", "ModifyCluster ModifySnapshotCopyRetentionPeriod BatchModifyClusterSnapshots ModifyClusterSnapshot", lower("AutomatedSnapshotRetentionPeriod", least=1) & ~zero("AutomatedSnapshotRetentionPeriod") | below("RetentionPeriod", 14) | below("ManualSnapshotRetentionPeriod", 14) & ~says("ManualSnapshotRetentionPeriod", -1), BACKUPS, "Snapshots older than the new retention would be deleted", "ModifySnapshotCopyRetentionPeriod")
SEARCH: Final = Table("opensearch", "https://docs.aws.amazon.com/opensearch-service/latest/APIReference/API_{}.html")
SEARCH.read("UpdateDomainConfig", Read("opensearch:DescribeDomain", {"DomainName": "DomainName"}, "DomainStatus"))
SEARCH.row("OS001", "UpdateDomainConfig", lower("ClusterConfig.InstanceCount", least=1) | zero("ClusterConfig.InstanceCount") | off("ClusterConfig.ZoneAwarenessEnabled") | off("ClusterConfig.DedicatedMasterEnabled"), OUTAGE, "The domain would have fewer nodes, or none to lead it")
SEARCH.row("OS002", "UpdateDomainConfig", off("EncryptionAtRestOptions.Enabled") | off("NodeToNodeEncryptionOptions.Enabled") | off("DomainEndpointOptions.EnforceHTTPS") | off("AdvancedSecurityOptions.Enabled"), STRIP, "Encryption or access control would be switched off")
SEARCH.row("OS003", "UpdateDomainConfig", given("AdvancedSecurityOptions.MasterUserOptions"), ROTATES, "Who administers the domain would be decided by the request")
SEARCH.row("OS004", "UpgradeDomain", ~says("PerformCheckOnly", True), OUTAGE_ONE_WAY, "A domain's version goes up, never down")
SEARCH.row("OS005", "StartDomainMaintenance", says("Action", "REBOOT_NODE", "RESTART_SEARCH_PROCESS"), OUTAGE, "A node would be restarted")
F: Final = Table("fsx", "https://docs.aws.amazon.com/fsx/latest/APIReference/API_{}.html")
F.read("UpdateFileSystem DeleteFileSystem", Read("fsx:DescribeFileSystems", {"FileSystemIds": ["FileSystemId"]}, "FileSystems[0]"))
F.row("FSX001", "DeleteFileSystem", says("WindowsConfiguration.SkipFinalBackup", True) | says("OpenZFSConfiguration.SkipFinalBackup", True), LOSS, "It would be deleted without a final backup")
F.row("FSX002", "DeleteFileSystem", stands("FileSystemType", "LUSTRE") & ~says("LustreConfiguration.SkipFinalBackup", False), LOSS, "Lustre takes no final backup unless it is told to")
F.row("FSX003", "UpdateFileSystem", zero("WindowsConfiguration.AutomaticBackupRetentionDays", "LustreConfiguration.AutomaticBackupRetentionDays", "OntapConfiguration.AutomaticBackupRetentionDays", "OpenZFSConfiguration.AutomaticBackupRetentionDays"), BACKUPS, "Automatic backups would be switched off, and those there are deleted")
F.row("FSX004", "RestoreVolumeFromSnapshot", ALWAYS, LOSS, "Everything that was written since the snapshot is lost")
E: Final = Table("efs", "https://docs.aws.amazon.com/efs/latest/ug/API_{}.html")
E.read("PutLifecycleConfiguration", Read("efs:DescribeLifecycleConfiguration", {"FileSystemId": "FileSystemId"}))
E.read("PutBackupPolicy", Read("efs:DescribeBackupPolicy", {"FileSystemId": "FileSystemId"}, "BackupPolicy"))
E.read("ModifyMountTargetSecurityGroups", Read("efs:DescribeMountTargetSecurityGroups", {"MountTargetId": "MountTargetId"}))
E.row("EFS001", "PutLifecycleConfiguration", drops("LifecyclePolicies[].TransitionToIA", "LifecyclePolicies[].TransitionToIA") | given("LifecyclePolicies[].TransitionToArchive"), REMARK, "Where files lie, and what reading them costs, would change")
E.row("EFS002", "PutBackupPolicy", off("BackupPolicy.Status", "Status"), BACKUPS_OFF, "Backups would be made no more")
E.row("EFS003", "PutFileSystemPolicy", says("BypassPolicyLockoutSafetyCheck", True), STRIP_FOR_GOOD, "The file system could end up reachable by nobody")
E.row("EFS004", "ModifyMountTargetSecurityGroups", drops("SecurityGroups", "SecurityGroups", if_missing=True), OUTAGE, "Who mounts the file system now may reach it no more")
E.row("EFS005", "UpdateFileSystemProtection", says("ReplicationOverwriteProtection", "DISABLED"), STRIP, "The file system could be overwritten by a replication")
B: Final = Table("backup", "https://docs.aws.amazon.com/aws-backup/latest/devguide/API_{}.html")
B.read("UpdateBackupPlan", Read("backup:GetBackupPlan", {"BackupPlanId": "BackupPlanId"}))
B.read("UpdateRecoveryPointLifecycle", Read("backup:DescribeRecoveryPoint", {"BackupVaultName": "BackupVaultName", "RecoveryPointArn": "RecoveryPointArn"}))
B.row("BAK001", "UpdateBackupPlan", lower("BackupPlan.Rules[].Lifecycle.DeleteAfterDays", least=1), BACKUPS, "Backups would be deleted sooner")
B.row("BAK002", "UpdateBackupPlan", drops("BackupPlan.Rules[].RuleName", "BackupPlan.Rules[].RuleName", if_missing=True), BACKUPS_OFF, "Rules that are not in the new plan make backups no more")
B.row("BAK003", "PutBackupVaultLockConfiguration", given("ChangeableForDays"), OUTAGE_ONE_WAY, "The lock can be taken off by nobody once these days are over")
B.row("BAK004", "UpdateRecoveryPointLifecycle", lower("Lifecycle.DeleteAfterDays", least=1) | given("Lifecycle.DeleteAfterDays") & ~stands("Lifecycle.DeleteAfterDays"), BACKUPS, "The recovery point would be deleted sooner")
B.row("BAK005", "UpdateRegionSettings UpdateGlobalSettings", check(lambda request, _live: any(value is False for value in (request.get("ResourceTypeOptInPreference") or {}).values()), given=("ResourceTypeOptInPreference",)), BACKUPS_OFF, "Kinds of resources would be backed up no more")
B.row("BAK006", "StopBackupJob DisassociateRecoveryPoint DeleteBackupVaultLockConfiguration DisassociateBackupVaultMpaApprovalTeam", ALWAYS, BACKUPS_OFF, "A backup, or the guard of one, is given up", "DisassociateRecoveryPoint")
RB: Final = Table("rbin", "https://docs.aws.amazon.com/recyclebin/latest/APIReference/API_{}.html")
RB.read("UpdateRule", Read("rbin:GetRule", {"Identifier": "Identifier"}))
RB.row("BAK007", "UpdateRule", lower("RetentionPeriod.RetentionPeriodValue", least=1), BACKUPS, "What is in the recycle bin would be gone sooner")
RB.row("BAK008", "UnlockRule", ALWAYS, STRIP, "The rule could be changed and deleted again")
G: Final = Table("glue", "https://docs.aws.amazon.com/glue/latest/webapi/API_{}.html")
G.read("UpdateTable", Read("glue:GetTable", {"DatabaseName": "DatabaseName", "Name": "TableInput.Name"}, "Table"))
G.read("DeleteDatabase", Read("glue:GetTables", {"DatabaseName": "Name"}))
G.read("UpdateJob", Read("glue:GetJob", {"JobName": "JobName"}, "Job"))
G.read("StartJobRun", Read("glue:GetJob", {"JobName": "JobName"}, "Job"))
G.row("GLU001", "UpdateTable", says("SkipArchive", True), OVERWRITES, "The schema before would be kept in no version")
G.row("GLU002", "DeleteDatabase", stands("TableList[].Name"), OUTAGE_DELETE, "All tables of the database go with it")
G.row("GLU003", "UpdateTable", drops("TableInput.StorageDescriptor.Columns[].Name", "StorageDescriptor.Columns[].Name"), OUTAGE, "Columns that are not in the new schema can be queried no more")
G.row("GLU004", "UpdateJob", changed("JobUpdate.Command.ScriptLocation", "Command.ScriptLocation") | changed("JobUpdate.Role", "Role"), RUNS, "The job would run another script, or with another role")
G.row("GLU005", "UpdateTable", changed("TableInput.StorageDescriptor.Location", "StorageDescriptor.Location", unread=None), OUTAGE, "Queries would read something else")
A: Final = Table("athena", "https://docs.aws.amazon.com/athena/latest/APIReference/API_{}.html")
A.read("UpdateWorkGroup", Read("athena:GetWorkGroup", {"WorkGroup": "WorkGroup"}, "WorkGroup"))
A.row("ATH001", "UpdateWorkGroup", off("State"), OUTAGE, "Queries of the work group would be refused")
A.row("ATH002", "UpdateWorkGroup", off("ConfigurationUpdates.EnforceWorkGroupConfiguration", "Configuration.EnforceWorkGroupConfiguration") | says("ConfigurationUpdates.RemoveBytesScannedCutoffPerQuery", True), STRIP, "Limits of the work group would hold no more")
A.row("ATH003", "DeleteWorkGroup", says("RecursiveDeleteOption", True), LOSS, "Saved queries and their history would go with it")
H: Final = Table("emr", "https://docs.aws.amazon.com/emr/latest/APIReference/API_{}.html")
H.read("ModifyInstanceGroups", Read("emr:ListInstanceGroups", {"ClusterId": "ClusterId"}))


def _fewer(request: Request, live: Live) -> bool | None:
    """Of one group at least fewer instances than are asked for now."""
    wanted = {
        group.get("InstanceGroupId"): number(group.get("InstanceCount"))
        for group in values(request, "InstanceGroups[]")
    }
    stood: list[Any] | None = standing(live, "InstanceGroups[]")
    if 0 in wanted.values():
        return True
    if stood is None:
        return None
    now = {group.get("Id"): number(group.get("RequestedInstanceCount")) for group in stood}
    return any(count is not None and count < (now.get(name) or 0) for name, count in wanted.items())

H.row("EMR001", "SetTerminationProtection", says("TerminationProtected", False), STRIP, "The cluster could be terminated again")
H.row("EMR002", "ModifyInstanceGroups", check(_fewer, given=("InstanceGroups[].InstanceCount",), live=("InstanceGroups[].Id", "InstanceGroups[].RequestedInstanceCount")), LOSS, "Nodes would be removed, with what HDFS keeps on them")
H.row("EMR003", "AddJobFlowSteps RunJobFlow", given("Steps"), RUNS, "Steps run on the cluster with its role", "AddJobFlowSteps")
H.row("EMR004", "PutAutoTerminationPolicy SetUnhealthyNodeReplacement SetKeepJobFlowAliveWhenNoSteps", given("AutoTerminationPolicy") | says("KeepJobFlowAliveWhenNoSteps", False), OUTAGE, "The cluster would terminate itself when it is idle", "PutAutoTerminationPolicy")
H.row("EMR005", "PutBlockPublicAccessConfiguration", says("BlockPublicAccessConfiguration.BlockPublicSecurityGroupRules", False), EXPOSES, "Clusters could be started open to the internet")
S: Final = Table("s3", "https://docs.aws.amazon.com/AmazonS3/latest/API/API_{}.html")
S.read("PutBucketReplication", Read("s3:GetBucketReplication", {"Bucket": "Bucket"}))
S.row("S3018", "PutBucketReplication", drops("ReplicationConfiguration.Rules[].ID", "ReplicationConfiguration.Rules[].ID"), BACKUPS_OFF, "What is written would no longer be copied as it is now")
S.row("S3019", "PutBucketReplication", says("ReplicationConfiguration.Rules[].DeleteMarkerReplication.Status", "Enabled"), BACKUPS_OFF, "Deletes would reach the copies too")
S.row("S3022", "PutBucketRequestPayment", says("RequestPaymentConfiguration.Payer", "Requester"), OUTAGE, "Whoever reads without saying that they pay for it is refused")
X: Final = Table("s3control", "https://docs.aws.amazon.com/AmazonS3/latest/API/API_control_{}.html")
X.row("S3020", "PutPublicAccessBlock DeletePublicAccessBlock", ~(says("PublicAccessBlockConfiguration.BlockPublicAcls", True) & says("PublicAccessBlockConfiguration.IgnorePublicAcls", True) & says("PublicAccessBlockConfiguration.BlockPublicPolicy", True) & says("PublicAccessBlockConfiguration.RestrictPublicBuckets", True)), EXPOSES, "Buckets of the whole account could be opened to the public")
X.row("S3021", "CreateJob", given("Operation.S3DeleteObjectTagging", "Operation.LambdaInvoke", "Operation.S3PutObjectCopy", "Operation.S3PutObjectAcl", "Operation.S3ReplicateObject", "Operation.S3PutObjectRetention"), OVERWRITES, "The job touches every object of its manifest")
Y: Final = Table("dax", "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_dax_{}.html")
Y.row("DAX001", "DecreaseReplicationFactor RebootNode", ALWAYS, OUTAGE, "Nodes would be removed or restarted", "DecreaseReplicationFactor")
N: Final = Table("neptune-graph", "https://docs.aws.amazon.com/neptune-analytics/latest/apiref/API_{}.html")
N.read("UpdateGraph", Read("neptune-graph:GetGraph", {"graphIdentifier": "graphIdentifier"}))
N.row("NEP001", "UpdateGraph", off("deletionProtection"), STRIP, "The graph could be deleted again")
N.row("NEP002", "UpdateGraph", says("publicConnectivity", True), EXPOSES, "The graph could be reached from the internet")
N.row("NEP003", "ResetGraph neptunedata:ExecuteFastReset", ALWAYS, LOSS, "Everything in the graph would be deleted", "ResetGraph")
Q: Final = Table("dsql", "https://docs.aws.amazon.com/aurora-dsql/latest/APIReference/API_{}.html")
Q.read("UpdateCluster", Read("dsql:GetCluster", {"identifier": "identifier"}))
Q.row("DSQ001", "UpdateCluster", off("deletionProtectionEnabled"), STRIP, "The cluster could be deleted again")
V: Final = Table("dms", "https://docs.aws.amazon.com/dms/latest/APIReference/API_{}.html")
V.row("DMS001", "ReloadTables StartReplicationTask", says("StartReplicationTaskType", "reload-target") | given("TablesToReload"), LOSS, "Tables of the target would be emptied and loaded anew", "ReloadTables")
V.row("DMS002", "StopReplicationTask RebootReplicationInstance", ALWAYS, OUTAGE, "What is written meanwhile arrives later, or not", "StopReplicationTask")
