"""`keyturn freeze`: times in which an environment, or an account, is not to be changed."""

from __future__ import annotations

import datetime as dt
from typing import Any

import click

from keyturn.cli.shared import api, out, output_option
from keyturn.cli.teams import seconds
from keyturn.cli.undoing import moment_ms


@click.group()
def freeze() -> None:
    """Times in which an environment, or an account, is not to be changed. What that asks of a change stands in policy."""


@freeze.command("set")
@click.option("-e", "--environment", default="", help="Only this environment: production, staging, test.")
@click.option("--account", default="", help="Only this account, 12 digits.")
@click.option("--for", "span", default="", metavar="SPAN", help="How long: 90min, 8h, 3d.")
@click.option(
    "--until", default="", metavar="TIME", help="2027-01-04T08:00, local where it says no zone; or 08:00."
)
@click.option("--from", "begins", default="", metavar="TIME", help="Not before then; at once without it.")
@click.option("-m", "--reason", required=True, help="Why: whoever is held by it reads it.")
@output_option
@click.pass_context
def set_freeze(
    ctx: click.Context,
    environment: str,
    account: str,
    span: str,
    until: str,
    begins: str,
    reason: str,
    output: str,
) -> None:
    """Freeze an environment, an account, or everything, for a time. It counts at once, for what is approved already too."""
    if bool(span) == bool(until):
        raise click.UsageError("say how long: --for 3d, or --until 2027-01-04T08:00")
    from_ms = moment_ms(begins, "--from", ahead=True) or 0
    until_ms = moment_ms(until, "--until", ahead=True)
    if until_ms is None:
        starts_ms = from_ms or int(dt.datetime.now(tz=dt.UTC).timestamp() * 1000)
        until_ms = starts_ms + seconds(span) * 1000
    body = {
        "environment": environment,
        "account": account,
        "from_ms": from_ms,
        "until_ms": until_ms,
        "reason": reason,
    }
    found = api(ctx).post("/freezes", body)["freeze"]
    out([found], f"{_said([found])}\nEnd it sooner with: keyturn freeze lift {found['id']}", output)


@freeze.command("list")
@output_option
@click.pass_context
def list_freezes(ctx: click.Context, output: str) -> None:
    """Freezes that are on, and those that will be."""
    found = api(ctx).get("/freezes")["freezes"]
    out(found, _said(found) or "No freeze is set.", output)


@freeze.command("lift")
@click.argument("name", metavar="F-N")
@click.option("-m", "--reason", default="")
@output_option
@click.pass_context
def lift_freeze(ctx: click.Context, name: str, reason: str, output: str) -> None:
    """End a freeze before its time. Another's is not lifted by who runs an agent at that moment."""
    left = api(ctx).post(f"/freezes/{name}/lift", {"reason": reason})["freezes"]
    out(left, f"Lifted {name}.\n{_said(left)}".rstrip(), output)


def _said(found: list[dict[str, Any]]) -> str:
    from keyturn.cli import text

    return "\n".join(f"{word:<10} {line}" for word, line in text.freezes(found))


__all__ = ["freeze"]
