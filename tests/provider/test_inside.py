"""What a call contains is judged as what it does: templates, change sets, targets, definitions, documents, scripts."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyturn.model.assessment import Kind
from keyturn.model.change import Effect
from keyturn.providers.aws.languages.intrinsics import applied, unknown_in
from keyturn.providers.aws.languages.steps import of_document, of_machine, of_schedule
from keyturn.providers.aws.rules import REGISTRY, Authority, Context, inside
from tests.provider.provider_world import operation
from tests.provider.rule_cases import Case, changes, made, scheduled, set_to
from tests.provider.test_rules import context_of

PARTS = [rule for rule in REGISTRY if rule.code.startswith("PRT")]


def kinds(case: Case) -> set[str]:
    """The kinds of trouble that are found of the parts of a call."""
    context = context_of(case)
    asked = [rule.ask(context) for rule in PARTS if case.name in rule.operations]
    assert [one.code for one in asked if one is not None and one.code == "KEYTURN002"] == []
    return {str(one.kind) for one in asked if one is not None}


BUCKET = {"BucketName": "b", "VersioningConfiguration": {"Status": "Enabled"}}
GROUP = {"GroupDescription": "g", "SecurityGroupIngress": [{"CidrIp": "10.0.0.0/8"}]}
ADMIN = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
STACKS: dict[str, tuple[Case, set[str]]] = {
    "a threshold": (set_to("AWS::CloudWatch::Alarm", {"Threshold": 1}, {"Threshold": 2}), set()),
    "tags": (set_to("AWS::SQS::Queue", {}, {"Tags": [{"Key": "a", "Value": "b"}]}), set()),
    "a variable": (set_to("AWS::Lambda::Function", {"Environment": {"Variables": {"A": "1"}}}, {"Environment": {"Variables": {"A": "2"}}}), set()),
    "a variable less": (set_to("AWS::Lambda::Function", {"Environment": {"Variables": {"A": "1"}}}, {"Environment": {"Variables": {}}}), {"outage"}),
    "other code": (set_to("AWS::Lambda::Function", {"Code": {"S3Key": "a"}}, {"Code": {"S3Key": "b"}}), {"delegated_authority"}),
    "no concurrency": (set_to("AWS::Lambda::Function", {}, {"ReservedConcurrentExecutions": 0}), {"outage"}),
    "versions off": (set_to("AWS::S3::Bucket", BUCKET, {**BUCKET, "VersioningConfiguration": {"Status": "Suspended"}}), {"protection_strip"}),
    "versions no more": (set_to("AWS::S3::Bucket", BUCKET, {"BucketName": "b"}), {"protection_strip"}),
    "objects expire": (set_to("AWS::S3::Bucket", BUCKET, {**BUCKET, "LifecycleConfiguration": {"Rules": [{"Status": "Enabled", "ExpirationInDays": 1}]}}), {"data_loss"}),
    "open to all": (set_to("AWS::EC2::SecurityGroup", GROUP, {**GROUP, "SecurityGroupIngress": [{"CidrIp": "0.0.0.0/0"}]}), {"exposure", "outage"}),
    "not logging": (set_to("AWS::CloudTrail::Trail", {"IsLogging": True}, {"IsLogging": False}), {"blind"}),
    "logs for a day": (set_to("AWS::Logs::LogGroup", {"RetentionInDays": 30}, {"RetentionInDays": 1}), {"data_loss"}),
    "a key off": (set_to("AWS::KMS::Key", {"Enabled": True}, {"Enabled": False}), {"outage", "opaque"}),
    "protection by a word that is not known": (set_to("AWS::DynamoDB::Table", {"DeletionProtectionEnabled": True}, {"DeletionProtectionEnabled": {"Fn::ImportValue": "p"}}), {"opaque"}),
    "an administrator": (made("AWS::IAM::Policy", PolicyDocument=ADMIN), {"delegated_authority"}),
    "a managed policy": (made("AWS::IAM::User", ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"]), {"delegated_authority"}),
    "a queue for everybody": (made("AWS::SQS::QueuePolicy", Queues=["q"], PolicyDocument={"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}]}), {"delegated_authority", "exposure"}),
    "a type without a call": (made("AWS::Cognito::IdentityPool", AllowUnauthenticatedIdentities=True), {"exposure"}),
    "a type of somebody's": (made("Acme::Thing::Of"), {"opaque"}),
    "a stack in it": (made("AWS::CloudFormation::Stack", TemplateURL="https://b/t"), {"opaque"}),
    "a table": (made("AWS::DynamoDB::Table", TableName="t"), set()),
    "nothing at all": (made("AWS::CDK::Metadata", Analytics="x"), set()),
}  # fmt: skip


@pytest.mark.parametrize("name", STACKS)
def test_each_resource_of_a_stack_is_judged_as_what_is_done_to_it(name: str) -> None:
    """Made by its type's create, changed by the call that sets those properties."""
    case, found = STACKS[name]
    assert kinds(case) == found


