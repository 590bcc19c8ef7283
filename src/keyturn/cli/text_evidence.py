"""Samples and comparisons as text for a terminal of 80 columns."""

from __future__ import annotations

import datetime as dt
import math
import textwrap
from typing import Any, Final

from keyturn.cli.text import table, when
from keyturn.providers.aws.reconciling import Reconciled, Seen

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


LISTED_MAX: Final = 50
"""Events listed for people; -o json has them all."""


def reconciled_text(found: Reconciled) -> str:
    """What does not agree first; then how much was compared."""
    lines: list[str] = []
    for title, events in (
        ("WENT ROUND: no case tells of these", found.around),
        ("TRIED TO GO ROUND, and was refused by AWS", found.refused),
        ("DONE BY A SERVICE, for somebody or by itself", found.services),
    ):
        if events:
            lines += [f"{title} ({len(events):,})", *(_event(one) for one in events[:LISTED_MAX]), ""]
            if len(events) > LISTED_MAX:
                lines[-1:] = [f"  and {len(events) - LISTED_MAX:,} more: -o json", ""]
    for title, calls in (
        ("NOT IN THE TRAIL: calls of cases that it should have", found.missing),
        ("Not in the trail, which has such calls only where data events are switched on", found.data),
    ):
        if calls:
            lines += [f"{title} ({len(calls):,})"]
            lines += [f"  {when(one.at_ms)}  {one.case}  {one.operation}" for one in calls[:LISTED_MAX]] + [
                ""
            ]
    if found.unread:
        lines += [
            f"COULD NOT BE READ, and may be anything ({len(found.unread):,})",
            *map("  {}".format, found.unread[:5]),
            "",
        ]
    lines.append(
        f"{found.events:,} events from {when(found.from_ms)} to {when(found.to_ms)}, {found.mutating:,} of them changes: "
        f"{found.matched:,} of cases, {found.own:,} of the plane's own steps, {len(found.services):,} by services, "
        f"{len(found.around):,} around."
    )
    if found.late:
        lines.append(f"{found.late:,} calls are too young: the trail may not have them yet.")
    if not (found.around or found.missing or found.unread):
        lines.append("Trail and log agree.")
    return "\n".join(lines)


def _event(one: Seen) -> str:
    words = [f"  {when(one.at_ms)}  {one.operation}  {one.region}", f"      by {one.who}"]
    through = f" for {one.by_service}" if one.by_service else ""
    words.append(
        f"      from {one.source_ip or '?'}, key {one.access_key or 'none'}{through}, event {one.event_id}"
    )
    if one.error:
        words.append(f"      {one.error}")
    if one.why:
        words.append(f"      {one.why}")
    return "\n".join(words)


_NOT_COMPLIANCE: Final = (
    "Evidence for, as it stands here; whether a control is met is for whoever audits to say."
)


def controls_text(found: list[dict[str, Any]]) -> str:
    """Each control: its claim, what it rests on, what it lacks."""
    lines = [textwrap.fill(_NOT_COMPLIANCE, 79)]
    for one in found:
        control = one["control"]
        standing = one["standing"].upper() if one["standing"] != "present" else "present"
        lines += ["", f"{control['of']} {control['id']}  {standing if control['rests'] else 'NO CLAIM'}"]
        lines.append(textwrap.fill(control["claim"], 79, initial_indent="  ", subsequent_indent="  "))
        lines += [
            textwrap.fill(
                f"{rest['standing']:15} {rest['name']}: {rest['said']}",
                79,
                initial_indent="  ",
                subsequent_indent=" " * 18,
            )
            for rest in one["found"]
        ]
        if control["lacks"]:
            lines.append(
                textwrap.fill(
                    f"not here: {control['lacks']}", 79, initial_indent="  ", subsequent_indent="  "
                )
            )
    return "\n".join(lines)


def controls_markdown(found: list[dict[str, Any]]) -> str:
    """The same as a table, for a report."""
    lines = [
        _NOT_COMPLIANCE,
        "",
        "| control | asks | claim | rests on | not here |",
        "| --- | --- | --- | --- | --- |",
    ]
    for one in found:
        control = one["control"]
        rests = "<br>".join(f"**{rest['standing']}** {rest['name']}: {rest['said']}" for rest in one["found"])
        cells = (
            f"{control['of']} {control['id']}",
            control["asks"],
            control["claim"],
            rests,
            control["lacks"],
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


BAR: Final = {"approved": "#", "denied": "x", "lapsed": ".", "open": "o"}
BAR_CHARS_MAX: Final = 40


def attention_text(found: dict[str, Any]) -> str:
    """Days as bars, people, policies; what needs a word stands beside it."""
    from keyturn.cli.text import table, when

    days = found["days"]
    alone = [
        textwrap.fill(
            f"{when(one['at_ms'])} {one['by']}: {one['what']} ({one['why']})",
            79,
            initial_indent="  ",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for one in found["alone"]
    ]
    alone = ["", "changed among people by one person alone:", *alone] if alone else []
    if not days:
        return "\n".join(("Nothing was held in this time: nobody was asked.", *alone))
    most = max(sum(day[name] for name in BAR) for day in days)
    scale = min(1.0, BAR_CHARS_MAX / max(1, most))
    lines = [f"held, by day (UTC): {', '.join(f'{sign} {name}' for name, sign in BAR.items())}"]
    for day in days:
        bar = "".join(sign * math.ceil(day[name] * scale) for name, sign in BAR.items())
        date = dt.datetime.fromtimestamp(day["day"] * 86_400, tz=dt.UTC).strftime("%Y-%m-%d")
        lines.append(f"  {date} {sum(day[name] for name in BAR):>4} {bar}")
    people = [
        (
            one["name"],
            str(one["reviews"]),
            f"{100 * one['approved'] // one['reviews']} %",
            f"{one['most_a_day']} of {found['budget']}",
            span(one["median_s"]),
            "RUBBER STAMP?" if one["stamps"] else f"over budget on {one['over']} days" if one["over"] else "",
        )
        for one in found["reviewers"]
    ]
    if people:
        lines += ["", table(people, ("REVIEWER", "REVIEWS", "YES", "MOST A DAY", "AT MOST", ""))]
    causes = [
        (
            one["policy"],
            str(one["holds"]),
            str(one["approved"]),
            str(one["denied"]),
            str(one["lapsed"]),
            str(one["reviews"]),
        )
        for one in found["causes"]
    ]
    lines += ["", table(causes, ("POLICY", "HOLDS", "YES", "NO", "LAPSED", "REVIEWS"))]
    lines += [f"  {one['policy']}: {one['advice']}" for one in found["causes"] if one["advice"]]
    return "\n".join((*lines, *alone))


def span(seconds: float | None) -> str:
    """About how long, for people."""
    if seconds is None:
        return "-"
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
