"""Where secrets are: request bodies, recorded responses, captures, session keys. Sealed; the log holds only references.

AES-256-GCM (NIST SP 800-38D) under a key derived (HKDF-SHA256, RFC 5869) from one installation key that lies in a file
outside the database: who steals the disk of the database alone reads nothing, who changes a blob is found out.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from keyturn.errors import StoreError
from keyturn.stores.interface import Store

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
BLOB_BYTES_MAX: Final = 64 * 1024 * 1024
"""A sealed blob is held in memory whole; what is larger has no place here (Lambda zips end at 50 MB)."""


class Vault:
    """Seals and opens blobs. Equal plaintexts of one kind have one reference, which says nothing about them."""

    def __init__(self, store: Store, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise StoreError("key-size", f"the installation key has {len(key)} bytes, not {KEY_BYTES}")
        self._store = store
        self._aead = AESGCM(_derive(key, b"keyturn vault v1"))
        self._names = _derive(key, b"keyturn names v1")
        self._seals = _derive(key, b"keyturn seals v1")

    def __repr__(self) -> str:
        return "<Vault>"

    async def put(self, data: bytes, kind: str, *, anew: bool = False) -> str:
        """Seal `data`; returns its reference. Durable before it returns. `anew`: also where it is there already, see `mark`."""
        if len(data) > BLOB_BYTES_MAX:
            raise StoreError(
                "blob-size", f"a {kind} of {len(data):,} bytes is over the limit of {BLOB_BYTES_MAX:,}"
            )
        name = hmac.new(self._names, kind.encode() + b"\x00" + data, hashlib.sha256).hexdigest()[:40]
        ref = f"vault:{kind}:{name}"
        if anew or self._store.get_blob(ref) is None:
            nonce = os.urandom(NONCE_BYTES)
            await self._store.put_blob(ref, nonce + self._aead.encrypt(nonce, data, ref.encode()), anew=anew)
        return ref

    def get(self, ref: str) -> bytes:
        """What was sealed under `ref`. Raises `StoreError` `missing` or `tampered`."""
        return self.opens(ref, self.sealed(ref))

    def has(self, ref: str) -> bool:
        return self._store.get_blob(ref) is not None

    def sealed(self, ref: str) -> bytes:
        """What lies under `ref`, as it is sealed. Raises `StoreError` `missing`."""
        sealed = self._store.get_blob(ref)
        if sealed is None:
            raise StoreError(
                "missing",
                f"the vault has nothing under {ref}",
                help="was the database restored from a backup?",
            )
        return sealed

    async def put_back(self, ref: str, sealed: bytes) -> None:
        """Have again what was sealed under `ref` and lay elsewhere. Durable before it returns. Raises `StoreError` `tampered`."""
        self.opens(ref, sealed)
        await self._store.put_blob(ref, sealed)

    def opens(self, ref: str, sealed: bytes) -> bytes:
        """What `sealed` holds, where it was sealed under `ref` by this installation. Raises `StoreError` `tampered`."""
        try:
            return self._aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], ref.encode())
        except (InvalidTag, ValueError):  # a blob cut below its nonce is a ValueError
            raise StoreError(
                "tampered",
                f"{ref} is not what was sealed, or the installation key is another one",
                help="check that the key file belongs to this database; if it does, the database was changed by hand",
            ) from None

    def mark(self, ref: str) -> bytes:
        """What tells this sealing of it from every other, before and after: its nonce. Empty where there is nothing."""
        return (self._store.get_blob(ref) or b"")[:NONCE_BYTES]

    def kept(self, kind: str) -> tuple[str, ...]:
        """The references of all that was sealed as this kind and is still there."""
        return self._store.blobs(f"vault:{kind}:")

    async def drop(self, ref: str, *, mark: bytes = b"") -> None:
        """Have nothing under `ref` any more; durable before it returns. Only for what nothing that stands on the log needs. With `mark`
        only the sealing that bears it: what somebody has sealed anew meanwhile stays.
        """
        await self._store.delete_blob(ref, begins=mark)

    def seal(self, secret: bytes) -> str:
        """A keyed digest: equal secrets of this installation give equal text, which cannot be guessed back without the key."""
        return "hmac:" + hmac.new(self._seals, secret, hashlib.sha256).hexdigest()[:24]


class Signer:
    """The plane's Ed25519 key, for checkpoints."""

    def __init__(self, private: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(private)
        self.public = self._private.public_key().public_bytes_raw()

    def __repr__(self) -> str:
        return f"<Signer {self.public.hex()[:12]}>"

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)


def signature_holds(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `signature` is `public`'s over `message`; never raises for bytes that are none."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def load_or_create_key(path: Path, *, create: bool = True) -> bytes:
    """The 32 bytes in `path`, made at the first call. Raises `StoreError` where others could read it."""
    if create and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(os.urandom(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(
            "no-key",
            f"the key {path} cannot be read: {error.strerror}",
            help="restore it from your backup; only a new installation makes new ones: keyturn init",
        ) from error
    if mode & 0o077:
        raise StoreError(
            "key-mode", f"the key {path} can be read by others (mode {mode:04o})", help=f"chmod 600 {path}"
        )
    if len(data) != KEY_BYTES:
        raise StoreError(
            "key-size",
            f"the key {path} has {len(data)} bytes, not {KEY_BYTES}",
            help="restore it from your backup",
        )
    return data


def _derive(key: bytes, purpose: bytes) -> bytes:
    return HKDFExpand(algorithm=SHA256(), length=KEY_BYTES, info=purpose).derive(key)
