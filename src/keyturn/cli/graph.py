"""`keyturn graph`: who relies on what a case takes away, in a terminal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import click
import msgspec

from keyturn.cli.shared import CASE, api, out
from keyturn.console.graph import svg
from keyturn.errors import OperatorError
from keyturn.model.radius import Fate, Link, Node, Radius


@click.command()
@click.argument("case", type=CASE)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "svg"]),
    default="text",
    help="How to print; svg is the picture of the page.",
)
@click.pass_context
def graph(ctx: click.Context, case: str, output: str) -> None:
    """Who relies on what a case takes away, who relies on those, and how far Keyturn looked."""
    found = api(ctx).get(f"/cases/{case}/graph")
    if output == "svg":
        if not found["radius"]:
            raise OperatorError("no-radius", f"{found['case']}: {found['why']}; there is no picture to draw")
        click.echo(svg(msgspec.convert(found["radius"], Radius)))
        return
    out(found, text(found), output)


def text(found: dict[str, Any]) -> str:
    """A tree from what goes, each resource once, and below it what was counted and what was not read."""
    if not found["radius"]:
        return f"{found['case']}: {found['why']}; there is nothing to rely on."
    radius, said = msgspec.convert(found["radius"], Radius), found["said"]
    lines = [f"{found['case']}  {said['said']}", ""]
    lines += _tree(radius)
    if said["floors"]:
        lines += ["", "LEFT       " + "\n           ".join(one["text"] for one in said["floors"])]
    if radius.reach is not None:
        where = ", ".join(radius.reach.resources[:4]) + (" ..." if len(radius.reach.resources) > 4 else "")
        wide = "" if radius.reach.narrowed else f"; WIDER THAN THE CHANGE: {radius.reach.why}"
        lines.append(f"\nREACH      {', '.join(radius.reach.actions)} on {where}{wide}")
    lines.append(f"\nLOOKED     {said['coverage']}, in {radius.reads} reads")
    lines += [f"           {gap}" for gap in said["gaps"]]
    return "\n".join(lines)


def _tree(radius: Radius) -> Iterator[str]:
    nodes = {_key(node.resource): node for node in radius.nodes}
    below: dict[str, list[Link]] = defaultdict(list)
    for link in radius.links:
        below[_key(link.on)].append(link)
    told: set[str] = set()

    def branch(key: str, indent: str) -> Iterator[str]:
        links = [link for link in below.get(key, []) if _key(link.resource) in nodes]
        for number, link in enumerate(links):
            last, one = number == len(links) - 1, _key(link.resource)
            again = one in told
            yield f"{indent}{'└' if last else '├'} {_said(nodes[one], link.relation)}{'  (see above)' if again and below.get(one) else ''}"
            if not again:
                told.add(one)
                yield from branch(one, f"{indent}{' ' if last else '│'} ")

    for node in radius.nodes:
        key = _key(node.resource)
        if node.fate is not Fate.RELIES and key not in told:
            told.add(key)
            yield _said(node, "")
            yield from branch(key, "  ")


def _key(ref: Any) -> str:
    return f"{ref}@{ref.region}"


def _said(node: Node, relation: str) -> str:
    sign = "-" if node.fate is not Fate.RELIES else " "
    beside = ", ".join(word for word in (node.environment, node.owner, node.use) if word)
    words = f"{sign} {node.resource}" if not relation else f"{node.resource}  {relation}"
    fate = "  goes along" if node.fate is Fate.ALONG and relation else ""
    return f"{words}{fate}{f'  [{beside}]' if beside else ''}"
