"""What makes Keyturn enforcing on the account's side: its roles, a service control policy, a boundary, an alarmed way out.

Pure: documents as values, made from an account id and names. Without them Keyturn is *advisory*: whoever finds a credential
beside it can still change the account.

A service control policy holds at most 5,120 characters
(https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html) and a policy action may not have a
wildcard for its service, so reads that stay open beside Keyturn are listed service by service, as far as they fit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

import msgspec

from keyturn.errors import OperatorError
from keyturn.model.change import Effect
from keyturn.providers.aws import catalogue, guard_copies, guard_vault
from keyturn.providers.aws.guard_vault import Vault
from keyturn.providers.aws.recipes.lambda_again import DRILL_ROLE

SCP_CHARS_MAX: Final = 5_120
"""Characters of one service control policy, white space not counted when it is saved through the console or CLI."""

SESSION_S: Final = 3_600

LOGIN: Final = "sts:*"
"""Nobody could break the glass without it; it changes nothing, and whom a role lets in its trust policy says."""

READ_SERVICES: Final = (
    "sts", "iam", "s3", "ec2", "dynamodb", "lambda", "logs", "cloudwatch", "cloudtrail", "cloudformation", "rds", "sqs", "sns",
    "ecs", "ecr", "eks", "elbv2", "autoscaling", "route53", "apigateway", "apigatewayv2", "events", "stepfunctions", "kinesis",
    "elasticache", "opensearch", "redshift", "kms", "config", "organizations", "ce", "budgets", "backup", "ssm", "secretsmanager",
    "efs", "glue", "athena", "cloudfront", "acm", "cognito-idp", "codepipeline", "codebuild", "xray", "support", "resource-groups",
    "resourcegroupstaggingapi", "service-quotas", "health", "guardduty", "securityhub", "inspector2", "wafv2", "elasticbeanstalk",
)  # fmt: skip
"""Services whose reads stay open to people and agents beside Keyturn, most asked for first; what does not fit is left out."""


class Guarded(msgspec.Struct, frozen=True):
    """The account and the names in it. `plane` is the principal that Keyturn runs as; `exempt` are patterns of role ARNs that
    workloads and pipelines run under: they write data all day and are not what is guarded against.
    """

    account: str
    plane: str
    partition: str = "aws"
    prefix: str = "keyturn"
    break_glass: str = "keyturn-break-glass"
    people: str = ""  # who may break the glass: a principal; empty: the account's own administrators
    exempt: tuple[str, ...] = ()
    vault: Vault | None = None  # the vault account, where there is one

    def role(self, name: str) -> str:
        return f"arn:{self.partition}:iam::{self.account}:role/{name}"

    @property
    def roles(self) -> dict[str, str]:
        """The three roles Keyturn needs, by what they are for."""
        return {use: self.role(f"{self.prefix}-{use}") for use in ("read", "change", "backup")}


class Scp(msgspec.Struct, frozen=True):
    """The policy with its size, and the services whose reads did not fit."""

    document: dict[str, Any]
    chars: int
    left_out: tuple[str, ...]


def check(guarded: Guarded) -> None:
    """Raises `OperatorError` for what would make documents that do not do what they say."""
    if not re.fullmatch(r"\d{12}", guarded.account):
        raise OperatorError("account", f"{guarded.account!r} is no AWS account id", help="twelve digits")
    for arn in (guarded.plane, *([guarded.people] if guarded.people else []), *guarded.exempt):
        if not re.fullmatch(rf"arn:{guarded.partition}:iam::(\d{{12}}|\*):[\w/+=,.@*-]+", arn):
            raise OperatorError(
                "principal",
                f"{arn!r} is no ARN of a principal",
                help=f"like {guarded.role('name')}",
            )
    if any(arn.endswith((":*", ":role/*", ":user/*")) for arn in guarded.exempt):
        raise OperatorError(
            "exempt-all",
            "an exemption of every role guards nothing",
            help="name the path or prefix of the roles that workloads run under",
        )


# --- roles -----------------------------------------------------------------------------------------------------------


def trust(guarded: Guarded) -> dict[str, Any]:
    """Who may assume the plane's roles: the plane, saying on whose behalf (SourceIdentity and session tags)."""
    return _document(
        {
            "Sid": "OnlyThePlaneAndItSaysForWhom",
            "Effect": "Allow",
            "Principal": {"AWS": guarded.plane},
            "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
        }
    )


