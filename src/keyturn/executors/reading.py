"""An answer as an SDK gives it, from its bytes; and a request whose ids are others, read again as it was read first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec
from botocore.awsrequest import HeadersDict
from botocore.exceptions import BotoCoreError
from botocore.parsers import ResponseParserError, create_parser
from botocore.session import Session

from keyturn.executors.interface import NotSentError, Response
from keyturn.model.change import Request
from keyturn.providers.aws.wire import CredentialScope, Unidentified, WireRequest, identify

_OF_THE_BODY: Final = (
    "content-md5",
    "x-amz-content-sha256",
    "x-amz-checksum-",
    "x-amz-sdk-checksum-algorithm",
)
"""Headers that say something of the body's bytes, which are others then; the signature is made anew in any case."""


def answered(session: Session, request: Request, response: Response) -> dict[str, Any]:
    """What an SDK would give back, times as text, without its metadata. Raises `NotSentError` where it cannot be read."""
    service, _, action = request.operation.partition(":")
    try:
        shape = session.get_service_model(service).operation_model(action).output_shape
        parsed = create_parser(request.protocol).parse(
            {
                "headers": HeadersDict(dict(response.headers)),
                "status_code": response.status,
                "body": response.body,
                "context": {"operation_name": action},
            },
            shape,
        )
    except (BotoCoreError, ResponseParserError, ValueError, KeyError) as error:
        raise NotSentError(
            "not-read", f"the answer to {request.operation} cannot be read: {error}"
        ) from error
    return {name: _plain(value) for name, value in parsed.items() if name != "ResponseMetadata"}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


def rewritten(request: Request, texts: Mapping[str, str]) -> Request:
    """The request with these texts in place of others, in its target and body; read again from its bytes.

    Raises `NotSentError` where it is not the same operation then, or a text could not be put in place everywhere.
    """
    if not texts:
        return request
    target, body = request.target, request.body
    for old, new in texts.items():
        for spelled in (str, _quoted):
            target = target.replace(spelled(old), spelled(new))
            body = body.replace(spelled(old).encode(), spelled(new).encode())
    headers = tuple(pair for pair in request.headers if not pair[0].startswith(_OF_THE_BODY))
    wire = WireRequest(request.method, target, headers, None if request.streamed else body)
    found = identify(wire, CredentialScope("", "", request.region, request.signing_name))
    if isinstance(found, Unidentified):
        raise NotSentError(
            "not-rewritten", f"{request.operation} cannot be read with other ids: {found.reason}"
        )
    if f"{found.service}:{found.operation}" != request.operation:
        raise NotSentError("not-rewritten", f"{request.operation} with other ids reads as {found.operation}")
    return msgspec.structs.replace(
        request, target=found.target, body=body, headers=headers, parameters=found.parameters
    )


def _quoted(text: str) -> str:
    return quote(text, safe="")
