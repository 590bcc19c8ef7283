"""The one door for signatures: who signed this request, in which form, and what its body must be; or why that cannot be said.

`claim` reads and `verify` verifies, so that the caller can look the key up in between and shape its error; `authenticate` is both.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import msgspec

from keyturn.providers.aws import sigv4
from keyturn.providers.aws.signing import (
    checks,
    checksums,
    chunked,
    form_v2,
    presigned,
    presigned_v2,
    query,
    rechunk,
    sigv4a,
)
from keyturn.providers.aws.signing.values import (
    ECDSA,
    MAC,
    Authentic,
    Chunks,
    ChunkSigning,
    Claim,
    Form,
    Payload,
    Refused,
    Secret,
    refuse,
)
from keyturn.providers.aws.wire import WireRequest

DECODED_BYTES_MAX: Final = 5 * 1024**3
"""The largest body of one request to S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html."""

_STREAMED: Final = {
    f"STREAMING-{MAC}-PAYLOAD": (ChunkSigning.MAC, ""),
    f"STREAMING-{MAC}-PAYLOAD-TRAILER": (ChunkSigning.MAC, "signed"),
    f"STREAMING-{ECDSA}-PAYLOAD": (ChunkSigning.ECDSA, ""),
    f"STREAMING-{ECDSA}-PAYLOAD-TRAILER": (ChunkSigning.ECDSA, "signed"),
    sigv4.UNSIGNED_TRAILER: (ChunkSigning.NONE, ""),
}
"""https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html, and whether the trailers are signed."""

_VIRTUAL: Final = re.compile(
    r"([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\.s3(?:[.-](?:dualstack\.)?[a-z]{2}(?:-[a-z]+)+-[0-9])?\.amazonaws\.com(?:\.cn)?(?::[0-9]{1,5})?\Z"
)
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html: BUCKET.s3.REGION.amazonaws.com, and the older names."""


def claim(request: WireRequest, *, region: str, origin: str = "") -> Claim | Refused:
    """What the request says of its signature. `region` is meant where a form names none, or several. Total: never raises.

    `origin` is the host that a client of the proxy speaks to: S3's older URLs sign the bucket that it may name. Who gives it reads
    path and host together afterwards; without it paths alone are read, and so are they verified.
    """
    authorization = request.by_name.get("authorization", "")
    in_query = query.kinds(request.target) if "?" in request.target else frozenset()
    if not in_query and authorization.startswith(MAC + " "):
        return _by_header(request)
    if "authorization" in request.twice:
        return refuse("duplicate-header", "the header 'authorization' stands twice")
    if len(in_query) + bool(authorization) > 1:
        return refuse("two-signatures", "the request is signed in two ways", "sign it once")
    if authorization:
        kind = authorization.partition(" ")[0]
        if kind == ECDSA:
            return sigv4a.parse(request, region=region)
        if kind == "AWS":
            return refuse(
                "v2",
                "signatures of version 2 are not accepted in a header",
                "sign with SigV4: signature_version = s3v4",
            )
        return refuse("algorithm", f"signatures of kind {kind[:40]!r} are not verified", "sign with SigV4")
    if "v4" in in_query:
        return presigned.parse(request, region=region)
    if "v2" in in_query:
        return presigned_v2.parse(request, region=region, bucket=virtual_bucket(origin))
    if form_v2.is_one(request):
        return form_v2.parse(request, region=region)
    if request.by_name.get("content-type", "").startswith("multipart/form-data"):
        return refuse(
            "post-form",
            "a policy form is not taken at this door",
            "upload through the SDK, or by a presigned PUT",
        )
    return refuse("unsigned", "the request is not signed", "use the session's keys: keyturn session new")


def _by_header(request: WireRequest) -> Claim | Refused:
    signed = sigv4.parse(request)
    if isinstance(signed, Refused):
        return signed
    return Claim(
        form=Form.HEADER,
        scope=signed.scope,
        request=request,
        original=request,
        signed_target=request.target,
        signed_headers=signed.signed_headers,
        signature=signed.signature,
        amz_date=signed.amz_date,
        declared=signed.payload_sha256,
        header=signed,
    )


def virtual_bucket(host: str) -> str:
    """The bucket that a host of S3 names; empty where it names none."""
    found = _VIRTUAL.match(host.lower())
    return found[1] if found else ""


def verify(found: Claim, secret: Secret, *, now_s: float) -> Authentic | Refused:
    """Whether `secret` made this signature over this very request. Total: never raises."""
    if found.header is not None:
        authentic = _verify_header(found, found.header, secret, now_s=now_s)
    elif found.form is Form.QUERY:
        authentic = presigned.verify(found, secret, now_s=now_s)
    elif found.form is Form.QUERY_V2:
        authentic = presigned_v2.verify(found, secret, now_s=now_s)
    elif found.form is Form.FORM_V2:
        authentic = form_v2.verify(found, secret, now_s=now_s)
    else:
        authentic = sigv4a.verify(found, secret, now_s=now_s)
    if isinstance(authentic, Refused) or not found.declared.startswith("STREAMING-"):
        return authentic
    chunks = _chunks(found, secret)
    return chunks if isinstance(chunks, Refused) else _unwrapped(authentic, chunks)