def read_policy() -> dict[str, Any]:
    """Beside AWS's ReadOnlyAccess: never a secret, whatever that policy grows to."""
    return _document(
        {
            "Sid": "NoSecrets",
            "Effect": "Deny",
            "Action": [
                "secretsmanager:GetSecretValue",
                "secretsmanager:BatchGetSecretValue",
                "kms:Decrypt",
                "sts:AssumeRole",
                "iam:Generate*",
            ],
            "Resource": "*",
        }
    )


def change_policy(guarded: Guarded) -> dict[str, Any]:
    """The widest a change may ever be: every call narrows it with a session policy; the plane's own ground stays out of reach."""
    own = [guarded.role(f"{guarded.prefix}-*"), guarded.role(guarded.break_glass)]
    return _document(
        {"Sid": "NarrowedByEachSessionPolicy", "Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Sid": "NotThePlanesOwnRoles", "Effect": "Deny", "Action": "iam:*", "Resource": own},
        {
            "Sid": "NotTheUndoMaterial",
            "Effect": "Deny",
            "Action": ["dynamodb:DeleteBackup", "backup:DeleteRecoveryPoint", "backup:DeleteBackupVault"],
            "Resource": "*",
        },
        {
            "Sid": "NotThePlanesSnapshots",
            "Effect": "Deny",
            "Action": [
                "rds:Delete*",
                "rds:Modify*",
                "elasticache:DeleteSnapshot",
                "redshift:DeleteClusterSnapshot",
            ],
            "Resource": guard_copies.own_snapshots(guarded.partition, guarded.account),
        },
        {"Sid": "NotThePlanesDiskSnapshots", "Effect": "Deny", **guard_copies.OWN_DISKS},
        {
            "Sid": "NotTheCopiesOfSecrets",
            "Effect": "Deny",
            "Action": "ssm:*",
            "Resource": guard_copies.own_parameters(guarded.partition, guarded.account),
        },
        {
            "Sid": "NotTheGuard",
            "Effect": "Deny",
            "Action": ["organizations:*", "account:*", "cloudtrail:StopLogging", "cloudtrail:DeleteTrail"],
            "Resource": "*",
        },
        *(guard_vault.out_of_reach(guarded.vault) if guarded.vault else ()),
    )


def backup_policy(guarded: Guarded) -> dict[str, Any]:
    """Takes, proves and removes backups. It writes only to scratch resources and to the plane's own path, and can destroy nothing else."""
    table = f"arn:{guarded.partition}:dynamodb:*:{guarded.account}:table"
    copies = guard_copies.own_parameters(guarded.partition, guarded.account)
    return _document(
        {
            "Sid": "BackUpTables",
            "Effect": "Allow",
            "Action": [
                "dynamodb:CreateBackup",
                "dynamodb:Describe*",
                "dynamodb:List*",
                "dynamodb:Query",
                "dynamodb:Scan",
            ],
            "Resource": f"{table}/*",
        },
        {
            "Sid": "RehearseInScratchTables",
            "Effect": "Allow",
            "Action": [
                "dynamodb:RestoreTableFromBackup",
                "dynamodb:DeleteTable",
                "dynamodb:PutItem",
                "dynamodb:UpdateItem",
                "dynamodb:DeleteItem",
                "dynamodb:BatchWriteItem",
                "dynamodb:GetItem",
                "dynamodb:TagResource",
                "dynamodb:UpdateTable",
                "dynamodb:UpdateTimeToLive",
                "dynamodb:UpdateContinuousBackups",
                "dynamodb:PutResourcePolicy",
            ],
            "Resource": f"{table}/keyturn-drill-*",
        },
        {
            "Sid": "RestoreFromAnyBackup",
            "Effect": "Allow",
            "Action": "dynamodb:RestoreTableFromBackup",
            "Resource": f"{table}/*/backup/*",
        },
        *guard_copies.parameters(copies),
        *guard_copies.removals(guarded.partition, guarded.account, copies),
        *guard_copies.snapshots(),
        *guard_copies.exports(),
        *guard_copies.drills(guarded.partition, guarded.account),
        *(guard_vault.own_backups(guarded.vault) if guarded.vault else ()),
    )


