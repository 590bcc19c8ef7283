"""PartiQL for DynamoDB: which table a statement is about. Total.

A statement knows one table (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.html); an index stands behind it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

OPERATIONS: Final = {
    "ExecuteStatement": "",
    "BatchExecuteStatement": "Statements",
    "ExecuteTransaction": "TransactStatements",
}
"""Operation -> where its statements are; empty: the request is one."""

_TABLE: Final = re.compile(
    r"""\s*(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|SELECT\s[^'"]*?\sFROM)\s+(?:"([^"]{3,255})"|([\w.-]{3,255}))(?=[\s.]|$)""",
    re.IGNORECASE,
)


def tables(operation: str, parameters: Mapping[str, Any]) -> list[str]:
    """The tables that the statements name; none where one of them names none that can be read, and of any other operation."""
    if operation not in OPERATIONS:
        return []
    place = OPERATIONS[operation]
    listed = parameters.get(place) if place else [parameters]
    texts = [one.get("Statement") if isinstance(one, Mapping) else None for one in listed or ()]
    found = [_TABLE.match(text) if isinstance(text, str) else None for text in texts]
    named = {one[1] or one[2].partition(".")[0] for one in found if one is not None}
    return sorted(named) if all(found) else []
