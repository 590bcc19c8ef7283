"""The log, the small tables, the nodes."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """As in `stores/sqlite.py` and `stores/sqlite_shared.py`."""
    op.execute("""
        CREATE TABLE entry (
            seq BIGINT PRIMARY KEY, writer TEXT NOT NULL, case_id TEXT NOT NULL, prev TEXT NOT NULL, hash TEXT NOT NULL, body BYTEA NOT NULL
        )
    """)
    op.execute("CREATE INDEX entry_case ON entry (case_id, seq) WHERE case_id <> ''")
    op.execute("CREATE TABLE snapshot_case (case_id TEXT PRIMARY KEY, body BYTEA NOT NULL)")
    op.execute("""
        CREATE TABLE snapshot_plane (
            id INTEGER PRIMARY KEY CHECK (id = 1), seq BIGINT NOT NULL, body BYTEA NOT NULL, cases TEXT NOT NULL
        )
    """)
    op.execute("CREATE TABLE checkpoint (size BIGINT PRIMARY KEY, body BYTEA NOT NULL)")
    op.execute("CREATE TABLE blob (ref TEXT PRIMARY KEY, sealed BYTEA NOT NULL)")
    op.execute("""
        CREATE TABLE small (
            name TEXT, key TEXT, value BYTEA NOT NULL, version BIGINT NOT NULL, PRIMARY KEY (name, key)
        )
    """)
    op.execute("""
        CREATE TABLE node (
            name TEXT PRIMARY KEY, since BIGINT NOT NULL, until_ms BIGINT NOT NULL, dead INTEGER NOT NULL, heard BIGINT NOT NULL, about TEXT NOT NULL
        )
    """)
