"""The credential of one change permits that change and nothing beside it, shown by asking the emitted policy."""

from __future__ import annotations

import json
from typing import Any

import pytest

from keyturn.core.ports import Scope
from keyturn.providers.aws.evaluator import evaluate
from keyturn.providers.aws.provider import AwsProvider
from keyturn.providers.aws.scope import POLICY_CHARS_MAX
from tests.provider.provider_world import change, seal

HERE = "eu-west-1:123456789012"
TABLE = f"arn:aws:dynamodb:{HERE}:table/costs"
FUNCTION = f"arn:aws:lambda:{HERE}:function:report"
ROLE = "arn:aws:iam::123456789012:role/runner"

CASES: list[tuple[str, dict[str, Any], list[tuple[str, str]], list[tuple[str, str]]]] = [
    # (operation, parameters, what it must permit, what it must refuse)
    (
        "dynamodb:DeleteTable",
        {"TableName": "costs"},
        [("dynamodb:DeleteTable", TABLE)],
        [
            ("dynamodb:DeleteTable", TABLE + "-2"),
            ("dynamodb:PutItem", TABLE),
            ("dynamodb:DeleteTable", TABLE.replace("eu-west-1", "us-east-1")),
            ("s3:DeleteBucket", "arn:aws:s3:::reports"),
        ],
    ),
    (
        "lambda:UpdateFunctionConfiguration",
        {"FunctionName": "report", "Timeout": 9},
        [("lambda:UpdateFunctionConfiguration", FUNCTION), ("lambda:UpdateFunctionConfiguration", FUNCTION + ":$LATEST")],
        [("lambda:UpdateFunctionConfiguration", FUNCTION + "-2"), ("lambda:UpdateFunctionCode", FUNCTION), ("iam:PassRole", ROLE)],
    ),
    (
        "lambda:CreateFunction",
        {"FunctionName": "report", "Role": ROLE, "Code": {"ZipFile": b"z"}, "Runtime": "python3.12", "Handler": "h"},
        [("lambda:CreateFunction", FUNCTION), ("iam:PassRole", ROLE)],
        [("iam:PassRole", ROLE + "-admin"), ("lambda:CreateFunction", FUNCTION + "-2"), ("lambda:DeleteFunction", FUNCTION)],
    ),
    (
        "s3:DeleteObject",
        {"Bucket": "reports", "Key": "a/b.csv"},
        [("s3:DeleteObject", "arn:aws:s3:::reports/a/b.csv")],
        [("s3:DeleteObject", "arn:aws:s3:::reports/a/c.csv"), ("s3:PutObject", "arn:aws:s3:::reports/a/b.csv"), ("s3:DeleteBucket", "arn:aws:s3:::reports")],
    ),
    (
        "s3:DeleteBucket",
        {"Bucket": "reports"},
        [("s3:DeleteBucket", "arn:aws:s3:::reports")],
        [("s3:DeleteBucket", "arn:aws:s3:::reports-2"), ("s3:DeleteObject", "arn:aws:s3:::reports/k")],
    ),
    (
        "sqs:PurgeQueue",
        {"QueueUrl": "http://127.0.0.1:5000/123456789012/jobs"},
        [("sqs:PurgeQueue", f"arn:aws:sqs:{HERE}:jobs")],
        [("sqs:PurgeQueue", f"arn:aws:sqs:{HERE}:jobs2"), ("sqs:DeleteQueue", f"arn:aws:sqs:{HERE}:jobs")],
    ),
    (
        "ssm:DeleteParameter",
        {"Name": "/app/limit"},
        [("ssm:DeleteParameter", f"arn:aws:ssm:{HERE}:parameter/app/limit")],
        [("ssm:DeleteParameter", f"arn:aws:ssm:{HERE}:parameter/app/limits"), ("ssm:GetParameter", f"arn:aws:ssm:{HERE}:parameter/app/limit")],
    ),
    (
        "cloudwatch:DeleteAlarms",
        {"AlarmNames": ["late"]},
        [("cloudwatch:DeleteAlarms", f"arn:aws:cloudwatch:{HERE}:alarm:late")],
        [("cloudwatch:DeleteAlarms", f"arn:aws:cloudwatch:{HERE}:alarm:other")],
    ),
    (
        "iam:DeleteRole",
        {"RoleName": "runner"},
        [("iam:DeleteRole", ROLE)],
        [("iam:DeleteRole", ROLE + "-2"), ("iam:PassRole", ROLE), ("iam:DeleteUser", "arn:aws:iam::123456789012:user/runner")],
    ),
    (
        "dynamodb:BatchWriteItem",
        {"RequestItems": {"costs": [{"DeleteRequest": {"Key": {"id": {"S": "1"}}}}]}},
        [("dynamodb:BatchWriteItem", TABLE)],
        [("dynamodb:DeleteTable", TABLE), ("dynamodb:BatchWriteItem", TABLE + "-2")],
    ),
    (
        "ec2:DeleteSnapshot",
        {"SnapshotId": "snap-0123456789abcdef0"},
        [("ec2:DeleteSnapshot", "arn:aws:ec2:eu-west-1::snapshot/snap-0123456789abcdef0")],
        [("ec2:DeleteSnapshot", "arn:aws:ec2:eu-west-1::snapshot/snap-0123456789abcdef1")],
    ),
    (
        "ec2:CopySnapshot",
        {"SourceRegion": "us-west-2", "SourceSnapshotId": "snap-0123456789abcdef0"},
        [
            ("ec2:CopySnapshot", "arn:aws:ec2:us-west-2::snapshot/snap-0123456789abcdef0"),
            ("ec2:CopySnapshot", "arn:aws:ec2:eu-west-1::snapshot/snap-0fedcba9876543210"),
        ],
        [
            ("ec2:CopySnapshot", "arn:aws:ec2:us-west-2::snapshot/snap-0123456789abcdef1"),
            ("ec2:CopySnapshot", "arn:aws:ec2:us-east-1::snapshot/snap-0123456789abcdef0"),
            ("ec2:DeleteSnapshot", "arn:aws:ec2:eu-west-1::snapshot/snap-0fedcba9876543210"),
        ],
    ),
    (
        "ec2:CopyImage",
        {"SourceRegion": "us-west-2", "SourceImageId": "ami-0123456789abcdef0", "Name": "n"},
        [
            ("ec2:CopyImage", "arn:aws:ec2:us-west-2::image/ami-0123456789abcdef0"),
            ("ec2:CopyImage", "arn:aws:ec2:eu-west-1::image/ami-0fedcba9876543210"),
            ("ec2:CopyImage", "arn:aws:ec2:eu-west-1::snapshot/snap-0fedcba9876543210"),
        ],
        [("ec2:CopyImage", "arn:aws:ec2:us-west-2::image/ami-0123456789abcdef1"), ("ec2:DeregisterImage", "arn:aws:ec2:eu-west-1::image/ami-0fedcba9876543210")],
    ),
    (
        "rds:CopyDBSnapshot",
        {"SourceRegion": "us-west-2", "SourceDBSnapshotIdentifier": "arn:aws:rds:us-west-2:123456789012:snapshot:s", "TargetDBSnapshotIdentifier": "t"},
        [
            ("rds:CopyDBSnapshot", "arn:aws:rds:us-west-2:123456789012:snapshot:s"),
            ("rds:CopyDBSnapshot", f"arn:aws:rds:{HERE}:snapshot:t"),
        ],
        [("rds:CopyDBSnapshot", "arn:aws:rds:us-west-2:123456789012:snapshot:other"), ("rds:DeleteDBSnapshot", f"arn:aws:rds:{HERE}:snapshot:t")],
    ),
    (
        "rds:CreateDBInstanceReadReplica",
        {"SourceRegion": "us-west-2", "SourceDBInstanceIdentifier": "arn:aws:rds:us-west-2:123456789012:db:s", "DBInstanceIdentifier": "t"},
        [
            ("rds:CreateDBInstanceReadReplica", "arn:aws:rds:us-west-2:123456789012:db:s"),
            ("rds:CreateDBInstanceReadReplica", f"arn:aws:rds:{HERE}:db:t"),
            ("rds:CreateDBInstanceReadReplica", f"arn:aws:rds:{HERE}:pg:default.mysql8.0"),
        ],
        [("rds:CreateDBInstanceReadReplica", f"arn:aws:rds:{HERE}:db:s"), ("rds:DeleteDBInstance", f"arn:aws:rds:{HERE}:db:t")],
    ),
    (
        "rds:StartDBInstanceAutomatedBackupsReplication",
        {"SourceRegion": "us-west-2", "SourceDBInstanceArn": "arn:aws:rds:us-west-2:123456789012:db:s"},
        [
            ("rds:StartDBInstanceAutomatedBackupsReplication", "arn:aws:rds:us-west-2:123456789012:db:s"),
            ("rds:StartDBInstanceAutomatedBackupsReplication", f"arn:aws:rds:{HERE}:auto-backup:ab-1"),
        ],
        [("rds:DeleteDBInstance", "arn:aws:rds:us-west-2:123456789012:db:s")],
    ),
]  # fmt: skip


