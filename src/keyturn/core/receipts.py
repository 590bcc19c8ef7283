"""Signed approvals: what a reviewer's passkey signs, and whether a receipt is her signature under exactly that.

Pure, and complete: an exported log is checked with these functions and nothing else, years later, by somebody who trusts
nobody here. What is checked follows WebAuthn Level 3, 7.2 (verifying an authentication assertion).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from keyturn.model.canonical import canonical, digest_bytes
from keyturn.model.review import NotAccepted, Receipt, Review, ReviewRequest, Statement

APPROVE: Final = "approve"

SIGNED_FOR_MS_MAX: Final = 10 * 60 * 1000
"""No statement is good for longer than this after the review it stands under: somebody sat before the page when it was signed."""

FIELD_CHARS_MAX: Final = 16_384
"""Longer than anything an authenticator writes: an RSA-4096 key is 750 characters."""

_USER_PRESENT, _USER_VERIFIED = 0x01, 0x04  # WebAuthn Level 3, 6.1: flags of authenticator data
_HEAD_BYTES: Final = 37  # hash of the relying party, flags, signature counter

_AGAIN: Final = "open the case again and sign what it is now"


class _ClientData(msgspec.Struct, frozen=True):
    type: str
    challenge: str
    origin: str
    crossOrigin: bool = False  # noqa: N815  # the browser's name


def statement_of(
    request: ReviewRequest,
    *,
    reviewer: str,
    note: str,
    nonce: str,
    expires_at_ms: int,
    rp_id: str,
    origin: str,
) -> Statement:
    """What `reviewer` signs to approve what `request` asks."""
    return Statement(
        case_id=request.case_id,
        revision=request.revision,
        change_digest=request.change_digest,
        state_digest=request.state_digest,
        assessment_digest=request.assessment_digest,
        binding=request.digest,
        decision=APPROVE,
        reviewer=reviewer,
        note_digest=digest_bytes(note.encode()),
        nonce=nonce,
        expires_at_ms=expires_at_ms,
        rp_id=rp_id,
        origin=origin,
    )


def challenge(statement: Statement) -> bytes:
    """The 32 bytes that the passkey signs for this statement."""
    return hashlib.sha256(canonical(statement)).digest()


def public_key_text(key: Any) -> str:
    """A public key of the cryptography library's as a receipt holds it."""
    return _text(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def check_review(
    request: ReviewRequest, review: Review, earlier: Iterable[Review] = ()
) -> tuple[NotAccepted, ...]:
    """Why an approval is not signed as `request` wants it; empty when it is, or when nothing is wanted.

    `earlier` are the reviews that stand: a nonce is good once.
    """
    if not request.signed:
        return ()
    receipt = review.receipt
    if receipt is None:
        return (
            NotAccepted(
                "unsigned",
                f"an approval of {request.case_id} has to be signed with a passkey",
                help="open the case's page and approve it there",
            ),
        )
    said = receipt.statement
    expected = statement_of(
        request,
        reviewer=review.reviewer,
        note=review.note,
        nonce=said.nonce,
        expires_at_ms=said.expires_at_ms,
        rp_id=said.rp_id,
        origin=said.origin,
    )
    wrong = list(check(receipt, expected))
    if not review.at_ms < said.expires_at_ms <= review.at_ms + SIGNED_FOR_MS_MAX:
        wrong.append(NotAccepted("late", "the signature is not of these minutes", help=_AGAIN))
    used = {one.receipt.statement.nonce for one in earlier if one.receipt is not None}
    if not said.nonce or said.nonce in used:
        wrong.append(NotAccepted("replayed", "this signature was used before", help=_AGAIN))
    return tuple(wrong)


def check(receipt: Receipt, statement: Statement) -> tuple[NotAccepted, ...]:
    """Why `receipt` is not a verified person's signature under `statement`; empty when it is.

    Codes: altered (a field of the statement is another), wrong-user, wrong-origin, not-verified (no PIN, finger or face was
    asked for), forged (the signature is not this key's over these bytes), receipt (it cannot be read).
    """
    try:
        client_raw = _bytes(receipt.client_data)
        client = msgspec.json.decode(client_raw, type=_ClientData)
        authenticator = _bytes(receipt.authenticator_data)
        key, signature = load_der_public_key(_bytes(receipt.public_key)), _bytes(receipt.signature)
    except (ValueError, UnsupportedAlgorithm) as error:  # msgspec's errors are ValueErrors
        return (NotAccepted("receipt", f"the signature cannot be read: {error}"),)
    if len(authenticator) < _HEAD_BYTES:
        return (NotAccepted("receipt", "the authenticator's data is cut short"),)
    wrong = [*_other_statement(receipt.statement, statement), *_other_place(client, authenticator, statement)]
    if client.type != "webauthn.get" or _unpadded(client.challenge) != _text(challenge(statement)):
        wrong.append(NotAccepted("altered", "what was signed is not what was shown", help=_AGAIN))
    flags = authenticator[32]
    if not flags & _USER_PRESENT or not flags & _USER_VERIFIED:
        wrong.append(
            NotAccepted(
                "not-verified",
                "the passkey did not ask who is there (PIN, finger or face)",
                help="set a PIN on the passkey, and sign again",
            )
        )
    if not _signed(key, signature, authenticator + hashlib.sha256(client_raw).digest()):
        wrong.append(NotAccepted("forged", "the signature is not this passkey's over these bytes"))
    return tuple(wrong)


def _other_statement(signed: Statement, expected: Statement) -> Iterable[NotAccepted]:
    for name in Statement.__struct_fields__:
        if getattr(signed, name) == getattr(expected, name):
            continue
        if name == "reviewer":
            yield NotAccepted("wrong-user", f"it was signed for {signed.reviewer}, not {expected.reviewer}")
        else:
            yield NotAccepted("altered", f"its {name.replace('_', ' ')} is not what was shown", help=_AGAIN)


def _other_place(client: _ClientData, authenticator: bytes, statement: Statement) -> Iterable[NotAccepted]:
    """The page that asked was the console's own, and the passkey is one for this console."""
    host = urlsplit(client.origin).hostname or ""
    ours = host == statement.rp_id or host.endswith(f".{statement.rp_id}")
    if client.origin != statement.origin or client.crossOrigin or not (ours and statement.rp_id):
        yield NotAccepted(
            "wrong-origin", f"it was signed on a page of {client.origin}, not {statement.origin}"
        )
    elif authenticator[:32] != hashlib.sha256(statement.rp_id.encode()).digest():
        yield NotAccepted("wrong-origin", f"the passkey is not one for {statement.rp_id}")


def _signed(key: Any, signature: bytes, message: bytes) -> bool:
    """Whether it is this key's signature; the algorithm follows from the key (ES256, EdDSA, RS256: RFC 8152, RFC 8812)."""
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _bytes(text: str) -> bytes:
    if len(text) > FIELD_CHARS_MAX:
        raise ValueError("a field is too long")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(f"not base64url: {error}") from None


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unpadded(text: str) -> str:
    return text.rstrip("=")
