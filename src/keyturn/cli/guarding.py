"""Commands about the ground Keyturn stands on: what makes an account enforcing, and what leaks around it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from keyturn.cli.shared import EXIT_FAILED, api, output_option
from keyturn.errors import OperatorError


@click.group()
def guard() -> None:
    """What makes Keyturn enforcing on the other side."""


@guard.command("aws")
@click.option("--account", default="", help="The AWS account id; that of the configuration when left out.")
@click.option(
    "--plane", required=True, help="ARN of the principal that Keyturn runs as; the roles trust it alone."
)
@click.option(
    "--exempt",
    multiple=True,
    help="ARN pattern of roles that workloads and pipelines run under; several times.",
)
@click.option(
    "--people", default="", help="ARN of who may break the glass (default: the account's administrators)."
)
@click.option("--break-glass", default="keyturn-break-glass", show_default=True, help="Name of that role.")
@click.option(
    "-o",
    "--output",
    "--format",
    "form",
    type=click.Choice(["text", "json", "cloudformation", "scp", "boundary"]),
    default="text",
    show_default=True,
)
@click.option(
    "--out", "folder", type=click.Path(file_okay=False, path_type=Path), help="Write all documents there."
)
@click.pass_context
def guard_aws(
    ctx: click.Context,
    account: str,
    plane: str,
    exempt: tuple[str, ...],
    people: str,
    break_glass: str,
    form: str,
    folder: Path | None,
) -> None:
    """Print the roles Keyturn needs and the fence that lets changes in through them alone."""
    from keyturn.providers.aws import guard as documents

    found, partition = account or _configured(ctx), plane.split(":")[1] if plane.count(":") > 1 else "aws"
    guarded = documents.Guarded(
        account=found,
        plane=plane,
        partition=partition,
        break_glass=break_glass,
        people=people,
        exempt=exempt,
        vault=_vault(ctx, plane, partition),
    )
    fence = documents.scp(guarded)
    made: dict[str, Any] = {
        "cloudformation": documents.template(guarded),
        "scp": fence.document,
        "boundary": documents.boundary(guarded),
    }
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, document in made.items():
            (folder / f"keyturn-{name}.json").write_text(json.dumps(document, indent=2) + "\n")
    if form == "text":
        click.echo(_told(guarded, fence, folder))
    else:
        click.echo(json.dumps(made if form == "json" else made[form], indent=2))


@guard.command("vault")
@click.option(
    "--plane", required=True, help="ARN of the principal that Keyturn runs as; the role trusts it alone."
)
@click.option(
    "-o",
    "--output",
    "--format",
    "form",
    type=click.Choice(["text", "json", "cloudformation"]),
    default="text",
    show_default=True,
)
@click.option(
    "--out", "folder", type=click.Path(file_okay=False, path_type=Path), help="Write all documents there."
)
@click.pass_context
def guard_vault(ctx: click.Context, plane: str, form: str, folder: Path | None) -> None:
    """Print what the vault account needs: its role, its bucket's policy and its key's, as [vault] names them."""
    from keyturn.providers.aws import guard_vault as documents

    made = _vault(ctx, plane, plane.split(":")[1] if plane.count(":") > 1 else "aws")
    if made is None:
        raise OperatorError(
            "no-vault",
            "no vault account is configured",
            help="[vault] in keyturn.toml: account, role, bucket",
        )
    told: dict[str, Any] = {
        "cloudformation": documents.template(made),
        "trust": documents.trust(made),
        "role": documents.role_policy(made),
        "bucket": documents.bucket_policy(made),
        "key": documents.key_policy(made),
    }
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, document in told.items():
            (folder / f"keyturn-vault-{name}.json").write_text(json.dumps(document, indent=2) + "\n")
    if form == "text":
        click.echo(_vault_told(made, folder))
    else:
        click.echo(json.dumps(told if form == "json" else told[form], indent=2))


def _vault(ctx: click.Context, plane: str, partition: str) -> Any:
    """The vault account as it is configured; None where there is none, or no configuration."""
    from keyturn import config
    from keyturn.providers.aws.guard_vault import Vault

    try:
        found = config.load(ctx.find_root().obj["config"])
    except OperatorError:
        return None
    told = found.vault
    if not told.account:
        return None
    return Vault(
        vault=told.account,
        role=told.role,
        bucket=told.bucket,
        plane=plane,
        account=found.aws.account,
        kms_key=told.kms_key,
        partition=partition,
    )


def _vault_told(made: Any, folder: Path | None) -> str:
    where = folder or Path("guard")
    first = (
        ""
        if folder
        else f"  0. keyturn guard vault ... --out {where}     (writes the documents named below)\n"
    )
    return f"""\
