"""A runbook: what a person types to have a resource back with Keyturn gone. One script of plain `aws` commands, run by a shell as it
stands, in its order, with its waits; an id that the service gives goes from the answer that says it into the commands after it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from keyturn.providers.aws.resources import GLOBAL_REGION
from keyturn.providers.aws.wire_shapes import cli_command

if TYPE_CHECKING:
    from keyturn.model.change import ResourceRef
    from keyturn.model.execution import Backup
    from keyturn.providers.aws.recipes.base import Step

NOT_ALONE: Final = "Not by the command line alone"
"""How a runbook begins to say that a person has to bring more to it than the command and credentials."""

_FOLLOWED: Final = ("http://", "https://", "file://", "fileb://", "-")
"""Beginnings of values that the command does not take for themselves: it would fetch, read, or see an option."""


class Run(msgspec.Struct, frozen=True):
    """One command. In its parameters `new(n)` stands for the n-th id that an answer gave."""

    step: Step
    gives: Mapping[int, str] = {}  # number of the id -> its path in the answer
    after: str = ""  # the id is what stands after the last of this in what is given
    files: Mapping[str, str] = {}  # option -> the file that it reads
    values: Mapping[str, int] = {}  # option -> number of what it takes whole, whatever is in it
    then: tuple[str, ...] = ()  # lines that follow as they stand: a wait


def new(number: int = 1) -> str:
    """What stands in parameters for an id that is not known yet."""
    return f"<<NEW_{number}>>"


def waited(lines: tuple[str, ...], name: str) -> tuple[str, ...]:
    """Lines with a place for the id, which is written as the shell takes it."""
    return tuple(line.format(id=shlex.quote(name)) for line in lines)


def written(
    title: str, ref: ResourceRef, backup: Backup, runs: tuple[Run, ...], *, alone: str = "", lost: str = ""
) -> str:
    """Markdown: what it is of, what else it needs (`alone`), the script, and what is not as before."""
    region = "" if ref.region == GLOBAL_REGION.get(ref.partition) else ref.region
    where = f"Account {ref.account}, region {ref.region}. " if region else f"Account {ref.account}. "
    lines = [f"# {title} {ref.id}", ""]
    if alone:
        lines += [f"**{NOT_ALONE}**: {alone}", ""]
    lines += [f"{where}Backup {backup.reference}: {backup.verified_by}.", "", "```sh", "set -e"]
    if region:
        lines.append(f"export AWS_DEFAULT_REGION={region}")
    for run in runs:
        lines += _lines(run)
    lines += ["```", ""]
    if any(run.gives for run in runs):
        lines += [f"What names {ref.id} has to be told the new id.", ""]
    return "\n".join([*lines, *([f"Not as before: {lost}.", ""] if lost else [])])


def _lines(run: Run) -> list[str]:
    line = _command(run)
    for option, file in run.files.items():
        line += f" {option} {file}"
    for option, number in run.values.items():
        line += f' {option} "$NEW_{number}"'
    if not run.gives:
        return [_filled(line), *map(_filled, run.then)]
    paths = [re.sub(r"\.(\d+)", r"[\1]", path) for path in run.gives.values()]
    asked = f" --output text --query '{paths[0] if len(paths) == 1 else '[' + ', '.join(paths) + ']'}'"
    names = [f"NEW_{number}" for number in run.gives]
    if len(names) == 1:
        lines = [f"{names[0]}=$({_filled(line)}{asked})"]
    else:
        lines = [f"NEW=$({_filled(line)}{asked})", "set -- $NEW"]
        lines += [f"{name}=${{{place}}}" for place, name in enumerate(names, 1)]
    if run.after:
        lines += [f'{name}="${{{name}##*{run.after}}}"' for name in names]
    return [*lines, *map(_filled, run.then)]


def _command(run: Run) -> str:
    """Options where each value is taken for itself, one JSON document where one of them would not be."""
    step = run.step
    given = {name: value for name, value in step.parameters.items() if value is not None}
    if any(isinstance(one, str) and one.startswith(_FOLLOWED) for one in _words(given)):
        return cli_command(step.service, step.action, {"CliInputJson": given})
    return cli_command(step.service, step.action, given)


def _words(given: dict[str, Any]) -> list[Any]:
    found: list[Any] = []
    for value in given.values():
        found += value if isinstance(value, list) else [value]
    return found


def _filled(line: str) -> str:
    """The shell's variables in the place of ids that are not known yet; what stands for one is always within single quotes."""
    found = re.sub(r"<<(NEW_\d+)>>", r"""'"$\1"'""", line)
    return re.sub(r"""''("\$NEW_\d+")''""", r"\1", found)  # alone it needs no quotes around it
