"""What an operation is about: one resource gives one reference, however a client spells it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.providers.aws import catalogue
from keyturn.providers.aws.resources import Home, arn_of, from_arn, name_or_arn, resources_of

HOME = Home("aws", "123456789012", "eu-west-1")
T_ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/costs"
F_ARN = "arn:aws:lambda:eu-west-1:123456789012:function:report"

SPELLINGS: list[tuple[str, list[tuple[str, dict[str, Any]]]]] = [
    (
        "dynamodb:table/costs",
        [
            ("dynamodb:DeleteTable", {"TableName": "costs"}),
            ("dynamodb:DeleteTable", {"TableName": T_ARN}),
            ("dynamodb:TagResource", {"ResourceArn": T_ARN, "Tags": []}),
            ("dynamodb:UpdateTable", {"TableName": T_ARN + "/index/by-day"}),
            ("dynamodb:PutItem", {"TableName": "costs", "Item": {}}),
            ("dynamodb:BatchWriteItem", {"RequestItems": {"costs": []}}),
            ("dynamodb:BatchGetItem", {"RequestItems": {"costs": {}}}),
            ("dynamodb:TransactGetItems", {"TransactItems": [{"Get": {"TableName": "costs"}}]}),
            ("dynamodb:BatchWriteItem", {"RequestItems": {T_ARN: []}}),
            ("dynamodb:TransactWriteItems", {"TransactItems": [{"Put": {"TableName": "costs", "Item": {}}}]}),
            (
                "dynamodb:RestoreTableFromBackup",
                {"TargetTableName": "costs", "BackupArn": T_ARN + "/backup/1"},
            ),
        ],
    ),
    (
        "dynamodb:backup/costs/backup/0123-a",
        [("dynamodb:DeleteBackup", {"BackupArn": T_ARN + "/backup/0123-a"})],
    ),
    (
        "lambda:function/report",
        [
            ("lambda:DeleteFunction", {"FunctionName": "report"}),
            ("lambda:DeleteFunction", {"FunctionName": "report:live"}),
            ("lambda:DeleteFunction", {"FunctionName": F_ARN}),
            ("lambda:DeleteFunction", {"FunctionName": F_ARN + ":7"}),
            ("lambda:DeleteFunction", {"FunctionName": "123456789012:function:report"}),
            ("lambda:DeleteFunction", {"FunctionName": "function:report:live"}),
            ("lambda:TagResource", {"Resource": F_ARN, "Tags": {"a": "b"}}),
            (
                "lambda:CreateFunction",
                {"FunctionName": "report", "Role": "arn:aws:iam::123456789012:role/r", "Code": {}},
            ),
        ],
    ),
    (
        "sqs:queue/jobs",
        [
            ("sqs:PurgeQueue", {"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs"}),
            ("sqs:PurgeQueue", {"QueueUrl": "http://127.0.0.1:5000/123456789012/jobs"}),
            ("sqs:CreateQueue", {"QueueName": "jobs"}),
        ],
    ),
    (
        "s3:bucket/reports",
        [
            ("s3:DeleteBucket", {"Bucket": "reports"}),
            ("s3:PutBucketVersioning", {"Bucket": "reports", "VersioningConfiguration": {}}),
            ("s3:DeleteBucket", {"Bucket": "arn:aws:s3:::reports"}),
        ],
    ),
    (
        "s3:object/reports/a/b.csv",
        [
            ("s3:PutObject", {"Bucket": "reports", "Key": "a/b.csv"}),
            ("s3:DeleteObjects", {"Bucket": "reports", "Delete": {"Objects": [{"Key": "a/b.csv"}]}}),
        ],
    ),
    (
        "ssm:parameter//app/limit",
        [
            ("ssm:PutParameter", {"Name": "/app/limit", "Value": "1"}),
            ("ssm:DeleteParameters", {"Names": ["/app/limit"]}),
            ("ssm:AddTagsToResource", {"ResourceType": "Parameter", "ResourceId": "/app/limit", "Tags": []}),
            ("ssm:DeleteParameter", {"Name": "arn:aws:ssm:eu-west-1:123456789012:parameter/app/limit"}),
        ],
    ),
    (
        "cloudwatch:alarm/late",
        [
            ("cloudwatch:PutMetricAlarm", {"AlarmName": "late"}),
            ("cloudwatch:DeleteAlarms", {"AlarmNames": ["late"]}),
            (
                "cloudwatch:TagResource",
                {"ResourceARN": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:late"},
            ),
        ],
    ),
    (
        "iam:role/runner",
        [
            ("iam:DeleteRole", {"RoleName": "runner"}),
            (
                "iam:AttachRolePolicy",
                {"RoleName": "runner", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"},
            ),
            ("iam:PutRolePolicy", {"RoleName": "runner", "PolicyName": "p", "PolicyDocument": "{}"}),
            (
                "sts:AssumeRole",
                {"RoleArn": "arn:aws:iam::123456789012:role/team/runner", "RoleSessionName": "s"},
            ),
        ],
    ),
    (
        "iam:policy/team/limits",
        [
            ("iam:DeletePolicy", {"PolicyArn": "arn:aws:iam::123456789012:policy/team/limits"}),
            ("iam:CreatePolicy", {"PolicyName": "limits", "Path": "/team/", "PolicyDocument": "{}"}),
        ],
    ),
    (
        "rds:db/orders",
        [
            ("rds:DeleteDBInstance", {"DBInstanceIdentifier": "orders"}),
            (
                "rds:AddTagsToResource",
                {"ResourceName": "arn:aws:rds:eu-west-1:123456789012:db:orders", "Tags": []},
            ),
        ],
    ),
    (
        "ec2:instance/i-0123456789abcdef0",
        [("ec2:TerminateInstances", {"InstanceIds": ["i-0123456789abcdef0"]})],
    ),
    (
        "kms:key/abcd-1",
        [
            ("kms:ScheduleKeyDeletion", {"KeyId": "abcd-1"}),
            ("kms:ScheduleKeyDeletion", {"KeyId": "arn:aws:kms:eu-west-1:123456789012:key/abcd-1"}),
        ],
    ),
    (
        "secretsmanager:secret/db/main",
        [
            ("secretsmanager:DeleteSecret", {"SecretId": "db/main"}),
            (
                "secretsmanager:DeleteSecret",
                {"SecretId": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db/main-AbCdEf"},
            ),
        ],
    ),
]


def find(name: str, parameters: dict[str, Any]) -> tuple[Any, ...]:
    service, _, action = name.partition(":")
    return resources_of(service, action, parameters, HOME)


@pytest.mark.parametrize(
    ("wanted", "name", "parameters"),
    [(wanted, name, parameters) for wanted, cases in SPELLINGS for name, parameters in cases],
)
def test_a_resource_is_one_however_it_is_spelled(wanted: str, name: str, parameters: dict[str, Any]) -> None:
    """Locks, joins, cool-downs and the state digest all hang on this: an ARN and a name must not be two resources."""
    first = find(name, parameters)[0]
    assert str(first) == wanted
    assert (first.account, first.partition) == ("123456789012", "aws")
    spelled = {
        find(other, given)[0] for target, cases in SPELLINGS if target == wanted for other, given in cases
    }
    assert len(spelled) == 1


def test_what_is_merely_mentioned_is_no_resource() -> None:
    """A role that is passed, a policy that is attached: they do not change, so two changes that name them may run at once."""
    made = find(
        "lambda:CreateFunction", {"FunctionName": "f", "Role": "arn:aws:iam::123456789012:role/r", "Code": {}}
    )
    assert [str(ref) for ref in made] == ["lambda:function/f"]
    attached = find(
        "iam:AttachRolePolicy", {"RoleName": "r", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}
    )
    assert [str(ref) for ref in attached] == ["iam:role/r"]


def test_several_resources_stand_each_once() -> None:
    """A transaction over two tables is about both."""
    items = [
        {"Put": {"TableName": "b", "Item": {}}},
        {"Delete": {"TableName": "a", "Key": {}}},
        {"Put": {"TableName": "b"}},
    ]
    assert [ref.id for ref in find("dynamodb:TransactWriteItems", {"TransactItems": items})] == ["a", "b"]
    both = find("iam:AddRoleToInstanceProfile", {"InstanceProfileName": "p", "RoleName": "r"})
    assert [str(ref) for ref in both] == ["iam:instance-profile/p", "iam:role/r"]


def test_many_objects_stand_for_their_bucket() -> None:
    """Each of a thousand keys is an object that is read and saved; S3 takes no more in one call, and more are judged as the bucket."""
    few = {"Objects": [{"Key": f"k{n}"} for n in range(1_000)]}
    many = {"Objects": [{"Key": f"k{n}"} for n in range(1_001)]}
    assert {ref.kind for ref in find("s3:DeleteObjects", {"Bucket": "b", "Delete": few})} == {"s3:object"}
    assert [str(ref) for ref in find("s3:DeleteObjects", {"Bucket": "b", "Delete": many})] == ["s3:bucket/b"]


def test_another_account_is_another_resource() -> None:
    """A name alone is at home; an ARN of another account is not the resource of the same name here."""
    there = find(
        "dynamodb:DeleteTable", {"TableName": "arn:aws:dynamodb:eu-west-1:999999999999:table/costs"}
    )[0]
    assert there.account == "999999999999"
    assert there != find("dynamodb:DeleteTable", {"TableName": "costs"})[0]


def test_a_global_service_has_one_region() -> None:
    """IAM signs in one region per partition; the region of a client's environment must not make two roles of one."""
    here = resources_of("iam", "DeleteRole", {"RoleName": "r"}, HOME)[0]
    there = resources_of("iam", "DeleteRole", {"RoleName": "r"}, Home("aws", "123456789012", "us-east-1"))[0]
    assert here == there


