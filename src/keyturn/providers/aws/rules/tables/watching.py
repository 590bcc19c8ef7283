"""What watches, counts and decides whether rules are kept."""

from __future__ import annotations

from typing import Final

from keyturn.providers.aws.rules.conditions import (
    ALWAYS,
    Live,
    Request,
    below,
    changed,
    check,
    drops,
    given,
    higher,
    like,
    lower,
    number,
    says,
    stands,
    unread,
    values,
)
from keyturn.providers.aws.rules.table import (
    BLINDS,
    GRANTS,
    LOSS,
    LOSS_KEPT,
    OUTAGE,
    OUTAGE_ONE_WAY,
    OVERWRITES,
    ROTATES,
    RUNS,
    STRIP,
    Read,
    Table,
)


def _told_late(request: Request, _live: Live) -> bool | None:
    return any((number(one) or 0) > 100 for one in values(request, "NewNotification.Threshold"))


MUCH: Final = 10_000
"""In the account's currency."""


def _told_of_much(request: Request, _live: Live) -> bool | None:
    return (number(request.get("Threshold")) or 0) >= MUCH


def _tells_nobody(request: Request, _live: Live) -> bool | None:
    return request.get("AlarmActions") == []


# fmt: off
DETECTIVE: Final = Table("detective", "https://docs.aws.amazon.com/detective/latest/APIReference/API_{}.html", alone=False)
DETECTIVE.row("EYE001", "EnableOrganizationAdminAccount", ALWAYS, GRANTS, "Another account would administer it for the whole organization")
AMP: Final = Table("amp", "https://docs.aws.amazon.com/prometheus/latest/APIReference/API_{}.html", alone=False)
AMP.read("PutAlertManagerDefinition", Read("amp:DescribeAlertManagerDefinition", {"workspaceId": "workspaceId"}, "alertManagerDefinition"))
AMP.read("PutRuleGroupsNamespace", Read("amp:DescribeRuleGroupsNamespace", {"workspaceId": "workspaceId", "name": "name"}, "ruleGroupsNamespace"))
AMP.row("EYE002", "PutAlertManagerDefinition PutRuleGroupsNamespace", unread("status") | stands("status"), BLINDS, "The definition in the request takes the place of all rules that stand there")
AMP.read("UpdateLoggingConfiguration", Read("amp:DescribeLoggingConfiguration", {"workspaceId": "workspaceId"}, "loggingConfiguration"))
AMP.row("EYE003", "UpdateLoggingConfiguration", changed("logGroupArn"), BLINDS, "Its logs would be written elsewhere")
ACM: Final = Table("acm", "https://docs.aws.amazon.com/acm/latest/APIReference/API_{}.html", alone=False)
ACM.row("EYE004", "PutAccountConfiguration", below("ExpiryEvents.DaysBeforeExpiry", 15), BLINDS, "Hardly any time would be left once a certificate is said to expire")
AUDITMANAGER: Final = Table("auditmanager", "https://docs.aws.amazon.com/audit-manager/latest/APIReference/API_{}.html", alone=False)
AUDITMANAGER.row("EYE005", "UpdateSettings", given("snsTopic"), BLINDS, "Somebody else would be told")
BACKUP_GATEWAY: Final = Table("backup-gateway", "https://docs.aws.amazon.com/aws-backup/latest/devguide/API_BGW_{}.html", alone=False)
BACKUP_GATEWAY.row("EYE006", "UpdateGatewaySoftwareNow", ALWAYS, OUTAGE, "The gateway would be restarted now")
BUDGETS: Final = Table("budgets", "https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_{}.html", alone=False)
BUDGETS.row("EYE007", "UpdateSubscriber", ALWAYS, BLINDS, "Somebody else would be told what is spent")
BUDGETS.row("EYE008", "UpdateNotification", check(_told_late, given=("NewNotification.Threshold",)), BLINDS, "Nobody would be told before the budget is spent")
BUDGETS.row("EYE009", "UpdateBudgetAction", says("ApprovalModel", "AUTOMATIC"), RUNS, "The action would run by itself, with nobody asked")
BUDGETS.read("UpdateBudget", Read("budgets:DescribeBudget", {"AccountId": "AccountId", "BudgetName": "NewBudget.BudgetName"}, "Budget"))
BUDGETS.row("EYE010", "UpdateBudget", given("NewBudget.BudgetLimit.Amount") & (unread("BudgetLimit.Amount") | higher("NewBudget.BudgetLimit.Amount", "BudgetLimit.Amount")), BLINDS, "A larger amount would have to be spent before somebody is told")
CE: Final = Table("ce", "https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_{}.html", alone=False)
CE.row("EYE011", "UpdateAnomalySubscription", given("Subscribers", "MonitorArnList"), BLINDS, "Those in the request take the place of those who are told, or of what is watched")
CE.row("EYE012", "UpdateAnomalySubscription", check(_told_of_much, given=("Threshold",)), BLINDS, "Only of very much somebody would be told")
CE.row("EYE013", "UpdateCostCategoryDefinition", given("Rules"), OUTAGE, "Costs would be told apart by the rules in the request alone")
CLEANROOMS: Final = Table("cleanrooms", "https://docs.aws.amazon.com/clean-rooms/latest/apireference/API_{}.html", alone=False)
CLEANROOMS.row("EYE014", "UpdateCollaborationChangeRequest", says("action", "DENY"), OUTAGE, "What another member waits for would be refused")
CLEANROOMS.row("EYE015", "UpdateCollaborationChangeRequest", says("action", "APPROVE"), GRANTS, "A change of who may do what in the collaboration would be approved")
CLEANROOMS.read("UpdatePrivacyBudgetTemplate", Read("cleanrooms:GetPrivacyBudgetTemplate", {"membershipIdentifier": "membershipIdentifier", "privacyBudgetTemplateIdentifier": "privacyBudgetTemplateIdentifier"}, "privacyBudgetTemplate"))
CLEANROOMS.row("EYE016", "UpdatePrivacyBudgetTemplate", (given("parameters.differentialPrivacy.epsilon", "parameters.differentialPrivacy.usersNoisePerQuery") & unread("parameters.differentialPrivacy.epsilon")) | higher("parameters.differentialPrivacy.epsilon") | lower("parameters.differentialPrivacy.usersNoisePerQuery"), STRIP, "More could be learnt of single people")
CLEANROOMS.row("EYE017", "UpdateConfiguredTableAnalysisRule", ALWAYS, STRIP, "What may be learnt of the table would be as the request says, and nothing else")
CLOUDDIRECTORY: Final = Table("clouddirectory", "https://docs.aws.amazon.com/clouddirectory/latest/APIReference/API_{}.html", alone=False)
CLOUDDIRECTORY.row("EYE018", "AttachPolicy", ALWAYS, GRANTS, "A policy would hold for the object and all below it")
CLOUDDIRECTORY.row("EYE019", "UpgradeAppliedSchema UpgradePublishedSchema", ~says("DryRun", True), OUTAGE_ONE_WAY, "A schema's version goes up, never down")
CLOUDSEARCHDOMAIN: Final = Table("cloudsearchdomain", "https://docs.aws.amazon.com/cloudsearch/latest/developerguide/API_{}.html", alone=False)
CLOUDSEARCHDOMAIN.row("EYE020", "UploadDocuments", ALWAYS, OVERWRITES, "Documents of the same ids are written over, and those that the batch says are deleted")
CLOUDWATCH: Final = Table("cloudwatch", "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_{}.html", alone=False)
CLOUDWATCH.row("EYE021", "PutMetricAlarm PutCompositeAlarm", check(_tells_nobody, given=("AlarmActions",)), BLINDS, "The alarm would tell nobody")
CLOUDWATCHOMNI: Final = Table("cloudwatchomni", "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/WhatIsCloudWatch.html", alone=False)
CLOUDWATCHOMNI.row("EYE022", "UpdateDomain UpdateDomainForOrganization", given("identityProviders", "identityProviderConfiguration"), ROTATES, "Other people would be let in")
CODESTAR_NOTIFICATIONS: Final = Table("codestar-notifications", "https://docs.aws.amazon.com/codestar-notifications/latest/APIReference/API_{}.html", alone=False)
CODESTAR_NOTIFICATIONS.read("UpdateNotificationRule", Read("codestar-notifications:DescribeNotificationRule", {"Arn": "Arn"}))
CODESTAR_NOTIFICATIONS.row("EYE023", "UpdateNotificationRule", drops("Targets[].TargetAddress", "Targets[].TargetAddress", unread=True) | drops("EventTypeIds[]", "EventTypes[].EventTypeId", unread=True), BLINDS, "Some of those who are told now would not be, or not of everything")
COMPREHEND: Final = Table("comprehend", "https://docs.aws.amazon.com/comprehend/latest/APIReference/API_{}.html", alone=False)
COMPREHEND.row("EYE024", "UpdateEndpoint", below("DesiredInferenceUnits", 2), OUTAGE, "Fewer texts would be answered in a second")
COMPUTE_OPTIMIZER_AUTOMATION: Final = Table("compute-optimizer-automation", "https://docs.aws.amazon.com/compute-optimizer/latest/ug/automation.html", alone=False)
COMPUTE_OPTIMIZER_AUTOMATION.row("EYE025", "UpdateEnrollmentConfiguration", says("status", "Active"), RUNS, "Recommendations could be applied with nobody looking, volumes deleted among them")
COMPUTE_OPTIMIZER_AUTOMATION.row("EYE026", "CreateAutomationRule UpdateAutomationRule", says("recommendedActionTypes", "SnapshotAndDeleteUnattachedEbsVolume"), LOSS_KEPT, "Volumes that are attached to nothing would be deleted, with a snapshot left")
COMPUTE_OPTIMIZER_AUTOMATION.row("EYE027", "StartAutomationEvent", ALWAYS, RUNS, "The recommendation would be carried out")
CONFIG: Final = Table("config", "https://docs.aws.amazon.com/config/latest/APIReference/API_{}.html", alone=False)
CONFIG.row("EYE028", "PutEvaluations PutExternalEvaluation", says("Evaluations[].ComplianceType", "COMPLIANT", "NOT_APPLICABLE") | says("ExternalEvaluation.ComplianceType", "COMPLIANT", "NOT_APPLICABLE"), BLINDS, "What is not checked would count as compliant")
CONFIG.row("EYE029", "PutRemediationConfigurations", says("RemediationConfigurations[].Automatic", True), RUNS, "The document would run by itself on whatever does not comply")
CONFIG.row("EYE030", "StartRemediationExecution", ALWAYS, RUNS, "The rule's document would run on these resources")
CONFIG.row("EYE031", "PutRemediationExceptions", ALWAYS, STRIP, "What does not comply would be left as it is")
CONFIG.row("EYE032", "PutConfigurationRecorder", says("ConfigurationRecorder.recordingGroup.allSupported", False) & unread("recordingGroup.allSupported"), BLINDS, "Fewer kinds of resources may be recorded than now: what stands was not read")
CONFIG.row("EYE033", "PutDeliveryChannel", given("DeliveryChannel.s3BucketName"), BLINDS, "What is recorded would arrive in this bucket and no other")
CONTROLTOWER: Final = Table("controltower", "https://docs.aws.amazon.com/controltower/latest/APIReference/API_{}.html", alone=False)
CONTROLTOWER.row("EYE034", "UpdateLandingZone", ALWAYS, OUTAGE, "Accounts, logs and guards of the whole landing zone would be as the request's manifest says")
DEVOPS_AGENT: Final = Table("devops-agent", "https://docs.aws.amazon.com/devopsagent/latest/APIReference/API_{}.html", alone=False)
DEVOPS_AGENT.row("EYE035", "UpdatePrivateConnectionCertificate", ALWAYS, ROTATES, "The connection would be made with another certificate")
ACCESSANALYZER: Final = Table("accessanalyzer", "https://docs.aws.amazon.com/access-analyzer/latest/APIReference/API_{}.html", alone=False)
ACCESSANALYZER.row("EYE036", "CreateArchiveRule UpdateArchiveRule ApplyArchiveRule", ALWAYS, BLINDS, "Findings that the rule matches are put away unseen")
APPLICATION_SIGNALS: Final = Table("application-signals", "https://docs.aws.amazon.com/applicationsignals/latest/APIReference/API_{}.html", alone=False)
APPLICATION_SIGNALS.row("EYE037", "BatchUpdateExclusionWindows", given("AddExclusionWindows"), BLINDS, "What happens in these times would count for no objective")
ACM_PCA: Final = Table("acm-pca", "https://docs.aws.amazon.com/privateca/latest/APIReference/API_{}.html", alone=False)
ACM_PCA.row("EYE038", "IssueCertificate", like("TemplateArn", "SubordinateCA"), GRANTS, "Whoever holds it could issue certificates that are believed")
CLOUD9: Final = Table("cloud9", "https://docs.aws.amazon.com/cloud9/latest/APIReference/API_{}.html", alone=False)
CLOUD9.row("EYE039", "UpdateEnvironment", says("managedCredentialsAction", "ENABLE"), GRANTS, "Everybody in the environment would act with its owner's rights")
CLOUDTRAIL: Final = Table("cloudtrail", "https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_{}.html", alone=False)
CLOUDTRAIL.row("EYE040", "UpdateEventDataStore", below("RetentionPeriod", 90), LOSS, "Events would be deleted after weeks")
