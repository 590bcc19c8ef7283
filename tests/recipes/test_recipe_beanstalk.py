"""Elastic Beanstalk environments, from answers as the service gives them: the stand-in knows neither options nor rebuilding."""

from __future__ import annotations

from typing import Any

import pytest

from keyturn.model.change import ResourceRef
from keyturn.model.execution import Succeeded
from keyturn.providers.aws import advising
from keyturn.providers.aws.recipes.elasticbeanstalk import Environment
from keyturn.providers.aws.resources import Home, resources_of
from tests.provider.provider_world import ACCOUNT, REGION, drive, scripted

RECIPE = Environment()
REF = ResourceRef("aws", "aws", ACCOUNT, REGION, "elasticbeanstalk:environment", "shop-live")
TOLD = {
    "EnvironmentName": "shop-live",
    "EnvironmentId": "e-abcdefghij",
    "ApplicationName": "shop",
    "VersionLabel": "v7",
    "Status": "Ready",
}
OPTION = {"Namespace": "aws:autoscaling:asg", "OptionName": "MinSize"}
SECRET = {"Namespace": "aws:elasticbeanstalk:application:environment", "OptionName": "NEW"}
ANSWERS: dict[str, Any] = {
    "elasticbeanstalk:DescribeEnvironments": {"Environments": [TOLD]},
    "elasticbeanstalk:DescribeConfigurationSettings": {
        "ConfigurationSettings": [{"OptionSettings": [{**OPTION, "Value": "2"}]}]
    },
    "elasticbeanstalk:ListTagsForResource": {"ResourceTags": [{"Key": "environment", "Value": "production"}]},
    "elasticbeanstalk:RebuildEnvironment": Succeeded({}),
}


def captured(**told: Any) -> dict[str, Any] | None:
    answers = {**ANSWERS, "elasticbeanstalk:DescribeEnvironments": {"Environments": [{**TOLD, **told}]}}
    found = drive(RECIPE.capture(REF), scripted(answers))
    assert found.unknowns == ()
    return found.state


def test_an_environment_is_captured_with_its_options() -> None:
    """One that is being terminated is told of for an hour, and is gone all the same."""
    state = captured()
    assert state is not None
    assert (state["VersionLabel"], state["options"]) == ("v7", {"aws:autoscaling:asg||MinSize": "2"})
    assert captured(Status="Terminating") is None
    assert captured(EnvironmentName="other") is None


@pytest.mark.parametrize(
    ("asked", "back"),
    [
        ({"VersionLabel": "v8"}, {"VersionLabel": "v7"}),
        ({"OptionSettings": [{**OPTION, "Value": "0"}]}, {"OptionSettings": [{**OPTION, "Value": "2"}]}),
        ({"OptionSettings": [{**SECRET, "Value": "x"}]}, {"OptionsToRemove": [SECRET]}),
        ({"OptionsToRemove": [OPTION]}, {"OptionSettings": [{**OPTION, "Value": "2"}]}),
        ({"TemplateName": "other"}, None),
        ({"Description": "none before"}, None),
    ],
)
def test_an_update_is_put_back(asked: dict[str, Any], back: dict[str, Any] | None) -> None:
    """Option by option; a template changes more than it names, and has no way back."""
    state = captured()
    assert state is not None
    parameters = {"EnvironmentName": "shop-live", **asked}
    steps = RECIPE.inverse("elasticbeanstalk:UpdateEnvironment", parameters, REF, state)
    assert [step.parameters for step in steps] == (
        [] if back is None else [{"EnvironmentName": "shop-live", **back}]
    )


def test_a_terminated_environment_is_rebuilt() -> None:
    """By its old id, which the service keeps for six weeks; the loss says what does not come back."""
    state = captured()
    assert state is not None
    (step,) = RECIPE.restore_plan(REF, state, None)[:1]
    assert (step.operation, step.parameters) == (
        "elasticbeanstalk:RebuildEnvironment",
        {"EnvironmentId": "e-abcdefghij"},
    )
    assert "six weeks" in " ".join(RECIPE.loss)


@pytest.mark.parametrize("operation", ["UpdateEnvironment", "TerminateEnvironment", "CreateEnvironment"])
def test_the_environment_is_named_alike_by_all(operation: str) -> None:
    """Its name is its own in the region, with or without its application's."""
    parameters = {"ApplicationName": "shop", "EnvironmentName": "shop-live"}
    found = resources_of("elasticbeanstalk", operation, parameters, Home("aws", ACCOUNT, REGION))
    assert found == (REF,)


STANDS: dict[str, Any] = {"Tier": {"Name": "WebServer"}, "CNAME": "shop.eu-central-1.elasticbeanstalk.com"}
UPDATE = "elasticbeanstalk:UpdateEnvironment"


@pytest.mark.parametrize(
    ("asked", "steps", "immutable", "unknown"),
    [
        ({"VersionLabel": "v8"}, [(UPDATE, {"VersionLabel": "v8"})], (), ()),
        ({"VersionLabel": "v7", "Tier": {"Name": "WebServer"}, "CNAMEPrefix": "shop"}, [], (), ()),
        (
            {"VersionLabel": "v8", "OptionSettings": [{**OPTION, "Value": "2"}, {**SECRET, "Value": "x"}]},
            [(UPDATE, {"VersionLabel": "v8", "OptionSettings": [{**SECRET, "Value": "x"}]})],
            (),
            (),
        ),
        (
            {"Tags": [{"Key": "owner", "Value": "costs"}]},
            [("elasticbeanstalk:UpdateTagsForResource", {"TagsToAdd": [{"Key": "owner", "Value": "costs"}]})],
            (),
            (),
        ),
        ({"Tier": {"Name": "Worker"}}, [], ("tier",), ()),
        ({"CNAMEPrefix": "sho"}, [], ("cname",), ()),
        ({"ApplicationName": "other"}, [], ("ApplicationName",), ()),
        ({"TemplateName": "t"}, [], (), ("the options of its template",)),
    ],
)  # fmt: skip
def test_deleted_and_made_anew_it_is_an_update(
    asked: dict[str, Any],
    steps: list[tuple[str, dict[str, Any]]],
    immutable: tuple[str, ...],
    unknown: tuple[str, ...],
) -> None:
    """What an agent would make anew differs from what stands in a few options; one update sets them."""
    state = captured(**STANDS)
    assert state is not None
    create = {"ApplicationName": "shop", "EnvironmentName": "shop-live", **asked}
    desired = RECIPE.desired("elasticbeanstalk:CreateEnvironment", create)
    assert desired is not None
    found = RECIPE.narrow(REF, state, desired)
    assert found is not None
    told = [
        (step.operation, {name: value for name, value in step.parameters.items() if name not in _WHICH})
        for step in found.steps
    ]
    assert (told, found.immutable, found.unknown) == (steps, immutable, unknown)
    assert advising.accounted(RECIPE, REF, state, found).uncalled == (), (
        "each difference has its call, or is said to have none"
    )


_WHICH = {"EnvironmentName", "ResourceArn"}


def test_a_rebuild_takes_no_rebuild_back() -> None:
    """It deletes and makes anew in one call: a second one would do the same once more."""
    state = captured()
    assert state is not None
    asked = {"EnvironmentName": "shop-live"}
    assert RECIPE.inverse("elasticbeanstalk:RebuildEnvironment", asked, REF, state) == ()
    assert RECIPE.in_place == (UPDATE,)
