"""From what was identified on the wire to the operation that is judged, logged and reviewed."""

from __future__ import annotations

from typing import Any

from keyturn.core.ports import Seal
from keyturn.model.change import Operation
from keyturn.providers.aws import catalogue
from keyturn.providers.aws.resources import Home, resources_of
from keyturn.providers.aws.wire_shapes import idempotency_token, mask


def operation_from(
    service: str,
    operation: str,
    parameters: dict[str, Any],
    *,
    partition: str,
    account: str,
    region: str,
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
    return Operation(
        provider="aws",
        name=f"{service}:{operation}",
        parameters=mask(service, operation, meant, seal),
        resources=resources_of(service, operation, parameters, Home(partition, account, region)),
        floor=catalogue.lookup(service, operation).effect,
        partition=partition,
        account=account,
        region=region,
        request=request_ref,
        token=token if isinstance(token, str) else None,
        payload_sha256=payload_sha256,
    )