def scope_of(*asked: tuple[str, dict[str, Any]]) -> Scope:
    return AwsProvider(seal).scope(change(*asked))


@pytest.mark.parametrize(
    ("name", "parameters", "permitted", "refused"), CASES, ids=[case[0] for case in CASES]
)
def test_exactly_this_change(
    name: str, parameters: dict[str, Any], permitted: list[tuple[str, str]], refused: list[tuple[str, str]]
) -> None:
    """Whoever steals the credential can do the reviewed thing, and nothing else."""
    scope = scope_of((name, parameters))
    assert scope.narrowed, scope.why
    assert len(scope.policy) <= POLICY_CHARS_MAX
    for action, resource in permitted:
        assert evaluate(scope.policy, action=action, resource=resource).allowed, (
            action,
            resource,
            scope.policy,
        )
    for action, resource in refused:
        assert not evaluate(scope.policy, action=action, resource=resource).allowed, (
            action,
            resource,
            scope.policy,
        )


def test_a_change_of_two_operations_permits_both() -> None:
    """A replace is a delete and a create: both, on this one function."""
    made = {"FunctionName": "report", "Role": ROLE, "Code": {"ZipFile": b"z"}}
    scope = scope_of(("lambda:DeleteFunction", {"FunctionName": "report"}), ("lambda:CreateFunction", made))
    for action in ("lambda:DeleteFunction", "lambda:CreateFunction"):
        assert evaluate(scope.policy, action=action, resource=FUNCTION).allowed
    assert not evaluate(scope.policy, action="lambda:DeleteFunction", resource=FUNCTION + "-2").allowed


