"""Commands about policies: are they sound, do they say what their tests say, why do they say it, and what does a change of them let through."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Final

import click

from keyturn.cli.shared import EXIT_FAILED, ends, exit_of_verdict, out, output_option
from keyturn.errors import PolicyError, nearest


@click.group()
def policy() -> None:
    """Policies: check, test, explain."""


def _place(pack: str) -> Any:
    return Path(pack).expanduser() if os.sep in pack or pack.endswith(".cedar") else pack


def loaded(packs: tuple[str, ...]) -> Any:
    """The engine over these packs; `seatbelt` where none is named."""
    from keyturn.policy import load
    from keyturn.providers.aws import catalogue

    return load([_place(pack) for pack in packs or ("seatbelt",)], known=catalogue.floors())


@policy.command("check")
@click.argument("packs", nargs=-1)
@output_option
def policy_check(packs: tuple[str, ...], output: str) -> None:
    """Load packs as `up` would, and say what is wrong."""
    engine, named = loaded(packs), packs or ("seatbelt",)
    out(
        {"packs": list(named), "digest": engine.digest}, f"{', '.join(named)}: sound, {engine.digest}", output
    )


@policy.command("test")
@click.argument("packs", nargs=-1)
@click.option("-v", "--verbose", is_flag=True, help="Name every case.")
@output_option
def policy_test(packs: tuple[str, ...], verbose: bool, output: str) -> None:
    """Run the cases that stand beside the policies of a pack."""
    from keyturn.policy.testing import run_pack_tests

    reports = {pack: run_pack_tests(_place(pack)) for pack in packs or ("seatbelt",)}
    lines: list[str] = []
    for report in reports.values():
        if verbose:
            lines += [
                f"{'ok  ' if one.passed else 'FAIL'} {one.name}: {one.decision.verdict}"
                for one in report.results
            ]
        lines.append(report.text())
    found = {
        pack: {
            "passed": report.passed,
            "cases": [
                {"name": one.name, "passed": one.passed, "verdict": str(one.decision.verdict)}
                for one in report.results
            ],
        }
        for pack, report in reports.items()
    }
    out(found, "\n".join(lines), output)
    sys.exit(0 if all(report.passed for report in reports.values()) else EXIT_FAILED)


@policy.command("explain")
@click.argument("facts", nargs=-1, required=True)
@click.option("--pack", "packs", multiple=True, help="Packs to ask (default: seatbelt); several times.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text")
def policy_explain(facts: tuple[str, ...], packs: tuple[str, ...], output: str) -> None:
    r"""Ask policy about a change, given as facts.

    \b
    keyturn policy explain effect=delete environment=production data_bearing=true
    keyturn policy explain effect=update operation=lambda:UpdateFunctionConfiguration inverse=true
    """
    import msgspec

    from keyturn.policy.example import Example
    from keyturn.policy.explain import explain

    try:
        example = msgspec.convert(dict(_fact(text, Example) for text in facts), Example)
    except msgspec.ValidationError as error:
        raise PolicyError(
            "facts", str(error), help=f"facts are: {', '.join(Example.__struct_fields__)}"
        ) from None
    found = explain(loaded(packs), *example.build())
    click.echo(json.dumps(msgspec.to_builtins(found), indent=2) if output == "json" else found.text())
    ends(exit_of_verdict(str(found.decision.verdict)))


@policy.command("diff")
@click.argument("old")
@click.argument("new")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text")
def policy_diff(old: str, new: str, output: str) -> None:
    r"""What NEW lets through that OLD does not, by proof. Several packs: with commas.

    Exit code 0: nothing, for every request there can be; 2: there is something, or it could not be excluded.

    \b
    keyturn policy diff seatbelt seatbelt,caps
    keyturn policy diff policies-in-force/ policies/
    """
    try:
        from keyturn.policy.proving import difference
    except ImportError:
        raise PolicyError("no-prover", "a proof needs z3", help="pip install 'keyturn[prove]'") from None
    import msgspec

    from keyturn.cli.text_policy import difference_text
    from keyturn.providers.aws import catalogue

    sides = [loaded(tuple(side.split(","))) for side in (old, new)]
    found = difference(sides[0], sides[1], catalogue.floors())
    if output == "json":
        told = msgspec.to_builtins(found) | {"proved": found.proved}
        click.echo(json.dumps(told, indent=2))
    else:
        click.echo(difference_text(found))
    sys.exit(0 if found.proved else EXIT_RELAXES)


EXIT_RELAXES: Final = 2
"""As for what is held: people have to look."""

_LISTS = frozenset({"effects", "then", "findings", "codes"})


def _fact(text: str, kind: Any) -> tuple[str, Any]:
    """``name=value``; lists with commas, numbers and true/false as such."""
    name, equals, value = text.partition("=")
    if not equals:
        raise PolicyError("facts", f"{text!r} is no fact", help="write name=value: effect=delete")
    if name not in kind.__struct_fields__:
        near = nearest(name, kind.__struct_fields__)
        meant = f"did you mean {near[0]}?" if near else f"facts are: {', '.join(kind.__struct_fields__)}"
        raise PolicyError("facts", f"there is no fact {name}", help=meant)
    if name in _LISTS:
        return name, [part for part in value.split(",") if part]
    if value in {"true", "false"}:
        return name, value == "true"
    return name, int(value) if value.isdigit() and name == "unknowns" else value
