"""Nothing in a request goes unaccounted: whatever is added to it, doubled or bent is refused, or stands in the parameters.

The claim is that reading loses nothing: two requests that are read as the same have the same content, by readers that know no
model (JSON, CBOR, a form's pairs, canonical XML, path segments, query pairs, headers). So what was judged is what is sent.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode
from xml.etree import ElementTree as ET

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyturn.providers.aws.protocols import cbor
from keyturn.providers.aws.wire import CredentialScope, Identified, WireRequest, identify
from tests.wire import oracle

SUBJECTS = {
    "json": [
        ("dynamodb", "UpdateTable"),
        ("ssm", "PutParameter"),
        ("kms", "CreateKey"),
        ("sqs", "CreateQueue"),
    ],
    "smithy-rpc-v2-cbor": [("cloudwatch", "PutMetricAlarm"), ("cloudwatch", "PutMetricData")],
    "query": [
        ("iam", "CreateRole"),
        ("rds", "ModifyDBInstance"),
        ("cloudformation", "CreateStack"),
        ("sns", "SetTopicAttributes"),
    ],
    "ec2": [("ec2", "RunInstances"), ("ec2", "ModifyVpcAttribute"), ("ec2", "TerminateInstances")],
    "rest-json": [
        ("lambda", "UpdateFunctionConfiguration"),
        ("apigateway", "UpdateStage"),
        ("batch", "TagResource"),
        ("eks", "DeleteCluster"),
    ],
    "rest-xml": [
        ("s3", "PutBucketLifecycleConfiguration"),
        ("s3", "PutBucketAcl"),
        ("route53", "ChangeResourceRecordSets"),
        ("cloudfront", "CreateInvalidation"),
        ("s3", "DeleteObjects"),
    ],
}
ODD = ["", "x", "é", "7", "-1", "true", "null", "a.b", "../..", "%2F", " ", "Action", "member", "1"]

Made = tuple[WireRequest, CredentialScope]
Pairs = list[tuple[str, str]]


def subject(protocol: str, service: str, operation: str) -> Made:
    given_ = oracle.parameters(oracle.model(service).operation_model(operation).input_shape, full=True)
    request, scope = oracle.request(service, operation, given_, protocol)
    headers = tuple(pair for pair in request.headers if pair[0] != "content-length")
    return msgspec.structs.replace(request, headers=headers), scope


# --- readers that know no model --------------------------------------------------------------------------------------


def content(protocol: str, request: WireRequest) -> Any:
    """Everything that is in a request but how its bytes were written."""
    path, _, query = request.target.partition("?")
    if protocol == "rest-xml" and path.count("/") == 2 and path.endswith("/"):
        path = path[
            :-1
        ]  # a bucket, as S3 and the SDK for JavaScript write it: it is sent on without the slash
    headers = sorted(pair for pair in request.headers if pair[0] not in {"accept", "content-type"})
    place = (request.method, [unquote(part) for part in path.split("/")], sorted(parse_qsl(query, True)))
    return place, headers, _document(protocol, request.body or b"")


def _document(protocol: str, body: bytes) -> Any:
    if not body.strip():
        return None
    if protocol == "rest-json" and body == b"{}":
        return None  # some clients send it where there is nothing to say
    if protocol in {"query", "ec2"}:
        return sorted((key, _plain(value)) for key, value in parse_qsl(body.decode(), True))
    if protocol == "rest-xml":
        return ET.canonicalize(body.decode(), strip_text=False)
    found = cbor.decode(body) if "cbor" in protocol else json.loads(body)
    return oracle.plain(_without_none(found))


def _plain(text: str) -> str:
    """True and true are one; every other difference counts."""
    return text.lower() if text.lower() in {"true", "false"} else text


def _without_none(value: Any) -> Any:
    """A member that is null is a member that is not given (smithy.io, the JSON protocols)."""
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    return [_without_none(inner) for inner in value] if isinstance(value, list) else value


# --- what is done to it ----------------------------------------------------------------------------------------------


def bent_pairs(pairs: Pairs, dice: random.Random) -> Pairs:
    made = list(pairs)
    place = dice.randrange(len(made)) if made else 0
    key, value = made[place] if made else ("a", "b")
    match dice.randrange(8):
        case 0:
            made.insert(place, (dice.choice(ODD) or "y", dice.choice(ODD)))
        case 1:
            made.insert(place, (key, value))
        case 2:
            made.insert(place, (key, dice.choice(ODD)))
        case 3:
            made[place : place + 1] = [(key.swapcase(), value)]
        case 4:
            made[place : place + 1] = [(key, value + dice.choice(ODD))]
        case 5:
            made.insert(place, (f"{key}.{dice.choice(['1', '2', 'member.1', 'x', 'entry.1.key'])}", value))
        case 6:
            made.insert(place, (key.rpartition(".")[0] or "z", dice.choice(ODD)))
        case _:
            made[place : place + 1] = []
    return made


def bent_tree(tree: Any, dice: random.Random) -> Any:
    made = copy.deepcopy(tree)
    places: list[Any] = []

    def gather(node: Any) -> None:
        if isinstance(node, (dict, list)):
            places.append(node)
            for inner in node.values() if isinstance(node, dict) else node:
                gather(inner)

    gather(made)
    node = dice.choice(places)
    keys: list[Any] = list(node) if isinstance(node, dict) else list(range(len(node)))
    key = dice.choice(keys) if keys else None
    match dice.randrange(6):
        case 0 if isinstance(node, dict):
            node[dice.choice([*ODD, "__type", "__proto__"])] = dice.choice([1, "x", {}, [], True])
        case 0:
            node.append(dice.choice([1, "x", {}, [], None]))
        case 1 if isinstance(node, dict) and key is not None:
            node[str(key).swapcase()] = node.pop(key)
        case 2 if key is not None:
            node[key] = [node[key]]
        case 3 if key is not None:
            node[key] = {"x": node[key]}
        case 4 if key is not None:
            node[key] = dice.choice([0, -1, 2.5, "x", "", True, False, [], {}, "2026-01-01"])
        case _ if key is not None:
            del node[key]
    return made


def bent_xml(body: bytes, dice: random.Random) -> bytes:
    root = ET.fromstring(body)  # noqa: S314  # ours
    nodes = list(root.iter())
    parents = [node for node in nodes if len(node)]
    node = dice.choice(nodes)
    space = root.tag.rpartition("}")[0] + "}" if root.tag.startswith("{") else ""
    parent = dice.choice(parents) if parents else root
    child = dice.choice(list(parent)) if len(parent) else node
    match dice.randrange(9):
        case 0:
            ET.SubElement(node, space + dice.choice(["Extra", "member", "key", "value", "Key"])).text = "x"
        case 1:
            parent.append(copy.deepcopy(child))
        case 2:
            node.tag = space + node.tag.rpartition("}")[2].swapcase()
        case 3:
            node.set(dice.choice(["a", "type", "{urn:x}type"]), "x")
        case 4:
            node.text = (node.text or "") + dice.choice(["x", "7", "true"])
        case 5:
            child.tail = "x"
        case 6:
            node.tag = "{urn:x}" + node.tag.rpartition("}")[2]
        case 7:
            other = ET.SubElement(parent, child.tag)
            other.text = "x"
        case _:
            parent.remove(child) if len(parent) else None
    return ET.tostring(root)


def bent_body(protocol: str, request: WireRequest, dice: random.Random) -> WireRequest:
    body = request.body or b""
    if protocol in {"query", "ec2"}:
        new = urlencode(bent_pairs(parse_qsl(body.decode(), True), dice)).encode()
    elif protocol == "rest-xml":
        new = bent_xml(body or b"<x/>", dice)
    elif "cbor" in protocol:
        new = _cbor(bent_tree(cbor.decode(body), dice))
    else:
        new = json.dumps(bent_tree(json.loads(body or b"{}"), dice)).encode()
        if dice.random() < 0.2:
            new = _twice(new, dice)
    return msgspec.structs.replace(request, body=new)


def _cbor(value: Any) -> bytes:
    """Moments become what a moment is there: seconds, under tag 1."""
    if isinstance(value, dict):
        return b"\xbf" + b"".join(cbor.encode(key) + _cbor(item) for key, item in value.items()) + b"\xff"
    if isinstance(value, list):
        return b"\x9f" + b"".join(_cbor(item) for item in value) + b"\xff"
    return b"\xc1" + cbor.encode(value.timestamp()) if hasattr(value, "timestamp") else cbor.encode(value)


def _twice(text: bytes, dice: random.Random) -> bytes:
    """A key of the outermost object once more."""
    known = json.loads(text)
    key = dice.choice(list(known)) if known else "x"
    again = json.dumps({key: dice.choice([1, "x", known.get(key)])}).encode()
    return text[:-1] + (b", " if known else b"") + again[1:]


def bent_query(request: WireRequest, dice: random.Random) -> WireRequest:
    path, _, query = request.target.partition("?")
    pairs = bent_pairs(parse_qsl(query, True), dice)
    if dice.random() < 0.2:
        pairs.append(
            dice.choice(
                [("Action", "DeleteRole"), ("Version", "1"), ("x-id", "GetObject"), ("X-Amz-Target", "x")]
            )
        )
    return msgspec.structs.replace(request, target=path + "?" + urlencode(pairs, quote_via=quote))


def bent_path(request: WireRequest, dice: random.Random) -> WireRequest:
    path, mark, query = request.target.partition("?")
    parts = path.split("/")
    place = dice.randrange(len(parts))
    match dice.randrange(6):
        case 0:
            parts.insert(place, dice.choice(["", ".", "..", "x", "%2F"]))
        case 1:
            parts[place] = parts[place].swapcase()
        case 2:
            parts.append("")
        case 3:
            parts[place] += dice.choice(["%00", ";x", "%20", ".", "x", "%2e%2e"])
        case 4:
            parts[place] = quote(parts[place], safe="")
        case _:
            del parts[place]
    return msgspec.structs.replace(request, target=("/".join(parts) or "/") + mark + query)


HEADERS = [
    ("x-amz-surprise", "1"),
    ("x-amzn-surprise", "1"),
    ("x-amz-target", "DynamoDB_20120810.DeleteTable"),
    ("smithy-protocol", "rpc-v2-cbor"),
    ("x-amz-acl", "public-read"),
    ("x-amz-copy-source", "/other/key"),
    ("x-amz-meta-a", "b"),
    ("x-http-method-override", "DELETE"),
    ("x-method-override", "DELETE"),
    ("x-original-url", "/elsewhere"),
    ("content-encoding", "gzip"),
    ("content-encoding", "deflate"),
]


def bent_headers(request: WireRequest, dice: random.Random) -> WireRequest:
    headers = list(request.headers)
    extra = dice.choice(HEADERS) if dice.random() < 0.8 or not headers else dice.choice(headers)
    headers.insert(dice.randrange(len(headers) + 1), extra)
    return msgspec.structs.replace(request, headers=tuple(headers))


def bent_method(request: WireRequest, dice: random.Random) -> WireRequest:
    return msgspec.structs.replace(
        request, method=dice.choice(["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "post", "OPTIONS"])
    )


BENDS: list[tuple[str, int, Callable[[str, WireRequest, random.Random], WireRequest]]] = [
    ("body", 10, bent_body),
    ("query", 4, lambda _, request, dice: bent_query(request, dice)),
    ("path", 4, lambda _, request, dice: bent_path(request, dice)),
    ("headers", 4, lambda _, request, dice: bent_headers(request, dice)),
    ("method", 1, lambda _, request, dice: bent_method(request, dice)),
]


def unaccounted(protocol: str, made: Made, bend: str, dice: random.Random) -> str:
    """What was lost in reading the bent request; empty when nothing was."""
    request, scope = made
    change = next(change for name, _, change in BENDS if name == bend)
    bent = change(protocol, request, dice)
    before, after = identify(request, scope), identify(bent, scope)
    assert isinstance(before, Identified), before
    if not isinstance(after, Identified):
        assert after.code
        assert after.reason
        return ""
    same = (before.service, before.operation) == (after.service, after.operation)
    if not same or oracle.plain(before.parameters) != oracle.plain(after.parameters):
        return ""
    if content(protocol, request) == content(protocol, bent):
        return ""
    return f"{bend}: {bent.method} {bent.target} {bent.headers} {bent.body!r}"


@pytest.mark.parametrize("protocol", SUBJECTS)
@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_what_is_added_or_bent_is_refused_or_seen(protocol: str, data: st.DataObject) -> None:
    """In all six protocols, in every part of a request."""
    service, operation = data.draw(st.sampled_from(SUBJECTS[protocol]))
    bend = data.draw(st.sampled_from([name for name, weight, _ in BENDS for _ in range(weight)]))
    dice = data.draw(st.randoms(use_true_random=False))
    assert unaccounted(protocol, subject(protocol, service, operation), bend, dice) == ""
