"""The effect catalogue: everything is in it, nothing that changes is taken for a read, unknown is mutating."""

from __future__ import annotations

import re
import time
from importlib.resources import files

import pytest

from keyturn.model.change import READ_EFFECTS, Effect, Lane
from keyturn.providers.aws import catalogue
from tests.wire import oracle

NEVER_READS = [
    "dynamodb:DeleteTable",
    "dynamodb:PutItem",
    "dynamodb:UpdateTable",
    "dynamodb:BatchWriteItem",
    "dynamodb:ExecuteStatement",
    "dynamodb:RestoreTableFromBackup",
    "s3:DeleteObject",
    "s3:DeleteObjects",
    "s3:DeleteBucket",
    "s3:PutBucketPolicy",
    "s3:PutObject",
    "s3:RestoreObject",
    "s3:PutBucketLifecycleConfiguration",
    "sqs:PurgeQueue",
    "sqs:ReceiveMessage",
    "sqs:DeleteQueue",
    "sqs:SendMessage",
    "sqs:SetQueueAttributes",
    "lambda:Invoke",
    "lambda:DeleteFunction",
    "lambda:UpdateFunctionCode",
    "lambda:PutFunctionConcurrency",
    "ec2:TerminateInstances",
    "ec2:RunInstances",
    "ec2:StopInstances",
    "ec2:RevokeSecurityGroupIngress",
    "ec2:DetachVolume",
    "ec2:GetPasswordData",
    "iam:CreateUser",
    "iam:DeleteRole",
    "iam:PutRolePolicy",
    "iam:AttachRolePolicy",
    "iam:CreateAccessKey",
    "iam:UpdateAssumeRolePolicy",
    "rds:DeleteDBInstance",
    "rds:ModifyDBInstance",
    "rds:RebootDBInstance",
    "rds-data:ExecuteStatement",
    "elasticbeanstalk:RebuildEnvironment",
    "elasticbeanstalk:TerminateEnvironment",
    "elasticbeanstalk:SwapEnvironmentCNAMEs",
    "cloudformation:DeleteStack",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:UpdateStack",
    "kms:ScheduleKeyDeletion",
    "kms:Decrypt",
    "kms:CreateGrant",
    "secretsmanager:GetSecretValue",
    "secretsmanager:DeleteSecret",
    "secretsmanager:BatchGetSecretValue",
    "ssm:SendCommand",
    "ssm:StartSession",
    "ssm:PutParameter",
    "ssm:DeleteParameter",
    "ssm:StartAutomationExecution",
    "ecs:ExecuteCommand",
    "ecs:DeleteService",
    "ecs:UpdateService",
    "eks:DeleteCluster",
    "route53:ChangeResourceRecordSets",
    "route53:DeleteHostedZone",
    "cloudtrail:StopLogging",
    "cloudtrail:DeleteTrail",
    "logs:DeleteLogGroup",
    "cloudwatch:DeleteAlarms",
    "cloudwatch:DisableAlarmActions",
    "redshift-data:ExecuteStatement",
    "glue:StartJobRun",
    "codebuild:StartBuild",
    "cloudcontrol:DeleteResource",
    "ecr:BatchDeleteImage",
    "ecr:GetAuthorizationToken",
]

READS = [
    "dynamodb:GetItem",
    "dynamodb:ListTables",
    "dynamodb:DescribeTable",
    "s3:GetObject",
    "s3:ListBuckets",
    "s3:HeadObject",
    "ec2:DescribeInstances",
    "lambda:ListFunctions",
    "lambda:GetFunctionConfiguration",
    "iam:ListRoles",
    "iam:GetRole",
    "sqs:ListQueues",
    "sqs:GetQueueAttributes",
    "cloudwatch:DescribeAlarms",
    "sts:GetCallerIdentity",
    "ssm:DescribeParameters",
    "rds:DescribeDBInstances",
    "route53:ListHostedZones",
]


def test_every_operation_of_botocore_is_in_it() -> None:
    """With an effect and at least one source, whatever the confidence."""
    known = set(catalogue.every())
    missing = [
        f"{service}:{operation}"
        for service in oracle.services()
        for operation in oracle.operations(service)
        if (service, operation) not in known
    ]
    assert missing == []
    assert len(known) > 19_000
    assert len(catalogue.floors()) == len(known)


@pytest.mark.parametrize("name", NEVER_READS)
def test_what_changes_or_discloses_is_never_in_the_read_lane(name: str) -> None:
    """Names are not trusted: these are looked at one by one."""
    service, _, operation = name.partition(":")
    assert operation in catalogue.named(service)
    assert catalogue.lane(service, operation) is Lane.CHANGE
    assert catalogue.lookup(service, operation).effect not in READ_EFFECTS


@pytest.mark.parametrize("name", READS)
def test_what_agents_look_at_all_day_is_a_read(name: str) -> None:
    """Or people would be drowned in prompts."""
    service, _, operation = name.partition(":")
    assert catalogue.lane(service, operation) is Lane.READ


