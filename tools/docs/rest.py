"""docs/reference/api.md, from the API's own description."""

from __future__ import annotations

from typing import Any

from keyturn.console.openapi import ROWS, description, roles_of, short
from tools.docs.source import cell, generated, table


def page() -> str:
    """Every route with what it takes, who may, and what it answers; every type with its fields."""
    document = description()
    rows = []
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            row = ROWS[method.upper(), short(path)]
            queries = [f"`{one['name']}`" for one in told.get("parameters", []) if one["in"] == "query"]
            takes = [_named(told["requestBody"]["content"]["application/json"]["schema"])] if row.body else []
            answer = next(iter(told["responses"]["200"]["content"].items()))
            gives = _named(answer[1]["schema"]) if answer[0] == "application/json" else f"`{answer[0]}`"
            needs = " or ".join(roles_of(method.upper(), path)) or (
                "nobody" if short(path) == "/login" else "whoever is logged in"
            )
            takes_all = ", ".join([*queries, *takes])
            rows.append((f"`{method.upper()} {path}`", cell(told["summary"]), needs, takes_all, gives))
    statuses: dict[str, str] = {}
    for methods in document["paths"].values():
        for told in methods.values():
            statuses |= {status: one["description"] for status, one in told["responses"].items()}
    parts = [
        (
            "JSON in, JSON out, under a token: `POST /api/v1/login` exchanges what an administrator gave you for one that lasts the day, "
            "and it goes with each request as `Authorization: Bearer kt_...`. A `POST` says `Content-Type: application/json`. Times are "
            "milliseconds since 1970. An answer may grow fields; none goes.\n"
        ),
        (
            "The description for programs (OpenAPI 3.1) is at `/api/v1/openapi.json`, and `keyturn api --openapi` prints it with nothing "
            "running. `keyturn api /cases?open=1` asks for a path with your login.\n"
        ),
        table(("route", "what it does", "for", "takes", "answers"), rows),
        "## Answers that are none\n",
        'Each is `{"error": {"code", "message", "help"}}`; the codes are in [the list of errors](errors.md).\n',
        table(
            ("status", "when"),
            sorted((status, words) for status, words in statuses.items() if status != "200"),
        ),
        "## Types\n",
    ]
    for name, schema in sorted(document["components"]["schemas"].items()):
        parts += _type(name, schema)
    return generated("The API", "src/keyturn/console/openapi.py", "\n".join(parts))


def _named(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_named(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        inner = schema.get("items") or {}
        return f"list of {_named(inner)}" if inner else "list"
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    if schema.get("type") == "object" and schema.get("additionalProperties"):
        inner = schema["additionalProperties"]
        return f"object of {_named(inner)}" if isinstance(inner, dict) and inner else "object"
    return str(schema.get("type", "anything"))


def _type(name: str, schema: dict[str, Any]) -> list[str]:
    said = " ".join(str(schema.get("description", "")).split())
    if "properties" not in schema:
        return [f"### {name}\n", *([f"{said}\n"] if said else []), f"{_named(schema)}\n"]
    required = set(schema.get("required", ()))
    rows = [
        (f"`{field}`", cell(_named(one)), "" if field in required else "may be left out")
        for field, one in schema["properties"].items()
    ]
    return [f"### {name}\n", *([f"{cell(said)}\n"] if said else []), table(("field", "type", ""), rows)]