@pytest.mark.parametrize("count", [10, 1_000])
def test_what_does_not_fit_is_wider_and_says_so(count: int) -> None:
    """2,048 characters are all that STS takes: long keys need more, and many are any of their bucket; the actions stay the change's own."""
    keys = [{"Key": f"{'k' * 250}-{number}"} for number in range(count)]
    scope = scope_of(("s3:DeleteObjects", {"Bucket": "reports", "Delete": {"Objects": keys}}))
    assert not scope.narrowed
    elsewhere = "arn:aws:s3:::other/key"
    assert evaluate(scope.policy, action="s3:DeleteObject", resource=elsewhere).allowed is (count == 10)
    assert scope.why
    assert len(scope.policy) <= POLICY_CHARS_MAX
    assert evaluate(
        scope.policy, action="s3:DeleteObject", resource=f"arn:aws:s3:::reports/{keys[0]['Key']}"
    ).allowed
    assert not evaluate(scope.policy, action="s3:DeleteBucket", resource="arn:aws:s3:::reports").allowed


def test_an_operation_about_no_resource_says_that_it_is_wider() -> None:
    """Its resource cannot be named in a policy; only its actions are."""
    scope = scope_of(("ec2:RunInstances", {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1}))
    assert not scope.narrowed
    assert scope.why
    assert not evaluate(scope.policy, action="ec2:TerminateInstances", resource="*").allowed


