"""What a change would do, on an account that answers: effect, loss, the narrow patch, what is not known."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from keyturn.core.ports import Assessing, Captures
from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.canonical import canonical
from keyturn.model.change import Effect, Lane
from keyturn.model.execution import Refused, Unavailable
from keyturn.providers.aws import narrow, places
from keyturn.providers.aws.capturing import Taken
from keyturn.providers.aws.provider import AwsProvider
from keyturn.providers.aws.rules import Context
from tests.provider.moto_account import RIGHT, SECRET, function_parameters, make_function, make_table
from tests.provider.provider_world import (
    ACCOUNT,
    Account,
    change,
    drive,
    operation,
    requests,
    scripted,
    seal,
)

DELETE_TABLE: tuple[str, dict[str, Any]] = ("dynamodb:DeleteTable", {"TableName": RIGHT})
DELETE_FUNCTION: tuple[str, dict[str, Any]] = ("lambda:DeleteFunction", {"FunctionName": "report"})


@pytest.fixture
def account() -> Iterator[Account]:
    with mock_aws():
        yield Account()


def assess(
    account: Account, *asked: tuple[str, dict[str, Any]], accounts: dict[str, str] | None = None
) -> Assessing:
    provider = AwsProvider(seal, accounts or {})
    return drive(provider.assess(change(*asked), requests(*asked), at_ms=0), account)


def test_a_deleted_table_is_said_with_what_is_in_it(account: Account) -> None:
    """The number of items, how it could come back and what would not: before anybody decides."""
    make_table(account)
    found = assess(account, DELETE_TABLE).assessment
    assert found.effect is Effect.DELETE
    assert found.environment == "production"
    assert found.data_at_risk.startswith("30 items")
    assert found.data_bearing
    assert Kind.DATA_LOSS in found.kinds
    assert [item.backup for item in found.recoverable] == [True]
    assert found.recoverable[0].loss
    assert found.recover_s is not None
    assert not found.unknowns
    assert found.alternatives[0].commands
    assert not found.alternatives[0].exact, "nobody knows yet what the agent wants"
    assert account.mutations() == []


def test_what_does_not_exist_loses_nothing(account: Account) -> None:
    """A delete of something absent fails; it is still a delete, and no loss is invented."""
    found = assess(account, DELETE_TABLE).assessment
    assert found.effect is Effect.DELETE
    assert not found.data_at_risk
    assert not found.data_bearing


@pytest.mark.parametrize(
    "answer",
    [
        Refused("AccessDeniedException", "no", 403),
        Unavailable("throttled"),
        Refused("InternalServerError", "", 500),
    ],
)
def test_could_not_read_is_not_absent(account: Account, answer: Any) -> None:
    """A fact that could not be had only worsens: the table may hold everything."""
    make_table(account)
    account.broken = {"dynamodb:DescribeTable": answer}
    made = assess(account, DELETE_TABLE)
    found = made.assessment
    assert found.unknowns
    assert found.environment == "unknown", "which counts as production"
    assert found.reversibility in {Reversibility.R3, Reversibility.R4}
    assert Kind.DATA_LOSS in found.kinds
    assert str(change(DELETE_TABLE).resources[0]) not in made.captures.states


def test_the_second_half_of_a_replace_gets_the_exact_narrow_patch(account: Account) -> None:
    """Delete and create of one function: what differs is one variable, and one call changes it where it stands."""
    parameters = make_function(account)
    wanted = function_parameters(parameters["Role"], RIGHT)
    made = assess(account, DELETE_FUNCTION, ("lambda:CreateFunction", wanted))
    found = made.assessment
    assert found.effect is Effect.REPLACE
    assert Kind.REPLACE in found.kinds
    exact = [way for way in found.alternatives if way.exact]
    assert [operation.name for way in exact for operation in way.operations] == [
        "lambda:UpdateFunctionConfiguration"
    ]
    assert [(one.backup, one.inverse) for one in found.recoverable if "function" in one.resource.kind] == [
        (True, False)
    ]
    assert found.reversibility is Reversibility.R3, "what is deleted is backed up, whatever takes its place"
    assert found.recover_s, "and it is known how long that takes"
    assert len(made.reply_commands) == 1
    words = shlex.split(made.reply_commands[0])
    assert words[:4] == ["aws", "lambda", "update-function-configuration", "--function-name"]
    assert RIGHT in made.reply_commands[0]
    assert {difference.path for difference in found.differences} >= {"environment"}


def test_the_narrow_patch_really_leads_there(account: Account) -> None:
    """Run the patch, and what stands is what was asked for: asking again finds nothing to change."""
    parameters = make_function(account)
    wanted = function_parameters(parameters["Role"], RIGHT)
    words = shlex.split(assess(account, DELETE_FUNCTION, ("lambda:CreateFunction", wanted)).reply_commands[0])
    import json

    variables = json.loads(words[words.index("--environment") + 1])
    account.client("lambda").update_function_configuration(FunctionName="report", Environment=variables)
    again = assess(account, ("lambda:CreateFunction", wanted))
    assert again.reply_commands == ()
    assert "nothing needs to be done" in again.assessment.alternatives[0].why


def test_a_create_of_what_stands_already_gets_it_too(account: Account) -> None:
    """Alone, before any delete: the agent is told what stands and the call that would do."""
    parameters = make_function(account)
    wanted = function_parameters(parameters["Role"], RIGHT)
    made = assess(account, ("lambda:CreateFunction", wanted))
    assert any(finding.kind is Kind.NOTE for finding in made.assessment.findings)
    assert made.reply_commands[0].startswith("aws lambda update-function-configuration")


def test_an_environment_of_a_function_is_a_reversible_update(account: Account) -> None:
    """The narrow patch itself: no new authority, put back in place; policy may let it run at once."""
    make_function(account)
    asked = (
        "lambda:UpdateFunctionConfiguration",
        {"FunctionName": "report", "Environment": {"Variables": {"TABLE": RIGHT, "KEY": SECRET}}},
    )
    found = assess(account, asked).assessment
    assert found.effect is Effect.UPDATE
    assert found.reversibility is Reversibility.R1
    assert found.kinds <= {Kind.NOTE}
    assert [item.inverse for item in found.recoverable] == [True]
    assert not found.unknowns


def test_another_role_is_delegated_authority(account: Account) -> None:
    """The same call with another role makes the function act as somebody else."""
    make_function(account)
    asked = (
        "lambda:UpdateFunctionConfiguration",
        {"FunctionName": "report", "Role": "arn:aws:iam::123456789012:role/admin"},
    )
    assert Kind.DELEGATED_AUTHORITY in assess(account, asked).assessment.kinds


def test_a_new_function_gets_code_and_role_from_the_agent(account: Account) -> None:
    """A create, and yet not a plain one."""
    asked = ("lambda:CreateFunction", function_parameters("arn:aws:iam::123456789012:role/runner"))
    found = assess(account, asked).assessment
    assert Kind.DELEGATED_AUTHORITY in found.kinds
    assert found.effect is Effect.EXECUTE


def test_a_plain_create_has_no_findings(account: Account) -> None:
    """Policy lets it through even in production."""
    asked = (
        "dynamodb:CreateTable",
        {
            "TableName": "fresh",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
        },
    )
    found = assess(account, asked).assessment
    assert found.effect is Effect.CREATE
    assert found.kinds <= {Kind.NOTE}
    assert not found.unknowns


@pytest.mark.parametrize(
    "asked",
    [
        ("lambda:Invoke", {"FunctionName": "report", "InvocationType": "DryRun"}),
        ("lambda:UpdateFunctionCode", {"FunctionName": "report", "ZipFile": b"z", "DryRun": True}),
        ("ec2:TerminateInstances", {"InstanceIds": ["i-0123456789abcdef0"], "DryRun": True}),
        ("kms:RevokeGrant", {"KeyId": "k", "GrantId": "g", "DryRun": True}),
        ("opensearch:UpgradeDomain", {"DomainName": "shop", "TargetVersion": "2", "PerformCheckOnly": True}),
    ],
)
def test_only_a_true_dry_run_lowers(account: Account, asked: tuple[str, dict[str, Any]]) -> None:
    """It is a read, whatever its name; without the flag it is not."""
    found = assess(account, asked).assessment
    assert (found.effect, found.reversibility) == (Effect.READ, Reversibility.R0)
    real = (
        asked[0],
        {
            key: value
            for key, value in asked[1].items()
            if key not in {"DryRun", "InvocationType", "PerformCheckOnly"}
        },
    )
    assert assess(account, real).assessment.effect.severity > Effect.CREATE.severity


@pytest.mark.parametrize(
    "asked",
    [
        ("dynamodb:DeleteTable", {"TableName": RIGHT, "DryRun": True}),
        ("kms:ScheduleKeyDeletion", {"KeyId": "k", "DryRun": True}),  # some of its operations have the flag
        ("opensearch:UpdateDomainConfig", {"DomainName": "shop", "DryRun": "true"}),
    ],
)
def test_a_dry_run_flag_that_the_operation_does_not_have_lowers_nothing(
    account: Account, asked: tuple[str, dict[str, Any]]
) -> None:
    """Only where AWS says that it changes nothing: elsewhere the service may pass over it, and do it."""
    assert assess(account, asked).assessment.effect.severity >= Effect.UPDATE.severity


def test_a_kind_without_a_recipe_says_so(account: Account) -> None:
    """No live facts is something that reviewers must see; its findings are the generic ones."""
    asked = ("codeartifact:DeleteRepository", {"domain": "d", "repository": "orders"})
    found = assess(account, asked).assessment
    assert any("no live facts" in unknown for unknown in found.unknowns)
    assert found.reversibility is Reversibility.R4
    assert found.effect is Effect.DELETE


def test_nothing_that_is_logged_holds_a_secret(account: Account) -> None:
    """The assessment is log-safe; captures and the agent's own commands are not, and stay sealed."""
    parameters = make_function(account)
    wanted = function_parameters(parameters["Role"], RIGHT)
    made = assess(account, DELETE_FUNCTION, ("lambda:CreateFunction", wanted))
    assert SECRET.encode() not in canonical(made.assessment)
    assert SECRET.encode() in canonical(made.captures), "the capture is complete: it goes to the vault"


