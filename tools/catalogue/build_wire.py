"""Build the wire table: what it takes to read any AWS request, from botocore's models.

Layout of ``wire.bin``: 8 bytes magic, 4 bytes length of the index, the index (zlib over JSON), then one zlib block a service.
The index holds what routes a request to a service; a block holds its operations and the shapes their inputs reach.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import botocore
from botocore.loaders import Loader

MAGIC = b"KTWIRE01"


def build(target: Path) -> dict[str, Any]:
    """Write the table to `target`; returns figures for the report."""
    loader = Loader()
    index: dict[str, Any] = {}
    blocks: list[bytes] = []
    offset = operations = 0
    for service in loader.list_available_services("service-2"):
        model = loader.load_service_model(service, "service-2")
        meta = model["metadata"]
        block = zlib.compress(_dumps(_service(model)), 9)
        signing = meta.get("signingName") or meta["endpointPrefix"]
        index[service] = [
            signing,
            meta["endpointPrefix"],
            meta.get("protocols") or [meta["protocol"]],
            meta["apiVersion"],
            meta.get("targetPrefix", ""),
            offset,
            len(block),
            1 if "awsQueryCompatible" in meta else 0,
        ]
        blocks.append(block)
        offset += len(block)
        operations += len(model["operations"])
    head = zlib.compress(_dumps({"botocore": botocore.__version__, "services": index}), 9)
    target.write_bytes(MAGIC + len(head).to_bytes(4, "big") + head + b"".join(blocks))
    return {"services": len(index), "operations": operations, "bytes": target.stat().st_size}


def _dumps(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _service(model: dict[str, Any]) -> dict[str, Any]:
    shapes = model["shapes"]
    needed: dict[str, Any] = {}
    operations = {}
    for name, operation in model["operations"].items():
        given = operation.get("input", {})
        http = operation["http"]
        entry: dict[str, Any] = {"m": http.get("method", "POST"), "u": http.get("requestUri", "/")}
        if given:
            entry["i"] = given["shape"]
            if "locationName" in given:
                entry["w"] = given["locationName"]
            _reach(given["shape"], shapes, needed)
        if operation.get("deprecated"):
            entry["d"] = 1
        if operation.get("authtype") == "none" or operation.get("auth") == ["smithy.api#noAuth"]:
            entry["n"] = 1
        if "gzip" in operation.get("requestcompression", {}).get("encodings", ()):
            entry["z"] = 1
        operations[name] = entry
    return {"o": operations, "s": needed}


def _reach(name: str, shapes: dict[str, Any], needed: dict[str, Any]) -> None:
    if name in needed:
        return
    shape = shapes[name]
    needed[name] = _compact(shape)
    for inner in _inner(shape):
        _reach(inner, shapes, needed)


def _inner(shape: dict[str, Any]) -> Iterable[str]:
    for member in shape.get("members", {}).values():
        yield member["shape"]
    for key in ("member", "key", "value"):
        if key in shape:
            yield shape[key]["shape"]


_FLAGS = {"streaming": "st", "jsonvalue": "jv", "idempotencyToken": "it", "flattened": "fl"}


def _compact(shape: dict[str, Any]) -> dict[str, Any]:
    kind = shape["type"]
    entry: dict[str, Any] = {"t": kind}
    for key, short in (
        ("sensitive", "se"),
        ("flattened", "fl"),
        ("streaming", "st"),
        ("union", "un"),
        ("eventstream", "es"),
        ("document", "do"),
    ):
        if shape.get(key):
            entry[short] = 1
    if "timestampFormat" in shape:
        entry["tf"] = shape["timestampFormat"]
    if kind == "structure":
        entry["m"] = {name: _member(member) for name, member in shape["members"].items()}
        if shape.get("required"):
            entry["r"] = shape["required"]
        if "payload" in shape:
            entry["p"] = shape["payload"]
    if kind == "list":
        entry["e"] = _member(shape["member"])
    if kind == "map":
        entry["k"], entry["v"] = _member(shape["key"]), _member(shape["value"])
    return entry


def _member(member: dict[str, Any]) -> Any:
    extra: dict[str, Any] = {}
    if "location" in member:
        extra["l"] = member["location"]
    if "locationName" in member:
        extra["n"] = member["locationName"]
    if "queryName" in member:
        extra["q"] = member["queryName"]
    if "timestampFormat" in member:
        extra["tf"] = member["timestampFormat"]
    if member.get("xmlAttribute"):
        extra["xa"] = 1
    for key, short in _FLAGS.items():
        if member.get(key):
            extra[short] = 1
    return [member["shape"], extra] if extra else [member["shape"]]
