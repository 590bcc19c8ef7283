"""For all tests: what was left out for want of something is said at the end, not only counted; what the files before left is not gone
through again by the collector.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(autouse=True, scope="module")
def _frozen() -> Iterator[None]:
    """A worker holds millions of objects by the middle of a run (botocore's models, the account's back ends), and a full collection goes
    through them all: three seconds each, and tests of what is left open ask for several. What lives when a file begins is set aside;
    what it leaves in cycles is still found, and said, when it ends.
    """
    gc.freeze()
    yield
    gc.collect()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Every reason that begins with LEFT OUT, once."""
    reasons = {
        str(report.longrepr[2]).removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", ())
        if isinstance(report.longrepr, tuple)
    }
    for reason in sorted(one for one in reasons if one.startswith("LEFT OUT")):
        terminalreporter.write_line(reason, yellow=True)
