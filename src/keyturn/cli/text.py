"""Cases as text for a terminal of 80 columns."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from keyturn.core.alike import alike
from keyturn.model.assessment import WAYS_BACK, place

NARROW: Final = 80
"""The least a terminal has; narrower ones wrap."""

CELL_MIN: Final = 9
"""A column is not cut to less: a name of which less is left is no name."""

ALIKE_MIN: Final = 3
"""From so many on, cases that are alike stand as one line, as on the page."""


def width() -> int:
    """Columns to print on: those of the terminal, or that COLUMNS says; without either, as many as are needed (a pipe cuts nothing)."""
    if not sys.stdout.isatty() and not os.environ.get("COLUMNS", "").isdigit():
        return 0
    return max(NARROW, shutil.get_terminal_size((NARROW, 40)).columns)


def table(rows: Iterable[tuple[str, ...]], head: tuple[str, ...], *, matters: str = "") -> str:
    """Columns as wide as they need. Where they do not fit, the widest are cut in their middle, and the cut is seen.

    The column that `matters` keeps twice what others keep.
    """
    listed = [head, *rows]
    widths = [max(len(row[column]) for row in listed) for column in range(len(head))]
    room = width()
    while room and sum(widths) + 2 * (len(widths) - 1) > room and max(widths) > CELL_MIN:
        ranked = [
            0 if size <= CELL_MIN else size / 2 if name == matters and size > 2 * CELL_MIN else size
            for name, size in zip(head, widths, strict=True)
        ]
        widths[ranked.index(max(ranked))] -= 1
    return "\n".join(
        "  ".join(cut(cell, size).ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip()
        for row in listed
    )


def cut(text: str, size: int) -> str:
    """At most so many characters: names differ at their ends, so that the middle goes."""
    if len(text) <= size:
        return text
    end = (size - 1) // 2
    return f"{text[: size - 1 - end]}…{text[len(text) - end :]}"


def when(at_ms: int | None) -> str:
    """Local time of day, with the day when it is not today."""
    if not at_ms:
        return "-"
    moment = dt.datetime.fromtimestamp(at_ms / 1000).astimezone()
    today = dt.datetime.now().astimezone().date() == moment.date()
    return moment.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M")


def until(at_ms: int) -> str:
    """Local time with its zone, and the day always: the end of what somebody else was given, who may be elsewhere."""
    return f"{dt.datetime.fromtimestamp(at_ms / 1000).astimezone():%Y-%m-%d %H:%M %Z}"


def span(seconds: int) -> str:
    """A duration as people say it: days where it is days."""
    for name, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {name}"
    return f"{seconds} s"


def inbox(cases: list[dict[str, Any]], *, each: bool = False) -> str:
    """One line a case; on a terminal, from `ALIKE_MIN` on, those that are alike share one, unless `each`. A pipe gets them all."""
    groups: dict[Any, list[dict[str, Any]]] = {}
    for case in cases:
        groups.setdefault(alike(case), []).append(case)
    lines = [group for group in groups.values() if len(group) >= ALIKE_MIN and not each and width()]
    folded = {case["id"] for group in lines for case in group[1:]}
    size = {group[0]["id"]: len(group) for group in lines}
    rows = [
        (
            case["id"] + (f" +{size[case['id']] - 1}" if case["id"] in size else ""),
            case["phase"],
            case["symbol"],
            times(operation.partition(":")[2] for operation in case["operations"]),
            (case["resources"] or ["-"])[0] + _more(case["resources"]),
            f"{case['agent'] or 'person'} <- {case['operator']}",
            f"{len(case['approvals'])}/{case['quorum']}" if case["quorum"] else "-",
            left(case["deadline_ms"]) if case["phase"] == "held" else "-",
            looks(case),
        )
        for case in cases
        if case["id"] not in folded
    ]
    head = ("CASE", "PHASE", "", "OPERATION", "RESOURCE", "WHO ASKS", "YES", "ENDS", "LOOKS")
    empty = {place for place in range(6, len(head)) if all(row[place] == "-" for row in rows)}
    kept = [place for place in range(len(head)) if place not in empty]
    shown = [tuple(row[place] for place in kept) for row in rows]
    drawn = table(shown, tuple(head[place] for place in kept), matters="RESOURCE")
    first = next(iter(size), None)
    hint = f"+n: as many more are alike. Each: keyturn inbox --each\n    None of them: keyturn deny {first} --alike"
    return f"{drawn}\n{hint}" if first else drawn


def times(names: Iterable[str]) -> str:
    """Each name once, with how often it stands there: an undo of a session is the same call many times."""
    return ", ".join(f"{count} {name}" if count > 1 else name for name, count in Counter(names).items())


def looks(case: dict[str, Any]) -> str:
    """Who looks at it now. A claim ends by itself, with no word from anybody."""
    if case.get("claimed_by") and (case.get("claimed_until_ms") or 0) > time.time() * 1000:
        return str(case["claimed_by"])
    return "nobody!" if case.get("escalated") and case["phase"] == "held" else "-"


def left(until_ms: int | None) -> str:
    """How long it still takes until then, in few characters."""
    if not until_ms:
        return "-"
    minutes = max(0, int(until_ms / 1000 - time.time())) // 60
    return (
        f"{minutes}m" if minutes < 120 else f"{minutes // 60}h" if minutes < 2_880 else f"{minutes // 1_440}d"
    )


def _more(names: list[str]) -> str:
    return f" +{len(names) - 1}" if len(names) > 1 else ""


def afterwards(cases: list[dict[str, Any]]) -> str:
    """Break-glasses that another person has to look at, one a line."""
    rows = [
        (
            case["id"],
            case["phase"],
            case["glass"]["by"],
            when(case["glass"]["at_ms"]),
            case["glass"]["reason"],
        )
        for case in cases
    ]
    return table(rows, ("CASE", "PHASE", "BY", "WHEN", "REASON"))


_IDENTITIES: Final = (
    ("log head", "log_head"),
    ("policies", "policy_digest"),
    ("catalogue", "catalogue"),
    ("log's key", "public_key"),
)


def freezes(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Each with whether it is on, in capitals where it is."""
    from keyturn.core.freezing import said

    now_ms = int(dt.datetime.now(tz=dt.UTC).timestamp() * 1000)
    return [
        (
            "FROZEN" if one["from_ms"] <= now_ms else "to freeze",
            f"{one['id']}: {said(one['environment'], one['account'])}"
            + (f" from {when(one['from_ms'])}" if one["from_ms"] > now_ms else "")
            + f" until {when(one['until_ms'])}, by {one['by']}: {one['reason']}",
        )
        for one in found
    ]


