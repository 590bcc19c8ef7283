"""Where the clients are that are not Python packages of ours: `make clients` puts them into a cache outside the tree."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


def cache() -> Path:
    """``KEYTURN_CLIENTS``, or a folder of the user's cache."""
    given = os.environ.get("KEYTURN_CLIENTS")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(given) if given else base / "keyturn" / "clients"


class Moto(NamedTuple):
    """moto's source distribution, and a Python that has what its tests need."""

    tests: Path
    python: Path


def kept_moto() -> Moto | None:
    python = cache() / "moto" / "bin" / "python"
    found = sorted(cache().glob("moto-source/moto-*/tests"))
    return Moto(found[-1].parent, python) if found and (cache() / "moto" / ".made-of").is_file() else None
