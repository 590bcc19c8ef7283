"""CloudFormation and Cloud Control: what becomes of each resource, by the templates and by the schemas of their types."""

from __future__ import annotations

import json
from contextlib import suppress
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import keyturn
from keyturn.model.assessment import Finding, Kind
from keyturn.model.change import READ_EFFECTS
from keyturn.providers.aws import catalogue
from keyturn.providers.aws.catalogue.replacements import _load
from keyturn.providers.aws.kinds import _DELETES, _SERVICES, deletes, holds
from keyturn.providers.aws.languages.templates import NoTemplateError, compare, read
from keyturn.providers.aws.rules import REGISTRY, Context, Doubt
from tests.provider.provider_world import operation

RULES = {rule.code: rule for rule in REGISTRY if rule.code.startswith(("CFN01", "CCA"))}
STOOD: dict[str, Any] = {
    "Parameters": {"Name": {"Type": "String", "Default": "orders"}},
    "Resources": {
        "table": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "orders", "BillingMode": "PROVISIONED"}},
        "db": {"Type": "AWS::RDS::DBInstance", "DeletionPolicy": "Snapshot", "Properties": {"DBName": {"Ref": "Name"}, "AllocatedStorage": "5"}},
        "queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "jobs", "DelaySeconds": 1}},
        "map": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {"EventSourceArn": {"Fn::GetAtt": ["queue", "Arn"]}, "FunctionName": "f"}},
        "log": {"Type": "AWS::Logs::LogGroup", "DeletionPolicy": "Retain", "Properties": {"LogGroupName": "l"}},
        "role": {"Type": "AWS::IAM::Role", "Properties": {}},
    },
}  # fmt: skip


def changed(path: str, value: Any = None) -> str:
    """The template with another value at a path; without one, without it."""
    made = deepcopy(STOOD)
    *way, last = path.split(".")
    place = made["Resources"]
    for part in way:
        place = place[part]
    place.pop(last, None)
    if value is not None:
        place[last] = value
    return json.dumps(made)


def updated(template: str, **more: Any) -> dict[str, Finding]:
    """What is found of an update of the stack to this template."""
    parameters = {"StackName": "s", "TemplateBody": template, **more}
    stack = {"StackName": "s", "Parameters": [{"ParameterKey": "Name", "ParameterValue": "orders"}]}
    kept = [{"ParameterKey": "Name", "UsePreviousValue": True}]
    parameters.setdefault("Parameters", kept)
    return asked("cloudformation:UpdateStack", parameters, {"": stack, "template": json.dumps(STOOD)})


def asked(name: str, parameters: dict[str, Any], live: dict[str, Any]) -> dict[str, Finding]:
    context = Context(operation(name, parameters), parameters, {}, live=live)
    found = {code: rule.ask(context) for code, rule in RULES.items() if name in rule.operations}
    return {code: one for code, one in found.items() if one is not None}


UPDATES: dict[str, tuple[str, set[str]]] = {
    "nothing": (json.dumps(STOOD), set()),
    "a setting in place": (changed("table.Properties.BillingMode", "PAY_PER_REQUEST"), set()),
    "a number": (changed("queue.Properties.DelaySeconds", 9), set()),
    "something more": (changed("other", {"Type": "AWS::SNS::Topic"}), set()),
    "another name": (changed("table.Properties.TableName", "orders2"), {"CFN012"}),
    "no name any more": (changed("table.Properties.TableName"), {"CFN012"}),
    "another type": (changed("role.Type", "AWS::IAM::User"), {"CFN012"}),
    "a name that others hang on": (changed("queue.Properties.QueueName", "jobs2"), {"CFN012"}),
    "a function in the place of a name": (changed("table.Properties.TableName", {"Fn::ImportValue": "orders"}), {"CFN012"}),
    "without the queue": (changed("queue"), {"CFN013"}),
    "without the role": (changed("role"), {"CFN013"}),
    "without the log, which is kept": (changed("log"), {"CFN013"}),
    "no longer kept": (changed("log.DeletionPolicy"), {"CFN014"}),
    "no snapshot any more": (changed("db.DeletionPolicy", "Delete"), {"CFN014"}),
    "policies by a function": (changed("db.DeletionPolicy", {"Fn::If": ["a", "b", "c"]}), {"CFN014"}),
    "kept better": (changed("role.DeletionPolicy", "Retain"), set()),
}  # fmt: skip


