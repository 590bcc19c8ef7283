"""``keyturn``: noun and verb, `-o json` where there is something to read, stable exit codes.

0 done or allowed, 2 held, 3 denied or refused, 1 an error: failed, used wrongly, or the console cannot be reached.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from keyturn import __version__
from keyturn.cli.asking import ask
from keyturn.cli.authority import ca
from keyturn.cli.backups import backup
from keyturn.cli.client import CONSOLE_PORT
from keyturn.cli.completing import completion
from keyturn.cli.diffing import diff
from keyturn.cli.evidence import attention, evidence, export, log, verify
from keyturn.cli.explaining import explain
from keyturn.cli.freezing import freeze
from keyturn.cli.graph import graph
from keyturn.cli.guarding import doctor, guard
from keyturn.cli.narrowing import narrow
from keyturn.cli.people import passkey, proposals, token, what_became
from keyturn.cli.policies import policy
from keyturn.cli.reconciling import reconcile
from keyturn.cli.rehearsing import rehearse
from keyturn.cli.reviewing import approve, break_glass, claim, deny, release, sign_off
from keyturn.cli.shared import CASE, EXIT_FAILED, EXIT_REFUSED, api, ends, exit_of_phase, out, output_option
from keyturn.cli.stores import store
from keyturn.cli.teams import agent, alias, delegate, team
from keyturn.cli.undoing import drill, undo
from keyturn.cli.watching import inbox, tui, watch
from keyturn.errors import KeyturnError, OperatorError, ReviewError

_REFUSALS = {
    "forbidden",
    "own-agent",
    "stale",
    "late",
    "twice",
    "not-open",
    "login",
    "too-many",
    "no-reason",
    "may-not",
    "unsigned",
    "token-cannot-sign",
    "not-whole",
    "not-approved",
    "not-yours",
    "claimed",
    "no-batch",
    "no-reviewer",
    "irreversible",
    "nobody-to-tell",
    "nothing-to-undo",
    "cannot-undo",
    "in-part",
    "undo-open",
    "undone",
    "not-exact",
    "sent-already",
    "cannot-send",
    "not-asked",
    "enough",
    "altered",
    "wrong-user",
    "wrong-origin",
    "not-verified",
    "forged",
    "replayed",
    "own-proposal",
    "subject",
    "no-administrator",
    "halted",
}
"""Codes by which the console says that a person may not, or may not any more."""


class _Group(click.Group):
    """Errors of ours are said in one form and end with their exit code."""

    def make_context(self, *args: Any, **given: Any) -> click.Context:
        """What is typed wrongly is an error like others: click's own 2 is what a held change ends with."""
        try:
            return super().make_context(*args, **given)
        except click.UsageError as error:
            error.show()
            sys.exit(EXIT_FAILED)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            error.show()
            sys.exit(EXIT_FAILED)
        except OSError as error:
            if not error.filename:  # a pipe that was closed is click's to end quietly
                raise
            click.echo(f"keyturn: {error.filename}: {error.strerror} [file]", err=True)
            sys.exit(EXIT_FAILED)
        except KeyturnError as error:
            click.echo(f"keyturn: {error.message} [{error.code}]", err=True)
            if error.help:
                click.echo(f"  help: {error.help}", err=True)
            sys.exit(
                EXIT_REFUSED if error.code in _REFUSALS or isinstance(error, ReviewError) else EXIT_FAILED
            )


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="keyturn")
@click.option("--config", "config_path", default="", help="Configuration file (KEYTURN_CONFIG).")
@click.option("--url", default="", help="The console to speak to (KEYTURN_URL).")
@click.pass_context
def main(ctx: click.Context, config_path: str, url: str) -> None:
    """The change-control plane between AI agents and live infrastructure."""
    ctx.obj = {"config": config_path, "url": url}


# --- the plane -------------------------------------------------------------------------------------------------------


