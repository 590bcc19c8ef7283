"""Build the wire table: what it takes to read any AWS request, from botocore's models.

Layout of ``wire.bin``: 8 bytes magic, 4 bytes length of the index, the index (zlib over JSON), then one zlib block a service.
The index holds what routes a request to a service; a block holds its operations and the shapes their inputs reach. What older releases
say otherwise stands under ``service@release`` (`tools.catalogue.older`).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import botocore
from botocore.loaders import Loader

from tools.catalogue import older

MAGIC = b"KTWIRE01"


def build(target: Path, wheels: Path) -> dict[str, Any]:
    """Write the table to `target`; `wheels` keeps what is fetched of older releases. Returns figures for the report."""
    loader = Loader()
    newest = {
        service: loader.load_service_model(service, "service-2")
        for service in loader.list_available_services("service-2")
    }
    older_ones = list(older.kept(newest, wheels))
    index: dict[str, Any] = {}
    blocks: list[bytes] = []
    offset = 0
    for key, model in [
        *newest.items(),
        *((f"{service}@{release}", model) for service, release, model in older_ones),
    ]:
        block = zlib.compress(_dumps(_service(model)), 9)
        compatible = 1 if "awsQueryCompatible" in model["metadata"] else 0
        index[key] = [*older.entry(model), offset, len(block), compatible]
        blocks.append(block)
        offset += len(block)
    body = {"botocore": botocore.__version__, "older": older.RELEASES, "services": index}
    head = zlib.compress(_dumps(body), 9)
    target.write_bytes(MAGIC + len(head).to_bytes(4, "big") + head + b"".join(blocks))
    return {
        "services": len(newest),
        "operations": sum(len(model["operations"]) for model in newest.values()),
        "older": sum(len(model["operations"]) for _, _, model in older_ones),
        "bytes": target.stat().st_size,
    }


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
        if "hostPrefix" in operation.get("endpoint", {}):
            entry["h"] = operation["endpoint"]["hostPrefix"]
        operations[name] = entry
    return {"o": operations, "s": needed}


def _reach(name: str, shapes: dict[str, Any], needed: dict[str, Any]) -> None:
    if name in needed:
        return
    shape = shapes[name]
    needed[name] = _compact(shape, shapes)
    for inner in _inner(shape):
        _reach(inner, shapes, needed)


def _inner(shape: dict[str, Any]) -> Iterable[str]:
    for member in shape.get("members", {}).values():
        yield member["shape"]
    for key in ("member", "key", "value"):
        if key in shape:
            yield shape[key]["shape"]


_FLAGS = {"streaming": "st", "jsonvalue": "jv", "idempotencyToken": "it", "flattened": "fl"}


def _compact(shape: dict[str, Any], shapes: dict[str, Any]) -> dict[str, Any]:
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
        entry["m"] = {name: _member(member, shapes) for name, member in shape["members"].items()}
        if shape.get("required"):
            entry["r"] = shape["required"]
        if "payload" in shape:
            entry["p"] = shape["payload"]
    if kind == "list":
        entry["e"] = _member(shape["member"], shapes)
    if kind == "map":
        entry["k"], entry["v"] = _member(shape["key"], shapes), _member(shape["value"], shapes)
    return entry


def _member(bare: dict[str, Any], shapes: dict[str, Any]) -> Any:
    """A reference to a shape. A name that the shape itself has holds where the reference gives none, as botocore reads it."""
    named = {
        key: value for key, value in shapes[bare["shape"]].items() if key in {"locationName", "queryName"}
    }
    member = named | bare
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