@pytest.mark.parametrize(
    ("name", "parameters", "wanted"),
    [
        (
            "ec2:RunInstances",
            {"ImageId": "ami-0123456789abcdef0", "MinCount": 1, "MaxCount": 1},
            "ec2:account/*",
        ),
        ("dynamodb:PutItem", {}, "dynamodb:account/*"),
        ("unheard-of:DoIt", {"Name": "x"}, "unheard-of:do-it/x"),
        ("organizations:LeaveOrganization", {}, "organizations:account/*"),
    ],
)
def test_an_operation_is_never_about_nothing(name: str, parameters: dict[str, Any], wanted: str) -> None:
    """Where nothing can be named, it is about everything of the service here; never an empty tuple."""
    if name.startswith("unheard-of"):
        assert find(name, parameters)
    else:
        assert str(find(name, parameters)[0]) == wanted


@pytest.mark.parametrize(
    ("name", "parameters", "kind", "identity"),
    [
        ("ecs:DeleteService", {"cluster": "c", "service": "web"}, None, None),
        (
            "elasticbeanstalk:RebuildEnvironment",
            {"EnvironmentName": "shop"},
            "elasticbeanstalk:environment",
            "shop",
        ),
        ("cloudformation:DeleteStack", {"StackName": "shop"}, "cloudformation:stack", "shop"),
        ("ecr:DeleteRepository", {"repositoryName": "img"}, "ecr:repository", "img"),
        ("logs:DeleteLogGroup", {"logGroupName": "/aws/x"}, "logs:log-group", "/aws/x"),
        ("efs:DeleteFileSystem", {"FileSystemId": "fs-1"}, "elasticfilesystem:file-system", "fs-1"),
        ("sns:DeleteTopic", {"TopicArn": "arn:aws:sns:eu-west-1:123456789012:news"}, "sns:topic", "news"),
    ],
)
def test_services_without_a_table_are_named_by_their_parameters(
    name: str, parameters: dict[str, Any], kind: str | None, identity: str | None
) -> None:
    """The generic way: an ARN, or an identifier that speaks of the operation's own noun."""
    first = find(name, parameters)[0]
    assert first.id
    if kind is not None:
        assert (first.kind, first.id) == (kind, identity)


