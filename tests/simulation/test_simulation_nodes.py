"""Histories of several nodes over one store: what ships holds in all of them, and every planted bug is found."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import Final

import pytest

from keyturn.model import record as r
from keyturn.testing.simulation import check
from keyturn.testing.simulation.nodes import play_nodes
from tests.simulation import planted_nodes

ALL: Final = bool(os.environ.get("KEYTURN_ALL"))
HISTORIES: Final = 6_000 if ALL else 160
SEEDS_UNTIL_FOUND: Final = 2_000

FIRST_SEED: Final = {
    "acts_after_its_lease": 985,
    "a_halt_is_not_waited_for": 685,
    "two_claims": 170,
    "others_move_nothing": 70,
    "routed_on_old_news": 35,
    "two_take_one_case_up": 30,
    "writes_what_is_not_its_work": 985,
}
"""Where to begin to look for what is rare, so that it need not be looked for long."""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What a simulated crash breaks is logged by the runtime, as it should be; nobody reads it here."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("part", range(4))
def test_every_rule_holds_however_many_nodes(part: int) -> None:
    """Nodes crash, stop past their lease and wake, hear late: nobody outside notices that there is more than one."""
    for seed in range(part, HISTORIES, 4):
        assert check(play_nodes(seed)) == [], (
            f"seed {seed}: python -m keyturn.testing.simulation --nodes --seed {seed}"
        )


@pytest.mark.parametrize("plant", planted_nodes.PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_bug_of_nodes_is_found(plant: planted_nodes.Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulation that cannot see a bug proves nothing about its absence."""
    plant(monkeypatch)
    first = FIRST_SEED.get(plant.__name__, 0)
    seeds = range(first, first + SEEDS_UNTIL_FOUND)
    assert any(check(play_nodes(seed)) for seed in seeds), f"not found: {plant.__doc__}"


def test_the_histories_of_nodes_are_worth_something() -> None:
    """Among some hundred, nodes die and are replaced, come back as somebody else, and take up what others had begun."""
    taken, came_back, writers = 0, 0, 0
    for seed in range(60):
        history = play_nodes(seed)
        names = {entry.writer for entry in history.entries}
        writers += len(names)
        came_back += sum("." in name for name in names)
        taken += sum(isinstance(entry.event(), r.TakenUp) for entry in history.entries)
    assert (taken > 20, came_back > 10, writers > 150) == (True, True, True), (taken, came_back, writers)


def test_a_seed_is_a_history_of_nodes_too() -> None:
    """The same seed gives the same journal, whoever wakes first."""
    assert play_nodes(31).journal == play_nodes(31).journal
