"""botocore's whole client against both our doors: what it does to a request between its serializer and the wire is read too.

Handlers add headers (Glacier's version), move a query into the body, leave a body unsigned; which of them do is nowhere written down.
So every operation is asked by a real client, signed, and caught before it is sent. `make test` takes the services whose handlers do
something; ``KEYTURN_ALL=1`` takes all 19,700 operations.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ParamValidationError

from keyturn.providers.aws.signing import checks, front
from keyturn.providers.aws.signing.values import Refused, Secret
from keyturn.providers.aws.wire import Unidentified, WireRequest, identify
from tests.wire import oracle

ALL = bool(os.environ.get("KEYTURN_ALL"))
PARTS: Final = 24 if ALL else 2
HANDLED: Final = frozenset(
    [
        "apigateway",
        "cloudsearchdomain",
        "ebs",
        "glacier",
        "importexport",
        "lex-runtime",
        "mediastore-data",
        "s3",
        "s3control",
        "sdb",
    ]
)

ALIAS = "a deprecated name of another operation: the same bytes, and it is read as the present one"
DIRECTORY = "directory buckets have a signing name and an endpoint of their own"
OTHERWISE: Final = {
    "codeartifact:PublishPackageVersion": "a parameter is the digest of the body, and the one made up here is not",
    "s3:GetBucketLifecycle": ALIAS,
    "s3:GetBucketNotification": ALIAS,
    "s3:ListDirectoryBuckets": DIRECTORY,
    "s3:PutBucketLifecycle": ALIAS,
    "s3:PutBucketNotification": ALIAS,
    "s3:WriteGetObjectResponse": "what answers an object lambda goes to a host that the lambda was told",
    "s3control:DeleteAccessPointScope": DIRECTORY,
    "s3control:GetAccessPointScope": DIRECTORY,
    "s3control:ListAccessPointsForDirectoryBuckets": DIRECTORY,
    "s3control:PutAccessPointScope": DIRECTORY,
}
"""What a real client sends and is not read as that operation. All are refused, but for those read under their present name."""


class _CaughtError(Exception):
    """A request that would have left."""

    def __init__(self, request: Any) -> None:
        super().__init__()
        self.request = request


def _catch(request: Any, **_: Any) -> NoReturn:
    raise _CaughtError(request)


def asked(session: botocore.session.Session, service: str) -> Iterator[tuple[str, WireRequest]]:
    """Every operation of this service that a client can be brought to ask, as it would leave."""
    settings = Config(parameter_validation=False, inject_host_prefix=False, s3={"addressing_style": "path"})
    endpoint = f"http://127.0.0.1:9/~{service}"
    client = session.create_client(service, region_name="us-east-1", endpoint_url=endpoint, config=settings)
    client.meta.events.register_first("before-send", _catch)
    for method, operation in client.meta.method_to_api_mapping.items():
        shape = client.meta.service_model.operation_model(operation).input_shape
        try:
            getattr(client, method)(**oracle.parameters(shape, full=False))
        except _CaughtError as caught:
            yield operation, _wire(caught.request)
        except (BotoCoreError, ParamValidationError, AttributeError):
            continue  # bearer tokens, ARNs that decide an endpoint: it does not ask without
    client.close()


def _wire(request: Any) -> WireRequest:
    url = urlsplit(request.url)
    named = {
        name.lower(): value.decode("latin-1") if isinstance(value, bytes) else str(value)
        for name, value in request.headers.items()
    }
    body = request.body.read() if hasattr(request.body, "read") else request.body or b""
    return WireRequest(
        request.method,
        url.path + (f"?{url.query}" if url.query else ""),
        tuple({"host": url.netloc, **named}.items()),
        body.encode() if isinstance(body, str) else bytes(body),
    )


def told(request: WireRequest) -> str:
    """service:Operation as the gateway reads it; else why it refuses it. Empty for a call that names no session, as its model says."""
    found = front.authenticate(request, lambda _: Secret("secret"), region="us-east-1", now_s=time.time())
    if isinstance(found, Refused):
        return f"{found.code}: {found.reason}"
    known = identify(found.request, found.scope)
    if isinstance(known, Unidentified):
        return f"{known.code}: {known.reason}"
    operation = f"{known.service}:{known.operation}"
    wrong = checks.uncovered(found, operation)
    return operation if wrong is None else f"{wrong.code}: {wrong.reason}"


def unsigned(service: str, operation: str) -> bool:
    """Whether the model says that it is asked without a signature: no agent's call, and refused as such."""
    return bool(oracle.model(service).operation_model(operation).auth_type == "none")


@pytest.mark.parametrize("part", range(PARTS))
def test_what_a_client_sends_is_read_as_what_was_asked(part: int) -> None:
    """Signature and operation, after every handler."""
    chosen = oracle.services() if ALL else sorted(HANDLED)
    session = botocore.session.get_session()
    session.set_credentials("AKID", "secret")
    wrong, seen = {}, 0
    for service in chosen[part::PARTS]:
        for operation, request in asked(session, service):
            seen += 1
            name = f"{service}:{operation}"
            read = told(request)
            if unsigned(service, operation):
                assert read.startswith("unsigned:"), name
            elif name in OTHERWISE:
                assert read != name, f"{name} is read now: take it from the table"
            elif read != name:
                wrong[name] = read
    assert seen > 100
    assert wrong == {}
