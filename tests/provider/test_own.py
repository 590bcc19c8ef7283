"""What Terraform and its like do in passing: plain parameters read with decryption, the egress of a group that nobody uses yet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from moto import mock_aws

from keyturn.core.ports import Facts
from keyturn.model.assessment import Kind
from keyturn.model.change import Effect
from keyturn.model.execution import Unavailable
from keyturn.providers.aws import assess
from keyturn.providers.aws.rules import REGISTRY, Context
from tests.provider.ordinary_work import engine, judge, perform
from tests.provider.provider_world import ACCOUNT, REGION, Account, change, drive, operation, request, seal

EVERYTHING: dict[str, Any] = {"IpPermissions": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        yield Account()


def test_a_plain_parameter_is_no_secret_whoever_asks_for_it_decrypted(account: Account) -> None:
    """Clients send WithDecryption whatever they read; a secure one, an absent one, and one that was not read stay secrets."""
    perform(account, "ssm:PutParameter", {"Name": "/plain", "Value": "1", "Type": "String"})
    perform(account, "ssm:PutParameter", {"Name": "/secure", "Value": "1", "Type": "SecureString"})
    asked = {"WithDecryption": True}
    assert judge(account, "ssm:GetParameter", {"Name": "/plain", **asked}).effect is Effect.READ
    assert judge(account, "ssm:GetParameter", {"Name": "/secure", **asked}).effect is Effect.SECRET
    assert judge(account, "ssm:GetParameter", {"Name": "/absent", **asked}).effect is Effect.SECRET
    both = judge(account, "ssm:GetParameters", {"Names": ["/plain", "/secure"], **asked})
    assert both.effect is Effect.SECRET
    account.broken["ssm:GetParameter"] = Unavailable("slow")
    assert judge(account, "ssm:GetParameter", {"Name": "/plain", **asked}).effect is Effect.SECRET


def group(account: Account) -> str:
    vpc = perform(account, "ec2:CreateVpc", {"CidrBlock": "10.0.0.0/16"})["Vpc"]
    made = perform(account, "ec2:CreateSecurityGroup", {"GroupName": "n", "Description": "d", "VpcId": vpc["VpcId"]})  # fmt: skip
    return str(made["GroupId"])


def verdict(account: Account, name: str, parameters: dict[str, Any]) -> str:
    account_is = {ACCOUNT: "development"}
    made = change((name, parameters))
    found = drive(assess.assess(made, (request(name, parameters),), seal=seal, accounts=account_is), account)
    return str(engine().answer(made, found.assessment, Facts()).verdict)


def test_the_default_egress_of_a_group_that_nobody_uses_is_no_exposure(account: Account) -> None:
    """Taken off and put back, as Terraform does; of a group that something uses it is one, and where that is not known."""
    name, asked = "ec2:AuthorizeSecurityGroupEgress", {"GroupId": group(account), **EVERYTHING}
    assert verdict(account, "ec2:RevokeSecurityGroupEgress", asked) == "allow"
    perform(account, "ec2:RevokeSecurityGroupEgress", asked)
    assert verdict(account, name, asked) == "allow"
    account.broken["ec2:DescribeNetworkInterfaces"] = Unavailable("slow")
    assert Kind.EXPOSURE in judge(account, name, asked).kinds


def test_the_same_is_an_exposure_of_a_group_in_use(account: Account) -> None:
    """An interface stands behind it."""
    asked = {"GroupId": group(account), **EVERYTHING}
    subnet = perform(account, "ec2:DescribeSubnets", {})["Subnets"][0]["SubnetId"]
    perform(account, "ec2:CreateNetworkInterface", {"SubnetId": subnet, "Groups": [asked["GroupId"]]})
    assert Kind.EXPOSURE in judge(account, "ec2:AuthorizeSecurityGroupEgress", asked).kinds


STATEMENTS: dict[str, list[str]] = {
    "DELETE FROM orders WHERE id = '1'": ["dynamodb:table/orders"],
    'SELECT id, "x" FROM other': ["dynamodb:account/*"],  # a quoted word may hold anything
    'select * from "orders"."by-day"': ["dynamodb:table/orders"],
    "INSERT INTO orders VALUE {'id': 'FROM other'}": ["dynamodb:table/orders"],
    "UPDATE orders SET a = 1 WHERE id = '1'": ["dynamodb:table/orders"],
    "whatever this is": ["dynamodb:account/*"],
}


@pytest.mark.parametrize("text", STATEMENTS)
def test_a_partiql_statement_is_about_its_table(text: str) -> None:
    """And about the account where it does not say, or one of several does not."""
    asked = operation("dynamodb:ExecuteStatement", {"Statement": text})
    assert [str(ref) for ref in asked.resources] == STATEMENTS[text]
    several = {"Statements": [{"Statement": "DELETE FROM orders WHERE id = '1'"}, {"Statement": text}]}
    both = operation("dynamodb:BatchExecuteStatement", several)
    assert [str(ref) for ref in both.resources] == STATEMENTS[text]


def test_what_runs_on_an_instance_acts_with_the_role_of_its_profile(account: Account) -> None:
    """The profile is looked up: what its role may do counts, and a profile that cannot be read is not harmless."""
    perform(account, "iam:CreateRole", {"RoleName": "web", "AssumeRolePolicyDocument": "{}"})
    reads = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
    }
    perform(
        account,
        "iam:PutRolePolicy",
        {"RoleName": "web", "PolicyName": "p", "PolicyDocument": json.dumps(reads)},
    )
    perform(account, "iam:CreateInstanceProfile", {"InstanceProfileName": "web-profile"})
    perform(
        account, "iam:AddRoleToInstanceProfile", {"InstanceProfileName": "web-profile", "RoleName": "web"}
    )
    asked = {"InstanceId": "i-1", "IamInstanceProfile": {"Name": "web-profile"}}
    found = judge(account, "ec2:AssociateIamInstanceProfile", asked)
    assert [one.kind for one in found.findings if one.code == "EC026"] == [Kind.NOTE]
    gone = {**asked, "IamInstanceProfile": {"Name": "nowhere"}}
    worse = judge(account, "ec2:AssociateIamInstanceProfile", gone)
    assert [one.kind for one in worse.findings if one.code == "EC026"] == [Kind.DELEGATED_AUTHORITY]


def test_a_policy_that_shuts_out_a_role_of_the_configuration_shuts_the_plane_out() -> None:
    """Whatever it is called."""
    policy = {"Statement": [{"Effect": "Deny", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/plane-reads"}, "Action": "s3:*", "Resource": "*"}]}  # fmt: skip
    asked = {"Bucket": "b", "Policy": json.dumps(policy)}
    made = operation("s3:PutBucketPolicy", asked)
    rule = next(one for one in REGISTRY if one.code == "POL006")
    context = Context(made, asked, {"s3:bucket/b": {"policy": None}})
    assert rule.ask(context) is None
    assert rule.ask(msgspec.structs.replace(context, ours=("plane-reads",), memo={})) is not None
