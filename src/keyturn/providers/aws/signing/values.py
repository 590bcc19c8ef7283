"""What signatures are made of, and what their verification says."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from keyturn.providers.aws.sigv4 import SignatureRefused, Signed
from keyturn.providers.aws.wire import CredentialScope, WireRequest

SIGNATURE_CHARS_MAX: Final = 512
"""The longest signature is an ECDSA one in hexadecimal digits, 144 characters; what is longer is not even looked at."""

MAC: Final = "AWS4-HMAC-SHA256"
ECDSA: Final = "AWS4-ECDSA-P256-SHA256"


class Form(StrEnum):
    """How a request is signed."""

    HEADER = "header"  # SigV4, in the Authorization header
    QUERY = "query"  # SigV4, presigned
    QUERY_V2 = "query-v2"  # S3's older presigned URLs
    FORM_V2 = "form-v2"  # SimpleDB's, in the fields of the form
    ASYMMETRIC = "asymmetric"  # SigV4A, in the Authorization header
    ASYMMETRIC_QUERY = "asymmetric-query"  # SigV4A, presigned


class Secret(msgspec.Struct, frozen=True):
    """What a key's holder has. An empty `token`: the key has none, and a request may name none."""

    secret: str
    token: str = ""

    def __repr__(self) -> str:
        return "<Secret>"


class ChunkSigning(StrEnum):
    NONE = "none"
    MAC = MAC
    ECDSA = ECDSA


class Chunks(msgspec.Struct, frozen=True):
    """What is needed to decode a body sent as aws-chunked, and to verify it. `key`: the signing key, or the public key's point."""

    signing: ChunkSigning
    decoded_bytes: int
    trailers: tuple[str, ...] = ()  # names that were announced, without the signature's
    signed_trailers: str = (
        ""  # not empty: the trailers are signed (kept as a word: results carry no bare bool)
    )
    seed: str = ""
    amz_date: str = ""
    scope: str = ""
    key: bytes = b""

    def __repr__(self) -> str:
        return f"<Chunks {self.signing} {self.decoded_bytes:,} bytes trailers={','.join(self.trailers)}>"


class Payload(msgspec.Struct, frozen=True):
    """What the body must be: of this digest, or decoded as `chunks`; neither means that the body is not under the signature."""

    sha256: str = ""
    chunks: Chunks | None = None


class Claim(msgspec.Struct, frozen=True):
    """What a request says of its signature, read and not yet verified. `request` is what it asks, without the signature's parameters.

    `signed_target` is what the signature covers. Times are AWS's own text; `expires_s` is 0 where the form has no expiry.
    """

    form: Form
    scope: CredentialScope
    request: WireRequest
    original: WireRequest
    signed_target: str = ""
    signed_headers: tuple[str, ...] = ()
    signature: str = ""
    amz_date: str = ""
    declared: str = ""  # the payload, as the request declares it
    token: str = ""
    expires_s: int = 0  # V2: seconds since 1970
    header: Signed | None = None  # SigV4's own form, as `sigv4` parses it


class Authentic(msgspec.Struct, frozen=True):
    """The signature holds. `request` is what is identified and signed anew: no parameter of the old signature is left in it."""

    form: Form
    scope: CredentialScope
    payload: Payload
    request: WireRequest


Refused = SignatureRefused


def refuse(code: str, reason: str, help: str = "") -> Refused:  # noqa: A002  # the field's name
    return Refused(code, reason, help)
