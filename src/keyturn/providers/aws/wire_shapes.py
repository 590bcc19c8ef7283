"""What the model says about parameters: which are secrets or data, which one is a token, how a person would type them."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from keyturn.model.canonical import canonical
from keyturn.providers.aws.wire_table import Service, Shape, input_of

TEXT_CHARS_MAX: Final = 1_024
"""A longer text stands in the log as its digest: documents and scripts belong into the vault."""

_DATA_SHAPES: Final = {"dynamodb": {"AttributeValue"}}
_DATA_MEMBERS: Final = {"sqs": {"MessageBody"}, "sns": {"Message"}, "events": {"Detail"}}
"""Data that agents move: never in the log, whatever the model says of its sensitivity."""

_CLI_SERVICES: Final = {
    "s3": "s3api",
    "codedeploy": "deploy",
    "config": "configservice",
    "runtime.sagemaker": "sagemaker-runtime",
}
"""Services that the AWS CLI calls otherwise than botocore does."""

_CLI_OPTIONS: Final = {
    "apigateway.create-rest-api.version": "api-version",
    "apigatewayv2.create-api.version": "api-version",
    "apigatewayv2.update-api.version": "api-version",
    "clouddirectory.publish-schema.version": "schema-version",
    "cloudsearchdomain.search.query": "search-query",
    "cloudsearchdomain.suggest.query": "suggest-query",
    "codepipeline.create-custom-action-type.version": "action-version",
    "codepipeline.delete-custom-action-type.version": "action-version",
    "codepipeline.get-action-type.version": "action-version",
    "codepipeline.get-pipeline.version": "pipeline-version",
    "controltower.create-landing-zone.version": "landing-zone-version",
    "controltower.update-landing-zone.version": "landing-zone-version",
    "datapipeline.get-pipeline-definition.version": "pipeline-version",
    "eks.create-cluster.version": "kubernetes-version",
    "eks.create-nodegroup.version": "kubernetes-version",
    "eks.update-cluster-components-version.version": "kubernetes-version",
    "eks.update-cluster-version.version": "kubernetes-version",
    "eks.update-nodegroup-version.version": "kubernetes-version",
    "gamelift.create-build.version": "build-version",
    "gamelift.create-script.version": "script-version",
    "gamelift.update-build.version": "build-version",
    "gamelift.update-script.version": "script-version",
    "glue.get-unfiltered-partition-metadata.region": "resource-region",
    "glue.get-unfiltered-partitions-metadata.region": "resource-region",
    "glue.get-unfiltered-table-metadata.region": "resource-region",
    "kinesisanalytics.add-application-output.output": "application-output",
    "kinesisanalyticsv2.add-application-output.output": "application-output",
    "lex-models.delete-bot-version.version": "bot-version",
    "lex-models.delete-bot.version": "bot-version",
    "lex-models.delete-intent-version.version": "intent-version",
    "lex-models.delete-intent.version": "intent-version",
    "lex-models.delete-slot-type-version.version": "slot-type-version",
    "lex-models.delete-slot-type.version": "slot-type-version",
    "lex-models.get-export.version": "resource-version",
    "lex-models.get-intent.version": "intent-version",
    "lex-models.get-slot-type.version": "slot-type-version",
    "license-manager.delete-grant.version": "grant-version",
    "license-manager.get-grant.version": "grant-version",
    "license-manager.get-license.version": "license-version",
    "mturk.list-qualification-types.query": "types-query",
    "pinpoint.delete-email-template.version": "template-version",
    "pinpoint.delete-in-app-template.version": "template-version",
    "pinpoint.delete-push-template.version": "template-version",
    "pinpoint.delete-sms-template.version": "template-version",
    "pinpoint.delete-voice-template.version": "template-version",
    "pinpoint.get-campaign-version.version": "campaign-version",
    "pinpoint.get-email-template.version": "template-version",
    "pinpoint.get-in-app-template.version": "template-version",
    "pinpoint.get-push-template.version": "template-version",
    "pinpoint.get-segment-version.version": "segment-version",
    "pinpoint.get-sms-template.version": "template-version",
    "pinpoint.get-voice-template.version": "template-version",
    "pinpoint.update-email-template.version": "template-version",
    "pinpoint.update-in-app-template.version": "template-version",
    "pinpoint.update-push-template.version": "template-version",
    "pinpoint.update-sms-template.version": "template-version",
    "pinpoint.update-voice-template.version": "template-version",
    "rekognition.create-stream-processor.output": "stream-processor-output",
    "route53.delete-traffic-policy.version": "traffic-policy-version",
    "route53.get-traffic-policy.version": "traffic-policy-version",
    "route53.update-traffic-policy-comment.version": "traffic-policy-version",
    "route53domains.view-billing.end": "end-time",
    "route53domains.view-billing.start": "start-time",
    "sagemaker.delete-image-version.version": "version-number",
    "sagemaker.describe-image-version.version": "version-number",
    "sagemaker.list-aliases.version": "version-number",
    "sagemaker.update-image-version.version": "version-number",
    "sns.subscribe.endpoint": "notification-endpoint",
    "stepfunctions.send-task-success.output": "task-output",
    "swf.register-activity-type.version": "activity-version",
    "swf.register-workflow-type.version": "workflow-version",
    "workdocs.create-notification-subscription.endpoint": "notification-endpoint",
    "workdocs.describe-users.query": "user-query",
}
"""Options that the AWS CLI calls otherwise than the parameter, most because it has an option of that name itself: ``--version`` prints its
own and ends well (awscli/customizations/argrename.py)."""

Seal = Callable[[bytes], str]


def mask(service: str, operation: str, parameters: dict[str, Any], seal: Seal) -> dict[str, Any]:
    """A log-safe, JSON-able copy: sensitive values, blobs, item data and long texts stand as ``{"$sealed": seal(value)}``.

    Where something goes is no secret, whatever a model marks: an ARN stands as it is, and a sealed address says its host in ``$to``.
    Equal parameters give equal copies, so a digest over the copy binds the values it does not show.
    """
    taken = input_of(service, operation)
    if taken is None:
        return {name: _sealed(value, seal) for name, value in parameters.items()}
    known, shape = taken
    return {
        name: _mask(
            known,
            known.shape(shape.members[name].shape),
            value,
            seal,
            service,
            name,
            sensitive=shape.sensitive,
        )
        if name in shape.members
        else _sealed(value, seal)  # an older client's, which today's model does not know
        for name, value in parameters.items()
    }


def _mask(
    known: Service,
    shape: Shape,
    value: Any,
    seal: Seal,
    service: str,
    name: str,
    *,
    sensitive: bool,
    member: bool = True,  # of a structure, and so named by AWS
) -> Any:
    sensitive = sensitive or shape.sensitive
    if isinstance(value, dict):
        if shape.kind == "structure":
            return {
                key: _mask(
                    known,
                    known.shape(shape.members[key].shape),
                    inner,
                    seal,
                    service,
                    key,
                    sensitive=sensitive or shape.members[key].shape in _DATA_SHAPES.get(service, ()),
                )
                if key in shape.members
                else _sealed(inner, seal)
                for key, inner in value.items()
            }
        if shape.kind == "map" and shape.value is not None:
            data = shape.value.shape in _DATA_SHAPES.get(service, ())
            inner_shape = known.shape(shape.value.shape)
            if data:
                return {key: _sealed(inner, seal) for key, inner in value.items()}
            return {
                key: _mask(known, inner_shape, inner, seal, service, key, sensitive=sensitive, member=False)
                for key, inner in value.items()
            }
        return _sealed(value, seal)
    if isinstance(value, list) and shape.element is not None:
        if shape.element.shape in _DATA_SHAPES.get(service, ()):
            return _sealed(value, seal)
        inner_shape = known.shape(shape.element.shape)
        return [
            _mask(known, inner_shape, inner, seal, service, name, sensitive=sensitive, member=member)
            for inner in value
        ]
    if isinstance(value, datetime):
        return value.isoformat()
    long = isinstance(value, str) and len(value) > TEXT_CHARS_MAX
    if long or isinstance(value, bytes) or name in _DATA_MEMBERS.get(service, ()):
        return _sealed(value, seal)
    if not sensitive:
        return value
    if not (member and isinstance(value, str) and _PLACE.search(name)):
        return _sealed(value, seal)
    return value if _NAMED.fullmatch(value) else _sealed(value, seal) | _whereto(value)


_PLACE: Final = re.compile(
    r"(?i)(ur[il]s?|endpoint|arns?|host|bucket|address|destination|target|email)$|kms.*key"
)
"""Members that say where something goes, or who else can read it: under which key. Names of an agent's own choosing (keys of a map) say nothing."""

