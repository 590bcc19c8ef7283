"""`keyturn rehearse`: a command against a twin of the account, and its plan."""

from __future__ import annotations

import json
import shlex
import sys
import textwrap
from typing import Any, Final

import click

from keyturn.cli.shared import EXIT_DONE, EXIT_FAILED, api, exit_of_phase, out, output_option
from keyturn.model.words import counted

WIDE: Final = 80
"""Columns of a terminal."""

SHOWN_MAX: Final = 12
"""Differences of one step that are printed; the page and -o json have all."""

UNSEEN_MAX: Final = 12


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--agent", default="agent", show_default=True, help="Name of the agent.")
@click.option(
    "--scope",
    multiple=True,
    metavar="RESOURCE",
    help="Copied before it begins: an ARN, or service:type/name. May be given again.",
)
@click.option("--ttl", "ttl_s", default=3600, show_default=True, help="Seconds until it ends by itself.")
@click.option("--no-hold", is_flag=True, help="Print the plan, and make no case of it.")
@click.option("--intent", default="", help="What it is for; reviewers read it as the agent's own words.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@output_option
@click.pass_context
def rehearse(
    ctx: click.Context,
    agent: str,
    scope: tuple[str, ...],
    ttl_s: int,
    no_hold: bool,
    intent: str,
    command: tuple[str, ...],
    output: str,
) -> None:
    """Run a command against copies of what it touches; all it did is one plan, held for review. Nothing is changed live."""
    from keyturn.agent.rehearse import rehearse as perform

    code, found = perform(
        api(ctx),
        agent,
        command,
        ttl_s=ttl_s,
        scope=scope,
        hold=not no_hold,
        intent=intent or shlex.join(command)[:500],
        aside=output == "json",
    )
    if code:
        found["not_held"] = f"{command[0]} ended with {code}: what it did is half of something"
    found["exit"] = code
    out(found, told(found), output)
    sys.exit(exit_code(found))


def exit_code(found: dict[str, Any]) -> int:
    """Held 2, denied 3; what cannot be replayed, and a command that failed, 1."""
    if found["exit"] or found["obstacles"]:
        return EXIT_FAILED
    if found["case"]:
        return exit_of_phase(found["case"]["phase"])
    return EXIT_FAILED if found["not_held"] and found["steps"] else EXIT_DONE


def told(found: dict[str, Any]) -> str:
    """The plan for a terminal: what it comes to, what takes something away, the steps, what was not seen."""
    lines = [*_head(found), ""]
    for step in found["steps"]:
        lines += _step(step)
    for title, key in (("REFUSED IN THE TWIN", "refused"), ("NOT SEEN", "unseen")):
        if found[key]:
            lines += ["", title]
            for text in found[key][:UNSEEN_MAX]:
                lines += _wrapped(f"  - {text}", "    ")
            if len(found[key]) > UNSEEN_MAX:
                lines.append(f"    and {len(found[key]) - UNSEEN_MAX} more: -o json")
    if found["obstacles"]:
        lines += ["", "CANNOT BE REPLAYED"]
        for text in found["obstacles"]:
            lines += _wrapped(f"  - {text}", "    ")
    return "\n".join([*lines, *_foot(found)]).rstrip()


def _head(found: dict[str, Any]) -> list[str]:
    steps = found["steps"]
    if not steps:
        return ["It changed nothing."]
    count = counted(len(steps), "step")
    takes = [str(step["number"]) for step in steps if step["takes_away"]]
    lines = [f"PLAN  {count}, rehearsed as {found['id']}; worst way back {found['worst']}"]
    if takes:
        lines.append(f"LOOK FIRST  step {', '.join(takes)}")
    return lines


def plan_lines(plan: dict[str, Any]) -> list[str]:
    """The plan that a case is, for `keyturn show`."""
    lines = [f"PLAN  {plan['done']} of {len(plan['steps'])} steps are done; rehearsed as {plan['id']}"]
    if plan["worst"]:
        lines.append(f"LOOK FIRST  step {', '.join(map(str, plan['worst']))}")
    for step in plan["steps"]:
        lines += _step(step)
    lines += ["", "NOT SEEN"]
    for text in plan["unseen"]:
        lines += _wrapped(f"  - {text}", "    ")
    return lines


def _step(step: dict[str, Any]) -> list[str]:
    mark = "!" if step["takes_away"] else " "
    head = f"{step['number']:>3} {mark} {step['symbol']:3} {step['operation']}  {step['effect']}, {step['reversibility']}"
    head += f"  {step['became'].upper()}" if step["became"] else ""
    lines = [head, *_wrapped(f"        {', '.join(step['resources'])}", "        ")]
    for one in step["takes"]:
        lines += _wrapped(f"        {one['value']} is {one['output']} of step {one['step']}", "          ")
    for one in step["differences"][:SHOWN_MAX]:
        lines += _wrapped(
            f"        {one['path']}: {_short(one['before'])} -> {_short(one['after'])}", "          "
        )
    if len(step["differences"]) > SHOWN_MAX:
        lines.append(f"        and {len(step['differences']) - SHOWN_MAX} more")
    for one in step["findings"]:
        lines += _wrapped(f"        {one['message']} [{one['code']}]", "          ")
    for text in step["unread"]:
        lines += _wrapped(f"        not read: {text}", "          ")
    return lines


def _foot(found: dict[str, Any]) -> list[str]:
    case = found["case"]
    if case:
        word = "waits for people" if case["phase"] == "held" else f"is {case['phase']}"
        why = f": {case['reason']}" if case["reason"] else ""
        return ["", *_wrapped(f"{case['id']} {word}{why}", "  "), f"keyturn show {case['id']}"]
    return ["", *_wrapped(f"No case was made of it: {found['not_held']}", "  ")] if found["not_held"] else []


def _short(value: Any) -> str:
    if value is None:
        return "(nothing)"
    text = value if isinstance(value, str) else json.dumps(value)
    return textwrap.shorten(text, 160, placeholder=" ...")


def _wrapped(line: str, indent: str) -> list[str]:
    return textwrap.wrap(line, WIDE, subsequent_indent=indent, break_on_hyphens=False) or [line]
