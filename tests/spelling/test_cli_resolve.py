"""Command lines of the aws CLI are operations with parameters; what cannot be known of them is said, and is never a read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyturn.model.change import Effect
from keyturn.providers.aws.cli import Meant, Resolved, customs, resolve
from keyturn.providers.aws.cli.table import commands_of
from keyturn.providers.aws.wire_shapes import cli_command, kebab
from keyturn.providers.aws.wire_table import load

FILES = {
    "input.json": b'{"TableName": "orders"}',
    "input.yaml": b"TableName: orders\n",
    "policy.json": b'{"Version": "2012-10-17"}',
    "code.zip": b"PK\x00\xff",
}

DELETE = ("rds", "DeleteDBInstance", {"DBInstanceIdentifier": "orders", "SkipFinalSnapshot": True})

SPELLED: list[tuple[str, list[tuple[str, str, dict[str, Any]]]]] = [
    # however it is called
    ("aws rds delete-db-instance --db-instance-identifier orders --skip-final-snapshot", [DELETE]),
    ("aws --region eu-west-1 rds delete-db-instance --skip-final-snapshot --output json --db-instance-identifier=orders", [DELETE]),
    ("aws2 rds delete-db-instance --db-instance-id orders --skip-final", [DELETE]),
    ("/usr/local/bin/aws rds delete-db-instance --db-instance-identifier 'orders' --skip-final-snapshot", [DELETE]),
    ("python3 -m awscli rds delete-db-instance --db-instance-identifier orders --skip-final-snapshot", [DELETE]),
    ("AWS_PROFILE=prod sudo -E aws rds delete-db-instance --db-instance-identifier orders --skip-final-snapshot", [DELETE]),
    ("docker run --rm amazon/aws-cli:2 rds delete-db-instance --db-instance-identifier orders --skip-final-snapshot", [DELETE]),
    ('bash -c "aws rds delete-db-instance --db-instance-identifier orders --skip-final-snapshot"', [DELETE]),
    ("aws rds delete-db-instance \\\n  --db-instance-identifier orders \\\n  --skip-final-snapshot", [DELETE]),
    ("aws rds delete-db-instance ^\r\n  --db-instance-identifier orders ^\r\n  --skip-final-snapshot", [DELETE]),
    ("echo $(aws rds delete-db-instance --db-instance-identifier orders --skip-final-snapshot)", [DELETE]),
    ("if true; then aws rds delete-db-instance --db-instance-identifier orders --skip-final-snapshot; fi 2>&1 | tee log", [DELETE]),
    ("aws rds delete-db-instance --db-instance-identifier orders --skip-final-snapshot --query 'DBInstance.[A,B]' > out # gone", [DELETE]),
    # values
    ("aws ec2 terminate-instances --instance-ids i-1 i-2 --dry-run", [("ec2", "TerminateInstances", {"InstanceIds": ["i-1", "i-2"], "DryRun": True})]),
    ("aws rds modify-db-instance --db-instance-identifier d --no-deletion-protection --backup-retention-period 0", [
        ("rds", "ModifyDBInstance", {"DBInstanceIdentifier": "d", "DeletionProtection": False, "BackupRetentionPeriod": 0})]),
    ("aws dynamodb tag-resource --resource-arn arn:x --tags Key=a,Value='b c' Key=d,Value=e", [
        ("dynamodb", "TagResource", {"ResourceArn": "arn:x", "Tags": [{"Key": "a", "Value": "b c"}, {"Key": "d", "Value": "e"}]})]),
    ("aws ec2 describe-instances --filters 'Name=tag:a,Values=x,y' Name=vpc-id,Values=v", [
        ("ec2", "DescribeInstances", {"Filters": [{"Name": "tag:a", "Values": ["x", "y"]}, {"Name": "vpc-id", "Values": ["v"]}]})]),
    ("aws ec2 run-instances --image-id ami-1 --count 1:2 --tag-specifications 'ResourceType=instance,Tags=[{Key=a,Value=b}]'", [
        ("ec2", "RunInstances", {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 2,
                                 "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}]})]),
    ("aws dynamodb delete-table --cli-input-json file://input.json", [("dynamodb", "DeleteTable", {"TableName": "orders"})]),
    ("aws dynamodb delete-table --cli-input-yaml file://input.yaml", [("dynamodb", "DeleteTable", {"TableName": "orders"})]),
    ("aws dynamodb delete-table --cli-input-json '{\"TableName\": \"a\"}' --table-name b", [("dynamodb", "DeleteTable", {"TableName": "b"})]),
    ("aws iam put-role-policy --role-name r --policy-name p --policy-document file://policy.json", [
        ("iam", "PutRolePolicy", {"RoleName": "r", "PolicyName": "p", "PolicyDocument": '{"Version": "2012-10-17"}'})]),
    ("aws lambda update-function-code --function-name f --zip-file fileb://code.zip", [
        ("lambda", "UpdateFunctionCode", {"FunctionName": "f", "ZipFile": b"PK\x00\xff"})]),
    ("aws lambda create-function --function-name f --role r --zip-file fileb://code.zip", [
        ("lambda", "CreateFunction", {"FunctionName": "f", "Role": "r", "Code": {"ZipFile": b"PK\x00\xff"}})]),
    # what the CLI calls otherwise
    ("aws s3api delete-bucket --bucket b", [("s3", "DeleteBucket", {"Bucket": "b"})]),
    ("aws deploy delete-application --application-name a", [("codedeploy", "DeleteApplication", {"applicationName": "a"})]),
    ("aws configservice stop-configuration-recorder --configuration-recorder-name d", [
        ("config", "StopConfigurationRecorder", {"ConfigurationRecorderName": "d"})]),
    ("aws eks update-cluster-version --name c --kubernetes-version 1.30", [("eks", "UpdateClusterVersion", {"name": "c", "version": "1.30"})]),
    ("aws ec2 create-image --instance-id i-1 --name n --reboot", [("ec2", "CreateImage", {"InstanceId": "i-1", "Name": "n", "NoReboot": False})]),
    ("aws ec2 authorize-security-group-ingress --group-id sg-1 --protocol tcp --port 22 --cidr 0.0.0.0/0", [
        ("ec2", "AuthorizeSecurityGroupIngress", {"GroupId": "sg-1", "IpPermissions": [
            {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]})]),
    ("aws ec2 modify-instance-attribute --instance-id i-1 --no-disable-api-termination", [
        ("ec2", "ModifyInstanceAttribute", {"InstanceId": "i-1", "DisableApiTermination": {"Value": False}})]),
    ("aws rds remove-option-from-option-group --option-group-name g --options OEM", [
        ("rds", "ModifyOptionGroup", {"OptionGroupName": "g", "OptionsToRemove": ["OEM"]})]),
    ("aws ec2 wait instance-terminated --instance-ids i-1", [("ec2", "DescribeInstances", {"InstanceIds": ["i-1"]})]),
    # what the CLI makes of its own
    ("aws s3 ls", [("s3", "ListBuckets", {})]),
    ("aws s3 rm s3://b/k", [("s3", "DeleteObject", {"Bucket": "b", "Key": "k"})]),
    ("aws s3 rm s3://b/p/ --recursive", [("s3", "DeleteObjects", {"Bucket": "b"})]),
    ("aws s3 rm s3://b/p/ --recursive --dryrun", [("s3", "ListObjectsV2", {"Bucket": "b"})]),
    ("aws s3 rb s3://b --force", [("s3", "DeleteObjects", {"Bucket": "b"}), ("s3", "DeleteBucket", {"Bucket": "b"})]),
    ("aws s3 mb s3://b", [("s3", "CreateBucket", {"Bucket": "b"})]),
    ("aws s3 cp a.txt s3://b/x/ --acl public-read", [("s3", "PutObject", {"Bucket": "b", "Key": "x/a.txt", "ACL": "public-read"})]),
    ("aws s3 cp s3://b/k .", [("s3", "GetObject", {"Bucket": "b", "Key": "k"})]),
    ("aws s3 mv s3://a/k s3://b/k", [
        ("s3", "CopyObject", {"Bucket": "b", "Key": "k", "CopySource": "a/k"}), ("s3", "DeleteObject", {"Bucket": "a", "Key": "k"})]),
    ("aws s3 sync . s3://b --delete", [("s3", "PutObject", {"Bucket": "b"}), ("s3", "DeleteObjects", {"Bucket": "b"})]),
    ("aws s3 website s3://b --index-document i.html", [
        ("s3", "PutBucketWebsite", {"Bucket": "b", "WebsiteConfiguration": {"IndexDocument": {"Suffix": "i.html"}}})]),
    ("aws s3 presign s3://b/k", [("s3", "GetObject", {"Bucket": "b", "Key": "k"})]),
    ("aws emr terminate-clusters --cluster-ids j-1 j-2", [("emr", "TerminateJobFlows", {"JobFlowIds": ["j-1", "j-2"]})]),
    ("aws emr modify-cluster-attributes --cluster-id j-1 --no-termination-protected", [
        ("emr", "SetTerminationProtection", {"JobFlowIds": ["j-1"], "TerminationProtected": False})]),
    ("aws emr modify-cluster-attributes --cluster-id j-1", [("emr", "SetTerminationProtection", {"JobFlowIds": ["j-1"]})]),
    ("aws logs tail /aws/lambda/f --follow", [("logs", "FilterLogEvents", {"logGroupName": "/aws/lambda/f"})]),
    ("aws eks update-kubeconfig --name c", [("eks", "DescribeCluster", {"name": "c"})]),
    ("aws ecr get-login-password | docker login --username AWS --password-stdin x", [("ecr", "GetAuthorizationToken", {})]),
    ("aws deploy deregister --instance-name n", [
        ("codedeploy", "DeregisterOnPremisesInstance", {"instanceName": "n"}), ("iam", "DeleteUser", {"UserName": "n"})]),
]  # fmt: skip


def meant(line: str) -> list[tuple[str, str, dict[str, Any]]]:
    return [(one.service, one.operation, one.parameters) for one in resolve(line, FILES.get).meant]


@pytest.mark.parametrize(("line", "expected"), SPELLED, ids=[line[:60] for line, _ in SPELLED])
def test_a_line_is_these_operations(line: str, expected: list[tuple[str, str, dict[str, Any]]]) -> None:
    """Wherever options stand, however it is quoted, whatever the CLI calls it."""
    assert meant(line) == expected


UNKNOWN: list[tuple[str, str, str]] = [
    ("aws rds delete-db-instance --db-instance-identifier $DB", "DeleteDBInstance", "--db-instance-identifier is $DB"),
    ("aws rds delete-db-instance --db-instance-identifier d $MORE", "DeleteDBInstance", "$MORE may be any further arguments"),
    ("aws rds delete-db-instance --cli-input-json file://gone", "DeleteDBInstance", "the file gone could not be read"),
    ("aws rds delete-db-instance --db-instance-identifier 'd", "DeleteDBInstance", "a quote is not closed"),
    ("aws rds delete-db-instance --db-instance-identifier d --yes", "DeleteDBInstance", "the CLI knows no --yes here"),
    ("aws rds delete-db-instance", "DeleteDBInstance", "it lacks DBInstanceIdentifier"),
    ("aws ec2 create-tags --resources r --tags key", "CreateTags", "--tags could not be read"),
    ("cat ids | xargs -n1 aws ec2 terminate-instances --instance-ids", "TerminateInstances", "more arguments come from another command"),
    ("aws s3 sync . s3://b --delete", "DeleteObjects", "which objects it deletes"),
    ("aws cloudformation deploy --stack-name s --template-file gone.yaml", "ExecuteChangeSet", "gone.yaml could not be read"),
    ("terraform apply && aws s3 rm s3://b/k", "DeleteObject", "terraform is run beside it"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "operation", "said"), UNKNOWN, ids=[line[:50] for line, _, _ in UNKNOWN])
def test_what_is_not_on_the_line_is_said(line: str, operation: str, said: str) -> None:
    """The operation stays what it is; what only a shell or a file knows is an unknown of it."""
    found = resolve(line)
    unknown = [*found.unknowns, *(text for one in found.meant for text in one.unknown)]
    assert operation in {one.operation for one in found.meant}
    assert [text for text in unknown if said in text], unknown


@pytest.mark.parametrize(
    "line",
    ["", "ls -l", "aws nosuch list-things", "aws s3 purge s3://b", "aws ec2 drop-everything", "aws $SERVICE $VERB", "aws rds", "echo aws s3 rb s3://b"],
)  # fmt: skip
def test_what_does_not_resolve_is_nothing_known(line: str) -> None:
    """It has no operation, hence no effect that could be taken for a read, and it says why."""
    found = resolve(line)
    assert found.meant == ()
    assert found.why


@pytest.mark.parametrize(
    ("line", "floor"),
    [
        ("aws s3 presign s3://b/k", Effect.SECRET),
        ("aws eks get-token --cluster-name c", Effect.SECRET),
        ("aws rds generate-db-auth-token --hostname h --port 1 --username u", Effect.SECRET),
        ("aws configure export-credentials", Effect.SECRET),
        ("aws configure get aws_secret_access_key", Effect.SECRET),
        ("aws configure get region", Effect.READ),
        ("aws configure set region x", Effect.UPDATE),
        ("aws configure set aws_access_key_id AKIAEXAMPLE", Effect.EXECUTE),
        ("aws ec2 terminate-instances --instance-ids i-1 --generate-cli-skeleton", Effect.READ),
        ("aws ec2 terminate-instances help", Effect.READ),
        ("aws --version", Effect.READ),
    ],
)
def test_what_the_cli_makes_of_it_counts(line: str, floor: Effect) -> None:
    """A token made on the spot is a secret, whatever the operation behind it; a printed skeleton is nothing."""
    assert [one.floor for one in resolve(line).meant] == [floor]


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_every_operation_has_a_command(step: int) -> None:
    """All of them, by the name that the CLI's rule of spelling gives: none becomes another, and none becomes less than it is."""
    wrong = []
    own = {words[:2] for words in customs.commands()}
    for service in sorted(load().entries.keys() - {"s3", "codedeploy", "config"})[::step]:
        known = commands_of(service)
        for name in load().service(service).operations:
            spelled = kebab(name)
            if spelled not in known or (service, spelled) in own:
                continue
            found = resolve(f"aws {service} {spelled}").meant
            same = [(one.service, one.operation, one.floor) for one in found] == [(service, name, None)]
            wrong += [] if same else [f"{service} {spelled}"]
    assert wrong == []


