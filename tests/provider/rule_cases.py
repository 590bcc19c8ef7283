"""Golden cases: for every rule one request on which it speaks and one, as near to it as can be, on which it is silent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from keyturn.model.change import Effect
from keyturn.providers.aws.items import Items
from keyturn.providers.aws.rules import Authority

ABSENT: Final[None] = None
UNREAD: Final = "unread"


class Case(NamedTuple):
    """One request. `standing`: the identity's capture, `ABSENT`, or `UNREAD`; `beside` are captures of other resources."""

    name: str
    parameters: dict[str, Any]
    standing: Any = UNREAD
    beside: Mapping[str, Any] = MappingProxyType({})
    items: Items = Items()
    live: Mapping[str, Any] = MappingProxyType({})  # what was read beside, by the reading's name
    authority: Authority | None = None  # what the role may do that it gives something to run, or sets off


TABLE: Final = {
    "items": 10_000,
    "items_exact": True,
    "protection": True,
    "recovery": True,
    "throughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    "ttl": "expires",
    "stream": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    "keys": [{"AttributeName": "id", "KeyType": "HASH"}],
}
FUNCTION: Final = {"role": "arn:aws:iam::1:role/r", "layers": [], "environment": {"TABLE": "a", "MODE": "b"}}
QUEUE: Final = {"messages": 42, "attributes": {"MessageRetentionPeriod": "345600"}}
ALARM: Final[dict[str, Any]] = {"actions_enabled": True, "alarm_actions": ["arn:aws:sns:eu-west-1:1:page"]}
VERSIONED: Final = {"s3:bucket/b": {"versioning": "Enabled"}}
PLAIN: Final = {"s3:bucket/b": {"versioning": ""}}
T_ARN: Final = "arn:aws:dynamodb:eu-west-1:123456789012:table/t"
PRODUCTION: Final = {"tags": {"env": "production"}}
OPEN: Final = (
    '{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/k"}]}'
)
TABLES: Final[dict[str, Any]] = {
    "t": {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Retain", "Properties": {"TableName": "orders"}},
    "q": {"Type": "AWS::SQS::Queue"},
}
STOOD: Final = json.dumps({"Resources": TABLES})
RENAMED: Final = STOOD.replace('"orders"', '"orders2"')
EMPTIED: Final = json.dumps({"Resources": {"t": TABLES["t"]}})
LET_GO: Final = STOOD.replace('"Retain"', '"Delete"')
STACK: Final = {"": {"StackName": "s"}, "template": STOOD}
SET: Final = {"StackName": "s", "ChangeSetName": "c"}
MACRO: Final = json.dumps({"Transform": ["Ours"], "Resources": TABLES})
SAM: Final = json.dumps({"Transform": "AWS::Serverless-2016-10-31", "Resources": TABLES})
REPLACED: Final = {"Action": "Modify", "Replacement": "True", "LogicalResourceId": "t", "ResourceType": "AWS::DynamoDB::Table"}  # fmt: skip
REMOVED: Final = {"Action": "Remove", "LogicalResourceId": "t", "ResourceType": "AWS::DynamoDB::Table"}
TUNED: Final = {"Action": "Modify", "Replacement": "False", "Scope": ["Tags"], "LogicalResourceId": "t", "ResourceType": "AWS::DynamoDB::Table"}  # fmt: skip


def changes(*listed: dict[str, Any]) -> dict[str, Any]:
    """What DescribeChangeSet says."""
    return {"": {"Changes": [{"Type": "Resource", "ResourceChange": one} for one in listed]}}


def made(kind: str, **properties: Any) -> Case:
    """A stack of one resource."""
    template = json.dumps({"Resources": {"r": {"Type": kind, "Properties": properties}}})
    return Case("cloudformation:CreateStack", {"StackName": "s", "TemplateBody": template})


def scheduled(call: str, **given: Any) -> Case:
    """A schedule that makes this call."""
    target = {"Arn": f"arn:aws:scheduler:::aws-sdk:{call}", "RoleArn": ROLE, "Input": json.dumps(given)}
    return Case(
        "scheduler:CreateSchedule", {"Name": "n", "ScheduleExpression": "rate(1 day)", "Target": target}
    )


def set_to(kind: str, before: dict[str, Any], after: dict[str, Any]) -> Case:
    """A stack's resource, and what would be set of it."""
    one, other = (
        json.dumps({"Resources": {"r": {"Type": kind, "Properties": each}}}) for each in (before, after)
    )
    live = {"": {"StackName": "s", "Parameters": []}, "template": one}
    return Case("cloudformation:UpdateStack", {"StackName": "s", "TemplateBody": other}, live=live)


MEMBERS: Final = {
    "members": {
        "StackResourceSummaries": [{"LogicalResourceId": "t", "ResourceType": "AWS::DynamoDB::Table"}]
    }
}
PATCH: Final = '[{"op":"replace","path":"/BillingMode","value":"PAY_PER_REQUEST"}]'
ROLE_OWN: Final = {"AWS": "arn:aws:iam::123456789012:role/r"}
READS: Final = '{"Statement":[{"Effect":"Allow","Action":["s3:GetObject","S3:listbucket"],"Resource":"*"}]}'
PASSES: Final = '{"Statement":[{"Effect":"Allow","Action":["iam:PassRole","s3:GetObject"],"Resource":"*"}]}'
TRUSTS: Final = '{"Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
SHUT: Final = '{"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}]}'
ROLE_STANDS: Final = {
    "inline": {
        "p": {"Statement": {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}}
    },
    "attached": [],
}
GUARDED: Final[dict[str, Any]] = {
    "messages": 0,
    "attributes": {
        "Policy": '{"Statement":[{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}'
    },
}
UNDER_KMS: Final = [
    {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "k"}}
]
UNDER_S3: Final = [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
DEAD_LETTERS: Final = {"messages": 0, "attributes": {"RedrivePolicy": '{"maxReceiveCount":3}'}}
PUT: Final = {"TableName": "t", "Item": {"id": {"S": "1"}}}
KEY: Final = {"TableName": "t", "Key": {"id": {"S": "1"}}}
ROLE: Final = "arn:aws:iam::1:role/r"

CASES: Final[dict[str, tuple[Case, Case]]] = {
    "SQL001": (
        Case("rds-data:ExecuteStatement", {"sql": "DELETE FROM orders"}),
        Case("rds-data:ExecuteStatement", {"sql": "INSERT INTO orders VALUES (1)"}),
    ),
    "SQL002": (
        Case("dynamodb:ExecuteStatement", {"Statement": "UPDATE \"t\" SET a=1 WHERE id='1'"}),
        Case("dynamodb:ExecuteStatement", {"Statement": "DELETE FROM \"t\" WHERE id='1'"}),
    ),
    "SQL003": (
        Case("redshift-data:ExecuteStatement", {"Sql": "GRANT SELECT ON orders TO bob"}),
        Case("redshift-data:ExecuteStatement", {"Sql": "CREATE TABLE granted (a int)"}),
    ),
    "SQL004": (
        Case("athena:StartQueryExecution", {"QueryString": "CREATE OR REPLACE VIEW v AS SELECT 1"}),
        Case("athena:StartQueryExecution", {"QueryString": "CREATE VIEW v AS SELECT 1"}),
    ),
    "SQL005": (
        Case("rds-data:ExecuteStatement", {"sql": "SELECT archive_orders()"}),
        Case("rds-data:ExecuteStatement", {"sql": "DROP TABLE orders"}),
    ),
    "SQL006": (
        Case("redshift-data:ExecuteStatement", {"Sql": "CREATE TABLE t (a int)"}),
        Case("redshift-data:ExecuteStatement", {"Sql": "DROP TABLE t"}),
    ),
    "DDB001": (
        Case("dynamodb:DeleteTable", {"TableName": "t"}, TABLE),
        Case("dynamodb:DeleteTable", {"TableName": "t"}, ABSENT),
    ),
    "DDB002": (
        Case("dynamodb:UpdateTable", {"TableName": "t", "DeletionProtectionEnabled": False}, TABLE),
        Case("dynamodb:UpdateTable", {"TableName": "t", "DeletionProtectionEnabled": True}, TABLE),
    ),
    "DDB003": (
        Case(
            "dynamodb:UpdateTable",
            {"TableName": "t", "ReplicaUpdates": [{"Delete": {"RegionName": "r"}}]},
            TABLE,
        ),
        Case(
            "dynamodb:UpdateTable",
            {"TableName": "t", "ReplicaUpdates": [{"Create": {"RegionName": "r"}}]},
            TABLE,
        ),
    ),
    "DDB004": (
        Case(
            "dynamodb:UpdateTable",
            {"TableName": "t", "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 5}},
            TABLE,
        ),
        Case(
            "dynamodb:UpdateTable",
            {"TableName": "t", "ProvisionedThroughput": {"ReadCapacityUnits": 9, "WriteCapacityUnits": 5}},
            TABLE,
        ),
    ),
    "DDB005": (
        Case(
            "dynamodb:UpdateTimeToLive",
            {"TableName": "t", "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "born"}},
            TABLE,
        ),
        Case(
            "dynamodb:UpdateTimeToLive",
            {"TableName": "t", "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "expires"}},
            TABLE,
        ),
    ),
    "DDB006": (
        Case(
            "dynamodb:UpdateContinuousBackups",
            {"TableName": "t", "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": False}},
            TABLE,
        ),
        Case(
            "dynamodb:UpdateContinuousBackups",
            {"TableName": "t", "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}},
            TABLE,
        ),
    ),
    "DDB007": (
        Case("dynamodb:DeleteBackup", {"BackupArn": "arn:aws:dynamodb:eu-west-1:1:table/t/backup/1"}),
        Case("dynamodb:CreateBackup", {"TableName": "t", "BackupName": "b"}, TABLE),
    ),
    "DDB008": (
        Case("dynamodb:PutItem", PUT, TABLE, items=Items(puts=1, unknown=1)),
        Case("dynamodb:PutItem", PUT, TABLE, items=Items(puts=1)),
    ),
    "DDB009": (
        Case("dynamodb:DeleteItem", KEY, TABLE, items=Items(deletes=1, deleted=1)),
        Case("dynamodb:DeleteItem", KEY, TABLE, items=Items(deletes=1)),
    ),
    "S3001": (Case("s3:DeleteBucket", {"Bucket": "b"}), Case("s3:CreateBucket", {"Bucket": "b"}, ABSENT)),
    "S3002": (
        Case("s3:DeleteObject", {"Bucket": "b", "Key": "k"}, {}, PLAIN),
        Case("s3:DeleteObject", {"Bucket": "b", "Key": "k"}, {}, VERSIONED),
    ),
    "S3003": (
        Case("s3:DeleteObject", {"Bucket": "b", "Key": "k"}, {}, VERSIONED),
        Case("s3:DeleteObject", {"Bucket": "b", "Key": "k", "VersionId": "v"}, {}, VERSIONED),
    ),
    "S3004": (
        Case("s3:PutObject", {"Bucket": "b", "Key": "k"}, {"size": 1}, PLAIN),
        Case("s3:PutObject", {"Bucket": "b", "Key": "k"}, ABSENT, PLAIN),
    ),
    "S3005": (
        Case("s3:PutBucketVersioning", {"Bucket": "b", "VersioningConfiguration": {"Status": "Suspended"}}),
        Case("s3:PutBucketVersioning", {"Bucket": "b", "VersioningConfiguration": {"Status": "Enabled"}}),
    ),
    "S3006": (
        Case(
            "s3:PutBucketLifecycleConfiguration",
            {
                "Bucket": "b",
                "LifecycleConfiguration": {"Rules": [{"Status": "Enabled", "Expiration": {"Days": 1}}]},
            },
        ),
        Case(
            "s3:PutBucketLifecycleConfiguration",
            {
                "Bucket": "b",
                "LifecycleConfiguration": {"Rules": [{"Status": "Disabled", "Expiration": {"Days": 1}}]},
            },
        ),
    ),
    "S3007": (
        Case("s3:DeletePublicAccessBlock", {"Bucket": "b"}),
        Case(
            "s3:PutPublicAccessBlock",
            {
                "Bucket": "b",
                "PublicAccessBlockConfiguration": dict.fromkeys(
                    ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"),
                    True,
                ),
            },
        ),
    ),
    "SQS001": (
        Case("sqs:PurgeQueue", {"QueueUrl": "http://x/1/q"}, QUEUE),
        Case("sqs:SendMessage", {"QueueUrl": "http://x/1/q", "MessageBody": "m"}, QUEUE),
    ),
    "SQS002": (
        Case("sqs:DeleteQueue", {"QueueUrl": "http://x/1/q"}, QUEUE),
        Case("sqs:CreateQueue", {"QueueName": "q"}, ABSENT),
    ),
    "SQS003": (
        Case(
            "sqs:SetQueueAttributes",
            {"QueueUrl": "http://x/1/q", "Attributes": {"MessageRetentionPeriod": "60"}},
            QUEUE,
        ),
        Case(
            "sqs:SetQueueAttributes",
            {"QueueUrl": "http://x/1/q", "Attributes": {"MessageRetentionPeriod": "1209600"}},
            QUEUE,
        ),
    ),
    "LAM001": (
        Case("lambda:DeleteFunction", {"FunctionName": "f"}, FUNCTION),
        Case("lambda:DeleteAlias", {"FunctionName": "f", "Name": "live"}, FUNCTION),
    ),
    "LAM002": (
        Case("lambda:CreateFunction", {"FunctionName": "f", "Role": ROLE, "Code": {}}, ABSENT),
        Case("lambda:CreateFunction", {"FunctionName": "f", "Role": ROLE, "Code": {}}, FUNCTION),
    ),
    "LAM003": (
        Case("lambda:UpdateFunctionCode", {"FunctionName": "f", "ZipFile": b"z"}, FUNCTION),
        Case("lambda:UpdateFunctionCode", {"FunctionName": "f", "ZipFile": b"z", "DryRun": True}, FUNCTION),
    ),
    "LAM004": (
        Case("lambda:UpdateFunctionConfiguration", {"FunctionName": "f", "Role": ROLE + "-admin"}, FUNCTION),
        Case(
            "lambda:UpdateFunctionConfiguration", {"FunctionName": "f", "Role": ROLE, "Timeout": 9}, FUNCTION
        ),
    ),
    "LAM005": (
        Case(
            "lambda:UpdateFunctionConfiguration",
            {"FunctionName": "f", "Environment": {"Variables": {"TABLE": "c"}}},
            FUNCTION,
        ),
        Case(
            "lambda:UpdateFunctionConfiguration",
            {"FunctionName": "f", "Environment": {"Variables": {"TABLE": "c", "MODE": "b"}}},
            FUNCTION,
        ),
    ),
    "LAM006": (
        Case(
            "lambda:PutFunctionConcurrency",
            {"FunctionName": "f", "ReservedConcurrentExecutions": 0},
            FUNCTION,
        ),
        Case(
            "lambda:PutFunctionConcurrency",
            {"FunctionName": "f", "ReservedConcurrentExecutions": 5},
            FUNCTION,
        ),
    ),
    "SSM001": (
        Case("ssm:DeleteParameter", {"Name": "/p"}, {"value": "1"}),
        Case("ssm:PutParameter", {"Name": "/p", "Value": "1"}, ABSENT),
    ),
    "SSM002": (
        Case("ssm:GetParameter", {"Name": "/p", "WithDecryption": True}),
        Case("ssm:GetParameter", {"Name": "/p"}),
    ),
    "IAM014": (
        Case("iam:UpdateLoginProfile", {"UserName": "u", "Password": "p"}, ABSENT),
        Case("iam:UpdateLoginProfile", {"UserName": "u", "PasswordResetRequired": True}, ABSENT),
    ),
    "SSM032": (
        Case(
            "ssm:SendCommand",
            {"DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["rm -rf /var/data"]}},
        ),
        Case(
            "ssm:SendCommand",
            {"DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["df -h", "uptime"]}},
        ),
    ),
    "CW001": (
        Case("cloudwatch:DeleteAlarms", {"AlarmNames": ["a"]}, ALARM),
        Case("cloudwatch:EnableAlarmActions", {"AlarmNames": ["a"]}, ALARM),
    ),
    "CW002": (
        Case("cloudwatch:DisableAlarmActions", {"AlarmNames": ["a"]}, ALARM),
        Case("cloudwatch:EnableAlarmActions", {"AlarmNames": ["a"]}, ALARM),
    ),
    "CW003": (
        Case("cloudwatch:PutMetricAlarm", {"AlarmName": "a", "AlarmActions": []}, ALARM),
        Case("cloudwatch:PutMetricAlarm", {"AlarmName": "a", "AlarmActions": ALARM["alarm_actions"]}, ALARM),
    ),
    "IAM001": (
        Case("iam:DeleteRole", {"RoleName": "r"}, {}),
        Case("iam:UpdateRole", {"RoleName": "r", "MaxSessionDuration": 3600}, {}),
    ),
    "IAM002": (
        Case(
            "iam:AttachRolePolicy", {"RoleName": "r", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}
        ),
        Case(
            "iam:DetachRolePolicy", {"RoleName": "r", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}
        ),
    ),
    "IAM003": (
        Case(
            "iam:DetachRolePolicy", {"RoleName": "r", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}
        ),
        Case(
            "iam:AttachRolePolicy", {"RoleName": "r", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}
        ),
    ),
    "IAM005": (
        Case("iam:CreateLoginProfile", {"UserName": "u", "Password": "p"}),
        Case("iam:DeleteLoginProfile", {"UserName": "u"}),
    ),
    # --- the shapes that repeat across services ---------------------------------------------------------------------
    "GEN001": (
        Case(
            "verifiedpermissions:UpdatePolicyStore", {"policyStoreId": "p", "deletionProtection": "DISABLED"}
        ),
        Case(
            "verifiedpermissions:UpdatePolicyStore", {"policyStoreId": "p", "deletionProtection": "ENABLED"}
        ),
    ),
    "GEN002": (
        Case("neptune-graph:DeleteGraph", {"graphIdentifier": "g", "skipSnapshot": True}),
        Case("neptune-graph:DeleteGraph", {"graphIdentifier": "g", "skipSnapshot": False}),
    ),
    "GEN003": (
        Case(
            "servicecatalog:TerminateProvisionedProduct",
            {"ProvisionedProductName": "p", "IgnoreErrors": True},
        ),
        Case(
            "servicecatalog:TerminateProvisionedProduct",
            {"ProvisionedProductName": "p", "IgnoreErrors": False},
        ),
    ),
    "GEN004": (
        Case("ecs:RegisterTaskDefinition", {"family": "f", "taskRoleArn": ROLE}),
        Case("ecs:UpdateService", {"service": "s", "cluster": "c"}),
    ),
    "GEN005": (
        Case("synthetics:CreateCanary", {"Name": "c", "Code": {"Handler": "h"}}),
        Case("synthetics:CreateCanary", {"Name": "c"}),
    ),
    "GEN006": (
        Case("ec2:ImportKeyPair", {"KeyName": "k", "PublicKeyMaterial": b"ssh-rsa"}),
        Case("ec2:DeleteKeyPair", {"KeyName": "k"}),
    ),
    "GEN007": (
        Case("redshift:PutResourcePolicy", {"ResourceArn": "a", "Policy": "{}"}),
        Case("redshift:PutResourcePolicy", {"ResourceArn": "a", "Policy": ""}),
    ),
    "GEN008": (
        Case(
            "timestream-write:UpdateTable",
            {"TableName": "t", "RetentionProperties": {"MagneticStoreRetentionPeriodInDays": 30}},
        ),
        Case("timestream-write:UpdateTable", {"TableName": "t"}),
    ),
    "GEN009": (
        Case("appstream:UpdateFleet", {"Name": "f", "ComputeCapacity": {"DesiredInstances": 0}}),
        Case("appstream:UpdateFleet", {"Name": "f", "ComputeCapacity": {"DesiredInstances": 2}}),
    ),
    "GEN010": (
        Case("ssm:SendCommand", {"DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["ls"]}}),
        Case("ssm:PutParameter", {"Name": "/p", "Value": "1"}),
    ),
    "TRG001": (
        Case(
            "sns:Publish",
            {"TopicArn": "arn:aws:sns:eu-west-1:123456789012:t", "Message": "m"},
            authority=Authority("f (by the role r)", Effect.DELETE, ("dynamodb:DeleteTable",), bounded=True),
        ),
        Case("sns:Publish", {"TopicArn": "arn:aws:sns:eu-west-1:123456789012:t", "Message": "m"}),
    ),
    "GEN011": (
        Case("ivs:GetStreamKey", {"arn": "arn:aws:ivs:eu-west-1:1:stream-key/k"}),
        Case("secretsmanager:DescribeSecret", {"SecretId": "s"}),
    ),
    "SUP001": (
        Case("rolesanywhere:CreateTrustAnchor", {"name": "n", "source": {}}),
        Case("rolesanywhere:DeleteTrustAnchor", {"trustAnchorId": "t"}),
    ),
    "SUP002": (
        Case("rds:ModifyDBInstance", {"DBInstanceIdentifier": "d", "MasterUserPassword": "p"}),
        Case("rds:ModifyDBInstance", {"DBInstanceIdentifier": "d", "ManageMasterUserPassword": True}),
    ),
    "OUT001": (
        Case("secretsmanager:GetSecretValue", {"SecretId": "s"}),
        Case("secretsmanager:DescribeSecret", {"SecretId": "s"}),
    ),
    "OUT002": (
        Case("sts:AssumeRole", {"RoleArn": ROLE, "RoleSessionName": "s"}),
        Case("sts:DecodeAuthorizationMessage", {"EncodedMessage": "m"}),
    ),
    "GEN012": (
        Case("efs:DeleteFileSystem", {"FileSystemId": "fs-1"}),
        Case("efs:CreateFileSystem", {"CreationToken": "t"}),
    ),
    "GEN013": (
        Case("cloudtrail:StopLogging", {"Name": "trail"}),
        Case("cloudtrail:StartLogging", {"Name": "trail"}),
    ),
    "GEN014": (
        Case(
            "dynamodb:TagResource",
            {"ResourceArn": T_ARN, "Tags": [{"Key": "env", "Value": "dev"}]},
            PRODUCTION,
        ),
        Case(
            "dynamodb:TagResource",
            {"ResourceArn": T_ARN, "Tags": [{"Key": "owner", "Value": "dev"}]},
            PRODUCTION,
        ),
    ),
    "EXP001": (
        Case("rds:ModifyDBInstance", {"DBInstanceIdentifier": "d", "PubliclyAccessible": True}),
        Case("rds:ModifyDBInstance", {"DBInstanceIdentifier": "d", "PubliclyAccessible": False}),
    ),
    "PRT001": (
        set_to("AWS::SQS::Queue", {"MessageRetentionPeriod": 345600}, {"MessageRetentionPeriod": 60}),
        set_to("AWS::SQS::Queue", {"MessageRetentionPeriod": 60}, {"MessageRetentionPeriod": 345600}),
    ),
    "PRT002": (
        set_to("AWS::EKS::Nodegroup", {"Version": "1.30"}, {"Version": "1.31"}),
        set_to("AWS::EKS::Nodegroup", {"Labels": {"a": "b"}}, {"Labels": {"a": "c"}}),
    ),
    "PRT003": (
        set_to("AWS::ECS::Service", {"DesiredCount": 2}, {"DesiredCount": 0}),
        set_to("AWS::ECS::Service", {"DesiredCount": 2}, {"DesiredCount": 3}),
    ),
    "PRT004": (
        set_to(
            "AWS::DynamoDB::Table", {"DeletionProtectionEnabled": True}, {"DeletionProtectionEnabled": False}
        ),
        set_to(
            "AWS::DynamoDB::Table", {"DeletionProtectionEnabled": False}, {"DeletionProtectionEnabled": True}
        ),
    ),
    "PRT005": (
        set_to("AWS::RDS::DBCluster", {"BackupRetentionPeriod": 7}, {"BackupRetentionPeriod": 1}),
        set_to("AWS::RDS::DBCluster", {"BackupRetentionPeriod": 1}, {"BackupRetentionPeriod": 7}),
    ),
    "PRT006": (
        made("AWS::EC2::Instance", UserData="x"),
        made("AWS::EC2::VPC", CidrBlock="10.0.0.0/16"),
    ),
    "PRT007": (
        made("AWS::EC2::SecurityGroupIngress", CidrIp="0.0.0.0/0", IpProtocol="tcp"),
        made("AWS::EC2::SecurityGroupIngress", CidrIp="10.0.0.0/8", IpProtocol="tcp"),
    ),
    "PRT008": (
        set_to("AWS::CloudWatch::Alarm", {"ActionsEnabled": True}, {"ActionsEnabled": False}),
        set_to("AWS::CloudWatch::Alarm", {"Threshold": 1}, {"Threshold": 2}),
    ),
    "PRT009": (
        scheduled("secretsmanager:getSecretValue", SecretId="s"),
        scheduled("secretsmanager:describeSecret", SecretId="s"),
    ),
    "PRT010": (
        scheduled("rds:modifyOptionGroup", OptionGroupName="g", OptionsToRemove=["a"]),
        scheduled("rds:describeOptionGroups", OptionGroupName="g"),
    ),
    "PRT011": (
        made("Custom::Thing"),
        made("AWS::SQS::Queue"),
    ),
    "CFN002": (
        Case("cloudformation:ExecuteChangeSet", SET, live=changes(REPLACED)),
        Case("cloudformation:ExecuteChangeSet", SET, live=changes(TUNED)),
    ),
    "CFN003": (
        Case("cloudformation:ExecuteChangeSet", SET, live=changes(REMOVED)),
        Case("cloudformation:ExecuteChangeSet", SET, live=changes(TUNED)),
    ),
    "CFN016": (
        Case("cloudformation:UpdateStack", {"StackName": "s", "TemplateURL": "https://b/t"}, live=STACK),
        Case("cloudformation:UpdateStack", {"StackName": "s", "TemplateBody": STOOD}, live=STACK),
    ),
    "CFN018": (
        Case("cloudformation:CreateChangeSet", {**SET, "TemplateBody": MACRO}, live=STACK),
        Case("cloudformation:CreateChangeSet", {**SET, "TemplateBody": SAM}, live=STACK),
    ),
    "CFN019": (
        Case("cloudformation:CreateChangeSet", {**SET, "TemplateBody": RENAMED}, live=STACK),
        Case("cloudformation:CreateChangeSet", {**SET, "ChangeSetType": "IMPORT"}),
    ),
    "CFN012": (
        Case("cloudformation:UpdateStack", {"StackName": "s", "TemplateBody": RENAMED}, live=STACK),
        Case("cloudformation:UpdateStack", {"StackName": "s", "TemplateBody": STOOD}, live=STACK),
    ),
    "CFN013": (
        Case("cloudformation:UpdateStack", {"StackName": "s", "TemplateBody": EMPTIED}, live=STACK),
        Case("cloudformation:UpdateStack", {"StackName": "s", "TemplateBody": RENAMED}, live=STACK),
    ),
    "CFN014": (
        Case("cloudformation:UpdateStack", {"StackName": "s", "TemplateBody": LET_GO}, live=STACK),
        Case("cloudformation:UpdateStack", {"StackName": "s", "TemplateBody": RENAMED}, live=STACK),
    ),
    "CFN015": (
        Case("cloudformation:DeleteStack", {"StackName": "s"}, live=MEMBERS),
        Case("cloudformation:DeleteStack", {"StackName": "s"}),
    ),
    "CCA005": (
        Case("cloudcontrol:CreateResource", {"TypeName": "AWS::IAM::Role", "DesiredState": "{}"}),
        Case(
            "cloudcontrol:CreateResource",
            {"TypeName": "AWS::SQS::Queue", "DesiredState": '{"QueueName":"q"}'},
        ),
    ),
    "CCA003": (
        Case("cloudcontrol:DeleteResource", {"TypeName": "AWS::DynamoDB::Table", "Identifier": "t"}),
        Case("cloudcontrol:CreateResource", {"TypeName": "AWS::DynamoDB::Table", "DesiredState": "{}"}),
    ),
    "CCA004": (
        Case(
            "cloudcontrol:UpdateResource",
            {"TypeName": "AWS::DynamoDB::Table", "Identifier": "t", "PatchDocument": "{}"},
        ),
        Case(
            "cloudcontrol:UpdateResource",
            {"TypeName": "AWS::DynamoDB::Table", "Identifier": "t", "PatchDocument": PATCH},
        ),
    ),
    "RUN001": (
        Case(
            "scheduler:CreateSchedule",
            {"Name": "n", "Target": {"Arn": "arn:aws:scheduler:::aws-sdk:rds:deleteDBInstance"}},
        ),
        Case(
            "scheduler:CreateSchedule",
            {"Name": "n", "Target": {"Arn": "arn:aws:scheduler:::aws-sdk:rds:describeDBInstances"}},
        ),
    ),
    "POL001": (
        Case(
            "iam:PutRolePolicy", {"RoleName": "r", "PolicyName": "p", "PolicyDocument": PASSES}, ROLE_STANDS
        ),
        Case("iam:PutRolePolicy", {"RoleName": "r", "PolicyName": "p", "PolicyDocument": READS}, ROLE_STANDS),
    ),
    "POL002": (
        Case("s3:PutBucketPolicy", {"Bucket": "b", "Policy": OPEN}),
        Case("s3:PutBucketPolicy", {"Bucket": "b", "Policy": OPEN.replace('"*"', json.dumps(ROLE_OWN))}),
    ),
    "POL003": (
        Case(
            "iam:PutRolePolicy", {"RoleName": "r", "PolicyName": "p", "PolicyDocument": PASSES}, ROLE_STANDS
        ),
        Case(
            "iam:PutRolePolicy", {"RoleName": "r", "PolicyName": "new", "PolicyDocument": PASSES}, ROLE_STANDS
        ),
    ),
    "POL004": (
        Case("iam:UpdateAssumeRolePolicy", {"RoleName": "r", "PolicyDocument": "{}"}),
        Case("iam:UpdateAssumeRolePolicy", {"RoleName": "r", "PolicyDocument": TRUSTS}),
    ),
    "POL005": (
        Case("sqs:SetQueueAttributes", {"QueueUrl": "http://x/1/q", "Attributes": {"Policy": OPEN}}, GUARDED),
        Case("sqs:SetQueueAttributes", {"QueueUrl": "http://x/1/q", "Attributes": {"Policy": OPEN}}, QUEUE),
    ),
    "POL006": (
        Case("s3:PutBucketPolicy", {"Bucket": "b", "Policy": SHUT}),
        Case("s3:PutBucketPolicy", {"Bucket": "b", "Policy": SHUT.replace("Deny", "Allow")}),
    ),
    "SEC001": (
        Case("secretsmanager:DeleteSecret", {"SecretId": "s"}),
        Case("secretsmanager:RestoreSecret", {"SecretId": "s"}),
    ),
    "KMS001": (
        Case("kms:ScheduleKeyDeletion", {"KeyId": "k"}),
        Case("kms:CancelKeyDeletion", {"KeyId": "k"}),
    ),
    "LAM007": (
        Case("lambda:CreateEventSourceMapping", {"FunctionName": "f", "EventSourceArn": "arn:aws:sqs:r:1:q"}),
        Case("lambda:UpdateEventSourceMapping", {"UUID": "u", "BatchSize": 5}),
    ),
    "IAM006": (
        Case("iam:DeleteRolePermissionsBoundary", {"RoleName": "r"}),
        Case("iam:UpdateRole", {"RoleName": "r"}),
    ),
    "IAM007": (
        Case("iam:DeactivateMFADevice", {"UserName": "u", "SerialNumber": "s"}),
        Case("iam:ResyncMFADevice", {"UserName": "u", "SerialNumber": "s"}),
    ),
    "IAM008": (
        Case("iam:UpdateAccessKey", {"UserName": "u", "AccessKeyId": "AKIA", "Status": "Inactive"}),
        Case("iam:CreateAccessKey", {"UserName": "u"}),
    ),
    "CW004": (
        Case(
            "cloudwatch:PutMetricAlarm",
            {"AlarmName": "a", "AlarmActions": ["arn:aws:automate:r:ec2:terminate"]},
            ALARM,
        ),
        Case(
            "cloudwatch:PutMetricAlarm", {"AlarmName": "a", "AlarmActions": ["arn:aws:sns:r:1:other"]}, ALARM
        ),
    ),
    "CW005": (
        Case(
            "cloudwatch:SetAlarmState", {"AlarmName": "a", "StateValue": "ALARM", "StateReason": "r"}, ALARM
        ),
        Case("cloudwatch:EnableAlarmActions", {"AlarmNames": ["a"]}, ALARM),
    ),
    "SSM003": (
        Case("ssm:PutParameter", {"Name": "/p", "Value": "1", "Policies": '[{"Type":"Expiration"}]'}),
        Case(
            "ssm:PutParameter", {"Name": "/p", "Value": "1", "Policies": '[{"Type":"NoChangeNotification"}]'}
        ),
    ),
    "SQS005": (
        Case(
            "sqs:SetQueueAttributes",
            {"QueueUrl": "http://x/1/q", "Attributes": {"RedrivePolicy": ""}},
            DEAD_LETTERS,
        ),
        Case(
            "sqs:SetQueueAttributes",
            {"QueueUrl": "http://x/1/q", "Attributes": {"RedrivePolicy": "{}"}},
            QUEUE,
        ),
    ),
    "SQS006": (
        Case("sqs:DeleteMessage", {"QueueUrl": "http://x/1/q", "ReceiptHandle": "h"}, QUEUE),
        Case("sqs:DeleteMessageBatch", {"QueueUrl": "http://x/1/q", "Entries": []}, QUEUE),
    ),
    "S3008": (
        Case(
            "s3:PutBucketNotificationConfiguration",
            {"Bucket": "b", "NotificationConfiguration": {"QueueConfigurations": [{}]}},
        ),
        Case("s3:GetBucketNotificationConfiguration", {"Bucket": "b"}),
    ),
    "S3009": (
        Case(
            "s3:DeleteObject", {"Bucket": "b", "Key": "k", "BypassGovernanceRetention": True}, {}, VERSIONED
        ),
        Case("s3:DeleteObject", {"Bucket": "b", "Key": "k"}, {}, VERSIONED),
    ),
    "S3010": (
        Case(
            "s3:PutBucketEncryption",
            {"Bucket": "b", "ServerSideEncryptionConfiguration": {"Rules": UNDER_S3}},
            {"encryption": UNDER_KMS},
        ),
        Case(
            "s3:PutBucketEncryption",
            {"Bucket": "b", "ServerSideEncryptionConfiguration": {"Rules": UNDER_KMS}},
            {"encryption": UNDER_S3},
        ),
    ),
    "S3011": (
        Case(
            "s3:PutBucketOwnershipControls",
            {"Bucket": "b", "OwnershipControls": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}},
        ),
        Case(
            "s3:PutBucketOwnershipControls",
            {"Bucket": "b", "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}},
        ),
    ),
    "S3012": (
        Case(
            "s3:PutBucketCors",
            {"Bucket": "b", "CORSConfiguration": {"CORSRules": [{"AllowedOrigins": ["*"]}]}},
        ),
        Case(
            "s3:PutBucketCors",
            {"Bucket": "b", "CORSConfiguration": {"CORSRules": [{"AllowedOrigins": ["https://a"]}]}},
        ),
    ),
    "S3013": (
        Case(
            "s3:PutBucketLogging",
            {"Bucket": "b", "BucketLoggingStatus": {}},
            {"logging": {"TargetBucket": "l"}},
        ),
        Case("s3:PutBucketLogging", {"Bucket": "b", "BucketLoggingStatus": {}}, {"logging": None}),
    ),
    "S3014": (
        Case(
            "s3:PutBucketWebsite",
            {
                "Bucket": "b",
                "WebsiteConfiguration": {"RedirectAllRequestsTo": {"HostName": "elsewhere.example"}},
            },
        ),
        Case(
            "s3:PutBucketWebsite",
            {"Bucket": "b", "WebsiteConfiguration": {"IndexDocument": {"Suffix": "i.html"}}},
        ),
    ),
    "S3015": (
        Case("s3:PutObjectRetention", {"Bucket": "b", "Key": "k", "Retention": {"Mode": "COMPLIANCE"}}),
        Case("s3:PutObjectRetention", {"Bucket": "b", "Key": "k", "Retention": {"Mode": "GOVERNANCE"}}),
    ),
    "S3016": (
        Case("s3:PutObject", {"Bucket": "b", "Key": "k", "GrantRead": "id=other"}, ABSENT, VERSIONED),
        Case(
            "s3:PutObject", {"Bucket": "b", "Key": "k", "ACL": "bucket-owner-full-control"}, ABSENT, VERSIONED
        ),
    ),
    "S3017": (
        Case("s3:AbortMultipartUpload", {"Bucket": "b", "Key": "k", "UploadId": "u"}),
        Case("s3:DeleteObject", {"Bucket": "b", "Key": "k"}, ABSENT, PLAIN),
    ),
    "S3100": (
        Case(
            "s3:UploadPart", {"Bucket": "b", "Key": "k", "UploadId": "u", "PartNumber": 1}, ABSENT, VERSIONED
        ),
        Case("s3:PutObject", {"Bucket": "b", "Key": "k"}, ABSENT, VERSIONED),
    ),
    "SQS007": (
        Case(
            "sqs:SetQueueAttributes",
            {"QueueUrl": "http://x/1/q", "Attributes": {"SqsManagedSseEnabled": "false"}},
            QUEUE,
        ),
        Case(
            "sqs:SetQueueAttributes",
            {"QueueUrl": "http://x/1/q", "Attributes": {"KmsMasterKeyId": ""}},
            QUEUE,
        ),
    ),
    "SQS008": (
        Case(
            "sqs:SetQueueAttributes",
            {"QueueUrl": "http://x/1/q", "Attributes": {"VisibilityTimeout": "0"}},
            QUEUE,
        ),
        Case(
            "sqs:SetQueueAttributes",
            {"QueueUrl": "http://x/1/q", "Attributes": {"VisibilityTimeout": "60"}},
            QUEUE,
        ),
    ),
    "GEN015": (
        Case("redshift-serverless:UpdateWorkgroup", {"workgroupName": "w", "securityGroupIds": []}),
        Case("redshift-serverless:UpdateWorkgroup", {"workgroupName": "w", "securityGroupIds": ["sg-1"]}),
    ),
    "GEN016": (
        Case(
            "iot:UpdateThingGroupsForThing",
            {"thingName": "t", "thingGroupNames": [f"g{n}" for n in range(30)]},
        ),
        Case("iot:UpdateThingGroupsForThing", {"thingName": "t", "thingGroupNames": ["g"]}),
    ),
    "GEN017": (
        Case(
            "quicksight:UpdateDashboardPermissions",
            {"DashboardId": "d", "PermissionsToRevoke": None, "RemoveEverything": True},
        ),
        Case("quicksight:UpdateDashboardPermissions", {"DashboardId": "d"}),
    ),
    "GEN018": (
        Case("transfer:StopServer", {"ServerId": "s"}),
        Case("transfer:StartServer", {"ServerId": "s"}),
    ),
    "GEN019": (
        Case(
            "workspaces:UpdateWorkspaceImagePermission", {"ImageId": "i", "SharedAccountId": "999999999999"}
        ),
        Case(
            "workspaces:UpdateWorkspaceImagePermission", {"ImageId": "i", "SharedAccountId": "123456789012"}
        ),
    ),
    "GEN020": (
        Case("iotwireless:UpdateLogLevelsByResourceTypes", {"DefaultLogLevel": "DISABLED"}),
        Case("iotwireless:UpdateLogLevelsByResourceTypes", {"DefaultLogLevel": "ERROR"}),
    ),
    "GEN021": (
        Case("iam:UpdateGroup", {"GroupName": "g", "NewGroupName": "h"}),
        Case("iam:UpdateGroup", {"GroupName": "g"}),
    ),
    "GEN022": (
        Case(
            "grafana:UpdateWorkspaceAuthentication",
            {
                "workspaceId": "w",
                "authenticationProviders": ["SAML"],
                "samlConfiguration": {"idpMetadata": {"url": "u"}},
            },
        ),
        Case("grafana:UpdateWorkspaceAuthentication", {"workspaceId": "w"}),
    ),
    "GEN023": (
        Case(
            "mediastore:PutCorsPolicy",
            {
                "ContainerName": "c",
                "CorsPolicy": [{"AllowedOrigins": ["*"], "AllowedMethods": ["GET", "DELETE"]}],
            },
        ),
        Case(
            "mediastore:PutCorsPolicy",
            {"ContainerName": "c", "CorsPolicy": [{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]}]},
        ),
    ),
    "GEN026": (
        Case("efs:CreateFileSystem", {"CreationToken": "t", "Encrypted": False}),
        Case("efs:CreateFileSystem", {"CreationToken": "t", "Encrypted": True}),
    ),
    "GEN024": (
        Case("ses:SetIdentityNotificationTopic", {"Identity": "i", "NotificationType": "Bounce"}),
        Case(
            "ses:SetIdentityNotificationTopic",
            {"Identity": "i", "NotificationType": "Bounce", "SnsTopic": "t"},
        ),
    ),
    "GEN025": (
        Case("cloudfront:AssociateAlias", {"TargetDistributionId": "E1", "Alias": "www.example.com"}),
        Case("cloudfront:ListConflictingAliases", {"DistributionId": "E1", "Alias": "www.example.com"}),
    ),
    "GEN030": (
        Case("comprehend:UpdateEndpoint", {"EndpointArn": "e", "DesiredModelArn": "m"}),
        Case("comprehend:UpdateEndpoint", {"EndpointArn": "e"}),
    ),
    "GEN031": (
        Case("apigatewayv2:UpdateModel", {"ApiId": "a", "ModelId": "m", "Schema": "{}"}),
        Case("apigatewayv2:UpdateModel", {"ApiId": "a", "ModelId": "m", "Name": "n"}),
    ),
    "GEN032": (
        Case("bedrock-agentcore-control:UpdateApiKeyCredentialProvider", {"name": "n", "apiKey": "k"}),
        Case("bedrock-agentcore-control:UpdateApiKeyCredentialProvider", {"name": "n"}),
    ),
    "GEN033": (
        Case(
            "apigateway:UpdateRequestValidator",
            {
                "restApiId": "a",
                "requestValidatorId": "v",
                "patchOperations": [{"op": "replace", "path": "/validateRequestBody", "value": "false"}],
            },
        ),
        Case(
            "apigateway:UpdateRequestValidator",
            {
                "restApiId": "a",
                "requestValidatorId": "v",
                "patchOperations": [{"op": "replace", "path": "/validateRequestBody", "value": "true"}],
            },
        ),
    ),
}
