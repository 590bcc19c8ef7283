"""What flows: logs, streams, topics, events, schedules, queues of brokers."""

from __future__ import annotations

from typing import Final

from keyturn.providers.aws.rules.conditions import (
    ALWAYS,
    at_least,
    below,
    changed,
    drops,
    given,
    lower,
    off,
    says,
    smaller,
    stands,
    unread,
)
from keyturn.providers.aws.rules.table import (
    BLINDS,
    GRANTS,
    LEAKS,
    LOSS,
    OUTAGE,
    OUTAGE_DELETE,
    OUTAGE_ONE_WAY,
    OVERWRITES,
    ROTATES,
    RUNS,
    STRIP,
    TOLD,
    Read,
    Table,
)

# fmt: off
L: Final = Table("logs", "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_{}.html")
_GROUP: Final = Read("logs:DescribeLogGroups", {"logGroupNamePrefix": "logGroupName"}, "logGroups[0]")
L.read("PutRetentionPolicy DeleteRetentionPolicy DisassociateKmsKey AssociateKmsKey", _GROUP)
L.read("PutLogGroupDeletionProtection", Read("logs:DescribeLogGroups", {"logGroupIdentifiers": ["logGroupIdentifier"]}, "logGroups[0]"))
L.read("PutSubscriptionFilter", Read("logs:DescribeSubscriptionFilters", {"logGroupName": "logGroupName"}))
L.read("PutMetricFilter", Read("logs:DescribeMetricFilters", {"logGroupName": "logGroupName", "filterNamePrefix": "filterName"}, "metricFilters[0]"))
COUNTED_DAYS: Final = 7
"""By then what has come in stands in `storedBytes`, which follows with a delay (API_LogGroup)."""

