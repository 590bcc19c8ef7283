"""What the console has to know of the company's provider; apart from `oidc`, whose libraries are an extra."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from keyturn.errors import OperatorError


class OidcSettings(msgspec.Struct, frozen=True):
    """As `keyturn.config.Oidc` describes them; `secret` was read from its file."""

    issuer: str
    client_id: str
    secret: str = ""
    name: str = "preferred_username"
    domain: str = ""
    groups: str = "groups"
    roles: dict[str, tuple[str, ...]] = {}  # group -> roles
    title: str = ""
    teams: dict[str, tuple[str, ...]] = {}  # group -> teams, each with where: payments:production


def checked_issuer(issuer: str) -> str:
    """An address that nobody between can answer for. Raises `OperatorError`."""
    parts = urlsplit(issuer)
    local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if (parts.scheme != "https" and not (parts.scheme == "http" and local)) or not parts.hostname:
        raise OperatorError(
            "oidc-issuer", f"{issuer!r} is no issuer", help="oidc.issuer begins with https://"
        )
    return issuer
