"""WebAuthn's two ceremonies, asked for and verified. Imported when the first is asked for: its library brings X.509 and OpenSSL, six megabytes."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import webauthn
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, options_to_json_dict
from webauthn.helpers import decode_credential_public_key as cose_key
from webauthn.helpers import decoded_public_key_to_cryptography as to_key
from webauthn.helpers.cose import COSEAlgorithmIdentifier as Alg
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from keyturn.core import receipts
from keyturn.errors import ReviewError

ALGORITHMS: Final = [Alg.ECDSA_SHA_256, Alg.EDDSA, Alg.RSASSA_PKCS1_v1_5_SHA_256]
"""What `core.receipts` can check; every authenticator has one of the three."""


class Made(NamedTuple):
    """A passkey as its authenticator made it."""

    credential: str  # its id, base64url
    public_key: str  # SubjectPublicKeyInfo, base64url
    cose: str  # the same as the authenticator wrote it
    sign_count: int


def registration_options(
    *, rp_id: str, user: str, user_id: bytes, challenge: bytes, timeout_ms: int, but: tuple[str, ...]
) -> dict[str, Any]:
    """What a browser is asked to make a passkey with; `but` are hers already."""
    options = webauthn.generate_registration_options(
        rp_id=rp_id,
        rp_name="Keyturn",
        user_name=user,
        user_id=user_id,
        challenge=challenge,
        timeout=timeout_ms,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_described(but),
        supported_pub_key_algs=ALGORITHMS,
    )
    return options_to_json_dict(options)


def registered(credential: dict[str, Any], *, challenge: bytes, rp_id: str, origin: str) -> Made:
    """The passkey that was made. Raises `ReviewError` where anything of it does not hold."""
    try:
        made = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=rp_id,
            expected_origin=origin,
            require_user_verification=True,
            supported_pub_key_algs=ALGORITHMS,
        )
        public = receipts.public_key_text(to_key(cose_key(made.credential_public_key)))
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise ReviewError("passkey", f"this is no passkey for {origin}: {error}") from error
    return Made(
        bytes_to_base64url(made.credential_id),
        public,
        bytes_to_base64url(made.credential_public_key),
        made.sign_count,
    )


def authentication_options(
    *, rp_id: str, challenge: bytes, timeout_ms: int, keys: tuple[str, ...]
) -> dict[str, Any]:
    """What a browser is asked to sign with; no `keys`: with any of this console's."""
    options = webauthn.generate_authentication_options(
        rp_id=rp_id,
        challenge=challenge,
        timeout=timeout_ms,
        allow_credentials=_described(keys),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(options)


def authenticated(credential: dict[str, Any], *, challenge: bytes, rp_id: str, origin: str, cose: str) -> int:
    """The signature counter, once everything holds that WebAuthn Level 3, 7.2 asks for but the counter. Raises `ReviewError`."""
    try:
        answer = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=rp_id,
            expected_origin=origin,
            credential_public_key=base64url_to_bytes(cose),
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise ReviewError("forged", f"this passkey's answer does not hold: {error}") from error
    return answer.new_sign_count


def _described(keys: tuple[str, ...]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(key)) for key in keys]
