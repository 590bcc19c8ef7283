"""What the commands share: the console they speak to, and how they print."""

from __future__ import annotations

import json
from typing import Any, Final

import click

EXIT_FAILED: Final = 1
EXIT_REFUSED: Final = 3
EXIT_UNREACHABLE: Final = 4


def api(ctx: click.Context) -> Any:
    """The console of ``--url``, as the one who is logged in."""
    from keyturn.cli.client import Api

    return Api(ctx.find_root().obj["url"])


def out(value: Any, text: str, output: str) -> None:
    """Print `text` for people, or `value` for programs."""
    click.echo(json.dumps(value, indent=2) if output == "json" else text)


output_option = click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="How to print."
)
