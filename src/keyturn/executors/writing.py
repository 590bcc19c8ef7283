"""A call as the request an SDK would send for it, so that it is judged, kept and sent as an agent's request is.

What botocore makes is read by the same reader as what comes to the gateway: what is judged is what is sent.
"""

from __future__ import annotations

import contextlib
from typing import Any, Final
from urllib.parse import urlsplit

from botocore import UNSIGNED, xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.session import Session

from keyturn.executors.interface import NotSentError
from keyturn.model.change import Request
from keyturn.model.execution import Call
from keyturn.providers.aws.wire import CredentialScope, Unidentified, WireRequest, identify

_NOWHERE: Final = "http://127.0.0.1:9"
"""Nothing is sent there: the request is taken before it leaves, and its own endpoint is chosen when it is sent."""

_NOT_KEPT: Final = frozenset(
    {"authorization", "connection", "content-length", "expect", "host", "transfer-encoding", "user-agent"}
)


def written(session: Session, call: Call) -> Request:
    """The request of `call`; its parameters are read back from its bytes. Raises `NotSentError` where it cannot be made."""
    service, _, action = call.operation.partition(":")
    seen: list[WireRequest] = []

    def keep(request: Any, **_: Any) -> None:
        seen.append(_wire(request))
        raise _TakenError

    client = session.create_client(
        service,
        region_name=call.region,
        endpoint_url=_NOWHERE,
        config=Config(
            signature_version=UNSIGNED,
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
            inject_host_prefix=False,
        ),
    )
    client.meta.events.register("before-send", keep)
    try:
        with contextlib.suppress(_TakenError):
            getattr(client, xform_name(action))(**call.parameters)
    except (BotoCoreError, ValueError, AttributeError) as error:
        raise NotSentError("not-written", f"{call.operation} cannot be written: {error}") from error
    finally:
        client.close()
    if len(seen) != 1:
        raise NotSentError("not-written", f"{call.operation} would be {len(seen)} requests")
    return _read(seen[0], call, str(client.meta.service_model.signing_name))


def _read(wire: WireRequest, call: Call, signing_name: str) -> Request:
    found = identify(wire, CredentialScope("", "", call.region, signing_name))
    if isinstance(found, Unidentified):
        raise NotSentError("not-written", f"{call.operation} is not read as it was written: {found.reason}")
    operation = f"{found.service}:{found.operation}"
    if operation != call.operation or found.streamed:
        raise NotSentError("not-written", f"{call.operation} is read as {operation}")
    return Request(
        operation=operation,
        parameters=found.parameters,
        method=wire.method,
        target=found.target,
        headers=wire.headers,
        body=wire.body or b"",
        protocol=found.protocol,
        service=found.service,
        signing_name=signing_name,
        region=call.region,
    )


def _wire(request: Any) -> WireRequest:
    parts = urlsplit(request.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = tuple(
        (name.lower(), value.decode("latin-1") if isinstance(value, bytes) else str(value))
        for name, value in request.headers.items()
        if name.lower() not in _NOT_KEPT
    )
    body = request.body or b""
    return WireRequest(request.method, target, headers, body.encode() if isinstance(body, str) else body)


class _TakenError(Exception):
    """The request was taken before it left."""
