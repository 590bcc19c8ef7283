"""``keyturn token``, ``keyturn passkey`` and ``keyturn proposals``: what a person opens the console with, what her programs do, and who else
has to approve a change among people.
"""

from __future__ import annotations

import textwrap
from typing import Any

import click

from keyturn.cli.shared import api, out, output_option


@click.group()
def token() -> None:
    """Tokens for programs of yours: what one does, you do; none of them signs an approval."""


@token.command("add")
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, default=("read",), help="read, review, operate, administer; several."
)
@click.option("--days", default=30, show_default=True, help="Until it ends by itself.")
@click.option("--environment", "environments", multiple=True, help="Review in these only; several.")
@output_option
@click.pass_context
def token_add(
    ctx: click.Context,
    name: str,
    scopes: tuple[str, ...],
    days: int,
    environments: tuple[str, ...],
    output: str,
) -> None:
    """Make one; it is printed this once."""
    body = {"name": name, "scopes": list(scopes), "days": days, "environments": list(environments)}
    made = api(ctx).post("/tokens", body)
    out(made, f"{made['token']}\n\nShown this once. Your program finds it in KEYTURN_TOKEN.", output)


@token.command("list")
@click.option("--all", "everybody", is_flag=True, help="Everybody's (administrator or auditor).")
@output_option
@click.pass_context
def token_list(ctx: click.Context, everybody: bool, output: str) -> None:
    """Those that are good, with when each was used last."""
    from keyturn.cli import text

    found = api(ctx).get("/tokens?all=1" if everybody else "/tokens")["tokens"]
    rows = [
        (
            one["id"],
            *((one["user"],) if everybody else ()),
            one["name"],
            ",".join(one["scopes"]) + (f" in {','.join(one['environments'])}" if one["environments"] else ""),
            text.when(one["expires_at_ms"]),
            text.when(one["used_at_ms"]) if one["used_at_ms"] else "never",
        )
        for one in found
    ]
    head = ("ID", *(("WHOSE",) if everybody else ()), "NAME", "FOR", "ENDS", "LAST USED")
    out(found, text.table(rows, head) if rows else "There is none.", output)


@token.command("revoke")
@click.argument("id_", metavar="ID")
@output_option
@click.pass_context
def token_revoke(ctx: click.Context, id_: str, output: str) -> None:
    """It is worth nothing from now on."""
    gone = api(ctx).post(f"/tokens/{id_}/revoke")
    out(gone, f"Revoked {gone['name']} ({gone['id']}) of {gone['user']}.", output)


@click.group()
def passkey() -> None:
    """Passkeys: they open the console, and sign approvals that policy wants signed."""


@passkey.command("add")
@output_option
@click.pass_context
def passkey_add(ctx: click.Context, output: str) -> None:
    """Say where one is made: in a browser, which has your keys."""
    page = api(ctx).get("/whoami")["page"]
    out({"page": page}, f"Passkeys are made on your page: {page}", output)


@passkey.command("list")
@click.argument("user", default="")
@output_option
@click.pass_context
def passkey_list(ctx: click.Context, user: str, output: str) -> None:
    """Yours, or another's (administrator or auditor)."""
    from keyturn.cli import text

    console = api(ctx)
    found = console.get(f"/users/{user or _me(console)}/passkeys")["passkeys"]
    rows = [
        (
            one["id"],
            one["name"],
            text.when(one["made_at_ms"]),
            "COPIED" if one["cloned"] else text.when(one["used_at_ms"]) if one["used_at_ms"] else "never",
        )
        for one in found
    ]
    out(found, text.table(rows, ("ID", "NAME", "MADE", "LAST USED")) if rows else "There is none.", output)


@passkey.command("remove")
@click.argument("id_", metavar="ID")
@click.option("--user", default="", help="Another's (administrator).")
@output_option
@click.pass_context
def passkey_remove(ctx: click.Context, id_: str, user: str, output: str) -> None:
    """It opens and signs nothing from now on."""
    console = api(ctx)
    found = console.post(f"/users/{user or _me(console)}/passkeys/{id_}/remove")
    out(found, f"Removed {id_}.", output)


