"""Two further requests for every rule that is a function, on which it speaks, and two on which it is silent: each of another kind than the first."""

from __future__ import annotations

import json
from typing import Any, Final

from keyturn.model.change import Effect
from keyturn.providers.aws.items import Items
from keyturn.providers.aws.rules import Authority
from tests.provider.rule_cases import (
    ABSENT,
    ALARM,
    DEAD_LETTERS,
    FUNCTION,
    GUARDED,
    KEY,
    OPEN,
    PASSES,
    PLAIN,
    PRODUCTION,
    PUT,
    QUEUE,
    READS,
    REMOVED,
    REPLACED,
    ROLE,
    ROLE_STANDS,
    SET,
    SHUT,
    STACK,
    STOOD,
    T_ARN,
    TABLE,
    TABLES,
    TRUSTS,
    TUNED,
    UNDER_KMS,
    UNDER_S3,
    VERSIONED,
    Case,
    changes,
    made,
    scheduled,
    set_to,
)

C = Case
OBJECT: Final = {"Bucket": "b", "Key": "k"}
TOPIC: Final = "arn:aws:sns:eu-west-1:123456789012:t"
QUEUE_URL: Final = "http://x/1/q"
DELETES: Final = Authority("f (by the role r)", Effect.DELETE, ("dynamodb:DeleteTable",), bounded=True)
GRANTS: Final = Authority("f (by the role r)", Effect.PERMISSION, ("iam:AttachRolePolicy",), bounded=True)


def table(**given: Any) -> Case:
    return C("dynamodb:UpdateTable", {"TableName": "t", **given}, TABLE)


def function(**given: Any) -> Case:
    return C("lambda:UpdateFunctionConfiguration", {"FunctionName": "f", **given}, FUNCTION)


def queue(standing: Any = QUEUE, **attributes: str) -> Case:
    return C("sqs:SetQueueAttributes", {"QueueUrl": QUEUE_URL, "Attributes": attributes}, standing)


def lifecycle(**rule: Any) -> Case:
    return C("s3:PutBucketLifecycleConfiguration", {"Bucket": "b", "LifecycleConfiguration": {"Rules": [{"Status": "Enabled", **rule}]}})  # fmt: skip


def stack(template: dict[str, Any] | str, live: Any = STACK) -> Case:
    body = template if isinstance(template, str) else json.dumps({"Resources": template})
    return C("cloudformation:UpdateStack", {"StackName": "s", "TemplateBody": body}, live=live)


def holding(*kinds: str) -> dict[str, Any]:
    """What ListStackResources says."""
    return {"members": {"StackResourceSummaries": [{"LogicalResourceId": f"r{n}", "ResourceType": kind} for n, kind in enumerate(kinds)]}}  # fmt: skip


def role_policy(document: str, standing: Any = ROLE_STANDS, name: str = "p") -> Case:
    return C("iam:PutRolePolicy", {"RoleName": "r", "PolicyName": name, "PolicyDocument": document}, standing)


def bucket_policy(*statements: dict[str, Any]) -> Case:
    return C("s3:PutBucketPolicy", {"Bucket": "b", "Policy": json.dumps({"Statement": list(statements)})})


def state_machine(resource: str) -> Case:
    body = {"StartAt": "a", "States": {"a": {"Type": "Task", "Resource": resource, "End": True}}}
    return C("stepfunctions:CreateStateMachine", {"name": "m", "definition": json.dumps(body), "roleArn": ROLE})  # fmt: skip


def statement(sql: str) -> Case:
    return C("rds-data:ExecuteStatement", {"sql": sql})


