"""Samples and comparisons as text for a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from typing import Any, Final

from keyturn.cli.text import table, when

_MARKS: Final = {True: "yes", False: "NO", None: "-"}
_CHECKS: Final = (
    ("independent", "approver is not the requester"),
    ("same_change", "what was approved is what was sent"),
    ("state_read", "the state was read again before the call"),
    ("backup", "the backup that was asked for"),
)


def sampled(found: dict[str, Any]) -> str:
    """A sample: the table, what does not hold, and how it is drawn again."""
    cases = found["cases"]
    rows = [
        (
            case["case"],
            f"{case['agent'] or 'person'} <- {case['operator']}",
            ", ".join(case["approvers"]) or "-",
            *(_MARKS[case[name]["holds"]] for name, _ in _CHECKS),
            case["outcome"],
        )
        for case in cases
    ]
    head = ("CASE", "ASKED", "APPROVED", "OTHER", "SAME", "STATE", "BACKUP", "OUTCOME")
    lines = [table(rows, head)] if rows else ["No call left that this could be drawn from."]
    wrong = [
        f"{case['case']}: {says}: {case[name]['said']}"
        for case in cases
        for name, says in _CHECKS
        if case[name]["holds"] is False
    ]
    lines += ["", "DOES NOT HOLD", *(f"  {line}" for line in wrong)] if wrong else []
    said = (
        f"{len(cases):,} of {found['population']:,} cases of which a call left and which match; {found['in_log']:,} cases in a log of "
        f"{found['log_entries']:,} entries. OTHER: nobody who approved had asked, nor was excluded; SAME: what was approved is what was "
        "sent; STATE: it was read again before the call; BACKUP: taken and verified; -: nothing asked for it."
    )
    again = f'Drawn by the smallest SHA-256 of "SEED:CASE", seed {found["seed"]}. Population: {found["population_digest"]}'
    lines += [
        "",
        textwrap.fill(said, 79),
        textwrap.fill(again, 79, break_long_words=False, break_on_hyphens=False),
    ]
    if cases:
        lines.append(
            f"Opened {when(min(one['opened_at_ms'] for one in cases))} to {when(max(one['opened_at_ms'] for one in cases))}."
        )
    return "\n".join(lines)
