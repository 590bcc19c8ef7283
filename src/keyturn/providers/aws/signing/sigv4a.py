"""SigV4A: signatures by an elliptic-curve key derived from the secret, good in a set of regions.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html ("AWS SigV4A"); the derivation is NIST SP 800-108's KDF in counter
mode with HMAC-SHA256, and the key pair by testing candidates, NIST SP 800-186 / FIPS 186-5 A.2.2.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
import time
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keyturn.providers.aws import sigv4
from keyturn.providers.aws.signing import checks, presigned
from keyturn.providers.aws.signing.values import (
    ECDSA,
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

_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The order of P-256's group (NIST SP 800-186, 3.2.1.3)."""

_HEX: Final = re.compile(r"(?:[0-9a-f]{2}){8,72}\Z")
_REGIONS: Final = re.compile(r"[a-z0-9*-]{1,40}(?:,[a-z0-9*-]{1,40}){0,39}\Z")


@lru_cache(maxsize=256)
def _private(access_key_id: str, secret: str) -> ec.EllipticCurvePrivateKey:
    """The key pair of an access key: the first candidate below the order."""
    key = b"AWS4A" + secret.encode()
    for counter in range(1, 255):
        fixed = b"\0\0\0\1" + ECDSA.encode() + b"\0" + access_key_id.encode() + bytes([counter]) + b"\0\0\1\0"
        candidate = int.from_bytes(hmac.digest(key, fixed, "sha256"), "big")
        if candidate <= _ORDER - 2:
            return ec.derive_private_key(candidate + 1, ec.SECP256R1())
    raise ValueError("no key can be derived")  # one in 2**8000


def public_point(access_key_id: str, secret: str) -> bytes:
    """The public key as an uncompressed point, 65 bytes."""
    public = _private(access_key_id, secret).public_key()
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


@lru_cache(maxsize=256)
def _public(point: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)


def holds(point: bytes, signature: str, text: str) -> Refused | None:
    """None when `signature`, hexadecimal DER, was made over `text`."""
    if not _HEX.match(signature):
        return refuse("signature", "the signature is no ECDSA signature in lower-case hexadecimal digits")
    try:
        _public(point).verify(
            binascii.unhexlify(signature), text.encode("utf-8", "surrogatepass"), ec.ECDSA(hashes.SHA256())
        )
    except InvalidSignature:
        return refuse(
            "signature", "the signature does not match", "the session may have ended: open a new one"
        )
    return None


def parse(request: WireRequest, *, region: str) -> Claim | Refused:
    """Read an Authorization header of SigV4A. `region` is meant where the region set names not exactly one."""
    headers = checks.headers_once(request)
    if isinstance(headers, Refused):
        return headers
    fields = header_fields(headers.get("authorization", ""))
    if isinstance(fields, Refused):
        return fields
    pieces = fields["Credential"].split("/")
    if len(pieces) != 4 or pieces[-1] != "aws4_request" or not all(pieces):
        return refuse("malformed", "the credential is no scope of SigV4A: KEY/DATE/SERVICE/aws4_request")
    names = checks.signed_names(fields["SignedHeaders"])
    if isinstance(names, Refused):
        return names
    region_set = headers.get("x-amz-region-set", "")
    if not _REGIONS.match(region_set):
        return refuse("malformed", "x-amz-region-set is missing or is no list of regions")
    if len(fields["Signature"]) > SIGNATURE_CHARS_MAX:
        return refuse("malformed", "the signature is too long to be one")
    return Claim(
        form=Form.ASYMMETRIC,
        scope=CredentialScope(pieces[0], pieces[1], presigned.one_region(region_set, region), pieces[2]),
        request=WireRequest(request.method, request.target, request.headers, request.body),
        original=request,
        signed_target=request.target,
        signed_headers=names,
        signature=fields["Signature"],
        amz_date=headers.get("x-amz-date", ""),
        declared=headers.get("x-amz-content-sha256", ""),
        token=headers.get("x-amz-security-token", ""),
    )


