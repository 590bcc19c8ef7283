"""``keyturn diff``: a case's before and after, what goes first, and nothing left out."""

from __future__ import annotations

from typing import Any

import click

from keyturn.cli.shared import CASE, api, out, output_option
from keyturn.core.difference import leaves, short


@click.command()
@click.argument("case", type=CASE)
@output_option
@click.pass_context
def diff(ctx: click.Context, case: str, output: str) -> None:
    """Before and after of a case: what goes first, then what is made anew, then each setting that differs, in full."""
    found = api(ctx).get(f"/cases/{case}")
    out(differences(found), text(found), output)


def differences(found: dict[str, Any]) -> dict[str, Any]:
    """What goes, what forces a replacement, and each setting that differs."""
    assessment = found.get("assessment") or {}
    gone, changed = [], []
    for difference in assessment.get("differences", []):
        resource = f"{difference['resource']['kind']}/{difference['resource']['id']}"
        if difference.get("path"):
            changed += [{"resource": resource, **leaf} for leaf in leaves(difference)]
        else:
            gone.append(
                {"resource": resource, "before": difference.get("before"), "after": difference.get("after")}
            )
    return {
        "id": found["id"],
        "symbol": found["symbol"],
        "effect": found["effect"],
        "resources": found["resources"],
        "gone": gone,
        "forcing": found.get("forcing", []),
        "changed": changed,
        "unknowns": assessment.get("unknowns", []),
    }


def text(found: dict[str, Any]) -> str:
    """As lines; a value is never cut, since the part that is not shown is the part that matters."""
    made = differences(found)
    named = {one["resource"] for one in made["gone"]}
    goes = found["effect"] in {"delete", "replace"}
    lines = [f"{found['id']}  {found['symbol']} {found['effect']} of {', '.join(found['resources'])}", ""]
    for one in made["gone"]:
        after = "gone" if one["after"] is None else short(one["after"])
        lines.append(f"-    {one['resource']}: {short(one['before'])} -> {after}")
    if goes:
        lines += [f"{found['symbol']:4} {name}" for name in found["resources"] if name not in named]
    lines += [f"-/+  {one}  (forces replacement)" for one in made["forcing"]]
    last = ""
    for one in made["changed"]:
        if one["resource"] != last:
            lines.append(f"~    {one['resource']}")
            last = one["resource"]
        before = "(not set)" if one["before"] is None else short(one["before"])
        after = "(gone)" if one["after"] is None else short(one["after"])
        lines.append(f"  {one['symbol']}  {one['path']}: {before} -> {after}")
    if len(lines) == 2:
        lines.append("No setting is known to differ.")
    lines += [f"?    {one}" for one in made["unknowns"]]
    count = {sign: sum(one["symbol"] == sign for one in made["changed"]) for sign in "+~-"}
    lines += ["", f"{len(made['gone'])} gone; settings: +{count['+']} ~{count['~']} -{count['-']}"]
    return "\n".join(lines)
