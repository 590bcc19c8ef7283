"""A bucket that keeps versions, one that does not, and two of every document a bucket can have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
from moto import mock_aws

from keyturn.model.change import ResourceRef
from keyturn.providers.aws.recipes.base import State
from keyturn.providers.aws.recipes.s3 import Bucket
from tests.provider.provider_world import ACCOUNT, REGION, Account, drive
from tests.recipes.recipe_world import Asked

BUCKET = Bucket()
TAGS: Final = [{"Key": "environment", "Value": "production"}, {"Key": "owner", "Value": "finance"}]
OTHERS: Final = "arn:aws:iam::210987654321:root"


def ref(bucket: str = "reports") -> ResourceRef:
    return ResourceRef("aws", "aws", ACCOUNT, REGION, "s3:bucket", bucket)


def object_ref(key: str, bucket: str = "reports") -> ResourceRef:
    return ResourceRef("aws", "aws", ACCOUNT, REGION, "s3:object", f"{bucket}/{key}")


@pytest.fixture
def account() -> Iterator[Account]:
    """`reports` keeps versions, `scratch` does not; both are production and hold the objects a and b."""
    with mock_aws():
        made = Account()
        s3 = made.client("s3")
        for bucket in ("reports", "scratch"):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
            s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": TAGS})
            if bucket == "reports":
                s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
            for key in ("a", "b"):
                s3.put_object(Bucket=bucket, Key=key, Body=f"first {key}".encode(), Metadata={"of": key})
        yield made


def captured(account: Account, bucket: str = "reports") -> State:
    found = drive(BUCKET.capture(ref(bucket)), account)
    assert found.unknowns == ()
    assert found.state is not None
    return found.state


def put(operation: str, bucket: str = "reports", **parameters: Any) -> Asked:
    return f"s3:{operation}", {"Bucket": bucket, **parameters}


def policy(action: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": OTHERS},
        "Action": action,
        "Resource": "arn:aws:s3:::reports/*",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def rules(*days: int) -> dict[str, Any]:
    made = [
        {"ID": f"d{n}", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": n}}
        for n in days
    ]
    return {"Rules": made}


def tidied() -> dict[str, Any]:
    """A lifecycle that deletes no object: it clears what was never finished."""
    clearing = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}
    return {"Rules": [{"ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": ""}, **clearing}]}


def block(*, on: bool) -> dict[str, bool]:
    return {
        "BlockPublicAcls": on,
        "IgnorePublicAcls": on,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": True,
    }


def under(algorithm: str) -> dict[str, Any]:
    return {
        "Rules": [
            {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}, "BucketKeyEnabled": False}
        ]
    }


def origins(*sites: str) -> dict[str, Any]:
    return {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": list(sites)}]}


def told(event: str) -> dict[str, Any]:
    return {
        "TopicConfigurations": [
            {"Id": "t", "TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:t", "Events": [event]}
        ]
    }


def copied(priority: int) -> dict[str, Any]:
    rule = {"ID": "r", "Priority": priority, "Status": "Enabled", "Filter": {"Prefix": ""}}
    to = {"Destination": {"Bucket": "arn:aws:s3:::copies"}, "DeleteMarkerReplication": {"Status": "Disabled"}}
    return {"Role": f"arn:aws:iam::{ACCOUNT}:role/copier", "Rules": [{**rule, **to}]}


OWNERSHIP: Final = "OwnershipControls"
PAIRS: Final[dict[str, tuple[Asked, Asked]]] = {
    # document -> what stands, and another that is written over it
    "versioning": (
        put("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"}),
        put("PutBucketVersioning", VersioningConfiguration={"Status": "Suspended"}),
    ),
    "encryption": (
        put("PutBucketEncryption", ServerSideEncryptionConfiguration=under("aws:kms")),
        put("PutBucketEncryption", ServerSideEncryptionConfiguration=under("AES256")),
    ),
    "policy": (
        put("PutBucketPolicy", Policy=policy("s3:GetObject")),
        put("PutBucketPolicy", Policy=policy("s3:*")),
    ),
    "acl": (put("PutBucketAcl", ACL="private"), put("PutBucketAcl", ACL="authenticated-read")),
    "tags": (
        put("PutBucketTagging", Tagging={"TagSet": TAGS}),
        put("PutBucketTagging", Tagging={"TagSet": TAGS[:1]}),
    ),
    "lifecycle": (
        put("PutBucketLifecycleConfiguration", LifecycleConfiguration=rules(30, 90)),
        put("PutBucketLifecycleConfiguration", LifecycleConfiguration=rules(1)),
    ),
    "public_access": (
        put("PutPublicAccessBlock", PublicAccessBlockConfiguration=block(on=True)),
        put("PutPublicAccessBlock", PublicAccessBlockConfiguration=block(on=False)),
    ),
    "ownership": (
        put(
            "PutBucketOwnershipControls",
            OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        ),
        put("PutBucketOwnershipControls", OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}),
    ),
    "cors": (
        put("PutBucketCors", CORSConfiguration=origins("https://a.example")),
        put("PutBucketCors", CORSConfiguration=origins("*")),
    ),
    "website": (
        put("PutBucketWebsite", WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}}),
        put(
            "PutBucketWebsite",
            WebsiteConfiguration={"RedirectAllRequestsTo": {"HostName": "elsewhere.example"}},
        ),
    ),
    "notification": (
        put("PutBucketNotificationConfiguration", NotificationConfiguration=told("s3:ObjectCreated:*")),
        put("PutBucketNotificationConfiguration", NotificationConfiguration=told("s3:ObjectRemoved:*")),
    ),
    "replication": (
        put("PutBucketReplication", ReplicationConfiguration=copied(1)),
        put("PutBucketReplication", ReplicationConfiguration=copied(2)),
    ),
}
