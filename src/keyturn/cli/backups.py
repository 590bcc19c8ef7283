"""`keyturn backup`: what things can be taken back from, how long it is kept, and how it is had with Keyturn gone."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from pathlib import Path
from typing import Any, Final

import click

from keyturn.cli.shared import CASE, EXIT_FAILED, api, ends, exit_of_phase, out, output_option
from keyturn.errors import OperatorError
from keyturn.model.words import counted

_SUMS: Final = "SHA256SUMS"


def kept(upkeep: dict[str, Any]) -> str:
    """What keeping a backup costs, for a terminal; what is not known is not nought."""
    size = "size not known" if upkeep["size_bytes"] is None else f"{upkeep['size_bytes']:,} bytes"
    usd = "cost not known" if upkeep["usd_month"] is None else f"about {upkeep['usd_month']:.2f} USD a month"
    return f"{size}, {usd}: {upkeep['says']}"


def _until(one: dict[str, Any]) -> str:
    from keyturn.cli.text import when

    if one["needed"]:
        return "needed"
    return when(one["keeps_until_ms"])[:10] if one["keeps_until_ms"] else "dropped"


def _where(backup: dict[str, Any]) -> str:
    if backup.get("not_vaulted"):
        return "no"
    return "yes" if backup.get("vaulted") else "no: older"


def _shelf(found: list[dict[str, Any]]) -> str:
    """Every backup that stands, for a terminal: what it costs is summed, what is not known is said."""
    from keyturn.cli.text import table
    from keyturn.cli.text_evidence import span

    far = any(one["backup"].get("vaulted") or one["backup"].get("not_vaulted") for one in found)
    rows = [
        (
            one["case"],
            f"{one['backup']['resource']['kind']}/{one['backup']['resource']['id']}",
            span(one["age_ms"] / 1000),
            "?" if one["upkeep"]["size_bytes"] is None else f"{one['upkeep']['size_bytes']:,}",
            "?" if one["upkeep"]["usd_month"] is None else f"{one['upkeep']['usd_month']:.2f}",
            _until(one),
            *([_where(one["backup"])] if far else []),
        )
        for one in found
    ]
    if not rows:
        return "No backup stands."
    known = [one["upkeep"]["usd_month"] for one in found if one["upkeep"]["usd_month"] is not None]
    unknown = len(found) - len(known)
    total = f"{counted(len(found), 'backup')}, about {sum(known):.2f} USD a month" + (
        f" and what {unknown} of them cost, which is not known" if unknown else ""
    )
    needed = dict.fromkeys(f"{one['case']}: {one['needed']}" for one in found if one["needed"])
    return "\n".join(
        (
            table(
                rows,
                (
                    "CASE",
                    "OF",
                    "AGE",
                    "BYTES",
                    "USD A MONTH",
                    "KEPT UNTIL",
                    *(("VAULT ACCOUNT",) if far else ()),
                ),
            ),
            *(f"  needed: {line}" for line in needed),
            total,
        )
    )


@click.group()
def backup() -> None:
    """Backups that were taken before a case was executed."""


@backup.command("list")
@click.argument("case", type=CASE, default="")
@output_option
@click.pass_context
def list_backups(ctx: click.Context, case: str, output: str) -> None:
    """What was saved for a case, how it was proved, how large it is, and about what it costs to keep; without a case every backup
    that stands, with its age and until when it is kept.
    """
    if not case:
        shelf = api(ctx).get("/backups")["backups"]
        out(shelf, _shelf(shelf), output)
        return
    found = api(ctx).get(f"/cases/{case}/backups")["backups"]
    lines = [
        f"{one['resource']['kind']}/{one['resource']['id']}  {one['reference']}\n"
        f"    {one.get('verified_by') or 'NOT PROVED'}\n    {kept(one['upkeep'])}{_far(one)}"
        for one in found
    ]
    out(found, "\n".join(lines) or f"{case} has no backup.", output)


@backup.command("vault")
@output_option
@click.pass_context
def look_at_vault(ctx: click.Context, output: str) -> None:
    """Look at the vault account: whether copies of backups can go there, and what is wrong."""
    looked = api(ctx).get("/vault")["vault"]
    if looked is None:
        out([], "No vault account is configured: backups lie in this one. docs/guides/backups.md", output)
        return
    place = f"account {looked['account']}, bucket {looked['bucket']}"
    lines = [f"  {trouble}" for trouble in looked["troubles"]]
    said = f"The vault account is not ready ({place}):" if lines else f"The vault account is ready: {place}."
    out([looked], "\n".join([said, *lines]), output)
    ends(EXIT_FAILED if lines else 0)


def _far(one: dict[str, Any]) -> str:
    """Where else a backup lies, for a terminal; empty where there is no vault account."""
    lines = [f"    in the vault account: {copy['verified_by']}" for copy in one.get("vaulted", [])]
    if one.get("not_vaulted"):
        lines.append(f"    NOT in the vault account: {one['not_vaulted']}")
    return "".join(f"\n{line}" for line in lines)


@backup.command("show")
@click.argument("case", type=CASE)
@output_option
@click.pass_context
def show_backup(ctx: click.Context, case: str, output: str) -> None:
    """The runbooks of a case's backups: plain aws commands that restore them with Keyturn gone. Keep them elsewhere."""
    found = api(ctx).get(f"/cases/{case}/backups")["backups"]
    if not found:
        raise click.ClickException(f"{case} has no backup")
    said = "\n".join(one["runbook"] or f"{one['resource']['id']}: no runbook" for one in found)
    out([{"resource": one["resource"], "runbook": one["runbook"]} for one in found], said, output)


