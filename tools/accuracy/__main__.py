"""``make accuracy``: confusion tables of the catalogue against what others say, and the figures that CI holds.

``--examples FILE`` adds a file of CLI examples; ``--accept`` writes the figures down.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tools.accuracy import figures, oracles

RECORD = Path(__file__).parents[2] / "tests/catalogue/accuracy.json"


def main() -> None:
    """Print, and write only when asked to."""
    parser = argparse.ArgumentParser(prog="make accuracy")
    parser.add_argument("--examples", type=Path)
    parser.add_argument("--accept", action="store_true")
    given = parser.parse_args()
    for name, table in figures.tables().items():
        print(f"\n{name}\n{_told(table)}")
    if given.examples:
        table = figures.of_examples(oracles.examples(given.examples))
        print(f"\nexamples of the CLI, by access level\n{_told(table)}")
    now = figures.figures()
    print()
    for name, value in now.items():
        print(f"  {name:72} {value}")
    was = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    for line in figures.worse(was, now):
        print(f"  WORSE {line}")
    if given.accept:
        RECORD.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")


def _told(table: figures.Table) -> str:
    columns = sorted({effect for counts in table.values() for effect in counts})
    head = f"  {'':34}" + "".join(f"{column:>11}" for column in columns)
    rows = [
        f"  {said:34}" + "".join(f"{counts[column] or '':>11}" for column in columns)
        for said, counts in sorted(table.items())
    ]
    return "\n".join([head, *rows])


if __name__ == "__main__":
    main()
