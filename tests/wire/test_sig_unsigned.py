"""Operations without a signature: every one the models mark is told from its bytes, and no other is."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import botocore.session
import pytest
from botocore.serialize import create_serializer
from hypothesis import given, settings
from hypothesis import strategies as st

from keyturn.providers.aws.signing.unsigned import SERVICES, Unsigned, unsigned_operation
from keyturn.providers.aws.signing.values import Refused
from keyturn.providers.aws.wire import WireRequest
from keyturn.providers.aws.wire_table import load


def marked() -> list[tuple[str, str]]:
    return sorted((service, op.name) for service, op in load().all_operations() if op.unsigned)


MARKED = marked()


def test_the_list_of_services_is_the_tables() -> None:
    """A newer model with another service that logs people in must be put into it."""
    assert sorted({service for service, _ in MARKED}) == sorted(SERVICES)
    assert len(MARKED) >= 40


SESSION = botocore.session.Session()


def asked(service: str, operation: str) -> WireRequest:
    """As botocore serializes it, with what is required, and does not sign it."""
    model = SESSION.get_service_model(service).operation_model(operation)
    protocol = model.service_model.resolved_protocol
    shape = model.input_shape
    given = {name: value_of(shape.members[name]) for name in shape.required_members} if shape else {}
    made: dict[str, Any] = create_serializer(protocol, include_validation=False).serialize_to_request(
        given, model
    )
    body = made["body"]
    if isinstance(body, dict):
        body = urlencode(body).encode()
    query = "&".join(f"{name}={value}" for name, value in (made["query_string"] or {}).items())
    headers = tuple((name.lower(), str(value)) for name, value in made["headers"].items())
    target = made["url_path"] + (f"?{query}" if query else "")
    return WireRequest(made["method"], target, (("host", "h"), *headers), body or b"")


def value_of(shape: Any) -> Any:
    kind = shape.type_name
    if kind == "structure":
        return {name: value_of(shape.members[name]) for name in shape.required_members}
    if kind == "list":
        return [value_of(shape.member)]
    if kind == "map":
        return {"k": value_of(shape.value)}
    if kind == "boolean":
        return True
    if kind in {"integer", "long"}:
        return 1
    return shape.enum[0] if kind == "string" and shape.enum else "v"


@pytest.mark.parametrize(("service", "operation"), MARKED, ids=[f"{row[0]}:{row[1]}" for row in MARKED])
def test_each_is_told_from_its_bytes(service: str, operation: str) -> None:
    """Without a signing name to go by."""
    found = unsigned_operation(asked(service, operation), region="us-east-1")
    assert isinstance(found, Unsigned), found
    assert (found.found.service, found.found.operation) == (service, operation)


OTHERS: list[tuple[str, WireRequest, str]] = [
    ("an operation that is signed", asked("sts", "GetCallerIdentity"), "unsigned"),
    ("another of the same service", asked("cognito-idp", "DeleteUserPool"), "unsigned"),
    ("an object", WireRequest("GET", "/bucket/key", (("host", "h"),), b""), "unsigned"),
    (
        "half a signature",
        WireRequest("POST", "/", (("host", "h"), ("x-amz-date", "20260101T000000Z")), b""),
        "signed",
    ),
    ("a presigned one", WireRequest("GET", "/?X-Amz-Signature=a", (("host", "h"),), b""), "signed"),
]


@pytest.mark.parametrize(("what", "request_", "code"), OTHERS, ids=[row[0] for row in OTHERS])
def test_no_other_is(what: str, request_: WireRequest, code: str) -> None:
    """By name."""
    found = unsigned_operation(request_, region="us-east-1")
    assert isinstance(found, Refused), what
    assert found.code == code


@settings(max_examples=100, deadline=None)
@given(target=st.text(max_size=30), header=st.text(max_size=30), body=st.binary(max_size=30))
def test_any_bytes_are_told_or_refused(target: str, header: str, body: bytes) -> None:
    """Never an exception."""
    found = unsigned_operation(WireRequest("POST", target, (("x-amz-target", header),), body), region="r")
    assert isinstance(found, Refused)
