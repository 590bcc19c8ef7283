"""Operations whose parameters name their resource in a way that neither the hand-written tables nor a generated plan says right.

A row is data: the kind, and the parameters that make up the id, joined by ``/``. A text among them that begins with an apostrophe
stands for itself (``'stages``); a dot leads inside of a structure; a parameter with a default is written ``cluster=default``, as the service takes it where it is not given; ``namespace=`` is empty then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_ECS: Final = ("cluster=default",)
_STAGE: Final = {"CreateStage", "UpdateStage", "DeleteStage", "GetStage"}
_INTEGRATION: Final = {"UpdateIntegration", "DeleteIntegration", "GetIntegration"}
_RDS: Final = (
    ("DBParameterGroup", "rds:pg", "Name"),
    ("DBClusterParameterGroup", "rds:cluster-pg", "Name"),
    ("DBSubnetGroup", "rds:subgrp", "Name"),
    ("OptionGroup", "rds:og", "Name"),
)
"""Groups whose types in ARNs are not the words of their operations (Service Authorization Reference, Amazon RDS)."""

_BOTH: Final = ("Associate", "Disassociate")
_MIGRATION: Final = (
    "ImportMigrationTask",
    "NotifyMigrationTaskState",
    "NotifyApplicationState",
    "AssociateCreatedArtifact",
    "AssociateDiscoveredResource",
    "AssociateSourceResource",
    "DisassociateCreatedArtifact",
    "DisassociateDiscoveredResource",
    "DisassociateSourceResource",
    "PutResourceAttributes",
)
_GRANTS: Final = (
    "AssociateAccessGrantsIdentityCenter",
    "DissociateAccessGrantsIdentityCenter",
    "CreateAccessGrantsInstance",
    "DeleteAccessGrantsInstance",
    "PutAccessGrantsInstanceResourcePolicy",
    "DeleteAccessGrantsInstanceResourcePolicy",
    "CreateAccessGrant",
    "CreateAccessGrantsLocation",
)
"""An account has one instance in a region, and it is called default (Service Authorization Reference, Amazon S3)."""

BESIDE: Final = "role|topic|kms|principal|policyarn|destination|notification|certificate|identitycenter|processorarn|secretstore"
"""In a member's name, in small letters: what it holds goes along with the call, and is not what the call is about."""

_OF_RULES: Final = re.compile(r"(?:Rule|Targets|ByRule)$")

