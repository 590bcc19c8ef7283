"""SSM parameters: captured whole, given back, put back in place; a secure string never in plaintext but in its backup's steps."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from moto import mock_aws

from keyturn.errors import UnavailableError
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Answer, Role, Unavailable
from keyturn.providers.aws.recipes import for_kind
from keyturn.providers.aws.recipes.base import Narrow, State
from keyturn.providers.aws.recipes.ssm import BACKUP_PATH, Parameter, is_ours
from tests.provider.provider_world import ACCOUNT, REGION, Account, drive, scripted
from tests.recipes.recipe_world import assessed

RECIPE = Parameter()
REF = ResourceRef("aws", "aws", ACCOUNT, REGION, "ssm:parameter", "/cost/currency")
SECRET_REF = msgspec.structs.replace(REF, id="/cost/token")
PLAIN = "hunter2-is-never-shown"


@pytest.fixture
def account() -> Any:
    with mock_aws():
        made = Account()
        client = made.client("ssm")
        for value in ("USD", "EUR"):
            client.put_parameter(Name=REF.id, Value=value, Type="String", Overwrite=value == "EUR")
        client.put_parameter(
            Name=SECRET_REF.id, Value=PLAIN, Type="SecureString", Description="of the report", Tier="Standard"
        )
        for name in (REF.id, SECRET_REF.id):
            client.add_tags_to_resource(
                ResourceType="Parameter",
                ResourceId=name,
                Tags=[{"Key": "environment", "Value": "production"}],
            )
        yield made


def captured(account: Account, ref: ResourceRef = REF) -> State:
    found = drive(RECIPE.capture(ref), account)
    assert found.unknowns == ()
    assert found.state is not None
    return found.state


def test_a_parameter_is_captured_whole(account: Account) -> None:
    """What PutParameter sets, the tags, and how many versions stand behind it."""
    state = captured(account)
    assert {name: state[name] for name in ("value", "type", "tier", "data_type", "version", "tags")} == {
        "value": "EUR",
        "type": "String",
        "tier": "Standard",
        "data_type": "text",
        "version": 2,
        "tags": {"environment": "production"},
    }
    assert RECIPE.at_risk(state) == "2 versions of a String"


def test_a_secure_string_is_captured_without_its_plaintext(account: Account) -> None:
    """Only read calls, none with decryption; a new value shows by its version."""
    before = captured(account, SECRET_REF)
    assert PLAIN not in json.dumps(before)
    assert not any(call.parameters.get("WithDecryption") or call.mutates for call in account.said)
    account.client("ssm").put_parameter(Name=SECRET_REF.id, Value="new", Type="SecureString", Overwrite=True)
    assert RECIPE.fingerprint(captured(account, SECRET_REF)) != RECIPE.fingerprint(before)


def test_what_is_not_there_is_absent_and_what_does_not_answer_is_not(account: Account) -> None:
    """Certain and uncertain are two things."""
    absent = drive(RECIPE.capture(msgspec.structs.replace(REF, id="/nothing")), account)
    assert (absent.state, absent.unknowns) == (None, ())
    account.broken["ssm:GetParameter"] = Unavailable("throttled")
    silent = drive(RECIPE.capture(REF), account)
    assert (silent.state, silent.unknowns) == (None, ("GetParameter: throttled",))


CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("another value", {"Value": "CHF"}),
    ("another description", {"Value": "EUR", "Description": "new"}),
    ("another tier", {"Value": "EUR", "Tier": "Advanced"}),
]


@pytest.mark.parametrize(("what", "given"), CHANGES, ids=[row[0] for row in CHANGES])
def test_the_fingerprint_tells_what_matters(account: Account, what: str, given: dict[str, Any]) -> None:
    """Equal twice in a row, different after each change, equal again once it is put back."""
    before = captured(account)
    assert RECIPE.fingerprint(captured(account)) == RECIPE.fingerprint(before)
    account.client("ssm").put_parameter(Name=REF.id, Type="String", Overwrite=True, **given)
    after = captured(account)
    assert RECIPE.fingerprint(after) != RECIPE.fingerprint(before)


def test_the_narrow_patch_is_one_call(account: Account) -> None:
    """Delete and put anew with another value: one PutParameter over what stands, tags where they are missing."""
    state = captured(account)
    desired = RECIPE.desired("ssm:PutParameter", {"Name": REF.id, "Value": "CHF", "Type": "String"})
    assert desired is not None
    found = RECIPE.narrow(REF, state, desired)
    assert isinstance(found, Narrow)
    assert [(step.operation, step.parameters) for step in found.steps] == [
        ("ssm:PutParameter", {"Name": REF.id, "Value": "CHF", "Overwrite": True})
    ]
    assert found.changed == (("value", "EUR", "CHF"),)
    drive_step(account, found)
    assert captured(account)["value"] == "CHF"


def drive_step(account: Account, found: Narrow) -> None:
    for step in found.steps:
        account.client("ssm").put_parameter(**step.parameters)


EXPIRES = {"Type": "Expiration", "Version": "1.0", "Attributes": {"Timestamp": "2030-01-01T00:00:00Z"}}
NOTIFIES = {
    "Type": "NoChangeNotification",
    "Version": "1.0",
    "Attributes": {"After": "20", "Unit": "Days"},
}


def test_policies_are_the_same_however_they_are_spelled(account: Account) -> None:
    """PutParameter takes one text of all, DescribeParameters gives a text of each; the patch speaks PutParameter's."""
    listed = [{"PolicyText": json.dumps(one), "PolicyStatus": "Pending"} for one in (NOTIFIES, EXPIRES)]
    described = {"Parameters": [{"Name": REF.id, "Tier": "Advanced", "Policies": listed}]}
    answers: dict[str, Answer | dict[str, Any]] = {
        "ssm:GetParameter": {"Parameter": {"Name": REF.id, "Value": "EUR", "Type": "String", "Version": 1}},
        "ssm:DescribeParameters": described,
        "ssm:ListTagsForResource": {"TagList": []},
    }
    state = drive(RECIPE.capture(REF), scripted(answers)).state
    assert state is not None
    given = {"Name": REF.id, "Value": "EUR", "Policies": json.dumps([EXPIRES, NOTIFIES], indent=1)}
    same = RECIPE.narrow(REF, state, RECIPE.desired("ssm:PutParameter", given) or {})
    assert same is not None
    assert same.steps == ()
    wish = RECIPE.desired("ssm:PutParameter", {**given, "Policies": json.dumps([NOTIFIES])})
    other = RECIPE.narrow(REF, state, wish or {})
    assert other is not None
    (step,) = other.steps
    assert json.loads(step.parameters["Policies"]) == [NOTIFIES]
    (again,) = RECIPE.restore_plan(REF, state, None)
    assert sorted(one["Type"] for one in json.loads(again.parameters["Policies"])) == [
        "Expiration",
        "NoChangeNotification",
    ]


