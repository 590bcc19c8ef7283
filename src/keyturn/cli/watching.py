"""``keyturn inbox`` and ``keyturn watch``: what waits and what happens, once or as it comes, by the console's own events."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import quote

import click

from keyturn.cli.shared import api, out, output_option
from keyturn.errors import OperatorError, ReviewError

RETRY_S: Final = 2.0
"""A console that is started anew is there within a few seconds."""

QUOTED: Final = '"'


@click.command()
@click.argument("words", nargs=-1, metavar="[FILTER]...")
@click.option("--all", "everything", is_flag=True, help="Ended cases too.")
@click.option("-w", "--watch", "live", is_flag=True, help="Go on with what changes, until interrupted.")
@click.option("--each", is_flag=True, help="A line for each case, those that are alike too.")
@output_option
@click.pass_context
def inbox(
    ctx: click.Context, words: tuple[str, ...], everything: bool, live: bool, each: bool, output: str
) -> None:
    r"""Cases, newest first; those that are alike share a line. FILTER is as on the page: every word must be found, -word must not.

    \b
    keyturn inbox effect:delete env:production
    keyturn inbox -w agent:kiro -- -phase:approved

    With -w on a terminal the list is drawn anew; into a pipe a line follows for each case that moved, with -o json one object a line.
    """
    from keyturn.cli import text

    console = api(ctx)
    head = console.get("/log?limit=1")["head"] if live else 0
    asked = f"/cases?open={'' if everything else 1}&q={quote(' '.join(words), safe='')}"
    found = console.get(asked)["cases"]
    late = console.get("/afterwards")["cases"] if output == "text" else []
    if not live:
        if late:
            click.echo(f"To be signed off (keyturn sign-off CASE):\n{text.afterwards(late)}\n")
        out(found, text.inbox(found, each=each) if found else "Nothing waits.", output)
        return
    shown = {case["id"]: case for case in found}
    _draw(shown, output, tuple(shown))
    for name, line in follow(console, "view=activity", after=head):
        if name == "moved":  # too much happened at once to be told line by line
            shown = {case["id"]: case for case in console.get(asked)["cases"]}
            _draw(shown, output, tuple(shown))
        elif name == "line" and line["case"]:
            case = console.get(f"/cases/{line['case']}")
            known = shown.pop(case["id"], None)
            if words and not _found(console, case["id"], words):
                if known is None:
                    continue
            elif case["open"] or everything:
                shown = {case["id"]: case, **shown}
            _draw(shown if not _piped(output) else {case["id"]: case}, output, (case["id"],))


def _found(console: Any, case: str, words: tuple[str, ...]) -> bool:
    """Whether the console's filter finds this case."""
    wanted = quote(" ".join([*words, f"case:{case}"]), safe="")
    return case in {one["id"] for one in console.get(f"/cases?q={wanted}")["cases"]}


def _piped(output: str) -> bool:
    return output == "json" or not sys.stdout.isatty()


def _draw(shown: dict[str, Any], output: str, moved: tuple[str, ...]) -> None:
    """The whole list where it can be drawn over what stood there; else what moved."""
    from keyturn.cli import text

    if output == "json":
        for one in moved:
            kept = {key: value for key, value in shown[one].items() if key not in _HEAVY}
            click.echo(json.dumps(kept))
    elif _piped(output):
        cases = [shown[one] for one in moved]
        click.echo(text.inbox(cases) if cases else "Nothing waits.")
    else:
        click.clear()
        listed = sorted(shown.values(), key=lambda case: -int(case["id"].rpartition("-")[2]))
        click.echo(text.inbox(listed) if listed else "Nothing waits.")
        click.echo("\nlive; Ctrl-C ends it", err=True)
    sys.stdout.flush()


_HEAVY: Final = frozenset(
    {"assessment", "change", "story", "milestones", "decision", "radius", "proof", "grant"}
)
"""Of a case what no line needs; `keyturn show` has it."""


@click.command()
@click.argument("words", nargs=-1, metavar="[FILTER]...")
@click.option("--agent", default="", help="Of this agent only.")
@click.option("--effect", default="", help="Of this effect only: delete, replace, permission ...")
@output_option
@click.pass_context
def watch(ctx: click.Context, words: tuple[str, ...], agent: str, effect: str, output: str) -> None:
    r"""What happens from now on, a line each, until interrupted; -o json: one object a line.

    FILTER is as on the page of activity: every word must be found, -word must not.

    \b
    keyturn watch --effect delete
    keyturn watch agent:kiro env:production -- -phase:confirmed
    """
    console = api(ctx)
    wanted = [*words, *_word("agent", agent), *_word("effect", effect)]
    head = console.get("/log?limit=1")["head"]
    for name, line in follow(console, f"view=activity&q={quote(' '.join(wanted), safe='')}", after=head):
        if name == "line":
            click.echo(json.dumps(line) if output == "json" else told(line))
        elif name == "moved" and line.get("event") == "missed":
            click.echo("keyturn: too much happened at once; what is missing here: keyturn log", err=True)
        sys.stdout.flush()


def _word(key: str, value: str) -> list[str]:
    return [f"{key}:{QUOTED}{value.replace(QUOTED, '')}{QUOTED}"] if value else []


def told(line: dict[str, Any]) -> str:
    """One line of the log, as wide as the terminal."""
    from keyturn.cli import text

    who = f"{line['agent']} <- {line['operator']}" if line["agent"] else line["operator"]
    things = ", ".join(line["resources"][:2])
    said = "  ".join(part for part in (line["said"], things, who) if part).replace("\n", " ")
    shown = f"{text.when(line['at_ms'])}  {line['case'] or '-':6} {line['symbol'] or ' ':3} {line['event']:14} {said}"
    room = text.width()
    return text.cut(shown, room) if room else shown


def follow(
    console: Any, asked: str, *, after: int, pause: Callable[[float], None] = time.sleep
) -> Iterator[tuple[str, Any]]:
    """What happens, each line once and in order: a console that goes away is looked for, and asked for what came meanwhile.

    Raises `OperatorError` where none is there at first, `ReviewError` when the login has ended.
    """
    heard, reached = after, False
    while True:
        try:
            for name, seq, data in console.stream(f"/events?{asked}&as=json&after={heard or 1}"):
                reached = True
                if name == "ended":
                    raise ReviewError("login", "your login has ended", help="keyturn login")
                if name == "line" and seq <= heard:
                    continue  # told already: what was caught up and what came live overlap
                heard = max(heard, seq)
                yield name, data
            reached = True
        except OperatorError as error:
            if error.code != "unreachable" or not reached:
                raise
        pause(RETRY_S)


@click.command()
@click.pass_context
def tui(ctx: click.Context) -> None:
    """The inbox and its cases on a whole terminal, with the keys of the page. Needs the extra: pip install 'keyturn[tui]'."""
    try:
        from keyturn.cli.tui.app import main
    except ModuleNotFoundError as error:
        raise OperatorError(
            "no-tui", f"{error.name} is not installed", help="pip install 'keyturn[tui]'"
        ) from None
    console = api(ctx)
    console.get("/whoami")
    main(console)
