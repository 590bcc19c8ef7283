"""Terms of a symbolic request: texts, sets of them, and what Cedar's operators say of them, for z3.

What an operator is asked of that is not understood raises `OutsideError`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
import z3
from cedarpy import pst


class OutsideError(Exception):
    """An expression that is outside of what is understood; the message says what it is."""


class Text(msgspec.Struct, frozen=True):
    number: Any  # an index of a word, symbolic or not
    literal: bool


class Words(msgspec.Struct, frozen=True):
    """A set of literals."""

    numbers: frozenset[int]


class Members(msgspec.Struct, frozen=True):
    """A fact that is a set: which words are in it."""

    of: dict[int, Any]


ORDER: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "less": lambda left, right: left < right,
    "less_eq": lambda left, right: left <= right,
    "greater": lambda left, right: left > right,
    "greater_eq": lambda left, right: left >= right,
}


def same(left: Any, right: Any) -> Any:
    if isinstance(left, Text) and isinstance(right, Text) and (left.literal or right.literal):
        alike = left.number == right.number
        return z3.BoolVal(alike) if isinstance(alike, bool) else alike
    if isinstance(left, Words) and isinstance(right, Members):
        left, right = right, left
    if isinstance(left, Members) and isinstance(right, Words):
        strangers = right.numbers - set(left.of)
        exact = [symbol == (word in right.numbers) for word, symbol in left.of.items()]
        return z3.BoolVal(False) if strangers else z3.And(exact)
    if z3.is_expr(left) and z3.is_expr(right) and left.sort() == right.sort():
        return left == right
    raise OutsideError("two things are compared of which neither is written out")


def contains(left: Any, right: Any) -> Any:
    if isinstance(left, Words) and isinstance(right, Text):
        return z3.Or([right.number == word for word in left.numbers])
    if isinstance(left, Members) and isinstance(right, Text) and right.literal:
        return left.of.get(right.number, z3.BoolVal(False))
    raise OutsideError("contains() of what is not written out")


def contains_all(left: Any, right: Any) -> Any:
    if isinstance(left, Members) and isinstance(right, Words):
        return z3.And([left.of.get(word, z3.BoolVal(False)) for word in right.numbers])
    if isinstance(left, Words) and isinstance(right, Members):
        return z3.And([z3.Not(symbol) for word, symbol in right.of.items() if word not in left.numbers])
    raise OutsideError("containsAll() of two facts")


def contains_any(left: Any, right: Any) -> Any:
    if isinstance(left, Words) and isinstance(right, Members):
        left, right = right, left
    if isinstance(left, Members) and isinstance(right, Words):
        return z3.Or([left.of[word] for word in right.numbers if word in left.of])
    raise OutsideError("containsAny() of two facts")


def word_for(node: object) -> str:
    """What it is, for people who write policies."""
    match node:
        case pst.Like():
            return "a pattern (like)"
        case pst.BinaryOp("add" | "sub" | "mul"):
            return "arithmetic"
        case pst.BinaryOp(op):
            return f"{op} of what is not written out"
    return f"an expression of the kind {type(node).__name__}"
