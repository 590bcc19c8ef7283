"""A deleted bucket is made again with every document it had; its objects had to be gone before, and its name may be."""

from __future__ import annotations

import pytest

from keyturn.errors import UnavailableError
from keyturn.model.execution import Refused
from tests.provider.provider_world import Account, drive
from tests.recipes.recipe_world import PROVIDER, Asked, assessed, perform
from tests.recipes.s3_world import BUCKET, PAIRS, account, captured

__all__ = ["account"]  # the fixture

DELETE: Asked = ("s3:DeleteBucket", {"Bucket": "scratch"})


def emptied(account: Account) -> None:
    for key in ("a", "b"):
        account.client("s3").delete_object(Bucket="scratch", Key=key)


def test_a_bucket_comes_back_with_its_documents(account: Account) -> None:
    """Versioning apart, which needs more to be emptied: all that can stand together stands again."""
    emptied(account)
    for field in (
        "encryption",
        "policy",
        "lifecycle",
        "public_access",
        "ownership",
        "cors",
        "website",
        "tags",
    ):
        name, parameters = PAIRS[field][0]
        perform(account, (name, {**_here(parameters), "Bucket": "scratch"}))
    before = captured(account, "scratch")
    made, assessment, states = assessed(account, DELETE)
    assert [item.backup for item in assessment.recoverable] == [True], "its settings: nothing lies in it"
    perform(account, DELETE)
    assert drive(PROVIDER.undo(made, states, ()), account) == ()
    after = captured(account, "scratch")
    assert {field: after[field] for field in BUCKET.fields} == {
        field: before[field] for field in BUCKET.fields
    }


def _here(parameters: dict[str, object]) -> dict[str, object]:
    """The same document for the other bucket."""
    policy = parameters.get("Policy")
    return (
        {**parameters, "Policy": policy.replace(":reports", ":scratch")}
        if isinstance(policy, str)
        else parameters
    )


def test_a_name_that_another_account_has_taken_is_said(account: Account) -> None:
    """Nothing else is tried then: what is sent there would reach somebody else."""
    emptied(account)
    made, _, states = assessed(account, DELETE)
    perform(account, DELETE)
    account.broken = {"s3:CreateBucket": Refused("BucketAlreadyExists", "taken", 409)}
    account.said.clear()
    with pytest.raises(UnavailableError, match="may have been taken by another account"):
        drive(PROVIDER.undo(made, states, ()), account)
    assert account.mutations() == ["s3:CreateBucket"]
