"""What keeps, moves and copies data: transfers, caches, file systems, archives."""

from __future__ import annotations

from typing import Final

from keyturn.providers.aws.rules.conditions import (
    ALWAYS,
    Live,
    Request,
    below,
    check,
    given,
    like,
    number,
    off,
    says,
    unread,
    values,
)
from keyturn.providers.aws.rules.table import (
    BACKUPS,
    EXPOSES,
    LOSS,
    OUTAGE,
    OUTAGE_ONE_WAY,
    REPLACES_DATA,
    ROTATES,
    STRIP,
    Table,
)

SLOW_BITS_S: Final = 1_000_000
"""A tenth of a gigabyte an hour, and a little."""


def _slow(request: Request, _live: Live) -> bool | None:
    found = values(request, "BandwidthRateLimitIntervals[].AverageUploadRateLimitInBitsPerSec")
    return any((number(one) or 0) < SLOW_BITS_S for one in found)


DAYS_LEAST: Final = 8
"""Zero keeps events for ever (EventBridge API, UpdateArchive)."""


def _kept_for_days(request: Request, _live: Live) -> bool | None:
    return any(0 < (number(one) or 0) < DAYS_LEAST for one in values(request, "RetentionDays"))


# fmt: off
CLOUDHSMV2: Final = Table("cloudhsmv2", "https://docs.aws.amazon.com/cloudhsm/latest/APIReference/API_{}.html", alone=False)
CLOUDHSMV2.row("KEP001", "ModifyCluster", below("BackupRetentionPolicy.Value", 8), BACKUPS, "Backups would be deleted after days")
B2BI: Final = Table("b2bi", "https://docs.aws.amazon.com/b2bi/latest/APIReference/API_{}.html", alone=False)
B2BI.row("KEP002", "UpdatePartnership", given("capabilities"), OUTAGE, "The capabilities in the request take the place of all that stand")
BACKUP_GATEWAY: Final = Table("backup-gateway", "https://docs.aws.amazon.com/aws-backup/latest/devguide/API_BGW_{}.html", alone=False)
BACKUP_GATEWAY.row("KEP003", "PutBandwidthRateLimitSchedule", check(_slow, given=("BandwidthRateLimitIntervals[].AverageUploadRateLimitInBitsPerSec",)), OUTAGE, "Backups would hardly leave the gateway")
BATCH: Final = Table("batch", "https://docs.aws.amazon.com/batch/latest/APIReference/API_{}.html", alone=False)
BATCH.row("KEP004", "UpdateJobQueue", given("computeEnvironmentOrder") & unread("computeEnvironmentOrder"), OUTAGE, "The queue would run on these alone, and what stands was not read")
DATASYNC: Final = Table("datasync", "https://docs.aws.amazon.com/datasync/latest/userguide/API_{}.html", alone=False)
DATASYNC.row("KEP005", "CreateTask UpdateTask StartTaskExecution UpdateTaskExecution", says("Options.PreserveDeletedFiles", "REMOVE") | says("OverrideOptions.PreserveDeletedFiles", "REMOVE"), LOSS, "What the destination has and the source has not would be deleted")
DATASYNC.row("KEP006", "UpdateTask UpdateTaskExecution", says("Options.VerifyMode", "NONE"), STRIP, "Nobody would look whether what arrived is what was sent")
DAX: Final = Table("dax", "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_dax_{}.html", alone=False)
DAX.row("KEP007", "UpdateParameterGroup", given("ParameterNameValues"), OUTAGE, "Every cluster with the group would work otherwise")
DMS: Final = Table("dms", "https://docs.aws.amazon.com/dms/latest/APIReference/API_{}.html", alone=False)
DMS.row("KEP008", "StartDataMigration StartReplication", says("StartType", "reload-target") | says("StartReplicationType", "reload-target"), LOSS, "Tables of the target would be emptied and loaded anew")
DMS.row("KEP009", "MoveReplicationTask", ALWAYS, OUTAGE, "The task stops while it moves")
DMS.row("KEP010", "ModifyConversionConfiguration", ALWAYS, OUTAGE, "Schemas would be converted otherwise")
DMS.row("KEP011", "ModifyReplicationTask", given("CdcStartPosition", "CdcStartTime"), OUTAGE, "Changes would be missed, or come twice")
DYNAMODB: Final = Table("dynamodb", "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_{}.html", alone=False)
DYNAMODB.row("KEP012", "UpdateTable", below("ProvisionedThroughput.ReadCapacityUnits", 2) | below("ProvisionedThroughput.WriteCapacityUnits", 2), OUTAGE, "Nearly every request would be throttled")
DYNAMODB.row("KEP013", "UpdateGlobalTableSettings", below("GlobalTableProvisionedWriteCapacityUnits", 2), OUTAGE, "Nearly every write would be throttled")
DYNAMODB.row("KEP014", "UpdateContinuousBackups", below("PointInTimeRecoverySpecification.RecoveryPeriodInDays", 8), BACKUPS, "The table could be restored only to the last days")
DYNAMODB.row("KEP015", "UpdateTable", off("SSESpecification.Enabled", ""), STRIP, "The table would no longer be under a key of one's own")
EFS: Final = Table("efs", "https://docs.aws.amazon.com/efs/latest/ug/API_{}.html", alone=False)
EFS.row("KEP016", "UpdateFileSystem", says("ThroughputMode", "bursting"), OUTAGE, "Without burst credits it would be slow")
EFS.row("KEP017", "ModifyMountTargetSecurityGroups", given("SecurityGroups") & unread("SecurityGroups"), OUTAGE, "The whole list of its security groups is replaced, and what stands was not read")
EFS.row("KEP018", "CreateReplicationConfiguration", given("Destinations[].FileSystemId"), REPLACES_DATA, "What is on the destination would be written over")
EFS.row("KEP019", "UpdateFileSystem", below("ProvisionedThroughputInMibps", 2), OUTAGE, "Whoever reads and writes files there would wait")
ELASTICACHE: Final = Table("elasticache", "https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_{}.html", alone=False)
ELASTICACHE.row("KEP020", "BatchApplyUpdateAction", ALWAYS, OUTAGE, "Nodes would be replaced or restarted now")
ELASTICACHE.row("KEP021", "CompleteMigration", ALWAYS, OUTAGE_ONE_WAY, "Nothing comes from the source any more, and there is no way back")
ELASTICACHE.row("KEP022", "DecreaseNodeGroupsInGlobalReplicationGroup", ALWAYS, OUTAGE, "Shards would be removed, and their data moved to others")
ELASTICACHE.row("KEP023", "DecreaseReplicaCount", below("NewReplicaCount", 2) | below("ReplicaConfiguration[].NewReplicaCount", 2) | given("ReplicasToRemove"), STRIP, "One replica, or none, would be left to fail over to")
ELASTICACHE.row("KEP024", "ModifyCacheCluster", says("AZMode", "single-az"), STRIP, "All nodes would be in one zone")
ELASTICACHE.row("KEP025", "ModifyCacheParameterGroup", like("ParameterNameValues[].ParameterName", r"(?i)memory|append|timeout|databases|cluster|output-buffer|rename|replica|repl-|lru|lfu|maxclients|chunk|evict|close-on|acl"), OUTAGE, "Every cluster with the group would work otherwise, and may drop what it holds")
ELASTICACHE.row("KEP026", "ModifyReplicationGroup", says("TransitEncryptionMode", "preferred") | given("UserGroupIdsToRemove") | says("RemoveUserGroups", True), STRIP, "Clients could connect unencrypted, or without being told apart")
ELASTICACHE.row("KEP027", "ModifyServerlessCache", below("CacheUsageLimits.DataStorage.Maximum", 2) | below("CacheUsageLimits.ECPUPerSecond.Maximum", 1001), OUTAGE, "What does not fit is evicted, or requests are throttled")
ELASTICACHE.row("KEP028", "ModifyUser", says("NoPasswordRequired", True) | says("AuthenticationMode.Type", "no-password-required"), EXPOSES, "Everybody who reaches the cache would be this user")
ELASTICACHE.row("KEP029", "ModifyUser", given("AccessString", "AppendAccessString", "Passwords", "AuthenticationMode.Passwords"), ROTATES, "The user would have other rights or passwords than now")
ELASTICACHE.row("KEP030", "StartMigration", ALWAYS, REPLACES_DATA, "What the cache holds would be written over by the source")
ES: Final = Table("es", "https://docs.aws.amazon.com/opensearch-service/latest/APIReference/API_{}.html", alone=False)
ES.row("KEP031", "UpgradeElasticsearchDomain", ~says("PerformCheckOnly", True), OUTAGE_ONE_WAY, "A domain's version goes up, never down")
ES.row("KEP032", "StartElasticsearchServiceSoftwareUpdate", ALWAYS, OUTAGE, "Nodes would be replaced by others")
ES.row("KEP033", "UpdateElasticsearchDomainConfig", below("ElasticsearchClusterConfig.InstanceCount", 2), STRIP, "One node would hold all data")
EVENTBRIDGEV2: Final = Table("eventbridgev2", "https://docs.aws.amazon.com/eventbridge/latest/APIReference/Welcome.html", alone=False)
EVENTBRIDGEV2.row("KEP034", "UpdateSubscriber", says("ResumePosition", "LATEST"), OUTAGE, "Events that came meanwhile would be passed over")
EVENTS: Final = Table("events", "https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_{}.html", alone=False)
EVENTS.row("KEP035", "UpdateArchive", check(_kept_for_days, given=("RetentionDays",)), BACKUPS, "Events would be deleted from the archive after days", alone=True)
EVENTS.row("KEP036", "UpdateApiDestination", below("InvocationRateLimitPerSecond", 2), OUTAGE, "Events would come later than they are needed, or not at all")
EVENTS.row("KEP037", "UpdateEndpoint", given("RoutingConfig.FailoverConfig.Secondary.Route", "RoutingConfig.FailoverConfig.Primary.HealthCheck"), OUTAGE, "Events would fail over to elsewhere, or by another check")
DOCDB: Final = Table("docdb", "https://docs.aws.amazon.com/documentdb/latest/developerguide/API_{}.html", alone=False)
DOCDB.row("KEP038", "ModifyDBClusterParameterGroup", like("Parameters[].ParameterName", r"(?i)tls|audit|ttl_monitor|change_stream"), OUTAGE, "Every cluster with the group would work otherwise: it may take unencrypted connections, or audit nothing")
DOCDB.row("KEP039", "ModifyDBInstance", says("ApplyImmediately", True) & given("DBInstanceClass"), OUTAGE, "The instance would be replaced by another now")
DLM: Final = Table("dlm", "https://docs.aws.amazon.com/dlm/latest/APIReference/API_{}.html", alone=False)
DLM.row("KEP040", "UpdateLifecyclePolicy", below("PolicyDetails.Schedules[].RetainRule.Count", 4) | below("RetainInterval", 4), BACKUPS, "All but the last copies would be deleted")
DOCDB_ELASTIC: Final = Table("docdb-elastic", "https://docs.aws.amazon.com/documentdb/latest/developerguide/API_elastic_{}.html", alone=False)
DOCDB_ELASTIC.row("KEP041", "UpdateCluster", below("shardInstanceCount", 2), STRIP, "No replica would be left to fail over to")
