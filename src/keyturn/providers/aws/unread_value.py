"""What stands for a value that is in a request and could not be read: a file that a command names and nobody here has.

It is given, and not known. Rules find something there, of the kind that the member takes, and say of what lies in it that they cannot
tell; what names resources leaves it out. A mark only ever worsens: nothing is read, lowered or named by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_TEXT: Final = "<not read: "
_KEY: Final = "$unread"


def mark(where: str, kind: str) -> Any:
    """The mark for what lies at `where`, in a member of this kind: ``string``, ``blob``, ``structure``, ``map``, or a list of one of them
    (``list structure``). None for numbers and truths, of which there is none.
    """
    if kind in {"string", "blob"}:
        return f"{_TEXT}{where}>"
    if kind in {"structure", "map"}:
        return {_KEY: where}
    outer, _, element = kind.partition(" ")
    inner = mark(where, element) if outer == "list" else None
    return None if inner is None else [inner]


def is_mark(value: Any) -> bool:
    """Whether this stands for what could not be read."""
    if isinstance(value, str):
        return value.startswith(_TEXT)
    if isinstance(value, Mapping):
        return _KEY in value
    return isinstance(value, list) and len(value) == 1 and is_mark(value[0])


def unread_in(parameters: Mapping[str, Any]) -> frozenset[str]:
    """The members of a request that could not be read."""
    return frozenset([name for name, value in parameters.items() if is_mark(value)])


def read_of(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The request without what could not be read: what may name a resource."""
    return {name: value for name, value in parameters.items() if not is_mark(value)}
