"""Whole histories a second, checker included. Run: ``python -m bench.simulation``"""

from __future__ import annotations

import json
import logging
import time
from typing import Final

from bench.log import Row, row
from keyturn.testing.simulation import check, play

HISTORIES: Final = 100
ROUNDS: Final = 5
RATE_MIN: Final = 200.0


def measure() -> list[Row]:
    """In processor time of one core: played, checked, forgotten, one after the other, as `make sim` does it.

    Each history is played in every round and its cheapest time counts: the same seed does the same, so what else a round cost
    was the neighbours' doing.
    """
    logging.disable(logging.CRITICAL)
    for seed in range(20):  # warm
        play(seed)
    costs_s: dict[int, tuple[float, float]] = {}
    for _ in range(ROUNDS):
        for seed in range(HISTORIES):
            begun = time.process_time()
            history = play(seed)
            told = time.process_time()
            assert not check(history)
            played_s, checked_s = told - begun, time.process_time() - told
            before = costs_s.get(seed, (played_s, checked_s))
            costs_s[seed] = min(before[0], played_s), min(before[1], checked_s)
    played_s, checked_s = (sum(column) for column in zip(*costs_s.values(), strict=True))
    rate, checked = HISTORIES / (played_s + checked_s), HISTORIES / checked_s
    logging.disable(logging.NOTSET)
    return [
        row(
            "simulation: histories, played and checked",
            rate,
            "1/s",
            goal=f">= {RATE_MIN:g}/s on one core",
            met=rate >= RATE_MIN,
        ),
        row("simulation: of it the checker alone", checked, "1/s"),
    ]


if __name__ == "__main__":
    for line in measure():
        print(json.dumps(line))
