"""Signature Version 4: verifying what agents signed with a session's key, signing what leaves with the plane's.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html is the source for every step. Header
signatures only: presigned URLs and SigV4A are refused with their name until they are verified too.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from calendar import timegm
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote

import msgspec

from keyturn.providers.aws.wire import NAMES_KEPT_MAX, CredentialScope, WireRequest

ALGORITHM: Final = "AWS4-HMAC-SHA256"
SKEW_S: Final = 15 * 60
"""AWS refuses requests whose time is off by more than this."""

UNSIGNED: Final = "UNSIGNED-PAYLOAD"
UNSIGNED_TRAILER: Final = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
UNSIGNED_BODIES: Final = {
    "ebs": frozenset({"ebs:PutSnapshotBlock"}),
    "lex": frozenset({"lex-runtime:PostContent", "lexv2-runtime:RecognizeUtterance"}),
    "mediastore": frozenset({"mediastore-data:PutObject"}),
    "omics": frozenset({"omics:UploadReadSetPart"}),
}
"""Beside S3: by signing name, the operations that SDKs send with a body that no signature covers (``unsignedPayload`` of Smithy's models:
https://smithy.io/2.0/aws/aws-auth.html#aws-auth-unsignedpayload-trait). A test finds these in botocore's, and no others."""
EMPTY_SHA256: Final = hashlib.sha256(b"").hexdigest()

_DATE: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z\Z")
"""What `time.strptime` alone would widen: it takes one digit where two belong."""

KEPT_CHARS_MAX: Final = 1_024
"""What is longer is read anew each time: nobody's long headers fill the memory."""

_NOT_SIGNED: Final = frozenset({"x-amzn-trace-id", "x-amz-user-agent"})
"""What intermediaries add or browsers cannot sign; nothing depends on them."""


class SignatureRefused(msgspec.Struct, frozen=True):
    """Why a signature does not count."""

    code: str
    reason: str
    help: str = ""


class Signed(msgspec.Struct, frozen=True):
    """The parts of an Authorization header, parsed and not yet verified."""

    scope: CredentialScope
    signed_headers: tuple[str, ...]
    signature: str
    amz_date: str
    payload_sha256: str  # as declared in x-amz-content-sha256; empty when it is not


class Verified(msgspec.Struct, frozen=True):
    """The signature holds. `payload_sha256` is the hex digest of the body that was signed; empty when the body was not signed."""

    scope: CredentialScope
    payload_sha256: str


def parse(request: WireRequest) -> Signed | SignatureRefused:
    """Read the signature's parts; refuses what is missing, doubled or of another kind."""
    headers = request.by_name
    for name in request.twice:
        if name in {"authorization", "host", "x-amz-date", "x-amz-content-sha256"}:
            return SignatureRefused("duplicate-header", f"the header {name!r} stands twice")
    authorization = headers.get("authorization", "")
    if not authorization:
        return _unsigned(request)
    before, mark, signature = authorization.rpartition(", Signature=")
    if mark and "," not in signature and len(before) <= KEPT_CHARS_MAX:
        named = _named_again(
            before
        )  # as every SDK writes it: the signature last, the rest the same for a day
    else:
        named, before = _named(authorization), ""
    if isinstance(named, SignatureRefused):
        return named
    signature = signature.rstrip() if before else named.signature
    if not signature:
        return _MALFORMED
    amz_date = headers.get("x-amz-date", "")
    if not amz_date.startswith(named.scope.date):
        return SignatureRefused("date", "x-amz-date is missing or is not the day of the credential scope")
    return Signed(named.scope, named.headers, signature, amz_date, headers.get("x-amz-content-sha256", ""))


class _Named(msgspec.Struct, frozen=True):
    """What an Authorization header names."""

    scope: CredentialScope
    headers: tuple[str, ...]
    signature: str


_MALFORMED: Final = SignatureRefused(
    "malformed", "the Authorization header lacks a credential scope, signed headers or a signature"
)


def _named(authorization: str) -> _Named | SignatureRefused:
    """The parts of an Authorization header; the signature may stand apart."""
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != ALGORITHM:
        return SignatureRefused(
            "algorithm", f"signatures of kind {algorithm[:40]!r} are not verified", "sign with SigV4"
        )
    parts: dict[str, str] = {}
    for part in rest.split(","):
        key, _, value = part.strip().partition("=")
        parts[key] = value
    credential = parts.get("Credential", "").split("/")
    if len(credential) != 5 or credential[4] != "aws4_request" or not parts.get("SignedHeaders"):
        return _MALFORMED
    scope = CredentialScope(credential[0], credential[1], credential[2], credential[3])
    return _Named(scope, tuple(parts["SignedHeaders"].split(";")), parts.get("Signature", ""))


_named_again = lru_cache(maxsize=512)(_named)


def _unsigned(request: WireRequest) -> SignatureRefused:
    query = request.target.partition("?")[2]
    if "X-Amz-Signature=" in query or "Signature=" in query:
        return SignatureRefused(
            "presigned", "presigned URLs are not accepted here", "call the operation through the SDK"
        )
    return SignatureRefused(
        "unsigned", "the request is not signed", "use the session's keys: keyturn session new"
    )


def verify(request: WireRequest, signed: Signed, secret: str, *, now_s: float) -> Verified | SignatureRefused:
    """Whether `secret` made this signature over this very request. The body must be read, or be declared."""
    at_s = _seconds(signed.amz_date)
    if at_s is None:
        return SignatureRefused("date", "x-amz-date is no time of the form YYYYMMDDTHHMMSSZ")
    if abs(now_s - at_s) > SKEW_S:
        return SignatureRefused(
            "skew", f"the clock is off by {abs(now_s - at_s) / 60:.0f} minutes", "set the client's clock"
        )
    given = tuple(request.by_name)
    names = (_covers if len(given) <= NAMES_KEPT_MAX else _covers.__wrapped__)(given, signed.signed_headers)
    if isinstance(names, SignatureRefused):
        return names
    s3 = _is_s3(signed.scope.signing_name)
    path = request.target.partition("?")[0] or "/"
    if path != "/" and not s3 and path != _normal(path):
        # All paths with one normal form share a signature: only that form itself is what was signed beyond doubt.
        return SignatureRefused(
            "path", "the path holds empty, '.' or '..' segments, which no signature covers"
        )
    payload = _payload(request, signed)
    if isinstance(payload, SignatureRefused):
        return payload
    canonical = _canonical(request.method, request.target, request.by_name, names, payload, s3=s3)
    expected = _signature(secret, signed.scope, signed.amz_date, canonical)
    if not hmac.compare_digest(expected, signed.signature):
        return SignatureRefused(
            "signature", "the signature does not match", "the session may have ended: open a new one"
        )
    covered = payload if len(payload) == 64 else ""
    return Verified(signed.scope, covered)


@lru_cache(maxsize=512)
def _covers(given: tuple[str, ...], signed: tuple[str, ...]) -> tuple[str, ...] | SignatureRefused:
    """The names under the signature, in order; refuses where it leaves out a header of `given` that decides. A matter of names alone."""
    names = frozenset(signed)
    if "host" not in names:
        return SignatureRefused("unsigned-header", "the host is not signed")
    for name in given:
        if name.startswith("x-amz-") and name not in names and name not in _NOT_SIGNED:
            return SignatureRefused("unsigned-header", f"the header {name!r} is not under the signature")
    return tuple(sorted(names))


@lru_cache(maxsize=64)
def _seconds(amz_date: str) -> int | None:
    """Seconds since 1970; None when it is no time. Requests of one second share it."""
    try:
        return timegm(time.strptime(amz_date, "%Y%m%dT%H%M%SZ")) if _DATE.match(amz_date) else None
    except ValueError:
        return None


def _payload(request: WireRequest, signed: Signed) -> str | SignatureRefused:
    """The payload's place in the canonical request, checked against the body where there is one."""
    declared = signed.payload_sha256
    if declared in {UNSIGNED, UNSIGNED_TRAILER}:
        name = signed.scope.signing_name
        if not _is_s3(name) and (declared != UNSIGNED or name not in UNSIGNED_BODIES):
            return SignatureRefused("unsigned-body", "the body is not under the signature")
        return declared
    if declared.startswith("STREAMING-"):
        return SignatureRefused(
            "chunked", f"bodies of kind {declared} are not accepted", "send the object in one piece"
        )
    if request.body is None:
        return declared or SignatureRefused("unsigned-body", "the body is neither read nor declared")
    actual = hashlib.sha256(request.body).hexdigest()
    if declared and not hmac.compare_digest(declared, actual):
        return SignatureRefused("body", "the body is not what was signed")
    return actual


def canonical_request(
    method: str,
    target: str,
    headers: tuple[tuple[str, str], ...],
    signed: tuple[str, ...],
    payload: str,
    *,
    s3: bool,
) -> str:
    """AWS's canonical request. S3 paths are taken as they are, all others are encoded once more."""
    return _canonical(method, target, _joined(headers), tuple(sorted(set(signed))), payload, s3=s3)


def _joined(headers: tuple[tuple[str, str], ...] | list[tuple[str, str]]) -> dict[str, str]:
    """Values by name; of a name that stands twice, both with a comma between."""
    found = dict(headers)
    if len(found) == len(headers):
        return found
    found = {}
    for name, value in headers:
        found[name] = f"{found[name]},{value.strip()}" if name in found else value.strip()
    return found


def _canonical(
    method: str, target: str, values: dict[str, str], names: tuple[str, ...], payload: str, *, s3: bool
) -> str:
    path, _, query = target.partition("?")
    lines = "\n".join([f"{name}:{' '.join(values.get(name, '').split())}" for name in names])
    path = _canonical_path(path, s3=s3) if path != "/" else path
    query = _canonical_query(query) if query else query
    return f"{method}\n{path}\n{query}\n{lines}\n\n{';'.join(names)}\n{payload}"


def _canonical_path(path: str, *, s3: bool) -> str:
    if s3:
        return quote(unquote(path), safe="/~") or "/"
    return quote(_normal(path), safe="/~")


def _normal(path: str) -> str:
    """The path as it is signed by every service but S3 (RFC 3986 section 5.2.4, and no empty segment)."""
    if path == "/":
        return path
    segments: list[str] = []
    for segment in (path or "/").split("/"):
        if segment == "..":
            if segments:
                segments.pop()
        elif segment not in {"", "."}:
            segments.append(segment)
    return "/" + "/".join(segments) + ("/" if path.endswith("/") and segments else "")


def _canonical_query(query: str) -> str:
    pairs = []
    for part in query.split("&"):
        key, _, value = part.partition("=")
        pairs.append((quote(unquote(key), safe="-_.~"), quote(unquote(value), safe="-_.~")))
    return "&".join(f"{key}={value}" for key, value in sorted(pairs))


def _signature(secret: str, scope: CredentialScope, amz_date: str, canonical: str) -> str:
    named = f"{scope.date}/{scope.region}/{scope.signing_name}/aws4_request"
    text = f"{ALGORITHM}\n{amz_date}\n{named}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    inner, outer = _keyed(secret, scope.date, scope.region, scope.signing_name)
    inside, outside = inner.copy(), outer.copy()
    inside.update(text.encode())
    outside.update(inside.digest())
    return outside.hexdigest()


def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = b"AWS4" + secret.encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


@lru_cache(maxsize=256)
def _keyed(secret: str, date: str, region: str, service: str) -> tuple[hashlib._Hash, hashlib._Hash]:
    """The two halves of HMAC-SHA256 (RFC 2104) that have taken the signing key; copied for each text, which is a third of the cost."""
    key = _signing_key(secret, date, region, service).ljust(64, b"\0")
    return hashlib.sha256(bytes(byte ^ 0x36 for byte in key)), hashlib.sha256(
        bytes(byte ^ 0x5C for byte in key)
    )


def _is_s3(signing_name: str) -> bool:
    return signing_name in {"s3", "s3-outposts", "s3-object-lambda", "s3express"}


_SIGNING: Final = frozenset({"authorization", "x-amz-date", "x-amz-security-token"})
_SIGNING_AND_PAYLOAD: Final = _SIGNING | {"x-amz-content-sha256"}
_SIGNED: Final = frozenset({"host", "content-type", "content-md5"})


@lru_cache(maxsize=512)
def _signs(given: tuple[str, ...]) -> tuple[str, ...]:
    """Which of these headers our own signature covers, in order."""
    return tuple(sorted({name for name in given if name in _SIGNED or name.startswith("x-amz-")}))


@lru_cache(maxsize=4)
def _amz_date(now_s: int) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_s))


