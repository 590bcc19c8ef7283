"""Every error that Keyturn raises on purpose, found in the source: what it is called, who can mend it, what to do.

And the findings that are made outside of rules, found in the same way.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from typing import Final

import msgspec

from keyturn import errors
from tools.docs import ROOT
from tools.docs.source import cell, generated, summary, table

SOURCE: Final = ROOT / "src" / "keyturn"

_FAMILIES: Final = {
    name: found
    for name, found in vars(errors).items()
    if isinstance(found, type) and issubclass(found, errors.KeyturnError)
}


class Raised(msgspec.Struct, frozen=True, order=True):
    """One place where an error is made; `…` stands for what is filled in."""

    family: str
    code: str
    message: str
    help: str
    part: str


@cache
def raised() -> tuple[Raised, ...]:
    """Every such place with a code that stands in the source."""
    return tuple(
        sorted({one for name, part, call in _calls() if part != "testing" for one in _made(name, call, part)})
    )


@cache
def _calls() -> tuple[tuple[str, str, ast.Call], ...]:
    """(what is called, in which part, how) of every call of these in the source, which is read once."""
    wanted = {*_FAMILIES, "Finding"}
    return tuple(
        (node.func.id, path.relative_to(SOURCE).parts[0].removesuffix(".py"), node)
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in wanted
    )


def _made(name: str, node: ast.Call, part: str) -> Iterator[Raised]:
    if name not in _FAMILIES or len(node.args) < 2 or not isinstance(node.args[0], ast.Constant):
        return
    given = {keyword.arg: keyword.value for keyword in node.keywords}
    helped = _text(given["help"]) if "help" in given else ""
    yield Raised(name, str(node.args[0].value), _text(node.args[1]), helped, part)


def _text(node: ast.expr) -> str:
    """A string as it stands in the source, with `…` where something is filled in."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(_text(value) if isinstance(value, ast.Constant) else "…" for value in values)
        case ast.BinOp(left=left, right=right):
            return _text(left) + _text(right)
        case _:
            return "…"


def findings() -> list[tuple[str, str, str]]:
    """(code, kind, message) of findings that no rule makes, found where they are made."""
    found: set[tuple[str, str, str]] = set()
    for name, _, node in _calls():
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        if name == "Finding" and isinstance(given.get("code"), ast.Constant):
            kind = ast.unparse(given["kind"]).removeprefix("Kind.").lower()
            found.add((_text(given["code"]), kind, _text(given["message"])))
    return sorted(found)


def page() -> str:
    """The families in the order of the source, each with its errors by code."""
    parts = [
        (
            "An error says what was wrong, its code in brackets, and what to do next. Programs recognise the code, which does not "
            "change. Families are ordered by who can mend what happened; `…` stands for what is filled in.\n"
        )
    ]
    for name, family in _FAMILIES.items():
        rows = [
            (f"`{one.code}`", cell(one.message), cell(one.help), one.part)
            for one in raised()
            if one.family == name
        ]
        if rows:
            parts += [
                f"## {name}\n",
                summary(family) + "\n",
                table(("code", "what it says", "what to do", "part"), rows),
            ]
    return generated("Errors", "the source: wherever an error is raised", "\n".join(parts))