def test_of_two_operations_neither_may_do_the_others_work() -> None:
    """One table is deleted and another is updated: the credential must not delete the other."""
    scope = scope_of(
        ("dynamodb:DeleteTable", {"TableName": "a"}), ("dynamodb:UpdateTable", {"TableName": "b"})
    )
    table = f"arn:aws:dynamodb:{HERE}:table/"
    assert evaluate(scope.policy, action="dynamodb:DeleteTable", resource=table + "a").allowed
    assert evaluate(scope.policy, action="dynamodb:UpdateTable", resource=table + "b").allowed
    assert not evaluate(scope.policy, action="dynamodb:DeleteTable", resource=table + "b").allowed
    assert not evaluate(scope.policy, action="dynamodb:UpdateTable", resource=table + "a").allowed


def test_a_role_is_found_whatever_its_path() -> None:
    """Requests name a role without its path; its ARN has it."""
    scope = scope_of(("iam:DeleteRole", {"RoleName": "runner"}))
    for role in (ROLE, "arn:aws:iam::123456789012:role/team/runner"):
        assert evaluate(scope.policy, action="iam:DeleteRole", resource=role).allowed
    assert not evaluate(
        scope.policy, action="iam:DeleteRole", resource="arn:aws:iam::123456789012:role/team/other"
    ).allowed


def test_tags_on_a_create_may_be_set() -> None:
    """A table made with tags needs TagResource, one made without does not get it."""
    tagged = scope_of(("dynamodb:CreateTable", {"TableName": "costs", "Tags": [{"Key": "a", "Value": "b"}]}))
    assert evaluate(tagged.policy, action="dynamodb:TagResource", resource=TABLE).allowed
    plain = scope_of(("dynamodb:CreateTable", {"TableName": "costs"}))
    assert not evaluate(plain.policy, action="dynamodb:TagResource", resource=TABLE).allowed


def test_keys_are_used_through_the_service_only() -> None:
    """A secure parameter is encrypted with a key in the caller's name; the credential cannot decrypt by itself."""
    scope = scope_of(("ssm:PutParameter", {"Name": "/p", "Value": "v", "Type": "SecureString"}))
    key = f"arn:aws:kms:{HERE}:key/k"
    through = {"kms:ViaService": "ssm.eu-west-1.amazonaws.com"}
    assert evaluate(scope.policy, action="kms:Encrypt", resource=key, context=through).allowed
    elsewhere = {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}
    assert not evaluate(scope.policy, action="kms:Decrypt", resource=key, context=elsewhere).allowed
    assert not evaluate(scope.policy, action="kms:Decrypt", resource=key).allowed
    assert not evaluate(scope.policy, action="kms:ScheduleKeyDeletion", resource=key, context=through).allowed


def test_a_copy_from_another_region_uses_keys_in_both() -> None:
    """It is read with one key and written with another, by the service, each in its own region; in no third."""
    scope = scope_of(
        ("ec2:CopySnapshot", {"SourceRegion": "us-west-2", "SourceSnapshotId": "snap-0123456789abcdef0"})
    )
    key = "arn:aws:kms:us-west-2:123456789012:key/k"
    for region, allowed in (("us-west-2", True), ("eu-west-1", True), ("us-east-1", False)):
        through = {"kms:ViaService": f"ec2.{region}.amazonaws.com"}
        for action in ("kms:ReEncryptFrom", "kms:CreateGrant"):
            assert evaluate(scope.policy, action=action, resource=key, context=through).allowed is allowed
    assert not evaluate(scope.policy, action="kms:Decrypt", resource=key).allowed


def test_a_docdb_snapshot_is_copied_from_where_it_stands() -> None:
    """DocumentDB and Neptune have RDS's names for their things."""
    source = "arn:aws:rds:us-west-2:123456789012:cluster-snapshot:s"
    asked = {"SourceDBClusterSnapshotIdentifier": source, "TargetDBClusterSnapshotIdentifier": "t"}
    scope = scope_of(("docdb:CopyDBClusterSnapshot", asked))
    assert evaluate(scope.policy, action="rds:CopyDBClusterSnapshot", resource=source).allowed


