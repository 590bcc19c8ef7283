"""The default store passes the suite, and shows what only SQLite can be asked."""

from pathlib import Path

import pytest

pytest.register_assert_rewrite("keyturn.testing.suites")

from keyturn.stores.interface import Store  # noqa: E402  # after the assertions are made to speak
from keyturn.stores.sqlite import SqliteStore  # noqa: E402
from keyturn.testing.suites import DurableStoreSuite  # noqa: E402


class TestSqliteStore(DurableStoreSuite):
    """`SqliteStore` keeps every promise."""

    def open(self, folder: Path) -> Store:
        return SqliteStore(folder / "keyturn.db", soon_s=0.05)
