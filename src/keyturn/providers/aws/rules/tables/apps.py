"""What is deployed and what runs it: stacks, environments, pipelines, state machines, models, remote commands."""

from __future__ import annotations

import json
from typing import Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws.rules.conditions import (
    ALWAYS,
    Live,
    Request,
    changed,
    check,
    drops,
    given,
    like,
    off,
    says,
    stands,
    values,
    zero,
)
from keyturn.providers.aws.rules.table import (
    BOUND,
    EXPOSES,
    LOSS,
    OUTAGE,
    OUTAGE_DELETE,
    REMARK,
    REPLACES,
    REPLACES_DATA,
    RUNS,
    SHELL,
    STRIP,
    Harm,
    Read,
    Table,
)


def _open_to_all(request: Request, _live: Live) -> bool | None:
    """A port without addresses is open to all (PortInfo, Lightsail API reference)."""
    return any(
        isinstance(one, dict)
        and (
            not (one.get("cidrs") or one.get("ipv6Cidrs") or one.get("cidrListAliases"))
            or bool({"0.0.0.0/0", "::/0"} & {*(one.get("cidrs") or ()), *(one.get("ipv6Cidrs") or ())})
        )
        for path in ("portInfo", "portInfos[]")
        for one in values(request, path)
    )


# fmt: off
C: Final = Table("cloudformation", "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_{}.html")
_STACK: Final = Read("cloudformation:DescribeStacks", {"StackName": "StackName"}, "Stacks[0]")
C.read("UpdateTerminationProtection UpdateStack DeleteStack CancelUpdateStack", _STACK)
_SET: Final = {"ChangeSetName": "ChangeSetName", "StackName": "StackName"}
C.read("ExecuteChangeSet", Read("cloudformation:DescribeChangeSet", {**_SET, "IncludePropertyValues": True}))
C.read("ExecuteChangeSet", Read("cloudformation:GetTemplate", {**_SET, "TemplateStage": "=Processed"}, "TemplateBody"), "after")
C.read("ExecuteChangeSet", _STACK, "stack")
C.read("CreateChangeSet", _STACK)
C.read("DeleteStack", Read("cloudformation:ListStackResources", {"StackName": "StackName"}), "members")
C.read("UpdateStack DeleteStack CreateChangeSet ExecuteChangeSet", Read("cloudformation:GetTemplate", {"StackName": "StackName"}, "TemplateBody"), "template")
C.read("SetStackPolicy", Read("cloudformation:GetStackPolicy", {"StackName": "StackName"}))


def _policy_opens(request: Request, _live: Live) -> bool | None:
    for text in values(request, "StackPolicyBody") + values(request, "StackPolicyDuringUpdateBody"):
        try:
            found = json.loads(text)["Statement"]
        except (ValueError, KeyError, TypeError):
            return None
        if any(
            one.get("Effect") == "Allow"
            and {"Update:*", "Update:Replace", "Update:Delete", "*"}
            & set(one.get("Action") if isinstance(one.get("Action"), list) else [one.get("Action")])
            for one in (found if isinstance(found, list) else [found])
        ):
            return True
    return bool(values(request, "StackPolicyURL") + values(request, "StackPolicyDuringUpdateURL"))


