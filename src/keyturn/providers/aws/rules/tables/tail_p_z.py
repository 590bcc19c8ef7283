"""Rows of services from P to Z that have few of them each."""

from __future__ import annotations

from typing import Final

from keyturn.providers.aws.rules.conditions import (
    ALWAYS,
    anywhere,
    at_least,
    below,
    given,
    has,
    like,
    says,
    short,
    zero,
)
from keyturn.providers.aws.rules.table import (
    BLINDS,
    GRANTS,
    LOSS,
    OUTAGE,
    OUTAGE_DELETE,
    OVERWRITES,
    ROTATES,
    STRIP,
    Table,
)

# fmt: off
T: Final = Table("lambda", "https://docs.aws.amazon.com/cli/latest/reference/{}.html")
T.row("PCA001", "pca-connector-ad:UpdateTemplate", says("ReenrollAllCertificateHolders", True), OUTAGE, "Every certificate of the template would have to be issued anew", "https://docs.aws.amazon.com/cli/latest/reference/pca-connector-ad/update-template.html")
T.row("PER001", "personalize:UpdateDataset personalize:UpdateCampaign", given("schemaArn", "solutionVersionArn"), OUTAGE, "It would be told by another model, or what is kept has another shape", "https://docs.aws.amazon.com/cli/latest/reference/personalize/update-dataset.html")
T.row("PSM001", "pinpoint-sms-voice-v2:AssociateProtectConfiguration pinpoint-sms-voice-v2:SetAccountDefaultProtectConfiguration pinpoint-sms-voice-v2:PutOptedOutNumber", ALWAYS, OUTAGE, "To some numbers nothing would be sent any more, or to others than now", "https://docs.aws.amazon.com/cli/latest/reference/pinpoint-sms-voice-v2/associate-protect-configuration.html")
T.row("PSM002", "pinpoint-sms-voice-v2:UpdateProtectConfigurationCountryRuleSet pinpoint-sms-voice-v2:PutProtectConfigurationRuleSetNumberOverride", anywhere("CountryRuleSetUpdates", "ProtectStatus", "BLOCK", "ALLOW") | says("Action", "BLOCK", "ALLOW"), OUTAGE, "Messages to a country or a number would be blocked, or no longer guarded", "https://docs.aws.amazon.com/cli/latest/reference/pinpoint-sms-voice-v2/update-protect-configuration-country-rule-set.html")
T.row("QS001", "quicksight:UpdateSelfUpgradeConfiguration quicksight:UpdateSelfUpgrade", says("SelfUpgradeStatus", "AUTO_APPROVAL") | says("Action", "APPROVE"), GRANTS, "People would get higher roles", "https://docs.aws.amazon.com/cli/latest/reference/quicksight/update-self-upgrade-configuration.html")
T.row("QS002", "quicksight:UpdateDlpSetting", says("ProviderOutageAction", "ALLOW"), STRIP, "Data would leave unseen when the provider does not answer", "https://docs.aws.amazon.com/cli/latest/reference/quicksight/update-dlp-setting.html")
T.row("BAK010", "rbin:UpdateRule", given("ExcludeResourceTags", "ResourceTags") | short("RetentionPeriod.RetentionPeriodValue", 3), STRIP, "Some of what is deleted would no longer be kept in the recycle bin, or shorter", "https://docs.aws.amazon.com/cli/latest/reference/rbin/update-rule.html")
T.row("RDS040", "rds:ModifyDBInstance rds:ModifyDBCluster neptune:ModifyDBCluster", zero("MonitoringInterval", "BacktrackWindow", live=""), BLINDS, "It would be watched less, or could be rewound no more", "https://docs.aws.amazon.com/cli/latest/reference/rds/modify-db-instance.html")
T.row("RDS041", "rds:ModifyCurrentDBClusterCapacity", says("TimeoutAction", "ForceApplyCapacityChange") | short("Capacity", 2), OUTAGE, "Connections would be dropped, or little capacity left", "https://docs.aws.amazon.com/cli/latest/reference/rds/modify-current-db-cluster-capacity.html")
T.row("RS020", "redshift:ModifyScheduledAction redshift:CreateScheduledAction", given("TargetAction.PauseCluster", "TargetAction.ResizeCluster"), OUTAGE, "The cluster would be paused or made smaller at a set time", "https://docs.aws.amazon.com/cli/latest/reference/redshift/modify-scheduled-action.html")
T.row("RS021", "redshift:ResizeCluster redshift:ModifyCluster", short("NumberOfNodes", 1) | says("ClusterType", "single-node"), OUTAGE, "One node would do the work of all", "https://docs.aws.amazon.com/cli/latest/reference/redshift/resize-cluster.html")
T.row("REX001", "resource-explorer-2:UpdateIndexType", says("Type", "LOCAL"), OUTAGE_DELETE, "What other regions have told the index would be dropped", "https://docs.aws.amazon.com/cli/latest/reference/resource-explorer-2/update-index-type.html")
T.row("RA001", "rolesanywhere:UpdateCrl", given("crlData"), STRIP, "Certificates that are refused now could be let in again", "https://docs.aws.amazon.com/cli/latest/reference/rolesanywhere/update-crl.html")
T.row("R5010", "route53:UpdateTrafficPolicyInstance", ALWAYS, OUTAGE, "The name would be answered by another policy", "https://docs.aws.amazon.com/cli/latest/reference/route53/update-traffic-policy-instance.html")
T.row("R5011", "route53:UpdateHealthCheck", given("IPAddress", "FullyQualifiedDomainName", "ResourcePath", "Port", "SearchString", "ChildHealthChecks") | zero("HealthThreshold", live=""), OUTAGE, "What is held for healthy would be judged by something else", "https://docs.aws.amazon.com/cli/latest/reference/route53/update-health-check.html")
T.row("R5012", "route53resolver:UpdateFirewallConfig route53globalresolver:UpdateDNSView", says("FirewallFailOpen", "ENABLED") | says("firewallRulesFailOpen", "ENABLED"), STRIP, "Names would be answered when the firewall does not", "https://docs.aws.amazon.com/cli/latest/reference/route53resolver/update-firewall-config.html")
T.row("R5013", "route53resolver:UpdateResolverRule", given("Config.TargetIps", "Config.ResolverEndpointId"), OUTAGE, "Names would be asked of somebody else", "https://docs.aws.amazon.com/cli/latest/reference/route53resolver/update-resolver-rule.html")
T.row("R5014", "route53resolver:BatchCreateFirewallRule route53resolver:CreateFirewallRule route53resolver:AssociateResolverRule", says("CreateFirewallRuleEntries[].Action", "ALLOW") | says("Action", "ALLOW") | given("ResolverRuleId"), STRIP, "Names would be answered that were not, or be asked elsewhere", "https://docs.aws.amazon.com/cli/latest/reference/route53resolver/batch-create-firewall-rule.html")
T.row("S3030", "s3tables:PutTableMaintenanceConfiguration s3tables:PutTableBucketMaintenanceConfiguration", short("value.settings.icebergSnapshotManagement.maxSnapshotAgeHours", 72) | short("value.settings.icebergSnapshotManagement.minSnapshotsToKeep", 1) | short("value.settings.icebergUnreferencedFileRemoval.nonCurrentDays", 3), LOSS, "Snapshots, and files that only they refer to, would be deleted soon", "https://docs.aws.amazon.com/cli/latest/reference/s3tables/put-table-maintenance-configuration.html")
T.row("S3031", "s3tables:PutTableRecordExpirationConfiguration", says("value.status", "enabled") | given("value.settings.days"), LOSS, "Rows would be deleted when they have stood that long", "https://docs.aws.amazon.com/cli/latest/reference/s3tables/put-table-record-expiration-configuration.html")
T.row("S3032", "s3:RenameObject", ALWAYS, OUTAGE, "Who asks for the object by its old key does not find it; what stands under the new one is replaced", "https://docs.aws.amazon.com/cli/latest/reference/s3/rename-object.html")
T.row("SM010", "sagemaker:UpdateFeatureGroup", given("OnlineStoreConfig.TtlDuration.Value"), LOSS, "Records would be deleted when they have stood that long", "https://docs.aws.amazon.com/cli/latest/reference/sagemaker/update-feature-group.html")
T.row("SM011", "sagemaker:UpdateNotebookInstance sagemaker:UpdateWorkteam", given("LifecycleConfigName", "MemberDefinitions") | says("RootAccess", "Enabled"), GRANTS, "Other commands would run there, or other people could work there", "https://docs.aws.amazon.com/cli/latest/reference/sagemaker/update-notebook-instance.html")
T.row("SA001", "securityagent:UpdateFinding iot:PutVerificationStateOnViolation", says("status", "FALSE_POSITIVE", "ACCEPTED") | says("verificationState", "FALSE_POSITIVE", "BENIGN_POSITIVE"), BLINDS, "A finding would be put away as none", "https://docs.aws.amazon.com/cli/latest/reference/securityagent/update-finding.html")
T.row("SH010", "securityhub:UpdateFindingAggregator securityhub:UpdateAggregatorV2 securityhub:BatchUpdateFindings securityhub:BatchUpdateFindingsV2", says("RegionLinkingMode", "SPECIFIED_REGIONS", "NO_REGIONS", "ALL_REGIONS_EXCEPT_SPECIFIED") | says("VerificationState", "FALSE_POSITIVE", "BENIGN_POSITIVE") | says("Severity.Label", "INFORMATIONAL") | says("StatusId", 3, 4, 5), BLINDS, "Findings of some regions, or some findings, would be seen no more", "https://docs.aws.amazon.com/cli/latest/reference/securityhub/update-finding-aggregator.html")
T.row("SC001", "servicecatalog:UpdateConstraint servicecatalog:UpdateProvisionedProduct servicecatalog:UpdateProvisionedProductProperties", given("Parameters", "ProvisioningArtifactId", "ProvisioningArtifactName", "ProductId", "ProvisionedProductProperties"), OUTAGE, "What stands of the product would be changed, or another rule or person decides over it", "https://docs.aws.amazon.com/cli/latest/reference/servicecatalog/update-constraint.html")
T.row("SES010", "sesv2:PutSuppressedDestination sesv2:PutEmailIdentityDkimSigningAttributes", given("EmailAddress", "SigningAttributes.DomainSigningPrivateKey") | says("SigningAttributesOrigin", "EXTERNAL") | says("SigningAttributes.NextSigningKeyLength", "RSA_1024_BIT"), OUTAGE, "Somebody would get no more mail, or mail would be signed with another key", "https://docs.aws.amazon.com/cli/latest/reference/sesv2/put-suppressed-destination.html")
T.row("SHD010", "shield:UpdateApplicationLayerAutomaticResponse shield:AssociateDRTLogBucket", has("Action.Count") | given("LogBucket"), STRIP, "Attacks would only be counted, or somebody else reads the log", "https://docs.aws.amazon.com/cli/latest/reference/shield/update-application-layer-automatic-response.html")
T.row("SMS001", "socialmessaging:PutWhatsAppBusinessPublicKey", ALWAYS, ROTATES, "What is exchanged would be encrypted for another key", "https://docs.aws.amazon.com/cli/latest/reference/socialmessaging/put-whatsapp-business-public-key.html")
T.row("SSM020", "ssm:PutParameter", says("Overwrite", True), OUTAGE, "Who reads the parameter from now on gets another value; the one before is kept in its history", "https://docs.aws.amazon.com/cli/latest/reference/ssm/put-parameter.html")
T.row("SSM021", "ssm:UpdateServiceSetting", like("SettingId", "public-sharing-permission|default-parameter-tier|high-throughput|automation/") & says("SettingValue", "Enable", "Enabled", "None", "Standard", "false"), STRIP, "A guard or a limit of the whole account would change", "https://docs.aws.amazon.com/cli/latest/reference/ssm/update-service-setting.html")
T.row("SSC001", "ssm-contacts:UpdateContactChannel ssm-contacts:UpdateRotation", given("DeliveryAddress.SimpleAddress", "ContactIds"), OUTAGE, "Others would be called than now, or nobody", "https://docs.aws.amazon.com/cli/latest/reference/ssm-contacts/update-contact-channel.html")
T.row("SSI001", "ssm-incidents:UpdateReplicationSet", given("actions[].deleteRegionAction"), LOSS, "What is kept of incidents in that region would be gone", "https://docs.aws.amazon.com/cli/latest/reference/ssm-incidents/update-replication-set.html")
T.row("SFN010", "stepfunctions:UpdateMapRun", at_least("toleratedFailurePercentage", 50) | short("maxConcurrency", 1), OUTAGE, "It would go on over what fails, or one after the other", "https://docs.aws.amazon.com/cli/latest/reference/stepfunctions/update-map-run.html")
T.row("SGW010", "storagegateway:UpdateSMBSecurityStrategy storagegateway:UpdateGatewaySoftwareNow storagegateway:UpdateBandwidthRateLimit", says("SMBSecurityStrategy", "ClientSpecified") | below("AverageUploadRateLimitInBitsPerSec", 1000000) | below("AverageDownloadRateLimitInBitsPerSec", 1000000), STRIP, "Clients could come without signing, or little would get through", "https://docs.aws.amazon.com/cli/latest/reference/storagegateway/update-smb-security-strategy.html")
T.row("SGW011", "storagegateway:UpdateGatewaySoftwareNow", ALWAYS, OUTAGE, "The gateway restarts while its software is updated", "https://docs.aws.amazon.com/cli/latest/reference/storagegateway/update-gateway-software-now.html")
T.row("SGW012", "storagegateway:UpdateNFSFileShare storagegateway:UpdateSMBFileShare storagegateway:UpdateSMBLocalGroups", says("ReadOnly", True) | says("Squash", "NoSquash") | says("ClientList[]", "0.0.0.0/0", "::/0") | given("AdminUserList", "ValidUserList", "SMBLocalGroups.GatewayAdmins"), OUTAGE, "Others could use the share, or nobody could write to it", "https://docs.aws.amazon.com/cli/latest/reference/storagegateway/update-nfs-file-share.html")
T.row("SWF010", "transfer:StartRemoteMove transfer:UpdateUser transfer:UpdateServer transfer:ImportCertificate", given("SourcePath", "HomeDirectory", "HostKey", "PrivateKey"), OUTAGE, "What others look for stands elsewhere, or proves itself with another key", "https://docs.aws.amazon.com/cli/latest/reference/transfer/start-remote-move.html")
T.row("TRS001", "transcribe:UpdateVocabulary transcribe:UpdateVocabularyFilter", given("Phrases", "Words"), OVERWRITES, "The list before is gone as a whole", "https://docs.aws.amazon.com/cli/latest/reference/transcribe/update-vocabulary.html")
T.row("TA001", "trustedadvisor:BatchUpdateRecommendationResourceExclusion trustedadvisor:UpdateRecommendationLifecycle trustedadvisor:UpdateOrganizationRecommendationLifecycle", says("recommendationResourceExclusions[].isExcluded", True) | says("lifecycleStage", "dismissed"), BLINDS, "What is advised would be seen no more", "https://docs.aws.amazon.com/cli/latest/reference/trustedadvisor/batch-update-recommendation-resource-exclusion.html")
T.row("VP001", "verifiedpermissions:UpdateIdentitySource", ALWAYS, GRANTS, "Other people would be believed", "https://docs.aws.amazon.com/cli/latest/reference/verifiedpermissions/update-identity-source.html")
T.row("VPL010", "vpc-lattice:BatchUpdateRule", given("rules[].action", "rules[].match") | below("rules[].priority", 2), OUTAGE, "Requests would go to other targets, or be asked before all other rules", "https://docs.aws.amazon.com/cli/latest/reference/vpc-lattice/batch-update-rule.html")
T.row("WAF010", "waf:UpdateWebACL waf-regional:UpdateWebACL", says("DefaultAction.Type", "ALLOW", "COUNT"), STRIP, "What no rule speaks of would be let through", "https://docs.aws.amazon.com/cli/latest/reference/waf/update-web-acl.html")
T.row("WAF011", "wafv2:UpdateIPSet", like("Addresses[]", "/[0-7]$"), STRIP, "Half of the internet would be taken for these addresses", "https://docs.aws.amazon.com/cli/latest/reference/wafv2/update-ip-set.html")
T.row("WAF012", "wafv2:UpdateManagedRuleSetVersionExpiryDate", ALWAYS, OUTAGE, "Who relies on that version of the rules is without it from then on", "https://docs.aws.amazon.com/cli/latest/reference/wafv2/update-managed-rule-set-version-expiry-date.html")
T.row("WD001", "workdocs:UpdateUser", says("Type", "ADMIN", "POWERUSER") | says("GrantPoweruserPrivileges", "TRUE"), GRANTS, "The user could rule over what others keep", "https://docs.aws.amazon.com/cli/latest/reference/workdocs/update-user.html")
T.row("WM001", "workmail:UpdatePrimaryEmailAddress workmail:UpdateDefaultMailDomain", ALWAYS, OUTAGE, "Mail would go out, or be expected, under another name", "https://docs.aws.amazon.com/cli/latest/reference/workmail/update-primary-email-address.html")
T.row("WM002", "workmail:PutAccessControlRule workmail:UpdateMailboxQuota", says("Effect", "DENY", "ALLOW") | below("MailboxQuota", 1000), OUTAGE, "Some could not read their mail, or others could, or theirs would be full", "https://docs.aws.amazon.com/cli/latest/reference/workmail/put-access-control-rule.html")
T.row("WS003", "workspaces:ModifyWorkspaceState workspaces:ModifyEndpointEncryptionMode workspaces:ModifyWorkspaceProperties", says("WorkspaceState", "ADMIN_MAINTENANCE") | says("EndpointEncryptionMode", "STANDARD_TLS") | given("WorkspaceProperties.ComputeTypeName", "WorkspaceProperties.OperatingSystemName"), OUTAGE, "Somebody's desktop goes away or is changed under her hands, or is guarded less", "https://docs.aws.amazon.com/cli/latest/reference/workspaces/modify-workspace-state.html")
T.row("WS004", "workspaces:AssociateConnectionAlias", ALWAYS, OUTAGE, "Who signs in by the alias comes to another directory", "https://docs.aws.amazon.com/cli/latest/reference/workspaces/associate-connection-alias.html")
T.row("WSW002", "workspaces-web:UpdateUserSettings", says("copyAllowed", "Enabled") | says("downloadAllowed", "Enabled") | says("printAllowed", "Enabled"), STRIP, "What is shown in the session could be taken out of it", "https://docs.aws.amazon.com/cli/latest/reference/workspaces-web/update-user-settings.html")