@main.command()
@click.option("--account", prompt="AWS account id", help="The account Keyturn guards.")
@click.option("--region", default="us-east-1", show_default=True)
@click.option("--data-dir", default="~/.local/share/keyturn", show_default=True)
@click.option("--gateway-port", default=8420, show_default=True)
@click.option("--console-port", default=CONSOLE_PORT, show_default=True)
@click.option("--admin", default="admin", show_default=True, help="Name of the first administrator.")
@click.option(
    "--store-url", default="", help="PostgreSQL instead of a file: postgresql://USER@HOST/DATABASE."
)
@click.option("--store-password-file", default="", help="A file with the database user's password.")
@output_option
@click.pass_context
def init(
    ctx: click.Context,
    account: str,
    region: str,
    data_dir: str,
    gateway_port: int,
    console_port: int,
    admin: str,
    store_url: str,
    store_password_file: str,
    output: str,
) -> None:
    """Make configuration, keys and the first administrator."""
    from keyturn.cli.setup import initialise

    token, path = initialise(
        ctx.obj["config"],
        account=account,
        region=region,
        data_dir=data_dir,
        gateway_port=gateway_port,
        console_port=console_port,
        admin=admin,
        store_url=store_url,
        store_password_file=store_password_file,
    )
    elsewhere = f"--url http://127.0.0.1:{console_port} " if console_port not in {0, CONSOLE_PORT} else ""
    said = (
        f"Wrote {path}; keys and log are in {data_dir}.\n"
        f"The first administrator is {admin}. Start Keyturn (keyturn up), then log in once with:\n\n"
        f"  keyturn {elsewhere}login --token {token}\n"
    )
    out({"config": str(path), "data_dir": data_dir, "admin": admin, "token": token}, said, output)


@main.command()
@click.option("--observe", is_flag=True, help="Decide and record, but forward everything. Marked loudly.")
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Processes that share the ports and the store.",
)
@click.pass_context
def up(ctx: click.Context, observe: bool, workers: int) -> None:
    """Start gateway and console. SIGHUP reads configuration and policy anew, SIGTERM ends in order."""
    from keyturn import app, config

    loaded = config.load(ctx.obj["config"])
    if not loaded.store.url.startswith("postgres") and not loaded.database.exists():
        raise OperatorError(
            "no-installation",
            f"there is no log at {loaded.database}, so nobody could log in",
            help="make an installation: keyturn init; or restore your backup, or mend data_dir",
        )

    def said(running: app.App) -> str:
        status = running.runtime.status()
        port = running.config.console.port
        console = loaded.console.public_url or f"http://{loaded.console.host}:{port}"
        shared = f", {workers} workers" if workers > 1 else ""
        lines = [f"Keyturn {__version__}: gateway {status['gateway_url']}, console {console}{shared}"]
        if status["standin"]:
            lines.append(f"  The account is a STAND-IN at {loaded.aws.endpoint_url}, not AWS.")
        if status["mode"] == "observe":
            lines.append("  OBSERVE: everything is forwarded, nothing is held. Verdicts are only recorded.")
        elif status["mode"] == "advisory":
            lines.append(
                "  ADVISORY: the account lets changes in beside Keyturn. Make it enforcing: keyturn guard aws"
            )
        lines += [f"  {line}" for line in app.said_of_policy(status)]
        return "\n".join(lines)

    def again() -> config.Config:
        return config.load(ctx.obj["config"])

    if workers > 1:
        sys.exit(app.run_workers(workers, loaded, observe=observe, ready=said, again=again))
    app.run(loaded, observe=observe, ready=lambda running: click.echo(said(running)), again=again)


@main.command()
@output_option
@click.pass_context
def status(ctx: click.Context, output: str) -> None:
    """How the plane stands."""
    found = api(ctx).get("/status")
    from keyturn.cli import text

    out(found, text.status(found), output)


