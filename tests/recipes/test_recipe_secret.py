"""A secret made anew: what an update would do where it stands, and that its value is looked at by nobody."""

from __future__ import annotations

from typing import Any

import pytest

from keyturn.model.change import ResourceRef
from keyturn.providers.aws import advising
from keyturn.providers.aws.recipes.base import Step
from keyturn.providers.aws.recipes.secretsmanager import Secret

RECIPE = Secret()
REF = ResourceRef("aws", "aws", "123456789012", "eu-central-1", "secretsmanager:secret", "db")
STATE: dict[str, Any] = {
    "Description": "of the shop",
    "KmsKeyId": "k1",
    "tags": {"owner": "costs"},
    "versions": {},
}


@pytest.mark.parametrize(
    ("asked", "steps", "compared"),
    [
        ({"Description": "of the shop"}, (), True),
        (
            {"KmsKeyId": "k2"},
            (Step("secretsmanager:UpdateSecret", {"SecretId": "db", "KmsKeyId": "k2"}),),
            True,
        ),
        (
            {"Tags": [{"Key": "owner", "Value": "ops"}]},
            (
                Step(
                    "secretsmanager:TagResource",
                    {"SecretId": "db", "Tags": [{"Key": "owner", "Value": "ops"}]},
                ),
            ),
            True,
        ),
        ({"Description": "of the shop", "SecretString": "hunter2"}, (), False),
    ],
)
def test_a_secret_made_anew_is_an_update(
    asked: dict[str, Any], steps: tuple[Step, ...], compared: bool
) -> None:
    """Where a value is given, whether it is another one is not known, and it stands nowhere in what is said."""
    desired = RECIPE.desired("secretsmanager:CreateSecret", {"Name": "db", **asked})
    assert desired is not None
    found = RECIPE.narrow(REF, STATE, desired)
    assert found is not None
    assert (found.steps, not found.unknown) == (steps, compared)
    assert advising.accounted(RECIPE, REF, STATE, found).uncalled == ()
    assert "hunter2" not in str(found)
