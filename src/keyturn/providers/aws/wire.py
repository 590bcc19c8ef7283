"""What a request on the wire means: service, operation, parameters. What cannot be read in exactly one way is refused.

The signed scope names the service's signing name; target header, action, path and the model do the rest. User-Agent and
host are never trusted. ``AWS_ENDPOINT_URL_<SERVICE>=http://host:port/~service`` settles names that several services share.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import msgspec

from keyturn.providers.aws.protocols import cbor, form, rest, tree
from keyturn.providers.aws.protocols.values import UnmodelledError, refuse, strict_json
from keyturn.providers.aws.routes import Found, Routes
from keyturn.providers.aws.wire_table import Entry, Op, load

REST: Final = frozenset({"rest-json", "rest-xml"})


class CredentialScope(msgspec.Struct, frozen=True):
    """What the signature says about itself (SigV4 credential scope)."""

    access_key_id: str
    date: str
    region: str
    signing_name: str


class WireRequest(msgspec.Struct, frozen=True):
    """A request as it came: `target` is path and query as on the wire, header names are lower-case, in order.

    `body` None: the payload has not been read and would be streamed.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None


class Identified(msgspec.Struct, frozen=True):
    """What is asked. `streamed` names the payload member that is not in `parameters`; `target` is without a service prefix."""

    service: str
    operation: str
    protocol: str
    parameters: dict[str, Any]
    target: str
    streamed: str | None = None


class Unidentified(msgspec.Struct, frozen=True):
    """Why it could not be read. `protocol` is the best guess, so that the error can be shaped."""

    code: str
    reason: str
    help: str = ""
    protocol: str = "json"


def identify(request: WireRequest, scope: CredentialScope) -> Identified | Unidentified:
    """The one operation this request is, with its parameters; total: never raises."""
    protocol = guess_protocol(request, scope)
    try:
        return _identify(request, scope)
    except UnmodelledError as error:
        return Unidentified(error.code, error.reason, _HELP.get(error.code, ""), protocol)
    except (UnicodeError, ValueError, RecursionError) as error:
        return Unidentified(
            "malformed", f"the request cannot be read: {type(error).__name__}", protocol=protocol
        )


_HELP: Final = {
    "unmodelled": "the request holds something this version does not know; a newer Keyturn may",
    "ambiguous": "set AWS_ENDPOINT_URL_<SERVICE> with the path /~<service> for this service",
    "unknown-service": "no service of this signing name is known; a newer Keyturn may know it",
}


def split_prefix(target: str) -> tuple[str, str]:
    """(service, target without it) for a target like ``/~sqs/…``; the service is empty without a prefix."""
    if not target.startswith("/~"):
        return "", target
    head, slash, rest_of = target[2:].partition("/")
    name, question, query = head.partition("?")
    return name, "/" + rest_of if slash else "/" + question + query


def may_stream(request: WireRequest, scope: CredentialScope) -> bool:
    """Judged from the head alone: an object's payload may flow past, everything else is read whole."""
    if scope.signing_name not in {"s3", "s3-object-lambda", "s3express"} or request.method != "PUT":
        return False
    path, _, query = split_prefix(request.target)[1].partition("?")
    keys = {key for key, _ in parse_qsl(query, keep_blank_values=True)}
    names = {name for name, _ in request.headers}
    is_object = path.count("/") >= 2 and not path.rstrip("/").count("/") < 2
    return is_object and keys <= {"partNumber", "uploadId", "x-id"} and "x-amz-copy-source" not in names


def guess_protocol(request: WireRequest, scope: CredentialScope) -> str:
    """In which shape an error would be understood; decides nothing else."""
    headers = dict(request.headers)
    if headers.get("smithy-protocol") == "rpc-v2-cbor":
        return "smithy-rpc-v2-cbor"
    if "x-amz-target" in headers:
        return "json"
    entries = [load().entries[name] for name in load().by_signing_name.get(scope.signing_name, ())]
    wanted = split_prefix(request.target)[0]
    for entry in entries:
        if not wanted or entry.service == wanted:
            return next(
                (name for name in entry.protocols if name != "smithy-rpc-v2-cbor"), entry.protocols[0]
            )
    return (
        "query" if headers.get("content-type", "").startswith("application/x-www-form-urlencoded") else "json"
    )