def status(found: dict[str, Any]) -> str:
    """How the plane stands, on one screen: what is wrong first, in capitals; identities, which nobody reads at night, last."""
    place = f"account {found['account']} in {found['region']}" if found.get("account") else "no account"
    lines = [f"Keyturn {found.get('version', '?')}  {found['mode'].upper()}  {place}"]
    if found.get("standin"):
        lines.append("  THE ACCOUNT IS A STAND-IN, not AWS.")
    halts = found["halted_by"]
    lines += [f"  HALTED     {agent or 'everything'}, by {by}" for agent, by in sorted(halts.items())]
    if not halts:
        lines.append("  halted     by nobody")
    lines += [f"  {word:<10} {line}" for word, line in freezes(found["freezes"])]
    lines += _policy_waits(found)
    phases = ", ".join(f"{count} {phase}" for phase, count in found["phases"].items())
    signed = found["checkpoint"]
    said = "NOT SIGNED YET"
    if signed:
        later = found["log_entries"] - signed["entries"]
        said = f"signed at {when(signed['at_ms'])} up to {signed['entries']:,}" + (
            f", {later:,} came after" if later > 0 else ""
        )
    lines += [
        f"  gateway    {found.get('gateway_url') or 'DOES NOT LISTEN'}",
        f"  proxy      {found.get('proxy_url') or 'off'}",
        f"  console    {found.get('console_url') or 'DOES NOT LISTEN'}",
        f"  sessions   {found['sessions']} open",
        f"  cases      {found['open_cases']} open{': ' + phases if phases else ''}",
        f"  log        {found['log_entries']:,} entries, {said}",
    ]
    looked = found.get("vault")
    if looked:
        ready = f"account {looked['account']} is ready"
        lines += [f"  VAULT      {one}" for one in looked["troubles"]] or [f"  vault      {ready}"]
    lines += [
        f"  node       {node['name']}: lease {node['lease_left_s']} s, heard {node['heard']:,}, {node.get('gateway', '')}"
        for node in found.get("nodes", [])
    ]
    lines += [f"  {name:10} {found.get(key, '')}" for name, key in _IDENTITIES]
    return "\n".join(lines)