@main.command()
@click.option("-m", "--reason", default="")
@click.option("--agent", default="", help="Only this agent.")
@output_option
@click.pass_context
def halt(ctx: click.Context, reason: str, agent: str, output: str) -> None:
    """Stop: nothing leaves the plane until it is resumed."""
    found = api(ctx).post("/halt", {"reason": reason, "agent": agent})
    out(found, f"Halted{f' agent {agent}' if agent else ''}. Resume with: keyturn resume", output)


@main.command()
@click.option("--agent", default="")
@output_option
@click.pass_context
def resume(ctx: click.Context, agent: str, output: str) -> None:
    """Lift a halt."""
    out(api(ctx).post("/resume", {"agent": agent}), "Resumed.", output)


# --- people ----------------------------------------------------------------------------------------------------------


@main.command()
@click.option(
    "--token",
    envvar="KEYTURN_INVITE",
    prompt=sys.stdin.isatty(),
    hide_input=True,
    default="",
    help="The token you were given.",
)
@output_option
@click.pass_context
def login(ctx: click.Context, token: str, output: str) -> None:
    """Exchange the token you were given for one that lasts the day."""
    from keyturn.cli.client import Api, save

    console = Api(ctx.obj["url"])
    given = console.post("/login", {"token": token.strip()})
    made = given["token"]
    path = save(console.url, made)
    who = Api(console.url, made).get("/whoami")
    said = f"You are {who['user']} ({', '.join(who['roles'])}) at {console.url}. Kept in {path}."
    if given.get("passkey"):
        page = str(who["page"]).removesuffix("/me")
        said += f"\nMake a passkey within a quarter of an hour: {page}/login?next=/me#{given['passkey']}"
    out(who | {"url": console.url, "kept": str(path)}, said, output)


@main.group()
def user() -> None:
    """People and their roles."""


@user.command("add")
@click.argument("name")
@click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    help="administrator, reviewer, operator, auditor or break-glass; several times.",
)
@output_option
@click.pass_context
def user_add(ctx: click.Context, name: str, roles: tuple[str, ...], output: str) -> None:
    """Add a person; prints a token for her first login."""
    made = api(ctx).post("/users", {"name": name, "roles": list(roles)})
    out(made, what_became(made), output)


@user.command("invite")
@click.argument("name")
@output_option
@click.pass_context
def user_invite(ctx: click.Context, name: str, output: str) -> None:
    """A new first login for somebody who lost her passkey; it goes on record."""
    made = api(ctx).post(f"/users/{name}/invite")
    out(made, what_became(made), output)


@user.command("list")
@output_option
@click.pass_context
def user_list(ctx: click.Context, output: str) -> None:
    """Everybody."""
    found = api(ctx).get("/users")["users"]
    from keyturn.cli import text

    rows = [(one["name"], ", ".join(one["roles"])) for one in found]
    out(found, text.table(rows, ("NAME", "ROLES")), output)


@user.command("remove")
@click.argument("name")
@output_option
@click.pass_context
def user_remove(ctx: click.Context, name: str, output: str) -> None:
    """Remove a person and every token of hers."""
    out(api(ctx).post(f"/users/{name}/remove"), f"Removed {name}.", output)


# --- sessions --------------------------------------------------------------------------------------------------------


@main.command(context_settings={"ignore_unknown_options": True})
@click.option("--agent", required=True, help="Name of the agent.")
@click.option(
    "--ttl", "ttl_s", default=8 * 3600, show_default=True, help="Seconds until the session ends by itself."
)
@click.option("--suggest-only", is_flag=True, help="It may propose, never change.")
@click.option("--proxy", is_flag=True, help="By HTTPS_PROXY, under AWS's own names, not by AWS_ENDPOINT_URL.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def run(
    ctx: click.Context, agent: str, ttl_s: int, suggest_only: bool, proxy: bool, command: tuple[str, ...]
) -> None:
    """Run an agent: it gets the gateway and a session's key, and none of your credentials."""
    from keyturn.agent.run import run_agent

    sys.exit(run_agent(api(ctx), agent, command, ttl_s=ttl_s, suggest_only=suggest_only, proxy=proxy))