def _identify(request: WireRequest, scope: CredentialScope) -> Identified:
    table = load()
    prefix, target = split_prefix(request.target)
    names = table.by_signing_name.get(scope.signing_name, [])
    if prefix:
        if prefix not in table.entries or table.entries[prefix].signing_name != scope.signing_name:
            refuse("unknown-service", f"{prefix!r} is no service that signs as {scope.signing_name!r}")
        names = [prefix]
    if not names:
        refuse("unknown-service", f"no service signs as {scope.signing_name!r}")
    entries = [table.entries[name] for name in names]
    headers = _headers(request)
    if headers.get("smithy-protocol"):
        return _rpc_cbor(entries, request, headers, target)
    if "x-amz-target" in headers:
        return _json(entries, request, headers, target)
    if any(set(entry.protocols) & {"query", "ec2"} for entry in entries) and _is_form(headers, target):
        return _query(entries, request, target)
    rests = [entry for entry in entries if set(entry.protocols) & REST]
    if not rests:
        refuse("unidentified", "the request names no operation")
    return _rest(tuple(entry.service for entry in rests), request, headers, target)


def _headers(request: WireRequest) -> dict[str, str]:
    made: dict[str, str] = {}
    for name, value in request.headers:
        if name in made:
            if name in {
                "x-amz-target",
                "content-type",
                "content-length",
                "host",
                "authorization",
                "smithy-protocol",
            }:
                refuse("duplicate-header", f"the header {name!r} stands twice")
            made[name] += "," + value
        else:
            made[name] = value
    return made


def _whole(request: WireRequest) -> bytes:
    if request.body is None:
        refuse("streamed", "this operation's body must be read whole")
    return request.body


def _root_only(target: str) -> None:
    if target.partition("?")[0] not in {"/", ""} or target.partition("?")[2]:
        refuse(
            "mixed-protocols",
            f"an operation named in a header takes no path or query, but {target[:60]!r} is given",
        )


def _json(entries: list[Entry], request: WireRequest, headers: dict[str, str], target: str) -> Identified:
    _root_only(target)
    if request.method != "POST":
        refuse("mixed-protocols", f"an operation named in a header is sent by POST, not {request.method}")
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        refuse("mixed-protocols", "an operation named in a header does not take a form")
    named, _, action = headers["x-amz-target"].rpartition(".")
    found = [
        (entry, op)
        for entry in entries
        if entry.target_prefix == named and "json" in entry.protocols
        for op in [load().service(entry.service).operations.get(action)]
        if op is not None
    ]
    entry, op = _one(found, headers["x-amz-target"])
    service = load().service(entry.service)
    body = _whole(request)
    document = strict_json(body, "the body") if body.strip() else {}
    shape = service.input(op.name)
    if shape is None and document:
        refuse("unmodelled", f"{op.name} takes no parameters")
    parameters = tree.walk(service, shape, document, "the body") if shape else {}
    return Identified(entry.service, op.name, "json", parameters, target)


def _rpc_cbor(entries: list[Entry], request: WireRequest, headers: dict[str, str], target: str) -> Identified:
    if headers["smithy-protocol"] != "rpc-v2-cbor" or "x-amz-target" in headers or request.method != "POST":
        refuse("mixed-protocols", "this is no request of smithy-rpc-v2-cbor")
    parts = target.split("/")
    if len(parts) != 5 or parts[1] != "service" or parts[3] != "operation" or "?" in target:
        refuse("unidentified", f"{target[:60]!r} is no path of smithy-rpc-v2-cbor")
    found = [
        (entry, op)
        for entry in entries
        if entry.target_prefix == parts[2] and "smithy-rpc-v2-cbor" in entry.protocols
        for op in [load().service(entry.service).operations.get(parts[4])]
        if op is not None
    ]
    entry, op = _one(found, parts[4])
    service = load().service(entry.service)
    body = _whole(request)
    document = cbor.decode(body) if body else {}
    shape = service.input(op.name)
    if shape is None and document:
        refuse("unmodelled", f"{op.name} takes no parameters")
    parameters = tree.walk(service, shape, document, "the body") if shape else {}
    return Identified(entry.service, op.name, "smithy-rpc-v2-cbor", parameters, target)


def _is_form(headers: dict[str, str], target: str) -> bool:
    return (
        headers.get("content-type", "").startswith("application/x-www-form-urlencoded") or "Action=" in target
    )


