"""`keyturn narrow`: the narrower ways of a case, and sending one instead."""

from __future__ import annotations

import sys
from typing import Any

import click

from keyturn.cli.shared import EXIT_FAILED, api, out, output_option

_NOT_DONE = {"failed", "invalidated", "denied", "inconclusive"}
_VERDICTS = {"patch": "PATCH", "maybe": "MAYBE", "replace": "REPLACE NEEDED"}


@click.command()
@click.argument("case")
@click.option(
    "--send",
    "number",
    is_flag=False,
    flag_value=0,
    type=click.IntRange(min=0),
    default=None,
    metavar="[N]",
    help="Send way N (or the exact one) instead: a case of its own, in your name. The held one is withdrawn.",
)
@output_option
@click.pass_context
def narrow(ctx: click.Context, case: str, number: int | None, output: str) -> None:
    """What would do in place of a case: patch, maybe, or replace needed; why, and what each property costs."""
    console = api(ctx)
    if number is None:
        found = console.get(f"/cases/{case}/narrow")
        out(found["ways"], told(found), output)
        return
    sent = console.post(f"/cases/{case}/narrow", {"number": number})
    out(
        [sent], f"{sent['id']} was sent instead of {case}: {sent['phase']}. {sent['reason']}".rstrip(), output
    )
    if sent["phase"] in _NOT_DONE:
        sys.exit(EXIT_FAILED)


def told(found: dict[str, Any]) -> str:
    """The ways for a terminal."""
    lines = [line for way in found["ways"] for line in _way(way, found["case"])]
    return "\n".join(lines).rstrip() or f"{found['case']} has no narrower way that is known."


def _way(way: dict[str, Any], case: str) -> list[str]:
    because = f" because {'; '.join(way['because'])}" if way["because"] else ""
    lines = [
        f"{way['number']:>3}  {_VERDICTS.get(way['verdict'], way['verdict'])}{because}",
        f"     {way['why']}",
    ]
    if way["exact"]:
        lines.append(f"     lost on it: {way['lost'] or 'nothing'}")
    lines += [f"       {command}" for command in way["commands"]]
    for cost in way["costs"]:
        source = f"  [{cost['source']}]" if cost["source"] else ""
        lines.append(f"     {cost['path']}: {cost['cost']}{source}")
    if way["sendable"]:
        lines.append(f"     keyturn narrow {case} --send {way['number']}")
    return [*lines, ""]
