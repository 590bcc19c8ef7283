"""Alembic's way in (https://alembic.sqlalchemy.org/en/latest/cookbook.html): the connection is given by `stores.postgres`."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table="keyturn_version")
with context.begin_transaction():
    context.run_migrations()
