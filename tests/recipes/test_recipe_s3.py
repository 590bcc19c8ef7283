"""S3 buckets: their documents and what they hold, captured, narrowed and put back on an account that answers."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from keyturn.errors import UnavailableError
from keyturn.model.execution import Answer, Call, Refused, Succeeded, Unavailable
from keyturn.providers.aws.recipes import for_kind
from keyturn.providers.aws.recipes.s3 import LIST_PAGES_MAX
from keyturn.providers.aws.recipes.s3_documents import DOCUMENTS, WRITES
from tests.provider.provider_world import ACCOUNT, REGION, Account, drive
from tests.recipes.recipe_world import PROVIDER, assessed, backed_up, perform, undone
from tests.recipes.s3_world import BUCKET, PAIRS, account, captured, origins, put, ref, tidied

__all__ = ["account"]  # the fixture

# --- capture -----------------------------------------------------------------------------------------------------------


def test_a_bucket_is_captured_whole(account: Account) -> None:
    """Every declared field is there, absent documents as nothing; and what it holds is counted."""
    account.client("s3").put_object(Bucket="reports", Key="a", Body=b"second")
    account.client("s3").delete_object(Bucket="reports", Key="b")
    state = captured(account)
    assert set(BUCKET.fields) <= set(state)
    assert state["versioning"] == "Enabled"
    assert state["region"] == REGION
    assert state["tags"] == {"environment": "production", "owner": "finance"}
    assert state["policy"] is None
    counts = {name: state[name] for name in ("objects", "versions", "markers", "bytes", "counted")}
    assert counts == {"objects": 1, "versions": 3, "markers": 1, "bytes": 7 + 7 + 6, "counted": True}
    assert BUCKET.at_risk(state) == "1 object, 2 older versions, 1 delete marker, 20 B"
    assert json.loads(json.dumps(state)) == state, "plain data: it is kept in the vault"


def test_no_bucket_is_certainly_absent(account: Account) -> None:
    """The service says so; nothing is left unknown."""
    found = drive(BUCKET.capture(ref("nobodys")), account)
    assert (found.state, found.unknowns) == (None, ())


def test_somebody_elses_bucket_is_not_absent_and_not_ours(account: Account) -> None:
    """Names are everybody's: every read says whose bucket is meant, and a refusal is an unknown."""
    account.said.clear()
    drive(BUCKET.capture(ref()), account)
    assert {call.parameters["ExpectedBucketOwner"] for call in account.said} == {ACCOUNT}
    account.broken = {"s3:HeadBucket": Refused("403", "Forbidden", 403)}
    found = drive(BUCKET.capture(ref()), account)
    assert found.state is None
    assert found.unknowns == ("HeadBucket: 403",)


def test_what_could_not_be_read_is_neither_empty_nor_put_back(account: Account) -> None:
    """One document is throttled: the rest is known, that one is missing, and there is no way back for it."""
    account.broken = {"s3:GetBucketPolicy": Unavailable("throttled")}
    found = drive(BUCKET.capture(ref()), account)
    assert found.unknowns == ("GetBucketPolicy: throttled",)
    assert found.state is not None
    assert "policy" not in found.state
    assert found.state["cors"] is None
    assert BUCKET.inverse("s3:PutBucketPolicy", {"Policy": "{}"}, ref(), found.state) == ()


def test_a_long_listing_is_bounded_and_says_so() -> None:
    """A bucket of a billion objects costs five reads, and the number that is shown is a lower bound."""
    asked: list[Call] = []

    def endless(call: Call) -> Answer:
        asked.append(call)
        if call.operation == "s3:ListObjectVersions":
            versions = [{"Key": "k", "IsLatest": True, "Size": 2}] * 1_000
            return Succeeded({"Versions": versions, "IsTruncated": True, "NextKeyMarker": f"k{len(asked)}"})
        return Succeeded({})

    found = drive(BUCKET.capture(ref()), endless)
    assert found.state is not None
    listed = [call.parameters.get("KeyMarker") for call in asked if call.operation == "s3:ListObjectVersions"]
    assert len(listed) == LIST_PAGES_MAX
    assert len(set(listed)) == LIST_PAGES_MAX, "every page is another one"
    assert BUCKET.at_risk(found.state) == "at least 5,000 objects, 10.0 kB"


