"""Whose tags are read for a change, and what is concluded from them."""

from __future__ import annotations

from typing import Any

import pytest

from keyturn.core.ports import Captures
from keyturn.model.change import Change, Effect, Operation, Principal, ResourceRef
from keyturn.model.execution import Answer, Call, Refused, Succeeded
from keyturn.providers.aws import places
from keyturn.providers.aws.capturing import Taken
from keyturn.providers.aws.resources import Home, resources_of

HOME = Home("aws", "123456789012", "eu-west-1")
CLUSTER = "arn:aws:ecs:eu-west-1:123456789012:cluster/c"
SERVICE = "arn:aws:ecs:eu-west-1:123456789012:service/c/web"


def change(name: str, parameters: dict[str, Any]) -> Change:
    service, _, action = name.partition(":")
    refs = resources_of(service, action, parameters, HOME)
    operation = Operation("aws", name, parameters, refs, Effect.DELETE, "aws", "123456789012", "eu-west-1")
    return Change(Principal("a", "s", "o"), "test", (operation,), 0)


def asked(
    made: Change, *answers: Answer, states: dict[str, Any] | None = None
) -> tuple[tuple[Call, ...], Taken]:
    """What was asked, and what came of these answers."""
    inquiry = places.with_tags(made, Taken(Captures(states or {}, (), ""), ()))
    try:
        calls = next(inquiry)
    except StopIteration as stop:
        return (), stop.value
    with pytest.raises(StopIteration) as stopped:
        inquiry.send(answers)
    return calls, stopped.value.value


def tagged(*found: tuple[str, str]) -> Succeeded:
    return Succeeded(
        {
            "ResourceTagMappingList": [
                {"ResourceARN": arn, "Tags": [{"Key": "env", "Value": value}]} for arn, value in found
            ]
        }
    )


def concluded(made: Change, taken: Taken, accounts: dict[str, str] | None = None) -> tuple[str, list[str]]:
    heard = places.hear(made, [], taken, accounts or {})
    return places.environment_of(heard), [str(one) for voices in heard.values() for one in voices]


def test_tags_of_the_target_and_of_its_container_are_read_together() -> None:
    """A service's are in its capture, those of the cluster it is in are asked for; the strictest of both counts."""
    made = change("ecs:DeleteService", {"cluster": "c", "service": "web"})
    (service,) = made.resources
    states = {str(service): {"tags": {"env": "dev"}}}
    calls, taken = asked(made, tagged((CLUSTER, "prod")), states=states)
    assert [(call.operation, call.parameters) for call in calls] == [
        ("resourcegroupstaggingapi:GetResources", {"ResourceARNList": [CLUSTER]})
    ]
    assert concluded(made, taken) == (
        "production",
        ["tags of ecs:service/c/web: development", "tags of its container ecs:cluster/c: production"],
    )


def test_what_could_not_be_read_says_nothing() -> None:
    """And what nobody speaks of is unknown, which counts as production."""
    made = change("ecs:DeleteService", {"cluster": "c", "service": "web"})
    _, taken = asked(made, Refused("AccessDenied", "no"))
    assert concluded(made, taken) == ("unknown", [])


def test_what_a_recipe_captures_is_not_read_twice() -> None:
    """Its tags are in its capture; and the account as a whole has none."""
    assert asked(change("dynamodb:DeleteTable", {"TableName": "t"}))[0] == ()
    assert asked(change("macie2:DisableMacie", {}))[0] == ()


def test_an_answer_about_something_else_is_not_taken() -> None:
    """Only what was asked for is heard."""
    made = change("eks:DeleteCluster", {"name": "c"})
    _, taken = asked(made, tagged((SERVICE, "dev")))
    assert taken.tags == {}


def test_one_unknown_resource_makes_the_change_unknown() -> None:
    """A change is as careful as the most careful of its resources wants it."""
    one, other = (ResourceRef("aws", "aws", "1", "r", "ecs:cluster", name) for name in ("a", "b"))
    operation = Operation("aws", "ecs:DeleteCluster", {}, (one, other), Effect.DELETE, "aws", "1", "r")
    made = Change(Principal("a", "s", "o"), "test", (operation,), 0)
    taken = Taken(Captures({}, (), ""), (), tags={str(one): {"env": "dev"}})
    assert concluded(made, taken)[0] == "unknown"