_ROWS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "lambda:UpdateEventSourceMapping": ("lambda:event-source-mapping", ("UUID",)),
    "lambda:CreateEventSourceMapping": ("lambda:function", ("FunctionName",)),
    "cloudtrail:PutInsightSelectors": ("cloudtrail:trail", ("TrailName",)),
    "route53:ChangeTagsForResource": ("route53:{ResourceType}", ("ResourceId",)),
    "ecs:UpdateService": ("ecs:service", (*_ECS, "service")),
    "ecs:DeleteService": ("ecs:service", (*_ECS, "service")),
    "ecs:CreateService": ("ecs:service", (*_ECS, "serviceName")),
    "elasticbeanstalk:UpdateEnvironment": ("elasticbeanstalk:environment", ("EnvironmentName",)),
    "elasticbeanstalk:CreateEnvironment": ("elasticbeanstalk:environment", ("EnvironmentName",)),
    "cloudcontrol:UpdateResource": ("cloudcontrol:resource", ("TypeName", "Identifier")),
    "cloudcontrol:DeleteResource": ("cloudcontrol:resource", ("TypeName", "Identifier")),
    "ecs:CreateCluster": ("ecs:cluster", ("clusterName=default",)),
    "ecs:DeleteTaskDefinitions": ("ecs:task-definition", ("taskDefinitions",)),
    **{
        f"rds:{verb}{noun}": (kind, (f"{noun}{tail}",))
        for noun, kind, tail in _RDS
        for verb in ("Create", "Modify", "Reset", "Delete")
    },
    "application-autoscaling:DeleteScalingPolicy": (
        "application-autoscaling:scalable-target",
        ("ResourceId",),
    ),
    **{
        f"{service}:CreateDBClusterSnapshot": ("rds:cluster-snapshot", ("DBClusterSnapshotIdentifier",))
        for service in ("rds", "docdb", "neptune")
    },
    **{
        f"connect:{verb}QueueQuickConnects": ("connect:instance", ("InstanceId", "'queue", "QueueId"))
        for verb in _BOTH
    },
    **{f"mgn:{verb}Applications": ("mgn:wave", ("waveID",)) for verb in _BOTH},
    **{f"mgn:{verb}SourceServers": ("mgn:application", ("applicationID",)) for verb in _BOTH},
    **{
        f"iam:{name}": ("iam:mfa", ("SerialNumber",))
        for name in ("TagMFADevice", "UntagMFADevice", "DeleteVirtualMFADevice")
    },
    **{
        f"mgh:{name}": (
            "mgh:progressUpdateStream",
            ("ProgressUpdateStream", "'migrationTask", "MigrationTaskName"),
        )
        for name in _MIGRATION
    },
    **{f"s3control:{name}": ("s3:access-grants", ("'default",)) for name in _GRANTS},
    "s3control:DeleteAccessGrant": ("s3:access-grants", ("'default", "'grant", "AccessGrantId")),
    **{
        f"s3control:{verb}AccessGrantsLocation": (
            "s3:access-grants",
            ("'default", "'location", "AccessGrantsLocationId"),
        )
        for verb in ("Update", "Delete")
    },
    **{
        f"{service}:{verb}DataSource": ("es:domain", ("DomainName",))
        for service in ("es", "opensearch")
        for verb in ("Add", "Update", "Delete")
    },
    "devicefarm:CreateRemoteAccessSession": ("devicefarm:project", ("projectArn",)),
    "frauddetector:PutDetector": ("frauddetector:detector", ("detectorId",)),
    "frauddetector:CreateRule": ("frauddetector:detector", ("detectorId",)),
    "frauddetector:CreateDetectorVersion": ("frauddetector:detector", ("detectorId",)),
    **{
        f"frauddetector:{name}": ("frauddetector:detector-version", ("detectorId", "detectorVersionId"))
        for name in (
            "UpdateDetectorVersion",
            "UpdateDetectorVersionMetadata",
            "UpdateDetectorVersionStatus",
            "DeleteDetectorVersion",
        )
    },
    **{
        f"frauddetector:{name}": ("frauddetector:model", ("modelType", "modelId"))
        for name in ("CreateModel", "UpdateModel", "DeleteModel", "CreateModelVersion", "UpdateModelVersion")
    },
    **{
        f"frauddetector:{name}": (
            "frauddetector:model-version",
            ("modelType", "modelId", "modelVersionNumber"),
        )
        for name in ("DeleteModelVersion", "UpdateModelVersionStatus")
    },
    "datasync:CreateTask": ("datasync:account", ("'*",)),
    "glue:CreateGlueIdentityCenterConfiguration": ("glue:account", ("'*",)),
    "glue:StopMaterializedViewRefreshTaskRun": ("glue:table", ("DatabaseName", "TableName")),
    "glue:StartMaterializedViewRefreshTaskRun": ("glue:table", ("DatabaseName", "TableName")),
    **{
        f"lex-models:Delete{noun}Version": (f"lex:{kind}", ("name", "version"))
        for noun, kind in (("SlotType", "slottype"), ("Intent", "intent"), ("Bot", "bot"))
    },
    **{
        f"codeartifact:{name}": (
            "codeartifact:package",
            ("domain", repository, "format", "namespace=", "package"),
        )
        for name, repository in (
            ("PublishPackageVersion", "repository"),
            ("DeletePackage", "repository"),
            ("DeletePackageVersions", "repository"),
            ("DisposePackageVersions", "repository"),
            ("UpdatePackageVersionsStatus", "repository"),
            ("PutPackageOriginConfiguration", "repository"),
            ("CopyPackageVersions", "destinationRepository"),
        )
    },
    **{
        f"resource-groups:{name}": ("resource-groups:group", ("Group",))
        for name in (
            "DeleteGroup",
            "GroupResources",
            "PutGroupConfiguration",
            "UngroupResources",
            "UpdateGroup",
            "UpdateGroupQuery",
        )
    },
    **{
        f"s3vectors:{name}": ("s3vectors:bucket", ("vectorBucketName", "'index", "indexName"))
        for name in ("CreateIndex", "DeleteIndex", "PutVectors", "DeleteVectors")
    },
    **{
        f"s3vectors:{name}": ("s3vectors:bucket", ("vectorBucketName",))
        for name in ("DeleteVectorBucket", "PutVectorBucketPolicy", "DeleteVectorBucketPolicy")
    },
    **dict.fromkeys(
        (
            "iot-data:UpdateThingShadow",
            "iot-data:DeleteThingShadow",
            "iot-jobs-data:StartNextPendingJobExecution",
            "iot-jobs-data:UpdateJobExecution",
        ),
        ("iot:thing", ("thingName",)),
    ),
    "opensearch:CreateOutboundConnection": (
        "es:domain",
        ("LocalDomainInfo.AWSDomainInformation.DomainName",),
    ),
    "s3tables:StartTableMigration": ("s3tables:bucket", ("destinationTable.tableBucketARN",)),
    "es:CreateOutboundCrossClusterSearchConnection": ("es:domain", ("SourceDomainInfo.DomainName",)),
    "redshift:RestoreFromClusterSnapshot": ("redshift:cluster", ("ClusterIdentifier",)),
    "glue:CreateTable": ("glue:table", ("DatabaseName", "TableInput.Name")),
    "glue:UpdateTable": ("glue:table", ("DatabaseName", "TableInput.Name")),
    "rds:CopyDBSnapshot": ("rds:snapshot", ("TargetDBSnapshotIdentifier",)),
    "rds:CopyDBClusterSnapshot": ("rds:cluster-snapshot", ("TargetDBClusterSnapshotIdentifier",)),
    **{
        f"apigateway:{name}": ("apigateway:restapis", ("restApiId", "'stages", "stageName"))
        for name in _STAGE
    },
    **{f"apigatewayv2:{name}": ("apigateway:apis", ("ApiId", "'stages", "StageName")) for name in _STAGE},
    **{
        f"apigatewayv2:{name}": ("apigateway:apis", ("ApiId", "'integrations", "IntegrationId"))
        for name in _INTEGRATION
    },
}