@click.group(invoke_without_command=True)
@click.pass_context
def proposals(ctx: click.Context) -> None:
    """Changes among people or of policy that wait for another administrator; without a command: list them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(proposals_list)


@proposals.command("list")
@output_option
@click.pass_context
def proposals_list(ctx: click.Context, output: str = "text") -> None:
    """Those that nobody has decided yet."""
    from keyturn.cli import text

    found = api(ctx).get("/proposals")["proposals"]
    lines = [
        f"{_wanted(one)}\n     proposed by {one['by']}, open until {text.when(one['until_ms'])}{_relaxes(one)}"
        for one in found
    ]
    out(found, "\n".join(lines) if lines else "There is none.", output)


def _wanted(one: Any) -> str:
    if one["kind"] == "policy":
        return f"{one['id']}  policy {', '.join(one['packs'])}: {one['before'][:19]} -> {one['after'][:19]}"
    return f"{one['id']}  {one['kind']} {one['name']}: {one['before']} -> {one['after']}"


def _relaxes(one: Any) -> str:
    """What the policies would let through, in full: nobody agrees to what she was not shown."""
    if not one["relaxes"]:
        return ""
    lines = [
        line
        for said in one["relaxes"]
        for line in textwrap.wrap(said, 80, initial_indent="     ~ ", subsequent_indent="       ")
    ]
    return "\n".join(["", "     It lets through what is not let through now:", *lines])


@proposals.command("approve")
@click.argument("id_", metavar="ID")
@click.option("-m", "--note", default="", help="Why, for the record.")
@output_option
@click.pass_context
def proposals_approve(ctx: click.Context, id_: str, note: str, output: str) -> None:
    """It takes effect. Not by who proposed it, nor by whom it is about. What the configuration wants of policy takes two."""
    done = api(ctx).post(f"/proposals/{id_}/approve", {"note": note})
    if done["waits"]:
        out(done, f"{id_} is yours now; another administrator has to approve it within a day.", output)
        return
    said = f"Approved {id_}: {done['kind']} {done['name']}, {done['after']}."
    if done["kind"] == "policy":
        said = f"Approved {id_}: {', '.join(done['packs'])} is in force, {done['after'][:19]}."
    if done["token"]:
        said += (
            f"\n\nGive {done['name']} this second half of her login; the first she has from {done['by']}:\n"
            f"{done['token']}\nShe logs in once with both:  keyturn login --token FIRST.SECOND"
        )
    out(done, said, output)


@proposals.command("deny")
@click.argument("id_", metavar="ID")
@click.option("-m", "--note", default="", help="Why, for the record.")
@output_option
@click.pass_context
def proposals_deny(ctx: click.Context, id_: str, note: str, output: str) -> None:
    """It does not; who proposed it takes it back this way."""
    out(api(ctx).post(f"/proposals/{id_}/deny", {"note": note}), f"Denied {id_}.", output)


def what_became(made: Any) -> str:
    """Of a user that was added or invited, for the administrator."""
    name = made["user"]
    if made["proposal"]:
        said = proposed(made["proposal"])
        if made["token"]:
            said += (
                f"\nGive {name} this first half of her login; the approver gets the second:\n{made['token']}"
            )
        return said
    said = f"{name} logs in once with:  keyturn login --token {made['token']}" if made["token"] else ""
    said = said or f"{name} has these roles from now on."
    return f"{said}{alone(made)}"


def alone(made: Any) -> str:
    """That nobody else looked, where nobody did."""
    return f"\nOn record as unreviewed: {made['unreviewed']}." if made["unreviewed"] else ""


def outcome(made: Any, done: str) -> str:
    """Of a change among people: `done`, or that it waits."""
    return proposed(made["proposal"]) if made["proposal"] else f"{done}{alone(made)}"


def proposed(id_: str) -> str:
    return f"Proposed as {id_}; another administrator has to approve within a day:  keyturn proposals approve {id_}"


def _me(console: Any) -> str:
    return str(console.get("/whoami")["user"])
