"""docs/reference/controls.md, from the table that `keyturn evidence controls` evaluates."""

from __future__ import annotations

from keyturn.core.controls import CONTROLS
from tools.docs.source import cell, generated, table


def page() -> str:
    """Each control of others: what it asks, what Keyturn's log is evidence for, on what that rests, and the tests that show it."""
    parts = [
        (
            "Which controls of others a Keyturn log is *evidence for*, on what each claim rests, and what the control asks beyond that. It is "
            "no claim of compliance: that is for whoever audits to say. What each control asks is told in our words. "
            "`keyturn evidence controls` says for a running installation whether what a claim rests on is present, absent or not configured "
            "(`-o markdown` for a report).\n"
        )
    ]
    for family in dict.fromkeys(control.of for control in CONTROLS):
        rows: list[tuple[str, ...]] = [
            (
                f"**{control.id}**",
                cell(control.asks),
                cell(control.claim),
                ", ".join(control.rests),
                "<br>".join(f"`{name}`" for name in control.tests),
                cell(control.lacks),
            )
            for control in CONTROLS
            if control.of == family
        ]
        head: tuple[str, ...] = ("", "asks", "claim", "rests on", "shown by", "not here")
        if not any(row[4] for row in rows):
            head, rows = (*head[:4], head[5]), [(*row[:4], row[5]) for row in rows]
        parts += [f"## {family}\n", table(head, rows)]
    return generated("Controls", "src/keyturn/core/controls.py", "\n".join(parts))