def _policy_waits(found: dict[str, Any]) -> list[str]:
    """Policies that would let more through than those in force; what is on disk and in nobody's hands."""
    lines = [
        f"  POLICY     {one['id']} waits: {', '.join(one['packs'])} would let more through; keyturn proposals"
        for one in found["policy_waits"]
    ]
    if not lines and found["policy_configured"] != found["policy_digest"]:
        lines = ["  POLICY     what is on disk is NOT IN FORCE: denied, or undecided for a day"]
    return lines


def case(found: dict[str, Any]) -> str:
    """The review page, in the order in which a tired person needs it."""
    assessment = found.get("assessment") or {}
    lines = [
        f"{found['id']}  {found['phase'].upper()}  {found['symbol']} {found['effect']} in {place(found['environment'])}",
        f"  {times(found['operations'])} of {', '.join(found['resources'])}",
        f"  asked by {found['agent'] or 'a person'} for {found['operator']} at {when(found['opened_at_ms'])}{_session(found)}",
    ]
    lines += [f"  {said} (the service checks it)" for said in found.get("only_if", [])]
    if found["reason"]:
        lines.append(f"  {found['reason']}")
    lines += _taken_back(found)
    if found.get("environment_said"):
        lines.append("  " + "; ".join(dict.fromkeys(found["environment_said"])))
    if found.get("environment_silent"):
        lines.append(f"  nothing says where: {', '.join(found['environment_silent'])}")
    said = (("AT RISK", found["data_at_risk"]), ("HINDERED", found.get("hindrance")))
    lines += [f"\n{name:10} {text}" for name, text in said if text]
    findings = [f"{finding['message']} [{finding['code']}]" for finding in assessment.get("findings", [])]
    if findings:
        lines.append("\nFINDINGS   " + "\n           ".join(findings))
    for way in assessment.get("alternatives", []):
        lines += _narrower(way)
    lines += _before_after(found, assessment)
    if assessment.get("blast_radius"):
        lines.append("\nDEPENDS ON IT")
        lines += [
            f"  {edge['resource']['kind']}/{edge['resource']['id']} {edge['relation']}"
            for edge in assessment["blast_radius"]
        ]
    if found["phase"] != "failed" or len(found["operations"]) > 1:  # the service refused it: nothing happened
        lines += undo_lines(found)
    if assessment.get("unknowns"):
        lines.append("\nUNKNOWN    " + "\n           ".join(assessment["unknowns"]))
    decision = found.get("decision") or {}
    for reason in decision.get("reasons", []):
        lines.append(f"\nPOLICY     {decision['verdict']}: {reason['message']} [{reason['policy']}]")
    lines += review_lines(found)
    if found.get("may_not"):
        lines.append(f"           you cannot review this: {found['may_not']}")
    if found.get("proof"):
        lines.append("\nPROOF")
        lines += [
            f"  ({step['number']}) {'ok ' if step['holds'] else 'NOT'} {step['name']}: {step.get('detail', '')}"
            for step in found["proof"]
        ]
    if found.get("story"):
        lines.append("\nSTORY")
        lines += [
            f"  {when(line['at_ms'])}  {line['name']:20}  {textwrap.shorten(line['said'], 90)}".rstrip()
            for line in found["story"]
        ]
    return "\n".join(lines)


def review_lines(found: dict[str, Any]) -> list[str]:
    """Who approved; or who acted around the review, and what another person said of it afterwards."""
    if (glass := found.get("glass")) is not None:
        verdict = f"{'right' if glass['right'] else 'not right'}, says {glass['reviewed_by']}"
        after = (
            verdict if glass["reviewed_by"] else f"nobody has signed it off: keyturn sign-off {found['id']}"
        )
        note = f" ({glass['note']})" if glass["note"] else ""
        return [
            f"\nREVIEW     none: {glass['by']} broke the glass: {glass['reason']}",
            f"           {after}{note}",
        ]
    if not found["quorum"]:
        return []
    who = ", ".join(found["approvals"]) or "nobody yet"
    lines = [f"\nREVIEW     {len(found['approvals'])} of {found['quorum']} approvals: {who}"]
    if found.get("needs") and found["open"]:
        lines.append(f"           it takes {'; and '.join(found['needs'])}: {found['met']}")
    if found.get("unmet") and found["phase"] == "held":
        lines.append(f"           as things stood when it was held, {found['unmet']}")
    return lines


