"""Which store an installation has: SQLite for one process, SQLite for the workers of one machine, PostgreSQL for several machines."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from keyturn.errors import OperatorError
from keyturn.stores.interface import Store
from keyturn.stores.sqlite import SqliteStore
from keyturn.stores.sqlite_shared import SharedSqliteStore

if TYPE_CHECKING:
    from types import ModuleType


def open_store(
    database: Path, url: str, *, password: str = "", node: str = "", workers: bool = False
) -> Store:
    """The store behind `url` (``postgresql:...``; empty or ``sqlite:...`` for `database`). `node` names this process on the log."""
    name = node or node_name()
    if is_postgres(url):
        return postgres().PostgresStore(url, writer=name, password=password)  # type: ignore[no-any-return]  # loaded when needed
    return SharedSqliteStore(database, writer=name) if workers else SqliteStore(database)


def is_postgres(url: str) -> bool:
    return url.startswith(("postgresql:", "postgres:"))


def node_name() -> str:
    """Which machine and process, and which life of it: a name is never given twice."""
    return f"{socket.gethostname().partition('.')[0][:40]}-{os.getpid()}-{secrets.token_hex(2)}"


def postgres() -> ModuleType:
    """The adapter, which needs an extra of the package. Raises `OperatorError` that says which."""
    try:
        from keyturn.stores import postgres as module  # noqa: PLC0415  # who has one machine needs no driver
    except ImportError as error:
        raise OperatorError(
            "no-driver",
            f"PostgreSQL needs what is not installed: {error.name}",
            help="install keyturn with its extra: keyturn[postgres]",
        ) from error
    return module
