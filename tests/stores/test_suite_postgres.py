"""PostgreSQL passes the suite of every store, and that of shared ones, on a real server that the test brings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from keyturn.stores.interface import SharedStore
from keyturn.stores.postgres import PostgresStore, upgrade
from keyturn.testing import postgres
from keyturn.testing.shared_suite import SharedStoreSuite

pytestmark = pytest.mark.skipif(bool(postgres.available()), reason=postgres.available() or "-")


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    with postgres.Server() as made:
        yield made


class TestPostgresStore(SharedStoreSuite):
    """`PostgresStore` keeps every promise."""

    server: postgres.Server

    @pytest.fixture(autouse=True)
    def _on(self, server: postgres.Server) -> None:
        type(self).server = server

    def node(self, folder: Path, name: str, *, lease_s: float = 10.0) -> SharedStore:
        schema = "t" + hashlib.sha256(str(folder).encode()).hexdigest()[:16]
        mark = folder / "made"
        if not mark.exists():
            upgrade(self.server.make(schema))
            mark.touch()
        return PostgresStore(self.server.url(schema), writer=name, lease_s=lease_s)