@main.group()
def session() -> None:
    """Sessions, for other ways of launching an agent."""


@session.command("new")
@click.option("--agent", required=True)
@click.option("--ttl", "ttl_s", default=8 * 3600, show_default=True)
@click.option("--suggest-only", is_flag=True)
@output_option
@click.pass_context
def session_new(ctx: click.Context, agent: str, ttl_s: int, suggest_only: bool, output: str) -> None:
    """Open one and print its environment."""
    from keyturn.agent.run import session_environment

    made = api(ctx).post("/sessions", {"agent": agent, "ttl_s": ttl_s, "suggest_only": suggest_only})
    exports = "\n".join(f"export {name}={value}" for name, value in session_environment(made).items())
    out(
        made,
        f"# session {made['session']}; end it with: keyturn session end {made['session']}\n{exports}",
        output,
    )


@session.command("list")
@output_option
@click.pass_context
def session_list(ctx: click.Context, output: str) -> None:
    """Open sessions."""
    from keyturn.cli import text

    found = api(ctx).get("/sessions")["sessions"]
    rows = [(one["session"], one["agent"], one["operator"], text.when(one["expires_at_ms"])) for one in found]
    out(found, text.table(rows, ("SESSION", "AGENT", "OPERATOR", "ENDS")), output)


@session.command("end")
@click.argument("name")
@output_option
@click.pass_context
def session_end(ctx: click.Context, name: str, output: str) -> None:
    """End a session: its key is worth nothing from now on."""
    out(api(ctx).post(f"/sessions/{name}/end", {"reason": "ended"}), f"Ended {name}.", output)


# --- review ----------------------------------------------------------------------------------------------------------


@main.command()
@click.argument("case", type=CASE)
@output_option
@click.pass_context
def show(ctx: click.Context, case: str, output: str) -> None:
    """One case: what it would do, what is narrower, whether it can be undone."""
    from keyturn.cli import text

    found = api(ctx).get(f"/cases/{case}")
    out(found, text.case(found), output)


@main.command()
@click.argument("case", type=CASE)
@output_option
@click.pass_context
def execute(ctx: click.Context, case: str, output: str) -> None:
    """Execute an approved case without the agent."""
    after = api(ctx).post(f"/cases/{case}/execute")
    going = f"{case} is on its way: keyturn show {case}"
    out(after, going if after["phase"] == "approved" else f"{case} is {after['phase']}.", output)
    ends(exit_of_phase(after["phase"]))


@main.command()
@click.argument("case", type=CASE)
@click.option("-m", "--reason", default="")
@output_option
@click.pass_context
def withdraw(ctx: click.Context, case: str, reason: str, output: str) -> None:
    """Withdraw a case that your agent asked for."""
    after = api(ctx).post(f"/cases/{case}/withdraw", {"reason": reason})
    out(after, f"{case} is {after['phase']}.", output)


@main.command()
@click.argument("case", type=CASE)
@click.option("--succeeded/--failed", required=True)
@click.option("-m", "--note", required=True)
@output_option
@click.pass_context
def settle(ctx: click.Context, case: str, succeeded: bool, note: str, output: str) -> None:
    """Say what became of an inconclusive case, after looking."""
    after = api(ctx).post(f"/cases/{case}/settle", {"succeeded": succeeded, "note": note})
    out(after, f"{case} is {after['phase']}.", output)


for command in (
    inbox,
    watch,
    tui,
    diff,
    graph,
    completion,
    approve,
    deny,
    claim,
    release,
    break_glass,
    sign_off,
    team,
    delegate,
    alias,
    agent,
    freeze,
    narrow,
    undo,
    backup,
    drill,
    explain,
    export,
    evidence,
    attention,
    verify,
    reconcile,
    rehearse,
    log,
    policy,
    guard,
    doctor,
    ca,
    store,
    ask,
    token,
    passkey,
    proposals,
):
    main.add_command(command)


if __name__ == "__main__":
    main()
