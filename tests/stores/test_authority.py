"""The proxy's certificate authority: for AWS's names alone, kept for its owner alone, and replaced when people say so."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography import x509

from keyturn.errors import OperatorError
from keyturn.stores.authority import Authority

NAMES = ("amazonaws.com", "api.aws")


def shake(authority: Authority, host: str, *, trust: str) -> str:
    """A handshake in memory; what the client objects to, or the protocol agreed on."""
    client = ssl.create_default_context(cadata=trust)
    client.set_alpn_protocols(["h2", "http/1.1"])
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    left = client.wrap_bio(to_client, to_server, server_hostname=host)
    right = authority.context(host).wrap_bio(to_server, to_client, server_side=True)
    for _ in range(6):
        for side in (left, right):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return error.verify_message
            except ssl.SSLError as error:
                return str(error)
    return str(left.selected_alpn_protocol())


def test_who_trusts_it_speaks_to_awss_names(tmp_path: Path) -> None:
    """HTTP/1.1 is agreed on, since nothing else is spoken here; the certificate is made once a host."""
    authority = Authority(tmp_path / "ca", NAMES)
    for host in ("sts.amazonaws.com", "my.bucket.s3.eu-central-1.amazonaws.com", "lambda.eu-west-1.api.aws"):
        assert shake(authority, host, trust=authority.pem) == "http/1.1"
    assert authority.context("sts.amazonaws.com") is authority.context("sts.amazonaws.com")


@pytest.mark.parametrize("host", ["bank.example", "api.anthropic.com", "amazonaws.com.evil.example"])
def test_a_stolen_key_stands_for_nobody_else(tmp_path: Path, host: str) -> None:
    """Whatever its key signs, who trusts it believes it of AWS's names only."""
    authority = Authority(tmp_path / "ca", NAMES)
    assert shake(authority, host, trust=authority.pem) == "permitted subtree violation"


def test_another_authority_is_not_trusted(tmp_path: Path) -> None:
    """Each installation has its own; after a rotation the old one is another."""
    authority = Authority(tmp_path / "ca", NAMES)
    old, fingerprint = authority.pem, authority.fingerprint
    authority.rotate()
    assert authority.fingerprint != fingerprint
    assert shake(authority, "sts.amazonaws.com", trust=authority.pem) == "http/1.1"
    assert "certificate" in shake(authority, "sts.amazonaws.com", trust=old)


def test_it_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    """The same after a restart; files that nobody else reads, and no key left lying about."""
    first = Authority(tmp_path / "ca", NAMES)
    first.context("sts.amazonaws.com")
    assert Authority(tmp_path / "ca", NAMES).fingerprint == first.fingerprint
    assert sorted(path.name for path in (tmp_path / "ca").iterdir()) == ["ca.key", "ca.pem"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "ca").iterdir())


def test_it_cannot_make_authorities(tmp_path: Path) -> None:
    """A leaf signs nothing; the authority signs leaves only."""
    certificate = x509.load_pem_x509_certificate(Authority(tmp_path / "ca", NAMES).pem.encode())
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 0)


def test_files_that_do_not_belong_together_are_named(tmp_path: Path) -> None:
    """A broken or mixed-up restore is said, not papered over with another authority."""
    Authority(tmp_path / "a", NAMES)
    Authority(tmp_path / "b", NAMES)
    (tmp_path / "a" / "ca.key").write_bytes((tmp_path / "b" / "ca.key").read_bytes())
    with pytest.raises(OperatorError, match="do not belong together"):
        Authority(tmp_path / "a", NAMES)
    (tmp_path / "a" / "ca.key").write_text("no key")
    with pytest.raises(OperatorError, match="cannot be read"):
        Authority(tmp_path / "a", NAMES)


def test_many_hosts_cost_a_bounded_amount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The least used certificate is forgotten first."""
    monkeypatch.setattr("keyturn.stores.authority.LEAVES_MAX", 3)
    authority = Authority(tmp_path / "ca", NAMES)
    kept = authority.context("a.amazonaws.com")
    for host in ("b", "c", "a", "d"):
        authority.context(f"{host}.amazonaws.com")
    assert authority.context("a.amazonaws.com") is kept
    assert len(authority._leaves) == 3