def test_a_copy_reads_its_source_and_writes_its_target() -> None:
    """And not the other way round."""
    scope = scope_of(("s3:CopyObject", {"Bucket": "to", "Key": "k", "CopySource": "from/x%20y?versionId=v"}))
    assert evaluate(scope.policy, action="s3:GetObject", resource="arn:aws:s3:::from/x y").allowed
    assert evaluate(scope.policy, action="s3:PutObject", resource="arn:aws:s3:::to/k").allowed
    assert not evaluate(scope.policy, action="s3:PutObject", resource="arn:aws:s3:::from/x y").allowed


def test_a_restore_may_read_its_backup() -> None:
    """Into a table of another name, too."""
    backup = f"arn:aws:dynamodb:{HERE}:table/costs/backup/01-a"
    scope = scope_of(("dynamodb:RestoreTableFromBackup", {"TargetTableName": "again", "BackupArn": backup}))
    assert evaluate(scope.policy, action="dynamodb:RestoreTableFromBackup", resource=backup).allowed
    assert not evaluate(scope.policy, action="dynamodb:DeleteTable", resource=TABLE).allowed


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("stepfunctions:CreateStateMachine", {"name": "m", "definition": "{}", "roleArn": ROLE}),
        (
            "events:PutTargets",
            {"Rule": "r", "Targets": [{"Id": "1", "Arn": "arn:aws:ecs:r:1:cluster/c", "RoleArn": ROLE}]},
        ),
    ],
)
def test_a_role_is_passed_by_name_wherever_it_stands(name: str, parameters: dict[str, Any]) -> None:
    """Exactly the role that was reviewed, in any depth of the request."""
    scope = scope_of((name, parameters))
    assert evaluate(scope.policy, action="iam:PassRole", resource=ROLE).allowed
    assert not evaluate(scope.policy, action="iam:PassRole", resource=ROLE + "-admin").allowed


def test_what_is_wider_never_passes_another_role() -> None:
    """However much does not fit, a role is named."""
    many = {
        "TransactItems": [{"Put": {"TableName": f"{'t' * 200}{number}", "Item": {}}} for number in range(40)]
    }
    scope = scope_of(
        ("dynamodb:TransactWriteItems", many), ("lambda:CreateFunction", {"FunctionName": "f", "Role": ROLE})
    )
    assert not scope.narrowed
    assert evaluate(scope.policy, action="iam:PassRole", resource=ROLE).allowed
    assert not evaluate(scope.policy, action="iam:PassRole", resource=ROLE + "-admin").allowed


def test_a_kind_whose_arn_is_not_known_says_so() -> None:
    """An Elastic Beanstalk environment's ARN holds its application, which the request does not name."""
    scope = scope_of(("elasticbeanstalk:RebuildEnvironment", {"EnvironmentName": "shop"}))
    assert not scope.narrowed
    assert "not known" in scope.why
    real = f"arn:aws:elasticbeanstalk:{HERE}:environment/app/shop"
    assert evaluate(scope.policy, action="elasticbeanstalk:RebuildEnvironment", resource=real).allowed
    other = f"arn:aws:elasticbeanstalk:{HERE}:environment/app/other"
    assert not evaluate(scope.policy, action="elasticbeanstalk:RebuildEnvironment", resource=other).allowed


@pytest.mark.parametrize("key", ["*", "a*", "?", "${aws:username}", "$", "a/*/b"])
def test_a_name_is_never_a_pattern(key: str) -> None:
    """An object called ``*`` is one object: what was reviewed is not what a wildcard would let through."""
    scope = scope_of(("s3:DeleteObject", {"Bucket": "reports", "Key": key}))
    assert scope.narrowed
    assert evaluate(scope.policy, action="s3:DeleteObject", resource=f"arn:aws:s3:::reports/{key}").allowed
    for other in ("ab", "x", "alice", "a/c/b", "reports"):
        assert not evaluate(
            scope.policy, action="s3:DeleteObject", resource=f"arn:aws:s3:::reports/{other}"
        ).allowed


def test_no_policy_allows_everything() -> None:
    """A star for an action is never emitted, whatever the operation."""
    for name, parameters, _, _ in CASES:
        document = json.loads(scope_of((name, parameters)).policy)
        for statement in document["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert all("*" not in action for action in actions)
            assert actions
