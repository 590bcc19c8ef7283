"""Roles that a service puts to one use of its own: it writes its log with them, sends its notices, reads what the request names. What the
role may do beside that nobody can make it do: no code, no query and no target of the agent's runs with it.

A name that says that a role may do everything is no sign of such a role, nor is a request that names another account's resources.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from keyturn.providers.aws.rules import Context
from keyturn.providers.aws.rules.shapes import Leaf, members

_NAMED: Final = re.compile(
    r"(?i)(^|\.)(cloudwatch(logs?)?(config\w*|logging\w*)?\.|log(ging|delivery)?(config\w*)?\.|notificationchannel\.|presignedurlconfig\.)role(arn)?$"
    r"|(^|\.)\w*(log|logs|logging|cloudwatch\w*|alarm|monitoring|dataaccess|bucketaccess|secretsmanageraccess|podexecution|metastoremanager)role(arn)?$"
    r"|(^|\.)(deliverlogspermissionarn|snscallerarn)$"
)
"""Members whose names say the one use: to log, to notify, to read what the request names, to fetch an image."""

_OPERATIONS: Final = re.compile(
    r"accessanalyzer:StartPolicyGeneration|application-autoscaling:RegisterScalableTarget|autoscaling:PutLifecycleHook|backup:(StartBackupJob|StartCopyJob|CreateBackupSelection)|"
    r"bedrock-agent:CreateKnowledgeBase|comprehend:Create(DocumentClassifier|EntityRecognizer|Endpoint|Flywheel)|dms:CreateEndpoint|"
    r"entityresolution:Create\w+Workflow|firehose:CreateDeliveryStream|frauddetector:CreateBatch\w+Job|"
    r"glue:CreateCrawler|iotsitewise:CreateBulkImportJob|neptune-graph:(StartImportTask|CreateGraphUsingImportTask)|"
    r"omics:Start\w+ImportJob|personalize:CreateDatasetGroup|"
    r"bedrock:Create(EvaluationJob|ModelCustomizationJob|ModelImportJob|ModelInvocationJob)|cloudtrail:StartImport|cloudwatch:PutMetricStream|"
    r"codedeploy:(Create|Update)DeploymentGroup|comprehend(medical)?:Start\w+|datasync:CreateLocation\w+|dax:CreateCluster|"
    r"dlm:CreateLifecyclePolicy|eks:(Create|Update)Addon|eks:(CreateCluster|RegisterCluster)|elastictranscoder:CreatePipeline|"
    r"forecast:CreateDatasetImportJob|fsx:CreateDataRepositoryTask|glue:Start(DataQuality\w+|\w*StatisticsTaskRun)|grafana:CreateWorkspace|"
    r"guardduty:CreateMalwareProtectionPlan|healthlake:StartFHIR\w+|iot:CreateStream|iotdeviceadvisor:(Create|Update)SuiteDefinition|"
    r"kendra:Create(DataSource|Faq|Index)|mediaconvert:CreateJob(Template)?|medialive:CreateChannel|opensearchserverless:CreateIngestionStream|"
    r"personalize:Create(DatasetImportJob|BatchInferenceJob)|rekognition:(Start\w+|CreateStreamProcessor)|resource-groups:StartTagSyncTask|"
    r"storagegateway:Create(NFS|SMB)FileShare|textract:Start\w+|transcribe:Start\w+|translate:StartTextTranslationJob"
)
"""Operations whose pages name one use for the role, whatever its member is called."""

_OF_TASKS: Final = re.compile(
    r"(ecs:\w+ \w*executionrolearn|batch:\w+ \w*(containerproperties\.executionrolearn|servicerole))$",
    re.IGNORECASE,
)
"""A role that fetches the image and writes the log of a task (ECS developer guide, task execution role), not the one that the task has."""

_EVERYTHING: Final = re.compile(
    r"(?i)admin|poweruser|power-user|fullaccess|full-access|root|super|owner|breakglass|break-glass"
)
_ACCOUNT: Final = re.compile(r"arn:[\w-]+:[\w-]*:[\w-]*:(\d{12}):")


def has_one_use(name: str) -> bool:
    """Whether the page of this operation names one use for the role that it takes."""
    return _OPERATIONS.fullmatch(name) is not None


def put_to_one_use(context: Context, found: list[Leaf]) -> bool:
    """Whether all that is passed is put to one use by the service, and nothing in the request speaks against it."""
    name = context.operation.name
    if not found or any(_EVERYTHING.search(str(leaf.value).rpartition("/")[2]) for leaf in found):
        return False
    said = all(
        _NAMED.search(leaf.path.replace("[]", ""))
        or has_one_use(name)
        or _OF_TASKS.fullmatch(f"{name} {leaf.path.replace('[]', '')}")
        for leaf in found
    )
    return (said or _does_nothing(context)) and len(_accounts(context)) <= 1


def _accounts(context: Context) -> set[str]:
    return {
        account
        for leaf in members(context)
        for text in (leaf.value if isinstance(leaf.value, list) else [leaf.value])
        if isinstance(text, str)
        for account in _ACCOUNT.findall(text)
    } | ({context.operation.account} if context.operation.account else set())


_IDLE: Final = frozenset({"Pass", "Wait", "Choice", "Succeed", "Fail"})


def _does_nothing(context: Context) -> bool:
    """Whether it is a state machine whose states call nothing: there is nothing that the role would be used for but its log."""
    definition = context.parameters.get("definition")
    if context.operation.name != "stepfunctions:CreateStateMachine" or not isinstance(definition, str):
        return False
    try:
        states = json.loads(definition)["States"]
    except (ValueError, KeyError, TypeError):
        return False
    return isinstance(states, dict) and bool(states) and all(_is_idle(one) for one in states.values())


def _is_idle(state: Any) -> bool:
    return isinstance(state, dict) and state.get("Type") in _IDLE