C.row("CFN001", "UpdateTerminationProtection", off("EnableTerminationProtection", "EnableTerminationProtection"), STRIP, "The stack could be deleted again")
C.row("CFN004", "SetStackPolicy UpdateStack", check(_policy_opens, given=("StackPolicyBody", "StackPolicyDuringUpdateBody", "StackPolicyURL", "StackPolicyDuringUpdateURL")), STRIP, "The stack's policy would let resources be replaced or deleted", "SetStackPolicy")
C.row("CFN005", "DeleteStack", says("DeletionMode", "FORCE_DELETE_STACK") | given("RetainResources"), OUTAGE_DELETE, "Resources would be left behind that nothing manages any more")
C.row("CFN006", "DeleteStackInstances", ~says("RetainStacks", True), LOSS, "Stacks would be deleted in every account and region that is named")
C.row("CFN007", "UpdateStackSet UpdateStackInstances CreateStackInstances", ALWAYS, Harm(Kind.OPAQUE, Effect.EXECUTE, Reversibility.R3), "Stacks would be made or changed in every account and region that is named, and what becomes of their resources is not read here")
C.row("CFN008", "RollbackStack ContinueUpdateRollback CancelUpdateStack", ALWAYS, OUTAGE, "Resources would be put back as an earlier template has them", "RollbackStack")
C.row("CFN009", "ExecuteChangeSet", ~stands("Changes[].ResourceChange.LogicalResourceId"), Harm(Kind.OPAQUE, Effect.UPDATE, Reversibility.R3), "What the change set does is not known")
C.row("CFN010", "CreateStack CreateChangeSet UpdateStack", given("RoleARN") & changed("RoleARN"), RUNS, "The stack would be made with that role's authority", "CreateStack")
C.row("CFN017", "CreateStack UpdateStack CreateChangeSet ExecuteChangeSet", says("DisableRollback", True) | says("OnFailure", "DO_NOTHING", "DELETE") | says("OnStackFailure", "DO_NOTHING", "DELETE"), REMARK, "If it fails it is not put back as it was: it stops halfway, or what was made is deleted", "CreateStack")
C.row("CFN020", "ExecuteChangeSet", stands("OnStackFailure", "DO_NOTHING", "DELETE"), REMARK, "If it fails it is not put back as it was, as the change set says: it stops halfway, or what was made is deleted")
C.row("CFN011", "SignalResource", says("Status", "FAILURE"), OUTAGE, "The stack would be rolled back")
D: Final = Table("cloudcontrol", "https://docs.aws.amazon.com/cloudcontrolapi/latest/APIReference/API_{}.html")


def _patch(request: Request) -> list[dict[str, object]] | None:
    try:
        return list(json.loads(request.get("PatchDocument") or "[]"))
    except (ValueError, TypeError):
        return None


def _guard_off(request: Request, _live: Live) -> bool | None:
    patch = _patch(request)
    if patch is None:
        return None
    return any(
        "rotection" in str(one.get("path"))
        and (one.get("op") == "remove" or one.get("value") in (False, "INACTIVE", "DISABLED"))
        for one in patch
    )


def _patch_removes(request: Request, _live: Live) -> bool | None:
    patch = _patch(request)
    return None if patch is None else any(one.get("op") == "remove" for one in patch)