_NAMED: Final = re.compile(
    r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]{0,12}:[!-~]{1,1024}|alias/[A-Za-z0-9/_-]{1,250}|(mrk-)?[0-9a-f-]{32,36}"
)
"""An ARN; a KMS key by its alias or id (API_DescribeKey, KeyId)."""
_ADDRESS: Final = re.compile(
    r"([a-z][a-z0-9+.-]{0,20}://)(?:[^/?#\\\s]*@)?([A-Za-z0-9._-]{1,253}(?::[0-9]{1,5})?)(?=[/?#]|$)"
)
_MAIL: Final = re.compile(r"[^@\s]+(@[A-Za-z0-9.-]{1,253})")


def _whereto(value: str) -> dict[str, str]:
    """Scheme and host of an address, the domain of a mailbox; path, query and who logs in there may be secrets and stay sealed."""
    if found := _ADDRESS.match(value):
        return {"$to": found[1] + found[2]}
    found = _MAIL.fullmatch(value)
    return {"$to": found[1]} if found else {}


def _sealed(value: Any, seal: Seal) -> dict[str, str]:
    return {"$sealed": seal(value if isinstance(value, bytes) else canonical(value))}


_STACK_TOKENS: Final = {
    "CreateChangeSet": "ClientToken",
    **dict.fromkeys(
        ("CreateStack", "UpdateStack", "DeleteStack", "ExecuteChangeSet", "RollbackStack"),
        "ClientRequestToken",
    ),
    **dict.fromkeys(("CancelUpdateStack", "ContinueUpdateRollback"), "ClientRequestToken"),
}
"""Tokens that CloudFormation's model does not mark as such. API_CreateChangeSet: "A unique identifier for this CreateChangeSet request.
Specify this token if you plan to retry requests so that CloudFormation knows that you're not attempting to create another change
set with the same name." CDK makes a new one for each run."""


