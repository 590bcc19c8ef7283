"""The shipped pack `way-back`: how far from coming back a change may be, and what a drill changes about it."""

from __future__ import annotations

from importlib.resources import files

import pytest

from keyturn.model.assessment import Reversibility
from keyturn.model.change import Effect
from keyturn.policy import load
from keyturn.policy.example import Example
from keyturn.policy.facts import NEVER_S, Asked, drilled, recover_s, reversibility_drilled
from keyturn.policy.testing import run_pack_tests

ENGINE = load(["seatbelt", "way-back"])


def test_its_own_tests_hold_beside_seatbelt() -> None:
    """Every policy of it is tried, in force together with the pack that permits."""
    report = run_pack_tests(files("keyturn.policy") / "packs" / "way-back", engine=ENGINE)
    assert report.passed, report.text()
    assert report.untested == ()


@pytest.mark.parametrize(
    ("level", "tried", "inverse", "counts"),
    [
        (Reversibility.R1, False, True, 1),
        (Reversibility.R2, False, True, 2),
        (Reversibility.R3, False, False, 4),
        (Reversibility.R3, True, False, 3),
        (Reversibility.R4, True, False, 4),
    ],
)
def test_what_no_drill_gave_back_counts_one_class_worse(
    level: Reversibility, tried: bool, inverse: bool, counts: int
) -> None:
    """Only where the way back is a restore: what is put back in place needs no drill, and beyond never there is nothing."""
    change, assessment, _ = Example(
        effect=Effect.DELETE, reversibility=level, backup=True, inverse=inverse, drilled=tried
    ).build()
    assert reversibility_drilled(change, assessment) == counts


def test_a_resource_that_is_not_spoken_of_was_not_drilled() -> None:
    """Silence is no proof."""
    change, assessment, _ = Example(effect=Effect.DELETE, drilled=True).build()
    other, _, _ = Example(effect=Effect.DELETE, resource="example:thing/else").build()
    assert drilled(change, assessment)
    assert not drilled(other, assessment)


def test_a_time_that_is_not_known_is_longer_than_any() -> None:
    """So that `>` holds and `<` does not permit."""
    asked = Asked(*Example(effect=Effect.DELETE).build())
    assert recover_s(asked.assessment) == NEVER_S
