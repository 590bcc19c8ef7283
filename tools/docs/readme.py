"""Does what a page says and compares: ``python -m tools.docs.readme`` runs the sessions of README.md and docs/start.md on a stand-in
account.

A session is a fenced block of ``console``. ``dana$ keyturn approve C-1`` is typed by dana, in her own login, on the plane and the
account that the demonstration uses; what stands below is what she must see. ``...`` matches anything, line breaks are where a page
needs them, and the console's port is whatever is free. Commands in blocks of ``sh`` are not run: their targets and options must exist.
With ``--night`` the demonstration is played too, and its words compared with the page's blocks of ``text``.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import msgspec

from demo import world
from demo.stage import REGION, Stage
from keyturn.cli.main import main as cli
from keyturn.testing.standin import StandIn
from tools.docs import ROOT

ITEMS: Final = 2_000
COMMAND_S_MAX: Final = 60
NIGHT_S_MAX: Final = 300
LOOKS_S_MAX: Final = 30.0
"""A command that only looks is asked again for so long: what it shows may still be on its way."""

_BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PROMPT: Final = re.compile(r"^(\w+)\$ (.*)$")
_LOOKS: Final = re.compile(r"^keyturn (show|inbox|status)\b")


class Typed(msgspec.Struct, frozen=True):
    """One command of a session: who types it, and what she is shown."""

    person: str
    command: str
    shown: str


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return [body for found, body in _BLOCK.findall(text) if found == language]


def session(block: str) -> Iterator[Typed]:
    """The commands of a session. Raises `ValueError` where output stands before any prompt."""
    person, command, shown = "", "", list[str]()
    for line in block.splitlines():
        prompt = _PROMPT.match(line)
        if prompt is None:
            if not person:
                raise ValueError(f"nobody has typed anything before {line!r}")
            shown.append(line)
            continue
        if person:
            yield Typed(person, command, "\n".join(shown))
        person, command, shown = prompt[1], prompt[2], []
    if person:
        yield Typed(person, command, "\n".join(shown))


def matches(shown: str, said: str) -> bool:
    """Whether the page shows what was said: word by word, ``...`` for anything, lines broken anywhere."""
    parts = [r"\s+".join(re.escape(word) for word in part.split()) for part in shown.split("...")]
    return re.fullmatch(r"\s*" + r"\s*.*?\s*".join(parts) + r"\s*", said, re.DOTALL) is not None


def wrong_commands(text: str) -> list[str]:
    """Commands of ``sh`` blocks whose target, command or option does not exist."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    wrong = []
    for line in "\n".join(blocks(text, "sh")).splitlines():
        for command in line.partition("#")[0].split(";"):
            words = shlex.split(command)
            if words[:1] == ["make"]:
                wrong += [f"make {word}" for word in words[1:] if "=" not in word and word not in targets]
            elif words[:1] == ["keyturn"] and (problem := _cli_problem(words[1:])):
                wrong.append(f"{command.strip()}: {problem}")
    return wrong


def _cli_problem(words: list[str]) -> str:
    """What click would say of these words, without doing anything."""
    command: click.Command = cli
    context = click.Context(cli, info_name="keyturn")
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0]) if words else None
        if found is None:
            return f"there is no command {' '.join(words[:1])}"
        command, words = found, words[1:]
    try:
        command.make_context(command.name, words, parent=context)
    except click.exceptions.Exit:
        return ""
    except click.ClickException as error:
        missing_file = isinstance(error, click.BadParameter) and "does not exist" in error.message
        return "" if missing_file else error.format_message()
    return ""


def play(stage: Stage, typed: Typed) -> str:
    """What the person is shown. Ports are as on the page."""
    environment = stage.environment(typed.person)
    environment["HOME"] = str(stage.folder / f"home-{typed.person}")
    environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    Path(environment["HOME"]).mkdir(exist_ok=True)
    done = subprocess.run(
        ["/bin/sh", "-c", typed.command],  # the page's own words, in a folder of its own
        cwd=environment["HOME"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=COMMAND_S_MAX,
    )
    return done.stdout.replace(stage.url, "http://127.0.0.1:8421")


def check(page: Path) -> list[str]:
    """Play every session of the page; returns what is not as it says."""
    text = page.read_text(encoding="utf-8")
    wrong = wrong_commands(text)
    with StandIn() as standin, tempfile.TemporaryDirectory(prefix="keyturn-readme-") as folder:
        world.build(
            world.Account(standin.endpoint, "AKIAENGINEER", "secret", region=REGION),
            "cost-report",
            items=ITEMS,
        )
        stage = Stage(Path(folder), standin.endpoint)
        try:
            stage.open()
            for block in blocks(text, "console"):
                wrong += [problem for typed in session(block) if (problem := _problem(stage, typed))]
        finally:
            stage.close()
    return wrong


def _problem(stage: Stage, typed: Typed) -> str:
    deadline = time.monotonic() + LOOKS_S_MAX
    while True:
        said = play(stage, typed)
        if matches(typed.shown, said):
            return ""
        if not _LOOKS.match(typed.command) or time.monotonic() > deadline:
            return f"{typed.person}$ {typed.command}\n--- the page says\n{typed.shown}\n--- it said\n{said}"
        time.sleep(0.5)


def night(page: Path) -> list[str]:
    """Play the demonstration as ``make demo`` does; what it said and the page does not, or the other way round."""
    done = subprocess.run(
        [sys.executable, "-m", "demo.play"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=NIGHT_S_MAX,
        env={**os.environ, "PYTHONUTF8": "1", "COLUMNS": "100"},
    )
    shown = blocks(page.read_text(encoding="utf-8"), "text")
    wrong = [
        f"the night did not say:\n{block}" for block in shown if not matches(f"... {block} ...", done.stdout)
    ]
    return [*wrong, done.stdout] if wrong or done.returncode else []


def main() -> int:
    """0 when every page is as it says."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "KEYTURN_"))]:
        del os.environ[name]
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    pages = [Path(name) for name in sys.argv[1:] if name != "--night"] or [
        ROOT / "README.md",
        ROOT / "docs" / "start.md",
    ]
    wrong = [problem for page in pages for problem in check(page)]
    if "--night" in sys.argv:
        wrong += [problem for page in pages for problem in night(page)]
    print("\n\n".join(wrong) or f"{', '.join(page.name for page in pages)}: as it says")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
