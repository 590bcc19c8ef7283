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

    The checker is counted apart.
    """
    logging.disable(logging.CRITICAL)
    for seed in range(20):  # warm
        play(seed)
    rate = checked = 0.0
    for place in range(ROUNDS):
        begun = time.process_time()
        histories = [play(seed) for seed in range(place * HISTORIES, (place + 1) * HISTORIES)]
        rate = max(rate, HISTORIES / (time.process_time() - begun))
        begun = time.process_time()
        assert not any(check(history) for history in histories)
        checked = max(checked, HISTORIES / (time.process_time() - begun))
    logging.disable(logging.NOTSET)
    return [
        row(
            "simulation: histories", rate, "1/s", goal=f">= {RATE_MIN:g}/s on one core", met=rate >= RATE_MIN
        ),
        row("simulation: histories checked", checked, "1/s"),
    ]


if __name__ == "__main__":
    for line in measure():
        print(json.dumps(line))
