"""The default store passes the suite."""

from pathlib import Path

from keyturn.stores.interface import Store
from keyturn.stores.sqlite import SqliteStore
from keyturn.testing.suites import OneWriterSuite


class TestSqliteStore(OneWriterSuite):
    """`SqliteStore` keeps every promise."""

    def open(self, folder: Path) -> Store:
        return SqliteStore(folder / "keyturn.db", soon_s=0.05)
