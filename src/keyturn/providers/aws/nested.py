"""Requests that hold another request: a copy from another region names its source by a presigned URL in the body.

SDKs make it themselves, signed with the agent's key (botocore, `inject_presigned_url_ec2` and `inject_presigned_url_rds`;
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CopyDBSnapshot.html, PreSignedUrl), which AWS would not know. It is taken out,
once it is sure that it asks for the very same thing, and made anew with the credential that makes the call. What is reviewed is the
source's region, not the URL.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

from keyturn.providers.aws.protocols import form
from keyturn.providers.aws.protocols.values import UnmodelledError
from keyturn.providers.aws.signing import front
from keyturn.providers.aws.signing.values import Refused, Secret
from keyturn.providers.aws.wire import CredentialScope, Identified, Unidentified, WireRequest

_RDS: Final = (
    "CopyDBClusterSnapshot",
    "CopyDBSnapshot",
    "CreateDBCluster",
    "CreateDBInstanceReadReplica",
    "StartDBInstanceAutomatedBackupsReplication",
)
HOLDS: Final = {
    "ec2:CopySnapshot": "PresignedUrl",
    **{f"rds:{name}": "PreSignedUrl" for name in _RDS},
    **{f"{name}:{op}": "PreSignedUrl" for name in ("docdb", "neptune") for op in ("CopyDBClusterSnapshot", "CreateDBCluster")},
}  # fmt: skip
"""Operations with such a member, and its name."""

_REGIONS: Final = frozenset({"SourceRegion", "DestinationRegion"})


def meant(
    found: Identified | Unidentified,
    request: WireRequest,
    scope: CredentialScope,
    secret: Secret,
    *,
    now_s: float,
) -> Identified | Unidentified:
    """The same without the URL, its region said in words; refused where the URL is another's, or asks for something else."""
    if isinstance(found, Unidentified):
        return found
    member = HOLDS.get(f"{found.service}:{found.operation}", "")
    url = found.parameters.get(member) if member else None
    if not url:
        return found
    region = _source(str(url), member, request, scope, secret, now_s=now_s)
    if isinstance(region, Unidentified):
        return region
    said = found.parameters.get("SourceRegion")
    if said not in {None, region}:
        return _wrong("it is signed for another region than SourceRegion names")
    kept = {name: value for name, value in found.parameters.items() if name != member}
    return msgspec.structs.replace(found, parameters={**kept, "SourceRegion": region})


def inner(body: bytes, member: str) -> tuple[dict[str, str], str, str]:
    """(the form, the URL's query without its signature, its region) of a body that was `meant`. Raises `ValueError` where it was not."""
    given = form.pairs(body.decode("utf-8"), "the form")
    url = urlsplit(given[member])
    pairs = dict(parse_qsl(url.query, keep_blank_values=True, strict_parsing=True))
    region = pairs["X-Amz-Credential"].split("/")[2]
    asked = [pair for pair in url.query.split("&") if not pair.lower().startswith("x-amz-")]
    return given, "&".join(asked), region


def _source(
    url: str, member: str, request: WireRequest, scope: CredentialScope, secret: Secret, *, now_s: float
) -> str | Unidentified:
    """The region the URL is for, where the agent's own key signed it for the same operation with the same parameters."""
    parts = urlsplit(url)
    target = f"{parts.path or '/'}?{parts.query}"
    claim = front.claim(WireRequest("GET", target, (("host", parts.netloc),), b""), region="")
    if isinstance(claim, Refused):
        return _wrong(claim.reason)
    if claim.scope.access_key_id != scope.access_key_id or claim.scope.signing_name != scope.signing_name:
        return _wrong("it is signed with another key than the request, or for another service")
    signed = front.verify(claim, secret, now_s=now_s)
    if isinstance(signed, Refused):
        return _wrong(signed.reason)
    try:
        asked = form.pairs(claim.request.target.partition("?")[2], "the URL's query")
        given = form.pairs((request.body or b"").decode("utf-8"), "the form")
    except (UnmodelledError, UnicodeDecodeError):
        return _wrong("it cannot be read in one way")
    if asked.get("DestinationRegion", scope.region) != scope.region:
        return _wrong("it names another destination than the request is sent to")
    plain = {name: value for name, value in asked.items() if name not in _REGIONS}
    if plain != {name: value for name, value in given.items() if name not in {member, *_REGIONS}}:
        return _wrong("it asks for something else than the request")
    return claim.scope.region


def _wrong(why: str) -> Unidentified:
    return Unidentified(
        "nested-url",
        f"the presigned URL in the request is not this session's for the same thing: {why}",
        "leave it out and name SourceRegion: the SDK makes it",
        protocol="query",
    )