def test_the_state_digest_moves_with_declared_fields_only(account: Account) -> None:
    """An approval is bound to it: configuration moves it, items do not."""
    make_table(account)
    first = assess(account, DELETE_TABLE).assessment.state_digest
    account.client("dynamodb").put_item(TableName=RIGHT, Item={"id": {"S": "new"}})
    assert assess(account, DELETE_TABLE).assessment.state_digest == first
    account.client("dynamodb").update_table(TableName=RIGHT, DeletionProtectionEnabled=True)
    assert assess(account, DELETE_TABLE).assessment.state_digest != first


def test_a_second_reading_gives_the_same_digest(account: Account) -> None:
    """`recapture` just before the call is compared with what was approved."""
    make_table(account)
    provider = AwsProvider(seal, {})
    before = assess(account, DELETE_TABLE).assessment.state_digest
    now = drive(provider.recapture(change(DELETE_TABLE), requests(DELETE_TABLE)), account)
    assert now.digest == before


def test_the_configured_account_counts(account: Account) -> None:
    """A resource without a tag is in the environment of its account."""
    found = assess(account, DELETE_TABLE, accounts={ACCOUNT: "development"}).assessment
    assert found.environment == "development"


def test_whatever_happens_an_assessment_comes_out() -> None:
    """An account that answers nothing, or nonsense, makes unknowns; it never makes silence."""
    provider = AwsProvider(seal, {})
    for name, parameters in (
        DELETE_TABLE,
        DELETE_FUNCTION,
        ("s3:DeleteBucket", {"Bucket": "b"}),
        ("x:Y", {}),
    ):
        asked = (name, parameters)
        made = drive(provider.assess(change(asked), requests(asked), at_ms=0), scripted({}))
        assert made.assessment.unknowns, name
        assert made.assessment.effect.severity >= Effect.EXECUTE.severity, name


