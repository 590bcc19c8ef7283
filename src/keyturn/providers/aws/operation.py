"""From what was identified on the wire to the operation that is judged, logged and reviewed."""

from __future__ import annotations

import re
from typing import Any, Final

from keyturn.core.ports import Seal
from keyturn.model.change import READ_EFFECTS, Effect, Operation, Request
from keyturn.providers.aws import catalogue
from keyturn.providers.aws.resources import Home, resources_of
from keyturn.providers.aws.wire_shapes import idempotency_token, mask

_CREATES_WITHOUT: Final = {("ssm", "PutParameter"): "Overwrite"}
"""Operations that update only when this flag is given; without it they make something new, or are refused by the service."""


def _floor(service: str, operation: str, parameters: dict[str, Any]) -> Effect:
    """The catalogue's effect; of an operation that makes or updates by a flag, the one that the flag says."""
    flag = _CREATES_WITHOUT.get((service, operation))
    if flag is not None and not parameters.get(flag):
        return Effect.CREATE
    return catalogue.lookup(service, operation).effect


def read_from(service: str, operation: str, parameters: dict[str, Any], home: Home) -> Operation | None:
    """The operation as the read lane needs it, without its parameters: what it reads of. None where it is no read."""
    floor = _floor(service, operation, parameters)
    if floor not in READ_EFFECTS:
        return None
    return Operation(
        provider="aws",
        name=f"{service}:{operation}",
        parameters={},
        resources=resources_of(service, operation, parameters, home),
        floor=floor,
        partition=home.partition,
        account=home.account,
        region=home.region,
    )


_RUN: Final = re.compile(r"CDK Changeset for [a-z]{1,20} [0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
"""What the CDK writes into a change set's description, with a number that is new for each run: it says nothing of what would change, and
with it in the digest no run would ever be the one that was approved."""


def request_from(
    service: str, operation: str, parameters: dict[str, Any], *, region: str, protocol: str = ""
) -> Request:
    """A request of which no more is known than what it asks for: enough to be judged by, and nothing that could be sent."""
    return Request(
        operation=operation,
        parameters=parameters,
        method="POST",
        target="/",
        headers=(),
        body=b"",
        protocol=protocol,
        service=service,
        signing_name=service,
        region=region,
    )


def operation_from(
    service: str,
    operation: str,
    parameters: dict[str, Any],
    *,
    home: Home,
    seal: Seal,
    payload_sha256: str | None = None,
    request_ref: str = "",
) -> Operation:
    """The log-safe operation: values that are secrets or data stand sealed, its resources and its floor effect are known.

    `service` is botocore's name (``dynamodb``), `parameters` are as the caller of an SDK gave them. The member that SDKs fill
    with an idempotency token is taken out of the parameters: two requests that differ in nothing else mean the same.
    """
    token_name = idempotency_token(service, operation)
    token = parameters.get(token_name) if token_name else None
    meant = {name: value for name, value in parameters.items() if name != token_name}
    if (service, operation) == ("cloudformation", "CreateChangeSet") and _RUN.match(
        str(meant.get("Description", ""))
    ):
        del meant["Description"]
    return Operation(
        provider="aws",
        name=f"{service}:{operation}",
        parameters=mask(service, operation, meant, seal),
        resources=resources_of(service, operation, parameters, home),
        floor=_floor(service, operation, meant),
        partition=home.partition,
        account=home.account,
        region=home.region,
        request=request_ref,
        token=token if isinstance(token, str) else None,
        payload_sha256=payload_sha256,
    )