def idempotency_token(service: str, operation: str) -> str | None:
    """The member SDKs fill with a token of their own; None where there is none."""
    if service == "cloudformation" and operation in _STACK_TOKENS:
        return _STACK_TOKENS[operation]
    taken = input_of(service, operation)
    members = taken[1].members if taken is not None else {}
    return next((name for name, member in members.items() if member.token), None)


_WORD_BEGINS: Final = re.compile(r"(?<=.)(?=[A-Z][a-z])|(?<=[a-z0-9])(?=[A-Z])")
_SPECIAL_TAIL: Final = re.compile(r"[A-Z]{2,}s$")


@lru_cache(maxsize=16_384)
def kebab(name: str) -> str:
    """The CLI's spelling of an operation or parameter: words of a camel-case name joined by dashes (botocore's rule)."""
    special = _SPECIAL_TAIL.search(name)
    if special:  # a plural of an abbreviation is one word: VPCs
        name = name[: special.start()] + "-" + special.group().lower() if special.start() else name.lower()
    return _WORD_BEGINS.sub("-", name).lower()


def cli_command(service: str, operation: str, parameters: dict[str, Any]) -> str:
    """The ``aws`` command that performs this operation with these parameters, quoted for a POSIX shell."""
    words = ["aws", _CLI_SERVICES.get(service, service), kebab(operation)]
    if (service, operation) == ("ec2", "RunInstances"):  # it takes one option for both
        least, most = parameters.get("MinCount", 1), parameters.get("MaxCount", 1)
        words += ["--count", str(most) if least == most else f"{least}:{most}"]
        parameters = {
            name: value for name, value in parameters.items() if name not in {"MinCount", "MaxCount"}
        }
    for name, value in parameters.items():
        option = "--" + _CLI_OPTIONS.get(f"{'.'.join(words[1:3])}.{kebab(name)}", kebab(name))
        if isinstance(value, bool):
            words.append(option if value else "--no-" + kebab(name))
        elif isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            words += [option, *value]
        else:
            words += [option, _word(value)]
    return shlex.join(words)


def _word(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return json.dumps(value, default=_plain, separators=(",", ":"))
    return str(_plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, datetime) else value
