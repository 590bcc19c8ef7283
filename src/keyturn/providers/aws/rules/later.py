"""Parts of what runs later or elsewhere: targets, state machines, SSM documents and commands, command overrides, build specifications, user data.

A script is read for the ``aws`` commands in it, each of which is a part. What else runs in it is not judged here: rules of the call itself say that
it runs what cannot be judged.
"""

from __future__ import annotations

import base64
import binascii
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from keyturn.model.assessment import Kind, Reversibility
from keyturn.providers.aws.cli import Meant, resolve
from keyturn.providers.aws.languages.documents import NoDocumentError, read
from keyturn.providers.aws.languages.steps import (
    Step,
    of_document,
    of_machine,
    of_schedule,
    script_of,
    unknown,
)
from keyturn.providers.aws.rules import Context
from keyturn.providers.aws.rules.conditions import values
from keyturn.providers.aws.rules.parts import Found, Inside, Part

NESTED_MAX: Final = 4
"""Documents that run documents: deeper ones are not followed."""

_KNOWN: Final = {
    "AWS-DeleteEBSVolumeSnapshots": ("ec2:DeleteSnapshot", {"VolumeId": "SnapshotId"}),
    "AWS-DeleteImage": ("ec2:DeregisterImage", {"ImageId": "ImageId"}),
    "AWS-DeleteSnapshot": ("ec2:DeleteSnapshot", {"SnapshotId": "SnapshotId"}),
    "AWS-DeleteCloudFormationStack": ("cloudformation:DeleteStack", {"StackNameOrId": "StackName"}),
    "AWS-DeleteDynamoDbBackup": ("dynamodb:DeleteBackup", {"BackupArn": "BackupArn"}),
    "AWS-DeleteEbsVolume": ("ec2:DeleteVolume", {"VolumeId": "VolumeId"}),
    "AWS-RebootRdsInstance": ("rds:RebootDBInstance", {"InstanceId": "DBInstanceIdentifier"}),
    "AWS-RestartEC2Instance": ("ec2:RebootInstances", {"InstanceId": "InstanceIds"}),
    "AWS-StartEC2Instance": ("ec2:StartInstances", {"InstanceId": "InstanceIds"}),
    "AWS-StartRdsInstance": ("rds:StartDBInstance", {"InstanceId": "DBInstanceIdentifier"}),
    "AWS-StopEC2Instance": ("ec2:StopInstances", {"InstanceId": "InstanceIds"}),
    "AWS-StopRdsInstance": ("rds:StopDBInstance", {"InstanceId": "DBInstanceIdentifier"}),
    "AWS-TerminateEC2Instance": ("ec2:TerminateInstances", {"InstanceId": "InstanceIds"}),
    "AWS-ResizeInstance": ("ec2:ModifyInstanceAttribute", {"InstanceId": "InstanceId", "InstanceType": "InstanceType"}),
    "AWS-DisablePublicAccessForSecurityGroup": ("ec2:RevokeSecurityGroupIngress", {"GroupId": "GroupId"}),
    "AWS-DisableS3BucketPublicReadWrite": ("s3:PutBucketAcl", {"S3BucketName": "Bucket"}),
    "AWS-CreateSnapshot": ("ec2:CreateSnapshot", {"VolumeId": "VolumeId"}),
    "AWS-CreateImage": ("ec2:CreateImage", {"InstanceId": "InstanceId"}),
}  # fmt: skip
"""AWS's own automations by name: the call they amount to, and which of their parameters is which of its members
(https://docs.aws.amazon.com/systems-manager-automation-runbooks/latest/userguide/automation-runbook-reference.html)."""

_SHELLS: Final = frozenset({"AWS-RunShellScript", "AWS-RunPowerShellScript"})
_LISTS: Final = frozenset({"InstanceIds"})


def _parts(steps: list[Step], depth: int = 0) -> Iterator[Part]:
    for step in steps:
        if step.script is not None:
            yield from script(step.script, step.label)
        elif step.unread or not step.name:
            yield Part("", label=step.label, unknown=step.unread or "its script is not known")
        elif step.name in {"ssm:SendCommand", "ssm:StartAutomationExecution"} and step.parameters is not None:
            named = step.parameters.get("DocumentName")
            yield from _document(named, step.parameters.get("Parameters"), None, depth + 1)
            yield from _shell(named, step.label)
        else:
            yield Part(step.name, step.parameters or {}, step.label, given=step.parameters is not None)


def _document(name: Any, given: Any, content: Any, depth: int = 0) -> Iterator[Part]:
    """What running a document is, by its name where it is AWS's, or by its content."""
    named = str(name or "").rpartition("/")[2].rpartition(":document/")[2].partition(":")[0]
    parameters = given if isinstance(given, Mapping) else {}
    if named in _SHELLS:
        yield from script(script_of(parameters.get("commands")), named)
    elif named in _KNOWN:
        call, members = _KNOWN[named]
        made = {member: _member(member, parameters.get(own)) for own, member in members.items()}
        yield Part(call, {member: value for member, value in made.items() if value is not None}, named)
    elif isinstance(content, str) and depth < NESTED_MAX:
        yield from _parts(of_document(content, parameters), depth)
    else:
        yield Part("", label=named or "the document", unknown="what the document does was not read")


