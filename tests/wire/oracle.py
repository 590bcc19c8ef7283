"""botocore's own serializers make requests; what they mean is known, because we gave the parameters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape
from botocore.serialize import create_serializer
from botocore.utils import percent_encode_sequence

from keyturn.providers.aws.wire import CredentialScope, WireRequest

MOMENT = datetime(2026, 2, 20, 8, 30, tzinfo=UTC)
SIGNS_AS = {"importexport": "IngestionService"}  # by botocore's endpoints, and by its clients
ODD_TEXT = "a b:c+d%2Fe&f=g/h?ü"


@cache
def model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service_name=service)


def services() -> list[str]:
    names: list[str] = Loader().list_available_services("service-2")
    return names


def parameters(shape: Shape | None, *, full: bool, odd: bool = False, depth: int = 0) -> Any:
    """Values for a shape: the required members, or all of them to a depth."""
    if shape is None:
        return {}
    match shape.type_name:
        case "structure":
            if getattr(shape, "is_document_type", False):
                return {"a": 1}
            wanted = [
                name for name in shape.members if name in shape.required_members or (full and depth < 3)
            ]
            if (
                depth and not wanted and depth < 9
            ):  # the query protocol has no way to write an empty structure
                wanted = list(shape.members)[:1]
            if getattr(shape, "is_tagged_union", False):
                wanted = list(shape.members)[:1]
            return {
                name: parameters(shape.members[name], full=full, odd=odd, depth=depth + 1) for name in wanted
            }
        case "list":
            return [parameters(shape.member, full=full, odd=odd, depth=depth + 1)] if depth < 6 else []
        case "map":
            value = parameters(shape.value, full=full, odd=odd, depth=depth + 1)
            return {(shape.key.enum or ["k"])[0]: value} if depth < 6 else {}
        case "integer" | "long":
            return 7
        case "float" | "double":
            return 1.5
        case "boolean":
            return True
        case "blob":
            return b"\x00blob"
        case "timestamp":
            return MOMENT
    if shape.enum:
        return shape.enum[0]
    if shape.name == "BucketName":
        return "text-1"  # botocore refuses to send any other letters, and so do we to read them
    return ODD_TEXT if odd else "text-1"


def request(
    service: str, operation: str, given: dict[str, Any], protocol: str = ""
) -> tuple[WireRequest, CredentialScope]:
    """The request as botocore serialises it, and the scope it would be signed with."""
    return request_of(model(service), operation, given, protocol)


def request_of(
    known: ServiceModel, operation: str, given: dict[str, Any], protocol: str = ""
) -> tuple[WireRequest, CredentialScope]:
    """The same, of a model that is not the installed one."""
    chosen = protocol or known.resolved_protocol
    made = create_serializer(chosen, include_validation=False).serialize_to_request(
        given, known.operation_model(operation)
    )
    query = made["query_string"]
    text = percent_encode_sequence(query) if isinstance(query, dict) else (query or "")
    body = made["body"]
    if isinstance(body, dict):
        body = urlencode(body, doseq=True).encode()
    elif isinstance(body, str):
        body = body.encode()
    path = made["url_path"]
    target = path + (("&" if "?" in path else "?") + text if text else "")
    headers = tuple((name.lower(), str(value)) for name, value in dict(made["headers"]).items())
    return WireRequest(made["method"], target, headers, body or b""), CredentialScope(
        "AKID", "20260220", "us-east-1", SIGNS_AS.get(known.service_name, known.signing_name)
    )


def operations(service: str) -> Iterator[str]:
    yield from model(service).operation_names


def plain(value: Any) -> str:
    """One text for equal parameters, however numbers and times were written."""

    def simple(item: Any) -> Any:
        if isinstance(item, bytes):
            return "bytes:" + item.hex()
        return (
            "time:" + item.astimezone(UTC).replace(microsecond=0).isoformat()
            if isinstance(item, datetime)
            else str(item)
        )

    return json.dumps(value, default=simple, sort_keys=True)
