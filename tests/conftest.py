"""For all tests: what was left out for want of something is said at the end, not only counted; what the files before left is not gone
through again by the collector; what botocore and moto read of their data is read once.
"""

from __future__ import annotations

import functools
import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.loaders import JSONFileLoader, Loader, create_loader

os.environ.setdefault("MOTO_AMIS_PATH", str(Path(__file__).with_name("images.json")))
"""An account of moto's begins with 1,340 machine images, a volume and a snapshot for each: a second, for every account and again when it
is emptied. Two are enough; servers that tests start have them from here too.
"""


_read = functools.cache(JSONFileLoader().load_file)


class _ReadOnce(JSONFileLoader):  # type: ignore[misc]  # botocore has no types
    """Botocore's own files are read once, as often as a session is made: sessions share them, as the clients of one always did."""

    def load_file(self, file_path: str) -> Any:
        return (
            _read(file_path)
            if file_path.startswith(Loader.BUILTIN_DATA_PATH)
            else super().load_file(file_path)
        )


def _create_loader(search_path: str | None = None) -> Loader:
    """For sessions alone: moto's loader writes into what it has read."""
    made = create_loader(search_path)
    made.file_loader = _ReadOnce()
    return made


botocore.session.create_loader = _create_loader

gc.set_threshold(50_000, 20, 20)
"""Looking for cycles after every 700 objects (Python's own default) took a quarter of the time of what reads much."""


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
