"""The rest-json and rest-xml protocols: labels in the path, members in query and headers, the rest in the body."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

from keyturn.providers.aws.protocols import tree, xml
from keyturn.providers.aws.protocols.headers import accounted
from keyturn.providers.aws.protocols.values import refuse, scalar, strict_json
from keyturn.providers.aws.wire_table import Member, Op, Service, Shape

_TRANSPORT: Final = (
    "x-amz-",
    "authorization",
    "host",
    "content-",
    "user-agent",
    "expect",
    "accept",
    "amz-sdk-",
)
"""What is never a member where a map takes headers of any name (dataexchange:SendApiAssetResponse)."""


def parse(
    service: Service,
    op: Op,
    labels: dict[str, str],
    query: dict[str, list[str]],
    headers: dict[str, str],
    body: bytes | None,
    *,
    as_xml: bool,
) -> tuple[dict[str, Any], str | None]:
    """Parameters, and the name of the payload member that streams past (None when there is none).

    `query` holds what is left without the operation's literal keys. Raises `UnmodelledError`.
    """
    shape = service.input(op.name) or Shape(kind="structure")
    made: dict[str, Any] = {}
    left = dict(query)
    for name, member in shape.members.items():
        _located(service, name, member, labels, left, headers, made)
    _query_maps(service, shape, left, made)
    if left:
        refuse("unmodelled", f"{op.name} has no query parameter {min(left)!r}")
    _unknown_headers(shape, headers, op)
    streamed = _body(service, op, shape, body, made, as_xml=as_xml)
    return made, streamed


def _located(
    service: Service,
    name: str,
    member: Member,
    labels: dict[str, str],
    query: dict[str, list[str]],
    headers: dict[str, str],
    made: dict[str, Any],
) -> None:
    wire = member.name or name
    inner = service.shape(member.shape)
    form = inner.timestamp_format or member.timestamp_format
    match member.location:
        case "uri":
            if wire in labels:
                made[name] = scalar(inner.kind, labels[wire], name, form or "iso8601")
        case "querystring" if inner.kind != "map":
            if wire in query:
                made[name] = _from_query(service, inner, query.pop(wire), name, form)
        case "header":
            if wire.lower() in headers:
                made[name] = _from_header(service, inner, member, headers[wire.lower()], name, form)
        case "headers":
            prefix = member.name.lower()
            found = {
                key[len(prefix) :]: value
                for key, value in headers.items()
                if key.startswith(prefix) and (prefix or not key.startswith(_TRANSPORT))
            }
            if found:
                made[name] = found


def _from_query(service: Service, shape: Shape, values: list[str], name: str, form: str) -> Any:
    if shape.kind == "list" and shape.element is not None:
        inner = service.shape(shape.element.shape)
        return [scalar(inner.kind, value, name, form or "iso8601") for value in values]
    if len(values) > 1:
        refuse("duplicate-key", f"{name} is given twice")
    return scalar(shape.kind, values[0], name, form or "iso8601")


def _from_header(service: Service, shape: Shape, member: Member, value: str, name: str, form: str) -> Any:
    if member.json_value:
        try:
            return strict_json(base64.b64decode(value, validate=True), name)
        except (ValueError, binascii.Error):
            refuse("bad-value", f"{name} is no base64 of JSON")
    if shape.kind == "list" and shape.element is not None:
        inner = service.shape(shape.element.shape)
        return [scalar(inner.kind, part.strip(), name, form or "rfc822") for part in value.split(",")]
    return scalar(shape.kind, value, name, form or "rfc822")


def _query_maps(service: Service, shape: Shape, query: dict[str, list[str]], made: dict[str, Any]) -> None:
    """A map in the query takes every key that no other member has."""
    for name, member in shape.members.items():
        inner = service.shape(member.shape)
        if member.location == "querystring" and inner.kind == "map" and query:
            many = inner.value is not None and service.shape(inner.value.shape).kind == "list"
            twice = [] if many else [key for key, values in query.items() if len(values) > 1]
            if twice:
                refuse("duplicate-key", f"{twice[0][:60]!r} is given twice")
            made[name] = {key: values if many else values[0] for key, values in query.items()}
            query.clear()


def _unknown_headers(shape: Shape, headers: dict[str, str], op: Op) -> None:
    known = {
        (member.name or name).lower() for name, member in shape.members.items() if member.location == "header"
    }
    prefixes = [
        (member.name or name).lower()
        for name, member in shape.members.items()
        if member.location == "headers"
    ]
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding not in {"", "identity"} and "content-encoding" not in known:
        refuse("encoded", f"{op.name} takes no body that is encoded as {coding[:40]!r}")
    accounted(headers, op.name, known, prefixes)


def _body(
    service: Service, op: Op, shape: Shape, body: bytes | None, made: dict[str, Any], *, as_xml: bool
) -> str | None:
    if shape.payload:
        return _payload(service, shape, body, made, as_xml=as_xml)
    inside = [name for name, member in shape.members.items() if not member.location]
    if body is None:
        refuse("streamed", f"{op.name} takes no body that could be streamed")
    if not body.strip():
        return None
    if not inside:
        if body.strip() in {b"{}", b""}:
            return None
        refuse("unmodelled", f"{op.name} takes no body")
    if as_xml:
        made |= xml.parse(service, shape, body, op.wrapper)
    else:
        document = strict_json(body, "the body")
        made |= tree.walk(service, shape, document, "the body")
    return None


def _payload(
    service: Service, shape: Shape, body: bytes | None, made: dict[str, Any], *, as_xml: bool
) -> str | None:
    name = shape.payload
    member = shape.members[name]
    inner = service.shape(member.shape)
    if inner.event_stream:
        refuse("unmodelled", "a request that is an event stream cannot be judged")
    if inner.kind in {"blob", "string", "character"}:
        if body is None:
            return name
        if body:
            made[name] = body if inner.kind == "blob" else body.decode("utf-8", "strict")
        return None
    if body is None:
        refuse("streamed", f"{name} is a document and cannot be streamed")
    if not body.strip():
        return None
    if as_xml:
        made[name] = xml.parse(service, inner, body, member.name or member.shape)
    else:
        made[name] = tree.walk(service, inner, strict_json(body, "the body"), name)
    return None
