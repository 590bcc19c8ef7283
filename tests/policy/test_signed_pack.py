"""The shipped pack `signed`: which approvals are signed with a passkey, and which are not."""

from __future__ import annotations

from importlib.resources import files

from keyturn.policy import load
from keyturn.policy.testing import run_pack_tests


def test_the_packs_own_cases_hold_beside_seatbelt() -> None:
    """It adds a signature and takes nothing away: verdict and quorum are seatbelt's."""
    engine = load(["seatbelt", "signed"])
    report = run_pack_tests(files("keyturn.policy") / "packs" / "signed", engine=engine)
    assert report.passed, str(report)