def named(service: str, operation: str, parameters: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(kind, id or ARN) of what a row says; nothing where there is no row, or not every parameter that it needs."""
    if service == "events" and _OF_RULES.search(operation):
        yield from _rule(parameters)
        return
    row = _ROWS.get(f"{service}:{operation}")
    if row is None or ("{ResourceType}" in row[0] and not isinstance(parameters.get("ResourceType"), str)):
        return
    form, parts = row
    kind = form.format_map({name: value for name, value in parameters.items() if isinstance(value, str)})
    *container, last = parts
    before = [text for part in container for text in _texts(part, parameters)[:1]]
    if len(before) < len(container):
        return
    for text in _texts(last, parameters):
        if text.startswith("arn:") and not kind.startswith(
            "cloudcontrol:"
        ):  # whose identifiers are often ARNs
            yield kind, text
        else:
            yield kind, "/".join([*(_short(one) for one in before), text])


def _rule(parameters: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """A rule is named within its bus, as in its ARN; on the default one by its name alone (API_PutRule, EventBusName)."""
    bus = str(parameters.get("EventBusName") or "default")
    bus = bus.partition(":event-bus/")[2] or bus
    for text in (_texts("Rule", parameters) or _texts("Name", parameters))[:1]:
        yield "events:rule", text if bus == "default" or text.startswith("arn:") else f"{bus}/{text}"


def bare(kind: str, text: str) -> str:
    """The id as it stands in ARNs: Route 53 hands its ids out as ``/hostedzone/Z1`` and takes both."""
    return text.rpartition("/")[2] if kind.startswith("route53:") and text.startswith("/") else text


def _texts(part: str, parameters: Mapping[str, Any]) -> list[str]:
    if part.startswith("'"):
        return [part[1:]]
    name, optional, default = part.partition("=")
    value: Any = parameters
    for step in name.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    value = value or default
    if isinstance(value, str):
        return [value] if value or optional else []
    return [one for one in value if isinstance(one, str) and one] if isinstance(value, list) else []


def _short(text: str) -> str:
    return text.rpartition("/")[2] if text.startswith("arn:") else text
