"""Rows of services from F to O that have few of them each."""

from __future__ import annotations

from typing import Final

from keyturn.providers.aws.rules.conditions import (
    ALWAYS,
    below,
    changed,
    drops,
    given,
    like,
    says,
    short,
    some,
    zero,
)
from keyturn.providers.aws.rules.table import (
    BLINDS,
    EXPOSES,
    GRANTS,
    LEAKS,
    LOSS,
    LOSS_WINDOW,
    OUTAGE,
    OUTAGE_DELETE,
    OUTAGE_ONE_WAY,
    ROTATES,
    RUNS,
    STRIP,
    Read,
    Table,
)

# fmt: off
T: Final = Table("lambda", "https://docs.aws.amazon.com/cli/latest/reference/{}.html")
T.row("LAM020", "lambda:PutFunctionEventInvokeConfig lambda:UpdateFunctionEventInvokeConfig lambda:UpdateEventSourceMapping", says("MaximumRetryAttempts", 0) | short("MaximumEventAgeInSeconds", 300) | short("MaximumRecordAgeInSeconds", 300), LOSS, "What fails once, or waits a little, would be thrown away", "https://docs.aws.amazon.com/cli/latest/reference/lambda/put-function-event-invoke-config.html")
T.row("LAM021", "lambda:PutFunctionScalingConfig", zero("FunctionScalingConfig.MaxExecutionEnvironments", live=""), OUTAGE, "Nothing would be left to run the function", "https://docs.aws.amazon.com/cli/latest/reference/lambda/put-function-scaling-config.html")
T.row("LAM022", "lambda-web:UpdateWebFunctionEndpoint", says("authType", "ApplicationManaged"), EXPOSES, "Who calls it would no longer be asked for by AWS: everybody reaches the code", "https://docs.aws.amazon.com/cli/latest/reference/lambda-web/update-web-function-endpoint.html")
T.row("MSK005", "kafka:UpdateMonitoring", says("EnhancedMonitoring", "DEFAULT"), BLINDS, "Fewer measures of the brokers would be seen", "https://docs.aws.amazon.com/cli/latest/reference/kafka/update-monitoring.html")
T.row("KVS001", "kinesisvideo:UpdateDataRetention", says("Operation", "DECREASE_DATA_RETENTION"), LOSS, "Video older than the shorter retention would be deleted", "https://docs.aws.amazon.com/cli/latest/reference/kinesisvideo/update-data-retention.html")
T.row("KVS002", "kinesisvideo:StartEdgeConfigurationUpdate", says("EdgeConfig.DeletionConfig.DeleteAfterUpload", True) | short("EdgeConfig.DeletionConfig.EdgeRetentionInHours", 24), LOSS, "What the edge device holds would be deleted", "https://docs.aws.amazon.com/cli/latest/reference/kinesisvideo/start-edge-configuration-update.html")
T.row("KDA001", "kinesisanalyticsv2:UpdateApplication kinesisanalytics:UpdateApplication", given("ApplicationConfigurationUpdate.ApplicationCodeConfigurationUpdate.CodeContentUpdate", "ApplicationUpdate.ApplicationCodeUpdate"), RUNS, "Other code would run on what flows through, with the application's role", "https://docs.aws.amazon.com/cli/latest/reference/kinesisanalyticsv2/update-application.html")
T.row("KDA002", "kinesisanalyticsv2:UpdateApplication kinesisanalyticsv2:StartApplication", says("RunConfigurationUpdate.ApplicationRestoreConfiguration.ApplicationRestoreType", "SKIP_RESTORE_FROM_SNAPSHOT") | says("RunConfiguration.ApplicationRestoreConfiguration.ApplicationRestoreType", "SKIP_RESTORE_FROM_SNAPSHOT"), LOSS, "It would begin without the state that it has kept", "https://docs.aws.amazon.com/cli/latest/reference/kinesisanalyticsv2/update-application.html")
T.row("KSP001", "keyspaces:UpdateTable", some("defaultTimeToLive"), LOSS, "Rows would be deleted when they have stood that long", "https://docs.aws.amazon.com/cli/latest/reference/keyspaces/update-table.html")
T.row("KMS012", "kms:ImportKeyMaterial", says("ExpirationModel", "KEY_MATERIAL_EXPIRES") | given("ValidTo"), LOSS_WINDOW, "At that date what the key has encrypted would be unreadable", "https://docs.aws.amazon.com/cli/latest/reference/kms/import-key-material.html")
T.row("KMS013", "kms:UpdatePrimaryRegion", ALWAYS, OUTAGE, "Who rules over the key would be another region: what is set in the one before is refused", "https://docs.aws.amazon.com/cli/latest/reference/kms/update-primary-region.html")
T.row("KMS014", "kms:UpdateCustomKeyStore", given("CloudHsmClusterId", "XksProxyUriEndpoint", "XksProxyUriPath", "XksProxyVpcEndpointServiceName", "XksProxyConnectivity"), OUTAGE, "Keys would be looked for somewhere else: what they have encrypted may be unreadable", "https://docs.aws.amazon.com/cli/latest/reference/kms/update-custom-key-store.html")
T.row("GLU010", "glue:ModifyIntegration rds:ModifyIntegration", given("DataFilter"), OUTAGE, "Other tables would be copied than now", "https://docs.aws.amazon.com/cli/latest/reference/glue/modify-integration.html")
T.row("GLU011", "glue:UpdateConnection", given("ConnectionInput.ConnectionProperties"), OUTAGE, "What connects by it would go by other properties: those that are not given are gone", "https://docs.aws.amazon.com/cli/latest/reference/glue/update-connection.html")
T.row("GML001", "gamelift:UpdateAlias", says("RoutingStrategy.Type", "TERMINAL") | given("RoutingStrategy.FleetId"), OUTAGE, "Players would be sent to another fleet, or away", "https://docs.aws.amazon.com/cli/latest/reference/gamelift/update-alias.html")
T.row("GML002", "gamelift:UpdateScript", given("ZipFile", "StorageLocation"), RUNS, "Other code would run on the servers of the fleet", "https://docs.aws.amazon.com/cli/latest/reference/gamelift/update-script.html")
T.row("GD004", "guardduty:UpdateTrustedEntitySet", says("Activate", True), BLINDS, "Nothing that these do would be found suspicious", "https://docs.aws.amazon.com/cli/latest/reference/guardduty/update-trusted-entity-set.html")
T.row("GD005", "guardduty:UpdateIPSet guardduty:UpdateTrustedEntitySet guardduty:UpdateThreatIntelSet guardduty:UpdateThreatEntitySet", given("Location"), BLINDS, "Other addresses would be trusted, or looked for", "https://docs.aws.amazon.com/cli/latest/reference/guardduty/update-ip-set.html")
T.row("GD006", "guardduty:CreateCustomDetectionRuleAssociation guardduty:UpdateMalwareScanSettings", says("Mode", "DRY_RUN") | says("EbsSnapshotPreservation", "NO_RETENTION") | given("ScanResourceCriteria.Exclude"), BLINDS, "Less would be found, or kept of what is found", "https://docs.aws.amazon.com/cli/latest/reference/guardduty/create-custom-detection-rule-association.html")
T.row("IAM013", "iam:EnableOrganizationsRootSessions iam:EnableOrganizationsRootCredentialsManagement", ALWAYS, GRANTS, "The management account could act as root in every account below", "https://docs.aws.amazon.com/cli/latest/reference/iam/enable-organizations-root-sessions.html")
T.row("IMB001", "imagebuilder:UpdateDistributionConfiguration imagebuilder:CreateDistributionConfiguration", says("distributions[].amiDistributionConfiguration.launchPermission.userGroups[]", "all") | given("distributions[].amiDistributionConfiguration.launchPermission.userIds", "distributions[].amiDistributionConfiguration.launchPermission.organizationArns", "distributions[].amiDistributionConfiguration.targetAccountIds"), LEAKS, "Images would be given to other accounts, or to everybody", "https://docs.aws.amazon.com/cli/latest/reference/imagebuilder/update-distribution-configuration.html")
T.row("IMB002", "imagebuilder:UpdateLifecyclePolicy imagebuilder:CreateLifecyclePolicy", says("policyDetails[].action.type", "DELETE", "DISABLE"), LOSS, "Images that grow old would be deleted, or be there for nobody", "https://docs.aws.amazon.com/cli/latest/reference/imagebuilder/update-lifecycle-policy.html")
T.row("INS001", "inspector2:UpdateConfiguration", like("ecrConfiguration.rescanDuration", "^DAYS_(14|30|60)$") | like("ecrConfiguration.pullDateRescanDuration", "^DAYS_(3|7|14|30)$"), BLINDS, "Images would be looked at for a shorter time", "https://docs.aws.amazon.com/cli/latest/reference/inspector2/update-configuration.html")
T.row("IOT004", "iot:UpdateAuditSuppression iot:CreateAuditSuppression", says("suppressIndefinitely", True) | given("expirationDate"), BLINDS, "What the audit finds there would not be told", "https://docs.aws.amazon.com/cli/latest/reference/iot/update-audit-suppression.html")
T.row("IOT005", "iot:TransferCertificate", ALWAYS, LEAKS, "Another account would have the certificate: what connects by it is that account's", "https://docs.aws.amazon.com/cli/latest/reference/iot/transfer-certificate.html")
T.row("IOT006", "iot:UpdateProvisioningTemplate", given("defaultVersionId"), OUTAGE, "New devices would be set up otherwise than now", "https://docs.aws.amazon.com/cli/latest/reference/iot/update-provisioning-template.html")
T.row("IOT007", "iot:CreateProvisioningTemplateVersion", says("setAsDefault", True) | like("templateBody", "AWS::IoT::Policy"), GRANTS, "New devices would get the policies of another template", "https://docs.aws.amazon.com/cli/latest/reference/iot/create-provisioning-template-version.html")
T.row("IOT008", "iot:UpdateDomainConfiguration", given("authenticationType", "applicationProtocol", "tlsConfig.securityPolicy") | says("authorizerConfig.allowAuthorizerOverride", True), OUTAGE, "Devices would have to prove themselves otherwise, or speak otherwise, than now", "https://docs.aws.amazon.com/cli/latest/reference/iot/update-domain-configuration.html")
T.row("ISW001", "iotsitewise:PutStorageConfiguration", some("retentionPeriod.numberOfDays") | some("warmTierRetentionPeriod.numberOfDays"), LOSS, "Measurements older than that would be deleted", "https://docs.aws.amazon.com/cli/latest/reference/iotsitewise/put-storage-configuration.html")
T.row("IWL001", "iotwireless:UpdateDestination", given("Expression"), OUTAGE, "What devices send would go to another rule or topic", "https://docs.aws.amazon.com/cli/latest/reference/iotwireless/update-destination.html")
T.row("IVS001", "ivs:UpdateChannel", says("insecureIngest", True), STRIP, "Streams could come without encryption", "https://docs.aws.amazon.com/cli/latest/reference/ivs/update-channel.html")
T.row("IVS002", "ivs-realtime:UpdateStage", says("autoParticipantRecordingConfiguration.mediaTypes[]", "NONE"), OUTAGE, "What takes place there would no longer be recorded", "https://docs.aws.amazon.com/cli/latest/reference/ivs-realtime/update-stage.html")
T.row("KEN001", "kendra:AssociateEntitiesToExperience kendra:AssociatePersonasToEntities", given("EntityList", "Personas"), GRANTS, "These people could search there, or rule over it", "https://docs.aws.amazon.com/cli/latest/reference/kendra/associate-entities-to-experience.html")
T.row("KEN002", "kendra:UpdateIndex", says("UserContextPolicy", "ATTRIBUTE_FILTER"), STRIP, "Who asks would be believed who she is without a token", "https://docs.aws.amazon.com/cli/latest/reference/kendra/update-index.html")
T.row("LKF001", "lakeformation:UpdateLFTag lakeformation:UpdateTableObjects", given("TagValuesToDelete", "WriteOperations[].DeleteObject"), OUTAGE_DELETE, "What rights or tables rest on would be taken away", "https://docs.aws.amazon.com/cli/latest/reference/lakeformation/update-lf-tag.html")
T.row("LIM001", "license-manager:UpdateLicenseConfiguration", says("LicenseCountHardLimit", True), OUTAGE, "Instances beyond the count could not start", "https://docs.aws.amazon.com/cli/latest/reference/license-manager/update-license-configuration.html")
T.row("LSL004", "lightsail:UpdateDomainEntry", given("domainEntry.target"), OUTAGE, "The name would lead to another place", "https://docs.aws.amazon.com/cli/latest/reference/lightsail/update-domain-entry.html")
T.row("LSL005", "lightsail:UpdateDistribution", given("origin.name"), OUTAGE, "Visitors would be served from another origin", "https://docs.aws.amazon.com/cli/latest/reference/lightsail/update-distribution.html")
T.row("LSL006", "lightsail:SetIpAddressType lightsail:UpdateLoadBalancerAttribute", says("ipAddressType", "ipv6") | like("attributeValue", "TLS-2016"), OUTAGE, "Clients of today could not reach it, or old ones could with weak encryption", "https://docs.aws.amazon.com/cli/latest/reference/lightsail/set-ip-address-type.html")
T.row("LOG009", "logs:UpdateAnomaly", given("suppressionType"), BLINDS, "What is found unusual would not be told", "https://docs.aws.amazon.com/cli/latest/reference/logs/update-anomaly.html")
T.row("LOG010", "logs:PutAccountPolicy", says("policyType", "SUBSCRIPTION_FILTER_POLICY"), LEAKS, "All that is logged in the account would be sent somewhere", "https://docs.aws.amazon.com/cli/latest/reference/logs/put-account-policy.html")
T.row("LOE001", "lookoutequipment:UpdateActiveModelVersion", ALWAYS, OUTAGE, "What is told of the machines would be told by another model", "https://docs.aws.amazon.com/cli/latest/reference/lookoutequipment/update-active-model-version.html")
T.row("MAC001", "macie2:UpdateResourceProfile macie2:UpdateResourceProfileDetections macie2:UpdateClassificationScope macie2:UpdateSensitivityInspectionTemplate macie2:CreateFindingsFilter", below("sensitivityScoreOverride", 50) | given("suppressDataIdentifiers", "s3.excludes.bucketNames", "excludes.managedDataIdentifierIds") | says("action", "ARCHIVE"), BLINDS, "Sensitive data there would be looked for less, or found and put away", "https://docs.aws.amazon.com/cli/latest/reference/macie2/update-resource-profile.html")
T.row("MLM001", "mailmanager:UpdateArchive", like("Retention.RetentionPeriod", "MONTHS|^(ONE|TWO)_YEAR"), LOSS, "Mail older than that would be deleted from the archive", "https://docs.aws.amazon.com/cli/latest/reference/mailmanager/update-archive.html")
T.row("MLM002", "mailmanager:UpdateIngressPoint", says("StatusToUpdate", "CLOSED") | given("RuleSetId", "TrafficPolicyId"), OUTAGE, "Mail would be refused, or go through other rules", "https://docs.aws.amazon.com/cli/latest/reference/mailmanager/update-ingress-point.html")
T.row("MLM003", "mailmanager:UpdateTrafficPolicy", says("DefaultAction", "ALLOW"), STRIP, "Mail that no statement speaks of would be let in", "https://docs.aws.amazon.com/cli/latest/reference/mailmanager/update-traffic-policy.html")
T.row("MCN001", "mediaconnect:UpdateFlowOutput", given("Destination", "Port", "StreamId"), OUTAGE, "What flows would be sent to another place", "https://docs.aws.amazon.com/cli/latest/reference/mediaconnect/update-flow-output.html")
T.row("MCN002", "mediaconnect:UpdateBridgeState mediaconnect:TakeRouterInput", says("DesiredState", "STANDBY") | given("RouterInputArn"), OUTAGE, "What is on the air would change, or stop", "https://docs.aws.amazon.com/cli/latest/reference/mediaconnect/update-bridge-state.html")
T.row("MCV001", "mediaconvert:PutPolicy", says("Policy.S3Inputs", "DISALLOWED") | says("Policy.HttpsInputs", "DISALLOWED") | says("Policy.HttpInputs", "ALLOWED", "DISALLOWED"), OUTAGE, "Jobs could fetch from other places than now, or no longer from theirs", "https://docs.aws.amazon.com/cli/latest/reference/mediaconvert/put-policy.html")
T.row("MDL001", "medialive:TransferInputDevice", ALWAYS, LEAKS, "The device would be another account's", "https://docs.aws.amazon.com/cli/latest/reference/medialive/transfer-input-device.html")
T.row("MEM004", "memorydb:UpdateUser", given("AccessString", "AuthenticationMode.Passwords"), ROTATES, "The user may do other things, or signs in no more as before", "https://docs.aws.amazon.com/cli/latest/reference/memorydb/update-user.html")
T.row("MGN001", "mgn:UpdateSourceServerReplicationType mgn:ChangeServerLifeCycleState", given("replicationType") | says("lifeCycle.state", "CUTOVER"), OUTAGE, "Its copy is made anew, or it counts as moved", "https://docs.aws.amazon.com/cli/latest/reference/mgn/update-source-server-replication-type.html")
T.row("MQ005", "mq:UpdateUser mq:UpdateConfiguration", given("Groups", "Data") | says("ConsoleAccess", True), GRANTS, "A user would have other rights, or the broker other rules", "https://docs.aws.amazon.com/cli/latest/reference/mq/update-user.html")
T.row("MTK001", "mturk:UpdateExpirationForHIT mturk:SendBonus mturk:ApproveAssignment", given("ExpireAt", "BonusAmount"), OUTAGE_ONE_WAY, "Work would end, or money be paid, which nothing takes back", "https://docs.aws.amazon.com/cli/latest/reference/mturk/update-expiration-for-hit.html")
T.row("MWA001", "mwaa:UpdateEnvironment", given("DagS3Path", "PluginsS3Path", "RequirementsS3Path", "StartupScriptS3Path", "SourceBucketArn"), RUNS, "Other workflows would run, with the environment's role", "https://docs.aws.amazon.com/cli/latest/reference/mwaa/update-environment.html")
for _service in ("neptune", "rds"):
    T.read(f"{_service}:ModifyDBClusterEndpoint", Read(f"{_service}:DescribeDBClusterEndpoints", {"DBClusterEndpointIdentifier": "DBClusterEndpointIdentifier"}, "DBClusterEndpoints[0]"))
