"""Operations that are asked without a signature: logging in, and exchanging somebody else's token for credentials.

The service models mark them (`noAuth`): cognito-idp:InitiateAuth, sts:AssumeRoleWithWebIdentity, sso-oidc:CreateToken and their like.
Whether an agent may ask one is the caller's to decide; nobody is named by such a request.
"""

from __future__ import annotations

from typing import Final

import msgspec

from keyturn.providers.aws.signing import query
from keyturn.providers.aws.signing.values import Refused, refuse
from keyturn.providers.aws.wire import CredentialScope, Identified, WireRequest, identify
from keyturn.providers.aws.wire_table import load

SERVICES: Final = ("cognito-identity", "cognito-idp", "signin", "sso", "sso-oidc", "sts")
"""Services that have such operations; a test holds this against the table, which would take seconds to go through here."""

_SIGNING: Final = ("authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256")


class Unsigned(msgspec.Struct, frozen=True):
    """An operation that needs no signature, asked without one."""

    found: Identified
    signing_name: str


def unsigned_operation(request: WireRequest, *, region: str) -> Unsigned | Refused:
    """The one operation that this request asks without a signature. Total: never raises."""
    if any(name in request.by_name for name in _SIGNING) or query.kinds(request.target):
        return refuse("signed", "the request carries parts of a signature")
    made: list[Unsigned] = []
    for service in SERVICES:
        signing_name = load().entries[service].signing_name
        found = identify(request, CredentialScope("", "", region, signing_name))
        if (
            isinstance(found, Identified)
            and load().service(found.service).operations[found.operation].unsigned
        ):
            made.append(Unsigned(found, signing_name))
    if len(made) == 1:
        return made[0]
    if made:
        names = ", ".join(sorted(f"{one.found.service}:{one.found.operation}" for one in made))
        return refuse("ambiguous", f"the unsigned request could be one of {names}", "use the path /~SERVICE")
    return refuse("unsigned", "the request is not signed", "use the session's keys: keyturn session new")
