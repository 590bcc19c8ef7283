"""Presigned URLs of Signature Version 4: the signature stands in the query.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html and
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html. SigV4A's are read here too.
"""

from __future__ import annotations

import hmac
import re
from typing import Final

from keyturn.providers.aws import sigv4
from keyturn.providers.aws.signing import checks, query
from keyturn.providers.aws.signing.values import (
    ECDSA,
    MAC,
    SIGNATURE_CHARS_MAX,
    Authentic,
    Claim,
    Form,
    Payload,
    Refused,
    Secret,
    refuse,
)
from keyturn.providers.aws.wire import CredentialScope, WireRequest

_ASKED: Final = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
)

_SECONDS: Final = re.compile(r"[0-9]{1,6}\Z")


def parse(request: WireRequest, *, region: str) -> Claim | Refused:
    """Read a presigned URL. `region` stands in where SigV4A leaves it open."""
    headers = checks.headers_once(request)
    if isinstance(headers, Refused):
        return headers
    found = query.split(request, query.V4)
    if isinstance(found, Refused):
        return found
    given, left = found
    wrong = _incomplete(given, headers) or query.misspelt(left)
    if wrong is not None:
        return wrong
    names = checks.signed_names(given["X-Amz-SignedHeaders"])
    if isinstance(names, Refused):
        return names
    scope = _scope(given, region)
    if isinstance(scope, Refused):
        return scope
    s3 = scope.signing_name in checks.S3
    path = request.target.partition("?")[0]
    covered_parts = [
        raw for raw in request.target.partition("?")[2].split("&") if not raw.startswith("X-Amz-Signature=")
    ]
    signed_target = query.joined(path, covered_parts)
    bare = WireRequest(
        request.method, query.joined(path, [raw for raw, _, _ in left]), request.headers, request.body
    )
    stripped = query.hoisted(bare, path, left) if s3 else bare
    if isinstance(stripped, Refused):
        return stripped
    return Claim(
        form=Form.QUERY if given["X-Amz-Algorithm"] == MAC else Form.ASYMMETRIC_QUERY,
        scope=scope,
        request=stripped,
        original=request,
        signed_target=signed_target,
        signed_headers=names,
        signature=given["X-Amz-Signature"],
        amz_date=given["X-Amz-Date"],
        declared=given.get("X-Amz-Content-Sha256", "")
        or headers.get("x-amz-content-sha256", "")
        or (sigv4.UNSIGNED if s3 else ""),
        token=given.get("X-Amz-Security-Token", "") or headers.get("x-amz-security-token", ""),
        expires_s=int(given["X-Amz-Expires"]),
    )


def _incomplete(given: dict[str, str], headers: dict[str, str]) -> Refused | None:
    """What the parameters lack, or say a second time beside a header."""
    missing = [name for name in _ASKED if not given.get(name)]
    if missing:
        return refuse("malformed", f"the presigned URL lacks {missing[0]}")
    if len(given["X-Amz-Signature"]) > SIGNATURE_CHARS_MAX:
        return refuse("malformed", "the signature is too long to be one")
    expires = given["X-Amz-Expires"]
    if not _SECONDS.match(expires) or not 1 <= int(expires) <= checks.EXPIRES_S_MAX:
        return refuse("expiry", f"X-Amz-Expires is no number of seconds from 1 to {checks.EXPIRES_S_MAX:,}")
    for name in ("X-Amz-Security-Token", "X-Amz-Content-Sha256", "X-Amz-Date"):
        if name in given and name.lower() in headers:
            return refuse("duplicate-header", f"{name!r} is given twice, as a header and as a parameter")
    return None


def _scope(given: dict[str, str], region: str) -> CredentialScope | Refused:
    """The credential's scope; SigV4A's has no region of its own but a set of them."""
    pieces = given["X-Amz-Credential"].split("/")
    algorithm, region_set = given["X-Amz-Algorithm"], given.get("X-Amz-Region-Set")
    if algorithm not in {MAC, ECDSA}:
        return refuse(
            "algorithm", f"signatures of kind {algorithm[:40]!r} are not verified", "presign with SigV4"
        )
    if (algorithm == ECDSA) != (region_set is not None):
        return refuse("malformed", "X-Amz-Region-Set belongs to SigV4A, and only to it")
    if len(pieces) != (5 if algorithm == MAC else 4) or pieces[-1] != "aws4_request" or not all(pieces):
        return refuse("malformed", "X-Amz-Credential is no credential scope")
    if algorithm == MAC:
        return CredentialScope(pieces[0], pieces[1], pieces[2], pieces[3])
    return CredentialScope(pieces[0], pieces[1], one_region(region_set or "", region), pieces[2])


def one_region(region_set: str, region: str) -> str:
    """The region that is meant: `region`, unless the set names exactly one."""
    return region if "," in region_set or "*" in region_set or not region_set else region_set


def verify(claim: Claim, secret: Secret, *, now_s: float) -> Authentic | Refused:
    """Whether `secret` presigned this very request, and it has not expired."""
    payload = covered(claim, secret, now_s=now_s)
    if isinstance(payload, Refused):
        return payload
    if payload.startswith("STREAMING-"):
        return refuse(
            "chunked", "a presigned URL takes no body in signed chunks", "send the object in one piece"
        )
    wrong = signature(claim, secret, payload)
    return wrong or Authentic(
        claim.form, claim.scope, Payload(payload if len(payload) == 64 else ""), claim.request
    )


def signature(claim: Claim, secret: Secret, payload: str) -> Refused | None:
    """None when `secret` made the signature."""
    expected = sigv4._signature(secret.secret, claim.scope, claim.amz_date, canonical(claim, payload))  # noqa: SLF001
    if hmac.compare_digest(expected.encode(), claim.signature.encode("utf-8", "replace")):
        return None
    return refuse("signature", "the signature does not match", "the session may have ended: open a new one")


def covered(claim: Claim, secret: Secret, *, now_s: float) -> str | Refused:
    """All that is asked before the signature itself is; says the payload's place in the canonical request."""
    wrong = (
        checks.time_of(claim, now_s=now_s)
        or checks.loose_header(claim.original, claim.signed_headers)
        or checks.path_of(claim)
        or checks.token_of(claim.token, secret)
    )
    return wrong or checks.payload_of(claim)


def canonical(claim: Claim, payload: str) -> str:
    """AWS's canonical request of what was signed."""
    return sigv4.canonical_request(
        claim.original.method,
        claim.signed_target,
        claim.original.headers,
        claim.signed_headers,
        payload,
        s3=claim.scope.signing_name in checks.S3,
    )
