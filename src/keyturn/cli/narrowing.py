"""`keyturn narrow`: the narrower ways of a case, and sending one instead; or the case with fewer operations."""

from __future__ import annotations

import sys
import textwrap
from typing import Any, Final

import click

from keyturn.cli.shared import EXIT_FAILED, api, ends, exit_of_phase, out, output_option

_NOT_DONE = {"failed", "invalidated", "denied", "inconclusive"}
_VERDICTS = {"patch": "PATCH", "maybe": "MAYBE", "replace": "REPLACE NEEDED", "stands": "NOTHING TO DO"}

WIDE: Final = 80
"""Columns of a terminal. Commands are never broken: they are there to be copied."""


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
@click.option(
    "--without",
    multiple=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Take operation N out of it; once for each. What remains is assessed and decided anew.",
)
@output_option
@click.pass_context
def narrow(ctx: click.Context, case: str, number: int | None, without: tuple[int, ...], output: str) -> None:
    """What would do in place of a case: patch, maybe, or replace needed; why, and what each property costs."""
    console = api(ctx)
    if without:
        if number is not None:
            raise click.UsageError("--send and --without are two different things: say one")
        left = console.post(f"/cases/{case}/narrow", {"without": without})
        out([left], f"{case} is {left['phase']} with what is left of it. {left['reason']}".rstrip(), output)
        ends(exit_of_phase(left["phase"]))
        return
    found = console.get(f"/cases/{case}/narrow")
    if number is None:
        out(found["ways"], told(found), output)
        return
    meant = [way for way in found["ways"] if way["number"] == number or (not number and way["exact"])][:1]
    body = {"number": number, "digest": meant[0]["digest"] if meant else ""}
    sent = console.post(f"/cases/{case}/narrow", body)
    lines = [
        f"{sent['id']} was sent instead of {case}, which is withdrawn: {sent['phase']}. {sent['reason']}"
    ]
    lines += [line for way in meant for line in what(way)]
    out([sent], "\n".join(lines).rstrip(), output)
    if sent["phase"] in _NOT_DONE:
        sys.exit(EXIT_FAILED)


def told(found: dict[str, Any]) -> str:
    """The ways for a terminal."""
    lines = [line for way in found["ways"] for line in _way(way, found["case"])]
    return "\n".join(lines).rstrip() or f"{found['case']} has no narrower way that is known."


def _way(way: dict[str, Any], case: str) -> list[str]:
    because = f" because {'; '.join(way['because'])}" if way["because"] else ""
    verdict = _VERDICTS.get(way["verdict"], way["verdict"])
    lines = [*wrapped(f"{way['number']:>3}  {verdict}{because}"), *wrapped(f"     {way['why']}")]
    if way["exact"]:
        lines += wrapped(f"     lost on it: {way['lost'] or 'nothing'}")
    lines += what(way)
    if way["sendable"]:
        lines.append(f"     keyturn narrow {case} --send {way['number']}")
    return [*lines, ""]


def what(way: dict[str, Any]) -> list[str]:
    """Its commands, and what each property costs by them."""
    lines = [f"       {command}" for command in way["commands"]]
    for cost in way["costs"]:
        lines += wrapped(f"     {cost['path']}: {cost['cost']}")
        if cost.get("source"):
            lines.append(f"       {cost['source']}")
    return lines


def wrapped(line: str, indent: str = "     ") -> list[str]:
    """The line in as many as a terminal needs."""
    return textwrap.wrap(line, WIDE, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