def test_a_listing_that_fails_is_an_unknown(account: Account) -> None:
    """Nobody knows how much there is: it is not said to be empty."""
    account.broken = {"s3:ListObjectVersions": Unavailable("timed out")}
    found = drive(BUCKET.capture(ref()), account)
    assert found.unknowns == ("ListObjectVersions: timed out",)
    assert found.state is not None
    assert BUCKET.at_risk(found.state) == ""


def test_objects_need_only_a_glance_at_their_bucket(account: Account) -> None:
    """Writing one object does not cost a listing of the bucket."""
    account.said.clear()
    assessed(account, ("s3:PutObject", {"Bucket": "reports", "Key": "a"}))
    assert sorted({call.operation for call in account.said}) == [
        "s3:GetBucketNotificationConfiguration",
        "s3:GetBucketTagging",
        "s3:GetBucketVersioning",
        "s3:HeadBucket",
        "s3:HeadObject",
    ]


def test_who_relies_on_a_bucket_is_named(account: Account) -> None:
    """Who is told of what is written there, and who gets a copy."""
    queue = account.client("sqs").create_queue(QueueName="arrivals")["QueueUrl"]
    assert queue
    told = {"QueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:arrivals", "Events": ["s3:ObjectCreated:*"]}
    perform(
        account,
        put("PutBucketNotificationConfiguration", NotificationConfiguration={"QueueConfigurations": [told]}),
    )
    edges = drive(BUCKET.capture(ref()), account).dependents
    assert [(str(edge.resource), edge.relation) for edge in edges] == [
        ("sqs:queue/arrivals", "is told what is written to")
    ]


# --- documents ---


def test_every_document_but_two_is_tried() -> None:
    """Access logs and object lock need a bucket of their own to be tried on; they have tests of their own below."""
    assert {document.field for document in DOCUMENTS} - set(PAIRS) == {"logging", "object_lock"}