T.row("NEP010", "neptune:ModifyDBClusterEndpoint rds:ModifyDBClusterEndpoint", drops("StaticMembers[]", "StaticMembers[]", unread=True) | changed("ExcludedMembers[]") | changed("EndpointType"), OUTAGE, "Clients would be sent to other instances", "https://docs.aws.amazon.com/cli/latest/reference/neptune/modify-db-cluster-endpoint.html")
T.row("NFW010", "network-firewall:AssociateFirewallPolicy network-firewall:UpdateRuleGroup", given("FirewallPolicyArn") | like("Rules", "(?m)^\\s*pass ") | says("RuleGroup.RulesSource.StatefulRules[].Action", "PASS") | says("RuleGroup.RulesSource.RulesSourceList.GeneratedRulesType", "ALLOWLIST", "ALERTLIST"), STRIP, "Other rules would decide what passes, or more would pass", "https://docs.aws.amazon.com/cli/latest/reference/network-firewall/associate-firewall-policy.html")
T.row("OBS001", "observabilityadmin:StopTelemetryEvaluation observabilityadmin:StopTelemetryEvaluationForOrganization", ALWAYS, BLINDS, "What is not watched would no longer be known", "https://docs.aws.amazon.com/cli/latest/reference/observabilityadmin/stop-telemetry-evaluation.html")
T.row("OS010", "opensearch:UpdateClone", given("RetentionOptions.RetentionAction", "CutoverOptions.Target", "TrafficSplitOptions.CloneReadTrafficPercent"), OUTAGE, "Traffic would go to another cluster, or one would be deleted", "https://docs.aws.amazon.com/cli/latest/reference/opensearch/update-clone.html")
T.row("OSS001", "opensearchserverless:UpdateLifecyclePolicy opensearchserverless:CreateLifecyclePolicy", like("policy", "[^o]MinIndexRetention"), LOSS, "Documents older than that may be deleted", "https://docs.aws.amazon.com/cli/latest/reference/opensearchserverless/update-lifecycle-policy.html")
T.row("OSM001", "opensearchmemory:UpdateSpace", short("eventExpiryDays", 7) | short("memoryExpiryDays", 7), LOSS, "What is remembered would be deleted sooner", "https://docs.aws.amazon.com/cli/latest/reference/opensearchmemory/update-space.html")
T.row("OSI001", "osis:UpdatePipeline", given("PipelineConfigurationBody"), OUTAGE, "What flows through it would be changed, or sent, otherwise than now", "https://docs.aws.amazon.com/cli/latest/reference/osis/update-pipeline.html")
T.row("FSX010", "fsx:UpdateDataRepositoryAssociation fsx:CreateDataRepositoryAssociation fsx:UpdateVolume", says("S3.AutoExportPolicy.Events[]", "DELETED") | says("S3.AutoImportPolicy.Events[]", "DELETED") | says("OntapConfiguration.SnaplockConfiguration.PrivilegedDelete", "ENABLED"), LOSS, "What is deleted on one side would be deleted on the other, or locked files could be", "https://docs.aws.amazon.com/cli/latest/reference/fsx/update-data-repository-association.html")
T.row("GA010", "globalaccelerator:UpdateListener globalaccelerator:UpdateCustomRoutingListener", given("PortRanges"), OUTAGE, "Who comes to another port than these finds nobody", "https://docs.aws.amazon.com/cli/latest/reference/globalaccelerator/update-listener.html")
T.row("GLU013", "glue:UpdateTrigger", given("TriggerUpdate.Actions", "TriggerUpdate.Predicate", "TriggerUpdate.Schedule"), OUTAGE, "Other jobs would be set off, or these at other times", "https://docs.aws.amazon.com/cli/latest/reference/glue/update-trigger.html")
T.row("FRC010", "forecast:UpdateDatasetGroup", ALWAYS, OUTAGE, "What is not in the new list is in the group no more", "https://docs.aws.amazon.com/cli/latest/reference/forecast/update-dataset-group.html")
T.row("FMS010", "fms:AssociateAdminAccount", ALWAYS, GRANTS, "That account would set the rules of every firewall of the organization", "https://docs.aws.amazon.com/cli/latest/reference/fms/associate-admin-account.html")