def header_fields(authorization: str) -> dict[str, str] | Refused:
    """Credential, SignedHeaders and Signature, each once and nothing else."""
    fields: dict[str, str] = {}
    for part in authorization.partition(" ")[2].split(","):
        name, _, value = part.strip().partition("=")
        if name in fields or not value:
            return refuse("malformed", "the Authorization header says something twice, or nothing")
        fields[name] = value
    if fields.keys() != {"Credential", "SignedHeaders", "Signature"}:
        return refuse(
            "malformed", "the Authorization header lacks a credential scope, signed headers or a signature"
        )
    return fields


def verify(claim: Claim, secret: Secret, *, now_s: float) -> Authentic | Refused:
    """Whether the key derived from `secret` signed this very request; a payload in signed chunks is left to `front`."""
    payload = presigned.covered(claim, secret, now_s=now_s)
    if isinstance(payload, Refused):
        return payload
    if payload.startswith("STREAMING-") and claim.form is Form.ASYMMETRIC_QUERY:
        return refuse(
            "chunked", "a presigned URL takes no body in signed chunks", "send the object in one piece"
        )
    text = string_to_sign(claim.amz_date, claim.scope, presigned.canonical(claim, payload))
    wrong = holds(public_point(claim.scope.access_key_id, secret.secret), claim.signature, text)
    if wrong is not None:
        return wrong
    return Authentic(
        claim.form, claim.scope, Payload(payload if len(payload) == 64 else ""), _bare(claim.request)
    )


def _bare(request: WireRequest) -> WireRequest:
    """Without the region set: what leaves is signed for one region."""
    headers = tuple(pair for pair in request.headers if pair[0] != "x-amz-region-set")
    return WireRequest(request.method, request.target, headers, request.body)


def scope_text(scope: CredentialScope) -> str:
    return f"{scope.date}/{scope.signing_name}/aws4_request"


def string_to_sign(amz_date: str, scope: CredentialScope, canonical: str) -> str:
    digest = hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{ECDSA}\n{amz_date}\n{scope_text(scope)}\n{digest}"


def sign(
    request: WireRequest,
    *,
    payload_sha256: str,
    access_key_id: str,
    secret: str,
    token: str,
    region_set: str,
    signing_name: str,
    now_s: float,
) -> tuple[tuple[str, str], ...]:
    """`request`'s headers (with the upstream's host, without any signature) and what signs them, for all regions of the set.

    Without randomness: the nonce is RFC 6979's, made from key and text.
    """
    amz_date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(int(now_s)))
    ours = {"authorization", "x-amz-date", "x-amz-security-token", "x-amz-region-set", "x-amz-content-sha256"}
    made = [pair for pair in request.headers if pair[0] not in ours]
    made += [("x-amz-date", amz_date), ("x-amz-region-set", region_set)]
    made += [("x-amz-security-token", token)] if token else []
    made += [("x-amz-content-sha256", payload_sha256)] if signing_name in checks.S3 else []
    names = tuple(
        sorted(
            {
                name
                for name, _ in made
                if name in {"host", "content-type", "content-md5"} or name.startswith("x-amz-")
            }
        )
    )
    s3 = signing_name in checks.S3
    canonical = sigv4.canonical_request(
        request.method, request.target, tuple(made), names, payload_sha256, s3=s3
    )
    scope = CredentialScope(access_key_id, amz_date[:8], "", signing_name)
    text = string_to_sign(amz_date, scope, canonical)
    signature = (
        _private(access_key_id, secret)
        .sign(text.encode(), ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        .hex()
    )
    credential = f"{access_key_id}/{scope_text(scope)}"
    value = f"{ECDSA} Credential={credential}, SignedHeaders={';'.join(names)}, Signature={signature}"
    return (*made, ("authorization", value))
