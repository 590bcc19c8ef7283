"""The tree, read with `ast` and nothing else: modules, what they import, how long they and their functions are."""

from __future__ import annotations

import ast
import gc
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"


@cache
def tracked() -> tuple[Path, ...]:
    """Every file of the repository that stands; what git does not track is nobody's promise yet."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return tuple(path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file())


@cache
def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    return {dotted(path): path for path in sorted(SRC.rglob("*.py"))}


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__")


@cache
def parsed(path: Path) -> ast.Module:
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    gc.freeze()  # it is kept: no collection need go through it
    return tree


@cache
def imports(path: Path, *, lazy: bool = True) -> frozenset[str]:
    """What a module imports, submodules by their own name; without `lazy`, only what importing it imports."""
    found: set[str] = set()
    for node in _statements(parsed(path), lazy=lazy):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            source = node.module or ""
            inner = {f"{source}.{alias.name}" for alias in node.names}
            submodules = inner & modules().keys()
            found |= submodules
            if len(submodules) < len(inner):
                found.add(source)
    return frozenset(found)


def _statements(tree: ast.AST, *, lazy: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        yield node
        if lazy or not _later(node):
            yield from _statements(node, lazy=lazy)


def _later(node: ast.AST) -> bool:
    """What is under it does not run when the module is imported."""
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """(qualified name, lines) of each function of a file."""

    def walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, int]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{prefix}{child.name}"
                if not isinstance(child, ast.ClassDef):
                    yield name, (child.end_lineno or child.lineno) - child.lineno + 1
                yield from walk(child, f"{name}.")
            else:
                yield from walk(child, prefix)

    yield from walk(parsed(path), "")


def defined(path: Path) -> set[str]:
    """Names that a module defines, methods as Class.method, assignments included."""
    found = {name for name, _ in functions(path)}
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ClassDef):
            found.add(node.name)
            found |= {f"{node.name}.{item.target.id}" for item in node.body if _field(item)}  # type: ignore[attr-defined]
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return found


def _field(item: ast.stmt) -> bool:
    return isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