def _shell(document: Any, label: str) -> Iterator[Part]:
    """That a shell runs, where the call is no SSM call of its own whose rule says so."""
    named = str(document or "").rpartition("/")[2].partition(":")[0]
    if named in _SHELLS:
        yield Part("", label=label or named, unknown="a shell script on instances cannot be judged")


def _member(name: str, value: Any) -> Any:
    """SSM gives every parameter as a list of texts."""
    if name in _LISTS or not isinstance(value, list):
        return value
    return value[0] if len(value) == 1 else unknown(value)


def script(text: str | None, label: str) -> Iterator[Part]:
    """The ``aws`` commands of a script. Secrets that it reads stay where it runs."""
    if text is None:
        return
    found = resolve(text)
    for meant in found.meant:
        yield _meant(meant, label)


def _meant(meant: Meant, label: str) -> Part:
    parameters = _shell_values(meant.parameters) if meant.unknown else dict(meant.parameters)
    for option in re.findall(r"--([a-z0-9-]+)", " ".join(meant.unknown)):
        name = option.replace("-", "")
        if name not in {one.lower() for one in parameters}:
            parameters[name] = unknown(option)  # what it is set to is put in by the shell
    finds = tuple(
        Found(one.kind, one.effect, Reversibility.R3 if one.kind is Kind.OVERWRITE else Reversibility.R4, f"{label}: {one.message}")
        for one in meant.remarks
    )  # fmt: skip
    return Part(f"{meant.service}:{meant.operation}", parameters, label, finds=finds, stays=True)


