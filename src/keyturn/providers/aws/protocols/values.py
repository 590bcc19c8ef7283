"""Scalars as they stand on the wire, and the error every parser raises.

Parameters come back as a caller of the SDK gave them: blobs as bytes, timestamps as aware UTC datetimes, numbers as numbers.
"""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, NoReturn

DEPTH_MAX: Final = 64
"""Nesting of a request body: the deepest honest one (DynamoDB's, 32 levels) fits twice."""


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
            case "integer" | "long":
                return int(text)
            case "float" | "double":
                return float(text)
            case "blob":
                return base64.b64decode(text, validate=True)
            case "timestamp":
                return timestamp(text, where, timestamp_format)
            case _:
                refuse("unmodelled", f"{where} is a {kind}, which cannot stand here")
    except (ValueError, binascii.Error):
        refuse("bad-value", f"{where} is no {kind}: {text[:40]!r}")


def _boolean(text: str, where: str) -> bool:
    lowered = text.lower()
    if lowered not in {"true", "false"}:
        refuse("bad-value", f"{where} is neither true nor false: {text[:40]!r}")
    return lowered == "true"


def timestamp(value: Any, where: str, form: str = "") -> datetime:
    """A moment: a number is seconds since 1970; text is ISO 8601 or RFC 822 (`form` says which is usual, both are read)."""
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
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


def strict_json(data: bytes, where: str) -> Any:
    """JSON with one meaning: UTF-8, no duplicate keys, no NaN, no depth beyond `DEPTH_MAX`."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) != len(found):
            keys = [key for key, _ in found]
            twice = next(key for key in keys if keys.count(key) > 1)
            refuse("duplicate-key", f"{where} has the key {twice!r} twice")
        return made

    def constant(text: str) -> NoReturn:
        refuse("bad-value", f"{where} holds {text}, which is no JSON")

    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=pairs, parse_constant=constant)
    except UnicodeDecodeError:
        refuse("bad-json", f"{where} is not UTF-8")
    except json.JSONDecodeError as error:
        refuse("bad-json", f"{where} is no JSON: {error.msg} at {error.pos}")
    except RecursionError:
        refuse("bad-json", f"{where} is nested too deeply")