def test_a_read_has_two_sources_or_a_hand() -> None:
    """Agreed on by two at least, or curated; a doubtful one is no read."""
    alone = [
        f"{service}:{operation} {entry.confidence} {entry.sources}"
        for service, operation in catalogue.every()
        if (entry := catalogue.lookup(service, operation)).effect in {Effect.READ, Effect.LIST}
        and len(entry.sources) < 2
        and "Keyturn's own overlay" not in entry.sources
    ]
    assert alone == []


def test_no_verb_of_destruction_is_a_read() -> None:
    """A sweep over all names: none that deletes, puts, updates, terminates, creates or revokes is in the read lane."""
    verbs = (
        "Delete",
        "Put",
        "Update",
        "Terminate",
        "Create",
        "Revoke",
        "Remove",
        "Modify",
        "Purge",
        "Reset",
        "Stop",
        "Disable",
    )
    slipped = [
        f"{service}:{operation}"
        for service, operation in catalogue.every()
        if operation.startswith(verbs) and catalogue.lane(service, operation) is Lane.READ
    ]
    assert slipped == []


def test_what_is_not_in_it_is_mutating() -> None:
    """A botocore newer than the catalogue: fail closed."""
    entry = catalogue.lookup("dynamodb", "FrobnicateTable")
    assert (entry.effect, entry.confidence) == (Effect.EXECUTE, "unknown")
    assert catalogue.lane("nosuchservice", "DescribeEverything") is Lane.CHANGE


TAGGING = [
    ("dynamodb", "TagResource"),
    ("lambda", "UntagResource"),
    ("sqs", "TagQueue"),
    ("sqs", "UntagQueue"),
    ("iam", "TagRole"),
    ("iam", "UntagRole"),
    ("ssm", "AddTagsToResource"),
    ("ssm", "RemoveTagsFromResource"),
    ("rds", "AddTagsToResource"),
    ("resourcegroupstaggingapi", "TagResources"),
    ("resourcegroupstaggingapi", "UntagResources"),
]


def test_no_operation_that_only_tags_is_called_anything_else() -> None:
    """A sweep over all names."""
    tags = re.compile(r"(?:Tag|Untag)(?:$|[A-Z])|[A-Z][A-Za-z]*Tags(?:$|To|From|For|On)")
    verbs = ("Tag", "Untag", "Add", "Remove", "Create", "Change", "Delete", "Set", "Update", "Put")
    called = {
        f"{service}:{operation}": catalogue.lookup(service, operation).effect.value
        for service, operation in catalogue.every()
        if operation.startswith(verbs) and tags.match(operation)
    }
    assert len(called) > 600
    assert {name: effect for name, effect in called.items() if effect != "tag"} == WITH_MORE_THAN_TAGS


WITH_MORE_THAN_TAGS = {
    "cloudfront:CreateDistributionWithTags": "create",
    "cloudfront:CreateStreamingDistributionWithTags": "create",
    "lakeformation:AddLFTagsToResource": "permission",
    "lakeformation:RemoveLFTagsFromResource": "permission",
}
"""Operations of such a name that do more; each with its effect."""


@pytest.mark.parametrize(
    ("operation", "effect"), [("PutBucketTagging", Effect.UPDATE), ("DeleteBucketTagging", Effect.DELETE)]
)
def test_a_whole_set_of_tags_put_away_is_more_than_tagging(operation: str, effect: Effect) -> None:
    """What stood before is gone, unlike with TagResource."""
    assert catalogue.lookup("s3", operation).effect is effect


@pytest.mark.parametrize(("service", "operation"), TAGGING)
def test_tagging_is_tagging(service: str, operation: str) -> None:
    """Neither an execution nor a delete, or every tag would be held."""
    assert catalogue.lookup(service, operation).effect is Effect.TAG


def test_it_is_small_fast_and_says_what_it_was_made_from() -> None:
    """At most 500 KB; a look-up far under a tenth of a millisecond once it is loaded; versions and hash for the record."""
    home = files("keyturn.providers.aws.catalogue")
    size = sum(len(home.joinpath(f"{name}.bin").read_bytes()) for name in ("effects", "resources", "replacements"))  # fmt: skip
    assert size <= 500_000
    catalogue.lookup("s3", "GetObject")
    begun = time.process_time()
    for service, operation in catalogue.every()[:2_000]:
        catalogue.lookup(service, operation)
    assert (time.process_time() - begun) / 2_000 < 0.005  # fifty times the promise: noise is no finding
    told = catalogue.identity()
    assert "botocore" in told
    assert "sha256:" in told


def test_dependent_actions_come_along() -> None:
    """What an operation needs beside its own action, for the credential's scope."""
    assert catalogue.iam_actions("lambda", "CreateFunction")[0] == "lambda:CreateFunction"
    assert "iam:PassRole" in catalogue.iam_actions("lambda", "CreateFunction")
    assert catalogue.iam_actions("s3", "HeadObject")[0] == "s3:GetObject"