def _session(found: dict[str, Any]) -> str:
    """By which all that the same run of the agent did is taken back: `keyturn undo --session`."""
    session = ((found.get("change") or {}).get("principal") or {}).get("session")
    return f", in session {session}" if session and found["agent"] else ""


def _before_after(found: dict[str, Any], assessment: dict[str, Any]) -> list[str]:
    """Of a plan, step by step; else what the operations change of what stands."""
    if found.get("rehearsal"):
        from keyturn.cli.rehearsing import plan_lines

        return ["", *plan_lines(found["rehearsal"])]
    told = [
        f"  {one['path'] or one['resource']['id']}: {_short(one['before'])} -> {_short(one['after']) if one['path'] else 'gone'}"
        for one in assessment.get("differences") or []
    ]
    return ["\nBEFORE / AFTER", *told] if told else []


def _narrower(way: dict[str, Any]) -> list[str]:
    verdict = f"{way['verdict'].upper()}: " if way.get("verdict") else ""
    lines = ["", *_wrapped(f"NARROWER   {verdict}{way['why']}")]
    if way.get("because"):
        lines += _wrapped(f"           because {'; '.join(way['because'])}")
    lines += [f"           {command}" for command in way["commands"]]
    for cost in way.get("costs", []):
        lines += _wrapped(f"           {cost['path']}: {cost['cost']}")
    return lines


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, 80, subsequent_indent=" " * 11, break_long_words=False, break_on_hyphens=False)


def _taken_back(found: dict[str, Any]) -> list[str]:
    """By which case, and what of it did not come back; of an undo, what it does not give back."""
    by = found["undone_by"]
    lines = [f"  taken back {'in part ' if found.get('left') else ''}by {by}"] if by else []
    return [*lines, *(f"  NOT BACK: {line}" for line in (*found.get("left", ()), *found.get("stays", ())))]


def undo_lines(found: dict[str, Any]) -> list[str]:
    """Whether it comes back, how, in what time, and what would not be as before."""
    if found.get("nothing_there"):
        return [
            "\nUNDO       what it names does not stand: nothing is lost, and there is nothing to give back"
        ]
    assessment = found.get("assessment") or {}
    lines = (
        [f"\nWAY BACK   {WAYS_BACK[assessment['reversibility']]}"] if assessment.get("reversibility") else []
    )
    decided = found.get("decision")
    saved = not decided or (decided.get("obligations") or {}).get("backup", False)
    takes = {"delete", "replace"} & set(assessment.get("effects", ()))
    plain = not saved and not takes and assessment.get("reversibility") in {"R0", "R1"}
    for item in assessment.get("recoverable", []):
        if plain and not item["inverse"]:
            continue  # what is made, or made again, takes nothing away that would have to come back
        from_backup = "backup and restore" if saved else "ONLY FROM A BACKUP, and policy asks for none"
        how = (
            "put back in place"
            if item["inverse"]
            else (from_backup if item["backup"] else "CANNOT be given back")
        )
        if item.get("window_s"):
            how += f", for {span(item['window_s'])} by the service itself"
        if item.get("recover_s"):
            measured = "measured by a drill" if item.get("drilled_at_ms") else "estimated, not drilled"
            how += f", in about {span(item['recover_s'])} ({measured})"
        lines.append(f"\nUNDO       {item['resource']['id']}: {how}")
        lines += [f"           not as before: {loss}" for loss in item.get("loss", [])[:4]]
        if item.get("not_vaulted"):
            lines.append(f"           not in the vault account: {item['not_vaulted']}")
    lines += [
        f"           backup: {backup.get('verified_by') or 'NOT PROVED'}"
        for backup in found.get("backups", [])
    ]
    lines += [
        f"           vault account: {copy['verified_by']}"
        for backup in found.get("backups", [])
        for copy in backup.get("vaulted", [])
    ]
    return lines


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return textwrap.shorten(text, 70) if text else "(nothing)"
