"""From SQLite to PostgreSQL: everything, as it stands, in one transaction, and then read back and compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec

from keyturn.core.chain import GENESIS, Tree, broken_at
from keyturn.errors import StoreError
from keyturn.model.record import Entry
from keyturn.stores.postgres import PostgresBackend
from keyturn.stores.sqlite import SqliteStore

CHUNK: Final = 2_000

TABLES: Final = {
    "snapshot_case": ("case_id", "body"),
    "snapshot_plane": ("id", "seq", "body", "cases"),
    "checkpoint": ("size", "body"),
    "blob": ("ref", "sealed"),
    "small": ("name", "key", "value", "version"),
}
"""Everything but the log, which is checked while it is copied. Nodes belong to where they run."""


class Copied(msgspec.Struct, frozen=True):
    """What was copied and found to be the same."""

    entries: int
    root: str  # of the Merkle tree over all entries, on both sides
    rows: dict[str, int]  # by table


async def migrate(source: Path, url: str, *, password: str = "", say: Callable[[str], None]) -> Copied:
    """Copy the store in `source` into the empty one behind `url`. Raises `StoreError`, and then nothing was copied.

    Nothing may write the source meanwhile: it is locked as by a process that runs.
    """
    store = SqliteStore(source)
    try:
        target = PostgresBackend(url, password=password)
        try:
            _must_be_empty(target)
            target.begin(ordered=True, durable=True)
            try:
                copied = _copy(store, target, say)
                _same(store, target, copied)
            except BaseException:
                target.rollback()
                raise
            target.commit()
            return copied
        finally:
            target.close()
    finally:
        await store.close()


def _must_be_empty(target: PostgresBackend) -> None:
    for table in ("entry", *TABLES):
        if target.execute(f"SELECT 1 FROM {table} LIMIT 1"):  # noqa: S608  # a name of the list above
            raise StoreError(
                "not-empty",
                f"the database to copy into holds something already ({table})",
                help="make a new one; nothing is ever merged or overwritten",
            )


def _copy(store: SqliteStore, target: PostgresBackend, say: Callable[[str], None]) -> Copied:
    tree, seq, prev = Tree(), 0, GENESIS
    entries = store.entries()
    while chunk := list(islice(entries, CHUNK)):
        wrong = broken_at(chunk, seq=seq, prev=prev)
        if wrong:
            raise StoreError(
                "corrupt",
                f"the log to copy is not intact: {wrong}",
                help="keep the file, restore a backup, and run: keyturn verify",
            )
        for entry in chunk:
            tree.add(bytes.fromhex(entry.hash))
        target.insert(chunk)
        seq, prev = chunk[-1].seq, chunk[-1].hash
        say(f"{seq:,} entries")
    rows = {}
    for table, columns in TABLES.items():
        marks = ", ".join("?" * len(columns))
        rows[table] = 0
        for row in store.table(table, columns):
            target.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", row)  # noqa: S608  # names of the list above
            rows[table] += 1
        say(f"{rows[table]:,} of {table}")
    return Copied(entries=seq, root=tree.root().hex(), rows=rows)


def _same(store: SqliteStore, target: PostgresBackend, copied: Copied) -> None:
    """Read back what was written, as another node would, and compare it with what stands in the source."""
    tree, seq, prev = Tree(), 0, GENESIS
    while chunk := _entries(target, seq):
        wrong = broken_at(chunk, seq=seq, prev=prev)
        if wrong:
            raise _differs(f"the log: {wrong}")
        for entry in chunk:
            tree.add(bytes.fromhex(entry.hash))
        seq, prev = chunk[-1].seq, chunk[-1].hash
    if (seq, tree.root().hex()) != (copied.entries, copied.root):
        raise _differs("the log has another root")
    for table, columns in TABLES.items():
        named = ", ".join(columns)
        found = {tuple(row) for row in _paged(target, table, named, columns[0])}
        if found != {tuple(row) for row in store.table(table, columns)}:
            raise _differs(table)


def _entries(target: PostgresBackend, after: int) -> list[Entry]:
    query = "SELECT seq, writer, case_id, prev, hash, body FROM entry WHERE seq > ? ORDER BY seq LIMIT ?"
    return [Entry(*row) for row in target.execute(query, (after, CHUNK))]


def _paged(target: PostgresBackend, table: str, named: str, order: str) -> Iterator[Sequence[Any]]:
    yield from target.execute(f"SELECT {named} FROM {table} ORDER BY {order}")  # noqa: S608  # names of the list above


def _differs(what: str) -> StoreError:
    return StoreError(
        "not-copied", f"what was written is not what was read: {what}", help="nothing was copied; try again"
    )
