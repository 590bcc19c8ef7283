"""What is asked stands on the page, whole."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.console.running_plane import Plane


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one)
    else:
        yield value


@pytest.mark.parametrize("about", ["table", "replace", "hostile", "denied", "undo", "approved"])
def test_what_is_asked_stands_there_in_full(plane: Plane, about: str) -> None:
    """Every name and every value of every operation as it was canonicalised, none shortened: what is approved can be read."""
    case = plane.cases[about]
    operations = plane.case(case)["change"]["operations"]
    assert operations
    with plane.browser("dana") as dana:
        page = html.unescape(re.sub(r"<[^>]+>", "", dana.get(f"/c/{case}").text))
    for operation in operations:
        assert operation["name"] in page
        for leaf in leaves(operation["parameters"]):
            shown = json.dumps(leaf, ensure_ascii=False) if not isinstance(leaf, str) else leaf
            assert shown in page, f"{operation['name']}: {shown!r} is not on the page"
