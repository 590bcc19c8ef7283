"""The narrowest credential that still lets exactly one change through: an IAM session policy.

A session policy is at most 2,048 characters (STS AssumeRole, Policy), and what it allows is the intersection with the role's
own policies. Each operation has statements of its own, so that of two operations neither may do the other's work. What does
not fit, or cannot be named, is wider: first any resource for the same actions, then the services' actions; it is said why.
Roles are passed by name and never widened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote

from keyturn.core.ports import Scope
from keyturn.model.change import Change, Operation, ResourceRef
from keyturn.providers.aws import catalogue, scope_beside
from keyturn.providers.aws.resources import arn_of, is_arn, sure

POLICY_CHARS_MAX: Final = 2_048
"""STS, AssumeRole: "The plaintext that you use for both inline and managed session policies can't exceed 2,048 characters"."""

_BELOW: Final[dict[str, tuple[str, ...]]] = {
    "dynamodb:table": ("{}", "{}/*"),
    "lambda:function": ("{}", "{}:*"),
    "logs:log-group": ("{}", "{}:*"),
    "cloudformation:stack": ("{}/*",),
    "secretsmanager:secret": ("{}", "{}-??????"),
}
"""A resource and what belongs to it, in ARNs: indexes, versions, streams, the random tail of a secret."""

_PATHS: Final = frozenset({"iam:role", "iam:user", "iam:group", "iam:instance-profile"})
"""Named without their path in requests, with it in ARNs."""

_ANYWHERE: Final = frozenset({"lambda:GetLayerVersion"})
"""Dependent actions on resources that the request does not name."""

_TAGGING: Final = {
    "dynamodb:CreateTable": "dynamodb:TagResource",
    "sqs:CreateQueue": "sqs:TagQueue",
    "iam:CreateRole": "iam:TagRole",
    "iam:CreateUser": "iam:TagUser",
    "iam:CreatePolicy": "iam:TagPolicy",
    "iam:CreateInstanceProfile": "iam:TagInstanceProfile",
    "ssm:PutParameter": "ssm:AddTagsToResource",
    "cloudwatch:PutMetricAlarm": "cloudwatch:TagResource",
    "cloudwatch:PutCompositeAlarm": "cloudwatch:TagResource",
    "kms:CreateKey": "kms:TagResource",
    "secretsmanager:CreateSecret": "secretsmanager:TagResource",
    "sns:CreateTopic": "sns:TagResource",
    "logs:CreateLogGroup": "logs:TagResource",
    **dict.fromkeys(
        (
            "rds:CreateDBInstance",
            "rds:CreateDBCluster",
            "rds:RestoreDBInstanceFromDBSnapshot",
            "rds:RestoreDBClusterFromSnapshot",
            "rds:CopyDBSnapshot",
            "rds:CopyDBClusterSnapshot",
            "rds:CreateDBParameterGroup",
            "rds:CreateDBClusterParameterGroup",
            "rds:CreateDBSubnetGroup",
            "rds:CreateOptionGroup",
        ),
        "rds:AddTagsToResource",
    ),
    **dict.fromkeys(
        (
            "elasticache:CreateReplicationGroup",
            "elasticache:CreateCacheCluster",
            "elasticache:CreateSnapshot",
        ),
        "elasticache:AddTagsToResource",
    ),
    **dict.fromkeys(("redshift:CreateCluster", "redshift:CreateClusterSnapshot"), "redshift:CreateTags"),
    "opensearch:CreateDomain": "es:AddTags",
    "ecs:CreateCluster": "ecs:TagResource",
    "ecr:CreateRepository": "ecr:TagResource",
    "events:PutRule": "events:TagResource",
    "stepfunctions:CreateStateMachine": "states:TagResource",
}
"""To make something with tags takes the permission to tag it, too (Service Authorization Reference, dependent actions)."""

_RDS_BESIDE: Final = {
    "DBParameterGroupName": "pg",
    "DBClusterParameterGroupName": "cluster-pg",
    "OptionGroupName": "og",
    "DBSubnetGroupName": "subgrp",
    "DBClusterIdentifier": "cluster",
    "DBSnapshotIdentifier": "snapshot",
    "SnapshotIdentifier": "cluster-snapshot",
    "SourceDBSnapshotIdentifier": "snapshot",
    "SourceDBClusterSnapshotIdentifier": "cluster-snapshot",
}
"""What a database is made with is asked for as well (Service Authorization Reference, Amazon RDS, resource types of each action)."""

_RDS_MAKES: Final = ("Create", "Restore", "Modify", "Copy")

_RDS_SERVICES: Final = frozenset({"rds", "docdb", "neptune"})
"""They share their ARNs and their actions."""

_EC2_COPIES: Final[dict[str, tuple[str, str, tuple[str, ...]]]] = {
    "ec2:CopySnapshot": ("SourceSnapshotId", "snapshot", ("snapshot",)),
    "ec2:CopyImage": ("SourceImageId", "image", ("image", "snapshot")),
}
"""The source's parameter and kind, and the kinds that are made, whose ids nobody knows yet
(https://docs.aws.amazon.com/ebs/latest/userguide/ebs-copy-snapshot.html, permissions for the source and for the copy).
"""

_COPYING: Final = frozenset(
    {
        *_EC2_COPIES,
        *(
            f"{service}:{name}"
            for service in _RDS_SERVICES
            for name in (
                "CopyDBSnapshot",
                "CopyDBClusterSnapshot",
                "CreateDBCluster",
                "CreateDBInstanceReadReplica",
            )
        ),
        "rds:StartDBInstanceAutomatedBackupsReplication",
    }
)
"""What reads in one region and writes in another, each under the caller's own permissions there, keys included."""

_ENCRYPTING: Final = frozenset({"dynamodb", "lambda", "s3", "secretsmanager", "sns", "sqs", "ssm"})
"""Services that use a customer's key in the caller's name, where one is set on the resource."""

_KEY_ACTIONS: Final = (
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
)

OBJECTS_NAMED_MAX: Final = 10
"""More objects than these are not named one by one: any of their bucket, for the one action, still fits into the policy."""

_COPY_KEY_ACTIONS: Final = (
    *_KEY_ACTIONS,
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
"""A copy is encrypted anew (https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html, permissions)."""

_COPIES: Final = frozenset({"s3:CopyObject", "s3:UploadPartCopy"})

Statement = dict[str, Any]


def scope(change: Change, roles: tuple[str, ...] = ()) -> Scope:
    """Actions and resources of every operation; `roles` are the ARNs of roles that it passes on."""
    pairs = [pair for operation in change.operations for pair in _needs(operation)]
    passing = [_allow(["iam:PassRole"], [literal(role) for role in roles])] if roles else []
    keys = _through_services(change)
    actions = tuple(
        dict.fromkeys(
            [*(action for pair in pairs for action in pair[0]), *(["iam:PassRole"] if roles else [])]
        )
    )
    resources = tuple(dict.fromkeys(arn for _, arns in pairs for arn in arns))
    own = _policy([*(_allow(list(acts), list(arns)) for acts, arns in _merged(pairs)), *passing, *keys])
    unsure = _unsure(change)
    if len(own) <= POLICY_CHARS_MAX and not unsure:
        return Scope(actions=actions, resources=resources, policy=own, narrowed=True)
    if len(own) <= POLICY_CHARS_MAX:
        return Scope(actions=actions, resources=resources, policy=own, narrowed=False, why=unsure)
    return _widened(actions, len(resources), passing, keys)


def passed_roles(change: Change) -> tuple[str, ...]:
    """ARNs of roles that the operations hand on, wherever they stand in the parameters; they were reviewed with them."""
    found = [
        value
        for operation in change.operations
        if operation.service not in {"iam", "sts"}
        for value in _texts(operation.parameters)
        if is_arn(value) and value.split(":")[2] == "iam" and value.split(":", 5)[5].startswith("role/")
    ]
    return tuple(dict.fromkeys(found))


def arns_of(ref: ResourceRef, operation: Operation) -> tuple[str, ...]:
    """The ARNs a call on this resource touches."""
    if ref.kind.endswith(":account"):
        return ("*",)
    arn = literal(arn_of(ref))
    if not sure(ref):
        prefix = catalogue.iam_actions(operation.service, operation.action)[0].partition(":")[0]
        return (f"arn:{ref.partition}:{prefix}:*:*:*{literal(ref.id)}*",)
    if ref.kind == "s3:bucket" and operation.action == "DeleteObjects":
        return (arn, f"{arn}/*")
    if ref.kind in _PATHS:
        head, _, name = arn.rpartition("/")
        return (arn, f"{head}/*/{name}")
    return tuple(form.format(arn) for form in _BELOW.get(ref.kind, ("{}",)))


def literal(arn: str) -> str:
    """A name as it stands, whatever it holds: an object called ``*`` is one object, not all
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html, special characters).
    """
    return re.sub(r"[*?$]", lambda found: "${" + found[0] + "}", arn)


def _needs(operation: Operation) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """(actions, ARNs) of one operation; what it reads elsewhere stands apart from what it writes."""
    listed = [
        action
        for action in catalogue.iam_actions(operation.service, operation.action)
        if action != "iam:PassRole"
    ]
    if operation.name in _TAGGING and any(
        operation.parameters.get(name) for name in ("Tags", "tags", "TagList")
    ):
        listed.append(_TAGGING[operation.name])
    anywhere = tuple(action for action in listed if action in _ANYWHERE)
    here = tuple(action for action in listed if action not in _ANYWHERE)
    arns = [arn for ref in operation.resources for arn in arns_of(ref, operation)]
    if _by_bucket(operation):
        arns = sorted({f"{arn.partition('/')[0]}/*" for arn in arns})
    arns += [literal(value) for value in operation.parameters.values() if _beside(operation, value)]
    arns += _rds_beside(operation) + scope_beside.beside(operation, literal)
    if operation.name in _COPIES:
        reads = tuple(action for action in here if action.startswith("s3:Get"))
        here = tuple(action for action in here if action not in reads)
        yield reads, (_copied(operation),)
    if operation.name in _EC2_COPIES:
        arns = _ec2_copied(operation)
    yield here, tuple(dict.fromkeys(arns))
    if anywhere:
        yield anywhere, ("*",)


def _by_bucket(operation: Operation) -> bool:
    return operation.name == "s3:DeleteObjects" and len(operation.resources) > OBJECTS_NAMED_MAX


def _beside(operation: Operation, value: Any) -> bool:
    """An ARN of the same service that the request names beside its resource: the backup that is restored from."""
    own = catalogue.iam_actions(operation.service, operation.action)[0].partition(":")[0]
    return own != "iam" and is_arn(value) and value.split(":")[2] == own


def _ec2_copied(operation: Operation) -> list[str]:
    """The source where it stands, and what is made of it here."""
    parameter, kind, makes = _EC2_COPIES[operation.name]
    source = literal(str(operation.parameters.get(parameter, "")))
    made = [f"arn:{operation.partition}:ec2:{operation.region}::{each}/*" for each in makes]
    return [f"arn:{operation.partition}:ec2:{_source_region(operation)}::{kind}/{source}", *made]


def _source_region(operation: Operation) -> str:
    named = operation.parameters.get("SourceRegion")
    return literal(named) if isinstance(named, str) and named else operation.region


def _rds_beside(operation: Operation) -> list[str]:
    """Groups and snapshots that a database is made with; a group that is not named is a default one."""
    start = f"arn:{operation.partition}:rds:{operation.region}:{operation.account}"
    if operation.name == "rds:StartDBInstanceAutomatedBackupsReplication":
        return [f"{start}:auto-backup:*"]
    if operation.service not in _RDS_SERVICES or not operation.action.startswith(_RDS_MAKES):
        return []
    named = {
        kind: f"{start}:{kind}:{literal(value)}"
        for name, kind in _RDS_BESIDE.items()
        if isinstance(value := operation.parameters.get(name), str) and value and not is_arn(value)
    }
    makes = operation.action in {
        "CreateDBInstance",
        "CreateDBInstanceReadReplica",
        "CreateDBCluster",
        "RestoreDBInstanceFromDBSnapshot",
        "RestoreDBClusterFromSnapshot",
    }
    groups = ("og", "subgrp", "cluster-pg" if "Cluster" in operation.action else "pg")
    defaults = [f"{start}:{kind}:default*" for kind in groups if makes and kind not in named]
    return [*named.values(), *defaults]


def _copied(operation: Operation) -> str:
    """The object that is copied from, as an ARN; ``CopySource`` is bucket/key, with a version or not."""
    source = operation.parameters.get("CopySource")
    if isinstance(source, dict):
        place = f"{source.get('Bucket', '')}/{source.get('Key', '')}"
    else:
        place = unquote(str(source or "").lstrip("/").partition("?versionId=")[0])
    return literal(place if is_arn(place) else f"arn:{operation.partition}:s3:::{place}")


def _through_services(change: Change) -> list[Statement]:
    """Use of keys by the services in the caller's name, and only by them
    (https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service).
    """
    via = sorted(
        {
            f"{item.service}.{item.region}.amazonaws.com*"
            for item in change.operations
            if item.service in _ENCRYPTING
        }
    )
    copying = sorted(
        {
            f"{'ec2' if item.service == 'ec2' else 'rds'}.{region}.amazonaws.com*"
            for item in change.operations
            if item.name in _COPYING
            for region in (_source_region(item), item.region)
        }
    )
    return [
        _allow(list(actions), ["*"]) | {"Condition": {"StringLike": {"kms:ViaService": places}}}
        for actions, places in ((_KEY_ACTIONS, via), (_COPY_KEY_ACTIONS, copying))
        if places
    ]


def _merged(
    pairs: list[tuple[tuple[str, ...], tuple[str, ...]]],
) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Statements about the same resources are one."""
    merged: dict[tuple[str, ...], dict[str, None]] = {}
    for actions, arns in pairs:
        merged.setdefault(arns, {}).update(dict.fromkeys(actions))
    return [(tuple(actions), arns) for arns, actions in merged.items() if actions]


def _unsure(change: Change) -> str:
    """Why a policy that fits is nevertheless wider than the change; empty when it is not."""
    refs = change.resources
    if any(ref.kind.endswith(":account") for ref in refs):
        return "its resource cannot be named in a policy"
    if any(_by_bucket(operation) for operation in change.operations):
        return "more objects than are named one by one: any of their bucket"
    vague = [str(ref) for ref in refs if not sure(ref)]
    return f"the ARN of {', '.join(vague[:3])} is not known in full: any that holds its name" if vague else ""


def _widened(actions: tuple[str, ...], count: int, passing: list[Statement], keys: list[Statement]) -> Scope:
    """Any resource for the same actions; then without the keys; then the services' actions. Roles stay named."""
    why = f"{count} resources do not fit into a session policy"
    own = [action for action in actions if action != "iam:PassRole"]
    services = sorted({f"{action.partition(':')[0]}:*" for action in own})
    wider = (
        ([_allow(own, ["*"]), *passing, *keys], why),
        ([_allow(own, ["*"]), *passing], f"{why}, nor does the use of keys"),
        ([_allow(services, ["*"]), *passing], f"{len(own)} actions do not fit into a session policy"),
    )
    fitting = [pair for pair in wider if len(_policy(pair[0])) <= POLICY_CHARS_MAX] or [wider[-1]]
    statements, said = fitting[0]
    return Scope(actions=actions, resources=("*",), policy=_policy(statements), narrowed=False, why=said)


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth < 16 and isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner, depth + 1)


def _allow(actions: list[str], resources: list[str]) -> Statement:
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


def _policy(statements: list[Statement]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
