"""Whether an execution only sets going, stops or says something about what stands, or runs what the request brings."""

from __future__ import annotations

import re
from typing import Final

from keyturn.providers.aws.rules import Context
from keyturn.providers.aws.rules.one_use import has_one_use, put_to_one_use
from keyturn.providers.aws.rules.shapes import STARTS, Leaf, families, members


def filled(found: list[Leaf]) -> list[Leaf]:
    return [leaf for leaf in found if leaf.value not in (None, "", [], {}, False)]


_RUNS_WHAT_IS_GIVEN: Final = re.compile(
    r"Execute|Invo(ke|cation)|Start(Sync)?Execution$|StartSession$|(Automation|Request|Plan)Execution|Command|Statement|Quer|Run(Instances|Job)|Experiment|"
    r"Failover|Switchover|Shift|Cutover|Recover|Restore|Replicat|Payment|Purchase|Order|Transfer|InstanceRefresh|Migrate|Deployment|Delet|Rollback|Replay|Redrive|Import|"
    r"Export|Reload|Rebuild|Chat|Converse|Workflow(Execution)?$|Steps$"
)
"""Executions that do what they are told, or move or overwrite what runs."""

_LOOKS: Final = re.compile(
    r"InsightsRefresh|DashboardRefresh|Assessment|Codegen|CodeGeneration|RecommendationGeneration|MetadataGeneration|AutomatedReasoningPolicy\w*Workflow"
    r"|AnalysisLogExport|ExportTask|AttachmentUpload|TelemetryQuery|MetadataModel|ReplicationBackfill|PatientInsights|^SendEvent$|^Rebalance"
)
"""Executions that look at what stands, and write down what they found, or go on copying."""

_TOLD: Final = re.compile(
    r"(?i)override|input|argument|parameter|script(?!ion)|payload|command|body|query|(?<!language)code|environment|(?<!job)(?<!task)definition|document|content|variables|spec"
)
"""Members by which an execution is told what to do."""


_PLAIN: Final = frozenset(
    {
        "appconfig:StartDeployment",
        "apprunner:StartDeployment",
        "frauddetector:SendEvent",
        "fsx:StartMisconfiguredStateRecovery",
        "gamelift:StartGameSessionPlacement",
        "iot-data:Publish",
        "iot-data:SendDirectMessage",
        "iot:TestInvokeAuthorizer",
        "iotdeviceadvisor:StartSuiteRun",
        "iotwireless:StartSingleWirelessDeviceImportTask",
        "ivs-realtime:StartParticipantReplication",
        "lexv2-models:StartBotResourceGeneration",
        "lexv2-models:StartTestExecution",
        "mailmanager:StartAddressListImportJob",
        "medialive:StartMonitorDeployment",
        "mgn:ResumeReplication",
        "mgn:RetryDataReplication",
        "mgn:StartImportFileEnrichment",
        "mgn:StartNetworkMigrationAnalysis",
        "mgn:StartNetworkMigrationCodeGeneration",
        "mgn:StartNetworkMigrationMapping",
        "mgn:StartReplication",
        "migrationhuborchestrator:StartWorkflow",
        "mwaa:PublishMetrics",
        "qconnect:StartImportJob",
        "rds:StartDBInstanceAutomatedBackupsReplication",
        "rekognition:StartMediaAnalysisJob",
        "repostspace:SendInvites",
        "sagemaker:StartInferenceExperiment",
        "securityagent:StartCodeReviewJob",
        "ssm:StartAccessRequest",
        "transcribe:StartCallAnalyticsJob",
        "transcribe:StartMedicalTranscriptionJob",
        "wisdom:StartImportJob",
    }
)
"""What these are told is what they look at or fill: an analysis, a copy to one side, a test."""


_MAKES: Final = re.compile(r"AWS-(Create(Snapshot|Image|RdsSnapshot|DynamoDbBackup)|Start(EC2|Rds)Instance)")
"""AWS's own automations that make a copy, or start what stands; nobody else's document has a name that begins so (API_CreateDocument, Name)."""

PREVIEWS: Final = re.compile(r"Preview|Validat|Simulat")
"""What is asked there is what something would do."""

MESSAGES: Final = re.compile(
    r"^(Send|Post|Publish|Resend)\w*(Message|Email|Notification|Text|Sms|Code|Verification)$"
)
"""What people read."""


def sets_going(context: Context) -> bool:
    """Whether it only sets going what stands, as it stands: a start, a job, a message, with nothing in the request to run."""
    action = context.operation.action
    if context.operation.name in _PLAIN or _LOOKS.search(action):
        return True
    if context.parameters.get("StartReplicationTaskType") == "resume-processing":
        return True
    if action == "StartAutomationExecution":
        return _MAKES.fullmatch(str(context.parameters.get("DocumentName"))) is not None
    if action == "TestInvokeMethod":  # it calls what is behind the API (API Gateway API reference)
        return context.parameters.get("httpMethod") in {"GET", "HEAD", "OPTIONS"}
    if action == "InvokeRestApi":  # an API of the service's own: it says itself what is only asked
        return context.parameters.get("Method") == "GET"
    given = [(leaf, set(families(leaf.name))) for leaf in filled(members(context))]
    roles = [leaf for leaf, kinds in given if "role" in kinds]
    if has_one_use(context.operation.name) and put_to_one_use(context, roles):
        return True
    if roles or any("code" in kinds for _, kinds in given):
        return MESSAGES.match(action) is not None
    if action.startswith(("Stop", "BatchStop", "Resume")) or MESSAGES.match(action):
        return True
    if STARTS.match(action) and not action.startswith("StartReplay"):
        return True
    return not _RUNS_WHAT_IS_GIVEN.search(action) and not any(
        _TOLD.search(leaf.name) for leaf in members(context)
    )