# --- the fence -------------------------------------------------------------------------------------------------------


def scp(guarded: Guarded, services: Iterable[str] = READ_SERVICES) -> Scp:
    """Denies everything but reads to everyone but the plane's roles, the break-glass role and what is exempt.

    Attach it to the account or its organizational unit. It does not bind service-linked roles, nor the management account
    (https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html).
    """
    check(guarded)
    patterns: list[str] = [LOGIN]
    left_out: list[str] = []
    for service in services:
        found = read_patterns(service)
        if _size(_scp(guarded, [*patterns, *found])) <= SCP_CHARS_MAX:
            patterns += found
        else:
            left_out.append(service)
    document = _scp(guarded, patterns)
    size = _size(document)
    if size > SCP_CHARS_MAX:
        raise OperatorError(
            "scp-size",
            f"the policy has {size:,} characters, {SCP_CHARS_MAX:,} are the limit",
            help="exempt fewer roles, by one pattern over their common path",
        )
    return Scp(document, size, tuple(left_out))


def _scp(guarded: Guarded, reads: list[str]) -> dict[str, Any]:
    free = sorted(
        {*guarded.roles.values(), guarded.role(guarded.break_glass), guarded.plane, *guarded.exempt}
    )
    return _document(
        {
            "Sid": "ChangesOnlyThroughKeyturn",
            "Effect": "Deny",
            "NotAction": sorted(dict.fromkeys(reads)),
            "Resource": "*",
            "Condition": {"ArnNotLike": {"aws:PrincipalArn": free}},
        }
    )


def boundary(guarded: Guarded) -> dict[str, Any]:
    """The same without an organization: a permissions boundary for the roles and users that people and agents use.

    A boundary allows at most what it says, so it says reads. Whoever carries it cannot take it off.
    """
    check(guarded)
    own = f"arn:{guarded.partition}:iam::{guarded.account}:policy/{guarded.prefix}-boundary"
    patterns = [LOGIN, *(pattern for service in READ_SERVICES for pattern in read_patterns(service))]
    return _document(
        {"Sid": "ReadsAlone", "Effect": "Allow", "Action": sorted(dict.fromkeys(patterns)), "Resource": "*"},
        {
            "Sid": "TheBoundaryStays",
            "Effect": "Deny",
            "Action": [
                "iam:Delete*PermissionsBoundary",
                "iam:Put*PermissionsBoundary",
                "iam:CreatePolicyVersion",
            ],
            "Resource": ["*", own],
        },
    )


_WORD: Final = re.compile(r"[A-Z][a-z0-9]+|[A-Z]+(?=[A-Z][a-z]|$)")
_OPEN: Final = frozenset({Effect.READ, Effect.LIST})
_SINGLE_MAX: Final = 4
"""Reads that share their first word with something that is none are named one by one, at most so many."""


@cache
def read_patterns(service: str) -> tuple[str, ...]:
    """``service:Verb*`` for every first word under which the catalogue knows nothing but reads; few others by name.

    Reads of secrets stay closed where the others can be named; where they are many, they are left to IAM: this fence is against
    changes.
    """
    effects: dict[str, set[Effect]] = {}
    for operation in catalogue.named(service):
        entry = catalogue.lookup(service, operation)
        unproved = entry.confidence == "low" and entry.effect is Effect.EXECUTE
        if not unproved:  # too new for two sources: it neither opens a pattern nor closes one
            effects.setdefault(entry.actions[0], set()).add(entry.effect)
    by_word: dict[str, list[str]] = {}
    for action in effects:
        prefix, _, verb = action.partition(":")
        word = _WORD.match(verb)
        by_word.setdefault(f"{prefix}:{word.group() if word else verb}", []).append(action)
    patterns = []
    for start, actions in sorted(by_word.items()):
        reads = [action for action in actions if effects[action] <= _OPEN]
        harmless = all(effects[action] <= _OPEN | {Effect.SECRET} for action in actions)
        if len(reads) == len(actions):
            patterns.append(actions[0] if len(actions) == 1 else f"{start}*")
        elif len(reads) <= _SINGLE_MAX:
            patterns += reads
        elif harmless:
            patterns.append(f"{start}*")
    return tuple(patterns)


