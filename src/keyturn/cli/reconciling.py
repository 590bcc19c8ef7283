"""``keyturn reconcile``: the account's own trail compared with the log."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from keyturn.cli.shared import EXIT_REFUSED, api, out, output_option
from keyturn.errors import OperatorError

EXIT_AROUND: Final = 2
ENDINGS: Final = (".json", ".json.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
FILE_BYTES_MAX: Final = 512 << 20
"""One file of a trail unpacked. CloudTrail's own are a few MB; a stranger's gzip may claim to hold anything."""


@click.command()
@click.option(
    "--cloudtrail",
    "path",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="A file, or a folder as CloudTrail delivers it to S3: JSON, JSON lines, gzip; also the output of lookup-events.",
)
@click.option(
    "--account",
    "accounts",
    multiple=True,
    help="Only events of this account; else of the one Keyturn guards.",
)
@click.option(
    "--bundle",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Compare with an exported log instead of asking the console.",
)
@click.option("--role", "roles", multiple=True, help="With --bundle: ARNs of Keyturn's roles.")
@output_option
@click.pass_context
def reconcile(
    ctx: click.Context,
    path: Path,
    accounts: tuple[str, ...],
    bundle: Path | None,
    roles: tuple[str, ...],
    output: str,
) -> None:
    """Who went round: changes in the account's trail of which no case tells, and cases of which the trail does not.

    Exit code 2: somebody went round, or a record could not be read; 3: a call of ours is not in the trail; 0: they agree.
    """
    from keyturn.cli.text_evidence import reconciled_text
    from keyturn.core.reconciling import Call, Calls
    from keyturn.model.record import EntryBody
    from keyturn.providers.aws.reconciling import reconciled

    if bundle is not None:
        from keyturn.stores.verifying import entries_of

        folded = Calls()
        for entry in entries_of(bundle):
            folded.see(msgspec.json.decode(entry.body, type=EntryBody))
        calls = folded.found()
    else:
        told = api(ctx).get("/evidence/calls")
        calls = tuple(msgspec.convert(told["calls"], tuple[Call, ...]))
        accounts, roles = accounts or tuple(filter(None, [told["account"]])), tuple(told["roles"])
    found = reconciled(records(path), calls, accounts=frozenset(accounts), roles=frozenset(roles))
    out(msgspec.to_builtins(found), reconciled_text(found), output)
    if found.around or found.unread:
        sys.exit(EXIT_AROUND)
    if found.missing:
        sys.exit(EXIT_REFUSED)


def records(path: Path) -> Iterator[dict[str, Any]]:
    """Every record of every file. Raises `OperatorError` that names a file that holds none."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if _is_trail(file))
    if not files:
        raise OperatorError(
            "no-trail", f"there is no file of a trail in {path}", help=f"they end in {', '.join(ENDINGS)}"
        )
    for file in files:
        try:
            yield from _records(_read(file))
        except (OSError, EOFError, ValueError) as error:
            raise OperatorError(
                "no-trail",
                f"{file} is no file of a trail: {error}",
                help="give what CloudTrail wrote, as it is",
            ) from error


def _is_trail(file: Path) -> bool:
    """Digests, which prove a trail, lie beside it (CloudTrail User Guide, "CloudTrail log file integrity validation")."""
    return file.is_file() and file.name.endswith(ENDINGS) and "CloudTrail-Digest" not in file.parts


def _read(file: Path) -> bytes:
    with gzip.open(file) if file.name.endswith(".gz") else file.open("rb") as opened:
        data: bytes = opened.read(FILE_BYTES_MAX + 1)
    if len(data) > FILE_BYTES_MAX:
        raise ValueError(f"it is longer than {FILE_BYTES_MAX:,} bytes")
    return data


def _records(data: bytes) -> Iterator[dict[str, Any]]:
    try:
        values: list[Any] = [json.loads(data)]
    except ValueError:
        values = [json.loads(line) for line in data.splitlines() if line.strip()]
    for value in values:
        if isinstance(value, list):
            yield from (_record(one) for one in value)
        elif isinstance(value, dict) and isinstance(
            listed := value.get("Records", value.get("Events")), list
        ):
            yield from (_record(one) for one in listed)
        else:
            yield _record(value)


def _record(value: Any) -> dict[str, Any]:
    """One event; ``lookup-events`` gives it as text inside of another."""
    if not isinstance(value, dict):
        raise ValueError("a record is no object")  # noqa: TRY004  # of a file, said as one
    inner = value.get("CloudTrailEvent")
    if isinstance(inner, str):
        event = json.loads(inner)
        return event if isinstance(event, dict) else {}
    return value
