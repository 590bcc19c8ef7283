"""The store that forgets passes the same suite as those that do not."""

from pathlib import Path

from keyturn.stores.interface import Store
from keyturn.stores.memory import MemoryStore
from keyturn.testing.suites import StoreSuite


class TestMemoryStore(StoreSuite):
    """`MemoryStore` keeps every promise but durability."""

    def open(self, folder: Path) -> Store:
        return MemoryStore()
