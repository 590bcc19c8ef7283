"""For all tests: what was left out for want of something is said at the end, not only counted."""

from __future__ import annotations

from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Every reason that begins with LEFT OUT, once."""
    reasons = {
        str(report.longrepr[2]).removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", ())
        if isinstance(report.longrepr, tuple)
    }
    for reason in sorted(one for one in reasons if one.startswith("LEFT OUT")):
        terminalreporter.write_line(reason, yellow=True)
