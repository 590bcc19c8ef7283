"""`keyturn undo` and `keyturn drill`: taking things back, and trying whether that would work."""

from __future__ import annotations

import datetime as dt
import re
import sys
from typing import Any, Final

import click

from keyturn.cli.shared import CASE, EXIT_FAILED, api, ends, exit_of_phase, out, output_option

_OF_DAY: Final = re.compile(r"\d{1,2}:\d\d")
_DAY: Final = dt.timedelta(days=1)


@click.command()
@click.argument("cases", nargs=-1, type=CASE)
@click.option("--session", default="", metavar="S-...", help="All that this session did.")
@click.option(
    "--since", default="", metavar="TIME", help="All that left since then: 20:30, or 2026-01-31T09:00Z."
)
@click.option("--agent", default="", help="With --since or --session: of this agent only.")
@click.option(
    "--plan",
    is_flag=True,
    help="Say what would be done, in which order, and what would be lost. Nothing is done.",
)
@click.option(
    "--partly",
    is_flag=True,
    help="Of a case of which some steps do not come back (--plan says which), give back the rest.",
)
@output_option
@click.pass_context
def undo(
    ctx: click.Context,
    cases: tuple[str, ...],
    session: str,
    since: str,
    agent: str,
    plan: bool,
    partly: bool,
    output: str,
) -> None:
    """Take cases back, as one case of its own: assessed, decided and reviewed as policy says."""
    body = {
        "cases": cases,
        "session": session,
        "since_ms": moment_ms(since, "--since"),
        "agent": agent,
        "plan": plan,
        "partly": partly,
    }
    console = api(ctx)
    if plan:
        parts = console.post("/undo", body)["parts"]
        out(parts, planned(parts), output)
        if not all(part["possible"] for part in parts):
            sys.exit(EXIT_FAILED)
        return
    case = console.post("/undo", body)
    undone = ", ".join([case["undoes"], *case["undoes_also"]])
    told = [f"{case['id']} undoes {undone}: {case['phase']}. {case['reason']}"]
    told += [f"  NOT BACK: {line}" for line in case["stays"] if line not in case["reason"]]
    out([case], "\n".join(told), output)
    ends(exit_of_phase(case["phase"]))


def moment_ms(text: str, option: str, *, ahead: bool = False) -> int | None:
    """A time that was typed, local where it says no zone; None where there is none. Of a time of day the last one is meant, or with
    `ahead` the next.
    """
    if not text:
        return None
    now = dt.datetime.now(tz=dt.UTC).astimezone()
    try:
        if _OF_DAY.fullmatch(text):
            hour, minute = (int(part) for part in text.split(":"))
            moment = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
            if ahead and moment <= now:
                moment += _DAY
            elif not ahead and moment > now:
                moment -= _DAY
        else:
            moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no time; write 20:30, or 2026-01-31T09:00Z", param_hint=option
        ) from None
    return int(moment.astimezone().timestamp() * 1000)


def planned(parts: list[dict[str, Any]]) -> str:
    """An undo as it would be done, for a terminal."""
    lines = []
    for number, part in enumerate(parts, 1):
        if not part["possible"]:
            lines.append(f"{number:>3}  {part['case']}  stays as it is: {part['why']}")
            continue
        lines.append(f"{number:>3}  {part['case']}")
        for operation in part["operations"]:
            on = ", ".join(f"{ref['kind']}/{ref['id']}" for ref in operation["resources"])
            lines.append(f"       {operation['name']}  {on}")
        lines += [f"       NOT BACK: {line}" for line in part["stays"]]
        lines += [f"       not as before: {loss}" for loss in part["loss"]]
    return "\n".join(lines) or "Nothing that took effect is among what was meant."


@click.command()
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="KIND",
    help="Only of this kind (dynamodb:table); may be given again.",
)
@click.option(
    "--resource", "resources", multiple=True, metavar="KIND/ID", help="This one; may be given again."
)
@output_option
@click.pass_context
def drill(ctx: click.Context, kinds: tuple[str, ...], resources: tuple[str, ...], output: str) -> None:
    """Try the way back: restore what cases have spoken of under scratch names, compare, measure, remove. The originals are only read."""
    from keyturn.cli import text

    found = api(ctx).post("/drill", {"kinds": kinds, "resources": resources})["drills"]
    rows = [
        (
            f"{one['resource']['kind']}/{one['resource']['id']}",
            one["result"],
            f"{one['restore_ms'] / 1000:.1f} s" if one.get("restore_ms") is not None else "-",
            text.when(one.get("watermark", {}).get("at_ms")),
            "; ".join([*one.get("differences", []), *([one["detail"]] if one.get("detail") else [])]) or "-",
        )
        for one in found
    ]
    told = text.table(rows, ("RESOURCE", "RESULT", "RTO", "DATA AS OF", "NOT AS BEFORE"))
    out(found, told if rows else "No case has spoken of anything that could be drilled.", output)
    if any(one["result"] in {"failed", "different"} for one in found):
        sys.exit(EXIT_FAILED)