@pytest.mark.parametrize("name", UPDATES)
def test_an_update_is_what_it_makes_of_each_resource(name: str) -> None:
    """Replaced, deleted, no longer guarded; and nothing where it is updated in place."""
    template, codes = UPDATES[name]
    assert set(updated(template)) == codes


def test_what_is_lost_is_said() -> None:
    """A queue's messages go with it; a role is an outage; what is kept is a remark."""
    assert updated(changed("queue"))["CFN013"].kind is Kind.DATA_LOSS
    assert updated(changed("role"))["CFN013"].kind is Kind.OUTAGE
    assert updated(changed("log"))["CFN013"].kind is Kind.NOTE
    assert "Items of the old one" in updated(changed("table.Properties.TableName", "n"))["CFN012"].message


def test_what_hangs_on_a_replaced_resource_may_be_replaced_too() -> None:
    """The mapping's source is create-only, and would be another queue's name."""
    message = updated(changed("queue.Properties.QueueName", "jobs2"))["CFN012"].message
    assert "queue (AWS::SQS::Queue, by QueueName)" in message
    assert "map (AWS::Lambda::EventSourceMapping, by EventSourceArn) perhaps" in message


def test_another_value_of_a_parameter_changes_what_hangs_on_it() -> None:
    """The template is the same; the database's name is not."""
    other = [{"ParameterKey": "Name", "ParameterValue": "papers"}]
    same = [{"ParameterKey": "Name", "ParameterValue": "orders"}]
    assert "db (AWS::RDS::DBInstance, by DBName)." in updated(json.dumps(STOOD), Parameters=other)["CFN012"].message  # fmt: skip
    assert not updated(json.dumps(STOOD), Parameters=same)


def test_what_cannot_be_foreseen_is_not_said_to_be_harmless() -> None:
    """No template, macros, a URL, what stands not read: CFN016 says that it is not known."""
    row = next(rule for rule in REGISTRY if rule.code == "CFN016")
    stands = {"": {"StackName": "s"}, "template": json.dumps(STOOD)}
    macro = json.dumps({**STOOD, "Transform": "AWS::Serverless-2016-10-31"})
    for given_, live in (
        ({"TemplateBody": json.dumps(STOOD)}, {}),
        ({"TemplateBody": macro}, stands),
        ({"TemplateBody": "nothing"}, stands),
        ({"TemplateURL": "https://x/y"}, stands),
    ):
        parameters = {"StackName": "s", **given_}
        context = Context(operation("cloudformation:UpdateStack", parameters), parameters, {}, live=live)
        assert row.ask(context) is not None, given_
    parameters = {"StackName": "s", "TemplateBody": json.dumps(STOOD)}
    context = Context(operation("cloudformation:UpdateStack", parameters), parameters, {}, live=stands)
    assert row.ask(context) is None


def test_a_stack_goes_with_its_resources() -> None:
    """But for those that are kept; without the list it is unknown."""
    listed = [
        {"LogicalResourceId": name, "ResourceType": one["Type"]} for name, one in STOOD["Resources"].items()
    ]
    live = {"members": {"StackResourceSummaries": listed}, "template": json.dumps(STOOD)}
    found = asked("cloudformation:DeleteStack", {"StackName": "s"}, live)["CFN015"]
    assert found.message.startswith("5 resources would be deleted with the stack, among them table")
    kept = asked(
        "cloudformation:DeleteStack",
        {"StackName": "s", "RetainResources": ["table", "db", "queue"]},
        live,
    )["CFN015"]
    assert kept.kind is Kind.OUTAGE
    context = Context(operation("cloudformation:DeleteStack", {"StackName": "s"}), {"StackName": "s"}, {})
    assert isinstance(RULES["CFN015"].answer(context), Doubt)


TYPED: dict[str, tuple[str, Kind | None]] = {
    "AWS::DynamoDB::Table": ("items", Kind.DATA_LOSS),
    "AWS::RDS::DBInstance": ("databases", Kind.DATA_LOSS),
    "AWS::S3::Bucket": ("objects", Kind.DATA_LOSS),
    "AWS::Lambda::Function": ("lambda:DeleteFunction", Kind.OUTAGE),
    "AWS::SNS::Topic": ("sns:DeleteTopic", Kind.OUTAGE),
    "Acme::Thing::Of": ("not known", Kind.DATA_LOSS),
}


