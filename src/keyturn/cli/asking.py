"""``keyturn api``: the API as it is, and its description."""

from __future__ import annotations

import json

import click

from keyturn.cli.shared import api


@click.command("api")
@click.argument("path", required=False)
@click.option(
    "--openapi", is_flag=True, help="Print the API's description (OpenAPI 3.1); nothing has to run for it."
)
@click.option("-o", "--output", type=click.Choice(["json"]), expose_value=False, help="It is all it prints.")
@click.pass_context
def ask(ctx: click.Context, path: str | None, *, openapi: bool) -> None:
    """Ask the API for PATH, such as /cases?open=1, and print what it answers. Only what reads."""
    if openapi:
        from keyturn.console.openapi import description

        click.echo(json.dumps(description(), indent=2))
        return
    if path is None:
        raise click.UsageError("say what to ask for, such as: keyturn api /status")
    click.echo(json.dumps(api(ctx).get("/" + path.removeprefix("/api/v1").lstrip("/")), indent=2))
