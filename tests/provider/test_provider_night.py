"""The night, decided: what AWS operations mean and what the shipped policy says of it, together, on an account that answers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from moto import mock_aws

from keyturn.core.ports import Facts
from keyturn.model.decision import Decision, Verdict
from keyturn.model.execution import Unavailable
from keyturn.policy import CedarEngine, load
from keyturn.providers.aws.provider import AwsProvider
from tests.provider.moto_account import RIGHT, SECRET, function_parameters, make_function, make_table
from tests.provider.provider_world import ACCOUNT, Account, change, drive, requests, seal

Asked = tuple[str, dict[str, Any]]
ROLE = "arn:aws:iam::123456789012:role/runner"
KEY = {"id": {"S": "i1"}}
VARIABLES = {"TABLE": RIGHT, "KEY": SECRET}


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with mock_aws():
        made = Account()
        make_table(made)
        made.client("dynamodb").update_table(TableName=RIGHT, DeletionProtectionEnabled=True)
        make_function(made)
        yield made


@cache
def engine() -> CedarEngine:
    return load(["seatbelt"])


def decide(account: Account, *asked: Asked, environment: str = "") -> Decision:
    """`environment` names what the account is configured as; the resources of the account are tagged as production."""
    provider = AwsProvider(seal, {ACCOUNT: environment} if environment else {})
    made = change(*asked)
    assessing = drive(provider.assess(made, requests(*asked), at_ms=0), account)
    return engine().answer(made, assessing.assessment, Facts())


HOLD, ALLOW = Verdict.HOLD, Verdict.ALLOW
TABLE = {"TableName": RIGHT}
ARN = f"arn:aws:dynamodb:eu-west-1:123456789012:table/{RIGHT}"
FUNCTION = {"FunctionName": "report"}
FRESH = {
    "TableName": "fresh",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}

NIGHT: list[tuple[str, Asked, Verdict, int]] = [
    # what, the request, the verdict in production with its quorum
    ("the table goes", ("dynamodb:DeleteTable", TABLE), HOLD, 2),
    ("its guard goes", ("dynamodb:UpdateTable", {**TABLE, "DeletionProtectionEnabled": False}), HOLD, 2),
    ("it is emptied, batch by batch", ("dynamodb:BatchWriteItem", {"RequestItems": {RIGHT: [{"DeleteRequest": {"Key": KEY}}]}}), HOLD, 2),
    ("it is emptied, one by one", ("dynamodb:DeleteItem", {**TABLE, "Key": KEY}), HOLD, 2),
    ("its items will expire", ("dynamodb:UpdateTimeToLive", {**TABLE, "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "born"}}), HOLD, 2),
    ("it is called development", ("dynamodb:TagResource", {"ResourceArn": ARN, "Tags": [{"Key": "environment", "Value": "dev"}]}), HOLD, 2),
    ("its tag is taken off", ("dynamodb:UntagResource", {"ResourceArn": ARN, "TagKeys": ["environment"]}), HOLD, 2),
    ("the function goes", ("lambda:DeleteFunction", FUNCTION), HOLD, 2),
    ("the function gets other code", ("lambda:UpdateFunctionCode", {**FUNCTION, "ZipFile": b"z"}), HOLD, 2),
    ("the function gets another role", ("lambda:UpdateFunctionConfiguration", {**FUNCTION, "Role": ROLE + "-admin"}), HOLD, 2),
    ("the function loads something", ("lambda:UpdateFunctionConfiguration", {**FUNCTION, "Environment": {"Variables": {**VARIABLES, "LD_PRELOAD": "/opt/x"}}}), HOLD, 2),
    ("a new function", ("lambda:CreateFunction", {**function_parameters(ROLE), "FunctionName": "other"}), HOLD, 2),
    ("the function runs", ("lambda:Invoke", FUNCTION), HOLD, 2),
    ("what feeds the function", ("lambda:CreateEventSourceMapping", {**FUNCTION, "EventSourceArn": "arn:aws:sqs:r:1:q"}), HOLD, 2),
    ("a database nobody knows", ("rds:DeleteDBInstance", {"DBInstanceIdentifier": "d", "SkipFinalSnapshot": True}), HOLD, 2),
    ("a way around", ("iam:CreateAccessKey", {"UserName": "u"}), HOLD, 2),
    ("a secret", ("secretsmanager:GetSecretValue", {"SecretId": "s"}), HOLD, 1),
    ("an operation nobody knows", ("dynamodb:NotYetInvented", TABLE), HOLD, 2),
    # --- what an agent is there for -----------------------------------------------------------------------------------
    ("the narrow patch", ("lambda:UpdateFunctionConfiguration", {**FUNCTION, "Environment": {"Variables": VARIABLES}}), ALLOW, 0),
    ("a longer time-out", ("lambda:UpdateFunctionConfiguration", {**FUNCTION, "Timeout": 60}), ALLOW, 0),
    ("a guard is put on", ("dynamodb:UpdateTable", {**TABLE, "DeletionProtectionEnabled": True}), ALLOW, 0),
    ("a tag that decides nothing", ("dynamodb:TagResource", {"ResourceArn": ARN, "Tags": [{"Key": "owner", "Value": "x"}]}), ALLOW, 0),
    ("a new item", ("dynamodb:PutItem", {**TABLE, "Item": {"id": {"S": "new"}}}), ALLOW, 0),
    ("an item written over, captured", ("dynamodb:PutItem", {**TABLE, "Item": {**KEY, "amount": {"N": "5"}}}), ALLOW, 0),
    ("a new table", ("dynamodb:CreateTable", FRESH), ALLOW, 0),
    ("only to see whether it would work", ("lambda:Invoke", {**FUNCTION, "InvocationType": "DryRun"}), ALLOW, 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "asked", "verdict", "quorum"), NIGHT, ids=[line[0].replace(" ", "-") for line in NIGHT]
)
def test_in_production(account: Account, what: str, asked: Asked, verdict: Verdict, quorum: int) -> None:
    """What destroys, strips, hands out authority or cannot be read waits for two; what an agent is there for goes through."""
    decision = decide(account, asked)
    assert not decision.errors
    assert (decision.verdict, decision.obligations.quorum) == (verdict, quorum), (what, decision.reasons)


def test_a_delete_and_its_create_wait_for_two_with_a_backup(account: Account) -> None:
    """The replace of the night, as one case."""
    decision = decide(
        account,
        ("lambda:DeleteFunction", FUNCTION),
        ("lambda:CreateFunction", function_parameters(ROLE, RIGHT)),
    )
    assert (decision.verdict, decision.obligations.quorum) == (HOLD, 2)
    assert decision.obligations.backup


def test_an_allowed_update_in_production_is_captured_first(account: Account) -> None:
    """So that it can be put back."""
    decision = decide(account, ("lambda:UpdateFunctionConfiguration", {**FUNCTION, "Timeout": 60}))
    assert decision.obligations.capture


@pytest.mark.parametrize(
    "asked",
    [
        line[1]
        for line in NIGHT
        if line[2] is ALLOW and "Invoke" not in line[1][0] and "CreateTable" not in line[1][0]
    ],
)
def test_nothing_is_allowed_on_what_could_not_be_read(account: Account, asked: Asked) -> None:
    """The same harmless requests, on an account that does not answer: an unknown is not harmless."""
    account.broken = {
        name: Unavailable("throttled")
        for name in ("dynamodb:DescribeTable", "lambda:GetFunction", "dynamodb:BatchGetItem")
    }
    try:
        assert decide(account, asked).verdict is not ALLOW
    finally:
        account.broken = {}


def test_development_is_freer_and_not_free(account: Account) -> None:
    """Outside production a change in place goes through; data does not go without a look."""
    client = account.client("dynamodb")
    client.create_table(**{**FRESH, "TableName": "scratch"})
    client.put_item(TableName="scratch", Item=KEY)
    try:
        guard = ("dynamodb:UpdateTable", {"TableName": "scratch", "DeletionProtectionEnabled": True})
        assert decide(account, guard, environment="development").verdict is ALLOW
        deleted = decide(
            account, ("dynamodb:DeleteTable", {"TableName": "scratch"}), environment="development"
        )
        assert (deleted.verdict, deleted.obligations.quorum) == (HOLD, 1)
    finally:
        client.delete_table(TableName="scratch")


def test_a_production_account_is_not_talked_down(account: Account) -> None:
    """A tag that says development, in an account that is production."""
    account.client("dynamodb").create_table(
        **{**FRESH, "TableName": "sly"}, Tags=[{"Key": "env", "Value": "dev"}]
    )
    try:
        decision = decide(account, ("dynamodb:DeleteTable", {"TableName": "sly"}), environment="production")
        assert (decision.verdict, decision.obligations.quorum) == (HOLD, 2)
    finally:
        account.client("dynamodb").delete_table(TableName="sly")
