"""What every form of signature is asked: its time, its token, its headers, its payload."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

from keyturn.providers.aws import sigv4
from keyturn.providers.aws.signing.values import Authentic, Claim, Refused, Secret, refuse
from keyturn.providers.aws.wire import WireRequest

S3: Final = frozenset({"s3", "s3-outposts", "s3-object-lambda", "s3express"})
"""Services that sign the path as it is and need not sign the body (as in `sigv4`)."""

NOT_SIGNED: Final = frozenset({"x-amzn-trace-id", "x-amz-user-agent"})
"""What intermediaries add or browsers cannot sign; nothing depends on them."""

EXPIRES_S_MAX: Final = 7 * 24 * 3600
"""A presigned URL lives no longer: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html."""

SINGLE: Final = frozenset(
    {
        "authorization",
        "host",
        "x-amz-date",
        "x-amz-content-sha256",
        "x-amz-security-token",
        "x-amz-region-set",
    }
)
"""Headers that decide what a signature says: given twice, two readers may take two different ones."""

HEX_64: Final = re.compile(r"[0-9a-f]{64}\Z")
_DATE: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z\Z")
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-z]+\Z")


def headers_once(request: WireRequest) -> dict[str, str] | Refused:
    """The headers by name; refuses a doubled one that decides."""
    for name in request.twice:
        if name in SINGLE:
            return refuse("duplicate-header", f"the header {name!r} stands twice")
    return request.by_name


def signed_names(text: str) -> tuple[str, ...] | Refused:
    """The list of signed headers: lower-case names in order, each once, the host among them, as AWS asks."""
    names = tuple(text.split(";"))
    if not all(_TOKEN.match(name) for name in names) or list(names) != sorted(set(names)):
        return refuse("malformed", "the signed headers are no sorted list of lower-case names, each once")
    if "host" not in names:
        return refuse("unsigned-header", "the host is not signed")
    return names


def loose_header(request: WireRequest, names: tuple[str, ...]) -> Refused | None:
    """An x-amz-* header that is not under the signature could have been added by anybody."""
    covered = NOT_SIGNED.union(names)
    for name in request.by_name:
        if name.startswith("x-amz-") and name not in covered:
            return refuse("unsigned-header", f"the header {name[:60]!r} is not under the signature")
    return None


def time_of(claim: Claim, *, now_s: float) -> Refused | None:
    """Whether it was signed about now, or, with an expiry, may still be used."""
    at_s = sigv4._seconds(claim.amz_date) if _DATE.match(claim.amz_date) else None  # noqa: SLF001  # one reading of AWS's times
    if at_s is None:
        return refuse("date", "x-amz-date is no time of the form YYYYMMDDTHHMMSSZ")
    if claim.amz_date[:8] != claim.scope.date:
        return refuse("date", "x-amz-date is not the day of the credential scope")
    off_s = now_s - at_s
    if claim.expires_s and off_s > claim.expires_s:
        return refuse(
            "expired", f"the URL expired {(off_s - claim.expires_s) / 60:.0f} minutes ago", "presign it anew"
        )
    if off_s < -sigv4.SKEW_S or (not claim.expires_s and off_s > sigv4.SKEW_S):
        return refuse("skew", f"the clock is off by {abs(off_s) / 60:.0f} minutes", "set the client's clock")
    return None


def token_of(given: str, secret: Secret) -> Refused | None:
    """The session token, compared in constant time."""
    if hmac.compare_digest(given.encode("utf-8", "replace"), secret.token.encode()):
        return None
    if not secret.token:
        return refuse("token", "this key has no session token, but one is given", "unset AWS_SESSION_TOKEN")
    return refuse(
        "token",
        "the session token is missing or is not this key's",
        "use the session's three values together",
    )


def path_of(claim: Claim) -> Refused | None:
    """All paths with one normal form share a signature: only that form itself is what was signed beyond doubt."""
    path = claim.signed_target.partition("?")[0] or "/"
    if claim.scope.signing_name not in S3 and path != sigv4._normal(path):  # noqa: SLF001  # one reading of AWS's paths
        return refuse("path", "the path holds empty, '.' or '..' segments, which no signature covers")
    return None


def payload_of(claim: Claim) -> str | Refused:
    """The payload's place in the canonical request, checked against the body where there is one."""
    declared, body = claim.declared, claim.request.body
    if declared.startswith("STREAMING-") or declared == sigv4.UNSIGNED:
        if claim.scope.signing_name not in S3:
            return refuse("unsigned-body", "the body is not under the signature")
        return declared
    if declared and not HEX_64.match(declared):
        return refuse("malformed", "x-amz-content-sha256 is neither a SHA-256 nor a word that stands for one")
    if body is None:
        return declared or refuse("unsigned-body", "the body is neither read nor declared")
    actual = hashlib.sha256(body).hexdigest()
    if declared and not hmac.compare_digest(declared, actual):
        return refuse("body", "the body is not what was signed")
    return actual


def uncovered(found: Authentic, operation: str) -> Refused | None:
    """A body that no signature covers, under a signing name that has it for some operations only: `operation` must be one of them."""
    allowed = sigv4.UNSIGNED_BODIES.get(found.scope.signing_name)
    if allowed is None or found.payload.sha256 or operation in allowed:
        return None
    return refuse("unsigned-body", "the body is not under the signature")
