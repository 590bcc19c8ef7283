"""The aws CLI's shorthand, ``a=1,b=[x,y],c={d=e}``, by its own grammar (AWS CLI User Guide, "Using shorthand syntax").

`parse` knows the text alone; `fitted` makes of it what the model asks for: numbers, booleans, single values in lists.
"""

from __future__ import annotations

import re
from typing import Any, Final

from keyturn.providers.aws.wire_table import Service, Shape

NESTED_MAX: Final = 64
"""Brackets within brackets; no input of AWS's is nearly as deep."""

_KEY: Final = re.compile(r"[A-Za-z0-9\-_.#/:]*")
_SINGLE: Final = re.compile(r"'(?:\\'|[^'])*'")
_DOUBLE: Final = re.compile(r'"(?:\\"|[^"])*"')
_START: Final = r"\!\#-&\(-\+\--\<\>-Z\\\\-z\u007c-\uffff"
_FIRST: Final = re.compile(rf"((\\,)|[{_START}])((\\,)|[\s\!\#-&\(-\+\--\\\\\^-\|~-\uffff])*")
_SECOND: Final = re.compile(rf"((\\,)|[{_START}])((\\,)|[\s\!\#-&\(-\+\--\<\>-\uffff])*")
_SPACE: Final = re.compile(r"\s*")


class NotShorthandError(ValueError):
    """The text is none; the CLI would refuse it."""


def parse(text: str) -> dict[str, Any]:
    """The pairs of the text. Raises `NotShorthandError`."""
    return _Parser(text).parameter()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text, self._at, self._depth = text, 0, 0

    def parameter(self) -> dict[str, Any]:
        key, value = self._pair(self._values)
        pairs = {key: value}
        while self._at < len(self._text):
            self._expect(",")
            key, value = self._pair(self._values)
            if key in pairs:
                raise NotShorthandError(f"the key {key!r} stands twice")
            pairs[key] = value
        return pairs

    def _pair(self, values: Any) -> tuple[str, Any]:
        key = self._take(_KEY)
        self._space()
        if self._peek() == "@":  # a=@file://: its value is read from a file
            self._at += 1
        self._expect("=")
        return key, values()

    def _values(self) -> Any:
        if self._peek() == "[":
            return self._list()
        if self._peek() == "{":
            return self._hash()
        return self._listed()

    def _listed(self) -> Any:
        """One value, or several with commas between them up to the next key."""
        values = [self._value(_FIRST, optional=True)]
        while True:
            self._space()
            if self._at >= len(self._text) or self._peek() != ",":
                break
            before = self._at
            self._expect(",")
            try:
                value = self._another()
            except NotShorthandError:
                if self._at >= len(self._text):
                    raise
                self._at = before  # what comes is the next key
                break
            values.append(value)
        return values[0] if len(values) == 1 else values

    def _another(self) -> str:
        """One more value of the list. Raises `NotShorthandError` where it is a key instead."""
        value = self._value(_SECOND, optional=False)
        self._space()
        if self._at < len(self._text) and self._peek() != ",":
            raise NotShorthandError(f"a comma was expected at {self._at}")
        return value

    def _inner(self) -> Any:
        if self._peek() == "[":
            return self._list()
        return self._hash() if self._peek() == "{" else self._value(_FIRST, optional=True)

    def _list(self) -> list[Any]:
        self._deeper()
        self._expect("[")
        found = []
        while self._peek() != "]":
            found.append(self._inner())
            self._between("]")
        self._at += 1
        self._depth -= 1
        return found

    def _hash(self) -> dict[str, Any]:
        self._deeper()
        self._expect("{")
        found: dict[str, Any] = {}
        while self._peek() != "}":
            key, value = self._pair(self._inner)
            found[key] = value
            self._between("}")
        self._at += 1
        self._depth -= 1
        return found

    def _between(self, closing: str) -> None:
        self._space()
        if self._peek() != closing:
            self._expect(",")

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > NESTED_MAX:
            raise NotShorthandError("it is too deep")

    def _value(self, bare: re.Pattern[str], *, optional: bool) -> str:
        quote = self._peek()
        if quote in {"'", '"'}:
            found = (_SINGLE if quote == "'" else _DOUBLE).match(self._text, self._at)
            if found is None:
                raise NotShorthandError("a quote is not closed")
            self._at = found.end()
            return found[0][1:-1].replace("\\" + quote, quote).replace("\\\\", "\\")
        found = bare.match(self._text, self._at)
        if found is None:
            if optional:
                return ""
            raise NotShorthandError(f"a value was expected at {self._at}")
        self._at = found.end()
        return found[0].replace("\\,", ",").rstrip()

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            return ""
        self._at = found.end()
        return found[0]

    def _space(self) -> None:
        self._take(_SPACE)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _expect(self, char: str) -> None:
        self._space()
        if self._peek() != char:
            raise NotShorthandError(f"{char!r} was expected at {self._at}, not {self._peek() or 'the end'!r}")
        self._at += 1
        self._space()


def fitted(known: Service, shape: Shape, value: Any) -> Any:
    """The parsed value as the model has it. Raises `ValueError` for what is no number."""
    if shape.document:
        raise NotShorthandError("any JSON has to be given as JSON")
    if shape.kind == "structure" and isinstance(value, dict):
        return {
            key: fitted(known, known.shape(shape.members[key].shape), inner)
            if key in shape.members
            else inner
            for key, inner in value.items()
        }
    if shape.kind == "list" and shape.element is not None:
        element = known.shape(shape.element.shape)
        return [fitted(known, element, inner) for inner in (value if isinstance(value, list) else [value])]
    if shape.kind == "map" and shape.value is not None and isinstance(value, dict):
        inner_shape = known.shape(shape.value.shape)
        return {key: fitted(known, inner_shape, inner) for key, inner in value.items()}
    if not isinstance(value, str):
        return value
    return scalar(shape, value)


def scalar(shape: Shape, text: str) -> Any:
    """A word as a number, a truth or itself."""
    if shape.kind in {"integer", "long"}:
        return int(text)
    if shape.kind in {"double", "float"}:
        return float(text)
    if shape.kind == "boolean" and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    return text