@pytest.mark.parametrize("kind", TYPED)
def test_a_typed_delete_is_the_delete_of_its_type(kind: str) -> None:
    """Through whichever door: what is lost is the same."""
    says, harm = TYPED[kind]
    found = asked("cloudcontrol:DeleteResource", {"TypeName": kind, "Identifier": "x"}, {})["CCA003"]
    assert says in found.message
    assert found.kind is harm


MADE: dict[tuple[str, str], bool] = {
    ("AWS::IAM::Role", '{"RoleName":"r"}'): True,
    ("AWS::S3::BucketPolicy", '{"Bucket":"b"}'): True,
    ("AWS::Lambda::Permission", "{}"): True,
    ("AWS::Lambda::Function", '{"Role":"arn:aws:iam::123456789012:role/r","Code":{"ZipFile":"x"}}'): True,
    ("AWS::EC2::Instance", '{"UserData":"IyEvYmluL3No"}'): True,
    ("AWS::SQS::Queue", "no document"): True,
    ("AWS::SQS::Queue", "[" * 100 + "]" * 100): True,
    ("AWS::SQS::Queue", '{"QueueName":"jobs","DelaySeconds":1}'): False,
    ("AWS::DynamoDB::Table", '{"TableName":"t","BillingMode":"PAY_PER_REQUEST"}'): False,
    ("AWS::Logs::LogGroup", '{"LogGroupName":"l","RetentionInDays":30}'): False,
}


@pytest.mark.parametrize(("made", "gives"), MADE.items(), ids=[f"{kind} {text[:20]}" for kind, text in MADE])
def test_what_gives_authority_is_no_plain_create(made: tuple[str, str], gives: bool) -> None:
    """A role made by its type is a role; what cannot be read is not harmless."""
    kind, text = made
    found = asked("cloudcontrol:CreateResource", {"TypeName": kind, "DesiredState": text}, {})
    assert ("CCA005" in found) is gives


PATCHES: dict[str, set[str]] = {
    '[{"op":"replace","path":"/TableName","value":"x"}]': {"CCA004"},
    "{}": {"CCA004"},
    "nothing": {"CCA004", "CCA005"},
    '[{"op":"replace","value":"x"}]': {"CCA004"},
    '[{"op":"replace","path":"/BillingMode","value":"x"}]': set(),
    '[{"op":"add","path":"/Tags/-","value":{}}]': set(),
    '[{"op":"replace","path":"/DeletionProtectionEnabled","value":false}]': {"CCA002"},
    '[{"op":"remove","path":"/PointInTimeRecoverySpecification"}]': {"CCA001"},
}


@pytest.mark.parametrize("patch", PATCHES)
def test_a_patch_is_what_it_writes(patch: str) -> None:
    """What no patch can be read of is unknown; what is create-only the service refuses."""
    given_ = {"TypeName": "AWS::DynamoDB::Table", "Identifier": "t", "PatchDocument": patch}
    assert set(asked("cloudcontrol:UpdateResource", given_, {})) == PATCHES[patch]


