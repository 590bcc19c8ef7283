"""A deleted Lambda function made again: its very code, the versions that aliases name, and everything by which it is called."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from keyturn.core.keeping import ITEM_BYTES_MAX
from keyturn.errors import UnavailableError
from keyturn.model.assessment import Reversibility
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Refused, Succeeded, Unavailable
from keyturn.providers.aws.recipes.base import Leaves, State
from keyturn.providers.aws.recipes.lambda_ import Function
from keyturn.providers.aws.told import CODE
from tests.provider.moto_account import SECRET, function_parameters, make_role
from tests.provider.provider_world import ACCOUNT, REGION, Account, drive
from tests.recipes.recipe_world import PROVIDER, Asked, assessed, backed_up, perform, verified

RECIPE = Function()
REF = ResourceRef("aws", "aws", ACCOUNT, REGION, "lambda:function", "report")
DELETE: Asked = ("lambda:DeleteFunction", {"FunctionName": "report"})


def archive(text: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr(zipfile.ZipInfo("app.py"), text)
    return made.getvalue()


@pytest.fixture
def account() -> Iterator[Account]:
    """A function with two published versions, of which one is live and one is tried, and newer code that nobody published."""
    with mock_aws():
        made = Account()
        client, name = made.client("lambda"), "report"
        client.create_function(**function_parameters(make_role(made)))
        client.publish_version(FunctionName=name)
        client.update_function_code(FunctionName=name, ZipFile=archive("two"))
        client.publish_version(FunctionName=name)
        client.update_function_code(FunctionName=name, ZipFile=archive("three"))
        client.update_function_configuration(FunctionName=name, Timeout=60)
        client.create_alias(
            FunctionName=name, Name="live", FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}}
        )  # fmt: skip
        client.create_alias(
            FunctionName=name, Name="next", FunctionVersion="$LATEST", Description="tried out"
        )
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=5)
        client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=1)
        client.create_function_url_config(FunctionName=name, AuthType="AWS_IAM")
        client.add_permission(
            FunctionName=name,
            StatementId="bucket",
            Action="lambda:InvokeFunction",
            Principal="s3.amazonaws.com",
            SourceArn="arn:aws:s3:::uploads",
        )
        yield made


def captured(account: Account) -> State:
    found = drive(RECIPE.capture(REF), account)
    assert found.unknowns == ()
    assert found.state is not None
    return found.state


def declared(state: State) -> State:
    return {field: state.get(field) for field in RECIPE.fields}


def codes(account: Account) -> dict[str, str]:
    client = account.client("lambda")
    return {
        version: client.get_function_configuration(FunctionName="report", Qualifier=version)["CodeSha256"]
        for version in ("1", "2", "$LATEST")
    }


def test_a_deleted_function_comes_back_with_its_code_and_the_versions_that_aliases_name(
    account: Account,
) -> None:
    """Each code has the digest it had; only the function's URL is another, and that is said."""
    state, stood = captured(account), codes(account)
    assert len(set(stood.values())) == 3
    made, assessment, states = assessed(account, DELETE)
    (promise,) = assessment.recoverable
    assert (promise.backup, promise.inverse, promise.loss) == (True, False, RECIPE.loss)
    assert promise.recover_s
    assert assessment.reversibility is Reversibility.R3, "a backup, taken first, gives it back"
    backups = backed_up(account, made, states)
    assert "3 archives, each with the digest that Lambda says" in backups[0].verified_by
    perform(account, DELETE)
    assert verified(account, made, states, DELETE).status == "succeeded"
    plan = PROVIDER.plan_undo(made, states, backups)
    assert plan.possible, plan.why
    assert [one.action for one in plan.operations] == [
        "CreateFunction",
        "PublishVersion",
        "UpdateFunctionCode",
        "UpdateFunctionConfiguration",
        "PublishVersion",
        "UpdateFunctionCode",
        "UpdateFunctionConfiguration",
        "PutFunctionConcurrency",
        "PutFunctionEventInvokeConfig",
        "CreateFunctionUrlConfig",
        "CreateAlias",
        "CreateAlias",
        "AddPermission",
    ]
    assert SECRET not in repr(plan)
    (told,) = drive(PROVIDER.undo(made, states, backups), account)
    assert told.startswith(f"function URL: it was {state['address']} and is ")
    assert declared(captured(account)) == declared(state)
    assert codes(account) == stood
    text = PROVIDER.manifest(made, backups[0], states)
    assert "aws lambda create-function" in text
    assert SECRET not in text


