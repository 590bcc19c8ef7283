"""How applications are built, delivered and run: what the tables of one service each leave out."""

from __future__ import annotations

from collections.abc import Mapping
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
    keys_dropped,
    like,
    number,
    off,
    says,
    standing,
    stands,
    unread,
    values,
    zero,
)
from keyturn.providers.aws.rules.table import (
    EXPOSES,
    GRANTS,
    LEAKS,
    LOSS,
    OUTAGE,
    OUTAGE_DELETE,
    OUTAGE_ONE_WAY,
    OVERWRITES,
    REMARK,
    ROTATES,
    RUNS,
    SHELL,
    STRIP,
    Read,
    Table,
)


def _copies_out(request: Request, _live: Live) -> bool | None:
    return any(
        one.get("Action") in {"CLIPBOARD_COPY_TO_LOCAL_DEVICE", "FILE_DOWNLOAD", "PRINTING_TO_LOCAL_DEVICE"}
        and one.get("Permission") == "ENABLED"
        for one in values(request, "UserSettings[]")
        if isinstance(one, Mapping)
    )


def _down_to_none(request: Request, _live: Live) -> bool | None:
    return request.get("AdjustmentType") == "ExactCapacity" and number(request.get("ScalingAdjustment")) == 0


def _no_instances(request: Request, _live: Live) -> bool | None:
    return any(
        one.get("OptionName") in {"MinSize", "MaxSize"} and str(one.get("Value")) == "0"
        for one in values(request, "OptionSettings[]")
        if isinstance(one, Mapping)
    )


def _other_subnets(request: Request, live: Live) -> bool | None:
    """Some of the subnets that stand are left out; where that was not read, a single subnet counts as what is left of several."""
    wanted = values(request, "VPCZoneIdentifier")
    if not wanted or not wanted[0]:
        return False
    stood = standing(live, "VPCZoneIdentifier")
    return len(_listed(wanted)) == 1 if stood is None else bool(_listed(stood) - _listed(wanted))


def _listed(found: list[object]) -> set[str]:
    return {one.strip() for text in found for one in str(text).split(",") if one.strip()}


