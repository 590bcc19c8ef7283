"""The runner of pack tests: it must fail where an expectation is missed, and say which."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyturn.errors import PolicyError
from keyturn.policy.testing import run_pack_tests

PACK = """
@id("team.all") @outcome("hold") permit (principal, action, resource);
@id("team.reads") permit (principal, action, resource) when { ["read", "list"].containsAll(context.effects) };
@id("team.deletes") @outcome("hold") @quorum("3") @window("60") forbid (principal, action, resource)
when { context.effect == "delete" };
"""


def pack(folder: Path, cases: str) -> Path:
    (folder / "team.cedar").write_text(PACK)
    (folder / "team.tests.toml").write_text(cases)
    return folder


def case(given: str, expect: str) -> str:
    return f'[[case]]\nname = "c"\ngiven = {{ {given} }}\nexpect = {{ {expect} }}\n'


def test_cases_that_hold(tmp_path: Path) -> None:
    """A pack's cases pass as a whole, and policies that no case reached are named."""
    cases = case('effect = "read"', 'verdict = "allow", by = "team.reads"') + case(
        'effect = "delete"', 'verdict = "hold", quorum = 3, window = 60, backup = false, capture = false'
    )
    report = run_pack_tests(pack(tmp_path, cases))
    assert report.passed
    assert report.untested == ("team.all",)
    assert report.text().splitlines() == ["untested policy: team.all", f"{tmp_path.name}: 2 of 2 cases hold"]


MISSED = {
    "verdict": ('verdict = "allow"', "verdict: expected allow, got hold"),
    "quorum": ('verdict = "hold", quorum = 2', "quorum: expected 2, got 3"),
    "backup": ('verdict = "hold", backup = true', "backup: expected True, got False"),
    "capture": ('verdict = "hold", capture = true', "capture: expected True, got False"),
    "window": ('verdict = "hold", window = 61', "window: expected 61, got 60"),
    "by": ('verdict = "hold", by = "team.reads"', "by: team.reads did not determine it"),
}


@pytest.mark.parametrize("name", MISSED)
def test_a_missed_expectation_fails_by_name(name: str, tmp_path: Path) -> None:
    """Each kind of expectation can fail, and says what was expected and what came."""
    expect, line = MISSED[name]
    report = run_pack_tests(pack(tmp_path, case('effect = "delete"', expect)))
    assert not report.passed
    assert report.failed[0].wrong == (line,)
    assert line in report.text()
    assert "FAIL c  (team.tests.toml)" in report.text()


BROKEN = {
    "an unknown field": (case('efect = "read"', 'verdict = "allow"'), "efect"),
    "an unknown effect": (case('effect = "destroy"', 'verdict = "allow"'), "destroy"),
    "an unknown verdict": (case('effect = "read"', 'verdict = "yes"'), "yes"),
    "an unknown expectation": (case('effect = "read"', 'verdict = "allow", quorom = 1'), "quorom"),
    "not TOML": ("[[case", "team.tests.toml"),
    "no cases": ("", "case"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_tests_that_cannot_be_read_are_refused(name: str, tmp_path: Path) -> None:
    """A misspelt field would otherwise be a test that cannot fail."""
    cases, said = BROKEN[name]
    with pytest.raises(PolicyError) as caught:
        run_pack_tests(pack(tmp_path, cases))
    assert caught.value.code == "pack-tests-wrong"
    assert said in caught.value.message


def test_a_pack_without_tests_is_refused(tmp_path: Path) -> None:
    """No cases is no report of success."""
    (tmp_path / "team.cedar").write_text(PACK)
    with pytest.raises(PolicyError) as caught:
        run_pack_tests(tmp_path)
    assert caught.value.code == "pack-untested"


def test_no_case_is_no_pass(tmp_path: Path) -> None:
    """An empty list of cases proves nothing."""
    assert not run_pack_tests(pack(tmp_path, "case = []")).passed
