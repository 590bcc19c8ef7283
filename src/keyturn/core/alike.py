"""Which cases of an inbox one look answers: what a page and a terminal show as one line."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any


def alike(row: Mapping[str, Any]) -> Hashable:
    """Equal for lines of the inbox in which the same agent asks the same of other things of the same kind, and people have done the same so far."""
    kinds = sorted({str(resource).partition("/")[0] for resource in row["resources"]})
    asked = (row["agent"], row["operator"], tuple(row["operations"]), tuple(kinds), row["effect"])
    return (*asked, row["environment"], row["phase"], tuple(sorted(row["approvals"])), row["claimed_by"])
