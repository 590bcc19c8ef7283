"""A request as bytes, as a gateway or a proxy sees it, and what it asks: read as the gateway reads it, its signature not verified."""

from __future__ import annotations

from typing import Any

import msgspec

from keyturn.providers.aws.signing import front
from keyturn.providers.aws.signing.values import Refused
from keyturn.providers.aws.wire import Unidentified, WireRequest, identify


class Captured(msgspec.Struct, frozen=True):
    """What the bytes ask. `streamed` names a member whose bytes flow past and are no parameter."""

    service: str
    operation: str
    parameters: dict[str, Any]
    region: str


class NoRequestError(ValueError):
    """The bytes are no request that is read here; the text says why."""


def parsed(data: bytes) -> WireRequest:
    """HTTP/1.1 bytes as a request, its body whole. Raises `NoRequestError`."""
    head, _, body = data.replace(b"\r\n", b"\n", 0).partition(b"\r\n\r\n" if b"\r\n\r\n" in data else b"\n\n")
    lines = head.decode("latin-1").splitlines()
    words = lines[0].split(" ") if lines else []
    if len(words) not in {2, 3} or not words[0].isalpha() or not words[1]:
        raise NoRequestError("the first line is not METHOD, path and HTTP version")
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise NoRequestError(f"{line[:60]!r} is no header")
        headers.append((name.strip().lower(), value.strip()))
    return WireRequest(words[0].upper(), words[1], tuple(headers), body)


def read(data: bytes) -> Captured:
    """What the request asks. Raises `NoRequestError`."""
    request = parsed(data)
    claim = front.claim(request, region="us-east-1")
    if isinstance(claim, Refused):
        raise NoRequestError(claim.reason)
    found = identify(claim.request, claim.scope)
    if isinstance(found, Unidentified):
        raise NoRequestError(found.reason)
    return Captured(found.service, found.operation, found.parameters, claim.scope.region)
