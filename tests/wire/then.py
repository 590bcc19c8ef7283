"""One moment for all that tests sign: tables are signed when they are collected, and verified when their turn comes, an hour later or more."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Final
from unittest.mock import patch

from tests.wire.oracle import MOMENT

NOW_S: Final = MOMENT.timestamp()


def _now(remove_tzinfo: bool = True) -> datetime:  # as botocore.compat writes it
    return MOMENT.replace(tzinfo=None) if remove_tzinfo else MOMENT


@contextlib.contextmanager
def then() -> Iterator[None]:
    """Botocore's signers take that moment for now."""
    with (
        patch("botocore.auth.get_current_datetime", _now),
        patch("botocore.signers.get_current_datetime", _now),
        patch("botocore.auth.time", SimpleNamespace(time=lambda: NOW_S)),
    ):
        yield