def test_a_stack_call_that_is_wholly_known_is_the_worst_of_its_parts() -> None:
    """And what its name says where anything of it is not."""
    known = context_of(set_to("AWS::CloudWatch::Alarm", {"Threshold": 1}, {"Threshold": 2}))
    assert inside.floor(known) is Effect.UPDATE
    assert inside.floor(context_of(made("AWS::SQS::Queue"))) is Effect.CREATE
    assert inside.floor(context_of(made("Custom::Thing"))) is None
    macro = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"q": {"Type": "AWS::SQS::Queue"}}}
    for body in (json.dumps(macro), "nothing", ""):
        case = Case("cloudformation:CreateStack", {"StackName": "s", "TemplateBody": body})
        assert inside.floor(context_of(case)) is None, body
    assert inside.floor(context_of(Case("cloudformation:DeleteStack", {"StackName": "s"}))) is None


def shown(before: dict[str, Any] | None, after: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    """A change as DescribeChangeSet shows it, with IncludePropertyValues."""
    sides = {"BeforeContext": before, "AfterContext": after}
    texts = {name: json.dumps({"Properties": one}) for name, one in sides.items() if one is not None}
    plain = {
        "LogicalResourceId": "t",
        "ResourceType": "AWS::DynamoDB::Table",
        "Action": "Modify",
        "Scope": ["Properties"],
    }
    return {**plain, **texts, **more}  # fmt: skip


CHANGES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "a setting": (shown({"BillingMode": "PROVISIONED"}, {"BillingMode": "PAY_PER_REQUEST"}), set()),
    "a guard": (shown({"DeletionProtectionEnabled": "true"}, {"DeletionProtectionEnabled": "false"}), {"protection_strip"}),
    "no values": (shown(None, None), {"opaque"}),
    "only tags": (shown(None, None, Scope=["Tags"]), set()),
    "a new one": (shown(None, {"TableName": "n"}, Action="Add"), set()),
    "a new one, not shown": (shown(None, None, Action="Add"), {"opaque"}),
    "one of a type of somebody's": (shown(None, {}, Action="Add", ResourceType="Custom::X"), {"opaque"}),
    "taken in": (shown(None, None, Action="Import"), set()),
    "not yet known": (shown(None, None, Action="Dynamic"), {"opaque"}),
    "an action of next year": (shown(None, None, Action="Melt"), {"opaque"}),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_set_is_judged_by_the_values_it_shows(name: str) -> None:
    """What it does not show is not taken for nothing."""
    change, found = CHANGES[name]
    case = Case(
        "cloudformation:ExecuteChangeSet", {"ChangeSetName": "c", "StackName": "s"}, live=changes(change)
    )
    assert kinds(case) == found


def test_values_that_a_change_set_does_not_show_are_taken_from_its_template() -> None:
    """Both templates with their parameters: the one that stands, and the one the change set was made of."""
    body = {"Parameters": {"P": {"Type": "String"}}, "Resources": {"t": {"Type": "AWS::DynamoDB::Table", "Properties": {"DeletionProtectionEnabled": {"Ref": "P"}}}}}  # fmt: skip
    described = changes(shown(None, None))[""] | {
        "Parameters": [{"ParameterKey": "P", "ParameterValue": "false"}]
    }
    live = {
        "": described,
        "template": json.dumps(body),
        "after": json.dumps(body),
        "stack": {"Parameters": [{"ParameterKey": "P", "ParameterValue": "true"}]},
    }
    asked = {"ChangeSetName": "c", "StackName": "s"}
    assert kinds(Case("cloudformation:ExecuteChangeSet", asked, live=live)) == {"protection_strip"}
    assert kinds(Case("cloudformation:ExecuteChangeSet", asked)) == set()  # CFN016 says that it is not known


def machine(**state: Any) -> Case:
    definition = {"StartAt": "a", "States": {"a": {"Type": "Task", "End": True, **state}}}
    return Case(
        "stepfunctions:CreateStateMachine",
        {"name": "m", "roleArn": "r", "definition": json.dumps(definition)},
    )


def command(*lines: str) -> Case:
    return Case(
        "ssm:SendCommand",
        {"DocumentName": "AWS-RunShellScript", "InstanceIds": ["i"], "Parameters": {"commands": list(lines)}},
    )


def automation(name: str, content: Any = None, **given: Any) -> Case:
    live = {"": {"Content": json.dumps(content)}} if content is not None else {}
    return Case("ssm:StartAutomationExecution", {"DocumentName": name, "Parameters": given}, live=live)


def steps(action: str, **inputs: Any) -> dict[str, Any]:
    return {"schemaVersion": "0.3", "mainSteps": [{"name": "one", "action": action, "inputs": inputs}]}


SDK = "arn:aws:states:::aws-sdk"
DROPS = "aws dynamodb delete-table --table-name t"
ELSEWHERE: dict[str, tuple[Case, set[str]]] = {
    "a schedule deletes": (scheduled("dynamodb:deleteTable", TableName="t"), {"data_loss"}),
    "a schedule strips": (scheduled("rds:modifyDBInstance", DbInstanceIdentifier="d", DeletionProtection=False), {"protection_strip"}),
    "a schedule reads": (scheduled("dynamodb:describeTable", TableName="t"), set()),
    "a schedule calls nothing that is known": (scheduled("nope:doIt"), {"opaque"}),
    "a state deletes": (machine(Resource=f"{SDK}:dynamodb:deleteTable", Parameters={"TableName.$": "$.t"}), {"data_loss"}),
    "a state strips (JSONPath)": (machine(Resource=f"{SDK}:rds:modifyDBInstance", Parameters={"DbInstanceIdentifier.$": "$.id", "DeletionProtection": False}), {"protection_strip"}),
    "a state strips (JSONata)": (machine(Resource=f"{SDK}:rds:modifyDBInstance", Arguments={"DbInstanceIdentifier": "{% $id %}", "DeletionProtection": False}), {"protection_strip"}),
    "a state sets what is not known": (machine(Resource=f"{SDK}:ecs:updateService", Arguments={"Service": "s", "DesiredCount": "{% $n %}"}), {"opaque"}),
    "all of a state's arguments are not known": (machine(Resource=f"{SDK}:ecs:updateService", Arguments="{% $all %}"), {"opaque"}),
    "a state publishes": (machine(Resource="arn:aws:states:::sns:publish", Parameters={"TopicArn": "t", "Message": "m"}), set()),
    "a state waits for a function": (machine(Resource="arn:aws:states:::lambda:invoke.waitForTaskToken", Parameters={"FunctionName": "f"}), set()),
    "a command": (command("yum update -y", DROPS), {"data_loss"}),
    "a command in another shell": (command(f"sudo bash -c '{DROPS}'"), {"data_loss"}),
    "a command with what only the shell knows": (command("aws ecs update-service --service s --desired-count $N"), {"opaque"}),
    "a command that logs in": (command("aws ecr get-login-password | docker login --password-stdin"), set()),
    "a command that copies from": (command("aws s3 cp s3://b/k /tmp/k"), set()),
    "a known automation": (automation("AWS-DeleteSnapshot", SnapshotId=["s"]), {"data_loss", "opaque"}),
    "an automation of one's own": (automation("mine", steps("aws:executeAwsApi", Service="dynamodb", Api="DeleteTable", TableName="{{ T }}"), T=["t"]), {"data_loss"}),
    "an automation that waits": (automation("mine", steps("aws:sleep", Duration="PT5M")), set()),
    "an automation that was not read": (automation("mine"), {"opaque"}),
    "a document with a script": (Case("ssm:CreateDocument", {"Name": "d", "Content": json.dumps(steps("aws:runShellScript", runCommand=[DROPS]))}), {"data_loss"}),
    "a document that terminates": (Case("ssm:CreateDocument", {"Name": "d", "Content": json.dumps(steps("aws:changeInstanceState", InstanceIds=["i"], DesiredState="terminated"))}), {"data_loss", "opaque"}),
    "a document with Python in it": (Case("ssm:CreateDocument", {"Name": "d", "Content": json.dumps(steps("aws:executeScript", Script="x"))}), {"opaque"}),
    "a document that runs a document": (Case("ssm:CreateDocument", {"Name": "d", "Content": json.dumps(steps("aws:runCommand", DocumentName="AWS-RunShellScript", Parameters={"commands": [DROPS]}))}), {"data_loss", "opaque"}),
    "an association": (Case("ssm:CreateAssociation", {"Name": "AWS-RunShellScript", "Parameters": {"commands": [DROPS]}}), {"data_loss"}),
    "a window": (Case("ssm:RegisterTaskWithMaintenanceWindow", {"WindowId": "w", "TaskType": "RUN_COMMAND", "TaskArn": "AWS-RunShellScript", "TaskInvocationParameters": {"RunCommand": {"Parameters": {"commands": [DROPS]}}}}), {"data_loss", "opaque"}),
    "a task": (Case("ecs:RunTask", {"taskDefinition": "t", "overrides": {"containerOverrides": [{"name": "a", "command": ["sh", "-c", DROPS]}]}}), {"data_loss"}),
    "a task definition": (Case("ecs:RegisterTaskDefinition", {"family": "f", "containerDefinitions": [{"name": "a", "entryPoint": ["sh", "-c"], "command": [DROPS]}]}), {"data_loss"}),
    "a job": (Case("batch:SubmitJob", {"jobName": "j", "jobQueue": "q", "jobDefinition": "d", "containerOverrides": {"command": DROPS.split()}}), {"data_loss"}),
    "a build": (Case("codebuild:StartBuild", {"projectName": "p", "buildspecOverride": f"phases:\n  build:\n    commands:\n    - {DROPS}"}), {"data_loss"}),
    "user data": (Case("ec2:RunInstances", {"UserData": base64.b64encode(f"#!/bin/sh\n{DROPS}".encode()).decode()}), {"data_loss"}),
    "a pipe's SQL": (Case("pipes:CreatePipe", {"Name": "p", "TargetParameters": {"RedshiftDataParameters": {"Database": "d", "Sqls": ["DROP TABLE t"]}}}), {"data_loss"}),
    "a rule's document": (Case("events:PutTargets", {"Rule": "r", "Targets": [{"Id": "1", "Arn": "arn:aws:ssm:eu-west-1::document/AWS-RunShellScript", "Input": json.dumps({"commands": [DROPS]})}]}), {"data_loss", "opaque"}),
    "a schedule's shell": (scheduled("ssm:sendCommand", DocumentName="AWS-RunShellScript"), {"opaque"}),
    "a rule's function": (Case("events:PutTargets", {"Rule": "r", "Targets": [{"Id": "1", "Arn": "arn:aws:lambda:eu-west-1:1:function:f"}]}), set()),
}  # fmt: skip


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_runs_later_or_elsewhere_is_judged_as_the_calls_it_makes(name: str) -> None:
    """Targets, states, documents, commands: the operation that is called is the one that is judged."""
    case, found = ELSEWHERE[name]
    assert kinds(case) == found


def test_a_part_acts_with_the_authority_that_the_call_gives() -> None:
    """What a role may do at worst bounds what a part of unknown effect may do."""
    case = machine(Resource=f"{SDK}:lambda:invoke", Parameters={"FunctionName": "f"})
    power = Authority("r", Effect.UPDATE, ("dynamodb:PutItem",), bounded=True)
    asked = operation(case.name, case.parameters)
    found = inside.by_kind(Context(asked, case.parameters, {}, authority=power))
    assert Kind.OPAQUE not in found


TEMPLATE: dict[str, Any] = {
    "Parameters": {"Stage": {"Type": "String"}, "Zones": {"Type": "CommaDelimitedList"}},
    "Mappings": {"Sizes": {"prod": {"Min": "2"}}},
    "Conditions": {"Big": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}, "Odd": {"Fn::Equals": [{"Ref": "AWS::Region"}, "x"]}, "Not": {"Fn::Not": [{"Condition": "Big"}]}},
    "Resources": {
        "a": {"Type": "T", "Properties": {"Name": {"Fn::Sub": "${Stage}-a"}, "Min": {"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "Min"]}, "If": {"Fn::If": ["Big", 1, {"Ref": "AWS::NoValue"}]}, "Zone": {"Fn::Select": [0, {"Ref": "Zones"}]}, "Other": {"Fn::GetAtt": ["b", "Arn"]}, "Secret": "{{resolve:secretsmanager:s}}"}},
        "b": {"Type": "T", "Condition": "Not"},
        "c": {"Type": "T", "Condition": "Odd"},
    },
}  # fmt: skip


def test_functions_are_worked_out_as_far_as_parameters_tell() -> None:
    """A resource whose condition is not met is not there; what hangs on another resource stays as it is written."""
    found = applied(TEMPLATE, {"Stage": "prod", "Zones": "z1, z2"})["Resources"]
    assert found == {
        "a": {"Type": "T", "Properties": {"Name": "prod-a", "Min": "2", "If": 1, "Zone": "z1", "Other": {"Fn::GetAtt": ["b", "Arn"]}}},
        "c": {"Type": "T", "Condition": "Odd"},
    }  # fmt: skip
    assert unknown_in(found["a"])
    other = applied(TEMPLATE, {"Stage": "test"})["Resources"]
    assert set(other) == {"a", "b", "c"}
    assert "If" not in other["a"]["Properties"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["Ref", "Fn::If", "Fn::Sub", "Fn::Join", "Fn::Select", "Condition", "Resources", "Conditions", "Properties", "Type", "a", "mainSteps", "action", "inputs", "Resource", "States"]),
        inner,
        max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(JSON, JSON)
def test_any_document_is_read_or_is_unknown(one: Any, other: Any) -> None:
    """Never an exception, whatever stands where."""
    if isinstance(one, dict):
        applied(one, {"a": other})
    for found in (
        of_machine(one),
        of_document(one, other if isinstance(other, dict) else None),
        of_schedule(one),
    ):
        assert isinstance(found, list)
    case = Case(
        "cloudformation:CreateStack", {"StackName": "s", "TemplateBody": json.dumps(one), "Parameters": other}
    )
    context = context_of(case)
    for rule in PARTS:
        rule.ask(context)