def test_reviewers_see_what_an_overwrite_sets_and_never_the_value(account: Account) -> None:
    """What the request names, against what stands; values sealed on both sides."""
    asked = {"Name": REF.id, "Value": "CHF", "Description": "new", "Overwrite": True}
    _, assessment, _ = assessed(account, ("ssm:PutParameter", asked))
    shown = {one.path: (one.before, one.after) for one in assessment.differences}
    assert sorted(shown) == ["description", "value"]
    assert shown["description"] == ("", "new")
    assert all(set(side) == {"$sealed"} for side in shown["value"])
    assert "CHF" not in str(shown)


def test_a_put_with_overwrite_is_the_narrow_way_itself() -> None:
    """It asks for no new parameter."""
    assert RECIPE.desired("ssm:PutParameter", {"Name": "/x", "Value": "1", "Overwrite": True}) is None


def test_tags_and_a_secure_value_in_a_narrow_patch(account: Account) -> None:
    """Missing tags are added; a secure value is set and said not to have been compared."""
    wanted = RECIPE.desired(
        "ssm:PutParameter",
        {
            "Name": SECRET_REF.id,
            "Value": "other",
            "Type": "SecureString",
            "Tags": [{"Key": "team", "Value": "a"}],
        },
    )
    assert wanted is not None
    found = RECIPE.narrow(SECRET_REF, captured(account, SECRET_REF), wanted)
    assert found is not None
    assert [step.operation for step in found.steps] == ["ssm:PutParameter", "ssm:AddTagsToResource"]
    assert found.unknown == ("value: it is a secure string and was not compared",)


