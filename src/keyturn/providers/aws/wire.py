"""What a request on the wire means: service, operation, parameters. What cannot be read in exactly one way is refused.

The signed scope names the service's signing name; target header, action, path and the model do the rest. User-Agent and
host are never trusted. ``AWS_ENDPOINT_URL_<SERVICE>=http://host:port/~service`` settles names that several services share.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

import msgspec

from keyturn.providers.aws.protocols import cbor, form, rest, tree
from keyturn.providers.aws.protocols.form import FORM
from keyturn.providers.aws.protocols.headers import accounted, accounted_names
from keyturn.providers.aws.protocols.values import UnmodelledError, query_pairs, refuse, strict_json
from keyturn.providers.aws.routes import Found, Routes
from keyturn.providers.aws.wire_table import Entry, Op, load

REST: Final = frozenset({"rest-json", "rest-xml"})

UNPACKED_BYTES_MAX: Final = 16 * 1024 * 1024
"""A compressed body unpacks to no more: CloudWatch, the only service that takes one, allows 1 MB."""

_TARGET: Final = re.compile(r"/[!\"$-~]*\Z")
"""What HTTP allows (origin-form): a fragment, a space or a raw byte is cut off by one reader and kept by the next."""
_BAD_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")

_BUCKET: Final = re.compile(r"[A-Za-z0-9._-]{1,255}\Z")
"""Every bucket's name, the oldest ones' too (botocore's own rule). ``PUT /b%2Fk`` would otherwise create a bucket to us, and
overwrite an object to whoever decodes first."""

TARGET_KEPT_CHARS_MAX: Final = 256
"""The longest name of an operation with its service is half of that; what is longer is looked up anew each time."""

NAMES_KEPT_MAX: Final = 64
"""As many headers as an honest request has twice; more are looked at anew each time."""

_BUCKET_ALONE: Final = re.compile(r"(/[^/?]+)/(\?.*)?\Z", re.DOTALL)
"""``/bucket/``, as the SDK for JavaScript writes it, is read and sent on without its last slash: nobody finds an empty key there."""
T = TypeVar("T")


class CredentialScope(msgspec.Struct, frozen=True):
    """What the signature says about itself (SigV4 credential scope)."""

    access_key_id: str
    date: str
    region: str
    signing_name: str


class WireRequest(msgspec.Struct, frozen=True):
    """A request as it came: `target` is path and query as on the wire, header names are lower-case, in order.

    `body` None: the payload has not been read and would be streamed. `by_name` and `twice` are made from the headers: one that
    stands twice is joined by commas (RFC 9110, 5.2).
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    by_name: dict[str, str] = {}
    twice: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        made: dict[str, str] = dict(self.headers)
        if len(made) != len(self.headers):
            made = {}
            for name, value in self.headers:
                made[name] = f"{made[name]},{value.strip()}" if name in made else value.strip()
            names = [name for name, _ in self.headers]
            msgspec.structs.force_setattr(
                self, "twice", tuple(name for name in made if names.count(name) > 1)
            )
        msgspec.structs.force_setattr(self, "by_name", made)


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
    try:
        return _identify(request, scope)
    except UnmodelledError as error:
        protocol = guess_protocol(request, scope)
        return Unidentified(error.code, error.reason, _HELP.get(error.code, ""), protocol)
    except Exception as error:  # noqa: BLE001  # whatever a body can do to a parser, the answer is: not identified
        reason = f"the request cannot be read: {type(error).__name__}"
        return Unidentified("malformed", reason, protocol=guess_protocol(request, scope))


_HELP: Final = {
    "unmodelled": "the request holds something this version does not know; a newer Keyturn may",
    "ambiguous": "set AWS_ENDPOINT_URL_<SERVICE> with the path /~<service> for this service",
    "old-protocol": "use a newer SDK or CLI for this service",
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
    is_object = path.count("/") >= 2 and not path.rstrip("/").count("/") < 2
    return (
        is_object
        and keys <= {"partNumber", "uploadId", "x-id"}
        and "x-amz-copy-source" not in request.by_name
    )


def guess_protocol(request: WireRequest, scope: CredentialScope) -> str:
    """In which shape an error would be understood; decides nothing else."""
    headers = request.by_name
    if headers.get("smithy-protocol") == "rpc-v2-cbor":
        return "smithy-rpc-v2-cbor"
    if "x-amz-target" in headers:
        return "json"
    is_form = headers.get("content-type", "").startswith(FORM)
    entries = [load().entries[name] for name in load().by_signing_name.get(scope.signing_name, ())]
    wanted = split_prefix(request.target)[0]
    for entry in entries:
        if not wanted or entry.service == wanted:
            formal = next((name for name in entry.protocols if name in {"query", "ec2"}), "")
            if is_form:
                return formal or "query"  # as older clients ask, and read
            return next(
                (name for name in entry.protocols if name != "smithy-rpc-v2-cbor"), entry.protocols[0]
            )
    return "query" if is_form else "json"


def _identify(request: WireRequest, scope: CredentialScope) -> Identified:
    table = load()
    if request.target != "/" and (not _TARGET.match(request.target) or _BAD_PERCENT.search(request.target)):
        refuse(
            "bad-target",
            "the target is no path from the root with a query, in printable ASCII (RFC 9112, 3.2.1)",
        )
    prefix, target = split_prefix(request.target)
    prefixed = target != request.target
    entries = table.signing_as(scope.signing_name)
    if prefixed:
        entries = tuple([entry for entry in entries if entry.service == prefix])
    headers = _headers(request) if request.twice else request.by_name
    try:
        if not entries:
            by = f"{prefix!r} is no service that" if prefixed else "no service"
            refuse("unknown-service", f"{by} signs as {scope.signing_name!r}")
        return _read(entries, request, headers, target)
    except UnmodelledError as error:
        found = error.code in _FORGOTTEN and _older(
            request, scope, headers, prefix if prefixed else "", target
        )
        if found:
            return found
        raise


_FORGOTTEN: Final = frozenset({"unmodelled", "unidentified", "unknown-service", "old-protocol"})
"""Refusals that mean no more than that today's model does not know it: an older one may."""


def _older(
    request: WireRequest, scope: CredentialScope, headers: dict[str, str], prefix: str, target: str
) -> Identified | None:
    """What a client of an older release means: the newest release that reads all of it. None when none does."""
    for release in load().older.get(scope.signing_name, ()):
        entries = tuple([entry for entry in release if not prefix or entry.service == prefix])
        try:
            if entries:
                return _read(entries, request, headers, target)
        except UnmodelledError as error:
            if error.code not in _FORGOTTEN:
                raise
    return None


def _read(
    entries: tuple[Entry, ...], request: WireRequest, headers: dict[str, str], target: str
) -> Identified:
    if headers.get("smithy-protocol"):
        return _rpc_cbor(entries, request, headers, target)
    if "x-amz-target" in headers:
        return _json(entries, request, headers, target)
    if any(set(entry.protocols) & {"query", "ec2"} for entry in entries) and _is_form(headers, target):
        return _query(entries, request, headers, target)
    rests = [entry for entry in entries if set(entry.protocols) & REST]
    if not rests and _is_form(headers, target):
        refuse(
            "old-protocol",
            f"{entries[0].service} is asked in the form of older SDKs, which its model no longer has",
        )
    if not rests:
        refuse("unidentified", "the request names no operation")
    return _rest(tuple(entry.key for entry in rests), request, headers, target)


_ONCE: Final = (
    "x-amz-",
    "x-amzn-",
    "content-type",
    "content-length",
    "content-encoding",
    "host",
    "authorization",
    "smithy-protocol",
)
"""Headers that decide something: given twice, two readers may take two different ones."""


def _headers(request: WireRequest) -> dict[str, str]:
    for name in request.twice:
        if name.startswith(_ONCE):
            refuse("duplicate-header", f"the header {name[:60]!r} stands twice")
    return request.by_name


def _whole(request: WireRequest, headers: dict[str, str], *, gzip: bool = False) -> bytes:
    """The body, unpacked where the model lets the operation's body be packed."""
    if request.body is None:
        refuse("streamed", "this operation's body must be read whole")
    coding = headers.get("content-encoding", "")
    if not coding or (coding := coding.strip().lower()) in {"", "identity"}:
        return request.body
    if coding != "gzip" or not gzip:
        refuse("encoded", f"this operation takes no body that is encoded as {coding[:40]!r}")
    unpacking = zlib.decompressobj(wbits=31)
    try:
        body = unpacking.decompress(request.body, UNPACKED_BYTES_MAX)
    except zlib.error:
        refuse("encoded", "the body is no gzip")
    if not unpacking.eof or unpacking.unused_data:
        refuse("encoded", f"the body is no single gzip of at most {UNPACKED_BYTES_MAX:,} bytes")
    return body


def _root_only(target: str) -> None:
    if target.partition("?")[0] not in {"/", ""} or target.partition("?")[2]:
        refuse(
            "mixed-protocols",
            f"an operation named in a header takes no path or query, but {target[:60]!r} is given",
        )


def _named(
    entries: tuple[Entry, ...], operation: str, fits: Callable[[Entry], bool]
) -> list[tuple[Entry, Op]]:
    """The services among `entries` that have the operation."""
    return [
        (entry, op)
        for entry in entries
        if fits(entry)
        for op in [load().service(entry.key).operations.get(operation)]
        if op is not None
    ]


def _choose(found: list[T], read: Callable[[T], Identified], what: str) -> Identified:
    """The one reading. Of siblings behind one signing name only those count that know all that is given; of several such
    the one that is named like the signing name (rds, of rds, docdb and neptune, which share IAM actions).
    """
    if not found:
        refuse("unidentified", f"no service of this signing name has {what[:80]!r}")
    if len(found) == 1:
        return read(found[0])
    made: list[Identified] = []
    doubts: list[UnmodelledError] = []
    for candidate in found:
        try:
            made.append(read(candidate))
        except UnmodelledError as error:
            doubts.append(error)
    if not made:
        raise doubts[0]
    entries = load().entries
    own = [one for one in made if one.service in entries and one.service == entries[one.service].signing_name]
    for few in (made, own):
        if len(few) == 1:
            return few[0]
    names = sorted({f"{one.service}:{one.operation}" for one in made})
    refuse("ambiguous", f"the request could be one of {', '.join(names)}")


def _json(
    entries: tuple[Entry, ...], request: WireRequest, headers: dict[str, str], target: str
) -> Identified:
    _root_only(target)
    if request.method != "POST":
        refuse("mixed-protocols", f"an operation named in a header is sent by POST, not {request.method}")
    if headers.get("content-type", "").startswith(FORM):
        refuse("mixed-protocols", "an operation named in a header does not take a form")
    name = headers["x-amz-target"]
    named = (_by_target if len(name) <= TARGET_KEPT_CHARS_MAX else _by_target.__wrapped__)(
        tuple([entry.key for entry in entries]), name
    )

    def read(candidate: tuple[Entry, Op]) -> Identified:
        entry, op = candidate
        if len(headers) <= NAMES_KEPT_MAX:
            accounted_names(tuple(headers), op.name)
        else:
            accounted(headers, op.name)
        body = _whole(request, headers, gzip=op.gzip)
        document = strict_json(body, "the body") if body.strip() else {}
        return Identified(entry.service, op.name, "json", _walk(entry, op, document), target)

    return _choose(named, read, name)


@lru_cache(maxsize=1_024)
def _by_target(keys: tuple[str, ...], name: str) -> list[tuple[Entry, Op]]:
    """The operations that an x-amz-target names among these services. A matter of names alone: the table never changes."""
    prefix, _, action = name.rpartition(".")

    def fits(entry: Entry) -> bool:
        return entry.target_prefix == prefix and "json" in entry.protocols

    return _named(tuple([load().by_key[key] for key in keys]), action, fits)


def _rpc_cbor(
    entries: tuple[Entry, ...], request: WireRequest, headers: dict[str, str], target: str
) -> Identified:
    if headers["smithy-protocol"] != "rpc-v2-cbor" or "x-amz-target" in headers or request.method != "POST":
        refuse("mixed-protocols", "this is no request of smithy-rpc-v2-cbor")
    parts = target.split("/")
    if len(parts) != 5 or parts[1] != "service" or parts[3] != "operation" or "?" in target:
        refuse("unidentified", f"{target[:60]!r} is no path of smithy-rpc-v2-cbor")

    def read(candidate: tuple[Entry, Op]) -> Identified:
        entry, op = candidate
        accounted(headers, op.name)
        body = _whole(request, headers, gzip=op.gzip)
        document = cbor.decode(body) if body else {}
        return Identified(entry.service, op.name, "smithy-rpc-v2-cbor", _walk(entry, op, document), target)

    def fits(entry: Entry) -> bool:
        return entry.target_prefix == parts[2] and "smithy-rpc-v2-cbor" in entry.protocols

    return _choose(_named(entries, parts[4], fits), read, parts[4])


def _walk(entry: Entry, op: Op, document: Any) -> dict[str, Any]:
    service = load().service(entry.key)
    shape = service.input(op.name)
    if shape is None and document:
        refuse("unmodelled", f"{op.name} takes no parameters")
    found: dict[str, Any] = tree.walk(service, shape, document, "the body") if shape else {}
    return found


def _is_form(headers: dict[str, str], target: str) -> bool:
    return headers.get("content-type", "").startswith(FORM) or "Action=" in target


def _query(
    entries: tuple[Entry, ...], request: WireRequest, headers: dict[str, str], target: str
) -> Identified:
    path, _, in_target = target.partition("?")
    if request.method not in {"GET", "POST"}:
        refuse("mixed-protocols", f"an action is sent by POST or GET, not {request.method[:20]}")
    body = _whole(request, headers)
    in_body = request.method == "POST"
    if request.method == "GET" and body:
        refuse("mixed-protocols", "a GET with a body has two meanings")
    if "+" in in_target:
        refuse("ambiguous", "a bare + in the query has two readings")
    given = form.pairs(body.decode("utf-8") if in_body else in_target, "the form")
    action, version = given.get("Action", ""), given.get("Version", "")
    if in_body and in_target and not all(form.named_twice(one.service, action, in_target) for one in entries):
        refuse("mixed-protocols", "an action stands in the body or in the URL, not in both")

    def read(candidate: tuple[Entry, Op]) -> Identified:
        entry, op = candidate
        accounted(headers, op.name)
        service = load().service(entry.key)
        ec2 = "ec2" in entry.protocols
        parameters = form.parse(service, service.input(op.name), given, ec2=ec2)
        if path not in {"/", ""}:
            refuse("mixed-protocols", f"an action takes no path, but {path[:60]!r} is given")
        return Identified(entry.service, op.name, "ec2" if ec2 else "query", parameters, target)

    def fits(entry: Entry) -> bool:
        return entry.version == version and bool(set(entry.protocols) & {"query", "ec2"})

    return _choose(_named(entries, action, fits), read, f"{action} of version {version}")


@cache
def _routes(keys: tuple[str, ...]) -> Routes:
    routes = Routes()
    for key in keys:
        routes.add(load().by_key[key], load().service(key))
    return routes


def _rest(keys: tuple[str, ...], request: WireRequest, headers: dict[str, str], target: str) -> Identified:
    if any(load().by_key[key].service == "s3" for key in keys):
        target = _BUCKET_ALONE.sub(r"\1\2", target)
    path, _, query_text = target.partition("?")
    method, body = request.method, request.body
    if form.is_query(method, target, headers.get("content-type", "")):
        method, query_text, body = "GET", _whole(request, headers).decode("ascii"), b""
        headers = {name: value for name, value in headers.items() if name != "content-type"}
    query: dict[str, list[str]] = {}
    for key, value in query_pairs(query_text):
        query.setdefault(key, []).append(value)
    found = [candidate for candidate in _routes(keys).find(method, path) if _fits(candidate, query, headers)]

    def read(candidate: Found) -> Identified:
        route = candidate.route
        entry = route.entry
        if entry.service == "s3" and not _BUCKET.match(candidate.labels.get("Bucket", "-")):
            refuse("bad-value", "the path names a bucket that no bucket can be called")
        literal = {key for key, _ in route.literal_query} | {"x-id"}
        left = {key: values for key, values in query.items() if key not in literal}
        protocol = next(name for name in entry.protocols if name in REST)
        parameters, streamed = rest.parse(
            load().service(entry.key),
            route.op,
            candidate.labels,
            left,
            headers,
            body,
            as_xml=protocol == "rest-xml",
        )
        return Identified(entry.service, route.op.name, protocol, parameters, target, streamed)

    asked = "&".join(sorted(query))
    what = f"{method[:20]} {path[:40]}{'?' if asked else ''}{asked}"
    return _choose(_most_specific(found, query), read, what)


def _fits(candidate: Found, query: dict[str, list[str]], headers: dict[str, str]) -> bool:
    route = candidate.route
    literal = {key for key, _ in route.literal_query}
    if any(query.get(key) != [value] for key, value in route.literal_query):
        return False
    if query.get("x-id", [route.op.name]) != [route.op.name]:  # some SDKs name the operation there
        return False
    if not route.required_query <= query.keys() or not route.required_headers <= headers.keys():
        return False
    known = route.known_query | literal | {"x-id"}
    return route.open_query or query.keys() <= known


def _most_specific(found: list[Found], query: dict[str, list[str]]) -> list[Found]:
    """The candidates that ask the most of the request; more than one where sibling services have the same."""

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

    weights = [weight(candidate) for candidate in found]
    return [candidate for candidate, own in zip(found, weights, strict=True) if own == max(weights)]