MORE: Final[dict[str, tuple[tuple[Case, Case], tuple[Case, Case]]]] = {
    # --- sub-languages ---------------------------------------------------------------------------------------------------
    "SQL001": ((statement("TRUNCATE orders"), C("athena:StartQueryExecution", {"QueryString": "DROP TABLE orders"})),
               (statement("SELECT * FROM orders"), C("athena:StartQueryExecution", {"QueryString": "SHOW TABLES"}))),
    "SQL002": ((statement("INSERT INTO orders VALUES (1)"), statement("UPDATE orders SET a = 1 WHERE id = 1")),
               (statement("SELECT a FROM orders"), statement("DROP TABLE orders"))),
    "SQL003": ((statement("REVOKE ALL ON orders FROM bob"), C("athena:StartQueryExecution", {"QueryString": "GRANT SELECT ON TABLE orders TO ROLE r"})),
               (statement("SELECT grantee FROM grants"), statement("CREATE TABLE users (a int)"))),
    "SQL004": ((statement("CREATE OR REPLACE VIEW v AS SELECT 1"), statement("ALTER TABLE orders RENAME TO old")),
               (statement("CREATE TABLE v (a int)"), statement("SELECT 1"))),
    "SQL005": ((statement("SELEC * FORM orders"), statement("SELECT 1; SELECT archive_orders()")),
               (statement("SELECT count(*) FROM orders"), statement("INSERT INTO orders VALUES (1)"))),
    "SQL006": ((statement("CREATE VIEW v AS SELECT 1"), C("athena:StartQueryExecution", {"QueryString": "CREATE TABLE u (a int)"})),
               (statement("CREATE OR REPLACE VIEW v AS SELECT 1"), statement("SELECT 1"))),
    # --- services by hand ------------------------------------------------------------------------------------------------
    "DDB001": ((C("dynamodb:DeleteTable", {"TableName": T_ARN}, TABLE | {"items": 0}), C("dynamodb:DeleteTable", {"TableName": "t"})),
               (C("dynamodb:CreateTable", {"TableName": "t"}, ABSENT), table(DeletionProtectionEnabled=False))),
    "DDB002": ((C("dynamodb:UpdateTable", {"TableName": "t", "DeletionProtectionEnabled": False}), table(DeletionProtectionEnabled=False, BillingMode="PAY_PER_REQUEST")),
               (table(BillingMode="PAY_PER_REQUEST"), C("dynamodb:UpdateTable", {"TableName": "t", "DeletionProtectionEnabled": False}, TABLE | {"protection": False}))),
    "DDB003": ((table(GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "i"}}]), table(ReplicaUpdates=[{"Create": {"RegionName": "r"}}, {"Delete": {"RegionName": "s"}}])),
               (table(GlobalSecondaryIndexUpdates=[{"Create": {"IndexName": "i"}}]), table(ReplicaUpdates=[{"Update": {"RegionName": "r"}}]))),
    "DDB004": ((table(StreamSpecification={"StreamEnabled": False}), table(ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 1})),
               (table(StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}), table(ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}))),
    "DDB005": ((C("dynamodb:UpdateTimeToLive", {"TableName": "t", "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "a"}}, TABLE | {"ttl": None}),
                C("dynamodb:UpdateTimeToLive", {"TableName": "t", "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "a"}})),
               (C("dynamodb:UpdateTimeToLive", {"TableName": "t", "TimeToLiveSpecification": {"Enabled": False, "AttributeName": "expires"}}, TABLE),
                C("dynamodb:DescribeTimeToLive", {"TableName": "t"}, TABLE))),
    "DDB006": ((C("dynamodb:UpdateContinuousBackups", {"TableName": "t", "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": False}}),
                C("dynamodb:UpdateContinuousBackups", {"TableName": T_ARN, "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": False, "RecoveryPeriodInDays": 35}}, TABLE)),
               (C("dynamodb:DescribeContinuousBackups", {"TableName": "t"}, TABLE),
                C("dynamodb:UpdateContinuousBackups", {"TableName": "t", "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}))),
    "DDB007": ((C("dynamodb:DeleteBackup", {"BackupArn": f"{T_ARN}/backup/01" }, {"status": "AVAILABLE"}), C("dynamodb:DeleteBackup", {"BackupArn": f"{T_ARN}/backup/02"}, ABSENT)),
               (C("dynamodb:DescribeBackup", {"BackupArn": f"{T_ARN}/backup/01"}), C("dynamodb:RestoreTableFromBackup", {"TargetTableName": "u", "BackupArn": f"{T_ARN}/backup/01"}))),
    "DDB008": ((C("dynamodb:UpdateItem", KEY, TABLE, items=Items(updates=1, unknown=1)), C("dynamodb:BatchWriteItem", {"RequestItems": {"t": [{"PutRequest": {"Item": PUT["Item"]}}]}}, TABLE, items=Items(puts=1, overwritten=1))),
               (C("dynamodb:BatchWriteItem", {"RequestItems": {"t": [{"PutRequest": {"Item": PUT["Item"]}}]}}, TABLE, items=Items(puts=1)), C("dynamodb:GetItem", KEY, TABLE))),
    "DDB009": ((C("dynamodb:DeleteItem", KEY, TABLE, items=Items(deletes=1, unknown=1)), C("dynamodb:TransactWriteItems", {"TransactItems": [{"Delete": KEY}]}, TABLE, items=Items(deletes=1, deleted=1))),
               (C("dynamodb:PutItem", PUT, TABLE, items=Items(puts=1)), C("dynamodb:TransactWriteItems", {"TransactItems": [{"ConditionCheck": KEY}]}, TABLE, items=Items()))),
    "S3001": ((C("s3:DeleteBucket", {"Bucket": "b"}, {"versioning": "Enabled"}), C("s3:DeleteBucket", {"Bucket": "b", "ExpectedBucketOwner": "123456789012"})),
              (C("s3:DeleteBucketTagging", {"Bucket": "b"}), C("s3:HeadBucket", {"Bucket": "b"}))),
    "S3002": ((C("s3:DeleteObject", OBJECT | {"VersionId": "v"}, {}, VERSIONED), C("s3:DeleteObjects", {"Bucket": "b", "Delete": {"Objects": [{"Key": "k"}, {"Key": "l"}]}}, {}, PLAIN)),
              (C("s3:DeleteObject", OBJECT, ABSENT, PLAIN), C("s3:DeleteObjectTagging", OBJECT, {}, PLAIN))),
    "S3003": ((C("s3:DeleteObjects", {"Bucket": "b", "Delete": {"Objects": [{"Key": "k"}]}}, {}, VERSIONED), C("s3:DeleteObject", OBJECT | {"MFA": "1 2"}, {}, VERSIONED)),
              (C("s3:DeleteObject", OBJECT, {}, PLAIN), C("s3:DeleteObjects", {"Bucket": "b", "Delete": {"Objects": [{"Key": "k", "VersionId": "v"}]}}, {}, VERSIONED))),
    "S3004": ((C("s3:CopyObject", OBJECT | {"CopySource": "c/k"}, {"size": 1}, PLAIN), C("s3:CompleteMultipartUpload", OBJECT | {"UploadId": "u"}, {"size": 1}, PLAIN)),
              (C("s3:PutObject", OBJECT, {"size": 1}, VERSIONED), C("s3:PutObject", OBJECT | {"IfNoneMatch": "*"}, ABSENT, PLAIN))),
    "S3005": ((C("s3:PutBucketVersioning", {"Bucket": "b", "VersioningConfiguration": {"Status": "Suspended"}}, {"versioning": "Enabled"}),
               C("s3:PutBucketVersioning", {"Bucket": "b", "VersioningConfiguration": {"Status": "Enabled", "MFADelete": "Disabled"}})),
              (C("s3:PutBucketVersioning", {"Bucket": "b", "VersioningConfiguration": {"Status": "Enabled", "MFADelete": "Enabled"}}), C("s3:GetBucketVersioning", {"Bucket": "b"}))),
    "S3006": ((lifecycle(NoncurrentVersionExpiration={"NoncurrentDays": 1}), lifecycle(Transitions=[{"Days": 1, "StorageClass": "GLACIER"}])),
              (lifecycle(AbortIncompleteMultipartUpload={"DaysAfterInitiation": 7}), C("s3:GetBucketLifecycleConfiguration", {"Bucket": "b"}))),
    "S3007": ((C("s3:PutPublicAccessBlock", {"Bucket": "b", "PublicAccessBlockConfiguration": {"BlockPublicAcls": False}}), C("s3:DeletePublicAccessBlock", {"Bucket": "b"}, {"versioning": ""})),
              (C("s3:GetPublicAccessBlock", {"Bucket": "b"}), C("s3:PutBucketTagging", {"Bucket": "b", "Tagging": {"TagSet": []}}))),
    "SQS001": ((C("sqs:PurgeQueue", {"QueueUrl": QUEUE_URL}), C("sqs:PurgeQueue", {"QueueUrl": QUEUE_URL}, QUEUE | {"messages": 0})),
               (C("sqs:ReceiveMessage", {"QueueUrl": QUEUE_URL}, QUEUE), queue(VisibilityTimeout="60"))),
    "SQS002": ((C("sqs:DeleteQueue", {"QueueUrl": QUEUE_URL}), C("sqs:DeleteQueue", {"QueueUrl": QUEUE_URL}, QUEUE | {"messages": 0})),
               (C("sqs:TagQueue", {"QueueUrl": QUEUE_URL, "Tags": {}}, QUEUE), queue(MessageRetentionPeriod="60"))),
    "SQS003": ((queue(MessageRetentionPeriod="345599"), C("sqs:SetQueueAttributes", {"QueueUrl": QUEUE_URL, "Attributes": {"MessageRetentionPeriod": "60"}})),
               (queue(MessageRetentionPeriod="345600"), queue(DelaySeconds="5"))),
    "SQS005": ((queue(DEAD_LETTERS, RedrivePolicy="", VisibilityTimeout="30"), queue({"messages": 5, "attributes": {"RedrivePolicy": "{}", "MessageRetentionPeriod": "60"}}, RedrivePolicy="")),
               (queue(DEAD_LETTERS, RedrivePolicy='{"maxReceiveCount":3}'), queue(DEAD_LETTERS, DelaySeconds="5"))),
    "SQS006": ((C("sqs:DeleteMessageBatch", {"QueueUrl": QUEUE_URL, "Entries": [{"Id": "a", "ReceiptHandle": "h"}]}, QUEUE), C("sqs:DeleteMessage", {"QueueUrl": QUEUE_URL, "ReceiptHandle": "h"})),
               (C("sqs:ChangeMessageVisibility", {"QueueUrl": QUEUE_URL, "ReceiptHandle": "h", "VisibilityTimeout": 0}, QUEUE), C("sqs:ReceiveMessage", {"QueueUrl": QUEUE_URL}, QUEUE))),
    "SQS007": ((queue({"messages": 0, "attributes": {"KmsMasterKeyId": "k"}}, KmsMasterKeyId="other"), queue({"messages": 0, "attributes": {"KmsMasterKeyId": "k"}}, KmsMasterKeyId="")),
               (queue({"messages": 0, "attributes": {"KmsMasterKeyId": "k"}}, KmsMasterKeyId="k"), queue(SqsManagedSseEnabled="true"))),
    "SQS008": ((queue(MaximumMessageSize="1024"), queue(VisibilityTimeout="0", DelaySeconds="1")),
               (queue(VisibilityTimeout="43200"), queue(DelaySeconds="5"))),
    "LAM001": ((C("lambda:DeleteFunction", {"FunctionName": "f", "Qualifier": "3"}, FUNCTION), C("lambda:DeleteFunction", {"FunctionName": "f"})),
               (C("lambda:DeleteFunctionConcurrency", {"FunctionName": "f"}, FUNCTION), function(Timeout=9))),
    "LAM002": ((C("lambda:CreateFunction", {"FunctionName": "g", "Role": ROLE, "Code": {"ImageUri": "x"}, "PackageType": "Image"}, ABSENT),
                C("lambda:CreateFunction", {"FunctionName": "f", "Role": ROLE, "Code": {"S3Bucket": "b", "S3Key": "k"}})),
               (function(Timeout=9), C("lambda:GetFunction", {"FunctionName": "f"}, FUNCTION))),
    "LAM003": ((C("lambda:UpdateFunctionCode", {"FunctionName": "f", "ImageUri": "x"}, FUNCTION), C("lambda:UpdateFunctionCode", {"FunctionName": "f", "S3Bucket": "b", "S3Key": "k", "Publish": True})),
               (function(MemorySize=512), C("lambda:PublishVersion", {"FunctionName": "f"}, FUNCTION))),
    "LAM004": ((function(Layers=["arn:aws:lambda:eu-west-1:1:layer:l:1"]), function(FileSystemConfigs=[{"Arn": "a", "LocalMountPath": "/mnt/x"}])),
               (function(Description="d"), function(MemorySize=512))),
    "LAM005": ((function(Environment={"Variables": {}}), function(Environment={"Variables": {"MODE": "b", "NEW": "n"}})),
               (function(Environment={"Variables": {"TABLE": "a", "MODE": "b", "NEW": "n"}}), function(Timeout=9))),
    "LAM006": ((C("lambda:PutFunctionConcurrency", {"FunctionName": "f", "ReservedConcurrentExecutions": 0}), C("lambda:PutFunctionConcurrency", {"FunctionName": "f:live", "ReservedConcurrentExecutions": 0}, FUNCTION)),
               (C("lambda:DeleteFunctionConcurrency", {"FunctionName": "f"}, FUNCTION), C("lambda:PutFunctionConcurrency", {"FunctionName": "f", "ReservedConcurrentExecutions": 100}))),
    "LAM007": ((C("lambda:DeleteEventSourceMapping", {"UUID": "u"}), C("lambda:UpdateEventSourceMapping", {"UUID": "u", "Enabled": False})),
               (C("lambda:UpdateEventSourceMapping", {"UUID": "u", "MaximumBatchingWindowInSeconds": 5}), C("lambda:GetEventSourceMapping", {"UUID": "u"}))),
    "SSM001": ((C("ssm:DeleteParameters", {"Names": ["/p", "/q"]}), C("ssm:DeleteParameter", {"Name": "/p"})),
               (C("ssm:LabelParameterVersion", {"Name": "/p", "Labels": ["l"]}), C("ssm:GetParameter", {"Name": "/p"}, {"value": "1"}))),
    "SSM002": ((C("ssm:GetParameters", {"Names": ["/p"], "WithDecryption": True}), C("ssm:GetParametersByPath", {"Path": "/", "WithDecryption": True})),
               (C("ssm:GetParameters", {"Names": ["/p"], "WithDecryption": False}), C("ssm:DescribeParameters", {}))),
    "SSM003": ((C("ssm:PutParameter", {"Name": "/p", "Value": "1", "Overwrite": True, "Policies": '[{"Type":"NoChangeNotification"},{"Type":"Expiration"}]'}), C("ssm:PutParameter", {"Name": "/p", "Value": "1", "Policies": '[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2030-01-01T00:00:00Z"}}]'}, {"value": "1"})),
               (C("ssm:PutParameter", {"Name": "/p", "Value": "Expiration"}), C("ssm:PutParameter", {"Name": "/p", "Value": "1", "Policies": '[{"Type":"ExpirationNotification"}]'}))),
    "SEC001": ((C("secretsmanager:DeleteSecret", {"SecretId": "s", "ForceDeleteWithoutRecovery": True}), C("secretsmanager:DeleteSecret", {"SecretId": "s", "RecoveryWindowInDays": 7})),
               (C("secretsmanager:DescribeSecret", {"SecretId": "s"}), C("secretsmanager:TagResource", {"SecretId": "s", "Tags": []}))),
    "KMS001": ((C("kms:ScheduleKeyDeletion", {"KeyId": "k", "PendingWindowInDays": 7}), C("kms:ScheduleKeyDeletion", {"KeyId": "arn:aws:kms:eu-west-1:123456789012:key/k"}, {"state": "Disabled"})),
               (C("kms:DescribeKey", {"KeyId": "k"}), C("kms:EnableKey", {"KeyId": "k"}))),
    "CW001": ((C("cloudwatch:DeleteAlarms", {"AlarmNames": ["a", "b"]}, ALARM), C("cloudwatch:DeleteAlarms", {"AlarmNames": ["a"]})),
              (C("cloudwatch:DescribeAlarms", {"AlarmNames": ["a"]}), C("cloudwatch:DeleteDashboards", {"DashboardNames": ["d"]}))),
    "CW002": ((C("cloudwatch:DisableAlarmActions", {"AlarmNames": ["a", "b"]}), C("cloudwatch:DisableAlarmActions", {"AlarmNames": ["a"]}, ALARM | {"alarm_actions": []})),
              (C("cloudwatch:DescribeAlarms", {}), C("cloudwatch:PutMetricAlarm", {"AlarmName": "a", "ActionsEnabled": True, "AlarmActions": ALARM["alarm_actions"]}, ALARM))),
    "CW003": ((C("cloudwatch:PutMetricAlarm", {"AlarmName": "a"}, ALARM), C("cloudwatch:PutCompositeAlarm", {"AlarmName": "a", "AlarmRule": "TRUE", "ActionsEnabled": False}, ALARM)),
              (C("cloudwatch:PutMetricAlarm", {"AlarmName": "a"}, ABSENT), C("cloudwatch:PutMetricAlarm", {"AlarmName": "a", "AlarmActions": [*ALARM["alarm_actions"], "arn:aws:sns:eu-west-1:1:more"]}, ALARM))),
    "CW004": ((C("cloudwatch:PutMetricAlarm", {"AlarmName": "a", "OKActions": ["arn:aws:lambda:r:1:function:f"]}, ABSENT), C("cloudwatch:PutCompositeAlarm", {"AlarmName": "a", "AlarmRule": "TRUE", "AlarmActions": ["arn:aws:automate:r:ec2:stop"]}, ABSENT)),
              (C("cloudwatch:PutMetricAlarm", {"AlarmName": "a"}, ABSENT), C("cloudwatch:PutCompositeAlarm", {"AlarmName": "a", "AlarmRule": "TRUE", "OKActions": ["arn:aws:sns:r:1:t"]}, ABSENT))),
    "CW005": ((C("cloudwatch:SetAlarmState", {"AlarmName": "a", "StateValue": "OK", "StateReason": "r"}), C("cloudwatch:SetAlarmState", {"AlarmName": "a", "StateValue": "INSUFFICIENT_DATA", "StateReason": "r"}, ALARM)),
              (C("cloudwatch:DescribeAlarmHistory", {"AlarmName": "a"}), C("cloudwatch:PutMetricData", {"Namespace": "n", "MetricData": []}))),
    # --- identities ------------------------------------------------------------------------------------------------------
    "IAM001": ((C("iam:DeleteUser", {"UserName": "u"}), C("iam:DeletePolicy", {"PolicyArn": "arn:aws:iam::123456789012:policy/p"}, {})),
               (C("iam:TagRole", {"RoleName": "r", "Tags": []}), C("iam:GetRole", {"RoleName": "r"}))),
    "IAM002": ((C("iam:AddUserToGroup", {"UserName": "u", "GroupName": "g"}), C("iam:SetDefaultPolicyVersion", {"PolicyArn": "arn:aws:iam::123456789012:policy/p", "VersionId": "v2"})),
               (C("iam:RemoveUserFromGroup", {"UserName": "u", "GroupName": "g"}), C("iam:ListAttachedRolePolicies", {"RoleName": "r"}))),
    "IAM003": ((C("iam:DeleteRolePolicy", {"RoleName": "r", "PolicyName": "p"}), C("iam:RemoveUserFromGroup", {"UserName": "u", "GroupName": "g"})),
               (C("iam:GetRolePolicy", {"RoleName": "r", "PolicyName": "p"}), C("iam:AddUserToGroup", {"UserName": "u", "GroupName": "g"}))),
    "IAM005": ((C("iam:CreateAccessKey", {"UserName": "u"}), C("iam:CreateSAMLProvider", {"Name": "n", "SAMLMetadataDocument": "<x/>"})),
               (C("iam:DeleteAccessKey", {"UserName": "u", "AccessKeyId": "AKIA"}), C("iam:ListAccessKeys", {"UserName": "u"}))),
    "IAM006": ((C("iam:DeleteUserPermissionsBoundary", {"UserName": "u"}), C("iam:PutRolePermissionsBoundary", {"RoleName": "r", "PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"})),
               (C("iam:TagUser", {"UserName": "u", "Tags": []}), C("iam:GetUser", {"UserName": "u"}))),
    "IAM007": ((C("iam:DeleteAccountPasswordPolicy", {}), C("iam:DeleteVirtualMFADevice", {"SerialNumber": "s"})),
               (C("iam:ListMFADevices", {"UserName": "u"}), C("iam:EnableMFADevice", {"UserName": "u", "SerialNumber": "s", "AuthenticationCode1": "1", "AuthenticationCode2": "2"}))),
    "IAM008": ((C("iam:DeleteAccessKey", {"UserName": "u", "AccessKeyId": "AKIA"}), C("iam:UpdateAccessKey", {"UserName": "u", "AccessKeyId": "AKIA", "Status": "Active"})),
               (C("iam:GetAccessKeyLastUsed", {"AccessKeyId": "AKIA"}), C("iam:TagUser", {"UserName": "u", "Tags": []}))),
    # --- shapes ----------------------------------------------------------------------------------------------------------
    "GEN001": ((C("network-firewall:UpdateFirewallDeleteProtection", {"FirewallName": "f", "DeleteProtection": False}), C("qldb:UpdateLedger", {"Name": "l", "DeletionProtection": False})),
               (C("qldb:UpdateLedger", {"Name": "l", "DeletionProtection": True}), C("verifiedpermissions:UpdatePolicyStore", {"policyStoreId": "p", "description": "d"}))),
    "GEN002": ((C("neptune-graph:DeleteGraph", {"graphIdentifier": "arn:g", "skipSnapshot": True}), C("docdb-elastic:DeleteCluster", {"clusterArn": "a", "skipFinalSnapshot": True})),
               (C("docdb-elastic:DeleteClusterSnapshot", {"snapshotArn": "a"}), C("neptune-graph:GetGraph", {"graphIdentifier": "g"}))),
    "GEN003": ((C("codeartifact:DeletePackageVersions", {"domain": "d", "repository": "r", "format": "npm", "package": "p", "versions": ["1"], "force": True}), C("batch:TerminateServiceJob", {"jobId": "j", "reason": "r", "force": True})),
               (C("appconfig:DeleteEnvironment", {"ApplicationId": "a", "EnvironmentId": "e"}), C("servicecatalog:DescribeProvisionedProduct", {"Name": "p"}))),
    "GEN004": ((C("sagemaker:CreateModel", {"ModelName": "m", "ExecutionRoleArn": ROLE}), C("glue:CreateCrawler", {"Name": "c", "Role": ROLE, "Targets": {}})),
               (C("sagemaker:CreateEndpoint", {"EndpointName": "e", "EndpointConfigName": "c"}), C("glue:StopCrawler", {"Name": "c"}))),
    "GEN005": ((C("glue:CreateJob", {"Name": "j", "Role": ROLE, "Command": {"Name": "glueetl", "ScriptLocation": "s3://b/k"}}), C("cloudfront:CreateFunction", {"Name": "n", "FunctionConfig": {"Comment": "c", "Runtime": "cloudfront-js-2.0"}, "FunctionCode": b"x"})),
               (C("glue:GetJob", {"JobName": "j"}), C("synthetics:StopCanary", {"Name": "c"}))),
    "GEN006": ((C("lightsail:ImportKeyPair", {"keyPairName": "k", "publicKeyBase64": "x"}), C("transfer:ImportSshPublicKey", {"ServerId": "s", "UserName": "u", "SshPublicKeyBody": "ssh-rsa"})),
               (C("lightsail:GetKeyPair", {"keyPairName": "k"}), C("ec2:DescribeKeyPairs", {}))),
    "GEN007": ((C("vpc-lattice:PutAuthPolicy", {"resourceIdentifier": "r", "policy": "{}"}), C("codebuild:PutResourcePolicy", {"resourceArn": "a", "policy": "{}"})),
               (C("kinesis:GetResourcePolicy", {"ResourceARN": "arn:aws:kinesis:eu-west-1:1:stream/s"}), C("kinesis:IncreaseStreamRetentionPeriod", {"StreamName": "s", "RetentionPeriodHours": 48}))),
    "GEN008": ((C("timestream-write:UpdateTable", {"DatabaseName": "d", "TableName": "t", "RetentionProperties": {"MemoryStoreRetentionPeriodInHours": 1}}), C("kinesisvideo:UpdateDataRetention", {"StreamName": "s", "CurrentVersion": "v", "Operation": "DECREASE_DATA_RETENTION", "DataRetentionChangeInHours": 24})),
               (C("cloudtrail:UpdateEventDataStore", {"EventDataStore": "e", "Name": "n"}), C("timestream-write:DescribeTable", {"DatabaseName": "d", "TableName": "t"}))),
    "GEN009": ((C("appstream:UpdateFleet", {"Name": "f", "ComputeCapacity": {"DesiredInstances": 0}, "Description": "d"}), C("finspace:UpdateKxCluster", {"desiredCapacity": 0})),
               (C("gamelift:UpdateFleetCapacity", {"FleetId": "f", "DesiredInstances": 2}), C("appstream:DescribeFleets", {}))),
    "GEN010": ((C("lambda:Invoke", {"FunctionName": "f"}), C("ecs:ExecuteCommand", {"cluster": "c", "task": "t", "command": "sh", "interactive": True})),
               (C("lambda:GetFunction", {"FunctionName": "f"}), C("ecs:DescribeTasks", {"cluster": "c", "tasks": ["t"]}))),
    "GEN011": ((C("ivs:BatchGetStreamKey", {"arns": ["a"]}), C("ivs:GetStreamKey", {"arn": "arn:aws:ivs:eu-west-1:1:stream-key/other"})),
               (C("ivs:ListStreamKeys", {"channelArn": "a"}), C("ec2:DescribeInstances", {}))),
    "GEN012": ((C("workspaces:TerminateWorkspaces", {"TerminateWorkspaceRequests": [{"WorkspaceId": "ws-1"}]}), C("kinesisvideo:DeleteStream", {"StreamARN": "a"})),
               (C("workspaces:DescribeWorkspaces", {}), C("kinesisvideo:TagStream", {"StreamName": "s", "Tags": {}}))),
    "GEN013": ((C("guardduty:DeleteDetector", {"DetectorId": "d"}), C("config:StopConfigurationRecorder", {"ConfigurationRecorderName": "c"})),
               (C("guardduty:GetDetector", {"DetectorId": "d"}), C("config:StartConfigurationRecorder", {"ConfigurationRecorderName": "c"}))),
    "GEN014": ((C("dynamodb:UntagResource", {"ResourceArn": T_ARN, "TagKeys": ["env"]}, PRODUCTION), C("dynamodb:TagResource", {"ResourceArn": T_ARN, "Tags": [{"Key": "env", "Value": "test"}, {"Key": "owner", "Value": "me"}]}, PRODUCTION)),
               (C("dynamodb:UntagResource", {"ResourceArn": T_ARN, "TagKeys": ["owner"]}, PRODUCTION), C("dynamodb:ListTagsOfResource", {"ResourceArn": T_ARN}, PRODUCTION))),
    "GEN015": ((C("ds:UpdateConditionalForwarder", {"DirectoryId": "d", "RemoteDomainName": "n", "DnsIpAddrs": []}), C("globalaccelerator:UpdateEndpointGroup", {"EndpointGroupArn": "a", "EndpointConfigurations": []})),
               (C("redshift-serverless:UpdateWorkgroup", {"workgroupName": "w", "baseCapacity": 32}), C("globalaccelerator:DescribeEndpointGroup", {"EndpointGroupArn": "a"}))),
    "GEN016": ((C("iot:UpdateThingGroupsForThing", {"thingName": "t", "thingGroupNames": [f"g{n}" for n in range(40)]}), C("devops-guru:UpdateResourceCollection", {"Action": "ADD", "ResourceCollection": {"CloudFormation": {"StackNames": [f"s{n}" for n in range(30)]}}})),
               (C("iot:UpdateThingGroupsForThing", {"thingName": "t", "thingGroupNames": ["g", "h"]}), C("workspaces:RebootWorkspaces", {"RebootWorkspaceRequests": [{"WorkspaceId": "ws-1"}]}))),
    "GEN017": ((C("chime-sdk-identity:UpdateAppInstance", {"ClearEverything": True}), C("apprunner:UpdateService", {"ServiceArn": "a", "RemoveEverything": True})),
               (C("lakeformation:UpdateLFTag", {"TagKey": "k", "TagValuesToAdd": ["v"]}), C("quicksight:DescribeDashboardPermissions", {"DashboardId": "d"}))),
    "GEN018": ((C("mq:RebootBroker", {"BrokerId": "b"}), C("iot:DetachThingPrincipal", {"thingName": "t", "principal": "p"})),
               (C("mq:DescribeBroker", {"BrokerId": "b"}), C("iot:AttachThingPrincipal", {"thingName": "t", "principal": "p"}))),
    "GEN019": ((C("license-manager:CreateGrant", {"GrantName": "g", "Principals": ["arn:aws:iam::999999999999:root"]}), C("managedblockchain:CreateProposal", {"NetworkId": "n", "MemberId": "m", "Actions": {"Invitations": [{"Principal": "999999999999"}]}})),
               (C("ram:CreateResourceShare", {"name": "n", "principals": ["123456789012"]}), C("macie2:GetMember", {"id": "999999999999"}))),
    "GEN020": ((C("iotwireless:UpdateLogLevelsByResourceTypes", {"WirelessDeviceLogOptions": [{"Type": "Sidewalk", "LogLevel": "DISABLED"}]}), C("iot:SetV2LoggingLevel", {"logTarget": {"targetType": "DEFAULT"}, "logLevel": "DISABLED"})),
               (C("iot:SetV2LoggingLevel", {"logTarget": {"targetType": "DEFAULT"}, "logLevel": "WARN"}), C("iotwireless:GetLogLevelsByResourceTypes", {}))),
    "GEN021": ((C("iam:UpdateUser", {"UserName": "u", "NewUserName": "v"}), C("quicksight:UpdateFolder", {"FolderId": "f", "Name": "n", "AwsAccountId": "1", "NewName": "m"})),
               (C("iam:UpdateUser", {"UserName": "u"}), C("iam:GetGroup", {"GroupName": "g"}))),
    "GEN022": ((C("grafana:UpdateWorkspaceAuthentication", {"workspaceId": "w", "authenticationProviders": ["SAML"], "samlConfiguration": {"idpMetadata": {"xml": "<x/>"}}}), C("eks:AssociateIdentityProviderConfig", {"clusterName": "c", "oidc": {"identityProviderConfigName": "n", "issuerUrl": "https://x", "clientId": "c"}})),
               (C("eks:DescribeIdentityProviderConfig", {"clusterName": "c", "identityProviderConfig": {"type": "oidc", "name": "n"}}), C("grafana:DescribeWorkspaceAuthentication", {"workspaceId": "w"}))),
    "GEN023": ((C("mediastore:PutCorsPolicy", {"ContainerName": "c", "CorsPolicy": [{"AllowedOrigins": ["https://a"]}, {"AllowedOrigins": ["*"], "AllowedMethods": ["PUT"]}]}), C("apigatewayv2:CreateApi", {"Name": "n", "ProtocolType": "HTTP", "CorsConfiguration": {"AllowOrigins": ["*"], "AllowMethods": ["*"]}})),
               (C("mediastore:PutCorsPolicy", {"ContainerName": "c", "CorsPolicy": [{"AllowedOrigins": ["https://a"], "AllowedMethods": ["PUT"]}]}), C("mediastore:GetCorsPolicy", {"ContainerName": "c"}))),
    "GEN024": ((C("ses:SetIdentityMailFromDomain", {"Identity": "i"}), C("ses:SetIdentityNotificationTopic", {"Identity": "i", "NotificationType": "Complaint"})),
               (C("ses:SetIdentityMailFromDomain", {"Identity": "i", "MailFromDomain": "m"}), C("ses:GetIdentityNotificationAttributes", {"Identities": ["i"]}))),
    "GEN026": ((C("rds:CreateDBCluster", {"DBClusterIdentifier": "c", "StorageEncrypted": False}), C("elasticache:CreateReplicationGroup", {"TransitEncryptionEnabled": False})),
               (C("efs:CreateFileSystem", {"CreationToken": "t"}), C("elasticache:CreateReplicationGroup", {"TransitEncryptionEnabled": True}))),
    "GEN025": ((C("arc-zonal-shift:StartZonalShift", {"resourceIdentifier": "r", "awayFrom": "a", "expiresIn": "1h", "comment": "c"}), C("elasticbeanstalk:SwapEnvironmentCNAMEs", {"SourceEnvironmentName": "a", "DestinationEnvironmentName": "b"})),
               (C("arc-zonal-shift:ListZonalShifts", {}), C("elasticbeanstalk:DescribeEnvironments", {}))),
    "OUT001": ((C("ecr:GetAuthorizationToken", {}), C("kms:GenerateDataKey", {"KeyId": "k"})),
               (C("ecr:DescribeRepositories", {}), C("kms:DescribeKey", {"KeyId": "k"}))),
    "OUT002": ((C("sts:GetSessionToken", {}), C("cognito-identity:GetCredentialsForIdentity", {"IdentityId": "i"})),
               (C("sts:GetCallerIdentity", {}), C("cognito-identity:DescribeIdentity", {"IdentityId": "i"}))),
    "SUP001": ((C("rolesanywhere:CreateTrustAnchor", {"name": "n", "enabled": True, "source": {"sourceType": "CERTIFICATE_BUNDLE"}}), C("eks:CreateAccessEntry", {"clusterName": "c", "principalArn": "arn:aws:iam::999999999999:role/r"})),
               (C("rolesanywhere:GetTrustAnchor", {"trustAnchorId": "t"}), C("eks:DeleteAccessEntry", {"clusterName": "c", "principalArn": "p"}))),
    "SUP002": ((C("redshift:ModifyCluster", {"ClusterIdentifier": "c", "MasterUserPassword": "p"}), C("cognito-idp:AdminSetUserPassword", {"UserPoolId": "p", "Username": "u", "Password": "p", "Permanent": True})),
               (C("redshift:ModifyCluster", {"ClusterIdentifier": "c", "NumberOfNodes": 3}), C("cognito-idp:AdminGetUser", {"UserPoolId": "p", "Username": "u"}))),
    "TRG001": ((C("s3:PutObject", OBJECT, ABSENT, VERSIONED, authority=DELETES), C("sqs:SendMessage", {"QueueUrl": QUEUE_URL, "MessageBody": "m"}, QUEUE, authority=GRANTS)),
               (C("s3:PutObject", OBJECT, ABSENT, VERSIONED), C("sqs:SendMessage", {"QueueUrl": QUEUE_URL, "MessageBody": "m"}, QUEUE))),
    "EXP001": ((C("redshift:ModifyCluster", {"ClusterIdentifier": "c", "PubliclyAccessible": True}), C("ec2:AuthorizeSecurityGroupIngress", {"GroupId": "sg-12345678", "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]})),
               (C("redshift:ModifyCluster", {"ClusterIdentifier": "c", "PubliclyAccessible": False}), C("ec2:AuthorizeSecurityGroupIngress", {"GroupId": "sg-12345678", "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]}))),
    # --- parts of a call -------------------------------------------------------------------------------------------------
    "PRT001": ((scheduled("dynamodb:deleteTable", TableName="t"), state_machine("arn:aws:states:::aws-sdk:s3:deleteBucket")),
               (scheduled("dynamodb:describeTable", TableName="t"), state_machine("arn:aws:states:::aws-sdk:s3:listBuckets"))),
    "PRT002": ((set_to("AWS::EKS::Nodegroup", {"Version": "1.30"}, {"Version": "1.32"}), scheduled("elasticbeanstalk:rebuildEnvironment", EnvironmentName="e")),
               (scheduled("elasticbeanstalk:describeEnvironments"), made("AWS::EKS::Nodegroup", Version="1.31"))),
    "PRT003": ((scheduled("ecs:updateService", Service="s", DesiredCount=0), set_to("AWS::AutoScaling::AutoScalingGroup", {"MaxSize": "3"}, {"MaxSize": "0"})),
               (scheduled("ecs:describeServices", Services=["s"]), set_to("AWS::AutoScaling::AutoScalingGroup", {"MaxSize": "3"}, {"MaxSize": "4"}))),
    "PRT004": ((scheduled("rds:modifyDBInstance", DbInstanceIdentifier="d", DeletionProtection=False), set_to("AWS::RDS::DBInstance", {"DeletionProtection": True}, {"DeletionProtection": False})),
               (scheduled("rds:describeDBInstances"), set_to("AWS::RDS::DBInstance", {"DeletionProtection": True}, {"DeletionProtection": True}))),
    "PRT005": ((scheduled("dynamodb:updateContinuousBackups", TableName="t", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}), set_to("AWS::RDS::DBInstance", {"BackupRetentionPeriod": 7}, {"BackupRetentionPeriod": 0})),
               (scheduled("rds:describeDBSnapshots"), set_to("AWS::RDS::DBInstance", {"BackupRetentionPeriod": 7}, {"BackupRetentionPeriod": 14}))),
    "PRT006": ((made("AWS::IAM::Role", AssumeRolePolicyDocument=json.loads(TRUSTS), ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"]), made("AWS::Lambda::Function", Role=ROLE, Code={"ZipFile": "x"})),
               (made("AWS::SQS::Queue", QueueName="q"), scheduled("sqs:sendMessage", QueueUrl=QUEUE_URL, MessageBody="m"))),
    "PRT007": ((made("AWS::RDS::DBInstance", PubliclyAccessible=True, Engine="postgres"), scheduled("ec2:authorizeSecurityGroupIngress", GroupId="sg-12345678", IpPermissions=[{"IpProtocol": "tcp", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])),
               (made("AWS::RDS::DBInstance", PubliclyAccessible=False, Engine="postgres"), scheduled("ec2:describeSecurityGroups"))),
    "PRT008": ((scheduled("cloudtrail:stopLogging", Name="t"), scheduled("cloudwatch:disableAlarmActions", AlarmNames=["a"])),
               (scheduled("cloudtrail:startLogging", Name="t"), scheduled("cloudwatch:describeAlarms"))),
    "PRT009": ((scheduled("ssm:getParameter", Name="/p", WithDecryption=True), state_machine("arn:aws:states:::aws-sdk:secretsmanager:getSecretValue")),
               (scheduled("ssm:describeParameters"), state_machine("arn:aws:states:::aws-sdk:secretsmanager:listSecrets"))),
    "PRT010": ((scheduled("rds-data:executeStatement", Sql="INSERT INTO t VALUES (1)"), state_machine("arn:aws:states:::aws-sdk:s3:completeMultipartUpload")),
               (state_machine("arn:aws:states:::aws-sdk:s3:headObject"), scheduled("s3:listObjectsV2", Bucket="b"))),
    "PRT011": ((made("AWS::CloudFormation::CustomResource", ServiceToken="t"), scheduled("lambda:invoke", FunctionName="f")),
               (made("AWS::SNS::Topic"), scheduled("lambda:getFunction", FunctionName="f"))),
    "RUN001": ((state_machine("arn:aws:states:::aws-sdk:dynamodb:deleteTable"), scheduled("iam:attachRolePolicy", RoleName="r", PolicyArn="p")),
               (state_machine("arn:aws:states:::aws-sdk:dynamodb:describeTable"), scheduled("ec2:describeInstances"))),
    # --- stacks ----------------------------------------------------------------------------------------------------------
    "CFN002": ((C("cloudformation:ExecuteChangeSet", SET, live=changes(REPLACED | {"Replacement": "Conditional"})), C("cloudformation:ExecuteChangeSet", SET, live=changes(TUNED, REPLACED))),
               (C("cloudformation:ExecuteChangeSet", SET, live=changes(REMOVED)), C("cloudformation:ExecuteChangeSet", SET, live=changes({"Action": "Add", "LogicalResourceId": "n", "ResourceType": "AWS::SQS::Queue"})))),
    "CFN003": ((C("cloudformation:ExecuteChangeSet", SET, live=changes(REMOVED | {"Action": "Dynamic"})), C("cloudformation:ExecuteChangeSet", SET, live=changes(TUNED, REMOVED))),
               (C("cloudformation:ExecuteChangeSet", SET, live=changes(REPLACED)), C("cloudformation:ExecuteChangeSet", SET, live=changes({"Action": "Import", "LogicalResourceId": "n", "ResourceType": "AWS::SQS::Queue"})))),
    "CFN012": ((stack({"t": TABLES["t"] | {"Properties": {"TableName": "orders3", "BillingMode": "PAY_PER_REQUEST"}}, "q": TABLES["q"]}), stack({"t": TABLES["t"] | {"Type": "AWS::DynamoDB::GlobalTable"}, "q": TABLES["q"]})),
               (stack({"t": TABLES["t"], "q": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 9}}}), stack({**TABLES, "more": {"Type": "AWS::SQS::Queue"}}))),
    "CFN013": ((stack({"q": TABLES["q"]}, {"": STACK[""], "template": STOOD.replace('"Retain"', '"Delete"')}), stack({"t": TABLES["t"], "other": TABLES["q"]})),
               (stack({**TABLES, "more": {"Type": "AWS::SQS::Queue"}}), stack({"t": TABLES["t"], "q": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 9}}}))),
    "CFN014": ((stack({"t": {name: value for name, value in TABLES["t"].items() if name != "DeletionPolicy"}, "q": TABLES["q"]}), stack(STOOD.replace('"Retain"', '"Delete"'), {"": STACK[""], "template": STOOD.replace('"Retain"', '"Snapshot"')})),
               (stack(STOOD), stack(STOOD, {"": STACK[""], "template": STOOD.replace('"Retain"', '"Delete"')}))),
    "CFN015": ((C("cloudformation:DeleteStack", {"StackName": "s"}, live=holding("AWS::SQS::Queue", "AWS::RDS::DBInstance")), C("cloudformation:DeleteStack", {"StackName": "s", "DeletionMode": "FORCE_DELETE_STACK"}, live=holding("AWS::S3::Bucket"))),
               (C("cloudformation:ListStackResources", {"StackName": "s"}), C("cloudformation:DescribeStacks", {"StackName": "s"}))),
    "CFN016": ((C("cloudformation:CreateStack", {"StackName": "s", "TemplateURL": "https://b/t"}), C("cloudformation:CreateStack", {"StackName": "s", "TemplateBody": json.dumps({"Transform": ["Ours"], "Resources": {}})})),
               (C("cloudformation:CreateStack", {"StackName": "s", "TemplateBody": STOOD}), C("cloudformation:DescribeStacks", {"StackName": "s"}))),
    "CFN018": ((C("cloudformation:CreateChangeSet", {**SET, "TemplateBody": json.dumps({"Transform": ["AWS::Serverless-2016-10-31", "Ours"], "Resources": TABLES})}, live=STACK), C("cloudformation:CreateChangeSet", {**SET, "TemplateBody": json.dumps({"Transform": "Ours", "Resources": TABLES})}, live=STACK)),
               (C("cloudformation:CreateChangeSet", {**SET, "TemplateBody": STOOD}, live=STACK), C("cloudformation:DescribeChangeSet", SET))),
    "CFN019": ((C("cloudformation:CreateChangeSet", {**SET, "TemplateBody": json.dumps({"Resources": {"t": TABLES["t"]}})}, live=STACK), C("cloudformation:CreateChangeSet", {**SET, "TemplateBody": STOOD.replace('"Retain"', '"Delete"')}, live=STACK)),
               (C("cloudformation:DescribeChangeSet", SET), C("cloudformation:DeleteChangeSet", SET))),
    "CCA003": ((C("cloudcontrol:DeleteResource", {"TypeName": "AWS::RDS::DBInstance", "Identifier": "d"}, {}), C("cloudcontrol:DeleteResource", {"TypeName": "AWS::SQS::Queue", "Identifier": QUEUE_URL})),
               (C("cloudcontrol:GetResource", {"TypeName": "AWS::RDS::DBInstance", "Identifier": "d"}), C("cloudcontrol:ListResources", {"TypeName": "AWS::RDS::DBInstance"}))),
    "CCA004": ((C("cloudcontrol:UpdateResource", {"TypeName": "AWS::DynamoDB::Table", "Identifier": "t", "PatchDocument": "no json"}), C("cloudcontrol:UpdateResource", {"TypeName": "AWS::DynamoDB::Table", "Identifier": "t", "PatchDocument": '[{"op":"replace","path":"/TableName","value":"u"}]'})),
               (C("cloudcontrol:UpdateResource", {"TypeName": "AWS::SQS::Queue", "Identifier": "q", "PatchDocument": '[{"op":"add","path":"/VisibilityTimeout","value":60}]'}), C("cloudcontrol:GetResource", {"TypeName": "AWS::DynamoDB::Table", "Identifier": "t"}))),
    "CCA005": ((C("cloudcontrol:CreateResource", {"TypeName": "AWS::Lambda::Function", "DesiredState": json.dumps({"Role": ROLE, "Code": {"ZipFile": "x"}})}), C("cloudcontrol:UpdateResource", {"TypeName": "AWS::SQS::QueuePolicy", "Identifier": "q", "PatchDocument": '[{"op":"replace","path":"/PolicyDocument","value":{}}]'})),
               (C("cloudcontrol:CreateResource", {"TypeName": "AWS::DynamoDB::Table", "DesiredState": '{"BillingMode":"PAY_PER_REQUEST"}'}), C("cloudcontrol:UpdateResource", {"TypeName": "AWS::SQS::Queue", "Identifier": "q", "PatchDocument": '[{"op":"add","path":"/VisibilityTimeout","value":60}]'}))),
    # --- policies --------------------------------------------------------------------------------------------------------
    "POL001": ((role_policy('{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'), C("iam:CreatePolicy", {"PolicyName": "p", "PolicyDocument": PASSES}, ABSENT)),
               (role_policy('{"Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}'), role_policy(READS.replace("Allow", "Deny")))),
    "POL002": ((bucket_policy({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999999999999:root"}, "Action": "s3:*", "Resource": "*"}), bucket_policy({"Effect": "Allow", "NotPrincipal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "s3:*", "Resource": "*"})),
               (bucket_policy({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "s3:*", "Resource": "*"}), bucket_policy({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}))),
    "POL003": ((role_policy('{"Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}'), role_policy(READS.replace('"Allow"', '"Deny"'))),
               (role_policy(READS), role_policy('{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'))),
    "POL004": ((role_policy("no json"), C("sqs:SetQueueAttributes", {"QueueUrl": QUEUE_URL, "Attributes": {"Policy": '{"Statement":5}'}}, QUEUE)),
               (role_policy(READS), bucket_policy({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}))),
    "POL005": ((queue(GUARDED, Policy=TRUSTS), queue(GUARDED, Policy="")),
               (queue(GUARDED, Policy=str(GUARDED["attributes"]["Policy"])), queue(GUARDED, VisibilityTimeout="60"))),
    "POL006": ((C("sqs:SetQueueAttributes", {"QueueUrl": QUEUE_URL, "Attributes": {"Policy": SHUT.replace("s3:*", "sqs:*")}}, QUEUE), bucket_policy({"Effect": "Deny", "NotPrincipal": {"AWS": "arn:aws:iam::123456789012:role/r"}, "Action": "s3:*", "Resource": "*"})),
               (C("s3:PutBucketPolicy", {"Bucket": "b", "Policy": OPEN}), bucket_policy({"Effect": "Deny", "Principal": {"AWS": "arn:aws:iam::123456789012:role/other"}, "Action": "s3:DeleteObject", "Resource": "*"}))),
    # --- buckets ---------------------------------------------------------------------------------------------------------
    "S3008": ((C("s3:PutBucketNotificationConfiguration", {"Bucket": "b", "NotificationConfiguration": {"LambdaFunctionConfigurations": [{"LambdaFunctionArn": "a", "Events": ["s3:ObjectCreated:*"]}]}}), C("s3:PutBucketNotificationConfiguration", {"Bucket": "b", "NotificationConfiguration": {"EventBridgeConfiguration": {}}})),
              (C("s3:PutBucketTagging", {"Bucket": "b", "Tagging": {"TagSet": []}}), C("s3:PutBucketRequestPayment", {"Bucket": "b", "RequestPaymentConfiguration": {"Payer": "Requester"}}))),
    "S3009": ((C("s3:PutObjectLegalHold", OBJECT | {"LegalHold": {"Status": "OFF"}}, {}, VERSIONED), C("s3:PutObjectRetention", OBJECT | {"BypassGovernanceRetention": True, "Retention": {}}, {}, VERSIONED)),
              (C("s3:PutObjectLegalHold", OBJECT | {"LegalHold": {"Status": "ON"}}, {}, VERSIONED), C("s3:DeleteObject", OBJECT | {"BypassGovernanceRetention": False}, {}, VERSIONED))),
    "S3010": ((C("s3:PutBucketEncryption", {"Bucket": "b", "ServerSideEncryptionConfiguration": {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "other"}}]}}, {"encryption": UNDER_KMS}), C("s3:PutBucketEncryption", {"Bucket": "b", "ServerSideEncryptionConfiguration": {"Rules": []}}, {"encryption": UNDER_KMS})),
              (C("s3:PutBucketEncryption", {"Bucket": "b", "ServerSideEncryptionConfiguration": {"Rules": UNDER_KMS}}, {"encryption": UNDER_KMS}), C("s3:PutBucketEncryption", {"Bucket": "b", "ServerSideEncryptionConfiguration": {"Rules": UNDER_S3}}, {"encryption": UNDER_S3}))),
    "S3011": ((C("s3:PutBucketOwnershipControls", {"Bucket": "b", "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}}), C("s3:PutBucketOwnershipControls", {"Bucket": "b", "OwnershipControls": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}}, {"versioning": ""})),
              (C("s3:GetBucketOwnershipControls", {"Bucket": "b"}), C("s3:PutBucketOwnershipControls", {"Bucket": "b", "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}}, {"versioning": ""}))),
    "S3012": ((C("s3:PutBucketCors", {"Bucket": "b", "CORSConfiguration": {"CORSRules": [{"AllowedOrigins": ["https://a"]}, {"AllowedOrigins": ["*"]}]}}), C("s3:PutBucketCors", {"Bucket": "b", "CORSConfiguration": {"CORSRules": [{"AllowedOrigins": ["*"], "AllowedMethods": ["PUT"]}]}})),
              (C("s3:PutBucketCors", {"Bucket": "b", "CORSConfiguration": {"CORSRules": []}}), C("s3:GetBucketCors", {"Bucket": "b"}))),
    "S3013": ((C("s3:PutBucketLogging", {"Bucket": "b", "BucketLoggingStatus": {"LoggingEnabled": {"TargetBucket": "other", "TargetPrefix": ""}}}, {"logging": {"TargetBucket": "l"}}), C("s3:PutBucketLogging", {"Bucket": "b", "BucketLoggingStatus": {}})),
              (C("s3:PutBucketLogging", {"Bucket": "b", "BucketLoggingStatus": {"LoggingEnabled": {"TargetBucket": "l", "TargetPrefix": ""}}}, {"logging": {"TargetBucket": "l"}}), C("s3:GetBucketLogging", {"Bucket": "b"}))),
    "S3014": ((C("s3:PutBucketWebsite", {"Bucket": "b", "WebsiteConfiguration": {"IndexDocument": {"Suffix": "i.html"}, "RoutingRules": [{"Redirect": {"HostName": "elsewhere.example"}}]}}), C("s3:PutBucketWebsite", {"Bucket": "b", "WebsiteConfiguration": {"RedirectAllRequestsTo": {"HostName": "elsewhere.example", "Protocol": "https"}}}, {"versioning": ""})),
              (C("s3:PutBucketWebsite", {"Bucket": "b", "WebsiteConfiguration": {"IndexDocument": {"Suffix": "i.html"}, "RoutingRules": [{"Redirect": {"ReplaceKeyWith": "k"}}]}}), C("s3:GetBucketWebsite", {"Bucket": "b"}))),
    "S3015": ((C("s3:PutObject", OBJECT | {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": "2030-01-01"}, ABSENT, VERSIONED), C("s3:PutObjectLockConfiguration", {"Bucket": "b", "ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}}})),
              (C("s3:PutObject", OBJECT | {"ObjectLockMode": "GOVERNANCE"}, ABSENT, VERSIONED), C("s3:PutObjectLockConfiguration", {"Bucket": "b", "ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}}}))),
    "S3016": ((C("s3:PutObject", OBJECT | {"ACL": "public-read"}, ABSENT, VERSIONED), C("s3:CopyObject", OBJECT | {"CopySource": "c/k", "GrantFullControl": "id=other"}, ABSENT, VERSIONED)),
              (C("s3:PutObject", OBJECT | {"ACL": "private"}, ABSENT, VERSIONED), C("s3:CopyObject", OBJECT | {"CopySource": "c/k"}, ABSENT, VERSIONED))),
    "S3017": ((C("s3:AbortMultipartUpload", OBJECT | {"UploadId": "u"}, ABSENT, PLAIN), C("s3:AbortMultipartUpload", OBJECT | {"UploadId": "u", "RequestPayer": "requester"}, {"size": 1}, VERSIONED)),
              (C("s3:ListParts", OBJECT | {"UploadId": "u"}), C("s3:CreateMultipartUpload", OBJECT, ABSENT, VERSIONED))),
    "S3100": ((C("s3:UploadPartCopy", OBJECT | {"UploadId": "u", "PartNumber": 1, "CopySource": "c/k"}, ABSENT, VERSIONED), C("s3:CompleteMultipartUpload", OBJECT | {"UploadId": "u"}, ABSENT, VERSIONED)),
              (C("s3:ListParts", OBJECT | {"UploadId": "u"}), C("s3:CopyObject", OBJECT | {"CopySource": "c/k"}, ABSENT, VERSIONED))),
}  # fmt: skip