def _shell_values(value: Any) -> Any:
    """What the shell puts in is not known."""
    if isinstance(value, dict):
        return {name: _shell_values(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_shell_values(one) for one in value]
    return unknown(value) if isinstance(value, str) and re.search(r"[$`]|^<.*>$", value) else value


def _command(words: Any, label: str) -> Iterator[Part]:
    """A command as a list of words, as containers have it."""
    if isinstance(words, list) and words and all(isinstance(one, str) for one in words):
        yield from script(shlex.join(words), label)


def _user_data(text: Any) -> Iterator[Part]:
    if isinstance(text, str) and (plain := _plain(text)).startswith("#!"):
        yield from script(plain, "its user data")


def _plain(text: str) -> str:
    """User data as text: requests carry it in base64, and some clients do not."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return text


def _build(text: Any) -> Iterator[Part]:
    """The commands of a build specification, in its phases."""
    try:
        found = read(text) if isinstance(text, str) else None
    except NoDocumentError:
        return
    phases = found.get("phases") if isinstance(found, Mapping) else None
    for name, phase in phases.items() if isinstance(phases, Mapping) else ():
        lines = phase.get("commands") if isinstance(phase, Mapping) else None
        yield from script(script_of(lines), f"phase {name} of the build")


def _targets(given: Any) -> Iterator[Part]:
    """SQL, commands and documents of EventBridge's and Pipes' targets."""
    for target in given if isinstance(given, list) else [given]:
        if not isinstance(target, Mapping):
            continue
        sql = target.get("RedshiftDataParameters")
        if isinstance(sql, Mapping):
            listed = sql.get("Sqls") or [sql.get("Sql")]
            for one in listed if isinstance(listed, list) else ():
                yield Part(
                    "redshift-data:ExecuteStatement",
                    {"Sql": one, "Database": sql.get("Database")},
                    "its target",
                )
        arn = str(target.get("Arn", ""))
        if ":ssm:" in arn and ":document/" in arn:
            yield from _document(arn, _json(target.get("Input")), None)
            yield from _shell(arn, "its target")
        for words in values(target, "EcsTaskParameters.Overrides.ContainerOverrides[].Command") or []:
            yield from _command([words], "its container")
        inner = _json(target.get("Input"))
        for override in values(inner, "containerOverrides[]") if isinstance(inner, Mapping) else []:
            yield from _command(
                override.get("command") if isinstance(override, Mapping) else None, "its container"
            )


def _json(text: Any) -> Any:
    try:
        return read(text) if isinstance(text, str) else text
    except NoDocumentError:
        return None


Request = Mapping[str, Any]


def _overrides(request: Request, *places: str) -> Iterator[Part]:
    for place in places:
        for one in values(request, place):
            if isinstance(one, Mapping):
                yield from _command(_joined(one), f"container {one.get('name', '')}".strip())


def _joined(one: Mapping[str, Any]) -> list[str]:
    """Entry point and command, as they are run."""
    words = [*(one.get("entryPoint") or ()), *(one.get("command") or ())]
    return words if all(isinstance(word, str) for word in words) else []


def _window(request: Request) -> Iterator[Part]:
    """A task of a maintenance window."""
    how = request.get("TaskInvocationParameters")
    inner = (
        next((one for one in (how or {}).values() if isinstance(one, Mapping)), {})
        if isinstance(how, Mapping)
        else {}
    )
    kind = str(request.get("TaskType", ""))
    if kind in {"RUN_COMMAND", "AUTOMATION"} or (not kind and inner.get("Parameters")):
        given = inner.get("Parameters") or request.get("TaskParameters")
        yield from _document(request.get("TaskArn"), given, None)
        yield from _shell(request.get("TaskArn"), "the window's task")


def _content(live: Mapping[str, Any]) -> Any:
    for name in ("document", ""):
        found = live.get(name)
        if isinstance(found, Mapping) and found.get("Content"):
            return found["Content"]
    return None


def _read_by(context: Context) -> Iterator[Part]:
    request, name = context.parameters, context.operation.name
    match name:
        case "scheduler:CreateSchedule" | "scheduler:UpdateSchedule":
            yield from _parts(of_schedule(request.get("Target")))
            yield from _targets(request.get("Target"))
        case "events:PutTargets":
            yield from _targets(request.get("Targets"))
        case "pipes:CreatePipe" | "pipes:UpdatePipe":
            yield from _targets(request.get("TargetParameters"))
        case (
            "stepfunctions:CreateStateMachine"
            | "stepfunctions:UpdateStateMachine"
            | "stepfunctions:TestState"
        ):
            if request.get("definition"):
                yield from _parts(of_machine(request["definition"]))
        case "ssm:CreateDocument" | "ssm:UpdateDocument":
            yield from _parts(of_document(request.get("Content")))
        case "ssm:SendCommand" | "ssm:StartAutomationExecution":
            yield from _document(
                request.get("DocumentName"), request.get("Parameters"), _content(context.live)
            )
        case "ssm:CreateAssociation" | "ssm:UpdateAssociation":
            if request.get("Name"):
                yield from _document(request.get("Name"), request.get("Parameters"), _content(context.live))
        case "ssm:CreateAssociationBatch":
            for one in request.get("Entries") or ():
                yield from _document(one.get("Name"), one.get("Parameters"), None)
        case "ssm:StartChangeRequestExecution":
            for one in request.get("Runbooks") or ():
                yield from _document(one.get("DocumentName"), one.get("Parameters"), None)
        case "ssm:RegisterTaskWithMaintenanceWindow" | "ssm:UpdateMaintenanceWindowTask":
            yield from _window(request)
        case "ecs:RunTask" | "ecs:StartTask":
            yield from _overrides(request, "overrides.containerOverrides[]")
        case "ecs:RegisterTaskDefinition":
            yield from _overrides(request, "containerDefinitions[]")
        case "batch:SubmitJob":
            yield from _overrides(
                request, "containerOverrides", "nodeOverrides.nodePropertyOverrides[].containerOverrides"
            )
        case "batch:RegisterJobDefinition":
            yield from _overrides(
                request, "containerProperties", "nodeProperties.nodeRangeProperties[].container"
            )
        case "codebuild:StartBuild" | "codebuild:StartBuildBatch":
            yield from _build(request.get("buildspecOverride"))
        case "codebuild:CreateProject" | "codebuild:UpdateProject":
            yield from _build((request.get("source") or {}).get("buildspec"))
        case _:
            for place in _USER_DATA[name]:
                for text in values(request, place):
                    yield from _user_data(text)


_USER_DATA: Final = {
    "autoscaling:CreateLaunchConfiguration": ("UserData",),
    "ec2:CreateLaunchTemplate": ("LaunchTemplateData.UserData",),
    "ec2:CreateLaunchTemplateVersion": ("LaunchTemplateData.UserData",),
    "ec2:ModifyInstanceAttribute": ("UserData.Value",),
    "ec2:RunInstances": ("UserData",),
}
"""Where user data stands in a request."""

OPERATIONS: Final = frozenset(
    {
        "batch:RegisterJobDefinition",
        "batch:SubmitJob",
        "codebuild:CreateProject",
        "codebuild:StartBuild",
        "codebuild:StartBuildBatch",
        "codebuild:UpdateProject",
        "ecs:RegisterTaskDefinition",
        "ecs:RunTask",
        "ecs:StartTask",
        "events:PutTargets",
        "pipes:CreatePipe",
        "pipes:UpdatePipe",
        "scheduler:CreateSchedule",
        "scheduler:UpdateSchedule",
        "ssm:CreateAssociation",
        "ssm:CreateAssociationBatch",
        "ssm:CreateDocument",
        "ssm:RegisterTaskWithMaintenanceWindow",
        "ssm:SendCommand",
        "ssm:StartAutomationExecution",
        "ssm:StartChangeRequestExecution",
        "ssm:UpdateAssociation",
        "ssm:UpdateDocument",
        "ssm:UpdateMaintenanceWindowTask",
        "stepfunctions:CreateStateMachine",
        "stepfunctions:TestState",
        "stepfunctions:UpdateStateMachine",
        *_USER_DATA,
    }
)
"""Calls whose parts run later or elsewhere."""


def inside(context: Context) -> Inside:
    """The parts of such a call; they act with the authority that the call gives."""
    power = context.authority
    made = [msgspec.structs.replace(part, authority=power) for part in _read_by(context)]
    return Inside(tuple(made))