def test_versions_with_other_numbers_are_named_and_aliases_follow_them(account: Account) -> None:
    """AWS gives no number twice; the stand-in does, so that here a version before them is gone."""
    client = account.client("lambda")
    client.update_alias(
        FunctionName="report",
        Name="live",
        FunctionVersion="2",
        RoutingConfig={"AdditionalVersionWeights": {}},
    )
    client.delete_function_url_config(FunctionName="report")
    made, _, states = assessed(account, DELETE)
    backups = backed_up(account, made, states)
    perform(account, DELETE)
    assert drive(PROVIDER.undo(made, states, backups), account) == (
        "version 2 is 1 now: what names it by number has to be told",
    )
    assert captured(account)["aliases"]["live"]["FunctionVersion"] == "1"


def test_one_version_deleted_is_not_the_function(account: Account) -> None:
    """The function stands afterwards, and nothing promises the number of a version again."""
    asked: Asked = ("lambda:DeleteFunction", {"FunctionName": "report", "Qualifier": "2"})
    assert RECIPE.leaves(*asked, REF) is Leaves.STANDING
    assert RECIPE.leaves("lambda:DeleteFunction", {"FunctionName": "report:2"}, REF) is Leaves.STANDING
    assert RECIPE.leaves(*DELETE, REF) is Leaves.GONE
    made, _, states = assessed(account, asked)
    with pytest.raises(UnavailableError, match="number is never given again"):
        backed_up(account, made, states)
    perform(account, asked)
    assert verified(account, made, states, asked).status == "succeeded"
    assert "number is never given again" in PROVIDER.plan_undo(made, states, ()).why


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Unavailable("it lies at evil.example, which is not S3"), "not S3"),
        (Succeeded({"Body": archive("other")}), "is not what"),
    ],
    ids=["not fetched", "another code"],
)
def test_code_that_is_not_the_functions_own_is_no_backup(answer: Any, why: str, account: Account) -> None:
    """Nor is one that could not be fetched: the call does not leave."""
    made, _, states = assessed(account, DELETE)
    account.broken[CODE] = answer
    with pytest.raises(UnavailableError, match=why):
        backed_up(account, made, states)


def test_what_is_too_large_or_not_known_has_no_backup(account: Account) -> None:
    """And it is said beforehand, as what would not come back."""
    state = captured(account)
    for other in ({"code_bytes": ITEM_BYTES_MAX + 1}, {"package": "Image", "image": None}):
        assert not RECIPE.recoverable(REF, {**state, **other}).backup
        assert RECIPE.unrestorable(*DELETE, REF, {**state, **other})


def test_an_image_is_left_where_it_lies(account: Account) -> None:
    """A function that runs an image is made again from the very digest it ran; nothing is exported."""
    image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/web@sha256:{'a' * 64}"
    state = {
        **captured(account),
        "package": "Image",
        "image": image,
        "runtime": None,
        "handler": None,
        "versions": {},
    }
    steps = RECIPE.restore_plan(REF, state, None)
    assert steps[0].parameters["Code"] == {"ImageUri": image}
    assert "Runtime" not in steps[0].parameters
    assert RECIPE.recoverable(REF, state).backup


def test_a_role_that_has_just_been_made_is_waited_for(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service says that it cannot be assumed; the create is made again, some times."""
    made, _, states = assessed(account, DELETE)
    backups = backed_up(account, made, states)
    perform(account, DELETE)
    late = [
        Refused(
            "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda."
        )
    ] * 2
    answer = Account.__call__

    def slow(self: Account, call: Any) -> Any:
        return late.pop() if call.operation == "lambda:CreateFunction" and late else answer(self, call)

    monkeypatch.setattr(Account, "__call__", slow)
    told = drive(PROVIDER.undo(made, states, backups), account)
    assert len(told) == 1
    assert late == []


@pytest.mark.parametrize(
    ("asked", "stood"),
    [
        (("lambda:CreateAlias", {"Name": "live"}), True),
        (("lambda:CreateAlias", {"Name": "gone"}), False),
        (("lambda:CreateFunctionUrlConfig", {}), True),
        (("lambda:AddPermission", {"StatementId": "other"}), False),
        (("lambda:PublishVersion", {}), False),
        (("lambda:CreateFunction", {}), True),
    ],
    ids=str,
)
def test_an_unanswered_step_is_looked_up_by_what_it_makes(
    asked: Asked, stood: bool, account: Account
) -> None:
    """That the function stands says nothing of its aliases."""
    assert RECIPE.settled(*asked, REF, captured(account)) is stood