INVERSES: list[tuple[str, dict[str, Any]]] = [
    ("ssm:PutParameter", {"Name": REF.id, "Value": "CHF", "Overwrite": True}),
    (
        "ssm:AddTagsToResource",
        {"ResourceType": "Parameter", "ResourceId": REF.id, "Tags": [{"Key": "environment", "Value": "dev"}]},
    ),
    (
        "ssm:AddTagsToResource",
        {"ResourceType": "Parameter", "ResourceId": REF.id, "Tags": [{"Key": "new", "Value": "1"}]},
    ),
    (
        "ssm:RemoveTagsFromResource",
        {"ResourceType": "Parameter", "ResourceId": REF.id, "TagKeys": ["environment"]},
    ),
]


@pytest.mark.parametrize(("operation", "parameters"), INVERSES)
def test_an_update_in_place_is_put_back(account: Account, operation: str, parameters: dict[str, Any]) -> None:
    """After the call and its inverse the fingerprint is as it was."""
    before = captured(account)
    perform(account, operation, parameters)
    assert RECIPE.fingerprint(captured(account)) != RECIPE.fingerprint(before)
    for step in RECIPE.inverse(operation, parameters, REF, before):
        perform(account, step.operation, step.parameters)
    assert RECIPE.fingerprint(captured(account)) == RECIPE.fingerprint(before)


def perform(account: Account, operation: str, parameters: dict[str, Any]) -> None:
    from keyturn.model.execution import Succeeded
    from keyturn.providers.aws.recipes.base import call

    assert isinstance(account(call(REF, operation, parameters, Role.CHANGE)), Succeeded)


def test_a_secure_value_has_no_inverse(account: Account) -> None:
    """What was not captured cannot be put back in place."""
    assert RECIPE.inverse("ssm:PutParameter", {}, SECRET_REF, captured(account, SECRET_REF)) == ()


@pytest.mark.parametrize("ref", [REF, SECRET_REF], ids=["string", "secure string"])
def test_backup_delete_restore(account: Account, ref: ResourceRef) -> None:
    """The backup is proved, the parameter deleted, given back, and equal but for its history, which is said."""
    state = captured(account, ref)
    backup = drive(RECIPE.backup(ref, state, case_id="C-7", at_ms=1), account)
    assert backup.verified_by
    assert PLAIN not in str(msgspec.to_builtins(backup))
    account.client("ssm").delete_parameter(Name=ref.id)
    stored: State = msgspec.json.decode(msgspec.json.encode(state))  # as it comes out of the vault
    honest = drive(RECIPE.restore(ref, stored, backup), account)
    expected = ("versions: it was at 2 and is at 1; the earlier values are gone",) if ref is REF else ()
    assert honest == expected
    value = account.client("ssm").get_parameter(Name=ref.id, WithDecryption=True)["Parameter"]["Value"]
    assert value == ("EUR" if ref is REF else PLAIN)
    assert (
        drive(RECIPE.restore(ref, stored, backup), account) == expected
    )  # again after a crash: nothing twice


def test_a_secure_backup_is_a_copy_only_the_backup_role_touches(account: Account) -> None:
    """Under the plane's own path, with its plaintext read and written by no other role."""
    state = captured(account, SECRET_REF)
    account.said.clear()
    backup = drive(RECIPE.backup(SECRET_REF, state, case_id="C-7", at_ms=1), account)
    assert backup.reference.startswith(BACKUP_PATH + "/C-7/")
    assert is_ours(backup.reference)
    assert not is_ours(SECRET_REF.id)
    assert {call.role for call in account.said} == {Role.BACKUP}


def test_a_backup_of_what_changed_meanwhile_is_none(account: Account) -> None:
    """What is saved is what was captured, or nothing is."""
    state = captured(account)
    account.client("ssm").put_parameter(Name=REF.id, Value="CHF", Type="String", Overwrite=True)
    with pytest.raises(UnavailableError, match="changed while it was captured"):
        drive(RECIPE.backup(REF, state, case_id="C-7", at_ms=1), account)


def test_the_runbook_needs_no_keyturn(account: Account) -> None:
    """One aws command; a secret by reference to its copy."""
    state = captured(account, SECRET_REF)
    backup = drive(RECIPE.backup(SECRET_REF, state, case_id="C-7", at_ms=1), account)
    text = RECIPE.manifest(SECRET_REF, state, backup)
    assert "aws ssm put-parameter" in text
    assert f"--name {backup.reference}" in text
    assert PLAIN not in text


def test_it_is_registered() -> None:
    """By its kind."""
    assert isinstance(for_kind("ssm:parameter"), Parameter)
