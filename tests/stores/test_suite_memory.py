"""The store that forgets passes the same suite as those that do not."""

from pathlib import Path

import pytest

pytest.register_assert_rewrite("keyturn.testing.suites")

from keyturn.stores.interface import Store  # noqa: E402  # after the assertions are made to speak
from keyturn.stores.memory import MemoryStore  # noqa: E402
from keyturn.testing.suites import StoreSuite  # noqa: E402


class TestMemoryStore(StoreSuite):
    """`MemoryStore` keeps every promise but durability."""

    def open(self, folder: Path) -> Store:
        return MemoryStore()