REPLACEMENTS = {
    ("AWS::RDS::DBInstance", "DBName"): "yes",
    ("AWS::RDS::DBInstance", "AllocatedStorage"): "no",
    ("AWS::RDS::DBInstance", "Engine"): "maybe",
    ("AWS::RDS::DBInstance", "Nothing"): "maybe",
    ("AWS::EC2::Instance", "ImageId"): "yes",
    ("AWS::EC2::Instance", "InstanceType"): "maybe",
    ("AWS::MSK::Cluster", "BrokerNodeGroupInfo"): "maybe",
    ("AWS::MSK::Cluster", "BrokerNodeGroupInfo/ClientSubnets"): "yes",
    ("AWS::MSK::Cluster", "BrokerNodeGroupInfo.SecurityGroups"): "yes",
    ("AWS::MSK::Cluster", "/properties/BrokerNodeGroupInfo/StorageInfo"): "no",
    ("AWS::MSK::Cluster", "brokerNodeGroupInfo.clientSubnets[0]"): "yes",
    ("AWS::Pipes::Pipe", "SourceParameters"): "maybe",
    ("AWS::Pipes::Pipe", "SourceParameters/SelfManagedKafkaParameters/ConsumerGroupID"): "yes",
    ("AWS::Batch::ComputeEnvironment", "ComputeResources/Ec2Configuration/*/ImageType"): "maybe",
    ("AWS::Batch::ComputeEnvironment", "ComputeResources/MaxvCpus"): "no",
    ("AWS::FSx::FileSystem", "LustreConfiguration/DeploymentType"): "yes",
    ("AWS::FSx::FileSystem", "LustreConfiguration/AutoImportPolicy"): "no",
    ("AWS::EMR::Cluster", "Instances/CoreInstanceGroup/InstanceType"): "yes",
    ("AWS::Evidently::Segment", "Description"): "yes",
    ("AWS::Batch::JobQueue", "Tags"): "no",
    ("AWS::EC2::EIP", "Domain"): "yes",
    ("AWS::SageMaker::Domain", "SubnetIds"): "maybe",
    ("AWS::OpenSearchService::Domain", "EngineVersion"): "maybe",
    ("AWS::KMS::Key", "EnableKeyRotation"): "no",
    ("AWS::Serverless::Function", "FunctionName"): "yes",
    ("AWS::Serverless::Function", "CodeUri"): "no",
    ("AWS::Serverless::Function", "Events"): "maybe",
    ("AWS::Lambda::Function", "MemorySize"): "no",
    ("Alexa::ASK::Skill", "VendorId"): "yes",
    ("Custom::Thing", "Name"): "maybe",
    ("AWS::No::Such", "Name"): "maybe",
}


@pytest.mark.parametrize(("kind", "path"), REPLACEMENTS)
def test_a_property_replaces_or_does_not(kind: str, path: str) -> None:
    """By the schemas of the types and their documentation, however the path is spelled; what they do not know may."""
    found = keyturn.replacement(kind, path)
    assert found.replaces == REPLACEMENTS[kind, path]
    assert "cfn-lint" in found.source


def test_most_properties_have_a_certain_answer() -> None:
    """A table that says *maybe* of everything would never be wrong."""
    told = [list(map(len, map(str.split, names))) for names in _load()[1].values()]
    yes, may, no = (sum(one[place] for one in told) for place in range(3))
    assert yes > 4_000
    assert no > 12_000
    assert may < 0.04 * (yes + may + no)


def test_deletes_of_types_are_deletes() -> None:
    """Every name in the tables is an operation or a service that there is, and none of them reads."""
    for name in _DELETES.values():
        service, _, action = name.partition(":")
        assert catalogue.lookup(service, action).effect not in READ_EFFECTS, name
    services = {service for service, _ in catalogue.every()}
    assert set(_SERVICES.values()) <= services
    kinds = [kind for kind in _load()[1] if deletes(kind) is not None]
    assert len(kinds) > 900
    assert sum(bool(holds(kind)) for kind in kinds) > 60


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Resources", "Type", "Properties", "Ref", "Fn::Sub", "a"]), inner, max_size=3
        )
    ),
    max_leaves=15,
)


@settings(max_examples=300, deadline=None)
@given(st.text() | _JSON.map(json.dumps), _JSON)
def test_any_text_is_a_template_or_is_none(text: str, other: Any) -> None:
    """Never another exception; and what is one is compared with any other."""
    with suppress(NoTemplateError):
        compare(read(text), read({"Resources": {"a": {"Type": "AWS::SQS::Queue", "Properties": {"b": other}}}}))  # fmt: skip
    for found in updated(text).values():
        assert found.code.startswith("CFN")


def test_deep_properties_are_compared_or_said_not_to_be() -> None:
    """Whatever an agent nests."""
    deep: Any = 1
    for _ in range(900):
        deep = {"a": deep}
    template = {"Resources": {"q": {"Type": "AWS::SQS::Queue", "Properties": {"b": deep}}}}
    other = {"Resources": {"q": {"Type": "AWS::SQS::Queue", "Properties": {"b": {"a": {"a": 2}}}}}}
    found = compare(read(template), read(other))
    assert found.replaced or found.unknown
