"""What docs/guides/operate.md says of copies: SQLite's own backup, taken while the store writes, is a log that opens."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from keyturn.model import record as r
from keyturn.stores.sqlite import SqliteStore


def _copy(store: Path, copy: Path) -> None:
    """As ``sqlite3 keyturn.db ".backup copy.db"`` does it."""
    with (
        closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(copy)) as to,
    ):
        source.backup(to)


def _draft(by: str) -> r.Draft:
    return r.Draft(case_id="", event=r.HaltLifted(at_ms=1, by=by))


async def test_a_copy_taken_while_it_runs_is_a_prefix_of_the_log(tmp_path: Path) -> None:
    """It opens, is intact, and holds all that was acknowledged before it was taken; the original goes on undisturbed."""
    store = SqliteStore(tmp_path / "keyturn.db")
    await store.append([_draft("before")])
    head = store.head
    _copy(tmp_path / "keyturn.db", tmp_path / "copy.db")
    await store.append([_draft("after")])
    copy = SqliteStore(tmp_path / "copy.db")
    assert copy.head == head
    assert [entry.body for entry in copy.entries()] == [entry.body for entry in store.entries(limit=1)]
    await copy.close()
    assert store.head[0] == 2
    await store.close()
