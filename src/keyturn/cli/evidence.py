"""Commands that prove what happened: the log read, exported, sampled, verified by a stranger."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

import click

from keyturn.cli.shared import CASE, EXIT_REFUSED, api, out, output_option

FOLLOW_S: Final = 10
"""So long ``log -f`` waits for the next entry, and then asks again."""

F = TypeVar("F", bound=Callable[..., Any])


def filters(command: F) -> F:
    """The options by which cases are chosen."""
    for option in (
        click.option("--case", "case", multiple=True, metavar="C-n", help="This case; several times."),
        click.option("--account", default="", help="AWS account id."),
        click.option("--effect", default="", help="delete, replace, permission ..."),
        click.option("--verdict", default="", help="Policy's last: allow, hold, suggest, deny."),
        click.option("--agent", default="", help="Name of the agent."),
        click.option("--until", default="", metavar="TIME", help="Opened before this time."),
        click.option(
            "--since",
            default="",
            metavar="TIME",
            help="Opened from this time on (2026-01-31, 2026-01-31T09:00Z).",
        ),
    ):
        command = option(command)
    return command


def query(given: dict[str, Any]) -> str:
    """A filter as the API takes it; empty where nothing was asked for."""
    times = {
        f"{name}_ms": moment_ms(str(given[name]), f"--{name}")
        for name in ("since", "until")
        if given.get(name)
    }
    texts = {name: given[name] for name in ("agent", "verdict", "effect", "account") if given.get(name)}
    pairs = [*times.items(), *texts.items(), *(("case", one) for one in given.get("case", ()))]
    return "&".join(f"{name}={quote(str(value), safe='')}" for name, value in pairs)


def moment_ms(text: str, option: str) -> int:
    """Milliseconds since 1970; a time without a zone is this machine's."""
    try:
        return int(dt.datetime.fromisoformat(text).astimezone().timestamp() * 1000)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no time; write 2026-01-31T09:00Z", param_hint=option) from None


@click.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--out", "given", type=click.Path(dir_okay=False, path_type=Path), help="The same as FILE.")
@filters
@output_option
@click.pass_context
def export(ctx: click.Context, /, file: Path | None, given: Path | None, output: str, **wanted: Any) -> None:
    """Write the log, or the cases you choose, to a file that a stranger can check.

    Of chosen cases the file proves that each entry is in the log, and has the plane's signature under how many there are.
    """
    path = file or given
    if path is None or (file and given and file != given):
        raise click.UsageError("say once where to: keyturn export bundle.zip")
    asked = query(wanted)
    size = api(ctx).save(f"/export?{asked}" if asked else "/export", path)
    said = f"Wrote {path} ({size / 1024:,.0f} KB). Check it anywhere, offline: keyturn verify {path}"
    out({"file": str(path), "bytes": size}, said, output)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key", default="", help="The public key everything must be signed with (hex; keyturn status has it)."
)
@output_option
def verify(file: Path, key: str, output: str) -> None:
    """Check an exported log offline, trusting nobody. Exit code 0: every check passed, 3: one did not, 1: it is no log."""
    from keyturn.stores.verifying import verify_bundle

    report = verify_bundle(file, public_key=key)
    found = {
        "passed": report.passed,
        "key": report.key,
        "pinned": report.pinned,
        "checks": [{"name": one.name, "passed": one.passed, "detail": one.detail} for one in report.checks],
    }
    lines = [str(report)]
    if not report.pinned:
        lines.append(
            f"\nThe key was taken on trust: {report.key}\n"
            "Ask for it elsewhere than where this file came from, and pin it: keyturn verify FILE --key HEX"
        )
    out(found, "\n".join(lines), output)
    sys.exit(0 if report.passed else EXIT_REFUSED)


@click.group()
def evidence() -> None:
    """What an auditor asks for."""


@evidence.command()
@click.option("-n", "--count", default=25, show_default=True, type=click.IntRange(1, 1_000), help="Cases.")
@click.option(
    "--seed", default="", help="The same seed on the same log draws the same cases; else the log's last hash."
)
@filters
@output_option
@click.pass_context
def sample(ctx: click.Context, /, count: int, seed: str, output: str, **wanted: Any) -> None:
    """Random executed changes: who asked, who approved, whether that was somebody else, and what was proved before the call.

    Exit code 3 where something does not hold.
    """
    from keyturn.cli.text_evidence import sampled

    asked = "&".join(
        part for part in (f"n={count}", f"seed={quote(seed, safe='')}" if seed else "", query(wanted)) if part
    )
    found = api(ctx).get(f"/evidence/sample?{asked}")
    out(found, sampled(found), output)
    checks = ("independent", "same_change", "state_read", "backup")
    if any(case[name]["holds"] is False for case in found["cases"] for name in checks):
        sys.exit(EXIT_REFUSED)


@click.command()
@click.option("--since", default="", metavar="TIME", help="From this time on; 30 days where nothing is said.")
@click.option(
    "--budget", type=int, default=None, metavar="N", help="Reviews that a person has care for in a day."
)
@output_option
@click.pass_context
def attention(ctx: click.Context, since: str, budget: int | None, output: str) -> None:
    """Where reviewers' attention goes: by day, by person, and which policies ask for most of it."""
    from keyturn.cli.text_evidence import attention_text

    pairs = {"since_ms": moment_ms(since, "--since") if since else None, "budget": budget}
    words = "&".join(f"{name}={value}" for name, value in pairs.items() if value is not None)
    found = api(ctx).get(f"/attention?{words}")
    out(found, attention_text(found), output)


@evidence.command()
@click.option(
    "-o", "--output", type=click.Choice(["text", "json", "markdown"]), default="text", help="How to print."
)
@click.pass_context
def controls(ctx: click.Context, output: str) -> None:
    """Which controls of SOC 2, ISO 27001, PCI DSS, the EU AI Act and OWASP AISVS this is evidence for, and what each claim rests on here."""
    from keyturn.cli.text_evidence import controls_markdown, controls_text

    found = api(ctx).get("/evidence/controls")["controls"]
    out(found, controls_markdown(found) if output == "markdown" else controls_text(found), output)


@click.command()
@click.argument("case", default="", type=CASE)
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
        found = console.get(f"/log?after={after}&limit=1000&wait_s={FOLLOW_S}")
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
