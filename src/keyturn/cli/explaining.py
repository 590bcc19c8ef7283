"""``keyturn explain``: what a request would do, and what policy says to it, before anything is sent."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import click

from keyturn.cli.policies import loaded
from keyturn.cli.shared import ends, exit_of_verdict
from keyturn.errors import OperatorError

FILE_BYTES_MAX: Final = 8_000_000
"""Of a file that a command line names: what AWS takes in one request is smaller (Lambda's 50 MB of code are data, and not read)."""


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--jsonl",
    "jsonl",
    is_flag=True,
    help="One question a line on standard input (or in FILE), one answer a line.",
)
@click.option(
    "--file",
    "file",
    type=click.Path(dir_okay=False),
    help="A captured request, a CloudTrail event, or lines for --jsonl.",
)
@click.option(
    "--live", type=click.Path(dir_okay=False), help="Facts of live state: a JSON file, by operation."
)
@click.option(
    "--session",
    default="",
    help="With --jsonl: all lines are one sequence; a line's own `session` goes before.",
)
@click.option(
    "--environment",
    default="",
    help="What the account is: development, staging, ...; unknown counts as production.",
)
@click.option("--pack", "packs", multiple=True, help="Policies to ask (default: seatbelt); several times.")
@click.option(
    "--read-files/--no-read-files",
    default=None,
    help="Whether files that a command names are read (default: not with --jsonl).",
)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="How to print.")
def explain(
    command: tuple[str, ...],
    jsonl: bool,
    file: str | None,
    live: str | None,
    session: str,
    environment: str,
    packs: tuple[str, ...],
    read_files: bool | None,
    output: str,
) -> None:
    r"""Say what a request would do, what is lost, whether it comes back, and what policy says. Nothing is sent anywhere.

    \b
    keyturn explain "aws rds delete-db-instance --db-instance-identifier orders --skip-final-snapshot"
    keyturn explain --file event.json            # a CloudTrail event, or a captured HTTP request
    keyturn explain --jsonl < questions.jsonl    # many: docs/guides/explain.md

    Ends with 0 where it would be allowed, 2 held, 3 denied or only suggested, 1 on an error; with --jsonl each line says its own.
    """
    import logging

    from keyturn.explaining import Explainer

    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # what it cannot parse is said in the answer
    own, accounts, home = _installed(packs)
    explainer = Explainer(own, accounts=accounts)
    files = _reader(read_files if read_files is not None else not jsonl)
    if jsonl:
        with _lines(file) as lines:
            _answer_all(explainer, lines, files, session)
        return
    beside = {**home, "environment": environment, **({"live": _json(live)} if live else {})}
    found = explainer.explain(_question(command, file, beside, files))
    if output == "json":
        import json

        click.echo(json.dumps(found.row(), indent=2))
    else:
        from keyturn.explaining.text import text

        click.echo(text(found))
    ends(exit_of_verdict(str(found.decision.verdict)))


def _installed(packs: tuple[str, ...]) -> tuple[Any, dict[str, str], dict[str, str]]:
    """The policies, accounts and place of the configuration where there is one; none is needed."""
    from keyturn import config as settings

    if packs or not settings.config_path().is_file():
        return loaded(packs), {}, {}
    config = settings.load()
    return (
        loaded(tuple(config.packs)),
        config.environments,
        {"account": config.aws.account, "region": config.aws.region},
    )


def _question(command: tuple[str, ...], file: str | None, beside: dict[str, Any], files: Any) -> Any:
    from keyturn.explaining import NotAskedError, asked_of, asked_of_bytes

    try:
        if file is None:
            if not command:
                raise OperatorError(
                    "no-question", "there is nothing to explain", help="give a command, or --file, or --jsonl"
                )
            line: Any = command[0] if len(command) == 1 else list(command)
            if isinstance(line, str) and line.lstrip().startswith("{"):
                return asked_of({**_object(line.encode()), **beside}, files)
            return asked_of({"command": line, **beside}, files)
        data = Path(file).read_bytes()
        if data.lstrip()[:1] == b"{":
            return asked_of({**_object(data), **beside}, files)
        return asked_of_bytes(data, beside)
    except NotAskedError as error:
        raise OperatorError(
            "no-question", str(error), help="docs/guides/explain.md says what may be asked"
        ) from None


def _object(data: bytes) -> dict[str, Any]:
    import msgspec

    try:
        found = msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise OperatorError("no-question", f"this is no JSON: {error}", help="give one object") from None
    records = found.get("Records") if isinstance(found, dict) else None
    if isinstance(records, list) and len(records) == 1:
        found = records[0]
    if not isinstance(found, dict):
        raise OperatorError("no-question", "this is no object", help="for several questions there is --jsonl")
    return found


def _json(path: str) -> Any:
    return _object(Path(path).read_bytes())


def _reader(read: bool) -> Any:
    """Reads the files that a command names, as the CLI would: beside where Keyturn runs."""

    def files(path: str) -> bytes | None:
        place = Path(os.path.expandvars(path)).expanduser()
        try:
            if not place.is_file() or place.stat().st_size > FILE_BYTES_MAX:
                return None
            return place.read_bytes()
        except OSError:
            return None

    return files if read else lambda _path: None


def _lines(file: str | None) -> Any:
    import contextlib

    return Path(file).open("rb") if file else contextlib.nullcontext(sys.stdin.buffer)


def _answer_all(explainer: Any, lines: Iterable[bytes], files: Any, session: str) -> None:
    """One answer a line, in order, each as soon as it is known; a line that is no question is answered with its error."""
    import msgspec

    spare_what_stays()
    out, encoder = sys.stdout.buffer, msgspec.json.Encoder(enc_hook=str)
    try:
        for number, row in enumerate(answers(explainer, lines, files, session), 1):
            out.write(encoder.encode(row) + b"\n")
            if number % 64 == 0 or not sys.stdin.isatty():
                out.flush()
        out.flush()
    except BrokenPipeError:
        sys.stderr.close()


COLLECT_AFTER: Final = 50_000
"""Objects that stay before the collector looks for circles: a line leaves none, and what stays are tables, loaded as they are met."""


def spare_what_stays() -> None:
    """The collector need not walk tables for every thousand lines: they stay as long as the process."""
    import gc

    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 20)


def answers(
    explainer: Any, lines: Iterable[bytes], files: Any, session: str = ""
) -> Iterator[dict[str, Any]]:
    """The answers, one for each line that is not empty. Lines of one session are judged beside each other."""
    import msgspec

    from keyturn.explaining import NotAskedError, Sessions, asked_of_line

    sessions = Sessions()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            asked = asked_of_line(line.strip(), files)
            if session and not asked.session:
                asked = msgspec.structs.replace(asked, session=session)
            yield explainer.explain(asked, sessions=sessions).row()
        except NotAskedError as error:
            yield {"error": str(error), "line": number}
        except Exception as error:  # noqa: BLE001  # one line's trouble is not the others'
            yield {"error": f"this could not be explained: {type(error).__name__}", "line": number}
