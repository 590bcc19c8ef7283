"""moto's own tests through the gateway and direct: no difference but those that are written down with their reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.clients_world import left_out
from tests.clients.kept import kept_moto
from tests.clients.moto_suite import FAST, Outcome, compare, differences, refused_on_principle


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("service", FAST)
def test_nothing_comes_out_otherwise(service: str, tmp_path: Path) -> None:
    """A service of the three minutes; `make moto` runs the others."""
    if kept_moto() is None:
        left_out("moto's own tests: `make clients` fetches its source distribution from PyPI")
    count, different = compare(service, tmp_path)
    assert count > 0
    known = refused_on_principle()
    new = [one for one in different if one.test not in known]
    assert new == []
    here = {test for test in known if test.startswith(f"tests/test_{service}/")}
    assert here - {one.test for one in different} == set(), (
        "written down, and it comes out the same by now: take it out"
    )


def test_a_difference_is_seen() -> None:
    """In either direction, and where a test is missing in one of the runs."""
    passed, failed = Outcome("passed", ""), Outcome("failed", "access denied")
    direct = {"same": passed, "lost": passed, "held": passed, "mended": failed}
    through = {"same": passed, "held": failed, "mended": passed}
    assert [one.test for one in differences(direct, through)] == ["held", "lost", "mended"]


def test_what_is_refused_on_principle_has_a_reason() -> None:
    """Each test once, each with its reason."""
    assert all(len(reason) > 20 for reason in refused_on_principle().values())
