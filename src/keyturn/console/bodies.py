"""What stands in a request to the API: JSON of one shape, or a no that names the field."""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec
from starlette.requests import Request

from keyturn.errors import OperatorError

BODY_BYTES_MAX: Final = 64 * 1024
"""The largest honest body is a note."""

NOTE_CHARS_MAX: Final = 2_000
"""A reason is read by people and by an agent; a longer one belongs into a ticket."""

B = TypeVar("B", bound=msgspec.Struct)


def is_json(request: Request) -> bool:
    """Exactly this type: what a form of another page can send is none of it (Fetch, CORS-safelisted request-header)."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


async def read_body(request: Request, kind: type[B]) -> B:
    """The body as one of the structs above. Raises `OperatorError` that names the field that is wrong."""
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > BODY_BYTES_MAX:
            raise OperatorError("too-large", f"the body is over {BODY_BYTES_MAX:,} bytes")
    try:
        return msgspec.json.decode(raw or b"{}", type=kind)
    except ValueError as error:
        raise OperatorError("bad-json", f"the body is not what this takes: {error}") from None