COMMANDS: list[tuple[str, str, dict[str, Any]]] = [
    ("lambda", "UpdateFunctionConfiguration", {"FunctionName": "f", "Environment": {"Variables": {"A": "q\"uo'te", "B": "a b=c,d"}}, "Timeout": 30}),
    ("dynamodb", "UpdateTable", {"TableName": "orders", "DeletionProtectionEnabled": False}),
    ("dynamodb", "PutItem", {"TableName": "t", "Item": {"id": {"S": "1"}}}),
    ("ssm", "PutParameter", {"Name": "/a", "Value": "-starts with a dash", "Overwrite": True}),
    ("iam", "PutRolePolicy", {"RoleName": "r", "PolicyName": "p", "PolicyDocument": json.dumps({"Version": "2012-10-17"})}),
    ("s3", "DeleteObject", {"Bucket": "b", "Key": "a b/ü", "VersionId": "v1"}),
    ("cloudwatch", "PutMetricAlarm", {"AlarmName": "a", "EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold", "Threshold": 1.5, "AlarmActions": ["arn:x"]}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("service", "operation", "parameters"), COMMANDS, ids=[operation for _, operation, _ in COMMANDS]
)
def test_what_is_suggested_is_understood(service: str, operation: str, parameters: dict[str, Any]) -> None:
    """The command of a narrow patch, put in again, is the operation it was made of."""
    found = resolve(cli_command(service, operation, parameters))
    assert found.meant == (Meant(service, operation, parameters),)


WORDS = st.sampled_from(
    ["aws", "rds", "delete-db-instance", "--db-instance-identifier", "$X", "$(", "`", "'", '"', "{", "[", "=", ",", "|", "\\", "\n", "<", "<<E", "--tags", "Key=a", "s3", "rm", "s3://b", "@=", "&&"]
)  # fmt: skip


@settings(max_examples=150)
@given(
    st.one_of(
        st.text(), st.lists(WORDS).map(" ".join), st.lists(WORDS).map(lambda words: "aws " + " ".join(words))
    )
)
def test_any_text_has_a_meaning(line: str) -> None:
    """The reader is total: quotes, brackets, substitutions and shorthand may break off anywhere."""
    found = resolve(line)
    assert isinstance(found, Resolved)
    assert found.meant or found.why
