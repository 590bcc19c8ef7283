"""``keyturn store``: the database's tables, and the way from one file to a database of several machines."""

from __future__ import annotations

from pathlib import Path

import click

from keyturn.cli.shared import out, output_option
from keyturn.errors import OperatorError


@click.group()
def store() -> None:
    """The log's own database."""


@store.command()
@click.option("--url", default="", help="Default: store.url of the configuration.")
@click.option("--password-file", default="", help="Default: store.password_file.")
@output_option
@click.pass_context
def upgrade(ctx: click.Context, url: str, password_file: str, output: str) -> None:
    """Make PostgreSQL's tables, or bring them to what this version needs."""
    from keyturn.stores.opening import postgres

    url, password = _target(ctx, url, password_file)
    before, now = postgres().upgrade(url, password=password)
    said = f"The tables are at {now}" + (f"; they were at {before}." if before != now else ".")
    out({"before": before, "now": now}, said, output)


@store.command()
@click.argument("source")
@click.argument("target")
@click.option("--password-file", default="", help="A file with the database user's password.")
@output_option
@click.pass_context
def migrate(ctx: click.Context, source: str, target: str, password_file: str, output: str) -> None:
    """Copy the log and all that belongs to it: `keyturn store migrate sqlite:PATH postgresql://USER@HOST/DATABASE`.

    Keyturn must not run meanwhile. What was copied is read back and compared; a target that holds anything is refused.
    """
    import asyncio

    from keyturn.stores.opening import is_postgres, postgres

    scheme, _, path = source.partition(":")
    if scheme != "sqlite" or not Path(path).expanduser().is_file():
        raise OperatorError(
            "no-source", f"{source} is no SQLite store", help="sqlite:PATH of a keyturn.db that is there"
        )
    if not is_postgres(target):
        raise OperatorError(
            "no-target", f"{target} is no PostgreSQL database", help="postgresql://USER@HOST/DATABASE"
        )
    target, password = _target(ctx, target, password_file)
    postgres().upgrade(target, password=password)
    from keyturn.stores.migrate import migrate as copy

    copied = asyncio.run(
        copy(
            Path(path).expanduser(),
            target,
            password=password,
            say=lambda text: click.echo(f"  {text}", err=True),
        )
    )
    rows = ", ".join(f"{count:,} of {table}" for table, count in copied.rows.items())
    text = (
        f"Copied and compared: {copied.entries:,} entries (root {copied.root[:16]}), {rows}.\n"
        f'Now write into keyturn.toml, and take the keys along:\n\n  [store]\n  url = "{target}"\n'
    )
    out({"entries": copied.entries, "root": copied.root, "rows": copied.rows}, text, output)


def _target(ctx: click.Context, url: str, password_file: str) -> tuple[str, str]:
    """Where to, and the password: as given, else as configured."""
    import msgspec

    from keyturn import config as settings

    given = settings.StoreConfig(url=url, password_file=password_file)
    if not url:
        configured = settings.load(ctx.obj["config"]).store
        given = msgspec.structs.replace(configured, password_file=password_file or configured.password_file)
    settings.check_store_url(given.url, "the command")
    from keyturn.stores.opening import is_postgres

    if not is_postgres(given.url):
        raise OperatorError(
            "no-target",
            "there is no PostgreSQL to make tables in",
            help="give --url, or set store.url in keyturn.toml; SQLite makes its own",
        )
    return given.url, settings.Config(store=given).store_password
