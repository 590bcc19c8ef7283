"""The generic recipe, on a stand-in that speaks Cloud Control as the service does: JSON texts, patches by RFC 6902, requests that
are worked on after they were answered.
"""

from __future__ import annotations

import json
from typing import Any

import jsonpatch
import pytest

from keyturn.errors import UnavailableError
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Answer, Call, Refused, Succeeded, Unavailable
from keyturn.providers.aws.recipes.cloudcontrol import Resource
from tests.provider.provider_world import ACCOUNT, REGION, drive
from tests.recipes.recipe_world import PROVIDER, Asked, assessed

TYPE, NAME = "AWS::AmazonMQ::Broker", "b-1"
SCHEMA = {
    "typeName": TYPE,
    "readOnlyProperties": ["/properties/Arn", "/properties/Id", "/properties/Users/*/Seen"],
    "createOnlyProperties": ["/properties/BrokerName"],
}
RECIPE = Resource()


class CloudControl:
    """Resources by identifier. A request is `IN_PROGRESS` for as many questions as `slow` says."""

    def __init__(self) -> None:
        self.resources: dict[str, dict[str, Any]] = {}
        self.waiting: dict[str, tuple[int, dict[str, Any]]] = {}
        self.slow = 2
        self.secretive = False  # whether the type has a property that is never shown
        self.fails = ""
        self.broken: dict[str, Answer] = {}

    def add(self, **wanted: Any) -> str:
        name = f"b-{len(self.resources) + 1}"
        shown = {key: value for key, value in wanted.items() if key != "Secret"}
        users = [{**user, "Seen": "today"} for user in shown.get("Users", [])]
        self.resources[name] = {
            **shown,
            "Users": users,
            "Id": name,
            "Arn": f"arn:aws:mq:{REGION}:{ACCOUNT}:broker:{name}",
        }
        return name

    def client(self, service: str) -> None:
        raise AssertionError(f"{service}: everything goes by calls")

    def __call__(self, call: Call) -> Answer:
        if call.operation in self.broken:
            return self.broken[call.operation]
        given = call.parameters
        name = str(given.get("Identifier", ""))
        if call.operation == "cloudformation:DescribeType":
            shown = {**SCHEMA, "writeOnlyProperties": ["/properties/Secret"]} if self.secretive else SCHEMA
            return Succeeded({"Schema": json.dumps(shown)})
        if call.operation == "cloudcontrol:GetResourceRequestStatus":
            return self._status(str(given["RequestToken"]))
        if call.operation == "cloudcontrol:CreateResource":
            made = "" if self.fails else self.add(**json.loads(given["DesiredState"]))
            return self._begun("CREATE", made)
        if name not in self.resources:
            return Refused("ResourceNotFoundException", f"{name} was not found", 404)
        if call.operation == "cloudcontrol:GetResource":
            shown = {"Identifier": name, "Properties": json.dumps(self.resources[name])}
            return Succeeded({"TypeName": TYPE, "ResourceDescription": shown})
        if call.operation == "cloudcontrol:UpdateResource":
            self.resources[name] = jsonpatch.apply_patch(self.resources[name], given["PatchDocument"])
            return self._begun("UPDATE", name)
        if call.operation == "cloudcontrol:DeleteResource":
            self.resources[name + " (gone)"] = self.resources.pop(name)
            return self._begun("DELETE", name)
        return Unavailable(f"{call.operation} is not known here")

    def _begun(self, what: str, name: str) -> Answer:
        token = f"t-{len(self.waiting)}"
        end = (
            {"OperationStatus": "FAILED", "StatusMessage": self.fails}
            if self.fails
            else {"OperationStatus": "SUCCESS"}
        )
        self.waiting[token] = (
            self.slow,
            {"RequestToken": token, "Operation": what, "Identifier": name, **end},
        )
        return self._status(token)

    def _status(self, token: str) -> Answer:
        left, event = self.waiting[token]
        self.waiting[token] = (max(left - 1, 0), event)
        return Succeeded({"ProgressEvent": {**event, "OperationStatus": "IN_PROGRESS"} if left else event})


@pytest.fixture
def account() -> CloudControl:
    made = CloudControl()
    made.add(
        BrokerName="orders",
        Tags=[{"Key": "environment", "Value": "production"}],
        Users=[{"Name": "ann"}],
        Secret="s",
    )
    return made


def ref(name: str = NAME) -> ResourceRef:
    return ResourceRef("aws", "aws", ACCOUNT, REGION, "cloudcontrol:resource", f"{TYPE}/{name}")


def properties(account: CloudControl, name: str = NAME) -> dict[str, Any]:
    found = drive(RECIPE.capture(ref(name)), account)
    assert found.unknowns == ()
    assert found.state is not None
    stated: dict[str, Any] = found.state["properties"]
    return stated