Vault account {made.vault}: copies of backups of account {made.account}, by Keyturn's own role alone.

  role    {made.role}
  bucket  {made.bucket}
  key     {made.kms_key or "one is made"}

{first}\
  1. There, as its administrator:
     aws cloudformation deploy --stack-name keyturn-vault --template-file {where}/keyturn-vault-cloudformation.json \\
         --capabilities CAPABILITY_NAMED_IAM
  2. In keyturn.toml, under [vault]: kms_key, as the stack's output KmsKey says.
  3. Here, once more: keyturn guard aws, whose roles share copies with that account now, and keep changes out of it.
  4. Each key of this account that encrypts what is backed up: let {made.role} decrypt with it (kms:Decrypt, kms:DescribeKey,
     kms:CreateGrant, kms:ReEncryptFrom). What is under AWS's own key (aws/ebs, aws/rds) cannot be shared at all.
  5. keyturn backup vault    looks whether all of it is as it has to be."""


def _configured(ctx: click.Context) -> str:
    from keyturn import config

    try:
        return config.load(ctx.find_root().obj["config"]).aws.account
    except OperatorError:
        raise OperatorError("account", "which account is not known", help="--account 123456789012") from None


def _told(guarded: Any, fence: Any, folder: Path | None) -> str:
    where = folder or Path("guard")
    roles = "\n".join(f"  {use:7} {arn}" for use, arn in guarded.roles.items())
    exempt = "\n".join(f"  exempt  {arn}" for arn in guarded.exempt)
    left = (
        f"\n  Reads that did not fit, and are closed too: {', '.join(fence.left_out)}"
        if fence.left_out
        else ""
    )
    written = (
        "" if folder else f"  0. keyturn guard aws ... --out {where}     (writes the documents named below)\n"
    )
    workloads = (
        ""
        if guarded.exempt
        else (
            "\nNobody is exempt: roles that your workloads and pipelines run under could no longer write. "
            "Name them with --exempt.\n"
        )
    )
    return f"""\
Account {guarded.account}: changes only through Keyturn.

{roles}
  around  {guarded.role(guarded.break_glass)} (needs a second factor, tells people)
{exempt}
{workloads}
{written}\
  1. The roles, the boundary and the alarm:
     aws cloudformation deploy --stack-name keyturn --template-file {where}/keyturn-cloudformation.json \\
         --capabilities CAPABILITY_NAMED_IAM --parameter-overrides OnCall=on-call@example.com
  2. The fence, from the organization's management account ({fence.chars:,} of 5,120 characters):
     aws organizations create-policy --type SERVICE_CONTROL_POLICY --name keyturn \\
         --description "changes only through Keyturn" --content file://{where}/keyturn-scp.json
     aws organizations attach-policy --target-id {guarded.account} --policy-id p-...
     Without an organization: put the boundary keyturn-boundary on every role and user of people and agents.
  3. Try it: with your own login `aws sqs create-queue --queue-name t` is refused, through Keyturn it is not.
  4. In keyturn.toml, under [aws]: the three roles, and enforcing = true.{left}

Until then Keyturn is advisory: whoever finds a credential beside it can change the account."""


@click.command()
@click.option("--inside", is_flag=True, help="Run the checks here, without opening a session first.")
@output_option
@click.pass_context
def doctor(ctx: click.Context, inside: bool, output: str) -> None:
    """Try to reach AWS around Keyturn, as an agent's process could."""
    from keyturn.agent.doctor import report, ways
    from keyturn.agent.run import run_agent

    if inside and output == "json":
        found = [way._asdict() for way in ways()]
        click.echo(json.dumps(found, indent=2))
        sys.exit(EXIT_FAILED if any(way["reachable"] for way in found) else 0)
    if inside:
        sys.exit(report(click.echo))
    if output != "json":
        _say_vault(api(ctx).get("/vault")["vault"])
    command = (sys.executable, "-m", "keyturn.cli.main", "doctor", "--inside", "-o", output)
    sys.exit(run_agent(api(ctx), "doctor", command, ttl_s=60, suggest_only=True))


def _say_vault(looked: dict[str, Any] | None) -> None:
    """What is wrong with the vault account, before what leads around Keyturn."""
    if looked is None:
        return
    if not looked["troubles"]:
        click.echo(f"ready      vault account {looked['account']}, bucket {looked['bucket']}")
    for trouble in looked["troubles"]:
        click.echo(f"WRONG      {trouble}")
