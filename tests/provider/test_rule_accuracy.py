"""How well it is told what does harm: the figures may get better, and never worse unseen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.provider.ordinary_work import work
from tests.provider.provider_world import Account
from tests.provider.samples import commands, judged

HARMFUL_FLAGGED, HARMLESS_FLAGGED = 0.99, 0.02
HELD_OUTSIDE, HELD_INSIDE = 0.005, 0.052
"""Ratchets: what was measured, and a hair. Wanted are 0.95 and 0.03, 0.02 and 0.15."""


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        yield Account()


def test_harm_without_a_destructive_verb_is_flagged() -> None:
    """A name like Modify, Put or Update hides as much harm as Delete shows."""
    found = judged("harmful")
    missed = [one.line for one in found if not one]
    assert len(found) >= 150
    assert len(missed) <= (1 - HARMFUL_FLAGGED) * len(found), missed
    assert sum(one.destructive for one in found) >= 0.88 * len(found), (
        "the rest is held for what it gives authority to"
    )


def test_what_only_looks_like_it_is_let_alone() -> None:
    """Who is asked about everything says yes to everything."""
    found = judged("harmless")
    flagged = [one.line for one in found if one]
    assert len(found) >= 150
    assert len(flagged) <= HARMLESS_FLAGGED * len(found), flagged
    assert [one.line for one in found if one.destructive] == []


BLIND_HARMFUL = {
    "first": (173, 150),
    "second": (150, 136),
    "third": (150, 130),
    "fourth": (146, 119),
    "fifth": (145, 120),
    "sixth": (125, 110),
    "seventh": (251, 242),
    "eighth": (178, 167),
    "ninth": (56, 51),
}
BLIND_HARMLESS = {
    "first": (2, 2),
    "second": (4, 1),
    "third": (2, 1),
    "fourth": (1, 0),
    "fifth": (2, 1),
    "sixth": (15, 5),
    "seventh": (10, 1),
    "eighth": (4, 0),
    "ninth": (4, 2),
}
"""How many are flagged now, and how many of them as destructive; what was flagged when nothing knew them stands in their first lines."""


def counted(name: str) -> tuple[int, int]:
    found = commands(name)
    return sum(map(bool, found)), sum(one.destructive for one in found)


def test_what_the_blind_samples_taught_is_not_forgotten() -> None:
    """Commands that were drawn at random and labelled unseen: flagged as many as the last time, or better."""
    harmful = {name: counted(f"blind/{name}_harmful") for name in BLIND_HARMFUL}
    harmless = {name: counted(f"blind/{name}_harmless") for name in BLIND_HARMLESS}
    assert (harmful, harmless) == (BLIND_HARMFUL, BLIND_HARMLESS)


EVERYDAY_FLAGGED: dict[str, bool] = {
    "appsync create-api-key": False,
    "cloudwatch set-alarm-state": False,
    "elasticbeanstalk update-environment": False,
    "elbv2 set-security-groups": True,
    "ivs create-channel": False,
    "stepfunctions start-execution": False,
}
"""What is asked about of an ordinary day's calls, and whether as destructive: secrets in answers, code of one's own, what an alarm sets off,
a whole list where nothing was read.
"""


def test_an_ordinary_day_is_let_alone() -> None:
    """Calls that people make every day, over a hundred services and more: next to none is held, and what is stands here by name."""
    found = commands("blind/everyday_harmless")
    assert len(found) >= 360
    assert {" ".join(one.line.split()[1:3]): one.destructive for one in found if one} == EVERYDAY_FLAGGED


@pytest.mark.parametrize("name", ["swept_f_z", "kinds"])
def test_what_was_gone_through_one_by_one_stays_told_apart(name: str) -> None:
    """Every command that was written of an operation, and its nearest harmless neighbour."""
    missed = [one.line for one in commands(f"{name}_harmful") if not one]
    flagged = [one.line for one in commands(f"{name}_harmless") if one]
    assert (missed, flagged) == ([], [])


def test_what_was_gone_through_operation_by_operation_stays_told_apart() -> None:
    """Every operation without a destructive verb from accessanalyzer to evs was asked what it could take away, and what its most ordinary
    call is: neither answer is lost again.
    """
    harmful, harmless = commands("through/a_to_e_harmful"), commands("through/a_to_e_harmless")
    missed = [one.line for one in harmful if not one]
    flagged = [one.line for one in harmless if one]
    assert (len(harmful) >= 640, len(harmless) >= 420) == (True, True)
    assert len(missed) <= (1 - THROUGH_FLAGGED) * len(harmful), missed
    assert len(flagged) <= THROUGH_NOT_FLAGGED * len(harmless), flagged


THROUGH_FLAGGED, THROUGH_NOT_FLAGGED = 0.998, 0.015
"""Ratchets of the same kind for what was gone through."""


@pytest.mark.slow
def test_ordinary_work_is_not_flooded_with_questions(account: Account) -> None:
    """Deploys, settings, data and debugging, judged on a stand-in account as it stands at each call."""
    done = work(account)
    outside = [(one.session, one.name) for one in done if one.development != "allow"]
    inside = [(one.session, one.name) for one in done if one.production != "allow"]
    assert len({one.session for one in done}) >= 18
    assert len(done) >= 475
    assert len(outside) <= HELD_OUTSIDE * len(done), outside
    assert len(inside) <= HELD_INSIDE * len(done), inside