@backup.command("drop")
@click.argument("case", type=CASE)
@click.option(
    "--reason", required=True, help="Why it is no longer needed; it stands on record with your name."
)
@output_option
@click.pass_context
def drop_backup(ctx: click.Context, case: str, reason: str, output: str) -> None:
    """Remove the backups of a case for good, as a case of its own that policy decides. What it took does not come back after that."""
    dropped = api(ctx).post(f"/cases/{case}/backups/drop", {"reason": reason})
    said = f"{dropped['id']} removes the backup of {case}: {dropped['phase']}. {dropped['reason']}"
    out([dropped], said.rstrip(), output)
    ends(exit_of_phase(dropped["phase"]))


@backup.command("export")
@click.argument("case", type=CASE)
@click.argument("folder", type=click.Path(path_type=Path))
@output_option
@click.pass_context
def export_backup(ctx: click.Context, case: str, folder: Path, output: str) -> None:
    """Take the backups of a case out of the vault into FOLDER: a runbook for each, the files it reads, a list, checksums. Nothing in it
    is sealed any more; with it and the aws command everything is restored with Keyturn gone. That you took it stands on record.
    """
    if folder.exists() and any(folder.iterdir()):
        raise OperatorError("not-empty", f"{folder} is not empty", help="name a folder that is new")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    archive = folder / ".export.tar"
    try:
        archive.touch(mode=0o600)
        api(ctx).save(f"/cases/{case}/backups/export", archive, {})
        names = unpacked(archive, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    archive.unlink()
    said = "\n".join(
        (
            *(f"  {name}" for name in names),
            f"{len(names)} files in {folder}; they are not sealed: keep them safe.",
        )
    )
    out([{"folder": str(folder), "files": list(names)}], said, output)


def unpacked(archive: Path, folder: Path) -> tuple[str, ...]:
    """The files of an export, each as its checksum says. Raises `OperatorError` for one that was cut or is not as it was sent."""
    names: list[str] = []
    try:
        with tarfile.open(archive, "r:") as tar:
            for member in tar:
                target = (folder / member.name).resolve()
                if not member.isreg() or not target.is_relative_to(folder.resolve()):
                    raise OperatorError("bad-export", f"{member.name[:80]!r} is no file of an export")
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                content = tar.extractfile(member)
                if content is None:
                    raise OperatorError("bad-export", f"{member.name[:80]!r} cannot be read")
                with content, target.open("xb") as file:
                    target.chmod(0o600)
                    shutil.copyfileobj(content, file)
                names.append(member.name)
    except (tarfile.TarError, OSError) as error:
        raise OperatorError("bad-export", f"the export was cut: {error}", help="ask again") from error
    if _SUMS not in names:
        raise OperatorError("bad-export", "the export was cut: it has no checksums", help="ask again")
    for line in (folder / _SUMS).read_text("utf-8").splitlines():
        digest, _, name = line.partition("  ")
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
            raise OperatorError("bad-export", f"{name} is not what was sent", help="ask again")
    return tuple(names)


__all__ = ["backup", "kept", "unpacked"]
