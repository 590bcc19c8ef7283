"""Where certainly nothing lies in a bucket or repository, its settings are all there is of it, and are backup enough; else they are none."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from moto import mock_aws

from keyturn.errors import UnavailableError
from tests.provider.provider_world import REGION, Account
from tests.recipes.recipe_world import PROVIDER, Asked, assessed, backed_up, undone

PLACE = {"LocationConstraint": REGION}
BUCKET: Asked = ("s3:DeleteBucket", {"Bucket": "reports"})
MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {},
        "layers": [],
    }
)
REPOSITORY: Asked = ("ecr:DeleteRepository", {"repositoryName": "shop", "force": True})


@pytest.fixture
def account() -> Iterator[Account]:
    with mock_aws():
        made = Account()
        s3 = made.client("s3")
        s3.create_bucket(Bucket="reports", CreateBucketConfiguration=PLACE)
        s3.put_bucket_tagging(Bucket="reports", Tagging={"TagSet": [{"Key": "team", "Value": "x"}]})
        made.client("ecr").create_repository(repositoryName="shop", imageTagMutability="IMMUTABLE")
        yield made


@pytest.mark.parametrize("asked", [BUCKET, REPOSITORY], ids=lambda asked: str(asked[0]))
def test_what_is_empty_comes_back_by_its_settings(asked: Asked, account: Account) -> None:
    """The backup says what it is, its runbook makes it again, and so does the undo."""
    made, found, before = assessed(account, asked)
    (saved,) = backed_up(account, made, before)
    assert found.recoverable[0].backup
    assert saved.reference == "capture"
    assert saved.verified_by.startswith("read a second time, equal; nothing lies in it")
    assert saved.restores_to.endswith("made again with its settings, empty as it is")
    assert "aws " in PROVIDER.manifest(made, saved, before)
    assert undone(account, asked) == ()


def test_what_is_not_empty_has_no_backup(account: Account) -> None:
    """The objects and images would be gone for good: nothing of the kind is called a backup."""
    account.client("s3").put_object(Bucket="reports", Key="a", Body=b"1")
    account.client("ecr").put_image(repositoryName="shop", imageManifest=MANIFEST, imageTag="1")
    for asked in (BUCKET, REPOSITORY):
        made, found, before = assessed(account, asked)
        assert not found.recoverable[0].backup
        assert PROVIDER.no_backup(made, before).startswith("there is no recipe to back up")
        with pytest.raises(UnavailableError):
            backed_up(account, made, before)


def test_what_is_put_into_it_meanwhile_voids_the_backup(account: Account) -> None:
    """Between the two readings somebody uses it."""
    made, _, before = assessed(account, BUCKET)
    account.client("s3").put_object(Bucket="reports", Key="a", Body=b"1")
    with pytest.raises(UnavailableError, match="something was put into"):
        backed_up(account, made, before)
