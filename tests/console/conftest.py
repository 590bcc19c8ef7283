"""One plane with cases in every phase for all tests of this folder; what a test decides, it makes a case of its own for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.console.running_plane import Plane, running


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with running(tmp_path_factory.mktemp("plane")) as filled:
        yield filled