@pytest.mark.parametrize("field", sorted(PAIRS))
def test_a_document_is_seen_and_put_back(account: Account, field: str) -> None:
    """Reading twice finds the same; writing another is seen, in its own field alone; the inverse gives back what stood."""
    first, second = PAIRS[field]
    account.client("sns").create_topic(Name="t")
    account.client("s3").create_bucket(
        Bucket="copies", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    account.client("s3").put_bucket_versioning(Bucket="copies", VersioningConfiguration={"Status": "Enabled"})
    perform(account, first)
    before = captured(account)
    assert BUCKET.fingerprint(before) == BUCKET.fingerprint(captured(account))
    (step,) = BUCKET.inverse(*second, ref(), before)
    perform(account, second)
    after = captured(account)
    assert {name for name in BUCKET.fields if before[name] != after[name]} == {field}
    assert BUCKET.fingerprint(before) != BUCKET.fingerprint(after)
    assert (BUCKET.wanted(*second) or {}).get(field) == after[field] or field == "acl", (
        "what was announced is what stands"
    )
    perform(account, step)
    assert BUCKET.fingerprint(captured(account)) == BUCKET.fingerprint(before)


REMOVABLE: Final = sorted(
    document.field for document in DOCUMENTS if document.delete and document.field in PAIRS
)


@pytest.mark.parametrize("field", REMOVABLE)
def test_a_document_that_is_taken_off_is_put_back(account: Account, field: str) -> None:
    """Through the whole way: the capture is backup enough, the call is verified, the undo finds everything as it was."""
    document = next(document for document in DOCUMENTS if document.field == field)
    account.client("s3").create_bucket(
        Bucket="copies", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    account.client("s3").put_bucket_versioning(Bucket="copies", VersioningConfiguration={"Status": "Enabled"})
    perform(account, PAIRS[field][0])
    before = captured(account)
    assert undone(account, put(document.delete)) == ()
    assert captured(account) == before


@pytest.mark.parametrize("field", sorted(set(REMOVABLE) - {"tags"}))
def test_a_document_where_none_was_is_taken_off_again(account: Account, field: str) -> None:
    """What did not stand is not left behind by an undo."""
    account.client("s3").create_bucket(
        Bucket="copies", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    account.client("s3").put_bucket_versioning(Bucket="copies", VersioningConfiguration={"Status": "Enabled"})
    before = captured(account)
    asked = PAIRS[field][0]
    if field == "lifecycle":
        asked = put("PutBucketLifecycleConfiguration", LifecycleConfiguration=tidied())
    assert undone(account, asked) == ()
    assert captured(account) == before


def test_a_lifecycle_that_deletes_is_not_saved_by_its_own_capture(account: Account) -> None:
    """The rules could be put back, the objects they delete could not: no backup is pretended, and the undo says so."""
    asked = PAIRS["lifecycle"][0]
    made, _, before = assessed(account, asked)
    with pytest.raises(UnavailableError):
        backed_up(account, made, before)
    plan = PROVIDER.plan_undo(made, before, ())
    assert plan.possible
    assert plan.loss == ("what s3:bucket/reports lost because of it: only the setting is put back",)


def test_versioning_that_never_was_becomes_suspended(account: Account) -> None:
    """A bucket is never without versioning again: the undo says what it could not give back."""
    on = put("PutBucketVersioning", "scratch", VersioningConfiguration={"Status": "Enabled"})
    assert undone(account, on) == ("versioning: '' is now 'Suspended'",)


def test_a_second_factor_cannot_be_put_back(account: Account) -> None:
    """Only the root user's device sets MFA delete: no inverse is promised."""
    given = {"VersioningConfiguration": {"Status": "Enabled", "MFADelete": "Disabled"}}
    assert BUCKET.inverse("s3:PutBucketVersioning", given, ref(), captured(account)) == ()


def test_access_logs_are_switched_back_on() -> None:
    """An empty status takes logging off, so both ways are one call."""
    target = {"TargetBucket": "logs", "TargetPrefix": "r/"}
    (back,) = BUCKET.inverse("s3:PutBucketLogging", {"BucketLoggingStatus": {}}, ref(), {"logging": target})
    assert back.parameters == {"Bucket": "reports", "BucketLoggingStatus": {"LoggingEnabled": target}}
    (off,) = BUCKET.inverse("s3:PutBucketLogging", {}, ref(), {"logging": None})
    assert off.parameters == {"Bucket": "reports", "BucketLoggingStatus": {}}


def test_object_lock_cannot_be_switched_off_again() -> None:
    """Once on it stays: no inverse where it was not on, another rule where it was."""
    given = {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}}
    assert BUCKET.inverse("s3:PutObjectLockConfiguration", given, ref(), {"object_lock": None}) == ()
    (back,) = BUCKET.inverse(
        "s3:PutObjectLockConfiguration", {}, ref(), {"object_lock": given["ObjectLockConfiguration"]}
    )
    assert back.parameters["ObjectLockConfiguration"] == given["ObjectLockConfiguration"]


def test_the_order_of_principals_means_nothing() -> None:
    """S3 gives lists of principals back in any order: that is no change. The order of CORS rules is one."""

    def fingerprints(operation: str, *answers: dict[str, Any]) -> list[str]:
        def said(answer: dict[str, Any]) -> Any:
            return lambda call: Succeeded(answer if call.operation == operation else {})

        states = [drive(BUCKET.capture(ref()), said(answer)).state for answer in answers]
        return [BUCKET.fingerprint(state) for state in states]

    def document(*principals: str) -> dict[str, Any]:
        return {"Policy": json.dumps({"Statement": [{"Principal": {"AWS": list(principals)}}]})}

    one, other, less = fingerprints(
        "s3:GetBucketPolicy", document("a", "b"), document("b", "a"), document("a")
    )
    assert one == other != less
    rule_a, rule_b = {"AllowedOrigins": ["a"]}, {"AllowedOrigins": ["b"]}
    first, second = fingerprints(
        "s3:GetBucketCors", {"CORSRules": [rule_a, rule_b]}, {"CORSRules": [rule_b, rule_a]}
    )
    assert first != second


# --- the narrow way ----------------------------------------------------------------------------------------------------

CREATE: Final = {"Bucket": "reports", "CreateBucketConfiguration": {"LocationConstraint": REGION}}


def test_delete_and_create_with_one_difference_is_one_call(account: Account) -> None:
    """The agent wants ACLs switched off: it gets the one command that does it, and nothing else changes."""
    _, assessment, _ = assessed(
        account,
        ("s3:DeleteBucket", {"Bucket": "reports"}),
        ("s3:CreateBucket", {**CREATE, "ObjectOwnership": "BucketOwnerEnforced"}),
    )
    assert assessment.effect == "replace"
    (way,) = assessment.alternatives
    assert way.exact
    controls = '{"Rules":[{"ObjectOwnership":"BucketOwnerEnforced"}]}'
    command = f"put-bucket-ownership-controls --bucket reports --ownership-controls '{controls}'"
    assert way.commands == (f"aws s3api {command}",)


def test_delete_and_the_same_create_needs_nothing(account: Account) -> None:
    """What stands already is what is asked for."""
    _, assessment, _ = assessed(
        account, ("s3:DeleteBucket", {"Bucket": "reports"}), ("s3:CreateBucket", CREATE)
    )
    (way,) = assessment.alternatives
    assert (way.exact, way.commands) == (True, ())
    assert "nothing needs to be done" in way.why


def test_a_bucket_does_not_move(account: Account) -> None:
    """No update changes the region: that is said, and no command is made up."""
    state = captured(account)
    wanted = BUCKET.desired(
        "s3:CreateBucket", {"CreateBucketConfiguration": {"LocationConstraint": "us-west-2"}}
    )
    assert wanted is not None
    found = BUCKET.narrow(ref(), state, wanted)
    assert found is not None
    assert (found.immutable, found.steps) == (("region",), ())


def test_tags_that_are_asked_for_leave_the_others(account: Account) -> None:
    """Tags are written as a whole: the patch keeps what stands beside those that are asked for."""
    asked = {"CreateBucketConfiguration": {"Tags": [{"Key": "owner", "Value": "sales"}]}}
    found = BUCKET.narrow(ref(), captured(account), BUCKET.desired("s3:CreateBucket", asked) or {})
    assert found is not None
    (step,) = found.steps
    perform(account, step)
    assert captured(account)["tags"] == {"environment": "production", "owner": "sales"}


def test_before_and_after_show_what_is_written(account: Account) -> None:
    """A Put replaces its document: what is not in it any more is shown to go; a Delete shows what goes."""
    _, assessment, _ = assessed(
        account, put("PutBucketTagging", Tagging={"TagSet": [{"Key": "owner", "Value": "x"}]})
    )
    shown = {(found.path, found.before, found.after) for found in assessment.differences}
    assert shown == {("tags.environment", "production", None), ("tags.owner", "finance", "x")}
    perform(account, PAIRS["cors"][0])
    _, assessment, _ = assessed(account, put("DeleteBucketCors"))
    (gone,) = assessment.differences
    assert (gone.path, gone.after) == ("cors", None)
    assert gone.before == origins("https://a.example")["CORSRules"]


def test_every_write_of_a_document_has_a_recipe_that_knows_it() -> None:
    """The map from operation to document and the recipe's list of updates are one."""
    assert frozenset(WRITES) == BUCKET.updates
    assert for_kind("s3:bucket") is not None
    assert for_kind("s3:object") is not None
