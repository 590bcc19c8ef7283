"""What the commands share: the console they speak to, how they print, and the codes they end with."""

from __future__ import annotations

import json
import sys
from typing import Any, Final

import click

EXIT_DONE: Final = 0
"""It was done; of a verdict: allowed."""

EXIT_FAILED: Final = 1
"""An error: it failed, it was used wrongly, the console cannot be reached. Nothing may be taken from it for a yes."""

EXIT_HELD: Final = 2
"""It waits for people. Nothing else ends with it, so that a pipeline can tell."""

EXIT_REFUSED: Final = 3
"""Policy or a person said no, or you may not; of a check: something does not hold."""

_WAITS: Final = frozenset({"received", "assessed", "superseded", "held"})
_DENIED: Final = frozenset({"denied", "rejected", "suggested"})
_NOT_DONE: Final = frozenset(
    {
        *("failed", "inconclusive", "uncertain", "expired", "withdrawn", "invalidated", "halted"),
        *("restore_failed", "restored"),
    }
)


def exit_of_phase(phase: str) -> int:
    """The exit code of a command that asked for something, by where its case stands."""
    if phase in _WAITS:
        return EXIT_HELD
    if phase in _DENIED:
        return EXIT_REFUSED
    return EXIT_FAILED if phase in _NOT_DONE else EXIT_DONE


def exit_of_verdict(verdict: str) -> int:
    """Allow, hold, and what is never sent. A word that is none of policy's is an error."""
    known = {"allow": EXIT_DONE, "hold": EXIT_HELD, "suggest": EXIT_REFUSED, "deny": EXIT_REFUSED}
    return known.get(verdict, EXIT_FAILED)


def ends(code: int) -> None:
    """End with this code, where it is none of success."""
    if code:
        sys.exit(code)


def api(ctx: click.Context) -> Any:
    """The console of ``--url``, as the one who is logged in."""
    from keyturn.cli.client import Api

    return Api(ctx.find_root().obj["url"])


def out(value: Any, text: str, output: str) -> None:
    """Print `text` for people, or `value` for programs."""
    click.echo(json.dumps(value, indent=2) if output == "json" else text)


output_option = click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="How to print."
)


class CaseName(click.ParamType[str]):
    """A case's id; completed from those that are open, with what each would do."""

    name = "case"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Nothing where no console answers: a shell that is asked for a name gets no error for it."""
        from click.shell_completion import CompletionItem

        from keyturn.cli.client import Api

        root = ctx.find_root()
        try:
            found = Api(str(root.params.get("url") or ""), timeout_s=2.0).get("/cases?open=1")["cases"]
        except Exception:  # noqa: BLE001  # whatever it is, the shell cannot show it
            return []
        return [
            CompletionItem(
                case["id"], help=f"{case['phase']}: {case['effect']} {', '.join(case['resources'][:1])}"
            )
            for case in found
            if case["id"].lower().startswith(incomplete.lower())
        ]


CASE: Final = CaseName()
