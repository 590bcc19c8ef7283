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
    """In processor time of one core, the best of several rounds: what a history costs, not what else the machine does meanwhile.

    One after the other, as `make sim` does it: played, checked, forgotten.
    """
    logging.disable(logging.CRITICAL)
    for seed in range(20):  # warm
        play(seed)
    rate = checked = 0.0
    for place in range(ROUNDS):
        played_s = checked_s = 0.0
        for seed in range(place * HISTORIES, (place + 1) * HISTORIES):
            begun = time.process_time()
            history = play(seed)
            told = time.process_time()
            assert not check(history)
            played_s, checked_s = played_s + told - begun, checked_s + time.process_time() - told
        rate, checked = max(rate, HISTORIES / (played_s + checked_s)), max(checked, HISTORIES / checked_s)
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
