"""Ways around: requests that do harm under a harmless name, and honest ones that look alike. A table, read line by line."""

from __future__ import annotations

from typing import Any

import pytest

from keyturn.model.assessment import Kind, Reversibility
from keyturn.providers.aws.assess import judge
from keyturn.providers.aws.rules import REGISTRY, Context, Rule, rule
from tests.provider.provider_world import operation
from tests.provider.rule_cases import ABSENT, ALARM, FUNCTION, OPEN, PRODUCTION, ROLE, T_ARN, UNREAD

OPEN_LIST = OPEN.replace('"*"', '{"AWS":["arn:aws:iam::1:root","*"]}')
OTHERS = OPEN.replace('"Principal":"*"', '"NotPrincipal":{"AWS":"arn:aws:iam::1:root"}')
DENIED = OPEN.replace('"Allow"', '"Deny"')
INGRESS = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
PRIVATE = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]
Line = tuple[str, str, dict[str, Any], Any, set[Kind]]

K = Kind
LINES: list[Line] = [
    # --- code and authority of a function -----------------------------------------------------------------------------
    ("a variable", "lambda:UpdateFunctionConfiguration", {"FunctionName": "f", "Environment": {"Variables": {"TABLE": "b", "MODE": "b"}}}, FUNCTION, set()),
    ("a variable that loads code", "lambda:UpdateFunctionConfiguration", {"FunctionName": "f", "Environment": {"Variables": {"TABLE": "a", "MODE": "b", "LD_PRELOAD": "/opt/x.so"}}}, FUNCTION, {K.DELEGATED_AUTHORITY}),
    ("a wrapper", "lambda:UpdateFunctionConfiguration", {"FunctionName": "f", "Environment": {"Variables": {"TABLE": "a", "MODE": "b", "AWS_LAMBDA_EXEC_WRAPPER": "/opt/w"}}}, FUNCTION, {K.DELEGATED_AUTHORITY}),
    ("a loader that stands already", "lambda:UpdateFunctionConfiguration", {"FunctionName": "f", "Environment": {"Variables": {"NODE_OPTIONS": "x"}}}, {**FUNCTION, "environment": {"NODE_OPTIONS": "x"}}, set()),
    ("another image command", "lambda:UpdateFunctionConfiguration", {"FunctionName": "f", "ImageConfig": {"Command": ["evil"]}}, FUNCTION, {K.DELEGATED_AUTHORITY}),
    ("a file system", "lambda:UpdateFunctionConfiguration", {"FunctionName": "f", "FileSystemConfigs": [{"Arn": "a"}]}, FUNCTION, {K.DELEGATED_AUTHORITY}),
    ("layers taken away", "lambda:UpdateFunctionConfiguration", {"FunctionName": "f", "Layers": []}, {**FUNCTION, "layers": ["l"]}, {K.DELEGATED_AUTHORITY}),
    ("the same role", "lambda:UpdateFunctionConfiguration", {"FunctionName": "f", "Role": ROLE}, FUNCTION, set()),
    ("a role when nothing could be read", "lambda:UpdateFunctionConfiguration", {"FunctionName": "f", "Role": ROLE}, UNREAD, {K.DELEGATED_AUTHORITY}),
    ("made anew with the role it has", "lambda:CreateFunction", {"FunctionName": "f", "Role": ROLE, "Code": {}}, FUNCTION, set()),
    ("made anew with another role", "lambda:CreateFunction", {"FunctionName": "f", "Role": ROLE + "-admin", "Code": {}}, FUNCTION, {K.DELEGATED_AUTHORITY}),
    ("made when nothing could be read", "lambda:CreateFunction", {"FunctionName": "f", "Role": ROLE, "Code": {}}, UNREAD, {K.DELEGATED_AUTHORITY}),
    ("a URL for everybody", "lambda:CreateFunctionUrlConfig", {"FunctionName": "f", "AuthType": "NONE"}, FUNCTION, {K.EXPOSURE}),
    ("a URL for those who sign", "lambda:CreateFunctionUrlConfig", {"FunctionName": "f", "AuthType": "AWS_IAM"}, FUNCTION, set()),
    ("everybody may call", "lambda:AddPermission", {"FunctionName": "f", "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*"}, FUNCTION, {K.EXPOSURE, K.DELEGATED_AUTHORITY}),
    ("feeding stops", "lambda:UpdateEventSourceMapping", {"UUID": "u", "Enabled": False}, UNREAD, {K.OUTAGE}),
    # --- the tag that says which rules hold ---------------------------------------------------------------------------
    ("production becomes development", "dynamodb:TagResource", {"ResourceArn": T_ARN, "Tags": [{"Key": "Env", "Value": "dev"}]}, PRODUCTION, {K.PROTECTION_STRIP}),
    ("the tag is taken off", "dynamodb:UntagResource", {"ResourceArn": T_ARN, "TagKeys": ["env"]}, PRODUCTION, {K.PROTECTION_STRIP}),
    ("unknown becomes development", "dynamodb:TagResource", {"ResourceArn": T_ARN, "Tags": [{"Key": "env", "Value": "dev"}]}, {"tags": {}}, {K.DELEGATED_AUTHORITY}),
    ("unknown becomes production", "dynamodb:TagResource", {"ResourceArn": T_ARN, "Tags": [{"Key": "env", "Value": "prod"}]}, {"tags": {}}, set()),
    ("said again", "dynamodb:TagResource", {"ResourceArn": T_ARN, "Tags": [{"Key": "env", "Value": "dev"}]}, {"tags": {"env": "dev"}}, set()),
    ("a map of tags", "lambda:TagResource", {"Resource": "arn:aws:lambda:eu-west-1:123456789012:function:f", "Tags": {"environment": "dev"}}, PRODUCTION, {K.PROTECTION_STRIP}),
    ("a bucket's whole set", "s3:PutBucketTagging", {"Bucket": "b", "Tagging": {"TagSet": [{"Key": "owner", "Value": "x"}]}}, PRODUCTION, {K.PROTECTION_STRIP}),
    ("a bucket's whole set, kept", "s3:PutBucketTagging", {"Bucket": "b", "Tagging": {"TagSet": [{"Key": "env", "Value": "production"}]}}, PRODUCTION, set()),
    ("all tags of a bucket", "s3:DeleteBucketTagging", {"Bucket": "b"}, PRODUCTION, {K.PROTECTION_STRIP}),
    ("EC2's way", "ec2:CreateTags", {"Resources": ["i-0123456789abcdef0"], "Tags": [{"Key": "Environment", "Value": "test"}]}, UNREAD, {K.DELEGATED_AUTHORITY}),
    ("SSM's way", "ssm:RemoveTagsFromResource", {"ResourceType": "Parameter", "ResourceId": "/p", "TagKeys": ["Stage"]}, UNREAD, {K.DELEGATED_AUTHORITY}),
    ("across services", "resourcegroupstaggingapi:TagResources", {"ResourceARNList": [T_ARN], "Tags": {"env": "dev"}}, UNREAD, {K.DELEGATED_AUTHORITY}),
    # --- opened to everybody ------------------------------------------------------------------------------------------
    ("a public object", "s3:PutObject", {"Bucket": "b", "Key": "k", "ACL": "public-read"}, ABSENT, {K.EXPOSURE}),
    ("a private object", "s3:PutObject", {"Bucket": "b", "Key": "k", "ACL": "private"}, ABSENT, set()),
    ("one of several principals", "s3:PutBucketPolicy", {"Bucket": "b", "Policy": OPEN_LIST}, UNREAD, {K.EXPOSURE, K.DELEGATED_AUTHORITY}),
    ("everybody but some", "s3:PutBucketPolicy", {"Bucket": "b", "Policy": OTHERS}, UNREAD, {K.EXPOSURE, K.DELEGATED_AUTHORITY}),
    ("everybody is refused", "s3:PutBucketPolicy", {"Bucket": "b", "Policy": DENIED}, UNREAD, {K.OUTAGE}),
    ("a queue's policy", "sqs:SetQueueAttributes", {"QueueUrl": "http://x/1/q", "Attributes": {"Policy": OPEN}}, UNREAD, {K.EXPOSURE, K.DELEGATED_AUTHORITY}),
    ("a role for everybody", "iam:CreateRole", {"RoleName": "r", "AssumeRolePolicyDocument": OPEN}, ABSENT, {K.EXPOSURE, K.DELEGATED_AUTHORITY}),
    ("the world may knock", "ec2:AuthorizeSecurityGroupIngress", {"GroupId": "sg-0123456789abcdef0", "IpPermissions": INGRESS}, UNREAD, {K.EXPOSURE}),
    ("the house may knock", "ec2:AuthorizeSecurityGroupIngress", {"GroupId": "sg-0123456789abcdef0", "IpPermissions": PRIVATE}, UNREAD, set()),
    ("the world is shut out", "ec2:RevokeSecurityGroupIngress", {"GroupId": "sg-0123456789abcdef0", "IpPermissions": INGRESS}, UNREAD, {K.OUTAGE}),
    ("a public database", "rds:ModifyDBInstance", {"DBInstanceIdentifier": "d", "PubliclyAccessible": True}, UNREAD, {K.EXPOSURE}),
    ("a snapshot for all", "ec2:ModifySnapshotAttribute", {"SnapshotId": "snap-0123456789abcdef0", "CreateVolumePermission": {"Add": [{"Group": "all"}]}}, UNREAD, {K.EXPOSURE}),
    ("a default route out", "ec2:CreateRoute", {"RouteTableId": "rtb-1", "DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1"}, UNREAD, set()),
    ("a web site's door", "ec2:AuthorizeSecurityGroupIngress", {"GroupId": "sg-0123456789abcdef0", "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}, UNREAD, set()),
    ("an image closed to all", "ec2:ModifyImageAttribute", {"ImageId": "ami-0123456789abcdef0", "LaunchPermission": {"Remove": [{"Group": "all"}]}}, UNREAD, set()),
    ("an alias whose health is not asked for", "route53:ChangeResourceRecordSets", {"HostedZoneId": "Z1", "ChangeBatch": {"Changes": [{"Action": "CREATE", "ResourceRecordSet": {"Name": "new.example.com", "Type": "A", "AliasTarget": {"HostedZoneId": "Z2", "DNSName": "d.cloudfront.net", "EvaluateTargetHealth": False}}}]}}, UNREAD, set()),
    ("a message in plain text", "lex-models:PutIntent", {"name": "Order", "conclusionStatement": {"messages": [{"content": "Done.", "contentType": "PlainText"}]}}, UNREAD, set()),
    ("a key of an API switched off by a patch", "apigateway:UpdateApiKey", {"apiKey": "k", "patchOperations": [{"op": "replace", "path": "/enabled", "value": "false"}]}, UNREAD, {K.OUTAGE}),
    ("another role for what runs", "synthetics:UpdateCanary", {"Name": "c", "ExecutionRoleArn": ROLE}, UNREAD, {K.OUTAGE, K.DELEGATED_AUTHORITY}),
    # --- guards, windows, the Kiro pattern ----------------------------------------------------------------------------
    ("a dictionary of one flag", "ec2:ModifyInstanceAttribute", {"InstanceId": "i-0123456789abcdef0", "DisableApiTermination": {"Value": False}}, UNREAD, {K.PROTECTION_STRIP}),
    ("a word for off", "cognito-idp:UpdateUserPool", {"UserPoolId": "p", "DeletionProtection": "INACTIVE"}, UNREAD, {K.PROTECTION_STRIP}),
    ("delete and create in one call", "elasticbeanstalk:RebuildEnvironment", {"EnvironmentName": "shop"}, UNREAD, {K.REPLACE, K.DATA_LOSS}),
    ("an alarm that terminates", "cloudwatch:PutMetricAlarm", {"AlarmName": "a", "AlarmActions": ["arn:aws:sns:eu-west-1:1:page", "arn:aws:automate:r:ec2:terminate"]}, ALARM, {K.DELEGATED_AUTHORITY}),
    ("an alarm made new that pages", "cloudwatch:PutMetricAlarm", {"AlarmName": "a", "AlarmActions": ["arn:aws:sns:r:1:page"]}, ABSENT, set()),
    ("a way in beside the session", "iam:CreateServiceSpecificCredential", {"UserName": "u", "ServiceName": "codecommit.amazonaws.com"}, UNREAD, {K.DELEGATED_AUTHORITY, K.SECRET}),
    ("a role's own name is no role passed", "iam:UpdateRole", {"RoleName": "r", "MaxSessionDuration": 3600}, UNREAD, set()),
    ("a tag is no loss", "sqs:UntagQueue", {"QueueUrl": "http://x/1/q", "TagKeys": ["owner"]}, UNREAD, set()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "name", "parameters", "standing", "kinds"),
    LINES,
    ids=[line[0].replace(" ", "-") for line in LINES],
)
def test_what_is_found(
    what: str, name: str, parameters: dict[str, Any], standing: Any, kinds: set[Kind]
) -> None:
    """Notes aside, exactly these kinds of trouble: one missed is a hole, one too many is a habit of clicking it away."""
    asked = operation(name, parameters)
    states = {} if standing is UNREAD else {str(asked.resources[0]): standing}
    found = judge(Context(asked, parameters, states)).findings
    assert {finding.kind for finding in found} - {Kind.NOTE} == kinds, what


@pytest.mark.parametrize(
    ("parameters", "wanted"),
    [
        ({"SecretId": "s"}, Reversibility.R2),
        ({"SecretId": "s", "RecoveryWindowInDays": 7}, Reversibility.R2),
        ({"SecretId": "s", "ForceDeleteWithoutRecovery": True}, Reversibility.R4),
    ],
)
def test_a_native_undo_window_counts_until_it_is_forced_shut(
    parameters: dict[str, Any], wanted: Reversibility
) -> None:
    """A service's own bin is a way back, unless the request empties it."""
    asked = operation("secretsmanager:DeleteSecret", parameters)
    assert judge(Context(asked, parameters, {})).reversibility is wanted


def test_a_rule_that_fails_is_a_doubt() -> None:
    """A bug in one rule must not pass for "nothing found": it is the worst, and names the rule."""

    def broken(context: Context) -> None:
        raise KeyError(context.ref.id)

    planted = Rule(
        code="BAD001",
        operations=frozenset({"sqs:TagQueue"}),
        kind=Kind.NOTE,
        effect=REGISTRY[0].effect,
        reversibility=Reversibility.R0,
        source="Keyturn: planted by a test",
        says="A rule that fails.",
        look=broken,
    )
    REGISTRY.append(planted)
    try:
        asked = operation("sqs:TagQueue", {"QueueUrl": "http://x/1/q", "Tags": {"a": "b"}})
        judged = judge(Context(asked, asked.parameters, {}))
    finally:
        REGISTRY.remove(planted)
    assert Kind.OPAQUE in {finding.kind for finding in judged.findings}
    assert any("BAD001" in finding.message for finding in judged.findings)
    assert judged.reversibility is Reversibility.R4


def test_a_rule_is_put_among_the_rules_by_its_decorator() -> None:
    """What a newcomer writes: one function with its table line above it."""
    before = len(REGISTRY)

    @rule(
        "NEW001",
        ["sqs:TagQueue"],
        Kind.NOTE,
        REGISTRY[0].effect,
        Reversibility.R1,
        "Keyturn: planted by a test",
    )
    def newcomer(context: Context) -> tuple[str, dict[str, Any]]:
        """A sentence."""
        return f"{context.ref} is tagged.", {}

    try:
        assert len(REGISTRY) == before + 1
        assert REGISTRY[-1].says == "A sentence."
    finally:
        REGISTRY.pop()
