"""S3's POST policy forms: a browser uploads with a policy that somebody signed for it beforehand.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-authentication-HTTPPOST.html and sigv4-HTTPPOSTConstructPolicy.html. SigV4 only: the
older form, AWSAccessKeyId and signature, is refused by name. Every field must be under a condition of the policy, as S3 asks.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from datetime import datetime
from typing import Any, Final

import msgspec

from keyturn.providers.aws import sigv4
from keyturn.providers.aws.protocols.values import UnmodelledError, strict_json
from keyturn.providers.aws.signing import checks, multipart
from keyturn.providers.aws.signing.values import MAC, Refused, Secret, refuse
from keyturn.providers.aws.wire import CredentialScope, WireRequest, split_prefix

CONDITIONS_MAX: Final = 200
"""More than any form has fields for."""

_NO_CONDITION: Final = frozenset({"policy", "x-amz-signature", "file"})
"""Fields that no condition covers (the second page above), besides x-ignore-*."""


class PostClaim(msgspec.Struct, frozen=True):
    """A form, read and not yet verified."""

    scope: CredentialScope
    bucket: str
    fields: dict[str, str]
    file: bytes
    key: str


class PostForm(msgspec.Struct, frozen=True):
    """An upload that a signed policy permits: `fields` are what was given beside key and file, without the signature's own."""

    scope: CredentialScope
    bucket: str
    key: str
    fields: dict[str, str]
    file: bytes


def parse(request: WireRequest) -> PostClaim | Refused:
    """Read a form. The bucket is the path's; a file's name takes the place of ${filename} in the key."""
    path, _, asked = split_prefix(request.target)[1].partition("?")
    bucket = path.strip("/")
    if (
        request.method != "POST"
        or asked
        or not bucket
        or "/" in bucket
        or "%" in bucket
        or request.body is None
    ):
        return refuse("form", "a form is posted to a bucket, /BUCKET, without a query")
    form = multipart.parse(request.by_name.get("content-type", ""), request.body)
    if isinstance(form, Refused):
        return form
    fields = dict(form.fields)
    if "awsaccesskeyid" in fields or "signature" in fields:
        return refuse(
            "v2", "policy forms of signature version 2 are not accepted", "presign the post with SigV4: s3v4"
        )
    missing = [
        name
        for name in ("key", "policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature")
        if not fields.get(name)
    ]
    if missing:
        return refuse("form", f"the form lacks {missing[0]}")
    pieces = fields["x-amz-credential"].split("/")
    if fields["x-amz-algorithm"] != MAC:
        return refuse("algorithm", "only AWS4-HMAC-SHA256 signs a form here")
    if len(pieces) != 5 or not all(pieces) or pieces[3:] != ["s3", "aws4_request"]:
        return refuse("malformed", "x-amz-credential is no credential scope of s3")
    scope = CredentialScope(pieces[0], pieces[1], pieces[2], pieces[3])
    key = fields["key"].replace("${filename}", form.file_name.rpartition("/")[2])
    return PostClaim(scope, bucket, fields, form.file, key)


def verify(claim: PostClaim, secret: Secret, *, now_s: float) -> PostForm | Refused:
    """Whether `secret` signed the policy, it has not expired, and each of its conditions holds."""
    scope, given = claim.scope, claim.fields
    key = sigv4._signing_key(secret.secret, scope.date, scope.region, scope.signing_name)  # noqa: SLF001
    expected = hmac.digest(key, given["policy"].encode(), "sha256").hex()
    if not hmac.compare_digest(expected.encode(), given["x-amz-signature"].encode()):
        return refuse(
            "signature", "the signature does not match", "the session may have ended: open a new one"
        )
    wrong = checks.token_of(given.get("x-amz-security-token", ""), secret)
    if wrong is None and not given["x-amz-date"].startswith(scope.date):
        wrong = refuse("date", "x-amz-date is not the day of the credential scope")
    policy = _policy(given["policy"]) if wrong is None else wrong
    if isinstance(policy, Refused):
        return policy
    expiry_s, conditions = policy
    if now_s > expiry_s:
        return refuse(
            "expired", f"the policy expired {(now_s - expiry_s) / 60:.0f} minutes ago", "presign it anew"
        )
    wrong = _conditions(conditions, claim)
    if wrong is not None:
        return wrong
    kept = {
        name: value
        for name, value in given.items()
        if name
        not in _NO_CONDITION
        | {"key", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-security-token"}
    }
    return PostForm(scope, claim.bucket, claim.key, kept, claim.file)


def _policy(text: str) -> tuple[float, list[Any]] | Refused:
    """The policy's expiry and conditions; the JSON is read in one way only."""
    try:
        document = strict_json(base64.b64decode(text, validate=True), "the policy")
        expiry = datetime.fromisoformat(document["expiration"])
        conditions = document["conditions"]
    except (UnmodelledError, binascii.Error, ValueError, KeyError, TypeError):
        return refuse("policy", "the policy is no JSON with an expiration and conditions")
    if (
        expiry.tzinfo is None
        or document.keys() != {"expiration", "conditions"}
        or not isinstance(conditions, list)
    ):
        return refuse("policy", "the policy is no JSON with an expiration, in UTC, and conditions")
    if len(conditions) > CONDITIONS_MAX:
        return refuse("policy", f"the policy has over {CONDITIONS_MAX} conditions")
    return expiry.timestamp(), conditions


def _conditions(conditions: list[Any], claim: PostClaim) -> Refused | None:
    """Each condition holds, and each field is under one."""
    given = {**claim.fields, "bucket": claim.bucket, "key": claim.key}
    covered = set()
    for condition in conditions:
        match condition:
            case dict() if len(condition) == 1 and all(
                isinstance(value, str) for value in condition.values()
            ):
                ((name, value),) = condition.items()
                name, holds = name.lower(), given.get(name.lower()) == value
            case [str() as kind, str() as dollar, str() as value] if dollar.startswith("$"):
                name = dollar[1:].lower()
                if kind.lower() not in {"eq", "starts-with"} or name not in given:
                    return refuse(
                        "policy", f"the policy's condition on {name[:60]!r} cannot be held against the form"
                    )
                holds = given[name] == value if kind.lower() == "eq" else given[name].startswith(value)
            case ["content-length-range", int() as least, int() as most]:
                name, holds = "", least <= len(claim.file) <= most
            case _:
                return refuse("policy", "the policy holds a condition that is not known")
        if not holds:
            return refuse("policy", f"the policy's condition on {name[:60] or 'the length'!r} does not hold")
        covered.add(name)
    loose = [
        name for name in given if name not in covered | _NO_CONDITION and not name.startswith("x-ignore-")
    ]
    return (
        refuse("policy", f"the field {loose[0][:60]!r} is under no condition of the policy")
        if loose
        else None
    )
