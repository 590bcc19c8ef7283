"""SQLite for several workers passes the suite of every store, and that of shared ones."""

from pathlib import Path

from keyturn.stores.interface import SharedStore
from keyturn.stores.sqlite_shared import SharedSqliteStore
from keyturn.testing.shared_suite import SharedStoreSuite


class TestSharedSqliteStore(SharedStoreSuite):
    """`SharedSqliteStore` keeps every promise."""

    def node(self, folder: Path, name: str, *, lease_s: float = 10.0) -> SharedStore:
        return SharedSqliteStore(folder / "keyturn.db", writer=name, lease_s=lease_s)
