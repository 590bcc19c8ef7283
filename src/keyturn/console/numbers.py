"""Whole numbers as people and programs write them into a query or a form: read in one way, each with a bound."""

from __future__ import annotations

from typing import Final, TypeVar

from starlette.requests import Request

from keyturn.errors import OperatorError

COUNT_MAX: Final = 999_999_999
"""How many, and which entry of the log; nine digits, as the API says of itself."""

MS_MAX: Final = 10**15 - 1
"""Milliseconds since 1970, for some thirty thousand years."""

Default = TypeVar("Default")


def whole(text: str, *, most: int = COUNT_MAX) -> int | None:
    """The number from 0 to `most` that `text` is, in ASCII digits; None where it is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most))):
        return None
    found = int(text)
    return found if found <= most else None


def number(request: Request, name: str, default: Default, *, most: int = COUNT_MAX) -> int | Default:
    """The number of that name in the query; `default` where it is not asked for. Raises `OperatorError` where it is no number."""
    asked = request.query_params.get(name)
    if asked is None:
        return default
    found = whole(asked, most=most)
    if found is None:
        raise OperatorError(name, f"{name} is a whole number up to {most:,}, not {asked[:20]!r}")
    return found
