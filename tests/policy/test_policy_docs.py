"""The guide says what the code does: its tables are the code's, and its example is a pack that loads and passes."""

from __future__ import annotations

import re
from pathlib import Path

from keyturn.policy import load
from keyturn.policy.facts import table
from keyturn.policy.schema import EFFECT_GROUPS, RESOURCE_ATTRIBUTES
from keyturn.policy.source import ANNOTATIONS
from keyturn.policy.testing import run_pack_tests

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "policy.md").read_text(encoding="utf-8")


def test_the_facts_are_those_of_the_code() -> None:
    """To change the table, change `keyturn.policy.facts` and paste `table()` here."""
    assert table() in GUIDE


def test_every_annotation_group_and_attribute_is_documented() -> None:
    """What a policy may use is in the guide, in the words of the code."""
    for name, meaning in ANNOTATIONS.items():
        assert f"| `@{name}` | {meaning} |" in GUIDE
    for name, meaning in RESOURCE_ATTRIBUTES:
        assert f"| `resource.{name}` | {meaning} |" in GUIDE
    for group in EFFECT_GROUPS:
        assert f'`Action::"{group}"`' in GUIDE


def test_the_example_is_a_pack_that_loads_and_passes(tmp_path: Path) -> None:
    """What a reader copies from the guide works beside seatbelt as the guide says."""
    blocks = dict(re.findall(r"```(cedar|toml)\n(.*?)```", GUIDE, re.DOTALL))
    (tmp_path / "payments.cedar").write_text(blocks["cedar"])
    (tmp_path / "payments.tests.toml").write_text(blocks["toml"])
    report = run_pack_tests(tmp_path, engine=load(["seatbelt", tmp_path]))
    assert report.passed, report.text()
    assert report.untested == ()
