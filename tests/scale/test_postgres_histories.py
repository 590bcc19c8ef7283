"""The simulation's histories with a log in a real PostgreSQL: its locks, its transactions, its order, under virtual time."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import pytest

from keyturn.core.chain import GENESIS, broken_at
from keyturn.model.record import Draft, Entry
from keyturn.stores.postgres import PostgresBackend, upgrade
from keyturn.testing import postgres
from keyturn.testing.simulation import check
from keyturn.testing.simulation.nodes import play_nodes
from keyturn.testing.simulation.shared_disk import SimulatedSharedStore

pytestmark = pytest.mark.skipif(bool(postgres.available()), reason=postgres.available() or "-")

HISTORIES: Final = 60 if os.environ.get("KEYTURN_ALL") else 6
_SELECT: Final = "SELECT seq, writer, case_id, prev, hash, body FROM entry WHERE seq > ? ORDER BY seq"


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    with postgres.Server() as made:
        yield made


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class InPostgres(SimulatedSharedStore):
    """A node whose log is in a database; a process that dies leaves its transaction to the database to undo."""

    def __init__(self, backend: PostgresBackend, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.backend = backend

    async def _written(self, decide: Callable[[], Sequence[Draft]], *, soon: bool) -> tuple[Entry, ...]:
        self.backend.begin(ordered=True, durable=not soon)
        try:
            self.catch_up()
            made = self.place(decide())
            await self.disk(soon=soon)
            self.backend.insert(made)
        except BaseException:
            self.backend.rollback()
            raise
        self.backend.commit()
        self._database.platter.entries.extend(
            made
        )  # how far the log had come when somebody was told something
        return made

    def entries(
        self, *, after: int = 0, limit: int | None = None, case_id: str | None = None
    ) -> Iterator[Entry]:
        found = [Entry(*row) for row in self.backend.execute(_SELECT, (after,))]
        mine = [entry for entry in found if case_id is None or entry.case_id == case_id]
        yield from mine[:limit]

    @property
    def head(self) -> tuple[int, str]:
        rows = self.backend.execute("SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1")
        return (rows[0][0], rows[0][1]) if rows else (0, GENESIS)


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_every_rule_holds_over_a_real_database(server: postgres.Server, seed: int) -> None:
    """The same histories, the same independent checker; what it reads is what the database holds at the end."""
    url = server.make(f"history{seed}")
    upgrade(url)
    backends: list[PostgresBackend] = []

    def open_store(*args: Any, **given: Any) -> InPostgres:
        backends.append(PostgresBackend(url))
        return InPostgres(backends[-1], *args, **given)

    try:
        history = play_nodes(seed, open_store)
        history.entries = [Entry(*row) for row in backends[0].execute(_SELECT, (0,))]
        assert broken_at(history.entries) == ""
        assert check(history) == []
        assert len({entry.writer for entry in history.entries}) > 1
    finally:
        for backend in backends:
            backend.close()