# fmt: off
AMPLIFY: Final = Table("amplify", "https://docs.aws.amazon.com/amplify/latest/APIReference/API_{}.html", alone=False)
AMPLIFY.row("DEP001", "UpdateWebhook", given("branchName"), OUTAGE, "It would build another branch")
AMPLIFY.read("UpdateDomainAssociation", Read("amplify:GetDomainAssociation", {"appId": "appId", "domainName": "domainName"}, "domainAssociation"))
AMPLIFY.row("DEP002", "UpdateDomainAssociation", drops("subDomainSettings[]", "subDomains[].subDomainSetting", unread=True), OUTAGE, "The subdomains in the request take the place of all that stand, and not all of those are among them")
AMPLIFYBACKEND: Final = Table("amplifybackend", "https://docs.aws.amazon.com/amplify-admin-ui/latest/APIReference/backend-appid-auth-backendenvironmentname.html", alone=False)
AMPLIFYBACKEND.row("DEP003", "CreateBackendStorage UpdateBackendStorage", given("ResourceConfig.Permissions.UnAuthenticated"), EXPOSES, "Everybody could read or write what is stored")
AMPLIFYBACKEND.row("DEP004", "CreateBackendAuth UpdateBackendAuth", says("ResourceConfig.IdentityPoolConfigs.UnauthenticatedLogin", True), EXPOSES, "Everybody would get credentials of the pool")
APIGATEWAYV2: Final = Table("apigatewayv2", "https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid.html", alone=False)
APIGATEWAYV2.read("UpdateRoute", Read("apigatewayv2:GetRoute", {"ApiId": "ApiId", "RouteId": "RouteId"}))
APIGATEWAYV2.row("DEP005", "UpdateRoute", changed("RouteKey") | changed("Target"), OUTAGE, "Requests that came this way would find no route, or another target")
APIGATEWAYV2.row("DEP006", "UpdateApi", given("Target", "RouteKey", "CredentialsArn"), OUTAGE, "Requests would be answered by something else")
APIGATEWAYV2.row("DEP007", "UpdateIntegration", given("IntegrationUri") & unread("IntegrationUri"), OUTAGE, "Requests may be answered by something else: what stands was not read")
APIGATEWAYV2.row("DEP008", "UpdateAuthorizer", given("IdentitySource", "IdentityValidationExpression", "AuthorizerType"), STRIP, "Who somebody is would be read from elsewhere, or in another way")
APIGATEWAYV2.row("DEP009", "UpdateStage", given("DeploymentId", "StageVariables") | below("DefaultRouteSettings.ThrottlingRateLimit", 2) | below("DefaultRouteSettings.ThrottlingBurstLimit", 2) | off("DefaultRouteSettings.DetailedMetricsEnabled", ""), OUTAGE, "The stage would serve another deployment, with other variables, or hardly anybody")
APPCONFIG: Final = Table("appconfig", "https://docs.aws.amazon.com/appconfig/2019-10-09/APIReference/API_{}.html", alone=False)
APPCONFIG.row("DEP010", "UpdateDeploymentStrategy", says("DeploymentDurationInMinutes", 0) | says("GrowthFactor", 100, 100.0) | says("FinalBakeTimeInMinutes", 0), STRIP, "Settings would reach everything at once, and nobody would look before they stay")
APPCONFIG.row("DEP011", "UpdateExperimentRun", says("ExposurePercentage", 0, 0.0, 100, 100.0), OUTAGE, "Nobody, or everybody, would have the treatment")
APPCONFIG.row("DEP012", "UpdateExtension", given("Actions"), RUNS, "Other code would run at every deployment")
APPMESH: Final = Table("appmesh", "https://docs.aws.amazon.com/app-mesh/latest/APIReference/API_{}.html", alone=False)
APPMESH.row("DEP013", "UpdateVirtualService", given("spec.provider.virtualNode", "spec.provider.virtualRouter"), OUTAGE, "Requests would be answered by something else than now")
APPRUNNER: Final = Table("apprunner", "https://docs.aws.amazon.com/apprunner/latest/api/API_{}.html", alone=False)
APPRUNNER.row("DEP014", "UpdateService", says("NetworkConfiguration.IngressConfiguration.IsPubliclyAccessible", True), EXPOSES, "The service could be reached by everybody")
APPRUNNER.row("DEP015", "UpdateDefaultAutoScalingConfiguration", ALWAYS, REMARK, "New services would scale otherwise")
APPSTREAM: Final = Table("appstream", "https://docs.aws.amazon.com/appstream2/latest/APIReference/API_{}.html", alone=False)
APPSTREAM.row("DEP016", "UpdateFleet UpdateAppBlockBuilder", says("EnableDefaultInternetAccess", True), EXPOSES, "Its instances would reach the internet")
APPSTREAM.row("DEP017", "UpdateFleet", given("ImageName"), OUTAGE, "Sessions would start from another image")
APPSTREAM.row("DEP018", "UpdateApplication", given("LaunchPath", "LaunchParameters", "WorkingDirectory"), RUNS, "Something else would be started for its users")
APPSTREAM.row("DEP019", "UpdateStack", check(_copies_out, given=("UserSettings[].Action", "UserSettings[].Permission")), STRIP, "Users could take what they see to their own machines")
APPSTREAM.row("DEP020", "UpdateFleet", below("MaxUserDurationInSeconds", 3600) | below("DisconnectTimeoutInSeconds", 60), OUTAGE, "Sessions would end early")
APPSYNC: Final = Table("appsync", "https://docs.aws.amazon.com/appsync/latest/APIReference/API_{}.html", alone=False)
APPSYNC.read("UpdateApiCache", Read("appsync:GetApiCache", {"apiId": "apiId"}, "apiCache"))
APPSYNC.row("DEP021", "UpdateApiCache", (says("apiCachingBehavior", "FULL_REQUEST_CACHING") & changed("apiCachingBehavior")) | changed("apiCachingBehavior", unread=None) | changed("type", unread=None) | zero("ttl", live=""), OUTAGE, "What is cached is gone, and answers would be kept otherwise")
APPSYNC.read("PutGraphqlApiEnvironmentVariables", Read("appsync:GetGraphqlApiEnvironmentVariables", {"apiId": "apiId"}))
APPSYNC.row("DEP022", "PutGraphqlApiEnvironmentVariables", keys_dropped("environmentVariables", "environmentVariables"), OUTAGE, "The variables in the request take the place of all that stand, and not all of those are among them")
APPSYNC.row("DEP023", "UpdateResolver UpdateFunction", given("dataSourceName"), OUTAGE, "Fields would be answered from another source")
APPSYNC.row("DEP024", "AssociateApi", ALWAYS, OUTAGE, "The domain would be answered by this API in the place of another")
APPSYNC.row("DEP025", "StartSchemaMerge", ALWAYS, OUTAGE, "What the source API says by now would be live in the merged one")
APPSYNC.row("DEP026", "StartSchemaCreation", ALWAYS, OUTAGE, "The schema in the request takes the place of the one that stands")
ARC_REGION_SWITCH: Final = Table("arc-region-switch", "https://docs.aws.amazon.com/arc-region-switch/latest/api/API_{}.html", alone=False)
ARC_REGION_SWITCH.row("DEP027", "ApprovePlanExecutionStep", says("approval", "approve"), STRIP, "A step that waits for a person would be approved by the agent")
ATHENA: Final = Table("athena", "https://docs.aws.amazon.com/athena/latest/APIReference/API_{}.html", alone=False)
ATHENA.row("DEP028", "PutCapacityAssignmentConfiguration", given("CapacityAssignments"), OUTAGE, "The assignments in the request take the place of all that stand")
ATHENA.row("DEP029", "UpdateDataCatalog", given("Parameters"), OUTAGE, "Queries would ask another function or metastore for its tables")
ATHENA.row("DEP030", "UpdateCapacityReservation", below("TargetDpus", 5), OUTAGE, "Queries would have the least to run on")
AUTOSCALING: Final = Table("autoscaling", "https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_{}.html", alone=False)
AUTOSCALING.row("DEP031", "CompleteLifecycleAction", says("LifecycleActionResult", "ABANDON"), OUTAGE_DELETE, "The instance would be terminated")
AUTOSCALING.row("DEP032", "UpdateAutoScalingGroup", says("HealthCheckType", "EC2"), STRIP, "Instances that run and answer nothing would be taken for healthy")
AUTOSCALING.row("DEP033", "UpdateAutoScalingGroup", check(_other_subnets, given=("VPCZoneIdentifier",), live=("VPCZoneIdentifier",)), OUTAGE, "Instances would be started in other subnets, and in some of those of now no more")
AUTOSCALING.row("DEP034", "PutScalingPolicy", check(_down_to_none, given=("AdjustmentType", "ScalingAdjustment")), OUTAGE, "The policy would take every instance away")
BEDROCK_AGENTCORE_CONTROL: Final = Table("bedrock-agentcore-control", "https://docs.aws.amazon.com/bedrock-agentcore-control/latest/APIReference/API_{}.html", alone=False)
BEDROCK_AGENTCORE_CONTROL.row("DEP035", "RotatePaymentConnectorCredentials", ALWAYS, ROTATES, "The credentials before it are good for nothing any more")
BEDROCK_AGENTCORE_CONTROL.row("DEP036", "SetTokenVaultCMK", says("kmsConfiguration.keyType", "ServiceManagedKey"), STRIP, "Tokens would no longer be kept under a key of one's own")
BEDROCK_AGENTCORE_CONTROL.row("DEP037", "BatchPutGatewayRateLimits UpdateGatewayRateLimit", below("entries[].requests[].rate", 2) | below("rateLimits[].entries[].requests[].rate", 2), OUTAGE, "Calls beyond it would be refused")
BEDROCK_AGENTCORE_CONTROL.row("DEP038", "UpdateMemory", below("eventExpiryDuration", 8), LOSS, "What is remembered would be deleted after days")
BEDROCK_AGENTCORE_CONTROL.row("DEP039", "UpdateWorkloadIdentity", given("allowedResourceOauth2ReturnUrls"), GRANTS, "Tokens would be sent to these addresses")
BEDROCK: Final = Table("bedrock", "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_{}.html", alone=False)
BEDROCK.row("DEP040", "PutAccountDataRetention", says("mode", "provider_data_share"), LEAKS, "What models are asked would be given to their providers")
BEDROCK.row("DEP041", "PutEnforcedGuardrailConfiguration", ALWAYS, STRIP, "Another guardrail would be enforced for the whole account")
BRAKET: Final = Table("braket", "https://docs.aws.amazon.com/braket/latest/APIReference/API_{}.html", alone=False)
BRAKET.row("DEP042", "UpdateSpendingLimit", below("spendingLimit", 1), OUTAGE, "No task could be run any more")
CLOUDFORMATION: Final = Table("cloudformation", "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_{}.html", alone=False)
CLOUDFORMATION.row("DEP043", "SetTypeDefaultVersion", ALWAYS, OUTAGE, "Stacks would make and delete by another version of the extension")
CLOUDFORMATION.row("DEP044", "SetTypeConfiguration", ALWAYS, OUTAGE, "The settings and credentials that the extension uses would be others")
CLOUDFORMATION.row("DEP045", "PublishType", ALWAYS, EXPOSES, "The extension would be public")
CODEARTIFACT: Final = Table("codeartifact", "https://docs.aws.amazon.com/codeartifact/latest/APIReference/API_{}.html", alone=False)
CODEARTIFACT.row("DEP046", "PutPackageOriginConfiguration", says("restrictions.upstream", "ALLOW") & says("restrictions.publish", "ALLOW"), STRIP, "Somebody outside could publish a version of a package of one's own")
CODEARTIFACT.row("DEP047", "PutPackageOriginConfiguration", says("restrictions.upstream", "BLOCK") & says("restrictions.publish", "BLOCK"), OUTAGE, "No version of the package could come any more")
CODEARTIFACT.row("DEP048", "UpdatePackageGroupOriginConfiguration", given("restrictions"), STRIP, "Packages of the group could come from elsewhere than now")
CODEARTIFACT.read("UpdateRepository", Read("codeartifact:DescribeRepository", {"domain": "domain", "repository": "repository"}, "repository"))
CODEARTIFACT.row("DEP049", "UpdateRepository", drops("upstreams[].repositoryName", "upstreams[].repositoryName", unread=True), OUTAGE, "The upstreams in the request take the place of all that stand, and not all of those are among them")
CODEARTIFACT.row("DEP050", "CopyPackageVersions", says("allowOverwrite", True), OVERWRITES, "Versions that stand would be written over")
CODEBUILD: Final = Table("codebuild", "https://docs.aws.amazon.com/codebuild/latest/APIReference/API_{}.html", alone=False)
CODEBUILD.row("DEP051", "StartSandboxConnection", ALWAYS, SHELL, "What is done in a sandbox cannot be judged beforehand")
CODEBUILD.row("DEP052", "UpdateReportGroup", says("exportConfig.exportConfigType", "NO_EXPORT"), OUTAGE, "Reports would be kept nowhere but here, for a month")
CODEBUILD.row("DEP053", "UpdateWebhook", says("rotateSecret", True), ROTATES, "Events signed with the secret before are turned away")
CODECOMMIT: Final = Table("codecommit", "https://docs.aws.amazon.com/codecommit/latest/APIReference/API_{}.html", alone=False)
CODECOMMIT.row("DEP054", "OverridePullRequestApprovalRules", says("overrideStatus", "OVERRIDE"), STRIP, "The pull request could be merged without the approvals it needs")
CODECOMMIT.row("DEP055", "UpdatePullRequestApprovalState", says("approvalState", "APPROVE"), STRIP, "A change that waits for a person would be approved by the agent")
CODECOMMIT.row("DEP056", "UpdateDefaultBranch", ALWAYS, OUTAGE, "Who clones or builds it would have another branch")
CODECOMMIT.row("DEP057", "UpdatePullRequestStatus", says("pullRequestStatus", "CLOSED"), OUTAGE_ONE_WAY, "A pull request that is closed cannot be opened again")
CODECOMMIT.row("DEP058", "MergeBranchesBySquash MergeBranchesByThreeWay MergePullRequestBySquash MergePullRequestByThreeWay", says("conflictResolutionStrategy", "ACCEPT_SOURCE", "ACCEPT_DESTINATION"), OVERWRITES, "One side of every conflict would be written over")
CODECOMMIT.read("PutRepositoryTriggers", Read("codecommit:GetRepositoryTriggers", {"repositoryName": "repositoryName"}))
CODECOMMIT.row("DEP059", "PutRepositoryTriggers", drops("triggers[].destinationArn", "triggers[].destinationArn", unread=True), OUTAGE, "The triggers in the request take the place of all that stand, and not all of those are among them")
CODECOMMIT.row("DEP060", "CreateCommit", given("deleteFiles"), OUTAGE, "Files would be deleted from the branch")
CODECONNECTIONS: Final = Table("codeconnections", "https://docs.aws.amazon.com/codeconnections/latest/APIReference/API_{}.html", alone=False)
CODECONNECTIONS.row("DEP061", "UpdateSyncConfiguration codestar-connections:UpdateSyncConfiguration", given("Branch", "ConfigFile"), OUTAGE, "The stack would follow another branch or file")
CODEDEPLOY: Final = Table("codedeploy", "https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_{}.html", alone=False)
CODEDEPLOY.row("DEP062", "UpdateDeploymentGroup", says("deploymentConfigName", "CodeDeployDefault.AllAtOnce", "CodeDeployDefault.LambdaAllAtOnce", "CodeDeployDefault.ECSAllAtOnce"), STRIP, "Everything would be deployed to at once from now on")
CODEDEPLOY.row("DEP063", "UpdateDeploymentGroup", given("ec2TagFilters", "onPremisesInstanceTagFilters", "ecsServices", "ec2TagSet"), OUTAGE, "Other machines or services would be deployed to")
ECR_PUBLIC: Final = Table("ecr-public", "https://docs.aws.amazon.com/AmazonECRPublic/latest/APIReference/API_{}.html", alone=False)
ECR_PUBLIC.read("PutImage", Read("ecr-public:DescribeImages", {"repositoryName": "repositoryName", "imageIds": [{"imageTag": "imageTag"}]}))
ECR_PUBLIC.row("DEP064", "PutImage", given("imageTag") & (unread("imageDetails[].imageDigest") | stands("imageDetails[].imageDigest")), OUTAGE, "Who pulls the tag next gets another image")
ECR: Final = Table("ecr", "https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_{}.html", alone=False)
ECR.row("DEP065", "PutImage", given("imageTag") & unread("imageDigest"), OUTAGE, "The tag may name an image already: who pulls it next gets another one")
ECR.row("DEP066", "PutAccountSetting", says("value", "V1") | says("value", "CLAIR"), STRIP, "Policies would hold for fewer calls, or images be scanned less well")
ECR.row("DEP067", "UpdateImageStorageClass", says("targetStorageClass", "ARCHIVE"), OUTAGE, "The image could not be pulled until it is brought back")
ECS: Final = Table("ecs", "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_{}.html", alone=False)
ECS.row("DEP068", "CreateTaskSet", given("taskDefinition"), RUNS, "Tasks of another definition would run beside those of the service")
ECS.row("DEP069", "UpdateTaskSet", zero("scale.value", live=""), OUTAGE, "No task of the set would be left")
ECS.row("DEP070", "UpdateService", says("deploymentConfiguration.minimumHealthyPercent", 0), OUTAGE, "A deployment could stop every task before a new one runs")
ECS.row("DEP071", "PutClusterCapacityProviders", given("capacityProviders") & unread("capacityProviders"), OUTAGE, "The cluster would run on these alone, and what stands was not read")
EKS: Final = Table("eks", "https://docs.aws.amazon.com/eks/latest/APIReference/API_{}.html", alone=False)
EKS.row("DEP072", "ActivateCertificateAuthority", ALWAYS, OUTAGE, "Clients that trust only the authority before would be turned away")
EKS.row("DEP073", "UpdateNodegroupConfig", says("taints.addOrUpdateTaints[].effect", "NO_EXECUTE"), OUTAGE, "Pods that do not bear the taint would be evicted")
ELASTICBEANSTALK: Final = Table("elasticbeanstalk", "https://docs.aws.amazon.com/elasticbeanstalk/latest/api/API_{}.html", alone=False)
ELASTICBEANSTALK.row("DEP074", "ApplyEnvironmentManagedAction", ALWAYS, OUTAGE, "The platform would be updated now, and instances replaced")
ELASTICBEANSTALK.row("DEP075", "UpdateEnvironment UpdateConfigurationTemplate", check(_no_instances, given=("OptionSettings[].OptionName", "OptionSettings[].Value")), OUTAGE, "No instance would be left, or none could take its place")
EMR: Final = Table("emr", "https://docs.aws.amazon.com/emr/latest/APIReference/API_{}.html", alone=False)
EMR.row("DEP076", "SetUnhealthyNodeReplacement", says("UnhealthyNodeReplacement", False), STRIP, "Nodes that fail would not be replaced")
EMR.row("DEP077", "UpdateStudio", given("DefaultS3Location"), OUTAGE, "Workspaces would be kept elsewhere")
EMR.row("DEP078", "AddInstanceGroups", given("InstanceGroups[].CustomAmiId"), RUNS, "Nodes would start from another image")
EMR_SERVERLESS: Final = Table("emr-serverless", "https://docs.aws.amazon.com/emr-serverless/latest/APIReference/API_{}.html", alone=False)
EMR_SERVERLESS.row("DEP079", "UpdateApplication", given("releaseLabel", "imageConfiguration.imageUri"), OUTAGE, "Jobs would run on another release or image")
APIGATEWAY: Final = Table("apigateway", "https://docs.aws.amazon.com/apigateway/latest/api/API_{}.html", alone=False)
APIGATEWAY.row("DEP080", "PutGatewayResponse", like("statusCode", "^2"), STRIP, "Who is turned away would be told that it went well")
BEDROCK_AGENT: Final = Table("bedrock-agent", "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_{}.html", alone=False)
BEDROCK_AGENT.row("DEP081", "UpdateAgentActionGroup", given("actionGroupExecutor.lambda", "apiSchema", "functionSchema"), RUNS, "The agent would call another function, or be able to do other things")