def patch(*operations: dict[str, Any]) -> Asked:
    which = {"TypeName": TYPE, "Identifier": NAME}
    return "cloudcontrol:UpdateResource", {**which, "PatchDocument": json.dumps(list(operations))}


def test_what_the_service_sets_is_no_configuration(account: CloudControl) -> None:
    """Read-only properties, also those inside of lists, are left out; tags say the environment."""
    assert properties(account) == {
        "BrokerName": "orders",
        "Tags": [{"Key": "environment", "Value": "production"}],
        "Users": [{"Name": "ann"}],
    }
    assert "production" in str(assessed(account, patch({"op": "remove", "path": "/Users"}))[1].environment)  # type: ignore[arg-type]


def test_absent_is_absent_and_unreadable_is_unknown(account: CloudControl) -> None:
    """A schema that cannot be read is an unknown too: without it nobody knows what can be set."""
    absent = drive(RECIPE.capture(ref("b-9")), account)
    assert (absent.state, absent.unknowns) == (None, ())
    account.broken["cloudformation:DescribeType"] = Unavailable("throttled")
    assert drive(RECIPE.capture(ref()), account).unknowns == ("DescribeType: throttled",)
    account.broken["cloudcontrol:GetResource"] = Unavailable("throttled")
    silent = drive(RECIPE.capture(ref()), account)
    assert (silent.state, silent.unknowns) == (None, ("GetResource: throttled",))


CHANGES: list[tuple[dict[str, Any], ...]] = [
    ({"op": "replace", "path": "/Tags/0/Value", "value": "dev"},),
    (
        {"op": "remove", "path": "/Users/0"},
        {"op": "add", "path": "/Tags/-", "value": {"Key": "a", "Value": "b"}},
    ),
    ({"op": "test", "path": "/BrokerName", "value": "orders"}, {"op": "remove", "path": "/Tags"}),
]


@pytest.mark.parametrize("operations", CHANGES, ids=lambda value: "+".join(one["op"] for one in value))
def test_a_patch_is_taken_back(account: CloudControl, operations: tuple[dict[str, Any], ...]) -> None:
    """Every property that it touches, whole, as it stood."""
    before = properties(account)
    asked = patch(*operations)
    made, assessment, states = assessed(account, asked)  # type: ignore[arg-type]
    assert made.operations[0].resources == (ref(),)
    assert assessment.recoverable[0].inverse
    account(Call(asked[0], asked[1], ACCOUNT, REGION))
    assert properties(account) != before
    assert drive(PROVIDER.undo(made, states, ()), account) == ()
    assert properties(account) == before


@pytest.mark.parametrize("name", ["Logs", "BrokerName", "Arn"])
def test_what_cannot_be_known_or_set_has_no_way_back(account: CloudControl, name: str) -> None:
    """What did not stand, what only a new resource has, what the service sets; and all of a type that hides a property."""
    state = drive(RECIPE.capture(ref()), account).state
    assert state is not None
    operation, parameters = patch({"op": "add", "path": f"/{name}", "value": "x"})
    assert RECIPE.inverse(operation, parameters, ref(), state) == ()
    tags = patch({"op": "remove", "path": "/Tags"})
    assert RECIPE.inverse(*tags, ref(), state) != ()
    account.secretive = True
    state = drive(RECIPE.capture(ref()), account).state
    assert state is not None
    assert RECIPE.inverse(*tags, ref(), state) == ()


def test_what_was_deleted_is_made_again_under_a_new_id(account: CloudControl) -> None:
    """Waited for until the service says so; the new id and what is never shown stand in the honest list."""
    account.secretive = True
    before = properties(account)
    asked: Asked = ("cloudcontrol:DeleteResource", {"TypeName": TYPE, "Identifier": NAME})
    made, assessment, states = assessed(account, asked)  # type: ignore[arg-type]
    assert (assessment.recoverable[0].backup, assessment.data_bearing) == (False, True)
    account(Call(asked[0], asked[1], ACCOUNT, REGION))
    new, secret = drive(PROVIDER.undo(made, states, ()), account)
    assert new.startswith(f"id: it was {TYPE}/b-1 and is {TYPE}/b-2")
    assert secret == "Secret: it is never shown, and was not set"
    assert properties(account, "b-2") == before


def test_what_was_not_made_again_is_said(account: CloudControl) -> None:
    """A request that fails after it was taken is no restore."""
    state = drive(RECIPE.capture(ref()), account).state
    assert state is not None
    account.fails = "the name is taken"
    with pytest.raises(UnavailableError, match="the name is taken"):
        drive(RECIPE.restore(ref(), state, None), account)
