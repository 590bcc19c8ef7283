"""IAM: identities are captured whole and put back in place; a new identity is never passed for the old one."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from moto import mock_aws

from keyturn.model.change import ResourceRef
from keyturn.model.execution import Role, Succeeded, Unavailable
from keyturn.providers.aws.recipes import for_kind
from keyturn.providers.aws.recipes.base import State, call
from tests.provider.provider_world import ACCOUNT, Account, drive
from tests.recipes.recipe_world import assessed

ROLE = ResourceRef("aws", "aws", ACCOUNT, "", "iam:role", "report")
USER = msgspec.structs.replace(ROLE, kind="iam:user", id="batch")
POLICY = msgspec.structs.replace(ROLE, kind="iam:policy", id="finance/read-costs")
PROFILE = msgspec.structs.replace(ROLE, kind="iam:instance-profile", id="fleet")
POLICY_ARN = f"arn:aws:iam::{ACCOUNT}:policy/finance/read-costs"


def trust(service: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def may(action: str) -> str:
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}
    )


@pytest.fixture
def account() -> Any:
    with mock_aws():
        made = Account()
        iam = made.client("iam")
        tags = [{"Key": "environment", "Value": "production"}]
        iam.create_policy(PolicyName="read-costs", Path="/finance/", PolicyDocument=may("ce:Get*"), Tags=tags)
        iam.create_role(RoleName="report", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"), Tags=tags)
        iam.put_role_policy(RoleName="report", PolicyName="own", PolicyDocument=may("dynamodb:GetItem"))
        iam.attach_role_policy(RoleName="report", PolicyArn=POLICY_ARN)
        iam.create_instance_profile(InstanceProfileName="fleet", Tags=tags)
        iam.add_role_to_instance_profile(InstanceProfileName="fleet", RoleName="report")
        iam.create_user(UserName="batch", Tags=tags)
        iam.create_access_key(UserName="batch")
        iam.put_user_policy(UserName="batch", PolicyName="own", PolicyDocument=may("s3:GetObject"))
        yield made


def captured(account: Account, ref: ResourceRef) -> State:
    recipe = for_kind(ref.kind)
    assert recipe is not None
    found = drive(recipe.capture(ref), account)
    assert found.unknowns == ()
    assert found.state is not None
    return found.state


def fingerprint(account: Account, ref: ResourceRef) -> str:
    recipe = for_kind(ref.kind)
    assert recipe is not None
    return recipe.fingerprint(captured(account, ref))


def perform(account: Account, operation: str, parameters: dict[str, Any]) -> None:
    answer = account(call(ROLE, operation, parameters, Role.CHANGE))
    assert isinstance(answer, Succeeded), answer


def test_a_role_is_captured_whole(account: Account) -> None:
    """Who may assume it, what it may, where it is used, and its unique id."""
    state = captured(account, ROLE)
    assert state["trust"]["Statement"][0]["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert state["inline"]["own"]["Statement"][0]["Action"] == "dynamodb:GetItem"
    assert (state["attached"], state["instance_profiles"]) == ([POLICY_ARN], ["fleet"])
    assert state["unique_id"].startswith("AROA")
    assert state["tags"] == {"environment": "production"}


def test_the_others_are_captured_whole(account: Account) -> None:
    """A user without any secret, a policy with whom it serves, a profile with its role."""
    user = captured(account, USER)
    assert (len(user["access_keys"]), user["password"], list(user["inline"])) == (1, False, ["own"])
    policy = captured(account, POLICY)
    assert (policy["attached_to"], policy["default_version"]) == (["iam:role/report"], "v1")
    assert captured(account, PROFILE)["roles"] == ["report"]


def test_who_depends_on_it_is_met_on_the_way(account: Account) -> None:
    """The blast radius of a policy and of a role."""
    for ref, expected in ((POLICY, "iam:role/report"), (ROLE, "iam:instance-profile/fleet")):
        recipe = for_kind(ref.kind)
        assert recipe is not None
        found = drive(recipe.capture(ref), account)
        assert [str(edge.resource) for edge in found.dependents] == [expected]


@pytest.mark.parametrize("ref", [ROLE, USER, POLICY, PROFILE], ids=str)
def test_what_is_not_there_is_absent_and_what_does_not_answer_is_not(
    account: Account, ref: ResourceRef
) -> None:
    """Certain and uncertain are two things."""
    recipe = for_kind(ref.kind)
    assert recipe is not None
    absent = drive(recipe.capture(msgspec.structs.replace(ref, id="nothing")), account)
    assert (absent.state, absent.unknowns) == (None, ())
    for name in ("GetRole", "GetUser", "GetPolicy", "GetInstanceProfile"):
        account.broken[f"iam:{name}"] = Unavailable("throttled")
    silent = drive(recipe.capture(ref), account)
    assert silent.state is None
    assert "throttled" in silent.unknowns[0]


CHANGES: list[tuple[ResourceRef, str, dict[str, Any]]] = [
    (
        ROLE,
        "iam:UpdateAssumeRolePolicy",
        {"RoleName": "report", "PolicyDocument": trust("ec2.amazonaws.com")},
    ),
    (ROLE, "iam:UpdateRole", {"RoleName": "report", "MaxSessionDuration": 7200}),
    (ROLE, "iam:PutRolePolicy", {"RoleName": "report", "PolicyName": "own", "PolicyDocument": may("s3:*")}),
    (ROLE, "iam:PutRolePolicy", {"RoleName": "report", "PolicyName": "new", "PolicyDocument": may("s3:*")}),
    (ROLE, "iam:DeleteRolePolicy", {"RoleName": "report", "PolicyName": "own"}),
    (ROLE, "iam:DetachRolePolicy", {"RoleName": "report", "PolicyArn": POLICY_ARN}),
    (ROLE, "iam:PutRolePermissionsBoundary", {"RoleName": "report", "PermissionsBoundary": POLICY_ARN}),
    (ROLE, "iam:TagRole", {"RoleName": "report", "Tags": [{"Key": "environment", "Value": "dev"}]}),
    (ROLE, "iam:UntagRole", {"RoleName": "report", "TagKeys": ["environment"]}),
    (USER, "iam:DeleteUserPolicy", {"UserName": "batch", "PolicyName": "own"}),
    (USER, "iam:AttachUserPolicy", {"UserName": "batch", "PolicyArn": POLICY_ARN}),
    (USER, "iam:TagUser", {"UserName": "batch", "Tags": [{"Key": "new", "Value": "1"}]}),
    (PROFILE, "iam:RemoveRoleFromInstanceProfile", {"InstanceProfileName": "fleet", "RoleName": "report"}),
]


@pytest.mark.parametrize(
    ("ref", "operation", "parameters"), CHANGES, ids=[f"{r[1]}-{n}" for n, r in enumerate(CHANGES)]
)
def test_an_update_in_place_is_put_back(
    account: Account, ref: ResourceRef, operation: str, parameters: dict[str, Any]
) -> None:
    """The fingerprint tells the change, and is as it was after the inverse."""
    recipe = for_kind(ref.kind)
    assert recipe is not None
    assert operation in recipe.updates
    before = captured(account, ref)
    assert fingerprint(account, ref) == recipe.fingerprint(before)
    perform(account, operation, parameters)
    assert fingerprint(account, ref) != recipe.fingerprint(before)
    stored: State = msgspec.json.decode(msgspec.json.encode(before))
    for step in recipe.inverse(operation, parameters, ref, stored):
        perform(account, step.operation, step.parameters)
    assert fingerprint(account, ref) == recipe.fingerprint(before)


def test_a_policy_is_put_back_by_its_earlier_version(account: Account) -> None:
    """The new version stays and is not in force: that is the honest difference."""
    before = captured(account, POLICY)
    given = {"PolicyArn": POLICY_ARN, "PolicyDocument": may("*"), "SetAsDefault": True}
    perform(account, "iam:CreatePolicyVersion", given)
    recipe = for_kind("iam:policy")
    assert recipe is not None
    for step in recipe.inverse("iam:CreatePolicyVersion", given, POLICY, before):
        perform(account, step.operation, step.parameters)
    after = captured(account, POLICY)
    assert (after["document"], after["default_version"]) == (before["document"], "v1")
    assert after["versions"] == ["v1", "v2"]


NARROW: list[tuple[ResourceRef, str, dict[str, Any], list[str]]] = [
    (
        ROLE,
        "iam:CreateRole",
        {"RoleName": "report", "AssumeRolePolicyDocument": trust("ec2.amazonaws.com")},
        ["iam:UpdateAssumeRolePolicy"],
    ),
    (
        ROLE,
        "iam:CreateRole",
        {
            "RoleName": "report",
            "AssumeRolePolicyDocument": trust("lambda.amazonaws.com"),
            "MaxSessionDuration": 7200,
            "Description": "new",
            "Tags": [{"Key": "team", "Value": "a"}],
        },
        ["iam:TagRole", "iam:UpdateRole"],
    ),
    (
        ROLE,
        "iam:CreateRole",
        {"RoleName": "report", "AssumeRolePolicyDocument": trust("lambda.amazonaws.com")},
        [],
    ),
    (
        POLICY,
        "iam:CreatePolicy",
        {"PolicyName": "read-costs", "PolicyDocument": may("ce:*")},
        ["iam:CreatePolicyVersion"],
    ),
]


@pytest.mark.parametrize(("ref", "operation", "parameters", "steps"), NARROW)
def test_the_narrow_patch_of_a_replace(
    account: Account, ref: ResourceRef, operation: str, parameters: dict[str, Any], steps: list[str]
) -> None:
    """What a delete and create would change, in place; and it does what was asked for."""
    recipe = for_kind(ref.kind)
    assert recipe is not None
    desired = recipe.desired(operation, parameters)
    assert desired is not None
    found = recipe.narrow(ref, captured(account, ref), desired)
    assert found is not None
    assert [step.operation for step in found.steps] == steps
    assert found.immutable == ()
    for step in found.steps:
        perform(account, step.operation, step.parameters)
    again = recipe.narrow(ref, captured(account, ref), desired)
    assert again is not None
    assert again.changed == ()


def test_a_path_cannot_be_changed_in_place(account: Account) -> None:
    """And that is said, not left out."""
    recipe = for_kind("iam:role")
    assert recipe is not None
    given = {"AssumeRolePolicyDocument": trust("lambda.amazonaws.com"), "Path": "/other/"}
    desired = recipe.desired("iam:CreateRole", given)
    assert desired is not None
    found = recipe.narrow(ROLE, captured(account, ROLE), desired)
    assert found is not None
    assert found.immutable == ("path",)


@pytest.mark.parametrize("kind", ["iam:role", "iam:user", "iam:policy", "iam:instance-profile"])
def test_an_identity_comes_back_as_another(account: Account, kind: str) -> None:
    """It is made again from its capture, never put back in place; what is lost with the old one is said beforehand."""
    recipe = for_kind(kind)
    assert recipe is not None
    known = recipe.recoverable(ROLE, {})
    assert (known.backup, known.inverse, bool(known.loss)) == (True, False, True)


SHOWN: list[tuple[str, dict[str, Any], dict[str, tuple[Any, Any]]]] = [
    (
        "iam:UpdateAssumeRolePolicy",
        {"RoleName": "report", "PolicyDocument": trust("ec2.amazonaws.com")},
        {
            "trust.Statement": (
                json.loads(trust("lambda.amazonaws.com"))["Statement"],
                json.loads(trust("ec2.amazonaws.com"))["Statement"],
            )
        },
    ),
    (
        "iam:PutRolePolicy",
        {"RoleName": "report", "PolicyName": "own", "PolicyDocument": may("s3:*")},
        {"inline.own": (json.loads(may("dynamodb:GetItem")), json.loads(may("s3:*")))},
    ),
    (
        "iam:PutRolePolicy",
        {"RoleName": "report", "PolicyName": "new", "PolicyDocument": may("s3:*")},
        {"inline.new": (None, json.loads(may("s3:*")))},
    ),
    (
        "iam:DeleteRolePolicy",
        {"RoleName": "report", "PolicyName": "own"},
        {"inline.own": (json.loads(may("dynamodb:GetItem")), None)},
    ),
    (
        "iam:DetachRolePolicy",
        {"RoleName": "report", "PolicyArn": POLICY_ARN},
        {"attached": ([POLICY_ARN], [])},
    ),
    (
        "iam:AttachUserPolicy",
        {"UserName": "batch", "PolicyArn": POLICY_ARN},
        {"attached": ([], [POLICY_ARN])},
    ),
    (
        "iam:PutRolePermissionsBoundary",
        {"RoleName": "report", "PermissionsBoundary": POLICY_ARN},
        {"boundary": ("", POLICY_ARN)},
    ),
    (
        "iam:UpdateRole",
        {"RoleName": "report", "Description": "new"},
        {"description": ("", "new"), "max_session_s": (7200, 3600)},
    ),
    (
        "iam:CreatePolicyVersion",
        {"PolicyArn": POLICY_ARN, "PolicyDocument": may("*"), "SetAsDefault": True},
        {"document.Statement": (json.loads(may("ce:Get*"))["Statement"], json.loads(may("*"))["Statement"])},
    ),
    (
        "iam:RemoveRoleFromInstanceProfile",
        {"InstanceProfileName": "fleet", "RoleName": "report"},
        {"roles": (["report"], [])},
    ),
    (
        "iam:TagRole",
        {"RoleName": "report", "Tags": [{"Key": "environment", "Value": "dev"}]},
        {"tags.environment": ("production", "dev")},
    ),
]


@pytest.mark.parametrize(
    ("operation", "parameters", "shown"), SHOWN, ids=[f"{r[0]}-{n}" for n, r in enumerate(SHOWN)]
)
def test_reviewers_see_what_a_change_would_make_of_it(
    account: Account, operation: str, parameters: dict[str, Any], shown: dict[str, tuple[Any, Any]]
) -> None:
    """Before and after of exactly what would be different, also where the request does not speak of it."""
    account.client("iam").update_role(RoleName="report", MaxSessionDuration=7200)
    _, assessment, _ = assessed(account, (operation, parameters))
    assert {one.path: (one.before, one.after) for one in assessment.differences} == shown


def test_a_new_description_does_not_shorten_sessions(account: Account) -> None:
    """UpdateRole falls back to an hour where no length is given, so that the narrow patch gives the one that stands."""
    account.client("iam").update_role(RoleName="report", MaxSessionDuration=7200)
    recipe = for_kind("iam:role")
    assert recipe is not None
    given = {"AssumeRolePolicyDocument": trust("lambda.amazonaws.com"), "Description": "new"}
    desired = recipe.desired("iam:CreateRole", given)
    assert desired is not None
    found = recipe.narrow(ROLE, captured(account, ROLE), desired)
    assert found is not None
    assert [step.parameters for step in found.steps] == [
        {"RoleName": "report", "Description": "new", "MaxSessionDuration": 7200}
    ]


def test_a_role_made_anew_is_another_one(account: Account) -> None:
    """Same name, same trust, same policies: the fingerprint still differs, by its unique id."""
    before = fingerprint(account, PROFILE)
    iam = account.client("iam")
    iam.remove_role_from_instance_profile(InstanceProfileName="fleet", RoleName="report")
    iam.delete_instance_profile(InstanceProfileName="fleet")
    iam.create_instance_profile(
        InstanceProfileName="fleet", Tags=[{"Key": "environment", "Value": "production"}]
    )
    iam.add_role_to_instance_profile(InstanceProfileName="fleet", RoleName="report")
    assert fingerprint(account, PROFILE) != before


def test_documents_come_in_three_shapes(account: Account) -> None:
    """Parsed by the SDK, as JSON text, URL-encoded as the API sends it: all mean the same."""
    from urllib.parse import quote

    from keyturn.providers.aws.recipes.iam import _document

    text = trust("lambda.amazonaws.com")
    assert _document(json.loads(text)) == _document(text) == _document(quote(text)) == json.loads(text)
    assert _document("not json") == "not json"
