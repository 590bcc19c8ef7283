"""Every error that Keyturn raises on purpose, found in the source: what it is called, who can mend it, what to do.

And the findings that are made outside of rules, found in the same way.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
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


def raised() -> list[Raised]:
    """Every such place with a code that stands in the source."""
    found: set[Raised] = set()
    for path in SOURCE.rglob("*.py"):
        part = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        if part == "testing":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found |= set(_made(node, part))
    return sorted(found)


def _made(node: ast.AST, part: str) -> Iterator[Raised]:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FAMILIES):
        return
    if len(node.args) < 2 or not isinstance(node.args[0], ast.Constant):
        return
    given = {keyword.arg: keyword.value for keyword in node.keywords}
    helped = _text(given["help"]) if "help" in given else ""
    yield Raised(node.func.id, str(node.args[0].value), _text(node.args[1]), helped, part)


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
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding":
                given = {keyword.arg: keyword.value for keyword in node.keywords}
                if isinstance(given.get("code"), ast.Constant):
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
