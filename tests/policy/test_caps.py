"""The shipped pack `caps`, and the facts it stands on: how much goes at once, who relies on it, and what would be left to serve."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest

from keyturn.model.change import Effect
from keyturn.model.radius import Capacity, Share
from keyturn.policy import load
from keyturn.policy.example import Example
from keyturn.policy.facts import FACTS, NEVER_S, Asked
from keyturn.policy.testing import run_pack_tests

ENGINE = load(["seatbelt", "caps"])
NAMES = (
    "dependents",
    "dependents_production",
    "radius_known",
    "share_of_kind",
    "capacity_left",
    "serving_left",
)


def facts(**given: Any) -> tuple[object, ...]:
    """What policy knows of a delete, of the facts in `NAMES`."""
    asked = Asked(*Example(effect=Effect.DELETE, **given).build())
    return tuple(fact.of(asked) for name in NAMES for fact in FACTS if fact.name == name)


def test_its_own_tests_hold_beside_seatbelt() -> None:
    """Every policy of it is tried, in force together with the pack that permits."""
    report = run_pack_tests(files("keyturn.policy") / "packs" / "caps", engine=ENGINE)
    assert report.passed, report.text()
    assert report.untested == ()


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ({}, (0, 0, True, 0, 100, NEVER_S)),
        ({"dependents": 3, "environment": "test"}, (3, 0, True, 0, 100, NEVER_S)),
        ({"dependents": 3, "environment": ""}, (3, 3, True, 0, 100, NEVER_S)),
        ({"share": 75, "serving": (8, 2)}, (0, 0, True, 75, 25, 2)),
        ({"looked": False}, (0, 0, False, 100, 0, 0)),
    ],
    ids=["nothing-goes", "in-test", "nobody-says-where", "six-of-eight", "nobody-looked"],
)
def test_what_policy_knows(given: dict[str, Any], known: tuple[object, ...]) -> None:
    """What was not counted takes all of it, and leaves nothing; what does not serve leaves what serves alone."""
    assert facts(**given) == known


@pytest.mark.parametrize(
    ("taken", "population", "percent"), [(6, 8, 75), (1, 1_000, 1), (1, 3, 34), (2, None, 100), (3, 2, 100)]
)
def test_a_share_is_rounded_up(taken: int, population: int | None, percent: int) -> None:
    """So that a part is never nothing; a population that nobody counted, or counted wrongly, is taken whole."""
    assert Share("all", "ec2:instance", taken, population).percent == percent


@pytest.mark.parametrize(
    ("serving", "left", "percent"),
    [(8, 2, 25), (3, 2, 66), (0, 0, 100), (None, None, 0), (4, None, 0), (2, 3, 100)],
)
def test_what_is_left_is_rounded_down(serving: int | None, left: int | None, percent: int) -> None:
    """What could not be read is nothing that serves; where nothing served, nothing is lost."""
    gone, _, _ = Example(effect=Effect.DELETE).build()
    assert Capacity(gone.resources[0], "healthy targets", serving, left).percent == percent
