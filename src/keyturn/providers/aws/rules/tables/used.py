"""Rows of much used services: another target or credential behind a name that stays, a door opened to others, a standby or a filter given up."""

from __future__ import annotations

from typing import Final

from keyturn.providers.aws.rules.conditions import (
    ALWAYS,
    Live,
    Request,
    check,
    given,
    has,
    like,
    says,
    short,
)
from keyturn.providers.aws.rules.table import (
    BLINDS,
    EXPOSES,
    GRANTS,
    OUTAGE,
    ROTATES,
    SHELL,
    STRIP,
    Table,
)


def _unheard(request: Request, _live: Live) -> bool | None:
    """Whether an event of a platform application would be told to nobody."""
    attributes = request.get("Attributes") or {}
    return any(name.startswith("Event") and not value for name, value in attributes.items())


def _profile(request: Request, _live: Live) -> bool | None:
    """Whether environments made from the template would run with another role."""
    options = request.get("OptionSettings") or []
    return any(
        isinstance(one, dict) and one.get("OptionName") in {"IamInstanceProfile", "ServiceRole"}
        for one in options
    )


def _everything(request: Request, _live: Live) -> bool | None:
    """Whether a rule asks nothing of the requests that it takes."""
    return request.get("Conditions") == []


# fmt: off
T: Final = Table("acm", "https://docs.aws.amazon.com/acm/latest/APIReference/API_{}.html")
T.row("ACM030", "UpdateCertificateOptions", says("Options.Export", "ENABLED"), EXPOSES, "The certificate's private key could be exported")
T.row("APG030", "apigatewayv2:UpdateApiMapping apigateway:UpdateBasePathMapping", ALWAYS, OUTAGE, "The domain would answer from another API or stage, or under another path", "https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/domainnames-domainname-apimappings-apimappingid.html")
T.row("APG031", "apigatewayv2:CreateRoutingRule apigatewayv2:PutRoutingRule", check(_everything, given=("Conditions",)), OUTAGE, "Every request to the domain would be answered from there", "https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-routing-rules.html")
T.row("BDR030", "bedrock:UpdateProvisionedModelThroughput", given("desiredModelId"), OUTAGE, "Who asks the model would be answered by another", "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_UpdateProvisionedModelThroughput.html")
T.row("BDR031", "bedrock-agent:AssociateAgentKnowledgeBase bedrock-agent:UpdateAgentKnowledgeBase", says("knowledgeBaseState", "DISABLED"), OUTAGE, "The agent would answer without the knowledge base", "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_AssociateAgentKnowledgeBase.html")
T.row("CB030", "codebuild:StartSandbox codebuild:StartSandboxConnection codebuild:StartCommandExecution", ALWAYS, SHELL, "A machine with the project's role would take commands", "https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StartSandbox.html")
T.row("COG030", "cognito-idp:UpdateGroup", has("Precedence"), GRANTS, "Of several groups another one's role would be given to members", "https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UpdateGroup.html")
T.row("DSY031", "datasync:UpdateLocationNfs datasync:UpdateLocationSmb datasync:UpdateLocationObjectStorage", given("ServerHostname"), OUTAGE, "Tasks would read or write another place", "https://docs.aws.amazon.com/datasync/latest/userguide/API_UpdateLocationNfs.html")
T.row("DMS030", "dms:ModifyReplicationConfig", given("TableMappings", "TargetEndpointArn", "SourceEndpointArn"), OUTAGE, "Other tables would be replicated, or from or to elsewhere", "https://docs.aws.amazon.com/dms/latest/APIReference/API_ModifyReplicationConfig.html")
T.row("ECR030", "ecr:UpdatePullThroughCacheRule", given("credentialArn", "customRoleArn"), GRANTS, "Images would be pulled with another credential", "https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_UpdatePullThroughCacheRule.html")
T.row("EB031", "elasticbeanstalk:UpdateConfigurationTemplate elasticbeanstalk:CreateConfigurationTemplate", check(_profile, given=("OptionSettings",)), GRANTS, "Environments made from the template would run with another role", "https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/command-options-general.html")
T.row("GD030", "guardduty:UpdateCustomDetectionRuleOrgConfiguration", given("ExcludeAccountIds"), BLINDS, "What the rule looks for would not be seen in some accounts", "https://docs.aws.amazon.com/cli/latest/reference/guardduty/update-custom-detection-rule-org-configuration.html")
T.row("MSK030", "kafka:CreateCluster kafka:CreateClusterV2", says("BrokerNodeGroupInfo.ConnectivityInfo.PublicAccess.Type", "SERVICE_PROVIDED_EIPS") | says("ClientAuthentication.Unauthenticated.Enabled", True) | says("Provisioned.BrokerNodeGroupInfo.ConnectivityInfo.PublicAccess.Type", "SERVICE_PROVIDED_EIPS") | says("Provisioned.ClientAuthentication.Unauthenticated.Enabled", True), EXPOSES, "Brokers would be reached from outside, or by clients that do not say who they are", "https://docs.aws.amazon.com/msk/latest/developerguide/public-access.html")
T.row("GD031", "guardduty:CreateDetector", says("Enable", False) | says("Features[].Status", "DISABLED"), BLINDS, "The detector would watch nothing, or not all that it could", "https://docs.aws.amazon.com/guardduty/latest/APIReference/API_CreateDetector.html")
T.row("KIN030", "kinesis:UpdateStreamMode", says("StreamModeDetails.StreamMode", "PROVISIONED"), OUTAGE, "The stream would no longer grow with what comes", "https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateStreamMode.html")
T.row("LAM030", "lambda:UpdateCapacityProvider", short("CapacityProviderScalingConfig.MaxVCpuCount", 16), OUTAGE, "Little would be left for its functions to run on", "https://docs.aws.amazon.com/lambda/latest/api/API_UpdateCapacityProvider.html")
T.row("LOG030", "logs:PutBearerTokenAuthentication", says("bearerTokenAuthenticationEnabled", True), EXPOSES, "Whoever holds a token could write to the log group, without a signature", "https://docs.aws.amazon.com/cli/latest/reference/logs/put-bearer-token-authentication.html")
T.row("OS030", "opensearch:AcceptInboundConnection es:AcceptInboundCrossClusterSearchConnection", ALWAYS, EXPOSES, "Another domain could search this one's data", "https://docs.aws.amazon.com/opensearch-service/latest/APIReference/API_AcceptInboundConnection.html")
T.row("OSS030", "opensearchserverless:CreateCollection", says("standbyReplicas", "DISABLED"), OUTAGE, "The collection would not stand through the loss of a zone, and this cannot be changed later", "https://docs.aws.amazon.com/opensearch-service/latest/ServerlessAPIReference/API_CreateCollection.html")
T.row("OSS031", "opensearchserverless:UpdateIndex", has("indexSchema"), OUTAGE, "Fields could be indexed in another way, or no more", "https://docs.aws.amazon.com/opensearch-service/latest/ServerlessAPIReference/API_UpdateIndex.html")
T.row("SH030", "securityhub:UpdateConnectorV2", has("Provider"), OUTAGE, "Findings would be told to another place, or with another credential", "https://docs.aws.amazon.com/cli/latest/reference/securityhub/update-connector-v2.html")
T.row("RSH030", "redshift:ModifyEventSubscription", says("Severity", "ERROR"), BLINDS, "Only what has failed would be told", "https://docs.aws.amazon.com/redshift/latest/APIReference/API_ModifyEventSubscription.html")
T.row("SES030", "sesv2:UpdateReputationEntityPolicy", like("ReputationEntityPolicy", r"/none$"), STRIP, "Nothing would stop the sending when a reputation falls", "https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_UpdateReputationEntityPolicy.html")
T.row("SNS030", "sns:SetPlatformApplicationAttributes", given("Attributes.PlatformCredential", "Attributes.PlatformPrincipal"), ROTATES, "Push messages would be sent with another credential", "https://docs.aws.amazon.com/sns/latest/api/API_SetPlatformApplicationAttributes.html")
T.row("SNS031", "sns:SetPlatformApplicationAttributes", check(_unheard, given=("Attributes",)), BLINDS, "Failures and changes of endpoints would be told to nobody", "https://docs.aws.amazon.com/sns/latest/api/API_SetPlatformApplicationAttributes.html")
T.row("SQS030", "sqs:StartMessageMoveTask", given("DestinationArn"), OUTAGE, "Messages would go to another queue than the one they failed in", "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html")
T.row("SYN030", "synthetics:UpdateCanary", like("Schedule.Expression", r"rate\(0"), BLINDS, "The canary would run no more, once it has run", "https://docs.aws.amazon.com/AmazonSynthetics/latest/APIReference/API_CanaryScheduleInput.html")
T.row("SSM030", "ssm:StartAccessRequest", ALWAYS, GRANTS, "Somebody would be let onto nodes", "https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_StartAccessRequest.html")
T.row("SSM031", "ssm:UpdatePatchBaseline", given("RejectedPatches"), STRIP, "These patches would be kept out, and what they mend stays open", "https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_UpdatePatchBaseline.html")
T.row("TRS030", "transfer:UpdateConnector", given("Url", "AccessRole", "As2Config.PartnerProfileId") | like("SftpConfig.UserSecretId", "."), OUTAGE, "Files would be sent elsewhere, or as somebody else", "https://docs.aws.amazon.com/transfer/latest/APIReference/API_UpdateConnector.html")
# fmt: on
