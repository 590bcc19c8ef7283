"""Build the table of references: which property of which CloudFormation type names which other type, as cfn-lint types them.

``references.bin`` is zlib over JSON: by type, by the type that is named, the paths of properties as one line. A list and its entries
are one path, with a star at its end.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from tools.catalogue.build_replacements import SCHEMAS

DEPTH_MAX: Final = 12
"""Schemas refer to themselves; nothing that is named stands deeper."""

_SAME: Final = {
    "AWS::ACM::Certificate": "AWS::CertificateManager::Certificate",
    "AWS::Elasticsearch::Domain": "AWS::OpenSearchService::Domain",
}
"""Types that cfn-lint names in two ways."""


def _named(node: dict[str, Any]) -> Iterator[str]:
    """Types that the schema of one value names: by cfn-lint's format, or by AWS's own relationshipRef."""
    form = node.get("format")
    if isinstance(form, str) and form.startswith("AWS::"):
        yield form.partition(".")[0]
    relation = node.get("relationshipRef")
    if isinstance(relation, dict):
        yield str(relation["typeName"])


def _references(
    schema: dict[str, Any], node: Any, path: str, seen: tuple[str, ...] = ()
) -> Iterator[tuple[str, str]]:
    """(path, type) of everything below `node`."""
    if not isinstance(node, dict) or path.count("/") > DEPTH_MAX:
        return
    inner = node.get("$ref", "").rpartition("/")[2]
    if inner and inner not in seen:
        yield from _references(schema, schema.get("definitions", {}).get(inner), path, (*seen, inner))
    for target in _named(node):
        yield path, _SAME.get(target, target)
    for name, value in (node.get("properties") or {}).items():
        yield from _references(schema, value, f"{path}/{name}" if path else name, seen)
    if isinstance(node.get("items"), dict):
        yield from _references(schema, node["items"], f"{path}/*", seen)
    for several in ("anyOf", "oneOf", "allOf"):
        for value in node.get(several) or []:
            yield from _references(schema, value, path, seen)


def build(path: Path) -> dict[str, Any]:
    """Write the table; returns figures."""
    types: dict[str, dict[str, str]] = {}
    count = 0
    for file in sorted(SCHEMAS.glob("*.json")):
        schema = json.loads(file.read_text(encoding="utf-8"))
        found = set(_references(schema, {"properties": schema.get("properties", {})}, ""))
        own = {_own(where) for where in schema.get("readOnlyProperties", [])}
        told: dict[str, list[str]] = {}
        for where, target in sorted(found):
            listed = (f"{where}/*", target) in found  # the list, and each of its entries: said once
            if not listed and where not in own:  # what the service gives it is what it is, not what it names
                told.setdefault(target, []).append(where)
                count += 1
        if told:
            types[schema["typeName"]] = {target: " ".join(paths) for target, paths in told.items()}
    body = {"meta": f"cfn-lint {version('cfn-lint')}", "types": types}
    data = zlib.compress(json.dumps(body, separators=(",", ":")).encode(), 9)
    path.write_bytes(data)
    return {"types": len(types), "references": count, "bytes": len(data)}


def _own(where: str) -> str:
    return where.removeprefix("/properties/").replace("/properties/", "/")
