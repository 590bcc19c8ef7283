"""A passkey in software, for tests: it registers and signs as an authenticator does, or wrongly where a test wants that."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import struct
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_PRESENT, _VERIFIED, _ATTESTED = 0x01, 0x04, 0x40  # WebAuthn Level 3, 6.1


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class SoftPasskey:
    """One credential (ES256). `verified` is whether it asks who is there; `count` its signature counter, 0 for one that keeps none."""

    def __init__(
        self, origin: str, rp_id: str = "localhost", *, verified: bool = True, count: int = 0
    ) -> None:
        self.origin, self.rp_id, self.verified, self.count = origin, rp_id, verified, count
        self.user_handle = b""
        self.id = secrets.token_bytes(16)
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public_key(self) -> str:
        """SubjectPublicKeyInfo, base64url."""
        return b64url(self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """What ``navigator.credentials.create`` gives for these options, as JSON (WebAuthn Level 3, 5.1: RegistrationResponseJSON)."""
        self.user_handle = base64.urlsafe_b64decode(options["user"]["id"] + "==")
        numbers = self._key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}  # RFC 9053, 7.1.1
        attested = bytes(16) + struct.pack(">H", len(self.id)) + self.id + cbor2.dumps(cose)
        data = self._head(_ATTESTED) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", options["challenge"])
        response = {"clientDataJSON": b64url(client), "attestationObject": b64url(attestation)}
        return self._credential(response)

    def get(self, options: dict[str, Any]) -> dict[str, Any]:
        """What ``navigator.credentials.get`` gives for these options, as JSON."""
        return self.sign(base64.urlsafe_b64decode(options["challenge"] + "=="))

    def sign(self, challenge: bytes) -> dict[str, Any]:
        """An assertion over this challenge."""
        if self.count:
            self.count += 1
        data = self._head()
        client = self._client("webauthn.get", b64url(challenge))
        signature = self._key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": b64url(client),
            "authenticatorData": b64url(data),
            "signature": b64url(signature),
            "userHandle": b64url(self.user_handle),
        }
        return self._credential(response)

    def _head(self, more: int = 0) -> bytes:
        flags = _PRESENT | (_VERIFIED if self.verified else 0) | more
        return hashlib.sha256(self.rp_id.encode()).digest() + struct.pack(">BI", flags, self.count)

    def _client(self, kind: str, challenge: str) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(said, separators=(",", ":")).encode()

    def _credential(self, response: dict[str, str]) -> dict[str, Any]:
        made = {"id": b64url(self.id), "rawId": b64url(self.id), "type": "public-key"}
        return made | {"response": response, "clientExtensionResults": {}}
