"""Small data is exported before it goes, into the plane's vault, and given back from there: equal, but for what was said."""

from __future__ import annotations

import pytest

from keyturn.core.keeping import ITEM_BYTES_MAX
from keyturn.errors import UnavailableError
from keyturn.model.execution import Answer, Backup, Call, Unavailable
from keyturn.providers.aws.recipes.s3_objects import Object
from tests.provider.provider_world import Account, drive
from tests.recipes.recipe_world import PROVIDER, Asked, assessed, backed_up, perform, undone
from tests.recipes.s3_world import account, object_ref

__all__ = ["account"]  # the fixture

OBJECT = Object()
A = {"Bucket": "scratch", "Key": "a"}
WHOLE = {
    **A,
    "Body": bytes(range(256)),
    "ContentType": "text/csv",
    "CacheControl": "no-store",
    "Metadata": {"of": "a"},
    "StorageClass": "STANDARD_IA",
    "Tagging": "owner=finance&year=2026",
}
DELETE: Asked = ("s3:DeleteObject", A)


def look(account: Account, key: str = "a") -> tuple[object, ...]:
    """Everything that is read of an object of the bucket that keeps no versions."""
    s3 = account.client("s3")
    got = s3.get_object(Bucket="scratch", Key=key)
    tags = s3.get_object_tagging(Bucket="scratch", Key=key)["TagSet"]
    names = ("ContentType", "CacheControl", "Metadata", "StorageClass", "ETag")
    return got["Body"].read(), tags, *(got.get(name) for name in names)


@pytest.mark.parametrize(
    "asked",
    [
        DELETE,
        ("s3:DeleteObjects", {"Bucket": "scratch", "Delete": {"Objects": [{"Key": "a"}, {"Key": "b"}]}}),
        ("s3:PutObject", {**A, "Body": b"overwritten", "ContentType": "text/plain"}),
        ("s3:CopyObject", {**A, "CopySource": "scratch/b"}),
    ],
    ids=lambda asked: asked[0],
)
def test_an_object_of_a_bucket_without_versions_comes_back(asked: Asked, account: Account) -> None:
    """Content, headers, metadata, class and tags, from the vault; nothing is said not to be as it was."""
    account.client("s3").put_object(**WHOLE)
    before = look(account), look(account, "b")
    assert undone(account, asked) == ()
    assert (look(account), look(account, "b")) == before


def test_the_backup_says_what_it_holds(account: Account) -> None:
    """Where it lies, how large, under which checksum; and reviewers are told beforehand that there will be one."""
    account.client("s3").put_object(**WHOLE)
    made, assessment, before = assessed(account, DELETE)
    (item,) = assessment.recoverable
    assert (item.backup, item.inverse) == (True, False)
    assert item.loss, "what would not come back is said"
    (backup,) = backed_up(account, made, before)
    assert account.vault[backup.reference] == WHOLE["Body"]
    assert (backup.watermark["bytes"], len(backup.watermark["sha256"])) == (256, 64)
    assert "sealed in the plane's vault and read back" in backup.verified_by
    assert "aws s3api put-object" in PROVIDER.manifest(made, backup, before)


def test_an_object_over_the_limit_has_no_backup(account: Account) -> None:
    """It is said in the assessment, and again where the backup is asked for; nothing is cut to fit."""
    state = drive(OBJECT.capture(object_ref("a", "scratch")), account).state
    assert state is not None
    large = {**state, "bytes": ITEM_BYTES_MAX + 1}
    assert not OBJECT.recoverable(object_ref("a", "scratch"), large).backup
    with pytest.raises(UnavailableError, match="is the most that is exported"):
        drive(OBJECT.backup(object_ref("a", "scratch"), large, case_id="C-1", at_ms=0), account)


def test_an_object_that_changed_since_it_was_captured_is_not_saved_as_if_it_had_not(account: Account) -> None:
    """The export asks for the content that was reviewed; another is refused by the service itself."""
    made, _, before = assessed(account, DELETE)
    account.client("s3").put_object(**A, Body=b"another")
    with pytest.raises(UnavailableError):
        backed_up(account, made, before)
    assert account.vault == {}


def test_what_somebody_wrote_meanwhile_is_not_written_over(account: Account) -> None:
    """Between the look and the write another object appears under the key: it stays, and that is said."""
    made, _, before = assessed(account, DELETE)
    backups = backed_up(account, made, before)
    perform(account, DELETE)
    answer = account.__call__

    def meddled(call: Call) -> Answer:
        if call.operation == "s3:PutObject":
            account.client("s3").put_object(**A, Body=b"somebody's")
        return answer(call)

    (said,) = drive(PROVIDER.undo(made, before, backups), meddled)
    assert "somebody wrote it meanwhile" in said
    assert look(account)[0] == b"somebody's"


def test_a_restore_that_was_cut_off_is_taken_up(account: Account) -> None:
    """The object was put, and the answer never came: asked again, it is found to be there and compared."""
    made, _, before = assessed(account, DELETE)
    backups = backed_up(account, made, before)
    perform(account, DELETE)
    account.broken = {}

    def cut(call: Call) -> Answer:
        answer = account(call)
        return Unavailable("the connection broke") if call.operation == "s3:PutObject" else answer

    with pytest.raises(UnavailableError, match="the connection broke"):
        drive(PROVIDER.undo(made, before, backups), cut)
    assert drive(PROVIDER.undo(made, before, backups), account) == ()
    assert look(account)[0] == b"first a"


def test_without_an_export_nothing_is_touched(account: Account) -> None:
    """A backup of another kind is no export."""
    state = drive(OBJECT.capture(object_ref("a", "scratch")), account).state
    assert state is not None
    other = Backup(
        resource=object_ref("a", "scratch"), state_digest="", watermark={}, reference="capture", manifest="", taken_at_ms=0
    )  # fmt: skip
    account.said.clear()
    for backup in (None, other):
        with pytest.raises(UnavailableError, match="there is no export"):
            drive(OBJECT.restore(object_ref("a", "scratch"), state, backup), account)
    assert account.said == []


def test_an_answer_is_whole_or_none(account: Account) -> None:
    """The tags are set with the object in one call: there is no moment in which it stands without them."""
    account.client("s3").put_object(**A, Body=b"x", Tagging="owner=finance")
    state = drive(OBJECT.capture(object_ref("a", "scratch")), account).state
    assert state is not None
    (step,) = OBJECT.restore_plan(object_ref("a", "scratch"), state, None)
    assert step.parameters["Tagging"] == "owner=finance"
    assert isinstance(account.client("s3").put_object(**step.parameters), dict)
