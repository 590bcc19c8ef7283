"""Every rule whose operation moto has is asked on an account that was made by real calls: what is read for it is what a service
says, by the shapes it says it in. A rule that is right of a dictionary of ours, and wrong of a service, guards nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import pytest
from moto import mock_aws

from keyturn.providers.aws import live
from keyturn.providers.aws.rules import REGISTRY
from keyturn.providers.aws.rules.table import ROWS
from tests.provider import test_rows
from tests.provider.ordinary_work import judge
from tests.provider.provider_world import Account, drive, operation
from tests.provider.real_world import Place, in_moto, make, members, places

_READ_HERE: Final = "it speaks where what stands was not read, and moto says what stands"
NOT_HERE: Final[dict[str, str]] = {
    "CFN002": "moto's change sets do not say what is replaced",
    "CFN020": "moto's change sets do not keep what is done on failure",
    "DSQ001": "moto has DSQL in one region only",
    "EC010": "moto has no instances that run from instance store",
    "EC032": "moto does not filter images by their snapshots",
    "IAM009": "moto notes that a key was used only where it checks signatures",
    **dict.fromkeys(
        ["DEP007", "DEP065", "DEP071", "EYE032", "KEP017", "WIR049", "WIR050", "WIR052", "WIR054", "WIR057"],
        _READ_HERE,
    ),
}
"""Rules whose operation moto has, and which cannot be asked there: why."""

_BY_CODE: Final = {row.code: row for row in ROWS}
_LIVE: Final = {row.code for row in ROWS if row.when.live}


class Run(NamedTuple):
    """One request to be asked, whole."""

    code: str
    speaks: bool
    name: str
    parameters: dict[str, Any]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        yield Account()


def to_ask(place: Place, names: dict[str, Any]) -> Iterator[Run]:
    """What the account's file says, and what the rows' own requests are there: those that depend on no fact."""
    for asked in place.asked:
        base = members(place.bases.get(asked.name, "{}"), names)
        yield Run(asked.code, asked.speaks, asked.name, base | members(asked.given, names))
    own = {asked.code for asked in place.asked}
    for code in _BY_CODE:
        if code in own or code in _LIVE or code not in test_rows.CASES:
            continue
        for mark in ("++", "--"):
            for line in test_rows.lines(code, mark):
                if line.name in place.bases:
                    base = members(place.bases[line.name], names)
                    yield Run(code, mark == "++", line.name, line.parameters | base)


@pytest.mark.slow
@pytest.mark.parametrize("place", places(), ids=lambda place: place.name)
def test_rules_speak_of_what_stands(account: Account, place: Place) -> None:
    """Each of its requests is captured and assessed as an agent's would be; where the rule depends on facts, they were read."""
    names = make(account, place)
    wrong = []
    for run in to_ask(place, names):
        found = judge(account, run.name, run.parameters)
        codes = {finding.code for finding in found.findings}
        if (run.code in codes) is not run.speaks:
            wrong.append(
                f"{run.code} {'is silent' if run.speaks else 'speaks'}: {run.name} {run.parameters} {found.unknowns}"
            )
        if run.code in _LIVE:
            (reading,) = drive(live.read((operation(run.name, run.parameters),)), account)
            if reading.unknowns:
                wrong.append(f"{run.code} was asked without its facts: {run.name} {reading.unknowns}")
    assert not wrong, "\n".join(wrong)


def test_every_rule_that_moto_can_be_asked_of_is_asked() -> None:
    """A rule that speaks and one that is silent, or a reason; a reason that is no longer needed goes."""
    speaks: set[str] = set()
    silent: set[str] = set()
    for place in places():
        for run in to_ask(place, _Anything()):
            (speaks if run.speaks else silent).add(run.code)
    there = {rule.code for rule in REGISTRY if any(map(in_moto, rule.operations))}
    assert sorted(there - speaks) == sorted(set(NOT_HERE) - speaks), "never seen to speak"
    assert sorted(there - silent) == sorted(set(NOT_HERE) - silent), "never seen to be silent"
    assert set(NOT_HERE) <= there - (speaks & silent)


class _Anything(dict[str, Any]):
    """Names of an account that was not made."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return f"${name}"
