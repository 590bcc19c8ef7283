"""Addresses of a service's own that stand in answers and come back in requests: SQS's queue URLs, MediaConvert's endpoints.

A client of the endpoint mode uses them as endpoints (https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html knows
nothing of them): so they name the gateway on their way out, and the service again on their way in. What is judged, logged and sent is
the service's own form. Clients of the proxy see what AWS says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from keyturn.providers.aws.protocols import form
from keyturn.providers.aws.protocols.form import FORM
from keyturn.providers.aws.protocols.values import UnmodelledError, strict_json
from keyturn.providers.aws.rewriting import replaced
from keyturn.providers.aws.wire import CredentialScope, WireRequest

OUTWARD: Final = {
    "sqs:CreateQueue": ("QueueUrl",),
    "sqs:GetQueueUrl": ("QueueUrl",),
    "sqs:ListQueues": ("QueueUrls", "QueueUrl"),
    "sqs:ListDeadLetterSourceQueues": ("queueUrls", "QueueUrl"),
    "mediaconvert:DescribeEndpoints": ("url",),
}
"""Names on the wire that hold such an address, by operation; a list's elements are meant by the list's name."""

INWARD: Final = {"sqs": "QueueUrl"}
"""The parameter that brings one back, by signing name."""

_ADDRESS: Final = re.compile(r"https?://[^/?#]+")


def outward(operation: str, protocol: str, body: bytes, base: str) -> bytes:
    """The answer with `base` (``http://127.0.0.1:8420``) in place of the service's own. Raises `UnmodelledError` for what cannot be read."""
    names = OUTWARD.get(operation, ())
    return replaced(protocol, body, names, lambda text: _ADDRESS.sub(base, text, count=1)) if names else body


def inward(request: WireRequest, scope: CredentialScope, host: str, own: Callable[[], str]) -> WireRequest:
    """The request with the service's own address where it names this gateway's; what cannot be read is left to be refused.

    `own` is asked only where it is needed.
    """
    name = INWARD.get(scope.signing_name, "")
    if not name or not host or not request.body or host.encode() not in request.body.replace(b"%3A", b":"):
        return request
    try:
        body = _back(request, name, (f"http://{host}/", f"https://{host}/"), own)
    except (UnmodelledError, ValueError):
        return request
    return msgspec.structs.replace(request, body=body)


def _back(request: WireRequest, name: str, ours: tuple[str, ...], own: Callable[[], str]) -> bytes:
    def mended(value: Any) -> Any:
        meant = isinstance(value, str) and value.startswith(ours)
        return _ADDRESS.sub(own(), value, count=1) if meant else value

    body = request.body or b""
    if request.by_name.get("content-type", "").startswith(FORM):
        given = form.pairs(body.decode("utf-8"), "the form")
        return urlencode(
            {key: mended(value) if key == name else value for key, value in given.items()}
        ).encode()
    given = strict_json(body, "the body")
    if not isinstance(given, dict) or name not in given:
        return body
    return json.dumps({**given, name: mended(given[name])}, separators=(",", ":")).encode()
