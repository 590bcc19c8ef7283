"""Lambda functions: captured, narrowed to one call, put back in place, code by its digest."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from moto import mock_aws

from keyturn.model.change import ResourceRef
from keyturn.model.execution import Role, Succeeded, Unavailable
from keyturn.providers.aws.recipes.base import State, call
from keyturn.providers.aws.recipes.lambda_ import Function
from tests.provider.moto_account import RIGHT, SECRET, TAGS, WRONG, archive, function_parameters, make_role
from tests.provider.provider_world import ACCOUNT, REGION, Account, drive

RECIPE = Function()
REF = ResourceRef("aws", "aws", ACCOUNT, REGION, "lambda:function", "report")


@pytest.fixture
def account() -> Any:
    with mock_aws():
        made = Account()
        role = make_role(made)
        made.client("lambda").create_function(**function_parameters(role))
        yield made


def captured(account: Account) -> State:
    found = drive(RECIPE.capture(REF), account)
    assert found.unknowns == ()
    assert found.state is not None
    return found.state


def asked(account: Account, **given: Any) -> dict[str, Any]:
    """A create of the same function with something else."""
    role = account.client("iam").get_role(RoleName="runner")["Role"]["Arn"]
    return {**function_parameters(role), **given}


def perform(account: Account, operation: str, parameters: dict[str, Any]) -> None:
    answer = account(call(REF, operation, parameters, Role.CHANGE))
    assert isinstance(answer, Succeeded), answer


def test_a_function_is_captured_whole(account: Account) -> None:
    """Configuration, environment, the digest of its code, tags."""
    state = captured(account)
    assert (state["runtime"], state["handler"], state["timeout"]) == ("python3.12", "app.handler", 30)
    assert state["environment"] == {"KEY": SECRET, "TABLE": WRONG}
    assert state["code_sha256"]
    assert state["tags"] == TAGS


def test_what_is_not_there_is_absent_and_what_does_not_answer_is_not(account: Account) -> None:
    """Certain and uncertain are two things."""
    absent = drive(RECIPE.capture(msgspec.structs.replace(REF, id="nothing")), account)
    assert absent.state is None
    account.broken["lambda:GetFunction"] = Unavailable("throttled")
    silent = drive(RECIPE.capture(REF), account)
    assert silent.state is None
    assert "throttled" in silent.unknowns[0]


def test_the_bug_of_the_night_is_one_call(account: Account) -> None:
    """Delete and create with the right table: UpdateFunctionConfiguration, and it does what was wanted."""
    environment = {"Variables": {"TABLE": RIGHT, "KEY": SECRET}}
    desired = RECIPE.desired("lambda:CreateFunction", asked(account, Environment=environment))
    assert desired is not None
    found = RECIPE.narrow(REF, captured(account), desired)
    assert found is not None
    assert [path for path, _, _ in found.changed] == ["environment"]
    (step,) = found.steps
    assert (step.operation, step.parameters) == (
        "lambda:UpdateFunctionConfiguration",
        {"FunctionName": "report", "Environment": environment},
    )
    perform(account, step.operation, step.parameters)
    again = RECIPE.narrow(REF, captured(account), desired)
    assert again is not None
    assert again.changed == ()


NARROW: list[tuple[str, dict[str, Any], list[str], str]] = [
    ("nothing differs", {}, [], ""),
    ("memory and time", {"MemorySize": 512, "Timeout": 60}, ["lambda:UpdateFunctionConfiguration"], ""),
    ("a tag", {"Tags": {"team": "a"}}, ["lambda:TagResource"], ""),
    ("other code", {"Code": {"ZipFile": archive("new")}}, [], "code: it differs"),
    ("code by reference", {"Code": {"S3Bucket": "b", "S3Key": "k"}}, [], "given by reference"),
]


@pytest.mark.parametrize(("what", "given", "steps", "unknown"), NARROW, ids=[row[0] for row in NARROW])
def test_other_wishes(
    account: Account, what: str, given: dict[str, Any], steps: list[str], unknown: str
) -> None:
    """Each in place; what could not be compared is said."""
    desired = RECIPE.desired("lambda:CreateFunction", asked(account, **given))
    assert desired is not None
    found = RECIPE.narrow(REF, captured(account), desired)
    assert found is not None
    assert [step.operation for step in found.steps] == steps
    assert unknown in "; ".join(found.unknown)


def test_an_architecture_cannot_be_changed_in_place(account: Account) -> None:
    """That needs a replace, decided by people."""
    desired = RECIPE.desired("lambda:CreateFunction", asked(account, Architectures=["arm64"]))
    assert desired is not None
    found = RECIPE.narrow(REF, captured(account), desired)
    assert found is not None
    assert found.immutable == ("architectures",)


INVERSES: list[tuple[str, dict[str, Any]]] = [
    (
        "lambda:UpdateFunctionConfiguration",
        {"FunctionName": "report", "Environment": {"Variables": {"TABLE": RIGHT}}},
    ),
    ("lambda:UpdateFunctionConfiguration", {"FunctionName": "report", "Timeout": 60, "Description": "x"}),
    ("lambda:PutFunctionConcurrency", {"FunctionName": "report", "ReservedConcurrentExecutions": 5}),
]


@pytest.mark.parametrize(("operation", "parameters"), INVERSES)
def test_an_update_in_place_is_put_back(account: Account, operation: str, parameters: dict[str, Any]) -> None:
    """The fingerprint tells the change, and is as it was after the inverse."""
    before = captured(account)
    assert RECIPE.fingerprint(captured(account)) == RECIPE.fingerprint(before)
    perform(account, operation, parameters)
    assert RECIPE.fingerprint(captured(account)) != RECIPE.fingerprint(before)
    stored: State = msgspec.json.decode(msgspec.json.encode(before))
    for step in RECIPE.inverse(operation, parameters, REF, stored):
        perform(account, step.operation, step.parameters)
    assert RECIPE.fingerprint(captured(account)) == RECIPE.fingerprint(before)


def test_tags_are_put_back(account: Account) -> None:
    """What had another value gets it again, what is new is taken off."""
    before = captured(account)
    given = {"Resource": before["arn"], "Tags": {"environment": "dev", "new": "1"}}
    perform(account, "lambda:TagResource", given)
    for step in RECIPE.inverse("lambda:TagResource", given, REF, before):
        perform(account, step.operation, step.parameters)
    assert captured(account)["tags"] == before["tags"]


def test_new_code_has_no_inverse(account: Account) -> None:
    """Promised is only what can be done; the loss is said beforehand."""
    state = captured(account)
    assert RECIPE.inverse("lambda:UpdateFunctionCode", {"FunctionName": "report"}, REF, state) == ()
    assert any("deleted function" in loss for loss in RECIPE.loss)