def _size(document: dict[str, Any]) -> int:
    return len(json.dumps(document, separators=(",", ":")))


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


# --- all of it -------------------------------------------------------------------------------------------------------


def template(guarded: Guarded) -> dict[str, Any]:
    """A CloudFormation template of the roles, the boundary, and the alarm on the way out. Deploy it in us-east-1 too where STS is
    used by its global endpoint: CloudTrail records that there
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html).
    """
    check(guarded)
    resources = {
        "KeyturnRead": _role(guarded, "read", ["ReadOnlyAccess"], read_policy()),
        "KeyturnChange": _role(guarded, "change", [], change_policy(guarded)),
        "KeyturnBackup": _role(guarded, "backup", [], backup_policy(guarded)),
        "KeyturnDrillFunction": _powerless(),
        "KeyturnBoundary": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {
                "ManagedPolicyName": f"{guarded.prefix}-boundary",
                "PolicyDocument": boundary(guarded),
            },
        },
        **_break_glass(guarded),
    }
    outputs = {
        f"{use.title()}Role": {"Value": {"Fn::GetAtt": [f"Keyturn{use.title()}", "Arn"]}}
        for use in guarded.roles
    }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Keyturn: the roles it assumes, a boundary for people and agents, and an alarmed break-glass role",
        "Parameters": {
            "OnCall": {
                "Type": "String",
                "Description": "E-mail address that is told when the glass is broken",
            }
        },
        "Resources": resources,
        "Outputs": outputs,
    }


def _role(guarded: Guarded, use: str, managed: list[str], policy: dict[str, Any]) -> dict[str, Any]:
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": f"{guarded.prefix}-{use}",
            "MaxSessionDuration": SESSION_S,
            "AssumeRolePolicyDocument": trust(guarded),
            "ManagedPolicyArns": [f"arn:{guarded.partition}:iam::aws:policy/{name}" for name in managed],
            "Policies": [{"PolicyName": use, "PolicyDocument": policy}],
        },
    }


def _powerless() -> dict[str, Any]:
    """The role of functions that drills make: it may nothing, so that it does not matter what they are."""
    lets = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {"RoleName": DRILL_ROLE, "AssumeRolePolicyDocument": _document(lets)},
    }


def _break_glass(guarded: Guarded) -> dict[str, Any]:
    """A named role that may everything, only with a second factor, and never silently."""
    people = guarded.people or f"arn:{guarded.partition}:iam::{guarded.account}:root"
    opening = {
        "Effect": "Allow",
        "Principal": {"AWS": people},
        "Action": "sts:AssumeRole",
        "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
    }
    pattern = {
        "source": ["aws.sts"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {
            "eventName": ["AssumeRole"],
            "requestParameters": {"roleArn": [guarded.role(guarded.break_glass)]},
        },
    }
    return {
        "BreakGlass": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": guarded.break_glass,
                "MaxSessionDuration": SESSION_S,
                "AssumeRolePolicyDocument": _document(opening),
                "ManagedPolicyArns": [f"arn:{guarded.partition}:iam::aws:policy/AdministratorAccess"],
            },
        },
        "BreakGlassTopic": {
            "Type": "AWS::SNS::Topic",
            "Properties": {"Subscription": [{"Protocol": "email", "Endpoint": {"Ref": "OnCall"}}]},
        },
        "BreakGlassTopicPolicy": {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {
                "Topics": [{"Ref": "BreakGlassTopic"}],
                "PolicyDocument": _document(
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "events.amazonaws.com"},
                        "Action": "sns:Publish",
                        "Resource": {"Ref": "BreakGlassTopic"},
                    }
                ),
            },
        },
        "BreakGlassAlarm": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "Description": "Somebody went around Keyturn",
                "EventPattern": pattern,
                "Targets": [{"Id": "on-call", "Arn": {"Ref": "BreakGlassTopic"}}],
            },
        },
    }
