"""Scalars as they stand on the wire, and the error every parser raises.

Parameters come back as a caller of the SDK gave them: blobs as bytes, timestamps as aware UTC datetimes, numbers as numbers.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, NoReturn
from urllib.parse import parse_qsl, unquote

DEPTH_MAX: Final = 64
"""Nesting of a request body: the deepest honest one (DynamoDB's, 32 levels) fits twice."""

NAMED_NUMBERS: Final = frozenset({"NaN", "Infinity", "-Infinity"})
"""Numbers that JSON writes as text (https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html); they stay text here."""

_WHOLE: Final = re.compile(r"-?[0-9]{1,40}\Z")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z")
"""Python reads more as a number than AWS does: ``1_000``, spaces, other scripts' digits."""


class UnmodelledError(Exception):
    """The request holds something that the model of its operation does not account for."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


def refuse(code: str, reason: str) -> NoReturn:
    raise UnmodelledError(code, reason)


def scalar(kind: str, text: str, where: str, timestamp_format: str = "iso8601") -> Any:
    """A scalar given as text: in a query, a header, a label or XML."""
    try:
        match kind:
            case "string" | "character":
                return text
            case "boolean":
                return _boolean(text, where)
            case "integer" | "long" if _WHOLE.match(text):
                return int(text)
            case "float" | "double" if text in NAMED_NUMBERS:
                return text
            case "float" | "double" if _NUMBER.match(text):
                return finite(float(text), where)
            case "integer" | "long" | "float" | "double":
                refuse("bad-value", f"{where} is no {kind}: {text[:40]!r}")
            case "blob":
                return base64.b64decode(text, validate=True)
            case "timestamp":
                return timestamp(text, where, timestamp_format)
            case _:
                refuse("unmodelled", f"{where} is a {kind}, which cannot stand here")
    except (ValueError, binascii.Error):
        refuse("bad-value", f"{where} is no {kind}: {text[:40]!r}")


def finite(number: float, where: str) -> float:
    """`number`, unless it is too large for a double: it would then be another number for the service than for us."""
    if not math.isfinite(number):
        refuse("bad-value", f"{where} is no finite number")
    return number


def decoded(text: str) -> str:
    """A part of a path, percent-decoded; bytes that are not UTF-8 are refused, since two of them would read the same."""
    return unquote(text, errors="strict")


def query_pairs(query: str) -> list[tuple[str, str]]:
    """Keys and values of a URL's query, in order."""
    if "+" in query:
        # A form reads it as a space, a signature covers it as a plus (SDKs write %20 and %2B).
        refuse("ambiguous", "a bare + in the query has two readings")
    if ";" in query:
        refuse("ambiguous", "a bare ; in the query has two readings")  # older readers part pairs there
    return parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=10_000)


def _boolean(text: str, where: str) -> bool:
    lowered = text.lower()
    if lowered not in {"true", "false"}:
        refuse("bad-value", f"{where} is neither true nor false: {text[:40]!r}")
    return lowered == "true"


def timestamp(value: Any, where: str, form: str = "") -> datetime:
    """A moment: a number is seconds since 1970; text is ISO 8601 or RFC 822 (`form` says which is usual, both are read)."""
    try:
        if isinstance(value, bool):
            refuse("bad-value", f"{where} is no moment")
        if isinstance(value, (int, float)):
            return datetime.fromtimestamp(value, UTC)
        text = str(value)
        if form == "unixTimestamp" or text.replace(".", "", 1).isdigit():
            return datetime.fromtimestamp(float(text), UTC)
        if form == "rfc822" or text[:1].isalpha():
            return parsedate_to_datetime(text).astimezone(UTC)
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        refuse("bad-value", f"{where} is no moment: {str(value)[:40]!r}")


def _utf8(data: bytes) -> str:
    r"""The text, free of half characters: an escape like ``\\ud800`` alone is no text that could be stored or hashed."""
    text = data.decode("utf-8")
    if "\\ud" in text or "\\uD" in text:
        json.dumps(json.loads(text), ensure_ascii=False).encode("utf-8")
    return text


class _TwiceError(ValueError):
    """A key stands twice."""


def _pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(found)
    if len(made) != len(found):
        keys = [key for key, _ in found]
        raise _TwiceError(next(key for key in keys if keys.count(key) > 1))
    return made


class _ConstantError(ValueError):
    """A name that Python's reader takes for a number."""


def _constant(text: str) -> NoReturn:
    raise _ConstantError(text)


def _float(text: str) -> float:
    return finite(float(text), "the body")


_JSON: Final = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_float)
_SCAN: Final[Callable[[str, int], tuple[Any, int]]] = _JSON.scan_once  # type: ignore[attr-defined]  # typeshed lacks it


def strict_json(data: bytes, where: str) -> Any:
    """JSON with one meaning: UTF-8, no duplicate keys, no NaN, no depth beyond `DEPTH_MAX`."""
    try:
        text = _utf8(data)
        try:
            value, end = _SCAN(text, 0)  # as SDKs write it: nothing before it, nothing behind
        except StopIteration:
            end = -1
        return value if end == len(text) else _JSON.decode(text)
    except UnicodeError:
        refuse("bad-json", f"{where} is not UTF-8")
    except json.JSONDecodeError as error:
        refuse("bad-json", f"{where} is no JSON: {error.msg} at {error.pos}")
    except _TwiceError as error:
        refuse("duplicate-key", f"{where} has the key {str(error)!r} twice")
    except _ConstantError as error:
        refuse("bad-value", f"{where} holds {error}, which is no JSON")
    except RecursionError:
        refuse("too-deep", f"{where} is nested too deeply")
