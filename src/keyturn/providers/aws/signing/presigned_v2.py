"""S3's older presigned URLs, signed with HMAC-SHA1: what `aws s3 presign` still makes in us-east-1.

https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html ("Query string request authentication alternative"). The
signature covers the method, the bucket and key, sub-resources, the expiry, Content-MD5, Content-Type and x-amz-* headers; any other
query parameter is outside of it, and is refused here: anybody could have added it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Final

from keyturn.providers.aws.signing import checks, query
from keyturn.providers.aws.signing.values import Authentic, Claim, Form, Payload, Refused, Secret, refuse
from keyturn.providers.aws.wire import CredentialScope, WireRequest

SUB_RESOURCES: Final = frozenset(
    [
        "accelerate",
        "acl",
        "analytics",
        "cors",
        "delete",
        "inventory",
        "lifecycle",
        "location",
        "logging",
        "metrics",
        "notification",
        "object-lock",
        "partNumber",
        "policy",
        "replication",
        "requestPayment",
        "restore",
        "select",
        "select-type",
        "storageClass",
        "tagging",
        "torrent",
        "uploadId",
        "uploads",
        "versionId",
        "versioning",
        "versions",
        "website",
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
    ]
)
"""Query parameters that are part of the canonical resource (the page above, and what SDKs sign beyond it)."""

_SAID_BY_HEADER: Final = frozenset({"content-md5", "content-type"})
"""boto3 writes these into the URL as well. S3 looks at the headers alone: whoever uses the URL has to send them as they were signed, and is
refused where they are missing or others. The parameters are left out of what goes on."""


def parse(request: WireRequest, *, region: str, bucket: str = "") -> Claim | Refused:
    """Read it. It names no region: `region` is where the account lives. `bucket` is the host's, where the host names one."""
    headers = checks.headers_once(request)
    if isinstance(headers, Refused):
        return headers
    found = query.split(request, query.V2)
    if isinstance(found, Refused):
        return found
    given, left = found
    missing = [name for name in sorted(query.V2) if not given.get(name)]
    if missing:
        return refuse("malformed", f"the presigned URL lacks {missing[0]}")
    expires = given["Expires"]
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
        return refuse("expiry", "Expires is no number of seconds since 1970")
    read = _read(request, left)
    if isinstance(read, Refused):
        return read
    resource, stripped = read
    return Claim(
        form=Form.QUERY_V2,
        scope=CredentialScope(given["AWSAccessKeyId"], "", region, "s3"),
        request=stripped,
        original=request,
        signed_target=f"/{bucket}{resource}" if bucket else resource,
        signature=given["Signature"],
        token=stripped.by_name.get("x-amz-security-token", ""),
        expires_s=int(expires),
    )


def _read(request: WireRequest, left: list[tuple[str, str, str]]) -> tuple[str, WireRequest] | Refused:
    """The canonical resource, and the request without the signature, its headers back in their place."""
    headers = list(request.headers)
    names = [name for name, _ in headers]
    kept: list[str] = []
    resources: dict[str, str] = {}
    for raw, name, value in left:
        if raw.partition("=")[0] != name:
            return refuse("malformed", f"the parameter {name[:60]!r} is written with escapes")
        if name in SUB_RESOURCES:
            if (
                "&" in value
            ):  # joined undecoded: `versionId=a%26website` would share its signature with two parameters
                return refuse(
                    "ambiguous",
                    f"the parameter {name!r} holds an ampersand, which a V2 signature cannot tell",
                )
            if name in resources:
                return refuse("duplicate-parameter", f"the parameter {name!r} stands twice")
            resources[name] = f"{name}={value}" if "=" in raw else name
            kept.append(raw)
        elif name in _SAID_BY_HEADER:
            continue
        elif name.startswith("x-amz-"):
            if name in names:
                return refuse(
                    "duplicate-header", f"{name[:60]!r} is given twice, as a header and as a parameter"
                )
            if not value.isprintable() or not value.isascii() or value != value.strip():
                return refuse("malformed", f"the parameter {name[:60]!r} cannot be a header")
            names.append(name)
            headers.append((name, value))
        else:
            return refuse(
                "unsigned-parameter",
                f"the parameter {name[:60]!r} is not under a V2 signature",
                "presign with SigV4 (s3v4)",
            )
    if _SAID_BY_HEADER & set(request.twice):
        return refuse("duplicate-header", "Content-Type or Content-MD5 stands twice")
    path = request.target.partition("?")[0]
    resource = path + ("?" + "&".join(resources[name] for name in sorted(resources)) if resources else "")
    return resource, WireRequest(request.method, query.joined(path, kept), tuple(headers), request.body)


def verify(claim: Claim, secret: Secret, *, now_s: float) -> Authentic | Refused:
    """Whether `secret` presigned this, and it has not expired. The body is never under such a signature."""
    if now_s > claim.expires_s:
        return refuse(
            "expired", f"the URL expired {(now_s - claim.expires_s) / 60:.0f} minutes ago", "presign it anew"
        )
    if claim.expires_s - now_s > checks.EXPIRES_S_MAX:
        return refuse("expiry", "the URL would be good for more than seven days", "presign it for less")
    wrong = checks.token_of(claim.token, secret)
    if wrong is not None:
        return wrong
    try:
        given = base64.b64decode(claim.signature, validate=True)
    except (binascii.Error, ValueError):
        return refuse("signature", "the signature is no base64")
    expected = hmac.digest(
        secret.secret.encode(), string_to_sign(claim).encode("utf-8", "surrogatepass"), "sha1"
    )
    exact = (
        base64.b64encode(expected).decode() == claim.signature
    )  # other writings of the same bytes are none that was made
    if not hmac.compare_digest(expected, given) or not exact:
        return refuse(
            "signature", "the signature does not match", "the session may have ended: open a new one"
        )
    headers = tuple(pair for pair in claim.request.headers if pair[0] != "x-amz-security-token")
    bare = WireRequest(claim.request.method, claim.request.target, headers, claim.request.body)
    return Authentic(claim.form, claim.scope, Payload(), bare)


def string_to_sign(claim: Claim) -> str:
    """What the signature is made over."""
    found: dict[str, list[str]] = {}
    for name, value in claim.request.headers:
        found.setdefault(name, []).append(" ".join(value.split()))
    custom = "".join(
        f"{name}:{','.join(found[name])}\n"
        for name in sorted(found)
        if name.startswith("x-amz-") and name not in checks.NOT_SIGNED
    )
    md5, kind = (",".join(found.get(name, [""])) for name in ("content-md5", "content-type"))
    return f"{claim.request.method}\n{md5}\n{kind}\n{claim.expires_s}\n{custom}{claim.signed_target}"
