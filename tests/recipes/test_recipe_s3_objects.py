"""S3 objects, one by one: what a bucket that keeps versions gives back, and what is final."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

import pytest

from keyturn.errors import UnavailableError
from keyturn.model.execution import Answer, Call, Outcome, Refused, Succeeded
from keyturn.providers.aws.recipes.base import State
from keyturn.providers.aws.recipes.s3_objects import LISTED_MIN, Object
from tests.provider.provider_world import ACCOUNT, REGION, Account, drive, requests
from tests.recipes.recipe_world import (
    PROVIDER,
    Asked,
    assessed,
    backed_up,
    decided,
    perform,
    undone,
    verified,
)
from tests.recipes.s3_world import TAGS, account, object_ref

__all__ = ["account"]  # the fixture

OBJECT = Object()


def content(account: Account, key: str, bucket: str = "reports") -> bytes:
    body: bytes = account.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


A: Final = {"Bucket": "reports", "Key": "a"}
TWO: Final = {"Bucket": "reports", "Delete": {"Objects": [{"Key": "a"}, {"Key": "b"}]}}


def test_an_object_is_captured(account: Account) -> None:
    """Its digest, size, headers and tags; reading again finds the same, another content is another fingerprint."""
    perform(account, ("s3:PutObjectTagging", {**A, "Tagging": {"TagSet": TAGS}}))
    found = [drive(OBJECT.capture(object_ref("a")), account).state for _ in range(2)]
    assert found[0] == found[1]
    state = found[0]
    assert state is not None
    assert set(OBJECT.fields) <= set(state)
    assert (state["bytes"], state["metadata"], state["tags"]["owner"]) == (7, {"of": "a"}, "finance")
    perform(account, ("s3:PutObject", {**A, "Body": b"other a"}))
    assert OBJECT.fingerprint(drive(OBJECT.capture(object_ref("a")), account).state) != OBJECT.fingerprint(
        state
    )


@pytest.mark.parametrize("key", ["none", "hidden"])
def test_a_key_that_does_not_stand_is_absent(account: Account, key: str) -> None:
    """Never written, or hidden behind a delete marker."""
    account.client("s3").put_object(Bucket="reports", Key="hidden", Body=b"x")
    account.client("s3").delete_object(Bucket="reports", Key="hidden")
    found = drive(OBJECT.capture(object_ref(key)), account)
    assert (found.state, found.unknowns) == (None, ())


def test_an_object_nobody_may_read_is_unknown(account: Account) -> None:
    """Forbidden is not absent, and nothing is promised."""
    account.broken = {"s3:HeadObject": Refused("403", "Forbidden", 403)}
    found = drive(OBJECT.capture(object_ref("a")), account)
    assert found.unknowns == ("HeadObject: 403",)


def test_a_hidden_object_comes_back(account: Account) -> None:
    """A delete in a bucket that keeps versions: the undo copies the version back, content, metadata and all."""
    said = undone(account, ("s3:DeleteObject", A))
    assert content(account, "a") == b"first a"
    assert [line.partition(":")[0] for line in said] == ["version"], (
        "the same object, in a version of its own"
    )


def test_several_hidden_objects_come_back(account: Account) -> None:
    """One call hid two: both are verified to be gone, both come back."""
    undone(account, ("s3:DeleteObjects", TWO))
    assert [content(account, key) for key in ("a", "b")] == [b"first a", b"first b"]


def test_an_overwritten_object_comes_back(account: Account) -> None:
    """The older version is put on top again."""
    undone(account, ("s3:PutObject", {**A, "Body": b"second"}))
    assert content(account, "a") == b"first a"


def test_a_name_with_signs_in_it_comes_back(account: Account) -> None:
    """Keys are any text; the copy names the right one."""
    asked = {"Bucket": "reports", "Key": "2026/q&a? #1 +ü.csv"}
    account.client("s3").put_object(**asked, Body=b"odd")
    undone(account, ("s3:DeleteObject", asked))
    assert content(account, asked["Key"]) == b"odd"


def test_tags_of_an_object_come_back(account: Account) -> None:
    """Set where none were, and taken off where some were."""
    assert undone(account, ("s3:PutObjectTagging", {**A, "Tagging": {"TagSet": TAGS}})) == ()
    perform(account, ("s3:PutObjectTagging", {**A, "Tagging": {"TagSet": TAGS}}))
    assert undone(account, ("s3:DeleteObjectTagging", A)) == ()


def test_what_several_objects_need_alike_is_asked_once(account: Account) -> None:
    """Two keys of one bucket: one look at its versioning, one at its tags, one at who listens to it."""
    account.said.clear()
    assessed(account, ("s3:DeleteObjects", TWO))
    asked = [call.operation for call in account.said]
    assert sorted(asked) == [
        "s3:GetBucketNotificationConfiguration",
        "s3:GetBucketTagging",
        "s3:GetBucketVersioning",
        "s3:HeadBucket",
        "s3:HeadObject",
        "s3:HeadObject",
    ]


def test_what_one_object_costs_in_calls(account: Account) -> None:
    """Exported, deleted, seen to be gone, given back: of each object five calls, of all a listing and a look at their bucket."""
    count = LISTED_MIN
    keys = [f"many/{number:03}" for number in range(count)]
    s3 = account.client("s3")
    s3.create_bucket(Bucket="plain", CreateBucketConfiguration={"LocationConstraint": REGION})
    for key in keys:
        s3.put_object(
            Bucket="plain", Key=key, Body=key.encode(), Metadata={"of": key}, Tagging="owner=finance"
        )
    asked = ("s3:DeleteObjects", {"Bucket": "plain", "Delete": {"Objects": [{"Key": key} for key in keys]}})
    made, _, before = assessed(account, asked)
    costs: list[Counter[str]] = []

    def cost() -> None:
        costs.append(
            Counter(
                call.operation for call in account.said if call.operation.endswith(("Object", "V2", "gging"))
            )
        )
        account.said.clear()

    cost()
    backups = backed_up(account, made, before)
    cost()
    perform(account, asked)
    account.said.clear()
    assert verified(account, made, before, asked).status == "succeeded"
    cost()
    assert drive(PROVIDER.undo(made, before, backups), account) == ()
    cost()
    bucket = {"s3:GetBucketTagging": 1}
    assert costs == [
        {"s3:HeadObject": count, "s3:GetObjectTagging": count, **bucket},
        {"s3:GetObject": count},
        {"s3:ListObjectsV2": 1, **bucket},
        {"s3:HeadObject": count, "s3:PutObject": count, "s3:GetObject": count, "s3:GetObjectTagging": count},
    ]
    assert [content(account, key, "plain") for key in keys] == [key.encode() for key in keys]


Lying = Callable[[Answer], Answer]


LISTINGS: Final[dict[str, Lying]] = {
    "whole": lambda answer: answer,
    "nobody may list": lambda _answer: Refused("AccessDenied", "no", 403),
    "does not say whether it is whole": lambda _answer: Succeeded({}),
    "of another shape": lambda _answer: Succeeded({"IsTruncated": False, "Contents": [{}]}),
    "does not say where it goes on": lambda _answer: Succeeded({"IsTruncated": True}),
    "too much lies between": lambda _answer: Succeeded(
        {"IsTruncated": True, "NextContinuationToken": "more"}
    ),
}


@pytest.mark.parametrize("listing", sorted(LISTINGS))
def test_what_a_listing_does_not_tell_is_asked_one_by_one(listing: str, account: Account) -> None:
    """Keys that are not listed are gone; where there is no whole listing, each is looked at; what stands is never said to be gone."""
    lies = LISTINGS[listing]
    s3, keys = account.client("s3"), [f"many/{number:03} +ü" for number in range(LISTED_MIN)]
    for key in (*keys, "many", "many/0", "z"):
        s3.put_object(Bucket="reports", Key=key, Body=b"x")
    asked = ("s3:DeleteObjects", {"Bucket": "reports", "Delete": {"Objects": [{"Key": key} for key in keys]}})
    made, _, before = assessed(account, asked)

    def answered(call: Call) -> Answer:
        if call.operation != "s3:ListObjectsV2":
            return account(call)
        further = "ContinuationToken" in call.parameters
        return lies(Succeeded({}) if further else account(call))

    def found() -> Outcome:
        return drive(PROVIDER.verify(made, requests(asked), before), answered)

    perform(account, asked)
    s3.put_object(Bucket="reports", Key=keys[3], Body=b"again")
    outcome = found()
    assert (outcome.status, outcome.detail) == ("failed", f"{made.operations[0].resources[3]} still stands")
    s3.delete_object(Bucket="reports", Key=keys[3])
    account.said.clear()
    assert found().status == "succeeded"
    heads = sum(1 for call in account.said if call.operation == "s3:HeadObject")
    assert heads == (0 if listing == "whole" else LISTED_MIN)


FINAL: Final[dict[str, Asked]] = {
    "one version is named": ("s3:DeleteObject", {**A, "VersionId": "v"}),
    "one version of several keys": (
        "s3:DeleteObjects",
        {"Bucket": "reports", "Delete": {"Objects": [{"Key": "a", "VersionId": "v"}, {"Key": "b"}]}},
    ),
    "more than are looked at": (
        "s3:DeleteObjects",
        {"Bucket": "reports", "Delete": {"Objects": [{"Key": f"k{n}"} for n in range(1_001)]}},
    ),
    "the bucket itself": ("s3:DeleteBucket", {"Bucket": "reports"}),
}


@pytest.mark.parametrize("why", sorted(FINAL))
def test_what_is_final_is_not_said_to_be_saved(account: Account, why: str) -> None:
    """No backup is pretended, and no undo: where policy obliges a backup, it cannot be executed."""
    made, _, before = assessed(account, FINAL[why])
    with pytest.raises(UnavailableError):
        backed_up(account, made, before)


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ({"bytes": 6 * 1024**3}, "too large for one copy"),
        ({"storage_class": "DEEP_ARCHIVE"}, "has to be restored for hours first"),
        ({"version": None}, "nobody said which version stands"),
        ({"versioning": "Suspended"}, "is overwritten for good"),
    ],
)
def test_no_copy_is_promised_that_cannot_be_made(account: Account, state: State, why: str) -> None:
    """The inverse is empty wherever the one call would fail."""
    stood = drive(OBJECT.capture(object_ref("a")), account).state
    assert stood is not None
    assert OBJECT.inverse("s3:DeleteObject", A, object_ref("a"), stood)
    assert OBJECT.inverse("s3:DeleteObject", A, object_ref("a"), {**stood, **state}) == (), why


@pytest.mark.parametrize("kind", ["s3", "s3-outposts", "s3-object-lambda"])
def test_an_access_point_is_not_the_bucket_of_its_name(account: Account, kind: str) -> None:
    """An access point of the name of a bucket that keeps versions may lead into one that does not: no facts are borrowed."""
    point = f"arn:aws:{kind}:{REGION}:{ACCOUNT}:accesspoint/reports"
    for asked in (("s3:PutObject", {**A, "Bucket": point}), ("s3:DeleteObjects", {**TWO, "Bucket": point})):
        assessment, decision = decided(account, asked)
        assert assessment.unknowns, "nothing is known of what lies behind it"
        assert decision.verdict == "hold"


SETTLED: Final[tuple[tuple[dict[str, str], str | None, bool | None], ...]] = (
    # what the write was held to, what stands now, whether it took effect
    ({"IfNoneMatch": "*"}, None, False),
    ({"IfNoneMatch": "*"}, "new", True),
    ({"IfMatch": "old"}, "old", False),
    ({"IfMatch": "old"}, "new", True),
    ({}, "new", None),
)


@pytest.mark.parametrize(("held", "stands", "took"), SETTLED)
@pytest.mark.parametrize("operation", ["s3:PutObject", "s3:CopyObject"])
def test_a_write_without_answer_is_told_by_what_it_was_held_to(
    operation: str, held: dict[str, str], stands: str | None, took: bool | None
) -> None:
    """That something stands says nothing of a write over it: the version it was to take the place of does."""
    state = None if stands is None else {"etag": stands}
    given = {"Bucket": "reports", "Key": "a", **held}
    assert Object().settled(operation, given, object_ref("a"), state) is took
