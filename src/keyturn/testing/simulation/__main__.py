"""``python -m keyturn.testing.simulation``: run histories, or tell one."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable, Sequence

from keyturn.testing.simulation import History, check, play
from keyturn.testing.simulation.nodes import play_nodes
from keyturn.testing.simulation.story import tell


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 when every rule held in every history."""
    parser = argparse.ArgumentParser(prog="keyturn.testing.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="tell the history of this seed")
    parser.add_argument("--case", default="", help="with --seed: only this case, C-3")
    parser.add_argument("--nodes", action="store_true", help="several nodes over one store")
    parser.add_argument("--first", type=int, default=0, help="first seed of many (default %(default)s)")
    parser.add_argument("--count", type=int, default=2000, help="how many histories (default %(default)s)")
    given = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)  # a crash that is simulated is not news
    played = play_nodes if given.nodes else play
    if given.seed is not None:
        return _tell(played, given.seed, given.case)
    return _many(played, given.first, given.count)


def _tell(played: Callable[[int], History], seed: int, case_id: str) -> int:
    history = played(seed)
    for line in tell(history, case_id=case_id):
        print(line)
    wrong = check(history)
    print("\n".join(["", *(f"WRONG: {one}" for one in wrong)]) if wrong else "\nevery rule holds")
    return bool(wrong)


def _many(played: Callable[[int], History], first: int, count: int) -> int:
    entries, effects, lives, failed = 0, 0, 0, 0
    begun = time.process_time()
    for seed in range(first, first + count):
        history = played(seed)
        entries += len(history.entries)
        effects += sum(one.what == "took" for one in history.journal)
        lives += history.lives
        wrong = check(history)
        if wrong:
            failed += 1
            print(f"seed {seed}: {wrong[0]}   (tell it with --seed {seed})", file=sys.stderr)
    took_s = time.process_time() - begun
    print(
        f"{count:,} histories, {entries:,} log entries, {effects:,} effects, {lives - count:,} crashes: "
        f"{count - failed:,} hold, {failed:,} do not; {count / took_s:,.0f} histories a second of processor time"
    )
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
