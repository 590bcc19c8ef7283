"""What the gateway itself says to a client: no, and why, in the words of the service that was asked."""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

from keyturn.providers.aws.signing.values import Refused
from keyturn.providers.aws.wire import Identified, Unidentified, WireRequest
from keyturn.providers.aws.wire_errors import WireResponse, denied_code, encode_error
from keyturn.providers.aws.wire_guess import Shape
from keyturn.runtime.interface import Reply, ReplyKind
from keyturn.surfaces.aws_gateway.relay import head_of


class Sender(Protocol):
    """The client's side of the connection."""

    async def write(self, data: bytes) -> None: ...

    def ends(self) -> bool:
        """Whether the connection ends with this answer."""
        ...

    def still_holding(self) -> None:
        """Tell a client that can hear it that its answer is still to come."""
        ...


class Refusing(msgspec.Struct, frozen=True):
    """It is answered by us. With a `code` it goes on record as a request that was refused before it was anything."""

    answer: WireResponse
    bodiless: bool
    session: str = ""
    code: str = ""
    reason: str = ""
    request_id: str = ""
    begun_s: float = 0.0


CODES: Final = {
    "uncertain": "KeyturnUncertain",
    "not-executed": "KeyturnNotExecuted",
    "answer-not-kept": "KeyturnAnswerNotKept",
}


def said(found: Identified, reply: Reply, request_id: str) -> WireResponse:
    """A reply that is not the provider's: access denied in the service's own words; never a code that is retried."""
    code = CODES.get(reply.code) or denied_code(found.protocol, found.service)
    status = 400 if reply.kind is ReplyKind.UNCERTAIN else 403
    return encode_error(
        found.protocol,
        code=code,
        message=reply.text,
        status=status,
        request_id=request_id,
        service=found.service,
    )


OTHER_ACCOUNT: Final = Refused(
    "other-account",
    "these credentials act in another account than this plane's, which it can neither read nor judge",
    "use a plane of that account",
)

NO_SESSION: Final = Refused(
    "no-session", "this key belongs to no open session", "open one: keyturn run --agent NAME -- COMMAND"
)


def refusing(
    request: WireRequest,
    shape: Shape,
    refused: Refused,
    request_id: str,
    *,
    session: str = "",
) -> Refusing:
    code = {
        "signature": "SignatureDoesNotMatch",
        "no-session": "InvalidClientTokenId",
        "skew": "RequestTimeTooSkewed",
        "expired": "AccessDenied",  # as S3 says it
        "token": "InvalidToken",
        "other-account": "AccessDenied",
    }.get(refused.code, "IncompleteSignature")
    text = f"Keyturn: {refused.reason}. {refused.help}".strip()
    answer = encode_error(
        shape.protocol, code=code, message=text, request_id=request_id, service=shape.service
    )
    return Refusing(answer, request.method == "HEAD", session, refused.code, refused.reason)


def unreadable(
    request: WireRequest, shape: Shape, found: Unidentified, request_id: str, session: str
) -> Refusing:
    text = f"Keyturn cannot read this request in exactly one way and does not forward it: {found.reason}. {found.help}"
    answer = encode_error(
        shape.protocol,
        code=denied_code(shape.protocol, shape.service),
        message=text,
        request_id=request_id,
        service=shape.service,
    )
    return Refusing(answer, request.method == "HEAD", session, found.code, found.reason)


def fault(
    found: Identified, text: str, request_id: str, *, code: str = "", status: int = 403
) -> WireResponse:
    """An error of ours in the service's own shape."""
    return encode_error(
        found.protocol,
        code=code or denied_code(found.protocol, found.service),
        message=text,
        status=status,
        request_id=request_id,
        service=found.service,
    )


def internal(protocol: str, request_id: str) -> WireResponse:
    text = f"Keyturn failed on this request and forwarded nothing (request {request_id}). Tell its operator."
    return encode_error(protocol, code="KeyturnInternal", message=text, status=400, request_id=request_id)


async def send(sender: Sender, response: WireResponse, *, bodiless: bool = False) -> None:
    """A whole answer; one to a HEAD says how long its body would be and has none (RFC 9110, 9.3.2)."""
    last = "connection: close\r\n" if sender.ends() else ""
    head = head_of(response.status, response.headers, f"content-length: {len(response.body)}\r\n{last}")
    await sender.write(head if bodiless else head + response.body)