D.row("CCA001", "UpdateResource", check(_patch_removes, given=("PatchDocument",)), OUTAGE, "Properties would be taken off the resource")
D.row("CCA002", "UpdateResource", check(_guard_off, given=("PatchDocument",)), STRIP, "Deletion protection would be taken off: the step before a delete")
E: Final = Table("elasticbeanstalk", "https://docs.aws.amazon.com/elasticbeanstalk/latest/api/API_{}.html")
E.read("UpdateEnvironment TerminateEnvironment RebuildEnvironment RestartAppServer", Read("elasticbeanstalk:DescribeEnvironments", {"EnvironmentNames": ["EnvironmentName"]}, "Environments[0]"))
E.row("EBS001", "UpdateEnvironment", given("OptionsToRemove") | changed("SolutionStackName", unread=None) | changed("PlatformArn", unread=None) | given("TemplateName"), REPLACES, "Its instances would be replaced by others")
E.row("EBS002", "TerminateEnvironment", ~says("TerminateResources", False), LOSS, "Its database and all its resources would be deleted with it")
E.row("EBS003", "RebuildEnvironment", ALWAYS, REPLACES, "All its resources would be deleted and made anew: an outage")
E.row("EBS006", "RebuildEnvironment", ALWAYS, REPLACES_DATA, "What lies on its instances, and in a database that belongs to it, would be gone: they are made anew, empty")
E.row("EBS004", "RestartAppServer AbortEnvironmentUpdate", ALWAYS, OUTAGE, "It answers nothing meanwhile, or is left between two versions", "RestartAppServer")
E.row("EBS005", "UpdateEnvironment", changed("VersionLabel"), RUNS, "Other code would run on its instances")
P: Final = Table("codepipeline", "https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_{}.html")
P.read("UpdatePipeline", Read("codepipeline:GetPipeline", {"name": "pipeline.name"}, "pipeline"))
P.row("CP001", "UpdatePipeline", drops("pipeline.stages[].name", "stages[].name") | drops("pipeline.stages[].actions[].name", "stages[].actions[].name"), STRIP, "Stages or actions that are not in the new document are gone: an approval may be among them")
P.row("CP002", "UpdatePipeline", changed("pipeline.roleArn", "roleArn"), RUNS, "The pipeline would act with another role")
P.row("CP003", "DisableStageTransition StopPipelineExecution RollbackStage OverrideStageCondition", ALWAYS, OUTAGE, "What was on its way would stop, go back, or go on against a condition", "DisableStageTransition")
P.row("CP004", "PutApprovalResult", says("result.status", "Approved"), STRIP, "A step that waits for a person would be approved by the agent")
B: Final = Table("codebuild", "https://docs.aws.amazon.com/codebuild/latest/APIReference/API_{}.html")
B.read("UpdateProject", Read("codebuild:BatchGetProjects", {"names": ["name"]}, "projects[0]"))
B.read("StartBuild", Read("codebuild:BatchGetProjects", {"names": ["projectName"]}, "projects[0]"))
B.row("CB001", "UpdateProject", changed("source.location") | changed("source.buildspec") | changed("environment.image") | changed("serviceRole"), RUNS, "Builds would run other code, or with another role")
B.row("CB002", "StartBuild", given("buildspecOverride", "sourceLocationOverride", "imageOverride", "serviceRoleOverride", "environmentVariablesOverride"), RUNS, "The build would run something else than its project says")
B.row("CB003", "UpdateProjectVisibility", says("projectVisibility", "PUBLIC_READ"), EXPOSES, "Builds, their logs and artifacts could be read by everybody")
Y: Final = Table("codedeploy", "https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_{}.html")
Y.read("UpdateDeploymentGroup", Read("codedeploy:GetDeploymentGroup", {"applicationName": "applicationName", "deploymentGroupName": "currentDeploymentGroupName"}, "deploymentGroupInfo"))
Y.row("CD001", "CreateDeployment", says("ignoreApplicationStopFailures", True) | says("deploymentConfigName", "CodeDeployDefault.AllAtOnce", "CodeDeployDefault.LambdaAllAtOnce", "CodeDeployDefault.ECSAllAtOnce"), OUTAGE, "Everything would be deployed to at once")
Y.row("CD002", "UpdateDeploymentGroup", off("autoRollbackConfiguration.enabled") | off("alarmConfiguration.enabled"), STRIP, "A deployment that fails would not be rolled back, or not be noticed")
Y.row("CD003", "StopDeployment SkipWaitTimeForInstanceTermination ContinueDeployment", ALWAYS, OUTAGE, "A deployment would stop halfway, or go on at once", "StopDeployment")
A: Final = Table("appconfig", "https://docs.aws.amazon.com/appconfig/2019-10-09/APIReference/API_{}.html")
A.row("ACF001", "StartDeployment", says("DeploymentStrategyId", "AppConfig.AllAtOnce"), OUTAGE, "The whole fleet would have the new settings at once")
A.row("ACF002", "UpdateAccountSettings", off("DeletionProtection.Enabled", ""), STRIP, "Settings in use could be deleted")
A.row("ACF003", "StopDeployment", ALWAYS, OUTAGE, "Settings would be left between two versions, or put back")
S: Final = Table("stepfunctions", "https://docs.aws.amazon.com/step-functions/latest/apireference/API_{}.html")
_MACHINE: Final = Read("stepfunctions:DescribeStateMachine", {"stateMachineArn": "stateMachineArn"})
S.read("UpdateStateMachine StartExecution", _MACHINE)
S.row("SFN001", "UpdateStateMachine", changed("definition") | changed("roleArn"), RUNS, "Executions from now on would do something else, or with another role")
S.row("SFN002", "StopExecution", ALWAYS, OUTAGE, "What it was doing is left half done")
S.row("SFN003", "UpdateStateMachine", off("loggingConfiguration.level", "") | off("tracingConfiguration.enabled"), STRIP, "What it does would be seen less well")
S.row("SFN004", "UpdateStateMachineAlias", given("routingConfiguration"), OUTAGE, "Executions by the alias would run another version")
G: Final = Table("sagemaker", "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_{}.html")
G.read("UpdateEndpointWeightsAndCapacities UpdateEndpoint DeleteEndpoint", Read("sagemaker:DescribeEndpoint", {"EndpointName": "EndpointName"}))
G.row("SM001", "UpdateEndpointWeightsAndCapacities", zero("DesiredWeightsAndCapacities[].DesiredInstanceCount", "DesiredWeightsAndCapacities[].DesiredWeight", live=""), OUTAGE, "The endpoint would answer nothing, or less")
G.row("SM002", "UpdateEndpoint", changed("EndpointConfigName"), OUTAGE, "Requests would be answered by other models")
G.row("SM003", "BatchReplaceClusterNodes UpdateClusterSoftware BatchRebootClusterNodes", ALWAYS, REPLACES, "Nodes would be replaced or restarted, with what they hold", "BatchReplaceClusterNodes")
G.row("SM004", "StopNotebookInstance StopTrainingJob StopProcessingJob StopPipelineExecution", ALWAYS, OUTAGE, "What it was doing ends", "StopNotebookInstance")
L: Final = Table("lambda", "https://docs.aws.amazon.com/lambda/latest/api/API_{}.html")
L.row("LAM008", "UpdateAlias", given("FunctionVersion", "RoutingConfig"), RUNS, "Who calls by the alias would reach other code")
L.row("LAM009", "PutFunctionRecursionConfig", says("RecursiveLoop", "Allow"), STRIP, "The function could call itself without end")
L.read("PutFunctionCodeSigningConfig", Read("lambda:GetFunctionCodeSigningConfig", {"FunctionName": "FunctionName"}))
L.row("LAM031", "PutFunctionCodeSigningConfig", stands("CodeSigningConfigArn") & changed("CodeSigningConfigArn", unread=None), STRIP, "Whose signature its code needs would be said by another configuration than now")
L.row("LAM010", "PutRuntimeManagementConfig DeleteFunctionCodeSigningConfig", says("UpdateRuntimeOn", "Manual", "FunctionUpdate") | ~given("UpdateRuntimeOn"), STRIP, "Where its code or runtime comes from would be guarded less", "PutRuntimeManagementConfig")
L.row("LAM011", "PutProvisionedConcurrencyConfig DeleteProvisionedConcurrencyConfig DeleteFunctionEventInvokeConfig", ALWAYS, REMARK, "How fast it answers, or what becomes of failures, would change", "PutProvisionedConcurrencyConfig")
F: Final = Table("pipes", "https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_{}.html")
F.read("UpdatePipe", Read("pipes:DescribePipe", {"Name": "Name"}))
F.row("PIP001", "CreatePipe UpdatePipe", given("Enrichment", "Target") & (changed("Enrichment") | changed("Target")), RUNS, "What each event is sent to, or through, would be this", "CreatePipe")
M: Final = Table("ssm", "https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_{}.html")
M.read("SendCommand", Read("ssm:DescribeInstanceInformation", {"Filters": [{"Key": "=InstanceIds", "Values": "InstanceIds"}]}))
M.read("SendCommand", Read("ssm:GetDocument", {"Name": "DocumentName"}), "document")
M.read("StartAutomationExecution", Read("ssm:GetDocument", {"Name": "DocumentName"}))
M.read("CreateAssociation", Read("ssm:GetDocument", {"Name": "Name"}))
BOUND["ssm:SendCommand"] = frozenset({"document/Content"})
BOUND["ssm:StartAutomationExecution"] = BOUND["ssm:CreateAssociation"] = frozenset({"Content"})
M.read("UpdateDocumentDefaultVersion UpdateDocument", Read("ssm:DescribeDocument", {"Name": "Name"}, "Document"))


