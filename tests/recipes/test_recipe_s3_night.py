"""What the shipped policy says of S3 in production, now that buckets and objects are read."""

from __future__ import annotations

from typing import Final

import pytest

from keyturn.model.decision import Verdict
from tests.provider.provider_world import Account
from tests.recipes.recipe_world import Asked, assessed, decided, perform
from tests.recipes.s3_world import PAIRS, TAGS, account, put

__all__ = ["account"]  # the fixture

# --- what the shipped policy says, now that more is known ----------------------------------------------------------------

HOLD, ALLOW = Verdict.HOLD, Verdict.ALLOW
MORE: Final = {"TagSet": [*TAGS, {"Key": "team", "Value": "x"}]}
NIGHT: Final[list[tuple[str, Asked, Verdict, int]]] = [
    ("versioning goes", put("PutBucketVersioning", VersioningConfiguration={"Status": "Suspended"}), HOLD, 2),
    ("the second factor goes", put("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled", "MFADelete": "Disabled"}), HOLD, 2),
    ("versioning comes", put("PutBucketVersioning", "scratch", VersioningConfiguration={"Status": "Enabled"}), ALLOW, 0),
    ("the bucket goes", put("DeleteBucket"), HOLD, 2),
    ("another policy", PAIRS["policy"][0], HOLD, 2),
    ("another ACL", PAIRS["acl"][1], HOLD, 2),
    ("objects will expire", PAIRS["lifecycle"][0], HOLD, 2),
    ("objects will be archived", put("PutBucketLifecycleConfiguration", LifecycleConfiguration={"Rules": [{"Status": "Enabled", "Filter": {"Prefix": ""}, "Transitions": [{"Days": 0, "StorageClass": "DEEP_ARCHIVE"}]}]}), HOLD, 1),
    ("uploads that were given up are cleared", put("PutBucketLifecycleConfiguration", LifecycleConfiguration={"Rules": [{"Status": "Enabled", "Filter": {"Prefix": ""}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}]}), ALLOW, 0),
    ("the public could come in", PAIRS["public_access"][1], HOLD, 2),
    ("ACLs count again", PAIRS["ownership"][1], HOLD, 2),
    ("every site's scripts", PAIRS["cors"][1], HOLD, 2),
    ("one site's scripts", PAIRS["cors"][0], ALLOW, 0),
    ("visitors are sent away", PAIRS["website"][1], HOLD, 1),
    ("copies go elsewhere", PAIRS["replication"][0], HOLD, 2),
    ("it is called otherwise", put("PutBucketTagging", Tagging={"TagSet": TAGS[1:]}), HOLD, 2),
    ("one more tag", put("PutBucketTagging", Tagging=MORE), ALLOW, 0),
    ("locked for ten years", put("PutObjectRetention", Key="a", Retention={"Mode": "COMPLIANCE", "RetainUntilDate": "2036-01-01"}), HOLD, 1),
    ("written locked for ten years", put("PutObject", Key="new", ObjectLockMode="COMPLIANCE"), HOLD, 1),
    ("given to another account", put("PutObject", Key="new", GrantFullControl=f"id={'0' * 64}"), HOLD, 2),
    ("an object of a bucket that keeps versions", put("PutObject", Key="a"), ALLOW, 0),
    ("a new object", put("PutObject", "scratch", Key="new"), ALLOW, 0),
    ("an object overwritten for good", put("PutObject", "scratch", Key="a"), HOLD, 1),
    ("an object hidden", put("DeleteObject", Key="a"), HOLD, 2),
    ("an object deleted for good", put("DeleteObject", "scratch", Key="a"), HOLD, 2),
    ("objects deleted for good", put("DeleteObjects", "scratch", Delete={"Objects": [{"Key": "a"}, {"Key": "b"}]}), HOLD, 2),
    ("tags of an object", put("PutObjectTagging", Key="a", Tagging=MORE), ALLOW, 0),
    ("a setting nobody captured", put("PutBucketRequestPayment", RequestPaymentConfiguration={"Payer": "Requester"}), HOLD, 1),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "asked", "verdict", "quorum"), NIGHT, ids=[line[0].replace(" ", "-") for line in NIGHT]
)
def test_in_production(account: Account, what: str, asked: Asked, verdict: Verdict, quorum: int) -> None:
    """What strips, exposes, destroys or cannot be put back waits; what one call puts back goes through."""
    assessment, decision = decided(account, asked)
    assert assessment.environment == "production"
    assert (decision.verdict, decision.obligations.quorum) == (verdict, quorum), (what, assessment.findings)


@pytest.mark.parametrize(
    ("asked", "at_risk"),
    [
        (put("DeleteObjects", "scratch", Delete={"Objects": [{"Key": k} for k in "abc"]}), "2 objects"),
        (put("DeleteObject", Key="a"), ""),
        (put("DeleteObject", Key="a", VersionId="v"), "1 objects"),
        (put("AbortMultipartUpload", Key="a", UploadId="u"), ""),
        (put("DeleteBucketCors"), ""),
        (put("DeleteBucket", "scratch"), "2 objects, 14 B"),
        (PAIRS["lifecycle"][0], "2 objects, 14 B"),
    ],
)
def test_what_is_at_risk_is_what_goes(account: Account, asked: Asked, at_risk: str) -> None:
    """Of objects their own number, of those that stand; of a setting that can be put back nothing."""
    perform(account, PAIRS["cors"][0])
    _, assessment, _ = assessed(account, asked)
    assert assessment.data_at_risk == at_risk
