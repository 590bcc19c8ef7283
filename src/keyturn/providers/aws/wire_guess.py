"""In which shape an error would be understood by whoever sent a request, also one that nobody can read. It decides nothing else."""

from __future__ import annotations

from typing import NamedTuple

from keyturn.providers.aws.protocols.form import FORM
from keyturn.providers.aws.wire import CredentialScope, WireRequest, guess_protocol


class Shape(NamedTuple):
    """A protocol, and the service where it has manners of its own; empty where there is no telling."""

    protocol: str
    service: str = ""


_NOBODY = CredentialScope("", "", "", "")


def shape_of(request: WireRequest, scope: CredentialScope | None) -> Shape:
    """By what the signature says of itself; without one by what the request looks like."""
    if scope is not None and scope.signing_name:
        protocol = guess_protocol(request, scope)
        return Shape(protocol, "s3" if protocol == "rest-xml" and scope.signing_name == "s3" else "")
    kind = request.by_name.get("content-type", "")
    if kind.startswith(FORM) or "json" in kind or "smithy-protocol" in request.by_name:
        return Shape(guess_protocol(request, _NOBODY))
    if "x-amz-target" in request.by_name or (request.method, request.target) == ("POST", "/"):
        return Shape("json")
    # What is left, a path and no more, is S3's for all but a few: a link that is opened, a form that is posted.
    return Shape("rest-xml", "s3")
