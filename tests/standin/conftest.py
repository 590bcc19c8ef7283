"""One stand-in account for all tests here; each test takes names of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo.world import Account
from keyturn.testing.standin import StandIn


@pytest.fixture(scope="session")
def standin() -> Iterator[StandIn]:
    with StandIn() as running:
        yield running


@pytest.fixture(scope="session")
def account(standin: StandIn) -> Account:
    """The account as its engineer sees it."""
    return Account(standin.endpoint, "AKIAENGINEER", "secret")
