"""A difference of policies as text that fits 80 columns."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from typing import Final

from keyturn.policy.proving import Area, Difference
from keyturn.policy.relaxing import example, where

WIDE: Final = 80


def difference_text(found: Difference) -> str:
    """The verdict first, then each way in which the new policies are milder, with what it touches and an example of each."""
    if found.proved:
        return "\n".join(
            [
                "PROVED: nothing becomes more permissive.",
                *_outside(found, "so for them it holds whatever they say"),
            ]
        )
    shown = [area for area in found.areas if area.shown]
    lines = (
        [f"MORE PERMISSIVE: {len(shown)} areas, an example of each; Cedar says so of all."] if shown else []
    )
    by: dict[str, list[Area]] = defaultdict(list)
    for area in shown:
        by[area.what].append(area)
    for what, areas in by.items():
        lines += ["", what]
        for area in areas:
            lines += _area(area)
    doubtful = [f"{area.what}, {where(area)}" for area in found.areas if not area.shown]
    doubtful += [f"{what}: too much to look through" for what in found.unfinished]
    if doubtful:
        lines += ["", "NOT PROVED, and so treated as more permissive:", *(f"  {one}" for one in doubtful)]
        lines += _outside(found, "what they say is not known")
    return "\n".join(lines).strip()


def _area(area: Area) -> list[str]:
    was, now = ", ".join(area.before.policies) or "no policy", ", ".join(area.after.policies) or "no policy"
    said = [f"e.g. {example(area.witness)}", f"before: {was}"]
    if was != now:
        said.append(f"after: {now}")
    return [f"  {where(area)}", *(line for one in said for line in _wrapped(one))]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text, WIDE, initial_indent="    ", subsequent_indent="      ", break_on_hyphens=False
    )


def _outside(found: Difference, so: str) -> list[str]:
    """What is not understood is said, whether or not it mattered."""
    if not found.outside:
        return []
    return ["", f"Not understood, {so}:", *(f"  {name}: {why}" for name, why in found.outside.items())]
