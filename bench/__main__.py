"""``make bench``: every measurement, a table for people, ``bench/latest.json`` for programs. Exits 1 when a goal is missed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench import catalogue, console, decision, explain, gateway, log, simulation, startup

LATEST = Path(__file__).with_name("latest.json")


def main() -> int:
    rows: list[dict[str, object]] = []
    for part in (simulation, catalogue, decision, explain, log, startup, gateway, console):
        print(f"{part.__name__} ...", file=sys.stderr, flush=True)
        measured = [dict(line) for line in part.measure()]
        rows += measured
        for line in measured:
            print(_told(line), flush=True)
        LATEST.write_text(json.dumps(rows, indent=1) + "\n")
    missed = [str(line["name"]) for line in rows if not line["met"]]
    print(
        f"\n{len(rows)} figures in {LATEST.name}; "
        + (f"missed: {'; '.join(missed)}" if missed else "every goal is met")
    )
    return bool(missed)


def _told(line: dict[str, object]) -> str:
    ratio = f"{line['ratio']}x of {line['baseline']}" if line["ratio"] is not None else ""
    goal = f"{'met' if line['met'] else 'MISSED'}: {line['goal']}" if line["goal"] else ""
    return f"  {line['name']!s:52} {line['value']!s:>12} {line['unit']!s:10} {ratio:22} {goal}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
