"""What Terraform and its like do in passing: plain parameters read with decryption, the egress of a group that nobody uses yet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from keyturn.core.ports import Facts
from keyturn.model.assessment import Kind
from keyturn.model.change import Effect
from keyturn.model.execution import Unavailable
from keyturn.providers.aws import assess
from tests.provider.ordinary_work import engine, judge, perform
from tests.provider.provider_world import ACCOUNT, REGION, Account, change, drive, request, seal

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
