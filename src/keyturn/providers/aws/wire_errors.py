"""Errors in each protocol's own shape, so that an SDK raises its own error type once and does not retry.

403 with an access-denied code is not in any SDK's list of retryable errors
(https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
"""

from __future__ import annotations

import json
from typing import Final
from xml.sax.saxutils import escape

import msgspec

from keyturn.providers.aws.protocols import cbor
from keyturn.providers.aws.wire_table import load

XML_SERVICES_LIKE_S3: Final = frozenset({"s3", "s3control"})


class WireResponse(msgspec.Struct, frozen=True):
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def denied_code(protocol: str, service: str) -> str:
    """How this service itself spells that access is denied."""
    if service in XML_SERVICES_LIKE_S3 or protocol in {"query", "rest-xml"}:
        return "AccessDenied"
    return "UnauthorizedOperation" if protocol == "ec2" else "AccessDeniedException"


def encode_error(
    protocol: str, *, code: str, message: str, status: int = 403, request_id: str = "", service: str = ""
) -> WireResponse:
    """`code` and `message` as the SDK of this protocol reads them; newlines and quotes survive."""
    identity = ("x-amzn-requestid", request_id)
    match protocol:
        case "json" | "rest-json":
            body = json.dumps({"__type": code, "message": message, "Message": message}).encode()
            kind = "application/json" if protocol == "rest-json" else "application/x-amz-json-1.1"
            headers: tuple[tuple[str, str], ...] = (
                ("content-type", kind),
                ("x-amzn-errortype", code),
                identity,
            )
        case "smithy-rpc-v2-cbor":
            body = cbor.encode({"__type": code, "message": message})
            headers = (("content-type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor"), identity)
        case "ec2":
            body = (
                f"<Response><Errors><Error><Code>{escape(code)}</Code><Message>{_text(message)}</Message></Error></Errors>"
                f"<RequestID>{escape(request_id)}</RequestID></Response>"
            ).encode()
            headers = (("content-type", "text/xml"), identity)
        case "rest-xml" if service in XML_SERVICES_LIKE_S3:
            body = (
                f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{escape(code)}</Code>'
                f"<Message>{_text(message)}</Message><RequestId>{escape(request_id)}</RequestId></Error>"
            ).encode()
            headers = (("content-type", "application/xml"), ("x-amz-request-id", request_id))
        case _:
            body = (
                f"<ErrorResponse><Error><Type>Sender</Type><Code>{escape(code)}</Code><Message>{_text(message)}</Message>"
                f"</Error><RequestId>{escape(request_id)}</RequestId></ErrorResponse>"
            ).encode()
            headers = (("content-type", "text/xml"), identity)
    if (
        protocol in {"json", "smithy-rpc-v2-cbor"}
        and service in load().entries
        and load().entries[service].query_compatible
    ):
        headers = (*headers, ("x-amzn-query-error", f"{code};Sender"))
    return WireResponse(status, headers, body)


def _text(message: str) -> str:
    """XML 1.0 has no place for most control characters; they are shown, not dropped silently."""
    shown = "".join(char if char in "\n\t" or char >= " " else f"\\x{ord(char):02x}" for char in message)
    return escape(shown)