def authenticate(
    request: WireRequest,
    secrets_for: Callable[[str], Secret | None],
    *,
    region: str,
    now_s: float,
    origin: str = "",
) -> Authentic | Refused:
    """Who signed this request, by the secret that `secrets_for` knows for its access key."""
    found = claim(request, region=region, origin=origin)
    if isinstance(found, Refused):
        return found
    secret = secrets_for(found.scope.access_key_id)
    if secret is None:
        return refuse(
            "no-session",
            "this key belongs to no open session",
            "open one: keyturn run --agent NAME -- COMMAND",
        )
    return verify(found, secret, now_s=now_s)


def _verify_header(
    found: Claim, header: sigv4.Signed, secret: Secret, *, now_s: float
) -> Authentic | Refused:
    """SigV4's own form. A streamed payload's word is verified as it stands; what it stands for, as it comes."""
    token = found.original.by_name.get("x-amz-security-token", "")
    wrong = checks.token_of(token, secret) if token or secret.token else None
    if wrong is not None:
        return wrong
    if not found.declared.startswith("STREAMING-"):
        verified = sigv4.verify(found.original, header, secret.secret, now_s=now_s)
        if isinstance(verified, Refused):
            return verified
        return Authentic(found.form, found.scope, Payload(verified.payload_sha256), found.request)
    whole = msgspec.structs.replace(found, token=token)
    payload = presigned.covered(whole, secret, now_s=now_s)
    if isinstance(payload, Refused):
        return payload
    wrong = presigned.signature(whole, secret, payload)
    return wrong or Authentic(found.form, found.scope, Payload(), found.request)


def _chunks(found: Claim, secret: Secret) -> Chunks | Refused:
    """How the body is chunked, from the verified head."""
    known = _STREAMED.get(found.declared)
    if known is None:
        return refuse(
            "chunked", f"bodies of kind {found.declared[:60]!r} are not read", "send the object in one piece"
        )
    signing, signed_trailers = known
    asymmetric = found.form is Form.ASYMMETRIC
    if signing is (ChunkSigning.MAC if asymmetric else ChunkSigning.ECDSA):
        return refuse("chunked", "the chunks are signed by another algorithm than the request")
    length = found.original.by_name.get("x-amz-decoded-content-length", "")
    if not re.match(r"[0-9]{1,13}\Z", length) or int(length) > DECODED_BYTES_MAX:
        return refuse(
            "chunked", f"x-amz-decoded-content-length is no one length of at most {DECODED_BYTES_MAX:,} bytes"
        )
    trailers = _trailers(found, trailing="TRAILER" in found.declared)
    if isinstance(trailers, Refused):
        return trailers
    scope = found.scope
    named = f"{scope.date}/{scope.region}/{scope.signing_name}/aws4_request"
    key = b""
    if signing is ChunkSigning.MAC:
        key = sigv4._signing_key(secret.secret, scope.date, scope.region, scope.signing_name)  # noqa: SLF001
    elif signing is ChunkSigning.ECDSA:
        named, key = sigv4a.scope_text(scope), sigv4a.public_point(scope.access_key_id, secret.secret)
    return Chunks(
        signing,
        int(length),
        trailers,
        signed_trailers,
        found.signature,
        found.amz_date,
        named,
        key,
    )


def _trailers(found: Claim, *, trailing: bool) -> tuple[str, ...] | Refused:
    """The names that x-amz-trailer announces: checksums, each once."""
    line = found.original.by_name.get("x-amz-trailer", "")
    names = tuple(name.strip().lower() for name in line.split(",")) if line else ()
    if names and not trailing:
        return refuse("trailer", "trailers are announced for a body that has none")
    if len(set(names)) != len(names) or chunked.TRAILER_SIGNATURE in names:
        return refuse("trailer", "the trailers are announced twice")
    strange = [name for name in names if name not in checksums.CHARS]
    if strange:
        return refuse("trailer", f"the trailer {strange[0][:60]!r} is no checksum that is known")
    return names


def _unwrapped(authentic: Authentic, chunks: Chunks) -> Authentic | Refused:
    """The request as it leaves: with the decoded body, or, where that is still to come, with what decodes it."""
    body = authentic.request.body
    if body is None:
        sent = rechunk.sent_request(authentic.request, chunks)
        return Authentic(authentic.form, authentic.scope, Payload(chunks=chunks), sent)
    decoded = rechunk.decode_whole(body, chunks)
    if isinstance(decoded, Refused):
        return decoded
    plain = rechunk.sent_request(authentic.request, Chunks(chunks.signing, len(decoded)))
    headers = tuple(pair for pair in plain.headers if pair[0] != "x-amz-content-sha256")
    return Authentic(
        authentic.form, authentic.scope, Payload(), WireRequest(plain.method, plain.target, headers, decoded)
    )
