"""What reviewers see of an update: only what it sets, before and after, values of secrets sealed on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from keyturn.core.ports import Assessing
from keyturn.model.canonical import canonical
from keyturn.providers.aws.provider import AwsProvider
from tests.provider.moto_account import RIGHT, SECRET, WRONG, function_parameters, make_function, make_table
from tests.provider.provider_world import Account, change, drive, requests, seal

Asked = tuple[str, dict[str, Any]]
ARN = f"arn:aws:dynamodb:eu-west-1:123456789012:table/{RIGHT}"


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with mock_aws():
        made = Account()
        make_table(made)
        make_function(made)
        yield made


def assess(account: Account, *asked: Asked) -> Assessing:
    return drive(AwsProvider(seal, {}).assess(change(*asked), requests(*asked), at_ms=0), account)


def shown(account: Account, *asked: Asked) -> dict[str, tuple[Any, Any]]:
    found = assess(account, *asked).assessment.differences
    assert len({difference.path for difference in found}) == len(found)
    return {difference.path: (difference.before, difference.after) for difference in found}


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (
            ("dynamodb:UpdateTable", {"TableName": RIGHT, "DeletionProtectionEnabled": True}),
            {"protection": (False, True)},
        ),
        (("dynamodb:UpdateTable", {"TableName": RIGHT, "DeletionProtectionEnabled": False}), {}),
        (
            (
                "dynamodb:UpdateTimeToLive",
                {"TableName": RIGHT, "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "born"}},
            ),
            {"ttl": ("expires", "born")},
        ),
        (
            (
                "dynamodb:TagResource",
                {
                    "ResourceArn": ARN,
                    "Tags": [{"Key": "environment", "Value": "dev"}, {"Key": "owner", "Value": "finance"}],
                },
            ),
            {"tags.environment": ("production", "dev")},
        ),
        (
            ("dynamodb:UntagResource", {"ResourceArn": ARN, "TagKeys": ["owner"]}),
            {"tags.owner": ("finance", None)},
        ),
        (
            (
                "lambda:UpdateFunctionConfiguration",
                {"FunctionName": "report", "Timeout": 60, "MemorySize": 128},
            ),
            {"timeout": (30, 60)},
        ),
        (
            ("lambda:PutFunctionConcurrency", {"FunctionName": "report", "ReservedConcurrentExecutions": 0}),
            {"concurrency": (None, 0)},
        ),
        (("dynamodb:DeleteTable", {"TableName": RIGHT}), {"": ("stands", None)}),
        (("dynamodb:DeleteItem", {"TableName": RIGHT, "Key": {"id": {"S": "i1"}}}), {}),
        (("dynamodb:UpdateTable", {"TableName": "absent", "DeletionProtectionEnabled": True}), {}),
    ],
)
def test_only_what_is_set_is_shown(
    account: Account, asked: Asked, wanted: dict[str, tuple[Any, Any]]
) -> None:
    """A table that is not deleted is never shown as going, and what stays as it is makes no line."""
    assert shown(account, asked) == wanted


def test_values_of_a_secret_field_are_sealed_on_both_sides(account: Account) -> None:
    """Names can be read, values cannot, and it can still be seen which of them differ."""
    asked = (
        "lambda:UpdateFunctionConfiguration",
        {"FunctionName": "report", "Environment": {"Variables": {"TABLE": RIGHT, "KEY": SECRET}}},
    )
    made = assess(account, asked)
    ((before, after),) = [(item.before, item.after) for item in made.assessment.differences]
    assert set(before) == set(after) == {"TABLE", "KEY"}
    assert before["KEY"] == after["KEY"]
    assert before["TABLE"] != after["TABLE"]
    for value in (SECRET, RIGHT, WRONG):
        assert value.encode() not in canonical(after)


def test_what_a_patch_drops_is_said(account: Account) -> None:
    """The agent's own create leaves a variable out: the patch does as it asked, and the loss stands beside it."""
    wanted = function_parameters("arn:aws:iam::123456789012:role/runner", RIGHT)
    wanted["Environment"] = {"Variables": {"TABLE": RIGHT}}
    made = assess(
        account, ("lambda:DeleteFunction", {"FunctionName": "report"}), ("lambda:CreateFunction", wanted)
    )
    (way,) = made.assessment.alternatives
    assert way.lost == "environment.KEY"
    assert SECRET not in " ".join(made.reply_commands), "a standing secret is not handed to the agent"


def test_the_risk_of_single_writes_is_their_own(account: Account) -> None:
    """One item deleted is one item at risk, not the table it stands in."""
    one = assess(
        account, ("dynamodb:DeleteItem", {"TableName": RIGHT, "Key": {"id": {"S": "i1"}}})
    ).assessment
    assert one.data_at_risk == "1 items"
    none = assess(
        account, ("dynamodb:DeleteItem", {"TableName": RIGHT, "Key": {"id": {"S": "nobody"}}})
    ).assessment
    assert none.data_at_risk == ""


def test_a_secret_that_is_not_read_is_not_absent(account: Account) -> None:
    """A SecureString's value is never read: it is said to stand, with its version, and not to be set for the first time."""
    ssm = account.client("ssm")
    ssm.put_parameter(Name="/pay/key", Value="first", Type="SecureString")
    asked = {"Name": "/pay/key", "Value": SECRET, "Type": "SecureString", "Overwrite": True}
    before, after = shown(account, ("ssm:PutParameter", asked))["value"]
    assert (before, set(after)) == ("a secret that is not read, version 1", {"$sealed"})
