"""Commands that prove what happened: the log read, exported, verified by a stranger."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, Final

import click

from keyturn.cli.shared import EXIT_FAILED, api

FOLLOW_S: Final = 1.0
"""How often ``log -f`` asks for more."""


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_context
def export(ctx: click.Context, file: Path) -> None:
    """Write the whole log to a file that a stranger can check."""
    file.write_bytes(api(ctx).download("/export"))
    click.echo(f"Wrote {file}. Check it anywhere, offline: keyturn verify {file}")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", default="", help="The public key the checkpoints must be signed with (hex).")
def verify(file: Path, key: str) -> None:
    """Check an exported log offline."""
    from keyturn.stores.verifying import verify_bundle

    report = verify_bundle(file, public_key=key)
    for check in report.checks:
        click.echo(str(check))
    sys.exit(0 if report.passed else EXIT_FAILED)


@click.command()
@click.argument("case", default="")
@click.option("-n", "--lines", default=40, show_default=True, help="The newest so many (not with a case).")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until interrupted.")
@click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="json: one object a line."
)
@click.pass_context
def log(ctx: click.Context, case: str, lines: int, follow: bool, output: str) -> None:
    """The record: of one case, or of everything."""
    console = api(ctx)
    if case:
        _print(console.get(f"/cases/{case}")["story"], output, case)
        return
    found = console.get(f"/log?limit={max(1, lines)}")
    _print(found["lines"], output)
    while follow:
        after = found["lines"][-1]["seq"] if found["lines"] else found.get("after", found["head"])
        time.sleep(FOLLOW_S)
        found = console.get(f"/log?after={after}&limit=1000")
        found["after"] = after
        _print(found["lines"], output)


def _print(lines: list[dict[str, Any]], output: str, case: str = "") -> None:
    from keyturn.cli import text

    for line in lines:
        if output == "json":
            click.echo(json.dumps({"case": case, **line} if case else line))
            continue
        where = f"{line.get('case') or '-':6} " if not case else ""
        click.echo(f"{text.when(line['at_ms'])}  {where}{line['event']:16} {line['said']}".rstrip())
