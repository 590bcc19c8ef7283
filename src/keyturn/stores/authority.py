"""The installation's own certificate authority: agents that come through the proxy speak TLS to AWS's names, and we answer.

Made once, kept beside the other keys, and good for AWS's names alone (name constraints, RFC 5280, 4.2.1.10): who steals its key
can stand for no bank. Leaf certificates live for days and only in memory.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from keyturn.errors import OperatorError

CA_DAYS: Final = 825
"""Longer than that and some clients object; `keyturn ca rotate` makes the next one."""

LEAF_DAYS: Final = 7
LEAVES_MAX: Final = 256
"""Host names whose certificates are kept; an agent speaks to a few dozen."""

_SKEW: Final = timedelta(hours=1)


class Authority:
    """Signs for the names it was made for, and for no others."""

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        self._folder, self._names = folder, names
        self._leaves: OrderedDict[str, tuple[datetime, ssl.SSLContext]] = OrderedDict()
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())
        if not (folder / "ca.pem").exists():
            self._make()
        self._load()

    def __repr__(self) -> str:
        return f"<Authority {self._certificate.subject.rfc4514_string()} until {self._certificate.not_valid_after_utc:%Y-%m-%d}>"

    @property
    def pem(self) -> str:
        """The certificate that clients are to trust."""
        return self._certificate.public_bytes(Encoding.PEM).decode()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as ``openssl x509 -fingerprint`` writes it."""
        return self._certificate.fingerprint(SHA256()).hex(":").upper()

    def rotate(self) -> None:
        """A new authority in place of this one; who trusts the old one trusts us no more."""
        self._make()
        self._load()
        self._leaves.clear()

    def context(self, host: str) -> ssl.SSLContext:
        """How to answer as `host`; made once, and anew before it ends."""
        now = datetime.now(UTC)
        kept = self._leaves.get(host)
        if kept is not None and kept[0] > now:
            self._leaves.move_to_end(host)
            return kept[1]
        made = self._leaf(host, now)
        self._leaves[host] = (now + timedelta(days=LEAF_DAYS - 1), made)
        while len(self._leaves) > LEAVES_MAX:
            self._leaves.popitem(last=False)
        return made

    # --- making ------------------------------------------------------------------------------------------------------

    def _make(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        serial = x509.random_serial_number()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Keyturn {serial % 0x1000000:06x}")])
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), serial)
            .not_valid_before(now - _SKEW)
            .not_valid_after(now + timedelta(days=CA_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.NameConstraints([x509.DNSName(suffix) for suffix in self._names], None), critical=True
            )
            .sign(key, SHA256())
        )
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _write(self._folder / "ca.key", pem)
        _write(self._folder / "ca.pem", certificate.public_bytes(Encoding.PEM))

    def _load(self) -> None:
        try:
            self._certificate = x509.load_pem_x509_certificate((self._folder / "ca.pem").read_bytes())
            key = load_pem_private_key((self._folder / "ca.key").read_bytes(), password=None)
        except (OSError, ValueError) as error:
            raise OperatorError(
                "ca",
                f"the certificate authority in {self._folder} cannot be read: {error}",
                help="restore it from your backup, or remove the folder: the next start makes another, which agents must trust anew",
            ) from error
        if (
            not isinstance(key, ec.EllipticCurvePrivateKey)
            or key.public_key() != self._certificate.public_key()
        ):
            raise OperatorError("ca", f"key and certificate in {self._folder} do not belong together")
        self._key = key

    def _leaf(self, host: str, now: datetime) -> ssl.SSLContext:
        certificate = (
            x509.CertificateBuilder(
                self._certificate.subject,
                x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])]),
                self._leaf_key.public_key(),
                x509.random_serial_number(),
            )
            .not_valid_before(now - _SKEW)
            .not_valid_after(now + timedelta(days=LEAF_DAYS))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, SHA256())
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        key = self._leaf_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with tempfile.NamedTemporaryFile(dir=self._folder) as file:  # the one way `ssl` takes a key
            file.write(key + certificate.public_bytes(Encoding.PEM))
            file.flush()
            context.load_cert_chain(file.name)
        return context


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, and for its owner alone."""
    made = path.with_suffix(path.suffix + ".new")
    made.unlink(missing_ok=True)
    with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    made.replace(path)