def _shell_document(request: Request, _live: Live) -> bool | None:
    return any(
        "Shell" in str(name) or "RunRemoteScript" in str(name)
        for name in values(request, "DocumentName") + values(request, "Name")
    )

M.row("SSM004", "SendCommand CreateAssociation UpdateAssociation", check(_shell_document, given=("DocumentName", "Name")), SHELL, "A shell script on instances cannot be judged from the request", "SendCommand")
M.row("SSM005", "SendCommand StartAutomationExecution CreateAssociation", given("Targets"), REMARK, "It would run on everything that the targets match, now or later", "SendCommand")
M.row("SSM006", "StartSession ResumeSession", ALWAYS, SHELL, "What is done in a session cannot be judged beforehand", "StartSession")
M.row("SSM007", "StartAutomationExecution", like("DocumentName", r"^AWS-(Terminate|Delete|Stop|Restart|Disable)|AWSSupport-Terminate"), Harm(Kind.DATA_LOSS, Effect.DELETE, Reversibility.R3), "The automation terminates, deletes or stops what it is given")
M.row("SSM008", "UpdateDocumentDefaultVersion UpdateDocument", ALWAYS, RUNS, "Who runs the document runs something else from now on", "UpdateDocument")
M.row("SSM009", "ModifyDocumentPermission", given("AccountIdsToAdd"), EXPOSES, "Other accounts, or everybody, could read the document")
M.row("SSM010", "UpdateServiceSetting", like("SettingId", r"public-sharing|managed-instance|high-throughput|activation-tier") & ~(like("SettingId", r"public-sharing|high-throughput") & says("SettingValue", "Disable", "true")), STRIP, "A guard of the whole account would change")
M.row("SSM012", "DeregisterManagedInstance CancelCommand StopAutomationExecution DeregisterPatchBaselineForPatchGroup", ALWAYS, OUTAGE, "Something is managed no more, or stops halfway", "DeregisterManagedInstance")
W: Final = Table("workspaces", "https://docs.aws.amazon.com/workspaces/latest/api/API_{}.html")
W.row("WS001", "RebuildWorkspaces RestoreWorkspace MigrateWorkspace", ALWAYS, LOSS, "What is on the desktop since the last snapshot is lost", "RebuildWorkspaces")
W.row("WS002", "StopWorkspaces RebootWorkspaces DisassociateIpGroups", ALWAYS, OUTAGE, "Somebody's desktop goes away under her hands", "RebootWorkspaces")
V: Final = Table("amplify", "https://docs.aws.amazon.com/amplify/latest/APIReference/API_{}.html")
V.row("AMP001", "UpdateApp UpdateBranch", given("buildSpec", "environmentVariables", "basicAuthCredentials", "customRules"), RUNS, "Builds would run something else, or visitors be sent elsewhere", "UpdateApp")
V.row("AMP002", "UpdateApp", given("repository"), RUNS, "Builds would run what another repository holds, with the app's role")
U: Final = Table("apprunner", "https://docs.aws.amazon.com/apprunner/latest/api/API_{}.html")
U.row("APR001", "PauseService", ALWAYS, OUTAGE, "The service would answer nobody any more")
U.row("APR002", "UpdateService", given("SourceConfiguration", "InstanceConfiguration.InstanceRoleArn"), RUNS, "Other code would run, or with another role")
Z: Final = Table("fis", "https://docs.aws.amazon.com/fis/latest/APIReference/API_{}.html")
Z.row("FIS001", "StartExperiment", ALWAYS, OUTAGE, "An experiment breaks things on purpose")
Z.row("FIS002", "UpdateExperimentTemplate UpdateSafetyLeverState", given("stopConditions") | says("state.status", "disengaged"), STRIP, "Experiments would be stopped later, or by nothing", "UpdateExperimentTemplate")
Q: Final = Table("gamelift", "https://docs.aws.amazon.com/gamelift/latest/apireference/API_{}.html")
Q.row("GL001", "UpdateFleetCapacity", zero("DesiredInstances", "MaxSize", live=""), OUTAGE, "No instances would be left in the fleet")
X: Final = Table("lightsail", "https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_{}.html")
X.row("LSL001", "StopInstance RebootInstance StopRelationalDatabase RebootRelationalDatabase DisableAddOn DetachStaticIp DetachDisk CloseInstancePublicPorts", ALWAYS, OUTAGE, "It is not there while it is stopped or detached", "StopInstance")
X.row("LSL002", "UpdateRelationalDatabase", says("publiclyAccessible", True) | says("disableBackupRetention", True), STRIP, "The database would be public, or without backups")
X.row("LSL003", "OpenInstancePublicPorts PutInstancePublicPorts", check(_open_to_all, given=("portInfo", "portInfos[]")), EXPOSES, "Ports of the instance would be open to everybody", "PutInstancePublicPorts")
