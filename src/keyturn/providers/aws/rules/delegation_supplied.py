"""What lets somebody in by what the request itself brings: a password, a trust anchor, an issuer, a name on a list (rule 5).

The table holds what neither a rule of the operation's own nor the shape of its request says already; passwords are found by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import READ_EFFECTS, Effect
from keyturn.providers.aws.rules import Context, Fired, rule

LETS_IN: Final = {
    "cognito-idp:CreateIdentityProvider": "whom an outside identity provider names may sign in",
    "cognito-idp:UpdateIdentityProvider": "whom an outside identity provider names may sign in",
    "eks:AssociateAccessPolicy": "an identity gets a policy inside the cluster",
    "eks:AssociateIdentityProviderConfig": "whom an outside identity provider names may enter the cluster",
    "eks:CreateAccessEntry": "another identity may enter the cluster",
    "eks:UpdateAccessEntry": "another identity may enter the cluster",
    "iot:RegisterCACertificate": "whoever holds a certificate of this authority may connect as a device",
    "iot:RegisterCertificate": "whoever holds this certificate's key may connect as a device",
    "iot:RegisterCertificateWithoutCA": "whoever holds this certificate's key may connect as a device",
    "organizations:RegisterDelegatedAdministrator": "another account administers a service of the organization",
    "rolesanywhere:CreateProfile": "certificates of a trust anchor get roles",
    "rolesanywhere:CreateTrustAnchor": "whoever holds a certificate of this authority may get the account's roles",
    "rolesanywhere:ImportCrl": "which certificates are refused is said by a list in the request",
    "rolesanywhere:UpdateProfile": "certificates of a trust anchor get roles",
    "rolesanywhere:UpdateTrustAnchor": "whoever holds a certificate of this authority may get the account's roles",
    "sso-admin:CreateTrustedTokenIssuer": "tokens of an outside issuer are taken for people of this organization",
    "sso-admin:UpdateTrustedTokenIssuer": "tokens of an outside issuer are taken for people of this organization",
    "vpc-lattice:PutAuthPolicy": "a policy says who may call the service",
}
"""By operation: who gets in."""

DEPTH_MAX: Final = 8


@rule(
    "SUP001",
    [],
    Kind.DELEGATED_AUTHORITY,
    Effect.PERMISSION,
    Reversibility.R1,
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers.html",
    everywhere=True,
)
def lets_in(context: Context) -> Fired:
    """Whoever is trusted by an anchor, an issuer or an entry of an access list acts in the account without asking the plane."""
    why = LETS_IN.get(context.operation.name)
    return (f"{context.operation.action} lets somebody in: {why}.", {}) if why else None


@rule(
    "SUP002",
    [],
    Kind.DELEGATED_AUTHORITY,
    Effect.PERMISSION,
    Reversibility.R3,
    "Keyturn: a password in the request, by the names of its members",
    everywhere=True,
)
def password_set(context: Context) -> Fired:
    """Whoever brings a password knows it: it opens what it is set on from anywhere, beside the plane."""
    if context.operation.floor in READ_EFFECTS:
        return None
    found = list(_passwords(context.parameters))
    if not found:
        return None
    return f"The request sets a password of the agent's own ({', '.join(found[:3])}).", {"paths": found[:10]}


def _passwords(value: Any, place: str = "", depth: int = 0) -> Iterator[str]:
    if depth > DEPTH_MAX:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            path = f"{place}.{name}" if place else str(name)
            if (
                str(name).lower().endswith("password")
                and not str(name).lower().endswith("onetimepassword")
                and isinstance(inner, str)
                and inner
            ):
                yield path
            yield from _passwords(inner, path, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _passwords(inner, f"{place}[]", depth + 1)
