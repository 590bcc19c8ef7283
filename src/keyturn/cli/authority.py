"""``keyturn ca``: the certificate authority of the gateway as proxy."""

from __future__ import annotations

from pathlib import Path

import click

from keyturn.cli.shared import api, out, output_option


@click.group()
def ca() -> None:
    """The proxy's certificate authority: what agents on other hosts have to trust."""


@ca.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@output_option
@click.pass_context
def export_ca(ctx: click.Context, file: Path | None, output: str) -> None:
    """Print its certificate, or write it to a file. `keyturn run --proxy` gives it to the child by itself."""
    found = api(ctx).get("/ca")
    if file is not None:
        file.write_text(found["pem"])
        out(found, f"Wrote {file}; SHA-256 {found['fingerprint']}", output)
    else:
        out(found, found["pem"].rstrip("\n"), output)


@ca.command()
@output_option
@click.pass_context
def rotate(ctx: click.Context, output: str) -> None:
    """Make another in its place; agents trust the gateway again once they have the new one."""
    found = api(ctx).post("/ca/rotate")
    out(
        found,
        f"Another authority signs from now on; SHA-256 {found['fingerprint']}. Agents that run have to be started anew.",
        output,
    )