def test_nonsense_from_the_account_is_a_doubt_not_a_crash() -> None:
    """A service that answers in a shape nobody expects must end in an assessment that says so."""
    provider = AwsProvider(seal, {})
    garbled = scripted({"dynamodb:DescribeTable": {"Unexpected": 1}, "lambda:GetFunction": {}})
    for asked in (DELETE_TABLE, DELETE_FUNCTION):
        made = drive(provider.assess(change(asked), requests(asked), at_ms=0), garbled)
        assert made.assessment.unknowns
        assert made.assessment.effect.severity >= Effect.EXECUTE.severity


def test_the_lane_is_chosen_by_the_catalogue() -> None:
    """Reads go by; everything else and everything unknown is a change."""
    provider = AwsProvider(seal, {})
    assert provider.lane(operation("dynamodb:GetItem", {"TableName": "t"})) is Lane.READ
    assert provider.lane(operation("dynamodb:PutItem", {"TableName": "t"})) is Lane.CHANGE
    assert provider.lane(operation("secretsmanager:GetSecretValue", {"SecretId": "s"})) is Lane.CHANGE
    assert provider.lane(operation("dynamodb:NotYetInvented", {})) is Lane.CHANGE


@pytest.mark.parametrize(
    ("first", "second", "replaces"),
    [
        (
            DELETE_FUNCTION,
            ("lambda:CreateFunction", {"FunctionName": "report", "Role": "r", "Code": {}}),
            True,
        ),
        (
            ("lambda:DeleteFunctionConcurrency", {"FunctionName": "report"}),
            ("lambda:PublishVersion", {"FunctionName": "report"}),
            False,
        ),
        (
            ("dynamodb:DeleteItem", {"TableName": RIGHT, "Key": {}}),
            ("dynamodb:CreateBackup", {"TableName": RIGHT, "BackupName": "b"}),
            False,
        ),
        (DELETE_TABLE, ("dynamodb:CreateTable", {"TableName": "other"}), False),
        (
            ("rds:DeleteDBInstance", {"DBInstanceIdentifier": "d"}),
            ("rds:CreateDBInstance", {"DBInstanceIdentifier": "d"}),
            True,
        ),
    ],
)
def test_a_replace_is_a_delete_and_a_create_of_one_identity(first: Any, second: Any, replaces: bool) -> None:
    """Taking something out of a resource, and adding something to it, is not making it anew."""
    assert (narrow.replaced(change(first, second)) is not None) is replaces


def test_an_object_is_in_the_environment_of_its_bucket() -> None:
    """A tag on the object does not talk a production bucket down."""
    asked = ("s3:DeleteObject", {"Bucket": "reports", "Key": "k"})
    made = change(asked)
    states: dict[str, Any] = {
        "s3:object/reports/k": {"tags": {"environment": "dev"}},
        "s3:bucket/reports": {"tags": {"environment": "production"}},
    }
    contexts = [Context(made.operations[0], asked[1], states)]
    taken = Taken(Captures(states=states), ())
    assert places.environment_of(places.hear(made, contexts, taken, {})) == "production"