@pytest.mark.parametrize(
    "arn",
    [
        T_ARN,
        F_ARN,
        "arn:aws:sqs:eu-west-1:123456789012:jobs",
        "arn:aws:s3:::reports",
        "arn:aws:s3:::reports/a/b.csv",
        "arn:aws:ssm:eu-west-1:123456789012:parameter/app/limit",
        "arn:aws:ssm:eu-west-1:123456789012:parameter/limit",
        "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:late",
        "arn:aws:iam::123456789012:role/runner",
        "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
        "arn:aws:rds:eu-west-1:123456789012:db:orders",
        "arn:aws:kms:eu-west-1:123456789012:key/abcd",
        "arn:aws:dynamodb:eu-west-1:123456789012:table/costs/backup/0123-a",
        "arn:aws:ec2:eu-west-1:123456789012:instance/i-0123456789abcdef0",
    ],
)
def test_an_arn_comes_back_from_its_reference(arn: str) -> None:
    """Credentials are scoped to these."""
    assert arn_of(from_arn(arn, HOME)) == arn


def test_every_operation_of_the_catalogue_is_about_something() -> None:
    """With no parameters at all, whatever the service: total, and never empty."""
    for service, name in catalogue.every()[::7]:
        assert resources_of(service, name, {}, HOME), f"{service}:{name}"


@given(st.text(max_size=60))
def test_names_are_taken_as_they_come(text: str) -> None:
    """No name, however odd, breaks the finder, and the same text is the same resource."""
    for kind in ("dynamodb:table", "lambda:function", "sqs:queue", "kms:key"):
        assert name_or_arn(kind, text, HOME) == name_or_arn(kind, text, HOME)