def _query(entries: list[Entry], request: WireRequest, target: str) -> Identified:
    path, _, in_target = target.partition("?")
    if path not in {"/", ""} and not any(entry.service == "sqs" for entry in entries):
        refuse("mixed-protocols", f"an action takes no path, but {path[:60]!r} is given")
    body = _whole(request)
    if request.method == "POST" and in_target:
        refuse("mixed-protocols", "an action stands in the body or in the URL, not in both")
    if request.method == "GET" and body:
        refuse("mixed-protocols", "a GET with a body has two meanings")
    given = form.pairs(in_target if request.method == "GET" else body.decode("utf-8"), "the form")
    action, version = given.get("Action", ""), given.get("Version", "")
    found = [
        (entry, op)
        for entry in entries
        if entry.version == version and set(entry.protocols) & {"query", "ec2"}
        for op in [load().service(entry.service).operations.get(action)]
        if op is not None
    ]
    entry, op = _one(found, f"{action} of version {version}")
    service = load().service(entry.service)
    ec2 = "ec2" in entry.protocols
    parameters = form.parse(service, service.input(op.name), given, ec2=ec2)
    return Identified(entry.service, op.name, "ec2" if ec2 else "query", parameters, target)


def _one(found: list[tuple[Entry, Op]], what: str) -> tuple[Entry, Op]:
    """The only candidate; of siblings behind one signing name that share the operation, the one named like it."""
    if not found:
        refuse("unidentified", f"no service of this signing name has {what[:80]!r}")
    if len(found) > 1:
        own = [pair for pair in found if pair[0].service == pair[0].signing_name]
        if len(own) == 1:
            return own[0]
        refuse("ambiguous", f"{what[:80]!r} could be one of {', '.join(entry.service for entry, _ in found)}")
    return found[0]


@cache
def _routes(services: tuple[str, ...]) -> Routes:
    routes = Routes()
    for name in services:
        routes.add(name, load().service(name))
    return routes


def _rest(
    services: tuple[str, ...], request: WireRequest, headers: dict[str, str], target: str
) -> Identified:
    path, _, query_text = target.partition("?")
    query: dict[str, list[str]] = {}
    for key, value in parse_qsl(query_text, keep_blank_values=True, max_num_fields=10_000):
        query.setdefault(key, []).append(value)
    found = [
        candidate
        for candidate in _routes(services).find(request.method, path)
        if _fits(candidate, query, headers)
    ]
    if not found:
        refuse(
            "unidentified",
            f"no operation of {', '.join(services)} is {request.method} {unquote(path)[:80]!r}",
        )
    best = _most_specific(found, query)
    service = load().service(best.route.service)
    left = {
        key: values
        for key, values in query.items()
        if key not in {literal for literal, _ in best.route.literal_query}
        and not (key == "x-id" and values == [best.route.op.name])
    }
    entry = load().entries[best.route.service]
    protocol = next(name for name in entry.protocols if name in REST)
    parameters, streamed = rest.parse(
        service, best.route.op, best.labels, left, headers, request.body, as_xml=protocol == "rest-xml"
    )
    return Identified(best.route.service, best.route.op.name, protocol, parameters, target, streamed)


def _candidates(
    services: tuple[str, ...], method: str, path: str, query: dict[str, list[str]], headers: dict[str, str]
) -> list[Found]:
    return [
        candidate for candidate in _routes(services).find(method, path) if _fits(candidate, query, headers)
    ]


def _fits(candidate: Found, query: dict[str, list[str]], headers: dict[str, str]) -> bool:
    route = candidate.route
    literal = {key for key, _ in route.literal_query}
    if any(query.get(key) != [value] for key, value in route.literal_query):
        return False
    if not route.required_query <= query.keys() or not route.required_headers <= headers.keys():
        return False
    known = route.known_query | literal | {"x-id"}
    return route.open_query or query.keys() <= known


def _most_specific(found: list[Found], query: dict[str, list[str]]) -> Found:
    def weight(candidate: Found) -> tuple[int, ...]:
        route = candidate.route
        return (
            candidate.literals,
            len(route.literal_query),
            len(route.required_query),
            len(route.required_headers),
            len(route.known_query & query.keys()),
            not route.op.deprecated,
            not route.open_query,
        )

    ranked = sorted(found, key=weight, reverse=True)
    best = [candidate for candidate in ranked if weight(candidate) == weight(ranked[0])]
    if len(best) > 1:
        entries = load().entries
        own = [
            candidate
            for candidate in best
            if candidate.route.service == entries[candidate.route.service].signing_name
        ]
        if len(own) != 1:
            names = sorted({f"{candidate.route.service}:{candidate.route.op.name}" for candidate in best})
            refuse("ambiguous", f"the request could be one of {', '.join(names)}")
        best = own
    return best[0]
