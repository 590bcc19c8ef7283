"""``keyturn approve``, ``deny``, ``claim``, ``release``, ``break-glass``, ``sign-off``: a reviewer's part on the command line."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import click

from keyturn.cli.client import Api, ApiError
from keyturn.cli.shared import CASE, api, out, output_option


def _said(case: dict[str, Any]) -> str:
    """How a case stands after a review, in a line."""
    if case["needs"]:
        return f"{case['id']} is {case['phase']}: {case['met']}."
    missing = max(0, case["quorum"] - len(case["approvals"]))
    more = f"; {missing} more must approve" if case["phase"] == "held" else ""
    return f"{case['id']} is {case['phase']} ({len(case['approvals'])} of {case['quorum']}{more})."


def _what(case: dict[str, Any]) -> str:
    risk = case["data_at_risk"] or "nothing known"
    return f"{case['id']}: {case['effect']} of {', '.join(case['resources'])}; at risk: {risk}"


def _approve_one(ctx: click.Context, case: str, note: str, wait_s: float, output: str) -> None:
    console = api(ctx)
    found = console.get(f"/cases/{case}")
    if output == "text":
        click.echo(_what(found))
    if found["signed"]:
        from keyturn.cli.signing import approve_in_browser

        after = approve_in_browser(console, found, wait_s=wait_s)
    else:
        body = {"approve": True, "binding": found["binding"], "note": note, "via": "cli"}
        after = console.post(f"/cases/{case}/review", body)
    out(after, _said(after), output)


@click.command()
@click.argument("cases", nargs=-1, metavar="CASE...", type=CASE)
@click.option("-m", "--note", default="", help="Why.")
@click.option("--like", default="", metavar="CASE", help="This one, with all held cases that are like it.")
@click.option("--yes", is_flag=True, help="Do not ask before several are approved.")
@click.option(
    "--wait", "wait_s", default=600.0, show_default=True, help="Seconds to wait for your signature."
)
@output_option
@click.pass_context
def approve(
    ctx: click.Context, cases: tuple[str, ...], note: str, like: str, yes: bool, wait_s: float, output: str
) -> None:
    """Approve a case as it is shown now; where policy wants it signed, in your browser.

    Several that are alike and destroy nothing are approved at one go: all of them, or none.
    """
    if bool(cases) == bool(like):
        raise click.UsageError("name the cases, or one of them with --like")
    if len(cases) == 1:
        _approve_one(ctx, cases[0], note, wait_s, output)
        return
    console = api(ctx)
    asked = [("like", like)] if like else [("case", case) for case in cases]
    found = console.get(f"/batch?{urlencode(asked)}")
    if not yes:
        for case in found["cases"]:
            click.echo(
                f"  {case['id']:8} {case['symbol']:3} {', '.join(case['operations'])} of {', '.join(case['resources'])}",
                err=True,
            )
        click.confirm(
            f"Approve all {len(found['cases'])} under one review ({found['root'][:19]}...)?",
            abort=True,
            err=True,
        )
    named = [case["id"] for case in found["cases"]]
    body = {"cases": named, "approve": True, "root": found["root"], "note": note, "via": "cli"}
    after = console.post("/batch/review", body)
    out(after, "\n".join(_said(case) for case in after["cases"]), output)


@click.command()
@click.argument("cases", type=CASE, nargs=-1, required=True, metavar="CASE...")
@click.option("-m", "--note", default=None, help="Why; the agent reads it.")
@click.option(
    "--guide", default="", metavar="TEXT", help="What it should do instead; it reads it as your words."
)
@click.option(
    "--alike", is_flag=True, help="And all held cases that are alike: the same asked of other things."
)
@output_option
@click.pass_context
def deny(
    ctx: click.Context, cases: tuple[str, ...], note: str | None, guide: str, alike: bool, output: str
) -> None:
    """Deny cases; one no is enough for each."""
    if note is None and not guide:
        raise click.UsageError("say why: -m TEXT, or what to do instead: --guide TEXT")
    console = api(ctx)
    named = list(dict.fromkeys(cases))
    if alike:
        from keyturn.core.alike import alike as same

        held = [case for case in console.get("/cases?open=1")["cases"] if case["phase"] == "held"]
        meant = {same(case) for case in held if case["id"] in named}
        named += [case["id"] for case in held if same(case) in meant and case["id"] not in named]
    told, refused = [], []
    for name in named:
        try:
            told.append(_denied(console, name, note or "", guide))
        except ApiError as error:
            if len(named) == 1:
                raise
            refused.append(error)
            click.echo(f"keyturn: {name}: {error.message}", err=True)
            continue
        if output == "text":
            click.echo(_said(told[-1]))
    if output == "json":
        click.echo(json.dumps(told[0] if len(named) == 1 else {"cases": told}, indent=2))
    if refused:
        raise refused[-1]


def _denied(console: Api, name: str, note: str, guide: str) -> dict[str, Any]:
    binding = console.get(f"/cases/{name}")["binding"]
    body = {"approve": False, "binding": binding, "note": note, "guide": guide, "via": "cli"}
    return dict(console.post(f"/cases/{name}/review", body))


@click.command()
@click.argument("case", type=CASE)
@click.option(
    "--word", default="", metavar="TEXT", help="Why you take it over from somebody who looks at it."
)
@output_option
@click.pass_context
def claim(ctx: click.Context, case: str, word: str, output: str) -> None:
    """Say that you look at a case, so that others need not. It is no approval, and ends by itself."""
    from keyturn.cli import text

    after = api(ctx).post(f"/cases/{case}/claim", {"word": word})
    out(after, f"{case} is yours to look at until {text.when(after['claimed_until_ms'])}.", output)


@click.command()
@click.argument("case", type=CASE)
@output_option
@click.pass_context
def release(ctx: click.Context, case: str, output: str) -> None:
    """Say that you look at a case no more."""
    after = api(ctx).post(f"/cases/{case}/release")
    out(after, f"Nobody looks at {case} now.", output)


@click.command("break-glass")
@click.argument("case", type=CASE)
@click.option("--reason", required=True, help="Why this cannot wait; others are told at once.")
@click.option("--yes", is_flag=True, help="Do not ask again.")
@output_option
@click.pass_context
def break_glass(ctx: click.Context, case: str, reason: str, yes: bool, output: str) -> None:
    """Act around the review, in your own name: others are told at once, and another person looks at it afterwards."""
    console = api(ctx)
    found = console.get(f"/cases/{case}")
    if not yes:
        click.echo(_what(found), err=True)
        click.confirm(
            "This is no approval but your own act, on record as yours. Go on?", abort=True, err=True
        )
    after = console.post(f"/cases/{case}/break-glass", {"reason": reason, "binding": found["binding"]})
    told = ", ".join(after["glass"]["told"])
    out(
        after,
        f"{case} is {after['phase']}, by you. Told: {told}. Another person signs it off: keyturn sign-off {case}",
        output,
    )


@click.command("sign-off")
@click.argument("case", default="", type=CASE)
@click.option("--right/--wrong", "right", default=None, help="Whether the break-glass was right.")
@click.option("-m", "--note", default="", help="What you saw.")
@output_option
@click.pass_context
def sign_off(ctx: click.Context, case: str, right: bool | None, note: str, output: str) -> None:
    """Look at another's break-glass afterwards, and say whether it was right. Without a case: those that wait."""
    from keyturn.cli import text

    console = api(ctx)
    if not case:
        found = console.get("/afterwards")["cases"]
        out(found, text.afterwards(found) if found else "None waits.", output)
        return
    if right is None:
        raise click.UsageError("say --right or --wrong")
    after = console.post(f"/cases/{case}/sign-off", {"right": right, "note": note})
    said = "right" if after["glass"]["right"] else "wrong"
    out(
        after,
        f"{case}: {after['glass']['by']}'s break-glass was {said}, says {after['glass']['reviewed_by']}.",
        output,
    )