L.row("LOG001", "PutRetentionPolicy", unread("retentionInDays") & below("retentionInDays", 30) | lower("retentionInDays") | ~stands("retentionInDays") & ~(stands("storedBytes", 0) & at_least("retentionInDays", COUNTED_DAYS)), LOSS, "Events older than the new retention would be deleted")
L.row("LOG002", "PutSubscriptionFilter", given("destinationArn") & (~stands("subscriptionFilters[].destinationArn") | unread("subscriptionFilters[].destinationArn")), LEAKS, "Everything that is logged would be sent somewhere")
L.row("LOG003", "PutSubscriptionFilter", changed("destinationArn", "subscriptionFilters[].destinationArn", unread=None), OUTAGE, "What reads the log now would get it no more")
L.row("LOG004", "PutLogGroupDeletionProtection", off("deletionProtectionEnabled"), STRIP, "The log group could be deleted again")
L.row("LOG005", "DisassociateKmsKey", stands("kmsKeyId"), STRIP, "New events would no longer be encrypted under a key of yours")
L.row("LOG006", "PutMetricFilter", changed("filterPattern", unread=None), BLINDS, "What an alarm counts would change")
L.row("LOG007", "DeleteDataProtectionPolicy DeleteAccountPolicy", ALWAYS, STRIP, "What is sensitive in the log may stand there in the clear")
L.read("PutDataProtectionPolicy", Read("logs:GetDataProtectionPolicy", {"logGroupIdentifier": "logGroupIdentifier"}))
L.row("LOG008", "PutDataProtectionPolicy", (stands("policyDocument") | unread("policyDocument")) & changed("policyDocument"), STRIP, "The policy before is replaced: what it masked may stand in the log in the clear")
K: Final = Table("kinesis", "https://docs.aws.amazon.com/kinesis/latest/APIReference/API_{}.html")
_STREAM: Final = Read("kinesis:DescribeStreamSummary", {"StreamName": "StreamName"}, "StreamDescriptionSummary")
K.read("DecreaseStreamRetentionPeriod UpdateShardCount StopStreamEncryption DeleteStream", _STREAM)
K.row("KIN001", "DecreaseStreamRetentionPeriod", lower("RetentionPeriodHours") | unread("RetentionPeriodHours"), LOSS, "Records older than the new retention are deleted at once")
K.row("KIN002", "UpdateShardCount", lower("TargetShardCount", "OpenShardCount", least=1), OUTAGE, "Writers would be throttled: fewer shards than now")
K.row("KIN003", "DeleteStream", says("EnforceConsumerDeletion", True), OUTAGE_DELETE, "Consumers that are registered would go with it")
K.row("KIN004", "StopStreamEncryption", stands("EncryptionType", "KMS"), STRIP, "New records would no longer be encrypted")
K.row("KIN005", "DeregisterStreamConsumer DisableEnhancedMonitoring MergeShards", ALWAYS, OUTAGE, "Somebody reads less of the stream, or sees less of it", "DeregisterStreamConsumer")
F: Final = Table("firehose", "https://docs.aws.amazon.com/firehose/latest/APIReference/API_{}.html")
F.row("FH001", "UpdateDestination", given("ExtendedS3DestinationUpdate.BucketARN", "S3DestinationUpdate.BucketARN", "RedshiftDestinationUpdate.ClusterJDBCURL", "HttpEndpointDestinationUpdate.EndpointConfiguration"), LEAKS, "What flows through it would go elsewhere")
F.row("FH002", "StopDeliveryStreamEncryption", ALWAYS, STRIP, "What waits in it would no longer be encrypted")
S: Final = Table("sns", "https://docs.aws.amazon.com/sns/latest/api/API_{}.html")
S.read("SetTopicAttributes", Read("sns:GetTopicAttributes", {"TopicArn": "TopicArn"}))
S.read("SetSubscriptionAttributes Unsubscribe", Read("sns:GetSubscriptionAttributes", {"SubscriptionArn": "SubscriptionArn"}))
S.row("SNS002", "SetTopicAttributes", says("AttributeName", "KmsMasterKeyId", "DeliveryPolicy", "DataProtectionPolicy"), STRIP, "How messages are guarded, or how often they are tried, would change")
S.row("SNS003", "SetSubscriptionAttributes", says("AttributeName", "FilterPolicy", "RedrivePolicy", "FilterPolicyScope", "DeliveryPolicy"), OUTAGE, "A subscriber would get fewer messages, or lose those that fail")
S.row("SNS004", "Unsubscribe", ALWAYS, OUTAGE, "A subscriber would get no more messages")
S.row("SNS005", "Subscribe", says("Protocol", "http", "https", "firehose"), LEAKS, "Messages would go to that address")
S.row("SNS007", "Subscribe", says("Protocol", "email", "email-json", "sms"), TOLD, "Whoever reads at that address would be told, once she has agreed")
E: Final = Table("events", "https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_{}.html")
_RULE: Final = Read("events:DescribeRule", {"Name": "Name"})
E.read("PutRule DisableRule DeleteRule", _RULE)
E.read("PutTargets RemoveTargets", Read("events:ListTargetsByRule", {"Rule": "Rule"}))
E.row("EVB001", "PutRule", off("State"), OUTAGE, "What the rule sets off would happen no more")
E.row("EVB002", "PutRule", changed("ScheduleExpression", unread=None) | changed("EventPattern", unread=None), OUTAGE, "It would be set off by something else, or at another time")
E.row("EVB003", "DisableRule", stands("State", "ENABLED"), OUTAGE, "What the rule sets off would happen no more")
E.row("EVB004", "PutTargets", changed("Targets[].Arn") & changed("Targets[].Arn", unread=True), RUNS, "What is set off would be something else, with its authority")
E.row("EVB005", "PutPermission", says("Principal", "*") | given("Principal", "Policy"), GRANTS, "Others could put events on the bus")
E.row("EVB006", "DeactivateEventSource RemovePermission", ALWAYS, OUTAGE, "Events from there come no more", "DeactivateEventSource")
C: Final = Table("scheduler", "https://docs.aws.amazon.com/scheduler/latest/APIReference/API_{}.html")
C.read("UpdateSchedule", Read("scheduler:GetSchedule", {"Name": "Name"}))
C.row("SCH001", "UpdateSchedule", off("State"), OUTAGE, "What the schedule sets off would happen no more")
C.row("SCH002", "UpdateSchedule", changed("Target.Arn") | changed("Target.RoleArn") | changed("Target.Input"), RUNS, "What is set off would be something else, or with other authority")
C.row("SCH003", "UpdateSchedule", says("ActionAfterCompletion", "DELETE"), OUTAGE, "The schedule would delete itself once it has run")
M: Final = Table("kafka", "https://docs.aws.amazon.com/msk/1.0/apireference/clusters-clusterarn-{}.html")
M.read("UpdateBrokerCount UpdateSecurity UpdateConnectivity UpdateClusterConfiguration RebootBroker", Read("kafka:DescribeCluster", {"ClusterArn": "ClusterArn"}, "ClusterInfo"))
M.row("MSK001", "UpdateBrokerCount", lower("TargetNumberOfBrokerNodes", "NumberOfBrokerNodes", least=2), OUTAGE_ONE_WAY, "Brokers would be removed; partitions that are on them have to be elsewhere")
M.row("MSK002", "UpdateConnectivity", says("ConnectivityInfo.PublicAccess.Type", "SERVICE_PROVIDED_EIPS"), LEAKS, "The brokers would be reached from the internet")
M.row("MSK003", "UpdateSecurity", says("ClientAuthentication.Unauthenticated.Enabled", True) | says("EncryptionInfo.EncryptionInTransit.ClientBroker", "PLAINTEXT", "TLS_PLAINTEXT"), STRIP, "Clients could come without proof, or without encryption")
M.read("UpdateBrokerType", Read("kafka:DescribeClusterV2", {"ClusterArn": "ClusterArn"}, "ClusterInfo"))
M.row("MSK006", "UpdateBrokerType", smaller("TargetInstanceType", "Provisioned.BrokerNodeGroupInfo.InstanceType"), OUTAGE, "Brokers would be of a smaller type than those that bear the load now")
M.row("MSK004", "RebootBroker UpdateClusterKafkaVersion UpdateClusterConfiguration", ALWAYS, OUTAGE, "Brokers would be restarted, one after the other", "RebootBroker")
Q: Final = Table("mq", "https://docs.aws.amazon.com/amazon-mq/latest/api-reference/brokers-broker-id.html#{}")
Q.read("UpdateBroker", Read("mq:DescribeBroker", {"BrokerId": "BrokerId"}))
Q.row("MQ001", "UpdateBroker", says("Logs.Audit", False) | says("Logs.General", False), BLINDS, "The broker would log less")
Q.row("MQ002", "UpdateUser", given("Password"), ROTATES, "Whoever uses the password before fails")
Q.row("MQ003", "RebootBroker", ALWAYS, OUTAGE, "Connections are dropped while it restarts")
Q.row("MQ004", "UpdateBroker", drops("SecurityGroups", "SecurityGroups"), OUTAGE, "The whole list of its security groups is replaced")
IOT: Final = Table("iot", "https://docs.aws.amazon.com/iot/latest/apireference/API_{}.html")
IOT.row("IOT001", "UpdateCertificate UpdateCACertificate", says("newStatus", "INACTIVE", "REVOKED"), OUTAGE, "Devices with that certificate could connect no more", "UpdateCertificate")
IOT.row("IOT002", "DisableTopicRule DetachPolicy DetachThingPrincipal SetDefaultPolicyVersion", ALWAYS, OUTAGE, "Devices or rules may work no more as they do", "DetachPolicy")
IOT.row("IOT003", "ReplaceTopicRule", given("topicRulePayload"), OVERWRITES, "The rule is replaced as a whole: what it did is not done any more")
W: Final = Table("cloudwatch", "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_{}.html")
W.read("PutDashboard", Read("cloudwatch:GetDashboard", {"DashboardName": "DashboardName"}))
W.row("CW006", "DisableInsightRules StopMetricStreams DeleteAnomalyDetector DeleteInsightRules DeleteMetricStream", ALWAYS, BLINDS, "Something is watched no more", "StopMetricStreams")
_SES: Final = Table("ses", "https://docs.aws.amazon.com/ses/latest/APIReference/API_{}.html")
_SES.row("SES001", "SetActiveReceiptRuleSet", ~given("RuleSetName"), OUTAGE, "Mail would be received no more")
_SES.row("SES002", "UpdateAccountSendingEnabled UpdateConfigurationSetSendingEnabled", says("Enabled", False) | ~given("Enabled") & ~says("Enabled", True), OUTAGE, "Mail would be sent no more", "UpdateAccountSendingEnabled")
_SES.row("SES003", "SetIdentityDkimEnabled", off("DkimEnabled", ""), STRIP, "Mail would be signed no more")
_SES.row("SES004", "sesv2:PutAccountSendingAttributes sesv2:PutConfigurationSetSendingOptions", says("SendingEnabled", False), OUTAGE, "Mail would be sent no more", "https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_PutAccountSendingAttributes.html")