def sign(
    method: str,
    target: str,
    headers: tuple[tuple[str, str], ...],
    *,
    payload_sha256: str,
    access_key_id: str,
    secret: str,
    token: str,
    region: str,
    signing_name: str,
    now_s: float,
) -> tuple[tuple[str, str], ...]:
    """`headers` (with the upstream's host, without any signature) and what signs them. `payload_sha256` is hex or `UNSIGNED`."""
    amz_date = _amz_date(int(now_s))
    s3 = _is_s3(signing_name)
    said = s3 or signing_name in UNSIGNED_BODIES  # what the body is stands in a header too
    replaced = _SIGNING_AND_PAYLOAD if said else _SIGNING
    made = [pair for pair in headers if pair[0] not in replaced]
    made.append(("x-amz-date", amz_date))
    if token:
        made.append(("x-amz-security-token", token))
    if said:
        made.append(("x-amz-content-sha256", payload_sha256))
    given = tuple([name for name, _ in made])
    names = (_signs if len(given) <= NAMES_KEPT_MAX else _signs.__wrapped__)(given)
    scope = CredentialScope(access_key_id, amz_date[:8], region, signing_name)
    canonical = _canonical(method, target, _joined(made), names, payload_sha256, s3=s3)
    signature = _signature(secret, scope, amz_date, canonical)
    credential = f"{access_key_id}/{scope.date}/{region}/{signing_name}/aws4_request"
    made.append(
        (
            "authorization",
            f"{ALGORITHM} Credential={credential}, SignedHeaders={';'.join(names)}, Signature={signature}",
        )
    )
    return tuple(made)
